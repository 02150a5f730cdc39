/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The command oneway: how long a message takes from one member to the other, and by how much that
 * can be wrong.
 *
 * Messages leave on a fixed schedule and carry their number; the other side writes down when it was
 * given each. A time counts from the instant at which the message was meant to leave, by the time
 * stamp counter of the CPU that sends, to the instant of the delivery, by that of the CPU that
 * receives. What the two counters can differ by is measured before and after, and stands beside
 * every figure; a median smaller than that is no figure. Main thread.
 */
#ifndef PEAL_PEAL_BENCH_ONEWAY_H
#define PEAL_PEAL_BENCH_ONEWAY_H

#include "tools/peal-bench/command.h"

extern const struct peal_command peal_oneway_command;

#endif
