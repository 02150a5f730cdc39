/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/simnode.h"

#include "base/assert.h"
#include "base/hash.h"
#include "sim/check_metadata.h"
#include "wire/frame.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define NEVER             UINT64_MAX
#define CLUSTER_NAME      "belfry"
#define PORT              4800U
#define TURN_DELAY_NS_MIN UINT64_C(1000)
#define TURN_DELAY_NS_MAX UINT64_C(5000)
/* A core that may sleep goes on looking for so long. */
#define SLEEP_AFTER_NS    UINT64_C(20000)
#define STEP_DELAY_NS_MIN UINT64_C(5000)
#define STEP_DELAY_NS_MAX UINT64_C(50000)
/* Past so many empty wake-ups in a row a timer is broken, not busy. */
#define SPINS_MAX 1000U
/* Memory of a process before it starts: whoever reads what nobody wrote finds this. */
#define MEMORY_PATTERN 0xA5
/* In a larger world that would touch what is never used. */
#define PATTERN_NODES_MAX 64U
#define PAGE_SIZE         4096U
/* The number of cores is drawn apart from everything else. */
#define SHARDS_SALT UINT64_C(0x7368617264730000)

static struct peal_simtalk *
talk_of(const struct peal_simnode *simnode, uint8_t shard)
{
	return &simnode->config.talks[simnode->index * PEAL_SIMNODE_SHARDS_MAX + shard];
}

static void
forget_events(struct peal_simnode *simnode)
{
	for (uint32_t shard = 0; shard < PEAL_SIMNODE_SHARDS_MAX; shard++) {
		simnode->turn_at_ns[shard] = simnode->turn_timer_at_ns[shard] = NEVER;
	}
	simnode->step_at_ns = simnode->step_timer_at_ns = NEVER;
}

static uint64_t
clock_of(const struct peal_simnode *simnode)
{
	return simnode->config.time->now_ns + simnode->clock_offset_ns;
}

/* An instant of the process as virtual time. */
static uint64_t
to_virtual(const struct peal_simnode *simnode, uint64_t at_ns)
{
	uint64_t now_ns = simnode->config.time->now_ns;

	if (at_ns == NEVER) {
		return NEVER;
	}
	return at_ns <= now_ns + simnode->clock_offset_ns ? now_ns
							  : at_ns - simnode->clock_offset_ns;
}

static uint64_t
draw_delay(struct peal_simnode *simnode, uint64_t min_ns, uint64_t max_ns)
{
	return min_ns + peal_prng_below(&simnode->prng, max_ns - min_ns + 1U);
}

/* How late the core takes its turn, at an instant at which there is something for it. */
static uint64_t
draw_wake(struct peal_simnode *simnode, uint8_t shard, uint64_t at_ns)
{
	bool is_asleep =
		simnode->wake_ns_max != 0 && at_ns >= simnode->turned_at_ns[shard] + SLEEP_AFTER_NS;

	return is_asleep ? draw_delay(simnode, TURN_DELAY_NS_MIN, simnode->wake_ns_max) : 0;
}

static void
prompt_core(void *state, uint8_t shard)
{
	struct peal_simnode *simnode = state;
	uint64_t *turn_at_ns = &simnode->turn_at_ns[shard];

	if (!simnode->is_up || simnode->is_paused || *turn_at_ns != NEVER) {
		return;
	}
	simnode->prompted_at_ns[shard] = simnode->config.time->now_ns;
	*turn_at_ns = simnode->config.time->now_ns +
		      draw_delay(simnode, TURN_DELAY_NS_MIN, TURN_DELAY_NS_MAX) +
		      draw_wake(simnode, shard, simnode->config.time->now_ns);
	peal_simtime_add(
		simnode->config.time, *turn_at_ns, PEAL_SIMEVENT_TURN, simnode->index, shard);
}

void
peal_simnode_prompt(struct peal_simnode *simnode)
{
	for (uint8_t shard = 0; shard < simnode->shards_count; shard++) {
		prompt_core(simnode, shard);
	}
}

