/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/congestion.h"

#include "base/limits.h"
#include "base/messagelimits.h"
#include "tests/lib/cmocka_all.h"

#include <string.h>

#define US     UINT64_C(1000)
#define FRAME  PEAL_CONGESTION_FRAME
#define TARGET (50 * US)

static struct peal_congestion congestion;
static uint64_t now_ns;

static int
begin(void **state)
{
	(void)state;
	peal_congestion_init(&congestion, TARGET);
	now_ns = 1000000 * US;
	return 0;
}

static bool
answer(uint32_t count, uint64_t rtt_ns, uint64_t remote_ns, uint64_t local_ns)
{
	const struct peal_congestion_news news = {.arrived_count = count,
		.rtt_ns = rtt_ns,
		.remote_ns = remote_ns,
		.local_ns = local_ns};

	return peal_congestion_on_ack(&congestion, &news, now_ns);
}

/* A whole window leaves and is answered after `rtt_ns`. */
static bool
go_round(uint64_t rtt_ns)
{
	uint32_t count = 0;
	bool is_shrunk;

	while (peal_congestion_may_send(&congestion, now_ns)) {
		peal_congestion_on_send(&congestion, now_ns);
		count++;
	}
	now_ns += rtt_ns;
	is_shrunk = answer(count, rtt_ns, 0, 0);
	peal_congestion_add(&congestion, -(int32_t)count);
	return is_shrunk;
}

static void
set_window(uint32_t size)
{
	congestion.fabric.size = congestion.size = size;
}

static void
test_congestion__lets_a_window_go(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < PEAL_CONGESTION_WINDOW_FIRST; i++) {
		assert_true(peal_congestion_may_send(&congestion, now_ns));
		peal_congestion_on_send(&congestion, now_ns);
	}
	assert_false(peal_congestion_may_send(&congestion, now_ns));
	assert_true(peal_congestion_deadline_at_ns(&congestion) == UINT64_MAX);
	peal_congestion_add(&congestion, -1);
	assert_true(peal_congestion_may_send(&congestion, now_ns));
}

static void
test_congestion__grows_by_one_a_round_trip(void **state)
{
	uint32_t before = congestion.size;

	(void)state;
	for (uint32_t i = 0; i < 10; i++) {
		assert_false(go_round(20 * US));
	}
	assert_in_range(congestion.size, before + 9U * FRAME, before + 11U * FRAME);
	/* Never beyond its bound. */
	for (uint32_t i = 0; i < 1000; i++) {
		(void)go_round(20 * US);
	}
	assert_int_equal(congestion.size, PEAL_CONGESTION_WINDOW_MAX * FRAME);
}

/* A core that may have slept over a frame says nothing about the fabric. */
static void
test_congestion__sleep_is_no_delay_of_the_fabric(void **state)
{
	uint32_t before = congestion.size;

	(void)state;
	for (uint32_t i = 0; i < 100; i++) {
		const struct peal_congestion_news news = {
			.arrived_count = 1, .rtt_ns = 400 * US, .unseen_ns = 380 * US};

		now_ns += 400 * US;
		assert_false(peal_congestion_on_ack(&congestion, &news, now_ns));
	}
	assert_true(congestion.size >= before);
	/* What is left above that is the fabric's. */
	const struct peal_congestion_news late = {
		.arrived_count = 1, .rtt_ns = 1000 * US, .unseen_ns = 380 * US};

	now_ns += 1000 * US;
	assert_true(peal_congestion_on_ack(&congestion, &late, now_ns));
	assert_true(congestion.size < before);
}

static void
test_congestion__time_outs_of_a_core_that_slept_are_forgiven(void **state)
{
	const uint64_t began_at_ns = now_ns;
	struct peal_congestion_news news = {.arrived_count = 1};
	uint32_t before = congestion.size;

	(void)state;
	for (uint32_t i = 0; i < 6; i++) {
		(void)peal_congestion_on_timeout(&congestion, now_ns);
		now_ns += 1000 * US;
	}
	assert_true(congestion.size < FRAME);
	/* It looked once since: what was lost was lost. */
	news.unseen_ns = now_ns - began_at_ns - 1U;
	(void)peal_congestion_on_ack(&congestion, &news, now_ns);
	assert_true(congestion.size < FRAME);
	/* It did not. An answer that tells of nothing proves nothing. */
	set_window(before);
	congestion.size_before = 0;
	(void)peal_congestion_on_timeout(&congestion, now_ns);
	assert_true(congestion.size < before);
	news = (struct peal_congestion_news){.unseen_ns = 1000 * US};
	now_ns += 1000 * US;
	(void)peal_congestion_on_ack(&congestion, &news, now_ns);
	assert_true(congestion.size < before);
	news.arrived_count = 1;
	(void)peal_congestion_on_ack(&congestion, &news, now_ns);
	assert_int_equal(congestion.size, before);
	assert_true(peal_congestion_may_send(&congestion, now_ns));
}

