/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/procgroups.h"

#include "dataplane/procgroups_private.h"

#include <string.h>

/* Stamps, and pieces of the table, in one turn. */
#define STAMPS_BURST_MAX 64U
#define PIECES_BURST_MAX 16U

/* When broadcast has no room, it is tried again in each turn, and after this time at the latest. */
#define RETRY_NS UINT64_C(100000)

void
peal_procgroups_init(struct peal_procgroups *groups, const struct peal_procgroups_config *config)
{
	memset(groups, 0, sizeof(*groups));
	groups->config = *config;
	peal_procgroup_table_reset(&groups->table);
	peal_procgroup_table_reset(&groups->shown);
}

/* --- views of nodes --- */

/* This node has no part in any group. */
static void
leave_all(struct peal_procgroups *groups, enum peal_procgroups_end end)
{
	groups->views_count = 0;
	groups->epoch = 0;
	groups->origins_count = 0;
	groups->is_ready = false;
	groups->ready_mid_max = 0;
	groups->is_table_due = false;
	groups->waiting_count = 0;
	groups->held.size = 0;
	peal_procgroups_end_seats(groups, end);
	peal_procgroups_forget_orders(groups);
	peal_procgroup_table_reset(&groups->table);
}

void
peal_procgroups_switch(struct peal_procgroups *groups, const struct peal_peers *peers)
{
	struct peal_procgroups_view *view;
	bool is_same_self =
		groups->self_mid == peers->self_mid && groups->cluster == peers->cluster;

	if (peers->members_count == 0 || !is_same_self) {
		leave_all(groups, PEAL_PROCGROUPS_END_REMOVED);
		groups->switched_epoch = 0;
	}
	groups->self_mid = peers->self_mid;
	groups->cluster = peers->cluster;
	groups->is_too_large = peers->is_large;
	if (peers->members_count == 0 || peers->epoch == groups->switched_epoch) {
		return;
	}
	groups->switched_epoch = peers->epoch;
	if (peers->is_large) {
		leave_all(groups, PEAL_PROCGROUPS_END_TOO_LARGE);
		return;
	}
	if (groups->views_count == PEAL_CAST_VIEWS_MAX) {
		/* Broadcast gives the oldest up as well. */
		groups->views_count--;
		memmove(groups->views, groups->views + 1,
			groups->views_count * sizeof(groups->views[0]));
	}
	view = &groups->views[groups->views_count++];
	view->epoch = peers->epoch;
	view->members_count = peers->members_count;
	for (uint32_t rank = 0; rank < peers->members_count; rank++) {
		view->mids[rank] = peers->view->members[rank].mid;
	}
}

/* Members whose nodes are gone go with them: in one order at all nodes. */
static void
remove_foreign(struct peal_procgroups *groups, const struct peal_procgroups_view *view)
{
	for (uint32_t place = 0; place < PEAL_PROCGROUPS_MAX; place++) {
		struct peal_procgroup *group = &groups->table.groups[place];
		struct peal_procgroup_table_member gone;
		uint16_t at = PEAL_PROCGROUP_NONE;
		uint32_t count = 0;

		if (group->number == 0) {
			continue;
		}
		while (!PEAL_BUG(GROUP_DEAD_NODES_STAY) &&
			peal_procgroup_table_remove_foreign(&groups->table, group, view->mids,
				view->members_count, &at, &gone)) {
			groups->changes[count++] = (struct peal_procgroup_change){.mid = gone.mid,
				.client = gone.client,
				.what = PEAL_PROCGROUP_NODE_GONE};
		}
		if (count == 0) {
			continue;
		}
		group->stamp = (struct peal_procgroup_stamp){.epoch = view->epoch, .n = 0};
		peal_procgroups_tell(groups, group, count, NULL);
		if (group->members_count == 0) {
			peal_procgroup_table_drop(&groups->table, group);
		}
	}
}

static void
enter(struct peal_procgroups *groups, const struct peal_procgroups_view *view)
{
	groups->epoch = view->epoch;
	groups->n = 0;
	groups->stamped = 0;
	groups->waiting_count = 0;
	groups->origins_count = view->members_count;
	memset(groups->origins, 0, sizeof(groups->origins));
	for (uint32_t rank = 0; rank < view->members_count; rank++) {
		groups->origins[rank].mid = view->mids[rank];
	}
	/* All that was stamped by who stays has come. What still waits for a stamp was said by who
	 * is gone, in a view that nobody who stays will ever have. */
	groups->held.size = 0;
	peal_procgroups_forget_asked(groups);
	if (groups->is_ready) {
		remove_foreign(groups, view);
	} else {
		peal_procgroup_table_reset(&groups->table);
	}
	groups->is_table_sent = false;
	groups->table_place = 0;
	groups->table_member = PEAL_PROCGROUP_NONE;
	/* An empty table can wait until somebody asks for something. */
	groups->is_table_due = peal_procgroups_is_elder(groups) && groups->table.groups_count > 0 &&
			       view->mids[view->members_count - 1U] > groups->ready_mid_max;
	/* What was waited for has come, or never will. */
	peal_procgroups_release_ordered(groups);
	peal_procgroups_hurry(groups);
}

