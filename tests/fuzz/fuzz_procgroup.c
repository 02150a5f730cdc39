/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Broadcasts about process groups, one behind the other, against two nodes: one that has the table,
 * and a newcomer.
 *
 * The input is that of tests/lib/groupfuzz.h. What is accepted must come back unchanged when it is
 * encoded again, and goes to both. Whatever is said, each table is in order, and clients are told
 * what follows from what they were told before.
 */
#include "dataplane/procgroups.h"

#include "base/assert.h"
#include "tests/lib/groupfuzz.h"

#include <stddef.h>
#include <string.h>

#define NODES 2U

static struct peal_procgroups nodes[NODES];
static struct peal_counters counters[NODES];
static struct peal_groupfuzz_view views[NODES];
static uint32_t known_count[NODES]; /* members in the view of the client of a node */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum peal_cast_result
on_cast(void *state, const uint8_t *bytes, uint32_t size)
{
	(void)state;
	PEAL_ASSERT(peal_procgroup_kind_of(bytes, size) != 0);
	return PEAL_CAST_OK;
}

static void
on_view(void *state, uint32_t owner, uint16_t tag, const struct peal_procgroups_news *news)
{
	(void)owner;
	(void)tag;
	peal_groupfuzz_count(state, news);
}

static void
on_deliver(void *state, uint32_t owner, uint16_t tag, const struct peal_procgroups_message *message)
{
	const struct peal_delivery *delivery = &message->delivery;

	(void)state;
	(void)owner;
	(void)tag;
	PEAL_ASSERT(delivery->size <= delivery->message_size - delivery->offset);
}

static void
on_ended(void *state, uint32_t owner, uint16_t tag, enum peal_procgroups_end end)
{
	(void)state;
	(void)owner;
	(void)tag;
	(void)end;
}

static void
give(uint64_t origin, const uint8_t *bytes, uint32_t offset, uint32_t size, uint32_t message_size)
{
	const struct peal_delivery delivery = {.message_size = message_size,
		.offset = offset,
		.size = size,
		.bytes = bytes + offset};

	for (uint32_t i = 0; i < NODES; i++) {
		(void)peal_procgroups_on_cast(&nodes[i], origin, &delivery);
		(void)peal_procgroups_run(&nodes[i], 0);
	}
}

static void
begin(uint32_t index)
{
	const struct peal_procgroups_config config = {.counters = &counters[index],
		.user = {.cast = on_cast,
			.view = on_view,
			.deliver = on_deliver,
			.ended = on_ended,
			.state = &known_count[index]}};
	const struct peal_procgroups_client client = {.client = 1, .owner = 1};
	const struct peal_procgroup_name name = {.size = 1, .bytes = {'g'}};
	uint16_t seat;

	known_count[index] = 0;
	peal_procgroups_init(&nodes[index], &config);
	peal_groupfuzz_switch(&views[index], &nodes[index], index + 2U); /* neither is the elder */
	nodes[index].is_ready = index == 0;
	PEAL_ASSERT(
		peal_procgroups_join(&nodes[index], &client, &name, &seat) == PEAL_PROCGROUPS_OK);
	(void)peal_procgroups_run(&nodes[index], 0);
}

/* Members by walking, and nobody twice in the list of those that are free. */
static void
check_table(const struct peal_procgroup_table *table)
{
	uint32_t members_count = 0, free_count = 0;

	for (uint32_t i = 0; i < PEAL_PROCGROUPS_MAX; i++) {
		const struct peal_procgroup *group = &table->groups[i];
		uint32_t count = 0;

		for (uint16_t at = group->number != 0 ? group->first : PEAL_PROCGROUP_NONE;
			at != PEAL_PROCGROUP_NONE; at = table->members[at].next) {
			count++;
			PEAL_ASSERT(count <= group->members_count);
		}
		PEAL_ASSERT(group->number == 0 || count == group->members_count);
		PEAL_ASSERT(group->number == 0 || count > 0);
		members_count += count;
	}
	for (uint16_t at = table->free; at != PEAL_PROCGROUP_NONE; at = table->members[at].next) {
		free_count++;
		PEAL_ASSERT(free_count <= PEAL_PROCGROUPS_MEMBERS_MAX);
	}
	PEAL_ASSERT(members_count == table->members_count);
	PEAL_ASSERT(members_count + free_count == PEAL_PROCGROUPS_MEMBERS_MAX);
}

static void
check_codec(const uint8_t *bytes, uint32_t size)
{
	static struct peal_procgroup_table_msg table;
	uint8_t again[PEAL_PROCGROUP_CONTROL_SIZE];
	struct peal_procgroup_change_msg change;
	struct peal_procgroup_end_msg end;
	uint32_t again_size = 0;

	if (peal_procgroup_change_decode(bytes, size, &change)) {
		again_size = peal_procgroup_change_encode(
			&change, (enum peal_procgroup_kind)bytes[7], again);
	} else if (peal_procgroup_table_decode(bytes, size, &table)) {
		again_size = peal_procgroup_table_encode(&table, again);
	} else if (peal_procgroup_end_decode(bytes, size, &end)) {
		again_size = peal_procgroup_end_encode(&end, again);
	} else {
		return;
	}
	PEAL_ASSERT(again_size == size);
	PEAL_ASSERT(memcmp(again, bytes, size) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct peal_groupfuzz_pairs pairs = {.data = data, .size = size};

	for (uint32_t i = 0; i < NODES; i++) {
		begin(i);
	}
	while (peal_groupfuzz_next(&pairs)) {
		check_codec(pairs.bytes, pairs.length);
		peal_groupfuzz_give(&pairs, PEAL_PROCGROUP_HEAD_SIZE, give);
	}
	for (uint32_t i = 0; i < NODES; i++) {
		check_table(&nodes[i].table);
	}
	return 0;
}
