/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/procgroup_table.h"

#include "base/prng.h"
#include "tests/lib/cmocka_all.h"

#include <stdio.h>
#include <string.h>

static struct peal_procgroup_table table, copy;

static struct peal_procgroup_name
name_of(uint32_t number)
{
	struct peal_procgroup_name name;

	name.size = (uint8_t)snprintf((char *)name.bytes, sizeof(name.bytes), "g%u", number);
	return name;
}

static struct peal_procgroup *
join(uint32_t number, uint64_t mid, uint32_t client)
{
	struct peal_procgroup_name name = name_of(number);

	const struct peal_procgroup_table_member member = {.mid = mid, .client = client};

	return peal_procgroup_table_join(&table, &name, 0, &member);
}

static void
test_procgroup_table__members_stand_as_they_came(void **state)
{
	struct peal_procgroup *group;

	(void)state;
	peal_procgroup_table_reset(&table);
	group = join(1, 7, 1);
	assert_non_null(group);
	assert_ptr_equal(join(1, 3, 2), group);
	assert_ptr_equal(join(1, 7, 3), group);
	assert_null(join(1, 3, 2));
	assert_int_equal(group->members_count, 3);
	assert_int_equal(table.members[group->first].mid, 7);
	assert_int_equal(table.members[group->last].client, 3);
	assert_true(peal_procgroup_table_leave(&table, group, 3, 2));
	assert_false(peal_procgroup_table_leave(&table, group, 3, 2));
	assert_int_equal(table.members[table.members[group->first].next].client, 3);
	assert_true(peal_procgroup_table_leave(&table, group, 7, 3));
	assert_int_equal(group->first, group->last);
	assert_true(peal_procgroup_table_leave(&table, group, 7, 1));
	peal_procgroup_table_drop(&table, group);
	assert_int_equal(table.groups_count + table.members_count, 0);
	/* Its number is not used again. */
	assert_int_equal(join(1, 7, 1)->number, 2);
	assert_null(peal_procgroup_table_get(&table, 1));
	assert_null(peal_procgroup_table_get(&table, 0));
}

static void
test_procgroup_table__full_is_full(void **state)
{
	struct peal_procgroup_name name = name_of(5);

	(void)state;
	peal_procgroup_table_reset(&table);
	for (uint32_t i = 0; i < PEAL_PROCGROUPS_MAX; i++) {
		assert_non_null(join(i, 1, i));
	}
	assert_null(join(PEAL_PROCGROUPS_MAX, 1, 1));
	for (uint32_t i = PEAL_PROCGROUPS_MAX; i < PEAL_PROCGROUPS_MEMBERS_MAX; i++) {
		assert_non_null(join(5, 2, i));
	}
	assert_null(join(5, 3, 0));
	assert_int_equal(table.members_count, PEAL_PROCGROUPS_MEMBERS_MAX);
	struct peal_procgroup *group = peal_procgroup_table_find(&table, &name);

	assert_true(peal_procgroup_table_leave(&table, group, 2, 1000));
	assert_non_null(join(5, 3, 0));
}

static void
test_procgroup_table__members_of_nodes_that_are_gone_are_found(void **state)
{
	const uint64_t mids[] = {2, 5, 9};
	struct peal_procgroup_table_member gone;
	struct peal_procgroup *group = NULL;
	uint16_t at = PEAL_PROCGROUP_NONE;

	(void)state;
	peal_procgroup_table_reset(&table);
	for (uint32_t mid = 1; mid <= 10; mid++) {
		group = join(1, mid, mid * 10U);
	}
	for (uint32_t mid = 1; mid <= 10; mid++) {
		if (mid == 2 || mid == 5 || mid == 9) {
			continue;
		}
		assert_true(
			peal_procgroup_table_remove_foreign(&table, group, mids, 3, &at, &gone));
		assert_int_equal(gone.mid, mid);
		assert_int_equal(gone.client, mid * 10U);
	}
	assert_false(peal_procgroup_table_remove_foreign(&table, group, mids, 3, &at, &gone));
	assert_int_equal(group->members_count, 3);
	assert_int_equal(table.members[group->last].mid, 9);
}

