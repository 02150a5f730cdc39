/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checks what every acceptor does, by looking into it after each step and by reading what it sends.
 *
 * An acceptor's promise never falls; it accepts nothing below its promise; what it accepted at a
 * ballot stays; it makes no vote after it promised a classic round, and never a second one; a
 * member never sends votes for two values in one epoch. And when a view appears for the first time,
 * the acceptances known by then contain a quorum for the very cut that leads to it. paper:
 * FASTPAXOS acceptor rules, seen from outside; RAPID 4.3.
 */
#ifndef PEAL_SIM_CHECK_VOTES_H
#define PEAL_SIM_CHECK_VOTES_H

#include "control/acceptor.h"
#include "sim/report.h"
#include "wire/view.h"

/* Epochs, ballots and values that can be in play at once; the oldest record goes first. */
#define PEAL_CHECK_VOTES_RECORDS_MAX 512U
/* Members that installed a view, voted in it and were gone again, all in one step. */
#define PEAL_CHECK_VOTES_GONE_MAX 8U

/* Everybody who accepted one value at one ballot. */
struct peal_check_acceptance {
	uint64_t epoch; /* 0 = unused */
	uint32_t view_tag;
	struct peal_ballot ballot;
	struct peal_hash128 digest;
	struct peal_bitset members; /* ranks */
	/* Who said so in a frame, but was never seen in that epoch after a step. */
	uint32_t gone_count;
	uint32_t gone_mids[PEAL_CHECK_VOTES_GONE_MAX];
};

/* The acceptor of one node as it was after its last step. */
struct peal_check_shadow {
	uint32_t incarnation;
	uint64_t epoch;
	uint64_t mid;
	uint32_t view_tag;
	uint16_t rank;
	struct peal_acceptor acceptor;
};

/* What a node voted for on the wire. */
struct peal_check_sent {
	uint32_t mid;
	uint32_t epoch;
	uint32_t view_tag;
	struct peal_hash128 digest;
};

struct peal_check_votes {
	struct peal_report *report;
	uint16_t nodes_count;
	struct peal_check_shadow *shadows; /* [nodes_count] */
	struct peal_check_sent *sent;      /* [nodes_count] */
	uint32_t next_record;
	struct peal_check_acceptance records[PEAL_CHECK_VOTES_RECORDS_MAX];
};

void peal_check_votes_init(
	struct peal_check_votes *check, uint16_t nodes_count, struct peal_report *report);
void peal_check_votes_fini(struct peal_check_votes *check);

/* Node `index` finished a step as the member `mid` at `rank` of `view`. */
void peal_check_votes_on_step(struct peal_check_votes *check, uint16_t index, uint32_t incarnation,
	const struct peal_view *view, uint16_t rank, const struct peal_acceptor *acceptor,
	uint64_t now_ns);

/* Port `index` sends an Ethernet frame; sealed by the profile `none`, so it can be read. */
void peal_check_votes_on_frame(struct peal_check_votes *check, uint16_t index, const uint8_t *bytes,
	uint32_t size, uint64_t now_ns);

/*
 * A view was installed for the first time, by the member at `rank` of `parent` (PEAL_RANK_NONE: it
 * was none). What a decider accepted in the very step in which it decided is taken for granted.
 */
void peal_check_votes_on_decision(struct peal_check_votes *check, const struct peal_view *parent,
	const struct peal_view *view, uint16_t rank, uint64_t now_ns);

#endif
