/* SPDX-License-Identifier: BSD-3-Clause */
#include "abcast/abcast_quorum.h"

#include "tests/lib/cmocka_all.h"

static void
test_abcast_quorum__only_those_who_count_are_counted(void **state)
{
	struct peal_abcast_quorum quorum = peal_abcast_quorum_of(0x1A);

	(void)state;
	assert_int_equal(quorum.least, 2);
	assert_true(peal_abcast_quorum_is_in(quorum, 0x12));
	assert_true(peal_abcast_quorum_is_in(quorum, 0x1F));
	assert_false(peal_abcast_quorum_is_in(quorum, 0x15));
	assert_false(peal_abcast_quorum_is_in(quorum, 0));
	assert_int_equal(peal_abcast_quorum_of(1).least, 1);
	assert_int_equal(peal_abcast_quorum_of(0xF).least, 3);
}

/* Of five ranks, whichever count, and one more or one fewer. */
static void
test_abcast_quorum__majorities_of_two_numbers_that_differ_by_one_meet(void **state)
{
	(void)state;
	for (uint16_t counted = 1; counted < 32U; counted++) {
		struct peal_abcast_quorum one = peal_abcast_quorum_of(counted);

		for (uint32_t rank = 0; rank < 5U; rank++) {
			uint16_t next = (uint16_t)(counted ^ (1U << rank));

			for (uint16_t ranks = 0; ranks < 32U && next != 0; ranks++) {
				assert_false(peal_abcast_quorum_is_in(one, ranks) &&
					     peal_abcast_quorum_is_in(peal_abcast_quorum_of(next),
						     (uint16_t)(~ranks & 31U)));
			}
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_abcast_quorum__only_those_who_count_are_counted),
		cmocka_unit_test(
			test_abcast_quorum__majorities_of_two_numbers_that_differ_by_one_meet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
