/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Runs another program to its end: ip, gnuplot, or this one again.
 *
 * Its input and output are files in memory, so neither side ever waits for the other. Ctrl-C is
 * passed on to it, and it does not outlive this process. Main thread.
 */
#ifndef PEAL_PEAL_BENCH_PROGRAM_H
#define PEAL_PEAL_BENCH_PROGRAM_H

#include "runtime/config.h"

#include <stdbool.h>

/* First word of a run of this program itself. */
#define PEAL_PROGRAM_SELF "/proc/self/exe"

/* True when a program of this name is there: on PATH, or where the system keeps its own. */
bool peal_program_exists(const char *name);

struct peal_program {
	const char *name;         /* for people */
	const char *const *words; /* the name or path first, NULL last */
	const char *input;        /* NULL = none */
	bool keeps_stderr;        /* its messages go where ours go; else they become the sentence */
};

/*
 * @param output_out  what it wrote to its standard output, to be freed; NULL when nobody wants it
 * @return true when it ended with status 0; else false with a sentence, empty when it has spoken
 * for itself or Ctrl-C came
 */
bool peal_program_run(
	const struct peal_program *program, char **output_out, struct peal_sentence *error);

#endif
