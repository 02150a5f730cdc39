/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/simtime.h"

#include "base/assert.h"

#include <stdlib.h>

#define CAPACITY_MIN 1024U

/* Children of a place stand side by side; four halve the steps down. */
#define CHILDREN 4U

__extension__ typedef unsigned __int128 rank;

/* As one number, which is compared without a branch. */
static rank
rank_of(const struct peal_simevent *event)
{
	return (rank)event->at_ns << 64 | event->seq;
}

void
peal_simtime_init(struct peal_simtime *time, uint64_t now_ns)
{
	*time = (struct peal_simtime){.now_ns = now_ns, .capacity = CAPACITY_MIN};
	time->heap = malloc(CAPACITY_MIN * sizeof(time->heap[0]));
	PEAL_ASSERT(time->heap != NULL);
}

void
peal_simtime_fini(struct peal_simtime *time)
{
	free(time->heap);
	time->heap = NULL;
}

static void
grow(struct peal_simtime *time)
{
	PEAL_ASSERT(time->capacity < (UINT32_C(1) << 30));
	time->capacity *= 2U;
	time->heap = realloc(time->heap, time->capacity * sizeof(time->heap[0]));
	PEAL_ASSERT(time->heap != NULL);
}

void
peal_simtime_add(struct peal_simtime *time, uint64_t at_ns, enum peal_simevent_kind kind,
	uint16_t actor, uint32_t value)
{
	struct peal_simevent event = {.at_ns = at_ns,
		.seq = time->next_seq,
		.value = value,
		.actor = actor,
		.kind = (uint16_t)kind};
	uint32_t place;

	PEAL_ASSERT(at_ns >= time->now_ns);
	if (time->count == time->capacity) {
		grow(time);
	}

	time->next_seq++;
	place = time->count++;
	while (place > 0 && rank_of(&event) < rank_of(&time->heap[(place - 1U) / CHILDREN])) {
		time->heap[place] = time->heap[(place - 1U) / CHILDREN];
		place = (place - 1U) / CHILDREN;
	}
	time->heap[place] = event;
}

/* The earliest of some children that stand side by side. */
static uint32_t
find_earliest(const struct peal_simtime *time, uint32_t first, uint32_t count)
{
	uint32_t earliest = first;
	rank least = rank_of(&time->heap[first]);

	for (uint32_t i = 1; i < count; i++) {
		rank other = rank_of(&time->heap[first + i]);
		bool is_earlier = other < least;

		earliest = is_earlier ? first + i : earliest;
		least = is_earlier ? other : least;
	}
	return earliest;
}

/* Takes the last event of the array to the top and lets it sink to its place. */
static void
remove_first(struct peal_simtime *time)
{
	struct peal_simevent last = time->heap[--time->count];
	rank own = rank_of(&last);
	uint32_t place = 0;

	for (;;) {
		uint32_t child = CHILDREN * place + 1U;

		if (child + CHILDREN <= time->count) {
			child = find_earliest(time, child, CHILDREN);
		} else if (child < time->count) {
			child = find_earliest(time, child, time->count - child);
		} else {
			break;
		}
		if (own <= rank_of(&time->heap[child])) {
			break;
		}
		time->heap[place] = time->heap[child];
		place = child;
	}
	time->heap[place] = last;
}

bool
peal_simtime_take(struct peal_simtime *time, uint64_t until_ns, struct peal_simevent *event_out)
{
	PEAL_ASSERT(until_ns >= time->now_ns);
	if (time->count == 0 || time->heap[0].at_ns > until_ns) {
		time->now_ns = until_ns;
		return false;
	}

	*event_out = time->heap[0];
	remove_first(time);
	PEAL_ASSERT(event_out->at_ns >= time->now_ns);
	time->now_ns = event_out->at_ns;
	return true;
}
