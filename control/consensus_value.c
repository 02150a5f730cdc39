/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Values of the consensus machine: which are kept, which are missing, and what waits for them.
 */
#include "control/ballots.h"
#include "control/consensus_private.h"
#include "control/validity.h"
#include "membership/nextview.h"

/* Own value, accepted value, value of the last promise, proposed value: never pushed out. */
_Static_assert(PEAL_TALLIES_MAX > 4U, "there is always a value that may be pushed out");

const struct peal_body *
peal_consensus_find_value(const struct peal_consensus *consensus, struct peal_hash128 digest)
{
	return peal_values_find(&consensus->values, digest);
}

const struct peal_body *
peal_consensus_keep(struct peal_consensus *consensus, struct peal_hash128 digest,
	const struct peal_proposal *value)
{
	const struct peal_bodies *store = &consensus->config.bodies;
	const struct peal_body *body = peal_consensus_find_value(consensus, digest);

	if (body != NULL) {
		store->retain(store->state, body);
		return body;
	}
	body = store->keep_proposal(store->state, value);
	if (body == NULL) {
		peal_counter_add(consensus->config.counters, PEAL_COUNTER_BODIES_REFUSED, 1);
		return NULL;
	}
	PEAL_ASSERT(body->is_proposal && peal_hash128_equals(body->digest, digest));
	return body;
}

