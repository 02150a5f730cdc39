/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The round trip of one cache line between two CPUs: the floor that no program gets below.
 *
 * Two threads, one on each CPU, write to the same line in turn. On a virtual machine the answer
 * tells where the two CPUs stand to each other today, so it belongs next to any two-core figure.
 */
#ifndef PEAL_PEAL_BENCH_LINELAP_H
#define PEAL_PEAL_BENCH_LINELAP_H

#include "tools/peal-bench/benchargs.h"

/*
 * Takes about 30 ms on two idle CPUs. Makes two threads, which are gone at return.
 * @return median nanoseconds; 0 when both CPUs are the same, threads cannot be had or hardly ever
 * ran at the same time, or Ctrl-C came
 */
double peal_linelap_measure(const int cpus[PEAL_BENCHARGS_SIDES_COUNT]);

#endif
