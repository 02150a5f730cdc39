/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/netscene.h"
#include "wire/alert_msg.h"

static bool
drop_everything(void *state, uint32_t from, uint32_t to, uint8_t message)
{
	(void)state;
	(void)from;
	(void)to;
	(void)message;
	return true;
}

static void
test_on_tick__who_hears_nobody_has_no_quorum(void **state)
{
	struct peal_fakenet *net = form(5);
	struct peal_node *node = &net->nodes[2]->node;

	(void)state;
	net->filter = drop_everything;
	for (uint32_t i = 0; i < 5; i++) {
		net->nodes[i]->is_alive = i == 2;
	}
	peal_fakenet_run(net, net->now_ns + 500 * MS);
	assert_true(node->has_quorum); /* not before twenty intervals */
	peal_fakenet_run(net, net->now_ns + 1000 * MS);
	assert_false(node->has_quorum);
	assert_int_equal(peal_fakenet_events(net, 2, PEAL_EVENT_NO_QUORUM), 1);
	for (uint32_t i = 0; i < 5; i++) {
		net->nodes[i]->is_alive = true;
	}
	net->filter = NULL;
	peal_fakenet_run(net, net->now_ns + 1000 * MS);
	assert_true(node->has_quorum);
	assert_int_equal(peal_fakenet_events(net, 2, PEAL_EVENT_QUORUM), 1);
	peal_fakenet_destroy(net);
}

/* Reports stay for an epoch and say nothing about who can vote: who answers is there. */
static void
test_on_tick__who_is_accused_and_answers_counts(void **state)
{
	struct peal_fakenet *net = form(5);
	struct peal_node *node = &net->nodes[0]->node;
	uint64_t probe_ns = net->timing.probe_interval_ns;
	struct peal_bitset questioned;

	(void)state;
	net->filter = drop_everything;
	for (uint16_t rank = 0; rank < 5; rank++) {
		if (rank != node->self_rank) {
			peal_fakenet_report(net, 0, rank, 0x3F);
		}
	}
	peal_fakenet_run(net, net->now_ns + 50 * probe_ns);
	questioned = peal_bitset_union(&node->cut.stable, &node->cut.suspects);
	assert_true(peal_bitset_count(&questioned) >= 3); /* the rest is no quorum */
	assert_true(node->has_quorum);
	assert_int_equal(peal_fakenet_events(net, 0, PEAL_EVENT_NO_QUORUM), 0);
	/* Who is accused and silent is away, long before silence alone would say so. */
	for (uint32_t i = 1; i < 5; i++) {
		net->nodes[i]->is_alive = false;
	}
	peal_fakenet_run(net, net->now_ns + 10 * probe_ns);
	assert_false(node->has_quorum);
	peal_fakenet_destroy(net);
}

/* Who is stuck answers as well, and does not vote. */
static void
test_on_tick__who_answers_and_is_stuck_does_not_count(void **state)
{
	struct peal_fakenet *net = form(5);
	struct peal_node *node = &net->nodes[0]->node;

	(void)state;
	net->filter = drop_everything;
	for (uint16_t rank = 0; rank < 5; rank++) {
		struct peal_record alert = {.kind = PEAL_RECORD_ALERT,
			.rank = rank,
			.mask = 0x3F,
			.reason = rank % 2U == 0 ? PEAL_ALERT_STUCK : PEAL_ALERT_LAG,
			.epoch = node->view.epoch};
		struct peal_fakeplane *fake = &net->nodes[0]->fake;

		if (rank != node->self_rank) {
			fake->up[(fake->up_head + fake->up_count++) % PEAL_PLANE_RECORDS_MAX] =
				alert;
		}
	}
	peal_fakenet_run(net, net->now_ns + 10 * net->timing.probe_interval_ns);
	assert_false(node->has_quorum);
	peal_fakenet_destroy(net);
}

