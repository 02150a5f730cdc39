/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checks that all agree about the configurations of order groups, for ever.
 *
 * Of one cluster, id and generation there is one configuration, whoever installed it and in
 * whatever view; it is one that somebody asked for; all its ranks are members of the view that
 * brought it; the next view has it as well, or the next generation of it. Plain struct; thread:
 * any.
 */
#ifndef PEAL_SIM_CHECK_ORDERGROUPS_H
#define PEAL_SIM_CHECK_ORDERGROUPS_H

#include "sim/report.h"
#include "wire/view.h"

/* Wishes and configurations of one run. */
#define PEAL_CHECK_ORDERGROUPS_MAX 1024U

struct peal_check_ordergroups {
	struct peal_report *report;
	uint32_t wishes_count;
	uint32_t known_count;
	struct peal_ordergroup wishes[PEAL_CHECK_ORDERGROUPS_MAX];
	struct peal_ordergroup known[PEAL_CHECK_ORDERGROUPS_MAX];
	struct peal_uuid clusters[PEAL_CHECK_ORDERGROUPS_MAX]; /* of known */
};

/* Touches the counts only. */
void peal_check_ordergroups_init(struct peal_check_ordergroups *check, struct peal_report *report);
/* Somebody asked for this one. False: the run has had as many as are remembered; nobody may ask. */
bool peal_check_ordergroups_on_wish(
	struct peal_check_ordergroups *check, const struct peal_ordergroup *group);
/* Node `index` installed `view`. `parent`: the view before it, NULL = unknown or none. */
void peal_check_ordergroups_on_install(struct peal_check_ordergroups *check, uint16_t index,
	const struct peal_view *view, const struct peal_view *parent, uint64_t now_ns);

#endif
