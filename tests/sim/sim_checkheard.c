/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The checker of what clients hear finds what it is there for, and nothing else.
 */
#include "sim/check_heard.h"
#include "tests/lib/cmocka_all.h"

#include <string.h>

#define MEMBERS      100U
#define MESSAGE_SIZE 50U

static struct peal_report report;
static struct peal_check_heard check;
static struct peal_check_heard_seat first, second;
static uint64_t now_ns;

static int
setup(void **state)
{
	(void)state;
	peal_report_init(&report);
	memset(&check, 0, sizeof(check));
	check.report = &report;
	check.now_ns = &now_ns;
	peal_check_heard_begin(&check, &first);
	peal_check_heard_begin(&check, &second);
	return 0;
}

/* Members 1 to 100 but `gone`, in two pieces of which the second may stay away. */
static void
show(struct peal_check_heard_seat *seat, uint64_t epoch, uint64_t gone, bool is_whole)
{
	struct {
		struct peal_client_view head;
		struct peal_client_member members[MEMBERS];
	} piece = {.head = {.epoch = epoch, .self_mid = 1, .members_count = MEMBERS - 1U}};
	const uint32_t cut = 60;
	struct peal_shmring_record record = {.bytes = (const uint8_t *)&piece,
		.size = sizeof(piece.head) + cut * sizeof(piece.members[0])};
	uint32_t count = 0;
	struct peal_client_member all[MEMBERS] = {0};

	for (uint64_t mid = 1; mid <= MEMBERS; mid++) {
		all[count].mid = mid;
		count += mid != gone;
	}
	memcpy(piece.members, all, cut * sizeof(all[0]));
	peal_check_heard_on_view(&check, seat, 7, &record);
	if (is_whole) {
		piece.head.first = (uint16_t)cut;
		memcpy(piece.members, all + cut, (MEMBERS - 1U - cut) * sizeof(all[0]));
		record.size = (uint32_t)(sizeof(piece.head) +
					 (MEMBERS - 1U - cut) * sizeof(piece.members[0]));
		peal_check_heard_on_view(&check, seat, 7, &record);
	}
}

static void
show_both(uint64_t epoch, uint64_t gone)
{
	show(&first, epoch, gone, true);
	show(&second, epoch, gone, true);
}

static void
say(uint8_t bytes[MESSAGE_SIZE])
{
	peal_check_heard_write(&check, first.session, bytes, MESSAGE_SIZE);
}

static void
hear(struct peal_check_heard_seat *seat, const uint8_t *bytes)
{
	peal_check_heard_on_message(&check, seat, 1, bytes, MESSAGE_SIZE);
}

static void
test_checkheard__accepts_what_is_right(void **state)
{
	uint8_t bytes[MESSAGE_SIZE];

	(void)state;
	show_both(1, 50);
	show_both(2, 51);
	for (uint32_t i = 0; i < 3; i++) {
		say(bytes);
		hear(&first, bytes);
		hear(&second, bytes);
	}
	assert_true(peal_check_heard_has_all(&check, &second, first.session));
	say(bytes);
	assert_false(peal_check_heard_has_all(&check, &second, first.session));
	hear(&first, bytes);
	hear(&second, bytes);
	show_both(3, 52);
	assert_int_equal(report.violations_count, 0);
	assert_int_equal(check.compared_count, 1);
}

static void
test_checkheard__finds_what_one_alone_missed(void **state)
{
	uint8_t bytes[MESSAGE_SIZE];

	(void)state;
	show_both(1, 50);
	show_both(2, 51);
	say(bytes);
	hear(&first, bytes);
	show_both(3, 52);
	assert_int_equal(report.violations_count, 1);
}

static void
test_checkheard__finds_views_that_differ(void **state)
{
	(void)state;
	show_both(1, 50);
	show_both(2, 51);
	show(&first, 3, 52, true);
	show(&second, 3, 53, true);
	assert_int_equal(report.violations_count, 1);
	show(&first, 3, 52, true);
	assert_int_equal(report.violations_count, 2); /* again */
}

static void
test_checkheard__finds_a_gap_unless_it_was_told_of(void **state)
{
	uint8_t one[MESSAGE_SIZE], two[MESSAGE_SIZE], three[MESSAGE_SIZE];

	(void)state;
	show_both(1, 50);
	say(one);
	say(two);
	say(three);
	hear(&second, one);
	hear(&second, three);
	assert_int_equal(report.violations_count, 1);
	hear(&second, two);
	assert_int_equal(report.violations_count, 2);
	hear(&first, one);
	peal_check_heard_on_lost(&check, &first);
	hear(&first, three);
	assert_int_equal(report.violations_count, 2);
	hear(&first, three);
	assert_int_equal(report.violations_count, 3);
	/* It was told of what it had said by then, and of nothing behind. */
	say(one);
	say(two);
	hear(&first, two);
	assert_int_equal(report.violations_count, 4);
}

static void
test_checkheard__finds_strangers_lies_and_what_comes_too_early(void **state)
{
	uint8_t bytes[MESSAGE_SIZE];

	(void)state;
	say(bytes);
	hear(&first, bytes);
	assert_int_equal(report.violations_count, 1); /* no view yet */
	show(&first, 1, 50, false);
	hear(&first, bytes);
	assert_int_equal(report.violations_count, 2); /* not all of it */
	show(&first, 1, 50, true);
	peal_check_heard_on_message(&check, &first, 50, bytes, MESSAGE_SIZE);
	assert_int_equal(report.violations_count, 3); /* no member */
	bytes[MESSAGE_SIZE - 1U] ^= 1U;
	hear(&first, bytes);
	assert_int_equal(report.violations_count, 4);
	bytes[4]++;
	hear(&first, bytes);
	assert_int_equal(report.violations_count, 5); /* never said */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_checkheard__accepts_what_is_right, setup),
		cmocka_unit_test_setup(test_checkheard__finds_what_one_alone_missed, setup),
		cmocka_unit_test_setup(test_checkheard__finds_views_that_differ, setup),
		cmocka_unit_test_setup(test_checkheard__finds_a_gap_unless_it_was_told_of, setup),
		cmocka_unit_test_setup(
			test_checkheard__finds_strangers_lies_and_what_comes_too_early, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
