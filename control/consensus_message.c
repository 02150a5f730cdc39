/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages of agreement: one function for each kind, and what is refused.
 */
#include "control/ballots.h"
#include "control/consensus_private.h"
#include "control/validity.h"
#include "membership/nextview.h"
#include "wire/messages.h"

/* A fast vote of another member. */
static void
on_vote(struct peal_consensus *consensus, uint16_t rank, struct peal_hash128 digest,
	const struct peal_proposal *value, uint64_t now_ns, struct peal_outbox *out)
{
	peal_counter_add(consensus->config.counters, PEAL_COUNTER_VOTES_HEARD, 1);
	peal_consensus_count(consensus, rank, PEAL_BALLOT_FAST, digest, value);
	if (!consensus->is_decided) {
		peal_consensus_arm(consensus, now_ns);
		peal_consensus_choose(consensus, now_ns, out);
	}
	if (!consensus->is_decided) {
		peal_consensus_start_if_hopeless(consensus, now_ns, out);
	}
}

void
peal_consensus_on_leave_vote(struct peal_consensus *consensus, uint16_t rank,
	struct peal_hash128 digest, uint64_t now_ns, struct peal_outbox *out)
{
	struct peal_proposal value;

	PEAL_ASSERT(rank < consensus->quorum.members_count);
	if (consensus->is_decided || rank == consensus->config.self_rank) {
		return;
	}
	peal_consensus_build_leave(consensus, rank, &value);
	if (peal_nextview_validate(consensus->config.view, &value) != PEAL_VALID ||
		!peal_hash128_equals(peal_proposal_digest(&value), digest)) {
		peal_counter_add(consensus->config.counters, PEAL_COUNTER_PROPOSALS_REFUSED, 1);
		return;
	}

	on_vote(consensus, rank, digest, &value, now_ns, out);
	peal_consensus_check(consensus);
}

static void
on_p1a(struct peal_consensus *consensus, uint16_t rank, const struct peal_ballot_msg *message,
	uint64_t now_ns, struct peal_outbox *out)
{
	struct peal_ballot before = consensus->acceptor.promised;
	enum peal_acceptor_answer answer =
		peal_acceptor_on_p1a(&consensus->acceptor, message->ballot);

	PEAL_ASSERT(answer != PEAL_ACCEPTOR_P2B && answer != PEAL_ACCEPTOR_CONFLICT);
	peal_coordinator_on_round(&consensus->coordinator, message->ballot.round);
	if (answer == PEAL_ACCEPTOR_P1B) {
		peal_ballots_send_promise(&consensus->acceptor, &consensus->values, out);
	} else if (answer == PEAL_ACCEPTOR_NACK) {
		peal_ballots_send_nack(&consensus->acceptor, rank, out);
	}
	if (peal_ballot_compare(before, message->ballot) < 0) {
		peal_fallback_yield(&consensus->fallback, now_ns);
		peal_consensus_on_nack(
			consensus, consensus->config.self_rank, message->ballot, now_ns);
	}
}

static void
on_p1b(struct peal_consensus *consensus, uint16_t rank, const struct peal_ballot_msg *message,
	uint64_t now_ns, struct peal_outbox *out)
{
	struct peal_coordinator *coordinator = &consensus->coordinator;
	struct peal_hash128 digest;

	peal_coordinator_on_p1b(coordinator, rank, message->ballot, message->vrnd, message->digest);
	if (message->has_proposal) {
		/* What it accepted is as good as the VOTE or P2B that told so. */
		peal_consensus_count(
			consensus, rank, message->vrnd, message->digest, &message->proposal);
	}
	if (consensus->is_decided) {
		return;
	}
	peal_consensus_arm(consensus, now_ns);
	if (message->has_proposal &&
		peal_coordinator_choose(coordinator, &digest) == PEAL_CHOICE_VALUE &&
		peal_hash128_equals(digest, message->digest)) {
		peal_consensus_remember(consensus, digest, &message->proposal, true);
	}
	peal_consensus_choose(consensus, now_ns, out);
}

