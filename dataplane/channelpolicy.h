/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What happens when the peer of a channel is slow (enum peal_channel_policy): DROP_BEHIND gives up
 * the oldest that was not sent when the queue is full, EVICT ends the channel when a message waits
 * for its acknowledgement for too long. peal_channels_set_policy is here, too.
 *
 * No state of its own: handlers of struct peal_channels, for dataplane/channels.c only. One core.
 */
#ifndef PEAL_DATAPLANE_CHANNELPOLICY_H
#define PEAL_DATAPLANE_CHANNELPOLICY_H

#include "dataplane/channels.h"

/* Makes room for an entry of `size` by what its channel may do about it. True: there may be some.
 */
bool peal_channelpolicy_make_room(struct peal_channels *channels, uint16_t index, uint64_t size);

/* EVICT: a message was accepted. The time runs from the next turn, unless it runs. */
void peal_channelpolicy_watch(struct peal_channels *channels, uint16_t index);

/* Private: a watch is over. */
void peal_channelpolicy_run_due(struct peal_channels *channels, uint64_t now_ns);

/* Once a turn: ends the channels that waited for too long. */
static inline void
peal_channelpolicy_run(struct peal_channels *channels, uint64_t now_ns)
{
	if (__builtin_expect(peal_deadlines_earliest_ns(&channels->watches_at) <= now_ns, 0)) {
		peal_channelpolicy_run_due(channels, now_ns);
	}
}

#endif
