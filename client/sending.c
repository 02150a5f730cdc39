/* SPDX-License-Identifier: BSD-3-Clause */
#include "client/attachment.h"
#include "client/mark.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define LIFE_MASK 0x1FFU

_Static_assert(PEAL_VALUES_MAX == PEAL_CLIENT_VALUES_MAX &&
		       PEAL_VALUE_SIZE_MAX == PEAL_CLIENT_VALUE_SIZE_MAX,
	"what applications are told is what the daemon takes");

void
peal_sending_ring(struct peal *peal)
{
	uint64_t one = 1;

	if (peal_shmbell_is_due(&peal->ringer)) {
		PEAL_MARK("to ring");
		uint64_t old[512];

		/* Fails when the bell, a pipe, is full of old rings, which nobody else reads. */
		while (write(peal->bell, &one, sizeof(one)) < 0 && errno == EAGAIN &&
			read(peal->bell, old, sizeof(old)) > 0) {
		}
	}
}

struct peal_channel_end *
peal_sending_find(struct peal *peal, uint32_t channel)
{
	struct peal_channel_end *end;

	if (channel > UINT16_MAX) {
		return NULL;
	}
	end = &peal->channels[PEAL_CLIENT_TAG_PLACE(channel)];
	return end->is_open && end->life == channel >> 7 ? end : NULL;
}

enum peal_result
peal_sending_refuse_full(struct peal *peal, uint32_t size)
{
	const struct peal_shmring_writer *writer = &peal->writer;
	uint64_t span = peal_shmring_span(size);
	uint64_t left = writer->memory.capacity - (writer->tail & (writer->memory.capacity - 1U));
	enum peal_result state = peal_state(peal);

	if (peal->writer.is_broken) {
		peal->is_broken = true;
		return PEAL_CLOSED;
	}
	peal->wanted_head =
		writer->tail + (span <= left ? span : left + span) - writer->memory.capacity;
	return state != PEAL_OK ? state : PEAL_FULL;
}

/* One record that says something about a channel, or about this client. */
enum peal_result
peal_sending_say(
	struct peal *peal, enum peal_client_up kind, uint32_t tag, const void *bytes, uint32_t size)
{
	enum peal_result state = peal_state(peal);
	uint8_t *room;

	if (state != PEAL_OK) {
		return state;
	}
	peal->has_claim = false;
	room = peal_shmring_claim(&peal->writer, size);
	if (room == NULL) {
		return peal_sending_refuse_full(peal, size);
	}
	PEAL_MARK("claimed");
	if (size > 0) {
		memcpy(room, bytes, size);
	}
	peal_shmring_commit(&peal->writer, (uint16_t)kind, (uint16_t)tag, size);
	PEAL_MARK("committed");
	peal_flush(peal);
	return PEAL_OK;
}

/* Where a number stands among those that are listened on; their count when it does not. */
static uint32_t
find_listen(const struct peal *peal, uint16_t number)
{
	uint32_t at = 0;

	while (at < peal->listens_count && peal->listens[at] != number) {
		at++;
	}
	return at;
}

bool
peal_sending_is_listening(const struct peal *peal, uint16_t number)
{
	return find_listen(peal, number) < peal->listens_count;
}

enum peal_result
peal_sending_listen(struct peal *peal, uint16_t number)
{
	const struct peal_client_number request = {.number = number};
	uint32_t at = find_listen(peal, number);
	enum peal_result result;

	/* To say more than there is room for would be a violation. */
	if (at == PEAL_CLIENT_LISTENS_MAX) {
		result = peal_state(peal);
		return result != PEAL_OK ? result : PEAL_TOO_MANY;
	}
	result = peal_sending_say(peal, PEAL_CLIENT_LISTEN, 0, &request, sizeof(request));
	if (result == PEAL_OK && at == peal->listens_count) {
		peal->listens[peal->listens_count++] = number;
	}
	return result;
}

enum peal_result
peal_sending_check_right(const struct peal *peal, uint32_t act)
{
	enum peal_result state = peal_state(peal);

	return state == PEAL_OK && (peal->forbidden & act) != 0 ? PEAL_FORBIDDEN : state;
}

