/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inside of the soup, for soup.c (the nodes of a world), soup_draw.c (what the seed makes of it),
 * soup_net.c (what carries messages), soup_gather.c (votes as sets, and bodies) and soup_forge.c
 * (what buggy nodes say).
 */
#ifndef PEAL_TESTS_LIB_SOUP_PRIVATE_H
#define PEAL_TESTS_LIB_SOUP_PRIVATE_H

#include "base/prng.h"
#include "membership/bodystore.h"
#include "tests/lib/soup.h"

/* More than a node can remember. */
#define PEAL_SOUP_VALUES_MAX 12U
_Static_assert(PEAL_SOUP_VALUES_MAX > PEAL_TALLIES_MAX, "tables of values run full");
#define PEAL_SOUP_MAIL_MAX 8192U
/* Bodies of one world: values, leaves, and what is invented. */
#define PEAL_SOUP_BODIES_MAX 64U
/* Keys under which one node merges what it hears; then the lowest ballot goes. */
#define PEAL_SOUP_KEYS_MAX 48U

enum peal_soup_mail_kind {
	PEAL_SOUP_MESSAGE = 0,
	PEAL_SOUP_LEAVE, /* `leaver` asks to leave; digest is its vote, if has_vote */
	PEAL_SOUP_VOTES, /* the members of `ranks` said the message, a VOTE, P1B or P2B */
	PEAL_SOUP_WANT,  /* `from` asks for the body of `digest` */
	PEAL_SOUP_BODY,  /* `value` */
};

/* What is on its way: a message of agreement in few bytes. */
struct peal_soup_mail {
	uint64_t at_ns;
	uint64_t number; /* of two at the same time the older one goes first */
	uint16_t from;
	uint16_t to;
	uint8_t form;    /* enum peal_soup_mail_kind */
	uint8_t message; /* enum peal_message */
	bool has_vote;
	uint16_t leaver;
	struct peal_ballot ballot;
	struct peal_ballot vrnd;
	struct peal_hash128 digest;
	const struct peal_body *value; /* carried along; NULL: none, or its name alone */
	uint64_t ranks;
};

/* What a node merged of one key. */
struct peal_soup_votes {
	struct peal_vote_key key;
	uint64_t ranks;
};

struct peal_soup;

struct peal_soup_node {
	struct peal_soup *soup;
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
	uint32_t keys_count;
	struct peal_soup_votes keys[PEAL_SOUP_KEYS_MAX];
	struct peal_consensus consensus; /* last: not cleared between worlds */
};

struct peal_soup {
	struct peal_soup_plan plan;
	struct peal_prng prng;
	struct peal_timing timing;
	struct peal_view view;
	struct peal_member members[PEAL_SOUP_MEMBERS_MAX];
	struct peal_topology topology;
	uint32_t values_count;
	struct peal_proposal values[PEAL_SOUP_VALUES_MAX];
	struct peal_member joiners[PEAL_SOUP_VALUES_MAX];
	uint64_t now_ns;
	uint64_t healed_at_ns;
	uint64_t remind_at_ns;
	bool is_healed;
	bool is_large;
	uint32_t loss_percent, double_percent, late_percent;
	uint32_t name_percent, full_percent, gossip_percent;
	/* [from][to]: nothing gets through before this */
	uint64_t cut_until_ns[PEAL_SOUP_MEMBERS_MAX][PEAL_SOUP_MEMBERS_MAX];
	uint32_t bodies_count;
	const struct peal_body *bodies[PEAL_SOUP_BODIES_MAX]; /* all of this world, retained */
	uint64_t mail_number;
	uint32_t mail_count;
	uint32_t free_count;
	struct peal_soup_result result;
	struct peal_bodies store; /* first of what is not cleared between worlds */
	struct peal_bodystore *bodystore;
	struct peal_judge judge;
	uint16_t heap[PEAL_SOUP_MAIL_MAX]; /* places in `mail`, earliest first */
	uint16_t free[PEAL_SOUP_MAIL_MAX];
	struct peal_soup_mail mail[PEAL_SOUP_MAIL_MAX];
	struct peal_outbox outbox;
	struct peal_soup_node nodes[PEAL_SOUP_MEMBERS_MAX];
};

/* A new world. */
void peal_soup_draw(struct peal_soup *soup, const struct peal_soup_plan *plan);
/* The cut by which the member at `rank` leaves. */
struct peal_proposal peal_soup_build_leave(const struct peal_soup *soup, uint16_t rank);
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
/* The same, and the judge hears it. Votes of a large group are gathered instead. */
void peal_soup_say(
	struct peal_soup *soup, uint16_t from, uint16_t to, const struct peal_ballot_msg *message);
/* The message of a mail, as it comes out of a decoder. */
void peal_soup_open(const struct peal_soup_mail *mail, struct peal_ballot_msg *message_out);

/* The body of a value, kept as long as the world. */
const struct peal_body *peal_soup_body(struct peal_soup *soup, const struct peal_proposal *value);
/* The store as the node at `state` sees it: sometimes full. */
struct peal_bodies peal_soup_shelf(struct peal_soup_node *node);
/* Lets go of all bodies of the world; asserts that nobody else holds one. */
void peal_soup_end_bodies(struct peal_soup *soup);

/* The VOTE, P1B or P2B that the body of a PEAL_EFFECT_VOTE stands for. */
void peal_soup_read_key(const uint8_t *bytes, struct peal_ballot_msg *message_out);
/* The member at `rank` said a VOTE, P1B or P2B, for the trees. */
void peal_soup_gather(struct peal_soup *soup, uint16_t rank, const struct peal_ballot_msg *message);
/* A set came: merges it, passes it on if it was new, and says what control is to hear of it. */
struct peal_bitset peal_soup_merge(struct peal_soup *soup, const struct peal_soup_mail *mail);
struct peal_vote_key peal_soup_key(const struct peal_soup_mail *mail);
/* The member at `rank` asks everybody for a body; who has it sends it. */
void peal_soup_want(struct peal_soup *soup, uint16_t rank, struct peal_hash128 digest);
void peal_soup_answer_want(struct peal_soup *soup, const struct peal_soup_mail *mail);

void peal_soup_put_value(struct peal_ballot_msg *message, const struct peal_proposal *value);
/* True for coordinators that say something else than their machines: those do not count. */
bool peal_soup_is_two_faced(const struct peal_soup *soup, uint16_t rank);
/* True when the fault of the plan replaced the message. `asked` is what it answers, or NULL. */
bool peal_soup_twist(struct peal_soup *soup, uint16_t from, uint16_t to,
	const struct peal_ballot_msg *message, const struct peal_ballot_msg *asked);
/* What a buggy acceptor says when its node proposes although it may not vote. */
void peal_soup_forge_vote(struct peal_soup *soup, uint16_t rank, const struct peal_proposal *value);

#endif
