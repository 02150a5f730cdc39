/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/sendqueue.h"

#include "tests/lib/cmocka_all.h"

#include <string.h>

#define CAPACITY 64U
#define HEAD     8U /* in front of each message; the message is rounded up to eight */

static _Alignas(8) uint8_t ring[CAPACITY];
static struct peal_sendqueue queue;
static uint64_t released[8];
static uint32_t released_count;

static void
note(void *state, uint64_t token)
{
	assert_ptr_equal(state, &queue);
	assert_true(released_count < 8);
	released[released_count++] = token;
}

static const struct peal_sendqueue_lender lender = {note, &queue};

static int
begin(void **state)
{
	(void)state;
	memset(ring, 0xEE, sizeof(ring));
	peal_sendqueue_init(&queue, ring, CAPACITY);
	released_count = 0;
	return 0;
}

static void
test_sendqueue__keeps_what_it_is_given(void **state)
{
	const uint8_t far[20] = "0123456789abcdefghi";
	uint8_t out[20];
	struct peal_sendqueue_entry entry;

	(void)state;
	assert_int_equal(queue.head, queue.tail);
	assert_true(peal_sendqueue_copy(&queue, (const uint8_t *)"seven", 5));
	assert_true(peal_sendqueue_copy(&queue, NULL, 0));
	assert_true(peal_sendqueue_lend(&queue, far, sizeof(far), 0x1122334455667788U));
	assert_true(peal_sendqueue_end(&queue));
	assert_int_equal(queue.accepted_count, 3); /* an end is no message */

	entry = peal_sendqueue_at(&queue, 0);
	assert_int_equal(entry.kind, PEAL_SENDQUEUE_COPY);
	assert_int_equal(entry.size, 5);
	peal_sendqueue_read(&queue, 0, &entry, 0, out, 5);
	assert_memory_equal(out, "seven", 5);
	peal_sendqueue_read(&queue, 0, &entry, 3, out, 2);
	assert_memory_equal(out, "en", 2);
	peal_sendqueue_read(&queue, 0, &entry, 5, out, 0);

	entry = peal_sendqueue_at(&queue, entry.next);
	assert_int_equal(entry.kind, PEAL_SENDQUEUE_COPY);
	assert_int_equal(entry.size, 0);

	uint64_t position = entry.next;

	entry = peal_sendqueue_at(&queue, position);
	assert_int_equal(entry.kind, PEAL_SENDQUEUE_LOAN);
	assert_int_equal(entry.size, sizeof(far));
	assert_ptr_equal(entry.loan, far);
	assert_true(entry.token == 0x1122334455667788U);
	peal_sendqueue_read(&queue, position, &entry, 17, out, 3);
	assert_memory_equal(out, "hi", 3);

	entry = peal_sendqueue_at(&queue, entry.next);
	assert_int_equal(entry.kind, PEAL_SENDQUEUE_END);
	assert_int_equal(entry.size, 0);
	assert_int_equal(entry.next, queue.head);
}

static void
test_sendqueue__is_full_to_the_last_byte(void **state)
{
	uint8_t bytes[CAPACITY] = {0};

	(void)state;
	assert_false(peal_sendqueue_copy(&queue, bytes, CAPACITY - HEAD + 1U));
	assert_int_equal(queue.head, 0);
	assert_int_equal(queue.accepted_count, 0);
	assert_true(peal_sendqueue_copy(&queue, bytes, CAPACITY - HEAD));
	assert_int_equal(queue.head, CAPACITY);
	assert_false(peal_sendqueue_copy(&queue, bytes, 0));
	assert_false(peal_sendqueue_lend(&queue, bytes, 1, 1));
	assert_false(peal_sendqueue_end(&queue));
	assert_int_equal(queue.head, CAPACITY);
	assert_int_equal(queue.accepted_count, 1);

	peal_sendqueue_release(&queue, CAPACITY, &lender);
	assert_int_equal(queue.tail, CAPACITY);
	assert_int_equal(queue.released_count, 1);
	assert_int_equal(released_count, 0);
	assert_true(peal_sendqueue_end(&queue));
}

