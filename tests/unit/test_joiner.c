/* SPDX-License-Identifier: BSD-3-Clause */
#include "membership/joiner.h"
#include "tests/lib/teststore.h"
#include "wire/messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)

static struct peal_timing timing;
static struct peal_address seeds[3];
static struct peal_outbox *outbox;
static struct peal_teststore *store;

static struct peal_joiner *
make(void)
{
	struct peal_joiner *joiner = calloc(1, sizeof(*joiner));
	struct peal_joiner_config config = {.timing = &timing, .seeds = seeds, .seeds_count = 3};

	store = peal_teststore_create(512);
	config.bodies = store->bodies;

	assert_true(peal_timing_find("dpdk", &timing));
	for (uint32_t i = 0; i < 3; i++) {
		seeds[i] = (struct peal_address){.ipv4 = 100 + i, .port = 1};
	}
	config.request.member = (struct peal_member){.uuid = {.low = 42, .high = 1},
		.address = {.ipv4 = 102, .port = 1, .mac = {2}},
		.shards_count = 1};
	outbox = outbox == NULL ? malloc(sizeof(*outbox)) : outbox;
	peal_outbox_reset(outbox);
	peal_joiner_init(joiner, &config, 1, 0);
	return joiner;
}

static void
destroy(struct peal_joiner *joiner)
{
	peal_joiner_end(joiner);
	free(joiner);
	peal_teststore_destroy(store);
}

static struct peal_join_answer
answer(enum peal_join_status status)
{
	return (struct peal_join_answer){.status = (uint8_t)status,
		.retry_ms = 30,
		.cookie = {9},
		.candidate = {.low = 42, .high = 1},
		.answerer = {.low = 7, .high = 7}};
}

static void
test_joiner__asks_all_seeds_but_itself_then_one(void **state)
{
	struct peal_joiner *joiner = make();
	struct peal_join_answer challenge = answer(PEAL_JOIN_CHALLENGE);
	struct peal_join_request request;
	struct peal_reader reader;

	(void)state;
	peal_joiner_on_tick(joiner, false, 0, outbox);
	assert_int_equal(outbox->count, 2);
	peal_outbox_reset(outbox);
	assert_int_equal(
		peal_joiner_on_answer(joiner, &seeds[1], &challenge, 1, outbox), PEAL_JOINER_WAIT);
	assert_int_equal(outbox->count, 1);
	assert_true(peal_address_equals(&outbox->effects[0].address, &seeds[1]));
	reader = peal_reader_init(peal_outbox_body(outbox, 0), outbox->effects[0].body_size);
	assert_true(peal_join_request_decode(&reader, &request));
	assert_int_equal(request.cookie[0], 9);
	/* A second introducer is one too many. */
	peal_outbox_reset(outbox);
	(void)peal_joiner_on_answer(joiner, &seeds[0], &challenge, 1, outbox);
	assert_int_equal(outbox->count, 0);
	destroy(joiner);
}

static void
test_joiner__leaves_a_silent_introducer(void **state)
{
	struct peal_joiner *joiner = make();
	struct peal_join_answer challenge = answer(PEAL_JOIN_CHALLENGE);
	uint64_t now_ns = 0;
	uint32_t ticks_count = 0;

	(void)state;
	(void)peal_joiner_on_answer(joiner, &seeds[1], &challenge, 1, outbox);
	do {
		now_ns = peal_joiner_deadline_at_ns(joiner);
		peal_outbox_reset(outbox);
		peal_joiner_on_tick(joiner, false, now_ns, outbox);
	} while (outbox->count == 1 && ++ticks_count < 10);
	assert_int_equal(ticks_count, 3);
	assert_int_equal(outbox->count, 2);
	destroy(joiner);
}

static void
test_joiner__reacts_to_each_status(void **state)
{
	struct peal_joiner *joiner = make();
	struct peal_join_answer challenge = answer(PEAL_JOIN_CHALLENGE);
	struct peal_join_answer used = answer(PEAL_JOIN_UUID_USED);
	struct peal_join_answer other = answer(PEAL_JOIN_PARAMETER_MISMATCH);
	struct peal_join_answer pending = answer(PEAL_JOIN_PENDING);
	struct peal_join_answer gone = answer(PEAL_JOIN_NOT_MEMBER);

	(void)state;
	/* Of a stranger: nothing. */
	assert_int_equal(
		peal_joiner_on_answer(joiner, &seeds[0], &used, 1, outbox), PEAL_JOINER_WAIT);
	(void)peal_joiner_on_answer(joiner, &seeds[0], &challenge, 1, outbox);
	(void)peal_joiner_on_answer(joiner, &seeds[0], &pending, 1, outbox);
	/* Around what it said, so that ten thousand do not ask at one moment. */
	assert_in_range(peal_joiner_deadline_at_ns(joiner), 1 + 15 * MS, 1 + 45 * MS);
	assert_int_equal(
		peal_joiner_on_answer(joiner, &seeds[0], &used, 1, outbox), PEAL_JOINER_NEW_UUID);
	(void)peal_joiner_on_answer(joiner, &seeds[0], &gone, 1, outbox);
	assert_false(joiner->has_introducer);
	other.candidate.low = 43; /* meant for an earlier incarnation */
	assert_int_equal(
		peal_joiner_on_answer(joiner, &seeds[0], &other, 1, outbox), PEAL_JOINER_WAIT);
	other.candidate.low = 42;
	assert_int_equal(
		peal_joiner_on_answer(joiner, &seeds[0], &other, 1, outbox), PEAL_JOINER_REFUSED);
	destroy(joiner);
}

