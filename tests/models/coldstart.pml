/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cold start: nodes that wait, candidates that ask for grants, one of them founds the cluster.
 *
 * Rules: control/formation.c and docs/design/0001-first-group.md. A grant binds its giver for
 * T_boot and counts for half of it; the giver listens before its first grant and prefers the
 * smallest candidate that it heard; a founder calls the nodes that are not members, which then
 * neither grant nor found for a while. Time is counted in ticks, T_BOOT of them to a T_boot. Every
 * event happens at a tick, any number of them at each. Requests arrive at once or never; a grant
 * is on its way for up to DELAY ticks or gets lost; a node is called at least every CALL_GAP ticks.
 *
 * Property: never two founders. A founder does not crash here.
 *
 * Two rules here are not the ones that were built, because those fail (docs/design/0005-models.md):
 * a grant is repeated only while three quarters of it are left (REPEAT_ABOVE), and
 * who starts listens for T_boot (LISTEN). With them the property needs
 * DELAY + CALL_GAP of at most a quarter of T_boot (and one tick, which is how fine this time is).
 */
#ifndef NODES
#define NODES 3	/* all of them are seeds, and `expect` */
#endif
#ifndef T_BOOT
#define T_BOOT 4
#endif
#ifndef LISTEN
#define LISTEN	T_BOOT
#endif
#ifndef DELAY
#define DELAY 1
#endif
#ifndef CALL_GAP
#define CALL_GAP 1
#endif
#ifndef RESTARTS
#define RESTARTS 0
#endif
#define HALF	(T_BOOT / 2)
/* A restarted node has a new uuid: behind those of the others, or before them. */
#define IDENTITIES	(NODES + RESTARTS)
#ifdef REBORN_FIRST
#define FIRST_IDENTITY	1
#define REBORN_IDENTITY	0
#else
#define FIRST_IDENTITY	0
#define REBORN_IDENTITY	NODES
#endif
#define NOBODY	IDENTITIES

/* A grant is repeated only while more than this is left of it. */
#ifndef REPEAT_ABOVE
#define REPEAT_ABOVE	(3 * T_BOOT / 4)
#endif

#ifdef MUTANT_MINORITY_GRANT
#define NEED	(NODES / 2)
#else
#define NEED	(NODES / 2 + 1)
#endif
#ifdef MUTANT_COUNTED_FOR_ALL
#define COUNTED	T_BOOT
#else
#define COUNTED	HALF
#endif

typedef Node {
	byte identity;
	bool is_founder;
	byte listen;	/* ticks in which it neither grants nor founds */
	byte smallest;
	byte smallest_left;
	byte granted;
	byte granted_left;
	byte counted[IDENTITIES];	/* grants to this node: ticks for which they count */
	byte coming[IDENTITIES];	/* grants on their way: ticks they may still take, and 1 */
	byte silence;	/* ticks since a founder called this node */
};

Node node[NODES];
byte founders;
#if RESTARTS > 0
byte restarts;
#endif
hidden byte i, j, sum, is_given;

inline hear(who, candidate) {
	if
	:: node[who].smallest_left == 0 || (candidate) <= node[who].smallest ->
		node[who].smallest = candidate;
		node[who].smallest_left = HALF;
	:: else
	fi
}

/* Sets is_given: the one grant of a T_boot, or a repeat of it that does not extend it. */
inline grant(who, candidate) {
	is_given = 0;
	if
	:: node[who].listen > 0 -> skip;
#ifdef MUTANT_TWO_GRANTS
	:: node[who].listen == 0 && node[who].smallest == (candidate) ->
		is_given = 1;
#else
	:: node[who].listen == 0 && node[who].granted_left > 0 ->
#ifdef MUTANT_LATE_REPEAT
		is_given = (node[who].granted == (candidate));
#else
		is_given = (node[who].granted == (candidate) && node[who].granted_left > REPEAT_ABOVE);
#endif
	:: node[who].listen == 0 && node[who].granted_left == 0 && node[who].smallest == (candidate) ->
		is_given = 1;
		node[who].granted = candidate;
		node[who].granted_left = T_BOOT;
#endif
	:: else
	fi
}

/* The candidate `who` asks `giver`; `is_lost`: the answer never arrives. */
inline ask(who, giver, is_lost) {
	if
	:: node[giver].is_founder -> be_called(who);
	:: else ->
		hear(giver, node[giver].identity);
		hear(giver, node[who].identity);
		grant(giver, node[who].identity);
		if
		:: is_given && !(is_lost) -> node[who].coming[node[giver].identity] = DELAY + 1;
		:: else
		fi
	fi
}

inline arrive(who, from) {
	node[who].coming[from] = 0;
	node[who].counted[from] = COUNTED;
}

inline look(who) {
	hear(who, node[who].identity);
	grant(who, node[who].identity);
	sum = 1;
	for (i : 0 .. IDENTITIES - 1) {
		if
		:: node[who].counted[i] > 0 -> sum++;
#ifdef MUTANT_COUNTED_TWICE
			sum++;
#endif
		:: else
		fi
	}
	if
#ifdef MUTANT_SELF_FOR_FREE
	:: sum >= NEED ->
#else
	:: is_given && sum >= NEED ->
#endif
		node[who].is_founder = true;
		founders++;
		assert(founders <= 1);	/* one cluster */
		forget(who);
	:: else
	fi
}

