/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/core.h"

#include "base/prng.h"
#include "tests/lib/bigcore.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"
#include "tests/lib/fakecore.h"
#include "wire/alert_msg.h"
#include "wire/messages.h"

#define EPOCH ((uint64_t)PEAL_FAKECORE_EPOCH)

static uint64_t
counter(const struct peal_fakecores *cores, uint32_t index, enum peal_counter id)
{
	return peal_fakecores_counter(cores, index, id);
}

static void
test_core__a_view_switches_where_it_stands(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(2, "none");
	const struct peal_record vote = {.message = PEAL_MESSAGE_VOTE, .target = PEAL_TARGET_ALL};
	struct peal_record record;
	static const uint8_t body[20] = {0};

	(void)state;
	/* Send, view, send in one turn: the first is of the old epoch, the second of the new one.
	 */
	peal_fakecores_send(cores, 0, vote, 1, body, sizeof(body));
	peal_fakecores_push_view(cores, 0, peal_fakecores_make_view(cores, 0, EPOCH + 1U, 0x3, 0));
	peal_fakecores_send(cores, 0, vote, 2, body, sizeof(body));
	peal_fakecores_turn(cores, 0);
	assert_true(peal_fakecores_find(cores, 0, PEAL_RECORD_VIEW_DONE, &record));
	assert_int_equal(record.generation, 2);
	peal_fakecores_turn(cores, 1);
	assert_int_equal(counter(cores, 1, PEAL_COUNTER_HELD_FRAMES), 1);
	assert_true(peal_fakecores_find(cores, 1, PEAL_RECORD_FRAME, &record));
	assert_int_equal(record.epoch, EPOCH);
	peal_fakecores_destroy(cores);
}

static void
test_core__a_burst_and_its_commands_are_bounded(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(2, "none");
	static const uint8_t noise[64];

	(void)state;
	for (uint32_t i = 0; i < 3U * PEAL_BURST_MAX; i++) {
		peal_fakeswitch_inject(cores->wire, 0, noise, sizeof(noise));
	}
	assert_int_equal(peal_fakecores_turn(cores, 0), PEAL_BURST_MAX);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_RX_FRAMES), PEAL_BURST_MAX);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_RX_BYTES), 64U * PEAL_BURST_MAX);
	peal_fakecores_turn(cores, 0);
	peal_fakecores_turn(cores, 0);
	for (uint16_t i = 0; i < 3U * PEAL_COMMANDS_MAX; i++) {
		const struct peal_record report = {
			.kind = PEAL_RECORD_REPORT, .rank = 1, .epoch = EPOCH - 1U};

		peal_fakecores_push(cores, 0, &report);
	}
	assert_int_equal(peal_fakecores_turn(cores, 0), PEAL_COMMANDS_MAX);
	assert_int_equal(cores->nodes[0]->down.count, 2U * PEAL_COMMANDS_MAX);
	peal_fakecores_destroy(cores);
}

static void
test_core__an_idle_turn_does_nothing_and_says_when_to_come_back(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(2, "none");
	struct peal_core *core = &cores->nodes[0]->core;
	uint64_t deadline_at_ns = peal_core_deadline_at_ns(core);
	uint64_t digest = peal_fakecores_digest(cores, 0);

	(void)state;
	assert_in_range(deadline_at_ns - cores->now_ns, 0, cores->timing.probe_interval_ns);
	cores->now_ns = deadline_at_ns - 1U;
	assert_int_equal(peal_fakecores_turn(cores, 0), 0);
	assert_true(peal_fakecores_digest(cores, 0) == digest);
	cores->now_ns = deadline_at_ns;
	assert_int_equal(peal_fakecores_turn(cores, 0), 1);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_PROBES_SENT), 1);
	/* A node that is alone, or no member, has nothing to wait for. */
	peal_fakecores_install(cores, 0, EPOCH, 0x1, 0);
	peal_fakecores_turn(cores, 0);
	assert_true(peal_core_deadline_at_ns(core) == UINT64_MAX);
	peal_fakeswitch_clear(cores->wire, 1);
	peal_fakecores_destroy(cores);
}

static void
test_core__every_packet_goes_back_to_the_port(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(4, NULL);
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 7);
	/* A life with damage, loss and garbage; the fake port counts what is lent. */
	for (uint32_t i = 0; i < 20000; i++) {
		uint8_t bytes[300];
		uint32_t size = (uint32_t)peal_prng_below(&prng, sizeof(bytes));

		for (uint32_t j = 0; j < size; j++) {
			bytes[j] = (uint8_t)peal_prng_next(&prng);
		}
		if (size >= 14 && peal_prng_ratio(&prng, 1, 2)) {
			memcpy(bytes, cores->wire->ports[0].port.mac, 6);
			bytes[12] = 8;
			bytes[13] = peal_prng_ratio(&prng, 1, 2) ? 6 : 0;
		}
		peal_fakeswitch_inject(cores->wire, 0, bytes, size);
		cores->now_ns += 100000;
		peal_fakecores_turn_all(cores);
	}
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(counter(cores, i, PEAL_COUNTER_EDGES_FAILED), 0);
		peal_fakeswitch_clear(cores->wire, i);
	}
	assert_in_range(peal_fakeswitch_lent(cores->wire), 0, 4U * PEAL_TX_STASH_MAX);
	peal_fakecores_destroy(cores);
}

static void
test_core__what_it_owes_wakes_it_soon(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(2, "none");
	const struct peal_record vote = {.message = PEAL_MESSAGE_VOTE, .target = PEAL_TARGET_ALL};
	struct peal_core *core = &cores->nodes[0]->core;
	struct peal_record record;

	(void)state;
	cores->nodes[0]->up.capacity = 0;
	peal_fakecores_send(cores, 0, vote, 1, "0123456789abcdef", 16);
	peal_fakecores_turn(cores, 0);
	assert_true(peal_core_deadline_at_ns(core) == cores->now_ns + PEAL_UPLINK_RETRY_NS);
	cores->nodes[0]->up.capacity = PEAL_PLANE_RECORDS_MAX;
	peal_fakecores_turn(cores, 0);
	assert_true(peal_core_deadline_at_ns(core) > cores->now_ns + PEAL_UPLINK_RETRY_NS);
	assert_true(peal_fakecores_find(cores, 0, PEAL_RECORD_SEND_DONE, &record));
	peal_fakeswitch_clear(cores->wire, 1);
	peal_fakecores_destroy(cores);
}

static void
switch_to_nothing(void *argument)
{
	const struct peal_record record = {.kind = PEAL_RECORD_VIEW};

	peal_fakecores_push(argument, 0, &record);
	peal_fakecores_turn(argument, 0);
}

static void
obey_nonsense(void *argument)
{
	const struct peal_record record = {.kind = PEAL_RECORD_ALERT};

	peal_fakecores_push(argument, 0, &record);
	peal_fakecores_turn(argument, 0);
}

/* Nobody gathers votes in a small view. */

static void
test_core__what_control_must_not_do(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(2, "none");

	(void)state;
	assert_true(peal_test_dies(switch_to_nothing, cores));
	assert_true(peal_test_dies(obey_nonsense, cores));
	peal_fakecores_destroy(cores);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_core__what_control_must_not_do),
		cmocka_unit_test(test_core__a_view_switches_where_it_stands),
		cmocka_unit_test(test_core__a_burst_and_its_commands_are_bounded),
		cmocka_unit_test(test_core__an_idle_turn_does_nothing_and_says_when_to_come_back),
		cmocka_unit_test(test_core__what_it_owes_wakes_it_soon),
		cmocka_unit_test(test_core__every_packet_goes_back_to_the_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
