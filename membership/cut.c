/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * timers: settle - see the header; ends in is_settled. reinforce - one per blamed subject, T_r
 * after it came to be blamed, or after anybody became unstable, and then every T_r. last resort - 4
 * T_r after the oldest subject came to U. Of the last two the earliest is kept, so that nothing is
 * searched while none is due.
 */
#include "membership/cut.h"

#include "membership/nextview.h"

#include <string.h>

#define NEVER_NS UINT64_MAX

/* A subject may stay unstable for so many reinforcements before the cut goes on without it. */
#define LAST_RESORT_ROUNDS 4U

/* The times of subjects in U are moved when the oldest could be so old, and keep what is younger
 * than that: 18 minutes, more than any last resort. */
#define MICROSECOND_NS  UINT64_C(1000)
#define REMEMBERED_US   (UINT64_C(1) << 30)
#define UNSTABLE_US_MAX (UINT64_C(1) << 31)

static uint64_t
earlier_of(uint64_t a_ns, uint64_t b_ns)
{
	return a_ns < b_ns ? a_ns : b_ns;
}

static uint64_t
later_of(uint64_t a_ns, uint64_t b_ns)
{
	return a_ns > b_ns ? a_ns : b_ns;
}

/* Rounded up: a timer never ends early. */
static uint32_t
to_us(const struct peal_cut *cut, uint64_t at_ns)
{
	uint64_t at_us = 0;

	PEAL_ASSERT(at_ns >= cut->began_at_ns);
	at_us = (at_ns - cut->began_at_ns + MICROSECOND_NS - 1U) / MICROSECOND_NS;
	PEAL_ASSERT(at_us <= UINT32_MAX);
	return (uint32_t)at_us;
}

static uint64_t
to_ns(const struct peal_cut *cut, uint32_t at_us)
{
	return cut->began_at_ns + at_us * MICROSECOND_NS;
}

/* Keeps the microseconds of an epoch that lasts within their 32 bits. */
static void
move_beginning(struct peal_cut *cut, uint64_t now_ns)
{
	uint64_t elapsed_us = 0;

	PEAL_ASSERT(now_ns >= cut->began_at_ns);
	elapsed_us = (now_ns - cut->began_at_ns) / MICROSECOND_NS;
	if (elapsed_us <= UNSTABLE_US_MAX) {
		return;
	}

	uint64_t moved_us = elapsed_us - REMEMBERED_US;

	PEAL_BITSET_FOR_EACH (rank, &cut->unstable) {
		/* What is longer ago than is remembered is past all timers either way. */
		cut->unstable_since_us[rank] -=
			(uint32_t)earlier_of(moved_us, cut->unstable_since_us[rank]);
	}
	PEAL_BITSET_FOR_EACH (rank, &cut->blamed) {
		cut->echo_at_us[rank] -= (uint32_t)earlier_of(moved_us, cut->echo_at_us[rank]);
	}
	cut->began_at_ns += moved_us * MICROSECOND_NS;
}

static bool
has_value(const struct peal_cut *cut)
{
	return cut->batch != NULL || !peal_bitset_is_empty(&cut->stable);
}

/* When the cut has settled, if nothing more is heard. */
static uint64_t
settle_at_ns(const struct peal_cut *cut)
{
	/* Of two members one report is all there will be: nothing to wait for. */
	uint64_t settle_ns = cut->view->members_count <= 2 ? 0 : cut->timing->settle_ns;
	/* More may follow; but a trickle must not hold up those who are sure. */
	uint64_t quiet_at_ns =
		earlier_of(cut->changed_at_ns + settle_ns, cut->complete_at_ns + 2U * settle_ns);
	bool is_for_reports = false;

	PEAL_ASSERT(peal_cut_is_complete(cut));
	PEAL_ASSERT(cut->complete_at_ns <= cut->changed_at_ns);

	for (uint32_t i = 0; i < PEAL_BITSET_WORDS; i++) {
		is_for_reports = is_for_reports || (cut->stable.words[i] & ~cut->leaving.words[i] &
							   ~cut->replaced.words[i]) != 0;
	}
	/*
	 * A report about somebody who is neither to go nor unstable may be the first about another
	 * failure of the same moment. Observers probe at times of their own, up to an interval
	 * apart. After a plain crash there is no such report: nobody waits then.
	 */
	if (is_for_reports && !peal_bitset_is_empty(&cut->noise)) {
		uint64_t spread_ns = cut->timing->probe_interval_ns + cut->timing->flood_ns;

		return later_of(quiet_at_ns, cut->complete_at_ns + spread_ns);
	}
	return quiet_at_ns;
}

