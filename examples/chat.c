/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A chat: every line of standard input goes to all members; "/to MEMBER TEXT" goes to one.
 *
 *     chat [SOCKET]
 */
#include <inttypes.h>
#include <peal/peal.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NUMBER 7U

static void
show(struct peal *peal, const struct peal_event *event)
{
	static const char *const gone[] = {"is gone", "has left", "has crashed", "is another"};
	const struct peal_view *view = peal_view(peal);

	if (event->kind == PEAL_EVENT_VIEW) {
		printf("* view %" PRIu64 " of %" PRIu32 ", I am %" PRIu64 "\n", view->epoch,
			view->members_count, view->self);
	} else if (event->kind == PEAL_EVENT_JOINED || event->kind == PEAL_EVENT_GONE) {
		printf("* %" PRIu64 " %s\n", event->member,
			event->kind == PEAL_EVENT_GONE ? gone[event->reason] : "is here");
	} else if (event->kind == PEAL_EVENT_NO_QUORUM || event->kind == PEAL_EVENT_QUORUM) {
		puts(event->kind == PEAL_EVENT_QUORUM ? "* quorum" : "* no quorum");
	} else if (event->kind == PEAL_EVENT_CAST || event->kind == PEAL_EVENT_MESSAGE) {
		printf("%" PRIu64 "%s: %.*s\n", event->member,
			event->kind == PEAL_EVENT_CAST ? "" : " to me", (int)event->size,
			(const char *)event->bytes);
	} else if (event->kind == PEAL_EVENT_FINISHED) {
		(void)peal_close(peal, event->channel);
	} else if (event->lost_count > 0) {
		printf("* %" PRIu64 " lines may be lost\n", event->lost_count);
	}
}

static enum peal_result
say(struct peal *peal, char *line)
{
	uint32_t channel;
	char *text = NULL;
	uint64_t member = strncmp(line, "/to ", 4) == 0 ? strtoull(line + 4, &text, 10) : 0;
	enum peal_result result;

	line[strcspn(line, "\n")] = '\0';
	if (text == NULL || *text != ' ') {
		return peal_send(peal, PEAL_ALL, line, (uint32_t)strlen(line));
	}
	result = peal_open(peal, member, NUMBER, &channel);
	if (result == PEAL_OK) {
		result = peal_send(peal, channel, text + 1, (uint32_t)strlen(text + 1));
		(void)peal_close(peal, channel);
	}
	return result;
}

int
main(int argc, char **argv)
{
	struct peal *peal;
	struct peal_event event;
	enum peal_result result = peal_attach(argc > 1 ? argv[1] : NULL, "chat", &peal);
	char line[1000];

	if (result != PEAL_OK) {
		(void)fprintf(stderr, "chat: %s\n", peal_attach_error());
		return EXIT_FAILURE;
	}
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	(void)setvbuf(stdin, NULL, _IONBF, 0); /* so that poll knows all that waits */
	(void)peal_listen(peal, NUMBER);
	(void)peal_hear(peal, true);
	for (;;) {
		struct pollfd polls[2] = {{.fd = STDIN_FILENO, .events = POLLIN},
			{.fd = peal_fd(peal), .events = POLLIN}};

		while ((result = peal_poll(peal, &event)) == PEAL_OK) {
			show(peal, &event);
		}
		if (result != PEAL_EMPTY) {
			printf("* %s\n", peal_result_name(result));
			return EXIT_FAILURE;
		}
		(void)poll(polls, 2, peal_rest(peal) == PEAL_EMPTY ? -1 : 0);
		if (polls[0].revents != 0 && fgets(line, sizeof(line), stdin) == NULL) {
			peal_detach(peal);
			return EXIT_SUCCESS;
		}
		if (polls[0].revents != 0 && (result = say(peal, line)) != PEAL_OK) {
			printf("* not said: %s\n", peal_result_name(result));
		}
	}
}
