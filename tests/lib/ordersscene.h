/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the tests of the order plane share: four cores on a switch, members 1 to 4, of which the
 * first three are the ranks of order group GROUP when `found` says so; the fourth listens. What
 * each delivers is a text. Broadcasts reach all at once, in `orders_turn`, unless a node is deaf.
 */
#ifndef PEAL_TESTS_LIB_ORDERSSCENE_H
#define PEAL_TESTS_LIB_ORDERSSCENE_H

#include "dataplane/orders.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/fakecore.h"
#include "wire/order_publication.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NODES_COUNT 4U
#define GROUP       5U
#define TURN_NS     5000U
#define TEXT_SIZE   4096U
#define SAID_MAX    256U

struct orders_node {
	struct peal_orders orders;
	bool is_deaf; /* to broadcasts */
	enum peal_cast_result cast_result;
	uint32_t said_count; /* broadcasts that wait */
	uint32_t said_sizes[SAID_MAX];
	uint8_t said[SAID_MAX][PEAL_ORDER_PUBLICATION_SIZE_MAX];
	uint32_t views_count;
	struct peal_orders_view view;
	uint32_t ended_count;
	enum peal_abcast_fault fault;
	uint64_t lost_count;
	uint64_t last_position;
	uint64_t bytes_count;
	uint64_t skipped_from;
	uint64_t skipped_to;
	uint64_t skipped_own;
	uint32_t skips_count;
	uint32_t delivered_count; /* whole messages */
	char text[TEXT_SIZE];     /* of the small ones, "1a " for what member 1 said */
};

static struct peal_fakecores *cores;
static struct orders_node *nodes;
static uint8_t *frames;
static struct peal_ordergroup table[1];
static uint32_t table_count;
static uint64_t epoch;

static inline enum peal_cast_result
scene_cast(void *state, const uint8_t *bytes, uint32_t size)
{
	struct orders_node *node = state;

	if (node->cast_result != PEAL_CAST_OK || node->said_count == SAID_MAX) {
		return PEAL_CAST_FULL;
	}
	memcpy(node->said[node->said_count], bytes, size);
	node->said_sizes[node->said_count++] = size;
	return PEAL_CAST_OK;
}

static inline void
scene_deliver(void *state, const struct peal_orders_message *message)
{
	struct orders_node *node = state;
	const struct peal_delivery *delivery = &message->delivery;
	size_t used = strlen(node->text);

	assert_true(message->position > node->last_position);
	assert_int_equal(message->group, GROUP);
	node->last_position = message->position;
	node->bytes_count += delivery->size;
	if (delivery->offset + delivery->size < delivery->message_size) {
		return;
	}
	node->delivered_count++;
	if (delivery->message_size <= 8U) {
		(void)snprintf(node->text + used, sizeof(node->text) - used, "%" PRIu64 "%.*s ",
			message->mid, (int)delivery->size, (const char *)delivery->bytes);
	}
}

static inline void
scene_view(void *state, uint32_t group, const struct peal_orders_view *view)
{
	struct orders_node *node = state;

	assert_int_equal(group, GROUP);
	node->views_count++;
	node->view = *view;
}

static inline void
scene_skipped(void *state, uint32_t group, uint64_t from, uint64_t to, uint64_t own_count)
{
	struct orders_node *node = state;

	assert_int_equal(group, GROUP);
	node->skips_count++;
	node->skipped_from = from;
	node->skipped_to = to;
	node->skipped_own = own_count;
}

static inline void
scene_ended(void *state, uint32_t group, enum peal_abcast_fault fault, uint64_t lost_count)
{
	struct orders_node *node = state;

	assert_int_equal(group, GROUP);
	node->ended_count++;
	node->fault = fault;
	node->lost_count = lost_count;
}

