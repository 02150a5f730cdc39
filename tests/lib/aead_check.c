/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/aead_check.h"

#include "base/limits.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/gen.h"

#include <stdio.h>
#include <string.h>

#define SIZE_MAX_CHECKED PEAL_PAYLOAD_SIZE_MAX

struct vector {
	const char *key;
	const char *nonce;
	const char *aad;
	const char *plain;
	const char *sealed;
	const char *tag;
};

/* Test cases 1, 2, 3 and 4 of the specification of GCM. */
static const struct vector vectors[] = {
	{"00000000000000000000000000000000", "000000000000000000000000", "", "", "",
		"58e2fccefa7e3061367f1d57a4e7455a"},
	{"00000000000000000000000000000000", "000000000000000000000000", "",
		"00000000000000000000000000000000", "0388dace60b6a392f328c2b971b2fe78",
		"ab6e47d42cec13bdf53a67b21257bddf"},
	{"feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888", "",
		"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
		"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
		"42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
		"21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091473f5985",
		"4d5c2af327cd64a62cf35abd2ba6fab4"},
	{"feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
		"feedfacedeadbeeffeedfacedeadbeefabaddad2",
		"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
		"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
		"42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
		"21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
		"5bc94fbc3221a5db94fae95ae7121a47"},
};

static size_t
parse_hex(const char *text, uint8_t *bytes_out)
{
	size_t size = strlen(text) / 2U;

	for (size_t i = 0; i < size; i++) {
		unsigned int value = 0;

		assert_int_equal(sscanf(text + 2U * i, "%2x", &value), 1);
		bytes_out[i] = (uint8_t)value;
	}
	return size;
}

void
peal_check_aead_vectors(const struct peal_aead *aead)
{
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		struct peal_aead_key key;
		uint8_t raw[PEAL_AEAD_RAW_KEY_SIZE];
		uint8_t nonce[PEAL_AEAD_NONCE_SIZE];
		uint8_t aad[64];
		uint8_t plain[64];
		uint8_t sealed[64];
		uint8_t data[64];
		uint8_t tag[PEAL_AEAD_TAG_SIZE];
		uint8_t tag_expected[PEAL_AEAD_TAG_SIZE];

		assert_int_equal(parse_hex(vectors[i].key, raw), sizeof(raw));
		assert_int_equal(parse_hex(vectors[i].nonce, nonce), sizeof(nonce));
		assert_int_equal(parse_hex(vectors[i].tag, tag_expected), sizeof(tag_expected));
		size_t aad_size = parse_hex(vectors[i].aad, aad);
		size_t size = parse_hex(vectors[i].plain, plain);
		assert_int_equal(parse_hex(vectors[i].sealed, sealed), size);

		aead->expand(aead->state, raw, &key);
		memcpy(data, plain, size);
		aead->seal(aead->state, &key, nonce, aad, aad_size, data, size, tag);
		assert_memory_equal(data, sealed, size);
		assert_memory_equal(tag, tag_expected, sizeof(tag));
		assert_true(aead->open(aead->state, &key, nonce, aad, aad_size, data, size, tag));
		assert_memory_equal(data, plain, size);
	}
}

/* One sealed frame, and copies of its parts that are spoiled one by one. */
struct sealed {
	struct peal_aead_key key;
	uint8_t nonce[PEAL_AEAD_NONCE_SIZE];
	uint8_t aad[PEAL_HEADER_SIZE];
	uint8_t data[80];
	uint8_t tag[PEAL_AEAD_TAG_SIZE];
};

static bool
open_copy(const struct peal_aead *aead, const struct sealed *sealed)
{
	uint8_t data[sizeof(sealed->data)];

	memcpy(data, sealed->data, sizeof(data));
	return aead->open(aead->state, &sealed->key, sealed->nonce, sealed->aad,
		sizeof(sealed->aad), data, sizeof(data), sealed->tag);
}

static void
check_each_bit(const struct peal_aead *aead, struct sealed *sealed, uint8_t *part, size_t size)
{
	for (size_t bit = 0; bit < 8U * size; bit++) {
		part[bit / 8U] ^= (uint8_t)(1U << (bit % 8U));
		assert_false(open_copy(aead, sealed));
		part[bit / 8U] ^= (uint8_t)(1U << (bit % 8U));
	}
	assert_true(open_copy(aead, sealed));
}

