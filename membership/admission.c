/* SPDX-License-Identifier: BSD-3-Clause */
#include "membership/admission.h"

#include "base/assert.h"
#include "base/museum.h"
#include "membership/nextview.h"
#include "wire/flood_msg.h"
#include "wire/messages.h"

#include <string.h>

/* A living member speaks once in a jittered probe interval; so much of one it must have been
 * silent. */
#define PATIENCE_PERCENT 120U

/* Requests that an introducer asks for at most. */
#define REQUESTS_PER_MS 20U
/* In a large group: the sequencer and its two alternates, each asked twice. */
#define ALTERNATES_MAX    3U
#define FORWARDS_PER_TURN 2U
/* Joiners passed on in one tick. */
#define FORWARDS_PER_TICK 2048U
/* What does not fit one tick goes on this much later. */
#define STALL_NS           UINT64_C(100000)
#define NANOSECONDS_PER_MS UINT64_C(1000000)

void
peal_admission_init(struct peal_admission *admission, const struct peal_admission_config *config)
{
	struct peal_sequencer_config sequencer = {.timing = config->timing,
		.view = config->view,
		.counters = config->counters,
		.applicants = &admission->applicants,
		.bodies = config->bodies,
		.self = config->self,
		.members_max = config->members_max,
		.secret = config->secret,
		.heard_at_ns = config->heard_at_ns,
		.heard_state = config->heard_state};

	PEAL_ASSERT(admission->applicants.count == 0);

	admission->config = *config;
	admission->self_rank = PEAL_RANK_NONE;
	admission->stall_until_ns = 0;
	admission->batch_until_ns = 0;
	admission->again_at_ns = UINT64_MAX;
	memset(&admission->tombstones, 0, sizeof(admission->tombstones));
	peal_sequencer_init(&admission->sequencer, &sequencer);
}

void
peal_admission_end(struct peal_admission *admission)
{
	peal_sequencer_end(&admission->sequencer);
	peal_applicants_clear(&admission->applicants);
}

void
peal_admission_bury(struct peal_admission *admission, struct peal_uuid uuid)
{
	peal_tombstones_add(&admission->tombstones, uuid);
}

bool
peal_admission_is_buried(const struct peal_admission *admission, struct peal_uuid uuid)
{
	return peal_tombstones_has(&admission->tombstones, uuid);
}

static uint32_t
introduced_count(const struct peal_admission *admission)
{
	return peal_applicants_queue_count(&admission->applicants, PEAL_QUEUE_ASKED);
}

/* T_fwd, and longer when there are many. */
static uint64_t
forward_ns(const struct peal_admission *admission)
{
	return admission->config.timing->join_forward_ns +
	       introduced_count(admission) * PEAL_SEQUENCER_FORWARD_EACH_NS;
}

uint32_t
peal_admission_retry_ms(const struct peal_admission *admission)
{
	uint64_t usual_ms = admission->config.timing->join_forward_ns / NANOSECONDS_PER_MS;
	uint64_t fair_ms = introduced_count(admission) / REQUESTS_PER_MS;

	return (uint32_t)(fair_ms > usual_ms ? fair_ms : usual_ms);
}

static uint64_t
request_expiry_ns(const struct peal_admission *admission)
{
	uint64_t retry_ns = peal_admission_retry_ms(admission) * NANOSECONDS_PER_MS;
	uint64_t usual_ns = forward_ns(admission);

	return PEAL_SEQUENCER_EXPIRY_FORWARDS * (retry_ns > usual_ns ? retry_ns : usual_ns);
}

/* Not introduced by this member any more. */
static void
drop_introduced(struct peal_admission *admission, uint16_t index)
{
	admission->applicants.places[index].is_introduced = false;
	peal_applicants_take_out(&admission->applicants, index, PEAL_CHAIN_ASKED);
	peal_applicants_take_out(&admission->applicants, index, PEAL_CHAIN_FORWARD);
}

static void
forget(struct peal_admission *admission, uint16_t index)
{
	peal_sequencer_drop(&admission->sequencer, index);
	peal_applicants_remove(&admission->applicants, index);
}

