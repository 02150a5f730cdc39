/* SPDX-License-Identifier: BSD-3-Clause */
#include "membership/scouts.h"

#include "base/assert.h"
#include "membership/ring.h"
#include "wire/flood_msg.h"
#include "wire/messages.h"

#include <string.h>

void
peal_scouts_clear(struct peal_scouts *scouts)
{
	/* Most nodes never need it: memory that nobody touched stays so. */
	if (scouts->next_case != 0 || scouts->next_errand != 0) {
		memset(scouts, 0, sizeof(*scouts));
	}
}

static struct peal_scouts_case *
find_case(struct peal_scouts *scouts, struct peal_uuid joiner)
{
	for (uint32_t i = 0; i < PEAL_SCOUTS_CASES_MAX; i++) {
		if (peal_uuid_equals(scouts->cases[i].joiner, joiner)) {
			return &scouts->cases[i];
		}
	}
	return NULL;
}

static const struct peal_scouts_case *
find_case_const(const struct peal_scouts *scouts, struct peal_uuid joiner)
{
	for (uint32_t i = 0; i < PEAL_SCOUTS_CASES_MAX; i++) {
		if (peal_uuid_equals(scouts->cases[i].joiner, joiner)) {
			return &scouts->cases[i];
		}
	}
	return NULL;
}

/*
 * The member before a joiner on one ring that is not in `passed`: the largest hash below the
 * joiner's, or the largest of all. PEAL_RANK_NONE: all are.
 */
static uint16_t
find_predecessor(const struct peal_view *view, uint32_t number, uint64_t joiner_hash,
	const struct peal_bitset *passed)
{
	uint64_t hashes[PEAL_DIRECT_MAX];
	uint16_t ranks[PEAL_DIRECT_MAX];
	struct peal_ring ring = {.hashes = hashes, .ranks = ranks};
	uint16_t before = PEAL_RANK_NONE;
	uint16_t last = PEAL_RANK_NONE;

	peal_ring_fill(view, number, 0, &ring);
	for (uint16_t rank = 0; rank < view->members_count; rank++) {
		if (peal_bitset_has(passed, rank)) {
			continue;
		}
		if (last == PEAL_RANK_NONE || hashes[rank] > hashes[last]) {
			last = rank;
		}
		if (hashes[rank] < joiner_hash &&
			(before == PEAL_RANK_NONE || hashes[rank] > hashes[before])) {
			before = rank;
		}
	}
	return before != PEAL_RANK_NONE ? before : last;
}

/* Where the joiner would stand on a ring. */
static uint64_t
hash_of(const struct peal_view *view, uint32_t number, struct peal_uuid joiner)
{
	const struct peal_member member = {.uuid = joiner};
	const struct peal_view alone = {
		.cluster = view->cluster, .members_count = 1, .members = &member};
	uint64_t hash;
	uint16_t rank;
	struct peal_ring ring = {.hashes = &hash, .ranks = &rank};

	peal_ring_fill(&alone, number, 0, &ring);
	return hash;
}

/* paper: RAPID 4.1, the expected observers of a joiner are its predecessors. */
static void
find_observers(struct peal_scouts_case *open, const struct peal_view *view,
	const struct peal_bitset *excluded)
{
	uint32_t stay_count = view->members_count - peal_bitset_count(excluded);
	struct peal_thresholds thresholds = {0};
	struct peal_bitset passed = *excluded;

	open->observers_count = 0;
	open->needed_count = 0;
	if (stay_count == 0) {
		return; /* it replaces the only member */
	}
	thresholds = peal_view_thresholds(stay_count + 1U, view->rings_count);
	for (uint32_t number = 0; number < thresholds.observers_count; number++) {
		uint16_t rank = find_predecessor(
			view, number, hash_of(view, number, open->joiner), &passed);

		PEAL_ASSERT(rank != PEAL_RANK_NONE);
		peal_bitset_add(&passed, rank);
		open->observers[open->observers_count++] = rank;
	}
	open->needed_count = (uint8_t)thresholds.h;
}

uint32_t
peal_scouts_ask(struct peal_scouts *scouts, const struct peal_view *view, uint16_t self_rank,
	const struct peal_reach_msg *joiner, const struct peal_bitset *excluded,
	struct peal_outbox *out)
{
	struct peal_scouts_case *open = find_case(scouts, joiner->joiner);
	uint32_t asked_count = 0;

	PEAL_ASSERT(view->members_count <= PEAL_DIRECT_MAX);
	PEAL_ASSERT(self_rank < view->members_count);
	PEAL_ASSERT(peal_bitset_is_within(excluded, view->members_count));

	if (open == NULL) {
		open = &scouts->cases[scouts->next_case++ % PEAL_SCOUTS_CASES_MAX];
		open->observers_count = 0;
	}
	if (open->observers_count == 0 || open->token != joiner->token) {
		*open = (struct peal_scouts_case){.joiner = joiner->joiner, .token = joiner->token};
		find_observers(open, view, excluded);
	}
	for (uint32_t i = 0; i < open->observers_count; i++) {
		struct peal_effect effect = {.kind = PEAL_EFFECT_SEND_MEMBER,
			.message = PEAL_MESSAGE_REACH,
			.rank = open->observers[i]};
		struct peal_writer writer;

		if (open->observers[i] == self_rank || (open->reached >> i & 1U) != 0) {
			continue;
		}
		writer =
			peal_outbox_open(out, &effect, PEAL_BODY_SIZE_MAX - PEAL_FLOOD_PREFIX_SIZE);
		peal_reach_msg_encode(joiner, &writer);
		peal_outbox_commit(out, &writer);
		asked_count++;
	}
	return asked_count;
}

