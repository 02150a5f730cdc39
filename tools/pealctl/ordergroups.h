/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pealctl group: order groups, how they began, and new ones.
 */
#ifndef PEAL_PEALCTL_ORDERGROUPS_H
#define PEAL_PEALCTL_ORDERGROUPS_H

#include "tools/pealctl/telemetry.h"

/* How a command ended. MISUSED: `telemetry->error` says how it is used. */
enum peal_ordergroups_end {
	PEAL_ORDERGROUPS_DONE = 0,
	PEAL_ORDERGROUPS_FAILED = 1, /* `telemetry->error` says why */
	PEAL_ORDERGROUPS_MISUSED = 2,
};

/*
 * The words behind "group": "show", or "create" or "recreate", an id, and ranks NAME=MEMBER. Waits
 * until the group is there or cannot be, some seconds at most. Prints what came of it.
 */
enum peal_ordergroups_end peal_ordergroups_run(
	struct peal_telemetry *telemetry, bool is_json, int words_count, char **words);

#endif
