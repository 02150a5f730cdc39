/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/cast_lane.h"

#include "tests/lib/cmocka_all.h"

#include <string.h>

#define US    UINT64_C(1000)
#define NOW   (1000U * US)
#define NEVER UINT64_MAX

static struct peal_cast_lane lane;
static struct peal_cast_grants grants;
static uint64_t heads[PEAL_CAST_LANES_MAX];
static struct peal_cast_lane_msg said;
static struct peal_cast_lane_msg messages[PEAL_CAST_LANES_MAX];

static int
begin(void **state)
{
	(void)state;
	memset(&lane, 0, sizeof(lane));
	memset(heads, 0, sizeof(heads));
	peal_cast_lane_reset(&lane);
	peal_cast_grants_reset(&grants);
	return 0;
}

static enum peal_cast_lane_outcome
answer(uint8_t what, uint32_t request, uint8_t number, uint64_t seq, uint64_t have)
{
	const struct peal_cast_lane_msg message = {
		.what = what, .request = request, .lane = number, .seq = seq};

	return peal_cast_lane_on_answer(&lane, &message, have);
}

static bool
request(uint8_t what, uint32_t origin, uint32_t number, uint8_t of, uint64_t seq)
{
	const struct peal_cast_lane_msg message = {
		.what = what, .origin = origin, .request = number, .lane = of, .seq = seq};

	return peal_cast_grants_on_message(&grants, &message, heads, NOW, &said);
}

static void
test_cast_lane__is_asked_for_until_it_is_granted(void **state)
{
	(void)state;
	assert_false(peal_cast_lane_run(&lane, NOW, &said));
	peal_cast_lane_ask(&lane, NOW);
	assert_true(peal_cast_lane_run(&lane, NOW, &said));
	assert_int_equal(said.what, PEAL_CAST_LANE_ASK);
	assert_int_equal(said.request, 1);
	assert_int_equal(said.tree, 0);
	assert_false(peal_cast_lane_run(&lane, NOW, &said));
	assert_true(peal_cast_lane_run(&lane, lane.at_ns, &said));
	assert_int_equal(said.tree, 1);
	assert_int_equal(answer(PEAL_CAST_LANE_GRANT, 1, 9, 50, 50), PEAL_CAST_LANE_GOT);
	assert_int_equal(lane.state, PEAL_CAST_LANE_HELD);
	assert_int_equal(lane.lane, 9);
	assert_true(lane.first == 50);
	assert_true(lane.at_ns == NEVER);
	/* The same once more changes nothing. */
	assert_int_equal(answer(PEAL_CAST_LANE_GRANT, 1, 9, 50, 57), PEAL_CAST_LANE_NOTHING);
	assert_true(lane.first == 50);
}

static void
test_cast_lane__is_given_back_when_others_wait(void **state)
{
	(void)state;
	peal_cast_lane_ask(&lane, NOW);
	assert_int_equal(answer(PEAL_CAST_LANE_GRANT, 1, 9, 50, 50), PEAL_CAST_LANE_GOT);
	assert_int_equal(answer(PEAL_CAST_LANE_FREED, 1, 9, 0, 50), PEAL_CAST_LANE_NOTHING);
	assert_int_equal(lane.state, PEAL_CAST_LANE_HELD);
	assert_false(lane.is_recalled);
	assert_int_equal(answer(PEAL_CAST_LANE_RECALL, 1, 9, 50, 60), PEAL_CAST_LANE_NOTHING);
	assert_true(lane.is_recalled);
	peal_cast_lane_give_back(&lane, 60, NOW);
	assert_true(peal_cast_lane_run(&lane, NOW, &said));
	assert_int_equal(said.what, PEAL_CAST_LANE_RETURN);
	assert_int_equal(said.lane, 9);
	assert_true(said.seq == 60);
	assert_int_equal(answer(PEAL_CAST_LANE_RECALL, 1, 9, 50, 60), PEAL_CAST_LANE_NOTHING);
	assert_int_equal(answer(PEAL_CAST_LANE_FREED, 1, 8, 0, 60), PEAL_CAST_LANE_NOTHING);
	assert_int_equal(lane.state, PEAL_CAST_LANE_RETURNING);
	assert_int_equal(answer(PEAL_CAST_LANE_FREED, 1, 9, 0, 60), PEAL_CAST_LANE_NOTHING);
	assert_int_equal(lane.state, PEAL_CAST_LANE_NONE);
	assert_true(lane.at_ns == NEVER);
	peal_cast_lane_ask(&lane, NOW);
	assert_int_equal(lane.request, 2);
}

