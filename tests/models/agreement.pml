/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Agreement on one cut: the fast round, classic rounds with retries behind it, weights, and leave.
 *
 * The network is the set of everything that was ever sent. Whoever reads it may do so late, twice,
 * in any order or never, so loss, delay, repeats (P1A, P1B, VOTE, P2A, P2B) and the crash of
 * anybody are not steps of their own: every step is optional.
 *
 * Members weigh 2, member 0 (the senior, holder of the tie unit) weighs 3. Two leaders, which may
 * be any members, run rounds 2, 3, ...; a ballot is (round, leader). Values are 0 and 1; value 0 is
 * the cut that removes exactly the leaver. Rules: control/{quorum,acceptor,learner,coordinator}.c,
 * docs/design/0001-first-group.md; what is left out is in docs/TESTING.md.
 *
 * Properties, asserted where something is accepted or proposed:
 *  agreement   at most one value is decided, seen by a learner that hears everything
 *  validity    what is decided was proposed by a member
 *  fast        once a value is chosen fast, no leader proposes another one
 *  one value   a ballot has one value
 *  open        in every state any classic quorum alone could finish in a fresh round, and would
 *              finish with what is decided already
 */
#ifndef MEMBERS
#define MEMBERS 3
#endif
/* Classic ballots in their order: (2,a) (2,b) (3,a) (3,b) ... */
#ifndef BALLOTS
#define BALLOTS 4
#endif
#define LEADERS		2
#define NO_BALLOT	0
#define FAST_BALLOT	1
#define FIRST_BALLOT	2
#define LAST_BALLOT	(1 + BALLOTS)
#define ballot_of(round, leader)	(FIRST_BALLOT + ((round) - 2) * LEADERS + (leader))
#define round_of(ballot)	((ballot) < FIRST_BALLOT -> 1 : 2 + ((ballot) - FIRST_BALLOT) / LEADERS)

#define TOTAL_WEIGHT	(2 * MEMBERS + 1)
#define CLASSIC_WEIGHT	(MEMBERS + 1)
/* The loosest safe one: 2 floor(N / 4), and 1 more unless 4 divides N. */
#define SLACK	(2 * (MEMBERS / 4) + (MEMBERS % 4 != 0 -> 1 : 0))
#define ALL	((1 << MEMBERS) - 1)

#ifdef MUTANT_SLACK_TOO_WIDE
#define LEARNER_SLACK	(SLACK + 1)
#define LEADER_SLACK	(SLACK + 1)
#elif defined(MUTANT_LOOSE_LEARNER)
#define LEARNER_SLACK	(SLACK + 1)
#define LEADER_SLACK	SLACK
#else
#define LEARNER_SLACK	SLACK
#define LEADER_SLACK	SLACK
#endif

/* LEAVER is a member when the run has a leave. */
#ifdef LEAVER
#define HAS_LEAVE	1
#define leave_is_sent	is_leaving
#else
#define HAS_LEAVE	0
#define LEAVER		(MEMBERS - 1)
#define leave_is_sent	false
#endif

/* One acceptance, of a ballot and a value, as a number; 0 is none. */
#define acceptance(ballot, value)	(((ballot) << 1) | (value))
#define NONE_ACCEPTED	0
/* P1B that tells of nothing accepted; 0 in `said` is no P1B. */
#define SAID_NOTHING	1
#define trace_bit(ballot, value)	(1 << (((ballot) - 1) * 2 + (value)))

typedef Member {
	byte promised;
	byte accepted;
	short sent;	/* every VOTE and P2B it ever sent, as trace bits */
	byte said[LEADERS];	/* its P1B in the running round of each leader */
};

Member member[MEMBERS];
byte running[LEADERS];	/* the ballot each leader started last */
short proposals;	/* every P2A ever sent, as trace bits */
byte offered;	/* values that members proposed, as bits */
byte decided;	/* values decided in the eyes of somebody, as bits */
bool is_leaving;

/* Work space of a step; a step never reads what another one left there. */
hidden byte i, j, k, rank, weight, set, quorum_set, heads, value, highest, against;
hidden byte possible, forced_values, values_at_highest, answer;
hidden short wanted, order, spare;
hidden byte is_quorum;

