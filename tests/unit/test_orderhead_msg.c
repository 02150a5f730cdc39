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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_orderhead_msg__says_which_client_it_was),
		cmocka_unit_test(test_orderhead_msg__refuses_what_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
