/* SPDX-License-Identifier: BSD-3-Clause */
#include "runtime/answers.h"

#include "base/histogram.h"
#include "base/version.h"
#include "dataplane/dpdk/tsc.h"
#include "dataplane/echo.h"
#include "membership/edge.h"
#include "runtime/describe.h"
#include "wire/alert_msg.h"

#include <rte_lcore.h>
#include <stdio.h>
#include <unistd.h>

#define PING_COUNT_MAX       UINT64_C(10000000)
#define PING_INTERVAL_US_MAX UINT64_C(60000000)
#define NS_PER_US            UINT64_C(1000)
#define NS_PER_MS            UINT64_C(1000000)
/* In one string of hexadecimal digits. */
#define HEX_BYTES ((PEAL_DESCRIBE_SIZE_MAX - 1U) / 2U)

_Static_assert(PEAL_METADATA_SIZE_MAX / HEX_BYTES < RTE_TEL_MAX_ARRAY_ENTRIES,
	"all metadata of a member is one answer");

static void
add_text(struct rte_tel_data *data, const char *name, const char *text)
{
	(void)rte_tel_data_add_dict_string(data, name, text);
}

static void
add_number(struct rte_tel_data *data, const char *name, uint64_t number)
{
	(void)rte_tel_data_add_dict_u64(data, name, number);
}

/* Adds `inner` under the place's number; the answer owns it then. */
static void
add_entry(struct rte_tel_data *data, uint32_t place, struct rte_tel_data *inner)
{
	char name[16];

	(void)snprintf(name, sizeof(name), "%u", place);
	if (rte_tel_data_add_dict_container(data, name, inner, 0) != 0) {
		rte_tel_data_free(inner);
	}
}

/* Numbers, however many: one entry of a dictionary is left for those that find no room, "more". */
#define NUMBERS_MAX (RTE_TEL_MAX_DICT_ENTRIES - 1U)

struct numbers {
	struct rte_tel_data *data;
	struct rte_tel_data *more; /* NULL = none yet */
	uint32_t count;
};

_Static_assert(PEAL_COUNTERS_COUNT + 5U <= NUMBERS_MAX + RTE_TEL_MAX_DICT_ENTRIES,
	"all counters of a node and of its device are one answer");

static void
add_one_more(struct numbers *numbers, const char *name, uint64_t number)
{
	if (numbers->count++ < NUMBERS_MAX) {
		add_number(numbers->data, name, number);
		return;
	}
	if (numbers->more == NULL) {
		numbers->more = rte_tel_data_alloc();
		if (numbers->more == NULL) {
			return;
		}
		(void)rte_tel_data_start_dict(numbers->more);
	}
	add_number(numbers->more, name, number);
}

static void
end_numbers(struct numbers *numbers)
{
	if (numbers->more != NULL &&
		rte_tel_data_add_dict_container(numbers->data, "more", numbers->more, 0) != 0) {
		rte_tel_data_free(numbers->more);
	}
}

void
peal_answer_refuse(struct peal_answer *answer, const char *sentence)
{
	add_text(answer->data, "error", sentence);
}

void
peal_answer_version(struct peal_answer *answer)
{
	uint32_t count = peal_runtime_nodes_count(answer->runtime);
	struct rte_tel_data *names = rte_tel_data_alloc();

	add_text(answer->data, "version", PEAL_VERSION);
	add_number(answer->data, "pid", (uint64_t)getpid());
	if (names == NULL) {
		return;
	}
	(void)rte_tel_data_start_array(names, RTE_TEL_STRING_VAL);
	for (uint32_t i = 0; i < count; i++) {
		(void)rte_tel_data_add_array_string(
			names, peal_runtime_node(answer->runtime, i)->config->name);
	}
	if (rte_tel_data_add_dict_container(answer->data, "nodes", names, 0) != 0) {
		rte_tel_data_free(names);
	}
}

