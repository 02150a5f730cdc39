/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/simorders.h"
#include "sim/simranks.h"

#include "base/assert.h"
#include "base/hash.h"
#include "sim/simpattern.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PATTERN_STEP     7U
#define HEAD_SIZE        32U /* mid, number, seen, size */
#define MESSAGE_SIZE_MAX 9000U
#define SMALL_SIZE_MAX   200U

static void *
map(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	PEAL_ASSERT(memory != MAP_FAILED);
	return memory;
}

struct peal_simorders *
peal_simorders_allocate(uint32_t count)
{
	struct peal_simorders *nodes = map(count * sizeof(*nodes));

	for (uint32_t i = 0; i < count; i++) {
		nodes[i].frames = map(PEAL_ORDERS_FRAMES_SIZE);
	}
	return nodes;
}

void
peal_simorders_free(struct peal_simorders *nodes, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		PEAL_ASSERT(munmap(nodes[i].frames, PEAL_ORDERS_FRAMES_SIZE) == 0);
	}
	PEAL_ASSERT(munmap(nodes, count * sizeof(*nodes)) == 0);
}

struct peal_simorders_ledger *
peal_simorders_ledger_create(struct peal_report *report, const uint64_t *now_ns)
{
	struct peal_simorders_ledger *ledger = calloc(1, sizeof(*ledger));

	PEAL_ASSERT(ledger != NULL);
	ledger->report = report;
	ledger->now_ns = now_ns;
	ledger->pause_ns_max = 1000000U;
	ledger->check = peal_check_orders_create(report, now_ns);
	return ledger;
}

void
peal_simorders_ledger_destroy(struct peal_simorders_ledger *ledger)
{
	peal_check_orders_destroy(ledger->check);
	free(ledger);
}

#define VIOLATE(simorders, ...)                                                                    \
	peal_report_violate((simorders)->ledger->report, *(simorders)->ledger->now_ns, __VA_ARGS__)

/* --- one node in one group --- */

const struct peal_orders_group *
peal_simorders_find_machine(const struct peal_simorders *simorders, uint32_t id)
{
	for (uint32_t i = 0; i < PEAL_ORDERS_MAX; i++) {
		const struct peal_orders_group *group = &simorders->orders.groups[i];

		if (simorders->is_up && group->is_used && !group->is_ended &&
			group->config.id == id) {
			return group;
		}
	}
	return NULL;
}

static struct peal_simorders_seat *
find_seat(struct peal_simorders *simorders, uint32_t id)
{
	struct peal_simorders_seat *unused = NULL;
	struct peal_orders_state state;

	for (uint32_t i = 0; i < PEAL_ORDERS_MAX; i++) {
		struct peal_simorders_seat *seat = &simorders->seats[i];

		if (seat->group != NULL && seat->group->id == id) {
			return seat;
		}
		unused = seat->group == NULL ? seat : unused;
	}
	PEAL_ASSERT(unused != NULL);
	PEAL_ASSERT(peal_orders_find(&simorders->orders, id, &state));
	*unused = (struct peal_simorders_seat){
		.group = peal_check_orders_find_group(
			simorders->ledger->check, simorders->orders.cluster, id, state.generation),
		.mid = simorders->orders.self_mid};
	unused->reader = peal_check_orders_add_reader(unused->group, simorders->index, unused->mid);
	return unused;
}

static uint8_t
pattern(uint64_t mid, uint64_t number, uint32_t at)
{
	return (uint8_t)(UINT64_C(131) * mid + number * 17U + (uint64_t)PATTERN_STEP * at);
}

/* The words in front of a message. False: they cannot be. */
static bool
read_head(struct peal_simorders *simorders, struct peal_simorders_parts *parts,
	const struct peal_orders_message *message)
{
	uint64_t words[4];

	if (message->delivery.size < HEAD_SIZE) {
		VIOLATE(simorders, "n%u: a message of %u bytes was delivered", simorders->index,
			message->delivery.size);
		return false;
	}
	memcpy(words, message->delivery.bytes, sizeof(words));
	*parts = (struct peal_simorders_parts){.mid = message->mid,
		.group = message->group,
		.size = message->delivery.message_size,
		.number = words[1]};
	if (words[0] != message->mid || words[3] != parts->size || words[2] >= message->position) {
		VIOLATE(simorders,
			"n%u: what member %" PRIu64 " said when it was at position %" PRIu64
			" is at %" PRIu64 " as said by %" PRIu64,
			simorders->index, words[0], words[2], message->position, message->mid);
	}
	return true;
}

