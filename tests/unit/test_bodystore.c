/* SPDX-License-Identifier: BSD-3-Clause */
#include "membership/bodystore.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"
#include "tests/lib/gen.h"

#include <stdlib.h>
#include <string.h>

#define LARGE_COUNT 2U
#define SMALL_COUNT 5U

static void *memory;
static struct peal_bodystore *store;
static struct peal_bodies bodies;
static struct peal_prng prng;
static struct peal_member additions[PEAL_ADDITIONS_MAX];
static uint8_t bytes[PEAL_BODY_BYTES_MAX + 1U];

static int
setup(void **state)
{
	(void)state;
	/* Zeroed without being touched, and aligned by hand. */
	memory = calloc(1, peal_bodystore_footprint(LARGE_COUNT, SMALL_COUNT) + 64U);
	if (memory == NULL) {
		return -1;
	}
	store = peal_bodystore_init(
		(void *)(((uintptr_t)memory + 63U) / 64U * 64U), LARGE_COUNT, SMALL_COUNT);
	bodies = peal_bodystore_bodies(store);
	peal_prng_init(&prng, 1);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	free(memory);
	return 0;
}

static const struct peal_body *
keep_bytes(uint32_t size, bool is_proposal)
{
	return bodies.keep_bytes(bodies.state, bytes, size, is_proposal);
}

static const struct peal_body *
keep(const struct peal_proposal *proposal)
{
	return bodies.keep_proposal(bodies.state, proposal);
}

static void
release(const struct peal_body *body)
{
	bodies.release(bodies.state, body);
}

static struct peal_proposal
gen_small(void)
{
	struct peal_proposal proposal;

	peal_gen_proposal(&prng, 8, additions, &proposal);
	return proposal;
}

/* A cut that replaces everybody. */
static struct peal_proposal
gen_large(void)
{
	struct peal_proposal proposal = {.parent_epoch = peal_prng_next(&prng),
		.additions_count = PEAL_ADDITIONS_MAX,
		.additions = additions};

	for (uint32_t rank = 0; rank < PEAL_MEMBERS_MAX; rank++) {
		peal_bitset_add(&proposal.removals, rank);
	}
	for (uint32_t i = 0; i < PEAL_ADDITIONS_MAX; i++) {
		peal_gen_member(&prng, &additions[i]);
		additions[i].uuid.high = i + 1U;
	}
	for (uint32_t i = 0; i < PEAL_ADDITIONS_MAX; i++) {
		additions[i].metadata_size = 0;
	}
	return proposal;
}

static void
assert_body_of(const struct peal_body *body, const struct peal_proposal *proposal)
{
	assert_non_null(body);
	assert_true(body->is_proposal);
	assert_int_equal(body->size, peal_proposal_size(proposal));
	assert_true(peal_hash128_equals(body->digest, peal_proposal_digest(proposal)));
	assert_true(peal_hash128_equals(body->digest, peal_proposal_digest(&body->proposal)));
	assert_true(peal_hash128_equals(
		body->digest, peal_proposal_digest_bytes(body->bytes, body->size)));
	assert_int_equal(body->proposal.additions_count, proposal->additions_count);
	assert_true(peal_bitset_equals(&body->proposal.removals, &proposal->removals));
	/* Its own copy, which outlives the argument. */
	assert_true(
		proposal->additions_count == 0 || body->proposal.additions != proposal->additions);
}

static void
test_bodystore__keeps_a_proposal_once(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 100; i++) {
		struct peal_proposal proposal = gen_small();
		const struct peal_body *body = keep(&proposal);

		assert_body_of(body, &proposal);
		assert_ptr_equal(keep(&proposal), body);
		memcpy(bytes, body->bytes, body->size);
		assert_ptr_equal(keep_bytes(body->size, true), body);
		assert_ptr_equal(bodies.find(bodies.state, body->digest), body);
		assert_int_equal(body->users_count, 4);
		assert_int_equal(peal_bodystore_count(store), 1);
		for (uint32_t user = 0; user < 4; user++) {
			release(body);
		}
		assert_int_equal(peal_bodystore_count(store), 0);
	}
}

static void
test_bodystore__decodes_what_came_as_bytes(void **state)
{
	struct peal_proposal proposal = gen_small();
	struct peal_writer writer = peal_writer_init(bytes, sizeof(bytes));
	const struct peal_body *body;

	(void)state;
	peal_proposal_encode(&proposal, &writer);
	body = keep_bytes((uint32_t)writer.offset, true);
	assert_body_of(body, &proposal);
	assert_memory_equal(body->bytes, bytes, body->size);
	memset(bytes, 0, sizeof(bytes));
	assert_body_of(body, &proposal);
}