/* A cut that grew after the vote is offered to the classic rounds. */
static void
test_on_tick__a_cut_that_grows_is_proposed_again(void **state)
{
	struct peal_fakenet *net = form(7);
	struct peal_node *node = &net->nodes[0]->node;
	uint16_t first = node->self_rank == 1 ? 2 : 1;
	uint16_t second = node->self_rank == 4 ? 5 : 4;
	uint32_t before = peal_fakenet_events(net, 0, PEAL_EVENT_PROPOSED);

	(void)state;
	net->filter = drop_everything;
	peal_fakenet_report(net, 0, first, 0x3F);
	peal_fakenet_run(net, net->now_ns + 10 * MS);
	assert_int_equal(peal_fakenet_events(net, 0, PEAL_EVENT_PROPOSED), before + 1U);
	peal_fakenet_report(net, 0, second, 0x3F);
	peal_fakenet_run(net, net->now_ns + 10 * MS);
	assert_int_equal(peal_fakenet_events(net, 0, PEAL_EVENT_PROPOSED), before + 2U);
	peal_fakenet_destroy(net);
}

/* This node reported somebody who answers it again: after a while a new epoch forgets the report.
 */
static void
test_on_tick__stale_reports_end_with_a_new_epoch(void **state)
{
	struct peal_fakenet *net = form(5);
	struct peal_node *node = &net->nodes[0]->node;
	uint16_t rank = node->self_rank == 2 ? 3 : 2;
	uint64_t epoch = node->view.epoch;
	uint32_t mask = peal_rings_mask(&node->topology, node->self_rank, rank);

	(void)state;
	for (uint32_t i = 0; i < 5; i++) {
		peal_fakenet_report(net, i, rank, mask);
	}
	peal_fakenet_run(net, net->now_ns + 3 * net->timing.reinforce_ns);
	assert_int_equal(node->view.epoch, epoch);
	peal_fakenet_run(net, net->now_ns + 2 * net->timing.reinforce_ns);
	assert_int_equal(node->view.epoch, epoch + 1U);
	assert_true(peal_fakenet_agrees(net, 5));
	peal_fakenet_run(net, net->now_ns + 9 * net->timing.reinforce_ns);
	assert_int_equal(node->view.epoch, epoch + 1U);
	peal_fakenet_destroy(net);
}

/* An unstable subject that this node has not reported is echoed by it, but not before its time. */
static void
test_on_tick__an_unstable_subject_is_reinforced(void **state)
{
	struct peal_fakenet *net = form(5);
	struct peal_node *node = &net->nodes[0]->node;
	uint16_t rank = node->self_rank == 2 ? 3 : 2;
	uint32_t others = 0xF & ~peal_rings_mask(&node->topology, node->self_rank, rank);

	(void)state;
	peal_fakenet_report(net, 0, rank, others);
	peal_fakenet_run(net, net->now_ns + net->timing.reinforce_ns - 10 * MS);
	assert_int_equal(net->nodes[0]->fake.reports_count, 0);
	peal_fakenet_run(net, net->now_ns + 20 * MS);
	assert_int_equal(net->nodes[0]->fake.reports_count, 1);
	peal_fakenet_destroy(net);
}

/* Five of six restart. The one that stayed can never decide again; all six must meet in a new
 * group. */
static void
test_on_tick__a_survivor_without_quorum_joins_the_others(void **state)
{
	struct peal_fakenet *net = form(6);

	(void)state;
	for (uint32_t i = 1; i < 6; i++) {
		struct peal_node_config config = peal_fakenet_config(net, i, 3, 6);

		peal_fakenet_start(net, i, &config);
	}
	peal_fakenet_run(net, net->now_ns + 20000 * MS);
	assert_true(peal_fakenet_agrees(net, 6));
	assert_int_equal(peal_fakenet_events(net, 0, PEAL_EVENT_KICKED), 1);
	peal_fakenet_destroy(net);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_on_tick__who_hears_nobody_has_no_quorum),
		cmocka_unit_test(test_on_tick__who_is_accused_and_answers_counts),
		cmocka_unit_test(test_on_tick__who_answers_and_is_stuck_does_not_count),
		cmocka_unit_test(test_on_tick__a_cut_that_grows_is_proposed_again),
		cmocka_unit_test(test_on_tick__a_survivor_without_quorum_joins_the_others),
		cmocka_unit_test(test_on_tick__stale_reports_end_with_a_new_epoch),
		cmocka_unit_test(test_on_tick__an_unstable_subject_is_reinforced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
