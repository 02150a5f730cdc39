/* SPDX-License-Identifier: BSD-3-Clause */
#include "membership/rings.h"

/* What orders a member on a ring; the uuid decides between equal hashes, so the order is total. */
struct place {
	uint64_t hash;
	struct peal_uuid uuid;
	uint16_t rank;
};

/* The cluster is part of the key: a joiner draws its uuid, but not its neighbours everywhere. */
struct ring_key {
	struct peal_uuid cluster;
	struct peal_uuid uuid;
};

struct elect_key {
	struct peal_uuid cluster;
	uint64_t epoch;
	uint64_t purpose;
};

_Static_assert(sizeof(struct ring_key) == 32, "hashed as bytes: no padding");
_Static_assert(sizeof(struct elect_key) == 32, "hashed as bytes: no padding");
_Static_assert(PEAL_MEMBERS_MAX < PEAL_RANK_NONE, "every rank differs from none");

static bool
is_before(const struct place *a, const struct place *b)
{
	if (a->hash != b->hash) {
		return a->hash < b->hash;
	}
	return peal_uuid_compare(a->uuid, b->uuid) < 0;
}

/* Fills `order` with the ranks of all members as they stand on ring `ring`. */
static void
sort_ring(const struct peal_view *view, uint32_t ring, uint16_t order[PEAL_MEMBERS_MAX])
{
	struct place places[PEAL_MEMBERS_MAX];

	PEAL_ASSERT(ring < PEAL_RINGS_MAX);
	PEAL_ASSERT(view->members_count <= PEAL_MEMBERS_MAX);

	for (uint16_t rank = 0; rank < view->members_count; rank++) {
		struct ring_key key = {.cluster = view->cluster, .uuid = view->members[rank].uuid};
		struct place place = {
			/* paper: RAPID 4.1, one hash function per ring: the ring is the seed. */
			.hash = peal_hash64(&key, sizeof(key), peal_hash_mix(ring + 1U)),
			.uuid = key.uuid,
			.rank = rank,
		};
		uint32_t index = rank;

		for (; index > 0 && is_before(&place, &places[index - 1U]); index--) {
			places[index] = places[index - 1U];
		}
		places[index] = place;
	}

	for (uint32_t index = 0; index < view->members_count; index++) {
		if (index > 0) {
			PEAL_ASSERT(is_before(&places[index - 1U], &places[index]));
		}
		order[index] = places[index].rank;
	}
}

/* Everybody observes everybody: the others in ring-0 order. */
static void
fill_mesh(struct peal_topology *topology)
{
	PEAL_ASSERT(topology->observers_count == topology->members_count - 1U);

	for (uint32_t subject = 0; subject < topology->members_count; subject++) {
		uint32_t count = 0;

		for (uint32_t index = 0; index < topology->members_count; index++) {
			if (topology->order[index] != subject) {
				topology->observers[subject][count++] = topology->order[index];
				peal_bitset_add(
					&topology->subjects[topology->order[index]], subject);
			}
		}
		PEAL_ASSERT(count == topology->observers_count);
	}
}

/*
 * The observer of each subject on one ring, given who observes it on the rings before.
 * paper: RAPID 4.1, the observer precedes its subject. The paper lets one node precede a subject on
 * several rings; then one bad link counts several times. Here such a node is passed over.
 */
static void
fill_ring(struct peal_topology *topology, uint32_t ring, const uint16_t order[PEAL_MEMBERS_MAX],
	struct peal_bitset chosen[PEAL_MEMBERS_MAX])
{
	uint32_t count = topology->members_count;

	/* The subject and its observers so far are fewer than all: the walk ends. */
	PEAL_ASSERT(ring + 1U < count);

	for (uint32_t index = 0; index < count; index++) {
		uint32_t subject = order[index];
		uint32_t step = 1;

		while (step < count &&
			peal_bitset_has(&chosen[subject], order[(index + count - step) % count])) {
			step++;
		}
		PEAL_ASSERT(step < count);

		uint16_t observer = order[(index + count - step) % count];

		topology->observers[subject][ring] = observer;
		peal_bitset_add(&topology->subjects[observer], subject);
		peal_bitset_add(&chosen[subject], observer);
	}
}

void
peal_rings_build(const struct peal_view *view, struct peal_topology *topology)
{
	uint32_t members_count = view->members_count;
	struct peal_thresholds thresholds = peal_view_thresholds(members_count, view->rings_count);
	struct peal_bitset chosen[PEAL_MEMBERS_MAX] = {0};
	uint16_t order[PEAL_MEMBERS_MAX];

	PEAL_ASSERT(members_count >= 1);
	PEAL_ASSERT(members_count <= PEAL_MEMBERS_MAX);
	PEAL_ASSERT(view->rings_count <= PEAL_RINGS_MAX);

	*topology = (struct peal_topology){
		.members_count = view->members_count,
		.observers_count = (uint8_t)thresholds.observers_count,
	};
	sort_ring(view, 0, topology->order);

	/* With few members rings would repeat the same observers: all others observe instead. */
	if (members_count <= view->rings_count + 1U) {
		fill_mesh(topology);
		return;
	}

	for (uint32_t subject = 0; subject < members_count; subject++) {
		peal_bitset_add(&chosen[subject], subject);
	}
	fill_ring(topology, 0, topology->order, chosen);
	for (uint32_t ring = 1; ring < topology->observers_count; ring++) {
		sort_ring(view, ring, order);
		fill_ring(topology, ring, order, chosen);
	}
}

uint32_t
peal_rings_mask(const struct peal_topology *topology, uint32_t observer, uint32_t subject)
{
	uint32_t mask = 0;

	PEAL_ASSERT(observer < topology->members_count);
	PEAL_ASSERT(subject < topology->members_count);

	if (!peal_bitset_has(&topology->subjects[observer], subject)) {
		return 0;
	}
	for (uint32_t k = 0; k < topology->observers_count; k++) {
		if (topology->observers[subject][k] == observer) {
			mask |= UINT32_C(1) << k;
		}
	}
	PEAL_ASSERT(mask != 0);
	return mask;
}

uint16_t
peal_rings_elect(const struct peal_topology *topology, const struct peal_view *view,
	uint32_t purpose, uint32_t attempt)
{
	struct elect_key key = {.cluster = view->cluster, .epoch = view->epoch, .purpose = purpose};
	uint64_t start = peal_hash64(&key, sizeof(key), 0);

	PEAL_ASSERT(topology->members_count >= 1);
	PEAL_ASSERT(topology->members_count == view->members_count);

	/* Reduced first: the sum of a 64-bit hash and an attempt could wrap and repeat a member. */
	uint64_t index = start % topology->members_count + attempt;

	return topology->order[index % topology->members_count];
}
