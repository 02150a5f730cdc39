/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cmocka with the headers that it needs in front of it, in the order that it needs.
 */
#ifndef PEAL_TESTS_LIB_CMOCKA_ALL_H
#define PEAL_TESTS_LIB_CMOCKA_ALL_H

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#endif
