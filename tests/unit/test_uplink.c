/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/uplink.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"
#include "tests/lib/fakecore.h"
#include "wire/messages.h"

static struct peal_uplink *
uplink_of(struct peal_fakecores *cores)
{
	return &cores->nodes[0]->core.uplink;
}

static struct peal_opened
make_opened(uint16_t slot)
{
	static uint8_t packet[PEAL_HEADERS_SIZE_MAX];

	return (struct peal_opened){.kind = PEAL_MESSAGE_VOTE,
		.slot = slot,
		.mid = slot + 1U,
		.epoch = 5,
		.standing = PEAL_STANDING_BEHIND,
		.body_size = 3,
		.body = (const uint8_t *)"abc",
		.packet = packet};
}

static void
test_uplink__gives_frames_until_the_buffers_are_gone(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create(1, "none");
	struct peal_opened opened = make_opened(2);
	struct peal_record record;
	bool is_seen[PEAL_PLANE_BUFFERS_MAX] = {false};

	(void)state;
	for (uint32_t i = 0; i < PEAL_PLANE_BUFFERS_MAX; i++) {
		assert_true(peal_uplink_frame(uplink_of(cores), &opened));
	}
	assert_false(peal_uplink_frame(uplink_of(cores), &opened));
	assert_int_equal(peal_fakecores_counter(cores, 0, PEAL_COUNTER_PLANE_UP_DROPPED), 1);
	for (uint32_t i = 0; i < PEAL_PLANE_BUFFERS_MAX; i++) {
		assert_true(peal_fakecores_pop(cores, 0, &record));
		assert_int_equal(record.kind, PEAL_RECORD_FRAME);
		assert_int_equal(record.message, PEAL_MESSAGE_VOTE);
		assert_int_equal(record.slot, 2);
		assert_int_equal(record.mid, 3);
		assert_int_equal(record.epoch, 5);
		assert_int_equal(record.body_size, 3);
		assert_false(is_seen[record.buffer]);
		is_seen[record.buffer] = true;
		assert_memory_equal(cores->nodes[0]->up_buffers[record.buffer], "abc", 3);
	}
	peal_uplink_on_frame_done(uplink_of(cores), 17);
	assert_true(peal_uplink_frame(uplink_of(cores), &opened));
	assert_true(peal_fakecores_pop(cores, 0, &record));
	assert_int_equal(record.buffer, 17);
	peal_fakecores_destroy(cores);
}

/* A flood of join requests leaves room for what members say. */
static void
test_uplink__joiners_do_not_get_the_last_buffers(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create(1, "none");
	struct peal_opened member = make_opened(2);
	struct peal_opened joiner = make_opened(2);
	uint32_t taken_count = 0;

	(void)state;
	joiner.kind = PEAL_MESSAGE_JOIN_REQUEST;
	while (peal_uplink_frame(uplink_of(cores), &joiner)) {
		taken_count++;
	}
	assert_int_equal(taken_count, PEAL_PLANE_BUFFERS_MAX - PEAL_PLANE_MEMBER_BUFFERS);
	assert_int_equal(peal_fakecores_counter(cores, 0, PEAL_COUNTER_PLANE_UP_DROPPED), 1);
	for (uint32_t i = 0; i < PEAL_PLANE_MEMBER_BUFFERS; i++) {
		assert_true(peal_uplink_frame(uplink_of(cores), &member));
	}
	assert_false(peal_uplink_frame(uplink_of(cores), &member));
	peal_fakecores_destroy(cores);
}

static void
test_uplink__a_full_ring_costs_no_buffer(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create(1, "none");
	struct peal_opened opened = make_opened(2);

	(void)state;
	cores->nodes[0]->up.capacity = 2;
	for (uint32_t i = 0; i < 10; i++) {
		assert_int_equal(peal_uplink_frame(uplink_of(cores), &opened), i < 2);
	}
	assert_int_equal(uplink_of(cores)->free_count, PEAL_PLANE_BUFFERS_MAX - 2U);
	assert_int_equal(peal_fakecores_counter(cores, 0, PEAL_COUNTER_PLANE_UP_DROPPED), 8);
	peal_fakecores_destroy(cores);
}

