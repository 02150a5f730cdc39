/* SPDX-License-Identifier: BSD-3-Clause */
#include "membership/luggage.h"

#include "base/prng.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"

#include <stdlib.h>
#include <string.h>

#define PAGE PEAL_LUGGAGE_PAGE_SIZE

static struct peal_luggage luggage;

static int
setup(void **state)
{
	(void)state;
	memset(&luggage, 0, sizeof(luggage));
	return 0;
}

static void
test_luggage__takes_as_much_as_a_view_may_have(void **state)
{
	const uint32_t count = PEAL_VIEW_METADATA_BYTES_MAX / PEAL_METADATA_SIZE_MAX;

	(void)state;
	for (uint32_t i = 0; i < count; i++) {
		uint16_t page = peal_luggage_take(&luggage, PEAL_METADATA_SIZE_MAX);

		assert_int_equal(page, i * (PEAL_METADATA_SIZE_MAX / PAGE));
	}
	assert_int_equal(peal_luggage_take(&luggage, 1), PEAL_LUGGAGE_NONE);
	peal_luggage_give(&luggage, 0, PEAL_METADATA_SIZE_MAX);
	assert_int_equal(peal_luggage_take(&luggage, 1), 0);
	assert_int_equal(peal_luggage_take(&luggage, PAGE + 1U), 1);
	assert_int_equal(peal_luggage_take(&luggage, PAGE), 3);
	/* Room enough, but not in one piece. */
	assert_int_equal(peal_luggage_take(&luggage, PEAL_METADATA_SIZE_MAX), PEAL_LUGGAGE_NONE);
}

/* The search goes on where it ended, and around. */
static void
test_luggage__finds_the_one_gap(void **state)
{
	(void)state;
	while (peal_luggage_take(&luggage, PAGE) != PEAL_LUGGAGE_NONE) {
	}
	assert_int_equal(luggage.used_count, PEAL_LUGGAGE_PAGES_COUNT);
	for (uint32_t first = 0; first <= PEAL_LUGGAGE_PAGES_COUNT - 3U; first += 977U) {
		peal_luggage_give(&luggage, (uint16_t)first, 3U * PAGE);
		assert_int_equal(peal_luggage_take(&luggage, 3U * PAGE + 1U), PEAL_LUGGAGE_NONE);
		assert_int_equal(peal_luggage_take(&luggage, 2U * PAGE + 1U), first);
	}
	/* A run does not go on at the beginning. */
	peal_luggage_give(&luggage, 0, PAGE);
	peal_luggage_give(&luggage, PEAL_LUGGAGE_PAGES_COUNT - 1U, PAGE);
	assert_int_equal(peal_luggage_take(&luggage, 2U * PAGE), PEAL_LUGGAGE_NONE);
}

/* Nobody's room is anybody else's, and all of it comes back. */
static void
test_luggage__keeps_everybodys_apart(void **state)
{
	struct {
		uint16_t page;
		uint16_t size;
	} taken[400] = {{0}};
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 1);
	for (uint32_t round = 0; round < 20000; round++) {
		uint32_t i = (uint32_t)peal_prng_below(&prng, 400);

		if (taken[i].size > 0) {
			const uint8_t *bytes = peal_luggage_bytes(&luggage, taken[i].page);

			for (uint32_t k = 0; k < taken[i].size; k++) {
				assert_int_equal(bytes[k], (uint8_t)i);
			}
			peal_luggage_give(&luggage, taken[i].page, taken[i].size);
			taken[i].size = 0;
			continue;
		}
		taken[i].size = (uint16_t)(1U + peal_prng_below(&prng, PEAL_METADATA_SIZE_MAX));
		taken[i].page = peal_luggage_take(&luggage, taken[i].size);
		if (taken[i].page == PEAL_LUGGAGE_NONE) {
			taken[i].size = 0;
		} else {
			memset(peal_luggage_bytes(&luggage, taken[i].page), (int)(uint8_t)i,
				taken[i].size);
		}
	}
	for (uint32_t i = 0; i < 400; i++) {
		if (taken[i].size > 0) {
			peal_luggage_give(&luggage, taken[i].page, taken[i].size);
		}
	}
	assert_int_equal(luggage.used_count, 0);
	for (uint32_t i = 0; i < PEAL_LUGGAGE_PAGES_COUNT / 64U; i++) {
		assert_int_equal(luggage.used[i], 0);
	}
}