static void
test_cast_lane__what_comes_late_is_given_back(void **state)
{
	(void)state;
	assert_int_equal(answer(PEAL_CAST_LANE_GRANT, 1, 9, 0, 0), PEAL_CAST_LANE_LIE);
	peal_cast_lane_ask(&lane, NOW);
	peal_cast_lane_reset(&lane); /* another view */
	assert_int_equal(answer(PEAL_CAST_LANE_GRANT, 1, 9, 0, 0), PEAL_CAST_LANE_REFUSE);
	assert_int_equal(answer(PEAL_CAST_LANE_RECALL, 1, 9, 0, 0), PEAL_CAST_LANE_REFUSE);
	peal_cast_lane_ask(&lane, NOW);
	assert_int_equal(answer(PEAL_CAST_LANE_GRANT, 1, 9, 0, 0), PEAL_CAST_LANE_REFUSE);
	assert_int_equal(answer(PEAL_CAST_LANE_RECALL, 1, 9, 0, 0), PEAL_CAST_LANE_REFUSE);
	assert_int_equal(answer(PEAL_CAST_LANE_RECALL, 2, 9, 0, 0), PEAL_CAST_LANE_NOTHING);
	/* A lane that goes on where this member is not. */
	assert_int_equal(answer(PEAL_CAST_LANE_GRANT, 2, 9, 3, 2), PEAL_CAST_LANE_LIE);
	assert_int_equal(answer(PEAL_CAST_LANE_GRANT, 3, 9, 2, 2), PEAL_CAST_LANE_LIE);
	assert_int_equal(answer(PEAL_CAST_LANE_ASK, 2, 9, 2, 2), PEAL_CAST_LANE_LIE);
	assert_int_equal(lane.state, PEAL_CAST_LANE_ASKING);
}

static void
test_cast_grants__each_who_asks_has_one(void **state)
{
	(void)state;
	heads[0] = 70;
	assert_true(request(PEAL_CAST_LANE_ASK, 7, 1, 0, 0));
	assert_int_equal(said.what, PEAL_CAST_LANE_GRANT);
	assert_int_equal(said.origin, 7);
	assert_int_equal(said.request, 1);
	assert_int_equal(said.lane, 0);
	assert_true(said.seq == 70);
	assert_true(request(PEAL_CAST_LANE_ASK, 7, 1, 0, 0)); /* the answer was lost */
	assert_int_equal(said.lane, 0);
	assert_true(request(PEAL_CAST_LANE_ASK, 7, 3, 0, 0)); /* it never had that */
	assert_int_equal(said.lane, 0);
	assert_int_equal(said.request, 3);
	assert_false(request(PEAL_CAST_LANE_ASK, 7, 2, 0, 0));
	assert_true(request(PEAL_CAST_LANE_ASK, 8, 1, 0, 0));
	assert_int_equal(said.lane, 1);
	assert_false(request(PEAL_CAST_LANE_GRANT, 7, 3, 0, 0));
	assert_true(grants.at_ns == NEVER);
}

static void
test_cast_grants__returned_lanes_go_to_others(void **state)
{
	(void)state;
	assert_true(request(PEAL_CAST_LANE_ASK, 7, 1, 0, 0));
	heads[0] = 5;
	assert_false(request(PEAL_CAST_LANE_RETURN, 7, 1, 0, 4));
	assert_true(request(PEAL_CAST_LANE_RETURN, 7, 2, 0, 5)); /* freed, but not this one */
	assert_int_equal(said.what, PEAL_CAST_LANE_FREED);
	assert_int_equal(grants.holders[0].origin, 7);
	assert_true(request(PEAL_CAST_LANE_RETURN, 7, 1, 0, 5));
	assert_int_equal(said.request, 1);
	assert_int_equal(grants.holders[0].origin, 0);
	assert_true(request(PEAL_CAST_LANE_ASK, 8, 4, 0, 0));
	assert_int_equal(said.lane, 0);
	assert_true(said.seq == 5);
	assert_true(request(PEAL_CAST_LANE_RETURN, 7, 1, 0, 5)); /* once more */
	assert_int_equal(grants.holders[0].origin, 8);
}