static struct peal_simorders_parts *
find_parts(struct peal_simorders *simorders, const struct peal_orders_message *message)
{
	uint64_t place = peal_hash_mix(message->mid << 32 | message->group);

	for (uint32_t i = 0; i < PEAL_SIMORDERS_PARTS_MAX; i++) {
		struct peal_simorders_parts *parts =
			&simorders->parts[(place + i) % PEAL_SIMORDERS_PARTS_MAX];

		if (parts->mid == 0 ||
			(parts->mid == message->mid && parts->group == message->group)) {
			return parts;
		}
	}
	PEAL_ASSERT(false);
	return NULL;
}

static void
deliver(void *state, const struct peal_orders_message *message)
{
	struct peal_simorders *simorders = state;
	const struct peal_delivery *delivery = &message->delivery;
	struct peal_simorders_parts *parts = find_parts(simorders, message);
	uint32_t from = delivery->offset == 0 ? HEAD_SIZE : 0;

	if (delivery->offset == 0 && !read_head(simorders, parts, message)) {
		return;
	}
	if (parts->mid != message->mid || parts->group != message->group ||
		parts->offset != delivery->offset || parts->size != delivery->message_size) {
		VIOLATE(simorders,
			"n%u: a part at %u of a message of member %" PRIu64 " is not next",
			simorders->index, delivery->offset, message->mid);
		return;
	}
	if (message->is_own != (message->mid == simorders->orders.self_mid)) {
		VIOLATE(simorders, "n%u: does not know what is its own", simorders->index);
	}
	if (peal_simpattern_check(delivery->bytes + from, delivery->size - from,
		    pattern(parts->mid, parts->number, delivery->offset + from),
		    PATTERN_STEP) < delivery->size - from) {
		VIOLATE(simorders, "n%u: a message of member %" PRIu64 " is spoiled",
			simorders->index, message->mid);
	}
	parts->offset += delivery->size;
	PEAL_ASSERT(parts->pieces_count < PEAL_CHECK_ORDERS_PIECES_MAX);
	parts->pieces[parts->pieces_count++] = message->position;
	if (parts->offset == parts->size) {
		struct peal_simorders_seat *seat = find_seat(simorders, message->group);
		struct peal_check_orders_entry entry = {.position = message->position,
			.mid = message->mid,
			.number = parts->number,
			.pieces_count = parts->pieces_count};

		memcpy(entry.pieces, parts->pieces, sizeof(entry.pieces));
		simorders->ledger->heard_count +=
			peal_simorders_find_machine(simorders, message->group) == NULL ? 1U : 0U;
		if (peal_check_orders_on_message(
			    simorders->ledger->check, seat->group, seat->reader, &entry)) {
			seat->seen = entry.position;
			seat->delivered_count++;
		}
	}
}

static void
on_view(void *state, uint32_t id, const struct peal_orders_view *view)
{
	struct peal_simorders *simorders = state;
	const struct peal_simorders_seat *seat = find_seat(simorders, id);

	peal_check_orders_on_view(simorders->ledger->check, seat->group, seat->reader, view);
	simorders->ledger->doubtful_count += view->doubtful_count;
}

static void
on_skipped(void *state, uint32_t id, uint64_t from, uint64_t to, uint64_t own_count)
{
	struct peal_simorders *simorders = state;
	const struct peal_simorders_seat *seat = find_seat(simorders, id);

	if (seat->group->readers[seat->reader].has_view) {
		simorders->ledger->skips_count++;
		simorders->ledger->unheard_count +=
			peal_simorders_find_machine(simorders, id) == NULL ? 1U : 0U;
	}
	peal_check_orders_on_skipped(simorders->ledger->check, seat->group, seat->reader, from, to);
	peal_check_orders_find_life(seat->group, seat->mid)->doubtful_count += own_count;
	simorders->ledger->doubtful_count += own_count;
}

static void
on_ended(void *state, uint32_t id, enum peal_abcast_fault fault, uint64_t lost_count)
{
	struct peal_simorders *simorders = state;
	struct peal_orders_state here;

	if (fault != PEAL_ABCAST_FAULT_REPLACED) {
		VIOLATE(simorders, "n%u: its rank of group %u stopped: fault %d", simorders->index,
			id, (int)fault);
	}
	for (uint32_t i = 0; i < PEAL_ORDERS_MAX; i++) {
		struct peal_simorders_seat *seat = &simorders->seats[i];

		if (seat->group == NULL || seat->group->id != id) {
			continue;
		}
		/* It gave its rank away, and goes on listening where it was. */
		if (peal_orders_find(&simorders->orders, id, &here) &&
			here.generation == seat->group->generation &&
			simorders->orders.cluster == seat->group->cluster &&
			simorders->orders.self_mid == seat->mid) {
			peal_check_orders_find_life(seat->group, seat->mid)->lost_count +=
				lost_count;
			simorders->ledger->doubtful_count += lost_count;
			continue;
		}
		seat->group = NULL;
	}
}