void
peal_answer_view(struct peal_answer *answer)
{
	const struct peal_config *config = answer->node->config;
	const struct peal_node *node = answer->node->node;
	const struct peal_view *view = &node->view;
	struct rte_tel_data *data = answer->data;
	char text[PEAL_DESCRIBE_SIZE_MAX];

	peal_runtime_lock(answer->runtime);
	add_text(data, "node", node->config.name);
	add_text(data, "cluster", node->config.cluster_name);
	add_text(data, "preset", node->config.timing->name);
	add_text(data, "detector", peal_detector_name(node->config.timing->detector));
	add_text(data, "slow_member", peal_config_slow_member_name(config->slow_member));
	if (config->slow_member == PEAL_CAST_EVICT) {
		add_number(data, "evict_ms", config->evict_ms);
	}
	add_text(data, "state", peal_node_state_name(node->state));
	if (node->rejoin.until_ns != 0) {
		uint64_t now_ns = peal_tsc_now_ns();
		uint64_t left_ns =
			node->rejoin.until_ns > now_ns ? node->rejoin.until_ns - now_ns : 0;

		add_number(data, "rejoin_in_ms", left_ns / UINT64_C(1000000));
	}
	peal_describe_address(&node->config.address, text);
	add_text(data, "address", text);
	add_number(data, "epoch", view->epoch);
	add_number(data, "members", view->members_count);
	add_number(data, "member", node->self.mid);
	add_number(data, "rank", view->epoch == 0 ? 0 : node->self_rank);
	add_number(data, "quorum", node->has_quorum ? 1 : 0);
	add_number(data, "rings", node->config.rings_count);
	if (view->epoch > 0) {
		peal_describe_hash(view->hash, text);
		add_text(data, "hash", text);
		peal_describe_uuid(view->cluster, text);
		add_text(data, "cluster_id", text);
		add_number(data, "senior", view->members[0].mid);
	}
	add_number(data, "now_ns", peal_tsc_now_ns());
	peal_runtime_unlock(answer->runtime, false);
}

/* What this node thinks of the member. */
static const char *
find_member_state(const struct peal_node *node, uint16_t rank)
{
	if (rank == node->self_rank) {
		return "self";
	}
	if (peal_bitset_has(&node->cut.leaving, rank)) {
		return "leaving";
	}
	if (peal_bitset_has(&node->cut.stable, rank)) {
		return "removing";
	}
	return peal_cut_effective(&node->cut, rank) > 0 ? "accused" : "alive";
}

/* Whom frames of channels and broadcast go through when the direct way to the peer is broken. The
 * core may be ahead of control or behind it by a view, so a slot may have become another's, or
 * nobody's. */
static void
add_way(struct rte_tel_data *entry, const struct peal_node *node, uint16_t slot)
{
	uint16_t via = peal_plane_via(node->plane, slot);

	for (uint16_t rank = 0; via != PEAL_SLOT_NONE && rank < node->view.members_count; rank++) {
		uint64_t mid = node->view.members[rank].mid;

		if (peal_install_find(&node->install, mid) == via) {
			add_number(entry, "via", mid);
			return;
		}
	}
}

/* When a frame of the peer came last, and what goes through if this node observes it. */
static void
add_reach(struct rte_tel_data *entry, const struct peal_node *node, uint16_t rank, uint16_t slot,
	uint64_t now_ns)
{
	uint64_t heard_at_ns = peal_plane_heard_at_ns(node->plane, slot);
	uint64_t echoed_at_ns =
		atomic_load_explicit(&node->plane->echoed_at_ns[slot], memory_order_relaxed);

	if (heard_at_ns != 0 && heard_at_ns <= now_ns) {
		add_number(entry, "heard_ms_ago", (now_ns - heard_at_ns) / NS_PER_MS);
	}
	if (peal_rings_mask(&node->topology, node->self_rank, rank) != 0) {
		add_text(entry, "reach",
			peal_edge_reach_name(peal_edge_reach(
				node->config.timing, heard_at_ns, echoed_at_ns, now_ns)));
	}
}

static void
add_member(struct peal_answer *answer, const struct peal_node *node, uint16_t rank, uint64_t now_ns)
{
	const struct peal_member *member = &node->view.members[rank];
	uint16_t slot = peal_install_find(&node->install, member->mid);
	struct rte_tel_data *entry = rte_tel_data_alloc();
	char text[PEAL_DESCRIBE_SIZE_MAX];

	if (entry == NULL) {
		return;
	}
	(void)rte_tel_data_start_dict(entry);
	add_number(entry, "rank", rank);
	add_number(entry, "member", member->mid);
	peal_describe_address(&member->address, text);
	add_text(entry, "address", text);
	peal_describe_mac(member->address.mac, text);
	add_text(entry, "mac", text);
	peal_describe_uuid(member->uuid, text);
	add_text(entry, "uuid", text);
	peal_describe_bytes(member->metadata, member->metadata_size, text);
	add_text(entry, "metadata", text);
	add_number(entry, "metadata_size", member->metadata_size);
	add_text(entry, "state", find_member_state(node, rank));
	if (rank != node->self_rank && slot != PEAL_RANK_NONE) {
		add_reach(entry, node, rank, slot, now_ns);
		add_way(entry, node, slot);
	}
	add_entry(answer->data, rank, entry);
}

