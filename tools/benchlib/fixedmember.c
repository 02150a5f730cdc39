/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/benchlib/fixedmember.h"

#include <stdlib.h>
#include <string.h>

#define FRAMES_COUNT 64U
#define CLUSTER      0xBE7C4BE7U
#define EPOCH        7U
/* Round trips of links inside one machine are microseconds. */
#define RTO_NS_MIN UINT64_C(50000)

/* Control, which only ever says which view there is. */
static uint32_t
pop(void *state, struct peal_record *records, uint32_t capacity)
{
	struct peal_fixedmember *member = state;

	(void)capacity;
	if (member->core.peers == &member->peers) {
		return 0;
	}
	records[0] = (struct peal_record){.kind = PEAL_RECORD_VIEW,
		.generation = member->peers.generation,
		.peers = &member->peers};
	return 1;
}

/* Nobody is above. */
static uint32_t
push(void *state, const struct peal_record *records, uint32_t count)
{
	(void)state;
	(void)records;
	return count;
}

/* --- what becomes of what nobody looks at --- */

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
cast_view(void *state, uint64_t epoch, uint32_t view_tag)
{
	(void)state;
	(void)epoch;
	(void)view_tag;
}

static void
cast_ended(void *state, uint64_t lost_count)
{
	(void)state;
	(void)lost_count;
	PEAL_ASSERT(!"nobody leaves the view");
}

static void
cast_give_back(void *state, uint64_t token)
{
	(void)state;
	(void)token;
}

#define CHOOSE(own, ours) ((own) != NULL ? (own) : (ours))

static void
open_channels(struct peal_fixedmember *member, const struct peal_fixedmember_config *config)
{
	const struct peal_channel_user *user = &config->user;
	const struct peal_channels_config channels = {.egress = &member->core.egress,
		.counters = &member->core.counters,
		.user = {.accepts = CHOOSE(user->accepts, accepts),
			.opened = CHOOSE(user->opened, opened),
			.deliver = user->deliver,
			.finished = CHOOSE(user->finished, finished),
			.ended = CHOOSE(user->ended, ended),
			.release = CHOOSE(user->release, give_back),
			.state = user->state},
		.queue_bytes = member->queues,
		.queue_capacity = config->queue_size,
		.frame_bytes = member->frames,
		.frames_count = FRAMES_COUNT,
		.frame_size = config->port.mtu > PEAL_MTU_MIN ? (uint16_t)PEAL_LARGE_BODY_SIZE_MAX
							      : (uint16_t)PEAL_BODY_SIZE_MAX,
		.rto_ns_min = RTO_NS_MIN,
		.rto_ns_max = config->rto_ns_max,
		.first_epoch = 1,
		.is_coalescing = config->is_coalescing,
		.shard = config->shard,
		.shards_count = config->shards_count};

	peal_channels_init(&member->channels, &channels);
}

static void
open_cast(struct peal_fixedmember *member, const struct peal_fixedmember_config *config)
{
	const struct peal_cast_user *user = &config->cast_user;
	const struct peal_cast_config cast = {.egress = &member->core.egress,
		.counters = &member->core.counters,
		.user = {.deliver = user->deliver,
			.view = CHOOSE(user->view, cast_view),
			.ended = CHOOSE(user->ended, cast_ended),
			.release = CHOOSE(user->release, cast_give_back),
			.dropped = user->dropped,
			.state = user->state},
		.queue_bytes = member->cast_queue,
		.queue_capacity = config->queue_size,
		.frame_bytes = member->cast_frames};

	if (member->cast != NULL) {
		peal_cast_init(member->cast, &cast);
	}
}

/* --- the order group --- */

static void
order_view(void *state, uint32_t group, const struct peal_orders_view *view)
{
	(void)state;
	(void)group;
	(void)view;
}

static void
order_skipped(void *state, uint32_t group, uint64_t from, uint64_t to, uint64_t own_count)
{
	(void)state;
	(void)group;
	(void)from;
	(void)to;
	(void)own_count;
}

static void
order_ended(void *state, uint32_t group, enum peal_abcast_fault fault, uint64_t lost_count)
{
	(void)state;
	(void)group;
	(void)fault;
	(void)lost_count;
	PEAL_ASSERT(!"a group that nobody leaves goes on");
}

static void
open_orders(struct peal_fixedmember *member, const struct peal_fixedmember_config *config)
{
	static const char *const names[] = {"r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9"};
	const struct peal_orders_user *user = &config->orders_user;
	const struct peal_orders_config orders = {.egress = &member->core.egress,
		.paths = &member->channels.paths,
		.counters = &member->core.counters,
		.user = {.deliver = user->deliver,
			.view = CHOOSE(user->view, order_view),
			.skipped = CHOOSE(user->skipped, order_skipped),
			.ended = CHOOSE(user->ended, order_ended),
			.state = user->state},
		.name = config->self < config->ranks_count ? names[config->self] : "none",
		.seed = config->self,
		.frame_bytes = member->order_frames};

	if (member->orders == NULL) {
		return;
	}
	member->ordergroup = (struct peal_ordergroup){
		.id = PEAL_FIXEDMEMBER_GROUP, .generation = 1, .ranks_count = config->ranks_count};
	for (uint32_t i = 0; i < config->ranks_count; i++) {
		bool is_set = peal_ordergroup_set_name(&member->ordergroup, i, names[i]);

		PEAL_ASSERT(is_set);
		member->ordergroup.ranks[i].mid = i + 1U;
	}
	member->view.ordergroups_count = 1;
	member->view.ordergroups = &member->ordergroup;
	peal_orders_init(member->orders, &orders);
}

