/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/install.h"

#include "base/assert.h"
#include "base/museum.h"
#include "dataplane/cast_tree.h"
#include "wire/frame.h"

#include <string.h>

/* Sequencers that a joiner's introducer may have to reach: the first and the next two. */
#define ALTERNATES_COUNT 3U

/* A departed member, or one that was a neighbour in the view before, keeps its slot while there are
 * not more of them. */
#define LINGERERS_MAX PEAL_DEPARTED_MAX

/* Whom the next table names, and what is left for others. */
struct choice {
	struct peal_bitset ranks;
	uint32_t free_count;
	uint32_t new_count; /* chosen members without a slot */
	bool is_short;      /* somebody had to be left out */
};

void
peal_install_init(struct peal_install *install, peal_derive_fn derive, void *derive_state,
	struct peal_groups store)
{
	install->derive = derive;
	install->derive_state = derive_state;
	install->store = store;
}

/* The index: open addressing from a number to slot + 1, rebuilt when slots are given back. */

static void
put_index(struct peal_install *install, uint16_t slot)
{
	uint32_t place = peal_peers_place((uint32_t)install->slots[slot].mid);

	while (install->index[place] != 0) {
		place = (place + 1U) % PEAL_PEERS_PLACES;
	}
	install->index[place] = (uint16_t)(slot + 1U);
}

static void
build_index(struct peal_install *install)
{
	memset(install->index, 0, sizeof(install->index));
	for (uint16_t slot = 0; slot < PEAL_SLOTS_MAX; slot++) {
		if (install->slots[slot].mid != 0) {
			put_index(install, slot);
		}
	}
}

uint16_t
peal_install_find(const struct peal_install *install, uint64_t mid)
{
	uint32_t place = peal_peers_place((uint32_t)mid);

	if (mid == 0) {
		return PEAL_RANK_NONE;
	}
	for (uint16_t entry = install->index[place]; entry != 0; entry = install->index[place]) {
		if (install->slots[entry - 1U].mid == mid) {
			return (uint16_t)(entry - 1U);
		}
		place = (place + 1U) % PEAL_PEERS_PLACES;
	}
	return PEAL_RANK_NONE;
}

/* Slots. */

static bool
is_free(const struct peal_install *install, uint16_t slot)
{
	return install->slots[slot].mid == 0 &&
	       install->slots[slot].free_generation <= install->acknowledged;
}

static uint32_t
count_free(const struct peal_install *install)
{
	uint32_t count = 0;

	for (uint16_t slot = 0; slot < PEAL_SLOTS_MAX; slot++) {
		count += is_free(install, slot) ? 1U : 0U;
	}
	return count;
}

/* Forgets a peer. Its place is free when the core has a table that does not name it: the next one.
 */
static void
forget(struct peal_install *install, uint16_t slot)
{
	install->slots[slot] = (struct peal_slot){.free_generation = install->generation};
}

/* Choosing. */

/* Adds a member to the next table if it has a slot or can get one. */
static void
choose(struct peal_install *install, const struct peal_view *view, uint32_t rank,
	struct choice *choice)
{
	bool has_slot = false;

	if (peal_bitset_has(&choice->ranks, rank)) {
		return;
	}
	has_slot = peal_uuid_equals(install->cluster, view->cluster) &&
		   peal_install_find(install, view->members[rank].mid) != PEAL_RANK_NONE;
	if (!has_slot && choice->new_count == choice->free_count) {
		choice->is_short = true;
		return;
	}
	choice->new_count += has_slot ? 0U : 1U;
	peal_bitset_add(&choice->ranks, rank);
}

static void
choose_tree(struct peal_install *install, const struct peal_install_args *args, uint32_t tree,
	struct choice *choice)
{
	const struct peal_group *group = args->group;
	struct peal_tree_place place;

	peal_trees_find(&group->topology, &group->view, tree, args->self_rank, &place);
	for (uint32_t i = 0; i < place.ancestors_count; i++) {
		choose(install, &group->view, place.ancestors[i], choice);
	}
	for (uint32_t i = 0; i < place.children_count; i++) {
		choose(install, &group->view, place.children[i], choice);
	}
}

/* Its neighbours in the trees of broadcast. */
static void
choose_cast_links(
	struct peal_install *install, const struct peal_install_args *args, struct choice *choice)
{
	const struct peal_view *view = &args->group->view;
	const struct peal_topology *topology = &args->group->topology;
	uint32_t place = peal_trees_place(topology, view, args->self_rank);

