/* SPDX-License-Identifier: BSD-3-Clause */
#include "client/requests.h"

#include "tests/lib/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#define SERVICE 7U

static struct peal_requests *requests;
static const uint64_t members[] = {11, 12, 13, 14, 15};

static int
begin(void **state)
{
	(void)state;
	requests = malloc(sizeof(*requests));
	assert_non_null(requests);
	peal_requests_init(requests, UINT64_C(0xFFFFFFFFFFFF));
	return 0;
}

static int
finish(void **state)
{
	(void)state;
	free(requests);
	return 0;
}

/* Asks the first `count` members; all parts are sent. */
static struct peal_request *
ask(uint32_t count, uint32_t wanted, uint64_t deadline_ns)
{
	struct peal_request *request =
		peal_requests_begin(requests, members, count, wanted, deadline_ns);

	assert_non_null(request);
	request->service = SERVICE;
	for (uint32_t part = 0; part < count; part++) {
		peal_requests_mark_sent(requests, request, part);
	}
	return request;
}

static void
await_no_reply(uint64_t id, uint64_t member, enum peal_result result)
{
	struct peal_event event;
	const uint8_t *bytes;

	assert_true(peal_requests_next_event(requests, &event, &bytes));
	assert_int_equal(event.kind, PEAL_EVENT_NO_REPLY);
	assert_int_equal(event.request, id);
	assert_int_equal(event.member, member);
	assert_int_equal(event.number, SERVICE);
	assert_int_equal(event.result, result);
}

static void
await_done(uint64_t id, enum peal_result result, uint64_t lost_count)
{
	struct peal_event event;
	const uint8_t *bytes;

	assert_true(peal_requests_next_event(requests, &event, &bytes));
	assert_int_equal(event.kind, PEAL_EVENT_DONE);
	assert_int_equal(event.request, id);
	assert_int_equal(event.result, result);
	assert_int_equal(event.lost_count, lost_count);
}

static void
await_nothing(void)
{
	struct peal_event event;
	const uint8_t *bytes;

	assert_false(peal_requests_next_event(requests, &event, &bytes));
}

static void
test_requests__all_that_are_wanted_make_it_a_success(void **state)
{
	uint64_t id = ask(3, 3, 100)->id;

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		await_nothing();
		assert_true(peal_requests_reply(requests, id, members[i]));
	}
	await_done(id, PEAL_OK, 0);
	await_nothing();
	assert_int_equal(requests->count, 0);
	assert_int_equal(requests->late_count, 0);
}

static void
test_requests__what_comes_after_enough_is_late(void **state)
{
	uint64_t id = ask(5, 3, 100)->id;

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		assert_true(peal_requests_reply(requests, id, members[i]));
	}
	assert_false(peal_requests_reply(requests, id, members[3]));
	assert_int_equal(requests->late_count, 1);
	await_done(id, PEAL_OK, 2);
	assert_false(peal_requests_reply(requests, id, members[4]));
	assert_int_equal(requests->late_count, 2);
	await_nothing();
}

static void
test_requests__an_answer_that_nobody_asked_for_is_late(void **state)
{
	struct peal_request *unsent;
	uint64_t id = ask(2, 2, 100)->id;

	(void)state;
	/* Twice, of a member that was not asked, of no request, and before it was asked. */
	assert_true(peal_requests_reply(requests, id, members[0]));
	assert_false(peal_requests_reply(requests, id, members[0]));
	assert_false(peal_requests_reply(requests, id, 99));
	assert_false(peal_requests_reply(requests, id + PEAL_REQUESTS_MAX, members[1]));
	assert_false(peal_requests_reply(requests, 0, members[1]));
	unsent = peal_requests_begin(requests, members, 1, 1, 100);
	assert_false(peal_requests_reply(requests, unsent->id, members[0]));
	assert_false(peal_requests_fail_reply(requests, unsent->id, members[0], PEAL_BUSY));
	assert_int_equal(requests->late_count, 6);
	await_nothing();
}

