/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/install.h"

#include "dataplane/cast_tree.h"
#include "dataplane/plane.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/teststore.h"

#include <stdlib.h>
#include <string.h>

#define GRACE_UNTIL_NS 77U

struct world {
	struct peal_install *install;
	struct peal_teststore *store;
	const struct peal_group *group;
	uint16_t self_rank;
	uint64_t new_mid;
	const uint64_t *guests;
	uint32_t guests_count;
};

static uint32_t derived_count;

static void
derive(void *state, struct peal_uuid cluster, struct peal_uuid uuid, struct peal_aead_key *key_out)
{
	(void)state;
	memcpy(key_out->bytes, &uuid, sizeof(uuid));
	memcpy(key_out->bytes + 16, &cluster, sizeof(cluster));
	derived_count++;
}

static void
setup(struct world *world, const struct peal_group *(*make)(struct peal_teststore *store))
{
	memset(world, 0, sizeof(*world));
	world->install = aligned_alloc(64, (sizeof(struct peal_install) + 63U) / 64U * 64U);
	memset((void *)world->install, 0, sizeof(*world->install));
	world->store = peal_teststore_create(PEAL_MEMBERS_MAX);
	world->group = make(world->store);
	world->new_mid = 1;
	peal_install_init(world->install, derive, NULL, world->store->groups);
	derived_count = 0;
}

static void
tear_down(struct world *world)
{
	peal_install_fini(world->install);
	free(world->install);
	peal_teststore_destroy(world->store);
}

static const struct peal_group *
make_founder(struct peal_teststore *store)
{
	return peal_teststore_group(store, 1, 5);
}

static const struct peal_group *
make_hundred(struct peal_teststore *store)
{
	return peal_teststore_group(store, 100, 5);
}

static const struct peal_group *
make_many(struct peal_teststore *store)
{
	return peal_teststore_group(store, 10000, 5);
}

/* The next group; the one before is released by who made it. */
static void
change(struct world *world, const struct peal_proposal *cut)
{
	const struct peal_group *before = world->group;

	world->new_mid = before->view.next_mid;
	world->group = peal_teststore_next(world->store, before, cut);
	world->store->groups.release(world->store->groups.state, before);
}

static void
add(struct world *world, uint32_t number)
{
	const struct peal_member joiner = peal_teststore_joiner(5, number - 1U);
	const struct peal_proposal cut = {.parent_epoch = world->group->view.epoch,
		.parent_hash = world->group->view.hash,
		.additions_count = 1,
		.additions = &joiner};

	change(world, &cut);
}

static void
drop_rank(struct world *world, uint32_t rank)
{
	struct peal_proposal cut = {
		.parent_epoch = world->group->view.epoch, .parent_hash = world->group->view.hash};

	peal_bitset_add(&cut.removals, rank);
	change(world, &cut);
}

static const struct peal_peers *
publish(struct world *world)
{
	struct peal_install_args args = {.group = world->group,
		.self_rank = world->self_rank,
		.new_mid = world->new_mid,
		.guests = world->guests,
		.guests_count = world->guests_count,
		.grace_until_ns = GRACE_UNTIL_NS};

	return peal_install_publish(world->install, &args);
}

/* Publishes, and the core takes it at once. */
static const struct peal_peers *
switch_to(struct world *world)
{
	const struct peal_peers *peers = publish(world);

	assert_non_null(peers);
	peal_install_on_view_done(world->install, peers->generation);
	return peers;
}

/* Everything that a table says about one slot fits the view it is of. */
static void
check_table(const struct world *world, const struct peal_peers *peers)
{
	const struct peal_view *view = &world->group->view;

	for (uint16_t slot = 0; slot < PEAL_SLOTS_MAX; slot++) {
		const struct peal_peer *peer = &peers->peers[slot];
		struct peal_uuid uuid;

		if (peer->mid == 0) {
			continue;
		}
		assert_int_equal(peer->rank, peal_view_find_mid(view, peer->mid));
		assert_int_equal(peal_install_find(world->install, peer->mid), slot);
		assert_int_equal(peal_peers_find(peers, (uint32_t)peer->mid), slot);
		memcpy(&uuid, peer->key->bytes, sizeof(uuid));
		assert_true(peal_uuid_equals(uuid,
			peal_teststore_joiner(5, peer->address.ipv4 - (10U << 24) - 1U).uuid));
		if (peer->is_subject) {
			assert_true(peal_rings_mask(&world->group->topology, world->self_rank,
					    peer->rank) != 0);
		}
	}
	assert_ptr_equal(peers->view, &world->group->view);
	assert_ptr_equal(peers->topology, &world->group->topology);
	assert_int_equal(peers->view_tag, peal_view_tag(view));
	assert_int_equal(peers->next_mid, view->next_mid);
	assert_int_equal(peers->members_count, view->members_count);
	assert_int_equal(peers->is_large, view->members_count > PEAL_DIRECT_MAX);
}

