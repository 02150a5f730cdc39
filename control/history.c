/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/history.h"

#include "base/assert.h"
#include "wire/messages.h"

#include <string.h>

void
peal_history_init(struct peal_history *history)
{
	memset(history, 0, sizeof(*history));
}

void
peal_history_add(struct peal_history *history, const struct peal_ballot_msg *decide)
{
	uint64_t epoch = decide->proposal.parent_epoch;
	struct peal_history_entry *entry = &history->entries[epoch % PEAL_HISTORY_MAX];
	struct peal_writer writer = peal_writer_init(entry->bytes, sizeof(entry->bytes));

	PEAL_ASSERT(decide->kind == PEAL_MESSAGE_DECIDE);
	PEAL_ASSERT(epoch > 0);

	peal_ballot_msg_encode(decide, &writer);
	PEAL_ASSERT(writer.is_ok);
	entry->parent_epoch = epoch;
	entry->size = (uint32_t)writer.offset;
}

const struct peal_history_entry *
peal_history_find(const struct peal_history *history, uint64_t epoch)
{
	const struct peal_history_entry *entry = &history->entries[epoch % PEAL_HISTORY_MAX];

	return epoch > 0 && entry->parent_epoch == epoch ? entry : NULL;
}