/* It asks again after this pause, with jitter. */
static void
assert_pause(const struct peal_joiner *joiner, uint64_t now_ns, uint64_t pause_ns)
{
	assert_in_range(joiner->retry_at_ns - now_ns, pause_ns / 2U, pause_ns);
}

static void
test_joiner__asks_elsewhere_and_later_when_one_is_busy(void **state)
{
	struct peal_joiner *joiner = make();
	struct peal_join_answer challenge = answer(PEAL_JOIN_CHALLENGE);
	struct peal_join_answer busy = answer(PEAL_JOIN_BUSY);
	uint64_t pause_ns = 30 * MS;

	(void)state;
	for (uint64_t now_ns = 1; now_ns < 12; now_ns++) {
		(void)peal_joiner_on_answer(joiner, &seeds[0], &challenge, now_ns, outbox);
		assert_true(joiner->has_introducer);
		(void)peal_joiner_on_answer(joiner, &seeds[1], &busy, now_ns, outbox);
		assert_true(joiner->has_introducer); /* that was not the one it asked */
		(void)peal_joiner_on_answer(joiner, &seeds[0], &busy, now_ns, outbox);
		assert_false(joiner->has_introducer);
		assert_pause(joiner, now_ns, pause_ns);
		pause_ns = pause_ns < PEAL_JOINER_RETRY_NS_MAX / 2U ? 2U * pause_ns
								    : PEAL_JOINER_RETRY_NS_MAX;
	}
	assert_int_equal(pause_ns, PEAL_JOINER_RETRY_NS_MAX);
	destroy(joiner);
}

static void
test_joiner__waits_longer_each_time_it_is_out_of_reach(void **state)
{
	struct peal_joiner *joiner = make();
	struct peal_join_answer challenge = answer(PEAL_JOIN_CHALLENGE);
	struct peal_unreachable_msg message = {.joiner = {.low = 43, .high = 1},
		.answerer = {.low = 7, .high = 7},
		.count = 1,
		.asked = 3,
		.needed = 3,
		.observers = {{.ipv4 = 5, .port = 1}}};
	uint64_t pause_ns = timing.join_retry_ns_min;

	(void)state;
	(void)peal_joiner_on_answer(joiner, &seeds[0], &challenge, 1, outbox);
	assert_false(peal_joiner_on_unreachable(joiner, &message, 1)); /* somebody else is */
	message.joiner.low = 42;
	for (uint64_t now_ns = 2; now_ns < 12; now_ns++) {
		assert_true(peal_joiner_on_unreachable(joiner, &message, now_ns));
		assert_true(joiner->has_introducer); /* it did its part */
		assert_pause(joiner, now_ns, pause_ns);
		pause_ns = 2U * pause_ns < PEAL_JOINER_RETRY_NS_MAX ? 2U * pause_ns
								    : PEAL_JOINER_RETRY_NS_MAX;
	}
	destroy(joiner);
}

/* Part `index` of `size` bytes of a view. */
static struct peal_install_msg
part_of(const struct peal_joiner *joiner, uint64_t view, const uint8_t *bytes, uint32_t size,
	uint32_t index)
{
	uint32_t offset = index * PEAL_INSTALL_CHUNK_SIZE_MAX;

	return (struct peal_install_msg){.joiner = joiner->config.request.member.uuid,
		.view_hash = {.low = view, .high = 1},
		.total_size = size,
		.offset = offset,
		.chunk_size = size - offset < PEAL_INSTALL_CHUNK_SIZE_MAX
				      ? size - offset
				      : PEAL_INSTALL_CHUNK_SIZE_MAX,
		.chunk = bytes + offset};
}

