/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How many times longer a round trip takes with Peal than with a bare DPDK program.
 *
 * raw and rtt run in turn, each in a process of its own, because DPDK starts only once in a
 * process. A machine that is slower for a minute is slower for both halves of a pair, so the ratio
 * of a pair says more than its parts, and the median of several pairs more than one. Main thread.
 */
#ifndef PEAL_PEAL_BENCH_RATIO_H
#define PEAL_PEAL_BENCH_RATIO_H

#include "tools/peal-bench/benchargs.h"

/* Runs all pairs and writes what the arguments ask for. False with a sentence, or empty when a run
 * has spoken for itself or Ctrl-C came. */
bool peal_ratio_run(const struct peal_benchargs *args, struct peal_sentence *error);

#endif
