/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two applications of one host that speak through its daemon, with libpeal and nothing else.
 * tools/dev/compare-local runs it beside peer_messaging, which has the same schedule.
 *
 *     peer_peal --socket PATH --what rtt|throughput --mode block|spin [--size N] [--cores A,B]
 *               [--interval NS] [--count N]
 *
 * A channel leads to another node, so two applications of one node speak by broadcast: a message to
 * all of the view is heard by every application that wants it, its own too. In a view of one there
 * is no frame in between. What is sent says which of the two it is from. Nobody is held back who
 * broadcasts, so the sender of throughput counts what has arrived, and stays a few thousand ahead.
 *
 *     spin   polls, each on a CPU of its own
 *     block  sleeps in peal_wait at once; not pinned, for the daemon needs a CPU as well
 *
 * One line of JSON, as peer_messaging has it. Exit status 1 with a sentence.
 */
#include "base/histogram.h"

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
#include <time.h>
#include <unistd.h>

#define SECOND_NS   INT64_C(1000000000)
#define WARM_COUNT  2000U
#define WARM_NS     (SECOND_NS * 3 / 10)
#define MEASURED_NS (SECOND_NS / 2)
#define PATIENCE_NS UINT64_C(5000000000)
#define SIZE_LEAST  16U
#define SIZE_MOST   1024U
/* Messages on their way: what the ring of a reader holds several times over. */
#define AHEAD_MAX 4096U

enum from { FROM_ASKING = 1, FROM_ANSWERING = 2 };

struct options {
	const char *socket;
	bool is_throughput;
	bool is_spinning;
	uint32_t size;
	int cpus[2];
	int64_t interval_ns;
	uint64_t count;
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
	uint64_t from; /* who this is */
	uint8_t bytes[SIZE_MOST];
};

static void __attribute__((noreturn)) fail(const char *what, const char *why)
{
	(void)fprintf(stderr, "peer_peal: %s: %s\n", what, why);
	exit(1);
}

static int64_t
read_now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * SECOND_NS + now.tv_nsec;
}

static void
pin(int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET((size_t)cpu, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus) != 0) {
		fail("CPU", "it cannot be had");
	}
}

