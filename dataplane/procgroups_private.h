/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the parts of process groups share: procgroups.c (what the elder orders, and views of nodes),
 * procgroups_seats.c (clients of this node), procgroups_data.c (what is sent to groups). Nobody
 * else includes this.
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
/* procgroups_seats.c: more would have to be held than there is room for: all seats end. */
void peal_procgroups_overrun(struct peal_procgroups *groups);

/* procgroups_data.c: a part of a message of the member at `rank`. */
void peal_procgroups_on_data(
	struct peal_procgroups *groups, uint32_t rank, const struct peal_delivery *delivery);
/* procgroups_data.c: after a stamp: what was waited for may have come. */
void peal_procgroups_release_held(struct peal_procgroups *groups);

#endif
