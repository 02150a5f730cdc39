/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/consensus.h"

#include "control/ballots.h"
#include "control/consensus_private.h"
#include "control/validity.h"
#include "membership/nextview.h"

#define NEVER UINT64_MAX

/* Own value, accepted value, value of the last promise, proposed value: never pushed out. */
_Static_assert(PEAL_TALLIES_MAX > 4U, "there is always a value that may be pushed out");

/* Values. */

const struct peal_proposal *
peal_consensus_find_value(const struct peal_consensus *consensus, struct peal_hash128 digest)
{
	return peal_values_find(&consensus->values, digest);
}

/* True for values that this node may have to send. */
static bool
is_pinned(const struct peal_consensus *consensus, struct peal_hash128 digest)
{
	const struct peal_acceptor *acceptor = &consensus->acceptor;
	const struct peal_coordinator *coordinator = &consensus->coordinator;

	return (coordinator->has_own && peal_hash128_equals(coordinator->own_digest, digest)) ||
	       (acceptor->vrnd.round > 0 && peal_hash128_equals(acceptor->vdigest, digest)) ||
	       (acceptor->has_p1b && acceptor->p1b_vrnd.round > 0 &&
		       peal_hash128_equals(acceptor->p1b_vdigest, digest)) ||
	       (coordinator->state == PEAL_COORDINATOR_PROPOSED &&
		       peal_hash128_equals(coordinator->proposed_digest, digest));
}

void
peal_consensus_remember(struct peal_consensus *consensus, struct peal_hash128 digest,
	const struct peal_proposal *value, bool must)
{
	struct peal_values *values = &consensus->values;
	uint32_t weight = PEAL_VALUES_PINNED;
	uint32_t weights[PEAL_TALLIES_MAX];

	for (uint32_t i = 0; i < values->count; i++) {
		weights[i] = is_pinned(consensus, values->digests[i])
				     ? PEAL_VALUES_PINNED
				     : peal_learner_weight(&consensus->learner, values->digests[i]);
	}
	if (!must) {
		weight = peal_learner_weight(&consensus->learner, digest);
	}
	if (!peal_values_add(values, digest, value, weight, weights)) {
		PEAL_ASSERT(!must);
		peal_counter_add(consensus->config.counters, PEAL_COUNTER_PROPOSALS_REFUSED, 1);
	}
}

/* The known value that most members accepted, ties to the smaller digest. */
static struct peal_hash128
find_best_known(const struct peal_consensus *consensus)
{
	struct peal_hash128 best = {.low = 0, .high = 0};
	uint32_t best_weight = 0;

	PEAL_ASSERT(consensus->values.count > 0);
	for (uint32_t i = 0; i < consensus->values.count; i++) {
		struct peal_hash128 digest = consensus->values.digests[i];
		uint32_t weight = peal_learner_weight(&consensus->learner, digest);

		if (i == 0 || weight > best_weight ||
			(weight == best_weight && peal_hash128_compare(digest, best) < 0)) {
			best = digest;
			best_weight = weight;
		}
	}
	return best;
}

static struct peal_bitset
find_own_removals(const struct peal_consensus *consensus)
{
	struct peal_bitset none = {{0}};
	const struct peal_proposal *own;

	if (!consensus->coordinator.has_own) {
		return none;
	}
	own = peal_consensus_find_value(consensus, consensus->coordinator.own_digest);
	PEAL_ASSERT(own != NULL);
	return own != NULL ? own->removals : none;
}

void
peal_consensus_build_leave(
	const struct peal_consensus *consensus, uint16_t rank, struct peal_proposal *value_out)
{
	PEAL_ASSERT(rank < consensus->quorum.members_count);
	*value_out = (struct peal_proposal){
		.parent_epoch = consensus->config.view->epoch,
		.parent_hash = consensus->config.view->hash,
	};
	peal_bitset_add(&value_out->removals, rank);
}

/* Messages. */

