/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bodies of family 6, order: between the ranks of one order group.
 *
 * Every body begins with a head, and some with rows behind what the kind has; DATA ends with data.
 *
 *     head (24)      group u32 | configuration u32 | view u32 | rank u8 | rows_count u8 | flags u8
 * | 0 u8 | sent_at u64 DATA (24)      seq u64 | stamp u64 | generation u16 | lane_generation u16 |
 * lane u8 | flags u8 | more u8 | 0, then acks, then `more` rows (12), then data TICK (40)
 * promise u64 | last u64 | position
 * u64 | digest u64 | generation u16 | flags u8 | 5 x 0, then acks ASK (8)        stamp u64 PULL
 * (24)      from u64 | to u64 | generation u16 | lane u8 | what u8 | 4 x 0 ASK of time (16)
 * asked_at u64 | answered_at u64 SEAL_* (48)    ballot
 * u64 | have u64 | accepted u64 | last u64 | until u64 | generation u16 | lane u8 | 5 x 0 VIEW_*
 * (40)    ballot u64 | accepted u64 | position u64 | digest u64 | active u16 | flags u8 | 5 x 0,
 * then with STATE: one report a rank; then with a value: one cut a rank JOIN (0)
 *
 *     ack (16)       have u64 | room u32 | generation u16 | 2 x 0
 *     report (40)    have u64 | stable u64 | accepted u64 | last u64 | generation u16 | 6 x 0
 *     cut (40)       last u64 | stable u64 | until u64 | member u64 | generation u16 | 6 x 0
 *     row (12)       stamp u64 | size u16 | 2 x 0
 *
 * One body of DATA carries as many frames of a lane as it has room for, numbered one behind the
 * other, of one generation, with rising stamps: `more` than the first, each with a row; the data of
 * all stands behind the rows, and what the others leave is the first one's. Only that is larger
 * than what every path carries, where the path is proven to carry more.
 *
 * One form for all messages about seals, and one for all about views: what a kind does not use is
 * zero. Decoders check what depends on no state: form, sizes, ranges, bytes that must be zero.
 * They read from a body and copy out; data stays where it is. Pure.
 */
#ifndef PEAL_WIRE_ORDER_MSG_H
#define PEAL_WIRE_ORDER_MSG_H

#include "base/orderlimits.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Who holds a rank: term << 32 | member number. A term is a decision of the group to give the rank
 * to somebody; within one only a process that came back takes the place of the one before. So the
 * larger is the later, whatever came between. Member 0: nobody.
 */
#define PEAL_ORDER_TERM_SHIFT 32U
#define PEAL_ORDER_TERM_MAX   (UINT64_C(1) << 31) /* terms are below it */

static inline uint64_t
peal_order_holder(uint64_t term, uint64_t member)
{
	return term << PEAL_ORDER_TERM_SHIFT | member;
}

static inline uint64_t
peal_order_term(uint64_t holder)
{
	return holder >> PEAL_ORDER_TERM_SHIFT;
}

static inline uint64_t
peal_order_member(uint64_t holder)
{
	return holder & UINT32_MAX;
}

/* Kinds of the family; they have these numbers in wire/messages.def too. */
enum peal_order_kind {
	PEAL_ORDER_DATA = 0x60,
	PEAL_ORDER_TICK = 0x61,
	PEAL_ORDER_ASK = 0x62,
	PEAL_ORDER_PULL = 0x63,
	PEAL_ORDER_SEAL_PREPARE = 0x64,
	PEAL_ORDER_SEAL_PROMISE = 0x65,
	PEAL_ORDER_SEAL_ACCEPT = 0x66,
	PEAL_ORDER_SEAL_ACCEPTED = 0x67,
	PEAL_ORDER_SEAL_DECIDED = 0x68,
	PEAL_ORDER_VIEW_PREPARE = 0x69,
	PEAL_ORDER_VIEW_STATE = 0x6A,
	PEAL_ORDER_VIEW_ACCEPT = 0x6B,
	PEAL_ORDER_VIEW_ACCEPTED = 0x6C,
	PEAL_ORDER_VIEW_INSTALL = 0x6D,
	PEAL_ORDER_VIEW_PLACE = 0x6E,
	PEAL_ORDER_JOIN = 0x6F,
};

