/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two applications of one host that speak through its daemon, with libpeal and nothing else.
 * tools/dev/compare-local runs it beside peer_messaging, which has the same schedule.
 *
 *     peer_peal --socket PATH --what rtt|throughput --mode block|spin [--by channel|broadcast]
 *               [--batch N] [--size N] [--cores A,B] [--interval NS] [--count N]
 *
 * By a channel to the own member, which leads to the application that listens there; who has no
 * credit waits for it. By broadcast: a message to all of the view is heard by every application
 * that wants it, its own too, and in a view of one there is no frame in between. What is sent says
 * which of the two it is from. Nobody is held back who broadcasts, so the sender of throughput
 * counts what has arrived, and stays a few thousand ahead. Throughput commits --batch messages and
 * shows them at once, 32 until it is said otherwise, as ZeroMQ's own thread does.
 *
 *     spin   polls, each on a CPU of its own
 *     block  sleeps in peal_wait at once; not pinned, for the daemon needs a CPU as well
 *
 * One line of JSON, as peer_messaging has it. Exit status 1 with a sentence.
 */
#include "tests/lib/contest.h"

#include <peal/peal.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_NS UINT64_C(5000000000)
#define SIZE_LEAST  16U
#define SIZE_MOST   1024U
/* Messages on their way: what the ring of a reader holds several times over. */
#define AHEAD_MAX 4096U
#define BATCH_MAX 1024U
#define NUMBER    7U

enum from { FROM_ASKING = 1, FROM_ANSWERING = 2 };

struct options {
	const char *socket;
	bool is_by_broadcast;
	uint64_t batch;
	struct peal_contest_options play;
};

/* Seen by both processes. */
struct shared {
	_Atomic bool is_hearing;
	_Atomic uint64_t arrived_count;
};

struct end {
	const struct options *options;
	struct shared *shared;
	struct peal *peal;
	pid_t other;      /* of the asking process: who answers */
	uint32_t channel; /* to the other one, or PEAL_ALL */
	uint64_t from;    /* who this is */
	uint8_t bytes[SIZE_MOST];
};

static void __attribute__((noreturn)) fail(const char *what, const char *why)
{
	(void)fprintf(stderr, "peer_peal: %s: %s\n", what, why);
	exit(1);
}

/* Looks, and sleeps when that is the mode. True: there is an event. */
static bool
next_event(const struct end *end, struct peal_event *event)
{
	enum peal_result result = peal_poll(end->peal, event);

	if (result == PEAL_EMPTY && !end->options->play.is_spinning) {
		result = peal_wait(end->peal, PATIENCE_NS);
		if (result == PEAL_OK) {
			result = peal_poll(end->peal, event);
		}
	}
	if (result != PEAL_OK && result != PEAL_EMPTY) {
		fail("daemon", peal_result_name(result));
	}
	if (result == PEAL_OK && event->kind == PEAL_EVENT_CAST_LOST) {
		fail("broadcast", "messages were lost");
	}
	if (result == PEAL_OK && event->kind == PEAL_EVENT_ENDED) {
		fail("channel", "it has ended");
	}
	return result == PEAL_OK;
}

static void
say(struct end *end, uint64_t seq)
{
	enum peal_result result;

	memcpy(end->bytes, &end->from, sizeof(end->from));
	memcpy(end->bytes + sizeof(seq), &seq, sizeof(seq));
	do {
		result = peal_send(end->peal, end->channel, end->bytes, end->options->play.size);
	} while (result == PEAL_FULL);
	if (result != PEAL_OK) {
		fail("peal_send", peal_result_name(result));
	}
}

/* One more of a batch. False: not now. */
static bool
add(struct end *end, uint64_t seq)
{
	void *room;
	enum peal_result result =
		peal_claim(end->peal, end->channel, end->options->play.size, &room);

	if (result == PEAL_FULL || result == PEAL_NO_CREDIT) {
		return false;
	}
	if (result != PEAL_OK) {
		fail("peal_claim", peal_result_name(result));
	}
	memcpy(end->bytes, &end->from, sizeof(end->from));
	memcpy(end->bytes + sizeof(seq), &seq, sizeof(seq));
	memcpy(room, end->bytes, end->options->play.size);
	peal_commit(end->peal, end->options->play.size);
	return true;
}

