/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory: the store, its places, the heads of the digest table, then a block per place. A block has
 * the bytes of a body and behind them, when it is a proposal, its additions.
 */
#include "membership/bodystore.h"

#include "base/assert.h"

#include <string.h>

#define ALIGNMENT  64U
#define PLACE_NONE UINT32_MAX

/* What stands in a place. Bytes may be kept as a proposal and as a snapshot. */
enum kind {
	KIND_PROPOSAL,
	KIND_SNAPSHOT,
	KIND_OPEN, /* memory in which a body is gathered; its digest is the name it was opened by */
};

struct place {
	struct peal_body body; /* first: a body is a place */
	enum kind kind;
	uint32_t next; /* of the same head, or of the free ones */
};

/* Places of one size. */
struct shelf {
	uint32_t first; /* number of its first place */
	uint32_t places_count;
	uint32_t touched_count; /* places ever used */
	uint32_t free;          /* the one released last, or PLACE_NONE */
	uint32_t size_max;
	uint8_t *blocks;
	size_t block_size;
};

struct peal_bodystore {
	struct shelf small;
	struct shelf large;
	uint32_t used_count;
	uint32_t heads_count; /* a power of two */
	uint32_t *heads;      /* by digest: number of a place + 1, 0 = none */
	struct place *places;
};

static size_t
round_up(size_t size)
{
	return (size + ALIGNMENT - 1U) / ALIGNMENT * ALIGNMENT;
}

/* Additions of a proposal of `size` bytes at most. */
static uint32_t
count_additions_max(uint32_t size)
{
	uint32_t count = size / PEAL_MEMBER_RECORD_SIZE;

	return count < PEAL_ADDITIONS_MAX ? count : PEAL_ADDITIONS_MAX;
}

static size_t
measure_block(uint32_t size)
{
	return round_up(size) + round_up(count_additions_max(size) * sizeof(struct peal_member));
}

static uint32_t
count_heads(uint32_t places_count)
{
	uint32_t count = 1;

	while (count < places_count) {
		count *= 2U;
	}
	return count;
}

size_t
peal_bodystore_footprint(uint32_t large_count, uint32_t small_count)
{
	uint32_t places_count = large_count + small_count;

	PEAL_ASSERT(places_count >= 1);
	PEAL_ASSERT(places_count <= INT32_MAX);
	return round_up(sizeof(struct peal_bodystore)) +
	       round_up(places_count * sizeof(struct place)) +
	       round_up(count_heads(places_count) * sizeof(uint32_t)) +
	       small_count * measure_block(PEAL_BODYSTORE_SMALL_SIZE_MAX) +
	       large_count * measure_block(PEAL_BODY_BYTES_MAX);
}

struct peal_bodystore *
peal_bodystore_init(void *memory, uint32_t large_count, uint32_t small_count)
{
	struct peal_bodystore *store = memory;
	uint32_t places_count = large_count + small_count;
	uint8_t *bytes = memory;

	PEAL_ASSERT((uintptr_t)memory % ALIGNMENT == 0);
	PEAL_ASSERT(places_count >= 1);

	bytes += round_up(sizeof(*store));
	store->used_count = 0;
	store->places = (void *)bytes;
	bytes += round_up(places_count * sizeof(struct place));
	store->heads_count = count_heads(places_count);
	store->heads = (void *)bytes;
	bytes += round_up(store->heads_count * sizeof(uint32_t));
	store->small = (struct shelf){.places_count = small_count,
		.free = PLACE_NONE,
		.size_max = PEAL_BODYSTORE_SMALL_SIZE_MAX,
		.blocks = bytes,
		.block_size = measure_block(PEAL_BODYSTORE_SMALL_SIZE_MAX)};
	bytes += small_count * store->small.block_size;
	store->large = (struct shelf){.first = small_count,
		.places_count = large_count,
		.free = PLACE_NONE,
		.size_max = PEAL_BODY_BYTES_MAX,
		.blocks = bytes,
		.block_size = measure_block(PEAL_BODY_BYTES_MAX)};
	return store;
}

/* ---- places ---- */

static struct shelf *
shelf_of(struct peal_bodystore *store, uint32_t size)
{
	return size <= store->small.size_max ? &store->small : &store->large;
}

static uint8_t *
block_of(const struct peal_bodystore *store, uint32_t number)
{
	const struct shelf *shelf = number < store->large.first ? &store->small : &store->large;

	return shelf->blocks + (number - shelf->first) * shelf->block_size;
}

