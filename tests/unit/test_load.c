/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/load.h"

#include "dataplane/traffic.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"
#include "tests/lib/fakecore.h"

#include <stdlib.h>

#define NODES  3U
#define MS     UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)

static struct peal_fakecores *cores;
static struct peal_traffic *traffic[NODES];
static struct peal_load_run *run;

static int
begin(void **state)
{
	(void)state;
	cores = peal_fakecores_create(NODES, "ipsec_mb");
	run = calloc(1, sizeof(*run));
	assert_non_null(run);
	for (uint32_t i = 0; i < NODES; i++) {
		struct peal_core *core = &cores->nodes[i]->core;

		traffic[i] = calloc(1, sizeof(*traffic[i]));
		assert_non_null(traffic[i]);
		/* The core is there already: what its init does for them is done here. */
		peal_traffic_init(traffic[i], core, &core->config, 1, 1);
		peal_channels_switch(core->config.channels, core->peers);
		peal_cast_switch(core->config.cast, core->peers, cores->now_ns);
		peal_load_switch(core->config.load, core->peers);
		peal_fakecores_push_view(cores, i,
			peal_fakecores_make_view(
				cores, i, PEAL_FAKECORE_EPOCH, (1U << NODES) - 1U, 0));
	}
	peal_fakecores_run(cores, cores->now_ns + 5U * MS, 20000);
	for (uint32_t i = 0; i < NODES; i++) {
		peal_fakecores_drain(cores, i, PEAL_RECORD_VIEW_DONE);
	}
	return 0;
}

static int
finish(void **state)
{
	(void)state;
	peal_fakecores_destroy(cores);
	for (uint32_t i = 0; i < NODES; i++) {
		free(traffic[i]);
	}
	free(run);
	return 0;
}

static void
start(uint32_t index, uint64_t mid)
{
	const struct peal_record record = {.kind = PEAL_RECORD_LOAD, .mid = mid, .load = run};

	peal_fakecores_push(cores, index, &record);
}

/* Runs until node `index` gives the run back, `patience_ns` at most. */
static bool
is_done_in(uint32_t index, uint64_t patience_ns)
{
	uint64_t until_ns = cores->now_ns + patience_ns;
	struct peal_record record;

	while (cores->now_ns < until_ns) {
		peal_fakecores_run(cores, cores->now_ns + 100000, 20000);
		if (peal_fakecores_find(cores, index, PEAL_RECORD_LOAD_DONE, &record)) {
			assert_ptr_equal(record.load, run);
			return true;
		}
	}
	return false;
}

/* What node `index` heard of the member `mid`; zeroed when nothing. */
static struct peal_load_heard
heard_by(uint32_t index, uint64_t mid, bool is_cast)
{
	const struct peal_load_heard nothing = {0};

	memset(run, 0, sizeof(*run));
	run->kind = PEAL_LOAD_TELL;
	start(index, 0);
	assert_true(is_done_in(index, 10U * MS));
	for (uint32_t i = 0; i < run->heard_count; i++) {
		if (run->heard[i].mid == mid && run->heard[i].is_cast == is_cast) {
			return run->heard[i];
		}
	}
	return nothing;
}

static void
test_load__a_broadcast_reaches_all(void **state)
{
	(void)state;
	*run = (struct peal_load_run){
		.kind = PEAL_LOAD_CAST, .size = 100, .count = 500, .interval_ns = 20000};
	start(0, 0);
	assert_true(is_done_in(0, SECOND));
	assert_int_equal(run->accepted_count, 500);
	assert_int_equal(run->doubtful_count, 0);
	assert_false(run->is_cut_short);
	assert_in_range(run->duration_ns, 499U * 20000U, 20U * MS);
	for (uint32_t i = 1; i < NODES; i++) {
		struct peal_load_heard heard = heard_by(i, 1, true);

		assert_int_equal(heard.messages_count, 500);
		assert_int_equal(heard.bytes_count, 500U * 100U);
		assert_int_equal(heard.missing_count, 0);
		assert_int_equal(heard.wrong_count, 0);
		assert_in_range(heard.pause_ns_max, 20000, 5U * MS);
		assert_int_equal(peal_histogram_count(&run->delays_ns), 500);
	}
	/* What a node says itself it does not hear. */
	assert_int_equal(heard_by(0, 1, true).messages_count, 0);
}

static void
test_load__large_messages_come_in_parts(void **state)
{
	(void)state;
	*run = (struct peal_load_run){
		.kind = PEAL_LOAD_CAST, .size = PEAL_LOAD_SIZE_MAX, .count = 40};
	start(1, 0);
	assert_true(is_done_in(1, SECOND));
	assert_int_equal(run->doubtful_count, 0);
	/* The queue holds less than that: now and then there was no room. */
	assert_true(run->refused_count > 0);
	assert_int_equal(heard_by(0, 2, true).messages_count, 40);
	assert_int_equal(heard_by(0, 2, true).wrong_count, 0);
	assert_int_equal(heard_by(0, 2, true).bytes_count, 40U * PEAL_LOAD_SIZE_MAX);
}

