/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Multi-process cut detection with doubtful observers.
 *
 * Input: explicit reports (subject, mask of observers), leaves, a batch of joiners. Output: which
 * members are stable (S, to be removed), which are unstable (U), and when to propose. S and U are a
 * function of the set of reports, whatever their order: membership/judgement.h has the rule, this
 * file the time.
 *
 * Reports and leaves of one moment are judged together, once: by the tick, or before an input of a
 * later moment. Until then S and U, and all that is said of them, are those of the last judgement,
 * and the deadline is now. So thousands of reports that come in one turn cost one judgement.
 *
 * timers:
 * - settle: from the moment S or the additions are not empty and U is empty, for settle_ns (0 when
 *   N <= 2), then the cut is due. A change of S or the additions meanwhile starts it anew, but
 * never beyond twice settle_ns in all. While somebody is reported who is neither in S nor in U, and
 * somebody else is to be removed for reports, it lasts the spread of detection: one probe interval
 * and one flood. Failures of one moment are reported within that; who waits has one cut for all of
 * them.
 * - reinforce: a blamed subject of U is echoed by its observers T_r after it came to be blamed, and
 * again every T_r. While others become unstable it is put off by T_r, but not beyond 3 T_r in U:
 * who is to blame is not settled while reports flow.
 * - last resort: after 4 T_r in U the cut is due in spite of U, for the classic path only.
 *
 * Pure, one per node; plain struct, fields private. No allocation. Thread: control.
 * `now_ns` never goes back. UINT64_MAX means no deadline.
 * paper: RAPID 4.2 (watermarks H and L), 4.2 liveness rules (implicit alerts, reinforcement).
 */
#ifndef PEAL_MEMBERSHIP_CUT_H
#define PEAL_MEMBERSHIP_CUT_H

#include "base/timing.h"
#include "membership/bodies.h"
#include "membership/judgement.h"
#include "wire/proposal.h"

struct peal_cut {
	const struct peal_view *view;
	const struct peal_timing *timing;
	struct peal_thresholds thresholds;
	struct peal_evidence evidence; /* explicit reports, and who goes */
	struct peal_bitset leaving;    /* asked to leave */
	struct peal_bitset replaced;   /* old incarnations of joiners */
	const struct peal_body *batch; /* joiners, retained; NULL = none */
	struct peal_bodies bodies;     /* where the batch is kept */
	struct peal_bitset stable;     /* S */
	struct peal_bitset unstable;   /* U */
	struct peal_bitset doubtful;
	struct peal_bitset suspects; /* doubtful, S and U, but who goes: may fail or have failed */
	struct peal_bitset noise;    /* reported by anybody, but neither in S nor in U */
	struct peal_bitset blamed;   /* of U: whom to reinforce */
	uint8_t effective[PEAL_MEMBERS_MAX]; /* reports that count; of reported members */
	/*
	 * In microseconds since began_at_ns: since when, of members of U, and next reinforcement,
	 * of the blamed. In a long epoch began_at_ns moves, and with it what is kept here.
	 */
	uint32_t unstable_since_us[PEAL_MEMBERS_MAX];
	uint32_t echo_at_us[PEAL_MEMBERS_MAX];
	uint64_t began_at_ns;
	uint64_t unjudged_at_ns;    /* of inputs that are not judged yet; UINT64_MAX = none */
	uint64_t settle_at_ns;      /* UINT64_MAX = not running */
	uint64_t complete_at_ns;    /* since when S or additions, and no U */
	uint64_t changed_at_ns;     /* last change of S or additions since then */
	uint64_t next_echo_at_ns;   /* first reinforcement; UINT64_MAX = none */
	uint64_t last_resort_at_ns; /* UINT64_MAX = not running, or it has ended */
	bool is_settled;            /* the settle timer ended, and nobody is unstable since */
	bool is_last_resort;        /* the cut became due with U not empty */
};

/* Prepares memory that was never used and is zero; an epoch must be started before anything else.
 * `timing` must outlive the instance, and so must the store of `bodies`. */
void peal_cut_init(
	struct peal_cut *cut, const struct peal_timing *timing, struct peal_bodies bodies);

/* Starts a new epoch; releases the batch of the last. `view` and `topology` must outlive the epoch.
 * Costs what the last epoch had reported, not N. */
void peal_cut_start(struct peal_cut *cut, const struct peal_view *view,
	const struct peal_topology *topology, uint64_t now_ns);
/* The epoch is over and no other one follows for now: releases the batch. */
void peal_cut_stop(struct peal_cut *cut);

/*
 * Explicit reports about the member at `rank` by the observers in `mask`.
 * @param mask  bits below observers_count; others are ignored
 * @return true when a bit was new. Cost: one judgement, or nothing when no bit is new.
 */
bool peal_cut_on_report(struct peal_cut *cut, uint32_t rank, uint32_t mask, uint64_t now_ns);
/* The member at `rank` asked to leave. Returns true when new. */
bool peal_cut_on_leave(struct peal_cut *cut, uint32_t rank, uint64_t now_ns);
/*
 * Joiners of a batch, and members that they replace (ranks in the proposal's removals). One batch
 * an epoch: another one takes its place only before the cut is due, and only if it adds more, or as
 * many with a smaller digest; so members that hear several batches come to the same.
 * A batch that is not valid against the view, that adds nobody, or more than PEAL_GROWTH_MAX of
 * those who stay, changes nothing. Retains the body.
 * Returns true when it was taken.
 */
bool peal_cut_on_batch(struct peal_cut *cut, const struct peal_body *batch, uint64_t now_ns);

/*
 * True when the settle timer has ended and the cut should be proposed: fast, or by the classic path
 * only when is_last_resort. Stays true until a report makes a subject unstable again (or, as a last
 * resort, nothing is left to propose) or the epoch ends; who has voted does not ask again.
 */
bool peal_cut_is_due(const struct peal_cut *cut, uint64_t now_ns);
/* The canonical value of S and the additions, which stay the batch's. Asserts that it is not empty:
 * ask is_due or is_complete. No addition has the address of a member that stays: the holder is
 * replaced, and who is replaced is in S. */
void peal_cut_get_proposal(const struct peal_cut *cut, struct peal_proposal *proposal_out);
/* True when S or additions exist and U is empty: what a coordinator may choose freely. */
bool peal_cut_is_complete(const struct peal_cut *cut);

/* Judges what is not judged yet. The tick does it too. */
void peal_cut_judge(struct peal_cut *cut);

/*
 * The tick: judges, runs the timers, and finds subjects that this node observes, has not reported,
 * and must now echo. Adds their ranks to `echo_out` and arms their timers again. Call it at the
 * deadline or later, before asking is_due; does nothing before the deadline.
 */
void peal_cut_take_echoes(
	struct peal_cut *cut, uint32_t self_rank, uint64_t now_ns, struct peal_bitset *echo_out);

/* Reports about `rank` that counted towards H when last judged (eff in membership/judgement.h).
 * O(1). */
uint32_t peal_cut_effective(const struct peal_cut *cut, uint32_t rank);

/* When to tick next. After a tick at `now_ns` it is later than now_ns. */
uint64_t peal_cut_deadline_at_ns(const struct peal_cut *cut);
/* Asserts invariants: S and U disjoint, both functions of the reports, additions ordered. */
void peal_cut_check(const struct peal_cut *cut);

#endif
