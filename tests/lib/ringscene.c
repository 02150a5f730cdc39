/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/ringscene.h"

#include "tests/lib/gen.h"

#include <stdlib.h>

void
peal_ringscene_create(struct peal_ringscene *scene, uint32_t members_max)
{
	*scene = (struct peal_ringscene){.members_max = members_max};
	scene->members = calloc(members_max, sizeof(*scene->members));
	scene->index.by_uuid = calloc(PEAL_VIEW_PLACES_MAX, sizeof(uint16_t));
	scene->index.by_address = calloc(PEAL_VIEW_PLACES_MAX, sizeof(uint16_t));
	scene->memory = aligned_alloc(64, (peal_rings_footprint(members_max) + 63U) / 64U * 64U);
	PEAL_ASSERT(scene->members != NULL);
	PEAL_ASSERT(scene->index.by_uuid != NULL);
	PEAL_ASSERT(scene->index.by_address != NULL);
	PEAL_ASSERT(scene->memory != NULL);
}

void
peal_ringscene_destroy(struct peal_ringscene *scene)
{
	free(scene->members);
	free(scene->index.by_uuid);
	free(scene->index.by_address);
	free(scene->memory);
}

void
peal_ringscene_build(struct peal_ringscene *scene)
{
	peal_rings_build(&scene->view, scene->memory, scene->members_max, &scene->topology);
}

void
peal_ringscene_make(
	struct peal_ringscene *scene, uint64_t seed, uint16_t members_count, uint8_t rings_count)
{
	struct peal_prng prng;

	peal_prng_init(&prng, seed);
	peal_gen_view(&prng, members_count, scene->members, &scene->view);
	scene->view.rings_count = rings_count;
	scene->view.hash = peal_view_hash(&scene->view);
	peal_ringscene_build(scene);
}

void
peal_ringscene_index(struct peal_ringscene *scene)
{
	scene->index.places_count = 4;
	while (scene->index.places_count < 2U * scene->view.members_count) {
		scene->index.places_count *= 2U;
	}
	bool is_unique = peal_view_build_index(&scene->view, &scene->index);

	PEAL_ASSERT(is_unique);
	scene->view.index = &scene->index;
}
