/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who accepted what in a large group: bitmaps that grow on their way up two trees.
 *
 * Under each key (wire/vote_msg.h) there is one bitmap by place (membership/trees.h). The own bit
 * comes from control, the others from VOTE_UP frames. Everything is OR: copies, other orders and
 * detours are harmless, so bits are taken from any member of this epoch, child or not; refused are
 * only bits of places that the view does not have, INSTALLED of another view, and ballots of
 * nobody.
 *
 * Up: what is known of the own run of places goes to the parent in each tree when all children were
 * heard and the own bit is there, or when the timer ends; after that when it grew. Who has no
 * parent is a root. To control: a TALLY of the members by rank, when at least half of them stand
 * under a key (promises of one ballot are taken together, for they may tell of different values),
 * each time that it grew.
 *
 * Timers, for each key:
 *   send     one per tree: from the first bits on D / 25 2^height (200 us, 400 us, 800 us for D = 5
 * ms); after the first frame D / 25 from a growth on. tell     PEAL_TALLY_NS after the last TALLY
 * of the key. repeat   D, 2 D ... 9 D, then 2 D, 4 D ... (capped) later, from the first bits on,
 * until the epoch ends (a vote that finds the trees whole is decided sooner): what is known of the
 * own run again, to parent and grandparent, so that nothing must be acknowledged. From the second
 * time on also the whole bitmap to subjects and observers: the escape from trees whose inner nodes
 * are dead. INSTALLED ends after T_install, and has no escape: only the root of tree 0 wants to
 * know. After four repeats nearly everybody is known, and whom a dead member still hides is not
 * waited for: from then on the own run goes to the parent in tree 0 only.
 *
 * At most PEAL_TALLIES_MAX keys. When there are more, classic ballots below the highest go first,
 * the lowest of them before the others; then the fast value with the fewest votes. What this node
 * said last is kept. A new view begins with nothing. VOTE_UP frames of this machine have the number
 * 0: they are for their receiver; flooded ones (dataplane/flood.h) are taken like any other.
 *
 * Plain struct, fields private, one core. An idle turn costs one compare.
 * paper: RAPID 4.3, votes as bitmaps; 8.6 of the project's notes, trees; escape as RAPID's gossip.
 */
#ifndef PEAL_DATAPLANE_VOTETREE_H
#define PEAL_DATAPLANE_VOTETREE_H

#include "base/bitset.h"
#include "base/counters.h"
#include "base/timing.h"
#include "dataplane/egress.h"
#include "dataplane/ingress.h"
#include "dataplane/peers.h"
#include "dataplane/uplink.h"
#include "wire/vote_msg.h"

/* One key in one tree. */
struct peal_votetree_branch {
	uint64_t send_at_ns; /* UINT64_MAX = nothing new */
	uint64_t heard;      /* bit i: child i of the table */
	uint32_t count;      /* bits of the own run */
	bool is_sent;
};

struct peal_votetree_tally {
	struct peal_vote_key key;
	bool has_own;
	uint32_t count; /* bits */
	uint32_t told_count;
	uint32_t repeats_count;
	uint64_t began_at_ns;
	uint64_t tell_at_ns; /* UINT64_MAX = control knows */
	uint64_t told_at_ns; /* 0 = never */
	uint64_t repeat_at_ns;
	uint64_t repeat_ns;
	struct peal_votetree_branch branches[PEAL_TREES_MAX];
	struct peal_bitset bits; /* by place */
};

struct peal_votetree {
	const struct peal_timing *timing;
	struct peal_egress *egress;
	struct peal_uplink *uplink;
	struct peal_counters *counters;
	const struct peal_peers *peers;
	uint64_t next_at_ns; /* UINT64_MAX = nothing to do */
	uint32_t tallies_count;
	struct peal_votetree_tally tallies[PEAL_TALLIES_MAX];
};

/* Everything outlives the machine. */
void peal_votetree_init(struct peal_votetree *votetree, const struct peal_timing *timing,
	struct peal_egress *egress, struct peal_uplink *uplink, struct peal_counters *counters);

/* Takes another table; a new view begins with nothing. */
void peal_votetree_switch(struct peal_votetree *votetree, const struct peal_peers *peers);

/*
 * This node says what `body` says: VOTE_UP without prefix. Asserts that it is well-formed and of
 * places of the view. Counts SENDS_STALE in a small view.
 */
void peal_votetree_vote(
	struct peal_votetree *votetree, const uint8_t *body, uint32_t size, uint64_t now_ns);

/* A VOTE_UP of this epoch. Refused: REFUSED_BODY, nothing changed. */
void peal_votetree_on_vote(
	struct peal_votetree *votetree, const struct peal_opened *opened, uint64_t now_ns);

/* Private: something is due. */
void peal_votetree_run_due(struct peal_votetree *votetree, uint64_t now_ns);

/* Once a turn. Returns 1 when something was due. */
static inline uint32_t
peal_votetree_run(struct peal_votetree *votetree, uint64_t now_ns)
{
	if (__builtin_expect(now_ns < votetree->next_at_ns, 1)) {
		return 0;
	}
	peal_votetree_run_due(votetree, now_ns);
	return 1;
}

static inline uint64_t
peal_votetree_deadline_at_ns(const struct peal_votetree *votetree)
{
	return votetree->next_at_ns;
}

#endif
