/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/cast_msg.h"

#include "base/assert.h"

#include <string.h>

_Static_assert(
	PEAL_CAST_LIST_SIZE + PEAL_DIRECT_MAX * PEAL_CAST_FLUSH_ROW_SIZE <= PEAL_BODY_SIZE_MAX,
	"a vector of a direct view is one frame");

/* Where row `i` of a list begins. */
static uint64_t
row_offset(uint64_t i, uint64_t row_size)
{
	return PEAL_CAST_LIST_SIZE + i * row_size;
}

static bool
is_zero(const uint8_t *bytes, uint32_t size)
{
	uint8_t sum = 0;

	for (uint32_t i = 0; i < size; i++) {
		sum |= bytes[i];
	}
	return sum == 0;
}

/* Records must fill the data exactly. */
static bool
are_records(const uint8_t *data, uint32_t size)
{
	while (size > 0) {
		uint16_t record_size;

		if (size < PEAL_CAST_RECORD_SIZE) {
			return false;
		}
		memcpy(&record_size, data, sizeof(record_size));
		if (record_size > size - PEAL_CAST_RECORD_SIZE) {
			return false;
		}
		data += PEAL_CAST_RECORD_SIZE + record_size;
		size -= PEAL_CAST_RECORD_SIZE + record_size;
	}
	return true;
}

static bool
is_fragment(const uint8_t *data, uint32_t size)
{
	uint32_t message_size;
	uint32_t offset;

	if (size <= PEAL_CAST_FRAGMENT_SIZE) {
		return false;
	}
	memcpy(&message_size, data, sizeof(message_size));
	memcpy(&offset, data + 4, sizeof(offset));
	return message_size <= PEAL_MESSAGE_SIZE_MAX && offset < message_size &&
	       size - PEAL_CAST_FRAGMENT_SIZE <= message_size - offset;
}

static bool
is_lane_right(bool is_lane, uint8_t lane)
{
	return is_lane ? lane < PEAL_CAST_LANES_MAX : lane == 0;
}

void
peal_cast_msg_encode(const struct peal_cast_msg *message, uint8_t body[PEAL_CAST_HEADER_SIZE])
{
	PEAL_DASSERT(message->unstable <= message->seq);
	memcpy(body, &message->epoch, 8);
	memcpy(body + 8, &message->seq, 8);
	memcpy(body + 16, &message->origin, 4);
	memcpy(body + 20, &message->unstable, 2);
	body[22] = message->flags;
	body[23] = message->lane;
}

bool
peal_cast_msg_decode(const uint8_t *body, uint32_t size, struct peal_cast_msg *message_out)
{
	const uint8_t *data = body + PEAL_CAST_HEADER_SIZE;

	if (size <= PEAL_CAST_HEADER_SIZE) {
		return false;
	}
	memcpy(&message_out->epoch, body, 8);
	memcpy(&message_out->seq, body + 8, 8);
	memcpy(&message_out->origin, body + 16, 4);
	memcpy(&message_out->unstable, body + 20, 2);
	message_out->flags = body[22];
	message_out->lane = body[23];
	if (message_out->epoch == 0 || message_out->unstable > message_out->seq ||
		message_out->seq >= UINT64_MAX - PEAL_CAST_WINDOW_MAX ||
		(message_out->flags & ~(PEAL_CAST_FLAG_FRAGMENT | PEAL_CAST_FLAG_LANE)) != 0 ||
		!is_lane_right(
			(message_out->flags & PEAL_CAST_FLAG_LANE) != 0, message_out->lane)) {
		return false;
	}
	size -= PEAL_CAST_HEADER_SIZE;
	return (message_out->flags & PEAL_CAST_FLAG_FRAGMENT) != 0 ? is_fragment(data, size)
								   : are_records(data, size);
}