#define PEAL_ORDER_HEAD_SIZE      24U
#define PEAL_ORDER_DATA_FORM_SIZE 24U
#define PEAL_ORDER_ACK_SIZE       16U
#define PEAL_ORDER_REPORT_SIZE    40U
#define PEAL_ORDER_CUT_SIZE       40U
/* Of what is encoded: all but the data. */
#define PEAL_ORDER_FORM_SIZE_MAX                                                                   \
	(PEAL_ORDER_HEAD_SIZE + 40U +                                                              \
		PEAL_ORDER_RANKS_MAX * (PEAL_ORDER_REPORT_SIZE + PEAL_ORDER_CUT_SIZE))
/* Frames of one body of DATA: more than the largest body has full ones. */
#define PEAL_ORDER_BATCH_MAX 16U
#define PEAL_ORDER_ROW_SIZE  12U
/* Of one frame in the smallest path, whatever the number of ranks. */
#define PEAL_ORDER_DATA_SIZE_MAX                                                                   \
	(PEAL_BODY_SIZE_MAX - PEAL_ORDER_HEAD_SIZE - PEAL_ORDER_DATA_FORM_SIZE -                   \
		PEAL_ORDER_RANKS_MAX * PEAL_ORDER_ACK_SIZE)
/* The same in a group of so many ranks: each that is not there leaves the room of its
 * acknowledgement. With up to five, 1 024 bytes and what tells them apart are one frame. */
static inline uint16_t
peal_order_data_size_max(uint32_t ranks_count)
{
	return (uint16_t)(PEAL_ORDER_DATA_SIZE_MAX +
			  (PEAL_ORDER_RANKS_MAX - ranks_count) * PEAL_ORDER_ACK_SIZE);
}

/* Ranks that a group which began with so many may come to have. */
#define PEAL_ORDER_RANKS_SMALL 5U
static inline uint8_t
peal_order_ranks_limit(uint32_t ranks_count)
{
	return ranks_count <= PEAL_ORDER_RANKS_SMALL ? PEAL_ORDER_RANKS_SMALL
						     : PEAL_ORDER_RANKS_MAX;
}

#define PEAL_ORDER_FLAG_WEDGED 0x01U /* head: the sender waits for the next view */
#define PEAL_ORDER_FLAG_AGAIN                                                                      \
	0x01U /* DATA: not the first copy; the sender need not own the lane                        \
	       */
#define PEAL_ORDER_FLAG_FETCHED 0x02U /* DATA: answers a pull of a wedged rank */
#define PEAL_ORDER_FLAG_PROMISE 0x01U /* TICK: promise and last mean something */
#define PEAL_ORDER_FLAG_VALUE   0x01U /* VIEW_*: cuts follow */
#define PEAL_ORDER_FLAG_BEHIND  0x01U /* head of JOIN: cannot catch up in its view */
#define PEAL_ORDER_FLAG_TIME    0x01U /* head of ASK: what time it is, not for a promise */
#define PEAL_ORDER_ROUND_SHIFT  8U    /* a ballot is round << 8 | rank */

/* What a PULL wants. */
enum peal_order_pull_what {
	PEAL_ORDER_PULL_FRAMES = 0, /* frames that the receiver has accepted */
	PEAL_ORDER_PULL_ALL = 1,    /* those that it holds without having accepted them, too */
	PEAL_ORDER_PULL_GONE = 2,   /* an answer: the frame before `from` cannot be had here */
};

struct peal_order_head {
	uint32_t group;
	uint32_t configuration; /* hash of what the group was created with */
	uint32_t view;
	uint8_t rank;       /* of the sender, below PEAL_ORDER_RANKS_MAX */
	uint8_t rows_count; /* ranks of the view, where rows follow; of a value, of the next; else 0
			     */
	uint8_t flags;
	uint64_t sent_at_ns; /* the time that all share, as the sender knows it; 0 = not said */
};

struct peal_order_data {
	uint64_t seq;             /* from 1 */
	uint64_t stamp;           /* below PEAL_ORDER_STAMP_MAX, here and everywhere */
	uint16_t generation;      /* of the lane, when the frame was sent first */
	uint16_t lane_generation; /* of the lane, at who sends this copy; not before `generation` */
	uint8_t lane;
	uint8_t flags;
	uint8_t more;         /* frames behind the first, below PEAL_ORDER_BATCH_MAX */
	const uint8_t *rows;  /* of these, encoded; only looked at when there are any */
	const uint8_t *bytes; /* of the first; not written by encode */
	uint16_t size;
};

