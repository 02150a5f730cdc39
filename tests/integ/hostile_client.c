/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A client that means harm, for tests/integ/embed_test.py: does to its daemon what a client can.
 *
 *     hostile_client SOCKET scribble WRITES     random words over all memory that it may write,
 * some of them what could be; attaches again whenever it was cut off hostile_client SOCKET deaf
 * hears all broadcasts and reads nothing, until evicted hostile_client SOCKET die COUNT that many
 * processes that send as fast as they can, each killed at some instant of its first two
 * milliseconds
 *
 * Prints what it did. Exit status 0 when the daemon did what it should.
 */
#include "base/prng.h"
#include "client/attachment.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ATTACH_TRIES   2000U
#define WRITES_BURST   4096U
#define SECOND_NS      UINT64_C(1000000000)
#define DEAF_NS_MAX    (20U * SECOND_NS)
#define DIE_US_MAX     2000U
#define CAST_EVERY     256U
#define UNHEARD_NUMBER 8U

static uint64_t
now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

/* While former lives are being cleaned up there may be no place. */
static struct peal *
attach(const char *path)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	struct peal *peal = NULL;

	for (uint32_t i = 0; i < ATTACH_TRIES; i++) {
		if (peal_attach(path, "hostile", &peal) == PEAL_OK) {
			return peal;
		}
		(void)nanosleep(&pause, NULL);
	}
	(void)fprintf(stderr, "hostile_client: %s\n", peal_attach_error());
	exit(EXIT_FAILURE);
}

static void
write_word(struct peal *peal, uint64_t draw, uint64_t value)
{
	uint64_t size = PEAL_REGION_RING_OFFSET + peal->up_size;
	uint64_t head = atomic_load_explicit(&peal->down->up_head, memory_order_relaxed);
	uint8_t *bytes = (uint8_t *)peal->up;

	switch (draw >> 60) {
	case 0: /* anywhere, anything */
		memcpy(bytes + draw % (size / 8U) * 8U, &value, sizeof(value));
		break;
	case 1: /* a tail that could be, and now and then one that could not */
		value = head + 8U * (value % (draw % 64U == 0 ? peal->up_size : 64U));
		atomic_store_explicit(&peal->up->up_tail, value, memory_order_release);
		break;
	case 2:
		atomic_store_explicit(&peal->up->down_head,
			atomic_load_explicit(&peal->down->down_tail, memory_order_relaxed) -
				8U * (value % 3U),
			memory_order_release);
		break;
	case 3:
		atomic_store_explicit(&peal->up->sleep, (uint32_t)value, memory_order_relaxed);
		break;
	default: /* a record that could be, where the core reads next */
		value = (value & 0x7FU) | (value >> 8 & 0xFU) << 32 | (value >> 16 & 0x83U) << 48;
		memcpy(bytes + PEAL_REGION_RING_OFFSET +
				((head + 8U * (draw % 64U)) & (peal->up_size - 1U)),
			&value, sizeof(value));
		break;
	}
}

static int
scribble(const char *path, uint64_t writes_count)
{
	struct peal *peal = attach(path);
	uint64_t cuts_count = 0, violations_count = 0;
	struct peal_prng prng;

	peal_prng_init(&prng, now_ns());
	for (uint64_t i = 0; i < writes_count; i++) {
		write_word(peal, peal_prng_next(&prng), peal_prng_next(&prng));
		if (i % WRITES_BURST == 0 && peal_state(peal) != PEAL_OK) {
			cuts_count++;
			violations_count += peal_state(peal) == PEAL_EVICTED;
			peal_detach(peal);
			peal = attach(path);
		}
	}
	peal_detach(peal);
	(void)printf("%llu writes, cut off %llu times, %llu for what was written\n",
		(unsigned long long)writes_count, (unsigned long long)cuts_count,
		(unsigned long long)violations_count);
	return violations_count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int
be_deaf(const char *path)
{
	static uint8_t bytes[60000];
	struct peal *deaf = attach(path), *loud = attach(path);
	uint64_t end_ns = now_ns() + DEAF_NS_MAX, said_count = 0;
	struct peal_event event;

	(void)peal_hear(deaf, true);
	(void)peal_hear(loud, true);
	while (peal_state(deaf) == PEAL_OK && now_ns() < end_ns) {
		said_count += peal_send(loud, PEAL_ALL, bytes, sizeof(bytes)) == PEAL_OK;
		while (peal_poll(loud, &event) == PEAL_OK) {
		}
	}
	(void)printf("%s after %llu messages; the other: %s\n", peal_result_name(peal_state(deaf)),
		(unsigned long long)said_count, peal_result_name(peal_state(loud)));
	return peal_state(deaf) == PEAL_EVICTED && peal_state(loud) == PEAL_OK ? EXIT_SUCCESS
									       : EXIT_FAILURE;
}

/* Over channels that nobody listens on, and now and then to all: those who hear that print it. */
static _Noreturn void
send_for_ever(const char *path)
{
	struct peal *peal = attach(path);
	struct peal_event event;
	uint8_t bytes[700] = {0};
	uint32_t channel = PEAL_ALL;

	(void)peal_hear(peal, true);
	for (uint64_t i = 0;; i++) {
		const struct peal_view *view = peal_view(peal);
		enum peal_result result = peal_send(peal, channel, bytes, sizeof(bytes));

		if (i % CAST_EVERY == 0) {
			(void)peal_send(peal, PEAL_ALL, bytes, 1);
		}
		if (view->members_count > 1 && (channel == PEAL_ALL || result == PEAL_CLOSED) &&
			peal_open(peal, view->members[view->members[0].member == view->self].member,
				UNHEARD_NUMBER, &channel) != PEAL_OK) {
			channel = UINT16_MAX;
		}
		(void)peal_poll(peal, &event);
	}
}

static int
die(const char *path, uint64_t count)
{
	struct peal_prng prng;

	peal_prng_init(&prng, now_ns());
	for (uint64_t i = 0; i < count; i++) {
		const struct timespec pause = {
			.tv_nsec = (long)(1000U * peal_prng_below(&prng, DIE_US_MAX))};
		pid_t child = fork();

		if (child == 0) {
			send_for_ever(path);
		}
		(void)nanosleep(&pause, NULL);
		(void)kill(child, SIGKILL);
		(void)waitpid(child, NULL, 0);
	}
	(void)printf("%llu died\n", (unsigned long long)count);
	peal_detach(attach(path));
	return EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	uint64_t count = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;

	if (argc > 3 && strcmp(argv[2], "scribble") == 0) {
		return scribble(argv[1], count);
	}
	if (argc > 2 && strcmp(argv[2], "deaf") == 0) {
		return be_deaf(argv[1]);
	}
	if (argc > 3 && strcmp(argv[2], "die") == 0) {
		return die(argv[1], count);
	}
	(void)fputs("usage: hostile_client SOCKET scribble WRITES | deaf | die COUNT\n", stderr);
	return 2;
}
