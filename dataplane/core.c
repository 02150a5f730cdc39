/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/core.h"

#include "base/hash.h"
#include "dataplane/link.h"
#include "dataplane/reception.h"
#include "wire/messages.h"

/* The table before the first VIEW record: no node, no peers. */
static const struct peal_peers no_peers;

static void
switch_machines(struct peal_core *core, uint64_t now_ns)
{
	const struct peal_peers *peers = core->peers;

	peal_ingress_switch(&core->ingress, peers);
	peal_egress_switch(&core->egress, peers);
	peal_relay_switch(&core->relay, peers);
	if (core->config.clients != NULL) {
		peal_clients_switch(core->config.clients, peers);
	}
	if (core->config.channels != NULL) {
		peal_channels_switch(core->config.channels, peers);
	}
	if (core->config.cast != NULL) {
		peal_cast_switch(core->config.cast, peers, now_ns);
	}
	if (core->config.orders != NULL) {
		peal_orders_switch(core->config.orders, peers, now_ns);
	}
	if (core->config.load != NULL) {
		peal_load_switch(core->config.load, peers);
	}
	peal_paths_switch(&core->paths, peers, now_ns);
	if (!peal_core_is_home(core)) {
		return;
	}
	peal_alertbatch_switch(&core->alertbatch, peers);
	peal_heartbeat_switch(&core->heartbeat, peers, now_ns);
	peal_echo_switch(&core->echo, peers);
	peal_flood_switch(&core->flood, peers);
	peal_votetree_switch(&core->votetree, peers);
	peal_streamer_switch(&core->streamer, peers);
}

/* What was heard from a peer that is gone says nothing about who has its slot now. */
static void
forget_heard(struct peal_core *core, const struct peal_peers *before)
{
	const struct peal_peers *now = core->peers;
	bool is_same_self = before->cluster == now->cluster && before->self_mid == now->self_mid;

	for (uint32_t slot = 0; slot < PEAL_SLOTS_MAX; slot++) {
		if (!is_same_self || before->peers[slot].mid != now->peers[slot].mid) {
			atomic_store_explicit(
				&core->config.plane->heard_at_ns[slot], 0, memory_order_relaxed);
		}
	}
}

/* Frames to a peer take another way, or it is heard on the one they take. */
static void
on_path(void *state, uint16_t slot, bool is_moved, uint64_t now_ns)
{
	struct peal_core *core = state;
	const struct peal_path *path = &core->paths.paths[slot];
	const struct peal_channel_way way = {.is_moved = is_moved,
		.is_round = path->via != PEAL_PEERS_NONE,
		.is_indirect = path->state == PEAL_PATH_INDIRECT};

	if (core->config.channels != NULL) {
		peal_channels_on_path(core->config.channels, slot, &way, now_ns);
	}
}

