/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From view to view: votes of an epoch, hold-back of the next one, DECIDE as news and as repair, a
 * joiner, a removed member, a leaver whose weight was needed.
 *
 * The network is the set of everything that was ever sent, and reading is optional: loss, delay,
 * repeats and crashes are not steps of their own. What an epoch decides is given (agreement.pml is
 * about that); here it is the cut number e, so a view is right when it is exactly the cuts before
 * its epoch. Rules: control/on_view.c, on_peer.c, on_leave.c, history.h, dataplane/ingress.h (the
 * epoch rule) and hold.h.
 *
 * Story of FOUNDERS >= 3: cut 1 admits a joiner, cut 2 removes member 1, cut 3 changes nobody.
 * FOUNDERS = 2: cut 1 removes the senior, who is a quorum and may be the only one to know it.
 *
 * Properties:
 *  chain    a member's view is exactly the cuts before its epoch, each applied to its own parent
 *  quorum   who decides by votes has a classic quorum of members that voted in this very epoch
 *  open     in every state: when faults end and those who live hold a quorum of each view, then
 *           repeats and repair alone bring everybody who is connected to the last view
 */
#ifndef FOUNDERS
#define FOUNDERS 3
#endif
#if FOUNDERS == 2
#define NODES	2
#define LAST_EPOCH	2
#define view_of(epoch)	(((epoch) == 1) * 3 + ((epoch) == 2) * 2)
#else
#define NODES	(FOUNDERS + 1)
#define LAST_EPOCH	4
#define JOINER	FOUNDERS
#define FOUNDERS_SET	((1 << FOUNDERS) - 1)
#define EVERYBODY	((1 << NODES) - 1)
#define view_of(epoch)	(((epoch) == 1) * FOUNDERS_SET + ((epoch) == 2) * EVERYBODY + \
	((epoch) > 2) * (EVERYBODY & ~2))
#endif
#define is_in(set, node)	((((set) >> (node)) & 1) != 0)

/* The cut of another cluster of this name: same epoch, other parent. */
#define FOREIGN_CUT	0
#define right_chain(epoch)	((1 << (epoch)) - 2)

#define INSIDE	0	/* joining or a member */
#define STAYS	1	/* out, but the rest may not be able to decide that without it */
#define GONE	2

typedef Node {
	byte epoch;	/* 0: no view yet */
	byte chain;	/* cuts that made its view, as bits */
	byte heard;	/* members whose vote of this epoch was counted */
	byte held;	/* members whose vote of the next epoch waits */
	byte standing;
};

Node node[NODES];
byte votes[LAST_EPOCH + 1];	/* who voted in which epoch; VOTE is sent for ever */
byte decided;	/* epochs whose DECIDE exists, as bits */

/* Work space: `now` is what a closing acts on. */
hidden byte i, k, weight, need, members, dead, first, turn, round, sender, receiver, news;
hidden byte is_open, spare, cut, absent;
Node saved[NODES];
byte saved_votes[LAST_EPOCH + 1];
byte saved_decided;

#define weight_of(set)	(((set) & 1) * 3 + (((set) >> 1) & 1) * 2 + (((set) >> 2) & 1) * 2 + \
	(((set) >> 3) & 1) * 2 + (((set) >> 4) & 1) * 2)

inline weigh(set) {
	weight = weight_of(set);
}

inline find_need(at) {
	members = view_of(at);
	need = 1;
	for (k : 0 .. NODES - 1) {
		need = need + ((members >> k) & 1);
	}
}

/* The member that stands where `who` stood in the view before: what a rank kept too long means. */
inline mistake_rank(who, at) {
	spare = 0;
	for (k : 0 .. NODES - 1) {
		if
		:: k < who && is_in(view_of((at) - 1), k) -> spare++;
		:: else
		fi
	}
	for (k : 0 .. NODES - 1) {
		if
		:: is_in(view_of(at), k) && spare == 0 -> news = news | (1 << k); spare = 255;
		:: is_in(view_of(at), k) && spare != 0 && spare != 255 -> spare--;
		:: else
		fi
	}
}

