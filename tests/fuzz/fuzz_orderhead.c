/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What members say in an order group, one after the other, against a node with clients in a process
 * group that is ordered by it, and in one that is not.
 *
 * The input is that of tests/lib/groupfuzz.h; one more bit says that a stamp comes after the
 * message. What is accepted must come back unchanged when it is encoded again. Whatever is said,
 * clients are told what follows from what they were told before, messages are whole and of members
 * of the view, and what waits has bounds.
 */
#include "dataplane/procgroups.h"

#include "base/assert.h"
#include "tests/lib/groupfuzz.h"

#include <stddef.h>
#include <string.h>

#define ORDER   9U
#define SELF    1U
#define CLIENTS 2U

static struct peal_procgroups node;
static struct peal_counters counters;
static struct peal_groupfuzz_view view;
static uint32_t known_count; /* members in the view of the client */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum peal_cast_result
on_cast(void *state, const uint8_t *bytes, uint32_t size)
{
	const struct peal_delivery delivery = {.message_size = size, .size = size, .bytes = bytes};

	/* This node is the elder, and hears itself at once. */
	(void)state;
	(void)peal_procgroups_on_cast(&node, SELF, &delivery);
	return PEAL_CAST_OK;
}

static void
on_view(void *state, uint32_t owner, uint16_t tag, const struct peal_procgroups_news *news)
{
	(void)state;
	(void)tag;
	if (owner == 1U) {
		peal_groupfuzz_count(&known_count, news);
	}
}

static void
on_deliver(void *state, uint32_t owner, uint16_t tag, const struct peal_procgroups_message *message)
{
	(void)state;
	(void)tag;
	PEAL_ASSERT(owner == 1U); /* the other is in a group by sender */
	PEAL_ASSERT(message->delivery.offset == 0);
	PEAL_ASSERT(message->delivery.size == message->delivery.message_size);
	PEAL_ASSERT(message->mid == SELF); /* only this node has clients in the group */
}

static void
on_ended(void *state, uint32_t owner, uint16_t tag, enum peal_procgroups_end end)
{
	(void)state;
	(void)owner;
	(void)tag;
	PEAL_ASSERT(end == PEAL_PROCGROUPS_END_OVERRUN);
}

static enum peal_procgroups_result
on_order(void *state, uint32_t id, const uint8_t *bytes, uint32_t size)
{
	struct peal_orderhead_group head;

	(void)state;
	PEAL_ASSERT(id == ORDER && peal_orderhead_group_decode(bytes, size, &head));
	return PEAL_PROCGROUPS_OK;
}

static bool
on_listen(void *state, uint32_t id, bool is_listening)
{
	(void)state;
	(void)is_listening;
	return id == ORDER;
}

static bool
on_look(void *state, uint32_t id, struct peal_procgroups_order *order_out)
{
	(void)state;
	*order_out = (struct peal_procgroups_order){.id = ORDER, .is_rank = true};
	return id == ORDER || id == 0;
}

static void
on_standing(void *state, uint32_t owner, uint16_t tag, const struct peal_procgroups_order *order)
{
	(void)state;
	(void)tag;
	PEAL_ASSERT(owner == 1U && order->id == ORDER);
}

static void
begin(void)
{
	const struct peal_procgroups_config config = {.counters = &counters,
		.user = {.cast = on_cast,
			.view = on_view,
			.deliver = on_deliver,
			.ended = on_ended,
			.order = on_order,
			.listen = on_listen,
			.look = on_look,
			.standing = on_standing}};

	known_count = 0;
	peal_procgroups_init(&node, &config);
	peal_groupfuzz_switch(&view, &node, SELF);
	for (uint32_t i = 1; i <= CLIENTS; i++) {
		const struct peal_procgroups_client client = {.client = i,
			.owner = i,
			.tag = (uint16_t)i,
			.is_total = i == 1U,
			.order = i == 1U ? ORDER : 0};
		const struct peal_procgroup_name name = {.size = 1, .bytes = {(uint8_t)('f' + i)}};
		uint16_t seat;

		PEAL_ASSERT(
			peal_procgroups_join(&node, &client, &name, &seat) == PEAL_PROCGROUPS_OK);
	}
	for (uint64_t at_ns = 1; at_ns < 8U; at_ns++) {
		(void)peal_procgroups_run(&node, at_ns * 1000000U);
	}
	PEAL_ASSERT(node.table.members_count == CLIENTS);
}

static void
check_codec(const uint8_t *bytes, uint32_t size)
{
	uint8_t again[PEAL_ORDERHEAD_GROUP_SIZE];
	struct peal_orderhead_group group;
	struct peal_orderhead head;

	if (peal_orderhead_decode(bytes, size, &head)) {
		peal_orderhead_encode(&head, again);
		PEAL_ASSERT(memcmp(again, bytes, PEAL_ORDERHEAD_SIZE) == 0);
	}
	if (peal_orderhead_group_decode(bytes, size, &group)) {
		PEAL_ASSERT(peal_orderhead_kind_of(bytes, size) == group.kind);
		peal_orderhead_group_encode(&group, again);
		PEAL_ASSERT(memcmp(again, bytes, sizeof(again)) == 0);
	}
}

static void
say(uint64_t mid, const uint8_t *bytes, uint32_t offset, uint32_t size, uint32_t message_size)
{
	const struct peal_procgroups_ordered ordered = {.order = ORDER,
		.mid = mid,
		.is_own = mid == SELF,
		.delivery = {.message_size = message_size,
			.offset = offset,
			.size = size,
			.bytes = bytes + offset}};

	peal_procgroups_on_ordered(&node, &ordered);
	PEAL_ASSERT(node.ordered.size <= PEAL_PROCGROUPS_HELD_SIZE);
	PEAL_ASSERT(node.pending_count <= PEAL_PROCGROUPS_PENDING_MAX);
	PEAL_ASSERT((node.ordered.size == 0) == (node.streams[0].held_count == 0));
}

/* Another client of this node comes in, or goes: the next stamp. */
static void
change(void)
{
	const struct peal_procgroups_client client = {
		.client = 3, .owner = 3, .is_total = true, .order = ORDER};
	const struct peal_procgroup_name name = {.size = 1, .bytes = {'g'}};
	uint16_t seat;

	if (peal_procgroups_join(&node, &client, &name, &seat) == PEAL_PROCGROUPS_IN_USE) {
		peal_procgroups_on_gone(&node, 3, PEAL_PROCGROUP_CRASH);
	}
	(void)peal_procgroups_run(&node, 10000000);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct peal_groupfuzz_pairs pairs = {.data = data, .size = size};

	begin();
	while (peal_groupfuzz_next(&pairs)) {
		check_codec(pairs.bytes, pairs.length);
		if (pairs.length > 0) {
			peal_groupfuzz_give(&pairs, PEAL_ORDERHEAD_GROUP_SIZE, say);
		}
		if ((pairs.what & 16U) != 0) {
			change();
		}
	}
	return 0;
}
