/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The command cast: what a broadcast costs its sender, when members have it, and how many a second
 * all of them take.
 *
 * Members of a view that never changes share a switch in memory. The first casts on one CPU, the
 * loops of all others share the second. First on a fixed schedule, for times: from the instant at
 * which a message was meant to leave until a member is given it, and until the last one is. Then as
 * many as are accepted, for rates and for the cycles that the sender's CPU spends on one.
 */
#ifndef PEAL_PEAL_BENCH_CASTBENCH_H
#define PEAL_PEAL_BENCH_CASTBENCH_H

#include "tools/peal-bench/command.h"

extern const struct peal_command peal_cast_command;

#endif
