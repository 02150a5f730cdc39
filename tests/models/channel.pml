/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Epochs of a channel: two nodes, one number, any order of old and new frames.
 *
 * Rules: dataplane/channels.c. A channel is two streams; the epoch of a stream is a number that its
 * sender never uses again. Either end may open, say something, close in order, reset, forget what is
 * closed, and (RESTARTS) end as a process and come back. The network keeps all that was sent: a
 * frame may be read never, once, again and again, much later, in any order. A DATA frame names both
 * streams, its own and the one that its sender hears; the acknowledgement it carries is a frame of
 * its own here, which allows more. A stream takes its frames in order: windows, credit and time are
 * not in the model (tests/prop/prop_channel.c has them).
 *
 * Two rules are there because of this model (docs/design/0005-models.md): a stream is paired with one
 * of the other end for good (is_pair), and an end that hears a stream which the other end has left
 * ends itself instead of beginning anew (is_renewed).
 *
 * A RESET only does to its reader what that may do of its own accord at any time, so it is read
 * only with HEAR_RESETS.
 *
 * Properties:
 *   life       what is delivered was accepted, is of the stream that is heard, and comes once, in
 *              order; nothing of a stream that its receiver has ended
 *   pair       what was said in answer to one life is not delivered in another
 *   ack        what is given up as arrived was delivered
 *   end        an orderly end means that all was delivered, both ways
 *   reset      a reset does not end two ends that hear each other
 *   idle       from every state: when the faults end, whatever was accepted has arrived or was
 *              reported
 *   settle     from every state: when the faults end and both go on talking, channels soon stop
 *              ending
 */
#ifndef EPOCHS
#define EPOCHS 2 /* of node 0 */
#endif
#ifndef EPOCHS_OTHER
#define EPOCHS_OTHER 1 /* of node 1, at most EPOCHS */
#endif
#ifndef MESSAGES
#define MESSAGES 1 /* of a stream */
#endif
#ifndef RESTARTS
#define RESTARTS 0
#endif
/* Rounds of talk in which all must have settled. */
#ifndef ROUNDS
#define ROUNDS 4
#endif
#define PLACES	(MESSAGES + 1)	/* of a stream: its messages and its end */
#define LIVES	(EPOCHS + 1)
#define NEVER	255

#define FREE	0
#define OPEN	1
#define CLOSING	2
#define CLOSED	3

typedef End {
	byte state;
	byte own;	/* epoch of the stream that is sent, 0 = none */
	byte its;	/* of the one that is heard, 0 = none yet */
	byte newest;	/* epochs used so far */
	byte floor;
	byte said;	/* messages of the stream */
	bool is_said_all;
	byte arrived;	/* of its frames, by acknowledgement */
	byte next;	/* frame that is awaited */
	bool is_heard_all;
};

/* What happened to a stream, for the properties. */
typedef Life {
	byte accepted;
	byte delivered;
	byte end_at;	/* place of its end, NEVER = none */
	bool is_over;	/* its receiver has ended it */
};

typedef Net {
	int data[LIVES];	/* bit place * LIVES + other: frame `place`, sent while `other` was heard */
	int acks[LIVES];	/* bit n: "n frames of this stream of yours are here" */
	int resets[LIVES];	/* bit own: "my stream `own` is no more, nor is this one of yours" */
};

End end[2];
Life life[2 * LIVES];
Net net[2];	/* what node i sent */
byte restarts;
bool is_gone;	/* node 0 is a new process that node 1 does not know yet */
hidden byte i, j, k, ends_count, acked;
hidden byte is_answer, is_reset, is_final;

#define peer_of(node)	(1 - (node))
#define life_of(node, epoch)	life[(node) * LIVES + (epoch)]
/* Rounds after the faults use epochs that nobody keeps books about. */
#define is_booked(epoch)	((epoch) <= EPOCHS)

#ifdef MUTANT_NARROW_EPOCH
#define is_same(mine, said)	((mine) != 0 && (mine) % 2 == (said) % 2)
#else
#define is_same(mine, said)	((mine) != 0 && (mine) == (said))
#endif
#ifdef MUTANT_NO_EPOCH_ON_DATA
#define is_data_of(mine, said)	((mine) != 0)
#else
#define is_data_of(mine, said)	is_same(mine, said)
#endif
#ifdef MUTANT_NO_EPOCH_ON_ACK
#define is_ack_of(mine, said)	((mine) != 0)
#else
#define is_ack_of(mine, said)	is_same(mine, said)
#endif
#ifdef MUTANT_NO_EPOCH_ON_RESET
#define is_reset_of(mine, said)	((mine) != 0)
#else
#define is_reset_of(mine, said)	((said) != 0 && is_same(mine, said))
#endif

