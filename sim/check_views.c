/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/check_views.h"

#include "base/assert.h"
#include "base/hash.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_MIN 64U

static void *
allocate(size_t count, size_t size)
{
	void *memory = calloc(count, size);

	PEAL_ASSERT(memory != NULL);
	return memory;
}

void
peal_check_views_init(
	struct peal_check_views *check, uint16_t nodes_count, struct peal_report *report)
{
	*check = (struct peal_check_views){.report = report,
		.nodes_count = nodes_count,
		.capacity = CAPACITY_MIN,
		.actors_capacity = CAPACITY_MIN};
	check->views = allocate(CAPACITY_MIN, sizeof(struct peal_view *));
	check->actors = allocate(CAPACITY_MIN, sizeof(check->actors[0]));
	check->selves = allocate(nodes_count, sizeof(check->selves[0]));
	check->clusters = allocate(nodes_count, sizeof(check->clusters[0]));
	check->epochs = allocate(nodes_count, sizeof(check->epochs[0]));
}

static void
forget(struct peal_view *view)
{
	free((void *)(uintptr_t)view->members);
	free((void *)(uintptr_t)view->index);
	free(view);
}

void
peal_check_views_fini(struct peal_check_views *check)
{
	for (uint32_t i = 0; i < check->count; i++) {
		forget(check->views[i]);
	}
	free(check->views);
	free(check->actors);
	free(check->selves);
	free(check->clusters);
	free(check->epochs);
	*check = (struct peal_check_views){0};
}

const struct peal_view *
peal_check_views_find(
	const struct peal_check_views *check, struct peal_uuid cluster, uint64_t epoch)
{
	for (uint32_t i = check->count; i > 0; i--) {
		const struct peal_view *view = check->views[i - 1U];

		if (view->epoch == epoch && peal_uuid_equals(view->cluster, cluster)) {
			return view;
		}
	}
	return NULL;
}

/* A copy of a view with memory and an index of its own. */
static struct peal_view *
copy_view(const struct peal_view *view)
{
	struct peal_view *copy = allocate(1, sizeof(*copy));
	size_t members_size = view->members_count * sizeof(struct peal_member);
	size_t ordergroups_size = view->ordergroups_count * sizeof(view->ordergroups[0]);
	struct peal_member *members =
		allocate(1, members_size + ordergroups_size + view->metadata_size);
	struct peal_ordergroup *ordergroups = (void *)((uint8_t *)members + members_size);
	uint8_t *metadata = (uint8_t *)ordergroups + ordergroups_size;
	uint32_t places_count = 8;
	struct peal_view_index *index;

	while (places_count < 2U * view->members_count) {
		places_count *= 2U;
	}
	index = allocate(1, sizeof(*index) + (size_t)2U * places_count * sizeof(uint16_t));
	index->places_count = places_count;
	index->by_uuid = (uint16_t *)(index + 1);
	index->by_address = index->by_uuid + places_count;
	memcpy(members, view->members, members_size);
	for (uint32_t rank = 0; rank < view->members_count; rank++) {
		if (members[rank].metadata_size > 0) {
			memcpy(metadata, members[rank].metadata, members[rank].metadata_size);
			members[rank].metadata = metadata;
			metadata += members[rank].metadata_size;
		}
	}
	*copy = *view;
	copy->members = members;
	if (view->ordergroups_count > 0) {
		memcpy(ordergroups, view->ordergroups, ordergroups_size);
		copy->ordergroups = ordergroups;
	}
	copy->index = NULL;
	if (peal_view_build_index(copy, index)) {
		copy->index = index;
	} else {
		free(index); /* peal_view_check will say why */
	}
	return copy;
}

static const struct peal_view *
remember(struct peal_check_views *check, const struct peal_view *view)
{
	struct peal_view *copy = copy_view(view);

	peal_view_check(copy);
	if (check->count == check->capacity) {
		PEAL_ASSERT(check->capacity >= CAPACITY_MIN);
		check->capacity *= 2U;
		check->views = realloc(check->views, check->capacity * sizeof(struct peal_view *));
		PEAL_ASSERT(check->views != NULL);
	}
	check->views[check->count++] = copy;
	return copy;
}

/* The place of an identity, or the empty one where it would stand. */
static struct peal_check_actor *
find_actor(const struct peal_check_views *check, struct peal_uuid uuid)
{
	uint32_t place =
		(uint32_t)peal_hash_mix(uuid.low ^ uuid.high) & (check->actors_capacity - 1U);

	while (!peal_uuid_is_none(check->actors[place].uuid) &&
		!peal_uuid_equals(check->actors[place].uuid, uuid)) {
		place = (place + 1U) & (check->actors_capacity - 1U);
	}
	return &check->actors[place];
}

static void
grow_actors(struct peal_check_views *check)
{
	struct peal_check_actor *before = check->actors;
	uint32_t capacity = check->actors_capacity;

	check->actors_capacity = 2U * capacity;
	check->actors = allocate(check->actors_capacity, sizeof(check->actors[0]));
	for (uint32_t i = 0; i < capacity; i++) {
		if (!peal_uuid_is_none(before[i].uuid)) {
			*find_actor(check, before[i].uuid) = before[i];
		}
	}
	free(before);
}

