/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Several nodes in one process on a switch: they reach one view, keep it, notice a crash, and
 * leave; and the poll loop keeps its promise of no syscall and no memory after start.
 *
 * Each case is a process of its own, because DPDK starts once in a process.
 */
#include "base/counters.h"
#include "runtime/describe.h"
#include "runtime/runtime.h"
#include "tests/lib/childcase.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/coreguard.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NODES_COUNT 3U

/* Sanitizers bring a heap of their own, and the one for threads makes syscalls on every thread. */
#if !defined(__has_feature)
#define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define MAKES_SYSCALLS 1
#else
#define MAKES_SYSCALLS 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer) || MAKES_SYSCALLS
#define HAS_OWN_HEAP 0
#else
#define HAS_OWN_HEAP 1
#endif

#if HAS_OWN_HEAP

/* The whole family, so that all memory of the process comes from one allocator. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *block);
void *memalign(size_t alignment, size_t size);

void *
malloc(size_t size)
{
	peal_coreguard_check_heap();
	return __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
	peal_coreguard_check_heap();
	return __libc_calloc(count, size);
}

void *
realloc(void *block, size_t size)
{
	peal_coreguard_check_heap();
	return __libc_realloc(block, size);
}

void *
memalign(size_t alignment, size_t size)
{
	peal_coreguard_check_heap();
	return __libc_memalign(alignment, size);
}

void *
aligned_alloc(size_t alignment, size_t size)
{
	peal_coreguard_check_heap();
	return __libc_memalign(alignment, size);
}

int
posix_memalign(void **block_out, size_t alignment, size_t size)
{
	peal_coreguard_check_heap();
	*block_out = __libc_memalign(alignment, size);
	return *block_out == NULL ? ENOMEM : 0;
}

void
free(void *block)
{
	peal_coreguard_check_heap();
	__libc_free(block);
}

#endif

struct cluster {
	struct peal_runtime *runtime;
	struct peal_config configs[NODES_COUNT];
};

static void
open_cluster(struct cluster *cluster, enum peal_idle_role idle, peal_lcore_hook_fn on_enter,
	peal_lcore_hook_fn on_leave)
{
	struct peal_runtime_config config = {
		.eal =
			{
				.prefix = "integ_ring",
				.device_args = "",
				.memory_mb = 64,
				.huge = PEAL_CONFIG_HUGE_NO,
				.lcores_count = idle == PEAL_IDLE_SHARED ? 2 : 1,
				.cpus = {idle == PEAL_IDLE_SHARED ? -1 : peal_eal_last_cpu(), -1},
			},
		.idle = idle,
		.switch_ports_count = NODES_COUNT,
		.on_enter = on_enter,
		.on_leave = on_leave,
	};
	struct peal_sentence error = {""};

	cluster->runtime = peal_runtime_open(&config, &error);
	if (cluster->runtime == NULL) {
		(void)fprintf(stderr, "%s\n", error.text);
		_exit(1);
	}
	for (uint32_t i = 0; i < NODES_COUNT; i++) {
		struct peal_config *node = &cluster->configs[i];

		peal_config_default(node);
		(void)snprintf(node->cluster, sizeof(node->cluster), "integ");
		(void)snprintf(node->name, sizeof(node->name), "n%u", i + 1U);
		node->address = (struct peal_address){.ipv4 = 0x0A4D0001U + i, .port = 7400};
		node->expect = NODES_COUNT;
		node->seeds_count = 1;
		node->seeds[0] = (struct peal_address){.ipv4 = 0x0A4D0001U, .port = 7400};
		/* A neighbour that hogs the CPU for a while is not what is tested here. */
		PEAL_REQUIRE(peal_timing_find("cloud", &node->timing));
		node->idle = idle;
		node->is_encrypted = true;
		(void)snprintf(node->key, sizeof(node->key), "%s/key", peal_childcase_scratch());
		PEAL_REQUIRE(peal_runtime_add(cluster->runtime, node, i % config.eal.lcores_count,
				     &error) == i);
	}
	PEAL_REQUIRE(peal_runtime_start(cluster->runtime, &error));
}

