/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two threads at two daemons that send to each other as fast as they are let, for
 * tests/integ/embed_test.py.
 *
 *     flow_client SOCKET SOCKET COUNT
 *
 * Over a channel that the first opens, both ways: COUNT messages of 0 to 65 536 bytes, checked byte
 * by byte; and COUNT / 8 of them to all, unless both sockets are one, for then it is a channel
 * between two applications of one node and nobody could tell whose a broadcast is. Whoever is
 * refused for credit or room waits, asleep, until it is let again. At the end the channel is closed
 * by both and nothing is lost. Then each reason for a refusal that can be had for the asking. Exit
 * status 0: all was as it should be; a sentence says what was not.
 */
#include <peal/peal.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NUMBER          9U
#define WAIT_NS_MAX     UINT64_C(10000000000)
#define SIZES           7U
#define CASTS_AHEAD_MAX 8U
#define LISTENS_MAX     16U
#define STANDING_LOOKS  10000U

struct end {
	const char *path;
	uint32_t count, casts_count;
	bool is_near;    /* to the other: at the same daemon */
	uint64_t member; /* of the other; 0 = the other opens */
	struct peal *peal;
	uint32_t channel;
	uint32_t sent, got;
	uint32_t cast;
	_Atomic uint32_t heard[2]; /* own broadcasts, and those of the other */
	struct end *other;
	uint32_t refused_count, slept_count;
	bool is_closing, is_finished, has_ended;
	const char *wrong;
};

static uint8_t pattern[65536 + 256];

static uint32_t
size_of(uint32_t index)
{
	static const uint32_t sizes[SIZES] = {64, 1, 1100, 0, 30000, 200, 65536};

	return sizes[index % SIZES];
}

static bool
is_good(const struct peal_event *event, uint32_t index)
{
	return event->size == size_of(index) &&
	       (event->size == 0 || memcmp(event->bytes, pattern + index % 256U, event->size) == 0);
}

static void
take(struct end *end, const struct peal_event *event)
{
	_Atomic uint32_t *heard = &end->heard[event->member != peal_view(end->peal)->self];

	if (event->kind == PEAL_EVENT_OPENED) {
		end->channel = event->channel;
	} else if (event->kind == PEAL_EVENT_MESSAGE) {
		end->wrong = is_good(event, end->got) ? end->wrong : "a message is another";
		end->got++;
	} else if (event->kind == PEAL_EVENT_CAST) {
		end->wrong = is_good(event, *heard) ? end->wrong : "a broadcast is another";
		(*heard)++;
	} else if (event->kind == PEAL_EVENT_FINISHED) {
		end->is_finished = true;
	} else if (event->kind == PEAL_EVENT_ENDED) {
		end->has_ended = true;
		end->wrong = event->reason == PEAL_REASON_ORDERLY && event->lost_count == 0
				     ? end->wrong
				     : "the channel did not end in order";
	}
}

/* True: something was accepted. */
static bool
send_some(struct end *end)
{
	bool is_sent = false;

	if (end->channel == 0) {
		return false;
	}
	if (end->sent < end->count) {
		enum peal_result result = peal_send(
			end->peal, end->channel, pattern + end->sent % 256U, size_of(end->sent));

		is_sent = result == PEAL_OK;
		end->sent += is_sent;
		end->refused_count += !is_sent;
		if (!is_sent && result != PEAL_NO_CREDIT && result != PEAL_FULL) {
			end->wrong = peal_result_name(result);
		}
	} else if (!end->is_closing) {
		is_sent = end->is_closing = peal_close(end->peal, end->channel) == PEAL_OK;
	}
	/* Nobody is held back for who does not read broadcasts, so these are counted out. */
	if (end->cast < end->casts_count && end->cast * 8U <= end->sent &&
		end->cast - atomic_load(&end->other->heard[1]) < CASTS_AHEAD_MAX) {
		bool is_cast = peal_send(end->peal, PEAL_ALL, pattern + end->cast % 256U,
				       size_of(end->cast)) == PEAL_OK;

		end->cast += is_cast;
		is_sent = is_sent || is_cast;
	}
	return is_sent;
}

static bool
is_done(const struct end *end)
{
	return end->wrong != NULL ||
	       (end->has_ended && end->got == end->count && end->cast == end->casts_count &&
		       end->heard[0] == end->casts_count && end->heard[1] == end->casts_count);
}

static void *
flow(void *argument)
{
	struct end *end = argument;
	struct peal_event event;

	while (!is_done(end)) {
		bool is_busy = send_some(end);

		while (end->wrong == NULL && peal_poll(end->peal, &event) == PEAL_OK) {
			take(end, &event);
			is_busy = true;
		}
		if (!is_busy && !is_done(end)) {
			enum peal_result result = peal_wait(end->peal, WAIT_NS_MAX);

			end->slept_count++;
			if (result != PEAL_OK) {
				end->wrong = peal_result_name(result);
			}
		}
	}
	return NULL;
}

