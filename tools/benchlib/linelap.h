/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The round trip of one cache line between two CPUs: the floor that no program gets below.
 *
 * Two threads, one on each CPU, write to the same line in turn (court.h). On a virtual machine the
 * answer tells where the two CPUs stand to each other today, so it belongs next to any two-core
 * figure.
 */
#ifndef PEAL_BENCHLIB_LINELAP_H
#define PEAL_BENCHLIB_LINELAP_H

#include <stdbool.h>

/*
 * Takes about 30 ms on two idle CPUs, and 2 s at most. Makes two threads, which are gone at return.
 * @param is_over  true when nobody wants to know any more; NULL = never
 * @return median nanoseconds; 0 when both CPUs are the same, threads cannot be had or hardly ever
 * ran at the same time, or it was over
 */
double peal_linelap_measure(const int cpus[2], bool (*is_over)(void));

#endif
