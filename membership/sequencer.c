/* SPDX-License-Identifier: BSD-3-Clause */
#include "membership/sequencer.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/museum.h"
#include "membership/nextview.h"
#include "wire/flood_msg.h"
#include "wire/messages.h"

#include <string.h>

/* So many joiners at once are a rush. */
#define RUSH_ITEMS   64U
#define RUSH_RETRIES 2U
#define RUSH_WINDOWS 5U

/* A living member speaks once in a jittered probe interval; so much of one it must have been
 * silent. */
#define PATIENCE_PERCENT 120U

/* Frames on their way that answer JOIN_PROBEs: what comes at once fits the rings. */
#define ANSWERS_OUT_MAX 64U

void
peal_sequencer_init(struct peal_sequencer *sequencer, const struct peal_sequencer_config *config)
{
	PEAL_ASSERT(sequencer->sent == NULL);
	PEAL_ASSERT(peal_bitset_is_empty(&sequencer->replaced));

	sequencer->config = *config;
	if (config->members_max == 0) {
		sequencer->config.members_max = PEAL_MEMBERS_MAX;
	}
	sequencer->first_item_at_ns = 0;
	sequencer->last_item_at_ns = 0;
	sequencer->hold_until_ns = 0;
	sequencer->is_probing = false;
	peal_scouts_clear(&sequencer->scouts);
}

static uint32_t
items_count(const struct peal_sequencer *sequencer)
{
	return peal_applicants_queue_count(sequencer->config.applicants, PEAL_QUEUE_VOUCHED);
}

void
peal_sequencer_end(struct peal_sequencer *sequencer)
{
	uint16_t index = 0;

	while (sequencer->config.applicants != NULL &&
		(index = peal_applicants_first(sequencer->config.applicants, PEAL_QUEUE_VOUCHED)) !=
			PEAL_APPLICANT_NONE) {
		peal_sequencer_drop(sequencer, index);
	}
	PEAL_ASSERT(peal_bitset_is_empty(&sequencer->replaced));
	if (sequencer->sent != NULL) {
		sequencer->config.bodies.release(sequencer->config.bodies.state, sequencer->sent);
		sequencer->sent = NULL;
	}
	sequencer->hold_until_ns = 0;
	sequencer->is_probing = false;
	peal_scouts_clear(&sequencer->scouts);
}

void
peal_sequencer_add(struct peal_sequencer *sequencer, uint16_t index, uint64_t now_ns)
{
	struct peal_applicants *applicants = sequencer->config.applicants;
	struct peal_applicant *item = &applicants->places[index];

	if (!item->is_item) {
		if (items_count(sequencer) == 0) {
			sequencer->first_item_at_ns = now_ns;
		}
		sequencer->last_item_at_ns = now_ns;
		item->is_item = true;
		item->is_answered = false;
		item->told_at_ns = 0;
		item->arrived_at_ns = now_ns;
		item->replaces =
			peal_view_find_address(sequencer->config.view, &item->member.address);
		if (item->replaces != PEAL_RANK_NONE) {
			peal_bitset_add(&sequencer->replaced, item->replaces);
		}
		peal_applicants_put(applicants, index, PEAL_QUEUE_WAITING);
	}
	item->vouched_at_ns = now_ns;
	peal_applicants_put(applicants, index, PEAL_QUEUE_VOUCHED);
}

void
peal_sequencer_drop(struct peal_sequencer *sequencer, uint16_t index)
{
	struct peal_applicants *applicants = sequencer->config.applicants;
	struct peal_applicant *item = &applicants->places[index];

	if (!item->is_item) {
		return;
	}
	item->is_item = false;
	peal_luggage_drop(&sequencer->luggage, item);
	if (item->replaces != PEAL_RANK_NONE) {
		peal_bitset_remove(&sequencer->replaced, item->replaces);
	}
	peal_applicants_take_out(applicants, index, PEAL_CHAIN_VOUCHED);
	peal_applicants_take_out(applicants, index, PEAL_CHAIN_PROBE);
}

