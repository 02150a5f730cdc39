/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Votes of a large group: what the trees gathered, what roots pass on, and who installed the view.
 */
#include "base/assert.h"
#include "control/node_private.h"
#include "membership/trees.h"
#include "wire/flood_msg.h"
#include "wire/messages.h"

#include <string.h>

/* Of the members that the last cut added so many must be there before the next ones come. */
#define ADDITIONS_HERE_PERCENT 90U

#define BITMAP_SIZE_MAX (PEAL_VOTE_PLACES_MAX / 8U)

static bool
is_root(const struct peal_node *node)
{
	for (uint32_t tree = 0; tree < PEAL_TREES_MAX; tree++) {
		if (peal_trees_root(&node->topology, &node->view, tree) == node->self_rank) {
			return true;
		}
	}
	return false;
}

static void
hear(struct peal_node *node, const struct peal_vote_key *key, const struct peal_bitset *ranks)
{
	if (key->kind == PEAL_VOTE_INSTALLED) {
		if (peal_hash128_equals(key->digest, node->view.hash)) {
			peal_bitset_merge(&node->installed, ranks);
		}
		return;
	}
	peal_consensus_on_votes(&node->consensus, key, ranks, node->now_ns, &node->outbox);
	peal_emit_outbox(node);
	peal_on_progress(node);
}

void
peal_on_tally(struct peal_node *node, const struct peal_record *record, const uint8_t *body)
{
	struct peal_tally_up tally;

	PEAL_ASSERT(record->body_size == sizeof(tally));
	if (!peal_node_is_active(node) || node->is_out || !node->is_large ||
		record->epoch != node->view.epoch) {
		return;
	}
	memcpy(&tally, body, sizeof(tally));
	PEAL_ASSERT(peal_bitset_is_within(&tally.ranks, node->view.members_count));
	if (tally.key.kind == PEAL_VOTE_PROMISE && is_root(node)) {
		peal_promises_add(&node->promises, node->config.timing, &tally.key, &tally.ranks,
			node->now_ns);
	}
	hear(node, &tally.key, &tally.ranks);
}

void
peal_on_vote_up(struct peal_node *node, struct peal_reader *reader)
{
	struct peal_vote_msg message;
	struct peal_bitset ranks = {0};

	if (!node->is_large || !peal_vote_msg_decode(reader, &message) ||
		(uint32_t)message.first + message.count > node->view.members_count) {
		peal_on_refused(node);
		return;
	}
	for (uint32_t i = 0; i < message.count; i++) {
		if (((message.bitmap[i / 8U] >> (i % 8U)) & 1U) != 0) {
			peal_bitset_add(&ranks,
				peal_trees_rank(&node->topology, &node->view, message.first + i));
		}
	}
	hear(node, &message.key, &ranks);
}

void
peal_on_installed(struct peal_node *node)
{
	struct peal_effect effect = {.kind = PEAL_EFFECT_VOTE};
	struct peal_vote_key key = {.kind = PEAL_VOTE_INSTALLED, .digest = node->view.hash};
	struct peal_writer writer;

	/* A core in another view does not know the place. */
	if (!node->is_installed_due || node->peers->epoch != node->view.epoch) {
		return;
	}
	node->is_installed_due = false;
	PEAL_ASSERT(node->is_large);
	peal_bitset_add(&node->installed, node->self_rank);
	writer = peal_outbox_open(&node->outbox, &effect, sizeof(key));
	peal_write_bytes(&writer, &key, sizeof(key));
	peal_outbox_commit(&node->outbox, &writer);
	peal_emit_outbox(node);
}

/* Members of `set` from `rank` on. */
static uint32_t
count_from(const struct peal_bitset *set, uint32_t rank)
{
	uint32_t word = rank / 64U;
	uint32_t count = 0;

	if (word < PEAL_BITSET_WORDS) {
		count = (uint32_t)__builtin_popcountll(set->words[word] >> (rank % 64U));
	}
	for (word++; word < PEAL_BITSET_WORDS; word++) {
		count += (uint32_t)__builtin_popcountll(set->words[word]);
	}
	return count;
}

bool
peal_node_are_additions_here(const struct peal_node *node)
{
	uint32_t added_count = (uint32_t)node->view.members_count - node->new_rank;

	return count_from(&node->installed, node->new_rank) * 100U >=
	       added_count * ADDITIONS_HERE_PERCENT;
}

/* The places of `ranks` from `first` on, as far as one frame takes. Returns how many bits are set.
 */
static uint32_t
fill_bitmap(const struct peal_node *node, const struct peal_bitset *ranks, uint32_t first,
	uint32_t count, uint8_t *bitmap_out)
{
	uint32_t set_count = 0;

	memset(bitmap_out, 0, (count + 7U) / 8U);
	PEAL_BITSET_FOR_EACH (rank, ranks) {
		uint32_t place = peal_trees_place(&node->topology, &node->view, rank);

		if (place >= first && place < first + count) {
			bitmap_out[(place - first) / 8U] |= (uint8_t)(1U << (place - first) % 8U);
			set_count++;
		}
	}
	return set_count;
}

static void
flood_promise(struct peal_node *node, const struct peal_promise *promise)
{
	struct peal_effect effect = {.kind = PEAL_EFFECT_SEND_ALL, .message = PEAL_MESSAGE_VOTE_UP};
	uint32_t members_count = node->view.members_count;
	uint8_t bitmap[BITMAP_SIZE_MAX];

	for (uint32_t first = 0; first < members_count; first += PEAL_VOTE_PLACES_MAX) {
		struct peal_vote_msg message = {
			.key = promise->key, .first = (uint16_t)first, .bitmap = bitmap};
		struct peal_writer writer;

		message.count = (uint16_t)(members_count - first < PEAL_VOTE_PLACES_MAX
						   ? members_count - first
						   : PEAL_VOTE_PLACES_MAX);
		if (fill_bitmap(node, &promise->ranks, first, message.count, bitmap) == 0) {
			continue;
		}
		writer = peal_outbox_open(
			&node->outbox, &effect, PEAL_BODY_SIZE_MAX - PEAL_FLOOD_PREFIX_SIZE);
		peal_vote_msg_encode(&message, &writer);
		peal_outbox_commit(&node->outbox, &writer);
	}
	peal_emit_outbox(node);
}

void
peal_on_vote_tick(struct peal_node *node)
{
	const struct peal_promise *promise = NULL;

	while ((promise = peal_promises_take(&node->promises, node->now_ns)) != NULL) {
		flood_promise(node, promise);
	}
}
