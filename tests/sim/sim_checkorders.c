/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the checker of order groups finds: two readers and one process that says something.
 */
#include "sim/check_orders.h"
#include "tests/lib/cmocka_all.h"

#define MID 7U

static struct peal_report report;
static uint64_t now_ns;
static struct peal_check_orders *check;
static struct peal_check_orders_group *group;
static uint32_t first, second;

static int
begin(void **state)
{
	const struct peal_orders_view view = {.view = 1, .ranks_count = 3, .active = 7};

	(void)state;
	peal_report_init(&report);
	check = peal_check_orders_create(&report, &now_ns);
	group = peal_check_orders_find_group(check, 1, 2, 3);
	first = peal_check_orders_add_reader(group, 0, MID);
	second = peal_check_orders_add_reader(group, 1, MID + 1U);
	peal_check_orders_find_life(group, MID)->said_count = 9;
	peal_check_orders_on_view(check, group, first, &view);
	peal_check_orders_on_view(check, group, second, &view);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	peal_check_orders_destroy(check);
	return 0;
}

/* Returns the violations. */
static uint64_t
hear(uint32_t reader, uint64_t number, uint64_t position)
{
	const struct peal_check_orders_entry entry = {.position = position,
		.mid = MID,
		.number = number,
		.pieces_count = 2,
		.pieces = {position - 1U, position}};
	uint64_t before = report.violations_count;

	(void)peal_check_orders_on_message(check, group, reader, &entry);
	return report.violations_count - before;
}

static uint64_t
tell_gap(uint32_t reader, uint64_t from, uint64_t to)
{
	uint64_t before = report.violations_count;

	peal_check_orders_on_skipped(check, group, reader, from, to);
	return report.violations_count - before;
}

static void
test_checkorders__accepts_one_history(void **state)
{
	(void)state;
	for (uint64_t i = 1; i <= 3U; i++) {
		assert_int_equal(hear(first, i, 10U * i), 0);
		assert_int_equal(hear(second, i, 10U * i), 0);
	}
	assert_true(peal_check_orders_has_all(group, second));
	assert_int_equal(hear(first, 4, 40), 0);
	assert_false(peal_check_orders_has_all(group, second));
	assert_int_equal(tell_gap(second, 31, 40), 0);
	assert_true(peal_check_orders_has_all(group, second));
}

static void
test_checkorders__finds_what_differs_and_what_is_left_out_untold(void **state)
{
	(void)state;
	assert_int_equal(hear(first, 1, 10), 0);
	assert_int_equal(hear(first, 2, 20), 0);
	assert_int_equal(hear(second, 2, 20), 1); /* without the first */
	assert_int_equal(hear(second, 1, 20), 1); /* late */
	assert_int_equal(hear(first, 3, 30), 0);
	assert_int_equal(hear(second, 4, 30), 1); /* another one */
	peal_check_orders_find_life(group, MID)->doubtful_count = 1;
	assert_int_equal(hear(first, 5, 50), 0);
	assert_int_equal(hear(second, 4, 35), 1); /* which the first has not */
}

static void
test_checkorders__finds_a_hole_that_its_process_was_not_told_of(void **state)
{
	(void)state;
	assert_int_equal(hear(first, 1, 10), 0);
	assert_int_equal(hear(first, 3, 30), 1);
	peal_check_orders_find_life(group, MID)->doubtful_count = 2;
	assert_int_equal(hear(first, 5, 50), 0);
	assert_int_equal(hear(first, 7, 70), 1);
	assert_int_equal(hear(first, 8, 80), 0); /* no new one */
}

static void
test_checkorders__finds_a_gap_that_is_none(void **state)
{
	(void)state;
	assert_int_equal(hear(first, 1, 10), 0);
	assert_int_equal(tell_gap(first, 5, 20), 1);  /* it has some of that */
	assert_int_equal(tell_gap(first, 40, 30), 1); /* ends before it begins */
	assert_int_equal(tell_gap(first, 50, 60), 0);
	assert_int_equal(hear(first, 2, 61), 1); /* the first piece is in the gap */
}

static void
test_checkorders__finds_a_view_that_differs_or_is_too_late_to_compare(void **state)
{
	struct peal_orders_view view = {.view = 2, .ranks_count = 3, .active = 7};

	(void)state;
	peal_check_orders_on_view(check, group, first, &view);
	view.active = 3;
	peal_check_orders_on_view(check, group, second, &view);
	assert_int_equal(report.violations_count, 1);
	view.view = PEAL_CHECK_ORDERS_VIEWS_MAX;
	peal_check_orders_on_view(check, group, first, &view);
	assert_int_equal(report.violations_count, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_checkorders__accepts_one_history, begin, end),
		cmocka_unit_test_setup_teardown(
			test_checkorders__finds_what_differs_and_what_is_left_out_untold, begin,
			end),
		cmocka_unit_test_setup_teardown(
			test_checkorders__finds_a_hole_that_its_process_was_not_told_of, begin,
			end),
		cmocka_unit_test_setup_teardown(
			test_checkorders__finds_a_gap_that_is_none, begin, end),
		cmocka_unit_test_setup_teardown(
			test_checkorders__finds_a_view_that_differs_or_is_too_late_to_compare,
			begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
