/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The command serve: the answering side on another machine.
 *
 * Waits for a peal-bench that calls, plays the answering side of what that wants over a device of
 * this machine, in a process of its own, and waits for the next. Main thread.
 */
#ifndef PEAL_PEAL_BENCH_SERVE_H
#define PEAL_PEAL_BENCH_SERVE_H

#include "tools/peal-bench/command.h"

extern const struct peal_command peal_serve_command;

#endif