static void
forget_if_unused(struct peal_admission *admission, uint16_t index)
{
	const struct peal_applicant *applicant = &admission->applicants.places[index];

	if (!applicant->is_item && !applicant->is_introduced) {
		forget(admission, index);
	}
}

static void
answer(const struct peal_admission *admission, const struct peal_join_request *request,
	const struct peal_address *to, enum peal_join_status status, const uint8_t cookie[16],
	struct peal_outbox *out)
{
	struct peal_effect effect = {.kind = PEAL_EFFECT_SEND_ADDRESS,
		.message = PEAL_MESSAGE_JOIN_ANSWER,
		.address = *to};
	struct peal_join_answer message = {.status = (uint8_t)status,
		.retry_ms = peal_admission_retry_ms(admission),
		.candidate = request->member.uuid,
		.answerer = admission->config.self};
	struct peal_writer writer = peal_outbox_open(out, &effect, PEAL_BODY_SIZE_MAX);

	if (cookie != NULL) {
		memcpy(message.cookie, cookie, sizeof(message.cookie));
	}
	peal_join_answer_encode(&message, &writer);
	peal_outbox_commit(out, &writer);
}

/* The place of a member by its address and uuid. Another incarnation of either gives way. */
static uint16_t
place_of(struct peal_admission *admission, const struct peal_member *member,
	const struct peal_metadata_tag *tag)
{
	struct peal_applicants *applicants = &admission->applicants;
	uint16_t index = peal_applicants_find_address(applicants, &member->address);

	if (index != PEAL_APPLICANT_NONE &&
		!peal_uuid_equals(applicants->places[index].member.uuid, member->uuid)) {
		forget(admission, index);
		index = PEAL_APPLICANT_NONE;
	}
	if (index != PEAL_APPLICANT_NONE) {
		return index;
	}
	index = peal_applicants_find_uuid(applicants, member->uuid);
	if (index != PEAL_APPLICANT_NONE) {
		forget(admission, index);
	}
	return peal_applicants_add(applicants, member, tag);
}

/* True when the view would have more metadata than it may, with the joiner in place of whoever has
 * its address. */
static bool
is_metadata_full(const struct peal_view *view, const struct peal_join_request *request)
{
	uint16_t replaced = peal_view_find_address(view, &request->member.address);

	return peal_nextview_metadata_after(view, view->metadata_size, replaced,
		       request->tag.size) > PEAL_VIEW_METADATA_BYTES_MAX;
}

static bool
remember(struct peal_admission *admission, const struct peal_join_request *request,
	const struct peal_address *from, uint64_t now_ns)
{
	uint16_t index = place_of(admission, &request->member, &request->tag);
	struct peal_applicant *applicant = NULL;

	if (index == PEAL_APPLICANT_NONE) {
		return false;
	}
	peal_sequencer_renew(&admission->sequencer, index, &request->member, &request->tag);
	applicant = &admission->applicants.places[index];
	if (!applicant->is_introduced) {
		applicant->is_introduced = true;
		applicant->attempts_count = 0;
		peal_applicants_put(&admission->applicants, index, PEAL_QUEUE_FRESH);
		peal_counter_add(admission->config.counters, PEAL_COUNTER_JOINS_STARTED, 1);
	}
	applicant->reply_to = *from;
	applicant->asked_at_ns = now_ns;
	peal_applicants_put(&admission->applicants, index, PEAL_QUEUE_ASKED);
	return true;
}

