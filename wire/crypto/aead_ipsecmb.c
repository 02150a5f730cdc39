/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/crypto/aead_ipsecmb.h"

#include "base/assert.h"

#include <intel-ipsec-mb.h>
#include <stdlib.h>
#include <string.h>

/* The nonce is 96 bits, as the direct interface expects it. */
_Static_assert(PEAL_AEAD_NONCE_SIZE == 12, "the library counts blocks in the other 32 bits");
_Static_assert(sizeof(struct gcm_key_data) <= PEAL_AEAD_KEY_SIZE, "an expanded key has room");
_Static_assert(alignof(struct gcm_key_data) <= alignof(struct peal_aead_key),
	"an expanded key is aligned");

struct ipsecmb {
	struct gcm_context_data context; /* scratch of the call that runs */
	IMB_MGR *manager;
};

static void
expand_ipsecmb(void *state, const uint8_t raw[PEAL_AEAD_RAW_KEY_SIZE], struct peal_aead_key *key)
{
	struct ipsecmb *ipsecmb = state;
	void *bytes = key->bytes;

	memset(key->bytes, 0, sizeof(key->bytes));
	IMB_AES128_GCM_PRE(ipsecmb->manager, raw, (struct gcm_key_data *)bytes);
}

/* Eight parameters, as the table of wire/aead.h has them. NOLINTBEGIN(readability-function-size) */
static void
seal_ipsecmb(void *state, const struct peal_aead_key *key,
	const uint8_t nonce[PEAL_AEAD_NONCE_SIZE], const uint8_t *aad, size_t aad_size,
	uint8_t *data, size_t size, uint8_t tag_out[PEAL_AEAD_TAG_SIZE])
{
	struct ipsecmb *ipsecmb = state;
	const void *bytes = key->bytes;

	IMB_AES128_GCM_ENC(ipsecmb->manager, (const struct gcm_key_data *)bytes, &ipsecmb->context,
		data, data, size, nonce, aad, aad_size, tag_out, PEAL_AEAD_TAG_SIZE);
}

static void
seal_parts_ipsecmb(void *state, const struct peal_aead_key *key,
	const uint8_t nonce[PEAL_AEAD_NONCE_SIZE], const uint8_t *aad, size_t aad_size,
	const struct peal_aead_parts *parts, uint8_t tag_out[PEAL_AEAD_TAG_SIZE])
{
	struct ipsecmb *ipsecmb = state;
	const void *bytes = key->bytes;
	const struct gcm_key_data *expanded = bytes;

	IMB_AES128_GCM_INIT(ipsecmb->manager, expanded, &ipsecmb->context, nonce, aad, aad_size);
	IMB_AES128_GCM_ENC_UPDATE(ipsecmb->manager, expanded, &ipsecmb->context, parts->data,
		parts->data, parts->head_size);
	IMB_AES128_GCM_ENC_UPDATE(ipsecmb->manager, expanded, &ipsecmb->context,
		parts->data + parts->head_size, parts->rest, parts->rest_size);
	IMB_AES128_GCM_ENC_FINALIZE(
		ipsecmb->manager, expanded, &ipsecmb->context, tag_out, PEAL_AEAD_TAG_SIZE);
}

/* The same loads and no branch for every pair of tags. */
static bool
is_tag_equal(const uint8_t a[PEAL_AEAD_TAG_SIZE], const uint8_t b[PEAL_AEAD_TAG_SIZE])
{
	uint64_t words_a[2];
	uint64_t words_b[2];

	memcpy(words_a, a, sizeof(words_a));
	memcpy(words_b, b, sizeof(words_b));
	return ((words_a[0] ^ words_b[0]) | (words_a[1] ^ words_b[1])) == 0;
}

static bool
open_ipsecmb(void *state, const struct peal_aead_key *key,
	const uint8_t nonce[PEAL_AEAD_NONCE_SIZE], const uint8_t *aad, size_t aad_size,
	uint8_t *data, size_t size, const uint8_t tag[PEAL_AEAD_TAG_SIZE])
{
	struct ipsecmb *ipsecmb = state;
	const void *bytes = key->bytes;
	uint8_t computed[PEAL_AEAD_TAG_SIZE];

	IMB_AES128_GCM_DEC(ipsecmb->manager, (const struct gcm_key_data *)bytes, &ipsecmb->context,
		data, data, size, nonce, aad, aad_size, computed, PEAL_AEAD_TAG_SIZE);
	return is_tag_equal(computed, tag);
}

/* NOLINTEND(readability-function-size) */

static bool
has_instructions(const IMB_MGR *manager, IMB_ARCH arch)
{
	const uint64_t needed = IMB_FEATURE_AESNI | IMB_FEATURE_PCLMULQDQ;

	/* The library can emulate them; then OpenSSL is the better choice. */
	return arch != IMB_ARCH_NONE && arch != IMB_ARCH_NOAESNI &&
	       (manager->features & needed) == needed;
}

bool
peal_aead_ipsecmb_open(struct peal_aead *aead_out)
{
	IMB_ARCH arch = IMB_ARCH_NONE;
	struct ipsecmb *ipsecmb = NULL;
	IMB_MGR *manager = alloc_mb_mgr(0);

	if (manager == NULL) {
		return false;
	}
	init_mb_mgr_auto(manager, &arch);
	if (imb_get_errno(manager) == 0 && has_instructions(manager, arch)) {
		void *memory = NULL;

		if (posix_memalign(&memory, alignof(struct peal_aead_key), sizeof(*ipsecmb)) == 0) {
			ipsecmb = memory;
		}
	}
	if (ipsecmb == NULL) {
		free_mb_mgr(manager);
		return false;
	}

	memset(ipsecmb, 0, sizeof(*ipsecmb));
	ipsecmb->manager = manager;
	*aead_out = (struct peal_aead){
		.name = "ipsec_mb",
		.key_id = 1,
		.state = ipsecmb,
		.expand = expand_ipsecmb,
		.seal = seal_ipsecmb,
		.seal_parts = seal_parts_ipsecmb,
		.open = open_ipsecmb,
	};
	return true;
}

void
peal_aead_ipsecmb_close(struct peal_aead *aead)
{
	struct ipsecmb *ipsecmb = aead->state;

	PEAL_ASSERT(ipsecmb != NULL);
	free_mb_mgr(ipsecmb->manager);
	/* The scratch holds what depends on keys; explicit_bzero is not optimised away. */
	explicit_bzero(ipsecmb, sizeof(*ipsecmb));
	free(ipsecmb);
	memset(aead, 0, sizeof(*aead));
}