void
peal_consensus_send_accepted(const struct peal_consensus *consensus, struct peal_outbox *out)
{
	PEAL_ASSERT(!consensus->is_decided);
	peal_ballots_send_accepted(&consensus->acceptor, &consensus->values, out);
	if (consensus->acceptor.vrnd.round == 1) {
		peal_counter_add(consensus->config.counters, PEAL_COUNTER_VOTES_SENT, 1);
	}
}

static void
send_round(const struct peal_consensus *consensus, struct peal_outbox *out)
{
	PEAL_ASSERT(!consensus->is_decided);
	peal_ballots_send_round(&consensus->coordinator, &consensus->values, out);
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
	struct peal_bitset removals = find_own_removals(consensus);

	return peal_fallback_find_slot(consensus->config.view, consensus->config.topology,
		&removals, consensus->config.self_rank);
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
	consensus->repeat_at_ns = NEVER;
	peal_fallback_stop(&consensus->fallback);
	peal_coordinator_stop(&consensus->coordinator);
	peal_counter_add(consensus->config.counters, counter, 1);
}

void
peal_consensus_learn(struct peal_consensus *consensus, struct peal_hash128 digest,
	const struct peal_proposal *value, bool must)
{
	bool is_awaited =
		consensus->is_pending && peal_hash128_equals(consensus->pending_digest, digest);

	PEAL_ASSERT(!consensus->is_decided);
	peal_consensus_remember(consensus, digest, value, must || is_awaited);
	if (is_awaited) {
		peal_consensus_decide(consensus, consensus->pending_ballot, digest,
			consensus->pending_ballot.round == 1 ? PEAL_COUNTER_DECISIONS_FAST
							     : PEAL_COUNTER_DECISIONS_CLASSIC);
	}
}

void
peal_consensus_count(struct peal_consensus *consensus, uint16_t rank, struct peal_ballot ballot,
	struct peal_hash128 digest, const struct peal_proposal *value)
{
	PEAL_ASSERT(!consensus->is_decided);
	if (peal_learner_on_accepted(&consensus->learner, rank, ballot, digest)) {
		if (consensus->is_pending) {
			PEAL_ASSERT(peal_hash128_equals(consensus->pending_digest, digest));
		}
		consensus->is_pending = true;
		consensus->pending_ballot = ballot;
		consensus->pending_digest = digest;
	}
	if (value == NULL) {
		value = peal_consensus_find_value(consensus, digest);
	}
	if (value != NULL) {
		peal_consensus_learn(consensus, digest, value, false);
	}
}

/* Rounds of this node. */

void
peal_consensus_on_nack(struct peal_consensus *consensus, uint16_t rank, struct peal_ballot promised,
	uint64_t now_ns)
{
	PEAL_ASSERT(promised.round >= 2);
	if (peal_coordinator_on_nack(&consensus->coordinator, rank, promised)) {
		peal_counter_add(consensus->config.counters, PEAL_COUNTER_BALLOTS_NACKED, 1);
		peal_fallback_on_lost(&consensus->fallback, now_ns);
	}
}

void
peal_consensus_choose(struct peal_consensus *consensus, uint64_t now_ns, struct peal_outbox *out)
{
	struct peal_coordinator *coordinator = &consensus->coordinator;
	uint16_t self = consensus->config.self_rank;
	struct peal_hash128 digest;
	enum peal_choice choice;
	enum peal_acceptor_answer answer;

	PEAL_ASSERT(!consensus->is_decided);
	if (consensus->values.count > 0) {
		peal_coordinator_set_known(coordinator, find_best_known(consensus));
	}
	choice = peal_coordinator_choose(coordinator, &digest);
	if (choice == PEAL_CHOICE_CONFLICT) {
		/* Two values were proposed in one ballot: whatever this node does may be wrong. */
		peal_counter_add(consensus->config.counters, PEAL_COUNTER_BALLOT_CONFLICTS, 1);
		peal_coordinator_stop(coordinator);
		return;
	}
	if (choice == PEAL_CHOICE_WAIT || peal_consensus_find_value(consensus, digest) == NULL) {
		return;
	}
	peal_coordinator_propose(coordinator, digest);
	peal_consensus_restart_repeat(consensus, now_ns);
	answer = peal_acceptor_on_p2a(&consensus->acceptor, coordinator->ballot, digest);
	PEAL_ASSERT(answer == PEAL_ACCEPTOR_P2B || answer == PEAL_ACCEPTOR_NACK);
	if (answer == PEAL_ACCEPTOR_P2B) {
		peal_consensus_count(consensus, self, coordinator->ballot, digest, NULL);
	}
	if (consensus->is_decided) {
		return;
	}
	send_round(consensus, out);
	if (answer == PEAL_ACCEPTOR_P2B) {
		peal_consensus_send_accepted(consensus, out);
	}
}

