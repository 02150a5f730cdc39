/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/gen.h"

#include "base/assert.h"
#include "wire/messages.h"

#include <string.h>

const uint8_t peal_gen_ballot_kinds[PEAL_GEN_BALLOT_KINDS_COUNT] = {PEAL_MESSAGE_VOTE,
	PEAL_MESSAGE_P1A, PEAL_MESSAGE_P1B, PEAL_MESSAGE_P2A, PEAL_MESSAGE_P2B, PEAL_MESSAGE_NACK,
	PEAL_MESSAGE_DECIDE};

static uint64_t
below(struct peal_prng *prng, uint64_t bound)
{
	return peal_prng_below(prng, bound);
}

void
peal_gen_bytes(struct peal_prng *prng, void *bytes, size_t size)
{
	uint8_t *out = bytes;

	for (size_t i = 0; i < size; i++) {
		out[i] = (uint8_t)peal_prng_next(prng);
	}
}

struct peal_uuid
peal_gen_uuid(struct peal_prng *prng)
{
	return (struct peal_uuid){.low = peal_prng_next(prng) | 1U, .high = peal_prng_next(prng)};
}

struct peal_hash128
peal_gen_hash(struct peal_prng *prng)
{
	return (struct peal_hash128){.low = peal_prng_next(prng), .high = peal_prng_next(prng)};
}

void
peal_gen_member(struct peal_prng *prng, struct peal_member *member_out)
{
	memset(member_out, 0, sizeof(*member_out));
	member_out->uuid = peal_gen_uuid(prng);
	member_out->address.ipv4 = (uint32_t)peal_prng_next(prng) | 1U;
	member_out->address.port = (uint16_t)(1U + below(prng, UINT16_MAX));
	peal_gen_bytes(prng, member_out->address.mac, sizeof(member_out->address.mac));
	member_out->address.mac[0] = 0x02;
	member_out->shards_count = (uint8_t)(1U + below(prng, PEAL_SHARDS_MAX));
	if (peal_prng_ratio(prng, 1, 2)) {
		member_out->metadata_size = (uint8_t)below(prng, PEAL_METADATA_SIZE_MAX + 1U);
	}
	peal_gen_bytes(prng, member_out->metadata, member_out->metadata_size);
}

void
peal_gen_view(struct peal_prng *prng, uint16_t members_count, struct peal_view *view_out)
{
	uint64_t mid = 0;

	PEAL_ASSERT(members_count >= 1 && members_count <= PEAL_MEMBERS_MAX);
	memset(view_out, 0, sizeof(*view_out));
	view_out->cluster = peal_gen_uuid(prng);
	view_out->epoch = 1U + below(prng, 1000);
	if (view_out->epoch > 1) {
		view_out->parent_hash = peal_gen_hash(prng);
	}
	view_out->rings_count = (uint8_t)(3U + below(prng, PEAL_RINGS_MAX - 2U));
	view_out->members_count = members_count;
	for (uint32_t rank = 0; rank < members_count; rank++) {
		struct peal_member *member = &view_out->members[rank];

		peal_gen_member(prng, member);
		mid += 1U + below(prng, 5);
		member->mid = mid;
		/* Addresses of a view differ: let the rank decide one byte. */
		member->address.ipv4 = (member->address.ipv4 & 0xFFFFFF00U) | (rank + 1U);
	}
	view_out->next_mid = mid + 1U + below(prng, 3);
	view_out->tie_mid = view_out->members[0].mid;
	view_out->hash = peal_view_compute_hash(view_out);
	peal_view_check(view_out);
}

static void
sort_by_uuid(struct peal_member *members, uint32_t count)
{
	for (uint32_t i = 1; i < count; i++) {
		struct peal_member moved = members[i];
		uint32_t place = i;

		while (place > 0 && peal_uuid_compare(members[place - 1U].uuid, moved.uuid) > 0) {
			members[place] = members[place - 1U];
			place--;
		}
		members[place] = moved;
	}
}

