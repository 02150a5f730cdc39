/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/ordervisit.h"

#define TAG PEAL_CLIENT_TAG(2, 9)

static void
wish(struct visitor *visitor, uint16_t tag, const struct peal_ordergroup *group)
{
	const struct peal_client_order_create request = ordervisit_request(group);

	scene_say(visitor, PEAL_CLIENT_ORDER_CREATE, tag, &request, sizeof(request));
	/* One in which it is read, and one in which the door is told. */
	(void)peal_fakecores_turn(cores, 0);
	(void)peal_fakecores_turn(cores, 0);
}

/* As the door: takes the wish that is there, and answers. Returns its id; 0: there is none. */
static uint32_t
answer(enum peal_clients_wish_answer value)
{
	const struct peal_ordergroup *group = peal_clients_find_wish(&traffic[0]->clients);

	if (group == NULL) {
		return 0;
	}
	uint32_t id = group->id;

	peal_clients_answer_wish(&traffic[0]->clients, value);
	(void)peal_fakecores_turn(cores, 0);
	return id;
}

static void
test_clients_wish__asks_until_the_view_has_the_group(void **state)
{
	const struct peal_ordergroup group = ordervisit_group(ORDER_GROUP, 1, SCENE_NODES);
	struct visitor *visitor = scene_attach(0, 0);
	uint64_t told_before = told_count;

	(void)state;
	wish(visitor, TAG, &group);
	assert_int_equal(told_count, told_before + 1U);
	assert_true(peal_ordergroup_equals(peal_clients_find_wish(&traffic[0]->clients), &group));
	assert_int_equal(answer(PEAL_CLIENTS_WISH_WAITS), ORDER_GROUP);
	assert_null(peal_clients_find_wish(&traffic[0]->clients));
	assert_in_range(peal_clients_deadline_at_ns(&traffic[0]->clients), cores->now_ns,
		cores->now_ns + PEAL_CLIENT_WISH_NS);
	scene_run(PEAL_CLIENT_WISH_NS);
	assert_int_equal(answer(PEAL_CLIENTS_WISH_WAITS), ORDER_GROUP);
	ordervisit_show(PEAL_FAKECORE_EPOCH + 1U, &group, 1);
	assert_int_equal(ordervisit_view(visitor, TAG).view, 1);
	scene_run(2U * PEAL_CLIENT_WISH_NS);
	assert_null(peal_clients_find_wish(&traffic[0]->clients));
	/* Whoever wishes for what is there has it at once. */
	wish(scene_attach(1, 0), TAG, &group);
	assert_int_equal(ordervisit_view(&visitors[1], TAG).view, 1);
	assert_int_equal(traffic[0]->clients.wishing, 0);
}

static void
test_clients_wish__says_why_it_cannot_be(void **state)
{
	static const struct {
		enum peal_clients_wish_answer answer;
		enum peal_client_order_end reason;
	} cases[] = {
		{PEAL_CLIENTS_WISH_TAKEN, PEAL_CLIENT_ORDER_TAKEN},
		{PEAL_CLIENTS_WISH_NO_MEMBER, PEAL_CLIENT_ORDER_NO_MEMBER},
		{PEAL_CLIENTS_WISH_FULL, PEAL_CLIENT_ORDER_TOO_MANY},
		{PEAL_CLIENTS_WISH_OUTSIDE, PEAL_CLIENT_ORDER_REMOVED},
	};
	const struct peal_ordergroup group = ordervisit_group(ORDER_GROUP, 1, SCENE_NODES);
	struct visitor *visitor = scene_attach(0, 0);

	(void)state;
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		wish(visitor, TAG, &group);
		assert_int_equal(answer(cases[i].answer), ORDER_GROUP);
		assert_int_equal(ordervisit_end(visitor, TAG).reason, cases[i].reason);
		assert_int_equal(traffic[0]->clients.wishing, 0);
	}
}

