/* SPDX-License-Identifier: BSD-3-Clause */
#include "abcast/abcast_private.h"

#include "base/assert.h"

#define TICK_DOUBLINGS_MAX 7U
/* What is asked and sent again for one message that is blocked. */
#define ASK_DOUBLINGS_MAX 4U
/* While much comes, what is here is told so many times more rarely. */
#define BULK_TICKS 4U
/* Between two answers to one who is behind, and two requests of who is. */
#define OWED_NS UINT64_C(50000)
#define JOIN_NS UINT64_C(1000000)
/* A wish is forgotten when it was not repeated for so many times. */
#define WISH_JOINS 20U
/* Views follow each other no faster than this, unless somebody is gone. */
#define VIEW_PAUSE_NS UINT64_C(2000000)
/* A view change that does not end is tried again; of each rank a little later. */
#define CHANGE_RETRY_NS UINT64_C(2000000)

uint16_t
peal_abcast_silent(const struct peal_abcast *abcast, uint64_t now_ns)
{
	uint16_t ranks = abcast->suspects;

	for (uint32_t i = 0; i < abcast->ranks_count; i++) {
		if (now_ns - abcast->heard_at_ns[i] > abcast->timing.suspect_ns) {
			ranks |= (uint16_t)(1U << i);
		}
	}
	return (uint16_t)(ranks & ~(1U << abcast->config.rank));
}

uint32_t
peal_abcast_turn(const struct peal_abcast *abcast, uint64_t now_ns)
{
	uint16_t before = (uint16_t)((1U << abcast->config.rank) - 1U);
	uint16_t silent = 0;

	/* Who was silent for a while is not waited for, long before it is left out. */
	for (uint32_t i = 0; i < abcast->ranks_count; i++) {
		if (now_ns - abcast->heard_at_ns[i] >
			abcast->timing.seal_ns + abcast->timing.idle_ns) {
			silent |= (uint16_t)(1U << i);
		}
		/* Who wants something of the others does not do it for them. */
		silent |= (uint16_t)(abcast->wishes[i].at_ns != 0 ||
						     peal_abcast_is_given(abcast, (uint8_t)i)
					     ? 1U << i
					     : 0U);
	}
	return peal_abcast_count((uint16_t)(before & abcast->active & ~silent));
}

/* A tick says what others wait for: at once when something changed, more and more rarely while
 * nothing does, and now and then for life. */
static void
run_ticks(struct peal_abcast *abcast, uint64_t now_ns)
{
	const struct peal_abcast_timing *timing = &abcast->timing;
	bool is_lingering = now_ns - abcast->sent_at_ns < timing->linger_ns;
	bool is_waiting = abcast->blocked_seq != 0;
	uint64_t told_ns = peal_abcast_told_within_ns(abcast, now_ns);
	uint64_t pause_ns = timing->idle_ns;

	if (abcast->is_dirty && !abcast->is_asked && !is_lingering && told_ns > 0) {
		pause_ns = told_ns > timing->tick_ns ? told_ns : timing->tick_ns;
	} else if (abcast->taken_count >= PEAL_ORDER_BULK && !abcast->is_asked) {
		pause_ns = timing->tick_ns * BULK_TICKS;
	} else if (abcast->is_dirty || abcast->is_asked || is_lingering) {
		pause_ns = timing->tick_ns;
	} else if (is_waiting) {
		pause_ns = timing->tick_ns << abcast->ticks_count;
	}
	pause_ns = pause_ns < timing->idle_ns ? pause_ns : timing->idle_ns;
	if (now_ns - abcast->told_at_ns >= pause_ns) {
		bool is_news = abcast->is_dirty || abcast->is_asked;

		peal_abcast_emit_tick(abcast, now_ns);
		abcast->ticks_count = (uint8_t)(is_news ? 0
						: abcast->ticks_count < TICK_DOUBLINGS_MAX
							? abcast->ticks_count + 1U
							: TICK_DOUBLINGS_MAX);
		pause_ns = timing->idle_ns;
		if (is_waiting) {
			uint64_t next_ns = timing->tick_ns << abcast->ticks_count;

			pause_ns = next_ns < pause_ns ? next_ns : pause_ns;
		}
	}
	peal_abcast_wake(abcast, abcast->told_at_ns + pause_ns);
}

