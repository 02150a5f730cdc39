/* SPDX-License-Identifier: BSD-3-Clause */
#include "membership/scouts.h"

#include "membership/rings.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/teststore.h"
#include "wire/messages.h"

#include <string.h>

#define SELF 1U

static struct peal_scouts scouts;
static struct peal_outbox outbox;
static struct peal_teststore *store;
static struct peal_view view;
static const struct peal_bitset nobody;

static const struct peal_reach_msg joiner = {.joiner = {.low = 900, .high = 1},
	.token = 5,
	.address = {.ipv4 = 0x0A000063, .port = 7400, .mac = {2}}};

static const struct peal_member member = {.uuid = {.low = 900, .high = 1},
	.address = {.ipv4 = 0x0A000063, .port = 7400, .mac = {2}},
	.shards_count = 1};
static const struct peal_uuid self = {.low = 3, .high = 3};

static void
begin(uint16_t members_count)
{
	store = peal_teststore_create(512);
	view = peal_teststore_group(store, members_count, 3)->view;
	memset(&scouts, 0, sizeof(scouts));
	peal_outbox_reset(&outbox);
}

static uint32_t
ask(const struct peal_bitset *excluded)
{
	peal_outbox_reset(&outbox);
	return peal_scouts_ask(&scouts, &view, SELF, &joiner, excluded, &outbox);
}

static void
reach(uint16_t rank, uint64_t token)
{
	const struct peal_join_probe answer = {.joiner = joiner.joiner, .token = token};

	peal_scouts_on_reached(&scouts, rank, &answer);
}

/* In a small group everybody would observe the joiner; the sequencer asks all others. */
static void
test_scouts__all_of_a_few_must_reach_it(void **state)
{
	struct peal_unreachable_msg message;
	struct peal_reader reader;

	(void)state;
	begin(5);
	assert_true(peal_scouts_is_enough(&scouts, joiner.joiner)); /* nobody was asked */
	assert_int_equal(ask(&nobody), 4);
	assert_int_equal(outbox.count, 4);
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(outbox.effects[i].message, PEAL_MESSAGE_REACH);
		assert_int_not_equal(outbox.effects[i].rank, SELF);
	}
	reach(0, 5);
	reach(2, 5);
	reach(3, 6); /* of another time */
	peal_scouts_on_own(&scouts, SELF, joiner.joiner);
	assert_false(peal_scouts_is_enough(&scouts, joiner.joiner));
	assert_true(peal_scouts_tell(&scouts, &view, &member, self, &outbox));
	assert_int_equal(outbox.count, 5);
	assert_int_equal(outbox.effects[4].message, PEAL_MESSAGE_UNREACHABLE);
	assert_true(peal_address_equals(&outbox.effects[4].address, &joiner.address));
	reader = peal_reader_init(peal_outbox_body(&outbox, 4), outbox.effects[4].body_size);
	assert_true(peal_unreachable_msg_decode(&reader, &message));
	assert_true(peal_uuid_equals(message.answerer, self));
	assert_int_equal(message.asked, 5);
	assert_int_equal(message.needed, 5);
	assert_int_equal(message.count, 2);
	for (uint32_t i = 0; i < 2; i++) {
		uint16_t rank = peal_view_find_address(&view, &message.observers[i]);

		assert_in_range(rank, 3, 4);
	}
	/* Only they are asked again, and slow answers count. */
	assert_int_equal(ask(&nobody), 2);
	reach(3, 5);
	reach(4, 5);
	reach(4, 5);
	assert_true(peal_scouts_is_enough(&scouts, joiner.joiner));
	assert_false(peal_scouts_tell(&scouts, &view, &member, self, &outbox));
	peal_teststore_destroy(store);
}

/* Who is to be removed by the same cut is not asked; of one member that is replaced nobody stays.
 */
static void
test_scouts__who_goes_is_not_asked(void **state)
{
	struct peal_bitset excluded = {0};

	(void)state;
	begin(3);
	peal_bitset_add(&excluded, 2);
	assert_int_equal(ask(&excluded), 1);
	assert_int_equal(outbox.effects[0].rank, 0);
	reach(0, 5);
	peal_scouts_on_own(&scouts, SELF, joiner.joiner);
	assert_true(peal_scouts_is_enough(&scouts, joiner.joiner));
	peal_teststore_destroy(store);

	begin(2);
	excluded = (struct peal_bitset){.words = {3}};
	assert_int_equal(ask(&excluded), 0);
	assert_true(peal_scouts_is_enough(&scouts, joiner.joiner));
	peal_teststore_destroy(store);
}

