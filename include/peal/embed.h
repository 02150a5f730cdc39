/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A node inside a DPDK application: libpeal-node.
 *
 * peald is a process of its own, with lcores of its own. An application that owns its lcores can
 * take the node in instead: it starts DPDK as it always did, opens the node, and gives it one call
 * in each turn of its poll loop. That call does what a turn of peald's data core does, never
 * sleeps, and makes no system call with `idle: dedicated`.
 *
 *     rte_eal_init(argc, argv);
 *     struct peal_embed_options options = {.config_path = "/etc/peal/n1.yaml"};
 *     struct peal_embed *node = peal_embed_open(&options);
 *
 *     if (node == NULL) { ... peal_embed_error() ... }
 *     ... on an lcore:
 *     while (peal_embed_poll(node, 0) >= 0) {
 *         ... work of the application ...
 *     }
 *     ... and when the lcore has ended:
 *     peal_embed_close(node);
 *
 * Messages, views, groups and requests are those of peal/peal.h: threads of this process, or of
 * others on the host, attach to peal_embed_socket. A thread that polls the node may use all of
 * peal.h but peal_wait, which would wait for a turn that the thread itself has to make.
 *
 * The node has a thread of its own for agreement and views, and one that lets applications in; they
 * sleep when there is nothing to do, run where DPDK has its control threads, and take no signals.
 * libpeal-node ends no process, but by a failed assertion; installs no handler; never calls
 * rte_eal_init, rte_eal_cleanup or rte_eal_remote_launch; and its memory is that of the C library,
 * and packet buffers of DPDK.
 *
 * A process has one node at a time, and may have one after the other. C11 and C++11; no header of
 * DPDK is needed.
 */
#ifndef PEAL_EMBED_H
#define PEAL_EMBED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef PEAL_API
#if defined(__GNUC__)
#define PEAL_API __attribute__((visibility("default")))
#else
#define PEAL_API
#endif
#endif

/* One node. Opaque. */
struct peal_embed;

/* Cores that a node may have. */
#define PEAL_EMBED_CORES_MAX 16U

/* Zero what is not wanted. */
struct peal_embed_options {
	/*
	 * The file that peald takes (peald(1)), but for the keys `memory_mb`, `huge` and `lcore`,
	 * which are refused: DPDK is the application's. `device` is a port that the process has, or
	 * one that is plugged in now with `device_args`, and out again at the end.
	 */
	const char *config_path;
	/*
	 * A port that the application lends, in the place of `device` and `device_args`, which the
	 * file must not have then. Nobody else uses it meanwhile: the node configures, starts and
	 * stops it. It is not closed; whoever uses it next configures it first.
	 */
	bool has_port;
	uint8_t reserved_bytes;
	uint16_t port_id;
	/* How many of `lcore_ids` there are: 0, or `cores` of the configuration. */
	uint32_t lcores_count;
	/* The lcore that will poll each core. Without: the lcore that polls it first. */
	const uint32_t *lcore_ids;
	uint64_t reserved[5]; /* zero */
};

/*
 * Makes the node, after rte_eal_init, and starts its threads. It does nothing in its group until
 * its cores are polled, so poll them soon. Blocks for some ten milliseconds. NULL when something is
 * wrong: peal_embed_error says what, nothing is left behind, and it may be tried again.
 *
 * Thread: one at a time, with peal_embed_close.
 */
PEAL_API struct peal_embed *peal_embed_open(const struct peal_embed_options *options);

/* Why the last peal_embed_open or peal_embed_close of this thread failed, as a sentence. Never
 * NULL. */
PEAL_API const char *peal_embed_error(void);

/* Cores to be polled, [1, PEAL_EMBED_CORES_MAX]: `cores` of the configuration. Core 0 does all of
 * the group's work, the others carry channels. */
PEAL_API uint32_t peal_embed_cores_count(const struct peal_embed *node);

/* Where applications attach: `socket` of the configuration, for peal_attach. NULL: none may. */
PEAL_API const char *peal_embed_socket(const struct peal_embed *node);

