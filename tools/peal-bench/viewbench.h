/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The command view: how long it takes from a join, a leave or a kill until every survivor has the
 * view that says so.
 *
 * Many nodes of real code in this process (crowd.h). In each round one node starts, one asks to
 * leave, another one starts, and one stops without a word; after each of these the time is taken at
 * every node that lives. Main thread.
 */
#ifndef PEAL_PEAL_BENCH_VIEWBENCH_H
#define PEAL_PEAL_BENCH_VIEWBENCH_H

#include "tools/peal-bench/command.h"

extern const struct peal_command peal_view_command;

#endif
