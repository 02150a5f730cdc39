/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/node_private.h"
#include "membership/trees.h"
#include "tests/lib/fakenet.h"
#include "wire/flood_msg.h"
#include "wire/messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MS          UINT64_C(1000000)
#define NODES_COUNT 70U

static bool
count_promises(void *state, uint32_t from, uint32_t to, uint8_t message)
{
	*(uint32_t *)state += from != to && message == PEAL_MESSAGE_VOTE_UP ? 1U : 0U;
	return false;
}

static struct peal_fakenet *
form(void)
{
	struct peal_fakenet *net = peal_fakenet_create(NODES_COUNT, 3, 1, "dpdk");

	net->has_heartbeat = true;
	assert_true(peal_fakenet_run_until_agreed(net, NODES_COUNT, 30000 * MS));
	peal_fakenet_run(net, net->now_ns + 100 * MS);
	return net;
}

static void
test_on_vote__a_crash_in_a_large_group_takes_one_cut(void **state)
{
	struct peal_fakenet *net = form();
	uint64_t epoch = net->nodes[0]->node.view.epoch;

	(void)state;
	peal_fakenet_kill(net, 30);
	assert_true(peal_fakenet_run_until_agreed(net, NODES_COUNT - 1U, 500 * MS));
	assert_int_equal(net->nodes[0]->node.view.epoch, epoch + 1U);
	assert_int_equal(peal_fakenet_count(net, PEAL_COUNTER_BALLOTS_STARTED), 0);
	peal_fakenet_destroy(net);
}

static void
test_on_vote__a_leave_from_a_large_group_takes_one_cut(void **state)
{
	struct peal_fakenet *net = form();
	uint64_t epoch = net->nodes[0]->node.view.epoch;

	(void)state;
	peal_node_leave(&net->nodes[20]->node, net->now_ns);
	peal_fakenet_run(net, net->now_ns + 300 * MS);
	assert_int_equal(net->nodes[20]->node.state, PEAL_NODE_LEFT);
	net->nodes[20]->is_alive = false;
	assert_true(peal_fakenet_run_until_agreed(net, NODES_COUNT - 1U, 500 * MS));
	assert_int_equal(net->nodes[0]->node.view.epoch, epoch + 1U);
	peal_fakenet_destroy(net);
}

/* Half of the members know of one crash more: no fast quorum, so promises and a classic round. */
static void
test_on_vote__two_halves_meet_in_a_classic_round(void **state)
{
	struct peal_fakenet *net = form();
	uint64_t epoch = net->nodes[0]->node.view.epoch;
	uint16_t second = net->nodes[31]->node.self_rank;
	uint32_t flooded_count = 0;

	(void)state;
	net->nodes[31]->is_alive = false;
	peal_fakenet_kill(net, 30);
	for (uint32_t i = 0; i < NODES_COUNT; i += 2) {
		if (net->nodes[i]->is_alive) {
			peal_fakenet_report(net, i, second, 0x3FF);
		}
	}
	net->filter = count_promises;
	net->filter_state = &flooded_count;
	peal_fakenet_run(net, net->now_ns + 1000 * MS);
	assert_int_equal(net->nodes[0]->node.view.epoch, epoch + 1U);
	assert_true(peal_fakenet_agrees(net, NODES_COUNT - 1U) ||
		    peal_fakenet_agrees(net, NODES_COUNT - 2U));
	assert_true(peal_fakenet_count(net, PEAL_COUNTER_BALLOTS_STARTED) > 0);
	assert_true(peal_fakenet_count(net, PEAL_COUNTER_DECISIONS_CLASSIC) > 0);
	/* A root told everybody at least once. */
	assert_true(flooded_count >= NODES_COUNT - 2U);
	peal_fakenet_destroy(net);
}

/* The sequencer hears that the members of the last cut are there before it takes more. */
static void
test_on_vote__installs_are_counted(void **state)
{
	struct peal_fakenet *net = form();
	const struct peal_node *node = &net->nodes[0]->node;

	(void)state;
	assert_true(peal_node_are_additions_here(node));
	assert_true(peal_bitset_count(&node->installed) * 10U >= node->view.members_count * 9U);
	peal_fakenet_destroy(net);
}

/* Votes of places that the view does not have, and frames of liars. */
static void
test_on_vote__bits_of_nobody_are_refused(void **state)
{
	struct peal_fakenet *net = form();
	struct peal_node *node = &net->nodes[0]->node;
	uint64_t before = peal_counter_get(&node->counters, PEAL_COUNTER_MESSAGES_REFUSED);
	uint8_t bitmap[PEAL_VOTE_PLACES_MAX / 8U] = {1};
	struct peal_vote_msg message = {.key = {.kind = PEAL_VOTE_FAST,
						.ballot = PEAL_BALLOT_FAST,
						.digest = {.low = 1, .high = 1}},
		.first = 0,
		.count = NODES_COUNT + 2U,
		.bitmap = bitmap};
	uint8_t body[PEAL_BODY_SIZE_MAX];
	struct peal_writer writer = peal_writer_init(body, sizeof(body));
	struct peal_flood_prefix prefix = {.view_tag = peal_view_tag(&node->view),
		.origin = (uint32_t)node->view.members[node->self_rank == 0 ? 1 : 0].mid,
		.origin_seq = 1000};
	struct peal_record record = {
		.message = PEAL_MESSAGE_VOTE_UP, .mid = prefix.origin, .epoch = node->view.epoch};

	(void)state;
	peal_flood_prefix_encode(&prefix, &writer);
	peal_vote_msg_encode(&message, &writer);
	record.body_size = (uint16_t)writer.offset;
	peal_fakenet_inject(net, 0, &record, body);
	(void)peal_node_step(node, net->now_ns);
	assert_int_equal(
		peal_counter_get(&node->counters, PEAL_COUNTER_MESSAGES_REFUSED), before + 1U);
	assert_false(peal_consensus_is_busy(&node->consensus));
	peal_fakenet_destroy(net);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_on_vote__a_crash_in_a_large_group_takes_one_cut),
		cmocka_unit_test(test_on_vote__a_leave_from_a_large_group_takes_one_cut),
		cmocka_unit_test(test_on_vote__two_halves_meet_in_a_classic_round),
		cmocka_unit_test(test_on_vote__installs_are_counted),
		cmocka_unit_test(test_on_vote__bits_of_nobody_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
