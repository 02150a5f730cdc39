/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What rtt and raw set up alike, so that they stand on the same ground: namespace and devices, the
 * arguments of DPDK, the length of the warm-up, and the clocks of the threads of the two loops.
 * Main thread, but for enter.
 */
#ifndef PEAL_PEAL_BENCH_STAGE_H
#define PEAL_PEAL_BENCH_STAGE_H

#include "runtime/eal.h"
#include "tools/peal-bench/benchargs.h"

#include <stdatomic.h>
#include <time.h>

#define PEAL_STAGE_TEXT_SIZE_MAX 128U

/* Fields are private, but for eal and clocks. Outlives EAL. */
struct peal_stage {
	struct peal_eal_config eal;
	double line_rtt_ns; /* of the two CPUs, taken before anything else ran; 0 = none */
	char prefix[PEAL_STAGE_TEXT_SIZE_MAX];
	char device_args[PEAL_STAGE_TEXT_SIZE_MAX];
	char second_device[PEAL_STAGE_TEXT_SIZE_MAX];
	char *extra[1];
	_Atomic uint32_t entered_count;
	clockid_t clocks[PEAL_BENCHARGS_SIDES_COUNT]; /* of the loops, once both have entered */
};

/*
 * Makes the namespace, if the link needs one, and the configuration of EAL, with lcore 1 on the
 * asking and lcore 2 on the answering CPU. Before the first thread. False with a sentence.
 */
bool peal_stage_prepare(
	struct peal_stage *stage, const struct peal_benchargs *args, struct peal_sentence *error);

/* Called on each of the two lcores when its loop starts. The argument is the stage. */
void peal_stage_enter(void *argument);
/* True when both loops run. */
bool peal_stage_is_entered(const struct peal_stage *stage);

/* Echoes before the ones that count: half a second of the same schedule. */
uint64_t peal_stage_warm_up_count(const struct peal_benchargs *args);

#endif