/* Random changes, and the table sent to a newcomer is the same and goes on the same. */
static void
test_procgroup_table__a_newcomer_has_the_same(void **state)
{
	static struct peal_procgroup_table_msg message;
	struct peal_prng prng;
	uint32_t place = 0;
	uint16_t member = PEAL_PROCGROUP_NONE;

	(void)state;
	peal_procgroup_table_reset(&table);
	peal_procgroup_table_reset(&copy);
	peal_prng_init(&prng, 1);
	for (uint32_t i = 0; i < 20000; i++) {
		uint32_t number = (uint32_t)peal_prng_below(&prng, 400);
		uint32_t client = (uint32_t)peal_prng_below(&prng, 200);
		struct peal_procgroup_name name = name_of(number);
		struct peal_procgroup *group = peal_procgroup_table_find(&table, &name);

		if (peal_prng_ratio(&prng, 1, 2)) {
			(void)join(number, 1U + client % 7U, client);
		} else if (group != NULL) {
			(void)peal_procgroup_table_leave(&table, group, 1U + client % 7U, client);
			if (group->members_count == 0) {
				peal_procgroup_table_drop(&table, group);
			}
		}
	}
	assert_true(table.groups_count > 100);
	while (peal_procgroup_table_next(&table, &place, &member, &message)) {
		assert_true(peal_procgroup_table_take(&copy, &message));
	}
	copy.next_number = table.next_number;
	assert_int_equal(copy.members_count, table.members_count);
	assert_true(peal_procgroup_table_digest(&copy) == peal_procgroup_table_digest(&table));
	/* The same piece again would put another group in its place. */
	message.group += PEAL_PROCGROUPS_MAX;
	assert_false(peal_procgroup_table_take(&copy, &message));
	const struct peal_procgroup_name fresh = name_of(1000);
	struct peal_procgroup *here, *there;

	const struct peal_procgroup_table_member first = {.mid = 1, .client = 1};

	here = peal_procgroup_table_join(&table, &fresh, 0, &first);
	there = peal_procgroup_table_join(&copy, &fresh, 0, &first);
	assert_true((here == NULL) == (there == NULL));
	assert_true(here == NULL || here->number == there->number);
	assert_true(peal_procgroup_table_digest(&copy) == peal_procgroup_table_digest(&table));
}

static void
test_procgroup_table__a_group_has_one_order(void **state)
{
	const struct peal_procgroup_table_member one = {.mid = 1, .client = 1},
						 two = {.mid = 1, .client = 2};
	const struct peal_procgroup_name name = name_of(1);
	static struct peal_procgroup_table_msg message;
	struct peal_procgroup *group;
	uint32_t place = 0;
	uint16_t member = PEAL_PROCGROUP_NONE;
	uint64_t digest;

	(void)state;
	peal_procgroup_table_reset(&table);
	peal_procgroup_table_reset(&copy);
	group = peal_procgroup_table_join(&table, &name, 7, &one);
	assert_int_equal(group->order, 7);
	digest = peal_procgroup_table_digest(&table);
	assert_null(peal_procgroup_table_join(&table, &name, 0, &two));
	assert_null(peal_procgroup_table_join(&table, &name, 8, &two));
	assert_true(peal_procgroup_table_digest(&table) == digest);
	group->order = 8;
	assert_true(peal_procgroup_table_digest(&table) != digest);
	group->order = 7;
	assert_ptr_equal(peal_procgroup_table_join(&table, &name, 7, &two), group);
	/* A newcomer gets it as well, and is not told two of one name. */
	assert_true(peal_procgroup_table_next(&table, &place, &member, &message));
	assert_int_equal(message.order, 7);
	assert_true(peal_procgroup_table_take(&copy, &message));
	assert_int_equal(peal_procgroup_table_find(&copy, &name)->order, 7);
	message.order = 8;
	assert_false(peal_procgroup_table_take(&copy, &message));
}

static void
test_procgroup_table__a_group_is_copied_and_cleared(void **state)
{
	struct peal_procgroup *group, *there;

	(void)state;
	peal_procgroup_table_reset(&table);
	peal_procgroup_table_reset(&copy);
	(void)join(1, 1, 1);
	group = join(2, 1, 2);
	(void)join(2, 3, 4);
	group->stamp = (struct peal_procgroup_stamp){.epoch = 5, .n = 6};
	there = peal_procgroup_table_copy(&copy, &table, group);
	assert_int_equal(there->number, group->number);
	assert_int_equal(there->members_count, 2);
	assert_int_equal(there->stamp.n, 6);
	assert_true(peal_procgroup_table_has(&copy, there, 3, 4));
	assert_int_equal(copy.groups_count, 1);
	peal_procgroup_table_clear(&copy, there);
	assert_int_equal(copy.groups_count + copy.members_count, 0);
	assert_null(peal_procgroup_table_get(&copy, group->number));
	/* There is no room, and nothing has happened. */
	copy.members_count = PEAL_PROCGROUPS_MEMBERS_MAX - 1U;
	assert_null(peal_procgroup_table_copy(&copy, &table, group));
	assert_int_equal(copy.groups_count, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_procgroup_table__a_group_has_one_order),
		cmocka_unit_test(test_procgroup_table__a_group_is_copied_and_cleared),
		cmocka_unit_test(test_procgroup_table__members_stand_as_they_came),
		cmocka_unit_test(test_procgroup_table__full_is_full),
		cmocka_unit_test(test_procgroup_table__members_of_nodes_that_are_gone_are_found),
		cmocka_unit_test(test_procgroup_table__a_newcomer_has_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
