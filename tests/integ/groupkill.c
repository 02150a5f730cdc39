/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How long from SIGKILL of a client to the view of its group without it, at another client of the
 * same daemon; and to the death word alone, in memory that two processes share.
 *
 *     groupkill SOCKET COUNT [BLOCK]
 *
 * The one that waits polls, or with BLOCK sleeps. Prints one line of JSON; exit code 1 when a view
 * did not come.
 */
#include "client/life.h"

#include <inttypes.h>
#include <peal/peal.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COUNT_MAX   10000U
#define PATIENCE_NS UINT64_C(5000000000)
#define SETTLE_NS   2000000L

static uint64_t
now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/* The process that is to die: it joins and sleeps. */
static _Noreturn void
be_victim(const char *socket, const struct peal_region_death *death)
{
	struct peal *peal;
	uint32_t group;

	if (death != NULL) {
		(void)peal_life_hold((struct peal_region_death *)(uintptr_t)death);
	} else if (peal_attach(socket, "victim", &peal) != PEAL_OK ||
		   peal_group_join(peal, "kill", PEAL_ORDER_SENDER, &group) != PEAL_OK) {
		_exit(1);
	}
	for (;;) {
		(void)pause();
	}
}

/* Waits for an event of the group. False: it did not come. */
static bool
await(struct peal *peal, enum peal_event_kind kind, bool is_blocking, uint64_t from_ns)
{
	struct peal_event event;

	for (;;) {
		enum peal_result result = peal_poll(peal, &event);

		if (result == PEAL_OK && event.kind == (uint32_t)kind) {
			return true;
		}
		if ((result != PEAL_OK && result != PEAL_EMPTY) ||
			now_ns() - from_ns > PATIENCE_NS) {
			return false;
		}
		if (result == PEAL_EMPTY && is_blocking) {
			(void)peal_wait(peal, PATIENCE_NS);
		}
	}
}

static int
compare(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

static void
show(const char *name, uint64_t *times, uint32_t count, const char *end)
{
	qsort(times, count, sizeof(times[0]), compare);
	printf("\"%s\": {\"p50_ns\": %" PRIu64 ", \"p99_ns\": %" PRIu64 ", \"max_ns\": %" PRIu64
	       "}%s",
		name, times[count / 2U], times[count * 99U / 100U], times[count - 1U], end);
}

static bool
measure_word(struct peal_region_death *death, uint64_t *took_ns_out)
{
	const struct timespec settle = {.tv_nsec = SETTLE_NS};
	uint64_t from_ns;
	pid_t victim;

	atomic_store(&death->word, 0);
	victim = fork();
	if (victim == 0) {
		be_victim(NULL, death);
	}
	while (atomic_load(&death->word) == 0) {
	}
	(void)nanosleep(&settle, NULL);
	from_ns = now_ns();
	(void)kill(victim, SIGKILL);
	while ((atomic_load(&death->word) & PEAL_REGION_OWNER_DIED) == 0 &&
		now_ns() - from_ns < PATIENCE_NS) {
	}
	*took_ns_out = now_ns() - from_ns;
	(void)waitpid(victim, NULL, 0);
	return (atomic_load(&death->word) & PEAL_REGION_OWNER_DIED) != 0;
}

static bool
measure_view(struct peal *peal, const char *socket, bool is_blocking, uint64_t *took_ns_out)
{
	const struct timespec settle = {.tv_nsec = SETTLE_NS};
	uint64_t from_ns;
	bool is_good;
	pid_t victim = fork();

	if (victim == 0) {
		be_victim(socket, NULL);
	}
	is_good = await(peal, PEAL_EVENT_GROUP_JOINED, is_blocking, now_ns());
	(void)nanosleep(&settle, NULL);
	from_ns = now_ns();
	(void)kill(victim, SIGKILL);
	is_good = is_good && await(peal, PEAL_EVENT_GROUP_GONE, is_blocking, from_ns);
	*took_ns_out = now_ns() - from_ns;
	(void)waitpid(victim, NULL, 0);
	return is_good;
}

int
main(int argc, char **argv)
{
	static uint64_t views[COUNT_MAX], words[COUNT_MAX];
	uint32_t count = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0;
	bool is_blocking = argc > 3;
	struct peal_region_death *death = peal_life_map(-1, sizeof(*death), PROT_READ | PROT_WRITE);
	struct peal *peal;
	uint32_t group;

	if (count == 0 || count > COUNT_MAX || death == NULL) {
		(void)fprintf(stderr, "groupkill SOCKET COUNT [BLOCK]\n");
		return EXIT_FAILURE;
	}
	if (peal_attach(argv[1], "witness", &peal) != PEAL_OK ||
		peal_group_join(peal, "kill", PEAL_ORDER_SENDER, &group) != PEAL_OK ||
		!await(peal, PEAL_EVENT_GROUP_VIEW, is_blocking, now_ns())) {
		(void)fprintf(stderr, "groupkill: %s\n", peal_attach_error());
		return EXIT_FAILURE;
	}
	for (uint32_t i = 0; i < count; i++) {
		if (!measure_word(death, &words[i]) ||
			!measure_view(peal, argv[1], is_blocking, &views[i])) {
			(void)fprintf(stderr, "groupkill: the view without it did not come\n");
			return EXIT_FAILURE;
		}
	}
	printf("{\"count\": %u, \"blocking\": %s, ", count, is_blocking ? "true" : "false");
	show("view", views, count, ", ");
	show("word", words, count, "}\n");
	peal_detach(peal);
	return EXIT_SUCCESS;
}
