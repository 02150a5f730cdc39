/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The secrets of one node: the pre-shared key of its cluster, and a secret of its own for cookies.
 *
 * K_pre    = KDF(psk, "peal1 pre" || cluster name)                for frames before membership
 * K_tx(u)  = KDF(psk, "peal1 tx" || cluster id 16 || uuid 16)     for what the incarnation u sends
 * KDF is HKDF-SHA256 with an empty salt and 16 bytes of output; ids are in their order on the wire.
 * The half of it that depends on the key alone is done once, when the key is known.
 *
 * Struct with private fields; the caller's memory, one thread at a time, not to be copied. It holds
 * secrets, and memory of the library: close it before the memory is given away.
 */
#ifndef PEAL_WIRE_CRYPTO_KEYRING_H
#define PEAL_WIRE_CRYPTO_KEYRING_H

#include "wire/aead.h"
#include "wire/ident.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PEAL_KEYRING_PSK_SIZE    32U
#define PEAL_KEYRING_SECRET_SIZE 32U
#define PEAL_KEYRING_MAC_SIZE    16U
/* Room for any sentence of peal_keyring_open. */
#define PEAL_KEYRING_ERROR_SIZE_MAX 512U

struct evp_mac_ctx_st; /* of OpenSSL */

struct peal_keyring {
	bool has_psk; /* false in the profile `none` */
	uint8_t psk[PEAL_KEYRING_PSK_SIZE];
	struct evp_mac_ctx_st *expander; /* HMAC under what was extracted from psk; or NULL */
	uint8_t secret[PEAL_KEYRING_SECRET_SIZE]; /* of this node, from the kernel, never stored */
};

/*
 * Reads the pre-shared key and draws a node secret.
 *
 * The file is exactly 32 raw bytes, or 64 hexadecimal digits with or without an end of line. It
 * must be a regular file that only its owner may read.
 *
 * @param path       NULL: the profile `none`, without a pre-shared key
 * @param error_out  on failure, one sentence for people, [error_capacity], always ended by zero
 * @return false when the file or the secret could not be had; nothing secret is kept then
 */
bool peal_keyring_open(
	struct peal_keyring *keyring, const char *path, char *error_out, size_t error_capacity);
/* The same from values, for tests and for nodes of a simulated world. `psk` may be NULL. */
void peal_keyring_init(struct peal_keyring *keyring, const uint8_t psk[PEAL_KEYRING_PSK_SIZE],
	const uint8_t secret[PEAL_KEYRING_SECRET_SIZE]);
/* Wipes it. Safe on a zeroed one. */
void peal_keyring_close(struct peal_keyring *keyring);

/*
 * Derive raw keys for peal_aead.expand; wipe them with peal_keyring_wipe after that. In the profile
 * `none` both give zeroes.
 */
void peal_keyring_derive_pre(const struct peal_keyring *keyring, const char *cluster_name,
	uint8_t raw_out[PEAL_AEAD_RAW_KEY_SIZE]);
void peal_keyring_derive_tx(const struct peal_keyring *keyring, struct peal_uuid cluster,
	struct peal_uuid sender, uint8_t raw_out[PEAL_AEAD_RAW_KEY_SIZE]);

/* HMAC-SHA256 of `data` under the node's own secret, cut to 16 bytes: what cookies are made of. */
void peal_keyring_mac(const struct peal_keyring *keyring, const void *data, size_t size,
	uint8_t mac_out[PEAL_KEYRING_MAC_SIZE]);

/* Overwrites secrets so that the compiler cannot leave it out. */
void peal_keyring_wipe(void *secrets, size_t size);

#endif
