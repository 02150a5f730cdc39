/* SPDX-License-Identifier: BSD-3-Clause */
#include "abcast/abcast.h"

#include "abcast/abcast_private.h"
#include "base/assert.h"

#include <string.h>

#define MICROSECOND_NS UINT64_C(1000)

static void
fill_timing(struct peal_abcast_timing *timing)
{
	static const struct peal_abcast_timing defaults = {.tick_ns = 5U * MICROSECOND_NS,
		.idle_ns = 1000U * MICROSECOND_NS,
		.ahead_ns = 2000U * MICROSECOND_NS,
		.gather_ns = 200U * MICROSECOND_NS,
		.repair_ns = 40U * MICROSECOND_NS,
		.ask_ns = 60U * MICROSECOND_NS,
		.seal_ns = 300U * MICROSECOND_NS,
		.suspect_ns = 20000U * MICROSECOND_NS,
		.late_ns = 1000U * MICROSECOND_NS};

	timing->tick_ns = timing->tick_ns != 0 ? timing->tick_ns : defaults.tick_ns;
	timing->idle_ns = timing->idle_ns != 0 ? timing->idle_ns : defaults.idle_ns;
	timing->ahead_ns = timing->ahead_ns != 0 ? timing->ahead_ns : defaults.ahead_ns;
	timing->gather_ns = timing->gather_ns != 0 ? timing->gather_ns : defaults.gather_ns;
	timing->repair_ns = timing->repair_ns != 0 ? timing->repair_ns : defaults.repair_ns;
	timing->ask_ns = timing->ask_ns != 0 ? timing->ask_ns : defaults.ask_ns;
	timing->seal_ns = timing->seal_ns != 0 ? timing->seal_ns : defaults.seal_ns;
	timing->suspect_ns = timing->suspect_ns != 0 ? timing->suspect_ns : defaults.suspect_ns;
	timing->late_ns = timing->late_ns != 0 ? timing->late_ns : defaults.late_ns;
}

void
peal_abcast_init(struct peal_abcast *abcast, const struct peal_abcast_config *config)
{
	PEAL_ASSERT(config->ranks_count % 2U == 1U && config->ranks_count <= PEAL_ORDER_RANKS_MAX);
	PEAL_ASSERT(config->rank < peal_order_ranks_limit(config->ranks_count));
	PEAL_ASSERT(config->member != 0);
	memset(abcast, 0, sizeof(*abcast));
	abcast->config = *config;
	abcast->timing = config->timing;
	fill_timing(&abcast->timing);
	/* Who is given a rank that was opened later is told of the others by its first view. */
	abcast->ranks_count = config->rank < config->ranks_count ? config->ranks_count
								 : (uint8_t)(config->rank + 1U);
	abcast->former_count = abcast->ranks_count;
	abcast->all = (uint16_t)((1U << abcast->ranks_count) - 1U);
	abcast->counted = (uint16_t)((1U << config->ranks_count) - 1U);
	abcast->lanes = abcast->sets[0];
	abcast->former = abcast->sets[1];
	for (uint32_t i = 0; i < PEAL_ORDER_RANKS_MAX; i++) {
		peal_abcast_lane_init(&abcast->sets[0][i]);
		peal_abcast_lane_init(&abcast->sets[1][i]);
	}
	peal_abcast_queue_init(&abcast->queue);
	peal_abcast_sync_init(&abcast->sync);
	abcast->burst = PEAL_ORDER_BURST;
	for (uint32_t i = 0; i < PEAL_ORDER_RANKS_MAX; i++) {
		abcast->rooms[i] = (uint16_t)PEAL_BODY_SIZE_MAX;
	}
	peal_prng_init(&abcast->prng, config->seed);
	abcast->known[config->rank] = config->member;
}

void
peal_abcast_found(
	struct peal_abcast *abcast, const uint64_t members[PEAL_ORDER_RANKS_MAX], uint64_t now_ns)
{
	struct peal_abcast_value value = {.active = abcast->all, .counted = abcast->all};
	struct peal_abcast_news how = {0};

	PEAL_ASSERT(abcast->state == PEAL_ABCAST_OUT);
	PEAL_ASSERT(members[abcast->config.rank] == abcast->config.member);
	for (uint32_t i = 0; i < abcast->ranks_count; i++) {
		value.cuts[i].member = members[i];
	}
	peal_abcast_enter(abcast, 1, &value, &how, now_ns);
}

