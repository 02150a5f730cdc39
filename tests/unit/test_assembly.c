/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/assembly.h"
#include "membership/bodystore.h"
#include "tests/lib/teststore.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)

static struct peal_timing timing;
static struct peal_counters counters;
static struct peal_teststore *store;

static struct peal_assembly *
make(void)
{
	struct peal_assembly *assembly = calloc(1, sizeof(*assembly));

	assert_true(peal_timing_find("dpdk", &timing));
	peal_counters_init(&counters);
	store = peal_teststore_create(64);
	peal_assembly_init(assembly, &timing, &counters, store->bodies);
	return assembly;
}

static void
destroy(struct peal_assembly *assembly)
{
	peal_assembly_clear(assembly);
	assert_int_equal(peal_bodystore_count(store->bodies.state), 0);
	free(assembly);
	peal_teststore_destroy(store);
}

/* Chunk `index` of bytes that say themselves how long they are. */
static const struct peal_body *
send(struct peal_assembly *assembly, const uint8_t *bytes, uint32_t size, uint16_t index,
	uint8_t route, uint64_t now_ns)
{
	struct peal_body_msg message = {.digest = peal_hash128(bytes, size, 0),
		.total_size = size,
		.chunk = index,
		.route = route,
		.bytes = bytes + (size_t)index * PEAL_CHUNK_SIZE_MAX};
	uint8_t route_out = 77;
	const struct peal_body *body = NULL;

	message.size = size - index * PEAL_CHUNK_SIZE_MAX < PEAL_CHUNK_SIZE_MAX
			       ? size - index * PEAL_CHUNK_SIZE_MAX
			       : PEAL_CHUNK_SIZE_MAX;
	body = peal_assembly_on_chunk(assembly, &message, 9, now_ns, &route_out);
	assert_int_equal(route_out, body != NULL ? route : 77);
	return body;
}

static void
test_assembly__asks_until_all_is_here(void **state)
{
	static uint8_t bytes[5000];
	struct peal_assembly *assembly = make();
	struct peal_hash128 digest = peal_hash128(bytes, sizeof(bytes), 0);
	const struct peal_body *body = NULL;
	struct peal_assembly_ask ask;
	uint64_t now_ns = 100 * MS;

	(void)state;
	assert_true(peal_assembly_want(assembly, digest, 0, true, 4, now_ns));
	assert_true(peal_assembly_has(assembly, digest));
	assert_false(peal_assembly_take_ask(assembly, now_ns, &ask));
	/* Nothing came: everything, from who named it; then from others, ever later. */
	for (uint32_t i = 0; i < 5; i++) {
		uint64_t pause_ns = peal_assembly_deadline_at_ns(assembly) - now_ns;

		assert_true(pause_ns >= timing.flood_ns << (i == 0 ? 0 : i - 1U));
		assert_true(pause_ns <= 8U * timing.flood_ns);
		now_ns += pause_ns;
		assert_true(peal_assembly_take_ask(assembly, now_ns, &ask));
		assert_int_equal(ask.source_mid, 4);
		assert_int_equal(ask.asks_count, i);
		assert_int_equal(ask.pull.first, 0);
		assert_true(ask.pull.missing[0] == 0);
		assert_false(peal_assembly_take_ask(assembly, now_ns, &ask));
	}
	/* Something came: what is missing, from who sent that. */
	assert_null(send(assembly, bytes, sizeof(bytes), 0, PEAL_BODY_ROUTE_PULL, now_ns));
	assert_null(send(assembly, bytes, sizeof(bytes), 2, PEAL_BODY_ROUTE_PULL, now_ns));
	assert_false(peal_assembly_take_ask(assembly, now_ns + timing.flood_ns - 1U, &ask));
	assert_true(peal_assembly_take_ask(assembly, now_ns + timing.flood_ns, &ask));
	assert_int_equal(ask.source_mid, 9);
	assert_int_equal(ask.asks_count, 0);
	assert_int_equal(ask.pull.first, 1);
	assert_true(ask.pull.missing[0] == 0xD);
	assert_null(send(assembly, bytes, sizeof(bytes), 4, PEAL_BODY_ROUTE_PULL, now_ns));
	assert_null(send(assembly, bytes, sizeof(bytes), 3, PEAL_BODY_ROUTE_PULL, now_ns));
	body = send(assembly, bytes, sizeof(bytes), 1, PEAL_BODY_ROUTE_PULL, now_ns);
	assert_non_null(body);
	assert_memory_equal(body->bytes, bytes, sizeof(bytes));
	assert_false(peal_assembly_has(assembly, digest));
	assert_true(peal_assembly_deadline_at_ns(assembly) == UINT64_MAX);
	store->bodies.release(store->bodies.state, body);
	destroy(assembly);
}