/* A stream is paired with one of the other end for good, or with none yet (0). */
#ifdef MUTANT_ANY_PAIR
#define is_pair(who, other)	true
#else
#define is_pair(who, other)	((other) == 0 || (end[who].state != FREE && (other) == end[who].own))
#endif
/* The other end hears this life and speaks with a newer stream than is heard here: what is heard is
 * of a life that it has left. */
#ifdef MUTANT_NO_RENEWAL
#define is_renewed(who, epoch, other)	false
#else
#define is_renewed(who, epoch, other) \
	(end[who].its != 0 && (epoch) > end[who].its && (other) == end[who].own)
#endif

/* The other end hears this life and speaks with a stream that this end has left: it will leave this
 * life as well. */
#ifdef MUTANT_TAINTED_KEPT
#define is_tainted(who, other)	false
#else
#define is_tainted(who, other)	((other) == end[who].own)
#endif

#define epochs_of(who)	((who) == 0 -> EPOCHS : EPOCHS_OTHER)
#define sent_count(who)	(end[who].said + end[who].is_said_all)

inline forget(who) {
#ifndef MUTANT_FLOOR_FORGOTTEN
	if
	:: end[who].its > end[who].floor -> end[who].floor = end[who].its;
	:: else
	fi
#endif
	end[who].state = FREE;
	end[who].own = 0;
	end[who].its = 0;
	end[who].said = 0;
	end[who].is_said_all = false;
	end[who].arrived = 0;
	end[who].next = 0;
	end[who].is_heard_all = false;
}

/* At once: what has not arrived for certain is reported. */
inline finish(who) {
	if
	:: end[who].its != 0 && is_booked(end[who].its) ->
		life_of(peer_of(who), end[who].its).is_over = true;
	:: else
	fi
	ends_count = ends_count + (end[who].state != CLOSED);
	forget(who);
}

inline add(who) {
	end[who].newest++;
	end[who].own = end[who].newest;
	end[who].state = OPEN;
}

inline close_when_through(who) {
	if
	:: end[who].state == CLOSING && end[who].is_heard_all &&
			end[who].arrived == sent_count(who) ->
		end[who].state = CLOSED;
		/* end */
		assert(!is_booked(end[who].own) ||
			life_of(who, end[who].own).delivered == life_of(who, end[who].own).accepted);
		assert(!is_booked(end[who].its) ||
			life_of(peer_of(who), end[who].its).delivered == life_of(peer_of(who), end[who].its).accepted);
	:: else
	fi
}

inline say(who) {
	if
	:: is_booked(end[who].own) -> life_of(who, end[who].own).accepted++;
	:: else
	fi
	end[who].said++;
}

/* Frame `place` of stream `epoch` of the other end, sent while that heard `other`. */
inline on_data(who, epoch, place, is_end, other) {
	is_answer = false;
	is_reset = false;
	if
	:: !is_pair(who, other) ->
		is_reset = true;
		if
		:: end[who].state != FREE && end[who].its == epoch -> finish(who);
		:: else
		fi
	:: is_pair(who, other) && end[who].state != FREE && is_data_of(end[who].its, epoch) ->
		is_answer = true;
	:: else ->
		if
		:: epoch <= end[who].floor || (end[who].state != FREE && epoch < end[who].its) ->
			is_reset = true;
			if
			:: end[who].state != FREE && is_tainted(who, other) -> finish(who);
			:: else
			fi
		:: epoch > end[who].floor && end[who].state != FREE && end[who].its == 0 ->
			end[who].its = epoch;
			is_answer = true;
		:: epoch > end[who].floor && end[who].state != FREE && is_renewed(who, epoch, other) ->
			finish(who);
			end[who].floor = epoch;
			is_reset = true;
		:: else ->
			if
			:: end[who].newest == epochs_of(who) && !is_final -> skip; /* as if it were lost */
			:: else ->
				if
				:: end[who].state != FREE -> finish(who);
				:: else
				fi
				add(who);
				end[who].its = epoch;
				is_answer = true;
			fi
		fi
	fi
	if
	:: is_answer && (place) == end[who].next ->
		end[who].next++;
		assert(!is_booked(epoch) || end[who].its == epoch);	/* life */
		assert(!is_booked(epoch) || !life_of(peer_of(who), epoch).is_over);	/* life */
#ifndef ONLY_IN_THE_END
		assert((other) == 0 || (other) == end[who].own);	/* pair */
#endif
		if
		:: is_end -> end[who].is_heard_all = true;
		:: !(is_end) && is_booked(epoch) ->
			assert(place == life_of(peer_of(who), epoch).delivered);	/* life */
			assert(place < life_of(peer_of(who), epoch).accepted);	/* life */
			life_of(peer_of(who), epoch).delivered++;
		:: else
		fi
		close_when_through(who);
	:: else
	fi
}

