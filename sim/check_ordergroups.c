/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/check_ordergroups.h"

#include "base/assert.h"

#include <inttypes.h>

void
peal_check_ordergroups_init(struct peal_check_ordergroups *check, struct peal_report *report)
{
	check->report = report;
	check->wishes_count = 0;
	check->known_count = 0;
}

bool
peal_check_ordergroups_on_wish(
	struct peal_check_ordergroups *check, const struct peal_ordergroup *group)
{
	if (check->wishes_count == PEAL_CHECK_ORDERGROUPS_MAX) {
		return false;
	}
	check->wishes[check->wishes_count++] = *group;
	return true;
}

static bool
is_wish(const struct peal_check_ordergroups *check, const struct peal_ordergroup *group)
{
	for (uint32_t i = 0; i < check->wishes_count; i++) {
		if (peal_ordergroup_equals(&check->wishes[i], group)) {
			return true;
		}
	}
	return false;
}

/* What is known of this cluster, id and generation, or NULL. */
static const struct peal_ordergroup *
find_known(const struct peal_check_ordergroups *check, struct peal_uuid cluster,
	const struct peal_ordergroup *group)
{
	for (uint32_t i = 0; i < check->known_count; i++) {
		if (peal_uuid_equals(check->clusters[i], cluster) &&
			check->known[i].id == group->id &&
			check->known[i].generation == group->generation) {
			return &check->known[i];
		}
	}
	return NULL;
}

static void
check_one(struct peal_check_ordergroups *check, uint16_t index, const struct peal_view *view,
	const struct peal_ordergroup *group, uint64_t now_ns)
{
	const struct peal_ordergroup *known = find_known(check, view->cluster, group);

	if (known != NULL) {
		if (!peal_ordergroup_equals(known, group)) {
			peal_report_violate(check->report, now_ns,
				"n%u has another configuration of order group %u.%u", index,
				group->id, group->generation);
		}
		return;
	}
	if (!is_wish(check, group)) {
		peal_report_violate(check->report, now_ns,
			"n%u has order group %u.%u, for which nobody asked", index, group->id,
			group->generation);
	}
	if (check->known_count == PEAL_CHECK_ORDERGROUPS_MAX) {
		peal_report_violate(check->report, now_ns,
			"there are more configurations of order groups than can be compared");
		return;
	}
	check->clusters[check->known_count] = view->cluster;
	check->known[check->known_count++] = *group;
}

static bool
has_all_ranks(const struct peal_view *view, const struct peal_ordergroup *group)
{
	for (uint32_t i = 0; i < group->ranks_count; i++) {
		if (peal_view_find_mid(view, group->ranks[i].mid) == PEAL_RANK_NONE) {
			return false;
		}
	}
	return true;
}

/* From one view to the next: nothing is lost, and what is new can begin. */
static void
check_step(struct peal_check_ordergroups *check, uint16_t index, const struct peal_view *view,
	const struct peal_view *parent, uint64_t now_ns)
{
	for (uint32_t i = 0; i < parent->ordergroups_count; i++) {
		const struct peal_ordergroup *before = &parent->ordergroups[i];
		const struct peal_ordergroup *group = peal_view_find_ordergroup(view, before->id);

		if (group == NULL || group->generation - before->generation > 1U) {
			peal_report_violate(check->report, now_ns,
				"n%u lost order group %u in epoch %" PRIu64, index, before->id,
				view->epoch);
		}
	}
	for (uint32_t i = 0; i < view->ordergroups_count; i++) {
		const struct peal_ordergroup *group = &view->ordergroups[i];
		const struct peal_ordergroup *before = peal_view_find_ordergroup(parent, group->id);

		if ((before == NULL || before->generation != group->generation) &&
			!has_all_ranks(view, group)) {
			peal_report_violate(check->report, now_ns,
				"n%u began order group %u.%u without one of its ranks", index,
				group->id, group->generation);
		}
	}
}

void
peal_check_ordergroups_on_install(struct peal_check_ordergroups *check, uint16_t index,
	const struct peal_view *view, const struct peal_view *parent, uint64_t now_ns)
{
	PEAL_ASSERT(view->ordergroups_count <= PEAL_ORDERGROUPS_MAX);
	for (uint32_t i = 0; i < view->ordergroups_count; i++) {
		check_one(check, index, view, &view->ordergroups[i], now_ns);
	}
	if (parent != NULL) {
		check_step(check, index, view, parent, now_ns);
	}
}
