/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/procgroup_msg.h"

#include "tests/lib/refuse.h"

#include <string.h>

static uint8_t bytes[PEAL_PROCGROUP_CONTROL_SIZE + 1U];

static struct peal_procgroup_name
name_of(const char *text)
{
	struct peal_procgroup_name name = {.size = (uint8_t)strlen(text)};

	memcpy(name.bytes, text, name.size);
	return name;
}

static bool
decode_change(size_t size)
{
	struct peal_procgroup_change_msg message;

	return peal_procgroup_change_decode(bytes, (uint32_t)size, &message);
}

static bool
decode_table(size_t size)
{
	struct peal_procgroup_table_msg message;

	return peal_procgroup_table_decode(bytes, (uint32_t)size, &message);
}

static bool
decode_end(size_t size)
{
	struct peal_procgroup_end_msg message;

	return peal_procgroup_end_decode(bytes, (uint32_t)size, &message);
}

static void
test_procgroup_msg__names_are_printable(void **state)
{
	uint8_t name[PEAL_PROCGROUP_NAME_SIZE_MAX + 1U];

	(void)state;
	memset(name, 'n', sizeof(name));
	assert_true(peal_procgroup_name_is_good(name, PEAL_PROCGROUP_NAME_SIZE_MAX));
	assert_false(peal_procgroup_name_is_good(name, PEAL_PROCGROUP_NAME_SIZE_MAX + 1U));
	assert_false(peal_procgroup_name_is_good(name, 0));
	for (uint32_t byte = 0; byte < 256; byte++) {
		name[2] = (uint8_t)byte;
		assert_true(
			peal_procgroup_name_is_good(name, 4) == (byte >= 0x21U && byte <= 0x7eU));
	}
}

static void
test_procgroup_msg__the_prefix_tells_groups_from_others(void **state)
{
	const uint8_t value[8] = {16}, load[8] = {1, 2, 3, 4, 5, 6, 7, 0x7f}, zero[8] = {0},
		      data[8] = {1, 0, 0, 0, 0, 0, 0, PEAL_PROCGROUP_DATA};

	(void)state;
	assert_int_equal(peal_procgroup_kind_of(value, 8), 0);
	assert_int_equal(peal_procgroup_kind_of(load, 8), 0);
	assert_int_equal(peal_procgroup_kind_of(zero, 8), 0);
	assert_int_equal(peal_procgroup_kind_of(data, 8), PEAL_PROCGROUP_DATA);
	assert_int_equal(peal_procgroup_kind_of(data, 7), 0);
}

static void
test_procgroup_msg__data_has_a_head(void **state)
{
	const struct peal_procgroup_data data = {
		.group = 77, .client = 3, .stamp = {.epoch = 9, .n = 4}};
	struct peal_procgroup_data back;

	(void)state;
	peal_procgroup_data_encode(&data, bytes);
	assert_true(peal_procgroup_data_decode(bytes, PEAL_PROCGROUP_HEAD_SIZE, &back));
	assert_true(peal_procgroup_data_decode(bytes, PEAL_PROCGROUP_HEAD_SIZE + 9U, &back));
	assert_int_equal(back.group, 77);
	assert_int_equal(back.client, 3);
	assert_int_equal(back.stamp.epoch, 9);
	assert_int_equal(back.stamp.n, 4);
	assert_false(peal_procgroup_data_decode(bytes, PEAL_PROCGROUP_HEAD_SIZE - 1U, &back));
	for (uint32_t at = 4; at < 8; at++) {
		bytes[at] ^= 1U;
		assert_false(peal_procgroup_data_decode(bytes, PEAL_PROCGROUP_HEAD_SIZE, &back));
		bytes[at] ^= 1U;
	}
	memset(bytes, 0, 4); /* no group */
	assert_false(peal_procgroup_data_decode(bytes, PEAL_PROCGROUP_HEAD_SIZE, &back));
	bytes[0] = 1;
	memset(bytes + 8, 0, 8); /* no epoch */
	assert_false(peal_procgroup_data_decode(bytes, PEAL_PROCGROUP_HEAD_SIZE, &back));
}