void
peal_core_init(struct peal_core *core, const struct peal_core_config *config, uint64_t now_ns)
{
	const struct peal_ingress_config ingress = {.aead = config->aead,
		.pre_key = &core->config.pre_key,
		.cluster_name = config->cluster_name,
		.address = config->address,
		.vlan = config->vlan,
		.counters = &core->counters,
		.shard = config->shard,
		.shards_count = config->shards_count};
	const struct peal_egress_config egress = {.port = config->port,
		.aead = config->aead,
		.pre_key = &core->config.pre_key,
		.cluster_name = config->cluster_name,
		.address = config->address,
		.vlan = config->vlan,
		.route = config->route,
		.seed = {config->seed[0], config->seed[1], config->seed[2], config->seed[3]},
		.counters = &core->counters,
		.shard = config->shard};
	const struct peal_heartbeat_config heartbeat = {.timing = config->timing,
		.plane = config->plane,
		.egress = &core->egress,
		.alertbatch = &core->alertbatch,
		.counters = &core->counters,
		.seed = peal_hash_mix(config->seed[0] ^ config->seed[1])};
	const struct peal_paths_user user = {on_path, core};

	PEAL_ASSERT(config->shard == 0 || config->shard < config->shards_count);
	PEAL_ASSERT(config->shards_count <= PEAL_SHARDS_MAX);
	PEAL_ASSERT(config->shards_count <= 1 || config->route.prefix_size == 0 ||
		    config->gateway_mac != NULL);
	PEAL_ASSERT(memcmp(config->address.mac, config->port.mac, PEAL_LINK_MAC_SIZE) == 0);
	core->config = *config;
	core->peers = &no_peers;
	core->was_behind = false;
	peal_counters_init(&core->counters);
	peal_uplink_init(&core->uplink, config->plane, config->shard, &core->counters);
	peal_resteer_init(&core->resteer, &core->config.rings, &core->config.port, config->shard,
		config->shards_count, &core->counters);
	peal_ingress_init(&core->ingress, &ingress);
	peal_egress_init(&core->egress, &egress);
	peal_alertbatch_init(
		&core->alertbatch, config->timing, &core->egress, &core->uplink, &core->counters);
	peal_heartbeat_init(&core->heartbeat, &heartbeat);
	peal_echo_init(&core->echo, &core->egress, &core->uplink, &core->counters);
	peal_neighbour_init(
		&core->neighbour, config->port.packet_size_max, &core->egress, &core->counters);
	peal_hold_init(&core->hold, &core->counters);
	peal_flood_init(&core->flood, &core->egress, &core->counters);
	peal_votetree_init(
		&core->votetree, config->timing, &core->egress, &core->uplink, &core->counters);
	peal_streamer_init(
		&core->streamer, &core->egress, &core->neighbour, &core->uplink, &core->counters);
	peal_paths_init(&core->paths, &core->egress, config->plane, &core->counters, &user);
	peal_relay_init(&core->relay, &core->config.aead, &core->egress, &core->counters);
	core->downlink = (struct peal_downlink){.plane = config->plane,
		.egress = &core->egress,
		.neighbour = &core->neighbour,
		.flood = &core->flood,
		.votetree = &core->votetree,
		.uplink = &core->uplink,
		.counters = &core->counters};
	switch_machines(core, now_ns);
}

void
peal_core_fini(struct peal_core *core)
{
	peal_resteer_fini(&core->resteer);
	peal_txqueue_fini(&core->egress.txqueue);
}

struct peal_counters *
peal_core_counters(struct peal_core *core)
{
	return &core->counters;
}

/*
 * Has some members answer to this shard: by which queue that comes shows whether the card puts
 * packets where they belong (counters STEERED_RIGHT, STEERED_WRONG). Answers that are lost tell
 * nothing; the next view asks again.
 */
static void
probe_steering(struct peal_core *core)
{
	const struct peal_peers *peers = core->peers;
	uint8_t body[PEAL_LIVENESS_BODY_SIZE] = {0};
	uint32_t count = peers->neighbours_count < PEAL_STEERING_PROBES_MAX
				 ? peers->neighbours_count
				 : PEAL_STEERING_PROBES_MAX;

	for (uint32_t i = 0; i < count; i++) {
		(void)peal_egress_send_slot(
			&core->egress, peers->neighbours[i], PEAL_MESSAGE_ECHO, body, sizeof(body));
	}
}

static void
switch_view(struct peal_core *core, const struct peal_record *record, uint64_t now_ns)
{
	const struct peal_peers *peers = record->peers;

	PEAL_ASSERT(peers != NULL);
	PEAL_ASSERT(peers->generation == record->generation);
	PEAL_ASSERT(peers->members_count == 0 || peers->self_rank < peers->members_count);
	/* What a stranger of the same number said does not belong to this node's new life. */
	if (peers->cluster != core->peers->cluster || peers->self_mid != core->peers->self_mid) {
		peal_hold_init(&core->hold, &core->counters);
	}
	bool is_same_view = peal_peers_is_same_view(core->peers, peers);

	const struct peal_peers *before = core->peers;

	core->peers = peers;
	peal_uplink_switch(&core->uplink, peers);
	switch_machines(core, now_ns);
	if (!peal_core_is_home(core)) {
		forget_heard(core, before);
		probe_steering(core);
		return;
	}
	/* What is held still waits for the next view when this table is of the last one. */
	if (!is_same_view) {
		peal_reception_release_held(core, now_ns);
	}
}

