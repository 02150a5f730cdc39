/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Classic rounds that this node leads: phase 1 from a quorum, the value rule, phase 2.
 *
 * Round numbers start at 2 and grow past every round seen, own ones included; a ballot (round, own
 * rank) is unique, and one value at most is proposed in it.
 * Value rule over responders Q of classic weight: the highest vrnd decides; a classic one forces
 * its digest; at the fast one a digest with weight >= weight(Q) - e is forced; otherwise the choice
 * is free: own complete value, else heaviest digest (ties: the smaller), else own value, else any
 * known value; nothing known: wait for more P1B.
 *
 *   IDLE --start--> PREPARING --propose--> PROPOSED
 *     ^                 |                      |
 *     +---- stop, or nacked by too many -------+     start: from any state, with a higher ballot
 *
 * What members of Q told is kept as groups of the same (vrnd, digest), with an index by rank.
 *
 * Pure; plain struct, fields private. Thread: control. No allocation.
 * paper: FASTPAXOS 3.1, picking a value; 3.2, recovery.
 */
#ifndef PEAL_CONTROL_COORDINATOR_H
#define PEAL_CONTROL_COORDINATOR_H

#include "control/quorum.h"
#include "wire/ballot_msg.h"

enum peal_coordinator_state {
	PEAL_COORDINATOR_IDLE = 0,      /* no round of its own runs */
	PEAL_COORDINATOR_PREPARING = 1, /* P1A sent, collecting P1B */
	PEAL_COORDINATOR_PROPOSED = 2,  /* P2A sent, the learner counts */
};

enum peal_choice {
	PEAL_CHOICE_WAIT = 0,  /* no quorum yet, or no value known */
	PEAL_CHOICE_VALUE = 1, /* this value may be proposed now */
	PEAL_CHOICE_CONFLICT =
		2, /* two values at one classic ballot: a violation, propose nothing */
};

struct peal_coordinator {
	struct peal_quorum quorum;
	uint16_t self_rank;
	enum peal_coordinator_state state;
	struct peal_ballot ballot;     /* of the running round */
	uint32_t round_highest;        /* seen anywhere, own rounds included; at least 1 */
	uint32_t attempts_count;       /* rounds started */
	struct peal_bitset responders; /* Q of the running round */
	struct peal_bitset nackers;
	uint32_t said_count; /* different things told by P1B */
	struct {
		struct peal_ballot vrnd; /* (0,0) = accepted nothing */
		struct peal_hash128 digest;
		uint32_t weight;           /* of those who told it */
	} said[PEAL_FAST_VALUES_MAX];      /* [said_count] */
	uint8_t said_by[PEAL_MEMBERS_MAX]; /* by rank, of Q: index into said */
	struct peal_hash128 proposed_digest;
	bool has_own;      /* this node's own value */
	bool own_complete; /* its cut detector had no unstable subject */
	struct peal_hash128 own_digest;
	bool has_known; /* some valid value of anybody */
	struct peal_hash128 known_digest;
};

void peal_coordinator_init(
	struct peal_coordinator *coordinator, struct peal_quorum quorum, uint16_t self_rank);
void peal_coordinator_set_own(
	struct peal_coordinator *coordinator, struct peal_hash128 digest, bool complete);
/* A value that somebody proposed, for rounds in which nobody of Q and not this node has one. */
void peal_coordinator_set_known(struct peal_coordinator *coordinator, struct peal_hash128 digest);
/* Any round number, [1, PEAL_ROUNDS_MAX], seen in a promise, NACK or proposal. */
void peal_coordinator_on_round(struct peal_coordinator *coordinator, uint32_t round);
/* False when the round numbers of this epoch are used up. */
bool peal_coordinator_can_start(const struct peal_coordinator *coordinator);
/* Starts the next round; returns its ballot for P1A. Q and its reports begin empty. */
struct peal_ballot peal_coordinator_start(struct peal_coordinator *coordinator);
/* The running round ends without a value. */
void peal_coordinator_stop(struct peal_coordinator *coordinator);
/*
 * P1B of the members of `ranks` for `ballot`; vrnd (0,0) = they accepted nothing. Other ballots,
 * members heard before, reports after the proposal, and what would be one thing more than
 * PEAL_FAST_VALUES_MAX are ignored: a promise that is not counted does no harm. O(new + words).
 */
void peal_coordinator_on_p1b(struct peal_coordinator *coordinator, const struct peal_bitset *ranks,
	struct peal_ballot ballot, struct peal_ballot vrnd, struct peal_hash128 vdigest);
/* What the value rule says now; `digest_out` is set with PEAL_CHOICE_VALUE. WAIT unless PREPARING.
 * O(things told), and O(N) once. */
enum peal_choice peal_coordinator_choose(
	const struct peal_coordinator *coordinator, struct peal_hash128 *digest_out);
/* True when somebody of Q told that it accepted `digest`. */
bool peal_coordinator_was_told(
	const struct peal_coordinator *coordinator, struct peal_hash128 digest);
/* Proposes what `choose` gave, by P2A of the running ballot. */
void peal_coordinator_propose(struct peal_coordinator *coordinator, struct peal_hash128 digest);
/*
 * NACK of the member at `rank`, which promised `promised`. Counts against the running round if that
 * is higher.
 * @return true when more refused than a quorum can spare: the round is lost, the state is IDLE
 */
bool peal_coordinator_on_nack(
	struct peal_coordinator *coordinator, uint16_t rank, struct peal_ballot promised);
void peal_coordinator_check(const struct peal_coordinator *coordinator);

#endif
