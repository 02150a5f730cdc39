/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Agreement on one cut per epoch: a leaderless fast round, classic rounds with retries behind it.
 *
 * The composite of acceptor (what I promised and accepted), learner (who accepted what) and
 * coordinator (classic rounds that I lead). It is told of the local value, of messages and of time;
 * it answers with messages in the outbox and, once, with a decision. Messages name ranks of `view`;
 * the caller has checked epoch, view tag and that the sender is the member at `rank`.
 *
 * timers: repeat - re-sends what this node accepted last (VOTE or P2B), and P1A or P2A of a running
 * round of its own, unchanged at 2 D, 4 D, ... while undecided; those of control/fallback.h - the
 * next classic round that this node leads.
 *
 * Pure; one per node and epoch; plain struct, fields private. Thread: control.
 * paper: FASTPAXOS, RAPID 4.3; the rules and their corrections are in docs/design.
 */
#ifndef PEAL_CONTROL_CONSENSUS_H
#define PEAL_CONTROL_CONSENSUS_H

#include "base/counters.h"
#include "base/timing.h"
#include "control/acceptor.h"
#include "control/coordinator.h"
#include "control/fallback.h"
#include "control/learner.h"
#include "control/quorum.h"
#include "control/values.h"
#include "membership/rings.h"
#include "wire/ballot_msg.h"
#include "wire/outbox.h"

struct peal_consensus_config {
	const struct peal_view *view;         /* being replaced; must outlive the instance */
	const struct peal_topology *topology; /* of that view; must outlive the instance */
	const struct peal_timing *timing;
	struct peal_counters *counters;
	/*
	 * Members known here to have asked to leave or to be replaced: removing them needs no
	 * majority against them. The caller keeps it up to date; NULL = none. Must outlive the
	 * instance.
	 */
	const struct peal_bitset *willing;
	uint16_t self_rank;
};

struct peal_consensus {
	struct peal_consensus_config config;
	struct peal_quorum quorum;
	struct peal_acceptor acceptor;
	struct peal_learner learner;
	struct peal_coordinator coordinator;
	struct peal_fallback fallback;
	struct peal_values values;
	/* A quorum accepted this digest, but its value is not here yet. */
	bool is_pending;
	struct peal_ballot pending_ballot;
	struct peal_hash128 pending_digest;
	uint64_t repeat_at_ns; /* UINT64_MAX = nothing to repeat */
	uint64_t repeat_ns;    /* distance to that one; the next is twice as far */
	bool is_decided;
	struct peal_ballot decided_ballot;
	struct peal_hash128 decided_digest;
};

/* Effects that one call may add: an answer, a broadcast of its own, and what follows from them. */
#define PEAL_CONSENSUS_EFFECTS_MAX 8U

void peal_consensus_init(struct peal_consensus *consensus,
	const struct peal_consensus_config *config, uint64_t now_ns);

/*
 * The local cut detector is ready with `value` (valid against the view, asserted). Votes for it in
 * the fast round unless this acceptor has voted or promised; remembers it as this node's own value
 * for classic rounds. `fast` false (last resort, a subject is still unstable): no fast vote, a
 * classic round at the next slot, and where the choice is free, votes of others come before this
 * value. A value against which D5's rule speaks (what remains is no classic quorum) is refused and
 * counted. Emits: VOTE to all, P1A to all when slot 0 need not wait. Idempotent for the same value;
 * a later value replaces the own value only.
 */
void peal_consensus_propose(struct peal_consensus *consensus, const struct peal_proposal *value,
	bool fast, uint64_t now_ns, struct peal_outbox *out);

/*
 * Leave: if the acceptor has neither voted nor promised, records the vote for {remove self} and
 * returns true with its digest; the LEAVE message carries it. True again when that is what it voted
 * for before. Otherwise false, `digest_out` untouched: LEAVE carries no vote. A sole member cannot
 * leave a view. May decide.
 */
bool peal_consensus_vote_to_leave(
	struct peal_consensus *consensus, uint64_t now_ns, struct peal_hash128 *digest_out);

/* A LEAVE with a vote: the leaver's fast vote for exactly {remove rank}; refused and counted if the
 * digest is of anything else. */
void peal_consensus_on_leave_vote(struct peal_consensus *consensus, uint16_t rank,
	struct peal_hash128 digest, uint64_t now_ns, struct peal_outbox *out);

/*
 * One message of the seven kinds, as its decoder accepts it, from the member at `rank`. Invalid
 * values are refused, counted (PROPOSALS_REFUSED) and change nothing; so are ballots that their
 * sender may not use (BALLOT_CONFLICTS). DECIDE decides at once if its value fits the view: what
 * was decided is a fact, so D5's rule is for those who still vote. Whether result_hash fits is for
 * the caller to see. After the decision nothing changes any more; the caller answers with DECIDE.
 */
void peal_consensus_on_message(struct peal_consensus *consensus, uint16_t rank,
	const struct peal_ballot_msg *message, uint64_t now_ns, struct peal_outbox *out);

void peal_consensus_on_tick(
	struct peal_consensus *consensus, uint64_t now_ns, struct peal_outbox *out);
uint64_t peal_consensus_deadline_at_ns(const struct peal_consensus *consensus);

/*
 * The decided value, or NULL. The caller builds DECIDE from it, installs, and starts a new
 * instance. A vote or P2B that decides is not sent any more: DECIDE says it all.
 */
const struct peal_proposal *peal_consensus_decided(const struct peal_consensus *consensus);

/* True when this node has voted, promised or seen a vote in this epoch: no new batch is opened
 * then. */
bool peal_consensus_is_busy(const struct peal_consensus *consensus);

/* Asserts all invariants of the parts and between them. */
void peal_consensus_check(const struct peal_consensus *consensus);

#endif