static void
note_reached(struct peal_scouts_case *open, uint16_t rank)
{
	for (uint32_t i = 0; i < open->observers_count; i++) {
		if (open->observers[i] == rank) {
			open->reached |= UINT32_C(1) << i;
		}
	}
}

void
peal_scouts_on_own(struct peal_scouts *scouts, uint16_t rank, struct peal_uuid joiner)
{
	struct peal_scouts_case *open =
		peal_uuid_is_none(joiner) ? NULL : find_case(scouts, joiner);

	if (open != NULL) {
		note_reached(open, rank);
	}
}

void
peal_scouts_on_reached(
	struct peal_scouts *scouts, uint16_t rank, const struct peal_join_probe *answer)
{
	struct peal_scouts_case *open =
		peal_uuid_is_none(answer->joiner) ? NULL : find_case(scouts, answer->joiner);

	if (open == NULL || open->token != answer->token) {
		return;
	}
	note_reached(open, rank);
}

static uint32_t
reached_count(const struct peal_scouts_case *open)
{
	return (uint32_t)__builtin_popcount(open->reached);
}

bool
peal_scouts_is_enough(const struct peal_scouts *scouts, struct peal_uuid joiner)
{
	const struct peal_scouts_case *open = find_case_const(scouts, joiner);

	return open == NULL || reached_count(open) >= open->needed_count;
}

bool
peal_scouts_tell(const struct peal_scouts *scouts, const struct peal_view *view,
	const struct peal_member *joiner, struct peal_uuid self, struct peal_outbox *out)
{
	const struct peal_scouts_case *open = find_case_const(scouts, joiner->uuid);
	struct peal_effect effect = {.kind = PEAL_EFFECT_SEND_ADDRESS,
		.message = PEAL_MESSAGE_UNREACHABLE,
		.address = joiner->address};
	struct peal_unreachable_msg message = {.joiner = joiner->uuid, .answerer = self};
	struct peal_writer writer;

	if (open == NULL || reached_count(open) >= open->needed_count) {
		return false;
	}
	message.asked = open->observers_count;
	message.needed = open->needed_count;
	for (uint32_t i = 0; i < open->observers_count; i++) {
		if ((open->reached >> i & 1U) == 0) {
			message.observers[message.count++] =
				view->members[open->observers[i]].address;
		}
	}
	writer = peal_outbox_open(out, &effect, PEAL_BODY_SIZE_MAX);
	peal_unreachable_msg_encode(&message, &writer);
	peal_outbox_commit(out, &writer);
	return true;
}

static void
send_probe(const struct peal_scouts_errand *errand, struct peal_outbox *out)
{
	struct peal_effect effect = {.kind = PEAL_EFFECT_SEND_ADDRESS,
		.message = PEAL_MESSAGE_JOIN_PROBE,
		.address = errand->address};
	struct peal_writer writer = peal_outbox_open(out, &effect, PEAL_BODY_SIZE_MAX);

	peal_join_probe_encode(&errand->probe, &writer);
	peal_outbox_commit(out, &writer);
}

void
peal_scouts_on_ask(struct peal_scouts *scouts, uint16_t asker, const struct peal_reach_msg *message,
	struct peal_outbox *out)
{
	struct peal_scouts_errand *errand = NULL;

	for (uint32_t i = 0; i < PEAL_SCOUTS_ERRANDS_MAX; i++) {
		if (peal_uuid_equals(scouts->errands[i].probe.joiner, message->joiner) &&
			scouts->errands[i].asker == asker) {
			errand = &scouts->errands[i];
		}
	}
	if (errand == NULL) {
		errand = &scouts->errands[scouts->next_errand++ % PEAL_SCOUTS_ERRANDS_MAX];
	}
	*errand = (struct peal_scouts_errand){
		.probe = {.joiner = message->joiner, .token = message->token},
		.address = message->address,
		.asker = asker};
	send_probe(errand, out);
}

void
peal_scouts_on_ready(struct peal_scouts *scouts, const struct peal_join_probe *ready,
	const struct peal_address *from, struct peal_outbox *out)
{
	for (uint32_t i = 0; i < PEAL_SCOUTS_ERRANDS_MAX; i++) {
		struct peal_scouts_errand *errand = &scouts->errands[i];
		struct peal_effect effect = {.kind = PEAL_EFFECT_SEND_MEMBER,
			.message = PEAL_MESSAGE_REACHED,
			.rank = errand->asker};
		struct peal_writer writer;

		if (peal_uuid_is_none(ready->joiner) ||
			!peal_uuid_equals(errand->probe.joiner, ready->joiner) ||
			errand->probe.token != ready->token ||
			!peal_address_equals(&errand->address, from)) {
			continue;
		}
		writer =
			peal_outbox_open(out, &effect, PEAL_BODY_SIZE_MAX - PEAL_FLOOD_PREFIX_SIZE);
		peal_join_probe_encode(ready, &writer);
		peal_outbox_commit(out, &writer);
		memset(errand, 0, sizeof(*errand));
		return;
	}
}
