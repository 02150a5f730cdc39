/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checks that there is one history: whatever any node ever installed, in one cluster and epoch, is
 * the same view, and each view follows from the one before.
 *
 * On every install, over all nodes, restarts included: the view holds its own invariants; one hash
 * per (cluster, epoch) for ever; the parent is the known view of the epoch before; members that
 * stay keep their order and numbers; new ones get the next numbers; a uuid that was a member is new
 * in no later view; epochs of one node strictly increase.
 */
#ifndef PEAL_SIM_CHECK_VIEWS_H
#define PEAL_SIM_CHECK_VIEWS_H

#include "sim/report.h"
#include "wire/view.h"

/* What one install told. */
struct peal_check_install {
	const struct peal_view *view;
	const struct peal_view
		*parent; /* NULL: the first view of a cluster, or an unknown parent */
	bool is_new;     /* nobody had installed this view before */
};

/* An identity under which a view was installed. */
struct peal_check_actor {
	struct peal_uuid uuid;    /* none = empty place */
	struct peal_uuid cluster; /* of which it was a member ... */
	uint64_t epoch;           /* ... from this epoch on; 0 = not seen in a view yet */
};

struct peal_check_views {
	struct peal_report *report;
	uint16_t nodes_count;
	uint32_t count;
	uint32_t capacity;
	/* [count] every different view, in the order of its first install; members are own copies
	 */
	struct peal_view **views;
	uint32_t clusters_count;
	uint32_t actors_count;
	uint32_t actors_capacity;        /* a power of two */
	struct peal_check_actor *actors; /* open addressing, [actors_capacity] */
	/* Last install of each node, [nodes_count]. */
	struct peal_uuid *selves;
	struct peal_uuid *clusters;
	uint64_t *epochs;
};

void peal_check_views_init(
	struct peal_check_views *check, uint16_t nodes_count, struct peal_report *report);
void peal_check_views_fini(struct peal_check_views *check);

/* Node `index` installed `view` as `self`. The result points to copies that stay until fini. */
struct peal_check_install peal_check_views_on_install(struct peal_check_views *check,
	uint16_t index, struct peal_uuid self, const struct peal_view *view, uint64_t now_ns);

/* The view of an epoch, or NULL when nobody installed it. O(views). */
const struct peal_view *peal_check_views_find(
	const struct peal_check_views *check, struct peal_uuid cluster, uint64_t epoch);

#endif
