/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One rank of an orderband: what it sends, what it is given, and how long that took. On the loop of
 * the rank; see orderband.h.
 */
#ifndef PEAL_PEAL_BENCH_ORDERRANK_H
#define PEAL_PEAL_BENCH_ORDERRANK_H

#include "tools/benchlib/fixedmember.h"
#include "tools/peal-bench/orderband.h"

/* Zeroed memory, 64-aligned; the owner fills the first fields and starts the member. */
struct peal_orderrank {
	struct peal_orderband_shared *shared; /* NULL = not here */
	struct peal_orderband_part *part;
	uint8_t index;
	uint8_t ranks_count;
	uint32_t size; /* of a message */
	uint64_t cycles_hz;
	/* private */
	uint64_t phase_number;
	struct peal_orderband_phase phase;
	uint64_t start_at; /* cycles */
	uint64_t sent_count;
	uint64_t last_number[PEAL_ORDER_RANKS_MAX]; /* of a message that comes in parts */
	uint64_t last_stamp[PEAL_ORDER_RANKS_MAX];
	struct peal_fixedmember member;
	uint8_t message[PEAL_BENCHARGS_SIZE_MAX];
};

/* Before a turn of the core: what the phase asks for. Returns messages sent. */
uint32_t peal_orderrank_step(struct peal_orderrank *rank);

/* When it wants to send next; UINT64_MAX = nothing on a schedule. */
uint64_t peal_orderrank_find_due_ns(const struct peal_orderrank *rank, uint64_t now_ns);

/* For struct peal_orders_user; the state is the rank. */
void peal_orderrank_take(void *state, const struct peal_orders_message *message);
void peal_orderrank_view(void *state, uint32_t group, const struct peal_orders_view *view);
void peal_orderrank_skip(
	void *state, uint32_t group, uint64_t from, uint64_t to, uint64_t own_count);

#endif
