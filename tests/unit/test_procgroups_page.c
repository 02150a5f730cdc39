/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/groupscene.h"

/* All rows that the pages of a node have; checks that they follow each other. */
static uint32_t
read_all(uint32_t index, uint32_t *pages_out)
{
	struct peal_procgroups *groups = &group_nodes[index].groups;
	uint64_t from = 0;
	uint32_t rows_count = 0;

	*pages_out = 0;
	do {
		peal_procgroups_ask_page(groups, from);
		assert_false(peal_procgroups_has_page(groups));
		group_run(index);
		assert_true(peal_procgroups_has_page(groups));
		assert_int_equal(groups->page.from, from);
		for (uint32_t i = 0; i < groups->page.rows_count; i++) {
			const struct peal_procgroups_row *row = &groups->page.rows[i];

			assert_int_equal(row->client, rows_count + i);
			assert_int_equal(row->mid, 2);
			assert_int_equal(row->name.bytes[0], 'g');
		}
		rows_count += groups->page.rows_count;
		from = groups->page.next;
		(*pages_out)++;
	} while (from != 0);
	return rows_count;
}

static void
test_procgroups_page__all_members_are_in_some_page(void **state)
{
	uint32_t pages_count;
	char name[8];

	(void)state;
	group_nodes[1].is_silent = true;
	assert_int_equal(read_all(2, &pages_count), 0);
	assert_int_equal(pages_count, 1);
	for (uint32_t client = 0; client < 200; client++) {
		/* One group of 70, which takes more than two pages, and smaller ones. */
		(void)snprintf(name, sizeof(name), "g%u", client < 70U ? 0 : client / 10U);
		(void)group_join(1, client, name);
		if (client % 8U == 7U) {
			group_settle(7);
		}
	}
	group_settle(7);
	assert_int_equal(read_all(2, &pages_count), 200);
	assert_int_equal(pages_count, 200U / PEAL_PROCGROUPS_ROWS_MAX + 1U);
	assert_int_equal(group_nodes[2].groups.page.members_count, 200);
	assert_int_equal(group_nodes[2].groups.page.groups_count, 14);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		GROUP_TEST(test_procgroups_page__all_members_are_in_some_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