void
peal_sequencer_renew(struct peal_sequencer *sequencer, uint16_t index,
	const struct peal_member *member, const struct peal_metadata_tag *tag)
{
	struct peal_applicant *applicant = &sequencer->config.applicants->places[index];

	PEAL_ASSERT(peal_uuid_equals(applicant->member.uuid, member->uuid));
	if (applicant->tag.size != tag->size ||
		!peal_hash128_equals(applicant->tag.digest, tag->digest)) {
		peal_sequencer_drop(sequencer, index);
		applicant->tag = *tag;
	}
	applicant->member.address = member->address;
	applicant->member.shards_count = member->shards_count;
}

void
peal_sequencer_hold(struct peal_sequencer *sequencer, uint64_t until_ns)
{
	if (until_ns > sequencer->hold_until_ns) {
		sequencer->hold_until_ns = until_ns;
	}
	sequencer->is_probing = false;
}

uint16_t
peal_sequencer_find_stale(const struct peal_sequencer *sequencer, uint64_t now_ns)
{
	const struct peal_applicants *applicants = sequencer->config.applicants;
	uint16_t index = peal_applicants_first(applicants, PEAL_QUEUE_VOUCHED);
	uint64_t expiry_ns = PEAL_SEQUENCER_EXPIRY_FORWARDS *
			     (sequencer->config.timing->join_forward_ns +
				     items_count(sequencer) * PEAL_SEQUENCER_FORWARD_EACH_NS);

	return index != PEAL_APPLICANT_NONE &&
			       now_ns - applicants->places[index].vouched_at_ns >= expiry_ns
		       ? index
		       : PEAL_APPLICANT_NONE;
}

/* How long the old incarnation of a joiner must have been silent. */
static uint64_t
patience_ns(const struct peal_sequencer *sequencer)
{
	return sequencer->config.timing->probe_interval_ns * PATIENCE_PERCENT / 100U;
}

/* True when the item may enter a batch as far as the member is concerned that it replaces. */
static bool
is_admissible(
	const struct peal_sequencer *sequencer, const struct peal_applicant *item, uint64_t now_ns)
{
	/* The old incarnation spoke after the new one asked: it is not gone, so somebody lies or
	 * the address is used twice. Its observers decide, not the request. */
	return item->replaces == PEAL_RANK_NONE ||
	       (!PEAL_BUG(GHOST_FIRST) &&
		       sequencer->config.heard_at_ns(sequencer->config.heard_state,
			       item->replaces) < item->arrived_at_ns &&
		       now_ns >= item->arrived_at_ns + patience_ns(sequencer));
}

/* A token that only this node can make, another one for each time that items are asked. */
static uint64_t
token_of(const struct peal_sequencer *sequencer, struct peal_uuid uuid)
{
	uint64_t words[3] = {uuid.low, uuid.high, sequencer->probing_until_ns};

	return peal_hash64(words, sizeof(words), sequencer->config.secret);
}

/* Whether observers are asked, too. */
static bool
has_scouts(const struct peal_sequencer *sequencer)
{
	return sequencer->config.view->members_count <= PEAL_DIRECT_MAX &&
	       items_count(sequencer) <= PEAL_SCOUTS_CASES_MAX;
}

static uint32_t
probe_frames_max(const struct peal_sequencer *sequencer)
{
	return has_scouts(sequencer) ? 1U + PEAL_RINGS_MAX : 1U;
}

/* Asks those that would observe the item. Returns the frames that took. */
static uint32_t
ask_observers(struct peal_sequencer *sequencer, const struct peal_applicant *item,
	struct peal_outbox *out)
{
	uint64_t words[3] = {item->member.uuid.low, item->member.uuid.high, item->arrived_at_ns};
	struct peal_reach_msg message = {.joiner = item->member.uuid,
		.token = peal_hash64(words, sizeof(words), ~sequencer->config.secret),
		.address = item->member.address};

	return peal_scouts_ask(&sequencer->scouts, sequencer->config.view, sequencer->self_rank,
		&message, &sequencer->replaced, out);
}

