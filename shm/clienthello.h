/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a client and a daemon say on the socket, until both have mapped what they share.
 *
 * On the socket (SOCK_SEQPACKET, one struct a packet, no padding):
 *
 *     client HELLO -> daemon WELCOME with descriptors, or a refusal and the end
 *     client READY (mapped, death word held) -> the core begins to look at its ring; nobody can map
 *                                              `up` for writing any more
 *
 * After that the client says nothing more there; that it hangs up is the news. With version 3 the
 * daemon sends LANE packets, each of which a record LANE_MADE (clientmsg.h) tells of: nobody looks
 * at the socket before that.
 */
#ifndef PEAL_SHM_CLIENTHELLO_H
#define PEAL_SHM_CLIENTHELLO_H

#include "base/clientlimits.h"

#include <stdint.h>

#define PEAL_CLIENT_MAGIC UINT32_C(0x6c616570)
/* Versions of this page and of clientmsg.h. Each side says the range that it knows; the highest
 * common one holds. 3 has lanes. */
#define PEAL_CLIENT_VERSION_MIN   2U
#define PEAL_CLIENT_VERSION_MAX   3U
#define PEAL_CLIENT_VERSION_LANES 3U

enum peal_client_packet {
	PEAL_CLIENT_HELLO = 1,
	PEAL_CLIENT_WELCOME = 2,
	PEAL_CLIENT_READY = 3,
	PEAL_CLIENT_LANE = 4,
};

/* Why a client was not welcomed; the text says the same to people. */
enum peal_client_status {
	PEAL_CLIENT_WELCOMED = 0,
	PEAL_CLIENT_FORBIDDEN = 1, /* this user may not */
	PEAL_CLIENT_VERSION = 2,   /* no version in common */
	PEAL_CLIENT_CROWDED = 3,   /* PEAL_CLIENTS_MAX are here */
	PEAL_CLIENT_MALFORMED = 4,
	PEAL_CLIENT_NO_MEMORY = 5,
	PEAL_CLIENT_STATUSES,
};

struct peal_client_hello {
	uint32_t magic;
	uint16_t packet;
	uint16_t version_min;
	uint16_t version_max;
	uint16_t reserved;
	char name[PEAL_NAME_SIZE_MAX + 1U]; /* for people; any bytes, cut at the first zero */
};

/* With it come descriptors, in this order: up, down, page, to ring at the core (eight bytes into a
 * pipe, of which it is both ends: who rings takes old rings out when it is full), to be rung (an
 * epoll that has an event for each ring, to which the client may add what else it waits for; it
 * never gets what is rung, for with that it could make the core wait). */
#define PEAL_CLIENT_DESCRIPTORS 5U
/* The core never sleeps: nobody need look whether to ring. */
#define PEAL_CLIENT_FLAG_AWAKE 0x1U
/* Clients of this node may hold others back. */
#define PEAL_CLIENT_FLAG_HOLD 0x2U
/* What this client may not do, of PEAL_CLIENT_MAY_*: the core cuts off who does it all the same. */
#define PEAL_CLIENT_FLAG_FORBIDDEN(acts)  ((uint16_t)((acts) << 8))
#define PEAL_CLIENT_FORBIDDEN_ACTS(flags) ((uint32_t)(flags) >> 8 & PEAL_CLIENT_MAY_ALL)

#define PEAL_CLIENT_MAY_CHANNELS  0x1U  /* open them, and listen */
#define PEAL_CLIENT_MAY_BROADCAST 0x2U  /* send to all, set values, and hear either */
#define PEAL_CLIENT_MAY_SERVICES  0x4U  /* serve and ask */
#define PEAL_CLIENT_MAY_GROUPS    0x8U  /* join groups; which ones is another question */
#define PEAL_CLIENT_MAY_ORDERS    0x10U /* open order groups, and have them created */
#define PEAL_CLIENT_MAY_ALL       0x1FU

struct peal_client_welcome {
	uint32_t magic;
	uint16_t packet;
	uint16_t version; /* chosen */
	uint16_t status;  /* enum peal_client_status */
	uint16_t flags;
	uint32_t generation; /* of the place that this client has */
	uint64_t session;    /* random; never that of another life */
	uint32_t up_size;    /* capacities of the rings */
	uint32_t down_size;
	uint32_t queue_size; /* of a channel in the core: credit that is not used */
	uint32_t message_size_max;
	char text[128];
};

struct peal_client_ready {
	uint32_t magic;
	uint16_t packet;
	uint16_t reserved;
	uint64_t session;
};

/*
 * A lane (shm/shmlane.h) in two steps, for a region can be mapped for writing only until it is
 * sealed, and the other side gets it only then. With the first step comes the own region; with the
 * second that of the other side, and what to ring at it (a pipe as above; the epoll that the client
 * waits for has the one that it is rung by, as an event of `lane`).
 */
enum peal_client_lane_step { PEAL_CLIENT_LANE_OWN = 0, PEAL_CLIENT_LANE_OTHERS = 1 };

#define PEAL_CLIENT_LANE_DESCRIPTORS 2U

struct peal_client_lane {
	uint32_t magic;
	uint16_t packet;
	uint16_t step; /* enum peal_client_lane_step */
	uint32_t lane; /* never 0; later ones are higher */
	uint32_t size; /* of a ring */
};

#endif
