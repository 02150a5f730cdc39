/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What result files have to show, in one picture. Main thread.
 */
#ifndef PEAL_PEAL_BENCH_PLOTFILES_H
#define PEAL_PEAL_BENCH_PLOTFILES_H

#include "tools/peal-bench/command.h"

extern const struct peal_command peal_plot_command;

#endif
