/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/council.h"

#include "wire/messages.h"

#include <stdlib.h>
#include <string.h>

/* Joiners of values; they live as long as the program, as values of tests do. */
#define JOINERS_MAX  1024U
#define JOINERS_SEED 1000U

static struct peal_member joiners[JOINERS_MAX];
/* Any run of these is in uuid order: a joiner's number is its place. */
static bool are_joiners_made;

/* The shelves of the members. */

static const struct peal_body *
count_kept(struct peal_council_shelf *shelf, const struct peal_body *body)
{
	if (body != NULL) {
		shelf->held_count++;
	}
	return body;
}

static const struct peal_body *
keep_proposal(void *state, const struct peal_proposal *proposal)
{
	struct peal_council_shelf *shelf = state;
	const struct peal_bodies *bodies = &shelf->council->store->bodies;

	if (shelf->is_full) {
		return NULL;
	}
	return count_kept(shelf, bodies->keep_proposal(bodies->state, proposal));
}

static const struct peal_body *
keep_bytes(void *state, const uint8_t *bytes, uint32_t size, bool is_proposal)
{
	struct peal_council_shelf *shelf = state;
	const struct peal_bodies *bodies = &shelf->council->store->bodies;

	if (shelf->is_full) {
		return NULL;
	}
	return count_kept(shelf, bodies->keep_bytes(bodies->state, bytes, size, is_proposal));
}

static const struct peal_body *
find(void *state, struct peal_hash128 digest)
{
	struct peal_council_shelf *shelf = state;
	const struct peal_bodies *bodies = &shelf->council->store->bodies;

	return count_kept(shelf, bodies->find(bodies->state, digest));
}

static void
retain(void *state, const struct peal_body *body)
{
	struct peal_council_shelf *shelf = state;

	shelf->held_count++;
	shelf->council->store->bodies.retain(shelf->council->store->bodies.state, body);
}

static void
release(void *state, const struct peal_body *body)
{
	struct peal_council_shelf *shelf = state;

	PEAL_ASSERT(shelf->held_count > 0);
	shelf->held_count--;
	shelf->council->store->bodies.release(shelf->council->store->bodies.state, body);
}

/* The council. */

static int
compare_uuids(const void *a, const void *b)
{
	return peal_uuid_compare(
		((const struct peal_member *)a)->uuid, ((const struct peal_member *)b)->uuid);
}

static void
make_joiners(void)
{
	if (are_joiners_made) {
		return;
	}
	for (uint32_t i = 0; i < JOINERS_MAX; i++) {
		/* Clear of the addresses of members. */
		joiners[i] = peal_teststore_joiner(JOINERS_SEED, PEAL_MEMBERS_MAX + i);
	}
	qsort(joiners, JOINERS_MAX, sizeof(joiners[0]), compare_uuids);
	are_joiners_made = true;
}

static struct peal_council *
create(uint16_t members_count, uint64_t seed, bool is_large)
{
	struct peal_council *council = calloc(1, sizeof(*council));
	bool is_found;

	PEAL_ASSERT(council != NULL);
	make_joiners();
	council->store = peal_teststore_create(members_count);
	council->group = peal_teststore_group(council->store, members_count, seed);
	council->view = council->group->view;
	council->topology = council->group->topology;
	council->counters = calloc(members_count, sizeof(*council->counters));
	council->shelves = calloc(members_count, sizeof(*council->shelves));
	council->nodes = calloc(members_count, sizeof(*council->nodes));
	PEAL_ASSERT(council->counters != NULL && council->shelves != NULL);
	PEAL_ASSERT(council->nodes != NULL);
	is_found = peal_timing_find("dpdk", &council->timing);
	PEAL_ASSERT(is_found);
	council->now_ns = UINT64_C(1000000000);
	for (uint16_t rank = 0; rank < members_count; rank++) {
		struct peal_consensus_config config = {.view = &council->view,
			.topology = &council->topology,
			.timing = &council->timing,
			.counters = &council->counters[rank],
			.willing = &council->willing,
			.self_rank = rank,
			.is_large = is_large,
			.bodies = {.state = &council->shelves[rank],
				.keep_proposal = keep_proposal,
				.keep_bytes = keep_bytes,
				.find = find,
				.retain = retain,
				.release = release}};

		council->shelves[rank].council = council;
		peal_consensus_init(&council->nodes[rank], &config, council->now_ns);
	}
	return council;
}

struct peal_council *
peal_council_create(uint16_t members_count, uint64_t seed)
{
	return create(members_count, seed, members_count > PEAL_DIRECT_MAX);
}

struct peal_council *
peal_council_create_large(uint16_t members_count, uint64_t seed)
{
	return create(members_count, seed, true);
}

void
peal_council_destroy(struct peal_council *council)
{
	peal_council_clear(council);
	for (uint16_t rank = 0; rank < council->view.members_count; rank++) {
		struct peal_consensus *node = &council->nodes[rank];

		PEAL_ASSERT(council->shelves[rank].held_count == (int32_t)node->values.count);
		peal_values_clear(&node->values);
	}
	peal_teststore_destroy(council->store);
	free(council->counters);
	free(council->shelves);
	free(council->nodes);
	free(council->letters);
	free(council);
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
	return peal_council_add_many(council, number, 1);
}