/* Lets timers end that are due. Called first with each input, so that its effects are in order. */
static void
advance(struct peal_cut *cut, uint64_t now_ns)
{
	if (now_ns >= cut->settle_at_ns) {
		PEAL_ASSERT(peal_bitset_is_empty(&cut->unstable));
		cut->settle_at_ns = NEVER_NS;
		cut->is_settled = true;
	}
	if (now_ns >= cut->last_resort_at_ns) {
		PEAL_ASSERT(!peal_bitset_is_empty(&cut->unstable));
		cut->last_resort_at_ns = NEVER_NS;
		cut->is_last_resort = true;
	}
	PEAL_ASSERT(cut->settle_at_ns > now_ns);
}

/* Starts, stops or moves the settle timer. */
static void
arm_settle(struct peal_cut *cut, bool is_changed, uint64_t now_ns)
{
	/* paper: RAPID 4.2, propose when somebody is stable and nobody is unstable. */
	if (!peal_cut_is_complete(cut)) {
		cut->settle_at_ns = NEVER_NS;
		cut->is_settled = false;
		return;
	}
	if (cut->is_settled) {
		PEAL_ASSERT(cut->settle_at_ns == NEVER_NS);
		return;
	}
	if (cut->settle_at_ns == NEVER_NS) {
		cut->complete_at_ns = now_ns;
		cut->changed_at_ns = now_ns;
	} else if (is_changed) {
		cut->changed_at_ns = now_ns;
	}
	cut->settle_at_ns = later_of(settle_at_ns(cut), now_ns);
}

/* Finds the first timers of the subjects in U. */
static void
arm_unstable(struct peal_cut *cut)
{
	uint64_t last_resort_ns = LAST_RESORT_ROUNDS * cut->timing->reinforce_ns;

	cut->next_echo_at_ns = NEVER_NS;
	cut->last_resort_at_ns = NEVER_NS;
	PEAL_BITSET_FOR_EACH (rank, &cut->blamed) {
		cut->next_echo_at_ns =
			earlier_of(cut->next_echo_at_ns, to_ns(cut, cut->echo_at_us[rank]));
	}
	if (cut->is_last_resort) {
		return;
	}
	PEAL_BITSET_FOR_EACH (rank, &cut->unstable) {
		cut->last_resort_at_ns = earlier_of(cut->last_resort_at_ns,
			to_ns(cut, cut->unstable_since_us[rank]) + last_resort_ns);
	}
}

/*
 * Starts the timers of who is unstable or blamed now. While others become unstable, more is on its
 * way, and who is blamed may change: nobody is reinforced yet.
 */
static void
time_unstable(struct peal_cut *cut, const struct peal_judgement *judgement, uint64_t now_ns)
{
	uint64_t reinforce_ns = cut->timing->reinforce_ns;
	bool has_grown = false;

	PEAL_BITSET_FOR_EACH (rank, &judgement->unstable) {
		if (!peal_bitset_has(&cut->unstable, rank)) {
			cut->unstable_since_us[rank] = to_us(cut, now_ns);
			has_grown = true;
		}
	}
	PEAL_BITSET_FOR_EACH (rank, &judgement->blamed) {
		uint64_t end_ns = to_ns(cut, cut->unstable_since_us[rank]) +
				  (LAST_RESORT_ROUNDS - 1U) * reinforce_ns;
		uint64_t quiet_ns = now_ns + reinforce_ns;

		if (!peal_bitset_has(&cut->blamed, rank)) {
			cut->echo_at_us[rank] = to_us(cut, quiet_ns);
		} else if (has_grown) {
			cut->echo_at_us[rank] = (uint32_t)later_of(
				cut->echo_at_us[rank], to_us(cut, earlier_of(quiet_ns, end_ns)));
		}
	}
}

