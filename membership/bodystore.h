/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A bounded store of bodies in memory of the caller: the usual implementation of struct
 * peal_bodies.
 *
 * Small bodies stand in small places, large ones in few places of PEAL_BODY_BYTES_MAX; equal bodies
 * are kept once, and a body that nobody retains any more is gone at once. A proposal is decoded
 * into its place, behind its bytes. Places are used again in the order last released, first used,
 * so memory not needed yet is not touched. Bytes that are a proposal may be kept as that and as a
 * snapshot; `find` gives the proposal.
 * NULL means that all places of the size are in use, that the bytes are none or more than
 * PEAL_BODY_BYTES_MAX, or that they are no proposal though they should be.
 * Cost: finding is O(1), keeping O(size). One thread; no allocation after init.
 */
#ifndef PEAL_MEMBERSHIP_BODYSTORE_H
#define PEAL_MEMBERSHIP_BODYSTORE_H

#include "membership/bodies.h"

#include <stddef.h>

/* Bytes of a small body at most. */
#define PEAL_BODYSTORE_SMALL_SIZE_MAX 1024U

struct peal_bodystore;

/* `large_count` bodies of up to PEAL_BODY_BYTES_MAX, 2 MiB each with what they decode to, and
 * `small_count` of up to PEAL_BODYSTORE_SMALL_SIZE_MAX, 5 KiB each. One of them at least. */
size_t peal_bodystore_footprint(uint32_t large_count, uint32_t small_count);
/* `memory` is 64-byte aligned, zeroed, and outlives the store. */
struct peal_bodystore *peal_bodystore_init(
	void *memory, uint32_t large_count, uint32_t small_count);
struct peal_bodies peal_bodystore_bodies(struct peal_bodystore *store);
/* Places in use, for tests and counters. */
uint32_t peal_bodystore_count(const struct peal_bodystore *store);

#endif
