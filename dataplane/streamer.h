/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Carries out STREAM records: large bodies in pieces, several at once, slowly enough for their
 * receivers.
 *
 * Chunk by chunk in turn: a chunk of one stream to all its receivers, then one of the next. A
 * receiver that is no peer any more is passed over; a stream that has none left ends. Otherwise it
 * ends when its last chunk left. Nothing is repeated: who misses a chunk asks for it. A stream
 * outlives a view switch, for who lacks a body needs it to follow. Without a packet of the port
 * nothing is lost: it goes on later.
 *
 * Timers:
 *   burst   PEAL_STREAM_FRAMES_BURST_MAX frames at most, and PEAL_STREAM_CHUNKS_BURST_MAX chunks of
 * one stream, then PEAL_STREAM_PAUSE_NS of rest.
 *
 * Plain struct, fields private, one core. An idle turn costs one compare.
 */
#ifndef PEAL_DATAPLANE_STREAMER_H
#define PEAL_DATAPLANE_STREAMER_H

#include "base/counters.h"
#include "dataplane/egress.h"
#include "dataplane/neighbour.h"
#include "dataplane/peers.h"
#include "dataplane/stream.h"
#include "dataplane/uplink.h"

struct peal_streamer_run {
	struct peal_stream *stream;
	uint32_t chunks_count; /* of the body */
	uint32_t chunk;        /* the next, or the one on its way */
	uint16_t target;       /* the next receiver of it */
	bool has_receivers;    /* somebody got, or could have got, this chunk */
};

struct peal_streamer {
	struct peal_egress *egress;
	struct peal_neighbour *neighbour;
	struct peal_uplink *uplink;
	struct peal_counters *counters;
	const struct peal_peers *peers;
	uint64_t next_at_ns; /* UINT64_MAX = no stream */
	uint32_t runs_count;
	uint32_t current;
	struct peal_streamer_run runs[PEAL_STREAMS_MAX];
};

/* Everything outlives the machine. */
void peal_streamer_init(struct peal_streamer *streamer, struct peal_egress *egress,
	struct peal_neighbour *neighbour, struct peal_uplink *uplink,
	struct peal_counters *counters);

/* Takes another table. When this node has another number or cluster in it, streams to peers end. */
void peal_streamer_switch(struct peal_streamer *streamer, const struct peal_peers *peers);

/* Takes an order over. Asserts its bounds, and that not more than PEAL_STREAMS_MAX are here. */
void peal_streamer_start(
	struct peal_streamer *streamer, struct peal_stream *stream, uint64_t now_ns);

/* Private: a burst is due. */
uint32_t peal_streamer_run_due(struct peal_streamer *streamer, uint64_t now_ns);

/* Once a turn. Returns frames sent. */
static inline uint32_t
peal_streamer_run(struct peal_streamer *streamer, uint64_t now_ns)
{
	if (__builtin_expect(now_ns < streamer->next_at_ns, 1)) {
		return 0;
	}
	return peal_streamer_run_due(streamer, now_ns);
}

static inline uint64_t
peal_streamer_deadline_at_ns(const struct peal_streamer *streamer)
{
	return streamer->next_at_ns;
}

#endif