void
peal_abcast_learn(struct peal_abcast *abcast, uint8_t rank, uint64_t member)
{
	PEAL_ASSERT(rank < PEAL_ORDER_RANKS_MAX);
	abcast->known[rank] = member > abcast->known[rank] ? member : abcast->known[rank];
	if (rank == abcast->config.rank && member > abcast->config.member) {
		peal_abcast_stop(abcast, PEAL_ABCAST_FAULT_REPLACED);
	}
}

void
peal_abcast_assign(struct peal_abcast *abcast, uint8_t rank, uint64_t holder)
{
	PEAL_ASSERT(rank <= abcast->ranks_count);
	PEAL_ASSERT(rank < peal_order_ranks_limit(abcast->config.ranks_count));
	PEAL_ASSERT(peal_order_term(holder) > peal_order_term(abcast->members[rank]));
	abcast->known[rank] = holder > abcast->known[rank] ? holder : abcast->known[rank];
	abcast->wake_at_ns = 0;
}

bool
peal_abcast_is_given(const struct peal_abcast *abcast, uint8_t rank)
{
	PEAL_ASSERT(rank < PEAL_ORDER_RANKS_MAX);
	return peal_order_term(abcast->known[rank]) > peal_order_term(abcast->members[rank]);
}

void
peal_abcast_tell(struct peal_abcast *abcast, uint8_t rank)
{
	PEAL_ASSERT(rank < PEAL_ORDER_RANKS_MAX && rank != abcast->config.rank);
	if (abcast->view > 1U && abcast->state != PEAL_ABCAST_STOPPED) {
		peal_abcast_emit_install(abcast, rank);
	}
}

void
peal_abcast_suspect(struct peal_abcast *abcast, uint8_t rank, bool is_suspected)
{
	uint16_t bit = (uint16_t)(1U << rank);

	PEAL_ASSERT(rank < PEAL_ORDER_RANKS_MAX);
	abcast->suspects =
		(uint16_t)(is_suspected ? abcast->suspects | bit : abcast->suspects & ~bit);
	abcast->wake_at_ns = 0;
}

void
peal_abcast_set_offset(struct peal_abcast *abcast, int64_t offset_ns)
{
	abcast->clock.offset_ns = offset_ns;
}

enum peal_abcast_result
peal_abcast_send(struct peal_abcast *abcast, uint64_t token, const uint8_t *bytes, uint16_t size)
{
	struct peal_abcast_queued queued = {.token = token, .bytes = bytes, .size = size};

	if (abcast->state == PEAL_ABCAST_STOPPED) {
		return PEAL_ABCAST_ENDED;
	}
	if (size == 0 || size > peal_abcast_size_max(abcast)) {
		return PEAL_ABCAST_TOO_BIG;
	}
	if (!peal_abcast_queue_push(&abcast->queue, &queued)) {
		return PEAL_ABCAST_FULL;
	}
	abcast->wake_at_ns = 0;
	return PEAL_ABCAST_OK;
}

static void
release_all(struct peal_abcast *abcast)
{
	struct peal_abcast_keeper keeper = peal_abcast_keeper(abcast);
	struct peal_abcast_queued queued;

	for (uint32_t i = 0; i < abcast->ranks_count; i++) {
		peal_abcast_lane_clear(&abcast->lanes[i], &keeper);
		peal_abcast_lane_clear(&abcast->former[i], &keeper);
	}
	while (peal_abcast_queue_pop(&abcast->queue, &queued)) {
		keeper.release(keeper.state, queued.token);
	}
}

void
peal_abcast_stop(struct peal_abcast *abcast, enum peal_abcast_fault fault)
{
	if (abcast->state == PEAL_ABCAST_STOPPED) {
		return;
	}
	/* References stay until fini: a caller may be in the middle of one. */
	abcast->state = PEAL_ABCAST_STOPPED;
	abcast->fault = fault;
	peal_abcast_note(abcast, PEAL_COUNTER_ORDER_STOPPED);
	abcast->config.user.stopped(abcast->config.user.state, fault);
}

void
peal_abcast_fini(struct peal_abcast *abcast)
{
	release_all(abcast);
	abcast->state = PEAL_ABCAST_STOPPED;
}

