/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Process groups in total order, and the order groups that they are in.
 *
 * The places of views and all messages come from an order group, in one order at all nodes. A place
 * may come before the stamp of its view; then it waits, and all that comes behind it in that order
 * group waits as well, for the stamp or for the end of its epoch. Messages in parts are put
 * together here: who comes in between two parts is given the whole, so that all members of a view
 * are given the same.
 */
#include "dataplane/procgroups_order.h"

#include "dataplane/procgroups_private.h"

#include <string.h>

/* A part that waits; its bytes follow, up to a multiple of eight. */
struct entry {
	uint64_t mid;
	uint32_t order;
	uint32_t is_own;
	uint32_t size;
	uint32_t offset;
	uint32_t message_size;
	uint32_t reserved;
};

/* --- order groups that are heard --- */

struct peal_procgroups_stream *
peal_procgroups_find_stream(struct peal_procgroups *groups, uint32_t id)
{
	for (uint32_t i = 0; id != 0 && i < PEAL_PROCGROUPS_STREAMS_MAX; i++) {
		if (groups->streams[i].order.id == id) {
			return &groups->streams[i];
		}
	}
	return NULL;
}

bool
peal_procgroups_listens(const struct peal_procgroups *groups, uint32_t id)
{
	/* Nothing is changed through it. */
	return peal_procgroups_find_stream((struct peal_procgroups *)(uintptr_t)groups, id) != NULL;
}

uint32_t
peal_procgroups_stream_of(const struct peal_procgroups *groups, uint16_t seat)
{
	uint32_t i = 0;

	PEAL_ASSERT(seat < PEAL_PROCGROUPS_SEATS_MAX);
	while (i < PEAL_PROCGROUPS_STREAMS_MAX &&
		(groups->seats[seat].order == 0 ||
			groups->streams[i].order.id != groups->seats[seat].order)) {
		i++;
	}
	return i;
}

uint32_t
peal_procgroups_choose_order(
	struct peal_procgroups *groups, const struct peal_procgroup_name *name, uint32_t wanted)
{
	const struct peal_procgroups_user *user = &groups->config.user;
	const struct peal_procgroup *there = peal_procgroup_table_find(&groups->table, name);
	struct peal_procgroups_order order = {.id = 0};

	if (wanted != 0) {
		return wanted;
	}
	if (there != NULL && there->order != 0) {
		return there->order;
	}
	return user->order != NULL && user->look(user->state, 0, &order) ? order.id : 0;
}

enum peal_procgroups_result
peal_procgroups_listen(struct peal_procgroups *groups, uint32_t id)
{
	const struct peal_procgroups_user *user = &groups->config.user;
	struct peal_procgroups_stream *stream = peal_procgroups_find_stream(groups, id);

	for (uint32_t i = 0; stream == NULL && i < PEAL_PROCGROUPS_STREAMS_MAX; i++) {
		stream = groups->streams[i].order.id == 0 ? &groups->streams[i] : NULL;
	}
	if (id == 0 || user->order == NULL) {
		return PEAL_PROCGROUPS_NO_ORDER;
	}
	if (stream == NULL) {
		return PEAL_PROCGROUPS_TOO_MANY;
	}
	if (!user->listen(user->state, id, true)) {
		return PEAL_PROCGROUPS_NO_ORDER;
	}
	if (stream->order.id == 0) {
		*stream = (struct peal_procgroups_stream){.order = {.id = id}};
		(void)user->look(user->state, id, &stream->order);
	}
	peal_procgroups_hurry(groups);
	return PEAL_PROCGROUPS_OK;
}

void
peal_procgroups_drop_held(struct peal_procgroups *groups, struct peal_procgroups_stream *stream)
{
	uint32_t kept = 0;

	for (uint32_t at = 0, span; stream->held_count > 0 && at < groups->ordered.size;
		at += span) {
		uint8_t *bytes = groups->ordered.bytes + at;
		struct entry entry;

		memcpy(&entry, bytes, sizeof(entry));
		span = peal_procgroups_held_span(sizeof(entry), entry.size);
		if (entry.order != stream->order.id) {
			memmove(groups->ordered.bytes + kept, bytes, span);
			kept += span;
		}
	}
	groups->ordered.size = stream->held_count > 0 ? kept : groups->ordered.size;
	stream->held_count = 0;
	memset(stream->speakers, 0, sizeof(stream->speakers));
}

