/* SPDX-License-Identifier: BSD-3-Clause */
/* The commands whose figure is a percentile curve over a link: rtt, raw, message. Static. */
#ifndef PEAL_PEAL_BENCH_ECHOCOMMANDS_H
#define PEAL_PEAL_BENCH_ECHOCOMMANDS_H

#include "tools/peal-bench/command.h"

extern const struct peal_command peal_rtt_command;
extern const struct peal_command peal_raw_command;
extern const struct peal_command peal_message_command;

#endif
