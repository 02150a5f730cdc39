/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One order for all: lanes, promises and FINAL delivery in one view of an order group of three ranks,
 * seals that end the generation of a lane, and the view change that cuts all lanes.
 *
 * As in the other models the network is the set of everything that was ever sent, and reading it is
 * optional: loss, delay, repeats, changed order and the crash of anybody are not steps. What a rank
 * may know of the acknowledgements and promises of others it therefore reads at the moment it
 * delivers. Ranks 0 and 1 send, rank 2 only stores. Lane 0 has odd time stamps, lane 1 even ones, so
 * no two are alike; any stamp above what the owner promised may be taken, as if by any clock.
 *
 * A proposer is its ballot: it keeps what it was answered, and nothing else. Seals and view change
 * have as many as BALLOTS and CHANGES say, so two proposers are two ballots.
 *
 * Properties:
 *   order       no two ranks deliver differently, what a crashed one delivered included
 *   uniform     what is delivered anywhere is in the cut that is installed
 *   seal        what is delivered of a sealed generation is below its cut, and of a later one above
 *               the time up to which it counts as silent; what is given up was not delivered
 *   one cut     a generation has one cut, and so has a view
 *   late        no frame is taken that comes before what was delivered here
 *   generation  the frames of a generation are above all that was promised or sealed before
 *   open        from every state: any two ranks that are left can seal and can change the view, with
 *               what they hold, and with the cut that is decided already; nothing delivered is lost
 */
#ifndef BALLOTS
#define BALLOTS 2 /* of each seal */
#endif
#ifndef CHANGES
#define CHANGES 1 /* ballots of the view change */
#endif
/* Generations of a lane that may be sealed, and lanes to which that may happen. */
#ifndef SEALS
#define SEALS 1
#endif
#ifndef SEALED_LANES
#define SEALED_LANES 1
#endif
#ifndef STAMP_MAX
#define STAMP_MAX 3
#endif
/* Highest place in the lane, and frames that are sent in all generations, of lane 0 and lane 1. */
#ifndef FRAMES
#define FRAMES 2
#endif
#ifndef FRAMES_OTHER
#define FRAMES_OTHER 1
#endif
/* Ranks that deliver before the view ends, as bits. Whoever delivers does nothing to the protocol by
 * it, and two must differ to be wrong: runs with two of them say as much as one with all three. */
#ifndef READERS
#define READERS 7
#endif
/* The time that goes with the cut of a ballot; any may. Each ballot of a seal has its own. */
#ifndef UNTIL
#define UNTIL 2
#endif
#ifndef UNTIL_OTHER
#define UNTIL_OTHER 0
#endif
#define RANKS	3
#define LANES	2
#define ALL	7
#define GENERATIONS	(SEALS + 1)
#define PLACES	(FRAMES + 1)	/* of a lane: 0 is before its first frame */
#define HISTORY_MAX	(FRAMES + FRAMES_OTHER)
#define NONE	0

typedef Lane {
	byte generation;
	byte have;	/* frames accepted, of this generation and those before */
	byte promised;	/* ballot of a seal; the lane is micro-wedged while it is not NONE */
	byte accepted;	/* ballot of a seal */
	byte given;	/* frames delivered */
	byte by[GENERATIONS];	/* ballot whose decision ended it here */
	byte acked[GENERATIONS];	/* most that was ever acknowledged */
};

typedef Rank {
	Lane lane[LANES];
	byte clock;	/* of the owner: its last stamp, promise, or seal */
	byte promised;	/* ballot of the view change; the rank is wedged while it is not NONE */
	byte accepted;
	bool is_through;	/* has installed the next view */
};

/* All that was sent of one generation of a lane. */
typedef Sent {
	byte upto;	/* highest place */
	byte stamp[PLACES];
	byte promise[PLACES];	/* "every frame above this place is later than" */
};

/* One ballot of a seal. */
typedef Seal {
	byte cut;	/* 1 + place, NONE = nothing proposed yet */
	byte until;
	byte said[RANKS];	/* what it was answered: 1 + place, and the ballot accepted */
	byte holders;	/* who accepted, as bits */
};

typedef Cut {
	byte generation[LANES];
	byte place[LANES];
	byte holders;
	bool is_proposed;
	int said[RANKS];
};

Rank rank[RANKS];
Sent sent[LANES * GENERATIONS];
#if SEALS > 0
Seal seal[SEALED_LANES * SEALS * BALLOTS];
#endif
#if CHANGES > 0
Cut change[CHANGES];
#endif
byte frames_sent[LANES];
byte history[HISTORY_MAX];
byte length;
bool is_installed;	/* somewhere */

