/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Nodes with several data cores in one process on a switch: every core talks over its channels, at
 * both ends the same pair of cores has a channel, and what the switch puts into a wrong queue is
 * moved.
 *
 * Each case is a process of its own, because DPDK starts once in a process.
 */
#include "base/counters.h"
#include "dataplane/channels.h"
#include "runtime/runtime.h"
#include "tests/lib/childcase.h"
#include "tests/lib/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NODES_COUNT    2U
#define CORES_MAX      3U
#define NUMBERS_COUNT  48U
#define MESSAGES_COUNT 100U
#define QUEUE_SIZE     4096U
#define FRAMES_COUNT   64U

static bool has_ipv6; /* addresses of nodes; of a child */

/* An application on one core. The first node opens every channel that lives on its core and counts
 * up; the second sends back what it hears. */
struct talker {
	bool is_opener;
	uint32_t next_number; /* to be opened */
	uint64_t heard[PEAL_CHANNELS_MAX];
	_Atomic uint64_t opened_count;
	_Atomic uint64_t finished_count; /* channels that have counted to the end */
	_Atomic uint64_t wrong_count;    /* messages out of order, or channels that ended */
	struct peal_channels channels;
	uint8_t frames[FRAMES_COUNT * PEAL_BODY_SIZE_MAX];
	_Alignas(8) uint8_t queues[PEAL_CHANNELS_MAX][QUEUE_SIZE];
};

struct cluster {
	struct peal_runtime *runtime;
	struct peal_config configs[NODES_COUNT];
	struct talker *talkers[NODES_COUNT][CORES_MAX];
};

