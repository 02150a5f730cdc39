/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The last PEAL_HISTORY_MAX decided cuts as encoded DECIDE bodies (without flood prefix), by parent
 * epoch, and the values of those that are too large to stand in a DECIDE.
 *
 * A member that stayed behind is sent the cut of its own epoch, installs it, and asks again by its
 * next frame: it follows the chain one exact parent at a time. A large value it asks for by digest.
 * Large values are retained up to PEAL_BODY_BYTES_MAX together: the oldest go first, and whoever
 * needs one of those takes a snapshot instead.
 */
#ifndef PEAL_CONTROL_HISTORY_H
#define PEAL_CONTROL_HISTORY_H

#include "membership/bodies.h"
#include "wire/ballot_msg.h"

struct peal_history_entry {
	uint64_t parent_epoch; /* 0 = empty */
	uint32_t size;
	const uint8_t *bytes; /* DECIDE, [size] */
	bool is_inline;       /* its value is in those bytes */
	/* The value when it is not inline, retained; NULL then: too large to be kept that long. */
	const struct peal_body *body;
};

struct peal_history {
	struct peal_bodies store;
	uint32_t bodies_size; /* bytes of the retained values; <= PEAL_BODY_BYTES_MAX */
	struct peal_history_entry entries[PEAL_HISTORY_MAX]; /* place = parent epoch mod capacity */
	uint8_t bytes[PEAL_HISTORY_MAX][PEAL_BALLOT_MSG_SIZE_MAX];
};

/* Memory that was never used; `store` outlives it. The bytes are not touched. */
void peal_history_init(struct peal_history *history, struct peal_bodies store);
/* Releases all; the history is empty. */
void peal_history_clear(struct peal_history *history);
/*
 * Adds the cut that `decide`, with its proposal, tells.
 *
 * @param value  its body; NULL only when the proposal is small enough to stand in the message
 * (asserted)
 */
void peal_history_add(struct peal_history *history, const struct peal_ballot_msg *decide,
	const struct peal_body *value);
/* The cut that ended `epoch`, or NULL when it is unknown or too old. O(1). */
const struct peal_history_entry *peal_history_find(
	const struct peal_history *history, uint64_t epoch);
/* The value of that digest if it is retained here, else NULL. The pointer is good until the next
 * add. O(capacity). */
const struct peal_body *peal_history_find_body(
	const struct peal_history *history, struct peal_hash128 digest);

/* True when who gets this DECIDE can have its value, too. */
static inline bool
peal_history_is_whole(const struct peal_history_entry *entry)
{
	return entry->is_inline || entry->body != NULL;
}

#endif
