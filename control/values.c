/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/values.h"

void
peal_values_init(struct peal_values *values)
{
	values->count = 0;
}

const struct peal_proposal *
peal_values_find(const struct peal_values *values, struct peal_hash128 digest)
{
	PEAL_ASSERT(values->count <= PEAL_TALLIES_MAX);
	for (uint32_t i = 0; i < values->count; i++) {
		if (peal_hash128_equals(values->digests[i], digest)) {
			return &values->proposals[i];
		}
	}
	return NULL;
}

bool
peal_values_add(struct peal_values *values, struct peal_hash128 digest,
	const struct peal_proposal *proposal, uint32_t weight, const uint32_t *weights)
{
	uint32_t place = 0;

	PEAL_ASSERT(peal_hash128_equals(peal_proposal_digest(proposal), digest));
	if (peal_values_find(values, digest) != NULL) {
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
	}
	values->digests[place] = digest;
	values->proposals[place] = *proposal;

	PEAL_ASSERT(peal_values_find(values, digest) != NULL);
	return true;
}
