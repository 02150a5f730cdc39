/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The clock of a process: the time stamp counter, scaled to CLOCK_MONOTONIC.
 *
 * Processes of one host read the same instants, whenever they started: at start the counter is
 * paired with CLOCK_MONOTONIC, and about once a second the control thread pairs them again and
 * bends the rate so that the difference is gone a second later. The clock never steps, and its rate
 * never leaves the measured one by more than PEAL_TSC_BEND_PPM_MAX.
 *
 * Design notes
 * 1. A scale (counter, instant, rate) is written once into one of a few places and then published
 * by its number. A reader that was stopped while its place was written again sees that the number
 * of the place has changed, and starts over with the newest one: it never waits for the writer.
 * 2. Two reads around a new scale can be out of order by a few nanoseconds. Whoever needs a clock
 * that never goes back keeps its last reading and takes the larger one.
 */
#ifndef PEAL_DPDK_TSC_H
#define PEAL_DPDK_TSC_H

#include <stdint.h>

/* Largest correction of the rate, in parts per million. */
#define PEAL_TSC_BEND_PPM_MAX 500U

/* How often peal_tsc_discipline does something. */
#define PEAL_TSC_DISCIPLINE_INTERVAL_NS UINT64_C(1000000000)

/* Pairs the two clocks and measures the rate for about 10 ms. Once, before any other call. */
void peal_tsc_init(void);

/* Nanoseconds of CLOCK_MONOTONIC. Any thread; no syscall; about 30 cycles. */
uint64_t peal_tsc_now_ns(void);

/* Pairs the clocks again when a second has passed. One thread, the same always. */
void peal_tsc_discipline(void);

#endif
