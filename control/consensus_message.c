/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages of agreement: one function for each kind, and what is refused.
 */
#include "control/ballots.h"
#include "control/consensus_private.h"
#include "control/validity.h"
#include "membership/nextview.h"
#include "wire/messages.h"

/* Members voted in the fast round. */
static void
on_fast(struct peal_consensus *consensus, const struct peal_bitset *ranks,
	const struct peal_vote_key *key, const struct peal_body *body, uint64_t now_ns,
	struct peal_outbox *out)
{
	PEAL_ASSERT(key->kind == PEAL_VOTE_FAST);
	peal_counter_add(consensus->config.counters, PEAL_COUNTER_VOTES_HEARD, 1);
	peal_consensus_count(consensus, ranks, PEAL_BALLOT_FAST, key->digest, body);
	if (!consensus->is_decided) {
		peal_consensus_go_on(consensus, now_ns, out);
	}
}

/* Members promised the ballot of `key`, and told what they accepted. */
static void
on_promises(struct peal_consensus *consensus, const struct peal_bitset *ranks,
	const struct peal_vote_key *key, const struct peal_body *body, uint64_t now_ns,
	struct peal_outbox *out)
{
	struct peal_coordinator *coordinator = &consensus->coordinator;
	struct peal_hash128 digest;

	PEAL_ASSERT(key->kind == PEAL_VOTE_PROMISE);
	peal_coordinator_on_p1b(coordinator, ranks, key->ballot, key->vrnd, key->digest);
	if (key->vrnd.round > 0) {
		/* What they accepted is as good as the VOTE or P2B that told so. */
		peal_consensus_count(consensus, ranks, key->vrnd, key->digest, body);
	}
	if (consensus->is_decided) {
		return;
	}
	peal_consensus_arm(consensus, now_ns);
	if (body != NULL && peal_coordinator_choose(coordinator, &digest) == PEAL_CHOICE_VALUE &&
		peal_hash128_equals(digest, key->digest)) {
		peal_consensus_remember(consensus, body, true);
	}
	peal_consensus_choose(consensus, now_ns, out);
}

/* What `key` means was said by the members of `ranks`; `body` is its value, if it came along. */
static void
hear(struct peal_consensus *consensus, const struct peal_bitset *ranks,
	const struct peal_vote_key *key, const struct peal_body *body, uint64_t now_ns,
	struct peal_outbox *out)
{
	switch ((enum peal_vote_kind)key->kind) {
	case PEAL_VOTE_FAST:
		on_fast(consensus, ranks, key, body, now_ns, out);
		break;
	case PEAL_VOTE_PROMISE:
		on_promises(consensus, ranks, key, body, now_ns, out);
		break;
	case PEAL_VOTE_ACCEPT:
		peal_consensus_count(consensus, ranks, key->ballot, key->digest, body);
		break;
	case PEAL_VOTE_INSTALLED:
	default:
		PEAL_ASSERT(!"a kind of vote that counts for agreement");
	}
}

void
peal_consensus_on_leave_vote(struct peal_consensus *consensus, uint16_t rank,
	struct peal_hash128 digest, uint64_t now_ns, struct peal_outbox *out)
{
	struct peal_vote_key key = {
		.kind = PEAL_VOTE_FAST, .ballot = PEAL_BALLOT_FAST, .digest = digest};
	struct peal_bitset leaver = peal_consensus_only(rank);
	const struct peal_body *body;
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
	body = peal_consensus_keep(consensus, digest, &value);
	if (body == NULL) {
		return;
	}

	hear(consensus, &leaver, &key, body, now_ns, out);
	peal_consensus_release(consensus, body);
	peal_consensus_settle(consensus, now_ns, out);
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
		peal_consensus_send_promise(consensus, out);
	} else if (answer == PEAL_ACCEPTOR_NACK && !consensus->config.is_large) {
		peal_ballots_send_nack(&consensus->acceptor, rank, out);
	}
	if (peal_ballot_compare(before, message->ballot) < 0) {
		peal_fallback_yield(&consensus->fallback, now_ns);
		peal_consensus_on_nack(
			consensus, consensus->config.self_rank, message->ballot, now_ns);
	}
}

static void
on_p2a(struct peal_consensus *consensus, const struct peal_ballot_msg *message,
	const struct peal_body *body, uint64_t now_ns, struct peal_outbox *out)
{
	PEAL_ASSERT(message->kind == PEAL_MESSAGE_P2A);
	peal_coordinator_on_round(&consensus->coordinator, message->ballot.round);
	if (body == NULL) {
		body = peal_consensus_find_value(consensus, message->digest);
	}
	if (body == NULL &&
		peal_consensus_wait(consensus, message->ballot, message->digest, now_ns)) {
		return;
	}
	peal_consensus_on_proposed(consensus, message->ballot, message->digest, body, now_ns, out);
}

