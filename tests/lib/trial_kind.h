/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Kinds of faults for a trial of the cut, by name.
 */
#ifndef PEAL_TESTS_LIB_TRIAL_KIND_H
#define PEAL_TESTS_LIB_TRIAL_KIND_H

#include "tests/lib/trial.h"

#define PEAL_TRIAL_FAULTS_MAX 5U

struct peal_trial_kind {
	const char *name;
	uint32_t faults_count; /* 0 = no member has one: the row has links only */
	struct peal_trial_fault faults[PEAL_TRIAL_FAULTS_MAX]; /* each faulty member draws one */
	bool has_links;      /* everybody has up to L - 1 broken links to those around it */
	uint32_t late_ratio; /* of 256 reports */
	uint32_t end_ms;
	uint32_t parts[2];      /* percent of the members in two parts with no links between them */
	uint32_t links_percent; /* of all links broken */
};

extern const struct peal_trial_kind peal_trial_kinds[];
extern const uint32_t peal_trial_kinds_count;

/* By name, or NULL. */
const struct peal_trial_kind *peal_trial_find_kind(const char *name);
/* A trial of this kind, ready to run: `percent` of the members, at least one, are faulty. */
void peal_trial_set_up(struct peal_trial *trial, const struct peal_trial_kind *kind, uint64_t seed,
	uint32_t members_count, uint8_t rings_count, uint32_t percent);

#endif
