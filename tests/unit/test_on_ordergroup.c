/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/netscene.h"

#include <stdio.h>
#include <string.h>

/* Group `id` of the three members from `rank` on. */
static struct peal_ordergroup
make_group(const struct peal_fakenet *net, uint32_t id, uint32_t rank)
{
	const struct peal_view *view = &net->nodes[0]->node.view;
	struct peal_ordergroup group = {.id = id, .generation = 1, .ranks_count = 3};

	for (uint32_t i = 0; i < 3; i++) {
		char name[8];

		(void)snprintf(name, sizeof(name), "n%u", i);
		group.ranks[i].mid = view->members[(rank + i) % view->members_count].mid;
		assert_true(peal_ordergroup_set_name(&group, i, name));
	}
	return group;
}

static enum peal_ordergroup_answer
ask(struct peal_fakenet *net, uint32_t index, const struct peal_ordergroup *group)
{
	return peal_node_create_ordergroup(&net->nodes[index]->node, group, net->now_ns);
}

static bool
has_everybody(const struct peal_fakenet *net, const struct peal_ordergroup *group)
{
	for (uint32_t i = 0; i < net->nodes_count; i++) {
		const struct peal_ordergroup *found =
			peal_view_find_ordergroup(&net->nodes[i]->node.view, group->id);

		if (net->nodes[i]->is_alive &&
			(found == NULL || !peal_ordergroup_equals(found, group))) {
			return false;
		}
	}
	return true;
}

static void
test_on_ordergroup__one_asks_and_all_have_it(void **state)
{
	(void)state;
	for (uint32_t nodes_count = 3; nodes_count <= 6; nodes_count++) {
		struct peal_fakenet *net = form(nodes_count);
		struct peal_ordergroup group = make_group(net, 7, 0);
		uint64_t epoch = net->nodes[0]->node.view.epoch;

		assert_int_equal(ask(net, 1, &group), PEAL_ORDERGROUP_WAITS);
		assert_int_equal(ask(net, 1, &group), PEAL_ORDERGROUP_WAITS);
		peal_fakenet_run(net, net->now_ns + 400 * MS);
		assert_true(peal_fakenet_agrees(net, nodes_count));
		assert_true(has_everybody(net, &group));
		assert_int_equal(net->nodes[0]->node.view.epoch, epoch + 1U);
		assert_int_equal(net->nodes[1]->node.wanted_ordergroup.id, 0);
		for (uint32_t i = 0; i < nodes_count; i++) {
			assert_int_equal(peal_fakenet_events(net, i, PEAL_EVENT_ORDERGROUP), 1);
		}
		assert_int_equal(ask(net, 1, &group), PEAL_ORDERGROUP_EXISTS);
		peal_fakenet_run(net, net->now_ns + 400 * MS);
		assert_int_equal(net->nodes[0]->node.view.epoch, epoch + 1U);
		peal_fakenet_destroy(net);
	}
}

static void
test_on_ordergroup__a_newcomer_learns_the_table(void **state)
{
	struct peal_fakenet *net = peal_fakenet_create(5, 3, 3, "dpdk");
	struct peal_ordergroup group;

	(void)state;
	net->nodes[4]->is_alive = false;
	assert_true(peal_fakenet_run_until_agreed(net, 4, 8000 * MS));
	group = make_group(net, 9, 1);
	assert_int_equal(ask(net, 2, &group), PEAL_ORDERGROUP_WAITS);
	peal_fakenet_run(net, net->now_ns + 400 * MS);
	peal_fakenet_wake(net, 4);
	assert_true(peal_fakenet_run_until_agreed(net, 5, 8000 * MS));
	assert_true(has_everybody(net, &group));
	assert_int_equal(peal_fakenet_events(net, 4, PEAL_EVENT_ORDERGROUP), 1);
	peal_fakenet_destroy(net);
}

static void
test_on_ordergroup__of_two_wishes_for_one_group_one_comes_true(void **state)
{
	struct peal_fakenet *net = form(5);
	struct peal_ordergroup groups[2] = {make_group(net, 7, 0), make_group(net, 7, 1)};
	uint32_t winner;

	(void)state;
	assert_int_equal(ask(net, 1, &groups[0]), PEAL_ORDERGROUP_WAITS);
	assert_int_equal(ask(net, 3, &groups[1]), PEAL_ORDERGROUP_WAITS);
	peal_fakenet_run(net, net->now_ns + 1000 * MS);
	winner = has_everybody(net, &groups[0]) ? 0 : 1;
	assert_true(has_everybody(net, &groups[winner]));
	assert_int_equal(
		peal_fakenet_events(net, winner == 0 ? 3 : 1, PEAL_EVENT_ORDERGROUP_REFUSED), 1);
	assert_int_equal(
		peal_fakenet_events(net, winner == 0 ? 1 : 3, PEAL_EVENT_ORDERGROUP_REFUSED), 0);
	assert_int_equal(peal_fakenet_count(net, PEAL_COUNTER_ORDERGROUPS_REFUSED), 1);
	assert_int_equal(ask(net, 2, &groups[1U - winner]), PEAL_ORDERGROUP_TAKEN);
	assert_int_equal(peal_fakenet_count(net, PEAL_COUNTER_ORDERGROUPS_REFUSED), 2);
	peal_fakenet_destroy(net);
}

