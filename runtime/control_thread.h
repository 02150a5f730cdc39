/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The thread of the control plane: steps a list of nodes, and sleeps in between.
 *
 * Every step happens under one lock. Whoever reads a node, or asks something of it, from another
 * thread (telemetry, the main thread) holds the lock meanwhile, and says so after asking. Cores
 * never take the lock.
 *
 * The only node of a process takes a step whenever the thread wakes. Of many, only those whose core
 * rang, whose timer is due, or of whom something was asked; and all of them together once in
 * PEAL_CONTROL_THREAD_SLEEP_NS_MAX, so that their cores see that they are alive.
 *
 * timers: with shared cores the thread sleeps until the earliest deadline of its nodes, or until a
 * core pushes a record and rings. Dedicated cores make no syscall, so they cannot ring: with them
 * the thread looks again after PEAL_CONTROL_THREAD_POLL_NS_MIN, and less and less often, down to
 * POLL_NS_MAX, while it finds nothing: where processors are few its looking is what cores lose.
 */
#ifndef PEAL_RUNTIME_CONTROL_THREAD_H
#define PEAL_RUNTIME_CONTROL_THREAD_H

#include "base/deadlines.h"
#include "control/node.h"
#include "dataplane/dpdk/doorbell.h"
#include "dataplane/dpdk/idle.h"
#include "runtime/planes.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#define PEAL_CONTROL_THREAD_NODES_MAX   PEAL_RESIDENTS_MAX
#define PEAL_CONTROL_THREAD_POLL_NS_MIN UINT64_C(50000)
#define PEAL_CONTROL_THREAD_POLL_NS_MAX UINT64_C(1000000)
/* Even with nothing due: the clock wants to be disciplined. */
#define PEAL_CONTROL_THREAD_SLEEP_NS_MAX UINT64_C(500000000)

struct peal_control_entry {
	struct peal_node *node;
	struct peal_planes *planes;
	_Atomic bool is_halted; /* no more steps: the node plays dead */
	uint64_t told_seq;      /* events that the listener was told of */
	enum peal_node_state told_state;
	/* enum peal_node_state after the last step, for threads without the lock; what a final one
	 * says of itself was written before. */
	_Atomic uint32_t state;
	struct peal_ping_run
		*ping_done; /* the run that ended last; taken by whoever asked for it */
	struct peal_load_run *load_done; /* the same */
};

/* Fields are private, but, under the lock, entries. */
struct peal_control_thread {
	struct peal_doorbell doorbell;
	pthread_mutex_t lock;
	pthread_t thread;
	enum peal_idle_role role; /* of the cores */
	uint64_t poll_ns;         /* with dedicated cores: the next look is at most so far away */
	_Atomic bool is_stopping;
	_Atomic bool is_asked; /* of any node: all shall take a step */
	bool is_running;
	int news_fd; /* eventfd: readable when some node has a new event or state */
	struct peal_deadlines deadlines;
	uint64_t unfinished[PEAL_RESIDENTS_WORDS]; /* nodes with more records than one step takes */
	uint32_t entries_count;
	struct peal_control_entry entries[PEAL_CONTROL_THREAD_NODES_MAX];
};

/* False with a sentence. */
bool peal_control_thread_init(
	struct peal_control_thread *control, enum peal_idle_role role, struct peal_sentence *error);
/* The thread has stopped. */
void peal_control_thread_fini(struct peal_control_thread *control);

/* What the core of the node that is added next rings at. */
struct peal_bell peal_control_thread_next_bell(struct peal_control_thread *control);

/* Before start. Node and planes outlive the thread. Returns the place of the node. */
uint32_t peal_control_thread_add(
	struct peal_control_thread *control, struct peal_node *node, struct peal_planes *planes);

/* Any thread, after it asked something of a node under the lock: the thread looks at once. */
void peal_control_thread_ask(struct peal_control_thread *control);

/* Starts the thread on the CPUs that no lcore has to itself. False with a sentence. */
bool peal_control_thread_start(struct peal_control_thread *control, struct peal_sentence *error);
/* Ends it and waits for that. Does nothing when it does not run. */
void peal_control_thread_stop(struct peal_control_thread *control);

#endif
