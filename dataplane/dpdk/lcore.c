/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/dpdk/lcore.h"

#include "base/assert.h"
#include "dataplane/dpdk/tsc.h"

#include <rte_launch.h>
#include <string.h>

#define LONG_TURN_NS UINT64_C(1000000)
/* A turn that found less left nothing in its queues: it takes no more of either at once. */
#define FULL_TURN_WORK PEAL_BURST_MAX

_Static_assert(PEAL_COMMANDS_MAX >= FULL_TURN_WORK, "commands fill a turn later than frames");

/* Returns the work found. */
static uint32_t
turn_one(struct peal_lcore *lcore, uint32_t place, uint64_t now_ns)
{
	struct peal_core *core = lcore->cores[place];
	uint32_t work;

	if (atomic_load_explicit(&lcore->is_halted[place], memory_order_relaxed)) {
		peal_deadlines_set(&lcore->deadlines, place, UINT64_MAX);
		peal_deadlines_set(&lcore->wakes, place, UINT64_MAX);
		return 0;
	}
	work = peal_core_turn(core, now_ns);
	peal_deadlines_set(&lcore->deadlines, place, peal_core_deadline_at_ns(core));
	peal_deadlines_set(&lcore->wakes, place, peal_core_wake_at_ns(core));
	if (work >= FULL_TURN_WORK) {
		lcore->unfinished[place / 64U] |= UINT64_C(1) << place % 64U;
	}
	return work;
}

/*
 * One turn of every core that has something to do. A round of many may take long, and each of them
 * shall know what time it is. Returns the work found.
 */
static uint32_t
make_selective_round(struct peal_lcore *lcore, uint64_t *now_ns)
{
	uint64_t called[PEAL_RESIDENTS_WORDS];
	uint32_t work = 0, turned_count = 0;

	memcpy(called, lcore->unfinished, sizeof(called));
	memset(lcore->unfinished, 0, sizeof(lcore->unfinished));
	peal_doorbell_take_marks(&lcore->doorbell, called);
	peal_deadlines_collect(&lcore->deadlines, *now_ns, called);
	for (uint32_t i = 0; i < PEAL_RESIDENTS_WORDS; i++) {
		for (uint64_t left = called[i]; left != 0; left &= left - 1U) {
			uint32_t place = i * 64U + (uint32_t)__builtin_ctzll(left);

			if (turned_count++ > 0) {
				uint64_t at_ns = peal_tsc_now_ns();

				*now_ns = at_ns > *now_ns ? at_ns : *now_ns;
			}
			work += turn_one(lcore, place, *now_ns);
		}
	}
	return work;
}

/* One turn of every core that is not halted and may have something to do. Returns the work found.
 */
static uint32_t
make_round(struct peal_lcore *lcore, uint64_t *now_ns)
{
	uint32_t work = 0;

	if (lcore->is_selective) {
		return make_selective_round(lcore, now_ns);
	}

	for (uint32_t i = 0; i < lcore->cores_count; i++) {
		if (!atomic_load_explicit(&lcore->is_halted[i], memory_order_relaxed)) {
			work += peal_core_turn(lcore->cores[i], *now_ns);
		}
	}
	return work;
}

static uint64_t
find_deadline(const struct peal_lcore *lcore)
{
	uint64_t deadline_at_ns = UINT64_MAX;

	if (lcore->idle.role == PEAL_IDLE_DEDICATED) {
		return deadline_at_ns; /* never sleeps */
	}
	if (lcore->is_selective) {
		return peal_deadlines_earliest_ns(&lcore->wakes);
	}
	for (uint32_t i = 0; i < lcore->cores_count; i++) {
		uint64_t at_ns;

		if (atomic_load_explicit(&lcore->is_halted[i], memory_order_relaxed)) {
			continue;
		}
		at_ns = peal_core_deadline_at_ns(lcore->cores[i]);
		deadline_at_ns = at_ns < deadline_at_ns ? at_ns : deadline_at_ns;
	}
	return deadline_at_ns;
}

/* The loop was awake: anything long is a stall of the machine, or of ours. */
static void
note_length(struct peal_counters *counters, uint64_t spent_ns)
{
	peal_counter_raise(counters, PEAL_COUNTER_LONGEST_TURN_NS, spent_ns);
	if (__builtin_expect(spent_ns > LONG_TURN_NS, 0)) {
		peal_counter_add(counters, PEAL_COUNTER_TURNS_LONG, 1);
	}
}

