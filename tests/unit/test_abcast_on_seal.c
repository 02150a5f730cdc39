/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/cmocka_all.h"
#include "tests/lib/orderscene.h"

#define MICROSECOND_NS UINT64_C(1000)

static void
prepare(uint8_t rank, uint8_t lane, uint64_t ballot)
{
	struct peal_order_msg message = peal_orderscene_make(PEAL_ORDER_SEAL_PREPARE, rank);

	message.seal.lane = lane;
	message.seal.ballot = ballot;
	(void)peal_orderscene_hear(&message);
}

static void
accept(uint8_t rank, uint8_t lane, uint64_t ballot, uint64_t last)
{
	struct peal_order_msg message = peal_orderscene_make(PEAL_ORDER_SEAL_ACCEPT, rank);

	message.seal.lane = lane;
	message.seal.ballot = ballot;
	message.seal.last = last;
	message.seal.until = 9000;
	(void)peal_orderscene_hear(&message);
}

static void
decide(uint8_t lane, uint16_t generation, uint64_t last, uint64_t until)
{
	struct peal_order_msg message = peal_orderscene_make(PEAL_ORDER_SEAL_DECIDED, 2);

	message.seal.lane = lane;
	message.seal.generation = generation;
	message.seal.last = last;
	message.seal.until = until;
	(void)peal_orderscene_hear(&message);
}

static void
test_abcast_on_seal__promises_and_accepts_with_the_frames(void **state)
{
	const struct peal_order_msg *sent;

	(void)state;
	assert_true(peal_orderscene_data(1, 1, 5000));
	prepare(2, 1, 0x102);
	sent = peal_orderscene_last(PEAL_ORDER_SEAL_PROMISE);
	assert_non_null(sent);
	assert_true(sent->seal.have == 1U && sent->seal.accepted == 0);
	prepare(2, 1, 0x101);
	assert_int_equal(peal_orderscene_count(PEAL_ORDER_SEAL_PROMISE), 1);
	accept(2, 1, 0x102, 2);
	/* The second frame is not here. */
	assert_null(peal_orderscene_last(PEAL_ORDER_SEAL_ACCEPTED));
	assert_non_null(peal_orderscene_last(PEAL_ORDER_PULL));
	accept(2, 1, 0x102, 1);
	assert_non_null(peal_orderscene_last(PEAL_ORDER_SEAL_ACCEPTED));
	prepare(2, 1, 0x202);
	sent = peal_orderscene_last(PEAL_ORDER_SEAL_PROMISE);
	assert_true(sent->seal.accepted == 0x102U && sent->seal.last == 1U);
}

static void
test_abcast_on_seal__a_silent_lane_is_sealed_and_delivery_goes_on(void **state)
{
	struct peal_order_msg message;
	const struct peal_order_msg *sent;

	(void)state;
	assert_true(peal_orderscene_data(1, 1, 5000));
	peal_orderscene_run(0);
	for (uint32_t i = 0; i < 20U && peal_orderscene_last(PEAL_ORDER_SEAL_PREPARE) == NULL;
		i++) {
		peal_orderscene_run(50U * MICROSECOND_NS);
	}
	sent = peal_orderscene_last(PEAL_ORDER_SEAL_PREPARE);
	assert_non_null(sent);
	assert_int_equal(sent->seal.lane, 2);
	message = peal_orderscene_make(PEAL_ORDER_SEAL_PROMISE, 1);
	message.seal.lane = 2;
	message.seal.ballot = sent->seal.ballot;
	(void)peal_orderscene_hear(&message);
	sent = peal_orderscene_last(PEAL_ORDER_SEAL_ACCEPT);
	assert_non_null(sent);
	assert_true(sent->seal.last == 0 && sent->seal.until >= 5000U);
	message.kind = PEAL_ORDER_SEAL_ACCEPTED;
	(void)peal_orderscene_hear(&message);
	assert_int_equal(peal_orderscene_count(PEAL_ORDER_SEAL_DECIDED), 2);
	peal_orderscene_run(0);
	assert_int_equal(scene.delivered_count, 1);
	assert_int_equal(scene.abcast.lanes[2].generation, 1);
}

static void
test_abcast_on_seal__its_own_void_frames_are_sent_anew(void **state)
{
	const struct peal_order_msg *sent;
	uint64_t until = scene.now_ns + 50000U;

	(void)state;
	for (uint32_t i = 0; i < 3U; i++) {
		assert_int_equal(peal_orderscene_send(), PEAL_ABCAST_OK);
	}
	peal_orderscene_run(0);
	peal_orderscene_forget();
	decide(0, 0, 1, until);
	peal_orderscene_run(0);
	/* Both in one body, to both. */
	assert_int_equal(peal_orderscene_count(PEAL_ORDER_DATA), 2);
	sent = peal_orderscene_last(PEAL_ORDER_DATA);
	assert_true(sent->data.seq == 2U && sent->data.more == 1U && sent->data.generation == 1U);
	assert_true(sent->data.stamp > until);
	assert_true(peal_orderscene_counter(PEAL_COUNTER_ORDER_TAKEN_BACK) == 2U);
}

static void
test_abcast_on_seal__stops_at_what_cannot_be(void **state)
{
	(void)state;
	decide(1, 0, 0, 100);
	decide(1, 0, 0, 100);
	assert_int_equal(scene.fault, PEAL_ABCAST_FAULT_NONE);
	decide(1, 0, 7, 100);
	assert_int_equal(scene.fault, PEAL_ABCAST_FAULT_DECISION);
}

static void
test_abcast_on_seal__stops_when_what_was_delivered_is_void(void **state)
{
	(void)state;
	assert_true(peal_orderscene_data(1, 1, 5000));
	peal_orderscene_tick(2, 1, 1, 6000, 0);
	peal_orderscene_run(0);
	assert_int_equal(scene.delivered_count, 1);
	decide(1, 0, 0, 100);
	assert_int_equal(scene.fault, PEAL_ABCAST_FAULT_SEAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_abcast_on_seal__promises_and_accepts_with_the_frames,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(
			test_abcast_on_seal__a_silent_lane_is_sealed_and_delivery_goes_on,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(
			test_abcast_on_seal__its_own_void_frames_are_sent_anew,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(test_abcast_on_seal__stops_at_what_cannot_be,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(
			test_abcast_on_seal__stops_when_what_was_delivered_is_void,
			peal_orderscene_set_up, peal_orderscene_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
