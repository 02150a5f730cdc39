/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How large a frame to each peer may be: proven by padded probes, kept with the peer.
 *
 * Each direction is proven by who sends in it. There are few sizes (rungs): what every path
 * carries, what an Ethernet of 1 500 bytes carries, what the own link carries. A round sends a
 * probe of each size, and again those that are not answered, with doubled pauses; it ends when the
 * largest was answered, or after PEAL_PATHMTU_TRIES_MAX. A larger size is used as soon as it is
 * answered. A smaller one is taken only when a round ends in which smaller probes were answered and
 * those of the size in use were not: so silence, which membership judges, is never taken for a
 * narrow path.
 *
 * A round begins when the first channel to a peer opens, in each new view, when large frames are
 * lost again and again (suspect), when
 * frames take another way, and every PEAL_PATHMTU_RAISE_NS while the path is narrower than the
 * own link. One in which nothing at all was answered says nothing and is repeated.
 *
 * A peer answers only what it has buffers for. Pure; plain struct, fields private; one core. Costs
 * nothing where the own link carries no large frames: then there is one size, and no probe.
 * paper: RFC 8899 (datagram packetization layer path MTU discovery), without its search by steps.
 */
#ifndef PEAL_DATAPLANE_PATHMTU_H
#define PEAL_DATAPLANE_PATHMTU_H

#include "base/counters.h"
#include "base/deadlines.h"
#include "base/messagelimits.h"
#include "dataplane/egress.h"
#include "dataplane/ingress.h"
#include "dataplane/peers.h"

struct peal_pathmtu_peer {
	uint64_t mid;      /* 0 = empty slot */
	uint64_t pause_ns; /* after the next try */
	uint64_t first_pause_ns;
	uint32_t round;
	uint8_t tries_count; /* of this round; 0 = none goes on, or it begins */
	uint8_t answered;    /* bit i: a probe of rung i was answered in this round */
	uint8_t rung;        /* proven */
	bool is_wanted;
	bool is_trying; /* a round goes on */
};

struct peal_pathmtu {
	struct peal_egress *egress;
	struct peal_counters *counters;
	/* The size to the peer at `slot` changed. */
	void (*changed)(void *state, uint16_t slot);
	void *state;
	uint16_t buffer_size; /* probes above are not answered */
	uint8_t rungs_count;
	uint16_t body_sizes[PEAL_PATHMTU_RUNGS_MAX]; /* rungs, growing */
	uint32_t next_round;
	struct peal_deadlines due_at; /* by slot */
	struct peal_pathmtu_peer peers[PEAL_SLOTS_MAX];
};

struct peal_pathmtu_config {
	struct peal_egress *egress;
	struct peal_counters *counters;
	void (*changed)(void *state, uint16_t slot);
	void *state;
	uint16_t buffer_size; /* body of the largest frame that this end has buffers for */
};

/* What is named outlives it. The egress need not be initialised yet. */
void peal_pathmtu_init(struct peal_pathmtu *paths, const struct peal_pathmtu_config *config);

/* Takes another table, after the egress did: new peers begin with the smallest size, the paths to
 * others are proven anew, and used as they are meanwhile. */
void peal_pathmtu_switch(struct peal_pathmtu *paths, const struct peal_peers *peers);

/* There is something to say to the peer at `slot`, which is not empty: its path is found out, once.
 */
void peal_pathmtu_want(struct peal_pathmtu *paths, uint16_t slot);

/* Large frames to it are lost again and again. Does nothing while its path is being tried. */
void peal_pathmtu_suspect(struct peal_pathmtu *paths, uint16_t slot);

/* Frames to it go another way, through another member or directly again: what was proven is not
 * known of this one. The smallest size is used until more is proven. */
void peal_pathmtu_restart(struct peal_pathmtu *paths, uint16_t slot);

/* Body of the largest frame to the peer at `slot`. */
static inline uint16_t
peal_pathmtu_body_size(const struct peal_pathmtu *paths, uint16_t slot)
{
	return paths->body_sizes[paths->peers[slot].rung];
}

/* An opened PATH_PROBE or PATH_ANSWER of a member. What is wrong is counted as REFUSED_BODY; an
 * answer to an older round, or to what was not sent, changes nothing. */
void peal_pathmtu_on_frame(
	struct peal_pathmtu *paths, const struct peal_opened *opened, uint64_t now_ns);

/* Private: something is due. */
uint32_t peal_pathmtu_run_due(struct peal_pathmtu *paths, uint64_t now_ns);

/* Once a turn. Returns frames sent. */
static inline uint32_t
peal_pathmtu_run(struct peal_pathmtu *paths, uint64_t now_ns)
{
	if (__builtin_expect(now_ns < peal_deadlines_earliest_ns(&paths->due_at), 1)) {
		return 0;
	}
	return peal_pathmtu_run_due(paths, now_ns);
}

/* When run should be called; 0 = at once; UINT64_MAX = not needed. */
static inline uint64_t
peal_pathmtu_deadline_at_ns(const struct peal_pathmtu *paths)
{
	return peal_deadlines_earliest_ns(&paths->due_at);
}

#endif