static void
test_uplink__speaks_of_a_peer_once_in_a_while(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create(1, "none");
	struct peal_opened opened = make_opened(2);
	struct peal_opened other = make_opened(3);
	struct peal_record record;
	uint64_t now_ns = 1;

	(void)state;
	peal_uplink_tell(uplink_of(cores), &opened, false, now_ns);
	peal_uplink_tell(uplink_of(cores), &opened, false, now_ns + PEAL_OTHER_EPOCH_NS - 1U);
	other.standing = PEAL_STANDING_AHEAD;
	peal_uplink_tell(uplink_of(cores), &other, true, now_ns);
	peal_uplink_tell(uplink_of(cores), &opened, false, now_ns + PEAL_OTHER_EPOCH_NS);
	assert_true(peal_fakecores_pop(cores, 0, &record));
	assert_int_equal(record.kind, PEAL_RECORD_BEHIND);
	assert_int_equal(record.mid, 3);
	assert_int_equal(record.slot, 2);
	assert_int_equal(record.epoch, 5);
	assert_int_equal(record.reason, 0);
	assert_true(peal_fakecores_pop(cores, 0, &record));
	assert_int_equal(record.kind, PEAL_RECORD_AHEAD);
	assert_int_equal(record.mid, 4);
	assert_int_equal(record.reason, PEAL_AHEAD_NOT_MEMBER);
	assert_true(peal_fakecores_pop(cores, 0, &record));
	assert_int_equal(record.kind, PEAL_RECORD_BEHIND);
	assert_false(peal_fakecores_pop(cores, 0, &record));
	/* What found no room was not said. */
	cores->nodes[0]->up.capacity = 0;
	now_ns += 10U * PEAL_OTHER_EPOCH_NS;
	peal_uplink_tell(uplink_of(cores), &opened, false, now_ns);
	cores->nodes[0]->up.capacity = 1;
	peal_uplink_tell(uplink_of(cores), &opened, false, now_ns + 1U);
	assert_true(peal_fakecores_pop(cores, 0, &record));
	assert_int_equal(peal_fakecores_counter(cores, 0, PEAL_COUNTER_PLANE_UP_DROPPED), 1);
	peal_fakecores_destroy(cores);
}

static void
test_uplink__pays_all_it_owes(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create(1, "none");
	struct peal_uplink *uplink = uplink_of(cores);
	struct peal_ping_run *run = (struct peal_ping_run *)(void *)cores;
	struct peal_stream *streams = (struct peal_stream *)(void *)cores;
	struct peal_peers *peers = peal_fakecores_make_view(cores, 0, 1, 1, 0);
	struct peal_record record;
	uint32_t counts[32] = {0};

	(void)state;
	cores->nodes[0]->up.capacity = 1;
	assert_false(peal_uplink_is_owing(uplink));
	for (uint16_t buffer = 0; buffer < PEAL_PLANE_BUFFERS_MAX; buffer++) {
		peal_uplink_owe_buffer(uplink, buffer);
	}
	peal_uplink_switch(uplink, peers);
	peal_uplink_owe_ping(uplink, run);
	for (uint32_t i = 0; i < PEAL_STREAMS_MAX; i++) {
		peal_uplink_owe_stream(uplink, streams);
	}
	assert_int_equal(peal_uplink_deadline_at_ns(uplink), 0);
	while (peal_uplink_is_owing(uplink)) {
		/* With the ring full, what is left can wait a while. */
		peal_uplink_flush(uplink, 1000);
		assert_int_equal(peal_uplink_deadline_at_ns(uplink),
			peal_uplink_is_owing(uplink) ? 1000 + PEAL_UPLINK_RETRY_NS : UINT64_MAX);
		assert_true(peal_fakecores_pop(cores, 0, &record));
		counts[record.kind]++;
		if (record.kind == PEAL_RECORD_VIEW_DONE) {
			assert_int_equal(record.generation, peers->generation);
		}
		if (record.kind == PEAL_RECORD_PING_DONE) {
			assert_ptr_equal(record.ping, run);
		}
		if (record.kind == PEAL_RECORD_STREAM_DONE) {
			assert_ptr_equal(record.stream, streams);
		}
	}
	assert_int_equal(counts[PEAL_RECORD_SEND_DONE], PEAL_PLANE_BUFFERS_MAX);
	assert_int_equal(counts[PEAL_RECORD_VIEW_DONE], 1);
	assert_int_equal(counts[PEAL_RECORD_PING_DONE], 1);
	assert_int_equal(counts[PEAL_RECORD_STREAM_DONE], PEAL_STREAMS_MAX);
	peal_fakecores_destroy(cores);
}

