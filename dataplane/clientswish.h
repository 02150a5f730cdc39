/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Wishes of the clients of a core for order groups that are not there yet: the door asks control.
 *
 * Plain structs, private to dataplane/clients*; one core, but for the wish that the door has.
 */
#ifndef PEAL_DATAPLANE_CLIENTSWISH_H
#define PEAL_DATAPLANE_CLIENTSWISH_H

#include "wire/ordergroup.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* What a client wishes for: one group at a time. */
struct peal_client_wish {
	uint8_t place; /* of its order groups */
	bool is_due;
	uint64_t at_ns; /* when to ask again */
	struct peal_ordergroup group;
};

/* Who has the wish that is being asked for. */
enum peal_clients_wish_state {
	PEAL_CLIENTS_WISH_NONE = 0, /* core: there is none */
	PEAL_CLIENTS_WISH_ASKED,    /* door: it asks, and answers */
	PEAL_CLIENTS_WISH_ANSWERED, /* core */
};

/* What comes of it. */
enum peal_clients_wish_answer {
	PEAL_CLIENTS_WISH_WAITS = 0, /* or it is there: the next view tells */
	PEAL_CLIENTS_WISH_TAKEN,
	PEAL_CLIENTS_WISH_NO_MEMBER,
	PEAL_CLIENTS_WISH_FULL,
	PEAL_CLIENTS_WISH_OUTSIDE, /* this node is no member */
	PEAL_CLIENTS_WISH_ANSWERS_COUNT
};

/* A wish on its way from the core to the door and back. */
struct peal_clients_wish {
	_Atomic uint32_t state; /* enum peal_clients_wish_state */
	uint32_t answer;        /* enum peal_clients_wish_answer */
	uint32_t client;        /* its place, and its number */
	uint32_t number;
	struct peal_ordergroup group;
};

#endif