void
peal_procgroups_note_lost(
	struct peal_procgroups *groups, uint32_t order, enum peal_procgroups_end end)
{
	struct peal_procgroups_stream *stream = peal_procgroups_find_stream(groups, order);

	/* Seats do not end in the middle of what is done with them. */
	if (stream != NULL) {
		stream->is_lost = true;
		stream->lost_end = end;
		peal_procgroups_hurry(groups);
	}
}

void
peal_procgroups_forget_orders(struct peal_procgroups *groups)
{
	const struct peal_procgroups_user *user = &groups->config.user;

	for (uint32_t i = 0; i < PEAL_PROCGROUPS_STREAMS_MAX; i++) {
		if (groups->streams[i].order.id != 0) {
			(void)user->listen(user->state, groups->streams[i].order.id, false);
		}
	}
	memset(groups->streams, 0, sizeof(groups->streams));
	groups->ordered.size = 0;
	groups->pending_count = 0;
	groups->words_count = 0;
	peal_procgroup_table_reset(&groups->shown);
}

/* --- what is delivered --- */

/* Some client of this node may see the group: now, or once a stamp has come that was asked for. */
static bool
may_be_wanted(struct peal_procgroups *groups, uint32_t order, uint32_t number)
{
	if (peal_procgroup_table_get(&groups->shown, number) != NULL) {
		return true;
	}
	for (uint32_t i = 0; i < PEAL_PROCGROUPS_SEATS_MAX && groups->asked_count > 0; i++) {
		const struct peal_procgroups_seat *seat = &groups->seats[i];

		if (seat->state == PEAL_PROCGROUPS_JOINING && seat->is_asked &&
			seat->order == order) {
			return true;
		}
	}
	return false;
}

/* The place of a view. False: its stamp has not come. */
static bool
on_mark(struct peal_procgroups *groups, const struct peal_procgroups_stream *stream,
	const struct peal_orderhead_group *head)
{
	struct peal_procgroup *shown;

	if (head->group != 0 && !peal_procgroups_is_seen(groups, &head->stamp) &&
		!PEAL_BUG(TOTAL_MARK_NOT_AWAITED)) {
		return !may_be_wanted(groups, stream->order.id, head->group);
	}
	shown = peal_procgroup_table_get(&groups->shown, head->group);
	if (shown != NULL && shown->order == stream->order.id) {
		peal_procgroups_place(groups, shown, &head->stamp);
	}
	return true;
}

/* An own message has come back. */
static void
count_back(struct peal_procgroups *groups, const struct peal_orderhead_group *head)
{
	const struct peal_procgroup *group = peal_procgroup_table_get(&groups->table, head->group);
	struct peal_procgroups_seat *seat =
		group == NULL ? NULL : peal_procgroups_find_seat(groups, group, head->client);

	if (seat != NULL && seat->away_count > 0 &&
		peal_procgroups_is_before(&seat->joined, &head->stamp)) {
		seat->away_count--;
		groups->is_asking_due =
			groups->is_asking_due || seat->state == PEAL_PROCGROUPS_LEAVING;
	}
}

