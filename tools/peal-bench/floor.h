/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What it takes to hand a cache line from one CPU to another, for each pair of a list: below this
 * no two threads speak. Main thread; the threads are gone at return.
 */
#ifndef PEAL_PEAL_BENCH_FLOOR_H
#define PEAL_PEAL_BENCH_FLOOR_H

#include "tools/peal-bench/command.h"

extern const struct peal_command peal_floor_command;

#endif
