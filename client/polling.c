/* SPDX-License-Identifier: BSD-3-Clause */
#include "client/asking.h"
#include "client/mark.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND_NS UINT64_C(1000000000)

uint64_t
peal_polling_now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

enum peal_result
peal_state(const struct peal *peal)
{
	uint32_t end = atomic_load_explicit(&peal->down->end, memory_order_relaxed);
	uint32_t death = atomic_load_explicit(&peal->page->death.word, memory_order_relaxed);

	if (end == PEAL_CLIENT_END_VIOLATION || end == PEAL_CLIENT_END_SLOW) {
		return PEAL_EVICTED;
	}
	return end != PEAL_CLIENT_END_NONE || death == 0 || (death & PEAL_REGION_OWNER_DIED) != 0 ||
			       peal->is_broken
		       ? PEAL_CLOSED
		       : PEAL_OK;
}

const struct peal_view *
peal_view(const struct peal *peal)
{
	return &peal->views.views[peal->views.shown];
}

bool
peal_is_member(const struct peal *peal, uint64_t *epoch_out)
{
	uint64_t epoch;
	uint64_t lease_ns = peal_region_read_lease(peal->page, &epoch);

	if (epoch_out != NULL) {
		*epoch_out = epoch;
	}
	return lease_ns != 0 && epoch != 0 && peal_polling_now_ns() < lease_ns;
}

/* --- messages in parts --- */

enum assembly {
	WHOLE = 0,
	MORE,   /* wait for the rest */
	BROKEN, /* parts that do not follow each other */
};

static enum assembly
add_part(struct peal_assembly_buffer *buffer, const struct peal_client_part *part,
	const uint8_t *bytes, uint32_t size)
{
	if (part->offset == 0) {
		buffer->filled = 0;
		buffer->message_size = part->message_size;
		if (part->message_size > buffer->capacity) {
			free(buffer->bytes);
			buffer->capacity = 0;
			buffer->bytes = malloc(part->message_size);
			if (buffer->bytes == NULL) {
				return BROKEN;
			}
			buffer->capacity = part->message_size;
		}
	}
	if (part->message_size != buffer->message_size || part->offset != buffer->filled ||
		size > buffer->message_size - buffer->filled) {
		return BROKEN;
	}
	memcpy(buffer->bytes + buffer->filled, bytes, size);
	buffer->filled += size;
	return buffer->filled == buffer->message_size ? WHOLE : MORE;
}

/* The buffer of an origin; NULL: more are under way than there can be. */
static struct peal_assembly_buffer *
find_origin(struct peal_assembly_buffer *buffers, uint32_t count, uint64_t origin)
{
	struct peal_assembly_buffer *spare = NULL;

	for (uint32_t i = 0; i < count; i++) {
		if (buffers[i].origin == origin) {
			return &buffers[i];
		}
		if (spare == NULL && buffers[i].origin == 0) {
			spare = &buffers[i];
		}
	}
	if (spare != NULL) {
		spare->origin = origin;
	}
	return spare;
}

/* --- records --- */

enum outcome {
	EVENT = 0, /* *event_out is one */
	NOTHING,   /* that was for us, not for the application */
	WRONG,     /* it cannot be */
};

/* Messages of requests are looked into. */
static enum outcome
show_message(struct peal *peal, struct peal_channel_end *end, struct peal_event *event)
{
	if (end->role == PEAL_ROLE_PLAIN) {
		return EVENT;
	}
	return peal_answering_take_message(peal, end, event) ? EVENT : NOTHING;
}

static enum outcome
take_message(struct peal *peal, const struct peal_shmring_record *record, struct peal_event *event)
{
	struct peal_channel_end *end = peal_sending_find(peal, record->tag);
	struct peal_client_part part;
	enum assembly assembly;

	if (end == NULL) {
		return WRONG;
	}
	event->kind = PEAL_EVENT_MESSAGE;
	event->channel = record->tag;
	event->member = end->member;
	if (record->kind == PEAL_CLIENT_DELIVER) {
		event->bytes = record->bytes;
		event->size = record->size;
		return show_message(peal, end, event);
	}
	if (record->size < sizeof(part)) {
		return WRONG;
	}
	memcpy(&part, record->bytes, sizeof(part));
	assembly = add_part(&end->parts, &part, record->bytes + sizeof(part),
		record->size - (uint32_t)sizeof(part));
	event->bytes = end->parts.bytes;
	event->size = end->parts.message_size;
	if (assembly == WHOLE) {
		return show_message(peal, end, event);
	}
	return assembly == MORE ? NOTHING : WRONG;
}

