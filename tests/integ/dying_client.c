/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A client that is killed at each marked point of libpeal (client/mark.h), for
 * tests/integ/embed_test.py: one process for each time that a life comes by one.
 *
 *     dying_client SOCKET OTHER_SOCKET
 *
 * A life attaches at the first node, uses everything once, and goes; this process is at both nodes
 * and answers: at the first over a lane, as soon as there is one. Prints how many processes were
 * killed and at how many points. Exit status 0 when some lived to their end at last.
 */
#include "client/mark.h"
#include "peal/peal.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECOND_NS       UINT64_C(1000000000)
#define STEP_NS         UINT64_C(200000)
#define PATIENCE_NS     (2U * SECOND_NS)
#define NUMBER          11U
#define OWN_NUMBER      12U
#define NEAR_NUMBER     13U
#define NEAR_ROUNDS_MAX 5000U
#define MESSAGES        3U
#define DEATHS_MAX      2000U
#define POINTS_MAX      64U
#define LIVES_COUNT     8U
#define POINT_SIZE      32U
#define ATTACH_TRIES    500U
#define ATTACH_PAUSE_US 2000U
#define LANE_PAUSE_US   200U

/* Of the child: it dies when this many points have gone by. */
static uint32_t points_left;
/* The same: it says something over its lane, and hears something. */
static bool is_lane_used, is_lane_heard;
/* Shared by all: where it died. */
static char (*point)[POINT_SIZE];

void
peal_mark(const char *name)
{
	is_lane_used = is_lane_used || strcmp(name, "lane used from here") == 0;
	is_lane_heard = is_lane_heard || strcmp(name, "lane message taken") == 0;
	if (points_left > 0 && --points_left == 0) {
		(void)snprintf(*point, POINT_SIZE, "%s", name);
		(void)kill(getpid(), SIGKILL);
	}
}

/* --- the child --- */

/* Waits for an event of this kind; exit status 1 when it does not come. */
static void
expect_event(struct peal *peal, uint32_t kind)
{
	struct peal_event event;
	enum peal_result result;

	for (;;) {
		result = peal_poll(peal, &event);
		if (result == PEAL_OK && event.kind == kind) {
			return;
		}
		if (result == PEAL_EMPTY) {
			result = peal_wait(peal, PATIENCE_NS);
		}
		if (result != PEAL_OK) {
			(void)fprintf(stderr, "no event %u: %s\n", kind, peal_result_name(result));
			_exit(EXIT_FAILURE);
		}
	}
}

static void
expect_ok(enum peal_result result, const char *what)
{
	if (result != PEAL_OK) {
		(void)fprintf(stderr, "%s: %s\n", what, peal_result_name(result));
		_exit(EXIT_FAILURE);
	}
}

/* With another application of the node, until they speak past the core. */
static void
talk_near(struct peal *peal)
{
	uint32_t channel, rounds_count = 0;

	expect_ok(peal_open(peal, peal_view(peal)->self, NEAR_NUMBER, &channel), "open near");
	while (!is_lane_used || !is_lane_heard) {
		if (++rounds_count > NEAR_ROUNDS_MAX) {
			(void)fprintf(stderr, "no lane was used\n");
			_exit(EXIT_FAILURE);
		}
		expect_ok(peal_send(peal, channel, "near", 4), "send near");
		expect_event(peal, PEAL_EVENT_MESSAGE);
		(void)usleep(LANE_PAUSE_US);
	}
	expect_ok(peal_close(peal, channel), "close near");
	expect_event(peal, PEAL_EVENT_ENDED);
}

