/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the tests of process groups share: some nodes, and a broadcast of which each step is done by
 * hand: what a node says waits in its stream, and is delivered to one node when the test says so.
 * And an order group, in which each node in `ranks` may say something, and which delivers like
 * that.
 */
#ifndef PEAL_TESTS_LIB_GROUPSCENE_H
#define PEAL_TESTS_LIB_GROUPSCENE_H

#include "dataplane/procgroups.h"
#include "tests/lib/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUP_NODES   4U
#define GROUP_STREAM  2048U
#define GROUP_EPOCH   5U
#define GROUP_CLUSTER 7U
#define GROUP_MESSAGE 2048U
#define GROUP_LOG     4096U
#define GROUP_ORDER   9U /* id of the order group; GROUP_ORDER + 1 is there as well */
#define GROUP_ORDERED 512U

struct group_message {
	uint32_t size;
	uint8_t bytes[GROUP_MESSAGE];
};

/* What was said in the order group, in its order. */
struct group_ordered {
	uint64_t mid;
	struct group_message message;
};

struct group_orders {
	uint32_t ranks; /* nodes that hold one: bits */
	bool is_waiting;
	uint32_t count;
	struct group_ordered said[GROUP_ORDERED];
};

struct group_node {
	uint32_t index; /* its number is one more */
	struct peal_procgroups groups;
	struct peal_counters counters;
	struct peal_peers peers;
	struct peal_view view;
	struct peal_member members[PEAL_DIRECT_MAX];
	uint32_t stream_count;
	struct group_message stream[GROUP_STREAM];
	uint32_t delivered[GROUP_NODES]; /* of the stream of each */
	bool is_full;                    /* broadcast takes nothing */
	uint32_t ordered;                /* delivered of the order group */
	bool is_order_full;
	uint32_t listening;  /* to order groups: bits, from GROUP_ORDER on */
	bool is_silent;      /* the log stays as it is */
	char log[GROUP_LOG]; /* what clients were told, as text */
};

static struct group_node *group_nodes;
static struct group_orders *group_orders;
static uint64_t group_now_ns;

static inline void
group_note(struct group_node *node, const char *text)
{
	if (node->is_silent) {
		return;
	}
	assert_true(strlen(node->log) + strlen(text) < GROUP_LOG);
	(void)strcat(node->log, text);
}

/* The log of a node is this; it is emptied. */
static inline void
group_expect(uint32_t index, const char *wanted)
{
	assert_string_equal(group_nodes[index].log, wanted);
	group_nodes[index].log[0] = '\0';
}

static enum peal_cast_result
group_on_cast(void *state, const uint8_t *bytes, uint32_t size)
{
	struct group_node *node = state;

	if (node->is_full || node->stream_count == GROUP_STREAM) {
		return PEAL_CAST_FULL;
	}
	assert_true(size <= GROUP_MESSAGE);
	node->stream[node->stream_count].size = size;
	memcpy(node->stream[node->stream_count++].bytes, bytes, size);
	return PEAL_CAST_OK;
}

/* "[tag V epoch.n +1.7 -2.3/why]" */
static void
group_on_view(void *state, uint32_t owner, uint16_t tag, const struct peal_procgroups_news *news)
{
	char text[256];

	(void)owner;
	(void)snprintf(text, sizeof(text), "[%u %s %u.%u", tag, news->is_first ? "first" : "view",
		(unsigned)news->stamp.epoch, news->stamp.n);
	group_note(state, text);
	for (uint32_t i = 0; i < news->changes_count; i++) {
		const struct peal_procgroup_change *change = &news->changes[i];

		(void)snprintf(text, sizeof(text), change->what == 0 ? " +%u.%u" : " -%u.%u/%u",
			(unsigned)change->mid, change->client, change->what);
		group_note(state, text);
	}
	group_note(state, "]");
}

