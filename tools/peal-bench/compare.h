/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whether one set of results is faster than another, or no difference can be told.
 *
 * A result file holds what several runs wrote with --json, one after the other: each run is one
 * value. The round trips within one run do not make many of it: they share a process, its memory
 * and a minute of the machine, so an interval from their number alone would be far too narrow. A
 * ratio brings its pairs, each of them two processes. Main thread.
 */
#ifndef PEAL_PEAL_BENCH_COMPARE_H
#define PEAL_PEAL_BENCH_COMPARE_H

#include "tools/peal-bench/command.h"

#include <jansson.h>

/* Exit statuses of compare, in place of those of a measurement. */
#define PEAL_COMPARE_FASTER        0
#define PEAL_COMPARE_SLOWER        1
#define PEAL_COMPARE_NO_DIFFERENCE 2
#define PEAL_COMPARE_NO_VERDICT    3

extern const struct peal_command peal_compare_command;

/* The name of the figure by which results of the same command are compared, unless another one is
 * asked for. Static; NULL = there is none. */
const char *peal_compare_choose_key(const json_t *result);

#endif
