/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What --help prints. Static texts; any thread.
 */
#ifndef PEAL_PEAL_BENCH_BENCHHELP_H
#define PEAL_PEAL_BENCH_BENCHHELP_H

#include "tools/peal-bench/benchargs.h"

const char *peal_benchhelp_general(void);
const char *peal_benchhelp_of(enum peal_benchargs_command command);

#endif