/* Computes the verdict anew and lets the timers follow it. */
static void
update(struct peal_cut *cut, bool has_new_batch, uint64_t now_ns)
{
	struct peal_judgement judgement;

	PEAL_ASSERT(now_ns < NEVER_NS);

	cut->evidence.leaving = cut->leaving;
	cut->evidence.replaced = cut->replaced;
	peal_judgement_compute(&cut->evidence, &judgement);
	move_beginning(cut, now_ns);
	time_unstable(cut, &judgement, now_ns);
	PEAL_BITSET_FOR_EACH (rank, &cut->evidence.reported) {
		cut->effective[rank] = judgement.effective[rank];
	}

	bool is_changed = has_new_batch || !peal_bitset_equals(&cut->stable, &judgement.stable);

	cut->stable = judgement.stable;
	cut->unstable = judgement.unstable;
	cut->doubtful = judgement.doubtful;
	cut->suspects = judgement.suspects;
	cut->noise = judgement.noise;
	cut->blamed = judgement.blamed;
	if (peal_bitset_is_empty(&cut->unstable)) {
		cut->is_last_resort = false;
	}
	arm_unstable(cut);
	arm_settle(cut, is_changed, now_ns);
#ifdef PEAL_CHECKED
	peal_cut_check(cut);
#endif
}

/* Before an input: what came earlier is judged first, and timers that ended since then end. */
static void
catch_up(struct peal_cut *cut, uint64_t now_ns)
{
	PEAL_ASSERT(cut->view != NULL);

	if (now_ns > cut->unjudged_at_ns) {
		peal_cut_judge(cut);
	}
	advance(cut, now_ns);
}

void
peal_cut_init(struct peal_cut *cut, const struct peal_timing *timing, struct peal_bodies bodies)
{
	PEAL_ASSERT(timing->reinforce_ns > 0);
	PEAL_ASSERT(LAST_RESORT_ROUNDS * timing->reinforce_ns < REMEMBERED_US * MICROSECOND_NS);

	cut->view = NULL;
	cut->timing = timing;
	cut->bodies = bodies;
	cut->batch = NULL;
	PEAL_ASSERT(peal_bitset_is_empty(&cut->evidence.reported));
}

void
peal_cut_stop(struct peal_cut *cut)
{
	if (cut->batch != NULL) {
		cut->bodies.release(cut->bodies.state, cut->batch);
		cut->batch = NULL;
	}
}

void
peal_cut_start(struct peal_cut *cut, const struct peal_view *view,
	const struct peal_topology *topology, uint64_t now_ns)
{
	PEAL_ASSERT(view->members_count >= 1);

	cut->view = view;
	PEAL_BITSET_FOR_EACH (rank, &cut->evidence.reported) {
		cut->effective[rank] = 0;
	}
	peal_judgement_init_evidence(&cut->evidence, view, topology);
	cut->thresholds = cut->evidence.thresholds;
	peal_cut_stop(cut);
	cut->leaving = (struct peal_bitset){0};
	cut->replaced = (struct peal_bitset){0};
	cut->stable = (struct peal_bitset){0};
	cut->unstable = (struct peal_bitset){0};
	cut->doubtful = (struct peal_bitset){0};
	cut->suspects = (struct peal_bitset){0};
	cut->noise = (struct peal_bitset){0};
	cut->blamed = (struct peal_bitset){0};
	cut->began_at_ns = now_ns;
	cut->unjudged_at_ns = NEVER_NS;
	cut->settle_at_ns = NEVER_NS;
	cut->complete_at_ns = 0;
	cut->changed_at_ns = 0;
	cut->next_echo_at_ns = NEVER_NS;
	cut->last_resort_at_ns = NEVER_NS;
	cut->is_settled = false;
	cut->is_last_resort = false;
	PEAL_ASSERT(!peal_cut_is_complete(cut));
}

