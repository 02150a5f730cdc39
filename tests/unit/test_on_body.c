/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/prng.h"
#include "control/node_private.h"
#include "tests/lib/fakenet.h"
#include "wire/body_msg.h"
#include "wire/flood_msg.h"
#include "wire/messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)

struct weather {
	struct peal_prng prng;
	uint32_t lost_percent; /* of BODY */
	bool is_unannounced;   /* JOIN_BATCH is lost */
	uint32_t seen[UINT8_MAX + 1];
};

static bool
blow(void *state, uint32_t from, uint32_t to, uint8_t message)
{
	struct weather *weather = state;

	(void)from;
	(void)to;
	weather->seen[message]++;
	if (message == PEAL_MESSAGE_JOIN_BATCH) {
		return weather->is_unannounced;
	}
	return message == PEAL_MESSAGE_BODY &&
	       peal_prng_below(&weather->prng, 100) < weather->lost_percent;
}

/* `nodes_count` members of `all_count` nodes; the others sleep. */
static struct peal_fakenet *
form(uint32_t nodes_count, uint32_t all_count, struct weather *weather)
{
	struct peal_fakenet *net = peal_fakenet_create(all_count, 1, 1, "dpdk");

	peal_prng_init(&weather->prng, 9);
	net->filter = blow;
	net->filter_state = weather;
	net->has_heartbeat = true;
	for (uint32_t i = nodes_count; i < all_count; i++) {
		net->nodes[i]->is_alive = false;
	}
	assert_true(peal_fakenet_run_until_agreed(net, nodes_count, 20000 * MS));
	peal_fakenet_run(net, net->now_ns + 200 * MS);
	return net;
}

static void
test_on_body__a_large_batch_in_a_small_group(void **state)
{
	struct weather weather = {0};
	struct peal_fakenet *net = form(6, 46, &weather);
	uint64_t epoch = net->nodes[0]->node.view.epoch;

	(void)state;
	peal_fakenet_wake(net, 6);
	assert_true(peal_fakenet_run_until_agreed(net, 46, 200 * MS));
	assert_int_equal(net->nodes[0]->node.view.epoch, epoch + 1U);
	assert_true(weather.seen[PEAL_MESSAGE_BODY] >= 10);
	assert_int_equal(weather.seen[PEAL_MESSAGE_BODY_PULL], 0);
	peal_fakenet_destroy(net);
}

/* Frames overtake each other: chunks count before anything has named what they are of. */
static void
test_on_body__chunks_may_come_before_the_announcement(void **state)
{
	struct weather weather = {0};
	struct peal_fakenet *net = form(6, 46, &weather);
	uint64_t epoch = net->nodes[0]->node.view.epoch;

	(void)state;
	weather.is_unannounced = true; /* until the votes name it */
	peal_fakenet_wake(net, 6);
	assert_true(peal_fakenet_run_until_agreed(net, 46, 2000 * MS));
	assert_int_equal(net->nodes[0]->node.view.epoch, epoch + 1U);
	assert_true(weather.seen[PEAL_MESSAGE_JOIN_BATCH] > 0);
	assert_int_equal(weather.seen[PEAL_MESSAGE_BODY_PULL], 0);
	peal_fakenet_destroy(net);
}

/* Trees that lose most of what they carry: the rest is asked for. */
static void
test_on_body__lost_chunks_are_asked_for(void **state)
{
	struct weather weather = {0};
	struct peal_fakenet *net = form(66, 94, &weather);
	uint64_t epoch = net->nodes[0]->node.view.epoch;

	(void)state;
	weather.lost_percent = 70;
	peal_fakenet_wake(net, 66);
	assert_true(peal_fakenet_run_until_agreed(net, 94, 2000 * MS));
	assert_int_equal(net->nodes[0]->node.view.epoch, epoch + 1U);
	assert_true(weather.seen[PEAL_MESSAGE_BODY_PULL] > 10);
	peal_fakenet_destroy(net);
}

/* The trees carry next to nothing. */
static void
test_on_body__bodies_spread_by_asking_alone(void **state)
{
	struct weather weather = {0};
	struct peal_fakenet *net = form(66, 94, &weather);

	(void)state;
	weather.lost_percent = 82;
	peal_fakenet_wake(net, 66);
	assert_true(peal_fakenet_run_until_agreed(net, 94, 10000 * MS));
	peal_fakenet_destroy(net);
}

/* JOIN_BATCH of node `from` with the nodes `first` to `last` as joiners, at node `to`. */
static void
announce(struct peal_fakenet *net, uint32_t from, uint32_t to, uint32_t first, uint32_t last)
{
	const struct peal_node *sender = &net->nodes[from]->node;
	struct peal_member joiners[8];
	struct peal_batch_msg message = {.has_proposal = true};
	uint8_t body[PEAL_BODY_SIZE_MAX];
	struct peal_writer writer = peal_writer_init(body, sizeof(body));
	struct peal_flood_prefix prefix = {.view_tag = peal_view_tag(&sender->view),
		.origin = (uint32_t)sender->self.mid,
		.origin_seq = 500 + first};
	struct peal_record record = {.message = PEAL_MESSAGE_JOIN_BATCH,
		.mid = sender->self.mid,
		.epoch = sender->view.epoch};
	uint32_t count = 0;

	for (uint32_t i = first; i <= last; i++) {
		struct peal_member joiner = net->nodes[i]->node.self;
		uint32_t at = count++;

		while (at > 0 && peal_uuid_compare(joiners[at - 1U].uuid, joiner.uuid) > 0) {
			joiners[at] = joiners[at - 1U];
			at--;
		}
		joiners[at] = joiner;
	}
	message.proposal.parent_epoch = sender->view.epoch;
	message.proposal.parent_hash = sender->view.hash;
	message.proposal.additions_count = (uint16_t)count;
	message.proposal.additions = joiners;
	message.digest = peal_proposal_digest(&message.proposal);
	message.size = peal_proposal_size(&message.proposal);
	peal_flood_prefix_encode(&prefix, &writer);
	peal_batch_msg_encode(&message, &writer);
	record.body_size = (uint16_t)writer.offset;
	if (from != to) {
		peal_fakenet_inject(net, to, &record, body);
	}
}