static void
on_p2a(struct peal_consensus *consensus, uint16_t rank, const struct peal_ballot_msg *message,
	uint64_t now_ns, struct peal_outbox *out)
{
	struct peal_ballot before = consensus->acceptor.vrnd;
	enum peal_acceptor_answer answer =
		peal_acceptor_on_p2a(&consensus->acceptor, message->ballot, message->digest);

	PEAL_ASSERT(answer != PEAL_ACCEPTOR_P1B && answer != PEAL_ACCEPTOR_SILENT);
	peal_coordinator_on_round(&consensus->coordinator, message->ballot.round);
	if (answer == PEAL_ACCEPTOR_CONFLICT) {
		peal_counter_add(consensus->config.counters, PEAL_COUNTER_BALLOT_CONFLICTS, 1);
		return;
	}
	peal_consensus_learn(
		consensus, message->digest, &message->proposal, answer == PEAL_ACCEPTOR_P2B);
	if (consensus->is_decided) {
		return;
	}
	if (answer == PEAL_ACCEPTOR_NACK) {
		peal_ballots_send_nack(&consensus->acceptor, rank, out);
		peal_consensus_arm(consensus, now_ns);
		return;
	}
	peal_consensus_count(
		consensus, consensus->config.self_rank, message->ballot, message->digest, NULL);
	if (consensus->is_decided) {
		return;
	}
	peal_consensus_arm(consensus, now_ns);
	peal_consensus_send_accepted(consensus, out);
	if (peal_ballot_compare(before, message->ballot) != 0) {
		peal_fallback_yield(&consensus->fallback, now_ns);
		peal_consensus_restart_repeat(consensus, now_ns);
		peal_consensus_on_nack(
			consensus, consensus->config.self_rank, message->ballot, now_ns);
	}
}

/*
 * True when the value of a message, if any, may be accepted, was before, or was by somebody else.
 * Who accepted it or proposes it after a quorum of reports knew who is willing to go; to refuse
 * what others may have chosen, because a LEAVE did not come here, would only keep the group from
 * deciding.
 */
static bool
has_lawful_value(const struct peal_consensus *consensus, const struct peal_ballot_msg *message)
{
	bool is_chosen = message->kind == PEAL_MESSAGE_DECIDE ||
			 message->kind == PEAL_MESSAGE_P1B || message->kind == PEAL_MESSAGE_P2A ||
			 (consensus->is_pending &&
				 peal_hash128_equals(consensus->pending_digest, message->digest));

	if (!message->has_proposal) {
		return true;
	}
	if (is_chosen) {
		return peal_nextview_validate(consensus->config.view, &message->proposal) ==
		       PEAL_VALID;
	}
	return peal_consensus_find_value(consensus, message->digest) != NULL ||
	       peal_validity_of_value(
		       consensus->config.view, consensus->config.willing, &message->proposal);
}

static void
route(struct peal_consensus *consensus, uint16_t rank, const struct peal_ballot_msg *message,
	uint64_t now_ns, struct peal_outbox *out)
{
	switch (message->kind) {
	case PEAL_MESSAGE_VOTE:
		on_vote(consensus, rank, message->digest, &message->proposal, now_ns, out);
		break;
	case PEAL_MESSAGE_P1A:
		on_p1a(consensus, rank, message, now_ns, out);
		break;
	case PEAL_MESSAGE_P1B:
		on_p1b(consensus, rank, message, now_ns, out);
		break;
	case PEAL_MESSAGE_P2A:
		on_p2a(consensus, rank, message, now_ns, out);
		break;
	case PEAL_MESSAGE_P2B:
		peal_consensus_count(consensus, rank, message->ballot, message->digest, NULL);
		break;
	case PEAL_MESSAGE_NACK:
		peal_consensus_on_nack(consensus, rank, message->ballot, now_ns);
		break;
	case PEAL_MESSAGE_DECIDE:
		if (consensus->is_pending) {
			PEAL_ASSERT(
				peal_hash128_equals(consensus->pending_digest, message->digest));
		}
		peal_consensus_remember(consensus, message->digest, &message->proposal, true);
		peal_consensus_decide(consensus, message->ballot, message->digest,
			PEAL_COUNTER_DECISIONS_LEARNED);
		break;
	default:
		PEAL_ASSERT(!"a message of agreement");
	}
}

void
peal_consensus_on_message(struct peal_consensus *consensus, uint16_t rank,
	const struct peal_ballot_msg *message, uint64_t now_ns, struct peal_outbox *out)
{
	uint32_t effects_count = out->count;

	PEAL_ASSERT(rank < consensus->quorum.members_count);
	if (consensus->is_decided || rank == consensus->config.self_rank) {
		return;
	}
	if (!peal_validity_of_ballots(consensus->config.view, rank, message)) {
		peal_counter_add(consensus->config.counters, PEAL_COUNTER_BALLOT_CONFLICTS, 1);
		return;
	}
	if (!has_lawful_value(consensus, message)) {
		peal_counter_add(consensus->config.counters, PEAL_COUNTER_PROPOSALS_REFUSED, 1);
		return;
	}

	route(consensus, rank, message, now_ns, out);

	PEAL_ASSERT(out->count - effects_count <= PEAL_CONSENSUS_EFFECTS_MAX);
	peal_consensus_check(consensus);
}