inline weigh(members) {
	weight = ((members) & 1 -> 1 : 0);
	heads = 0;
	for (k : 0 .. MEMBERS - 1) {
		heads = heads + (((members) >> k) & 1);
	}
	weight = weight + 2 * heads;
}

/* Sets is_quorum: `members` accepted one value at a ballot of that kind. */
inline judge(members, is_fast) {
	weigh(members);
	if
	:: is_fast ->
#ifdef MUTANT_MIXED_QUORUM
		is_quorum = (heads >= MEMBERS - MEMBERS / 4);
#else
		is_quorum = (weight + LEARNER_SLACK >= TOTAL_WEIGHT);
#endif
	:: else ->
		is_quorum = (weight >= CLASSIC_WEIGHT);
	fi
}

/*
 * The value rule over `responders` and what each `told(rank)`: sets `possible` to the values that
 * may be proposed. Empty: the rule stops, two values were accepted in one classic ballot.
 */
inline apply_rule(responders, told) {
	highest = 0;
	for (rank : 0 .. MEMBERS - 1) {
		if
		:: ((responders) >> rank) & 1 && (told >> 1) > highest -> highest = (told >> 1);
		:: else
		fi
	}
	values_at_highest = 0;
	forced_values = 0;
	if
	:: highest > NO_BALLOT ->
		for (value : 0 .. 1) {
			set = 0;
			for (rank : 0 .. MEMBERS - 1) {
				if
				:: ((responders) >> rank) & 1 &&
					told == acceptance(highest, value) ->
					set = set | (1 << rank);
				:: else
				fi
			}
			if
			:: set != 0 -> values_at_highest = values_at_highest | (1 << value);
			:: else
			fi
			weigh((responders) & ~set);
			against = weight;
			if
			:: set != 0 && against <= LEADER_SLACK ->
				forced_values = forced_values | (1 << value);
			:: else
			fi
		}
	:: else
	fi
	possible = offered;
	if
	:: highest >= FIRST_BALLOT ->
		possible = values_at_highest;
#ifndef MUTANT_SHARED_BALLOT
		if
		:: possible == 3 -> possible = 0;
		:: else
		fi
#endif
	:: highest == FAST_BALLOT && forced_values != 0 ->
#ifndef ONLY_AGREEMENT
		assert(forced_values != 3);	/* open: one forced value at most */
#endif
		possible = forced_values;
	:: else
	fi
#ifdef MUTANT_ANY_VALUE
	possible = offered;
#endif
#ifdef MUTANT_INVENTED_VALUE
	if
	:: highest == NO_BALLOT -> possible = 3;
	:: else
	fi
#endif
}

/* Any classic quorum that is left alone can finish, and finishes with what is decided. */
inline check_open() {
	skip;
#ifndef ONLY_AGREEMENT
	for (quorum_set : 1 .. ALL) {
		weigh(quorum_set);
		if
		:: weight >= CLASSIC_WEIGHT ->
			apply_rule(quorum_set, member[rank].accepted);
			assert(possible != 0);	/* open: never stuck */
			assert(decided == 0 || possible == decided);	/* open: nothing else */
		:: else
		fi
	}
	if
	:: leave_is_sent ->
		/* T_leave is over: does the leaver stop, and may it? */
		weigh(ALL & ~(1 << LEAVER));
#ifndef MUTANT_LEAVE_STOPS_EARLY
		if
		:: weight >= CLASSIC_WEIGHT -> is_quorum = true;	/* it may stop */
		:: else -> is_quorum = false;	/* it stays an acceptor */
		fi
#else
		is_quorum = true;
#endif
		assert(!is_quorum || decided != 0 || weight >= CLASSIC_WEIGHT);	/* open: leaver */
	:: else
	fi
#endif
}

/* Sets `set`: the members that sent one of these. */
inline find_senders(traces) {
	set = 0;
	for (i : 0 .. MEMBERS - 1) {
		if
		:: (member[i].sent & (traces)) != 0 -> set = set | (1 << i);
		:: else
		fi
	}
}