void
peal_answer_members(struct peal_answer *answer)
{
	const struct peal_node *node = answer->node->node;
	uint64_t rank = answer->numbers[0], now_ns = peal_tsc_now_ns();

	peal_runtime_lock(answer->runtime);
	add_number(answer->data, "epoch", node->view.epoch);
	add_number(answer->data, "members", node->view.members_count);
	for (uint32_t i = 0; i < PEAL_ANSWER_MEMBERS_MAX && rank < node->view.members_count; i++) {
		add_member(answer, node, (uint16_t)rank++, now_ns);
	}
	add_number(answer->data, "next", rank);
	peal_runtime_unlock(answer->runtime, false);
}

/* Hexadecimal digits, since bytes may be any, in strings that telemetry takes. */
static void
add_hex(struct rte_tel_data *array, const uint8_t *bytes, size_t size)
{
	for (size_t offset = 0; offset < size; offset += HEX_BYTES) {
		size_t count = size - offset < HEX_BYTES ? size - offset : HEX_BYTES;
		char text[PEAL_DESCRIBE_SIZE_MAX];

		peal_describe_hex(bytes + offset, count, text);
		(void)rte_tel_data_add_array_string(array, text);
	}
}

void
peal_answer_metadata(struct peal_answer *answer)
{
	const struct peal_node *node = answer->node->node;
	struct rte_tel_data *array = rte_tel_data_alloc();
	uint16_t rank;

	if (array == NULL) {
		peal_answer_refuse(answer, "there is no memory for the answer");
		return;
	}
	(void)rte_tel_data_start_array(array, RTE_TEL_STRING_VAL);
	peal_runtime_lock(answer->runtime);
	rank = peal_view_find_mid(&node->view, answer->numbers[0]);
	if (rank != PEAL_RANK_NONE) {
		const struct peal_member *member = &node->view.members[rank];

		add_number(answer->data, "epoch", node->view.epoch);
		add_number(answer->data, "size", member->metadata_size);
		add_hex(array, member->metadata, member->metadata_size);
	} else {
		peal_answer_refuse(answer, "there is no such member");
	}
	peal_runtime_unlock(answer->runtime, false);
	if (rte_tel_data_add_dict_container(answer->data, "hex", array, 0) != 0) {
		rte_tel_data_free(array);
	}
}

static void
add_event(struct peal_answer *answer, const struct peal_event *event, uint32_t place)
{
	struct rte_tel_data *entry = rte_tel_data_alloc();
	char text[PEAL_DESCRIBE_SIZE_MAX];

	if (entry == NULL) {
		return;
	}
	(void)rte_tel_data_start_dict(entry);
	add_number(entry, "seq", event->seq);
	add_number(entry, "at_ns", event->at_ns);
	add_text(entry, "event", peal_event_name((enum peal_event_kind)event->kind));
	add_number(entry, "epoch", event->epoch);
	add_number(entry, "member", event->mid);
	add_number(entry, "value", event->value);
	if (event->kind == PEAL_EVENT_REFUSED && event->parameter < PEAL_PARAMETERS_COUNT) {
		add_text(entry, "parameter",
			peal_parameter_name((enum peal_parameter)event->parameter));
		add_number(entry, "own", event->own);
	}
	if (event->kind == PEAL_EVENT_ACCUSED || event->kind == PEAL_EVENT_DETECTED) {
		add_text(entry, "reason", peal_alert_reason_name((uint8_t)event->value));
	}
	if (event->address.port != 0) {
		peal_describe_address(&event->address, text);
		add_text(entry, "address", text);
	}
	peal_describe_event(event, text);
	add_text(entry, "text", text);
	add_entry(answer->data, place, entry);
}

void
peal_answer_events(struct peal_answer *answer)
{
	const struct peal_eventlog *log = &answer->node->node->events;
	struct peal_event events[PEAL_ANSWER_EVENTS_MAX];
	uint64_t after = answer->numbers[0], lost = 0, last;
	uint32_t count;

	peal_runtime_lock(answer->runtime);
	last = log->next_seq - 1U;
	after = after > last ? last : after;
	count = peal_eventlog_read(log, after, events, PEAL_ANSWER_EVENTS_MAX);
	peal_runtime_unlock(answer->runtime, false);
	if (count > 0) {
		lost = events[0].seq - after - 1U;
		after = events[count - 1U].seq;
	}
	add_number(answer->data, "last", last);
	add_number(answer->data, "next", after);
	add_number(answer->data, "lost", lost);
	add_number(answer->data, "now_ns", peal_tsc_now_ns());
	for (uint32_t i = 0; i < count; i++) {
		add_event(answer, &events[i], i);
	}
}

