/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/prng.h"
#include "tests/lib/fakenet.h"
#include "wire/messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)

/* What is lost, and what was seen. */
struct weather {
	struct peal_prng prng;
	uint32_t lost_percent; /* of `message` */
	uint8_t message;       /* 0 = of all */
	uint32_t first_mute;   /* nodes from here on do not answer JOIN_PROBE */
	uint32_t seen[UINT8_MAX + 1];
	uint32_t batch_from; /* who sent the last JOIN_BATCH */
	/* INSTALL frames by who sent them; those of one that is no seed are lost after so many. */
	uint32_t installs[PEAL_FAKENET_NODES_MAX];
	uint32_t installs_max; /* 0 = none are lost */
};

static bool
blow(void *state, uint32_t from, uint32_t to, uint8_t message)
{
	struct weather *weather = state;

	(void)to;
	weather->seen[message]++;
	if (message == PEAL_MESSAGE_JOIN_BATCH) {
		weather->batch_from = from;
	}
	if (message == PEAL_MESSAGE_JOIN_READY && from >= weather->first_mute) {
		return true;
	}
	if (message == PEAL_MESSAGE_INSTALL && weather->installs[from]++ >= weather->installs_max &&
		weather->installs_max > 0 && from > 0) {
		return true;
	}
	return (weather->message == 0 || weather->message == message) &&
	       peal_prng_below(&weather->prng, 100) < weather->lost_percent;
}

static struct peal_fakenet *
make(uint32_t nodes_count, uint8_t seeds_count, uint8_t expect, struct weather *weather)
{
	struct peal_fakenet *net = peal_fakenet_create(nodes_count, seeds_count, expect, "dpdk");

	peal_prng_init(&weather->prng, 5);
	weather->first_mute = UINT32_MAX;
	weather->batch_from = UINT32_MAX;
	net->filter = blow;
	net->filter_state = weather;
	return net;
}

/* Sixty-four nodes ask one that is alone: one cut, and a large group. */
static void
test_on_join__sixty_four_join_one_in_one_cut(void **state)
{
	struct weather weather = {0};
	struct peal_fakenet *net = make(65, 1, 1, &weather);

	(void)state;
	assert_true(peal_fakenet_run_until_agreed(net, 65, 200 * MS));
	assert_int_equal(net->nodes[0]->node.view.epoch, 2);
	assert_true(net->nodes[0]->node.is_large);
	assert_int_equal(weather.seen[PEAL_MESSAGE_JOIN_PROBE], 64);
	assert_int_equal(weather.seen[PEAL_MESSAGE_INSTALL_PULL], 0);
	/* Each was told of each other: no more than a cut may tell. */
	assert_int_equal(peal_fakenet_events(net, 0, PEAL_EVENT_JOINED), 65);
	assert_int_equal(peal_fakenet_events(net, 64, PEAL_EVENT_JOINED), 0);
	peal_fakenet_destroy(net);
}

/* Two of five parts of everything are lost. Nobody depends on any one frame. */
static void
test_on_join__loss_costs_time_only(void **state)
{
	struct weather weather = {.lost_percent = 40};
	/* One seed: two that expect nobody may found two groups when they do not hear each other.
	 */
	struct peal_fakenet *net = make(70, 1, 1, &weather);

	(void)state;
	net->has_heartbeat = true;
	assert_true(peal_fakenet_run_until_agreed(net, 70, 60000 * MS));
	peal_fakenet_destroy(net);
}

/* The view in parts, half of which are lost: what is missing is asked for. */
static void
test_on_join__missing_parts_of_the_view_are_pulled(void **state)
{
	struct weather weather = {.lost_percent = 50, .message = PEAL_MESSAGE_INSTALL};
	struct peal_fakenet *net = make(80, 1, 1, &weather);

	(void)state;
	net->has_heartbeat = true;
	assert_true(peal_fakenet_run_until_agreed(net, 80, 5000 * MS));
	assert_true(weather.seen[PEAL_MESSAGE_INSTALL_PULL] > 20);
	peal_fakenet_destroy(net);
}