static void
test_clients_wish__a_client_has_one_at_a_time_and_all_take_turns(void **state)
{
	const struct peal_ordergroup groups[3] = {
		ordervisit_group(11, 1, 1), ordervisit_group(12, 1, 1), ordervisit_group(13, 1, 1)};
	uint32_t asked[3] = {0};

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		wish(scene_attach(i, 0), TAG, &groups[i]);
	}
	wish(&visitors[0], PEAL_CLIENT_TAG(5, 1), &groups[1]);
	assert_int_equal(ordervisit_end(&visitors[0], PEAL_CLIENT_TAG(5, 1)).reason,
		PEAL_CLIENT_ORDER_TOO_MANY);
	wish(&visitors[0], PEAL_CLIENT_TAG(6, 1), &groups[0]);
	assert_int_equal(ordervisit_end(&visitors[0], PEAL_CLIENT_TAG(6, 1)).reason,
		PEAL_CLIENT_ORDER_IN_USE);
	for (uint32_t i = 0; i < 9; i++) {
		uint32_t id = answer(PEAL_CLIENTS_WISH_WAITS);

		assert_in_range(id, 11, 13);
		asked[id - 11U]++;
		scene_run(i % 3U == 2U ? PEAL_CLIENT_WISH_NS : 10U * US);
	}
	assert_int_equal(asked[0], 3);
	assert_int_equal(asked[1], 3);
	assert_int_equal(asked[2], 3);
}

static void
test_clients_wish__goes_with_its_client_or_when_it_is_closed(void **state)
{
	const struct peal_ordergroup group = ordervisit_group(ORDER_GROUP, 1, SCENE_NODES);
	struct visitor *visitor = scene_attach(0, 0);

	(void)state;
	wish(visitor, TAG, &group);
	scene_say(visitor, PEAL_CLIENT_ORDER_CLOSE, TAG, NULL, 0);
	(void)peal_fakecores_turn(cores, 0);
	assert_int_equal(ordervisit_end(visitor, TAG).reason, PEAL_CLIENT_ORDER_CLOSED);
	/* The answer to what nobody wants any more, and to another wish of the same client. */
	wish(visitor, TAG,
		&(const struct peal_ordergroup){.id = 8,
			.generation = 1,
			.ranks_count = 1,
			.ranks = {{.mid = 1, .name = "x"}}});
	assert_int_equal(answer(PEAL_CLIENTS_WISH_TAKEN), ORDER_GROUP);
	assert_int_equal(traffic[0]->clients.wishing, 1);
	atomic_store(&visitor->up->death.word, PEAL_REGION_OWNER_DIED);
	(void)peal_fakecores_turn(cores, 0);
	assert_int_equal(traffic[0]->clients.wishing, 0);
	(void)answer(PEAL_CLIENTS_WISH_TAKEN);
	/* To say something in a group that is only wished for cannot be. */
	visitor = scene_attach(1, 0);
	wish(visitor, TAG, &group);
	scene_say(visitor, PEAL_CLIENT_ORDER_SEND, TAG, "x", 1);
	(void)peal_fakecores_turn(cores, 0);
	assert_int_equal(scene_end_of(visitor), PEAL_CLIENT_END_VIOLATION);
}

static void
test_clients_wish__a_group_that_is_created_anew_ends(void **state)
{
	struct peal_ordergroup group = ordervisit_group(ORDER_GROUP, 1, SCENE_NODES);
	struct visitor *visitor = scene_attach(0, 0);

	(void)state;
	ordervisit_show(PEAL_FAKECORE_EPOCH + 1U, &group, 1);
	ordervisit_open(visitor, TAG, ORDER_GROUP);
	scene_run(MS);
	(void)ordervisit_view(visitor, TAG);
	group.generation = 2;
	ordervisit_show(PEAL_FAKECORE_EPOCH + 2U, &group, 1);
	assert_int_equal(ordervisit_end(visitor, TAG).reason, PEAL_CLIENT_ORDER_REPLACED);
	ordervisit_open(visitor, TAG, ORDER_GROUP);
	scene_run(MS);
	assert_int_equal(ordervisit_view(visitor, TAG).generation, 2);
	/* And one that the node left with the view. */
	scene_view(0, PEAL_FAKECORE_EPOCH + 3U, 0);
	scene_run(MS);
	assert_in_range(ordervisit_end(visitor, TAG).reason, PEAL_CLIENT_ORDER_REPLACED,
		PEAL_CLIENT_ORDER_REMOVED);
	ordervisit_open(visitor, TAG, ORDER_GROUP);
	(void)peal_fakecores_turn(cores, 0);
	assert_int_equal(ordervisit_end(visitor, TAG).reason, PEAL_CLIENT_ORDER_REMOVED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_begin, scene_finish)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_clients_wish__asks_until_the_view_has_the_group),
		TEST(test_clients_wish__says_why_it_cannot_be),
		TEST(test_clients_wish__a_client_has_one_at_a_time_and_all_take_turns),
		TEST(test_clients_wish__goes_with_its_client_or_when_it_is_closed),
		TEST(test_clients_wish__a_group_that_is_created_anew_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