void
peal_procgroups_on_view(struct peal_procgroups *groups, uint64_t epoch)
{
	uint32_t passed = 0;

	while (passed < groups->views_count && groups->views[passed].epoch <= epoch) {
		passed++;
	}
	if (passed == 0) {
		return; /* a large one */
	}
	enter(groups, &groups->views[passed - 1U]);
	groups->views_count -= passed;
	memmove(groups->views, groups->views + passed,
		groups->views_count * sizeof(groups->views[0]));
}

/* --- the elder --- */

static uint64_t
newest_mid(const struct peal_procgroups *groups)
{
	return groups->origins[groups->origins_count - 1U].mid;
}

/* The next piece of the table, or its end. False: there is no room. */
static bool
send_piece(struct peal_procgroups *groups)
{
	struct peal_procgroup_table_msg message;
	uint8_t bytes[PEAL_PROCGROUP_CONTROL_SIZE];
	uint32_t place = groups->table_place;
	uint16_t member = groups->table_member;

	if (peal_procgroup_table_next(&groups->table, &place, &member, &message)) {
		message.epoch = groups->epoch;
		if (peal_procgroups_cast(groups, bytes,
			    peal_procgroup_table_encode(&message, bytes)) != PEAL_CAST_OK) {
			return false;
		}
		groups->table_place = place;
		groups->table_member = member;
		peal_procgroups_count(groups, PEAL_COUNTER_GROUP_TABLES_SENT);
		return true;
	}
	const struct peal_procgroup_end_msg end = {.epoch = groups->epoch,
		.digest = peal_procgroup_table_digest(&groups->table),
		.next_group = groups->table.next_number,
		.groups_count = groups->table.groups_count};

	if (peal_procgroups_cast(groups, bytes, peal_procgroup_end_encode(&end, bytes)) !=
		PEAL_CAST_OK) {
		return false;
	}
	groups->is_table_due = false;
	groups->is_table_sent = true;
	peal_procgroups_count(groups, PEAL_COUNTER_GROUP_TABLES_SENT);
	return true;
}

/* What was asked for gets its number. Returns messages sent. */
static uint32_t
stamp_some(struct peal_procgroups *groups)
{
	uint8_t bytes[PEAL_PROCGROUP_CONTROL_SIZE];
	uint32_t count = 0;

	while (groups->waiting_count > 0 && count < STAMPS_BURST_MAX) {
		struct peal_procgroup_change_msg *message = &groups->waiting[groups->waiting_head];

		message->stamp = (struct peal_procgroup_stamp){groups->epoch, groups->stamped + 1U};
		if (peal_procgroups_cast(groups, bytes,
			    peal_procgroup_change_encode(message, PEAL_PROCGROUP_STAMP, bytes)) !=
			PEAL_CAST_OK) {
			break;
		}
		groups->stamped++;
		for (uint32_t rank = 0; rank < groups->origins_count; rank++) {
			groups->origins[rank].waiting_count -=
				groups->origins[rank].mid == message->mid;
		}
		groups->waiting_head = (groups->waiting_head + 1U) % PEAL_PROCGROUPS_WAITING_MAX;
		groups->waiting_count--;
		count++;
	}
	return count;
}

static uint32_t
run_elder(struct peal_procgroups *groups)
{
	uint32_t count = 0;

	if (groups->waiting_count > 0 && !groups->is_table_sent &&
		newest_mid(groups) > groups->ready_mid_max) {
		groups->is_table_due = true;
	}
	while (groups->is_table_due && count < PIECES_BURST_MAX) {
		if (!send_piece(groups)) {
			return count;
		}
		count++;
	}
	return groups->is_table_due ? count : count + stamp_some(groups);
}

uint32_t
peal_procgroups_run_due(struct peal_procgroups *groups, uint64_t now_ns)
{
	uint32_t count = peal_procgroups_is_elder(groups) ? run_elder(groups) : 0;

	if (groups->is_asking_due) {
		count += peal_procgroups_ask(groups);
	}
	groups->retry_at_ns = count == 0 ? now_ns + RETRY_NS : 0;
	return count;
}

