/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The profile without keys: a checksum where the tag would be, so that damage is found all the
 * same. The nonce is taken from the header, which the checksum covers as additional data.
 */
#include "base/crc32c.h"
#include "wire/aead.h"

#include <string.h>

#define ZEROES_SIZE (PEAL_AEAD_TAG_SIZE - sizeof(uint32_t))

static uint32_t
compute_checksum(const uint8_t *aad, size_t aad_size, const uint8_t *data, size_t size)
{
	return peal_crc32c(peal_crc32c(0, aad, aad_size), data, size);
}

static void
expand_none(void *state, const uint8_t raw[PEAL_AEAD_RAW_KEY_SIZE], struct peal_aead_key *key)
{
	(void)state;
	(void)raw;
	memset(key->bytes, 0, sizeof(key->bytes));
}

/* Eight parameters, as the table of wire/aead.h has them. NOLINTBEGIN(readability-function-size) */
static void
seal_none(void *state, const struct peal_aead_key *key, const uint8_t nonce[PEAL_AEAD_NONCE_SIZE],
	const uint8_t *aad, size_t aad_size, uint8_t *data, size_t size,
	uint8_t tag_out[PEAL_AEAD_TAG_SIZE])
{
	uint32_t checksum = compute_checksum(aad, aad_size, data, size);

	(void)state;
	(void)key;
	(void)nonce;
	memcpy(tag_out, &checksum, sizeof(checksum));
	memset(tag_out + sizeof(checksum), 0, ZEROES_SIZE);
}

static void
seal_parts_none(void *state, const struct peal_aead_key *key,
	const uint8_t nonce[PEAL_AEAD_NONCE_SIZE], const uint8_t *aad, size_t aad_size,
	const struct peal_aead_parts *parts, uint8_t tag_out[PEAL_AEAD_TAG_SIZE])
{
	uint32_t checksum = compute_checksum(aad, aad_size, parts->data, parts->head_size);

	(void)state;
	(void)key;
	(void)nonce;
	checksum = peal_crc32c_copy(
		checksum, parts->data + parts->head_size, parts->rest, parts->rest_size);
	memcpy(tag_out, &checksum, sizeof(checksum));
	memset(tag_out + sizeof(checksum), 0, ZEROES_SIZE);
}

static bool
open_none(void *state, const struct peal_aead_key *key, const uint8_t nonce[PEAL_AEAD_NONCE_SIZE],
	const uint8_t *aad, size_t aad_size, uint8_t *data, size_t size,
	const uint8_t tag[PEAL_AEAD_TAG_SIZE])
{
	static const uint8_t zeroes[ZEROES_SIZE];
	uint32_t checksum = compute_checksum(aad, aad_size, data, size);

	(void)state;
	(void)key;
	(void)nonce;
	return memcmp(tag, &checksum, sizeof(checksum)) == 0 &&
	       memcmp(tag + sizeof(checksum), zeroes, sizeof(zeroes)) == 0;
}

/* NOLINTEND(readability-function-size) */

const struct peal_aead peal_aead_none = {
	.name = "none",
	.key_id = 0,
	.state = NULL,
	.expand = expand_none,
	.seal = seal_none,
	.seal_parts = seal_parts_none,
	.open = open_none,
};