bool
peal_admission_on_request(struct peal_admission *admission, const struct peal_join_request *request,
	const struct peal_address *from, const uint8_t cookie_now[16],
	const uint8_t cookie_before[16], uint64_t now_ns, struct peal_outbox *out)
{
	static const uint8_t cookie_none[16];
	const struct peal_view *view = admission->config.view;
	struct peal_counters *counters = admission->config.counters;
	bool is_replacing = false;

	PEAL_ASSERT(view->epoch > 0);
	PEAL_ASSERT(request->member.mid == 0);

	if (request->parameters != peal_parameters_hash(&admission->config.parameters)) {
		uint8_t expected[PEAL_PARAMETERS_SIZE];

		peal_parameters_encode(&admission->config.parameters, expected);
		peal_counter_add(counters, PEAL_COUNTER_JOINS_REFUSED, 1);
		answer(admission, request, from, PEAL_JOIN_PARAMETER_MISMATCH, expected, out);
		return false;
	}
	if (memcmp(request->cookie, cookie_now, 16) != 0 &&
		memcmp(request->cookie, cookie_before, 16) != 0) {
		if (memcmp(request->cookie, cookie_none, 16) != 0) {
			peal_counter_add(counters, PEAL_COUNTER_COOKIES_REFUSED, 1);
		}
		answer(admission, request, from, PEAL_JOIN_CHALLENGE, cookie_now, out);
		return false;
	}
	if (peal_view_find_uuid(view, request->member.uuid) != PEAL_RANK_NONE) {
		answer(admission, request, from, PEAL_JOIN_ALREADY_MEMBER, NULL, out);
		return true;
	}
	if (peal_admission_is_buried(admission, request->member.uuid)) {
		peal_counter_add(counters, PEAL_COUNTER_JOINS_REFUSED, 1);
		answer(admission, request, from, PEAL_JOIN_UUID_USED, NULL, out);
		return false;
	}
	if (is_metadata_full(view, request)) {
		peal_counter_add(counters, PEAL_COUNTER_JOINS_REFUSED, 1);
		peal_counter_add(counters, PEAL_COUNTER_METADATA_FULL, 1);
		answer(admission, request, from, PEAL_JOIN_METADATA_FULL, NULL, out);
		return false;
	}
	is_replacing = peal_view_find_address(view, &request->member.address) != PEAL_RANK_NONE;
	if ((!is_replacing && view->members_count >= admission->sequencer.config.members_max) ||
		!remember(admission, request, from, now_ns)) {
		peal_counter_add(counters, PEAL_COUNTER_JOINS_REFUSED, 1);
		answer(admission, request, from, PEAL_JOIN_BUSY, NULL, out);
		return false;
	}
	answer(admission, request, from, is_replacing ? PEAL_JOIN_REPLACING : PEAL_JOIN_PENDING,
		NULL, out);
	return false;
}

/* True when this member introduced another joiner with the address or the uuid: that one it checked
 * itself. */
static bool
is_claimed(const struct peal_admission *admission, const struct peal_member *member)
{
	const struct peal_applicants *applicants = &admission->applicants;
	uint16_t at_address = peal_applicants_find_address(applicants, &member->address);
	uint16_t at_uuid = peal_applicants_find_uuid(applicants, member->uuid);

	return at_address != at_uuid && ((at_address != PEAL_APPLICANT_NONE &&
						 applicants->places[at_address].is_introduced) ||
						(at_uuid != PEAL_APPLICANT_NONE &&
							applicants->places[at_uuid].is_introduced));
}

void
peal_admission_on_forward(struct peal_admission *admission, const struct peal_member *member,
	const struct peal_metadata_tag *tag, uint64_t now_ns)
{
	uint16_t index = 0;

	PEAL_ASSERT(member->mid == 0);
	if (peal_view_find_uuid(admission->config.view, member->uuid) != PEAL_RANK_NONE ||
		peal_admission_is_buried(admission, member->uuid) ||
		is_claimed(admission, member)) {
		return;
	}
	index = place_of(admission, member, tag);
	if (index == PEAL_APPLICANT_NONE) {
		peal_counter_add(admission->config.counters, PEAL_COUNTER_JOINS_REFUSED, 1);
		return; /* its introducer will forward it again */
	}
	peal_sequencer_renew(&admission->sequencer, index, member, tag);
	peal_sequencer_add(&admission->sequencer, index, now_ns);
}

void
peal_admission_on_ready(struct peal_admission *admission, const struct peal_join_ready *ready,
	const struct peal_address *from, uint64_t now_ns)
{
	peal_sequencer_on_ready(&admission->sequencer, ready, from, now_ns);
}

void
peal_admission_on_batch(struct peal_admission *admission, uint64_t now_ns)
{
	if (admission->batch_until_ns == 0) {
		admission->batch_until_ns = now_ns + admission->config.timing->install_ns;
		peal_sequencer_hold(&admission->sequencer, admission->batch_until_ns);
	}
}

