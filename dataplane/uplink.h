/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The core's end of the up ring: what control must learn, and what is given back to it.
 *
 * Two kinds of records. A frame or a notice that finds no buffer or no room is dropped and counted,
 * for its sender repeats it. What is owed (buffers to give back, the answer to a view, the end of
 * an echo run or of a stream) waits here until there is room, and is never lost. Plain struct,
 * fields private, one core. Buffers of the plane's `up` set start here.
 */
#ifndef PEAL_DATAPLANE_UPLINK_H
#define PEAL_DATAPLANE_UPLINK_H

#include "base/counters.h"
#include "dataplane/ingress.h"
#include "dataplane/plane.h"

/* Control that takes nothing, with the ring full, is asked again after this long: a core that waits
 * for it must not keep its processor from it. */
#define PEAL_UPLINK_RETRY_NS 50000U

struct peal_uplink {
	struct peal_plane *plane;
	struct peal_counters *counters;
	uint8_t shard;
	bool is_view_owed;
	uint32_t generation;  /* of the table in use */
	uint64_t retry_at_ns; /* while something is owed: when to try again; 0 = with the next turn
			       */
	struct peal_ping_run *ping_owed;
	struct peal_load_run *load_owed;
	uint16_t streams_owed_count;
	struct peal_stream *streams_owed[PEAL_STREAMS_MAX];
	uint16_t free_count;
	uint16_t owed_count;
	uint16_t free[PEAL_PLANE_BUFFERS_MAX]; /* up buffers that are here */
	uint16_t owed[PEAL_PLANE_BUFFERS_MAX]; /* down buffers to give back */
	struct {
		uint64_t mid;
		uint64_t told_at_ns; /* last notice about this peer; 0 = none */
	} peers[PEAL_SLOTS_MAX];
};

void peal_uplink_init(struct peal_uplink *uplink, struct peal_plane *plane, uint8_t shard,
	struct peal_counters *counters);

/* Takes the peers of a new view, and owes control the answer to it. */
void peal_uplink_switch(struct peal_uplink *uplink, const struct peal_peers *peers);

/* A frame for control: copies the body into an up buffer. False: dropped, counted. Frames of family
 * 0 leave PEAL_PLANE_MEMBER_BUFFERS to what members say. */
bool peal_uplink_frame(struct peal_uplink *uplink, const struct peal_opened *opened);

/*
 * Control should know that an authenticated peer is behind or ahead: BEHIND or AHEAD, at most one
 * record per peer and PEAL_OTHER_EPOCH_NS. `is_not_member`: the peer says that this node is not in
 * its view.
 */
void peal_uplink_tell(struct peal_uplink *uplink, const struct peal_opened *opened,
	bool is_not_member, uint64_t now_ns);

/* A record of kind ALERT. False: no room, nothing happened; the caller tries again. Not counted. */
bool peal_uplink_alert(struct peal_uplink *uplink, const struct peal_record *record);

/*
 * Votes of `ranks` gathered under `key`: TALLY, in an up buffer. False: no room, nothing happened;
 * the caller tries again. Not counted.
 */
bool peal_uplink_tally(struct peal_uplink *uplink, const struct peal_vote_key *key,
	const struct peal_bitset *ranks, uint64_t epoch);

/* A number without a slot says that it speaks: STRANGER. Dropped and counted without room. */
void peal_uplink_stranger(struct peal_uplink *uplink, uint64_t mid);

/* An up buffer came back. Asserts that it was away. */
void peal_uplink_on_frame_done(struct peal_uplink *uplink, uint16_t buffer);

/* Owes control a down buffer, the end of an echo run, of a stream, of a run of load. */
void peal_uplink_owe_buffer(struct peal_uplink *uplink, uint16_t buffer);
void peal_uplink_owe_ping(struct peal_uplink *uplink, struct peal_ping_run *run);
void peal_uplink_owe_load(struct peal_uplink *uplink, struct peal_load_run *run);
void peal_uplink_owe_stream(struct peal_uplink *uplink, struct peal_stream *stream);

/* True when something waits for room. */
static inline bool
peal_uplink_is_owing(const struct peal_uplink *uplink)
{
	return uplink->owed_count > 0 || uplink->is_view_owed || uplink->ping_owed != NULL ||
	       uplink->load_owed != NULL || uplink->streams_owed_count > 0;
}

/* Pays what fits. Once a turn, at its end. What is left is tried again by a later turn. */
void peal_uplink_flush(struct peal_uplink *uplink, uint64_t now_ns);

/* When what is owed should be tried again: UINT64_MAX = nothing is. */
static inline uint64_t
peal_uplink_deadline_at_ns(const struct peal_uplink *uplink)
{
	return peal_uplink_is_owing(uplink) ? uplink->retry_at_ns : UINT64_MAX;
}

#endif
