/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The agreement of cast_flush.h in a large view: sums over a tree.
 */
#include "dataplane/cast_flush.h"

#include "base/assert.h"
#include "base/museum.h"

static uint64_t
bit_of(uint16_t link)
{
	return UINT64_C(1) << link;
}

/* True when all links but this one are in the set: what lies behind me is complete. */
static bool
is_whole(const struct peal_cast_flush *flush, uint64_t set, uint64_t bit)
{
	return ((set | bit) & flush->others) == flush->others || PEAL_BUG(CAST_SUM_NOT_WHOLE);
}

void
peal_cast_flush_begin_tree(struct peal_cast_flush *flush, uint64_t others, uint64_t of,
	const struct peal_cast_stream *streams, uint32_t streams_count, uint64_t now_ns)
{
	*flush = (struct peal_cast_flush){.others = others,
		.owed = others,
		.is_tree = true,
		.of = of,
		.names_count = streams_count,
		.at_ns = now_ns + PEAL_CAST_REPEAT_NS};
	for (uint32_t i = 0; i < streams_count; i++) {
		flush->names[i] = streams[i].name;
		flush->goals[i] = streams[i].have;
	}
}

void
peal_cast_flush_adopt(struct peal_cast_flush *flush, const struct peal_cast_flush_msg *message)
{
	PEAL_ASSERT(message->epoch > flush->of);
	flush->of = message->epoch;
	flush->names_count = message->rows_count;
	for (uint32_t i = 0; i < message->rows_count; i++) {
		flush->names[i] = message->rows[i].origin;
		flush->goals[i] = flush->holders[i] = flush->asked[i] = 0;
	}
	flush->done = flush->told = 0;
	flush->is_done = false;
	flush->owed = flush->others;
}

bool
peal_cast_flush_on_sum(struct peal_cast_flush *flush, uint16_t link,
	const struct peal_cast_flush_msg *message, const struct peal_cast_stream *streams)
{
	uint64_t bit = bit_of(link);
	bool is_present = message->epoch == flush->of;

	PEAL_ASSERT(message->epoch <= flush->of);
	if ((flush->others & bit) == 0 ||
		(is_present && message->rows_count != flush->names_count)) {
		return false;
	}
	for (uint32_t i = 0; is_present && i < message->rows_count; i++) {
		if (message->rows[i].origin != flush->names[i] ||
			(streams != NULL &&
				message->rows[i].have > streams[i].have + streams[i].window)) {
			return false;
		}
	}
	flush->done |= is_present && (message->flags & PEAL_CAST_FLAG_DONE) != 0 ? bit : 0;
	/* Who speaks of an older epoch is to hear of the present one, and says it again. */
	flush->owed |= is_present ? 0 : bit;
	/* Once is enough: what it says later in the round is the goal. */
	if ((flush->heard & bit) != 0) {
		return true;
	}
	flush->heard |= bit;
	for (uint32_t i = 0; is_present && i < message->rows_count; i++) {
		if (message->rows[i].have > flush->goals[i]) {
			flush->goals[i] = message->rows[i].have;
			flush->holders[i] = 0;
		}
		if (message->rows[i].have == flush->goals[i]) {
			flush->holders[i] |= bit;
		}
	}
	return true;
}

void
peal_cast_flush_finish(struct peal_cast_flush *flush)
{
	flush->is_done = true;
}

void
peal_cast_flush_sum(
	const struct peal_cast_flush *flush, uint16_t link, struct peal_cast_flush_msg *message_out)
{
	uint64_t bit = bit_of(link);

	*message_out = (struct peal_cast_flush_msg){.epoch = flush->of};
	if ((flush->asks & bit) != 0) {
		message_out->flags |= PEAL_CAST_FLAG_ASK;
	}
	if (!is_whole(flush, flush->heard, bit)) {
		return;
	}
	message_out->flags |= PEAL_CAST_FLAG_WHOLE;
	if (flush->is_done && is_whole(flush, flush->done, bit)) {
		message_out->flags |= PEAL_CAST_FLAG_DONE;
	}
	message_out->rows_count = flush->names_count;
	for (uint32_t i = 0; i < flush->names_count; i++) {
		message_out->rows[i].origin = flush->names[i];
		message_out->rows[i].have = flush->goals[i];
	}
}

uint64_t
peal_cast_flush_sendable(const struct peal_cast_flush *flush)
{
	uint64_t sendable = 0;

	for (uint64_t rest = flush->others; rest != 0; rest &= rest - 1U) {
		uint64_t bit = rest & -rest;

		if (!is_whole(flush, flush->heard, bit)) {
			continue;
		}
		if ((flush->owed & bit) != 0 || ((flush->told & bit) == 0 && flush->is_done &&
							is_whole(flush, flush->done, bit))) {
			sendable |= bit;
		}
	}
	return sendable;
}
