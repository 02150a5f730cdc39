/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the parts of process groups share: procgroups.c (what the elder orders, and views of nodes),
 * procgroups_seats.c (clients of this node), procgroups_data.c (what is sent to groups by sender),
 * procgroups_order.c (what order groups deliver), procgroups_said.c (what is said in them),
 * procgroups_shown.c (groups in total order, as they are shown). Nobody else includes this.
 */
#ifndef PEAL_DATAPLANE_PROCGROUPS_PRIVATE_H
#define PEAL_DATAPLANE_PROCGROUPS_PRIVATE_H

#include "base/museum.h"
#include "dataplane/procgroups.h"

static inline void
peal_procgroups_count(struct peal_procgroups *groups, enum peal_counter counter)
{
	peal_counter_add(groups->config.counters, counter, 1);
}

static inline enum peal_cast_result
peal_procgroups_cast(struct peal_procgroups *groups, const uint8_t *bytes, uint32_t size)
{
	return groups->config.user.cast(groups->config.user.state, bytes, size);
}

static inline bool
peal_procgroups_is_elder(const struct peal_procgroups *groups)
{
	return groups->epoch != 0 && groups->origins[0].mid == groups->self_mid;
}

/* A view of the group is one in which `later` may have been sent. */
static inline bool
peal_procgroups_is_before(
	const struct peal_procgroup_stamp *view, const struct peal_procgroup_stamp *later)
{
	return view->epoch < later->epoch || (view->epoch == later->epoch && view->n <= later->n);
}

/* procgroups_seats.c: the seat of a client of this node in a group that it is a member of; NULL. */
struct peal_procgroups_seat *peal_procgroups_find_seat(
	struct peal_procgroups *groups, const struct peal_procgroup *group, uint32_t client);
/* procgroups_seats.c: the seat that waits to come in, or NULL. */
struct peal_procgroups_seat *peal_procgroups_find_joining(
	struct peal_procgroups *groups, const struct peal_procgroup_name *name, uint32_t client);
/* procgroups_seats.c: it is a member now, and is shown all others. */
void peal_procgroups_seat_in(struct peal_procgroups *groups, struct peal_procgroups_seat *seat,
	struct peal_procgroup *group);
/* procgroups_seats.c: frees a seat, and tells its client. */
void peal_procgroups_seat_end(struct peal_procgroups *groups, struct peal_procgroups_seat *seat,
	enum peal_procgroups_end end);
/* procgroups_seats.c: the same for all. */
void peal_procgroups_end_seats(struct peal_procgroups *groups, enum peal_procgroups_end end);
/* procgroups_seats.c: tells the clients in a group of `changes`, but for one that has just come. */
void peal_procgroups_tell(struct peal_procgroups *groups, const struct peal_procgroup *group,
	uint32_t changes_count, const struct peal_procgroups_seat *but);
/* procgroups_seats.c: asks for what is wanted. Returns messages sent. */
uint32_t peal_procgroups_ask(struct peal_procgroups *groups);
/* procgroups_seats.c: in another epoch nothing has been asked for. */
void peal_procgroups_forget_asked(struct peal_procgroups *groups);
/* procgroups_seats.c: what all seats of an order group need is lost (0: of by sender): they end,
 * and their groups will be told. */
void peal_procgroups_lose(
	struct peal_procgroups *groups, uint32_t order, enum peal_procgroups_end end);
/* procgroups_seats.c: the same for one. */
void peal_procgroups_lose_seat(struct peal_procgroups *groups, struct peal_procgroups_seat *seat,
	enum peal_procgroups_end end);
/* procgroups_seats.c: tells the client of a seat all members of the view that is shown. */
void peal_procgroups_tell_first(struct peal_procgroups *groups, struct peal_procgroups_seat *seat,
	const struct peal_procgroup_table *table, const struct peal_procgroup *group);