static void
test_bodystore__keeps_the_largest_proposal(void **state)
{
	struct peal_proposal proposal = gen_large();
	const struct peal_body *body = keep(&proposal);

	(void)state;
	assert_body_of(body, &proposal);
	assert_memory_equal(&body->proposal.additions[PEAL_ADDITIONS_MAX - 1U].uuid,
		&additions[PEAL_ADDITIONS_MAX - 1U].uuid, sizeof(additions[0].uuid));
}

static void
test_bodystore__refuses_a_proposal_that_no_body_holds(void **state)
{
	struct peal_proposal proposal = gen_large();

	(void)state;
	for (uint32_t i = 0; i < PEAL_ADDITIONS_MAX; i++) {
		peal_gen_metadata(&prng, PEAL_METADATA_SIZE_MAX, &additions[i]);
	}
	assert_null(keep(&proposal));
	assert_int_equal(peal_bodystore_count(store), 0);
}

static void
test_bodystore__refuses_bytes_that_are_no_proposal(void **state)
{
	struct peal_proposal proposal = gen_small();
	struct peal_writer writer = peal_writer_init(bytes, sizeof(bytes));
	uint32_t size;

	(void)state;
	peal_proposal_encode(&proposal, &writer);
	size = (uint32_t)writer.offset;
	assert_null(keep_bytes(size + 1U, true));
	assert_null(keep_bytes(size - 1U, true));
	assert_null(keep_bytes(3, true));
	assert_int_equal(peal_bodystore_count(store), 0);
	/* Their places are free again. */
	for (uint32_t i = 0; i < SMALL_COUNT; i++) {
		bytes[size + i] = 7;
		assert_non_null(keep_bytes(size + i + 1U, false));
	}
	assert_null(keep_bytes(size, false));
}

static void
test_bodystore__refuses_no_bytes_and_too_many(void **state)
{
	(void)state;
	assert_null(keep_bytes(0, false));
	assert_null(keep_bytes(PEAL_BODY_BYTES_MAX + 1U, false));
	assert_non_null(keep_bytes(PEAL_BODY_BYTES_MAX, false));
	assert_non_null(keep_bytes(1, false));
}

static void
test_bodystore__keeps_snapshots_apart_from_proposals(void **state)
{
	struct peal_proposal proposal = gen_small();
	struct peal_writer writer = peal_writer_init(bytes, sizeof(bytes));
	const struct peal_body *snapshot;
	const struct peal_body *body;

	(void)state;
	peal_proposal_encode(&proposal, &writer);
	snapshot = keep_bytes((uint32_t)writer.offset, false);
	assert_false(snapshot->is_proposal);
	assert_true(peal_hash128_equals(snapshot->digest, peal_hash128(bytes, writer.offset, 0)));
	assert_ptr_equal(keep_bytes((uint32_t)writer.offset, false), snapshot);
	assert_ptr_equal(bodies.find(bodies.state, snapshot->digest), snapshot);

	/* Bytes may be sent as what they are not: that must not hide the proposal. */
	body = keep_bytes((uint32_t)writer.offset, true);
	assert_ptr_not_equal(body, snapshot);
	assert_body_of(body, &proposal);
	assert_ptr_equal(bodies.find(bodies.state, body->digest), body);
	assert_ptr_equal(keep_bytes((uint32_t)writer.offset, false), snapshot);
}

static void
test_bodystore__says_when_it_is_full(void **state)
{
	const struct peal_body *small[SMALL_COUNT];
	const struct peal_body *large[LARGE_COUNT];

	(void)state;
	for (uint32_t i = 0; i < SMALL_COUNT; i++) {
		small[i] = keep_bytes(PEAL_BODYSTORE_SMALL_SIZE_MAX - i, false);
		assert_non_null(small[i]);
	}
	assert_null(keep_bytes(1, false));
	for (uint32_t i = 0; i < LARGE_COUNT; i++) {
		large[i] = keep_bytes(PEAL_BODYSTORE_SMALL_SIZE_MAX + 1U + i, false);
		assert_non_null(large[i]);
	}
	assert_null(keep_bytes(PEAL_BODY_BYTES_MAX, false));
	assert_int_equal(peal_bodystore_count(store), SMALL_COUNT + LARGE_COUNT);

	/* The place released last is used first. */
	release(small[1]);
	release(small[3]);
	assert_ptr_equal(keep_bytes(2, false), small[3]);
	assert_ptr_equal(keep_bytes(3, false), small[1]);
	release(large[0]);
	assert_ptr_equal(keep_bytes(PEAL_BODY_BYTES_MAX, false), large[0]);
}

static void
test_bodystore__forgets_what_nobody_retains(void **state)
{
	const struct peal_body *body = keep_bytes(10, false);
	struct peal_hash128 digest = body->digest;

	(void)state;
	bodies.retain(bodies.state, body);
	release(body);
	assert_ptr_equal(bodies.find(bodies.state, digest), body);
	release(body);
	release(body);
	assert_null(bodies.find(bodies.state, digest));
}

