/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A service that counts: whoever serves adds what it is sent and answers with its sum. Who asks
 * prints what each member answers, and how that ended.
 *
 *     service SOCKET                      serves
 *     service SOCKET NUMBER               asks all members, and wants all of them
 *     service SOCKET NUMBER COUNT [MS]    wants so many answers, 0 = a majority, within MS
 */
#include <inttypes.h>
#include <peal/peal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVICE 9U

static void
serve(struct peal *peal)
{
	struct peal_event event;
	int64_t added, sum = 0;

	(void)peal_serve(peal, SERVICE);
	while (peal_state(peal) == PEAL_OK) {
		if (peal_poll(peal, &event) != PEAL_OK) {
			(void)peal_wait(peal, PEAL_FOREVER);
		} else if (event.kind == PEAL_EVENT_REQUEST && event.size == sizeof(added)) {
			memcpy(&added, event.bytes, sizeof(added));
			sum += added;
			(void)peal_reply(peal, event.request, &sum, sizeof(sum));
			printf("member %" PRIu64 " adds %" PRId64 "\n", event.member, added);
		} else if (event.kind == PEAL_EVENT_REQUEST) {
			(void)peal_refuse(peal, event.request);
		}
	}
}

/* True: as many answered as were wanted. */
static int
ask(struct peal *peal, int64_t number, const struct peal_question *question)
{
	struct peal_event event = {.kind = 0};
	uint64_t request;
	int64_t sum;
	enum peal_result result;

	/* The first event is the view, without which nobody can be asked. */
	while (peal_state(peal) == PEAL_OK && peal_view(peal)->epoch == 0) {
		(void)peal_wait(peal, PEAL_FOREVER);
		(void)peal_poll(peal, &event);
	}
	result = peal_ask(peal, question, &number, sizeof(number), &request);
	if (result != PEAL_OK) {
		printf("not asked: %s\n", peal_result_name(result));
		return 0;
	}
	while (event.kind != PEAL_EVENT_DONE && peal_state(peal) == PEAL_OK) {
		if (peal_poll(peal, &event) != PEAL_OK) {
			(void)peal_wait(peal, PEAL_FOREVER);
		} else if (event.kind == PEAL_EVENT_REPLY && event.size == sizeof(sum)) {
			memcpy(&sum, event.bytes, sizeof(sum));
			printf("member %" PRIu64 ": %" PRId64 "\n", event.member, sum);
		} else if (event.kind == PEAL_EVENT_NO_REPLY) {
			printf("member %" PRIu64 ": %s\n", event.member,
				peal_result_name((enum peal_result)event.result));
		}
	}
	puts(peal_result_name((enum peal_result)event.result));
	return event.kind == PEAL_EVENT_DONE && event.result == PEAL_OK;
}

int
main(int argc, char **argv)
{
	struct peal_question question = {.service = SERVICE, .timeout_ns = 2000000000U};
	struct peal *peal;
	int is_good = 0;

	if (peal_attach(argc > 1 ? argv[1] : NULL, "service", &peal) != PEAL_OK) {
		(void)fprintf(stderr, "service: %s\n", peal_attach_error());
		return EXIT_FAILURE;
	}
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 3) {
		question.wanted_count = (uint32_t)strtoul(argv[3], NULL, 10);
		question.wanted_count += question.wanted_count == 0 ? PEAL_WANT_MAJORITY : 0;
	}
	if (argc > 4) {
		question.timeout_ns = strtoull(argv[4], NULL, 10) * 1000000U;
	}
	if (argc > 2) {
		is_good = ask(peal, strtoll(argv[2], NULL, 10), &question);
	} else {
		serve(peal);
	}
	peal_detach(peal);
	return is_good ? EXIT_SUCCESS : EXIT_FAILURE;
}
