/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/judge.h"

#include "wire/messages.h"

#include <string.h>

void
peal_judge_init(struct peal_judge *judge, struct peal_quorum quorum, bool outcome_only)
{
	PEAL_ASSERT(quorum.members_count <= PEAL_JUDGE_MEMBERS_MAX);

	/* What is beyond a count was never written. */
	judge->violation = NULL;
	judge->values_count = 0;
	judge->pairs_count = 0;
	judge->reports_count = 0;
	memset(judge->members, 0, sizeof(judge->members));
	judge->is_chosen = false;
	judge->is_decided = false;
	judge->quorum = quorum;
	judge->outcome_only = outcome_only;
}

static void
blame(struct peal_judge *judge, const char *violation)
{
	if (judge->violation == NULL) {
		judge->violation = violation;
	}
}

/* A rule of the algorithm, not an outcome. */
static void
demand(struct peal_judge *judge, bool is_kept, const char *violation)
{
	if (!is_kept && !judge->outcome_only) {
		blame(judge, violation);
	}
}

static bool
is_same(struct peal_ballot a, struct peal_ballot b)
{
	return peal_ballot_compare(a, b) == 0;
}

static bool
is_known(const struct peal_judge *judge, struct peal_hash128 digest)
{
	for (uint32_t i = 0; i < judge->values_count; i++) {
		if (peal_hash128_equals(judge->values[i], digest)) {
			return true;
		}
	}
	return false;
}

static struct peal_judge_pair *
find_pair(struct peal_judge *judge, struct peal_ballot ballot, struct peal_hash128 digest)
{
	struct peal_judge_pair *pair;

	for (uint32_t i = 0; i < judge->pairs_count; i++) {
		pair = &judge->pairs[i];
		if (is_same(pair->ballot, ballot) && peal_hash128_equals(pair->digest, digest)) {
			return pair;
		}
	}
	PEAL_ASSERT(judge->pairs_count < PEAL_JUDGE_PAIRS_MAX);
	pair = &judge->pairs[judge->pairs_count++];
	*pair = (struct peal_judge_pair){.ballot = ballot, .digest = digest};
	return pair;
}

static void
on_accepted(struct peal_judge *judge, uint16_t rank, struct peal_ballot ballot,
	struct peal_hash128 digest)
{
	struct peal_judge_pair *pair = find_pair(judge, ballot, digest);
	bool is_quorum;

	peal_bitset_add(&pair->members, rank);
	is_quorum = ballot.round == 1 ? peal_quorum_fast_ok(&judge->quorum, &pair->members)
				      : peal_quorum_classic_ok(&judge->quorum, &pair->members);
	if (!is_quorum) {
		return;
	}
	if (judge->is_chosen && !peal_hash128_equals(judge->chosen, digest)) {
		blame(judge, "two values chosen");
	}
	judge->is_chosen = true;
	judge->chosen = digest;
	if (!is_known(judge, digest)) {
		blame(judge, "a value chosen that nobody proposed");
	}
}

void
peal_judge_on_proposed(struct peal_judge *judge, struct peal_hash128 digest)
{
	if (!is_known(judge, digest)) {
		PEAL_ASSERT(judge->values_count < PEAL_JUDGE_VALUES_MAX);
		judge->values[judge->values_count++] = digest;
	}
}

static void
on_vote(struct peal_judge *judge, uint16_t rank, const struct peal_ballot_msg *message)
{
	struct peal_judge_member *member = &judge->members[rank];

	if (!member->has_voted) {
		demand(judge, member->promised.round == 0, "a vote after a promise");
		member->has_voted = true;
		member->vote = message->digest;
		if (member->vrnd.round == 0) {
			member->vrnd = PEAL_BALLOT_FAST;
			member->vdigest = message->digest;
		}
	}
	demand(judge, peal_hash128_equals(member->vote, message->digest),
		"two votes of one member");
	on_accepted(judge, rank, PEAL_BALLOT_FAST, message->digest);
}

static void
on_promise(struct peal_judge *judge, uint16_t rank, const struct peal_ballot_msg *message)
{
	struct peal_judge_member *member = &judge->members[rank];

	demand(judge, peal_ballot_compare(message->ballot, member->promised) >= 0,
		"a promise below a promise");
	if (is_same(message->ballot, member->told_ballot)) {
		demand(judge,
			is_same(message->vrnd, member->told_vrnd) &&
				peal_hash128_equals(message->digest, member->told_digest),
			"two promises for one ballot that differ");
		return;
	}
	demand(judge, is_same(message->vrnd, member->vrnd),
		"a promise that hides what was accepted");
	if (member->vrnd.round > 0) {
		demand(judge, peal_hash128_equals(message->digest, member->vdigest),
			"a promise that tells another value than was accepted");
	}
	member->promised = message->ballot;
	member->told_ballot = message->ballot;
	member->told_vrnd = message->vrnd;
	member->told_digest = message->digest;
}

/* Everybody whose promise for `ballot` reached the coordinator. */
static struct peal_bitset
find_responders(const struct peal_judge *judge, struct peal_ballot ballot)
{
	struct peal_bitset responders = {{0}};

	for (uint32_t i = 0; i < judge->reports_count; i++) {
		if (is_same(judge->reports[i].ballot, ballot)) {
			peal_bitset_add(&responders, judge->reports[i].rank);
		}
	}
	return responders;
}

/* True when `digest` has got, or may still get, a fast quorum, for all that the responders tell. */
static bool
may_be_chosen_fast(const struct peal_judge *judge, struct peal_ballot ballot,
	struct peal_bitset responders, struct peal_hash128 digest)
{
	struct peal_bitset best = {{0}};