/* --- what others say --- */

/* Everybody hears it; the elder is who it is for. */
static void
on_request(struct peal_procgroups *groups, uint32_t rank, const struct peal_delivery *delivery)
{
	struct peal_procgroups_origin *origin = &groups->origins[rank];
	struct peal_procgroup_change_msg message;
	uint32_t at;

	if (!peal_procgroup_change_decode(delivery->bytes, delivery->size, &message)) {
		peal_procgroups_count(groups, PEAL_COUNTER_GROUP_REFUSED_FORM);
		return;
	}
	if (message.stamp.epoch != groups->epoch || !peal_procgroups_is_elder(groups)) {
		return; /* it will be asked for again, or was not meant for this node */
	}
	if (origin->waiting_count == PEAL_PROCGROUPS_REQUESTS_MAX) {
		peal_procgroups_count(groups, PEAL_COUNTER_GROUP_REFUSED_REQUEST);
		return;
	}
	origin->waiting_count++;
	at = (groups->waiting_head + groups->waiting_count++) % PEAL_PROCGROUPS_WAITING_MAX;
	groups->waiting[at] = message;
	groups->waiting[at].mid = origin->mid;
}

/* It could not be made: why, and whether the group may be had by another order group. */
static void
refuse_join(struct peal_procgroups *groups, const struct peal_procgroup_change_msg *message,
	struct peal_procgroups_seat *seat)
{
	const struct peal_procgroup *there =
		peal_procgroup_table_find(&groups->table, &message->name);
	enum peal_procgroups_end end = PEAL_PROCGROUPS_END_REFUSED;

	if (there != NULL && there->order != message->order) {
		end = PEAL_PROCGROUPS_END_OTHER_ORDER;
		if (seat->is_any && there->order != 0 &&
			peal_procgroups_listen(groups, there->order) == PEAL_PROCGROUPS_OK) {
			seat->order = there->order;
			seat->is_asked = false;
			groups->is_asking_due = true;
			return;
		}
	}
	peal_procgroups_seat_end(groups, seat, end);
}

static void
make_join(struct peal_procgroups *groups, const struct peal_procgroup_change_msg *message)
{
	struct peal_procgroups_seat *seat = NULL;
	const struct peal_procgroup_table_member member = {
		.mid = message->mid, .client = message->client};
	struct peal_procgroup *group =
		peal_procgroup_table_join(&groups->table, &message->name, message->order, &member);

	if (message->mid == groups->self_mid) {
		seat = peal_procgroups_find_joining(groups, &message->name, message->client);
	}
	if (group == NULL) {
		if (seat != NULL) {
			refuse_join(groups, message, seat);
		}
		return;
	}
	group->stamp = message->stamp;
	if (seat != NULL) {
		peal_procgroups_seat_in(groups, seat, group);
	}
	groups->changes[0] = (struct peal_procgroup_change){
		.mid = message->mid, .client = message->client, .what = PEAL_PROCGROUP_JOIN};
	peal_procgroups_tell(groups, group, 1, seat);
}

static void
make_leave(struct peal_procgroups *groups, const struct peal_procgroup_change_msg *message)
{
	struct peal_procgroup *group = peal_procgroup_table_find(&groups->table, &message->name);
	struct peal_procgroups_seat *seat = NULL;

	if (group == NULL ||
		!peal_procgroup_table_leave(&groups->table, group, message->mid, message->client)) {
		return;
	}
	if (message->mid == groups->self_mid) {
		seat = peal_procgroups_find_seat(groups, group, message->client);
	}
	group->stamp = message->stamp;
	if (seat != NULL) {
		peal_procgroups_seat_end(groups, seat, PEAL_PROCGROUPS_END_LEFT);
	}
	groups->changes[0] = (struct peal_procgroup_change){
		.mid = message->mid, .client = message->client, .what = message->what};
	peal_procgroups_tell(groups, group, 1, NULL);
	if (group->members_count == 0) {
		peal_procgroup_table_drop(&groups->table, group);
	}
}

