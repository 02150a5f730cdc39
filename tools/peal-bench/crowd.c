/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/crowd.h"

#include "base/assert.h"
#include "tools/peal-bench/drawnkey.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* For the packets of the switch, and for the rings of each node. */
#define MEMORY_MB         96U
#define MEMORY_MB_A_NODE  1U
#define FIRST_ADDRESS     0x0A4D0001U /* 10.77.0.1 */
#define ADDRESSES_A_BLOCK 200U
#define PORT              7400U
#define SECOND_NS         UINT64_C(1000000000)

static struct peal_address
address_of(uint32_t index)
{
	return (struct peal_address){
		.ipv4 = FIRST_ADDRESS + index / ADDRESSES_A_BLOCK * 256U +
			index % ADDRESSES_A_BLOCK,
		.port = PORT,
	};
}

/* On the lcore, before its first round. */
static void
enter_loop(void *argument)
{
	struct peal_crowd *crowd = argument;
	int result = pthread_getcpuclockid(pthread_self(), &crowd->loop_clock);

	PEAL_ASSERT(result == 0);
	atomic_store_explicit(&crowd->is_entered, true, memory_order_release);
}

bool
peal_crowd_open(struct peal_crowd *crowd, uint32_t nodes_count, struct peal_sentence *error)
{
	struct peal_runtime_config config = {
		.eal =
			{
				.prefix = crowd->prefix,
				.device_args = "",
				.memory_mb = MEMORY_MB + nodes_count * MEMORY_MB_A_NODE,
				.huge = PEAL_CONFIG_HUGE_NO,
				.lcores_count = 1,
				.cpus = {-1},
			},
		.idle = PEAL_IDLE_SHARED,
		.switch_ports_count = nodes_count,
		.on_enter = enter_loop,
		.hook_argument = crowd,
	};

	PEAL_ASSERT(nodes_count >= 1 && nodes_count <= PEAL_RUNTIME_NODES_MAX);
	*crowd = (struct peal_crowd){
		.nodes_count = nodes_count, .alive_count = nodes_count, .key_fd = -1};
	(void)snprintf(crowd->prefix, sizeof(crowd->prefix), "peal-bench-%d", (int)getpid());
	crowd->runtime = peal_runtime_open(&config, error);
	return crowd->runtime != NULL;
}

bool
peal_crowd_fill(
	struct peal_crowd *crowd, const struct peal_timing *timing, struct peal_sentence *error)
{
	struct peal_config config;

	peal_config_default(&config);
	(void)snprintf(config.cluster, sizeof(config.cluster), "crowd");
	config.timing = *timing;
	config.idle = PEAL_IDLE_SHARED;
	config.expect = 1;
	config.seeds_count = 1;
	config.seeds[0] = address_of(0);
	config.is_encrypted = true;
	crowd->key_fd = peal_drawnkey_make(NULL, config.key, error);
	if (crowd->key_fd < 0) {
		return false;
	}
	for (uint32_t i = 0; i < crowd->nodes_count; i++) {
		config.address = address_of(i);
		(void)snprintf(config.name, sizeof(config.name), "n%u", i);
		if (peal_runtime_add(crowd->runtime, &config, 0, error) == UINT32_MAX) {
			return false;
		}
	}
	return true;
}

bool
peal_crowd_start(struct peal_crowd *crowd, struct peal_sentence *error)
{
	return peal_runtime_start(crowd->runtime, error);
}

void
peal_crowd_close(struct peal_crowd *crowd)
{
	peal_runtime_close(crowd->runtime);
	crowd->runtime = NULL;
	if (crowd->key_fd >= 0) {
		(void)close(crowd->key_fd);
		crowd->key_fd = -1;
	}
}

void
peal_crowd_hold(struct peal_crowd *crowd, uint32_t index)
{
	PEAL_ASSERT(index < crowd->nodes_count && !crowd->is_dead[index]);
	crowd->is_dead[index] = true;
	crowd->alive_count--;
	peal_runtime_hold(crowd->runtime, index);
}

void
peal_crowd_release(struct peal_crowd *crowd, uint32_t index)
{
	PEAL_ASSERT(index < crowd->nodes_count && crowd->is_dead[index]);
	crowd->is_dead[index] = false;
	crowd->alive_count++;
	peal_runtime_release(crowd->runtime, index);
}

