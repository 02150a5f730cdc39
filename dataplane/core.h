/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One core of a node (one shard) as a pure machine: turns over a port and a plane.
 *
 * A turn, always in this order: record what the last turn measured; take at most PEAL_COMMANDS_MAX
 * commands, a VIEW among them switches where it stands; receive one burst, and what other shards of
 * the node received for this one (dataplane/resteer.h); step the machines frame
 * by frame (ingress, in large views the flood, then the one machine of the kind); run what is due;
 * give control what it is owed; flush TX once. The clock is read once by the caller. No syscall,
 * allocation, log or lock.
 *
 * Shard 0 is the home of its node and does all of this. The other shards have their own queue of
 * the port, UDP port, plane and counters, and do channels only: of their machines ingress, egress,
 * resteer, paths, relay and channels run, the others rest.
 *
 * A liveness frame is answered in the packet it came in. Buffers of others are
 * used for what leaves next, or released in one call.
 *
 * Members of the struct are the machines, each documented in its header; all are private to the
 * core. Memory: the caller's, sizeof(struct peal_core), cache-line aligned, on the port's NUMA
 * node. Thread: the lcore that calls turn, after init.
 */
#ifndef PEAL_DATAPLANE_CORE_H
#define PEAL_DATAPLANE_CORE_H

#include "base/counters.h"
#include "base/timing.h"
#include "dataplane/alertbatch.h"
#include "dataplane/cast.h"
#include "dataplane/channels.h"
#include "dataplane/clients.h"
#include "dataplane/downlink.h"
#include "dataplane/echo.h"
#include "dataplane/egress.h"
#include "dataplane/flood.h"
#include "dataplane/heartbeat.h"
#include "dataplane/hold.h"
#include "dataplane/ingress.h"
#include "dataplane/load.h"
#include "dataplane/neighbour.h"
#include "dataplane/orders.h"
#include "dataplane/paths.h"
#include "dataplane/peers.h"
#include "dataplane/plane.h"
#include "dataplane/port.h"
#include "dataplane/relay.h"
#include "dataplane/resteer.h"
#include "dataplane/streamer.h"
#include "dataplane/uplink.h"
#include "dataplane/votetree.h"

/* A tenth of what probes are jittered by. */
#define PEAL_CORE_PROBE_SLACK 100U

struct peal_core_config {
	struct peal_port port;
	struct peal_plane *plane;         /* outlives the core */
	const struct peal_timing *timing; /* outlives the core */
	struct peal_aead aead;            /* with the state of this core's thread */
	struct peal_aead_key pre_key;     /* of family 0 */
	uint32_t cluster_name;            /* fold of the cluster name */
	struct peal_address address;      /* of the node, that is its shard 0; mac = the port's */
	uint16_t vlan;                    /* [1, 4094], or 0: frames have no tag */
	struct peal_route route;          /* who is on the own segment; zero: all are */
	/* Of the node, for ranks of order groups; NULL or empty: it takes none that it had before.
	 * Outlives the core. */
	const char *name;
	int64_t clock_offset_ns; /* from `now_ns` to the clock of the day */
	/* One word of all shards of a node that has several and a gateway, zero at first: its MAC,
	 * as bytes from the lowest address on, which the home shard finds. NULL with one shard or
	 * without gateway. Outlives the core. */
	_Atomic uint64_t *gateway_mac;
	uint64_t seed[4];                /* 256 random bits */
	uint8_t shard;                   /* [0, shards_count) */
	uint8_t shards_count;            /* of the node; 0 counts as 1 */
	struct peal_resteer_rings rings; /* to and from the other shards, if there are any */
	/* NULL, or called once a turn before channels run: an application that lives on the core.
	 */
	void (*work)(void *state, uint64_t now_ns);
	void *work_state;
	struct peal_channels
		*channels;            /* NULL = none; outlives the core, initialised by its owner */
	struct peal_cast *cast;       /* the same */
	struct peal_orders *orders;   /* the same; on the home shard only */
	struct peal_load *load;       /* the same; their user, when there is no other */
	struct peal_clients *clients; /* the same; their user, and load is behind it */
};

struct peal_core;

/* Prepares a core that is not a member yet. `core` is uninitialised memory. */
void peal_core_init(struct peal_core *core, const struct peal_core_config *config, uint64_t now_ns);

/*
 * One turn at `now_ns` (monotonic, never less than before).
 * @return frames and commands handled, and timers run: 0 = an idle turn
 */
uint32_t peal_core_turn(struct peal_core *core, uint64_t now_ns);

/* When the next timer is due; never later than needed, UINT64_MAX = none. */
uint64_t peal_core_deadline_at_ns(const struct peal_core *core);

/*
 * Until when a thread that runs many cores may sleep at most: as the deadline, but that a probe may
 * leave up to 1 / PEAL_CORE_PROBE_SLACK of its interval late. So probes of many leave together.
 */
uint64_t peal_core_wake_at_ns(const struct peal_core *core);

/* Counters of this core; written only by it. */
struct peal_counters *peal_core_counters(struct peal_core *core);

/* Gives every packet that the core keeps back to the port. Only before the port goes away, and when
 * no core of the node turns any more. */
void peal_core_fini(struct peal_core *core);

struct peal_core {
	struct peal_core_config config;
	const struct peal_peers *peers;
	bool was_behind; /* the last turn took a full burst: packets may have been left */
	struct peal_counters counters;
	struct peal_ingress ingress;
	struct peal_egress egress;
	struct peal_heartbeat heartbeat;
	struct peal_alertbatch alertbatch;
	struct peal_echo echo;
	struct peal_neighbour neighbour;
	struct peal_uplink uplink;
	struct peal_downlink downlink;
	struct peal_flood flood;
	struct peal_votetree votetree;
	struct peal_streamer streamer;
	struct peal_hold hold;
	struct peal_resteer resteer;
	struct peal_paths paths;
	struct peal_relay relay;
};

static inline bool
peal_core_is_home(const struct peal_core *core)
{
	return core->config.shard == 0;
}

#endif