/* Applies the cut of `epoch`: a new epoch, fresh tallies, held votes of that epoch released. */
inline apply(who, at) {
	decided = decided | (1 << (at));
	node[who].chain = node[who].chain | (1 << (at));
	node[who].epoch = (at) + 1;
	assert(node[who].chain == right_chain(node[who].epoch));	/* chain */
#ifdef MUTANT_HELD_KEEPS_RANK
	news = 0;
	for (i : 0 .. NODES - 1) {
		if
		:: is_in(node[who].held, i) -> mistake_rank(i, node[who].epoch);
		:: else
		fi
	}
	node[who].held = news;
#endif
#ifdef MUTANT_TALLY_KEPT
	node[who].heard = node[who].heard | node[who].held;
#else
	node[who].heard = node[who].held;
#endif
	node[who].heard = node[who].heard & view_of(node[who].epoch);
	node[who].held = 0;
	if
	:: is_in(view_of(node[who].epoch), who) -> skip;
	:: else ->
		/* Out. It may go if the rest could have decided without it. */
		weigh(view_of(at) & view_of((at) + 1));
		find_need(at);
#ifdef MUTANT_OUT_FORGETS
		node[who].standing = GONE;
#else
		node[who].standing = (weight >= need -> GONE : STAYS);
#endif
		node[who].heard = 0;
	fi
}

/* Decides as long as the votes are a quorum: held ones may be one at once. */
inline count(who) {
	do
	:: node[who].standing == INSIDE && node[who].epoch >= 1 && node[who].epoch < LAST_EPOCH ->
		weigh(node[who].heard);
		find_need(node[who].epoch);
		if
#ifdef MUTANT_NO_HOLD
		/* What it heard early is for the cut of the next epoch. */
		:: weight_of(node[who].held) >= need ->
			cut = node[who].epoch + 1;
			apply(who, cut);
#endif
		:: weight >= need ->
			weigh(votes[node[who].epoch]);
			assert(weight >= need);	/* quorum */
			cut = node[who].epoch;
			apply(who, cut);
		:: else -> break
		fi
	:: else -> break
	od
}

/* VOTE of `from` in `epoch` comes to `who`. */
inline read_vote(who, from, at) {
	if
	:: (at) == node[who].epoch ->
		node[who].heard = node[who].heard | (1 << (from));
#ifdef MUTANT_OLD_VOTES_COUNT
	:: (at) < node[who].epoch ->
		node[who].heard = node[who].heard | (1 << (from));
#endif
	:: (at) == node[who].epoch + 1 && is_in(view_of(node[who].epoch), from) ->
#ifdef DROP_EARLY
		skip;
#else
		node[who].held = node[who].held | (1 << (from));
#endif
	:: else	/* too far ahead, a stranger, or over */
	fi
	count(who);
}

inline cast_vote(who) {
	votes[node[who].epoch] = votes[node[who].epoch] | (1 << (who));
	node[who].heard = node[who].heard | (1 << (who));
	count(who);
}

#define may_vote(who) \
	(node[who].standing == INSIDE && node[who].epoch >= 1 && node[who].epoch < LAST_EPOCH && \
		!is_in(votes[node[who].epoch], who))
#define is_reader(who)	(node[who].standing == INSIDE && node[who].epoch >= 1)
#ifdef MUTANT_NO_PARENT_CHECK
#define fits(who, at)	((at) >= node[who].epoch)
#else
#define fits(who, at)	((at) == node[who].epoch)	/* and the parent's hash */
#endif

/*
 * Closing: no more loss, nobody else dies, and all that was on its way is gone. Everybody repeats
 * its vote of its own epoch, who is behind is answered with the cut of its epoch, the joiner asks.
 */
/* Who goes only now sends its DECIDE once more before, and that arrives. */
#define is_live(who)	(!is_in(dead, who) && saved[who].standing != GONE)

