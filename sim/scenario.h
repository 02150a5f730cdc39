/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The named scenarios: what can be run, by tests and by peal-sim.
 *
 * A scenario is a story told to one or more worlds in a row; its report folds them together. The
 * checkers look on in all of them. Scenario, nodes, preset, detector and seed decide everything
 * that happens.
 */
#ifndef PEAL_SIM_SCENARIO_H
#define PEAL_SIM_SCENARIO_H

#include "base/timing.h"
#include "sim/report.h"

#include <stdint.h>
#include <stdio.h>

struct peal_scenario_options {
	uint16_t nodes_count; /* 0 = the scenario's own number */
	uint64_t seed;
	const char *preset; /* NULL = the scenario's own; cloud for phi, which needs rare probes */
	enum peal_detector detector; /* of all nodes */
	FILE *trace;                 /* NULL = silent */
};

struct peal_scenario {
	const char *name;
	const char *about;        /* one sentence */
	uint16_t nodes_count;     /* default; 0 = by seed */
	uint16_t nodes_count_min; /* fewer make no story */
	const char *preset;
	bool must_fail; /* a canary: wrong when no violation is found */
	void (*run)(const struct peal_scenario_options *options, struct peal_report *report);
};

/* All scenarios; `count_out` gets their number. Static. */
const struct peal_scenario *peal_scenario_list(uint32_t *count_out);
/* The scenario of a name, or NULL. */
const struct peal_scenario *peal_scenario_find(const char *name);

/*
 * Runs it once and fills `report`. `options->preset` must be known and one that the detector may
 * have (peal_timing_set_detector), and `options->nodes_count` 0 or in [nodes_count_min,
 * PEAL_MEMBERS_MAX].
 * @return true when it went as it should: no violation, or at least one for a canary
 */
bool peal_scenario_run(const struct peal_scenario *scenario,
	const struct peal_scenario_options *options, struct peal_report *report);

/* The command that repeats a run, e.g. "peal-sim run --scenario swarm --nodes 5 --seed 7". */
void peal_scenario_command(const struct peal_report *report, char *text, size_t size);

#endif
