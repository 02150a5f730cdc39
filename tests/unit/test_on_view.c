/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/netscene.h"

static void
test_on_view__a_removed_node_learns_it_and_comes_back_as_another(void **state)
{
	struct peal_fakenet *net = form(5);
	struct peal_node *victim = &net->nodes[3]->node;
	uint64_t mid = victim->self.mid;
	uint64_t epoch = net->nodes[0]->node.view.epoch;

	(void)state;
	/* Everybody else accuses it, wrongly. */
	for (uint32_t i = 0; i < 5; i++) {
		if (i != 3) {
			peal_fakenet_report(net, i, victim->self_rank, 0xF);
		}
	}
	peal_fakenet_run(net, net->now_ns + 200 * MS);
	assert_int_equal(peal_fakenet_events(net, 3, PEAL_EVENT_KICKED), 1);
	peal_fakenet_run(net, net->now_ns + 3000 * MS);
	assert_true(peal_fakenet_agrees(net, 5));
	assert_true(victim->self.mid > mid);
	assert_int_equal(net->nodes[0]->node.view.epoch, epoch + 2U);
	peal_fakenet_destroy(net);
}

static void
test_on_view__without_rejoin_it_stays_out(void **state)
{
	struct peal_fakenet *net = form(5);
	struct peal_node *victim = &net->nodes[3]->node;

	(void)state;
	victim->config.rejoin = false;
	for (uint32_t i = 0; i < 5; i++) {
		if (i != 3) {
			peal_fakenet_report(net, i, victim->self_rank, 0xF);
		}
	}
	peal_fakenet_run(net, net->now_ns + 3000 * MS);
	assert_int_equal(victim->state, PEAL_NODE_KICKED);
	assert_int_equal(net->nodes[0]->node.view.members_count, 4);
	peal_fakenet_destroy(net);
}

/* Everybody else reports node 3, which said of itself in the epoch `slow_epoch` that it is slow. */
static void
evict(struct peal_fakenet *net, uint64_t slow_epoch)
{
	struct peal_fakenode *victim = net->nodes[3];

	atomic_store(&victim->node.plane->slow, slow_epoch);
	for (uint32_t i = 0; i < net->nodes_count; i++) {
		if (i != 3) {
			peal_fakenet_report(net, i, victim->node.self_rank, 0xF);
		}
	}
	while (victim->node.state == PEAL_NODE_MEMBER) {
		peal_fakenet_run(net, net->now_ns + MS);
	}
}

static void
test_on_view__who_was_slow_waits_before_it_joins_again(void **state)
{
	struct peal_fakenet *net = form(5);
	struct peal_node *victim = &net->nodes[3]->node;

	(void)state;
	for (uint64_t i = 0; i < 3; i++) {
		uint64_t pause_ms = UINT64_C(50) << i;

		evict(net, victim->view.epoch);
		assert_int_equal(victim->state, PEAL_NODE_KICKED);
		assert_int_equal(peal_fakenet_events(net, 3, PEAL_EVENT_WAITING), i + 1U);
		assert_int_equal(
			peal_counter_get(&victim->counters, PEAL_COUNTER_REJOINS_DELAYED), i + 1U);
		assert_int_equal(peal_node_deadline_at_ns(victim), victim->rejoin.until_ns);
		peal_fakenet_run(net, net->now_ns + (pause_ms - 2U) * MS);
		assert_int_equal(victim->state, PEAL_NODE_KICKED);
		assert_int_equal(net->nodes[0]->node.view.members_count, 4);
		peal_fakenet_run(net, net->now_ns + 3000 * MS);
		assert_true(peal_fakenet_agrees(net, 5));
	}
	/* What it said in another epoch is not why it is out. */
	evict(net, victim->view.epoch - 1U);
	assert_int_equal(victim->state, PEAL_NODE_JOINING);
	assert_int_equal(peal_fakenet_events(net, 3, PEAL_EVENT_WAITING), 3);
	peal_fakenet_destroy(net);
}

static void
test_on_view__who_waits_may_leave(void **state)
{
	struct peal_fakenet *net = form(5);
	struct peal_node *victim = &net->nodes[3]->node;

	(void)state;
	evict(net, victim->view.epoch);
	assert_int_equal(victim->state, PEAL_NODE_KICKED);
	peal_node_leave(victim, net->now_ns);
	assert_int_equal(victim->state, PEAL_NODE_LEFT);
	peal_fakenet_run(net, net->now_ns + 1000 * MS);
	assert_int_equal(victim->state, PEAL_NODE_LEFT);
	assert_int_equal(net->nodes[0]->node.view.members_count, 4);
	peal_fakenet_destroy(net);
}

static void
test_on_view__two_crashes_at_once_take_one_cut(void **state)
{
	struct peal_fakenet *net = form(7);
	uint64_t epoch = net->nodes[0]->node.view.epoch;

	(void)state;
	net->nodes[4]->is_alive = false;
	peal_fakenet_kill(net, 5);
	peal_fakenet_kill(net, 4);
	peal_fakenet_run(net, net->now_ns + 500 * MS);
	assert_true(peal_fakenet_agrees(net, 5));
	assert_int_equal(net->nodes[0]->node.view.epoch, epoch + 1U);
	peal_fakenet_destroy(net);
}

/* More than half gone at once: nobody may decide, and everybody says so. */
static void
test_on_view__a_lost_majority_decides_nothing(void **state)
{
	struct peal_fakenet *net = form(5);
	uint64_t epoch = net->nodes[0]->node.view.epoch;

	(void)state;
	net->nodes[2]->is_alive = net->nodes[3]->is_alive = false;
	peal_fakenet_kill(net, 4);
	peal_fakenet_kill(net, 3);
	peal_fakenet_kill(net, 2);
	peal_fakenet_run(net, net->now_ns + 5000 * MS);
	assert_int_equal(net->nodes[0]->node.view.epoch, epoch);
	assert_int_equal(net->nodes[1]->node.view.epoch, epoch);
	peal_fakenet_destroy(net);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_on_view__a_removed_node_learns_it_and_comes_back_as_another),
		cmocka_unit_test(test_on_view__without_rejoin_it_stays_out),
		cmocka_unit_test(test_on_view__who_was_slow_waits_before_it_joins_again),
		cmocka_unit_test(test_on_view__who_waits_may_leave),
		cmocka_unit_test(test_on_view__two_crashes_at_once_take_one_cut),
		cmocka_unit_test(test_on_view__a_lost_majority_decides_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