static enum outcome
take_cast(struct peal *peal, const struct peal_shmring_record *record, struct peal_event *event)
{
	struct peal_assembly_buffer *buffer;
	struct peal_client_part part;
	enum assembly assembly;
	uint32_t head_size = (uint32_t)(sizeof(event->member) + sizeof(part));

	event->kind = PEAL_EVENT_CAST;
	if (record->size < sizeof(event->member)) {
		return WRONG;
	}
	memcpy(&event->member, record->bytes, sizeof(event->member));
	if (record->kind == PEAL_CLIENT_HEARD) {
		event->bytes = record->bytes + sizeof(event->member);
		event->size = record->size - (uint32_t)sizeof(event->member);
		return EVENT;
	}
	buffer = find_origin(peal->casts, PEAL_DIRECT_MAX, event->member);
	if (record->size < head_size || buffer == NULL) {
		return WRONG;
	}
	memcpy(&part, record->bytes + sizeof(event->member), sizeof(part));
	assembly = add_part(buffer, &part, record->bytes + head_size, record->size - head_size);
	event->bytes = buffer->bytes;
	event->size = buffer->message_size;
	if (assembly == WHOLE) {
		buffer->origin = 0; /* in a large view others come; its bytes stay until then */
	}
	return assembly == WHOLE ? EVENT : (assembly == MORE ? NOTHING : WRONG);
}

static enum outcome
take_group_message(
	struct peal *peal, const struct peal_shmring_record *record, struct peal_event *event)
{
	const uint32_t from_size = (uint32_t)sizeof(struct peal_client_group_from);
	struct peal_assembly_buffer *buffer;
	struct peal_client_part part;
	enum assembly assembly;

	if (!peal_groups_take_from(peal, record, event)) {
		return WRONG;
	}
	if (record->kind == PEAL_CLIENT_GROUP_HEARD) {
		event->bytes = record->bytes + from_size;
		event->size = record->size - from_size;
		return EVENT;
	}
	/* A node says one message after the other, to whatever groups. */
	buffer = find_origin(peal->group_parts, PEAL_DIRECT_MAX, event->member);
	if (record->size < from_size + sizeof(part) || buffer == NULL) {
		return WRONG;
	}
	memcpy(&part, record->bytes + from_size, sizeof(part));
	assembly = add_part(buffer, &part, record->bytes + from_size + sizeof(part),
		record->size - from_size - (uint32_t)sizeof(part));
	event->bytes = buffer->bytes;
	event->size = buffer->message_size;
	return assembly == WHOLE ? EVENT : (assembly == MORE ? NOTHING : WRONG);
}

static enum outcome
take_ordered(struct peal *peal, const struct peal_shmring_record *record, struct peal_event *event)
{
	const uint32_t ordered_size = (uint32_t)sizeof(struct peal_client_ordered);
	struct peal_assembly_buffer *buffer;
	struct peal_client_part part;
	enum assembly assembly = WHOLE;

	if (!peal_ordering_take_ordered(peal, record, event)) {
		return WRONG;
	}
	if (record->kind == PEAL_CLIENT_ORDERED) {
		event->bytes = record->bytes + ordered_size;
		event->size = record->size - ordered_size;
	} else {
		/* A rank says one message after the other, and other ranks between its parts. */
		buffer = find_origin(peal_ordering_parts(peal, event->channel),
			PEAL_ORDER_GROUP_RANKS_MAX, event->member);
		if (record->size < ordered_size + sizeof(part) || buffer == NULL) {
			return WRONG;
		}
		memcpy(&part, record->bytes + ordered_size, sizeof(part));
		assembly = add_part(buffer, &part, record->bytes + ordered_size + sizeof(part),
			record->size - ordered_size - (uint32_t)sizeof(part));
		event->bytes = buffer->bytes;
		event->size = buffer->message_size;
	}
	if (assembly != WHOLE) {
		return assembly == MORE ? NOTHING : WRONG;
	}
	return peal_ordering_follows(peal, event) ? EVENT : WRONG;
}

static enum outcome
take_value(const struct peal_shmring_record *record, struct peal_event *event)
{
	struct peal_client_value value;

	if (record->size < sizeof(value) ||
		record->size > sizeof(value) + PEAL_CLIENT_VALUE_SIZE_MAX) {
		return WRONG;
	}
	memcpy(&value, record->bytes, sizeof(value));
	event->kind = PEAL_EVENT_VALUE;
	event->member = value.mid;
	event->number = value.number;
	event->bytes = record->bytes + sizeof(value);
	event->size = record->size - (uint32_t)sizeof(value);
	return value.number < PEAL_CLIENT_VALUES_MAX ? EVENT : WRONG;
}

