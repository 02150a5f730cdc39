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
	struct peal_simorders_ledger *ledger = map(sizeof(*ledger));

	ledger->report = report;
	ledger->now_ns = now_ns;
	ledger->pause_ns_max = 1000000U;
	return ledger;
}

void
peal_simorders_ledger_destroy(struct peal_simorders_ledger *ledger)
{
	for (uint32_t i = 0; i < ledger->groups_count; i++) {
		free(ledger->groups[i].history);
		free(ledger->groups[i].readers);
		free(ledger->groups[i].gaps);
	}
	PEAL_ASSERT(munmap(ledger, sizeof(*ledger)) == 0);
}

/* --- the ledger --- */

#define VIOLATE(simorders, ...)                                                                    \
	peal_report_violate((simorders)->ledger->report, *(simorders)->ledger->now_ns, __VA_ARGS__)

static struct peal_simorders_group *
find_group(struct peal_simorders_ledger *ledger, uint32_t cluster, uint32_t id, uint32_t generation)
{
	struct peal_simorders_group *group;

	for (uint32_t i = 0; i < ledger->groups_count; i++) {
		group = &ledger->groups[i];
		if (group->cluster == cluster && group->id == id &&
			group->generation == generation) {
			return group;
		}
	}
	PEAL_ASSERT(ledger->groups_count < PEAL_SIMORDERS_GROUPS_MAX);
	group = &ledger->groups[ledger->groups_count++];
	group->cluster = cluster;
	group->id = id;
	group->generation = generation;
	return group;
}

static struct peal_simorders_life *
find_life(struct peal_simorders_group *group, uint64_t mid)
{
	uint32_t place = (uint32_t)(mid % PEAL_SIMORDERS_LIVES_MAX);

	while (group->lives[place].mid != 0 && group->lives[place].mid != mid) {
		place = (place + 1U) % PEAL_SIMORDERS_LIVES_MAX;
	}
	group->lives[place].mid = mid;
	return &group->lives[place];
}

/* Room for one more of `size` bytes behind `count`. */
static void *
grow(void *items, uint64_t count, uint64_t *capacity, size_t size)
{
	if (count < *capacity) {
		return items;
	}
	*capacity = *capacity == 0 ? 1024U : 2U * *capacity;
	items = realloc(items, *capacity * size);
	PEAL_ASSERT(items != NULL);
	return items;
}

static uint32_t
add_reader(struct peal_simorders_group *group)
{
	group->readers = grow(group->readers, group->readers_count, &group->readers_capacity,
		sizeof(group->readers[0]));
	group->readers[group->readers_count] = (struct peal_simorders_reader){0};
	return group->readers_count++;
}

static void
add_gap(struct peal_simorders_group *group, uint32_t reader, uint64_t from, uint64_t to)
{
	group->gaps =
		grow(group->gaps, group->gaps_count, &group->gaps_capacity, sizeof(group->gaps[0]));
	group->gaps[group->gaps_count++] =
		(struct peal_simorders_gap){.reader = reader, .from = from, .to = to};
}

/* Whether a reader was told that it misses a piece of a message: then it gets none of it. */
static bool
is_missed(const struct peal_simorders_group *group, uint32_t reader,
	const struct peal_simorders_entry *entry)
{
	for (uint32_t i = 0; i < group->gaps_count; i++) {
		const struct peal_simorders_gap *gap = &group->gaps[i];

		for (uint32_t k = 0; gap->reader == reader && k < entry->pieces_count; k++) {
			if (entry->pieces[k] >= gap->from && entry->pieces[k] <= gap->to) {
				return true;
			}
		}
	}
	return false;
}

/* Where in the history the first message stands that is not before `position`. */
static uint64_t
find_place(const struct peal_simorders_group *group, uint64_t position)
{
	uint64_t low = 0, high = group->count;

	while (low < high) {
		uint64_t middle = (low + high) / 2U;

		if (group->history[middle].position < position) {
			low = middle + 1U;
		} else {
			high = middle;
		}
	}
	return low;
}

/* Messages of one process are in its order, however late one is written. */
static void
compare_numbers(struct peal_simorders *simorders, const struct peal_simorders_group *group,
	uint64_t at, const struct peal_simorders_entry *entry)
{
	bool is_good = true;

	for (uint64_t i = 0; i < group->count; i++) {
		const struct peal_simorders_entry *other = &group->history[i];

		is_good = is_good &&
			  (other->mid != entry->mid || (i < at ? other->number < entry->number
							       : other->number > entry->number));
	}
	if (!is_good) {
		VIOLATE(simorders,
			"n%u: message %" PRIu64 " of member %" PRIu64 " is at position %" PRIu64
			", out of its order",
			simorders->index, entry->number, entry->mid, entry->position);
	}
}