/* A whole message goes to who sees the view that is shown, if its sender is in it. */
static void
on_message(struct peal_procgroups *groups, const struct peal_procgroups_stream *stream,
	const struct peal_procgroups_speaker *speaker, const uint8_t *bytes)
{
	const struct peal_procgroups_user *user = &groups->config.user;
	const struct peal_orderhead_group *head = &speaker->head;
	uint32_t size = speaker->message_size - PEAL_ORDERHEAD_GROUP_SIZE;
	const struct peal_procgroup *group = peal_procgroup_table_get(&groups->table, head->group);
	const struct peal_procgroup *shown = peal_procgroup_table_get(&groups->shown, head->group);

	if (group != NULL && group->order != stream->order.id) {
		peal_procgroups_count(groups, PEAL_COUNTER_GROUP_REFUSED_ORDER);
		return;
	}
	if (group == NULL || shown == NULL) {
		return; /* nobody here is in it, or it is no more */
	}
	if (!peal_procgroup_table_has(&groups->shown, shown, speaker->mid, head->client)) {
		peal_procgroups_count(groups, PEAL_COUNTER_GROUP_MESSAGES_DROPPED);
		return;
	}
	const struct peal_procgroups_message message = {.mid = speaker->mid,
		.client = head->client,
		.stamp = shown->stamp,
		.delivery = {.bytes = bytes, .size = size, .message_size = size}};

	for (uint16_t at = group->seats; at != PEAL_PROCGROUP_NONE; at = groups->seats[at].next) {
		const struct peal_procgroups_seat *seat = &groups->seats[at];

		if (seat->is_shown && seat->owner != PEAL_PROCGROUPS_NO_OWNER) {
			user->deliver(user->state, seat->owner, seat->tag, &message);
		}
	}
}

/* Whose place is given to another member before that of `other`: nothing is under way there, or it
 * has the lower number, as who held a rank before mostly has. */
static bool
goes_before(
	const struct peal_procgroups_speaker *speaker, const struct peal_procgroups_speaker *other)
{
	bool is_idle = speaker->message_size == 0;

	return is_idle == (other->message_size == 0) ? speaker->mid < other->mid : is_idle;
}

/* Where a member's message is put together; its place, or that of who has nothing under way. */
static struct peal_procgroups_speaker *
find_speaker(struct peal_procgroups_stream *stream, uint64_t mid)
{
	struct peal_procgroups_speaker *found = &stream->speakers[0];

	for (uint32_t i = 0; i < PEAL_ORDER_RANKS_MAX; i++) {
		if (stream->speakers[i].mid == mid) {
			return &stream->speakers[i];
		}
		if (goes_before(&stream->speakers[i], found)) {
			found = &stream->speakers[i];
		}
	}
	*found = (struct peal_procgroups_speaker){.mid = mid};
	return found;
}

/* The first part of a message of a group. Returns the client's bytes in it; NULL: it cannot be. */
static const uint8_t *
begin_message(struct peal_procgroups *groups, struct peal_procgroups_speaker *speaker,
	const struct peal_delivery *delivery)
{
	if (!peal_orderhead_group_decode(delivery->bytes, delivery->size, &speaker->head) ||
		delivery->message_size > PEAL_ORDERHEAD_GROUP_SIZE + PEAL_CLIENT_MESSAGE_SIZE_MAX) {
		peal_procgroups_count(groups, PEAL_COUNTER_GROUP_REFUSED_FORM);
		return NULL;
	}
	speaker->message_size = delivery->message_size;
	speaker->offset = PEAL_ORDERHEAD_GROUP_SIZE;
	return delivery->bytes + PEAL_ORDERHEAD_GROUP_SIZE;
}

/* A part of a message, or all of it. */
static void
take_part(struct peal_procgroups *groups, struct peal_procgroups_stream *stream,
	const struct peal_procgroups_ordered *ordered)
{
	const struct peal_delivery *delivery = &ordered->delivery;
	struct peal_procgroups_speaker *speaker = find_speaker(stream, ordered->mid);
	uint8_t *parts = groups->parts[stream - groups->streams][speaker - stream->speakers];
	const uint8_t *bytes = delivery->bytes;
	uint32_t end = delivery->offset + delivery->size;

	if (delivery->offset == 0) {
		speaker->message_size = 0;
		bytes = begin_message(groups, speaker, delivery);
	} else if (speaker->message_size != delivery->message_size ||
		   speaker->offset != delivery->offset) {
		/* Its beginning was before this node listened, or is none of groups. */
		speaker->message_size = 0;
	}
	if (speaker->message_size == 0 || bytes == NULL) {
		return;
	}
	if (delivery->offset > 0 || end < delivery->message_size) {
		memcpy(parts + speaker->offset - PEAL_ORDERHEAD_GROUP_SIZE, bytes,
			end - speaker->offset);
		bytes = parts;
	}
	speaker->offset = end;
	if (end == speaker->message_size) {
		if (ordered->is_own) {
			count_back(groups, &speaker->head);
		}
		on_message(groups, stream, speaker, bytes);
		speaker->message_size = 0;
	}
}

