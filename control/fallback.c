/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/fallback.h"

#define COORDINATOR_PURPOSE 1U
#define NEVER               UINT64_MAX

/* A retry waits at most this many times T0. */
#define BACKOFF_FACTOR_MAX 8U

/* Place of a member behind the one that is elected first: the order of peal_rings_elect. */
static uint32_t
find_turn(const struct peal_topology *topology, uint32_t first, uint32_t rank)
{
	uint32_t start = topology->ring_places[first];
	uint32_t place = topology->ring_places[rank];

	PEAL_ASSERT(start < topology->members_count && place < topology->members_count);
	return place >= start ? place - start : place + topology->members_count - start;
}

uint32_t
peal_fallback_find_slot(const struct peal_view *view, const struct peal_topology *topology,
	const struct peal_bitset *removals, uint16_t self_rank)
{
	uint16_t first = peal_rings_elect(topology, view, COORDINATOR_PURPOSE, 0);
	uint32_t before = find_turn(topology, first, self_rank);
	uint32_t removed_before = 0;

	PEAL_ASSERT(self_rank < view->members_count);
	PEAL_ASSERT(peal_bitset_is_within(removals, view->members_count));
	PEAL_BITSET_FOR_EACH (rank, removals) {
		if (find_turn(topology, first, rank) < before) {
			removed_before++;
		}
	}
	if (peal_bitset_has(removals, self_rank)) {
		return view->members_count - peal_bitset_count(removals) + removed_before;
	}
	return before - removed_before;
}

void
peal_fallback_init(struct peal_fallback *fallback, const struct peal_timing *timing, uint32_t slot)
{
	PEAL_ASSERT(timing->fallback_ns > 0);
	PEAL_ASSERT(timing->fallback_slot_ns > 0);
	*fallback = (struct peal_fallback){.timing = timing, .base_at_ns = NEVER};
	peal_fallback_set_slot(fallback, slot);
}

void
peal_fallback_set_slot(struct peal_fallback *fallback, uint32_t slot)
{
	PEAL_ASSERT(slot < PEAL_MEMBERS_MAX);
	fallback->slot = slot;
}

void
peal_fallback_arm(struct peal_fallback *fallback, uint64_t now_ns)
{
	PEAL_ASSERT(now_ns < NEVER - fallback->timing->fallback_ns);
	if (fallback->base_at_ns == NEVER) {
		fallback->base_at_ns = now_ns + fallback->timing->fallback_ns;
	}
}

void
peal_fallback_retry(struct peal_fallback *fallback, uint32_t attempts_count, uint64_t now_ns)
{
	uint64_t wait_ns = fallback->timing->fallback_ns;
	uint64_t wait_ns_max = BACKOFF_FACTOR_MAX * wait_ns;

	PEAL_ASSERT(attempts_count >= 1);
	for (uint32_t i = 0; i < attempts_count && wait_ns < wait_ns_max; i++) {
		wait_ns += wait_ns / 2U;
	}
	if (wait_ns > wait_ns_max) {
		wait_ns = wait_ns_max;
	}
	PEAL_ASSERT(wait_ns >= fallback->timing->fallback_ns);
	fallback->base_at_ns = now_ns + wait_ns;
}

void
peal_fallback_yield(struct peal_fallback *fallback, uint64_t now_ns)
{
	uint64_t earliest_at_ns = now_ns + fallback->timing->fallback_ns;

	PEAL_ASSERT(earliest_at_ns < NEVER);
	if (fallback->base_at_ns < earliest_at_ns) {
		fallback->base_at_ns = earliest_at_ns;
	}
}

void
peal_fallback_on_lost(struct peal_fallback *fallback, uint64_t now_ns)
{
	uint64_t latest_at_ns = now_ns + fallback->timing->fallback_ns;

	PEAL_ASSERT(latest_at_ns < NEVER);
	if (fallback->base_at_ns != NEVER && fallback->base_at_ns > latest_at_ns) {
		fallback->base_at_ns = latest_at_ns;
	}
}

void
peal_fallback_hasten(struct peal_fallback *fallback, uint64_t now_ns)
{
	PEAL_ASSERT(now_ns < NEVER);
	if (fallback->base_at_ns > now_ns) {
		fallback->base_at_ns = now_ns;
	}
}

void
peal_fallback_stop(struct peal_fallback *fallback)
{
	fallback->base_at_ns = NEVER;
}

uint64_t
peal_fallback_deadline_at_ns(const struct peal_fallback *fallback)
{
	if (fallback->base_at_ns == NEVER) {
		return NEVER;
	}
	return fallback->base_at_ns + fallback->slot * fallback->timing->fallback_slot_ns;
}
