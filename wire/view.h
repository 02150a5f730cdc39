/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A view: who is in the group, in seniority order. An immutable value.
 *
 * Members stand in the order of their member numbers (mid ascending): the first is the senior. The
 * place of a member in that order is its rank, [0, members_count). Removal keeps the order of the
 * others; additions append. Identity of a view: (cluster, epoch, hash).
 * The records and the index stand in memory of whoever made the view (membership/group.h); a copy
 * of the struct shares them, and is good as long as they are.
 */
#ifndef PEAL_WIRE_VIEW_H
#define PEAL_WIRE_VIEW_H

#include "base/bitset.h"
#include "wire/member.h"
#include "wire/ordergroup.h"

/* "No such rank". */
#define PEAL_RANK_NONE UINT16_MAX

struct peal_view {
	struct peal_uuid cluster;
	uint64_t epoch;                  /* from 1; + 1 with each decided cut; 0 = no view */
	uint64_t next_mid;               /* number of the next member to be added; <= 2^31 */
	uint64_t tie_mid;                /* holder of the tie unit of the quorum rule: the senior */
	struct peal_hash128 parent_hash; /* of the previous view; 0 in epoch 1 */
	struct peal_hash128 hash;
	struct peal_hash128
		members_sum;       /* sum of peal_member_hash over the members; part of hash */
	uint8_t rings_count;       /* K of the cluster, [3, PEAL_RINGS_MAX] */
	uint16_t members_count;    /* [1, PEAL_MEMBERS_MAX]; 0 = no view */
	uint32_t metadata_size;    /* of all members, [0, PEAL_VIEW_METADATA_BYTES_MAX] */
	uint8_t ordergroups_count; /* [0, PEAL_ORDERGROUPS_MAX] */
	const struct peal_ordergroup *ordergroups; /* how each began, by id, ascending; NULL when
						       none */
	const struct peal_member *members;         /* by rank, [members_count] */
	const struct peal_view_index *index; /* NULL: searches by uuid and address are linear */
};

/* Where a member stands, by uuid and by address: open addressing, rank + 1, 0 = empty. */
struct peal_view_index {
	uint32_t places_count; /* a power of two, >= 2 members_count; <= PEAL_VIEW_PLACES_MAX */
	uint16_t *by_uuid;     /* [places_count] */
	uint16_t *by_address;  /* [places_count] */
};

#define PEAL_VIEW_PLACES_MAX 32768U

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
/* O(1) with an index, else O(N). */
uint16_t peal_view_find_uuid(const struct peal_view *view, struct peal_uuid uuid);
uint16_t peal_view_find_address(const struct peal_view *view, const struct peal_address *address);

/*
 * Fills `index` (places_count and both arrays set by the caller) from view->members.
 * @return false when two members share a uuid or an address. O(N).
 */
bool peal_view_build_index(const struct peal_view *view, struct peal_view_index *index);

/* Low 32 bits of the hash, as frames carry them. */
static inline uint32_t
peal_view_tag(const struct peal_view *view)
{
	return (uint32_t)view->hash.low;
}

/* The order group with this id as it was created last; NULL: there is none. */
const struct peal_ordergroup *peal_view_find_ordergroup(
	const struct peal_view *view, uint32_t ordergroup_id);
/* Order groups that named the member when they were created last. */
uint32_t peal_view_count_ordergroups_of(const struct peal_view *view, uint64_t mid);

/* The hash of the other fields and members_sum. O(order groups). */
struct peal_hash128 peal_view_hash(const struct peal_view *view);
/* Sum over the members, for members_sum. O(N). */
struct peal_hash128 peal_view_sum_members(const struct peal_view *view);

/* Sum of the sizes of their metadata, for metadata_size. O(N). */
uint32_t peal_view_sum_metadata(const struct peal_view *view);

/* Asserts every invariant: order, uniqueness of mid, uuid and address, bounds, sum, hash. O(N) with
 * an index, else O(N^2). */
void peal_view_check(const struct peal_view *view);

/* Bytes of a snapshot of `members_count` members at most. */
#define PEAL_VIEW_ENCODED_SIZE_MAX(members_count)                                                  \
	(96U + PEAL_ORDERGROUPS_MAX * PEAL_ORDERGROUP_SIZE_MAX +                                   \
		(members_count)*PEAL_MEMBER_RECORD_SIZE_MAX +                                      \
		((members_count) < PEAL_VIEW_METADATA_BYTES_MAX / PEAL_METADATA_SIZE_MAX           \
				? (members_count)*PEAL_METADATA_SIZE_MAX                           \
				: PEAL_VIEW_METADATA_BYTES_MAX))
/* Bytes of the snapshot of this view. O(N). */
uint32_t peal_view_encoded_size(const struct peal_view *view);
/* Snapshot for a joiner. Asserts that it fits. Returns the size written. */
uint32_t peal_view_encode(const struct peal_view *view, uint8_t *bytes, uint32_t capacity);
/*
 * Reads a snapshot. `members_out`, [capacity], receives the records, whose metadata stays where it
 * is, in `bytes`; `ordergroups_out`, [PEAL_ORDERGROUPS_MAX], what they say; `index`, with its
 * memory, is built on the way (places_count >= 2 capacity).
 * @return false unless the bytes are exactly one valid view of at most `capacity` members with a
 * true hash; `view_out` is then unspecified
 */
bool peal_view_decode(const uint8_t *bytes, uint32_t size, struct peal_member *members_out,
	uint32_t capacity, struct peal_ordergroup *ordergroups_out, struct peal_view_index *index,
	struct peal_view *view_out);

#endif
