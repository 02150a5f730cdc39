/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One simulated process: the very core and the very control half that production runs, with a plane
 * of two FIFO rings between them, and the wake-ups that threads and queues would cause.
 *
 * timers: turn - a core's turn 1 to 5 us after a frame arrived or control pushed a record, at the
 * core's own deadline, and again as long as its queues are not empty; of a process with several
 * cores each has turns of its own; step - a control step 5 to 50
 * us after the core pushed a record or the node's deadline passed.
 *
 * Its cores spin, and turns that would find nothing are left out; or they sleep, which another
 * field says, and then a frame or a deadline finds them late.
 *
 * Each process has its own zero of time, so nothing works by comparing clocks of two nodes. A
 * paused process does nothing while frames pile up at its port; a stuck one has a live core and a
 * control thread that does not run. A crash forgets everything; a start makes a new incarnation,
 * with a new seed, on the same address. In a small world the memory of a process is filled with a
 * pattern before each start; in a large one what nobody touches takes no memory.
 */
#ifndef PEAL_SIM_SIMNODE_H
#define PEAL_SIM_SIMNODE_H

#include "control/node.h"
#include "dataplane/core.h"
#include "sim/simapps.h"
#include "sim/simcast.h"
#include "sim/simmoved.h"
#include "sim/simorders.h"
#include "sim/simport.h"
#include "sim/simtalk.h"

struct peal_simnode;

/* Most cores of one process. */
#define PEAL_SIMNODE_SHARDS_MAX PEAL_SIMPORT_QUEUES_MAX

/* One direction of the plane. Only the owner's process touches it. */
struct peal_simring {
	struct peal_simnode *owner;
	bool is_up;
	uint8_t shard;
	uint32_t head; /* records taken */
	uint32_t tail; /* records put */
	struct peal_record records[PEAL_PLANE_RECORDS_MAX];
};

/* A core of a process besides the home one. */
struct peal_simshard {
	struct peal_simring down;
	struct peal_simring up;
	struct peal_plane plane;
	struct peal_core core;
};

/* How frames are sealed in a world that does not run the profile `none`. One thread's. */
struct peal_simcrypto {
	struct peal_aead aead;
	struct peal_aead_key pre_key; /* of family 0 */
	void *state;                  /* of derive */
	void (*derive)(void *state, struct peal_uuid cluster, struct peal_uuid uuid,
		struct peal_aead_key *key_out);
};

/* What all nodes of a run share. */
struct peal_simnode_config {
	struct peal_simtime *time;
	struct peal_simnet *net;
	const struct peal_timing *timing;
	uint64_t seed;
	uint32_t nodes_count;
	uint32_t seeds_count; /* the first nodes are everybody's seeds */
	uint8_t expect;
	uint8_t rings_count;
	const struct peal_simcrypto *crypto; /* NULL: the profile `none`; outlives the nodes */
	bool has_names;                      /* metadata: the node's name; else none */
	uint32_t metadata_size_max; /* not 0: in its place sim/check_metadata.h's, up to this */
	struct peal_groups groups;  /* one store for all: equal views are one */
	struct peal_bodies bodies;
	/* [nodes_count][PEAL_SIMNODE_SHARDS_MAX], or NULL: nobody talks */
	struct peal_simtalk *talks;
	struct peal_simcast *casts;    /* [nodes_count], or NULL: nobody broadcasts */
	struct peal_simapps *apps;     /* [nodes_count], or NULL: nobody attaches */
	struct peal_simorders *orders; /* [nodes_count], or NULL: nobody has a rank */
	uint8_t shards_max; /* each process has 1 to so many cores, by chance; 0 counts as 1 */
};

