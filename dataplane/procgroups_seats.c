/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Clients of this node in their groups, and on their way in and out.
 */
#include "dataplane/procgroups_private.h"

#include <string.h>

static uint16_t
index_of(const struct peal_procgroups *groups, const struct peal_procgroups_seat *seat)
{
	return (uint16_t)(seat - groups->seats);
}

static bool
has_name(const struct peal_procgroups_seat *seat, const struct peal_procgroup_name *name)
{
	return seat->name.size == name->size &&
	       memcmp(seat->name.bytes, name->bytes, name->size) == 0;
}

struct peal_procgroups_seat *
peal_procgroups_find_seat(
	struct peal_procgroups *groups, const struct peal_procgroup *group, uint32_t client)
{
	for (uint16_t at = group->seats; at != PEAL_PROCGROUP_NONE; at = groups->seats[at].next) {
		if (groups->seats[at].client == client) {
			return &groups->seats[at];
		}
	}
	return NULL;
}

struct peal_procgroups_seat *
peal_procgroups_find_joining(
	struct peal_procgroups *groups, const struct peal_procgroup_name *name, uint32_t client)
{
	for (uint32_t i = 0; i < PEAL_PROCGROUPS_SEATS_MAX; i++) {
		struct peal_procgroups_seat *seat = &groups->seats[i];

		if (seat->state == PEAL_PROCGROUPS_JOINING && seat->client == client &&
			has_name(seat, name)) {
			return seat;
		}
	}
	return NULL;
}

/* --- telling clients --- */

void
peal_procgroups_tell_one(struct peal_procgroups *groups, const struct peal_procgroups_seat *seat,
	const struct peal_procgroups_news *news)
{
	const struct peal_procgroups_user *user = &groups->config.user;

	if (seat->owner != PEAL_PROCGROUPS_NO_OWNER) {
		user->view(user->state, seat->owner, seat->tag, news);
	}
}

void
peal_procgroups_tell(struct peal_procgroups *groups, const struct peal_procgroup *group,
	uint32_t changes_count, const struct peal_procgroups_seat *but)
{
	const struct peal_procgroups_news news = {.stamp = group->stamp,
		.members_count = group->members_count,
		.changes_count = changes_count,
		.changes = groups->changes};

	if (group->order != 0) {
		peal_procgroups_put_off(groups, group, changes_count, but);
		return;
	}
	for (uint16_t at = group->seats; at != PEAL_PROCGROUP_NONE; at = groups->seats[at].next) {
		if (&groups->seats[at] != but) {
			peal_procgroups_tell_one(groups, &groups->seats[at], &news);
		}
	}
}

void
peal_procgroups_tell_first(struct peal_procgroups *groups, struct peal_procgroups_seat *seat,
	const struct peal_procgroup_table *table, const struct peal_procgroup *group)
{
	struct peal_procgroups_news news = {
		.stamp = group->stamp, .is_first = true, .changes = groups->changes};

	for (uint16_t at = group->first; at != PEAL_PROCGROUP_NONE; at = table->members[at].next) {
		const struct peal_procgroup_member *member = &table->members[at];

		groups->changes[news.changes_count++] = (struct peal_procgroup_change){
			.mid = member->mid, .client = member->client, .what = PEAL_PROCGROUP_JOIN};
	}
	news.members_count = news.changes_count;
	peal_procgroups_tell_one(groups, seat, &news);
}

void
peal_procgroups_seat_in(struct peal_procgroups *groups, struct peal_procgroups_seat *seat,
	struct peal_procgroup *group)
{
	seat->state = seat->why != 0 ? PEAL_PROCGROUPS_LEAVING : PEAL_PROCGROUPS_MEMBER;
	seat->is_asked = false;
	seat->group = group->number;
	seat->joined = group->stamp;
	seat->next = group->seats;
	group->seats = index_of(groups, seat);
	if (group->order == 0) {
		peal_procgroups_tell_first(groups, seat, &groups->table, group);
	}
}

/* Takes it out of the list of its group. Who is last to see a group in total order sees it no more.
 */
static void
unlink_seat(struct peal_procgroups *groups, const struct peal_procgroups_seat *seat)
{
	struct peal_procgroup *group = peal_procgroup_table_get(&groups->table, seat->group);
	uint16_t *link;

	PEAL_ASSERT(group != NULL);
	for (link = &group->seats; *link != index_of(groups, seat);
		link = &groups->seats[*link].next) {
		PEAL_ASSERT(*link != PEAL_PROCGROUP_NONE);
	}
	*link = seat->next;
	if (group->seats == PEAL_PROCGROUP_NONE) {
		peal_procgroups_hide(groups, group->number);
	}
}

