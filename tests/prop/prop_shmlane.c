/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A lane at random, by both sides and by one that lies.
 *
 * Two that keep to it say, hear, tell and sleep in any order: each message is heard once, in order
 * and as it was said; nobody sleeps unrung while there is something to hear, or the room that is
 * waited for; and what is counted as not heard is never too little. One that writes anything over
 * all of its memory gets nothing but bytes of its own ring heard, of sizes that can be, or the lane
 * broken for good.
 */
#include "base/prng.h"
#include "shm/shmlane.h"
#include "tests/lib/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#define SEEDS_COUNT  8U
#define STEPS_COUNT  60000U
#define LIARS_COUNT  3000U
#define WRITES_COUNT 60U

struct side {
	struct peal_shmlane lane;
	bool is_asleep;
	uint64_t said_count;      /* committed */
	uint64_t published_count; /* of these */
	uint64_t heard_count;
};

static struct peal_shmlane_region *regions[2];
static struct side sides[2];
static struct peal_prng prng;
static uint8_t bytes[PEAL_CLIENT_MESSAGE_SIZE_MAX];
static uint64_t heard_count, rings_count, full_count, broken_count, lies_heard_count;

static uint64_t
below(uint64_t bound)
{
	return peal_prng_below(&prng, bound);
}

static void
begin(uint64_t seed)
{
	peal_prng_init(&prng, seed);
	for (uint32_t i = 0; i < 2; i++) {
		memset(regions[i], 0, PEAL_SHMLANE_REGION_SIZE);
		sides[i] = (struct side){.said_count = 0};
	}
	for (uint32_t i = 0; i < 2; i++) {
		peal_shmlane_init(&sides[i].lane, regions[i], regions[1U - i]);
	}
}

static void
wake(struct side *side)
{
	if (side->is_asleep) {
		side->is_asleep = false;
		peal_shmlane_declare_awake(&side->lane);
		side->lane.wanted_head = 0;
	}
}

static void
ring(struct side *side)
{
	assert_true(side->is_asleep);
	rings_count++;
	peal_shmlane_note_ring(&side->lane);
	wake(side);
}

static void
say_some(struct side *side)
{
	uint64_t count = below(below(20) == 0 ? 4000 : 10);

	for (uint64_t i = 0; i < count; i++) {
		uint32_t size = (uint32_t)(sizeof(side->said_count) +
					   below(below(50) == 0 ? sizeof(bytes) - 7U : 200U));
		uint8_t *room = peal_shmlane_claim(&side->lane, size);

		if (room == NULL) {
			full_count++;
			assert_false(peal_shmlane_is_broken(&side->lane));
			return;
		}
		memset(room, (int)(side->said_count & 0xFFU), size);
		memcpy(room, &side->said_count, sizeof(side->said_count));
		peal_shmlane_commit(&side->lane, size);
		side->said_count++;
	}
}

static void
publish(struct side *side, struct side *other)
{
	side->published_count = side->said_count;
	if (peal_shmlane_publish(&side->lane)) {
		ring(other);
	}
}

static void
tell(struct side *side, struct side *other, bool is_all)
{
	if (peal_shmlane_release(&side->lane, is_all)) {
		ring(other);
	}
}

static void
hear_some(struct side *side, struct side *other)
{
	uint64_t count = below(100), number;
	uint32_t size;

	for (uint64_t i = 0; i < count; i++) {
		enum peal_shmlane_taken taken = peal_shmlane_take(&side->lane, bytes, &size);

		tell(side, other, taken == PEAL_SHMLANE_EMPTY);
		if (taken == PEAL_SHMLANE_EMPTY) {
			return;
		}
		assert_int_equal(taken, PEAL_SHMLANE_TAKEN);
		memcpy(&number, bytes, sizeof(number));
		assert_int_equal(number, side->heard_count);
		assert_true(size == sizeof(number) || bytes[size - 1U] == (uint8_t)number);
		side->heard_count++;
		heard_count++;
	}
}

/* As libpeal does: tells, declares, looks once more. */
static void
rest(struct side *side, struct side *other)
{
	publish(side, other);
	tell(side, other, true);
	side->is_asleep = true;
	peal_shmlane_declare_asleep(&side->lane);
	if (peal_shmlane_has_more(&side->lane) || peal_shmlane_has_room(&side->lane)) {
		wake(side);
	}
}

static void
check(struct side *side, const struct side *other)
{
	if (side->is_asleep) {
		assert_false(peal_shmlane_has_more(&side->lane));
		assert_false(peal_shmlane_has_room(&side->lane));
	}
	assert_false(peal_shmlane_is_broken(&side->lane));
	assert_in_range(peal_shmlane_unheard_count(&side->lane),
		side->said_count - other->heard_count, side->said_count);
}

