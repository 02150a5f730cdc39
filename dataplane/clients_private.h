/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of clients know of each other.
 */
#ifndef PEAL_DATAPLANE_CLIENTS_PRIVATE_H
#define PEAL_DATAPLANE_CLIENTS_PRIVATE_H

#include "dataplane/clients.h"
#include "shm/shmmove.h"

/* clients.c: begins the end of a client. Does nothing when it has begun. */
void peal_clients_end(
	struct peal_clients *clients, struct peal_client *client, enum peal_client_end reason);

/* What came of a record. */
enum peal_clients_outcome {
	PEAL_CLIENTS_TAKEN = 0,
	PEAL_CLIENTS_LATER,     /* there is no room for it now: it stays in the ring */
	PEAL_CLIENTS_VIOLATION, /* it cannot be */
};

/* clients_groups.c: records about process groups. */
enum peal_clients_outcome peal_clients_join_group(struct peal_clients *clients,
	struct peal_client *client, const struct peal_shmring_record *record);
enum peal_clients_outcome peal_clients_leave_group(struct peal_clients *clients,
	struct peal_client *client, const struct peal_shmring_record *record);
enum peal_clients_outcome peal_clients_send_to_group(struct peal_clients *clients,
	struct peal_client *client, const struct peal_shmring_record *record);
/* clients_groups.c: what waited for room in an order group, for its group, may be something else.
 */
void peal_clients_stop_grouping(struct peal_clients *clients, struct peal_client *client);
/* clients_groups.c: a client has ended, and its groups are told why. */
void peal_clients_end_groups(struct peal_clients *clients, const struct peal_client *client);

/* clients_order.c: records about order groups. */
enum peal_clients_outcome peal_clients_open_order(struct peal_clients *clients,
	struct peal_client *client, const struct peal_shmring_record *record);
enum peal_clients_outcome peal_clients_create_order(struct peal_clients *clients,
	struct peal_client *client, const struct peal_shmring_record *record);
enum peal_clients_outcome peal_clients_close_order(struct peal_clients *clients,
	struct peal_client *client, const struct peal_shmring_record *record);
enum peal_clients_outcome peal_clients_send_to_order(struct peal_clients *clients,
	struct peal_client *client, const struct peal_shmring_record *record);
/* clients_order.c: what waited for room in an order group may be something else by now. */
void peal_clients_stop_ordering(struct peal_clients *clients, struct peal_client *client);
/* clients_order.c: a client has ended. */
void peal_clients_end_orders(struct peal_clients *clients, struct peal_client *client);
/* clients_order.c: a place of the client means nothing any more, and it is told why. */
void peal_clients_finish_order(struct peal_clients *clients, struct peal_client *client,
	uint32_t place, enum peal_client_order_end reason);
/* clients_ordered.c: the client has the group open from here on, and is shown how it is. */
void peal_clients_join_order(struct peal_clients *clients, struct peal_client *client,
	uint32_t place, const struct peal_ordergroup *config);
/* clients_ordered.c: the client has the group of this place open no more. */
void peal_clients_part_order(
	struct peal_clients *clients, struct peal_client *client, uint32_t place);
/* clients_ordered.c: whether some client has the group of this id open. */
bool peal_clients_has_order(const struct peal_clients *clients, uint32_t id);
/* clients_ordered.c: groups that nobody has open any more are given up; not from within a call of
 * order groups, which may be in the middle of one. */
void peal_clients_sweep_orders(struct peal_clients *clients);
/* clients_ordered.c: now and then: do the groups that are open wait? */
void peal_clients_look_at_orders(struct peal_clients *clients);
/* clients_wish.c: once a turn, while there is a wish: asks the door, and takes its answer. */
void peal_clients_run_wishes(struct peal_clients *clients);
/* clients_wish.c: another view: groups that are there now are opened, those that are not end. */
void peal_clients_switch_orders(struct peal_clients *clients);
/* clients_wish.c: when it wants a turn. */
uint64_t peal_clients_wish_at_ns(const struct peal_clients *clients);

/* clients_down.c: counts what was written of a message, if it was. */
void peal_clients_count_delivered(const struct peal_clients *clients, struct peal_client *client,
	uint32_t size, const struct peal_delivery *delivery);
/* clients_near.c: a request to who serves at this node, and its answer. False: it cannot be. */
bool peal_clients_ask(struct peal_clients *clients, struct peal_client *client,
	const struct peal_shmring_record *record);
