/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/order_msg.h"

#include "base/assert.h"
#include "wire/cursor.h"
#include "wire/fields.h"

_Static_assert(PEAL_ORDER_FORM_SIZE_MAX <= PEAL_BODY_SIZE_MAX, "a state with a value is one frame");

static bool
has_acks(uint8_t kind)
{
	return kind == PEAL_ORDER_DATA || kind == PEAL_ORDER_TICK;
}

static bool
is_seal(uint8_t kind)
{
	return kind >= PEAL_ORDER_SEAL_PREPARE && kind <= PEAL_ORDER_SEAL_DECIDED;
}

static bool
is_view(uint8_t kind)
{
	return kind >= PEAL_ORDER_VIEW_PREPARE && kind <= PEAL_ORDER_VIEW_PLACE;
}

/* Counts and stamps that a sum may be made of. */
static bool
is_count(uint64_t value)
{
	return value < PEAL_ORDER_COUNT_MAX;
}

static bool
is_stamp(uint64_t value)
{
	return value < PEAL_ORDER_STAMP_MAX;
}

static void
write_data(struct peal_writer *writer, const struct peal_order_data *data)
{
	peal_write_u64(writer, data->seq);
	peal_write_u64(writer, data->stamp);
	peal_write_u16(writer, data->generation);
	peal_write_u16(writer, data->lane_generation);
	peal_write_u8(writer, data->lane);
	peal_write_u8(writer, data->flags);
	peal_write_u8(writer, data->more);
	peal_write_padding(writer, 1);
}

static bool
read_data(struct peal_reader *reader, struct peal_order_data *data_out)
{
	data_out->seq = peal_read_u64(reader);
	data_out->stamp = peal_read_u64(reader);
	data_out->generation = peal_read_u16(reader);
	data_out->lane_generation = peal_read_u16(reader);
	data_out->lane = peal_read_u8(reader);
	data_out->flags = peal_read_u8(reader);
	data_out->more = peal_read_u8(reader);
	return peal_read_padding(reader, 1) && data_out->more < PEAL_ORDER_BATCH_MAX &&
	       data_out->seq >= 1 && is_count(data_out->seq + data_out->more) &&
	       is_stamp(data_out->stamp) && data_out->lane < PEAL_ORDER_RANKS_MAX &&
	       data_out->generation <= data_out->lane_generation &&
	       (data_out->flags & ~(PEAL_ORDER_FLAG_AGAIN | PEAL_ORDER_FLAG_FETCHED)) == 0;
}

static void
write_tick(struct peal_writer *writer, const struct peal_order_tick *tick)
{
	peal_write_u64(writer, tick->promise);
	peal_write_u64(writer, tick->last);
	peal_write_u64(writer, tick->position);
	peal_write_u64(writer, tick->digest);
	peal_write_u16(writer, tick->generation);
	peal_write_u8(writer, tick->has_promise ? PEAL_ORDER_FLAG_PROMISE : 0);
	peal_write_padding(writer, 5);
}

static bool
read_tick(struct peal_reader *reader, struct peal_order_tick *tick_out)
{
	uint8_t flags;

	tick_out->promise = peal_read_u64(reader);
	tick_out->last = peal_read_u64(reader);
	tick_out->position = peal_read_u64(reader);
	tick_out->digest = peal_read_u64(reader);
	tick_out->generation = peal_read_u16(reader);
	flags = peal_read_u8(reader);
	tick_out->has_promise = flags != 0;
	return peal_read_padding(reader, 5) && flags <= PEAL_ORDER_FLAG_PROMISE &&
	       is_stamp(tick_out->promise) && is_count(tick_out->last) &&
	       is_count(tick_out->position) &&
	       (tick_out->has_promise || (tick_out->promise | tick_out->last) == 0) &&
	       (tick_out->position != 0 || tick_out->digest == 0);
}

static void
write_ask(struct peal_writer *writer, const struct peal_order_msg *message)
{
	if (peal_order_is_time(message)) {
		peal_write_u64(writer, message->time.asked_at_ns);
		peal_write_u64(writer, message->time.answered_at_ns);
	} else {
		peal_write_u64(writer, message->asked_stamp);
	}
}

