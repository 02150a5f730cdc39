/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/shelf.h"

#include <stddef.h>

void
peal_shelf_init(struct peal_shelf *shelf, struct peal_bodies bodies)
{
	shelf->bodies = bodies;
}

void
peal_shelf_add(struct peal_shelf *shelf, const struct peal_body *body)
{
	const struct peal_body **place = &shelf->places[shelf->next % PEAL_SHELF_MAX];

	if (peal_shelf_find(shelf, body->digest) != NULL) {
		return;
	}
	if (*place != NULL) {
		shelf->bodies.release(shelf->bodies.state, *place);
	}
	shelf->bodies.retain(shelf->bodies.state, body);
	*place = body;
	shelf->next++;
}

const struct peal_body *
peal_shelf_find(const struct peal_shelf *shelf, struct peal_hash128 digest)
{
	for (uint32_t i = 0; i < PEAL_SHELF_MAX; i++) {
		if (shelf->places[i] != NULL &&
			peal_hash128_equals(shelf->places[i]->digest, digest)) {
			return shelf->places[i];
		}
	}
	return NULL;
}

void
peal_shelf_clear(struct peal_shelf *shelf)
{
	for (uint32_t i = 0; i < PEAL_SHELF_MAX; i++) {
		if (shelf->places[i] != NULL) {
			shelf->bodies.release(shelf->bodies.state, shelf->places[i]);
			shelf->places[i] = NULL;
		}
	}
	shelf->next = 0;
}
