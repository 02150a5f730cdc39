/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/channelpolicy.h"

#include "dataplane/channellife.h"

void
peal_channels_set_policy(struct peal_channels *channels, uint16_t index,
	enum peal_channel_policy policy, uint64_t evict_after_ns)
{
	struct peal_channel *channel = &channels->table.channels[index];

	PEAL_ASSERT(peal_channels_owns(channels, index));
	PEAL_ASSERT(policy != PEAL_CHANNEL_EVICT || evict_after_ns >= 1);
	PEAL_ASSERT(policy != PEAL_CHANNEL_DROP_BEHIND || channels->config.user.dropped != NULL);
	channel->policy = policy;
	channel->evict_after_ns = evict_after_ns;
	channel->is_watched = false;
	peal_deadlines_set(
		&channels->watches_at, index, policy == PEAL_CHANNEL_EVICT ? 0 : UINT64_MAX);
}

void
peal_channelpolicy_watch(struct peal_channels *channels, uint16_t index)
{
	if (!channels->table.channels[index].is_watched) {
		peal_deadlines_set(&channels->watches_at, index, 0);
	}
}

bool
peal_channelpolicy_make_room(struct peal_channels *channels, uint16_t index, uint64_t size)
{
	struct peal_channel *channel = &channels->table.channels[index];
	struct peal_channel_calling calling = {channels, index};
	const struct peal_sendqueue_lender lender = {peal_channellife_release_loan, &calling};
	uint64_t quarter = channels->config.queue_capacity / 4U;
	uint64_t count;

	if (channel->policy != PEAL_CHANNEL_DROP_BEHIND) {
		return false;
	}
	size += UINT64_C(4) * PEAL_SENDQUEUE_ENTRY_SIZE; /* heads, rounding */
	count = peal_channel_tx_drop(&channel->tx, size > quarter ? size : quarter, &lender);
	if (count > 0) {
		peal_counter_add(
			channels->config.counters, PEAL_COUNTER_CHANNEL_MESSAGES_DROPPED, count);
		channels->config.user.dropped(channels->config.user.state, index, count);
	}
	return count > 0;
}

/* A watch is over: what it waited for is gone, or the channel is. */
static void
on_watch(struct peal_channels *channels, uint16_t index, uint64_t now_ns)
{
	struct peal_channel *channel = &channels->table.channels[index];
	const struct peal_sendqueue *queue = &channel->tx.queue;

	if (channel->is_watched && queue->tail < channel->watch_position) {
		peal_counter_add(channels->config.counters, PEAL_COUNTER_CHANNELS_EVICTED, 1);
		peal_channellife_reset(channels, channel, PEAL_CHANNEL_REASON_SLOW);
		return;
	}
	channel->is_watched = queue->tail != queue->head;
	channel->watch_position = queue->head;
	peal_deadlines_set(&channels->watches_at, index,
		channel->is_watched ? now_ns + channel->evict_after_ns : UINT64_MAX);
}

void
peal_channelpolicy_run_due(struct peal_channels *channels, uint64_t now_ns)
{
	uint64_t due[PEAL_RESIDENTS_WORDS] = {0};

	peal_deadlines_collect(&channels->watches_at, now_ns, due);
	for (uint32_t word = 0; word < PEAL_RESIDENTS_WORDS; word++) {
		while (due[word] != 0) {
			uint32_t index = word * 64U + (uint32_t)__builtin_ctzll(due[word]);

			due[word] &= due[word] - 1U;
			on_watch(channels, (uint16_t)index, now_ns);
		}
	}
}
