/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/situation.h"

#include "tests/lib/gen.h"

void
peal_situation_init(struct peal_situation *situation, uint64_t seed, uint16_t members_count,
	uint8_t rings_count)
{
	struct peal_prng prng;

	peal_prng_init(&prng, seed);
	PEAL_ASSERT(members_count <= PEAL_SITUATION_MEMBERS_MAX);
	PEAL_ASSERT(peal_rings_footprint(members_count) <= sizeof(situation->rings_memory));
	peal_gen_view(&prng, members_count, situation->members, &situation->view);
	situation->view.rings_count = rings_count;
	situation->view.hash = peal_view_hash(&situation->view);
	peal_rings_build(
		&situation->view, situation->rings_memory, members_count, &situation->topology);
	peal_situation_reset(situation);
}

void
peal_situation_reset(struct peal_situation *situation)
{
	situation->reports_count = 0;
	peal_judgement_init_evidence(&situation->evidence, &situation->view, &situation->topology);
}

void
peal_situation_accuse(struct peal_situation *situation, uint32_t observer, uint32_t subject)
{
	for (uint16_t k = 0; k < situation->topology.observers_count; k++) {
		if (peal_rings_observer(&situation->topology, subject, k) == observer) {
			PEAL_ASSERT(situation->reports_count < PEAL_SITUATION_REPORTS_MAX);
			situation->reports[situation->reports_count].rank = (uint16_t)subject;
			situation->reports[situation->reports_count].k = k;
			situation->reports_count++;
		}
	}
}

void
peal_situation_fail(struct peal_situation *situation, uint64_t crashed, uint64_t deaf)
{
	PEAL_ASSERT((crashed & deaf) == 0);

	for (uint32_t subject = 0; subject < situation->topology.members_count; subject++) {
		for (uint32_t k = 0; k < situation->topology.observers_count; k++) {
			uint32_t observer = peal_rings_observer(&situation->topology, subject, k);

			bool is_seen = !peal_bits_has(crashed, observer) &&
				       peal_bits_has(crashed | deaf, subject);

			if (is_seen || peal_bits_has(deaf, observer)) {
				peal_situation_accuse(situation, observer, subject);
			}
		}
	}
}

void
peal_situation_break_pair(struct peal_situation *situation, uint32_t a, uint32_t b)
{
	PEAL_ASSERT(a != b);
	peal_situation_accuse(situation, a, b);
	peal_situation_accuse(situation, b, a);
}

void
peal_situation_shuffle(struct peal_situation *situation, struct peal_prng *prng)
{
	for (uint32_t left = situation->reports_count; left > 1; left--) {
		uint32_t chosen = (uint32_t)peal_prng_below(prng, left);
		uint16_t rank = situation->reports[chosen].rank;
		uint16_t k = situation->reports[chosen].k;

		situation->reports[chosen] = situation->reports[left - 1U];
		situation->reports[left - 1U].rank = rank;
		situation->reports[left - 1U].k = k;
	}
}

void
peal_situation_tell(struct peal_situation *situation, uint32_t index)
{
	PEAL_ASSERT(index < situation->reports_count);

	uint32_t rank = situation->reports[index].rank;

	situation->evidence.masks[rank] |= UINT32_C(1) << situation->reports[index].k;
	peal_bitset_add(&situation->evidence.reported, rank);
}

void
peal_situation_tell_all(struct peal_situation *situation)
{
	for (uint32_t index = 0; index < situation->reports_count; index++) {
		peal_situation_tell(situation, index);
	}
}