/* A free place for `size` bytes and its block, or PLACE_NONE. */
static uint32_t
take_place(struct peal_bodystore *store, uint32_t size, uint8_t **block_out)
{
	struct shelf *shelf = shelf_of(store, size);
	uint32_t number = shelf->free;

	PEAL_ASSERT(size <= shelf->size_max);
	if (number != PLACE_NONE) {
		shelf->free = store->places[number].next;
	} else if (shelf->touched_count < shelf->places_count) {
		number = shelf->first + shelf->touched_count++;
	} else {
		return PLACE_NONE;
	}
	*block_out = block_of(store, number);
	return number;
}

static void
give_back(struct peal_bodystore *store, uint32_t number, uint32_t size)
{
	struct shelf *shelf = shelf_of(store, size);

	store->places[number].next = shelf->free;
	shelf->free = number;
}

static uint32_t
number_of(const struct peal_bodystore *store, const struct peal_body *body)
{
	const struct place *place = (const void *)body;
	uint32_t number = (uint32_t)(place - store->places);

	PEAL_ASSERT(number < store->small.places_count + store->large.places_count);
	PEAL_ASSERT(&store->places[number] == place);
	PEAL_ASSERT(body->users_count > 0);
	return number;
}

/* A body nobody retains yet. */
static struct peal_body *
prepare(struct peal_bodystore *store, uint32_t number, struct peal_hash128 digest, uint32_t size,
	const uint8_t *block)
{
	struct peal_body *body = &store->places[number].body;

	body->digest = digest;
	body->size = size;
	body->bytes = block;
	body->users_count = 0;
	return body;
}

static const struct peal_body *
retain(struct peal_body *body)
{
	body->users_count++;
	PEAL_ASSERT(body->users_count != 0);
	return body;
}

/* ---- digests ---- */

static uint32_t *
head_of(const struct peal_bodystore *store, struct peal_hash128 digest)
{
	return &store->heads[digest.low & (store->heads_count - 1U)];
}

/* The body of this kind, digest and size, or NULL. Size 0: of any. */
static struct peal_body *
look_up(const struct peal_bodystore *store, enum kind kind, struct peal_hash128 digest,
	uint32_t size)
{
	for (uint32_t link = *head_of(store, digest); link != 0;
		link = store->places[link - 1U].next) {
		struct place *place = &store->places[link - 1U];

		if (place->kind == kind && peal_hash128_equals(place->body.digest, digest) &&
			(size == 0 || place->body.size == size)) {
			return &place->body;
		}
	}
	return NULL;
}

/* From now on the place is found by what it is. */
static void
enter(struct peal_bodystore *store, uint32_t number, enum kind kind)
{
	uint32_t *head = head_of(store, store->places[number].body.digest);

	store->places[number].kind = kind;
	store->places[number].next = *head;
	*head = number + 1U;
	store->used_count++;
}

static void
remove_entry(struct peal_bodystore *store, uint32_t number)
{
	uint32_t *link = head_of(store, store->places[number].body.digest);

	while (*link != number + 1U) {
		PEAL_ASSERT(*link != 0);
		link = &store->places[*link - 1U].next;
	}
	*link = store->places[number].next;
	PEAL_ASSERT(store->used_count > 0);
	store->used_count--;
}

static void
release(struct peal_bodystore *store, uint32_t number)
{
	struct peal_body *body = &store->places[number].body;

	PEAL_ASSERT(body->users_count > 0);
	body->users_count--;
	if (body->users_count == 0) {
		remove_entry(store, number);
		give_back(store, number, body->size);
	}
}

/* ---- what others call ---- */

/* Decodes the proposal whose bytes stand in the block. */
static bool
decode(struct peal_body *body, uint8_t *block)
{
	struct peal_reader reader = peal_reader_init(block, body->size);
	struct peal_member *additions = (void *)(block + round_up(body->size));

	return peal_proposal_decode(
		       &reader, additions, count_additions_max(body->size), &body->proposal) &&
	       peal_reader_is_done(&reader);
}

