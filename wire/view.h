/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A view: who is in the group, in seniority order. An immutable value.
 *
 * Members stand in the order of their member numbers (mid ascending): the first is the senior. The
 * place of a member in that order is its rank, [0, members_count). Removal keeps the order of the
 * others; additions append. Identity of a view: (cluster, epoch, hash).
 * Whoever owns the struct owns the memory; there are no pointers inside.
 */
#ifndef PEAL_WIRE_VIEW_H
#define PEAL_WIRE_VIEW_H

#include "base/bitset.h"
#include "wire/member.h"

/* "No such rank". */
#define PEAL_RANK_NONE UINT16_MAX

struct peal_view {
	struct peal_uuid cluster;
	uint64_t epoch;                  /* from 1; + 1 with each decided cut; 0 = no view */
	uint64_t next_mid;               /* number of the next member to be added; <= 2^31 */
	uint64_t tie_mid;                /* holder of the tie unit of the quorum rule: the senior */
	struct peal_hash128 parent_hash; /* of the previous view; 0 in epoch 1 */
	struct peal_hash128 hash;
	uint8_t rings_count;    /* K of the cluster, [3, PEAL_RINGS_MAX] */
	uint16_t members_count; /* [1, PEAL_MEMBERS_MAX] */
	struct peal_member members[PEAL_MEMBERS_MAX];
};

/* Observer count and watermarks of a view size: 1 <= l <= h <= observers_count, or all 0 for N = 1.
 */
struct peal_thresholds {
	uint32_t observers_count; /* K_eff = min(K, N - 1) */
	uint32_t h;
	uint32_t l;
};

/* paper: RAPID 4.2; the table for small N is Peal's. Pure function, O(1). */
struct peal_thresholds peal_view_thresholds(uint32_t members_count, uint32_t rings_count);

/* Rank of a member number, or PEAL_RANK_NONE. O(log N). */
uint16_t peal_view_find_mid(const struct peal_view *view, uint64_t mid);
/* Same by the low 32 bits, as frames carry them. O(log N). */
uint16_t peal_view_find_mid_low(const struct peal_view *view, uint32_t mid_low);
uint16_t peal_view_find_uuid(const struct peal_view *view, struct peal_uuid uuid); /* O(N) */
uint16_t peal_view_find_address(const struct peal_view *view, const struct peal_address *address);

/* Low 32 bits of the hash, as frames carry them. */
static inline uint32_t
peal_view_tag(const struct peal_view *view)
{
	return (uint32_t)view->hash.low;
}

/* Computes the hash from all other fields: additive over members, so order free. O(N). */
struct peal_hash128 peal_view_compute_hash(const struct peal_view *view);

/* Asserts every invariant: order, uniqueness of mid, uuid and address, bounds, hash. O(N^2). */
void peal_view_check(const struct peal_view *view);

/* Snapshot for a joiner, at most PEAL_VIEW_ENCODED_SIZE_MAX bytes. Returns the size written. */
#define PEAL_VIEW_ENCODED_SIZE_MAX                                                                 \
	(96U + PEAL_MEMBERS_MAX * (PEAL_MEMBER_RECORD_SIZE + PEAL_METADATA_SIZE_MAX))
uint32_t peal_view_encode(const struct peal_view *view, uint8_t *bytes, uint32_t capacity);
/* False and `view_out` unspecified unless the bytes are exactly one valid view with a true hash. */
bool peal_view_decode(const uint8_t *bytes, uint32_t size, struct peal_view *view_out);

#endif
