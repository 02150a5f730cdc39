/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Threads on one CPU each, and how fast the time stamp counter of this machine counts. Any thread.
 */
#ifndef PEAL_BENCHLIB_PINNED_H
#define PEAL_BENCHLIB_PINNED_H

#include <pthread.h>
#include <stdbool.h>

/* Starts a thread that runs on `cpu` only. False: threads cannot be had, or that CPU cannot. */
bool peal_pinned_start(pthread_t *thread_out, int cpu, void *(*body)(void *), void *argument);

/* Moves the calling thread there. False: that CPU cannot be had. */
bool peal_pinned_move(int cpu);

/* Cycles of the time stamp counter in a nanosecond, > 0. Takes 50 ms, with a spinning CPU. */
double peal_pinned_measure_rate(void);

#endif