static bool
read_ask(struct peal_reader *reader, struct peal_order_msg *message_out)
{
	if (!peal_order_is_time(message_out)) {
		message_out->asked_stamp = peal_read_u64(reader);
		return is_stamp(message_out->asked_stamp);
	}
	message_out->time.asked_at_ns = peal_read_u64(reader);
	message_out->time.answered_at_ns = peal_read_u64(reader);
	return message_out->time.asked_at_ns != 0 && is_stamp(message_out->time.asked_at_ns) &&
	       is_stamp(message_out->time.answered_at_ns) && message_out->head.sent_at_ns != 0 &&
	       is_stamp(message_out->head.sent_at_ns);
}

static void
write_pull(struct peal_writer *writer, const struct peal_order_pull *pull)
{
	peal_write_u64(writer, pull->from);
	peal_write_u64(writer, pull->to);
	peal_write_u16(writer, pull->generation);
	peal_write_u8(writer, pull->lane);
	peal_write_u8(writer, pull->what);
	peal_write_padding(writer, 4);
}

static bool
read_pull(struct peal_reader *reader, struct peal_order_pull *pull_out)
{
	pull_out->from = peal_read_u64(reader);
	pull_out->to = peal_read_u64(reader);
	pull_out->generation = peal_read_u16(reader);
	pull_out->lane = peal_read_u8(reader);
	pull_out->what = peal_read_u8(reader);
	return peal_read_padding(reader, 4) && pull_out->from >= 1 &&
	       pull_out->to >= pull_out->from && is_count(pull_out->to) &&
	       pull_out->lane < PEAL_ORDER_RANKS_MAX && pull_out->what <= PEAL_ORDER_PULL_GONE;
}

static void
write_seal(struct peal_writer *writer, const struct peal_order_seal *seal)
{
	peal_write_u64(writer, seal->ballot);
	peal_write_u64(writer, seal->have);
	peal_write_u64(writer, seal->accepted);
	peal_write_u64(writer, seal->last);
	peal_write_u64(writer, seal->until);
	peal_write_u16(writer, seal->generation);
	peal_write_u8(writer, seal->lane);
	peal_write_padding(writer, 5);
}

/* What a kind does not use is zero. */
static bool
is_seal_in_form(uint8_t kind, const struct peal_order_seal *seal)
{
	bool has_value = kind == PEAL_ORDER_SEAL_ACCEPT || kind == PEAL_ORDER_SEAL_DECIDED ||
			 seal->accepted != 0;

	return (seal->ballot == 0) == (kind == PEAL_ORDER_SEAL_DECIDED) &&
	       (kind == PEAL_ORDER_SEAL_PROMISE || (seal->have | seal->accepted) == 0) &&
	       (has_value || (seal->last | seal->until) == 0) && is_stamp(seal->until) &&
	       is_count(seal->have) && is_count(seal->last) && is_count(seal->ballot) &&
	       is_count(seal->accepted) && seal->lane < PEAL_ORDER_RANKS_MAX &&
	       seal->generation <= PEAL_ORDER_GENERATIONS_MAX;
}

static bool
read_seal(uint8_t kind, struct peal_reader *reader, struct peal_order_seal *seal_out)
{
	seal_out->ballot = peal_read_u64(reader);
	seal_out->have = peal_read_u64(reader);
	seal_out->accepted = peal_read_u64(reader);
	seal_out->last = peal_read_u64(reader);
	seal_out->until = peal_read_u64(reader);
	seal_out->generation = peal_read_u16(reader);
	seal_out->lane = peal_read_u8(reader);
	return peal_read_padding(reader, 5) && is_seal_in_form(kind, seal_out);
}

static void
write_report(struct peal_writer *writer, const struct peal_order_report *report)
{
	peal_write_u64(writer, report->have);
	peal_write_u64(writer, report->stable);
	peal_write_u64(writer, report->accepted);
	peal_write_u64(writer, report->last);
	peal_write_u16(writer, report->generation);
	peal_write_padding(writer, 6);
}

static bool
read_report(struct peal_reader *reader, struct peal_order_report *report_out)
{
	report_out->have = peal_read_u64(reader);
	report_out->stable = peal_read_u64(reader);
	report_out->accepted = peal_read_u64(reader);
	report_out->last = peal_read_u64(reader);
	report_out->generation = peal_read_u16(reader);
	return peal_read_padding(reader, 6) && is_count(report_out->have) &&
	       is_count(report_out->stable) && is_count(report_out->last) &&
	       is_count(report_out->accepted) &&
	       (report_out->accepted != 0 || report_out->last == 0) &&
	       report_out->generation <= PEAL_ORDER_GENERATIONS_MAX + 1U;
}

