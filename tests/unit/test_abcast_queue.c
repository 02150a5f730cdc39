/* SPDX-License-Identifier: BSD-3-Clause */
#include "abcast/abcast_queue.h"

#include "tests/lib/cmocka_all.h"

static struct peal_abcast_queue queue;

static void
test_abcast_queue__keeps_order_and_puts_back_in_front(void **state)
{
	struct peal_abcast_queued queued = {.token = 1};

	(void)state;
	peal_abcast_queue_init(&queue);
	assert_false(peal_abcast_queue_pop(&queue, &queued));
	for (uint64_t i = 1; i <= 3U; i++) {
		queued.token = i;
		assert_true(peal_abcast_queue_push(&queue, &queued));
	}
	assert_true(peal_abcast_queue_pop(&queue, &queued));
	assert_true(queued.token == 1U);
	peal_abcast_queue_return(&queue, &queued);
	assert_true(peal_abcast_queue_at(&queue, 0)->token == 1U);
	assert_true(peal_abcast_queue_at(&queue, 2)->token == 3U);
	for (uint64_t i = 1; i <= 3U; i++) {
		assert_true(peal_abcast_queue_pop(&queue, &queued));
		assert_true(queued.token == i);
	}
	assert_false(peal_abcast_queue_pop(&queue, &queued));
}

static void
test_abcast_queue__is_full_for_new_ones_only(void **state)
{
	struct peal_abcast_queued queued = {.token = 7};

	(void)state;
	peal_abcast_queue_init(&queue);
	for (uint32_t i = 0; i < PEAL_ORDER_QUEUE_MAX; i++) {
		assert_true(peal_abcast_queue_push(&queue, &queued));
	}
	assert_false(peal_abcast_queue_push(&queue, &queued));
	for (uint32_t i = 0; i < PEAL_ORDER_INFLIGHT_MAX; i++) {
		peal_abcast_queue_return(&queue, &queued);
	}
	assert_int_equal(queue.count, PEAL_ABCAST_QUEUE_PLACES);
	assert_false(peal_abcast_queue_push(&queue, &queued));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_abcast_queue__keeps_order_and_puts_back_in_front),
		cmocka_unit_test(test_abcast_queue__is_full_for_new_ones_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