/* An old member that lacks the view cannot answer who came with it. */
static void
test_install__who_is_new_has_patience_with_all(void **state)
{
	struct world world;
	const struct peal_peers *peers = NULL;

	(void)state;
	setup(&world, make_founder);
	add(&world, 2);
	add(&world, 3);
	world.self_rank = 2;
	peers = switch_to(&world);
	check_table(&world, peers);
	assert_int_equal(peers->peers[peal_peers_find(peers, 1)].grace_until_ns, GRACE_UNTIL_NS);
	assert_int_equal(peers->peers[peal_peers_find(peers, 2)].grace_until_ns, GRACE_UNTIL_NS);
	/* In the next view it is new no more. */
	add(&world, 4);
	peers = switch_to(&world);
	assert_int_equal(peers->peers[peal_peers_find(peers, 1)].grace_until_ns, 0);
	assert_int_equal(peers->peers[peal_peers_find(peers, 4)].grace_until_ns, GRACE_UNTIL_NS);
	tear_down(&world);
}

static void
test_install__members_keep_their_slots_and_keys(void **state)
{
	struct world world;
	const struct peal_peers *first = NULL;
	const struct peal_peers *second = NULL;
	uint16_t slot = 0;

	(void)state;
	setup(&world, make_founder);
	add(&world, 2);
	add(&world, 3);
	first = switch_to(&world);
	check_table(&world, first);
	assert_int_equal(derived_count, 3);
	assert_int_equal(first->neighbours_count, 2);
	slot = peal_peers_find(first, 3);
	assert_int_equal(first->peers[slot].grace_until_ns, GRACE_UNTIL_NS);
	/* Number 2 is not new in this view. */
	assert_int_equal(first->peers[peal_peers_find(first, 2)].grace_until_ns, 0);

	drop_rank(&world, 1);
	second = switch_to(&world);
	check_table(&world, second);
	assert_int_equal(derived_count, 3);
	assert_int_equal(peal_peers_find(second, 3), slot);
	assert_ptr_equal(second->peers[slot].key, first->peers[slot].key);
	assert_int_equal(second->peers[slot].rank, 1);
	assert_int_equal(second->peers[slot].grace_until_ns, 0);
	assert_int_equal(second->neighbours_count, 1);
	assert_int_equal(second->neighbours[0], slot);
	/* The departed one is still recognised. */
	slot = peal_peers_find(second, 2);
	assert_int_not_equal(slot, PEAL_SLOT_NONE);
	assert_int_equal(second->peers[slot].rank, PEAL_RANK_NONE);
	assert_int_equal(second->peers[slot].address.ipv4, (10U << 24) + 2U);
	assert_int_equal(peal_install_find(world.install, 2), slot);
	assert_int_equal(peal_install_find(world.install, 9), PEAL_RANK_NONE);
	assert_int_equal(peal_install_find(world.install, 0), PEAL_RANK_NONE);
	tear_down(&world);
}

