/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The one 32-byte header of every frame, its nonce, and its structural check.
 *
 * UDP payload = header 32 | body | trailer 16. docs/WIRE.md has the table. What depends on state
 * (keys, peers, windows) is checked by dataplane/ingress.c, in the order given there.
 */
#ifndef PEAL_WIRE_FRAME_H
#define PEAL_WIRE_FRAME_H

#include "base/assert.h"
#include "base/limits.h"
#include "wire/aead.h"
#include "wire/ident.h"
#include "wire/messages.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PEAL_FRAME_MAGIC   0x4C50U
#define PEAL_FRAME_VERSION 1U

#define PEAL_FRAME_FLAG_GROUP          0x01U
#define PEAL_FRAME_FLAG_RETX           0x02U
#define PEAL_FRAME_FLAG_RELAY          0x04U
#define PEAL_FRAME_FLAG_MORE_FRAGMENTS 0x08U
#define PEAL_FRAME_FLAGS_ALL           0x0FU

/* Counter: 63..58 sender's shard, 57..52 receiver's shard, 51..0 counter of the stream, from 1. */
#define PEAL_FRAME_COUNTER_BITS 52U
#define PEAL_FRAME_COUNTER_MAX  ((UINT64_C(1) << PEAL_FRAME_COUNTER_BITS) - 1U)

/* The counter of frame `count` that shard `from` sends to shard `to`. */
static inline uint64_t
peal_frame_counter(uint8_t from, uint8_t to, uint64_t count)
{
	return (uint64_t)from << 58 | (uint64_t)to << PEAL_FRAME_COUNTER_BITS | count;
}

/* Why a frame was refused, in the order of the checks. One counter each. */
enum peal_refusal {
	PEAL_REFUSAL_NONE = 0,
	PEAL_REFUSAL_SIZE, /* shorter than 48, or not exactly 48 + body_size, or above the limit */
	PEAL_REFUSAL_MAGIC,
	PEAL_REFUSAL_VERSION,
	PEAL_REFUSAL_KIND,
	PEAL_REFUSAL_FLAGS,
	PEAL_REFUSAL_CLUSTER,
	PEAL_REFUSAL_KEY, /* profile or key slot that this node does not accept */
	PEAL_REFUSAL_DESTINATION,
	PEAL_REFUSAL_SOURCE,
	PEAL_REFUSAL_EPOCH,
	PEAL_REFUSAL_REPLAY,
	PEAL_REFUSAL_RATE, /* family 0 above its limit, unopened */
	PEAL_REFUSAL_TAG,
	PEAL_REFUSAL_BODY, /* the family's own decoder said no */
	PEAL_REFUSALS_COUNT
};

/* Where the sender's number stands, for who wants to fetch its state ahead of the checks. */
#define PEAL_FRAME_SRC_OFFSET 12U

struct peal_header {
	uint8_t kind;
	uint8_t key_id;
	uint8_t flags;
	uint16_t body_size;
	uint32_t cluster;
	uint32_t src; /* families 1..: member numbers, low 32 bits */
	uint32_t dst;
	uint32_t epoch;
	uint64_t counter;   /* family 0: transaction number */
	uint8_t random[12]; /* family 0 only: in place of src, dst, epoch */
};

/* Private: first eight bytes of a good header; the bits of kind, key_id, known flags, size are
 * free. */
#define PEAL_FRAME_HEAD_FIXED (PEAL_FRAME_MAGIC | ((uint64_t)PEAL_FRAME_VERSION << 16))
#define PEAL_FRAME_HEAD_MASK                                                                       \
	(UINT64_C(0xFFFFFF) | ((uint64_t)(0xFFU & ~PEAL_FRAME_FLAGS_ALL) << 40))

/* The largest payload of a frame of this kind: paths are proven for channels and for the data of
 * order groups only. */
static inline uint32_t
peal_frame_size_max(uint8_t kind)
{
	return peal_message_family(kind) == PEAL_FAMILY_CHANNEL || kind == PEAL_MESSAGE_ORDER_DATA
		       ? PEAL_LARGE_PAYLOAD_SIZE_MAX
		       : PEAL_PAYLOAD_SIZE_MAX;
}

/* Private: which structural check says no first. At least one does. */
enum peal_refusal peal_frame_find_refusal(const uint8_t *payload, size_t size);

/*
 * Reads the header and makes the structural checks: size, magic, version, kind, flags.
 *
 * Fields of the other family are zero: `random` in families 1.., src, dst and epoch in family 0.
 *
 * @param payload  UDP payload, [size]
 * @return PEAL_REFUSAL_NONE, or the first check that failed; then `header_out` is unspecified
 * Cost: a few loads and one branch that a good frame takes; no allocation. Inline: once a packet.
 */
