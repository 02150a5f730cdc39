/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * timers: settle - see the header; ends in is_settled. reinforce - one per subject in U, T_r after
 * it came there and then every T_r. last resort - 4 T_r after the oldest subject came to U.
 */
#include "membership/cut.h"

#include <string.h>

#define NEVER_NS UINT64_MAX

/* A subject may stay unstable for so many reinforcements before the cut goes on without it. */
#define LAST_RESORT_ROUNDS 4U

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

static bool
has_value(const struct peal_cut *cut)
{
	return cut->additions_count > 0 || !peal_bitset_is_empty(&cut->stable);
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
	 * A report about somebody who is no suspect may be the first about another failure of the
	 * same moment. Observers probe at times of their own, up to an interval apart. After a
	 * plain crash there is no such report: nobody waits then.
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
	for (uint32_t rank = 0; rank < cut->view->members_count; rank++) {
		if (peal_bitset_has(&cut->unstable, rank) &&
			now_ns >= cut->unstable_since_ns[rank] +
					  LAST_RESORT_ROUNDS * cut->timing->reinforce_ns) {
			cut->is_last_resort = true;
		}
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

/* Computes the verdict anew and lets the timers follow it. */
static void
update(struct peal_cut *cut, bool has_additions, uint64_t now_ns)
{
	struct peal_judgement judgement;

	PEAL_ASSERT(now_ns < NEVER_NS);

	cut->evidence.leaving = cut->leaving;
	cut->evidence.replaced = cut->replaced;
	peal_judgement_compute(&cut->evidence, &judgement);
	for (uint32_t rank = 0; rank < cut->view->members_count; rank++) {
		if (peal_bitset_has(&judgement.unstable, rank) &&
			!peal_bitset_has(&cut->unstable, rank)) {
			cut->unstable_since_ns[rank] = now_ns;
			cut->echo_at_ns[rank] = now_ns + cut->timing->reinforce_ns;
		}
	}

	bool is_changed = has_additions || !peal_bitset_equals(&cut->stable, &judgement.stable);

	cut->stable = judgement.stable;
	cut->unstable = judgement.unstable;
	cut->doubtful = judgement.doubtful;
	cut->suspects = judgement.suspects;
	cut->noise = judgement.noise;
	memcpy(cut->effective, judgement.effective, sizeof(cut->effective));
	if (peal_bitset_is_empty(&cut->unstable)) {
		cut->is_last_resort = false;
	}
	arm_settle(cut, is_changed, now_ns);
#ifdef PEAL_CHECKED
	peal_cut_check(cut);
#endif
}

void
peal_cut_init(struct peal_cut *cut, const struct peal_view *view,
	const struct peal_topology *topology, const struct peal_timing *timing)
{
	PEAL_ASSERT(view->members_count >= 1);
	PEAL_ASSERT(timing->reinforce_ns > 0);

	memset(cut, 0, sizeof(*cut));
	cut->view = view;
	cut->timing = timing;
	peal_judgement_init_evidence(&cut->evidence, view, topology);
	cut->thresholds = cut->evidence.thresholds;
	cut->settle_at_ns = NEVER_NS;
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

	advance(cut, now_ns);
	/* paper: RAPID 4.1, an alert is irrevocable: bits are set and never cleared in an epoch. */
	cut->evidence.masks[rank] |= mask;
	update(cut, false, now_ns);
	return true;
}

bool
peal_cut_on_leave(struct peal_cut *cut, uint32_t rank, uint64_t now_ns)
{
	PEAL_ASSERT(rank < cut->view->members_count);

	if (peal_bitset_has(&cut->leaving, rank)) {
		return false;
	}

	advance(cut, now_ns);
	peal_bitset_add(&cut->leaving, rank);
	update(cut, false, now_ns);

	PEAL_ASSERT(!peal_bitset_has(&cut->unstable, rank));
	return true;
}

/* True when a proposal with this joiner would be refused or not fit. */
static bool
is_unwelcome(const struct peal_cut *cut, const struct peal_member *joiner)
{
	uint32_t staying_count = cut->view->members_count - peal_bitset_count(&cut->replaced);
	uint16_t holder = peal_view_find_address(cut->view, &joiner->address);

	PEAL_ASSERT(cut->additions_count <= PEAL_ADDITIONS_MAX);
	PEAL_ASSERT(staying_count <= cut->view->members_count);

	if (cut->additions_count == PEAL_ADDITIONS_MAX ||
		staying_count + cut->additions_count >= PEAL_MEMBERS_MAX) {
		return true;
	}
	/* Those who stay must be able to remove all who come: joiners may be dead on arrival. */
	if (cut->additions_count >= staying_count) {
		return true;
	}
	if (peal_view_find_uuid(cut->view, joiner->uuid) != PEAL_RANK_NONE) {
		return true;
	}
	/* Of those who fall only the replaced are sure to stay in the cut, whatever is reported. */
	if (holder != PEAL_RANK_NONE && !peal_bitset_has(&cut->replaced, holder)) {
		return true;
	}
	for (uint32_t index = 0; index < cut->additions_count; index++) {
		if (peal_uuid_equals(cut->additions[index].uuid, joiner->uuid) ||
			peal_address_equals(&cut->additions[index].address, &joiner->address)) {
			return true;
		}
	}
	return false;
}

/* Puts a joiner at its place in uuid order. */
static void
add_joiner(struct peal_cut *cut, const struct peal_member *joiner)
{
	uint32_t index = cut->additions_count;

	PEAL_ASSERT(cut->additions_count < PEAL_ADDITIONS_MAX);

	for (; index > 0 && peal_uuid_compare(joiner->uuid, cut->additions[index - 1U].uuid) < 0;
		index--) {
		cut->additions[index] = cut->additions[index - 1U];
	}
	cut->additions[index] = *joiner;
	cut->additions_count++;
	PEAL_ASSERT(joiner->mid == 0);
}

bool
peal_cut_on_batch(struct peal_cut *cut, const struct peal_proposal *batch, uint64_t now_ns)
{
	bool has_additions = false;

	PEAL_ASSERT(batch->additions_count <= PEAL_ADDITIONS_MAX);

	if (batch->parent_epoch != cut->view->epoch ||
		!peal_hash128_equals(batch->parent_hash, cut->view->hash) ||
		!peal_bitset_is_within(&batch->removals, cut->view->members_count)) {
		return false;
	}

	struct peal_bitset before = cut->replaced;
	struct peal_bitset replaced = cut->replaced;

	for (uint32_t i = 0; i < PEAL_BITSET_WORDS; i++) {
		replaced.words[i] |= batch->removals.words[i];
	}
	/* This node is a member and lives, so whoever sent this is wrong. */
	if (peal_bitset_count(&replaced) == cut->view->members_count) {
		return false;
	}

	advance(cut, now_ns);
	cut->replaced = replaced;
	for (uint32_t index = 0; index < batch->additions_count; index++) {
		if (!is_unwelcome(cut, &batch->additions[index])) {
			add_joiner(cut, &batch->additions[index]);
			has_additions = true;
		}
	}
	if (!has_additions && peal_bitset_equals(&cut->replaced, &before)) {
		return false;
	}
	update(cut, has_additions, now_ns);

	PEAL_ASSERT(!has_additions || has_value(cut));
	return true;
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
		.additions_count = cut->additions_count,
	};
	for (uint32_t index = 0; index < cut->additions_count; index++) {
		proposal_out->additions[index] = cut->additions[index];
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

	advance(cut, now_ns);
	for (uint32_t rank = 0; rank < cut->view->members_count; rank++) {
		if (!peal_bitset_has(&cut->unstable, rank) || now_ns < cut->echo_at_ns[rank]) {
			continue;
		}
		cut->echo_at_ns[rank] = now_ns + cut->timing->reinforce_ns;
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
	uint64_t deadline_at_ns = cut->settle_at_ns;

	for (uint32_t rank = 0; rank < cut->view->members_count; rank++) {
		if (!peal_bitset_has(&cut->unstable, rank)) {
			continue;
		}
		deadline_at_ns = earlier_of(deadline_at_ns, cut->echo_at_ns[rank]);
		if (!cut->is_last_resort) {
			deadline_at_ns = earlier_of(deadline_at_ns,
				cut->unstable_since_ns[rank] +
					LAST_RESORT_ROUNDS * cut->timing->reinforce_ns);
		}
	}
	if (cut->is_settled) {
		PEAL_ASSERT(deadline_at_ns == NEVER_NS);
	}
	return deadline_at_ns;
}

void
peal_cut_check(const struct peal_cut *cut)
{
	struct peal_judgement judgement;

	peal_judgement_compute(&cut->evidence, &judgement);
	PEAL_ASSERT(peal_bitset_equals(&judgement.stable, &cut->stable));
	PEAL_ASSERT(peal_bitset_equals(&judgement.unstable, &cut->unstable));
	PEAL_ASSERT(peal_bitset_equals(&judgement.doubtful, &cut->doubtful));
	PEAL_ASSERT(peal_bitset_equals(&judgement.suspects, &cut->suspects));
	PEAL_ASSERT(peal_bitset_equals(&judgement.noise, &cut->noise));
	PEAL_ASSERT(peal_judgement_is_sane(&cut->evidence, &judgement));

	PEAL_ASSERT(cut->additions_count <= PEAL_ADDITIONS_MAX);
	for (uint32_t index = 1; index < cut->additions_count; index++) {
		PEAL_ASSERT(peal_uuid_compare(cut->additions[index - 1U].uuid,
				    cut->additions[index].uuid) < 0);
	}

	/* The settle timer runs or has run exactly while the cut is complete. */
	bool is_timed = cut->is_settled || cut->settle_at_ns != NEVER_NS;

	PEAL_ASSERT(is_timed == peal_cut_is_complete(cut));
	PEAL_ASSERT(!cut->is_settled || cut->settle_at_ns == NEVER_NS);
	PEAL_ASSERT(!cut->is_last_resort || !peal_bitset_is_empty(&cut->unstable));
}