static void
encode_row(const struct peal_cast_row *row, uint8_t *out)
{
	const uint16_t counts[4] = {(uint16_t)(row->low - row->stable),
		(uint16_t)(row->have - row->stable), (uint16_t)(row->head - row->stable),
		(uint16_t)((row->is_asking ? PEAL_CAST_FLAG_ASKING : 0) |
			   (row->is_lane ? PEAL_CAST_FLAG_LANE : 0) |
			   (row->is_slow ? PEAL_CAST_FLAG_SLOW : 0) | (uint16_t)(row->lane << 8U))};

	PEAL_DASSERT(row->stable <= row->low && row->low <= row->have && row->have <= row->head);
	PEAL_DASSERT(row->head - row->stable <= PEAL_CAST_WINDOW_MAX);
	memcpy(out, &row->origin, 4);
	memcpy(out + 4, &row->stable, 8);
	memcpy(out + 12, counts, sizeof(counts));
}

static bool
decode_row(const uint8_t *bytes, struct peal_cast_row *row_out)
{
	uint16_t counts[4];

	memcpy(&row_out->origin, bytes, 4);
	memcpy(&row_out->stable, bytes + 4, 8);
	memcpy(counts, bytes + 12, sizeof(counts));
	row_out->low = row_out->stable + counts[0];
	row_out->have = row_out->stable + counts[1];
	row_out->head = row_out->stable + counts[2];
	row_out->is_asking = (counts[3] & PEAL_CAST_FLAG_ASKING) != 0;
	row_out->is_slow = (counts[3] & PEAL_CAST_FLAG_SLOW) != 0;
	row_out->is_lane = (counts[3] & PEAL_CAST_FLAG_LANE) != 0;
	row_out->lane = (uint8_t)(counts[3] >> 8U);
	return counts[0] <= counts[1] && counts[1] <= counts[2] &&
	       counts[2] <= PEAL_CAST_WINDOW_MAX && (counts[3] & 0xf8U) == 0 &&
	       is_lane_right(row_out->is_lane, row_out->lane) &&
	       row_out->stable < UINT64_MAX - 2U * (uint64_t)PEAL_CAST_WINDOW_MAX;
}

uint16_t
peal_cast_state_msg_encode(
	const struct peal_cast_state_msg *message, uint8_t body[PEAL_BODY_SIZE_MAX])
{
	uint16_t count = (uint16_t)message->rows_count;

	PEAL_ASSERT(count >= 1 && count <= PEAL_CAST_ROWS_MAX);
	memset(body, 0, PEAL_CAST_LIST_SIZE);
	memcpy(body, &message->epoch, 8);
	memcpy(body + 8, &count, 2);
	for (uint32_t i = 0; i < count; i++) {
		encode_row(&message->rows[i], body + row_offset(i, PEAL_CAST_ROW_SIZE));
	}
	return (uint16_t)(row_offset(count, PEAL_CAST_ROW_SIZE));
}

bool
peal_cast_state_msg_decode(
	const uint8_t *body, uint32_t size, struct peal_cast_state_msg *message_out)
{
	uint16_t count;

	if (size < PEAL_CAST_LIST_SIZE) {
		return false;
	}
	memcpy(&message_out->epoch, body, 8);
	memcpy(&count, body + 8, 2);
	if (message_out->epoch == 0 || count == 0 || count > PEAL_CAST_ROWS_MAX ||
		!is_zero(body + 10, 6) || size != row_offset(count, PEAL_CAST_ROW_SIZE)) {
		return false;
	}
	message_out->rows_count = count;
	for (uint32_t i = 0; i < count; i++) {
		if (!decode_row(body + row_offset(i, PEAL_CAST_ROW_SIZE), &message_out->rows[i])) {
			return false;
		}
	}
	return true;
}

void
peal_cast_pull_msg_encode(
	const struct peal_cast_pull_msg *message, uint8_t body[PEAL_CAST_PULL_SIZE])
{
	PEAL_DASSERT((message->missing & 1U) != 0);
	memcpy(body, &message->epoch, 8);
	memcpy(body + 8, &message->from, 8);
	memcpy(body + 16, &message->missing, 8);
	memcpy(body + 24, &message->origin, 4);
	memset(body + 28, 0, 4);
}

