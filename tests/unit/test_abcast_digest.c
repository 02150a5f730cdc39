/* SPDX-License-Identifier: BSD-3-Clause */
#include "abcast/abcast_digest.h"

#include "tests/lib/cmocka_all.h"

static const uint8_t bytes[8] = "ordered";

static bool
add(struct peal_abcast_digest *digest, uint64_t count, uint64_t stamp)
{
	bool is_same = true;

	for (uint64_t i = 0; i < count; i++) {
		struct peal_abcast_digest_entry entry = {.stamp = stamp + i,
			.seq = i + 1U,
			.view = 1,
			.size = sizeof(bytes),
			.bytes = bytes};

		is_same = peal_abcast_digest_add(digest, &entry) && is_same;
	}
	return is_same;
}

static void
test_abcast_digest__same_history_same_value(void **state)
{
	struct peal_abcast_digest a;
	struct peal_abcast_digest b;
	struct peal_abcast_digest c;
	struct peal_abcast_mark mark;

	(void)state;
	peal_abcast_digest_begin(&a, 0, 0);
	peal_abcast_digest_begin(&b, 0, 0);
	peal_abcast_digest_begin(&c, 0, 0);
	assert_true(add(&a, 70, 5) && add(&b, 70, 5) && add(&c, 70, 6));
	assert_true(a.value == b.value && a.position == 70U);
	assert_true(a.value != c.value);
	mark = peal_abcast_digest_latest(&a);
	assert_true(mark.position == PEAL_ORDER_DIGEST_STEP);
	assert_true(peal_abcast_digest_compare(&b, 1, mark.position, mark.value));
	assert_false(peal_abcast_digest_compare(&c, 1, mark.position, mark.value));
}

static void
test_abcast_digest__what_is_said_ahead_is_compared_on_arrival(void **state)
{
	struct peal_abcast_digest a;
	struct peal_abcast_digest b;
	struct peal_abcast_mark mark;

	(void)state;
	peal_abcast_digest_begin(&a, 0, 0);
	peal_abcast_digest_begin(&b, 0, 0);
	assert_true(add(&a, 64, 5));
	mark = peal_abcast_digest_latest(&a);
	assert_true(peal_abcast_digest_compare(&b, 2, mark.position, mark.value));
	/* A later one does not take its place. */
	assert_true(peal_abcast_digest_compare(&b, 2, 2U * mark.position, 1));
	assert_false(add(&b, 64, 7));
}

static void
test_abcast_digest__goes_on_in_the_middle(void **state)
{
	struct peal_abcast_digest a;
	struct peal_abcast_digest b;

	(void)state;
	peal_abcast_digest_begin(&a, 0, 0);
	assert_true(add(&a, 100, 5));
	peal_abcast_digest_begin(&b, a.position, a.value);
	assert_true(peal_abcast_digest_latest(&b).position == 0);
	assert_true(add(&a, 28, 200) && add(&b, 28, 200));
	assert_true(a.value == b.value && b.position == 128U);
	assert_true(peal_abcast_digest_compare(&b, 0, 64, 12345));
	assert_true(peal_abcast_digest_latest(&b).position == 128U);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_abcast_digest__same_history_same_value),
		cmocka_unit_test(test_abcast_digest__what_is_said_ahead_is_compared_on_arrival),
		cmocka_unit_test(test_abcast_digest__goes_on_in_the_middle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
