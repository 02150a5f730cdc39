/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Applications of one node that speak over channels to it, for tests/integ/lanes_test.py: what
 * libpeal tells of them, whether they go through the core or past it.
 *
 *     lane_client SOCKET MODE [COUNT [SEED]]
 *
 * - talk: three attachments of this process open, say, close, reset, go and come, so many times, at
 *   random: what is heard is what was said, once and in order; an orderly end loses nothing, any
 *   other one says how much at most
 * - flow: so many messages from one process to another and an answer to some, both asleep whenever
 *   there is nothing to do
 * - die: so many processes are killed while they send, and as many while they hear: nothing is
 *   heard twice or in another order; and how often the survivor was not told of all that was not
 *   heard
 * - last: sends while the daemon ends; all that was shown is heard, and then both are told
 *
 * Prints one line of JSON. Exit status 0 when all of it held; 1 with a sentence.
 */
#include "base/prng.h"

#include <peal/peal.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NUMBER         5U
#define PATIENCE_NS    UINT64_C(20000000000)
#define VISITORS_COUNT 3U
#define ENDS_MAX       256U
#define STREAMS_MAX    200000U
#define LARGE_SIZE     65536U
#define UNTOLD         UINT64_MAX
#define ANSWER_EVERY   100U
#define SLOW_COUNT     100U
#define SLOW_US        1000U
#define LISTEN_US      20000U

struct head {
	uint32_t stream;
	uint32_t reserved;
	uint64_t number;
};

static uint8_t bytes[LARGE_SIZE];
static struct peal_prng prng;

static void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)fputs("lane_client: ", stderr);
	(void)vfprintf(stderr, format, arguments);
	(void)fputc('\n', stderr);
	va_end(arguments);
	exit(EXIT_FAILURE);
}

static uint64_t
below(uint64_t bound)
{
	return peal_prng_below(&prng, bound);
}

static uint64_t
now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/* Attached and in a view. */
static struct peal *
attach(const char *path)
{
	struct peal *peal;
	struct peal_event event;
	uint64_t end_ns = now_ns() + PATIENCE_NS;

	while (peal_attach(path, "lane", &peal) != PEAL_OK) {
		if (now_ns() > end_ns) {
			fail("%s", peal_attach_error());
		}
		(void)usleep(2000);
	}
	while (peal_view(peal)->epoch == 0 && now_ns() < end_ns) {
		(void)peal_wait(peal, 1000000);
		(void)peal_poll(peal, &event);
	}
	if (peal_listen(peal, NUMBER) != PEAL_OK) {
		fail("listen: %s", peal_result_name(peal_state(peal)));
	}
	return peal;
}

/* --- talk --- */

struct stream {
	uint64_t said_count;
	uint64_t heard_count;
	uint64_t lost_count; /* as its sender was told; UNTOLD = it was not */
	bool is_unread;      /* who heard it went */
	bool is_finished;    /* who heard it was told that no more comes */
};

struct end {
	bool is_open;
	bool is_closing;
	bool has_in;
	uint32_t channel;
	uint32_t out;
	uint32_t in;
};

struct visitor {
	struct peal *peal;
	bool is_deaf;
	struct end ends[ENDS_MAX];
};

static struct visitor visitors[VISITORS_COUNT];
static struct stream streams[STREAMS_MAX];
static uint32_t streams_count;
static uint64_t heard_count, ended_count, orderly_count, lost_count, refused_count;

static struct end *
find_end(struct visitor *visitor, uint32_t channel)
{
	for (uint32_t i = 0; i < ENDS_MAX; i++) {
		if (visitor->ends[i].is_open && visitor->ends[i].channel == channel) {
			return &visitor->ends[i];
		}
	}
	fail("an event of channel %u, which is not open", channel);
}

