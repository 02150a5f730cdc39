/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One who reads slowly and one who broadcasts fast, for tests/integ/embed_test.py.
 *
 *     slow_client SOCKET SENDER_SOCKET COUNT hold|not
 *
 * The first attaches and hears, and with `hold` has the others wait for it; the second says COUNT
 * messages of 8 KB as fast as it can. Prints how it went. Exit status 0: with `hold` the slow one
 * got all of them; without it was evicted.
 */
#include "peal/peal.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MESSAGE_SIZE  8192U
#define STEP_NS       500000
#define SECONDS_MAX   60
#define BEGIN_NS      UINT64_C(2000000000)
#define READ_STEPS    4U /* the slow one reads one message in so many steps */
#define PATIENT_STEPS 100U

static uint8_t message[MESSAGE_SIZE];
static uint64_t lost_count; /* that the slow one was told of */

static struct peal *
attach(const char *path)
{
	struct peal *peal;
	struct peal_event event;

	if (peal_attach(path, "slow", &peal) != PEAL_OK) {
		(void)printf("%s\n", peal_attach_error());
		exit(EXIT_FAILURE);
	}
	while (peal_view(peal)->members_count == 0 && peal_wait(peal, BEGIN_NS) == PEAL_OK) {
		(void)peal_poll(peal, &event);
	}
	return peal;
}

/* One event. True: it was a broadcast, and the one that is next. */
static bool
read_one(struct peal *slow, uint32_t next, bool *is_wrong)
{
	struct peal_event event;
	uint32_t number;

	if (peal_poll(slow, &event) != PEAL_OK) {
		return false;
	}
	lost_count += event.kind == PEAL_EVENT_CAST_LOST ? event.lost_count : 0;
	if (event.kind != PEAL_EVENT_CAST) {
		return false;
	}
	memcpy(&number, event.bytes, sizeof(number));
	*is_wrong = *is_wrong || event.size != MESSAGE_SIZE || number != next;
	return true;
}

int
main(int argc, char **argv)
{
	const struct timespec pause = {.tv_nsec = STEP_NS};
	uint32_t count = argc == 5 ? (uint32_t)strtoul(argv[3], NULL, 10) : 0;
	bool is_holding = argc == 5 && strcmp(argv[4], "hold") == 0, is_wrong = false;
	uint32_t said_count = 0, heard_count = 0, full_count = 0;
	time_t end_s = time(NULL) + SECONDS_MAX;
	struct peal_event event;

	if (count == 0) {
		(void)fputs("usage: slow_client SOCKET SENDER_SOCKET COUNT hold|not\n", stderr);
		return 2;
	}
	struct peal *slow = attach(argv[1]), *sender = attach(argv[2]);

	if (peal_hear(slow, true) != PEAL_OK ||
		(is_holding && peal_hold_back(slow, true) != PEAL_OK)) {
		(void)puts("it could not be said that it hears");
		return EXIT_FAILURE;
	}
	uint64_t epoch = peal_view(sender)->epoch;

	for (uint32_t step = 0; step < PATIENT_STEPS; step++) {
		(void)nanosleep(&pause, NULL); /* both cores know it by then */
	}
	for (uint32_t step = 0;
		heard_count < count && peal_state(slow) == PEAL_OK && time(NULL) < end_s; step++) {
		enum peal_result result = PEAL_OK;

		while (said_count < count && result == PEAL_OK) {
			memcpy(message, &said_count, sizeof(said_count));
			result = peal_send(sender, PEAL_ALL, message, sizeof(message));
			said_count += result == PEAL_OK;
			full_count += result == PEAL_FULL;
		}
		while (peal_poll(sender, &event) == PEAL_OK) {
		}
		if (step % READ_STEPS == 0) {
			heard_count += read_one(slow, heard_count, &is_wrong);
		}
		(void)nanosleep(&pause, NULL);
	}
	(void)printf("{\"said\": %u, \"full\": %u, \"heard\": %u, \"slow\": \"%s\", \"sender\": "
		     "\"%s\", \"wrong\": %s, \"lost\": %llu, \"views\": [%llu, %llu, %llu]}\n",
		said_count, full_count, heard_count, peal_result_name(peal_state(slow)),
		peal_result_name(peal_state(sender)), is_wrong ? "true" : "false",
		(unsigned long long)lost_count, (unsigned long long)epoch,
		(unsigned long long)peal_view(sender)->epoch,
		(unsigned long long)peal_view(slow)->epoch);
	bool is_good = !is_wrong && peal_state(sender) == PEAL_OK &&
		       (is_holding ? heard_count == count && full_count > 0
				   : peal_state(slow) == PEAL_EVICTED);

	peal_detach(slow);
	peal_detach(sender);
	return is_good ? EXIT_SUCCESS : EXIT_FAILURE;
}