inline on_ack(who, epoch, count) {
	if
	:: end[who].state != FREE && is_ack_of(end[who].own, epoch) &&
			count > end[who].arrived && count <= sent_count(who) ->
		end[who].arrived = count;
		acked = (count < end[who].said -> count : end[who].said);
		assert(!is_booked(end[who].own) ||
			acked <= life_of(who, end[who].own).delivered);	/* ack */
		close_when_through(who);
	:: else
	fi
}

/* "My stream `theirs` is no more, nor is `mine` of yours." */
inline on_reset(who, theirs, mine) {
	if
	:: end[who].state != FREE &&
			(is_reset_of(end[who].own, mine) || is_reset_of(end[who].its, theirs)) ->
		assert(end[peer_of(who)].state == FREE || end[peer_of(who)].its != end[who].own ||
			end[peer_of(who)].own != end[who].its);	/* reset */
		finish(who);
	:: else
	fi
}

/* All that may be sent now is sent: nobody has to read it. */
inline post(who) {
	if
	:: end[who].state != FREE ->
		for (k : end[who].arrived + 1 .. sent_count(who)) {
			net[who].data[end[who].own] = net[who].data[end[who].own] |
				(1 << ((k - 1) * LIVES + end[who].its));
		}
	:: else
	fi
}

#define post_ack(who) \
	net[who].acks[end[who].its] = net[who].acks[end[who].its] | (1 << end[who].next)
/* Everything under way is sent, read and answered, in order. */
inline exchange(who) {
	printf("%d: talks; own/its/state %d/%d/%d %d/%d/%d\n", who, end[0].own, end[0].its, end[0].state,
		end[1].own, end[1].its, end[1].state);
	k = end[who].arrived;
	do
	:: end[who].state != FREE && k < sent_count(who) ->
		on_data(peer_of(who), end[who].own, k, (k == end[who].said), end[who].its);
		if
		:: is_answer -> on_ack(who, end[peer_of(who)].its, end[peer_of(who)].next);
		:: is_reset -> on_reset(who, 0, end[who].own);
		:: else
		fi
		k++;
	:: else -> break;
	od
}

/* Who has no channel opens one. */
inline speak(who) {
	if
	:: end[who].state == CLOSED -> finish(who);
	:: else
	fi
	if
	:: end[who].state == FREE -> add(who);
	:: else
	fi
	if
	:: end[who].state == OPEN -> say(who);
	:: else
	fi
	exchange(who);
}

/* From here on nothing is lost, and who may speak speaks, twice in a turn. */
inline heal() {
	is_final = true;
#if RESTARTS > 0
	if
	:: is_gone -> notice();
	:: else
	fi
#endif
	j = 0;
	do
	:: j < ROUNDS ->
		ends_count = 0;
		speak(0);
		speak(0);
		speak(1);
		speak(1);
		j++;
	:: else -> break;
	od
#ifndef ONLY_SAFETY
	assert(end[0].state == FREE || end[0].arrived == sent_count(0));	/* idle */
	assert(end[1].state == FREE || end[1].arrived == sent_count(1));	/* idle */
	assert(ends_count == 0);	/* settle */
#endif
	is_final = false;
}

#if RESTARTS > 0
/* Node 1 installs the view in which node 0 is another process: nothing of the old one is heard any
 * more, and nothing that was said to it reaches the new one. */
inline notice() {
	is_gone = false;
#ifndef MUTANT_REMOVED_KEPT
	if
	:: end[1].state != FREE -> finish(1);
	:: else
	fi
#endif
	end[1].floor = 0;
	for (i : 0 .. LIVES - 1) {
		life_of(0, i).accepted = 0;
		life_of(0, i).delivered = 0;
		life_of(0, i).end_at = NEVER;
		life_of(0, i).is_over = false;
		life_of(1, i).is_over = (i <= end[1].newest);
#ifndef MUTANT_OLD_PROCESS_HEARD
		net[0].data[i] = 0;
		net[0].acks[i] = 0;
		net[0].resets[i] = 0;
		net[1].data[i] = 0;
		net[1].acks[i] = 0;
		net[1].resets[i] = 0;
#endif
	}
}
#endif

