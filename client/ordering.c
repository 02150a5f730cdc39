/* SPDX-License-Identifier: BSD-3-Clause */
#include "client/attachment.h"

#include <stdlib.h>
#include <string.h>

#define LIFE_MASK 0x1FFU

_Static_assert(PEAL_ORDER_GROUPS_MAX == PEAL_CLIENT_ORDERS_MAX &&
		       PEAL_ORDER_GROUP_RANKS_MAX == PEAL_ORDERGROUP_RANKS_MAX &&
		       PEAL_ORDER_RANK_NAME_SIZE_MAX == PEAL_NAME_SIZE_MAX,
	"what applications are told is what the daemon takes");
_Static_assert(sizeof(struct peal_order_rank) == sizeof(struct peal_client_order_rank),
	"ranks are copied as they come");
_Static_assert((int)PEAL_ORDER_END_IN_USE == (int)PEAL_CLIENT_ORDER_IN_USE &&
		       (int)PEAL_ORDER_END_FAULT == (int)PEAL_CLIENT_ORDER_FAULT,
	"reasons are passed on as they come");

static uint32_t
handle_of(const struct peal_order_end_point *order, uint32_t place)
{
	return PEAL_ORDER_HANDLE | PEAL_CLIENT_TAG(place, order->life);
}

struct peal_order_end_point *
peal_ordering_find(struct peal *peal, uint32_t handle)
{
	uint32_t place = PEAL_CLIENT_TAG_PLACE(handle);

	if (!peal_ordering_is_handle(handle) || place >= PEAL_ORDER_GROUPS_MAX ||
		!peal->orders[place].is_open || handle_of(&peal->orders[place], place) != handle) {
		return NULL;
	}
	return &peal->orders[place];
}

/* --- what an application says --- */

/* Says a record with which a group is opened, at the first place that is free. */
static enum peal_result
begin(struct peal *peal, enum peal_client_up kind, const void *record, uint32_t size,
	uint32_t *order_out)
{
	enum peal_result result = peal_state(peal);
	struct peal_order_end_point *order;
	uint32_t place = 0;

	while (place < PEAL_ORDER_GROUPS_MAX && peal->orders[place].is_open) {
		place++;
	}
	if (result != PEAL_OK || place == PEAL_ORDER_GROUPS_MAX) {
		return result != PEAL_OK ? result : PEAL_TOO_MANY;
	}
	order = &peal->orders[place];
	uint16_t life = (uint16_t)((order->life + 1U) & LIFE_MASK);

	result = peal_sending_say(peal, kind, PEAL_CLIENT_TAG(place, life), record, size);
	if (result == PEAL_OK) {
		order->is_open = true;
		order->is_closing = false;
		order->is_shown = false;
		order->life = life;
		order->sent_count = 0;
		order->position = 0;
		*order_out = handle_of(order, place);
	}
	return result;
}

enum peal_result
peal_order_open(struct peal *peal, uint32_t group, uint32_t *order_out)
{
	const struct peal_client_order_open request = {.group = group};

	*order_out = 0;
	return group == 0
		       ? PEAL_BAD_NAME
		       : begin(peal, PEAL_CLIENT_ORDER_OPEN, &request, sizeof(request), order_out);
}

static bool
is_name_character(char character)
{
	return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
	       (character >= '0' && character <= '9') || character == '.' || character == '_' ||
	       character == '-';
}

/* Copies a rank; false: it cannot be. */
static bool
take_rank(const struct peal_order_rank *rank, struct peal_client_order_rank *out)
{
	uint32_t size = 0;

	while (size <= PEAL_ORDER_RANK_NAME_SIZE_MAX && is_name_character(rank->name[size])) {
		out->name[size] = rank->name[size];
		size++;
	}
	out->mid = rank->member;
	return size > 0 && size <= PEAL_ORDER_RANK_NAME_SIZE_MAX && rank->name[size] == '\0' &&
	       rank->member != 0 && rank->member < UINT64_C(1) << 31;
}

static bool
is_new(const struct peal_client_order_create *request, uint32_t index)
{
	for (uint32_t i = 0; i < index; i++) {
		if (request->ranks[i].mid == request->ranks[index].mid ||
			strcmp(request->ranks[i].name, request->ranks[index].name) == 0) {
			return false;
		}
	}
	return true;
}

