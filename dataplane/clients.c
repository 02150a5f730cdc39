/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/clients.h"

#include "dataplane/clients_private.h"
#include "dataplane/goodstanding.h"

#include <string.h>

/* A lease is renewed so many times before it would end. */
#define LEASE_PARTS 4U

void
peal_clients_init(struct peal_clients *clients, const struct peal_clients_config *config)
{
	memset(clients, 0, sizeof(*clients));
	clients->config = *config;
	clients->load_channels = peal_load_channel_user(config->load);
	clients->load_cast = peal_load_cast_user(config->load);
	const struct peal_procgroups_config groups = {
		.counters = config->counters, .user = peal_clients_group_user(clients)};

	peal_procgroups_init(config->groups, &groups);
}

void
peal_clients_serve(struct peal_clients *clients, const struct peal_clients_outside *outside)
{
	/* Views that came before are not remembered. */
	PEAL_ASSERT(clients->room == NULL);
	PEAL_ASSERT(clients->peers == NULL || clients->peers->members_count == 0);
	clients->outside = *outside;
	clients->room = outside->room;
	memset(clients->room, 0, sizeof(*clients->room));
	clients->room->shown.large = PEAL_CLIENTS_NOT_LARGE;
}

/* --- the door --- */

uint32_t
peal_clients_attach(struct peal_clients *clients, struct peal_region_up *up,
	struct peal_region_down *down, const struct peal_clientrights *rights, uint64_t bell,
	bool can_lane)
{
	PEAL_ASSERT(clients->room != NULL);
	for (uint32_t place = 0; place < PEAL_CLIENTS_MAX; place++) {
		struct peal_client *client = &clients->room->clients[place];

		if (atomic_load_explicit(&client->state, memory_order_acquire) ==
			PEAL_CLIENTS_FREE) {
			client->up = up;
			client->down = down;
			client->rights = rights;
			client->bell = bell;
			client->can_lane = can_lane;
			memset(&client->tally, 0, sizeof(client->tally));
			atomic_store_explicit(
				&client->end_asked, PEAL_CLIENT_END_NONE, memory_order_relaxed);
			atomic_store_explicit(
				&client->state, PEAL_CLIENTS_ATTACHING, memory_order_release);
			(void)atomic_fetch_or_explicit(
				&clients->asked, UINT64_C(1) << place, memory_order_release);
			return place;
		}
	}
	return PEAL_CLIENTS_NONE;
}

void
peal_clients_hang_up(struct peal_clients *clients, uint32_t place, enum peal_client_end reason)
{
	PEAL_ASSERT(place < PEAL_CLIENTS_MAX);
	PEAL_ASSERT(reason != PEAL_CLIENT_END_NONE);
	atomic_store_explicit(
		&clients->room->clients[place].end_asked, (uint32_t)reason, memory_order_relaxed);
	(void)atomic_fetch_or_explicit(&clients->asked, UINT64_C(1) << place, memory_order_release);
}

void
peal_clients_free(struct peal_clients *clients, uint32_t place)
{
	struct peal_client *client = &clients->room->clients[place];

	PEAL_ASSERT(peal_clients_is_over(clients, place));
	client->up = NULL;
	client->down = NULL;
	client->rights = NULL;
	atomic_store_explicit(&client->state, PEAL_CLIENTS_FREE, memory_order_release);
}

/* --- the core --- */

static void
write_news(struct peal_clients *clients, struct peal_client *client)
{
	const struct peal_client_news news = {
		.kind = clients->told_standing != 0 ? PEAL_CLIENT_QUORUM : PEAL_CLIENT_NO_QUORUM,
		.epoch = clients->room->shown.epoch};

	peal_clients_write(clients, client, PEAL_CLIENT_NEWS, 0,
		&(struct peal_clients_bytes){.head = &news, .head_size = sizeof(news)});
}