static struct end *
begin_end(struct visitor *visitor, uint32_t channel)
{
	for (uint32_t i = 0; i < ENDS_MAX; i++) {
		struct end *end = &visitor->ends[i];

		if (!end->is_open && streams_count < STREAMS_MAX) {
			*end = (struct end){
				.is_open = true, .channel = channel, .out = streams_count};
			streams[streams_count++] = (struct stream){.lost_count = UNTOLD};
			return end;
		}
	}
	fail("too many channels");
}

static void
on_message(struct end *end, const struct peal_event *event)
{
	struct head head;

	if (event->size < sizeof(head)) {
		fail("a message of %u bytes", event->size);
	}
	memcpy(&head, event->bytes, sizeof(head));
	if (head.stream >= streams_count || (end->has_in && end->in != head.stream)) {
		fail("a message of stream %u", head.stream);
	}
	end->has_in = true;
	end->in = head.stream;
	if (head.number != streams[head.stream].heard_count || streams[head.stream].is_finished) {
		fail("message %llu of stream %u in the place of %llu",
			(unsigned long long)head.number, head.stream,
			(unsigned long long)streams[head.stream].heard_count);
	}
	for (uint32_t i = sizeof(head); i < event->size; i += 997U) {
		if (((const uint8_t *)event->bytes)[i] != (uint8_t)head.number) {
			fail("byte %u of a message is another one", i);
		}
	}
	streams[head.stream].heard_count++;
	heard_count++;
}

static void
on_event(struct visitor *visitor, const struct peal_event *event)
{
	struct end *end;

	switch (event->kind) {
	case PEAL_EVENT_OPENED:
		(void)begin_end(visitor, event->channel);
		break;
	case PEAL_EVENT_MESSAGE:
		on_message(find_end(visitor, event->channel), event);
		break;
	case PEAL_EVENT_FINISHED:
		end = find_end(visitor, event->channel);
		if (end->has_in) {
			streams[end->in].is_finished = true;
		}
		break;
	case PEAL_EVENT_ENDED:
		end = find_end(visitor, event->channel);
		end->is_open = false;
		streams[end->out].lost_count = event->lost_count;
		ended_count++;
		lost_count += event->lost_count;
		orderly_count += event->reason == PEAL_REASON_ORDERLY;
		if (event->reason == PEAL_REASON_ORDERLY && event->lost_count != 0) {
			fail("an orderly end lost something");
		}
		if (event->reason != PEAL_REASON_ORDERLY && event->reason != PEAL_REASON_CLOSED &&
			event->reason != PEAL_REASON_FULL && event->reason != PEAL_REASON_UNKNOWN) {
			fail("an end of reason %u", event->reason);
		}
		break;
	default:
		break;
	}
}

static void
hear(struct visitor *visitor, uint64_t count_max)
{
	struct peal_event event;
	enum peal_result result = PEAL_OK;

	for (uint64_t i = 0; i < count_max; i++) {
		result = peal_poll(visitor->peal, &event);
		if (result != PEAL_OK) {
			break;
		}
		on_event(visitor, &event);
	}
	if (result != PEAL_OK && result != PEAL_EMPTY) {
		fail("poll: %s", peal_result_name(result));
	}
}

static bool
say(struct visitor *visitor, struct end *end, uint32_t size)
{
	struct stream *out = &streams[end->out];
	const struct head head = {.stream = end->out, .number = out->said_count};
	enum peal_result result;
	void *room;

	result = peal_claim(visitor->peal, end->channel, size, &room);
	if (result == PEAL_FULL || result == PEAL_NO_CREDIT) {
		refused_count++;
		return false;
	}
	if (result != PEAL_OK) {
		fail("claim: %s", peal_result_name(result));
	}
	memset(room, (int)(head.number & 0xFFU), size);
	memcpy(room, &head, sizeof(head));
	peal_commit(visitor->peal, size);
	out->said_count++;
	return true;
}

static void
go_and_come(const char *path, struct visitor *visitor)
{
	for (uint32_t i = 0; i < ENDS_MAX; i++) {
		if (visitor->ends[i].has_in) {
			streams[visitor->ends[i].in].is_unread = true;
		}
	}
	peal_flush(visitor->peal);
	peal_detach(visitor->peal);
	memset(visitor, 0, sizeof(*visitor));
	visitor->peal = attach(path);
}

