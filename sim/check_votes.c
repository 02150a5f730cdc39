/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/check_votes.h"

#include "base/assert.h"
#include "dataplane/headers.h"
#include "wire/flood_msg.h"
#include "wire/frame.h"
#include "wire/join_msg.h"
#include "wire/messages.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void
peal_check_votes_init(
	struct peal_check_votes *check, uint16_t nodes_count, struct peal_report *report)
{
	memset(check, 0, sizeof(*check));
	check->report = report;
	check->nodes_count = nodes_count;
	check->shadows = calloc(nodes_count, sizeof(check->shadows[0]));
	check->sent = calloc(nodes_count, sizeof(check->sent[0]));
	PEAL_ASSERT(check->shadows != NULL);
	PEAL_ASSERT(check->sent != NULL);
}

void
peal_check_votes_fini(struct peal_check_votes *check)
{
	free(check->shadows);
	free(check->sent);
	check->shadows = NULL;
	check->sent = NULL;
}

static struct peal_check_acceptance *
find_record(struct peal_check_votes *check, uint64_t epoch, uint32_t view_tag,
	struct peal_ballot ballot, struct peal_hash128 digest)
{
	struct peal_check_acceptance *record;

	for (uint32_t i = 0; i < PEAL_CHECK_VOTES_RECORDS_MAX; i++) {
		record = &check->records[i];
		if (record->epoch == epoch && record->view_tag == view_tag &&
			peal_ballot_compare(record->ballot, ballot) == 0 &&
			peal_hash128_equals(record->digest, digest)) {
			return record;
		}
	}
	record = &check->records[check->next_record++ % PEAL_CHECK_VOTES_RECORDS_MAX];
	*record = (struct peal_check_acceptance){
		.epoch = epoch, .view_tag = view_tag, .ballot = ballot, .digest = digest};
	return record;
}

static void
note_acceptance(struct peal_check_votes *check, const struct peal_check_shadow *member,
	struct peal_ballot ballot, struct peal_hash128 digest)
{
	struct peal_check_acceptance *record =
		find_record(check, member->epoch, member->view_tag, ballot, digest);

	peal_bitset_add(&record->members, member->rank);
}

static void
note_gone(struct peal_check_acceptance *record, uint32_t mid)
{
	for (uint32_t i = 0; i < record->gone_count; i++) {
		if (record->gone_mids[i] == mid) {
			return;
		}
	}
	if (record->gone_count < PEAL_CHECK_VOTES_GONE_MAX) {
		record->gone_mids[record->gone_count++] = mid;
	}
}

static bool
is_unmoved(const struct peal_acceptor *before, const struct peal_acceptor *after)
{
	return peal_ballot_compare(before->promised, after->promised) == 0 &&
	       peal_ballot_compare(before->vrnd, after->vrnd) == 0 &&
	       peal_hash128_equals(before->vdigest, after->vdigest);
}

/* One acceptor before and after a step of the same epoch. */
static void
check_move(struct peal_check_votes *check, uint16_t index, const struct peal_acceptor *before,
	const struct peal_acceptor *after, uint64_t now_ns)
{
	bool is_vote_new = after->vrnd.round == 1U && before->vrnd.round == 0;

	if (peal_ballot_compare(after->promised, before->promised) < 0) {
		peal_report_violate(check->report, now_ns,
			"n%u: its promise fell from (%u,%u) to (%u,%u)", index,
			before->promised.round, before->promised.index, after->promised.round,
			after->promised.index);
	}
	if (peal_ballot_compare(after->vrnd, before->vrnd) < 0) {
		peal_report_violate(check->report, now_ns,
			"n%u: what it accepted at (%u,%u) was replaced by something older", index,
			before->vrnd.round, before->vrnd.index);
	}
	if (before->vrnd.round != 0 && peal_ballot_compare(after->vrnd, before->vrnd) == 0 &&
		!peal_hash128_equals(after->vdigest, before->vdigest)) {
		peal_report_violate(check->report, now_ns,
			"n%u: accepted a second value at (%u,%u)", index, before->vrnd.round,
			before->vrnd.index);
	}
	if (is_vote_new && before->promised.round >= 2U) {
		peal_report_violate(check->report, now_ns,
			"n%u: voted fast after it promised (%u,%u)", index, before->promised.round,
			before->promised.index);
	}
	if (after->vrnd.round >= 2U && peal_ballot_compare(after->vrnd, before->vrnd) != 0 &&
		peal_ballot_compare(after->vrnd, before->promised) < 0) {
		peal_report_violate(check->report, now_ns,
			"n%u: accepted at (%u,%u) below its promise (%u,%u)", index,
			after->vrnd.round, after->vrnd.index, before->promised.round,
			before->promised.index);
	}
}

