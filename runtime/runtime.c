/* SPDX-License-Identifier: BSD-3-Clause */
#include "runtime/runtime.h"

#include "base/assert.h"
#include "dataplane/discovery.h"
#include "dataplane/dpdk/mbufpool.h"
#include "dataplane/dpdk/port_ring.h"
#include "dataplane/dpdk/tsc.h"
#include "dataplane/traffic.h"
#include "membership/bodystore.h"
#include "membership/groupstore.h"
#include "runtime/admin.h"
#include "runtime/clientdoor.h"
#include "runtime/eal_files.h"
#include "runtime/memory.h"
#include "runtime/orderwish.h"
#include "runtime/plug.h"
#include "runtime/portlock.h"
#include "runtime/shardrings.h"
#include "wire/crypto/aead_open.h"
#include "wire/crypto/keyring.h"
#include "wire/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

/* One queue each way, bursts, and what a driver keeps for itself. */
#define DEVICE_PACKETS_COUNT 4095U
#define RECORD_BURST_MAX     64U

/* Views that a node uses at once: its own, those of the tables of the core, the next one; and those
 * that the store keeps besides. */
#define NS_PER_MS      UINT64_C(1000000)
#define CLOCK_READINGS 5U
#define GROUPS_COUNT   (2U + PEAL_INSTALL_TABLES + PEAL_GROUPSTORE_SPARES)
/* Any of the bodies that a node keeps may be large; small groups have many small ones. */
#define BODIES_LARGE_COUNT PEAL_BODIES_MAX
#define BODIES_SMALL_COUNT (2U * PEAL_BODIES_MAX)

_Static_assert(PEAL_RUNTIME_NODES_MAX <= PEAL_LCORE_CORES_MAX, "one lcore can run all nodes");

/* What each core of a node has of its own. */
struct shard {
	struct peal_core *core;
	struct peal_planes planes;
	struct peal_aead aead;
	uint32_t lcore_index;
	uint32_t lcore_place;
};

struct resident {
	struct peal_runtime_node node;
	struct peal_config config;
	uint32_t shards_count;
	struct shard shards[PEAL_CONFIG_CORES_MAX];
	struct peal_shardrings rings;
	struct peal_keyring keyring;
	struct peal_aead control_aead;
	struct peal_port_dpdk device;
	void *groups; /* memory of the stores, sizes below */
	void *bodies;
	struct peal_traffic *traffic;
	size_t groups_size;
	size_t bodies_size;
	struct peal_clientdoor *door; /* NULL: no application attaches */
	struct peal_orderwish wish;   /* of its applications */
	bool is_initialised;          /* the node was, and has to be ended */
	uint32_t control_place;
	_Atomic uint64_t gateway_mac; /* what the home core tells the others */
};

struct peal_runtime {
	struct peal_control_thread control;
	struct peal_runtime_config config;
	struct peal_lcore *lcores;   /* [config.eal.lcores_count] */
	struct peal_port_ring *ring; /* the switch, or NULL */
	struct resident *residents[PEAL_RUNTIME_NODES_MAX];
	uint32_t residents_count;
	struct peal_portlock portlock;
	struct peal_plug plug; /* embedded */
	bool is_started;
};

struct peal_runtime_config
peal_runtime_config_of(const struct peal_config *config)
{
	struct peal_runtime_config out = {
		.eal =
			{
				.prefix = config->name,
				.device = config->device,
				.device_args = config->device_args,
				.memory_mb = config->memory_mb,
				.huge = config->huge,
				.lcores_count = config->cores_count,
				.queues_count = config->cores_count,
				.mtu = config->mtu,
			},
		.idle = config->idle,
	};

	for (uint32_t i = 0; i < config->cores_count; i++) {
		if (config->lcore >= 0) {
			out.eal.cpus[i] = config->lcore + (int)i;
		} else {
			out.eal.cpus[i] =
				config->idle == PEAL_IDLE_DEDICATED ? peal_eal_last_but(i) : -1;
		}
	}
	return out;
}

