/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The 16 bytes in front of every body of families 2 (flood) and 3 (votes): which view is meant, and
 * who said it first. view_tag u32 | origin u32 | origin_seq u32 | hop u8 | 3 x 0.
 */
#ifndef PEAL_WIRE_FLOOD_MSG_H
#define PEAL_WIRE_FLOOD_MSG_H

#include "wire/cursor.h"

#include <stdbool.h>
#include <stdint.h>

#define PEAL_FLOOD_PREFIX_SIZE 16U

struct peal_flood_prefix {
	uint32_t view_tag;
	uint32_t origin;     /* member number, low 32 bits */
	uint32_t origin_seq; /* 0 = for the receiver alone, not passed on */
	uint8_t hop;         /* 0 = from the origin itself */
};

void peal_flood_prefix_encode(const struct peal_flood_prefix *prefix, struct peal_writer *writer);
/* False: truncated, padding not zero, origin 0. */
bool peal_flood_prefix_decode(struct peal_reader *reader, struct peal_flood_prefix *prefix_out);

#endif
