/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/benchlib/court.h"

#include "tools/benchlib/pinned.h"

#include <x86intrin.h>

void
peal_court_open(struct peal_court *court, bool is_stamped)
{
	atomic_store_explicit(&court->ball, 0, memory_order_relaxed);
	court->seen_at = 0;
	court->is_stamped = is_stamped;
}

void
peal_court_return(struct peal_court *court)
{
	const bool is_stamped = court->is_stamped;
	uint64_t expected = PEAL_COURT_FIRST;

	for (;;) {
		uint64_t ball = atomic_load_explicit(&court->ball, memory_order_acquire);

		if (ball == PEAL_COURT_END) {
			return;
		}
		if (ball == expected) {
			if (is_stamped) {
				_mm_lfence();
				court->seen_at = __rdtsc();
			}
			atomic_store_explicit(&court->ball, ball + 1U, memory_order_release);
			expected += 2U;
		}
	}
}

static void *
stand_there(void *argument)
{
	peal_court_return(argument);
	return NULL;
}

bool
peal_court_play(
	struct peal_court *court, const int cpus[2], void *(*serve)(void *state), void *state)
{
	pthread_t serving, returning;
	bool is_started;

	if (!peal_pinned_start(&returning, cpus[1], stand_there, court)) {
		return false;
	}
	is_started = peal_pinned_start(&serving, cpus[0], serve, state);
	if (!is_started) {
		peal_court_end(court);
	} else {
		(void)pthread_join(serving, NULL);
	}
	(void)pthread_join(returning, NULL);
	return is_started;
}
