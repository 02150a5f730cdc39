/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/cast_digest.h"

#include "tests/lib/cmocka_all.h"
#include "wire/view.h"

#define US     UINT64_C(1000)
#define NOW    (1000U * US)
#define WINDOW 64U
#define NEVER  UINT64_MAX

/* Seven in the order of their ranks; the stream is that of rank 0: 0 to 1 and 2, 1 to 3 and 4, 2 to
 * 5 and 6; in the second tree 0 to 6 and 5, 6 to 4 and 3, 5 to 2 and 1. */
static struct peal_cast_order order;
static struct peal_cast_digest digest;
static struct peal_cast_stream stream;
static uint8_t frames[WINDOW * PEAL_BODY_SIZE_MAX];
static uint64_t asking;

static void
begin_as(uint16_t rank)
{
	order = (struct peal_cast_order){.members_count = 7, .self_rank = rank};
	for (uint16_t i = 0; i < 7; i++) {
		order.places[i] = order.ranks[i] = i;
	}
	peal_cast_stream_init(&stream, 1, frames, WINDOW);
	peal_cast_digest_init(&digest, &order, 0);
}

static void
arrived(uint64_t have)
{
	stream.have = stream.head = have;
	peal_cast_digest_on_frame(&digest, NOW);
	peal_cast_digest_settle(&digest, &stream, NOW);
}

static bool
hear(uint16_t rank, uint64_t stable, uint64_t low, uint64_t have, uint64_t head, bool is_asking)
{
	const struct peal_cast_row row = {.origin = 1,
		.is_asking = is_asking,
		.stable = stable,
		.low = low,
		.have = have,
		.head = head};
	bool is_good = peal_cast_digest_on_row(&digest, &stream, rank, &row, NOW);

	peal_cast_digest_settle(&digest, &stream, NOW);
	return is_good;
}

static uint64_t
run(uint64_t at_ns)
{
	return peal_cast_digest_run(&digest, &stream, at_ns, &asking);
}

static void
test_cast_digest__knows_its_place_in_both_trees(void **state)
{
	(void)state;
	begin_as(0);
	assert_int_equal(digest.parents[0], PEAL_RANK_NONE);
	assert_int_equal(digest.children[0], 1U << 1 | 1U << 2);
	assert_int_equal(digest.children[1], 1U << 5 | 1U << 6);
	begin_as(1);
	assert_int_equal(digest.parents[0], 0);
	assert_int_equal(digest.parents[1], 5);
	assert_int_equal(digest.children[0], 1U << 3 | 1U << 4);
	assert_int_equal(digest.children[1], 0);
	/* Another origin turns the order. */
	peal_cast_digest_init(&digest, &order, 6);
	assert_int_equal(digest.parents[0], 6);
	assert_int_equal(digest.children[0], 1U << 4 | 1U << 5);
	assert_true(peal_cast_digest_deadline_at_ns(&digest) == NEVER);
}

static void
test_cast_digest__a_leaf_acknowledges_soon_and_for_an_eighth_at_once(void **state)
{
	(void)state;
	begin_as(3);
	arrived(1);
	assert_true(digest.ack_at_ns > NOW && digest.ack_at_ns <= NOW + PEAL_CAST_ACK_NS);
	assert_int_equal(run(digest.ack_at_ns - 1U), 0);
	assert_int_equal(run(digest.ack_at_ns), 1U << 1);
	arrived(1U + WINDOW / 8U);
	assert_true(digest.ack_at_ns == NOW);
	assert_int_equal(run(NOW), 1U << 1);
}

static void
test_cast_digest__repeats_over_both_trees_until_all_is_stable(void **state)
{
	(void)state;
	begin_as(3);
	arrived(1);
	assert_int_equal(run(digest.ack_at_ns), 1U << 1);
	assert_int_equal(run(digest.ack_at_ns), 1U << 6);
	assert_int_equal(run(digest.ack_at_ns), 1U << 1);
	assert_true(hear(1, 1, 1, 1, 1, true));
	assert_int_equal(run(digest.ack_at_ns), 1U << 1);
	assert_int_equal(asking, 0); /* an answer asks for none */
	assert_true(peal_cast_digest_deadline_at_ns(&digest) == NEVER);
}

