/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is sent to groups whose messages are in the order of each sender.
 *
 * A message may overtake the stamp of the view in which it was sent, for the two come from
 * different members. Then it waits, and what its node says after it waits behind it. Who has no
 * client that could be in that view drops it.
 */
#include "dataplane/procgroups_private.h"

#include <string.h>

/* A part that waits; its bytes follow, up to a multiple of eight. */
struct entry {
	uint32_t rank;
	uint32_t size;
	uint32_t offset;
	uint32_t message_size;
};

static uint32_t
span_of(uint32_t size)
{
	return peal_procgroups_held_span((uint32_t)sizeof(struct entry), size);
}

enum peal_procgroups_result
peal_procgroups_send(
	struct peal_procgroups *groups, uint16_t seat_index, uint8_t *message, uint32_t size)
{
	const struct peal_procgroups_seat *seat = &groups->seats[seat_index];
	const struct peal_procgroup *group;
	enum peal_cast_result result;

	PEAL_ASSERT(seat_index < PEAL_PROCGROUPS_SEATS_MAX && size >= PEAL_PROCGROUP_HEAD_SIZE);
	if (seat->state != PEAL_PROCGROUPS_MEMBER) {
		return PEAL_PROCGROUPS_NOT_MEMBER;
	}
	if (seat->order != 0) {
		return peal_procgroups_send_ordered(
			groups, &groups->seats[seat_index], message, size);
	}
	group = peal_procgroup_table_get(&groups->table, seat->group);
	PEAL_ASSERT(group != NULL);
	const struct peal_procgroup_data data = {
		.group = group->number, .client = seat->client, .stamp = group->stamp};

	peal_procgroup_data_encode(&data, message);
	result = peal_procgroups_cast(groups, message, size);
	if (result == PEAL_CAST_OK) {
		peal_procgroups_count(groups, PEAL_COUNTER_GROUP_MESSAGES_SENT);
		return PEAL_PROCGROUPS_OK;
	}
	return result == PEAL_CAST_FULL ? PEAL_PROCGROUPS_FULL : PEAL_PROCGROUPS_NOT_MEMBER;
}

bool
peal_procgroups_is_seen(
	const struct peal_procgroups *groups, const struct peal_procgroup_stamp *stamp)
{
	return stamp->epoch < groups->epoch ||
	       (stamp->epoch == groups->epoch && groups->is_ready && stamp->n <= groups->n);
}

/* True when a client of this node may be in a view that is not here yet: it is in the group, or on
 * its way into some group. */
static bool
may_be_wanted(struct peal_procgroups *groups, uint32_t number)
{
	const struct peal_procgroup *group = peal_procgroup_table_get(&groups->table, number);

	if (groups->asked_count > 0) {
		return true;
	}
	for (uint16_t at = group != NULL ? group->seats : PEAL_PROCGROUP_NONE;
		at != PEAL_PROCGROUP_NONE; at = groups->seats[at].next) {
		if (groups->seats[at].owner != PEAL_PROCGROUPS_NO_OWNER) {
			return true;
		}
	}
	return false;
}

static void
hand_out(struct peal_procgroups *groups, const struct peal_procgroups_origin *origin,
	const struct peal_delivery *delivery)
{
	const struct peal_procgroups_user *user = &groups->config.user;
	const struct peal_procgroup *group =
		peal_procgroup_table_get(&groups->table, origin->data.group);
	uint32_t skipped = delivery->offset == 0 ? PEAL_PROCGROUP_HEAD_SIZE : 0;
	const struct peal_procgroups_message message = {.mid = origin->mid,
		.client = origin->data.client,
		.stamp = origin->data.stamp,
		.delivery = {.bytes = delivery->bytes + skipped,
			.size = delivery->size - skipped,
			.offset = delivery->offset + skipped - PEAL_PROCGROUP_HEAD_SIZE,
			.message_size = delivery->message_size - PEAL_PROCGROUP_HEAD_SIZE}};

	if (group != NULL && group->order != 0) {
		peal_procgroups_count(groups, PEAL_COUNTER_GROUP_REFUSED_ORDER);
		return;
	}
	for (uint16_t at = group != NULL ? group->seats : PEAL_PROCGROUP_NONE;
		at != PEAL_PROCGROUP_NONE; at = groups->seats[at].next) {
		const struct peal_procgroups_seat *seat = &groups->seats[at];

		if (seat->owner != PEAL_PROCGROUPS_NO_OWNER &&
			peal_procgroups_is_before(&seat->joined, &origin->data.stamp)) {
			user->deliver(user->state, seat->owner, seat->tag, &message);
		}
	}
}