static void
write_cut(struct peal_writer *writer, uint8_t kind, const struct peal_order_cut *cut)
{
	peal_write_u64(writer, cut->last);
	peal_write_u64(writer, cut->stable);
	peal_write_u64(writer, kind == PEAL_ORDER_VIEW_INSTALL ? cut->holder : cut->until);
	peal_write_u64(writer, cut->member);
	peal_write_u16(writer, cut->generation);
	peal_write_padding(writer, 6);
}

static bool
is_holder(uint64_t holder)
{
	return holder != 0 && peal_order_term(holder) < PEAL_ORDER_TERM_MAX;
}

/* A rank that is in no view yet has no lane, and was given to somebody. */
static bool
is_opened(const struct peal_order_cut *cut)
{
	return cut->member == 0 && cut->holder != 0 &&
	       (cut->last | cut->stable | cut->generation) == 0;
}

static bool
read_cut(struct peal_reader *reader, uint8_t kind, struct peal_order_cut *cut_out)
{
	bool is_install = kind == PEAL_ORDER_VIEW_INSTALL;
	uint64_t word;

	cut_out->last = peal_read_u64(reader);
	cut_out->stable = peal_read_u64(reader);
	word = peal_read_u64(reader);
	cut_out->until = is_install ? 0 : word;
	cut_out->holder = is_install ? word : 0;
	cut_out->member = peal_read_u64(reader);
	cut_out->generation = peal_read_u16(reader);
	return peal_read_padding(reader, 6) && is_count(cut_out->last) &&
	       is_count(cut_out->stable) && is_stamp(cut_out->until) &&
	       (is_holder(cut_out->member) || is_opened(cut_out)) &&
	       (cut_out->holder == 0 ||
		       (cut_out->holder > cut_out->member && is_holder(cut_out->holder))) &&
	       cut_out->generation <= PEAL_ORDER_GENERATIONS_MAX + 1U;
}

static void
write_view(struct peal_writer *writer, const struct peal_order_msg *message)
{
	const struct peal_order_view *view = &message->view;

	peal_write_u64(writer, view->ballot);
	peal_write_u64(writer, view->accepted);
	peal_write_u64(writer, view->position);
	peal_write_u64(writer, view->digest);
	peal_write_u16(writer, view->active);
	peal_write_u8(writer, view->has_value ? PEAL_ORDER_FLAG_VALUE : 0);
	peal_write_padding(writer, 1);
	peal_write_u16(writer, view->counted);
	peal_write_padding(writer, 2);
	for (uint32_t i = 0; i < message->head.rows_count && message->kind == PEAL_ORDER_VIEW_STATE;
		i++) {
		write_report(writer, &view->reports[i]);
	}
	for (uint32_t i = 0; i < message->head.rows_count && view->has_value; i++) {
		write_cut(writer, message->kind, &view->cuts[i]);
	}
}

static bool
is_view_in_form(const struct peal_order_msg *message)
{
	const struct peal_order_view *view = &message->view;
	uint8_t kind = message->kind;
	bool is_install = kind == PEAL_ORDER_VIEW_INSTALL || kind == PEAL_ORDER_VIEW_PLACE;
	bool needs_value = is_install || kind == PEAL_ORDER_VIEW_ACCEPT || view->accepted != 0;
	bool has_rows = needs_value || kind == PEAL_ORDER_VIEW_STATE;

	return (view->ballot == 0) == is_install && view->has_value == needs_value &&
	       (kind == PEAL_ORDER_VIEW_STATE || view->accepted == 0) &&
	       (is_install || (view->position | view->digest) == 0) &&
	       (message->head.rows_count != 0) == has_rows && is_count(view->ballot) &&
	       is_count(view->accepted) && is_count(view->position) &&
	       (view->has_value ? view->active != 0 && (view->active & ~view->counted) == 0 &&
					  (uint32_t)view->counted >> message->head.rows_count == 0
				: (view->active | view->counted) == 0);
}