static void
test_congestion__what_is_not_used_does_not_grow(void **state)
{
	uint32_t before = congestion.size;

	(void)state;
	for (uint32_t i = 0; i < 100; i++) {
		peal_congestion_on_send(&congestion, now_ns);
		now_ns += 20 * US;
		assert_false(answer(1, 20 * US, 0, 0));
		peal_congestion_add(&congestion, -1);
	}
	assert_int_equal(congestion.size, before);
}

static void
test_congestion__shrinks_by_the_excess_once_a_round_trip(void **state)
{
	uint64_t target_ns;

	(void)state;
	(void)go_round(20 * US);
	set_window(64 * FRAME);
	target_ns = peal_congestion_target_ns(&congestion);
	assert_int_equal(target_ns, TARGET);
	/* A quarter of the delay is too much: four fifths of a quarter. */
	assert_true(go_round(target_ns * 4U / 3U));
	assert_in_range(congestion.size, 51 * FRAME, 52 * FRAME);
	/* Again at once: what was done cannot have shown. */
	now_ns += 1 * US;
	peal_congestion_on_send(&congestion, now_ns);
	assert_false(answer(1, 2 * TARGET, 0, 0));
	peal_congestion_add(&congestion, -1);
	/* However large the delay, a half at most. */
	set_window(64 * FRAME);
	now_ns += 100 * US;
	assert_true(go_round(1000 * TARGET));
	assert_int_equal(congestion.size, 32 * FRAME);
}

static void
test_congestion__parts_hosts_from_the_fabric(void **state)
{
	uint32_t before;

	(void)state;
	(void)go_round(20 * US);
	before = congestion.fabric.size;
	/* A receiver that waits, and a core that reads late: no fault of the fabric. */
	for (uint32_t i = 0; i < 100; i++) {
		now_ns += 1000 * US;
		congestion.flights_count = congestion.size / FRAME;
		(void)answer(1, 320 * US, 500 * US, 300 * US);
	}
	assert_true(congestion.fabric.size > before);
	assert_int_equal(congestion.rtt_ns_min, 20 * US);
	assert_true(congestion.host.size < FRAME * PEAL_CONGESTION_WINDOW_FIRST);
	assert_int_equal(congestion.size, congestion.host.size);
}

static void
test_congestion__aims_higher_when_small(void **state)
{
	uint64_t before_ns = UINT64_MAX;

	(void)state;
	for (uint32_t size = FRAME / 64U; size < 100U * FRAME; size += size / 16U + 1U) {
		uint64_t target_ns;

		set_window(size);
		target_ns = peal_congestion_target_ns(&congestion);
		assert_true(target_ns <= before_ns);
		assert_in_range(target_ns, TARGET, 2 * TARGET);
		before_ns = target_ns;
	}
	set_window(FRAME / 16U);
	assert_int_equal(peal_congestion_target_ns(&congestion), 2 * TARGET);
	set_window(64 * FRAME);
	assert_int_equal(peal_congestion_target_ns(&congestion), TARGET);
}

static void
test_congestion__a_long_way_is_no_queue(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 100; i++) {
		(void)go_round(200 * US);
	}
	assert_int_equal(congestion.size, FRAME * PEAL_CONGESTION_WINDOW_FAR);
	/* Losses are believed. */
	now_ns += 1000 * US;
	assert_true(peal_congestion_on_loss(&congestion, now_ns));
	assert_int_equal(congestion.size, FRAME * PEAL_CONGESTION_WINDOW_FAR / 2U);
	/* A short round trip shows that the others were queues. */
	(void)go_round(20 * US);
	for (uint32_t i = 0; i < 100; i++) {
		(void)go_round(200 * US);
	}
	assert_true(congestion.size < FRAME);
}

static void
test_congestion__below_one_frame_a_window_is_time(void **state)
{
	(void)state;
	(void)go_round(20 * US);
	set_window(FRAME / 4U);
	assert_true(peal_congestion_may_send(&congestion, now_ns));
	peal_congestion_on_send(&congestion, now_ns);
	assert_false(peal_congestion_may_send(&congestion, now_ns + 1000 * US));
	assert_true(peal_congestion_deadline_at_ns(&congestion) == UINT64_MAX);
	/* It counts as lost, so nothing is on its way: time alone is waited for. */
	peal_congestion_add(&congestion, -1);
	assert_int_equal(peal_congestion_deadline_at_ns(&congestion), now_ns + 80 * US);
	assert_false(peal_congestion_may_send(&congestion, now_ns + 80 * US - 1));
	assert_true(peal_congestion_may_send(&congestion, now_ns + 80 * US));
	/* One good answer brings it back above one. */
	peal_congestion_on_send(&congestion, now_ns);
	now_ns += 20 * US;
	assert_false(answer(1, 20 * US, 0, 0));
	assert_int_equal(congestion.size, FRAME / 4U + FRAME);
}

