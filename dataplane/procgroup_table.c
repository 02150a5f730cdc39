/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/procgroup_table.h"

#include "base/assert.h"
#include "base/hash.h"

#include <string.h>

_Static_assert(PEAL_PROCGROUPS_MEMBERS_MAX < PEAL_PROCGROUP_NONE, "a place has 16 bits");

void
peal_procgroup_table_reset(struct peal_procgroup_table *table)
{
	table->next_number = 1;
	table->groups_count = 0;
	table->members_count = 0;
	table->free = 0;
	for (uint32_t i = 0; i < PEAL_PROCGROUPS_MAX; i++) {
		table->groups[i] = (struct peal_procgroup){.first = PEAL_PROCGROUP_NONE,
			.last = PEAL_PROCGROUP_NONE,
			.seats = PEAL_PROCGROUP_NONE};
	}
	for (uint32_t i = 0; i < PEAL_PROCGROUPS_MEMBERS_MAX; i++) {
		table->members[i].next =
			(uint16_t)(i + 1U < PEAL_PROCGROUPS_MEMBERS_MAX ? i + 1U
									: PEAL_PROCGROUP_NONE);
	}
}

static struct peal_procgroup *
place_of(struct peal_procgroup_table *table, uint32_t number)
{
	return &table->groups[number % PEAL_PROCGROUPS_MAX];
}

struct peal_procgroup *
peal_procgroup_table_get(struct peal_procgroup_table *table, uint32_t number)
{
	struct peal_procgroup *group = place_of(table, number);

	return number != 0 && group->number == number ? group : NULL;
}

struct peal_procgroup *
peal_procgroup_table_find(
	struct peal_procgroup_table *table, const struct peal_procgroup_name *name)
{
	for (uint32_t i = 0; i < PEAL_PROCGROUPS_MAX; i++) {
		struct peal_procgroup *group = &table->groups[i];

		if (group->number != 0 && group->name.size == name->size &&
			memcmp(group->name.bytes, name->bytes, name->size) == 0) {
			return group;
		}
	}
	return NULL;
}

/* The place of a member, and of who stands before it. */
static uint16_t
find_member(const struct peal_procgroup_table *table, const struct peal_procgroup *group,
	uint64_t mid, uint32_t client, uint16_t *before_out)
{
	uint16_t at = group->first;

	*before_out = PEAL_PROCGROUP_NONE;
	while (at != PEAL_PROCGROUP_NONE &&
		(table->members[at].mid != mid || table->members[at].client != client)) {
		*before_out = at;
		at = table->members[at].next;
	}
	return at;
}

bool
peal_procgroup_table_has(const struct peal_procgroup_table *table,
	const struct peal_procgroup *group, uint64_t mid, uint32_t client)
{
	uint16_t before;

	return find_member(table, group, mid, client, &before) != PEAL_PROCGROUP_NONE;
}

static void
add_member(struct peal_procgroup_table *table, struct peal_procgroup *group, uint64_t mid,
	uint32_t client)
{
	uint16_t at = table->free;

	PEAL_ASSERT(at != PEAL_PROCGROUP_NONE);
	table->free = table->members[at].next;
	table->members[at] = (struct peal_procgroup_member){
		.mid = mid, .client = client, .next = PEAL_PROCGROUP_NONE};
	if (group->last == PEAL_PROCGROUP_NONE) {
		group->first = at;
	} else {
		table->members[group->last].next = at;
	}
	group->last = at;
	group->members_count++;
	table->members_count++;
}

static struct peal_procgroup *
open_group(
	struct peal_procgroup_table *table, uint32_t number, const struct peal_procgroup_name *name)
{
	struct peal_procgroup *group = place_of(table, number);

	PEAL_ASSERT(group->number == 0);
	*group = (struct peal_procgroup){.number = number,
		.first = PEAL_PROCGROUP_NONE,
		.last = PEAL_PROCGROUP_NONE,
		.seats = PEAL_PROCGROUP_NONE,
		.name = *name};
	table->groups_count++;
	return group;
}

struct peal_procgroup *
peal_procgroup_table_join(struct peal_procgroup_table *table,
	const struct peal_procgroup_name *name, uint32_t order,
	const struct peal_procgroup_table_member *member)
{
	struct peal_procgroup *group = peal_procgroup_table_find(table, name);

	if (table->free == PEAL_PROCGROUP_NONE ||
		(group == NULL && table->groups_count == PEAL_PROCGROUPS_MAX) ||
		(group != NULL &&
			(group->order != order || peal_procgroup_table_has(table, group,
							  member->mid, member->client)))) {
		return NULL;
	}
	if (group == NULL) {
		/* The next number whose place is free. There is one. */
		while (table->next_number == 0 ||
			place_of(table, table->next_number)->number != 0) {
			table->next_number++;
		}
		group = open_group(table, table->next_number++, name);
		group->order = order;
	}
	add_member(table, group, member->mid, member->client);
	return group;
}

static void
remove_member(struct peal_procgroup_table *table, struct peal_procgroup *group, uint16_t at,
	uint16_t before)
{
	uint16_t next = table->members[at].next;

	if (before == PEAL_PROCGROUP_NONE) {
		group->first = next;
	} else {
		table->members[before].next = next;
	}
	if (group->last == at) {
		group->last = before;
	}
	table->members[at].next = table->free;
	table->free = at;
	group->members_count--;
	table->members_count--;
}