static bool
open_lcores(struct peal_runtime *runtime, struct peal_sentence *error)
{
	const struct peal_runtime_config *config = &runtime->config;
	uint32_t count = config->eal.lcores_count;

	runtime->lcores =
		peal_memory_take("poll loops", count * sizeof(struct peal_lcore), -1, error);
	if (runtime->lcores == NULL) {
		return false;
	}
	for (uint32_t i = 0; i < count; i++) {
		struct peal_lcore *lcore = &runtime->lcores[i];
		uint32_t lcore_id = config->is_embedded ? config->lcore_ids[i] : i + 1U;

		if (!peal_lcore_init(lcore, lcore_id, config->idle, error)) {
			return false;
		}
		lcore->on_enter = config->on_enter;
		lcore->on_leave = config->on_leave;
		lcore->hook_argument = config->hook_argument;
	}
	if (config->switch_ports_count > 0) {
		runtime->ring = peal_port_ring_create(config->switch_ports_count, 0, error);
		return runtime->ring != NULL;
	}
	return true;
}

static bool
claim_device(struct peal_runtime *runtime, struct peal_sentence *error)
{
	const struct peal_eal_config *eal = &runtime->config.eal;

	/* A port of this process is nobody else's already. */
	return eal->device == NULL || runtime->config.is_port_lent ||
	       peal_portlock_take(&runtime->portlock, eal->device, eal->device_args, error);
}

/* DPDK, and the device, which is there once DPDK is unless that was started by somebody else. */
static bool
open_eal(struct peal_runtime *runtime, struct peal_sentence *error)
{
	const struct peal_eal_config *eal = &runtime->config.eal;

	if (!runtime->config.is_embedded) {
		return claim_device(runtime, error) && peal_eal_start(eal, error);
	}
	return peal_eal_adopt(error) && claim_device(runtime, error) &&
	       peal_plug_in(&runtime->plug, eal, error);
}

struct peal_runtime *
peal_runtime_open(const struct peal_runtime_config *config, struct peal_sentence *error)
{
	struct peal_runtime *runtime = peal_memory_take("runtime", sizeof(*runtime), -1, error);

	if (runtime == NULL) {
		return NULL;
	}
	runtime->config = *config;
	runtime->config.eal.is_exclusive = config->idle == PEAL_IDLE_DEDICATED;
	runtime->portlock.fd = -1;
	if (!peal_control_thread_init(&runtime->control, config->idle, error) ||
		!open_eal(runtime, error)) {
		peal_runtime_close(runtime);
		return NULL;
	}
	peal_tsc_init();
	if (!open_lcores(runtime, error)) {
		peal_runtime_close(runtime);
		return NULL;
	}
	return runtime;
}

static void
derive_key(
	void *state, struct peal_uuid cluster, struct peal_uuid uuid, struct peal_aead_key *key_out)
{
	struct resident *resident = state;
	uint8_t raw[PEAL_AEAD_RAW_KEY_SIZE];

	peal_keyring_derive_tx(&resident->keyring, cluster, uuid, raw);
	resident->control_aead.expand(resident->control_aead.state, raw, key_out);
	peal_keyring_wipe(raw, sizeof(raw));
}

static void
make_mac(void *state, const void *data, size_t size, uint8_t mac_out[16])
{
	const struct resident *resident = state;

	peal_keyring_mac(&resident->keyring, data, size, mac_out);
}

static bool
draw_seed(uint64_t seed_out[4], struct peal_sentence *error)
{
	size_t size = 4U * sizeof(seed_out[0]);

	if (getrandom(seed_out, size, 0) != (ssize_t)size) {
		return peal_sentence_set(
			error, "the kernel gave no random bits (%s)", strerror(errno));
	}
	return true;
}

static bool
open_crypto(struct resident *resident, struct peal_sentence *error)
{
	const struct peal_config *config = &resident->config;
	const char *name = config->is_encrypted ? NULL : "none";
	char text[PEAL_KEYRING_ERROR_SIZE_MAX];

	if (!peal_keyring_open(&resident->keyring, config->is_encrypted ? config->key : NULL, text,
		    sizeof(text))) {
		return peal_sentence_set(error, "key: %s", text);
	}
	bool is_open = peal_aead_open(name, &resident->control_aead);

	for (uint32_t i = 0; i < resident->shards_count; i++) {
		is_open = is_open && peal_aead_open(name, &resident->shards[i].aead);
	}
	if (!is_open) {
		return peal_sentence_set(error,
			"key: this machine has no AES-128-GCM that works; reinstall libssl3 and "
			"libipsec-mb1");
	}
	return true;
}

