/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/procgroup_msg.h"

#include "base/assert.h"
#include "wire/cursor.h"

#include <string.h>

#define CHANGE_FIXED_SIZE 40U
#define TABLE_FIXED_SIZE  40U
#define PRINTABLE_FIRST   0x21U
#define PRINTABLE_LAST    0x7eU

_Static_assert(PEAL_PROCGROUP_CONTROL_SIZE >= TABLE_FIXED_SIZE + PEAL_PROCGROUP_NAME_SIZE_MAX +
						      UINT32_C(8) * PEAL_PROCGROUP_MEMBER_SIZE,
	"a piece of the table has some members beside the longest name");

uint8_t
peal_procgroup_kind_of(const uint8_t *bytes, uint32_t size)
{
	if (size < PEAL_PROCGROUP_PREFIX_SIZE || (bytes[7] & 0x80U) == 0) {
		return 0;
	}
	return bytes[7];
}

bool
peal_procgroup_name_is_good(const uint8_t *bytes, uint32_t size)
{
	if (size == 0 || size > PEAL_PROCGROUP_NAME_SIZE_MAX) {
		return false;
	}
	for (uint32_t i = 0; i < size; i++) {
		if (bytes[i] < PRINTABLE_FIRST || bytes[i] > PRINTABLE_LAST) {
			return false;
		}
	}
	return true;
}

static void
write_prefix(struct peal_writer *writer, uint32_t group, enum peal_procgroup_kind kind)
{
	peal_write_u32(writer, group);
	peal_write_u16(writer, 0);
	peal_write_u8(writer, 0);
	peal_write_u8(writer, (uint8_t)kind);
}

/* True: the prefix is in form and of this kind. */
static bool
read_prefix(struct peal_reader *reader, enum peal_procgroup_kind kind, uint32_t *group_out)
{
	bool is_good;

	*group_out = peal_read_u32(reader);
	is_good = peal_read_u16(reader) == 0;
	is_good = peal_read_u8(reader) == 0 && is_good;
	return peal_read_u8(reader) == kind && is_good && reader->is_ok;
}

static void
write_name(struct peal_writer *writer, const struct peal_procgroup_name *name)
{
	PEAL_DASSERT(peal_procgroup_name_is_good(name->bytes, name->size));
	peal_write_bytes(writer, name->bytes, name->size);
}

/* False: such a name cannot be. */
static bool
read_name(struct peal_reader *reader, uint8_t size, struct peal_procgroup_name *name_out)
{
	if (size == 0 || size > PEAL_PROCGROUP_NAME_SIZE_MAX) {
		return false;
	}
	name_out->size = size;
	peal_read_bytes(reader, name_out->bytes, size);
	return reader->is_ok && peal_procgroup_name_is_good(name_out->bytes, size);
}

void
peal_procgroup_data_encode(
	const struct peal_procgroup_data *data, uint8_t bytes[PEAL_PROCGROUP_HEAD_SIZE])
{
	struct peal_writer writer = peal_writer_init(bytes, PEAL_PROCGROUP_HEAD_SIZE);

	write_prefix(&writer, data->group, PEAL_PROCGROUP_DATA);
	peal_write_u64(&writer, data->stamp.epoch);
	peal_write_u32(&writer, data->stamp.n);
	peal_write_u32(&writer, data->client);
	PEAL_DASSERT(writer.is_ok && writer.offset == PEAL_PROCGROUP_HEAD_SIZE);
}

bool
peal_procgroup_data_decode(
	const uint8_t *bytes, uint32_t size, struct peal_procgroup_data *data_out)
{
	struct peal_reader reader = peal_reader_init(bytes, size);
	bool is_good = read_prefix(&reader, PEAL_PROCGROUP_DATA, &data_out->group);

	data_out->stamp.epoch = peal_read_u64(&reader);
	data_out->stamp.n = peal_read_u32(&reader);
	data_out->client = peal_read_u32(&reader);
	return is_good && reader.is_ok && data_out->group != 0 && data_out->stamp.epoch != 0;
}

uint32_t
peal_procgroup_change_encode(const struct peal_procgroup_change_msg *message,
	enum peal_procgroup_kind kind, uint8_t *bytes)
{
	struct peal_writer writer = peal_writer_init(bytes, PEAL_PROCGROUP_CONTROL_SIZE);

	write_prefix(&writer, 0, kind);
	peal_write_u64(&writer, message->stamp.epoch);
	peal_write_u64(&writer, message->mid);
	peal_write_u32(&writer, message->stamp.n);
	peal_write_u32(&writer, message->client);
	peal_write_u8(&writer, message->what);
	peal_write_u8(&writer, message->name.size);
	peal_write_u16(&writer, 0);
	peal_write_u32(&writer, message->order);
	write_name(&writer, &message->name);
	PEAL_DASSERT(writer.is_ok);
	return (uint32_t)writer.offset;
}

bool
peal_procgroup_change_decode(
	const uint8_t *bytes, uint32_t size, struct peal_procgroup_change_msg *message_out)
{
	struct peal_reader reader = peal_reader_init(bytes, size);
	enum peal_procgroup_kind kind =
		(enum peal_procgroup_kind)peal_procgroup_kind_of(bytes, size);
	uint32_t zero;
	uint8_t name_size;

	memset(message_out, 0, sizeof(*message_out));
	if ((kind != PEAL_PROCGROUP_REQUEST && kind != PEAL_PROCGROUP_STAMP) ||
		!read_prefix(&reader, kind, &zero) || zero != 0) {
		return false;
	}
	message_out->stamp.epoch = peal_read_u64(&reader);
	message_out->mid = peal_read_u64(&reader);
	message_out->stamp.n = peal_read_u32(&reader);
	message_out->client = peal_read_u32(&reader);
	message_out->what = peal_read_u8(&reader);
	name_size = peal_read_u8(&reader);
	zero = peal_read_u16(&reader);
	message_out->order = peal_read_u32(&reader);
	/* Who asks is the origin, and has no number to give. */
	return read_name(&reader, name_size, &message_out->name) && peal_reader_is_done(&reader) &&
	       zero == 0 && message_out->what <= PEAL_PROCGROUP_EVICT &&
	       (message_out->order == 0 || message_out->what == PEAL_PROCGROUP_JOIN) &&
	       message_out->stamp.epoch != 0 &&
	       (message_out->mid != 0) == (kind == PEAL_PROCGROUP_STAMP) &&
	       (message_out->stamp.n != 0) == (kind == PEAL_PROCGROUP_STAMP);
}

