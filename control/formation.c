/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/formation.h"

#include "base/assert.h"
#include "base/museum.h"

#include <string.h>

void
peal_formation_init(struct peal_formation *formation, const struct peal_timing *timing,
	struct peal_uuid self, bool is_candidate, bool is_alone, uint8_t expect, uint64_t now_ns)
{
	PEAL_ASSERT(expect >= 1);
	PEAL_ASSERT(!peal_uuid_is_none(self));

	memset(formation, 0, sizeof(*formation));
	formation->timing = timing;
	formation->self = self;
	formation->is_candidate = is_candidate;
	formation->is_alone = is_alone;
	formation->expect = expect;
	/* A process that was here a moment ago may have given a grant that this one does not know
	 * of. */
	formation->listen_until_ns = is_alone ? now_ns : now_ns + timing->boot_ns;
}

static void
hear_candidate(struct peal_formation *formation, struct peal_uuid candidate, uint64_t now_ns)
{
	bool is_stale = now_ns >= formation->smallest_until_ns;

	if (is_stale || peal_uuid_compare(candidate, formation->smallest) <= 0) {
		formation->smallest = candidate;
		formation->smallest_until_ns = now_ns + formation->timing->boot_ns / 2U;
	}
}

/* Gives this node's one grant of a T_boot, or repeats it to the same candidate. */
static bool
grant(struct peal_formation *formation, struct peal_uuid candidate, uint64_t now_ns)
{
	if (now_ns < formation->listen_until_ns) {
		return false;
	}
	if (now_ns < formation->granted_until_ns && !PEAL_BUG(GRANTS_TWICE)) {
		/*
		 * A repeat does not extend the grant, and the holder counts half a T_boot from when
		 * it arrives: a quarter is left for the way and for the holder's calls.
		 */
		return peal_uuid_equals(formation->granted, candidate) &&
		       formation->granted_until_ns - now_ns > formation->timing->boot_ns / 4U * 3U;
	}
	if (!peal_uuid_equals(formation->smallest, candidate)) {
		return false;
	}
	formation->granted = candidate;
	formation->granted_until_ns = now_ns + formation->timing->boot_ns;
	return true;
}

bool
peal_formation_on_candidate(
	struct peal_formation *formation, struct peal_uuid candidate, uint64_t now_ns)
{
	PEAL_ASSERT(!peal_uuid_is_none(candidate));

	if (formation->is_candidate) {
		hear_candidate(formation, formation->self, now_ns);
	}
	hear_candidate(formation, candidate, now_ns);
	return grant(formation, candidate, now_ns);
}

void
peal_formation_on_cluster(struct peal_formation *formation, uint64_t now_ns)
{
	uint64_t until_ns = now_ns + formation->timing->boot_ns / 2U;

	if (until_ns > formation->listen_until_ns) {
		formation->listen_until_ns = until_ns;
	}
}

void
peal_formation_on_grant(struct peal_formation *formation, struct peal_uuid by, uint64_t now_ns)
{
	uint64_t until_ns = now_ns + formation->timing->boot_ns / 2U;
	uint32_t place = 0;

	if (!formation->is_candidate || peal_uuid_equals(by, formation->self)) {
		return;
	}
	while (place < formation->grants_count &&
		!peal_uuid_equals(formation->grants[place].by, by) &&
		now_ns < formation->grants[place].until_ns) {
		place++;
	}
	if (place == formation->grants_count) {
		if (place == PEAL_SEEDS_MAX * 2U) {
			return;
		}
		formation->grants_count++;
	}
	formation->grants[place] = (struct peal_grant){.by = by, .until_ns = until_ns};
}

bool
peal_formation_may_create(struct peal_formation *formation, uint64_t now_ns)
{
	uint32_t count = 0;
	bool is_granted;

	if (!formation->is_candidate || now_ns < formation->listen_until_ns) {
		return false;
	}
	if (formation->is_alone) {
		return true;
	}
	hear_candidate(formation, formation->self, now_ns);
	/* The own grant is on no way: it counts as long as it binds. */
	is_granted = now_ns < formation->granted_until_ns
			     ? peal_uuid_equals(formation->granted, formation->self)
			     : grant(formation, formation->self, now_ns);
	if (!is_granted) {
		return false;
	}
	count = 1;
	for (uint32_t i = 0; i < formation->grants_count; i++) {
		bool is_duplicate = false;

		for (uint32_t j = 0; j < i; j++) {
			is_duplicate |=
				now_ns < formation->grants[j].until_ns &&
				peal_uuid_equals(formation->grants[i].by, formation->grants[j].by);
		}
		if (now_ns < formation->grants[i].until_ns && !is_duplicate) {
			count++;
		}
	}
	return count >= formation->expect / 2U + (PEAL_BUG(FOUNDED_BY_HALF) ? 0U : 1U);
}

uint64_t
peal_formation_deadline_at_ns(const struct peal_formation *formation)
{
	return formation->is_candidate ? formation->listen_until_ns : UINT64_MAX;
}
