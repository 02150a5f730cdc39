/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of the consensus machine share: consensus.c and consensus_message.c, nobody else.
 *
 * None of these may be called after the decision (asserted), but find_value and build_leave; each
 * may lead to it, so callers look at is_decided before they go on.
 */
#ifndef PEAL_CONTROL_CONSENSUS_PRIVATE_H
#define PEAL_CONTROL_CONSENSUS_PRIVATE_H

#include "control/consensus.h"

/* NULL: not known. */
const struct peal_proposal *peal_consensus_find_value(
	const struct peal_consensus *consensus, struct peal_hash128 digest);
/*
 * Keeps a value. When the table is full a lighter one goes, or the lightest if this one `must`
 * stay; else this one is refused and counted, and comes again with the next repeat.
 */
void peal_consensus_remember(struct peal_consensus *consensus, struct peal_hash128 digest,
	const struct peal_proposal *value, bool must);
/* The same, and decides the value if that is what a decision waited for. */
void peal_consensus_learn(struct peal_consensus *consensus, struct peal_hash128 digest,
	const struct peal_proposal *value, bool must);
/* The cut that removes the member at `rank` alone. */
void peal_consensus_build_leave(
	const struct peal_consensus *consensus, uint16_t rank, struct peal_proposal *value_out);

/*
 * The member at `rank`, this one too, accepted `digest` at `ballot`. `value` is its body, or NULL
 * when the message has none. Decides when that makes a quorum and the body is known.
 */
void peal_consensus_count(struct peal_consensus *consensus, uint16_t rank,
	struct peal_ballot ballot, struct peal_hash128 digest, const struct peal_proposal *value);
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