	for (uint32_t tree = 0; tree < PEAL_CAST_TREES; tree++) {
		uint32_t children[PEAL_CAST_FAN_OUT_MAX];
		uint32_t count =
			peal_cast_tree_children(view->members_count, tree, place, children);

		if (place != 0) {
			choose(install, view,
				peal_trees_rank(topology, view,
					peal_cast_tree_parent(view->members_count, tree, place)),
				choice);
		}
		for (uint32_t i = 0; i < count; i++) {
			choose(install, view, peal_trees_rank(topology, view, children[i]), choice);
		}
	}
}

/* The other ranks of order groups of which this member was one when they began. */
static void
choose_order_ranks(
	struct peal_install *install, const struct peal_install_args *args, struct choice *choice)
{
	const struct peal_view *view = &args->group->view;
	uint64_t self_mid = view->members[args->self_rank].mid;

	for (uint32_t i = 0; i < view->ordergroups_count; i++) {
		const struct peal_ordergroup *group = &view->ordergroups[i];

		for (uint32_t k = 0;
			peal_ordergroup_has_member(group, self_mid) && k < group->ranks_count;
			k++) {
			uint16_t rank = peal_view_find_mid(view, group->ranks[k].mid);

			if (rank != PEAL_RANK_NONE) {
				choose(install, view, rank, choice);
			}
		}
	}
}

/* Those that matter most come first: places may be short after many changes at once. */
static void
choose_neighbours(
	struct peal_install *install, const struct peal_install_args *args, struct choice *choice)
{
	const struct peal_view *view = &args->group->view;
	const struct peal_topology *topology = &args->group->topology;
	uint32_t subjects_count = 0;
	const uint16_t *subjects = peal_rings_subjects(topology, args->self_rank, &subjects_count);

	for (uint32_t k = 0; k < topology->observers_count; k++) {
		choose(install, view, peal_rings_observer(topology, args->self_rank, k), choice);
	}
	for (uint32_t tree = 0; tree < PEAL_TREES_MAX; tree++) {
		choose_tree(install, args, tree, choice);
	}
	for (uint32_t i = 0; i < subjects_count; i++) {
		choose(install, view, subjects[i], choice);
	}
	for (uint32_t attempt = 0; attempt < ALTERNATES_COUNT; attempt++) {
		choose(install, view, peal_rings_elect(topology, view, 0, attempt), choice);
	}
	choose_cast_links(install, args, choice);
	choose_order_ranks(install, args, choice);
	for (uint32_t i = 0; i < args->guests_count; i++) {
		uint16_t rank = peal_view_find_mid(view, args->guests[i]);

		if (rank != PEAL_RANK_NONE) {
			choose(install, view, rank, choice);
		}
	}
}

static struct choice
choose_members(struct peal_install *install, const struct peal_install_args *args)
{
	const struct peal_view *view = &args->group->view;
	struct choice choice = {.free_count = count_free(install)};

	PEAL_ASSERT(args->self_rank < view->members_count);
	PEAL_ASSERT(args->guests_count <= PEAL_GUESTS_MAX);

	choose(install, view, args->self_rank, &choice);
	if (view->members_count > PEAL_DIRECT_MAX) {
		choose_neighbours(install, args, &choice);
	} else {
		for (uint32_t rank = 0; rank < view->members_count; rank++) {
			choose(install, view, rank, &choice);
		}
	}
	return choice;
}

/* Who had a slot and is not chosen lingers: departed ones so that they can be told, former
 * neighbours for one view, for they may be a step behind. The longest gone are forgotten first, all
 * of them when places are short. */
static void
let_linger(struct peal_install *install, const struct peal_view *view, bool is_short)
{
	uint32_t count = 0;

	for (uint16_t slot = 0; slot < PEAL_SLOTS_MAX; slot++) {
		struct peal_slot *place = &install->slots[slot];

		if (place->mid == 0 || place->needed_generation == install->generation) {
			continue;
		}
		place->is_departed = peal_view_find_mid(view, place->mid) == PEAL_RANK_NONE;
		if (is_short || PEAL_BUG(DEPARTED_NOT_TOLD) ||
			(!place->is_departed && place->needed_epoch + 1U < view->epoch)) {
			forget(install, slot);
			continue;
		}
		count++;
	}
	for (; count > LINGERERS_MAX; count--) {
		uint16_t oldest = PEAL_RANK_NONE;

		for (uint16_t slot = 0; slot < PEAL_SLOTS_MAX; slot++) {
			const struct peal_slot *place = &install->slots[slot];

			if (place->mid != 0 && place->needed_generation != install->generation &&
				(oldest == PEAL_RANK_NONE ||
					place->needed_epoch <
						install->slots[oldest].needed_epoch)) {
				oldest = slot;
			}
		}
		forget(install, oldest);
	}
}

