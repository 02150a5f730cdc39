/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Classic rounds of the consensus machine: those that this node leads, and its answers to others.
 */
#include "control/ballots.h"
#include "control/consensus_private.h"

/* The known value that most members accepted, ties to the smaller digest. */
static struct peal_hash128
find_best_known(const struct peal_consensus *consensus)
{
	struct peal_hash128 best = {.low = 0, .high = 0};
	uint32_t best_weight = 0;

	PEAL_ASSERT(consensus->values.count > 0);
	for (uint32_t i = 0; i < consensus->values.count; i++) {
		struct peal_hash128 digest = consensus->values.bodies[i]->digest;
		uint32_t weight = peal_learner_weight(&consensus->learner, digest);

		if (i == 0 || weight > best_weight ||
			(weight == best_weight && peal_hash128_compare(digest, best) < 0)) {
			best = digest;
			best_weight = weight;
		}
	}
	return best;
}

static void
send_round(const struct peal_consensus *consensus, struct peal_outbox *out)
{
	PEAL_ASSERT(!consensus->is_decided);
	peal_ballots_send_round(&consensus->coordinator, &consensus->values, out);
}

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
	struct peal_hash128 digest;
	enum peal_choice choice;
	enum peal_acceptor_answer answer;

	PEAL_ASSERT(!consensus->is_decided);
	if (coordinator->state != PEAL_COORDINATOR_PREPARING) {
		return;
	}
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
		peal_consensus_count_own(consensus, coordinator->ballot, digest);
	}
	if (consensus->is_decided) {
		return;
	}
	send_round(consensus, out);
	if (answer == PEAL_ACCEPTOR_P2B) {
		peal_consensus_send_accepted(consensus, out);
	}
}

/* P1A; in a large group the own promise must be among the others in the trees. */
static void
ask(const struct peal_consensus *consensus, struct peal_outbox *out)
{
	PEAL_ASSERT(consensus->coordinator.state == PEAL_COORDINATOR_PREPARING);
	send_round(consensus, out);
	if (consensus->config.is_large && consensus->acceptor.has_p1b &&
		peal_ballot_compare(consensus->acceptor.promised, consensus->coordinator.ballot) ==
			0) {
		peal_consensus_send_promise(consensus, out);
	}
}

void
peal_consensus_repeat_round(const struct peal_consensus *consensus, struct peal_outbox *out)
{
	PEAL_ASSERT(consensus->coordinator.state != PEAL_COORDINATOR_IDLE);
	if (consensus->coordinator.state == PEAL_COORDINATOR_PREPARING) {
		ask(consensus, out);
	} else {
		send_round(consensus, out);
	}
}

void
peal_consensus_start_round(
	struct peal_consensus *consensus, uint64_t now_ns, struct peal_outbox *out)
{
	struct peal_coordinator *coordinator = &consensus->coordinator;
	const struct peal_acceptor *acceptor = &consensus->acceptor;
	struct peal_bitset self = peal_consensus_only(consensus->config.self_rank);
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
	peal_coordinator_on_p1b(
		coordinator, &self, ballot, acceptor->p1b_vrnd, acceptor->p1b_vdigest);
	peal_consensus_choose(consensus, now_ns, out);
	if (coordinator->state == PEAL_COORDINATOR_PREPARING) {
		ask(consensus, out);
	}
}

void
peal_consensus_start_if_hopeless(
	struct peal_consensus *consensus, uint64_t now_ns, struct peal_outbox *out)
{
	PEAL_ASSERT(!consensus->is_decided);
	if (consensus->values.count == 0 || consensus->coordinator.attempts_count > 0 ||
		consensus->acceptor.promised.round > 0 || consensus->fallback.slot != 0) {
		return;
	}
	if (peal_learner_is_fast_infeasible(
		    &consensus->learner, peal_consensus_own_removals(consensus))) {
		peal_consensus_start_round(consensus, now_ns, out);
	}
}

void
peal_consensus_go_on(struct peal_consensus *consensus, uint64_t now_ns, struct peal_outbox *out)
{
	PEAL_ASSERT(!consensus->is_decided);
	peal_consensus_arm(consensus, now_ns);
	peal_consensus_choose(consensus, now_ns, out);
	if (!consensus->is_decided) {
		peal_consensus_start_if_hopeless(consensus, now_ns, out);
	}
}

void
peal_consensus_on_proposed(struct peal_consensus *consensus, struct peal_ballot ballot,
	struct peal_hash128 digest, const struct peal_body *body, uint64_t now_ns,
	struct peal_outbox *out)
{
	struct peal_ballot before = consensus->acceptor.vrnd;
	enum peal_acceptor_answer answer;

	PEAL_ASSERT(!consensus->is_decided);
	answer = peal_acceptor_on_p2a(&consensus->acceptor, ballot, digest);
	PEAL_ASSERT(answer != PEAL_ACCEPTOR_P1B && answer != PEAL_ACCEPTOR_SILENT);
	if (answer == PEAL_ACCEPTOR_CONFLICT) {
		peal_counter_add(consensus->config.counters, PEAL_COUNTER_BALLOT_CONFLICTS, 1);
		return;
	}
	if (body != NULL) {
		peal_consensus_learn(consensus, body, answer == PEAL_ACCEPTOR_P2B);
	}
	if (consensus->is_decided) {
		return;
	}
	peal_consensus_arm(consensus, now_ns);
	if (answer == PEAL_ACCEPTOR_NACK) {
		if (!consensus->config.is_large) {
			peal_ballots_send_nack(&consensus->acceptor, (uint16_t)ballot.index, out);
		}
		return;
	}
	peal_consensus_count_own(consensus, ballot, digest);
	if (consensus->is_decided) {
		return;
	}
	peal_consensus_send_accepted(consensus, out);
	if (peal_ballot_compare(before, ballot) != 0) {
		peal_fallback_yield(&consensus->fallback, now_ns);
		peal_consensus_restart_repeat(consensus, now_ns);
		peal_consensus_on_nack(consensus, consensus->config.self_rank, ballot, now_ns);
	}
}