static void
test_sendqueue__a_loan_takes_the_room_of_its_place_only(void **state)
{
	static const uint8_t huge[1000];

	(void)state;
	for (uint64_t token = 1; token <= 2; token++) {
		assert_true(peal_sendqueue_lend(&queue, huge, sizeof(huge), token));
	}
	assert_int_equal(queue.head, 48);
	assert_false(peal_sendqueue_lend(&queue, huge, 0, 3)); /* 24 bytes, 16 are left */
	assert_true(peal_sendqueue_copy(&queue, huge, 8));
	assert_int_equal(queue.head, CAPACITY);
}

static void
test_sendqueue__gives_loans_back_once_and_in_order(void **state)
{
	const uint8_t bytes[1] = {1};
	uint64_t behind_first;

	(void)state;
	assert_true(peal_sendqueue_lend(&queue, bytes, 1, 11));
	behind_first = queue.head;
	assert_true(peal_sendqueue_end(&queue));
	assert_true(peal_sendqueue_lend(&queue, NULL, 0, 12));
	peal_sendqueue_release(&queue, 0, &lender);
	assert_int_equal(released_count, 0);
	peal_sendqueue_release(&queue, behind_first, &lender);
	assert_int_equal(released_count, 1);
	peal_sendqueue_release(&queue, behind_first, &lender);
	assert_int_equal(released_count, 1);
	peal_sendqueue_release(&queue, queue.head, &lender);
	assert_int_equal(released_count, 2);
	assert_int_equal(released[0], 11);
	assert_int_equal(released[1], 12);
	assert_int_equal(queue.released_count, 2); /* the end is none */
	assert_int_equal(queue.tail, queue.head);
}

static void
test_sendqueue__is_roomy_when_half_is_free_and_nothing_lent(void **state)
{
	uint8_t bytes[CAPACITY] = {0};
	uint64_t half;

	(void)state;
	assert_true(peal_sendqueue_is_roomy(&queue));
	assert_true(peal_sendqueue_copy(&queue, bytes, CAPACITY / 2U - HEAD));
	half = queue.head;
	assert_true(peal_sendqueue_is_roomy(&queue));
	assert_true(peal_sendqueue_copy(&queue, bytes, 0));
	assert_false(peal_sendqueue_is_roomy(&queue));
	peal_sendqueue_release(&queue, half, &lender);
	assert_true(peal_sendqueue_is_roomy(&queue));
	/* Of a loan, however small, until it is given back, or up. */
	assert_true(peal_sendqueue_lend(&queue, bytes, 0, 1));
	assert_false(peal_sendqueue_is_roomy(&queue));
	assert_int_equal(
		peal_sendqueue_drop(&queue, queue.head - HEAD - 16U, CAPACITY, &lender), 1);
	assert_true(peal_sendqueue_is_roomy(&queue));
	assert_true(peal_sendqueue_lend(&queue, bytes, 0, 2));
	peal_sendqueue_release(&queue, queue.head, &lender);
	assert_true(peal_sendqueue_is_roomy(&queue));
	/* Who found no room has lent nothing. */
	assert_true(peal_sendqueue_copy(&queue, bytes, CAPACITY - HEAD));
	assert_false(peal_sendqueue_lend(&queue, bytes, 0, 3));
	peal_sendqueue_release(&queue, queue.head, &lender);
	assert_true(peal_sendqueue_is_roomy(&queue));
}

/* Every size at every place of the ring, loans too: bytes that wrap come out as they went in. */
static void
test_sendqueue__wraps_anywhere(void **state)
{
	uint8_t in[CAPACITY];
	uint8_t out[CAPACITY];

	(void)state;
	for (uint32_t round = 0; round < 2000; round++) {
		uint32_t size = round * 7U % (CAPACITY - HEAD + 1U);
		uint64_t position = queue.head;
		struct peal_sendqueue_entry entry;

		for (uint32_t i = 0; i < size; i++) {
			in[i] = (uint8_t)(round + i);
		}
		assert_true(peal_sendqueue_copy(&queue, in, size));
		entry = peal_sendqueue_at(&queue, position);
		assert_int_equal(entry.kind, PEAL_SENDQUEUE_COPY);
		assert_int_equal(entry.size, size);
		assert_int_equal(entry.next, queue.head);
		for (uint32_t offset = 0; offset <= size; offset++) {
			memset(out, 0, sizeof(out));
			peal_sendqueue_read(&queue, position, &entry, offset, out, size - offset);
			assert_memory_equal(out, in + offset, size - offset);
		}
		peal_sendqueue_release(&queue, entry.next, &lender);

		position = queue.head;
		assert_true(peal_sendqueue_lend(&queue, in, size, round));
		entry = peal_sendqueue_at(&queue, position);
		assert_ptr_equal(entry.loan, in);
		assert_int_equal(entry.token, round);
		assert_int_equal(entry.next, queue.head);
		released_count = 0;
		peal_sendqueue_release(&queue, entry.next, &lender);
		assert_int_equal(released_count, 1);
		assert_int_equal(released[0], round);
	}
	assert_int_equal(queue.accepted_count, 4000);
	assert_int_equal(queue.released_count, 4000);
}

