/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/join_msg.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"
#include "tests/lib/gen.h"
#include "tests/lib/refuse.h"

#include <string.h>

static uint8_t bytes[PEAL_BODY_SIZE_MAX + 1U];
static uint8_t chunk[PEAL_INSTALL_CHUNK_SIZE_MAX];
static struct peal_prng prng;

static struct peal_writer
start_writing(void)
{
	return peal_writer_init(bytes, PEAL_BODY_SIZE_MAX);
}

static bool
decode_request(size_t size)
{
	struct peal_reader reader = peal_reader_init(bytes, size);
	struct peal_join_request message;

	return peal_join_request_decode(&reader, &message);
}

static bool
decode_answer(size_t size)
{
	struct peal_reader reader = peal_reader_init(bytes, size);
	struct peal_join_answer message;

	return peal_join_answer_decode(&reader, &message);
}

static bool
decode_install(size_t size)
{
	struct peal_reader reader = peal_reader_init(bytes, size);
	struct peal_install_msg message;

	return peal_install_msg_decode(&reader, &message);
}

static bool
decode_leave(size_t size)
{
	struct peal_reader reader = peal_reader_init(bytes, size);
	struct peal_leave_msg message;

	return peal_leave_msg_decode(&reader, &message);
}

static bool
decode_pull(size_t size)
{
	struct peal_reader reader = peal_reader_init(bytes, size);
	struct peal_install_pull message;

	return peal_install_pull_decode(&reader, &message);
}

static bool
decode_probe(size_t size)
{
	struct peal_reader reader = peal_reader_init(bytes, size);
	struct peal_join_probe message;

	return peal_join_probe_decode(&reader, &message);
}

static struct peal_join_forward forward_decoded;

static bool
decode_forward(size_t size)
{
	struct peal_reader reader = peal_reader_init(bytes, size);

	return peal_join_forward_decode(&reader, &forward_decoded);
}

static struct peal_batch_msg batch_decoded;

static bool
decode_batch(size_t size)
{
	struct peal_reader reader = peal_reader_init(bytes, size);

	return peal_batch_msg_decode(&reader, &batch_decoded);
}

static void
encode_chunk(void *argument)
{
	struct peal_writer writer = start_writing();

	peal_install_msg_encode(argument, &writer);
}

static void
encode_request(void *argument)
{
	struct peal_writer writer = start_writing();

	peal_join_request_encode(argument, &writer);
}

static size_t
write_request(void)
{
	struct peal_writer writer = start_writing();
	struct peal_join_request message;

	peal_prng_init(&prng, 1);
	peal_gen_join_request(&prng, &message);
	peal_join_request_encode(&message, &writer);
	assert_true(writer.is_ok);
	return writer.offset;
}

static size_t
write_answer(void)
{
	struct peal_writer writer = start_writing();
	struct peal_join_answer message;

	peal_prng_init(&prng, 2);
	peal_gen_join_answer(&prng, &message);
	peal_join_answer_encode(&message, &writer);
	assert_true(writer.is_ok);
	return writer.offset;
}

static void
test_join_msg__has_the_sizes_of_the_wire(void **state)
{
	struct peal_writer writer = start_writing();
	struct peal_leave_msg leave = {.has_vote = false};

	(void)state;
	peal_leave_msg_encode(&leave, &writer);
	assert_int_equal(writer.offset, 24);
	assert_int_equal(write_answer(), 56);
	assert_true(write_request() >= 32U + PEAL_MEMBER_RECORD_SIZE);
	assert_int_equal(PEAL_JOIN_CHALLENGE, 1);
	assert_int_equal(PEAL_JOIN_CREATE_OK, 10);
	assert_int_equal(PEAL_JOIN_HERE, 11);
}

static void
test_join_msg__refuses_bad_requests(void **state)
{
	struct peal_join_request claiming = {.member = {.mid = 1, .shards_count = 1}};

	(void)state;
	size_t size = write_request();
	peal_refuse_other_sizes(bytes, decode_request, size);
	peal_refuse_padding(bytes, decode_request, size, 26, 6);
	bytes[25] |= 2U; /* unknown flag */
	assert_false(decode_request(size));
	size = write_request();
	bytes[32 + 16] = 1; /* claims a member number */
	assert_false(decode_request(size));
	assert_true(peal_test_dies(encode_request, &claiming));
}