struct peal_proposal
peal_council_add_many(const struct peal_council *council, uint32_t first, uint32_t count)
{
	struct peal_proposal value = peal_council_remove(council, 0);

	PEAL_ASSERT(first + count <= JOINERS_MAX);
	value.additions_count = (uint16_t)count;
	value.additions = &joiners[first];
	return value;
}

const struct peal_body *
peal_council_body(struct peal_council *council, const struct peal_proposal *value)
{
	const struct peal_bodies *bodies = &council->store->bodies;
	const struct peal_body *body = bodies->keep_proposal(bodies->state, value);

	PEAL_ASSERT(body != NULL);
	return body;
}

uint16_t
peal_council_member_of_slot(const struct peal_council *council, uint32_t slot)
{
	return peal_rings_elect(&council->topology, &council->view, 1, slot);
}

/* The table. */

static void
put(struct peal_council *council, uint16_t from, uint16_t to, const struct peal_ballot_msg *message)
{
	struct peal_letter *letter = malloc(sizeof(*letter));

	PEAL_ASSERT(letter != NULL);
	*letter = (struct peal_letter){.from = from, .to = to, .message = *message};
	if (council->letters_count == council->letters_max) {
		council->letters_max = 2U * council->letters_max + 64U;
		council->letters =
			realloc(council->letters, council->letters_max * sizeof(*council->letters));
		PEAL_ASSERT(council->letters != NULL);
	}
	council->letters[council->letters_count++].letter = letter;
}

static void
put_message(struct peal_council *council, uint16_t rank, const struct peal_effect *effect,
	const uint8_t *bytes)
{
	struct peal_reader reader = peal_reader_init(bytes, effect->body_size);
	struct peal_ballot_msg message;
	bool is_readable = peal_ballot_msg_decode(effect->message, &reader, &message);

	PEAL_ASSERT(is_readable);
	if (council->by_digest) {
		message.has_proposal = false;
	}
	if (message.has_proposal) {
		message.proposal = peal_council_body(council, &message.proposal)->proposal;
	}
	for (uint16_t to = 0; to < council->view.members_count; to++) {
		if (to != rank && (effect->kind == PEAL_EFFECT_SEND_ALL || effect->rank == to)) {
			put(council, rank, to, &message);
		}
	}
}

static void
gather(struct peal_council *council, uint16_t rank, const struct peal_vote_key *key)
{
	struct peal_council_votes *votes = NULL;

	for (uint32_t i = 0; i < council->keys_count; i++) {
		if (peal_vote_key_equals(&council->keys[i].key, key)) {
			votes = &council->keys[i];
		}
	}
	if (votes == NULL) {
		PEAL_ASSERT(council->keys_count < PEAL_COUNCIL_KEYS_MAX);
		votes = &council->keys[council->keys_count++];
		*votes = (struct peal_council_votes){.key = *key};
	}
	peal_bitset_add(&votes->ranks, rank);
}

/* Puts what the member at `rank` wants to say on the table. */
static void
collect(struct peal_council *council, uint16_t rank)
{
	for (uint32_t i = 0; i < council->outbox.count; i++) {
		const struct peal_effect *effect = &council->outbox.effects[i];
		const uint8_t *bytes = peal_outbox_body(&council->outbox, i);
		struct peal_vote_key key;
		struct peal_hash128 digest;

		if (effect->kind == PEAL_EFFECT_VOTE) {
			PEAL_ASSERT(effect->body_size == sizeof(key));
			memcpy(&key, bytes, sizeof(key));
			gather(council, rank, &key);
		} else if (effect->kind == PEAL_EFFECT_WANT) {
			PEAL_ASSERT(effect->body_size == sizeof(digest));
			PEAL_ASSERT(council->wants_count < PEAL_COUNCIL_WANTS_MAX);
			memcpy(&digest, bytes, sizeof(digest));
			council->wants[council->wants_count].rank = rank;
			council->wants[council->wants_count++].digest = digest;
		} else {
			put_message(council, rank, effect, bytes);
		}
	}
	peal_outbox_reset(&council->outbox);
}

bool
peal_council_propose(
	struct peal_council *council, uint16_t rank, const struct peal_proposal *value, bool fast)
{
	bool is_taken = peal_consensus_propose(
		&council->nodes[rank], value, fast, council->now_ns, &council->outbox);

