/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The last PEAL_HISTORY_MAX decided cuts as encoded DECIDE bodies (without flood prefix), by parent
 * epoch.
 *
 * A member that stayed behind is sent the cut of its own epoch, installs it, and asks again by its
 * next frame: it follows the chain one exact parent at a time.
 */
#ifndef PEAL_CONTROL_HISTORY_H
#define PEAL_CONTROL_HISTORY_H

#include "wire/ballot_msg.h"

struct peal_history_entry {
	uint64_t parent_epoch; /* 0 = empty */
	uint32_t size;
	uint8_t bytes[PEAL_BALLOT_MSG_SIZE_MAX];
};

struct peal_history {
	struct peal_history_entry entries[PEAL_HISTORY_MAX]; /* place = parent epoch mod capacity */
};

void peal_history_init(struct peal_history *history);
void peal_history_add(struct peal_history *history, const struct peal_ballot_msg *decide);
/* The cut that ended `epoch`, or NULL when it is unknown or too old. */
const struct peal_history_entry *peal_history_find(
	const struct peal_history *history, uint64_t epoch);

#endif
