/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/check_healthy.h"

#include "base/assert.h"
#include "membership/rings.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LINKS_MIN 64U

void
peal_check_healthy_init(
	struct peal_check_healthy *check, uint16_t nodes_count, struct peal_report *report)
{
	*check = (struct peal_check_healthy){.report = report, .nodes_count = nodes_count};
	check->lives = calloc(nodes_count, sizeof(check->lives[0]));
	PEAL_ASSERT(check->lives != NULL);
}

void
peal_check_healthy_fini(struct peal_check_healthy *check)
{
	free(check->lives);
	free(check->links);
	*check = (struct peal_check_healthy){0};
}

static uint32_t
link_key(const struct peal_check_healthy *check, uint16_t a, uint16_t b)
{
	PEAL_ASSERT(a < check->nodes_count);
	PEAL_ASSERT(b < check->nodes_count);
	return a < b ? (uint32_t)a << 16 | b : (uint32_t)b << 16 | a;
}

/* Where the pair stands in the list, or would stand. */
static uint32_t
find_link(const struct peal_check_healthy *check, uint32_t key)
{
	uint32_t low = 0;
	uint32_t high = check->links_count;

	while (low < high) {
		uint32_t middle = (low + high) / 2U;

		if (check->links[middle] < key) {
			low = middle + 1U;
		} else {
			high = middle;
		}
	}
	return low;
}

static bool
is_broken(const struct peal_check_healthy *check, uint16_t a, uint16_t b)
{
	uint32_t key = link_key(check, a, b);
	uint32_t place = find_link(check, key);

	return place < check->links_count && check->links[place] == key;
}

void
peal_check_healthy_on_start(struct peal_check_healthy *check, uint16_t index)
{
	PEAL_ASSERT(index < check->nodes_count);
	check->lives[index] = (struct peal_check_life){0};
	uint32_t kept_count = 0;

	for (uint32_t i = 0; i < check->links_count; i++) {
		if (check->links[i] >> 16 != index && (check->links[i] & 0xFFFFU) != index) {
			check->links[kept_count++] = check->links[i];
		}
	}
	check->links_count = kept_count;
}

void
peal_check_healthy_on_end(struct peal_check_healthy *check, uint16_t index)
{
	PEAL_ASSERT(index < check->nodes_count);
	check->lives[index] = (struct peal_check_life){0};
}

void
peal_check_healthy_on_identity(
	struct peal_check_healthy *check, uint16_t index, struct peal_uuid uuid)
{
	PEAL_ASSERT(index < check->nodes_count);
	check->lives[index].uuid = uuid;
}

void
peal_check_healthy_on_leave(struct peal_check_healthy *check, uint16_t index)
{
	PEAL_ASSERT(index < check->nodes_count);
	check->lives[index].is_leaving = true;
}

void
peal_check_healthy_on_fault(struct peal_check_healthy *check, uint16_t index)
{
	PEAL_ASSERT(index < check->nodes_count);
	check->lives[index].is_faulty = true;
}

void
peal_check_healthy_on_link_fault(struct peal_check_healthy *check, uint16_t a, uint16_t b)
{
	uint32_t key = link_key(check, a, b);
	uint32_t place = find_link(check, key);

	if (place < check->links_count && check->links[place] == key) {
		return;
	}
	if (check->links_count == check->links_capacity) {
		check->links_capacity = 2U * check->links_capacity + LINKS_MIN;
		check->links =
			realloc(check->links, check->links_capacity * sizeof(check->links[0]));
		PEAL_ASSERT(check->links != NULL);
	}
	memmove(check->links + place + 1U, check->links + place,
		(check->links_count - place) * sizeof(check->links[0]));
	check->links[place] = key;
	check->links_count++;
}

void
peal_check_healthy_on_weather(struct peal_check_healthy *check)
{
	for (uint16_t index = 0; index < check->nodes_count; index++) {
		check->lives[index].is_faulty = true;
	}
}

void
peal_check_healthy_protect(struct peal_check_healthy *check, uint16_t index)
{
	PEAL_ASSERT(index < check->nodes_count);
	check->lives[index].is_protected = true;
}

/* The node that lives as `uuid`, or nodes_count. */
static uint16_t
find_life(const struct peal_check_healthy *check, struct peal_uuid uuid)
{
	uint16_t index = 0;

	while (index < check->nodes_count && !peal_uuid_equals(check->lives[index].uuid, uuid)) {
		index++;
	}
	return index;
}

/* The node that is the member at `rank` of a view, or nodes_count. */
static uint16_t
life_at(const struct peal_check_healthy *check, const struct peal_view *view, uint32_t rank)
{
	return find_life(check, view->members[rank].uuid);
}

/* Members with whom the one at `rank` has a bad edge, as subject or as observer. */
static uint32_t
count_bad_edges(const struct peal_check_healthy *check, const struct peal_view *parent,
	const struct peal_topology *topology, uint16_t rank)
{
	uint16_t self = life_at(check, parent, rank);
	uint32_t subjects_count = 0;
	const uint16_t *subjects = peal_rings_subjects(topology, rank, &subjects_count);
	struct peal_bitset accusers = {0}; /* an observer on two rings complains twice */
	struct peal_bitset accused = {0};
	uint32_t count = 0;

	for (uint32_t k = 0; k < topology->observers_count; k++) {
		uint16_t observer_rank = peal_rings_observer(topology, rank, k);
		uint16_t observer = life_at(check, parent, observer_rank);

		if (observer == check->nodes_count || check->lives[observer].is_faulty ||
			is_broken(check, observer, self)) {
			peal_bitset_add(&accusers, observer_rank);
			count++;
		}
	}
	for (uint32_t i = 0; i < subjects_count; i++) {
		uint16_t subject = life_at(check, parent, subjects[i]);

		if (subject != check->nodes_count && !check->lives[subject].is_faulty &&
			is_broken(check, self, subject)) {
			peal_bitset_add(&accused, subjects[i]);
		}
	}
	accused = peal_bitset_difference(&accused, &accusers);
	return count + peal_bitset_count(&accused);
}

void
peal_check_healthy_on_view(struct peal_check_healthy *check, const struct peal_view *parent,
	const struct peal_topology *topology, const struct peal_view *view, uint64_t now_ns)
{
	struct peal_thresholds thresholds =
		peal_view_thresholds(parent->members_count, parent->rings_count);

	for (uint16_t rank = 0; rank < parent->members_count; rank++) {
		const struct peal_member *member = &parent->members[rank];
		const struct peal_check_life *life;
		uint32_t bad_count;
		uint16_t index;

		if (peal_view_find_mid(view, member->mid) != PEAL_RANK_NONE) {
			continue;
		}
		index = find_life(check, member->uuid);
		life = &check->lives[index % check->nodes_count];
		if (index < check->nodes_count && life->is_leaving) {
			continue;
		}
		check->report->removed_count++;
		if (index == check->nodes_count || (life->is_faulty && !life->is_protected)) {
			continue;
		}
		bad_count = count_bad_edges(check, parent, topology, rank);
		if (life->is_protected || bad_count < thresholds.l) {
			check->report->healthy_removed_count++;
			peal_report_violate(check->report, now_ns,
				"epoch %" PRIu64 " removed n%u (member %" PRIu64
				"), which was healthy: %u of its edges were bad, L is %u",
				view->epoch, index, member->mid, bad_count, thresholds.l);
		}
	}
}