	collect(council, rank);
	return is_taken;
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
peal_council_tell(struct peal_council *council, uint16_t rank, const struct peal_vote_key *key,
	const struct peal_bitset *ranks)
{
	peal_consensus_on_votes(
		&council->nodes[rank], key, ranks, council->now_ns, &council->outbox);
	collect(council, rank);
}

void
peal_council_tell_all(struct peal_council *council, uint16_t rank)
{
	/* It may say something about them: then there is more to tell. */
	for (uint32_t i = 0; i < council->keys_count; i++) {
		struct peal_council_votes votes = council->keys[i];

		peal_council_tell(council, rank, &votes.key, &votes.ranks);
	}
}

void
peal_council_bring(struct peal_council *council, uint16_t rank, const struct peal_proposal *value)
{
	peal_consensus_on_body(&council->nodes[rank], peal_council_body(council, value),
		council->now_ns, &council->outbox);
	collect(council, rank);
}

void
peal_council_clear(struct peal_council *council)
{
	while (council->letters_count > 0) {
		free(council->letters[--council->letters_count].letter);
	}
}

void
peal_council_deliver(struct peal_council *council, uint32_t index)
{
	struct peal_letter *letter = council->letters[index].letter;

	PEAL_ASSERT(index < council->letters_count);
	council->letters_count--;
	memmove(&council->letters[index], &council->letters[index + 1U],
		(council->letters_count - index) * sizeof(*council->letters));
	if (!peal_bitset_has(&council->absent, letter->to)) {
		peal_council_hear(council, letter->to, letter->from, &letter->message);
	}
	free(letter);
}

uint32_t
peal_council_pass(struct peal_council *council, uint16_t from, uint16_t to)
{
	uint32_t left = council->letters_count;
	uint32_t index = 0;
	uint32_t count = 0;

	for (; left > 0; left--) {
		if (council->letters[index].letter->from == from &&
			council->letters[index].letter->to == to) {
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
		const struct peal_letter *letter = council->letters[i].letter;

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
		if (council->letters[i].letter->message.kind == kind) {
			count++;
		}
	}
	return count;
}

const struct peal_council_votes *
peal_council_votes_for(const struct peal_council *council, uint8_t kind, struct peal_ballot ballot,
	struct peal_hash128 digest)
{
	for (uint32_t i = 0; i < council->keys_count; i++) {
		const struct peal_council_votes *votes = &council->keys[i];

		if (votes->key.kind == kind &&
			peal_ballot_compare(votes->key.ballot, ballot) == 0 &&
			peal_hash128_equals(votes->key.digest, digest)) {
			return votes;
		}
	}
	return NULL;
}

uint32_t
peal_council_wanted(
	const struct peal_council *council, uint16_t rank, const struct peal_proposal *value)
{
	struct peal_hash128 digest = peal_proposal_digest(value);
	uint32_t count = 0;

	for (uint32_t i = 0; i < council->wants_count; i++) {
		if (council->wants[i].rank == rank &&
			peal_hash128_equals(council->wants[i].digest, digest)) {
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

/* Messages and outcomes. */

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
peal_council_name(uint8_t kind, struct peal_ballot ballot, const struct peal_proposal *value)
{
	struct peal_ballot_msg message = peal_council_message(kind, ballot, NULL);

	message.digest = peal_proposal_digest(value);
	return message;
}

struct peal_ballot_msg
peal_council_vote(const struct peal_proposal *value)
{
	return peal_council_message(PEAL_MESSAGE_VOTE, PEAL_BALLOT_FAST, value);
}

struct peal_vote_key
peal_council_key(uint8_t kind, struct peal_ballot ballot, const struct peal_proposal *value)
{
	struct peal_vote_key key = {.kind = kind, .ballot = ballot};

	if (value != NULL) {
		key.digest = peal_proposal_digest(value);
	}
	return key;
}

struct peal_bitset
peal_council_run(uint32_t first, uint32_t end)
{
	struct peal_bitset ranks = {{0}};

	for (uint32_t rank = first; rank < end; rank++) {
		peal_bitset_add(&ranks, rank);
	}
	return ranks;
}

bool
peal_council_has_decided(
	const struct peal_council *council, uint16_t rank, const struct peal_proposal *value)
{
	const struct peal_body *decided = peal_consensus_decided(&council->nodes[rank]);

	return decided != NULL && peal_hash128_equals(decided->digest, peal_proposal_digest(value));
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

void
peal_council_propose_all(struct peal_council *council, const struct peal_proposal *value)
{
	for (uint16_t rank = 0; rank < council->view.members_count; rank++) {
		if (!peal_bitset_has(&council->absent, rank)) {
			PEAL_ASSERT(peal_council_propose(council, rank, value, true));
		}
	}
}

void
peal_council_tell_some(
	struct peal_council *council, uint16_t rank, uint8_t kind, struct peal_bitset ranks)
{
	for (uint32_t i = 0; i < council->keys_count; i++) {
		struct peal_council_votes votes = council->keys[i];

		votes.ranks = peal_bitset_intersection(&votes.ranks, &ranks);
		if (votes.key.kind == kind && !peal_bitset_is_empty(&votes.ranks)) {
			peal_council_tell(council, rank, &votes.key, &votes.ranks);
		}
	}
}

void
peal_council_spread_decision(
	struct peal_council *council, uint16_t from, const struct peal_proposal *value)
{
	struct peal_ballot_msg message =
		peal_council_name(PEAL_MESSAGE_DECIDE, council->nodes[from].decided_ballot, value);

	for (uint16_t rank = 0; rank < council->view.members_count; rank++) {
		if (!peal_bitset_has(&council->absent, rank) && rank != from) {
			peal_council_hear(council, rank, from, &message);
		}
	}
}