/* --- life of a process --- */

static enum peal_cast_result
cast(void *state, const uint8_t *bytes, uint32_t size)
{
	struct peal_simorders *simorders = state;

	return peal_cast_send(&simorders->cast, bytes, size);
}

static void
on_cast(void *state, uint32_t origin, const struct peal_delivery *delivery)
{
	struct peal_simorders *simorders = state;

	if (!peal_orders_on_cast(&simorders->orders, origin, delivery)) {
		VIOLATE(simorders, "n%u: a broadcast is of nobody", simorders->index);
	}
}

static void
on_cast_view(void *state, uint64_t epoch, uint32_t view_tag)
{
	struct peal_simorders *simorders = state;

	(void)epoch;
	(void)view_tag;
	peal_orders_on_cast_view(&simorders->orders);
}

static void
on_cast_ended(void *state, uint64_t lost_count)
{
	(void)state;
	(void)lost_count;
}

static void
on_cast_release(void *state, uint64_t token)
{
	(void)state;
	(void)token;
}

static void
start_cast(struct peal_simorders *simorders, struct peal_egress *egress,
	struct peal_counters *counters)
{
	const struct peal_cast_config config = {.egress = egress,
		.counters = counters,
		.user = {.deliver = on_cast,
			.view = on_cast_view,
			.ended = on_cast_ended,
			.release = on_cast_release,
			.state = simorders},
		.queue_bytes = simorders->queue,
		.queue_capacity = sizeof(simorders->queue),
		.frame_bytes = simorders->cast_frames};

	peal_cast_init(&simorders->cast, &config);
}

/* --- channels, of which there are none: what they know of the paths --- */

static bool
accepts(void *state, uint64_t mid, uint16_t number)
{
	(void)state;
	(void)mid;
	(void)number;
	return false;
}

static void
start_channels(struct peal_simorders *simorders, struct peal_egress *egress,
	struct peal_counters *counters)
{
	/* Headers of IP and UDP, and of a frame. */
	const uint16_t headers_size = 48U + PEAL_HEADER_SIZE + PEAL_TRAILER_SIZE;
	const struct peal_channels_config config = {.egress = egress,
		.counters = counters,
		.user = {.accepts = accepts, .state = simorders},
		.queue_bytes = simorders->channel_queues[0],
		.queue_capacity = PEAL_SIMORDERS_CHANNEL_SIZE,
		.frame_bytes = simorders->channel_frames,
		.frames_count = PEAL_SIMORDERS_FRAMES_COUNT,
		.frame_size = simorders->mtu > PEAL_MTU_MIN
				      ? (uint16_t)(simorders->mtu - headers_size)
				      : (uint16_t)PEAL_BODY_SIZE_MAX,
		.rto_ns_min = 50000,
		.rto_ns_max = 50000000,
		.first_epoch = 1,
		.shards_count = 1};

	peal_channels_init(&simorders->channels, &config);
}

void
peal_simorders_start(struct peal_simorders *simorders, struct peal_egress *egress,
	struct peal_counters *counters, uint64_t seed)
{
	const struct peal_orders_config config = {.egress = egress,
		.paths = &simorders->channels.paths,
		.counters = counters,
		.user = {.cast = cast,
			.deliver = deliver,
			.view = on_view,
			.skipped = on_skipped,
			.ended = on_ended,
			.state = simorders},
		.name = simorders->name,
		.seed = seed,
		.frame_bytes = simorders->frames};

	(void)snprintf(simorders->name, sizeof(simorders->name), "n%u", simorders->index);
	peal_prng_init(&simorders->prng, peal_hash_mix(seed));
	memset(simorders->seats, 0, sizeof(simorders->seats));
	memset(simorders->parts, 0, sizeof(simorders->parts));
	simorders->is_up = true;
	start_cast(simorders, egress, counters);
	start_channels(simorders, egress, counters);
	peal_orders_init(&simorders->orders, &config);
}

void
peal_simorders_end(struct peal_simorders *simorders)
{
	simorders->is_up = false;
}

static bool
say(struct peal_simorders *simorders, struct peal_simorders_seat *seat, uint32_t size)
{
	uint8_t bytes[MESSAGE_SIZE_MAX];
	struct peal_check_orders_life *life = peal_check_orders_find_life(seat->group, seat->mid);
	uint64_t words[4] = {seat->mid, life->said_count + 1U, seat->seen, size};

	PEAL_ASSERT(size >= HEAD_SIZE && size <= sizeof(bytes));
	memcpy(bytes, words, sizeof(words));
	peal_simpattern_fill(bytes + HEAD_SIZE, size - HEAD_SIZE,
		pattern(words[0], words[1], HEAD_SIZE), PATTERN_STEP);
	if (peal_orders_send(&simorders->orders, seat->group->id, bytes, size) != PEAL_ORDERS_OK) {
		return false;
	}
	life->said_count++;
	simorders->ledger->said_count++;
	return true;
}