hidden byte g, i, j, k, a, b, c, found, highest, front, count, lane, place, position;
hidden byte generation, stamp, other_stamp, cut_generation[LANES], cut_place[LANES];
hidden byte is_final, is_held;
hidden int told[2];

#define lane_of(who, which)	rank[who].lane[which]
#define sent_of(which, in)	sent[(which) * GENERATIONS + (in)]
#define seal_of(which, in, ballot)	seal[((which) * SEALS + (in)) * BALLOTS + (ballot) - 1]
#define frame_id(which, in, at)	(1 + ((which) * GENERATIONS + (in)) * PLACES + (at))
#define lane_in(frame)	(((frame) - 1) / (GENERATIONS * PLACES))
#define generation_in(frame)	((((frame) - 1) / PLACES) % GENERATIONS)
#define place_in(frame)	(((frame) - 1) % PLACES)
#define is_quorum(members) \
	((members) == 3 || (members) == 5 || (members) == 6 || (members) == 7)
#define is_decided(which, in, ballot)	is_quorum(seal_of(which, in, ballot).holders)
#define cut_by(which, in, ballot)	(seal_of(which, in, ballot).cut - 1)
#define is_wedged(who)	(rank[who].promised != NONE || rank[who].is_through)
#define is_sealing(who, which)	(lane_of(who, which).promised != NONE)
#ifdef MUTANT_NO_MICRO_WEDGE
#define may_take(who, which)	(!is_wedged(who))
#elif defined(MUTANT_NO_WEDGE)
#define may_take(who, which)	(!is_sealing(who, which) && !rank[who].is_through)
#else
#define may_take(who, which)	(!is_wedged(who) && !is_sealing(who, which))
#endif
#ifdef MUTANT_OWNER_GOES_ON
#define may_send(who)	(!is_wedged(who))
#else
#define may_send(who)	(!is_wedged(who) && !is_sealing(who, who))
#endif

/* Sets `generation` and `stamp` of the frame at `at` as this rank holds it. */
inline look_up(who, of_lane, at) {
	generation = lane_of(who, of_lane).generation;
	g = generation;
#if SEALS > 0
	do
	:: g > 0 ->
		g--;
		if
		:: (at) <= cut_by(of_lane, g, lane_of(who, of_lane).by[g]) -> generation = g;
		:: else
		fi
	:: else -> break;
	od
#endif
	stamp = sent_of(of_lane, generation).stamp[at];
}

/* Sets `front`: up to here no more frames of the lane can come, as far as this rank can know. */
inline find_front(who, of_lane) {
	front = 0;
	if
	:: (who) == (of_lane) -> front = rank[who].clock;
	:: else ->
		for (g : 0 .. GENERATIONS - 1) {
			for (i : 0 .. PLACES - 1) {
				if
#ifdef MUTANT_PROMISE_OF_ANY_GENERATION
				:: i <= lane_of(who, of_lane).have &&
#else
				:: g == lane_of(who, of_lane).generation && i <= lane_of(who, of_lane).have &&
#endif
						sent_of(of_lane, g).promise[i] > front ->
					front = sent_of(of_lane, g).promise[i];
				:: g < lane_of(who, of_lane).generation && i <= lane_of(who, of_lane).acked[g] &&
						sent_of(of_lane, g).promise[i] > front ->
					front = sent_of(of_lane, g).promise[i];
#ifdef MUTANT_PROMISE_WITHOUT_LAST
				:: g == lane_of(who, of_lane).generation && sent_of(of_lane, g).promise[i] > front ->
					front = sent_of(of_lane, g).promise[i];
#endif
				:: else
				fi
			}
#if SEALS > 0
			if
			:: g < lane_of(who, of_lane).generation &&
					seal_of(of_lane, g, lane_of(who, of_lane).by[g]).until > front ->
				front = seal_of(of_lane, g, lane_of(who, of_lane).by[g]).until;
			:: else
			fi
#endif
		}
	fi
}

/* Sets `count`: ranks that hold a frame of the running generation, for B1. */
inline count_holders(who, of_lane, at) {
	count = 0;
	for (i : 0 .. RANKS - 1) {
		if
		:: i == (of_lane) -> count++;	/* its owner */
#ifdef MUTANT_ACK_OF_ANY_GENERATION
		:: i != (of_lane) && (lane_of(i, of_lane).acked[0] >= (at) ||
				lane_of(i, of_lane).acked[GENERATIONS - 1] >= (at)) -> count++;
#else
		:: i != (of_lane) && lane_of(i, of_lane).acked[lane_of(who, of_lane).generation] >= (at) -> count++;
#endif
		:: else
		fi
	}
}

