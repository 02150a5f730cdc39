/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/consensus.h"

#include "base/museum.h"
#include "control/ballots.h"
#include "control/consensus_private.h"
#include "control/validity.h"
#include "membership/nextview.h"

#include <string.h>

#define NEVER UINT64_MAX

const struct peal_bitset *
peal_consensus_own_removals(const struct peal_consensus *consensus)
{
	static const struct peal_bitset nobody = {{0}};
	const struct peal_body *own;

	if (!consensus->coordinator.has_own) {
		return &nobody;
	}
	own = peal_consensus_find_value(consensus, consensus->coordinator.own_digest);
	PEAL_ASSERT(own != NULL);
	return own != NULL ? &own->proposal.removals : &nobody;
}

struct peal_bitset
peal_consensus_only(uint16_t rank)
{
	struct peal_bitset only = {{0}};

	peal_bitset_add(&only, rank);
	return only;
}

/* Messages. */

void
peal_consensus_send_accepted(const struct peal_consensus *consensus, struct peal_outbox *out)
{
	PEAL_ASSERT(!consensus->is_decided);
	peal_ballots_send_accepted(
		&consensus->acceptor, &consensus->values, consensus->config.is_large, out);
	if (consensus->acceptor.vrnd.round == 1) {
		peal_counter_add(consensus->config.counters, PEAL_COUNTER_VOTES_SENT, 1);
	}
}

void
peal_consensus_send_promise(const struct peal_consensus *consensus, struct peal_outbox *out)
{
	PEAL_ASSERT(!consensus->is_decided);
	peal_ballots_send_promise(
		&consensus->acceptor, &consensus->values, consensus->config.is_large, out);
}

/* Time. */

void
peal_consensus_arm(struct peal_consensus *consensus, uint64_t now_ns)
{
	if (consensus->values.count > 0) {
		peal_fallback_arm(&consensus->fallback, now_ns);
	}
}

static uint32_t
find_slot(const struct peal_consensus *consensus)
{
	return peal_fallback_find_slot(consensus->config.view, consensus->config.topology,
		peal_consensus_own_removals(consensus), consensus->config.self_rank);
}

void
peal_consensus_restart_repeat(struct peal_consensus *consensus, uint64_t now_ns)
{
	consensus->repeat_ns = 2U * consensus->config.timing->flood_ns;
	consensus->repeat_at_ns = now_ns + consensus->repeat_ns;
}

/* Decision. */

void
peal_consensus_decide(struct peal_consensus *consensus, struct peal_ballot ballot,
	struct peal_hash128 digest, enum peal_counter counter)
{
	PEAL_ASSERT(!consensus->is_decided);
	PEAL_ASSERT(peal_consensus_find_value(consensus, digest) != NULL);
	consensus->is_decided = true;
	consensus->decided_ballot = ballot;
	consensus->decided_digest = digest;
	consensus->is_pending = false;
	consensus->is_told = false;
	consensus->is_asked = false;
	consensus->wants_count = 0;
	consensus->repeat_at_ns = NEVER;
	peal_fallback_stop(&consensus->fallback);
	peal_coordinator_stop(&consensus->coordinator);
	peal_counter_add(consensus->config.counters, counter, 1);
}

/* A quorum was counted here, or a DECIDE said so: in that order, since what was counted is certain.
 */
void
peal_consensus_learn(struct peal_consensus *consensus, const struct peal_body *body, bool must)
{
	bool is_pending = consensus->is_pending &&
			  peal_hash128_equals(consensus->pending_digest, body->digest);
	bool is_told =
		consensus->is_told && peal_hash128_equals(consensus->told_digest, body->digest);

	PEAL_ASSERT(!consensus->is_decided);
	peal_consensus_remember(consensus, body, must || is_pending || is_told);
	if (is_pending) {
		peal_consensus_decide(consensus, consensus->pending_ballot, body->digest,
			consensus->pending_ballot.round == 1 ? PEAL_COUNTER_DECISIONS_FAST
							     : PEAL_COUNTER_DECISIONS_CLASSIC);
	} else if (is_told) {
		PEAL_ASSERT(!consensus->is_pending);
		peal_consensus_decide(consensus, consensus->told_ballot, body->digest,
			PEAL_COUNTER_DECISIONS_LEARNED);
	}
}