uint32_t
peal_admission_on_view(struct peal_admission *admission, uint16_t self_rank,
	uint32_t newcomers_count, uint64_t now_ns, struct peal_invitee *invitees_out)
{
	struct peal_applicants *applicants = &admission->applicants;
	uint32_t invitees_count = 0;
	uint16_t index = 0;

	admission->self_rank = self_rank;
	admission->batch_until_ns = 0;
	admission->again_at_ns = UINT64_MAX;
	if (admission->config.view->members_count > PEAL_DIRECT_MAX) {
		admission->again_ns = admission->config.timing->join_quiet_ns / 2U;
		admission->again_at_ns = now_ns + admission->again_ns;
	}
	while ((index = peal_applicants_first(applicants, PEAL_QUEUE_VOUCHED)) !=
		PEAL_APPLICANT_NONE) {
		peal_sequencer_drop(&admission->sequencer, index);
		forget_if_unused(admission, index);
	}
	peal_sequencer_end(&admission->sequencer);
	admission->sequencer.newcomers_count = newcomers_count;
	admission->sequencer.self_rank = self_rank;

	index = peal_applicants_first(applicants, PEAL_QUEUE_ASKED);
	while (index != PEAL_APPLICANT_NONE) {
		uint16_t next = peal_applicants_next(applicants, index, PEAL_CHAIN_ASKED);
		struct peal_applicant *applicant = &applicants->places[index];

		applicant->attempts_count = 0;
		if (peal_view_find_uuid(admission->config.view, applicant->member.uuid) ==
			PEAL_RANK_NONE) {
			peal_applicants_put(applicants, index, PEAL_QUEUE_FRESH);
		} else {
			if (invitees_count < PEAL_ADMISSION_GUESTS_MAX) {
				invitees_out[invitees_count++] =
					(struct peal_invitee){.uuid = applicant->member.uuid,
						.address = applicant->reply_to};
			}
			forget(admission, index);
		}
		index = next;
	}
	return invitees_count;
}

/* How long the old incarnation of a joiner must have been silent. */
static uint64_t
patience_ns(const struct peal_admission *admission)
{
	return admission->config.timing->probe_interval_ns * PATIENCE_PERCENT / 100U;
}

/* Whose turn it is to be told of a joiner, and when the next one's turn is. */
static uint16_t
take_turn(struct peal_admission *admission, uint16_t index, uint64_t now_ns)
{
	const struct peal_view *view = admission->config.view;
	struct peal_applicant *applicant = &admission->applicants.places[index];
	bool is_large = view->members_count > PEAL_DIRECT_MAX;
	uint32_t alternates_count = is_large ? ALTERNATES_MAX : view->members_count;
	uint16_t replaced = peal_view_find_address(view, &applicant->member.address);
	uint16_t sequencer = PEAL_RANK_NONE;

	do {
		uint32_t turn = applicant->attempts_count++;

		turn = is_large ? turn / FORWARDS_PER_TURN : turn;
		turn = PEAL_BUG(NO_ALTERNATES) ? 0U : turn;
		sequencer = peal_rings_elect(
			admission->config.topology, view, 0, turn % alternates_count);
	} while (sequencer == replaced && view->members_count > 1 &&
		 !PEAL_BUG(NO_ALTERNATES)); /* its process is gone */
	applicant->forward_at_ns = now_ns + forward_ns(admission);
	if (replaced != PEAL_RANK_NONE) {
		applicant->forward_at_ns +=
			patience_ns(admission); /* the sequencer waits as well */
	}
	peal_applicants_put(&admission->applicants, index,
		replaced == PEAL_RANK_NONE ? PEAL_QUEUE_FORWARDED : PEAL_QUEUE_PATIENT);
	return sequencer;
}

/*
 * The sequencer of a new view may itself be new and hear nothing yet. So everybody is forwarded to
 * it again, a few times, ever later, until T_fwd has passed or a batch is known.
 */