#define OPENS	1
#define SAYS	2
#define CLOSES	3
#define RESETS	4
#define FORGETS	5
#define HEARS_DATA	7
#define HEARS_ACK	8
#define HEARS_RESET	9
#define RESTARTED	10
#define NOTICES	11
#define HEALS	12

byte step, actor, what, which, other;

#define choose(s, who)	step = s; actor = who
#define is_here(who)	(!is_gone || who == 1)
#ifdef HEAR_RESETS
#define RESET_OF(who)	:: is_here(who) -> choose(HEARS_RESET, who)
#define post_reset(who, own, its) \
	net[who].resets[its] = net[who].resets[its] | (1 << (own))
#else
/* Whoever resets of its own accord is in the state of who was told to: frames add nothing new. */
#define RESET_OF(who)
#define post_reset(who, own, its)	skip
#endif
#define MAY_OF(who) \
	:: is_here(who) && (end[who].state == FREE || end[who].state == CLOSED) && \
		end[who].newest < epochs_of(who) -> choose(OPENS, who) \
	:: is_here(who) && end[who].state == OPEN && end[who].said < MESSAGES -> choose(SAYS, who) \
	:: is_here(who) && end[who].state == OPEN -> choose(CLOSES, who) \
	:: is_here(who) && (end[who].state == OPEN || end[who].state == CLOSING) -> choose(RESETS, who) \
	:: is_here(who) && end[who].state == CLOSED -> choose(FORGETS, who) \
	:: is_here(who) -> choose(HEARS_DATA, who) \
	:: is_here(who) -> choose(HEARS_ACK, who) \
	RESET_OF(who)

/* Which frame of those in the network is read. */
inline pick() {
	select(what : 0 .. EPOCHS);
	if
	:: step == HEARS_DATA ->
		select(which : 0 .. PLACES - 1);
		select(other : 0 .. EPOCHS);
		if
		:: (net[peer_of(actor)].data[what] >> (which * LIVES + other)) & 1
		:: else -> step = 0;
		fi
	:: step == HEARS_ACK ->
		select(which : 1 .. PLACES);
		if
		:: (net[peer_of(actor)].acks[what] >> which) & 1
		:: else -> step = 0;
		fi
	:: step == HEARS_RESET ->
		select(which : 0 .. EPOCHS);
		if
		:: (net[peer_of(actor)].resets[what] >> which) & 1
		:: else -> step = 0;
		fi
	fi
}

active proctype world() {
	d_step {
		for (i : 0 .. 2 * LIVES - 1) {
			life[i].end_at = NEVER;
		}
		i = 0;
	}
	do
	:: atomic {
		if
		MAY_OF(0)
		MAY_OF(1)
#if RESTARTS > 0
		:: restarts < RESTARTS && !is_gone -> choose(RESTARTED, 0);
		:: is_gone -> choose(NOTICES, 1);
#endif
		:: choose(HEALS, 0);
		fi
		if
		:: step >= HEARS_DATA && step <= HEARS_RESET -> pick();
		:: else
		fi
		d_step {
			printf("%d: step %d what %d which %d other %d; own/its/state %d/%d/%d %d/%d/%d\n",
				actor, step, what, which, other, end[0].own, end[0].its, end[0].state,
				end[1].own, end[1].its, end[1].state);
			if
			:: step == OPENS ->
				if
				:: end[actor].state == CLOSED -> finish(actor);
				:: else
				fi
				add(actor);
			:: step == SAYS ->
				say(actor);
				post(actor);
			:: step == CLOSES ->
				life_of(actor, end[actor].own).end_at = end[actor].said;
				end[actor].is_said_all = true;
				end[actor].state = CLOSING;
				post(actor);
			:: step == RESETS ->
				post_reset(actor, end[actor].own, end[actor].its);
				finish(actor);
			:: step == FORGETS -> finish(actor);
			:: step == HEARS_DATA ->
				on_data(actor, what, which, (life_of(peer_of(actor), what).end_at == which), other);
				if
				:: is_answer -> post_ack(actor); post(actor);
				:: is_reset -> post_reset(actor, 0, what);
				:: else
				fi
			:: step == HEARS_ACK -> on_ack(actor, what, which);
			:: step == HEARS_RESET -> on_reset(actor, which, what);
#if RESTARTS > 0
			:: step == RESTARTED ->
				restarts++;
				is_gone = true;
				forget(0);
				end[0].floor = 0;
				end[0].newest = 0;
			:: step == NOTICES -> notice();
#endif
			:: step == HEALS ->
				heal();
			:: else
			fi
			actor = 0;
			what = 0;
			which = 0;
			other = 0;
		}
		if
		:: step == HEALS -> break;
		:: else -> step = 0;
		fi
	}
	od
}
