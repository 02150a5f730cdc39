/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whole groups whose members gather votes. tests/unit/test_votetree.c is about one member.
 */
#include "dataplane/votetree.h"

#include "membership/trees.h"
#include "tests/lib/bigcore.h"
#include "tests/lib/cmocka_all.h"
#include "wire/messages.h"

static const struct peal_vote_key fast = {
	.kind = PEAL_VOTE_FAST, .ballot = {.round = 1}, .digest = {.low = 0xF00D, .high = 1}};

/* Control of the node votes: the own bit, at the own place. */
static void
vote(struct peal_bigcores *cores, struct peal_bignode *node)
{
	const struct peal_peers *peers = node->core.peers;
	uint16_t place = peal_trees_place(peers->topology, peers->view, peers->self_rank);
	uint8_t bit = (uint8_t)(1U << (place % 8U));
	struct peal_writer writer =
		peal_writer_init(node->down_buffers[0], sizeof(node->down_buffers[0]));
	struct peal_record record = {.kind = PEAL_RECORD_SEND,
		.message = PEAL_MESSAGE_VOTE_UP,
		.target = PEAL_TARGET_TREE,
		.epoch = peers->epoch};
	const struct peal_vote_msg message = {
		.key = fast, .first = place / 8U * 8U, .count = place % 8U + 1U, .bitmap = &bit};

	peal_vote_msg_encode(&message, &writer);
	assert_true(writer.is_ok);
	record.body_size = (uint16_t)writer.offset;
	peal_bigcores_push(node, &record);
	peal_bigcores_turn(cores, node);
}

/* Starts everybody but those whose place is in `dead`, and lets them vote. */
static struct peal_bigcores *
start_all(uint16_t members_count, const struct peal_bitset *dead)
{
	struct peal_bigcores *cores = peal_bigcores_create(members_count, 21);
	const struct peal_group *group = cores->group;

	for (uint32_t place = 0; place < members_count; place++) {
		if (!peal_bitset_has(dead, place)) {
			peal_bigcores_start(
				cores, peal_trees_rank(&group->topology, &group->view, place));
		}
	}
	for (uint32_t i = 0; i < members_count; i++) {
		if (cores->nodes[i] != NULL) {
			vote(cores, cores->nodes[i]);
		}
	}
	return cores;
}

/* Votes that control of a node has heard of. */
static uint32_t
count_told(struct peal_bignode *node)
{
	struct peal_record record;
	struct peal_tally_up tally;
	uint32_t count = 0;

	while (peal_bigcores_find(node, PEAL_RECORD_TALLY, &record)) {
		memcpy(&tally, node->up_buffers[record.buffer], sizeof(tally));
		count = peal_bitset_count(&tally.ranks);
	}
	return count;
}

static void
test_votetree_group__both_roots_count_everybody(void **state)
{
	const struct peal_bitset nobody = {{0}};
	struct peal_bigcores *cores = start_all(200, &nobody);
	const struct peal_group *group = cores->group;
	uint64_t level_ns = cores->timing.flood_ns / 25U;

	(void)state;
	peal_bigcores_run(cores, cores->now_ns + 4U * level_ns, level_ns / 10U);
	for (uint32_t tree = 0; tree < PEAL_TREES_MAX; tree++) {
		uint16_t rank = peal_trees_root(&group->topology, &group->view, tree);

		assert_int_equal(count_told(cores->nodes[group->view.members[rank].mid - 1U]), 200);
	}
	/* Each member tells its two parents, and hardly anybody twice. */
	assert_in_range(cores->frames_count, 2U * 200U - 2U, 2U * 200U + 100U);
	peal_bigcores_destroy(cores);
}

/* Both roots, half of the inner nodes of either tree, and a tenth of the frames are lost: still
 * everybody who lives knows of everybody who lives, by detours. */
static void
test_votetree_group__the_escape_finds_a_way(void **state)
{
	struct peal_biglosses losses;
	struct peal_bitset dead = {{0}};
	struct peal_bigcores *cores = NULL;
	const struct peal_group *group = NULL;
	uint32_t alive_count = 0;

	(void)state;
	peal_bitset_add(&dead, 0);
	peal_bitset_add(&dead, 1);
	for (uint32_t place = 2; place < 200; place += 13) {
		peal_bitset_add(&dead, place);
	}
	cores = start_all(200, &dead);
	group = cores->group;
	alive_count = 200U - peal_bitset_count(&dead);
	peal_bigcores_lose(cores, &losses, 10, 4);
	assert_int_equal(group->view.members_count, 200);
	peal_bigcores_run(
		cores, cores->now_ns + 70U * cores->timing.flood_ns, cores->timing.flood_ns / 5U);
	for (uint32_t i = 0; i < 200; i++) {
		if (cores->nodes[i] != NULL) {
			assert_int_equal(count_told(cores->nodes[i]), alive_count);
		}
	}
	peal_bigcores_destroy(cores);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_votetree_group__both_roots_count_everybody),
		cmocka_unit_test(test_votetree_group__the_escape_finds_a_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
