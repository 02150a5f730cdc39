/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two threads, one ring: what is read is what was written, whatever the sizes and batches; and who
 * sleeps by the bell is woken.
 */
#include "base/prng.h"
#include "shm/shmbell.h"
#include "shm/shmmove.h"
#include "shm/shmring.h"
#include "tests/lib/cmocka_all.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define CAPACITY      4096U
#define RECORDS_COUNT 300000U
#define SIZE_MAX_SENT 900U
/* Of a ring that is scribbled over: records that are taken for one, and times that it is found out.
 */
#define TAKEN_COUNT_MIN  20000U
#define BROKEN_COUNT_MIN 2000U
#define ROUNDS_COUNT_MAX 20000000U
/* Nobody sleeps that long when bells work; a lost one shows as a test that fails, not hangs. */
#define LOST_MS 20000

#ifndef __has_feature
#define __has_feature(feature) 0
#endif

/* Whether threads are watched for races. */
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define IS_WATCHED true
#else
#define IS_WATCHED false
#endif

struct side {
	_Alignas(PEAL_SHMRING_APART) _Atomic uint64_t position;
	_Alignas(PEAL_SHMRING_APART) _Atomic uint32_t sleep;
};

static struct {
	struct side writer;
	struct side reader;
	_Alignas(64) uint8_t bytes[CAPACITY];
} shared;
static int to_reader, to_writer; /* eventfds */
static uint64_t rings_count[2];
static const char *wrongs[2]; /* of the writer, of the reader; NULL = nothing */

static struct peal_shmring_memory
memory(void)
{
	return (struct peal_shmring_memory){
		.bytes = shared.bytes,
		.capacity = CAPACITY,
		.tail = &shared.writer.position,
		.head = &shared.reader.position,
	};
}

static void
ring(struct peal_shmbell_ringer *ringer, int fd, uint64_t *count)
{
	uint64_t one = 1;

	if (peal_shmbell_is_due(ringer)) {
		(*count)++;
		assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
	}
}

/* Until somebody rings. False: nobody did. */
static bool
sleep_on(int fd)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	uint64_t rings;

	if (poll(&wait, 1, LOST_MS) != 1) {
		return false;
	}
	return read(fd, &rings, sizeof(rings)) == (ssize_t)sizeof(rings);
}

static uint32_t
size_of(struct peal_prng *prng)
{
	uint64_t draw = peal_prng_next(prng);

	return (uint32_t)((draw & 7U) == 0 ? draw >> 8 & 1023U : draw >> 8 & 63U) % SIZE_MAX_SENT;
}

static const char *
write_until_done(void)
{
	const struct peal_shmring_memory both = memory();
	struct peal_shmbell_sleeper sleeper = {.word = &shared.writer.sleep};
	struct peal_shmbell_ringer ringer = {.word = &shared.reader.sleep};
	struct peal_shmring_writer writer;
	struct peal_prng sizes, batches;

	peal_prng_init(&sizes, 1);
	peal_prng_init(&batches, 2);
	peal_shmring_writer_init(&writer, &both);
	for (uint32_t i = 0; i < RECORDS_COUNT; i++) {
		uint32_t size = size_of(&sizes);
		uint8_t *room = peal_shmring_claim(&writer, size);

		while (room == NULL) {
			(void)peal_shmring_publish(&writer);
			ring(&ringer, to_reader, &rings_count[0]);
			peal_shmbell_declare_asleep(&sleeper);
			room = peal_shmring_claim(&writer, size);
			if (room == NULL && !sleep_on(to_writer)) {
				return "the writer was not woken";
			}
			peal_shmbell_declare_awake(&sleeper);
			room = peal_shmring_claim(&writer, size);
		}
		memset(room, (int)(i & 0xFFU), size);
		peal_shmring_commit(&writer, (uint16_t)(1U + i % 5U), (uint16_t)i, size);
		if (peal_prng_next(&batches) % 4U == 0 && peal_shmring_publish(&writer)) {
			ring(&ringer, to_reader, &rings_count[0]);
		}
		if (peal_prng_next(&batches) % 5000U == 0) {
			(void)sched_yield();
		}
	}
	(void)peal_shmring_publish(&writer);
	ring(&ringer, to_reader, &rings_count[0]);
	return NULL;
}

