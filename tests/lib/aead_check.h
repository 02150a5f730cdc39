/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What every kind of AEAD must do, as cmocka checks.
 */
#ifndef PEAL_TESTS_LIB_AEAD_CHECK_H
#define PEAL_TESTS_LIB_AEAD_CHECK_H

#include "wire/aead.h"

/* Known answers of AES-128-GCM: the cases of the specification that have a nonce of 96 bits. */
void peal_check_aead_vectors(const struct peal_aead *aead);
/* Each changed bit of data, additional data, tag and (unless `none`) nonce is refused. */
void peal_check_aead_tampering(const struct peal_aead *aead);
/* Random keys, nonces and sizes come back; what is sealed differs from the plain text unless
 * `none`. */
void peal_check_aead_round_trips(const struct peal_aead *aead);
/* Head and rest sealed together are what both sealed in one place are, wherever the cut is; the
 * rest is not changed. */
void peal_check_aead_parts(const struct peal_aead *aead);

#endif
