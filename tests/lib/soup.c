/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/soup.h"

#include "control/validity.h"
#include "tests/lib/soup_private.h"
#include "wire/messages.h"

#include <string.h>

#define STEPS_MAX 200000U
#define NEVER     UINT64_MAX

/* Time after the faults in which everybody must decide, in T0. */
#define RECOVERY_FACTOR 60U

/* Large and reused; one run at a time. */
static struct peal_soup soup_memory;

/* Steps of nodes. */

/* Own promises are made without a message. */
static void
judge_own_promise(struct peal_soup *soup, uint16_t rank, uint32_t attempts_count)
{
	const struct peal_consensus *consensus = &soup->nodes[rank].consensus;
	struct peal_ballot_msg promise = {.kind = PEAL_MESSAGE_P1B,
		.ballot = consensus->coordinator.ballot,
		.vrnd = consensus->acceptor.p1b_vrnd,
		.digest = consensus->acceptor.p1b_vdigest};

	if (consensus->coordinator.attempts_count != attempts_count) {
		peal_judge_on_promise_counted(&soup->judge, rank, &promise);
	}
}

static void
announce_decision(struct peal_soup *soup, uint16_t from, uint16_t to)
{
	const struct peal_consensus *consensus = &soup->nodes[from].consensus;
	struct peal_ballot_msg message = {
		.kind = PEAL_MESSAGE_DECIDE, .ballot = consensus->decided_ballot};

	if (peal_soup_is_two_faced(soup, from)) {
		return;
	}
	peal_soup_put_value(&message, &peal_consensus_decided(consensus)->proposal);
	peal_soup_say(soup, from, to, &message);
}

/* Carries out one effect of the node at `rank`. */
static void
carry_out(
	struct peal_soup *soup, uint16_t rank, uint32_t index, const struct peal_ballot_msg *asked)
{
	const struct peal_effect *effect = &soup->outbox.effects[index];
	const uint8_t *bytes = peal_outbox_body(&soup->outbox, index);
	uint16_t to = effect->kind == PEAL_EFFECT_SEND_MEMBER ? effect->rank : PEAL_RANK_NONE;
	static struct peal_ballot_msg message;
	struct peal_hash128 digest;

	if (effect->kind == PEAL_EFFECT_WANT) {
		memcpy(&digest, bytes, sizeof(digest));
		peal_soup_want(soup, rank, digest);
		return;
	}
	if (effect->kind == PEAL_EFFECT_VOTE) {
		PEAL_ASSERT(soup->is_large);
		peal_soup_read_key(bytes, &message);
	} else {
		struct peal_reader reader = peal_reader_init(bytes, effect->body_size);
		bool is_readable = peal_ballot_msg_decode(effect->message, &reader, &message);

		PEAL_ASSERT(is_readable);
	}
	if (!peal_soup_twist(soup, rank, to, &message, asked)) {
		peal_soup_say(soup, rank, to, &message);
	}
}

/* Carries out what a step of the node at `rank` wants; `asked` is the message that it answers. */
static void
finish_step(struct peal_soup *soup, uint16_t rank, const struct peal_ballot_msg *asked)
{
	struct peal_soup_node *node = &soup->nodes[rank];

	for (uint32_t i = 0; i < soup->outbox.count; i++) {
		carry_out(soup, rank, i, asked);
	}
	peal_outbox_reset(&soup->outbox);
	if (!peal_soup_is_two_faced(soup, rank)) {
		peal_judge_on_state(&soup->judge, rank, &node->consensus.acceptor);
	}
	if (node->consensus.is_decided && !node->is_reported) {
		node->is_reported = true;
		if (!peal_soup_is_two_faced(soup, rank)) {
			peal_judge_on_decided(&soup->judge, node->consensus.decided_digest);
		}
		announce_decision(soup, rank, PEAL_RANK_NONE);
	}
}

/* LEAVE, with the vote if the acceptor allows it. */
static void
say_leave(struct peal_soup *soup, uint16_t from, uint16_t subject)
{
	const struct peal_soup_node *node = &soup->nodes[subject];
	struct peal_soup_mail mail = {.from = from,
		.form = PEAL_SOUP_LEAVE,
		.leaver = subject,
		.has_vote = node->leave_has_vote,
		.digest = node->leave_digest};

	for (uint16_t rank = 0; rank < soup->view.members_count; rank++) {
		mail.to = rank;
		peal_soup_carry(soup, &mail);
	}
}

