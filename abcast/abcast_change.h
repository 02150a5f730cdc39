/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From one view of an order group to the next: a Paxos instance over all lanes at once, both roles.
 *
 * Decided is a cut: for each lane the generation and frame with which it ends, who holds each rank
 * from now on, and who may send. Acceptors are the members of the view that ends; a rank that
 * restarted is none of them. Who promised a ballot stands still in that view for good: it sends,
 * accepts, acknowledges and delivers nothing until it has the cut.
 *
 * Pure; plain struct, fields private but for reading. Quorums count all ranks but those that an
 * operator emptied, never those who may send: a group whose dead are left out does not become
 * easier to convince. Promises are counted by the view that ends, acceptances by both views.
 */
#ifndef PEAL_ABCAST_ABCAST_CHANGE_H
#define PEAL_ABCAST_ABCAST_CHANGE_H

#include "abcast/abcast_seal.h"
#include "wire/order_msg.h"

struct peal_abcast_value {
	uint16_t active;
	uint16_t counted; /* ranks that count in the next view */
	/* Of each rank of the next view; behind the last one `member` is 0. */
	struct peal_order_cut cuts[PEAL_ORDER_RANKS_MAX];
};

/* What a rank says when it promises. */
struct peal_abcast_state {
	uint64_t ballot;
	uint64_t accepted; /* 0 = nothing */
	const struct peal_abcast_value *value;
	const struct peal_order_report *reports; /* one a lane */
};

struct peal_abcast_change {
	uint64_t promised; /* 0 = the view goes on */
	uint64_t accepted;
	struct peal_abcast_value accepted_value;
	uint64_t promised_at_ns;
	enum peal_abcast_phase phase;
	uint64_t round;
	uint64_t ballot;
	uint16_t promises;
	uint16_t acceptances;
	uint64_t best_accepted;
	struct peal_abcast_value best_value;
	struct peal_order_report reports[PEAL_ORDER_RANKS_MAX][PEAL_ORDER_RANKS_MAX];
	struct peal_abcast_value value; /* proposed */
	uint64_t choose_at_ns;          /* a majority promised; how long the others are awaited */
	uint64_t repeat_at_ns;
	uint64_t give_up_at_ns; /* when it begins again with a later ballot */
};

void peal_abcast_change_init(struct peal_abcast_change *change);

/* A PREPARE came. False: a ballot that is not above the one promised. */
bool peal_abcast_change_prepare(
	struct peal_abcast_change *change, uint64_t ballot, uint64_t now_ns);
/* Accepts. False: it promised a higher ballot. */
bool peal_abcast_change_accept(struct peal_abcast_change *change, uint64_t ballot,
	const struct peal_abcast_value *value, uint64_t now_ns);

/* Begins to propose; returns the ballot. */
uint64_t peal_abcast_change_propose(struct peal_abcast_change *change, uint8_t rank);
/* A promise came: noted if it is for the ballot that is being prepared. Returns that. */
bool peal_abcast_change_on_state(struct peal_abcast_change *change, uint8_t rank,
	const struct peal_abcast_state *state, uint32_t ranks_count);
/* Chooses what is proposed: `next` with the cuts of the first `ranks_count` lanes, unless something
 * was accepted before. Enough have promised (asserted by who counts). */
void peal_abcast_change_choose(struct peal_abcast_change *change, uint32_t ranks_count,
	const struct peal_abcast_value *next);
/* An acceptance came. True: with it the value is decided. `quorum`: of the view that ends. */
bool peal_abcast_change_on_accepted(struct peal_abcast_change *change, uint8_t rank,
	uint64_t ballot, struct peal_abcast_quorum quorum);

/* Ranks of the view that a value is of. */
static inline uint8_t
peal_abcast_value_ranks_count(const struct peal_abcast_value *value)
{
	uint8_t count = 0;

	while (count < PEAL_ORDER_RANKS_MAX && value->cuts[count].member != 0) {
		count++;
	}
	return count;
}

#endif