/* The counters of core, poll loop and control: each is written by one of them. */
void
peal_answer_stats(struct peal_answer *answer)
{
	const struct peal_runtime_node *node = answer->node;
	struct peal_port_dpdk_stats stats;
	struct numbers numbers = {.data = answer->data};
	uint64_t chained_count = 0;

	for (uint32_t i = 0; i < PEAL_COUNTERS_COUNT; i++) {
		enum peal_counter id = (enum peal_counter)i;

		uint64_t value = peal_counter_get(&node->node->counters, id);

		for (uint32_t j = 0; j < node->shards_count; j++) {
			value += peal_counter_get(peal_core_counters(node->shards[j].core), id) +
				 peal_counter_get(&node->shards[j].lcore->counters, id);
		}
		add_one_more(&numbers, peal_counter_name(id), value);
	}
	if (node->device != NULL) {
		for (uint32_t i = 0; i < node->shards_count; i++) {
			chained_count += node->device->chained_counts[i];
		}
		add_one_more(&numbers, "device_rx_chained", chained_count);
	}
	if (node->device != NULL && peal_port_dpdk_stats(node->device, &stats)) {
		add_one_more(&numbers, "device_rx_missed", stats.missed);
		add_one_more(&numbers, "device_rx_no_buffer", stats.no_buffer);
		add_one_more(&numbers, "device_rx_errors", stats.rx_errors);
		add_one_more(&numbers, "device_tx_errors", stats.tx_errors);
	}
	end_numbers(&numbers);
}

/* What was asked of the device; a switch inside the process sorts as it was told. */
static const char *
find_rung(const struct peal_runtime_node *node)
{
	return node->device == NULL ? "switch" : peal_steering_name(node->device->rung);
}

/* What packets have shown since the start. */
static const char *
find_proof(const struct peal_runtime_shard *shard)
{
	const struct peal_counters *counters = peal_core_counters(shard->core);
	uint64_t right = peal_counter_get(counters, PEAL_COUNTER_STEERED_RIGHT);
	uint64_t wrong = peal_counter_get(counters, PEAL_COUNTER_STEERED_WRONG);

	if (right == 0 && wrong == 0) {
		return "untested";
	}
	return wrong == 0 ? "right" : right == 0 ? "wrong" : "mixed";
}

/* NUMA nodes: of the processor that polls, of the device, and of its packets. */
static void
add_nodes(struct rte_tel_data *entry, const struct peal_runtime_node *node,
	const struct peal_lcore *lcore)
{
	const struct peal_port_dpdk *device = node->device;

	add_number(entry, "numa_lcore", rte_lcore_to_socket_id(lcore->lcore_id));
	if (device != NULL && device->numa_node >= 0) {
		add_number(entry, "numa_device", (uint64_t)device->numa_node);
	}
	if (device != NULL && device->pool->socket_id >= 0) {
		add_number(entry, "numa_packets", (uint64_t)device->pool->socket_id);
	}
}