static struct end *
draw_end(struct visitor *visitor)
{
	uint32_t from = (uint32_t)below(ENDS_MAX);

	for (uint32_t i = 0; i < ENDS_MAX; i++) {
		struct end *end = &visitor->ends[(from + i) % ENDS_MAX];

		if (end->is_open && !end->is_closing) {
			return end;
		}
	}
	return NULL;
}

static void
act(const char *path, struct visitor *visitor)
{
	struct end *end = draw_end(visitor);
	uint64_t choice = below(1000);
	uint32_t channel;

	if (choice < 2) {
		go_and_come(path, visitor);
	} else if (choice < 30) {
		if (peal_open(visitor->peal, peal_view(visitor->peal)->self, NUMBER, &channel) ==
			PEAL_OK) {
			(void)begin_end(visitor, channel);
		}
	} else if (choice < 36) {
		visitor->is_deaf = !visitor->is_deaf;
	} else if (end != NULL && choice < 52) {
		end->is_closing = peal_close(visitor->peal, end->channel) == PEAL_OK;
	} else if (end != NULL && choice < 58) {
		end->is_closing = peal_reset(visitor->peal, end->channel) == PEAL_OK;
	} else if (end != NULL) {
		uint64_t count = below(16) == 0 ? 3000 : below(40);

		for (uint64_t i = 0; i < count; i++) {
			uint64_t size = below(below(40) == 0 ? LARGE_SIZE - 15U : 100U);

			if (!say(visitor, end, (uint32_t)(sizeof(struct head) + size))) {
				break;
			}
		}
		peal_flush(visitor->peal);
	}
}

/* Everybody reads, and closes all, until nothing is open. */
static void
settle(void)
{
	uint64_t end_ns = now_ns() + PATIENCE_NS;
	bool is_open = true;

	while (is_open) {
		is_open = false;
		for (uint32_t i = 0; i < VISITORS_COUNT; i++) {
			hear(&visitors[i], UINT64_MAX);
			for (uint32_t at = 0; at < ENDS_MAX; at++) {
				struct end *end = &visitors[i].ends[at];

				if (end->is_open && !end->is_closing) {
					end->is_closing = peal_close(visitors[i].peal,
								  end->channel) == PEAL_OK;
				}
				is_open = is_open || end->is_open;
			}
			(void)peal_wait(visitors[i].peal, 100000);
		}
		if (now_ns() > end_ns) {
			fail("some channel does not end");
		}
	}
}

static int
talk(const char *path, uint64_t count)
{
	uint64_t checked_count = 0;

	for (uint32_t i = 0; i < VISITORS_COUNT; i++) {
		visitors[i].peal = attach(path);
	}
	for (uint64_t i = 0; i < count; i++) {
		struct visitor *visitor = &visitors[below(VISITORS_COUNT)];

		act(path, visitor);
		visitor = &visitors[below(VISITORS_COUNT)];
		if (!visitor->is_deaf) {
			hear(visitor, below(300));
		}
		if (below(10) == 0) {
			(void)peal_wait(visitor->peal, below(200000));
		}
	}
	settle();
	for (uint32_t i = 0; i < streams_count; i++) {
		const struct stream *stream = &streams[i];

		/* Who never heard any of it may be one that is gone. */
		if (stream->heard_count > 0 && !stream->is_unread && stream->lost_count != UNTOLD) {
			checked_count++;
			if (stream->heard_count + stream->lost_count < stream->said_count) {
				fail("of %llu messages %llu were heard and %llu told of as lost",
					(unsigned long long)stream->said_count,
					(unsigned long long)stream->heard_count,
					(unsigned long long)stream->lost_count);
			}
		}
	}
	(void)printf("{\"mode\": \"talk\", \"heard\": %llu, \"ended\": %llu, \"orderly\": %llu, "
		     "\"lost\": %llu, \"refused\": %llu, \"checked\": %llu}\n",
		(unsigned long long)heard_count, (unsigned long long)ended_count,
		(unsigned long long)orderly_count, (unsigned long long)lost_count,
		(unsigned long long)refused_count, (unsigned long long)checked_count);
	return EXIT_SUCCESS;
}

