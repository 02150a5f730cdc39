/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * peal-bench cpg: what `order` does, with corosync in the place of Peal, on three nodes that it
 * makes for itself. Main thread.
 */
#ifndef PEAL_PEAL_BENCH_CPGBENCH_H
#define PEAL_PEAL_BENCH_CPGBENCH_H

#include "tools/peal-bench/command.h"

extern const struct peal_command peal_cpg_command;

#endif
