/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/resteer.h"

#include "base/assert.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"
#include "tests/lib/fakesteer.h"

#include <string.h>

#define SHARDS_COUNT 3U
#define RING_SIZE    PEAL_FAKESTEER_PACKETS_MAX

struct world {
	struct peal_fakesteer steer;
	struct peal_counters counters[SHARDS_COUNT];
	struct peal_resteer shards[SHARDS_COUNT];
	uint32_t released_count;
};

static void
release(void *state, uint16_t queue, struct peal_packet *packets, uint32_t count)
{
	(void)queue;
	(void)packets;
	((struct world *)state)->released_count += count;
}

static void
set_up(struct world *world)
{
	static const struct peal_port_ops ops = {.release = release};
	const struct peal_port port = {.ops = &ops, .state = world};

	memset(world, 0, sizeof(*world));
	peal_fakesteer_init(&world->steer, RING_SIZE);
	for (uint8_t shard = 0; shard < SHARDS_COUNT; shard++) {
		const struct peal_resteer_rings rings = peal_fakesteer_rings(&world->steer, shard);

		peal_counters_init(&world->counters[shard]);
		peal_resteer_init(&world->shards[shard], &rings, &port, shard, SHARDS_COUNT,
			&world->counters[shard]);
	}
}

static void
move(struct world *world, uint8_t from, uint8_t to, uint32_t mark)
{
	const struct peal_packet packet = {.size = mark};

	peal_resteer_move(&world->shards[from], &packet, to);
}

static uint64_t
counter(const struct world *world, uint8_t shard, enum peal_counter id)
{
	return peal_counter_get(&world->counters[shard], id);
}

static void
test_resteer__packets_reach_their_shard_in_order(void **state)
{
	struct world world;
	struct peal_packet packets[PEAL_BURST_MAX];

	(void)state;
	set_up(&world);
	for (uint32_t i = 0; i < 4; i++) {
		move(&world, 0, 2, i);
	}
	move(&world, 0, 1, 100);
	assert_int_equal(peal_resteer_receive(&world.shards[2], packets, PEAL_BURST_MAX), 0);
	peal_resteer_flush(&world.shards[0]);
	assert_int_equal(world.steer.rings[0][2].pushes_count, 1); /* a run is one push */
	assert_int_equal(peal_resteer_receive(&world.shards[2], packets, PEAL_BURST_MAX), 4);
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(packets[i].size, i);
	}
	assert_int_equal(peal_resteer_receive(&world.shards[1], packets, PEAL_BURST_MAX), 1);
	assert_int_equal(packets[0].size, 100);
	assert_int_equal(counter(&world, 0, PEAL_COUNTER_RESTEERED_AWAY), 5);
	assert_int_equal(counter(&world, 2, PEAL_COUNTER_RESTEERED_HERE), 4);
	assert_int_equal(counter(&world, 1, PEAL_COUNTER_RESTEERED_HERE), 1);
	assert_int_equal(world.released_count, 0);
}

static void
test_resteer__what_does_not_fit_is_dropped_and_counted(void **state)
{
	struct world world;

	(void)state;
	set_up(&world);
	for (uint32_t i = 0; i < RING_SIZE + 3U; i++) {
		move(&world, 1, 0, i);
	}
	peal_resteer_flush(&world.shards[1]);
	assert_int_equal(counter(&world, 1, PEAL_COUNTER_RESTEERED_AWAY), RING_SIZE);
	assert_int_equal(counter(&world, 1, PEAL_COUNTER_RESTEER_DROPPED), 3);
	assert_int_equal(world.released_count, 3);
	peal_resteer_flush(&world.shards[1]);
	assert_int_equal(world.released_count, 3);
}

/* One that always has packets does not keep those of another waiting. */
static void
test_resteer__all_others_get_their_turn(void **state)
{
	struct world world;
	struct peal_packet packets[PEAL_BURST_MAX];
	uint32_t from_two_count = 0;

	(void)state;
	set_up(&world);
	move(&world, 2, 0, 7);
	peal_resteer_flush(&world.shards[2]);
	for (uint32_t turn = 0; turn < SHARDS_COUNT; turn++) {
		uint32_t count;

		for (uint32_t i = world.steer.rings[1][0].count; i < RING_SIZE; i++) {
			move(&world, 1, 0, 1);
		}
		peal_resteer_flush(&world.shards[1]);
		count = peal_resteer_receive(&world.shards[0], packets, 4);
		for (uint32_t i = 0; i < count; i++) {
			from_two_count += packets[i].size == 7;
		}
	}
	assert_int_equal(from_two_count, 1);
}

static void
test_resteer__the_end_gives_everything_back(void **state)
{
	struct world world;

	(void)state;
	set_up(&world);
	move(&world, 1, 0, 1);
	move(&world, 1, 0, 2);
	peal_resteer_flush(&world.shards[1]);
	move(&world, 2, 0, 3);
	peal_resteer_flush(&world.shards[2]);
	peal_resteer_fini(&world.shards[0]);
	assert_int_equal(world.released_count, 3);
}

static void
move_to_itself(void *argument)
{
	move(argument, 1, 1, 0);
}

static void
move_beyond(void *argument)
{
	move(argument, 1, SHARDS_COUNT, 0);
}

static void
test_resteer__asserts_that_there_is_somebody_else(void **state)
{
	struct world world;

	(void)state;
	set_up(&world);
	assert_true(peal_test_dies(move_to_itself, &world));
	assert_true(peal_test_dies(move_beyond, &world));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resteer__packets_reach_their_shard_in_order),
		cmocka_unit_test(test_resteer__what_does_not_fit_is_dropped_and_counted),
		cmocka_unit_test(test_resteer__all_others_get_their_turn),
		cmocka_unit_test(test_resteer__the_end_gives_everything_back),
		cmocka_unit_test(test_resteer__asserts_that_there_is_somebody_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