/* Returns the frames that it took. */
static uint32_t
send_probe(struct peal_sequencer *sequencer, uint16_t index, enum peal_applicants_queue queue,
	uint64_t now_ns, struct peal_outbox *out)
{
	struct peal_applicant *item = &sequencer->config.applicants->places[index];
	struct peal_effect effect = {.kind = PEAL_EFFECT_SEND_ADDRESS,
		.message = PEAL_MESSAGE_JOIN_PROBE,
		.address = item->member.address};
	struct peal_join_probe message = {.joiner = item->member.uuid,
		.token = token_of(sequencer, item->member.uuid),
		.missing = item->missing};
	struct peal_writer writer = peal_outbox_open(out, &effect, PEAL_BODY_SIZE_MAX);

	peal_join_probe_encode(&message, &writer);
	peal_outbox_commit(out, &writer);
	item->probed_at_ns = now_ns;
	item->is_answered = item->is_answered && queue == PEAL_QUEUE_REPROBED;
	peal_applicants_put(sequencer->config.applicants, index,
		PEAL_BUG(JOINERS_NOT_ASKED) ? PEAL_QUEUE_READY : queue);
	return 1U + (has_scouts(sequencer) ? ask_observers(sequencer, item, out) : 0U);
}

/* An item that was asked is ready when it answered and enough observers reach it. */
static void
settle(struct peal_sequencer *sequencer, uint16_t index, uint64_t now_ns)
{
	struct peal_applicants *applicants = sequencer->config.applicants;
	struct peal_applicant *item = &applicants->places[index];
	uint8_t queue = item->links[PEAL_CHAIN_PROBE].queue;

	if ((queue == PEAL_QUEUE_PROBED || queue == PEAL_QUEUE_REPROBED) && item->is_answered &&
		peal_scouts_is_enough(&sequencer->scouts, item->member.uuid)) {
		item->probed_at_ns = now_ns;
		peal_applicants_put(applicants, index, PEAL_QUEUE_READY);
	}
}

void
peal_sequencer_on_reached(struct peal_sequencer *sequencer, uint16_t rank,
	const struct peal_join_probe *answer, uint64_t now_ns)
{
	uint16_t index = peal_applicants_find_uuid(sequencer->config.applicants, answer->joiner);

	peal_scouts_on_reached(&sequencer->scouts, rank, answer);
	if (index != PEAL_APPLICANT_NONE && sequencer->is_probing) {
		settle(sequencer, index, now_ns);
	}
}

/* An item that was asked answers. */
static void
take_answer(struct peal_sequencer *sequencer, uint16_t index, const struct peal_join_ready *ready,
	uint64_t now_ns)
{
	struct peal_applicants *applicants = sequencer->config.applicants;
	struct peal_applicant *item = &applicants->places[index];

	switch (peal_luggage_add(&sequencer->luggage, item, ready)) {
	case PEAL_LUGGAGE_WHOLE:
		item->is_answered = true;
		peal_scouts_on_own(&sequencer->scouts, sequencer->self_rank, item->member.uuid);
		settle(sequencer, index, now_ns);
		break;
	case PEAL_LUGGAGE_PART:
		/* As one that was asked now: for the rest it is asked again, if need be. */
		item->probed_at_ns = now_ns;
		peal_applicants_put(applicants, index, PEAL_QUEUE_PROBED);
		break;
	case PEAL_LUGGAGE_SPOILED:
		peal_luggage_drop(&sequencer->luggage, item);
		peal_applicants_put(applicants, index, PEAL_QUEUE_MUTE);
		peal_counter_add(sequencer->config.counters, PEAL_COUNTER_METADATA_SPOILED, 1);
		break;
	case PEAL_LUGGAGE_NOTHING:
	default:
		break;
	}
}

