/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/ballot_msg.h"

#include "base/assert.h"
#include "wire/messages.h"

#include <string.h>

#define FIXED_SIZE   (56U + PEAL_BITSET_WORDS * 8U)
#define PADDING_SIZE 7U

_Static_assert(FIXED_SIZE <= PEAL_BALLOT_MSG_SIZE_MAX - PEAL_PROPOSAL_ENCODED_SIZE_MAX,
	"the fixed part is within its bound");
_Static_assert(16U + PEAL_BALLOT_MSG_SIZE_MAX <= PEAL_BODY_SIZE_MAX,
	"the prefix and the largest message fit one frame");

static void
write_ballot(struct peal_writer *writer, struct peal_ballot ballot)
{
	peal_write_u64(writer, ((uint64_t)ballot.round << 32) | ballot.index);
}

static struct peal_ballot
read_ballot(struct peal_reader *reader)
{
	uint64_t rank = peal_read_u64(reader);

	return (struct peal_ballot){.round = (uint32_t)(rank >> 32), .index = (uint32_t)rank};
}

static void
write_hash(struct peal_writer *writer, struct peal_hash128 hash)
{
	peal_write_u64(writer, hash.low);
	peal_write_u64(writer, hash.high);
}

static struct peal_hash128
read_hash(struct peal_reader *reader)
{
	struct peal_hash128 hash;

	hash.low = peal_read_u64(reader);
	hash.high = peal_read_u64(reader);
	return hash;
}

static bool
is_none(struct peal_ballot ballot)
{
	return ballot.round == 0 && ballot.index == 0;
}

static bool
is_fast(struct peal_ballot ballot)
{
	return peal_ballot_compare(ballot, PEAL_BALLOT_FAST) == 0;
}

/* Of a round that a coordinator leads: rounds from 2, and its rank. */
static bool
is_classic(struct peal_ballot ballot)
{
	return ballot.round >= 2 && ballot.index < PEAL_MEMBERS_MAX;
}

static bool
is_zero(struct peal_hash128 hash)
{
	return (hash.low | hash.high) == 0;
}

/* What a kind says about the value: which of the three forms it has. */
enum value_form {
	VALUE_ABSENT, /* neither digest nor proposal */
	VALUE_NAMED,  /* digest only */
	VALUE_WHOLE,  /* proposal and its digest */
};

/* The two ballots of the table, and which form of value must follow. False: not a legal pair. */
static bool
find_form(const struct peal_ballot_msg *message, enum value_form *form_out)
{
	bool has_vrnd = !is_none(message->vrnd);

	switch (message->kind) {
	case PEAL_MESSAGE_VOTE:
		*form_out = VALUE_WHOLE;
		return is_fast(message->ballot) && !has_vrnd;
	case PEAL_MESSAGE_P1A:
	case PEAL_MESSAGE_NACK:
		*form_out = VALUE_ABSENT;
		return is_classic(message->ballot) && !has_vrnd;
	case PEAL_MESSAGE_P1B:
		/* An acceptor reports what it accepted before it promised this ballot. */
		*form_out = has_vrnd ? VALUE_WHOLE : VALUE_ABSENT;
		return is_classic(message->ballot) &&
		       (!has_vrnd || is_fast(message->vrnd) || is_classic(message->vrnd)) &&
		       peal_ballot_compare(message->vrnd, message->ballot) < 0;
	case PEAL_MESSAGE_P2A:
		*form_out = VALUE_WHOLE;
		return is_classic(message->ballot) && !has_vrnd;
	case PEAL_MESSAGE_P2B:
		*form_out = VALUE_NAMED;
		return is_classic(message->ballot) && !has_vrnd;
	case PEAL_MESSAGE_DECIDE:
		*form_out = VALUE_WHOLE;
		return (is_fast(message->ballot) || is_classic(message->ballot)) && !has_vrnd;
	default:
		return false;
	}
}

/* `left` and result_hash belong to DECIDE; who left gracefully is among the removed. */
static bool
is_outcome_consistent(const struct peal_ballot_msg *message)
{
	if (message->kind != PEAL_MESSAGE_DECIDE) {
		return is_zero(message->result_hash) && peal_bitset_is_empty(&message->left);
	}
	for (uint32_t i = 0; i < PEAL_BITSET_WORDS; i++) {
		if ((message->left.words[i] & ~message->proposal.removals.words[i]) != 0) {
			return false;
		}
	}
	return true;
}

/* The table of the header, all of it but digest against proposal. */
static bool
is_consistent(const struct peal_ballot_msg *message)
{
	enum value_form form;

	if (!find_form(message, &form) || message->has_proposal != (form == VALUE_WHOLE)) {
		return false;
	}
	if (form == VALUE_ABSENT && !is_zero(message->digest)) {
		return false;
	}
	return is_outcome_consistent(message);
}

void
peal_ballot_msg_encode(const struct peal_ballot_msg *message, struct peal_writer *writer)
{
	static const uint8_t padding[PADDING_SIZE];

	PEAL_ASSERT(is_consistent(message));

	write_ballot(writer, message->ballot);
	write_ballot(writer, message->vrnd);
	write_hash(writer, message->digest);
	write_hash(writer, message->result_hash);
	for (uint32_t i = 0; i < PEAL_BITSET_WORDS; i++) {
		peal_write_u64(writer, message->left.words[i]);
	}
	peal_write_u8(writer, message->has_proposal ? 1 : 0);
	peal_write_bytes(writer, padding, sizeof(padding));
	if (message->has_proposal) {
		peal_proposal_encode(&message->proposal, writer);
	}
}

bool
peal_ballot_msg_decode(
	uint8_t kind, struct peal_reader *reader, struct peal_ballot_msg *message_out)
{
	uint8_t padding[PADDING_SIZE];
	uint8_t any = 0;

	memset(message_out, 0, sizeof(*message_out));
	message_out->kind = kind;
	message_out->ballot = read_ballot(reader);
	message_out->vrnd = read_ballot(reader);
	message_out->digest = read_hash(reader);
	message_out->result_hash = read_hash(reader);
	for (uint32_t i = 0; i < PEAL_BITSET_WORDS; i++) {
		message_out->left.words[i] = peal_read_u64(reader);
	}
	uint8_t has_proposal = peal_read_u8(reader);
	peal_read_bytes(reader, padding, sizeof(padding));
	for (uint32_t i = 0; i < sizeof(padding); i++) {
		any |= padding[i];
	}
	if (!reader->is_ok || has_proposal > 1 || any != 0) {
		return false;
	}

	message_out->has_proposal = has_proposal == 1;
	if (message_out->has_proposal && !peal_proposal_decode(reader, &message_out->proposal)) {
		return false;
	}
	if (!peal_reader_is_done(reader) || !is_consistent(message_out)) {
		return false;
	}
	if (!message_out->has_proposal) {
		return true;
	}
	return peal_hash128_equals(
		message_out->digest, peal_proposal_digest(&message_out->proposal));
}