/* Hands a part out, or drops it. False: it has to wait. */
static bool
take(struct peal_procgroups *groups, struct peal_procgroups_origin *origin,
	const struct peal_delivery *delivery)
{
	if (delivery->offset == 0) {
		origin->is_wanted =
			peal_procgroup_data_decode(delivery->bytes, delivery->size, &origin->data);
		if (!origin->is_wanted || origin->data.stamp.epoch > groups->epoch) {
			origin->is_wanted = false;
			peal_procgroups_count(groups, PEAL_COUNTER_GROUP_REFUSED_FORM);
			return true;
		}
		if (!peal_procgroups_is_seen(groups, &origin->data.stamp) &&
			!PEAL_BUG(GROUP_DATA_NOT_HELD)) {
			if (may_be_wanted(groups, origin->data.group)) {
				return false;
			}
			origin->is_wanted = false;
		}
	}
	if (origin->is_wanted) {
		hand_out(groups, origin, delivery);
	}
	return true;
}

static void
hold(struct peal_procgroups *groups, uint32_t rank, const struct peal_delivery *delivery)
{
	const struct entry entry = {.rank = rank,
		.size = delivery->size,
		.offset = delivery->offset,
		.message_size = delivery->message_size};
	uint8_t *room = groups->held.bytes + groups->held.size;

	if (span_of(delivery->size) > PEAL_PROCGROUPS_HELD_SIZE - groups->held.size) {
		peal_procgroups_count(groups, PEAL_COUNTER_GROUP_OVERRUNS);
		groups->held.size = 0;
		for (uint32_t i = 0; i < groups->origins_count; i++) {
			groups->origins[i].held_count = 0;
			groups->origins[i].is_wanted = false;
		}
		peal_procgroups_lose(groups, 0, PEAL_PROCGROUPS_END_OVERRUN);
		return;
	}
	memcpy(room, &entry, sizeof(entry));
	memcpy(room + sizeof(entry), delivery->bytes, delivery->size);
	groups->held.size += span_of(delivery->size);
	groups->origins[rank].held_count++;
	peal_procgroups_count(groups, PEAL_COUNTER_GROUP_PARTS_HELD);
}

void
peal_procgroups_on_data(
	struct peal_procgroups *groups, uint32_t rank, const struct peal_delivery *delivery)
{
	struct peal_procgroups_origin *origin = &groups->origins[rank];

	if (origin->held_count > 0 || !take(groups, origin, delivery)) {
		hold(groups, rank, delivery);
	}
}

void
peal_procgroups_release_held(struct peal_procgroups *groups)
{
	uint64_t blocked = 0;
	uint32_t kept = 0;

	for (uint32_t at = 0, span; at < groups->held.size; at += span) {
		const uint8_t *bytes = groups->held.bytes + at;
		struct entry entry;

		memcpy(&entry, bytes, sizeof(entry));
		span = span_of(entry.size);
		const struct peal_delivery delivery = {.bytes = bytes + sizeof(entry),
			.size = entry.size,
			.offset = entry.offset,
			.message_size = entry.message_size};

		if ((blocked >> entry.rank & 1U) == 0 &&
			take(groups, &groups->origins[entry.rank], &delivery)) {
			groups->origins[entry.rank].held_count--;
			continue;
		}
		blocked |= UINT64_C(1) << entry.rank;
		memmove(groups->held.bytes + kept, bytes, span);
		kept += span;
	}
	groups->held.size = kept;
}
