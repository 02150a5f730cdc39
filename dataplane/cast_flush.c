/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/cast_flush.h"

#include "base/assert.h"
#include "base/museum.h"

void
peal_cast_flush_begin(struct peal_cast_flush *flush, uint16_t members_count, uint16_t self_rank,
	const struct peal_cast_stream *streams, uint32_t streams_count, uint64_t now_ns)
{
	PEAL_ASSERT(members_count >= 1 && members_count <= PEAL_DIRECT_MAX);
	PEAL_ASSERT(self_rank < members_count);
	*flush = (struct peal_cast_flush){.others = UINT64_MAX >> (64U - members_count)};
	flush->others &= ~(UINT64_C(1) << self_rank);
	flush->owed = flush->others;
	flush->at_ns = now_ns + PEAL_CAST_REPEAT_NS;
	for (uint32_t i = 0; i < streams_count; i++) {
		flush->goals[i] = streams[i].have;
	}
}

static uint32_t
find(const struct peal_cast_stream *streams, uint32_t streams_count, uint32_t origin)
{
	uint32_t i = 0;

	while (i < streams_count && streams[i].name != origin) {
		i++;
	}
	return i;
}

bool
peal_cast_flush_on_vector(struct peal_cast_flush *flush, uint16_t rank,
	const struct peal_cast_flush_msg *message, const struct peal_cast_stream *streams,
	uint32_t streams_count)
{
	uint64_t bit = UINT64_C(1) << rank;
	bool is_done = (message->flags & PEAL_CAST_FLAG_DONE) != 0;

	for (uint32_t i = 0; i < message->rows_count; i++) {
		uint32_t at = find(streams, streams_count, message->rows[i].origin);

		if (at == streams_count ||
			message->rows[i].have > streams[at].have + streams[at].window) {
			return false;
		}
	}
	flush->done |= is_done ? bit : 0;
	/* Once is enough: what it says later in the round is the goal. */
	if ((flush->heard & bit) != 0) {
		return true;
	}
	flush->heard |= bit;
	for (uint32_t i = 0; i < message->rows_count; i++) {
		uint32_t at = find(streams, streams_count, message->rows[i].origin);

		if (PEAL_BUG(CAST_FLUSH_SKIPS_ORIGIN) && at == 0) {
			continue;
		}
		if (message->rows[i].have > flush->goals[at]) {
			flush->goals[at] = message->rows[i].have;
			flush->holders[at] = 0;
		}
		if (message->rows[i].have == flush->goals[at]) {
			flush->holders[at] |= bit;
		}
	}
	return true;
}

void
peal_cast_flush_on_newcomer(struct peal_cast_flush *flush, uint16_t rank)
{
	uint64_t bit = UINT64_C(1) << rank;

	flush->newcomers |= bit;
	flush->heard |= bit;
	flush->done |= bit;
}

void
peal_cast_flush_on_foreign(
	struct peal_cast_flush *flush, uint16_t rank, const struct peal_cast_flush_msg *message)
{
	uint64_t bit = UINT64_C(1) << rank;

	if (message->epoch < flush->newest) {
		return;
	}
	if (message->epoch > flush->newest) {
		/* Who was done with an older epoch will follow, and say so again. */
		flush->newest = message->epoch;
		flush->done &= flush->newcomers;
	}
	flush->done |= (message->flags & PEAL_CAST_FLAG_DONE) != 0 ? bit : 0;
}