/* A proposal that streams in before anybody announced it; an answer nobody asked for is nothing. */
static void
test_assembly__takes_what_streams_in(void **state)
{
	struct peal_assembly *assembly = make();
	struct peal_member joiner = peal_teststore_joiner(1, 1);
	struct peal_proposal proposal = {
		.parent_epoch = 5, .additions_count = 1, .additions = &joiner};
	uint8_t bytes[200];
	struct peal_writer writer = peal_writer_init(bytes, sizeof(bytes));
	struct peal_body_msg message = {.digest = peal_proposal_digest(&proposal),
		.route = PEAL_BODY_ROUTE_PULL,
		.bytes = bytes};
	const struct peal_body *body = NULL;
	uint8_t route = 77;

	(void)state;
	peal_proposal_encode(&proposal, &writer);
	message.total_size = message.size = (uint32_t)writer.offset;
	assert_null(peal_assembly_on_chunk(assembly, &message, 1, 0, &route));
	message.route = 1;
	body = peal_assembly_on_chunk(assembly, &message, 1, 0, &route);
	assert_non_null(body);
	assert_int_equal(route, 1);
	assert_true(body->is_proposal);
	assert_int_equal(body->proposal.additions_count, 1);
	store->bodies.release(store->bodies.state, body);
	destroy(assembly);
}

/* Bytes that are not what their digest says begin anew if they are wanted. */
static void
test_assembly__spoiled_bytes_begin_anew(void **state)
{
	static uint8_t bytes[3000];
	struct peal_assembly *assembly = make();
	struct peal_hash128 digest = peal_hash128(bytes, sizeof(bytes), 0);
	struct peal_body_msg wrong = {
		.digest = digest, .total_size = 10, .size = 10, .bytes = bytes};
	uint8_t route = 0;

	(void)state;
	assert_true(peal_assembly_want(assembly, digest, 0, true, 4, 0));
	assert_null(peal_assembly_on_chunk(assembly, &wrong, 9, 0, &route));
	assert_int_equal(peal_counter_get(&counters, PEAL_COUNTER_BODIES_SPOILED), 1);
	assert_true(peal_assembly_has(assembly, digest));
	for (uint16_t i = 0; i < 3; i++) {
		const struct peal_body *body = send(assembly, bytes, sizeof(bytes), i, 0, 0);

		assert_true((body != NULL) == (i == 2));
		if (body != NULL) {
			store->bodies.release(store->bodies.state, body);
		}
	}
	destroy(assembly);
}

/* What is wanted displaces what is not, and not what is. */
static void
test_assembly__places_are_for_what_is_wanted(void **state)
{
	static uint8_t bytes[PEAL_ASSEMBLIES_MAX + 2][2000];
	struct peal_assembly *assembly = make();

	(void)state;
	for (uint8_t i = 0; i < PEAL_ASSEMBLIES_MAX + 2U; i++) {
		bytes[i][0] = i;
		assert_null(send(assembly, bytes[i], 2000, 0, 0, i));
		assert_int_equal(peal_assembly_has(assembly, peal_hash128(bytes[i], 2000, 0)),
			i < PEAL_ASSEMBLIES_MAX);
	}
	for (uint8_t i = 0; i < PEAL_ASSEMBLIES_MAX + 2U; i++) {
		struct peal_hash128 digest = {.low = i, .high = 7};

		assert_int_equal(peal_assembly_want(assembly, digest, 100, false, 1, 0),
			i < PEAL_ASSEMBLIES_MAX);
	}
	peal_assembly_forget(assembly, (struct peal_hash128){.low = 2, .high = 7});
	peal_assembly_forget(assembly, (struct peal_hash128){.low = 2, .high = 7});
	assert_true(peal_assembly_want(
		assembly, (struct peal_hash128){.low = 99, .high = 7}, 100, false, 1, 0));
	destroy(assembly);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_assembly__asks_until_all_is_here),
		cmocka_unit_test(test_assembly__takes_what_streams_in),
		cmocka_unit_test(test_assembly__spoiled_bytes_begin_anew),
		cmocka_unit_test(test_assembly__places_are_for_what_is_wanted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
