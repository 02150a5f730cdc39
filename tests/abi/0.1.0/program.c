/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An application as it was written for the headers beside it: it uses every function of them, at
 * two daemons. It is compiled with those headers and runs with the library of today; like them it
 * is never changed.
 *
 *     program SOCKET SOCKET
 */
#include <peal/peal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER  42U
#define SERVICE 7U
#define LOOP_NS UINT64_C(1000000)
#define LOOPS   30000 /* half a minute */

static struct peal *near, *far;

static void
insist(bool is_good, const char *what)
{
	if (!is_good) {
		(void)printf("not as it was: %s (%s, %s)\n", what,
			peal_result_name(peal_state(near)), peal_result_name(peal_state(far)));
		exit(EXIT_FAILURE);
	}
}

/* The next event of this kind at `peal`. */
static struct peal_event
await(struct peal *peal, enum peal_event_kind kind)
{
	struct peal_event event = {.kind = 0};

	for (int loop = 0; loop < LOOPS; loop++) {
		enum peal_result result = peal_poll(peal, &event);

		if (result == PEAL_OK && event.kind == kind) {
			return event;
		}
		if (result != PEAL_OK) {
			insist(result == PEAL_EMPTY, "an attachment has ended");
			result = peal_wait(peal, LOOP_NS);
			insist(result == PEAL_OK || result == PEAL_TIMEOUT, "waiting");
		}
	}
	(void)printf("event %d\n", (int)kind);
	insist(false, "an event did not come");
	return event;
}

static void
use_the_view(void)
{
	const struct peal_view *view;
	uint64_t epoch = 0;

	insist(peal_view(near)->epoch == 0, "there is no view before the first event");
	while (peal_view(near)->members_count != 2U) {
		(void)await(near, PEAL_EVENT_VIEW);
	}
	while (peal_view(far)->members_count != 2U) {
		(void)await(far, PEAL_EVENT_VIEW);
	}
	view = peal_view(near);
	insist(view->self != peal_view(far)->self, "two nodes are one");
	insist(view->epoch == peal_view(far)->epoch && view->tag == peal_view(far)->tag,
		"two nodes are in one view");
	insist(view->members[0].member < view->members[1].member, "members are by number");
	insist(view->members[0].port != 0 && view->members[0].uuid[0] + view->members[0].ip[10] > 0,
		"members have addresses");
	insist(await(near, PEAL_EVENT_JOINED).member == view->members[0].member, "all are new");
	for (int loop = 0; loop < LOOPS && !peal_is_member(near, &epoch); loop++) {
		(void)peal_wait(near, LOOP_NS);
	}
	insist(epoch == view->epoch, "the view word");
}

static void
use_channels(void)
{
	uint32_t channel, theirs;
	struct peal_event event;
	void *room;

	insist(peal_listen(far, PEAL_NUMBER_MAX + 1U) == PEAL_TOO_BIG, "numbers have an end");
	insist(peal_open(near, 999999, NUMBER, &channel) == PEAL_NOT_IN_VIEW, "nobody");
	insist(peal_open(near, peal_view(far)->self, NUMBER, &channel) == PEAL_OK, "opening");
	insist(peal_claim(near, channel, 16, &room) == PEAL_OK, "claiming");
	memcpy(room, "hello", 5);
	peal_commit(near, 5);
	peal_flush(near);
	event = await(far, PEAL_EVENT_OPENED);
	insist(event.number == NUMBER && event.member == peal_view(near)->self, "who opened it");
	theirs = event.channel;
	event = await(far, PEAL_EVENT_MESSAGE);
	insist(event.channel == theirs && event.size == 5 && memcmp(event.bytes, "hello", 5) == 0,
		"a message");
	insist(peal_send(far, theirs, "answer", 6) == PEAL_OK, "answering");
	insist(await(near, PEAL_EVENT_MESSAGE).size == 6, "the answer");
	insist(peal_send(near, channel, "", peal_message_size_max(near) + 1U) == PEAL_TOO_BIG,
		"messages have an end");
	insist(peal_close(near, channel) == PEAL_OK, "closing");
	insist(await(far, PEAL_EVENT_FINISHED).channel == theirs, "the other end closed");
	insist(peal_close(far, theirs) == PEAL_OK, "closing as well");
	event = await(near, PEAL_EVENT_ENDED);
	insist(event.channel == channel && event.reason == PEAL_REASON_ORDERLY &&
			event.lost_count == 0,
		"the end of a channel");
	insist(peal_open(near, peal_view(far)->self, NUMBER, &channel) == PEAL_OK, "opening again");
	insist(peal_send(near, channel, "x", 1) == PEAL_OK, "sending");
	(void)await(far, PEAL_EVENT_MESSAGE);
	insist(peal_reset(near, channel) == PEAL_OK, "resetting");
	insist(await(far, PEAL_EVENT_ENDED).reason == PEAL_REASON_CLOSED, "being reset");
	insist(peal_unlisten(far, NUMBER) == PEAL_OK, "not listening");
}

