/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/parameters.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"

#include <string.h>

static const struct peal_parameters some = {.values = {10, 9, 3, 20, 8, 1024, 50000, 0xA1B2C3D4}};

static void
test_parameters__stand_on_the_wire_as_documented(void **state)
{
	static const uint8_t expected[PEAL_PARAMETERS_SIZE] = {
		10, 9, 3, 20, 8, 0, 0x00, 0x04, 0x50, 0xC3, 0x00, 0x00, 0xD4, 0xC3, 0xB2, 0xA1};
	uint8_t bytes[PEAL_PARAMETERS_SIZE];
	struct peal_parameters read;

	(void)state;
	peal_parameters_encode(&some, bytes);
	assert_memory_equal(bytes, expected, sizeof(expected));
	assert_true(peal_parameters_decode(bytes, &read));
	assert_memory_equal(&read, &some, sizeof(some));
}

static void
test_parameters__refuse_what_must_be_zero(void **state)
{
	uint8_t bytes[PEAL_PARAMETERS_SIZE];
	struct peal_parameters read;

	(void)state;
	peal_parameters_encode(&some, bytes);
	bytes[5] = 1;
	assert_false(peal_parameters_decode(bytes, &read));
}

/* No two of them may be mixed up, and none may be left out. */
static void
test_parameters__each_changes_the_hash(void **state)
{
	uint64_t hashes[PEAL_PARAMETERS_COUNT + 1U];

	(void)state;
	for (uint32_t i = 0; i <= PEAL_PARAMETERS_COUNT; i++) {
		struct peal_parameters other = some;

		if (i < PEAL_PARAMETERS_COUNT) {
			other.values[i]++;
		}
		hashes[i] = peal_parameters_hash(&other);
		for (uint32_t before = 0; before < i; before++) {
			assert_true(hashes[before] != hashes[i]);
		}
	}
}

static void
test_parameters__have_names(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < PEAL_PARAMETERS_COUNT; i++) {
		assert_true(strlen(peal_parameter_name((enum peal_parameter)i)) > 0);
	}
	assert_string_equal(peal_parameter_name(PEAL_PARAMETER_RINGS), "rings");
	assert_string_equal(peal_parameter_name(PEAL_PARAMETER_RING_CHECK), "ring_check");
}

static void
encode_wide(void *argument)
{
	const uint32_t *wide = argument;
	struct peal_parameters other = some;
	uint8_t bytes[PEAL_PARAMETERS_SIZE];

	other.values[wide[0]] = wide[1];
	peal_parameters_encode(&other, bytes);
}

static void
name_none(void *argument)
{
	(void)argument;
	(void)peal_parameter_name(PEAL_PARAMETERS_COUNT);
}

static void
test_parameters__assert_that_they_fit(void **state)
{
	uint32_t rings[2] = {PEAL_PARAMETER_RINGS, 256};
	uint32_t members[2] = {PEAL_PARAMETER_MEMBERS_MAX, 65536};

	(void)state;
	assert_true(peal_test_dies(encode_wide, rings));
	assert_true(peal_test_dies(encode_wide, members));
	assert_true(peal_test_dies(name_none, NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parameters__stand_on_the_wire_as_documented),
		cmocka_unit_test(test_parameters__refuse_what_must_be_zero),
		cmocka_unit_test(test_parameters__each_changes_the_hash),
		cmocka_unit_test(test_parameters__have_names),
		cmocka_unit_test(test_parameters__assert_that_they_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
