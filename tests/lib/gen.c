/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/gen.h"

#include "base/assert.h"
#include "wire/messages.h"

#include <stdlib.h>
#include <string.h>

const uint8_t peal_gen_ballot_kinds[PEAL_GEN_BALLOT_KINDS_COUNT] = {PEAL_MESSAGE_VOTE,
	PEAL_MESSAGE_P1A, PEAL_MESSAGE_P1B, PEAL_MESSAGE_P2A, PEAL_MESSAGE_P2B, PEAL_MESSAGE_NACK,
	PEAL_MESSAGE_DECIDE};

/* Of this size metadata is in what travels in one message. */
#define METADATA_SMALL 64U

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

/* Metadata of members that somebody made up, which must stay somewhere. */
static uint8_t metadata_pool[16U * PEAL_METADATA_SIZE_MAX];

void
peal_gen_metadata(struct peal_prng *prng, uint16_t size, struct peal_member *member_out)
{
	PEAL_ASSERT(size <= PEAL_METADATA_SIZE_MAX);
	if (metadata_pool[0] == 0) {
		struct peal_prng own;

		peal_prng_init(&own, 1);
		peal_gen_bytes(&own, metadata_pool, sizeof(metadata_pool));
		metadata_pool[0] = 1;
	}
	member_out->metadata_size = size;
	member_out->metadata =
		size == 0 ? NULL : metadata_pool + below(prng, sizeof(metadata_pool) - size + 1U);
}

bool
peal_gen_equals(const struct peal_member *a, const struct peal_member *b)
{
	return peal_uuid_equals(a->uuid, b->uuid) && a->mid == b->mid &&
	       peal_address_equals(&a->address, &b->address) &&
	       memcmp(a->address.mac, b->address.mac, sizeof(a->address.mac)) == 0 &&
	       a->shards_count == b->shards_count && a->metadata_size == b->metadata_size &&
	       (a->metadata_size == 0 || memcmp(a->metadata, b->metadata, a->metadata_size) == 0);
}

void
peal_gen_match(struct peal_member *decoded, const struct peal_member *members, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		PEAL_ASSERT(peal_gen_equals(&decoded[i], &members[i]));
		decoded[i].metadata = members[i].metadata;
	}
}

void
peal_gen_tag(struct peal_prng *prng, struct peal_metadata_tag *tag_out)
{
	memset(tag_out, 0, sizeof(*tag_out));
	if (peal_prng_ratio(prng, 1, 2)) {
		tag_out->size = (uint16_t)(1U + below(prng, PEAL_METADATA_SIZE_MAX));
		tag_out->digest = peal_gen_hash(prng);
	}
}

static bool has_ipv6;

void
peal_gen_set_ipv6(bool is_ipv6)
{
	has_ipv6 = is_ipv6;
}

/* All but the metadata. */
static void
gen_bare_member(struct peal_prng *prng, struct peal_member *member_out)
{
	memset(member_out, 0, sizeof(*member_out));
	member_out->uuid = peal_gen_uuid(prng);
	member_out->address.ipv4 = (uint32_t)peal_prng_next(prng) | 1U;
	if (has_ipv6) {
		member_out->address.ipv6_head = UINT64_C(2) << 60 | below(prng, UINT32_MAX);
		member_out->address.ipv6_middle = (uint32_t)below(prng, 4);
	}
	member_out->address.port = (uint16_t)(1U + below(prng, UINT16_MAX));
	peal_gen_bytes(prng, member_out->address.mac, sizeof(member_out->address.mac));
	member_out->address.mac[0] = 0x02;
	member_out->shards_count = (uint8_t)(1U + below(prng, PEAL_SHARDS_MAX));
}

void
peal_gen_member(struct peal_prng *prng, struct peal_member *member_out)
{
	gen_bare_member(prng, member_out);
	if (peal_prng_ratio(prng, 1, 2)) {
		peal_gen_metadata(prng, (uint16_t)below(prng, METADATA_SMALL + 1U), member_out);
	}
}

void
peal_gen_rich_member(struct peal_prng *prng, struct peal_member *member_out)
{
	peal_gen_member(prng, member_out);
	if (peal_prng_ratio(prng, 1, 128)) {
		peal_gen_metadata(
			prng, (uint16_t)below(prng, PEAL_METADATA_SIZE_MAX + 1U), member_out);
	}
}

