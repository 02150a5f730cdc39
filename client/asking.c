/* SPDX-License-Identifier: BSD-3-Clause */
#include "client/asking.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* Deadlines are looked at when nothing else waits, and at least each so many polls. */
#define POLLS_MAX 64U
#define SECOND_NS UINT64_C(1000000000)

_Static_assert(PEAL_SERVICE_MAX + 1U == PEAL_CLIENT_SERVICES_MAX &&
		       PEAL_NUMBER_MAX + 1U == PEAL_CLIENT_SERVICES_LOWER,
	"what applications are told is what the daemon takes");
_Static_assert(PEAL_REQUESTS_ID_BITS == PEAL_REQUEST_ID_BITS, "numbers are sent as they are");
_Static_assert(sizeof(struct peal_request_head) <= PEAL_REQUEST_OVERHEAD &&
		       sizeof(struct peal_client_near) <= PEAL_REQUEST_OVERHEAD,
	"what is left of a message is the application's");

/* What came of trying to send a part. */
enum progress {
	SENT = 0,
	LATER,   /* this one cannot leave now */
	BLOCKED, /* nothing can */
	FAILED,  /* it never will; the part says so */
};

/* --- sending --- */

static struct peal_channel_end *
find_asking(struct peal *peal, uint64_t member, uint16_t service)
{
	for (uint32_t place = 0; place < PEAL_CLIENT_PLACES_OWN; place++) {
		struct peal_channel_end *end = &peal->channels[place];

		if (end->is_open && end->role == PEAL_ROLE_ASKING && end->member == member &&
			end->number == peal_asking_number_of(service)) {
			return end;
		}
	}
	return NULL;
}

/* All places are taken: a channel that nobody waits for is closed. False: there is none of ours. */
static bool
make_place(struct peal *peal)
{
	bool has_some = false;

	for (uint32_t place = 0; place < PEAL_CLIENT_PLACES_OWN; place++) {
		struct peal_channel_end *end = &peal->channels[place];

		if (!end->is_open || end->role != PEAL_ROLE_ASKING) {
			continue;
		}
		has_some = true;
		if (end->is_closing) {
			return true;
		}
		if (!peal_requests_has_sent(
			    peal->requests, end->member, peal_asking_service_of(end->number))) {
			(void)peal_close(peal, peal_asking_tag_of(peal, end));
			return true;
		}
	}
	return has_some;
}

static enum progress
fail(struct peal *peal, struct peal_request *request, uint32_t part, enum peal_result result)
{
	peal_requests_fail(peal->requests, request, part, result);
	return FAILED;
}

static enum progress
judge(enum peal_result result)
{
	return result == PEAL_OK ? SENT : (result == PEAL_NO_CREDIT ? LATER : BLOCKED);
}

static enum progress
send_part_near(struct peal *peal, struct peal_request *request)
{
	const struct peal_client_near near = {.id = request->id, .service = request->service};
	enum peal_result result =
		peal_asking_send_near(peal, PEAL_CLIENT_ASK, &near, request->bytes, request->size);

	if (result == PEAL_OK) {
		request->near_number = ++peal->near_count;
	}
	return judge(result);
}

static enum progress
send_part(struct peal *peal, struct peal_request *request, uint32_t part)
{
	const struct peal_request_head head = {.id = request->id, .kind = PEAL_REQUEST_ASK};
	uint64_t member = request->parts[part].member;
	struct peal_channel_end *end;
	enum peal_result result;
	uint32_t channel;

	if (member == peal_view(peal)->self) {
		return send_part_near(peal, request);
	}
	end = find_asking(peal, member, request->service);
	if (end == NULL) {
		result = peal_sending_open(peal, member, peal_asking_number_of(request->service),
			PEAL_ROLE_ASKING, &channel);
		if (result == PEAL_NOT_IN_VIEW) {
			return fail(peal, request, part, PEAL_PEER_GONE);
		}
		if (result == PEAL_TOO_MANY) {
			return make_place(peal) ? LATER : fail(peal, request, part, result);
		}
		if (result != PEAL_OK) {
			return BLOCKED;
		}
		end = peal_sending_find(peal, channel);
	}
	/* One that is closing is opened anew when it has ended. */
	if (end == NULL || end->is_closing || end->is_finished) {
		return LATER;
	}
	return judge(peal_asking_send(
		peal, peal_asking_tag_of(peal, end), &head, request->bytes, request->size));
}

/* Sends what can leave. True: that was something, or something has failed. */
static bool
send_request(struct peal *peal, struct peal_request *request, bool *is_blocked_out)
{
	bool has_moved = false;

	for (uint32_t part = 0; request->unsent_count > 0 && part < request->parts_count; part++) {
		enum progress progress = LATER;

		if (request->parts[part].state == PEAL_PART_UNSENT) {
			progress = send_part(peal, request, part);
		}
		if (progress == SENT) {
			peal_requests_mark_sent(peal->requests, request, part);
		} else if (progress == BLOCKED) {
			*is_blocked_out = true;
			break;
		}
		has_moved = has_moved || progress == SENT || progress == FAILED;
	}
	return has_moved;
}

