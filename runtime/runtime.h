/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A process of Peal: DPDK, lcores, the control thread, and the nodes that live on them.
 *
 *     open -> add node ... -> start -> ... -> stop -> close
 *
 * A daemon has one node on a device. Benches and tests have several nodes side by side on a switch
 * inside the process. A process has one runtime at a time, and one in its life, because DPDK starts
 * only once; but that an application which starts DPDK itself may have one after the other. All
 * calls come from one thread; what is marked "any thread" may come from others between start and
 * stop.
 */
#ifndef PEAL_RUNTIME_RUNTIME_H
#define PEAL_RUNTIME_RUNTIME_H

#include "dataplane/core.h"
#include "dataplane/dpdk/lcore.h"
#include "dataplane/dpdk/port_dpdk.h"
#include "dataplane/echo.h"
#include "runtime/config.h"
#include "runtime/control_thread.h"
#include "runtime/eal.h"
#include "runtime/planes.h"

#include <stdbool.h>
#include <stdint.h>

#define PEAL_RUNTIME_NODES_MAX PEAL_RESIDENTS_MAX

struct peal_runtime_config {
	struct peal_eal_config eal; /* is_exclusive is set by open, for dedicated lcores */
	/* The process has started DPDK itself and runs the lcores: they are polled (lcore.h), not
	 * launched. Lcores are then those of `lcore_ids`; the fields of `eal` that are about memory
	 * and CPUs mean nothing. */
	bool is_embedded;
	bool is_port_lent; /* embedded only: `device` is the name of a port of the process */
	uint32_t lcore_ids[PEAL_EAL_LCORES_MAX];
	enum peal_idle_role idle;    /* of all lcores */
	uint32_t switch_ports_count; /* > 0: nodes live on a switch with this many ports */
	bool is_switch_hashing; /* it sorts frames for nodes with several cores by a hash, not by
				   their UDP port */
	peal_lcore_hook_fn on_enter; /* on each lcore, see dataplane/dpdk/lcore.h; may be NULL */
	peal_lcore_hook_fn on_leave;
	void *hook_argument;
};

struct peal_runtime; /* opaque */
struct peal_clientdoor;

/* One of the cores of a node; counters only. */
struct peal_runtime_shard {
	struct peal_core *core;
	const struct peal_lcore *lcore;
	int cpu; /* of the lcore, -1 = not bound to one */
};

/* What may be read of a node, under the lock where it says so. */
struct peal_runtime_node {
	uint32_t shards_count;
	struct peal_runtime_shard shards[PEAL_CONFIG_CORES_MAX]; /* the first is the home shard */
	const struct peal_config *config;
	struct peal_node *node;              /* lock */
	struct peal_core *core;              /* of the home shard: counters only */
	const struct peal_lcore *lcore;      /* of it: counters and wake sources */
	const struct peal_port_dpdk *device; /* NULL on a switch */
	struct peal_control_entry *entry;    /* lock */
	struct peal_ping_run *ping;          /* lock: for one run of round trips at a time */
	bool is_pinging;                     /* lock: `ping` is with the core or in its answer */
	struct peal_load_run *load;          /* lock: for one run of load at a time */
	bool is_loading;                     /* lock: `load` is with the core or in its answer */
	struct peal_clientdoor *door;        /* NULL: no application attaches */
	struct peal_orders *orders;          /* lock: for its page only */
	struct peal_bell bell;               /* of the home core */
};

/* The runtime configuration of a daemon with the one node `config`, which outlives it. */
struct peal_runtime_config peal_runtime_config_of(const struct peal_config *config);

/* Starts DPDK and makes what all nodes share. NULL with a sentence; then nothing is left behind. */
struct peal_runtime *peal_runtime_open(
	const struct peal_runtime_config *config, struct peal_sentence *error);

/*
 * Adds a node: its home core to lcore `lcore_index`, [0, lcores_count), its other cores to those
 * that follow, and round again. On the switch when there is one, else on the device of its
 * configuration. Its name is unique in the process.
 * @return its index, from 0 in the order of adding, or UINT32_MAX with a sentence
 */
uint32_t peal_runtime_add(struct peal_runtime *runtime, const struct peal_config *config,
	uint32_t lcore_index, struct peal_sentence *error);

/* Of an embedded runtime, for who polls it: lcore `index`. */
struct peal_lcore *peal_runtime_lcore(struct peal_runtime *runtime, uint32_t index);

/* Starts the lcores and the control thread. False with a sentence. */
bool peal_runtime_start(struct peal_runtime *runtime, struct peal_sentence *error);
/* Stops them; nodes keep their last state for readers. Of an embedded runtime nobody polls any
 * more: turns that are needed to end orderly are made here. */
void peal_runtime_stop(struct peal_runtime *runtime);
/* Gives everything back, DPDK too. Stops first when needed. NULL is fine. */
void peal_runtime_close(struct peal_runtime *runtime);

/* Any thread: readers and askers of nodes hold the lock; it is never held for long. */
void peal_runtime_lock(struct peal_runtime *runtime);
/* `has_asked`: the control thread shall look at once. */
void peal_runtime_unlock(struct peal_runtime *runtime, bool has_asked);

uint32_t peal_runtime_nodes_count(const struct peal_runtime *runtime);
/* Any thread. Asserts index < count. */
struct peal_runtime_node *peal_runtime_node(struct peal_runtime *runtime, uint32_t index);
/* Any thread. NULL when no node has the name. */
struct peal_runtime_node *peal_runtime_find(struct peal_runtime *runtime, const char *name);

/* Readable when some node has a new event or another state; read eight bytes to reset it. */
int peal_runtime_news_fd(const struct peal_runtime *runtime);

/* The node plays dead from now on: no turn, no step, no frame in or out. For tests and benches. Any
 * thread. */
void peal_runtime_halt(struct peal_runtime *runtime, uint32_t index);

/*
 * Before start: the node does nothing until it is released, as if its process were started later.
 * For tests and benches.
 */
void peal_runtime_hold(struct peal_runtime *runtime, uint32_t index);
/* Once, of a node that is held. Any thread. */
void peal_runtime_release(struct peal_runtime *runtime, uint32_t index);

/* Graceful leave of a node. Any thread, without the lock. */
void peal_runtime_leave(struct peal_runtime *runtime, uint32_t index);

#endif
