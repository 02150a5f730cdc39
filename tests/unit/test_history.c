/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/history.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"
#include "tests/lib/teststore.h"
#include "wire/messages.h"

#include <stdlib.h>
#include <string.h>

static struct peal_teststore *store;
static struct peal_history *history;

static int
begin(void **state)
{
	(void)state;
	store = peal_teststore_create(1);
	history = malloc(sizeof(*history));
	assert_non_null(history);
	memset(history, 0xA5, sizeof(*history));
	peal_history_init(history, store->bodies);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	peal_history_clear(history);
	free(history);
	peal_teststore_destroy(store);
	return 0;
}

/* The cut that ends `epoch` by adding `count` joiners. */
static struct peal_proposal
cut_of(uint64_t epoch, uint16_t count)
{
	static struct peal_member joiners[PEAL_ADDITIONS_MAX];
	struct peal_proposal cut;

	memset(&cut, 0, sizeof(cut));
	cut.parent_epoch = epoch;
	peal_bitset_add(&cut.removals, 1);
	cut.additions_count = count;
	cut.additions = count > 0 ? joiners : NULL;
	for (uint32_t i = 0; i < count; i++) {
		joiners[i] = peal_teststore_joiner(1, i);
		joiners[i].uuid = (struct peal_uuid){.low = i + 1U, .high = i + 1U};
	}
	return cut;
}

/* Adds it as decided, and lets go of the body. */
static struct peal_hash128
add(uint64_t epoch, uint16_t count)
{
	struct peal_proposal cut = cut_of(epoch, count);
	const struct peal_body *body = store->bodies.keep_proposal(store->bodies.state, &cut);
	struct peal_ballot_msg decide = {.kind = PEAL_MESSAGE_DECIDE,
		.ballot = PEAL_BALLOT_FAST,
		.has_proposal = true,
		.proposal = cut,
		.result_hash = {.low = epoch + 1U}};
	struct peal_hash128 digest = peal_proposal_digest(&cut);

	assert_non_null(body);
	decide.digest = digest;
	peal_history_add(history, &decide, body);
	store->bodies.release(store->bodies.state, body);
	return digest;
}

static bool
is_kept(struct peal_hash128 digest)
{
	const struct peal_body *body = store->bodies.find(store->bodies.state, digest);

	if (body != NULL) {
		store->bodies.release(store->bodies.state, body);
	}
	return body != NULL;
}

static void
test_history__finds_what_was_added(void **state)
{
	static struct peal_ballot_msg again;
	const struct peal_history_entry *entry;
	struct peal_hash128 digest;
	struct peal_reader reader;

	(void)state;
	assert_null(peal_history_find(history, 0));
	assert_null(peal_history_find(history, 7));
	digest = add(7, 2);
	entry = peal_history_find(history, 7);
	assert_non_null(entry);
	reader = peal_reader_init(entry->bytes, entry->size);
	assert_true(peal_ballot_msg_decode(PEAL_MESSAGE_DECIDE, &reader, &again));
	assert_true(again.has_proposal);
	assert_int_equal(again.proposal.parent_epoch, 7);
	assert_true(peal_hash128_equals(again.digest, digest));
	assert_true(peal_history_is_whole(entry));
	/* What is in the message is not kept beside it. */
	assert_true(entry->is_inline);
	assert_false(is_kept(digest));
	assert_null(peal_history_find_body(history, digest));
}

static void
test_history__needs_no_body_for_what_fits_the_message(void **state)
{
	struct peal_ballot_msg decide = {.kind = PEAL_MESSAGE_DECIDE,
		.ballot = PEAL_BALLOT_FAST,
		.has_proposal = true,
		.proposal = cut_of(3, 1)};

	(void)state;
	decide.digest = peal_proposal_digest(&decide.proposal);
	peal_history_add(history, &decide, NULL);
	assert_true(peal_history_is_whole(peal_history_find(history, 3)));
}