enum peal_result
peal_listen(struct peal *peal, uint16_t number)
{
	enum peal_result result = peal_sending_check_right(peal, PEAL_CLIENT_MAY_CHANNELS);

	if (number > PEAL_NUMBER_MAX) {
		return PEAL_TOO_BIG;
	}
	return result != PEAL_OK ? result : peal_sending_listen(peal, number);
}

enum peal_result
peal_sending_unlisten(struct peal *peal, uint16_t number)
{
	const struct peal_client_number request = {.number = number};
	uint32_t at = find_listen(peal, number);
	enum peal_result result;

	result = peal_sending_say(peal, PEAL_CLIENT_UNLISTEN, 0, &request, sizeof(request));
	if (result == PEAL_OK && at < peal->listens_count) {
		peal->listens[at] = peal->listens[--peal->listens_count];
	}
	return result;
}

enum peal_result
peal_unlisten(struct peal *peal, uint16_t number)
{
	return number > PEAL_NUMBER_MAX ? PEAL_TOO_BIG : peal_sending_unlisten(peal, number);
}

enum peal_result
peal_hear(struct peal *peal, bool is_heard)
{
	enum peal_result result = peal_sending_check_right(peal, PEAL_CLIENT_MAY_BROADCAST);

	return result != PEAL_OK
		       ? result
		       : peal_sending_say(peal, is_heard ? PEAL_CLIENT_HEAR : PEAL_CLIENT_UNHEAR, 0,
				 NULL, 0);
}

enum peal_result
peal_hold_back(struct peal *peal, bool is_held_back)
{
	enum peal_result state = peal_state(peal);

	if (state == PEAL_OK && !peal->may_hold) {
		return PEAL_FORBIDDEN;
	}
	return peal_sending_say(
		peal, is_held_back ? PEAL_CLIENT_HOLD : PEAL_CLIENT_UNHOLD, 0, NULL, 0);
}

enum peal_result
peal_sending_open(struct peal *peal, uint64_t member, uint16_t number, enum peal_channel_role role,
	uint32_t *channel_out)
{
	const struct peal_client_open request = {.mid = member, .number = number};
	const struct peal_view *view = peal_view(peal);
	struct peal_channel_end *end = NULL;
	enum peal_result result;
	uint32_t place;

	/* Requests to this node itself go without a channel. */
	if ((member == view->self && role != PEAL_ROLE_PLAIN) ||
		!peal_viewbook_has(&peal->views, member)) {
		result = peal_state(peal);
		return result != PEAL_OK ? result : PEAL_NOT_IN_VIEW;
	}
	for (place = 0; place < PEAL_CLIENT_PLACES_OWN; place++) {
		if (!peal->channels[place].is_open) {
			end = &peal->channels[place];
			break;
		}
	}
	if (end == NULL) {
		return PEAL_TOO_MANY;
	}
	uint16_t life = (uint16_t)((end->life + 1U) & LIFE_MASK);
	uint16_t tag = PEAL_CLIENT_TAG(place, life);

	result = peal_sending_say(peal, PEAL_CLIENT_OPEN, tag, &request, sizeof(request));
	if (result == PEAL_OK) {
		end->is_open = true;
		end->is_closing = false;
		end->is_finished = false;
		end->role = (uint8_t)role;
		end->life = life;
		end->number = number;
		end->member = member;
		end->lane = 0;
		end->opened_at = peal->writer.tail;
		end->sent = 0;
		end->sent_count = 0;
		end->parts.message_size = 0;
		*channel_out = tag;
	}
	return result;
}

enum peal_result
peal_open(struct peal *peal, uint64_t member, uint16_t number, uint32_t *channel_out)
{
	enum peal_result result = peal_sending_check_right(peal, PEAL_CLIENT_MAY_CHANNELS);

	if (number > PEAL_NUMBER_MAX) {
		return PEAL_TOO_BIG;
	}
	return result != PEAL_OK
		       ? result
		       : peal_sending_open(peal, member, number, PEAL_ROLE_PLAIN, channel_out);
}

