/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A few consensus machines around a table, for tests that tell a story message by message.
 *
 * What a machine sends lies on the table in the order it was said, until the test hands it over or
 * drops it. Nothing moves by itself; time is what the test says. Votes of a large council are
 * gathered under their keys, for the test to tell to whomever it likes; bodies that members ask for
 * are noted.
 */
#ifndef PEAL_TESTS_LIB_COUNCIL_H
#define PEAL_TESTS_LIB_COUNCIL_H

#include "control/consensus.h"
#include "tests/lib/teststore.h"

#define PEAL_COUNCIL_KEYS_MAX  16U
#define PEAL_COUNCIL_WANTS_MAX 4096U

/* A message on its way; its value is a body, so a letter may be copied. */
struct peal_letter {
	uint16_t from;
	uint16_t to;
	struct peal_ballot_msg message;
};

/* Who said what a key means. */
struct peal_council_votes {
	struct peal_vote_key key;
	struct peal_bitset ranks;
};

/* The bodies of one member: the shared store, and whether it has room for one more. */
struct peal_council_shelf {
	struct peal_council *council;
	bool is_full;
	int32_t held_count; /* retained, less released */
};

struct peal_council {
	struct peal_teststore *store;
	const struct peal_group *group;
	struct peal_view view; /* of the group */
	struct peal_topology topology;
	struct peal_timing timing;
	uint64_t now_ns;
	struct peal_counters *counters; /* by rank, as shelves and nodes */
	struct peal_council_shelf *shelves;
	struct peal_bitset willing; /* one for all */
	struct peal_bitset absent;  /* receive nothing */
	struct peal_consensus *nodes;
	bool by_digest; /* messages name values and never carry them */
	struct peal_outbox outbox;
	uint32_t letters_count;
	uint32_t letters_max;
	struct {
		struct peal_letter *letter;
	} * letters; /* in the order in which they were said */
	uint32_t keys_count;
	struct peal_council_votes keys[PEAL_COUNCIL_KEYS_MAX];
	uint32_t wants_count;
	struct {
		uint16_t rank;
		struct peal_hash128 digest;
	} wants[PEAL_COUNCIL_WANTS_MAX];
};

/* A new council of `members_count`, at 1 s, large when there are more than PEAL_DIRECT_MAX. */
struct peal_council *peal_council_create(uint16_t members_count, uint64_t seed);
/* The same, large whatever the number. */
struct peal_council *peal_council_create_large(uint16_t members_count, uint64_t seed);
/* Ends all; asserts that the members held no bodies but those of their tables. */
void peal_council_destroy(struct peal_council *council);

/* A cut of the members in `removals`, a bit each. */
struct peal_proposal peal_council_remove(const struct peal_council *council, uint64_t removals);
/* A cut that adds joiner number `number`. */
struct peal_proposal peal_council_add(const struct peal_council *council, uint32_t number);
/* A cut that adds `count` joiners from number `first` on: 23 of them still fit a message. */
struct peal_proposal peal_council_add_many(
	const struct peal_council *council, uint32_t first, uint32_t count);
/* The body of a value, as it would come from somebody else. Good until destroy. */
const struct peal_body *peal_council_body(
	struct peal_council *council, const struct peal_proposal *value);

/* The member whose slot is `slot` while nobody has a value. */
uint16_t peal_council_member_of_slot(const struct peal_council *council, uint32_t slot);

/* Steps of the member at `rank`; what it says is put on the table, a letter for each receiver. */
bool peal_council_propose(
	struct peal_council *council, uint16_t rank, const struct peal_proposal *value, bool fast);
/* All that are not absent propose the same; asserts that each may. */
void peal_council_propose_all(struct peal_council *council, const struct peal_proposal *value);
void peal_council_hear(struct peal_council *council, uint16_t rank, uint16_t from,
	const struct peal_ballot_msg *message);
/* DECIDE of the member at `from`, by digest, reaches all that are not absent. */
void peal_council_spread_decision(
	struct peal_council *council, uint16_t from, const struct peal_proposal *value);
void peal_council_tick(struct peal_council *council, uint16_t rank);
/* The members of `ranks` said what `key` means. */
void peal_council_tell(struct peal_council *council, uint16_t rank, const struct peal_vote_key *key,
	const struct peal_bitset *ranks);
/* Everything that was gathered under all keys. */
void peal_council_tell_all(struct peal_council *council, uint16_t rank);
/* The same of what `kind` of vote says, as far as members of `ranks` said it. */
void peal_council_tell_some(
	struct peal_council *council, uint16_t rank, uint8_t kind, struct peal_bitset ranks);
/* The body of `value` comes. */
void peal_council_bring(
	struct peal_council *council, uint16_t rank, const struct peal_proposal *value);

/* Removes all letters. */
void peal_council_clear(struct peal_council *council);
/* Hands over letter `index` and removes it. */
void peal_council_deliver(struct peal_council *council, uint32_t index);
/* Hands over all letters from one to another that lie there now. Returns how many. */
uint32_t peal_council_pass(struct peal_council *council, uint16_t from, uint16_t to);
/* Hands over letters, oldest first, and those that follow from them, until none is left. */
void peal_council_settle(struct peal_council *council);
/* The first letter of a kind from `from` to `to`; NULL when there is none. */
const struct peal_letter *peal_council_find(
	const struct peal_council *council, uint8_t kind, uint16_t from, uint16_t to);
uint32_t peal_council_count(const struct peal_council *council, uint8_t kind);
/* Who said what `kind` of vote says about `digest` at `ballot`; NULL: nobody. */
const struct peal_council_votes *peal_council_votes_for(const struct peal_council *council,
	uint8_t kind, struct peal_ballot ballot, struct peal_hash128 digest);
/* How often the member at `rank` asked for the body of `value`. */
uint32_t peal_council_wanted(
	const struct peal_council *council, uint16_t rank, const struct peal_proposal *value);
/* Time passes to `at_ns`; the members that are not absent tick when they are due, nothing is handed
 * over. */
void peal_council_wait(struct peal_council *council, uint64_t at_ns);

/* A message as a member would send it; `value` NULL = none. */
struct peal_ballot_msg peal_council_message(
	uint8_t kind, struct peal_ballot ballot, const struct peal_proposal *value);
/* The same, with the digest of the value alone. */
struct peal_ballot_msg peal_council_name(
	uint8_t kind, struct peal_ballot ballot, const struct peal_proposal *value);
/* The VOTE for `value`. */
struct peal_ballot_msg peal_council_vote(const struct peal_proposal *value);
struct peal_vote_key peal_council_key(
	uint8_t kind, struct peal_ballot ballot, const struct peal_proposal *value);
/* All ranks from `first` to the one before `end`. */
struct peal_bitset peal_council_run(uint32_t first, uint32_t end);

bool peal_council_has_decided(
	const struct peal_council *council, uint16_t rank, const struct peal_proposal *value);
/* How many members decided `value`. Asserts that none decided anything else, and all invariants. */
uint32_t peal_council_decided_by(
	const struct peal_council *council, const struct peal_proposal *value);
uint64_t peal_council_counted(
	const struct peal_council *council, uint16_t rank, enum peal_counter counter);

#endif