bool
peal_procgroup_table_leave(struct peal_procgroup_table *table, struct peal_procgroup *group,
	uint64_t mid, uint32_t client)
{
	uint16_t before;
	uint16_t at = find_member(table, group, mid, client, &before);

	if (at != PEAL_PROCGROUP_NONE) {
		remove_member(table, group, at, before);
	}
	return at != PEAL_PROCGROUP_NONE;
}

static bool
is_among(const uint64_t *mids, uint32_t count, uint64_t mid)
{
	uint32_t low = 0;

	while (low < count) {
		uint32_t middle = low + (count - low) / 2U;

		if (mids[middle] == mid) {
			return true;
		}
		if (mids[middle] < mid) {
			low = middle + 1U;
		} else {
			count = middle;
		}
	}
	return false;
}

bool
peal_procgroup_table_remove_foreign(struct peal_procgroup_table *table,
	struct peal_procgroup *group, const uint64_t *mids, uint32_t mids_count, uint16_t *at,
	struct peal_procgroup_table_member *removed_out)
{
	uint16_t before = *at;
	uint16_t member =
		before == PEAL_PROCGROUP_NONE ? group->first : table->members[before].next;

	while (member != PEAL_PROCGROUP_NONE &&
		is_among(mids, mids_count, table->members[member].mid)) {
		before = member;
		member = table->members[member].next;
	}
	*at = before;
	if (member == PEAL_PROCGROUP_NONE) {
		return false;
	}
	*removed_out = (struct peal_procgroup_table_member){
		.mid = table->members[member].mid, .client = table->members[member].client};
	remove_member(table, group, member, before);
	return true;
}

void
peal_procgroup_table_clear(struct peal_procgroup_table *table, struct peal_procgroup *group)
{
	while (group->first != PEAL_PROCGROUP_NONE) {
		remove_member(table, group, group->first, PEAL_PROCGROUP_NONE);
	}
	peal_procgroup_table_drop(table, group);
}

struct peal_procgroup *
peal_procgroup_table_copy(struct peal_procgroup_table *table,
	const struct peal_procgroup_table *from, const struct peal_procgroup *group)
{
	struct peal_procgroup *copy;

	if (PEAL_PROCGROUPS_MEMBERS_MAX - table->members_count < group->members_count) {
		return NULL;
	}
	copy = open_group(table, group->number, &group->name);
	copy->order = group->order;
	copy->stamp = group->stamp;
	for (uint16_t at = group->first; at != PEAL_PROCGROUP_NONE; at = from->members[at].next) {
		add_member(table, copy, from->members[at].mid, from->members[at].client);
	}
	return copy;
}

void
peal_procgroup_table_drop(struct peal_procgroup_table *table, struct peal_procgroup *group)
{
	PEAL_ASSERT(group->number != 0 && group->members_count == 0);
	group->number = 0;
	table->groups_count--;
}

bool
peal_procgroup_table_take(
	struct peal_procgroup_table *table, const struct peal_procgroup_table_msg *message)
{
	struct peal_procgroup *group = peal_procgroup_table_find(table, &message->name);

	if (group == NULL) {
		if (place_of(table, message->group)->number != 0) {
			return false;
		}
		group = open_group(table, message->group, &message->name);
		group->stamp = message->stamp;
		group->order = message->order;
	} else if (group->number != message->group || group->order != message->order) {
		return false;
	}
	for (uint32_t i = 0; i < message->members_count; i++) {
		if (table->free == PEAL_PROCGROUP_NONE) {
			return false;
		}
		add_member(table, group, message->members[i].mid, message->members[i].client);
	}
	return true;
}

bool
peal_procgroup_table_next(const struct peal_procgroup_table *table, uint32_t *place,
	uint16_t *member, struct peal_procgroup_table_msg *message_out)
{
	const struct peal_procgroup *group;
	uint32_t room;

	while (*place < PEAL_PROCGROUPS_MAX && table->groups[*place].number == 0) {
		(*place)++;
	}
	if (*place == PEAL_PROCGROUPS_MAX) {
		return false;
	}
	group = &table->groups[*place];
	message_out->group = group->number;
	message_out->stamp = group->stamp;
	message_out->order = group->order;
	message_out->name = group->name;
	message_out->members_count = 0;
	room = peal_procgroup_table_room(group->name.size);
	if (*member == PEAL_PROCGROUP_NONE) {
		*member = group->first;
	}
	while (*member != PEAL_PROCGROUP_NONE && message_out->members_count < room) {
		const struct peal_procgroup_member *one = &table->members[*member];

		message_out->members[message_out->members_count++] =
			(struct peal_procgroup_table_member){
				.mid = one->mid, .client = one->client};
		*member = one->next;
	}
	if (*member == PEAL_PROCGROUP_NONE) {
		(*place)++;
	}
	return true;
}

uint64_t
peal_procgroup_table_digest(const struct peal_procgroup_table *table)
{
	uint64_t digest = table->groups_count;

	for (uint32_t i = 0; i < PEAL_PROCGROUPS_MAX; i++) {
		const struct peal_procgroup *group = &table->groups[i];

		if (group->number == 0) {
			continue;
		}
		digest = peal_hash_mix(digest ^ group->number ^ (uint64_t)group->order << 32);
		digest = peal_hash_mix(digest ^ group->stamp.epoch) ^ group->stamp.n;
		for (uint32_t at = 0; at < group->name.size; at++) {
			digest = peal_hash_mix(digest ^ group->name.bytes[at]);
		}
		for (uint16_t at = group->first; at != PEAL_PROCGROUP_NONE;
			at = table->members[at].next) {
			digest = peal_hash_mix(digest ^ table->members[at].mid);
			digest = peal_hash_mix(digest ^ table->members[at].client);
		}
	}
	return digest;
}
