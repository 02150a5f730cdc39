/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/eventlog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct peal_eventlog event_log;
static struct peal_event out[PEAL_EVENTS_MAX + 8U];

static void
test_eventlog__every_kind_has_a_name(void **state)
{
	(void)state;
	for (uint32_t kind = PEAL_EVENT_STARTED; kind <= PEAL_EVENT_LAST; kind++) {
		assert_non_null(peal_event_name((enum peal_event_kind)kind));
	}
}

static void
test_eventlog__reads_on_from_where_one_was(void **state)
{
	struct peal_event event = {.kind = PEAL_EVENT_VIEW};

	(void)state;
	peal_eventlog_init(&event_log);
	assert_int_equal(peal_eventlog_read(&event_log, 0, out, 8), 0);
	for (uint64_t i = 1; i <= 5; i++) {
		event.value = i;
		peal_eventlog_add(&event_log, &event);
	}
	assert_int_equal(peal_eventlog_read(&event_log, 2, out, 2), 2);
	assert_int_equal(out[0].seq, 3);
	assert_int_equal(out[1].value, 4);
	assert_int_equal(peal_eventlog_read(&event_log, 4, out, 8), 1);
	assert_int_equal(peal_eventlog_read(&event_log, 5, out, 8), 0);
	assert_int_equal(peal_eventlog_read(&event_log, 99, out, 8), 0);
}

static void
test_eventlog__a_late_reader_sees_the_gap_in_seq(void **state)
{
	struct peal_event event = {.kind = PEAL_EVENT_VIEW};
	uint32_t count = 0;

	(void)state;
	peal_eventlog_init(&event_log);
	for (uint64_t i = 1; i <= PEAL_EVENTS_MAX + 10U; i++) {
		peal_eventlog_add(&event_log, &event);
	}
	count = peal_eventlog_read(&event_log, 0, out, PEAL_EVENTS_MAX + 8U);
	assert_int_equal(count, PEAL_EVENTS_MAX);
	assert_int_equal(out[0].seq, 11);
	assert_int_equal(out[count - 1U].seq, PEAL_EVENTS_MAX + 10U);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_eventlog__every_kind_has_a_name),
		cmocka_unit_test(test_eventlog__reads_on_from_where_one_was),
		cmocka_unit_test(test_eventlog__a_late_reader_sees_the_gap_in_seq),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