/* What DPDK itself said tells more than its result. */
static bool
add_kept_log(struct peal_sentence *error)
{
	struct peal_sentence alone = *error;
	const char *log = peal_eal_files_kept_log();

	return log[0] == '\0' ? false
			      : peal_sentence_set(error, "%.380s (DPDK: %s)", alone.text, log);
}

static struct peal_lcore *
lcore_of(struct peal_runtime *runtime, const struct shard *shard)
{
	return &runtime->lcores[shard->lcore_index];
}

/* Makes the port of the node, with a queue for each of its cores. */
static bool
open_port(struct peal_runtime *runtime, struct resident *resident, struct peal_sentence *error)
{
	const struct peal_config *config = &resident->config;
	const uint32_t packets_count = resident->shards_count * (DEVICE_PACKETS_COUNT + 1U) - 1U;
	struct peal_port_dpdk_config device = {
		.device = config->device,
		.packets_count = packets_count,
		.queues_count = (uint16_t)resident->shards_count,
		.base_port = config->address.port,
		.mtu = config->mtu,
		/* What this process had before it has afterwards. */
		.is_lent = runtime->config.is_embedded && !runtime->plug.is_plugged_in,
	};

	if (runtime->ring != NULL) {
		return peal_port_ring_set_queues(runtime->ring, runtime->residents_count,
			resident->shards_count,
			runtime->config.is_switch_hashing ? 0 : config->address.port, error);
	}
	if (!peal_port_dpdk_open(&resident->device, &device, error)) {
		return add_kept_log(error);
	}
	peal_memory_note("packet buffers (DPDK)",
		(uint64_t)peal_mbufpool_size_mb(packets_count, resident->device.frame_size) << 20,
		resident->device.numa_node);
	resident->node.device = &resident->device;
	if (peal_address_is_ipv6(&config->address)) {
		uint8_t group[sizeof(config->address.mac)];

		(void)peal_discovery_group(&config->address, group);
		peal_port_dpdk_join(&resident->device, group);
	}
	return true;
}

/* The port as the core of one shard sees it. */
static struct peal_port
take_queue(struct peal_runtime *runtime, struct resident *resident, uint32_t index)
{
	struct peal_lcore *lcore = lcore_of(runtime, &resident->shards[index]);
	struct peal_bell bell = {.doorbell = NULL};

	if (runtime->ring == NULL) {
		peal_idle_add_port(&lcore->idle, &resident->device, (uint16_t)index);
		return peal_port_dpdk_port(&resident->device, (uint16_t)index);
	}
	if (runtime->config.idle == PEAL_IDLE_SHARED) {
		bell = peal_lcore_next_bell(lcore);
	}
	return peal_port_ring_queue(runtime->ring, runtime->residents_count, index, bell);
}

/* From the clock of the cores to that of the day, which nodes have in common as well as somebody
 * sets it. Of a few readings the one counts between which least time passed. */
static int64_t
find_clock_offset(void)
{
	uint64_t least_ns = UINT64_MAX;
	int64_t offset_ns = 0;

	for (uint32_t i = 0; i < CLOCK_READINGS; i++) {
		uint64_t before_ns = peal_tsc_now_ns(), passed_ns;
		struct timespec day;

		(void)clock_gettime(CLOCK_REALTIME, &day);
		passed_ns = peal_tsc_now_ns() - before_ns;
		if (passed_ns < least_ns) {
			least_ns = passed_ns;
			offset_ns = (int64_t)((uint64_t)day.tv_sec * 1000U * NS_PER_MS +
					      (uint64_t)day.tv_nsec - before_ns - passed_ns / 2U);
		}
	}
	return offset_ns;
}

