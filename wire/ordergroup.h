/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The configuration of an order group: which members are its ranks, as a value and as bytes.
 *
 * A configuration is created by one cut of the membership and is the initial view of the group;
 * afterwards only the group itself changes who its ranks are, so the table of a view says how each
 * group began. A rank is a stable name; its incarnation is the number of the member that has the
 * rank. Bytes: id u32 | generation u32 | ranks count u8 | 3 x 0 | for each rank: member number u32,
 * size of the name u8, name.
 *
 * Pure functions of their arguments; thread: any.
 */
#ifndef PEAL_WIRE_ORDERGROUP_H
#define PEAL_WIRE_ORDERGROUP_H

#include "base/hash.h"
#include "base/limits.h"
#include "wire/cursor.h"

#include <stdbool.h>
#include <stdint.h>

struct peal_ordergroup_rank {
	uint64_t mid;                       /* [1, 2^31) */
	char name[PEAL_NAME_SIZE_MAX + 1U]; /* a-z A-Z 0-9 . _ -, then zeros to the end */
};

struct peal_ordergroup {
	uint32_t id;         /* not 0 */
	uint32_t generation; /* [1, PEAL_ORDERGROUP_GENERATION_MAX]; 1, and one more when an
				operator creates the group anew */
	uint8_t ranks_count; /* odd, [1, PEAL_ORDERGROUP_RANKS_MAX]: 2f + 1 */
	struct peal_ordergroup_rank ranks[PEAL_ORDERGROUP_RANKS_MAX]; /* zero behind the count */
};

/* True when every field is within its range and no two ranks share a name or a member. */
bool peal_ordergroup_is_valid(const struct peal_ordergroup *group);
/* The name, [0, PEAL_NAME_SIZE_MAX] characters, becomes that of the rank at `index`. False: it is
 * empty, too long or has other characters; nothing changed. */
bool peal_ordergroup_set_name(struct peal_ordergroup *group, uint32_t index, const char *name);
/* Same id, generation and ranks. */
bool peal_ordergroup_equals(const struct peal_ordergroup *a, const struct peal_ordergroup *b);
/* True when the member is one of the ranks. */
bool peal_ordergroup_has_member(const struct peal_ordergroup *group, uint64_t mid);

/* Size of the encoded form, at most PEAL_ORDERGROUP_SIZE_MAX. */
uint32_t peal_ordergroup_size(const struct peal_ordergroup *group);
void peal_ordergroup_encode(const struct peal_ordergroup *group, struct peal_writer *writer);
/* @return false: truncated, padding not zero, or not valid; `group_out` is then unspecified */
bool peal_ordergroup_decode(struct peal_reader *reader, struct peal_ordergroup *group_out);
/* Hash of all that the encoded form says; the summand of a view's hash. */
struct peal_hash128 peal_ordergroup_hash(const struct peal_ordergroup *group);

#endif