static void
prompt_control(struct peal_simnode *simnode)
{
	if (!simnode->is_up || simnode->is_paused || simnode->is_stuck ||
		simnode->step_at_ns != NEVER) {
		return;
	}
	simnode->step_at_ns = simnode->config.time->now_ns +
			      draw_delay(simnode, STEP_DELAY_NS_MIN, STEP_DELAY_NS_MAX);
	peal_simtime_add(
		simnode->config.time, simnode->step_at_ns, PEAL_SIMEVENT_STEP, simnode->index, 0);
}

/*
 * Waits for a deadline. A timer event that is in the heap already for another instant is forgotten,
 * and comes to nothing when it is taken.
 */
static void
arm(struct peal_simnode *simnode, uint64_t *waited_at_ns, uint64_t at_ns,
	enum peal_simevent_kind kind, uint8_t shard)
{
	if (at_ns == *waited_at_ns) {
		return;
	}
	*waited_at_ns = at_ns;
	if (at_ns != NEVER) {
		peal_simtime_add(simnode->config.time, at_ns, kind, simnode->index, shard);
	}
}

static uint32_t
push(void *state, const struct peal_record *records, uint32_t count)
{
	struct peal_simring *ring = state;

	if (PEAL_PLANE_RECORDS_MAX - (ring->tail - ring->head) < count) {
		return 0;
	}
	for (uint32_t i = 0; i < count; i++) {
		ring->records[ring->tail++ % PEAL_PLANE_RECORDS_MAX] = records[i];
	}
	if (ring->is_up) {
		prompt_control(ring->owner);
	} else {
		prompt_core(ring->owner, ring->shard);
	}
	return count;
}

static uint32_t
pop(void *state, struct peal_record *records, uint32_t capacity)
{
	struct peal_simring *ring = state;
	uint32_t count = 0;

	while (count < capacity && ring->head != ring->tail) {
		records[count++] = ring->records[ring->head++ % PEAL_PLANE_RECORDS_MAX];
	}
	return count;
}

static void
init_ring(struct peal_simring *ring, struct peal_simnode *owner, uint8_t shard, bool is_up)
{
	ring->owner = owner;
	ring->shard = shard;
	ring->is_up = is_up;
	ring->head = 0;
	ring->tail = 0;
}

/* The profile `none` has empty keys; the pattern is told apart from them by being overwritten. */
static void
derive(void *state, struct peal_uuid cluster, struct peal_uuid uuid, struct peal_aead_key *key_out)
{
	struct peal_uuid both[2] = {cluster, uuid};
	struct peal_hash128 raw = peal_hash128(both, sizeof(both), 0);

	(void)state;
	memset(key_out, 0, sizeof(*key_out));
	memcpy(key_out->bytes, &raw, sizeof(raw));
}

static void
derive_real(
	void *state, struct peal_uuid cluster, struct peal_uuid uuid, struct peal_aead_key *key_out)
{
	const struct peal_simcrypto *crypto = ((const struct peal_simnode *)state)->config.crypto;

	crypto->derive(crypto->state, cluster, uuid, key_out);
}

static void
mac(void *state, const void *data, size_t size, uint8_t mac_out[16])
{
	const struct peal_simnode *simnode = state;
	struct peal_hash128 hash = peal_hash128(data, size, simnode->secret);

	memcpy(mac_out, &hash, sizeof(hash));
}

const char *
peal_simnode_cluster_name(void)
{
	return CLUSTER_NAME;
}

static bool has_ipv6;

void
peal_simnode_set_ipv6(bool is_ipv6)
{
	has_ipv6 = is_ipv6;
}

struct peal_address
peal_simnode_address(uint16_t index)
{
	return (struct peal_address){.ipv6_head = has_ipv6 ? UINT64_C(0xFD) << 56 : 0,
		.ipv4 = (UINT32_C(10) << 24) + 1U + index,
		.port = (uint16_t)PORT};
}

uint16_t
peal_simnode_find_ipv4(uint32_t ipv4)
{
	uint32_t index = ipv4 - ((UINT32_C(10) << 24) + 1U);

	return index < UINT16_MAX ? (uint16_t)index : UINT16_MAX;
}

