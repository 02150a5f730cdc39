/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/body_msg.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"
#include "tests/lib/gen.h"
#include "tests/lib/refuse.h"
#include "wire/flood_msg.h"

#include <string.h>

static uint8_t bytes[PEAL_BODY_SIZE_MAX + 1U];
static uint8_t chunk[PEAL_CHUNK_SIZE_MAX];

static struct peal_writer
start_writing(void)
{
	return peal_writer_init(bytes, PEAL_BODY_SIZE_MAX - PEAL_FLOOD_PREFIX_SIZE);
}

static bool
decode_body(size_t size)
{
	struct peal_reader reader = peal_reader_init(bytes, size);
	struct peal_body_msg message;

	return peal_body_msg_decode(&reader, &message);
}

static bool
decode_pull(size_t size)
{
	struct peal_reader reader = peal_reader_init(bytes, size);
	struct peal_pull_msg message;

	return peal_pull_msg_decode(&reader, &message);
}

static bool
decode_sync(size_t size)
{
	struct peal_reader reader = peal_reader_init(bytes, size);
	struct peal_sync_msg message;

	return peal_sync_msg_decode(&reader, &message);
}

static bool
decode_snapshot(size_t size)
{
	struct peal_reader reader = peal_reader_init(bytes, size);
	struct peal_snapshot_msg message;

	return peal_snapshot_msg_decode(&reader, &message);
}

static void
encode_body(void *argument)
{
	struct peal_writer writer = start_writing();

	peal_body_msg_encode(argument, &writer);
}

static void
encode_pull(void *argument)
{
	struct peal_writer writer = start_writing();

	peal_pull_msg_encode(argument, &writer);
}

static void
encode_sync(void *argument)
{
	struct peal_writer writer = start_writing();

	peal_sync_msg_encode(argument, &writer);
}

static void
encode_snapshot(void *argument)
{
	struct peal_writer writer = start_writing();

	peal_snapshot_msg_encode(argument, &writer);
}

static void
test_body_msg__has_the_layout_of_the_wire(void **state)
{
	static const uint8_t body[] = {
		1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 4, 0, 0, 1, 0, 2, 0, 7, 8, 9};
	static const uint8_t pull[] = {1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0,
		0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0x80};
	const struct peal_body_msg body_message = {.digest = {.low = 1, .high = 2},
		.total_size = 1027,
		.chunk = 1,
		.route = PEAL_BODY_ROUTE_PULL,
		.size = 3,
		.bytes = body + 24};
	const struct peal_pull_msg pull_message = {.digest = {.low = 1, .high = 2},
		.first = 512,
		.missing = {5, 0, 0, UINT64_C(1) << 63}};
	struct peal_writer writer = start_writing();

	(void)state;
	peal_body_msg_encode(&body_message, &writer);
	assert_int_equal(writer.offset, sizeof(body));
	assert_memory_equal(bytes, body, sizeof(body));
	writer = start_writing();
	peal_pull_msg_encode(&pull_message, &writer);
	assert_int_equal(writer.offset, sizeof(pull));
	assert_memory_equal(bytes, pull, sizeof(pull));
}

static void
test_body_msg__counts_chunks(void **state)
{
	(void)state;
	assert_int_equal(peal_body_chunks_count(1), 1);
	assert_int_equal(peal_body_chunks_count(PEAL_CHUNK_SIZE_MAX), 1);
	assert_int_equal(peal_body_chunks_count(PEAL_CHUNK_SIZE_MAX + 1U), 2);
	assert_int_equal(peal_body_chunks_count(PEAL_BODY_BYTES_MAX), PEAL_CHUNKS_MAX);
}

/* Chunk `index` of a body of `total_size`, with `size` bytes of it. */
static bool
takes_chunk(uint32_t total_size, uint16_t index, size_t size)
{
	struct peal_writer writer = start_writing();

	peal_write_u64(&writer, 1);
	peal_write_u64(&writer, 2);
	peal_write_u32(&writer, total_size);
	peal_write_u16(&writer, index);
	peal_write_u16(&writer, 0);
	return decode_body(writer.offset + size);
}

