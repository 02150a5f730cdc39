/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/toeplitz.h"

#include "base/assert.h"
#include "base/limits.h"
#include "dataplane/link.h"

#include <stdbool.h>

#define PORT_FIRST  49152U
#define PORTS_COUNT 16384U
#define PORT_OFFSET 8U

const uint8_t peal_toeplitz_key[PEAL_TOEPLITZ_KEY_SIZE] = {0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e,
	0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b,
	0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe,
	0xac, 0x01, 0xfa};

/* The 32 bits of the key that a bit of the input adds. */
static uint32_t
key_window(const uint8_t key[PEAL_TOEPLITZ_KEY_SIZE], uint32_t bit)
{
	uint64_t word = 0;

	for (uint32_t i = 0; i < 5U; i++) {
		word = word << 8 | (bit / 8U + i < PEAL_TOEPLITZ_KEY_SIZE ? key[bit / 8U + i] : 0U);
	}
	return (uint32_t)(word >> (8U - bit % 8U));
}

uint32_t
peal_toeplitz_hash(const uint8_t key[PEAL_TOEPLITZ_KEY_SIZE], const uint8_t *bytes, uint32_t size)
{
	uint32_t hash = 0;

	PEAL_ASSERT(size <= PEAL_TOEPLITZ_KEY_SIZE - 4U);
	for (uint32_t bit = 0; bit < 8U * size; bit++) {
		if ((bytes[bit / 8U] >> (7U - bit % 8U) & 1U) != 0) {
			hash ^= key_window(key, bit);
		}
	}
	return hash;
}

/* True when tables of all sizes lead from the hash to the shard. */
static bool
leads_to(uint32_t hash, uint8_t shard, uint8_t shards_count)
{
	uint32_t swapped = __builtin_bswap32(hash);

	for (uint32_t size = PEAL_TOEPLITZ_ENTRIES_MIN; size <= PEAL_TOEPLITZ_ENTRIES_MAX;
		size *= 2U) {
		if (hash % size % shards_count != shard || swapped % size % shards_count != shard) {
			return false;
		}
	}
	return true;
}

uint16_t
peal_toeplitz_find_port(
	const struct peal_toeplitz_flow *flow, uint8_t shard, uint8_t shards_count, uint16_t first)
{
	uint8_t tuple[PEAL_TOEPLITZ_TUPLE_SIZE] = {0};
	uint32_t windows[16];
	uint32_t fixed;

	PEAL_ASSERT(shards_count >= 2 && shards_count <= PEAL_SHARDS_MAX);
	PEAL_ASSERT(shard < shards_count);
	peal_link_store32(tuple, flow->ipv4_src);
	peal_link_store32(tuple + 4, flow->ipv4_dst);
	peal_link_store16(tuple + 10, flow->port_dst);
	/* The hash is a sum of what each bit adds: only those of the port change. */
	fixed = peal_toeplitz_hash(peal_toeplitz_key, tuple, sizeof(tuple));
	for (uint32_t bit = 0; bit < 16U; bit++) {
		windows[bit] = key_window(peal_toeplitz_key, 8U * PORT_OFFSET + 15U - bit);
	}
	for (uint32_t i = 0; i < PORTS_COUNT; i++) {
		uint32_t port = PORT_FIRST + (first + i) % PORTS_COUNT;
		uint32_t hash = fixed;

		for (uint32_t left = port; left != 0; left &= left - 1U) {
			hash ^= windows[__builtin_ctz(left)];
		}
		if (leads_to(hash, shard, shards_count)) {
			return (uint16_t)port;
		}
	}
	return 0;
}
