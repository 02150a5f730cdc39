/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Digest of all that was delivered, in its order: two ranks at the same position have the same one,
 * or one of them is wrong and must stop (8.13 of the blueprint, fail-stop).
 *
 * A chain: each delivery mixes the digest before it with what was delivered. The digest of every
 * PEAL_ORDER_DIGEST_STEP-th position is kept, PEAL_ORDER_DIGESTS_MAX of them, and travels in ticks.
 * One that is said before this rank is there waits, one for each rank. Detection, not protection:
 * not cryptographic.
 *
 * Pure; plain struct, fields private but position and value. Cost: a hash of the payload a message.
 */
#ifndef PEAL_ABCAST_ABCAST_DIGEST_H
#define PEAL_ABCAST_ABCAST_DIGEST_H

#include "base/orderlimits.h"

#include <stdbool.h>
#include <stdint.h>

struct peal_abcast_mark {
	uint64_t position; /* 0 = none */
	uint64_t value;
};

struct peal_abcast_digest {
	uint64_t position; /* messages delivered so far, those before this rank came among them */
	uint64_t value;
	struct peal_abcast_mark marks[PEAL_ORDER_DIGESTS_MAX];
	struct peal_abcast_mark said[PEAL_ORDER_RANKS_MAX]; /* ahead of this rank */
};

/* What is mixed in of one message. */
struct peal_abcast_digest_entry {
	uint64_t stamp;
	uint64_t seq;
	uint32_t view;
	uint16_t generation;
	uint8_t rank;
	uint16_t size;
	const uint8_t *bytes;
};

/* Begins behind `position`, where the chain is `value`; 0 and 0 at the very beginning. */
void peal_abcast_digest_begin(struct peal_abcast_digest *digest, uint64_t position, uint64_t value);
/* The next message is delivered. False: another rank said something else of this position. */
bool peal_abcast_digest_add(
	struct peal_abcast_digest *digest, const struct peal_abcast_digest_entry *entry);
/* Rank `rank` says that the chain is `value` at `position`. False: here it is not. What is older
 * than what is kept is taken for good. */
bool peal_abcast_digest_compare(
	struct peal_abcast_digest *digest, uint8_t rank, uint64_t position, uint64_t value);
/* What a tick says: the latest kept, or position 0. */
struct peal_abcast_mark peal_abcast_digest_latest(const struct peal_abcast_digest *digest);

#endif