bool
peal_cast_pull_msg_decode(
	const uint8_t *body, uint32_t size, struct peal_cast_pull_msg *message_out)
{
	if (size != PEAL_CAST_PULL_SIZE) {
		return false;
	}
	memcpy(&message_out->epoch, body, 8);
	memcpy(&message_out->from, body + 8, 8);
	memcpy(&message_out->missing, body + 16, 8);
	memcpy(&message_out->origin, body + 24, 4);
	return message_out->epoch != 0 && (message_out->missing & 1U) != 0 &&
	       message_out->from < UINT64_MAX - 64U && is_zero(body + 28, 4);
}

uint16_t
peal_cast_flush_msg_encode(
	const struct peal_cast_flush_msg *message, uint8_t body[PEAL_BODY_SIZE_MAX])
{
	uint16_t count = (uint16_t)message->rows_count;

	PEAL_ASSERT(count <= PEAL_DIRECT_MAX);
	memset(body, 0, PEAL_CAST_LIST_SIZE);
	memcpy(body, &message->epoch, 8);
	memcpy(body + 8, &count, 2);
	body[10] = message->flags;
	for (uint32_t i = 0; i < count; i++) {
		uint8_t *row = body + row_offset(i, PEAL_CAST_FLUSH_ROW_SIZE);

		memcpy(row, &message->rows[i].origin, 4);
		memcpy(row + 4, &message->rows[i].have, 8);
	}
	return (uint16_t)(row_offset(count, PEAL_CAST_FLUSH_ROW_SIZE));
}

bool
peal_cast_flush_msg_decode(
	const uint8_t *body, uint32_t size, struct peal_cast_flush_msg *message_out)
{
	uint16_t count;

	if (size < PEAL_CAST_LIST_SIZE) {
		return false;
	}
	memcpy(&message_out->epoch, body, 8);
	memcpy(&count, body + 8, 2);
	message_out->flags = body[10];
	message_out->rows_count = count;
	if (count > PEAL_DIRECT_MAX || (message_out->epoch == 0 && count > 0) ||
		(message_out->flags &
			~(PEAL_CAST_FLAG_DONE | PEAL_CAST_FLAG_ASK | PEAL_CAST_FLAG_WHOLE)) != 0 ||
		!is_zero(body + 11, 5) || size != row_offset(count, PEAL_CAST_FLUSH_ROW_SIZE)) {
		return false;
	}
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *row = body + row_offset(i, PEAL_CAST_FLUSH_ROW_SIZE);

		memcpy(&message_out->rows[i].origin, row, 4);
		memcpy(&message_out->rows[i].have, row + 4, 8);
		if (message_out->rows[i].have >= UINT64_MAX - PEAL_CAST_WINDOW_MAX) {
			return false;
		}
	}
	return true;
}

void
peal_cast_lane_msg_encode(
	const struct peal_cast_lane_msg *message, uint8_t body[PEAL_CAST_LANE_SIZE])
{
	memset(body, 0, PEAL_CAST_LANE_SIZE);
	memcpy(body, &message->epoch, 8);
	memcpy(body + 8, &message->seq, 8);
	memcpy(body + 16, &message->origin, 4);
	memcpy(body + 20, &message->request, 4);
	body[24] = message->what;
	body[25] = message->lane;
	body[26] = message->tree;
}

bool
peal_cast_lane_msg_decode(
	const uint8_t *body, uint32_t size, struct peal_cast_lane_msg *message_out)
{
	if (size != PEAL_CAST_LANE_SIZE) {
		return false;
	}
	memcpy(&message_out->epoch, body, 8);
	memcpy(&message_out->seq, body + 8, 8);
	memcpy(&message_out->origin, body + 16, 4);
	memcpy(&message_out->request, body + 20, 4);
	message_out->what = body[24];
	message_out->lane = body[25];
	message_out->tree = body[26];
	return message_out->epoch != 0 && message_out->request != 0 &&
	       message_out->seq < UINT64_MAX - PEAL_CAST_WINDOW_MAX &&
	       message_out->what >= PEAL_CAST_LANE_ASK &&
	       message_out->what <= PEAL_CAST_LANE_RECALL &&
	       message_out->lane < PEAL_CAST_LANES_MAX && message_out->tree < 2U &&
	       is_zero(body + 27, 5);
}