void
peal_sequencer_on_ready(struct peal_sequencer *sequencer, const struct peal_join_ready *ready,
	const struct peal_address *from, uint64_t now_ns)
{
	struct peal_applicants *applicants = sequencer->config.applicants;
	uint16_t index = peal_applicants_find_uuid(applicants, ready->joiner);
	struct peal_applicant *item = NULL;
	uint8_t queue = PEAL_QUEUE_NONE;

	if (index == PEAL_APPLICANT_NONE || !sequencer->is_probing) {
		return;
	}
	item = &applicants->places[index];
	queue = item->links[PEAL_CHAIN_PROBE].queue;
	if ((queue != PEAL_QUEUE_PROBED && queue != PEAL_QUEUE_REPROBED) ||
		ready->token != token_of(sequencer, ready->joiner) ||
		!peal_address_equals(from, &item->member.address)) {
		return;
	}
	take_answer(sequencer, index, ready, now_ns);
}

static void
move_all(struct peal_applicants *applicants, enum peal_applicants_queue from,
	enum peal_applicants_queue to)
{
	uint16_t index = 0;

	while ((index = peal_applicants_first(applicants, from)) != PEAL_APPLICANT_NONE) {
		peal_applicants_put(applicants, index, to);
	}
}

/* Everybody in the window is to be asked; who answered a moment ago is not asked again. */
static void
begin_probing(struct peal_sequencer *sequencer, uint64_t now_ns)
{
	struct peal_applicants *applicants = sequencer->config.applicants;
	uint64_t window_ns = sequencer->config.timing->join_window_ns;
	uint16_t index = 0;

	sequencer->is_probing = true;
	sequencer->probing_until_ns = now_ns + 2U * window_ns;
	move_all(applicants, PEAL_QUEUE_MUTE, PEAL_QUEUE_WAITING);
	move_all(applicants, PEAL_QUEUE_PROBED, PEAL_QUEUE_WAITING);
	move_all(applicants, PEAL_QUEUE_REPROBED, PEAL_QUEUE_WAITING);
	while ((index = peal_applicants_first(applicants, PEAL_QUEUE_READY)) !=
			PEAL_APPLICANT_NONE &&
		now_ns - applicants->places[index].probed_at_ns >= window_ns) {
		peal_applicants_put(applicants, index, PEAL_QUEUE_WAITING);
	}
}

/*
 * An item that answers, but not to enough of those that would observe it. A member that died a
 * moment ago is not held against it: only when its observers had the time to notice that, the item
 * is told who does not reach it.
 */
static void
tell_unreachable(struct peal_sequencer *sequencer, uint16_t index, uint32_t *frames_left,
	uint64_t now_ns, struct peal_outbox *out)
{
	struct peal_applicant *item = &sequencer->config.applicants->places[index];
	uint64_t wait_ns = 2U * peal_timing_detection_ns(sequencer->config.timing);

	if (*frames_left == 0 || now_ns < item->arrived_at_ns + wait_ns ||
		(item->told_at_ns != 0 && now_ns < item->told_at_ns + wait_ns) ||
		!peal_scouts_tell(&sequencer->scouts, sequencer->config.view, &item->member,
			sequencer->config.self, out)) {
		return;
	}
	item->told_at_ns = now_ns;
	(*frames_left)--;
	peal_counter_add(sequencer->config.counters, PEAL_COUNTER_JOINERS_UNREACHABLE, 1);
}

static void
spend(uint32_t *frames_left, uint32_t frames_count)
{
	*frames_left = frames_count < *frames_left ? *frames_left - frames_count : 0;
}

/* Asks again who was asked once, gives up on who was asked twice. */
static void
end_patience(struct peal_sequencer *sequencer, uint32_t *frames_left, uint64_t now_ns,
	struct peal_outbox *out)
{
	struct peal_applicants *applicants = sequencer->config.applicants;
	uint64_t answer_ns = sequencer->config.timing->flood_ns / 2U;
	uint16_t index = 0;