static void
test_join_msg__refuses_bad_answers(void **state)
{
	(void)state;
	size_t size = write_answer();
	peal_refuse_other_sizes(bytes, decode_answer, size);
	peal_refuse_padding(bytes, decode_answer, size, 1, 3);
	for (uint32_t status = 0; status <= UINT8_MAX; status++) {
		bytes[0] = (uint8_t)status;
		assert_int_equal(
			decode_answer(size), status >= 1 && status <= PEAL_JOIN_METADATA_FULL);
	}
	bytes[0] = PEAL_JOIN_BUSY;
	memset(bytes + 24, 0, 16); /* candidate none */
	assert_false(decode_answer(size));
	size = write_answer();
	memset(bytes + 40, 0, 16); /* answerer none */
	assert_false(decode_answer(size));
}

/* A chunk of a snapshot of `total_size` at `offset`, with `size` bytes of it. */
static bool
decode_chunk(uint32_t total_size, uint32_t offset, size_t size)
{
	struct peal_writer writer = start_writing();

	peal_write_u64(&writer, 1);
	peal_write_u64(&writer, 2);
	peal_write_u64(&writer, 3);
	peal_write_u64(&writer, 4);
	peal_write_u32(&writer, total_size);
	peal_write_u32(&writer, offset);
	return decode_install(writer.offset + size);
}

static void
test_join_msg__accepts_a_snapshot_cut_in_one_way_only(void **state)
{
	const uint32_t full = PEAL_INSTALL_CHUNK_SIZE_MAX;

	(void)state;
	assert_true(decode_chunk(1, 0, 1));
	assert_true(decode_chunk(full, 0, full));
	assert_true(decode_chunk(full + 1, full, 1));
	assert_true(decode_chunk(3 * full, full, full));
	assert_false(decode_chunk(0, 0, 0));               /* of nothing */
	assert_false(decode_chunk(10, 0, 0));              /* nothing of something */
	assert_false(decode_chunk(10, 0, 9));              /* part of the last */
	assert_false(decode_chunk(10, 0, 11));             /* more than there is */
	assert_false(decode_chunk(10, 10, 1));             /* behind the end */
	assert_false(decode_chunk(2 * full, 1, full));     /* between two chunks */
	assert_false(decode_chunk(2 * full, 0, full - 1)); /* a short one in front */
	assert_false(decode_chunk(2 * full, 0, full + 1));
	assert_true(decode_chunk(PEAL_BODY_BYTES_MAX, 0, full));
	assert_false(decode_chunk(PEAL_BODY_BYTES_MAX + 1U, 0, full));
	assert_false(decode_chunk(UINT32_MAX, 0, full));
	assert_false(decode_chunk(UINT32_MAX, UINT32_MAX - 1023U, full));
}

static void
test_join_msg__refuses_bad_installs(void **state)
{
	struct peal_install_msg message;
	struct peal_writer writer = start_writing();

	(void)state;
	peal_prng_init(&prng, 3);
	peal_gen_install_msg(&prng, chunk, &message);
	peal_install_msg_encode(&message, &writer);
	peal_refuse_other_sizes(bytes, decode_install, writer.offset);
	memset(bytes, 0, 16); /* for nobody */
	assert_false(decode_install(writer.offset));
	message.offset++;
	assert_true(peal_test_dies(encode_chunk, &message));
}

static void
test_join_msg__refuses_bad_leaves(void **state)
{
	struct peal_leave_msg message = {.has_vote = true, .digest = {.low = 1, .high = 2}};
	struct peal_writer writer = start_writing();

	(void)state;
	peal_leave_msg_encode(&message, &writer);
	peal_refuse_other_sizes(bytes, decode_leave, writer.offset);
	peal_refuse_padding(bytes, decode_leave, writer.offset, 1, 7);
	bytes[0] = 2;
	assert_false(decode_leave(writer.offset));
	bytes[0] = 0; /* no vote, but a digest */
	assert_false(decode_leave(writer.offset));
	memset(bytes + 8, 0, 16);
	assert_true(decode_leave(writer.offset));
}