static void
test_install__never_writes_a_table_that_a_core_may_read(void **state)
{
	struct world world;
	const struct peal_peers *tables[PEAL_INSTALL_TABLES];

	(void)state;
	setup(&world, make_founder);
	tables[0] = switch_to(&world);
	for (uint32_t i = 1; i < PEAL_INSTALL_TABLES - 1U; i++) {
		add(&world, 10U + i);
		tables[i] = publish(&world);
		assert_non_null(tables[i]);
		for (uint32_t j = 0; j < i; j++) {
			assert_ptr_not_equal(tables[i], tables[j]);
		}
	}
	add(&world, 50);
	/* One place is left, but the core reads the oldest table that it acknowledged: one more
	 * fits. */
	tables[PEAL_INSTALL_TABLES - 1U] = publish(&world);
	assert_non_null(tables[PEAL_INSTALL_TABLES - 1U]);
	/* What the tables point into is there as long as a core may read them. */
	for (uint32_t i = 0; i < PEAL_INSTALL_TABLES; i++) {
		assert_int_equal(tables[i]->view->members_count, tables[i]->members_count);
		assert_true(tables[i]->view_tag == peal_view_tag(tables[i]->view));
	}
	add(&world, 51);
	assert_null(publish(&world));
	assert_true(world.install->is_pending);
	peal_install_on_view_done(world.install, world.install->generation);
	assert_non_null(publish(&world));
	assert_false(world.install->is_pending);
	tear_down(&world);
}

/* Who may read a group holds it; who may not, does not. */
static void
test_install__holds_groups_as_long_as_tables_are_read(void **state)
{
	struct world world;
	const struct peal_group *first = NULL;

	(void)state;
	setup(&world, make_founder);
	first = world.group;
	assert_int_equal(first->users_count, 1);
	switch_to(&world);
	assert_int_equal(first->users_count, 2);
	add(&world, 2);
	assert_int_equal(first->users_count, 1);
	assert_non_null(publish(&world));
	assert_int_equal(first->users_count, 1); /* the core may not have switched yet */
	assert_int_equal(world.group->users_count, 2);
	first = world.group;
	switch_to(&world); /* again, with the same group */
	assert_int_equal(first->users_count, 2);
	peal_install_fini(world.install);
	assert_int_equal(first->users_count, 1);
	tear_down(&world);
}

/* Six hundred members come and go through 256 slots; nobody's key is overwritten while named. */
static void
test_install__slots_are_reused_only_when_unnamed(void **state)
{
	struct world world;
	const struct peal_peers *before = NULL;

	(void)state;
	setup(&world, make_founder);
	for (uint32_t number = 2; number < 600; number++) {
		const struct peal_peers *now = NULL;

		add(&world, number);
		now = publish(&world);
		assert_non_null(now);
		for (uint16_t slot = 0; before != NULL && slot < PEAL_SLOTS_MAX; slot++) {
			if (before->peers[slot].mid != 0) {
				struct peal_uuid uuid;
				uint32_t index =
					before->peers[slot].address.ipv4 - (10U << 24) - 1U;

				memcpy(&uuid, before->peers[slot].key->bytes, sizeof(uuid));
				assert_true(peal_uuid_equals(
					uuid, peal_teststore_joiner(5, index).uuid));
			}
		}
		check_table(&world, now);
		peal_install_on_view_done(world.install, now->generation);
		before = now;
		if (world.group->view.members_count > 3) {
			drop_rank(&world, 1);
			before = switch_to(&world);
			check_table(&world, before);
		}
	}
	tear_down(&world);
}

/* The last PEAL_DEPARTED_MAX are remembered, and no more. */
static void
test_install__forgets_who_departed_longest_ago(void **state)
{
	struct world world;
	const struct peal_peers *peers = NULL;
	uint32_t departed_count = 0;

	(void)state;
	setup(&world, make_founder);
	for (uint32_t number = 2; number < 2U + PEAL_DEPARTED_MAX + 10U; number++) {
		add(&world, number);
		switch_to(&world);
		drop_rank(&world, 1);
		peers = switch_to(&world);
	}
	for (uint16_t slot = 0; slot < PEAL_SLOTS_MAX; slot++) {
		const struct peal_peer *peer = &peers->peers[slot];

		departed_count += peer->mid != 0 && peer->rank == PEAL_RANK_NONE ? 1U : 0U;
	}
	assert_int_equal(departed_count, PEAL_DEPARTED_MAX);
	assert_int_equal(peal_peers_find(peers, 11), PEAL_PEERS_NONE);
	assert_int_not_equal(peal_peers_find(peers, 12), PEAL_PEERS_NONE);
	tear_down(&world);
}