	while ((index = peal_applicants_first(applicants, PEAL_QUEUE_REPROBED)) !=
			PEAL_APPLICANT_NONE &&
		now_ns >= applicants->places[index].probed_at_ns + answer_ns) {
		peal_luggage_drop(&sequencer->luggage, &applicants->places[index]);
		peal_applicants_put(applicants, index, PEAL_QUEUE_MUTE);
		if (applicants->places[index].is_answered) {
			tell_unreachable(sequencer, index, frames_left, now_ns, out);
		} else {
			peal_counter_add(sequencer->config.counters, PEAL_COUNTER_JOINERS_MUTE, 1);
		}
	}
	while (*frames_left >= probe_frames_max(sequencer) &&
		(index = peal_applicants_first(applicants, PEAL_QUEUE_PROBED)) !=
			PEAL_APPLICANT_NONE &&
		now_ns >= applicants->places[index].probed_at_ns + answer_ns) {
		spend(frames_left, send_probe(sequencer, index, PEAL_QUEUE_REPROBED, now_ns, out));
	}
}

static uint32_t
probes_out_count(const struct peal_sequencer *sequencer)
{
	return peal_applicants_queue_count(sequencer->config.applicants, PEAL_QUEUE_PROBED) +
	       peal_applicants_queue_count(sequencer->config.applicants, PEAL_QUEUE_REPROBED);
}

/* Frames that may be on their way from those that stand in `queue`. */
static uint32_t
answers_out_count(const struct peal_sequencer *sequencer, enum peal_applicants_queue queue)
{
	const struct peal_applicants *applicants = sequencer->config.applicants;
	uint16_t index = peal_applicants_first(applicants, queue);
	uint32_t count = 0;

	for (; index != PEAL_APPLICANT_NONE;
		index = peal_applicants_next(applicants, index, PEAL_CHAIN_PROBE)) {
		count += peal_luggage_count_answers(&applicants->places[index]);
	}
	return count;
}

/* Additions that one cut can take at most. */
static uint32_t
growth_max(const struct peal_sequencer *sequencer)
{
	return PEAL_GROWTH_MAX((uint32_t)sequencer->config.view->members_count);
}

/* Asks items, some at a time. True when enough have answered, or all that could. */
static bool
probe(struct peal_sequencer *sequencer, uint32_t *frames_left, uint64_t now_ns,
	struct peal_outbox *out)
{
	struct peal_applicants *applicants = sequencer->config.applicants;
	uint32_t ready_count = peal_applicants_queue_count(applicants, PEAL_QUEUE_READY);
	uint32_t answers_count = 0;
	uint16_t index = 0;

	end_patience(sequencer, frames_left, now_ns, out);
	answers_count = answers_out_count(sequencer, PEAL_QUEUE_PROBED) +
			answers_out_count(sequencer, PEAL_QUEUE_REPROBED);
	while (*frames_left >= probe_frames_max(sequencer) && answers_count < ANSWERS_OUT_MAX &&
		ready_count + probes_out_count(sequencer) < growth_max(sequencer) &&
		(index = peal_applicants_first(applicants, PEAL_QUEUE_WAITING)) !=
			PEAL_APPLICANT_NONE) {
		struct peal_applicant *item = &applicants->places[index];

		/* Whose metadata finds no room waits for the next cut. */
		if (is_admissible(sequencer, item, now_ns) &&
			peal_luggage_open(&sequencer->luggage, item)) {
			spend(frames_left,
				send_probe(sequencer, index, PEAL_QUEUE_PROBED, now_ns, out));
			answers_count += peal_luggage_count_answers(item);
		} else {
			peal_applicants_put(applicants, index, PEAL_QUEUE_MUTE);
		}
	}
	return now_ns >= sequencer->probing_until_ns || ready_count >= growth_max(sequencer) ||
	       (probes_out_count(sequencer) == 0 &&
		       peal_applicants_first(applicants, PEAL_QUEUE_WAITING) ==
			       PEAL_APPLICANT_NONE);
}

/* The items that answered, in canonical order: by uuid. Returns how many. */
static uint32_t
sort_ready(struct peal_sequencer *sequencer)
{
	const struct peal_applicants *applicants = sequencer->config.applicants;
	uint32_t count = 0;

	for (uint16_t index = peal_applicants_first(applicants, PEAL_QUEUE_READY);
		index != PEAL_APPLICANT_NONE;
		index = peal_applicants_next(applicants, index, PEAL_CHAIN_PROBE)) {
		sequencer->order[count++] = index;
	}
	peal_applicants_sort(applicants, sequencer->order, count);
	return count;
}