static void
test_requests__numbers_of_another_life_are_others(void **state)
{
	uint64_t id = ask(1, 1, 100)->id;

	(void)state;
	assert_int_equal(id >> PEAL_REQUESTS_ID_BITS, 0);
	peal_requests_init(requests, UINT64_C(0x123456789ABC));
	assert_int_not_equal(ask(1, 1, 100)->id, id);
	assert_false(peal_requests_reply(requests, id, members[0]));
}

static void
test_requests__of_one_member_the_end_is_its_reason(void **state)
{
	struct peal_request *request = ask(1, 1, 100);
	uint64_t id = request->id;

	(void)state;
	assert_true(peal_requests_fail_reply(requests, id, members[0], PEAL_BUSY));
	await_no_reply(id, members[0], PEAL_BUSY);
	await_done(id, PEAL_BUSY, 1);
	await_nothing();
}

static void
test_requests__too_many_failures_end_it_at_once(void **state)
{
	struct peal_request *request = ask(5, 3, 100);
	uint64_t id = request->id;

	(void)state;
	assert_true(peal_requests_reply(requests, id, members[4]));
	peal_requests_fail(requests, request, 0, PEAL_PEER_GONE);
	peal_requests_fail(requests, request, 0, PEAL_PEER_GONE);
	peal_requests_fail(requests, request, 4, PEAL_PEER_GONE);
	await_no_reply(id, members[0], PEAL_PEER_GONE);
	await_nothing();
	peal_requests_fail(requests, request, 1, PEAL_BUSY);
	assert_false(request->is_over);
	peal_requests_fail(requests, request, 2, PEAL_NO_SERVICE);
	assert_true(request->is_over);
	await_no_reply(id, members[1], PEAL_BUSY);
	await_no_reply(id, members[2], PEAL_NO_SERVICE);
	await_done(id, PEAL_TOO_FEW, 4);
	await_nothing();
}

static void
test_requests__the_end_of_a_channel_fails_what_was_sent_there(void **state)
{
	struct peal_request *request = ask(2, 1, 100), *other = ask(1, 1, 100);
	struct peal_request *unsent = peal_requests_begin(requests, members, 1, 1, 100);

	(void)state;
	other->service = SERVICE + 1U;
	unsent->service = SERVICE;
	assert_true(peal_requests_has_sent(requests, members[0], SERVICE));
	assert_true(peal_requests_has_sent(requests, members[0], SERVICE + 1U));
	assert_false(peal_requests_has_sent(requests, members[2], SERVICE));
	peal_requests_fail_sent(requests, members[0], SERVICE, PEAL_PEER_GONE);
	await_no_reply(request->id, members[0], PEAL_PEER_GONE);
	await_nothing();
	assert_false(peal_requests_has_sent(requests, members[0], SERVICE));
	assert_true(peal_requests_reply(requests, request->id, members[1]));
	await_done(request->id == 0 ? 1 : request->id, PEAL_OK, 1);
	assert_false(other->is_over || unsent->is_over);
}

static void
test_requests__near_ones_fail_up_to_the_last_that_was_taken(void **state)
{
	struct peal_request *first = ask(1, 1, 100), *second = ask(1, 1, 100),
			    *far = ask(1, 1, 100);

	(void)state;
	first->near_number = 1;
	second->near_number = 2;
	peal_requests_fail_near(requests, members[0], SERVICE, 1, PEAL_PEER_GONE);
	assert_true(first->is_over);
	assert_false(second->is_over);
	peal_requests_fail_near(requests, members[0], SERVICE + 1U, 2, PEAL_PEER_GONE);
	assert_false(second->is_over);
	peal_requests_fail_near(requests, members[0], SERVICE, 9, PEAL_PEER_GONE);
	assert_true(second->is_over);
	assert_false(far->is_over);
}

static bool
is_odd(void *state, uint64_t member)
{
	(void)state;
	return member % 2U == 1U;
}

static void
test_requests__who_is_not_there_has_failed_sent_or_not(void **state)
{
	struct peal_request *sent = ask(3, 3, 100);
	struct peal_request *unsent = peal_requests_begin(requests, members, 3, 2, 100);

	(void)state;
	assert_int_equal(requests->unsent_count, 1);
	peal_requests_fail_absent(requests, is_odd, NULL, PEAL_PEER_GONE);
	assert_true(sent->is_over);
	assert_false(unsent->is_over);
	assert_int_equal(unsent->unsent_count, 2);
	assert_int_equal(unsent->parts[1].state, PEAL_PART_FAILED);
	assert_int_equal(requests->unsent_count, 1);
}