static bool
read_view(struct peal_reader *reader, struct peal_order_msg *message_out)
{
	struct peal_order_view *view = &message_out->view;
	uint8_t flags;
	bool is_good;

	view->ballot = peal_read_u64(reader);
	view->accepted = peal_read_u64(reader);
	view->position = peal_read_u64(reader);
	view->digest = peal_read_u64(reader);
	view->active = peal_read_u16(reader);
	flags = peal_read_u8(reader);
	view->has_value = flags != 0;
	is_good = peal_read_padding(reader, 1) && flags <= PEAL_ORDER_FLAG_VALUE;
	view->counted = peal_read_u16(reader);
	is_good = is_good && peal_read_padding(reader, 2) && reader->is_ok &&
		  is_view_in_form(message_out);
	for (uint32_t i = 0; is_good && i < message_out->head.rows_count &&
			     message_out->kind == PEAL_ORDER_VIEW_STATE;
		i++) {
		is_good = read_report(reader, &view->reports[i]);
	}
	for (uint32_t i = 0; is_good && i < message_out->head.rows_count && view->has_value; i++) {
		is_good = read_cut(reader, message_out->kind, &view->cuts[i]);
		/* Who says where it is may have fixed more than it delivered; no end is before
		 * that. */
		is_good = is_good && (message_out->kind == PEAL_ORDER_VIEW_PLACE ||
					     (view->cuts[i].stable <= view->cuts[i].last &&
						     view->cuts[i].until == 0));
		/* Only the last one, and not the first. */
		is_good = is_good && (view->cuts[i].member != 0 ||
					     (i > 0 && i + 1U == message_out->head.rows_count &&
						     (view->counted >> i & 1U) == 0));
	}
	return is_good;
}

static void
write_body(struct peal_writer *writer, const struct peal_order_msg *message)
{
	if (is_seal(message->kind)) {
		write_seal(writer, &message->seal);
	} else if (is_view(message->kind)) {
		write_view(writer, message);
	} else if (message->kind == PEAL_ORDER_DATA) {
		write_data(writer, &message->data);
	} else if (message->kind == PEAL_ORDER_TICK) {
		write_tick(writer, &message->tick);
	} else if (message->kind == PEAL_ORDER_ASK) {
		write_ask(writer, message);
	} else if (message->kind == PEAL_ORDER_PULL) {
		write_pull(writer, &message->pull);
	}
}

uint16_t
peal_order_msg_encode(const struct peal_order_msg *message, uint8_t body[PEAL_ORDER_FORM_SIZE_MAX])
{
	const struct peal_order_head *head = &message->head;
	struct peal_writer writer = peal_writer_init(body, PEAL_ORDER_FORM_SIZE_MAX);

	PEAL_ASSERT(head->rows_count <= PEAL_ORDER_RANKS_MAX);
	peal_write_u32(&writer, head->group);
	peal_write_u32(&writer, head->configuration);
	peal_write_u32(&writer, head->view);
	peal_write_u8(&writer, head->rank);
	peal_write_u8(&writer, head->rows_count);
	peal_write_u8(&writer, head->flags);
	peal_write_padding(&writer, 1);
	peal_write_u64(&writer, head->sent_at_ns);
	write_body(&writer, message);
	for (uint32_t i = 0; i < head->rows_count && has_acks(message->kind); i++) {
		peal_write_u64(&writer, message->acks[i].have);
		peal_write_u32(&writer, message->acks[i].room);
		peal_write_u16(&writer, message->acks[i].generation);
		peal_write_padding(&writer, 2);
	}
	if (message->kind == PEAL_ORDER_DATA && message->data.more > 0) {
		peal_write_bytes(&writer, message->data.rows,
			(size_t)message->data.more * PEAL_ORDER_ROW_SIZE);
	}
	PEAL_ASSERT(writer.is_ok);
	return (uint16_t)writer.offset;
}

static bool
read_head(struct peal_reader *reader, uint8_t kind, struct peal_order_head *head_out)
{
	bool is_good;

	head_out->group = peal_read_u32(reader);
	head_out->configuration = peal_read_u32(reader);
	head_out->view = peal_read_u32(reader);
	head_out->rank = peal_read_u8(reader);
	head_out->rows_count = peal_read_u8(reader);
	head_out->flags = peal_read_u8(reader);
	is_good = peal_read_padding(reader, 1);
	head_out->sent_at_ns = peal_read_u64(reader);
	return is_good && reader->is_ok && head_out->rank < PEAL_ORDER_RANKS_MAX &&
	       head_out->rows_count <= PEAL_ORDER_RANKS_MAX && head_out->flags <= 1 &&
	       (head_out->rows_count != 0 || !has_acks(kind)) &&
	       (head_out->rows_count == 0 || has_acks(kind) || is_view(kind));
}

