/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of the consensus machine share: consensus.c, consensus_message.c,
 * consensus_round.c and consensus_value.c, nobody else.
 *
 * None of these may be called after the decision (asserted), but find_value, keep, release, settle
 * and build_leave; each may lead to it, so callers look at is_decided before they go on.
 */
#ifndef PEAL_CONTROL_CONSENSUS_PRIVATE_H
#define PEAL_CONTROL_CONSENSUS_PRIVATE_H

#include "control/consensus.h"

/* NULL: not known. */
const struct peal_body *peal_consensus_find_value(
	const struct peal_consensus *consensus, struct peal_hash128 digest);
/* Whom this node's own value removes: they are taken to be dead. */
const struct peal_bitset *peal_consensus_own_removals(const struct peal_consensus *consensus);
/* A set of one member. */
struct peal_bitset peal_consensus_only(uint16_t rank);
/*
 * The body of a value in memory of the caller, retained; the caller releases it. NULL: no room,
 * counted.
 */
const struct peal_body *peal_consensus_keep(struct peal_consensus *consensus,
	struct peal_hash128 digest, const struct peal_proposal *value);
/* Gives back what keep returned; NULL is nothing. */
void peal_consensus_release(struct peal_consensus *consensus, const struct peal_body *body);
/*
 * Keeps a value. When the table is full a lighter one goes, or the lightest if this one `must`
 * stay; else this one is refused and counted, and comes again with the next repeat.
 */
void peal_consensus_remember(
	struct peal_consensus *consensus, const struct peal_body *body, bool must);
/* The same, and decides the value if that is what a decision waited for. */
void peal_consensus_learn(
	struct peal_consensus *consensus, const struct peal_body *body, bool must);
/* The cut that removes the member at `rank` alone. */
void peal_consensus_build_leave(
	const struct peal_consensus *consensus, uint16_t rank, struct peal_proposal *value_out);

/*
 * The members of `ranks`, this one too, accepted `digest` at `ballot`. `body` is the value, or NULL
 * when the message has none. Decides when that makes a quorum and the body is known.
 */
void peal_consensus_count(struct peal_consensus *consensus, const struct peal_bitset *ranks,
	struct peal_ballot ballot, struct peal_hash128 digest, const struct peal_body *body);
/* This node accepted `digest`, whose value is known, at `ballot`. */
void peal_consensus_count_own(
	struct peal_consensus *consensus, struct peal_ballot ballot, struct peal_hash128 digest);
/* The member at `rank`, this one too, has promised a ballot; the running round may be lost by that.
 */
void peal_consensus_on_nack(struct peal_consensus *consensus, uint16_t rank,
	struct peal_ballot promised, uint64_t now_ns);
/* Decides a value that is known, and stops everything. */
void peal_consensus_decide(struct peal_consensus *consensus, struct peal_ballot ballot,
	struct peal_hash128 digest, enum peal_counter counter);

/* Something to decide is known: plan a round of this node, if none is planned. */
void peal_consensus_arm(struct peal_consensus *consensus, uint64_t now_ns);
/* There is something new to repeat. */
void peal_consensus_restart_repeat(struct peal_consensus *consensus, uint64_t now_ns);
/* What this node accepted last, to all. */
void peal_consensus_send_accepted(const struct peal_consensus *consensus, struct peal_outbox *out);

/* P1B of the last promise, to its coordinator or up the trees. */
void peal_consensus_send_promise(const struct peal_consensus *consensus, struct peal_outbox *out);
/* P2A of `ballot`, whose coordinator is the member of its index. `body` NULL: acceptor and message
 * alone decide what to say; see wait. */
void peal_consensus_on_proposed(struct peal_consensus *consensus, struct peal_ballot ballot,
	struct peal_hash128 digest, const struct peal_body *body, uint64_t now_ns,
	struct peal_outbox *out);
/*
 * P2A of a value that is not here. True: it waits for the body, or one of a higher ballot does.
 * False: on_proposed can answer it, since the acceptor refuses it whatever the value is.
 */
bool peal_consensus_wait(struct peal_consensus *consensus, struct peal_ballot ballot,
	struct peal_hash128 digest, uint64_t now_ns);
/* True for a value that members accepted after a quorum of reports, or may have. */
bool peal_consensus_is_accepted(const struct peal_consensus *consensus, struct peal_hash128 digest);
/* A value came or a vote was counted: what follows for this node's rounds. */
void peal_consensus_go_on(
	struct peal_consensus *consensus, uint64_t now_ns, struct peal_outbox *out);
/* A message named `digest`. If that body is missing, somebody within reach may have it: it is asked
 * for in 2 D at the latest, however long the pauses have become. */
void peal_consensus_on_named(
	struct peal_consensus *consensus, struct peal_hash128 digest, uint64_t now_ns);
/*
 * The end of every input: answers a P2A whose value came by whatever way, and asks for the bodies
 * that are missing now and were not before. May decide.
 */
void peal_consensus_settle(
	struct peal_consensus *consensus, uint64_t now_ns, struct peal_outbox *out);

/* Leads the next round, if there is anything to propose in it. */
void peal_consensus_start_round(
	struct peal_consensus *consensus, uint64_t now_ns, struct peal_outbox *out);
/* P1A or P2A of the running round again. */
void peal_consensus_repeat_round(const struct peal_consensus *consensus, struct peal_outbox *out);
/* Proposes in the running round as soon as the value rule names a value whose body is here. */
void peal_consensus_choose(
	struct peal_consensus *consensus, uint64_t now_ns, struct peal_outbox *out);
/*
 * The first coordinator does not wait when the fast round cannot succeed: when votes are split, or
 * when those that its own value removes, and that are silent, weigh too much.
 */
void peal_consensus_start_if_hopeless(
	struct peal_consensus *consensus, uint64_t now_ns, struct peal_outbox *out);

#endif
