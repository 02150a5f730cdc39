/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/validity.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/council.h"
#include "tests/lib/dies.h"
#include "wire/messages.h"

static void
test_validity__what_stays_must_be_a_quorum(void **state)
{
	struct peal_council *council = peal_council_create(4, 1);
	struct peal_proposal juniors = peal_council_remove(council, 0xC);
	struct peal_proposal senior = peal_council_remove(council, 0x3);
	struct peal_bitset willing = {{0x1}};

	(void)state;
	assert_true(peal_validity_of_value(&council->view, NULL, &juniors));
	/* The half without the senior is none. */
	assert_false(peal_validity_of_value(&council->view, NULL, &senior));
	/* It is, if the senior goes willingly. */
	assert_true(peal_validity_of_value(&council->view, &willing, &senior));
	willing.words[0] = 0x8;
	assert_false(peal_validity_of_value(&council->view, &willing, &senior));
	peal_council_destroy(council);
}

static void
test_validity__value_must_fit_the_view(void **state)
{
	struct peal_council *council = peal_council_create(3, 1);
	struct peal_proposal value = peal_council_remove(council, 0x4);

	(void)state;
	assert_true(peal_validity_of_value(&council->view, NULL, &value));
	value.parent_epoch++;
	assert_false(peal_validity_of_value(&council->view, NULL, &value));
	value = peal_council_remove(council, 0x8);
	assert_false(peal_validity_of_value(&council->view, NULL, &value));
	value = peal_council_remove(council, 0); /* ends an epoch, changes nobody */
	assert_true(peal_validity_of_value(&council->view, NULL, &value));
	peal_council_destroy(council);
}

struct ballots_case {
	uint8_t kind;
	struct peal_ballot ballot;
	struct peal_ballot vrnd;
	bool has_proposal;
	bool is_lawful;
};

static void
test_validity__ballots_belong_to_their_sender(void **state)
{
	/* From the member at rank 1 of 3. */
	static const struct ballots_case cases[] = {
		{PEAL_MESSAGE_VOTE, {1, 0}, {0, 0}, true, true},
		{PEAL_MESSAGE_VOTE, {1, 1}, {0, 0}, true, false},
		{PEAL_MESSAGE_VOTE, {2, 1}, {0, 0}, true, false},
		{PEAL_MESSAGE_P1A, {2, 1}, {0, 0}, false, true},
		{PEAL_MESSAGE_P1A, {2, 2}, {0, 0}, false, false},
		{PEAL_MESSAGE_P1A, {1, 1}, {0, 0}, false, false},
		{PEAL_MESSAGE_P1A, {PEAL_ROUNDS_MAX, 1}, {0, 0}, false, true},
		{PEAL_MESSAGE_P1A, {PEAL_ROUNDS_MAX + 1U, 1}, {0, 0}, false, false},
		{PEAL_MESSAGE_P2A, {7, 1}, {0, 0}, true, true},
		{PEAL_MESSAGE_P2A, {7, 0}, {0, 0}, true, false},
		{PEAL_MESSAGE_P1B, {2, 0}, {0, 0}, false, true},
		{PEAL_MESSAGE_P1B, {2, 0}, {1, 0}, true, true},
		/* The value is known by its digest alone when it is large. */
		{PEAL_MESSAGE_P1B, {2, 0}, {1, 0}, false, true},
		{PEAL_MESSAGE_P1B, {2, 0}, {0, 1}, false, false},
		{PEAL_MESSAGE_P1B, {2, 0}, {0, 0}, true, false},
		{PEAL_MESSAGE_P1B, {2, 0}, {1, 2}, true, false},
		{PEAL_MESSAGE_P1B, {3, 0}, {2, 2}, true, true},
		{PEAL_MESSAGE_P1B, {3, 0}, {2, 3}, true, false},
		{PEAL_MESSAGE_P1B, {3, 0}, {3, 0}, true, false},
		{PEAL_MESSAGE_P1B, {1, 0}, {0, 0}, false, false},
		{PEAL_MESSAGE_P2B, {2, 2}, {0, 0}, false, true},
		{PEAL_MESSAGE_P2B, {2, 3}, {0, 0}, false, false},
		{PEAL_MESSAGE_P2B, {1, 0}, {0, 0}, false, false},
		{PEAL_MESSAGE_NACK, {2, 0}, {0, 0}, false, true},
		{PEAL_MESSAGE_NACK, {0, 0}, {0, 0}, false, false},
		{PEAL_MESSAGE_DECIDE, {1, 0}, {0, 0}, true, true},
		{PEAL_MESSAGE_DECIDE, {4, 2}, {0, 0}, true, true},
		{PEAL_MESSAGE_DECIDE, {0, 0}, {0, 0}, true, false},
	};
	struct peal_council *council = peal_council_create(3, 1);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct peal_ballot_msg message = {.kind = cases[i].kind,
			.ballot = cases[i].ballot,
			.vrnd = cases[i].vrnd,
			.has_proposal = cases[i].has_proposal};

		if (peal_validity_of_ballots(&council->view, 1, &message) != cases[i].is_lawful) {
			fail_msg("case %zu", i);
		}
	}
	peal_council_destroy(council);
}