/* Accounts for the time from one round to the next under what ended the round. */
static void
account(struct peal_counters *counters, bool was_busy, enum peal_idle_rung rung, uint64_t spent_ns)
{
	if (was_busy) {
		peal_counter_add(counters, PEAL_COUNTER_BUSY_NS, spent_ns);
		note_length(counters, spent_ns);
		return;
	}
	switch (rung) {
	case PEAL_IDLE_PAUSE:
	case PEAL_IDLE_ARM:
		peal_counter_add(counters, PEAL_COUNTER_IDLE_PAUSE_NS, spent_ns);
		note_length(counters, spent_ns);
		break;
	case PEAL_IDLE_YIELD:
		peal_counter_add(counters, PEAL_COUNTER_IDLE_YIELD_NS, spent_ns);
		break;
	case PEAL_IDLE_WAIT:
		peal_counter_add(counters, PEAL_COUNTER_IDLE_WAIT_NS, spent_ns);
		break;
	}
}

/* Chooses the kind of rounds. The first one turns everybody. */
static void
prepare(struct peal_lcore *lcore)
{
	uint32_t count = lcore->cores_count;

	lcore->is_selective = lcore->idle.role == PEAL_IDLE_SHARED && count > 1 &&
			      peal_idle_is_rung_only(&lcore->idle);
	if (!lcore->is_selective) {
		return;
	}
	peal_deadlines_init(&lcore->deadlines, count);
	peal_deadlines_init(&lcore->wakes, count);
	for (uint32_t place = 0; place < count; place++) {
		lcore->unfinished[place / 64U] |= UINT64_C(1) << place % 64U;
	}
}

static int
run(void *argument)
{
	struct peal_lcore *lcore = argument;
	uint64_t now_ns, next_ns;

	prepare(lcore);
	peal_idle_enter(&lcore->idle);
	now_ns = peal_tsc_now_ns();
	if (lcore->on_enter != NULL) {
		lcore->on_enter(lcore->hook_argument);
	}
	while (!atomic_load_explicit(&lcore->is_stopping, memory_order_relaxed)) {
		enum peal_idle_rung rung = PEAL_IDLE_PAUSE;
		uint64_t latest_ns = now_ns;
		bool is_busy = make_round(lcore, &latest_ns) > 0;

		if (is_busy) {
			peal_idle_reset(&lcore->idle);
			peal_counter_add(&lcore->counters, PEAL_COUNTER_TURNS_BUSY, 1);
		} else {
			uint64_t deadline_at_ns = UINT64_MAX;

			/* Who never sleeps need not know how long. */
			if (lcore->idle.role == PEAL_IDLE_SHARED) {
				deadline_at_ns = find_deadline(lcore);
			}
			rung = peal_idle_step(&lcore->idle, deadline_at_ns, now_ns);
		}
		peal_counter_add(&lcore->counters, PEAL_COUNTER_TURNS, 1);
		next_ns = peal_tsc_now_ns();
		next_ns = next_ns < latest_ns ? latest_ns : next_ns;
		account(&lcore->counters, is_busy, rung, next_ns - now_ns);
		now_ns = next_ns;
	}
	if (lcore->on_leave != NULL) {
		lcore->on_leave(lcore->hook_argument);
	}
	atomic_store_explicit(&lcore->has_ended, true, memory_order_release);
	return 0;
}

uint32_t
peal_lcore_poll(struct peal_lcore *lcore)
{
	uint64_t last_ns = lcore->polled_at_ns, began_ns = peal_tsc_now_ns(), latest_ns, ended_ns;
	enum peal_idle_rung away = PEAL_IDLE_YIELD;
	uint32_t work;

	if (__builtin_expect(lcore->idle.is_armed, 0)) {
		peal_idle_disarm(&lcore->idle);
		peal_doorbell_drain(&lcore->doorbell);
		away = PEAL_IDLE_WAIT;
	}
	began_ns = began_ns < last_ns ? last_ns : began_ns;
	if (last_ns != 0) {
		account(&lcore->counters, false, away, began_ns - last_ns);
	}
	latest_ns = began_ns;
	work = make_round(lcore, &latest_ns);
	if (work > 0) {
		peal_idle_reset(&lcore->idle);
		peal_counter_add(&lcore->counters, PEAL_COUNTER_TURNS_BUSY, 1);
	}
	peal_counter_add(&lcore->counters, PEAL_COUNTER_TURNS, 1);
	ended_ns = peal_tsc_now_ns();
	ended_ns = ended_ns < latest_ns ? latest_ns : ended_ns;
	account(&lcore->counters, work > 0, PEAL_IDLE_PAUSE, ended_ns - began_ns);
	lcore->polled_at_ns = ended_ns;
	return work;
}