static void
free_bytes(const uint8_t *bytes)
{
	free((void *)(uintptr_t)bytes);
}

static bool
send_all(struct peal *peal)
{
	struct peal_requests *requests = peal->requests;
	bool is_blocked = false, has_moved = false;

	for (uint32_t i = 0; !is_blocked && requests->unsent_count > 0 && i < PEAL_REQUESTS_MAX;
		i++) {
		struct peal_request *request = &requests->places[i];

		if (request->id == 0 || request->unsent_count == 0) {
			continue;
		}
		has_moved = send_request(peal, request, &is_blocked) || has_moved;
		if (request->unsent_count == 0) {
			free_bytes(request->bytes);
			request->bytes = NULL;
		}
	}
	return has_moved;
}

/* --- what is over --- */

static bool
is_there(void *state, uint64_t member)
{
	struct peal *peal = state;

	return peal_viewbook_has(&peal->views, member);
}

void
peal_asking_take_view(struct peal *peal)
{
	if (peal->requests != NULL) {
		peal_requests_fail_absent(peal->requests, is_there, peal, PEAL_PEER_GONE);
	}
}

/* --- what is to be told --- */

static void
look_at_clock(struct peal *peal)
{
	uint64_t now_ns = peal_polling_now_ns();

	peal->polls_count = 0;
	if (now_ns >= peal->requests->due_at_ns) {
		peal_requests_expire(peal->requests, now_ns,
			peal_is_member(peal, NULL) ? PEAL_TIMEOUT : PEAL_NO_QUORUM);
	}
}

bool
peal_asking_next_event(struct peal *peal, bool is_idle, struct peal_event *event)
{
	const uint8_t *bytes;
	bool is_told;

	if (peal->has_finished && is_idle) {
		peal_answering_close_finished(peal);
	}
	if (peal->requests == NULL || peal->requests->count == 0) {
		return false;
	}
	if (is_idle || ++peal->polls_count >= POLLS_MAX) {
		if (peal->requests->unsent_count > 0) {
			(void)send_all(peal);
		}
		look_at_clock(peal);
	}
	is_told = peal_requests_next_event(peal->requests, event, &bytes);
	free_bytes(bytes);
	return is_told;
}

bool
peal_asking_go_on(struct peal *peal)
{
	const struct peal_requests *requests = peal->requests;

	if (requests == NULL || requests->count == 0) {
		return false;
	}
	return requests->untold_count > 0 || (requests->unsent_count > 0 && send_all(peal));
}

uint64_t
peal_asking_due_at_ns(const struct peal *peal)
{
	return peal->requests == NULL || peal->requests->count == 0 ? UINT64_MAX
								    : peal->requests->due_at_ns;
}

void
peal_asking_set_timer(struct peal *peal, uint64_t due_at_ns)
{
	struct itimerspec at = {.it_value = {.tv_sec = 0}};

	if (peal->timer < 0 || due_at_ns == peal->timer_at_ns) {
		return;
	}
	if (due_at_ns != UINT64_MAX) {
		at.it_value.tv_sec = (time_t)(due_at_ns / SECOND_NS);
		at.it_value.tv_nsec = (long)(due_at_ns % SECOND_NS);
	}
	(void)timerfd_settime(peal->timer, TFD_TIMER_ABSTIME, &at, NULL);
	peal->timer_at_ns = due_at_ns;
}

void
peal_asking_free(struct peal *peal)
{
	for (uint32_t i = 0; peal->requests != NULL && i < PEAL_REQUESTS_MAX; i++) {
		if (peal->requests->places[i].id != 0) {
			free_bytes(peal->requests->places[i].bytes);
		}
	}
	free(peal->requests);
	if (peal->timer >= 0) {
		(void)close(peal->timer);
	}
}

/* --- what applications call --- */

static enum peal_result
prepare(struct peal *peal)
{
	struct epoll_event event = {.events = EPOLLIN};
	uint64_t chance;

	if (peal->requests != NULL) {
		return PEAL_OK;
	}
	if (getrandom(&chance, sizeof(chance), 0) != (ssize_t)sizeof(chance)) {
		return PEAL_NO_MEMORY;
	}
	if (peal->timer < 0) {
		peal->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
		peal->timer_at_ns = UINT64_MAX;
		if (peal->timer < 0 ||
			epoll_ctl(peal->poll_fd, EPOLL_CTL_ADD, peal->timer, &event) != 0) {
			return PEAL_NO_MEMORY;
		}
	}
	peal->requests = calloc(1, sizeof(*peal->requests));
	if (peal->requests == NULL) {
		return PEAL_NO_MEMORY;
	}
	peal_requests_init(peal->requests, chance >> (64U - PEAL_REQUEST_ID_BITS));
	return PEAL_OK;
}