static void
test_body_msg__accepts_a_body_cut_in_one_way_only(void **state)
{
	const uint32_t full = PEAL_CHUNK_SIZE_MAX;

	(void)state;
	assert_true(takes_chunk(1, 0, 1));
	assert_true(takes_chunk(full, 0, full));
	assert_true(takes_chunk(full + 1, 1, 1));
	assert_true(takes_chunk(3 * full, 1, full));
	assert_false(takes_chunk(0, 0, 0));               /* of nothing */
	assert_false(takes_chunk(10, 0, 0));              /* nothing of something */
	assert_false(takes_chunk(10, 0, 9));              /* part of the last */
	assert_false(takes_chunk(10, 0, 11));             /* more than there is */
	assert_false(takes_chunk(10, 1, 1));              /* behind the end */
	assert_false(takes_chunk(2 * full, 2, full));     /* behind the end */
	assert_false(takes_chunk(2 * full, 0, full - 1)); /* a short one in front */
	assert_false(takes_chunk(2 * full, 0, full + 1));
	assert_true(takes_chunk(PEAL_BODY_BYTES_MAX, PEAL_CHUNKS_MAX - 1U, full));
	assert_false(takes_chunk(PEAL_BODY_BYTES_MAX + 1U, 0, full));
	assert_false(takes_chunk(PEAL_BODY_BYTES_MAX + 1U, PEAL_CHUNKS_MAX, 1));
	assert_false(takes_chunk(UINT32_MAX, 0, full));
	assert_false(takes_chunk(UINT32_MAX, UINT16_MAX, full));
}

static void
test_body_msg__refuses_bad_bodies(void **state)
{
	struct peal_body_msg message = {
		.digest = {.low = 1}, .total_size = 2000, .chunk = 1, .size = 976, .bytes = chunk};
	struct peal_writer writer = start_writing();

	(void)state;
	peal_body_msg_encode(&message, &writer);
	peal_refuse_other_sizes(bytes, decode_body, writer.offset);
	peal_refuse_padding(bytes, decode_body, writer.offset, 23, 1);
	for (uint32_t route = 0; route <= UINT8_MAX; route++) {
		bytes[22] = (uint8_t)route;
		assert_int_equal(decode_body(writer.offset), route <= PEAL_BODY_ROUTE_PULL);
	}
	assert_false(peal_test_dies(encode_body, &message));
	message.route = PEAL_BODY_ROUTE_PULL + 1U;
	assert_true(peal_test_dies(encode_body, &message));
	message.route = 0;
	message.size--;
	assert_true(peal_test_dies(encode_body, &message));
}

static void
test_body_msg__refuses_bad_pulls(void **state)
{
	struct peal_pull_msg message = {.digest = {.low = 1}, .first = 960, .missing = {3}};
	struct peal_writer writer = start_writing();

	(void)state;
	peal_pull_msg_encode(&message, &writer);
	peal_refuse_other_sizes(bytes, decode_pull, writer.offset);
	peal_refuse_padding(bytes, decode_pull, writer.offset, 18, 6);
	bytes[31] = 0x80; /* the last chunk that a body may have */
	assert_true(decode_pull(writer.offset));
	bytes[32] = 1; /* and the one behind */
	assert_false(decode_pull(writer.offset));
	memset(bytes + 24, 0, 32); /* nothing, though not from the beginning */
	assert_false(decode_pull(writer.offset));
	memset(bytes + 16, 0, 2); /* everything */
	assert_true(decode_pull(writer.offset));
	memset(bytes + 16, 0xFF, 2);
	bytes[24] = 1;
	assert_false(decode_pull(writer.offset));
	message.missing[1] = 1;
	assert_true(peal_test_dies(encode_pull, &message));
}