static _Noreturn void
live(const char *path)
{
	struct peal *peal = NULL;
	const struct peal_view *view;
	enum peal_result result = PEAL_TOO_MANY;
	uint32_t channel;

	/* Those who died before may be in their places still. */
	for (uint32_t i = 0; i < ATTACH_TRIES && result == PEAL_TOO_MANY; i++) {
		result = peal_attach(path, "dying", &peal);
		if (result == PEAL_TOO_MANY) {
			(void)usleep(ATTACH_PAUSE_US);
		}
	}
	expect_ok(result, "attach");
	expect_event(peal, PEAL_EVENT_VIEW);
	view = peal_view(peal);
	expect_ok(peal_hear(peal, true), "hear");
	expect_ok(peal_listen(peal, OWN_NUMBER), "listen");
	expect_ok(peal_set(peal, 1, "value", 5), "set");
	expect_ok(peal_open(peal, view->members[view->members[0].member == view->self].member,
			  NUMBER, &channel),
		"open");
	for (uint32_t i = 0; i < MESSAGES; i++) {
		expect_ok(peal_send(peal, channel, "dying", 5), "send");
	}
	expect_ok(peal_send(peal, PEAL_ALL, "dying", 5), "cast");
	expect_event(peal, PEAL_EVENT_MESSAGE);
	expect_ok(peal_close(peal, channel), "close");
	expect_event(peal, PEAL_EVENT_ENDED);
	talk_near(peal);
	expect_ok(peal_unlisten(peal, OWN_NUMBER), "unlisten");
	expect_ok(peal_hear(peal, false), "unhear");
	peal_detach(peal);
	_exit(EXIT_SUCCESS);
}

/* --- the parent --- */

/* Answers what comes, and closes what is closed. */
static bool
answer(struct peal *peal)
{
	struct peal_event event;
	enum peal_result result;

	while ((result = peal_poll(peal, &event)) == PEAL_OK) {
		if (event.kind == PEAL_EVENT_MESSAGE) {
			(void)peal_send(peal, event.channel, event.bytes, event.size);
		} else if (event.kind == PEAL_EVENT_FINISHED) {
			(void)peal_close(peal, event.channel);
		}
	}
	return result == PEAL_EMPTY;
}

/* Status of a child that has the last life, or dies after `points` points. */
static int
run_child(const char *path, uint32_t points, struct peal *near, struct peal *other)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		points_left = points;
		live(path);
	}
	while (waitpid(child, &status, WNOHANG) == 0) {
		if (!answer(other) || !answer(near)) {
			(void)kill(child, SIGKILL);
			(void)puts("a node let its calm client go");
			exit(EXIT_FAILURE);
		}
		(void)peal_wait(other, STEP_NS);
		(void)peal_wait(near, STEP_NS);
	}
	return status;
}

/* True: died at a point that nobody died at before. */
static bool
note_point(void)
{
	static char points[POINTS_MAX][POINT_SIZE];
	uint32_t i = 0;

	while (i < POINTS_MAX - 1U && points[i][0] != '\0') {
		if (strcmp(points[i], *point) == 0) {
			return false;
		}
		i++;
	}
	memcpy(points[i], *point, POINT_SIZE);
	return true;
}

int
main(int argc, char **argv)
{
	struct peal *other, *near;
	uint32_t deaths_count = 0, points_count = 0, lives_count = 0;
	int status = 0;

	if (argc != 3) {
		(void)fputs("usage: dying_client SOCKET OTHER_SOCKET\n", stderr);
		return 2;
	}
	point = mmap(NULL, POINT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (point == MAP_FAILED || peal_attach(argv[2], "answering", &other) != PEAL_OK ||
		peal_listen(other, NUMBER) != PEAL_OK ||
		peal_attach(argv[1], "near", &near) != PEAL_OK ||
		peal_listen(near, NEAR_NUMBER) != PEAL_OK) {
		(void)printf("%s\n", peal_attach_error());
		return EXIT_FAILURE;
	}
	/* How many points a life has depends on when its lane is made. */
	for (uint32_t points = 1; points < DEATHS_MAX && lives_count < LIVES_COUNT; points++) {
		status = run_child(argv[1], points, near, other);
		if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
			points_count += note_point();
			deaths_count++;
		} else if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS) {
			lives_count++;
		} else {
			break;
		}
	}
	(void)printf("{\"mode\": \"marked\", \"died\": %u, \"points\": %u}\n", deaths_count,
		points_count);
	peal_detach(other);
	peal_detach(near);
	return deaths_count > 0 && lives_count == LIVES_COUNT ? EXIT_SUCCESS : EXIT_FAILURE;
}