/* True when the nodes in `mask` are members of one view of `members` members. */
static bool
has_view(struct cluster *cluster, uint32_t mask, uint32_t members)
{
	struct peal_hash128 hash = {0};
	bool is_first = true, agrees = true;

	peal_runtime_lock(cluster->runtime);
	for (uint32_t i = 0; i < NODES_COUNT; i++) {
		const struct peal_node *node = peal_runtime_node(cluster->runtime, i)->node;

		if ((mask >> i & 1U) == 0) {
			continue;
		}
		agrees = agrees && node->state == PEAL_NODE_MEMBER &&
			 node->view.members_count == members &&
			 (is_first || peal_hash128_equals(node->view.hash, hash));
		hash = node->view.hash;
		is_first = false;
	}
	peal_runtime_unlock(cluster->runtime, false);
	return agrees;
}

static void
print_counters(const struct peal_runtime_node *node)
{
	for (uint32_t i = 0; i < PEAL_COUNTERS_COUNT; i++) {
		enum peal_counter id = (enum peal_counter)i;
		uint64_t value = peal_counter_get(peal_core_counters(node->core), id) +
				 peal_counter_get(&node->node->counters, id) +
				 peal_counter_get(&node->lcore->counters, id);

		if (value != 0) {
			(void)fprintf(stderr, "%s %s %llu\n", node->config->name,
				peal_counter_name(id), (unsigned long long)value);
		}
	}
}

/* What happened, for whoever has to find out why it failed. */
static void
print_events(struct cluster *cluster)
{
	for (uint32_t i = 0; i < NODES_COUNT; i++) {
		const struct peal_node *node = peal_runtime_node(cluster->runtime, i)->node;
		struct peal_event events[64];
		uint32_t count = peal_eventlog_read(&node->events, 0, events, 64);

		for (uint32_t j = 0; j < count; j++) {
			char text[PEAL_DESCRIBE_SIZE_MAX];

			peal_describe_event(&events[j], text);
			(void)fprintf(stderr, "%s %.3f %s\n", node->config.name,
				(double)events[j].at_ns / 1e9, text);
		}
		print_counters(peal_runtime_node(cluster->runtime, i));
	}
}

static bool
await_view(struct cluster *cluster, uint32_t mask, uint32_t members)
{
	for (int i = 0; i < PEAL_CHILDCASE_LOOKS; i++) {
		if (has_view(cluster, mask, members)) {
			return true;
		}
		peal_childcase_pause_ms(PEAL_CHILDCASE_PAUSE_MS);
	}
	print_events(cluster);
	return false;
}

/* A run of round trips from node 0 to another member, so that the core is busy with packets too. */
static void
ping_some(struct cluster *cluster)
{
	struct peal_runtime_node *asker = peal_runtime_node(cluster->runtime, 0);
	const struct peal_ping_run *done = NULL;
	bool is_started;
	uint64_t mid;

	peal_runtime_lock(cluster->runtime);
	mid = peal_runtime_node(cluster->runtime, 1)->node->self.mid;
	asker->ping->count = 10000;
	asker->ping->interval_ns = 0;
	is_started = peal_node_ping(asker->node, mid, asker->ping);
	peal_runtime_unlock(cluster->runtime, true);
	PEAL_REQUIRE(is_started);
	for (int i = 0; i < PEAL_CHILDCASE_LOOKS && done == NULL; i++) {
		peal_childcase_pause_ms(PEAL_CHILDCASE_PAUSE_MS);
		peal_runtime_lock(cluster->runtime);
		done = asker->entry->ping_done;
		peal_runtime_unlock(cluster->runtime, false);
	}
	PEAL_REQUIRE(done != NULL);
	PEAL_REQUIRE(done->received_count > 0);
}

static void
await_left(struct cluster *cluster, uint32_t index)
{
	const struct peal_node *node = peal_runtime_node(cluster->runtime, index)->node;
	enum peal_node_state state = PEAL_NODE_MEMBER;

	for (int i = 0; i < PEAL_CHILDCASE_LOOKS && state != PEAL_NODE_LEFT; i++) {
		peal_childcase_pause_ms(PEAL_CHILDCASE_PAUSE_MS);
		peal_runtime_lock(cluster->runtime);
		state = node->state;
		peal_runtime_unlock(cluster->runtime, false);
	}
	PEAL_REQUIRE(state == PEAL_NODE_LEFT);
}

/* A new member that nobody has heard yet may be silent for long; here all shall have been heard. */
static void
await_answers(struct cluster *cluster)
{
	for (uint32_t i = 0; i < NODES_COUNT; i++) {
		const struct peal_counters *counters =
			peal_core_counters(peal_runtime_node(cluster->runtime, i)->core);

		for (int j = 0; j < PEAL_CHILDCASE_LOOKS; j++) {
			if (peal_counter_get(counters, PEAL_COUNTER_ACKS_SENT) >=
				UINT64_C(2) * NODES_COUNT) {
				break;
			}
			peal_childcase_pause_ms(PEAL_CHILDCASE_PAUSE_MS);
		}
		PEAL_REQUIRE(peal_counter_get(counters, PEAL_COUNTER_ACKS_SENT) >=
			     UINT64_C(2) * NODES_COUNT);
	}
}

