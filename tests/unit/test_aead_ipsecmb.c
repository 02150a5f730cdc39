/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/crypto/aead_ipsecmb.h"

#include "base/limits.h"
#include "tests/lib/aead_check.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"
#include "tests/lib/gen.h"
#include "wire/crypto/aead_evp.h"

#include <string.h>

static struct peal_aead aead;
static struct peal_aead oracle;
static bool is_here;

static int
open_both(void **state)
{
	(void)state;
	is_here = peal_aead_ipsecmb_open(&aead);
	return peal_aead_evp_open(&oracle) ? 0 : -1;
}

static int
close_both(void **state)
{
	(void)state;
	peal_aead_evp_close(&oracle);
	if (is_here) {
		peal_aead_ipsecmb_close(&aead);
	}
	return aead.state == NULL ? 0 : -1;
}

/* Without the processor's instructions there is nothing to test here. */
static void
need_it(void **state)
{
	(void)state;
	if (!is_here) {
		print_message("the processor has no AES instructions\n");
		skip();
	}
}

static void
close_closed(void *argument)
{
	peal_aead_ipsecmb_close(argument);
}

static void
test_aead_ipsecmb__is_named_and_has_key_slot_1(void **state)
{
	need_it(state);
	assert_string_equal(aead.name, "ipsec_mb");
	assert_int_equal(aead.key_id, 1);
}

static void
test_aead_ipsecmb__does_not_close_what_is_closed(void **state)
{
	struct peal_aead nothing = {0};

	(void)state;
	assert_true(peal_test_dies(close_closed, &nothing));
}

static void
test_aead_ipsecmb__refuses_any_changed_bit(void **state)
{
	need_it(state);
	peal_check_aead_tampering(&aead);
}

static void
test_aead_ipsecmb__gives_the_published_answers(void **state)
{
	need_it(state);
	peal_check_aead_vectors(&aead);
}

static void
test_aead_ipsecmb__brings_random_frames_back(void **state)
{
	need_it(state);
	peal_check_aead_round_trips(&aead);
}

static void
test_aead_ipsecmb__seals_parts_as_one(void **state)
{
	need_it(state);
	peal_check_aead_parts(&aead);
}

static void
test_aead_ipsecmb__agrees_with_the_oracle_at_every_size(void **state)
{
	static uint8_t ours[PEAL_PAYLOAD_SIZE_MAX];
	static uint8_t theirs[PEAL_PAYLOAD_SIZE_MAX];
	struct peal_prng prng;

	need_it(state);
	peal_prng_init(&prng, 1);
	for (size_t size = 0; size <= PEAL_PAYLOAD_SIZE_MAX; size++) {
		size_t aad_size = peal_prng_below(&prng, 65);
		struct peal_aead_key our_key;
		struct peal_aead_key their_key;
		uint8_t raw[PEAL_AEAD_RAW_KEY_SIZE];
		uint8_t nonce[PEAL_AEAD_NONCE_SIZE];
		uint8_t aad[64];
		uint8_t our_tag[PEAL_AEAD_TAG_SIZE];
		uint8_t their_tag[PEAL_AEAD_TAG_SIZE];

		peal_gen_bytes(&prng, raw, sizeof(raw));
		peal_gen_bytes(&prng, nonce, sizeof(nonce));
		peal_gen_bytes(&prng, aad, sizeof(aad));
		peal_gen_bytes(&prng, ours, size);
		memcpy(theirs, ours, size);
		aead.expand(aead.state, raw, &our_key);
		oracle.expand(oracle.state, raw, &their_key);
		aead.seal(aead.state, &our_key, nonce, aad, aad_size, ours, size, our_tag);
		oracle.seal(
			oracle.state, &their_key, nonce, aad, aad_size, theirs, size, their_tag);
		assert_memory_equal(ours, theirs, size);
		assert_memory_equal(our_tag, their_tag, sizeof(our_tag));

		/* Each opens what the other one sealed, and refuses it when it is spoiled. */
		assert_true(oracle.open(
			oracle.state, &their_key, nonce, aad, aad_size, ours, size, our_tag));
		our_tag[size % sizeof(our_tag)] ^= 0x10;
		if (size > 0) {
			uint8_t spoiled[PEAL_PAYLOAD_SIZE_MAX];

			memcpy(spoiled, theirs, size);
			spoiled[peal_prng_below(&prng, size)] ^= 1U;
			assert_false(aead.open(aead.state, &our_key, nonce, aad, aad_size, spoiled,
				size, their_tag));
		}
		assert_true(aead.open(
			aead.state, &our_key, nonce, aad, aad_size, theirs, size, their_tag));
		assert_memory_equal(ours, theirs, size);
		assert_false(aead.open(
			aead.state, &our_key, nonce, aad, aad_size, theirs, size, our_tag));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_aead_ipsecmb__is_named_and_has_key_slot_1),
		cmocka_unit_test(test_aead_ipsecmb__does_not_close_what_is_closed),
		cmocka_unit_test(test_aead_ipsecmb__refuses_any_changed_bit),
		cmocka_unit_test(test_aead_ipsecmb__gives_the_published_answers),
		cmocka_unit_test(test_aead_ipsecmb__brings_random_frames_back),
		cmocka_unit_test(test_aead_ipsecmb__seals_parts_as_one),
		cmocka_unit_test(test_aead_ipsecmb__agrees_with_the_oracle_at_every_size),
	};

	return cmocka_run_group_tests(tests, open_both, close_both);
}
