/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * peal-bench order and infinite: messages in one order at all ranks of a group. Main thread.
 */
#ifndef PEAL_PEAL_BENCH_ORDERBENCH_H
#define PEAL_PEAL_BENCH_ORDERBENCH_H

#include "tools/peal-bench/command.h"

extern const struct peal_command peal_order_command;
extern const struct peal_command peal_infinite_command;

#endif