static void
encode_pull(void *argument)
{
	struct peal_writer writer = start_writing();

	peal_install_pull_encode(argument, &writer);
}

static void
test_join_msg__refuses_bad_install_pulls(void **state)
{
	struct peal_install_pull message = {
		.joiner = {.low = 1}, .first = PEAL_CHUNKS_MAX - 8U, .missing = {0x81}};
	struct peal_writer writer = start_writing();

	(void)state;
	peal_install_pull_encode(&message, &writer);
	assert_int_equal(writer.offset, 72);
	peal_refuse_other_sizes(bytes, decode_pull, writer.offset);
	peal_refuse_padding(bytes, decode_pull, writer.offset, 34, 6);
	bytes[41] = 1; /* a chunk that no body has */
	assert_false(decode_pull(writer.offset));
	bytes[41] = 0;
	memset(bytes + 40, 0, 32); /* nothing, though not from the beginning */
	assert_false(decode_pull(writer.offset));
	memset(bytes + 32, 0, 2); /* everything */
	assert_true(decode_pull(writer.offset));
	memset(bytes, 0, 16); /* for nobody */
	assert_false(decode_pull(writer.offset));
	message.missing[0] = 0x100;
	assert_true(peal_test_dies(encode_pull, &message));
	message.missing[0] = 1;
	message.joiner = (struct peal_uuid){0};
	assert_true(peal_test_dies(encode_pull, &message));
}

static void
test_join_msg__refuses_bad_probes(void **state)
{
	const struct peal_join_probe message = {.joiner = {.high = 7}, .token = 5};
	struct peal_writer writer = start_writing();

	(void)state;
	peal_join_probe_encode(&message, &writer);
	assert_int_equal(writer.offset, 32);
	peal_refuse_other_sizes(bytes, decode_probe, writer.offset);
	peal_refuse_padding(bytes, decode_probe, writer.offset, 25, 7);
	assert_int_equal(bytes[16], 5);
	bytes[24] = 15;
	assert_true(decode_probe(writer.offset));
	bytes[24] = 16; /* there is no such chunk */
	assert_false(decode_probe(writer.offset));
	bytes[24] = 0;
	memset(bytes, 0, 16);
	assert_false(decode_probe(writer.offset));
}

static bool
decode_ready(size_t size)
{
	struct peal_reader reader = peal_reader_init(bytes, size);
	struct peal_join_ready message;

	return peal_join_ready_decode(&reader, &message);
}

/* A plain answer, or one with a chunk of any size at one of four places. */
static void
test_join_msg__refuses_bad_answers_to_probes(void **state)
{
	static const uint8_t piece[PEAL_CHUNK_SIZE_MAX];
	struct peal_join_ready message = {.joiner = {.high = 7}, .token = 5, .chunk = piece};
	struct peal_writer writer = start_writing();

	(void)state;
	peal_join_ready_encode(&message, &writer);
	assert_int_equal(writer.offset, 32);
	assert_true(decode_ready(32));
	assert_false(decode_ready(31));
	peal_refuse_padding(bytes, decode_ready, 32, 26, 6);
	bytes[25] = PEAL_CHUNK_SIZE_MAX >> 8;
	assert_false(decode_ready(32)); /* an offset without a chunk */
	assert_true(decode_ready(33));

	message.offset = 3U * PEAL_CHUNK_SIZE_MAX;
	message.chunk_size = PEAL_CHUNK_SIZE_MAX;
	writer = start_writing();
	peal_join_ready_encode(&message, &writer);
	assert_int_equal(writer.offset, 32U + PEAL_CHUNK_SIZE_MAX);
	assert_true(decode_ready(writer.offset));
	assert_false(decode_ready(writer.offset + 1U));
	bytes[25] = PEAL_METADATA_SIZE_MAX >> 8; /* behind the end */
	assert_false(decode_ready(writer.offset));
	bytes[25] = 0;
	bytes[24] = 1; /* between two chunks */
	assert_false(decode_ready(writer.offset));
	bytes[24] = 0;
	memset(bytes, 0, 16);
	assert_false(decode_ready(writer.offset));
}

