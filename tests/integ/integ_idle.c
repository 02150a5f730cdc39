/* SPDX-License-Identifier: BSD-3-Clause */
/* Where a shared core waits when it has woken an application that will answer. */
#include "dataplane/dpdk/idle.h"

#include "tests/lib/cmocka_all.h"

#define MICROSECOND_NS UINT64_C(1000)

static struct peal_doorbell doorbell;
static struct peal_idle idle;
static uint64_t now_ns;
static bool is_up;

static bool
has_woken(const void *state)
{
	assert_ptr_equal(state, &is_up);
	return is_up;
}

static int
set_up(void **state)
{
	struct peal_sentence error;

	(void)state;
	now_ns = UINT64_C(1000000000);
	is_up = false;
	if (!peal_doorbell_open(&doorbell, &error)) {
		return -1;
	}
	peal_idle_init(&idle, PEAL_IDLE_SHARED, &doorbell);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	peal_idle_reset(&idle);
	peal_idle_close(&idle);
	peal_doorbell_close(&doorbell);
	return 0;
}

static enum peal_idle_rung
step(uint64_t span_ns)
{
	now_ns += span_ns;
	return peal_idle_step(&idle, UINT64_MAX, now_ns);
}

/* One is woken, in a turn with work. */
static void
wake_one(void)
{
	peal_idle_make_room(&idle, has_woken, &is_up);
	peal_idle_reset(&idle);
}

static void
test_idle__who_runs_elsewhere_is_waited_for_awake(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 3U; i++) {
		is_up = false;
		wake_one();
		assert_int_equal(step(0), PEAL_IDLE_PAUSE);
		assert_int_equal(step(PEAL_IDLE_LOOK_NS / 2U), PEAL_IDLE_PAUSE);
		is_up = true;
		for (uint32_t k = 0; k < PEAL_IDLE_PAUSES_COUNT; k++) {
			assert_int_equal(step(MICROSECOND_NS), PEAL_IDLE_PAUSE);
		}
		assert_int_equal(step(MICROSECOND_NS), PEAL_IDLE_YIELD);
	}
}

static void
test_idle__who_is_not_up_is_given_the_processor(void **state)
{
	(void)state;
	wake_one();
	assert_int_equal(step(0), PEAL_IDLE_PAUSE);
	assert_int_equal(step(PEAL_IDLE_LOOK_NS - 1U), PEAL_IDLE_PAUSE);
	assert_int_equal(step(1), PEAL_IDLE_ARM);
	/* From then on at once, */
	for (uint32_t i = 2; i < PEAL_IDLE_LOOKS_EVERY; i++) {
		wake_one();
		assert_int_equal(step(0), PEAL_IDLE_ARM);
	}
	/* until it is looked again, */
	wake_one();
	assert_int_equal(step(0), PEAL_IDLE_PAUSE);
	is_up = true;
	assert_int_equal(step(MICROSECOND_NS), PEAL_IDLE_PAUSE);
	/* and it is elsewhere. */
	is_up = false;
	wake_one();
	assert_int_equal(step(MICROSECOND_NS), PEAL_IDLE_PAUSE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_idle__##name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_runs_elsewhere_is_waited_for_awake),
		TEST(who_is_not_up_is_given_the_processor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
