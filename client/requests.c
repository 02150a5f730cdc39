/* SPDX-License-Identifier: BSD-3-Clause */
#include "client/requests.h"

#include <string.h>

#define PLACE_MASK ((UINT64_C(1) << PEAL_REQUESTS_PLACE_BITS) - 1U)
#define ID_MASK    ((UINT64_C(1) << PEAL_REQUESTS_ID_BITS) - 1U)

_Static_assert(PEAL_REQUESTS_MAX == 1U << PEAL_REQUESTS_PLACE_BITS, "a place is bits of a number");

void
peal_requests_init(struct peal_requests *requests, uint64_t chance)
{
	memset(requests, 0, sizeof(*requests));
	requests->serial = chance >> PEAL_REQUESTS_PLACE_BITS;
	requests->due_at_ns = UINT64_MAX;
}

struct peal_request *
peal_requests_begin(struct peal_requests *requests, const uint64_t *members, uint32_t members_count,
	uint32_t wanted_count, uint64_t deadline_ns)
{
	struct peal_request *request = NULL;
	uint32_t place;

	for (place = 0; place < PEAL_REQUESTS_MAX; place++) {
		if (requests->places[place].id == 0) {
			request = &requests->places[place];
			break;
		}
	}
	if (request == NULL) {
		return NULL;
	}
	memset(request, 0, offsetof(struct peal_request, parts));
	do {
		requests->serial++;
		request->id = ((requests->serial << PEAL_REQUESTS_PLACE_BITS) | place) & ID_MASK;
	} while (request->id == 0);
	request->deadline_ns = deadline_ns;
	request->parts_count = (uint16_t)members_count;
	request->unsent_count = (uint16_t)members_count;
	request->wanted_count = (uint16_t)wanted_count;
	for (uint32_t i = 0; i < members_count; i++) {
		request->parts[i] = (struct peal_request_part){.member = members[i]};
	}
	requests->count++;
	requests->unsent_count++;
	if (deadline_ns < requests->due_at_ns) {
		requests->due_at_ns = deadline_ns;
	}
	return request;
}

static struct peal_request *
find_any(struct peal_requests *requests, uint64_t id)
{
	struct peal_request *request = &requests->places[id & PLACE_MASK];

	return id != 0 && request->id == id ? request : NULL;
}

struct peal_request *
peal_requests_find(struct peal_requests *requests, uint64_t id)
{
	struct peal_request *request = find_any(requests, id);

	return request != NULL && !request->is_over ? request : NULL;
}

static uint32_t
find_part(const struct peal_request *request, uint64_t member)
{
	uint32_t part = 0;

	while (part < request->parts_count && request->parts[part].member != member) {
		part++;
	}
	return part;
}

/* One part less is to be sent. */
static void
count_sent(struct peal_requests *requests, struct peal_request *request)
{
	request->unsent_count--;
	requests->unsent_count -= request->unsent_count == 0 ? 1U : 0U;
}

static void
finish(struct peal_requests *requests, struct peal_request *request, enum peal_result result)
{
	request->is_over = true;
	request->result = (uint8_t)result;
	requests->untold_count++;
	requests->unsent_count -= request->unsent_count > 0 ? 1U : 0U;
	request->unsent_count = 0;
}

void
peal_requests_mark_sent(struct peal_requests *requests, struct peal_request *request, uint32_t part)
{
	if (request->parts[part].state == PEAL_PART_UNSENT) {
		request->parts[part].state = PEAL_PART_SENT;
		count_sent(requests, request);
	}
}

bool
peal_requests_reply(struct peal_requests *requests, uint64_t id, uint64_t member)
{
	struct peal_request *request = peal_requests_find(requests, id);
	uint32_t part = request == NULL ? 0 : find_part(request, member);

	if (request == NULL || part == request->parts_count ||
		request->parts[part].state != PEAL_PART_SENT) {
		requests->late_count++;
		return false;
	}
	request->parts[part].state = PEAL_PART_REPLIED;
	request->replies_count++;
	if (request->replies_count == request->wanted_count) {
		finish(requests, request, PEAL_OK);
	}
	return true;
}

void
peal_requests_fail(struct peal_requests *requests, struct peal_request *request, uint32_t part,
	enum peal_result result)
{
	struct peal_request_part *failed = &request->parts[part];

	if (request->is_over ||
		(failed->state != PEAL_PART_UNSENT && failed->state != PEAL_PART_SENT)) {
		return;
	}
	if (failed->state == PEAL_PART_UNSENT) {
		count_sent(requests, request);
	}
	failed->state = PEAL_PART_FAILED;
	failed->result = (uint8_t)result;
	failed->is_untold = true;
	requests->untold_count++;
	request->failed_count++;
	if (request->parts_count - request->failed_count < request->wanted_count) {
		finish(requests, request, request->parts_count == 1 ? result : PEAL_TOO_FEW);
	}
}

bool
peal_requests_fail_reply(
	struct peal_requests *requests, uint64_t id, uint64_t member, enum peal_result result)
{
	struct peal_request *request = peal_requests_find(requests, id);
	uint32_t part = request == NULL ? 0 : find_part(request, member);

