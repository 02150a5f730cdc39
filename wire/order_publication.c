/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/order_publication.h"

#include "wire/cursor.h"

bool
peal_order_publication_is_one(const uint8_t *bytes, uint32_t size)
{
	uint64_t mark;

	if (size < sizeof(mark)) {
		return false;
	}
	memcpy(&mark, bytes, sizeof(mark));
	return mark == PEAL_ORDER_PUBLICATION_MARK;
}

uint32_t
peal_order_publication_encode(const struct peal_order_publication *publication, uint8_t *bytes_out)
{
	const uint64_t mark = PEAL_ORDER_PUBLICATION_MARK;
	struct peal_writer writer = peal_writer_init(
		bytes_out, PEAL_ORDER_PUBLICATION_HEAD_SIZE + (size_t)publication->size);

	peal_write_bytes(&writer, &mark, 8);
	peal_write_bytes(&writer, &publication->group, 4);
	peal_write_bytes(&writer, &publication->configuration, 4);
	peal_write_bytes(&writer, &publication->from, 8);
	peal_write_bytes(&writer, &publication->to, 8);
	peal_write_bytes(&writer, &publication->kind, 1);
	peal_write_bytes(&writer, &publication->rank, 1);
	peal_write_bytes(&writer, "\0\0", 2);
	peal_write_bytes(&writer, &publication->member, 4);
	if (publication->size > 0) {
		peal_write_bytes(&writer, publication->bytes, publication->size);
	}
	return (uint32_t)writer.offset;
}

static bool
is_in_form(const struct peal_order_publication *publication, uint32_t data_size)
{
	bool is_range = publication->from >= 1 && publication->from <= publication->to &&
			publication->to < PEAL_ORDER_COUNT_MAX;

	switch (publication->kind) {
	case PEAL_ORDER_PUBLICATION_FRAME:
		return is_range && publication->from == publication->to && data_size >= 1U &&
		       data_size <= PEAL_BODY_SIZE_MAX && publication->member != 0 &&
		       publication->rank < PEAL_ORDER_RANKS_MAX;
	case PEAL_ORDER_PUBLICATION_SKIPPED:
		return is_range && data_size == 0 && publication->member == 0 &&
		       publication->rank == 0;
	case PEAL_ORDER_PUBLICATION_SUBSCRIBE:
		return publication->from == 0 && publication->to == 0 && data_size == 0 &&
		       publication->member == 0 && publication->rank == 0;
	default:
		return false;
	}
}

bool
peal_order_publication_decode(
	const uint8_t *bytes, uint32_t size, struct peal_order_publication *publication_out)
{
	struct peal_reader reader = peal_reader_init(bytes, size);
	uint64_t mark;
	uint16_t zeros;
	uint32_t data_size;

	peal_read_bytes(&reader, &mark, 8);
	peal_read_bytes(&reader, &publication_out->group, 4);
	peal_read_bytes(&reader, &publication_out->configuration, 4);
	peal_read_bytes(&reader, &publication_out->from, 8);
	peal_read_bytes(&reader, &publication_out->to, 8);
	peal_read_bytes(&reader, &publication_out->kind, 1);
	peal_read_bytes(&reader, &publication_out->rank, 1);
	peal_read_bytes(&reader, &zeros, 2);
	peal_read_bytes(&reader, &publication_out->member, 4);
	if (!reader.is_ok || mark != PEAL_ORDER_PUBLICATION_MARK || zeros != 0) {
		return false;
	}
	data_size = size - PEAL_ORDER_PUBLICATION_HEAD_SIZE;
	if (!is_in_form(publication_out, data_size)) {
		return false;
	}
	publication_out->bytes = bytes + PEAL_ORDER_PUBLICATION_HEAD_SIZE;
	publication_out->size = (uint16_t)data_size;
	return true;
}
