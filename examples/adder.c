/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A counter that is the same at all: programs on the nodes of an order group add to it, and all of
 * them see the same sums in the same order.
 *
 *     adder GROUP RANKS [SOCKET]     standard input: numbers to add
 *
 * The first RANKS members of the view are the ranks, as soon as there are so many. Who comes later
 * begins at 0: nobody passes the sum on.
 */
#include <inttypes.h>
#include <peal/peal.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int64_t sum;

static uint32_t
create(struct peal *peal, uint32_t group, uint32_t count)
{
	struct peal_order_rank ranks[PEAL_ORDER_GROUP_RANKS_MAX];
	uint32_t order = 0;

	for (uint32_t i = 0; i < count && i < PEAL_ORDER_GROUP_RANKS_MAX; i++) {
		ranks[i].member = peal_view(peal)->members[i].member;
		(void)snprintf(ranks[i].name, sizeof(ranks[i].name), "rank%" PRIu32, i);
	}
	(void)peal_order_create(peal, group, ranks, count, &order);
	return order;
}

static void
show(struct peal *peal, const struct peal_event *event)
{
	const struct peal_order_view *view = peal_order_view(peal, event->channel);

	if (event->kind == PEAL_EVENT_ORDERED) {
		int64_t number = strtoll(event->bytes, NULL, 10);

		sum += number;
		printf("%" PRIu64 " %" PRIu64 " %+" PRId64 " = %" PRId64 "\n", event->position,
			event->member, number, sum);
	} else if (event->kind == PEAL_EVENT_ORDER_VIEW && view != NULL) {
		printf("* view %" PRIu32 " of %" PRIu32 " ranks, %#x take part%s\n", view->view,
			view->ranks_count, view->active, view->is_waiting != 0 ? ", waiting" : "");
	} else if (event->kind == PEAL_EVENT_ORDER_SKIPPED) {
		printf("* some up to %" PRIu64 " are missing here\n", event->position);
	} else if (event->kind == PEAL_EVENT_ORDER_DOUBTFUL) {
		printf("* of %" PRIu64 " nobody knows\n", event->lost_count);
	} else if (event->kind == PEAL_EVENT_ORDER_ENDED) {
		printf("* closed, for reason %u\n", event->reason);
	}
}

int
main(int argc, char **argv)
{
	const uint32_t group = argc > 1 ? (uint32_t)atoi(argv[1]) : 1;
	const uint32_t count = argc > 2 ? (uint32_t)atoi(argv[2]) : 1;
	struct peal *peal;
	struct peal_event event;
	enum peal_result result = peal_attach(argc > 3 ? argv[3] : NULL, "adder", &peal);
	uint32_t order = 0;
	char line[32] = "";

	if (result != PEAL_OK) {
		(void)fprintf(stderr, "adder: %s\n", peal_attach_error());
		return EXIT_FAILURE;
	}
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	(void)setvbuf(stdin, NULL, _IONBF, 0); /* so that poll knows all that waits */
	for (;;) {
		struct pollfd polls[2] = {{.fd = peal_fd(peal), .events = POLLIN}};

		while ((result = peal_poll(peal, &event)) == PEAL_OK) {
			show(peal, &event);
		}
		if (result != PEAL_EMPTY) {
			return puts(peal_result_name(result));
		}
		if (order == 0 && peal_view(peal)->members_count >= count) {
			order = create(peal, group, count);
		}
		/* Nothing is added before there is something to add to. */
		polls[1] = (struct pollfd){.events = POLLIN,
			.fd = peal_order_view(peal, order) != NULL ? STDIN_FILENO : -1};
		(void)poll(polls, 2, peal_rest(peal) == PEAL_EMPTY ? -1 : 0);
		if (polls[1].revents != 0 && fgets(line, sizeof(line), stdin) == NULL) {
			peal_detach(peal);
			return EXIT_SUCCESS;
		}
		if (polls[1].revents != 0 &&
			peal_order_send(peal, order, line, sizeof(line)) != PEAL_OK) {
			puts("* not added");
		}
	}
}