enum peal_result
peal_order_create(struct peal *peal, uint32_t group, const struct peal_order_rank *ranks,
	uint32_t ranks_count, uint32_t *order_out)
{
	struct peal_client_order_create request = {.group = group, .ranks_count = ranks_count};

	*order_out = 0;
	if (group == 0 || ranks_count % 2U == 0 || ranks_count > PEAL_ORDER_GROUP_RANKS_MAX) {
		return PEAL_BAD_NAME;
	}
	for (uint32_t i = 0; i < ranks_count; i++) {
		if (!take_rank(&ranks[i], &request.ranks[i]) || !is_new(&request, i)) {
			return PEAL_BAD_NAME;
		}
	}
	return begin(peal, PEAL_CLIENT_ORDER_CREATE, &request, sizeof(request), order_out);
}

enum peal_result
peal_order_close(struct peal *peal, uint32_t handle)
{
	struct peal_order_end_point *order = peal_ordering_find(peal, handle);
	enum peal_result result = PEAL_CLOSED;

	if (order != NULL && !order->is_closing) {
		result = peal_sending_say(peal, PEAL_CLIENT_ORDER_CLOSE, handle, NULL, 0);
		order->is_closing = result == PEAL_OK;
	}
	return result;
}

uint32_t
peal_order_size_max(const struct peal *peal)
{
	return peal->message_size_max;
}

enum peal_result
peal_ordering_check_send(struct peal *peal, uint32_t handle)
{
	const struct peal_order_end_point *order = peal_ordering_find(peal, handle);

	if (order == NULL || order->is_closing) {
		return PEAL_CLOSED;
	}
	if (!order->is_shown) {
		return PEAL_NOT_IN_VIEW;
	}
	if (order->view.own_rank == PEAL_ORDER_NO_RANK) {
		return PEAL_NOT_RANK;
	}
	return order->view.is_waiting != 0 ? PEAL_NO_QUORUM : PEAL_OK;
}

enum peal_result
peal_order_send(struct peal *peal, uint32_t order, const void *bytes, uint32_t size)
{
	return peal_ordering_is_handle(order) ? peal_send(peal, order, bytes, size) : PEAL_CLOSED;
}

const struct peal_order_view *
peal_order_view(const struct peal *peal, uint32_t handle)
{
	/* Nothing is changed through it. */
	const struct peal_order_end_point *order =
		peal_ordering_find((struct peal *)(uintptr_t)peal, handle);

	return order != NULL && order->is_shown ? &order->view : NULL;
}

/* --- what it is told --- */

/* Fits a view to what applications see; false: it cannot be. */
static bool
show(struct peal_order_end_point *order, const struct peal_client_order_view *view)
{
	if (view->ranks_count == 0 || view->ranks_count > PEAL_ORDER_GROUP_RANKS_MAX ||
		view->active >> view->ranks_count != 0 || view->position < order->position ||
		(view->own_rank >= view->ranks_count &&
			view->own_rank != PEAL_CLIENT_ORDER_NO_RANK)) {
		return false;
	}
	for (uint32_t i = 0; i < view->ranks_count; i++) {
		order->ranks[i].member = view->ranks[i].mid;
		memcpy(order->ranks[i].name, view->ranks[i].name, sizeof(order->ranks[i].name));
		order->ranks[i].name[PEAL_ORDER_RANK_NAME_SIZE_MAX] = '\0';
	}
	order->position = view->position;
	order->view.position = view->position;
	order->view.group = view->group;
	order->view.generation = view->generation;
	order->view.view = view->view;
	order->view.active = (uint16_t)view->active;
	order->view.own_rank =
		view->own_rank == PEAL_CLIENT_ORDER_NO_RANK ? PEAL_ORDER_NO_RANK : view->own_rank;
	order->view.is_waiting = view->is_waiting != 0;
	order->view.ranks_count = view->ranks_count;
	order->view.ranks = order->ranks;
	return true;
}

bool
peal_ordering_take_view(
	struct peal *peal, const struct peal_shmring_record *record, struct peal_event *event)
{
	struct peal_order_end_point *order =
		peal_ordering_find(peal, PEAL_ORDER_HANDLE | record->tag);
	struct peal_client_order_view view;

	if (order == NULL || record->size != sizeof(view)) {
		return false;
	}
	memcpy(&view, record->bytes, sizeof(view));
	if (!show(order, &view)) {
		return false;
	}
	order->is_shown = true;
	event->kind = PEAL_EVENT_ORDER_VIEW;
	event->channel = PEAL_ORDER_HANDLE | record->tag;
	event->position = view.position;
	return true;
}