void
peal_gen_view(struct peal_prng *prng, uint16_t members_count, struct peal_member *members,
	struct peal_view *view_out)
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
	view_out->members = members;
	for (uint32_t rank = 0; rank < members_count; rank++) {
		struct peal_member *member = &members[rank];

		peal_gen_rich_member(prng, member);
		mid += 1U + below(prng, 5);
		member->mid = mid;
		/* Addresses of a view differ: let the rank decide two bytes. */
		member->address.ipv4 = (member->address.ipv4 & 0xFFFF0000U) | (rank + 1U);
	}
	view_out->next_mid = mid + 1U + below(prng, 3);
	view_out->tie_mid = members[0].mid;
	view_out->metadata_size = peal_view_sum_metadata(view_out);
	view_out->members_sum = peal_view_sum_members(view_out);
	view_out->hash = peal_view_hash(view_out);
	/* Without an index the check is quadratic. */
	if (members_count <= PEAL_DIRECT_MAX) {
		peal_view_check(view_out);
	}
}

static int
compare_uuids(const void *a, const void *b)
{
	const struct peal_member *member_a = a;
	const struct peal_member *member_b = b;

	return peal_uuid_compare(member_a->uuid, member_b->uuid);
}

void
peal_gen_ordergroup(struct peal_prng *prng, uint64_t mid_end, struct peal_ordergroup *group_out)
{
	static const char letters[] = "abcXYZ019._-";

	PEAL_ASSERT(mid_end > PEAL_ORDERGROUP_RANKS_MAX);
	memset(group_out, 0, sizeof(*group_out));
	group_out->id = (uint32_t)(1U + below(prng, UINT32_MAX));
	group_out->generation = (uint32_t)(1U + below(prng, 3));
	group_out->ranks_count = (uint8_t)(1U + 2U * below(prng, 5));
	/* Numbers that leave different rests are different. */
	for (uint32_t i = 0; i < group_out->ranks_count; i++) {
		struct peal_ordergroup_rank *rank = &group_out->ranks[i];
		uint64_t size = 1U + below(prng, PEAL_NAME_SIZE_MAX);

		rank->mid =
			i + 1U +
			below(prng, 1U + mid_end / group_out->ranks_count) * group_out->ranks_count;
		if (rank->mid >= mid_end) {
			rank->mid = i + 1U;
		}
		for (uint64_t j = 0; j < size; j++) {
			rank->name[j] = letters[below(prng, sizeof(letters) - 1U)];
		}
		rank->name[0] = (char)('a' + i);
	}
	PEAL_ASSERT(peal_ordergroup_is_valid(group_out));
}

void
peal_gen_proposal(struct peal_prng *prng, uint16_t additions_count_max,
	struct peal_member *additions, struct peal_proposal *proposal_out)
{
	memset(proposal_out, 0, sizeof(*proposal_out));
	proposal_out->parent_epoch = 1U + below(prng, 1000);
	proposal_out->parent_hash = peal_gen_hash(prng);
	for (uint64_t i = below(prng, 5); i > 0; i--) {
		peal_bitset_add(&proposal_out->removals, (uint32_t)below(prng, PEAL_MEMBERS_MAX));
	}
	proposal_out->additions_count = (uint16_t)below(prng, additions_count_max + 1U);
	if (proposal_out->additions_count == 0) {
		return;
	}
	for (uint32_t i = 0; i < proposal_out->additions_count; i++) {
		peal_gen_member(prng, &additions[i]);
	}
	qsort(additions, proposal_out->additions_count, sizeof(additions[0]), compare_uuids);
	proposal_out->additions = additions;
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
	peal_gen_proposal(
		prng, PEAL_GEN_INLINE_ADDITIONS, message->inline_additions, &message->proposal);
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
	uint32_t step = 1U + 2U * (uint32_t)below(prng, 40);

