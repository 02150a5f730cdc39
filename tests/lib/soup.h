/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One epoch of agreement among real consensus machines in a cruel network. One seed decides
 * everything.
 *
 * First phase: messages are lost, doubled, overtaken and very late; links are cut one way; nodes
 * stall and tick late; members crash as long as a classic quorum lives; nodes propose different
 * values, change their minds, or propose nothing; members ask to leave; messages name values
 * without carrying them; there is no room for a value now and then. Second phase, from
 * `healed_at_ns`: whoever lives is connected, a message takes D at most, somebody alive has a
 * value, and members that decided tell the others every T0, as their heartbeats would make them do.
 *
 * In some worlds the group is large, whatever its size: votes and promises travel as sets of
 * members that everybody merges and passes on to some of the others, so that what arrives is any
 * part of what was said, over and over and in any order.
 *
 * A fault, if any, is played by the network: it forges what a node with that bug would have said.
 * The machines themselves are those of the product.
 */
#ifndef PEAL_TESTS_LIB_SOUP_H
#define PEAL_TESTS_LIB_SOUP_H

#include "control/consensus.h"
#include "tests/lib/judge.h"

/* What buggy nodes do; half of the nodes have the bug. */
enum peal_soup_fault {
	PEAL_SOUP_NO_FAULT = 0,
	PEAL_SOUP_VOTE_AFTER_PROMISE, /* proposes after a promise and votes all the same */
	PEAL_SOUP_VOTE_AGAIN,         /* changes its mind and votes for the new value */
	PEAL_SOUP_ACCEPT_BELOW,       /* accepts where it should refuse: below a promise */
	PEAL_SOUP_FORGET,             /* promises and does not tell what it accepted */
	PEAL_SOUP_PROMISE_AGAIN,      /* promises a lower ballot after a higher one */
	PEAL_SOUP_IGNORE_FORCED,      /* proposes its own value whatever the promises say */
	PEAL_SOUP_NO_QUORUM,          /* proposes without waiting for promises */
	PEAL_SOUP_TWO_PROPOSALS,      /* proposes two values in one ballot */
	PEAL_SOUP_INVENT,             /* proposes what nobody asked for */
	PEAL_SOUP_LEAVE_COUNTS_TWICE, /* receivers take LEAVE as a vote for any cut with the leaver
				       */
	PEAL_SOUP_LEAVE_ANYWAY,       /* LEAVE carries a vote although the leaver has voted */
	PEAL_SOUP_FAULTS_COUNT
};

/* How votes travel. */
enum peal_soup_form {
	PEAL_SOUP_ANY_FORM = 0, /* the seed decides */
	PEAL_SOUP_DIRECT,       /* everybody tells everybody */
	PEAL_SOUP_LARGE,        /* gathered as sets */
};

struct peal_soup_plan {
	uint64_t seed;
	uint16_t members_count; /* [1, PEAL_SOUP_MEMBERS_MAX]; 0 = the seed decides */
	enum peal_soup_fault fault;
	bool outcome_only; /* see tests/lib/judge.h */
	enum peal_soup_form form;
};

#define PEAL_SOUP_MEMBERS_MAX 9U

struct peal_soup_result {
	const char *violation; /* NULL = none; the run ends there */
	uint16_t members_count;
	uint16_t alive_count;
	bool all_decided;     /* everybody alive */
	uint64_t recovery_ns; /* from the end of the faults to the last decision */
	uint32_t steps_count;
	uint32_t fast_count; /* decisions by kind */
	uint32_t classic_count;
	uint32_t learned_count;
	uint32_t ballots_count; /* classic rounds started */
	uint32_t wants_count;   /* bodies asked for */
	uint32_t refused_count; /* values for which there was no room */
	bool is_large;
	uint64_t trace_hash; /* of every message handed in, with its time */
};

/* T0 of the timing in use: results are given in its multiples. */
uint64_t peal_soup_fallback_ns(void);
struct peal_soup_result peal_soup_run(const struct peal_soup_plan *plan);

#endif
