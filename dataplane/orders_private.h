/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of the order plane share; see orders.h. Nobody else includes this.
 */
#ifndef PEAL_DATAPLANE_ORDERS_PRIVATE_H
#define PEAL_DATAPLANE_ORDERS_PRIVATE_H

#include "dataplane/orders.h"

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

/* orders_frames.c: the callbacks of the machine. */
void peal_orders_transmit(void *state, uint8_t rank, uint8_t kind, const uint8_t *form,
	uint16_t form_size, const uint8_t *bytes, uint16_t size);
void peal_orders_release(void *state, uint64_t token);

/* orders_table.c: the same. */
void peal_orders_view(void *state, const struct peal_abcast_news *news);

/* orders_data.c: the same. */
void peal_orders_deliver(void *state, const struct peal_abcast_delivery *delivery);
void peal_orders_skipped(void *state, uint64_t from, uint64_t to);
/* The oldest `count` own frames are in doubt. Returns the messages that are so with them. */
uint64_t peal_orders_doubt(struct peal_orders_group *group, uint64_t count);

/* orders_cut.c: gives queued messages to the machine, as far as frames may leave. */
void peal_orders_cut(struct peal_orders_group *group);

#endif
