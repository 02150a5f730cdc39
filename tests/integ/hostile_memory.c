/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a client can do through the memory and the descriptors that it was given.
 */
#include "base/prng.h"
#include "tests/integ/hostile.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define RACE_NS     UINT64_C(30000000)
#define RACE_SPOTS  64U
#define FLIPS_COUNT 256U
#define HELD_COUNT  32U

static struct hostile_cuts cuts;

/* --- positions, records and ids that cannot be --- */

static uint64_t
head_of(const struct peal *peal)
{
	return atomic_load_explicit(&peal->down->up_head, memory_order_acquire);
}

static void
set_tail(struct peal *peal, uint64_t tail)
{
	atomic_store_explicit(&peal->up->up_tail, tail, memory_order_release);
}

static void
set_down_head(struct peal *peal, uint64_t head)
{
	atomic_store_explicit(&peal->up->down_head, head, memory_order_release);
}

/* A header where the core reads next; no bytes behind it but what stands there. */
static void
set_header(struct peal *peal, uint32_t size, uint16_t kind, uint16_t tag)
{
	uint64_t header = (uint64_t)size | (uint64_t)kind << 32 | (uint64_t)tag << 48;

	memcpy((uint8_t *)peal->up + PEAL_REGION_RING_OFFSET +
			(peal->writer.tail & (peal->up_size - 1U)),
		&header, sizeof(header));
}

static void
say(struct peal *peal, uint16_t kind, uint16_t tag, const void *bytes, uint32_t size)
{
	uint8_t *room = peal_shmring_claim(&peal->writer, size);

	if (room != NULL) {
		if (size > 0) {
			memcpy(room, bytes, size);
		}
		peal_shmring_commit(&peal->writer, kind, tag, size);
		(void)peal_shmring_publish(&peal->writer);
	}
}

static uint64_t
other_member(const struct peal *peal)
{
	const struct peal_view *view = peal_view(peal);

	return view->members_count < 2U
		       ? 0
		       : view->members[view->members[0].member == view->self].member;
}

static void
say_open(struct peal *peal, uint16_t tag, uint16_t number)
{
	const struct peal_client_open request = {.mid = other_member(peal), .number = number};

	say(peal, PEAL_CLIENT_OPEN, tag, &request, sizeof(request));
}

static void
listen_on_too_many(struct peal *peal)
{
	for (uint16_t i = 0; i <= PEAL_CLIENT_LISTENS_MAX; i++) {
		const struct peal_client_number request = {.number = (uint16_t)(100U + i)};

		say(peal, PEAL_CLIENT_LISTEN, 0, &request, sizeof(request));
	}
}

/* Nobody listens on this number; it is a while before that is known, and credit is gone by then. */
static void
exceed_credit(struct peal *peal)
{
	static const uint8_t bytes[PEAL_CLIENT_MESSAGE_SIZE_MAX];
	uint64_t until_ns = hostile_now_ns() + HOSTILE_SECOND_NS;

	while (peal_state(peal) == PEAL_OK && hostile_now_ns() < until_ns) {
		say_open(peal, PEAL_CLIENT_TAG(0, 1), 9);
		for (uint32_t i = 0; i < 5U; i++) {
			say(peal, PEAL_CLIENT_SEND, PEAL_CLIENT_TAG(0, 1), bytes, sizeof(bytes));
		}
		hostile_ring(peal);
	}
}

/* A channel to the own node, back to this client: more than its credit, or a record in the middle
 * of many that is longer than all that was shown. */
static void
offend_in_a_loop(struct peal *peal, bool is_lying)
{
	static const uint8_t bytes[PEAL_CLIENT_MESSAGE_SIZE_MAX];
	const struct peal_client_number request = {.number = 8};
	const struct peal_client_open open = {.mid = peal_view(peal)->self, .number = 8};
	uint64_t until_ns = hostile_now_ns() + HOSTILE_SECOND_NS;

	say(peal, PEAL_CLIENT_LISTEN, 0, &request, sizeof(request));
	say(peal, PEAL_CLIENT_OPEN, PEAL_CLIENT_TAG(0, 1), &open, sizeof(open));
	for (uint32_t i = 0; is_lying && i < 100U; i++) {
		say(peal, PEAL_CLIENT_SEND, PEAL_CLIENT_TAG(0, 1), bytes, 64);
	}
	if (is_lying) {
		set_header(peal, 20000, PEAL_CLIENT_SEND, PEAL_CLIENT_TAG(0, 1));
		set_tail(peal, peal->writer.tail + 72U);
		return;
	}
	while (peal_state(peal) == PEAL_OK && hostile_now_ns() < until_ns) {
		say(peal, PEAL_CLIENT_SEND, PEAL_CLIENT_TAG(0, 1), bytes, sizeof(bytes));
		hostile_ring(peal);
	}
}