/* Who is asked, each once. Returns how many; more than PEAL_ASKED_MAX: too many. */
static uint32_t
choose(const struct peal *peal, const struct peal_question *question,
	uint64_t members_out[PEAL_ASKED_MAX])
{
	const struct peal_view *view = peal_view(peal);
	uint32_t all_count =
		question->members == NULL ? view->members_count : question->members_count;
	uint32_t count = 0;

	for (uint32_t i = 0; i < all_count; i++) {
		uint64_t member =
			question->members == NULL ? view->members[i].member : question->members[i];
		uint32_t at = 0;

		while (at < count && members_out[at] != member) {
			at++;
		}
		if (at == count && count == PEAL_ASKED_MAX) {
			return PEAL_ASKED_MAX + 1U;
		}
		members_out[at] = member;
		count += at == count ? 1U : 0U;
	}
	return count;
}

static enum peal_result
check_question(const struct peal *peal, const struct peal_question *question, uint32_t size)
{
	enum peal_result result = peal_sending_check_right(peal, PEAL_CLIENT_MAY_SERVICES);

	if (result != PEAL_OK) {
		return result;
	}
	if (question->service > PEAL_SERVICE_MAX ||
		size > peal->message_size_max - PEAL_REQUEST_OVERHEAD) {
		return PEAL_TOO_BIG;
	}
	return peal_view(peal)->epoch == 0 ? PEAL_NOT_IN_VIEW : PEAL_OK;
}

/* Parts that are still to be sent need bytes of their own. */
static void
keep_bytes(struct peal *peal, struct peal_request *request)
{
	const uint8_t *bytes = request->bytes;
	uint8_t *copy = NULL;

	if (request->unsent_count > 0) {
		copy = malloc(request->size > 0 ? request->size : 1U);
		if (copy != NULL && request->size > 0) {
			memcpy(copy, bytes, request->size);
		}
	}
	request->bytes = copy;
	for (uint32_t part = 0; copy == NULL && part < request->parts_count; part++) {
		if (request->unsent_count > 0 && request->parts[part].state == PEAL_PART_UNSENT) {
			peal_requests_fail(peal->requests, request, part, PEAL_NO_MEMORY);
		}
	}
}

enum peal_result
peal_ask(struct peal *peal, const struct peal_question *question, const void *bytes, uint32_t size,
	uint64_t *request_out)
{
	enum peal_result result = check_question(peal, question, size);
	uint64_t members[PEAL_ASKED_MAX], now_ns = peal_polling_now_ns();
	uint32_t count, wanted = question->wanted_count;
	struct peal_request *request;
	bool is_blocked = false;

	result = result == PEAL_OK ? prepare(peal) : result;
	if (result != PEAL_OK) {
		return result;
	}
	count = choose(peal, question, members);
	if (count == 0 || count > PEAL_ASKED_MAX) {
		return count == 0 ? PEAL_NOT_IN_VIEW : PEAL_TOO_MANY;
	}
	wanted = wanted == PEAL_WANT_ALL        ? count
		 : wanted == PEAL_WANT_MAJORITY ? count / 2U + 1U
						: wanted;
	if (wanted > count) {
		return PEAL_TOO_BIG;
	}
	request = peal_requests_begin(peal->requests, members, count, wanted,
		question->timeout_ns < UINT64_MAX - now_ns ? now_ns + question->timeout_ns
							   : UINT64_MAX);
	if (request == NULL) {
		return PEAL_TOO_MANY;
	}
	request->service = question->service;
	peal_requests_fail_absent(peal->requests, is_there, peal, PEAL_PEER_GONE);
	if (request->is_over) {
		peal_requests_forget(peal->requests, request);
		return PEAL_NOT_IN_VIEW;
	}
	request->bytes = bytes;
	request->size = size;
	(void)send_request(peal, request, &is_blocked);
	keep_bytes(peal, request);
	*request_out = request->id;
	return PEAL_OK;
}

enum peal_result
peal_cancel(struct peal *peal, uint64_t request)
{
	struct peal_request *found =
		peal->requests == NULL ? NULL : peal_requests_find(peal->requests, request);

	if (found == NULL) {
		return PEAL_CLOSED;
	}
	free_bytes(found->bytes);
	found->bytes = NULL;
	peal_requests_forget(peal->requests, found);
	return PEAL_OK;
}

uint64_t
peal_late_count(const struct peal *peal)
{
	return peal->requests == NULL ? 0 : peal->requests->late_count;
}
