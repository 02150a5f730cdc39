/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A chat room: a process group of this name, of programs on any nodes. Every line of standard input
 * goes to all who are in it.
 *
 *     room NAME [SOCKET [ORDER]]
 *
 * With the id of an order group all who are in the room read the same, line by line.
 */
#include <inttypes.h>
#include <peal/peal.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
show(struct peal *peal, const struct peal_event *event)
{
	static const char *const gone[] = {
		"is gone", "has left", "has crashed", "was cut off", "went with its node"};
	const struct peal_group_view *view = peal_group_view(peal, event->channel);

	if (event->kind == PEAL_EVENT_GROUP_VIEW && view != NULL) {
		printf("* (%" PRIu64 ", %" PRIu32 "):", view->epoch, view->n);
		for (uint32_t i = 0; i < view->members_count; i++) {
			printf(" %" PRIu64 ".%" PRIu32, view->members[i].member,
				view->members[i].client);
		}
		printf(" and I am %" PRIu64 ".%" PRIu32 "\n", view->self.member, view->self.client);
	} else if (event->kind == PEAL_EVENT_GROUP_JOINED) {
		printf("* %" PRIu64 ".%" PRIu32 " is here\n", event->member, event->client);
	} else if (event->kind == PEAL_EVENT_GROUP_GONE) {
		printf("* %" PRIu64 ".%" PRIu32 " %s\n", event->member, event->client,
			gone[event->reason]);
	} else if (event->kind == PEAL_EVENT_GROUP_MESSAGE) {
		printf("%" PRIu64 ".%" PRIu32 ": %.*s\n", event->member, event->client,
			(int)event->size, (const char *)event->bytes);
	} else if (event->kind == PEAL_EVENT_GROUP_ENDED) {
		printf("* out, for reason %u; %" PRIu64 " lines may be lost\n", event->reason,
			event->lost_count);
	}
}

int
main(int argc, char **argv)
{
	struct peal *peal;
	struct peal_event event;
	enum peal_result result = peal_attach(argc > 2 ? argv[2] : NULL, "room", &peal);
	uint32_t group = 0;
	char line[1000];

	if (result != PEAL_OK) {
		(void)fprintf(stderr, "room: %s\n", peal_attach_error());
		return EXIT_FAILURE;
	}
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	(void)setvbuf(stdin, NULL, _IONBF, 0); /* so that poll knows all that waits */
	if (argc > 3) {
		result = peal_group_join_by(
			peal, argv[1], (uint32_t)strtoul(argv[3], NULL, 10), &group);
	} else {
		result = peal_group_join(
			peal, argc > 1 ? argv[1] : "room", PEAL_ORDER_SENDER, &group);
	}
	while (result == PEAL_OK || result == PEAL_EMPTY) {
		struct pollfd polls[2] = {{.fd = STDIN_FILENO, .events = POLLIN},
			{.fd = peal_fd(peal), .events = POLLIN}};

		while ((result = peal_poll(peal, &event)) == PEAL_OK) {
			show(peal, &event);
		}
		if (result != PEAL_EMPTY) {
			break;
		}
		(void)poll(polls, 2, peal_rest(peal) == PEAL_EMPTY ? -1 : 0);
		if (polls[0].revents != 0 && fgets(line, sizeof(line), stdin) == NULL) {
			peal_detach(peal);
			return EXIT_SUCCESS;
		}
		if (polls[0].revents != 0) {
			line[strcspn(line, "\n")] = '\0';
			if (strcmp(line, "/leave") == 0) {
				(void)peal_group_leave(peal, group);
			} else if (peal_send(peal, group, line, (uint32_t)strlen(line)) !=
				   PEAL_OK) {
				puts("* not said");
			}
		}
	}
	printf("* %s\n", peal_result_name(result));
	return EXIT_FAILURE;
}