/* Of a frame and one decided seal. */
#if SEALS > 0
inline check_seal(frame, of_lane, in, ballot) {
	assert(lane_in(frame) != (of_lane) || generation_in(frame) != (in) ||
		place_in(frame) <= cut_by(of_lane, in, ballot));	/* seal */
	assert(lane_in(frame) != (of_lane) || generation_in(frame) <= (in) ||
		sent_of(of_lane, generation_in(frame)).stamp[place_in(frame)] >
			seal_of(of_lane, in, ballot).until);	/* seal */
}
#endif

inline check_seals(frame) {
	skip;
#if SEALS > 0 && !defined(ONLY_ORDER)
	for (a : 0 .. SEALED_LANES - 1) {
		for (b : 0 .. SEALS - 1) {
			for (c : 1 .. BALLOTS) {
				if
				:: is_decided(a, b, c) -> check_seal(frame, a, b, c);
				:: else
				fi
			}
		}
	}
#endif
}

/* The frame is the next in the order at this rank. */
inline deliver(who, of_lane) {
	position = lane_of(who, 0).given + lane_of(who, 1).given;
	lane_of(who, of_lane).given++;
	found = frame_id(of_lane, generation, lane_of(who, of_lane).given);
	if
	:: position < length -> assert(history[position] == found);	/* order */
	:: else ->
		assert(!is_installed);	/* uniform */
		history[length] = found;
		length++;
	fi
	check_seals(found);
}

/* Sets `lane` to that with the smallest key at its head, LANES if there is none, and `generation` and
 * `stamp` of that frame. */
inline find_head(who) {
	lane = LANES;
	other_stamp = 255;
	k = 0;
	for (j : 0 .. LANES - 1) {
		if
		:: lane_of(who, j).given < lane_of(who, j).have ->
			look_up(who, j, lane_of(who, j).given + 1);
			if
			:: stamp < other_stamp ->
				other_stamp = stamp;
				k = generation;
				lane = j;
			:: else
			fi
		:: else
		fi
	}
	generation = k;
	stamp = other_stamp;
}

/* B1 to B3 (B3: it is the smallest head). */
inline try_deliver(who) {
	find_head(who);
	if
	:: lane < LANES ->
		place = lane_of(who, lane).given + 1;
		is_final = true;
#ifndef MUTANT_NOT_HELD
		if
		:: generation == lane_of(who, lane).generation ->
			count_holders(who, lane, place);
			is_final = (count >= 2);
		:: else	/* below a cut that is decided */
		fi
#endif
#ifndef MUTANT_SOMETHING_EARLIER
		for (j : 0 .. LANES - 1) {
			find_front(who, j);
#ifdef CLOCK_FOLLOWS
			/* The own clock follows what is heard, wedged or not, though nothing is promised. */
			front = (j == (who) -> 255 : front);
#endif
			is_final = is_final && front >= stamp;
		}
#endif
		if
		:: is_final ->
#ifdef CLOCK_FOLLOWS
			take_larger(rank[who].clock, stamp);
#endif
			deliver(who, lane);
		:: else
		fi
	:: else
	fi
}

/* What a rank says of itself in a view change, as one number. */
#define SAID_BITS	7
#define told_of(who, which) \
	(lane_of(who, which).generation | (lane_of(who, which).have << 2) | \
		(lane_of(who, which).accepted << 5))
#define SAID	(1 << 18)
#define told_by(who) \
	(SAID | told_of(who, 0) | (told_of(who, 1) << SAID_BITS) | (rank[who].accepted << 14))
#define change_in(told)	(((told) >> 14) & 3)
#define generation_of(told, which)	(((told) >> ((which) * SAID_BITS)) & 3)
#define have_of(told, which)	(((told) >> ((which) * SAID_BITS + 2)) & 7)
#define accepted_of(told, which)	(((told) >> ((which) * SAID_BITS + 5)) & 3)

inline take_larger(variable, value) {
	if
	:: (value) > variable -> variable = value;
	:: else
	fi
}