/* Joiners that asked and died are not admitted; they do not even delay the others much. */
static void
test_on_join__ghosts_are_left_out(void **state)
{
	struct weather weather = {0};
	struct peal_fakenet *net = make(30, 1, 1, &weather);

	(void)state;
	weather.first_mute = 20;
	peal_fakenet_run(net, net->now_ns + 100 * MS);
	for (uint32_t i = 0; i < 20; i++) {
		assert_int_equal(net->nodes[i]->node.view.members_count, 20);
		assert_int_equal(net->nodes[i]->node.view.epoch, 2);
	}
	assert_true(peal_fakenet_count(net, PEAL_COUNTER_JOINERS_MUTE) >= 10);
	weather.first_mute = UINT32_MAX;
	assert_true(peal_fakenet_run_until_agreed(net, 30, 2000 * MS));
	assert_int_equal(net->nodes[0]->node.view.epoch, 3);
	peal_fakenet_destroy(net);
}

/* The sequencer dies when its batch is out: the rest admits the joiners all the same, or the next
 * one does. */
static void
test_on_join__a_sequencer_that_dies_is_replaced(void **state)
{
	struct weather weather = {0};
	struct peal_fakenet *net = make(40, 3, 5, &weather);
	uint32_t dead = 0;

	(void)state;
	for (uint32_t i = 5; i < 40; i++) {
		net->nodes[i]->is_alive = false;
	}
	assert_true(peal_fakenet_run_until_agreed(net, 5, 5000 * MS));
	weather.batch_from = UINT32_MAX;
	for (uint32_t i = 5; i < 40; i++) {
		net->nodes[i]->is_alive = true;
	}
	while (weather.batch_from == UINT32_MAX) {
		peal_fakenet_run(net, net->now_ns + 1000);
	}
	dead = weather.batch_from;
	peal_fakenet_kill(net, dead);
	assert_true(peal_fakenet_run_until_agreed(net, 39, 10000 * MS));
	assert_false(net->nodes[dead]->is_alive);
	peal_fakenet_destroy(net);
}

/* Five members, thirty-five joiners at once, and the introducers cannot reach the sequencer. */
static void
test_on_join__an_alternate_does_it_when_the_sequencer_is_deaf(void **state)
{
	struct weather weather = {0};
	struct peal_fakenet *net = make(40, 3, 5, &weather);

	(void)state;
	for (uint32_t i = 5; i < 40; i++) {
		net->nodes[i]->is_alive = false;
	}
	assert_true(peal_fakenet_run_until_agreed(net, 5, 5000 * MS));
	weather.message = PEAL_MESSAGE_JOIN_FORWARD;
	weather.lost_percent = 80;
	for (uint32_t i = 5; i < 40; i++) {
		net->nodes[i]->is_alive = true;
	}
	assert_true(peal_fakenet_run_until_agreed(net, 40, 5000 * MS));
	peal_fakenet_destroy(net);
}

/* Eighty members, and the one that makes them eighty-one begins to ask. */
static struct peal_fakenet *
make_eighty(struct weather *weather)
{
	struct peal_fakenet *net = make(81, 1, 1, weather);

	net->nodes[80]->is_alive = false;
	assert_true(peal_fakenet_run_until_agreed(net, 80, 200 * MS));
	peal_fakenet_run(net, net->now_ns + 100 * MS);
	memset(weather->seen, 0, sizeof(weather->seen));
	memset(weather->installs, 0, sizeof(weather->installs));
	net->nodes[80]->is_alive = true;
	return net;
}

/* The view comes from one member; the introducer adds no more than its first part. */
static void
test_on_join__a_large_view_comes_once(void **state)
{
	struct weather weather = {0};
	struct peal_fakenet *net = make_eighty(&weather);
	uint32_t parts_count = 0;
	uint32_t senders_count = 0;

	(void)state;
	assert_true(peal_fakenet_run_until_agreed(net, 81, 200 * MS));
	parts_count = peal_body_chunks_count(net->nodes[80]->node.snapshot->size);
	assert_int_equal(parts_count, 4);
	assert_int_equal(weather.seen[PEAL_MESSAGE_INSTALL], parts_count + 1U);
	assert_int_equal(weather.installs[0], 1);
	for (uint32_t i = 1; i < 80; i++) {
		senders_count += weather.installs[i] > 0 ? 1U : 0U;
	}
	assert_int_equal(senders_count, 1);
	assert_int_equal(weather.seen[PEAL_MESSAGE_INSTALL_PULL], 0);
	peal_fakenet_destroy(net);
}