uint32_t
peal_procgroup_table_room(uint32_t name_size)
{
	return (PEAL_PROCGROUP_CONTROL_SIZE - TABLE_FIXED_SIZE - name_size) /
	       PEAL_PROCGROUP_MEMBER_SIZE;
}

uint32_t
peal_procgroup_table_encode(const struct peal_procgroup_table_msg *message, uint8_t *bytes)
{
	struct peal_writer writer = peal_writer_init(bytes, PEAL_PROCGROUP_CONTROL_SIZE);

	write_prefix(&writer, 0, PEAL_PROCGROUP_TABLE);
	peal_write_u64(&writer, message->epoch);
	peal_write_u64(&writer, message->stamp.epoch);
	peal_write_u32(&writer, message->stamp.n);
	peal_write_u32(&writer, message->group);
	peal_write_u16(&writer, message->members_count);
	peal_write_u8(&writer, message->name.size);
	peal_write_u8(&writer, 0);
	peal_write_u32(&writer, message->order);
	write_name(&writer, &message->name);
	for (uint32_t i = 0; i < message->members_count; i++) {
		peal_write_u64(&writer, message->members[i].mid);
		peal_write_u32(&writer, message->members[i].client);
	}
	PEAL_DASSERT(writer.is_ok);
	return (uint32_t)writer.offset;
}

bool
peal_procgroup_table_decode(
	const uint8_t *bytes, uint32_t size, struct peal_procgroup_table_msg *message_out)
{
	struct peal_reader reader = peal_reader_init(bytes, size);
	uint32_t zero;
	uint8_t name_size;

	if (!read_prefix(&reader, PEAL_PROCGROUP_TABLE, &zero) || zero != 0) {
		return false;
	}
	message_out->epoch = peal_read_u64(&reader);
	message_out->stamp.epoch = peal_read_u64(&reader);
	message_out->stamp.n = peal_read_u32(&reader);
	message_out->group = peal_read_u32(&reader);
	message_out->members_count = peal_read_u16(&reader);
	name_size = peal_read_u8(&reader);
	zero = peal_read_u8(&reader);
	message_out->order = peal_read_u32(&reader);
	if (!read_name(&reader, name_size, &message_out->name) || zero != 0 ||
		message_out->epoch == 0 || message_out->stamp.epoch == 0 ||
		message_out->stamp.epoch > message_out->epoch || message_out->group == 0 ||
		message_out->members_count == 0 ||
		message_out->members_count > peal_procgroup_table_room(name_size)) {
		return false;
	}
	for (uint32_t i = 0; i < message_out->members_count; i++) {
		message_out->members[i].mid = peal_read_u64(&reader);
		message_out->members[i].client = peal_read_u32(&reader);
		if (message_out->members[i].mid == 0) {
			return false;
		}
	}
	return peal_reader_is_done(&reader);
}

uint32_t
peal_procgroup_knock_encode(uint32_t order, uint8_t *bytes)
{
	struct peal_writer writer = peal_writer_init(bytes, PEAL_PROCGROUP_CONTROL_SIZE);

	PEAL_DASSERT(order != 0);
	write_prefix(&writer, order, PEAL_PROCGROUP_KNOCK);
	return (uint32_t)writer.offset;
}

bool
peal_procgroup_knock_decode(const uint8_t *bytes, uint32_t size, uint32_t *order_out)
{
	struct peal_reader reader = peal_reader_init(bytes, size);

	return read_prefix(&reader, PEAL_PROCGROUP_KNOCK, order_out) &&
	       peal_reader_is_done(&reader) && *order_out != 0;
}

uint32_t
peal_procgroup_end_encode(const struct peal_procgroup_end_msg *message, uint8_t *bytes)
{
	struct peal_writer writer = peal_writer_init(bytes, PEAL_PROCGROUP_CONTROL_SIZE);

	write_prefix(&writer, 0, PEAL_PROCGROUP_TABLE_END);
	peal_write_u64(&writer, message->epoch);
	peal_write_u64(&writer, message->digest);
	peal_write_u32(&writer, message->next_group);
	peal_write_u32(&writer, message->groups_count);
	return (uint32_t)writer.offset;
}

bool
peal_procgroup_end_decode(
	const uint8_t *bytes, uint32_t size, struct peal_procgroup_end_msg *message_out)
{
	struct peal_reader reader = peal_reader_init(bytes, size);
	uint32_t zero;
	bool is_good = read_prefix(&reader, PEAL_PROCGROUP_TABLE_END, &zero);

	message_out->epoch = peal_read_u64(&reader);
	message_out->digest = peal_read_u64(&reader);
	message_out->next_group = peal_read_u32(&reader);
	message_out->groups_count = peal_read_u32(&reader);
	return is_good && peal_reader_is_done(&reader) && zero == 0 && message_out->epoch != 0 &&
	       message_out->next_group != 0 && message_out->groups_count <= PEAL_PROCGROUPS_MAX;
}
