/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/ordergroup.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"
#include "tests/lib/gen.h"

#include <string.h>

static struct peal_ordergroup group;
static struct peal_ordergroup decoded;
static uint8_t bytes[PEAL_ORDERGROUP_SIZE_MAX];

static int
setup(void **state)
{
	(void)state;
	group = (struct peal_ordergroup){.id = 7, .generation = 1, .ranks_count = 3};
	for (uint32_t i = 0; i < 3; i++) {
		group.ranks[i].mid = 10U + i;
	}
	return peal_ordergroup_set_name(&group, 0, "n1") &&
			       peal_ordergroup_set_name(&group, 1, "n2") &&
			       peal_ordergroup_set_name(&group, 2, "x.y_Z-9")
		       ? 0
		       : -1;
}

static size_t
encode(void)
{
	struct peal_writer writer = peal_writer_init(bytes, sizeof(bytes));

	peal_ordergroup_encode(&group, &writer);
	assert_true(writer.is_ok);
	assert_int_equal(writer.offset, peal_ordergroup_size(&group));
	return writer.offset;
}

static void
encode_it(void *argument)
{
	(void)argument;
	(void)encode();
}

static bool
decode(size_t size)
{
	struct peal_reader reader = peal_reader_init(bytes, size);

	memset(&decoded, 0xFF, sizeof(decoded));
	return peal_ordergroup_decode(&reader, &decoded) && peal_reader_is_done(&reader);
}

static void
test_ordergroup__has_the_layout_of_the_wire(void **state)
{
	static const uint8_t expected[] = {7, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 10, 0, 0, 0, 2, 'n',
		'1', 11, 0, 0, 0, 2, 'n', '2', 12, 0, 0, 0, 7, 'x', '.', 'y', '_', 'Z', '-', '9'};

	(void)state;
	assert_int_equal(encode(), sizeof(expected));
	assert_memory_equal(bytes, expected, sizeof(expected));
}

static void
test_ordergroup__comes_back(void **state)
{
	struct peal_prng prng;
	size_t size;

	(void)state;
	peal_prng_init(&prng, 1);
	for (uint32_t round = 0; round < 1000; round++) {
		peal_gen_ordergroup(&prng, 10U + round, &group);
		size = encode();
		assert_true(decode(size));
		assert_true(peal_ordergroup_equals(&decoded, &group));
		assert_memory_equal(&decoded, &group, sizeof(group));
		assert_true(peal_hash128_equals(
			peal_ordergroup_hash(&decoded), peal_ordergroup_hash(&group)));
		assert_false(decode(size - 1U));
	}
}

static void
test_ordergroup__is_as_large_as_the_limit_at_most(void **state)
{
	char name[PEAL_NAME_SIZE_MAX + 1U];

	(void)state;
	group.ranks_count = PEAL_ORDERGROUP_RANKS_MAX;
	memset(name, 'a', sizeof(name));
	name[PEAL_NAME_SIZE_MAX] = '\0';
	for (uint32_t i = 0; i < PEAL_ORDERGROUP_RANKS_MAX; i++) {
		name[0] = (char)('a' + i);
		group.ranks[i].mid = (UINT64_C(1) << 31) - 1U - i;
		assert_true(peal_ordergroup_set_name(&group, i, name));
	}
	assert_int_equal(encode(), PEAL_ORDERGROUP_SIZE_MAX);
	assert_true(decode(PEAL_ORDERGROUP_SIZE_MAX));
}

static void
expect_refusal(void)
{
	assert_false(peal_ordergroup_is_valid(&group));
	assert_true(peal_test_dies(encode_it, NULL));
	(void)setup(NULL);
	assert_true(peal_ordergroup_is_valid(&group));
}

