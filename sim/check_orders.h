/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What must be true of order groups in cores, seen from who reads them: ranks and listeners.
 *
 * Of each order group there is one history: whoever is first to have a message at a position writes
 * it, everybody else must find the same there, in the same parts, and leaves out those messages
 * only of which a part is at a position that it was told it misses, or before its first view.
 * Nobody is too late for that: a message that somebody writes behind others, who went on without
 * it, is looked up in what each of them was told. Messages of one process come in its order and
 * once, and it was told of those that are left out. A view of the group begins behind the same
 * position at all, with the same members.
 */
#ifndef PEAL_SIM_CHECK_ORDERS_H
#define PEAL_SIM_CHECK_ORDERS_H

#include "dataplane/orders.h"
#include "sim/report.h"

/* Of one run. */
#define PEAL_CHECK_ORDERS_GROUPS_MAX 16U
#define PEAL_CHECK_ORDERS_LIVES_MAX  2048U
#define PEAL_CHECK_ORDERS_VIEWS_MAX  2048U

/* Frames that one message is in. */
#define PEAL_CHECK_ORDERS_PIECES_MAX 12U

struct peal_check_orders_entry {
	uint64_t position; /* of its last byte */
	uint64_t mid;
	uint64_t number;
	uint32_t pieces_count;
	uint64_t pieces[PEAL_CHECK_ORDERS_PIECES_MAX]; /* positions, the last one's is the message's
							*/
};

/* A process in one group, also when it is no more. */
struct peal_check_orders_reader {
	uint16_t node;
	uint64_t mid;
	bool has_view;   /* it was told where it begins */
	uint64_t passed; /* it has all up to here, or was told */
};

/* Positions [from, to] that a reader was told it misses. */
struct peal_check_orders_gap {
	uint32_t reader;
	uint64_t from;
	uint64_t to;
};

/* What one process said in one group. */
struct peal_check_orders_life {
	uint64_t mid; /* 0 = free */
	uint64_t said_count;
	uint64_t last;          /* number in the history */
	uint64_t last_position; /* and where it is */
	uint64_t holes_count;   /* numbers before it that are not there */
	uint64_t told_count;    /* of those, as many as there was a reason for */
	uint64_t back_count;    /* of its own messages, that came back to it */
	uint64_t doubtful_count;
	uint64_t
		lost_count; /* when it gave its rank away: they may have come back as it listened */
};

struct peal_check_orders_view {
	bool is_known;
	struct peal_orders_view view;
};

/* A group of one cluster and generation. */
struct peal_check_orders_group {
	uint32_t cluster;
	uint32_t id;
	uint32_t generation;
	struct peal_check_orders_entry *history; /* [capacity] */
	uint64_t count;
	uint64_t capacity;
	struct peal_check_orders_reader *readers; /* [readers_capacity] */
	uint32_t readers_count;
	uint64_t readers_capacity;
	struct peal_check_orders_gap *gaps; /* [gaps_capacity], in the order of telling */
	uint32_t gaps_count;
	uint64_t gaps_capacity;
	struct peal_check_orders_life lives[PEAL_CHECK_ORDERS_LIVES_MAX]; /* by number, hashed */
	struct peal_check_orders_view views[PEAL_CHECK_ORDERS_VIEWS_MAX]; /* by number */
};

/* What all nodes of a run share. */
struct peal_check_orders {
	struct peal_report *report;
	const uint64_t *now_ns;  /* virtual */
	uint64_t restarts_count; /* views in which a rank came back, or another member has it */
	uint32_t groups_count;
	struct peal_check_orders_group groups[PEAL_CHECK_ORDERS_GROUPS_MAX];
};

/* Zeroed memory, which is there when it is touched. */
struct peal_check_orders *peal_check_orders_create(
	struct peal_report *report, const uint64_t *now_ns);
void peal_check_orders_destroy(struct peal_check_orders *check);

/* The group of this cluster, id and generation, which may be new. */
struct peal_check_orders_group *peal_check_orders_find_group(
	struct peal_check_orders *check, uint32_t cluster, uint32_t id, uint32_t generation);
/* What this process said, which may be nothing yet. */
struct peal_check_orders_life *peal_check_orders_find_life(
	struct peal_check_orders_group *group, uint64_t mid);
/* A process takes part, with a rank or listening. Returns the reader. */
uint32_t peal_check_orders_add_reader(
	struct peal_check_orders_group *group, uint16_t node, uint64_t mid);

/* A reader has a whole message. False: it is too late. */
bool peal_check_orders_on_message(struct peal_check_orders *check,
	struct peal_check_orders_group *group, uint32_t reader,
	const struct peal_check_orders_entry *entry);
/* A view begins at a reader. */
void peal_check_orders_on_view(struct peal_check_orders *check,
	struct peal_check_orders_group *group, uint32_t reader,
	const struct peal_orders_view *view);
/* A reader is told that it misses [from, to]. */
void peal_check_orders_on_skipped(struct peal_check_orders *check,
	struct peal_check_orders_group *group, uint32_t reader, uint64_t from, uint64_t to);

/* True when a reader has all that anybody has written, but what it was told that it misses. */
bool peal_check_orders_has_all(const struct peal_check_orders_group *group, uint32_t reader);
/* At the end, when all is well: notes as violations what a reader lacks, and what is not known of
 * the messages that its process said. */
void peal_check_orders_end(
	struct peal_check_orders *check, struct peal_check_orders_group *group, uint32_t reader);

#endif