/* Out of line: the turns that find none are most of all. */
static __attribute__((noinline)) void
take_command(struct peal_core *core, const struct peal_record *record, uint64_t now_ns)
{
	PEAL_ASSERT(peal_core_is_home(core) || record->kind == PEAL_RECORD_VIEW);
	if (record->kind == PEAL_RECORD_SEND) {
		peal_downlink_send(&core->downlink, core->peers, record, now_ns);
	} else if (record->kind == PEAL_RECORD_FRAME_DONE) {
		peal_uplink_on_frame_done(&core->uplink, record->buffer);
	} else if (record->kind == PEAL_RECORD_VIEW) {
		switch_view(core, record, now_ns);
	} else if (record->kind == PEAL_RECORD_REPORT) {
		peal_alertbatch_on_report(&core->alertbatch, record, now_ns);
	} else if (record->kind == PEAL_RECORD_STREAM) {
		peal_streamer_start(&core->streamer, record->stream, now_ns);
	} else if (record->kind == PEAL_RECORD_LOAD) {
		PEAL_ASSERT(core->config.load != NULL);
		peal_load_start(core->config.load, record->load, record->mid, now_ns);
	} else {
		PEAL_ASSERT(record->kind == PEAL_RECORD_PING);
		peal_echo_start(
			&core->echo, record->ping, core->peers, record->slot, record->mid, now_ns);
	}
}

static uint32_t
take_commands(struct peal_core *core, uint64_t now_ns)
{
	const struct peal_plane_ring *down = &core->config.plane->down;
	struct peal_record records[PEAL_COMMANDS_MAX];
	uint32_t count = down->pop(down->state, records, PEAL_COMMANDS_MAX);

	for (uint32_t i = 0; i < count; i++) {
		take_command(core, &records[i], now_ns);
	}
	return count;
}

/*
 * The home shard alone asks for the gateway, and its answers come to nobody else: they are moved
 * there. So it passes the MAC on in one word, once it is heard, and the other shards look at that
 * before they do anything.
 */
static uint64_t
find_gateway(const struct peal_core *core)
{
	uint64_t mac = 0;

	memcpy(&mac, core->egress.gateway_mac, PEAL_LINK_MAC_SIZE);
	return mac;
}

static __attribute__((noinline)) void
tell_gateway(const struct peal_core *core)
{
	uint64_t mac = find_gateway(core);

	if (atomic_load_explicit(core->config.gateway_mac, memory_order_relaxed) != mac) {
		atomic_store_explicit(core->config.gateway_mac, mac, memory_order_relaxed);
	}
}

static __attribute__((noinline)) void
hear_gateway(struct peal_core *core)
{
	uint64_t told = atomic_load_explicit(core->config.gateway_mac, memory_order_relaxed);
	uint8_t mac[PEAL_LINK_MAC_SIZE];

	if (told != find_gateway(core)) {
		memcpy(mac, &told, sizeof(mac));
		peal_egress_set_gateway(&core->egress, mac);
	}
}

/* Probes tell the observers that this node holds broadcasts back, and control that it did when it
 * is removed. */
static void
say_slow(struct peal_core *core)
{
	bool is_slow = core->config.cast != NULL && peal_cast_is_slow(core->config.cast);

	if (__builtin_expect(is_slow || core->heartbeat.is_slow, 0)) {
		atomic_store_explicit(&core->config.plane->slow, is_slow ? core->peers->epoch : 0,
			memory_order_relaxed);
	}
	core->heartbeat.is_slow = is_slow;
}

