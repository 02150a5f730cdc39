/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Orders to the core to send a large body: as many as it takes at once, each with its body retained
 * until the core is done. Plain struct, fields private; thread: control.
 */
#ifndef PEAL_CONTROL_STREAMPOOL_H
#define PEAL_CONTROL_STREAMPOOL_H

#include "dataplane/stream.h"
#include "membership/bodies.h"

struct peal_streampool {
	struct peal_bodies bodies;
	uint32_t count;
	const struct peal_body *held[PEAL_STREAMS_MAX]; /* retained; NULL = free */
	struct peal_stream streams[PEAL_STREAMS_MAX];
};

/* `pool` is zeroed memory. */
void peal_streampool_init(struct peal_streampool *pool, struct peal_bodies bodies);
/* An order for all of `body`, without message, route and targets; NULL: too many are on their way.
 */
struct peal_stream *peal_streampool_take(
	struct peal_streampool *pool, const struct peal_body *body);
/* The core is done with it, or never got it. */
void peal_streampool_give(struct peal_streampool *pool, struct peal_stream *stream);
/* True while `body` is on its way to the peer `mid`, or to the joiner `uuid` when that is not none.
 */
bool peal_streampool_is_busy(const struct peal_streampool *pool, const struct peal_body *body,
	uint64_t mid, struct peal_uuid uuid);
/* Releases all: the core does not run any more. */
void peal_streampool_clear(struct peal_streampool *pool);

#endif
