/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What must be true of process groups, seen from the clients of all nodes.
 *
 * A client from its joining of a group to the end of it is a *session* with a number in a common
 * ledger; each message says of which session it is, and which in it. Checked when a view comes: all
 * who have a view of this name have the same members in the same order, names only grow, and the
 * client is in it. When a client goes with its node from one view of nodes to the next: all who had
 * the same view of a group before had the same next one, so that nobody misses any, and who was in
 * the group all the time heard the same set. With each message: it was sent, is whole, is the next
 * of its session, and does not come before its view.
 *
 * What a node sees that is removed afterwards is not compared with what others see: it may have had
 * its own idea of the end.
 */
#ifndef PEAL_SIM_CHECK_GROUPS_H
#define PEAL_SIM_CHECK_GROUPS_H

#include "sim/report.h"

#include <stddef.h>

#define PEAL_CHECK_GROUPS_NAMES    3U
#define PEAL_CHECK_GROUPS_SESSIONS 16384U
#define PEAL_CHECK_GROUPS_VIEWS    65536U /* a power of two */
#define PEAL_CHECK_GROUPS_PASSAGES 8192U
#define PEAL_CHECK_GROUPS_MEMBERS  256U
#define PEAL_CHECK_GROUPS_PENDING  2048U

/* Names a view of a group. */
struct peal_check_groups_name {
	uint64_t epoch;
	uint32_t n;
	uint32_t cluster;
	uint32_t group;
};

struct peal_check_groups_view {
	struct peal_check_groups_name name; /* epoch 0 = the place is free */
	uint64_t digest;                    /* of its members, in order */
	struct peal_check_groups_name next; /* epoch 0 = nobody knows yet */
};

struct peal_check_groups_passage {
	uint32_t cluster;
	uint32_t group;
	uint64_t from_epoch;
	uint64_t to_epoch;
	uint64_t set;
};

struct peal_check_groups_session {
	uint64_t mid; /* 0 until its first view */
	uint32_t client;
	uint32_t group;
	uint64_t sent_count;
	struct peal_check_groups_name joined; /* its first view */
};

/* What all share. */
struct peal_check_groups {
	struct peal_report *report;
	const uint64_t *now_ns; /* virtual */
	uint32_t sessions_count;
	uint32_t views_count;
	uint32_t passages_count;
	uint64_t links_count;    /* views compared with what another one had next */
	uint64_t messages_count; /* delivered */
	struct peal_check_groups_session sessions[PEAL_CHECK_GROUPS_SESSIONS]; /* [0] nobody's */
	struct peal_check_groups_view views[PEAL_CHECK_GROUPS_VIEWS];
	struct peal_check_groups_passage passages[PEAL_CHECK_GROUPS_PASSAGES];
};

struct peal_check_groups_member {
	uint64_t mid;
	uint32_t client;
};

/* A session, as its own client sees it. */
struct peal_check_groups_seat {
	uint32_t session; /* 0 = beyond those that are kept, which is a violation */
	bool is_member;   /* a view has come */
	uint32_t group;
	struct peal_check_groups_name joined;
	struct peal_check_groups_name name; /* of its view */
	uint32_t members_count;
	struct peal_check_groups_member members[PEAL_CHECK_GROUPS_MEMBERS];
	/* Since its node's view began: views that came, and what was heard. */
	bool is_whole; /* it was a member when that began */
	uint64_t set;
	uint32_t pending_count;
	struct peal_check_groups_name pending[PEAL_CHECK_GROUPS_PENDING];
	/* By session of the sender: the next message + 1; 0 = none has come. */
	uint32_t next[PEAL_CHECK_GROUPS_SESSIONS];
};

/* First bytes of each message. */
struct peal_check_groups_head {
	uint32_t session;
	uint32_t size; /* of the message */
	uint64_t index;
};

void peal_check_groups_init(
	struct peal_check_groups *check, struct peal_report *report, const uint64_t *now_ns);

/* A client asks to join. */
void peal_check_groups_begin(
	struct peal_check_groups *check, struct peal_check_groups_seat *seat, uint32_t group);

/* It is shown a view, whose members are in `seat` already. */
void peal_check_groups_on_view(struct peal_check_groups *check, struct peal_check_groups_seat *seat,
	const struct peal_check_groups_name *name, const struct peal_check_groups_member *self);

/* The next message of a session, `size` bytes at `bytes`; its number counts as sent. */
void peal_check_groups_write(
	struct peal_check_groups *check, uint32_t session, uint8_t *bytes, uint32_t size);

/* A message has come whole, sent in view `name`. */
void peal_check_groups_on_message(struct peal_check_groups *check,
	struct peal_check_groups_seat *seat, const struct peal_check_groups_name *name,
	const struct peal_check_groups_member *from, const uint8_t *bytes, uint32_t size);

/* Its node went from one view of nodes to another; the same one at the end of a run. */
void peal_check_groups_pass(struct peal_check_groups *check, struct peal_check_groups_seat *seat,
	uint64_t from_epoch, uint64_t to_epoch);

/* Of all that `seat` should have heard of a session that goes on: false = not yet. */
bool peal_check_groups_has_all(const struct peal_check_groups *check,
	const struct peal_check_groups_seat *seat, uint32_t session);

#endif