static void
test_requests__end_at_their_deadlines(void **state)
{
	uint64_t late = ask(2, 1, 300)->id, soon = ask(2, 2, 200)->id;
	struct peal_request *ever = ask(1, 1, UINT64_MAX);

	(void)state;
	assert_int_equal(requests->due_at_ns, 200);
	assert_true(peal_requests_reply(requests, soon, members[1]));
	peal_requests_expire(requests, 199, PEAL_TIMEOUT);
	await_nothing();
	peal_requests_expire(requests, 200, PEAL_TIMEOUT);
	await_done(soon, PEAL_TIMEOUT, 1);
	assert_int_equal(requests->due_at_ns, 300);
	peal_requests_expire(requests, 400, PEAL_NO_QUORUM);
	await_done(late, PEAL_NO_QUORUM, 2);
	assert_true(requests->due_at_ns == UINT64_MAX);
	peal_requests_expire(requests, UINT64_MAX - 1U, PEAL_TIMEOUT);
	await_nothing();
	assert_false(ever->is_over);
}

static void
test_requests__as_many_as_there_are_places(void **state)
{
	uint64_t ids[PEAL_REQUESTS_MAX];
	const uint8_t byte = 0, *bytes;
	struct peal_event event;

	(void)state;
	for (uint32_t i = 0; i < PEAL_REQUESTS_MAX; i++) {
		struct peal_request *request =
			peal_requests_begin(requests, members, 5, 5, UINT64_MAX);

		request->bytes = &byte;
		ids[i] = request->id;
		for (uint32_t before = 0; before < i; before++) {
			assert_int_not_equal(ids[before], ids[i]);
		}
	}
	assert_null(peal_requests_begin(requests, members, 5, 5, UINT64_MAX));
	assert_int_equal(requests->unsent_count, PEAL_REQUESTS_MAX);
	/* The bytes come back with the end, sent or not. */
	peal_requests_fail(requests, peal_requests_find(requests, ids[9]), 2, PEAL_NO_MEMORY);
	assert_null(peal_requests_find(requests, ids[9]));
	assert_int_equal(requests->unsent_count, PEAL_REQUESTS_MAX - 1U);
	assert_true(peal_requests_next_event(requests, &event, &bytes));
	assert_null(bytes);
	assert_true(peal_requests_next_event(requests, &event, &bytes));
	assert_ptr_equal(bytes, &byte);
	assert_int_equal(event.kind, PEAL_EVENT_DONE);
	assert_non_null(peal_requests_begin(requests, members, 1, 1, UINT64_MAX));
}

static void
test_requests__what_is_forgotten_is_not_told(void **state)
{
	struct peal_request *request = peal_requests_begin(requests, members, 3, 1, 100);
	uint64_t id = request->id;

	(void)state;
	peal_requests_fail(requests, request, 0, PEAL_BUSY);
	peal_requests_forget(requests, request);
	assert_null(peal_requests_find(requests, id));
	assert_int_equal(requests->count, 0);
	assert_int_equal(requests->unsent_count, 0);
	await_nothing();
	assert_false(peal_requests_reply(requests, id, members[1]));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_requests__##name, begin, finish)
	const struct CMUnitTest tests[] = {
		TEST(all_that_are_wanted_make_it_a_success),
		TEST(what_comes_after_enough_is_late),
		TEST(an_answer_that_nobody_asked_for_is_late),
		TEST(numbers_of_another_life_are_others),
		TEST(of_one_member_the_end_is_its_reason),
		TEST(too_many_failures_end_it_at_once),
		TEST(the_end_of_a_channel_fails_what_was_sent_there),
		TEST(near_ones_fail_up_to_the_last_that_was_taken),
		TEST(who_is_not_there_has_failed_sent_or_not),
		TEST(end_at_their_deadlines),
		TEST(as_many_as_there_are_places),
		TEST(what_is_forgotten_is_not_told),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