enum peal_result
peal_close(struct peal *peal, uint32_t channel)
{
	struct peal_channel_end *end = peal_sending_find(peal, channel);
	enum peal_result result = PEAL_CLOSED;

	if (end != NULL && !end->is_closing) {
		result = peal_sending_say(peal, PEAL_CLIENT_CLOSE, channel, NULL, 0);
		end->is_closing = result == PEAL_OK;
	}
	return result;
}

enum peal_result
peal_reset(struct peal *peal, uint32_t channel)
{
	struct peal_channel_end *end = peal_sending_find(peal, channel);
	enum peal_result result = PEAL_CLOSED;

	if (end != NULL) {
		result = peal_sending_say(peal, PEAL_CLIENT_RESET, channel, NULL, 0);
		end->is_closing = end->is_closing || result == PEAL_OK;
	}
	return result;
}

/* --- messages --- */

enum peal_result
peal_sending_check_group(const struct peal *peal)
{
	const struct peal_region_page *page = peal->page;

	if (atomic_load_explicit(&page->lease_until_ns, memory_order_relaxed) != 0) {
		return PEAL_OK;
	}
	return atomic_load_explicit(&page->epoch, memory_order_relaxed) == 0 ? PEAL_NOT_IN_VIEW
									     : PEAL_NO_QUORUM;
}

/* The same for what is said to all of them, as such. */
static enum peal_result
check_broadcast(const struct peal *peal)
{
	return (peal->forbidden & PEAL_CLIENT_MAY_BROADCAST) != 0 ? PEAL_FORBIDDEN
								  : peal_sending_check_group(peal);
}

enum peal_result
peal_set(struct peal *peal, uint16_t number, const void *bytes, uint32_t size)
{
	const struct peal_client_number request = {.number = number};
	enum peal_result result = peal_state(peal);
	uint8_t *room;

	peal->has_claim = false;
	if (number >= PEAL_VALUES_MAX || size > PEAL_VALUE_SIZE_MAX) {
		return PEAL_TOO_BIG;
	}
	result = result != PEAL_OK ? result : check_broadcast(peal);
	if (result != PEAL_OK) {
		return result;
	}
	room = peal_shmring_claim(&peal->writer, (uint32_t)sizeof(request) + size);
	if (room == NULL) {
		return peal_sending_refuse_full(peal, (uint32_t)sizeof(request) + size);
	}
	memcpy(room, &request, sizeof(request));
	if (size > 0) {
		memcpy(room + sizeof(request), bytes, size);
	}
	peal_shmring_commit(&peal->writer, PEAL_CLIENT_SET, 0, (uint32_t)sizeof(request) + size);
	peal_flush(peal);
	return PEAL_OK;
}

uint64_t
peal_sending_sum_released(const struct peal *peal)
{
	uint64_t sum = 1;

	for (uint32_t i = 0; i < PEAL_CLIENT_CHANNELS_MAX; i++) {
		sum += atomic_load_explicit(&peal->down->released[i], memory_order_relaxed);
	}
	return sum;
}

static enum peal_result
check_credit(struct peal *peal, uint32_t channel, uint32_t size)
{
	struct peal_channel_end *end = peal_sending_find(peal, channel);
	uint32_t place = PEAL_CLIENT_TAG_PLACE(channel);
	uint64_t released;

	if (end == NULL || end->is_closing) {
		return PEAL_CLOSED;
	}
	/* Until the core has read of this life, what stands there is of the former one. */
	if (end->opened_at != 0 && atomic_load_explicit(&peal->down->up_head,
					   memory_order_acquire) >= end->opened_at) {
		end->opened_at = 0;
	}
	released = atomic_load_explicit(&peal->down->released[place], memory_order_relaxed);
	released = end->opened_at != 0 || released > end->sent ? 0 : released;
	if (peal_shmring_span(size) <= peal->queue_size - (end->sent - released)) {
		return PEAL_OK;
	}
	if (peal->wanted_released != 0 && peal->wanted_place != place) {
		/* Another one waits too: whichever comes first. */
		peal->wanted_released = peal->wanted_place == PEAL_CLIENT_PLACE_ANY
						? peal->wanted_released
						: peal_sending_sum_released(peal);
		peal->wanted_place = PEAL_CLIENT_PLACE_ANY;
		return PEAL_NO_CREDIT;
	}
	peal->wanted_place = place;
	peal->wanted_released = end->sent + peal_shmring_span(size) - peal->queue_size;
	return PEAL_NO_CREDIT;
}

