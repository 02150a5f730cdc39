/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/soup_private.h"
#include "wire/messages.h"

/* Forgeries: what a node with a bug would have said. */

void
peal_soup_put_value(struct peal_ballot_msg *message, const struct peal_proposal *value)
{
	message->has_proposal = true;
	message->proposal = *value;
	message->digest = peal_proposal_digest(value);
}

/* A value of somebody that differs from that of the message. */
static bool
find_other(struct peal_soup *soup, uint16_t from, struct peal_hash128 digest,
	struct peal_proposal *value_out)
{
	const struct peal_coordinator *coordinator = &soup->nodes[from].consensus.coordinator;
	const struct peal_values *values = &soup->nodes[from].consensus.values;

	if (coordinator->has_own && !peal_hash128_equals(coordinator->own_digest, digest)) {
		*value_out = peal_values_find(values, coordinator->own_digest)->proposal;
		return true;
	}
	for (uint32_t i = 0; i < values->count; i++) {
		if (!peal_hash128_equals(values->bodies[i]->digest, digest)) {
			*value_out = values->bodies[i]->proposal;
			return true;
		}
	}
	return false;
}

bool
peal_soup_is_two_faced(const struct peal_soup *soup, uint16_t rank)
{
	return soup->nodes[rank].is_buggy && (soup->plan.fault == PEAL_SOUP_IGNORE_FORCED ||
						     soup->plan.fault == PEAL_SOUP_INVENT);
}

/* Twists a proposal of a buggy coordinator. True: the message was said, in whatever form. */
static bool
twist_proposal(struct peal_soup *soup, uint16_t from, const struct peal_ballot_msg *message)
{
	static const struct peal_member stranger = {.uuid = {.low = UINT64_MAX},
		.shards_count = 1,
		.address = {.ipv4 = 1, .port = 1, .mac = {2, 0, 0, 0, 0, 1}}};
	struct peal_ballot_msg twisted = *message;
	struct peal_proposal other;

	if (soup->plan.fault == PEAL_SOUP_INVENT) {
		other = message->proposal;
		other.additions_count = 1;
		other.additions = &stranger;
	} else if (!find_other(soup, from, message->digest, &other)) {
		return false;
	}
	peal_soup_put_value(&twisted, &other);
	if (soup->plan.fault == PEAL_SOUP_TWO_PROPOSALS) {
		peal_judge_on_sent(&soup->judge, from, message);
		peal_judge_on_sent(&soup->judge, from, &twisted);
		for (uint16_t rank = 0; rank < soup->view.members_count; rank++) {
			peal_soup_carry_to(soup, from, rank, rank % 2U == 0 ? message : &twisted);
		}
		return true;
	}
	peal_soup_say(soup, from, PEAL_RANK_NONE, &twisted);
	twisted.kind = PEAL_MESSAGE_P2B;
	twisted.has_proposal = false;
	peal_soup_say(soup, from, PEAL_RANK_NONE, &twisted);
	return true;
}

static bool
twist_promise(
	struct peal_soup *soup, uint16_t from, uint16_t to, const struct peal_ballot_msg *message)
{
	struct peal_ballot_msg twisted = {.kind = message->kind, .ballot = message->ballot};

	if (message->vrnd.round == 0) {
		return false;
	}
	peal_soup_say(soup, from, to, &twisted);
	return true;
}

/* A refusal becomes the answer that was asked for. `asked` is what the refusal answers. */
static bool
twist_refusal(
	struct peal_soup *soup, uint16_t from, uint16_t to, const struct peal_ballot_msg *asked)
{
	const struct peal_acceptor *acceptor = &soup->nodes[from].consensus.acceptor;
	struct peal_ballot_msg twisted = {.ballot = asked->ballot};

	if (soup->plan.fault == PEAL_SOUP_ACCEPT_BELOW && asked->kind == PEAL_MESSAGE_P2A) {
		twisted.kind = PEAL_MESSAGE_P2B;
		twisted.digest = asked->digest;
		peal_soup_say(soup, from, PEAL_RANK_NONE, &twisted);
		return true;
	}
	if (soup->plan.fault == PEAL_SOUP_PROMISE_AGAIN && asked->kind == PEAL_MESSAGE_P1A) {
		twisted.kind = PEAL_MESSAGE_P1B;
		if (acceptor->vrnd.round > 0 &&
			peal_ballot_compare(acceptor->vrnd, asked->ballot) < 0) {
			twisted.vrnd = acceptor->vrnd;
			peal_soup_put_value(
				&twisted, &peal_values_find(&soup->nodes[from].consensus.values,
						  acceptor->vdigest)
						   ->proposal);
		}
		peal_soup_say(soup, from, to, &twisted);
		return true;
	}
	return false;
}

bool
peal_soup_twist(struct peal_soup *soup, uint16_t from, uint16_t to,
	const struct peal_ballot_msg *message, const struct peal_ballot_msg *asked)
{
	enum peal_soup_fault fault = soup->plan.fault;

	if (fault == PEAL_SOUP_NO_FAULT || !soup->nodes[from].is_buggy) {
		return false;
	}
	if (message->kind == PEAL_MESSAGE_P2A &&
		(fault == PEAL_SOUP_IGNORE_FORCED || fault == PEAL_SOUP_TWO_PROPOSALS ||
			fault == PEAL_SOUP_INVENT)) {
		return twist_proposal(soup, from, message);
	}
	if (message->kind == PEAL_MESSAGE_P2B && peal_soup_is_two_faced(soup, from) &&
		message->ballot.index == from) {
		/* It accepted what it said that it proposes; that was said with the proposal. */
		return true;
	}
	if (message->kind == PEAL_MESSAGE_P1B && fault == PEAL_SOUP_FORGET) {
		return twist_promise(soup, from, to, message);
	}
	if (message->kind == PEAL_MESSAGE_NACK && asked != NULL) {
		return twist_refusal(soup, from, to, asked);
	}
	if (message->kind == PEAL_MESSAGE_P1A && fault == PEAL_SOUP_NO_QUORUM) {
		struct peal_ballot_msg twisted = {
			.kind = PEAL_MESSAGE_P2A, .ballot = message->ballot};
		struct peal_proposal value;

		if (find_other(soup, from, (struct peal_hash128){0, 0}, &value)) {
			peal_soup_put_value(&twisted, &value);
			peal_soup_say(soup, from, PEAL_RANK_NONE, &twisted);
		}
	}
	return false;
}

void
peal_soup_forge_vote(struct peal_soup *soup, uint16_t rank, const struct peal_proposal *value)
{
	const struct peal_acceptor *acceptor = &soup->nodes[rank].consensus.acceptor;
	struct peal_ballot_msg vote = {.kind = PEAL_MESSAGE_VOTE, .ballot = PEAL_BALLOT_FAST};
	bool is_forging = (soup->plan.fault == PEAL_SOUP_VOTE_AFTER_PROMISE &&
				  acceptor->promised.round > 0 && acceptor->vrnd.round != 1) ||
			  (soup->plan.fault == PEAL_SOUP_VOTE_AGAIN && acceptor->vrnd.round == 1);

	if (!is_forging || !soup->nodes[rank].is_buggy) {
		return;
	}
	peal_soup_put_value(&vote, value);
	peal_soup_say(soup, rank, PEAL_RANK_NONE, &vote);
}