void peal_procgroups_tell_one(struct peal_procgroups *groups,
	const struct peal_procgroups_seat *seat, const struct peal_procgroups_news *news);

/* procgroups_said.c: sends to the group of a member's seat, in total order. */
enum peal_procgroups_result peal_procgroups_send_ordered(struct peal_procgroups *groups,
	struct peal_procgroups_seat *seat, uint8_t *message, uint32_t size);

/* procgroups_data.c: the change that made a view of a group has been made here. */
bool peal_procgroups_is_seen(
	const struct peal_procgroups *groups, const struct peal_procgroup_stamp *stamp);
/* Bytes that a part takes among those that are held, with `head_size` before it. */
static inline uint32_t
peal_procgroups_held_span(uint32_t head_size, uint32_t size)
{
	return head_size + ((size + 7U) & ~UINT32_C(7));
}

/* procgroups_order.c: the order group of this id that clients have groups by; NULL. */
struct peal_procgroups_stream *peal_procgroups_find_stream(
	struct peal_procgroups *groups, uint32_t id);
/* procgroups_order.c: the order group for a seat of a group of this name: `wanted`, or 0 for any;
 * 0: there is none. */
uint32_t peal_procgroups_choose_order(
	struct peal_procgroups *groups, const struct peal_procgroup_name *name, uint32_t wanted);
/* procgroups_order.c: begins to listen: OK, NO_ORDER, TOO_MANY. */
enum peal_procgroups_result peal_procgroups_listen(struct peal_procgroups *groups, uint32_t id);
/* procgroups_order.c: there is something to do about order groups. */
static inline void
peal_procgroups_hurry(struct peal_procgroups *groups)
{
	groups->order_at_ns = 0;
}

/* procgroups_said.c: the view of the group is to be said in its order group; of all groups of one,
 * or of all (0). */
void peal_procgroups_mark_later(struct peal_procgroups *groups, struct peal_procgroup *group);
void peal_procgroups_mark_all(struct peal_procgroups *groups, uint32_t order);
/* procgroups_order.c: after a stamp, or another epoch: what was waited for may have come. */
void peal_procgroups_release_ordered(struct peal_procgroups *groups);
/* procgroups_said.c: somebody waits for a word in an order group. */
void peal_procgroups_on_knock(struct peal_procgroups *groups, const struct peal_delivery *delivery);
/* procgroups_order.c: what waits of an order group is waited for no more. */
void peal_procgroups_drop_held(
	struct peal_procgroups *groups, struct peal_procgroups_stream *stream);
/* procgroups_order.c: this node has no part in any. */
void peal_procgroups_forget_orders(struct peal_procgroups *groups);
/* procgroups_order.c: something is missing; its seats end when there is time for it. */
void peal_procgroups_note_lost(
	struct peal_procgroups *groups, uint32_t order, enum peal_procgroups_end end);

/* procgroups_shown.c: a change of a group in total order was stamped: `changes` of the machine.
 * `seat`: the one that came in, or NULL. */
void peal_procgroups_put_off(struct peal_procgroups *groups, const struct peal_procgroup *group,
	uint32_t changes_count, const struct peal_procgroups_seat *seat);
/* procgroups_shown.c: the place of a view has come. */
void peal_procgroups_place(struct peal_procgroups *groups, struct peal_procgroup *shown,
	const struct peal_procgroup_stamp *stamp);
/* procgroups_shown.c: nobody here is to see the group any more, or any of an order group. */
void peal_procgroups_hide(struct peal_procgroups *groups, uint32_t number);
void peal_procgroups_hide_all(struct peal_procgroups *groups, uint32_t order);

/* procgroups_data.c: a part of a message of the member at `rank`. */
void peal_procgroups_on_data(
	struct peal_procgroups *groups, uint32_t rank, const struct peal_delivery *delivery);
/* procgroups_data.c: after a stamp: what was waited for may have come. */
void peal_procgroups_release_held(struct peal_procgroups *groups);

#endif
