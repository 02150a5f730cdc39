/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ctrl-C and a polite kill: noted, never acted upon at once, so that everything ends as usual.
 *
 * Main thread, but for the question, which any thread may ask.
 */
#ifndef PEAL_PEAL_BENCH_CTRLC_H
#define PEAL_PEAL_BENCH_CTRLC_H

#include <stdbool.h>
#include <stdint.h>

/* From now on SIGINT, SIGTERM and SIGHUP are noted. Calls that wait end early with EINTR. */
void peal_ctrlc_watch(void);

bool peal_ctrlc_has_come(void);

/* Sleeps; ends early when one comes. */
void peal_ctrlc_sleep(uint64_t duration_ns);

#endif
