/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Channels, broadcast and order groups of a home core, their memory, and their users: applications
 * with their process groups, and load.
 *
 * 170 MiB of room, most of which is never touched where there is little traffic: take it from
 * memory that comes page by page. Fields are private to the machines that they are.
 */
#ifndef PEAL_DATAPLANE_TRAFFIC_H
#define PEAL_DATAPLANE_TRAFFIC_H

#include "base/clientlimits.h"
#include "base/messagelimits.h"
#include "dataplane/core.h"

/* Messages that were accepted and are not acknowledged: of one channel, and of broadcast. */
#define PEAL_TRAFFIC_CHANNEL_SIZE PEAL_CLIENT_QUEUE_SIZE
#define PEAL_TRAFFIC_CAST_SIZE    (UINT32_C(1) << 20)

/* Buffers for early frames of channels: PEAL_FRAMEPOOL_MAX of them, or as many as fit here where
 * the port's MTU makes them large: eight windows. */
#define PEAL_TRAFFIC_FRAMES_SIZE (8U * PEAL_CHANNEL_WINDOW * PEAL_LARGE_BODY_SIZE_MAX)

/* Time-outs of channels: the lower end follows round trips of tens of microseconds. */
#define PEAL_TRAFFIC_RTO_NS_MIN (UINT64_C(50) * 1000U)
#define PEAL_TRAFFIC_RTO_NS_MAX (UINT64_C(100) * 1000000U)

struct peal_traffic {
	struct peal_channels channels;
	struct peal_cast cast;
	struct peal_load load;
	struct peal_clients clients;
	struct peal_procgroups groups;
	struct peal_orders orders;
	_Alignas(64) uint8_t channel_queues[PEAL_CHANNELS_MAX][PEAL_TRAFFIC_CHANNEL_SIZE];
	_Alignas(64) uint8_t cast_queue[PEAL_TRAFFIC_CAST_SIZE];
	uint8_t channel_frames[PEAL_TRAFFIC_FRAMES_SIZE];
	uint8_t cast_frames[PEAL_CAST_FRAMES_MAX][PEAL_BODY_SIZE_MAX];
	_Alignas(64) uint8_t order_frames[PEAL_ORDERS_FRAMES_SIZE];
};

/*
 * Makes `traffic` that of the home core of a node and enters it into its `config`. Before
 * peal_core_init; `config` has the port and the address.
 *
 * @param shards_count  cores of the node: channels that live on others are not this core's
 * @param first_epoch  of the channels' streams: above all that this node used before, >= 1
 */
void peal_traffic_init(struct peal_traffic *traffic, struct peal_core *core,
	struct peal_core_config *config, uint8_t shards_count, uint64_t first_epoch);

#endif