struct peal_simnode {
	struct peal_simnode_config config;
	uint16_t index;
	bool is_up;
	bool is_paused;
	bool is_stuck;
	uint32_t incarnation;     /* starts so far */
	uint64_t clock_offset_ns; /* its clock = virtual time + this */
	struct peal_prng prng;    /* wake-up delays */
	uint64_t secret;
	struct peal_address address;
	struct peal_simport port;
	struct peal_simring down;
	struct peal_simring up;
	uint8_t shards_count; /* cores of this incarnation */
	/* Instants of the events that are waited for; UINT64_MAX = none. */
	uint64_t turn_at_ns[PEAL_SIMNODE_SHARDS_MAX];       /* something to do ... */
	uint64_t prompted_at_ns[PEAL_SIMNODE_SHARDS_MAX];   /* ... since then */
	uint64_t turn_timer_at_ns[PEAL_SIMNODE_SHARDS_MAX]; /* the core's deadline */
	uint64_t turned_at_ns[PEAL_SIMNODE_SHARDS_MAX];     /* the last turn of each core */
	/* 0: cores spin. Or those that find nothing sleep, and are woken up to so much late; a
	 * story writes it. */
	uint64_t wake_ns_max;
	uint64_t step_at_ns;
	uint64_t step_timer_at_ns;
	uint32_t turns_spun; /* turns in a row that had a due deadline and did nothing */
	uint32_t steps_spun;
	uint8_t down_buffers[PEAL_PLANE_BUFFERS_MAX][PEAL_PLANE_BUFFER_SIZE];
	uint8_t up_buffers[PEAL_PLANE_BUFFERS_MAX][PEAL_PLANE_BUFFER_SIZE];
	struct peal_plane plane;
	uint8_t metadata[PEAL_METADATA_SIZE_MAX];
	struct peal_core core; /* these two mean something only while the process is up */
	struct peal_node node;
	/* What follows is touched when there is more than one core. */
	struct peal_simshard others[PEAL_SIMNODE_SHARDS_MAX - 1U];
	struct peal_simmoved moved;
};

/* The core of a shard of the process. */
static inline struct peal_core *
peal_simnode_core(struct peal_simnode *simnode, uint8_t shard)
{
	return shard == 0 ? &simnode->core : &simnode->others[shard - 1U].core;
}

/* Memory for one node, of which only what is touched counts; and back. */
struct peal_simnode *peal_simnode_allocate(void);
void peal_simnode_free(struct peal_simnode *simnode);

/* Prepares node `index`, down. */
void peal_simnode_init(
	struct peal_simnode *simnode, const struct peal_simnode_config *config, uint16_t index);

/* The name of the cluster, as all nodes have it. Static. */
const char *peal_simnode_cluster_name(void);
/* The address of node `index`, without its MAC: what a configuration file would say. */
struct peal_address peal_simnode_address(uint16_t index);
/* From here on nodes have IPv6 addresses with the same last 32 bits, or (at first) IPv4 ones. Of
 * the whole process: the worlds of a run are alike. */
void peal_simnode_set_ipv6(bool is_ipv6);
/* The node that has an address, or UINT16_MAX. */
uint16_t peal_simnode_find_ipv4(uint32_t ipv4);

/* Starts the process: a new incarnation that joins. Asserts that it is down. */
void peal_simnode_start(struct peal_simnode *simnode);
/* Ends it at once. Idempotent. */
void peal_simnode_crash(struct peal_simnode *simnode);
/* Stops the whole process, or lets it go on with everything that fell due. Idempotent. */
void peal_simnode_set_paused(struct peal_simnode *simnode, bool is_paused);
/* The same for the control thread alone. */
void peal_simnode_set_stuck(struct peal_simnode *simnode, bool is_stuck);
/* Asks the node to leave gracefully. */
void peal_simnode_leave(struct peal_simnode *simnode);

/* Its cores take a turn soon: what is above them has something to say. */
void peal_simnode_prompt(struct peal_simnode *simnode);

/* A frame was queued at its port. */
void peal_simnode_on_frame(struct peal_simnode *simnode);
/* Events due. Return true when the turn or the step was really taken. */
bool peal_simnode_on_turn(struct peal_simnode *simnode, uint8_t shard, uint64_t at_ns);
bool peal_simnode_on_step(struct peal_simnode *simnode, uint64_t at_ns);

/* True when it is up and a member of a view, in its own opinion. */
bool peal_simnode_is_member(const struct peal_simnode *simnode);
/* Asks a node that is up for an order group, as an operator would. */
enum peal_ordergroup_answer peal_simnode_create_ordergroup(
	struct peal_simnode *simnode, const struct peal_ordergroup *group);
/* True when the machine asks to be called at once although it does nothing: a timer that spins. */
bool peal_simnode_is_spinning(const struct peal_simnode *simnode);

#endif
