/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/reach_msg.h"

#include "tests/lib/cmocka_all.h"

#include <string.h>

static uint8_t bytes[PEAL_BODY_SIZE_MAX];

static const struct peal_reach_msg reach = {.joiner = {.low = 1, .high = 2},
	.token = 3,
	.address = {.ipv4 = 0x0A000001, .port = 7400, .mac = {2, 3, 4, 5, 6, 7}}};

static const struct peal_unreachable_msg unreachable = {.joiner = {.low = 1, .high = 2},
	.answerer = {.low = 3, .high = 4},
	.count = 2,
	.asked = 5,
	.needed = 4,
	.observers = {{.ipv4 = 0x0A000001, .port = 7400}, {.ipv4 = 0x0A000002, .port = 7401}}};

static size_t
write_reach(void)
{
	struct peal_writer writer = peal_writer_init(bytes, sizeof(bytes));

	peal_reach_msg_encode(&reach, &writer);
	assert_true(writer.is_ok);
	return writer.offset;
}

static size_t
write_unreachable(void)
{
	struct peal_writer writer = peal_writer_init(bytes, sizeof(bytes));

	peal_unreachable_msg_encode(&unreachable, &writer);
	assert_true(writer.is_ok);
	return writer.offset;
}

static bool
reads_reach(size_t size)
{
	struct peal_reader reader = peal_reader_init(bytes, size);
	struct peal_reach_msg message;

	return peal_reach_msg_decode(&reader, &message);
}

static bool
reads_unreachable(size_t size)
{
	struct peal_reader reader = peal_reader_init(bytes, size);
	struct peal_unreachable_msg message;

	return peal_unreachable_msg_decode(&reader, &message);
}

static void
test_reach_msg__come_back_as_they_were(void **state)
{
	struct peal_reach_msg reach_back;
	struct peal_unreachable_msg unreachable_back;
	struct peal_reader reader;

	(void)state;
	assert_int_equal(write_reach(), 40);
	reader = peal_reader_init(bytes, 40);
	assert_true(peal_reach_msg_decode(&reader, &reach_back));
	assert_memory_equal(&reach_back, &reach, sizeof(reach));
	assert_int_equal(write_unreachable(), 40 + 2 * 8);
	reader = peal_reader_init(bytes, 56);
	assert_true(peal_unreachable_msg_decode(&reader, &unreachable_back));
	assert_memory_equal(&unreachable_back, &unreachable, sizeof(unreachable));
}

static void
test_reach_msg__may_have_ipv6_addresses(void **state)
{
	struct peal_reach_msg message = reach;
	struct peal_unreachable_msg two = unreachable;
	struct peal_writer writer = peal_writer_init(bytes, sizeof(bytes));

	(void)state;
	message.address.ipv6_head = UINT64_C(0xFD00007700000000);
	peal_reach_msg_encode(&message, &writer);
	assert_int_equal(writer.offset, 56);
	assert_memory_equal(bytes + 24, "\0\0\0", 4);
	assert_memory_equal(bytes + 40, "\xFD\0\0\x77\0\0\0\0\0\0\0\0\x0A\0\0\x01", 16);
	assert_true(reads_reach(56));
	assert_false(reads_reach(40));
	bytes[40] = 0xFF; /* a group */
	assert_false(reads_reach(56));
	memset(bytes + 40, 0, 12); /* an IPv4 address has its own place */
	assert_false(reads_reach(56));

	two.observers[0].ipv6_head = UINT64_C(0xFD00007700000000);
	writer = peal_writer_init(bytes, sizeof(bytes));
	peal_unreachable_msg_encode(&two, &writer);
	assert_int_equal(writer.offset, 40 + 24 + 8);
	assert_true(reads_unreachable(writer.offset));
	assert_false(reads_unreachable(writer.offset - 16U));
}

static void
test_reach_msg__are_refused_when_cut_or_longer(void **state)
{
	(void)state;
	for (size_t size = 0; size <= 41; size++) {
		(void)write_reach();
		bytes[40] = 0;
		assert_int_equal(reads_reach(size), size == 40);
	}
	for (size_t size = 0; size <= 57; size++) {
		(void)write_unreachable();
		bytes[56] = 0;
		assert_int_equal(reads_unreachable(size), size == 56);
	}
}

/* Changes one byte of a good message; true when it is refused then. */
static bool
is_reach_refused(size_t place, uint8_t value)
{
	size_t size = write_reach();

	bytes[place] = value;
	return !reads_reach(size);
}

static bool
is_unreachable_refused(size_t place, uint8_t value)
{
	size_t size = write_unreachable();

	bytes[place] = value;
	return !reads_unreachable(size);
}

static void
test_reach_msg__are_refused_when_they_cannot_be(void **state)
{
	(void)state;
	assert_true(is_reach_refused(30, 3)); /* a group's MAC */
	assert_true(is_reach_refused(36, 1)); /* padding */
	(void)write_reach();
	memset(bytes, 0, 16); /* nobody */
	assert_false(reads_reach(40));
	(void)write_reach();
	memset(bytes + 24, 0, 4); /* nowhere */
	assert_false(reads_reach(40));

	assert_true(is_unreachable_refused(32, 0));  /* none missing */
	assert_true(is_unreachable_refused(32, 3));  /* more than follow */
	assert_true(is_unreachable_refused(33, 17)); /* more than there are rings */
	assert_true(is_unreachable_refused(33, 1));  /* fewer than are missing */
	assert_true(is_unreachable_refused(34, 3));  /* three of five are enough then */
	assert_true(is_unreachable_refused(34, 6));  /* more than were asked */
	assert_true(is_unreachable_refused(35, 1));  /* padding */
	assert_true(is_unreachable_refused(47, 1));  /* padding of an observer */
	(void)write_unreachable();
	memset(bytes + 44, 0, 2); /* no port */
	assert_false(reads_unreachable(56));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reach_msg__come_back_as_they_were),
		cmocka_unit_test(test_reach_msg__may_have_ipv6_addresses),
		cmocka_unit_test(test_reach_msg__are_refused_when_cut_or_longer),
		cmocka_unit_test(test_reach_msg__are_refused_when_they_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
