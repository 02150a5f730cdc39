/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/fakecore.h"
#include "tests/lib/netscene.h"

#include <string.h>

static void
test_node__a_cold_start_forms_one_cluster(void **state)
{
	(void)state;
	for (uint32_t nodes_count = 1; nodes_count <= 12; nodes_count++) {
		peal_fakenet_destroy(form(nodes_count));
	}
}

static void
test_node__a_crash_takes_one_cut(void **state)
{
	struct peal_fakenet *net = form(5);
	uint64_t epoch = net->nodes[1]->node.view.epoch;

	(void)state;
	peal_fakenet_kill(net, 3);
	peal_fakenet_run(net, net->now_ns + 500 * MS);
	assert_true(peal_fakenet_agrees(net, 4));
	assert_int_equal(net->nodes[1]->node.view.epoch, epoch + 1U);
	assert_int_equal(peal_fakenet_events(net, 1, PEAL_EVENT_CRASHED), 1);
	assert_int_equal(peal_fakenet_events(net, 1, PEAL_EVENT_LEFT), 0);
	peal_fakenet_destroy(net);
}

static void
test_node__of_two_the_senior_goes_on(void **state)
{
	struct peal_fakenet *net = form(2);
	uint32_t senior = net->nodes[0]->node.self_rank == 0 ? 0 : 1;

	(void)state;
	peal_fakenet_kill(net, 1U - senior);
	peal_fakenet_run(net, net->now_ns + 1000 * MS);
	assert_true(peal_fakenet_agrees(net, 1));
	assert_true(net->nodes[senior]->node.has_quorum);
	peal_fakenet_destroy(net);
}

static void
test_node__of_two_the_junior_says_no_quorum(void **state)
{
	struct peal_fakenet *net = form(2);
	uint32_t senior = net->nodes[0]->node.self_rank == 0 ? 0 : 1;
	struct peal_node *junior = &net->nodes[1U - senior]->node;
	uint64_t epoch = junior->view.epoch;

	(void)state;
	peal_fakenet_kill(net, senior);
	peal_fakenet_run(net, net->now_ns + 5000 * MS);
	assert_int_equal(junior->view.epoch, epoch);
	assert_int_equal(junior->view.members_count, 2);
	assert_false(junior->has_quorum);
	assert_int_equal(peal_fakenet_events(net, 1U - senior, PEAL_EVENT_NO_QUORUM), 1);
	peal_fakenet_destroy(net);
}

static void
test_node__a_restart_on_the_same_address_takes_one_cut(void **state)
{
	struct peal_fakenet *net = form(5);
	uint64_t epoch = net->nodes[1]->node.view.epoch;
	struct peal_node_config config = peal_fakenet_config(net, 4, 3, 5);

	(void)state;
	peal_fakenet_start(net, 4, &config); /* nobody noticed that the old one was gone */
	peal_fakenet_run(net, net->now_ns + 3000 * MS);
	assert_true(peal_fakenet_agrees(net, 5));
	assert_int_equal(net->nodes[1]->node.view.epoch, epoch + 1U);
	assert_int_equal(peal_fakenet_events(net, 1, PEAL_EVENT_REPLACED), 1);
	peal_fakenet_destroy(net);
}

static bool
drop_decide(void *state, uint32_t from, uint32_t to, uint8_t message)
{
	(void)state;
	(void)from;
	return to == 2 && message >= 0x20;
}

static void
test_node__who_missed_cuts_is_brought_forward_one_by_one(void **state)
{
	struct peal_fakenet *net = form(7);
	struct peal_record behind = {.kind = PEAL_RECORD_BEHIND};
	struct peal_node *slow = &net->nodes[2]->node;

	(void)state;
	net->filter = drop_decide;
	peal_fakenet_kill(net, 5);
	peal_fakenet_run(net, net->now_ns + 500 * MS);
	peal_fakenet_kill(net, 6);
	peal_fakenet_run(net, net->now_ns + 500 * MS);
	assert_int_equal(slow->view.members_count, 7);
	net->filter = NULL;
	for (uint32_t i = 0; i < 2; i++) {
		struct peal_fakeplane *fake = &net->nodes[1]->fake;

		behind.mid = slow->self.mid;
		behind.epoch = slow->view.epoch;
		fake->up[(fake->up_head + fake->up_count++) % PEAL_PLANE_RECORDS_MAX] = behind;
		peal_fakenet_run(net, net->now_ns + 100 * MS);
	}
	assert_true(peal_fakenet_agrees(net, 5));
	peal_fakenet_destroy(net);
}