static const char *
check(const struct peal_shmring_record *record, uint32_t index, uint32_t size)
{
	if (record->size != size || record->tag != (uint16_t)index ||
		record->kind != 1U + index % 5U) {
		return "another record than was written";
	}
	for (uint32_t i = 0; i < size; i++) {
		if (record->bytes[i] != (uint8_t)index) {
			return "other bytes than were written";
		}
	}
	return NULL;
}

static const char *
read_until_done(void)
{
	const struct peal_shmring_memory both = memory();
	struct peal_shmbell_sleeper sleeper = {.word = &shared.reader.sleep};
	struct peal_shmbell_ringer ringer = {.word = &shared.writer.sleep};
	struct peal_shmring_reader reader;
	struct peal_prng sizes, batches;
	uint32_t index = 0;

	peal_prng_init(&sizes, 1);
	peal_prng_init(&batches, 3);
	peal_shmring_reader_init(&reader, &both);
	while (index < RECORDS_COUNT) {
		struct peal_shmring_record record;
		const char *wrong;

		if (!peal_shmring_borrow(&reader, &record)) {
			if (reader.is_broken) {
				return "the ring is broken";
			}
			if (peal_shmring_release(&reader)) {
				ring(&ringer, to_writer, &rings_count[1]);
			}
			peal_shmbell_declare_asleep(&sleeper);
			if (!peal_shmring_has_more(&reader) && !sleep_on(to_reader)) {
				return "the reader was not woken";
			}
			peal_shmbell_declare_awake(&sleeper);
			continue;
		}
		wrong = check(&record, index, size_of(&sizes));
		if (wrong != NULL) {
			return wrong;
		}
		index++;
		if (peal_prng_next(&batches) % 4U == 0 && peal_shmring_release(&reader)) {
			ring(&ringer, to_writer, &rings_count[1]);
		}
	}
	return NULL;
}

static void *
run_side(void *argument)
{
	const char **wrong = argument;

	*wrong = wrong == &wrongs[0] ? write_until_done() : read_until_done();
	return NULL;
}

static void
prop_shmring__two_threads_lose_nothing(void **state)
{
	pthread_t threads[2];

	(void)state;
	memset(&shared, 0, sizeof(shared));
	to_reader = eventfd(0, EFD_CLOEXEC);
	to_writer = eventfd(0, EFD_CLOEXEC);
	assert_int_equal(pthread_create(&threads[0], NULL, run_side, &wrongs[0]), 0);
	assert_int_equal(pthread_create(&threads[1], NULL, run_side, &wrongs[1]), 0);
	(void)pthread_join(threads[0], NULL);
	(void)pthread_join(threads[1], NULL);
	assert_null(wrongs[1]);
	assert_null(wrongs[0]);
	print_message("# rings: %llu to the reader, %llu to the writer, of %u records\n",
		(unsigned long long)rings_count[0], (unsigned long long)rings_count[1],
		RECORDS_COUNT);
	(void)close(to_reader);
	(void)close(to_writer);
}

/* While one side writes, the other scribbles over all that it may: nobody leaves the ring. */
static _Atomic bool is_over;

static void *
scribble(void *argument)
{
	struct peal_prng prng;

	(void)argument;
	peal_prng_init(&prng, 4);
	while (!atomic_load_explicit(&is_over, memory_order_relaxed)) {
		uint64_t draw = peal_prng_next(&prng);
		_Atomic uint64_t *word =
			(_Atomic uint64_t *)(void *)(shared.bytes +
						     (draw & ((draw >> 60 & 1U) != 0
									     ? 0x38U
									     : CAPACITY - 8U)));

		/* Mostly what could be, so that more than the first check is passed. */
		atomic_store_explicit(
			word, draw >> 20 & UINT64_C(0x7000000FF), memory_order_relaxed);
		if ((draw >> 50 & 3U) == 0) {
			atomic_store_explicit(&shared.writer.position,
				atomic_load_explicit(
					&shared.reader.position, memory_order_relaxed) +
					(draw >> 30 & (CAPACITY - 8U)),
				memory_order_relaxed);
		}
	}
	return NULL;
}