static void
leave(struct peal_soup *soup, uint16_t rank)
{
	struct peal_soup_node *node = &soup->nodes[rank];
	struct peal_proposal value = peal_soup_build_leave(soup, rank);
	struct peal_ballot_msg vote = {.kind = PEAL_MESSAGE_VOTE, .ballot = PEAL_BALLOT_FAST};

	node->leave_at_ns = NEVER;
	if (node->consensus.is_decided) {
		return;
	}
	peal_bitset_add(&node->willing, rank);
	peal_soup_put_value(&vote, &value);
	node->leave_digest = vote.digest;
	peal_judge_on_proposed(&soup->judge, vote.digest);
	node->leave_has_vote =
		peal_consensus_vote_to_leave(&node->consensus, soup->now_ns, &node->leave_digest);
	if (soup->plan.fault == PEAL_SOUP_LEAVE_ANYWAY && node->is_buggy) {
		node->leave_has_vote = true;
	}
	if (node->leave_has_vote) {
		peal_judge_on_sent(&soup->judge, rank, &vote);
	}
	finish_step(soup, rank, NULL);
	say_leave(soup, rank, rank);
}

static void
hear_leave(struct peal_soup *soup, const struct peal_soup_mail *mail)
{
	struct peal_soup_node *node = &soup->nodes[mail->to];
	uint16_t subject = mail->leaver;
	uint32_t attempts_count = node->consensus.coordinator.attempts_count;

	if (!peal_bitset_has(&node->willing, subject)) {
		/* Everybody passes a LEAVE on once: it is flooded. */
		peal_bitset_add(&node->willing, subject);
		say_leave(soup, mail->to, subject);
	}
	if (!mail->has_vote || subject == mail->to) {
		return;
	}
	if (soup->plan.fault == PEAL_SOUP_LEAVE_COUNTS_TWICE && node->is_buggy) {
		const struct peal_body *own = peal_values_find(
			&node->consensus.values, node->consensus.coordinator.own_digest);
		struct peal_ballot_msg vote = {
			.kind = PEAL_MESSAGE_VOTE, .ballot = PEAL_BALLOT_FAST};

		if (own != NULL && peal_bitset_has(&own->proposal.removals, subject)) {
			peal_soup_put_value(&vote, &own->proposal);
			peal_judge_on_sent(&soup->judge, subject, &vote);
			peal_consensus_on_message(
				&node->consensus, subject, &vote, soup->now_ns, &soup->outbox);
			finish_step(soup, mail->to, NULL);
			return;
		}
	}
	peal_consensus_on_leave_vote(
		&node->consensus, subject, mail->digest, soup->now_ns, &soup->outbox);
	judge_own_promise(soup, mail->to, attempts_count);
	finish_step(soup, mail->to, NULL);
}

/* What the members that a coordinator counted by this mail had said to it. */
static void
judge_promises(
	struct peal_soup *soup, const struct peal_soup_mail *mail, const struct peal_bitset *before)
{
	const struct peal_coordinator *coordinator = &soup->nodes[mail->to].consensus.coordinator;
	static struct peal_ballot_msg promise;

	if (mail->message != PEAL_MESSAGE_P1B ||
		peal_ballot_compare(mail->ballot, coordinator->ballot) != 0) {
		return;
	}
	peal_soup_open(mail, &promise);
	for (uint16_t rank = 0; rank < soup->view.members_count; rank++) {
		if (rank != mail->to && peal_bitset_has(&coordinator->responders, rank) &&
			!peal_bitset_has(before, rank)) {
			peal_judge_on_promise_counted(&soup->judge, rank, &promise);
		}
	}
}

static void
hear_agreement(struct peal_soup *soup, const struct peal_soup_mail *mail)
{
	struct peal_consensus *consensus = &soup->nodes[mail->to].consensus;
	struct peal_bitset before = consensus->coordinator.responders;
	uint32_t attempts_count = consensus->coordinator.attempts_count;
	static struct peal_ballot_msg message;

	peal_soup_open(mail, &message);
	if (mail->form == PEAL_SOUP_VOTES) {
		struct peal_vote_key key = peal_soup_key(mail);
		struct peal_bitset ranks = peal_soup_merge(soup, mail);

		peal_consensus_on_votes(consensus, &key, &ranks, soup->now_ns, &soup->outbox);
	} else if (mail->form == PEAL_SOUP_BODY) {
		peal_consensus_on_body(consensus, mail->value, soup->now_ns, &soup->outbox);
	} else {
		peal_consensus_on_message(
			consensus, mail->from, &message, soup->now_ns, &soup->outbox);
	}
	judge_promises(soup, mail, &before);
	judge_own_promise(soup, mail->to, attempts_count);
	finish_step(soup, mail->to, mail->form == PEAL_SOUP_BODY ? NULL : &message);
}

