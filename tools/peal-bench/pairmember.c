/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/pairmember.h"

#include "wire/crypto/aead_open.h"

#include <stdlib.h>
#include <string.h>

#define CHANNEL_NUMBER 1U
#define FIRST_IPV4     0x0A4D0001U /* 10.77.0.1 */
#define UDP_PORT       7400U
#define CLUSTER        0xBE7C4BE7U
#define FRAMES_COUNT   64U
/* Above every stall that a shared machine is known for: nobody is to be found dead here. */
#define GRACE_NS UINT64_C(3600000000000)
/* Round trips of links inside one machine are microseconds. */
#define RTO_NS_MIN UINT64_C(50000)
#define RTO_NS_MAX UINT64_C(10000000)

static uint32_t
pop(void *state, struct peal_record *records, uint32_t capacity)
{
	struct peal_pairmember *member = state;

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

static bool
accepts(void *state, uint64_t mid, uint16_t number)
{
	(void)state;
	(void)mid;
	return number == CHANNEL_NUMBER;
}

static void
opened(void *state, uint16_t channel, uint64_t mid, uint16_t number)
{
	struct peal_pairmember *member = state;

	(void)mid;
	(void)number;
	member->channel = channel;
}

static void
deliver(void *state, uint16_t channel, const struct peal_delivery *delivery)
{
	struct peal_pairmember *member = state;

	(void)channel;
	member->user.deliver(member->user.state, member, delivery);
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
	struct peal_pairmember *member = state;

	(void)channel;
	(void)reason;
	(void)lost_count;
	member->channel = PEAL_CHANNEL_NONE;
	member->is_ended = true;
}

static void
give_back(void *state, uint16_t channel, uint64_t token)
{
	struct peal_pairmember *member = state;

	(void)channel;
	if (member->user.release != NULL) {
		member->user.release(member->user.state, token);
	}
}

static struct peal_address
find_address(const struct peal_pairmember_config *config, uint32_t side)
{
	struct peal_address address = {.ipv4 = FIRST_IPV4 + side, .port = UDP_PORT};

	memcpy(address.mac, config->macs[side], sizeof(address.mac));
	return address;
}

static void
make_view(struct peal_pairmember *member, const struct peal_pairmember_config *config,
	uint64_t now_ns)
{
	struct peal_peers *peers = &member->peers;

	member->observers[0] = 1;
	member->topology = (struct peal_topology){
		.members_count = PEAL_BENCHARGS_SIDES_COUNT,
		.observers_count = 1,
		.observers = member->observers,
	};
	*peers = (struct peal_peers){
		.generation = 1,
		.cluster = CLUSTER,
		.epoch = 1,
		.next_mid = PEAL_BENCHARGS_SIDES_COUNT + 1U,
		.view_tag = 1,
		.self_mid = config->side + 1U,
		.self_rank = (uint16_t)config->side,
		.members_count = PEAL_BENCHARGS_SIDES_COUNT,
		.observers_count = 1,
		.self_key = &member->keys[config->side],
		.topology = &member->topology,
		.neighbours_count = 1,
		.neighbours = {(uint16_t)(1U - config->side)},
	};
	for (uint32_t i = 0; i < PEAL_BENCHARGS_SIDES_COUNT; i++) {
		peers->peers[i] = (struct peal_peer){
			.mid = i + 1U,
			.rank = (uint16_t)i,
			.is_subject = i != config->side,
			.grace_until_ns = now_ns + GRACE_NS,
			.address = find_address(config, i),
			.key = &member->keys[i],
		};
	}
	peal_peers_index(peers);
}

static bool
get_memory(struct peal_pairmember *member, struct peal_sentence *error)
{
	member->queues = calloc(PEAL_CHANNELS_MAX, PEAL_PAIRMEMBER_QUEUE_SIZE);
	member->frames = calloc(FRAMES_COUNT, PEAL_LARGE_BODY_SIZE_MAX);
	member->buffers = calloc(2U * (size_t)PEAL_PLANE_BUFFERS_MAX, PEAL_PLANE_BUFFER_SIZE);
	return (member->queues != NULL && member->frames != NULL && member->buffers != NULL) ||
	       peal_sentence_set(error, "there is no memory left");
}

static void
start_core(struct peal_pairmember *member, const struct peal_pairmember_config *config,
	uint64_t now_ns)
{
	uint8_t(*buffers)[PEAL_PLANE_BUFFER_SIZE] =
		(uint8_t(*)[PEAL_PLANE_BUFFER_SIZE])member->buffers;
	const struct peal_channels_config channels = {
		.egress = &member->core.egress,
		.counters = &member->core.counters,
		.user =
			{
				.accepts = accepts,
				.opened = opened,
				.deliver = deliver,
				.finished = finished,
				.ended = ended,
				.release = give_back,
				.state = member,
			},
		.queue_bytes = member->queues,
		.queue_capacity = PEAL_PAIRMEMBER_QUEUE_SIZE,
		.frame_bytes = member->frames,
		.frames_count = FRAMES_COUNT,
		.frame_size = config->port.mtu > PEAL_MTU_MIN ? (uint16_t)PEAL_LARGE_BODY_SIZE_MAX
							      : (uint16_t)PEAL_BODY_SIZE_MAX,
		.rto_ns_min = RTO_NS_MIN,
		.rto_ns_max = RTO_NS_MAX,
		.first_epoch = 1,
		.is_coalescing = config->is_coalescing,
	};
	struct peal_core_config core = {
		.port = config->port,
		.plane = &member->plane,
		.timing = &member->timing,
		.aead = member->aead,
		.address = find_address(config, config->side),
		.seed = {1, 2, 3, config->side},
		.channels = &member->channels,
	};

	memcpy(&core.pre_key, &member->keys[0], sizeof(core.pre_key));
	member->plane.down = (struct peal_plane_ring){.pop = pop, .state = member};
	member->plane.up = (struct peal_plane_ring){.push = push, .state = member};
	member->plane.down_buffers = buffers;
	member->plane.up_buffers = buffers + PEAL_PLANE_BUFFERS_MAX;
	peal_channels_init(&member->channels, &channels);
	peal_core_init(&member->core, &core, now_ns);
}

bool
peal_pairmember_init(struct peal_pairmember *member, const struct peal_pairmember_config *config,
	uint64_t now_ns, struct peal_sentence *error)
{
	bool is_known = peal_timing_find("dpdk", &member->timing);

	PEAL_ASSERT(is_known);
	PEAL_ASSERT(config->side < PEAL_BENCHARGS_SIDES_COUNT);
	member->channel = PEAL_CHANNEL_NONE;
	member->user = config->user;
	if (!peal_aead_open(config->is_sealed ? NULL : "none", &member->aead)) {
		return peal_sentence_set(error, "there is no AEAD on this machine");
	}
	for (uint32_t i = 0; i < PEAL_BENCHARGS_SIDES_COUNT; i++) {
		member->aead.expand(member->aead.state, config->raw_keys[i], &member->keys[i]);
	}
	if (!get_memory(member, error)) {
		return false;
	}
	make_view(member, config, now_ns);
	start_core(member, config, now_ns);
	return true;
}

void
peal_pairmember_fini(struct peal_pairmember *member)
{
	if (member->core.egress.txqueue.port.ops != NULL) {
		peal_core_fini(&member->core);
	}
	peal_aead_close(&member->aead);
	for (uint32_t i = 0; i < PEAL_BENCHARGS_SIDES_COUNT; i++) {
		peal_aead_wipe(&member->keys[i]);
	}
	free(member->queues);
	free(member->frames);
	free(member->buffers);
}

void
peal_pairmember_open_channel(struct peal_pairmember *member)
{
	enum peal_channel_result result = peal_channels_open(
		&member->channels, PEAL_BENCHARGS_SIDES_COUNT, CHANNEL_NUMBER, &member->channel);

	PEAL_ASSERT(result == PEAL_CHANNEL_OK);
}