/* Sets `cut_generation` and `cut_place` from the answers `told[0]` and `told[1]`. */
inline form_cut() {
	highest = 0;
#if CHANGES > 0 && !defined(MUTANT_CHANGE_FORGETS)
	take_larger(highest, change_in(told[0]));
	take_larger(highest, change_in(told[1]));
#endif
	for (j : 0 .. LANES - 1) {
		if
#if CHANGES > 0
		:: highest > 0 ->
			cut_generation[j] = change[highest - 1].generation[j];
			cut_place[j] = change[highest - 1].place[j];
#endif
		:: highest == 0 ->
			cut_generation[j] = generation_of(told[0], j);
			take_larger(cut_generation[j], generation_of(told[1], j));
			cut_place[j] = 0;
			count = 0;
			for (i : 0 .. 1) {
				if
				:: generation_of(told[i], j) == cut_generation[j] ->
#ifdef MUTANT_CHANGE_TAKES_MINIMUM
					if
					:: count == 0 || have_of(told[i], j) < cut_place[j] ->
						cut_place[j] = have_of(told[i], j);
					:: else
					fi
#else
					take_larger(cut_place[j], have_of(told[i], j));
#endif
					count = 1;
				:: else ->
#ifdef MUTANT_GENERATIONS_MIXED
					take_larger(cut_place[j], have_of(told[i], j));
#else
					skip;
#endif
				fi
			}
#if SEALS > 0 && !defined(MUTANT_CHANGE_IGNORES_SEALS)
			place = 0;	/* a ballot, here */
			for (i : 0 .. 1) {
				if
				:: generation_of(told[i], j) == cut_generation[j] ->
					take_larger(place, accepted_of(told[i], j));
				:: else
				fi
			}
#ifdef MUTANT_CHANGE_TAKES_OLDEST
			for (i : 0 .. 1) {
				if
				:: generation_of(told[i], j) == cut_generation[j] && accepted_of(told[i], j) != 0 &&
						accepted_of(told[i], j) < place ->
					place = accepted_of(told[i], j);
				:: else
				fi
			}
#endif
			if
			:: place > 0 -> cut_place[j] = cut_by(j, cut_generation[j], place);
			:: else
			fi
#endif
		fi
	}
}

/* The cut of `form_cut` has all that was delivered. */
inline check_cut() {
	for (i : 1 .. length) {
		j = lane_in(history[i - 1]);
		assert(generation_in(history[i - 1]) <= cut_generation[j]);	/* uniform */
		assert(place_in(history[i - 1]) <= cut_place[j]);	/* uniform */
	}
}

/* Two ranks that are left, as they are now. */
inline check_pair(first, second) {
	if
	:: !rank[first].is_through && !rank[second].is_through ->
		told[0] = told_by(first);
		told[1] = told_by(second);
		form_cut();
		check_cut();
		for (j : 0 .. LANES - 1) {
			is_held = false;
			for (i : 0 .. 1) {
				k = (i == 0 -> first : second);
				if
				:: lane_of(k, j).generation > cut_generation[j] ->
#ifdef MUTANT_NEVER_PAST
					assert(lane_of(k, j).generation <= cut_generation[j]);	/* open */
#else
#if SEALS > 0
					assert(cut_by(j, cut_generation[j], lane_of(k, j).by[cut_generation[j]]) ==
						cut_place[j]);	/* open: cut */
#endif
#endif
					is_held = true;
				:: lane_of(k, j).generation == cut_generation[j] ->
					place = lane_of(k, j).have;
#if SEALS > 0
					if
					:: lane_of(k, j).accepted != NONE ->
						take_larger(place,
							cut_by(j, cut_generation[j], lane_of(k, j).accepted));
					:: else
					fi
#endif
#if CHANGES > 0
					if
					:: rank[k].accepted != NONE &&
							change[rank[k].accepted - 1].generation[j] == cut_generation[j] ->
						take_larger(place, change[rank[k].accepted - 1].place[j]);
					:: else
					fi
#endif
					is_held = is_held || place >= cut_place[j];
				:: else	/* is told of the seals in between */
				fi
			}
			assert(is_held);	/* open */
		}
	:: else
	fi
}

inline check_open() {
	skip;
#ifndef ONLY_ORDER
	check_pair(0, 1);
	check_pair(0, 2);
	check_pair(1, 2);
#endif
}

/*
 * Steps. A step is chosen with its arguments, then done as one deterministic action, after which
 * these are 0 again.
 */
byte step;
byte actor;	/* a rank */
byte which;	/* a lane */
byte what;	/* a stamp, a promise, or a ballot */
byte with;	/* a rank, RANKS = none */

#define SENDS		1
#define PROMISES	2
#define TAKES		3
#define DELIVERS	4
#define ANSWERS_SEAL	5
#define ACCEPTS_SEAL	7
#define APPLIES_SEAL	8
#define ANSWERS_CHANGE	9
#define ACCEPTS_CHANGE	11
#define INSTALLS	12
#define FETCHES		13
#define FORGETS		14

