/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whether what comes of a run can be written, asked before it: nobody wants to learn after an hour
 * that a directory is missing. Main thread.
 */
#ifndef PEAL_PEAL_BENCH_OUTPUTFILES_H
#define PEAL_PEAL_BENCH_OUTPUTFILES_H

#include "tools/peal-bench/benchargs.h"

/*
 * Looks at --json, --hdr and --plot, and makes nothing. A disk that fills up later is found when it
 * does. False with a sentence that names the file.
 */
bool peal_outputfiles_check(const struct peal_benchargs *args, struct peal_sentence *error);

#endif
