/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/vote_msg.h"

#include "base/assert.h"
#include "wire/fields.h"
#include "wire/flood_msg.h"

#include <string.h>

#define PADDING_SIZE 3U

_Static_assert(PEAL_FLOOD_PREFIX_SIZE + PEAL_VOTE_MSG_FIXED_SIZE + PEAL_VOTE_PLACES_MAX / 8U <=
		       PEAL_BODY_SIZE_MAX,
	"the prefix and the largest bitmap fit one frame");

bool
peal_vote_key_equals(const struct peal_vote_key *a, const struct peal_vote_key *b)
{
	return a->kind == b->kind && peal_ballot_compare(a->ballot, b->ballot) == 0 &&
	       peal_ballot_compare(a->vrnd, b->vrnd) == 0 &&
	       peal_hash128_equals(a->digest, b->digest);
}

/* Ballots and digest are those that the kind has; see enum peal_vote_kind. */
static bool
is_key_legal(const struct peal_vote_key *key)
{
	bool has_vrnd = !peal_ballot_is_none(key->vrnd);
	bool has_digest = !peal_hash_is_none(key->digest);

	switch (key->kind) {
	case PEAL_VOTE_FAST:
		return peal_ballot_is_fast(key->ballot) && !has_vrnd && has_digest;
	case PEAL_VOTE_PROMISE:
		return peal_ballot_is_classic(key->ballot) &&
		       peal_ballot_may_precede(key->vrnd, key->ballot) && has_vrnd == has_digest;
	case PEAL_VOTE_ACCEPT:
		return peal_ballot_is_classic(key->ballot) && !has_vrnd && has_digest;
	case PEAL_VOTE_INSTALLED:
		return peal_ballot_is_none(key->ballot) && !has_vrnd && has_digest;
	default:
		return false;
	}
}

static bool
is_range_legal(const struct peal_vote_msg *message)
{
	return message->first % 8U == 0 && message->count >= 1 &&
	       message->count <= PEAL_VOTE_PLACES_MAX &&
	       (uint32_t)message->first + message->count <= PEAL_MEMBERS_MAX;
}

static uint32_t
bitmap_size(const struct peal_vote_msg *message)
{
	return (message->count + 7U) / 8U;
}

/* Some bit is set, and none behind the last place. */
static bool
is_bitmap_legal(const struct peal_vote_msg *message)
{
	uint32_t size = bitmap_size(message);
	uint32_t loose = message->count % 8U;
	uint8_t any = 0;

	for (uint32_t i = 0; i < size; i++) {
		any |= message->bitmap[i];
	}
	return any != 0 && (loose == 0 || (message->bitmap[size - 1U] >> loose) == 0);
}

void
peal_vote_msg_encode(const struct peal_vote_msg *message, struct peal_writer *writer)
{
	PEAL_ASSERT(is_key_legal(&message->key));
	PEAL_ASSERT(is_range_legal(message));
	PEAL_ASSERT(is_bitmap_legal(message));

	peal_write_u8(writer, message->key.kind);
	peal_write_padding(writer, PADDING_SIZE);
	peal_write_u16(writer, message->first);
	peal_write_u16(writer, message->count);
	peal_write_ballot(writer, message->key.ballot);
	peal_write_ballot(writer, message->key.vrnd);
	peal_write_hash(writer, message->key.digest);
	peal_write_bytes(writer, message->bitmap, bitmap_size(message));
}

bool
peal_vote_msg_decode(struct peal_reader *reader, struct peal_vote_msg *message_out)
{
	memset(message_out, 0, sizeof(*message_out));
	message_out->key.kind = peal_read_u8(reader);
	bool is_padded = peal_read_padding(reader, PADDING_SIZE);
	message_out->first = peal_read_u16(reader);
	message_out->count = peal_read_u16(reader);
	message_out->key.ballot = peal_read_ballot(reader);
	message_out->key.vrnd = peal_read_ballot(reader);
	message_out->key.digest = peal_read_hash(reader);

	if (!reader->is_ok || !is_padded || !is_key_legal(&message_out->key) ||
		!is_range_legal(message_out) ||
		reader->size - reader->offset != bitmap_size(message_out)) {
		return false;
	}
	message_out->bitmap = reader->bytes + reader->offset;
	reader->offset = reader->size;
	return is_bitmap_legal(message_out);
}
