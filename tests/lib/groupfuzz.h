/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the fuzz targets of process groups share: a node in a view of four, and input that is pairs:
 * u8 what (three bits: who says it; one bit: it comes in parts; the rest is the target's), u8 size,
 * a message of that size; the last may be cut.
 */
#ifndef PEAL_TESTS_LIB_GROUPFUZZ_H
#define PEAL_TESTS_LIB_GROUPFUZZ_H

#include "dataplane/procgroups.h"

#include <stddef.h>

#define PEAL_GROUPFUZZ_MEMBERS 4U
#define PEAL_GROUPFUZZ_EPOCH   3U

/* Members 1 to 4. Zeroed memory, which stays where it is. */
struct peal_groupfuzz_view {
	struct peal_peers peers;
	struct peal_view view;
	struct peal_member members[PEAL_GROUPFUZZ_MEMBERS];
};

/* The node, just initialised, is member `self` of the view from now on. */
void peal_groupfuzz_switch(
	struct peal_groupfuzz_view *view, struct peal_procgroups *node, uint64_t self);

/* What a client is told fits what it was told before: `known` members. */
void peal_groupfuzz_count(uint32_t *known, const struct peal_procgroups_news *news);

struct peal_groupfuzz_pairs {
	const uint8_t *data; /* what is left */
	size_t size;
	uint8_t what; /* of the pair that was read last */
	const uint8_t *bytes;
	uint32_t length; /* 0 to 255 */
};

/* Reads the next pair. False at the end. */
bool peal_groupfuzz_next(struct peal_groupfuzz_pairs *pairs);

typedef void (*peal_groupfuzz_give_fn)(
	uint64_t mid, const uint8_t *bytes, uint32_t offset, uint32_t size, uint32_t message_size);

/* Gives the message whole, or in two parts, of which the first ends one byte behind a head of
 * `head_size`. */
void peal_groupfuzz_give(
	const struct peal_groupfuzz_pairs *pairs, uint32_t head_size, peal_groupfuzz_give_fn give);

#endif
