/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/streampool.h"
#include "membership/bodystore.h"
#include "tests/lib/teststore.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void
test_streampool__holds_bodies_until_the_core_is_done(void **state)
{
	struct peal_teststore *store = peal_teststore_create(64);
	struct peal_streampool *pool = calloc(1, sizeof(*pool));
	const uint8_t bytes[10] = {1};
	const struct peal_body *body =
		store->bodies.keep_bytes(store->bodies.state, bytes, sizeof(bytes), false);
	struct peal_stream *streams[PEAL_STREAMS_MAX];
	const struct peal_uuid joiner = {.low = 8, .high = 1};
	const struct peal_uuid nobody = {0};

	(void)state;
	peal_streampool_init(pool, store->bodies);
	for (uint32_t i = 0; i < PEAL_STREAMS_MAX; i++) {
		streams[i] = peal_streampool_take(pool, body);
		assert_non_null(streams[i]);
		assert_ptr_equal(streams[i]->bytes, body->bytes);
		assert_int_equal(streams[i]->size, 10);
		assert_int_equal(streams[i]->targets_count, 0);
	}
	assert_null(peal_streampool_take(pool, body));
	store->bodies.release(store->bodies.state, body);

	streams[3]->targets[0].mid = 5;
	streams[3]->targets[1].joiner = joiner;
	streams[3]->targets_count = 2;
	assert_true(peal_streampool_is_busy(pool, body, 5, nobody));
	assert_true(peal_streampool_is_busy(pool, body, 0, joiner));
	assert_false(peal_streampool_is_busy(pool, body, 6, nobody));
	peal_streampool_give(pool, streams[3]);
	assert_false(peal_streampool_is_busy(pool, body, 5, nobody));
	assert_ptr_equal(peal_streampool_take(pool, body), streams[3]);
	assert_int_equal(peal_bodystore_count(store->bodies.state), 1);
	peal_streampool_clear(pool);
	assert_int_equal(pool->count, 0);
	assert_int_equal(peal_bodystore_count(store->bodies.state), 0);
	free(pool);
	peal_teststore_destroy(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_streampool__holds_bodies_until_the_core_is_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
