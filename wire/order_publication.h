/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What ranks of an order group say to all members of the view by broadcast, and what who listens
 * says to them.
 *
 *     head (40)      mark u64 | group u32 | configuration u32 | from u64 | to u64 | kind u8 |
 *                    rank u8 | 2 x 0 | member u32
 *     FRAME          data of the frame at the position `from` = `to`, sent by the rank `rank` when
 *                    the member `member` held it
 *     SKIPPED        nobody has the frames [from, to] any more who could say them
 *     SUBSCRIBE      who says this wants to hear FRAMEs; from and to are 0
 *
 * What a kind does not use is zero. Pure; the decoder takes any bytes, and data stays where it is.
 */
#ifndef PEAL_WIRE_ORDER_PUBLICATION_H
#define PEAL_WIRE_ORDER_PUBLICATION_H

#include "wire/order_msg.h"

/* Tells these broadcasts from those of clients, process groups and load. */
#define PEAL_ORDER_PUBLICATION_MARK UINT64_C(0x4F52444552000001)

enum peal_order_publication_kind {
	PEAL_ORDER_PUBLICATION_FRAME = 1,
	PEAL_ORDER_PUBLICATION_SKIPPED = 2,
	PEAL_ORDER_PUBLICATION_SUBSCRIBE = 3,
};

#define PEAL_ORDER_PUBLICATION_HEAD_SIZE 40U
#define PEAL_ORDER_PUBLICATION_SIZE_MAX  (PEAL_ORDER_PUBLICATION_HEAD_SIZE + PEAL_BODY_SIZE_MAX)

struct peal_order_publication {
	uint32_t group;
	uint32_t configuration;
	uint64_t from; /* below PEAL_ORDER_COUNT_MAX, and so is `to`; <= to */
	uint64_t to;
	uint8_t kind; /* enum peal_order_publication_kind */
	uint8_t rank; /* below PEAL_ORDER_RANKS_MAX */
	uint32_t member;
	const uint8_t *bytes; /* FRAME */
	uint16_t size;        /* at least 1 there */
};

/* True when a broadcast begins like one of these. */
bool peal_order_publication_is_one(const uint8_t *bytes, uint32_t size);

/* Writes one that is in form; returns its size. `bytes_out` has room for the head and the data. */
uint32_t peal_order_publication_encode(
	const struct peal_order_publication *publication, uint8_t *bytes_out);

/* @return false: refused; `publication_out` is then unspecified */
bool peal_order_publication_decode(
	const uint8_t *bytes, uint32_t size, struct peal_order_publication *publication_out);

#endif