void
peal_check_votes_on_step(struct peal_check_votes *check, uint16_t index, uint32_t incarnation,
	const struct peal_view *view, uint16_t rank, const struct peal_acceptor *acceptor,
	uint64_t now_ns)
{
	struct peal_check_shadow *shadow = &check->shadows[index];
	bool is_same = shadow->incarnation == incarnation && shadow->epoch == view->epoch &&
		       shadow->view_tag == peal_view_tag(view);

	if (is_same && is_unmoved(&shadow->acceptor, acceptor)) {
		return; /* nearly always */
	}
	if (is_same) {
		check_move(check, index, &shadow->acceptor, acceptor, now_ns);
	}
	shadow->incarnation = incarnation;
	shadow->epoch = view->epoch;
	shadow->mid = view->members[rank].mid;
	shadow->view_tag = peal_view_tag(view);
	shadow->rank = rank;
	shadow->acceptor = *acceptor;
	if (acceptor->vrnd.round != 0) {
		note_acceptance(check, shadow, acceptor->vrnd, acceptor->vdigest);
	}
}

/* A fast vote leaves a node: for one value in one epoch. */
static void
check_sent(struct peal_check_votes *check, uint16_t index, const struct peal_header *header,
	const struct peal_flood_prefix *prefix, struct peal_hash128 digest, uint64_t now_ns)
{
	struct peal_check_sent *sent = &check->sent[index];

	if (prefix->origin != header->src) {
		return; /* somebody else's vote, passed on */
	}
	if (sent->mid == header->src && sent->epoch == header->epoch &&
		sent->view_tag == prefix->view_tag) {
		if (!peal_hash128_equals(sent->digest, digest)) {
			peal_report_violate(check->report, now_ns,
				"n%u: member %u sent votes for two values in epoch %u", index,
				header->src, header->epoch);
		}
		return;
	}
	*sent = (struct peal_check_sent){.mid = header->src,
		.epoch = header->epoch,
		.view_tag = prefix->view_tag,
		.digest = digest};
}

/* What a message says that its sender accepted. */
static bool
read_acceptance(uint8_t kind, struct peal_reader *reader, struct peal_ballot *ballot_out,
	struct peal_hash128 *digest_out)
{
	if (kind == PEAL_MESSAGE_LEAVE) {
		struct peal_leave_msg leave;

		*ballot_out = PEAL_BALLOT_FAST;
		if (!peal_leave_msg_decode(reader, &leave)) {
			return false;
		}
		*digest_out = leave.digest;
		return leave.has_vote;
	}
	/* An acceptance that decides is not sent any more: the decider's DECIDE stands for its own.
	 */
	if (kind == PEAL_MESSAGE_VOTE || kind == PEAL_MESSAGE_P1B || kind == PEAL_MESSAGE_P2B ||
		kind == PEAL_MESSAGE_DECIDE) {
		struct peal_ballot_msg message;

		if (!peal_ballot_msg_decode(kind, reader, &message)) {
			return false;
		}
		*ballot_out = kind == PEAL_MESSAGE_P1B ? message.vrnd : message.ballot;
		*digest_out = message.digest;
		return ballot_out->round != 0;
	}
	return false;
}

void
peal_check_votes_on_frame(struct peal_check_votes *check, uint16_t index, const uint8_t *bytes,
	uint32_t size, uint64_t now_ns)
{
	const struct peal_check_shadow *shadow = &check->shadows[index];
	uint32_t payload_size;
	const uint8_t *payload = peal_headers_payload(bytes, size, &payload_size);
	struct peal_header header;
	struct peal_flood_prefix prefix;
	struct peal_reader reader;
	struct peal_ballot ballot = {0};
	struct peal_hash128 digest = {0};

	if (payload == NULL || payload_size < PEAL_HEADER_SIZE ||
		payload[3] < (PEAL_FAMILY_FLOOD << 4)) {
		return; /* ARP, ICMP, joining, liveness: nothing that binds anybody */
	}
	if (peal_frame_decode(payload, payload_size, &header) != PEAL_REFUSAL_NONE) {
		peal_report_violate(check->report, now_ns, "n%u sent a frame that is none", index);
		return;
	}
	reader = peal_reader_init(payload + PEAL_HEADER_SIZE, header.body_size);
	if (!peal_flood_prefix_decode(&reader, &prefix) ||
		!read_acceptance(header.kind, &reader, &ballot, &digest)) {
		return;
	}
	if (header.kind != PEAL_MESSAGE_DECIDE &&
		peal_ballot_compare(ballot, PEAL_BALLOT_FAST) == 0) {
		check_sent(check, index, &header, &prefix, digest, now_ns);
	}
	/* The shadow says which rank the sender has, as long as it still is in the epoch of the
	 * frame. */
	if ((uint32_t)shadow->epoch == header.epoch && shadow->view_tag == prefix.view_tag &&
		(uint32_t)shadow->mid == header.src && prefix.origin == header.src) {
		note_acceptance(check, shadow, ballot, digest);
	} else if (prefix.origin == header.src) {
		note_gone(find_record(check, header.epoch, prefix.view_tag, ballot, digest),
			header.src);
	}
}

