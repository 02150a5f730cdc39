/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/echo.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"
#include "tests/lib/fakecore.h"
#include "wire/messages.h"

#include <stdlib.h>

#define US     UINT64_C(1000)
#define SECOND UINT64_C(1000000000)

static uint64_t
counter(const struct peal_fakecores *cores, uint32_t index, enum peal_counter id)
{
	return peal_fakecores_counter(cores, index, id);
}

static struct peal_ping_run *
start(struct peal_fakecores *cores, uint64_t count, uint64_t interval_ns)
{
	struct peal_ping_run *run = calloc(1, sizeof(*run));
	const struct peal_record record = {
		.kind = PEAL_RECORD_PING, .slot = 1, .mid = cores->nodes[1]->mid, .ping = run};

	assert_non_null(run);
	run->count = count;
	run->interval_ns = interval_ns;
	peal_fakecores_push(cores, 0, &record);
	return run;
}

/* Nobody probes, so that turns with nothing to do are truly idle. */
static struct peal_fakecores *
create(const char *aead_name)
{
	struct peal_fakecores *cores = peal_fakecores_create(2, aead_name);

	for (uint32_t i = 0; i < 2; i++) {
		struct peal_peers *peers =
			peal_fakecores_make_view(cores, i, PEAL_FAKECORE_EPOCH, 0x3, 0);

		peers->peers[0].is_subject = false;
		peers->peers[1].is_subject = false;
		peal_fakecores_push_view(cores, i, peers);
		peal_fakecores_turn(cores, i);
		peal_fakecores_drain(cores, i, PEAL_RECORD_VIEW_DONE);
	}
	return cores;
}

static void
test_echo__measures_an_open_loop(void **state)
{
	struct peal_fakecores *cores = create(NULL);
	struct peal_ping_run *run = start(cores, 1000, 50U * US);
	struct peal_record record;
	uint64_t start_at_ns = cores->now_ns;

	(void)state;
	while (!peal_fakecores_find(cores, 0, PEAL_RECORD_PING_DONE, &record)) {
		/* Node 1 turns right behind node 0, so that the reply waits for the next turn. */
		peal_fakecores_turn_all(cores);
		cores->now_ns += 10U * US;
		assert_in_range(cores->now_ns - start_at_ns, 0, 2U * SECOND);
	}
	assert_ptr_equal(record.ping, run);
	assert_int_equal(run->sent_count, 1000);
	assert_int_equal(run->received_count, 1000);
	assert_int_equal(run->lost_count, 0);
	assert_false(run->is_cut_short);
	assert_int_equal(peal_histogram_count(&run->histogram), 1000);
	/* Sent at a multiple of the turn, taken one turn later, recorded one turn after that. */
	assert_in_range(peal_histogram_min(&run->histogram), 20U * US, 20U * US);
	assert_in_range(peal_histogram_max(&run->histogram), 20U * US, 20U * US);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_ECHOES_SENT), 1000);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_ECHO_REPLIES), 1000);
	assert_int_equal(counter(cores, 1, PEAL_COUNTER_ECHOES_ANSWERED), 1000);
	free(run);
	peal_fakecores_destroy(cores);
}

static void
test_echo__a_late_sender_hides_nothing(void **state)
{
	struct peal_fakecores *cores = create("none");
	struct peal_ping_run *run = start(cores, 200, 100U * US);
	struct peal_record record;

	(void)state;
	for (uint32_t i = 0; i < 500; i++) {
		peal_fakecores_turn_all(cores);
		/* In the middle nobody runs for 5 ms: fifty echoes should have left meanwhile. */
		cores->now_ns += i == 100 ? 5000U * US : 50U * US;
	}
	assert_true(peal_fakecores_find(cores, 0, PEAL_RECORD_PING_DONE, &record));
	assert_int_equal(run->received_count, 200);
	assert_in_range(peal_histogram_max(&run->histogram), 4900U * US, 5300U * US);
	/* The histogram shows the whole ramp, not one slow echo. */
	assert_true(peal_histogram_percentile(&run->histogram, 80.0) > 900U * US);
	free(run);
	peal_fakecores_destroy(cores);
}

static bool
lose_every_tenth(void *state, uint32_t from, uint32_t to, const uint8_t *data, uint32_t size)
{
	uint32_t *count = state;

	(void)to;
	(void)data;
	(void)size;
	return from != 1 || ++*count % 10U != 0;
}