static void
hear(struct peal_soup *soup, const struct peal_soup_mail *mail)
{
	const struct peal_consensus *consensus = &soup->nodes[mail->to].consensus;

	soup->result.trace_hash = peal_hash_mix(
		soup->result.trace_hash ^ soup->now_ns ^ ((uint64_t)mail->message << 56) ^
		((uint64_t)mail->from << 48) ^ ((uint64_t)mail->to << 40) ^
		((uint64_t)mail->form << 32) ^ mail->ranks ^ mail->digest.low);
	if (mail->form == PEAL_SOUP_LEAVE) {
		hear_leave(soup, mail);
	} else if (mail->form == PEAL_SOUP_WANT) {
		peal_soup_answer_want(soup, mail);
	} else if (!consensus->is_decided) {
		hear_agreement(soup, mail);
	} else if (mail->form != PEAL_SOUP_BODY && mail->message != PEAL_MESSAGE_DECIDE) {
		announce_decision(soup, mail->to, mail->from);
	}
}

static void
propose(struct peal_soup *soup, uint16_t rank, uint32_t value_index, bool fast)
{
	struct peal_soup_node *node = &soup->nodes[rank];
	const struct peal_proposal *value = &soup->values[value_index];
	struct peal_coordinator *coordinator = &node->consensus.coordinator;
	uint32_t attempts_count = coordinator->attempts_count;

	if (node->consensus.is_decided) {
		return;
	}
	if (peal_validity_is_held(&soup->view, &node->willing, value)) {
		peal_judge_on_proposed(&soup->judge, peal_proposal_digest(value));
		peal_soup_forge_vote(soup, rank, value);
	}
	if (!peal_consensus_propose(&node->consensus, value, fast, soup->now_ns, &soup->outbox)) {
		/* No room: it comes back with it. */
		node->propose_at_ns = soup->now_ns + soup->timing.flood_ns;
	}
	judge_own_promise(soup, rank, attempts_count);
	finish_step(soup, rank, NULL);
}

/* A fault of the network or of a processor, now and then. */
static void
disturb(struct peal_soup *soup)
{
	uint32_t count = soup->view.members_count;
	uint64_t until_ns = soup->now_ns + peal_soup_below(soup, 5U * soup->timing.fallback_ns);
	uint64_t from;

	if (soup->is_healed || !peal_soup_percent(soup, 2)) {
		return;
	}
	if (peal_soup_percent(soup, 50)) {
		soup->nodes[peal_soup_below(soup, count)].stalled_until_ns = until_ns;
		return;
	}
	/* Drawn one after the other: in one expression every compiler has its own order. */
	from = peal_soup_below(soup, count);
	soup->cut_until_ns[from][peal_soup_below(soup, count)] = until_ns;
}

/* The faults end. Somebody alive has a value; who asked to leave still does. */
static void
heal(struct peal_soup *soup)
{
	uint16_t first = PEAL_RANK_NONE;
	bool has_value = false;

	soup->is_healed = true;
	soup->remind_at_ns = soup->now_ns;
	for (uint16_t rank = 0; rank < soup->view.members_count; rank++) {
		struct peal_soup_node *node = &soup->nodes[rank];

		node->stalled_until_ns = 0;
		if (!peal_soup_is_alive(soup, rank)) {
			continue;
		}
		first = first == PEAL_RANK_NONE ? rank : first;
		has_value = has_value || node->consensus.is_decided ||
			    node->consensus.coordinator.has_own;
		for (uint16_t subject = 0; subject < soup->view.members_count; subject++) {
			if (peal_bitset_has(&node->willing, subject)) {
				say_leave(soup, rank, subject);
			}
		}
	}
	if (!has_value) {
		propose(soup, first, 0, true);
	}
}

static void
remind(struct peal_soup *soup)
{
	soup->remind_at_ns = soup->now_ns + soup->timing.fallback_ns;
	for (uint16_t rank = 0; rank < soup->view.members_count; rank++) {
		if (peal_soup_is_alive(soup, rank) && soup->nodes[rank].consensus.is_decided) {
			announce_decision(soup, rank, PEAL_RANK_NONE);
		}
	}
}

/* The next instant of a node, whatever it is for; not before its stall ends. */
static uint64_t
node_at_ns(const struct peal_soup *soup, uint16_t rank)
{
	const struct peal_soup_node *node = &soup->nodes[rank];
	uint64_t at_ns = peal_consensus_deadline_at_ns(&node->consensus);

	if (!peal_soup_is_alive(soup, rank)) {
		return NEVER;
	}
	at_ns = node->propose_at_ns < at_ns ? node->propose_at_ns : at_ns;
	at_ns = node->leave_at_ns < at_ns ? node->leave_at_ns : at_ns;
	return at_ns < node->stalled_until_ns ? node->stalled_until_ns : at_ns;
}

