/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/simorder.h"

#include "base/assert.h"
#include "base/hash.h"
#include "wire/order_msg.h"

#include <inttypes.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

/* In front of a body: two MACs, a type of nobody, the kind, the sender. */
#define KIND_PLACE       14U
#define MEMBER_PLACE     16U
#define BODY_PLACE       24U
#define TURN_NS          UINT64_C(250)
#define BURST            64U
#define SAID_SIZE_MIN    40U
#define SAID_SIZE_MAX    600U
#define START_NS         (UINT64_C(1000000) * 1000000000U) /* 37 hours may be taken from it */
#define GROUP            7U
#define DELAYS_COUNT_MAX 1048576U
#define DELAYS_COUNT_MIN 100U
#define MILLION          1000000
#define MILLISECOND_NS   UINT64_C(1000000)
#define PATIENCE_NS      (1000U * MILLISECOND_NS)

/* Own messages: their bytes stand behind. */
struct message {
	uint64_t said_at_ns;
	uint8_t bytes[];
};

static void
trace(struct peal_simorder *world, uint8_t rank, const char *what, uint64_t value)
{
	if (world->config.trace != NULL) {
		uint64_t now_ns = world->time.now_ns - world->began_at_ns;

		fprintf(world->config.trace, "%6" PRIu64 ".%03" PRIu64 " us r%u %s %" PRIu64 "\n",
			now_ns / 1000U, now_ns % 1000U, rank, what, value);
	}
}

static int64_t
read_offset(const struct peal_simorder_node *node, uint64_t now_ns)
{
	int64_t span_ns = (int64_t)(now_ns - node->clock.since_ns);

	/* A clock that stands falls behind as fast as time goes on. */
	return node->clock.offset_ns +
	       (node->clock.is_frozen ? -span_ns : span_ns / MILLION * node->clock.drift_ppm);
}

static void
settle_clock(struct peal_simorder_node *node)
{
	uint64_t now_ns = node->world->time.now_ns;

	node->clock.offset_ns = read_offset(node, now_ns);
	node->clock.since_ns = now_ns;
}

static void
schedule(struct peal_simorder_node *node, uint64_t at_ns)
{
	uint64_t now_ns = node->world->time.now_ns;
	uint64_t first_ns = node->turned_at_ns + TURN_NS;

	at_ns = at_ns < first_ns ? first_ns : at_ns;
	at_ns = at_ns < now_ns ? now_ns : at_ns;
	if (at_ns < node->turn_at_ns) {
		node->turn_at_ns = at_ns;
		peal_simtime_add(&node->world->time, at_ns, PEAL_SIMEVENT_TURN, node->rank, 0);
	}
}

static void
transmit(void *state, uint8_t rank, uint8_t kind, const uint8_t *form, uint16_t form_size,
	const uint8_t *bytes, uint16_t size)
{
	struct peal_simorder_node *node = state;
	struct peal_simorder *world = node->world;
	struct peal_simframe *frame = peal_simnet_allocate(&world->net);

	PEAL_ASSERT(frame != NULL);
	PEAL_ASSERT(BODY_PLACE + form_size + size <= PEAL_SIMNET_FRAME_SIZE_MAX);
	memset(frame->bytes, 0, BODY_PLACE);
	peal_simnet_get_mac(rank, frame->bytes);
	frame->bytes[KIND_PLACE] = kind;
	memcpy(frame->bytes + MEMBER_PLACE, &node->member, sizeof(node->member));
	memcpy(frame->bytes + BODY_PLACE, form, form_size);
	if (size > 0) {
		memcpy(frame->bytes + BODY_PLACE + form_size, bytes, size);
	}
	frame->size = BODY_PLACE + form_size + size;
	world->report->frames_count++;
	world->report->digest = peal_hash_mix(world->report->digest + world->time.now_ns + kind);
	peal_check_order_frame(&world->check, world->time.now_ns, kind, frame->bytes + BODY_PLACE,
		form_size + (uint32_t)size);
	peal_simnet_send(&world->net, node->rank, frame);
}

