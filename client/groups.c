/* SPDX-License-Identifier: BSD-3-Clause */
#include "client/attachment.h"

#include <stdlib.h>
#include <string.h>

#define LIFE_MASK    0x1FFU
#define CAPACITY_MIN 8U

_Static_assert(PEAL_GROUPS_MAX == PEAL_CLIENT_GROUPS_MAX &&
		       PEAL_GROUP_NAME_SIZE_MAX == PEAL_PROCGROUP_NAME_SIZE_MAX,
	"what applications are told is what the daemon takes");
_Static_assert((int)PEAL_GROUP_END_LEFT == (int)PEAL_CLIENT_GROUP_LEFT &&
		       (int)PEAL_GROUP_END_OTHER_ORDER == (int)PEAL_CLIENT_GROUP_OTHER_ORDER,
	"reasons are passed on as they come");

static uint32_t
handle_of(const struct peal_group_end_point *group, uint32_t place)
{
	return PEAL_GROUP_HANDLE | PEAL_CLIENT_TAG(place, group->life);
}

struct peal_group_end_point *
peal_groups_find(struct peal *peal, uint32_t handle)
{
	uint32_t place = PEAL_CLIENT_TAG_PLACE(handle);

	if (!peal_groups_is_handle(handle) || place >= PEAL_GROUPS_MAX ||
		!peal->groups[place].is_open || handle_of(&peal->groups[place], place) != handle) {
		return NULL;
	}
	return &peal->groups[place];
}

/* --- what an application says --- */

/* Size of a name that may be; 0: it may not. */
static uint32_t
measure_name(const char *name)
{
	uint32_t size = 0;

	while (name != NULL && name[size] > ' ' && name[size] < 0x7f) {
		if (++size > PEAL_GROUP_NAME_SIZE_MAX) {
			return 0;
		}
	}
	return name != NULL && name[size] == '\0' ? size : 0;
}

static enum peal_result
join(struct peal *peal, const char *name, const struct peal_client_group_join *request,
	uint32_t *group_out)
{
	uint8_t record[sizeof(struct peal_client_group_join) + PEAL_GROUP_NAME_SIZE_MAX] = {0};
	uint32_t size = measure_name(name);
	uint32_t place = 0;
	struct peal_group_end_point *group;
	enum peal_result result = peal_sending_check_right(peal, PEAL_CLIENT_MAY_GROUPS);

	*group_out = 0;
	if (size == 0) {
		return PEAL_BAD_NAME;
	}
	if (result == PEAL_OK && request->order != 0) {
		result = peal_sending_check_right(peal, PEAL_CLIENT_MAY_ORDERS);
	}
	while (place < PEAL_GROUPS_MAX && peal->groups[place].is_open) {
		place++;
	}
	if (result != PEAL_OK || place == PEAL_GROUPS_MAX) {
		return result != PEAL_OK ? result : PEAL_TOO_MANY;
	}
	group = &peal->groups[place];
	uint16_t life = (uint16_t)((group->life + 1U) & LIFE_MASK);

	memcpy(record, request, sizeof(*request));
	memcpy(record + sizeof(*request), name, size);
	result = peal_sending_say(peal, PEAL_CLIENT_GROUP_JOIN, PEAL_CLIENT_TAG(place, life),
		record, (uint32_t)sizeof(struct peal_client_group_join) + size);
	if (result == PEAL_OK) {
		group->is_open = true;
		group->is_leaving = false;
		group->is_member = false;
		group->life = life;
		group->sent_count = 0;
		group->view.members_count = 0;
		group->view.order_group = 0;
		group->view.is_listener = 0;
		group->view.is_waiting = 0;
		memcpy(group->name, name, size);
		group->name[size] = '\0';
		*group_out = handle_of(group, place);
	}
	return result;
}

enum peal_result
peal_group_join(struct peal *peal, const char *name, enum peal_order order, uint32_t *group_out)
{
	const struct peal_client_group_join request = {.order = (uint32_t)order};

	*group_out = 0;
	return order == PEAL_ORDER_SENDER || order == PEAL_ORDER_TOTAL
		       ? join(peal, name, &request, group_out)
		       : PEAL_NOT_SUPPORTED;
}