#define OFFENCES_COUNT 32U

/* The first nine: places that cannot be. */
#define PLACES_COUNT 9U

/* The last nine: about order groups, and process groups by them. */
#define ORDERS_LOWER (OFFENCES_COUNT - 9U)

static void
lie_of_a_place(struct peal *peal, uint32_t offence)
{
	uint64_t head = head_of(peal), tail = peal->writer.tail;

	switch (offence) {
	case 0:
		set_tail(peal, tail + 4U);
		break;
	case 1:
		set_tail(peal, head + peal->up_size + 8U);
		break;
	case 2:
		set_tail(peal, head - 8U);
		break;
	case 3:
		set_tail(peal, UINT64_MAX);
		break;
	case 4:
		set_tail(peal, UINT64_MAX - 7U);
		break;
	case 5:
		set_down_head(peal, UINT64_MAX - 7U);
		break;
	case 6:
		set_down_head(peal, peal->reader.head + 4U);
		break;
	case 7:
		set_down_head(peal, peal->reader.head + peal->down_size + 8U);
		break;
	default:
		set_down_head(peal, peal->reader.tail + 64U);
		break;
	}
}

static void
say_create(struct peal *peal, uint32_t ranks_count, bool has_end, uint64_t last_member)
{
	struct peal_client_order_create request = {.group = 90, .ranks_count = ranks_count};

	for (uint32_t i = 0; i < PEAL_ORDERGROUP_RANKS_MAX; i++) {
		request.ranks[i].mid = i + 2U;
		request.ranks[i].name[0] = (char)('a' + i);
	}
	if (!has_end) {
		memset(request.ranks[0].name, 'x', sizeof(request.ranks[0].name));
	}
	request.ranks[2].mid = last_member;
	say(peal, PEAL_CLIENT_ORDER_CREATE, PEAL_CLIENT_TAG(1, 1), &request, sizeof(request));
}

static void
say_join(struct peal *peal, uint16_t tag, uint32_t order, uint32_t order_group)
{
	const struct {
		struct peal_client_group_join join;
		char name[8];
	} request = {.join = {.order = order, .group = order_group}, .name = "by-order"};

	say(peal, PEAL_CLIENT_GROUP_JOIN, tag, &request, sizeof(request));
}

static void
lie_about_order(struct peal *peal, uint32_t offence)
{
	static const uint8_t bytes[PEAL_CLIENT_MESSAGE_SIZE_MAX + 8U];
	const struct peal_client_order_open open = {.group = 90}, nothing = {.group = 0};

	switch (offence) {
	case 0:
		say(peal, PEAL_CLIENT_ORDER_OPEN, PEAL_CLIENT_TAG(1, 1), &nothing, sizeof(nothing));
		break;
	case 1:
		say(peal, PEAL_CLIENT_ORDER_OPEN, PEAL_CLIENT_TAG(PEAL_CLIENT_ORDERS_MAX, 1), &open,
			sizeof(open));
		break;
	case 2:
		say_create(peal, 2, true, 4);
		break;
	case 3:
		say_create(peal, UINT32_MAX, true, 4);
		break;
	case 4:
		say_create(peal, 3, false, 4);
		break;
	case 5:
		say_create(peal, 3, true, 3);
		break;
	case 6:
		say_join(peal, PEAL_CLIENT_TAG(1, 1), 2, 90);
		break;
	case 7: /* by each sender, and by an order group */
		say_join(peal, PEAL_CLIENT_TAG(1, 1), 0, 90);
		break;
	default:
		say(peal, PEAL_CLIENT_ORDER_SEND, PEAL_CLIENT_TAG(1, 1), bytes, sizeof(bytes));
		break;
	}
}