static void
begin(struct peal_clients *clients, struct peal_client *client)
{
	const struct peal_shmring_memory up =
		peal_region_up_ring(client->up, client->down, PEAL_CLIENT_UP_SIZE);
	const struct peal_shmring_memory down =
		peal_region_down_ring(client->up, client->down, PEAL_CLIENT_DOWN_SIZE);

	peal_shmring_reader_init(&client->reader, &up);
	peal_shmring_writer_init(&client->writer, &down);
	client->ringer = (struct peal_shmbell_ringer){.word = &client->up->sleep};
	client->end = PEAL_CLIENT_END_NONE;
	client->is_hearing = false;
	client->begun = 0;
	client->may_hold = false;
	client->is_shown_due = false;
	client->channels_count = 0;
	client->loops_count = 0;
	client->owed_at = 0;
	memset(client->owed, 0, sizeof(client->owed));
	client->listens_count = 0;
	client->life = (client->life + 1U) & 0x1FFU;
	client->lane_owed = 0;
	client->lanes_count = 0;
	client->asks_count = 0;
	client->casts_count = 0;
	client->number = ++clients->clients_count;
	for (uint32_t i = 0; i < PEAL_CLIENT_GROUPS_MAX; i++) {
		client->groups[i] = (struct peal_client_group){.seat = PEAL_PROCGROUPS_NO_SEAT};
	}
	client->opens_until_ns = 0;
	memset(client->orders, 0, sizeof(client->orders));
	client->is_ordering = false;
	client->grouping = 0;
	client->stale_members = 0;
	memset(client->stale, 0, sizeof(client->stale));
	client->room = PEAL_CHANNEL_WINDOW;
	memset(client->busy, 0, sizeof(client->busy));
	for (uint32_t i = 0; i < PEAL_CLIENT_CHANNELS_MAX; i++) {
		client->channels[i] = (struct peal_client_channel){
			.index = PEAL_CHANNEL_NONE, .other = PEAL_CHANNEL_NONE};
	}
	clients->attached |= peal_clients_bit_of(clients, client);
	atomic_store_explicit(&client->state, PEAL_CLIENTS_ATTACHED, memory_order_relaxed);
	peal_clients_show(clients, client);
	/* That all is well goes without saying. */
	if (clients->attached == peal_clients_bit_of(clients, client)) {
		clients->told_standing = atomic_load_explicit(
			&clients->outside.plane->standing, memory_order_relaxed);
	}
	if (clients->told_standing == 0 && clients->room->shown.epoch != 0) {
		write_news(clients, client);
	}
}

void
peal_clients_end(
	struct peal_clients *clients, struct peal_client *client, enum peal_client_end reason)
{
	uint64_t bit = peal_clients_bit_of(clients, client);

	if ((clients->attached & bit) == 0) {
		return;
	}
	client->end = reason;
	client->is_hearing = false;
	clients->attached &= ~bit;
	clients->stale &= ~bit;
	clients->opening &= ~bit;
	clients->showing &= ~bit;
	clients->owing &= ~bit;
	peal_turns_forget(&clients->casts, peal_clients_place_of(clients, client));
	clients->ending |= bit;
	peal_clients_end_groups(clients, client);
	peal_clients_end_orders(clients, client);
	peal_clients_let_go(clients, client);
	peal_clients_tell_cast(clients);
	atomic_store_explicit(&client->state, PEAL_CLIENTS_ENDING, memory_order_relaxed);
	/* What was written before is shown, so that the client knows what it got. */
	(void)peal_shmring_publish(&client->writer);
	atomic_store_explicit(&client->down->ended_at_ns, clients->now_ns, memory_order_relaxed);
	atomic_store_explicit(&client->down->end, (uint32_t)reason, memory_order_release);
	peal_counter_add(clients->config.counters,
		reason == PEAL_CLIENT_END_VIOLATION ? PEAL_COUNTER_CLIENTS_VIOLATED
		: reason == PEAL_CLIENT_END_SLOW    ? PEAL_COUNTER_CLIENTS_EVICTED
						    : PEAL_COUNTER_CLIENTS_ENDED,
		1);
	peal_clients_unserve(clients, client->listens, client->listens_count);
	client->listens_count = 0;
	peal_clients_lapse(clients);
}

/* What the door asked for at these places. */
static void
hear_door(struct peal_clients *clients)
{
	uint64_t asked = atomic_exchange_explicit(&clients->asked, 0, memory_order_acquire);

	for (; asked != 0; asked &= asked - 1U) {
		struct peal_client *client = &clients->room->clients[__builtin_ctzll(asked)];
		uint32_t end = atomic_load_explicit(&client->end_asked, memory_order_relaxed);

		if (atomic_load_explicit(&client->state, memory_order_relaxed) ==
			PEAL_CLIENTS_ATTACHING) {
			begin(clients, client);
			peal_counter_add(
				clients->config.counters, PEAL_COUNTER_CLIENTS_ATTACHED, 1);
		}
		if (end != PEAL_CLIENT_END_NONE) {
			peal_clients_end(clients, client, (enum peal_client_end)end);
		}
	}
}

