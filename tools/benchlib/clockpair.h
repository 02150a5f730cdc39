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
#ifndef PEAL_BENCHLIB_CLOCKPAIR_H
#define PEAL_BENCHLIB_CLOCKPAIR_H

#include <stdbool.h>
#include <stdint.h>

/* By how many cycles the second clock is ahead of the first: [low, high]. */
struct peal_clockpair {
	int64_t low;
	int64_t high;
};

/* Bounds that say nothing yet. */
void peal_clockpair_open(struct peal_clockpair *bounds);

/* A line that left at left_at and was back at back_at, by the first clock, and was seen at seen_at
 * by the second. Pure, as the next two. */
void peal_clockpair_note(
	struct peal_clockpair *bounds, uint64_t left_at, uint64_t seen_at, uint64_t back_at);

/* Both are true, so the tighter of each counts. */
void peal_clockpair_join(struct peal_clockpair *bounds, const struct peal_clockpair *others);

/*
 * Whether the two can be one clock, with nothing between them. The error is then the farther bound:
 * by so much a difference of two readings can be wrong.
 */
bool peal_clockpair_is_one(const struct peal_clockpair *bounds, uint64_t *error_out);

/*
 * Takes some milliseconds on two idle CPUs, and two at most where the two are one, when there is
 * nothing to bound: [0, 0]. Makes two threads, which are gone at return. Main thread.
 *
 * @param is_over  true when nobody wants to know any more; NULL = never
 * @return false: threads cannot be had or hardly ever ran at the same time, or it was over
 */
bool peal_clockpair_measure(
	const int cpus[2], bool (*is_over)(void), struct peal_clockpair *bounds_out);

#endif