static void
start_round(struct peal_consensus *consensus, uint64_t now_ns, struct peal_outbox *out)
{
	struct peal_coordinator *coordinator = &consensus->coordinator;
	const struct peal_acceptor *acceptor = &consensus->acceptor;
	struct peal_ballot ballot;
	enum peal_acceptor_answer answer;

	PEAL_ASSERT(!consensus->is_decided);
	/* Nobody made a value known here: a round would only keep others from voting. */
	if (consensus->values.count == 0 || !peal_coordinator_can_start(coordinator)) {
		peal_fallback_stop(&consensus->fallback);
		return;
	}
	ballot = peal_coordinator_start(coordinator);
	peal_counter_add(consensus->config.counters, PEAL_COUNTER_BALLOTS_STARTED, 1);
	peal_fallback_retry(&consensus->fallback, coordinator->attempts_count, now_ns);
	peal_consensus_restart_repeat(consensus, now_ns);
	answer = peal_acceptor_on_p1a(&consensus->acceptor, ballot);
	PEAL_ASSERT(answer == PEAL_ACCEPTOR_P1B);
	peal_coordinator_on_p1b(coordinator, consensus->config.self_rank, ballot,
		acceptor->p1b_vrnd, acceptor->p1b_vdigest);
	peal_consensus_choose(consensus, now_ns, out);
	if (coordinator->state == PEAL_COORDINATOR_PREPARING) {
		send_round(consensus, out);
	}
}

void
peal_consensus_start_if_hopeless(
	struct peal_consensus *consensus, uint64_t now_ns, struct peal_outbox *out)
{
	struct peal_bitset absent = find_own_removals(consensus);

	PEAL_ASSERT(!consensus->is_decided);
	if (consensus->values.count == 0 || consensus->coordinator.attempts_count > 0 ||
		consensus->acceptor.promised.round > 0 || consensus->fallback.slot != 0) {
		return;
	}
	if (peal_learner_is_fast_infeasible(&consensus->learner, &absent)) {
		start_round(consensus, now_ns, out);
	}
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
	memset(consensus, 0, sizeof(*consensus));
	consensus->config = *config;
	consensus->quorum = peal_quorum_of(config->view);
	consensus->repeat_at_ns = NEVER;
	peal_values_init(&consensus->values);
	peal_acceptor_init(&consensus->acceptor);
	peal_learner_init(&consensus->learner, consensus->quorum);
	peal_coordinator_init(&consensus->coordinator, consensus->quorum, config->self_rank);
	peal_fallback_init(&consensus->fallback, config->timing, find_slot(consensus));
	peal_consensus_check(consensus);
}