/* Somebody accepted `with_value` at `at_ballot`: what do the learners see now? */
inline learn(at_ballot, with_value) {
	wanted = trace_bit(at_ballot, with_value);
#ifdef MUTANT_KEY_WITHOUT_BALLOT
	for (i : FAST_BALLOT .. LAST_BALLOT) {
		wanted = wanted | trace_bit(i, with_value);
	}
#endif
#ifdef MUTANT_FAST_WITHOUT_VALUE
	if
	:: (at_ballot) == FAST_BALLOT -> wanted = trace_bit(FAST_BALLOT, 0) | trace_bit(FAST_BALLOT, 1);
	:: else
	fi
#endif
#ifdef MUTANT_CLASSIC_WITHOUT_VALUE
	if
	:: (at_ballot) >= FIRST_BALLOT -> wanted = trace_bit(at_ballot, 0) | trace_bit(at_ballot, 1);
	:: else
	fi
#endif
	find_senders(wanted);
	judge(set, (at_ballot) == FAST_BALLOT);
	if
	:: is_quorum -> decided = decided | (1 << (with_value));
	:: else
	fi
	assert(decided != 3);	/* agreement */
	assert((decided & ~offered) == 0);	/* validity */
	check_open();
}

/* Juniors are alike: of all ways to number them one is kept. The leaver is not like the others. */
inline compare(left, right) {
	order = member[left].sent - member[right].sent;
	if
	:: order == 0 -> order = member[left].accepted - member[right].accepted;
	:: else
	fi
	if
	:: order == 0 -> order = member[left].promised - member[right].promised;
	:: else
	fi
	if
	:: order == 0 -> order = member[left].said[0] - member[right].said[0];
	:: else
	fi
	if
	:: order == 0 -> order = member[left].said[1] - member[right].said[1];
	:: else
	fi
}

#define swap(field)	spare = member[j].field; member[j].field = member[j + 1].field; \
	member[j + 1].field = spare

inline sort_juniors() {
	skip;
#if MEMBERS - HAS_LEAVE > 2
	for (i : 1 .. MEMBERS - 2 - HAS_LEAVE) {
		for (j : 1 .. MEMBERS - 2 - HAS_LEAVE) {
			compare(j, j + 1);
			if
			:: order > 0 ->
				swap(promised);
				swap(accepted);
				swap(sent);
				swap(said[0]);
				swap(said[1]);
			:: else
			fi
		}
	}
#endif
}

/*
 * Steps. A step is chosen with its arguments, then done as one deterministic action, after which
 * these four are 0 again.
 */
byte step;
byte actor;	/* a member, or a leader */
byte ballot;	/* or the round that a leader heard of */
byte content;	/* a value, or a leader */

#define VOTE	1
#define START	2
#define PROMISE	3
#define PROPOSE	4
#define ACCEPT	5
#define LEAVE	6
#define MISTAKE	7

#define choose(which, who, at, what)	step = which; actor = who; ballot = at; content = what

/* The fast vote: only while nothing is promised and nothing accepted, and once. */
#define is_untouched(who) \
	(member[who].promised == NO_BALLOT && member[who].accepted == NONE_ACCEPTED)
#ifdef MUTANT_VOTE_AFTER_PROMISE
#define may_vote(who)	((member[who].sent & 3) == 0)
#else
#define may_vote(who)	is_untouched(who)
#endif

#define VOTE_OF(who, for_value) \
	:: may_vote(who) && (offered >> for_value) & 1 -> choose(VOTE, who, FAST_BALLOT, for_value)

inline vote() {
	if
	:: is_untouched(actor) -> member[actor].accepted = acceptance(FAST_BALLOT, content);
	:: else
	fi
	member[actor].sent = member[actor].sent | trace_bit(FAST_BALLOT, content);
}

/*
 * A leader's timer, or a lost round: the next one. It is above every round the leader started, and
 * above what the NACK or P1A of one member told it; whether it heard one is open.
 */
#ifdef MUTANT_OWN_ROUND_FORGOTTEN
#define next_ballot(leader, heard)	ballot_of((heard) + 1, leader)
#else
#define next_ballot(leader, heard) \
	ballot_of(1 + ((heard) > round_of(running[leader]) -> (heard) : round_of(running[leader])), \
		leader)
#endif
#define may_start(leader, heard) \
	(next_ballot(leader, heard) <= LAST_BALLOT && next_ballot(leader, heard) != running[leader])

#define START_ALONE(leader) \
	:: may_start(leader, 1) -> choose(START, leader, 1, 0)