/* The cut that leads from `parent` to `view`, as it was voted on. */
static void
rebuild_cut(const struct peal_view *parent, const struct peal_view *view,
	struct peal_member *additions_out, struct peal_proposal *proposal_out)
{
	memset(proposal_out, 0, sizeof(*proposal_out));
	proposal_out->parent_epoch = parent->epoch;
	proposal_out->parent_hash = parent->hash;
	proposal_out->additions = additions_out;
	for (uint16_t rank = 0; rank < parent->members_count; rank++) {
		if (peal_view_find_mid(view, parent->members[rank].mid) == PEAL_RANK_NONE) {
			peal_bitset_add(&proposal_out->removals, rank);
		}
	}
	for (uint16_t rank = 0; rank < view->members_count; rank++) {
		if (peal_view_find_mid(parent, view->members[rank].mid) == PEAL_RANK_NONE &&
			proposal_out->additions_count < PEAL_ADDITIONS_MAX) {
			struct peal_member *addition =
				&additions_out[proposal_out->additions_count++];

			*addition = view->members[rank];
			addition->mid = 0;
		}
	}
	for (uint32_t i = 0; i < view->ordergroups_count; i++) {
		const struct peal_ordergroup *group = &view->ordergroups[i];
		const struct peal_ordergroup *before = peal_view_find_ordergroup(parent, group->id);

		if (before == NULL || !peal_ordergroup_equals(before, group)) {
			proposal_out->ordergroup = *group;
		}
	}
}

/*
 * What a set of members weighs, and what decides. Written once more here: a checker that asked the
 * code that is to be checked would believe it. paper: FASTPAXOS 3.1, the weights of 0001.
 */
static bool
may_decide(const struct peal_view *view, const struct peal_bitset *members, bool is_fast)
{
	uint32_t members_count = view->members_count;
	uint16_t tie_rank = peal_view_find_mid(view, view->tie_mid);
	uint32_t slack = 2U * (members_count / 4U) + (members_count % 4U != 0 ? 1U : 0U);
	uint32_t weight = 2U * peal_bitset_count(members);

	if (tie_rank != PEAL_RANK_NONE && peal_bitset_has(members, tie_rank)) {
		weight++;
	}
	return weight >= (is_fast ? 2U * members_count + 1U - slack : members_count + 1U);
}

void
peal_check_votes_on_decision(struct peal_check_votes *check, const struct peal_view *parent,
	const struct peal_view *view, uint16_t rank, uint64_t now_ns)
{
	struct peal_bitset alone = {{0}};
	struct peal_member *additions;
	struct peal_proposal proposal;
	struct peal_hash128 digest;
	uint32_t best_count = 0;

	if (rank != PEAL_RANK_NONE) {
		peal_bitset_add(&alone, rank);
		if (may_decide(parent, &alone, false)) {
			return; /* nobody else had to be asked */
		}
	}
	additions = malloc(view->members_count * sizeof(additions[0]));
	PEAL_ASSERT(additions != NULL);
	rebuild_cut(parent, view, additions, &proposal);
	digest = peal_proposal_digest(&proposal);
	free(additions);
	for (uint32_t i = 0; i < PEAL_CHECK_VOTES_RECORDS_MAX; i++) {
		const struct peal_check_acceptance *record = &check->records[i];
		struct peal_bitset members = record->members;
		bool is_fast = record->ballot.round == 1U;

		if (record->epoch != parent->epoch || record->view_tag != peal_view_tag(parent) ||
			!peal_hash128_equals(record->digest, digest)) {
			continue;
		}
		members = peal_bitset_union(&members, &alone);
		for (uint32_t gone = 0; gone < record->gone_count; gone++) {
			uint16_t gone_rank = peal_view_find_mid(parent, record->gone_mids[gone]);

			if (gone_rank != PEAL_RANK_NONE) {
				peal_bitset_add(&members, gone_rank);
			}
		}
		if (may_decide(parent, &members, is_fast)) {
			return;
		}
		best_count = peal_bitset_count(&members) > best_count ? peal_bitset_count(&members)
								      : best_count;
	}
	peal_report_violate(check->report, now_ns,
		"epoch %" PRIu64 " was installed, but only %u of %u members accepted that cut",
		view->epoch, best_count, parent->members_count);
}