static void
test_congestion__never_waits_for_long(void **state)
{
	(void)state;
	(void)go_round(5000000 * US); /* somebody stood still */
	set_window(FRAME / PEAL_CONGESTION_WINDOW_PARTS);
	peal_congestion_on_send(&congestion, now_ns);
	peal_congestion_add(&congestion, -1);
	assert_int_equal(
		peal_congestion_deadline_at_ns(&congestion), now_ns + PEAL_CONGESTION_PAUSE_NS_MAX);
}

static void
test_congestion__losses_and_time_outs(void **state)
{
	uint32_t size;

	(void)state;
	(void)go_round(20 * US);
	now_ns += 100 * US;
	size = congestion.size;
	assert_true(peal_congestion_on_loss(&congestion, now_ns));
	assert_int_equal(congestion.size, size - size / 2U);
	assert_false(peal_congestion_on_loss(&congestion, now_ns + 1));
	for (uint32_t i = 1; i <= 4; i++) {
		now_ns += 1000 * US;
		size = congestion.size;
		assert_true(peal_congestion_on_timeout(&congestion, now_ns));
		assert_int_equal(congestion.size, size - size / 2U);
	}
	now_ns += 1000 * US;
	assert_true(peal_congestion_on_timeout(&congestion, now_ns));
	assert_int_equal(congestion.size, FRAME / PEAL_CONGESTION_WINDOW_PARTS);
	assert_true(congestion.rtt_ns_min == UINT64_MAX);
	/* An answer ends the row. */
	(void)answer(1, 20 * US, 0, 0);
	set_window(16 * FRAME);
	now_ns += 1000 * US;
	assert_true(peal_congestion_on_timeout(&congestion, now_ns));
	assert_int_equal(congestion.size, 8 * FRAME);
}

static void
test_congestion__is_absolved_of_what_was_too_large(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 6; i++) {
		now_ns += 1000 * US;
		(void)peal_congestion_on_timeout(&congestion, now_ns);
	}
	assert_int_equal(congestion.size, FRAME / PEAL_CONGESTION_WINDOW_PARTS);
	peal_congestion_add(&congestion, 3);
	peal_congestion_absolve(&congestion);
	assert_int_equal(congestion.size, PEAL_CONGESTION_WINDOW_FIRST * FRAME);
	assert_int_equal(congestion.timeouts_count, 0);
	assert_int_equal(congestion.flights_count, 3); /* what is on its way still is */
	assert_true(peal_congestion_may_send(&congestion, now_ns));
	set_window(100 * FRAME);
	peal_congestion_absolve(&congestion);
	assert_int_equal(congestion.size, 100 * FRAME);
}

/* Another way: nothing is known, but what is on its way is still there. */
static void
test_congestion__begins_anew_on_another_way(void **state)
{
	(void)state;
	set_window(3 * PEAL_CONGESTION_FRAME);
	peal_congestion_on_send(&congestion, now_ns);
	peal_congestion_on_send(&congestion, now_ns);
	peal_congestion_restart(&congestion, 2 * TARGET);
	assert_int_equal(congestion.size, PEAL_CONGESTION_WINDOW_FIRST * PEAL_CONGESTION_FRAME);
	assert_int_equal(congestion.flights_count, 2);
	assert_int_equal(congestion.target_ns, 2 * TARGET);
	assert_int_equal(congestion.rtt_ns, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_congestion__lets_a_window_go, begin),
		cmocka_unit_test_setup(test_congestion__grows_by_one_a_round_trip, begin),
		cmocka_unit_test_setup(test_congestion__sleep_is_no_delay_of_the_fabric, begin),
		cmocka_unit_test_setup(
			test_congestion__time_outs_of_a_core_that_slept_are_forgiven, begin),
		cmocka_unit_test_setup(test_congestion__what_is_not_used_does_not_grow, begin),
		cmocka_unit_test_setup(
			test_congestion__shrinks_by_the_excess_once_a_round_trip, begin),
		cmocka_unit_test_setup(test_congestion__parts_hosts_from_the_fabric, begin),
		cmocka_unit_test_setup(test_congestion__aims_higher_when_small, begin),
		cmocka_unit_test_setup(test_congestion__a_long_way_is_no_queue, begin),
		cmocka_unit_test_setup(test_congestion__below_one_frame_a_window_is_time, begin),
		cmocka_unit_test_setup(test_congestion__never_waits_for_long, begin),
		cmocka_unit_test_setup(test_congestion__losses_and_time_outs, begin),
		cmocka_unit_test_setup(test_congestion__is_absolved_of_what_was_too_large, begin),
		cmocka_unit_test_setup(test_congestion__begins_anew_on_another_way, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
