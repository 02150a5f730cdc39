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

#include "tools/peal-bench/command.h"

extern const struct peal_command peal_ratio_command;

#endif