static void
test_bodystore__finds_everything_among_many(void **state)
{
	const struct peal_body *kept[SMALL_COUNT] = {0};

	(void)state;
	for (uint32_t round = 0; round < 2000; round++) {
		uint32_t chosen = (uint32_t)peal_prng_below(&prng, SMALL_COUNT);

		if (kept[chosen] != NULL) {
			release(kept[chosen]);
		}
		bytes[0] = (uint8_t)chosen;
		memcpy(bytes + 1, &round, sizeof(round));
		kept[chosen] = keep_bytes(5, false);
		for (uint32_t i = 0; i < SMALL_COUNT; i++) {
			if (kept[i] != NULL) {
				assert_ptr_equal(
					bodies.find(bodies.state, kept[i]->digest), kept[i]);
				assert_int_equal(kept[i]->bytes[0], i);
				release(kept[i]);
			}
		}
	}
}

static void
test_bodystore__opens_one_memory_for_one_name_and_size(void **state)
{
	struct peal_hash128 name = {.low = 1, .high = 2};
	struct peal_hash128 other = {.low = 1, .high = 3};
	uint8_t *one = bodies.open(bodies.state, name, 5000);
	uint8_t *two = bodies.open(bodies.state, name, 5000);
	uint8_t *three = bodies.open(bodies.state, other, 5000);

	(void)state;
	assert_non_null(one);
	assert_ptr_equal(one, two);
	assert_ptr_not_equal(one, three);
	assert_non_null(three);
	/* Both large places are taken. */
	assert_null(bodies.open(bodies.state, name, 5001));
	assert_non_null(bodies.open(bodies.state, name, 100));
	assert_null(bodies.find(bodies.state, name));
	assert_int_equal(peal_bodystore_count(store), 3);
	bodies.close(bodies.state, one);
	assert_null(bodies.open(bodies.state, name, 5001));
	bodies.close(bodies.state, two);
	assert_ptr_equal(bodies.open(bodies.state, name, 5001), one);
}

static void
test_bodystore__keeps_what_was_gathered_in_open_memory(void **state)
{
	struct peal_proposal proposal = gen_small();
	struct peal_hash128 digest = peal_proposal_digest(&proposal);
	uint32_t size = peal_proposal_size(&proposal);
	uint8_t *memory_open = bodies.open(bodies.state, digest, size);
	struct peal_writer writer = peal_writer_init(memory_open, size);
	const struct peal_body *body;

	(void)state;
	peal_proposal_encode(&proposal, &writer);
	body = bodies.keep_bytes(bodies.state, memory_open, size, true);
	assert_body_of(body, &proposal);
	assert_ptr_not_equal(body->bytes, memory_open);
	bodies.close(bodies.state, memory_open);
	assert_body_of(body, &proposal);
	assert_int_equal(peal_bodystore_count(store), 1);
}

static void
close_argument(void *argument)
{
	bodies.close(bodies.state, argument);
}

static void
test_bodystore__closes_only_what_is_open(void **state)
{
	uint8_t *opened = bodies.open(bodies.state, (struct peal_hash128){.low = 1}, 5000);
	const struct peal_body *body = keep_bytes(2000, false);
	uint8_t *kept = opened + (body->bytes - opened);

	(void)state;
	assert_true(peal_test_dies(close_argument, opened + 1));
	assert_true(peal_test_dies(close_argument, kept));
	assert_true(peal_test_dies(close_argument, bytes));
	bodies.close(bodies.state, opened);
	assert_true(peal_test_dies(close_argument, opened));
}

static void
release_pointed_at(void *argument)
{
	release(*(const struct peal_body **)argument);
}

static void
retain_pointed_at(void *argument)
{
	bodies.retain(bodies.state, *(const struct peal_body **)argument);
}

static void
test_bodystore__counts_its_users(void **state)
{
	const struct peal_body *body = keep_bytes(10, false);
	struct peal_body stranger = *body;

	(void)state;
	release(body);
	assert_true(peal_test_dies(release_pointed_at, &body));
	assert_true(peal_test_dies(retain_pointed_at, &body));
	body = &stranger;
	assert_true(peal_test_dies(release_pointed_at, &body));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_bodystore__keeps_a_proposal_once, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_bodystore__decodes_what_came_as_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_bodystore__keeps_the_largest_proposal, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_bodystore__refuses_a_proposal_that_no_body_holds, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_bodystore__refuses_bytes_that_are_no_proposal, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_bodystore__refuses_no_bytes_and_too_many, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_bodystore__keeps_snapshots_apart_from_proposals, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_bodystore__says_when_it_is_full, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_bodystore__forgets_what_nobody_retains, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_bodystore__finds_everything_among_many, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_bodystore__opens_one_memory_for_one_name_and_size, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_bodystore__keeps_what_was_gathered_in_open_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_bodystore__closes_only_what_is_open, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bodystore__counts_its_users, setup, teardown),
	};

	return cmocka_run_group_tests_name("test_bodystore", tests, NULL, NULL);
}