static void
use_broadcast(void)
{
	struct peal_event event;

	insist(peal_hear(near, true) == PEAL_OK && peal_hear(far, true) == PEAL_OK, "hearing");
	insist(peal_hold_back(far, true) == PEAL_OK, "holding back");
	insist(peal_set(near, 3, "true", 4) == PEAL_OK, "a value");
	event = await(far, PEAL_EVENT_VALUE);
	insist(event.number == 3 && event.size == 4 && memcmp(event.bytes, "true", 4) == 0,
		"the value");
	insist(peal_set(near, PEAL_VALUES_MAX, "", 0) == PEAL_TOO_BIG, "values have an end");
	insist(peal_send(near, PEAL_ALL, "all", 3) == PEAL_OK, "sending to all");
	insist(await(far, PEAL_EVENT_CAST).size == 3, "hearing the other");
	insist(await(near, PEAL_EVENT_CAST).member == peal_view(near)->self, "hearing itself");
	insist(peal_hold_back(far, false) == PEAL_OK, "not holding back");
}

static void
use_groups(void)
{
	uint32_t ours, theirs;
	struct peal_event event;

	insist(peal_group_join(near, "a name", PEAL_ORDER_SENDER, &ours) == PEAL_BAD_NAME, "names");
	insist(peal_group_join(near, "first", PEAL_ORDER_SENDER, &ours) == PEAL_OK, "joining");
	insist(await(near, PEAL_EVENT_GROUP_VIEW).channel == ours, "the view of a group");
	insist(peal_group_join(far, "first", PEAL_ORDER_SENDER, &theirs) == PEAL_OK, "joining too");
	event = await(far, PEAL_EVENT_GROUP_VIEW);
	insist(event.channel == theirs && peal_group_view(far, theirs)->members_count == 2U &&
			strcmp(peal_group_view(far, theirs)->name, "first") == 0 &&
			peal_group_view(far, theirs)->epoch == event.epoch &&
			peal_group_view(far, theirs)->n == event.n,
		"a view of two");
	event = await(near, PEAL_EVENT_GROUP_JOINED);
	insist(event.member == peal_group_view(far, theirs)->self.member &&
			event.client == peal_group_view(far, theirs)->self.client,
		"who joined");
	insist(peal_send(far, theirs, "to the group", 12) == PEAL_OK, "sending to a group");
	event = await(near, PEAL_EVENT_GROUP_MESSAGE);
	insist(event.size == 12 && event.channel == ours, "a message of a group");
	insist(peal_group_leave(far, theirs) == PEAL_OK, "leaving");
	event = await(far, PEAL_EVENT_GROUP_ENDED);
	insist(event.reason == PEAL_GROUP_END_LEFT && event.lost_count == 0, "having left");
	insist(await(near, PEAL_EVENT_GROUP_GONE).reason == PEAL_GROUP_LEFT, "who left");
	insist(peal_group_view(far, theirs) == NULL, "no view of a group that was left");
}

static void
use_services(void)
{
	const uint64_t other = peal_view(far)->self;
	struct peal_question question = {.members = &other,
		.members_count = 1,
		.wanted_count = PEAL_WANT_ALL,
		.timeout_ns = UINT64_C(30000000000),
		.service = SERVICE};
	uint64_t request = 0, second = 0;
	struct peal_event event;

	insist(peal_ask(near, &question, "how much", 8, &request) == PEAL_OK, "asking");
	event = await(far, PEAL_EVENT_REQUEST);
	insist(event.number == SERVICE && event.size == 8, "a request");
	insist(peal_reply(far, event.request, "much", 4) == PEAL_OK, "replying");
	event = await(near, PEAL_EVENT_REPLY);
	insist(event.request == request && event.member == other && event.size == 4, "a reply");
	event = await(near, PEAL_EVENT_DONE);
	insist(event.result == PEAL_OK && event.lost_count == 0, "an end of a request");
	insist(peal_ask(near, &question, "again", 5, &request) == PEAL_OK, "asking again");
	event = await(far, PEAL_EVENT_REQUEST);
	insist(peal_refuse(far, event.request) == PEAL_OK, "refusing");
	insist(await(near, PEAL_EVENT_NO_REPLY).result == PEAL_BUSY, "being refused");
	insist(await(near, PEAL_EVENT_DONE).result == PEAL_BUSY, "the end of that");
	insist(peal_ask(near, &question, "never mind", 10, &second) == PEAL_OK, "asking more");
	insist(peal_cancel(near, second) == PEAL_OK && peal_cancel(near, second) == PEAL_CLOSED,
		"cancelling");
	insist(peal_late_count(near) == 0, "nothing came late");
	insist(peal_unserve(far, SERVICE) == PEAL_OK, "not serving");
}

int
main(int argc, char **argv)
{
	if (argc != 3 || peal_attach(argv[1], "first", &near) != PEAL_OK ||
		peal_attach(argv[2], "first", &far) != PEAL_OK) {
		(void)printf("not attached: %s\n", peal_attach_error());
		return EXIT_FAILURE;
	}
	peal_set_spin(near, 0);
	insist(peal_fd(near) >= 0 && peal_rest(near) != PEAL_CLOSED, "poll sets");
	use_the_view();
	/* What was said before a join was answered has been taken. */
	insist(peal_listen(far, NUMBER) == PEAL_OK && peal_serve(far, SERVICE) == PEAL_OK,
		"listening and serving");
	use_groups();
	use_channels();
	use_broadcast();
	use_services();
	insist(peal_state(near) == PEAL_OK && peal_state(far) == PEAL_OK, "all is well");
	peal_detach(near);
	peal_detach(far);
	(void)puts("as it was");
	return EXIT_SUCCESS;
}
