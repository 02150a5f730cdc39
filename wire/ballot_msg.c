/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/ballot_msg.h"

#include "base/assert.h"
#include "wire/fields.h"
#include "wire/flood_msg.h"
#include "wire/messages.h"

#include <stddef.h>
#include <string.h>

#define PADDING_SIZE 3U

_Static_assert(PEAL_FLOOD_PREFIX_SIZE + PEAL_BALLOT_MSG_SIZE_MAX <= PEAL_BODY_SIZE_MAX,
	"the prefix and the largest message fit one frame");
_Static_assert(PEAL_INLINE_SIZE_MAX <= UINT16_MAX, "the size of a value travels in sixteen bits");

/* What a kind says about the value: which of the three forms it has. */
enum value_form {
	VALUE_ABSENT, /* neither digest nor proposal */
	VALUE_NAMED,  /* digest only */
	VALUE_WHOLE,  /* digest, and the proposal when it is small */
};

/* The two ballots of the table, and which form of value must follow. False: not a legal pair. */
static bool
find_form(const struct peal_ballot_msg *message, enum value_form *form_out)
{
	bool has_vrnd = !peal_ballot_is_none(message->vrnd);
	bool is_fast = peal_ballot_is_fast(message->ballot);
	bool is_classic = peal_ballot_is_classic(message->ballot);

	switch (message->kind) {
	case PEAL_MESSAGE_VOTE:
		*form_out = VALUE_WHOLE;
		return is_fast && !has_vrnd;
	case PEAL_MESSAGE_P1A:
	case PEAL_MESSAGE_NACK:
		*form_out = VALUE_ABSENT;
		return is_classic && !has_vrnd;
	case PEAL_MESSAGE_P1B:
		/* An acceptor reports what it accepted before it promised this ballot. */
		*form_out = has_vrnd ? VALUE_WHOLE : VALUE_ABSENT;
		return is_classic && peal_ballot_may_precede(message->vrnd, message->ballot);
	case PEAL_MESSAGE_P2A:
		*form_out = VALUE_WHOLE;
		return is_classic && !has_vrnd;
	case PEAL_MESSAGE_P2B:
		*form_out = VALUE_NAMED;
		return is_classic && !has_vrnd;
	case PEAL_MESSAGE_DECIDE:
		*form_out = VALUE_WHOLE;
		return (is_fast || is_classic) && !has_vrnd;
	default:
		return false;
	}
}