static void
group_on_deliver(
	void *state, uint32_t owner, uint16_t tag, const struct peal_procgroups_message *message)
{
	char text[256];

	(void)owner;
	(void)snprintf(text, sizeof(text), "[%u %u.%u@%u.%u %u+%u/%u '%.*s']", tag,
		(unsigned)message->mid, message->client, (unsigned)message->stamp.epoch,
		message->stamp.n, message->delivery.offset, message->delivery.size,
		message->delivery.message_size,
		message->delivery.size < 32U ? (int)message->delivery.size : 0,
		(const char *)message->delivery.bytes);
	group_note(state, text);
}

static void
group_on_ended(void *state, uint32_t owner, uint16_t tag, enum peal_procgroups_end end)
{
	static const char *const names[] = {
		"left", "refused", "removed", "overrun", "too large", "other order", "order gone"};
	char text[64];

	(void)owner;
	(void)snprintf(text, sizeof(text), "[%u %s]", tag, names[end]);
	group_note(state, text);
}

static enum peal_procgroups_result
group_on_order(void *state, uint32_t id, const uint8_t *bytes, uint32_t size)
{
	const struct group_node *node = state;
	struct group_ordered *said = &group_orders->said[group_orders->count];

	if (id != GROUP_ORDER || (group_orders->ranks >> node->index & 1U) == 0) {
		return PEAL_PROCGROUPS_NOT_RANK;
	}
	if (node->is_order_full || group_orders->count == GROUP_ORDERED) {
		return PEAL_PROCGROUPS_FULL;
	}
	assert_true(size <= GROUP_MESSAGE);
	said->mid = node->index + 1U;
	said->message.size = size;
	memcpy(said->message.bytes, bytes, size);
	group_orders->count++;
	return PEAL_PROCGROUPS_OK;
}

static bool
group_on_listen(void *state, uint32_t id, bool is_listening)
{
	struct group_node *node = state;
	bool is_there = id == GROUP_ORDER || id == GROUP_ORDER + 1U;

	if (is_there) {
		uint32_t bit = UINT32_C(1) << (id - GROUP_ORDER);

		node->listening = is_listening ? node->listening | bit : node->listening & ~bit;
	}
	return is_there;
}

static bool
group_on_look(void *state, uint32_t id, struct peal_procgroups_order *order_out)
{
	const struct group_node *node = state;

	id = id == 0 ? GROUP_ORDER : id;
	*order_out = (struct peal_procgroups_order){.id = id,
		.is_rank = (group_orders->ranks >> node->index & 1U) != 0,
		.is_waiting = group_orders->is_waiting};
	return id == GROUP_ORDER || id == GROUP_ORDER + 1U;
}

/* "[tag by 9]", with what it is not, or what it does. */
static void
group_on_standing(
	void *state, uint32_t owner, uint16_t tag, const struct peal_procgroups_order *order)
{
	char text[64];

	(void)owner;
	(void)snprintf(text, sizeof(text), "[%u by %u%s%s]", tag, order->id,
		order->is_rank ? "" : " no rank", order->is_waiting ? " waits" : "");
	group_note(state, text);
}

/* Installs a view of the nodes in `mask`, and does not show it yet. */
static inline void
group_switch(uint32_t index, uint64_t epoch, uint32_t mask)
{
	struct group_node *node = &group_nodes[index];

	node->peers.epoch = epoch;
	node->peers.cluster = GROUP_CLUSTER;
	node->peers.self_mid = index + 1U;
	node->peers.view = &node->view;
	node->peers.members_count = 0;
	node->view.members = node->members;
	for (uint32_t i = 0; i < GROUP_NODES; i++) {
		if ((mask >> i & 1U) != 0) {
			node->members[node->peers.members_count++].mid = i + 1U;
		}
	}
	node->view.members_count = node->peers.members_count;
	peal_procgroups_switch(&node->groups, &node->peers);
}

static inline void
group_run(uint32_t index)
{
	(void)peal_procgroups_run(&group_nodes[index].groups, group_now_ns);
}

static inline void
group_give(uint32_t to, uint32_t from, const void *bytes, uint32_t size)
{
	const struct peal_delivery delivery = {.message_size = size, .size = size, .bytes = bytes};

	(void)peal_procgroups_on_cast(&group_nodes[to].groups, from + 1U, &delivery);
}