static void
test_node__other_parameters_are_refused(void **state)
{
	struct peal_fakenet *net = form(2);
	struct peal_fakenet *more = peal_fakenet_create(3, 2, 1, "dpdk");
	struct peal_node_config config = peal_fakenet_config(more, 2, 2, 1);
	struct peal_fakenode *third = more->nodes[2];
	struct peal_event events[8];
	uint32_t count;

	(void)state;
	config.rings_count = 16;
	net->nodes[2] = third;
	net->nodes_count = 3;
	peal_fakenet_start(net, 2, &config);
	peal_fakenet_run(net, net->now_ns + 2000 * MS);
	assert_int_equal(third->node.state, PEAL_NODE_REFUSED);
	/* K, and H and L that follow from it: each is told, with what the group has. */
	count = peal_eventlog_read(&third->node.events, 0, events, 8);
	assert_int_equal(count, 4);
	assert_int_equal(events[0].kind, PEAL_EVENT_STARTED);
	assert_int_equal(events[1].kind, PEAL_EVENT_REFUSED);
	assert_int_equal(events[1].parameter, PEAL_PARAMETER_RINGS);
	assert_int_equal(events[1].own, 16);
	assert_int_equal(events[1].value, 10);
	assert_int_equal(events[2].parameter, PEAL_PARAMETER_HIGH);
	assert_int_equal(events[3].parameter, PEAL_PARAMETER_LOW);
	assert_int_equal(net->nodes[0]->node.view.members_count, 2);
	net->nodes_count = 2;
	peal_fakenet_destroy(net);
	peal_fakenet_destroy(more);
}

/* A second shard of a node that is a member already; a test answers for it. */
struct second_shard {
	struct peal_plane plane;
	struct peal_fakering down;
	struct peal_fakering up;
};

static void
add_shard(struct peal_fakenode *fakenode, struct second_shard *second)
{
	struct peal_node *node = &fakenode->node;

	memset(second, 0, sizeof(*second));
	second->down.capacity = second->up.capacity = PEAL_PLANE_RECORDS_MAX;
	second->plane.down = peal_fakering_plane(&second->down);
	second->plane.up = peal_fakering_plane(&second->up);
	fakenode->fake.plane.next = &second->plane;
	node->shards_count = 2;
	node->views_done[1] = node->install.generation;
}

static void
answer_view(struct second_shard *second)
{
	struct peal_record record;

	while (second->plane.down.pop(second->plane.down.state, &record, 1) == 1) {
		const struct peal_record done = {
			.kind = PEAL_RECORD_VIEW_DONE, .shard = 1, .generation = record.generation};

		assert_int_equal(record.kind, PEAL_RECORD_VIEW);
		assert_ptr_not_equal(record.peers, NULL);
		assert_int_equal(second->plane.up.push(second->plane.up.state, &done, 1), 1);
	}
}

static void
test_node__a_table_is_free_when_every_shard_has_answered(void **state)
{
	struct peal_fakenet *net = form(5);
	struct peal_node *node = &net->nodes[1]->node;
	static struct second_shard second;
	uint32_t before;

	(void)state;
	add_shard(net->nodes[1], &second);
	before = node->install.acknowledged;
	peal_fakenet_kill(net, 3);
	peal_fakenet_run(net, net->now_ns + 500 * MS);
	assert_true(peal_fakenet_agrees(net, 4));
	assert_true(node->views_done[0] > before); /* the home shard has switched */
	assert_int_equal(node->install.acknowledged, before);
	answer_view(&second);
	peal_fakenet_run(net, net->now_ns + 500 * MS);
	assert_int_equal(node->install.acknowledged, node->install.generation);
	peal_fakenet_destroy(net);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_node__a_cold_start_forms_one_cluster),
		cmocka_unit_test(test_node__a_crash_takes_one_cut),
		cmocka_unit_test(test_node__of_two_the_senior_goes_on),
		cmocka_unit_test(test_node__of_two_the_junior_says_no_quorum),
		cmocka_unit_test(test_node__a_restart_on_the_same_address_takes_one_cut),
		cmocka_unit_test(test_node__who_missed_cuts_is_brought_forward_one_by_one),
		cmocka_unit_test(test_node__other_parameters_are_refused),
		cmocka_unit_test(test_node__a_table_is_free_when_every_shard_has_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
