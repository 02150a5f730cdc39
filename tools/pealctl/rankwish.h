/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * 'pealctl group replace|remove|add': ranks of order groups are given to other members. It waits
 * until that is done, as the node that was asked sees it.
 */
#ifndef PEAL_TOOLS_PEALCTL_RANKWISH_H
#define PEAL_TOOLS_PEALCTL_RANKWISH_H

#include "tools/pealctl/ordergroups.h"

/* True when the words behind `group` begin so. */
bool peal_rankwish_is_one(int words_count, char **words);

/* @return telemetry->error says what was expected, unless it is DONE */
enum peal_ordergroups_end peal_rankwish_run(
	struct peal_telemetry *telemetry, int words_count, char **words);

#endif