static void
test_echo__what_does_not_come_back_is_lost_after_a_second(void **state)
{
	struct peal_fakecores *cores = create("none");
	struct peal_ping_run *run = start(cores, 100, 100U * US);
	struct peal_record record;
	uint32_t count = 0;
	uint64_t last_at_ns = cores->now_ns + 99U * (100U * US);

	(void)state;
	cores->wire->filter = lose_every_tenth;
	cores->wire->filter_state = &count;
	while (!peal_fakecores_find(cores, 0, PEAL_RECORD_PING_DONE, &record)) {
		peal_fakecores_turn_all(cores);
		cores->now_ns += 100U * US;
	}
	assert_in_range(cores->now_ns - last_at_ns, SECOND, SECOND + 200U * US);
	assert_int_equal(run->sent_count, 100);
	assert_int_equal(run->received_count, 90);
	assert_int_equal(run->lost_count, 10);
	assert_int_equal(peal_histogram_count(&run->histogram), 90);
	free(run);
	peal_fakecores_destroy(cores);
}

static void
test_echo__a_reply_in_the_last_turn_counts(void **state)
{
	struct peal_record record;

	(void)state;
	/* It is taken in the very turn in which the time for it ends: open loop, then closed. */
	for (uint32_t i = 0; i < 2; i++) {
		struct peal_fakecores *cores = create("none");
		struct peal_ping_run *run = start(cores, 1, i * (100U * US));

		peal_fakecores_turn_all(cores);
		cores->now_ns += PEAL_ECHO_TIMEOUT_NS;
		peal_fakecores_turn(cores, 0);
		assert_false(peal_fakecores_find(cores, 0, PEAL_RECORD_PING_DONE, &record));
		assert_true(peal_core_deadline_at_ns(&cores->nodes[0]->core) == 0);
		peal_fakecores_turn(cores, 0);
		assert_true(peal_fakecores_find(cores, 0, PEAL_RECORD_PING_DONE, &record));
		assert_int_equal(run->received_count, 1);
		assert_int_equal(run->lost_count, 0);
		free(run);
		peal_fakecores_destroy(cores);
	}
}

static void
test_echo__a_closed_loop_has_one_echo_out(void **state)
{
	struct peal_fakecores *cores = create("none");
	struct peal_ping_run *run = start(cores, 50, 0);
	struct peal_record record;
	uint32_t count = 0;
	uint64_t start_at_ns = cores->now_ns;

	(void)state;
	cores->wire->filter = lose_every_tenth;
	cores->wire->filter_state = &count;
	while (!peal_fakecores_find(cores, 0, PEAL_RECORD_PING_DONE, &record)) {
		peal_fakecores_turn_all(cores);
		assert_in_range(counter(cores, 0, PEAL_COUNTER_ECHOES_SENT) -
					counter(cores, 0, PEAL_COUNTER_ECHO_REPLIES),
			0, 1U + count / 10U);
		cores->now_ns += 1000U * US;
	}
	assert_int_equal(run->sent_count, 50);
	assert_int_equal(run->received_count, 45);
	assert_int_equal(run->lost_count, 5);
	/* Each lost one cost a second. */
	assert_in_range(cores->now_ns - start_at_ns, 5U * SECOND, 5U * SECOND + 200000U * US);
	assert_in_range(peal_histogram_max(&run->histogram), 2000U * US, 2000U * US);
	free(run);
	peal_fakecores_destroy(cores);
}

static void
test_echo__drops_replies_that_belong_to_no_run(void **state)
{
	struct peal_fakecores *cores = create("none");
	const struct peal_liveness_msg reply = {0};
	struct peal_ping_run *run;
	struct peal_record record;
	uint8_t body[PEAL_LIVENESS_BODY_SIZE];
	struct peal_header header;

	(void)state;
	peal_fakecores_inject_liveness(
		cores, 1, 0, PEAL_MESSAGE_ECHO_REPLY, PEAL_FAKECORE_EPOCH, &reply);
	peal_fakecores_turn(cores, 0);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_ECHO_REPLIES_LATE), 1);
	run = start(cores, 3, SECOND / 10U);
	peal_fakecores_turn(cores, 0);
	/* Of this run, but an echo that was not sent yet; and of another run. */
	for (uint32_t i = 0; i < 2; i++) {
		struct peal_liveness_msg wrong = {.view_tag = 1, .alert_digest = 1U << 16};

		wrong.view_tag = i == 0 ? 1 : 0;
		wrong.alert_digest = (i + 1U) << 16;
		header = peal_fakecores_header(cores, 1, 0, PEAL_MESSAGE_ECHO_REPLY);
		peal_liveness_msg_encode(&wrong, body);
		peal_fakecores_inject(cores, 1, 0, &header, body, sizeof(body));
		peal_fakecores_turn(cores, 0);
	}
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_ECHO_REPLIES_LATE), 3);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_ECHO_REPLIES), 0);
	for (uint32_t i = 0; i < 50; i++) {
		cores->now_ns += SECOND / 20U;
		peal_fakecores_turn_all(cores);
	}
	assert_true(peal_fakecores_find(cores, 0, PEAL_RECORD_PING_DONE, &record));
	assert_int_equal(run->received_count, 3);
	free(run);
	peal_fakecores_destroy(cores);
}