static bool
init_core(struct resident *resident, uint32_t index, const struct peal_port *port,
	struct peal_sentence *error)
{
	struct shard *shard = &resident->shards[index];
	struct peal_core_config config = {
		.port = *port,
		.plane = &shard->planes.plane,
		.timing = &resident->config.timing,
		.aead = shard->aead,
		.cluster_name = peal_frame_fold_name(resident->config.cluster),
		.address = resident->config.address,
		.vlan = resident->config.vlan,
		.route = resident->config.route,
		.name = resident->config.name,
		.clock_offset_ns = find_clock_offset(),
		.shard = (uint8_t)index,
		.shards_count = (uint8_t)resident->shards_count,
		.rings = peal_shardrings_of(&resident->rings, index),
	};
	uint8_t raw[PEAL_AEAD_RAW_KEY_SIZE];

	if (config.shards_count > 1 && config.route.prefix_size > 0) {
		config.gateway_mac = &resident->gateway_mac;
	}
	if (!draw_seed(config.seed, error)) {
		return false;
	}
	peal_keyring_derive_pre(&resident->keyring, resident->config.cluster, raw);
	resident->control_aead.expand(resident->control_aead.state, raw, &config.pre_key);
	peal_keyring_wipe(raw, sizeof(raw));
	if (index == 0) {
		peal_traffic_init(resident->traffic, shard->core, &config,
			(uint8_t)resident->shards_count, peal_tsc_now_ns());
		peal_cast_set_policy(&resident->traffic->cast, resident->config.slow_member,
			resident->config.evict_ms * NS_PER_MS);
		resident->node.orders = &resident->traffic->orders;
	}
	peal_core_init(shard->core, &config, peal_tsc_now_ns());
	peal_aead_wipe(&config.pre_key);
	return true;
}

static bool
init_node(struct resident *resident, struct peal_sentence *error)
{
	const struct peal_config *config = &resident->config;
	struct peal_node_config out = {
		.address = config->address,
		.metadata_size = config->metadata_size,
		.metadata = config->metadata,
		.seeds_count = config->seeds_count,
		.expect = config->expect,
		.rings_count = config->rings,
		.rejoin = config->rejoin,
		.timing = &config->timing,
		.crypto = {.state = resident, .derive = derive_key, .mac = make_mac},
		.groups = peal_groupstore_groups(
			peal_groupstore_init(resident->groups, config->members_max, GROUPS_COUNT)),
		.bodies = peal_bodystore_bodies(peal_bodystore_init(
			resident->bodies, BODIES_LARGE_COUNT, BODIES_SMALL_COUNT)),
	};

	_Static_assert(sizeof(out.name) == sizeof(config->name), "names have one size");
	memcpy(out.name, config->name, sizeof(out.name));
	memcpy(out.cluster_name, config->cluster, sizeof(out.cluster_name));
	memcpy(out.seeds, config->seeds, sizeof(out.seeds));
	if (!draw_seed(out.seed, error)) {
		return false;
	}
	peal_node_init(
		resident->node.node, &out, &resident->shards[0].planes.plane, peal_tsc_now_ns());
	resident->is_initialised = true;
	return true;
}

/* A node and its stores have room for the largest group; what a small one never needs is not taken.
 */
static bool
take_node_memory(struct resident *resident, int numa_node, struct peal_sentence *error)
{
	resident->groups_size =
		peal_groupstore_footprint(resident->config.members_max, GROUPS_COUNT);
	resident->bodies_size = peal_bodystore_footprint(BODIES_LARGE_COUNT, BODIES_SMALL_COUNT);
	for (uint32_t i = 0; i < resident->shards_count; i++) {
		resident->shards[i].core =
			peal_memory_take("data core", sizeof(struct peal_core), numa_node, error);
		if (resident->shards[i].core == NULL) {
			return false;
		}
	}
	resident->node.ping = peal_memory_take(
		"round-trip histogram", sizeof(struct peal_ping_run), numa_node, error);
	resident->node.load = peal_memory_reserve(
		"account of load", sizeof(struct peal_load_run), numa_node, error);
	resident->traffic =
		peal_memory_reserve("messages", sizeof(struct peal_traffic), numa_node, error);
	resident->node.node =
		peal_memory_reserve("control node", sizeof(struct peal_node), numa_node, error);
	resident->groups = peal_memory_reserve("views", resident->groups_size, numa_node, error);
	resident->bodies = peal_memory_reserve("bodies", resident->bodies_size, numa_node, error);
	return resident->node.ping != NULL && resident->node.load != NULL &&
	       resident->traffic != NULL && resident->node.node != NULL &&
	       resident->groups != NULL && resident->bodies != NULL;
}