/* Attaches, and waits for a view of two. Of two of one node only `is_listening` is found. */
static bool
begin(struct end *end, bool is_listening)
{
	struct peal_event event;

	if (peal_attach(end->path, "flow", &end->peal) != PEAL_OK) {
		end->wrong = peal_attach_error();
		return false;
	}
	if (is_listening || !end->is_near) {
		(void)peal_listen(end->peal, NUMBER);
	}
	(void)peal_hear(end->peal, true);
	/* Sleeps are what is to be tested. */
	peal_set_spin(end->peal, 1000);
	while (peal_view(end->peal)->members_count != 2) {
		if (peal_poll(end->peal, &event) != PEAL_OK &&
			peal_wait(end->peal, WAIT_NS_MAX) != PEAL_OK) {
			end->wrong = "no view of two came";
			return false;
		}
	}
	end->member = peal_view(end->peal)->members[0].member;
	if (end->is_near) {
		end->member = peal_view(end->peal)->self;
	} else if (end->member == peal_view(end->peal)->self) {
		end->member = peal_view(end->peal)->members[1].member;
	}
	return true;
}

static const char *
check_refusals(struct end *end)
{
	uint32_t channel;
	uint64_t epoch;
	struct peal *nobody;

	if (peal_send(end->peal, PEAL_ALL, pattern, peal_message_size_max(end->peal) + 1U) !=
		PEAL_TOO_BIG) {
		return "too big was not";
	}
	if (peal_open(end->peal, 999, NUMBER, &channel) != PEAL_NOT_IN_VIEW) {
		return "a channel to nobody was opened";
	}
	if (peal_send(end->peal, end->channel, "x", 1) != PEAL_CLOSED ||
		peal_close(end->peal, end->channel) != PEAL_CLOSED) {
		return "a channel that has ended takes messages";
	}
	(void)peal_listen(end->peal, NUMBER);
	for (uint32_t i = 1; i < LISTENS_MAX; i++) {
		if (peal_listen(end->peal, (uint16_t)(99U + i)) != PEAL_OK) {
			return "a number is not listened on";
		}
	}
	if (peal_listen(end->peal, 99) != PEAL_TOO_MANY ||
		peal_listen(end->peal, NUMBER) != PEAL_OK ||
		peal_unlisten(end->peal, 100) != PEAL_OK || peal_listen(end->peal, 99) != PEAL_OK) {
		return "one number more than there is room for was not refused";
	}
	/* Who gets no processor for a while is in no good standing for so long. */
	for (uint32_t i = 0; i < STANDING_LOOKS && !peal_is_member(end->peal, &epoch); i++) {
		(void)usleep(1000);
	}
	if (!peal_is_member(end->peal, &epoch) || epoch != peal_view(end->peal)->epoch) {
		return "a member is none";
	}
	if (peal_attach("/nonexistent", "flow", &nobody) != PEAL_NO_DAEMON || nobody != NULL) {
		return "there is a daemon where there is none";
	}
	return NULL;
}

static int
complain(const char *who, const char *what)
{
	(void)printf("%s: %s\n", who, what);
	return EXIT_FAILURE;
}

int
main(int argc, char **argv)
{
	struct end ends[2] = {{.channel = 0}};
	pthread_t threads[2];

	if (argc != 4) {
		(void)fputs("usage: flow_client SOCKET SOCKET COUNT\n", stderr);
		return 2;
	}
	for (uint32_t i = 0; i < sizeof(pattern); i++) {
		pattern[i] = (uint8_t)(i * 31U + i / 256U);
	}
	for (uint32_t i = 0; i < 2U; i++) {
		ends[i].path = argv[1U + i];
		ends[i].other = &ends[1U - i];
		ends[i].count = (uint32_t)strtoul(argv[3], NULL, 10);
		ends[i].is_near = strcmp(argv[1], argv[2]) == 0;
		ends[i].casts_count = ends[i].is_near ? 0 : ends[i].count / 8U;
		if (!begin(&ends[i], i == 1U)) {
			return complain("begin", ends[i].wrong);
		}
	}
	/* Who is at the same daemon must be heard to listen first. */
	(void)usleep(20000);
	if (peal_open(ends[0].peal, ends[0].member, NUMBER, &ends[0].channel) != PEAL_OK) {
		return complain("open", "refused");
	}
	for (uint32_t i = 0; i < 2U; i++) {
		(void)pthread_create(&threads[i], NULL, flow, &ends[i]);
	}
	for (uint32_t i = 0; i < 2U; i++) {
		(void)pthread_join(threads[i], NULL);
	}
	for (uint32_t i = 0; i < 2U; i++) {
		const char *wrong =
			ends[i].wrong != NULL ? ends[i].wrong : check_refusals(&ends[i]);

		if (wrong != NULL) {
			(void)printf("sent %u got %u cast %u heard %u %u; ", ends[i].sent,
				ends[i].got, ends[i].cast, ends[i].heard[0], ends[i].heard[1]);
			return complain(i == 0 ? "first" : "second", wrong);
		}
		peal_detach(ends[i].peal);
	}
	(void)printf(
		"%u messages each way, %u casts each; refused %u and %u times, waited %u and %u\n",
		ends[0].count, ends[0].cast, ends[0].refused_count, ends[1].refused_count,
		ends[0].slept_count, ends[1].slept_count);
	return ends[0].refused_count + ends[1].refused_count > 0
		       ? EXIT_SUCCESS
		       : complain("both", "nobody was ever held back");
}