void
peal_gen_proposal(struct peal_prng *prng, struct peal_proposal *proposal_out)
{
	memset(proposal_out, 0, sizeof(*proposal_out));
	proposal_out->parent_epoch = 1U + below(prng, 1000);
	proposal_out->parent_hash = peal_gen_hash(prng);
	for (uint64_t i = below(prng, 5); i > 0; i--) {
		peal_bitset_add(&proposal_out->removals, (uint32_t)below(prng, PEAL_MEMBERS_MAX));
	}
	proposal_out->additions_count = (uint8_t)below(prng, PEAL_ADDITIONS_MAX + 1U);
	for (uint32_t i = 0; i < proposal_out->additions_count; i++) {
		peal_gen_member(prng, &proposal_out->additions[i]);
	}
	sort_by_uuid(proposal_out->additions, proposal_out->additions_count);
}

static struct peal_ballot
gen_classic(struct peal_prng *prng)
{
	return (struct peal_ballot){.round = (uint32_t)(3U + below(prng, 100)),
		.index = (uint32_t)below(prng, PEAL_MEMBERS_MAX)};
}

static void
gen_value(struct peal_prng *prng, struct peal_ballot_msg *message)
{
	peal_gen_proposal(prng, &message->proposal);
	message->has_proposal = true;
	message->digest = peal_proposal_digest(&message->proposal);
}

void
peal_gen_ballot_msg(struct peal_prng *prng, uint8_t kind, struct peal_ballot_msg *message_out)
{
	memset(message_out, 0, sizeof(*message_out));
	message_out->kind = kind;
	message_out->ballot = kind == PEAL_MESSAGE_VOTE ? PEAL_BALLOT_FAST : gen_classic(prng);
	if (kind == PEAL_MESSAGE_DECIDE && peal_prng_ratio(prng, 1, 2)) {
		message_out->ballot = PEAL_BALLOT_FAST;
	}
	if (kind == PEAL_MESSAGE_P2B) {
		message_out->digest = peal_gen_hash(prng);
	}
	if (kind == PEAL_MESSAGE_P1B && peal_prng_ratio(prng, 2, 3)) {
		message_out->vrnd =
			peal_prng_ratio(prng, 1, 2)
				? PEAL_BALLOT_FAST
				: (struct peal_ballot){
					  .round = message_out->ballot.round - 1U, .index = 5};
		gen_value(prng, message_out);
	}
	if (kind == PEAL_MESSAGE_VOTE || kind == PEAL_MESSAGE_P2A || kind == PEAL_MESSAGE_DECIDE) {
		gen_value(prng, message_out);
	}
	if (kind == PEAL_MESSAGE_DECIDE) {
		uint64_t chosen = peal_prng_next(prng);

		message_out->result_hash = peal_gen_hash(prng);
		for (uint32_t i = 0; i < PEAL_BITSET_WORDS; i++) {
			message_out->left.words[i] =
				message_out->proposal.removals.words[i] & chosen;
		}
	}
}

void
peal_gen_header(struct peal_prng *prng, struct peal_header *header_out)
{
	memset(header_out, 0, sizeof(*header_out));
	do {
		header_out->kind = (uint8_t)below(prng, 0x40);
	} while (!peal_message_is_known(header_out->kind));
	header_out->key_id = (uint8_t)below(prng, 3);
	header_out->flags = (uint8_t)below(prng, PEAL_FRAME_FLAGS_ALL + 1U);
	header_out->body_size = (uint16_t)below(prng, PEAL_BODY_SIZE_MAX + 1U);
	header_out->cluster = (uint32_t)peal_prng_next(prng);
	header_out->counter = peal_prng_next(prng);
	if (peal_message_family(header_out->kind) == PEAL_FAMILY_JOIN) {
		peal_gen_bytes(prng, header_out->random, sizeof(header_out->random));
		return;
	}
	header_out->src = (uint32_t)peal_prng_next(prng);
	header_out->dst = (uint32_t)peal_prng_next(prng);
	header_out->epoch = (uint32_t)peal_prng_next(prng);
}

void
peal_gen_liveness_msg(struct peal_prng *prng, struct peal_liveness_msg *message_out)
{
	memset(message_out, 0, sizeof(*message_out));
	message_out->view_tag = (uint32_t)peal_prng_next(prng);
	message_out->alert_digest = (uint32_t)peal_prng_next(prng);
	message_out->seq = (uint16_t)peal_prng_next(prng);
	message_out->echo_seq = (uint16_t)peal_prng_next(prng);
	message_out->core_age_ms = (uint16_t)peal_prng_next(prng);
	message_out->flags = (uint8_t)below(prng, PEAL_LIVENESS_FLAGS_ALL + 1U);
}