static void
test_cast_digest__low_is_that_of_the_whole_subtree(void **state)
{
	(void)state;
	begin_as(1);
	arrived(5);
	assert_true(digest.low == 0);
	assert_true(hear(3, 0, 5, 5, 5, false));
	assert_true(digest.low == 0);
	assert_true(hear(4, 0, 3, 4, 5, false));
	assert_true(digest.low == 3);
	/* Whoever is no child in tree 0 does not count. */
	assert_true(hear(2, 0, 5, 5, 5, false));
	assert_true(digest.low == 3);
	/* What was said once stays said. */
	assert_true(hear(4, 0, 1, 2, 5, false));
	assert_true(digest.low == 3);
	assert_true(stream.stable == 0);
}

static void
test_cast_digest__the_origin_settles_what_all_have(void **state)
{
	(void)state;
	begin_as(0);
	arrived(5);
	assert_true(hear(1, 0, 4, 5, 5, false));
	assert_true(stream.stable == 0);
	assert_true(hear(2, 0, 5, 5, 5, false));
	assert_true(stream.stable == 4);
	/* Nobody has what it never cast. */
	assert_false(hear(2, 0, 6, 6, 6, false));
	assert_true(stream.head == 5);
}

static void
test_cast_digest__tells_children_until_they_say_the_same(void **state)
{
	uint64_t at_ns;

	(void)state;
	begin_as(0);
	arrived(1);
	assert_true(digest.tell_at_ns == NOW + PEAL_CAST_TELL_NS);
	at_ns = digest.tell_at_ns;
	assert_int_equal(run(at_ns), 1U << 1 | 1U << 2);
	assert_int_equal(asking, 1U << 1 | 1U << 2);
	assert_true(hear(1, 0, 1, 1, 1, false));
	assert_int_equal(run(digest.tell_at_ns), 1U << 2);
	assert_int_equal(run(digest.tell_at_ns), 1U << 2);
	/* That takes long: the children of the other tree hear it too. */
	assert_int_equal(run(digest.tell_at_ns), 1U << 2 | 1U << 5 | 1U << 6);
	assert_true(digest.tell_at_ns - at_ns >= 8U * PEAL_CAST_REPEAT_NS);
	assert_true(hear(2, 0, 1, 1, 1, false));
	assert_true(stream.stable == 1);
	for (uint16_t rank = 1; rank < 7; rank++) {
		assert_true(hear(rank, 1, 1, 1, 1, false));
	}
	assert_int_equal(run(digest.tell_at_ns), 0);
	assert_true(peal_cast_digest_deadline_at_ns(&digest) == NEVER);
}

static void
test_cast_digest__news_is_passed_on_at_once(void **state)
{
	(void)state;
	begin_as(1);
	assert_true(hear(0, 0, 0, 3, 3, true));
	assert_true(stream.head == 3);
	assert_true(digest.tell_at_ns == NOW);
	assert_int_equal(run(NOW), 1U << 3 | 1U << 4);
}

static void
test_cast_digest__refuses_rows_that_cannot_be(void **state)
{
	(void)state;
	begin_as(3);
	arrived(2);
	assert_false(hear(1, 3, 3, 3, 3, false));          /* all have what is not here */
	assert_false(hear(1, 0, 0, 0, WINDOW + 1U, true)); /* more than a ring holds */
	assert_true(stream.stable == 0);
	assert_true(stream.head == 2);
	assert_true(digest.said[1].head == 0);
	assert_true(hear(1, 2, 2, 2, WINDOW + 2U, false));
	assert_true(stream.head == WINDOW + 2U);
}

static void
test_cast_digest__pauses_grow_to_an_end(void **state)
{
	uint8_t tries = 0;

	(void)state;
	assert_true(peal_cast_digest_pause_ns(0) == PEAL_CAST_REPEAT_NS);
	assert_true(peal_cast_digest_pause_ns(3) == 8U * PEAL_CAST_REPEAT_NS);
	assert_true(peal_cast_digest_pause_ns(UINT8_MAX) == PEAL_CAST_REPEAT_NS_MAX);
	for (uint32_t i = 0; i < 1000U; i++) {
		uint8_t next = peal_cast_digest_next_try(tries);

		assert_int_equal(next % 2U, (tries + 1U) % 2U);
		tries = next;
	}
	assert_true(tries >= UINT8_MAX - 1U);
}

