/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A figure that is not given: the run went to its end, but what came of it says nothing.
 *
 * Records were lost, or the machine had the CPUs for itself too long. The reason is the sentence,
 * and the process ends with PEAL_REFUSAL_STATUS, so that a script can tell "measure again" from
 * "something is wrong". Main thread.
 */
#ifndef PEAL_PEAL_BENCH_REFUSAL_H
#define PEAL_PEAL_BENCH_REFUSAL_H

#include "tools/peal-bench/machine.h"

#include <stdbool.h>

#define PEAL_REFUSAL_STATUS 3
/* Of the time of the CPUs measured on, taken by the hypervisor. */
#define PEAL_REFUSAL_STEAL_PERCENT_MAX 5.0
/* Of its CPU, what a loop that spins must have had. */
#define PEAL_REFUSAL_SHARE_MIN 0.8

/* Sets the sentence, "no figure: ...", and notes that it is a refusal. Always false. */
bool peal_refusal_set(struct peal_sentence *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The sentence of another process of ours that ended so. */
void peal_refusal_note(void);

/* What was refused is tried again: only what comes from here on counts. */
void peal_refusal_forget(void);

/* True from the first of these on. */
bool peal_refusal_is_noted(void);

/*
 * Whether two CPUs were this run's own. False with a refusal.
 *
 * @param is_spinning  both loops turned for ever, so that what they had of their CPUs counts too
 */
bool peal_refusal_check_machine(const struct peal_machine_bill *bill, const int cpus[2],
	bool is_spinning, struct peal_sentence *error);

#endif
