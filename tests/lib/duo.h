/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One of two members of a view that never changes: a whole core with channels and no control, for
 * benches that measure what a message costs over a port of their own.
 *
 * The keys of both, the addresses and the port are the bench's, so is what becomes of a delivered
 * message: channels call it directly. Nobody may end a channel. Memory: the caller's, 64-aligned
 * and zeroed, and the queues, from the heap. One thread.
 */
#ifndef PEAL_TESTS_LIB_DUO_H
#define PEAL_TESTS_LIB_DUO_H

#include "dataplane/core.h"

#define PEAL_DUO_MEMBERS_COUNT 2U
#define PEAL_DUO_QUEUE_SIZE    65536U
#define PEAL_DUO_FRAMES_COUNT  64U

struct peal_duo_config {
	uint16_t self; /* 0 or 1; member numbers are one above */
	struct peal_port port;
	struct peal_address addresses[PEAL_DUO_MEMBERS_COUNT]; /* with MACs */
	const struct peal_timing *timing;
	struct peal_aead aead;
	const struct peal_aead_key *pre_key;
	const struct peal_aead_key *keys[PEAL_DUO_MEMBERS_COUNT];
	bool is_coalescing;
	uint8_t shard; /* of this core, and of how many at both ends, [1, PEAL_SHARDS_MAX] */
	uint8_t shards_count;
	struct peal_resteer_rings rings; /* when there are several */
	uint64_t now_ns;
	void (*deliver)(void *state, uint16_t channel, const struct peal_delivery *delivery);
	void (*release)(void *state, uint16_t channel, uint64_t token); /* NULL = nothing is lent */
	void *state;
};

/* Fields are private, but for core and channels. */
struct peal_duo {
	struct peal_core core;
	struct peal_plane plane;
	struct peal_peers peers;
	struct peal_view view;
	struct peal_member members[PEAL_DUO_MEMBERS_COUNT];
	struct peal_topology topology;
	uint16_t observers[PEAL_DUO_MEMBERS_COUNT];
	struct peal_channels channels;
	uint8_t *queues;
	uint8_t frames[PEAL_DUO_FRAMES_COUNT * PEAL_LARGE_BODY_SIZE_MAX];
	uint8_t buffers[2][PEAL_PLANE_BUFFERS_MAX][PEAL_PLANE_BUFFER_SIZE];
};

/* Its first turn, in which it takes the view, is over when this returns. All that the configuration
 * points to outlives it. */
void peal_duo_init(struct peal_duo *duo, const struct peal_duo_config *config);
void peal_duo_fini(struct peal_duo *duo);

#endif
