/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/orderrank.h"

#include "base/assert.h"
#include "base/hash.h"

#include <rte_cycles.h>
#include <string.h>

#define SECOND_NS UINT64_C(1000000000)
/* Messages that leave in one turn at most. */
#define DUE_MAX 256U

static uint64_t
to_cycles(const struct peal_orderrank *rank, uint64_t ns)
{
	return (uint64_t)((unsigned __int128)ns * rank->cycles_hz / SECOND_NS);
}

static uint64_t
to_ns(const struct peal_orderrank *rank, uint64_t cycles)
{
	return (uint64_t)((unsigned __int128)cycles * SECOND_NS / rank->cycles_hz);
}

static uint64_t
load(const _Atomic uint64_t *value)
{
	return atomic_load_explicit(value, memory_order_acquire);
}

static void
store(_Atomic uint64_t *value, uint64_t number)
{
	atomic_store_explicit(value, number, memory_order_release);
}

/* --- on the loops: sending --- */

static bool
is_sender(const struct peal_orderrank *rank)
{
	return rank->index < rank->phase.senders_count;
}

/* Numbers go on from phase to phase. `stamp`: when it leaves, or was meant to. */
static bool
send_one(struct peal_orderrank *rank, uint64_t stamp)
{
	uint64_t number = atomic_load_explicit(&rank->part->sent_count, memory_order_relaxed);

	memcpy(rank->message, &number, sizeof(number));
	memcpy(rank->message + sizeof(number), &stamp, sizeof(stamp));
	if (peal_orders_send(rank->member.orders, PEAL_FIXEDMEMBER_GROUP, rank->message,
		    rank->size) != PEAL_ORDERS_OK) {
		return false;
	}
	store(&rank->part->sent_count, number + 1U);
	rank->sent_count++;
	return true;
}

static uint64_t
find_due(const struct peal_orderrank *rank)
{
	/* Senders are spread over the interval. */
	uint64_t shift_ns = rank->phase.interval_ns * rank->index / rank->phase.senders_count;

	return rank->start_at +
	       to_cycles(rank, rank->sent_count * rank->phase.interval_ns + shift_ns);
}

/* All that this rank said. What is lost does not come back, and is not waited for. */
static bool
is_back(const struct peal_orderrank *rank)
{
	struct peal_orders_state state;

	if (rank->part->next[rank->index] == load(&rank->part->sent_count)) {
		return true;
	}
	return load(&rank->part->lost_count) > 0 &&
	       peal_orders_find(rank->member.orders, PEAL_FIXEDMEMBER_GROUP, &state) &&
	       state.waiting_count == 0;
}

/* Returns what was sent. */
static uint32_t
send_due(struct peal_orderrank *rank, uint64_t now)
{
	const struct peal_orderband_phase *phase = &rank->phase;
	uint32_t count = 0;

	if (phase->kind == PEAL_ORDERBAND_FLOOD) {
		while (count < DUE_MAX && send_one(rank, now)) {
			count++;
		}
	} else if (phase->kind == PEAL_ORDERBAND_CLOSED) {
		if (rank->sent_count < phase->count && is_back(rank)) {
			count += send_one(rank, now);
		}
	} else {
		while (count < DUE_MAX && rank->sent_count < phase->count &&
			find_due(rank) <= now && send_one(rank, find_due(rank))) {
			count++;
		}
	}
	return count;
}

static bool
has_sent_all(const struct peal_orderrank *rank)
{
	if (!is_sender(rank)) {
		return true;
	}
	return rank->phase.kind == PEAL_ORDERBAND_FLOOD
		       ? atomic_load_explicit(&rank->shared->is_enough, memory_order_relaxed)
		       : rank->sent_count == rank->phase.count;
}

static void
say_where(struct peal_orderrank *rank)
{
	struct peal_orders_state state;
	bool is_there = peal_orders_find(rank->member.orders, PEAL_FIXEDMEMBER_GROUP, &state);

	PEAL_ASSERT(is_there);
	store(&rank->part->waiting_count, state.waiting_count);
	store(&rank->part->position, state.view.position);
}

/* True when nobody sends any more in this phase and all of it is here: all are where this one is,
 * and all that was said is back. */
static bool
has_all(const struct peal_orderrank *rank)
{
	const struct peal_orderband_shared *shared = rank->shared;

	for (uint32_t i = 0; i < rank->ranks_count; i++) {
		const struct peal_orderband_part *part = &shared->parts[i];

		if (load(&part->sent_phase) != rank->phase_number ||
			load(&part->waiting_count) != 0 ||
			load(&part->position) != load(&rank->part->position)) {
			return false;
		}
	}
	return true;
}

/* IPv4 and UDP, and what is around a body. */
#define HEADERS_SIZE (28U + PEAL_HEADER_SIZE + PEAL_TRAILER_SIZE)

