/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/council.h"

#include "base/prng.h"
#include "tests/lib/gen.h"
#include "wire/messages.h"

#include <stdlib.h>
#include <string.h>

struct peal_council *
peal_council_create(uint16_t members_count, uint64_t seed)
{
	struct peal_council *council = calloc(1, sizeof(*council));
	struct peal_prng prng;
	bool is_found;

	PEAL_ASSERT(council != NULL);
	peal_prng_init(&prng, seed);
	peal_gen_view(&prng, members_count, &council->view);
	peal_rings_build(&council->view, &council->topology);
	is_found = peal_timing_find("dpdk", &council->timing);
	PEAL_ASSERT(is_found);
	council->now_ns = UINT64_C(1000000000);
	for (uint16_t rank = 0; rank < members_count; rank++) {
		struct peal_consensus_config config = {.view = &council->view,
			.topology = &council->topology,
			.timing = &council->timing,
			.counters = &council->counters[rank],
			.willing = &council->willing,
			.self_rank = rank};

		peal_consensus_init(&council->nodes[rank], &config, council->now_ns);
	}
	return council;
}

struct peal_proposal
peal_council_remove(const struct peal_council *council, uint64_t removals)
{
	struct peal_proposal value;

	memset(&value, 0, sizeof(value));
	value.parent_epoch = council->view.epoch;
	value.parent_hash = council->view.hash;
	value.removals.words[0] = removals;
	return value;
}

struct peal_proposal
peal_council_add(const struct peal_council *council, uint32_t number)
{
	struct peal_proposal value = peal_council_remove(council, 0);
	struct peal_prng prng;

	peal_prng_init(&prng, UINT64_C(1000) + number);
	value.additions_count = 1;
	peal_gen_member(&prng, &value.additions[0]);
	/* Clear of the addresses of members, whose last byte is a rank and 1. */
	value.additions[0].address.ipv4 |= 0xFFU;
	return value;
}

uint16_t
peal_council_member_of_slot(const struct peal_council *council, uint32_t slot)
{
	return peal_rings_elect(&council->topology, &council->view, 1, slot);
}

static void
put(struct peal_council *council, uint16_t from, uint16_t to, const struct peal_ballot_msg *message)
{
	PEAL_ASSERT(council->letters_count < PEAL_COUNCIL_LETTERS_MAX);
	council->letters[council->letters_count++] =
		(struct peal_letter){.from = from, .to = to, .message = *message};
}

/* Puts what the member at `rank` wants to say on the table. */
static void
collect(struct peal_council *council, uint16_t rank)
{
	for (uint32_t i = 0; i < council->outbox.count; i++) {
		const struct peal_effect *effect = &council->outbox.effects[i];
		struct peal_reader reader =
			peal_reader_init(peal_outbox_body(&council->outbox, i), effect->body_size);
		struct peal_ballot_msg message;
		bool is_readable = peal_ballot_msg_decode(effect->message, &reader, &message);

		PEAL_ASSERT(is_readable);
		for (uint16_t to = 0; to < council->view.members_count; to++) {
			if (to != rank &&
				(effect->kind == PEAL_EFFECT_SEND_ALL || effect->rank == to)) {
				put(council, rank, to, &message);
			}
		}
	}
	peal_outbox_reset(&council->outbox);
}

void
peal_council_propose(
	struct peal_council *council, uint16_t rank, const struct peal_proposal *value, bool fast)
{
	peal_consensus_propose(
		&council->nodes[rank], value, fast, council->now_ns, &council->outbox);
	collect(council, rank);
}

void
peal_council_hear(struct peal_council *council, uint16_t rank, uint16_t from,
	const struct peal_ballot_msg *message)
{
	peal_consensus_on_message(
		&council->nodes[rank], from, message, council->now_ns, &council->outbox);
	collect(council, rank);
}

void
peal_council_tick(struct peal_council *council, uint16_t rank)
{
	peal_consensus_on_tick(&council->nodes[rank], council->now_ns, &council->outbox);
	collect(council, rank);
}

void
peal_council_clear(struct peal_council *council)
{
	council->letters_count = 0;
}

