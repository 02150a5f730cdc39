/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/shard.h"

#include "base/hash.h"

#include <stdbool.h>
#include <string.h>

uint64_t
peal_shard_hash_channel(struct peal_uuid one, struct peal_uuid other, uint16_t number)
{
	bool is_in_order = one.high != other.high ? one.high < other.high : one.low <= other.low;
	const struct peal_uuid lower = is_in_order ? one : other;
	const struct peal_uuid upper = is_in_order ? other : one;
	const uint64_t words[4] = {lower.low, lower.high, upper.low, upper.high};

	return peal_hash64(words, sizeof(words), number);
}
