/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/turns.h"

#include "base/assert.h"

/* The turn goes to the next of `waiting`, from `first` on. */
static void
pass(struct peal_turns *turns, uint64_t waiting, uint32_t first)
{
	uint64_t later = first < PEAL_CLIENTS_MAX ? waiting >> first << first : 0;

	turns->place = (uint32_t)__builtin_ctzll(later != 0 ? later : waiting);
	turns->size = turns->debts[turns->place];
	turns->debts[turns->place] = 0;
}

bool
peal_turns_may(struct peal_turns *turns, uint32_t place)
{
	uint64_t waiting;

	PEAL_ASSERT(place < PEAL_CLIENTS_MAX);
	waiting = turns->waiting | UINT64_C(1) << place;
	if ((waiting >> turns->place & 1U) == 0) {
		pass(turns, waiting, turns->place + 1U);
	}
	return turns->place == place;
}

void
peal_turns_wait(struct peal_turns *turns, uint32_t place)
{
	PEAL_ASSERT(place < PEAL_CLIENTS_MAX);
	turns->waiting |= UINT64_C(1) << place;
}

void
peal_turns_count(struct peal_turns *turns, uint32_t place, uint32_t size)
{
	peal_turns_stop(turns, place);
	turns->size += size;
	if (turns->waiting == 0) {
		turns->size = 0;
	} else if (turns->size >= PEAL_CLIENT_CAST_TURN_SIZE) {
		turns->debts[place] = turns->size - PEAL_CLIENT_CAST_TURN_SIZE;
		pass(turns, turns->waiting, turns->place + 1U);
	}
}

void
peal_turns_stop(struct peal_turns *turns, uint32_t place)
{
	PEAL_ASSERT(place < PEAL_CLIENTS_MAX);
	turns->waiting &= ~(UINT64_C(1) << place);
}

void
peal_turns_forget(struct peal_turns *turns, uint32_t place)
{
	peal_turns_stop(turns, place);
	turns->debts[place] = 0;
}