static void
count(_Atomic uint64_t *counter)
{
	(void)atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static void
say(struct talker *talker, uint16_t channel, uint64_t number)
{
	if (peal_channels_send(&talker->channels, channel, (const uint8_t *)&number,
		    sizeof(number)) != PEAL_CHANNEL_OK) {
		count(&talker->wrong_count);
	}
}

static bool
accepts(void *state, uint64_t mid, uint16_t number)
{
	const struct talker *talker = state;

	(void)mid;
	return !talker->is_opener && number < NUMBERS_COUNT;
}

static void
opened(void *state, uint16_t channel, uint64_t mid, uint16_t number)
{
	struct talker *talker = state;

	(void)mid;
	(void)number;
	talker->heard[channel] = 0;
	count(&talker->opened_count);
}

static void
deliver(void *state, uint16_t channel, const struct peal_delivery *delivery)
{
	struct talker *talker = state;
	uint64_t number = 0;

	if (delivery->size != sizeof(number)) {
		count(&talker->wrong_count);
		return;
	}
	memcpy(&number, delivery->bytes, sizeof(number));
	if (number != talker->heard[channel]) {
		count(&talker->wrong_count);
	}
	talker->heard[channel]++;
	if (!talker->is_opener) {
		say(talker, channel, number);
	} else if (number + 1U < MESSAGES_COUNT) {
		say(talker, channel, number + 1U);
	} else {
		count(&talker->finished_count);
	}
}

static void
finished(void *state, uint16_t channel)
{
	(void)channel;
	count(&((struct talker *)state)->wrong_count);
}

static void
ended(void *state, uint16_t channel, enum peal_channel_reason reason, uint64_t lost_count)
{
	(void)channel;
	(void)lost_count;
	/* At the end the second node leaves. */
	if (reason != PEAL_CHANNEL_REASON_REMOVED) {
		count(&((struct talker *)state)->wrong_count);
	}
}

static void
release(void *state, uint16_t channel, uint64_t token)
{
	(void)state;
	(void)channel;
	(void)token;
}

/* Opens what lives here once there is somebody to talk to. */
static void
work(void *state, uint64_t now_ns)
{
	struct talker *talker = state;
	const struct peal_peers *peers = talker->channels.peers;
	uint16_t channel;

	(void)now_ns;
	if (!talker->is_opener || peers == NULL || peers->neighbours_count == 0) {
		return;
	}
	while (talker->next_number < NUMBERS_COUNT) {
		uint64_t mid = peers->peers[peers->neighbours[0]].mid;
		enum peal_channel_result result = peal_channels_open(
			&talker->channels, mid, (uint16_t)talker->next_number++, &channel);

		if (result == PEAL_CHANNEL_OK) {
			talker->heard[channel] = 0;
			count(&talker->opened_count);
			say(talker, channel, 0);
		} else if (result != PEAL_CHANNEL_ELSEWHERE) {
			count(&talker->wrong_count);
		}
	}
}

static struct talker *
attach(struct peal_core *core, uint32_t node, uint32_t shard, uint32_t shards_count)
{
	struct talker *talker = aligned_alloc(64, (sizeof(*talker) + 63U) / 64U * 64U);

	PEAL_REQUIRE(talker != NULL);
	memset(talker, 0, sizeof(*talker));
	talker->is_opener = node == 0;

	const struct peal_channels_config config = {.egress = &core->egress,
		.counters = &core->counters,
		.user = {.accepts = accepts,
			.opened = opened,
			.deliver = deliver,
			.finished = finished,
			.ended = ended,
			.release = release,
			.state = talker},
		.queue_bytes = talker->queues[0],
		.queue_capacity = QUEUE_SIZE,
		.frame_bytes = talker->frames,
		.frames_count = FRAMES_COUNT,
		.rto_ns_min = 1000000,
		.rto_ns_max = 100000000,
		.first_epoch = 1,
		.shard = (uint8_t)shard,
		.shards_count = (uint8_t)shards_count};

	peal_channels_init(&talker->channels, &config);
	core->config.channels = &talker->channels;
	core->config.work = work;
	core->config.work_state = talker;
	return talker;
}

static struct peal_address
find_address(uint32_t index)
{
	return (struct peal_address){.ipv6_head = has_ipv6 ? UINT64_C(0xFD00) << 48 : 0,
		.ipv4 = 0x0A4D0001U + index,
		.port = 7400};
}

static void
add_node(struct cluster *cluster, uint32_t index, uint8_t cores_count)
{
	struct peal_config *node = &cluster->configs[index];
	struct peal_sentence error = {""};
	const struct peal_runtime_node *added;

	peal_config_default(node);
	(void)snprintf(node->cluster, sizeof(node->cluster), "integ");
	(void)snprintf(node->name, sizeof(node->name), "n%u", index + 1U);
	node->address = find_address(index);
	node->expect = NODES_COUNT;
	node->seeds_count = 1;
	node->seeds[0] = find_address(0);
	PEAL_REQUIRE(peal_timing_find("cloud", &node->timing));
	node->is_encrypted = true;
	(void)snprintf(node->key, sizeof(node->key), "%s/key", peal_childcase_scratch());
	node->cores_count = cores_count;
	if (peal_runtime_add(cluster->runtime, node, 0, &error) != index) {
		(void)fprintf(stderr, "%s\n", error.text);
		_exit(1);
	}
	added = peal_runtime_node(cluster->runtime, index);
	PEAL_REQUIRE(added->shards_count == cores_count);
	for (uint32_t shard = 0; shard < cores_count; shard++) {
		cluster->talkers[index][shard] =
			attach(added->shards[shard].core, index, shard, cores_count);
	}
}

static void
open_cluster(
	struct cluster *cluster, const uint8_t cores_counts[NODES_COUNT], bool is_switch_hashing)
{
	struct peal_runtime_config config = {
		.eal =
			{
				.prefix = "integ_cores",
				.device_args = "",
				.memory_mb = 64,
				.huge = PEAL_CONFIG_HUGE_NO,
				.lcores_count = 2,
				.cpus = {-1, -1},
			},
		.idle = PEAL_IDLE_SHARED,
		.switch_ports_count = NODES_COUNT,
		.is_switch_hashing = is_switch_hashing,
	};
	struct peal_sentence error = {""};

	memset(cluster, 0, sizeof(*cluster));
	cluster->runtime = peal_runtime_open(&config, &error);
	if (cluster->runtime == NULL) {
		(void)fprintf(stderr, "%s\n", error.text);
		_exit(1);
	}
	for (uint32_t i = 0; i < NODES_COUNT; i++) {
		add_node(cluster, i, cores_counts[i]);
	}
	PEAL_REQUIRE(peal_runtime_start(cluster->runtime, &error));
}

static uint64_t
sum_counter(struct cluster *cluster, enum peal_counter id)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < NODES_COUNT; i++) {
		const struct peal_runtime_node *node = peal_runtime_node(cluster->runtime, i);

		for (uint32_t j = 0; j < node->shards_count; j++) {
			sum += peal_counter_get(peal_core_counters(node->shards[j].core), id);
		}
	}
	return sum;
}

static uint64_t
sum_finished(struct cluster *cluster)
{
	uint64_t sum = 0;

	for (uint32_t shard = 0; shard < cluster->configs[0].cores_count; shard++) {
		sum += atomic_load(&cluster->talkers[0][shard]->finished_count);
	}
	return sum;
}

/* Every channel counted to the end, on the core that the hash says, at both ends. */
static void
check_talk(struct cluster *cluster)
{
	uint64_t opened_sums[NODES_COUNT] = {0};

	for (int i = 0; i < PEAL_CHILDCASE_LOOKS && sum_finished(cluster) < NUMBERS_COUNT; i++) {
		peal_childcase_pause_ms(PEAL_CHILDCASE_PAUSE_MS);
	}
	PEAL_REQUIRE(sum_finished(cluster) == NUMBERS_COUNT);
	for (uint32_t i = 0; i < NODES_COUNT; i++) {
		for (uint32_t shard = 0; shard < cluster->configs[i].cores_count; shard++) {
			const struct talker *talker = cluster->talkers[i][shard];

			PEAL_REQUIRE(atomic_load(&talker->wrong_count) == 0);
			/* Channels go by a hash of random names: so many leave one of three
			 * cores without any once in a hundred million runs. */
			PEAL_REQUIRE(atomic_load(&talker->opened_count) > 0);
			opened_sums[i] += atomic_load(&talker->opened_count);
		}
		PEAL_REQUIRE(opened_sums[i] == NUMBERS_COUNT);
	}
	PEAL_REQUIRE(sum_counter(cluster, PEAL_COUNTER_SHARD_REFUSED) == 0);
}

