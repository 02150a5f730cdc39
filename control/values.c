/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/values.h"

#include "base/assert.h"

#include <stddef.h>

void
peal_values_init(struct peal_values *values, struct peal_bodies store)
{
	PEAL_ASSERT(store.keep_proposal != NULL);
	PEAL_ASSERT(store.retain != NULL && store.release != NULL);
	values->count = 0;
	values->store = store;
}

void
peal_values_clear(struct peal_values *values)
{
	PEAL_ASSERT(values->count <= PEAL_TALLIES_MAX);
	while (values->count > 0) {
		values->count--;
		values->store.release(values->store.state, values->bodies[values->count]);
	}
}

const struct peal_body *
peal_values_find(const struct peal_values *values, struct peal_hash128 digest)
{
	PEAL_ASSERT(values->count <= PEAL_TALLIES_MAX);
	for (uint32_t i = 0; i < values->count; i++) {
		if (peal_hash128_equals(values->bodies[i]->digest, digest)) {
			return values->bodies[i];
		}
	}
	return NULL;
}

bool
peal_values_add(struct peal_values *values, const struct peal_body *body, uint32_t weight,
	const uint32_t *weights)
{
	uint32_t place = 0;

	PEAL_ASSERT(body->is_proposal);
	if (peal_values_find(values, body->digest) != NULL) {
		return true;
	}
	if (values->count < PEAL_TALLIES_MAX) {
		place = values->count++;
	} else {
		for (uint32_t i = 1; i < values->count; i++) {
			if (weights[i] < weights[place]) {
				place = i;
			}
		}
		PEAL_ASSERT(weights[place] != PEAL_VALUES_PINNED);
		if (weights[place] >= weight) {
			return false;
		}
		values->store.release(values->store.state, values->bodies[place]);
	}
	values->store.retain(values->store.state, body);
	values->bodies[place] = body;

	PEAL_ASSERT(peal_values_find(values, body->digest) == body);
	return true;
}