/* What is next in the stream of one, at another. False: nothing is. */
static inline bool
group_deliver(uint32_t to, uint32_t from)
{
	uint32_t at = group_nodes[to].delivered[from];

	if (at == group_nodes[from].stream_count) {
		return false;
	}
	group_nodes[to].delivered[from]++;
	group_give(to, from, group_nodes[from].stream[at].bytes, group_nodes[from].stream[at].size);
	return true;
}

/* Runs and delivers at all of `mask` until nothing is left. */
static inline void
group_settle(uint32_t mask)
{
	bool is_busy = true;

	while (is_busy) {
		is_busy = false;
		for (uint32_t i = 0; i < GROUP_NODES * GROUP_NODES; i++) {
			uint32_t to = i / GROUP_NODES, from = i % GROUP_NODES;

			if ((mask >> to & 1U) != 0 && (mask >> from & 1U) != 0) {
				group_run(from);
				is_busy = group_deliver(to, from) || is_busy;
			}
		}
	}
}

/* Installs and shows a view at all of its members. */
static inline void
group_view(uint64_t epoch, uint32_t mask)
{
	for (uint32_t i = 0; i < GROUP_NODES; i++) {
		if ((mask >> i & 1U) != 0) {
			group_switch(i, epoch, mask);
			peal_procgroups_on_view(&group_nodes[i].groups, epoch);
		}
	}
}

static inline struct peal_procgroup_name
group_name(const char *text)
{
	struct peal_procgroup_name name = {.size = (uint8_t)strlen(text)};

	memcpy(name.bytes, text, name.size);
	return name;
}

/* A client, whose owner and tag are its number, joins. */
static inline uint16_t
group_join(uint32_t index, uint32_t client, const char *text)
{
	const struct peal_procgroups_client seat = {
		.client = client, .owner = client, .tag = (uint16_t)client};
	struct peal_procgroup_name name = group_name(text);
	uint16_t place = PEAL_PROCGROUPS_NO_SEAT;

	assert_int_equal(peal_procgroups_join(&group_nodes[index].groups, &seat, &name, &place),
		PEAL_PROCGROUPS_OK);
	return place;
}

static inline enum peal_procgroups_result
group_say(uint32_t index, uint16_t seat, const char *text)
{
	uint8_t message[PEAL_PROCGROUP_HEAD_SIZE + 64U];
	uint32_t size = (uint32_t)strlen(text);

	memcpy(message + PEAL_PROCGROUP_HEAD_SIZE, text, size);
	return peal_procgroups_send(
		&group_nodes[index].groups, seat, message, PEAL_PROCGROUP_HEAD_SIZE + size);
}

static inline uint64_t
group_counter(uint32_t index, enum peal_counter id)
{
	return peal_counter_get(&group_nodes[index].counters, id);
}

/* Three nodes in one view, the fourth outside. */
static inline int
group_begin(void **state)
{
	(void)state;
	group_nodes = calloc(GROUP_NODES, sizeof(*group_nodes));
	group_orders = calloc(1, sizeof(*group_orders));
	assert_true(group_nodes != NULL && group_orders != NULL);
	group_orders->ranks = 3;
	group_now_ns = 1000000;
	for (uint32_t i = 0; i < GROUP_NODES; i++) {
		struct group_node *node = &group_nodes[i];
		const struct peal_procgroups_config config = {.counters = &node->counters,
			.user = {.cast = group_on_cast,
				.view = group_on_view,
				.deliver = group_on_deliver,
				.ended = group_on_ended,
				.order = group_on_order,
				.listen = group_on_listen,
				.look = group_on_look,
				.standing = group_on_standing,
				.state = node}};

		node->index = i;
		peal_counters_init(&node->counters);
		peal_procgroups_init(&node->groups, &config);
	}
	group_view(GROUP_EPOCH, 7);
	return 0;
}

static inline int
group_finish(void **state)
{
	(void)state;
	free(group_nodes);
	free(group_orders);
	return 0;
}

#define GROUP_TEST(name) cmocka_unit_test_setup_teardown(name, group_begin, group_finish)

#endif
