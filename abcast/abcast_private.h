/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of the composite share; see abcast.h. Nobody else includes this.
 */
#ifndef PEAL_ABCAST_ABCAST_PRIVATE_H
#define PEAL_ABCAST_ABCAST_PRIVATE_H

#include "abcast/abcast.h"
#include "base/museum.h"

/* No wait counts for more than this part of the time after which a rank is left out. */
#define PEAL_ABCAST_LATE_SHARE 8U

static inline void
peal_abcast_note(struct peal_abcast *abcast, enum peal_counter id)
{
	peal_counter_add(abcast->config.counters, id, 1);
}

static inline bool
peal_abcast_has(uint16_t ranks, uint32_t rank)
{
	return (ranks >> rank & 1U) != 0;
}

/* Who decides in the view. */
static inline struct peal_abcast_quorum
peal_abcast_quorum(const struct peal_abcast *abcast)
{
	struct peal_abcast_quorum quorum = peal_abcast_quorum_of(abcast->counted);

	if (PEAL_BUG(GROW_COUNTS_BEFORE)) {
		quorum.counted = abcast->all;
	}
	if (PEAL_BUG(GROW_OLD_MAJORITY)) {
		quorum.least = (uint8_t)(abcast->config.ranks_count / 2U + 1U);
	}
	return quorum;
}

static inline struct peal_abcast_lane *
peal_abcast_own(struct peal_abcast *abcast)
{
	return &abcast->lanes[abcast->config.rank];
}

static inline struct peal_abcast_keeper
peal_abcast_keeper(const struct peal_abcast *abcast)
{
	return (struct peal_abcast_keeper){abcast->config.user.release, abcast->config.user.state};
}

/* True when the rows of a message are those of the ranks of this view, or of one more: the group
 * may have it, and the message says of whom it is. */
static inline bool
peal_abcast_is_fit(const struct peal_abcast *abcast, const struct peal_order_msg *message)
{
	uint32_t rows_count = message->head.rows_count;

	return rows_count == abcast->ranks_count ||
	       (rows_count == abcast->ranks_count + 1U && message->view.has_value &&
		       rows_count <= peal_order_ranks_limit(abcast->config.ranks_count));
}

/* True while this rank may promise on its own lane. */
static inline bool
peal_abcast_may_promise(const struct peal_abcast *abcast)
{
	return abcast->state == PEAL_ABCAST_RUNNING &&
	       peal_abcast_has(abcast->active, abcast->config.rank) &&
	       (abcast->seals[abcast->config.rank].promised == 0 || PEAL_BUG(ORDER_SEAL_UNWEDGED));
}

/* abcast.c */
void peal_abcast_stop(struct peal_abcast *abcast, enum peal_abcast_fault fault);
/* Runs again no later than this. */
static inline void
peal_abcast_wake(struct peal_abcast *abcast, uint64_t at_ns)
{
	abcast->wake_at_ns = at_ns < abcast->wake_at_ns ? at_ns : abcast->wake_at_ns;
}

/* abcast_emit.c */
void peal_abcast_begin(const struct peal_abcast *abcast, enum peal_order_kind kind,
	struct peal_order_msg *message_out);
void peal_abcast_emit(
	struct peal_abcast *abcast, uint8_t rank, const struct peal_order_msg *message);
void peal_abcast_emit_all(struct peal_abcast *abcast, const struct peal_order_msg *message);
/* Copies of frames, one behind the other, all of which are here. */
struct peal_abcast_copy {
	const struct peal_abcast_lane *lanes; /* those of `view` */
	uint32_t view;
	uint8_t lane;
	uint8_t flags;
	uint8_t rank; /* to whom; ranks_count of the machine: to all */
	uint64_t seq;
	uint32_t count;
	bool is_single; /* each alone, as every path carries it */
};
void peal_abcast_emit_data(
	struct peal_abcast *abcast, const struct peal_abcast_copy *copy, uint64_t now_ns);
void peal_abcast_emit_tick(struct peal_abcast *abcast, uint64_t now_ns);
void peal_abcast_emit_pull(struct peal_abcast *abcast, uint8_t rank, uint8_t lane, uint64_t from,
	uint64_t to, enum peal_order_pull_what what);
void peal_abcast_emit_decided(struct peal_abcast *abcast, uint8_t rank, uint8_t lane);
void peal_abcast_emit_install(struct peal_abcast *abcast, uint8_t rank);
void peal_abcast_emit_place(struct peal_abcast *abcast, uint8_t rank);

/* abcast_on_data.c */
bool peal_abcast_on_data(
	struct peal_abcast *abcast, const struct peal_order_msg *message, uint64_t now_ns);