/* Lays the planes and the rings of all cores; each is rung at where its lcore sleeps. */
static bool
open_planes(struct peal_runtime *runtime, struct resident *resident, int numa_node,
	struct peal_sentence *error)
{
	struct peal_bell bells[PEAL_CONFIG_CORES_MAX];

	for (uint32_t i = 0; i < resident->shards_count; i++) {
		struct shard *shard = &resident->shards[i];

		bells[i] = peal_lcore_next_bell(lcore_of(runtime, shard));
		/* Cores of one node on one lcore stand there one after the other. */
		bells[i].place += i / runtime->config.eal.lcores_count;
		if (!peal_planes_open(&shard->planes, numa_node, bells[i],
			    peal_control_thread_next_bell(&runtime->control), error)) {
			return false;
		}
		if (i > 0) {
			peal_planes_chain(&resident->shards[i - 1U].planes, &shard->planes);
		}
	}
	return peal_shardrings_open(
		&resident->rings, resident->shards_count, numa_node, bells, error);
}

/* Of an embedded runtime that is stopped; in the place of threads that poll no more. */
static void
turn_lcores(void *state)
{
	struct peal_runtime *runtime = state;

	for (uint32_t i = 0; i < runtime->config.eal.lcores_count; i++) {
		(void)peal_lcore_poll(&runtime->lcores[i]);
	}
}

/* Where applications attach to the home core, if the configuration names a place. */
static bool
open_door(struct peal_runtime *runtime, struct resident *resident, struct peal_bell bell,
	struct peal_sentence *error)
{
	const struct peal_clientdoor_config config = {.config = &resident->config,
		.clients = &resident->traffic->clients,
		.plane = &resident->shards[0].planes.plane,
		.idle = &lcore_of(runtime, &resident->shards[0])->idle,
		.bell = bell,
		.turn = runtime->config.is_embedded ? turn_lcores : NULL,
		.turn_state = runtime,
		.wish = peal_orderwish_ask,
		.wish_state = &resident->wish};

	resident->wish = (struct peal_orderwish){.runtime = runtime, .node = &resident->node};
	if (resident->config.socket[0] == '\0') {
		return true;
	}
	resident->door = peal_clientdoor_open(&config, error);
	resident->node.door = resident->door;
	return resident->door != NULL;
}

static bool
open_resident(struct peal_runtime *runtime, struct resident *resident, uint32_t lcore_index,
	struct peal_sentence *error)
{
	struct peal_bell bell = peal_lcore_next_bell(&runtime->lcores[lcore_index]);
	int numa_node;

	resident->shards_count = resident->config.cores_count;
	for (uint32_t i = 0; i < resident->shards_count; i++) {
		resident->shards[i].lcore_index =
			(lcore_index + i) % runtime->config.eal.lcores_count;
	}
	if (!open_crypto(resident, error) || !open_port(runtime, resident, error)) {
		return false;
	}
	numa_node = resident->node.device == NULL ? -1 : resident->device.numa_node;
	if (!take_node_memory(resident, numa_node, error) ||
		!open_planes(runtime, resident, numa_node, error)) {
		return false;
	}
	resident->node.bell = bell;
	for (uint32_t i = 0; i < resident->shards_count; i++) {
		struct shard *shard = &resident->shards[i];
		struct peal_port port = take_queue(runtime, resident, i);

		memcpy(resident->config.address.mac, port.mac, sizeof(port.mac));
		if (!init_core(resident, i, &port, error)) {
			return false;
		}
		shard->lcore_place = peal_lcore_add(lcore_of(runtime, shard), shard->core);
		resident->node.shards[i] = (struct peal_runtime_shard){.core = shard->core,
			.lcore = lcore_of(runtime, shard),
			.cpu = runtime->config.eal.cpus[shard->lcore_index]};
	}
	resident->node.shards_count = resident->shards_count;
	resident->node.core = resident->shards[0].core;
	return init_node(resident, error) && open_door(runtime, resident, bell, error);
}

