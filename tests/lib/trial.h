/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One group and its faults, from the first lost probe until everybody faulty is out: the real
 * edges, rings, cuts and successor views, and a model of everything between them.
 *
 * Each probe of each edge is drawn, at its own time, from the losses of both members and the state
 * of the link between them. A failed edge is reported; the report reaches each of a few viewers
 * after a flood of its own, some late. A viewer is a healthy member with a cut of its own. When the
 * cut of the first viewer is due, it is decided, the group goes on with the next view, edges that
 * stay keep their window, and so on. The trial judges what no member can know: whether a healthy
 * member was taken. Healthy is who loses nothing itself and has fewer than L bad edges, as observer
 * and as subject.
 *
 * Time goes in steps of a millisecond. One trial at a time; large, so static or on the heap.
 */
#ifndef PEAL_TESTS_LIB_TRIAL_H
#define PEAL_TESTS_LIB_TRIAL_H

#include "base/prng.h"
#include "membership/cut.h"
#include "membership/edge.h"

#define PEAL_TRIAL_VIEWERS_MAX  3U
#define PEAL_TRIAL_ARRIVALS_MAX (1U << 21)
#define PEAL_TRIAL_EDGES_MAX    (PEAL_MEMBERS_MAX * PEAL_RINGS_MAX)
#define PEAL_TRIAL_RINGS_SIZE   ((size_t)4U << 20)
#define PEAL_TRIAL_WHEEL_SIZE   4096U

/* What a member loses, of 256 packets, for a part of each period. */
struct peal_trial_fault {
	uint16_t loss_in;   /* [0, 256] */
	uint16_t loss_out;  /* [0, 256] */
	uint32_t on_ms;     /* 0 = always */
	uint32_t period_ms; /* on for the first on_ms of it */
};

struct peal_trial_result {
	uint32_t cuts_count;        /* decided */
	uint32_t healthy_out_count; /* healthy members removed */
	uint32_t healthy_due_count; /* due cuts with a healthy member, of any viewer */
	/* Moments at which a complete cut had a healthy member: a coordinator might have chosen it.
	 */
	uint32_t healthy_free_count;
	uint32_t conflict_count;    /* decisions while another viewer was due with another cut */
	uint32_t left_count;        /* faulty members still in at the end */
	uint32_t removed_count;     /* members, healthy or not */
	uint32_t last_resort_count; /* due cuts with somebody unstable */
	uint32_t echoes_count;
	uint32_t first_ms; /* first and last decision; 0 = none */
	uint32_t last_ms;
};

struct peal_trial_edge {
	struct peal_edge edge;
	uint32_t due_at_ms;
	uint32_t next; /* edge + 1 in the list of its millisecond; 0 = end */
	bool is_reported;
};

/* A report on its way to a viewer. */
struct peal_trial_arrival {
	uint32_t next; /* in the list of its millisecond; UINT32_MAX = end */
	uint16_t rank;
	uint8_t k;
	uint8_t viewer;
};

struct peal_trial {
	struct peal_prng prng;
	struct peal_timing timing;
	uint32_t late_ratio; /* so many of 256 reports miss a flood, and come by a repeat; may be
				set */
	uint32_t end_ms;     /* may be set */
	uint32_t now_ms;

	/* What stays: members are named by mid - 1, their rank at the start. */
	uint32_t members_count;
	struct peal_trial_fault faults[PEAL_MEMBERS_MAX];
	struct peal_bitset broken[PEAL_MEMBERS_MAX]; /* links that do not work, both ways */
	struct peal_bitset faulty;
	struct peal_bitset out;
	uint16_t viewers[PEAL_TRIAL_VIEWERS_MAX];

	/* The epoch. */
	struct peal_view view;
	struct peal_topology topology;
	uint32_t side; /* which of two memories is in use */
	struct peal_member members[2][PEAL_MEMBERS_MAX];
	_Alignas(64) uint8_t rings_memory[2][PEAL_TRIAL_RINGS_SIZE];
	struct peal_trial_edge edges[2][PEAL_TRIAL_EDGES_MAX]; /* [rank * observers_count + k] */
	struct peal_bitset healthy;                            /* by rank */
	struct peal_cut cuts[PEAL_TRIAL_VIEWERS_MAX];
	bool was_due[PEAL_TRIAL_VIEWERS_MAX];
	struct peal_hash128 due_digests[PEAL_TRIAL_VIEWERS_MAX];
	struct peal_proposal value;               /* being decided */
	uint32_t decide_at_ms;                    /* 0 = nothing is */
	uint32_t probes[PEAL_TRIAL_WHEEL_SIZE];   /* edges by millisecond */
	uint32_t arrivals[PEAL_TRIAL_WHEEL_SIZE]; /* reports by millisecond */
	uint32_t reports_count;
	struct peal_trial_arrival reports[PEAL_TRIAL_ARRIVALS_MAX];

	struct peal_trial_result result;
};

/* A group of members without faults. Memory is zero or was used by a trial before. */
void peal_trial_init(
	struct peal_trial *trial, uint64_t seed, uint32_t members_count, uint8_t rings_count);
/* Gives a member a fault, before the run. `index` is its mid - 1, its rank at the start. */
void peal_trial_fail(struct peal_trial *trial, uint32_t index, struct peal_trial_fault fault);
/* Breaks the link between two members, in either direction: it comes to the same. */
void peal_trial_break(struct peal_trial *trial, uint32_t a, uint32_t b);
/* Runs to the end: nobody faulty is left, or end_ms. */
struct peal_trial_result peal_trial_run(struct peal_trial *trial);

#endif