void
peal_consensus_count(struct peal_consensus *consensus, const struct peal_bitset *ranks,
	struct peal_ballot ballot, struct peal_hash128 digest, const struct peal_body *body)
{
	PEAL_ASSERT(!consensus->is_decided);
	if (peal_learner_on_accepted(&consensus->learner, ranks, ballot, digest)) {
		if (consensus->is_pending) {
			PEAL_ASSERT(peal_hash128_equals(consensus->pending_digest, digest));
		}
		consensus->is_pending = true;
		consensus->pending_ballot = ballot;
		consensus->pending_digest = digest;
	}
	if (body == NULL) {
		body = peal_consensus_find_value(consensus, digest);
	}
	if (body != NULL) {
		peal_consensus_learn(consensus, body, false);
	}
}

/* This node accepted `digest` at `ballot`. */
void
peal_consensus_count_own(
	struct peal_consensus *consensus, struct peal_ballot ballot, struct peal_hash128 digest)
{
	struct peal_bitset self = peal_consensus_only(consensus->config.self_rank);

	PEAL_ASSERT(peal_hash128_equals(consensus->acceptor.vdigest, digest));
	peal_consensus_count(consensus, &self, ballot, digest, NULL);
}

/* Inputs. */

void
peal_consensus_init(struct peal_consensus *consensus, const struct peal_consensus_config *config,
	uint64_t now_ns)
{
	PEAL_ASSERT(config->view != NULL && config->topology != NULL);
	PEAL_ASSERT(config->timing != NULL && config->counters != NULL);
	PEAL_ASSERT(config->topology->members_count == config->view->members_count);
	PEAL_ASSERT(now_ns < NEVER);
	peal_values_clear(&consensus->values);
	consensus->config = *config;
	consensus->quorum = peal_quorum_of(config->view);
	consensus->is_pending = false;
	consensus->is_told = false;
	consensus->is_asked = false;
	consensus->wants_count = 0;
	consensus->has_refused = false;
	consensus->is_decided = false;
	consensus->repeat_at_ns = NEVER;
	consensus->repeat_ns = 0;
	peal_values_init(&consensus->values, config->bodies);
	peal_acceptor_init(&consensus->acceptor);
	peal_learner_init(&consensus->learner, consensus->quorum);
	peal_coordinator_init(&consensus->coordinator, consensus->quorum, config->self_rank);
	peal_fallback_init(&consensus->fallback, config->timing, find_slot(consensus));
	peal_consensus_check(consensus);
}

/* This node's own value is new; its body is here. */
static void
take_own(struct peal_consensus *consensus, const struct peal_body *body, bool fast, uint64_t now_ns,
	struct peal_outbox *out)
{
	peal_consensus_learn(consensus, body, true);
	if (consensus->is_decided) {
		return;
	}
	peal_coordinator_set_own(&consensus->coordinator, body->digest, fast);
	peal_fallback_set_slot(&consensus->fallback, find_slot(consensus));
	peal_consensus_arm(consensus, now_ns);
	if (!fast && consensus->acceptor.promised.round == 0) {
		peal_fallback_hasten(&consensus->fallback, now_ns);
	}
	if (fast && peal_acceptor_vote(&consensus->acceptor, body->digest)) {
		peal_consensus_count_own(consensus, PEAL_BALLOT_FAST, body->digest);
		if (!consensus->is_decided) {
			peal_consensus_send_accepted(consensus, out);
			peal_consensus_restart_repeat(consensus, now_ns);
		}
	}
	if (!consensus->is_decided) {
		peal_consensus_go_on(consensus, now_ns, out);
	}
}

