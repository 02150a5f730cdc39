/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/simapps.h"

#include "base/assert.h"
#include "dataplane/traffic.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define PAUSE_NS_MAX UINT64_C(3000000)
#define BURST_NS_MAX UINT64_C(20000)
/* Everybody hears all of it. */
#define HEARD_PAUSE_NS_MAX UINT64_C(30000000)
#define LEASE_NS           UINT64_C(25000000)
#define THREAD             1U
#define SMALL_SIZE         120U
#define MESSAGES_MAX       3U
#define CLIENT_NAME        "g"
#define LIFE_MASK          0x1FFU

struct peal_simapps *
peal_simapps_allocate(uint32_t count)
{
	void *memory = mmap(NULL, count * sizeof(struct peal_simapps), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	PEAL_ASSERT(memory != MAP_FAILED);
	return memory;
}

void
peal_simapps_add_orders(struct peal_simapps *apps, struct peal_check_total *total)
{
	void *memory = mmap(NULL, PEAL_ORDERS_FRAMES_SIZE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	PEAL_ASSERT(memory != MAP_FAILED);
	apps->total = total;
	apps->order_frames = memory;
	(void)snprintf(apps->name, sizeof(apps->name), "n%u", apps->index);
}

void
peal_simapps_release(struct peal_simapps *apps, uint32_t count)
{
	for (uint32_t i = 0; i < count && apps[i].order_frames != NULL; i++) {
		PEAL_ASSERT(munmap(apps[i].order_frames, PEAL_ORDERS_FRAMES_SIZE) == 0);
	}
	PEAL_ASSERT(munmap(apps, count * sizeof(struct peal_simapps)) == 0);
}

static struct peal_region_up *
up_of(struct peal_simapp *app)
{
	return (void *)app->up;
}

static struct peal_region_down *
down_of(struct peal_simapp *app)
{
	return (void *)app->down;
}

void
peal_simapps_violate(const struct peal_simapps *apps, const char *what)
{
	peal_report_violate(
		apps->check->report, *apps->check->now_ns, "n%u: %s", apps->index, what);
}

/* --- the process --- */

static void
ring(void *state, uint64_t bell)
{
	(void)state;
	(void)bell; /* nobody sleeps */
}

static void
tell(void *state)
{
	(void)state; /* looked at in each turn */
}

void
peal_simapps_start(struct peal_simapps *apps, const struct peal_simapps_core *core, uint64_t seed,
	uint64_t now_ns)
{
	const struct peal_load_config load = {.cast = &apps->cast, .uplink = core->uplink};
	const struct peal_clients_config clients = {.cast = &apps->cast,
		.load = &apps->load,
		.groups = &apps->groups,
		.orders = apps->total != NULL ? &apps->orders : NULL,
		.counters = core->counters};
	const struct peal_clients_outside outside = {.room = &apps->room,
		.page = &apps->page,
		.plane = core->plane,
		.lease_ns = LEASE_NS,
		.ring = ring,
		.tell = tell,
		.large_members = apps->large,
		.members_max = PEAL_SIMAPPS_MEMBERS_MAX};

	memset(&apps->page, 0, sizeof(apps->page));
	peal_load_init(&apps->load, &load);
	peal_clients_init(&apps->clients, &clients);
	const struct peal_cast_config cast = {.egress = core->egress,
		.counters = core->counters,
		.user = peal_clients_cast_user(&apps->clients),
		.queue_bytes = apps->queue,
		.queue_capacity = PEAL_SIMAPPS_QUEUE_SIZE,
		.frame_bytes = apps->frames};

	peal_cast_init(&apps->cast, &cast);
	peal_clients_serve(&apps->clients, &outside);
	peal_prng_init(&apps->prng, seed);
	if (apps->total != NULL) {
		const struct peal_orders_config orders = {.egress = core->egress,
			.counters = core->counters,
			.user = peal_clients_order_user(&apps->clients),
			.name = apps->name,
			.seed = seed,
			.frame_bytes = apps->order_frames};

		peal_orders_init(&apps->orders, &orders);
	}
	apps->next_at_ns = now_ns;
	apps->is_up = true;
	for (uint32_t i = 0; i < PEAL_SIMAPPS_CLIENTS_MAX; i++) {
		apps->apps[i].state = PEAL_SIMAPP_NONE;
	}
}

void
peal_simapps_end(struct peal_simapps *apps)
{
	apps->is_up = false;
}

/* --- clients come and go --- */

void
peal_simapps_attach(struct peal_simapps *apps, struct peal_simapp *app)
{
	const struct peal_shmring_memory up =
		peal_region_up_ring(up_of(app), down_of(app), PEAL_CLIENT_UP_SIZE);
	const struct peal_shmring_memory down =
		peal_region_down_ring(up_of(app), down_of(app), PEAL_CLIENT_DOWN_SIZE);

	/* The words before the rings; what is in them is of no matter. */
	memset(app->up, 0, PEAL_REGION_RING_OFFSET);
	memset(app->down, 0, PEAL_REGION_RING_OFFSET);
	peal_shmring_writer_init(&app->writer, &up);
	peal_shmring_reader_init(&app->reader, &down);
	atomic_store(&up_of(app)->death.word, THREAD);
	app->place = peal_clients_attach(
		&apps->clients, up_of(app), down_of(app), &peal_clientrights_all, 0, false);
	PEAL_ASSERT(app->place != PEAL_CLIENTS_NONE);
	app->state = PEAL_SIMAPP_HERE;
	app->node_epoch = 0;
	memset(app->parts, 0, sizeof(app->parts));
	for (uint32_t i = 0; i < PEAL_CHECK_GROUPS_NAMES; i++) {
		app->groups[i].is_in = false;
	}
}

/* Its process ends, or it detaches in order: the door may be faster than the death word. */
void
peal_simapps_part(struct peal_simapps *apps, struct peal_simapp *app)
{
	atomic_store(&up_of(app)->death.word,
		peal_prng_ratio(&apps->prng, 1, 2) ? PEAL_REGION_OWNER_DIED | THREAD : 0);
	if (peal_prng_ratio(&apps->prng, 1, 2)) {
		peal_clients_hang_up(&apps->clients, app->place, PEAL_CLIENT_END_ASKED);
	}
	app->state = PEAL_SIMAPP_GOING;
}

void
peal_simapps_say(struct peal_simapp *app, enum peal_client_up kind, uint16_t tag, const void *bytes,
	uint32_t size)
{
	uint8_t *room = peal_shmring_claim(&app->writer, size);

	if (room == NULL) {
		return; /* the ring is full: said another time, or never */
	}
	if (size > 0) {
		memcpy(room, bytes, size);
	}
	peal_shmring_commit(&app->writer, (uint16_t)kind, tag, size);
	(void)peal_shmring_publish(&app->writer);
}

/* --- what they do --- */

static bool
is_total(const struct peal_simapps *apps, uint32_t number)
{
	return apps->total != NULL && number > 0;
}

static void
join(struct peal_simapps *apps, struct peal_simapp *app, uint32_t number)
{
	struct peal_simapp_group *group = &app->groups[number];
	uint8_t bytes[sizeof(struct peal_client_group_join) + 2U] = {0};
	const struct peal_client_group_join request = {.order = is_total(apps, number) ? 1U : 0U,
		.group = is_total(apps, number) ? number : 0};
	uint64_t epoch;

	if (group->is_in || peal_region_read_lease(&apps->page, &epoch) == 0 ||
		peal_shmring_claim(&app->writer, sizeof(bytes)) == NULL) {
		return;
	}
	bytes[sizeof(bytes) - 2U] = (uint8_t)CLIENT_NAME[0];
	bytes[sizeof(bytes) - 1U] = (uint8_t)('0' + number);
	memcpy(bytes, &request, sizeof(request));
	group->is_in = true;
	group->is_leaving = false;
	group->is_rank = !is_total(apps, number);
	group->is_waiting = false;
	group->last = (struct peal_check_groups_name){0};
	peal_check_total_begin(&group->total);
	group->life = (group->life + 1U) & LIFE_MASK;
	peal_check_groups_begin(apps->check, &group->seat, number);
	peal_simapps_say(app, PEAL_CLIENT_GROUP_JOIN, PEAL_CLIENT_TAG(number, group->life), bytes,
		sizeof(bytes));
}

/* False: it may not, or there is no room. */
static bool
send(struct peal_simapps *apps, struct peal_simapp *app, uint32_t number, uint32_t size)
{
	struct peal_simapp_group *group = &app->groups[number];
	uint8_t bytes[PEAL_SIMAPPS_MESSAGE_SIZE];

	if (!group->is_in || group->is_leaving || !group->seat.is_member || !group->is_rank ||
		group->is_waiting || group->seat.session == 0 ||
		peal_shmring_claim(&app->writer, size) == NULL) {
		return false;
	}
	peal_check_groups_write(apps->check, group->seat.session, bytes, size);
	peal_simapps_say(
		app, PEAL_CLIENT_GROUP_SEND, PEAL_CLIENT_TAG(number, group->life), bytes, size);
	apps->check->report->messages_count++;
	return true;
}

uint32_t
peal_simapps_draw_size(struct peal_simapps *apps, uint32_t size_min)
{
	uint32_t size_max =
		peal_prng_ratio(&apps->prng, 1, 8) ? PEAL_SIMAPPS_MESSAGE_SIZE : SMALL_SIZE;

	return size_min + (uint32_t)peal_prng_below(&apps->prng, size_max - size_min);
}

static void
act(struct peal_simapps *apps, struct peal_simapp *app)
{
	uint32_t number = (uint32_t)peal_prng_below(&apps->prng, PEAL_CHECK_GROUPS_NAMES);
	uint64_t choice = peal_prng_below(&apps->prng, 32);
	struct peal_simapp_group *group = &app->groups[number];

	if (app->state == PEAL_SIMAPP_NONE) {
		peal_simapps_attach(apps, app);
	} else if (app->state == PEAL_SIMAPP_GOING) {
		return;
	} else if (choice < 2) {
		peal_simapps_part(apps, app);
	} else if (choice < 5) {
		if (group->is_in && !group->is_leaving) {
			group->is_leaving = true;
			peal_simapps_say(app, PEAL_CLIENT_GROUP_LEAVE,
				PEAL_CLIENT_TAG(number, group->life), NULL, 0);
		}
	} else if (choice < 12) {
		join(apps, app, number);
	} else {
		for (uint64_t i = 0; i <= peal_prng_below(&apps->prng, MESSAGES_MAX); i++) {
			(void)send(apps, app, number,
				peal_simapps_draw_size(
					apps, (uint32_t)sizeof(struct peal_check_groups_head)));
		}
	}
}

/* --- what they are told --- */

static struct peal_simapp_group *
group_of(const struct peal_simapps *apps, struct peal_simapp *app, uint16_t tag)
{
	uint32_t number = PEAL_CLIENT_TAG_PLACE(tag);

	if (number >= PEAL_CHECK_GROUPS_NAMES || !app->groups[number].is_in ||
		app->groups[number].life != tag >> 7) {
		peal_simapps_violate(apps, "a client is told of a group that it is not in");
		return NULL;
	}
	return &app->groups[number];
}

static void
make_change(const struct peal_simapps *apps, struct peal_check_groups_seat *seat,
	const struct peal_client_group_change *change)
{
	uint32_t at = 0;

	while (at < seat->members_count && (seat->members[at].mid != change->mid ||
						   seat->members[at].client != change->client)) {
		at++;
	}
	if (change->what == 0) {
		PEAL_ASSERT(seat->members_count < PEAL_CHECK_GROUPS_MEMBERS);
		seat->members[seat->members_count++] = (struct peal_check_groups_member){
			.mid = change->mid, .client = change->client};
		return;
	}
	if (at == seat->members_count) {
		peal_simapps_violate(apps, "somebody is gone from a group who was not in it");
		return;
	}
	seat->members_count--;
	memmove(&seat->members[at], &seat->members[at + 1U],
		(seat->members_count - at) * sizeof(seat->members[0]));
}

static struct peal_check_groups_name
name_of(const struct peal_simapps *apps, uint32_t group, uint64_t epoch, uint32_t n)
{
	return (struct peal_check_groups_name){
		.epoch = epoch, .n = n, .cluster = apps->groups.cluster, .group = group};
}

static void
on_group_view(struct peal_simapps *apps, struct peal_simapp *app,
	const struct peal_shmring_record *record)
{
	struct peal_simapp_group *group = group_of(apps, app, record->tag);
	struct peal_client_group_view view;
	struct peal_client_group_change change;

	if (group == NULL) {
		return;
	}
	memcpy(&view, record->bytes, sizeof(view));
	if ((view.is_first != 0) == group->seat.is_member) {
		peal_simapps_violate(apps, "the first view of a group is not the first");
	}
	for (uint32_t i = 0; i < view.changes_count; i++) {
		memcpy(&change, record->bytes + sizeof(view) + i * sizeof(change), sizeof(change));
		make_change(apps, &group->seat, &change);
	}
	if (group->seat.members_count != view.members_count) {
		peal_simapps_violate(apps, "a view of a group does not follow from the last");
	}
	const struct peal_check_groups_member self = {
		.mid = view.self_mid, .client = view.self_client};
	const struct peal_check_groups_name name =
		name_of(apps, group->seat.group, view.epoch, view.n);

	peal_check_groups_on_view(apps->check, &group->seat, &name, &self);
	peal_check_total_on_event(
		&group->total, peal_check_total_view(name.cluster, name.group, name.epoch, name.n));
}

/* How the order group of a group is. */
static void
on_group_order(const struct peal_simapps *apps, struct peal_simapp *app,
	const struct peal_shmring_record *record)
{
	struct peal_simapp_group *group = group_of(apps, app, record->tag);
	struct peal_client_group_order order;

	memcpy(&order, record->bytes, sizeof(order));
	if (group != NULL && order.group != group->seat.group) {
		peal_simapps_violate(apps, "a group is by another order group than was asked for");
	}
	if (group != NULL) {
		group->is_rank = order.is_rank != 0;
		group->is_waiting = order.is_waiting != 0;
	}
}

static void
on_message(struct peal_simapps *apps, struct peal_simapp *app,
	const struct peal_shmring_record *record)
{
	struct peal_simapp_group *group = group_of(apps, app, record->tag);
	struct peal_client_group_from from;
	struct peal_client_part part = {.offset = 0};
	const uint8_t *bytes = record->bytes + sizeof(from);
	uint32_t size = record->size - (uint32_t)sizeof(from);

	if (group == NULL) {
		return;
	}
	memcpy(&from, record->bytes, sizeof(from));
	if (record->kind == PEAL_CLIENT_GROUP_HEARD_PART) {
		/* Numbers of members below the bound are all that a run gives at a time. */
		struct peal_simapp_parts *parts = &app->parts[from.mid % PEAL_DIRECT_MAX];

		memcpy(&part, bytes, sizeof(part));
		bytes += sizeof(part);
		size -= (uint32_t)sizeof(part);
		if (part.offset == 0) {
			parts->filled = 0;
		}
		if (part.offset != parts->filled ||
			part.offset + size > PEAL_SIMAPPS_MESSAGE_SIZE) {
			peal_simapps_violate(apps, "parts of a message do not follow each other");
			return;
		}
		memcpy(parts->bytes + part.offset, bytes, size);
		parts->filled += size;
		if (parts->filled < part.message_size) {
			return;
		}
		bytes = parts->bytes;
		size = part.message_size;
	}
	const struct peal_check_groups_member sender = {.mid = from.mid, .client = from.client};
	const struct peal_check_groups_name name =
		name_of(apps, group->seat.group, from.epoch, from.n);

	peal_check_groups_on_message(apps->check, &group->seat, &name, &sender, bytes, size);
	if (is_total(apps, group->seat.group)) {
		struct peal_check_groups_head head;

		memcpy(&head, bytes, sizeof(head));
		peal_check_total_on_event(
			&group->total, peal_check_total_message(head.session, head.index));
		if (name.epoch != group->seat.name.epoch || name.n != group->seat.name.n) {
			peal_simapps_violate(
				apps, "a message in total order is not of the view that it is in");
		}
	}
}

static void
on_group_ended(struct peal_simapps *apps, struct peal_simapp *app,
	const struct peal_shmring_record *record)
{
	struct peal_simapp_group *group = group_of(apps, app, record->tag);
	struct peal_client_group_ended ended;
	uint64_t epoch;

	memcpy(&ended, record->bytes, sizeof(ended));
	if (group == NULL) {
		return;
	}
	/* Its node missed a part of the order, or has no such order group; then it may come too
	 * early with joining again. */
	bool may_end = is_total(apps, group->seat.group) &&
		       (ended.reason == PEAL_CLIENT_GROUP_OVERRUN ||
			       ended.reason == PEAL_CLIENT_GROUP_IN_USE ||
			       ended.reason == PEAL_CLIENT_GROUP_NO_ORDER);

	apps->gaps_count += ended.reason == PEAL_CLIENT_GROUP_OVERRUN ? 1U : 0U;
	/* Its node is in the very view that it was shown. */
	if (ended.reason == PEAL_CLIENT_GROUP_REMOVED && app->node_epoch != 0 &&
		peal_region_read_lease(&apps->page, &epoch) != 0 && epoch == app->node_epoch) {
		peal_simapps_violate(apps, "a client lost its group as if its node was removed");
	}
	if (!may_end && ended.reason != PEAL_CLIENT_GROUP_REMOVED &&
		(ended.reason != PEAL_CLIENT_GROUP_LEFT || !group->is_leaving)) {
		peal_simapps_violate(apps, "a client lost its group and had not asked for it");
	}
	group->is_in = false;
}

static void
on_node_view(struct peal_simapps *apps, struct peal_simapp *app,
	const struct peal_shmring_record *record)
{
	struct peal_client_view view;

	memcpy(&view, record->bytes, sizeof(view));
	for (uint32_t i = 0; i < PEAL_CHECK_GROUPS_NAMES; i++) {
		if (app->groups[i].is_in && view.first == 0 && is_total(apps, i)) {
			peal_check_total_pass(apps->total, &app->groups[i].total);
			/* Messages of an epoch of nodes may have their place in the next one. */
			peal_check_groups_pass(apps->check, &app->groups[i].seat, 0, 0);
		} else if (app->groups[i].is_in && view.first == 0) {
			peal_check_groups_pass(
				apps->check, &app->groups[i].seat, app->node_epoch, view.epoch);
		}
	}
	app->node_epoch = view.epoch;
}

static void
read_one(struct peal_simapps *apps, struct peal_simapp *app)
{
	struct peal_shmring_record record;

	while (peal_shmring_borrow(&app->reader, &record)) {
		if (record.kind == PEAL_CLIENT_VIEW) {
			on_node_view(apps, app, &record);
		} else if (record.kind == PEAL_CLIENT_GROUP_VIEW) {
			on_group_view(apps, app, &record);
		} else if (record.kind == PEAL_CLIENT_GROUP_HEARD ||
			   record.kind == PEAL_CLIENT_GROUP_HEARD_PART) {
			on_message(apps, app, &record);
		} else if (record.kind == PEAL_CLIENT_GROUP_ORDER) {
			on_group_order(apps, app, &record);
		} else if (record.kind == PEAL_CLIENT_GROUP_ENDED) {
			on_group_ended(apps, app, &record);
		}
		(void)peal_shmring_release(&app->reader);
	}
}

void
peal_simapps_read(struct peal_simapps *apps)
{
	for (uint32_t i = 0; i < PEAL_SIMAPPS_CLIENTS_MAX && apps->is_up; i++) {
		struct peal_simapp *app = &apps->apps[i];

		if (app->state == PEAL_SIMAPP_HERE) {
			if (apps->heard != NULL) {
				peal_simapps_read_heard(apps, app);
			} else {
				read_one(apps, app);
			}
			if (atomic_load(&down_of(app)->end) != 0) {
				peal_simapps_violate(apps, "a client was cut off");
			}
		} else if (app->state == PEAL_SIMAPP_GOING &&
			   peal_clients_is_over(&apps->clients, app->place)) {
			peal_clients_free(&apps->clients, app->place);
			app->state = PEAL_SIMAPP_NONE;
		}
	}
}

void
peal_simapps_turn(struct peal_simapps *apps, uint64_t now_ns)
{
	peal_simapps_read(apps);
	if (!apps->is_quiet && now_ns >= apps->next_at_ns) {
		struct peal_simapp *app =
			&apps->apps[peal_prng_below(&apps->prng, PEAL_SIMAPPS_CLIENTS_MAX)];

		if (apps->heard != NULL) {
			peal_simapps_act_heard(apps, app);
		} else if (apps->bursting != 0) {
			(void)send(apps, app, apps->bursting, PEAL_SIMAPPS_LAST_SIZE);
			apps->next_at_ns = now_ns + peal_prng_below(&apps->prng, BURST_NS_MAX);
			return;
		} else {
			act(apps, app);
		}
		apps->next_at_ns =
			now_ns + peal_prng_below(&apps->prng,
					 apps->heard != NULL ? HEARD_PAUSE_NS_MAX : PAUSE_NS_MAX);
	}
}

uint64_t
peal_simapps_deadline_at_ns(const struct peal_simapps *apps)
{
	return apps->is_quiet ? UINT64_MAX : apps->next_at_ns;
}

/* --- at the end --- */

/* Who is new in a view heard nothing that was said before it. */
static bool
has_said_last(const struct peal_simapp_group *group)
{
	return group->last.cluster == group->seat.name.cluster &&
	       group->last.epoch == group->seat.name.epoch && group->last.n == group->seat.name.n;
}

void
peal_simapps_say_all(struct peal_simapps *apps)
{
	for (uint32_t i = 0; i < PEAL_SIMAPPS_CLIENTS_MAX && apps->is_up; i++) {
		if (apps->heard != NULL) {
			peal_simapps_cast_last(apps, &apps->apps[i]);
			continue;
		}
		for (uint32_t number = 0; number < PEAL_CHECK_GROUPS_NAMES; number++) {
			struct peal_simapp_group *group = &apps->apps[i].groups[number];

			if (apps->apps[i].state == PEAL_SIMAPP_HERE && !has_said_last(group) &&
				send(apps, &apps->apps[i], number, PEAL_SIMAPPS_LAST_SIZE)) {
				group->last = group->seat.name;
			}
		}
	}
}

/* The seat of a client in a group; NULL: it is not there, or not in it. */
static struct peal_simapp_group *
find_seat(struct peal_simapps *apps, uint32_t index, uint32_t number)
{
	struct peal_simapp *app = &apps->apps[index];

	return apps->is_up && app->state == PEAL_SIMAPP_HERE && app->groups[number].is_in &&
			       !apps->is_lost[number]
		       ? &app->groups[number]
		       : NULL;
}

/* Whether the `at`-th seat of all nodes has heard all that all others in the group have sent. */
static bool
has_heard_all(struct peal_simapps *apps, uint32_t count, const struct peal_simapp_group *group)
{
	for (uint32_t i = 0; i < count * PEAL_SIMAPPS_CLIENTS_MAX; i++) {
		const struct peal_simapp_group *other =
			find_seat(&apps[i / PEAL_SIMAPPS_CLIENTS_MAX], i % PEAL_SIMAPPS_CLIENTS_MAX,
				group->seat.group);

		if (other != NULL && other->seat.session != 0 &&
			!peal_check_groups_has_all(
				apps->check, &group->seat, other->seat.session)) {
			return false;
		}
	}
	return true;
}

bool
peal_simapps_have_all(struct peal_simapps *apps, uint32_t count)
{
	for (uint32_t i = 0; i < count * PEAL_SIMAPPS_CLIENTS_MAX * PEAL_CHECK_GROUPS_NAMES; i++) {
		uint32_t client = i / PEAL_CHECK_GROUPS_NAMES;
		const struct peal_simapp_group *group =
			find_seat(&apps[client / PEAL_SIMAPPS_CLIENTS_MAX],
				client % PEAL_SIMAPPS_CLIENTS_MAX, i % PEAL_CHECK_GROUPS_NAMES);

		if (group != NULL && (group->is_leaving || !group->seat.is_member ||
					     (group->is_rank && !has_said_last(group)) ||
					     !has_heard_all(apps, count, group))) {
			return false;
		}
	}
	return true;
}

/* All members of a group have one view, and it has them and nobody else. */
static void
check_group(struct peal_simapps *apps, uint32_t count, uint32_t number)
{
	const struct peal_check_groups_seat *first = NULL;
	uint32_t members_count = 0;

	for (uint32_t i = 0; i < count * PEAL_SIMAPPS_CLIENTS_MAX; i++) {
		struct peal_simapps *node = &apps[i / PEAL_SIMAPPS_CLIENTS_MAX];
		struct peal_simapp_group *group =
			find_seat(node, i % PEAL_SIMAPPS_CLIENTS_MAX, number);

		if (group == NULL) {
			continue;
		}
		if (group->is_leaving || !group->seat.is_member) {
			peal_simapps_violate(
				node, group->is_leaving ? "a client is still not out of its group"
							: "a client is still not in its group");
			continue;
		}
		members_count++;
		first = first == NULL ? &group->seat : first;
		if (group->seat.name.epoch != first->name.epoch ||
			group->seat.name.n != first->name.n) {
			peal_simapps_violate(
				node, "members of a group have different views of it at the end");
		}
		node->mute_count += group->is_rank ? 0U : 1U;
		if (group->is_rank && !has_said_last(group)) {
			peal_simapps_violate(
				node, "a member of a group could not say its last word");
		}
		if (!has_heard_all(apps, count, group)) {
			peal_simapps_violate(
				node, "a member of a group did not hear what was sent last");
		}
		/* What is pending is compared now. */
		peal_check_groups_pass(apps->check, &group->seat, 0, 0);
		if (is_total(apps, number)) {
			peal_check_total_pass(apps->total, &group->total);
		}
	}
	if (first != NULL && first->members_count != members_count) {
		peal_report_violate(apps->check->report, *apps->check->now_ns,
			"group %u has %u members, and %u are in its view", number, members_count,
			first->members_count);
	}
}

/* All nodes have the same table. */
static void
check_tables(struct peal_simapps *apps, uint32_t count)
{
	const struct peal_procgroups *first = NULL;

	for (uint32_t i = 0; i < count; i++) {
		const struct peal_procgroups *groups = &apps[i].groups;

		if (!apps[i].is_up || groups->epoch == 0 || !groups->is_ready) {
			continue;
		}
		first = first == NULL ? groups : first;
		if (peal_procgroup_table_digest(&groups->table) !=
				peal_procgroup_table_digest(&first->table) ||
			groups->table.next_number != first->table.next_number) {
			peal_simapps_violate(
				&apps[i], "the table of groups is another than elsewhere");
		}
	}
	for (uint32_t i = 0; i < count; i++) {
		if (apps[i].is_up && apps[i].groups.epoch != 0 && !apps[i].groups.is_ready &&
			first != NULL && first->table.groups_count > 0) {
			peal_simapps_violate(&apps[i], "a member never got the table of groups");
		}
	}
}

void
peal_simapps_check_all(struct peal_simapps *apps, uint32_t count)
{
	for (uint32_t number = 0; number < PEAL_CHECK_GROUPS_NAMES; number++) {
		check_group(apps, count, number);
	}
	check_tables(apps, count);
}
