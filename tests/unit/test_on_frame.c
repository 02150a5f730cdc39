/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/prng.h"
#include "tests/lib/netscene.h"
#include "wire/flood_msg.h"
#include "wire/messages.h"

#include <string.h>

static void
inject(struct peal_fakenet *net, uint32_t to, uint8_t message, uint64_t mid, uint64_t epoch,
	const uint8_t *body, uint16_t size)
{
	struct peal_fakeplane *fake = &net->nodes[to]->fake;
	struct peal_record record = {.kind = PEAL_RECORD_FRAME,
		.message = message,
		.body_size = size,
		.buffer = fake->up_free[--fake->up_free_count],
		.slot = PEAL_SLOT_NONE,
		.mid = mid,
		.epoch = epoch,
		.address = {.ipv4 = 0x0A000009, .port = 7400, .mac = {2, 0, 0, 0, 0, 9}}};

	memcpy(fake->up_buffers[record.buffer], body, size);
	fake->up[(fake->up_head + fake->up_count++) % PEAL_PLANE_RECORDS_MAX] = record;
}

/* Every kind with random bodies, as a member that holds the key but lies: nothing may change. */
static void
test_on_frame__lies_are_counted_and_change_nothing(void **state)
{
	struct peal_fakenet *net = form(3);
	struct peal_node *node = &net->nodes[0]->node;
	struct peal_hash128 hash = node->view.hash;
	struct peal_prng prng;
	uint64_t other = node->view.members[node->self_rank == 0 ? 1 : 0].mid;

	(void)state;
	peal_prng_init(&prng, 11);
	for (uint32_t i = 0; i < 20000; i++) {
		static const uint8_t kinds[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x20, 0x21,
			0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, 0x29, 0x30, 0x31, 0x32, 0x33,
			0x34, 0x35};
		uint8_t message = kinds[peal_prng_below(&prng, sizeof(kinds))];
		uint8_t body[PEAL_BODY_SIZE_MAX];
		uint16_t size = (uint16_t)peal_prng_below(&prng, 200);
		struct peal_writer writer = peal_writer_init(body, sizeof(body));
		struct peal_flood_prefix prefix = {.view_tag = peal_view_tag(&node->view),
			.origin = (uint32_t)other,
			.origin_seq = i};

		for (uint32_t at = 0; at < size; at++) {
			body[at] =
				peal_prng_ratio(&prng, 1, 2) ? 0 : (uint8_t)peal_prng_next(&prng);
		}
		if (message >= 0x20 && size >= PEAL_FLOOD_PREFIX_SIZE) {
			peal_flood_prefix_encode(&prefix, &writer);
		}
		inject(net, 0, message, message < 0x10 ? 0 : other, node->view.epoch, body, size);
		(void)peal_node_step(node, net->now_ns);
		net->nodes[0]->fake.down_count = 0;
		net->nodes[0]->fake.up_free_count = PEAL_PLANE_BUFFERS_MAX;
	}
	peal_node_check(node);
	assert_true(peal_hash128_equals(hash, node->view.hash));
	assert_true(peal_counter_get(&node->counters, PEAL_COUNTER_MESSAGES_REFUSED) > 10000);
	assert_int_equal(node->state, PEAL_NODE_MEMBER);
	peal_fakenet_destroy(net);
}

static void
test_on_frame__who_is_not_a_member_has_no_vote(void **state)
{
	struct peal_fakenet *net = form(3);
	struct peal_node *node = &net->nodes[0]->node;
	uint8_t body[64] = {0};
	struct peal_writer writer = peal_writer_init(body, sizeof(body));
	struct peal_flood_prefix prefix = {
		.view_tag = peal_view_tag(&node->view), .origin = 77, .origin_seq = 1};

	(void)state;
	peal_flood_prefix_encode(&prefix, &writer);
	inject(net, 0, PEAL_MESSAGE_P1A, 77, node->view.epoch, body, 64);
	(void)peal_node_step(node, net->now_ns);
	assert_false(peal_consensus_is_busy(&node->consensus));
	peal_fakenet_destroy(net);
}

/* The senior of two crashed and comes back: its new incarnation proves that the old view is dead.
 */
static void
test_on_frame__a_dead_view_is_left(void **state)
{
	struct peal_fakenet *net = peal_fakenet_create(2, 2, 2, "dpdk");
	struct peal_node_config config;
	uint32_t senior = 0;

	(void)state;
	peal_fakenet_run(net, net->now_ns + 5000 * MS);
	assert_true(peal_fakenet_agrees(net, 2));
	senior = net->nodes[0]->node.self_rank == 0 ? 0 : 1;
	peal_fakenet_kill(net, senior);
	peal_fakenet_run(net, net->now_ns + 3000 * MS);
	config = peal_fakenet_config(net, senior, 2, 2);
	peal_fakenet_start(net, senior, &config);
	peal_fakenet_run(net, net->now_ns + 3000 * MS);
	assert_true(peal_fakenet_agrees(net, 2));
	assert_int_equal(peal_fakenet_events(net, 1U - senior, PEAL_EVENT_KICKED), 1);
	peal_fakenet_destroy(net);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_on_frame__lies_are_counted_and_change_nothing),
		cmocka_unit_test(test_on_frame__a_dead_view_is_left),
		cmocka_unit_test(test_on_frame__who_is_not_a_member_has_no_vote),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