/* The next message of the other one. Returns its number. */
static uint64_t
hear(struct end *end)
{
	struct peal_event event;

	for (;;) {
		uint64_t from, seq;

		if (!next_event(end, &event)) {
			continue;
		}
		if (event.kind == PEAL_EVENT_OPENED) {
			end->channel = event.channel;
		}
		if ((event.kind != PEAL_EVENT_CAST && event.kind != PEAL_EVENT_MESSAGE) ||
			event.size < SIZE_LEAST) {
			continue;
		}
		memcpy(&from, event.bytes, sizeof(from));
		memcpy(&seq, (const uint8_t *)event.bytes + sizeof(from), sizeof(seq));
		if (from != end->from) {
			return seq;
		}
	}
}

static void
attach(struct end *end, bool is_hearing)
{
	struct peal_event event;
	int64_t begin_ns = peal_contest_now_ns();

	if (peal_attach(end->options->socket, "peer_peal", &end->peal) != PEAL_OK) {
		fail("peal_attach", peal_attach_error());
	}
	end->channel = PEAL_ALL;
	if (end->options->is_by_broadcast && is_hearing && peal_hear(end->peal, true) != PEAL_OK) {
		fail("peal_hear", "refused");
	}
	peal_set_spin(end->peal, 0);
	while (peal_view(end->peal)->epoch == 0) {
		(void)next_event(end, &event);
		if (peal_contest_now_ns() - begin_ns > (int64_t)PATIENCE_NS) {
			fail("view", "this node is no member");
		}
	}
}

static void
ask(struct end *end, uint64_t first, uint64_t count, struct peal_histogram *histogram)
{
	const struct options *options = end->options;
	int64_t start_ns = peal_contest_now_ns() + options->play.interval_ns;

	for (uint64_t i = 0; i < count; i++) {
		int64_t due_ns = start_ns + (int64_t)i * options->play.interval_ns;

		peal_contest_wait_until(due_ns, options->play.is_spinning);
		say(end, first + i);
		if (hear(end) != first + i) {
			fail("answer", "it is another one");
		}
		peal_histogram_record(histogram, (uint64_t)(peal_contest_now_ns() - due_ns));
	}
}

static void
print_head(const struct options *options)
{
	(void)printf("{\"transport\":\"peal\",\"by\":\"%s\",\"batch\":%u,",
		options->is_by_broadcast ? "broadcast" : "channel", (unsigned int)options->batch);
	peal_contest_print_head(&options->play);
}

static void
measure_rtt(struct end *end)
{
	static struct peal_histogram histogram;
	const struct options *options = end->options;
	struct peal_contest_watch watch;
	uint64_t warm_count = options->play.count < PEAL_CONTEST_WARM_COUNT
				      ? options->play.count
				      : PEAL_CONTEST_WARM_COUNT;

	peal_histogram_reset(&histogram);
	ask(end, 0, warm_count, &histogram);
	peal_histogram_reset(&histogram);
	peal_contest_begin(&watch, end->other);
	ask(end, warm_count, options->play.count, &histogram);
	print_head(options);
	peal_contest_print_rtt(&watch, &histogram);
}

/* Says some. Returns how many. */
static uint64_t
say_some(struct end *end, uint64_t first)
{
	uint64_t arrived_count =
		atomic_load_explicit(&end->shared->arrived_count, memory_order_relaxed);
	uint64_t count = 0;

	if (end->options->is_by_broadcast && first - arrived_count >= AHEAD_MAX) {
		if (!end->options->play.is_spinning) {
			(void)sched_yield();
		}
		return 0;
	}
	while (count < end->options->batch && add(end, first + count)) {
		count++;
	}
	peal_flush(end->peal);
	if (count < end->options->batch && !end->options->play.is_spinning) {
		/* Until there is room, or credit. */
		(void)peal_wait(end->peal, PATIENCE_NS);
	}
	return count;
}

