/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two threads, the memory of one client: what both sides share, life after life. The client says
 * records that the core says back, both sleep by their bells, the core renews its lease, and the
 * client dies as the kernel tells it: by its death word.
 *
 * Worth most under a sanitizer of threads; PEAL_NIGHTLY makes it longer.
 */
#include "base/prng.h"
#include "shm/clientmsg.h"
#include "shm/region.h"
#include "shm/shmbell.h"
#include "tests/lib/cmocka_all.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define LIVES_COUNT         40U
#define LIVES_NIGHTLY_COUNT 4000U
#define RECORDS_COUNT       2000U
#define RECORD_SIZE_MAX     1500U
#define WINDOW_COUNT        64U
/* Small, so that both are full and empty often. */
#define CAPACITY 32768U
/* Nobody sleeps that long when bells work; a lost one shows as a test that fails, not hangs. */
#define LOST_MS 20000
#define THREAD  4711U
/* An epoch and its lease belong together. */
#define LEASE_OF(epoch) ((epoch)*UINT64_C(1000))

struct end {
	struct peal_shmring_writer writer;
	struct peal_shmring_reader reader;
	struct peal_shmbell_sleeper sleeper;
	struct peal_shmbell_ringer ringer;
	int own_bell;
	int other_bell;
};

static struct peal_region_up *up;
static struct peal_region_down *down;
static struct peal_region_page *page;
static int to_core, to_client; /* eventfds */
static uint32_t lives_count;
static const char *wrong; /* of the client; read when it has ended */

static struct end
make_end(bool is_core)
{
	const struct peal_shmring_memory up_ring = peal_region_up_ring(up, down, CAPACITY);
	const struct peal_shmring_memory down_ring = peal_region_down_ring(up, down, CAPACITY);
	struct end end = {.own_bell = is_core ? to_core : to_client,
		.other_bell = is_core ? to_client : to_core};

	peal_shmring_writer_init(&end.writer, is_core ? &down_ring : &up_ring);
	peal_shmring_reader_init(&end.reader, is_core ? &up_ring : &down_ring);
	end.sleeper.word = is_core ? &page->sleep : &up->sleep;
	end.ringer.word = is_core ? &up->sleep : &page->sleep;
	return end;
}

static void
show(struct end *end)
{
	bool is_news = peal_shmring_publish(&end->writer);
	uint64_t one = 1;

	is_news = peal_shmring_release(&end->reader) || is_news;
	if (is_news && peal_shmbell_is_due(&end->ringer)) {
		ssize_t size = write(end->other_bell, &one, sizeof(one));

		(void)size;
	}
}

/* Until there is something to read, or the other is gone. False: nobody rang. */
static bool
rest(struct end *end, bool (*is_over)(void))
{
	struct pollfd wait = {.fd = end->own_bell, .events = POLLIN};
	bool is_rung = true;
	uint64_t rings;

	peal_shmbell_declare_asleep(&end->sleeper);
	if (!peal_shmring_has_more(&end->reader) && !is_over()) {
		is_rung = poll(&wait, 1, LOST_MS) == 1 &&
			  read(end->own_bell, &rings, sizeof(rings)) == (ssize_t)sizeof(rings);
	}
	peal_shmbell_declare_awake(&end->sleeper);
	return is_rung;
}

/* --- the client --- */

static bool
is_cut_off(void)
{
	return atomic_load_explicit(&down->end, memory_order_acquire) != 0;
}

/* Where the core had read to when there was no room; UINT64_MAX = there was. */
static uint64_t wanted_head;

static bool
need_not_sleep(void)
{
	return is_cut_off() ||
	       (wanted_head != UINT64_MAX &&
		       atomic_load_explicit(&down->up_head, memory_order_acquire) != wanted_head);
}

static uint8_t
byte_of(uint64_t number, uint32_t at)
{
	return (uint8_t)(number * 31U + at);
}