uint32_t
peal_core_turn(struct peal_core *core, uint64_t now_ns)
{
	if (__builtin_expect(!peal_core_is_home(core), 0) && core->config.gateway_mac != NULL) {
		hear_gateway(core);
	}
	peal_echo_begin_turn(&core->echo, now_ns);
	if (core->config.load != NULL) {
		peal_load_begin_turn(core->config.load, now_ns);
	}

	if (core->config.channels != NULL) {
		peal_channels_begin_turn(core->config.channels, core->was_behind, now_ns);
	}

	uint32_t work_count = take_commands(core, now_ns);
	uint32_t received_count = peal_reception_take_burst(core, now_ns);

	core->was_behind = received_count == PEAL_BURST_MAX;
	work_count += received_count;
	if (__builtin_expect(peal_core_is_home(core), 1)) {
		say_slow(core);
		work_count += peal_heartbeat_run(
			&core->heartbeat, received_count < PEAL_BURST_MAX, now_ns);
		work_count += peal_alertbatch_run(&core->alertbatch, now_ns);
		work_count += peal_echo_run(&core->echo, now_ns);
		if (__builtin_expect(
			    now_ns >= peal_neighbour_deadline_at_ns(&core->neighbour), 0)) {
			work_count += peal_neighbour_run(&core->neighbour, now_ns);
		}
		if (__builtin_expect(core->config.gateway_mac != NULL, 0)) {
			tell_gateway(core);
		}
		work_count += peal_votetree_run(&core->votetree, now_ns);
		work_count += peal_streamer_run(&core->streamer, now_ns);
	}
	if (core->config.work != NULL) {
		core->config.work(core->config.work_state, now_ns);
	}
	if (core->config.load != NULL) {
		work_count += peal_load_run(core->config.load, now_ns);
	}
	if (core->config.clients != NULL) {
		work_count += peal_clients_run(core->config.clients, now_ns);
	}
	if (core->config.channels != NULL) {
		work_count += peal_channels_run(core->config.channels, now_ns);
	}
	if (core->config.orders != NULL) {
		work_count += peal_orders_run(core->config.orders, now_ns);
	}
	if (core->config.cast != NULL) {
		work_count += peal_cast_run(core->config.cast, now_ns);
	}
	if (__builtin_expect(core->egress.has_doubts, 0)) {
		peal_paths_take_doubts(&core->paths, now_ns);
	}
	work_count += peal_paths_run(&core->paths, now_ns);
	if (__builtin_expect(peal_uplink_is_owing(&core->uplink), 0)) {
		peal_uplink_flush(&core->uplink, now_ns);
	}
	peal_txqueue_flush(&core->egress.txqueue);
	if (core->config.clients != NULL) {
		peal_clients_flush(core->config.clients);
	}
	return work_count;
}

static uint64_t
earlier(uint64_t a_ns, uint64_t b_ns)
{
	return a_ns < b_ns ? a_ns : b_ns;
}

/* Of everything but probes. */
static uint64_t
find_urgent(const struct peal_core *core)
{
	uint64_t deadline_at_ns = peal_alertbatch_deadline_at_ns(&core->alertbatch);

	deadline_at_ns = earlier(deadline_at_ns, peal_echo_deadline_at_ns(&core->echo));
	if (peal_core_is_home(core)) {
		deadline_at_ns =
			earlier(deadline_at_ns, peal_neighbour_deadline_at_ns(&core->neighbour));
	}
	deadline_at_ns = earlier(deadline_at_ns, peal_votetree_deadline_at_ns(&core->votetree));
	deadline_at_ns = earlier(deadline_at_ns, peal_streamer_deadline_at_ns(&core->streamer));
	if (core->config.channels != NULL) {
		deadline_at_ns = earlier(
			deadline_at_ns, peal_channels_deadline_at_ns(core->config.channels));
	}
	deadline_at_ns = earlier(deadline_at_ns, peal_paths_deadline_at_ns(&core->paths));
	if (core->config.cast != NULL) {
		deadline_at_ns =
			earlier(deadline_at_ns, peal_cast_deadline_at_ns(core->config.cast));
	}
	if (core->config.orders != NULL) {
		deadline_at_ns =
			earlier(deadline_at_ns, peal_orders_deadline_at_ns(core->config.orders));
	}
	if (core->config.load != NULL) {
		deadline_at_ns =
			earlier(deadline_at_ns, peal_load_deadline_at_ns(core->config.load));
	}
	if (core->config.clients != NULL) {
		deadline_at_ns =
			earlier(deadline_at_ns, peal_clients_deadline_at_ns(core->config.clients));
	}
	return earlier(deadline_at_ns, peal_uplink_deadline_at_ns(&core->uplink));
}

uint64_t
peal_core_deadline_at_ns(const struct peal_core *core)
{
	return earlier(find_urgent(core), peal_heartbeat_deadline_at_ns(&core->heartbeat));
}

uint64_t
peal_core_wake_at_ns(const struct peal_core *core)
{
	uint64_t slack_ns = core->config.timing->probe_interval_ns / PEAL_CORE_PROBE_SLACK;
	uint64_t probe_at_ns = peal_heartbeat_deadline_at_ns(&core->heartbeat);

	probe_at_ns += probe_at_ns < UINT64_MAX - slack_ns ? slack_ns : 0;
	return earlier(find_urgent(core), probe_at_ns);
}