void
peal_consensus_release(struct peal_consensus *consensus, const struct peal_body *body)
{
	const struct peal_bodies *store = &consensus->config.bodies;

	if (body != NULL) {
		store->release(store->state, body);
	}
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
peal_consensus_remember(struct peal_consensus *consensus, const struct peal_body *body, bool must)
{
	struct peal_values *values = &consensus->values;
	uint32_t weight = PEAL_VALUES_PINNED;
	uint32_t weights[PEAL_TALLIES_MAX];

	if (peal_values_find(values, body->digest) != NULL) {
		return;
	}
	for (uint32_t i = 0; i < values->count; i++) {
		struct peal_hash128 digest = values->bodies[i]->digest;

		weights[i] = is_pinned(consensus, digest)
				     ? PEAL_VALUES_PINNED
				     : peal_learner_weight(&consensus->learner, digest);
	}
	if (!must) {
		weight = peal_learner_weight(&consensus->learner, body->digest);
	}
	if (!peal_values_add(values, body, weight, weights)) {
		PEAL_ASSERT(!must);
		peal_counter_add(consensus->config.counters, PEAL_COUNTER_PROPOSALS_REFUSED, 1);
	}
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

/* Values that are named and not here. */

static bool
is_missing(const struct peal_consensus *consensus, bool is_named, struct peal_hash128 digest)
{
	return is_named && peal_consensus_find_value(consensus, digest) == NULL;
}

/* What a round of this node would propose; false while it cannot tell. */
static bool
find_choice(const struct peal_consensus *consensus, struct peal_hash128 *digest_out)
{
	return consensus->coordinator.state == PEAL_COORDINATOR_PREPARING &&
	       peal_coordinator_choose(&consensus->coordinator, digest_out) == PEAL_CHOICE_VALUE;
}

/*
 * A value that somebody voted for, while there is room for it: with it this node can lead a round
 * about it. Once its body was refused it is not asked for again.
 */
static bool
find_voted(const struct peal_consensus *consensus, struct peal_hash128 *digest_out)
{
	const struct peal_learner *learner = &consensus->learner;

	if (consensus->values.count == PEAL_TALLIES_MAX) {
		return false;
	}
	for (uint32_t i = 0; i < learner->fast_count; i++) {
		*digest_out = learner->fast_digests[i];
		if (is_missing(consensus, true, *digest_out) &&
			!(consensus->has_refused &&
				peal_hash128_equals(consensus->refused_digest, *digest_out))) {
			return true;
		}
	}
	return false;
}

static bool
has_want(const struct peal_hash128 *wants, uint32_t count, struct peal_hash128 digest)
{
	PEAL_ASSERT(count <= PEAL_CONSENSUS_WANTS_MAX);
	for (uint32_t i = 0; i < count; i++) {
		if (peal_hash128_equals(wants[i], digest)) {
			return true;
		}
	}
	return false;
}

/* Adds a digest if it is named, not here, and not in the list already. */
static uint32_t
add_want(const struct peal_consensus *consensus, struct peal_hash128 *wants, uint32_t count,
	bool is_named, struct peal_hash128 digest)
{
	if (!is_missing(consensus, is_named, digest) || has_want(wants, count, digest)) {
		return count;
	}
	PEAL_ASSERT(count < PEAL_CONSENSUS_WANTS_MAX);
	wants[count] = digest;
	return count + 1U;
}

/*
 * The bodies to ask for, most urgent first. What was counted here is decided; what a DECIDE told
 * may be of another epoch and never come, so it does not keep the rest from being asked for.
 */
static uint32_t
find_wants(const struct peal_consensus *consensus, struct peal_hash128 *wants)
{
	struct peal_hash128 chosen = {.low = 0, .high = 0};
	struct peal_hash128 voted = {.low = 0, .high = 0};
	bool is_chosen = find_choice(consensus, &chosen);
	bool is_voted = find_voted(consensus, &voted);
	bool is_asked = consensus->is_asked && peal_ballot_compare(consensus->asked_ballot,
						       consensus->acceptor.promised) >= 0;
	uint32_t count = 0;

	if (consensus->is_pending) {
		return add_want(consensus, wants, 0, true, consensus->pending_digest);
	}
	count = add_want(consensus, wants, count, consensus->is_told, consensus->told_digest);
	count = add_want(consensus, wants, count, is_asked, consensus->asked_digest);
	count = add_want(consensus, wants, count, is_chosen, chosen);
	count = add_want(consensus, wants, count, is_voted, voted);
	return count;
}

static void
ask_for_bodies(struct peal_consensus *consensus, uint64_t now_ns, struct peal_outbox *out)
{
	struct peal_hash128 wants[PEAL_CONSENSUS_WANTS_MAX];
	uint32_t count = find_wants(consensus, wants);
	bool is_new = false;

	PEAL_ASSERT(!consensus->is_decided);
	for (uint32_t i = 0; i < count; i++) {
		if (!has_want(consensus->wants, consensus->wants_count, wants[i])) {
			peal_ballots_send_want(wants[i], out);
			is_new = true;
		}
	}
	for (uint32_t i = 0; i < count; i++) {
		consensus->wants[i] = wants[i];
	}
	consensus->wants_count = count;
	if (is_new) {
		peal_consensus_restart_repeat(consensus, now_ns);
	}
}

void
peal_consensus_on_named(
	struct peal_consensus *consensus, struct peal_hash128 digest, uint64_t now_ns)
{
	uint64_t soon_ns = now_ns + 2U * consensus->config.timing->flood_ns;

	/* Not later for being named often. */
	if (has_want(consensus->wants, consensus->wants_count, digest) &&
		consensus->repeat_at_ns > soon_ns) {
		peal_consensus_restart_repeat(consensus, now_ns);
		PEAL_ASSERT(consensus->repeat_at_ns == soon_ns);
	}
}

bool
peal_consensus_wait(struct peal_consensus *consensus, struct peal_ballot ballot,
	struct peal_hash128 digest, uint64_t now_ns)
{
	const struct peal_acceptor *acceptor = &consensus->acceptor;
	int order = 1;

	PEAL_ASSERT(peal_consensus_find_value(consensus, digest) == NULL);
	/* Refused whatever the value is: below a promise, or a second value of one ballot. */
	if (peal_ballot_compare(ballot, acceptor->promised) < 0 ||
		peal_ballot_compare(ballot, acceptor->vrnd) == 0) {
		return false;
	}
	if (consensus->is_asked) {
		order = peal_ballot_compare(ballot, consensus->asked_ballot);
	}
	if (order == 0 && !peal_hash128_equals(consensus->asked_digest, digest)) {
		peal_counter_add(consensus->config.counters, PEAL_COUNTER_BALLOT_CONFLICTS, 1);
	}
	if (order > 0) {
		consensus->is_asked = true;
		consensus->asked_ballot = ballot;
		consensus->asked_digest = digest;
		/* A round is under way, though this node cannot take part in it yet. */
		peal_fallback_yield(&consensus->fallback, now_ns);
	}
	return true;
}

/* The P2A that waited, if its value is here now. */
static void
answer_asked(struct peal_consensus *consensus, uint64_t now_ns, struct peal_outbox *out)
{
	const struct peal_body *body = NULL;

	PEAL_ASSERT(!consensus->is_decided);
	if (consensus->is_asked) {
		body = peal_consensus_find_value(consensus, consensus->asked_digest);
	}
	if (body != NULL) {
		consensus->is_asked = false;
		peal_consensus_on_proposed(consensus, consensus->asked_ballot,
			consensus->asked_digest, body, now_ns, out);
	}
}

void
peal_consensus_settle(struct peal_consensus *consensus, uint64_t now_ns, struct peal_outbox *out)
{
	if (!consensus->is_decided) {
		answer_asked(consensus, now_ns, out);
	}
	if (!consensus->is_decided) {
		ask_for_bodies(consensus, now_ns, out);
	}
}

bool
peal_consensus_wants(const struct peal_consensus *consensus, struct peal_hash128 *digest_out)
{
	PEAL_ASSERT(consensus->wants_count <= PEAL_CONSENSUS_WANTS_MAX);
	if (consensus->wants_count == 0) {
		return false;
	}
	*digest_out = consensus->wants[0];
	return true;
}

bool
peal_consensus_is_accepted(const struct peal_consensus *consensus, struct peal_hash128 digest)
{
	const struct peal_learner *learner = &consensus->learner;

	for (uint32_t i = 0; i < learner->tallies_count; i++) {
		if (peal_hash128_equals(learner->tallies[i].digest, digest)) {
			return true;
		}
	}
	return (consensus->is_pending && peal_hash128_equals(consensus->pending_digest, digest)) ||
	       (consensus->is_told && peal_hash128_equals(consensus->told_digest, digest)) ||
	       (consensus->is_asked && peal_hash128_equals(consensus->asked_digest, digest)) ||
	       peal_coordinator_was_told(&consensus->coordinator, digest);
}

/* The body of `digest` is no value for this view: nothing waits for it any more. */
static void
refuse(struct peal_consensus *consensus, struct peal_hash128 digest)
{
	PEAL_ASSERT(!consensus->is_decided);
	peal_counter_add(consensus->config.counters, PEAL_COUNTER_PROPOSALS_REFUSED, 1);
	if (consensus->is_told && peal_hash128_equals(consensus->told_digest, digest)) {
		consensus->is_told = false;
	}
	if (consensus->is_asked && peal_hash128_equals(consensus->asked_digest, digest)) {
		consensus->is_asked = false;
	}
	consensus->has_refused = true;
	consensus->refused_digest = digest;
}

static void
take(struct peal_consensus *consensus, const struct peal_body *body, uint64_t now_ns,
	struct peal_outbox *out)
{
	struct peal_hash128 chosen;
	bool must = find_choice(consensus, &chosen) && peal_hash128_equals(chosen, body->digest);

	PEAL_ASSERT(!consensus->is_decided);
	must = must ||
	       (consensus->is_asked && peal_hash128_equals(consensus->asked_digest, body->digest));
	peal_consensus_learn(consensus, body, must);
	if (!consensus->is_decided) {
		answer_asked(consensus, now_ns, out);
	}
	if (!consensus->is_decided) {
		peal_consensus_go_on(consensus, now_ns, out);
	}
}

void
peal_consensus_on_body(struct peal_consensus *consensus, const struct peal_body *body,
	uint64_t now_ns, struct peal_outbox *out)
{
	uint32_t effects_count = out->count;
	struct peal_hash128 digest = body->digest;
	bool is_accepted = peal_consensus_is_accepted(consensus, digest);
	bool is_valid;

	if (consensus->is_decided || peal_consensus_find_value(consensus, digest) != NULL ||
		(!is_accepted && peal_learner_weight(&consensus->learner, digest) == 0)) {
		return;
	}
	is_valid = body->is_proposal &&
		   peal_nextview_validate(consensus->config.view, &body->proposal) == PEAL_VALID;
	if (is_valid && !is_accepted) {
		is_valid = peal_validity_is_held(
			consensus->config.view, consensus->config.willing, &body->proposal);
	}

	if (is_valid) {
		take(consensus, body, now_ns, out);
	} else {
		refuse(consensus, digest);
	}
	peal_consensus_settle(consensus, now_ns, out);

	PEAL_ASSERT(out->count - effects_count <= PEAL_CONSENSUS_EFFECTS_MAX);
	peal_consensus_check(consensus);
}