bool
peal_consensus_propose(struct peal_consensus *consensus, const struct peal_proposal *value,
	bool fast, uint64_t now_ns, struct peal_outbox *out)
{
	uint32_t effects_count = out->count;
	const struct peal_body *body;
	struct peal_hash128 digest;

	if (consensus->is_decided) {
		return true;
	}
	PEAL_ASSERT(peal_nextview_validate(consensus->config.view, value) == PEAL_VALID);
	if (!peal_validity_is_held(consensus->config.view, consensus->config.willing, value)) {
		peal_counter_add(consensus->config.counters, PEAL_COUNTER_PROPOSALS_REFUSED, 1);
		return true;
	}

	digest = peal_proposal_digest(value);
	if (consensus->coordinator.has_own && consensus->coordinator.own_complete == fast &&
		peal_hash128_equals(consensus->coordinator.own_digest, digest)) {
		return true;
	}
	body = peal_consensus_keep(consensus, digest, value);
	if (body == NULL) {
		return false;
	}

	take_own(consensus, body, fast, now_ns, out);
	peal_consensus_release(consensus, body);
	peal_consensus_settle(consensus, now_ns, out);

	PEAL_ASSERT(out->count - effects_count <= PEAL_CONSENSUS_EFFECTS_MAX);
	peal_consensus_check(consensus);
	return true;
}

bool
peal_consensus_vote_to_leave(
	struct peal_consensus *consensus, uint64_t now_ns, struct peal_hash128 *digest_out)
{
	const struct peal_acceptor *acceptor = &consensus->acceptor;
	const struct peal_body *body;
	struct peal_proposal value;
	struct peal_hash128 digest;

	peal_consensus_build_leave(consensus, consensus->config.self_rank, &value);
	if (consensus->is_decided ||
		peal_nextview_validate(consensus->config.view, &value) != PEAL_VALID) {
		return false;
	}
	digest = peal_proposal_digest(&value);
	if (acceptor->vrnd.round == 1 && peal_hash128_equals(acceptor->vdigest, digest)) {
		*digest_out = digest;
		return true;
	}
	body = peal_consensus_keep(consensus, digest, &value);
	if (body == NULL) {
		return false;
	}
	if (!peal_acceptor_vote(&consensus->acceptor, digest)) {
		peal_consensus_release(consensus, body);
		if (PEAL_BUG(LEAVE_VOTES_AGAIN)) {
			*digest_out = digest;
			return true;
		}
		return false;
	}

	*digest_out = digest;
	peal_consensus_learn(consensus, body, true);
	peal_consensus_release(consensus, body);
	if (!consensus->is_decided) {
		peal_consensus_arm(consensus, now_ns);
		peal_consensus_restart_repeat(consensus, now_ns);
		peal_consensus_count_own(consensus, PEAL_BALLOT_FAST, digest);
	}

	PEAL_ASSERT(acceptor->vrnd.round == 1);
	peal_consensus_check(consensus);
	return true;
}

static void
repeat(struct peal_consensus *consensus, uint64_t now_ns, struct peal_outbox *out)
{
	enum peal_coordinator_state state = consensus->coordinator.state;
	bool is_more = state != PEAL_COORDINATOR_IDLE || consensus->acceptor.vrnd.round > 0 ||
		       consensus->wants_count > 0;

	PEAL_ASSERT(!consensus->is_decided);
	if (consensus->acceptor.vrnd.round > 0) {
		peal_consensus_send_accepted(consensus, out);
	}
	if (state != PEAL_COORDINATOR_IDLE) {
		peal_consensus_repeat_round(consensus, out);
	}
	for (uint32_t i = 0; i < consensus->wants_count; i++) {
		peal_ballots_send_want(consensus->wants[i], out);
	}
	consensus->repeat_ns =
		peal_timing_next_repeat_ns(consensus->config.timing, consensus->repeat_ns);
	consensus->repeat_at_ns = is_more ? now_ns + consensus->repeat_ns : NEVER;
}

