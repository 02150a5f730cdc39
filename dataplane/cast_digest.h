/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the others said about one stream, and when to speak about it, and to whom.
 *
 * Three timers. *Acknowledge*: a row to the parent when an eighth of the ring came, or after
 * PEAL_CAST_ACK_NS; repeated, over both trees in turn, until all is stable here; and to who asked.
 * *Tell*: a row to those children that do not say the same yet, after PEAL_CAST_TELL_NS without a
 * frame; the first time in tree 0 only. *Pull*: see dataplane/cast.c. A stream of which all is
 * stable everywhere around has no timer.
 *
 * Members are ranks of a direct view, or links of a large one; sets of them are words. Pure; fields
 * read only for others; one core.
 */
#ifndef PEAL_DATAPLANE_CAST_DIGEST_H
#define PEAL_DATAPLANE_CAST_DIGEST_H

#include "base/messagelimits.h"
#include "dataplane/cast_links.h"
#include "dataplane/cast_stream.h"

struct peal_cast_said {
	uint64_t stable;
	uint64_t low;
	uint64_t have;
	uint64_t head;
	uint64_t behind_at_ns; /* since then half a ring behind this member; 0 = is not */
};

struct peal_cast_digest {
	uint16_t parents[PEAL_CAST_TREES]; /* members; PEAL_RANK_NONE for the origin */
	uint64_t children[PEAL_CAST_TREES];
	uint64_t owed;  /* who is sent a row with the next acknowledgement */
	uint64_t asked; /* who pulled what is not here either: is sent what comes, until all is */
	uint64_t low;   /* all before are in the subtree of tree 0 */
	uint64_t acked; /* `low` as the parent was told */
	uint64_t ack_at_ns;
	uint64_t tell_at_ns;
	uint64_t pull_at_ns;
	uint64_t pull_again_at_ns; /* what was asked for is asked for again */
	uint64_t pull_end;         /* gaps before it are older than frames overtake each other */
	uint64_t pull_asked;       /* gaps before it were asked for */
	uint64_t pull_have;        /* `have` when they were */
	uint8_t ack_tries;
	uint8_t tell_tries;
	uint8_t pull_tries;
	uint64_t vain_from_ns; /* rows go to the parents and `vain_stable` stays; 0 = none is due */
	uint64_t vain_stable;
	struct peal_cast_said said[PEAL_DIRECT_MAX];
};

/* The members in the order of the trees, as one of them sees it. */
struct peal_cast_order {
	uint16_t members_count;
	uint16_t self_rank;
	uint16_t places[PEAL_DIRECT_MAX]; /* by rank */
	uint16_t ranks[PEAL_DIRECT_MAX];  /* by place */
};

/* Nothing was said yet about the stream of the member at rank `origin`. */
void peal_cast_digest_init(
	struct peal_cast_digest *digest, const struct peal_cast_order *order, uint16_t origin);

/* The same about a lane: as `parents` the links towards `place`, where its holder is, as children
 * all others. Odd lanes have the trees the other way round: [0] is the one that frames take. */
void peal_cast_digest_init_lane(struct peal_cast_digest *digest,
	const struct peal_cast_links *links, uint32_t lane, uint16_t place);

/* A pause that doubles with each try, from PEAL_CAST_REPEAT_NS to PEAL_CAST_REPEAT_NS_MAX. */
uint64_t peal_cast_digest_pause_ns(uint8_t tries);

/* One more, as far as they are counted: even and odd go on in turn. */
static inline uint8_t
peal_cast_digest_next_try(uint8_t tries)
{
	return tries < UINT8_MAX ? (uint8_t)(tries + 1U) : (uint8_t)(UINT8_MAX - 1U);
}

/* True when rows of this stream were sent for a while and nothing came of it. */
static inline bool
peal_cast_digest_is_in_vain(const struct peal_cast_digest *digest,
	const struct peal_cast_stream *stream, uint64_t now_ns)
{
	return digest->tell_tries >= PEAL_PATH_REPEATS ||
	       (digest->vain_from_ns != 0 && digest->vain_stable == stream->stable &&
		       now_ns - digest->vain_from_ns >= PEAL_PATH_VAIN_NS);
}

/* A frame came or was made: tells of it when no other follows. */
void peal_cast_digest_on_frame(struct peal_cast_digest *digest, uint64_t now_ns);

/*
 * A row of the member at `rank`, whose order was checked by the decoder. Raises `stable` and `head`
 * of the stream.
 * @return false: it cannot be (all have what is not here; more than the ring holds); nothing
 * changed
 */
bool peal_cast_digest_on_row(struct peal_cast_digest *digest, struct peal_cast_stream *stream,
	uint16_t rank, const struct peal_cast_row *row, uint64_t now_ns);

/* `low` again after `have` or a child moved; the origin's `low` is `stable`. Sets timers. */
void peal_cast_digest_settle(
	struct peal_cast_digest *digest, struct peal_cast_stream *stream, uint64_t now_ns);

/* Runs what is due but pulls. Returns to whom a row is to be sent; of these, `asking_out` are to
 * answer. */
uint64_t peal_cast_digest_run(struct peal_cast_digest *digest,
	const struct peal_cast_stream *stream, uint64_t now_ns, uint64_t *asking_out);

/*
 * Children of the first tree that say for `after_ns` or longer that they have less than this member
 * by half a ring or more; counts from the first call that sees it. They are told so at once, and as
 * often as any news.
 */
uint64_t peal_cast_digest_find_slow(struct peal_cast_digest *digest,
	const struct peal_cast_stream *stream, uint64_t after_ns, uint64_t now_ns);

/* A gap at `have`: all before `end` may be asked for, at once. */
void peal_cast_digest_begin_pull(
	struct peal_cast_digest *digest, uint64_t have, uint64_t end, uint64_t now_ns);

/* No timer any more. */
void peal_cast_digest_stop(struct peal_cast_digest *digest);

static inline uint64_t
peal_cast_digest_deadline_at_ns(const struct peal_cast_digest *digest)
{
	uint64_t at_ns =
		digest->ack_at_ns < digest->tell_at_ns ? digest->ack_at_ns : digest->tell_at_ns;

	return at_ns < digest->pull_at_ns ? at_ns : digest->pull_at_ns;
}

#endif