	memset(message_out, 0, sizeof(*message_out));
	message_out->flags = (uint8_t)below(prng, PEAL_ALERT_FLAG_MERGED + 1U);
	message_out->count = (uint8_t)(1U + below(prng, PEAL_ALERT_ENTRIES_MAX));
	for (uint32_t i = 0; i < message_out->count; i++) {
		struct peal_alert_entry *entry = &message_out->entries[i];

		entry->rank = (uint16_t)((first + i * step) % PEAL_MEMBERS_MAX);
		entry->reason = (uint8_t)(PEAL_ALERT_SILENT + below(prng, PEAL_ALERT_SLOW));
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
	gen_bare_member(prng, &message_out->member);
	peal_gen_tag(prng, &message_out->tag);
}

void
peal_gen_join_answer(struct peal_prng *prng, struct peal_join_answer *message_out)
{
	memset(message_out, 0, sizeof(*message_out));
	message_out->status = (uint8_t)(PEAL_JOIN_CHALLENGE + below(prng, PEAL_JOIN_METADATA_FULL));
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
	message_out->total_size = (uint32_t)(1U + below(prng, PEAL_BODY_BYTES_MAX));
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

/* Chunks that some body has, or all of one of unknown size. */
static uint16_t
gen_missing(struct peal_prng *prng, uint64_t missing_out[PEAL_PULL_CHUNKS_MAX / 64U])
{
	uint32_t first = (uint32_t)below(prng, PEAL_CHUNKS_MAX);
	uint32_t room = PEAL_CHUNKS_MAX - first;

	memset(missing_out, 0, PEAL_PULL_CHUNKS_MAX / 8U);
	if (peal_prng_ratio(prng, 1, 8)) {
		return 0;
	}
	for (uint64_t i = 1U + below(prng, 20); i > 0; i--) {
		uint32_t bit = (uint32_t)below(
			prng, room < PEAL_PULL_CHUNKS_MAX ? room : PEAL_PULL_CHUNKS_MAX);

		missing_out[bit / 64U] |= UINT64_C(1) << (bit % 64U);
	}
	return (uint16_t)first;
}

void
peal_gen_install_pull(struct peal_prng *prng, struct peal_install_pull *message_out)
{
	memset(message_out, 0, sizeof(*message_out));
	message_out->joiner = peal_gen_uuid(prng);
	message_out->view_hash = peal_gen_hash(prng);
	message_out->first = gen_missing(prng, message_out->missing);
}

void
peal_gen_join_probe(struct peal_prng *prng, struct peal_join_probe *message_out)
{
	memset(message_out, 0, sizeof(*message_out));
	message_out->joiner = peal_gen_uuid(prng);
	message_out->token = peal_prng_next(prng);
	message_out->missing = (uint8_t)below(prng, 1U << PEAL_METADATA_CHUNKS_MAX);
}

void
peal_gen_join_ready(struct peal_prng *prng, uint8_t *chunk, struct peal_join_ready *message_out)
{
	memset(message_out, 0, sizeof(*message_out));
	message_out->joiner = peal_gen_uuid(prng);
	message_out->token = peal_prng_next(prng);
	message_out->chunk = chunk;
	if (peal_prng_ratio(prng, 1, 3)) {
		return;
	}
	message_out->offset =
		(uint16_t)(below(prng, PEAL_METADATA_CHUNKS_MAX) * PEAL_CHUNK_SIZE_MAX);
	message_out->chunk_size = (uint16_t)(1U + below(prng, PEAL_CHUNK_SIZE_MAX));
	peal_gen_bytes(prng, chunk, message_out->chunk_size);
}

void
peal_gen_join_forward(struct peal_prng *prng, struct peal_join_forward *message_out)
{
	memset(message_out, 0, sizeof(*message_out));
	message_out->count = (uint8_t)(1U + below(prng, PEAL_GEN_INLINE_ADDITIONS));
	for (uint32_t i = 0; i < message_out->count; i++) {
		gen_bare_member(prng, &message_out->members[i]);
		peal_gen_tag(prng, &message_out->tags[i]);
	}
}

void
peal_gen_batch_msg(struct peal_prng *prng, struct peal_batch_msg *message_out)
{
	memset(message_out, 0, sizeof(*message_out));
	message_out->has_proposal = peal_prng_ratio(prng, 2, 3);
	if (!message_out->has_proposal) {
		message_out->digest = peal_gen_hash(prng);
		message_out->size =
			PEAL_INLINE_SIZE_MAX + 1U +
			(uint32_t)below(prng, PEAL_BODY_BYTES_MAX - PEAL_INLINE_SIZE_MAX);
		return;
	}
	peal_gen_proposal(prng, PEAL_GEN_INLINE_ADDITIONS, message_out->inline_additions,
		&message_out->proposal);
	message_out->digest = peal_proposal_digest(&message_out->proposal);
	message_out->size = peal_proposal_size(&message_out->proposal);
}

static void
gen_vote_key(struct peal_prng *prng, struct peal_vote_key *key_out)
{
	key_out->kind = (uint8_t)(PEAL_VOTE_FAST + below(prng, PEAL_VOTE_INSTALLED));
	key_out->digest = peal_gen_hash(prng);
	switch (key_out->kind) {
	case PEAL_VOTE_FAST:
		key_out->ballot = PEAL_BALLOT_FAST;
		break;
	case PEAL_VOTE_PROMISE:
		key_out->ballot = gen_classic(prng);
		if (peal_prng_ratio(prng, 1, 2)) {
			key_out->vrnd = PEAL_BALLOT_FAST;
		} else {
			key_out->digest = (struct peal_hash128){0};
		}
		break;
	case PEAL_VOTE_ACCEPT:
		key_out->ballot = gen_classic(prng);
		break;
	default:
		break;
	}
}

void
peal_gen_vote_msg(struct peal_prng *prng, uint8_t *bitmap, struct peal_vote_msg *message_out)
{
	memset(message_out, 0, sizeof(*message_out));
	memset(bitmap, 0, PEAL_VOTE_PLACES_MAX / 8U);
	gen_vote_key(prng, &message_out->key);
	message_out->first = (uint16_t)(8U * below(prng, PEAL_MEMBERS_MAX / 8U));
	uint32_t room = PEAL_MEMBERS_MAX - message_out->first;

	if (room > PEAL_VOTE_PLACES_MAX || peal_prng_ratio(prng, 1, 2)) {
		room = room > 40U && peal_prng_ratio(prng, 3, 4) ? 40U : room;
		room = room > PEAL_VOTE_PLACES_MAX ? PEAL_VOTE_PLACES_MAX : room;
	}
	message_out->count = (uint16_t)(1U + below(prng, room));
	for (uint64_t i = 1U + below(prng, message_out->count); i > 0; i--) {
		uint32_t place = (uint32_t)below(prng, message_out->count);

		bitmap[place / 8U] |= (uint8_t)(1U << (place % 8U));
	}
	message_out->bitmap = bitmap;
}

void
peal_gen_body_msg(struct peal_prng *prng, uint8_t *chunk, struct peal_body_msg *message_out)
{
	uint64_t limit = peal_prng_ratio(prng, 1, 2) ? 3000U : PEAL_BODY_BYTES_MAX;

	memset(message_out, 0, sizeof(*message_out));
	message_out->digest = peal_gen_hash(prng);
	message_out->total_size = (uint32_t)(1U + below(prng, limit));
	message_out->chunk = (uint16_t)below(prng, peal_body_chunks_count(message_out->total_size));
	message_out->route = (uint8_t)below(prng, PEAL_BODY_ROUTE_PULL + 1U);
	message_out->size = message_out->total_size - message_out->chunk * PEAL_CHUNK_SIZE_MAX;
	if (message_out->size > PEAL_CHUNK_SIZE_MAX) {
		message_out->size = PEAL_CHUNK_SIZE_MAX;
	}
	peal_gen_bytes(prng, chunk, message_out->size);
	message_out->bytes = chunk;
}

void
peal_gen_pull_msg(struct peal_prng *prng, struct peal_pull_msg *message_out)
{
	memset(message_out, 0, sizeof(*message_out));
	message_out->digest = peal_gen_hash(prng);
	message_out->first = gen_missing(prng, message_out->missing);
}

void
peal_gen_sync_msg(struct peal_prng *prng, struct peal_sync_msg *message_out)
{
	memset(message_out, 0, sizeof(*message_out));
	message_out->epoch = 1U + below(prng, 1000);
	message_out->hash = peal_gen_hash(prng);
}

void
peal_gen_reach_msg(struct peal_prng *prng, struct peal_reach_msg *message_out)
{
	struct peal_member member;

	memset(message_out, 0, sizeof(*message_out));
	peal_gen_member(prng, &member);
	message_out->joiner = member.uuid;
	message_out->token = peal_prng_next(prng);
	message_out->address = member.address;
}

void
peal_gen_unreachable_msg(struct peal_prng *prng, struct peal_unreachable_msg *message_out)
{
	memset(message_out, 0, sizeof(*message_out));
	message_out->joiner = peal_gen_uuid(prng);
	message_out->answerer = peal_gen_uuid(prng);
	message_out->asked = (uint8_t)(1U + below(prng, PEAL_RINGS_MAX));
	message_out->count = (uint8_t)(1U + below(prng, message_out->asked));
	message_out->needed = (uint8_t)(message_out->asked - below(prng, message_out->count));
	for (uint32_t i = 0; i < message_out->count; i++) {
		struct peal_member member;

		peal_gen_member(prng, &member);
		message_out->observers[i] = member.address;
		memset(message_out->observers[i].mac, 0, sizeof(member.address.mac));
	}
}

void
peal_gen_snapshot_msg(struct peal_prng *prng, struct peal_snapshot_msg *message_out)
{
	memset(message_out, 0, sizeof(*message_out));
	message_out->epoch = 1U + below(prng, 1000);
	message_out->hash = peal_gen_hash(prng);
	message_out->digest = peal_gen_hash(prng);
	message_out->size = (uint32_t)(1U + below(prng, PEAL_BODY_BYTES_MAX));
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