void
peal_consensus_on_tick(struct peal_consensus *consensus, uint64_t now_ns, struct peal_outbox *out)
{
	uint32_t effects_count = out->count;

	if (consensus->is_decided || now_ns < peal_consensus_deadline_at_ns(consensus)) {
		return;
	}
	if (now_ns >= peal_fallback_deadline_at_ns(&consensus->fallback)) {
		peal_consensus_start_round(consensus, now_ns, out);
	}
	if (!consensus->is_decided && now_ns >= consensus->repeat_at_ns) {
		repeat(consensus, now_ns, out);
	}
	peal_consensus_settle(consensus, now_ns, out);

	PEAL_ASSERT(out->count - effects_count <= PEAL_CONSENSUS_EFFECTS_MAX);
	peal_consensus_check(consensus);
}

/* Questions. */

uint64_t
peal_consensus_deadline_at_ns(const struct peal_consensus *consensus)
{
	uint64_t at_ns = peal_fallback_deadline_at_ns(&consensus->fallback);

	if (consensus->is_decided) {
		PEAL_ASSERT(at_ns == NEVER && consensus->repeat_at_ns == NEVER);
	}
	return consensus->repeat_at_ns < at_ns ? consensus->repeat_at_ns : at_ns;
}

const struct peal_body *
peal_consensus_decided(const struct peal_consensus *consensus)
{
	const struct peal_body *value;

	if (!consensus->is_decided) {
		return NULL;
	}
	value = peal_consensus_find_value(consensus, consensus->decided_digest);
	PEAL_ASSERT(value != NULL);
	return value;
}

bool
peal_consensus_is_busy(const struct peal_consensus *consensus)
{
	return consensus->acceptor.vrnd.round > 0 || consensus->acceptor.promised.round > 0 ||
	       !peal_bitset_is_empty(&consensus->learner.fast_heard) ||
	       consensus->learner.tallies_count > 0 || consensus->values.count > 0 ||
	       consensus->is_asked;
}

void
peal_consensus_check(const struct peal_consensus *consensus)
{
	const struct peal_acceptor *acceptor = &consensus->acceptor;
	const struct peal_coordinator *coordinator = &consensus->coordinator;

	peal_acceptor_check(acceptor);
	peal_learner_check(&consensus->learner);
	peal_coordinator_check(coordinator);
	PEAL_ASSERT(consensus->values.count <= PEAL_TALLIES_MAX);
	PEAL_ASSERT(consensus->fallback.slot == find_slot(consensus));
	/* The coordinator saw every promise of this node: its next round is above them. */
	PEAL_ASSERT(acceptor->promised.round <= coordinator->round_highest);
	if (coordinator->has_own) {
		PEAL_ASSERT(peal_consensus_find_value(consensus, coordinator->own_digest) != NULL);
	}
	if (acceptor->vrnd.round > 0 && !consensus->is_decided) {
		PEAL_ASSERT(peal_consensus_find_value(consensus, acceptor->vdigest) != NULL);
	}
	if (consensus->is_pending) {
		PEAL_ASSERT(
			peal_consensus_find_value(consensus, consensus->pending_digest) == NULL);
	}
	if (consensus->is_told) {
		PEAL_ASSERT(peal_consensus_find_value(consensus, consensus->told_digest) == NULL);
	}
	if (consensus->is_decided) {
		PEAL_ASSERT(coordinator->state == PEAL_COORDINATOR_IDLE);
		PEAL_ASSERT(!consensus->is_told && !consensus->is_asked);
		PEAL_ASSERT(
			peal_consensus_find_value(consensus, consensus->decided_digest) != NULL);
	}
}