/* Takes what is next of an order group. False: it has to wait. */
static bool
take(struct peal_procgroups *groups, struct peal_procgroups_stream *stream,
	const struct peal_procgroups_ordered *ordered)
{
	const struct peal_delivery *delivery = &ordered->delivery;
	struct peal_orderhead_group head;
	uint8_t kind = PEAL_ORDERHEAD_GROUP;

	if (stream->is_lost) {
		return true;
	}
	if (delivery->offset == 0) {
		kind = peal_orderhead_kind_of(delivery->bytes, delivery->size);
	}
	if (kind == PEAL_ORDERHEAD_MARK) {
		/* A mark in two parts is none; it was counted when it came. */
		return delivery->size != delivery->message_size ||
		       !peal_orderhead_group_decode(delivery->bytes, delivery->size, &head) ||
		       on_mark(groups, stream, &head);
	}
	if (kind == PEAL_ORDERHEAD_GROUP) {
		take_part(groups, stream, ordered);
	} else {
		find_speaker(stream, ordered->mid)->message_size = 0;
	}
	return true;
}

static void
hold(struct peal_procgroups *groups, struct peal_procgroups_stream *stream,
	const struct peal_procgroups_ordered *ordered)
{
	const struct peal_delivery *delivery = &ordered->delivery;
	const struct entry entry = {.mid = ordered->mid,
		.order = ordered->order,
		.is_own = ordered->is_own ? 1U : 0U,
		.size = delivery->size,
		.offset = delivery->offset,
		.message_size = delivery->message_size};
	uint32_t span = peal_procgroups_held_span(sizeof(entry), delivery->size);
	uint8_t *room = groups->ordered.bytes + groups->ordered.size;

	if (span > PEAL_PROCGROUPS_HELD_SIZE - groups->ordered.size) {
		peal_procgroups_count(groups, PEAL_COUNTER_GROUP_OVERRUNS);
		peal_procgroups_drop_held(groups, stream);
		peal_procgroups_note_lost(groups, ordered->order, PEAL_PROCGROUPS_END_OVERRUN);
		return;
	}
	memcpy(room, &entry, sizeof(entry));
	memcpy(room + sizeof(entry), delivery->bytes, delivery->size);
	groups->ordered.size += span;
	stream->held_count++;
	peal_procgroups_count(groups, PEAL_COUNTER_GROUP_PARTS_HELD);
}

void
peal_procgroups_release_ordered(struct peal_procgroups *groups)
{
	uint32_t blocked = 0;
	uint32_t kept = 0;

	for (uint32_t at = 0, span; at < groups->ordered.size; at += span) {
		const uint8_t *bytes = groups->ordered.bytes + at;
		struct peal_procgroups_stream *stream;
		struct entry entry;

		memcpy(&entry, bytes, sizeof(entry));
		span = peal_procgroups_held_span(sizeof(entry), entry.size);
		stream = peal_procgroups_find_stream(groups, entry.order);
		PEAL_ASSERT(stream != NULL);
		const uint32_t bit = UINT32_C(1) << (stream - groups->streams);
		const struct peal_procgroups_ordered ordered = {.order = entry.order,
			.mid = entry.mid,
			.is_own = entry.is_own != 0,
			.delivery = {.bytes = bytes + sizeof(entry),
				.size = entry.size,
				.offset = entry.offset,
				.message_size = entry.message_size}};

		if ((blocked & bit) == 0 && take(groups, stream, &ordered)) {
			stream->held_count--;
			continue;
		}
		blocked |= bit;
		memmove(groups->ordered.bytes + kept, bytes, span);
		kept += span;
	}
	groups->ordered.size = kept;
}