/* One core: where it runs, where its time goes, and what reaches it. */
static void
add_core(struct peal_answer *answer, uint32_t index)
{
	static const enum peal_counter of_lcore[] = {
		PEAL_COUNTER_TURNS,
		PEAL_COUNTER_TURNS_BUSY,
		PEAL_COUNTER_BUSY_NS,
		PEAL_COUNTER_IDLE_PAUSE_NS,
		PEAL_COUNTER_IDLE_YIELD_NS,
		PEAL_COUNTER_IDLE_WAIT_NS,
		PEAL_COUNTER_LONGEST_TURN_NS,
	};
	static const enum peal_counter of_core[] = {
		PEAL_COUNTER_RX_FRAMES,
		PEAL_COUNTER_RESTEERED_AWAY,
		PEAL_COUNTER_RESTEERED_HERE,
		PEAL_COUNTER_RESTEER_DROPPED,
		PEAL_COUNTER_STEERED_RIGHT,
		PEAL_COUNTER_STEERED_WRONG,
	};
	const struct peal_runtime_shard *shard = &answer->node->shards[index];
	const struct peal_lcore *lcore = shard->lcore;
	const struct peal_idle *idle = &lcore->idle;
	struct rte_tel_data *entry = rte_tel_data_alloc();
	enum peal_wakesource_kind wake = PEAL_WAKESOURCE_NONE;

	if (entry == NULL) {
		return;
	}
	(void)rte_tel_data_start_dict(entry);
	add_number(entry, "lcore", lcore->lcore_id);
	if (shard->cpu >= 0) {
		add_number(entry, "cpu", (uint64_t)shard->cpu);
	}
	add_text(entry, "idle", idle->role == PEAL_IDLE_SHARED ? "shared" : "dedicated");
	if (idle->sources_count > 0) {
		wake = idle->sources[0].kind;
	}
	add_text(entry, "wake", peal_wakesource_name(wake));
	add_number(entry, "cores", lcore->cores_count);
	for (size_t i = 0; i < sizeof(of_lcore) / sizeof(of_lcore[0]); i++) {
		add_number(entry, peal_counter_name(of_lcore[i]),
			peal_counter_get(&lcore->counters, of_lcore[i]));
	}
	add_number(entry, "shard", index);
	add_number(entry, "queue", shard->core->config.port.queue);
	add_text(entry, "rung", find_rung(answer->node));
	add_text(entry, "steering", find_proof(shard));
	add_nodes(entry, answer->node, lcore);
	for (size_t i = 0; i < sizeof(of_core) / sizeof(of_core[0]); i++) {
		add_number(entry, peal_counter_name(of_core[i]),
			peal_counter_get(peal_core_counters(shard->core), of_core[i]));
	}
	add_entry(answer->data, index, entry);
}

void
peal_answer_cores(struct peal_answer *answer)
{
	for (uint32_t i = 0; i < answer->node->shards_count; i++) {
		add_core(answer, i);
	}
}

void
peal_answer_leave(struct peal_answer *answer)
{
	struct peal_node *node = answer->node->node;
	uint64_t now_ns = peal_tsc_now_ns();

	peal_runtime_lock(answer->runtime);
	peal_node_leave(node, now_ns < node->now_ns ? node->now_ns : now_ns);
	add_text(answer->data, "state", peal_node_state_name(node->state));
	peal_runtime_unlock(answer->runtime, true);
}

void
peal_answer_ping(struct peal_answer *answer)
{
	struct peal_runtime_node *resident = answer->node;
	uint64_t mid = answer->numbers[0], count = answer->numbers[1];
	uint64_t interval_us = answer->numbers[2];
	bool is_started = false;

	if (count < 1 || count > PING_COUNT_MAX || interval_us > PING_INTERVAL_US_MAX) {
		peal_answer_refuse(
			answer, "count is 1 to 10000000, the interval at most 60000000 us");
		return;
	}
	peal_runtime_lock(answer->runtime);
	if (!resident->is_pinging) {
		/* Nobody else uses the run: the core gave it back. */
		resident->ping->count = count;
		resident->ping->interval_ns = interval_us * NS_PER_US;
		resident->entry->ping_done = NULL;
		is_started = peal_node_ping(resident->node, mid, resident->ping);
		resident->is_pinging = is_started;
	}
	peal_runtime_unlock(answer->runtime, true);
	if (!is_started) {
		peal_answer_refuse(answer,
			"there is no such other member, or another run of round trips goes on");
		return;
	}
	add_number(answer->data, "started", 1);
}

void
peal_answer_pinged(struct peal_answer *answer)
{
	static const struct {
		const char *name;
		double percentile;
	} shown[] = {{"p50_ns", 50.0}, {"p90_ns", 90.0}, {"p99_ns", 99.0}, {"p99_9_ns", 99.9}};
	struct peal_runtime_node *resident = answer->node;
	const struct peal_ping_run *run;

	peal_runtime_lock(answer->runtime);
	run = resident->entry->ping_done;
	resident->is_pinging = resident->is_pinging && run == NULL;
	add_number(answer->data, "running", resident->is_pinging ? 1 : 0);
	if (run != NULL) {
		const struct peal_histogram *histogram = &run->histogram;

		add_number(answer->data, "sent", run->sent_count);
		add_number(answer->data, "received", run->received_count);
		add_number(answer->data, "lost", run->lost_count);
		add_number(answer->data, "cut_short", run->is_cut_short ? 1 : 0);
		add_number(answer->data, "min_ns", peal_histogram_min(histogram));
		for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
			add_number(answer->data, shown[i].name,
				peal_histogram_percentile(histogram, shown[i].percentile));
		}
		add_number(answer->data, "max_ns", peal_histogram_max(histogram));
	}
	peal_runtime_unlock(answer->runtime, false);
}
