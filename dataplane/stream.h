/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An order of control: one large body, in pieces, to some receivers.
 *
 * Built by control and handed over by a STREAM record; the core reads it and its bytes until the
 * answering STREAM_DONE, and neither may change before. At most PEAL_STREAMS_MAX are with the core
 * at once. BODY goes to peers, INSTALL to joiners. dataplane/streamer.h carries it out.
 */
#ifndef PEAL_DATAPLANE_STREAM_H
#define PEAL_DATAPLANE_STREAM_H

#include "base/hash.h"
#include "base/limits.h"
#include "wire/ident.h"

#include <stdbool.h>
#include <stdint.h>

struct peal_stream_target {
	uint64_t mid;                /* BODY: the peer at `slot`, as long as it has this number */
	uint16_t slot;               /* BODY */
	struct peal_address address; /* INSTALL; without MAC it is asked for, and frames are lost */
	struct peal_uuid joiner;     /* INSTALL */
};

struct peal_stream {
	/* Set by control. */
	uint8_t message;            /* PEAL_MESSAGE_BODY or PEAL_MESSAGE_INSTALL */
	uint8_t route;              /* BODY: number of a tree, or PEAL_BODY_ROUTE_PULL */
	bool is_partial;            /* only the chunks whose bits are set; else all of them */
	uint32_t size;              /* [1, PEAL_BODY_BYTES_MAX] */
	const uint8_t *bytes;       /* [size] */
	struct peal_hash128 digest; /* BODY: of the bytes; INSTALL: hash of the view */
	uint64_t chunks[PEAL_CHUNKS_MAX / 64U]; /* is_partial: bit i = chunk i */
	uint16_t targets_count;                 /* [1, PEAL_STREAM_TARGETS_MAX] */
	struct peal_stream_target targets[PEAL_STREAM_TARGETS_MAX];
	/* Set by the core: a receiver went away before the end. */
	bool is_cut_short;
};

#endif
