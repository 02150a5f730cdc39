/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Publishes numbered readings to all members, or prints those that are published.
 *
 *     publisher SOCKET COUNT     publishes COUNT readings; ends when it has heard its last one, for
 *                                then every member that stays hears them all, in this order
 *     publisher SOCKET           prints, and says where a number is missing
 *
 * One that publishes at a node, at most; any number that print.
 */
#include <inttypes.h>
#include <peal/peal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMBERS_MAX 64U /* broadcast is for groups up to this size */
/* Broadcast waits for no reader: who is this far ahead of what comes back lets it come. */
#define AHEAD_MAX 64U

/* The last number of each member; member 0 = a free place. */
static struct {
	uint64_t member, number;
} heard[MEMBERS_MAX];

static uint64_t own_number;

static void
take(const struct peal_view *view, const struct peal_event *event)
{
	uint64_t number;
	uint32_t i = 0;

	if (event->kind != PEAL_EVENT_CAST || event->size != sizeof(number)) {
		return;
	}
	memcpy(&number, event->bytes, sizeof(number));
	own_number = event->member == view->self ? number : own_number;
	while (i < MEMBERS_MAX - 1U && heard[i].member != 0 && heard[i].member != event->member) {
		i++;
	}
	/* Who comes while others publish begins where they are; who publishes anew begins at 1. */
	if (heard[i].member == event->member && number != 1U && number != heard[i].number + 1U) {
		printf("! member %" PRIu64 " goes from %" PRIu64 " to %" PRIu64 "\n", event->member,
			heard[i].number, number);
	}
	heard[i].member = event->member;
	heard[i].number = number;
	printf("member %" PRIu64 ": %" PRIu64 "\n", event->member, number);
}

/* Waits until something comes, and takes all that is there. */
static enum peal_result
take_all(struct peal *peal)
{
	struct peal_event event;
	enum peal_result result = peal_wait(peal, PEAL_FOREVER);

	while (result == PEAL_OK && (result = peal_poll(peal, &event)) == PEAL_OK) {
		take(peal_view(peal), &event);
	}
	return result == PEAL_EMPTY ? PEAL_OK : result;
}

int
main(int argc, char **argv)
{
	uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : UINT64_MAX, number = 1;
	struct peal *peal;
	enum peal_result result = peal_attach(argc > 1 ? argv[1] : NULL, "publisher", &peal);

	if (result != PEAL_OK) {
		(void)fprintf(stderr, "publisher: %s\n", peal_attach_error());
		return EXIT_FAILURE;
	}
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	(void)peal_hear(peal, true);
	while (result == PEAL_OK && own_number < count) {
		bool is_mine = argc > 2 && number <= count && number - own_number <= AHEAD_MAX;

		/* Full, no member yet or no quorum: something comes before that changes. */
		if (is_mine && peal_send(peal, PEAL_ALL, &number, sizeof(number)) == PEAL_OK) {
			number++;
		} else {
			result = take_all(peal);
		}
	}
	printf("%s\n", peal_result_name(result));
	peal_detach(peal);
	return result == PEAL_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