/* What a founder remembers of the time before is of no use. */
inline forget(who) {
	node[who].listen = 0;
	node[who].smallest = NOBODY;
	node[who].smallest_left = 0;
	node[who].granted = NOBODY;
	node[who].granted_left = 0;
	for (i : 0 .. IDENTITIES - 1) {
		node[who].counted[i] = 0;
		node[who].coming[i] = 0;
	}
}

inline be_called(who) {
	node[who].silence = 0;
#ifndef MUTANT_CALL_IGNORED
	if
	:: node[who].listen < HALF -> node[who].listen = HALF;
	:: else
	fi
#endif
}

inline less(field) {
	if
	:: field > 0 -> field--;
	:: else
	fi
}

inline tick() {
	for (i : 0 .. NODES - 1) {
		less(node[i].listen);
		less(node[i].smallest_left);
		if
		:: node[i].smallest_left == 0 -> node[i].smallest = NOBODY;
		:: else
		fi
		less(node[i].granted_left);
		if
		:: node[i].granted_left == 0 -> node[i].granted = NOBODY;
		:: else
		fi
		for (j : 0 .. IDENTITIES - 1) {
			less(node[i].counted[j]);
			less(node[i].coming[j]);
		}
		if
		:: founders > 0 && !node[i].is_founder -> node[i].silence++;
		:: else
		fi
	}
}

#ifdef LIMIT_NO_CALLS
#define is_called_enough(who)	true
#else
#define is_called_enough(who) \
	(founders == 0 || node[who].is_founder || node[who].silence < CALL_GAP)
#endif

byte step, actor, other;

#define ASK	1
#define ASK_IN_VAIN	2
#define ARRIVE	3
#define LOOK	4
#define CALL	5
#define TICK	6
#define RESTART	7

#define choose(which, who, whom)	step = which; actor = who; other = whom
#define is_waiting(who)	(!node[who].is_founder)
#define ASK_OF(who, giver) \
	:: who != giver && is_waiting(who) -> choose(ASK, who, giver) \
	:: who != giver && is_waiting(who) && is_waiting(giver) -> choose(ASK_IN_VAIN, who, giver)
#define ARRIVE_OF(who, from) \
	:: is_waiting(who) && node[who].coming[from] > 0 -> choose(ARRIVE, who, from)
#define LOOK_OF(who) \
	:: is_waiting(who) && node[who].listen == 0 -> choose(LOOK, who, 0)
#ifdef LIMIT_NO_CALLS
#define CALL_OF(who)
#else
#define CALL_OF(who) \
	:: founders > 0 && is_waiting(who) -> choose(CALL, who, 0)
#endif
#define RESTART_OF(who) \
	:: is_waiting(who) && restarts < RESTARTS -> choose(RESTART, who, 0)
#if NODES >= 4
#define FOURTH(STEP, who)	STEP(who, 3)
#define FOURTH_IS_CALLED	is_called_enough(3)
#else
#define FOURTH(STEP, who)
#define FOURTH_IS_CALLED	true
#endif
#if NODES >= 5
#define FIFTH(STEP, who)	STEP(who, 4)
#define FIFTH_IS_CALLED	is_called_enough(4)
#else
#define FIFTH(STEP, who)
#define FIFTH_IS_CALLED	true
#endif
#define ALL_ARE_CALLED	(is_called_enough(0) && is_called_enough(1) && is_called_enough(2) && \
	FOURTH_IS_CALLED && FIFTH_IS_CALLED)
#if RESTARTS > 0
#define REBORN(STEP, who)	STEP(who, NODES)
#else
#define REBORN(STEP, who)
#endif
#define EACH(STEP, who)	STEP(who, 0) STEP(who, 1) STEP(who, 2) FOURTH(STEP, who) FIFTH(STEP, who)
#define STEPS_OF(who)	EACH(ASK_OF, who) EACH(ARRIVE_OF, who) REBORN(ARRIVE_OF, who) \
	LOOK_OF(who) CALL_OF(who)

active proctype world() {
	d_step {
		for (j : 0 .. NODES - 1) {
			node[j].identity = j + FIRST_IDENTITY;
			forget(j);
			node[j].listen = LISTEN;
		}
		i = 0;
		j = 0;
	}
	do
	:: atomic {
		if
		STEPS_OF(0)
		STEPS_OF(1)
		STEPS_OF(2)
#if NODES >= 4
		STEPS_OF(3)
#endif
#if NODES >= 5
		STEPS_OF(4)
#endif
#if RESTARTS > 0
		RESTART_OF(0)
		RESTART_OF(1)
		RESTART_OF(2)
#endif
		:: ALL_ARE_CALLED -> choose(TICK, 0, 0)
		fi;
		d_step {
			if
			:: step == ASK -> ask(actor, other, false);
			:: step == ASK_IN_VAIN -> ask(actor, other, true);
			:: step == ARRIVE -> arrive(actor, other);
			:: step == LOOK -> look(actor);
			:: step == CALL -> be_called(actor);
			:: step == TICK -> tick();
#if RESTARTS > 0
			:: step == RESTART ->
				restarts++;
				node[actor].identity = REBORN_IDENTITY;
				forget(actor);
				node[actor].listen = LISTEN;
#endif
			fi
			step = 0;
			actor = 0;
			other = 0;
		}
	}
	od
}
