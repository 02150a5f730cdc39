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

uint8_t
peal_orderhead_kind_of(const uint8_t *bytes, uint32_t size)
{
	return size < PEAL_ORDERHEAD_SIZE ? 0 : bytes[PEAL_ORDERHEAD_SIZE - 1U];
}

static bool
group_is_good(const struct peal_orderhead_group *head)
{
	if (head->kind == PEAL_ORDERHEAD_GROUP) {
		return head->client != 0 && head->group != 0 && head->stamp.epoch != 0;
	}
	/* Of a group and a view of it, or of neither. */
	return head->kind == PEAL_ORDERHEAD_MARK && head->client == 0 &&
	       (head->group != 0) == (head->stamp.epoch != 0) &&
	       (head->group != 0 || head->stamp.n == 0);
}

void
peal_orderhead_group_encode(
	const struct peal_orderhead_group *head, uint8_t bytes[PEAL_ORDERHEAD_GROUP_SIZE])
{
	struct peal_writer writer = peal_writer_init(bytes, PEAL_ORDERHEAD_GROUP_SIZE);

	PEAL_DASSERT(group_is_good(head));
	peal_write_u32(&writer, head->client);
	peal_write_u16(&writer, 0);
	peal_write_u8(&writer, 0);
	peal_write_u8(&writer, head->kind);
	peal_write_u32(&writer, head->group);
	peal_write_u32(&writer, head->stamp.n);
	peal_write_u64(&writer, head->stamp.epoch);
	PEAL_DASSERT(writer.is_ok && writer.offset == PEAL_ORDERHEAD_GROUP_SIZE);
}

bool
peal_orderhead_group_decode(
	const uint8_t *bytes, uint32_t size, struct peal_orderhead_group *head_out)
{
	struct peal_reader reader = peal_reader_init(bytes, size);
	bool is_good;

	*head_out = (struct peal_orderhead_group){.client = peal_read_u32(&reader)};
	is_good = peal_read_u16(&reader) == 0;
	is_good = peal_read_u8(&reader) == 0 && is_good;
	head_out->kind = peal_read_u8(&reader);
	head_out->group = peal_read_u32(&reader);
	head_out->stamp.n = peal_read_u32(&reader);
	head_out->stamp.epoch = peal_read_u64(&reader);
	return is_good && reader.is_ok && group_is_good(head_out) &&
	       (head_out->kind == PEAL_ORDERHEAD_GROUP || size == PEAL_ORDERHEAD_GROUP_SIZE);
}
