/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What lanes between two clients are made of (shm/shmlane.h): memory and bells, made by the daemon,
 * which maps none of it, and sent to the two over their sockets.
 *
 * Each client maps its own region for writing; then the region is sealed against that, and goes to
 * the other one. A bell is a pipe that its ringer alone has: who sleeps has it only as an event of
 * the epoll that it waits for, so nobody can make another one wait in a write.
 *
 * The door's, on its thread. Nothing here waits.
 */
#ifndef PEAL_RUNTIME_CLIENTLANES_H
#define PEAL_RUNTIME_CLIENTLANES_H

#include "base/clientlimits.h"

#include <stdbool.h>
#include <stdint.h>

/* An end of a lane: whose it is. */
struct peal_clientlanes_guest {
	int socket; /* -1 = it is gone */
	int waker;  /* epoll that it waits for */
};

struct peal_clientlanes_end {
	int region;     /* of this end; -1 = none */
	int bell;       /* rung for this end by the other one; -1 = none */
	bool is_set;    /* the bell is in the epoll of this end */
	uint64_t guest; /* as the door names it */
};

struct peal_clientlanes {
	struct {
		uint32_t id;
		struct peal_clientlanes_end ends[2];
	} lanes[PEAL_LANES_MAX];
};

void peal_clientlanes_init(struct peal_clientlanes *lanes);

/* Makes the regions of a lane and sends each end its own. Returns a bit for each end that got it;
 * when that is not both, the lane is still to be released. */
uint32_t peal_clientlanes_make(struct peal_clientlanes *lanes, uint32_t lane, uint32_t id,
	const struct peal_clientlanes_guest guests[2], const uint64_t names[2]);
/* Seals them, and sends each end that of the other one and what to ring at it. The same. */
uint32_t peal_clientlanes_hand(struct peal_clientlanes *lanes, uint32_t lane,
	const struct peal_clientlanes_guest guests[2]);
/* Closes all that there is of a lane: nothing, too. */
void peal_clientlanes_release(struct peal_clientlanes *lanes, uint32_t lane,
	const struct peal_clientlanes_guest guests[2]);
void peal_clientlanes_close(struct peal_clientlanes *lanes);

/*
 * A bell: both ends of a pipe in one descriptor, so that who rings takes old rings out when it is
 * full. An eventfd need not be emptied, but the kernel wakes who waits for it as if who rings went
 * on, on another processor; for a pipe as if it were about to sleep. Without /proc an eventfd. -1:
 * there are no descriptors.
 */
int peal_clientlanes_open_bell(void);

#endif
