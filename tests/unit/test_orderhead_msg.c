/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/orderhead_msg.h"

#include "tests/lib/cmocka_all.h"

#include <string.h>

static void
test_orderhead_msg__says_which_client_it_was(void **state)
{
	static const uint8_t bytes[] = {0x04, 0x03, 0x02, 0x01, 0, 0, 0, 1, 'x'};
	const struct peal_orderhead head = {.client = 0x01020304U, .kind = PEAL_ORDERHEAD_CLIENT};
	struct peal_orderhead again;
	uint8_t out[PEAL_ORDERHEAD_SIZE];

	(void)state;
	peal_orderhead_encode(&head, out);
	assert_memory_equal(out, bytes, sizeof(out));
	assert_true(peal_orderhead_decode(bytes, sizeof(bytes), &again));
	assert_int_equal(again.client, head.client);
	assert_int_equal(again.kind, head.kind);
	assert_true(peal_orderhead_decode(bytes, PEAL_ORDERHEAD_SIZE, &again));
}

static void
test_orderhead_msg__refuses_what_cannot_be(void **state)
{
	static const uint8_t good[] = {7, 0, 0, 0, 0, 0, 0, 1};
	struct peal_orderhead head;

	(void)state;
	for (uint32_t size = 0; size < sizeof(good); size++) {
		assert_false(peal_orderhead_decode(good, size, &head));
	}
	for (uint32_t at = 0; at < sizeof(good); at++) {
		for (uint32_t value = 0; value < 256; value++) {
			uint8_t bytes[sizeof(good)];

			memcpy(bytes, good, sizeof(good));
			bytes[at] = (uint8_t)value;
			/* Any client but number 0, and nothing else than it is. */
			assert_int_equal(peal_orderhead_decode(bytes, sizeof(bytes), &head),
				at < 4U ? at > 0 || value != 0 : value == good[at]);
		}
	}
}

static void
test_orderhead_msg__says_what_is_about_a_process_group(void **state)
{
	static const uint8_t bytes[] = {
		4, 3, 2, 1, 0, 0, 0, 2, 8, 7, 6, 5, 9, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 1, 'x'};
	const struct peal_orderhead_group head = {.kind = PEAL_ORDERHEAD_GROUP,
		.client = 0x01020304U,
		.group = 0x05060708U,
		.stamp = {.epoch = UINT64_C(0x0100000000000005), .n = 9}};
	struct peal_orderhead_group again;
	uint8_t out[PEAL_ORDERHEAD_GROUP_SIZE];

	(void)state;
	peal_orderhead_group_encode(&head, out);
	assert_memory_equal(out, bytes, sizeof(out));
	assert_true(peal_orderhead_group_decode(bytes, sizeof(bytes), &again));
	assert_int_equal(again.client, head.client);
	assert_int_equal(again.group, head.group);
	assert_int_equal(again.stamp.n, 9);
	assert_true(again.stamp.epoch == head.stamp.epoch);
	assert_int_equal(peal_orderhead_kind_of(bytes, 8), PEAL_ORDERHEAD_GROUP);
	assert_int_equal(peal_orderhead_kind_of(bytes, 7), 0);
}

/* A message of a group has all; a mark no client; one of no group nothing at all. */
static void
test_orderhead_msg__refuses_what_no_group_can_be_told(void **state)
{
	static const uint8_t message[PEAL_ORDERHEAD_GROUP_SIZE + 1U] = {
		1, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 5};
	static const uint8_t bad_places[] = {0, 4, 5, 6, 8, 16};
	struct peal_orderhead_group head;
	uint8_t bytes[sizeof(message)];

	(void)state;
	assert_true(peal_orderhead_group_decode(message, sizeof(message), &head));
	for (uint32_t size = 0; size < PEAL_ORDERHEAD_GROUP_SIZE; size++) {
		assert_false(peal_orderhead_group_decode(message, size, &head));
	}
	for (uint32_t i = 0; i < sizeof(bad_places); i++) {
		memcpy(bytes, message, sizeof(bytes));
		bytes[bad_places[i]] = bad_places[i] >= 4U && bad_places[i] <= 6U ? 1 : 0;
		assert_false(peal_orderhead_group_decode(bytes, sizeof(bytes), &head));
	}
	memcpy(bytes, message, sizeof(bytes));
	for (uint32_t kind = 0; kind < 256U; kind++) {
		bytes[7] = (uint8_t)kind;
		assert_int_equal(peal_orderhead_group_decode(bytes, sizeof(bytes), &head),
			kind == PEAL_ORDERHEAD_GROUP);
	}
	bytes[7] = PEAL_ORDERHEAD_MARK;
	assert_false(peal_orderhead_group_decode(bytes, PEAL_ORDERHEAD_GROUP_SIZE, &head));
	bytes[0] = 0;
	assert_true(peal_orderhead_group_decode(bytes, PEAL_ORDERHEAD_GROUP_SIZE, &head));
	assert_false(peal_orderhead_group_decode(bytes, sizeof(bytes), &head)); /* and more */
	bytes[8] = 0;
	assert_false(peal_orderhead_group_decode(bytes, PEAL_ORDERHEAD_GROUP_SIZE, &head));
	bytes[16] = 0;
	assert_true(peal_orderhead_group_decode(bytes, PEAL_ORDERHEAD_GROUP_SIZE, &head));
	bytes[12] = 1;
	assert_false(peal_orderhead_group_decode(bytes, PEAL_ORDERHEAD_GROUP_SIZE, &head));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_orderhead_msg__says_what_is_about_a_process_group),
		cmocka_unit_test(test_orderhead_msg__refuses_what_no_group_can_be_told),
		cmocka_unit_test(test_orderhead_msg__says_which_client_it_was),
		cmocka_unit_test(test_orderhead_msg__refuses_what_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