/* All three meet and talk, the third plays dead, the second leaves. */
static void
tell_the_story(struct cluster *cluster)
{
	PEAL_REQUIRE(await_view(cluster, 7, 3));
	ping_some(cluster);
	await_answers(cluster);
	peal_runtime_halt(cluster->runtime, 2);
	PEAL_REQUIRE(await_view(cluster, 3, 2));
	peal_runtime_leave(cluster->runtime, 1);
	PEAL_REQUIRE(await_view(cluster, 1, 1));
	await_left(cluster, 1);
}

static void
run_shared(void)
{
	struct cluster cluster;

	open_cluster(&cluster, PEAL_IDLE_SHARED, NULL, NULL);
	tell_the_story(&cluster);
	peal_runtime_close(cluster.runtime);
}

static void
run_guarded(void)
{
	struct cluster cluster;
	const struct peal_lcore *lcore;

	open_cluster(&cluster, PEAL_IDLE_DEDICATED, peal_coreguard_enter, peal_coreguard_leave);
	tell_the_story(&cluster);
	lcore = peal_runtime_node(cluster.runtime, 0)->lcore;
	PEAL_REQUIRE(peal_counter_get(&lcore->counters, PEAL_COUNTER_TURNS) > 1000);
	PEAL_REQUIRE(peal_counter_get(&lcore->counters, PEAL_COUNTER_IDLE_YIELD_NS) == 0);
	PEAL_REQUIRE(peal_counter_get(&lcore->counters, PEAL_COUNTER_IDLE_WAIT_NS) == 0);
	peal_runtime_close(cluster.runtime);
}

static void
break_by_syscall(void *unused)
{
	peal_coreguard_enter(unused);
	(void)getppid();
}

static void
break_by_heap(void *unused)
{
	static void *volatile block;

	peal_coreguard_enter(unused);
	block = malloc(1);
	free(block);
}

static void
run_syscall_canary(void)
{
	struct cluster cluster;

	open_cluster(&cluster, PEAL_IDLE_DEDICATED, break_by_syscall, NULL);
	peal_childcase_pause_ms(PEAL_CHILDCASE_WAIT_S * 1000L);
}

static void
run_heap_canary(void)
{
	struct cluster cluster;

	open_cluster(&cluster, PEAL_IDLE_DEDICATED, break_by_heap, NULL);
	peal_childcase_pause_ms(PEAL_CHILDCASE_WAIT_S * 1000L);
}

static void
test_ring__three_nodes_reach_one_view_leave_and_crash(void **state)
{
	(void)state;
	assert_true(peal_childcase_is_good(run_shared));
}

static void
test_ring__a_dedicated_core_makes_no_syscall_and_takes_no_memory(void **state)
{
	(void)state;
	if (MAKES_SYSCALLS) {
		skip();
	}
	assert_true(peal_childcase_is_good(run_guarded));
}

static void
test_ring__a_syscall_on_a_guarded_core_is_caught(void **state)
{
	(void)state;
	if (MAKES_SYSCALLS || !peal_coreguard_can_trap()) {
		skip();
	}
	assert_true(peal_childcase_aborts(run_syscall_canary));
}

static void
test_ring__taking_memory_on_a_guarded_core_is_caught(void **state)
{
	(void)state;
	if (HAS_OWN_HEAP == 0) {
		skip();
	}
	assert_true(peal_childcase_aborts(run_heap_canary));
}

/* The canaries die and leave their socket; nothing else may be there. */
static int
clear_scratch(void **state)
{
	(void)state;
	return peal_childcase_close_scratch("integ_ring") ? 0 : -1;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ring__a_syscall_on_a_guarded_core_is_caught),
		cmocka_unit_test(test_ring__taking_memory_on_a_guarded_core_is_caught),
		cmocka_unit_test(test_ring__three_nodes_reach_one_view_leave_and_crash),
		cmocka_unit_test(test_ring__a_dedicated_core_makes_no_syscall_and_takes_no_memory),
	};

	return cmocka_run_group_tests(tests, peal_childcase_make_scratch, clear_scratch);
}