static void
measure_throughput(struct end *end)
{
	int64_t begin_ns = peal_contest_now_ns(), from_ns = 0, now_ns = begin_ns;
	uint64_t sent_count = 0, arrived_before = 0, arrived_count = 0;
	struct peal_contest_watch watch = {0};

	while (from_ns == 0 || now_ns < from_ns + PEAL_CONTEST_MEASURED_NS) {
		struct peal_event event;

		/* Some at a time, or looking at the clock would count as well. */
		for (uint32_t i = 0; i < 16U; i++) {
			sent_count += say_some(end, sent_count);
		}
		arrived_count =
			atomic_load_explicit(&end->shared->arrived_count, memory_order_acquire);
		while (peal_poll(end->peal, &event) == PEAL_OK) {
			/* Views; what is cast is not heard here. */
		}
		if (peal_state(end->peal) != PEAL_OK) {
			fail("daemon", peal_result_name(peal_state(end->peal)));
		}
		now_ns = peal_contest_now_ns();
		if (from_ns == 0 && now_ns >= begin_ns + PEAL_CONTEST_WARM_NS) {
			from_ns = now_ns;
			arrived_before = arrived_count;
			peal_contest_begin(&watch, end->other);
		}
	}
	print_head(end->options);
	peal_contest_print_rate(&watch,
		(double)(arrived_count - arrived_before) * 1e9 / (double)(now_ns - from_ns));
}

/* Never returns: the asking process ends it. */
static void __attribute__((noreturn)) answer(struct end *end)
{
	uint64_t awaited = 0;

	attach(end, true);
	if (!end->options->is_by_broadcast && peal_listen(end->peal, NUMBER) != PEAL_OK) {
		fail("peal_listen", "refused");
	}
	atomic_store(&end->shared->is_hearing, true);
	for (;;) {
		uint64_t seq = hear(end);

		if (!end->options->play.is_throughput) {
			say(end, seq);
			continue;
		}
		if (seq != awaited++) {
			fail("message", "it is not the next one");
		}
		atomic_store_explicit(&end->shared->arrived_count, awaited, memory_order_release);
	}
}

static bool
read_option(struct options *options, const char *name, const char *value)
{
	if (strcmp(name, "--socket") == 0) {
		options->socket = value;
		return true;
	}
	if (strcmp(name, "--by") == 0) {
		options->is_by_broadcast = strcmp(value, "broadcast") == 0;
		return options->is_by_broadcast || strcmp(value, "channel") == 0;
	}
	if (strcmp(name, "--batch") == 0) {
		return peal_contest_read_number(value, 1, BATCH_MAX, &options->batch);
	}
	return peal_contest_read_option(&options->play, name, value);
}

int
main(int argc, char **argv)
{
	struct options options = {.batch = 32,
		.play = {.size_min = SIZE_LEAST,
			.size_max = SIZE_MOST,
			.size = 64,
			.cpus = {0, 1},
			.interval_ns = 20000,
			.count = 20000}};
	struct end end = {.options = &options, .from = FROM_ASKING};
	pid_t parent = getpid(), child;
	int status = 0;

	for (int i = 1; i < argc; i += 2) {
		if (i + 1 >= argc || !read_option(&options, argv[i], argv[i + 1])) {
			(void)fprintf(stderr,
				"usage: peer_peal --socket PATH --what rtt|throughput "
				"--mode block|spin [--by channel|broadcast] [--batch N] "
				"[--size N] [--cores A,B] [--interval NS] [--count N]\n");
			return 2;
		}
	}
	end.shared = mmap(NULL, sizeof(*end.shared), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	child = end.shared == MAP_FAILED ? -1 : fork();
	if (child < 0) {
		fail("start", "no memory or no process");
	}
	(void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
	if (options.play.is_spinning && !peal_contest_pin(options.play.cpus[child == 0])) {
		fail("CPU", "it cannot be had");
	}
	end.other = child;
	if (child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, (unsigned long)SIGKILL, 0UL, 0UL, 0UL);
		end.from = FROM_ANSWERING;
		if (getppid() == parent) {
			answer(&end);
		}
		return 1;
	}
	attach(&end, !options.play.is_throughput);
	while (!atomic_load(&end.shared->is_hearing)) {
		(void)usleep(1000);
		if (waitpid(child, &status, WNOHANG) == child) {
			return 1;
		}
	}
	/* What is heard from here on was said after both were there. */
	(void)usleep(10000);
	if (!options.is_by_broadcast) {
		enum peal_result result =
			peal_open(end.peal, peal_view(end.peal)->self, NUMBER, &end.channel);

		if (result != PEAL_OK) {
			fail("peal_open", peal_result_name(result));
		}
	}
	if (options.play.is_throughput) {
		measure_throughput(&end);
	} else {
		measure_rtt(&end);
	}
	(void)kill(child, SIGKILL);
	(void)waitpid(child, &status, 0);
	peal_detach(end.peal);
	return 0;
}