void
peal_procgroups_seat_end(struct peal_procgroups *groups, struct peal_procgroups_seat *seat,
	enum peal_procgroups_end end)
{
	const struct peal_procgroups_user *user = &groups->config.user;
	uint32_t owner = seat->owner;
	uint16_t tag = seat->tag;

	PEAL_ASSERT(seat->state != PEAL_PROCGROUPS_FREE);
	if (seat->state != PEAL_PROCGROUPS_JOINING) {
		unlink_seat(groups, seat);
	}
	seat->state = PEAL_PROCGROUPS_FREE;
	groups->seats_count--;
	if (seat->order != 0) {
		peal_procgroups_hurry(groups); /* it may have been the last of its order group */
	}
	if (owner != PEAL_PROCGROUPS_NO_OWNER) {
		user->ended(user->state, owner, tag, end);
	}
}

void
peal_procgroups_end_seats(struct peal_procgroups *groups, enum peal_procgroups_end end)
{
	for (uint32_t i = 0; i < PEAL_PROCGROUPS_SEATS_MAX && groups->seats_count > 0; i++) {
		if (groups->seats[i].state != PEAL_PROCGROUPS_FREE) {
			peal_procgroups_seat_end(groups, &groups->seats[i], end);
		}
	}
	groups->asked_count = 0;
	groups->is_asking_due = false;
}

void
peal_procgroups_lose_seat(struct peal_procgroups *groups, struct peal_procgroups_seat *seat,
	enum peal_procgroups_end end)
{
	const struct peal_procgroups_user *user = &groups->config.user;
	uint32_t owner = seat->owner;

	groups->is_asking_due = true;
	if (owner == PEAL_PROCGROUPS_NO_OWNER) {
		seat->away_count = 0;
		return;
	}
	/* The group still has to be told. */
	seat->owner = PEAL_PROCGROUPS_NO_OWNER;
	seat->why = seat->why != 0 ? seat->why : PEAL_PROCGROUP_EVICT;
	if (seat->state == PEAL_PROCGROUPS_MEMBER) {
		seat->state = PEAL_PROCGROUPS_LEAVING;
	}
	user->ended(user->state, owner, seat->tag, end);
	seat->away_count = 0;
}

void
peal_procgroups_lose(struct peal_procgroups *groups, uint32_t order, enum peal_procgroups_end end)
{
	for (uint32_t i = 0; i < PEAL_PROCGROUPS_SEATS_MAX; i++) {
		struct peal_procgroups_seat *seat = &groups->seats[i];

		if (seat->state != PEAL_PROCGROUPS_FREE && seat->order == order) {
			peal_procgroups_lose_seat(groups, seat, end);
		}
	}
	groups->is_asking_due = true;
}

/* --- asking --- */

void
peal_procgroups_forget_asked(struct peal_procgroups *groups)
{
	groups->asked_count = 0;
	groups->is_asking_due = groups->seats_count > 0;
	for (uint32_t i = 0; i < PEAL_PROCGROUPS_SEATS_MAX && groups->seats_count > 0; i++) {
		if (!PEAL_BUG(GROUP_NOT_ASKED_AGAIN)) {
			groups->seats[i].is_asked = false;
		}
	}
}

static bool
ask_one(struct peal_procgroups *groups, struct peal_procgroups_seat *seat)
{
	uint8_t bytes[PEAL_PROCGROUP_CONTROL_SIZE];
	struct peal_procgroup_change_msg message = {.stamp = {.epoch = groups->epoch},
		.client = seat->client,
		.what = PEAL_PROCGROUP_JOIN,
		.name = seat->name};

	if (seat->state == PEAL_PROCGROUPS_LEAVING) {
		message.what = seat->why;
	} else {
		message.order = seat->order;
	}
	if (peal_procgroups_cast(groups, bytes,
		    peal_procgroup_change_encode(&message, PEAL_PROCGROUP_REQUEST, bytes)) !=
		PEAL_CAST_OK) {
		return false;
	}
	seat->is_asked = true;
	groups->asked_count++;
	peal_procgroups_count(groups, PEAL_COUNTER_GROUP_REQUESTS);
	return true;
}

/* Whether a seat in total order has to wait with what it asks for: to come in, until nothing that
 * is ordered from then on can be missed; to leave, unless it was cut off, until all that it said is
 * back, as long as the order group goes on. */
static bool
has_to_wait(struct peal_procgroups *groups, const struct peal_procgroups_seat *seat)
{
	const struct peal_procgroups_stream *stream =
		seat->order == 0 ? NULL : peal_procgroups_find_stream(groups, seat->order);

	if (stream == NULL) {
		return false;
	}
	if (seat->state == PEAL_PROCGROUPS_JOINING) {
		return !stream->is_begun;
	}
	return seat->why != PEAL_PROCGROUP_EVICT && seat->away_count > 0 &&
	       !stream->order.is_waiting;
}

