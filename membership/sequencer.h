/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sequencer's window: joiners that introducers vouch for become one batch an epoch.
 *
 * The window opens with the first item and ends join_quiet after the last one, at most join_window
 * after the first, or at once when a cut cannot take more; not while a cut is being agreed on. When
 * many start at one moment (many items, or many newcomers in the last cut), some of their requests
 * are lost in full queues and come again with the next retry: then the window waits for two
 * retries, five times as long at most, so that a rush costs few views. Then each item is asked
 * whether it is still there (JOIN_PROBE), some at a time, and those that answer are the batch. So
 * nobody is admitted who died since it asked. The same question asks for the metadata, in chunks;
 * who does not bring all of it, as it was announced, is as one who does not answer. No more is
 * gathered at once than one view may have, and no batch makes a view with more. In a small group,
 * and when few ask, those that would observe it must reach it as well (membership/scouts.h); an
 * item that stays out of their reach for as long as it takes to detect a dead observer is told so
 * (UNREACHABLE). An item whose address is held by a member replaces that member in the same cut,
 * unless the old incarnation was heard after the item came. The work of one tick is bounded by the
 * caller's budget of frames.
 *
 * timers: window; hold - join_quiet, when the window ended in vain; probe - asked again after D /
 * 2, given up after D; expiry - 8 T_fwd without an introducer; repeat - of the sent batch at 2 D, 4
 * D ... while the epoch lasts. Pure; plain struct, fields private; thread: control.
 */
#ifndef PEAL_MEMBERSHIP_SEQUENCER_H
#define PEAL_MEMBERSHIP_SEQUENCER_H

#include "base/counters.h"
#include "base/timing.h"
#include "membership/applicants.h"
#include "membership/bodies.h"
#include "membership/luggage.h"
#include "membership/scouts.h"
#include "wire/join_msg.h"
#include "wire/outbox.h"
#include "wire/view.h"

/* Who was not vouched for, or did not ask, for so many times T_fwd is taken to be gone. */
#define PEAL_SEQUENCER_EXPIRY_FORWARDS 8U

/* What each joiner adds to the time between two forwards of one. */
#define PEAL_SEQUENCER_FORWARD_EACH_NS UINT64_C(20000)

struct peal_sequencer_config {
	const struct peal_timing *timing; /* these four outlive the instance */
	const struct peal_view *view;
	struct peal_counters *counters;
	struct peal_applicants *applicants; /* the queues of items are this machine's */
	struct peal_bodies bodies;
	struct peal_uuid self;
	uint16_t members_max; /* no batch goes beyond; 0 = no limit but that of a view */
	uint64_t secret;      /* of this node, for the tokens of probes */
	/* When the member at `rank` was last heard here; 0 = never, or it is no neighbour. */
	uint64_t (*heard_at_ns)(void *state, uint16_t rank);
	void *heard_state;
};

struct peal_sequencer {
	struct peal_sequencer_config config;
	struct peal_bitset replaced; /* members whose address an item has */
	struct peal_scouts scouts;   /* whether observers reach the items, and errands for others */
	uint16_t self_rank;          /* set by the owner with each view */
	uint32_t newcomers_count;    /* members that the last cut added; set by the owner */
	uint64_t first_item_at_ns;
	uint64_t last_item_at_ns;
	uint64_t hold_until_ns; /* the window may not end before */
	bool is_probing;
	uint64_t probing_until_ns;    /* who has not answered by then is not in the batch */
	const struct peal_body *sent; /* the one batch of this epoch, retained; NULL = none yet */
	uint64_t repeat_at_ns;
	uint64_t repeat_ns;
	struct peal_luggage luggage;
	/* Built when a batch is: additions in canonical order. */
	uint16_t order[PEAL_PENDING_JOINS_MAX];
	struct peal_member additions[PEAL_ADDITIONS_MAX];
};

/* `sequencer`: zeroed memory, or an instance that is over (peal_sequencer_end). */
void peal_sequencer_init(
	struct peal_sequencer *sequencer, const struct peal_sequencer_config *config);
/* Empties the window and releases the batch. Entries stay in the table. */
void peal_sequencer_end(struct peal_sequencer *sequencer);

/* An introducer vouches for the entry at `index`: it is an item now. */
void peal_sequencer_add(struct peal_sequencer *sequencer, uint16_t index, uint64_t now_ns);
/* It is none any more. Harmless when it was not. */
void peal_sequencer_drop(struct peal_sequencer *sequencer, uint16_t index);
/* A JOIN_READY from `from`. One that nobody asked for is nothing. */
void peal_sequencer_on_ready(struct peal_sequencer *sequencer, const struct peal_join_ready *ready,
	const struct peal_address *from, uint64_t now_ns);
/* The member at `rank` reached a joiner that it was asked to reach. */
void peal_sequencer_on_reached(struct peal_sequencer *sequencer, uint16_t rank,
	const struct peal_join_probe *answer, uint64_t now_ns);
/* The newest word about the entry at `index`, item or not. What is here of its metadata stays,
 * unless it is other metadata now: then it has to be vouched for anew. */
void peal_sequencer_renew(struct peal_sequencer *sequencer, uint16_t index,
	const struct peal_member *member, const struct peal_metadata_tag *tag);
/* Another member's batch is known: no own one before `until_ns`. */
void peal_sequencer_hold(struct peal_sequencer *sequencer, uint64_t until_ns);
/* The item that no introducer has vouched for lately, or PEAL_APPLICANT_NONE. */
uint16_t peal_sequencer_find_stale(const struct peal_sequencer *sequencer, uint64_t now_ns);

/*
 * @param is_free      no cut is being agreed on and earlier additions are there
 * @param frames_left  frames that may be emitted now; those emitted are subtracted
 * @return the batch, when it left now
 */
const struct peal_body *peal_sequencer_on_tick(struct peal_sequencer *sequencer, bool is_free,
	uint32_t *frames_left, uint64_t now_ns, struct peal_outbox *out);
/* Does not know of budgets: what was left undone for want of frames is in the past. */
uint64_t peal_sequencer_deadline_at_ns(const struct peal_sequencer *sequencer);

#endif
