/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which kind of AEAD a thread uses. Control thread only; see wire/aead.h for what the tables do.
 */
#ifndef PEAL_WIRE_CRYPTO_AEAD_OPEN_H
#define PEAL_WIRE_CRYPTO_AEAD_OPEN_H

#include "wire/aead.h"

/*
 * Opens a table with a state of its own, for one thread.
 *
 * @param name  "ipsec_mb", "openssl", "none", or NULL: IPsec_MB where it runs well, otherwise
 * OpenSSL. The profile without keys is never chosen unasked.
 * @return false when there is no such kind or it does not run on this machine; `aead_out` is
 * unchanged
 */
bool peal_aead_open(const char *name, struct peal_aead *aead_out);

/* Frees its state; the table is all zero then. A closed table may be closed again. */
void peal_aead_close(struct peal_aead *aead);

/* Makes an expanded key unreadable when it is no longer used. */
void peal_aead_wipe(struct peal_aead_key *key);

#endif