/* A token is where the memory begins. */
static const uint8_t *
keep(void *state, const uint8_t *bytes, uint16_t size, uint64_t *token_out)
{
	struct peal_simorder_node *node = state;
	uint8_t *copy = malloc(size);

	PEAL_ASSERT(copy != NULL);
	memcpy(copy, bytes, size);
	node->references_count++;
	*token_out = (uint64_t)(uintptr_t)copy;
	return copy;
}

static void
release(void *state, uint64_t token)
{
	struct peal_simorder_node *node = state;

	PEAL_ASSERT(node->references_count > 0);
	node->references_count--;
	free((void *)(uintptr_t)token);
}

/* All paths carry all frames here. */
static void
doubt(void *state, uint8_t rank)
{
	(void)state;
	(void)rank;
}

static void
note_delay(struct peal_simorder *world, const struct peal_abcast_delivery *delivery)
{
	struct peal_simorder_delays *delays = delivery->is_own ? &world->own : &world->others;
	const struct peal_simorder_node *sayer = &world->nodes[delivery->rank];
	struct peal_check_order_words words;

	memcpy(&words, delivery->bytes, sizeof(words));
	if (delays->ns != NULL && delays->count < DELAYS_COUNT_MAX &&
		words.member == sayer->member) {
		delays->ns[delays->count++] =
			world->time.now_ns -
			sayer->said_at_ns[words.number % PEAL_SIMORDER_SAID_COUNT];
	}
}

static void
deliver(void *state, const struct peal_abcast_delivery *delivery)
{
	struct peal_simorder_node *node = state;
	struct peal_simorder *world = node->world;
	uint64_t now_ns = world->time.now_ns;

	trace(world, node->rank, "delivers", delivery->position);
	world->report->digest = peal_hash_mix(world->report->digest + delivery->stamp);
	peal_check_order_deliver(&world->check, node->member, now_ns, delivery);
	if (node->delivered_at_ns != 0 && now_ns - node->delivered_at_ns > node->gap_ns_max) {
		node->gap_ns_max = now_ns - node->delivered_at_ns;
	}
	node->delivered_at_ns = now_ns;
	note_delay(world, delivery);
}

static void
on_view(void *state, const struct peal_abcast_news *news)
{
	struct peal_simorder_node *node = state;

	trace(node->world, node->rank, "begins view", news->view);
	node->delivered_at_ns = 0;
	peal_check_order_view(&node->world->check, node->member, node->world->time.now_ns, news);
}

static void
on_skipped(void *state, uint64_t from, uint64_t to)
{
	struct peal_simorder_node *node = state;

	trace(node->world, node->rank, "skips to", to);
	peal_check_order_skip(
		&node->world->check, node->member, node->world->time.now_ns, from, to);
}

static void
on_stopped(void *state, enum peal_abcast_fault fault)
{
	struct peal_simorder_node *node = state;

	trace(node->world, node->rank, "stops", fault);
	peal_report_violate(node->world->report, node->world->time.now_ns,
		"order: rank %u stopped, fault %d", node->rank, (int)fault);
}

static void
tell_members(struct peal_simorder *world)
{
	for (uint8_t i = 0; i < world->config.ranks_count; i++) {
		for (uint8_t k = 0; k < world->config.ranks_count; k++) {
			if (world->nodes[i].machine != NULL && world->nodes[k].member != 0) {
				peal_abcast_learn(
					world->nodes[i].machine, k, world->nodes[k].member);
			}
		}
	}
}

static void
create(struct peal_simorder *world, uint8_t rank)
{
	struct peal_simorder_node *node = &world->nodes[rank];
	struct peal_abcast_config config = {.counters = &node->counters,
		.timing = world->config.timing,
		.group = GROUP,
		.configuration = 1,
		.ranks_count = world->config.ranks_count,
		.rank = rank,
		.user = {transmit, keep, release, deliver, on_view, on_skipped, on_stopped, doubt,
			node}};

	node->member = world->next_member++;
	PEAL_ASSERT(node->member < PEAL_CHECK_ORDER_MEMBERS_MAX);
	config.member = node->member;
	config.seed = peal_prng_next(&world->prng);
	node->machine = malloc(sizeof(*node->machine));
	PEAL_ASSERT(node->machine != NULL);
	peal_abcast_init(node->machine, &config);
	node->is_paused = false;
	node->turn_at_ns = UINT64_MAX;
	node->delivered_at_ns = 0;
	peal_simnet_set_up(&world->net, rank, true);
}