static enum outcome
take_opened(struct peal *peal, const struct peal_shmring_record *record, struct peal_event *event)
{
	struct peal_channel_end *end = &peal->channels[PEAL_CLIENT_TAG_PLACE(record->tag)];
	struct peal_client_open opened;

	if (record->size != sizeof(opened) || end->is_open ||
		PEAL_CLIENT_TAG_PLACE(record->tag) < PEAL_CLIENT_PLACES_OWN) {
		return WRONG;
	}
	memcpy(&opened, record->bytes, sizeof(opened));
	end->is_open = true;
	end->is_closing = false;
	end->is_finished = false;
	end->role =
		opened.number >= PEAL_CLIENT_SERVICES_LOWER ? PEAL_ROLE_SERVING : PEAL_ROLE_PLAIN;
	end->life = (uint16_t)(record->tag >> 7);
	end->number = opened.number;
	end->member = opened.mid;
	end->lane = 0;
	end->opened_at = 0;
	end->sent = 0;
	end->sent_count = 0;
	end->parts.message_size = 0;
	event->kind = PEAL_EVENT_OPENED;
	event->channel = record->tag;
	event->member = opened.mid;
	event->number = opened.number;
	return end->role == PEAL_ROLE_PLAIN ? EVENT : NOTHING;
}

/* The end of a channel of requests is told by request. */
static enum outcome
show_end(struct peal *peal, struct peal_channel_end *end, const struct peal_event *event)
{
	if (end->role == PEAL_ROLE_PLAIN) {
		return EVENT;
	}
	peal_answering_take_end(peal, end, event);
	return NOTHING;
}

static enum outcome
take_finished(struct peal *peal, const struct peal_shmring_record *record, struct peal_event *event)
{
	struct peal_channel_end *end = peal_sending_find(peal, record->tag);

	if (end == NULL) {
		return WRONG;
	}
	const struct peal_lane_drain drain = {.kind = PEAL_CLIENT_FINISHED, .tag = record->tag};

	if (peal_lanes_hold(peal, end, &drain)) {
		return NOTHING;
	}
	event->kind = PEAL_EVENT_FINISHED;
	event->channel = record->tag;
	if (end->role == PEAL_ROLE_PLAIN) {
		return EVENT;
	}
	end->is_finished = true;
	peal->has_finished = true;
	return NOTHING;
}

static enum outcome
take_near(struct peal *peal, const struct peal_shmring_record *record, struct peal_event *event)
{
	bool is_good;

	if (peal_answering_take_near(peal, record, event, &is_good)) {
		return EVENT;
	}
	return is_good ? NOTHING : WRONG;
}

static enum outcome
end_channel(struct peal *peal, struct peal_channel_end *end, uint32_t tag,
	const struct peal_client_ended *ended, struct peal_event *event)
{
	uint64_t unheard_count = peal_lanes_part(peal, end);

	end->is_open = false;
	event->kind = PEAL_EVENT_ENDED;
	event->channel = tag;
	event->member = end->member;
	event->number = end->number;
	event->reason = (uint8_t)ended->reason;
	/* And what the core did not take any more, or the other end did not hear of a lane. In an
	 * orderly end what was shown has arrived. */
	event->lost_count = ended->lost_count + (end->sent_count - ended->accepted_count);
	event->lost_count += ended->reason == PEAL_REASON_ORDERLY ? 0 : unheard_count;
	return show_end(peal, end, event);
}

/* What was said behind all messages of a lane, when those were told. */
static bool
go_on_draining(struct peal *peal, struct peal_event *event)
{
	struct peal_lane_drain *drain = &peal->lanes.drain;
	uint32_t tag = drain->tag;

	if (drain->kind == 0) {
		return false;
	}
	if (peal_lanes_hear(peal, drain->lane, event)) {
		return true;
	}
	*event = (struct peal_event){.kind = PEAL_EVENT_FINISHED, .channel = tag};
	if (drain->kind == PEAL_CLIENT_ENDED) {
		(void)end_channel(peal, &peal->channels[PEAL_CLIENT_TAG_PLACE(tag)], tag,
			&drain->ended, event);
	}
	drain->kind = 0;
	return true;
}

