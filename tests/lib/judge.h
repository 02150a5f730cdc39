/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Watches every message of agreement of one epoch and says which rule was broken first.
 *
 * It knows what no node knows: everything that was sent and every acceptor's state. It is dumb on
 * purpose: sets are enumerated and compared; of control/ it uses the quorum tests alone, which
 * prop_quorum.c judges. With `outcome_only` it looks at what came out alone (two values chosen or
 * decided, a value nobody proposed), so that a test can show that a broken rule really does harm.
 */
#ifndef PEAL_TESTS_LIB_JUDGE_H
#define PEAL_TESTS_LIB_JUDGE_H

#include "control/acceptor.h"
#include "control/quorum.h"
#include "wire/ballot_msg.h"

#define PEAL_JUDGE_MEMBERS_MAX 64U
#define PEAL_JUDGE_VALUES_MAX  64U
#define PEAL_JUDGE_PAIRS_MAX   1024U
#define PEAL_JUDGE_REPORTS_MAX 4096U

/* Who accepted a digest at a ballot; also what was proposed at a classic one. */
struct peal_judge_pair {
	struct peal_ballot ballot;
	struct peal_hash128 digest;
	struct peal_bitset members;
	bool is_proposed;
};

/* A promise that reached its coordinator. */
struct peal_judge_report {
	struct peal_ballot ballot;
	uint16_t rank;
	struct peal_ballot vrnd;
	struct peal_hash128 digest;
};

struct peal_judge_member {
	struct peal_ballot promised;
	struct peal_ballot vrnd;
	struct peal_hash128 vdigest;
	struct peal_ballot told_ballot; /* of its last P1B */
	struct peal_ballot told_vrnd;
	struct peal_hash128 told_digest;
	bool has_voted;
	struct peal_hash128 vote;
};

struct peal_judge {
	struct peal_quorum quorum;
	bool outcome_only;
	const char *violation; /* the first one, in words; NULL = none */
	uint32_t values_count;
	struct peal_hash128 values[PEAL_JUDGE_VALUES_MAX]; /* proposed by some node */
	uint32_t pairs_count;
	struct peal_judge_pair pairs[PEAL_JUDGE_PAIRS_MAX];
	uint32_t reports_count;
	struct peal_judge_report reports[PEAL_JUDGE_REPORTS_MAX];
	struct peal_judge_member members[PEAL_JUDGE_MEMBERS_MAX];
	bool is_chosen;
	struct peal_hash128 chosen;
	bool is_decided;
	struct peal_hash128 decided;
};

/* For a group of at most PEAL_JUDGE_MEMBERS_MAX members. */
void peal_judge_init(struct peal_judge *judge, struct peal_quorum quorum, bool outcome_only);
/* A node has this value of its own, or asks to leave by it. */
void peal_judge_on_proposed(struct peal_judge *judge, struct peal_hash128 digest);
/* The member at `rank` said this. A LEAVE with a vote counts as the VOTE that it is. */
void peal_judge_on_sent(
	struct peal_judge *judge, uint16_t rank, const struct peal_ballot_msg *message);
/* A coordinator counted this promise, its own one too. */
void peal_judge_on_promise_counted(
	struct peal_judge *judge, uint16_t rank, const struct peal_ballot_msg *message);
/* State of the acceptor at `rank` after a step: what it accepted without saying so counts, too. */
void peal_judge_on_state(
	struct peal_judge *judge, uint16_t rank, const struct peal_acceptor *acceptor);
void peal_judge_on_decided(struct peal_judge *judge, struct peal_hash128 digest);

#endif
