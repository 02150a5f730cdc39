/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table of process groups: which there are, and who is in them, in the order in which they
 * came.
 *
 * Every node of a view has the same. Whether a change can be made, and what comes of it, follows
 * from the table alone, so that all who make the same changes keep the same table. A group exists
 * while it has members; its number is not used again for as long as numbers last, and tells its
 * place.
 *
 * Bounds: PEAL_PROCGROUPS_MAX, PEAL_PROCGROUPS_MEMBERS_MAX. Pure; plain struct; one core. Cost: a
 * walk over the groups to find a name, over the members of a group to find one of them.
 */
#ifndef PEAL_DATAPLANE_PROCGROUP_TABLE_H
#define PEAL_DATAPLANE_PROCGROUP_TABLE_H

#include "wire/procgroup_msg.h"

#define PEAL_PROCGROUP_NONE UINT16_MAX

struct peal_procgroup_member {
	uint64_t mid; /* of its node */
	uint32_t client;
	uint16_t next; /* who came after it; NONE */
	uint16_t reserved;
};

/* Who came into a group, or why it is gone. */
struct peal_procgroup_change {
	uint64_t mid;
	uint32_t client;
	uint32_t what; /* enum peal_procgroup_what */
};

struct peal_procgroup {
	uint32_t number; /* 0 = the place is free */
	uint32_t members_count;
	struct peal_procgroup_stamp stamp; /* of its view */
	uint16_t first;
	uint16_t last;
	uint16_t seats; /* of clients of this node: procgroups.h; NONE */
	uint32_t order; /* id of the order group that puts its messages in order; 0 = none does */
	/* Of this node, not of the table: how far a group in total order is in the order. In the
	 * table of what is shown: the view whose place has come last; else whether a view is still
	 * to be said there, and the last that somebody said. */
	struct peal_procgroup_stamp marked;
	bool is_mark_due;
	struct peal_procgroup_name name;
};

struct peal_procgroup_table {
	uint32_t next_number;
	uint32_t groups_count;
	uint32_t members_count;
	uint16_t free; /* first of the members that are not in use */
	struct peal_procgroup groups[PEAL_PROCGROUPS_MAX];
	struct peal_procgroup_member members[PEAL_PROCGROUPS_MEMBERS_MAX];
};

/* No groups; numbers begin anew. */
void peal_procgroup_table_reset(struct peal_procgroup_table *table);

/* The group of a name, or of a number; NULL. */
struct peal_procgroup *peal_procgroup_table_find(
	struct peal_procgroup_table *table, const struct peal_procgroup_name *name);
struct peal_procgroup *peal_procgroup_table_get(
	struct peal_procgroup_table *table, uint32_t number);

/* Whether it is in the group. */
bool peal_procgroup_table_has(const struct peal_procgroup_table *table,
	const struct peal_procgroup *group, uint64_t mid, uint32_t client);

/* Adds a member, and the group with this order if there is none. NULL: it is in it, or there is no
 * room, or the group has another order; nothing has changed. */
struct peal_procgroup *peal_procgroup_table_join(struct peal_procgroup_table *table,
	const struct peal_procgroup_name *name, uint32_t order,
	const struct peal_procgroup_table_member *member);

/* Removes a member. False: it is not in the group. A group without members stays until `drop`. */
bool peal_procgroup_table_leave(struct peal_procgroup_table *table, struct peal_procgroup *group,
	uint64_t mid, uint32_t client);

/* Removes the first member, from `*at` on, whose node is not among `mids`, which grow. `at` begins
 * as NONE and is for this function alone. False: there is none. */
bool peal_procgroup_table_remove_foreign(struct peal_procgroup_table *table,
	struct peal_procgroup *group, const uint64_t *mids, uint32_t mids_count, uint16_t *at,
	struct peal_procgroup_table_member *removed_out);

/* Makes the group of another table, with its members; the place of its number is free. NULL: there
 * is no room, and nothing has changed. */
struct peal_procgroup *peal_procgroup_table_copy(struct peal_procgroup_table *table,
	const struct peal_procgroup_table *from, const struct peal_procgroup *group);

/* Removes all members of a group, and the group. */
void peal_procgroup_table_clear(struct peal_procgroup_table *table, struct peal_procgroup *group);

/* Frees the place of a group without members. */
void peal_procgroup_table_drop(struct peal_procgroup_table *table, struct peal_procgroup *group);

/* Adds members as a TABLE says. False: that cannot follow what came before. */
bool peal_procgroup_table_take(
	struct peal_procgroup_table *table, const struct peal_procgroup_table_msg *message);

/* The next piece of the table behind (`*place`, `*member`), which begin as 0 and NONE. False: there
 * is none; `message_out` has no epoch. */
bool peal_procgroup_table_next(const struct peal_procgroup_table *table, uint32_t *place,
	uint16_t *member, struct peal_procgroup_table_msg *message_out);

/* The same for equal tables, and hardly ever for others. */
uint64_t peal_procgroup_table_digest(const struct peal_procgroup_table *table);

#endif