struct peal_simorder *
peal_simorder_allocate(void)
{
	/* Counters in it begin a line of the cache. */
	struct peal_simorder *world = aligned_alloc(alignof(struct peal_simorder), sizeof(*world));

	PEAL_ASSERT(world != NULL);
	return world;
}

void
peal_simorder_init(struct peal_simorder *world, const struct peal_simorder_config *config,
	struct peal_report *report)
{
	struct peal_simlink link = {
		.delay_ns_min = config->delay_ns_min, .delay_ns_max = config->delay_ns_max};
	uint64_t members[PEAL_ORDER_RANKS_MAX] = {0};

	memset(world, 0, sizeof(*world));
	world->config = *config;
	world->report = report;
	world->next_member = 1;
	world->began_at_ns = START_NS;
	peal_simtime_init(&world->time, START_NS);
	peal_prng_init(&world->prng, config->seed);
	peal_simnet_init(&world->net, &world->time, config->ranks_count, &link, ~config->seed);
	peal_check_order_init(&world->check, report);
	for (uint8_t i = 0; i < config->ranks_count; i++) {
		world->nodes[i] = (struct peal_simorder_node){
			.world = world, .rank = i, .say_at_ns = UINT64_MAX};
		world->nodes[i].clock.since_ns = START_NS;
		create(world, i);
		members[i] = world->nodes[i].member;
	}
	tell_members(world);
	for (uint8_t i = 0; i < config->ranks_count; i++) {
		peal_abcast_found(world->nodes[i].machine, members, START_NS);
		schedule(&world->nodes[i], START_NS);
	}
}

void
peal_simorder_crash(struct peal_simorder *world, uint8_t rank)
{
	struct peal_simorder_node *node = &world->nodes[rank];

	if (node->machine == NULL) {
		return;
	}
	trace(world, rank, "crashes, member", node->member);
	peal_abcast_fini(node->machine);
	if (node->references_count != 0) {
		peal_report_violate(world->report, world->time.now_ns,
			"order: rank %u keeps %" PRIu64 " frames at its end", rank,
			node->references_count);
	}
	free(node->machine);
	node->machine = NULL;
	node->turn_at_ns = UINT64_MAX;
	peal_simnet_set_up(&world->net, rank, false);
	peal_report_add_counters(world->report, &node->counters);
	peal_counters_init(&node->counters);
}

void
peal_simorder_start(struct peal_simorder *world, uint8_t rank)
{
	if (world->nodes[rank].machine == NULL) {
		create(world, rank);
		trace(world, rank, "starts, member", world->nodes[rank].member);
		tell_members(world);
		schedule(&world->nodes[rank], world->time.now_ns);
	}
}

void
peal_simorder_fini(struct peal_simorder *world)
{
	for (uint8_t i = 0; i < world->config.ranks_count; i++) {
		peal_simorder_crash(world, i);
	}
	world->report->virtual_ns += world->time.now_ns - world->began_at_ns;
	world->report->messages_count += world->check.count;
	world->report->views_count += world->check.views_count;
	peal_check_order_fini(&world->check);
	peal_simnet_fini(&world->net);
	peal_simtime_fini(&world->time);
	free(world->others.ns);
	free(world->own.ns);
}

static void
say(struct peal_simorder_node *node)
{
	struct peal_simorder *world = node->world;
	uint16_t size = (uint16_t)(SAID_SIZE_MIN +
				   peal_prng_below(&world->prng, SAID_SIZE_MAX - SAID_SIZE_MIN));
	struct message *message;

	if (node->machine->queue.count >= PEAL_ORDER_QUEUE_MAX ||
		node->machine->state == PEAL_ABCAST_STOPPED) {
		return;
	}
	message = malloc(sizeof(*message) + size);
	PEAL_ASSERT(message != NULL);
	message->said_at_ns = world->time.now_ns;
	peal_check_order_write(&world->check, node->member, peal_abcast_position(node->machine),
		message->bytes, size);
	node->said_at_ns[world->check.said[node->member] % PEAL_SIMORDER_SAID_COUNT] =
		world->time.now_ns;
	node->references_count++;
	PEAL_ASSERT(peal_abcast_send(node->machine, (uint64_t)(uintptr_t)message, message->bytes,
			    size) == PEAL_ABCAST_OK);
}

