/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/crypto/aead_evp.h"

#include "base/assert.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

/* One direction: a context, and the key it was last set up with. */
struct direction {
	EVP_CIPHER_CTX *context;
	bool has_key;
	uint8_t key[PEAL_AEAD_RAW_KEY_SIZE];
};

/* Two contexts, because changing the direction of one would set up its key again. */
struct evp {
	struct direction sealing;
	struct direction opening;
};

static void
expand_evp(void *state, const uint8_t raw[PEAL_AEAD_RAW_KEY_SIZE], struct peal_aead_key *key)
{
	(void)state;
	memset(key->bytes, 0, sizeof(key->bytes));
	memcpy(key->bytes, raw, PEAL_AEAD_RAW_KEY_SIZE);
}

/* Starts one message: the key schedule runs only when the key is another one than last time. */
static void
start_message(struct direction *direction, bool is_sealing, const struct peal_aead_key *key,
	const uint8_t nonce[PEAL_AEAD_NONCE_SIZE])
{
	bool is_same = direction->has_key &&
		       CRYPTO_memcmp(direction->key, key->bytes, sizeof(direction->key)) == 0;
	const uint8_t *changed_key = is_same ? NULL : key->bytes;

	int is_started = EVP_CipherInit_ex(
		direction->context, NULL, NULL, changed_key, nonce, is_sealing ? 1 : 0);
	PEAL_ASSERT(is_started == 1);
	if (!is_same) {
		memcpy(direction->key, key->bytes, sizeof(direction->key));
		direction->has_key = true;
	}
}

/* Feeds additional data (`out` NULL) or data. */
static void
update_message(EVP_CIPHER_CTX *context, uint8_t *out, const uint8_t *in, size_t size)
{
	int written = 0;

	if (size == 0) {
		return;
	}
	PEAL_ASSERT(size <= INT_MAX);
	int is_updated = EVP_CipherUpdate(context, out, &written, in, (int)size);
	PEAL_ASSERT(is_updated == 1);
	PEAL_ASSERT((size_t)written == size);
}

/* Eight parameters, as the table of wire/aead.h has them. NOLINTBEGIN(readability-function-size) */
static void
seal_parts_evp(void *state, const struct peal_aead_key *key,
	const uint8_t nonce[PEAL_AEAD_NONCE_SIZE], const uint8_t *aad, size_t aad_size,
	const struct peal_aead_parts *parts, uint8_t tag_out[PEAL_AEAD_TAG_SIZE])
{
	struct evp *evp = state;
	EVP_CIPHER_CTX *context = evp->sealing.context;
	uint8_t nothing[PEAL_AEAD_TAG_SIZE];
	int written = 0;

	start_message(&evp->sealing, true, key, nonce);
	update_message(context, NULL, aad, aad_size);
	update_message(context, parts->data, parts->data, parts->head_size);
	update_message(context, parts->data + parts->head_size, parts->rest, parts->rest_size);
	int is_final = EVP_CipherFinal_ex(context, nothing, &written);
	PEAL_ASSERT(is_final == 1);
	PEAL_ASSERT(written == 0);
	int is_tagged =
		EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, PEAL_AEAD_TAG_SIZE, tag_out);
	PEAL_ASSERT(is_tagged == 1);
}

/* Written through the parts. NOLINTBEGIN(readability-non-const-parameter) */
static void
seal_evp(void *state, const struct peal_aead_key *key, const uint8_t nonce[PEAL_AEAD_NONCE_SIZE],
	const uint8_t *aad, size_t aad_size, uint8_t *data, size_t size,
	uint8_t tag_out[PEAL_AEAD_TAG_SIZE])
{
	const struct peal_aead_parts parts = {.data = data, .head_size = size};

	seal_parts_evp(state, key, nonce, aad, aad_size, &parts, tag_out);
}
/* NOLINTEND(readability-non-const-parameter) */

static bool
open_evp(void *state, const struct peal_aead_key *key, const uint8_t nonce[PEAL_AEAD_NONCE_SIZE],
	const uint8_t *aad, size_t aad_size, uint8_t *data, size_t size,
	const uint8_t tag[PEAL_AEAD_TAG_SIZE])
{
	struct evp *evp = state;
	EVP_CIPHER_CTX *context = evp->opening.context;
	uint8_t expected[PEAL_AEAD_TAG_SIZE];
	uint8_t nothing[PEAL_AEAD_TAG_SIZE];
	int written = 0;

	memcpy(expected, tag, sizeof(expected)); /* the library wants a writable one */
	start_message(&evp->opening, false, key, nonce);
	update_message(context, NULL, aad, aad_size);
	update_message(context, data, data, size);
	int is_tagged =
		EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, PEAL_AEAD_TAG_SIZE, expected);
	PEAL_ASSERT(is_tagged == 1);
	/* The one call that may say no: it compares the tags, in constant time. */
	return EVP_CipherFinal_ex(context, nothing, &written) == 1;
}

/* NOLINTEND(readability-function-size) */

static bool
open_direction(struct direction *direction, const EVP_CIPHER *cipher, bool is_sealing)
{
	direction->context = EVP_CIPHER_CTX_new();
	return direction->context != NULL &&
	       EVP_CipherInit_ex(
		       direction->context, cipher, NULL, NULL, NULL, is_sealing ? 1 : 0) == 1 &&
	       EVP_CIPHER_CTX_ctrl(direction->context, EVP_CTRL_AEAD_SET_IVLEN,
		       PEAL_AEAD_NONCE_SIZE, NULL) == 1;
}

static void
free_evp(struct evp *evp)
{
	EVP_CIPHER_CTX_free(evp->sealing.context);
	EVP_CIPHER_CTX_free(evp->opening.context);
	OPENSSL_cleanse(evp, sizeof(*evp));
	free(evp);
}

bool
peal_aead_evp_open(struct peal_aead *aead_out)
{
	struct evp *evp = calloc(1, sizeof(*evp));

	if (evp == NULL) {
		return false;
	}
	if (!open_direction(&evp->sealing, EVP_aes_128_gcm(), true) ||
		!open_direction(&evp->opening, EVP_aes_128_gcm(), false)) {
		free_evp(evp);
		return false;
	}
	*aead_out = (struct peal_aead){
		.name = "openssl",
		.key_id = 1,
		.state = evp,
		.expand = expand_evp,
		.seal = seal_evp,
		.seal_parts = seal_parts_evp,
		.open = open_evp,
	};
	return true;
}

void
peal_aead_evp_close(struct peal_aead *aead)
{
	PEAL_ASSERT(aead->state != NULL);
	free_evp(aead->state);
	memset(aead, 0, sizeof(*aead));
}
