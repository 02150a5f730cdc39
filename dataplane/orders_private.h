/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of the order plane share; see orders.h. Nobody else includes this.
 */
#ifndef PEAL_DATAPLANE_ORDERS_PRIVATE_H
#define PEAL_DATAPLANE_ORDERS_PRIVATE_H

#include "dataplane/orders.h"
#include "wire/order_publication.h"

_Static_assert(PEAL_ORDERS_FRAME_SIZE >=
		       PEAL_ORDER_DATA_SIZE_MAX + (PEAL_ORDER_RANKS_MAX - 1U) * PEAL_ORDER_ACK_SIZE,
	"a place takes the data of every frame");

static inline void
peal_orders_count(const struct peal_orders *orders, enum peal_counter id)
{
	peal_counter_add(orders->config.counters, id, 1);
}

/* The group with a machine here, or NULL. */
static inline struct peal_orders_group *
peal_orders_find_group(struct peal_orders *orders, uint32_t id)
{
	for (uint32_t i = 0; i < PEAL_ORDERS_MAX; i++) {
		if (orders->groups[i].is_used && orders->groups[i].config.id == id) {
			return &orders->groups[i];
		}
	}
	return NULL;
}

/* True when this node gave its rank away, or was told that it is another's: it may listen. */
static inline bool
peal_orders_is_relieved(const struct peal_orders_group *group)
{
	return group->is_ended && (group->abcast.fault == PEAL_ABCAST_FAULT_REPLACED ||
					  group->abcast.fault == PEAL_ABCAST_FAULT_NONE);
}

/* True when the rank of this node delivers by itself. */
static inline bool
peal_orders_is_served(const struct peal_orders *orders, uint32_t id)
{
	for (uint32_t i = 0; i < PEAL_ORDERS_MAX; i++) {
		const struct peal_orders_group *group = &orders->groups[i];

		if (group->is_used && group->config.id == id) {
			return group->has_view && !group->is_ended;
		}
	}
	return false;
}

/* True when the number is of a member of the present view. */
static inline bool
peal_orders_is_member(const struct peal_orders *orders, uint64_t mid)
{
	return orders->peers->members_count > 0 &&
	       peal_view_find_mid(orders->peers->view, mid) != PEAL_RANK_NONE;
}

/* orders_table.c */

/* Somebody speaks for a rank: believed, or not. */
void peal_orders_believe(struct peal_orders_group *group, uint8_t rank, uint64_t mid);
/* The machine stopped, or must: gives everything back and tells the user. */
void peal_orders_end(struct peal_orders_group *group, enum peal_abcast_fault fault);

/* Makes a machine for a rank: it founds the group, or waits to be taken in. */
void peal_orders_begin(struct peal_orders *orders, const struct peal_ordergroup *config,
	uint8_t rank, uint64_t holder, bool is_founder, uint64_t now_ns);

/* orders_handover.c: a command was delivered. */
void peal_orders_on_command(struct peal_orders_group *group, const uint8_t *data);
/* A frame says how a view of the group `id` began: it may name this node. `group` may be NULL. */
void peal_orders_on_install(struct peal_orders *orders, struct peal_orders_group *group,
	const struct peal_opened *opened, uint64_t now_ns);
/* The number in front of a frame as the holder of the rank that it speaks for. Who is none is told
 * so. */
uint64_t peal_orders_resolve(
	struct peal_orders_group *group, uint8_t rank, uint64_t mid, uint64_t now_ns);
/* Once a turn. */
void peal_orders_run_handover(struct peal_orders_group *group, uint64_t now_ns);

/* orders_frames.c: the callbacks of the machine. */
void peal_orders_transmit(void *state, uint8_t rank, uint8_t kind, const uint8_t *form,
	uint16_t form_size, const uint8_t *bytes, uint16_t size);
const uint8_t *peal_orders_copy(
	void *state, const uint8_t *bytes, uint16_t size, uint64_t *token_out);
void peal_orders_release(void *state, uint64_t token);
void peal_orders_doubt_path(void *state, uint8_t rank);
/* Finds out, once, how large frames to the other ranks may be, and tells the machine what is known
 * now. There are paths. Returns the least body. */
uint16_t peal_orders_measure_paths(struct peal_orders_group *group);

/* orders_table.c: the same. */
void peal_orders_view(void *state, const struct peal_abcast_news *news);

/* orders_data.c: the same. */
void peal_orders_deliver(void *state, const struct peal_abcast_delivery *delivery);
void peal_orders_skipped(void *state, uint64_t from, uint64_t to);
/* Hands the messages of a frame over, whoever brought it. */
struct peal_orders_frame {
	uint32_t group;
	uint64_t position;
	uint64_t member;
	bool is_own;
	const uint8_t *bytes;
	uint16_t size;
};
void peal_orders_unpack(struct peal_orders *orders, struct peal_orders_parts *parts,
	const struct peal_orders_frame *frame);
/* The oldest `count` own frames are in doubt. Returns the messages that are so with them. */
uint64_t peal_orders_doubt(struct peal_orders_group *group, uint64_t count);

/* orders_publish.c: a frame was delivered; positions up to `to` never will be; a publication came
 * from `origin`; the first view here begins behind `position`. */
void peal_orders_keep(struct peal_orders_group *group, const struct peal_abcast_delivery *delivery);
void peal_orders_keep_from(struct peal_orders_group *group, uint64_t position);
void peal_orders_on_view(struct peal_orders_group *group);
void peal_orders_heard(struct peal_orders_group *group, uint64_t origin,
	const struct peal_order_publication *publication);
void peal_orders_keep_nothing(struct peal_orders_group *group);
void peal_orders_publish(struct peal_orders_group *group, uint64_t now_ns);
uint64_t peal_orders_publish_at_ns(const struct peal_orders_group *group);
static inline bool
peal_orders_is_braked(const struct peal_orders_group *group)
{
	const struct peal_orders_publisher *publisher = &group->publisher;

	return publisher->is_on && publisher->next - publisher->first > PEAL_ORDERS_KEPT_BRAKE;
}

/* orders_subscribe.c: another table of peers; the rank of this node is in a view that begins behind
 * `position`; it is a rank no more; asks. */
void peal_orders_switch_subscriptions(struct peal_orders *orders, bool is_same_self);
void peal_orders_hand_on(struct peal_orders_group *group, uint64_t position);
void peal_orders_listen_again(const struct peal_orders_group *group);
void peal_orders_ask(struct peal_orders *orders, uint64_t now_ns);
struct peal_orders_subscription *peal_orders_find_subscription(
	struct peal_orders *orders, uint32_t group);

/* orders_cut.c: gives queued messages to the machine, as far as frames may leave. */
void peal_orders_cut(struct peal_orders_group *group);

#endif
