/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The command scale: what a group of many nodes of real code costs on this machine.
 *
 * One run forms the group, lets it rest and kills some of it, all under one preset. Without a
 * preset there are two runs, each in a process of its own: under `dpdk` for forming and kills, and
 * under `paper`, with its one probe a second, for rest. Main thread.
 */
#ifndef PEAL_PEAL_BENCH_SCALE_H
#define PEAL_PEAL_BENCH_SCALE_H

#include "tools/peal-bench/command.h"

extern const struct peal_command peal_scale_command;

#endif