	if (request == NULL || part == request->parts_count ||
		request->parts[part].state != PEAL_PART_SENT) {
		requests->late_count++;
		return false;
	}
	peal_requests_fail(requests, request, part, result);
	return true;
}

void
peal_requests_fail_sent(
	struct peal_requests *requests, uint64_t member, uint16_t service, enum peal_result result)
{
	for (uint32_t i = 0; requests->count > 0 && i < PEAL_REQUESTS_MAX; i++) {
		struct peal_request *request = &requests->places[i];
		uint32_t part;

		if (request->id == 0 || request->service != service) {
			continue;
		}
		part = find_part(request, member);
		if (part < request->parts_count && request->parts[part].state == PEAL_PART_SENT) {
			peal_requests_fail(requests, request, part, result);
		}
	}
}

void
peal_requests_fail_near(struct peal_requests *requests, uint64_t member, uint16_t service,
	uint64_t near_number, enum peal_result result)
{
	for (uint32_t i = 0; requests->count > 0 && i < PEAL_REQUESTS_MAX; i++) {
		struct peal_request *request = &requests->places[i];
		uint32_t part;

		if (request->id == 0 || request->service != service || request->near_number == 0 ||
			request->near_number > near_number) {
			continue;
		}
		part = find_part(request, member);
		if (part < request->parts_count && request->parts[part].state == PEAL_PART_SENT) {
			peal_requests_fail(requests, request, part, result);
		}
	}
}

void
peal_requests_fail_absent(struct peal_requests *requests,
	bool (*is_there)(void *state, uint64_t member), void *state, enum peal_result result)
{
	for (uint32_t i = 0; requests->count > 0 && i < PEAL_REQUESTS_MAX; i++) {
		struct peal_request *request = &requests->places[i];

		for (uint32_t part = 0; request->id != 0 && part < request->parts_count; part++) {
			if (!is_there(state, request->parts[part].member)) {
				peal_requests_fail(requests, request, part, result);
			}
		}
	}
}

bool
peal_requests_has_sent(const struct peal_requests *requests, uint64_t member, uint16_t service)
{
	for (uint32_t i = 0; requests->count > 0 && i < PEAL_REQUESTS_MAX; i++) {
		const struct peal_request *request = &requests->places[i];
		uint32_t part;

		if (request->id == 0 || request->is_over || request->service != service) {
			continue;
		}
		part = find_part(request, member);
		if (part < request->parts_count && request->parts[part].state == PEAL_PART_SENT) {
			return true;
		}
	}
	return false;
}

void
peal_requests_expire(struct peal_requests *requests, uint64_t now_ns, enum peal_result result)
{
	if (now_ns < requests->due_at_ns) {
		return;
	}
	requests->due_at_ns = UINT64_MAX;
	for (uint32_t i = 0; i < PEAL_REQUESTS_MAX; i++) {
		struct peal_request *request = &requests->places[i];

		if (request->id == 0 || request->is_over) {
			continue;
		}
		if (request->deadline_ns <= now_ns) {
			finish(requests, request, result);
		} else if (request->deadline_ns < requests->due_at_ns) {
			requests->due_at_ns = request->deadline_ns;
		}
	}
}

/* The first part that is to be told of; `parts_count`: none. */
static uint32_t
find_untold(const struct peal_request *request)
{
	uint32_t part = 0;

	while (part < request->parts_count && !request->parts[part].is_untold) {
		part++;
	}
	return part;
}

bool
peal_requests_next_event(
	struct peal_requests *requests, struct peal_event *event, const uint8_t **bytes_out)
{
	*bytes_out = NULL;
	for (uint32_t i = 0; requests->untold_count > 0 && i < PEAL_REQUESTS_MAX; i++) {
		struct peal_request *request = &requests->places[i];
		uint32_t part = request->id == 0 ? request->parts_count : find_untold(request);

		if (request->id == 0 || (part == request->parts_count && !request->is_over)) {
			continue;
		}
		*event = (struct peal_event){.kind = PEAL_EVENT_DONE,
			.request = request->id,
			.number = request->service,
			.result = request->result,
			.lost_count = (uint64_t)(request->parts_count - request->replies_count)};
		if (part < request->parts_count) {
			event->kind = PEAL_EVENT_NO_REPLY;
			event->member = request->parts[part].member;
			event->result = request->parts[part].result;
			event->lost_count = 0;
			request->parts[part].is_untold = false;
			requests->untold_count--;
		} else {
			*bytes_out = request->bytes;
			peal_requests_forget(requests, request);
		}
		return true;
	}
	return false;
}

void
peal_requests_forget(struct peal_requests *requests, struct peal_request *request)
{
	for (uint32_t part = 0; part < request->parts_count; part++) {
		requests->untold_count -= request->parts[part].is_untold ? 1U : 0U;
	}
	requests->untold_count -= request->is_over ? 1U : 0U;
	requests->unsent_count -= request->unsent_count > 0 ? 1U : 0U;
	requests->count--;
	request->id = 0;
}
