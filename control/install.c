/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/install.h"

#include "base/assert.h"
#include "wire/frame.h"

#include <string.h>

void
peal_install_init(struct peal_install *install, peal_derive_fn derive, void *derive_state)
{
	memset(install, 0, sizeof(*install));
	install->derive = derive;
	install->derive_state = derive_state;
}

uint16_t
peal_install_find(const struct peal_install *install, uint64_t mid)
{
	for (uint16_t slot = 0; slot < PEAL_SLOTS_MAX; slot++) {
		if (install->slots[slot].mid == mid && mid != 0) {
			return slot;
		}
	}
	return PEAL_RANK_NONE;
}

static bool
is_free(const struct peal_install *install, uint16_t slot)
{
	return install->slots[slot].mid == 0 &&
	       install->slots[slot].free_generation <= install->acknowledged;
}

static uint16_t
take_slot(const struct peal_install *install)
{
	uint16_t slot = 0;

	while (slot < PEAL_SLOTS_MAX && !is_free(install, slot)) {
		slot++;
	}
	PEAL_ASSERT(slot < PEAL_SLOTS_MAX); /* has_room looked before */
	return slot;
}

/* True when every member that is new in `view` can have a slot now. */
static bool
has_room(const struct peal_install *install, const struct peal_view *view)
{
	uint32_t free_count = 0;
	uint32_t new_count = 0;
	bool is_same = peal_uuid_equals(install->cluster, view->cluster);

	for (uint16_t slot = 0; slot < PEAL_SLOTS_MAX; slot++) {
		free_count += is_free(install, slot) ? 1U : 0U;
	}
	for (uint16_t rank = 0; rank < view->members_count; rank++) {
		bool is_known = is_same && peal_install_find(install, view->members[rank].mid) !=
						   PEAL_RANK_NONE;

		new_count += is_known ? 0U : 1U;
	}
	return new_count <= free_count;
}

static void
forget(struct peal_install *install, uint16_t slot)
{
	install->slots[slot] = (struct peal_slot){.free_generation = install->generation};
}

/* Leaves room for the joiners of the next view: those who departed longest ago are forgotten. */
static void
forget_oldest(struct peal_install *install)
{
	for (;;) {
		uint16_t oldest = PEAL_RANK_NONE;
		uint32_t unused_count = 0;

		for (uint16_t slot = 0; slot < PEAL_SLOTS_MAX; slot++) {
			const struct peal_slot *place = &install->slots[slot];

			unused_count += place->mid == 0 ? 1U : 0U;
			if (place->mid != 0 && place->is_departed &&
				(oldest == PEAL_RANK_NONE ||
					place->departed_epoch <
						install->slots[oldest].departed_epoch)) {
				oldest = slot;
			}
		}
		if (unused_count >= PEAL_ADDITIONS_MAX || oldest == PEAL_RANK_NONE) {
			return;
		}
		forget(install, oldest);
	}
}

static void
mark_departed(struct peal_install *install, const struct peal_view *view)
{
	for (uint16_t slot = 0; slot < PEAL_SLOTS_MAX; slot++) {
		struct peal_slot *place = &install->slots[slot];

		if (place->mid != 0 && !place->is_departed &&
			peal_view_find_mid(view, place->mid) == PEAL_RANK_NONE) {
			place->is_departed = true;
			place->departed_epoch = view->epoch;
		}
	}
}

/* True for a member that got its slot now. */
static bool
ensure_slot(struct peal_install *install, const struct peal_member *member, uint16_t *slot_out)
{
	*slot_out = peal_install_find(install, member->mid);
	if (*slot_out != PEAL_RANK_NONE) {
		return false;
	}
	*slot_out = take_slot(install);
	install->slots[*slot_out] =
		(struct peal_slot){.mid = member->mid, .uuid = member->uuid, .is_departed = false};
	install->derive(
		install->derive_state, install->cluster, member->uuid, &install->keys[*slot_out]);
	return true;
}

static void
fill_members(struct peal_install *install, const struct peal_install_args *args,
	struct peal_peers *table)
{
	const struct peal_view *view = args->view;

	for (uint16_t rank = 0; rank < view->members_count; rank++) {
		const struct peal_member *member = &view->members[rank];
		uint16_t slot = 0;
		bool is_new = ensure_slot(install, member, &slot);
		struct peal_peer *peer = &table->peers[slot];

		peer->mid = member->mid;
		peer->rank = rank;
		peer->is_subject = rank != args->self_rank &&
				   peal_rings_mask(args->topology, args->self_rank, rank) != 0;
		peer->grace_until_ns = is_new ? args->grace_until_ns : 0;
		peer->address = member->address;
		peer->key = &install->keys[slot];
		table->slots[rank] = (uint8_t)slot;
		memcpy(table->observers[rank], args->topology->observers[rank],
			sizeof(table->observers[rank]));
	}
}

/* Departed members keep their place and key, and the address of the table before. */
static void
fill_departed(
	struct peal_install *install, const struct peal_peers *before, struct peal_peers *table)
{
	for (uint16_t slot = 0; slot < PEAL_SLOTS_MAX; slot++) {
		if (install->slots[slot].mid == 0 || !install->slots[slot].is_departed ||
			before->peers[slot].mid != install->slots[slot].mid) {
			continue;
		}
		table->peers[slot] = before->peers[slot];
		table->peers[slot].rank = PEAL_RANK_NONE;
		table->peers[slot].is_subject = false;
	}
}

const struct peal_peers *
peal_install_publish(struct peal_install *install, const struct peal_install_args *args)
{
	const struct peal_view *view = args->view;
	const struct peal_peers *before =
		&install->tables[install->generation % PEAL_INSTALL_TABLES];
	struct peal_peers *table =
		&install->tables[(install->generation + 1U) % PEAL_INSTALL_TABLES];

	/* The core reads `acknowledged` or a later table. The place that is written now must be
	 * older. */
	if (install->generation + 1U - install->acknowledged >= PEAL_INSTALL_TABLES ||
		!has_room(install, view)) {
		install->is_pending = true;
		return NULL;
	}
	install->is_pending = false;
	install->generation++;

	if (!peal_uuid_equals(install->cluster, view->cluster)) {
		/* Another cluster, or none: member numbers start anew, nobody is remembered. */
		for (uint16_t slot = 0; slot < PEAL_SLOTS_MAX; slot++) {
			if (install->slots[slot].mid != 0) {
				forget(install, slot);
			}
		}
		install->cluster = view->cluster;
	}
	memset(table, 0, sizeof(*table));
	table->generation = install->generation;
	table->self_rank = PEAL_RANK_NONE;
	if (view->epoch > 0) {
		PEAL_ASSERT(args->self_rank < view->members_count);

		mark_departed(install, view);
		table->cluster = peal_frame_fold_cluster(view->cluster);
		table->epoch = view->epoch;
		table->view_tag = peal_view_tag(view);
		table->self_rank = args->self_rank;
		table->self_mid = view->members[args->self_rank].mid;
		table->members_count = view->members_count;
		table->observers_count = args->topology->observers_count;
		fill_members(install, args, table);
		forget_oldest(install);
		fill_departed(install, before, table);
		table->self_key = table->peers[table->slots[args->self_rank]].key;
	}
	peal_peers_index(table);
	return table;
}

void
peal_install_on_view_done(struct peal_install *install, uint32_t generation)
{
	PEAL_ASSERT(generation <= install->generation);
	PEAL_ASSERT(generation >= install->acknowledged);
	install->acknowledged = generation;
}