static void
test_echo__ends_when_the_member_is_gone(void **state)
{
	struct peal_fakecores *cores = create("none");
	struct peal_ping_run *run = start(cores, 1000, 100U * US);
	struct peal_record record;

	(void)state;
	for (uint32_t i = 0; i < 50; i++) {
		peal_fakecores_turn_all(cores);
		cores->now_ns += 100U * US;
	}
	peal_fakecores_install(cores, 0, PEAL_FAKECORE_EPOCH + 1U, 0x3, 0);
	assert_false(peal_fakecores_find(cores, 0, PEAL_RECORD_PING_DONE, &record));
	peal_fakecores_install(cores, 0, PEAL_FAKECORE_EPOCH + 2U, 0x1, 0x2);
	assert_true(peal_fakecores_find(cores, 0, PEAL_RECORD_PING_DONE, &record));
	assert_true(run->is_cut_short);
	assert_in_range(run->sent_count, 40, 60);
	assert_int_equal(run->lost_count, run->sent_count - run->received_count);
	free(run);
	/* And never begins when it was gone before. */
	run = start(cores, 10, 0);
	peal_fakecores_turn(cores, 0);
	assert_true(peal_fakecores_find(cores, 0, PEAL_RECORD_PING_DONE, &record));
	assert_true(run->is_cut_short);
	assert_int_equal(run->sent_count, 0);
	free(run);
	peal_fakeswitch_clear(cores->wire, 1);
	peal_fakecores_destroy(cores);
}

static void
start_another(void *argument)
{
	struct peal_fakecores *cores = argument;

	(void)start(cores, 1, 0);
	(void)start(cores, 1, 0);
	peal_fakecores_turn(cores, 0);
}

static void
test_echo__two_runs_at_once_are_a_bug_of_control(void **state)
{
	struct peal_fakecores *cores = create("none");

	(void)state;
	assert_true(peal_test_dies(start_another, cores));
	peal_fakecores_destroy(cores);
}

static void
test_echo__many_runs_one_after_the_other(void **state)
{
	struct peal_fakecores *cores = create("none");
	struct peal_record record;

	(void)state;
	for (uint32_t i = 0; i < 100; i++) {
		struct peal_ping_run *run = start(cores, 1 + i % 7U, i % 2U == 0 ? 0 : 10U * US);

		while (!peal_fakecores_find(cores, 0, PEAL_RECORD_PING_DONE, &record)) {
			peal_fakecores_turn_all(cores);
			cores->now_ns += 10U * US;
		}
		assert_int_equal(run->received_count, 1 + i % 7U);
		free(run);
	}
	assert_true(peal_core_deadline_at_ns(&cores->nodes[0]->core) == UINT64_MAX);
	peal_fakecores_destroy(cores);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_echo__drops_replies_that_belong_to_no_run),
		cmocka_unit_test(test_echo__two_runs_at_once_are_a_bug_of_control),
		cmocka_unit_test(test_echo__measures_an_open_loop),
		cmocka_unit_test(test_echo__a_late_sender_hides_nothing),
		cmocka_unit_test(test_echo__what_does_not_come_back_is_lost_after_a_second),
		cmocka_unit_test(test_echo__a_reply_in_the_last_turn_counts),
		cmocka_unit_test(test_echo__a_closed_loop_has_one_echo_out),
		cmocka_unit_test(test_echo__ends_when_the_member_is_gone),
		cmocka_unit_test(test_echo__many_runs_one_after_the_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
