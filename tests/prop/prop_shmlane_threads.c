/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two threads, one lane: both say and hear at once, in batches of any size, sleep when there is
 * nothing to hear or no room, and ring as libpeal does. Each message is heard once, in order and as
 * it was said; who sleeps is woken; and at the end nothing counts as not heard.
 */
#include "base/prng.h"
#include "shm/shmlane.h"
#include "tests/lib/cmocka_all.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define MESSAGES_COUNT 100000U
/* Nobody sleeps that long when bells work; a lost one shows as a test that fails, not hangs. */
#define LOST_MS 20000

struct side {
	struct peal_shmlane lane;
	struct side *other;
	int bell; /* eventfd that wakes this side */
	uint64_t said_count;
	uint64_t heard_count;
	uint64_t sleeps_count;
	uint64_t full_count;
	const char *wrong;             /* NULL = nothing */
	struct peal_prng sizes;        /* of what it says */
	struct peal_prng others_sizes; /* of what it hears */
	struct peal_prng batches;
	uint8_t bytes[PEAL_CLIENT_MESSAGE_SIZE_MAX];
};

static struct peal_shmlane_region *regions[2];
static struct side sides[2];

static void
ring(const struct side *other)
{
	uint64_t one = 1;

	(void)!write(other->bell, &one, sizeof(one));
}

static uint32_t
size_of(struct peal_prng *prng)
{
	uint64_t draw = peal_prng_next(prng);

	return (uint32_t)(sizeof(uint64_t) +
			  ((draw & 127U) == 0 ? draw >> 8 & 0x7FFFU : draw >> 8 & 127U));
}

/* A batch. The size of one that found no room is kept for later. */
static void
say_some(struct side *side, uint32_t *size)
{
	uint64_t count = 1U + peal_prng_below(&side->batches, 64);

	for (uint64_t i = 0; i < count && side->said_count < MESSAGES_COUNT; i++) {
		uint8_t *room = peal_shmlane_claim(&side->lane, *size);

		if (room == NULL) {
			side->full_count++;
			break;
		}
		memset(room, (int)(side->said_count & 0xFFU), *size);
		memcpy(room, &side->said_count, sizeof(side->said_count));
		peal_shmlane_commit(&side->lane, *size);
		side->said_count++;
		*size = size_of(&side->sizes);
	}
	if (peal_shmlane_publish(&side->lane)) {
		ring(side->other);
	}
}

/* What there is, or some of it. False: there was something wrong. */
static bool
hear_some(struct side *side)
{
	uint64_t count = 1U + peal_prng_below(&side->batches, 200);

	for (uint64_t i = 0; i < count; i++) {
		uint64_t number;
		uint32_t size = 0;
		enum peal_shmlane_taken taken = peal_shmlane_take(&side->lane, side->bytes, &size);

		if (peal_shmlane_release(&side->lane, taken == PEAL_SHMLANE_EMPTY)) {
			ring(side->other);
		}
		if (taken == PEAL_SHMLANE_EMPTY) {
			return true;
		}
		if (taken == PEAL_SHMLANE_BROKEN || size != size_of(&side->others_sizes)) {
			return false;
		}
		memcpy(&number, side->bytes, sizeof(number));
		if (number != side->heard_count ||
			(size > sizeof(number) && side->bytes[size - 1U] != (uint8_t)number)) {
			return false;
		}
		side->heard_count++;
	}
	return true;
}

/* As libpeal does: tells, declares, looks once more. False: nobody rang. */
static bool
rest(struct side *side)
{
	struct pollfd wait = {.fd = side->bell, .events = POLLIN};
	uint64_t rings;
	bool is_woken = true;

	if (peal_shmlane_release(&side->lane, true)) {
		ring(side->other);
	}
	peal_shmlane_declare_asleep(&side->lane);
	if (!peal_shmlane_has_more(&side->lane) && !peal_shmlane_has_room(&side->lane)) {
		side->sleeps_count++;
		is_woken = poll(&wait, 1, LOST_MS) == 1 &&
			   read(side->bell, &rings, sizeof(rings)) == (ssize_t)sizeof(rings);
		peal_shmlane_note_ring(&side->lane);
	}
	peal_shmlane_declare_awake(&side->lane);
	side->lane.wanted_head = 0;
	return is_woken;
}

static void *
run_side(void *argument)
{
	struct side *side = argument;
	uint32_t size = size_of(&side->sizes);

	while (side->said_count < MESSAGES_COUNT || side->heard_count < MESSAGES_COUNT) {
		uint64_t said_count = side->said_count, heard_count = side->heard_count;

		if (said_count < MESSAGES_COUNT) {
			say_some(side, &size);
		}
		if (!hear_some(side)) {
			side->wrong = "another message than was said";
			return NULL;
		}
		if (side->said_count == said_count && side->heard_count == heard_count &&
			!rest(side)) {
			side->wrong = "nobody rang";
			return NULL;
		}
	}
	if (peal_shmlane_release(&side->lane, true)) {
		ring(side->other);
	}
	return NULL;
}

static void
prop_shmlane_threads__each_is_heard_once_and_who_sleeps_is_woken(void **state)
{
	pthread_t threads[2];

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		regions[i] = aligned_alloc(4096, PEAL_SHMLANE_REGION_SIZE);
		assert_non_null(regions[i]);
		memset(regions[i], 0, PEAL_SHMLANE_REGION_SIZE);
	}
	for (uint32_t i = 0; i < 2; i++) {
		struct side *side = &sides[i];

		side->other = &sides[1U - i];
		side->bell = eventfd(0, EFD_CLOEXEC);
		assert_true(side->bell >= 0);
		peal_prng_init(&side->sizes, 1U + i);
		peal_prng_init(&side->others_sizes, 2U - i);
		peal_prng_init(&side->batches, 3U + i);
		peal_shmlane_init(&side->lane, regions[i], regions[1U - i]);
	}
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, run_side, &sides[i]), 0);
	}
	for (uint32_t i = 0; i < 2; i++) {
		(void)pthread_join(threads[i], NULL);
	}
	for (uint32_t i = 0; i < 2; i++) {
		const struct side *side = &sides[i];

		print_message("# {\"sleeps\": %llu, \"full\": %llu}\n",
			(unsigned long long)side->sleeps_count,
			(unsigned long long)side->full_count);
		assert_null(side->wrong);
		assert_false(peal_shmlane_is_broken(&side->lane));
		assert_int_equal(peal_shmlane_unheard_count(&side->lane), 0);
		(void)close(side->bell);
	}
	free(regions[0]);
	free(regions[1]);
	assert_true(sides[0].sleeps_count + sides[1].sleeps_count > 0);
	assert_true(sides[0].full_count + sides[1].full_count > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prop_shmlane_threads__each_is_heard_once_and_who_sleeps_is_woken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