#define START_AFTER(who, leader) \
	:: member[who].promised != NO_BALLOT && may_start(leader, round_of(member[who].promised)) -> \
		choose(START, leader, round_of(member[who].promised), 0)

inline start() {
	running[actor] = next_ballot(actor, ballot);
	for (i : 0 .. MEMBERS - 1) {
		member[i].said[actor] = 0;
	}
}

#define has_proposed(leader) \
	((proposals & (trace_bit(running[leader], 0) | trace_bit(running[leader], 1))) != 0)
#ifdef MUTANT_OWN_ROUND_FORGOTTEN
#define is_collecting(leader)	(running[leader] != NO_BALLOT)
#else
#define is_collecting(leader)	(running[leader] != NO_BALLOT && !has_proposed(leader))
#endif

/*
 * P1A of the running round; a repeated one finds its P1B said. When the round has its value a
 * promise could only hinder others, so it is left out; and so are promises to rounds given up.
 */
#define PROMISE_OF(who, leader) \
	:: is_collecting(leader) && running[leader] > member[who].promised -> \
		choose(PROMISE, who, 0, leader)

inline promise() {
	member[actor].promised = running[content];
	member[actor].said[content] =
		(member[actor].accepted == NONE_ACCEPTED -> SAID_NOTHING : member[actor].accepted);
}

/* P2A, if some quorum of the promises said so far allows the value. */
#ifdef MUTANT_PROMISE_COUNTED_TWICE
#define REPEATED_WEIGHT	2
#else
#define REPEATED_WEIGHT	0
#endif

#define PROPOSE_OF(leader, with_value) \
	:: is_collecting(leader) && (proposals & trace_bit(running[leader], with_value)) == 0 -> \
		choose(PROPOSE, leader, 0, with_value)

inline propose() {
	answer = 0;
	j = 0;
	for (i : 0 .. MEMBERS - 1) {
		if
		:: member[i].said[actor] != 0 -> j = j | (1 << i);
		:: else
		fi
	}
	for (quorum_set : 1 .. ALL) {
		weigh(quorum_set);
		if
		:: (quorum_set & ~j) == 0 && weight + REPEATED_WEIGHT >= CLASSIC_WEIGHT ->
			apply_rule(quorum_set, member[rank].said[actor]);
			answer = answer | possible;
		:: else
		fi
	}
	if
	:: (answer >> content) & 1 ->
		find_senders(trace_bit(FAST_BALLOT, 1 - content));
		judge(set, true);
#ifndef ONLY_AGREEMENT
		assert(!is_quorum);	/* fast */
		assert((proposals & trace_bit(running[actor], 1 - content)) == 0);	/* one value */
#endif
		proposals = proposals | trace_bit(running[actor], content);
#ifndef MUTANT_OWN_ROUND_FORGOTTEN
		/* Nobody reads these promises any more. */
		for (i : 0 .. MEMBERS - 1) {
			member[i].said[actor] = 0;
		}
#endif
	:: else
	fi
}

/* P2A: accepted unless a higher ballot was promised, or this one was accepted with a value. */
#ifdef MUTANT_ACCEPT_BELOW_PROMISE
#define may_accept(who, at)	((member[who].accepted >> 1) < at)
#else
#define may_accept(who, at)	(member[who].promised <= at && (member[who].accepted >> 1) < at)
#endif

#define ACCEPT_OF(who, at, with_value) \
	:: (proposals & trace_bit(at, with_value)) != 0 && may_accept(who, at) -> \
		choose(ACCEPT, who, at, with_value)

inline accept() {
	if
	:: member[actor].promised < ballot -> member[actor].promised = ballot;
	:: else
	fi
	member[actor].accepted = acceptance(ballot, content);
	member[actor].sent = member[actor].sent | trace_bit(ballot, content);
}

/*
 * LEAVE: a request and, only if the leaver neither voted nor promised, its recorded fast vote for
 * exactly the cut that removes it. It goes on as an acceptor afterwards.
 */