static bool
is_lease_good(void)
{
	uint64_t epoch;
	uint64_t lease = peal_region_read_lease(page, &epoch);

	return lease == 0 || lease == LEASE_OF(epoch);
}

static bool
is_good(const struct peal_shmring_record *record, uint64_t number)
{
	for (uint32_t i = 0; i < record->size; i++) {
		if (record->bytes[i] != byte_of(number, i)) {
			return false;
		}
	}
	return record->tag == (uint16_t)number;
}

static bool
say_one(struct end *end, uint64_t number, struct peal_prng *prng)
{
	uint32_t size = (uint32_t)peal_prng_below(prng, RECORD_SIZE_MAX + 1U);
	uint8_t *room = peal_shmring_claim(&end->writer, size);

	for (uint32_t i = 0; room != NULL && i < size; i++) {
		room[i] = byte_of(number, i);
	}
	if (room != NULL) {
		peal_shmring_commit(&end->writer, PEAL_CLIENT_SEND, (uint16_t)number, size);
	}
	return room != NULL;
}

static const char *
live_once(uint64_t seed)
{
	struct end end = make_end(false);
	struct peal_shmring_record record;
	uint64_t said = 0, heard = 0;
	struct peal_prng prng;

	peal_prng_init(&prng, seed);
	/* Some die in the middle of it. */
	uint64_t last = seed % 4U == 0 ? peal_prng_below(&prng, RECORDS_COUNT) : RECORDS_COUNT;

	while (heard < last) {
		wanted_head = UINT64_MAX;
		while (said < RECORDS_COUNT && said - heard < WINDOW_COUNT &&
			wanted_head == UINT64_MAX) {
			if (say_one(&end, said, &prng)) {
				said++;
			} else {
				wanted_head = end.writer.head;
			}
		}
		show(&end);
		while (peal_shmring_borrow(&end.reader, &record)) {
			if (!is_good(&record, heard)) {
				return "what came back is not what was said";
			}
			heard++;
		}
		show(&end);
		if (!is_lease_good()) {
			return "the lease of one view was read with the epoch of another";
		}
		if (heard < last && !rest(&end, need_not_sleep)) {
			return "nobody rang at the client";
		}
		if (is_cut_off()) {
			return "the client was cut off";
		}
	}
	return NULL;
}

static void *
client(void *argument)
{
	uint64_t one = 1;

	for (uint32_t life = 0; life < lives_count && wrong == NULL; life++) {
		struct pollfd wait = {.fd = to_client, .events = POLLIN};
		uint64_t rings;
		ssize_t size;

		wrong = live_once(life);
		/* What the kernel does, whatever was under way. */
		atomic_store_explicit(
			&up->death.word, PEAL_REGION_OWNER_DIED, memory_order_release);
		size = write(to_core, &one, sizeof(one));
		while (!is_cut_off() && poll(&wait, 1, LOST_MS) == 1) {
			size = read(to_client, &rings, sizeof(rings));
		}
		(void)size;
		/* The door gives the place to the next, in memory of its own. */
		atomic_store_explicit(&up->death.word, 0, memory_order_release);
		size = write(to_core, &one, sizeof(one));
		while (is_cut_off() && poll(&wait, 1, LOST_MS) == 1) {
			size = read(to_client, &rings, sizeof(rings));
		}
	}
	atomic_store_explicit(&up->death.word, UINT32_MAX, memory_order_release);
	return write(to_core, &one, sizeof(one)) < 0 ? argument : NULL;
}

/* --- the core --- */

static uint32_t
death_word(void)
{
	return atomic_load_explicit(&up->death.word, memory_order_acquire);
}

static bool
is_dead(void)
{
	return death_word() != THREAD;
}

