/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * AES-128-GCM by OpenSSL's EVP: for processors that IPsec_MB does not serve, and the oracle of
 * tests.
 *
 * Control opens one table for each thread and closes it when that thread is gone. Its contexts are
 * kept from call to call, so seal and open do not allocate. An expanded key is its 16 raw bytes.
 */
#ifndef PEAL_WIRE_CRYPTO_AEAD_EVP_H
#define PEAL_WIRE_CRYPTO_AEAD_EVP_H

#include "wire/aead.h"

/* False when the library does not offer the cipher; nothing is held then. */
bool peal_aead_evp_open(struct peal_aead *aead_out);
/* Frees what open allocated. */
void peal_aead_evp_close(struct peal_aead *aead);

#endif
