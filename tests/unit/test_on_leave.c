/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/netscene.h"
#include "wire/messages.h"

static void
leave_of(uint32_t nodes_count, bool senior_leaves)
{
	struct peal_fakenet *net = form(nodes_count);
	uint32_t leaver = 0;
	uint32_t stays = 0;
	uint64_t epoch = 0;

	for (uint32_t i = 0; i < nodes_count; i++) {
		if ((net->nodes[i]->node.self_rank == 0) == senior_leaves) {
			leaver = i;
		}
	}
	stays = leaver == 0 ? 1 : 0;
	epoch = net->nodes[stays]->node.view.epoch;
	peal_node_leave(&net->nodes[leaver]->node, net->now_ns);
	peal_fakenet_run(net, net->now_ns + 400 * MS);
	if (nodes_count == 2 && senior_leaves) {
		peal_fakenet_ahead(net, leaver, net->nodes[stays]->node.view.epoch);
		peal_fakenet_run(net, net->now_ns + 1 * MS);
	}
	assert_int_equal(net->nodes[leaver]->node.state, PEAL_NODE_LEFT);
	assert_true(net->nodes[leaver]->node.leave_confirmed);
	assert_false(net->nodes[leaver]->node.ended_unconfirmed);
	net->nodes[leaver]->is_alive = false;
	assert_true(peal_fakenet_agrees(net, nodes_count - 1U));
	assert_int_equal(net->nodes[stays]->node.view.epoch, epoch + 1U);
	assert_int_equal(peal_fakenet_events(net, stays, PEAL_EVENT_LEFT), 1);
	assert_int_equal(peal_fakenet_events(net, stays, PEAL_EVENT_CRASHED), 0);
	peal_fakenet_destroy(net);
}

static void
test_on_leave__takes_one_cut_at_any_size(void **state)
{
	(void)state;
	for (uint32_t nodes_count = 2; nodes_count <= 9; nodes_count++) {
		leave_of(nodes_count, true);
		leave_of(nodes_count, false);
	}
}

static void
test_on_leave__the_last_one_just_stops(void **state)
{
	struct peal_fakenet *net = form(1);

	(void)state;
	peal_node_leave(&net->nodes[0]->node, net->now_ns);
	assert_int_equal(net->nodes[0]->node.state, PEAL_NODE_LEFT);
	peal_fakenet_destroy(net);
}

static bool
drop_all_of_zero(void *state, uint32_t from, uint32_t to, uint8_t message)
{
	(void)message;
	return from == *(uint32_t *)state || to == *(uint32_t *)state;
}

/* Cut off, a leaver of three may stop: the others are a quorum without it. */
static void
test_on_leave__unheard_it_stops_when_the_rest_can_decide(void **state)
{
	struct peal_fakenet *net = form(3);
	uint32_t leaver = 1;

	(void)state;
	net->filter = drop_all_of_zero;
	net->filter_state = &leaver;
	peal_node_leave(&net->nodes[leaver]->node, net->now_ns);
	peal_fakenet_run(net, net->now_ns + 700 * MS);
	assert_int_equal(net->nodes[leaver]->node.state, PEAL_NODE_LEAVING);
	peal_fakenet_run(net, net->now_ns + 200 * MS);
	assert_int_equal(net->nodes[leaver]->node.state, PEAL_NODE_LEFT);
	assert_true(net->nodes[leaver]->node.ended_unconfirmed);
	peal_fakenet_destroy(net);
}

/* The senior of two, cut off, must not stop: the junior alone could never decide again. */
static void
test_on_leave__unheard_the_senior_of_two_stays(void **state)
{
	struct peal_fakenet *net = form(2);
	uint32_t senior = net->nodes[0]->node.self_rank == 0 ? 0 : 1;

	(void)state;
	net->filter = drop_all_of_zero;
	net->filter_state = &senior;
	peal_node_leave(&net->nodes[senior]->node, net->now_ns);
	peal_fakenet_run(net, net->now_ns + 3000 * MS);
	assert_int_equal(net->nodes[senior]->node.state, PEAL_NODE_LEAVING);
	net->filter = NULL;
	peal_fakenet_run(net, net->now_ns + 2500 * MS);
	/* The junior has the decision now; its next probe tells the senior that it is free. */
	assert_int_equal(net->nodes[1U - senior]->node.view.members_count, 1);
	assert_int_equal(net->nodes[senior]->node.state, PEAL_NODE_LEAVING);
	peal_fakenet_ahead(net, senior, net->nodes[1U - senior]->node.view.epoch);
	peal_fakenet_run(net, net->now_ns + 1 * MS);
	assert_int_equal(net->nodes[senior]->node.state, PEAL_NODE_LEFT);
	assert_true(net->nodes[senior]->node.leave_confirmed);
	net->nodes[senior]->is_alive = false;
	assert_true(peal_fakenet_agrees(net, 1));
	peal_fakenet_destroy(net);
}

static void
test_on_leave__two_leave_at_once(void **state)
{
	struct peal_fakenet *net = form(5);

	(void)state;
	peal_node_leave(&net->nodes[1]->node, net->now_ns);
	peal_node_leave(&net->nodes[3]->node, net->now_ns);
	peal_fakenet_run(net, net->now_ns + 800 * MS);
	assert_int_equal(net->nodes[1]->node.state, PEAL_NODE_LEFT);
	assert_int_equal(net->nodes[3]->node.state, PEAL_NODE_LEFT);
	net->nodes[1]->is_alive = false;
	net->nodes[3]->is_alive = false;
	assert_true(peal_fakenet_agrees(net, 3));
	assert_int_equal(peal_fakenet_events(net, 0, PEAL_EVENT_LEFT), 2);
	peal_fakenet_destroy(net);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_on_leave__takes_one_cut_at_any_size),
		cmocka_unit_test(test_on_leave__the_last_one_just_stops),
		cmocka_unit_test(test_on_leave__unheard_it_stops_when_the_rest_can_decide),
		cmocka_unit_test(test_on_leave__unheard_the_senior_of_two_stays),
		cmocka_unit_test(test_on_leave__two_leave_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
