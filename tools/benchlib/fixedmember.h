/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One member of a view that never changes: a whole core with its channels, with broadcast where it
 * is wanted, and no control. For benches that measure what a message costs over a port of their
 * own.
 *
 * Frames, heartbeats, channels and AEAD are those of production; only joining and agreeing are left
 * out, so that nothing but messages is measured, and each member can live in a process of its own.
 * Members stand in a ring: each is observed by the next one. Memory: the caller's, 64-aligned and
 * zeroed, some 10 MB for 64 members, and queues, frames and buffers from the heap. One thread.
 */
#ifndef PEAL_BENCHLIB_FIXEDMEMBER_H
#define PEAL_BENCHLIB_FIXEDMEMBER_H

#include "dataplane/core.h"

#define PEAL_FIXEDMEMBER_COUNT_MAX PEAL_DIRECT_MAX
#define PEAL_FIXEDMEMBER_GROUP     1U

struct peal_fixedmember_config {
	uint16_t self;          /* member numbers are one above */
	uint16_t members_count; /* [2, PEAL_FIXEDMEMBER_COUNT_MAX] */
	struct peal_port port;
	const struct peal_address *addresses; /* [members_count], with MACs */
	const struct peal_timing *timing;
	struct peal_aead aead;
	const struct peal_aead_key *pre_key;
	const struct peal_aead_key *const *keys; /* [members_count] */
	bool is_coalescing;
	uint8_t shard; /* of this core, and of how many at all members, [1, PEAL_SHARDS_MAX] */
	uint8_t shards_count;
	struct peal_resteer_rings rings; /* when there are several */
	uint32_t queue_size;             /* of a channel and of the broadcast, a power of two */
	uint64_t rto_ns_max;
	uint64_t now_ns;
	uint64_t grace_ns; /* nobody is found dead before it is over */
	/* What becomes of channels. All but deliver and state may be NULL: then every channel is
	 * accepted, nothing is lent, and none may end. */
	struct peal_channel_user user;
	/* The same of broadcasts; deliver NULL = there is no broadcast. */
	struct peal_cast_user cast_user;
	/* The same of an order group, number PEAL_FIXEDMEMBER_GROUP, whose ranks are the first
	 * members, as many as are said here; odd. 0 = there is none. */
	struct peal_orders_user orders_user;
	uint8_t ranks_count;
};

/* Fields are private, but for core, channels, cast and orders. */
struct peal_fixedmember {
	struct peal_core core;
	struct peal_plane plane;
	struct peal_peers peers;
	struct peal_view view;
	struct peal_member members[PEAL_FIXEDMEMBER_COUNT_MAX];
	struct peal_topology topology;
	uint16_t observers[PEAL_FIXEDMEMBER_COUNT_MAX];
	uint16_t places[PEAL_FIXEDMEMBER_COUNT_MAX]; /* on the only ring: each its rank */
	struct peal_channels channels;
	struct peal_cast *cast;     /* NULL = none */
	struct peal_orders *orders; /* the same */
	struct peal_ordergroup ordergroup;
	uint8_t *queues;
	uint8_t *frames;
	uint8_t *cast_queue;
	uint8_t *cast_frames;
	uint8_t *order_frames;
	uint8_t (*buffers)[PEAL_PLANE_BUFFER_SIZE];
};

/*
 * Its first turn is not taken yet: in that it takes the view. All that the configuration points to,
 * but the lists, outlives it.
 * @return false when there is no memory; fini in any case
 */
bool peal_fixedmember_init(
	struct peal_fixedmember *member, const struct peal_fixedmember_config *config);
void peal_fixedmember_fini(struct peal_fixedmember *member);
/* Of a member on a switch in memory: the last byte of its MAC is its number, 1 to 255. */
struct peal_address peal_fixedmember_address(uint32_t mid);

#endif
