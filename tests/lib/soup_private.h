/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inside of the soup, for soup.c (the world and its nodes), soup_net.c (what carries messages) and
 * soup_forge.c (what buggy nodes say).
 */
#ifndef PEAL_TESTS_LIB_SOUP_PRIVATE_H
#define PEAL_TESTS_LIB_SOUP_PRIVATE_H

#include "base/prng.h"
#include "tests/lib/soup.h"

/* More than a node can remember. */
#define PEAL_SOUP_VALUES_MAX 12U
_Static_assert(PEAL_SOUP_VALUES_MAX > PEAL_TALLIES_MAX, "tables of values run full");
#define PEAL_SOUP_MAIL_MAX 8192U

struct peal_soup_mail {
	uint64_t at_ns;
	uint64_t number; /* of two at the same time the older one goes first */
	uint16_t from;
	uint16_t to;
	bool is_leave; /* message.digest is the vote of a LEAVE, if has_proposal */
	struct peal_ballot_msg message;
};

struct peal_soup_node {
	struct peal_consensus consensus;
	struct peal_counters counters;
	struct peal_bitset willing;
	bool is_buggy;
	bool is_reported;     /* its decision was judged */
	uint64_t crash_at_ns; /* UINT64_MAX = survives */
	uint64_t stalled_until_ns;
	uint64_t propose_at_ns; /* next whim */
	uint64_t leave_at_ns;   /* UINT64_MAX = stays */
	bool leave_has_vote;
	struct peal_hash128 leave_digest;
};

struct peal_soup {
	struct peal_soup_plan plan;
	struct peal_prng prng;
	struct peal_timing timing;
	struct peal_view view;
	struct peal_topology topology;
	struct peal_judge judge;
	struct peal_soup_node nodes[PEAL_SOUP_MEMBERS_MAX];
	uint32_t values_count;
	struct peal_proposal values[PEAL_SOUP_VALUES_MAX];
	uint64_t now_ns;
	uint64_t healed_at_ns;
	uint64_t remind_at_ns;
	bool is_healed;
	uint32_t loss_percent, double_percent, late_percent;
	/* [from][to]: nothing gets through before this */
	uint64_t cut_until_ns[PEAL_SOUP_MEMBERS_MAX][PEAL_SOUP_MEMBERS_MAX];
	uint64_t mail_number;
	uint32_t mail_count;
	uint32_t free_count;
	uint16_t heap[PEAL_SOUP_MAIL_MAX]; /* places in `mail`, earliest first */
	uint16_t free[PEAL_SOUP_MAIL_MAX];
	struct peal_soup_mail mail[PEAL_SOUP_MAIL_MAX];
	struct peal_outbox outbox;
	struct peal_soup_result result;
};

uint64_t peal_soup_below(struct peal_soup *soup, uint64_t bound);
bool peal_soup_percent(struct peal_soup *soup, uint32_t chance);
static inline bool
peal_soup_is_alive(const struct peal_soup *soup, uint16_t rank)
{
	return soup->now_ns < soup->nodes[rank].crash_at_ns;
}

/* Mail that is under way, earliest first. */
void peal_soup_push(struct peal_soup *soup, const struct peal_soup_mail *mail);
void peal_soup_pop(struct peal_soup *soup, struct peal_soup_mail *mail_out);
/* Sends `mail` through the network of the moment: lost, once or twice. */
void peal_soup_carry(struct peal_soup *soup, struct peal_soup_mail *mail);
/* The same to one member, or to all with PEAL_RANK_NONE. */
void peal_soup_carry_to(
	struct peal_soup *soup, uint16_t from, uint16_t to, const struct peal_ballot_msg *message);
/* The same, and the judge hears it. */
void peal_soup_say(
	struct peal_soup *soup, uint16_t from, uint16_t to, const struct peal_ballot_msg *message);

void peal_soup_put_value(struct peal_ballot_msg *message, const struct peal_proposal *value);
/* True for coordinators that say something else than their machines: those do not count. */
bool peal_soup_is_two_faced(const struct peal_soup *soup, uint16_t rank);
/* True when the fault of the plan replaced the message. `asked` is what it answers, or NULL. */
bool peal_soup_twist(struct peal_soup *soup, uint16_t from, uint16_t to,
	const struct peal_ballot_msg *message, const struct peal_ballot_msg *asked);
/* What a buggy acceptor says when its node proposes although it may not vote. */
void peal_soup_forge_vote(struct peal_soup *soup, uint16_t rank, const struct peal_proposal *value);

#endif
