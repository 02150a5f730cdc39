/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cases of a test that run in processes of their own, because what they try happens once in a
 * process: DPDK starts, or an assertion ends it.
 *
 * No child outlives the test: when the test is killed, the kernel kills its children. Cases have a
 * directory of their own for what DPDK puts on disk, with a key in it.
 */
#ifndef PEAL_TESTS_LIB_CHILDCASE_H
#define PEAL_TESTS_LIB_CHILDCASE_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>
#include <unistd.h>

/* How long a case waits for what must come, and how often it looks. Machines that run tests stand
 * still for seconds; nobody waits longer than it takes. */
#define PEAL_CHILDCASE_WAIT_S   60
#define PEAL_CHILDCASE_LOOKS    (PEAL_CHILDCASE_WAIT_S * 100)
#define PEAL_CHILDCASE_PAUSE_MS 10

#define PEAL_CHILDCASE_PATH_SIZE_MAX 64U

/* Fails the child's case with a place. */
#define PEAL_REQUIRE(condition)                                                                    \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			(void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);      \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

/* As fork; the child is killed when this process ends, however it ends. */
pid_t peal_childcase_fork(void);

/* Runs `action` in a child, and _exit(0) when it returns. Returns how the child ended, as waitpid
 * tells; -1 when there was none. */
int peal_childcase_run(void (*action)(void));
/* True when the child came to its end, and when it ended by abort(). */
bool peal_childcase_is_good(void (*action)(void));
bool peal_childcase_aborts(void (*action)(void));

void peal_childcase_pause_ms(long ms);

/* Makes /tmp/peal-integ-XXXXXX with a file `key`, which only its owner may read, and names it
 * RUNTIME_DIRECTORY. The path, or NULL. */
const char *peal_childcase_open_scratch(void);
/* The same as set-up of a group of tests, and the path from then on. */
int peal_childcase_make_scratch(void **state);
const char *peal_childcase_scratch(void);
/* Removes the key, and what DPDK leaves there under `prefix` of a process that is killed; with NULL
 * nobody was. False: there was something else. */
bool peal_childcase_close_scratch(const char *prefix);
/* The same, where nobody was killed, as end of a group of tests. */
int peal_childcase_remove_scratch(void **state);

#endif
