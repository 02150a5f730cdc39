/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/trial_kind.h"

#include <string.h>

/* Losses are of 256 packets: 205 are 80 %. */
const struct peal_trial_kind peal_trial_kinds[] = {
	{.name = "crash", .faults_count = 1, .faults = {{256, 256, 0, 0}}, .end_ms = 8000},
	{.name = "deaf", .faults_count = 1, .faults = {{256, 0, 0, 0}}, .end_ms = 8000},
	{.name = "mute", .faults_count = 1, .faults = {{0, 256, 0, 0}}, .end_ms = 8000},
	{.name = "in80", .faults_count = 1, .faults = {{205, 0, 0, 0}}, .end_ms = 8000},
	{.name = "out80", .faults_count = 1, .faults = {{0, 205, 0, 0}}, .end_ms = 8000},
	{.name = "both80", .faults_count = 1, .faults = {{205, 205, 0, 0}}, .end_ms = 8000},
	{.name = "in50", .faults_count = 1, .faults = {{128, 0, 0, 0}}, .end_ms = 8000},
	{.name = "out50", .faults_count = 1, .faults = {{0, 128, 0, 0}}, .end_ms = 8000},
	{.name = "in30", .faults_count = 1, .faults = {{77, 0, 0, 0}}, .end_ms = 12000},
	{.name = "in20", .faults_count = 1, .faults = {{51, 0, 0, 0}}, .end_ms = 20000},
	{.name = "flip 20 s",
		.faults_count = 1,
		.faults = {{256, 0, 20000, 40000}},
		.end_ms = 8000},
	{.name = "flip 0.15 s", .faults_count = 1, .faults = {{256, 0, 150, 300}}, .end_ms = 8000},
	{.name = "mixed",
		.faults_count = 5,
		.faults = {{256, 256, 0, 0}, {256, 0, 0, 0}, {0, 256, 0, 0}, {205, 0, 0, 0},
			{0, 205, 0, 0}},
		.end_ms = 8000},
	{.name = "links", .has_links = true, .end_ms = 8000},
	{.name = "crash+links",
		.faults_count = 1,
		.faults = {{256, 256, 0, 0}},
		.has_links = true,
		.end_ms = 8000},
	{.name = "deaf+links",
		.faults_count = 1,
		.faults = {{256, 0, 0, 0}},
		.has_links = true,
		.end_ms = 8000},
	{.name = "in80+links",
		.faults_count = 1,
		.faults = {{205, 0, 0, 0}},
		.has_links = true,
		.end_ms = 8000},
	{.name = "crash, late",
		.faults_count = 1,
		.faults = {{256, 256, 0, 0}},
		.late_ratio = 77,
		.end_ms = 8000},
	{.name = "deaf, late",
		.faults_count = 1,
		.faults = {{256, 0, 0, 0}},
		.late_ratio = 77,
		.end_ms = 8000},
	{.name = "in80, late",
		.faults_count = 1,
		.faults = {{205, 0, 0, 0}},
		.late_ratio = 77,
		.end_ms = 8000},
	{.name = "part 10|10", .parts = {10, 10}, .end_ms = 8000},
	{.name = "part 20|20", .parts = {20, 20}, .end_ms = 8000},
	{.name = "part 33|33", .parts = {33, 33}, .end_ms = 8000},
	{.name = "part 45|45", .parts = {45, 45}, .end_ms = 8000},
	{.name = "part 5|45", .parts = {5, 45}, .end_ms = 8000},
	{.name = "part 20|60", .parts = {20, 60}, .end_ms = 8000},
	{.name = "part 40|55", .parts = {40, 55}, .end_ms = 8000},
	{.name = "part 1|90", .parts = {1, 90}, .end_ms = 8000},
	{.name = "links 5%", .links_percent = 5, .end_ms = 8000},
	{.name = "links 10%", .links_percent = 10, .end_ms = 8000},
	{.name = "links 20%", .links_percent = 20, .end_ms = 8000},
	{.name = "links 30%", .links_percent = 30, .end_ms = 8000},
};