static void
write_history(struct peal_simorders *simorders, struct peal_simorders_group *group, uint64_t at,
	const struct peal_simorders_entry *entry)
{
	struct peal_simorders_life *life = find_life(group, entry->mid);

	if (at < group->count) {
		compare_numbers(simorders, group, at, entry);
	} else if (entry->number <= life->last) {
		VIOLATE(simorders,
			"n%u: message %" PRIu64 " of member %" PRIu64
			" is in order behind message %" PRIu64,
			simorders->index, entry->number, entry->mid, life->last);
	}
	if (entry->number > life->said_count) {
		VIOLATE(simorders,
			"n%u: message %" PRIu64 " of member %" PRIu64
			" is in order, who said %" PRIu64,
			simorders->index, entry->number, entry->mid, life->said_count);
	}
	for (uint32_t i = 0; i < group->readers_count; i++) {
		if (group->readers[i].passed >= entry->position && !is_missed(group, i, entry)) {
			VIOLATE(simorders,
				"n%u: has a message at position %" PRIu64
				" of group %u that another one left out untold",
				simorders->index, entry->position, group->id);
			break;
		}
	}
	group->history =
		grow(group->history, group->count, &group->capacity, sizeof(group->history[0]));
	memmove(&group->history[at + 1U], &group->history[at],
		(group->count - at) * sizeof(group->history[0]));
	group->history[at] = *entry;
	group->count++;
	life->last = entry->number > life->last ? entry->number : life->last;
	simorders->ledger->report->messages_count++;
}

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
		.group = find_group(
			simorders->ledger, simorders->orders.cluster, id, state.generation),
		.mid = simorders->orders.self_mid};
	unused->reader = add_reader(unused->group);
	return unused;
}

/* A node goes on behind `position`: of what stands up to there it was told. */
static void
pass(struct peal_simorders *simorders, const struct peal_simorders_seat *seat, uint64_t position)
{
	const struct peal_simorders_group *group = seat->group;
	struct peal_simorders_reader *reader = &group->readers[seat->reader];

	for (uint64_t at = find_place(group, reader->passed + 1U);
		at < group->count && group->history[at].position <= position; at++) {
		if (!is_missed(group, seat->reader, &group->history[at])) {
			VIOLATE(simorders,
				"n%u: goes on behind position %" PRIu64
				" of group %u without message %" PRIu64 " of member %" PRIu64
				" at %" PRIu64,
				simorders->index, position, group->id, group->history[at].number,
				group->history[at].mid, group->history[at].position);
		}
	}
	reader->passed = position > reader->passed ? position : reader->passed;
}

static bool
is_same(const struct peal_simorders_entry *a, const struct peal_simorders_entry *b)
{
	return a->position == b->position && a->mid == b->mid && a->number == b->number &&
	       a->pieces_count == b->pieces_count &&
	       memcmp(a->pieces, b->pieces, a->pieces_count * sizeof(a->pieces[0])) == 0;
}

static void
complete(struct peal_simorders *simorders, struct peal_simorders_seat *seat,
	const struct peal_simorders_entry *entry)
{
	struct peal_simorders_group *group = seat->group;
	uint64_t at;

	if (!seat->has_view) {
		VIOLATE(simorders,
			"n%u: a message of group %u is delivered, and nobody said where it begins",
			simorders->index, group->id);
	}
	if (peal_simorders_find_machine(simorders, group->id) == NULL) {
		simorders->ledger->heard_count++;
	}
	if (entry->position <= group->readers[seat->reader].passed) {
		VIOLATE(simorders, "n%u: a message at position %" PRIu64 " of group %u comes late",
			simorders->index, entry->position, group->id);
		return;
	}
	pass(simorders, seat, entry->position - 1U);
	at = find_place(group, entry->position);
	if (at == group->count || group->history[at].position != entry->position) {
		write_history(simorders, group, at, entry);
	} else if (!is_same(&group->history[at], entry)) {
		const struct peal_simorders_entry *found = &group->history[at];

		VIOLATE(simorders,
			"n%u: message %" PRIu64 " of member %" PRIu64 " is at position %" PRIu64
			" of group %u in %u pieces, where others had message %" PRIu64
			" of member %" PRIu64 " in %u",
			simorders->index, entry->number, entry->mid, entry->position, group->id,
			entry->pieces_count, found->number, found->mid, found->pieces_count);
	}
	group->readers[seat->reader].passed = entry->position;
	seat->seen = entry->position;
	seat->delivered_count++;
	if (entry->mid == seat->mid) {
		find_life(group, entry->mid)->back_count++;
	}
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
	PEAL_ASSERT(parts->pieces_count < PEAL_SIMORDERS_PIECES_MAX);
	parts->pieces[parts->pieces_count++] = message->position;
	if (parts->offset == parts->size) {
		struct peal_simorders_entry entry = {.position = message->position,
			.mid = message->mid,
			.number = parts->number,
			.pieces_count = parts->pieces_count};

		memcpy(entry.pieces, parts->pieces, sizeof(entry.pieces));
		complete(simorders, find_seat(simorders, message->group), &entry);
	}
}