static void
test_install__no_member_knows_nobody(void **state)
{
	struct world world;
	const struct peal_peers *peers = NULL;

	(void)state;
	setup(&world, make_founder);
	add(&world, 2);
	switch_to(&world);
	peers = peal_install_publish(world.install, &(struct peal_install_args){.group = NULL});
	assert_non_null(peers);
	assert_int_equal(peers->members_count, 0);
	assert_int_equal(peers->epoch, 0);
	assert_null(peers->view);
	for (uint16_t slot = 0; slot < PEAL_SLOTS_MAX; slot++) {
		assert_int_equal(peers->peers[slot].mid, 0);
	}
	assert_int_equal(peal_install_find(world.install, 2), PEAL_RANK_NONE);
	peal_install_on_view_done(world.install, peers->generation);
	/* Back again: the same slots, under new keys. */
	derived_count = 0;
	check_table(&world, switch_to(&world));
	assert_int_equal(derived_count, 2);
	tear_down(&world);
}

/* Neighbours in the trees of broadcast: whose parent I am, and who is mine. */
static void
add_cast_links(const struct world *world, struct peal_bitset *wanted)
{
	const struct peal_view *view = &world->group->view;
	const struct peal_topology *topology = &world->group->topology;
	uint32_t self = peal_trees_place(topology, view, world->self_rank);
	uint32_t count = view->members_count;

	for (uint32_t place = 0; place < count; place++) {
		for (uint32_t tree = 0; tree < PEAL_CAST_TREES; tree++) {
			if ((place != 0 && peal_cast_tree_parent(count, tree, place) == self) ||
				(self != 0 && peal_cast_tree_parent(count, tree, self) == place)) {
				peal_bitset_add(wanted, peal_trees_rank(topology, view, place));
			}
		}
	}
}

/* Slots of a large view: exactly the neighbours. */
static void
check_neighbours(const struct world *world, const struct peal_peers *peers)
{
	const struct peal_view *view = &world->group->view;
	const struct peal_topology *topology = &world->group->topology;
	struct peal_bitset wanted = {{0}};
	uint32_t subjects_count = 0;
	const uint16_t *subjects = peal_rings_subjects(topology, world->self_rank, &subjects_count);

	for (uint32_t i = 0; i < subjects_count; i++) {
		uint16_t slot = peers->subjects[i];

		peal_bitset_add(&wanted, subjects[i]);
		assert_int_equal(peers->peers[slot].rank, subjects[i]);
		assert_true(peers->peers[slot].is_subject);
	}
	assert_int_equal(peers->subjects_count, subjects_count);
	assert_int_equal(peers->observers_slots_count, topology->observers_count);
	for (uint32_t k = 0; k < topology->observers_count; k++) {
		uint16_t rank = peal_rings_observer(topology, world->self_rank, k);

		peal_bitset_add(&wanted, rank);
		assert_int_equal(peers->peers[peers->observers_slots[k]].rank, rank);
	}
	for (uint32_t tree = 0; tree < PEAL_TREES_MAX; tree++) {
		const struct peal_peers_tree *found = &peers->trees[tree];
		struct peal_tree_place place;

		peal_trees_find(topology, view, tree, world->self_rank, &place);
		assert_int_equal(found->ancestors_count, place.ancestors_count);
		assert_int_equal(found->children_count, place.children_count);
		assert_int_equal(found->height, place.height);
		assert_int_equal(found->first, place.first);
		assert_int_equal(found->count, place.count);
		for (uint32_t i = 0; i < place.ancestors_count; i++) {
			peal_bitset_add(&wanted, place.ancestors[i]);
			assert_int_equal(
				peers->peers[found->ancestors[i]].rank, place.ancestors[i]);
		}
		for (uint32_t i = 0; i < place.children_count; i++) {
			peal_bitset_add(&wanted, place.children[i]);
			assert_int_equal(peers->peers[found->children[i]].rank, place.children[i]);
		}
	}
	for (uint32_t attempt = 0; attempt < 3; attempt++) {
		peal_bitset_add(&wanted, peal_rings_elect(topology, view, 0, attempt));
	}
	add_cast_links(world, &wanted);
	for (uint32_t i = 0; i < world->guests_count; i++) {
		uint16_t rank = peal_view_find_mid(view, world->guests[i]);

		if (rank != PEAL_RANK_NONE) {
			peal_bitset_add(&wanted, rank);
		}
	}
	peal_bitset_remove(&wanted, world->self_rank);
	assert_int_equal(peers->neighbours_count, peal_bitset_count(&wanted));
	for (uint32_t i = 0; i < peers->neighbours_count; i++) {
		assert_true(peal_bitset_has(&wanted, peers->peers[peers->neighbours[i]].rank));
	}
	assert_ptr_equal(peers->self_key,
		&world->install->keys[peal_peers_find(peers, (uint32_t)peers->self_mid)]);
}

