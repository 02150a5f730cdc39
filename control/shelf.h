/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bodies that this node has and may be asked for: announced, assembled, or made here in this epoch.
 *
 * A store may be shared and hold what this node never got; what stands on the shelf is here. The
 * oldest gives way. Plain struct, fields private; thread: control.
 */
#ifndef PEAL_CONTROL_SHELF_H
#define PEAL_CONTROL_SHELF_H

#include "membership/bodies.h"

#define PEAL_SHELF_MAX 6U

struct peal_shelf {
	struct peal_bodies bodies;
	uint32_t next;
	const struct peal_body *places[PEAL_SHELF_MAX]; /* retained */
};

/* `shelf` is zeroed memory. */
void peal_shelf_init(struct peal_shelf *shelf, struct peal_bodies bodies);
/* Retains the body; harmless when it stands there already. */
void peal_shelf_add(struct peal_shelf *shelf, const struct peal_body *body);
/* NULL: not here. */
const struct peal_body *peal_shelf_find(const struct peal_shelf *shelf, struct peal_hash128 digest);
/* Releases all. */
void peal_shelf_clear(struct peal_shelf *shelf);

#endif
