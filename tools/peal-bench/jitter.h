/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Time stolen from spinning CPUs: a thread on each reads the time stamp counter without pause, and
 * whatever lies between two readings beyond a threshold is a gap that any poll loop would have had.
 *
 * What makes gaps: interrupts, other threads, the firmware, the hypervisor. A loop without them
 * takes some ten nanoseconds a turn. Main thread; the threads are gone at return.
 */
#ifndef PEAL_PEAL_BENCH_JITTER_H
#define PEAL_PEAL_BENCH_JITTER_H

#include "tools/peal-bench/command.h"

extern const struct peal_command peal_jitter_command;

#endif