bool peal_clients_answer(struct peal_clients *clients, const struct peal_shmring_record *record);
/* clients_near.c: who asks at this node is told that this client serves no more. It has ended. */
void peal_clients_unserve(struct peal_clients *clients, const uint16_t *listens, uint32_t count);

/* clients_down.c: the first client that listens on a number, or NULL. */
struct peal_client *peal_clients_find_listener(struct peal_clients *clients, uint16_t number);

/* True: the number is of a service, and not an application's own. */
static inline bool
peal_clients_is_service(uint16_t number)
{
	return number >= PEAL_CLIENT_SERVICES_LOWER && number < PEAL_CLIENT_SERVICES_UPPER;
}

/* The first number of the block, of a service; any other number is its own. */
static inline uint16_t
peal_clients_block_of(uint16_t number)
{
	return peal_clients_is_service(number)
		       ? (uint16_t)(number & ~(PEAL_CLIENT_SERVICE_BLOCK - 1U))
		       : number;
}

/* clients_down.c: a place that the core gives; PEAL_CLIENT_CHANNELS_MAX: none is free. */
uint32_t peal_clients_find_place(const struct peal_client *client);

/* clients_loop.c: opens a channel to who listens at this node. OK: the client is told, too, if
 * nobody does. */
enum peal_channel_result peal_clients_open_loop(
	struct peal_clients *clients, struct peal_client *client, uint16_t tag, uint16_t number);
/* clients_loop.c: this end of a loop has ended. */
void peal_clients_leave_loop(
	struct peal_clients *clients, struct peal_client *client, uint32_t place);
/* clients_loop.c: ends a channel that is open, of either kind; the client says no more on it. */
void peal_clients_reset_channel(
	struct peal_clients *clients, const struct peal_client_channel *channel);
void peal_clients_close_channel(
	struct peal_clients *clients, const struct peal_client_channel *channel);
/* clients_loop.c: a message for the other end. False: it was sent without credit. */
bool peal_clients_send_to_loop(struct peal_clients *clients, struct peal_client *client,
	struct peal_client_channel *channel, const struct peal_shmring_record *record);
/* clients_loop.c: those that follow it in the ring and need nothing but to be moved, up to so many
 * and so many bytes of the ring. */
struct peal_shmmoved peal_clients_follow(struct peal_clients *clients, struct peal_client *client,
	struct peal_client_channel *channel, uint32_t count_max, uint64_t span_max);
/* clients_loop.c: writes what waited for room in the ring of this client. Returns how many. */
uint32_t peal_clients_drain(struct peal_clients *clients, struct peal_client *client);

/* clients_lane.c: a loop was opened between two clients: they get a lane, if there can be one. */
void peal_clients_want_lane(struct peal_clients *clients, struct peal_client *opener,
	struct peal_client *listener, const uint32_t places[2]);
/* clients_lane.c: this end of a loop that has a lane has ended. */
void peal_clients_leave_lane(
	struct peal_clients *clients, struct peal_client *client, uint32_t place);
/* clients_lane.c: records about lanes; the channel is one of the client. */
enum peal_clients_outcome peal_clients_take_lane(struct peal_clients *clients,
	struct peal_client *client, const struct peal_shmring_record *record);
enum peal_clients_outcome peal_clients_use_lane(struct peal_clients *clients,
	struct peal_client *client, struct peal_client_channel *channel);
enum peal_clients_outcome peal_clients_break_lane(
	struct peal_clients *clients, struct peal_client_channel *channel);
/* clients_lane.c: all that the end of this channel said to the core has arrived: if it uses its
 * lane from here on, the other end is told. */
void peal_clients_tell_lane_use(struct peal_clients *clients, struct peal_client_channel *channel);
/* clients_lane.c: once a turn, while lanes wait for the door or it has a task. */
void peal_clients_run_lanes(struct peal_clients *clients);

/* clients_up.c: a bounded number of records of one client. Returns how many. */
uint32_t peal_clients_take(struct peal_clients *clients, struct peal_client *client);

/* What a record is made of: two pieces, either of which may be empty. */
struct peal_clients_bytes {
	const void *head;
	uint32_t head_size;
	const void *body;
	uint32_t body_size;
};

/* clients_down.c: writes a record that must be taken; a client without room is evicted. */
void peal_clients_write(struct peal_clients *clients, struct peal_client *client,
	enum peal_client_down kind, uint16_t tag, const struct peal_clients_bytes *bytes);

