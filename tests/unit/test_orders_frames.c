/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/ordersscene.h"
#include "wire/messages.h"
#include "wire/order_msg.h"

/* A tick of rank `rank` of a group in view 1, from node `from` to node 0. */
static void
inject_tick(uint32_t from, uint32_t group, uint32_t configuration, uint8_t rank)
{
	struct peal_order_msg message = {.kind = PEAL_ORDER_TICK,
		.head = {.group = group,
			.configuration = configuration,
			.view = 1,
			.rank = rank,
			.rows_count = 3}};
	struct peal_header header = peal_fakecores_header(cores, from, 0, PEAL_MESSAGE_ORDER_TICK);
	uint8_t body[PEAL_ORDER_FORM_SIZE_MAX];

	peal_fakecores_inject(cores, from, 0, &header, body, peal_order_msg_encode(&message, body));
	peal_fakecores_turn(cores, 0);
}

static void
test_orders_frames__what_is_not_for_a_rank_here_is_refused_by_name(void **state)
{
	uint32_t configuration = nodes[0].orders.groups[0].abcast.config.configuration;

	(void)state;
	inject_tick(1, GROUP + 1U, configuration, 1);
	assert_int_equal(counter(0, PEAL_COUNTER_ORDER_REFUSED_GROUP), 1);
	inject_tick(1, GROUP, configuration + 1U, 1);
	assert_int_equal(counter(0, PEAL_COUNTER_ORDER_REFUSED_CONFIGURATION), 1);
	inject_tick(1, GROUP, configuration, 2);
	assert_int_equal(counter(0, PEAL_COUNTER_ORDER_REFUSED_RANK), 1);
	inject_tick(3, GROUP, configuration, 1);
	assert_int_equal(counter(0, PEAL_COUNTER_ORDER_REFUSED_RANK), 2);
	inject_tick(3, GROUP, configuration, 200);
	assert_int_equal(counter(0, PEAL_COUNTER_REFUSED_BODY), 1);
	/* Of a group of the view in which this node has no rank. */
	nodes[0].orders.groups[0].is_used = false;
	inject_tick(1, GROUP, configuration, 1);
	assert_int_equal(counter(0, PEAL_COUNTER_ORDER_REFUSED_HERE), 1);
	nodes[0].orders.groups[0].is_used = true;
}

static void
test_orders_frames__a_body_too_short_to_name_a_group_is_refused(void **state)
{
	static const uint8_t body[PEAL_ORDER_HEAD_SIZE - 1U];
	struct peal_header header = peal_fakecores_header(cores, 1, 0, PEAL_MESSAGE_ORDER_JOIN);

	(void)state;
	peal_fakecores_inject(cores, 1, 0, &header, body, sizeof(body));
	peal_fakecores_turn(cores, 0);
	assert_int_equal(counter(0, PEAL_COUNTER_REFUSED_BODY), 1);
}

static void
test_orders_frames__a_core_without_order_groups_refuses_them(void **state)
{
	(void)state;
	cores->nodes[0]->core.config.orders = NULL;
	inject_tick(1, GROUP, 1, 1);
	assert_int_equal(counter(0, PEAL_COUNTER_ORDER_REFUSED_GROUP), 1);
}

static void
test_orders_frames__what_all_have_is_given_back(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 100; i++) {
		assert_int_equal(say(i % 3U, "a"), PEAL_ORDERS_OK);
		orders_turn(10);
	}
	orders_turn(1000);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(nodes[i].delivered_count, 100);
		assert_int_equal(nodes[i].orders.pool.used_count, 0);
	}
}

static void
test_orders_frames__what_a_silent_rank_lacks_is_kept_and_then_sent(void **state)
{
	(void)state;
	cores->nodes[2]->is_running = false;
	for (uint32_t i = 0; i < 50; i++) {
		assert_int_equal(say(0, "a"), PEAL_ORDERS_OK);
		orders_turn(20);
	}
	assert_true(nodes[1].orders.pool.used_count > 0);
	cores->nodes[2]->is_running = true;
	orders_turn(4000);
	assert_int_equal(
		nodes[2].delivered_count + (uint32_t)(nodes[2].skips_count > 0 ? 50 : 0), 50);
	assert_int_equal(nodes[1].orders.pool.used_count, 0);
}

static void
test_orders_frames__without_a_packet_frames_are_counted_and_come_later(void **state)
{
	struct peal_txqueue *txqueue = &cores->nodes[0]->core.egress.txqueue;

	(void)state;
	assert_int_equal(say(0, "a"), PEAL_ORDERS_OK);
	cores->wire->ports[0].allocate_max = 0;
	txqueue->port.ops->release(
		txqueue->port.state, txqueue->port.queue, txqueue->stash, txqueue->stash_count);
	txqueue->stash_count = 0;
	cores->now_ns += TURN_NS;
	peal_fakecores_turn(cores, 0);
	assert_true(counter(0, PEAL_COUNTER_ORDER_FRAMES_HELD_BACK) > 0);
	cores->wire->ports[0].allocate_max = UINT32_MAX;
	orders_turn(1000);
	assert_string_equal(nodes[1].text, "1a ");
}