/* A wish to be let in, brought forward, or to begin again. */
static void
on_join(struct peal_abcast *abcast, const struct peal_order_msg *message, uint64_t member,
	uint64_t now_ns)
{
	uint8_t rank = message->head.rank;
	bool is_behind = (message->head.flags & PEAL_ORDER_FLAG_BEHIND) != 0;
	bool is_passive = !peal_abcast_has(abcast->active, rank);

	if (member == abcast->members[rank] && message->head.view < abcast->view) {
		abcast->owed_view |= (uint16_t)(1U << rank);
	} else if (message->head.view == abcast->view && is_behind) {
		abcast->owed_place |= (uint16_t)(1U << rank);
	} else if (member > abcast->members[rank] ||
		   (message->head.view == abcast->view && is_passive)) {
		abcast->wishes[rank] = (struct peal_abcast_wish){.member = member, .at_ns = now_ns};
	}
}

/* A frame of another view. */
static void
on_other_view(struct peal_abcast *abcast, const struct peal_order_msg *message, uint64_t now_ns)
{
	const struct peal_order_head *head = &message->head;

	peal_abcast_note(abcast, PEAL_COUNTER_ORDER_OTHER_VIEW);
	if (head->view + 1U == abcast->view && message->kind == PEAL_ORDER_PULL) {
		peal_abcast_on_pull(abcast, message, now_ns);
	} else if (head->view < abcast->view) {
		abcast->owed_view |= (uint16_t)(1U << head->rank);
	} else if (now_ns >= abcast->join_at_ns) {
		struct peal_order_msg question;

		/* It is ahead: it knows how that view began. */
		abcast->join_at_ns = now_ns + abcast->timing.repair_ns;
		peal_abcast_begin(abcast, PEAL_ORDER_JOIN, &question);
		peal_abcast_emit(abcast, head->rank, &question);
	}
}

static bool
is_seal(uint8_t kind)
{
	return kind >= PEAL_ORDER_SEAL_PREPARE && kind <= PEAL_ORDER_SEAL_DECIDED;
}

/* A frame of this view, from a member of it. */
static bool
on_own_view(struct peal_abcast *abcast, const struct peal_order_msg *message, uint64_t now_ns)
{
	bool is_running = abcast->state == PEAL_ABCAST_RUNNING;

	if (message->head.rows_count != abcast->ranks_count &&
		(message->kind == PEAL_ORDER_DATA || message->kind == PEAL_ORDER_TICK)) {
		peal_abcast_note(abcast, PEAL_COUNTER_ORDER_REFUSED_ACK);
		return false;
	}
	if (message->kind == PEAL_ORDER_DATA) {
		return peal_abcast_on_data(abcast, message, now_ns);
	}
	if (message->kind == PEAL_ORDER_PULL) {
		peal_abcast_on_pull(abcast, message, now_ns);
	} else if (is_seal(message->kind)) {
		if (is_running || PEAL_BUG(ORDER_SEAL_IN_A_CHANGE)) {
			peal_abcast_on_seal(abcast, message, now_ns);
		}
	} else if (message->kind == PEAL_ORDER_TICK) {
		if (is_running) {
			peal_abcast_on_tick(abcast, message, now_ns);
		}
	} else if (peal_order_is_time(message)) {
		peal_abcast_on_time(abcast, message, now_ns);
	} else if (message->kind == PEAL_ORDER_ASK) {
		/* Its clock may be wrong: it is followed no further than a frame would be. */
		(void)peal_abcast_clock_hear(&abcast->clock, message->asked_stamp, now_ns);
		abcast->is_asked = true;
	} else if (message->kind == PEAL_ORDER_VIEW_PLACE) {
		peal_abcast_on_place(abcast, message, now_ns);
	} else {
		peal_abcast_on_view(abcast, message, now_ns);
	}
	return false;
}

/* Who is in no view asks everybody, and has no other evidence of who holds the ranks now than the
 * view that it is told of. So it is with who missed views: those that are there may be others. */
static bool
is_named(const struct peal_abcast *abcast, const struct peal_order_msg *message, uint64_t member)
{
	return message->kind == PEAL_ORDER_VIEW_INSTALL &&
	       (abcast->state == PEAL_ABCAST_OUT || message->head.view > abcast->view) &&
	       message->head.rank < message->head.rows_count &&
	       peal_order_member(message->view.cuts[message->head.rank].member) ==
		       peal_order_member(member);
}