/* --- two processes --- */

/* Seen by both. */
struct shared {
	_Atomic uint64_t said_count;  /* and flushed */
	_Atomic uint64_t heard_count; /* told by poll */
	_Atomic uint64_t lost_count;
	_Atomic uint32_t is_done;
	_Atomic bool is_opened; /* told to who hears */
};

static struct shared *shared;

/* The next event, asleep until there is one. False: the attachment has ended. */
static bool
next_event(struct peal *peal, struct peal_event *event)
{
	for (;;) {
		enum peal_result result = peal_poll(peal, event);

		if (result == PEAL_OK) {
			return true;
		}
		if (result != PEAL_EMPTY) {
			return false;
		}
		if (peal_wait(peal, PATIENCE_NS) == PEAL_TIMEOUT) {
			fail("nothing came: %llu said, %llu heard",
				(unsigned long long)atomic_load(&shared->said_count),
				(unsigned long long)atomic_load(&shared->heard_count));
		}
	}
}

/* Hears numbers from 0 on, and answers some, until the channel ends. */
static void
answer(struct peal *peal, bool is_answering)
{
	struct peal_event event;
	uint64_t number;

	while (next_event(peal, &event)) {
		if (event.kind == PEAL_EVENT_OPENED) {
			atomic_store(&shared->is_opened, true);
		}
		if (event.kind == PEAL_EVENT_FINISHED) {
			(void)peal_close(peal, event.channel);
		}
		if (event.kind == PEAL_EVENT_ENDED) {
			return;
		}
		if (event.kind != PEAL_EVENT_MESSAGE) {
			continue;
		}
		memcpy(&number, event.bytes, sizeof(number));
		if (number != atomic_load(&shared->heard_count)) {
			fail("message %llu after %llu", (unsigned long long)number,
				(unsigned long long)atomic_load(&shared->heard_count));
		}
		atomic_store(&shared->heard_count, number + 1U);
		if (is_answering && number % ANSWER_EVERY == 0 &&
			peal_send(peal, event.channel, &number, sizeof(number)) != PEAL_OK) {
			fail("an answer was refused");
		}
	}
}

/* Sends numbers until `count` are sent, or the channel ends. True: it has ended. */
static bool
ask(struct peal *peal, uint32_t channel, uint64_t count, uint64_t *answers_count)
{
	struct peal_event event;

	for (uint64_t number = atomic_load(&shared->said_count); number < count;) {
		uint32_t size = 8U + (uint32_t)below(below(50) == 0 ? 20000U : 100U);
		enum peal_result result;

		memcpy(bytes, &number, sizeof(number));
		result = peal_send(peal, channel, bytes, size);
		if (result == PEAL_OK) {
			atomic_store(&shared->said_count, ++number);
		} else if (result != PEAL_FULL && result != PEAL_NO_CREDIT &&
			   result != PEAL_CLOSED) {
			fail("send: %s", peal_result_name(result));
		}
		if (result != PEAL_OK && peal_wait(peal, PATIENCE_NS) == PEAL_TIMEOUT) {
			fail("no room came: %llu said, %llu heard", (unsigned long long)number,
				(unsigned long long)atomic_load(&shared->heard_count));
		}
		while ((result = peal_poll(peal, &event)) == PEAL_OK) {
			*answers_count += event.kind == PEAL_EVENT_MESSAGE;
			if (event.kind == PEAL_EVENT_ENDED) {
				atomic_store(&shared->lost_count, event.lost_count);
				return true;
			}
		}
		if (result != PEAL_EMPTY) {
			return true;
		}
	}
	return false;
}

static uint32_t
open_self(struct peal *peal)
{
	uint32_t channel;
	enum peal_result result = peal_open(peal, peal_view(peal)->self, NUMBER, &channel);

	if (result != PEAL_OK) {
		fail("open: %s", peal_result_name(result));
	}
	return channel;
}

