/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/traffic.h"

#include "base/hash.h"

/* The body of the largest frame that the port brings. */
static uint16_t
find_frame_size(const struct peal_core_config *config)
{
	const uint32_t headers_size = (peal_address_is_ipv6(&config->address) ? 48U : 28U) +
				      PEAL_HEADER_SIZE + PEAL_TRAILER_SIZE;

	return config->port.mtu <= PEAL_MTU_MIN ? (uint16_t)PEAL_BODY_SIZE_MAX
						: (uint16_t)(config->port.mtu - headers_size);
}

void
peal_traffic_init(struct peal_traffic *traffic, struct peal_core *core,
	struct peal_core_config *config, uint8_t shards_count, uint64_t first_epoch)
{
	const struct peal_load_config load = {
		.channels = &traffic->channels, .cast = &traffic->cast, .uplink = &core->uplink};
	const uint16_t frame_size = find_frame_size(config);
	const uint32_t frames_count = PEAL_TRAFFIC_FRAMES_SIZE / frame_size;
	const struct peal_channels_config channels = {
		.egress = &core->egress,
		.counters = &core->counters,
		.user = peal_clients_channel_user(&traffic->clients),
		.queue_bytes = traffic->channel_queues[0],
		.queue_capacity = PEAL_TRAFFIC_CHANNEL_SIZE,
		.frame_bytes = traffic->channel_frames,
		.frames_count = frames_count < PEAL_FRAMEPOOL_MAX ? (uint16_t)frames_count
								  : (uint16_t)PEAL_FRAMEPOOL_MAX,
		.frame_size = frame_size,
		.rto_ns_min = PEAL_TRAFFIC_RTO_NS_MIN,
		.rto_ns_max = PEAL_TRAFFIC_RTO_NS_MAX,
		.first_epoch = first_epoch,
		.is_coalescing = true,
		.shards_count = shards_count,
	};
	const struct peal_cast_config cast = {
		.egress = &core->egress,
		.counters = &core->counters,
		.user = peal_clients_cast_user(&traffic->clients),
		.queue_bytes = traffic->cast_queue,
		.queue_capacity = PEAL_TRAFFIC_CAST_SIZE,
		.frame_bytes = traffic->cast_frames[0],
	};

	const struct peal_clients_config clients = {.channels = &traffic->channels,
		.cast = &traffic->cast,
		.load = &traffic->load,
		.groups = &traffic->groups,
		.orders = &traffic->orders,
		.counters = &core->counters};

	const struct peal_orders_config orders = {.egress = &core->egress,
		.paths = &traffic->channels.paths,
		.counters = &core->counters,
		.user = peal_clients_order_user(&traffic->clients),
		.name = config->name != NULL ? config->name : "",
		.clock_offset_ns = config->clock_offset_ns,
		.seed = peal_hash_mix(config->seed[2] ^ config->seed[3]),
		.frame_bytes = traffic->order_frames};

	peal_orders_init(&traffic->orders, &orders);
	peal_load_init(&traffic->load, &load);
	peal_clients_init(&traffic->clients, &clients);
	peal_channels_init(&traffic->channels, &channels);
	peal_cast_init(&traffic->cast, &cast);
	config->channels = &traffic->channels;
	config->cast = &traffic->cast;
	config->orders = &traffic->orders;
	config->load = &traffic->load;
	config->clients = &traffic->clients;
}