bool
peal_cut_on_report(struct peal_cut *cut, uint32_t rank, uint32_t mask, uint64_t now_ns)
{
	PEAL_ASSERT(rank < cut->view->members_count);
	PEAL_ASSERT(cut->thresholds.observers_count <= PEAL_RINGS_MAX);

	mask &= (UINT32_C(1) << cut->thresholds.observers_count) - 1U;
	if ((mask & ~cut->evidence.masks[rank]) == 0) {
		return false;
	}

	catch_up(cut, now_ns);
	/* paper: RAPID 4.1, an alert is irrevocable: bits are set and never cleared in an epoch. */
	cut->evidence.masks[rank] |= mask;
	peal_bitset_add(&cut->evidence.reported, rank);
	cut->unjudged_at_ns = now_ns;
	return true;
}

bool
peal_cut_on_leave(struct peal_cut *cut, uint32_t rank, uint64_t now_ns)
{
	PEAL_ASSERT(rank < cut->view->members_count);

	if (peal_bitset_has(&cut->leaving, rank)) {
		return false;
	}

	catch_up(cut, now_ns);
	peal_bitset_add(&cut->leaving, rank);
	cut->unjudged_at_ns = now_ns;
	return true;
}

/* True when a batch may stand in the place of the one that is there. */
static bool
is_better(const struct peal_cut *cut, const struct peal_body *batch)
{
	uint16_t count = batch->proposal.additions_count;

	if (cut->batch == NULL) {
		return true;
	}
	/* Who proposed already cannot take its vote back. */
	if (cut->is_settled || cut->is_last_resort) {
		return false;
	}
	if (count != cut->batch->proposal.additions_count) {
		return count > cut->batch->proposal.additions_count;
	}
	return peal_hash128_compare(batch->digest, cut->batch->digest) < 0;
}

bool
peal_cut_on_batch(struct peal_cut *cut, const struct peal_body *batch, uint64_t now_ns)
{
	const struct peal_proposal *proposal = &batch->proposal;
	uint32_t staying_count = 0;

	PEAL_ASSERT(batch->is_proposal);

	if (proposal->additions_count == 0 ||
		peal_nextview_validate(cut->view, proposal) != PEAL_VALID) {
		return false;
	}
	staying_count = cut->view->members_count - peal_bitset_count(&proposal->removals);
	if (proposal->additions_count > PEAL_GROWTH_MAX(staying_count)) {
		return false;
	}

	catch_up(cut, now_ns);
	if (!is_better(cut, batch)) {
		return false;
	}
	cut->bodies.retain(cut->bodies.state, batch);
	if (cut->batch != NULL) {
		cut->bodies.release(cut->bodies.state, cut->batch);
	}
	cut->batch = batch;
	cut->replaced = proposal->removals;
	cut->unjudged_at_ns = NEVER_NS;
	update(cut, true, now_ns);

	PEAL_ASSERT(has_value(cut));
	return true;
}

void
peal_cut_judge(struct peal_cut *cut)
{
	uint64_t now_ns = cut->unjudged_at_ns;

	if (now_ns == NEVER_NS) {
		return;
	}
	cut->unjudged_at_ns = NEVER_NS;
	update(cut, false, now_ns);
}

bool
peal_cut_is_due(const struct peal_cut *cut, uint64_t now_ns)
{
	if (cut->is_last_resort) {
		PEAL_ASSERT(!peal_bitset_is_empty(&cut->unstable));
		return has_value(cut);
	}
	return cut->is_settled || now_ns >= cut->settle_at_ns;
}

void
peal_cut_get_proposal(const struct peal_cut *cut, struct peal_proposal *proposal_out)
{
	PEAL_ASSERT(has_value(cut));

	*proposal_out = (struct peal_proposal){
		.parent_epoch = cut->view->epoch,
		.parent_hash = cut->view->hash,
		.removals = cut->stable,
	};
	if (cut->batch != NULL) {
		proposal_out->additions_count = cut->batch->proposal.additions_count;
		proposal_out->additions = cut->batch->proposal.additions;
	}
	PEAL_ASSERT(!peal_proposal_is_empty(proposal_out));
}

bool
peal_cut_is_complete(const struct peal_cut *cut)
{
	return has_value(cut) && peal_bitset_is_empty(&cut->unstable);
}

