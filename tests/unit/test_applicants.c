/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/prng.h"
#include "membership/applicants.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static struct peal_member
member(uint32_t number)
{
	return (struct peal_member){.uuid = {.low = number, .high = 1},
		.address = {.ipv4 = number, .port = 7, .mac = {2}},
		.shards_count = 1};
}

static const struct peal_metadata_tag tag_none;

static void
test_applicants__are_found_by_uuid_and_by_address(void **state)
{
	struct peal_applicants *applicants = calloc(1, sizeof(*applicants));

	(void)state;
	for (uint32_t i = 1; i <= PEAL_PENDING_JOINS_MAX; i++) {
		struct peal_member joiner = member(i);

		assert_int_equal(peal_applicants_add(applicants, &joiner, &tag_none), i - 1U);
	}
	for (uint32_t i = 1; i <= PEAL_PENDING_JOINS_MAX; i++) {
		struct peal_member joiner = member(i);

		assert_int_equal(peal_applicants_find_uuid(applicants, joiner.uuid), i - 1U);
		assert_int_equal(peal_applicants_find_address(applicants, &joiner.address), i - 1U);
	}
	struct peal_member more = member(PEAL_PENDING_JOINS_MAX + 1U);

	assert_int_equal(peal_applicants_add(applicants, &more, &tag_none), PEAL_APPLICANT_NONE);
	peal_applicants_remove(applicants, 77);
	assert_int_equal(peal_applicants_add(applicants, &more, &tag_none), 77);
	peal_applicants_check(applicants);
	peal_applicants_clear(applicants);
	assert_int_equal(applicants->count, 0);
	assert_int_equal(peal_applicants_find_uuid(applicants, more.uuid), PEAL_APPLICANT_NONE);
	peal_applicants_check(applicants);
	free(applicants);
}

static void
test_applicants__queues_of_a_chain_exclude_each_other(void **state)
{
	struct peal_applicants *applicants = calloc(1, sizeof(*applicants));

	(void)state;
	for (uint32_t i = 1; i <= 3; i++) {
		struct peal_member joiner = member(i);
		uint16_t index = peal_applicants_add(applicants, &joiner, &tag_none);

		peal_applicants_put(applicants, index, PEAL_QUEUE_WAITING);
		peal_applicants_put(applicants, index, PEAL_QUEUE_ASKED);
	}
	peal_applicants_put(applicants, 1, PEAL_QUEUE_READY);
	assert_int_equal(peal_applicants_queue_count(applicants, PEAL_QUEUE_WAITING), 2);
	assert_int_equal(peal_applicants_queue_count(applicants, PEAL_QUEUE_READY), 1);
	assert_int_equal(peal_applicants_queue_count(applicants, PEAL_QUEUE_ASKED), 3);
	assert_int_equal(peal_applicants_first(applicants, PEAL_QUEUE_WAITING), 0);
	assert_int_equal(peal_applicants_next(applicants, 0, PEAL_CHAIN_PROBE), 2);
	assert_int_equal(
		peal_applicants_next(applicants, 2, PEAL_CHAIN_PROBE), PEAL_APPLICANT_NONE);
	/* Again to the end of the same queue. */
	peal_applicants_put(applicants, 0, PEAL_QUEUE_WAITING);
	assert_int_equal(peal_applicants_first(applicants, PEAL_QUEUE_WAITING), 2);
	peal_applicants_remove(applicants, 2);
	assert_int_equal(peal_applicants_first(applicants, PEAL_QUEUE_WAITING), 0);
	peal_applicants_check(applicants);
	free(applicants);
}

/* Whatever happens in whatever order, queues and buckets hold exactly the entries. */
static void
test_applicants__stay_whole(void **state)
{
	struct peal_applicants *applicants = calloc(1, sizeof(*applicants));
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 3);
	for (uint32_t i = 0; i < 200000; i++) {
		struct peal_member joiner = member((uint32_t)peal_prng_below(&prng, 300) + 1U);
		uint16_t index = peal_applicants_find_uuid(applicants, joiner.uuid);

		if (index == PEAL_APPLICANT_NONE) {
			(void)peal_applicants_add(applicants, &joiner, &tag_none);
		} else if (peal_prng_ratio(&prng, 1, 4)) {
			peal_applicants_remove(applicants, index);
		} else if (peal_prng_ratio(&prng, 1, 4)) {
			peal_applicants_take_out(applicants, index,
				(enum peal_applicants_chain)peal_prng_below(
					&prng, PEAL_CHAINS_COUNT));
		} else {
			peal_applicants_put(applicants, index,
				(enum peal_applicants_queue)(
					1U + peal_prng_below(&prng, PEAL_QUEUES_COUNT - 1U)));
		}
		if (i % 1000U == 0) {
			peal_applicants_check(applicants);
		}
	}
	assert_true(applicants->touched_count <= 300);
	free(applicants);
}

static void
test_applicants__are_sorted_by_uuid(void **state)
{
	struct peal_applicants *applicants = calloc(1, sizeof(*applicants));
	uint16_t indices[200];
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 4);
	for (uint32_t count = 0; count <= 200; count += count < 9 ? 1 : 191) {
		peal_applicants_clear(applicants);
		for (uint32_t i = 0; i < count; i++) {
			struct peal_member joiner = member(i + 1U);

			joiner.uuid.high = peal_prng_below(&prng, 50); /* low decides */
			indices[i] = peal_applicants_add(applicants, &joiner, &tag_none);
		}
		peal_applicants_sort(applicants, indices, count);
		for (uint32_t i = 1; i < count; i++) {
			assert_true(
				peal_uuid_compare(applicants->places[indices[i - 1U]].member.uuid,
					applicants->places[indices[i]].member.uuid) < 0);
		}
	}
	peal_applicants_clear(applicants);
	free(applicants);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_applicants__are_found_by_uuid_and_by_address),
		cmocka_unit_test(test_applicants__queues_of_a_chain_exclude_each_other),
		cmocka_unit_test(test_applicants__stay_whole),
		cmocka_unit_test(test_applicants__are_sorted_by_uuid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