static uint8_t
next_doubling(uint8_t count)
{
	return count < ASK_DOUBLINGS_MAX ? (uint8_t)(count + 1U) : count;
}

static uint64_t
find_ask_at_ns(const struct peal_abcast *abcast)
{
	/* Who speaks is told with the next body, and so are the others. */
	uint64_t told_ns = 2U * peal_abcast_told_within_ns(abcast, abcast->turn_at_ns);
	uint64_t first_ns = told_ns > abcast->timing.ask_ns ? told_ns : abcast->timing.ask_ns;

	return abcast->asks_count == 0
		       ? abcast->blocked_at_ns + first_ns
		       : abcast->asked_at_ns + (abcast->timing.ask_ns << abcast->asks_count);
}

static uint64_t
find_relay_at_ns(const struct peal_abcast *abcast)
{
	return abcast->relayed_at_ns + (2U * abcast->timing.repair_ns << abcast->relays_count);
}

static void
ask(struct peal_abcast *abcast, uint64_t now_ns)
{
	struct peal_order_msg message;

	peal_abcast_begin(abcast, PEAL_ORDER_ASK, &message);
	message.asked_stamp = abcast->blocked_stamp;
	abcast->asked_at_ns = now_ns;
	abcast->asks_count = next_doubling(abcast->asks_count);
	for (uint8_t i = 0; i < abcast->ranks_count; i++) {
		if (peal_abcast_has(abcast->blocked_on, i) && i != abcast->config.rank) {
			peal_abcast_emit(abcast, i, &message);
		}
	}
}

static void
relay(struct peal_abcast *abcast, uint64_t now_ns)
{
	const struct peal_abcast_lane *lane = &abcast->lanes[abcast->blocked_lane];
	struct peal_abcast_copy copy = {.lanes = abcast->lanes,
		.view = abcast->view,
		.lane = abcast->blocked_lane,
		.flags = PEAL_ORDER_FLAG_AGAIN,
		.seq = abcast->blocked_seq,
		.count = 1};

	abcast->relayed_at_ns = now_ns;
	abcast->relays_count = next_doubling(abcast->relays_count);
	for (uint8_t i = 0; i < abcast->ranks_count; i++) {
		if (i != abcast->config.rank && i != abcast->blocked_lane &&
			lane->acks[i].have < abcast->blocked_seq) {
			peal_abcast_note(abcast, PEAL_COUNTER_ORDER_RELAYED);
			copy.rank = i;
			peal_abcast_emit_data(abcast, &copy, now_ns);
		}
	}
}

/* The first message that cannot be delivered: silent lanes are asked, and what too few store is
 * sent to those who lack it, whoever sent it first. Both more and more rarely: on a machine that is
 * late a question of each 20 us was most of what there was to do. */
static void
run_block(struct peal_abcast *abcast, uint64_t now_ns)
{
	if (abcast->blocked_seq == 0) {
		return;
	}
	if (abcast->blocked_on != 0 && now_ns >= find_ask_at_ns(abcast)) {
		ask(abcast, now_ns);
	}
	if (abcast->is_unheld && now_ns >= find_relay_at_ns(abcast)) {
		relay(abcast, now_ns);
	}
	if (abcast->blocked_on != 0) {
		peal_abcast_wake(abcast, find_ask_at_ns(abcast));
	}
	if (abcast->is_unheld) {
		peal_abcast_wake(abcast, find_relay_at_ns(abcast));
	}
}

/* A rank whose clock is far ahead is not followed at once. But while the others speak, their frames
 * are always earlier, and its own would wait for as long: so it is followed after the time in which
 * it would have been sealed, had it been silent. */
