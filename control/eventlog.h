/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What happened to this node, newest PEAL_EVENTS_MAX: for people, for tests, for the application.
 */
#ifndef PEAL_CONTROL_EVENTLOG_H
#define PEAL_CONTROL_EVENTLOG_H

#include "base/limits.h"
#include "wire/ident.h"
#include "wire/parameters.h"

#include <stdint.h>

/* Why a node is no longer a member although it did not ask. */
enum peal_kicked {
	PEAL_KICKED_REMOVED = 1, /* a decision that it heard, or a view without it */
	PEAL_KICKED_LAG = 2,     /* others are ahead, and for T_install nothing brought it there */
	PEAL_KICKED_VIEW_DEAD = 3, /* its view can never decide again: its members restarted */
	PEAL_KICKED_NO_QUORUM = 4, /* without a quorum, and a group lives that it is not in */
	PEAL_KICKED_SLOW = 5,      /* it held the broadcasts of all back for too long */
};

enum peal_event_kind {
	PEAL_EVENT_STARTED = 1,  /* joining began with `uuid` */
	PEAL_EVENT_VIEW = 2,     /* a view was installed: epoch, value = members */
	PEAL_EVENT_JOINED = 3,   /* a member is in the new view: mid, address */
	PEAL_EVENT_LEFT = 4,     /* a member is out: it asked to */
	PEAL_EVENT_CRASHED = 5,  /* a member is out: its observers reported it */
	PEAL_EVENT_REPLACED = 6, /* a member is out: a new incarnation holds its address */
	/* First report about a member in this epoch: value = enum peal_alert_reason. */
	PEAL_EVENT_ACCUSED = 7,
	/* The report that made a member stable (the H-th): value as above. */
	PEAL_EVENT_DETECTED = 8,
	PEAL_EVENT_PROPOSED = 9,   /* the cut went to consensus: value = ranks to remove */
	PEAL_EVENT_NO_QUORUM = 10, /* too few are heard to decide anything */
	PEAL_EVENT_QUORUM = 11,    /* enough are heard again */
	PEAL_EVENT_KICKED = 12,    /* this node is no longer a member: value = enum peal_kicked */
	PEAL_EVENT_LEAVING = 13,   /* this node asked to leave */
	/* The cluster refused this node: parameter differs, `own` here and `value` there. One event
	 * for each. PEAL_PARAMETERS_COUNT: it did not say which. */
	PEAL_EVENT_REFUSED = 14,
	/* Nobody answered for two T_boot. Once in each attempt to join. */
	PEAL_EVENT_UNANSWERED = 15,
	/* Joining: the member at `address`, which would observe this node, does not reach it. value
	 * = count of such << 8 | observers in all. */
	PEAL_EVENT_UNREACHABLE = 16,
	/* This node is in an old epoch for a quarter of T_install: value = that of the others. */
	PEAL_EVENT_BEHIND = 17,
	/* This node waits: the view takes no more metadata. */
	PEAL_EVENT_METADATA_FULL = 18,
	/* An order group is in the view that was not: value = generation << 32 | id. */
	PEAL_EVENT_ORDERGROUP = 19,
	/* The order group that this node was asked for cannot be: value = enum
	 * peal_ordergroup_answer << 32 | id. */
	PEAL_EVENT_ORDERGROUP_REFUSED = 20,
	/* This node was evicted for being slow, and joins again later: value = nanoseconds. */
	PEAL_EVENT_WAITING = 21,
};

#define PEAL_EVENT_LAST PEAL_EVENT_WAITING

struct peal_event {
	uint64_t seq; /* from 1 */
	uint64_t at_ns;
	uint8_t kind;      /* enum peal_event_kind */
	uint8_t parameter; /* REFUSED: enum peal_parameter */
	uint32_t own;      /* REFUSED: its value here */
	uint64_t epoch;
	uint64_t mid;
	uint64_t value;
	struct peal_address address;
};

struct peal_eventlog {
	uint64_t next_seq;
	struct peal_event events[PEAL_EVENTS_MAX]; /* place = seq mod capacity */
};

void peal_eventlog_init(struct peal_eventlog *log);
/* Appends; seq is filled in. The oldest is overwritten. */
void peal_eventlog_add(struct peal_eventlog *log, const struct peal_event *event);
/* Copies events with seq > after, oldest first, up to `capacity`. Returns how many. */
uint32_t peal_eventlog_read(const struct peal_eventlog *log, uint64_t after,
	struct peal_event *events_out, uint32_t capacity);
const char *peal_event_name(enum peal_event_kind kind);

#endif
