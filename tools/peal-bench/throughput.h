/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How many messages, and bytes, a channel carries one way: as fast as they are taken, for some
 * rounds.
 *
 * The first member always has something to send; small messages are copied into the channel's
 * queue, those above a frame are lent. The second one puts each message together in memory of its
 * own, as a reader would, and checks that none is missing. Counted is what was delivered, at the
 * instants at which the delivering loop says so. Main thread.
 */
#ifndef PEAL_PEAL_BENCH_THROUGHPUT_H
#define PEAL_PEAL_BENCH_THROUGHPUT_H

#include "tools/peal-bench/command.h"

extern const struct peal_command peal_throughput_command;

#endif
