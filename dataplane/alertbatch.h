/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is reported about the members of this view: one mask of observers per subject, own and
 * heard.
 *
 * A report is irrevocable in its epoch, so the state only grows, in any order, and two members
 * agree when their masks are equal. Control hears each growth once (ALERT records); if the ring is
 * full the subject stays marked and is tried again every turn, so nothing is lost.
 *
 * In a small view own reports go to everybody. In a large one they go to the members that this node
 * observes, and so does what it hears: flooded by content. Only what adds a bit is passed on
 * ("news"), with all that is known about its subject, and not to the peer from which all of it
 * came. Entries of the reporter itself are checked against the edges that it observes; those passed
 * on carry the flag MERGED and were checked by whoever heard them first.
 *
 * Timers:
 *   flush   own new reports and news leave together, a merge window after the first of them, or as
 * soon as they fill a frame; never later, so that a trickle does not hold them back. repeat  all
 * own reports leave again at 2 D, 4 D, 8 D ... (capped) after the last flush, as long as the epoch
 * lasts: an alert may be lost, a report must not be.
 *
 * Repair: liveness frames carry a digest of the masks. When that of a peer of the same epoch
 * differs twice in a row, it is sent all masks that are known here, at most once per probe
 * interval. So reports spread over the observer graph even if every flood were lost.
 *
 * Nothing passes over all members: what is walked is what is reported.
 * Plain struct, fields private, one core.
 * paper: RAPID 4.2, irrevocable alerts; 8, their broadcast. Window, repeats and repair are Peal's.
 */
#ifndef PEAL_DATAPLANE_ALERTBATCH_H
#define PEAL_DATAPLANE_ALERTBATCH_H

#include "base/bitset.h"
#include "base/counters.h"
#include "base/timing.h"
#include "dataplane/egress.h"
#include "dataplane/ingress.h"
#include "dataplane/peers.h"
#include "dataplane/plane.h"
#include "dataplane/uplink.h"

/* A report of this node. */
struct peal_alertbatch_own {
	uint16_t rank;
	uint8_t reason;
	bool is_fresh; /* waits in the window */
	uint32_t mask;
};

struct peal_alertbatch {
	const struct peal_timing *timing;
	struct peal_egress *egress;
	struct peal_uplink *uplink;
	struct peal_counters *counters;
	const struct peal_peers *peers;
	uint64_t next_at_ns;   /* 0 = control must be told something, UINT64_MAX = nothing to do */
	uint64_t flush_at_ns;  /* UINT64_MAX = no window open */
	uint64_t repeat_at_ns; /* UINT64_MAX = nothing to repeat */
	uint64_t repeat_ns;
	uint32_t digest;
	uint32_t origin_seq; /* of own alerts */
	uint16_t own_count;
	uint16_t fresh_count; /* own reports in the window */
	uint16_t news_count;
	uint16_t untold_count;
	uint16_t news_slot; /* where all news came from; PEAL_PEERS_NONE: from several peers */
	struct peal_bitset reported; /* subjects of which anything is known */
	struct peal_bitset news;     /* subjects about whom something is to be passed on */
	struct peal_bitset untold;   /* subjects that control must be told about */
	struct peal_alertbatch_own own[PEAL_SLOTS_MAX]; /* by rank, [own_count] */
	uint32_t masks[PEAL_MEMBERS_MAX]; /* all that is known, by rank; of reported members only */
	uint8_t reasons[PEAL_MEMBERS_MAX];        /* of the last growth; the same */
	uint8_t differ_counts[PEAL_SLOTS_MAX];    /* differing digests in a row */
	uint64_t exchanged_at_ns[PEAL_SLOTS_MAX]; /* 0 = never in this epoch */
};

/* `egress`, `uplink`, `counters` and `timing` outlive the machine. */
void peal_alertbatch_init(struct peal_alertbatch *alertbatch, const struct peal_timing *timing,
	struct peal_egress *egress, struct peal_uplink *uplink, struct peal_counters *counters);

/* Starts the epoch of `peers` with no reports at all; keeps everything in another table of the same
 * view. */
void peal_alertbatch_switch(struct peal_alertbatch *alertbatch, const struct peal_peers *peers);

/*
 * This node reports the member at `rank`, with every ring on which it observes it. Nothing happens
 * if it observes it on none, or has reported it already. O(K), and O(own reports).
 */
void peal_alertbatch_report(
	struct peal_alertbatch *alertbatch, uint16_t rank, uint8_t reason, uint64_t now_ns);

/*
 * Control wants the member at `rank` of the view of `epoch` reported, with reason ECHO. One that
 * means another view is stale: counted, dropped.
 */
void peal_alertbatch_on_report(
	struct peal_alertbatch *alertbatch, const struct peal_record *record, uint64_t now_ns);

/*
 * An ALERT of a member of this epoch. Counted as REFUSED_BODY when malformed or of another view. An
 * entry about nobody, with rings that do not exist, or, without the flag MERGED, of an edge that
 * the sender does not observe, is refused alone (ALERT_ENTRIES_REFUSED).
 */
void peal_alertbatch_on_alert(
	struct peal_alertbatch *alertbatch, const struct peal_opened *opened, uint64_t now_ns);

/* Private: the digests differ. */
void peal_alertbatch_differ(struct peal_alertbatch *alertbatch, uint16_t slot, uint64_t now_ns);

/* A peer of this epoch says what its digest is. Two loads when the digests agree. */
static inline void
peal_alertbatch_on_digest(
	struct peal_alertbatch *alertbatch, uint16_t slot, uint32_t digest, uint64_t now_ns)
{
	if (__builtin_expect(digest != alertbatch->digest, 0)) {
		peal_alertbatch_differ(alertbatch, slot, now_ns);
	} else if (__builtin_expect(alertbatch->differ_counts[slot] != 0, 0)) {
		alertbatch->differ_counts[slot] = 0;
	}
}

/* What liveness frames carry: equal for equal masks, whatever their order. 0 without reports. */
static inline uint32_t
peal_alertbatch_digest(const struct peal_alertbatch *alertbatch)
{
	return alertbatch->digest;
}

/* Private: something is due. */
void peal_alertbatch_run_due(struct peal_alertbatch *alertbatch, uint64_t now_ns);

/* Once a turn: flushes, repeats, tells control. Returns 1 when something was due. */
static inline uint32_t
peal_alertbatch_run(struct peal_alertbatch *alertbatch, uint64_t now_ns)
{
	if (__builtin_expect(now_ns < alertbatch->next_at_ns, 1)) {
		return 0;
	}
	peal_alertbatch_run_due(alertbatch, now_ns);
	return 1;
}

static inline uint64_t
peal_alertbatch_deadline_at_ns(const struct peal_alertbatch *alertbatch)
{
	return alertbatch->next_at_ns;
}

#endif
