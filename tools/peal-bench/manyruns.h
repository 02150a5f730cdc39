/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * --runs: one command several times, each in a process of its own, and their results one after the
 * other in one file, as compare wants them.
 *
 * DPDK starts once in a process, and where its memory lies is another value each time: so a run is
 * what counts as one. A run that has no figure is tried again a few times. Main thread.
 */
#ifndef PEAL_PEAL_BENCH_MANYRUNS_H
#define PEAL_PEAL_BENCH_MANYRUNS_H

#include "tools/peal-bench/command.h"

#define PEAL_MANYRUNS_MAX 200U

/* The option, which every command with figures takes. */
extern const struct peal_option peal_manyruns_option;

/* Refuses what is of one run beside --runs. False with a sentence. */
bool peal_manyruns_check(const struct peal_benchargs *args, struct peal_sentence *error);

/*
 * Runs what stands on the command line, args->runs_count times.
 * @param values  the command line as it was given
 * @return false with a sentence; empty after Ctrl-C
 */
bool peal_manyruns_run(
	const struct peal_benchargs *args, int count, char **values, struct peal_sentence *error);

#endif