/* Joiners with metadata of one size. */
static void
gen_joiners(struct peal_member *members, struct peal_metadata_tag *tags, uint32_t count,
	uint16_t metadata_size)
{
	peal_prng_init(&prng, 6);
	for (uint32_t i = 0; i < count; i++) {
		peal_gen_member(&prng, &members[i]);
		peal_gen_metadata(&prng, metadata_size, &members[i]);
		tags[i] = peal_member_tag(&members[i]);
		peal_gen_metadata(&prng, 0, &members[i]);
	}
}

static const struct peal_metadata_tag tag_none;

static void
encode_no_joiner(void *argument)
{
	struct peal_writer writer = start_writing();

	(void)peal_join_forward_encode(argument, &tag_none, 0, &writer);
}

static void
encode_joiner(void *argument)
{
	struct peal_writer writer = start_writing();

	(void)peal_join_forward_encode(argument, &tag_none, 1, &writer);
}

static void
test_join_msg__forwards_as_many_joiners_as_fit(void **state)
{
	static struct peal_member members[PEAL_FORWARD_MEMBERS_MAX + 1U];
	static struct peal_metadata_tag tags[PEAL_FORWARD_MEMBERS_MAX + 1U];
	const uint16_t sizes[] = {0, 1, 64, PEAL_METADATA_SIZE_MAX};

	(void)state;
	for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const uint32_t record_size =
			PEAL_MEMBER_RECORD_SIZE + (sizes[i] > 0 ? 16U : 0U); /* whatever the size */
		uint32_t room = (PEAL_BODY_SIZE_MAX - PEAL_FLOOD_PREFIX_SIZE - 4U) / record_size;
		struct peal_writer writer = start_writing();

		room = room < PEAL_FORWARD_MEMBERS_MAX ? room : PEAL_FORWARD_MEMBERS_MAX;
		gen_joiners(members, tags, PEAL_FORWARD_MEMBERS_MAX + 1U, sizes[i]);
		assert_int_equal(peal_join_forward_encode(
					 members, tags, PEAL_FORWARD_MEMBERS_MAX + 1U, &writer),
			room);
		assert_int_equal(writer.offset, 4U + room * record_size);
		assert_true(decode_forward(writer.offset));
		assert_int_equal(forward_decoded.count, room);
		assert_memory_equal(forward_decoded.members, members, room * sizeof(members[0]));
		assert_memory_equal(forward_decoded.tags, tags, room * sizeof(tags[0]));
	}
	assert_true(peal_test_dies(encode_no_joiner, members));
	members[0].mid = 1;
	assert_true(peal_test_dies(encode_joiner, members));
}

static void
test_join_msg__refuses_bad_forwards(void **state)
{
	static struct peal_member members[2];
	static struct peal_metadata_tag tags[2];
	struct peal_writer writer = start_writing();

	(void)state;
	gen_joiners(members, tags, 2, 3);
	assert_int_equal(peal_join_forward_encode(members, tags, 2, &writer), 2);
	peal_refuse_other_sizes(bytes, decode_forward, writer.offset);
	peal_refuse_padding(bytes, decode_forward, writer.offset, 1, 3);
	bytes[4 + 16] = 1; /* claims a member number */
	assert_false(decode_forward(writer.offset));
	bytes[4 + 16] = 0;
	bytes[0] = 0;
	assert_false(decode_forward(writer.offset));
	assert_false(decode_forward(4));
	bytes[0] = 1;
	assert_false(decode_forward(writer.offset));
	bytes[0] = 3;
	assert_false(decode_forward(writer.offset));
	bytes[0] = PEAL_FORWARD_MEMBERS_MAX + 1U;
	assert_false(decode_forward(writer.offset));
}