uint64_t
peal_lcore_rest(struct peal_lcore *lcore)
{
	uint64_t wait_ns = 0;

	if (lcore->idle.role == PEAL_IDLE_DEDICATED) {
		return 0;
	}
	if (peal_lcore_poll(lcore) > 0 ||
		peal_idle_rest_ns(&lcore->idle, find_deadline(lcore), lcore->polled_at_ns) == 0) {
		return 0;
	}
	/* What came before the declaration is found now; what comes later rings. */
	peal_idle_arm(&lcore->idle);
	if (make_round(lcore, &lcore->polled_at_ns) == 0) {
		wait_ns =
			peal_idle_rest_ns(&lcore->idle, find_deadline(lcore), lcore->polled_at_ns);
	}
	if (wait_ns == 0) {
		peal_idle_disarm(&lcore->idle);
	}
	return wait_ns;
}

bool
peal_lcore_init(struct peal_lcore *lcore, unsigned int lcore_id, enum peal_idle_role role,
	struct peal_sentence *error)
{
	memset(lcore, 0, sizeof(*lcore));
	lcore->doorbell.fd = -1;
	lcore->lcore_id = lcore_id;
	peal_counters_init(&lcore->counters);
	if (!peal_doorbell_open(&lcore->doorbell, error)) {
		return false;
	}
	peal_idle_init(&lcore->idle, role, &lcore->doorbell);
	return true;
}

void
peal_lcore_fini(struct peal_lcore *lcore)
{
	PEAL_ASSERT(!lcore->is_running);
	peal_idle_close(&lcore->idle);
	if (lcore->idle.doorbell != NULL) {
		peal_doorbell_close(&lcore->doorbell);
	}
}

struct peal_bell
peal_lcore_next_bell(struct peal_lcore *lcore)
{
	return (struct peal_bell){.doorbell = &lcore->doorbell, .place = lcore->cores_count};
}

uint32_t
peal_lcore_add(struct peal_lcore *lcore, struct peal_core *core)
{
	PEAL_ASSERT(!lcore->is_running);
	PEAL_ASSERT(lcore->cores_count < PEAL_LCORE_CORES_MAX);
	lcore->cores[lcore->cores_count] = core;
	return lcore->cores_count++;
}

void
peal_lcore_halt(struct peal_lcore *lcore, uint32_t place)
{
	PEAL_ASSERT(place < lcore->cores_count);
	atomic_store_explicit(&lcore->is_halted[place], true, memory_order_relaxed);
}

void
peal_lcore_release(struct peal_lcore *lcore, uint32_t place)
{
	PEAL_ASSERT(place < lcore->cores_count);
	atomic_store_explicit(&lcore->is_halted[place], false, memory_order_release);
}

void
peal_lcore_start(struct peal_lcore *lcore)
{
	int result;

	PEAL_ASSERT(!lcore->is_running);
	atomic_store_explicit(&lcore->is_stopping, false, memory_order_relaxed);
	atomic_store_explicit(&lcore->has_ended, false, memory_order_relaxed);
	lcore->is_running = true;
	result = rte_eal_remote_launch(run, lcore, lcore->lcore_id);
	PEAL_ASSERT(result == 0);
}

void
peal_lcore_stop(struct peal_lcore *lcore)
{
	if (!lcore->is_running) {
		return;
	}
	atomic_store_explicit(&lcore->is_stopping, true, memory_order_relaxed);
	peal_doorbell_ring(&lcore->doorbell);
	(void)rte_eal_wait_lcore(lcore->lcore_id);
	PEAL_ASSERT(atomic_load_explicit(&lcore->has_ended, memory_order_acquire));
	lcore->is_running = false;
}
