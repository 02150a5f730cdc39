/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/peers.h"

#include "base/assert.h"
#include "base/clientlimits.h"
#include "dataplane/shard.h"

#include <string.h>

void
peal_peers_index(struct peal_peers *peers)
{
	memset(peers->index, 0, sizeof(peers->index));
	for (uint32_t slot = 0; slot < PEAL_SLOTS_MAX; slot++) {
		uint32_t mid_low = (uint32_t)peers->peers[slot].mid;

		if (peers->peers[slot].mid == 0) {
			continue;
		}
		/* Numbers of 2^31 and above are groups on the wire; two slots of one number have no
		 * key. */
		PEAL_ASSERT(peers->peers[slot].mid < UINT64_C(1) << 31);
		PEAL_ASSERT(peal_peers_find(peers, mid_low) == PEAL_PEERS_NONE);

		uint32_t place = peal_peers_place(mid_low);

		/* Half of the places stay empty at least, so the walk ends. */
		while (peers->index[place] != 0) {
			place = (place + 1U) % PEAL_PEERS_PLACES;
		}
		peers->index[place] = (uint16_t)(slot + 1U);
	}
}

struct peal_shard_pair
peal_peers_find_shards(
	const struct peal_peers *peers, uint16_t slot, uint16_t number, uint8_t shards_count)
{
	const struct peal_view *view = peers->view;
	const struct peal_peer *peer = &peers->peers[slot];
	struct peal_shard_pair pair = {0};
	uint64_t hash;

	/* Services are found by who asks at any core, so they all are at home. */
	if ((shards_count <= 1 && peer->shards_count <= 1) ||
		(number >= PEAL_CLIENT_SERVICES_LOWER && number < PEAL_CLIENT_SERVICES_UPPER)) {
		return pair;
	}
	PEAL_ASSERT(peer->rank < view->members_count);
	PEAL_ASSERT(peers->self_rank < view->members_count);
	hash = peal_shard_hash_channel(
		view->members[peers->self_rank].uuid, view->members[peer->rank].uuid, number);
	pair.own = peal_shard_choose(hash, shards_count);
	pair.peer = peal_shard_choose(hash, peer->shards_count);
	return pair;
}