static enum outcome
take_end(struct peal *peal, const struct peal_shmring_record *record, struct peal_event *event)
{
	static const uint8_t results[] = {
		[PEAL_CLIENT_NOT_IN_VIEW] = PEAL_NOT_IN_VIEW,
		[PEAL_CLIENT_TOO_MANY] = PEAL_TOO_MANY,
		[PEAL_CLIENT_IN_USE] = PEAL_IN_USE,
		[PEAL_CLIENT_ELSEWHERE] = PEAL_NOT_HERE,
	};
	struct peal_channel_end *end = peal_sending_find(peal, record->tag);
	struct peal_client_refused refused;
	struct peal_client_ended ended;

	if (end == NULL) {
		return WRONG;
	}
	if (record->kind == PEAL_CLIENT_REFUSED) {
		event->kind = PEAL_EVENT_ENDED;
		event->channel = record->tag;
		event->member = end->member;
		event->number = end->number;
		end->is_open = false;
		if (record->size != sizeof(refused)) {
			return WRONG;
		}
		memcpy(&refused, record->bytes, sizeof(refused));
		event->reason = PEAL_REASON_REFUSED;
		event->result = refused.result < sizeof(results) ? results[refused.result] : 0;
		event->lost_count = end->sent_count;
		return show_end(peal, end, event);
	}
	if (record->size != sizeof(ended)) {
		return WRONG;
	}
	memcpy(&ended, record->bytes, sizeof(ended));
	if (ended.reason > PEAL_REASON_REMOVED || ended.accepted_count > end->sent_count) {
		return WRONG;
	}
	const struct peal_lane_drain drain = {
		.kind = PEAL_CLIENT_ENDED, .tag = record->tag, .ended = ended};

	return peal_lanes_hold(peal, end, &drain)
		       ? NOTHING
		       : end_channel(peal, end, record->tag, &ended, event);
}

static enum outcome
take_news(const struct peal_shmring_record *record, struct peal_event *event)
{
	struct peal_client_news news;

	if (record->size != sizeof(news)) {
		return WRONG;
	}
	memcpy(&news, record->bytes, sizeof(news));
	if (news.kind != PEAL_CLIENT_NO_QUORUM && news.kind != PEAL_CLIENT_QUORUM) {
		return NOTHING;
	}
	event->kind = news.kind == PEAL_CLIENT_QUORUM ? PEAL_EVENT_QUORUM : PEAL_EVENT_NO_QUORUM;
	return EVENT;
}

static enum outcome
take_view(struct peal *peal, const struct peal_shmring_record *record, struct peal_event *event)
{
	bool is_good;

	event->kind = PEAL_EVENT_VIEW;
	if (!peal_viewbook_add(&peal->views, record, &is_good)) {
		return is_good ? NOTHING : WRONG;
	}
	/* Who sent a part and is gone never sends the rest; who stays begins again. */
	for (uint32_t i = 0; i < PEAL_DIRECT_MAX; i++) {
		peal->casts[i].origin = 0;
		peal->casts[i].message_size = 0;
		peal->group_parts[i].origin = 0;
		peal->group_parts[i].message_size = 0;
	}
	peal_asking_take_view(peal);
	return EVENT;
}