static const struct peal_body *
keep_proposal(void *state, const struct peal_proposal *proposal)
{
	struct peal_bodystore *store = state;
	struct peal_hash128 digest = peal_proposal_digest(proposal);
	struct peal_body *body = look_up(store, KIND_PROPOSAL, digest, 0);
	uint32_t size = peal_proposal_size(proposal);
	struct peal_writer writer;
	uint8_t *block;
	uint32_t number;
	bool is_decoded;

	if (body != NULL) {
		return retain(body);
	}
	number = size <= PEAL_BODY_BYTES_MAX ? take_place(store, size, &block) : PLACE_NONE;
	if (number == PLACE_NONE) {
		return NULL;
	}
	writer = peal_writer_init(block, size);
	peal_proposal_encode(proposal, &writer);
	PEAL_ASSERT(writer.is_ok);
	PEAL_ASSERT(writer.offset == size);

	body = prepare(store, number, digest, size, block);
	body->is_proposal = true;
	is_decoded = decode(body, block);
	PEAL_ASSERT(is_decoded);
	enter(store, number, KIND_PROPOSAL);
	return retain(body);
}

static const struct peal_body *
keep_bytes(void *state, const uint8_t *bytes, uint32_t size, bool is_proposal)
{
	struct peal_bodystore *store = state;
	enum kind kind = is_proposal ? KIND_PROPOSAL : KIND_SNAPSHOT;
	struct peal_hash128 digest;
	struct peal_body *body;
	uint8_t *block;
	uint32_t number;

	if (size == 0 || size > PEAL_BODY_BYTES_MAX) {
		return NULL;
	}
	digest = is_proposal ? peal_proposal_digest_bytes(bytes, size)
			     : peal_hash128(bytes, size, 0);
	body = look_up(store, kind, digest, 0);
	if (body != NULL) {
		return retain(body);
	}
	number = take_place(store, size, &block);
	if (number == PLACE_NONE) {
		return NULL;
	}
	memcpy(block, bytes, size);
	body = prepare(store, number, digest, size, block);
	body->is_proposal = is_proposal;
	if (is_proposal && !decode(body, block)) {
		give_back(store, number, size);
		return NULL;
	}
	enter(store, number, kind);
	return retain(body);
}

static const struct peal_body *
find(void *state, struct peal_hash128 digest)
{
	struct peal_bodystore *store = state;
	struct peal_body *body = look_up(store, KIND_PROPOSAL, digest, 0);

	if (body == NULL) {
		body = look_up(store, KIND_SNAPSHOT, digest, 0);
	}
	return body == NULL ? NULL : retain(body);
}

static void
retain_body(void *state, const struct peal_body *body)
{
	struct peal_bodystore *store = state;

	(void)retain(&store->places[number_of(store, body)].body);
}

static void
release_body(void *state, const struct peal_body *body)
{
	struct peal_bodystore *store = state;

	release(store, number_of(store, body));
}

static uint8_t *
open_memory(void *state, struct peal_hash128 name, uint32_t size)
{
	struct peal_bodystore *store = state;
	struct peal_body *body = look_up(store, KIND_OPEN, name, size);
	uint32_t number;
	uint8_t *block;

	PEAL_ASSERT(size >= 1);
	PEAL_ASSERT(size <= PEAL_BODY_BYTES_MAX);
	if (body == NULL) {
		number = take_place(store, size, &block);
		if (number == PLACE_NONE) {
			return NULL;
		}
		body = prepare(store, number, name, size, block);
		body->is_proposal = false;
		enter(store, number, KIND_OPEN);
	}
	(void)retain(body);
	return block_of(store, number_of(store, body));
}

static void
close_memory(void *state, const uint8_t *bytes)
{
	struct peal_bodystore *store = state;
	const struct shelf *shelf = bytes < store->large.blocks ? &store->small : &store->large;
	size_t index = (size_t)(bytes - shelf->blocks) / shelf->block_size;
	uint32_t number;

	PEAL_ASSERT(bytes >= shelf->blocks);
	PEAL_ASSERT(index < shelf->touched_count);
	number = shelf->first + (uint32_t)index;
	PEAL_ASSERT(store->places[number].body.bytes == bytes);
	PEAL_ASSERT(store->places[number].kind == KIND_OPEN);
	release(store, number);
}

struct peal_bodies
peal_bodystore_bodies(struct peal_bodystore *store)
{
	return (struct peal_bodies){.state = store,
		.keep_proposal = keep_proposal,
		.keep_bytes = keep_bytes,
		.find = find,
		.retain = retain_body,
		.release = release_body,
		.open = open_memory,
		.close = close_memory};
}

uint32_t
peal_bodystore_count(const struct peal_bodystore *store)
{
	return store->used_count;
}
