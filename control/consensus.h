/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Agreement on one cut per epoch: a leaderless fast round, classic rounds with retries behind it.
 *
 * The composite of acceptor (what I promised and accepted), learner (who accepted what) and
 * coordinator (classic rounds that I lead). It is told of the local value, of messages and of time;
 * it answers with messages in the outbox and, once, with a decision. Messages name ranks of `view`;
 * the caller has checked epoch, view tag and that the sender is the member at `rank`.
 *
 * A value is a body (membership/bodies.h), kept while it may be needed. Messages may name a digest
 * whose body is not here: votes count all the same, what needs the body waits for it - the
 * decision, the answer to P2A, the choice of a round of its own - and PEAL_EFFECT_WANT asks for it.
 *
 * In a large group (is_large) nobody hears single votes: the own VOTE, P1B and P2B leave as
 * PEAL_EFFECT_VOTE, on_votes brings what the trees gathered to those who count, and most members
 * decide by DECIDE. P1A, P2A and DECIDE go to all as ever; NACK is not sent, so a round that cannot
 * succeed ends with the next one.
 *
 * timers: repeat - re-sends what this node accepted last (VOTE or P2B), P1A or P2A of a running
 * round of its own, and WANT of what is missing, unchanged at 2 D, 4 D, ... while undecided, and
 * from 2 D on again when what is missing is named once more; those of control/fallback.h - the next
 * classic round that this node leads.
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
#include "wire/vote_msg.h"

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
	/* More than PEAL_DIRECT_MAX members: votes leave as PEAL_EFFECT_VOTE for the trees, and
	 * come as on_votes; NACK is not sent. */
	bool is_large;
	struct peal_bodies bodies; /* outlives the instance */
};

/* Decided, proposed to this node, to be proposed by it, voted for: one body to ask for each. */
#define PEAL_CONSENSUS_WANTS_MAX 4U

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
	/* A DECIDE named this digest. Its value is not here yet: it may be of another epoch. */
	bool is_told;
	struct peal_ballot told_ballot;
	struct peal_hash128 told_digest;
	/* The P2A of the highest ballot that waits for its value. */
	bool is_asked;
	struct peal_ballot asked_ballot;
	struct peal_hash128 asked_digest;
	/* Bodies to ask for, most urgent first, and one that came and may not be accepted. */
	uint32_t wants_count;
	struct peal_hash128 wants[PEAL_CONSENSUS_WANTS_MAX];
	bool has_refused;
	struct peal_hash128 refused_digest;
	uint64_t repeat_at_ns; /* UINT64_MAX = nothing to repeat */
	uint64_t repeat_ns;    /* distance to that one; the next is twice as far */
	bool is_decided;
	struct peal_ballot decided_ballot;
	struct peal_hash128 decided_digest;
};

/* Effects that one call may add: an answer, a broadcast of its own, what follows from them, and
 * bodies to ask for. */
#define PEAL_CONSENSUS_EFFECTS_MAX 12U

/*
 * `consensus`: zeroed memory, or an instance of an epoch that is over, whose bodies are released.
 * Writes O(words), not O(N): what is kept by rank is written when it is known.
 */
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
 *
 * @return false: no room for the body now, nothing changed (BODIES_REFUSED); propose again later
 */
bool peal_consensus_propose(struct peal_consensus *consensus, const struct peal_proposal *value,
	bool fast, uint64_t now_ns, struct peal_outbox *out);

/*
 * Leave: if the acceptor has neither voted nor promised, records the vote for {remove self} and
 * returns true with its digest; the LEAVE message carries it. True again when that is what it voted
 * for before. Otherwise false, `digest_out` untouched: LEAVE carries no vote. A sole member cannot
 * leave a view; without room for the body there is no vote. May decide.
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
 * sender may not use (BALLOT_CONFLICTS), and inline values that find no room (BODIES_REFUSED).
 * DECIDE decides at once if its value is here and fits the view: what was decided is a fact, so
 * D5's rule is for those who still vote. A DECIDE without its value waits for the body, whose
 * parent says whether it is of this epoch at all. Whether result_hash fits is for the caller to
 * see. After the decision nothing changes any more; the caller answers with DECIDE.
 */
void peal_consensus_on_message(struct peal_consensus *consensus, uint16_t rank,
	const struct peal_ballot_msg *message, uint64_t now_ns, struct peal_outbox *out);

/*
 * The members of `ranks` say what `key` means (VOTE, P1B or P2B), gathered by the trees or flooded;
 * repeated, growing and overlapping sets are welcome. A kind INSTALLED, bits of nobody
 * (MESSAGES_REFUSED) and ballots that cannot be (BALLOT_CONFLICTS) are refused and counted. The bit
 * of this node itself is ignored: what it said it knows.
 */
void peal_consensus_on_votes(struct peal_consensus *consensus, const struct peal_vote_key *key,
	const struct peal_bitset *ranks, uint64_t now_ns, struct peal_outbox *out);

/*
 * A body is here, asked for or not; whatever waited for it goes on. One that nobody named changes
 * nothing; one that is no value for the view is refused and counted (PROPOSALS_REFUSED).
 */
void peal_consensus_on_body(struct peal_consensus *consensus, const struct peal_body *body,
	uint64_t now_ns, struct peal_outbox *out);

/*
 * The digest of the most urgent value that was named and is not here, for which PEAL_EFFECT_WANT
 * was added. False: none. The caller looks among the bodies that it holds, then asks others.
 */
bool peal_consensus_wants(const struct peal_consensus *consensus, struct peal_hash128 *digest_out);

void peal_consensus_on_tick(
	struct peal_consensus *consensus, uint64_t now_ns, struct peal_outbox *out);
uint64_t peal_consensus_deadline_at_ns(const struct peal_consensus *consensus);

/*
 * The decided value, or NULL; good until the next init unless retained. The caller builds DECIDE
 * from it, installs, and starts a new instance. A vote or P2B that decides is not sent any more:
 * DECIDE says it all.
 */
const struct peal_body *peal_consensus_decided(const struct peal_consensus *consensus);

/* True when this node has voted, promised or seen a vote or proposal in this epoch: no new batch is
 * opened then. A DECIDE without its value does not count: it may be of another epoch. */
bool peal_consensus_is_busy(const struct peal_consensus *consensus);

/* Asserts all invariants of the parts and between them. */
void peal_consensus_check(const struct peal_consensus *consensus);

#endif