static void
test_install__a_large_view_has_slots_for_neighbours(void **state)
{
	struct world world;

	(void)state;
	setup(&world, make_hundred);
	for (uint16_t rank = 0; rank < 100; rank++) {
		const struct peal_peers *peers = NULL;

		world.self_rank = rank;
		peers = switch_to(&world);
		check_table(&world, peers);
		check_neighbours(&world, peers);
		/* The next one begins anew. */
		switch_to(&(struct world){.install = world.install,
			.store = world.store,
			.group = peal_teststore_group(world.store, 1, 9)});
	}
	tear_down(&world);
}

static void
test_install__ten_thousand_need_few_slots(void **state)
{
	struct world world;
	uint16_t roots[PEAL_TREES_MAX];

	(void)state;
	setup(&world, make_many);
	for (uint32_t tree = 0; tree < PEAL_TREES_MAX; tree++) {
		roots[tree] = peal_trees_root(&world.group->topology, &world.group->view, tree);
	}
	for (uint32_t i = 0; i < 20; i++) {
		const struct peal_peers *peers = NULL;

		world.self_rank = i < PEAL_TREES_MAX ? roots[i] : (uint16_t)(i * 487U);
		peers = switch_to(&world);
		check_table(&world, peers);
		check_neighbours(&world, peers);
		assert_in_range(peers->neighbours_count, 20, 110);
		switch_to(&(struct world){.install = world.install,
			.store = world.store,
			.group = peal_teststore_group(world.store, 1, 9)});
	}
	tear_down(&world);
}

/* A guest comes and goes within one view; nobody else's slot changes. */
static void
test_install__guests_come_and_go_within_a_view(void **state)
{
	struct world world;
	const struct peal_peers *first = NULL;
	const struct peal_peers *second = NULL;
	const struct peal_peers *third = NULL;
	uint64_t guests[2] = {0, 4444};

	(void)state;
	setup(&world, make_hundred);
	first = switch_to(&world);
	for (uint64_t mid = 1; guests[0] == 0; mid++) {
		guests[0] = peal_peers_find(first, (uint32_t)mid) == PEAL_PEERS_NONE ? mid : 0;
	}
	derived_count = 0;
	world.guests = guests;
	world.guests_count = 2; /* one of them is nobody */
	second = switch_to(&world);
	assert_true(peal_peers_is_same_view(first, second));
	assert_int_equal(second->generation, first->generation + 1U);
	assert_int_equal(derived_count, 1);
	check_table(&world, second);
	check_neighbours(&world, second);
	assert_int_not_equal(peal_peers_find(second, (uint32_t)guests[0]), PEAL_PEERS_NONE);
	for (uint32_t i = 0; i < first->neighbours_count; i++) {
		uint16_t slot = first->neighbours[i];

		assert_int_equal(second->peers[slot].mid, first->peers[slot].mid);
	}
	/* It lingers, and is a member all the time. */
	world.guests_count = 0;
	third = switch_to(&world);
	check_table(&world, third);
	assert_int_equal(third->neighbours_count, first->neighbours_count);
	assert_int_not_equal(peal_peers_find(third, (uint32_t)guests[0]), PEAL_PEERS_NONE);
	/* Two views later it is forgotten. */
	drop_rank(&world, 99);
	switch_to(&world);
	drop_rank(&world, 98);
	third = switch_to(&world);
	check_table(&world, third);
	for (uint32_t i = 0, known = 0; i < PEAL_SLOTS_MAX; i++) {
		known += third->peers[i].mid == guests[0] ? 1U : 0U;
		assert_true(known == 0 ||
			    third->peers[i].rank != PEAL_RANK_NONE); /* or a neighbour by now */
	}
	tear_down(&world);
}

