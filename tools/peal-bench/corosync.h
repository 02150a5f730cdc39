/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Corosync as a peer to be measured: its daemon in this namespace, and its library for closed
 * process groups, both as the distribution has them.
 *
 * The library is looked for when the program runs, so nothing of it is needed to build. Everything
 * that the daemon writes is in memory of this process's mount namespace. One daemon and one group
 * in a process; the daemon does not outlive it. One thread sends, one (or the same) dispatches.
 */
#ifndef PEAL_PEAL_BENCH_COROSYNC_H
#define PEAL_PEAL_BENCH_COROSYNC_H

#include "dataplane/dpdk/sentence.h"

#include <stdbool.h>
#include <stdint.h>

struct peal_corosync_user {
	/* A message was delivered, in the order that all have. */
	void (*deliver)(void *state, uint32_t node, const uint8_t *bytes, uint32_t size);
	void *state;
};

/* True when library and daemon are here. False with a sentence that names the packages. */
bool peal_corosync_is_here(struct peal_sentence *error);

/*
 * Starts the daemon of node `node` of `nodes_count`, whose addresses follow each other from
 * `ipv4_first` on, and joins the group; returns once all are in it. No ciphers, all else as it is
 * by default.
 */
bool peal_corosync_begin(uint32_t node, uint32_t nodes_count, uint32_t ipv4_first,
	const struct peal_corosync_user *user, bool (*is_ending)(void *state), void *ending_state,
	struct peal_sentence *error);
void peal_corosync_end(void);

/* Sends to all in agreed order. False: not now, try again. */
bool peal_corosync_send(const uint8_t *bytes, uint32_t size);
/* Takes all deliveries that are there. False: the daemon is gone. */
bool peal_corosync_dispatch(void);
/* The same until `leave`, in a thread of its own, which sleeps in the library. */
void peal_corosync_dispatch_forever(void);
/* Nothing is sent or taken any more. */
void peal_corosync_leave(void);
/* Sleeps until something is to be dispatched, or for `milliseconds`. */
void peal_corosync_wait(int milliseconds);

/* What the daemon calls itself; static. */
const char *peal_corosync_version(void);

#endif
