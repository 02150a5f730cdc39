/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The command line of what measures CPUs and memory alone, without a link: jitter, floor, shm; and
 * of what reads results of earlier runs: compare, plot. One checked value. Main thread.
 */
#ifndef PEAL_PEAL_BENCH_COREARGS_H
#define PEAL_PEAL_BENCH_COREARGS_H

#include "runtime/config.h"
#include "tools/peal-bench/benchargs.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum peal_coreargs_command {
	PEAL_COREARGS_JITTER = 0,
	PEAL_COREARGS_FLOOR = 1,
	PEAL_COREARGS_SHM = 2,
	PEAL_COREARGS_COMPARE = 3,
	PEAL_COREARGS_PLOT = 4,
};

#define PEAL_COREARGS_CPUS_MAX   64U
#define PEAL_COREARGS_ROUNDS_MAX 1000U
/* Bytes of a record of shm, a multiple of 4. */
#define PEAL_COREARGS_SIZE_MAX 1024U
/* Result files: two of compare, as many as a picture has lines of plot. */
#define PEAL_COREARGS_FILES_MAX 8U

struct peal_coreargs {
	enum peal_coreargs_command command;
	uint32_t cpus_count;
	int cpus[PEAL_COREARGS_CPUS_MAX]; /* all different, and this process may use them */
	uint64_t duration_ns;             /* jitter */
	uint64_t threshold_ns;            /* jitter */
	uint32_t size;                    /* shm */
	uint32_t rounds_count;            /* floor and shm, [1, PEAL_COREARGS_ROUNDS_MAX] */
	uint32_t files_count;
	const char *files[PEAL_COREARGS_FILES_MAX];
	const char *key;       /* compare; NULL = what suits the command */
	const char *title;     /* plot; NULL = made of the results */
	const char *json_path; /* NULL = none; "-" = standard output, then text goes to stderr */
	const char *plot_path; /* plot; ends in .svg or .png */
	bool is_anyway;        /* shm: a figure even of a machine that was not its own */
	bool is_quiet;
};

/* True when `word` is one of these commands. */
bool peal_coreargs_knows(const char *word);

/* Reads the command line, whose first word is one. Strings of `values` must outlive the result. */
enum peal_benchargs_verdict peal_coreargs_parse(
	struct peal_coreargs *args_out, int count, char **values, struct peal_sentence *error);

/* Where text for people goes; NULL = nowhere. */
FILE *peal_coreargs_text_file(const struct peal_coreargs *args);

#endif