/* Who sends the view falls silent: the introducer has it, and is asked for what is missing only. */
static void
test_on_join__a_silent_sender_is_replaced_by_the_introducer(void **state)
{
	for (uint32_t sent_count = 1; sent_count <= 3; sent_count += 2U) {
		struct weather weather = {0};
		struct peal_fakenet *net = make_eighty(&weather);

		(void)state;
		weather.installs_max = sent_count;
		/* The join itself takes 30 ms; the first request is in vain as well. */
		assert_true(peal_fakenet_run_until_agreed(
			net, 81, 30 * MS + 4U * net->timing.flood_ns));
		assert_true(weather.seen[PEAL_MESSAGE_INSTALL_PULL] >= 1);
		assert_true(weather.installs[0] >= 2);
		assert_true(weather.installs[0] <= 5);
		peal_fakenet_destroy(net);
	}
}

/* Nothing came from anybody: the joiner asks again, and gets the view at once. */
static void
test_on_join__a_joiner_that_got_nothing_asks_again(void **state)
{
	struct weather weather = {.message = PEAL_MESSAGE_INSTALL};
	struct peal_fakenet *net = make_eighty(&weather);

	(void)state;
	weather.lost_percent = 100;
	while (weather.seen[PEAL_MESSAGE_INSTALL] < 5) {
		peal_fakenet_run(net, net->now_ns + 1 * MS);
	}
	weather.lost_percent = 0;
	/* Half of T_fwd more than it was told to wait. */
	assert_true(peal_fakenet_run_until_agreed(net, 81, 3U * net->timing.join_forward_ns / 2U));
	peal_fakenet_destroy(net);
}

/* The nodes from `first` on start again, each with `size` bytes of metadata at `bytes`. */
static void
give_metadata(struct peal_fakenet *net, uint32_t first, const uint8_t *bytes, uint16_t size)
{
	for (uint32_t i = first; i < net->nodes_count; i++) {
		struct peal_node_config config = peal_fakenet_config(net, i, 1, 1);

		config.metadata = bytes;
		config.metadata_size = size;
		peal_fakenet_start(net, i, &config);
	}
}

/* The longest metadata, though most of its pieces are lost: all of it is there with the member. */
static void
test_on_join__metadata_comes_with_the_member(void **state)
{
	static uint8_t bytes[PEAL_METADATA_SIZE_MAX];
	struct weather weather = {.lost_percent = 60, .message = PEAL_MESSAGE_JOIN_READY};
	struct peal_fakenet *net = make(40, 1, 1, &weather);

	(void)state;
	for (uint32_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = (uint8_t)peal_prng_next(&weather.prng);
	}
	give_metadata(net, 0, bytes, sizeof(bytes));
	net->has_heartbeat = true;
	assert_true(peal_fakenet_run_until_agreed(net, 40, 5000 * MS));
	for (uint32_t rank = 0; rank < 40; rank++) {
		const struct peal_member *member = &net->nodes[rank]->node.view.members[39U - rank];

		assert_int_equal(member->metadata_size, sizeof(bytes));
		assert_memory_equal(member->metadata, bytes, sizeof(bytes));
	}
	assert_int_equal(peal_fakenet_count(net, PEAL_COUNTER_METADATA_SPOILED), 0);
	peal_fakenet_destroy(net);
}

