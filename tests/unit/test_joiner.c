/* SPDX-License-Identifier: BSD-3-Clause */
#include "membership/joiner.h"
#include "membership/nextview.h"
#include "tests/lib/fakenet.h"
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

static struct peal_joiner *
make(void)
{
	struct peal_joiner *joiner = malloc(sizeof(*joiner));
	struct peal_joiner_config config = {.timing = &timing, .seeds = seeds, .seeds_count = 3};

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
	free(joiner);
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
	free(joiner);
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
	assert_int_equal(peal_joiner_deadline_at_ns(joiner), 1 + 30 * MS);
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
	free(joiner);
}

/* A view of twenty in three parts, backwards, twice, mixed with parts of an older view. */
static void
test_joiner__puts_the_view_together_from_parts_in_any_order(void **state)
{
	struct peal_joiner *joiner = make();
	struct peal_member member = joiner->config.request.member;
	struct peal_view view;
	struct peal_view got;
	uint8_t bytes[PEAL_VIEW_ENCODED_SIZE_MAX];
	uint32_t size = 0;
	uint32_t done_count = 0;

	(void)state;
	peal_nextview_create((struct peal_uuid){.low = 1, .high = 1}, 10, &member, &view);
	for (uint32_t i = 1; i < 20; i++) {
		struct peal_proposal cut = {.parent_epoch = view.epoch,
			.parent_hash = view.hash,
			.additions_count = 1,
			.additions = {member}};
		struct peal_view next;

		cut.additions[0].uuid.low = 1000 + i;
		cut.additions[0].address.ipv4 = 1000 + i;
		cut.additions[0].metadata_size = PEAL_METADATA_SIZE_MAX;
		peal_nextview_apply(&view, &cut, &next);
		view = next;
	}
	size = peal_view_encode(&view, bytes, sizeof(bytes));
	assert_true(
		size > 2 * PEAL_INSTALL_CHUNK_SIZE_MAX && size < 3 * PEAL_INSTALL_CHUNK_SIZE_MAX);
	for (uint32_t i = 0; i < 6; i++) {
		uint32_t offset = (2U - i % 3U) * PEAL_INSTALL_CHUNK_SIZE_MAX;
		struct peal_install_msg part = {.joiner = member.uuid,
			.view_hash = view.hash,
			.total_size = size,
			.offset = offset,
			.chunk_size = size - offset < PEAL_INSTALL_CHUNK_SIZE_MAX
					      ? size - offset
					      : PEAL_INSTALL_CHUNK_SIZE_MAX,
			.chunk = bytes + offset};

		if (i == 1) {
			struct peal_install_msg old = part;

			old.view_hash.low++;
			assert_false(peal_joiner_on_install(joiner, &old, &got));
			i = 0; /* the older view displaced what was there: the first part comes
				  again */
			part.offset = 2U * PEAL_INSTALL_CHUNK_SIZE_MAX;
			part.chunk_size = size - part.offset;
			part.chunk = bytes + part.offset;
			assert_false(peal_joiner_on_install(joiner, &part, &got));
			part.offset = offset;
			part.chunk_size = PEAL_INSTALL_CHUNK_SIZE_MAX;
			part.chunk = bytes + offset;
			i = 1;
		}
		done_count += peal_joiner_on_install(joiner, &part, &got) ? 1U : 0U;
	}
	assert_int_equal(done_count, 2);
	assert_true(peal_hash128_equals(got.hash, view.hash));
	free(joiner);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_joiner__asks_all_seeds_but_itself_then_one),
		cmocka_unit_test(test_joiner__leaves_a_silent_introducer),
		cmocka_unit_test(test_joiner__reacts_to_each_status),
		cmocka_unit_test(test_joiner__puts_the_view_together_from_parts_in_any_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
