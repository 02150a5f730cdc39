/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lanes of the clients of a core: rings between two of them (shm/shmlane.h), for which a loop
 * (dataplane/channelloop.h) is the way around, and says when it ends. The core never touches their
 * memory; the door makes it, and is asked for one thing at a time. Who owes an answer is offered
 * nothing more, so nobody fills a socket by not looking at it.
 *
 *     lane      owner  on
 *     WANTED    core   a loop was opened; neither client owes an answer -> MAKING
 *     MAKING    door   own regions were sent -> MADE
 *     MADE      core   both have mapped them -> MAPPED
 *     MAPPED    core   -> HANDING
 *     HANDING   door   sealed, and those of the other side were sent -> HANDED
 *     HANDED    core   both have mapped them -> READY
 *     READY     core   used, until the loop ends or a client finds it broken
 *     ENDING    core   the loop has ended, or somebody refused -> RELEASING
 *     RELEASING door   descriptors were closed -> FREE
 *
 * Plain structs, private to dataplane/clients*; one core, but for the task of the door.
 */
#ifndef PEAL_DATAPLANE_CLIENTSLANE_H
#define PEAL_DATAPLANE_CLIENTSLANE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* How far an end of a loop is with what it says over its lane. */
enum peal_clients_lane_use {
	PEAL_CLIENTS_LANE_UNUSED = 0,
	PEAL_CLIENTS_LANE_USE_DUE, /* it says nothing more to the core, but that has not arrived */
	PEAL_CLIENTS_LANE_IN_USE,  /* the other end was told */
};

enum peal_clients_lane_state {
	PEAL_CLIENTS_LANE_FREE = 0,
	PEAL_CLIENTS_LANE_WANTED,
	PEAL_CLIENTS_LANE_MAKING,
	PEAL_CLIENTS_LANE_MADE,
	PEAL_CLIENTS_LANE_MAPPED,
	PEAL_CLIENTS_LANE_HANDING,
	PEAL_CLIENTS_LANE_HANDED,
	PEAL_CLIENTS_LANE_READY,
	PEAL_CLIENTS_LANE_ENDING,
	PEAL_CLIENTS_LANE_RELEASING,
};

/* An end of a lane. */
struct peal_clients_lane_end {
	uint8_t client; /* place */
	uint8_t place;  /* of its channel */
	uint16_t tag;
	uint32_t number; /* of the client */
};

/* A lane between two clients: who opened the loop, and who listens. */
struct peal_clients_lane {
	uint32_t id;        /* never that of another lane of this core */
	uint8_t state;      /* enum peal_clients_lane_state */
	uint8_t taken_mask; /* ends that have answered */
	bool is_over;       /* the loop has ended, or an end has refused */
	struct peal_clients_lane_end ends[2];
};

/* What the door is to do about a lane. */
enum peal_clients_lane_task {
	PEAL_CLIENTS_LANE_MAKE = 0, /* regions; to each its own */
	PEAL_CLIENTS_LANE_HAND,     /* seal them; to each that of the other, and a bell */
	PEAL_CLIENTS_LANE_RELEASE,  /* all that there is of it */
};

enum peal_clients_lane_ask_state {
	PEAL_CLIENTS_LANE_ASK_NONE = 0, /* core: there is none */
	PEAL_CLIENTS_LANE_ASKED,        /* door: it does it, and answers */
	PEAL_CLIENTS_LANE_ANSWERED,     /* core */
};

/* A task on its way from the core to the door and back: one at a time. */
struct peal_clients_lane_ask {
	_Atomic uint32_t state; /* enum peal_clients_lane_ask_state */
	uint32_t task;          /* enum peal_clients_lane_task */
	uint32_t lane;          /* place */
	uint32_t id;            /* of the lane */
	uint32_t clients[2];    /* places */
	uint32_t sent_mask;     /* answer: to whom a packet was sent */
};

struct peal_clients;

/* Door, after `tell`: what is to be done about a lane; NULL: nothing. */
const struct peal_clients_lane_ask *peal_clients_find_lane_ask(struct peal_clients *clients);
/* Door: it was done, as far as it could be; then ring at the core. `sent_mask`: a bit for each
 * client, in the order of the task, to whom a packet was sent. */
void peal_clients_answer_lane_ask(struct peal_clients *clients, uint32_t sent_mask);

#endif
