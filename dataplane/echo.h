/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Round trips between members, measured from the core: both sides.
 *
 * The answering side turns an ECHO round as ECHO_REPLY with the same body. The asking side sends
 * `count` echoes to one member and records how long each took, from the instant at which it was
 * meant to leave (open loop: start + i * interval), so that a stalled sender does not hide what it
 * did not send, to the clock of the turn after the one that took the reply in, so that nothing is
 * reported too small. With interval 0 the next echo leaves when the last one was answered (closed
 * loop), or lost.
 *
 * Timers:
 *   next    the instant at which the next echo is meant to leave.
 *   end     PEAL_ECHO_TIMEOUT_NS after the last echo left: what is not here by then is lost. In a
 * closed loop the same for each echo.
 *
 * The body carries a tag: 16 bits that name the run and 48 bits that count the echoes. No run has
 * the name PEAL_ECHO_PATH: echoes of that name test ways (dataplane/paths.h).
 * Plain struct, fields private, one core; one run at a time.
 */
#ifndef PEAL_DATAPLANE_ECHO_H
#define PEAL_DATAPLANE_ECHO_H

#include "base/counters.h"
#include "base/histogram.h"
#include "base/timeline.h"
#include "dataplane/egress.h"
#include "dataplane/ingress.h"
#include "dataplane/peers.h"
#include "dataplane/uplink.h"
#include "wire/liveness_msg.h"

#define PEAL_ECHO_PATH UINT16_MAX

/* Asked by control, answered by the core, which owns it between PING and PING_DONE. */
struct peal_ping_run {
	/* Set by who asks. */
	uint64_t count;       /* [1, 2^48) */
	uint64_t interval_ns; /* 0 = closed loop */
	/* The same values over the run; reset by the core as well. NULL = not wanted. */
	struct peal_timeline *timeline;
	/* Set by the core. */
	uint64_t sent_count;
	uint64_t received_count;
	uint64_t lost_count;             /* sent and not answered in time */
	bool is_cut_short;               /* the member went away */
	struct peal_histogram histogram; /* of round trips in nanoseconds; reset by the core */
};

struct peal_echo {
	struct peal_egress *egress;
	struct peal_uplink *uplink;
	struct peal_counters *counters;
	struct peal_ping_run *run; /* NULL = none */
	uint64_t mid;
	uint64_t start_at_ns;
	uint64_t last_at_ns; /* when the last echo left */
	uint64_t next_at_ns; /* next timer, UINT64_MAX = none */
	uint64_t due_at_ns;  /* closed loop: intended instant of the echo that is out */
	uint16_t slot;
	uint16_t run_seq;
	bool is_waiting;                          /* closed loop: an echo is out */
	uint32_t taken_count;                     /* replies of this turn, recorded by the next */
	uint64_t taken_due_at_ns[PEAL_BURST_MAX]; /* their intended instants */
	uint64_t taken_index[PEAL_BURST_MAX];
};

/* Everything outlives the machine. */
void peal_echo_init(struct peal_echo *echo, struct peal_egress *egress, struct peal_uplink *uplink,
	struct peal_counters *counters);

/* Ends a run to a member that is not in the new view. */
void peal_echo_switch(struct peal_echo *echo, const struct peal_peers *peers);

/*
 * Starts a run to the member `mid`, if `peers` has it at `slot`; otherwise the run ends at once,
 * cut short. Asserts that no other run is going on.
 */
void peal_echo_start(struct peal_echo *echo, struct peal_ping_run *run,
	const struct peal_peers *peers, uint16_t slot, uint64_t mid, uint64_t now_ns);

/* An ECHO: turns it round. The packet belongs to the egress afterwards. */
void peal_echo_on_echo(
	struct peal_echo *echo, const struct peal_opened *opened, const struct peal_packet *packet);

/* An ECHO_REPLY. One that belongs to no run, or comes after its time, is counted and dropped. */
void peal_echo_on_reply(struct peal_echo *echo, const struct peal_opened *opened,
	const struct peal_liveness_msg *message);

/* Private: there are replies to record. */
void peal_echo_record_taken(struct peal_echo *echo, uint64_t now_ns);

/* First thing in a turn: records the replies that the turn before took in. */
static inline void
peal_echo_begin_turn(struct peal_echo *echo, uint64_t now_ns)
{
	if (__builtin_expect(echo->taken_count != 0, 0)) {
		peal_echo_record_taken(echo, now_ns);
	}
}

/* Private: an echo is due, or the end is. */
uint32_t peal_echo_run_due(struct peal_echo *echo, uint64_t now_ns);

/* Once a turn: sends what is due, at most PEAL_BURST_MAX echoes. Returns how many. */
static inline uint32_t
peal_echo_run(struct peal_echo *echo, uint64_t now_ns)
{
	if (__builtin_expect(now_ns < echo->next_at_ns, 1)) {
		return 0;
	}
	return peal_echo_run_due(echo, now_ns);
}

static inline uint64_t
peal_echo_deadline_at_ns(const struct peal_echo *echo)
{
	/* Replies that were taken want the next turn soon. */
	return echo->taken_count != 0 ? 0 : echo->next_at_ns;
}

#endif
