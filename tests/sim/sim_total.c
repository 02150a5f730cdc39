/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Process groups in total order: `--seeds` worlds (8) in which clients and nodes come and go, and
 * what the checker of them finds.
 */
#include "sim/check_total.h"
#include "tests/sim/simrun.h"

#include <stdlib.h>

static uint64_t seeds_count = 8;

static void
test_total__all_are_told_one_sequence(void **state)
{
	(void)state;
	simrun_seeds("total", 0, NULL, seeds_count);
}

/* What two clients were told; returns the violations. */
static uint64_t
tell(const uint64_t *one, uint32_t one_count, const uint64_t *other, uint32_t other_count)
{
	struct peal_check_total *check = calloc(1, sizeof(*check));
	struct peal_check_total_seat *seats = calloc(2, sizeof(*seats));
	struct peal_report report = {.violations_count = 0};
	uint64_t now_ns = 0, count;

	assert_true(check != NULL && seats != NULL);
	check->report = &report;
	check->now_ns = &now_ns;
	for (uint32_t i = 0; i < one_count; i++) {
		peal_check_total_on_event(&seats[0], one[i]);
	}
	peal_check_total_pass(check, &seats[0]);
	for (uint32_t i = 0; i < other_count; i++) {
		peal_check_total_on_event(&seats[1], other[i]);
		peal_check_total_pass(check, &seats[1]);
	}
	count = report.violations_count;
	free(seats);
	free(check);
	return count;
}

static void
test_total__the_checker_finds_what_is_told_to_one_alone(void **state)
{
	const uint64_t all[] = {peal_check_total_view(1, 1, 5, 1), peal_check_total_message(1, 0),
		peal_check_total_message(2, 0), peal_check_total_view(1, 1, 5, 2),
		peal_check_total_message(1, 1)};
	const uint64_t swapped[] = {all[0], all[2], all[1], all[3]};
	const uint64_t hole[] = {all[0], all[1], all[3]};
	const uint64_t more[] = {all[0], all[1], peal_check_total_message(3, 0), all[2]};

	(void)state;
	assert_int_equal(tell(all, 5, all, 5), 0);
	assert_int_equal(tell(all, 5, all + 2, 3), 0); /* who came later */
	assert_int_equal(tell(all, 3, all, 5), 0);     /* and who goes on */
	assert_true(tell(all, 5, swapped, 4) > 0);
	assert_true(tell(all, 5, hole, 3) > 0);
	assert_true(tell(all, 5, more, 4) > 0);
	assert_true(tell(all + 2, 3, hole, 3) > 0); /* another one before it */
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_total__the_checker_finds_what_is_told_to_one_alone),
		cmocka_unit_test(test_total__all_are_told_one_sequence),
	};

	seeds_count = simrun_count(argc, argv, seeds_count);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
