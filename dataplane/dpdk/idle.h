/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an lcore does after a turn that found no work: a ladder, chosen by the role of the core.
 *
 *     dedicated   pause, for ever; no syscall, ever
 *     shared      pause x 200 -> yield x 16 -> arm -> wait
 *
 * A shared core whose applications answer each other looks, when it has woken one, whether that is
 * up soon: then it runs elsewhere, and the ladder is as ever, so that its answer is seen at once.
 * Who is not may have been put on this very processor by the kernel, to run when that is left, and
 * a yield does not always leave it: then the core arms at once, and for a while does not look
 * before.
 *
 * Arm declares the core asleep and arms the wake sources; the caller then makes one more turn,
 * which sees whatever came before the declaration; wait sleeps until the doorbell, a frame, or the
 * deadline. So no wake-up is missed: what comes later finds the core declared asleep. Work on any
 * turn resets the ladder. When the port offers no descriptor to wait for, the sleep is short and
 * grows.
 *
 * timers: a wait ends at the deadline of the cores, or after the cap of its kind, whichever is
 * first. Memory: the caller's. Thread: the lcore, but for open and close on the main thread.
 */
#ifndef PEAL_DPDK_IDLE_H
#define PEAL_DPDK_IDLE_H

#include "dataplane/dpdk/doorbell.h"
#include "dataplane/dpdk/wakesource.h"

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

enum peal_idle_role {
	PEAL_IDLE_SHARED = 0,
	PEAL_IDLE_DEDICATED = 1,
};

enum peal_idle_rung {
	PEAL_IDLE_PAUSE = 0,
	PEAL_IDLE_YIELD = 1,
	PEAL_IDLE_ARM = 2,
	PEAL_IDLE_WAIT = 3,
};

#define PEAL_IDLE_PAUSES_COUNT 200U
#define PEAL_IDLE_YIELDS_COUNT 16U
/*
 * A yield that takes longer gave the CPU to somebody with much to do. Whoever waits in the kernel
 * is let in again sooner than whoever yields, so for this many descents there is no yielding. Nor
 * is there much pausing: that takes the CPU from somebody who may be the one that is waited for.
 */
#define PEAL_IDLE_CROWDED_NS           UINT64_C(50000)
#define PEAL_IDLE_CROWDED_COUNT        64U
#define PEAL_IDLE_CROWDED_PAUSES_COUNT 16U
/* Not worth a sleep: a wake-up alone takes longer. */
#define PEAL_IDLE_WAIT_NS_MIN UINT64_C(30000)
/* Longest sleep with a descriptor for every port, and without. */
#define PEAL_IDLE_WAIT_NS_MAX  UINT64_C(100000000)
#define PEAL_IDLE_BLIND_NS_MIN UINT64_C(10000)
#define PEAL_IDLE_BLIND_NS_MAX UINT64_C(200000)

/* Who is on another processor is up in that time, and every so often it is looked whether who was
 * not is so now. */
#define PEAL_IDLE_LOOK_NS     UINT64_C(40000)
#define PEAL_IDLE_LOOKS_EVERY 16U

/* Ports of one lcore that have a wake source; port_ring rings the doorbell instead. */
#define PEAL_IDLE_SOURCES_MAX 8U

/* Fields are private. */
struct peal_idle {
	enum peal_idle_role role;
	bool is_blind; /* some port cannot wake us */
	bool is_armed;
	bool has_yielded;      /* in the step before */
	bool is_making_room;   /* for who was woken since then */
	bool is_in_the_way;    /* who was woken was not up while this core looked */
	uint32_t rooms_count;  /* times that room was to be made */
	uint64_t looked_at_ns; /* since when it looks for who was woken; 0 = it does not yet */
	bool (*has_woken)(const void *state);
	const void *woken;
	int set;                /* epoll of all that ends a sleep; -1 = there are no applications */
	uint32_t empty_count;   /* turns without work in a row, up to the last rung */
	uint32_t crowded_count; /* descents left without yielding */
	uint64_t stepped_at_ns;
	uint64_t blind_ns;
	struct peal_doorbell *doorbell;
	uint32_t sources_count;
	struct peal_wakesource sources[PEAL_IDLE_SOURCES_MAX];
	struct pollfd polls[PEAL_IDLE_SOURCES_MAX + 1U]; /* doorbell first */
};

/* `doorbell` outlives `idle`. */
void peal_idle_init(
	struct peal_idle *idle, enum peal_idle_role role, struct peal_doorbell *doorbell);

/* The lcore polls this queue of a port too. A port without a wake source makes all sleeps short. */
void peal_idle_add_port(struct peal_idle *idle, const struct peal_port_dpdk *port, uint16_t queue);
/* Applications ring at `fd`, an epoll descriptor, while `sleeper`, which outlives this, says so. */
void peal_idle_add_clients(struct peal_idle *idle, int fd, struct peal_shmbell_sleeper *sleeper);
void peal_idle_close(struct peal_idle *idle);

/* True when no port is polled: whatever comes, the doorbell is rung. */
bool peal_idle_is_rung_only(const struct peal_idle *idle);

/* On the lcore, before the first turn: sleeps of this thread end when they should. */
void peal_idle_enter(const struct peal_idle *idle);

/*
 * After a turn without work. `deadline_at_ns`: when the next timer of the cores is due.
 * @return the rung that was taken; the caller accounts for its time
 */
enum peal_idle_rung peal_idle_step(
	struct peal_idle *idle, uint64_t deadline_at_ns, uint64_t now_ns);

/*
 * For a thread that is not ours and sleeps as it likes, in the place of step. Arm it, make one more
 * turn, and ask how long it may sleep: 0 is not at all. Disarm it after the sleep, or without one.
 */
void peal_idle_arm(struct peal_idle *idle);
uint64_t peal_idle_rest_ns(struct peal_idle *idle, uint64_t deadline_at_ns, uint64_t now_ns);

/*
 * A descriptor that is readable while something of it would end a sleep; the caller closes it.
 * Nothing is added to `idle` any more. -1 with errno.
 */
int peal_idle_open_set(const struct peal_idle *idle);

/*
 * Who was woken by this thread will say what is next. `has_woken` tells whether it is up; it is
 * called by steps on this thread, until the next call of this.
 */
static inline void
peal_idle_make_room(struct peal_idle *idle, bool (*has_woken)(const void *state), const void *woken)
{
	idle->is_making_room = true;
	idle->looked_at_ns = 0;
	idle->rooms_count++;
	idle->has_woken = has_woken;
	idle->woken = woken;
}

/* Slow half of peal_idle_reset. */
void peal_idle_disarm(struct peal_idle *idle);

/* After a turn with work. */
static inline void
peal_idle_reset(struct peal_idle *idle)
{
	idle->empty_count = 0;
	idle->blind_ns = PEAL_IDLE_BLIND_NS_MIN;
	if (idle->is_armed) {
		peal_idle_disarm(idle);
	}
}

#endif
