/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Prints every change of the group, as this node learns of it.
 *
 *     watcher [SOCKET]
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <peal/peal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void
print_now(void)
{
	struct timespec now;
	struct tm parts;
	char text[16];

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)localtime_r(&now.tv_sec, &parts);
	(void)strftime(text, sizeof(text), "%H:%M:%S", &parts);
	printf("%s.%06ld ", text, now.tv_nsec / 1000);
}

/* "10.0.0.1:7400", or "[fd00::1]:7400". */
static void
print_address(const struct peal_member *member)
{
	static const uint8_t mapped[12] = {[10] = 0xFF, [11] = 0xFF};
	bool is_ipv4 = memcmp(member->ip, mapped, sizeof(mapped)) == 0;
	char text[INET6_ADDRSTRLEN] = "?";

	(void)inet_ntop(
		is_ipv4 ? AF_INET : AF_INET6, member->ip + (is_ipv4 ? 12 : 0), text, sizeof(text));
	printf(is_ipv4 ? "%s:%u" : "[%s]:%u", text, (unsigned)member->port);
}

static void
show(const struct peal_view *view, const struct peal_event *event)
{
	static const char *const gone[] = {
		"is gone", "has left", "has crashed", "began another life"};

	print_now();
	if (event->kind == PEAL_EVENT_VIEW && view->epoch == 0) {
		puts("this node is no member");
	} else if (event->kind == PEAL_EVENT_VIEW) {
		printf("view %" PRIu64 ".%08" PRIx32 ": %" PRIu32 " members, this node is %" PRIu64
		       "\n",
			view->epoch, view->tag, view->members_count, view->self);
	} else if (event->kind == PEAL_EVENT_GONE) {
		printf("member %" PRIu64 " %s\n", event->member, gone[event->reason & 3U]);
	} else if (event->kind == PEAL_EVENT_JOINED) {
		printf("member %" PRIu64 " is here: ", event->member);
		for (uint32_t i = 0; i < view->members_count; i++) {
			if (view->members[i].member == event->member) {
				print_address(&view->members[i]);
			}
		}
		puts("");
	} else if (event->kind == PEAL_EVENT_NO_QUORUM) {
		puts("no quorum: others may go on without this node");
	} else if (event->kind == PEAL_EVENT_QUORUM) {
		puts("quorum");
	}
}

int
main(int argc, char **argv)
{
	struct peal *peal;
	struct peal_event event;
	enum peal_result result = peal_attach(argc > 1 ? argv[1] : NULL, "watcher", &peal);

	if (result != PEAL_OK) {
		(void)fprintf(stderr, "watcher: %s\n", peal_attach_error());
		return EXIT_FAILURE;
	}
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	while (result == PEAL_OK || result == PEAL_EMPTY) {
		result = peal_poll(peal, &event);
		if (result == PEAL_OK) {
			show(peal_view(peal), &event);
		} else if (result == PEAL_EMPTY) {
			result = peal_wait(peal, PEAL_FOREVER);
		}
	}
	print_now();
	printf("%s\n", peal_result_name(result));
	peal_detach(peal);
	return EXIT_FAILURE;
}
