/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The end of one generation of one lane, without a view change: a Paxos instance, both roles.
 *
 * Decided is where the generation ends (`last`) and until when its owner counts as silent
 * (`until`). A rank that promised a ballot, or accepted a value, is wedged for this lane until it
 * learns the decision: it accepts and acknowledges no further frame of the generation, and if it
 * owns the lane it sends none and promises none. So whoever counted a majority for a frame counted
 * a rank that says so in its promise, and the largest answer of a majority covers all that anybody
 * delivered.
 *
 * A ballot is round << 8 | rank. Pure; plain struct, fields private but for reading.
 */
#ifndef PEAL_ABCAST_ABCAST_SEAL_H
#define PEAL_ABCAST_ABCAST_SEAL_H

#include "abcast/abcast_quorum.h"
#include "base/orderlimits.h"

#include <stdbool.h>
#include <stdint.h>

enum peal_abcast_phase {
	PEAL_ABCAST_IDLE = 0,
	PEAL_ABCAST_PREPARING,
	PEAL_ABCAST_ACCEPTING,
};

/* Where a generation ends. */
struct peal_abcast_end {
	uint64_t last;
	uint64_t until;
};

struct peal_abcast_seal {
	/* As acceptor. */
	uint64_t promised; /* 0 = not wedged */
	uint64_t accepted; /* ballot; 0 = nothing */
	struct peal_abcast_end accepted_end;
	uint64_t promised_at_ns;
	/* As proposer. */
	enum peal_abcast_phase phase;
	uint64_t round;
	uint64_t ballot;
	uint16_t answered; /* ranks */
	uint64_t best_accepted;
	struct peal_abcast_end best_end;
	uint64_t have_max;
	uint64_t have_min;
	struct peal_abcast_end end; /* proposed */
	uint64_t repeat_at_ns;
	uint8_t repeats_count;
	/* The latest decision of the lane, for those who missed it. */
	bool has_decided;
	uint16_t decided_generation;
	struct peal_abcast_end decided;
	uint32_t silent_count; /* seals since its owner was last heard */
};

void peal_abcast_seal_init(struct peal_abcast_seal *seal);

/* A PREPARE came. False: a ballot that is not above the one promised. */
bool peal_abcast_seal_prepare(struct peal_abcast_seal *seal, uint64_t ballot, uint64_t now_ns);
/* True while an ACCEPT of this ballot may be accepted. */
bool peal_abcast_seal_may_accept(const struct peal_abcast_seal *seal, uint64_t ballot);
/* Accepts; may_accept said yes, and the frames up to the end are here. */
void peal_abcast_seal_accept(struct peal_abcast_seal *seal, uint64_t ballot,
	const struct peal_abcast_end *end, uint64_t now_ns);

/* Begins to propose. Returns the ballot, above all that this rank heard of. */
uint64_t peal_abcast_seal_propose(struct peal_abcast_seal *seal, uint8_t rank);

/* What a rank answers to a PREPARE. */
struct peal_abcast_promise {
	uint64_t ballot;
	uint64_t have;
	uint64_t accepted; /* 0 = nothing */
	struct peal_abcast_end end;
};

/*
 * A promise came. True: with it a majority has promised, for the first time, and `end` is what must
 * be proposed; if nothing was accepted before, `until` is the proposer's.
 */
bool peal_abcast_seal_on_promise(struct peal_abcast_seal *seal, uint8_t rank,
	const struct peal_abcast_promise *promise, uint64_t until,
	struct peal_abcast_quorum quorum);
/* An acceptance came. True: with it the value is decided. */
bool peal_abcast_seal_on_accepted(struct peal_abcast_seal *seal, uint8_t rank, uint64_t ballot,
	struct peal_abcast_quorum quorum);

/* The generation ended so: the lane is not wedged any more. */
void peal_abcast_seal_close(
	struct peal_abcast_seal *seal, uint16_t generation, const struct peal_abcast_end *end);

#endif