static void
close_resident(struct resident *resident)
{
	if (resident->is_initialised) {
		peal_node_fini(resident->node.node);
	}
	peal_clientdoor_close(resident->door);
	peal_shardrings_close(&resident->rings);
	peal_port_dpdk_close(&resident->device);
	for (uint32_t i = 0; i < resident->shards_count; i++) {
		struct shard *shard = &resident->shards[i];

		peal_planes_close(&shard->planes);
		if (shard->core != NULL) {
			peal_aead_wipe(&shard->core->config.pre_key);
		}
		peal_aead_close(&shard->aead);
		peal_memory_give(shard->core);
	}
	peal_aead_close(&resident->control_aead);
	peal_keyring_close(&resident->keyring);
	peal_memory_release(resident->node.node, sizeof(struct peal_node));
	peal_memory_release(resident->groups, resident->groups_size);
	peal_memory_release(resident->bodies, resident->bodies_size);
	peal_memory_release(resident->traffic, sizeof(struct peal_traffic));
	peal_memory_release(resident->node.load, sizeof(struct peal_load_run));
	peal_memory_give(resident->node.ping);
	peal_memory_give(resident);
}

uint32_t
peal_runtime_add(struct peal_runtime *runtime, const struct peal_config *config,
	uint32_t lcore_index, struct peal_sentence *error)
{
	struct resident *resident;
	uint32_t index = runtime->residents_count;

	PEAL_ASSERT(!runtime->is_started);
	PEAL_ASSERT(index < PEAL_RUNTIME_NODES_MAX);
	PEAL_ASSERT(lcore_index < runtime->config.eal.lcores_count);
	PEAL_ASSERT(config->cores_count >= 1 && config->cores_count <= PEAL_CONFIG_CORES_MAX);
	PEAL_ASSERT(runtime->ring == NULL || index < runtime->config.switch_ports_count);
	resident = peal_memory_take("node", sizeof(*resident), -1, error);
	if (resident == NULL) {
		return UINT32_MAX;
	}
	resident->config = *config;
	if (!open_resident(runtime, resident, lcore_index, error)) {
		close_resident(resident);
		return UINT32_MAX;
	}
	resident->node.config = &resident->config;
	resident->node.lcore = &runtime->lcores[lcore_index];
	resident->control_place = peal_control_thread_add(
		&runtime->control, resident->node.node, &resident->shards[0].planes);
	resident->node.entry = &runtime->control.entries[resident->control_place];
	runtime->residents[runtime->residents_count++] = resident;
	return index;
}

bool
peal_runtime_start(struct peal_runtime *runtime, struct peal_sentence *error)
{
	PEAL_ASSERT(!runtime->is_started);
	if (!peal_control_thread_start(&runtime->control, error)) {
		return false;
	}
	for (uint32_t i = 0; !runtime->config.is_embedded && i < runtime->config.eal.lcores_count;
		i++) {
		peal_lcore_start(&runtime->lcores[i]);
	}
	runtime->is_started = true;
	for (uint32_t i = 0; i < runtime->residents_count; i++) {
		struct peal_clientdoor *door = runtime->residents[i]->door;

		if (door != NULL && !peal_clientdoor_start(door, error)) {
			return false;
		}
	}
	peal_eal_files_pass_log();
	return peal_admin_open(runtime, error);
}

void
peal_runtime_stop(struct peal_runtime *runtime)
{
	peal_admin_close();
	for (uint32_t i = 0; i < runtime->residents_count; i++) {
		peal_clientdoor_stop(runtime->residents[i]->door);
	}
	for (uint32_t i = 0; runtime->lcores != NULL && i < runtime->config.eal.lcores_count; i++) {
		peal_lcore_stop(&runtime->lcores[i]);
	}
	peal_control_thread_stop(&runtime->control);
	runtime->is_started = false;
}

