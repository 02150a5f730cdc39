/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/cast_links.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/ringscene.h"

#define COUNT_MAX 300U

static struct peal_ringscene scene;
static struct peal_cast_links all[COUNT_MAX]; /* by rank */

static void
make(uint16_t count)
{
	peal_ringscene_create(&scene, COUNT_MAX);
	peal_ringscene_make(&scene, 5, count, 10);
	for (uint16_t rank = 0; rank < count; rank++) {
		peal_cast_links_init(&all[rank], &scene.topology, &scene.view, rank);
	}
}

static void
test_cast_links__are_of_both_ends_and_few(void **state)
{
	uint16_t count = COUNT_MAX;
	uint32_t edges[PEAL_CAST_TREES] = {0};

	(void)state;
	make(count);
	for (uint16_t rank = 0; rank < count; rank++) {
		const struct peal_cast_links *links = &all[rank];

		assert_int_equal(links->members_count, count);
		assert_int_equal(peal_cast_links_find(links, rank), PEAL_CAST_LINKS_MAX);
		assert_in_range(links->count, 2,
			links->self_place == 0 ? PEAL_CAST_LINKS_MAX : PEAL_CAST_FAN_OUT_MAX + 2U);
		assert_true(
			(links->trees[0] | links->trees[1]) == UINT64_MAX >> (64U - links->count));
		for (uint32_t link = 0; link < links->count; link++) {
			const struct peal_cast_links *other = &all[links->ranks[link]];
			uint32_t back = peal_cast_links_find(other, rank);

			assert_int_equal(other->self_place, links->places[link]);
			assert_true(back < PEAL_CAST_LINKS_MAX);
			for (uint32_t tree = 0; tree < PEAL_CAST_TREES; tree++) {
				assert_int_equal(links->trees[tree] >> link & 1U,
					other->trees[tree] >> back & 1U);
				edges[tree] += links->trees[tree] >> link & 1U;
			}
		}
	}
	/* A tree has one edge less than members; each was counted from both ends. */
	assert_int_equal(edges[0], 2U * (count - 1U));
	assert_int_equal(edges[1], 2U * (count - 1U));
	peal_ringscene_destroy(&scene);
}

static void
test_cast_links__lead_to_everybody(void **state)
{
	uint16_t count = 100;

	(void)state;
	make(count);
	for (uint32_t i = 0; i < PEAL_CAST_TREES * (uint32_t)count * count; i++) {
		uint32_t tree = i % PEAL_CAST_TREES;
		uint16_t at = (uint16_t)(i / PEAL_CAST_TREES % count);
		uint16_t target = (uint16_t)(i / PEAL_CAST_TREES / count);
		uint32_t hops = 0;

		for (; at != target; hops++) {
			uint16_t link =
				peal_cast_links_towards(&all[at], tree, all[target].self_place);

			assert_int_equal(all[at].trees[tree] >> link & 1U, 1);
			at = all[at].ranks[link];
		}
		assert_in_range(hops, 0, 4);
	}
	peal_ringscene_destroy(&scene);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cast_links__are_of_both_ends_and_few),
		cmocka_unit_test(test_cast_links__lead_to_everybody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
