/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/simworld.h"

#include "base/assert.h"
#include "base/hash.h"
#include "membership/bodystore.h"
#include "membership/groupstore.h"
#include "sim/check_metadata.h"
#include "sim/check_progress.h"
#include "sim/check_word.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MILLISECOND_NS UINT64_C(1000000)
#define SECOND_NS      UINT64_C(1000000000)
/* Virtual time begins here, so that an instant of 0 stays "never". */
#define BEGIN_NS          SECOND_NS
#define LINK_DELAY_NS_MIN UINT64_C(5000)
#define LINK_DELAY_NS_MAX UINT64_C(50000)
#define SEEDS_DEFAULT     3U
#define EVENTS_AT_ONCE    64U
/* All invariants of a node are walked at each install, and after one step of so many. */
#define CHECK_PERIOD_COUNT 64U
#define JOIN_RETRY_NS_MAX  (5U * SECOND_NS)
#define CACHE_LINE         64U
#define GROUPS_LARGE       96U
#define LARGE_BODIES       64U
#define BODIES_MAX         4096U

static void
mix(struct peal_simworld *world, uint64_t value)
{
	world->report->digest = peal_hash_mix(world->report->digest + value + 1U);
}

void
peal_simworld_trace(struct peal_simworld *world, const char *format, ...)
{
	uint64_t now_ns = world->time.now_ns - BEGIN_NS;
	va_list arguments;

	if (world->config.trace == NULL) {
		return;
	}
	fprintf(world->config.trace, "%4" PRIu64 ".%06" PRIu64 "  ", now_ns / SECOND_NS,
		now_ns / 1000U % 1000000U);
	va_start(arguments, format);
	vfprintf(world->config.trace, format, arguments);
	va_end(arguments);
	fputc('\n', world->config.trace);
}

static uint64_t
virtual_now(const struct peal_simworld *world)
{
	return world->time.now_ns - BEGIN_NS;
}

void
peal_simworld_note(struct peal_simworld *world, enum peal_action_kind kind, uint64_t a, uint64_t b)
{
	struct peal_action action = {
		.at_ns = virtual_now(world), .kind = kind, .values = {a, b, 0, 0}};

	if (world->config.record != NULL) {
		peal_script_add(world->config.record, &action);
	}
}

static void
on_frame(void *state, uint16_t port, const uint8_t *bytes, uint32_t size)
{
	struct peal_simworld *world = state;

	world->report->frames_count++;
	mix(world, peal_hash64(bytes, size, port));
	if (world->config.crypto == NULL) {
		peal_check_votes_on_frame(&world->votes, port, bytes, size, virtual_now(world));
		peal_check_nonces_on_frame(&world->nonces, port, bytes, size, virtual_now(world));
	}
}

/* Views of one run that somebody holds, or held lately: each node has one or two, and tables that
 * its core may still read. */
static uint32_t
count_groups(uint16_t nodes_count)
{
	return nodes_count <= PEAL_DIRECT_MAX ? 8U * nodes_count + 16U : GROUPS_LARGE;
}