#define choose(kind, who, in_lane, argument) \
	step = kind; actor = who; which = in_lane; what = argument
#define running(who, in_lane)	lane_of(who, in_lane).generation
#define running_sent(who, in_lane)	sent_of(in_lane, running(who, in_lane))

/* DATA, which promises its own stamp, and TICK. */
#define is_stamp(in_lane, value)	((value) % 2 != (in_lane))
#define SEND_AT(owner, value) \
	:: may_send(owner) && is_stamp(owner, value) && value > rank[owner].clock && \
		frames_sent[owner] < (owner == 0 -> FRAMES : FRAMES_OTHER) -> \
		choose(SENDS, owner, owner, value)
#define PROMISE_AT(owner, value) \
	:: may_send(owner) && !is_stamp(owner, value) && value > rank[owner].clock -> \
		choose(PROMISES, owner, owner, value)

inline send() {
#ifndef ONLY_ORDER
	for (g : 0 .. running(actor, which)) {
		for (i : 0 .. PLACES - 1) {
			assert(what > sent_of(which, g).promise[i]);	/* generation */
		}
#if SEALS > 0
		if
		:: g < running(actor, which) ->
			assert(what > seal_of(which, g, lane_of(actor, which).by[g]).until);	/* generation */
		:: else
		fi
#endif
	}
#endif
	frames_sent[actor]++;
	lane_of(actor, which).have++;
	lane_of(actor, which).acked[running(actor, which)] = lane_of(actor, which).have;
	running_sent(actor, which).upto = lane_of(actor, which).have;
	running_sent(actor, which).stamp[lane_of(actor, which).have] = what;
	running_sent(actor, which).promise[lane_of(actor, which).have] = what;
	rank[actor].clock = what;
}

inline tick() {
	running_sent(actor, which).promise[lane_of(actor, which).have] = what;
	rank[actor].clock = what;
}

/* DATA from the owner, or from who was asked for it. */
#define TAKE(who, in_lane) \
	:: may_take(who, in_lane) && \
		lane_of(who, in_lane).have < running_sent(who, in_lane).upto -> \
		choose(TAKES, who, in_lane, 0)

inline take() {
	lane_of(actor, which).have++;
	lane_of(actor, which).acked[running(actor, which)] = lane_of(actor, which).have;
#ifndef ONLY_ORDER
	position = lane_of(actor, 0).given + lane_of(actor, 1).given;
	if
	:: position > 0 ->
		found = history[position - 1];
		assert(sent_of(lane_in(found), generation_in(found)).stamp[place_in(found)] <
			running_sent(actor, which).stamp[lane_of(actor, which).have]);	/* late */
	:: else
	fi
#endif
}

#ifdef MUTANT_DELIVERS_WEDGED
#define DELIVER(who) \
	:: (READERS >> who) & 1 && !rank[who].is_through -> choose(DELIVERS, who, 0, 0)
#else
#define DELIVER(who) \
	:: (READERS >> who) & 1 && !is_wedged(who) -> choose(DELIVERS, who, 0, 0)
#endif

#if SEALS > 0
#define own_seal(who, in_lane, ballot)	seal_of(in_lane, running(who, in_lane), ballot)
#define may_be_sealed(who, in_lane)	(running(who, in_lane) < SEALS)
#ifdef MUTANT_SEALED_WHILE_WEDGED
#define may_seal(who)	(!rank[who].is_through)
#else
#define may_seal(who)	(!is_wedged(who))
#endif

/*
 * SEAL_PREP and its answer. The proposer goes on as soon as it has two answers; which ones it gets is
 * open, so an answer is either one of the two with that of a `partner` before it, or not read yet.
 * When the ballot has its cut, answers could only hinder others.
 */
#define ANSWER_SEAL(who, in_lane, ballot) \
	:: may_seal(who) && may_be_sealed(who, in_lane) && \
		ballot > lane_of(who, in_lane).promised && \
		own_seal(who, in_lane, ballot).cut == NONE -> \
		choose(ANSWERS_SEAL, who, in_lane, ballot)

#define said_place(answer)	(((answer) & 15) - 1)
#define said_accepted(answer)	((answer) >> 4)
#define answer_from(who)	own_seal(actor, which, what).said[who]
inline answer_seal() {
	lane_of(actor, which).promised = what;
	answer_from(actor) = (1 + lane_of(actor, which).have) | (lane_of(actor, which).accepted << 4);
	if
	:: with != RANKS && with != actor && answer_from(with) != NONE ->
		propose_seal(answer_from(actor), answer_from(with));
		/* Nobody reads the answers any more. */
		for (i : 0 .. RANKS - 1) {
			answer_from(i) = NONE;
		}
	:: else
	fi
}

