/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Round trips of reliable messages: the first member sends one over a channel on a fixed schedule,
 * the second one sends it back over the same channel.
 *
 * The same schedule as in the bare echo (rawecho.h). A reply counts from the instant at which its
 * message was meant to leave to the instant at which the application has it, for which it reads the
 * clock; the bare echo reads it at the end of the turn, having nothing else to do there. Each
 * message is sealed, acknowledged, and comes back exactly once and in order; the last is asserted.
 */
#ifndef PEAL_PEAL_BENCH_MESSAGEECHO_H
#define PEAL_PEAL_BENCH_MESSAGEECHO_H

#include "tools/peal-bench/outcome.h"

/*
 * The whole life of the command. Once in a process.
 *
 * @param outcome_out  args and histogram are set by the caller
 * @return false with a sentence; empty when Ctrl-C came
 */
bool peal_messageecho_run(struct peal_outcome *outcome_out, struct peal_sentence *error);

#endif
