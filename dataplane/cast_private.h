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
	return cast->base == 0 || cast->flush.is_done;
}

static inline struct peal_sendqueue_lender
peal_cast_lender(const struct peal_cast *cast)
{
	return (struct peal_sendqueue_lender){cast->config.user.release, cast->config.user.state};
}

/* cast.c: begins the streams of another epoch; places of the ring are shared out anew. */
void peal_cast_open_streams(
	struct peal_cast *cast, uint64_t epoch, const uint32_t *origins, uint32_t origins_count);
/* cast.c: delivers all that is next of a stream, up to `end`. */
void peal_cast_deliver_until(struct peal_cast *cast, uint32_t index, uint64_t end);
/* cast.c: after frames or rows moved a stream: what is owed, missing, and due. */
void peal_cast_settle(struct peal_cast *cast, uint32_t index, uint64_t now_ns);

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
/* cast_view.c: vectors that are owed, and once in a while to those whose own is missing. Returns
 * frames sent. */
uint32_t peal_cast_run_flush(struct peal_cast *cast, uint64_t now_ns);

#endif
