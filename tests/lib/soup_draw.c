/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/validity.h"
#include "membership/nextview.h"
#include "tests/lib/gen.h"
#include "tests/lib/soup_private.h"

#include <stdlib.h>
#include <string.h>

#define NEVER UINT64_MAX

static _Alignas(64) uint8_t rings_memory[16384];

struct peal_proposal
peal_soup_build_leave(const struct peal_soup *soup, uint16_t rank)
{
	struct peal_proposal value;

	memset(&value, 0, sizeof(value));
	value.parent_epoch = soup->view.epoch;
	value.parent_hash = soup->view.hash;
	peal_bitset_add(&value.removals, rank);
	return value;
}

static bool
is_minority(const struct peal_soup *soup, const struct peal_bitset *crashed)
{
	struct peal_quorum quorum = peal_quorum_of(&soup->view);
	struct peal_bitset alive = {{0}};

	for (uint32_t rank = 0; rank < soup->view.members_count; rank++) {
		if (!peal_bitset_has(crashed, rank)) {
			peal_bitset_add(&alive, rank);
		}
	}
	return peal_quorum_classic_ok(&quorum, &alive);
}

/* Up to PEAL_SOUP_VALUES_MAX cuts that fit the view; the first needs nobody's consent. */
static void
draw_values(struct peal_soup *soup)
{
	uint32_t wanted = 1U + (uint32_t)peal_soup_below(soup,
				       peal_soup_percent(soup, 70) ? 3U : PEAL_SOUP_VALUES_MAX);

	if (soup->plan.outcome_only) {
		wanted = 2U;
	}

	for (uint32_t attempt = 0; attempt < 1000 && soup->values_count < wanted; attempt++) {
		struct peal_proposal *value = &soup->values[soup->values_count];

		struct peal_member *joiner = &soup->joiners[soup->values_count];

		*value = peal_soup_build_leave(
			soup, (uint16_t)peal_soup_below(soup, soup->view.members_count));
		while (peal_soup_percent(soup, 30)) {
			peal_bitset_add(&value->removals,
				(uint32_t)peal_soup_below(soup, soup->view.members_count));
		}
		if (peal_soup_percent(soup, 30) || soup->view.members_count == 1) {
			peal_gen_member(&soup->prng, joiner);
			value->additions_count = 1;
			value->additions = joiner;
			if (peal_soup_percent(soup, 70) || soup->view.members_count == 1) {
				memset(&value->removals, 0, sizeof(value->removals));
			}
		}
		if (peal_nextview_validate(&soup->view, value) == PEAL_VALID &&
			(soup->values_count > 0 ||
				peal_validity_is_held(&soup->view, NULL, value))) {
			soup->values_count++;
		}
	}
	PEAL_ASSERT(soup->values_count > 0);
}

static void
draw_nodes(struct peal_soup *soup)
{
	uint64_t span_ns = soup->healed_at_ns;
	struct peal_bitset crashed = {{0}};
	uint32_t crash_percent = (uint32_t)peal_soup_below(soup, 60);
	uint32_t silent_percent =
		peal_soup_percent(soup, 30) ? 0U : (uint32_t)peal_soup_below(soup, 70);
	uint32_t leave_percent =
		peal_soup_percent(soup, 50) ? 0U : (uint32_t)peal_soup_below(soup, 50);

	for (uint16_t rank = 0; rank < soup->view.members_count; rank++) {
		struct peal_soup_node *node = &soup->nodes[rank];
		struct peal_consensus_config config = {.view = &soup->view,
			.topology = &soup->topology,
			.timing = &soup->timing,
			.counters = &node->counters,
			.willing = &node->willing,
			.self_rank = rank,
			.is_large = soup->is_large,
			.bodies = peal_soup_shelf(node)};

		memset(node, 0, offsetof(struct peal_soup_node, consensus));
		node->soup = soup;
		peal_counters_init(&node->counters);
		peal_consensus_init(&node->consensus, &config, 0);
		node->is_buggy = soup->plan.fault != PEAL_SOUP_NO_FAULT &&
				 (peal_soup_percent(soup, 50) || soup->plan.outcome_only);
		node->crash_at_ns = NEVER;
		node->leave_at_ns = peal_soup_percent(soup, leave_percent)
					    ? peal_soup_below(soup, span_ns)
					    : NEVER;
		node->propose_at_ns = peal_soup_percent(soup, silent_percent)
					      ? NEVER
					      : peal_soup_below(soup, span_ns);
		if (peal_soup_percent(soup, crash_percent)) {
			peal_bitset_add(&crashed, rank);
			if (is_minority(soup, &crashed)) {
				node->crash_at_ns = peal_soup_below(soup, span_ns);
			} else {
				peal_bitset_remove(&crashed, rank);
			}
		}
	}
}