void
peal_crowd_leave(struct peal_crowd *crowd, uint32_t index)
{
	PEAL_ASSERT(index < crowd->nodes_count && !crowd->is_dead[index]);
	crowd->is_dead[index] = true;
	crowd->alive_count--;
	peal_runtime_leave(crowd->runtime, index);
}

void
peal_crowd_kill(struct peal_crowd *crowd, uint32_t index)
{
	PEAL_ASSERT(index < crowd->nodes_count && !crowd->is_dead[index]);
	crowd->is_dead[index] = true;
	crowd->alive_count--;
	peal_runtime_halt(crowd->runtime, index);
}

/* The view has as many members as there are living nodes, and the node is one of them. When all of
 * those say so with one hash, there is nobody else in it. */
uint32_t
peal_crowd_count_settled(struct peal_crowd *crowd)
{
	struct peal_hash128 hash = {0};
	uint32_t count = 0;

	peal_runtime_lock(crowd->runtime);
	for (uint32_t i = 0; i < crowd->nodes_count; i++) {
		const struct peal_node *node = peal_runtime_node(crowd->runtime, i)->node;

		if (crowd->is_dead[i] || node->state != PEAL_NODE_MEMBER ||
			node->view.members_count != crowd->alive_count) {
			continue;
		}
		hash = count == 0 ? node->view.hash : hash;
		count += peal_hash128_equals(node->view.hash, hash) ? 1U : 0U;
	}
	peal_runtime_unlock(crowd->runtime, false);
	return count;
}

static uint32_t
find_alive(const struct peal_crowd *crowd)
{
	uint32_t index = 0;

	while (crowd->is_dead[index]) {
		index++;
		PEAL_ASSERT(index < crowd->nodes_count);
	}
	return index;
}

uint64_t
peal_crowd_epoch(struct peal_crowd *crowd)
{
	const struct peal_node *node = peal_runtime_node(crowd->runtime, find_alive(crowd))->node;
	uint64_t epoch;

	peal_runtime_lock(crowd->runtime);
	epoch = node->view.epoch;
	peal_runtime_unlock(crowd->runtime, false);
	return epoch;
}

uint64_t
peal_crowd_sum(struct peal_crowd *crowd, enum peal_counter id)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < crowd->nodes_count; i++) {
		sum += peal_counter_get(
			peal_core_counters(peal_runtime_node(crowd->runtime, i)->core), id);
	}
	return sum;
}

void
peal_crowd_tell_events(
	struct peal_crowd *crowd, uint64_t from_ns, peal_crowd_event_fn tell, void *argument)
{
	static struct peal_event events[PEAL_EVENTS_MAX];

	for (uint32_t i = 0; i < crowd->nodes_count; i++) {
		uint32_t count;

		if (crowd->is_dead[i]) {
			continue;
		}
		peal_runtime_lock(crowd->runtime);
		count = peal_eventlog_read(&peal_runtime_node(crowd->runtime, i)->node->events, 0,
			events, PEAL_EVENTS_MAX);
		peal_runtime_unlock(crowd->runtime, false);
		for (uint32_t j = 0; j < count; j++) {
			if (events[j].at_ns >= from_ns) {
				tell(argument, i, &events[j]);
			}
		}
	}
}

uint64_t
peal_crowd_mid(struct peal_crowd *crowd, uint32_t index)
{
	uint64_t mid;

	peal_runtime_lock(crowd->runtime);
	mid = peal_runtime_node(crowd->runtime, index)->node->self.mid;
	peal_runtime_unlock(crowd->runtime, false);
	return mid;
}

const char *
peal_crowd_aead_name(struct peal_crowd *crowd)
{
	return peal_runtime_node(crowd->runtime, 0)->core->config.aead.name;
}

uint64_t
peal_crowd_loop_cpu_ns(const struct peal_crowd *crowd)
{
	struct timespec used;

	if (!atomic_load_explicit(&crowd->is_entered, memory_order_acquire) ||
		clock_gettime(crowd->loop_clock, &used) != 0) {
		return 0;
	}
	return (uint64_t)used.tv_sec * SECOND_NS + (uint64_t)used.tv_nsec;
}