/* Gives all the next view, of the nodes in the bitmap, with the table of groups. */
static inline void
orders_install(uint32_t members)
{
	epoch++;
	for (uint32_t i = 0; i < NODES_COUNT; i++) {
		struct peal_peers *peers;

		if ((members >> i & 1U) == 0) {
			continue;
		}
		peers = peal_fakecores_make_view(
			cores, i, epoch, members, ((1U << NODES_COUNT) - 1U) & ~members);
		for (uint32_t k = 0; k < 2U; k++) {
			struct peal_view *view = &cores->nodes[i]->views[k].view;

			if (view == peers->view) {
				view->ordergroups = table;
				view->ordergroups_count = (uint8_t)table_count;
			}
		}
		peal_fakecores_push_view(cores, i, peers);
	}
}

static inline void
scene_pass_on(uint32_t from)
{
	struct orders_node *node = &nodes[from];
	uint32_t count = node->said_count;

	node->said_count = 0;
	for (uint32_t i = 0; i < count; i++) {
		const struct peal_delivery delivery = {.message_size = node->said_sizes[i],
			.size = node->said_sizes[i],
			.bytes = node->said[i]};

		for (uint32_t to = 0; to < NODES_COUNT; to++) {
			if (!nodes[to].is_deaf) {
				assert_true(peal_orders_on_cast(
					&nodes[to].orders, cores->nodes[from]->mid, &delivery));
			}
		}
	}
}

static inline void
orders_turn(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		cores->now_ns += TURN_NS;
		peal_fakecores_turn_all(cores);
		for (uint32_t from = 0; from < NODES_COUNT; from++) {
			if (cores->nodes[from]->is_running) {
				scene_pass_on(from);
			} else {
				peal_fakeswitch_clear(cores->wire, from);
			}
		}
		for (uint32_t node = 0; node < NODES_COUNT; node++) {
			(void)peal_fakecores_drain(cores, node, PEAL_RECORD_FRAME);
		}
	}
}

static inline void
orders_found(void)
{
	table[0] = (struct peal_ordergroup){.id = GROUP,
		.generation = 1,
		.ranks_count = 3,
		.ranks = {{1, "n0"}, {2, "n1"}, {3, "n2"}}};
	table_count = 1;
	orders_install(0xF);
	orders_turn(2);
}

static inline void
scene_init_node(uint32_t i, const char *name)
{
	struct peal_fakecore *core = cores->nodes[i];
	const struct peal_orders_config config = {.egress = &core->core.egress,
		.counters = &core->core.counters,
		.user = {.cast = scene_cast,
			.deliver = scene_deliver,
			.view = scene_view,
			.skipped = scene_skipped,
			.ended = scene_ended,
			.state = &nodes[i]},
		.name = name,
		.seed = i,
		.frame_bytes = frames + i * PEAL_ORDERS_FRAMES_SIZE};

	peal_orders_init(&nodes[i].orders, &config);
	core->core.config.orders = &nodes[i].orders;
}

static inline int
begin(void **state)
{
	static const char *const names[] = {"n0", "n1", "n2", "n3"};

	(void)state;
	cores = peal_fakecores_create_view(NODES_COUNT, "none");
	nodes = calloc(NODES_COUNT, sizeof(*nodes));
	/* Not zeroed, and hardly any of it is ever touched. */
	frames = aligned_alloc(64, NODES_COUNT * PEAL_ORDERS_FRAMES_SIZE);
	assert_non_null(nodes);
	assert_non_null(frames);
	epoch = PEAL_FAKECORE_EPOCH;
	table_count = 0;
	for (uint32_t i = 0; i < NODES_COUNT; i++) {
		scene_init_node(i, names[i]);
	}
	return 0;
}

static inline int
begin_founded(void **state)
{
	(void)begin(state);
	orders_found();
	return 0;
}

static inline int
finish(void **state)
{
	(void)state;
	peal_fakecores_destroy(cores);
	free(nodes);
	free(frames);
	return 0;
}

static inline enum peal_orders_result
say(uint32_t node, const char *text)
{
	return peal_orders_send(
		&nodes[node].orders, GROUP, (const uint8_t *)text, (uint32_t)strlen(text));
}

static inline uint64_t
counter(uint32_t node, enum peal_counter id)
{
	return peal_fakecores_counter(cores, node, id);
}

#endif
