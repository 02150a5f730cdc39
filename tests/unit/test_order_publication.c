/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/order_publication.h"

#include "tests/lib/cmocka_all.h"

#include <string.h>

static const uint8_t data[] = "data";

static struct peal_order_publication
make(uint8_t kind)
{
	bool is_frame = kind == PEAL_ORDER_PUBLICATION_FRAME;
	bool is_range = kind != PEAL_ORDER_PUBLICATION_SUBSCRIBE;

	return (struct peal_order_publication){.group = 7,
		.configuration = 0xC0FFEE,
		.from = is_range ? 12 : 0,
		.to = is_range ? (is_frame ? 12 : 20) : 0,
		.kind = kind,
		.rank = is_frame ? 2 : 0,
		.member = is_frame ? 101 : 0,
		.bytes = is_frame ? data : NULL,
		.size = is_frame ? sizeof(data) : 0};
}

static void
test_order_publication__each_kind_comes_back_as_it_went(void **state)
{
	(void)state;
	for (uint8_t kind = 1; kind <= 3; kind++) {
		struct peal_order_publication sent = make(kind);
		struct peal_order_publication heard;
		uint8_t bytes[PEAL_ORDER_PUBLICATION_HEAD_SIZE + sizeof(data) + 1U] = {0};
		uint32_t size = peal_order_publication_encode(&sent, bytes);

		assert_int_equal(size, PEAL_ORDER_PUBLICATION_HEAD_SIZE + sent.size);
		assert_true(peal_order_publication_is_one(bytes, size));
		assert_true(peal_order_publication_decode(bytes, size, &heard));
		assert_int_equal(heard.group, sent.group);
		assert_int_equal(heard.configuration, sent.configuration);
		assert_int_equal(heard.from, sent.from);
		assert_int_equal(heard.to, sent.to);
		assert_int_equal(heard.kind, kind);
		assert_int_equal(heard.rank, sent.rank);
		assert_int_equal(heard.member, sent.member);
		assert_int_equal(heard.size, sent.size);
		assert_memory_equal(heard.bytes, data, heard.size);
		for (uint32_t cut = 0; cut < PEAL_ORDER_PUBLICATION_HEAD_SIZE; cut++) {
			assert_false(peal_order_publication_decode(bytes, cut, &heard));
		}
		assert_int_equal(peal_order_publication_decode(bytes, size + 1U, &heard),
			kind == PEAL_ORDER_PUBLICATION_FRAME);
	}
	assert_false(peal_order_publication_is_one(data, sizeof(data)));
	assert_false(peal_order_publication_is_one((const uint8_t *)"0123456789", 10));
}

static bool
is_taken(const struct peal_order_publication *publication)
{
	struct peal_order_publication heard;
	uint8_t bytes[PEAL_ORDER_PUBLICATION_HEAD_SIZE + sizeof(data)];
	uint32_t size = peal_order_publication_encode(publication, bytes);

	return peal_order_publication_decode(bytes, size, &heard);
}

static void
test_order_publication__what_cannot_be_is_refused(void **state)
{
	struct peal_order_publication frame = make(PEAL_ORDER_PUBLICATION_FRAME);
	struct peal_order_publication skipped = make(PEAL_ORDER_PUBLICATION_SKIPPED);
	struct peal_order_publication subscribe = make(PEAL_ORDER_PUBLICATION_SUBSCRIBE);
	struct peal_order_publication wrong;

	(void)state;
#define REFUSES(good, field, value)                                                                \
	wrong = (good);                                                                            \
	wrong.field = (value);                                                                     \
	assert_false(is_taken(&wrong))

	assert_true(is_taken(&frame));
	REFUSES(frame, from, 0);
	REFUSES(frame, to, 13);
	REFUSES(frame, rank, PEAL_ORDER_RANKS_MAX);
	REFUSES(frame, member, 0);
	REFUSES(frame, size, 0);
	REFUSES(frame, kind, 0);
	REFUSES(frame, kind, 4);
	REFUSES(skipped, from, 21);
	REFUSES(skipped, to, PEAL_ORDER_COUNT_MAX);
	REFUSES(skipped, member, 1);
	REFUSES(skipped, rank, 1);
	REFUSES(subscribe, from, 1);
	REFUSES(subscribe, to, 1);
	REFUSES(subscribe, member, 1);
	REFUSES(subscribe, rank, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_publication__each_kind_comes_back_as_it_went),
		cmocka_unit_test(test_order_publication__what_cannot_be_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
