/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Compile-time bounds of what applications may have, each with its reason; see base/limits.h.
 *
 * A daemon tells sizes to a client when it comes, so the two may differ in these.
 */
#ifndef PEAL_BASE_CLIENTLIMITS_H
#define PEAL_BASE_CLIENTLIMITS_H

#include "base/limits.h"

/* Applications that one core serves: a bit of one word each. */
#define PEAL_CLIENTS_MAX 64U

/* Rings of one client: what it says, and what it is told. Down there is room for all that peers
 * were granted beforehand, in the smallest messages. Both are taken when a client comes. */
#define PEAL_CLIENT_UP_SIZE   (UINT32_C(1) << 19)
#define PEAL_CLIENT_DOWN_SIZE (UINT32_C(1) << 21)

/* Channels of one client: places of seven bits, half of them for those that peers open. */
#define PEAL_CLIENT_CHANNELS_MAX 128U

/* In place of a place: of any channel. */
#define PEAL_CLIENT_PLACE_ANY UINT32_MAX

/* Messages of one channel that were accepted and not acknowledged; a client counts along. */
#define PEAL_CLIENT_QUEUE_SIZE (UINT32_C(1) << 18)

/* Numbers that one client listens on. */
#define PEAL_CLIENT_LISTENS_MAX 16U

/* Services: numbers that requests go to. Each has a block of channel numbers, from the first one
 * on, for two members may have as many channels of a service as they have clients that ask for it:
 * the place of the client at its node, and PEAL_CLIENTS_MAX more when its member is the higher one.
 */
#define PEAL_CLIENT_SERVICES_MAX   256U
#define PEAL_CLIENT_SERVICE_BLOCK  (2U * PEAL_CLIENTS_MAX)
#define PEAL_CLIENT_SERVICES_LOWER 0x7000U
#define PEAL_CLIENT_SERVICES_UPPER                                                                 \
	(PEAL_CLIENT_SERVICES_LOWER + PEAL_CLIENT_SERVICES_MAX * PEAL_CLIENT_SERVICE_BLOCK)

/* Largest message of a client: larger ones would hold up what stands behind them. */
#define PEAL_CLIENT_MESSAGE_SIZE_MAX 65536U

/* Lanes, rings between two clients of a node without the core: of one client, since who sleeps says
 * so in each; of two clients with each other; of a core, 1 MiB of memory each. And the bytes of a
 * ring, one for each direction: four times a message, and as much again as a queue has. */
#define PEAL_CLIENT_LANES_MAX      8U
#define PEAL_CLIENT_LANES_PAIR_MAX 4U
#define PEAL_LANES_MAX             64U
#define PEAL_CLIENT_LANE_SIZE      (UINT32_C(1) << 19)

/* Latest values of a member: numbers, and bytes of each. What broadcast has room for, less the
 * eight bytes that tell them from messages. */
#define PEAL_CLIENT_VALUES_MAX     16U
#define PEAL_CLIENT_VALUE_SIZE_MAX 1016U

/* Order groups that one client may have open: all that there can be. */
#define PEAL_CLIENT_ORDERS_MAX PEAL_ORDERGROUPS_MAX

/* How long a core waits for a wish for an order group before it looks again: 20 ms, which is what
 * an operator's tool takes too; the cut that it becomes takes about as long. */
#define PEAL_CLIENT_WISH_NS (UINT64_C(20) * 1000000U)

/* Values that are written to one client in one turn. */
#define PEAL_CLIENT_VALUES_BURST_MAX 32U

/* Records of one client, and their bytes, that a core takes in one turn: what it costs the others
 * of that core. */
#define PEAL_CLIENT_RECORDS_BURST_MAX 64U
#define PEAL_CLIENT_BYTES_BURST_MAX   131072U

/* So often in a row another client must say something than before, and a few records only, for that
 * to be a conversation of two. */
#define PEAL_CLIENT_TURNS_MIN    3U
#define PEAL_CLIENT_TURN_RECORDS 4U

/* Messages between two clients of a node that are moved in one go, and how many of them cost about
 * as much as another record. */
#define PEAL_CLIENT_MOVES_BURST_MAX 256U
#define PEAL_CLIENT_MOVES_A_RECORD  8U

/* Bytes of broadcasts that a client has in its turn when others wait: one large message. */
#define PEAL_CLIENT_CAST_TURN_SIZE PEAL_CLIENT_MESSAGE_SIZE_MAX

/* Channels that one client may open at once, which are all that it has places for; and the time
 * that each further one takes it, for a channel costs the peers a frame or two however soon it is
 * reset. Clients that go on opening share that: each takes so many times longer. */
#define PEAL_CLIENT_OPENS_BURST (PEAL_CLIENT_CHANNELS_MAX / 2U)
#define PEAL_CLIENT_OPEN_NS     UINT64_C(10000)

/* Channels of a client that is gone which a core ends in one turn. */
#define PEAL_CLIENT_ENDS_BURST_MAX 8U

/* Members in one piece of a view for a client, and pieces in one turn. */
#define PEAL_CLIENT_MEMBERS_BURST_MAX 32U
#define PEAL_CLIENT_PIECES_BURST_MAX  4U

/* Frames that all peers of one client together may have been granted: with the smallest messages
 * one of them takes 6 KiB of the ring down. */
#define PEAL_CLIENT_FRAMES_MAX 256U

_Static_assert(PEAL_CLIENTS_MAX == 64U, "a set of clients is one word");
_Static_assert(PEAL_LANES_MAX == 64U, "a set of lanes is one word");
_Static_assert(PEAL_CLIENT_CHANNELS_MAX == 128U, "a place has seven bits of a tag");
_Static_assert(PEAL_CLIENT_FRAMES_MAX * 6144U <= PEAL_CLIENT_DOWN_SIZE / 4U * 3U,
	"what was granted to peers of a client fits, and some broadcast beside it");
_Static_assert(PEAL_CLIENT_SERVICES_LOWER % PEAL_CLIENT_SERVICE_BLOCK == 0,
	"a block begins where its lowest bits are zero");
_Static_assert(PEAL_CLIENT_MESSAGE_SIZE_MAX + 64U <= PEAL_CLIENT_UP_SIZE / 4U,
	"the largest message of a client is a record");

#endif