static void
test_body_msg__refuses_bad_syncs_and_snapshots(void **state)
{
	struct peal_sync_msg sync = {.epoch = 3, .hash = {.low = 1, .high = 2}};
	struct peal_snapshot_msg snapshot = {
		.epoch = 3, .hash = {.low = 1}, .digest = {.low = 2}, .size = PEAL_BODY_BYTES_MAX};
	struct peal_writer writer = start_writing();
	uint32_t size = PEAL_BODY_BYTES_MAX + 1U;

	(void)state;
	peal_sync_msg_encode(&sync, &writer);
	assert_int_equal(writer.offset, 24);
	peal_refuse_other_sizes(bytes, decode_sync, 24);
	bytes[0] = 0;
	assert_false(decode_sync(24));
	sync.epoch = 0;
	assert_true(peal_test_dies(encode_sync, &sync));

	writer = start_writing();
	peal_snapshot_msg_encode(&snapshot, &writer);
	assert_int_equal(writer.offset, 48);
	peal_refuse_other_sizes(bytes, decode_snapshot, 48);
	peal_refuse_padding(bytes, decode_snapshot, 48, 44, 4);
	memcpy(bytes + 40, &size, 4);
	assert_false(decode_snapshot(48));
	memset(bytes + 40, 0, 4);
	assert_false(decode_snapshot(48));
	bytes[40] = 1;
	assert_true(decode_snapshot(48));
	bytes[0] = 0;
	assert_false(decode_snapshot(48));
	snapshot.size = 0;
	assert_true(peal_test_dies(encode_snapshot, &snapshot));
	snapshot.size = 1;
	snapshot.epoch = 0;
	assert_true(peal_test_dies(encode_snapshot, &snapshot));
}

static void
test_body_msg__brings_random_bodies_and_pulls_back(void **state)
{
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 1);
	for (uint32_t round = 0; round < 1000; round++) {
		struct peal_writer writer = start_writing();
		struct peal_body_msg body;
		struct peal_body_msg body_decoded;
		struct peal_pull_msg pull;
		struct peal_pull_msg pull_decoded;

		peal_gen_body_msg(&prng, chunk, &body);
		peal_body_msg_encode(&body, &writer);
		assert_true(writer.is_ok);
		struct peal_reader reader = peal_reader_init(bytes, writer.offset);
		assert_true(peal_body_msg_decode(&reader, &body_decoded));
		assert_true(peal_reader_is_done(&reader));
		assert_memory_equal(body_decoded.bytes, chunk, body.size);
		body_decoded.bytes = chunk;
		assert_memory_equal(&body_decoded, &body, sizeof(body));

		writer = start_writing();
		peal_gen_pull_msg(&prng, &pull);
		peal_pull_msg_encode(&pull, &writer);
		reader = peal_reader_init(bytes, writer.offset);
		memset(&pull_decoded, 0xFF, sizeof(pull_decoded));
		assert_true(peal_pull_msg_decode(&reader, &pull_decoded));
		assert_memory_equal(&pull_decoded, &pull, sizeof(pull));
	}
}

static void
test_body_msg__brings_random_syncs_and_snapshots_back(void **state)
{
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 2);
	for (uint32_t round = 0; round < 1000; round++) {
		struct peal_writer writer = start_writing();
		struct peal_sync_msg sync;
		struct peal_sync_msg sync_decoded;
		struct peal_snapshot_msg snapshot;
		struct peal_snapshot_msg snapshot_decoded;

		peal_gen_sync_msg(&prng, &sync);
		peal_sync_msg_encode(&sync, &writer);
		struct peal_reader reader = peal_reader_init(bytes, writer.offset);
		assert_true(peal_sync_msg_decode(&reader, &sync_decoded));
		assert_memory_equal(&sync_decoded, &sync, sizeof(sync));

		writer = start_writing();
		peal_gen_snapshot_msg(&prng, &snapshot);
		peal_snapshot_msg_encode(&snapshot, &writer);
		reader = peal_reader_init(bytes, writer.offset);
		assert_true(peal_snapshot_msg_decode(&reader, &snapshot_decoded));
		assert_memory_equal(&snapshot_decoded, &snapshot, sizeof(snapshot));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_body_msg__has_the_layout_of_the_wire),
		cmocka_unit_test(test_body_msg__counts_chunks),
		cmocka_unit_test(test_body_msg__accepts_a_body_cut_in_one_way_only),
		cmocka_unit_test(test_body_msg__refuses_bad_bodies),
		cmocka_unit_test(test_body_msg__refuses_bad_pulls),
		cmocka_unit_test(test_body_msg__refuses_bad_syncs_and_snapshots),
		cmocka_unit_test(test_body_msg__brings_random_bodies_and_pulls_back),
		cmocka_unit_test(test_body_msg__brings_random_syncs_and_snapshots_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