bool
peal_ordering_take_ordered(
	struct peal *peal, const struct peal_shmring_record *record, struct peal_event *event)
{
	struct peal_order_end_point *order =
		peal_ordering_find(peal, PEAL_ORDER_HANDLE | record->tag);
	struct peal_client_ordered ordered;

	if (order == NULL || !order->is_shown || record->size < sizeof(ordered)) {
		return false;
	}
	memcpy(&ordered, record->bytes, sizeof(ordered));
	event->kind = PEAL_EVENT_ORDERED;
	event->channel = PEAL_ORDER_HANDLE | record->tag;
	event->member = ordered.mid;
	event->client = ordered.client;
	event->position = ordered.position;
	return true;
}

bool
peal_ordering_follows(struct peal *peal, const struct peal_event *event)
{
	struct peal_order_end_point *order = peal_ordering_find(peal, event->channel);
	bool is_next = order != NULL && event->position > order->position;

	if (is_next) {
		order->position = event->position;
	}
	return is_next;
}

struct peal_assembly_buffer *
peal_ordering_parts(struct peal *peal, uint32_t handle)
{
	return peal_ordering_find(peal, handle)->parts;
}

bool
peal_ordering_take_doubtful(
	struct peal *peal, const struct peal_shmring_record *record, struct peal_event *event)
{
	const struct peal_order_end_point *order =
		peal_ordering_find(peal, PEAL_ORDER_HANDLE | record->tag);

	if (order == NULL || !order->is_shown || record->size != sizeof(event->lost_count)) {
		return false;
	}
	event->kind = PEAL_EVENT_ORDER_DOUBTFUL;
	event->channel = PEAL_ORDER_HANDLE | record->tag;
	memcpy(&event->lost_count, record->bytes, sizeof(event->lost_count));
	return event->lost_count <= order->sent_count;
}

bool
peal_ordering_take_skipped(
	struct peal *peal, const struct peal_shmring_record *record, struct peal_event *event)
{
	const struct peal_order_end_point *order =
		peal_ordering_find(peal, PEAL_ORDER_HANDLE | record->tag);
	struct peal_client_order_skipped skipped;

	if (order == NULL || !order->is_shown || record->size != sizeof(skipped)) {
		return false;
	}
	memcpy(&skipped, record->bytes, sizeof(skipped));
	event->kind = PEAL_EVENT_ORDER_SKIPPED;
	event->channel = PEAL_ORDER_HANDLE | record->tag;
	event->position = skipped.position;
	event->lost_count = skipped.own_count;
	return skipped.own_count <= order->sent_count && peal_ordering_follows(peal, event);
}

bool
peal_ordering_take_end(
	struct peal *peal, const struct peal_shmring_record *record, struct peal_event *event)
{
	struct peal_order_end_point *order =
		peal_ordering_find(peal, PEAL_ORDER_HANDLE | record->tag);
	struct peal_client_order_ended ended;

	if (order == NULL || record->size != sizeof(ended)) {
		return false;
	}
	memcpy(&ended, record->bytes, sizeof(ended));
	if (ended.reason >= PEAL_CLIENT_ORDER_ENDS_COUNT ||
		ended.accepted_count > order->sent_count ||
		ended.lost_count > ended.accepted_count) {
		return false;
	}
	event->kind = PEAL_EVENT_ORDER_ENDED;
	event->channel = PEAL_ORDER_HANDLE | record->tag;
	event->reason = (uint8_t)ended.reason;
	/* And what the core did not take any more. */
	event->lost_count = ended.lost_count + (order->sent_count - ended.accepted_count);
	order->is_open = false;
	for (uint32_t i = 0; i < PEAL_ORDER_GROUP_RANKS_MAX; i++) {
		order->parts[i].origin = 0;
		order->parts[i].message_size = 0;
	}
	return true;
}

void
peal_ordering_free(struct peal *peal)
{
	for (uint32_t i = 0; i < PEAL_ORDER_GROUPS_MAX; i++) {
		for (uint32_t rank = 0; rank < PEAL_ORDER_GROUP_RANKS_MAX; rank++) {
			free(peal->orders[i].parts[rank].bytes);
		}
	}
}
