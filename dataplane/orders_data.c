/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/orders_private.h"

#include "wire/order_data.h"

/* --- own frames: in the order in which they were given to the machine --- */

/* The oldest one has come back, or never will. Returns the messages of which all is known now. */
static uint64_t
settle(struct peal_orders_group *group, bool is_doubtful)
{
	const struct peal_orders_sent *sent =
		&group->sent[group->settled_count % PEAL_ORDERS_SENT_MAX];
	uint64_t count = sent->ends_count;

	PEAL_ASSERT(group->settled_count < group->sent_count);
	group->settled_count++;
	if (count > 0 && group->is_open_counted) {
		count--;
		group->is_open_counted = false;
	}
	if (is_doubtful && sent->is_open && !group->is_open_counted) {
		/* Whatever becomes of its other parts, it is in doubt. */
		count++;
		group->is_open_counted = true;
	}
	group->done_count += count;
	return count;
}

uint64_t
peal_orders_doubt(struct peal_orders_group *group, uint64_t count)
{
	uint64_t messages_count = 0;

	for (uint64_t i = 0; i < count; i++) {
		messages_count += settle(group, true);
	}
	peal_counter_add(group->orders->config.counters, PEAL_COUNTER_ORDER_MESSAGES_DOUBTFUL,
		messages_count);
	return messages_count;
}

/* --- what is delivered --- */

static void
hand_over(const struct peal_orders *orders, const struct peal_orders_message *message)
{
	const struct peal_orders_user *user = &orders->config.user;
	const struct peal_delivery *delivery = &message->delivery;

	if (delivery->offset + delivery->size == delivery->message_size) {
		peal_orders_count(orders, PEAL_COUNTER_ORDER_MESSAGES_DELIVERED);
	}
	user->deliver(user->state, message);
}

static void
hand_over_records(const struct peal_orders *orders, struct peal_orders_message *message,
	const struct peal_orders_frame *frame)
{
	uint32_t at = PEAL_ORDER_DATA_HEAD_SIZE;
	const uint8_t *bytes;
	uint16_t size;

	while (peal_order_data_next(frame->bytes, frame->size, &at, &bytes, &size)) {
		message->delivery =
			(struct peal_delivery){.message_size = size, .size = size, .bytes = bytes};
		hand_over(orders, message);
		message->position++;
	}
}

/* A part counts when it is the next of its message: all who missed nothing of it agree on that,
 * whatever else they missed. */
static void
hand_over_part(const struct peal_orders *orders, struct peal_orders_parts *parts,
	struct peal_orders_message *message, const struct peal_orders_frame *frame)
{
	struct peal_order_part part = peal_order_data_part(frame->bytes, frame->size);

	if (part.offset == 0) {
		*parts = (struct peal_orders_parts){.member = frame->member,
			.message_size = part.message_size,
			.number = part.number};
	}
	if (part.message_size != parts->message_size || part.number != parts->number ||
		part.offset != parts->offset || frame->member != parts->member) {
		peal_orders_count(orders, PEAL_COUNTER_ORDER_PARTS_DROPPED);
		return;
	}
	parts->offset += part.size;
	if (parts->offset == parts->message_size) {
		*parts = (struct peal_orders_parts){0};
	}
	message->delivery = (struct peal_delivery){.message_size = part.message_size,
		.offset = part.offset,
		.size = part.size,
		.bytes = part.bytes};
	hand_over(orders, message);
}

void
peal_orders_unpack(struct peal_orders *orders, struct peal_orders_parts *parts,
	const struct peal_orders_frame *frame)
{
	uint8_t kind = peal_order_data_kind(frame->bytes, frame->size);
	struct peal_orders_message message = {.group = frame->group,
		.position = frame->position << 8,
		.mid = frame->member,
		.is_own = frame->is_own};

	if (kind == PEAL_ORDER_DATA_RECORDS) {
		hand_over_records(orders, &message, frame);
	} else if (kind == PEAL_ORDER_DATA_PART) {
		hand_over_part(orders, parts, &message, frame);
	} else if (kind == PEAL_ORDER_DATA_HOLDER) {
		/* A place in the order, and no message. */
	} else {
		peal_orders_count(orders, PEAL_COUNTER_ORDER_DATA_BAD);
	}
}

void
peal_orders_deliver(void *state, const struct peal_abcast_delivery *delivery)
{
	struct peal_orders_group *group = state;
	const struct peal_orders_frame frame = {.group = group->config.id,
		.position = delivery->position,
		.member = peal_order_member(delivery->member),
		.is_own = delivery->is_own,
		.bytes = delivery->bytes,
		.size = delivery->size};

	if (delivery->is_own) {
		group->lane_delivered++;
		(void)settle(group, false);
	}
	peal_orders_keep(group, delivery);
	if (peal_order_data_kind(delivery->bytes, delivery->size) == PEAL_ORDER_DATA_HOLDER) {
		peal_orders_on_command(group, delivery->bytes);
	}
	if (delivery->position > group->floor) {
		peal_orders_unpack(group->orders, &group->parts[delivery->rank], &frame);
	}
}

void
peal_orders_skipped(void *state, uint64_t from, uint64_t to)
{
	struct peal_orders_group *group = state;
	const struct peal_orders_user *user = &group->orders->config.user;
	const struct peal_abcast_lane *own = &group->abcast.lanes[group->abcast.config.rank];
	/* Of the own lane as of the others: it was delivered there, and goes on behind it. */
	uint64_t own_count = peal_orders_doubt(group, own->delivered - group->lane_delivered);

	group->lane_delivered = own->delivered;
	peal_orders_keep_from(group, to);
	if (to <= group->floor) {
		return; /* it came by broadcast */
	}
	from = from > group->floor ? from : group->floor + 1U;
	user->skipped(user->state, group->config.id, from << 8, PEAL_ORDERS_LAST_OF(to), own_count);
}