static void
test_validity__ballots_of_votes_are_those_of_an_epoch(void **state)
{
	/* In a group of 3. */
	static const struct {
		struct peal_vote_key key;
		bool is_lawful;
	} votes[] = {
		{{.kind = PEAL_VOTE_FAST, .ballot = {1, 0}}, true},
		{{.kind = PEAL_VOTE_FAST, .ballot = {1, 1}}, false},
		{{.kind = PEAL_VOTE_FAST, .ballot = {2, 0}}, false},
		{{.kind = PEAL_VOTE_ACCEPT, .ballot = {2, 2}}, true},
		{{.kind = PEAL_VOTE_ACCEPT, .ballot = {2, 3}}, false},
		{{.kind = PEAL_VOTE_ACCEPT, .ballot = {1, 0}}, false},
		{{.kind = PEAL_VOTE_ACCEPT, .ballot = {PEAL_ROUNDS_MAX + 1U, 0}}, false},
		{{.kind = PEAL_VOTE_PROMISE, .ballot = {2, 2}}, true},
		{{.kind = PEAL_VOTE_PROMISE, .ballot = {1, 0}}, false},
		{{.kind = PEAL_VOTE_PROMISE, .ballot = {2, 0}, .vrnd = {1, 0}}, true},
		{{.kind = PEAL_VOTE_PROMISE, .ballot = {2, 0}, .vrnd = {0, 1}}, false},
		{{.kind = PEAL_VOTE_PROMISE, .ballot = {3, 0}, .vrnd = {2, 2}}, true},
		{{.kind = PEAL_VOTE_PROMISE, .ballot = {3, 0}, .vrnd = {2, 3}}, false},
		{{.kind = PEAL_VOTE_PROMISE, .ballot = {3, 0}, .vrnd = {3, 0}}, false},
	};
	struct peal_council *council = peal_council_create(3, 1);

	(void)state;
	for (size_t i = 0; i < sizeof(votes) / sizeof(votes[0]); i++) {
		if (peal_validity_of_votes(&council->view, &votes[i].key) != votes[i].is_lawful) {
			fail_msg("case %zu", i);
		}
	}
	peal_council_destroy(council);
}

/* Half of a large group may go only with the senior staying, or willingly. */
static void
test_validity__large_cuts_must_leave_a_quorum(void **state)
{
	struct peal_council *council = peal_council_create(1000, 1);
	struct peal_proposal value = peal_council_remove(council, 0);
	struct peal_bitset willing = peal_council_run(0, 1);

	(void)state;
	value.removals = peal_council_run(500, 1000);
	assert_true(peal_validity_of_value(&council->view, NULL, &value));
	value.removals = peal_council_run(499, 1000);
	assert_false(peal_validity_of_value(&council->view, NULL, &value));
	value.removals = peal_council_run(0, 500);
	assert_false(peal_validity_of_value(&council->view, NULL, &value));
	assert_true(peal_validity_of_value(&council->view, &willing, &value));
	peal_council_destroy(council);
}

static void
judge_installed(void *argument)
{
	struct peal_vote_key key = {.kind = PEAL_VOTE_INSTALLED};

	(void)peal_validity_of_votes(argument, &key);
}

static void
judge_a_probe(void *argument)
{
	struct peal_ballot_msg message = {.kind = PEAL_MESSAGE_PROBE};

	(void)peal_validity_of_ballots(argument, 0, &message);
}

static void
test_validity__asserts_what_callers_promise(void **state)
{
	struct peal_council *council = peal_council_create(3, 1);

	(void)state;
	assert_true(peal_test_dies(judge_installed, &council->view));
	assert_true(peal_test_dies(judge_a_probe, &council->view));
	peal_council_destroy(council);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_validity__what_stays_must_be_a_quorum),
		cmocka_unit_test(test_validity__value_must_fit_the_view),
		cmocka_unit_test(test_validity__ballots_belong_to_their_sender),
		cmocka_unit_test(test_validity__ballots_of_votes_are_those_of_an_epoch),
		cmocka_unit_test(test_validity__large_cuts_must_leave_a_quorum),
		cmocka_unit_test(test_validity__asserts_what_callers_promise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
