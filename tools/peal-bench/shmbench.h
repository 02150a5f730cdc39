/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a record through the shared memory of libpeal costs, beside DPDK's ring in the same run:
 * there and back, one way, cycles in one thread, and what waking somebody takes.
 *
 * Main thread. See shmstand.h for who stands where.
 */
#ifndef PEAL_PEAL_BENCH_SHMBENCH_H
#define PEAL_PEAL_BENCH_SHMBENCH_H

#include "tools/peal-bench/command.h"

extern const struct peal_command peal_shm_command;

#endif