/* clients_down.c: a place of the client for a channel of the core. */
void peal_clients_own(
	struct peal_clients *clients, struct peal_client *client, uint32_t place, uint16_t index);

/* clients_down.c: grants peers what there is room for now. */
void peal_clients_adjust_room(
	struct peal_clients *clients, struct peal_client *client, uint64_t now_ns);

/* clients_up.c: whether this client may cast now. All share one queue: when it is full, who wants
 * to cast takes turns, by bytes, and nobody else takes what room there is before them. */
bool peal_clients_may_cast(struct peal_clients *clients, const struct peal_client *client);
/* clients_up.c: what it casts stays in its ring until it is its turn, or there is room. */
enum peal_clients_outcome peal_clients_wait_to_cast(
	struct peal_clients *clients, struct peal_client *client);
/* clients_up.c: so much was taken; the turn goes on when it was enough. */
void peal_clients_count_cast(
	struct peal_clients *clients, struct peal_client *client, uint32_t size);
/* clients_hold.c: whether the client rings when it has made room. */
void peal_clients_tell_waiting(const struct peal_clients *clients, struct peal_client *client);
/* clients_hold.c: after a broadcast was written to a client that may hold others back. */
void peal_clients_hold_if_short(struct peal_clients *clients, struct peal_client *client);
/* clients_hold.c: the client holds nobody back any more. */
void peal_clients_let_go(struct peal_clients *clients, struct peal_client *client);
/* clients_hold.c: once a turn for who holds others back: does it read, is there room? */
void peal_clients_look_at_held(
	struct peal_clients *clients, struct peal_client *client, uint64_t now_ns);

/* clients_view.c: the members of a view. */
const struct peal_client_member *peal_clients_members_of(
	const struct peal_clients *clients, const struct peal_clients_view *view);
/* clients_hold.c: nothing of others is delivered while somebody holds them back, or somebody who
 * hears has not been shown all of the view. After either has changed. */
void peal_clients_tell_cast(const struct peal_clients *clients);
/* clients_view.c: from the next record on the client is in the view that is shown. */
void peal_clients_show(struct peal_clients *clients, struct peal_client *client);
/* clients_view.c: pieces of a large view that the client has not got yet. Returns how many. */
uint32_t peal_clients_show_more(struct peal_clients *clients, struct peal_client *client);
/* clients_view.c: the broadcast's user. */
void peal_clients_on_view(void *state, uint64_t epoch, uint32_t view_tag);
/* clients_view.c: this node is no member any more. */
void peal_clients_show_none(struct peal_clients *clients);
/* clients_view.c: the view or the last client has gone: nobody keeps the lease while nobody is
 * attached, and the next one must not find what was so before. */
void peal_clients_lapse(struct peal_clients *clients);

/* Only the core counts, so a load and a store are enough. */
static inline void
peal_clients_count(_Atomic uint64_t *count, uint64_t added)
{
	atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + added,
		memory_order_relaxed);
}

/* After `channels_count` has changed. */
static inline void
peal_clients_tell_channels(struct peal_client *client)
{
	atomic_store_explicit(
		&client->tally.channels_count, client->channels_count, memory_order_relaxed);
}

/* clients_values.c: the first bytes of a broadcast that is the latest value of this number. */
static inline uint64_t
peal_clients_value_prefix(uint32_t number)
{
	return (uint64_t)number + 1U;
}

/* clients_values.c: takes a broadcast if it is a value. False: it is none. */
bool peal_clients_take_value(
	struct peal_clients *clients, uint64_t origin, const struct peal_delivery *delivery);
/* clients_values.c: a client begins to hear: it has none of the values yet. */
void peal_clients_hear_values(struct peal_clients *clients, struct peal_client *client);
/* clients_values.c: values that the client has not got, as far as there is room. */
void peal_clients_write_values(struct peal_clients *clients, struct peal_client *client);
/* clients_values.c: those of members that are not in the view that is shown are forgotten. */
void peal_clients_forget_values(struct peal_clients *clients);

static inline uint32_t
peal_clients_place_of(const struct peal_clients *clients, const struct peal_client *client)
{
	return (uint32_t)(client - clients->room->clients);
}

static inline uint64_t
peal_clients_bit_of(const struct peal_clients *clients, const struct peal_client *client)
{
	return UINT64_C(1) << peal_clients_place_of(clients, client);
}

static inline uint16_t
peal_clients_tag_of(const struct peal_client *client, uint32_t place)
{
	return PEAL_CLIENT_TAG(place, client->channels[place].life);
}

#endif
