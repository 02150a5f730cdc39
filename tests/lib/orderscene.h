/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One rank of an order group, with the others played by the test: what it sends is recorded, what
 * they say is made here. Rank r of the first view is member 101 + r. Time stands unless it is
 * moved.
 */
#ifndef PEAL_TESTS_LIB_ORDERSCENE_H
#define PEAL_TESTS_LIB_ORDERSCENE_H

#include "abcast/abcast.h"

#define PEAL_ORDERSCENE_SENT_MAX      256U
#define PEAL_ORDERSCENE_DELIVERED_MAX 64U
#define PEAL_ORDERSCENE_BODIES_MAX    256U
#define PEAL_ORDERSCENE_MEMBER        101U
#define PEAL_ORDERSCENE_SIZE          8U /* of every message */

struct peal_orderscene_sent {
	uint8_t rank; /* to whom */
	struct peal_order_msg message;
};

struct peal_orderscene {
	struct peal_abcast abcast;
	struct peal_counters counters;
	uint64_t now_ns;
	uint32_t sent_count;
	struct peal_orderscene_sent sent[PEAL_ORDERSCENE_SENT_MAX];
	uint32_t delivered_count;
	struct peal_abcast_delivery delivered[PEAL_ORDERSCENE_DELIVERED_MAX];
	uint32_t views_count;
	struct peal_abcast_news news; /* the last */
	uint64_t skipped_from;
	uint64_t skipped_to;
	enum peal_abcast_fault fault;
	uint8_t doubted_rank; /* the last; number of ranks = none */
	uint32_t kept_count;  /* references that the machine has */
	uint32_t bodies_count;
	uint8_t bodies[PEAL_ORDERSCENE_BODIES_MAX][PEAL_BODY_SIZE_MAX];
};

extern struct peal_orderscene scene;

/* Rank `rank` of `ranks_count`, in view 1. A setup of cmocka calls it with what it needs. */
void peal_orderscene_begin(uint8_t ranks_count, uint8_t rank);
/* Ends it: nothing may be kept. */
void peal_orderscene_end(void);
/* The same for cmocka, as the first of three ranks. */
int peal_orderscene_set_up(void **state);
int peal_orderscene_tear_down(void **state);

/* A message of `kind` from `rank`, of this group and view; to be filled and heard. */
struct peal_order_msg peal_orderscene_make(enum peal_order_kind kind, uint8_t rank);
/* The machine hears it, from the member who has the rank; true: it keeps the frame. */
bool peal_orderscene_hear(const struct peal_order_msg *message);
/* The same from any member. */
bool peal_orderscene_hear_from(const struct peal_order_msg *message, uint64_t member);

/* Rank `rank` sends frame `seq` of its own lane, with this stamp. */
bool peal_orderscene_data(uint8_t rank, uint64_t seq, uint64_t stamp);
/* Rank `rank` ticks: `have` of lane `lane`, and promises `promise` behind `last`. */
void peal_orderscene_tick(
	uint8_t rank, uint8_t lane, uint64_t have, uint64_t promise, uint64_t last);
/* The machine is given a message of its own. */
enum peal_abcast_result peal_orderscene_send(void);

/* Time goes on and the machine takes a turn. */
void peal_orderscene_run(uint64_t span_ns);
/* Forgets what was sent. */
void peal_orderscene_forget(void);
/* The last message of a kind that was sent, NULL = none since it was forgotten. */
const struct peal_order_msg *peal_orderscene_last(enum peal_order_kind kind);
/* How many of a kind were sent. */
uint32_t peal_orderscene_count(enum peal_order_kind kind);
uint64_t peal_orderscene_counter(enum peal_counter id);

#endif
