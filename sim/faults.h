/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Random faults by seed: when, what, to whom and for how long.
 *
 * The seed first deals a hand: some kinds of faults do not happen in this run, and the others come
 * more or less often. Then, with gaps of milliseconds to seconds, one fault after another is drawn;
 * those that last are ended in time. A crash or a leave is drawn only if every view that a running
 * member is in keeps a quorum of members that will come back, so that a group is never asked for
 * the impossible; a `gentle` run applies that to all faults, any other may stop or cut off whom it
 * likes for a while. What is down when a run heals stays down, unless its restart was due by then.
 */
#ifndef PEAL_SIM_FAULTS_H
#define PEAL_SIM_FAULTS_H

#include "sim/simworld.h"

enum peal_fault_kind {
	PEAL_FAULT_CRASH = 0, /* and a restart much later, or never */
	PEAL_FAULT_RESTART,   /* a crash and a start within 50 ms, before anybody notices */
	PEAL_FAULT_PAUSE,     /* the whole process, up to 2 s */
	PEAL_FAULT_STUCK,     /* the control thread, up to 3 s */
	PEAL_FAULT_CUT,       /* one direction of one link */
	PEAL_FAULT_PAIR,      /* both directions */
	PEAL_FAULT_DEAF,      /* all ingress of a node */
	PEAL_FAULT_MUTE,      /* all egress of a node */
	PEAL_FAULT_LOSSY,     /* 80 % of ingress or egress of a node */
	PEAL_FAULT_PARTITION, /* some nodes from the others */
	PEAL_FAULT_WEATHER,   /* loss, duplicates, delay spikes on all links */
	PEAL_FAULT_LEAVE,     /* and a start some time after it has left */
	PEAL_FAULTS_COUNT
};

/* A fault that lasts. */
struct peal_fault_hold {
	bool is_used;
	enum peal_fault_kind kind;
	uint64_t until_ns; /* virtual; UINT64_MAX = as long as the run */
	uint16_t a;
	uint16_t b;
	struct peal_bitset side; /* PARTITION: nodes of one side, by index */
};

#define PEAL_FAULT_HOLDS_MAX 32U

struct peal_faults {
	struct peal_simworld *world;
	struct peal_prng prng;
	bool is_gentle;
	uint32_t weights[PEAL_FAULTS_COUNT]; /* 0 = does not happen in this run */
	uint64_t gap_ns_max;
	uint64_t next_at_ns;
	struct peal_bitset impaired; /* nodes that a lasting fault holds back, by index */
	struct peal_fault_hold holds[PEAL_FAULT_HOLDS_MAX];
};

/* Deals the hand of `seed`. */
void peal_faults_init(struct peal_faults *faults, struct peal_simworld *world, uint64_t seed);
/* Runs the world to `until_ns` with faults in between. */
void peal_faults_run(struct peal_faults *faults, uint64_t until_ns);
/* A member whose crash now would leave a quorum everywhere, or nodes_count when there is none. */
uint16_t peal_faults_draw_victim(struct peal_faults *faults);
/* Ends all that last, heals the world; leavers that have left and restarts that were due come back.
 */
void peal_faults_heal(struct peal_faults *faults);

#endif