/* SEAL_ACC. */
inline propose_seal(first, second) {
	highest = 0;
#ifndef MUTANT_SEAL_FORGETS
	take_larger(highest, said_accepted(first));
	take_larger(highest, said_accepted(second));
#endif
	if
	:: highest > 0 ->
		own_seal(actor, which, what).cut = own_seal(actor, which, highest).cut;
		own_seal(actor, which, what).until = own_seal(actor, which, highest).until;
	:: else ->
		place = said_place(first);
#ifdef MUTANT_SEAL_TAKES_MINIMUM
		if
		:: said_place(second) < place -> place = said_place(second);
		:: else
		fi
#else
		take_larger(place, said_place(second));
#endif
		own_seal(actor, which, what).cut = 1 + place;
		own_seal(actor, which, what).until = which + (what == 1 -> UNTIL : UNTIL_OTHER);
	fi
}

/* Frames below the cut are fetched first and staged: they are held, but not had. */
#ifdef MUTANT_SEAL_BELOW_PROMISE
#define may_accept_seal(who, in_lane, ballot)	(ballot > lane_of(who, in_lane).accepted)
#else
#define may_accept_seal(who, in_lane, ballot) \
	(ballot >= lane_of(who, in_lane).promised && ballot > lane_of(who, in_lane).accepted)
#endif
#define ACCEPT_SEAL(who, in_lane, ballot) \
	:: may_seal(who) && may_be_sealed(who, in_lane) && may_accept_seal(who, in_lane, ballot) && \
		own_seal(who, in_lane, ballot).cut != NONE -> \
		choose(ACCEPTS_SEAL, who, in_lane, ballot)

inline accept_seal() {
	take_larger(lane_of(actor, which).promised, what);
	lane_of(actor, which).accepted = what;
	own_seal(actor, which, what).holders = own_seal(actor, which, what).holders | (1 << actor);
	if
	:: is_decided(which, running(actor, which), what) ->
		own_seal(actor, which, what).holders = ALL;	/* who else accepted says nothing more */
	:: else
	fi
#ifndef ONLY_ORDER
	if
	:: is_decided(which, running(actor, which), what) ->
		for (c : 1 .. BALLOTS) {
			assert(!is_decided(which, running(actor, which), c) ||
				(own_seal(actor, which, c).cut == own_seal(actor, which, what).cut &&
				own_seal(actor, which, c).until == own_seal(actor, which, what).until));	/* one cut */
		}
		for (i : 1 .. length) {
			check_seal(history[i - 1], which, running(actor, which), what);
		}
	:: else
	fi
#endif
}

/* SEAL_DEC. */
#define APPLY_SEAL(who, in_lane, ballot) \
	:: !rank[who].is_through && may_be_sealed(who, in_lane) && \
		is_decided(in_lane, running(who, in_lane), ballot) -> \
		choose(APPLIES_SEAL, who, in_lane, ballot)

inline apply_seal() {
	g = running(actor, which);
	place = cut_by(which, g, what);
#ifndef ONLY_ORDER
	assert(lane_of(actor, which).given <= place);	/* seal */
#endif
	lane_of(actor, which).by[g] = what;
#if BALLOTS > 1
	if
	:: seal_of(which, g, 1).cut == seal_of(which, g, what).cut &&
			seal_of(which, g, 1).until == seal_of(which, g, what).until ->
		lane_of(actor, which).by[g] = 1;
	:: else
	fi
#endif
	lane_of(actor, which).have = place;
	lane_of(actor, which).generation++;
	lane_of(actor, which).promised = NONE;
	lane_of(actor, which).accepted = NONE;
	lane_of(actor, which).acked[g + 1] = place;
	if
	:: actor == which ->
		sent_of(which, g + 1).upto = place;
#ifdef MUTANT_SEAL_TIME_IGNORED
		skip;
#elif defined(MUTANT_OWN_PROMISE_FORGOTTEN)
		rank[actor].clock = seal_of(which, g, what).until;
#else
		take_larger(rank[actor].clock, seal_of(which, g, what).until);
#endif
	:: else
	fi
}

#ifdef MUTANT_STAGE_IS_HAVE
#define FETCH(who, in_lane, ballot) \
	:: !is_wedged(who) && may_be_sealed(who, in_lane) && is_sealing(who, in_lane) && \
		own_seal(who, in_lane, ballot).cut > 1 + lane_of(who, in_lane).have -> \
		choose(FETCHES, who, in_lane, ballot)