static void
encode_batch(void *argument)
{
	struct peal_writer writer = start_writing();

	peal_batch_msg_encode(argument, &writer);
}

static void
test_join_msg__refuses_bad_batches(void **state)
{
	static struct peal_batch_msg message;
	struct peal_writer writer = start_writing();

	(void)state;
	peal_prng_init(&prng, 7);
	do {
		peal_gen_batch_msg(&prng, &message);
	} while (!message.has_proposal);
	peal_batch_msg_encode(&message, &writer);
	size_t size = writer.offset;
	assert_int_equal(size, 24U + message.size);
	peal_refuse_other_sizes(bytes, decode_batch, size);
	peal_refuse_padding(bytes, decode_batch, size, 21, 3);
	bytes[0] ^= 1U; /* the digest of something else */
	assert_false(decode_batch(size));
	bytes[0] ^= 1U;
	bytes[24] ^= 1U; /* something else */
	assert_false(decode_batch(size));
	bytes[24] ^= 1U;
	bytes[16] ^= 1U; /* another size */
	assert_false(decode_batch(size));
	bytes[16] ^= 1U;
	bytes[20] = 2;
	assert_false(decode_batch(size));
	bytes[20] = 0; /* small, but not there */
	assert_false(decode_batch(size));
	assert_false(decode_batch(24));
	message.size++;
	assert_true(peal_test_dies(encode_batch, &message));
}

static void
test_join_msg__refuses_bad_batches_without_proposals(void **state)
{
	static struct peal_batch_msg message;
	struct peal_writer writer = start_writing();
	uint32_t size = PEAL_BODY_BYTES_MAX;

	(void)state;
	message = (struct peal_batch_msg){.digest = {.low = 1}, .size = size};
	peal_batch_msg_encode(&message, &writer);
	peal_refuse_other_sizes(bytes, decode_batch, writer.offset);
	assert_int_equal(writer.offset, 24);
	size++;
	memcpy(bytes + 16, &size, 4);
	assert_false(decode_batch(24));
	size = PEAL_INLINE_SIZE_MAX;
	memcpy(bytes + 16, &size, 4);
	assert_false(decode_batch(24));
	size++;
	memcpy(bytes + 16, &size, 4);
	assert_true(decode_batch(24));
	bytes[0] = 0; /* of nothing */
	assert_false(decode_batch(24));
	message.size = PEAL_INLINE_SIZE_MAX;
	assert_true(peal_test_dies(encode_batch, &message));
	message.size = PEAL_BODY_BYTES_MAX + 1U;
	assert_true(peal_test_dies(encode_batch, &message));
}

static void
test_join_msg__brings_random_pulls_probes_and_batches_back(void **state)
{
	(void)state;
	peal_prng_init(&prng, 8);
	for (uint32_t round = 0; round < 1000; round++) {
		struct peal_writer writer = start_writing();
		struct peal_install_pull pull;
		struct peal_install_pull pull_decoded;
		struct peal_join_probe probe;
		struct peal_join_probe probe_decoded;
		static struct peal_batch_msg batch;

		peal_gen_install_pull(&prng, &pull);
		peal_install_pull_encode(&pull, &writer);
		struct peal_reader reader = peal_reader_init(bytes, writer.offset);
		memset(&pull_decoded, 0xFF, sizeof(pull_decoded));
		assert_true(peal_install_pull_decode(&reader, &pull_decoded));
		assert_memory_equal(&pull_decoded, &pull, sizeof(pull));

		writer = start_writing();
		peal_gen_join_probe(&prng, &probe);
		peal_join_probe_encode(&probe, &writer);
		reader = peal_reader_init(bytes, writer.offset);
		assert_true(peal_join_probe_decode(&reader, &probe_decoded));
		assert_memory_equal(&probe_decoded, &probe, sizeof(probe));

		writer = start_writing();
		peal_gen_batch_msg(&prng, &batch);
		peal_batch_msg_encode(&batch, &writer);
		assert_true(decode_batch(writer.offset));
		if (batch.proposal.additions_count > 0) {
			assert_ptr_equal(
				batch_decoded.proposal.additions, batch_decoded.inline_additions);
		}
		peal_gen_match(batch_decoded.inline_additions, batch.inline_additions,
			batch.proposal.additions_count);
		batch_decoded.proposal.additions = batch.proposal.additions;
		assert_memory_equal(&batch_decoded, &batch, sizeof(batch));
	}
}