static inline enum peal_refusal
peal_frame_decode(const uint8_t *payload, size_t size, struct peal_header *header_out)
{
	uint64_t head;

	if (__builtin_expect(size < PEAL_HEADER_SIZE + PEAL_TRAILER_SIZE, 0)) {
		return PEAL_REFUSAL_SIZE;
	}
	memcpy(&head, payload, sizeof(head));
	header_out->kind = (uint8_t)(head >> 24);
	header_out->key_id = (uint8_t)(head >> 32);
	header_out->flags = (uint8_t)(head >> 40);
	header_out->body_size = (uint16_t)(head >> 48);

	uint64_t differ = (head & PEAL_FRAME_HEAD_MASK) ^ PEAL_FRAME_HEAD_FIXED;
	differ |= size ^ (PEAL_HEADER_SIZE + PEAL_TRAILER_SIZE + (size_t)header_out->body_size);
	differ |= (uint64_t)(size > peal_frame_size_max(header_out->kind));
	differ |= (uint64_t)!peal_message_is_known(header_out->kind);
	if (__builtin_expect(differ != 0, 0)) {
		enum peal_refusal refusal = peal_frame_find_refusal(payload, size);

		if (refusal == PEAL_REFUSAL_NONE) {
			__builtin_unreachable();
		}
		return refusal;
	}

	memcpy(&header_out->cluster, payload + 8, sizeof(header_out->cluster));
	memcpy(&header_out->counter, payload + 24, sizeof(header_out->counter));
	if (__builtin_expect(peal_message_family(header_out->kind) == PEAL_FAMILY_JOIN, 0)) {
		header_out->src = 0;
		header_out->dst = 0;
		header_out->epoch = 0;
		memcpy(header_out->random, payload + 12, sizeof(header_out->random));
	} else {
		memcpy(&header_out->src, payload + 12, sizeof(header_out->src));
		memcpy(&header_out->dst, payload + 16, sizeof(header_out->dst));
		memcpy(&header_out->epoch, payload + 20, sizeof(header_out->epoch));
		memset(header_out->random, 0, sizeof(header_out->random));
	}
	return PEAL_REFUSAL_NONE;
}

/* Writes magic, version and all fields to payload[0..31]. The other family's are not read. */
static inline void
peal_frame_encode(const struct peal_header *header, uint8_t payload[PEAL_HEADER_SIZE])
{
	PEAL_DASSERT(peal_message_is_known(header->kind));
	PEAL_DASSERT((header->flags & ~PEAL_FRAME_FLAGS_ALL) == 0);
	PEAL_DASSERT(PEAL_HEADER_SIZE + header->body_size + PEAL_TRAILER_SIZE <=
		     peal_frame_size_max(header->kind));

	uint64_t head = PEAL_FRAME_HEAD_FIXED | ((uint64_t)header->kind << 24) |
			((uint64_t)header->key_id << 32) | ((uint64_t)header->flags << 40) |
			((uint64_t)header->body_size << 48);

	memcpy(payload, &head, sizeof(head));
	memcpy(payload + 8, &header->cluster, sizeof(header->cluster));
	if (__builtin_expect(peal_message_family(header->kind) == PEAL_FAMILY_JOIN, 0)) {
		memcpy(payload + 12, header->random, sizeof(header->random));
	} else {
		memcpy(payload + 12, &header->src, sizeof(header->src));
		memcpy(payload + 16, &header->dst, sizeof(header->dst));
		memcpy(payload + 20, &header->epoch, sizeof(header->epoch));
	}
	memcpy(payload + 24, &header->counter, sizeof(header->counter));
}

/* The AEAD nonce of an encoded header: dst || counter, or the twelve random bytes of family 0. */
static inline void
peal_frame_nonce(const uint8_t payload[PEAL_HEADER_SIZE], uint8_t nonce_out[PEAL_AEAD_NONCE_SIZE])
{
	if (__builtin_expect(peal_message_family(payload[3]) == PEAL_FAMILY_JOIN, 0)) {
		memcpy(nonce_out, payload + 12, PEAL_AEAD_NONCE_SIZE);
		return;
	}
	memcpy(nonce_out, payload + 16, 4);
	memcpy(nonce_out + 4, payload + 24, 8);
}

/* Fold of a cluster id, and of a cluster name for family 0, to the header's 32 bits. */
uint32_t peal_frame_fold_cluster(struct peal_uuid cluster);
uint32_t peal_frame_fold_name(const char *name);

/*
 * Lower-case name of a refusal; its counter is called "refused_" and this. "none" for none. Static.
 * The counters stand in the same order: PEAL_COUNTER_REFUSED_SIZE + refusal - PEAL_REFUSAL_SIZE.
 */
const char *peal_refusal_name(enum peal_refusal refusal);

#endif