static void
forward_again(struct peal_admission *admission, uint64_t now_ns)
{
	struct peal_applicants *applicants = &admission->applicants;
	uint16_t index = 0;

	if (now_ns < admission->again_at_ns) {
		return;
	}
	if (admission->again_ns >= admission->config.timing->join_forward_ns ||
		now_ns < admission->batch_until_ns || admission->sequencer.sent != NULL) {
		admission->again_at_ns = UINT64_MAX;
		return;
	}
	admission->again_ns *= 2U;
	admission->again_at_ns = now_ns + admission->again_ns;
	while ((index = peal_applicants_first(applicants, PEAL_QUEUE_FORWARDED)) !=
		PEAL_APPLICANT_NONE) {
		applicants->places[index].attempts_count = 0;
		peal_applicants_put(applicants, index, PEAL_QUEUE_FRESH);
	}
}

/* A joiner to be forwarded now. */
static uint16_t
find_due(const struct peal_admission *admission, uint64_t now_ns)
{
	static const enum peal_applicants_queue queues[] = {
		PEAL_QUEUE_FRESH, PEAL_QUEUE_FORWARDED, PEAL_QUEUE_PATIENT};

	if (now_ns < admission->batch_until_ns || admission->sequencer.sent != NULL) {
		return PEAL_APPLICANT_NONE;
	}
	for (uint32_t i = 0; i < sizeof(queues) / sizeof(queues[0]); i++) {
		uint16_t index = peal_applicants_first(&admission->applicants, queues[i]);

		if (index != PEAL_APPLICANT_NONE &&
			(queues[i] == PEAL_QUEUE_FRESH ||
				now_ns >= admission->applicants.places[index].forward_at_ns)) {
			return index;
		}
	}
	return PEAL_APPLICANT_NONE;
}

/* One JOIN_FORWARD; joiners that it does not take are due again. */
static void
send_forward(struct peal_admission *admission, uint16_t sequencer, const uint16_t *indices,
	uint32_t count, struct peal_outbox *out)
{
	struct peal_effect effect = {.kind = PEAL_EFFECT_SEND_MEMBER,
		.message = PEAL_MESSAGE_JOIN_FORWARD,
		.rank = sequencer};
	struct peal_writer writer =
		peal_outbox_open(out, &effect, PEAL_BODY_SIZE_MAX - PEAL_FLOOD_PREFIX_SIZE);
	struct peal_member members[PEAL_FORWARD_MEMBERS_MAX];
	struct peal_metadata_tag tags[PEAL_FORWARD_MEMBERS_MAX];
	uint32_t sent_count = 0;

	for (uint32_t i = 0; i < count; i++) {
		members[i] = admission->applicants.places[indices[i]].member;
		tags[i] = admission->applicants.places[indices[i]].tag;
	}
	sent_count = peal_join_forward_encode(members, tags, count, &writer);
	peal_outbox_commit(out, &writer);
	peal_counter_add(admission->config.counters, PEAL_COUNTER_JOINS_FORWARDED, 1);
	for (uint32_t i = sent_count; i < count; i++) {
		admission->applicants.places[indices[i]].attempts_count--;
		peal_applicants_put(&admission->applicants, indices[i], PEAL_QUEUE_FRESH);
	}
}

/* Passes on who is due; those with one sequencer share a frame. */
static void
forward(struct peal_admission *admission, uint32_t *frames_left, uint64_t now_ns,
	struct peal_outbox *out)
{
	uint16_t indices[PEAL_FORWARD_MEMBERS_MAX];
	uint16_t receiver = PEAL_RANK_NONE;
	uint32_t count = 0;

	for (uint32_t i = 0; i<FORWARDS_PER_TICK && * frames_left> 0; i++) {
		uint16_t index = find_due(admission, now_ns);
		uint16_t sequencer = PEAL_RANK_NONE;

		if (index == PEAL_APPLICANT_NONE) {
			break;
		}
		sequencer = take_turn(admission, index, now_ns);
		if (sequencer == admission->self_rank) {
			struct peal_member member = admission->applicants.places[index].member;
			struct peal_metadata_tag tag = admission->applicants.places[index].tag;

			peal_admission_on_forward(admission, &member, &tag, now_ns);
			continue;
		}
		if (count == PEAL_FORWARD_MEMBERS_MAX || (count > 0 && sequencer != receiver)) {
			send_forward(admission, receiver, indices, count, out);
			(*frames_left)--;
			count = 0;
		}
		receiver = sequencer;
		indices[count++] = index;
	}
	if (count > 0) {
		/* The budget leaves room for this one: frames_max is half of what an outbox takes.
		 */
		send_forward(admission, receiver, indices, count, out);
		*frames_left -= *frames_left > 0 ? 1U : 0U;
	}
}

