/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A client that means harm, for tests/integ/embed_test.py: does to its daemon what a client can.
 *
 *     hostile_client SOCKET MODE [COUNT]
 *
 * - scribble: so many random words over all memory that it may write, some of them what could be;
 *   attaches again whenever it was cut off
 * - offend: so many rounds of each known offence, alone, and how soon it was answered
 * - race: so many rounds in which records change while the core looks at them
 * - hold: so many rounds of what might make the core wait, and of bells rung after the end
 * - connect: so many connections, most of which say nothing
 * - forge: so many rounds of each lie at the door
 * - descriptors: so many rounds of packets full of descriptors
 * - lane: so many rounds of each lie that a client can tell another one of its node, over a lane
 * - peek: prints all words that the daemon wrote outside of rings, for who knows which would be
 *   addresses of its memory
 * - deaf: hears all broadcasts and reads nothing, until evicted
 * - die: so many processes that send as fast as they can, each killed at some instant of its first
 *   two milliseconds
 *
 * Prints what it did. Exit status 0 when the daemon did what it should.
 */
#include "base/prng.h"
#include "tests/integ/hostile.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WRITES_BURST   4096U
#define DEAF_NS_MAX    (20U * HOSTILE_SECOND_NS)
#define DIE_US_MAX     2000U
#define CAST_EVERY     256U
#define UNHEARD_NUMBER 8U

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
		value = (value & 0x7FU) | (value >> 8 & (value >> 14 & 3U ? 0xFU : 0x3FU)) << 32 |
			(value >> 16 & 0x83U) << 48;
		memcpy(bytes + PEAL_REGION_RING_OFFSET +
				((head + 8U * (draw % 64U)) & (peal->up_size - 1U)),
			&value, sizeof(value));
		break;
	}
}

static int
scribble(const char *path, uint64_t writes_count)
{
	struct peal *peal = hostile_attach(path);
	uint64_t cuts_count = 0, violations_count = 0;
	struct peal_prng prng;

	peal_prng_init(&prng, hostile_now_ns());
	for (uint64_t i = 0; i < writes_count; i++) {
		write_word(peal, peal_prng_next(&prng), peal_prng_next(&prng));
		if (i % WRITES_BURST != 0) {
			continue;
		}
		hostile_ring(peal);
		if (peal_state(peal) != PEAL_OK) {
			cuts_count++;
			violations_count += peal_state(peal) == PEAL_EVICTED;
			peal_detach(peal);
			peal = hostile_attach(path);
		}
	}
	peal_detach(peal);
	(void)printf("{\"mode\": \"scribble\", \"writes\": %llu, \"cut_off\": %llu, "
		     "\"for_what_was_written\": %llu}\n",
		(unsigned long long)writes_count, (unsigned long long)cuts_count,
		(unsigned long long)violations_count);
	return violations_count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static uint32_t
print_words(const void *memory, uint32_t size, uint32_t printed_count)
{
	for (uint32_t at = 0; at < size; at += sizeof(uint64_t)) {
		uint64_t word;

		memcpy(&word, (const uint8_t *)memory + at, sizeof(word));
		if (word != 0) {
			(void)printf("%s%llu", printed_count++ > 0 ? ", " : "",
				(unsigned long long)word);
		}
	}
	return printed_count;
}

static int
peek(const char *path, uint64_t count)
{
	struct peal *peal = hostile_attach(path);
	struct peal_event event;
	uint32_t printed_count;

	(void)count;
	/* Everything is said by the time that a view is. */
	while (peal_view(peal)->epoch == 0 && peal_wait(peal, PEAL_FOREVER) == PEAL_OK) {
		(void)peal_poll(peal, &event);
	}
	(void)printf("{\"mode\": \"peek\", \"words\": [");
	printed_count = print_words(peal->page, PEAL_REGION_PAGE_SIZE, 0);
	(void)print_words(peal->down, PEAL_REGION_RING_OFFSET, printed_count);
	(void)printf("]}\n");
	peal_detach(peal);
	return EXIT_SUCCESS;
}

static int
be_deaf(const char *path, uint64_t count)
{
	static uint8_t bytes[60000];
	struct peal *deaf = hostile_attach(path), *loud = hostile_attach(path);
	uint64_t end_ns = hostile_now_ns() + DEAF_NS_MAX, said_count = 0;
	struct peal_event event;

	(void)count;
	(void)peal_hear(deaf, true);
	(void)peal_hear(loud, true);
	while (peal_state(deaf) == PEAL_OK && hostile_now_ns() < end_ns) {
		said_count += peal_send(loud, PEAL_ALL, bytes, sizeof(bytes)) == PEAL_OK;
		while (peal_poll(loud, &event) == PEAL_OK) {
		}
	}
	(void)printf(
		"{\"mode\": \"deaf\", \"messages\": %llu, \"end\": \"%s\", \"other\": \"%s\"}\n",
		(unsigned long long)said_count, peal_result_name(peal_state(deaf)),
		peal_result_name(peal_state(loud)));
	bool is_good = peal_state(deaf) == PEAL_EVICTED && peal_state(loud) == PEAL_OK;

	peal_detach(deaf);
	peal_detach(loud);
	return is_good ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Over channels that nobody listens on, and now and then to all: those who hear that print it. */
static _Noreturn void
send_for_ever(const char *path)
{
	struct peal *peal = hostile_attach(path);
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

	peal_prng_init(&prng, hostile_now_ns());
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
	(void)printf("{\"mode\": \"die\", \"died\": %llu}\n", (unsigned long long)count);
	peal_detach(hostile_attach(path));
	return EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(const char *path, uint64_t count);
	} modes[] = {
		{"scribble", scribble},
		{"offend", hostile_offend},
		{"race", hostile_race},
		{"hold", hostile_hold_the_core},
		{"connect", hostile_connect},
		{"forge", hostile_forge},
		{"descriptors", hostile_flood_descriptors},
		{"lane", hostile_lane},
		{"deaf", be_deaf},
		{"peek", peek},
		{"die", die},
	};

	for (uint32_t i = 0; argc >= 3 && i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(argv[2], modes[i].name) == 0) {
			return modes[i].run(argv[1], argc > 3 ? strtoull(argv[3], NULL, 10) : 1U);
		}
	}
	(void)fputs("usage: hostile_client SOCKET MODE [COUNT]; the modes stand in its source\n",
		stderr);
	return 2;
}
