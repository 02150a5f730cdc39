/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The hash by which network cards choose a queue, and how to send so that it chooses the right one.
 *
 * Cards that cannot be told to look at the UDP port hash addresses and ports (Toeplitz, the RSS of
 * Microsoft). Every node of Peal gives its card the same key and lets its table of queues go round,
 * if the card allows. So a sender can compute where a frame will land, and takes a source port with
 * which that is the queue of the shard. Cards disagree about the order of the bytes of the hash:
 * the port is one that is right in both. To a card that was not set up so, it is a port like any
 * other.
 *
 * Pure functions; any thread.
 */
#ifndef PEAL_DATAPLANE_TOEPLITZ_H
#define PEAL_DATAPLANE_TOEPLITZ_H

#include <stdint.h>

#define PEAL_TOEPLITZ_KEY_SIZE 40U
/* Source and destination address, source and destination port, big-endian. */
#define PEAL_TOEPLITZ_TUPLE_SIZE 12U
/* Queue of table entry i is i modulo the queues: entries that all sizes of tables have in common.
 */
#define PEAL_TOEPLITZ_ENTRIES_MIN 64U
#define PEAL_TOEPLITZ_ENTRIES_MAX 512U

/* The key that all nodes have: the one of Microsoft's examples. */
extern const uint8_t peal_toeplitz_key[PEAL_TOEPLITZ_KEY_SIZE];

/* Hash of `size` bytes, [0, PEAL_TOEPLITZ_KEY_SIZE - 4]. Cost: some 8 cycles a bit. */
uint32_t peal_toeplitz_hash(
	const uint8_t key[PEAL_TOEPLITZ_KEY_SIZE], const uint8_t *bytes, uint32_t size);

struct peal_toeplitz_flow {
	uint32_t ipv4_src; /* host byte order */
	uint32_t ipv4_dst;
	uint16_t port_dst;
};

/*
 * A source port for frames of `flow` to shard `shard` of `shards_count`, [2, PEAL_SHARDS_MAX]: a
 * table of any size with a power of two of entries, from 64 to 512, leads to the right queue, in
 * either byte order. The search begins at `first`, so that not all flows have the same one.
 * @return a port from 49152 on, or 0 when there is none
 * Cost: one hash, and some two cycles for each port that is tried; shards_count^2 on average, more
 * when that is not a power of two.
 */
uint16_t peal_toeplitz_find_port(
	const struct peal_toeplitz_flow *flow, uint8_t shard, uint8_t shards_count, uint16_t first);

#endif