static bool
read_acks(struct peal_reader *reader, struct peal_order_msg *message_out)
{
	bool is_good = true;

	for (uint32_t i = 0; is_good && i < message_out->head.rows_count; i++) {
		struct peal_order_ack *ack = &message_out->acks[i];

		ack->have = peal_read_u64(reader);
		ack->room = peal_read_u32(reader);
		ack->generation = peal_read_u16(reader);
		is_good = peal_read_padding(reader, 2) && is_count(ack->have) &&
			  ack->room <= PEAL_ORDER_WINDOW;
	}
	return is_good;
}

static bool
read_body(struct peal_reader *reader, struct peal_order_msg *message_out)
{
	uint8_t kind = message_out->kind;

	if (is_seal(kind)) {
		return read_seal(kind, reader, &message_out->seal);
	}
	if (is_view(kind)) {
		return read_view(reader, message_out);
	}
	if (kind == PEAL_ORDER_DATA) {
		return read_data(reader, &message_out->data) && read_acks(reader, message_out);
	}
	if (kind == PEAL_ORDER_TICK) {
		return read_tick(reader, &message_out->tick) && read_acks(reader, message_out);
	}
	if (kind == PEAL_ORDER_ASK) {
		return read_ask(reader, message_out);
	}
	if (kind == PEAL_ORDER_PULL) {
		return read_pull(reader, &message_out->pull);
	}
	return kind == PEAL_ORDER_JOIN;
}

/* --- several frames in one body --- */

static void
read_row(const uint8_t *row, uint64_t *stamp_out, uint16_t *size_out)
{
	memcpy(stamp_out, row, sizeof(*stamp_out));
	memcpy(size_out, row + sizeof(*stamp_out), sizeof(*size_out));
}

void
peal_order_row_write(uint8_t row[PEAL_ORDER_ROW_SIZE], uint64_t stamp, uint16_t size)
{
	memset(row, 0, PEAL_ORDER_ROW_SIZE);
	memcpy(row, &stamp, sizeof(stamp));
	memcpy(row + sizeof(stamp), &size, sizeof(size));
}

bool
peal_order_data_step(struct peal_order_data *data)
{
	if (data->more == 0) {
		return false;
	}
	data->bytes += data->size;
	data->seq++;
	data->more--;
	read_row(data->rows, &data->stamp, &data->size);
	data->rows += PEAL_ORDER_ROW_SIZE;
	return true;
}

/* The rows, and what they leave to the first frame. Each frame is one that a body has room for
 * alone, in the smallest path. */
static bool
read_frames(struct peal_reader *reader, uint32_t ranks_count, struct peal_order_data *data_out)
{
	const uint32_t size_max = peal_order_data_size_max(ranks_count);
	const uint8_t *rows = reader->bytes + reader->offset;
	uint64_t before = data_out->stamp;
	uint32_t others_size = 0;
	bool is_good = true;
	size_t left;

	data_out->rows = data_out->more > 0 ? rows : NULL;
	for (uint32_t i = 0; is_good && i < data_out->more; i++) {
		uint64_t stamp = peal_read_u64(reader);
		uint16_t size = peal_read_u16(reader);

		is_good = peal_read_padding(reader, 2) && is_stamp(stamp) && stamp > before &&
			  size >= 1 && size <= size_max;
		before = stamp;
		others_size += size;
	}
	left = reader->size - reader->offset;
	if (!is_good || !reader->is_ok || left <= others_size || left - others_size > size_max) {
		return false;
	}
	data_out->bytes = reader->bytes + reader->offset;
	data_out->size = (uint16_t)(left - others_size);
	return true;
}

bool
peal_order_msg_decode(
	uint8_t kind, const uint8_t *body, uint32_t size, struct peal_order_msg *message_out)
{
	struct peal_reader reader = peal_reader_init(body, size);

	message_out->kind = kind;
	if (!read_head(&reader, kind, &message_out->head) || !read_body(&reader, message_out) ||
		!reader.is_ok) {
		return false;
	}
	if (kind != PEAL_ORDER_DATA) {
		return peal_reader_is_done(&reader);
	}
	return size <= PEAL_LARGE_BODY_SIZE_MAX &&
	       read_frames(&reader, message_out->head.rows_count, &message_out->data);
}
