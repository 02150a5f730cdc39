/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Turns of clients at a queue that all of them share: as long as there is room nobody waits; when
 * there is none, those who wait go one after the other, by bytes, and nobody takes the room before
 * them. What somebody had too much of in its turn is taken off its next one.
 *
 * Pure; plain struct, fields private but `waiting`; zero is the beginning.
 */
#ifndef PEAL_DATAPLANE_TURNS_H
#define PEAL_DATAPLANE_TURNS_H

#include "base/clientlimits.h"

#include <stdbool.h>
#include <stdint.h>

struct peal_turns {
	uint64_t waiting; /* places of clients: bits */
	uint32_t place;   /* of the one whose turn it is */
	uint32_t size;    /* bytes of its turn so far */
	uint32_t debts[PEAL_CLIENTS_MAX];
};

/* Whether the client at `place`, [0, PEAL_CLIENTS_MAX), may put something in now. */
bool peal_turns_may(struct peal_turns *turns, uint32_t place);
/* There is no room for it: it waits for its turn, and for room. */
void peal_turns_wait(struct peal_turns *turns, uint32_t place);
/* It put `size` bytes in. */
void peal_turns_count(struct peal_turns *turns, uint32_t place, uint32_t size);
/* It does not wait any more, for now. */
void peal_turns_stop(struct peal_turns *turns, uint32_t place);
/* It is gone, and another may get the place. */
void peal_turns_forget(struct peal_turns *turns, uint32_t place);

#endif