/* Joiners that ask no more, and items that no introducer vouched for lately. */
static void
drop_stale(struct peal_admission *admission, uint64_t now_ns)
{
	struct peal_applicants *applicants = &admission->applicants;
	uint64_t request_ns = request_expiry_ns(admission);
	uint16_t index = 0;

	while ((index = peal_applicants_first(applicants, PEAL_QUEUE_ASKED)) !=
			PEAL_APPLICANT_NONE &&
		now_ns - applicants->places[index].asked_at_ns >= request_ns) {
		drop_introduced(admission, index);
		forget_if_unused(admission, index);
	}
	while ((index = peal_sequencer_find_stale(&admission->sequencer, now_ns)) !=
		PEAL_APPLICANT_NONE) {
		peal_sequencer_drop(&admission->sequencer, index);
		forget_if_unused(admission, index);
	}
}

const struct peal_body *
peal_admission_on_tick(struct peal_admission *admission, bool is_free, uint32_t frames_max,
	uint64_t now_ns, struct peal_outbox *out)
{
	const struct peal_body *batch = NULL;
	uint32_t frames_left = frames_max;

	PEAL_ASSERT(admission->self_rank < admission->config.view->members_count);
	PEAL_ASSERT(frames_max < PEAL_OUTBOX_EFFECTS_MAX / 2U);

	drop_stale(admission, now_ns);
	forward_again(admission, now_ns);
	forward(admission, &frames_left, now_ns, out);
	batch = peal_sequencer_on_tick(&admission->sequencer, is_free, &frames_left, now_ns, out);
	admission->stall_until_ns = frames_left == 0 ? now_ns + STALL_NS : 0;
	admission->is_cut_short = frames_left < frames_max;
	return batch;
}

static uint64_t
earlier(uint64_t a_ns, uint64_t b_ns)
{
	return a_ns < b_ns ? a_ns : b_ns;
}

/* When the head of a queue is to be forwarded. */
static uint64_t
forward_at_ns(const struct peal_admission *admission, enum peal_applicants_queue queue)
{
	uint16_t index = peal_applicants_first(&admission->applicants, queue);

	return index == PEAL_APPLICANT_NONE ? UINT64_MAX
					    : admission->applicants.places[index].forward_at_ns;
}

static uint64_t
forwards_due_at_ns(const struct peal_admission *admission)
{
	uint64_t due_at_ns = UINT64_MAX;

	if (admission->sequencer.sent != NULL) {
		return UINT64_MAX;
	}
	if (peal_applicants_first(&admission->applicants, PEAL_QUEUE_FRESH) !=
		PEAL_APPLICANT_NONE) {
		due_at_ns = 0;
	}
	if (peal_applicants_first(&admission->applicants, PEAL_QUEUE_FORWARDED) !=
		PEAL_APPLICANT_NONE) {
		due_at_ns = earlier(due_at_ns, admission->again_at_ns);
	}
	due_at_ns = earlier(due_at_ns, forward_at_ns(admission, PEAL_QUEUE_FORWARDED));
	due_at_ns = earlier(due_at_ns, forward_at_ns(admission, PEAL_QUEUE_PATIENT));
	return due_at_ns < admission->batch_until_ns ? admission->batch_until_ns : due_at_ns;
}

uint64_t
peal_admission_deadline_at_ns(const struct peal_admission *admission)
{
	uint64_t deadline_at_ns = earlier(forwards_due_at_ns(admission),
		peal_sequencer_deadline_at_ns(&admission->sequencer));

	/* Out of budget: whatever is overdue, or waits for frames without a timer, goes on then. */
	if (admission->stall_until_ns != 0 &&
		(admission->is_cut_short || deadline_at_ns < admission->stall_until_ns)) {
		return admission->stall_until_ns;
	}
	return deadline_at_ns;
}