struct peal_order_tick {
	uint64_t promise; /* whatever is sent after frame `last` has a later stamp */
	uint64_t last;
	uint64_t position; /* of the digest; 0 = none */
	uint64_t digest;
	uint16_t generation;
	bool has_promise;
};

/* ASK with FLAG_TIME. The head says what time all share by then, and is never 0. */
struct peal_order_time {
	uint64_t asked_at_ns;    /* the asker's own clock; never 0, here and below */
	uint64_t answered_at_ns; /* that of who answers; 0 = this is the question */
};

struct peal_order_pull {
	uint64_t from;
	uint64_t to; /* >= from */
	uint16_t generation;
	uint8_t lane;
	uint8_t what; /* enum peal_order_pull_what */
};

struct peal_order_seal {
	uint64_t ballot;   /* 0 in DECIDED only */
	uint64_t have;     /* PROMISE */
	uint64_t accepted; /* PROMISE: a ballot, or 0 */
	uint64_t last;     /* ACCEPT, DECIDED, PROMISE with accepted */
	uint64_t until;    /* the same */
	uint16_t generation;
	uint8_t lane;
};

struct peal_order_ack {
	uint64_t have;
	uint32_t room; /* frames beyond `have` that the sender of this has places for */
	uint16_t generation;
};

struct peal_order_report {
	uint64_t have;
	uint64_t stable;
	uint64_t accepted; /* ballot of the seal that was accepted and is not decided, or 0 */
	uint64_t last;     /* with it */
	uint16_t generation;
};

/* How one lane ends, and who has the rank afterwards. In PLACE: how far it was delivered. */
struct peal_order_cut {
	uint64_t last;
	uint64_t stable; /* how the generation before ended; <= last but in PLACE */
	uint64_t until;  /* PLACE: and until when its owner counts as silent; else 0 */
	uint64_t holder; /* INSTALL: of the rank by the order, where that is later; else 0 */
	uint64_t member; /* a holder; in PLACE the latest one by the order; 0 in a last row of
			  * INSTALL only: a rank that was given and is in no view, see `holder` */
	uint16_t generation;
};

struct peal_order_view {
	uint64_t ballot;   /* 0 in INSTALL and PLACE only */
	uint64_t accepted; /* STATE: ballot of the value */
	uint64_t position; /* INSTALL: of the last message before the view; PLACE: delivered */
	uint64_t digest;   /* of all up to there */
	uint16_t active;   /* with a value: who may send in the view */
	uint16_t counted;  /* and who counts, those who send among them */
	bool has_value;
	struct peal_order_report reports[PEAL_ORDER_RANKS_MAX]; /* STATE */
	struct peal_order_cut cuts[PEAL_ORDER_RANKS_MAX];       /* with a value */
};

struct peal_order_msg {
	uint8_t kind; /* enum peal_order_kind */
	struct peal_order_head head;
	union {
		struct peal_order_data data;
		struct peal_order_tick tick;
		uint64_t asked_stamp;        /* ASK */
		struct peal_order_time time; /* the same with FLAG_TIME */
		struct peal_order_pull pull;
		struct peal_order_seal seal;
		struct peal_order_view view;
	};
	struct peal_order_ack acks[PEAL_ORDER_RANKS_MAX]; /* DATA, TICK */
};

/* Writes the row of a frame that is not the first of a body. */
void peal_order_row_write(uint8_t row[PEAL_ORDER_ROW_SIZE], uint64_t stamp, uint16_t size);

/* Goes on to the next frame of a body that was decoded. False: that was all. */
bool peal_order_data_step(struct peal_order_data *data);

static inline bool
peal_order_is_time(const struct peal_order_msg *message)
{
	return message->kind == PEAL_ORDER_ASK && message->head.flags == PEAL_ORDER_FLAG_TIME;
}

/*
 * Writes all but the data of a message that is in form (asserted).
 * @return bytes written, at most PEAL_ORDER_FORM_SIZE_MAX
 */
uint16_t peal_order_msg_encode(
	const struct peal_order_msg *message, uint8_t body[PEAL_ORDER_FORM_SIZE_MAX]);

/*
 * @param kind  of the frame, any number
 * @param body  [size]; data of DATA is pointed at, and valid as long as the body
 * @return false: refused; `message_out` is then unspecified
 */
bool peal_order_msg_decode(
	uint8_t kind, const uint8_t *body, uint32_t size, struct peal_order_msg *message_out);

#endif
