/* SPDX-License-Identifier: BSD-3-Clause */
#include "runtime/clientlist.h"

/* Bytes between two places of a ring, one of which may be anything. */
static uint32_t
fill_of(uint64_t tail, uint64_t head, uint32_t capacity)
{
	uint64_t size = tail - head;

	return size <= capacity ? (uint32_t)size : capacity;
}

void
peal_clientlist_measure(struct peal_clientlist_entry *entry, const struct peal_client *client,
	const struct peal_region_up *up, const struct peal_region_down *down)
{
	const struct peal_client_tally *tally = &client->tally;

	entry->channels_count = atomic_load_explicit(&tally->channels_count, memory_order_relaxed);
	entry->lanes_count = atomic_load_explicit(&tally->lanes_count, memory_order_relaxed);
	entry->sent_count = atomic_load_explicit(&tally->sent_count, memory_order_relaxed);
	entry->sent_size = atomic_load_explicit(&tally->sent_size, memory_order_relaxed);
	entry->delivered_count =
		atomic_load_explicit(&tally->delivered_count, memory_order_relaxed);
	entry->delivered_size = atomic_load_explicit(&tally->delivered_size, memory_order_relaxed);
	if (up == NULL || down == NULL) {
		return;
	}
	/* Who reads is asked first: what moves meanwhile makes a ring look fuller, not broken. */
	uint64_t up_head = atomic_load_explicit(&down->up_head, memory_order_acquire);
	uint64_t down_head = atomic_load_explicit(&up->down_head, memory_order_acquire);

	entry->up_size = fill_of(atomic_load_explicit(&up->up_tail, memory_order_relaxed), up_head,
		PEAL_CLIENT_UP_SIZE);
	entry->down_size = fill_of(atomic_load_explicit(&down->down_tail, memory_order_relaxed),
		down_head, PEAL_CLIENT_DOWN_SIZE);
}

void
peal_clientlist_remember(struct peal_clientlist *list, const struct peal_clientlist_entry *entry)
{
	struct peal_clientlist_entry *place = &list->cut_off[0];
	uint64_t times_count = 0;

	PEAL_ASSERT(entry->state == PEAL_CLIENTLIST_CUT_OFF);
	for (uint32_t i = 0; i < PEAL_CLIENTLIST_CUT_OFF_MAX; i++) {
		struct peal_clientlist_entry *other = &list->cut_off[i];

		if (other->times_count > 0 && other->pid == entry->pid &&
			other->user == entry->user && other->end == entry->end) {
			place = other;
			times_count = other->times_count;
			break;
		}
		/* A free place is of the instant 0. */
		place = other->at_ns < place->at_ns ? other : place;
	}
	*place = *entry;
	place->times_count = times_count + 1U;
}

const char *
peal_clientlist_state_name(enum peal_clientlist_state state)
{
	static const char *const names[] = {
		[PEAL_CLIENTLIST_ARRIVING] = "arriving",
		[PEAL_CLIENTLIST_ATTACHED] = "attached",
		[PEAL_CLIENTLIST_LEAVING] = "leaving",
		[PEAL_CLIENTLIST_CUT_OFF] = "cut off",
	};

	return names[state];
}

const char *
peal_clientlist_end_name(enum peal_client_end end)
{
	static const char *const names[] = {
		[PEAL_CLIENT_END_NONE] = "none",
		[PEAL_CLIENT_END_ASKED] = "asked",
		[PEAL_CLIENT_END_DIED] = "died",
		[PEAL_CLIENT_END_VIOLATION] = "violation",
		[PEAL_CLIENT_END_SLOW] = "slow",
		[PEAL_CLIENT_END_STOPPED] = "stopped",
	};

	return names[end];
}