static void
receive(struct peal_simorder_node *node)
{
	struct peal_simorder *world = node->world;
	struct peal_simframe *frame;

	for (uint32_t i = 0;
		i < BURST && (frame = peal_simnet_take(&world->net, node->rank)) != NULL; i++) {
		struct peal_abcast_frame opened = {.body = frame->bytes + BODY_PLACE,
			.body_size = (uint16_t)(frame->size - BODY_PLACE),
			.kind = frame->bytes[KIND_PLACE]};

		memcpy(&opened.member, frame->bytes + MEMBER_PLACE, sizeof(opened.member));
		(void)peal_abcast_on_frame(node->machine, &opened, world->time.now_ns);
		peal_simnet_release(&world->net, frame);
	}
}

static void
turn(struct peal_simorder_node *node)
{
	struct peal_simorder *world = node->world;
	uint64_t now_ns = world->time.now_ns;
	uint64_t next_ns;

	if (node->machine == NULL || node->is_paused || now_ns != node->turn_at_ns) {
		return;
	}
	node->turn_at_ns = UINT64_MAX;
	node->turned_at_ns = now_ns;
	peal_abcast_set_offset(node->machine, read_offset(node, now_ns));
	receive(node);
	if (now_ns >= node->say_at_ns) {
		say(node);
		node->say_at_ns = now_ns + 1U + peal_prng_below(&world->prng, node->say_ns_max);
	}
	peal_abcast_run(node->machine, now_ns);
	next_ns = peal_abcast_deadline_at_ns(node->machine);
	next_ns = node->say_at_ns < next_ns ? node->say_at_ns : next_ns;
	if (peal_simnet_has_frames(&world->net, node->rank)) {
		next_ns = now_ns;
	}
	if (next_ns != UINT64_MAX) {
		schedule(node, next_ns);
	}
}

void
peal_simorder_run_for(struct peal_simorder *world, uint64_t span_ns)
{
	uint64_t until_ns = world->time.now_ns + span_ns;
	struct peal_simevent event;

	while (peal_simtime_take(&world->time, until_ns, &event)) {
		world->report->events_count++;
		if (event.kind == PEAL_SIMEVENT_TURN) {
			turn(&world->nodes[event.actor]);
		} else if (peal_simnet_arrive(&world->net, event.actor, event.value)) {
			schedule(&world->nodes[event.actor], world->time.now_ns);
		}
	}
}

void
peal_simorder_time(struct peal_simorder *world)
{
	struct peal_simorder_delays *both[] = {&world->others, &world->own};

	for (uint32_t i = 0; i < 2U; i++) {
		both[i]->count = 0;
		if (both[i]->ns == NULL) {
			both[i]->ns = malloc(DELAYS_COUNT_MAX * sizeof(both[i]->ns[0]));
		}
		PEAL_ASSERT(both[i]->ns != NULL);
	}
}

static int
compare(const void *a, const void *b)
{
	const uint64_t *left = a;
	const uint64_t *right = b;

	return *left < *right ? -1 : *left > *right ? 1 : 0;
}

uint64_t
peal_simorder_delay_ns(struct peal_simorder_delays *delays, uint32_t percent)
{
	if (delays->count < DELAYS_COUNT_MIN) {
		return 0;
	}
	qsort(delays->ns, delays->count, sizeof(delays->ns[0]), compare);
	return delays->ns[(delays->count - 1U) * percent / 100U];
}

void
peal_simorder_pause(struct peal_simorder *world, uint8_t rank, bool is_paused)
{
	struct peal_simorder_node *node = &world->nodes[rank];

	trace(world, rank, "is paused", is_paused);
	node->is_paused = is_paused;
	node->turn_at_ns = UINT64_MAX;
	if (!is_paused && node->machine != NULL) {
		schedule(node, world->time.now_ns);
	}
}

void
peal_simorder_step(struct peal_simorder *world, uint8_t rank, int64_t step_ns)
{
	trace(world, rank, "clock jumps", (uint64_t)step_ns);
	settle_clock(&world->nodes[rank]);
	world->nodes[rank].clock.offset_ns += step_ns;
}

