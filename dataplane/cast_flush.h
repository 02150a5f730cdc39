/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Agreement on what of one epoch is delivered: vectors of all members of the next view, maxima.
 *
 * A round begins with each install. `heard`: who sent its vector of my streams, or has no streams.
 * When all did, the goal of each stream is the maximum, and who said it is its holder. `done`: who
 * has the whole goal, or has no streams. Two things make the goal the same everywhere: nobody takes
 * frames before it knows the goal, so a vector does not change within a round unless to the goal;
 * and who reached the goal of a round says it in the next.
 *
 * Members are ranks of the new view. Pure; fields read only for others; one core.
 */
#ifndef PEAL_DATAPLANE_CAST_FLUSH_H
#define PEAL_DATAPLANE_CAST_FLUSH_H

#include "dataplane/cast_stream.h"

struct peal_cast_flush {
	uint64_t others; /* members of the new view but this one */
	uint64_t heard;
	uint64_t done;
	uint64_t newcomers; /* of these, who has no streams */
	uint64_t asks;      /* of these, who is asked for its own */
	uint64_t owed;      /* who is to be sent the own vector */
	uint64_t newest;    /* for who has no streams: the latest epoch that others flush */
	uint64_t goals[PEAL_DIRECT_MAX];   /* by stream */
	uint64_t holders[PEAL_DIRECT_MAX]; /* who has all of it */
	uint64_t at_ns;                    /* when to ask again */
	uint8_t tries;
	bool is_done; /* this member has the whole goal */
};

/* A round begins, with the own vector. `self_rank` < `members_count`. */
void peal_cast_flush_begin(struct peal_cast_flush *flush, uint16_t members_count,
	uint16_t self_rank, const struct peal_cast_stream *streams, uint32_t streams_count,
	uint64_t now_ns);

/*
 * A vector about the streams that this member has.
 * @return false: it names a stream that is not there, or more than the rings hold; nothing changed
 */
bool peal_cast_flush_on_vector(struct peal_cast_flush *flush, uint16_t rank,
	const struct peal_cast_flush_msg *message, const struct peal_cast_stream *streams,
	uint32_t streams_count);

/* The member has no streams: it misses nothing. */
void peal_cast_flush_on_newcomer(struct peal_cast_flush *flush, uint16_t rank);

/* What a member without streams hears from one that flushes: counts who is done with the latest. */
void peal_cast_flush_on_foreign(
	struct peal_cast_flush *flush, uint16_t rank, const struct peal_cast_flush_msg *message);

/* True when the goals are known. */
static inline bool
peal_cast_flush_is_agreed(const struct peal_cast_flush *flush)
{
	return flush->heard == flush->others;
}

#endif