/* Fills `batch_out` with the items that answered, as many as one cut takes. */
static void
build_batch(struct peal_sequencer *sequencer, uint64_t now_ns, struct peal_proposal *batch_out)
{
	const struct peal_view *view = sequencer->config.view;
	uint32_t ready_count = sort_ready(sequencer);
	uint32_t metadata_size = view->metadata_size;
	uint32_t metadata_after = 0;
	uint32_t removed_count = 0;
	uint32_t count = 0;

	memset(batch_out, 0, sizeof(*batch_out));
	batch_out->parent_epoch = view->epoch;
	batch_out->parent_hash = view->hash;
	batch_out->additions = sequencer->additions;
	for (uint32_t i = 0; i < ready_count; i++) {
		const struct peal_applicant *item =
			&sequencer->config.applicants->places[sequencer->order[i]];
		bool is_replacing = item->replaces != PEAL_RANK_NONE;
		uint32_t removed = removed_count + (is_replacing ? 1U : 0U);

		if (removed >= view->members_count ||
			count >= PEAL_GROWTH_MAX(view->members_count - removed) ||
			view->members_count - removed + count >= sequencer->config.members_max ||
			!is_admissible(sequencer, item, now_ns)) {
			continue;
		}
		metadata_after = peal_nextview_metadata_after(
			view, metadata_size, item->replaces, item->tag.size);
		if (metadata_after > PEAL_VIEW_METADATA_BYTES_MAX) {
			peal_counter_add(sequencer->config.counters, PEAL_COUNTER_METADATA_FULL, 1);
			continue;
		}
		PEAL_ASSERT(item->member.metadata_size == item->tag.size);
		metadata_size = metadata_after;
		if (is_replacing) {
			peal_bitset_add(&batch_out->removals, item->replaces);
		}
		removed_count = removed;
		sequencer->additions[count++] = item->member;
	}
	batch_out->additions_count = (uint16_t)count;
}

static void
send_batch(struct peal_sequencer *sequencer, struct peal_outbox *out)
{
	struct peal_effect effect = {
		.kind = PEAL_EFFECT_SEND_ALL, .message = PEAL_MESSAGE_JOIN_BATCH};
	struct peal_batch_msg message = {.digest = sequencer->sent->digest,
		.size = sequencer->sent->size,
		.has_proposal = sequencer->sent->size <= PEAL_INLINE_SIZE_MAX};
	struct peal_writer writer =
		peal_outbox_open(out, &effect, PEAL_BODY_SIZE_MAX - PEAL_FLOOD_PREFIX_SIZE);

	if (message.has_proposal) {
		message.proposal = sequencer->sent->proposal;
	}
	peal_batch_msg_encode(&message, &writer);
	peal_outbox_commit(out, &writer);
	peal_counter_add(sequencer->config.counters, PEAL_COUNTER_BATCHES_SENT, 1);
}

static void
repeat_batch(struct peal_sequencer *sequencer, uint64_t now_ns, struct peal_outbox *out)
{
	if (now_ns < sequencer->repeat_at_ns) {
		return;
	}
	sequencer->repeat_ns =
		peal_timing_next_repeat_ns(sequencer->config.timing, sequencer->repeat_ns);
	sequencer->repeat_at_ns = now_ns + sequencer->repeat_ns;
	send_batch(sequencer, out);
}