/* Filling. */

/* The slot of a chosen member: its own, or a free one with a new key. */
static uint16_t
take_slot(struct peal_install *install, const struct peal_member *member, uint16_t *search)
{
	uint16_t slot = peal_install_find(install, member->mid);

	if (slot != PEAL_RANK_NONE) {
		return slot;
	}
	while (*search < PEAL_SLOTS_MAX && !is_free(install, *search)) {
		(*search)++;
	}
	PEAL_ASSERT(*search < PEAL_SLOTS_MAX); /* they were counted */
	slot = *search;
	install->slots[slot] = (struct peal_slot){.mid = member->mid, .uuid = member->uuid};
	install->derive(
		install->derive_state, install->cluster, member->uuid, &install->keys[slot]);
	put_index(install, slot);
	return slot;
}

static void
fill_chosen(struct peal_install *install, const struct peal_install_args *args,
	const struct choice *choice, struct peal_peers *table)
{
	const struct peal_view *view = &args->group->view;
	/* Who is new is not known, or has no slot, where the view is not installed yet. */
	bool is_self_new = view->members[args->self_rank].mid >= args->new_mid;
	uint16_t search = 0;

	PEAL_BITSET_FOR_EACH (rank, &choice->ranks) {
		const struct peal_member *member = &view->members[rank];
		uint16_t slot = take_slot(install, member, &search);
		struct peal_slot *place = &install->slots[slot];
		bool is_new = is_self_new || member->mid >= args->new_mid;

		place->needed_generation = install->generation;
		place->needed_epoch = view->epoch;
		table->peers[slot] = (struct peal_peer){.mid = member->mid,
			.rank = (uint16_t)rank,
			.shards_count = member->shards_count,
			.grace_until_ns = is_new ? args->grace_until_ns : 0,
			.address = member->address,
			.key = &install->keys[slot]};
		if (rank == args->self_rank) {
			table->self_key = &install->keys[slot];
		} else {
			table->neighbours[table->neighbours_count++] = slot;
		}
	}
}

/* Former neighbours are members still; departed ones keep the address of the table before. */
static void
fill_lingering(struct peal_install *install, const struct peal_view *view,
	const struct peal_peers *before, struct peal_peers *table)
{
	for (uint16_t slot = 0; slot < PEAL_SLOTS_MAX; slot++) {
		const struct peal_slot *place = &install->slots[slot];
		uint16_t rank;

		if (place->mid == 0 || place->needed_generation == install->generation ||
			before->peers[slot].mid != place->mid) {
			continue;
		}
		rank = peal_view_find_mid(view, place->mid);
		table->peers[slot] = before->peers[slot];
		table->peers[slot].rank = rank;
		table->peers[slot].is_subject = false;
		table->peers[slot].grace_until_ns = 0;
		if (rank != PEAL_RANK_NONE) {
			table->peers[slot].address = view->members[rank].address;
		}
	}
}

/* The slot of a rank, or PEAL_RANK_NONE: left out because places were short. */
static uint16_t
slot_of(const struct peal_install *install, const struct peal_view *view, uint32_t rank)
{
	uint16_t slot = peal_install_find(install, view->members[rank].mid);

	return slot != PEAL_RANK_NONE &&
			       install->slots[slot].needed_generation == install->generation
		       ? slot
		       : PEAL_RANK_NONE;
}

static void
fill_edges(struct peal_install *install, const struct peal_install_args *args,
	struct peal_peers *table)
{
	const struct peal_view *view = &args->group->view;
	const struct peal_topology *topology = &args->group->topology;
	uint32_t subjects_count = 0;
	const uint16_t *subjects = peal_rings_subjects(topology, args->self_rank, &subjects_count);

	for (uint32_t i = 0; i < subjects_count; i++) {
		uint16_t slot = slot_of(install, view, subjects[i]);

		if (slot != PEAL_RANK_NONE) {
			table->peers[slot].is_subject = true;
			table->subjects[table->subjects_count++] = slot;
		}
	}
	for (uint32_t k = 0; k < topology->observers_count; k++) {
		uint16_t rank = peal_rings_observer(topology, args->self_rank, k);
		uint16_t slot = slot_of(install, view, rank);

		if (slot != PEAL_RANK_NONE && table->observers_slots_count < PEAL_RINGS_MAX) {
			table->observers_slots[table->observers_slots_count++] = slot;
		}
	}
}

static void
fill_tree(struct peal_install *install, const struct peal_install_args *args, uint32_t tree,
	struct peal_peers_tree *tree_out)
{
	const struct peal_view *view = &args->group->view;
	struct peal_tree_place place;

