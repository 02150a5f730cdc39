/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/channeltable.h"

#include "base/museum.h"

#include <stddef.h>
#include <string.h>

#define PLACES_COUNT (2U * PEAL_CHANNELS_MAX)

void
peal_channeltable_init(struct peal_channeltable *table)
{
	memset(table, 0, sizeof(*table));
}

static uint32_t
place_of(uint16_t slot, uint16_t number)
{
	_Static_assert(PLACES_COUNT == 512U, "the index is addressed by nine bits of the hash");
	return ((uint32_t)slot << 16 | number) * 0x9E3779B1U >> 23;
}

static void
fill_place(struct peal_channeltable *table, const struct peal_channel *channel)
{
	uint32_t place = place_of(channel->slot, channel->number);

	while (table->places[place] != 0) {
		place = (place + 1U) % PLACES_COUNT;
	}
	table->places[place] = (uint16_t)(peal_channeltable_index(table, channel) + 1U);
}

struct peal_channel *
peal_channeltable_find(
	struct peal_channeltable *table, uint16_t slot, uint64_t mid, uint16_t number)
{
	uint32_t place = place_of(slot, number);

	for (uint32_t i = 0; i < PLACES_COUNT && table->places[place] != 0; i++) {
		struct peal_channel *channel = &table->channels[table->places[place] - 1U];

		if (channel->number == number && channel->slot == slot && channel->mid == mid) {
			return channel;
		}
		place = (place + 1U) % PLACES_COUNT;
	}
	return NULL;
}

struct peal_channel *
peal_channeltable_spare(struct peal_channeltable *table)
{
	struct peal_channel *oldest = NULL;

	for (uint32_t i = 0; i < PEAL_CHANNELS_MAX; i++) {
		struct peal_channel *channel = &table->channels[i];

		/* One that still stands in a list of senders is taken out by the next turn. */
		if (channel->is_listed) {
			continue;
		}
		if (channel->state == PEAL_CHANNEL_FREE) {
			return channel;
		}
		if (channel->state == PEAL_CHANNEL_CLOSED &&
			(oldest == NULL || channel->closed_order < oldest->closed_order)) {
			oldest = channel;
		}
	}
	return oldest;
}

void
peal_channeltable_enter(struct peal_channeltable *table, struct peal_channel *channel,
	uint16_t slot, uint64_t mid, uint16_t number)
{
	PEAL_ASSERT(channel->state == PEAL_CHANNEL_FREE);
	PEAL_ASSERT(!channel->is_listed);
	memset(channel, 0, offsetof(struct peal_channel, tx));
	memset(&channel->rx, 0, sizeof(channel->rx));
	channel->state = PEAL_CHANNEL_OPEN;
	channel->slot = slot;
	channel->mid = mid;
	channel->number = number;
	channel->room = PEAL_CHANNEL_WINDOW;
	table->used_count++;
	fill_place(table, channel);
}

void
peal_channeltable_accept(struct peal_channeltable *table, struct peal_channel *channel)
{
	PEAL_ASSERT(channel->state == PEAL_CHANNEL_OPEN);
	PEAL_ASSERT(!channel->is_accepted);
	channel->is_accepted = true;
	table->accepted_counts[channel->slot]++;
}

/* The place may be given to another. */
static void
release(struct peal_channeltable *table, struct peal_channel *channel)
{
	table->used_count--;
	if (channel->is_accepted) {
		table->accepted_counts[channel->slot]--;
		channel->is_accepted = false;
	}
}

void
peal_channeltable_close(struct peal_channeltable *table, struct peal_channel *channel)
{
	PEAL_ASSERT(channel->state == PEAL_CHANNEL_CLOSING);
	release(table, channel);
	channel->state = PEAL_CHANNEL_CLOSED;
	channel->closed_order = ++table->closed_count;
}

uint64_t
peal_channeltable_floor(struct peal_channeltable *table, uint16_t slot, uint64_t mid, uint8_t shard)
{
	PEAL_ASSERT(shard < PEAL_SHARDS_MAX);
	if (table->floor_mids[slot] != mid) {
		table->floor_mids[slot] = mid;
		memset(table->floors[slot], 0, sizeof(table->floors[slot]));
	}
	return table->floors[slot][shard];
}

void
peal_channeltable_raise_floor(
	struct peal_channeltable *table, const struct peal_channel *channel, uint64_t epoch)
{
	if (epoch > peal_channeltable_floor(table, channel->slot, channel->mid, channel->shard)) {
		table->floors[channel->slot][channel->shard] = epoch;
	}
}

void
peal_channeltable_forget(
	struct peal_channeltable *table, struct peal_channel *channel, uint64_t epoch)
{
	PEAL_ASSERT(channel->state != PEAL_CHANNEL_FREE);
	if (!PEAL_BUG(OLD_LIVES_RETURN)) {
		peal_channeltable_raise_floor(table, channel, epoch);
	}
	if (channel->state != PEAL_CHANNEL_CLOSED) {
		release(table, channel);
	}
	channel->state = PEAL_CHANNEL_FREE;
	/* All are entered anew: rare, and simpler than a search that passes over gaps. */
	memset(table->places, 0, sizeof(table->places));
	for (uint16_t i = 0; i < PEAL_CHANNELS_MAX; i++) {
		if (table->channels[i].state != PEAL_CHANNEL_FREE) {
			fill_place(table, &table->channels[i]);
		}
	}
}

void
peal_channeltable_push(struct peal_channeltable *table, struct peal_channellist *list,
	struct peal_channel *channel)
{
	struct peal_channellist one;

	if (channel->is_listed) {
		return;
	}
	channel->is_listed = true;
	channel->next = PEAL_CHANNEL_NONE;
	one.first = one.last = peal_channeltable_index(table, channel);
	peal_channeltable_append(table, list, &one);
}

struct peal_channel *
peal_channeltable_pop(struct peal_channeltable *table, struct peal_channellist *list)
{
	struct peal_channel *channel;

	if (list->first == PEAL_CHANNEL_NONE) {
		return NULL;
	}
	channel = &table->channels[list->first];
	list->first = channel->next;
	channel->is_listed = false;
	return channel;
}

void
peal_channeltable_append(
	struct peal_channeltable *table, struct peal_channellist *to, struct peal_channellist *from)
{
	if (from->first == PEAL_CHANNEL_NONE) {
		return;
	}
	if (to->first == PEAL_CHANNEL_NONE) {
		to->first = from->first;
	} else {
		table->channels[to->last].next = from->first;
	}
	to->last = from->last;
	peal_channellist_init(from);
}