void
peal_check_aead_tampering(const struct peal_aead *aead)
{
	static struct sealed sealed;
	uint8_t raw[PEAL_AEAD_RAW_KEY_SIZE];
	struct peal_prng prng;

	peal_prng_init(&prng, 1);
	peal_gen_bytes(&prng, &sealed, sizeof(sealed));
	peal_gen_bytes(&prng, raw, sizeof(raw));
	aead->expand(aead->state, raw, &sealed.key);
	aead->seal(aead->state, &sealed.key, sealed.nonce, sealed.aad, sizeof(sealed.aad),
		sealed.data, sizeof(sealed.data), sealed.tag);
	check_each_bit(aead, &sealed, sealed.data, sizeof(sealed.data));
	check_each_bit(aead, &sealed, sealed.aad, sizeof(sealed.aad));
	check_each_bit(aead, &sealed, sealed.tag, sizeof(sealed.tag));
	if (aead->key_id == 0) {
		return;
	}
	check_each_bit(aead, &sealed, sealed.nonce, sizeof(sealed.nonce));
	for (size_t bit = 0; bit < 8U * sizeof(raw); bit++) {
		raw[bit / 8U] ^= (uint8_t)(1U << (bit % 8U));
		aead->expand(aead->state, raw, &sealed.key);
		assert_false(open_copy(aead, &sealed));
		raw[bit / 8U] ^= (uint8_t)(1U << (bit % 8U));
	}
}

void
peal_check_aead_round_trips(const struct peal_aead *aead)
{
	static uint8_t plain[SIZE_MAX_CHECKED];
	static uint8_t data[SIZE_MAX_CHECKED];
	struct peal_prng prng;

	peal_prng_init(&prng, 2);
	for (uint32_t round = 0; round < 2000; round++) {
		size_t size = peal_prng_below(&prng, SIZE_MAX_CHECKED + 1U);
		struct peal_aead_key key;
		uint8_t raw[PEAL_AEAD_RAW_KEY_SIZE];
		uint8_t nonce[PEAL_AEAD_NONCE_SIZE];
		uint8_t aad[PEAL_HEADER_SIZE];
		uint8_t tag[PEAL_AEAD_TAG_SIZE];

		peal_gen_bytes(&prng, raw, sizeof(raw));
		peal_gen_bytes(&prng, nonce, sizeof(nonce));
		peal_gen_bytes(&prng, aad, sizeof(aad));
		peal_gen_bytes(&prng, plain, size);
		memcpy(data, plain, size);
		aead->expand(aead->state, raw, &key);
		aead->seal(aead->state, &key, nonce, aad, sizeof(aad), data, size, tag);
		if (aead->key_id != 0 && size >= 16) {
			assert_memory_not_equal(data, plain, size);
		}
		assert_true(
			aead->open(aead->state, &key, nonce, aad, sizeof(aad), data, size, tag));
		assert_memory_equal(data, plain, size);
	}
}

void
peal_check_aead_parts(const struct peal_aead *aead)
{
	static uint8_t plain[PEAL_LARGE_BODY_SIZE_MAX];
	static uint8_t whole[PEAL_LARGE_BODY_SIZE_MAX];
	static uint8_t parts_data[PEAL_LARGE_BODY_SIZE_MAX + 1U];
	static uint8_t rest[PEAL_LARGE_BODY_SIZE_MAX];
	uint8_t raw[PEAL_AEAD_RAW_KEY_SIZE], nonce[PEAL_AEAD_NONCE_SIZE], aad[PEAL_HEADER_SIZE];
	struct peal_aead_key key;
	struct peal_prng prng;

	peal_prng_init(&prng, 3);
	peal_gen_bytes(&prng, raw, sizeof(raw));
	peal_gen_bytes(&prng, nonce, sizeof(nonce));
	peal_gen_bytes(&prng, aad, sizeof(aad));
	peal_gen_bytes(&prng, plain, sizeof(plain));
	aead->expand(aead->state, raw, &key);
	for (uint32_t round = 0; round < 1000; round++) {
		/* Small ones with every cut, and large ones. */
		size_t size_max = round < 500 ? 64U : sizeof(plain);
		size_t size = peal_prng_below(&prng, size_max + 1U);
		size_t head_size = peal_prng_below(&prng, size + 1U);
		const struct peal_aead_parts parts = {.data = parts_data,
			.head_size = head_size,
			.rest = rest,
			.rest_size = size - head_size};
		uint8_t whole_tag[PEAL_AEAD_TAG_SIZE], parts_tag[PEAL_AEAD_TAG_SIZE];

		memcpy(whole, plain, size);
		aead->seal(aead->state, &key, nonce, aad, sizeof(aad), whole, size, whole_tag);
		memset(parts_data, 0xEE, sizeof(parts_data));
		memcpy(parts_data, plain, head_size);
		memcpy(rest, plain + head_size, parts.rest_size);
		aead->seal_parts(aead->state, &key, nonce, aad, sizeof(aad), &parts, parts_tag);
		assert_memory_equal(parts_data, whole, size);
		assert_int_equal(parts_data[size], 0xEE);
		assert_memory_equal(parts_tag, whole_tag, sizeof(whole_tag));
		assert_memory_equal(rest, plain + head_size, parts.rest_size);
	}
}