static void
test_orders_frames__who_seeks_the_ranks_sends_whole_bodies(void **state)
{
	struct peal_orders_group *group = &nodes[0].orders.groups[0];
	const struct peal_abcast_user *user = &group->abcast.config.user;
	const uint8_t form[PEAL_ORDER_HEAD_SIZE] = {0};
	const uint8_t rest[] = "rest";
	struct peal_txqueue *txqueue = &cores->nodes[0]->core.egress.txqueue;
	uint64_t bytes_count, single, both;

	(void)state;
	peal_txqueue_flush(txqueue);
	bytes_count = counter(0, PEAL_COUNTER_TX_BYTES);
	user->transmit(user->state, 1, PEAL_ORDER_DATA, form, sizeof(form), rest, sizeof(rest));
	peal_txqueue_flush(txqueue);
	single = counter(0, PEAL_COUNTER_TX_BYTES) - bytes_count;
	/* To who held the rank, and to one more. */
	group->abcast.state = PEAL_ABCAST_OUT;
	user->transmit(user->state, 1, PEAL_ORDER_DATA, form, sizeof(form), rest, sizeof(rest));
	peal_txqueue_flush(txqueue);
	both = counter(0, PEAL_COUNTER_TX_BYTES) - bytes_count - single;
	group->abcast.state = PEAL_ABCAST_RUNNING;
	assert_true(single > 0 && both == 2U * single);
}

static void
ignore(void *state, uint16_t slot)
{
	(void)state;
	(void)slot;
}

static void
test_orders_frames__frames_to_a_rank_are_as_large_as_its_path(void **state)
{
	static struct peal_pathmtu paths;
	struct peal_egress *egress = &cores->nodes[0]->core.egress;
	const struct peal_pathmtu_config config = {.egress = egress,
		.counters = &cores->nodes[0]->core.counters,
		.changed = ignore,
		.buffer_size = PEAL_LARGE_BODY_SIZE_MAX};
	struct peal_orders_group *group = &nodes[0].orders.groups[0];
	const struct peal_abcast_user *user = &group->abcast.config.user;
	uint16_t slot = peal_peers_find(nodes[0].orders.peers, 2);

	(void)state;
	peal_pathmtu_init(&paths, &config);
	egress->body_size_max = PEAL_LARGE_BODY_SIZE_MAX;
	peal_pathmtu_switch(&paths, nodes[0].orders.peers);
	nodes[0].orders.config.paths = &paths;
	orders_turn(1);
	/* Ways to both ranks are found out, and nothing is known yet. */
	assert_true(paths.peers[slot].is_wanted);
	assert_int_equal(group->abcast.rooms[1], PEAL_BODY_SIZE_MAX);
	assert_int_equal(group->abcast.burst, PEAL_ORDER_BURST);
	paths.peers[slot].rung = 2;
	paths.peers[slot].is_trying = false;
	orders_turn(1);
	assert_int_equal(group->abcast.rooms[1], PEAL_LARGE_BODY_SIZE_MAX);
	assert_int_equal(group->abcast.rooms[2], PEAL_BODY_SIZE_MAX);
	user->doubt(user->state, 1);
	assert_true(paths.peers[slot].is_trying);
	/* Whoever is not there is sent nothing, however large. */
	orders_install(0x5);
	orders_turn(1);
	assert_int_equal(group->abcast.rooms[1], PEAL_BODY_SIZE_MAX);
	nodes[0].orders.config.paths = NULL;
	user->doubt(user->state, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_orders_frames__what_is_not_for_a_rank_here_is_refused_by_name,
			begin_founded, finish),
		cmocka_unit_test_setup_teardown(
			test_orders_frames__a_body_too_short_to_name_a_group_is_refused,
			begin_founded, finish),
		cmocka_unit_test_setup_teardown(
			test_orders_frames__a_core_without_order_groups_refuses_them, begin,
			finish),
		cmocka_unit_test_setup_teardown(
			test_orders_frames__what_all_have_is_given_back, begin_founded, finish),
		cmocka_unit_test_setup_teardown(
			test_orders_frames__what_a_silent_rank_lacks_is_kept_and_then_sent,
			begin_founded, finish),
		cmocka_unit_test_setup_teardown(
			test_orders_frames__without_a_packet_frames_are_counted_and_come_later,
			begin_founded, finish),
		cmocka_unit_test_setup_teardown(
			test_orders_frames__who_seeks_the_ranks_sends_whole_bodies, begin_founded,
			finish),
		cmocka_unit_test_setup_teardown(
			test_orders_frames__frames_to_a_rank_are_as_large_as_its_path,
			begin_founded, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
