/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages there and back over a channel, and how long that took, in one line.
 *
 *     pingpong SOCKET            answers
 *     pingpong SOCKET COUNT      asks another member, each question after the last answer
 */
#include <inttypes.h>
#include <peal/peal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define NUMBER    8U
#define SIZE      64U
#define COUNT_MAX 1000000U

static uint64_t spans_ns[COUNT_MAX];

static uint64_t
now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static int
compare(const void *a, const void *b)
{
	const uint64_t *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

static void
print_spans(size_t count)
{
	static const double percents[] = {0, 50, 90, 99, 99.9, 100};

	qsort(spans_ns, count, sizeof(spans_ns[0]), compare);
	printf("%zu round trips of %u bytes:", count, SIZE);
	for (size_t i = 0; count > 0 && i < sizeof(percents) / sizeof(percents[0]); i++) {
		size_t rank = (size_t)((double)(count - 1U) * percents[i] / 100.0);

		printf(" p%g %.2f", percents[i], (double)spans_ns[rank] / 1000.0);
	}
	puts(" us");
}

int
main(int argc, char **argv)
{
	uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 0, asked_at_ns = 0;
	uint8_t question[SIZE] = {0};
	uint32_t channel = PEAL_ALL, done_count = 0; /* PEAL_ALL: none is open */
	struct peal_event event;
	struct peal *peal;

	if (peal_attach(argc > 1 ? argv[1] : NULL, "pingpong", &peal) != PEAL_OK) {
		(void)fprintf(stderr, "pingpong: %s\n", peal_attach_error());
		return EXIT_FAILURE;
	}
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	count = count < COUNT_MAX ? count : COUNT_MAX;
	(void)peal_listen(peal, NUMBER);
	while (peal_state(peal) == PEAL_OK && (count == 0 || done_count < count)) {
		if (peal_poll(peal, &event) != PEAL_OK) {
			(void)peal_wait(peal, PEAL_FOREVER);
		} else if (event.kind == PEAL_EVENT_JOINED && count > 0 && channel == PEAL_ALL &&
			   event.member != peal_view(peal)->self &&
			   peal_open(peal, event.member, NUMBER, &channel) == PEAL_OK) {
			asked_at_ns = now_ns();
			(void)peal_send(peal, channel, question, SIZE);
		} else if (event.kind == PEAL_EVENT_MESSAGE && count > 0) {
			uint64_t answered_at_ns = now_ns();

			spans_ns[done_count++] = answered_at_ns - asked_at_ns;
			asked_at_ns = answered_at_ns;
			(void)peal_send(peal, channel, question, SIZE);
		} else if (event.kind == PEAL_EVENT_MESSAGE) {
			/* One question is under way, so there is credit for an answer. */
			(void)peal_send(peal, event.channel, event.bytes, event.size);
		} else if (event.kind == PEAL_EVENT_FINISHED) {
			(void)peal_close(peal, event.channel);
		} else if (event.kind == PEAL_EVENT_ENDED && event.channel == channel) {
			break;
		}
	}
	if (count > 0) {
		print_spans(done_count);
	}
	peal_detach(peal);
	return count > 0 && done_count == count ? EXIT_SUCCESS : EXIT_FAILURE;
}
