/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/integ/hostile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define ATTACH_TRIES 2000U
#define CUT_NS_MAX   (2U * HOSTILE_SECOND_NS)
#define NS_PER_US    1000U

uint64_t
hostile_now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * HOSTILE_SECOND_NS + (uint64_t)now.tv_nsec;
}

static void
rest(void)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	(void)nanosleep(&pause, NULL);
}

struct peal *
hostile_attach(const char *path)
{
	struct peal *peal = NULL;

	for (uint32_t i = 0; i < ATTACH_TRIES; i++) {
		if (peal_attach(path, "hostile", &peal) == PEAL_OK) {
			return peal;
		}
		rest();
	}
	(void)fprintf(stderr, "hostile_client: %s\n", peal_attach_error());
	exit(EXIT_FAILURE);
}

void
hostile_ring(const struct peal *peal)
{
	uint64_t one = 1, old[512];

	/* As libpeal does: a full bell is not heard. */
	while (write(peal->bell, &one, sizeof(one)) < 0 && errno == EAGAIN &&
		read(peal->bell, old, sizeof(old)) > 0) {
	}
}

bool
hostile_await_cut(struct hostile_cuts *cuts, struct peal *peal, uint64_t offence_at_ns)
{
	uint64_t end_ns = hostile_now_ns() + CUT_NS_MAX;
	uint64_t cut_at_ns;

	cuts->offences_count++;
	while (peal_state(peal) == PEAL_OK) {
		if (hostile_now_ns() > end_ns) {
			return false;
		}
		rest();
	}
	if (peal_state(peal) != PEAL_EVICTED) {
		return false;
	}
	cut_at_ns = atomic_load_explicit(&peal->down->ended_at_ns, memory_order_acquire);
	if (cuts->cut_count < HOSTILE_CUTS_MAX) {
		/* The turn may have begun before. */
		cuts->times_ns[cuts->cut_count++] =
			cut_at_ns > offence_at_ns ? cut_at_ns - offence_at_ns : 0;
	}
	return true;
}

static int
compare(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return a < b ? -1 : a > b;
}

void
hostile_print(struct hostile_cuts *cuts, const char *mode)
{
	uint32_t count = cuts->cut_count;

	qsort(cuts->times_ns, count, sizeof(cuts->times_ns[0]), compare);
	(void)printf("{\"mode\": \"%s\", \"offences\": %u, \"cut_off\": %u", mode,
		cuts->offences_count, count);
	if (count > 0) {
		(void)printf(", \"cut_us_p50\": %llu, \"cut_us_p99\": %llu, \"cut_us_max\": %llu",
			(unsigned long long)(cuts->times_ns[count / 2U] / NS_PER_US),
			(unsigned long long)(cuts->times_ns[count - 1U - count / 100U] / NS_PER_US),
			(unsigned long long)(cuts->times_ns[count - 1U] / NS_PER_US));
	}
	(void)puts("}");
}