	peal_trees_find(&args->group->topology, view, tree, args->self_rank, &place);
	tree_out->height = place.height;
	tree_out->first = place.first;
	tree_out->count = place.count;
	for (uint32_t i = 0; i < place.ancestors_count; i++) {
		uint16_t slot = slot_of(install, view, place.ancestors[i]);

		if (slot != PEAL_RANK_NONE) {
			tree_out->ancestors[tree_out->ancestors_count++] = slot;
		}
	}
	for (uint32_t i = 0; i < place.children_count; i++) {
		uint16_t slot = slot_of(install, view, place.children[i]);

		if (slot != PEAL_RANK_NONE) {
			tree_out->children[tree_out->children_count++] = slot;
		}
	}
}

static void
fill_table(struct peal_install *install, const struct peal_install_args *args,
	const struct choice *choice, const struct peal_peers *before, struct peal_peers *table)
{
	const struct peal_view *view = &args->group->view;

	table->cluster = peal_frame_fold_cluster(view->cluster);
	table->epoch = view->epoch;
	table->next_mid = view->next_mid;
	table->view_tag = peal_view_tag(view);
	table->self_rank = args->self_rank;
	table->self_mid = view->members[args->self_rank].mid;
	table->members_count = view->members_count;
	table->observers_count = args->group->topology.observers_count;
	table->is_large = view->members_count > PEAL_DIRECT_MAX;
	table->view = view;
	table->topology = &args->group->topology;
	fill_chosen(install, args, choice, table);
	let_linger(install, view, choice->is_short);
	fill_lingering(install, view, before, table);
	fill_edges(install, args, table);
	for (uint32_t tree = 0; table->is_large && tree < PEAL_TREES_MAX; tree++) {
		fill_tree(install, args, tree, &table->trees[tree]);
	}
}

/* Groups of tables older than `generation` are released: no core reads them any more. */
static void
release_groups(struct peal_install *install, uint32_t generation)
{
	for (uint32_t i = 0; i < PEAL_INSTALL_TABLES; i++) {
		if (install->groups[i] != NULL && install->tables[i].generation < generation) {
			install->store.release(install->store.state, install->groups[i]);
			install->groups[i] = NULL;
		}
	}
}

/* Another cluster, or none: member numbers start anew, nobody is remembered. */
static void
change_cluster(struct peal_install *install, struct peal_uuid cluster)
{
	if (peal_uuid_equals(install->cluster, cluster)) {
		return;
	}
	for (uint16_t slot = 0; slot < PEAL_SLOTS_MAX; slot++) {
		if (install->slots[slot].mid != 0) {
			forget(install, slot);
		}
	}
	build_index(install);
	install->cluster = cluster;
}

const struct peal_peers *
peal_install_publish(struct peal_install *install, const struct peal_install_args *args)
{
	const struct peal_peers *before =
		&install->tables[install->generation % PEAL_INSTALL_TABLES];
	uint32_t index = (install->generation + 1U) % PEAL_INSTALL_TABLES;
	struct peal_peers *table = &install->tables[index];

	/* The core reads `acknowledged` or a later table. The place that is written now must be
	 * older. */
	install->is_pending = true;
	if (install->generation + 1U - install->acknowledged >= PEAL_INSTALL_TABLES) {
		return NULL;
	}
	PEAL_ASSERT(install->groups[index] == NULL);
	install->is_pending = false;

	struct choice choice = {.is_short = false};

	if (args->group != NULL) {
		choice = choose_members(install, args);
	}
	install->generation++;
	memset(table, 0, sizeof(*table));
	table->generation = install->generation;
	table->self_rank = PEAL_RANK_NONE;
	if (args->group != NULL) {
		install->store.retain(install->store.state, args->group);
		install->groups[index] = args->group;
		change_cluster(install, args->group->view.cluster);
		fill_table(install, args, &choice, before, table);
		/* Places that are given back now can be had when the core has this table. */
		install->is_pending =
			choice.is_short && peal_bitset_count(&choice.ranks) < PEAL_SLOTS_MAX;
	} else {
		change_cluster(install, (struct peal_uuid){0});
	}
	build_index(install);
	peal_peers_index(table);
	return table;
}

void
peal_install_on_view_done(struct peal_install *install, uint32_t generation)
{
	PEAL_ASSERT(generation <= install->generation);
	PEAL_ASSERT(generation >= install->acknowledged);
	install->acknowledged = generation;
	release_groups(install, generation);
}

void
peal_install_fini(struct peal_install *install)
{
	release_groups(install, UINT32_MAX);
}
