/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/goodstanding.h"

#include "base/assert.h"

#include <stdatomic.h>

#define MEMBER_WEIGHT 2U

struct proof {
	uint64_t at_ns;
	uint32_t weight;
};

static uint32_t
weight_of(const struct peal_view *view, uint16_t rank)
{
	return MEMBER_WEIGHT + (view->members[rank].mid == view->tie_mid ? 1U : 0U);
}

/* What subjects proved, latest first. Returns how many there are. */
static uint32_t
gather(const struct peal_peers *peers, const struct peal_plane *plane,
	struct proof proofs[PEAL_RINGS_MAX])
{
	uint32_t count = 0, ranks_count = 0;
	const uint16_t *ranks =
		peal_rings_subjects(peers->topology, peers->self_rank, &ranks_count);

	for (uint32_t i = 0; i < ranks_count && count < PEAL_RINGS_MAX; i++) {
		uint16_t slot =
			peal_peers_find(peers, (uint32_t)peers->view->members[ranks[i]].mid);
		struct proof proof = {.weight = weight_of(peers->view, ranks[i])};
		uint32_t at = count++;

		if (slot != PEAL_PEERS_NONE) {
			proof.at_ns = atomic_load_explicit(
				&plane->echoed_at_ns[slot], memory_order_relaxed);
		}
		for (; at > 0 && proofs[at - 1U].at_ns < proof.at_ns; at--) {
			proofs[at] = proofs[at - 1U];
		}
		proofs[at] = proof;
	}
	return count;
}

uint64_t
peal_goodstanding_heard_at_ns(const struct peal_peers *peers, const struct peal_plane *plane)
{
	struct proof proofs[PEAL_RINGS_MAX];
	uint64_t quorum_at_ns = UINT64_MAX, observed_at_ns = UINT64_MAX;
	uint32_t count, present, total, need;

	if (peers->members_count == 0 ||
		atomic_load_explicit(&plane->doubted, memory_order_relaxed) == peers->epoch) {
		return 0;
	}
	count = gather(peers, plane, proofs);
	/* control/quorum.h: two each, one more for the senior; a classic quorum is N + 1. */
	total = MEMBER_WEIGHT * peers->members_count +
		(peal_view_find_mid(peers->view, peers->view->tie_mid) != PEAL_RANK_NONE ? 1U : 0U);
	need = peers->members_count + 1U;
	if (total - weight_of(peers->view, peers->self_rank) < need) {
		return UINT64_MAX;
	}
	/* Whom this node does not observe may be there. */
	present = total;
	for (uint32_t i = 0; i < count; i++) {
		present -= proofs[i].weight;
	}
	for (uint32_t i = 0; i < count && present < need; i++) {
		present += proofs[i].weight;
		quorum_at_ns = proofs[i].at_ns;
	}
	/* If half of the subjects hear it, H of as many observers do not miss it. */
	if (count > 0) {
		observed_at_ns = proofs[(count - 1U) / 2U].at_ns;
	}
	return quorum_at_ns < observed_at_ns ? quorum_at_ns : observed_at_ns;
}