/* Two sequencers at once: everybody takes the batch that adds more, whichever came first. */
static void
test_on_body__of_two_batches_the_larger_one_wins(void **state)
{
	struct weather weather = {0};
	struct peal_fakenet *net = form(5, 10, &weather);
	uint64_t epoch = net->nodes[0]->node.view.epoch;

	(void)state;
	for (uint32_t to = 2; to < 5; to++) {
		announce(net, 0, to, to % 2 == 0 ? 5 : 7, to % 2 == 0 ? 6 : 9);
		announce(net, 0, to, to % 2 == 0 ? 7 : 5, to % 2 == 0 ? 9 : 6);
	}
	announce(net, 2, 0, 7, 9);
	announce(net, 2, 1, 7, 9);
	peal_fakenet_run(net, net->now_ns + 50 * MS);
	assert_int_equal(net->nodes[0]->node.view.epoch, epoch + 1U);
	assert_int_equal(net->nodes[0]->node.view.members_count, 8);
	peal_fakenet_wake(net, 5);
	assert_true(peal_fakenet_run_until_agreed(net, 10, 5000 * MS));
	peal_fakenet_destroy(net);
}

/* Each half knows another batch: agreement takes one of them, and the others come later. */
static void
test_on_body__two_batches_in_two_halves_end_in_one(void **state)
{
	struct weather weather = {0};
	struct peal_fakenet *net = form(6, 12, &weather);

	(void)state;
	peal_fakenet_wake(net, 6);
	for (uint32_t to = 0; to < 6; to++) {
		announce(net, to == 0 ? 1 : 0, to, to < 3 ? 6 : 9, to < 3 ? 8 : 11);
	}
	assert_true(peal_fakenet_run_until_agreed(net, 12, 5000 * MS));
	peal_fakenet_destroy(net);
}

/* A pull from the member at rank `from` of what node 0 has. */
static void
pull(struct peal_fakenet *net, uint16_t from, struct peal_hash128 digest)
{
	const struct peal_node *node = &net->nodes[0]->node;
	struct peal_pull_msg message = {.digest = digest};
	uint8_t body[PEAL_BODY_SIZE_MAX];
	struct peal_writer writer = peal_writer_init(body, sizeof(body));
	struct peal_flood_prefix prefix = {.view_tag = peal_view_tag(&node->view),
		.origin = (uint32_t)node->view.members[from].mid};
	struct peal_record record = {.message = PEAL_MESSAGE_BODY_PULL,
		.mid = node->view.members[from].mid,
		.epoch = node->view.epoch};

	peal_flood_prefix_encode(&prefix, &writer);
	peal_pull_msg_encode(&message, &writer);
	record.body_size = (uint16_t)writer.offset;
	peal_fakenet_inject(net, 0, &record, body);
	(void)peal_node_step(&net->nodes[0]->node, net->now_ns);
}

/* So many at once are answered, and nobody twice at once; the rest asks again. */
static void
test_on_body__answers_are_bounded_and_counted(void **state)
{
	struct weather weather = {0};
	struct peal_fakenet *net = form(40, 40, &weather);
	struct peal_node *node = &net->nodes[0]->node;
	const struct peal_body *snapshot = peal_node_snapshot(node);
	uint64_t before = peal_counter_get(&node->counters, PEAL_COUNTER_PULLS_UNANSWERED);
	struct peal_hash128 unknown = {.low = 1, .high = 1};

	(void)state;
	pull(net, 1, unknown);
	assert_int_equal(
		peal_counter_get(&node->counters, PEAL_COUNTER_PULLS_UNANSWERED), before + 1U);
	for (uint16_t rank = 1; rank < 40; rank++) {
		if (rank != node->self_rank) {
			pull(net, rank, snapshot->digest);
			pull(net, rank, snapshot->digest);
		}
	}
	assert_int_equal(node->streampool.count, PEAL_NODE_PULLS_MAX);
	assert_true(peal_counter_get(&node->counters, PEAL_COUNTER_PULLS_UNANSWERED) >
		    before + PEAL_NODE_PULLS_MAX);
	peal_fakenet_run(net, net->now_ns + 50 * MS);
	assert_int_equal(node->streampool.count, 0);
	peal_fakenet_destroy(net);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_on_body__a_large_batch_in_a_small_group),
		cmocka_unit_test(test_on_body__chunks_may_come_before_the_announcement),
		cmocka_unit_test(test_on_body__lost_chunks_are_asked_for),
		cmocka_unit_test(test_on_body__bodies_spread_by_asking_alone),
		cmocka_unit_test(test_on_body__of_two_batches_the_larger_one_wins),
		cmocka_unit_test(test_on_body__two_batches_in_two_halves_end_in_one),
		cmocka_unit_test(test_on_body__answers_are_bounded_and_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
