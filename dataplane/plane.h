/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where the planes meet: two rings of 64-byte records, two sets of buffers, one clock word; one for
 * each core of a node. The core of a shard but the home one is only sent VIEW, and only answers it.
 *
 * Down: control to core. Up: core to control. Each ring has one producer and one consumer. Message
 * bodies cross in buffers with one owner at a time: the sender of a FRAME or SEND record gives the
 * buffer away, the answering FRAME_DONE or SEND_DONE gives it back. Buffers of `up` start with the
 * core, buffers of `down` with control. A record is plain memory, copied in and out.
 * Neither side ever waits: a full ring or no free buffer is a counted drop of something that will
 * be repeated; returns always fit (base/limits.h).
 */
#ifndef PEAL_DATAPLANE_PLANE_H
#define PEAL_DATAPLANE_PLANE_H

#include "base/bitset.h"
#include "base/limits.h"
#include "wire/ident.h"
#include "wire/vote_msg.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct peal_peers;

enum peal_record_kind {
	/* down */
	PEAL_RECORD_VIEW = 1,       /* switch to `peers`, in order with the records around it */
	PEAL_RECORD_SEND = 2,       /* seal and send a body */
	PEAL_RECORD_FRAME_DONE = 3, /* an up buffer comes back, of a FRAME or a TALLY */
	PEAL_RECORD_REPORT = 4,     /* reinforcement: report DOWN(ECHO) about `rank` */
	PEAL_RECORD_PING = 5,       /* start an echo run to a member */
	PEAL_RECORD_STREAM = 6,     /* send a large body in pieces: `stream` */
	PEAL_RECORD_LOAD = 7,       /* make load, or tell what was heard of it: `load` */
	/* up */
	PEAL_RECORD_VIEW_DONE = 16, /* switched; older generations are no longer read */
	PEAL_RECORD_FRAME = 17,     /* a checked and opened frame for control */
	PEAL_RECORD_SEND_DONE = 18, /* a down buffer comes back */
	PEAL_RECORD_ALERT = 19,     /* the mask of a subject grew */
	PEAL_RECORD_BEHIND = 20,    /* an authenticated peer speaks in an older epoch */
	PEAL_RECORD_AHEAD =
		21, /* an authenticated peer speaks in a newer epoch, or says: not member */
	PEAL_RECORD_PING_DONE = 22,   /* an echo run ended */
	PEAL_RECORD_TALLY = 23,       /* votes gathered under one key: an up buffer, by rank */
	PEAL_RECORD_STRANGER = 24,    /* a number of the view without a slot speaks: `mid` */
	PEAL_RECORD_STREAM_DONE = 25, /* a stream ended; its bytes are no longer read */
	PEAL_RECORD_LOAD_DONE = 26,   /* a run of load ended */
};

/* AHEAD: the peer says that this node is not in its view. */
#define PEAL_AHEAD_NOT_MEMBER 1U

/* Whom a SEND record addresses. */
enum peal_target {
	PEAL_TARGET_ALL = 1,     /* every other member of the view, in rank order; or flooded */
	PEAL_TARGET_SLOT = 2,    /* the peer at `slot`, if it still has `mid` */
	PEAL_TARGET_ADDRESS = 3, /* family 0 to `address` */
	PEAL_TARGET_TREE =
		4, /* VOTE_UP without prefix: the own bit, into the tally and up the trees */
};

/* An echo run: owned by control, written by the core between PING and PING_DONE. */
struct peal_ping_run;

/* A run of load: owned by control, written by the core between LOAD and LOAD_DONE. */
struct peal_load_run;

/* A large body on its way out: owned by control, read by the core between STREAM and STREAM_DONE.
 */
struct peal_stream;

struct peal_record {
	uint8_t kind;       /* enum peal_record_kind */
	uint8_t shard;      /* which core of the node */
	uint8_t message;    /* FRAME, SEND: enum peal_message */
	uint8_t target;     /* SEND: enum peal_target */
	uint16_t buffer;    /* FRAME, SEND and their DONE: buffer index */
	uint16_t body_size; /* FRAME, SEND: [0, PEAL_BODY_SIZE_MAX]; TALLY: its size */
	uint16_t slot;      /* peer; PEAL_SLOT_NONE for family 0, and where there is none */
	uint16_t rank;      /* ALERT, REPORT */
	uint8_t reason;     /* ALERT: enum peal_alert_reason; AHEAD: 0 or PEAL_AHEAD_NOT_MEMBER */
	uint8_t reserved[3];
	uint32_t mask; /* ALERT: all bits known now */
	/* VIEW, VIEW_DONE; the others up: of the view that the core was in */
	uint32_t generation;
	/* FRAME, BEHIND, AHEAD: of the sender; ALERT, REPORT, TALLY, SEND to TREE: of the view in
	 * which ranks or places are meant */
	uint64_t epoch;
	/* FRAME, BEHIND, AHEAD: the sender; STRANGER: who says so; SEND, PING, LOAD: the receiver;
	 * 0 in family 0 */
	uint64_t mid;
	union {
		struct peal_address address; /* FRAME: link source of the frame; SEND to ADDRESS */
		const struct peal_peers *peers; /* VIEW */
		struct peal_ping_run *ping;     /* PING, PING_DONE */
		struct peal_stream *stream;     /* STREAM, STREAM_DONE */
		struct peal_load_run *load;     /* LOAD, LOAD_DONE */
	};
};