static pid_t
fork_child(void)
{
	pid_t child = fork();

	if (child < 0) {
		fail("no process");
	}
	if (child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, (unsigned long)SIGKILL, 0UL, 0UL, 0UL);
	}
	return child;
}

/* The other process has said that it listens, and the core has heard it. */
static void
await_listener(void)
{
	while (atomic_load(&shared->is_done) == 0) {
		(void)usleep(1000);
	}
	(void)usleep(LISTEN_US);
}

static void
await(pid_t child, bool is_to_be_well)
{
	int status = 0;

	(void)waitpid(child, &status, 0);
	if (is_to_be_well && (!WIFEXITED(status) || WEXITSTATUS(status) != EXIT_SUCCESS)) {
		fail("the other process did not end well");
	}
}

static int
flow(const char *path, uint64_t count)
{
	uint64_t answers_count = 0;
	struct peal_event event;
	pid_t child = fork_child();
	struct peal *peal = attach(path);
	uint32_t channel;

	peal_set_spin(peal, 0);
	if (child == 0) {
		atomic_store(&shared->is_done, 1);
		answer(peal, true);
		peal_detach(peal);
		_exit(EXIT_SUCCESS);
	}
	await_listener();
	(void)peal_unlisten(peal, NUMBER);
	channel = open_self(peal);
	if (ask(peal, channel, count, &answers_count)) {
		fail("the channel has ended");
	}
	if (peal_close(peal, channel) != PEAL_OK) {
		fail("close");
	}
	for (;;) {
		if (!next_event(peal, &event)) {
			fail("poll: %s", peal_result_name(peal_state(peal)));
		}
		answers_count += event.kind == PEAL_EVENT_MESSAGE;
		if (event.kind == PEAL_EVENT_ENDED) {
			break;
		}
	}
	await(child, true);
	if (event.reason != PEAL_REASON_ORDERLY || atomic_load(&shared->heard_count) != count ||
		answers_count != (count + ANSWER_EVERY - 1U) / ANSWER_EVERY) {
		fail("%llu answers, reason %u", (unsigned long long)answers_count, event.reason);
	}
	(void)printf("{\"mode\": \"flow\", \"heard\": %llu, \"answers\": %llu}\n",
		(unsigned long long)count, (unsigned long long)answers_count);
	peal_detach(peal);
	return EXIT_SUCCESS;
}

/* Kills it at some instant after something was said on a channel that the other one knows of: of
 * one who dies before the core has read that it opens a channel nobody is ever told. */
static pid_t
kill_soon(pid_t victim)
{
	useconds_t pause_us = (useconds_t)below(8000);
	pid_t killer = fork_child();

	if (killer == 0) {
		while (atomic_load(&shared->said_count) == 0 || !atomic_load(&shared->is_opened)) {
			(void)usleep(100);
		}
		(void)usleep(pause_us);
		(void)kill(victim, SIGKILL);
		_exit(EXIT_SUCCESS);
	}
	return killer;
}

/* The child is killed while it sends, and this process hears. */
static void
kill_sender(const char *path)
{
	struct peal *peal = attach(path);
	pid_t child = fork_child();
	uint64_t answers_count = 0;

	if (child == 0) {
		struct peal *own = attach(path);

		(void)peal_unlisten(own, NUMBER);
		peal_prng_init(&prng, (uint64_t)getpid());
		(void)ask(own, open_self(own), UINT64_MAX, &answers_count);
		_exit(EXIT_SUCCESS);
	}
	pid_t killer = kill_soon(child);

	answer(peal, false);
	await(child, false);
	await(killer, true);
	peal_detach(peal);
}

/* The child is killed while it hears. Returns how many messages nobody is told of: none that went
 * over a lane, but of those that went through the core what stood in the ring of the child. */