inline close_turn() {
	if
	:: is_live(sender) && node[sender].standing == INSIDE && node[sender].epoch >= 1 &&
		node[sender].epoch < LAST_EPOCH ->
#ifdef MUTANT_NO_REPEAT
		news = (is_in(votes[node[sender].epoch], sender) -> 0 : 1);
#else
		news = 1;
#endif
		turn = node[sender].epoch;
		if
		:: news == 1 ->
			if
			:: !is_in(votes[turn], sender) -> cast_vote(sender);
			:: else
			fi
			for (receiver : 0 .. NODES - 1) {
				if
				:: receiver != sender && is_live(receiver) && is_reader(receiver) ->
					read_vote(receiver, sender, turn);
				:: else
				fi
			}
		:: else
		fi
	:: else
	fi
	/* Somebody who is ahead hears the sender's epoch. */
	for (receiver : 0 .. NODES - 1) {
		if
		:: receiver != sender && is_live(receiver) && is_live(sender) && is_reader(sender) &&
			node[receiver].epoch > node[sender].epoch ->
			turn = node[sender].epoch;
#if defined(MUTANT_NO_REPAIR)
			skip;
#elif defined(MUTANT_SHORT_HISTORY)
			if
			:: turn + 1 == node[receiver].epoch -> apply(sender, turn); count(sender);
			:: else
			fi
#else
			apply(sender, turn);
			count(sender);
#endif
		:: else
		fi
	}
#ifdef JOINER
	for (receiver : 0 .. NODES - 1) {
		if
		:: is_live(receiver) && is_live(JOINER) && node[JOINER].epoch == 0 &&
			node[receiver].standing == INSIDE && node[receiver].epoch >= 2 ->
			node[JOINER].epoch = node[receiver].epoch;
			node[JOINER].chain = node[receiver].chain;
		:: else
		fi
	}
#endif
}

#define copy(to, from) \
	for (i : 0 .. NODES - 1) { \
		to[i].epoch = from[i].epoch; \
		to[i].chain = from[i].chain; \
		to[i].heard = from[i].heard; \
		to[i].held = from[i].held; \
		to[i].standing = from[i].standing; \
	}
#define copy_votes(to, from) \
	for (i : 1 .. LAST_EPOCH) { \
		to[i] = from[i]; \
	}

inline clear_saved() {
	for (i : 0 .. NODES - 1) {
		saved[i].epoch = 0;
		saved[i].chain = 0;
		saved[i].heard = 0;
		saved[i].held = 0;
		saved[i].standing = 0;
	}
	for (i : 1 .. LAST_EPOCH) {
		saved_votes[i] = 0;
	}
	saved_decided = 0;
}

/*
 * A crash must leave a quorum of each view that somebody alive is still in; who left counts as
 * missing as well. A leave alone must never do harm.
 */
inline find_absent() {
	absent = dead;
	first = LAST_EPOCH;
	for (i : 0 .. NODES - 1) {
		if
#ifndef LIMIT_LEAVE_AND_CRASH
		:: node[i].standing == GONE -> absent = absent | (1 << i);
#endif
		:: is_live(i) && node[i].epoch >= 1 && node[i].epoch < first -> first = node[i].epoch;
		:: else
		fi
	}
}

inline close() {
	copy(saved, node);
	copy_votes(saved_votes, votes);
	saved_decided = decided;
	dead = 0;
	do
	:: dead <= (1 << (NODES - 1)) ->
		find_absent();
		is_open = 1;
		for (i : first .. LAST_EPOCH - 1) {
			weigh(view_of(i) & ~absent);
			find_need(i);
			if
			:: dead != 0 && weight < need -> is_open = 0;
			:: else
			fi
		}
		if
		:: is_open == 1 ->
			for (round : 1 .. 2 * LAST_EPOCH) {
				for (sender : 0 .. NODES - 1) {
					close_turn();
				}
			}
			for (i : 0 .. NODES - 1) {
				assert(is_in(dead, i) || node[i].epoch == LAST_EPOCH ||
					!is_in(view_of(LAST_EPOCH), i));	/* open */
			}
			copy(node, saved);
			copy_votes(votes, saved_votes);
			decided = saved_decided;
		:: else
		fi
		dead = (dead == 0 -> 1 : 2 * dead);
	:: else -> break
	od
	clear_saved();
}

byte step, actor, other, epoch;

#define VOTE	1
#define READ_VOTE	2
#define READ_DECIDE	3
#define READ_FOREIGN	4
#define READ_INSTALL	5
#define GO	6
#define CLOSE	7

#define choose(which, who, what, at)	step = which; actor = who; other = what; epoch = at

#define VOTE_OF(who, unused)	:: may_vote(who) -> choose(VOTE, who, 0, 0)
#define READ_VOTE_OF(who, from, at) \
	:: who != from && is_reader(who) && is_in(votes[at], from) && at + 1 >= node[who].epoch && \
		at <= node[who].epoch + 1 -> choose(READ_VOTE, who, from, at)