void
peal_simorder_drift(struct peal_simorder *world, uint8_t rank, int64_t drift_ppm)
{
	settle_clock(&world->nodes[rank]);
	world->nodes[rank].clock.drift_ppm = drift_ppm;
}

void
peal_simorder_freeze(struct peal_simorder *world, uint8_t rank, bool is_frozen)
{
	trace(world, rank, "clock stands", is_frozen);
	settle_clock(&world->nodes[rank]);
	world->nodes[rank].clock.is_frozen = is_frozen;
}

void
peal_simorder_talk(struct peal_simorder *world, uint8_t rank, uint64_t ns_max)
{
	struct peal_simorder_node *node = &world->nodes[rank];

	node->say_ns_max = ns_max;
	node->say_at_ns = ns_max == 0 ? UINT64_MAX : world->time.now_ns;
	if (ns_max != 0 && node->machine != NULL && !node->is_paused) {
		schedule(node, world->time.now_ns);
	}
}

bool
peal_simorder_may_crash(const struct peal_simorder *world, uint8_t rank)
{
	uint32_t ranks_count = world->config.ranks_count;
	uint64_t newest = 0;

	for (uint32_t i = 0; i < ranks_count; i++) {
		const struct peal_abcast *machine = world->nodes[i].machine;
		uint32_t lost = 0;

		if (machine == NULL || machine->state == PEAL_ABCAST_OUT) {
			continue;
		}
		newest = machine->view > newest ? machine->view : newest;
		for (uint32_t k = 0; k < ranks_count; k++) {
			const struct peal_simorder_node *node = &world->nodes[k];

			lost += node->machine == NULL || k == rank ||
						machine->members[k] != node->member
					? 1U
					: 0U;
		}
		if (lost > ranks_count / 2U) {
			return false;
		}
	}
	return newest != 0;
}

bool
peal_simorder_is_agreed(const struct peal_simorder *world)
{
	const struct peal_abcast *first = world->nodes[0].machine;

	for (uint32_t i = 0; i < world->config.ranks_count; i++) {
		const struct peal_abcast *machine = world->nodes[i].machine;

		if (machine == NULL || machine->state != PEAL_ABCAST_RUNNING ||
			machine->view != first->view || machine->active != machine->all ||
			peal_abcast_position(machine) != world->check.count ||
			machine->queue.count != 0 ||
			machine->lanes[i].have != machine->lanes[i].delivered) {
			return false;
		}
	}
	return true;
}

void
peal_simorder_expect(struct peal_simorder *world, bool condition, const char *what, uint64_t value)
{
	if (!condition) {
		peal_report_violate(
			world->report, world->time.now_ns, "order: %s: %" PRIu64, what, value);
	}
}

static void
expect_agreement(struct peal_simorder *world)
{
	if (!peal_simorder_is_agreed(world)) {
		for (uint8_t i = 0; i < world->config.ranks_count; i++) {
			const struct peal_abcast *machine = world->nodes[i].machine;

			peal_report_violate(world->report, world->time.now_ns,
				"order: no agreement: rank %u state %d view %u active %x position "
				"%" PRIu64 " queue %u",
				i, (int)machine->state, machine->view, machine->active,
				peal_abcast_position(machine), machine->queue.count);
		}
		return;
	}
	for (uint8_t i = 0; i < world->config.ranks_count; i++) {
		peal_check_order_end(&world->check, world->nodes[i].member, world->time.now_ns);
	}
}

void
peal_simorder_heal(struct peal_simorder *world)
{
	uint64_t began_at_ns = world->time.now_ns;
	uint64_t until_ns = began_at_ns + PATIENCE_NS;

	for (uint8_t i = 0; i < world->config.ranks_count; i++) {
		peal_simorder_talk(world, i, 0);
	}
	while (!peal_simorder_is_agreed(world) && world->time.now_ns < until_ns &&
		world->report->violations_count == 0) {
		peal_simorder_run_for(world, MILLISECOND_NS);
	}
	peal_report_note(world->report, "order_heal_ns", world->time.now_ns - began_at_ns);
	if (world->report->violations_count == 0) {
		expect_agreement(world);
	}
}
