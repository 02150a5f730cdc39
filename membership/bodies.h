/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bodies: encoded proposals and snapshots, by digest, immutable, shared by who needs them.
 *
 * Who keeps a pointer across calls retains it. A proposal body is decoded once; `proposal` and its
 * additions live as long as the body. In a simulation one store serves all nodes.
 */
#ifndef PEAL_MEMBERSHIP_BODIES_H
#define PEAL_MEMBERSHIP_BODIES_H

#include "wire/proposal.h"

struct peal_body {
	struct peal_hash128
		digest; /* proposal: its digest; snapshot: peal_hash128(bytes, size, 0) */
	uint32_t size;  /* [1, PEAL_BODY_BYTES_MAX] */
	const uint8_t *bytes;
	bool is_proposal;
	struct peal_proposal proposal; /* when is_proposal */
	uint32_t users_count;          /* private to the store */
};

/*
 * Where bodies are kept. Called from the control thread. What returns a body returns it retained,
 * or NULL: no room.
 */
struct peal_bodies {
	void *state;
	/* The body of a proposal: found by digest, or encoded and kept. */
	const struct peal_body *(*keep_proposal)(void *state, const struct peal_proposal *proposal);
	/*
	 * The body of these bytes. is_proposal: they must be one proposal that is encoded like
	 * this; NULL also when they are not.
	 */
	const struct peal_body *(*keep_bytes)(
		void *state, const uint8_t *bytes, uint32_t size, bool is_proposal);
	/* By digest; NULL when it is not kept. A store that serves many nodes finds what any of
	 * them keeps: a node that must not know what it was not told asks its own records instead.
	 */
	const struct peal_body *(*find)(void *state, struct peal_hash128 digest);
	void (*retain)(void *state, const struct peal_body *body);
	void (*release)(void *state, const struct peal_body *body);
	/*
	 * Memory of `size` bytes, [1, PEAL_BODY_BYTES_MAX], in which to gather what `name` names: a
	 * digest, or the hash of a view. Whoever asks one store for the same name and size while it
	 * is open gets the same memory, since all write the same there: in a simulation thousands
	 * gather one snapshot at once. Its bytes may be given to keep_bytes. NULL: no room. Each
	 * open needs its close.
	 */
	uint8_t *(*open)(void *state, struct peal_hash128 name, uint32_t size);
	void (*close)(void *state, const uint8_t *bytes);
};

#endif
