/* SPDX-License-Identifier: BSD-3-Clause */
#include "client/asking.h"

#include <string.h>

/* In a number that names a REQUEST: above the asker's own stands the channel, or the asker. */
#define ID_MASK        ((UINT64_C(1) << PEAL_REQUEST_ID_BITS) - 1U)
#define CHANNEL_OF(id) ((uint16_t)((id) >> PEAL_REQUEST_ID_BITS))

/* --- sending --- */

enum peal_result
peal_asking_send(struct peal *peal, uint32_t channel, const struct peal_request_head *head,
	const void *bytes, uint32_t size)
{
	void *room;
	enum peal_result result = peal_claim(peal, channel, (uint32_t)sizeof(*head) + size, &room);

	if (result != PEAL_OK) {
		return result;
	}
	memcpy(room, head, sizeof(*head));
	if (size > 0) {
		memcpy((uint8_t *)room + sizeof(*head), bytes, size);
	}
	peal_commit(peal, (uint32_t)sizeof(*head) + size);
	peal_flush(peal);
	return PEAL_OK;
}

enum peal_result
peal_asking_send_near(struct peal *peal, enum peal_client_up kind,
	const struct peal_client_near *near, const void *bytes, uint32_t size)
{
	enum peal_result state = peal_state(peal);
	uint8_t *room;

	if (state != PEAL_OK) {
		return state;
	}
	room = peal_shmring_claim(&peal->writer, (uint32_t)sizeof(*near) + size);
	peal->has_claim = false;
	if (room == NULL) {
		return peal_sending_refuse_full(peal, (uint32_t)sizeof(*near) + size);
	}
	memcpy(room, near, sizeof(*near));
	if (size > 0) {
		memcpy(room + sizeof(*near), bytes, size);
	}
	peal_shmring_commit(&peal->writer, (uint16_t)kind, 0, (uint32_t)sizeof(*near) + size);
	peal_flush(peal);
	return PEAL_OK;
}

/* --- what comes --- */

static enum peal_result
result_of(uint32_t refusal)
{
	static const uint8_t results[PEAL_REQUEST_REFUSALS_COUNT] = {
		[PEAL_REQUEST_BUSY] = PEAL_BUSY,
		[PEAL_REQUEST_NO_SERVICE] = PEAL_NO_SERVICE,
		[PEAL_REQUEST_NO_ROOM] = PEAL_FULL,
	};

	return (enum peal_result)results[refusal];
}

/* An answer of `event->member`, with these bytes. True: it is for the application. */
static bool
take_answer(struct peal *peal, uint64_t id, uint32_t refusal, struct peal_event *event)
{
	const struct peal_request *request;

	if (refusal != PEAL_REQUEST_ANSWERED) {
		(void)peal_requests_fail_reply(
			peal->requests, id, event->member, result_of(refusal));
		return false;
	}
	request = peal_requests_find(peal->requests, id);
	if (!peal_requests_reply(peal->requests, id, event->member)) {
		return false;
	}
	event->kind = PEAL_EVENT_REPLY;
	event->channel = 0;
	event->request = id;
	event->number = request->service;
	return true;
}

/* A request that came by `channel`, or from the asker of that number. */
static void
make_request(uint16_t channel, uint64_t id, uint16_t service, struct peal_event *event)
{
	event->kind = PEAL_EVENT_REQUEST;
	event->channel = 0;
	event->request = id | (uint64_t)channel << PEAL_REQUEST_ID_BITS;
	event->number = service;
}

bool
peal_answering_take_message(
	struct peal *peal, struct peal_channel_end *end, struct peal_event *event)
{
	struct peal_request_head head = {.kind = 0};
	uint32_t channel = event->channel;
	bool is_answer = end->role == PEAL_ROLE_ASKING;

	if (event->size >= sizeof(head)) {
		memcpy(&head, event->bytes, sizeof(head));
		event->bytes = (const uint8_t *)event->bytes + sizeof(head);
		event->size -= (uint32_t)sizeof(head);
	}
	/* The other application said what cannot be, and the daemons do not look into messages. */
	if (head.kind != (is_answer ? PEAL_REQUEST_ANSWER : PEAL_REQUEST_ASK) || head.id == 0 ||
		head.id > ID_MASK || head.result >= PEAL_REQUEST_REFUSALS_COUNT) {
		(void)peal_reset(peal, channel);
		return false;
	}
	if (is_answer) {
		return take_answer(peal, head.id, head.result, event);
	}
	make_request((uint16_t)channel, head.id, peal_asking_service_of(end->number), event);
	if (!peal_sending_is_listening(peal, peal_asking_number_of(event->number))) {
		const struct peal_request_head refusal = {.id = head.id,
			.kind = PEAL_REQUEST_ANSWER,
			.result = PEAL_REQUEST_NO_SERVICE};

		/* Without room for this word it ends, which says the same to all that wait. */
		if (peal_asking_send(peal, channel, &refusal, NULL, 0) != PEAL_OK) {
			(void)peal_reset(peal, channel);
		}
		return false;
	}
	return true;
}

