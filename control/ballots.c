/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/ballots.h"

#include "wire/messages.h"
#include "wire/vote_msg.h"

#include <string.h>

/* `rank` PEAL_RANK_NONE = everybody. */
static void
send(const struct peal_ballot_msg *message, uint16_t rank, struct peal_outbox *out)
{
	struct peal_effect effect = {
		.kind = rank == PEAL_RANK_NONE ? PEAL_EFFECT_SEND_ALL : PEAL_EFFECT_SEND_MEMBER,
		.message = message->kind,
		.rank = rank,
	};
	struct peal_writer writer;

	PEAL_ASSERT(rank == PEAL_RANK_NONE || rank < PEAL_MEMBERS_MAX);
	writer = peal_outbox_open(out, &effect, PEAL_BALLOT_MSG_SIZE_MAX);
	peal_ballot_msg_encode(message, &writer);
	peal_outbox_commit(out, &writer);
}

static void
attach_value(const struct peal_values *values, struct peal_hash128 digest,
	struct peal_ballot_msg *message)
{
	const struct peal_body *value = peal_values_find(values, digest);

	PEAL_ASSERT(value != NULL);
	message->digest = digest;
	message->has_proposal = true;
	message->proposal = value->proposal;
}

/* The own bit under `key`, for the trees. */
static void
send_bit(const struct peal_vote_key *key, struct peal_outbox *out)
{
	struct peal_effect effect = {.kind = PEAL_EFFECT_VOTE};
	struct peal_writer writer = peal_outbox_open(out, &effect, sizeof(*key));

	PEAL_ASSERT(key->kind != PEAL_VOTE_INSTALLED);
	peal_write_bytes(&writer, key, sizeof(*key));
	peal_outbox_commit(out, &writer);
}

void
peal_ballots_send_accepted(const struct peal_acceptor *acceptor, const struct peal_values *values,
	bool is_large, struct peal_outbox *out)
{
	PEAL_ASSERT(acceptor->vrnd.round >= 1);
	if (is_large) {
		struct peal_vote_key key;

		memset(&key, 0, sizeof(key));
		key.kind = acceptor->vrnd.round == 1 ? PEAL_VOTE_FAST : PEAL_VOTE_ACCEPT;
		key.ballot = acceptor->vrnd;
		key.digest = acceptor->vdigest;
		send_bit(&key, out);
	} else {
		struct peal_ballot_msg message = {
			.kind = PEAL_MESSAGE_P2B,
			.ballot = acceptor->vrnd,
			.digest = acceptor->vdigest,
		};

		if (acceptor->vrnd.round == 1) {
			/* paper: FASTPAXOS 3.1, phase 2b of a fast round. Repeating an old vote
			 * after a promise is harmless: it is the vote that the promise told of. */
			message.kind = PEAL_MESSAGE_VOTE;
			attach_value(values, acceptor->vdigest, &message);
		}
		send(&message, PEAL_RANK_NONE, out);
	}
}

void
peal_ballots_send_promise(const struct peal_acceptor *acceptor, const struct peal_values *values,
	bool is_large, struct peal_outbox *out)
{
	PEAL_ASSERT(acceptor->has_p1b);
	if (is_large) {
		struct peal_vote_key key;

		memset(&key, 0, sizeof(key));
		key.kind = PEAL_VOTE_PROMISE;
		key.ballot = acceptor->promised;
		key.vrnd = acceptor->p1b_vrnd;
		if (acceptor->p1b_vrnd.round > 0) {
			key.digest = acceptor->p1b_vdigest;
		}
		send_bit(&key, out);
	} else {
		struct peal_ballot_msg message = {
			.kind = PEAL_MESSAGE_P1B,
			.ballot = acceptor->promised,
			.vrnd = acceptor->p1b_vrnd,
		};

		if (acceptor->p1b_vrnd.round > 0) {
			attach_value(values, acceptor->p1b_vdigest, &message);
		}
		send(&message, (uint16_t)acceptor->promised.index, out);
	}
}

void
peal_ballots_send_nack(const struct peal_acceptor *acceptor, uint16_t rank, struct peal_outbox *out)
{
	struct peal_ballot_msg message = {
		.kind = PEAL_MESSAGE_NACK,
		.ballot = acceptor->promised,
	};

	PEAL_ASSERT(acceptor->promised.round >= 2);
	send(&message, rank, out);
}

void
peal_ballots_send_round(const struct peal_coordinator *coordinator,
	const struct peal_values *values, struct peal_outbox *out)
{
	struct peal_ballot_msg message = {
		.kind = PEAL_MESSAGE_P1A,
		.ballot = coordinator->ballot,
	};

	PEAL_ASSERT(coordinator->state != PEAL_COORDINATOR_IDLE);
	if (coordinator->state == PEAL_COORDINATOR_PROPOSED) {
		message.kind = PEAL_MESSAGE_P2A;
		attach_value(values, coordinator->proposed_digest, &message);
	}
	send(&message, PEAL_RANK_NONE, out);
}

void
peal_ballots_send_want(struct peal_hash128 digest, struct peal_outbox *out)
{
	struct peal_effect effect = {.kind = PEAL_EFFECT_WANT};
	struct peal_writer writer = peal_outbox_open(out, &effect, sizeof(digest));

	peal_write_bytes(&writer, &digest, sizeof(digest));
	peal_outbox_commit(out, &writer);
	PEAL_ASSERT(out->count > 0);
}