void
peal_consensus_propose(struct peal_consensus *consensus, const struct peal_proposal *value,
	bool fast, uint64_t now_ns, struct peal_outbox *out)
{
	uint32_t effects_count = out->count;
	struct peal_hash128 digest;

	PEAL_ASSERT(peal_nextview_validate(consensus->config.view, value) == PEAL_VALID);
	if (consensus->is_decided) {
		return;
	}
	if (!peal_validity_is_held(consensus->config.view, consensus->config.willing, value)) {
		peal_counter_add(consensus->config.counters, PEAL_COUNTER_PROPOSALS_REFUSED, 1);
		return;
	}

	digest = peal_proposal_digest(value);
	if (consensus->coordinator.has_own && consensus->coordinator.own_complete == fast &&
		peal_hash128_equals(consensus->coordinator.own_digest, digest)) {
		return;
	}

	peal_consensus_learn(consensus, digest, value, true);
	if (consensus->is_decided) {
		return;
	}
	peal_coordinator_set_own(&consensus->coordinator, digest, fast);
	peal_fallback_set_slot(&consensus->fallback, find_slot(consensus));
	peal_consensus_arm(consensus, now_ns);
	if (!fast && consensus->acceptor.promised.round == 0) {
		peal_fallback_hasten(&consensus->fallback, now_ns);
	}
	if (fast && peal_acceptor_vote(&consensus->acceptor, digest)) {
		peal_consensus_count(
			consensus, consensus->config.self_rank, PEAL_BALLOT_FAST, digest, NULL);
		if (!consensus->is_decided) {
			peal_consensus_send_accepted(consensus, out);
			peal_consensus_restart_repeat(consensus, now_ns);
		}
	}
	if (!consensus->is_decided) {
		peal_consensus_choose(consensus, now_ns, out);
	}
	if (!consensus->is_decided) {
		peal_consensus_start_if_hopeless(consensus, now_ns, out);
	}

	PEAL_ASSERT(out->count - effects_count <= PEAL_CONSENSUS_EFFECTS_MAX);
	peal_consensus_check(consensus);
}

bool
peal_consensus_vote_to_leave(
	struct peal_consensus *consensus, uint64_t now_ns, struct peal_hash128 *digest_out)
{
	const struct peal_acceptor *acceptor = &consensus->acceptor;
	struct peal_proposal value;
	struct peal_hash128 digest;

	peal_consensus_build_leave(consensus, consensus->config.self_rank, &value);
	if (consensus->is_decided ||
		peal_nextview_validate(consensus->config.view, &value) != PEAL_VALID) {
		return false;
	}
	digest = peal_proposal_digest(&value);
	if (!peal_acceptor_vote(&consensus->acceptor, digest)) {
		if (acceptor->vrnd.round != 1 || !peal_hash128_equals(acceptor->vdigest, digest)) {
			return false;
		}
		*digest_out = digest;
		return true;
	}

	*digest_out = digest;
	peal_consensus_learn(consensus, digest, &value, true);
	if (!consensus->is_decided) {
		peal_consensus_arm(consensus, now_ns);
		peal_consensus_restart_repeat(consensus, now_ns);
		peal_consensus_count(
			consensus, consensus->config.self_rank, PEAL_BALLOT_FAST, digest, NULL);
	}

	PEAL_ASSERT(acceptor->vrnd.round == 1);
	peal_consensus_check(consensus);
	return true;
}

void
peal_consensus_on_tick(struct peal_consensus *consensus, uint64_t now_ns, struct peal_outbox *out)
{
	uint32_t effects_count = out->count;

	if (consensus->is_decided || now_ns < peal_consensus_deadline_at_ns(consensus)) {
		return;
	}
	if (now_ns >= peal_fallback_deadline_at_ns(&consensus->fallback)) {
		start_round(consensus, now_ns, out);
	}
	if (!consensus->is_decided && now_ns >= consensus->repeat_at_ns) {
		bool is_running = consensus->coordinator.state != PEAL_COORDINATOR_IDLE;

		if (consensus->acceptor.vrnd.round > 0) {
			peal_consensus_send_accepted(consensus, out);
		}
		if (is_running) {
			send_round(consensus, out);
		}
		consensus->repeat_ns =
			peal_timing_next_repeat_ns(consensus->config.timing, consensus->repeat_ns);
		consensus->repeat_at_ns = is_running || consensus->acceptor.vrnd.round > 0
						  ? now_ns + consensus->repeat_ns
						  : NEVER;
	}

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

const struct peal_proposal *
peal_consensus_decided(const struct peal_consensus *consensus)
{
	const struct peal_proposal *value;

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
	       consensus->learner.tallies_count > 0 || consensus->values.count > 0;
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
	if (consensus->is_decided) {
		PEAL_ASSERT(coordinator->state == PEAL_COORDINATOR_IDLE);
		PEAL_ASSERT(
			peal_consensus_find_value(consensus, consensus->decided_digest) != NULL);
	}
}
