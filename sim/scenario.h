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
#include "sim/script.h"

#include <stdint.h>
#include <stdio.h>

struct peal_scenario_options {
	uint16_t nodes_count; /* 0 = the scenario's own number */
	uint64_t seed;
	/* NULL = the profile's, or the scenario's own; cloud for phi, which needs rare probes */
	const char *preset;
	enum peal_detector detector; /* of all nodes */
	const char
		*profile; /* network: fast (RTT 20 us), paper (1 ms); NULL = links of 5 to 50 us */
	/* The first node founds alone whenever it starts, and everybody asks it: not for a story
	 * that may restart it. */
	bool has_one_seed;
	uint32_t metadata_size_max; /* members have metadata of every size up to this; 0 = names */
	bool is_ipv6;               /* addresses of nodes */
	bool has_talk;              /* applications talk over channels; set by stories about them */
	bool has_cast;              /* the same of broadcasts */
	bool has_apps;              /* the same of process groups; not both */
	bool does_broadcast;        /* these send to all in place of groups */
	bool has_total;             /* with has_apps: some groups are in total order */
	bool has_orders;            /* the same of ranks of order groups */
	bool has_holds;             /* and members hold each other back now and then */
	uint8_t shards_max;         /* cores of a process, by chance; set by those stories */
	uint16_t mtu;               /* of ports and links; set by stories about it */
	uint32_t faulty_count;      /* large groups: how many fail; 0 = what the scenario says */
	FILE *trace;                /* NULL = silent */
	struct peal_script *record; /* NULL, or gets what is done to the last world of the story */
	FILE *sizes;                /* NULL, or gets a line "ns node members" for each install */
};

/* One-way delay and preset of a profile. False: there is no such profile. */
bool peal_scenario_find_profile(const char *name, uint64_t *delay_ns_min_out,
	uint64_t *delay_ns_max_out, const char **preset_out);

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
 * PEAL_SIMWORLD_NODES_MAX].
 * @return true when it went as it should: no violation, or at least one for a canary
 */
bool peal_scenario_run(const struct peal_scenario *scenario,
	const struct peal_scenario_options *options, struct peal_report *report);

/* The command that repeats a run, e.g. "peal-sim run --scenario swarm --nodes 5 --seed 7". */
void peal_scenario_command(const struct peal_report *report, char *text, size_t size);

#endif