static void
follow(struct peal_abcast *abcast, uint64_t now_ns)
{
	if (!abcast->is_led) {
		return;
	}
	abcast->is_led = false;
	for (uint8_t i = 0; i < abcast->ranks_count; i++) {
		const struct peal_abcast_lane *lane = &abcast->lanes[i];
		const struct peal_abcast_entry *entry;

		if (i == abcast->config.rank || lane->delivered == lane->have) {
			continue;
		}
		entry = peal_abcast_lane_find(lane, lane->delivered + 1U);
		PEAL_ASSERT(entry != NULL);
		if (entry->stamp <= abcast->clock.stamp) {
			continue;
		}
		if (now_ns - entry->held_at_ns < abcast->timing.seal_ns) {
			abcast->is_led = true;
			peal_abcast_wake(abcast, entry->held_at_ns + abcast->timing.seal_ns);
			continue;
		}
		peal_abcast_clock_raise(&abcast->clock, entry->stamp);
		abcast->is_dirty = true;
	}
}

/* What others lack to come forward. */
static void
run_owed(struct peal_abcast *abcast, uint64_t now_ns)
{
	bool is_owing = (abcast->owed_view | abcast->owed_place) != 0;

	for (uint8_t i = 0; i < abcast->ranks_count; i++) {
		is_owing = is_owing || abcast->owed_seals[i] != 0;
	}
	if (!is_owing || now_ns < abcast->owed_at_ns) {
		if (is_owing) {
			peal_abcast_wake(abcast, abcast->owed_at_ns);
		}
		return;
	}
	abcast->owed_at_ns = now_ns + OWED_NS;
	for (uint8_t i = 0; i < abcast->ranks_count; i++) {
		if (peal_abcast_has(abcast->owed_view, i) && abcast->view > 1U) {
			peal_abcast_emit_install(abcast, i);
		}
		if (peal_abcast_has(abcast->owed_place, i)) {
			peal_abcast_emit_place(abcast, i);
		}
		for (uint8_t lane = 0; lane < abcast->ranks_count; lane++) {
			/* What was learnt from a cut says nothing of time: only who runs tells. */
			if (peal_abcast_has(abcast->owed_seals[i], lane) &&
				abcast->state == PEAL_ABCAST_RUNNING &&
				abcast->seals[lane].has_decided) {
				peal_abcast_emit_decided(abcast, i, lane);
			}
		}
		abcast->owed_seals[i] = 0;
	}
	abcast->owed_view = 0;
	abcast->owed_place = 0;
}

/* Who is not where the others are, or may not send, says so. */
static void
run_join(struct peal_abcast *abcast, uint64_t now_ns)
{
	bool is_active = peal_abcast_has(abcast->active, abcast->config.rank);
	struct peal_order_msg message;
	uint16_t awake = (uint16_t)(abcast->all & ~peal_abcast_silent(abcast, now_ns) &
				    ~(1U << abcast->config.rank));

	if (abcast->gone != 0 && (awake & ~abcast->gone) == 0) {
		abcast->is_behind = true;
	}
	if (abcast->state == PEAL_ABCAST_RUNNING && is_active && !abcast->is_behind) {
		return;
	}
	if (now_ns >= abcast->join_at_ns) {
		abcast->join_at_ns = now_ns + JOIN_NS;
		peal_abcast_begin(abcast, PEAL_ORDER_JOIN, &message);
		message.head.flags = abcast->is_behind ? PEAL_ORDER_FLAG_BEHIND : 0;
		peal_abcast_emit_all(abcast, &message);
	}
	peal_abcast_wake(abcast, abcast->join_at_ns);
}

/* True when the next view should be another one than this. */
static bool
wants_change(const struct peal_abcast *abcast, uint64_t now_ns)
{
	bool is_worn = false;

	for (uint32_t i = 0; i < abcast->ranks_count; i++) {
		if (abcast->wishes[i].at_ns != 0 &&
			now_ns - abcast->installed_at_ns > VIEW_PAUSE_NS) {
			return true;
		}
		is_worn = is_worn || abcast->lanes[i].generation >= PEAL_ORDER_GENERATIONS_MAX;
	}
	return is_worn || peal_abcast_has_order(abcast, now_ns) ||
	       (abcast->active & peal_abcast_silent(abcast, now_ns)) != 0;
}