/* Backwards, twice, and a part for somebody else in between. */
static void
test_joiner__puts_the_view_together_from_parts_in_any_order(void **state)
{
	static uint8_t bytes[2500];
	struct peal_joiner *joiner = make();
	struct peal_install_msg foreign = part_of(joiner, 1, bytes, sizeof(bytes), 0);
	uint32_t done_count = 0;

	(void)state;
	for (uint32_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = (uint8_t)(i * 7U);
	}
	foreign.joiner.low++;
	for (uint32_t i = 0; i < 6; i++) {
		struct peal_install_msg part =
			part_of(joiner, 1, bytes, sizeof(bytes), 2U - i % 3U);

		assert_false(peal_joiner_on_install(joiner, &foreign, &seeds[0], i));
		if (!peal_joiner_on_install(joiner, &part, &seeds[1], i)) {
			continue;
		}
		done_count++;
		assert_int_equal(joiner->gather.size, sizeof(bytes));
		assert_memory_equal(joiner->gather.bytes, bytes, sizeof(bytes));
		peal_joiner_drop(joiner);
	}
	assert_int_equal(done_count, 2);
	destroy(joiner);
}

/* Two senders of different views: the one that began is heard out, unless it falls silent. */
static void
test_joiner__another_view_waits_for_silence(void **state)
{
	static uint8_t bytes[3000];
	struct peal_joiner *joiner = make();
	struct peal_install_msg old = part_of(joiner, 1, bytes, sizeof(bytes), 0);
	struct peal_install_msg new = part_of(joiner, 2, bytes, 900, 0);

	(void)state;
	assert_false(peal_joiner_on_install(joiner, &old, &seeds[0], 0));
	assert_false(peal_joiner_on_install(joiner, &new, &seeds[1], timing.flood_ns));
	assert_int_equal(joiner->gather.name.low, 1);
	assert_true(peal_joiner_on_install(joiner, &new, &seeds[1], 2U * timing.flood_ns));
	assert_int_equal(joiner->gather.name.low, 2);
	destroy(joiner);
}

/* What is missing is asked for, from whom the last part came, a few times. */
static void
test_joiner__pulls_what_is_missing_then_gives_up(void **state)
{
	static uint8_t bytes[300 * PEAL_CHUNK_SIZE_MAX];
	struct peal_joiner *joiner = make();
	struct peal_install_msg part = part_of(joiner, 1, bytes, sizeof(bytes), 0);
	struct peal_install_pull pull;
	struct peal_reader reader;
	uint32_t pulls_count = 0;

	(void)state;
	peal_joiner_on_tick(joiner, false, 0, outbox); /* so that it does not ask seeds below */
	assert_false(peal_joiner_on_install(joiner, &part, &seeds[0], 0));
	part = part_of(joiner, 1, bytes, sizeof(bytes), 2);
	assert_false(peal_joiner_on_install(joiner, &part, &seeds[1], 0));
	assert_int_equal(peal_joiner_deadline_at_ns(joiner), timing.flood_ns);
	peal_outbox_reset(outbox);
	peal_joiner_on_tick(joiner, false, timing.flood_ns, outbox);
	assert_int_equal(outbox->count, 1);
	assert_int_equal(outbox->effects[0].message, PEAL_MESSAGE_INSTALL_PULL);
	assert_true(peal_address_equals(&outbox->effects[0].address, &seeds[1]));
	reader = peal_reader_init(peal_outbox_body(outbox, 0), outbox->effects[0].body_size);
	assert_true(peal_install_pull_decode(&reader, &pull));
	assert_int_equal(pull.first, 1);
	assert_true(pull.missing[0] == ~UINT64_C(2));
	assert_true(pull.missing[3] == UINT64_MAX);
	for (uint64_t now_ns = timing.flood_ns; joiner->gather.size > 0;) {
		now_ns = peal_joiner_deadline_at_ns(joiner);
		peal_outbox_reset(outbox);
		peal_joiner_on_tick(joiner, false, now_ns, outbox);
		for (uint32_t i = 0; i < outbox->count; i++) {
			pulls_count +=
				outbox->effects[i].message == PEAL_MESSAGE_INSTALL_PULL ? 1U : 0U;
		}
	}
	assert_int_equal(pulls_count, PEAL_JOINER_PULLS_MAX - 1U);
	destroy(joiner);
}