void peal_abcast_on_tick(
	struct peal_abcast *abcast, const struct peal_order_msg *message, uint64_t now_ns);
void peal_abcast_on_pull(
	struct peal_abcast *abcast, const struct peal_order_msg *message, uint64_t now_ns);
/* Accepts what is held and next, unless the lane is wedged. */
void peal_abcast_accept(struct peal_abcast *abcast, uint8_t rank);
/* Pulls what the lanes are known to lack. */
void peal_abcast_repair(struct peal_abcast *abcast, uint64_t now_ns);

/* abcast_final.c */
/* The owner of a lane spoke. */
static inline void
peal_abcast_come(struct peal_abcast *abcast, uint8_t lane, uint64_t now_ns)
{
	abcast->seals[lane].silent_count = 0;
	peal_abcast_late_come(&abcast->owners_late[lane], abcast->timing.seal_ns,
		abcast->timing.suspect_ns / PEAL_ABCAST_LATE_SHARE, now_ns);
}
void peal_abcast_final(struct peal_abcast *abcast, uint64_t now_ns);
/* Delivers all that was accepted, in order, whoever holds it: the end of a view. */
void peal_abcast_final_all(struct peal_abcast *abcast);

/* abcast_on_seal.c */
void peal_abcast_on_seal(
	struct peal_abcast *abcast, const struct peal_order_msg *message, uint64_t now_ns);
void peal_abcast_run_seals(struct peal_abcast *abcast, uint64_t now_ns);
/* A generation ended so. False: that cannot be, and this rank stopped. */
bool peal_abcast_close(struct peal_abcast *abcast, uint8_t lane, uint16_t generation,
	const struct peal_abcast_end *end);
/* Own frames behind `last` go back to the queue. */
void peal_abcast_take_back(struct peal_abcast *abcast, uint64_t last);

/* abcast_on_view.c */
void peal_abcast_on_view(
	struct peal_abcast *abcast, const struct peal_order_msg *message, uint64_t now_ns);
void peal_abcast_on_install(
	struct peal_abcast *abcast, const struct peal_order_msg *message, uint64_t now_ns);
void peal_abcast_propose_view(struct peal_abcast *abcast, uint64_t now_ns);
/* The cut of a decided view, if that is all that is missing. */
void peal_abcast_settle(struct peal_abcast *abcast, uint64_t now_ns);

/* abcast_next.c */
/* What the next view is to be but for its cuts, when these ranks have promised. */
void peal_abcast_plan(
	const struct peal_abcast *abcast, uint16_t promises, struct peal_abcast_value *next_out);
/* True when a command waits for the next view, and that can do it now. */
bool peal_abcast_has_order(const struct peal_abcast *abcast, uint64_t now_ns);

/* abcast_enter.c */
/* Begins a view on empty lanes. */
void peal_abcast_enter(struct peal_abcast *abcast, uint32_t view,
	const struct peal_abcast_value *value, const struct peal_abcast_news *how, uint64_t now_ns);
/* Begins a view without what was before it. */
void peal_abcast_skip(struct peal_abcast *abcast, uint32_t view,
	const struct peal_abcast_value *value, uint64_t position, uint64_t digest, uint64_t now_ns);

/* Another rank says where it is in this view: goes on there, if this one cannot catch up. */
void peal_abcast_on_place(
	struct peal_abcast *abcast, const struct peal_order_msg *message, uint64_t now_ns);

/* abcast_on_time.c */
/* Another rank asks what time it is, or answers. */
void peal_abcast_on_time(
	struct peal_abcast *abcast, const struct peal_order_msg *message, uint64_t now_ns);
/* Keeps the shared time. */
void peal_abcast_run_time(struct peal_abcast *abcast, uint64_t now_ns);

/* abcast_send.c */
/* Own frames leave, as far as they may. */
void peal_abcast_send_own(struct peal_abcast *abcast, uint64_t now_ns);
/* An own frame was delivered here, so long after it was sent first. */
void peal_abcast_note_round(struct peal_abcast *abcast, uint64_t round_ns);
/* How long after one own body the next one is to be expected, which tells what is here as well; 0 =
 * own bodies are too rare. */
uint64_t peal_abcast_told_within_ns(const struct peal_abcast *abcast, uint64_t now_ns);

/* abcast_run.c */
/* Ranks of which nothing was heard for too long, or that membership suspects. */
uint16_t peal_abcast_silent(const struct peal_abcast *abcast, uint64_t now_ns);
/* How many of the ranks that would act first are alive: their turn comes before this rank's. */
uint32_t peal_abcast_turn(const struct peal_abcast *abcast, uint64_t now_ns);

#endif