	for (uint32_t rank = 0; rank < judge->quorum.members_count; rank++) {
		if (!peal_bitset_has(&responders, rank)) {
			peal_bitset_add(&best, rank);
		}
	}
	for (uint32_t i = 0; i < judge->reports_count; i++) {
		const struct peal_judge_report *report = &judge->reports[i];

		if (is_same(report->ballot, ballot) && report->vrnd.round == 1 &&
			peal_hash128_equals(report->digest, digest)) {
			peal_bitset_add(&best, report->rank);
		}
	}
	return peal_quorum_fast_ok(&judge->quorum, &best);
}

/* The value rule, by looking at everything that it must not harm. */
static void
check_choice(struct peal_judge *judge, const struct peal_ballot_msg *message)
{
	struct peal_bitset responders = find_responders(judge, message->ballot);
	struct peal_ballot highest = {.round = 0, .index = 0};

	demand(judge, peal_quorum_classic_ok(&judge->quorum, &responders),
		"a proposal without a quorum of promises");
	for (uint32_t i = 0; i < judge->reports_count; i++) {
		const struct peal_judge_report *report = &judge->reports[i];

		if (is_same(report->ballot, message->ballot) &&
			peal_ballot_compare(report->vrnd, highest) > 0) {
			highest = report->vrnd;
		}
	}
	for (uint32_t i = 0; i < judge->reports_count; i++) {
		const struct peal_judge_report *report = &judge->reports[i];
		bool is_other = !peal_hash128_equals(report->digest, message->digest);

		if (!is_same(report->ballot, message->ballot) || !is_same(report->vrnd, highest) ||
			!is_other || highest.round == 0) {
			continue;
		}
		demand(judge, highest.round == 1, "a proposal against the last classic round");
		demand(judge,
			highest.round >= 2 || !may_be_chosen_fast(judge, message->ballot,
						      responders, report->digest),
			"a proposal against a value that may be chosen fast");
	}
}

static void
on_proposal(struct peal_judge *judge, uint16_t rank, const struct peal_ballot_msg *message)
{
	struct peal_judge_pair *pair = find_pair(judge, message->ballot, message->digest);

	demand(judge, message->ballot.index == rank, "a proposal in the ballot of somebody else");
	demand(judge, is_known(judge, message->digest), "a proposal that nobody made");
	if (pair->is_proposed) {
		return;
	}
	for (uint32_t i = 0; i < judge->pairs_count; i++) {
		demand(judge,
			!judge->pairs[i].is_proposed ||
				!is_same(judge->pairs[i].ballot, message->ballot),
			"two proposals in one ballot");
	}
	check_choice(judge, message);
	pair->is_proposed = true;
}

static void
on_acceptance(struct peal_judge *judge, uint16_t rank, const struct peal_ballot_msg *message)
{
	struct peal_judge_member *member = &judge->members[rank];

	/* Said before: repeating it is harmless, whatever was promised since. */
	if (peal_bitset_has(&find_pair(judge, message->ballot, message->digest)->members, rank)) {
		return;
	}
	demand(judge, peal_ballot_compare(message->ballot, member->promised) >= 0,
		"an acceptance below a promise");
	if (!judge->outcome_only) {
		demand(judge, find_pair(judge, message->ballot, message->digest)->is_proposed,
			"an acceptance of what was not proposed in its ballot");
	}
	if (peal_ballot_compare(message->ballot, member->promised) >= 0) {
		member->promised = message->ballot;
		member->vrnd = message->ballot;
		member->vdigest = message->digest;
	}
	on_accepted(judge, rank, message->ballot, message->digest);
}

void
peal_judge_on_sent(struct peal_judge *judge, uint16_t rank, const struct peal_ballot_msg *message)
{
	struct peal_judge_member *member = &judge->members[rank];

	switch (message->kind) {
	case PEAL_MESSAGE_VOTE:
		on_vote(judge, rank, message);
		break;
	case PEAL_MESSAGE_P1A:
		/* The coordinator promises itself first. */
		if (peal_ballot_compare(message->ballot, member->promised) > 0) {
			member->promised = message->ballot;
		}
		break;
	case PEAL_MESSAGE_P1B:
		on_promise(judge, rank, message);
		break;
	case PEAL_MESSAGE_P2A:
		on_proposal(judge, rank, message);
		break;
	case PEAL_MESSAGE_P2B:
		on_acceptance(judge, rank, message);
		break;
	default:
		break;
	}
}

void
peal_judge_on_promise_counted(
	struct peal_judge *judge, uint16_t rank, const struct peal_ballot_msg *message)
{
	for (uint32_t i = 0; i < judge->reports_count; i++) {
		if (judge->reports[i].rank == rank &&
			is_same(judge->reports[i].ballot, message->ballot)) {
			return;
		}
	}
	PEAL_ASSERT(judge->reports_count < PEAL_JUDGE_REPORTS_MAX);
	judge->reports[judge->reports_count++] = (struct peal_judge_report){
		.ballot = message->ballot,
		.rank = rank,
		.vrnd = message->vrnd,
		.digest = message->digest,
	};
}

void
peal_judge_on_state(struct peal_judge *judge, uint16_t rank, const struct peal_acceptor *acceptor)
{
	if (acceptor->vrnd.round > 0) {
		on_accepted(judge, rank, acceptor->vrnd, acceptor->vdigest);
	}
}

void
peal_judge_on_decided(struct peal_judge *judge, struct peal_hash128 digest)
{
	if (judge->is_decided && !peal_hash128_equals(judge->decided, digest)) {
		blame(judge, "two values decided");
	}
	judge->is_decided = true;
	judge->decided = digest;
	if (!is_known(judge, digest)) {
		blame(judge, "a value decided that nobody proposed");
	}
	demand(judge, judge->is_chosen && peal_hash128_equals(judge->chosen, digest),
		"a value decided that is not chosen");
}