static void
test_history__keeps_the_newest_only(void **state)
{
	(void)state;
	for (uint64_t epoch = 1; epoch <= PEAL_HISTORY_MAX + 3U; epoch++) {
		(void)add(epoch, 0);
	}
	for (uint64_t epoch = 1; epoch <= PEAL_HISTORY_MAX + 3U; epoch++) {
		assert_int_equal(peal_history_find(history, epoch) != NULL, epoch > 3U);
	}
}

static void
test_history__retains_the_value_that_a_message_cannot_carry(void **state)
{
	static struct peal_ballot_msg again;
	struct peal_hash128 digest = add(7, 1000);
	const struct peal_history_entry *entry = peal_history_find(history, 7);
	struct peal_reader reader = peal_reader_init(entry->bytes, entry->size);

	(void)state;
	assert_true(peal_ballot_msg_decode(PEAL_MESSAGE_DECIDE, &reader, &again));
	assert_false(again.has_proposal);
	assert_true(peal_hash128_equals(again.digest, digest));
	assert_false(entry->is_inline);
	assert_true(peal_history_is_whole(entry));
	assert_true(is_kept(digest));
	assert_ptr_equal(peal_history_find_body(history, digest), entry->body);
	assert_int_equal(entry->body->proposal.additions_count, 1000);
	/* The epoch whose place it takes lets go of its own. */
	(void)add(7 + PEAL_HISTORY_MAX, 0);
	assert_false(is_kept(digest));
	assert_int_equal(history->bodies_size, 0);
}

static void
test_history__oldest_large_values_go_first(void **state)
{
	struct peal_hash128 digests[7];
	uint32_t size;

	(void)state;
	/* 320 kB each: three fit. */
	for (uint64_t epoch = 1; epoch <= 6; epoch++) {
		digests[epoch] = add(epoch, epoch == 2 ? 1 : 8000);
	}
	size = peal_history_find(history, 6)->body->size;
	assert_true(3U * size <= PEAL_BODY_BYTES_MAX && 4U * size > PEAL_BODY_BYTES_MAX);
	assert_int_equal(history->bodies_size, 3U * size);
	for (uint64_t epoch = 1; epoch <= 6; epoch++) {
		const struct peal_history_entry *entry = peal_history_find(history, epoch);

		/* All are told, but the value of the oldest large ones is gone. */
		assert_non_null(entry);
		assert_int_equal(peal_history_is_whole(entry), epoch != 1 && epoch != 3);
		assert_int_equal(is_kept(digests[epoch]), epoch >= 4);
	}
}

static void
test_history__clear_lets_go_of_everything(void **state)
{
	struct peal_hash128 digest = add(9, 500);

	(void)state;
	(void)add(10, 1);
	peal_history_clear(history);
	assert_false(is_kept(digest));
	assert_null(peal_history_find(history, 9));
	assert_null(peal_history_find(history, 10));
}

static void
add_half(void *argument)
{
	struct peal_ballot_msg *decide = argument;

	peal_history_add(history, decide, NULL);
}

static void
test_history__asserts_what_callers_promise(void **state)
{
	struct peal_ballot_msg decide = {.kind = PEAL_MESSAGE_DECIDE,
		.ballot = PEAL_BALLOT_FAST,
		.has_proposal = true,
		.proposal = cut_of(3, 100)};

	(void)state;
	decide.digest = peal_proposal_digest(&decide.proposal);
	assert_true(peal_test_dies(add_half, &decide));
	decide.has_proposal = false;
	assert_true(peal_test_dies(add_half, &decide));
}

#define HISTORY_TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		HISTORY_TEST(test_history__finds_what_was_added),
		HISTORY_TEST(test_history__needs_no_body_for_what_fits_the_message),
		HISTORY_TEST(test_history__keeps_the_newest_only),
		HISTORY_TEST(test_history__retains_the_value_that_a_message_cannot_carry),
		HISTORY_TEST(test_history__oldest_large_values_go_first),
		HISTORY_TEST(test_history__clear_lets_go_of_everything),
		HISTORY_TEST(test_history__asserts_what_callers_promise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