inline leave() {
	is_leaving = true;
	if
	:: is_untouched(LEAVER) ->
#ifndef MUTANT_LEAVE_NOT_RECORDED
		member[LEAVER].accepted = acceptance(FAST_BALLOT, 0);
#endif
		member[LEAVER].sent = member[LEAVER].sent | trace_bit(FAST_BALLOT, 0);
#ifdef MUTANT_LEAVE_ANY_CUT
		member[LEAVER].sent = member[LEAVER].sent | trace_bit(FAST_BALLOT, 1);
#endif
	:: else ->
#ifdef MUTANT_LEAVE_AFTER_VOTE
		member[LEAVER].sent = member[LEAVER].sent | trace_bit(FAST_BALLOT, 0);
#else
		skip;
#endif
	fi
}

inline act() {
	if
	:: step == VOTE -> vote();
	:: step == START -> start();
	:: step == PROMISE -> promise();
	:: step == PROPOSE -> propose();
	:: step == ACCEPT -> accept();
	:: step == LEAVE -> leave();
	:: step == MISTAKE ->
		/* Receivers take the vote in LEAVE for a promise to whichever round runs. */
		member[LEAVER].said[content] = acceptance(FAST_BALLOT, 0);
	fi
	if
	:: step == VOTE || step == ACCEPT || step == LEAVE -> learn(ballot, content);
	:: else
	fi
#ifdef MUTANT_LEAVE_ANY_CUT
	if
	:: step == LEAVE -> learn(FAST_BALLOT, 1);
	:: else
	fi
#endif
	sort_juniors();
	step = 0;
	actor = 0;
	ballot = 0;
	content = 0;
}

#if MEMBERS >= 3
#define THIRD(STEP, argument)	STEP(2, argument)
#else
#define THIRD(STEP, argument)
#endif
#if MEMBERS >= 4
#define FOURTH(STEP, argument)	STEP(3, argument)
#else
#define FOURTH(STEP, argument)
#endif
#if MEMBERS >= 5
#define FIFTH(STEP, argument)	STEP(4, argument)
#else
#define FIFTH(STEP, argument)
#endif
#define EACH_MEMBER(STEP, argument) \
	STEP(0, argument) STEP(1, argument) THIRD(STEP, argument) FOURTH(STEP, argument) \
	FIFTH(STEP, argument)

#define ACCEPT_0(who, at)	ACCEPT_OF(who, at, 0)
#define ACCEPT_1(who, at)	ACCEPT_OF(who, at, 1)
#define ACCEPT_AT(at)	EACH_MEMBER(ACCEPT_0, at) EACH_MEMBER(ACCEPT_1, at)

active proctype group() {
	/* Members propose one of the cuts, or both. */
	if
	:: offered = 1;
	:: offered = 3;
	fi;
	do
	:: atomic {
		if
		EACH_MEMBER(VOTE_OF, 0)
		EACH_MEMBER(VOTE_OF, 1)
		START_ALONE(0)
		START_ALONE(1)
		EACH_MEMBER(START_AFTER, 0)
		EACH_MEMBER(START_AFTER, 1)
		EACH_MEMBER(PROMISE_OF, 0)
		EACH_MEMBER(PROMISE_OF, 1)
		PROPOSE_OF(0, 0)
		PROPOSE_OF(0, 1)
		PROPOSE_OF(1, 0)
		PROPOSE_OF(1, 1)
		ACCEPT_AT(2)
#if BALLOTS >= 2
		ACCEPT_AT(3)
#endif
#if BALLOTS >= 3
		ACCEPT_AT(4)
#endif
#if BALLOTS >= 4
		ACCEPT_AT(5)
#endif
#if BALLOTS >= 5
		ACCEPT_AT(6)
#endif
#if BALLOTS >= 6
		ACCEPT_AT(7)
#endif
#if HAS_LEAVE
		:: !is_leaving -> choose(LEAVE, LEAVER, FAST_BALLOT, 0)
#endif
#ifdef MUTANT_LEAVE_AS_PROMISE
		:: is_leaving && (member[LEAVER].sent & 1) && member[LEAVER].said[0] == 0 &&
			is_collecting(0) -> choose(MISTAKE, LEAVER, 0, 0)
		:: is_leaving && (member[LEAVER].sent & 1) && member[LEAVER].said[1] == 0 &&
			is_collecting(1) -> choose(MISTAKE, LEAVER, 0, 1)
#endif
		:: else -> break	/* nothing is left to do */
		fi;
		d_step {
			act();
		}
	}
	od
}