/* Says back what the client says until it is dead. False: nobody rang. */
static bool
serve_once(uint64_t *epoch)
{
	struct end end = make_end(true);
	struct peal_shmring_record record;

	while (!is_dead()) {
		while (peal_shmring_borrow(&end.reader, &record)) {
			uint8_t *room = peal_shmring_claim(&end.writer, record.size);

			if (room == NULL) {
				peal_shmring_return(&end.reader, &record);
				break;
			}
			memcpy(room, record.bytes, record.size);
			peal_shmring_commit(
				&end.writer, PEAL_CLIENT_DELIVER, record.tag, record.size);
		}
		assert_false(end.reader.is_broken || end.writer.is_broken);
		*epoch += end.writer.tail % 3U == 0;
		peal_region_write_lease(page, *epoch, LEASE_OF(*epoch));
		show(&end);
		if (!rest(&end, is_dead)) {
			return false;
		}
	}
	return true;
}

static void
await(bool (*is_over)(void))
{
	struct pollfd wait = {.fd = to_core, .events = POLLIN};
	uint64_t rings;

	while (!is_over()) {
		assert_int_equal(poll(&wait, 1, LOST_MS), 1);
		assert_int_equal(read(to_core, &rings, sizeof(rings)), sizeof(rings));
	}
}

static bool
is_gone(void)
{
	return death_word() != PEAL_REGION_OWNER_DIED;
}

/* A new life in the same memory: nobody else looks at it now. */
static void
wipe(void)
{
	uint64_t one = 1;

	atomic_store_explicit(&up->up_tail, 0, memory_order_relaxed);
	atomic_store_explicit(&up->down_head, 0, memory_order_relaxed);
	atomic_store_explicit(&up->sleep, 0, memory_order_relaxed);
	atomic_store_explicit(&down->down_tail, 0, memory_order_relaxed);
	atomic_store_explicit(&down->up_head, 0, memory_order_relaxed);
	atomic_store_explicit(&page->sleep, 0, memory_order_relaxed);
	atomic_store_explicit(&up->death.word, THREAD, memory_order_relaxed);
	atomic_store_explicit(&down->end, 0, memory_order_release);
	assert_int_equal(write(to_client, &one, sizeof(one)), sizeof(one));
}

static void
test_attached__lives_follow_each_other_in_memory_that_two_threads_share(void **state)
{
	uint64_t epoch = 1, one = 1;
	uint32_t served_count = 0;
	pthread_t thread;

	(void)state;
	up = aligned_alloc(4096, PEAL_REGION_RING_OFFSET + CAPACITY);
	down = aligned_alloc(4096, PEAL_REGION_RING_OFFSET + CAPACITY);
	page = aligned_alloc(4096, PEAL_REGION_PAGE_SIZE);
	memset(up, 0, PEAL_REGION_RING_OFFSET + CAPACITY);
	memset(down, 0, PEAL_REGION_RING_OFFSET + CAPACITY);
	memset(page, 0, PEAL_REGION_PAGE_SIZE);
	to_core = eventfd(0, 0);
	to_client = eventfd(0, 0);
	lives_count = getenv("PEAL_NIGHTLY") != NULL ? LIVES_NIGHTLY_COUNT : LIVES_COUNT;
	atomic_store(&up->death.word, THREAD);
	assert_int_equal(pthread_create(&thread, NULL, client, NULL), 0);
	while (death_word() != UINT32_MAX) {
		assert_true(serve_once(&epoch));
		served_count++;
		atomic_store_explicit(&down->ended_at_ns, served_count, memory_order_relaxed);
		atomic_store_explicit(&down->end, PEAL_CLIENT_END_DIED, memory_order_release);
		assert_int_equal(write(to_client, &one, sizeof(one)), sizeof(one));
		await(is_gone);
		wipe();
		if (served_count == lives_count) {
			break;
		}
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	if (wrong != NULL) {
		fail_msg("%s", wrong);
	}
	assert_int_equal(served_count, lives_count);
	assert_true(epoch > lives_count);
	(void)close(to_core);
	(void)close(to_client);
	free(up);
	free(down);
	free(page);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_attached__lives_follow_each_other_in_memory_that_two_threads_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
