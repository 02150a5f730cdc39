/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A view and its topology in memory of exactly the right size, so that a sanitizer sees what is
 * written behind it.
 */
#ifndef PEAL_TESTS_LIB_RINGSCENE_H
#define PEAL_TESTS_LIB_RINGSCENE_H

#include "membership/rings.h"

struct peal_ringscene {
	uint32_t members_max;
	struct peal_view view; /* of the members below */
	struct peal_member *members;
	struct peal_view_index index;
	struct peal_topology topology;
	void *memory;
};

void peal_ringscene_create(struct peal_ringscene *scene, uint32_t members_max);
void peal_ringscene_destroy(struct peal_ringscene *scene);
/* A view of chance and its topology. */
void peal_ringscene_make(
	struct peal_ringscene *scene, uint64_t seed, uint16_t members_count, uint8_t rings_count);
/* The topology of the view as it is now. */
void peal_ringscene_build(struct peal_ringscene *scene);
/* Gives the view its index. */
void peal_ringscene_index(struct peal_ringscene *scene);

#endif
