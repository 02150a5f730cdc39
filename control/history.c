/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/history.h"

#include "base/assert.h"
#include "wire/messages.h"

#include <stddef.h>
#include <string.h>

void
peal_history_init(struct peal_history *history, struct peal_bodies store)
{
	PEAL_ASSERT(store.retain != NULL && store.release != NULL);
	history->store = store;
	history->bodies_size = 0;
	memset(history->entries, 0, sizeof(history->entries));
}

static void
let_go(struct peal_history *history, struct peal_history_entry *entry)
{
	if (entry->body == NULL) {
		return;
	}
	PEAL_ASSERT(history->bodies_size >= entry->body->size);
	history->bodies_size -= entry->body->size;
	history->store.release(history->store.state, entry->body);
	entry->body = NULL;
}

void
peal_history_clear(struct peal_history *history)
{
	for (uint32_t i = 0; i < PEAL_HISTORY_MAX; i++) {
		let_go(history, &history->entries[i]);
	}
	PEAL_ASSERT(history->bodies_size == 0);
	memset(history->entries, 0, sizeof(history->entries));
}

/* The oldest entry that retains a value; NULL: none does. */
static struct peal_history_entry *
find_oldest(struct peal_history *history)
{
	struct peal_history_entry *oldest = NULL;

	for (uint32_t i = 0; i < PEAL_HISTORY_MAX; i++) {
		struct peal_history_entry *entry = &history->entries[i];

		if (entry->body != NULL &&
			(oldest == NULL || entry->parent_epoch < oldest->parent_epoch)) {
			oldest = entry;
		}
	}
	return oldest;
}

/* Retains a value for `entry`; older ones go until it fits. */
static void
retain(struct peal_history *history, struct peal_history_entry *entry,
	const struct peal_body *value)
{
	PEAL_ASSERT(value->is_proposal);
	PEAL_ASSERT(value->size <= PEAL_BODY_BYTES_MAX);
	while (history->bodies_size > PEAL_BODY_BYTES_MAX - value->size) {
		struct peal_history_entry *oldest = find_oldest(history);

		PEAL_ASSERT(oldest != NULL);
		let_go(history, oldest);
	}
	history->store.retain(history->store.state, value);
	history->bodies_size += value->size;
	entry->body = value;
}

void
peal_history_add(struct peal_history *history, const struct peal_ballot_msg *decide,
	const struct peal_body *value)
{
	uint64_t epoch = decide->proposal.parent_epoch;
	uint32_t place = (uint32_t)(epoch % PEAL_HISTORY_MAX);
	struct peal_history_entry *entry = &history->entries[place];
	struct peal_writer writer =
		peal_writer_init(history->bytes[place], sizeof(history->bytes[place]));

	PEAL_ASSERT(decide->kind == PEAL_MESSAGE_DECIDE && decide->has_proposal);
	PEAL_ASSERT(epoch > 0);
	PEAL_ASSERT(value == NULL || peal_hash128_equals(value->digest, decide->digest));

	peal_ballot_msg_encode(decide, &writer);
	PEAL_ASSERT(writer.is_ok);
	let_go(history, entry);
	entry->parent_epoch = epoch;
	entry->bytes = history->bytes[place];
	entry->size = (uint32_t)writer.offset;
	entry->is_inline = peal_proposal_size(&decide->proposal) <= PEAL_INLINE_SIZE_MAX;
	if (!entry->is_inline) {
		PEAL_ASSERT(value != NULL);
		retain(history, entry, value);
	}
}

const struct peal_history_entry *
peal_history_find(const struct peal_history *history, uint64_t epoch)
{
	const struct peal_history_entry *entry = &history->entries[epoch % PEAL_HISTORY_MAX];

	return epoch > 0 && entry->parent_epoch == epoch ? entry : NULL;
}

const struct peal_body *
peal_history_find_body(const struct peal_history *history, struct peal_hash128 digest)
{
	for (uint32_t i = 0; i < PEAL_HISTORY_MAX; i++) {
		const struct peal_body *body = history->entries[i].body;

		if (body != NULL && peal_hash128_equals(body->digest, digest)) {
			return body;
		}
	}
	return NULL;
}