/* Looks, and sleeps when that is the mode. True: there is an event. */
static bool
next_event(const struct end *end, struct peal_event *event)
{
	enum peal_result result = peal_poll(end->peal, event);

	if (result == PEAL_EMPTY && !end->options->is_spinning) {
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
	return result == PEAL_OK;
}

static void
say(struct end *end, uint64_t seq)
{
	enum peal_result result;

	memcpy(end->bytes, &end->from, sizeof(end->from));
	memcpy(end->bytes + sizeof(seq), &seq, sizeof(seq));
	do {
		result = peal_send(end->peal, PEAL_ALL, end->bytes, end->options->size);
	} while (result == PEAL_FULL);
	if (result != PEAL_OK) {
		fail("peal_send", peal_result_name(result));
	}
}

/* The next message of the other one. Returns its number. */
static uint64_t
hear(const struct end *end)
{
	struct peal_event event;

	for (;;) {
		uint64_t from, seq;

		if (!next_event(end, &event) || event.kind != PEAL_EVENT_CAST ||
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
	int64_t begin_ns = read_now_ns();

	if (peal_attach(end->options->socket, "peer_peal", &end->peal) != PEAL_OK) {
		fail("peal_attach", peal_attach_error());
	}
	if (is_hearing && peal_hear(end->peal, true) != PEAL_OK) {
		fail("peal_hear", "refused");
	}
	peal_set_spin(end->peal, 0);
	while (peal_view(end->peal)->epoch == 0) {
		(void)next_event(end, &event);
		if (read_now_ns() - begin_ns > (int64_t)PATIENCE_NS) {
			fail("view", "this node is no member");
		}
	}
}

static void
wait_until(int64_t at_ns, bool is_spinning)
{
	const struct timespec at = {.tv_sec = at_ns / SECOND_NS, .tv_nsec = at_ns % SECOND_NS};

	while (!is_spinning && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) != 0) {
		/* Interrupted. */
	}
	while (read_now_ns() < at_ns) {
		__builtin_ia32_pause();
	}
}

static void
ask(struct end *end, uint64_t first, uint64_t count, struct peal_histogram *histogram)
{
	const struct options *options = end->options;
	int64_t start_ns = read_now_ns() + options->interval_ns;

	for (uint64_t i = 0; i < count; i++) {
		int64_t due_ns = start_ns + (int64_t)i * options->interval_ns;

		wait_until(due_ns, options->is_spinning);
		say(end, first + i);
		if (hear(end) != first + i) {
			fail("answer", "it is another one");
		}
		peal_histogram_record(histogram, (uint64_t)(read_now_ns() - due_ns));
	}
}

static void
print_head(const struct options *options, const char *what)
{
	(void)printf("{\"transport\":\"peal\",\"what\":\"%s\",\"mode\":\"%s\",\"size\":%u,", what,
		options->is_spinning ? "spin" : "block", options->size);
}

static void
measure_rtt(struct end *end)
{
	static struct peal_histogram histogram;
	const struct options *options = end->options;
	uint64_t warm_count = options->count < WARM_COUNT ? options->count : WARM_COUNT;

	peal_histogram_reset(&histogram);
	ask(end, 0, warm_count, &histogram);
	peal_histogram_reset(&histogram);
	ask(end, warm_count, options->count, &histogram);
	print_head(options, "rtt");
	(void)printf("\"count\":%llu,\"min_ns\":%llu,\"p50_ns\":%llu,\"p90_ns\":%llu,\"p99_ns\":"
		     "%llu}\n",
		(unsigned long long)options->count,
		(unsigned long long)peal_histogram_min(&histogram),
		(unsigned long long)peal_histogram_percentile(&histogram, 50.0),
		(unsigned long long)peal_histogram_percentile(&histogram, 90.0),
		(unsigned long long)peal_histogram_percentile(&histogram, 99.0));
}

static void
measure_throughput(struct end *end)
{
	int64_t begin_ns = read_now_ns(), from_ns = 0, now_ns = begin_ns;
	uint64_t sent_count = 0, arrived_before = 0, arrived_count = 0;

	while (from_ns == 0 || now_ns < from_ns + MEASURED_NS) {
		struct peal_event event;

		arrived_count =
			atomic_load_explicit(&end->shared->arrived_count, memory_order_acquire);
		if (sent_count - arrived_count < AHEAD_MAX) {
			for (uint32_t i = 0; i < 32U; i++) {
				say(end, sent_count++);
			}
		} else if (!end->options->is_spinning) {
			(void)sched_yield();
		}
		while (peal_poll(end->peal, &event) == PEAL_OK) {
			/* Views; what is cast is not heard here. */
		}
		if (peal_state(end->peal) != PEAL_OK) {
			fail("daemon", peal_result_name(peal_state(end->peal)));
		}
		now_ns = read_now_ns();
		if (from_ns == 0 && now_ns >= begin_ns + WARM_NS) {
			from_ns = now_ns;
			arrived_before = arrived_count;
		}
	}
	print_head(end->options, "throughput");
	(void)printf("\"messages_per_s\":%.0f}\n",
		(double)(arrived_count - arrived_before) * 1e9 / (double)(now_ns - from_ns));
}

/* Never returns: the asking process ends it. */
static void __attribute__((noreturn)) answer(struct end *end)
{
	uint64_t awaited = 0;

	attach(end, true);
	atomic_store(&end->shared->is_hearing, true);
	for (;;) {
		uint64_t seq = hear(end);

		if (!end->options->is_throughput) {
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
read_number(const char *text, uint64_t min, uint64_t max, uint64_t *value_out)
{
	char *rest = NULL;

	*value_out = strtoull(text, &rest, 10);
	return rest != text && *rest == '\0' && *value_out >= min && *value_out <= max;
}

static bool
read_option(struct options *options, const char *name, const char *value)
{
	uint64_t number = 0;
	bool is_good = true;

	if (strcmp(name, "--socket") == 0) {
		options->socket = value;
	} else if (strcmp(name, "--what") == 0) {
		options->is_throughput = strcmp(value, "throughput") == 0;
		is_good = options->is_throughput || strcmp(value, "rtt") == 0;
	} else if (strcmp(name, "--mode") == 0) {
		options->is_spinning = strcmp(value, "spin") == 0;
		is_good = options->is_spinning || strcmp(value, "block") == 0;
	} else if (strcmp(name, "--cores") == 0) {
		is_good = sscanf(value, "%d,%d", &options->cpus[0], &options->cpus[1]) == 2;
	} else if (strcmp(name, "--size") == 0) {
		is_good = read_number(value, SIZE_LEAST, SIZE_MOST, &number);
		options->size = (uint32_t)number;
	} else if (strcmp(name, "--interval") == 0) {
		is_good = read_number(value, 1000, 1000000000, &number);
		options->interval_ns = (int64_t)number;
	} else {
		is_good = strcmp(name, "--count") == 0 &&
			  read_number(value, 1, 100000000, &options->count);
	}
	return is_good;
}

int
main(int argc, char **argv)
{
	struct options options = {.size = 64, .cpus = {0, 1}, .interval_ns = 20000, .count = 20000};
	struct end end = {.options = &options, .from = FROM_ASKING};
	pid_t parent = getpid(), child;
	int status = 0;

	for (int i = 1; i < argc; i += 2) {
		if (i + 1 >= argc || !read_option(&options, argv[i], argv[i + 1])) {
			(void)fprintf(stderr,
				"usage: peer_peal --socket PATH --what rtt|throughput "
				"--mode block|spin [--size N] [--cores A,B] "
				"[--interval NS] [--count N]\n");
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
	if (options.is_spinning) {
		pin(options.cpus[child == 0]);
	}
	if (child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, (unsigned long)SIGKILL, 0UL, 0UL, 0UL);
		end.from = FROM_ANSWERING;
		if (getppid() == parent) {
			answer(&end);
		}
		return 1;
	}
	attach(&end, !options.is_throughput);
	while (!atomic_load(&end.shared->is_hearing)) {
		(void)usleep(1000);
		if (waitpid(child, &status, WNOHANG) == child) {
			return 1;
		}
	}
	/* What is heard from here on was said after both were there. */
	(void)usleep(10000);
	if (options.is_throughput) {
		measure_throughput(&end);
	} else {
		measure_rtt(&end);
	}
	(void)kill(child, SIGKILL);
	(void)waitpid(child, &status, 0);
	peal_detach(end.peal);
	return 0;
}