#define READ_DECIDE_OF(who, at) \
	:: is_reader(who) && is_in(decided, at) && fits(who, at) -> choose(READ_DECIDE, who, 0, at)
/* A member of another cluster of this name decided as well. */
#ifdef MUTANT_PARENT_BY_EPOCH
#define READ_FOREIGN_OF(who, at) \
	:: is_reader(who) && at == node[who].epoch -> choose(READ_FOREIGN, who, 0, at)
#else
#define READ_FOREIGN_OF(who, at)
#endif
#define EACH_SENDER(who, at)	READ_VOTE_OF(who, 0, at) READ_VOTE_OF(who, 1, at) \
	THIRD(READ_VOTE_OF, who, at) FOURTH(READ_VOTE_OF, who, at) FIFTH(READ_VOTE_OF, who, at)
#if NODES >= 3
#define THIRD(STEP, who, at)	STEP(who, 2, at)
#define THIRD_ACTOR(at)	OF_ACTOR(2, at)
#else
#define THIRD(STEP, who, at)
#define THIRD_ACTOR(at)
#endif
#if NODES >= 4
#define FOURTH(STEP, who, at)	STEP(who, 3, at)
#define FOURTH_ACTOR(at)	OF_ACTOR(3, at)
#else
#define FOURTH(STEP, who, at)
#define FOURTH_ACTOR(at)
#endif
#if NODES >= 5
#define FIFTH(STEP, who, at)	STEP(who, 4, at)
#define FIFTH_ACTOR(at)	OF_ACTOR(4, at)
#else
#define FIFTH(STEP, who, at)
#define FIFTH_ACTOR(at)
#endif
#define OF_ACTOR(who, at)	EACH_SENDER(who, at) READ_DECIDE_OF(who, at) READ_FOREIGN_OF(who, at)
#define EACH_ACTOR(at) \
	OF_ACTOR(0, at) OF_ACTOR(1, at) THIRD_ACTOR(at) FOURTH_ACTOR(at) FIFTH_ACTOR(at)
#define INSTALL_OF(unused, at) \
	:: node[JOINER].standing == INSIDE && node[JOINER].epoch == 0 && is_in(decided, at - 1) && \
		is_in(view_of(at), JOINER) -> choose(READ_INSTALL, JOINER, 0, at)

active proctype group() {
	d_step {
		for (i : 0 .. FOUNDERS - 1) {
			node[i].epoch = 1;
		}
		i = 0;
	}
	do
	:: atomic {
		if
		VOTE_OF(0, 0)
		VOTE_OF(1, 0)
#if NODES >= 3
		VOTE_OF(2, 0)
		VOTE_OF(3, 0)
		INSTALL_OF(0, 2)
		INSTALL_OF(0, 3)
		INSTALL_OF(0, 4)
#endif
#if NODES >= 5
		VOTE_OF(4, 0)
#endif
		EACH_ACTOR(1)
#if LAST_EPOCH > 2
		EACH_ACTOR(2)
		EACH_ACTOR(3)
#endif
#if FOUNDERS == 2
		/* Somebody speaks in the next epoch: who was out only to help is free. */
		:: node[0].standing == STAYS && node[1].epoch > 1 -> choose(GO, 0, 0, 0)
#endif
#ifndef ONLY_SAFETY
		:: choose(CLOSE, 0, 0, 0)
#endif
		:: else -> break
		fi;
		d_step {
			if
			:: step == VOTE -> cast_vote(actor);
			:: step == READ_VOTE -> read_vote(actor, other, epoch);
			:: step == READ_DECIDE -> apply(actor, epoch); count(actor);
			:: step == READ_FOREIGN ->
				node[actor].chain = node[actor].chain | (1 << FOREIGN_CUT);
				apply(actor, epoch);
			:: step == READ_INSTALL ->
				node[actor].epoch = epoch;
				node[actor].chain = right_chain(epoch);
			:: step == GO -> node[actor].standing = GONE;
			:: step == CLOSE -> close();
			fi
			step = 0;
			actor = 0;
			other = 0;
			epoch = 0;
		}
	}
	od
}