static void
commit_offence(struct peal *peal, uint32_t offence)
{
	static const uint16_t value[4] = {PEAL_CLIENT_VALUES_MAX};
	uint64_t tail = peal->writer.tail;

	if (offence < PLACES_COUNT) {
		lie_of_a_place(peal, offence);
		return;
	}
	if (offence >= ORDERS_LOWER) {
		lie_about_order(peal, offence - ORDERS_LOWER);
		return;
	}
	switch (offence) {
	case 9:
		set_header(peal, 4096, PEAL_CLIENT_HEAR, 0);
		set_tail(peal, tail + 8U);
		break;
	case 10:
		set_header(peal, UINT32_MAX, PEAL_CLIENT_CAST, 0);
		set_tail(peal, tail + 8U);
		break;
	case 11:
		set_header(peal, 0, PEAL_SHMRING_KIND_SKIP, 0);
		set_tail(peal, tail + 8U);
		break;
	case 12:
		set_header(peal, peal->up_size / 2U, PEAL_CLIENT_CAST, 0);
		set_tail(peal, tail + peal->up_size);
		break;
	case 13:
		say(peal, 77, 0, NULL, 0);
		break;
	case 14:
		say(peal, PEAL_CLIENT_HEAR, 0, "x", 1);
		break;
	case 15:
		say_open(peal, PEAL_CLIENT_TAG(PEAL_CLIENT_PLACES_OWN, 1), 9);
		break;
	case 16:
		say_open(peal, PEAL_CLIENT_TAG(1, 1), PEAL_CLIENT_SERVICES_UPPER);
		break;
	case 17:
		say_open(peal, PEAL_CLIENT_TAG(2, 1), 9);
		say_open(peal, PEAL_CLIENT_TAG(2, 2), 10);
		break;
	case 18:
		listen_on_too_many(peal);
		break;
	case 19:
		say(peal, PEAL_CLIENT_SET, 0, value, sizeof(value));
		break;
	case 20:
		say(peal, PEAL_CLIENT_OPEN, 0, "few", 3);
		break;
	case 21: /* within the numbers of a service */
		say_open(peal, PEAL_CLIENT_TAG(1, 1), PEAL_CLIENT_SERVICES_LOWER + 1U);
		break;
	case 22:
		offend_in_a_loop(peal, true);
		break;
	case 23:
		offend_in_a_loop(peal, false);
		break;
	default:
		exceed_credit(peal);
		break;
	}
}

/* What means nothing is no offence: the core passes over it. */
static bool
say_what_means_nothing(struct peal *peal)
{
	const struct peal_client_open nobody = {.mid = UINT64_MAX, .number = 9};
	const struct peal_client_order_open no_group = {.group = UINT32_MAX};

	for (uint16_t place = 0; place < PEAL_CLIENT_CHANNELS_MAX; place++) {
		say(peal, PEAL_CLIENT_SEND, PEAL_CLIENT_TAG(place, 77), "forged", 6);
		say(peal, PEAL_CLIENT_CLOSE, PEAL_CLIENT_TAG(place, 78), NULL, 0);
		say(peal, PEAL_CLIENT_RESET, PEAL_CLIENT_TAG(place, 79), NULL, 0);
		say(peal, PEAL_CLIENT_ORDER_SEND, PEAL_CLIENT_TAG(place, 80), "forged", 6);
		say(peal, PEAL_CLIENT_ORDER_CLOSE, PEAL_CLIENT_TAG(place, 81), NULL, 0);
	}
	/* No group has this number, so the place is free again each time. */
	for (uint16_t i = 0; i < 100; i++) {
		say(peal, PEAL_CLIENT_ORDER_OPEN, PEAL_CLIENT_TAG(i % 16U, 7), &no_group,
			sizeof(no_group));
		say_join(peal, PEAL_CLIENT_TAG(i % PEAL_CLIENT_GROUPS_MAX, 7), 1, UINT32_MAX);
	}
	say(peal, PEAL_CLIENT_OPEN, PEAL_CLIENT_TAG(3, 1), &nobody, sizeof(nobody));
	hostile_ring(peal);
	for (uint64_t end_ns = hostile_now_ns() + HOSTILE_SECOND_NS;
		head_of(peal) != peal->writer.tail && hostile_now_ns() < end_ns;) {
	}
	return peal_state(peal) == PEAL_OK && head_of(peal) == peal->writer.tail;
}