/* What was decided is a fact; without its value not even the epoch is known. */
static void
on_decide(struct peal_consensus *consensus, const struct peal_ballot_msg *message,
	const struct peal_body *body)
{
	PEAL_ASSERT(message->kind == PEAL_MESSAGE_DECIDE);
	if (body == NULL) {
		body = peal_consensus_find_value(consensus, message->digest);
	}
	if (body == NULL) {
		consensus->is_told = true;
		consensus->told_ballot = message->ballot;
		consensus->told_digest = message->digest;
		return;
	}
	if (consensus->is_pending) {
		PEAL_ASSERT(peal_hash128_equals(consensus->pending_digest, message->digest));
	}
	peal_consensus_remember(consensus, body, true);
	peal_consensus_decide(
		consensus, message->ballot, message->digest, PEAL_COUNTER_DECISIONS_LEARNED);
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
			 peal_consensus_is_accepted(consensus, message->digest);

	if (!message->has_proposal ||
		peal_consensus_find_value(consensus, message->digest) != NULL) {
		return true;
	}
	if (is_chosen) {
		return peal_nextview_validate(consensus->config.view, &message->proposal) ==
		       PEAL_VALID;
	}
	return peal_validity_of_value(
		consensus->config.view, consensus->config.willing, &message->proposal);
}

/* VOTE, P1B and P2B as what one member says under a key. */
static struct peal_vote_key
key_of(const struct peal_ballot_msg *message)
{
	struct peal_vote_key key = {.kind = PEAL_VOTE_FAST,
		.ballot = message->ballot,
		.vrnd = message->vrnd,
		.digest = message->digest};

	if (message->kind == PEAL_MESSAGE_P1B) {
		key.kind = PEAL_VOTE_PROMISE;
	} else if (message->kind == PEAL_MESSAGE_P2B) {
		key.kind = PEAL_VOTE_ACCEPT;
	} else {
		PEAL_ASSERT(message->kind == PEAL_MESSAGE_VOTE);
	}
	return key;
}

static void
route(struct peal_consensus *consensus, uint16_t rank, const struct peal_ballot_msg *message,
	const struct peal_body *body, uint64_t now_ns, struct peal_outbox *out)
{
	struct peal_bitset sender = peal_consensus_only(rank);
	struct peal_vote_key key;

	switch (message->kind) {
	case PEAL_MESSAGE_VOTE:
	case PEAL_MESSAGE_P1B:
	case PEAL_MESSAGE_P2B:
		key = key_of(message);
		hear(consensus, &sender, &key, body, now_ns, out);
		break;
	case PEAL_MESSAGE_P1A:
		on_p1a(consensus, rank, message, now_ns, out);
		break;
	case PEAL_MESSAGE_P2A:
		on_p2a(consensus, message, body, now_ns, out);
		break;
	case PEAL_MESSAGE_NACK:
		peal_consensus_on_nack(consensus, rank, message->ballot, now_ns);
		break;
	case PEAL_MESSAGE_DECIDE:
		on_decide(consensus, message, body);
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
	const struct peal_body *body = NULL;

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
	if (message->has_proposal) {
		body = peal_consensus_keep(consensus, message->digest, &message->proposal);
		if (body == NULL) {
			return;
		}
	}

	peal_consensus_on_named(consensus, message->digest, now_ns);
	route(consensus, rank, message, body, now_ns, out);
	peal_consensus_release(consensus, body);
	peal_consensus_settle(consensus, now_ns, out);

	PEAL_ASSERT(out->count - effects_count <= PEAL_CONSENSUS_EFFECTS_MAX);
	peal_consensus_check(consensus);
}

void
peal_consensus_on_votes(struct peal_consensus *consensus, const struct peal_vote_key *key,
	const struct peal_bitset *ranks, uint64_t now_ns, struct peal_outbox *out)
{
	uint32_t effects_count = out->count;
	struct peal_bitset others = *ranks;

	if (consensus->is_decided) {
		return;
	}
	if (key->kind < PEAL_VOTE_FAST || key->kind > PEAL_VOTE_ACCEPT ||
		peal_bitset_is_empty(ranks) ||
		!peal_bitset_is_within(ranks, consensus->quorum.members_count)) {
		peal_counter_add(consensus->config.counters, PEAL_COUNTER_MESSAGES_REFUSED, 1);
		return;
	}
	if (!peal_validity_of_votes(consensus->config.view, key)) {
		peal_counter_add(consensus->config.counters, PEAL_COUNTER_BALLOT_CONFLICTS, 1);
		return;
	}
	peal_bitset_remove(&others, consensus->config.self_rank);
	if (peal_bitset_is_empty(&others)) {
		return;
	}

	peal_consensus_on_named(consensus, key->digest, now_ns);
	hear(consensus, &others, key, NULL, now_ns, out);
	peal_consensus_settle(consensus, now_ns, out);

	PEAL_ASSERT(out->count - effects_count <= PEAL_CONSENSUS_EFFECTS_MAX);
	peal_consensus_check(consensus);
}