void
peal_runtime_close(struct peal_runtime *runtime)
{
	if (runtime == NULL) {
		return;
	}
	peal_runtime_stop(runtime);
	for (uint32_t i = 0; runtime->lcores != NULL && i < runtime->config.eal.lcores_count; i++) {
		peal_lcore_fini(&runtime->lcores[i]);
	}
	for (uint32_t i = 0; i < runtime->residents_count; i++) {
		close_resident(runtime->residents[i]);
	}
	peal_port_ring_destroy(runtime->ring);
	peal_control_thread_fini(&runtime->control);
	peal_memory_give(runtime->lcores);
	peal_plug_out(&runtime->plug);
	peal_eal_stop();
	peal_portlock_give(&runtime->portlock);
	peal_memory_give(runtime);
}

void
peal_runtime_lock(struct peal_runtime *runtime)
{
	(void)pthread_mutex_lock(&runtime->control.lock);
}

void
peal_runtime_unlock(struct peal_runtime *runtime, bool has_asked)
{
	(void)pthread_mutex_unlock(&runtime->control.lock);
	if (has_asked) {
		peal_control_thread_ask(&runtime->control);
	}
}

struct peal_lcore *
peal_runtime_lcore(struct peal_runtime *runtime, uint32_t index)
{
	PEAL_ASSERT(runtime->config.is_embedded && index < runtime->config.eal.lcores_count);
	return &runtime->lcores[index];
}

uint32_t
peal_runtime_nodes_count(const struct peal_runtime *runtime)
{
	return runtime->residents_count;
}

struct peal_runtime_node *
peal_runtime_node(struct peal_runtime *runtime, uint32_t index)
{
	PEAL_ASSERT(index < runtime->residents_count);
	return &runtime->residents[index]->node;
}

struct peal_runtime_node *
peal_runtime_find(struct peal_runtime *runtime, const char *name)
{
	for (uint32_t i = 0; i < runtime->residents_count; i++) {
		if (strcmp(runtime->residents[i]->config.name, name) == 0) {
			return &runtime->residents[i]->node;
		}
	}
	return NULL;
}

int
peal_runtime_news_fd(const struct peal_runtime *runtime)
{
	return runtime->control.news_fd;
}

/* Its cores do nothing for it from now on. */
static struct resident *
halt_shards(struct peal_runtime *runtime, uint32_t index)
{
	struct resident *resident;

	PEAL_ASSERT(index < runtime->residents_count);
	resident = runtime->residents[index];
	for (uint32_t i = 0; i < resident->shards_count; i++) {
		struct shard *shard = &resident->shards[i];

		peal_lcore_halt(lcore_of(runtime, shard), shard->lcore_place);
	}
	return resident;
}

void
peal_runtime_halt(struct peal_runtime *runtime, uint32_t index)
{
	struct resident *resident = halt_shards(runtime, index);

	if (runtime->ring != NULL) {
		peal_port_ring_unplug(runtime->ring, index);
	}
	peal_runtime_lock(runtime);
	atomic_store_explicit(&resident->node.entry->is_halted, true, memory_order_relaxed);
	peal_runtime_unlock(runtime, true);
}

void
peal_runtime_hold(struct peal_runtime *runtime, uint32_t index)
{
	struct resident *resident = halt_shards(runtime, index);

	atomic_store_explicit(&resident->node.entry->is_halted, true, memory_order_relaxed);
}

void
peal_runtime_release(struct peal_runtime *runtime, uint32_t index)
{
	struct resident *resident;

	PEAL_ASSERT(index < runtime->residents_count);
	resident = runtime->residents[index];
	for (uint32_t i = 0; i < resident->shards_count; i++) {
		struct shard *shard = &resident->shards[i];

		peal_lcore_release(lcore_of(runtime, shard), shard->lcore_place);
	}
	/* Its first step has something for the core, whose bell it rings. */
	peal_runtime_lock(runtime);
	atomic_store_explicit(&resident->node.entry->is_halted, false, memory_order_relaxed);
	peal_runtime_unlock(runtime, true);
}

void
peal_runtime_leave(struct peal_runtime *runtime, uint32_t index)
{
	struct peal_node *node = peal_runtime_node(runtime, index)->node;
	uint64_t now_ns = peal_tsc_now_ns();

	peal_runtime_lock(runtime);
	peal_node_leave(node, now_ns < node->now_ns ? node->now_ns : now_ns);
	peal_runtime_unlock(runtime, true);
}
