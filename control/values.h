/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Values of one epoch by digest, so that whatever is voted for can be proposed and installed.
 *
 * A value is a body, retained while it is in the table. At most PEAL_TALLIES_MAX. When full, a new
 * one takes the place of the lightest one if that is lighter; the caller says what each weighs.
 * Pure; plain struct. Thread: control. No allocation.
 */
#ifndef PEAL_CONTROL_VALUES_H
#define PEAL_CONTROL_VALUES_H

#include "membership/bodies.h"

/* Weight of a value that must not be pushed out, or that must get in. */
#define PEAL_VALUES_PINNED UINT32_MAX

struct peal_values {
	uint32_t count;
	const struct peal_body *bodies[PEAL_TALLIES_MAX]; /* retained */
	struct peal_bodies store;
};

/* `store` outlives the table. Memory that was never used. */
void peal_values_init(struct peal_values *values, struct peal_bodies store);
/* Releases all; the table is empty. */
void peal_values_clear(struct peal_values *values);
/* NULL: not known. The pointer is good until the next `add`. O(count). */
const struct peal_body *peal_values_find(
	const struct peal_values *values, struct peal_hash128 digest);
/*
 * Keeps `body`, a proposal; retains it.
 *
 * @param weight   of the new value
 * @param weights  of the values in the table, by index, [count]; fewer than all are pinned
 * @return true: it is in the table now, or was; false: no room, nothing changed
 */
bool peal_values_add(struct peal_values *values, const struct peal_body *body, uint32_t weight,
	const uint32_t *weights);

#endif
