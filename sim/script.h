/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What was done to a world, action by action: recorded from a run, written as text, played again.
 *
 * A run is decided by its seed and by these actions at their instants, so playing all of them
 * repeats it to the bit, and playing fewer of them makes it simpler. One line an action:
 *
 *     nodes 6 preset dpdk seed 42
 *     0.000000000 start 0
 *     2.104000000 cut 1 3
 *     2.250000000 ingress 4 800000
 *     5.000000000 heal
 *     5.000000000 agree
 *
 * Times are virtual seconds since the start. Lines that begin with # say something to people. The
 * head goes on with " profile fast", " detector phi", " metadata 4096", " seeds 1", " ipv6 1" or
 * " talk 1" when the run had a profile, another detector than window, metadata of all sizes, one
 * seed node that founds alone, IPv6 addresses, or applications that talk (sim/simtalk.h): then all
 * that they said must have arrived in the end.
 */
#ifndef PEAL_SIM_SCRIPT_H
#define PEAL_SIM_SCRIPT_H

#include "base/timing.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum peal_action_kind {
	PEAL_ACTION_START = 0, /* a */
	PEAL_ACTION_CRASH,     /* a */
	PEAL_ACTION_LEAVE,     /* a */
	PEAL_ACTION_PAUSE,     /* a */
	PEAL_ACTION_RESUME,    /* a */
	PEAL_ACTION_STICK,     /* a: its control thread stops */
	PEAL_ACTION_UNSTICK,   /* a */
	PEAL_ACTION_CUT,       /* a to b */
	PEAL_ACTION_MEND,      /* a to b */
	PEAL_ACTION_INGRESS,   /* a loses so many ppm of what it should hear */
	PEAL_ACTION_EGRESS,    /* a, of what it says */
	PEAL_ACTION_WEATHER,   /* loss ppm, doubled ppm, late ppm, late by up to ns */
	PEAL_ACTION_HEAL,
	PEAL_ACTION_AGREE, /* all must agree within the world's patience */
	PEAL_ACTION_QUIET, /* for the first value in ns, nothing may happen */
	PEAL_ACTIONS_COUNT
};

struct peal_action {
	uint64_t at_ns;
	enum peal_action_kind kind;
	uint64_t values[4]; /* as many as the kind has */
};

struct peal_script {
	uint16_t nodes_count;
	uint64_t seed;
	char preset[16];
	char profile[16]; /* empty: the links of no profile */
	uint32_t metadata_size_max;
	bool has_one_seed; /* as peal_scenario_options */
	bool is_ipv6;
	bool has_talk;
	enum peal_detector detector;
	uint32_t count;
	uint32_t capacity;
	struct peal_action *actions; /* [count], in order of time */
};

/* An empty script; released by fini. */
void peal_script_init(struct peal_script *script);
void peal_script_fini(struct peal_script *script);
void peal_script_add(struct peal_script *script, const struct peal_action *action);
/*
 * True for what a shrinker may leave out: everything but heal, agree, quiet and starts. A process
 * that crashed and never started again could cost a group its quorum, which is another story; a
 * start of a node that runs does nothing and may go.
 */
bool peal_script_is_optional(const struct peal_script *script, uint32_t index);
void peal_script_write(const struct peal_script *script, FILE *file);
/*
 * Reads a script.
 * @param line_out  the line that is wrong
 * @return false: a line that is none, or not in order of time, or a node, preset or profile that is
 *         none
 */
bool peal_script_read(struct peal_script *script, FILE *file, uint32_t *line_out);

#endif