static void
test_load__a_channel_reaches_one(void **state)
{
	(void)state;
	for (uint32_t round = 0; round < 2; round++) {
		*run = (struct peal_load_run){
			.kind = PEAL_LOAD_SEND, .size = PEAL_LOAD_SIZE_MIN, .count = 1000};
		start(2, 2);
		assert_true(is_done_in(2, SECOND));
		assert_int_equal(run->accepted_count, 1000);
		assert_int_equal(run->doubtful_count, 0);
		assert_false(run->is_cut_short);
		/* A new run, a new account. */
		assert_int_equal(heard_by(1, 3, false).messages_count, 1000);
		assert_int_equal(heard_by(1, 3, false).missing_count, 0);
		assert_int_equal(heard_by(0, 3, false).messages_count, 0);
	}
}

/* Both at once: each has a channel number of its own for it. */
static void
test_load__two_send_to_each_other(void **state)
{
	struct peal_load_run *other = calloc(1, sizeof(*other));
	const struct peal_record record = {.kind = PEAL_RECORD_LOAD, .mid = 1, .load = other};

	(void)state;
	*other = *run = (struct peal_load_run){
		.kind = PEAL_LOAD_SEND, .size = 64, .count = 300, .interval_ns = 10000};
	start(0, 2);
	peal_fakecores_push(cores, 1, &record);
	assert_true(is_done_in(0, SECOND));
	peal_fakecores_run(cores, cores->now_ns + 5U * MS, 20000);
	assert_int_equal(peal_fakecores_drain(cores, 1, PEAL_RECORD_LOAD_DONE), 1);
	assert_int_equal(run->accepted_count - run->doubtful_count, 300);
	assert_int_equal(other->accepted_count - other->doubtful_count, 300);
	assert_false(other->is_cut_short);
	free(other);
}

/* 400 messages on a schedule; after the first hundred, node 0 is away for so long. What node 1 says
 * of their delays is in *run afterwards. */
static void
hear_of_a_stop(uint64_t stop_ns)
{
	*run = (struct peal_load_run){
		.kind = PEAL_LOAD_SEND, .size = 64, .count = 400, .interval_ns = 100000};
	start(0, 2);
	peal_fakecores_run(cores, cores->now_ns + 10U * MS, 20000);
	cores->nodes[0]->is_running = false;
	peal_fakecores_run(cores, cores->now_ns + stop_ns, 20000);
	cores->nodes[0]->is_running = true;
	assert_true(is_done_in(0, SECOND));
	assert_int_equal(run->accepted_count, 400);
	assert_int_equal(heard_by(1, 1, false).messages_count, 400);
	assert_int_equal(peal_histogram_count(&run->delays_ns), 400);
}

/* A sender that stands still does not send meanwhile: what it did not send counts as late all the
 * same, each message as late as it is, and not only the one at which it stopped. */
static void
test_load__a_stalled_sender_shows_in_the_percentiles(void **state)
{
	uint64_t calm_p99_ns;

	(void)state;
	hear_of_a_stop(0);
	calm_p99_ns = peal_histogram_percentile(&run->delays_ns, 99.0);
	assert_true(calm_p99_ns < MS);
	assert_int_equal(finish(NULL), 0);
	assert_int_equal(begin(NULL), 0);
	/* 200 of 400 were due in it, evenly: their median waited for half of it. */
	hear_of_a_stop(20U * MS);
	assert_in_range(peal_histogram_percentile(&run->delays_ns, 75.0), 8U * MS, 12U * MS);
	assert_in_range(peal_histogram_percentile(&run->delays_ns, 99.0), 18U * MS, 22U * MS);
	assert_in_range(peal_histogram_max(&run->delays_ns), 19U * MS, 22U * MS);
	/* And the half that was not was as quick as ever. */
	assert_true(peal_histogram_percentile(&run->delays_ns, 45.0) < MS);
}

static void
test_load__who_is_no_member_gets_nothing(void **state)
{
	(void)state;
	*run = (struct peal_load_run){.kind = PEAL_LOAD_SEND, .size = 64, .count = 3};
	start(0, 99);
	assert_true(is_done_in(0, 10U * MS));
	assert_true(run->is_cut_short);
	assert_int_equal(run->accepted_count, 0);
}