/* Chunks in any order, once each; the last makes it whole. */
static void
test_luggage__comes_in_chunks(void **state)
{
	uint8_t bytes[PEAL_METADATA_SIZE_MAX];
	struct peal_applicant applicant = {.tag = {.size = 2500}};
	struct peal_join_ready ready = {.offset = 2048, .chunk_size = 452, .chunk = bytes + 2048};

	(void)state;
	for (uint32_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = (uint8_t)(i * 7U);
	}
	applicant.tag.digest = peal_hash128(bytes, 2500, 0);
	assert_true(peal_luggage_open(&luggage, &applicant));
	assert_true(peal_luggage_open(&luggage, &applicant));
	assert_int_equal(luggage.used_count, (2500 + PAGE - 1U) / PAGE);
	assert_int_equal(applicant.missing, 7);
	assert_int_equal(peal_luggage_add(&luggage, &applicant, &ready), PEAL_LUGGAGE_PART);
	assert_int_equal(applicant.missing, 3);
	assert_int_equal(peal_luggage_add(&luggage, &applicant, &ready), PEAL_LUGGAGE_NOTHING);
	ready = (struct peal_join_ready){.chunk_size = 1024, .chunk = bytes};
	assert_int_equal(peal_luggage_add(&luggage, &applicant, &ready), PEAL_LUGGAGE_PART);
	assert_null(applicant.member.metadata);
	ready = (struct peal_join_ready){.offset = 1024, .chunk_size = 1024, .chunk = bytes + 1024};
	assert_int_equal(peal_luggage_add(&luggage, &applicant, &ready), PEAL_LUGGAGE_WHOLE);
	assert_int_equal(applicant.member.metadata_size, 2500);
	assert_memory_equal(applicant.member.metadata, bytes, 2500);
	/* Asked once more whether it is there: it is, and has brought all. */
	ready = (struct peal_join_ready){.chunk = bytes};
	assert_int_equal(peal_luggage_add(&luggage, &applicant, &ready), PEAL_LUGGAGE_WHOLE);
	peal_luggage_drop(&luggage, &applicant);
	peal_luggage_drop(&luggage, &applicant);
	assert_int_equal(luggage.used_count, 0);
	assert_null(applicant.member.metadata);
}

static void
test_luggage__knows_what_is_not_as_announced(void **state)
{
	const uint8_t bytes[PEAL_METADATA_SIZE_MAX] = {0};
	struct peal_join_ready ready = {.chunk_size = 100, .chunk = bytes};
	struct peal_applicant applicant = {.tag = {.size = 100, .digest = {.low = 1}}};

	(void)state;
	assert_true(peal_luggage_open(&luggage, &applicant));
	assert_int_equal(peal_luggage_add(&luggage, &applicant, &ready), PEAL_LUGGAGE_SPOILED);
	peal_luggage_drop(&luggage, &applicant);
	assert_true(peal_luggage_open(&luggage, &applicant));
	ready.chunk_size = 99;
	assert_int_equal(peal_luggage_add(&luggage, &applicant, &ready), PEAL_LUGGAGE_SPOILED);
	ready.chunk_size = 101;
	assert_int_equal(peal_luggage_add(&luggage, &applicant, &ready), PEAL_LUGGAGE_SPOILED);
	ready = (struct peal_join_ready){
		.offset = PEAL_CHUNK_SIZE_MAX, .chunk_size = 1, .chunk = bytes};
	assert_int_equal(peal_luggage_add(&luggage, &applicant, &ready), PEAL_LUGGAGE_SPOILED);
	assert_int_equal(applicant.missing, 1);
}

static void
give_what_is_free(void *argument)
{
	peal_luggage_give(argument, 7, 1);
}

static void
take_nothing(void *argument)
{
	(void)peal_luggage_take(argument, 0);
}

static void
test_luggage__refuses_what_cannot_be(void **state)
{
	(void)state;
	assert_true(peal_test_dies(give_what_is_free, &luggage));
	assert_true(peal_test_dies(take_nothing, &luggage));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_luggage__takes_as_much_as_a_view_may_have, setup),
		cmocka_unit_test_setup(test_luggage__finds_the_one_gap, setup),
		cmocka_unit_test_setup(test_luggage__keeps_everybodys_apart, setup),
		cmocka_unit_test_setup(test_luggage__comes_in_chunks, setup),
		cmocka_unit_test_setup(test_luggage__knows_what_is_not_as_announced, setup),
		cmocka_unit_test_setup(test_luggage__refuses_what_cannot_be, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