void
peal_gen_flood_prefix(struct peal_prng *prng, struct peal_flood_prefix *prefix_out)
{
	memset(prefix_out, 0, sizeof(*prefix_out));
	prefix_out->view_tag = (uint32_t)peal_prng_next(prng);
	prefix_out->origin = (uint32_t)peal_prng_next(prng) | 1U;
	prefix_out->origin_seq = (uint32_t)peal_prng_next(prng);
	prefix_out->hop = (uint8_t)peal_prng_next(prng);
}

void
peal_gen_alert_msg(struct peal_prng *prng, struct peal_alert_msg *message_out)
{
	uint32_t first = (uint32_t)below(prng, PEAL_MEMBERS_MAX);

	memset(message_out, 0, sizeof(*message_out));
	message_out->flags = (uint8_t)below(prng, PEAL_ALERT_FLAG_MERGED + 1U);
	message_out->count = (uint8_t)(1U + below(prng, PEAL_MEMBERS_MAX));
	for (uint32_t i = 0; i < message_out->count; i++) {
		struct peal_alert_entry *entry = &message_out->entries[i];

		entry->rank = (uint16_t)((first + i) % PEAL_MEMBERS_MAX);
		entry->reason = (uint8_t)(PEAL_ALERT_SILENT + below(prng, PEAL_ALERT_LAG));
		entry->mask = (uint32_t)peal_prng_next(prng) | 1U;
	}
}

void
peal_gen_join_request(struct peal_prng *prng, struct peal_join_request *message_out)
{
	memset(message_out, 0, sizeof(*message_out));
	peal_gen_bytes(prng, message_out->cookie, sizeof(message_out->cookie));
	message_out->parameters = peal_prng_next(prng);
	message_out->expect = (uint8_t)peal_prng_next(prng);
	message_out->is_candidate = peal_prng_ratio(prng, 1, 2);
	peal_gen_member(prng, &message_out->member);
}

void
peal_gen_join_answer(struct peal_prng *prng, struct peal_join_answer *message_out)
{
	memset(message_out, 0, sizeof(*message_out));
	message_out->status = (uint8_t)(PEAL_JOIN_CHALLENGE + below(prng, PEAL_JOIN_HERE));
	message_out->retry_ms = (uint32_t)peal_prng_next(prng);
	peal_gen_bytes(prng, message_out->cookie, sizeof(message_out->cookie));
	message_out->candidate = peal_gen_uuid(prng);
	message_out->answerer = peal_gen_uuid(prng);
}

void
peal_gen_install_msg(struct peal_prng *prng, uint8_t *chunk, struct peal_install_msg *message_out)
{
	memset(message_out, 0, sizeof(*message_out));
	message_out->joiner = peal_gen_uuid(prng);
	message_out->view_hash = peal_gen_hash(prng);
	message_out->total_size = (uint32_t)(1U + below(prng, PEAL_VIEW_ENCODED_SIZE_MAX));
	uint64_t chunks = (message_out->total_size + PEAL_INSTALL_CHUNK_SIZE_MAX - 1U) /
			  PEAL_INSTALL_CHUNK_SIZE_MAX;
	message_out->offset = (uint32_t)below(prng, chunks) * PEAL_INSTALL_CHUNK_SIZE_MAX;
	message_out->chunk_size = message_out->total_size - message_out->offset;
	if (message_out->chunk_size > PEAL_INSTALL_CHUNK_SIZE_MAX) {
		message_out->chunk_size = PEAL_INSTALL_CHUNK_SIZE_MAX;
	}
	peal_gen_bytes(prng, chunk, message_out->chunk_size);
	message_out->chunk = chunk;
}

void
peal_gen_leave_msg(struct peal_prng *prng, struct peal_leave_msg *message_out)
{
	memset(message_out, 0, sizeof(*message_out));
	message_out->has_vote = peal_prng_ratio(prng, 1, 2);
	if (message_out->has_vote) {
		message_out->digest = peal_gen_hash(prng);
	}
}