static enum outcome
take(struct peal *peal, const struct peal_shmring_record *record, struct peal_event *event)
{
	switch (record->kind) {
	case PEAL_CLIENT_DELIVER:
	case PEAL_CLIENT_DELIVER_PART:
		return take_message(peal, record, event);
	case PEAL_CLIENT_HEARD:
	case PEAL_CLIENT_HEARD_PART:
		return take_cast(peal, record, event);
	case PEAL_CLIENT_VALUE:
		return take_value(record, event);
	case PEAL_CLIENT_VIEW:
		return take_view(peal, record, event);
	case PEAL_CLIENT_DEPARTED:
		return peal_viewbook_add_departed(&peal->views, record) ? NOTHING : WRONG;
	case PEAL_CLIENT_NEWS:
		return take_news(record, event);
	case PEAL_CLIENT_GROUP_VIEW:
		return peal_groups_take_view(peal, record, event) ? EVENT : WRONG;
	case PEAL_CLIENT_GROUP_HEARD:
	case PEAL_CLIENT_GROUP_HEARD_PART:
		return take_group_message(peal, record, event);
	case PEAL_CLIENT_GROUP_ORDER:
		return peal_groups_take_order(peal, record) ? NOTHING : WRONG;
	case PEAL_CLIENT_GROUP_ENDED:
		return peal_groups_take_end(peal, record, event) ? EVENT : WRONG;
	case PEAL_CLIENT_ORDER_VIEW:
		return peal_ordering_take_view(peal, record, event) ? EVENT : WRONG;
	case PEAL_CLIENT_ORDERED:
	case PEAL_CLIENT_ORDERED_PART:
		return take_ordered(peal, record, event);
	case PEAL_CLIENT_ORDER_SKIPPED:
		return peal_ordering_take_skipped(peal, record, event) ? EVENT : WRONG;
	case PEAL_CLIENT_ORDER_DOUBTFUL:
		return peal_ordering_take_doubtful(peal, record, event) ? EVENT : WRONG;
	case PEAL_CLIENT_ORDER_ENDED:
		return peal_ordering_take_end(peal, record, event) ? EVENT : WRONG;
	case PEAL_CLIENT_OPENED:
		return take_opened(peal, record, event);
	case PEAL_CLIENT_REFUSED:
	case PEAL_CLIENT_ENDED:
		return take_end(peal, record, event);
	case PEAL_CLIENT_FINISHED:
		return take_finished(peal, record, event);
	case PEAL_CLIENT_LANE_MADE:
		return peal_lanes_take_made(peal, record) ? NOTHING : WRONG;
	case PEAL_CLIENT_LANE_READY:
		return peal_lanes_take_ready(peal, record) ? NOTHING : WRONG;
	case PEAL_CLIENT_LANE_USED:
		return peal_lanes_take_used(peal, record) ? NOTHING : WRONG;
	case PEAL_CLIENT_ASKED:
	case PEAL_CLIENT_ANSWERED:
	case PEAL_CLIENT_UNSERVED:
		return take_near(peal, record, event);
	case PEAL_CLIENT_CAST_LOST:
		event->kind = PEAL_EVENT_CAST_LOST;
		if (record->size != sizeof(event->lost_count)) {
			return WRONG;
		}
		memcpy(&event->lost_count, record->bytes, sizeof(event->lost_count));
		return EVENT;
	default:
		return WRONG;
	}
}

enum peal_result
peal_poll(struct peal *peal, struct peal_event *event)
{
	struct peal_shmring_record record;

	if ((peal->sleeper.told & 1U) != 0) {
		peal_waiting_wake_up(peal, false);
	}
	if ((peal->views.is_comparing && peal_viewbook_next_change(&peal->views, event)) ||
		(peal->group_changes_at != peal->group_changes_count &&
			peal_groups_next_change(peal, event))) {
		return PEAL_OK;
	}
	if (peal->lanes.has_answer || peal->lanes.breaking != 0) {
		peal_lanes_speak(peal);
	}
	if ((peal->lanes.drain.kind != 0 && go_on_draining(peal, event)) ||
		peal_lanes_poll(peal, event)) {
		return PEAL_OK;
	}
	PEAL_MARK("to release");
	if (peal_shmring_release(&peal->reader)) {
		peal_waiting_tell_room(peal);
	}
	if (peal_asking_next_event(peal, false, event)) {
		return PEAL_OK;
	}
	while (peal_shmring_borrow(&peal->reader, &record)) {
		enum outcome outcome;

		*event = (struct peal_event){.kind = 0};
		PEAL_MARK("borrowed");
		outcome = take(peal, &record, event);
		PEAL_MARK("taken");
		if (outcome == EVENT) {
			return PEAL_OK;
		}
		if (outcome == WRONG) {
			peal->is_broken = true;
			return PEAL_CLOSED;
		}
		(void)peal_shmring_release(&peal->reader);
		PEAL_MARK("released");
		if (go_on_draining(peal, event)) {
			return PEAL_OK;
		}
		if (peal_asking_next_event(peal, false, event)) {
			return PEAL_OK;
		}
	}
	if (peal_asking_next_event(peal, true, event) || peal_lanes_poll(peal, event)) {
		return PEAL_OK;
	}
	peal->is_broken = peal->is_broken || peal->reader.is_broken;
	*event = (struct peal_event){.kind = 0};
	enum peal_result state = peal_state(peal);

	/* It may have written its last between our look and its end; and so may others in lanes. */
	if (state != PEAL_OK && !peal->is_broken) {
		peal_lanes_stop(peal);
		if (peal_shmring_has_more(&peal->reader) || peal_lanes_poll(peal, event)) {
			return event->kind != 0 ? PEAL_OK : peal_poll(peal, event);
		}
	}
	return state != PEAL_OK ? state : PEAL_EMPTY;
}
