/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Groups in total order, as the clients of this node see them.
 *
 * The table is ahead of what is shown: its changes are made when they are stamped, and shown when
 * their place in the order has come. So there is a second table, of the groups that clients of this
 * node are in, which is as the last place says, and a list of changes that are between the two.
 */
#include "dataplane/procgroups_private.h"

#include <string.h>

static bool
is_same(const struct peal_procgroup_stamp *a, const struct peal_procgroup_stamp *b)
{
	return a->epoch == b->epoch && a->n == b->n;
}

void
peal_procgroups_put_off(struct peal_procgroups *groups, const struct peal_procgroup *group,
	uint32_t changes_count, const struct peal_procgroups_seat *seat)
{
	struct peal_procgroup *shown = peal_procgroup_table_get(&groups->shown, group->number);

	peal_procgroups_mark_later(groups, peal_procgroup_table_get(&groups->table, group->number));
	if (shown == NULL && seat != NULL) {
		/* The first client of this node: it begins with this view. */
		shown = peal_procgroup_table_copy(&groups->shown, &groups->table, group);
		changes_count = 0;
		if (shown == NULL) {
			peal_procgroups_note_lost(
				groups, group->order, PEAL_PROCGROUPS_END_OVERRUN);
		}
	}
	for (uint32_t i = 0; shown != NULL && i < changes_count; i++) {
		if (groups->pending_count == PEAL_PROCGROUPS_PENDING_MAX) {
			peal_procgroups_note_lost(
				groups, group->order, PEAL_PROCGROUPS_END_OVERRUN);
			return;
		}
		groups->pending[groups->pending_count++] =
			(struct peal_procgroups_pending){.group = group->number,
				.stamp = group->stamp,
				.change = groups->changes[i]};
	}
	if (shown != NULL && PEAL_BUG(TOTAL_SHOWN_BY_STAMP)) {
		peal_procgroups_place(groups, shown, &group->stamp);
	}
}

/* Who has come in is shown all of the view. */
static void
show_first(struct peal_procgroups *groups, const struct peal_procgroup *shown)
{
	const struct peal_procgroup *group =
		peal_procgroup_table_get(&groups->table, shown->number);

	for (uint16_t at = group->seats; at != PEAL_PROCGROUP_NONE; at = groups->seats[at].next) {
		struct peal_procgroups_seat *seat = &groups->seats[at];
		const struct peal_procgroups_stream *stream =
			peal_procgroups_find_stream(groups, seat->order);

		if (seat->is_shown || !peal_procgroups_is_before(&seat->joined, &shown->stamp)) {
			continue;
		}
		seat->is_shown = true;
		if (seat->owner != PEAL_PROCGROUPS_NO_OWNER && stream != NULL) {
			groups->config.user.standing(
				groups->config.user.state, seat->owner, seat->tag, &stream->order);
		}
		peal_procgroups_tell_first(groups, seat, &groups->shown, shown);
	}
}

static void
tell_changes(
	struct peal_procgroups *groups, const struct peal_procgroup *shown, uint32_t changes_count)
{
	const struct peal_procgroup *group =
		peal_procgroup_table_get(&groups->table, shown->number);
	const struct peal_procgroups_news news = {.stamp = shown->stamp,
		.members_count = shown->members_count,
		.changes_count = changes_count,
		.changes = groups->changes};

	for (uint16_t at = group->seats; at != PEAL_PROCGROUP_NONE; at = groups->seats[at].next) {
		if (groups->seats[at].is_shown) {
			peal_procgroups_tell_one(groups, &groups->seats[at], &news);
		}
	}
}

/* False: it does not follow, or there is no room. */
static bool
make_change(struct peal_procgroups *groups, struct peal_procgroup *shown,
	const struct peal_procgroup_change *change)
{
	const struct peal_procgroup_table_member member = {
		.mid = change->mid, .client = change->client};

	if (change->what == PEAL_PROCGROUP_JOIN) {
		return peal_procgroup_table_join(
			       &groups->shown, &shown->name, shown->order, &member) == shown;
	}
	return peal_procgroup_table_leave(&groups->shown, shown, change->mid, change->client);
}

/* Makes and shows the next view of a group that has its place; false: there is none, or it cannot
 * be made. */
static bool
show_next(struct peal_procgroups *groups, struct peal_procgroup *shown)
{
	struct peal_procgroup_stamp stamp = {.epoch = 0};
	uint32_t kept = 0, count = 0;
	bool is_good = true;

	for (uint32_t i = 0; i < groups->pending_count; i++) {
		const struct peal_procgroups_pending *one = &groups->pending[i];
		bool is_next = one->group == shown->number &&
			       peal_procgroups_is_before(&one->stamp, &shown->marked) &&
			       (stamp.epoch == 0 || is_same(&one->stamp, &stamp));

		if (is_next) {
			stamp = one->stamp;
			groups->changes[count++] = one->change;
			is_good = is_good && make_change(groups, shown, &one->change);
		} else {
			groups->pending[kept++] = *one;
		}
	}
	groups->pending_count = kept;
	if (!is_good) {
		peal_procgroups_note_lost(groups, shown->order, PEAL_PROCGROUPS_END_OVERRUN);
	} else if (count > 0) {
		shown->stamp = stamp;
		tell_changes(groups, shown, count);
		show_first(groups, shown);
	}
	return is_good && count > 0;
}

void
peal_procgroups_place(struct peal_procgroups *groups, struct peal_procgroup *shown,
	const struct peal_procgroup_stamp *stamp)
{
	if (peal_procgroups_is_before(stamp, &shown->marked)) {
		return; /* somebody else was faster */
	}
	shown->marked = *stamp;
	if (peal_procgroups_is_before(&shown->stamp, &shown->marked)) {
		show_first(groups, shown);
	}
	while (show_next(groups, shown)) {
	}
}

void
peal_procgroups_hide(struct peal_procgroups *groups, uint32_t number)
{
	struct peal_procgroup *shown = peal_procgroup_table_get(&groups->shown, number);
	uint32_t kept = 0;

	if (shown == NULL) {
		return;
	}
	peal_procgroup_table_clear(&groups->shown, shown);
	for (uint32_t i = 0; i < groups->pending_count; i++) {
		if (groups->pending[i].group != number) {
			groups->pending[kept++] = groups->pending[i];
		}
	}
	groups->pending_count = kept;
}

void
peal_procgroups_hide_all(struct peal_procgroups *groups, uint32_t order)
{
	for (uint32_t i = 0; i < PEAL_PROCGROUPS_MAX; i++) {
		const struct peal_procgroup *shown = &groups->shown.groups[i];

		if (shown->number != 0 && shown->order == order) {
			peal_procgroups_hide(groups, shown->number);
		}
	}
}