static uint64_t
kill_hearer(const char *path)
{
	pid_t child = fork_child();
	uint64_t answers_count = 0, told_count, said_count;
	struct peal *peal;
	uint32_t channel;

	if (child == 0) {
		peal = attach(path);
		atomic_store(&shared->is_done, 1);
		answer(peal, false);
		_exit(EXIT_SUCCESS);
	}
	await_listener();
	peal = attach(path);
	(void)peal_unlisten(peal, NUMBER);
	channel = open_self(peal);
	/* Little is said while a lane is made. */
	for (uint64_t i = 1; i <= SLOW_COUNT; i++) {
		(void)ask(peal, channel, i, &answers_count);
		(void)usleep(SLOW_US);
	}
	pid_t killer = kill_soon(child);

	if (!ask(peal, channel, UINT64_MAX, &answers_count)) {
		fail("no end was told");
	}
	await(child, false);
	await(killer, true);
	peal_detach(peal);
	told_count = atomic_load(&shared->heard_count) + atomic_load(&shared->lost_count);
	said_count = atomic_load(&shared->said_count);
	return told_count < said_count ? said_count - told_count : 0;
}

static int
die(const char *path, uint64_t count)
{
	uint64_t said_count = 0, told_count = 0, untold_count = 0;

	for (uint64_t i = 0; i < count; i++) {
		memset(shared, 0, sizeof(*shared));
		kill_sender(path);
		said_count += atomic_load(&shared->said_count);
		memset(shared, 0, sizeof(*shared));
		untold_count += kill_hearer(path) > 0;
		said_count += atomic_load(&shared->said_count);
		told_count += atomic_load(&shared->lost_count);
	}
	(void)printf("{\"mode\": \"die\", \"died\": %llu, \"said\": %llu, \"lost\": %llu, "
		     "\"untold\": %llu}\n",
		2ULL * count, (unsigned long long)said_count, (unsigned long long)told_count,
		(unsigned long long)untold_count);
	return EXIT_SUCCESS;
}

/* Who runs this ends the daemon when it has read a line. */
static int
last(const char *path, uint64_t count)
{
	pid_t child = fork_child();
	struct peal *peal = attach(path);
	uint64_t answers_count = 0;

	(void)count;
	if (child == 0) {
		atomic_store(&shared->is_done, 1);
		answer(peal, false);
		if (peal_state(peal) != PEAL_CLOSED) {
			fail("an end before that of the daemon");
		}
		while (atomic_load(&shared->is_done) != 2) {
			(void)usleep(1000);
		}
		_exit(EXIT_SUCCESS);
	}
	await_listener();
	(void)peal_unlisten(peal, NUMBER);
	uint32_t channel = open_self(peal);

	if (ask(peal, channel, 20000, &answers_count)) {
		fail("an end before that of the daemon");
	}
	(void)puts("ready");
	(void)fflush(stdout);
	if (!ask(peal, channel, UINT64_MAX, &answers_count) || peal_state(peal) != PEAL_CLOSED) {
		fail("the end of the daemon was not told");
	}
	atomic_store(&shared->is_done, 2);
	await(child, true);
	(void)printf("{\"mode\": \"last\", \"said\": %llu, \"heard\": %llu}\n",
		(unsigned long long)atomic_load(&shared->said_count),
		(unsigned long long)atomic_load(&shared->heard_count));
	peal_detach(peal);
	return EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(const char *path, uint64_t count);
	} modes[] = {{"talk", talk}, {"flow", flow}, {"die", die}, {"last", last}};

	shared = mmap(
		NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED) {
		fail("no memory");
	}
	peal_prng_init(&prng, argc > 4 ? strtoull(argv[4], NULL, 10) : 1U);
	for (uint32_t i = 0; argc >= 3 && i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(argv[2], modes[i].name) == 0) {
			return modes[i].run(argv[1], argc > 3 ? strtoull(argv[3], NULL, 10) : 1U);
		}
	}
	(void)fputs(
		"usage: lane_client SOCKET MODE [COUNT [SEED]]; the modes stand in its source\n",
		stderr);
	return 2;
}