/* The view, and with it the numbers of members. */
static void
read_view(struct peal *peal)
{
	struct peal_event event;

	while (peal_view(peal)->members_count == 0 &&
		peal_wait(peal, HOSTILE_SECOND_NS) == PEAL_OK) {
		(void)peal_poll(peal, &event);
	}
	/* What is borrowed is given back with the next look. */
	(void)peal_poll(peal, &event);
}

int
hostile_offend(const char *path, uint64_t rounds_count)
{
	for (uint64_t round = 0; round < rounds_count; round++) {
		struct peal *peal;

		for (uint32_t offence = 0; offence < OFFENCES_COUNT; offence++) {
			uint64_t at_ns;
			bool is_cut;

			peal = hostile_attach(path);
			read_view(peal);
			at_ns = hostile_now_ns();
			commit_offence(peal, offence);
			/* Half of them are left to be found by the core itself. */
			if (round % 2U == 0) {
				hostile_ring(peal);
			}
			is_cut = hostile_await_cut(&cuts, peal, at_ns);
			if (!is_cut) {
				(void)printf("offence %u: %s\n", offence,
					peal_result_name(peal_state(peal)));
				return EXIT_FAILURE;
			}
			peal_detach(peal);
		}
		peal = hostile_attach(path);
		if (!say_what_means_nothing(peal)) {
			(void)puts("what means nothing was taken for an offence");
			return EXIT_FAILURE;
		}
		peal_detach(peal);
	}
	hostile_print(&cuts, "offend");
	return EXIT_SUCCESS;
}

/* --- lengths that change between check and use --- */

static struct {
	struct peal *peal;
	_Atomic bool is_over;
} race;

/* A message for a channel that is not there: read as a whole, and nobody's. */
#define RACE_GOOD                                                                                  \
	(UINT64_C(56) | (uint64_t)PEAL_CLIENT_SEND << 32 | (uint64_t)PEAL_CLIENT_TAG(0, 77) << 48)

/* Whatever the core comes to was right once. */
static void
fill_with_good(struct peal *peal)
{
	uint8_t *bytes = (uint8_t *)peal->up + PEAL_REGION_RING_OFFSET;

	for (uint64_t offset = 0; offset < peal->up_size; offset += 64U) {
		_Atomic uint64_t *spot = (_Atomic uint64_t *)(void *)(bytes + offset);

		atomic_store_explicit(spot, RACE_GOOD, memory_order_relaxed);
	}
}

/* Headers of the next records, and the tail, over and over: each is right at some instants. */
static void *
flip(void *argument)
{
	struct peal *peal = race.peal;
	uint8_t *bytes = (uint8_t *)peal->up + PEAL_REGION_RING_OFFSET;
	struct peal_prng prng;

	(void)argument;
	peal_prng_init(&prng, hostile_now_ns());
	while (!atomic_load_explicit(&race.is_over, memory_order_relaxed)) {
		uint64_t head = head_of(peal);

		for (uint32_t i = 0; i < FLIPS_COUNT; i++) {
			uint64_t draw = peal_prng_next(&prng);
			uint64_t wrong = (draw & 0xFFFFFU) | (draw >> 24 & 15U) << 32;
			uint64_t offset = (head + 64U * (draw >> 32 & (RACE_SPOTS - 1U))) &
					  (peal->up_size - 1U);

			/* Good far more often than not, or it is over at once. */
			_Atomic uint64_t *spot = (_Atomic uint64_t *)(void *)(bytes + offset);
			atomic_store_explicit(spot, wrong, memory_order_relaxed);
			/* A few stay long enough to be found for sure. */
			for (uint32_t wait = 0; i % 64U == 0 && wait < 64U; wait++) {
				atomic_thread_fence(memory_order_seq_cst);
			}
			atomic_store_explicit(spot, RACE_GOOD, memory_order_relaxed);
		}
	}
	return NULL;
}