/* The body of a TALLY: the key, then the members by rank. */
struct peal_tally_up {
	struct peal_vote_key key;
	struct peal_bitset ranks;
};

_Static_assert(sizeof(struct peal_tally_up) <= PEAL_PLANE_BUFFER_SIZE, "a tally fits a buffer");
_Static_assert(sizeof(struct peal_record) == 64, "a record is one cache line");

#define PEAL_SLOT_NONE UINT16_MAX

/* Why a member is not in the view any more, as far as this node knows. */
enum peal_departure {
	PEAL_DEPARTURE_UNKNOWN = 0,
	PEAL_DEPARTURE_LEFT = 1,
	PEAL_DEPARTURE_CRASHED = 2,
	PEAL_DEPARTURE_REPLACED = 3,
};

/* Departures that are remembered; place = member number modulo these. */
#define PEAL_PLANE_DEPARTURES_MAX 256U

/* One direction. `push` takes all of `count` or none, `pop` gives up to `capacity`; both return how
 * many. */
struct peal_plane_ring {
	uint32_t (*push)(void *state, const struct peal_record *records, uint32_t count);
	uint32_t (*pop)(void *state, struct peal_record *records, uint32_t capacity);
	void *state;
};

struct peal_plane {
	struct peal_plane_ring down;
	struct peal_plane_ring up;
	uint8_t (*down_buffers)[PEAL_PLANE_BUFFER_SIZE]; /* [PEAL_PLANE_BUFFERS_MAX] */
	uint8_t (*up_buffers)[PEAL_PLANE_BUFFER_SIZE];   /* [PEAL_PLANE_BUFFERS_MAX] */
	/* When control last took a step: it writes, the core reads relaxed, for its acks. */
	_Atomic uint64_t control_alive_at_ns;
	/* The epoch in which this node is a member and enough others are heard; 0 = not so.
	 * Control writes, the home core reads relaxed. */
	_Atomic uint64_t standing;
	/* The epoch in which the others may be about to remove this node, as far as reports tell:
	 * they name it, or so many others that no quorum is left; 0 = none. Control writes, the
	 * home core reads relaxed. */
	_Atomic uint64_t doubted;
	/* The epoch in which this node says of itself that it holds the broadcasts of all back; 0 =
	 * not so. The home core writes, control reads relaxed. */
	_Atomic uint64_t slow;
	/* Member number << 2 | enum peal_departure; control writes before the VIEW without it. */
	_Atomic uint64_t departures[PEAL_PLANE_DEPARTURES_MAX];
	/* When peer `slot` last proved life, and when a frame of it last came: written by the core.
	 */
	_Atomic uint64_t echoed_at_ns[PEAL_SLOTS_MAX];
	_Atomic uint64_t heard_at_ns[PEAL_SLOTS_MAX];
	/* Through whom frames to peer `slot` go, and that it hears them: slot + 1; 0 = directly.
	 * Written by the core. */
	_Atomic uint16_t via[PEAL_SLOTS_MAX];
	/* Of the next shard of the node; NULL = this is the last. A shard's own core and control
	 * use the rings; the home core reads `heard_at_ns` of all. */
	struct peal_plane *next;
};

/* Slot of the member through which frames of a shard to the peer at `slot` go, because the direct
 * way is broken; PEAL_SLOT_NONE = all go directly. `home` is the plane of shard 0. */
static inline uint16_t
peal_plane_via(const struct peal_plane *home, uint16_t slot)
{
	for (const struct peal_plane *plane = home; plane != NULL; plane = plane->next) {
		uint16_t via = atomic_load_explicit(&plane->via[slot], memory_order_relaxed);

		if (via != 0) {
			return (uint16_t)(via - 1U);
		}
	}
	return PEAL_SLOT_NONE;
}

/* When a frame of the peer at `slot` came last to any shard; `home` is the plane of shard 0. */
static inline uint64_t
peal_plane_heard_at_ns(const struct peal_plane *home, uint16_t slot)
{
	uint64_t latest_ns = 0;

	for (const struct peal_plane *plane = home; plane != NULL; plane = plane->next) {
		uint64_t at_ns =
			atomic_load_explicit(&plane->heard_at_ns[slot], memory_order_relaxed);

		latest_ns = at_ns > latest_ns ? at_ns : latest_ns;
	}
	return latest_ns;
}

/* By control; the newest of a place is kept. */
static inline void
peal_plane_note_departure(struct peal_plane *plane, uint64_t mid, enum peal_departure why)
{
	atomic_store_explicit(&plane->departures[mid % PEAL_PLANE_DEPARTURES_MAX],
		mid << 2 | (uint64_t)why, memory_order_relaxed);
}

static inline enum peal_departure
peal_plane_find_departure(const struct peal_plane *plane, uint64_t mid)
{
	uint64_t word = atomic_load_explicit(
		&plane->departures[mid % PEAL_PLANE_DEPARTURES_MAX], memory_order_relaxed);

	return word >> 2 == mid ? (enum peal_departure)(word & 3U) : PEAL_DEPARTURE_UNKNOWN;
}

#endif
