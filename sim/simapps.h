/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Applications attached to the simulated nodes: the very machine of clients, broadcast and process
 * groups that production runs, and the other side of its rings.
 *
 * Clients come and go by chance, join and leave a few groups and send to them; what they are told
 * goes to check_groups.h. Or they send to all members and hear what is sent so (check_heard.h). A
 * node that ends takes its clients with it.
 */
#ifndef PEAL_SIM_SIMAPPS_H
#define PEAL_SIM_SIMAPPS_H

#include "base/prng.h"
#include "dataplane/clients.h"
#include "sim/check_groups.h"
#include "sim/check_heard.h"
#include "sim/check_total.h"

#define PEAL_SIMAPPS_CLIENTS_MAX  4U
#define PEAL_SIMAPPS_MESSAGE_SIZE 3000U
#define PEAL_SIMAPPS_LAST_SIZE    64U /* of a last word */
#define PEAL_SIMAPPS_QUEUE_SIZE   65536U
#define PEAL_SIMAPPS_MEMBERS_MAX  PEAL_CHECK_HEARD_MEMBERS

enum peal_simapp_state {
	PEAL_SIMAPP_NONE = 0,
	PEAL_SIMAPP_HERE,
	PEAL_SIMAPP_GOING, /* the core has to have done with it */
};

/* A group of a client. */
struct peal_simapp_group {
	bool is_rank;    /* by sender, or its node has a rank: it speaks */
	bool is_waiting; /* too few ranks are heard */
	bool is_in;      /* joined, and not told that it ended */
	bool is_leaving; /* asked to */
	uint16_t life;
	struct peal_check_groups_seat seat;
	struct peal_check_groups_name last; /* the view in which it said its last word */
	struct peal_check_total_seat total;
};

/* A message that comes in parts, by the node of its sender. */
struct peal_simapp_parts {
	uint32_t filled;
	uint8_t bytes[PEAL_SIMAPPS_MESSAGE_SIZE];
};

struct peal_simapp {
	enum peal_simapp_state state;
	uint32_t place;
	uint64_t node_epoch; /* of the view of nodes that it was shown */
	struct peal_shmring_writer writer;
	struct peal_shmring_reader reader;
	struct peal_simapp_group groups[PEAL_CHECK_GROUPS_NAMES];
	struct peal_simapp_parts parts[PEAL_DIRECT_MAX];
	struct peal_check_heard_seat seat;  /* of who hears broadcasts */
	uint64_t last_epoch;                /* of the view in which it said its last word */
	uint64_t parts_of[PEAL_DIRECT_MAX]; /* whose they are then; 0 = nobody's */
	_Alignas(PEAL_SHMRING_APART) uint8_t up[PEAL_REGION_UP_SIZE];
	_Alignas(PEAL_SHMRING_APART) uint8_t down[PEAL_REGION_DOWN_SIZE];
};

struct peal_simapps {
	struct peal_check_groups *check;
	struct peal_check_heard *heard;        /* NULL: they use groups */
	struct peal_check_total *total;        /* NULL: these are all by sender; else: */
	bool is_lost[PEAL_CHECK_GROUPS_NAMES]; /* nothing is promised of the end of a group */
	uint16_t index;
	bool is_quiet;     /* nobody comes, goes or says anything */
	uint32_t bursting; /* a group to which its clients say as much as they can; 0 = none */
	bool is_up;
	uint64_t gaps_count; /* times that a client was told that its node missed something */
	uint64_t mute_count; /* groups of clients at the end in which their node has no rank */
	struct peal_prng prng;
	uint64_t next_at_ns; /* of the node's clock */
	struct peal_clients clients;
	struct peal_procgroups groups;
	struct peal_cast cast;
	struct peal_load load;
	struct peal_orders orders;
	uint8_t *order_frames; /* NULL: there are no order groups */
	char name[8];
	struct peal_clients_room room;
	struct peal_client_member large[PEAL_CLIENTS_LARGE_VIEWS * PEAL_SIMAPPS_MEMBERS_MAX];
	_Alignas(PEAL_SHMRING_APART) struct peal_region_page page;
	_Alignas(8) uint8_t queue[PEAL_SIMAPPS_QUEUE_SIZE];
	uint8_t frames[PEAL_CAST_FRAMES_MAX * PEAL_BODY_SIZE_MAX];
	struct peal_simapp apps[PEAL_SIMAPPS_CLIENTS_MAX];
};

/* Memory for the applications of some nodes, of which only what is touched counts; and back. */
struct peal_simapps *peal_simapps_allocate(uint32_t count);
void peal_simapps_release(struct peal_simapps *apps, uint32_t count);

/* They have groups in total order: the first is by sender, and each other one by the order group
 * whose id is its number. Before the first start. */
void peal_simapps_add_orders(struct peal_simapps *apps, struct peal_check_total *total);

/* What a core has that applications attach to. */
struct peal_simapps_core {
	struct peal_egress *egress;
	struct peal_uplink *uplink;
	struct peal_counters *counters;
	const struct peal_plane *plane;
};

/* A process begins; it ends, and nothing is promised about what its clients said. */
void peal_simapps_start(struct peal_simapps *apps, const struct peal_simapps_core *core,
	uint64_t seed, uint64_t now_ns);
void peal_simapps_end(struct peal_simapps *apps);

/* Reads what came, and does what is due. Before the turn of the core. */
void peal_simapps_turn(struct peal_simapps *apps, uint64_t now_ns);
/* When it wants to be called; UINT64_MAX = never. */
uint64_t peal_simapps_deadline_at_ns(const struct peal_simapps *apps);

/* Reads what came, and nothing else. */
void peal_simapps_read(struct peal_simapps *apps);
/* Each client says its last word in each of its groups, or to all, unless it said one in the view
 * that it is shown. Call it again: who could not yet, or was shown another view, says it then. */
void peal_simapps_say_all(struct peal_simapps *apps);

/* simapps_heard.c: what a client that hears broadcasts does, and is told. */
void peal_simapps_act_heard(struct peal_simapps *apps, struct peal_simapp *app);
void peal_simapps_read_heard(struct peal_simapps *apps, struct peal_simapp *app);
void peal_simapps_cast_last(struct peal_simapps *apps, struct peal_simapp *app);
/* simapps_heard.c: as the last two, for these. */
bool peal_simapps_have_heard_all(struct peal_simapps *apps, uint32_t count);
void peal_simapps_check_heard(const struct peal_simapps *apps, uint32_t count);
/* simapps.c: a client attaches, ends, says something, or was told what cannot be. */
void peal_simapps_attach(struct peal_simapps *apps, struct peal_simapp *app);
void peal_simapps_part(struct peal_simapps *apps, struct peal_simapp *app);
void peal_simapps_say(struct peal_simapp *app, enum peal_client_up kind, uint16_t tag,
	const void *bytes, uint32_t size);
void peal_simapps_violate(const struct peal_simapps *apps, const char *what);
uint32_t peal_simapps_draw_size(struct peal_simapps *apps, uint32_t size_min);

/* When all is well again and everybody is quiet: true when all has come. */
bool peal_simapps_have_all(struct peal_simapps *apps, uint32_t count);
/* Notes as violations what is not as it should be then. */
void peal_simapps_check_all(struct peal_simapps *apps, uint32_t count);

#endif