uint32_t
peal_procgroups_ask(struct peal_procgroups *groups)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < PEAL_PROCGROUPS_SEATS_MAX; i++) {
		struct peal_procgroups_seat *seat = &groups->seats[i];

		if (seat->state == PEAL_PROCGROUPS_FREE || seat->is_asked ||
			seat->state == PEAL_PROCGROUPS_MEMBER) {
			continue;
		}
		if (seat->state == PEAL_PROCGROUPS_JOINING && seat->why != 0) {
			/* Nobody has been asked in this epoch, and what was asked before counts
			 * no more. */
			peal_procgroups_seat_end(groups, seat, PEAL_PROCGROUPS_END_LEFT);
			continue;
		}
		if (has_to_wait(groups, seat)) {
			continue;
		}
		if (groups->asked_count == PEAL_PROCGROUPS_REQUESTS_MAX) {
			break; /* a stamp makes room */
		}
		if (!ask_one(groups, seat)) {
			return count;
		}
		count++;
	}
	groups->is_asking_due = false;
	return count;
}

/* --- what clients do --- */

enum peal_procgroups_result
peal_procgroups_join(struct peal_procgroups *groups, const struct peal_procgroups_client *client,
	const struct peal_procgroup_name *name, uint16_t *seat_out)
{
	struct peal_procgroups_seat *spare = NULL;
	enum peal_procgroups_result result = PEAL_PROCGROUPS_OK;
	uint32_t order = 0;

	PEAL_ASSERT(client->owner != PEAL_PROCGROUPS_NO_OWNER);
	PEAL_ASSERT(peal_procgroup_name_is_good(name->bytes, name->size));
	if (groups->epoch == 0) {
		return groups->is_too_large ? PEAL_PROCGROUPS_NOT_SUPPORTED
					    : PEAL_PROCGROUPS_NOT_IN_VIEW;
	}
	for (uint32_t i = 0; i < PEAL_PROCGROUPS_SEATS_MAX; i++) {
		struct peal_procgroups_seat *seat = &groups->seats[i];

		if (seat->state == PEAL_PROCGROUPS_FREE) {
			spare = spare == NULL ? seat : spare;
		} else if (seat->client == client->client && has_name(seat, name)) {
			return PEAL_PROCGROUPS_IN_USE;
		}
	}
	if (spare == NULL) {
		return PEAL_PROCGROUPS_TOO_MANY;
	}
	if (client->is_total) {
		order = peal_procgroups_choose_order(groups, name, client->order);
		result = peal_procgroups_listen(groups, order);
	}
	if (result != PEAL_PROCGROUPS_OK) {
		return result;
	}
	*spare = (struct peal_procgroups_seat){.state = PEAL_PROCGROUPS_JOINING,
		.tag = client->tag,
		.owner = client->owner,
		.client = client->client,
		.is_any = client->is_total && client->order == 0,
		.order = order,
		.name = *name};
	groups->seats_count++;
	groups->is_asking_due = true;
	*seat_out = index_of(groups, spare);
	return PEAL_PROCGROUPS_OK;
}

/* A seat is to end, for a reason that all are told. */
static void
begin_leaving(struct peal_procgroups *groups, struct peal_procgroups_seat *seat, uint8_t what)
{
	if (seat->why == 0) {
		seat->why = what;
	}
	if (seat->state == PEAL_PROCGROUPS_MEMBER) {
		seat->state = PEAL_PROCGROUPS_LEAVING;
	}
	groups->is_asking_due = true;
}

void
peal_procgroups_leave(struct peal_procgroups *groups, uint16_t seat)
{
	PEAL_ASSERT(seat < PEAL_PROCGROUPS_SEATS_MAX);
	PEAL_ASSERT(groups->seats[seat].state != PEAL_PROCGROUPS_FREE);
	begin_leaving(groups, &groups->seats[seat], PEAL_PROCGROUP_LEAVE);
}

void
peal_procgroups_on_gone(
	struct peal_procgroups *groups, uint32_t owner, enum peal_procgroup_what what)
{
	for (uint32_t i = 0; i < PEAL_PROCGROUPS_SEATS_MAX && groups->seats_count > 0; i++) {
		struct peal_procgroups_seat *seat = &groups->seats[i];

		if (seat->state != PEAL_PROCGROUPS_FREE && seat->owner == owner) {
			seat->owner = PEAL_PROCGROUPS_NO_OWNER;
			begin_leaving(groups, seat, (uint8_t)what);
		}
	}
}