/* The next change, at all nodes. */
static void
on_stamp(struct peal_procgroups *groups, uint32_t rank, const struct peal_delivery *delivery)
{
	struct peal_procgroup_change_msg message;

	if (!peal_procgroup_change_decode(delivery->bytes, delivery->size, &message)) {
		peal_procgroups_count(groups, PEAL_COUNTER_GROUP_REFUSED_FORM);
		return;
	}
	if (message.stamp.epoch != groups->epoch && !PEAL_BUG(GROUP_OLD_STAMPS_TAKEN)) {
		return; /* it did not leave in its epoch, and counts for nobody */
	}
	if (rank != 0 || !groups->is_ready ||
		(message.stamp.n != groups->n + 1U && !PEAL_BUG(GROUP_OLD_STAMPS_TAKEN))) {
		peal_procgroups_count(groups, PEAL_COUNTER_GROUP_REFUSED_STAMP);
		return;
	}
	groups->n = message.stamp.n;
	peal_procgroups_count(groups, PEAL_COUNTER_GROUP_CHANGES);
	if (message.mid == groups->self_mid && groups->asked_count > 0) {
		groups->asked_count--;
		groups->is_asking_due = true;
	}
	if (message.what == PEAL_PROCGROUP_JOIN) {
		make_join(groups, &message);
	} else {
		make_leave(groups, &message);
	}
	peal_procgroups_release_held(groups);
	peal_procgroups_release_ordered(groups);
}

static void
on_table(struct peal_procgroups *groups, uint32_t rank, const struct peal_delivery *delivery)
{
	struct peal_procgroup_table_msg message;

	if (!peal_procgroup_table_decode(delivery->bytes, delivery->size, &message)) {
		peal_procgroups_count(groups, PEAL_COUNTER_GROUP_REFUSED_FORM);
		return;
	}
	if (message.epoch != groups->epoch || groups->is_ready) {
		return;
	}
	if (rank != 0 || !peal_procgroup_table_take(&groups->table, &message)) {
		peal_procgroups_count(groups, PEAL_COUNTER_GROUP_REFUSED_TABLE);
	}
}

/* Who has no table has it now, and who has one sees that it is the same. */
static void
on_table_end(struct peal_procgroups *groups, uint32_t rank, const struct peal_delivery *delivery)
{
	struct peal_procgroup_end_msg message;

	if (!peal_procgroup_end_decode(delivery->bytes, delivery->size, &message)) {
		peal_procgroups_count(groups, PEAL_COUNTER_GROUP_REFUSED_FORM);
		return;
	}
	if (message.epoch != groups->epoch) {
		return;
	}
	if (rank != 0 || message.groups_count != groups->table.groups_count ||
		message.digest != peal_procgroup_table_digest(&groups->table)) {
		peal_procgroups_count(groups, PEAL_COUNTER_GROUP_REFUSED_TABLE);
		return;
	}
	groups->is_ready = true;
	groups->table.next_number = message.next_group;
	groups->ready_mid_max = newest_mid(groups);
	/* Whoever was to say how far groups are in the order may be gone. */
	peal_procgroups_mark_all(groups, 0);
	peal_procgroups_release_ordered(groups);
}

static uint32_t
find_rank(const struct peal_procgroups *groups, uint64_t mid)
{
	uint32_t rank = 0;

	while (rank < groups->origins_count && groups->origins[rank].mid != mid) {
		rank++;
	}
	return rank;
}

bool
peal_procgroups_on_cast(
	struct peal_procgroups *groups, uint64_t origin, const struct peal_delivery *delivery)
{
	bool is_whole = delivery->size == delivery->message_size;
	uint8_t kind =
		delivery->offset == 0 ? peal_procgroup_kind_of(delivery->bytes, delivery->size) : 0;
	uint32_t rank;

	if (is_whole && kind == 0) {
		return false; /* most are others' */
	}
	rank = find_rank(groups, origin);
	if (delivery->offset > 0) {
		if (rank == groups->origins_count || !groups->origins[rank].is_ours) {
			return false;
		}
		peal_procgroups_on_data(groups, rank, delivery);
		return true;
	}
	if (rank < groups->origins_count) {
		groups->origins[rank].is_ours = kind == PEAL_PROCGROUP_DATA;
	}
	if (kind == 0) {
		return false;
	}
	if (rank == groups->origins_count) {
		return true; /* in a view without groups */
	}
	if (kind == PEAL_PROCGROUP_DATA) {
		peal_procgroups_on_data(groups, rank, delivery);
	} else if (kind == PEAL_PROCGROUP_REQUEST && is_whole) {
		on_request(groups, rank, delivery);
	} else if (kind == PEAL_PROCGROUP_STAMP && is_whole) {
		on_stamp(groups, rank, delivery);
	} else if (kind == PEAL_PROCGROUP_TABLE && is_whole) {
		on_table(groups, rank, delivery);
	} else if (kind == PEAL_PROCGROUP_TABLE_END && is_whole) {
		on_table_end(groups, rank, delivery);
	} else if (kind == PEAL_PROCGROUP_KNOCK && is_whole) {
		peal_procgroups_on_knock(groups, delivery);
	} else {
		peal_procgroups_count(groups, PEAL_COUNTER_GROUP_REFUSED_FORM);
	}
	return true;
}
