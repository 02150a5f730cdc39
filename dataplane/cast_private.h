/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the parts of broadcast share: cast.c (what comes in), cast_run.c (what leaves), cast_view.c
 * (views, and the agreement at their end). Nobody else includes this.
 */
#ifndef PEAL_DATAPLANE_CAST_PRIVATE_H
#define PEAL_DATAPLANE_CAST_PRIVATE_H

#include "dataplane/cast.h"

#include "base/museum.h"
#include "wire/messages.h"

static inline void
peal_cast_count(struct peal_cast *cast, enum peal_counter counter)
{
	peal_counter_add(cast->config.counters, counter, 1);
}

static inline bool
peal_cast_is_running(const struct peal_cast *cast)
{
	return cast->base != 0 && cast->base == cast->epoch;
}

/* True when nothing keeps this node from the next view but that it does not know of all others. */
static inline bool
peal_cast_is_done(const struct peal_cast *cast)
{
	return cast->flush.is_done || (cast->base == 0 && !cast->flush.is_tree);
}

/* True when this node takes part in an agreement on streams that it does not have. */
static inline bool
peal_cast_is_foreign(const struct peal_cast *cast)
{
	return cast->flush.is_tree && cast->base != cast->flush.of;
}

static inline struct peal_sendqueue_lender
peal_cast_lender(const struct peal_cast *cast)
{
	return (struct peal_sendqueue_lender){cast->config.user.release, cast->config.user.state};
}

/* cast.c: begins the streams of another epoch; places of the ring are shared out anew. */
void peal_cast_open_streams(
	struct peal_cast *cast, uint64_t epoch, const uint32_t *names, uint32_t names_count);
/* cast.c: a lane has another holder. False: who is no member of the view. */
bool peal_cast_turn_lane(struct peal_cast *cast, uint32_t index, uint32_t origin);
/* cast.c: delivers all that is next of a stream, up to `end`. */
void peal_cast_deliver_until(struct peal_cast *cast, uint32_t index, uint64_t end);
/* cast.c: after frames or rows moved a stream: what is owed, missing, and due. */
void peal_cast_settle(struct peal_cast *cast, uint32_t index, uint64_t now_ns);

/* cast_large.c: the link or rank of who sent a frame, or PEAL_DIRECT_MAX: none. */
uint32_t peal_cast_find_member(const struct peal_cast *cast, uint16_t rank);
/* cast_large.c: a message about lanes: for this member, or on its way to another. */
void peal_cast_on_lane(
	struct peal_cast *cast, const struct peal_cast_lane_msg *message, uint64_t now_ns);
/* cast_large.c: asks for a lane, gives it back, grants others theirs. */
void peal_cast_run_lanes(struct peal_cast *cast, uint64_t now_ns);
/* cast_large.c: when that is to be called again. */
uint64_t peal_cast_lanes_deadline_at_ns(const struct peal_cast *cast);
/* cast_large.c: false when a lane must not be used for more frames, for others wait. */
bool peal_cast_may_use_lane(const struct peal_cast *cast);
/* cast_large.c: a frame or pull of streams that are agreed on in a large view, and are not here:
 * passes it on to who has asked, or to who has the frames. */
void peal_cast_relay_old(struct peal_cast *cast, uint32_t link, const struct peal_cast_msg *message,
	const uint8_t *body, uint16_t size);
void peal_cast_relay_pull(
	struct peal_cast *cast, uint32_t link, const struct peal_cast_pull_msg *message);

/* cast_run.c: sends a frame that is here to one member. */
void peal_cast_send_frame(struct peal_cast *cast, uint32_t rank, const uint8_t *body, uint16_t size,
	enum peal_counter counter);
/* cast_run.c: the same to those children in tree 0 of whom it is not known that they have it. */
void peal_cast_pass_on(
	struct peal_cast *cast, uint32_t index, uint64_t seq, enum peal_counter counter);

/* cast_view.c: all are done with what was before: the streams of the view begin. */
void peal_cast_begin_running(struct peal_cast *cast);
/* cast_view.c: after anything happened in a flush. */
void peal_cast_progress(struct peal_cast *cast, uint64_t now_ns);
/* cast_view.c: a vector from the member at `rank`, while this node flushes too. */
void peal_cast_on_vector(struct peal_cast *cast, uint16_t rank,
	const struct peal_cast_flush_msg *message, uint64_t now_ns);
/* cast_view.c: true when a vector can leave now. */
bool peal_cast_has_vectors(const struct peal_cast *cast);
/* cast_view.c: vectors that are owed, and once in a while to those whose own is missing. Returns
 * frames sent. */
uint32_t peal_cast_run_flush(struct peal_cast *cast, uint64_t now_ns);

#endif