static uint64_t
window_ends_at_ns(const struct peal_sequencer *sequencer)
{
	const struct peal_timing *timing = sequencer->config.timing;
	bool is_rush =
		items_count(sequencer) >= RUSH_ITEMS || sequencer->newcomers_count >= RUSH_ITEMS;
	uint64_t quiet_ns =
		sequencer->last_item_at_ns +
		(is_rush ? RUSH_RETRIES * timing->join_retry_ns_min : timing->join_quiet_ns);
	uint64_t total_ns = sequencer->first_item_at_ns +
			    (is_rush ? RUSH_WINDOWS : 1U) * timing->join_window_ns;
	uint64_t end_ns = quiet_ns < total_ns ? quiet_ns : total_ns;

	if (items_count(sequencer) == 0 || sequencer->sent != NULL) {
		return UINT64_MAX;
	}
	if (items_count(sequencer) >= growth_max(sequencer)) {
		end_ns = sequencer->last_item_at_ns; /* more would not fit one cut */
	}
	return end_ns > sequencer->hold_until_ns ? end_ns : sequencer->hold_until_ns;
}

/* Those that answered become the batch of this epoch. NULL: not now. */
static const struct peal_body *
close_window(
	struct peal_sequencer *sequencer, bool is_free, uint64_t now_ns, struct peal_outbox *out)
{
	const struct peal_timing *timing = sequencer->config.timing;
	const struct peal_bodies *bodies = &sequencer->config.bodies;
	struct peal_proposal batch;

	sequencer->is_probing = false;
	sequencer->hold_until_ns = now_ns + timing->join_quiet_ns;
	if (!is_free ||
		peal_applicants_queue_count(sequencer->config.applicants, PEAL_QUEUE_READY) == 0) {
		return NULL;
	}
	build_batch(sequencer, now_ns, &batch);
	if (batch.additions_count == 0) {
		return NULL;
	}
	sequencer->sent = bodies->keep_proposal(bodies->state, &batch);
	if (sequencer->sent == NULL) {
		peal_counter_add(sequencer->config.counters, PEAL_COUNTER_BODIES_REFUSED, 1);
		return NULL;
	}
	sequencer->repeat_ns = 2U * timing->flood_ns;
	sequencer->repeat_at_ns = now_ns + sequencer->repeat_ns;
	send_batch(sequencer, out);
	return sequencer->sent;
}

const struct peal_body *
peal_sequencer_on_tick(struct peal_sequencer *sequencer, bool is_free, uint32_t *frames_left,
	uint64_t now_ns, struct peal_outbox *out)
{
	if (sequencer->sent != NULL) {
		repeat_batch(sequencer, now_ns, out);
		return NULL;
	}
	if (!sequencer->is_probing) {
		if (now_ns < window_ends_at_ns(sequencer)) {
			return NULL;
		}
		if (!is_free) {
			sequencer->hold_until_ns = now_ns + sequencer->config.timing->join_quiet_ns;
			return NULL;
		}
		begin_probing(sequencer, now_ns);
	}
	if (!probe(sequencer, frames_left, now_ns, out)) {
		return NULL;
	}
	return close_window(sequencer, is_free, now_ns, out);
}

static uint64_t
earlier(uint64_t a_ns, uint64_t b_ns)
{
	return a_ns < b_ns ? a_ns : b_ns;
}

/* When the head of a queue of those that were asked is due. */
static uint64_t
probes_due_at_ns(const struct peal_sequencer *sequencer, enum peal_applicants_queue queue)
{
	uint16_t index = peal_applicants_first(sequencer->config.applicants, queue);

	return index == PEAL_APPLICANT_NONE
		       ? UINT64_MAX
		       : sequencer->config.applicants->places[index].probed_at_ns +
				 sequencer->config.timing->flood_ns / 2U;
}

uint64_t
peal_sequencer_deadline_at_ns(const struct peal_sequencer *sequencer)
{
	uint64_t deadline_at_ns = UINT64_MAX;

	if (sequencer->sent != NULL) {
		return sequencer->repeat_at_ns;
	}
	if (!sequencer->is_probing) {
		return window_ends_at_ns(sequencer);
	}
	deadline_at_ns = earlier(
		sequencer->probing_until_ns, probes_due_at_ns(sequencer, PEAL_QUEUE_PROBED));
	return earlier(deadline_at_ns, probes_due_at_ns(sequencer, PEAL_QUEUE_REPROBED));
}
