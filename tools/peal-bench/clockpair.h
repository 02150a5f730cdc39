/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whether two CPUs of this host read one clock, and how far apart their readings can be.
 *
 * Two threads hand a cache line to and fro, and each writes down its time stamp counter. A line
 * that left at t1 of the first clock, was seen at t2 of the second and was back at t3 of the first,
 * says that the second clock is ahead by at least t2 - t3 and at most t2 - t1, whatever the two
 * halves of the way took. The largest of the first and the smallest of the second over many such
 * ways is what can be proved. One-way times without this are guesses.
 */
#ifndef PEAL_PEAL_BENCH_CLOCKPAIR_H
#define PEAL_PEAL_BENCH_CLOCKPAIR_H

#include <stdbool.h>
#include <stdint.h>

/* By how many cycles the second clock is ahead of the first: [low, high]. */
struct peal_clockpair {
	int64_t low;
	int64_t high;
};

/*
 * Takes some milliseconds on two idle CPUs, and two at most where the two are one, when there is
 * nothing to bound: [0, 0]. Makes two threads, which are gone at return. Main thread.
 * @return false: threads cannot be had or hardly ever ran at the same time, or Ctrl-C came
 */
bool peal_clockpair_measure(const int cpus[2], struct peal_clockpair *bounds_out);

#endif