enum peal_result
peal_group_join_by(struct peal *peal, const char *name, uint32_t order_group, uint32_t *group_out)
{
	const struct peal_client_group_join request = {
		.order = PEAL_ORDER_TOTAL, .group = order_group};

	*group_out = 0;
	return order_group == 0 ? PEAL_BAD_NAME : join(peal, name, &request, group_out);
}

enum peal_result
peal_group_leave(struct peal *peal, uint32_t handle)
{
	struct peal_group_end_point *group = peal_groups_find(peal, handle);
	enum peal_result result = PEAL_CLOSED;

	if (group != NULL && !group->is_leaving) {
		result = peal_sending_say(peal, PEAL_CLIENT_GROUP_LEAVE, handle, NULL, 0);
		group->is_leaving = result == PEAL_OK;
	}
	return result;
}

const struct peal_group_view *
peal_group_view(const struct peal *peal, uint32_t handle)
{
	/* Nothing is changed through it. */
	const struct peal_group_end_point *group =
		peal_groups_find((struct peal *)(uintptr_t)peal, handle);

	return group != NULL && group->is_member ? &group->view : NULL;
}

enum peal_result
peal_groups_check_send(struct peal *peal, uint32_t handle)
{
	const struct peal_group_end_point *group = peal_groups_find(peal, handle);

	if (group == NULL || group->is_leaving) {
		return PEAL_CLOSED;
	}
	if (!group->is_member) {
		return PEAL_NOT_IN_VIEW;
	}
	if (group->view.order_group == 0) {
		return peal_sending_check_group(peal);
	}
	if (group->view.is_listener != 0) {
		return PEAL_NOT_RANK;
	}
	return group->view.is_waiting != 0 ? PEAL_NO_QUORUM : PEAL_OK;
}

/* --- what it is told --- */

/* Room for `count` elements; what is there stays. */
static bool
grow(void **memory, uint32_t *capacity, uint32_t count, size_t size)
{
	uint32_t wanted = *capacity < CAPACITY_MIN ? CAPACITY_MIN : *capacity;
	void *larger;

	if (count <= *capacity) {
		return true;
	}
	while (wanted < count) {
		wanted *= 2U;
	}
	larger = realloc(*memory, wanted * size);
	if (larger == NULL) {
		return false;
	}
	*memory = larger;
	*capacity = wanted;
	return true;
}

/* False: it does not follow from what was known. */
static bool
make_change(struct peal_group_end_point *group, const struct peal_client_group_change *change)
{
	uint32_t count = group->view.members_count;
	uint32_t at = 0;

	while (at < count && (group->members[at].member != change->mid ||
				     group->members[at].client != change->client)) {
		at++;
	}
	if (change->what == 0) {
		if (at < count || !grow((void **)&group->members, &group->capacity, count + 1U,
					  sizeof(group->members[0]))) {
			return false;
		}
		group->members[count] =
			(struct peal_group_member){.member = change->mid, .client = change->client};
		group->view.members_count++;
		return true;
	}
	if (at == count || change->what > PEAL_GROUP_NODE_GONE) {
		return false;
	}
	group->view.members_count--;
	memmove(&group->members[at], &group->members[at + 1U],
		(count - at - 1U) * sizeof(group->members[0]));
	return true;
}

/* The members of the first view: they need not be looked for among each other. */
static bool
take_all(struct peal_group_end_point *group, const uint8_t *bytes, uint32_t count)
{
	struct peal_client_group_change change;

	if (!grow((void **)&group->members, &group->capacity, count, sizeof(group->members[0]))) {
		return false;
	}
	for (uint32_t i = 0; i < count; i++) {
		memcpy(&change, bytes + i * sizeof(change), sizeof(change));
		group->members[i] =
			(struct peal_group_member){.member = change.mid, .client = change.client};
	}
	group->view.members_count = count;
	return true;
}

static bool
take_changes(
	struct peal *peal, struct peal_group_end_point *group, const uint8_t *bytes, uint32_t count)
{
	if (!grow((void **)&peal->group_changes, &peal->group_changes_capacity, count,
		    sizeof(peal->group_changes[0]))) {
		return false;
	}
	memcpy(peal->group_changes, bytes, count * sizeof(peal->group_changes[0]));
	for (uint32_t i = 0; i < count; i++) {
		if (!make_change(group, &peal->group_changes[i])) {
			return false;
		}
	}
	peal->group_changes_at = 0;
	peal->group_changes_count = count;
	return true;
}

