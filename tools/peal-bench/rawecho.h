/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The bare DPDK program that Peal is compared with: one lcore asks, the other one answers.
 *
 * Turns of both loops: take a burst, handle it, send, read the clock, and idle when there was
 * nothing to do. The asking side has a fixed schedule. A reply is stamped by the clock of the turn
 * after the one that took it in, as in Peal. Of Peal only the histogram is used, and, with shared
 * CPUs, the ladder by which a loop falls asleep.
 */
#ifndef PEAL_PEAL_BENCH_RAWECHO_H
#define PEAL_PEAL_BENCH_RAWECHO_H

#include "tools/peal-bench/outcome.h"

/*
 * The whole life of the command: namespace, EAL, ports, warm-up, run, and their end. Once in a
 * process.
 *
 * @param outcome_out  args and histogram are set by the caller
 * @return false with a sentence; empty when Ctrl-C came
 */
bool peal_rawecho_run(struct peal_outcome *outcome_out, struct peal_sentence *error);

#endif