/* `left` and result_hash belong to DECIDE; who left gracefully is among the removed. */
static bool
is_outcome_consistent(const struct peal_ballot_msg *message)
{
	if (message->kind != PEAL_MESSAGE_DECIDE) {
		return peal_hash_is_none(message->result_hash) &&
		       peal_bitset_is_empty(&message->left);
	}
	/* Of a large value there are only those that fit, and nothing to compare them with. */
	if (!message->has_proposal) {
		return true;
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

	if (!find_form(message, &form) || (message->has_proposal && form != VALUE_WHOLE) ||
		peal_hash_is_none(message->digest) != (form == VALUE_ABSENT)) {
		return false;
	}
	return is_outcome_consistent(message);
}

static void
write_left(const struct peal_bitset *left, uint32_t count, struct peal_writer *writer)
{
	PEAL_BITSET_FOR_EACH (rank, left) {
		if (count == 0) {
			return;
		}
		peal_write_u16(writer, (uint16_t)rank);
		count--;
	}
}

void
peal_ballot_msg_encode(const struct peal_ballot_msg *message, struct peal_writer *writer)
{
	uint32_t proposal_size = 0;
	uint32_t left_count = peal_bitset_count(&message->left);

	PEAL_ASSERT(is_consistent(message));

	if (message->has_proposal) {
		proposal_size = peal_proposal_size(&message->proposal);
	}
	if (proposal_size > PEAL_INLINE_SIZE_MAX) {
		proposal_size = 0;
	}
	if (left_count > PEAL_BALLOT_LEFT_MAX) {
		left_count = PEAL_BALLOT_LEFT_MAX;
	}
	peal_write_ballot(writer, message->ballot);
	peal_write_ballot(writer, message->vrnd);
	peal_write_hash(writer, message->digest);
	peal_write_hash(writer, message->result_hash);
	peal_write_u8(writer, proposal_size == 0 ? 0 : 1);
	peal_write_padding(writer, PADDING_SIZE);
	peal_write_u16(writer, (uint16_t)left_count);
	peal_write_u16(writer, (uint16_t)proposal_size);
	write_left(&message->left, left_count, writer);
	if (proposal_size != 0) {
		peal_proposal_encode(&message->proposal, writer);
	}
}

void
peal_ballot_msg_copy(struct peal_ballot_msg *copy_out, const struct peal_ballot_msg *message)
{
	const struct peal_proposal *proposal = &message->proposal;
	bool is_inline = message->has_proposal && proposal->additions == message->inline_additions;

	/* Without the room that is not used: five kilobytes otherwise, for a few hundred bytes. */
	memcpy(copy_out, message, offsetof(struct peal_ballot_msg, inline_additions));
	if (!is_inline) {
		return;
	}
	PEAL_ASSERT(proposal->additions_count <= PEAL_INLINE_ADDITIONS_MAX);
	memcpy(copy_out->inline_additions, message->inline_additions,
		proposal->additions_count * sizeof(message->inline_additions[0]));
	copy_out->proposal.additions = copy_out->inline_additions;
}

static bool
read_left(struct peal_reader *reader, uint32_t count, struct peal_bitset *left_out)
{
	uint32_t next = 0;

	if (count > PEAL_BALLOT_LEFT_MAX) {
		return false;
	}
	for (uint32_t i = 0; i < count; i++) {
		uint16_t rank = peal_read_u16(reader);

		if (!reader->is_ok || rank < next || rank >= PEAL_MEMBERS_MAX) {
			return false;
		}
		peal_bitset_add(left_out, rank);
		next = rank + 1U;
	}
	return true;
}

/* The value is the rest of the message, `size` bytes, and is what the digest says. */
static bool
read_proposal(struct peal_reader *reader, uint32_t size, struct peal_ballot_msg *message_out)
{
	const uint8_t *bytes = reader->bytes + reader->offset;

	if (!reader->is_ok || size > PEAL_INLINE_SIZE_MAX ||
		size != reader->size - reader->offset) {
		return false;
	}
	return peal_proposal_decode(reader, message_out->inline_additions,
		       PEAL_INLINE_ADDITIONS_MAX, &message_out->proposal) &&
	       peal_hash128_equals(message_out->digest, peal_proposal_digest_bytes(bytes, size));
}

bool
peal_ballot_msg_decode(
	uint8_t kind, struct peal_reader *reader, struct peal_ballot_msg *message_out)
{
	memset(message_out, 0, sizeof(*message_out));
	message_out->kind = kind;
	message_out->ballot = peal_read_ballot(reader);
	message_out->vrnd = peal_read_ballot(reader);
	message_out->digest = peal_read_hash(reader);
	message_out->result_hash = peal_read_hash(reader);
	uint8_t has_proposal = peal_read_u8(reader);
	bool is_padded = peal_read_padding(reader, PADDING_SIZE);
	uint16_t left_count = peal_read_u16(reader);
	uint16_t proposal_size = peal_read_u16(reader);

	if (!reader->is_ok || !is_padded || has_proposal > 1 ||
		(has_proposal == 1) != (proposal_size != 0) ||
		!read_left(reader, left_count, &message_out->left)) {
		return false;
	}
	message_out->has_proposal = has_proposal == 1;
	if (message_out->has_proposal && !read_proposal(reader, proposal_size, message_out)) {
		return false;
	}
	return peal_reader_is_done(reader) && is_consistent(message_out);
}