/* A few channels of a client that is gone. Returns how many. */
static uint32_t
end_some(struct peal_clients *clients, struct peal_client *client)
{
	uint32_t ended_count = 0;

	for (uint32_t i = 0; i < PEAL_CLIENT_CHANNELS_MAX / 64U; i++) {
		while (client->busy[i] != 0 && ended_count < PEAL_CLIENT_ENDS_BURST_MAX) {
			uint32_t place = i * 64U + (uint32_t)__builtin_ctzll(client->busy[i]);

			/* Calls back, and the place is free. */
			peal_clients_reset_channel(clients, &client->channels[place]);
			ended_count++;
		}
	}
	if (client->channels_count == 0) {
		clients->ending &= ~peal_clients_bit_of(clients, client);
		if (peal_shmbell_is_due(&client->ringer)) {
			clients->outside.ring(clients->outside.state, client->bell);
		}
		atomic_store_explicit(&client->state, PEAL_CLIENTS_OVER, memory_order_release);
		clients->outside.tell(clients->outside.state);
	}
	return ended_count + 1U;
}

static bool
is_dead(const struct peal_client *client)
{
	uint32_t word = atomic_load_explicit(&client->up->death.word, memory_order_relaxed);

	return word == 0 || (word & PEAL_REGION_OWNER_DIED) != 0;
}

/* Where clients say that they have read to is looked at when a ring seems full, and here: so that
 * who says what cannot be is found out although nothing is written to it. */
static void
check_readers(struct peal_clients *clients)
{
	for (uint64_t left = clients->attached; left != 0; left &= left - 1U) {
		struct peal_client *client = &clients->room->clients[__builtin_ctzll(left)];

		if (!peal_shmring_refresh_head(&client->writer)) {
			peal_clients_end(clients, client, PEAL_CLIENT_END_VIOLATION);
		}
	}
}

/* Until when nobody can have removed this node without its knowledge: at most a lease from now. */
static uint64_t
find_lease(const struct peal_clients *clients, uint64_t now_ns)
{
	const struct peal_clients_outside *outside = &clients->outside;
	uint64_t until_ns = now_ns + outside->lease_ns;
	uint64_t alive_at_ns =
		atomic_load_explicit(&outside->plane->control_alive_at_ns, memory_order_relaxed);
	uint64_t heard_at_ns = peal_goodstanding_heard_at_ns(clients->peers, outside->plane);
	uint64_t trust_ns = outside->lease_ns * PEAL_GOODSTANDING_PERCENT / 100U;

	if (heard_at_ns < until_ns && heard_at_ns + trust_ns < until_ns) {
		until_ns = heard_at_ns + trust_ns;
	}
	/* 0 = control has not begun. */
	if (alive_at_ns != 0 && alive_at_ns + outside->stuck_ns < until_ns) {
		until_ns = alive_at_ns + outside->stuck_ns;
	}
	return until_ns;
}

/* Whether the node is in good standing, for those who ask without a call and for those who wait. */
static void
tell_standing(struct peal_clients *clients, uint64_t now_ns)
{
	uint64_t standing =
		atomic_load_explicit(&clients->outside.plane->standing, memory_order_relaxed);
	uint64_t epoch = clients->room->shown.epoch;
	bool is_good = standing != 0 && epoch != 0;
	bool is_news = (standing != 0) != (clients->told_standing != 0);

	if (is_news || epoch != clients->leased_epoch ||
		now_ns - clients->leased_at_ns >= clients->outside.lease_ns / LEASE_PARTS) {
		clients->leased_at_ns = now_ns;
		clients->leased_epoch = epoch;
		check_readers(clients);
		peal_clients_look_at_orders(clients);
		peal_procgroups_look_at_orders(clients->config.groups);
		peal_region_write_lease(
			clients->outside.page, epoch, is_good ? find_lease(clients, now_ns) : 0);
	}
	if (!is_news) {
		return;
	}
	clients->told_standing = standing;
	for (uint64_t left = epoch != 0 ? clients->attached : 0; left != 0; left &= left - 1U) {
		write_news(clients, &clients->room->clients[__builtin_ctzll(left)]);
	}
}

