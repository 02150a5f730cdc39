/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/assert.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static peal_assert_hook_fn hook_installed;
/* The first failure wins: a hook that fails itself must not be called again. */
static atomic_flag is_failing = ATOMIC_FLAG_INIT;

void
peal_assert_set_hook(peal_assert_hook_fn hook)
{
	hook_installed = hook;
}

void
peal_assert_fail(const char *condition, const char *file, int line)
{
	fprintf(stderr, "peal: %s:%d: invariant does not hold: %s\n", file, line, condition);
	if (!atomic_flag_test_and_set(&is_failing) && hook_installed != NULL) {
		hook_installed(condition, file, line);
	}
	abort();
}
