/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/duo.h"

#include <stdlib.h>

/* Control, which only ever says which view there is. */
static uint32_t
pop(void *state, struct peal_record *records, uint32_t capacity)
{
	struct peal_duo *duo = state;

	(void)capacity;
	if (duo->core.peers == &duo->peers) {
		return 0;
	}
	records[0] = (struct peal_record){.kind = PEAL_RECORD_VIEW,
		.generation = duo->peers.generation,
		.peers = &duo->peers};
	return 1;
}

static uint32_t
push(void *state, const struct peal_record *records, uint32_t count)
{
	(void)state;
	(void)records;
	return count;
}

static bool
accepts(void *state, uint64_t mid, uint16_t number)
{
	(void)state;
	(void)mid;
	(void)number;
	return true;
}

static void
opened(void *state, uint16_t channel, uint64_t mid, uint16_t number)
{
	(void)state;
	(void)channel;
	(void)mid;
	(void)number;
}

static void
finished(void *state, uint16_t channel)
{
	(void)state;
	(void)channel;
}

static void
ended(void *state, uint16_t channel, enum peal_channel_reason reason, uint64_t lost_count)
{
	(void)state;
	(void)channel;
	(void)reason;
	(void)lost_count;
	PEAL_ASSERT(!"nobody ends a channel");
}

static void
give_back(void *state, uint16_t channel, uint64_t token)
{
	(void)state;
	(void)channel;
	(void)token;
}

static void
fill_view(struct peal_duo *duo, const struct peal_duo_config *config)
{
	struct peal_peers *peers = &duo->peers;

	duo->observers[0] = 1;
	duo->topology = (struct peal_topology){.members_count = PEAL_DUO_MEMBERS_COUNT,
		.observers_count = 1,
		.observers = duo->observers};
	*peers = (struct peal_peers){.generation = 1,
		.cluster = 0xC1C2C3C4U,
		.epoch = 7,
		.next_mid = PEAL_DUO_MEMBERS_COUNT + 1U,
		.view_tag = 1,
		.self_mid = config->self + 1U,
		.self_rank = config->self,
		.members_count = PEAL_DUO_MEMBERS_COUNT,
		.observers_count = 1,
		.self_key = config->keys[config->self],
		.view = &duo->view,
		.topology = &duo->topology,
		.neighbours_count = 1,
		.neighbours = {(uint16_t)(1U - config->self)}};
	for (uint16_t rank = 0; rank < PEAL_DUO_MEMBERS_COUNT; rank++) {
		duo->members[rank] = (struct peal_member){.uuid = {.low = rank + 1U, .high = 5},
			.mid = rank + 1U,
			.address = config->addresses[rank],
			.shards_count = config->shards_count};
		peers->peers[rank] = (struct peal_peer){.mid = rank + 1U,
			.rank = rank,
			.shards_count = config->shards_count,
			.address = config->addresses[rank],
			.key = config->keys[rank]};
	}
	duo->view = (struct peal_view){.epoch = 7,
		.next_mid = PEAL_DUO_MEMBERS_COUNT + 1U,
		.members_count = PEAL_DUO_MEMBERS_COUNT,
		.members = duo->members};
	peal_peers_index(peers);
}

static void
open_channels(struct peal_duo *duo, const struct peal_duo_config *config)
{
	const struct peal_channels_config channels = {.egress = &duo->core.egress,
		.counters = &duo->core.counters,
		.user = {.accepts = accepts,
			.opened = opened,
			.deliver = config->deliver,
			.finished = finished,
			.ended = ended,
			.release = config->release == NULL ? give_back : config->release,
			.state = config->state},
		.queue_bytes = duo->queues,
		.queue_capacity = PEAL_DUO_QUEUE_SIZE,
		.frame_bytes = duo->frames,
		.frames_count = PEAL_DUO_FRAMES_COUNT,
		.frame_size = config->port.mtu > PEAL_MTU_MIN ? (uint16_t)PEAL_LARGE_BODY_SIZE_MAX
							      : (uint16_t)PEAL_BODY_SIZE_MAX,
		.rto_ns_min = 50000,
		.rto_ns_max = 1000000,
		.first_epoch = 1,
		.is_coalescing = config->is_coalescing,
		.shard = config->shard,
		.shards_count = config->shards_count};

	peal_channels_init(&duo->channels, &channels);
}

void
peal_duo_init(struct peal_duo *duo, const struct peal_duo_config *config)
{
	struct peal_core_config core = {.port = config->port,
		.plane = &duo->plane,
		.timing = config->timing,
		.aead = config->aead,
		.pre_key = *config->pre_key,
		.address = config->addresses[config->self],
		.seed = {1, 2, 3 + config->shard, config->self},
		.shard = config->shard,
		.shards_count = config->shards_count,
		.rings = config->rings,
		.channels = &duo->channels};

	PEAL_ASSERT(config->self < PEAL_DUO_MEMBERS_COUNT);
	duo->queues = calloc(PEAL_CHANNELS_MAX, PEAL_DUO_QUEUE_SIZE);
	PEAL_ASSERT(duo->queues != NULL);
	duo->plane.down = (struct peal_plane_ring){.pop = pop, .state = duo};
	duo->plane.up = (struct peal_plane_ring){.push = push, .state = duo};
	duo->plane.down_buffers = duo->buffers[0];
	duo->plane.up_buffers = duo->buffers[1];
	fill_view(duo, config);
	open_channels(duo, config);
	peal_core_init(&duo->core, &core, config->now_ns);
	peal_core_turn(&duo->core, config->now_ns);
}

void
peal_duo_fini(struct peal_duo *duo)
{
	peal_core_fini(&duo->core);
	free(duo->queues);
}