void
peal_answering_take_end(
	struct peal *peal, struct peal_channel_end *end, const struct peal_event *event)
{
	enum peal_result result = PEAL_PEER_GONE;

	if (end->role != PEAL_ROLE_ASKING || peal->requests == NULL) {
		return;
	}
	if (event->reason == PEAL_REASON_UNKNOWN) {
		result = PEAL_NO_SERVICE;
	} else if (event->reason == PEAL_REASON_FULL) {
		result = PEAL_BUSY;
	} else if (event->reason == PEAL_REASON_REFUSED && event->result != PEAL_NOT_IN_VIEW) {
		result = (enum peal_result)event->result;
	}
	peal_requests_fail_sent(
		peal->requests, end->member, peal_asking_service_of(end->number), result);
}

bool
peal_answering_take_near(struct peal *peal, const struct peal_shmring_record *record,
	struct peal_event *event, bool *is_good_out)
{
	uint64_t self = peal_view(peal)->self;
	struct peal_client_unserved unserved;
	struct peal_client_near near;

	if (record->kind == PEAL_CLIENT_UNSERVED) {
		*is_good_out = record->size == sizeof(unserved) && peal->requests != NULL;
		if (*is_good_out) {
			memcpy(&unserved, record->bytes, sizeof(unserved));
			peal_requests_fail_near(peal->requests, self, unserved.service,
				unserved.asks_count, PEAL_PEER_GONE);
		}
		return false;
	}
	*is_good_out = record->size >= sizeof(near);
	if (!*is_good_out) {
		return false;
	}
	memcpy(&near, record->bytes, sizeof(near));
	event->member = self;
	event->bytes = record->bytes + sizeof(near);
	event->size = record->size - (uint32_t)sizeof(near);
	if (record->kind == PEAL_CLIENT_ANSWERED) {
		*is_good_out = peal->requests != NULL && near.result < PEAL_REQUEST_REFUSALS_COUNT;
		return *is_good_out && take_answer(peal, near.id, near.result, event);
	}
	make_request(near.asker, near.id & ID_MASK, near.service, event);
	return true;
}

/* Peers that ask no more have their channels closed, and so have ours whose service ended. */
void
peal_answering_close_finished(struct peal *peal)
{
	bool is_done = true;

	for (uint32_t place = 0; place < PEAL_CLIENT_CHANNELS_MAX; place++) {
		struct peal_channel_end *end = &peal->channels[place];

		if (end->is_open && end->role != PEAL_ROLE_PLAIN && end->is_finished &&
			!end->is_closing) {
			is_done = peal_close(peal, peal_asking_tag_of(peal, end)) == PEAL_OK &&
				  is_done;
		}
	}
	peal->has_finished = !is_done;
}

/* --- what applications call --- */

enum peal_result
peal_serve(struct peal *peal, uint16_t service)
{
	enum peal_result result = peal_sending_check_right(peal, PEAL_CLIENT_MAY_SERVICES);

	if (service > PEAL_SERVICE_MAX) {
		return PEAL_TOO_BIG;
	}
	return result != PEAL_OK ? result
				 : peal_sending_listen(peal, peal_asking_number_of(service));
}

enum peal_result
peal_unserve(struct peal *peal, uint16_t service)
{
	return service > PEAL_SERVICE_MAX
		       ? PEAL_TOO_BIG
		       : peal_sending_unlisten(peal, peal_asking_number_of(service));
}

static enum peal_result
answer(struct peal *peal, uint64_t request, enum peal_request_refusal refusal, const void *bytes,
	uint32_t size)
{
	const struct peal_request_head head = {
		.id = request & ID_MASK, .kind = PEAL_REQUEST_ANSWER, .result = (uint16_t)refusal};
	const struct peal_client_near near = {
		.id = request & ID_MASK, .asker = CHANNEL_OF(request), .result = (uint16_t)refusal};
	const struct peal_channel_end *end;

	if (size > peal->message_size_max - PEAL_REQUEST_OVERHEAD) {
		return PEAL_TOO_BIG;
	}
	if ((CHANNEL_OF(request) & PEAL_CLIENT_ASKER_BAD) == 0) {
		return peal_asking_send_near(peal, PEAL_CLIENT_ANSWER, &near, bytes, size);
	}
	end = peal_sending_find(peal, CHANNEL_OF(request));
	if (end == NULL || end->role != PEAL_ROLE_SERVING) {
		return PEAL_CLOSED;
	}
	return peal_asking_send(peal, CHANNEL_OF(request), &head, bytes, size);
}

enum peal_result
peal_reply(struct peal *peal, uint64_t request, const void *bytes, uint32_t size)
{
	return answer(peal, request, PEAL_REQUEST_ANSWERED, bytes, size);
}

enum peal_result
peal_refuse(struct peal *peal, uint64_t request)
{
	return answer(peal, request, PEAL_REQUEST_BUSY, NULL, 0);
}