static void
test_sendqueue__the_largest_copy_fills_it(void **state)
{
	const uint8_t bytes[CAPACITY] = {0};

	(void)state;
	assert_int_equal(peal_sendqueue_copy_size_max(CAPACITY), CAPACITY - HEAD);
	assert_false(peal_sendqueue_copy(&queue, bytes, CAPACITY - HEAD + 1U));
	assert_true(peal_sendqueue_copy(&queue, bytes, CAPACITY - HEAD));
	/* Of a huge queue it is the largest message that there is. */
	assert_int_equal(peal_sendqueue_copy_size_max(UINT32_C(1) << 31), PEAL_MESSAGE_SIZE_MAX);
}

/* Any number of messages before and behind those that go, anywhere in the ring. */
static void
test_sendqueue__gives_up_from_the_middle(void **state)
{
	(void)state;
	for (uint32_t round = 0; round < 64; round++) {
		uint32_t kept = round % 3U;
		uint64_t position = queue.tail;
		uint64_t from;
		uint8_t letter = 0;

		for (uint8_t i = 0; i < 4; i++) { /* four of sixteen fill it */
			assert_true(peal_sendqueue_copy(&queue, &i, 1));
		}
		for (uint32_t i = 0; i < kept; i++) {
			position = peal_sendqueue_at(&queue, position).next;
		}
		from = position;
		assert_int_equal(peal_sendqueue_drop(&queue, from, 16, &lender), 1);
		assert_int_equal(peal_sendqueue_drop(&queue, from, 16, &lender), 0);
		assert_int_equal(queue.head - queue.tail, 48);
		for (uint8_t i = 0; i < 3; i++) {
			struct peal_sendqueue_entry entry = peal_sendqueue_at(&queue, queue.tail);

			peal_sendqueue_read(&queue, queue.tail, &entry, 0, &letter, 1);
			assert_int_equal(letter, i < kept ? i : i + 1);
			peal_sendqueue_release(&queue, entry.next, &lender);
		}
		/* The beginning of the next round lies elsewhere. */
		assert_true(peal_sendqueue_end(&queue));
		peal_sendqueue_release(&queue, queue.head, &lender);
	}
	assert_int_equal(queue.released_count, queue.accepted_count);
}

static void
test_sendqueue__gives_up_loans_and_never_the_end(void **state)
{
	(void)state;
	assert_true(peal_sendqueue_lend(&queue, NULL, 0, 1));
	assert_true(peal_sendqueue_lend(&queue, NULL, 0, 2));
	assert_true(peal_sendqueue_end(&queue));
	assert_int_equal(peal_sendqueue_drop(&queue, 24, CAPACITY, &lender), 1);
	assert_int_equal(released_count, 1);
	assert_int_equal(released[0], 2);
	assert_int_equal(peal_sendqueue_at(&queue, 24).kind, PEAL_SENDQUEUE_END);
	peal_sendqueue_release(&queue, queue.head, &lender);
	assert_int_equal(released_count, 2);
	assert_int_equal(released[1], 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_sendqueue__keeps_what_it_is_given, begin),
		cmocka_unit_test_setup(test_sendqueue__is_full_to_the_last_byte, begin),
		cmocka_unit_test_setup(
			test_sendqueue__a_loan_takes_the_room_of_its_place_only, begin),
		cmocka_unit_test_setup(test_sendqueue__gives_loans_back_once_and_in_order, begin),
		cmocka_unit_test_setup(
			test_sendqueue__is_roomy_when_half_is_free_and_nothing_lent, begin),
		cmocka_unit_test_setup(test_sendqueue__wraps_anywhere, begin),
		cmocka_unit_test_setup(test_sendqueue__the_largest_copy_fills_it, begin),
		cmocka_unit_test_setup(test_sendqueue__gives_up_from_the_middle, begin),
		cmocka_unit_test_setup(test_sendqueue__gives_up_loans_and_never_the_end, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