/* Notes that a node installed `view` under `uuid`. */
static void
note_actor(struct peal_check_views *check, uint16_t index, struct peal_uuid uuid,
	const struct peal_view *view)
{
	struct peal_check_actor *actor;

	if (peal_uuid_equals(check->selves[index], uuid)) {
		return;
	}
	check->selves[index] = uuid;
	if (2U * (check->actors_count + 1U) > check->actors_capacity) {
		grow_actors(check);
	}
	actor = find_actor(check, uuid);
	if (peal_uuid_is_none(actor->uuid)) {
		*actor = (struct peal_check_actor){
			.uuid = uuid, .cluster = view->cluster, .epoch = view->epoch};
		check->actors_count++;
	}
}

/*
 * A member is new in a view. True when a node acted as `uuid`, which was a member of the cluster
 * before, and is so again.
 */
static bool
was_member(struct peal_check_views *check, const struct peal_view *view, struct peal_uuid uuid)
{
	struct peal_check_actor *actor = find_actor(check, uuid);
	bool is_known = !peal_uuid_is_none(actor->uuid);

	if (is_known && actor->epoch != 0 && actor->epoch < view->epoch &&
		peal_uuid_equals(actor->cluster, view->cluster)) {
		return true;
	}
	if (is_known) {
		actor->cluster = view->cluster;
		actor->epoch = view->epoch;
	}
	return false;
}

/* Those who stay keep number and order; those who come are new and get the next numbers. */
static void
check_step(struct peal_check_views *check, const struct peal_view *parent,
	const struct peal_view *view, uint64_t now_ns)
{
	uint64_t next_mid = parent->next_mid;
	uint16_t rank_before = 0;

	for (uint16_t rank = 0; rank < view->members_count; rank++) {
		const struct peal_member *member = &view->members[rank];
		uint16_t before = peal_view_find_uuid(parent, member->uuid);

		if (before != PEAL_RANK_NONE) {
			if (parent->members[before].mid != member->mid) {
				peal_report_violate(check->report, now_ns,
					"epoch %" PRIu64 ": member %" PRIu64
					" became member %" PRIu64,
					view->epoch, parent->members[before].mid, member->mid);
			}
			if (before < rank_before || next_mid != parent->next_mid) {
				peal_report_violate(check->report, now_ns,
					"epoch %" PRIu64 ": member %" PRIu64
					" lost its place in the order",
					view->epoch, member->mid);
			}
			rank_before = before;
			continue;
		}
		if (member->mid != next_mid) {
			peal_report_violate(check->report, now_ns,
				"epoch %" PRIu64 ": new member got number %" PRIu64
				", due was %" PRIu64,
				view->epoch, member->mid, next_mid);
		}
		next_mid = member->mid + 1U;
		if (was_member(check, view, member->uuid)) {
			peal_report_violate(check->report, now_ns,
				"epoch %" PRIu64 ": member %" PRIu64 " has a uuid that was removed",
				view->epoch, member->mid);
		}
	}
	if (view->next_mid != next_mid) {
		peal_report_violate(check->report, now_ns,
			"epoch %" PRIu64 ": next number is %" PRIu64 ", due was %" PRIu64,
			view->epoch, view->next_mid, next_mid);
	}
}

static const struct peal_view *
check_parent(struct peal_check_views *check, const struct peal_view *view, uint64_t now_ns)
{
	const struct peal_view *parent;

	if (view->epoch == 1) {
		check->clusters_count++;
		return NULL;
	}
	parent = peal_check_views_find(check, view->cluster, view->epoch - 1U);
	if (parent == NULL) {
		peal_report_violate(check->report, now_ns,
			"epoch %" PRIu64 " was installed, and nobody ever was in the epoch before",
			view->epoch);
		return NULL;
	}
	if (!peal_hash128_equals(parent->hash, view->parent_hash)) {
		peal_report_violate(check->report, now_ns,
			"epoch %" PRIu64
			": the parent it names is not the view of the epoch before",
			view->epoch);
		return NULL;
	}
	check_step(check, parent, view, now_ns);
	return parent;
}

static void
check_order(struct peal_check_views *check, uint16_t index, const struct peal_view *view,
	uint64_t now_ns)
{
	if (peal_uuid_equals(check->clusters[index], view->cluster) &&
		check->epochs[index] >= view->epoch) {
		peal_report_violate(check->report, now_ns,
			"n%u went from epoch %" PRIu64 " to epoch %" PRIu64, index,
			check->epochs[index], view->epoch);
	}
	check->clusters[index] = view->cluster;
	check->epochs[index] = view->epoch;
}

struct peal_check_install
peal_check_views_on_install(struct peal_check_views *check, uint16_t index, struct peal_uuid self,
	const struct peal_view *view, uint64_t now_ns)
{
	struct peal_check_install install = {0};

	PEAL_ASSERT(index < check->nodes_count);
	check_order(check, index, view, now_ns);
	note_actor(check, index, self, view);

	install.view = peal_check_views_find(check, view->cluster, view->epoch);
	if (install.view != NULL) {
		if (!peal_hash128_equals(install.view->hash, view->hash)) {
			peal_report_violate(check->report, now_ns,
				"two views of epoch %" PRIu64
				": n%u installed one with %u members, others have one with %u",
				view->epoch, index, view->members_count,
				install.view->members_count);
		}
		install.parent = view->epoch == 1 ? NULL
						  : peal_check_views_find(
							    check, view->cluster, view->epoch - 1U);
		return install;
	}

	install.parent = check_parent(check, view, now_ns);
	install.view = remember(check, view);
	install.is_new = true;
	check->report->views_count++;
	check->report->sizes_seen[view->members_count] = true;
	return install;
}
