/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The command cycles: what a message over a channel costs both ends together, by stage.
 *
 * Runs peal-bench-cycles, which lies beside this program: its linker puts a clock between the
 * stages, and no other figure shall pay for that. See tools/benchlib/channelcycles.h. Main thread.
 */
#ifndef PEAL_PEAL_BENCH_CYCLESBENCH_H
#define PEAL_PEAL_BENCH_CYCLESBENCH_H

#include "tools/peal-bench/command.h"

extern const struct peal_command peal_cycles_command;

#endif