static void
test_cast_grants__the_oldest_is_recalled_for_who_waits(void **state)
{
	uint32_t count = PEAL_CAST_LANES_MAX;

	(void)state;
	for (uint32_t i = 0; i < count; i++) {
		assert_true(request(PEAL_CAST_LANE_ASK, 100U + i, 1, 0, 0));
	}
	heads[3] = 3;
	assert_int_equal(peal_cast_grants_run(&grants, heads, NOW, messages), 0);
	assert_false(request(PEAL_CAST_LANE_ASK, 1, 5, 0, 0));
	assert_false(request(PEAL_CAST_LANE_ASK, 1, 6, 0, 0));
	assert_false(request(PEAL_CAST_LANE_ASK, 1, 4, 0, 0)); /* late */
	assert_false(request(PEAL_CAST_LANE_ASK, 2, 1, 0, 0));
	assert_int_equal(grants.waiting_count, 2);
	assert_int_equal(peal_cast_grants_run(&grants, heads, NOW, messages), 2);
	assert_int_equal(messages[0].what, PEAL_CAST_LANE_RECALL);
	assert_int_equal(messages[0].origin, 100);
	assert_int_equal(messages[1].origin, 101);
	assert_int_equal(peal_cast_grants_run(&grants, heads, NOW, messages), 0);
	assert_true(request(PEAL_CAST_LANE_RETURN, 103, 1, 3, 3));
	assert_false(request(PEAL_CAST_LANE_ASK, 3, 1, 0, 0)); /* not before those who wait */
	assert_int_equal(peal_cast_grants_run(&grants, heads, NOW, messages), 3);
	assert_int_equal(messages[0].what, PEAL_CAST_LANE_GRANT);
	assert_int_equal(messages[0].origin, 1);
	assert_int_equal(messages[0].request, 6);
	assert_int_equal(messages[0].lane, 3);
	assert_true(messages[0].seq == 3);
	assert_int_equal(messages[1].what, PEAL_CAST_LANE_RECALL);
	assert_int_equal(messages[1].origin, 100);
	assert_true(request(PEAL_CAST_LANE_RETURN, 100, 1, 0, 0));
	assert_true(request(PEAL_CAST_LANE_RETURN, 101, 1, 1, 0));
	assert_int_equal(peal_cast_grants_run(&grants, heads, NOW, messages), 2);
	assert_true(grants.at_ns == NEVER);
}

static void
test_cast_grants__remember_so_many_and_no_more(void **state)
{
	uint32_t count = PEAL_CAST_LANES_MAX + PEAL_CAST_WAITING_MAX;

	(void)state;
	for (uint32_t i = 0; i < count + 10U; i++) {
		(void)request(PEAL_CAST_LANE_ASK, 100U + i, 1, 0, 0);
	}
	assert_int_equal(grants.waiting_count, PEAL_CAST_WAITING_MAX);
	assert_int_equal(peal_cast_grants_run(&grants, heads, NOW, messages), PEAL_CAST_LANES_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_cast_lane__is_asked_for_until_it_is_granted, begin),
		cmocka_unit_test_setup(test_cast_lane__is_given_back_when_others_wait, begin),
		cmocka_unit_test_setup(test_cast_lane__what_comes_late_is_given_back, begin),
		cmocka_unit_test_setup(test_cast_grants__each_who_asks_has_one, begin),
		cmocka_unit_test_setup(test_cast_grants__returned_lanes_go_to_others, begin),
		cmocka_unit_test_setup(
			test_cast_grants__the_oldest_is_recalled_for_who_waits, begin),
		cmocka_unit_test_setup(test_cast_grants__remember_so_many_and_no_more, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
