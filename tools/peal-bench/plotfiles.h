/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Percentile curves of result files in one picture. Main thread.
 */
#ifndef PEAL_PEAL_BENCH_PLOTFILES_H
#define PEAL_PEAL_BENCH_PLOTFILES_H

#include "tools/peal-bench/coreargs.h"

/* False with a sentence: no gnuplot, a file that is no result, or none with a curve. */
bool peal_plotfiles_run(const struct peal_coreargs *args, struct peal_sentence *error);

#endif