static void
act(struct peal_soup *soup, uint16_t rank)
{
	struct peal_soup_node *node = &soup->nodes[rank];
	uint32_t attempts_count = node->consensus.coordinator.attempts_count;
	uint32_t value_index;

	if (soup->now_ns >= node->propose_at_ns) {
		/* It may change its mind, but not for ever. */
		node->propose_at_ns =
			peal_soup_percent(soup, 40)
				? soup->now_ns +
					  peal_soup_below(soup, 4U * soup->timing.fallback_ns)
				: NEVER;
		value_index = (uint32_t)peal_soup_below(soup, soup->values_count);
		propose(soup, rank, value_index, peal_soup_percent(soup, 90));
		return;
	}
	if (soup->now_ns >= node->leave_at_ns) {
		leave(soup, rank);
		return;
	}
	peal_consensus_on_tick(&node->consensus, soup->now_ns, &soup->outbox);
	judge_own_promise(soup, rank, attempts_count);
	finish_step(soup, rank, NULL);
}

static bool
is_over(const struct peal_soup *soup)
{
	if (soup->judge.violation != NULL) {
		return true;
	}
	for (uint16_t rank = 0; rank < soup->view.members_count; rank++) {
		if ((!soup->is_healed || peal_soup_is_alive(soup, rank)) &&
			!soup->nodes[rank].consensus.is_decided) {
			return false;
		}
	}
	return true;
}

/* One event: the earliest of mail, nodes, healing and reminders. False: nothing is left to happen.
 */
static bool
step(struct peal_soup *soup)
{
	uint64_t at_ns = soup->is_healed ? soup->remind_at_ns : soup->healed_at_ns;
	uint16_t actor = PEAL_RANK_NONE;
	bool is_mail = soup->mail_count > 0 && soup->mail[soup->heap[0]].at_ns < at_ns;
	struct peal_soup_mail mail;

	at_ns = is_mail ? soup->mail[soup->heap[0]].at_ns : at_ns;
	for (uint16_t rank = 0; rank < soup->view.members_count; rank++) {
		uint64_t node_ns = node_at_ns(soup, rank);

		if (node_ns < at_ns) {
			at_ns = node_ns;
			actor = rank;
		}
	}
	soup->now_ns = at_ns > soup->now_ns ? at_ns : soup->now_ns;
	if (soup->is_healed &&
		soup->now_ns > soup->healed_at_ns + RECOVERY_FACTOR * soup->timing.fallback_ns) {
		return false;
	}
	disturb(soup);
	if (actor != PEAL_RANK_NONE) {
		act(soup, actor);
	} else if (is_mail) {
		peal_soup_pop(soup, &mail);
		if (soup->now_ns < soup->nodes[mail.to].stalled_until_ns) {
			mail.at_ns = soup->nodes[mail.to].stalled_until_ns;
			peal_soup_push(soup, &mail);
		} else if (peal_soup_is_alive(soup, mail.to)) {
			hear(soup, &mail);
		}
	} else if (soup->is_healed) {
		remind(soup);
	} else {
		heal(soup);
	}
	return true;
}

uint64_t
peal_soup_fallback_ns(void)
{
	struct peal_timing timing;
	bool is_found = peal_timing_find("dpdk", &timing);

	PEAL_ASSERT(is_found);
	return timing.fallback_ns;
}

struct peal_soup_result
peal_soup_run(const struct peal_soup_plan *plan)
{
	struct peal_soup *soup = &soup_memory;
	struct peal_soup_result *result = &soup->result;

	peal_soup_draw(soup, plan);
	while (!is_over(soup) && step(soup)) {
		result->steps_count++;
		PEAL_ASSERT(result->steps_count < STEPS_MAX);
	}
	result->violation = soup->judge.violation;
	result->members_count = soup->view.members_count;
	result->all_decided = true;
	for (uint16_t rank = 0; rank < soup->view.members_count; rank++) {
		const struct peal_soup_node *node = &soup->nodes[rank];

		result->fast_count +=
			(uint32_t)peal_counter_get(&node->counters, PEAL_COUNTER_DECISIONS_FAST);
		result->classic_count +=
			(uint32_t)peal_counter_get(&node->counters, PEAL_COUNTER_DECISIONS_CLASSIC);
		result->learned_count +=
			(uint32_t)peal_counter_get(&node->counters, PEAL_COUNTER_DECISIONS_LEARNED);
		result->ballots_count +=
			(uint32_t)peal_counter_get(&node->counters, PEAL_COUNTER_BALLOTS_STARTED);
		if (node->crash_at_ns == NEVER) {
			result->alive_count++;
		}
		if (peal_soup_is_alive(soup, rank) && !node->consensus.is_decided) {
			result->all_decided = false;
		}
	}
	if (soup->is_healed) {
		result->recovery_ns = soup->now_ns - soup->healed_at_ns;
	}
	result->is_large = soup->is_large;
	peal_soup_end_bodies(soup);
	return *result;
}