static void
prop_shmring__a_scribbler_leads_nobody_out(void **state)
{
	const struct peal_shmring_memory both = memory();
	struct peal_shmring_record record;
	uint64_t taken_count = 0, broken_count = 0;
	pthread_t thread;

	(void)state;
	memset(&shared, 0, sizeof(shared));
	assert_int_equal(pthread_create(&thread, NULL, scribble, NULL), 0);
	for (uint32_t round = 0; round < ROUNDS_COUNT_MAX; round++) {
		struct peal_shmring_reader reader;

		if (taken_count >= TAKEN_COUNT_MIN && broken_count >= BROKEN_COUNT_MIN) {
			break;
		}
		atomic_store(&shared.reader.position, 0);
		peal_shmring_reader_init(&reader, &both);
		for (uint32_t i = 0; i < 1000 && !reader.is_broken; i++) {
			if (!peal_shmring_borrow(&reader, &record)) {
				continue;
			}
			assert_true(record.bytes >= shared.bytes + 8);
			assert_true(record.size <= peal_shmring_size_max(CAPACITY));
			assert_true(record.bytes + record.size <= shared.bytes + CAPACITY);
			taken_count++;
			(void)peal_shmring_release(&reader);
		}
		broken_count += reader.is_broken;
	}
	atomic_store(&is_over, true);
	(void)pthread_join(thread, NULL);
	assert_true(taken_count >= TAKEN_COUNT_MIN);
	assert_true(broken_count >= BROKEN_COUNT_MIN);
}

/* Nor who moves records on while they change: what comes out is whole, whatever its bytes are. */
static void
prop_shmring__what_is_moved_from_a_scribbler_is_whole(void **state)
{
	static struct side sides[2];
	static _Alignas(64) uint8_t bytes[2U * CAPACITY];
	const struct peal_shmring_memory both = memory();
	const struct peal_shmring_memory other = {.bytes = bytes,
		.capacity = sizeof(bytes),
		.tail = &sides[0].position,
		.head = &sides[1].position};
	const struct peal_shmmove what = {.from_kind = 3,
		.to_kind = 9,
		.to_tag = 7,
		.size_max = 200,
		.count_max = 50,
		.span_max = sizeof(bytes) / 2U};
	struct peal_shmring_writer writer;
	struct peal_shmring_reader heard;
	uint64_t moved_count = 0;
	pthread_t thread;

	(void)state;
	if (IS_WATCHED) {
		/* Bytes that another process may write are copied as they are. */
		skip();
	}
	memset(&shared, 0, sizeof(shared));
	peal_shmring_writer_init(&writer, &other);
	peal_shmring_reader_init(&heard, &other);
	atomic_store(&is_over, false);
	assert_int_equal(pthread_create(&thread, NULL, scribble, NULL), 0);
	for (uint32_t round = 0; round < ROUNDS_COUNT_MAX && moved_count < TAKEN_COUNT_MIN;
		round++) {
		struct peal_shmring_record record = {.size = 0};
		struct peal_shmring_reader reader;
		struct peal_shmmoved moved;
		uint64_t count = 0, size = 0;
		uint8_t *room;

		atomic_store(&shared.reader.position, 0);
		peal_shmring_reader_init(&reader, &both);
		moved = peal_shmmove_run(&reader, &writer, &what);
		/* Past the end, where nothing is moved any more. */
		room = peal_shmring_claim(&writer, 400);
		assert_non_null(room);
		peal_shmring_commit(&writer, 1, 1, 400);
		(void)peal_shmring_publish(&writer);
		while (peal_shmring_borrow(&heard, &record) && record.kind == 9) {
			assert_int_equal(record.tag, 7);
			assert_true(record.size <= 200);
			count++;
			size += record.size;
		}
		assert_int_equal(record.kind, 1);
		(void)peal_shmring_release(&heard);
		assert_int_equal(count, moved.count);
		assert_int_equal(size, moved.size);
		assert_false(heard.is_broken || writer.is_broken);
		moved_count += moved.count;
	}
	atomic_store(&is_over, true);
	(void)pthread_join(thread, NULL);
	assert_true(moved_count >= TAKEN_COUNT_MIN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prop_shmring__two_threads_lose_nothing),
		cmocka_unit_test(prop_shmring__a_scribbler_leads_nobody_out),
		cmocka_unit_test(prop_shmring__what_is_moved_from_a_scribbler_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