static uint32_t
draw_size(struct peal_prng *prng)
{
	return (uint32_t)(HEAD_SIZE + peal_prng_below(prng, peal_prng_ratio(prng, 1, 8)
								    ? MESSAGE_SIZE_MAX - HEAD_SIZE
								    : SMALL_SIZE_MAX));
}

/* Takes part in all groups of the view: with a rank, or listening. */
static void
take_seats(struct peal_simorders *simorders)
{
	const struct peal_peers *peers = simorders->orders.peers;

	for (uint32_t i = 0; peers->members_count > 0 && i < peers->view->ordergroups_count; i++) {
		(void)peal_orders_subscribe(&simorders->orders, peers->view->ordergroups[i].id);
	}
	for (uint32_t i = 0; i < PEAL_ORDERS_MAX; i++) {
		const struct peal_orders_group *group = &simorders->orders.groups[i];

		if (group->is_used && !group->is_ended) {
			(void)find_seat(simorders, group->config.id);
		}
	}
}

void
peal_simorders_turn(struct peal_simorders *simorders, uint64_t now_ns)
{
	const struct peal_simorders_ledger *ledger = simorders->ledger;

	take_seats(simorders);
	if (simorders->is_quiet) {
		return;
	}
	for (uint32_t i = 0; i < PEAL_ORDERS_MAX; i++) {
		struct peal_simorders_seat *seat = &simorders->seats[i];
		uint32_t count = peal_prng_ratio(&simorders->prng, 1, 10) ? 20U : 1U;

		if (seat->group == NULL || now_ns < seat->next_at_ns) {
			continue;
		}
		if (peal_simorders_find_machine(simorders, seat->group->id) == NULL) {
			seat->next_at_ns = now_ns + ledger->pause_ns_max;
			continue;
		}
		while (count > 0 && say(simorders, seat, draw_size(&simorders->prng))) {
			count--;
		}
		seat->next_at_ns =
			now_ns + 1U + peal_prng_below(&simorders->prng, ledger->pause_ns_max);
	}
}

uint64_t
peal_simorders_deadline_at_ns(const struct peal_simorders *simorders)
{
	uint64_t deadline_at_ns = UINT64_MAX;

	if (simorders->is_quiet) {
		return deadline_at_ns;
	}
	for (uint32_t i = 0; i < PEAL_ORDERS_MAX; i++) {
		const struct peal_simorders_seat *seat = &simorders->seats[i];

		if (seat->group != NULL && seat->next_at_ns < deadline_at_ns) {
			deadline_at_ns = seat->next_at_ns;
		}
	}
	return deadline_at_ns;
}

void
peal_simorders_say(struct peal_simorders *simorders, uint32_t id, uint32_t size)
{
	if (simorders->is_up && peal_simorders_find_machine(simorders, id) != NULL &&
		!say(simorders, find_seat(simorders, id), size)) {
		VIOLATE(simorders, "n%u: may not say anything, although all is well",
			simorders->index);
	}
}

/* --- what must be true at the end --- */

/* Positions of the group that came, and wait for one before them that does not. */
static uint32_t
count_early(const struct peal_simorders *simorders, uint32_t id)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < PEAL_ORDERS_EARLY_MAX; i++) {
		count += simorders->orders.early[i].group == id ? 1U : 0U;
	}
	return count;
}

void
peal_simorders_check_all(
	const struct peal_simorders *nodes, uint32_t count, const struct peal_ordergroup *config)
{
	if (!peal_simranks_is_agreed(nodes, count, config)) {
		VIOLATE(&nodes[0], "the ranks of group %u do not agree, although all is well",
			config->id);
		peal_simranks_describe(nodes, count, config->id);
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		bool is_reader = false;

		if (nodes[i].is_up && count_early(&nodes[i], config->id) > 0) {
			VIOLATE(&nodes[i], "n%u: waits for what nobody says any more in group %u",
				i, config->id);
		}

		for (uint32_t s = 0; s < PEAL_ORDERS_MAX && nodes[i].is_up; s++) {
			const struct peal_simorders_seat *seat = &nodes[i].seats[s];

			if (seat->group != NULL && seat->group->id == config->id) {
				is_reader = seat->group->generation == config->generation;
				peal_check_orders_end(
					nodes[i].ledger->check, seat->group, seat->reader);
			}
		}
		if (nodes[i].is_up && !is_reader) {
			VIOLATE(&nodes[i], "n%u: has no part in group %u", i, config->id);
		}
	}
}
