/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/install.h"
#include "dataplane/plane.h"
#include "membership/nextview.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint32_t derived_count;

static void
derive(void *state, struct peal_uuid cluster, struct peal_uuid uuid, struct peal_aead_key *key_out)
{
	(void)state;
	memcpy(key_out->bytes, &uuid, sizeof(uuid));
	memcpy(key_out->bytes + 16, &cluster, sizeof(cluster));
	derived_count++;
}

static struct peal_member
member(uint32_t number)
{
	return (struct peal_member){.uuid = {.low = number, .high = 9},
		.address = {.ipv4 = number, .port = 1, .mac = {2, 0, 0, 0, 0, 1}},
		.shards_count = 1};
}

static void
add(struct peal_view *view, uint32_t number)
{
	struct peal_proposal cut = {.parent_epoch = view->epoch,
		.parent_hash = view->hash,
		.additions_count = 1,
		.additions = {member(number)}};
	struct peal_view next;

	peal_nextview_apply(view, &cut, &next);
	*view = next;
}

static void
drop_rank(struct peal_view *view, uint32_t rank)
{
	struct peal_proposal cut = {.parent_epoch = view->epoch, .parent_hash = view->hash};
	struct peal_view next;

	peal_bitset_add(&cut.removals, rank);
	peal_nextview_apply(view, &cut, &next);
	*view = next;
}

struct world {
	struct peal_install *install;
	struct peal_view view;
	struct peal_topology topology;
};

static void
setup(struct world *world)
{
	struct peal_member founder = member(1);

	world->install = aligned_alloc(64, (sizeof(struct peal_install) + 63U) / 64U * 64U);
	peal_install_init(world->install, derive, NULL);
	peal_nextview_create((struct peal_uuid){.low = 5, .high = 6}, 10, &founder, &world->view);
	derived_count = 0;
}

static const struct peal_peers *
publish(struct world *world)
{
	struct peal_install_args args = {.view = &world->view,
		.topology = &world->topology,
		.self_rank = 0,
		.grace_until_ns = 77};

	peal_rings_build(&world->view, &world->topology);
	return peal_install_publish(world->install, &args);
}

static void
test_install__members_keep_their_slots_and_keys(void **state)
{
	struct world world;
	const struct peal_peers *first = NULL;
	const struct peal_peers *second = NULL;
	uint16_t slot = 0;

	(void)state;
	setup(&world);
	add(&world.view, 2);
	add(&world.view, 3);
	first = publish(&world);
	assert_non_null(first);
	assert_int_equal(derived_count, 3);
	slot = peal_peers_find(first, 3);
	assert_int_equal(first->peers[slot].grace_until_ns, 77);
	peal_install_on_view_done(world.install, first->generation);

	drop_rank(&world.view, 1);
	second = publish(&world);
	assert_int_equal(derived_count, 3);
	assert_int_equal(peal_peers_find(second, 3), slot);
	assert_ptr_equal(second->peers[slot].key, first->peers[slot].key);
	assert_int_equal(second->peers[slot].rank, 1);
	assert_int_equal(second->peers[slot].grace_until_ns, 0);
	/* The departed one is still recognised. */
	slot = peal_peers_find(second, 2);
	assert_int_not_equal(slot, PEAL_SLOT_NONE);
	assert_int_equal(second->peers[slot].rank, PEAL_RANK_NONE);
	assert_int_equal(second->peers[slot].address.ipv4, 2);
	free(world.install);
}

static void
test_install__never_writes_a_table_that_a_core_may_read(void **state)
{
	struct world world;
	const struct peal_peers *tables[PEAL_INSTALL_TABLES];

	(void)state;
	setup(&world);
	tables[0] = publish(&world);
	peal_install_on_view_done(world.install, tables[0]->generation);
	for (uint32_t i = 1; i < PEAL_INSTALL_TABLES - 1U; i++) {
		add(&world.view, 10U + i);
		tables[i] = publish(&world);
		assert_non_null(tables[i]);
		for (uint32_t j = 0; j < i; j++) {
			assert_ptr_not_equal(tables[i], tables[j]);
		}
	}
	add(&world.view, 50);
	/* One place is left, but the core reads the oldest table that it acknowledged: one more
	 * fits. */
	tables[PEAL_INSTALL_TABLES - 1U] = publish(&world);
	add(&world.view, 51);
	assert_null(publish(&world));
	assert_true(world.install->is_pending);
	peal_install_on_view_done(world.install, world.install->generation);
	assert_non_null(publish(&world));
	assert_false(world.install->is_pending);
	free(world.install);
}

/* Three hundred members come and go through 128 slots; nobody's key is overwritten while named. */
static void
test_install__slots_are_reused_only_when_unnamed(void **state)
{
	struct world world;
	const struct peal_peers *before = NULL;

	(void)state;
	setup(&world);
	for (uint32_t number = 2; number < 300; number++) {
		const struct peal_peers *now = NULL;

		add(&world.view, number);
		now = publish(&world);
		assert_non_null(now);
		for (uint16_t slot = 0; before != NULL && slot < PEAL_SLOTS_MAX; slot++) {
			if (before->peers[slot].mid != 0) {
				uint64_t low = 0;

				memcpy(&low, before->peers[slot].key->bytes, sizeof(low));
				assert_int_equal(low, before->peers[slot].address.ipv4);
			}
		}
		peal_install_on_view_done(world.install, now->generation);
		before = now;
		if (world.view.members_count > 3) {
			drop_rank(&world.view, 1);
			before = publish(&world);
			assert_non_null(before);
			peal_install_on_view_done(world.install, before->generation);
		}
	}
	free(world.install);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_install__members_keep_their_slots_and_keys),
		cmocka_unit_test(test_install__never_writes_a_table_that_a_core_may_read),
		cmocka_unit_test(test_install__slots_are_reused_only_when_unnamed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