static uint64_t
find_path_mtu(const struct peal_orderrank *rank)
{
	const struct peal_abcast *abcast = &rank->member.orders->groups[0].abcast;
	uint64_t least = PEAL_MTU_MAX;

	for (uint32_t i = 0; i < rank->ranks_count; i++) {
		uint64_t mtu = abcast->rooms[i] <= PEAL_BODY_SIZE_MAX
				       ? PEAL_MTU_MIN
				       : abcast->rooms[i] + HEADERS_SIZE;

		least = i != rank->index && mtu < least ? mtu : least;
	}
	return least;
}

uint32_t
peal_orderrank_step(struct peal_orderrank *rank)
{
	struct peal_orderband_shared *shared = rank->shared;
	uint64_t number = load(&shared->phase_number);
	uint32_t count = 0;

	if (number == load(&rank->part->done_phase)) {
		return 0;
	}
	if (number != rank->phase_number) {
		rank->phase_number = number;
		rank->phase = shared->phase;
		rank->sent_count = 0;
		rank->start_at = rte_rdtsc();
		rank->part->began_at = rank->start_at;
	}
	if (load(&rank->part->sent_phase) != number) {
		if (has_sent_all(rank)) {
			say_where(rank);
			store(&rank->part->sent_phase, number);
		} else if (is_sender(rank)) {
			count = send_due(rank, rte_rdtsc());
		}
	}
	if (load(&rank->part->sent_phase) == number) {
		say_where(rank);
	}
	if (has_all(rank)) {
		store(&rank->part->frames_count,
			peal_counter_get(&rank->member.core.counters, PEAL_COUNTER_TX_FRAMES));
		store(&rank->part->path_mtu, find_path_mtu(rank));
		rank->part->done_at = rte_rdtsc();
		store(&rank->part->done_phase, number);
	}
	return count;
}

/* --- on the loops: taking --- */

static void
keep_time(struct peal_orderrank *rank, uint32_t sender, uint64_t stamp)
{
	uint64_t now = rte_rdtsc();
	uint64_t ns = to_ns(rank, now > stamp ? now - stamp : 0);

	peal_histogram_record(sender == rank->index ? &rank->part->own : &rank->part->others, ns);
}

void
peal_orderrank_take(void *state, const struct peal_orders_message *message)
{
	struct peal_orderrank *rank = state;
	struct peal_orderband_part *part = rank->part;
	const struct peal_delivery *delivery = &message->delivery;
	uint32_t sender = (uint32_t)message->mid - 1U;
	uint64_t number;

	PEAL_ASSERT(sender < PEAL_ORDER_RANKS_MAX);
	if (delivery->offset == 0) {
		memcpy(&rank->last_number[sender], delivery->bytes, sizeof(uint64_t));
		memcpy(&rank->last_stamp[sender], delivery->bytes + sizeof(uint64_t),
			sizeof(uint64_t));
	}
	if (delivery->offset + delivery->size < delivery->message_size) {
		return;
	}
	number = rank->last_number[sender];
	part->wrong_count += number != part->next[sender] || delivery->message_size != rank->size;
	part->next[sender] = number + 1U;
	part->sum = peal_hash_mix(part->sum + number * PEAL_ORDER_RANKS_MAX + sender);
	if (rank->phase.is_timed) {
		keep_time(rank, sender, rank->last_stamp[sender]);
	}
	/* Behind all of it, for who compares. */
	store(&part->taken_count,
		atomic_load_explicit(&part->taken_count, memory_order_relaxed) + 1U);
}

void
peal_orderrank_view(void *state, uint32_t group, const struct peal_orders_view *view)
{
	struct peal_orderrank *rank = state;

	(void)group;
	(void)atomic_fetch_add(&rank->part->views_count, 1U);
	(void)atomic_fetch_add(&rank->part->lost_count, view->doubtful_count);
}

void
peal_orderrank_skip(void *state, uint32_t group, uint64_t from, uint64_t to, uint64_t own_count)
{
	struct peal_orderrank *rank = state;

	(void)group;
	(void)from;
	(void)to;
	(void)atomic_fetch_add(&rank->part->skips_count, 1U);
	(void)atomic_fetch_add(&rank->part->lost_count, own_count);
}

uint64_t
peal_orderrank_find_due_ns(const struct peal_orderrank *rank, uint64_t now_ns)
{
	uint64_t now = rte_rdtsc(), due;

	if (rank->phase_number == 0 || !is_sender(rank) ||
		rank->phase.kind != PEAL_ORDERBAND_PACED || rank->sent_count >= rank->phase.count) {
		return UINT64_MAX;
	}
	due = find_due(rank);
	return now_ns + (due > now ? to_ns(rank, due - now) : 0);
}