/* They are exactly the observers that the next view gives it. */
static void
test_scouts__are_the_observers_of_the_next_view(void **state)
{
	(void)state;
	for (uint16_t members_count = 2; members_count <= PEAL_DIRECT_MAX; members_count++) {
		struct peal_proposal cut = {.additions = &member, .additions_count = 1};
		const struct peal_group *before = NULL;
		const struct peal_group *next = NULL;
		struct peal_bitset asked = {0};
		struct peal_bitset observers = {0};

		begin(members_count);
		before = peal_teststore_group(store, members_count, 3);
		cut.parent_epoch = before->view.epoch;
		cut.parent_hash = before->view.hash;
		next = peal_teststore_next(store, before, &cut);
		assert_non_null(next);
		(void)ask(&nobody);
		for (uint32_t i = 0; i < outbox.count; i++) {
			peal_bitset_add(&asked, outbox.effects[i].rank);
		}
		for (uint32_t k = 0; k < next->topology.observers_count; k++) {
			peal_bitset_add(
				&observers, peal_rings_observer(&next->topology, members_count, k));
		}
		peal_bitset_remove(&observers, SELF);
		assert_true(peal_bitset_equals(&asked, &observers));
		peal_teststore_destroy(store);
	}
}

/* More joiners than cases: the oldest gives way, and nothing is held against it. */
static void
test_scouts__cases_are_bounded(void **state)
{
	struct peal_reach_msg other = joiner;

	(void)state;
	begin(3);
	assert_int_equal(ask(&nobody), 2);
	for (uint32_t i = 0; i < PEAL_SCOUTS_CASES_MAX; i++) {
		assert_false(peal_scouts_is_enough(&scouts, joiner.joiner));
		other.joiner.low++;
		peal_outbox_reset(&outbox);
		(void)peal_scouts_ask(&scouts, &view, SELF, &other, &nobody, &outbox);
	}
	assert_true(peal_scouts_is_enough(&scouts, joiner.joiner));
	peal_scouts_clear(&scouts);
	assert_true(peal_scouts_is_enough(&scouts, other.joiner));
	peal_teststore_destroy(store);
}

/* An observer's errand: probe, answer, word to the sequencer; once. */
static void
test_scouts__an_errand_is_run_once(void **state)
{
	struct peal_join_probe ready = {.joiner = joiner.joiner, .token = joiner.token};
	struct peal_address elsewhere = {.ipv4 = 1, .port = 1};

	(void)state;
	begin(5);
	peal_scouts_on_ask(&scouts, 3, &joiner, &outbox);
	assert_int_equal(outbox.count, 1);
	assert_int_equal(outbox.effects[0].message, PEAL_MESSAGE_JOIN_PROBE);
	assert_true(peal_address_equals(&outbox.effects[0].address, &joiner.address));
	ready.token++;
	peal_scouts_on_ready(&scouts, &ready, &joiner.address, &outbox);
	ready.token--;
	peal_scouts_on_ready(&scouts, &ready, &elsewhere, &outbox);
	assert_int_equal(outbox.count, 1);
	peal_scouts_on_ready(&scouts, &ready, &joiner.address, &outbox);
	assert_int_equal(outbox.count, 2);
	assert_int_equal(outbox.effects[1].message, PEAL_MESSAGE_REACHED);
	assert_int_equal(outbox.effects[1].rank, 3);
	peal_scouts_on_ready(&scouts, &ready, &joiner.address, &outbox);
	assert_int_equal(outbox.count, 2);
	peal_teststore_destroy(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scouts__all_of_a_few_must_reach_it),
		cmocka_unit_test(test_scouts__who_goes_is_not_asked),
		cmocka_unit_test(test_scouts__are_the_observers_of_the_next_view),
		cmocka_unit_test(test_scouts__cases_are_bounded),
		cmocka_unit_test(test_scouts__an_errand_is_run_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
