/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/flood.h"

#include "base/hash.h"
#include "base/museum.h"

#include <string.h>

/* The prefix ends with the hop and three zero bytes. */
#define HOP_OFFSET PEAL_FLOOD_ID_SIZE

_Static_assert(HOP_OFFSET + 4U == PEAL_FLOOD_PREFIX_SIZE, "the hop stands where it is counted up");
_Static_assert(PEAL_FLOOD_WAYS_MAX <= UINT8_MAX, "a place of a set fits a byte");
_Static_assert(PEAL_FLOOD_HOPS_MAX < UINT8_MAX, "the hop fits a byte when it is counted up");

void
peal_flood_init(
	struct peal_flood *flood, struct peal_egress *egress, struct peal_counters *counters)
{
	memset(flood, 0, sizeof(*flood));
	flood->egress = egress;
	flood->counters = counters;
}

void
peal_flood_switch(struct peal_flood *flood, const struct peal_peers *peers)
{
	bool is_same_view = peal_peers_is_same_view(flood->peers, peers);

	flood->peers = peers;
	if (is_same_view) {
		return;
	}
	flood->last = NULL;
	if (flood->is_used) {
		memset(flood->oldest, 0, sizeof(flood->oldest));
		memset(flood->entries, 0, sizeof(flood->entries));
		flood->is_used = false;
	}
}

/* A message on its way from here. */
struct passage {
	const uint8_t *body;
	uint16_t size;
	uint8_t kind;
	uint16_t but_slot; /* where it came from, and its origin: not to these */
	uint16_t but_origin_slot;
};

static uint32_t
send_to(struct peal_flood *flood, const struct passage *passage, uint16_t slot)
{
	if (slot == passage->but_slot || slot == passage->but_origin_slot) {
		return 0;
	}
	return peal_egress_send_slot(
		       flood->egress, slot, passage->kind, passage->body, passage->size)
		       ? 1U
		       : 0U;
}

/*
 * Sends one body to whom this node observes, and the questions of a classic round to its observers
 * too. Those are asked when many may be dead, and perhaps everybody's promise is needed: a member
 * whose observers are all among the dead is heard by those that it observes.
 */
static uint32_t
send_on(struct peal_flood *flood, const struct passage *passage)
{
	const struct peal_peers *peers = flood->peers;
	uint32_t sent_count = 0;

	for (uint32_t i = 0; i < peers->subjects_count; i++) {
		sent_count += send_to(flood, passage, peers->subjects[i]);
	}
	if (passage->kind != PEAL_MESSAGE_P1A && passage->kind != PEAL_MESSAGE_P2A) {
		return sent_count;
	}
	for (uint32_t i = 0; i < peers->observers_slots_count; i++) {
		uint16_t slot = peers->observers_slots[i];

		if (!peers->peers[slot].is_subject) {
			sent_count += send_to(flood, passage, slot);
		}
	}
	return sent_count;
}

static bool
is_valid(const struct peal_peers *peers, const struct peal_flood_prefix *prefix,
	const struct peal_opened *opened)
{
	if (prefix->view_tag != peers->view_tag || prefix->origin >= peers->next_mid ||
		prefix->hop > PEAL_FLOOD_HOPS_MAX) {
		return false;
	}
	return prefix->hop > 0 || prefix->origin == (uint32_t)opened->mid;
}

/* The entry of a message; a new one takes the oldest place of its set. */
static struct peal_flood_entry *
find_entry(struct peal_flood *flood, const struct peal_flood_prefix *prefix, bool *is_new_out)
{
	uint64_t hash = peal_hash_mix(((uint64_t)prefix->origin << 32) | prefix->origin_seq);
	uint32_t set = (uint32_t)hash & (PEAL_FLOOD_SETS_MAX - 1U);
	struct peal_flood_entry *entry = NULL;

	for (uint32_t way = 0; way < PEAL_FLOOD_WAYS_MAX; way++) {
		entry = &flood->entries[set][way];
		if (entry->origin == prefix->origin && entry->origin_seq == prefix->origin_seq) {
			*is_new_out = false;
			return entry;
		}
	}
	entry = &flood->entries[set][flood->oldest[set]];
	flood->oldest[set] = (uint8_t)((flood->oldest[set] + 1U) % PEAL_FLOOD_WAYS_MAX);
	*entry = (struct peal_flood_entry){
		.origin = prefix->origin, .origin_seq = prefix->origin_seq};
	flood->is_used = true;
	*is_new_out = true;
	return entry;
}

static void
pass_on(struct peal_flood *flood, const struct peal_flood_prefix *prefix,
	const struct peal_opened *opened)
{
	uint8_t body[PEAL_BODY_SIZE_MAX];

	if (prefix->hop == PEAL_FLOOD_HOPS_MAX || PEAL_BUG(FLOOD_NOT_PASSED)) {
		return;
	}
	memcpy(body, opened->body, opened->body_size);
	body[HOP_OFFSET]++;

	const struct passage passage = {.body = body,
		.size = opened->body_size,
		.kind = opened->kind,
		.but_slot = opened->slot,
		.but_origin_slot = peal_peers_find(flood->peers, prefix->origin)};

	peal_counter_add(flood->counters, PEAL_COUNTER_FLOOD_PASSED, send_on(flood, &passage));
}

enum peal_flood_verdict
peal_flood_take(struct peal_flood *flood, const struct peal_opened *opened)
{
	const struct peal_peers *peers = flood->peers;
	struct peal_reader reader = peal_reader_init(opened->body, opened->body_size);
	struct peal_flood_prefix prefix;
	bool is_new = false;

	PEAL_DASSERT(peers->is_large);
	PEAL_DASSERT(opened->epoch == peers->epoch);
	flood->last = NULL;
	if (!peal_flood_prefix_decode(&reader, &prefix) || !is_valid(peers, &prefix, opened)) {
		peal_counter_add(flood->counters, PEAL_COUNTER_REFUSED_BODY, 1);
		return PEAL_FLOOD_REFUSED;
	}
	if (prefix.origin != (uint32_t)peers->self_mid) {
		flood->last = find_entry(flood, &prefix, &is_new);
	}
	if (is_new) {
		pass_on(flood, &prefix, opened);
		return PEAL_FLOOD_FRESH;
	}
	if (flood->last != NULL && flood->last->is_owed) {
		flood->last->is_owed = false;
		return PEAL_FLOOD_FRESH;
	}
	peal_counter_add(flood->counters, PEAL_COUNTER_FLOOD_COPIES, 1);
	return PEAL_FLOOD_COPY;
}

void
peal_flood_owe(struct peal_flood *flood)
{
	PEAL_ASSERT(flood->last != NULL);
	flood->last->is_owed = true;
}

uint32_t
peal_flood_start(struct peal_flood *flood, uint8_t kind, const uint8_t *body, uint16_t size)
{
	const struct passage passage = {.body = body,
		.size = size,
		.kind = kind,
		.but_slot = PEAL_PEERS_NONE,
		.but_origin_slot = PEAL_PEERS_NONE};

	PEAL_ASSERT(flood->peers->is_large);
	return send_on(flood, &passage);
}