/* Who brings something else than was announced stays out, and nobody waits for it. */
static void
test_on_join__spoiled_metadata_stays_out(void **state)
{
	static uint8_t bytes[3000];
	struct weather weather = {0};
	struct peal_fakenet *net = make(20, 1, 1, &weather);

	(void)state;
	give_metadata(net, 15, bytes, sizeof(bytes));
	bytes[2999] = 1;
	peal_fakenet_run(net, net->now_ns + 300 * MS);
	for (uint32_t i = 0; i < 15; i++) {
		assert_int_equal(net->nodes[i]->node.view.members_count, 15);
		assert_int_equal(net->nodes[i]->node.view.epoch, 2);
	}
	assert_true(peal_fakenet_count(net, PEAL_COUNTER_METADATA_SPOILED) >= 5);
	bytes[2999] = 0;
	assert_true(peal_fakenet_run_until_agreed(net, 20, 2000 * MS));
	peal_fakenet_destroy(net);
}

/* Until so many that live are not members; returns whether that came in time. */
static bool
run_until_joining(struct peal_fakenet *net, uint32_t wanted_count, uint64_t patience_ns)
{
	uint64_t until_ns = net->now_ns + patience_ns;
	uint32_t count = 0;

	do {
		peal_fakenet_run(net, net->now_ns + 1 * MS);
		count = 0;
		for (uint32_t i = 0; i < net->nodes_count; i++) {
			count += net->nodes[i]->is_alive &&
						 net->nodes[i]->node.state == PEAL_NODE_JOINING
					 ? 1U
					 : 0U;
		}
	} while (count != wanted_count && net->now_ns < until_ns);
	return count == wanted_count;
}

/* As much as a view may have comes in; the others are told, and come when there is room. */
static void
test_on_join__a_view_full_of_metadata_lets_others_wait(void **state)
{
	static const uint8_t bytes[PEAL_METADATA_SIZE_MAX];
	const uint32_t room = PEAL_VIEW_METADATA_BYTES_MAX / PEAL_METADATA_SIZE_MAX;
	struct weather weather = {0};
	struct peal_fakenet *net = make(room + 3U, 1, 1, &weather);
	uint32_t waiting_count = 0;
	uint32_t members[2] = {0}; /* the last two */

	(void)state;
	give_metadata(net, 0, bytes, sizeof(bytes));
	peal_fakenet_run(net, net->now_ns + 3000 * MS);
	for (uint32_t i = 0; i < net->nodes_count; i++) {
		const struct peal_node *node = &net->nodes[i]->node;

		if (node->state == PEAL_NODE_JOINING) {
			waiting_count++;
			assert_int_equal(peal_fakenet_events(net, i, PEAL_EVENT_METADATA_FULL), 1);
			net->nodes[i]->is_alive = waiting_count > 1; /* one gives up */
		} else {
			members[0] = members[1];
			members[1] = i;
			assert_int_equal(node->view.members_count, room);
			assert_int_equal(node->view.metadata_size, PEAL_VIEW_METADATA_BYTES_MAX);
		}
	}
	assert_int_equal(waiting_count, 3);
	assert_true(peal_fakenet_count(net, PEAL_COUNTER_METADATA_FULL) > 0);
	/* The two that still ask come one by one, as room is made. */
	peal_fakenet_kill(net, members[0]);
	assert_true(run_until_joining(net, 1, 3000 * MS));
	peal_fakenet_kill(net, members[1]);
	assert_true(peal_fakenet_run_until_agreed(net, room, 5000 * MS));
	peal_fakenet_destroy(net);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_on_join__sixty_four_join_one_in_one_cut),
		cmocka_unit_test(test_on_join__loss_costs_time_only),
		cmocka_unit_test(test_on_join__missing_parts_of_the_view_are_pulled),
		cmocka_unit_test(test_on_join__ghosts_are_left_out),
		cmocka_unit_test(test_on_join__a_sequencer_that_dies_is_replaced),
		cmocka_unit_test(test_on_join__an_alternate_does_it_when_the_sequencer_is_deaf),
		cmocka_unit_test(test_on_join__a_large_view_comes_once),
		cmocka_unit_test(test_on_join__a_silent_sender_is_replaced_by_the_introducer),
		cmocka_unit_test(test_on_join__a_joiner_that_got_nothing_asks_again),
		cmocka_unit_test(test_on_join__metadata_comes_with_the_member),
		cmocka_unit_test(test_on_join__spoiled_metadata_stays_out),
		cmocka_unit_test(test_on_join__a_view_full_of_metadata_lets_others_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