const uint32_t peal_trial_kinds_count = sizeof(peal_trial_kinds) / sizeof(peal_trial_kinds[0]);

const struct peal_trial_kind *
peal_trial_find_kind(const char *name)
{
	for (uint32_t i = 0; i < peal_trial_kinds_count; i++) {
		if (strcmp(peal_trial_kinds[i].name, name) == 0) {
			return &peal_trial_kinds[i];
		}
	}
	return NULL;
}

/* Breaks links of observers to subjects at random. Nobody has more than L - 1 of them, so that
 * nobody ever misses L observers by links, whatever the view. */
static void
break_around(struct peal_trial *trial)
{
	static uint8_t counts[PEAL_MEMBERS_MAX];
	uint32_t l = peal_view_thresholds(trial->members_count, trial->view.rings_count).l;
	uint32_t draws_count = 10U * trial->members_count;

	memset(counts, 0, sizeof(counts));
	for (uint32_t draws = 0; draws < draws_count; draws++) {
		uint32_t subject = (uint32_t)peal_prng_below(&trial->prng, trial->members_count);
		uint32_t k =
			(uint32_t)peal_prng_below(&trial->prng, trial->topology.observers_count);
		uint32_t observer = peal_rings_observer(&trial->topology, subject, k);

		if (!peal_bitset_has(&trial->broken[subject], observer) &&
			counts[subject] + 1U < l && counts[observer] + 1U < l) {
			counts[subject]++;
			counts[observer]++;
			peal_trial_break(trial, subject, observer);
		}
	}
}

/* Two parts that do not reach each other. Rings mix the ranks, so parts may be neighbours in rank;
 * the senior is in neither. */
static void
part(struct peal_trial *trial, const uint32_t parts[2])
{
	uint32_t last = trial->members_count - 1U;
	uint32_t first_count = trial->members_count * parts[0] / 100U;
	uint32_t second_count = trial->members_count * parts[1] / 100U;

	first_count = first_count == 0 ? 1 : first_count;
	PEAL_ASSERT(first_count + second_count <= last);
	for (uint32_t a = 0; a < first_count; a++) {
		for (uint32_t b = first_count; b < first_count + second_count; b++) {
			peal_trial_break(trial, last - a, last - b);
		}
	}
}

static void
break_some(struct peal_trial *trial, uint32_t percent)
{
	for (uint32_t a = 0; a < trial->members_count; a++) {
		for (uint32_t b = 0; b < a; b++) {
			if (peal_prng_below(&trial->prng, 100) < percent) {
				peal_trial_break(trial, a, b);
			}
		}
	}
}

void
peal_trial_set_up(struct peal_trial *trial, const struct peal_trial_kind *kind, uint64_t seed,
	uint32_t members_count, uint8_t rings_count, uint32_t percent)
{
	uint32_t faulty_count = (members_count * percent + 50U) / 100U;

	faulty_count = faulty_count == 0 ? 1 : faulty_count;
	/* Half of a group is no minority. */
	faulty_count =
		2U * faulty_count >= members_count ? (members_count - 1U) / 2U : faulty_count;
	faulty_count = kind->faults_count == 0 ? 0 : faulty_count;

	peal_trial_init(trial, seed, members_count, rings_count);
	trial->late_ratio = kind->late_ratio;
	trial->end_ms = kind->end_ms;
	while (peal_bitset_count(&trial->faulty) < faulty_count) {
		uint32_t index = (uint32_t)peal_prng_below(&trial->prng, members_count);

		if (!peal_bitset_has(&trial->faulty, index)) {
			peal_trial_fail(trial, index,
				kind->faults[peal_prng_below(&trial->prng, kind->faults_count)]);
		}
	}
	if (kind->has_links) {
		break_around(trial);
	}
	if (kind->parts[0] > 0) {
		part(trial, kind->parts);
	}
	if (kind->links_percent > 0) {
		break_some(trial, kind->links_percent);
	}
}