bool
peal_groups_take_view(
	struct peal *peal, const struct peal_shmring_record *record, struct peal_event *event)
{
	uint32_t handle = PEAL_GROUP_HANDLE | record->tag;
	struct peal_group_end_point *group = peal_groups_find(peal, handle);
	struct peal_client_group_view view;
	const uint8_t *changes = record->bytes + sizeof(view);
	bool is_good;

	if (group == NULL || record->size < sizeof(view)) {
		return false;
	}
	memcpy(&view, record->bytes, sizeof(view));
	if (view.changes_count > PEAL_PROCGROUPS_MEMBERS_MAX ||
		record->size != sizeof(view) + view.changes_count *
						       sizeof(struct peal_client_group_change) ||
		(view.is_first != 0) == group->is_member) {
		return false;
	}
	is_good = view.is_first != 0 ? take_all(group, changes, view.changes_count)
				     : take_changes(peal, group, changes, view.changes_count);
	if (!is_good || group->view.members_count != view.members_count) {
		return false;
	}
	group->is_member = true;
	group->view.epoch = view.epoch;
	group->view.n = view.n;
	group->view.members = group->members;
	group->view.name = group->name;
	group->view.self =
		(struct peal_group_member){.member = view.self_mid, .client = view.self_client};
	event->kind = PEAL_EVENT_GROUP_VIEW;
	event->channel = handle;
	event->epoch = view.epoch;
	event->n = view.n;
	peal->group_changes_of = *event;
	return true;
}

bool
peal_groups_take_order(struct peal *peal, const struct peal_shmring_record *record)
{
	struct peal_group_end_point *group =
		peal_groups_find(peal, PEAL_GROUP_HANDLE | record->tag);
	struct peal_client_group_order order;

	if (group == NULL || record->size != sizeof(order)) {
		return false;
	}
	memcpy(&order, record->bytes, sizeof(order));
	group->view.order_group = order.group;
	group->view.is_listener = order.is_rank == 0;
	group->view.is_waiting = order.is_waiting != 0;
	return order.group != 0;
}

bool
peal_groups_next_change(struct peal *peal, struct peal_event *event)
{
	const struct peal_client_group_change *change;

	if (peal->group_changes_at == peal->group_changes_count) {
		return false;
	}
	change = &peal->group_changes[peal->group_changes_at++];
	*event = peal->group_changes_of;
	event->kind = change->what == 0 ? PEAL_EVENT_GROUP_JOINED : PEAL_EVENT_GROUP_GONE;
	event->member = change->mid;
	event->client = change->client;
	event->reason = (uint8_t)change->what;
	return true;
}

bool
peal_groups_take_from(
	struct peal *peal, const struct peal_shmring_record *record, struct peal_event *event)
{
	struct peal_client_group_from from;

	if (peal_groups_find(peal, PEAL_GROUP_HANDLE | record->tag) == NULL ||
		record->size < sizeof(from)) {
		return false;
	}
	memcpy(&from, record->bytes, sizeof(from));
	event->kind = PEAL_EVENT_GROUP_MESSAGE;
	event->channel = PEAL_GROUP_HANDLE | record->tag;
	event->member = from.mid;
	event->client = from.client;
	event->epoch = from.epoch;
	event->n = from.n;
	return true;
}

bool
peal_groups_take_end(
	struct peal *peal, const struct peal_shmring_record *record, struct peal_event *event)
{
	struct peal_group_end_point *group =
		peal_groups_find(peal, PEAL_GROUP_HANDLE | record->tag);
	struct peal_client_group_ended ended;

	if (group == NULL || record->size != sizeof(ended)) {
		return false;
	}
	memcpy(&ended, record->bytes, sizeof(ended));
	if (ended.reason > UINT8_MAX || ended.accepted_count > group->sent_count) {
		return false;
	}
	event->kind = PEAL_EVENT_GROUP_ENDED;
	event->channel = PEAL_GROUP_HANDLE | record->tag;
	event->reason = (uint8_t)ended.reason;
	event->lost_count = group->sent_count - ended.accepted_count;
	group->is_open = false;
	return true;
}

void
peal_groups_free(struct peal *peal)
{
	for (uint32_t i = 0; i < PEAL_GROUPS_MAX; i++) {
		free(peal->groups[i].members);
	}
	for (uint32_t i = 0; i < PEAL_DIRECT_MAX; i++) {
		free(peal->group_parts[i].bytes);
	}
	free(peal->group_changes);
}
