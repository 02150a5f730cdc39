/* SPDX-License-Identifier: BSD-3-Clause */
#include "membership/ring.h"

#include "base/assert.h"

#include <string.h>

/* Entries that are sorted by insertion before runs are merged. */
#define RUN_SIZE 8U

/* The cluster is part of the key: a joiner draws its uuid, but not its neighbours everywhere. */
struct ring_key {
	struct peal_uuid cluster;
	struct peal_uuid uuid;
};

_Static_assert(sizeof(struct ring_key) == 32, "hashed as bytes: no padding");

/* paper: RAPID 4.1, one hash function per ring: the ring is the seed. */
static uint64_t
seed_of(uint32_t number)
{
	PEAL_ASSERT(number < PEAL_RINGS_MAX);
	return peal_hash_mix(number + 1U);
}

void
peal_ring_fill(
	const struct peal_view *view, uint32_t number, uint32_t first, struct peal_ring *ring_out)
{
	struct ring_key key = {.cluster = view->cluster};
	uint64_t seed = seed_of(number);

	PEAL_ASSERT(view->members_count <= PEAL_MEMBERS_MAX);

	for (uint32_t rank = first; rank < view->members_count; rank++) {
		key.uuid = view->members[rank].uuid;
		ring_out->hashes[rank - first] = peal_hash64(&key, sizeof(key), seed);
		ring_out->ranks[rank - first] = (uint16_t)rank;
	}
}

uint32_t
peal_ring_check(void)
{
	static const struct peal_member member = {.uuid = {.low = 3, .high = 4}};
	static const struct peal_view view = {
		.cluster = {.low = 1, .high = 2}, .members_count = 1, .members = &member};
	uint64_t check = 0;

	for (uint32_t number = 0; number < PEAL_RINGS_MAX; number++) {
		uint64_t hash;
		uint16_t rank;
		struct peal_ring ring = {.hashes = &hash, .ranks = &rank};

		peal_ring_fill(&view, number, 0, &ring);
		check = peal_hash_mix(check ^ hash);
	}
	return (uint32_t)check;
}

static void
sort_run(const struct peal_view *view, struct peal_ring *ring, uint32_t start, uint32_t end)
{
	for (uint32_t next = start + 1U; next < end; next++) {
		uint64_t hash = ring->hashes[next];
		uint16_t rank = ring->ranks[next];
		uint32_t index = next;

		for (; index > start && peal_ring_is_before(view, hash, rank,
						ring->hashes[index - 1U], ring->ranks[index - 1U]);
			index--) {
			ring->hashes[index] = ring->hashes[index - 1U];
			ring->ranks[index] = ring->ranks[index - 1U];
		}
		ring->hashes[index] = hash;
		ring->ranks[index] = rank;
	}
}

/* Merges [start, middle) and [middle, end) of `from` into `to`. */
static void
merge_runs(const struct peal_view *view, const struct peal_ring *from, uint32_t start,
	uint32_t middle, uint32_t end, struct peal_ring *to)
{
	uint32_t left = start;
	uint32_t right = middle;

	for (uint32_t index = start; index < end; index++) {
		bool is_right = left == middle ||
				(right < end && peal_ring_is_before(view, from->hashes[right],
							from->ranks[right], from->hashes[left],
							from->ranks[left]));
		uint32_t source = is_right ? right : left;

		to->hashes[index] = from->hashes[source];
		to->ranks[index] = from->ranks[source];
		left += is_right ? 0U : 1U;
		right += is_right ? 1U : 0U;
	}
}

void
peal_ring_sort(const struct peal_view *view, struct peal_ring *ring, uint32_t count,
	struct peal_ring *spare)
{
	struct peal_ring *from = ring;
	struct peal_ring *to = spare;

	PEAL_ASSERT(count <= PEAL_MEMBERS_MAX);

	for (uint32_t start = 0; start < count; start += RUN_SIZE) {
		sort_run(view, ring, start, start + RUN_SIZE < count ? start + RUN_SIZE : count);
	}
	for (uint32_t size = RUN_SIZE; size < count; size *= 2U) {
		struct peal_ring *merged = to;

		for (uint32_t start = 0; start < count; start += 2U * size) {
			uint32_t middle = start + size < count ? start + size : count;
			uint32_t end = middle + size < count ? middle + size : count;

			merge_runs(view, from, start, middle, end, to);
		}
		to = from;
		from = merged;
	}
	if (from != ring) {
		memcpy(ring->hashes, from->hashes, count * sizeof(ring->hashes[0]));
		memcpy(ring->ranks, from->ranks, count * sizeof(ring->ranks[0]));
	}
}

uint32_t
peal_ring_find(
	const struct peal_view *view, uint32_t number, const struct peal_ring *ring, uint32_t rank)
{
	struct ring_key key = {.cluster = view->cluster};
	uint32_t low = 0;
	uint32_t high = view->members_count;
	uint64_t hash;

	PEAL_ASSERT(rank < view->members_count);

	key.uuid = view->members[rank].uuid;
	hash = peal_hash64(&key, sizeof(key), seed_of(number));
	while (low < high) {
		uint32_t middle = (low + high) / 2U;

		if (peal_ring_is_before(
			    view, ring->hashes[middle], ring->ranks[middle], hash, rank)) {
			low = middle + 1U;
		} else {
			high = middle;
		}
	}
	PEAL_ASSERT(low < view->members_count);
	PEAL_ASSERT(ring->ranks[low] == rank);
	return low;
}