#else
#define FETCH(who, in_lane, ballot)
#endif
#endif

/* Rank 2 starts again with nothing, and answers as if it were the same. */
#ifdef MUTANT_AMNESIAC_ANSWERS
#define FORGET \
	:: !rank[2].is_through && !has_restarted -> choose(FORGETS, 2, 0, 0)
bool has_restarted;
#else
#define FORGET
#endif

inline forget(who) {
	rank[who].promised = NONE;
	rank[who].accepted = NONE;
	rank[who].clock = 0;
	for (j : 0 .. LANES - 1) {
		lane_of(who, j).generation = 0;
		lane_of(who, j).have = 0;
		lane_of(who, j).promised = NONE;
		lane_of(who, j).accepted = NONE;
		lane_of(who, j).given = 0;
		for (i : 0 .. GENERATIONS - 1) {
			lane_of(who, j).by[i] = NONE;
		}
	}
}

#if CHANGES > 0
#define is_agreed(ballot)	is_quorum(change[(ballot) - 1].holders)

/* VC_PREP and its answer. */
#define ANSWER_CHANGE(who, ballot) \
	:: !rank[who].is_through && ballot > rank[who].promised && !change[ballot - 1].is_proposed -> \
		choose(ANSWERS_CHANGE, who, 0, ballot)

inline answer_change() {
	rank[actor].promised = what;
	change[what - 1].said[actor] = told_by(actor);
	if
	:: with != RANKS && with != actor && change[what - 1].said[with] != NONE ->
		told[0] = change[what - 1].said[actor];
		told[1] = change[what - 1].said[with];
		form_cut();
		change[what - 1].is_proposed = true;
		for (i : 0 .. LANES - 1) {
			change[what - 1].generation[i] = cut_generation[i];
			change[what - 1].place[i] = cut_place[i];
		}
		for (i : 0 .. RANKS - 1) {
			change[what - 1].said[i] = NONE;
		}
	:: else
	fi
}

/* A rank that is behind is told of the seals first. One that is past the generation of the cut was
 * told of a decision that those who answered had not heard of, which has the same place. */
#ifdef MUTANT_NEVER_PAST
#define is_at(who, in_lane, ballot) \
	(running(who, in_lane) == change[ballot - 1].generation[in_lane])
#else
#define is_at(who, in_lane, ballot) \
	(running(who, in_lane) >= change[ballot - 1].generation[in_lane])
#endif
#ifdef MUTANT_CHANGE_BELOW_PROMISE
#define may_accept_change(who, ballot)	(ballot > rank[who].accepted)
#else
#define may_accept_change(who, ballot) \
	(ballot >= rank[who].promised && ballot > rank[who].accepted)
#endif
#define ACCEPT_CHANGE(who, ballot) \
	:: !rank[who].is_through && may_accept_change(who, ballot) && \
		change[ballot - 1].is_proposed && is_at(who, 0, ballot) && is_at(who, 1, ballot) -> \
		choose(ACCEPTS_CHANGE, who, 0, ballot)

inline accept_change() {
	take_larger(rank[actor].promised, what);
	rank[actor].accepted = what;
	change[what - 1].holders = change[what - 1].holders | (1 << actor);
	if
	:: is_agreed(what) ->
		change[what - 1].holders = ALL;
#ifndef ONLY_ORDER
		for (i : 0 .. LANES - 1) {
			cut_generation[i] = change[what - 1].generation[i];
			cut_place[i] = change[what - 1].place[i];
		}
		check_cut();
		for (c : 0 .. CHANGES - 1) {
			for (i : 0 .. LANES - 1) {
				assert(!is_quorum(change[c].holders) ||
					(change[c].generation[i] == cut_generation[i] &&
					change[c].place[i] == cut_place[i]));	/* one cut */
			}
		}
#endif
	:: else
	fi
}

/* VC_INSTALL: all of the cut is held, what was not delivered yet is. */
#define INSTALL(who, ballot) \
	:: !rank[who].is_through && is_agreed(ballot) && \
		running(who, 0) >= change[ballot - 1].generation[0] && \
		running(who, 1) >= change[ballot - 1].generation[1] -> \
		choose(INSTALLS, who, 0, ballot)