/* Another group of other people: places are short until the core has forgotten the first. */
static void
test_install__a_table_may_leave_somebody_out_for_a_moment(void **state)
{
	struct world world;
	const struct peal_peers *peers = NULL;
	uint64_t guests[PEAL_GUESTS_MAX];
	uint32_t tables_count = 0;

	(void)state;
	setup(&world, make_many);
	world.self_rank = peal_trees_root(&world.group->topology, &world.group->view, 0);
	for (uint32_t i = 0; i < PEAL_GUESTS_MAX; i++) {
		guests[i] = 5000U + i;
	}
	world.guests = guests;
	world.guests_count = PEAL_GUESTS_MAX;
	switch_to(&world);
	/* The core has not taken these, and nobody is in two of them. */
	for (uint64_t seed = 6; seed < 9; seed++) {
		world.group = peal_teststore_group(world.store, 10000, seed);
		world.self_rank = peal_trees_root(&world.group->topology, &world.group->view, 0);
		peers = publish(&world);
		assert_non_null(peers);
	}
	assert_true(world.install->is_pending);
	while (world.install->is_pending) {
		peal_install_on_view_done(world.install, peers->generation);
		peers = publish(&world);
		assert_non_null(peers);
		tables_count++;
		assert_true(tables_count < 4);
	}
	check_neighbours(&world, peers);
	tear_down(&world);
}

/* Creates an order group of three members that are no neighbours of this one, or of it and two of
 * them. Returns how many of these have a slot then. */
static uint32_t
count_slots_of_order_group(struct world *world, uint32_t id, bool is_in)
{
	const struct peal_peers *peers = switch_to(world);
	struct peal_proposal cut = {.parent_epoch = world->group->view.epoch,
		.parent_hash = world->group->view.hash,
		.ordergroup = {.id = id, .generation = 1, .ranks_count = 3}};
	uint64_t mid = 0;
	uint32_t count = 0;

	for (uint32_t i = 0; i < 3; i++) {
		const char name[] = {'r', (char)('a' + i), '\0'};

		do {
			mid++;
			assert_true(mid < world->group->view.next_mid);
		} while (peal_peers_find(peers, (uint32_t)mid) != PEAL_PEERS_NONE);
		cut.ordergroup.ranks[i].mid = is_in && i == 0 ? peers->self_mid : mid;
		assert_true(peal_ordergroup_set_name(&cut.ordergroup, i, name));
	}
	change(world, &cut);
	peers = switch_to(world);
	check_table(world, peers);
	for (uint32_t i = 0; i < 3; i++) {
		uint32_t number = (uint32_t)cut.ordergroup.ranks[i].mid;
		uint16_t slot = peal_peers_find(peers, number);

		/* The key of one that lingers is there as well: a neighbour is meant. */
		for (uint32_t k = 0; k < peers->neighbours_count; k++) {
			count += peers->neighbours[k] == slot ? 1U : 0U;
		}
	}
	return count;
}

static void
test_install__ranks_of_order_groups_have_slots_for_each_other(void **state)
{
	struct world world;

	(void)state;
	setup(&world, make_many);
	assert_int_equal(count_slots_of_order_group(&world, 1, false), 0);
	assert_int_equal(count_slots_of_order_group(&world, 2, true), 2);
	tear_down(&world);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_install__ranks_of_order_groups_have_slots_for_each_other),
		cmocka_unit_test(test_install__who_is_new_has_patience_with_all),
		cmocka_unit_test(test_install__members_keep_their_slots_and_keys),
		cmocka_unit_test(test_install__never_writes_a_table_that_a_core_may_read),
		cmocka_unit_test(test_install__holds_groups_as_long_as_tables_are_read),
		cmocka_unit_test(test_install__slots_are_reused_only_when_unnamed),
		cmocka_unit_test(test_install__forgets_who_departed_longest_ago),
		cmocka_unit_test(test_install__no_member_knows_nobody),
		cmocka_unit_test(test_install__a_large_view_has_slots_for_neighbours),
		cmocka_unit_test(test_install__ten_thousand_need_few_slots),
		cmocka_unit_test(test_install__guests_come_and_go_within_a_view),
		cmocka_unit_test(test_install__a_table_may_leave_somebody_out_for_a_moment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
