/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Round trips between two members: a whole runtime of Peal with two nodes, and an echo run between
 * them.
 *
 * Everything is as in production: control thread, detector, sealed frames. The nodes meet, agree on
 * a view, and then the first one pings the second. Main thread.
 */
#ifndef PEAL_PEAL_BENCH_PEALECHO_H
#define PEAL_PEAL_BENCH_PEALECHO_H

#include "tools/peal-bench/outcome.h"

/*
 * The whole life of the command. Once in a process.
 *
 * @param outcome_out  args and histogram are set by the caller
 * @return false with a sentence; empty when Ctrl-C came
 */
bool peal_pealecho_run(struct peal_outcome *outcome_out, struct peal_sentence *error);

#endif