static void
test_procgroup_msg__changes_come_back(void **state)
{
	struct peal_procgroup_change_msg message = {.stamp = {.epoch = 9, .n = 4},
		.mid = 6,
		.client = 3,
		.what = PEAL_PROCGROUP_EVICT,
		.name = name_of("a-name")};
	struct peal_procgroup_change_msg back;
	uint32_t size = peal_procgroup_change_encode(&message, PEAL_PROCGROUP_STAMP, bytes);

	(void)state;
	assert_int_equal(size, 46);
	assert_true(peal_procgroup_change_decode(bytes, size, &back));
	assert_true(back.stamp.epoch == 9 && back.stamp.n == 4 && back.mid == 6);
	assert_true(back.client == 3 && back.what == PEAL_PROCGROUP_EVICT);
	assert_memory_equal(&back.name, &message.name, sizeof(message.name));
	peal_refuse_other_sizes(bytes, decode_change, size);
	peal_refuse_padding(bytes, decode_change, size, 0, 7);
	peal_refuse_padding(bytes, decode_change, size, 34, 6);
	bytes[32] = PEAL_PROCGROUP_NODE_GONE; /* never sent */
	assert_false(decode_change(size));
	bytes[32] = 0;
	assert_true(decode_change(size));
	bytes[41] = ' ';
	assert_false(decode_change(size));
	/* Who asks is the origin, and gives no number; who stamps gives both. */
	(void)peal_procgroup_change_encode(&message, PEAL_PROCGROUP_REQUEST, bytes);
	assert_false(decode_change(size));
	message.mid = 0;
	(void)peal_procgroup_change_encode(&message, PEAL_PROCGROUP_REQUEST, bytes);
	assert_false(decode_change(size));
	message.stamp.n = 0;
	(void)peal_procgroup_change_encode(&message, PEAL_PROCGROUP_REQUEST, bytes);
	assert_true(decode_change(size));
	(void)peal_procgroup_change_encode(&message, PEAL_PROCGROUP_STAMP, bytes);
	assert_false(decode_change(size));
	message.stamp.epoch = 0;
	(void)peal_procgroup_change_encode(&message, PEAL_PROCGROUP_REQUEST, bytes);
	assert_false(decode_change(size));
}

static void
test_procgroup_msg__pieces_of_the_table_come_back(void **state)
{
	static struct peal_procgroup_table_msg message, back;
	uint32_t size;

	(void)state;
	message = (struct peal_procgroup_table_msg){
		.epoch = 9, .group = 5, .stamp = {.epoch = 8, .n = 2}, .name = name_of("g")};
	message.members_count = (uint16_t)peal_procgroup_table_room(1);
	for (uint32_t i = 0; i < message.members_count; i++) {
		message.members[i] =
			(struct peal_procgroup_table_member){.mid = i + 1U, .client = 1000U - i};
	}
	size = peal_procgroup_table_encode(&message, bytes);
	assert_true(size <= PEAL_PROCGROUP_CONTROL_SIZE);
	assert_true(size + PEAL_PROCGROUP_MEMBER_SIZE > PEAL_PROCGROUP_CONTROL_SIZE);
	assert_true(peal_procgroup_table_decode(bytes, size, &back));
	assert_int_equal(back.members_count, message.members_count);
	assert_int_equal(back.members[80].mid, 81);
	assert_int_equal(back.members[80].client, 920);
	peal_refuse_other_sizes(bytes, decode_table, size);
	peal_refuse_padding(bytes, decode_table, size, 0, 7);
	peal_refuse_padding(bytes, decode_table, size, 35, 1);
	bytes[16] = 10; /* a view of an epoch to come */
	assert_false(decode_table(size));
	bytes[16] = 8;
	memset(bytes + 41, 0, 8); /* a member without a number */
	assert_false(decode_table(size));
	message.members_count = 0;
	assert_false(decode_table(peal_procgroup_table_encode(&message, bytes)));
}

static void
test_procgroup_msg__the_end_of_the_table_comes_back(void **state)
{
	const struct peal_procgroup_end_msg message = {.epoch = 9,
		.digest = UINT64_C(0x123456789abcdef),
		.next_group = 7,
		.groups_count = 3};
	struct peal_procgroup_end_msg back;
	uint32_t size = peal_procgroup_end_encode(&message, bytes);

	(void)state;
	assert_true(peal_procgroup_end_decode(bytes, size, &back));
	assert_memory_equal(&back, &message, sizeof(message));
	peal_refuse_other_sizes(bytes, decode_end, size);
	peal_refuse_padding(bytes, decode_end, size, 0, 7);
	bytes[28] = 0;
	bytes[29] = 2; /* more groups than there can be */
	assert_false(decode_end(size));
	bytes[29] = 0;
	bytes[24] = 0; /* no next number */
	assert_false(decode_end(size));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_procgroup_msg__names_are_printable),
		cmocka_unit_test(test_procgroup_msg__the_prefix_tells_groups_from_others),
		cmocka_unit_test(test_procgroup_msg__data_has_a_head),
		cmocka_unit_test(test_procgroup_msg__changes_come_back),
		cmocka_unit_test(test_procgroup_msg__pieces_of_the_table_come_back),
		cmocka_unit_test(test_procgroup_msg__the_end_of_the_table_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