static void
give_too_much(void *argument)
{
	peal_uplink_on_frame_done(argument, 0);
}

static void
give_nonsense(void *argument)
{
	peal_uplink_owe_buffer(argument, PEAL_PLANE_BUFFERS_MAX);
}

static void
test_uplink__a_buffer_too_many_is_a_bug(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create(1, "none");

	(void)state;
	assert_true(peal_test_dies(give_too_much, uplink_of(cores)));
	assert_true(peal_test_dies(give_nonsense, uplink_of(cores)));
	peal_fakecores_destroy(cores);
}

static void
test_uplink__gives_tallies_and_strangers(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(1, "none");
	struct peal_uplink *uplink = uplink_of(cores);
	const struct peal_vote_key key = {
		.kind = PEAL_VOTE_FAST, .ballot = {.round = 1}, .digest = {.low = 8}};
	struct peal_bitset ranks = {{0}};
	struct peal_tally_up tally;
	struct peal_record record;

	(void)state;
	peal_bitset_add(&ranks, PEAL_MEMBERS_MAX - 1U);
	assert_true(peal_uplink_tally(uplink, &key, &ranks, 6));
	assert_true(peal_fakecores_pop(cores, 0, &record));
	assert_int_equal(record.kind, PEAL_RECORD_TALLY);
	assert_int_equal(record.epoch, 6);
	assert_int_equal(record.slot, PEAL_SLOT_NONE);
	assert_int_equal(record.body_size, sizeof(tally));
	memcpy(&tally, cores->nodes[0]->up_buffers[record.buffer], sizeof(tally));
	assert_true(peal_vote_key_equals(&tally.key, &key));
	assert_true(peal_bitset_equals(&tally.ranks, &ranks));
	assert_int_equal(uplink->free_count, PEAL_PLANE_BUFFERS_MAX - 1U);
	peal_uplink_on_frame_done(uplink, record.buffer);
	/* No room, and no buffer: nothing happened. */
	cores->nodes[0]->up.capacity = 0;
	assert_false(peal_uplink_tally(uplink, &key, &ranks, 6));
	assert_int_equal(uplink->free_count, PEAL_PLANE_BUFFERS_MAX);
	peal_uplink_stranger(uplink, 44);
	assert_int_equal(peal_fakecores_counter(cores, 0, PEAL_COUNTER_PLANE_UP_DROPPED), 1);
	cores->nodes[0]->up.capacity = PEAL_PLANE_RECORDS_MAX;
	peal_uplink_stranger(uplink, 45);
	assert_true(peal_fakecores_pop(cores, 0, &record));
	assert_int_equal(record.kind, PEAL_RECORD_STRANGER);
	assert_int_equal(record.mid, 45);
	for (uint32_t i = 0; i < PEAL_PLANE_BUFFERS_MAX; i++) {
		assert_true(peal_uplink_tally(uplink, &key, &ranks, 6));
	}
	assert_false(peal_uplink_tally(uplink, &key, &ranks, 6));
	peal_fakecores_destroy(cores);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_uplink__a_buffer_too_many_is_a_bug),
		cmocka_unit_test(test_uplink__gives_frames_until_the_buffers_are_gone),
		cmocka_unit_test(test_uplink__joiners_do_not_get_the_last_buffers),
		cmocka_unit_test(test_uplink__a_full_ring_costs_no_buffer),
		cmocka_unit_test(test_uplink__speaks_of_a_peer_once_in_a_while),
		cmocka_unit_test(test_uplink__pays_all_it_owes),
		cmocka_unit_test(test_uplink__gives_tallies_and_strangers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
