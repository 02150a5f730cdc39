/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * AES-128-GCM by Intel's IPsec_MB: the kind for cores.
 *
 * Control opens one table for each thread and closes it when that thread is gone. Nothing is
 * allocated between; seal and open cost about 80 cycles for a short frame.
 */
#ifndef PEAL_WIRE_CRYPTO_AEAD_IPSECMB_H
#define PEAL_WIRE_CRYPTO_AEAD_IPSECMB_H

#include "wire/aead.h"

/* False when the processor has no AES instructions or the library does not start; nothing is held
 * then. */
bool peal_aead_ipsecmb_open(struct peal_aead *aead_out);
/* Frees what open allocated. Keys expanded by it must not be used any more. */
void peal_aead_ipsecmb_close(struct peal_aead *aead);

#endif
