/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What runs left behind that were killed outright: DPDK's directory, and that of a socket of vhost.
 * A process cannot clear up after SIGKILL, so the next one does. Main thread.
 */
#ifndef PEAL_PEAL_BENCH_LEFTOVERS_H
#define PEAL_PEAL_BENCH_LEFTOVERS_H

#include <stddef.h>

/* Where temporary files go. */
const char *peal_leftovers_place(void);

/* The directory of this process there, for mkdtemp; the number in it says whose it is. */
void peal_leftovers_name(char *name_out, size_t capacity);

/*
 * Removes directories of runs whose process is no more and at whose sockets nobody answers, so that
 * one in another namespace of processes keeps its own. What has other files in it stays.
 */
void peal_leftovers_sweep(void);

#endif