static void
test_cast_digest__finds_who_is_half_a_ring_behind_for_long(void **state)
{
	(void)state;
	begin_as(0); /* children are 1 and 2 */
	arrived(WINDOW / 2U);
	assert_true(peal_cast_digest_find_slow(&digest, &stream, 100, NOW) == 0);
	assert_true(peal_cast_digest_find_slow(&digest, &stream, 100, NOW + 99U) == 0);
	assert_true(peal_cast_digest_find_slow(&digest, &stream, 100, NOW + 100U) == 0x6);
	/* It says that it has one: less than half is missing. */
	assert_true(hear(1, 0, 0, 1, 1, false));
	assert_true(peal_cast_digest_find_slow(&digest, &stream, 100, NOW + 100U) == 0x4);
	arrived(WINDOW / 2U + 1U);
	assert_true(peal_cast_digest_find_slow(&digest, &stream, 100, NOW + 200U) == 0x4);
	assert_true(peal_cast_digest_find_slow(&digest, &stream, 100, NOW + 300U) == 0x6);
	/* Who is no child of the first tree is not judged. */
	begin_as(1);
	arrived(WINDOW);
	(void)peal_cast_digest_find_slow(&digest, &stream, 100, NOW);
	assert_true(peal_cast_digest_find_slow(&digest, &stream, 100, NOW + 100U) == 0x18);
	/* What all have, nobody lacks. */
	stream.stable = WINDOW;
	assert_true(peal_cast_digest_find_slow(&digest, &stream, 100, NOW + 100U) == 0);
}

static void
test_cast_digest__a_lane_is_turned_to_its_holder(void **state)
{
	/* The second of seven, as above: 0, 3 and 4 in tree 0, only 5 in the other. */
	const struct peal_cast_links links = {.members_count = 7,
		.self_place = 1,
		.count = 4,
		.places = {0, 3, 4, 5},
		.trees = {0x7, 0x8}};

	(void)state;
	peal_cast_digest_init_lane(&digest, &links, 0, 6);
	assert_int_equal(digest.parents[0], 0);
	assert_int_equal(digest.parents[1], 3);
	assert_true(digest.children[0] == 0x6);
	assert_true(digest.children[1] == 0);
	peal_cast_digest_init_lane(&digest, &links, 1, 4); /* the trees the other way round */
	assert_int_equal(digest.parents[0], 3);
	assert_int_equal(digest.parents[1], 2);
	assert_true(digest.children[0] == 0);
	assert_true(digest.children[1] == 0x3);
	peal_cast_digest_init_lane(&digest, &links, 0, 1);
	assert_int_equal(digest.parents[0], PEAL_RANK_NONE);
	assert_true(digest.children[0] == 0x7);
	assert_true(digest.children[1] == 0x8);
	assert_true(peal_cast_digest_deadline_at_ns(&digest) == NEVER);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cast_digest__knows_its_place_in_both_trees),
		cmocka_unit_test(
			test_cast_digest__a_leaf_acknowledges_soon_and_for_an_eighth_at_once),
		cmocka_unit_test(test_cast_digest__repeats_over_both_trees_until_all_is_stable),
		cmocka_unit_test(test_cast_digest__low_is_that_of_the_whole_subtree),
		cmocka_unit_test(test_cast_digest__the_origin_settles_what_all_have),
		cmocka_unit_test(test_cast_digest__tells_children_until_they_say_the_same),
		cmocka_unit_test(test_cast_digest__news_is_passed_on_at_once),
		cmocka_unit_test(test_cast_digest__refuses_rows_that_cannot_be),
		cmocka_unit_test(test_cast_digest__pauses_grow_to_an_end),
		cmocka_unit_test(test_cast_digest__finds_who_is_half_a_ring_behind_for_long),
		cmocka_unit_test(test_cast_digest__a_lane_is_turned_to_its_holder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