/* The second leaves: all cores of the first take the view without it, and the tables come back. */
static void
check_leave(struct cluster *cluster)
{
	const struct peal_runtime_node *first = peal_runtime_node(cluster->runtime, 0);
	bool is_done = false;

	peal_runtime_leave(cluster->runtime, 1);
	for (int i = 0; i < PEAL_CHILDCASE_LOOKS && !is_done; i++) {
		peal_childcase_pause_ms(PEAL_CHILDCASE_PAUSE_MS);
		peal_runtime_lock(cluster->runtime);
		is_done = first->node->view.members_count == 1 &&
			  first->node->install.acknowledged == first->node->install.generation;
		peal_runtime_unlock(cluster->runtime, false);
	}
	PEAL_REQUIRE(is_done);
}

/* Each core but the home one has members answer to it: waits for the first answer. Who is in the
 * view first may have asked in vain, but not who comes last. */
static void
await_answer(struct cluster *cluster)
{
	uint64_t count = 0;

	for (int i = 0; i < PEAL_CHILDCASE_LOOKS && count == 0; i++) {
		count = sum_counter(cluster, PEAL_COUNTER_STEERED_RIGHT) +
			sum_counter(cluster, PEAL_COUNTER_STEERED_WRONG);
		peal_childcase_pause_ms(PEAL_CHILDCASE_PAUSE_MS);
	}
	PEAL_REQUIRE(count > 0);
}

static void
close_cluster(struct cluster *cluster)
{
	peal_runtime_close(cluster->runtime);
	for (uint32_t i = 0; i < NODES_COUNT; i++) {
		for (uint32_t shard = 0; shard < CORES_MAX; shard++) {
			free(cluster->talkers[i][shard]);
		}
	}
}

static void
run_sorted(void)
{
	struct cluster cluster;

	open_cluster(&cluster, (const uint8_t[]){2, 3}, false);
	check_talk(&cluster);
	await_answer(&cluster);
	PEAL_REQUIRE(sum_counter(&cluster, PEAL_COUNTER_STEERED_WRONG) == 0);
	PEAL_REQUIRE(sum_counter(&cluster, PEAL_COUNTER_RESTEERED_AWAY) == 0);
	check_leave(&cluster);
	close_cluster(&cluster);
}

static void
run_hashed(void)
{
	struct cluster cluster;

	open_cluster(&cluster, (const uint8_t[]){3, 2}, true);
	check_talk(&cluster);
	await_answer(&cluster);
	PEAL_REQUIRE(sum_counter(&cluster, PEAL_COUNTER_RESTEERED_AWAY) > 0);
	PEAL_REQUIRE(sum_counter(&cluster, PEAL_COUNTER_RESTEERED_HERE) > 0);
	check_leave(&cluster);
	close_cluster(&cluster);
}

static void
run_sorted_ipv6(void)
{
	has_ipv6 = true;
	run_sorted();
}

static void
run_hashed_ipv6(void)
{
	has_ipv6 = true;
	run_hashed();
}

static void
run_one_beside_many(void)
{
	struct cluster cluster;

	open_cluster(&cluster, (const uint8_t[]){1, 3}, true);
	check_talk(&cluster);
	check_leave(&cluster);
	close_cluster(&cluster);
}

static void
cores_that_are_steered_to_talk(void **state)
{
	(void)state;
	assert_true(peal_childcase_is_good(run_sorted));
}

static void
cores_that_are_not_steered_to_talk(void **state)
{
	(void)state;
	assert_true(peal_childcase_is_good(run_hashed));
}

static void
cores_talk_over_ipv6(void **state)
{
	(void)state;
	assert_true(peal_childcase_is_good(run_sorted_ipv6));
	assert_true(peal_childcase_is_good(run_hashed_ipv6));
}

static void
a_node_with_one_core_talks_to_one_with_many(void **state)
{
	(void)state;
	assert_true(peal_childcase_is_good(run_one_beside_many));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cores_that_are_steered_to_talk),
		cmocka_unit_test(cores_that_are_not_steered_to_talk),
		cmocka_unit_test(cores_talk_over_ipv6),
		cmocka_unit_test(a_node_with_one_core_talks_to_one_with_many),
	};

	return cmocka_run_group_tests(
		tests, peal_childcase_make_scratch, peal_childcase_remove_scratch);
}
