/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/downlink.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"
#include "tests/lib/fakecore.h"
#include "wire/messages.h"

/* As control sends it: the flood prefix first. */
static const uint8_t body[24] = "prefix, 16 bytes; vote.";

static uint64_t
counter(const struct peal_fakecores *cores, enum peal_counter id)
{
	return peal_fakecores_counter(cores, 0, id);
}

/* One SEND, one turn of everybody. Returns the FRAME records that arrived at nodes 1 to 3. */
static uint32_t
send(struct peal_fakecores *cores, struct peal_record record, uint32_t arrived[4])
{
	uint32_t total = 0;

	peal_fakecores_send(cores, 0, record, 5, body, sizeof(body));
	peal_fakecores_turn_all(cores);
	peal_fakecores_turn_all(cores);
	for (uint32_t i = 1; i < 4; i++) {
		arrived[i] = peal_fakecores_drain(cores, i, PEAL_RECORD_FRAME);
		total += arrived[i];
	}
	/* Whatever became of it, the buffer comes back. */
	assert_true(peal_fakecores_find(cores, 0, PEAL_RECORD_SEND_DONE, &record));
	assert_int_equal(record.buffer, 5);
	return total;
}

static void
test_downlink__sends_to_everybody_else(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(4, NULL);
	const struct peal_record record = {.message = PEAL_MESSAGE_VOTE, .target = PEAL_TARGET_ALL};
	uint32_t arrived[4];

	(void)state;
	assert_int_equal(send(cores, record, arrived), 3);
	assert_int_equal(arrived[1], 1);
	assert_int_equal(arrived[2], 1);
	assert_int_equal(arrived[3], 1);
	assert_int_equal(cores->wire->ports[0].sent_count, 3);
	peal_fakecores_destroy(cores);
}

/* There are no trees in a small view: votes go to everybody there. */
static void
test_downlink__a_vote_for_trees_of_a_small_view_is_stale(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(4, "none");
	const struct peal_record record = {.message = PEAL_MESSAGE_VOTE_UP,
		.target = PEAL_TARGET_TREE,
		.epoch = PEAL_FAKECORE_EPOCH};
	uint32_t arrived[4];

	(void)state;
	assert_int_equal(send(cores, record, arrived), 0);
	assert_int_equal(counter(cores, PEAL_COUNTER_SENDS_STALE), 1);
	assert_int_equal(cores->wire->ports[0].sent_count, 0);
	peal_fakecores_destroy(cores);
}

static void
test_downlink__sends_to_one_member_or_departed(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(4, "none");
	struct peal_record record = {
		.message = PEAL_MESSAGE_DECIDE, .target = PEAL_TARGET_SLOT, .slot = 2, .mid = 3};
	uint32_t arrived[4];

	(void)state;
	assert_int_equal(send(cores, record, arrived), 1);
	assert_int_equal(arrived[2], 1);
	peal_fakecores_install(cores, 0, PEAL_FAKECORE_EPOCH + 1U, 0xB, 0x4);
	assert_int_equal(send(cores, record, arrived), 1);
	assert_int_equal(arrived[2], 1);
	peal_fakecores_destroy(cores);
}

static void
test_downlink__drops_what_has_no_receiver_any_more(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(4, "none");
	struct peal_record record = {
		.message = PEAL_MESSAGE_VOTE, .target = PEAL_TARGET_SLOT, .slot = 2, .mid = 33};
	uint32_t arrived[4];

	(void)state;
	assert_int_equal(send(cores, record, arrived), 0);
	record.slot = 77;
	record.mid = 0;
	assert_int_equal(send(cores, record, arrived), 0);
	record.slot = PEAL_SLOT_NONE;
	record.mid = 3;
	assert_int_equal(send(cores, record, arrived), 0);
	assert_int_equal(counter(cores, PEAL_COUNTER_SENDS_STALE), 3);
	/* No member of anything: nobody to send to. */
	peal_fakecores_install(cores, 0, 0, 0, 0);
	record.target = PEAL_TARGET_ALL;
	assert_int_equal(send(cores, record, arrived), 0);
	record.target = PEAL_TARGET_SLOT;
	record.slot = 2;
	assert_int_equal(send(cores, record, arrived), 0);
	assert_int_equal(counter(cores, PEAL_COUNTER_SENDS_STALE), 5);
	peal_fakecores_destroy(cores);
}

static void
test_downlink__sends_family_0_to_an_address(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create(4, NULL);
	struct peal_record record = {.message = PEAL_MESSAGE_INSTALL,
		.target = PEAL_TARGET_ADDRESS,
		.address = peal_fakecores_address(3)};
	uint32_t arrived[4];

	(void)state;
	assert_int_equal(send(cores, record, arrived), 1);
	assert_int_equal(arrived[3], 1);
	/* Without a MAC the first waits for an answer. */
	memset(record.address.mac, 0, sizeof(record.address.mac));
	assert_int_equal(send(cores, record, arrived), 1);
	assert_int_equal(counter(cores, PEAL_COUNTER_NEIGHBOURS_UNKNOWN), 0);
	assert_int_equal(counter(cores, PEAL_COUNTER_NEIGHBOURS_AWAITED), 1);
	assert_int_equal(counter(cores, PEAL_COUNTER_ARP_REQUESTS), 1);
	assert_int_equal(send(cores, record, arrived), 1);
	peal_fakecores_destroy(cores);
}

struct bad {
	struct peal_fakecores *cores;
	struct peal_record record;
};

static void
send_bad(void *argument)
{
	struct bad *bad = argument;

	bad->record.kind = PEAL_RECORD_SEND;
	peal_fakecores_push(bad->cores, 0, &bad->record);
	peal_fakecores_turn(bad->cores, 0);
}

static void
test_downlink__what_control_must_not_do(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(2, "none");
	const struct peal_record good = {.message = PEAL_MESSAGE_VOTE, .target = PEAL_TARGET_ALL};
	struct bad bad = {.cores = cores, .record = good};

	(void)state;
	assert_false(peal_test_dies(send_bad, &bad));
	bad.record.buffer = PEAL_PLANE_BUFFERS_MAX;
	assert_true(peal_test_dies(send_bad, &bad));
	bad.record = good;
	bad.record.body_size = PEAL_BODY_SIZE_MAX + 1U;
	assert_true(peal_test_dies(send_bad, &bad));
	bad.record = good;
	bad.record.message = 0x7F;
	assert_true(peal_test_dies(send_bad, &bad));
	bad.record = good;
	bad.record.message = PEAL_MESSAGE_INSTALL; /* family 0 has no members */
	assert_true(peal_test_dies(send_bad, &bad));
	bad.record = good;
	bad.record.target = PEAL_TARGET_ADDRESS; /* and only family 0 has addresses */
	assert_true(peal_test_dies(send_bad, &bad));
	bad.record = good;
	bad.record.target = 9;
	assert_true(peal_test_dies(send_bad, &bad));
	peal_fakecores_destroy(cores);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_downlink__what_control_must_not_do),
		cmocka_unit_test(test_downlink__drops_what_has_no_receiver_any_more),
		cmocka_unit_test(test_downlink__sends_to_everybody_else),
		cmocka_unit_test(test_downlink__a_vote_for_trees_of_a_small_view_is_stale),
		cmocka_unit_test(test_downlink__sends_to_one_member_or_departed),
		cmocka_unit_test(test_downlink__sends_family_0_to_an_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
