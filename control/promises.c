/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/promises.h"

#include "base/assert.h"

#include <stddef.h>

void
peal_promises_clear(struct peal_promises *promises)
{
	promises->count = 0;
}

/* A place for a key of `ballot`: a free one, or that of the lowest ballot if it is lower. */
static struct peal_promise *
take_place(struct peal_promises *promises, struct peal_ballot ballot)
{
	struct peal_promise *lowest = &promises->promises[0];

	if (promises->count < PEAL_PROMISES_MAX) {
		return &promises->promises[promises->count++];
	}
	for (uint32_t i = 1; i < promises->count; i++) {
		if (peal_ballot_compare(promises->promises[i].key.ballot, lowest->key.ballot) < 0) {
			lowest = &promises->promises[i];
		}
	}
	return peal_ballot_compare(lowest->key.ballot, ballot) < 0 ? lowest : NULL;
}

void
peal_promises_add(struct peal_promises *promises, const struct peal_timing *timing,
	const struct peal_vote_key *key, const struct peal_bitset *ranks, uint64_t now_ns)
{
	struct peal_promise *promise = NULL;
	struct peal_bitset grown;

	PEAL_ASSERT(key->kind == PEAL_VOTE_PROMISE);
	for (uint32_t i = 0; i < promises->count; i++) {
		if (peal_vote_key_equals(&promises->promises[i].key, key)) {
			promise = &promises->promises[i];
		}
	}
	if (promise == NULL) {
		promise = take_place(promises, key->ballot);
		if (promise != NULL) {
			*promise = (struct peal_promise){
				.key = *key, .ranks = *ranks, .flood_at_ns = now_ns};
		}
		return;
	}
	grown = peal_bitset_union(&promise->ranks, ranks);
	if (!peal_bitset_equals(&grown, &promise->ranks)) {
		uint64_t again_at_ns = promise->flooded_at_ns + timing->flood_ns / 2U;

		promise->ranks = grown;
		promise->flood_at_ns = again_at_ns > now_ns ? again_at_ns : now_ns;
	}
}

const struct peal_promise *
peal_promises_take(struct peal_promises *promises, uint64_t now_ns)
{
	for (uint32_t i = 0; i < promises->count; i++) {
		struct peal_promise *promise = &promises->promises[i];

		if (now_ns >= promise->flood_at_ns) {
			promise->flood_at_ns = UINT64_MAX;
			promise->flooded_at_ns = now_ns;
			return promise;
		}
	}
	return NULL;
}

uint64_t
peal_promises_deadline_at_ns(const struct peal_promises *promises)
{
	uint64_t deadline_at_ns = UINT64_MAX;

	for (uint32_t i = 0; i < promises->count; i++) {
		if (promises->promises[i].flood_at_ns < deadline_at_ns) {
			deadline_at_ns = promises->promises[i].flood_at_ns;
		}
	}
	return deadline_at_ns;
}