inline install() {
	for (j : 0 .. LANES - 1) {
#if SEALS > 0 && !defined(ONLY_ORDER)
		if
		:: running(actor, j) > change[what - 1].generation[j] ->
			assert(cut_by(j, change[what - 1].generation[j],
				lane_of(actor, j).by[change[what - 1].generation[j]]) ==
				change[what - 1].place[j]);	/* one cut */
		:: else
		fi
#endif
		assert(lane_of(actor, j).given <= change[what - 1].place[j]);	/* uniform */
		lane_of(actor, j).generation = change[what - 1].generation[j];
		lane_of(actor, j).have = change[what - 1].place[j];
	}
	find_head(actor);
	do
	:: lane < LANES ->
		deliver(actor, lane);
		find_head(actor);
	:: else -> break;
	od
	position = lane_of(actor, 0).given + lane_of(actor, 1).given;
	assert(position == length);	/* uniform */
	is_installed = true;
	rank[actor].is_through = true;
	forget(actor);
}
#endif

inline act() {
	if
#ifdef MUTANT_AMNESIAC_ANSWERS
	:: step == FORGETS ->
		has_restarted = true;
		forget(2);
#endif
	:: step == SENDS -> send();
	:: step == PROMISES -> tick();
	:: step == TAKES -> take();
	:: step == DELIVERS -> try_deliver(actor);
#if SEALS > 0
	:: step == ANSWERS_SEAL -> answer_seal();
	:: step == ACCEPTS_SEAL -> accept_seal();
	:: step == APPLIES_SEAL -> apply_seal();
#endif
#ifdef MUTANT_STAGE_IS_HAVE
	:: step == FETCHES ->
		lane_of(actor, which).have = own_seal(actor, which, what).cut - 1;
		lane_of(actor, which).acked[running(actor, which)] = lane_of(actor, which).have;
#endif
#if CHANGES > 0
	:: step == ANSWERS_CHANGE -> answer_change();
	:: step == ACCEPTS_CHANGE -> accept_change();
	:: step == INSTALLS -> install();
#endif
	fi
	check_open();
	step = 0;
	actor = 0;
	which = 0;
	what = 0;
	with = 0;
}

#define EACH_RANK(STEP, argument)	STEP(0, argument) STEP(1, argument) STEP(2, argument)
#define SEAL_STEPS(in_lane, ballot) \
	ANSWER_SEAL(0, in_lane, ballot) ANSWER_SEAL(1, in_lane, ballot) \
	ANSWER_SEAL(2, in_lane, ballot) \
	ACCEPT_SEAL(0, in_lane, ballot) ACCEPT_SEAL(1, in_lane, ballot) \
	ACCEPT_SEAL(2, in_lane, ballot) APPLY_SEAL(0, in_lane, ballot) \
	APPLY_SEAL(1, in_lane, ballot) APPLY_SEAL(2, in_lane, ballot) \
	FETCH(0, in_lane, ballot) FETCH(1, in_lane, ballot) FETCH(2, in_lane, ballot)
#define CHANGE_STEPS(ballot) \
	EACH_RANK(ANSWER_CHANGE, ballot) \
	EACH_RANK(ACCEPT_CHANGE, ballot) EACH_RANK(INSTALL, ballot)
#define OWNER_STEPS(value) \
	SEND_AT(0, value) SEND_AT(1, value) PROMISE_AT(0, value) PROMISE_AT(1, value)

active proctype group() {
	do
	:: atomic {
		if
		OWNER_STEPS(1)
		OWNER_STEPS(2)
#if STAMP_MAX >= 3
		OWNER_STEPS(3)
#endif
#if STAMP_MAX >= 4
		OWNER_STEPS(4)
#endif
#if STAMP_MAX >= 5
		OWNER_STEPS(5)
#endif
		TAKE(0, 1) TAKE(1, 0) TAKE(2, 0) TAKE(2, 1)
		DELIVER(0) DELIVER(1) DELIVER(2)
		FORGET
#if SEALS > 0
		SEAL_STEPS(0, 1)
#if BALLOTS >= 2
		SEAL_STEPS(0, 2)
#endif
#if SEALED_LANES >= 2
		SEAL_STEPS(1, 1)
#if BALLOTS >= 2
		SEAL_STEPS(1, 2)
#endif
#endif
#endif
#if CHANGES >= 1
		CHANGE_STEPS(1)
#endif
#if CHANGES >= 2
		CHANGE_STEPS(2)
#endif
		:: else -> break	/* nothing is left to do */
		fi;
		if
		:: step == ANSWERS_SEAL || step == ANSWERS_CHANGE -> select(with : 0 .. RANKS);
		:: else
		fi;
		d_step {
			act();
		}
	}
	od
}