uint32_t
peal_clients_run_busy(struct peal_clients *clients, uint64_t now_ns)
{
	uint32_t work_count = 0;

	clients->now_ns = now_ns;
	if (atomic_load_explicit(&clients->asked, memory_order_relaxed) != 0) {
		hear_door(clients);
		work_count++;
	}
	if (__builtin_expect(clients->is_switched, 0)) {
		clients->is_switched = false;
		peal_clients_switch_orders(clients);
	}
	if (clients->attached != 0) {
		tell_standing(clients, now_ns);
	}
	clients->opening_at_ns = UINT64_MAX;
	peal_clients_run_wishes(clients);
	if (__builtin_expect(clients->is_laning || clients->lanes_due != 0, 0)) {
		peal_clients_run_lanes(clients);
	}
	for (uint64_t left = clients->attached; left != 0; left &= left - 1U) {
		struct peal_client *client = &clients->room->clients[__builtin_ctzll(left)];

		if (__builtin_expect(is_dead(client), 0)) {
			peal_clients_end(clients, client, PEAL_CLIENT_END_DIED);
			continue;
		}
		if (__builtin_expect(
			    (clients->holding & peal_clients_bit_of(clients, client)) != 0, 0)) {
			peal_clients_look_at_held(clients, client, now_ns);
		}
		work_count += peal_clients_take(clients, client);
		if (__builtin_expect(
			    (clients->owing & peal_clients_bit_of(clients, client)) != 0, 0)) {
			work_count += peal_clients_drain(clients, client);
		}
		work_count += peal_clients_show_more(clients, client);
		peal_clients_adjust_room(clients, client, now_ns);
	}
	for (uint64_t left = clients->ending; left != 0; left &= left - 1U) {
		work_count += end_some(clients, &clients->room->clients[__builtin_ctzll(left)]);
	}
	if (clients->ordergroups != 0) {
		peal_clients_sweep_orders(clients);
	}
	return work_count;
}

/* How far the queues of its channels are released. True: further than before. */
static bool
tell_released(const struct peal_clients *clients, struct peal_client *client)
{
	bool is_news = false;

	for (uint32_t i = 0; i < PEAL_CLIENT_CHANNELS_MAX / 64U; i++) {
		for (uint64_t left = client->busy[i]; left != 0; left &= left - 1U) {
			uint32_t place = i * 64U + (uint32_t)__builtin_ctzll(left);
			uint16_t index = client->channels[place].index;
			uint64_t released =
				clients->config.channels->table.channels[index].tx.queue.tail;
			_Atomic uint64_t *word = &client->down->released[place];

			if (atomic_load_explicit(word, memory_order_relaxed) != released) {
				atomic_store_explicit(word, released, memory_order_release);
				is_news = true;
			}
		}
	}
	return is_news;
}

/* Whether a client that sleeps waits for what was released, as it says: a lie wakes it too early,
 * or not at all, and nobody else. */
static bool
has_what_it_wants(const struct peal_client *client)
{
	uint64_t head = atomic_load_explicit(&client->up->wanted_head, memory_order_relaxed);
	uint64_t released =
		atomic_load_explicit(&client->up->wanted_released, memory_order_relaxed);
	uint32_t place = atomic_load_explicit(&client->up->wanted_place, memory_order_relaxed);

	if (released != 0 && place >= PEAL_CLIENT_CHANNELS_MAX) {
		return true;
	}
	return (head != 0 && client->reader.head >= head) ||
	       (released != 0 && atomic_load_explicit(&client->down->released[place],
					 memory_order_relaxed) >= released);
}

void
peal_clients_flush_busy(struct peal_clients *clients)
{
	for (uint64_t left = clients->attached; left != 0; left &= left - 1U) {
		struct peal_client *client = &clients->room->clients[__builtin_ctzll(left)];
		bool is_news, is_released;

		if (__builtin_expect(
			    client->stale_members != 0 ||
				    (clients->stale & peal_clients_bit_of(clients, client)) != 0,
			    0)) {
			peal_clients_write_values(clients, client);
		}
		is_released = tell_released(clients, client);
		is_released = peal_shmring_release(&client->reader) || is_released;
		is_news = peal_shmring_publish(&client->writer);
		if ((is_news || is_released) && peal_shmbell_find_sleep(&client->ringer) != 0 &&
			(is_news || has_what_it_wants(client)) &&
			peal_shmbell_is_due(&client->ringer)) {
			clients->rung_place = peal_clients_place_of(clients, client);
			clients->outside.ring(clients->outside.state, client->bell);
		}
	}
}

uint64_t
peal_clients_deadline_at_ns(const struct peal_clients *clients)
{
	uint64_t at_ns = peal_procgroups_deadline_at_ns(clients->config.groups);
	uint64_t lease_at_ns = clients->leased_at_ns + clients->outside.lease_ns / LEASE_PARTS;

	if ((clients->ending | clients->stale | clients->showing) != 0) {
		return 0;
	}
	if (clients->opening != 0 && clients->opening_at_ns < at_ns) {
		at_ns = clients->opening_at_ns;
	}
	if (clients->wishing != 0 && peal_clients_wish_at_ns(clients) < at_ns) {
		at_ns = peal_clients_wish_at_ns(clients);
	}
	return clients->attached != 0 && lease_at_ns < at_ns ? lease_at_ns : at_ns;
}
