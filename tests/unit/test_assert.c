/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/assert.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
assert_argument(void *argument)
{
	const int *value = argument;

	PEAL_ASSERT(*value == 1);
}

static int hook_pipe[2];

/* Tells the parent, through the pipe, what it was called with. */
static void
tell_parent(const char *condition, const char *file, int line)
{
	ssize_t written = 0;

	written += write(hook_pipe[1], condition, strlen(condition));
	written += write(hook_pipe[1], strrchr(file, '/'), strlen(strrchr(file, '/')));
	if (written <= 0 || line <= 0) {
		_exit(3);
	}
	PEAL_ASSERT(line < 0); /* a hook that fails is not called again */
}

static void
fail_with_hook(void *argument)
{
	peal_assert_set_hook(tell_parent);
	assert_argument(argument);
}

static void
test_assert__stops_the_process_when_the_condition_is_false(void **state)
{
	int value = 0;

	(void)state;
	assert_true(peal_test_dies(assert_argument, &value));
}

static void
test_assert__lets_a_true_condition_pass(void **state)
{
	int value = 1;

	(void)state;
	assert_argument(&value);
	assert_false(peal_test_dies(assert_argument, &value));
}

static void
test_assert__calls_the_hook_once_before_it_aborts(void **state)
{
	char told[128] = {0};
	int value = 0;

	(void)state;
	assert_int_equal(pipe2(hook_pipe, O_CLOEXEC | O_NONBLOCK), 0);
	assert_true(peal_test_dies(fail_with_hook, &value));
	assert_true(read(hook_pipe[0], told, sizeof(told) - 1U) > 0);
	assert_string_equal(told, "*value == 1/test_assert.c");
	close(hook_pipe[0]);
	close(hook_pipe[1]);
}

static void
test_assert__evaluates_nothing_in_a_maybe(void **state)
{
	int count = 0;

	(void)state;
	PEAL_MAYBE(count++ == 0);
	assert_int_equal(count, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_assert__stops_the_process_when_the_condition_is_false),
		cmocka_unit_test(test_assert__lets_a_true_condition_pass),
		cmocka_unit_test(test_assert__calls_the_hook_once_before_it_aborts),
		cmocka_unit_test(test_assert__evaluates_nothing_in_a_maybe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