/* The introducer has the view as well: whoever of the two is gone, the other is asked next. */
static void
test_joiner__pulls_from_the_introducer_in_turn(void **state)
{
	static uint8_t bytes[3 * PEAL_CHUNK_SIZE_MAX];
	struct peal_joiner *joiner = make();
	struct peal_install_msg part = part_of(joiner, 1, bytes, sizeof(bytes), 0);
	uint64_t now_ns = 0;

	(void)state;
	peal_joiner_on_tick(joiner, false, now_ns, outbox);
	peal_outbox_reset(outbox);
	joiner->has_introducer = true;
	joiner->introducer = seeds[0];
	assert_false(peal_joiner_on_install(joiner, &part, &seeds[1], now_ns));
	for (uint32_t i = 0; i < PEAL_JOINER_PULLS_MAX - 1U; i++) {
		now_ns = joiner->pull_at_ns;
		joiner->retry_at_ns = now_ns + 1U;
		peal_outbox_reset(outbox);
		peal_joiner_on_tick(joiner, false, now_ns, outbox);
		assert_int_equal(outbox->count, 1);
		assert_int_equal(outbox->effects[0].message, PEAL_MESSAGE_INSTALL_PULL);
		assert_true(peal_address_equals(
			&outbox->effects[0].address, &seeds[i % 2U == 0 ? 1 : 0]));
	}
	destroy(joiner);
}

/* A sequencer asks for this incarnation, not for one that was here before. */
static void
test_joiner__says_that_it_is_there(void **state)
{
	struct peal_joiner *joiner = make();
	struct peal_join_probe probe = {.joiner = joiner->config.request.member.uuid, .token = 99};
	struct peal_join_ready ready;
	struct peal_reader reader;

	(void)state;
	peal_joiner_on_probe(joiner, &probe, &seeds[2], outbox);
	assert_int_equal(outbox->count, 1);
	assert_int_equal(outbox->effects[0].message, PEAL_MESSAGE_JOIN_READY);
	assert_true(peal_address_equals(&outbox->effects[0].address, &seeds[2]));
	reader = peal_reader_init(peal_outbox_body(outbox, 0), outbox->effects[0].body_size);
	assert_true(peal_join_ready_decode(&reader, &ready));
	assert_int_equal(ready.token, 99);
	assert_int_equal(ready.chunk_size, 0);
	probe.joiner.low--;
	peal_joiner_on_probe(joiner, &probe, &seeds[2], outbox);
	assert_int_equal(outbox->count, 1);
	destroy(joiner);
}

/* The chunks that are asked for, each in an answer of its own; there are no others. */
static void
test_joiner__brings_the_metadata_it_is_asked_for(void **state)
{
	static uint8_t metadata[2500];
	struct peal_joiner *joiner = make();
	struct peal_join_probe probe = {
		.joiner = joiner->config.request.member.uuid, .token = 99, .missing = 14};
	const uint16_t offsets[] = {1024, 2048};
	const uint16_t sizes[] = {1024, 452};

	(void)state;
	for (uint32_t i = 0; i < sizeof(metadata); i++) {
		metadata[i] = (uint8_t)(i * 11U);
	}
	joiner->config.request.member.metadata = metadata;
	joiner->config.request.member.metadata_size = sizeof(metadata);
	peal_joiner_on_probe(joiner, &probe, &seeds[2], outbox);
	assert_int_equal(outbox->count, 2);
	for (uint32_t i = 0; i < 2; i++) {
		struct peal_reader reader =
			peal_reader_init(peal_outbox_body(outbox, i), outbox->effects[i].body_size);
		struct peal_join_ready ready;

		assert_int_equal(outbox->effects[i].message, PEAL_MESSAGE_JOIN_READY);
		assert_true(peal_join_ready_decode(&reader, &ready));
		assert_int_equal(ready.token, 99);
		assert_int_equal(ready.offset, offsets[i]);
		assert_int_equal(ready.chunk_size, sizes[i]);
		assert_memory_equal(ready.chunk, metadata + offsets[i], sizes[i]);
	}
	/* Nothing that it has: it is there all the same. */
	probe.missing = 8;
	peal_joiner_on_probe(joiner, &probe, &seeds[2], outbox);
	assert_int_equal(outbox->count, 3);
	destroy(joiner);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_joiner__asks_all_seeds_but_itself_then_one),
		cmocka_unit_test(test_joiner__leaves_a_silent_introducer),
		cmocka_unit_test(test_joiner__reacts_to_each_status),
		cmocka_unit_test(test_joiner__asks_elsewhere_and_later_when_one_is_busy),
		cmocka_unit_test(test_joiner__waits_longer_each_time_it_is_out_of_reach),
		cmocka_unit_test(test_joiner__puts_the_view_together_from_parts_in_any_order),
		cmocka_unit_test(test_joiner__another_view_waits_for_silence),
		cmocka_unit_test(test_joiner__pulls_what_is_missing_then_gives_up),
		cmocka_unit_test(test_joiner__pulls_from_the_introducer_in_turn),
		cmocka_unit_test(test_joiner__says_that_it_is_there),
		cmocka_unit_test(test_joiner__brings_the_metadata_it_is_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
