/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Order groups in the scene of clients: one of all three nodes, and what visitors say and hear.
 */
#ifndef PEAL_TESTS_LIB_ORDERVISIT_H
#define PEAL_TESTS_LIB_ORDERVISIT_H

#include "tests/lib/clientscene.h"

#define ORDER_GROUP 7U

/* The group of the first `count` nodes, by the names n0, n1, ... */
static inline struct peal_ordergroup
ordervisit_group(uint32_t id, uint32_t generation, uint32_t count)
{
	struct peal_ordergroup group = {
		.id = id, .generation = generation, .ranks_count = (uint8_t)count};

	for (uint32_t i = 0; i < count; i++) {
		const char name[] = {'n', (char)('0' + i), '\0'};

		group.ranks[i].mid = i + 1U;
		assert_true(peal_ordergroup_set_name(&group, i, name));
	}
	return group;
}

/* A view of all nodes with these order groups, at all. */
static inline void
ordervisit_show(uint64_t epoch, const struct peal_ordergroup *groups, uint32_t count)
{
	/* Two views of a node are there at a time. */
	static struct peal_ordergroup shown[2][PEAL_ORDERGROUPS_MAX];

	memcpy(shown[epoch % 2U], groups, count * sizeof(groups[0]));
	for (uint32_t node = 0; node < SCENE_NODES; node++) {
		struct peal_peers *peers =
			peal_fakecores_make_view(cores, node, epoch, SCENE_ALL, 0);
		struct peal_view *view =
			&cores->nodes[node]->views[cores->nodes[node]->generation % 2U].view;

		view->ordergroups = shown[epoch % 2U];
		view->ordergroups_count = (uint8_t)count;
		scene_set_standing(node, epoch);
		peal_fakecores_push_view(cores, node, peers);
	}
	scene_run(5U * MS);
}

/* The scene, and the group. */
static inline int
ordervisit_begin(void **state)
{
	int result = scene_begin(state);
	const struct peal_ordergroup group = ordervisit_group(ORDER_GROUP, 1, SCENE_NODES);

	ordervisit_show(PEAL_FAKECORE_EPOCH + 1U, &group, 1);
	return result;
}

static inline bool
ordervisit_lose(void *state, uint32_t from, uint32_t to, const uint8_t *data, uint32_t size)
{
	(void)state;
	(void)from;
	(void)to;
	(void)data;
	(void)size;
	return false;
}

/* Nobody hears anybody from here on, or all do. */
static inline void
ordervisit_cut(bool is_cut)
{
	cores->wire->filter = is_cut ? ordervisit_lose : NULL;
}

static inline void
ordervisit_open(struct visitor *visitor, uint16_t tag, uint32_t group)
{
	const struct peal_client_order_open request = {.group = group};

	scene_say(visitor, PEAL_CLIENT_ORDER_OPEN, tag, &request, sizeof(request));
}

static inline struct peal_client_order_create
ordervisit_request(const struct peal_ordergroup *group)
{
	struct peal_client_order_create request = {
		.group = group->id, .ranks_count = group->ranks_count};

	for (uint32_t i = 0; i < group->ranks_count; i++) {
		request.ranks[i].mid = group->ranks[i].mid;
		memcpy(request.ranks[i].name, group->ranks[i].name, sizeof(request.ranks[i].name));
	}
	return request;
}

/* The next view that it is told of the group. */
static inline struct peal_client_order_view
ordervisit_view(struct visitor *visitor, uint16_t tag)
{
	struct peal_client_order_view view = {.position = 0};
	struct peal_shmring_record record;

	assert_true(scene_find(visitor, PEAL_CLIENT_ORDER_VIEW, &record));
	assert_int_equal(record.tag, tag);
	assert_int_equal(record.size, sizeof(view));
	memcpy(&view, record.bytes, sizeof(view));
	return view;
}

/* Its next message. */
static inline struct peal_client_ordered
ordervisit_message(struct visitor *visitor, const char *text)
{
	struct peal_client_ordered ordered = {.position = 0};
	struct peal_shmring_record record;

	assert_true(scene_find(visitor, PEAL_CLIENT_ORDERED, &record));
	assert_int_equal(record.size, sizeof(ordered) + strlen(text));
	memcpy(&ordered, record.bytes, sizeof(ordered));
	assert_memory_equal(record.bytes + sizeof(ordered), text, strlen(text));
	return ordered;
}

/* Why its group ended, next. */
static inline struct peal_client_order_ended
ordervisit_end(struct visitor *visitor, uint16_t tag)
{
	struct peal_client_order_ended ended = {.reason = UINT32_MAX};
	struct peal_shmring_record record;

	assert_true(scene_find(visitor, PEAL_CLIENT_ORDER_ENDED, &record));
	assert_int_equal(record.tag, tag);
	assert_int_equal(record.size, sizeof(ended));
	memcpy(&ended, record.bytes, sizeof(ended));
	return ended;
}

#endif