/* A run to somebody who went: what it accepted is told apart from what arrived. */
static void
test_load__a_receiver_that_goes_ends_the_run(void **state)
{
	(void)state;
	*run = (struct peal_load_run){
		.kind = PEAL_LOAD_SEND, .size = 1000, .count = 1000, .interval_ns = 100000};
	start(0, 2);
	peal_fakecores_run(cores, cores->now_ns + 10U * MS, 20000);
	cores->nodes[1]->is_running = false;
	peal_fakecores_run(cores, cores->now_ns + 10U * MS, 20000);
	peal_fakecores_install(cores, 0, PEAL_FAKECORE_EPOCH + 1U, 0x5, 0);
	assert_true(is_done_in(0, 10U * MS));
	assert_true(run->is_cut_short);
	assert_in_range(run->accepted_count, 150, 250);
	assert_in_range(run->doubtful_count, 50, 150);
}

/* Nobody answers any more, and no view says so: after a while the run is given up. */
static void
test_load__a_run_that_gets_nowhere_is_given_up(void **state)
{
	(void)state;
	*run = (struct peal_load_run){.kind = PEAL_LOAD_CAST, .size = 1000, .count = 5};
	cores->nodes[1]->is_running = false;
	cores->nodes[2]->is_running = false;
	start(0, 0);
	assert_false(is_done_in(0, PEAL_LOAD_SETTLE_NS / 2U));
	assert_true(is_done_in(0, PEAL_LOAD_SETTLE_NS));
	assert_true(run->is_cut_short);
	assert_int_equal(run->doubtful_count, 5);
}

/* The others stand still for a while, and what did not leave meanwhile makes room for newer. */
static void
test_load__what_was_dropped_is_in_doubt(void **state)
{
	uint64_t dropped_count;

	(void)state;
	peal_cast_set_policy(&traffic[0]->cast, PEAL_CAST_DROP_BEHIND, 0);
	*run = (struct peal_load_run){
		.kind = PEAL_LOAD_CAST, .size = PEAL_LOAD_SIZE_MAX, .count = 100};
	cores->nodes[1]->is_running = false;
	cores->nodes[2]->is_running = false;
	start(0, 0);
	assert_false(is_done_in(0, 10U * MS));
	cores->nodes[1]->is_running = true;
	cores->nodes[2]->is_running = true;
	assert_true(is_done_in(0, SECOND));
	assert_int_equal(run->accepted_count, 100);
	assert_false(run->is_cut_short);
	dropped_count = peal_fakecores_counter(cores, 0, PEAL_COUNTER_CAST_MESSAGES_DROPPED);
	assert_in_range(dropped_count, 50, 99);
	assert_int_equal(run->doubtful_count, dropped_count);
	assert_int_equal(heard_by(1, 1, true).messages_count, 100U - dropped_count);
}

static void
test_load__what_is_not_of_a_run_is_wrong(void **state)
{
	static const uint8_t text[] = "this is no message of a run, but it is long enough for one";
	const struct peal_delivery short_one = {.message_size = 4, .size = 4, .bytes = text};
	const struct peal_delivery long_one = {
		.message_size = sizeof(text), .size = sizeof(text), .bytes = text};
	const struct peal_cast_user user = peal_load_cast_user(&traffic[0]->load);

	(void)state;
	user.deliver(user.state, 2, &short_one);
	user.deliver(user.state, 2, &long_one);
	assert_int_equal(heard_by(0, 2, true).messages_count, 0);
	assert_true(heard_by(0, 2, true).wrong_count >= 2);
}

static void
start_two(void *argument)
{
	(void)argument;
	*run = (struct peal_load_run){.kind = PEAL_LOAD_CAST, .size = 64, .count = 5};
	peal_load_start(&traffic[0]->load, run, 0, cores->now_ns);
	peal_load_start(&traffic[0]->load, run, 0, cores->now_ns);
}

static void
test_load__asserts_what_control_promises(void **state)
{
	(void)state;
	assert_true(peal_test_dies(start_two, NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_load__a_broadcast_reaches_all, begin, finish),
		cmocka_unit_test_setup_teardown(
			test_load__large_messages_come_in_parts, begin, finish),
		cmocka_unit_test_setup_teardown(test_load__a_channel_reaches_one, begin, finish),
		cmocka_unit_test_setup_teardown(test_load__two_send_to_each_other, begin, finish),
		cmocka_unit_test_setup_teardown(
			test_load__a_stalled_sender_shows_in_the_percentiles, begin, finish),
		cmocka_unit_test_setup_teardown(
			test_load__who_is_no_member_gets_nothing, begin, finish),
		cmocka_unit_test_setup_teardown(
			test_load__a_receiver_that_goes_ends_the_run, begin, finish),
		cmocka_unit_test_setup_teardown(
			test_load__a_run_that_gets_nowhere_is_given_up, begin, finish),
		cmocka_unit_test_setup_teardown(
			test_load__what_was_dropped_is_in_doubt, begin, finish),
		cmocka_unit_test_setup_teardown(
			test_load__what_is_not_of_a_run_is_wrong, begin, finish),
		cmocka_unit_test_setup_teardown(
			test_load__asserts_what_control_promises, begin, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