/* What a rank knows of marks, whether or not it has clients in the group. */
static void
note_mark(struct peal_procgroups *groups, const struct peal_procgroups_ordered *ordered)
{
	const struct peal_delivery *delivery = &ordered->delivery;
	struct peal_orderhead_group head;
	struct peal_procgroup *group;

	if (delivery->offset != 0 ||
		peal_orderhead_kind_of(delivery->bytes, delivery->size) != PEAL_ORDERHEAD_MARK) {
		return;
	}
	if (delivery->size != delivery->message_size ||
		!peal_orderhead_group_decode(delivery->bytes, delivery->size, &head)) {
		peal_procgroups_count(groups, PEAL_COUNTER_GROUP_REFUSED_FORM);
		return;
	}
	group = peal_procgroup_table_get(&groups->table, head.group);
	if (group == NULL) {
		return;
	}
	if (group->order != ordered->order) {
		peal_procgroups_count(groups, PEAL_COUNTER_GROUP_REFUSED_MARK);
	} else if (!peal_procgroups_is_before(&head.stamp, &group->marked)) {
		group->marked = head.stamp;
	}
}

void
peal_procgroups_on_ordered(
	struct peal_procgroups *groups, const struct peal_procgroups_ordered *message)
{
	struct peal_procgroups_stream *stream = peal_procgroups_find_stream(groups, message->order);

	note_mark(groups, message);
	if (stream == NULL || stream->is_lost) {
		return;
	}
	if (!stream->is_begun) {
		stream->is_begun = true;
		groups->is_asking_due = true;
	}
	if (stream->held_count > 0 || !take(groups, stream, message)) {
		hold(groups, stream, message);
	}
}

/* --- what becomes of an order group --- */

void
peal_procgroups_on_order_skipped(struct peal_procgroups *groups, uint32_t id)
{
	struct peal_procgroups_stream *stream = peal_procgroups_find_stream(groups, id);

	peal_procgroups_mark_all(groups, id);
	if (stream == NULL) {
		return;
	}
	if (!stream->is_begun) {
		stream->is_begun = true;
		groups->is_asking_due = true;
	} else if (!PEAL_BUG(TOTAL_GAP_PASSED_OVER)) {
		peal_procgroups_note_lost(groups, id, PEAL_PROCGROUPS_END_OVERRUN);
	}
}

void
peal_procgroups_on_order_ended(struct peal_procgroups *groups, uint32_t id)
{
	struct peal_procgroups_stream *stream = peal_procgroups_find_stream(groups, id);

	if (stream != NULL) {
		stream->is_begun = false;
		peal_procgroups_note_lost(groups, id, PEAL_PROCGROUPS_END_ORDER_GONE);
	}
}

void
peal_procgroups_on_order_view(struct peal_procgroups *groups, uint32_t id, uint64_t doubtful_count)
{
	peal_procgroups_mark_all(groups, id);
	for (uint32_t i = 0; i < PEAL_PROCGROUPS_SEATS_MAX && doubtful_count > 0; i++) {
		struct peal_procgroups_seat *seat = &groups->seats[i];

		/* Nobody counts whose they were. */
		if (seat->state != PEAL_PROCGROUPS_FREE && seat->order == id &&
			seat->away_count > 0) {
			peal_procgroups_lose_seat(groups, seat, PEAL_PROCGROUPS_END_OVERRUN);
		}
	}
	peal_procgroups_look_at_orders(groups);
}

void
peal_procgroups_look_at_orders(struct peal_procgroups *groups)
{
	const struct peal_procgroups_user *user = &groups->config.user;

	for (uint32_t i = 0; i < PEAL_PROCGROUPS_STREAMS_MAX; i++) {
		struct peal_procgroups_stream *stream = &groups->streams[i];
		struct peal_procgroups_order now = stream->order;

		if (stream->order.id == 0 || !user->look(user->state, stream->order.id, &now) ||
			(now.is_rank == stream->order.is_rank &&
				now.is_waiting == stream->order.is_waiting)) {
			continue;
		}
		stream->order = now;
		groups->is_asking_due = true; /* who leaves need not wait any more */
		peal_procgroups_hurry(groups);
		for (uint32_t at = 0; at < PEAL_PROCGROUPS_SEATS_MAX; at++) {
			const struct peal_procgroups_seat *seat = &groups->seats[at];

			if (seat->state != PEAL_PROCGROUPS_FREE && seat->order == now.id &&
				seat->is_shown && seat->owner != PEAL_PROCGROUPS_NO_OWNER) {
				user->standing(user->state, seat->owner, seat->tag, &now);
			}
		}
	}
}
