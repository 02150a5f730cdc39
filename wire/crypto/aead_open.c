/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/crypto/aead_open.h"

#include "wire/crypto/aead_evp.h"
#include "wire/crypto/aead_ipsecmb.h"

#include <openssl/crypto.h>
#include <string.h>

static bool
open_none(struct peal_aead *aead_out)
{
	*aead_out = peal_aead_none;
	return true;
}

static void
close_none(struct peal_aead *aead)
{
	memset(aead, 0, sizeof(*aead));
}

static const struct {
	const char *name;
	bool (*open)(struct peal_aead *aead_out);
	void (*close)(struct peal_aead *aead);
} kinds[] = {
	{"ipsec_mb", peal_aead_ipsecmb_open, peal_aead_ipsecmb_close},
	{"openssl", peal_aead_evp_open, peal_aead_evp_close},
	{"none", open_none, close_none},
};

#define KINDS_COUNT (sizeof(kinds) / sizeof(kinds[0]))

bool
peal_aead_open(const char *name, struct peal_aead *aead_out)
{
	if (name == NULL) {
		return peal_aead_ipsecmb_open(aead_out) || peal_aead_evp_open(aead_out);
	}
	for (size_t i = 0; i < KINDS_COUNT; i++) {
		if (strcmp(kinds[i].name, name) == 0) {
			return kinds[i].open(aead_out);
		}
	}
	return false;
}

void
peal_aead_close(struct peal_aead *aead)
{
	for (size_t i = 0; aead->name != NULL && i < KINDS_COUNT; i++) {
		if (strcmp(kinds[i].name, aead->name) == 0) {
			kinds[i].close(aead);
		}
	}
}

void
peal_aead_wipe(struct peal_aead_key *key)
{
	OPENSSL_cleanse(key->bytes, sizeof(key->bytes));
}
