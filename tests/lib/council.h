/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A few consensus machines around a table, for tests that tell a story message by message.
 *
 * What a machine sends lies on the table in the order it was said, until the test hands it over or
 * drops it. Nothing moves by itself; time is what the test says.
 */
#ifndef PEAL_TESTS_LIB_COUNCIL_H
#define PEAL_TESTS_LIB_COUNCIL_H

#include "control/consensus.h"

#define PEAL_COUNCIL_LETTERS_MAX 1024U

struct peal_letter {
	uint16_t from;
	uint16_t to;
	struct peal_ballot_msg message;
};

struct peal_council {
	struct peal_view view;
	struct peal_topology topology;
	struct peal_timing timing;
	uint64_t now_ns;
	struct peal_counters counters[PEAL_MEMBERS_MAX];
	struct peal_bitset willing; /* one for all */
	struct peal_bitset absent;  /* receive nothing */
	struct peal_consensus nodes[PEAL_MEMBERS_MAX];
	struct peal_outbox outbox;
	uint32_t letters_count;
	struct peal_letter letters[PEAL_COUNCIL_LETTERS_MAX];
};

/* A new council of `members_count`, at 1 s. Free with free(). */
struct peal_council *peal_council_create(uint16_t members_count, uint64_t seed);

/* A cut of the members in `removals`, a bit each. */
struct peal_proposal peal_council_remove(const struct peal_council *council, uint64_t removals);
/* A cut that adds joiner number `number`. */
struct peal_proposal peal_council_add(const struct peal_council *council, uint32_t number);

/* The member whose slot is `slot` while nobody has a value. */
uint16_t peal_council_member_of_slot(const struct peal_council *council, uint32_t slot);

/* Steps of the member at `rank`; what it says is put on the table, a letter for each receiver. */
void peal_council_propose(
	struct peal_council *council, uint16_t rank, const struct peal_proposal *value, bool fast);
void peal_council_hear(struct peal_council *council, uint16_t rank, uint16_t from,
	const struct peal_ballot_msg *message);
void peal_council_tick(struct peal_council *council, uint16_t rank);

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
/* Time passes to `at_ns`; the members that are not absent tick when they are due, nothing is handed
 * over. */
void peal_council_wait(struct peal_council *council, uint64_t at_ns);

/* A message as a member would send it; `value` NULL = none. */
struct peal_ballot_msg peal_council_message(
	uint8_t kind, struct peal_ballot ballot, const struct peal_proposal *value);
/* The VOTE for `value`. */
struct peal_ballot_msg peal_council_vote(const struct peal_proposal *value);

bool peal_council_has_decided(
	const struct peal_council *council, uint16_t rank, const struct peal_proposal *value);
/* How many members decided `value`. Asserts that none decided anything else, and all invariants. */
uint32_t peal_council_decided_by(
	const struct peal_council *council, const struct peal_proposal *value);
uint64_t peal_council_counted(
	const struct peal_council *council, uint16_t rank, enum peal_counter counter);

#endif
