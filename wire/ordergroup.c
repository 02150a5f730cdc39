/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/ordergroup.h"

#include "base/assert.h"
#include "wire/fields.h"

#include <string.h>

#define FIXED_SIZE      12U
#define RANK_FIXED_SIZE 5U
#define PADDING_SIZE    3U
#define MID_END         (UINT64_C(1) << 31)
/* Keeps the hash apart from every other one. */
#define SEED UINT64_C(0x6f7264657267726f)

_Static_assert(FIXED_SIZE + PEAL_ORDERGROUP_RANKS_MAX * (RANK_FIXED_SIZE + PEAL_NAME_SIZE_MAX) ==
		       PEAL_ORDERGROUP_SIZE_MAX,
	"the largest configuration is as large as the limits say");
_Static_assert(PEAL_ORDERGROUP_RANKS_MAX % 2U == 1U, "a configuration is 2f + 1 ranks");

static bool
is_name_character(char character)
{
	return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
	       (character >= '0' && character <= '9') || character == '.' || character == '_' ||
	       character == '-';
}

static uint32_t
measure_name(const char *name)
{
	uint32_t size = 0;

	while (size <= PEAL_NAME_SIZE_MAX && name[size] != '\0') {
		size++;
	}
	return size;
}

static bool
is_name(const char *name, uint32_t size)
{
	if (size == 0 || size > PEAL_NAME_SIZE_MAX) {
		return false;
	}
	for (uint32_t i = 0; i < size; i++) {
		if (!is_name_character(name[i])) {
			return false;
		}
	}
	return true;
}

/* One value has one form in memory, so that two can be compared: zeros behind the name. */
static bool
is_rank_valid(const struct peal_ordergroup_rank *rank)
{
	uint32_t size = measure_name(rank->name);

	for (uint32_t i = size; i < sizeof(rank->name); i++) {
		if (rank->name[i] != '\0') {
			return false;
		}
	}
	return rank->mid >= 1 && rank->mid < MID_END && is_name(rank->name, size);
}

bool
peal_ordergroup_is_valid(const struct peal_ordergroup *group)
{
	if (group->id == 0 || group->generation == 0 ||
		group->generation > PEAL_ORDERGROUP_GENERATION_MAX ||
		group->ranks_count % 2U == 0 || group->ranks_count > PEAL_ORDERGROUP_RANKS_MAX) {
		return false;
	}
	for (uint32_t i = 0; i < group->ranks_count; i++) {
		if (!is_rank_valid(&group->ranks[i])) {
			return false;
		}
		for (uint32_t j = 0; j < i; j++) {
			if (group->ranks[j].mid == group->ranks[i].mid ||
				strcmp(group->ranks[j].name, group->ranks[i].name) == 0) {
				return false;
			}
		}
	}
	return true;
}

bool
peal_ordergroup_set_name(struct peal_ordergroup *group, uint32_t index, const char *name)
{
	uint32_t size = measure_name(name);

	PEAL_ASSERT(index < PEAL_ORDERGROUP_RANKS_MAX);
	if (!is_name(name, size)) {
		return false;
	}
	memset(group->ranks[index].name, 0, sizeof(group->ranks[index].name));
	memcpy(group->ranks[index].name, name, size);
	return true;
}

bool
peal_ordergroup_equals(const struct peal_ordergroup *a, const struct peal_ordergroup *b)
{
	if (a->id != b->id || a->generation != b->generation || a->ranks_count != b->ranks_count) {
		return false;
	}
	PEAL_ASSERT(a->ranks_count <= PEAL_ORDERGROUP_RANKS_MAX);
	for (uint32_t i = 0; i < a->ranks_count; i++) {
		if (a->ranks[i].mid != b->ranks[i].mid ||
			memcmp(a->ranks[i].name, b->ranks[i].name, sizeof(a->ranks[i].name)) != 0) {
			return false;
		}
	}
	return true;
}

bool
peal_ordergroup_has_member(const struct peal_ordergroup *group, uint64_t mid)
{
	PEAL_ASSERT(group->ranks_count <= PEAL_ORDERGROUP_RANKS_MAX);
	for (uint32_t i = 0; i < group->ranks_count; i++) {
		if (group->ranks[i].mid == mid) {
			return true;
		}
	}
	return false;
}

uint32_t
peal_ordergroup_size(const struct peal_ordergroup *group)
{
	uint32_t size = FIXED_SIZE;

	PEAL_ASSERT(group->ranks_count <= PEAL_ORDERGROUP_RANKS_MAX);
	for (uint32_t i = 0; i < group->ranks_count; i++) {
		size += RANK_FIXED_SIZE + measure_name(group->ranks[i].name);
	}
	return size;
}

void
peal_ordergroup_encode(const struct peal_ordergroup *group, struct peal_writer *writer)
{
	PEAL_ASSERT(peal_ordergroup_is_valid(group));

	peal_write_u32(writer, group->id);
	peal_write_u32(writer, group->generation);
	peal_write_u8(writer, group->ranks_count);
	peal_write_padding(writer, PADDING_SIZE);
	for (uint32_t i = 0; i < group->ranks_count; i++) {
		const struct peal_ordergroup_rank *rank = &group->ranks[i];
		uint32_t size = measure_name(rank->name);

		peal_write_u32(writer, (uint32_t)rank->mid);
		peal_write_u8(writer, (uint8_t)size);
		peal_write_bytes(writer, rank->name, size);
	}
}

static bool
read_rank(struct peal_reader *reader, struct peal_ordergroup_rank *rank_out)
{
	uint8_t size;

	rank_out->mid = peal_read_u32(reader);
	size = peal_read_u8(reader);
	if (!reader->is_ok || size > PEAL_NAME_SIZE_MAX) {
		return false;
	}
	peal_read_bytes(reader, rank_out->name, size);
	/* A zero within the name would make it shorter than it says. */
	return reader->is_ok && measure_name(rank_out->name) == size;
}

bool
peal_ordergroup_decode(struct peal_reader *reader, struct peal_ordergroup *group_out)
{
	bool is_padded;

	memset(group_out, 0, sizeof(*group_out));
	group_out->id = peal_read_u32(reader);
	group_out->generation = peal_read_u32(reader);
	group_out->ranks_count = peal_read_u8(reader);
	is_padded = peal_read_padding(reader, PADDING_SIZE);
	if (!reader->is_ok || !is_padded || group_out->ranks_count > PEAL_ORDERGROUP_RANKS_MAX) {
		return false;
	}
	for (uint32_t i = 0; i < group_out->ranks_count; i++) {
		if (!read_rank(reader, &group_out->ranks[i])) {
			return false;
		}
	}
	return peal_ordergroup_is_valid(group_out);
}

struct peal_hash128
peal_ordergroup_hash(const struct peal_ordergroup *group)
{
	uint8_t bytes[PEAL_ORDERGROUP_SIZE_MAX];
	struct peal_writer writer = peal_writer_init(bytes, sizeof(bytes));

	peal_ordergroup_encode(group, &writer);
	PEAL_ASSERT(writer.is_ok);
	return peal_hash128(bytes, (uint32_t)writer.offset, SEED);
}