/* --- the view --- */

static void
fill_peers(struct peal_fixedmember *member, const struct peal_fixedmember_config *config)
{
	struct peal_peers *peers = &member->peers;
	const uint16_t count = config->members_count;
	const uint16_t previous = (uint16_t)((config->self + count - 1U) % count);

	*peers = (struct peal_peers){.generation = 1,
		.cluster = CLUSTER,
		.epoch = EPOCH,
		.next_mid = count + 1U,
		.view_tag = 1,
		.self_mid = config->self + 1U,
		.self_rank = config->self,
		.members_count = count,
		.observers_count = 1,
		.self_key = config->keys[config->self],
		.view = &member->view,
		.topology = &member->topology};
	for (uint16_t rank = 0; rank < count; rank++) {
		peers->peers[rank] = (struct peal_peer){.mid = rank + 1U,
			.rank = rank,
			.is_subject = rank == previous,
			.grace_until_ns = config->now_ns + config->grace_ns,
			.shards_count = config->shards_count,
			.address = config->addresses[rank],
			.key = config->keys[rank]};
		if (rank != config->self) {
			peers->neighbours[peers->neighbours_count++] = rank;
		}
	}
	peal_peers_index(peers);
}

static void
fill_view(struct peal_fixedmember *member, const struct peal_fixedmember_config *config)
{
	const uint16_t count = config->members_count;

	for (uint16_t rank = 0; rank < count; rank++) {
		member->observers[rank] = (uint16_t)((rank + 1U) % count);
		member->places[rank] = rank;
		member->members[rank] = (struct peal_member){.uuid = {.low = rank + 1U, .high = 5},
			.mid = rank + 1U,
			.address = config->addresses[rank],
			.shards_count = config->shards_count};
	}
	member->topology = (struct peal_topology){.members_count = count,
		.observers_count = 1,
		.observers = member->observers,
		.ring_ranks = member->places,
		.ring_places = member->places};
	member->view = (struct peal_view){.epoch = EPOCH,
		.next_mid = count + 1U,
		.members_count = count,
		.members = member->members};
	fill_peers(member, config);
}

static bool
get_memory(struct peal_fixedmember *member, const struct peal_fixedmember_config *config)
{
	bool is_casting = config->cast_user.deliver != NULL;

	member->queues = calloc(PEAL_CHANNELS_MAX, config->queue_size);
	member->frames = calloc(FRAMES_COUNT, PEAL_LARGE_BODY_SIZE_MAX);
	member->buffers = calloc(2U * (size_t)PEAL_PLANE_BUFFERS_MAX, PEAL_PLANE_BUFFER_SIZE);
	if (is_casting) {
		member->cast_queue = calloc(1, config->queue_size);
		member->cast_frames = calloc(PEAL_CAST_FRAMES_MAX, PEAL_BODY_SIZE_MAX);
		member->cast = calloc(1, sizeof(*member->cast));
	}
	if (config->ranks_count > 0) {
		member->orders = calloc(1, sizeof(*member->orders));
		member->order_frames = aligned_alloc(64, PEAL_ORDERS_FRAMES_SIZE);
		if (member->orders == NULL || member->order_frames == NULL) {
			return false;
		}
	}
	return member->queues != NULL && member->frames != NULL && member->buffers != NULL &&
	       (!is_casting || (member->cast_queue != NULL && member->cast_frames != NULL &&
				       member->cast != NULL));
}

bool
peal_fixedmember_init(struct peal_fixedmember *member, const struct peal_fixedmember_config *config)
{
	struct peal_core_config core = {.port = config->port,
		.plane = &member->plane,
		.timing = config->timing,
		.aead = config->aead,
		.pre_key = *config->pre_key,
		.address = config->addresses[config->self],
		.seed = {1, 2, 3 + config->shard, config->self},
		.shard = config->shard,
		.shards_count = config->shards_count,
		.rings = config->rings,
		.channels = &member->channels};

	PEAL_ASSERT(
		config->members_count >= 2U && config->members_count <= PEAL_FIXEDMEMBER_COUNT_MAX);
	PEAL_ASSERT(config->self < config->members_count);
	PEAL_ASSERT(config->ranks_count <= config->members_count &&
		    config->ranks_count <= PEAL_ORDER_RANKS_MAX);
	if (!get_memory(member, config)) {
		return false;
	}
	core.cast = member->cast;
	core.orders = member->orders;
	member->plane.down = (struct peal_plane_ring){.pop = pop, .state = member};
	member->plane.up = (struct peal_plane_ring){.push = push, .state = member};
	member->plane.down_buffers = member->buffers;
	member->plane.up_buffers = member->buffers + PEAL_PLANE_BUFFERS_MAX;
	fill_view(member, config);
	open_channels(member, config);
	open_cast(member, config);
	open_orders(member, config);
	peal_core_init(&member->core, &core, config->now_ns);
	return true;
}

void
peal_fixedmember_fini(struct peal_fixedmember *member)
{
	if (member->core.egress.txqueue.port.ops != NULL) {
		peal_core_fini(&member->core);
	}
	free(member->queues);
	free(member->frames);
	free(member->buffers);
	free(member->cast_queue);
	free(member->cast_frames);
	free(member->cast);
	free(member->orders);
	free(member->order_frames);
}

struct peal_address
peal_fixedmember_address(uint32_t mid)
{
	return (struct peal_address){
		.ipv4 = 0x0A000000U + mid, .port = 4100, .mac = {0x02, 0, 0, 0, 0, (uint8_t)mid}};
}