static void
prop_shmlane__each_is_heard_once_in_order_and_nobody_sleeps_on(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS_COUNT; seed++) {
		begin(seed);
		for (uint32_t step = 0; step < STEPS_COUNT; step++) {
			uint32_t who = (uint32_t)below(2);
			struct side *side = &sides[who], *other = &sides[1U - who];

			/* A time limit may end a sleep. */
			if (side->is_asleep && below(10) != 0) {
				continue;
			}
			wake(side);
			switch (below(4)) {
			case 0:
				say_some(side);
				break;
			case 1:
				publish(side, other);
				break;
			case 2:
				hear_some(side, other);
				break;
			default:
				rest(side, other);
				break;
			}
			check(side, other);
			check(other, side);
		}
	}
	assert_true(heard_count > 100000 && rings_count > 10000 && full_count > 1000);
}

static void
lie(struct peal_shmlane_region *region)
{
	uint64_t draw = peal_prng_next(&prng), value = peal_prng_next(&prng);
	uint64_t tail = atomic_load(&region->tail);

	switch (draw % 32U) {
	case 0: /* anywhere, anything */
		memcpy((uint8_t *)region + (draw >> 8) % (PEAL_SHMLANE_REGION_SIZE / 8U) * 8U,
			&value, sizeof(value));
		break;
	case 1:
		atomic_store(&region->tail, tail + 8U * (value % 4096U));
		break;
	case 2:
		atomic_store(&region->head, 8U * (value % 4096U));
		break;
	case 3:
		atomic_store(&region->sleep, (uint32_t)value);
		break;
	case 4: /* a record that could be, where the other side may look next */
		value = (value & 0x1FFFFU) | UINT64_C(1) << 32;
		memcpy((uint8_t *)region + PEAL_SHMLANE_RING_OFFSET +
				((tail + 8U * ((draw >> 8) % 64U)) & (PEAL_CLIENT_LANE_SIZE - 8U)),
			&value, sizeof(value));
		break;
	default: /* a message */
		value = (value & 0xFFFU) | UINT64_C(1) << 32;
		memcpy((uint8_t *)region + PEAL_SHMLANE_RING_OFFSET +
				(tail & (PEAL_CLIENT_LANE_SIZE - 8U)),
			&value, sizeof(value));
		atomic_store(&region->tail, tail + peal_shmring_span((uint32_t)value));
		break;
	}
}

static void
prop_shmlane__a_liar_breaks_it_and_nothing_else(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= LIARS_COUNT; seed++) {
		struct peal_shmlane *calm = &sides[0].lane;
		bool is_broken = false;

		begin(seed);
		for (uint32_t i = 0; i < WRITES_COUNT; i++) {
			uint32_t size = 0;
			void *room;

			lie(regions[1]);
			switch (peal_shmlane_take(calm, bytes, &size)) {
			case PEAL_SHMLANE_TAKEN:
				assert_false(is_broken);
				assert_true(size <= PEAL_CLIENT_MESSAGE_SIZE_MAX);
				lies_heard_count++;
				break;
			case PEAL_SHMLANE_BROKEN:
				is_broken = true;
				break;
			case PEAL_SHMLANE_EMPTY:
				break;
			}
			(void)peal_shmlane_release(calm, below(2) == 0);
			room = peal_shmlane_claim(calm, 60000);
			if (room != NULL) {
				memset(room, 1, 60000);
				peal_shmlane_commit(calm, 60000);
			}
			(void)peal_shmlane_publish(calm);
			assert_true(peal_shmlane_unheard_count(calm) <= calm->sent_count);
			(void)peal_shmlane_has_more(calm);
			assert_true(!is_broken || peal_shmlane_is_broken(calm));
		}
		broken_count += peal_shmlane_is_broken(calm);
	}
	print_message("# {\"heard\": %llu, \"rings\": %llu, \"broken\": %llu, \"lies_heard\": "
		      "%llu}\n",
		(unsigned long long)heard_count, (unsigned long long)rings_count,
		(unsigned long long)broken_count, (unsigned long long)lies_heard_count);
	assert_true(broken_count > LIARS_COUNT / 2U && lies_heard_count > LIARS_COUNT / 8U);
}

static int
take_memory(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		regions[i] = aligned_alloc(4096, PEAL_SHMLANE_REGION_SIZE);
		assert_non_null(regions[i]);
	}
	return 0;
}

static int
give_memory(void **state)
{
	(void)state;
	free(regions[0]);
	free(regions[1]);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prop_shmlane__each_is_heard_once_in_order_and_nobody_sleeps_on),
		cmocka_unit_test(prop_shmlane__a_liar_breaks_it_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, take_memory, give_memory);
}