static void
run_change(struct peal_abcast *abcast, uint64_t now_ns)
{
	struct peal_abcast_change *change = &abcast->change;
	uint64_t turn = peal_abcast_turn(abcast, now_ns);

	for (uint32_t i = 0; i < abcast->ranks_count; i++) {
		if (now_ns - abcast->wishes[i].at_ns > WISH_JOINS * JOIN_NS) {
			abcast->wishes[i].at_ns = 0;
		}
	}
	/* What was chosen may need frames that only a rank had which has crashed since: then who is
	 * left chooses again, without them. */
	if (change->phase != PEAL_ABCAST_IDLE &&
		(change->promised > change->ballot || now_ns >= change->give_up_at_ns)) {
		change->phase = PEAL_ABCAST_IDLE;
	}
	if (change->phase != PEAL_ABCAST_IDLE) {
		peal_abcast_propose_view(abcast, now_ns);
	} else if (abcast->state == PEAL_ABCAST_WEDGED) {
		uint64_t due_at_ns = change->promised_at_ns + CHANGE_RETRY_NS * (1U + turn) +
				     peal_prng_below(&abcast->prng, CHANGE_RETRY_NS);

		if (!abcast->has_pending && now_ns >= due_at_ns) {
			peal_abcast_propose_view(abcast, now_ns);
		}
		peal_abcast_wake(abcast, now_ns + CHANGE_RETRY_NS / 4U);
	} else if (wants_change(abcast, now_ns)) {
		if (turn == 0) {
			peal_abcast_propose_view(abcast, now_ns);
		}
		peal_abcast_wake(abcast, now_ns + CHANGE_RETRY_NS / 4U);
	}
}

/* A core that stood still hears nobody: that is not theirs to answer for. */
static void
forgive(struct peal_abcast *abcast, uint64_t now_ns)
{
	if (now_ns - abcast->turn_at_ns > abcast->timing.late_ns + abcast->timing.idle_ns) {
		for (uint32_t i = 0; i < abcast->ranks_count; i++) {
			abcast->heard_at_ns[i] = now_ns;
			abcast->braked_at_ns[i] = now_ns;
			peal_abcast_late_forget(&abcast->answers_late[i]);
			peal_abcast_late_forget(&abcast->owners_late[i]);
		}
		abcast->blocked_at_ns = now_ns;
	}
	abcast->turn_at_ns = now_ns;
}

void
peal_abcast_run(struct peal_abcast *abcast, uint64_t now_ns)
{
	if (abcast->state == PEAL_ABCAST_STOPPED) {
		return;
	}
	abcast->wake_at_ns = now_ns + abcast->timing.idle_ns;
	forgive(abcast, now_ns);
	run_join(abcast, now_ns);
	if (abcast->state == PEAL_ABCAST_OUT) {
		return;
	}
	if (abcast->state == PEAL_ABCAST_WEDGED) {
		peal_abcast_settle(abcast, now_ns);
	}
	if (abcast->state == PEAL_ABCAST_RUNNING) {
		peal_abcast_final(abcast, now_ns);
		peal_abcast_send_own(abcast, now_ns);
		peal_abcast_final(abcast, now_ns);
	}
	if (abcast->state == PEAL_ABCAST_RUNNING) {
		struct peal_abcast_keeper keeper = peal_abcast_keeper(abcast);

		for (uint32_t i = 0; i < abcast->ranks_count; i++) {
			peal_abcast_lane_trim(&abcast->lanes[i], abcast->config.rank,
				abcast->ranks_count, &keeper);
		}
		peal_abcast_repair(abcast, now_ns);
		follow(abcast, now_ns);
		run_block(abcast, now_ns);
		peal_abcast_run_seals(abcast, now_ns);
		run_ticks(abcast, now_ns);
		peal_abcast_run_time(abcast, now_ns);
	}
	if (abcast->state != PEAL_ABCAST_STOPPED) {
		run_change(abcast, now_ns);
		run_owed(abcast, now_ns);
	}
}