struct peal_simnode *
peal_simnode_allocate(void)
{
	void *memory = mmap(NULL, sizeof(struct peal_simnode), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	PEAL_ASSERT(memory != MAP_FAILED);
	return memory;
}

void
peal_simnode_free(struct peal_simnode *simnode)
{
	PEAL_ASSERT(munmap(simnode, sizeof(*simnode)) == 0);
}

void
peal_simnode_init(
	struct peal_simnode *simnode, const struct peal_simnode_config *config, uint16_t index)
{
	PEAL_ASSERT(index < config->nodes_count);
	PEAL_ASSERT((uintptr_t)simnode % 64U == 0);

	simnode->config = *config;
	simnode->index = index;
	simnode->port = (struct peal_simport){.net = config->net, .index = index};
	simnode->address = peal_simnode_address(index);
	peal_simnet_get_mac(index, simnode->address.mac);
	forget_events(simnode);
}

static void
fill_core_config(struct peal_simnode *simnode, struct peal_core_config *core)
{
	*core = (struct peal_core_config){
		.port = peal_simport_open(&simnode->port, 0),
		.plane = &simnode->plane,
		.timing = simnode->config.timing,
		.aead = peal_aead_none,
		.cluster_name = peal_frame_fold_name(CLUSTER_NAME),
		.address = simnode->address,
		.shard = 0,
		.shards_count = simnode->shards_count,
		.rings = peal_simmoved_rings(&simnode->moved, 0),
	};
	if (simnode->config.crypto != NULL) {
		core->aead = simnode->config.crypto->aead;
		core->pre_key = simnode->config.crypto->pre_key;
	}
	for (uint32_t i = 0; i < 4U; i++) {
		core->seed[i] = peal_prng_next(&simnode->prng);
	}
}

static void
fill_node_config(struct peal_simnode *simnode, struct peal_node_config *node)
{
	*node = (struct peal_node_config){
		.cluster_name = CLUSTER_NAME,
		.address = simnode->address,
		.seeds_count = (uint8_t)simnode->config.seeds_count,
		.expect = simnode->config.expect,
		.rings_count = simnode->config.rings_count,
		.rejoin = true,
		.timing = simnode->config.timing,
		.crypto = {.state = simnode, .derive = derive, .mac = mac},
		.groups = simnode->config.groups,
		.bodies = simnode->config.bodies,
	};
	if (simnode->config.crypto != NULL) {
		node->crypto.derive = derive_real;
	}
	(void)snprintf(node->name, sizeof(node->name), "n%u", simnode->index);
	if (simnode->config.has_names) {
		node->metadata_size = (uint16_t)strlen(node->name);
		memcpy(simnode->metadata, node->name, node->metadata_size);
	}
	node->metadata = simnode->metadata;
	if (simnode->config.metadata_size_max > 0) {
		node->metadata_size = peal_check_metadata_fill(simnode->metadata,
			simnode->config.metadata_size_max, simnode->index, simnode->incarnation);
	}
	for (uint32_t i = 0; i < simnode->config.seeds_count; i++) {
		node->seeds[i] = peal_simnode_address((uint16_t)i);
	}
	for (uint32_t i = 0; i < 4U; i++) {
		node->seed[i] = peal_prng_next(&simnode->prng);
	}
}

/* How many cores this incarnation has, and what its card does with frames for them. No other choice
 * of the run depends on it. */
static void
draw_shards(struct peal_simnode *simnode, struct peal_prng *prng)
{
	uint8_t shards_max = simnode->config.shards_max;

	simnode->shards_count = 1;
	if (shards_max > 1) {
		PEAL_ASSERT(shards_max <= PEAL_SIMNODE_SHARDS_MAX);
		simnode->shards_count = (uint8_t)(1U + peal_prng_below(prng, shards_max));
	}
	simnode->port.queues_count = simnode->shards_count;
	simnode->port.base_port = peal_prng_ratio(prng, 1, 2) ? simnode->address.port : (uint16_t)0;
}

/* Starts a core besides the home one: `core` is the home's configuration. */
static void
start_shard(struct peal_simnode *simnode, uint8_t shard, const struct peal_core_config *home,
	struct peal_prng *prng)
{
	struct peal_core_config core = *home;
	struct peal_simshard *other = &simnode->others[shard - 1U];
	struct peal_plane *before =
		shard == 1 ? &simnode->plane : &simnode->others[shard - 2U].plane;

	memset((void *)other, MEMORY_PATTERN, sizeof(*other));
	memset(&other->plane, 0, sizeof(other->plane));
	init_ring(&other->down, simnode, shard, false);
	init_ring(&other->up, simnode, shard, true);
	other->plane.down = (struct peal_plane_ring){push, pop, &other->down};
	other->plane.up = (struct peal_plane_ring){push, pop, &other->up};
	before->next = &other->plane;
	core.port = peal_simport_open(&simnode->port, shard);
	core.plane = &other->plane;
	core.shard = shard;
	core.cast = NULL; /* the home core's */
	core.orders = NULL;
	core.rings = peal_simmoved_rings(&simnode->moved, shard);
	for (uint32_t i = 0; i < 4U; i++) {
		core.seed[i] = peal_prng_next(prng);
	}
	if (simnode->config.talks != NULL) {
		struct peal_simtalk *talk = talk_of(simnode, shard);

		talk->shards_count = simnode->shards_count;
		peal_simtalk_start(talk, &other->core.egress, &other->core.counters,
			peal_prng_next(prng), clock_of(simnode));
		core.channels = &talk->channels;
	}
	peal_core_init(&other->core, &core, clock_of(simnode));
}

/* Zeroes memory of which most may never have been touched, and stays so. */
static void
wipe(void *memory, size_t size)
{
	uintptr_t begin = ((uintptr_t)memory + PAGE_SIZE - 1U) / PAGE_SIZE * PAGE_SIZE;
	uintptr_t end = ((uintptr_t)memory + size) / PAGE_SIZE * PAGE_SIZE;

	PEAL_ASSERT(begin < end);
	memset(memory, 0, begin - (uintptr_t)memory);
	memset((void *)end, 0, (uintptr_t)memory + size - end);
	PEAL_ASSERT(madvise((void *)begin, end - begin, MADV_DONTNEED) == 0);
}

/* What the home core carries beside membership, as far as this run has it. */
static void
start_users(struct peal_simnode *simnode, struct peal_core_config *core)
{
	if (simnode->config.talks != NULL) {
		struct peal_simtalk *talk = talk_of(simnode, 0);

		talk->shards_count = simnode->shards_count;
		peal_simtalk_start(talk, &simnode->core.egress, &simnode->core.counters,
			peal_prng_next(&simnode->prng), clock_of(simnode));
		core->channels = &talk->channels;
	}
	if (simnode->config.casts != NULL) {
		struct peal_simcast *simcast = &simnode->config.casts[simnode->index];

		peal_simcast_start(simcast, &simnode->core.egress, &simnode->core.counters,
			peal_prng_next(&simnode->prng), clock_of(simnode));
		core->cast = &simcast->cast;
	}
	if (simnode->config.apps != NULL) {
		struct peal_simapps *apps = &simnode->config.apps[simnode->index];
		const struct peal_simapps_core home = {.egress = &simnode->core.egress,
			.uplink = &simnode->core.uplink,
			.counters = &simnode->core.counters,
			.plane = &simnode->plane};

		peal_simapps_start(apps, &home, peal_prng_next(&simnode->prng), clock_of(simnode));
		core->cast = &apps->cast;
		core->load = &apps->load;
		core->clients = &apps->clients;
		core->orders = apps->total != NULL ? &apps->orders : NULL;
	}
	if (simnode->config.orders != NULL) {
		struct peal_simorders *simorders = &simnode->config.orders[simnode->index];

		peal_simorders_start(simorders, &simnode->core.egress, &simnode->core.counters,
			peal_prng_next(&simnode->prng));
		core->orders = &simorders->orders;
		core->cast = &simorders->cast;
		core->channels = &simorders->channels;
	}
}

void
peal_simnode_start(struct peal_simnode *simnode)
{
	uint64_t seed = simnode->config.seed ^ ((uint64_t)simnode->index << 32) ^
			((uint64_t)(simnode->incarnation + 1U) << 48);
	struct peal_core_config core;
	struct peal_node_config node;
	struct peal_prng shards_prng;

	PEAL_ASSERT(!simnode->is_up);

	simnode->incarnation++;
	simnode->is_up = true;
	simnode->is_paused = simnode->is_stuck = false;
	simnode->turns_spun = simnode->steps_spun = 0;
	peal_prng_init(&simnode->prng, peal_hash_mix(seed));
	simnode->clock_offset_ns = UINT64_C(1000000000) + (peal_prng_next(&simnode->prng) >> 20);
	simnode->secret = peal_prng_next(&simnode->prng);
	peal_prng_init(&shards_prng, peal_hash_mix(seed ^ SHARDS_SALT));
	draw_shards(simnode, &shards_prng);
	peal_simmoved_init(&simnode->moved, simnode->shards_count, prompt_core, simnode);
	init_ring(&simnode->down, simnode, 0, false);
	init_ring(&simnode->up, simnode, 0, true);
	memset(&simnode->plane, 0, sizeof(simnode->plane));
	simnode->plane.down = (struct peal_plane_ring){push, pop, &simnode->down};
	simnode->plane.up = (struct peal_plane_ring){push, pop, &simnode->up};
	simnode->plane.down_buffers = simnode->down_buffers;
	simnode->plane.up_buffers = simnode->up_buffers;
	if (simnode->config.nodes_count <= PATTERN_NODES_MAX) {
		memset(simnode->down_buffers, MEMORY_PATTERN, sizeof(simnode->down_buffers));
		memset(simnode->up_buffers, MEMORY_PATTERN, sizeof(simnode->up_buffers));
		memset((void *)&simnode->core, MEMORY_PATTERN, sizeof(simnode->core));
	}
	wipe(&simnode->node, sizeof(simnode->node));

	fill_core_config(simnode, &core);
	fill_node_config(simnode, &node);
	start_users(simnode, &core);
	peal_simnet_set_up(simnode->config.net, simnode->index, true);
	peal_core_init(&simnode->core, &core, clock_of(simnode));
	for (uint8_t shard = 1; shard < simnode->shards_count; shard++) {
		start_shard(simnode, shard, &core, &shards_prng);
	}
	peal_node_init(&simnode->node, &node, &simnode->plane, clock_of(simnode));
	peal_simnode_prompt(simnode);
	prompt_control(simnode);
}

void
peal_simnode_crash(struct peal_simnode *simnode)
{
	if (!simnode->is_up) {
		return;
	}
	if (simnode->config.casts != NULL) {
		peal_simcast_end(&simnode->config.casts[simnode->index]);
	}
	if (simnode->config.apps != NULL) {
		peal_simapps_end(&simnode->config.apps[simnode->index]);
	}
	if (simnode->config.orders != NULL) {
		peal_simorders_end(&simnode->config.orders[simnode->index]);
	}
	/* Its frames go back to the pool: those belong to the network, not to the process. */
	for (uint8_t shard = 0; shard < simnode->shards_count; shard++) {
		if (simnode->config.talks != NULL) {
			peal_simtalk_end(talk_of(simnode, shard));
		}
		peal_core_fini(peal_simnode_core(simnode, shard));
	}
	peal_simport_close(&simnode->port);
	peal_node_fini(&simnode->node); /* views and bodies belong to the store */
	simnode->is_up = false;
	simnode->is_paused = simnode->is_stuck = false;
	forget_events(simnode);
	peal_simnet_set_up(simnode->config.net, simnode->index, false);
}

/* Whoever stood still looks at everything once: queues that filled, deadlines that passed. */
void
peal_simnode_set_paused(struct peal_simnode *simnode, bool is_paused)
{
	uint64_t looked_at_ns[PEAL_SIMNODE_SHARDS_MAX];

	if (!simnode->is_up || simnode->is_paused == is_paused) {
		return;
	}
	/* Nobody looks from now on, until the first turn after it. */
	for (uint32_t shard = 0; shard < PEAL_SIMNODE_SHARDS_MAX && is_paused; shard++) {
		if (simnode->turn_at_ns[shard] == NEVER) {
			simnode->prompted_at_ns[shard] = simnode->config.time->now_ns;
		}
	}
	memcpy(looked_at_ns, simnode->prompted_at_ns, sizeof(looked_at_ns));
	simnode->is_paused = is_paused;
	forget_events(simnode);
	peal_simnode_prompt(simnode);
	prompt_control(simnode);
	memcpy(simnode->prompted_at_ns, looked_at_ns, sizeof(looked_at_ns));
}

void
peal_simnode_set_stuck(struct peal_simnode *simnode, bool is_stuck)
{
	if (!simnode->is_up || simnode->is_stuck == is_stuck) {
		return;
	}
	simnode->is_stuck = is_stuck;
	simnode->step_at_ns = simnode->step_timer_at_ns = NEVER;
	prompt_control(simnode);
}

void
peal_simnode_leave(struct peal_simnode *simnode)
{
	PEAL_ASSERT(simnode->is_up);
	peal_node_leave(&simnode->node, clock_of(simnode));
	prompt_control(simnode);
}

enum peal_ordergroup_answer
peal_simnode_create_ordergroup(struct peal_simnode *simnode, const struct peal_ordergroup *group)
{
	enum peal_ordergroup_answer answer;

	PEAL_ASSERT(simnode->is_up);
	answer = peal_node_create_ordergroup(&simnode->node, group, clock_of(simnode));
	prompt_control(simnode);
	return answer;
}

void
peal_simnode_on_frame(struct peal_simnode *simnode)
{
	peal_simport_sort(&simnode->port);
	for (uint8_t shard = 0; shard < simnode->shards_count; shard++) {
		if (peal_simport_has_frames(&simnode->port, shard)) {
			prompt_core(simnode, shard);
		}
	}
}

/* Of a core, and of the application above it. */
static uint64_t
find_turn_deadline(struct peal_simnode *simnode, uint8_t shard)
{
	uint64_t deadline_at_ns = peal_core_deadline_at_ns(peal_simnode_core(simnode, shard));

	if (simnode->config.talks != NULL) {
		const struct peal_simtalk *talk = talk_of(simnode, shard);

		uint64_t talk_at_ns = peal_simtalk_deadline_at_ns(talk);

		deadline_at_ns = talk_at_ns < deadline_at_ns ? talk_at_ns : deadline_at_ns;
	}
	if (simnode->config.casts != NULL && shard == 0) {
		uint64_t at_ns =
			peal_simcast_deadline_at_ns(&simnode->config.casts[simnode->index]);

		deadline_at_ns = at_ns < deadline_at_ns ? at_ns : deadline_at_ns;
	}
	if (simnode->config.apps != NULL && shard == 0) {
		uint64_t at_ns = peal_simapps_deadline_at_ns(&simnode->config.apps[simnode->index]);

		deadline_at_ns = at_ns < deadline_at_ns ? at_ns : deadline_at_ns;
	}
	if (simnode->config.orders != NULL && shard == 0) {
		uint64_t at_ns =
			peal_simorders_deadline_at_ns(&simnode->config.orders[simnode->index]);

		deadline_at_ns = at_ns < deadline_at_ns ? at_ns : deadline_at_ns;
	}
	return deadline_at_ns;
}

bool
peal_simnode_on_turn(struct peal_simnode *simnode, uint8_t shard, uint64_t at_ns)
{
	uint64_t *turn_at_ns = &simnode->turn_at_ns[shard];
	uint64_t *turn_timer_at_ns = &simnode->turn_timer_at_ns[shard];
	const struct peal_simring *down =
		shard == 0 ? &simnode->down : &simnode->others[shard - 1U].down;
	/* A core that spins looks all the time, and sees in its next turn what came since. */
	uint64_t looked_at_ns = *turn_at_ns != NEVER ? simnode->prompted_at_ns[shard] : at_ns;
	uint64_t deadline_at_ns;
	uint32_t work;

	if (at_ns != *turn_at_ns && at_ns != *turn_timer_at_ns) {
		return false; /* waited for no longer */
	}
	PEAL_ASSERT(simnode->is_up);
	PEAL_ASSERT(!simnode->is_paused);
	*turn_at_ns = at_ns == *turn_at_ns ? NEVER : *turn_at_ns;
	*turn_timer_at_ns = at_ns == *turn_timer_at_ns ? NEVER : *turn_timer_at_ns;

	if (simnode->config.talks != NULL) {
		struct peal_simtalk *talk = talk_of(simnode, shard);

		if (simnode->wake_ns_max == 0) {
			peal_channels_note_look(
				&talk->channels, looked_at_ns + simnode->clock_offset_ns);
		}
		peal_simtalk_turn(talk, clock_of(simnode));
	}
	if (simnode->config.casts != NULL && shard == 0) {
		peal_simcast_turn(&simnode->config.casts[simnode->index], clock_of(simnode));
	}
	if (simnode->config.apps != NULL && shard == 0) {
		peal_simapps_turn(&simnode->config.apps[simnode->index], clock_of(simnode));
	}
	if (simnode->config.orders != NULL && shard == 0) {
		peal_simorders_turn(&simnode->config.orders[simnode->index], clock_of(simnode));
	}
	work = peal_core_turn(peal_simnode_core(simnode, shard), clock_of(simnode));

	deadline_at_ns = to_virtual(simnode, find_turn_deadline(simnode, shard));
	if (peal_simport_has_frames(&simnode->port, shard) || down->head != down->tail ||
		peal_simmoved_has(&simnode->moved, shard)) {
		prompt_core(simnode, shard);
	}
	simnode->turned_at_ns[shard] = at_ns;
	simnode->turns_spun = deadline_at_ns <= at_ns && work == 0 ? simnode->turns_spun + 1U : 0;
	if (deadline_at_ns <= at_ns) {
		prompt_core(simnode, shard);
		deadline_at_ns = NEVER;
	} else if (deadline_at_ns != NEVER) {
		deadline_at_ns += draw_wake(simnode, shard, deadline_at_ns);
	}
	arm(simnode, turn_timer_at_ns, deadline_at_ns, PEAL_SIMEVENT_TURN, shard);
	return true;
}

bool
peal_simnode_on_step(struct peal_simnode *simnode, uint64_t at_ns)
{
	uint64_t deadline_at_ns;
	uint32_t work;

	if (at_ns != simnode->step_at_ns && at_ns != simnode->step_timer_at_ns) {
		return false;
	}
	PEAL_ASSERT(simnode->is_up);
	PEAL_ASSERT(!simnode->is_paused);
	PEAL_ASSERT(!simnode->is_stuck);
	simnode->step_at_ns = at_ns == simnode->step_at_ns ? NEVER : simnode->step_at_ns;
	if (at_ns == simnode->step_timer_at_ns) {
		simnode->step_timer_at_ns = NEVER;
	}

	work = peal_node_step(&simnode->node, clock_of(simnode));

	deadline_at_ns = to_virtual(simnode, peal_node_deadline_at_ns(&simnode->node));
	if (simnode->up.head != simnode->up.tail) {
		prompt_control(simnode);
	}
	for (uint8_t shard = 1; shard < simnode->shards_count; shard++) {
		const struct peal_simring *up = &simnode->others[shard - 1U].up;

		if (up->head != up->tail) {
			prompt_control(simnode);
		}
	}
	simnode->steps_spun = deadline_at_ns <= at_ns && work == 0 ? simnode->steps_spun + 1U : 0;
	/* A sleeping thread wakes late: the deadline, and then the time to be scheduled. */
	if (deadline_at_ns != NEVER) {
		deadline_at_ns = simnode->step_timer_at_ns != NEVER &&
						 simnode->step_timer_at_ns >=
							 deadline_at_ns + STEP_DELAY_NS_MIN &&
						 simnode->step_timer_at_ns <=
							 deadline_at_ns + STEP_DELAY_NS_MAX
					 ? simnode->step_timer_at_ns
					 : deadline_at_ns + draw_delay(simnode, STEP_DELAY_NS_MIN,
								    STEP_DELAY_NS_MAX);
	}
	arm(simnode, &simnode->step_timer_at_ns, deadline_at_ns, PEAL_SIMEVENT_STEP, 0);
	return true;
}

bool
peal_simnode_is_member(const struct peal_simnode *simnode)
{
	return simnode->is_up && simnode->node.view.epoch > 0 &&
	       (simnode->node.state == PEAL_NODE_MEMBER ||
		       simnode->node.state == PEAL_NODE_LEAVING);
}

bool
peal_simnode_is_spinning(const struct peal_simnode *simnode)
{
	return simnode->turns_spun > SPINS_MAX || simnode->steps_spun > SPINS_MAX;
}
