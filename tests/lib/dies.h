/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tests that an assertion stops the process.
 */
#ifndef PEAL_TESTS_LIB_DIES_H
#define PEAL_TESTS_LIB_DIES_H

#include <stdbool.h>

/* Runs `action` in a child process, silently. True when it ended by abort(). */
bool peal_test_dies(void (*action)(void *argument), void *argument);

#endif