static void
test_ordergroup__is_2f_plus_1_ranks_each_once(void **state)
{
	(void)state;
	group.id = 0;
	expect_refusal();
	group.generation = 0;
	expect_refusal();
	group.generation = PEAL_ORDERGROUP_GENERATION_MAX + 1U;
	expect_refusal();
	group.ranks_count = 0;
	expect_refusal();
	group.ranks_count = 2;
	expect_refusal();
	group.ranks_count = PEAL_ORDERGROUP_RANKS_MAX + 2U;
	assert_false(peal_ordergroup_is_valid(&group));
	(void)setup(NULL);
	group.ranks[2].mid = group.ranks[0].mid;
	expect_refusal();
	group.ranks[1].mid = 0;
	expect_refusal();
	group.ranks[1].mid = UINT64_C(1) << 31;
	expect_refusal();
	group.ranks[1].name[1] = '1';
	expect_refusal();
	group.ranks[1].name[0] = '\0';
	expect_refusal();
	group.ranks[1].name[20] = 'q'; /* behind the end of the name */
	expect_refusal();
	memset(group.ranks[1].name, 'a', sizeof(group.ranks[1].name)); /* no end */
	assert_false(peal_ordergroup_is_valid(&group));
}

static void
test_ordergroup__refuses_bytes_that_are_none(void **state)
{
	static const struct {
		uint8_t offset;
		uint8_t value;
	} wrong[] = {{0, 0}, {4, 0}, {7, 0xFF}, {8, 2}, {8, 1}, {8, 5}, {8, 11}, {8, 255}, {9, 1},
		{11, 1}, {12, 11}, {12, 0}, {15, 0x80}, {16, 0}, {16, 1}, {16, 3}, {16, 32},
		{16, 255}, {17, '/'}, {17, 0}, {18, '2'}, {18, 0}, {18, ' '}};
	size_t size = encode();

	(void)state;
	assert_true(decode(size));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		(void)encode();
		bytes[wrong[i].offset] = wrong[i].value;
		assert_false(decode(size));
	}
	(void)encode();
	for (size_t shorter = 0; shorter < size; shorter++) {
		assert_false(decode(shorter));
	}
	assert_true(decode(size));
}

static void
test_ordergroup__takes_names_as_nodes_have_them(void **state)
{
	static const char *const wrong[] = {
		"", " ", "a b", "a/b", "\xc3\xa4", "abcdefghijklmnopqrstuvwxyz012345"};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_false(peal_ordergroup_set_name(&group, 2, wrong[i]));
		assert_string_equal(group.ranks[2].name, "x.y_Z-9");
	}
	/* A shorter name leaves nothing of a longer one behind. */
	assert_true(peal_ordergroup_set_name(&group, 2, "q"));
	assert_true(peal_ordergroup_is_valid(&group));
}

static void
test_ordergroup__knows_its_members_and_its_equal(void **state)
{
	struct peal_ordergroup other = group;

	(void)state;
	assert_true(peal_ordergroup_has_member(&group, 12));
	assert_false(peal_ordergroup_has_member(&group, 13));
	assert_true(peal_ordergroup_equals(&group, &other));
	other.generation++;
	assert_false(peal_ordergroup_equals(&group, &other));
	other = group;
	other.ranks[1].mid++;
	assert_false(peal_ordergroup_equals(&group, &other));
	other = group;
	other.ranks[1].name[0] = 'm';
	assert_false(peal_ordergroup_equals(&group, &other));
	assert_false(
		peal_hash128_equals(peal_ordergroup_hash(&group), peal_ordergroup_hash(&other)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_ordergroup__has_the_layout_of_the_wire, setup),
		cmocka_unit_test_setup(test_ordergroup__comes_back, setup),
		cmocka_unit_test_setup(test_ordergroup__is_as_large_as_the_limit_at_most, setup),
		cmocka_unit_test_setup(test_ordergroup__is_2f_plus_1_ranks_each_once, setup),
		cmocka_unit_test_setup(test_ordergroup__refuses_bytes_that_are_none, setup),
		cmocka_unit_test_setup(test_ordergroup__takes_names_as_nodes_have_them, setup),
		cmocka_unit_test_setup(test_ordergroup__knows_its_members_and_its_equal, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
