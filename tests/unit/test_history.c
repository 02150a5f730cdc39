/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/history.h"
#include "wire/messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static struct peal_ballot_msg
decide(uint64_t epoch)
{
	struct peal_ballot_msg message = {.kind = PEAL_MESSAGE_DECIDE,
		.ballot = PEAL_BALLOT_FAST,
		.has_proposal = true,
		.proposal = {.parent_epoch = epoch}};

	peal_bitset_add(&message.proposal.removals, 1);
	message.digest = peal_proposal_digest(&message.proposal);
	message.result_hash.low = epoch + 1U;
	return message;
}

static void
test_history__finds_what_was_added(void **state)
{
	struct peal_history *history = malloc(sizeof(*history));
	struct peal_ballot_msg message = decide(7);
	struct peal_ballot_msg again;
	const struct peal_history_entry *entry = NULL;
	struct peal_reader reader;

	(void)state;
	peal_history_init(history);
	assert_null(peal_history_find(history, 0));
	assert_null(peal_history_find(history, 7));
	peal_history_add(history, &message);
	entry = peal_history_find(history, 7);
	assert_non_null(entry);
	reader = peal_reader_init(entry->bytes, entry->size);
	assert_true(peal_ballot_msg_decode(PEAL_MESSAGE_DECIDE, &reader, &again));
	assert_int_equal(again.proposal.parent_epoch, 7);
	assert_true(peal_hash128_equals(again.digest, message.digest));
	free(history);
}

static void
test_history__keeps_the_newest_only(void **state)
{
	struct peal_history *history = malloc(sizeof(*history));

	(void)state;
	peal_history_init(history);
	for (uint64_t epoch = 1; epoch <= PEAL_HISTORY_MAX + 3U; epoch++) {
		struct peal_ballot_msg message = decide(epoch);

		peal_history_add(history, &message);
	}
	for (uint64_t epoch = 1; epoch <= PEAL_HISTORY_MAX + 3U; epoch++) {
		assert_int_equal(peal_history_find(history, epoch) != NULL, epoch > 3U);
	}
	free(history);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_history__finds_what_was_added),
		cmocka_unit_test(test_history__keeps_the_newest_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