/* Whether a frame of this group may come from who sent it. */
static bool
is_refused(struct peal_abcast *abcast, const struct peal_order_msg *message, uint64_t member)
{
	const struct peal_order_head *head = &message->head;

	if (head->group != abcast->config.group) {
		peal_abcast_note(abcast, PEAL_COUNTER_ORDER_REFUSED_GROUP);
		return true;
	}
	if (head->configuration != abcast->config.configuration) {
		peal_abcast_note(abcast, PEAL_COUNTER_ORDER_REFUSED_CONFIGURATION);
		return true;
	}
	if (head->rank == abcast->config.rank || member == 0 ||
		(member != abcast->known[head->rank] && member != abcast->members[head->rank] &&
			!is_named(abcast, message, member))) {
		peal_abcast_note(abcast, PEAL_COUNTER_ORDER_REFUSED_RANK);
		return true;
	}
	return false;
}

/* The latest of all times that a message says. */
static uint64_t
find_latest(const struct peal_order_msg *message)
{
	uint64_t latest = message->head.sent_at_ns;
	uint64_t said = 0;

	if (message->kind == PEAL_ORDER_DATA) {
		struct peal_order_data data = message->data;

		while (peal_order_data_step(&data)) {
			/* Stamps rise in a body. */
		}
		said = data.stamp;
	} else if (message->kind == PEAL_ORDER_TICK) {
		said = message->tick.promise;
	} else if (message->kind == PEAL_ORDER_ASK && !peal_order_is_time(message)) {
		said = message->asked_stamp;
	} else if (is_seal(message->kind)) {
		said = message->seal.until;
	} else if (message->kind == PEAL_ORDER_VIEW_PLACE) {
		for (uint32_t i = 0; i < message->head.rows_count; i++) {
			uint64_t until = message->view.cuts[i].until;

			said = until > said ? until : said;
		}
	}
	return said > latest ? said : latest;
}

/* Stamps of this rank are above all that it hears: what it takes must leave room for them. Its own
 * clock counts, which no other moves: so many steps do not lead further than one. */
static bool
is_future(struct peal_abcast *abcast, const struct peal_order_msg *message, uint64_t now_ns)
{
	uint64_t own_ns = peal_abcast_clock_own(&abcast->clock, now_ns);

	if (find_latest(message) <= own_ns + PEAL_ORDER_AHEAD_NS_MAX) {
		return false;
	}
	peal_abcast_note(abcast, PEAL_COUNTER_ORDER_REFUSED_FUTURE);
	return true;
}

bool
peal_abcast_on_frame(
	struct peal_abcast *abcast, const struct peal_abcast_frame *frame, uint64_t now_ns)
{
	struct peal_order_msg message;

	if (abcast->state == PEAL_ABCAST_STOPPED) {
		return false;
	}
	if (!peal_order_msg_decode(frame->kind, frame->body, frame->body_size, &message)) {
		peal_abcast_note(abcast, PEAL_COUNTER_REFUSED_BODY);
		return false;
	}
	if (is_refused(abcast, &message, frame->member) || is_future(abcast, &message, now_ns)) {
		return false;
	}
	peal_abcast_note(abcast, PEAL_COUNTER_ORDER_FRAMES_HEARD);
	abcast->wake_at_ns = 0;
	if (message.kind == PEAL_ORDER_VIEW_INSTALL) {
		peal_abcast_on_install(abcast, &message, now_ns);
		return false;
	}
	if (abcast->state == PEAL_ABCAST_OUT) {
		if (PEAL_BUG(ORDER_ANY_LIFE) && message.kind == PEAL_ORDER_VIEW_PREPARE) {
			abcast->view = message.head.view;
			peal_abcast_on_view(abcast, &message, now_ns);
			abcast->view = 0;
		}
		return false;
	}
	if (message.kind == PEAL_ORDER_JOIN) {
		if (frame->member == abcast->members[message.head.rank]) {
			abcast->heard_at_ns[message.head.rank] = now_ns;
		}
		on_join(abcast, &message, frame->member, now_ns);
		return false;
	}
	if (frame->member != abcast->members[message.head.rank] && !PEAL_BUG(ORDER_ANY_LIFE)) {
		/* A rank that restarted forgot what it promised in this view. */
		peal_abcast_note(abcast, PEAL_COUNTER_ORDER_REFUSED_LIFE);
		return false;
	}
	abcast->heard_at_ns[message.head.rank] = now_ns;
	if (message.head.view != abcast->view) {
		on_other_view(abcast, &message, now_ns);
		return false;
	}
	return on_own_view(abcast, &message, now_ns);
}

uint64_t
peal_abcast_deadline_at_ns(const struct peal_abcast *abcast)
{
	return abcast->state == PEAL_ABCAST_STOPPED ? UINT64_MAX : abcast->wake_at_ns;
}