static void
test_on_ordergroup__two_groups_come_one_after_the_other(void **state)
{
	struct peal_fakenet *net = form(5);
	struct peal_ordergroup groups[2] = {make_group(net, 7, 0), make_group(net, 8, 1)};

	(void)state;
	assert_int_equal(ask(net, 1, &groups[0]), PEAL_ORDERGROUP_WAITS);
	assert_int_equal(ask(net, 1, &groups[1]), PEAL_ORDERGROUP_BUSY);
	assert_int_equal(ask(net, 3, &groups[1]), PEAL_ORDERGROUP_WAITS);
	peal_fakenet_run(net, net->now_ns + 1000 * MS);
	assert_true(peal_fakenet_agrees(net, 5));
	assert_true(has_everybody(net, &groups[0]));
	assert_true(has_everybody(net, &groups[1]));
	assert_int_equal(peal_fakenet_count(net, PEAL_COUNTER_ORDERGROUPS_REFUSED), 0);
	peal_fakenet_destroy(net);
}

static void
test_on_ordergroup__a_wish_ends_when_a_rank_goes(void **state)
{
	struct peal_fakenet *net = form(5);
	struct peal_ordergroup group = make_group(net, 7, 0);
	uint32_t victim = 0;
	uint32_t asked = 0;

	(void)state;
	for (uint32_t i = 0; i < 5; i++) {
		if (net->nodes[i]->node.self_rank == 1) {
			victim = i;
		}
		if (net->nodes[i]->node.self_rank == 4) {
			asked = i;
		}
	}
	/* The crash is known first, so the wish has to wait for that cut. */
	peal_fakenet_kill(net, victim);
	peal_fakenet_run(net, net->now_ns + MS / 10U);
	assert_int_equal(ask(net, asked, &group), PEAL_ORDERGROUP_WAITS);
	assert_true(peal_fakenet_run_until_agreed(net, 4, 8000 * MS));
	peal_fakenet_run(net, net->now_ns + 400 * MS);
	assert_null(peal_view_find_ordergroup(&net->nodes[asked]->node.view, 7));
	assert_int_equal(peal_fakenet_events(net, asked, PEAL_EVENT_ORDERGROUP_REFUSED), 1);
	assert_int_equal(net->nodes[asked]->node.wanted_ordergroup.id, 0);
	assert_int_equal(ask(net, asked, &group), PEAL_ORDERGROUP_NO_MEMBER);
	peal_fakenet_destroy(net);
}

static void
test_on_ordergroup__refuses_by_name(void **state)
{
	struct peal_fakenet *net = form(4);
	struct peal_ordergroup group = make_group(net, 7, 0);
	struct peal_ordergroup other = group;

	(void)state;
	other.ranks_count = 2;
	assert_int_equal(ask(net, 0, &other), PEAL_ORDERGROUP_INVALID);
	other = group;
	other.ranks[1].mid = 1000;
	assert_int_equal(ask(net, 0, &other), PEAL_ORDERGROUP_NO_MEMBER);
	other = group;
	other.generation = 2;
	assert_int_equal(ask(net, 0, &other), PEAL_ORDERGROUP_WRONG_GENERATION);
	for (uint32_t id = 1; id <= PEAL_ORDERGROUPS_MAX; id++) {
		other = make_group(net, id, id);
		assert_int_equal(ask(net, id % 4U, &other), PEAL_ORDERGROUP_WAITS);
		peal_fakenet_run(net, net->now_ns + 400 * MS);
		assert_true(has_everybody(net, &other));
	}
	other = make_group(net, 100, 0);
	assert_int_equal(ask(net, 0, &other), PEAL_ORDERGROUP_FULL);
	/* There is always room for one that takes the place of another. */
	other = make_group(net, 3, 0);
	assert_int_equal(ask(net, 0, &other), PEAL_ORDERGROUP_TAKEN);
	other.generation = 3;
	assert_int_equal(ask(net, 0, &other), PEAL_ORDERGROUP_WRONG_GENERATION);
	other.generation = 2;
	assert_int_equal(ask(net, 0, &other), PEAL_ORDERGROUP_WAITS);
	peal_fakenet_run(net, net->now_ns + 400 * MS);
	assert_true(has_everybody(net, &other));
	peal_node_leave(&net->nodes[0]->node, net->now_ns);
	other.generation = 3;
	assert_int_equal(ask(net, 0, &other), PEAL_ORDERGROUP_OUTSIDE);
	peal_fakenet_destroy(net);
}

static void
test_on_ordergroup__names_its_answers(void **state)
{
	(void)state;
	for (uint32_t answer = 0; answer <= PEAL_ORDERGROUP_OUTSIDE; answer++) {
		const char *name = peal_ordergroup_answer_name((enum peal_ordergroup_answer)answer);

		assert_non_null(name);
		assert_true(strlen(name) > 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_on_ordergroup__one_asks_and_all_have_it),
		cmocka_unit_test(test_on_ordergroup__a_newcomer_learns_the_table),
		cmocka_unit_test(test_on_ordergroup__of_two_wishes_for_one_group_one_comes_true),
		cmocka_unit_test(test_on_ordergroup__two_groups_come_one_after_the_other),
		cmocka_unit_test(test_on_ordergroup__a_wish_ends_when_a_rank_goes),
		cmocka_unit_test(test_on_ordergroup__refuses_by_name),
		cmocka_unit_test(test_on_ordergroup__names_its_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