int
hostile_race(const char *path, uint64_t rounds_count)
{
	uint64_t taken_size = 0, cut_count = 0;

	for (uint64_t round = 0; round < rounds_count; round++) {
		uint64_t end_ns = hostile_now_ns() + RACE_NS;
		struct peal *peal = hostile_attach(path);
		pthread_t thread;

		race.peal = peal;
		fill_with_good(peal);
		atomic_store(&race.is_over, false);
		if (pthread_create(&thread, NULL, flip, NULL) != 0) {
			return EXIT_FAILURE;
		}
		while (peal_state(peal) == PEAL_OK && hostile_now_ns() < end_ns) {
			set_tail(peal, head_of(peal) / 64U * 64U + UINT64_C(64) * RACE_SPOTS);
			hostile_ring(peal);
		}
		taken_size += head_of(peal);
		cut_count += peal_state(peal) == PEAL_EVICTED;
		atomic_store(&race.is_over, true);
		(void)pthread_join(thread, NULL);
		peal_detach(peal);
	}
	(void)printf("{\"mode\": \"race\", \"rounds\": %llu, \"cut_off\": %llu, "
		     "\"taken_bytes\": %llu}\n",
		(unsigned long long)rounds_count, (unsigned long long)cut_count,
		(unsigned long long)taken_size);
	return taken_size > 0 && cut_count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* --- descriptors and pages that the core uses --- */

/* A bell that is full, and whose writes would wait: not those of the core. */
static void
fill_bell(const struct peal *peal)
{
	uint64_t most = UINT64_MAX - 1U;
	int flags = fcntl(peal->wake, F_GETFL);

	if (write(peal->wake, &most, sizeof(most)) < 0) {
		/* Then it is nothing that a client could write to, and all the better. */
	}
	if (flags >= 0) {
		(void)fcntl(peal->wake, F_SETFL, flags & ~O_NONBLOCK);
	}
}

/* The core lives when it takes what is said. */
static bool
is_core_alive(const char *path)
{
	struct peal *peal = hostile_attach(path);
	bool is_alive = say_what_means_nothing(peal);

	peal_detach(peal);
	return is_alive;
}

/* Pages are taken away under the core again and again. */
static bool
take_pages(struct peal *peal)
{
	bool is_possible = false;

	for (uint32_t i = 0; i < 1000U && peal_state(peal) == PEAL_OK; i++) {
		is_possible = is_possible ||
			      madvise(peal->up, PEAL_REGION_RING_OFFSET + (size_t)peal->up_size,
				      MADV_REMOVE) == 0;
		hostile_ring(peal);
	}
	return is_possible;
}

int
hostile_hold_the_core(const char *path, uint64_t rounds_count)
{
	struct peal *held[HELD_COUNT] = {0};
	struct peal *peal;

	for (uint64_t round = 0; round < rounds_count; round++) {
		peal = hostile_attach(path);
		fill_bell(peal);
		/* It sleeps, and a new sleep each time. */
		for (uint32_t i = 0; i < 8U; i++) {
			atomic_store(&peal->up->sleep, 2U * i + 1U);
			say(peal, PEAL_CLIENT_SET, 0, "\0\0\0\0\0\0\0\0value", 13);
			hostile_ring(peal);
		}
		if (!is_core_alive(path)) {
			(void)puts("a full bell holds the core");
			return EXIT_FAILURE;
		}
		peal_detach(peal);
	}
	peal = hostile_attach(path);
	/* Before the daemon has seen that it is ready it can, and harms nobody. */
	(void)take_pages(peal);
	peal_detach(peal);
	peal = hostile_attach(path);
	if (!say_what_means_nothing(peal) || take_pages(peal)) {
		(void)puts("pages of the region can be taken away");
		return EXIT_FAILURE;
	}
	peal_detach(peal);
	/* Whose bells stay open after its end, and are rung. */
	for (uint32_t i = 0; i < HELD_COUNT; i++) {
		peal = held[i] = hostile_attach(path);
		(void)say_what_means_nothing(peal);
		set_tail(peal, UINT64_MAX);
		hostile_ring(peal);
		(void)hostile_await_cut(&cuts, peal, hostile_now_ns());
	}
	for (uint64_t end_ns = hostile_now_ns() + HOSTILE_SECOND_NS / 2U;
		hostile_now_ns() < end_ns;) {
		for (uint32_t i = 0; i < HELD_COUNT; i++) {
			hostile_ring(held[i]);
		}
	}
	if (!is_core_alive(path)) {
		return EXIT_FAILURE;
	}
	(void)printf("{\"mode\": \"hold\", \"rounds\": %llu}\n", (unsigned long long)rounds_count);
	(void)fflush(stdout);
	/* Whoever started this looks at what the daemon holds, and says when it has. */
	(void)getchar();
	for (uint32_t i = 0; i < HELD_COUNT; i++) {
		peal_detach(held[i]);
	}
	return EXIT_SUCCESS;
}
