/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Three hosts of their own on one machine: a process in a network namespace each, on one bridge.
 *
 * The bridge is in a namespace of this process. Nothing outside sees any of it, names cannot
 * collide, and the kernel removes all when the processes end; they do not outlive this one. Node i
 * has the interface PEAL_TRIO_INTERFACE with the address 10.78.0.(i + 1)/24, unless it is bare.
 * Needs root, or the right to make user namespaces. Called once, before the first thread. Main
 * thread.
 */
#ifndef PEAL_PEAL_BENCH_TRIO_H
#define PEAL_PEAL_BENCH_TRIO_H

#include "dataplane/dpdk/sentence.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PEAL_TRIO_NODES_COUNT 3U
#define PEAL_TRIO_INTERFACE   "peal0"
#define PEAL_TRIO_IPV4_FIRST  0x0A4E0001U

/* How far a node has come. What is above BEGUN is between whoever uses it. */
enum peal_trio_point {
	PEAL_TRIO_NONE = 0,
	PEAL_TRIO_APART = 1,  /* in its namespace */
	PEAL_TRIO_BEGUN = 2,  /* `live` was called */
	PEAL_TRIO_OPEN = 3,   /* others may know its port */
	PEAL_TRIO_READY = 4,  /* to be measured */
	PEAL_TRIO_DONE = 5,   /* has measured, and waits for the end */
	PEAL_TRIO_FAILED = 6, /* the sentence says why */
};

/* What all processes see. */
struct peal_trio_shared {
	_Atomic uint32_t points[PEAL_TRIO_NODES_COUNT];
	_Atomic bool is_wired;
	_Atomic bool is_ending;
	struct peal_sentence errors[PEAL_TRIO_NODES_COUNT];
};

struct peal_trio_config {
	const char *who;    /* for people: the command */
	bool has_own_files; /* a mount namespace of its own, too: needs root */
	uint16_t mtu;       /* of all links; 0 = what the kernel gives them */
	/* The kernel has no IP address: it does not look for who else wants a packet, and answers
	 * none that a device below it takes. */
	bool is_bare;
	/* The life of a node, in its process: until peal_trio_is_ending says so. False with a
	 * sentence. */
	bool (*live)(void *state, uint32_t node, struct peal_sentence *error);
	void *state; /* of memory that is shared, or only read */
};

/* Fields are private, but for shared. */
struct peal_trio {
	struct peal_trio_shared *shared;
	pid_t pids[PEAL_TRIO_NODES_COUNT]; /* 0 = none */
};

/* Starts all. In their processes it does not return. False with a sentence. */
bool peal_trio_start(
	struct peal_trio *trio, const struct peal_trio_config *config, struct peal_sentence *error);

/*
 * Waits until all nodes have come to a point, calling `wait` now and then, for `patience_ns` at
 * most.
 * @return false with a sentence: a node failed or ended, the time is over; empty after Ctrl-C
 */
bool peal_trio_await(struct peal_trio *trio, enum peal_trio_point point, uint64_t patience_ns,
	void (*wait)(void *state), void *state, struct peal_sentence *error);

/* Ends all and waits for that. In any case after start. */
void peal_trio_end(struct peal_trio *trio);

/* --- in the process of a node --- */

void peal_trio_reach(struct peal_trio_shared *shared, uint32_t node, enum peal_trio_point point);
/* True when all others are there. */
bool peal_trio_is_reached(const struct peal_trio_shared *shared, enum peal_trio_point point);
bool peal_trio_is_ending(const struct peal_trio_shared *shared);

#endif
