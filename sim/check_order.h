/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What must be true of the deliveries of an order group, whatever happens to its ranks.
 *
 * One history for all: whoever is first at a position writes it, everybody else must find the same
 * there, and nobody leaves a position out that it was not told of. In a view stamps rise; messages
 * of one process come in its order, once, unaltered, and behind all that it had delivered when it
 * said them (so the order is causal). A view begins behind the same position at all, and has the
 * same members. What is decided is decided once: every decision that is sent is compared. Seals of
 * a lane rise. Nobody acknowledges in a view what was not sent in it.
 */
#ifndef PEAL_SIM_CHECK_ORDER_H
#define PEAL_SIM_CHECK_ORDER_H

#include "abcast/abcast.h"
#include "sim/report.h"

/* Processes of one run, by member number. */
#define PEAL_CHECK_ORDER_MEMBERS_MAX 1024U
/* Decisions remembered; an older one in the same place is forgotten. */
#define PEAL_CHECK_ORDER_DECISIONS_MAX 16384U

/* In front of every message. */
struct peal_check_order_words {
	uint64_t member;
	uint64_t number; /* of the process, from 1 */
	uint64_t seen;   /* position of the process when it said it */
	uint64_t check;  /* of the rest of the message */
};

struct peal_check_order_entry {
	struct peal_check_order_words words;
	uint64_t stamp;
	uint32_t view;
	uint8_t rank;
};

struct peal_check_order_decision {
	uint64_t key; /* 0 = free */
	uint64_t value;
};

struct peal_check_order_view {
	bool is_known;
	uint16_t active;
	uint64_t position;
	uint64_t members[PEAL_ORDER_RANKS_MAX];
	uint64_t sent[PEAL_ORDER_RANKS_MAX]; /* the last frame that left a rank in it */
};

/* The last seal of a lane that was told of. */
struct peal_check_order_seal {
	uint32_t view;
	uint16_t generation;
	uint64_t until;
};

struct peal_check_order {
	struct peal_report *report;
	struct peal_check_order_entry *history; /* [capacity], by position - 1 */
	uint64_t count;
	uint64_t capacity;
	uint64_t next[PEAL_CHECK_ORDER_MEMBERS_MAX];      /* position; 0 = in no view yet */
	uint64_t said[PEAL_CHECK_ORDER_MEMBERS_MAX];      /* accepted from it */
	uint64_t last[PEAL_CHECK_ORDER_MEMBERS_MAX];      /* number in the history */
	uint64_t delivered[PEAL_CHECK_ORDER_MEMBERS_MAX]; /* of it, in the history */
	uint64_t doubtful[PEAL_CHECK_ORDER_MEMBERS_MAX];
	struct peal_check_order_decision decisions[PEAL_CHECK_ORDER_DECISIONS_MAX];
	struct peal_check_order_seal seals[PEAL_ORDER_RANKS_MAX];
	uint32_t views_count;
	struct peal_check_order_view views[PEAL_CHECK_ORDER_MEMBERS_MAX]; /* by number */
};

/* `report` outlives it. */
void peal_check_order_init(struct peal_check_order *check, struct peal_report *report);
void peal_check_order_fini(struct peal_check_order *check);

/* The words and the rest of a message of `size` bytes, at least 32: what a process says. */
void peal_check_order_write(struct peal_check_order *check, uint64_t member, uint64_t seen,
	uint8_t *bytes, uint16_t size);
/* Something was delivered to the process `member`. */
void peal_check_order_deliver(struct peal_check_order *check, uint64_t member, uint64_t now_ns,
	const struct peal_abcast_delivery *delivery);
/* A view began there. */
void peal_check_order_view(struct peal_check_order *check, uint64_t member, uint64_t now_ns,
	const struct peal_abcast_news *news);
/* Positions [from, to] are not delivered there. */
void peal_check_order_skip(struct peal_check_order *check, uint64_t member, uint64_t now_ns,
	uint64_t from, uint64_t to);
/* A frame was sent: what it says is decided, or stored, is compared with what was before. */
void peal_check_order_frame(struct peal_check_order *check, uint64_t now_ns, uint8_t kind,
	const uint8_t *body, uint32_t size);
/* At the end: a process that lives has everything, and all that it said was delivered. */
void peal_check_order_end(struct peal_check_order *check, uint64_t member, uint64_t now_ns);

#endif
