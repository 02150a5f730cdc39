/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/simtime.h"

#include "base/assert.h"

#include <stdlib.h>

#define CAPACITY_MIN 1024U

static bool
comes_before(const struct peal_simevent *a, const struct peal_simevent *b)
{
	return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->seq < b->seq;
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
	while (place > 0 && comes_before(&event, &time->heap[(place - 1U) / 2U])) {
		time->heap[place] = time->heap[(place - 1U) / 2U];
		place = (place - 1U) / 2U;
	}
	time->heap[place] = event;
}

/* Takes the last event of the array to the top and lets it sink to its place. */
static void
remove_first(struct peal_simtime *time)
{
	struct peal_simevent last = time->heap[--time->count];
	uint32_t place = 0;

	for (;;) {
		uint32_t child = 2U * place + 1U;

		if (child >= time->count) {
			break;
		}
		if (child + 1U < time->count &&
			comes_before(&time->heap[child + 1U], &time->heap[child])) {
			child++;
		}
		if (!comes_before(&time->heap[child], &last)) {
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