/* --- on lcores --- */

/* What peal_embed_poll may say in the place of a count. */
enum peal_embed_poll_result {
	PEAL_EMBED_OVER = -1,        /* the node has ended; the core is nobody's any more */
	PEAL_EMBED_OTHER_LCORE = -2, /* another lcore polls this core, or was to */
	PEAL_EMBED_NO_LCORE = -3,    /* this thread is no lcore; see rte_thread_register */
	PEAL_EMBED_NO_CORE = -4,     /* there is no such core */
};

/*
 * One turn of core `core`: takes what has come, does what is due, sends. The lcore that polls it
 * first owns it until peal_embed_release, or until it is told OVER; all others are refused and
 * change nothing. An lcore may own several cores.
 *
 * A node that is not polled is silent. The group bears that for some probe intervals of the preset,
 * and then removes it: with `dpdk`, an interval is 50 ms; with `dpdk-fast`, 10 ms. Messages wait
 * for the next turn in any case.
 *
 * @return packets, commands and timers handled, 0 = an idle turn; or an enum peal_embed_poll_result
 */
PEAL_API int32_t peal_embed_poll(struct peal_embed *node, uint32_t core);

/*
 * For an lcore that has nothing else to do, with `idle: shared`: makes a turn and says for how many
 * nanoseconds the lcore may sleep; 0: poll again. Until the next peal_embed_poll the node makes
 * peal_embed_fd readable when the core has something to do sooner. The owner of the core only;
 * anybody else is told 0, and so is everybody with `idle: dedicated`.
 */
PEAL_API uint64_t peal_embed_rest(struct peal_embed *node, uint32_t core);

/* For poll sets; only ever waited for, never read. -1 with `idle: dedicated`, or without such a
 * core. The node closes it. Any thread. */
PEAL_API int peal_embed_fd(const struct peal_embed *node, uint32_t core);

/* The lcore that owns the core polls it no more; another one may, unless `lcore_ids` named this
 * one. Without effect on who does not own it. */
PEAL_API void peal_embed_release(struct peal_embed *node, uint32_t core);

/* --- its life --- */

enum peal_embed_state {
	PEAL_EMBED_JOINING = 0,
	PEAL_EMBED_MEMBER = 1,
	PEAL_EMBED_LEAVING = 2,
	PEAL_EMBED_LEFT = 3,        /* end: with the consent of the group */
	PEAL_EMBED_REMOVED = 4,     /* removed while alive; an end where `rejoin` is false */
	PEAL_EMBED_REFUSED = 5,     /* end: the group does not take it; peal_embed_news says why */
	PEAL_EMBED_UNCONFIRMED = 6, /* end: it left, and the group has not confirmed it */
};

/* No lock, no system call. Any thread. */
PEAL_API enum peal_embed_state peal_embed_state(const struct peal_embed *node);

/*
 * Asks the group for leave. The cores must be polled until they are told OVER: that is when the
 * group has agreed, or some seconds later if it does not answer, and the last messages have left.
 * Any thread but a signal handler; waits while the node's own thread takes a step, some 100 us at
 * the most in small groups. Asking again changes nothing.
 */
PEAL_API void peal_embed_leave(struct peal_embed *node);

/*
 * The next piece of news of the node as a line for people, what peald would print, without its end:
 * views, who came and went, why the group refused. False when there is none. 128 bytes are
 * enough. One thread at a time; waits as peal_embed_leave does.
 */
PEAL_API bool peal_embed_news(struct peal_embed *node, char *line, size_t size);

/*
 * Ends everything and gives it back; applications that are attached are told `closed`. Without
 * peal_embed_leave before, the group finds out as if the node had crashed. It makes the last turns
 * of the cores itself and waits for nobody's: up to a fifth of a second. NULL is fine.
 *
 * @return false with peal_embed_error when a core is still owned by another lcore, and nothing has
 * happened: end its loop, or have it call peal_embed_release
 */
PEAL_API bool peal_embed_close(struct peal_embed *node);

#ifdef __cplusplus
}
#endif

#endif
