/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The admission probe: those who would observe a joiner try to reach it before it is admitted.
 *
 * A node that some members reach and others do not would be admitted by the ones and accused by the
 * others. So the sequencer, when it asks a joiner whether it is still there, also asks the members
 * that would observe it (first predecessors on the rings, or everybody while everybody observes
 * everybody) to do the same; with fewer than H of them that got an answer the joiner waits, and is
 * told which ones got none. The sequencer's own probe counts for itself if it is one of them.
 *
 * Two halves. Of the sequencer: one case for each joiner that is asked now, PEAL_SCOUTS_CASES_MAX;
 * it is for groups of at most PEAL_DIRECT_MAX, where everybody can speak to everybody. Of the
 * observer: errands, the oldest of which gives way; what it knows is bounded, and a lost answer is
 * asked for again with the sequencer's next probe. Who reached a joiner once has reached it for as
 * long as the case is open, so slow answers count. No timers. Plain struct, zeroed memory is empty,
 * fields private; thread: control.
 * paper: RAPID 4.1, joining through K observers; that they probe is Peal's.
 */
#ifndef PEAL_MEMBERSHIP_SCOUTS_H
#define PEAL_MEMBERSHIP_SCOUTS_H

#include "base/bitset.h"
#include "wire/join_msg.h"
#include "wire/outbox.h"
#include "wire/reach_msg.h"
#include "wire/view.h"

/* Joiners whose observers are asked at one time; in a rush only the sequencer asks. */
#define PEAL_SCOUTS_CASES_MAX 16U
/* Joiners that an observer was asked to reach and still listens for. */
#define PEAL_SCOUTS_ERRANDS_MAX 64U

struct peal_scouts_case {
	struct peal_uuid joiner; /* none = no case */
	uint64_t token;
	uint8_t observers_count;            /* [1, PEAL_RINGS_MAX] */
	uint8_t needed_count;               /* H of the view with the joiner */
	uint16_t observers[PEAL_RINGS_MAX]; /* ranks */
	uint32_t reached;                   /* bit i: observers[i] got an answer */
};

struct peal_scouts_errand {
	struct peal_join_probe probe; /* joiner none = none */
	struct peal_address address;
	uint16_t asker; /* rank of the sequencer */
};

struct peal_scouts {
	uint32_t next_case;
	struct peal_scouts_case cases[PEAL_SCOUTS_CASES_MAX];
	uint32_t next_errand;
	struct peal_scouts_errand errands[PEAL_SCOUTS_ERRANDS_MAX];
};

/* A new view: ranks mean others, and everything is asked anew. */
void peal_scouts_clear(struct peal_scouts *scouts);

/*
 * Asks the expected observers of `joiner` that have not answered under `token`: a REACH each, at
 * most PEAL_RINGS_MAX. Another token begins anew. `excluded`: members that the cut would remove.
 * @return frames emitted
 */
uint32_t peal_scouts_ask(struct peal_scouts *scouts, const struct peal_view *view,
	uint16_t self_rank, const struct peal_reach_msg *joiner, const struct peal_bitset *excluded,
	struct peal_outbox *out);
/* The member at `rank` got an answer of the joiner. One that nobody asked for is nothing. */
void peal_scouts_on_reached(
	struct peal_scouts *scouts, uint16_t rank, const struct peal_join_probe *answer);
/* The sequencer itself, at `rank`, got an answer to its own probe. */
void peal_scouts_on_own(struct peal_scouts *scouts, uint16_t rank, struct peal_uuid joiner);
/* True when enough observers reach it, or none was asked. */
bool peal_scouts_is_enough(const struct peal_scouts *scouts, struct peal_uuid joiner);
/* Tells `joiner` who does not reach it: one UNREACHABLE, said by `self`. False: enough do. */
bool peal_scouts_tell(const struct peal_scouts *scouts, const struct peal_view *view,
	const struct peal_member *joiner, struct peal_uuid self, struct peal_outbox *out);

/* The member at `asker` wants to know: emits one JOIN_PROBE. */
void peal_scouts_on_ask(struct peal_scouts *scouts, uint16_t asker,
	const struct peal_reach_msg *message, struct peal_outbox *out);
/* A JOIN_READY from `from`: emits one REACHED if it answers an errand. */
void peal_scouts_on_ready(struct peal_scouts *scouts, const struct peal_join_probe *ready,
	const struct peal_address *from, struct peal_outbox *out);

#endif
