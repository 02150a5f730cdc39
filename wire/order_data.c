/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/order_data.h"

#include <string.h>

static uint16_t
begin(uint8_t *data, enum peal_order_data_kind kind)
{
	memset(data, 0, PEAL_ORDER_DATA_HEAD_SIZE);
	data[0] = (uint8_t)kind;
	return PEAL_ORDER_DATA_HEAD_SIZE;
}

uint16_t
peal_order_data_begin_records(uint8_t *data)
{
	return begin(data, PEAL_ORDER_DATA_RECORDS);
}

uint16_t
peal_order_data_begin_part(uint8_t *data, const struct peal_order_part *part)
{
	(void)begin(data, PEAL_ORDER_DATA_PART);
	memcpy(data + 4, &part->message_size, 4);
	memcpy(data + 8, &part->offset, 4);
	memcpy(data + 12, &part->number, 4);
	return PEAL_ORDER_DATA_PART_SIZE;
}

uint16_t
peal_order_data_write_handover(uint8_t *data, const struct peal_order_handover *handover)
{
	(void)begin(data, PEAL_ORDER_DATA_HOLDER);
	memset(data + 4, 0, 4);
	data[4] = handover->rank;
	memcpy(data + 8, &handover->holder, 8);
	return PEAL_ORDER_DATA_HOLDER_SIZE;
}

static bool
is_handover(const uint8_t *data, uint32_t size)
{
	struct peal_order_handover handover;

	if (size != PEAL_ORDER_DATA_HOLDER_SIZE || (data[5] | data[6] | data[7]) != 0) {
		return false;
	}
	handover = peal_order_data_handover(data);
	return handover.rank < PEAL_ORDER_RANKS_MAX && peal_order_term(handover.holder) >= 1U &&
	       peal_order_term(handover.holder) < PEAL_ORDER_TERM_MAX;
}

static bool
are_records(const uint8_t *data, uint32_t size)
{
	uint32_t at = PEAL_ORDER_DATA_HEAD_SIZE;
	uint32_t count = 0;

	for (; at < size; count++) {
		uint16_t record_size;

		if (size - at < PEAL_ORDER_DATA_RECORD_SIZE) {
			return false;
		}
		memcpy(&record_size, data + at, sizeof(record_size));
		at += PEAL_ORDER_DATA_RECORD_SIZE;
		if (record_size == 0 || record_size > size - at) {
			return false;
		}
		at += record_size;
	}
	return count >= 1 && count <= PEAL_ORDER_RECORDS_MAX;
}

static bool
is_part(const uint8_t *data, uint32_t size)
{
	struct peal_order_part part;

	if (size <= PEAL_ORDER_DATA_PART_SIZE || size > UINT16_MAX) {
		return false;
	}
	part = peal_order_data_part(data, size);
	return part.offset < part.message_size && part.size <= part.message_size - part.offset;
}

uint8_t
peal_order_data_kind(const uint8_t *data, uint32_t size)
{
	if (size < PEAL_ORDER_DATA_HEAD_SIZE || (data[1] | data[2] | data[3]) != 0) {
		return 0;
	}
	if (data[0] == PEAL_ORDER_DATA_RECORDS) {
		return are_records(data, size) ? data[0] : 0;
	}
	if (data[0] == PEAL_ORDER_DATA_PART) {
		return is_part(data, size) ? data[0] : 0;
	}
	if (data[0] == PEAL_ORDER_DATA_HOLDER) {
		return is_handover(data, size) ? data[0] : 0;
	}
	return 0;
}

bool
peal_order_data_next(const uint8_t *data, uint32_t size, uint32_t *at, const uint8_t **bytes_out,
	uint16_t *size_out)
{
	if (*at >= size) {
		return false;
	}
	memcpy(size_out, data + *at, sizeof(*size_out));
	*bytes_out = data + *at + PEAL_ORDER_DATA_RECORD_SIZE;
	*at += PEAL_ORDER_DATA_RECORD_SIZE + (uint32_t)*size_out;
	return true;
}

struct peal_order_part
peal_order_data_part(const uint8_t *data, uint32_t size)
{
	struct peal_order_part part;

	memcpy(&part.message_size, data + 4, 4);
	memcpy(&part.offset, data + 8, 4);
	memcpy(&part.number, data + 12, 4);
	part.size = (uint16_t)(size - PEAL_ORDER_DATA_PART_SIZE);
	part.bytes = data + PEAL_ORDER_DATA_PART_SIZE;
	return part;
}

struct peal_order_handover
peal_order_data_handover(const uint8_t *data)
{
	struct peal_order_handover handover = {.rank = data[4]};

	memcpy(&handover.holder, data + 8, 8);
	return handover;
}
