/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/orders_private.h"

#include "wire/order_data.h"

/* Nothing is lent. */
static const struct peal_sendqueue_lender no_lender;

/* Small messages, as many as there is room for. Returns the size. */
static uint16_t
cut_records(struct peal_orders_group *group, uint8_t *data, uint16_t room,
	struct peal_orders_sent *sent)
{
	struct peal_sendqueue *queue = &group->queue;
	uint16_t size = peal_order_data_begin_records(data);

	while (queue->tail < queue->head && sent->ends_count < PEAL_ORDER_RECORDS_MAX) {
		struct peal_sendqueue_entry entry = peal_sendqueue_at(queue, queue->tail);
		uint16_t record_size = (uint16_t)entry.size;

		if (entry.size + PEAL_ORDER_DATA_RECORD_SIZE > (uint32_t)room - size) {
			break;
		}
		memcpy(data + size, &record_size, sizeof(record_size));
		size = (uint16_t)(size + PEAL_ORDER_DATA_RECORD_SIZE);
		peal_sendqueue_read(queue, queue->tail, &entry, 0, data + size, entry.size);
		size = (uint16_t)(size + record_size);
		sent->ends_count++;
		peal_sendqueue_release(queue, entry.next, &no_lender);
	}
	return size;
}

/* The next part of a large message. */
static uint16_t
cut_part(struct peal_orders_group *group, uint8_t *data, uint16_t room,
	struct peal_orders_sent *sent)
{
	struct peal_sendqueue *queue = &group->queue;
	struct peal_sendqueue_entry entry = peal_sendqueue_at(queue, queue->tail);
	uint32_t left = entry.size - group->cut_offset;
	struct peal_order_part part = {.message_size = entry.size,
		.offset = group->cut_offset,
		.number = group->cut_number,
		.size = (uint16_t)(room - PEAL_ORDER_DATA_PART_SIZE)};
	uint16_t size = peal_order_data_begin_part(data, &part);

	part.size = part.size < left ? part.size : (uint16_t)left;
	peal_sendqueue_read(queue, queue->tail, &entry, part.offset, data + size, part.size);
	group->cut_offset += part.size;
	sent->is_open = group->cut_offset < entry.size;
	if (!sent->is_open) {
		sent->ends_count = 1;
		group->cut_offset = 0;
		group->cut_number++;
		peal_sendqueue_release(queue, entry.next, &no_lender);
	}
	return (uint16_t)(size + part.size);
}

/* A place for a frame, and what is remembered of it until it is back: nothing yet. */
static uint32_t
begin_frame(struct peal_orders_group *group, struct peal_orders_sent **sent_out)
{
	uint32_t place = peal_orders_pool_take(&group->orders->pool);

	PEAL_ASSERT(place != PEAL_ORDERS_POOL_NONE);
	PEAL_ASSERT(group->sent_count - group->settled_count < PEAL_ORDERS_SENT_MAX);
	*sent_out = &group->sent[group->sent_count % PEAL_ORDERS_SENT_MAX];
	**sent_out = (struct peal_orders_sent){0};
	return place;
}

static void
send_frame(struct peal_orders_group *group, uint32_t place, uint16_t size)
{
	enum peal_abcast_result result;

	group->sent_count++;
	result = peal_abcast_send(
		&group->abcast, place, peal_orders_pool_bytes(&group->orders->pool, place), size);
	PEAL_ASSERT(result == PEAL_ABCAST_OK);
}

static void
cut_frame(struct peal_orders_group *group, uint16_t room)
{
	struct peal_sendqueue_entry entry = peal_sendqueue_at(&group->queue, group->queue.tail);
	struct peal_orders_sent *sent;
	uint32_t place = begin_frame(group, &sent);
	uint8_t *data = peal_orders_pool_bytes(&group->orders->pool, place);
	uint16_t size;

	if (entry.size > (uint32_t)room - PEAL_ORDER_DATA_HEAD_SIZE - PEAL_ORDER_DATA_RECORD_SIZE) {
		size = cut_part(group, data, room, sent);
	} else {
		size = cut_records(group, data, room, sent);
	}
	send_frame(group, place, size);
}

/* A command has a frame of its own, which ends no message. */
static void
cut_command(struct peal_orders_group *group)
{
	struct peal_orders_sent *sent;
	uint32_t place = begin_frame(group, &sent);
	uint8_t *data = peal_orders_pool_bytes(&group->orders->pool, place);

	group->has_command = false;
	send_frame(group, place, peal_order_data_write_handover(data, &group->command));
}

void
peal_orders_cut(struct peal_orders_group *group)
{
	const struct peal_abcast *abcast = &group->abcast;
	const struct peal_sendqueue *queue = &group->queue;
	uint16_t room = peal_abcast_size_max(abcast);
	/* While frames wait, what is small gathers. */
	bool is_gathering = abcast->queue.count > 0 ||
			    group->orders->now_ns < peal_abcast_gather_until_ns(abcast);
	uint64_t enough = is_gathering ? room : 1U;

	if (abcast->state != PEAL_ABCAST_RUNNING || peal_orders_is_braked(group)) {
		return;
	}
	if (group->has_command && abcast->queue.count < PEAL_ORDER_BURST) {
		cut_command(group);
	}
	while (queue->head - queue->tail >= enough && abcast->queue.count < PEAL_ORDER_BURST) {
		cut_frame(group, room);
	}
}