/* One store for all worlds: each gives back all that it took. */
static void
open_store(struct peal_soup *soup)
{
	const uint32_t count = PEAL_SOUP_BODIES_MAX;
	size_t size = peal_bodystore_footprint(0, count);
	void *memory;

	if (soup->bodystore != NULL) {
		return;
	}
	memory = aligned_alloc(64, (size + 63U) / 64U * 64U);
	PEAL_ASSERT(memory != NULL);
	memset(memory, 0, size);
	soup->bodystore = peal_bodystore_init(memory, 0, count);
	soup->store = peal_bodystore_bodies(soup->bodystore);
}

void
peal_soup_draw(struct peal_soup *soup, const struct peal_soup_plan *plan)
{
	uint16_t count = plan->members_count;
	bool is_found;

	/* What is most of it needs no cleaning: mail, machines, bodies. */
	memset(soup, 0, offsetof(struct peal_soup, store));
	open_store(soup);
	peal_outbox_reset(&soup->outbox);
	soup->plan = *plan;
	peal_prng_init(&soup->prng, plan->seed);
	is_found = peal_timing_find("dpdk", &soup->timing);
	PEAL_ASSERT(is_found);
	if (count == 0) {
		count = (uint16_t)(1U + peal_soup_below(soup, PEAL_SOUP_MEMBERS_MAX));
	}
	peal_gen_view(&soup->prng, count, soup->members, &soup->view);
	PEAL_ASSERT(peal_rings_footprint(PEAL_SOUP_MEMBERS_MAX) <= sizeof(rings_memory));
	peal_rings_build(&soup->view, rings_memory, PEAL_SOUP_MEMBERS_MAX, &soup->topology);
	peal_judge_init(&soup->judge, peal_quorum_of(&soup->view), plan->outcome_only);
	for (uint16_t i = 0; i < PEAL_SOUP_MAIL_MAX; i++) {
		soup->free[soup->free_count++] = i;
	}
	/* Some faults are off in some runs: mild worlds reach states that wild ones do not. */
	soup->healed_at_ns =
		(1U + peal_soup_below(soup, peal_soup_percent(soup, 80) ? 20U : 200U)) *
		soup->timing.fallback_ns;
	soup->loss_percent = peal_soup_percent(soup, 30) ? 0U : (uint32_t)peal_soup_below(soup, 99);
	soup->double_percent =
		peal_soup_percent(soup, 30) ? 0U : (uint32_t)peal_soup_below(soup, 40);
	soup->late_percent = peal_soup_percent(soup, 30) ? 0U : (uint32_t)peal_soup_below(soup, 90);
	soup->is_large = plan->form == PEAL_SOUP_LARGE ||
			 (plan->form == PEAL_SOUP_ANY_FORM && peal_soup_percent(soup, 40));
	soup->name_percent =
		peal_soup_percent(soup, 50) ? 0U : (uint32_t)peal_soup_below(soup, 101);
	soup->full_percent = peal_soup_percent(soup, 70) ? 0U : (uint32_t)peal_soup_below(soup, 60);
	soup->gossip_percent = 10U + (uint32_t)peal_soup_below(soup, 91);
	draw_values(soup);
	draw_nodes(soup);
}