void
peal_council_deliver(struct peal_council *council, uint32_t index)
{
	struct peal_letter letter = council->letters[index];

	PEAL_ASSERT(index < council->letters_count);
	council->letters_count--;
	memmove(&council->letters[index], &council->letters[index + 1U],
		(council->letters_count - index) * sizeof(letter));
	if (!peal_bitset_has(&council->absent, letter.to)) {
		peal_council_hear(council, letter.to, letter.from, &letter.message);
	}
}

uint32_t
peal_council_pass(struct peal_council *council, uint16_t from, uint16_t to)
{
	uint32_t left = council->letters_count;
	uint32_t index = 0;
	uint32_t count = 0;

	for (; left > 0; left--) {
		if (council->letters[index].from == from && council->letters[index].to == to) {
			peal_council_deliver(council, index);
			count++;
		} else {
			index++;
		}
	}
	return count;
}

void
peal_council_settle(struct peal_council *council)
{
	for (uint32_t step = 0; council->letters_count > 0; step++) {
		PEAL_ASSERT(step < 100000);
		peal_council_deliver(council, 0);
	}
}

const struct peal_letter *
peal_council_find(const struct peal_council *council, uint8_t kind, uint16_t from, uint16_t to)
{
	for (uint32_t i = 0; i < council->letters_count; i++) {
		const struct peal_letter *letter = &council->letters[i];

		if (letter->message.kind == kind && letter->from == from && letter->to == to) {
			return letter;
		}
	}
	return NULL;
}

uint32_t
peal_council_count(const struct peal_council *council, uint8_t kind)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < council->letters_count; i++) {
		if (council->letters[i].message.kind == kind) {
			count++;
		}
	}
	return count;
}

void
peal_council_wait(struct peal_council *council, uint64_t at_ns)
{
	for (uint32_t step = 0;; step++) {
		uint64_t next_ns = at_ns;

		PEAL_ASSERT(step < 100000);
		for (uint16_t rank = 0; rank < council->view.members_count; rank++) {
			uint64_t due_ns = peal_consensus_deadline_at_ns(&council->nodes[rank]);

			if (due_ns < next_ns && !peal_bitset_has(&council->absent, rank)) {
				next_ns = due_ns;
			}
		}
		council->now_ns = next_ns > council->now_ns ? next_ns : council->now_ns;
		for (uint16_t rank = 0; rank < council->view.members_count; rank++) {
			if (!peal_bitset_has(&council->absent, rank)) {
				peal_council_tick(council, rank);
			}
		}
		if (next_ns == at_ns) {
			return;
		}
	}
}

bool
peal_council_has_decided(
	const struct peal_council *council, uint16_t rank, const struct peal_proposal *value)
{
	const struct peal_proposal *decided = peal_consensus_decided(&council->nodes[rank]);

	return decided != NULL &&
	       peal_hash128_equals(peal_proposal_digest(decided), peal_proposal_digest(value));
}

struct peal_ballot_msg
peal_council_message(uint8_t kind, struct peal_ballot ballot, const struct peal_proposal *value)
{
	struct peal_ballot_msg message;

	memset(&message, 0, sizeof(message));
	message.kind = kind;
	message.ballot = ballot;
	if (value != NULL) {
		message.digest = peal_proposal_digest(value);
		message.has_proposal = kind != PEAL_MESSAGE_P2B;
	}
	if (message.has_proposal) {
		message.proposal = *value;
	}
	return message;
}

struct peal_ballot_msg
peal_council_vote(const struct peal_proposal *value)
{
	return peal_council_message(PEAL_MESSAGE_VOTE, PEAL_BALLOT_FAST, value);
}

uint32_t
peal_council_decided_by(const struct peal_council *council, const struct peal_proposal *value)
{
	uint32_t count = 0;

	for (uint16_t rank = 0; rank < council->view.members_count; rank++) {
		peal_consensus_check(&council->nodes[rank]);
		if (peal_consensus_decided(&council->nodes[rank]) != NULL) {
			PEAL_ASSERT(peal_council_has_decided(council, rank, value));
			count++;
		}
	}
	return count;
}

uint64_t
peal_council_counted(const struct peal_council *council, uint16_t rank, enum peal_counter counter)
{
	return peal_counter_get(&council->counters[rank], counter);
}
