/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the tests of process groups in total order share beside groupscene.h: what the order group
 * delivers, by hand.
 */
#ifndef PEAL_TESTS_LIB_GROUPORDER_H
#define PEAL_TESTS_LIB_GROUPORDER_H

#include "tests/lib/groupscene.h"

/* A part of a message of the order group, at one node. */
static inline void
group_give_ordered(uint32_t to, uint64_t mid, const void *bytes, uint32_t offset, uint32_t size,
	uint32_t message_size)
{
	const struct peal_procgroups_ordered ordered = {.order = GROUP_ORDER,
		.mid = mid,
		.is_own = mid == to + 1U,
		.delivery = {.message_size = message_size,
			.offset = offset,
			.size = size,
			.bytes = (const uint8_t *)bytes + offset}};

	peal_procgroups_on_ordered(&group_nodes[to].groups, &ordered);
}

/* What is next in the order group, at one node. False: nothing is. */
static inline bool
group_order(uint32_t to)
{
	struct group_node *node = &group_nodes[to];
	const struct group_ordered *said = &group_orders->said[node->ordered];

	if (node->ordered == group_orders->count) {
		return false;
	}
	node->ordered++;
	group_give_ordered(
		to, said->mid, said->message.bytes, 0, said->message.size, said->message.size);
	return true;
}

/* Runs and delivers at all of `mask` what is broadcast and what is ordered; time goes on. */
static inline void
group_settle_all(uint32_t mask)
{
	for (uint32_t round = 0; round < 8U; round++) {
		group_settle(mask);
		for (uint32_t to = 0; to < GROUP_NODES; to++) {
			while ((mask >> to & 1U) != 0 && group_order(to)) {
			}
		}
		group_now_ns += 21000000U;
	}
}

/* A client joins a group in total order. */
static inline uint16_t
group_join_total(uint32_t index, uint32_t client, const char *text, uint32_t order)
{
	const struct peal_procgroups_client seat = {.client = client,
		.owner = client,
		.tag = (uint16_t)client,
		.is_total = true,
		.order = order};
	struct peal_procgroup_name name = group_name(text);
	uint16_t place = PEAL_PROCGROUPS_NO_SEAT;

	assert_int_equal(peal_procgroups_join(&group_nodes[index].groups, &seat, &name, &place),
		PEAL_PROCGROUPS_OK);
	return place;
}

#endif