void
peal_cut_take_echoes(
	struct peal_cut *cut, uint32_t self_rank, uint64_t now_ns, struct peal_bitset *echo_out)
{
	PEAL_ASSERT(self_rank < cut->view->members_count);

	peal_cut_judge(cut);
	advance(cut, now_ns);
	if (now_ns < cut->next_echo_at_ns) {
		return;
	}
	move_beginning(cut, now_ns);
	PEAL_BITSET_FOR_EACH (rank, &cut->blamed) {
		if (now_ns < to_ns(cut, cut->echo_at_us[rank])) {
			continue;
		}
		cut->echo_at_us[rank] = to_us(cut, now_ns + cut->timing->reinforce_ns);
		/*
		 * paper: RAPID 4.2, reinforcement: an observer that has not reported joins the
		 * others. A subject that half of its observers can reach and half cannot is not
		 * well, and all must come to the same end with it.
		 */
		if ((peal_rings_mask(cut->evidence.topology, self_rank, rank) &
			    ~cut->evidence.masks[rank]) != 0) {
			PEAL_ASSERT(rank != self_rank);
			peal_bitset_add(echo_out, rank);
		}
	}
	arm_unstable(cut);
}

uint32_t
peal_cut_effective(const struct peal_cut *cut, uint32_t rank)
{
	PEAL_ASSERT(rank < cut->view->members_count);
	PEAL_ASSERT(cut->effective[rank] <= cut->thresholds.observers_count);
	return cut->effective[rank];
}

uint64_t
peal_cut_deadline_at_ns(const struct peal_cut *cut)
{
	uint64_t deadline_at_ns = earlier_of(cut->unjudged_at_ns, cut->settle_at_ns);

	deadline_at_ns = earlier_of(deadline_at_ns, cut->next_echo_at_ns);
	deadline_at_ns = earlier_of(deadline_at_ns, cut->last_resort_at_ns);
	if (cut->is_settled) {
		PEAL_ASSERT(deadline_at_ns == cut->unjudged_at_ns);
	}
	return deadline_at_ns;
}

/* What was judged is still what the reports say. */
static void
check_verdict(const struct peal_cut *cut)
{
	struct peal_judgement judgement;

	peal_judgement_compute(&cut->evidence, &judgement);
	PEAL_ASSERT(peal_bitset_equals(&judgement.stable, &cut->stable));
	PEAL_ASSERT(peal_bitset_equals(&judgement.unstable, &cut->unstable));
	PEAL_ASSERT(peal_bitset_equals(&judgement.doubtful, &cut->doubtful));
	PEAL_ASSERT(peal_bitset_equals(&judgement.suspects, &cut->suspects));
	PEAL_ASSERT(peal_bitset_equals(&judgement.noise, &cut->noise));
	PEAL_ASSERT(peal_judgement_is_sane(&cut->evidence, &judgement));
}

void
peal_cut_check(const struct peal_cut *cut)
{
	bool is_timed = cut->is_settled || cut->settle_at_ns != NEVER_NS;
	bool has_unstable = !peal_bitset_is_empty(&cut->unstable);

	if (cut->unjudged_at_ns == NEVER_NS) {
		check_verdict(cut);
	}
	if (cut->batch != NULL) {
		PEAL_ASSERT(cut->batch->is_proposal);
		PEAL_ASSERT(cut->batch->proposal.parent_epoch == cut->view->epoch);
		PEAL_ASSERT(peal_bitset_equals(&cut->batch->proposal.removals, &cut->replaced));
	}

	/* The settle timer runs or has run exactly while the cut is complete. */
	PEAL_ASSERT(is_timed == peal_cut_is_complete(cut));
	PEAL_ASSERT(!cut->is_settled || cut->settle_at_ns == NEVER_NS);
	PEAL_ASSERT(!cut->is_last_resort || has_unstable);
	PEAL_ASSERT((cut->next_echo_at_ns != NEVER_NS) == !peal_bitset_is_empty(&cut->blamed));
	PEAL_ASSERT((cut->last_resort_at_ns != NEVER_NS) == (has_unstable && !cut->is_last_resort));
}
