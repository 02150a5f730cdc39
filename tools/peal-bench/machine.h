/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What stood below a measurement: the machine, and how much of it the poll loops really got.
 *
 * Main thread; reads /proc and the CPU clocks of the two loops.
 */
#ifndef PEAL_PEAL_BENCH_MACHINE_H
#define PEAL_PEAL_BENCH_MACHINE_H

#include "tools/peal-bench/benchargs.h"

#include <time.h>

#define PEAL_MACHINE_TEXT_SIZE_MAX 128U
#define PEAL_MACHINE_LINE_SIZE_MAX 1024U

struct peal_machine {
	char cpu[PEAL_MACHINE_TEXT_SIZE_MAX];
	char kernel[PEAL_MACHINE_TEXT_SIZE_MAX];
	char clock[PEAL_MACHINE_TEXT_SIZE_MAX]; /* clock source of the kernel */
	/* What the kernel leaves alone, as lists of CPUs; "none" */
	char isolated[PEAL_MACHINE_TEXT_SIZE_MAX];
	char tickless[PEAL_MACHINE_TEXT_SIZE_MAX]; /* without a tick, where one thread runs */
	char governor[PEAL_MACHINE_TEXT_SIZE_MAX]; /* of the clock rate of CPU 0 */
	char siblings[PEAL_MACHINE_TEXT_SIZE_MAX]; /* CPUs that share a core with CPU 0 */
	char product[PEAL_MACHINE_TEXT_SIZE_MAX];  /* what the machine, or its host, calls itself */
	char load[PEAL_MACHINE_TEXT_SIZE_MAX];     /* of the last 1, 5 and 15 minutes */
	char huge_free[PEAL_MACHINE_TEXT_SIZE_MAX];    /* huge pages that are free, "2048 kB x 0" */
	char taken_at[PEAL_MACHINE_TEXT_SIZE_MAX];     /* now, UTC, ISO 8601 */
	char command_line[PEAL_MACHINE_LINE_SIZE_MAX]; /* of this process, to do it again */
	uint32_t cpus_count;                           /* online */
};

/* Texts that cannot be had are "unknown". */
void peal_machine_describe(struct peal_machine *machine_out);

/* Processor time of the whole machine, all CPUs, since it started; 0 = not known. */
struct peal_machine_use {
	uint64_t used_ns;  /* by all processes and the kernel */
	uint64_t steal_ns; /* taken by the hypervisor */
};

void peal_machine_read_use(struct peal_machine_use *use_out);

/* What happened on the two CPUs from begin to end. */
struct peal_machine_bill {
	uint64_t elapsed_ns;
	uint64_t steal_ns; /* of both CPUs together, taken by the hypervisor */
	/* Part of the time that each loop was on its CPU, [0, 1]; < 0 = not known. */
	double shares[PEAL_BENCHARGS_SIDES_COUNT];
};

/* Fields are private. */
struct peal_machine_watch {
	int cpus[PEAL_BENCHARGS_SIDES_COUNT];
	clockid_t clocks[PEAL_BENCHARGS_SIDES_COUNT];
	uint64_t cpu_ns[PEAL_BENCHARGS_SIDES_COUNT];
	uint64_t steal_ns;
	uint64_t begin_at_ns;
};

/* `clocks` of the threads of the loops, see pthread_getcpuclockid; they run until the end. */
void peal_machine_begin(struct peal_machine_watch *watch,
	const int cpus[PEAL_BENCHARGS_SIDES_COUNT],
	const clockid_t clocks[PEAL_BENCHARGS_SIDES_COUNT]);
void peal_machine_end(const struct peal_machine_watch *watch, struct peal_machine_bill *bill_out);

#endif
