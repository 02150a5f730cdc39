/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/orderhead_msg.h"

#include "base/assert.h"
#include "wire/cursor.h"

void
peal_orderhead_encode(const struct peal_orderhead *head, uint8_t bytes[PEAL_ORDERHEAD_SIZE])
{
	struct peal_writer writer = peal_writer_init(bytes, PEAL_ORDERHEAD_SIZE);

	PEAL_DASSERT(head->client != 0 && head->kind == PEAL_ORDERHEAD_CLIENT);
	peal_write_u32(&writer, head->client);
	peal_write_u16(&writer, 0);
	peal_write_u8(&writer, 0);
	peal_write_u8(&writer, head->kind);
	PEAL_DASSERT(writer.is_ok && writer.offset == PEAL_ORDERHEAD_SIZE);
}

bool
peal_orderhead_decode(const uint8_t *bytes, uint32_t size, struct peal_orderhead *head_out)
{
	struct peal_reader reader = peal_reader_init(bytes, size);
	bool is_good;

	head_out->client = peal_read_u32(&reader);
	is_good = peal_read_u16(&reader) == 0;
	is_good = peal_read_u8(&reader) == 0 && is_good;
	head_out->kind = peal_read_u8(&reader);
	return is_good && reader.is_ok && head_out->client != 0 &&
	       head_out->kind == PEAL_ORDERHEAD_CLIENT;
}