static void
test_join_msg__brings_random_requests_and_answers_back(void **state)
{
	(void)state;
	peal_prng_init(&prng, 4);
	for (uint32_t round = 0; round < 1000; round++) {
		struct peal_writer writer = start_writing();
		struct peal_join_request request;
		struct peal_join_request request_decoded;
		struct peal_join_answer answer;
		struct peal_join_answer answer_decoded;

		peal_gen_join_request(&prng, &request);
		peal_join_request_encode(&request, &writer);
		struct peal_reader reader = peal_reader_init(bytes, writer.offset);
		assert_true(peal_join_request_decode(&reader, &request_decoded));
		assert_memory_equal(&request_decoded, &request, sizeof(request));

		writer = start_writing();
		peal_gen_join_answer(&prng, &answer);
		peal_join_answer_encode(&answer, &writer);
		reader = peal_reader_init(bytes, writer.offset);
		assert_true(peal_join_answer_decode(&reader, &answer_decoded));
		assert_memory_equal(&answer_decoded, &answer, sizeof(answer));
	}
}

static void
test_join_msg__brings_random_installs_and_leaves_back(void **state)
{
	(void)state;
	peal_prng_init(&prng, 5);
	for (uint32_t round = 0; round < 1000; round++) {
		struct peal_writer writer = start_writing();
		struct peal_install_msg install;
		struct peal_install_msg install_decoded;
		struct peal_leave_msg leave;
		struct peal_leave_msg leave_decoded;

		peal_gen_install_msg(&prng, chunk, &install);
		peal_install_msg_encode(&install, &writer);
		struct peal_reader reader = peal_reader_init(bytes, writer.offset);
		assert_true(peal_install_msg_decode(&reader, &install_decoded));
		assert_true(peal_reader_is_done(&reader));
		assert_ptr_equal(install_decoded.chunk, bytes + 40);
		assert_memory_equal(install_decoded.chunk, chunk, install.chunk_size);
		install_decoded.chunk = chunk;
		assert_memory_equal(&install_decoded, &install, sizeof(install));

		writer = start_writing();
		peal_gen_leave_msg(&prng, &leave);
		peal_leave_msg_encode(&leave, &writer);
		reader = peal_reader_init(bytes, writer.offset);
		assert_true(peal_leave_msg_decode(&reader, &leave_decoded));
		assert_memory_equal(&leave_decoded, &leave, sizeof(leave));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_join_msg__has_the_sizes_of_the_wire),
		cmocka_unit_test(test_join_msg__refuses_bad_requests),
		cmocka_unit_test(test_join_msg__refuses_bad_answers),
		cmocka_unit_test(test_join_msg__accepts_a_snapshot_cut_in_one_way_only),
		cmocka_unit_test(test_join_msg__refuses_bad_installs),
		cmocka_unit_test(test_join_msg__refuses_bad_leaves),
		cmocka_unit_test(test_join_msg__refuses_bad_install_pulls),
		cmocka_unit_test(test_join_msg__refuses_bad_probes),
		cmocka_unit_test(test_join_msg__refuses_bad_answers_to_probes),
		cmocka_unit_test(test_join_msg__forwards_as_many_joiners_as_fit),
		cmocka_unit_test(test_join_msg__refuses_bad_forwards),
		cmocka_unit_test(test_join_msg__refuses_bad_batches),
		cmocka_unit_test(test_join_msg__refuses_bad_batches_without_proposals),
		cmocka_unit_test(test_join_msg__brings_random_pulls_probes_and_batches_back),
		cmocka_unit_test(test_join_msg__brings_random_requests_and_answers_back),
		cmocka_unit_test(test_join_msg__brings_random_installs_and_leaves_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
