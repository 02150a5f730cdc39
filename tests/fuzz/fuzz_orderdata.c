/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The data of one frame of an order group, as any member may send it.
 *
 * The input is that data. What is well-formed is within its bounds: records lie in it, one behind
 * the other, and end where it ends; a part has bytes of its message; a command comes back unchanged
 * when it is written again.
 */
#include "base/assert.h"
#include "wire/order_data.h"

#include <stddef.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_records(const uint8_t *data, uint32_t size)
{
	uint32_t at = PEAL_ORDER_DATA_HEAD_SIZE;
	const uint8_t *end = data + at;
	const uint8_t *bytes;
	uint16_t record_size;

	while (peal_order_data_next(data, size, &at, &bytes, &record_size)) {
		PEAL_ASSERT(bytes == end + PEAL_ORDER_DATA_RECORD_SIZE && record_size > 0);
		end = bytes + record_size;
	}
	PEAL_ASSERT(end == data + size);
}

static void
check_part(const uint8_t *data, uint32_t size)
{
	struct peal_order_part part = peal_order_data_part(data, size);
	uint8_t again[PEAL_ORDER_DATA_PART_SIZE];

	PEAL_ASSERT(part.size > 0 && part.bytes + part.size == data + size);
	PEAL_ASSERT(part.offset + part.size <= part.message_size);
	PEAL_ASSERT(peal_order_data_begin_part(again, &part) == sizeof(again));
	PEAL_ASSERT(memcmp(again, data, sizeof(again)) == 0);
}

static void
check_handover(const uint8_t *data, uint32_t size)
{
	struct peal_order_handover handover = peal_order_data_handover(data);
	uint8_t again[PEAL_ORDER_DATA_HOLDER_SIZE];

	PEAL_ASSERT(size == sizeof(again) && handover.rank < PEAL_ORDER_RANKS_MAX);
	PEAL_ASSERT(peal_order_term(handover.holder) > 0);
	PEAL_ASSERT(peal_order_data_write_handover(again, &handover) == size);
	PEAL_ASSERT(memcmp(again, data, size) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > PEAL_BODY_SIZE_MAX) {
		return 0;
	}
	switch (peal_order_data_kind(data, (uint32_t)size)) {
	case PEAL_ORDER_DATA_RECORDS:
		check_records(data, (uint32_t)size);
		break;
	case PEAL_ORDER_DATA_PART:
		check_part(data, (uint32_t)size);
		break;
	case PEAL_ORDER_DATA_HOLDER:
		check_handover(data, (uint32_t)size);
		break;
	default:
		break;
	}
	return 0;
}
