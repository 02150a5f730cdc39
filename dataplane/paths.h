/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ways from a core to its peers: direct, or through one other member when the direct one is
 * broken although both ends are in the view.
 *
 *     state     frames go       on
 *     DIRECT    directly        a doubt, or a frame that was passed on -> TESTING
 *     TESTING   directly        an answer -> DIRECT; PEAL_PATH_ECHOES_MAX echoes without -> TRYING
 *     TRYING    through `via`   a frame that was passed on -> INDIRECT; an answer -> DIRECT
 *     INDIRECT  through `via`   answers in a row -> DIRECT
 *
 * Who repeats things to a peer in vain doubts (peal_egress_doubt). Doubts prove nothing: the peer
 * may be slow, dead, or on links that lose much. So the direct way is asked, by an ECHO, which is
 * never passed on. Its answer proves both directions, so both ends come to the same opinion,
 * whichever of them is cut; and the end that has nothing to repeat hears that it must look by the
 * first frame that was passed on. In TRYING nobody can tell a broken way from a peer that stands
 * still; only a frame of the peer itself can, that came through another member. That alone is
 * called indirect.
 *
 * The others of the view are tried in an order that both ends compute from the three member
 * numbers, those first to which the own way is direct. The next one has its turn when doubts come
 * while nothing came through the present one for PEAL_PATH_TRY_NS; and who hears the peer through
 * another one than its own follows it, since the peer may be the one that notices. So that the two
 * do not pass each other by for ever, the larger number is quicker to follow.
 *
 * Timers, one per peer whose way is not DIRECT: the next echo. After PEAL_PATH_ECHO_NS in a test,
 * PEAL_PATH_PROBE_NS afterwards. A direct way that breaks soon after it came back needs twice as
 * many answers in a row the next time.
 *
 * Views above PEAL_DIRECT_MAX have no common neighbours to count on: there all ways are direct.
 * Pure; plain struct, fields private; one core, each of which finds out for itself. While all is
 * well an idle turn costs a comparison, and a frame nothing.
 */
#ifndef PEAL_DATAPLANE_PATHS_H
#define PEAL_DATAPLANE_PATHS_H

#include "base/counters.h"
#include "base/deadlines.h"
#include "base/messagelimits.h"
#include "dataplane/echo.h"
#include "dataplane/egress.h"
#include "dataplane/peers.h"
#include "dataplane/plane.h"
#include "wire/liveness_msg.h"

enum peal_path_state {
	PEAL_PATH_DIRECT = 0,
	PEAL_PATH_TESTING,
	PEAL_PATH_TRYING,
	PEAL_PATH_INDIRECT,
};

struct peal_path {
	uint64_t mid;          /* 0 = no member */
	uint64_t tested_at_ns; /* the last test ended well; 0 = never */
	uint64_t direct_at_ns; /* the direct way came back; 0 = it never broke */
	uint64_t via_at_ns;    /* `via` was chosen, or something came through it */
	uint32_t echo;         /* number of the last one */
	uint16_t via;          /* slot; PEAL_PEERS_NONE when frames go directly */
	uint8_t state;         /* enum peal_path_state */
	uint8_t echoes_count;  /* of this test */
	uint8_t replies_count; /* in a row */
	uint8_t replies_needed;
	bool is_answered; /* the last echo */
};

/* Who has to know where frames go from now on. */
struct peal_paths_user {
	/* Frames to the peer at `slot` take another way, or (`is_moved` false) the present one was
	 * proven. What was on its way may be lost. */
	void (*changed)(void *state, uint16_t slot, bool is_moved, uint64_t now_ns);
	void *state;
};

struct peal_paths {
	struct peal_egress *egress;
	struct peal_plane *plane;
	struct peal_counters *counters;
	struct peal_paths_user user;
	const struct peal_peers *peers;
	uint8_t shard;
	struct peal_deadlines echoes_at;
	struct peal_path paths[PEAL_SLOTS_MAX];
};

/* What is named outlives the machine. */
void peal_paths_init(struct peal_paths *paths, struct peal_egress *egress, struct peal_plane *plane,
	struct peal_counters *counters, const struct peal_paths_user *user);

/* Takes another table, after the egress. Ways to those who stay are kept, if who passes frames on
 * stays too; all others begin as direct. */
void peal_paths_switch(struct peal_paths *paths, const struct peal_peers *peers, uint64_t now_ns);

/* The peer at `slot` does not answer. Any slot. */
void peal_paths_doubt(struct peal_paths *paths, uint16_t slot, uint64_t now_ns);

/* The same for all that the egress was told of. */
void peal_paths_take_doubts(struct peal_paths *paths, uint64_t now_ns);

/* An authentic frame of the peer at `slot` came through the member with this address. */
void peal_paths_on_relayed(struct peal_paths *paths, uint16_t slot,
	const struct peal_address *source, uint64_t now_ns);

/* True when an ECHO_REPLY answers an echo of this machine, and not a run of pings. */
static inline bool
peal_paths_is_reply(const struct peal_liveness_msg *message)
{
	return message->alert_digest >> 16 == PEAL_ECHO_PATH;
}

/* Such an ECHO_REPLY, of the peer at `slot`. */
void peal_paths_on_reply(struct peal_paths *paths, uint16_t slot,
	const struct peal_liveness_msg *message, uint64_t now_ns);

/* Private: an echo is due. */
uint32_t peal_paths_run_due(struct peal_paths *paths, uint64_t now_ns);

/* Once a turn. Returns echoes sent. */
static inline uint32_t
peal_paths_run(struct peal_paths *paths, uint64_t now_ns)
{
	if (__builtin_expect(now_ns < peal_deadlines_earliest_ns(&paths->echoes_at), 1)) {
		return 0;
	}
	return peal_paths_run_due(paths, now_ns);
}

static inline uint64_t
peal_paths_deadline_at_ns(const struct peal_paths *paths)
{
	return peal_deadlines_earliest_ns(&paths->echoes_at);
}

static inline enum peal_path_state
peal_paths_state(const struct peal_paths *paths, uint16_t slot)
{
	return (enum peal_path_state)paths->paths[slot].state;
}

#endif
