/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A DPDK application with a node on its lcore. It says to all what it reads from its input, and
 * prints what others say. Ctrl-C leaves the group.
 *
 *     embedded [EAL arguments] -- CONFIGURATION
 */
#include <inttypes.h>
#include <peal/embed.h>
#include <peal/peal.h>
#include <poll.h>
#include <rte_eal.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static volatile sig_atomic_t is_asked;

static void
leave(int number)
{
	is_asked = number;
}

static void
print_events(struct peal *peal)
{
	struct peal_event event;

	while (peal_poll(peal, &event) == PEAL_OK) {
		if (event.kind == PEAL_EVENT_CAST) {
			printf("%" PRIu64 ": %.*s\n", event.member, (int)event.size,
				(const char *)event.bytes);
		}
	}
}

/* The application's own work: a line of input, if there is one. */
static bool
do_own_work(struct peal *peal, struct pollfd *input)
{
	char line[512];
	ssize_t size = poll(input, 1, 0) > 0 ? read(input->fd, line, sizeof(line)) : -1;

	input->fd = size == 0 ? -1 : input->fd; /* no more will come */
	return size > 0 && peal_send(peal, PEAL_ALL, line, (uint32_t)size - 1U) == PEAL_OK;
}

/* What the lcore does for ever: a turn of the node, own work, and sleep if there is none of both.
 */
static void
run(struct peal_embed *node, struct peal *peal)
{
	struct pollfd polls[2] = {{.fd = STDIN_FILENO, .events = POLLIN},
		{.fd = peal_embed_fd(node, 0), .events = POLLIN}};
	char line[128];

	while (peal_embed_poll(node, 0) >= 0) {
		print_events(peal);
		if (is_asked != 0) {
			peal_embed_leave(node);
			is_asked = 0;
		}
		if (!do_own_work(peal, &polls[0])) {
			struct timespec rest = {.tv_nsec = (long)peal_embed_rest(node, 0)};

			(void)ppoll(polls, 2, &rest, NULL);
		}
		while (peal_embed_news(node, line, sizeof(line))) {
			printf("- %s\n", line);
		}
	}
	printf("- ended: %d\n", (int)peal_embed_state(node));
}

int
main(int argc, char **argv)
{
	struct peal_embed_options options = {.config_path = argv[argc - 1]};
	struct peal *peal = NULL;
	struct peal_embed *node;

	(void)rte_eal_init(argc, argv); /* peal_embed_open says if that failed */
	node = peal_embed_open(&options);
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	(void)signal(SIGINT, leave);
	if (node == NULL || peal_attach(peal_embed_socket(node), "embedded", &peal) != PEAL_OK) {
		puts(node == NULL ? peal_embed_error() : peal_attach_error());
	} else {
		(void)peal_hear(peal, true);
		run(node, peal);
	}
	peal_detach(peal);
	(void)peal_embed_close(node);
	return peal != NULL && rte_eal_cleanup() == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
