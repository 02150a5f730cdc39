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
 * Members are ranks of the new view. In a large one they are links of tree 0, and a vector is the
 * maximum of all beyond its sender: who has heard all links but one owes that one the sum, and DONE
 * in the same way. What is agreed on is then the latest epoch that anybody has streams of; who has
 * none of it takes part all the same, and passes frames on that others ask for.
 *
 * Pure; fields read only for others; one core.
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
	/* Of a large view. */
	bool is_tree;
	uint64_t told;                   /* of these, who was told that all beyond are done */
	uint64_t of;                     /* epoch of the goals; 0 = nobody has streams */
	uint32_t names_count;            /* its streams, in their order */
	uint32_t names[PEAL_DIRECT_MAX]; /* by stream */
	uint64_t asked[PEAL_DIRECT_MAX]; /* by stream: who waits for frames that are not here */
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

/* A round over the links `others` of a large view; `of`: epoch of the own streams, 0 = none. */
void peal_cast_flush_begin_tree(struct peal_cast_flush *flush, uint64_t others, uint64_t of,
	const struct peal_cast_stream *streams, uint32_t streams_count, uint64_t now_ns);

/* Somebody has streams of a later epoch: what is agreed on is these. Beyond links that were heard
 * nobody has frames of it. */
void peal_cast_flush_adopt(
	struct peal_cast_flush *flush, const struct peal_cast_flush_msg *message);

/*
 * The vector of all beyond a link, of the epoch of the goals or of an older one.
 * @return false: it names other streams, or more than the rings of `streams` hold, unless that is
 * NULL; nothing changed
 */
bool peal_cast_flush_on_sum(struct peal_cast_flush *flush, uint16_t link,
	const struct peal_cast_flush_msg *message, const struct peal_cast_stream *streams);

/* This member lacks nothing any more, or never had streams. */
void peal_cast_flush_finish(struct peal_cast_flush *flush);

/* What a link is to be sent: it is sent only when WHOLE is among the flags. */
void peal_cast_flush_sum(const struct peal_cast_flush *flush, uint16_t link,
	struct peal_cast_flush_msg *message_out);

/* Links that are owed something that can be said now. */
uint64_t peal_cast_flush_sendable(const struct peal_cast_flush *flush);

/* True when the goals are known. */
static inline bool
peal_cast_flush_is_agreed(const struct peal_cast_flush *flush)
{
	return flush->heard == flush->others;
}

#endif
