/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/outbox.h"

#include "base/prng.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"

#include <string.h>

static struct peal_outbox outbox;

static const struct peal_effect to_all = {.kind = PEAL_EFFECT_SEND_ALL, .message = 0x30};

static void
add_one(void *argument)
{
	peal_outbox_add(&outbox, argument);
}

static void
open_too_large(void *argument)
{
	(void)argument;
	(void)peal_outbox_open(&outbox, &to_all, PEAL_OUTBOX_BYTES_MAX - outbox.used + 1U);
}

static void
commit_overflow(void *argument)
{
	struct peal_writer writer = peal_outbox_open(&outbox, &to_all, 3);

	(void)argument;
	peal_write_u32(&writer, 1);
	peal_outbox_commit(&outbox, &writer);
}

static void
commit_another(void *argument)
{
	struct peal_writer first = peal_outbox_open(&outbox, &to_all, 8);
	struct peal_writer second = peal_outbox_open(&outbox, &to_all, 8);

	(void)argument;
	peal_write_u32(&second, 1);
	peal_outbox_commit(&outbox, &second);
	peal_outbox_commit(&outbox, &first);
}

static void
read_behind(void *argument)
{
	(void)argument;
	(void)peal_outbox_body(&outbox, outbox.count);
}

static void
test_outbox__refuses_what_was_not_promised(void **state)
{
	struct peal_effect effect = to_all;

	(void)state;
	peal_outbox_reset(&outbox);
	assert_true(peal_test_dies(read_behind, NULL));
	assert_true(peal_test_dies(commit_overflow, NULL));
	assert_true(peal_test_dies(commit_another, NULL));
	assert_true(peal_test_dies(open_too_large, NULL));
	effect.kind = 0;
	assert_true(peal_test_dies(add_one, &effect));
	effect.kind = PEAL_EFFECT_WANT + 1;
	assert_true(peal_test_dies(add_one, &effect));
}

static void
test_outbox__holds_as_many_effects_as_it_says(void **state)
{
	struct peal_effect effect = to_all;

	(void)state;
	peal_outbox_reset(&outbox);
	for (uint32_t i = 0; i < PEAL_OUTBOX_EFFECTS_MAX; i++) {
		peal_outbox_add(&outbox, &effect);
	}
	assert_int_equal(outbox.count, PEAL_OUTBOX_EFFECTS_MAX);
	assert_true(peal_test_dies(add_one, &effect));
	peal_outbox_reset(&outbox);
	peal_outbox_add(&outbox, &effect);
	assert_int_equal(outbox.count, 1);
}

static void
test_outbox__holds_as_many_bytes_as_it_says(void **state)
{
	static uint8_t body[PEAL_OUTBOX_BYTES_MAX];

	(void)state;
	peal_outbox_reset(&outbox);
	struct peal_writer writer = peal_outbox_open(&outbox, &to_all, PEAL_OUTBOX_BYTES_MAX);
	peal_write_bytes(&writer, body, sizeof(body));
	peal_outbox_commit(&outbox, &writer);
	assert_int_equal(outbox.used, PEAL_OUTBOX_BYTES_MAX);
	assert_true(peal_test_dies(open_too_large, NULL));
	peal_outbox_add(&outbox, &to_all); /* without a body there is room */
	assert_int_equal(outbox.effects[1].body_size, 0);
}

static void
test_outbox__keeps_fields_and_gives_back_unused_bytes(void **state)
{
	const struct peal_effect effect = {.kind = PEAL_EFFECT_SEND_ADDRESS,
		.message = 0x02,
		.rank = 3,
		.mid = 4,
		.body_offset = 99, /* what the caller says of the body does not count */
		.body_size = 99,
		.address = {.ipv4 = 5, .port = 6, .mac = {7}}};

	(void)state;
	peal_outbox_reset(&outbox);
	struct peal_writer writer = peal_outbox_open(&outbox, &effect, 1000);
	peal_write_u8(&writer, 42);
	peal_outbox_commit(&outbox, &writer);
	assert_int_equal(outbox.used, 1);
	assert_int_equal(outbox.effects[0].body_offset, 0);
	assert_int_equal(outbox.effects[0].body_size, 1);
	assert_int_equal(*peal_outbox_body(&outbox, 0), 42);
	assert_int_equal(outbox.effects[0].kind, effect.kind);
	assert_int_equal(outbox.effects[0].message, effect.message);
	assert_int_equal(outbox.effects[0].rank, effect.rank);
	assert_int_equal(outbox.effects[0].mid, effect.mid);
	assert_memory_equal(&outbox.effects[0].address, &effect.address, sizeof(effect.address));
}

static void
test_outbox__forgets_an_effect_that_was_not_committed(void **state)
{
	(void)state;
	peal_outbox_reset(&outbox);
	struct peal_writer writer = peal_outbox_open(&outbox, &to_all, 8);
	peal_write_u8(&writer, 1);
	peal_outbox_add(&outbox, &to_all);
	assert_int_equal(outbox.count, 1);
	assert_int_equal(outbox.used, 0);
}

static void
test_outbox__keeps_random_bodies_apart(void **state)
{
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 1);
	for (uint32_t round = 0; round < 50; round++) {
		uint32_t sizes[PEAL_OUTBOX_EFFECTS_MAX];
		uint32_t count = 1U + (uint32_t)peal_prng_below(&prng, PEAL_OUTBOX_EFFECTS_MAX);

		peal_outbox_reset(&outbox);
		for (uint32_t i = 0; i < count; i++) {
			sizes[i] = (uint32_t)peal_prng_below(&prng, 700);
			struct peal_writer writer = peal_outbox_open(&outbox, &to_all, sizes[i]);

			for (uint32_t j = 0; j < sizes[i]; j++) {
				peal_write_u8(&writer, (uint8_t)(i + j));
			}
			peal_outbox_commit(&outbox, &writer);
		}
		for (uint32_t i = 0; i < count; i++) {
			const uint8_t *body = peal_outbox_body(&outbox, i);

			assert_int_equal(outbox.effects[i].body_size, sizes[i]);
			for (uint32_t j = 0; j < sizes[i]; j++) {
				assert_int_equal(body[j], (uint8_t)(i + j));
			}
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_outbox__refuses_what_was_not_promised),
		cmocka_unit_test(test_outbox__holds_as_many_effects_as_it_says),
		cmocka_unit_test(test_outbox__holds_as_many_bytes_as_it_says),
		cmocka_unit_test(test_outbox__keeps_fields_and_gives_back_unused_bytes),
		cmocka_unit_test(test_outbox__forgets_an_effect_that_was_not_committed),
		cmocka_unit_test(test_outbox__keeps_random_bodies_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
