/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Multi-process cut detection with doubtful observers.
 *
 * Input: explicit reports (subject, mask of observers), leaves, join items. Output: which members
 * are stable (S, to be removed), which are unstable (U), and when to propose. S and U are a
 * function of the set of reports, whatever their order: membership/judgement.h has the rule, this
 * file the time.
 *
 * timers:
 * - settle: from the moment S or the additions are not empty and U is empty, for settle_ns (0 when
 *   N <= 2), then the cut is due. A change of S or the additions meanwhile starts it anew, but
 * never beyond twice settle_ns in all. While somebody is reported without being a suspect, and
 * somebody else is to be removed for reports, it lasts the spread of detection: one probe interval
 * and one flood. Failures of one moment are reported within that; who waits has one cut for all of
 * them.
 * - reinforce: a subject in U for T_r is echoed by its observers, and again every T_r.
 * - last resort: after 4 T_r in U the cut is due in spite of U, for the classic path only.
 *
 * Pure, one per node and epoch; plain struct, fields private. No allocation. Thread: control.
 * `now_ns` never goes back. UINT64_MAX means no deadline.
 * paper: RAPID 4.2 (watermarks H and L), 4.2 liveness rules (implicit alerts, reinforcement).
 */
#ifndef PEAL_MEMBERSHIP_CUT_H
#define PEAL_MEMBERSHIP_CUT_H

#include "base/timing.h"
#include "membership/judgement.h"
#include "wire/proposal.h"

struct peal_cut {
	const struct peal_view *view;
	const struct peal_timing *timing;
	struct peal_thresholds thresholds;
	struct peal_evidence evidence; /* explicit reports, and who goes */
	struct peal_bitset leaving;    /* asked to leave */
	struct peal_bitset replaced;   /* old incarnations of joiners */
	uint8_t additions_count;
	struct peal_member additions[PEAL_ADDITIONS_MAX]; /* uuid order */
	struct peal_bitset stable;                        /* S */
	struct peal_bitset unstable;                      /* U */
	struct peal_bitset doubtful;
	struct peal_bitset suspects; /* doubtful, S and U, but who goes: may fail or have failed */
	struct peal_bitset noise;    /* reported by anybody, but no suspects */
	uint8_t effective[PEAL_MEMBERS_MAX];          /* reports that count, [members_count] */
	uint64_t unstable_since_ns[PEAL_MEMBERS_MAX]; /* meaningful for members of U */
	uint64_t echo_at_ns[PEAL_MEMBERS_MAX];        /* next reinforcement of a subject in U */
	uint64_t settle_at_ns;                        /* UINT64_MAX = not running */
	uint64_t complete_at_ns;                      /* since when S or additions, and no U */
	uint64_t changed_at_ns;                       /* last change of S or additions since then */
	bool is_settled;     /* the settle timer has ended, and nothing became unstable since */
	bool is_last_resort; /* the cut became due with U not empty */
};

/* Starts a new epoch. `view`, `topology` and `timing` must outlive the instance. */
void peal_cut_init(struct peal_cut *cut, const struct peal_view *view,
	const struct peal_topology *topology, const struct peal_timing *timing);

/*
 * Explicit reports about the member at `rank` by the observers in `mask`.
 * @param mask  bits below observers_count; others are ignored
 * @return true when a bit was new. Cost: one judgement, or nothing when no bit is new.
 */
bool peal_cut_on_report(struct peal_cut *cut, uint32_t rank, uint32_t mask, uint64_t now_ns);
/* The member at `rank` asked to leave. Returns true when new. */
bool peal_cut_on_leave(struct peal_cut *cut, uint32_t rank, uint64_t now_ns);
/*
 * Joiners of a batch, and members that they replace (ranks in batch->removals).
 * A batch for another parent, or that would replace everybody, changes nothing. At most
 * PEAL_ADDITIONS_MAX in an epoch: an item whose uuid is a member's or in already, or whose address
 * is in already or held by a member that is not replaced, is skipped, and so is one beyond the
 * limit, beyond PEAL_MEMBERS_MAX, or beyond as many as members stay. So the proposal stays valid.
 * Returns true when something was new.
 */
bool peal_cut_on_batch(struct peal_cut *cut, const struct peal_proposal *batch, uint64_t now_ns);

/*
 * True when the settle timer has ended and the cut should be proposed: fast, or by the classic path
 * only when is_last_resort. Stays true until a report makes a subject unstable again (or, as a last
 * resort, nothing is left to propose) or the epoch ends; who has voted does not ask again.
 */
bool peal_cut_is_due(const struct peal_cut *cut, uint64_t now_ns);
/* The canonical value of S and the additions. Asserts that it is not empty: ask is_due or
 * is_complete. */
void peal_cut_get_proposal(const struct peal_cut *cut, struct peal_proposal *proposal_out);
/* True when S or additions exist and U is empty: what a coordinator may choose freely. */
bool peal_cut_is_complete(const struct peal_cut *cut);

/*
 * The tick: runs the timers, and finds subjects that this node observes, has not reported, and must
 * now echo. Adds their ranks to `echo_out` and arms their timers again. Call it at the deadline or
 * later, before asking is_due; does nothing before the deadline.
 */
void peal_cut_take_echoes(
	struct peal_cut *cut, uint32_t self_rank, uint64_t now_ns, struct peal_bitset *echo_out);

/* Reports about `rank` that count towards H now (eff in membership/judgement.h). O(1). */
uint32_t peal_cut_effective(const struct peal_cut *cut, uint32_t rank);

/* When to tick next. After a tick at `now_ns` it is later than now_ns. */
uint64_t peal_cut_deadline_at_ns(const struct peal_cut *cut);
/* Asserts invariants: S and U disjoint, both functions of the reports, additions ordered. */
void peal_cut_check(const struct peal_cut *cut);

#endif