static void
open_stores(struct peal_simworld *world)
{
	uint32_t members_max = 2U * world->config.nodes_count + 64U;
	uint32_t groups_count = count_groups(world->config.nodes_count);
	uint32_t bodies_count = 16U * world->config.nodes_count + 64U;
	size_t groups_size;
	uint8_t *memory;

	members_max = members_max > PEAL_MEMBERS_MAX ? PEAL_MEMBERS_MAX : members_max;
	bodies_count = bodies_count > BODIES_MAX ? BODIES_MAX : bodies_count;
	groups_size = peal_groupstore_footprint(members_max, groups_count);
	groups_size = (groups_size + CACHE_LINE - 1U) / CACHE_LINE * CACHE_LINE;
	world->store_size = groups_size + peal_bodystore_footprint(LARGE_BODIES, bodies_count);
	memory = mmap(NULL, world->store_size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	PEAL_ASSERT(memory != MAP_FAILED);
	world->store_memory = memory;
	world->groups =
		peal_groupstore_groups(peal_groupstore_init(memory, members_max, groups_count));
	world->bodies = peal_bodystore_bodies(
		peal_bodystore_init(memory + groups_size, LARGE_BODIES, bodies_count));
}

/* Places for the applications, of which only what is touched counts. */
static void
open_talk(struct peal_simworld *world)
{
	uint32_t count = world->config.nodes_count * PEAL_SIMNODE_SHARDS_MAX;

	world->talks = NULL;
	world->talks_count = 0;
	world->ledger = NULL;
	if (!world->config.has_talk) {
		return;
	}
	world->talks = calloc(count, sizeof(world->talks[0]));
	world->ledger = calloc(1, sizeof(*world->ledger));
	PEAL_ASSERT(world->talks != NULL);
	PEAL_ASSERT(world->ledger != NULL);
	world->ledger->report = world->report;
	world->ledger->now_ns = &world->time.now_ns;
	world->talks_count = count;
	for (uint32_t i = 0; i < count; i++) {
		world->talks[i].ledger = world->ledger;
		world->talks[i].index = (uint16_t)(i / PEAL_SIMNODE_SHARDS_MAX);
		world->talks[i].shard = (uint8_t)(i % PEAL_SIMNODE_SHARDS_MAX);
		world->talks[i].mtu = world->config.mtu;
	}
}

static void
open_cast(struct peal_simworld *world)
{
	uint32_t count = world->config.nodes_count;

	world->casts = NULL;
	world->cast_ledger = NULL;
	if (!world->config.has_cast) {
		return;
	}
	world->casts = calloc(count, sizeof(world->casts[0]));
	world->cast_ledger = calloc(1, sizeof(*world->cast_ledger));
	PEAL_ASSERT(world->casts != NULL);
	PEAL_ASSERT(world->cast_ledger != NULL);
	world->cast_ledger->report = world->report;
	world->cast_ledger->now_ns = &world->time.now_ns;
	world->cast_ledger->casts = world->casts;
	world->cast_ledger->casts_count = count;
	world->cast_ledger->has_holds = world->config.has_holds;
	world->cast_ledger->pause_ns_max = PEAL_SIMCAST_PAUSE_NS((uint64_t)count);
	for (uint16_t i = 0; i < world->config.nodes_count; i++) {
		world->casts[i].ledger = world->cast_ledger;
		world->casts[i].index = i;
	}
}

static void
open_orders(struct peal_simworld *world)
{
	world->orders = NULL;
	world->order_ledger = NULL;
	if (!world->config.has_orders) {
		return;
	}
	world->orders = peal_simorders_allocate(world->config.nodes_count);
	world->order_ledger = peal_simorders_ledger_create(world->report, &world->time.now_ns);
	for (uint16_t i = 0; i < world->config.nodes_count; i++) {
		world->orders[i].ledger = world->order_ledger;
		world->orders[i].index = i;
		world->orders[i].mtu = world->config.mtu;
	}
}

static void
open_apps(struct peal_simworld *world)
{
	world->apps = NULL;
	world->group_ledger = NULL;
	world->heard_ledger = NULL;
	world->total_ledger = NULL;
	if (!world->config.has_apps) {
		return;
	}
	PEAL_ASSERT(!world->config.has_cast);
	world->apps = peal_simapps_allocate(world->config.nodes_count);
	world->group_ledger = calloc(1, sizeof(*world->group_ledger));
	PEAL_ASSERT(world->group_ledger != NULL);
	peal_check_groups_init(world->group_ledger, world->report, &world->time.now_ns);
	if (world->config.does_broadcast) {
		world->heard_ledger = calloc(1, sizeof(*world->heard_ledger));
		PEAL_ASSERT(world->heard_ledger != NULL);
		world->heard_ledger->report = world->report;
		world->heard_ledger->now_ns = &world->time.now_ns;
	}
	for (uint16_t i = 0; i < world->config.nodes_count; i++) {
		world->apps[i].heard = world->heard_ledger;
		world->apps[i].check = world->group_ledger;
		world->apps[i].index = i;
	}
	if (world->config.has_total) {
		world->total_ledger = calloc(1, sizeof(*world->total_ledger));
		PEAL_ASSERT(world->total_ledger != NULL);
		world->total_ledger->report = world->report;
		world->total_ledger->now_ns = &world->time.now_ns;
		for (uint16_t i = 0; i < world->config.nodes_count; i++) {
			peal_simapps_add_orders(&world->apps[i], world->total_ledger);
		}
	}
}

static void
open_net(struct peal_simworld *world)
{
	const struct peal_simworld_config *config = &world->config;
	const struct peal_simlink link = {.delay_ns_min = config->delay_ns_max != 0
								  ? config->delay_ns_min
								  : LINK_DELAY_NS_MIN,
		.delay_ns_max =
			config->delay_ns_max != 0 ? config->delay_ns_max : LINK_DELAY_NS_MAX};

	peal_simnet_init(&world->net, &world->time, config->nodes_count, &link,
		peal_hash_mix(config->seed + 2U));
	if (config->mtu > 0) {
		peal_simnet_set_mtu(&world->net, config->mtu);
	}
	world->net.watch = on_frame;
	world->net.watch_state = world;
	world->net.find_ipv4 = peal_simnode_find_ipv4;
}

void
peal_simworld_init(struct peal_simworld *world, const struct peal_simworld_config *config,
	struct peal_report *report)
{
	struct peal_simnode_config node = {.time = &world->time,
		.net = &world->net,
		.timing = &world->timing,
		.seed = peal_hash_mix(config->seed + 1U),
		.nodes_count = config->nodes_count,
		.seeds_count = config->seeds_count != 0 ? config->seeds_count : SEEDS_DEFAULT,
		.expect = config->expect != 0                     ? config->expect
			  : config->nodes_count > PEAL_EXPECT_MAX ? (uint8_t)PEAL_EXPECT_MAX
								  : (uint8_t)config->nodes_count,
		.rings_count = PEAL_RINGS_DEFAULT,
		.crypto = config->crypto,
		.has_names = config->nodes_count <= PEAL_DIRECT_MAX,
		.metadata_size_max = config->metadata_size_max};
	bool is_known = peal_timing_find(config->preset, &world->timing);

	PEAL_ASSERT(is_known);
	PEAL_ASSERT(peal_timing_set_detector(&world->timing, config->detector));
	PEAL_ASSERT(config->nodes_count >= 1 && config->nodes_count <= PEAL_SIMWORLD_NODES_MAX);
	if (node.seeds_count > node.nodes_count) {
		node.seeds_count = node.nodes_count;
	}

	world->config = *config;
	if (config->record != NULL) {
		config->record->count = 0; /* of several worlds the last is kept */
		config->record->nodes_count = config->nodes_count;
		config->record->seed = report->seed;
		(void)snprintf(config->record->preset, sizeof(config->record->preset), "%s",
			config->preset);
	}
	world->report = report;
	world->on_event = NULL;
	world->on_event_state = NULL;
	world->tamper = NULL;
	world->tamper_state = NULL;
	world->is_over = false;
	world->may_starve = false;
	world->began_at_ns = BEGIN_NS;
	peal_simtime_init(&world->time, BEGIN_NS);
	open_net(world);
	open_stores(world);
	node.groups = world->groups;
	node.bodies = world->bodies;
	open_talk(world);
	node.talks = world->talks;
	open_cast(world);
	node.casts = world->casts;
	open_apps(world);
	node.apps = world->apps;
	open_orders(world);
	node.orders = world->orders;
	node.shards_max = config->shards_max;
	peal_check_views_init(&world->views, config->nodes_count, report);
	peal_check_ordergroups_init(&world->ordergroups, report);
	peal_check_votes_init(&world->votes, config->nodes_count, report);
	peal_check_nonces_init(&world->nonces, report);
	peal_check_healthy_init(&world->healthy, config->nodes_count, report);
	world->nodes = calloc(config->nodes_count, sizeof(struct peal_simnode *));
	world->seen = calloc(config->nodes_count, sizeof(world->seen[0]));
	PEAL_ASSERT(world->nodes != NULL);
	PEAL_ASSERT(world->seen != NULL);
	for (uint16_t i = 0; i < config->nodes_count; i++) {
		world->nodes[i] = peal_simnode_allocate();
		peal_simnode_init(world->nodes[i], &node, i);
	}
}

void
peal_simworld_end_node(struct peal_simworld *world, struct peal_simnode *simnode)
{
	if (simnode->is_up) {
		peal_report_add_counters(world->report, &simnode->node.counters);
		for (uint8_t shard = 0; shard < simnode->shards_count; shard++) {
			peal_report_add_counters(world->report,
				peal_core_counters(peal_simnode_core(simnode, shard)));
		}
	}
	peal_simnode_crash(simnode);
}

void
peal_simworld_fini(struct peal_simworld *world)
{
	world->report->virtual_ns += world->time.now_ns - world->began_at_ns;
	for (uint16_t i = 0; i < world->config.nodes_count; i++) {
		peal_simworld_end_node(world, world->nodes[i]);
		peal_simnode_free(world->nodes[i]);
	}
	PEAL_ASSERT(munmap(world->store_memory, world->store_size) == 0);
	free(world->nodes);
	free(world->seen);
	free(world->talks);
	free(world->ledger);
	free(world->casts);
	free(world->cast_ledger);
	if (world->apps != NULL) {
		peal_simapps_release(world->apps, world->config.nodes_count);
	}
	free(world->group_ledger);
	free(world->heard_ledger);
	free(world->total_ledger);
	if (world->orders != NULL) {
		peal_simorders_free(world->orders, world->config.nodes_count);
		peal_simorders_ledger_destroy(world->order_ledger);
	}
	peal_check_healthy_fini(&world->healthy);
	peal_check_nonces_fini(&world->nonces);
	peal_check_votes_fini(&world->votes);
	peal_check_views_fini(&world->views);
	peal_simnet_fini(&world->net);
	peal_simtime_fini(&world->time);
}

static void
trace_event(struct peal_simworld *world, uint16_t index, const struct peal_event *event)
{
	peal_simworld_trace(world, "n%-2u %-10s epoch %" PRIu64 " mid %" PRIu64 " value %" PRIu64,
		index, peal_event_name((enum peal_event_kind)event->kind), event->epoch, event->mid,
		event->value);
}

/* New lines of the event log of a node, oldest first. */
static void
read_events(struct peal_simworld *world, struct peal_simnode *simnode)
{
	struct peal_simworld_seen *seen = &world->seen[simnode->index];
	struct peal_event events[EVENTS_AT_ONCE];
	uint32_t count;

	if (simnode->node.events.next_seq == seen->event_seq + 1U) {
		return;
	}
	do {
		count = peal_eventlog_read(
			&simnode->node.events, seen->event_seq, events, EVENTS_AT_ONCE);
		for (uint32_t i = 0; i < count; i++) {
			seen->event_seq = events[i].seq;
			mix(world, events[i].kind ^ events[i].epoch << 8 ^ events[i].mid << 32);
			trace_event(world, simnode->index, &events[i]);
			if (world->on_event != NULL) {
				world->on_event(world->on_event_state, simnode->index, &events[i],
					events[i].at_ns - simnode->clock_offset_ns - BEGIN_NS);
			}
		}
	} while (count == EVENTS_AT_ONCE);
}

/* The topology of the parent is built from nothing: a second opinion on the one that members have.
 */
static void
check_healthy(struct peal_simworld *world, const struct peal_check_install *install)
{
	uint32_t members_max = install->parent->members_count;
	struct peal_topology topology;
	void *memory = aligned_alloc(CACHE_LINE,
		(peal_rings_footprint(members_max) + CACHE_LINE - 1U) / CACHE_LINE * CACHE_LINE);

	PEAL_ASSERT(memory != NULL);
	peal_rings_build(install->parent, memory, members_max, &topology);
	peal_check_healthy_on_view(
		&world->healthy, install->parent, &topology, install->view, virtual_now(world));
	free(memory);
}

static void
check_metadata(struct peal_simworld *world, const struct peal_simnode *simnode,
	const struct peal_check_install *install)
{
	const struct peal_view *view = &simnode->node.view;
	uint32_t size_max = world->config.metadata_size_max;
	uint16_t nodes_count = world->config.nodes_count;
	uint32_t *incarnations;

	if (size_max == 0) {
		return;
	}
	peal_check_metadata_on_self(&view->members[simnode->node.self_rank], size_max,
		simnode->index, simnode->incarnation, virtual_now(world), world->report);
	/* Members of a small group may each have a copy that was made in another way. */
	if (!install->is_new && nodes_count > PEAL_DIRECT_MAX) {
		return;
	}
	incarnations = malloc(nodes_count * sizeof(incarnations[0]));
	PEAL_ASSERT(incarnations != NULL);
	for (uint16_t i = 0; i < nodes_count; i++) {
		incarnations[i] = world->nodes[i]->incarnation;
	}
	peal_check_metadata_on_view(
		view, size_max, incarnations, nodes_count, virtual_now(world), world->report);
	free(incarnations);
}

static void
on_install(struct peal_simworld *world, struct peal_simnode *simnode)
{
	const struct peal_view *view = &simnode->node.view;
	struct peal_simworld_seen *seen = &world->seen[simnode->index];
	struct peal_check_install install = peal_check_views_on_install(
		&world->views, simnode->index, simnode->node.self.uuid, view, virtual_now(world));

	peal_check_ordergroups_on_install(
		&world->ordergroups, simnode->index, view, install.parent, virtual_now(world));
	seen->cluster = view->cluster;
	seen->epoch = view->epoch;
	seen->hash = view->hash;
	mix(world, view->hash.low);
	if (world->config.sizes != NULL) {
		fprintf(world->config.sizes, "%" PRIu64 " %u %u\n", virtual_now(world),
			simnode->index, view->members_count);
	}
	if (install.is_new && install.parent != NULL) {
		/* Who voted and decided in one step has said so, but its acceptor shows nothing. */
		if (world->config.crypto == NULL) {
			peal_check_votes_on_decision(&world->votes, install.parent, install.view,
				peal_view_find_uuid(install.parent, simnode->node.self.uuid),
				virtual_now(world));
		}
		check_healthy(world, &install);
		peal_check_word_on_view(world->nodes, world->config.nodes_count, install.parent,
			install.view, world->report);
	}
	if (simnode->node.self_rank >= view->members_count ||
		!peal_uuid_equals(
			view->members[simnode->node.self_rank].uuid, simnode->node.self.uuid)) {
		peal_report_violate(world->report, virtual_now(world),
			"n%u installed epoch %" PRIu64 " and is not in it", simnode->index,
			view->epoch);
	} else {
		check_metadata(world, simnode, &install);
	}
	peal_node_check(&simnode->node);
}

static void
after_step(struct peal_simworld *world, struct peal_simnode *simnode)
{
	struct peal_simworld_seen *seen = &world->seen[simnode->index];
	const struct peal_node *node = &simnode->node;

	if (!peal_uuid_equals(node->self.uuid, seen->uuid)) {
		seen->uuid = node->self.uuid;
		peal_check_healthy_on_identity(&world->healthy, simnode->index, seen->uuid);
	}
	if (node->view.epoch == 0) {
		seen->epoch = 0;
	} else if (node->view.epoch != seen->epoch ||
		   !peal_hash128_equals(node->view.hash, seen->hash)) {
		on_install(world, simnode);
	}
	if (node->view.epoch > 0) {
		peal_check_votes_on_step(&world->votes, simnode->index, simnode->incarnation,
			&node->view, node->self_rank, &node->consensus.acceptor,
			virtual_now(world));
	}
	read_events(world, simnode);
	if (world->report->events_count % CHECK_PERIOD_COUNT == 0) {
		peal_node_check(node);
	}
	if (world->tamper != NULL) {
		world->tamper(world->tamper_state, simnode);
	}
}

static void
dispatch(struct peal_simworld *world, const struct peal_simevent *event)
{
	struct peal_simnode *simnode = world->nodes[event->actor];
	bool is_taken = false;

	switch ((enum peal_simevent_kind)event->kind) {
	case PEAL_SIMEVENT_FRAME:
		is_taken = peal_simnet_arrive(&world->net, event->actor, event->value);
		if (is_taken) {
			peal_simnode_on_frame(simnode);
		}
		break;
	case PEAL_SIMEVENT_TURN:
		is_taken = peal_simnode_on_turn(simnode, (uint8_t)event->value, event->at_ns);
		break;
	case PEAL_SIMEVENT_STEP:
		is_taken = peal_simnode_on_step(simnode, event->at_ns);
		if (is_taken) {
			after_step(world, simnode);
		}
		break;
	}
	if (!is_taken) {
		return;
	}
	world->report->events_count++;
	mix(world, event->at_ns ^ (uint64_t)event->actor << 48 ^ (uint64_t)event->kind << 60);
	if (peal_simnode_is_spinning(simnode) && !world->is_over) {
		peal_report_violate(world->report, virtual_now(world),
			"n%u: %s asks to be woken at once, again and again, and does nothing",
			simnode->index,
			simnode->turns_spun > simnode->steps_spun ? "core" : "control");
		world->is_over = true;
	}
}

void
peal_simworld_run_until(struct peal_simworld *world, uint64_t until_ns)
{
	struct peal_simevent event;

	while (!world->is_over && peal_simtime_take(&world->time, until_ns, &event)) {
		dispatch(world, &event);
	}
}

void
peal_simworld_run_for(struct peal_simworld *world, uint64_t span_ns)
{
	peal_simworld_run_until(world, world->time.now_ns + span_ns);
}

uint64_t
peal_simworld_patience_ns(const struct peal_simworld *world)
{
	const struct peal_timing *timing = &world->timing;
	uint64_t detection_ns = peal_timing_detection_ns(timing);

	return 50U * timing->flood_ns + 10U * detection_ns + 4U * timing->reinforce_ns +
	       2U * timing->install_ns + 2U * JOIN_RETRY_NS_MAX;
}

bool
peal_simworld_run_to_agreement(struct peal_simworld *world, uint64_t span_ns)
{
	uint64_t began_at_ns = world->time.now_ns;
	uint64_t until_ns = began_at_ns + span_ns;
	char text[PEAL_REPORT_VIOLATION_SIZE_MAX];

	peal_simworld_note(world, PEAL_ACTION_AGREE, 0, 0);
	while (!world->is_over) {
		if (peal_check_progress_is_agreed(world->nodes, world->config.nodes_count)) {
			uint64_t took_ns = world->time.now_ns - began_at_ns;

			if (took_ns > world->report->converge_ns) {
				world->report->converge_ns = took_ns;
			}
			peal_simworld_trace(world, "--  agreed");
			return true;
		}
		if (world->time.now_ns >= until_ns) {
			break;
		}
		peal_simworld_run_for(world, MILLISECOND_NS);
	}
	if (world->may_starve &&
		peal_check_progress_is_starved(world->nodes, world->config.nodes_count)) {
		world->report->starved_count++;
		peal_simworld_trace(world, "--  no quorum is left alive");
		return false;
	}
	(void)peal_check_progress_explain(
		world->nodes, world->config.nodes_count, text, sizeof(text));
	peal_report_violate(world->report, virtual_now(world),
		"no agreement after %" PRIu64 " ms: %s",
		(world->time.now_ns - began_at_ns) / MILLISECOND_NS, text);
	return false;
}

bool
peal_simworld_form(struct peal_simworld *world)
{
	for (uint16_t i = 0; i < world->config.nodes_count; i++) {
		peal_simworld_start(world, i);
	}
	return peal_simworld_run_to_agreement(world, peal_simworld_patience_ns(world));
}
