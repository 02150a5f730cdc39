/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sealing and opening of frames behind one table of functions.
 *
 * Three kinds exist: AES-128-GCM by IPsec_MB and by OpenSSL (wire/crypto), and the profile `none`
 * (wire/aead_none.c), which puts CRC32C and twelve zero bytes where the tag would be.
 * A table and its expanded keys are immutable after expand; one table may serve several threads
 * when each has its own `state`.
 */
#ifndef PEAL_WIRE_AEAD_H
#define PEAL_WIRE_AEAD_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PEAL_AEAD_RAW_KEY_SIZE 16U
#define PEAL_AEAD_NONCE_SIZE   12U
#define PEAL_AEAD_TAG_SIZE     16U
/* Expanded key of the largest kind, IPsec_MB's GCM tables, rounded up; asserted where it is used.
 */
#define PEAL_AEAD_KEY_SIZE 1280U

struct peal_aead_key {
	alignas(64) uint8_t bytes[PEAL_AEAD_KEY_SIZE];
};

/* Data that is sealed into one place, and comes from two. */
struct peal_aead_parts {
	uint8_t *data; /* [head_size + rest_size]: the head is there, the rest will be */
	size_t head_size;
	const uint8_t *rest; /* [rest_size], only read; lies elsewhere */
	size_t rest_size;
};

struct peal_aead {
	const char *name; /* "ipsec_mb", "openssl", "none" */
	uint8_t key_id;   /* 0 for none, 1 otherwise: what the header must carry */
	void *state;      /* of this thread */
	/* Fills `key` from 16 raw bytes. Control thread only. */
	void (*expand)(
		void *state, const uint8_t raw[PEAL_AEAD_RAW_KEY_SIZE], struct peal_aead_key *key);
	/* Encrypts `data` in place and writes the tag. Never fails. */
	void (*seal)(void *state, const struct peal_aead_key *key,
		const uint8_t nonce[PEAL_AEAD_NONCE_SIZE], const uint8_t *aad, size_t aad_size,
		uint8_t *data, size_t size, uint8_t tag_out[PEAL_AEAD_TAG_SIZE]);
	/* The same of head and rest behind each other: the head in place, and the rest is read
	 * where it lies and written behind the head, in one pass. What `seal` of both would make.
	 */
	void (*seal_parts)(void *state, const struct peal_aead_key *key,
		const uint8_t nonce[PEAL_AEAD_NONCE_SIZE], const uint8_t *aad, size_t aad_size,
		const struct peal_aead_parts *parts, uint8_t tag_out[PEAL_AEAD_TAG_SIZE]);
	/* Decrypts in place and compares the tag in constant time; false = data is garbage now. */
	bool (*open)(void *state, const struct peal_aead_key *key,
		const uint8_t nonce[PEAL_AEAD_NONCE_SIZE], const uint8_t *aad, size_t aad_size,
		uint8_t *data, size_t size, const uint8_t tag[PEAL_AEAD_TAG_SIZE]);
};

/* The profile `none`. Its state is unused and its keys are empty. */
extern const struct peal_aead peal_aead_none;

#endif