/* The same past the core. False: the channel has no lane, or not yet. */
static bool
claim_in_lane(struct peal *peal, uint32_t channel, uint32_t size, void **bytes_out,
	enum peal_result *result_out)
{
	const struct peal_channel_end *end = peal_sending_find(peal, channel);

	return end != NULL && end->lane != 0 && !end->is_closing &&
	       peal_lanes_claim(peal, end, size, bytes_out, result_out);
}

enum peal_result
peal_claim(struct peal *peal, uint32_t channel, uint32_t size, void **bytes_out)
{
	enum peal_result result;

	*bytes_out = NULL;
	peal->has_claim = false;
	peal->claim_lane = 0;
	if (size > peal->message_size_max) {
		return PEAL_TOO_BIG;
	}
	if (peal_groups_is_handle(channel)) {
		result = peal_groups_check_send(peal, channel);
	} else if (peal_ordering_is_handle(channel)) {
		result = peal_ordering_check_send(peal, channel);
	} else if (channel == PEAL_ALL) {
		result = check_broadcast(peal);
	} else if (!claim_in_lane(peal, channel, size, bytes_out, &result)) {
		result = check_credit(peal, channel, size);
	}
	if (result != PEAL_OK) {
		enum peal_result state = peal_state(peal);

		return state != PEAL_OK ? state : result;
	}
	if (peal->claim_lane == 0) {
		*bytes_out = peal_shmring_claim(&peal->writer, size);
	}
	if (*bytes_out == NULL) {
		return peal_sending_refuse_full(peal, size);
	}
	PEAL_MARK("claimed for a message");
	peal->claim_channel = channel;
	peal->has_claim = true;
	return PEAL_OK;
}

void
peal_commit(struct peal *peal, uint32_t size)
{
	struct peal_channel_end *end;

	if (peal->has_claim && peal->claim_lane != 0) {
		peal_lanes_commit(peal, size);
		peal->has_claim = false;
		return;
	}
	if (!peal->has_claim || size > peal->writer.claimed) {
		return;
	}
	peal->has_claim = false;
	if (peal->claim_channel == PEAL_ALL) {
		peal_shmring_commit(&peal->writer, PEAL_CLIENT_CAST, 0, size);
		return;
	}
	if (peal_groups_is_handle(peal->claim_channel)) {
		peal->groups[PEAL_CLIENT_TAG_PLACE(peal->claim_channel)].sent_count++;
		peal_shmring_commit(
			&peal->writer, PEAL_CLIENT_GROUP_SEND, (uint16_t)peal->claim_channel, size);
		return;
	}
	if (peal_ordering_is_handle(peal->claim_channel)) {
		peal->orders[PEAL_CLIENT_TAG_PLACE(peal->claim_channel)].sent_count++;
		peal_shmring_commit(
			&peal->writer, PEAL_CLIENT_ORDER_SEND, (uint16_t)peal->claim_channel, size);
		return;
	}
	end = &peal->channels[PEAL_CLIENT_TAG_PLACE(peal->claim_channel)];
	end->sent += peal_shmring_span(size);
	end->sent_count++;
	peal_shmring_commit(&peal->writer, PEAL_CLIENT_SEND, (uint16_t)peal->claim_channel, size);
	PEAL_MARK("message committed");
}

void
peal_flush(struct peal *peal)
{
	/* First: that a channel is closed must not be known before what was said on it. */
	if (peal->lanes.dirty != 0) {
		peal_lanes_flush(peal);
	}
	if (peal_shmring_publish(&peal->writer)) {
		PEAL_MARK("published");
		peal_sending_ring(peal);
	}
}

enum peal_result
peal_send(struct peal *peal, uint32_t channel, const void *bytes, uint32_t size)
{
	void *room;
	enum peal_result result = peal_claim(peal, channel, size, &room);

	if (result != PEAL_OK) {
		return result;
	}
	if (size > 0) {
		memcpy(room, bytes, size);
	}
	peal_commit(peal, size);
	peal_flush(peal);
	return PEAL_OK;
}