static void
note_doubtful(
	struct peal_simorders *simorders, const struct peal_simorders_seat *seat, uint64_t count)
{
	find_life(seat->group, seat->mid)->doubtful_count += count;
	simorders->ledger->doubtful_count += count;
}

static void
compare_view(struct peal_simorders *simorders, struct peal_simorders_group *group,
	const struct peal_orders_view *view)
{
	struct peal_simorders_view *known = &group->views[view->view % PEAL_SIMORDERS_VIEWS_MAX];

	if (!known->is_known || known->view.view != view->view) {
		known->is_known = true;
		known->view = *view;
		for (uint32_t i = 0; i < view->ranks_count && view->view > 1U; i++) {
			const struct peal_simorders_view *before =
				&group->views[(view->view - 1U) % PEAL_SIMORDERS_VIEWS_MAX];

			simorders->ledger->restarts_count +=
				before->view.members[i] != view->members[i] ? 1U : 0U;
		}
		return;
	}
	if (known->view.active != view->active || known->view.position != view->position ||
		memcmp(known->view.members, view->members, sizeof(view->members)) != 0) {
		VIOLATE(simorders, "n%u: view %u of group %u is not what it is elsewhere",
			simorders->index, view->view, group->id);
	}
}

static void
on_view(void *state, uint32_t id, const struct peal_orders_view *view)
{
	struct peal_simorders *simorders = state;
	struct peal_simorders_seat *seat = find_seat(simorders, id);

	compare_view(simorders, seat->group, view);
	if (!seat->has_view) {
		add_gap(seat->group, seat->reader, 0, view->position);
	}
	seat->has_view = true;
	note_doubtful(simorders, seat, view->doubtful_count);
	pass(simorders, seat, view->position);
}

static void
on_skipped(void *state, uint32_t id, uint64_t from, uint64_t to, uint64_t own_count)
{
	struct peal_simorders *simorders = state;
	struct peal_simorders_seat *seat = find_seat(simorders, id);

	add_gap(seat->group, seat->reader, from, to);
	pass(simorders, seat, to);
	note_doubtful(simorders, seat, own_count);
	if (seat->has_view) {
		simorders->ledger->skips_count++;
		simorders->ledger->unheard_count +=
			peal_simorders_find_machine(simorders, id) == NULL ? 1U : 0U;
	}
	seat->has_view = true;
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
		find_life(seat->group, seat->mid)->is_over = true;
		/* It gave its rank away, and goes on listening where it was. */
		if (peal_orders_find(&simorders->orders, id, &here) &&
			here.generation == seat->group->generation &&
			simorders->orders.cluster == seat->group->cluster &&
			simorders->orders.self_mid == seat->mid) {
			find_life(seat->group, seat->mid)->lost_count += lost_count;
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
	for (uint32_t i = 0; i < PEAL_ORDERS_MAX; i++) {
		if (simorders->seats[i].group != NULL) {
			find_life(simorders->seats[i].group, simorders->seats[i].mid)->is_over =
				true;
		}
	}
	simorders->is_up = false;
}

static bool
say(struct peal_simorders *simorders, struct peal_simorders_seat *seat, uint32_t size)
{
	uint8_t bytes[MESSAGE_SIZE_MAX];
	struct peal_simorders_life *life = find_life(seat->group, seat->mid);
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

bool
peal_simorders_has_all(const struct peal_simorders_seat *seat)
{
	const struct peal_simorders_group *group = seat->group;

	for (uint64_t at = find_place(group, group->readers[seat->reader].passed + 1U);
		at < group->count; at++) {
		if (!is_missed(group, seat->reader, &group->history[at])) {
			return false;
		}
	}
	return true;
}

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
		if (nodes[i].is_up && count_early(&nodes[i], config->id) > 0) {
			VIOLATE(&nodes[i], "n%u: waits for what nobody says any more in group %u",
				i, config->id);
		}
		for (uint32_t s = 0; s < PEAL_ORDERS_MAX; s++) {
			const struct peal_simorders_seat *seat = &nodes[i].seats[s];
			const struct peal_simorders_life *life;

			if (seat->group == NULL || seat->group->id != config->id ||
				!nodes[i].is_up) {
				continue;
			}
			life = find_life(seat->group, seat->mid);
			if (!peal_simorders_has_all(seat)) {
				VIOLATE(&nodes[i], "n%u: lacks messages of group %u at the end", i,
					config->id);
			}
			if (life->back_count + life->doubtful_count > life->said_count ||
				life->back_count + life->doubtful_count + life->lost_count <
					life->said_count) {
				VIOLATE(&nodes[i],
					"n%u: of %" PRIu64 " messages in group %u %" PRIu64
					" came back and %" PRIu64 " are in doubt",
					i, life->said_count, config->id, life->back_count,
					life->doubtful_count);
			}
		}
	}
}
