/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lanes of a large view: who wants one, and at place 0 of the view who has which.
 *
 *     state      means                     on
 *     NONE       holds none                something to cast -> ASKING
 *     ASKING     asks, again and again     GRANT -> HELD
 *     HELD       may cast                  recalled, and all have all of it -> RETURNING
 *     RETURNING  says so, again and again  FREED -> NONE
 *
 * A request has a number, and answers name it, so nothing that comes late is taken for what is
 * expected now. Place 0 keeps no timer for a lane that nobody else wants. Who is asked for a lane
 * under a request that is not its present one gives it back.
 *
 * Pure; says what is to be sent; fields read only for others; one core.
 */
#ifndef PEAL_DATAPLANE_CAST_LANE_H
#define PEAL_DATAPLANE_CAST_LANE_H

#include "base/messagelimits.h"
#include "wire/cast_msg.h"

enum peal_cast_lane_state {
	PEAL_CAST_LANE_NONE = 0,
	PEAL_CAST_LANE_ASKING,
	PEAL_CAST_LANE_HELD,
	PEAL_CAST_LANE_RETURNING,
};

/* Of who wants one. */
struct peal_cast_lane {
	enum peal_cast_lane_state state;
	uint32_t request; /* the latest */
	uint8_t lane;     /* of HELD and RETURNING */
	bool is_recalled;
	uint8_t tries;
	uint64_t first; /* the frame at which it was granted; of RETURNING: the next one */
	uint64_t at_ns; /* when to say it again; UINT64_MAX = nothing to say */
};

/* A new view: holds none. Requests go on being numbered. */
void peal_cast_lane_reset(struct peal_cast_lane *lane);
/* Asks for one, from now on; only in NONE. */
void peal_cast_lane_ask(struct peal_cast_lane *lane, uint64_t now_ns);
/* Gives it back, from now on; only in HELD. `seq`: its next frame. */
void peal_cast_lane_give_back(struct peal_cast_lane *lane, uint64_t seq, uint64_t now_ns);
/* True when something is to be said; fills all but epoch and origin. The tree changes each time. */
bool peal_cast_lane_run(
	struct peal_cast_lane *lane, uint64_t now_ns, struct peal_cast_lane_msg *message_out);

/* What came of an answer of place 0. */
enum peal_cast_lane_outcome {
	PEAL_CAST_LANE_NOTHING = 0,
	PEAL_CAST_LANE_GOT,    /* HELD now */
	PEAL_CAST_LANE_REFUSE, /* was never asked for, or not any more: to be given back */
	PEAL_CAST_LANE_LIE,    /* cannot be: nothing changed */
};
/* @param have  frames of the lane that this member knows to exist; all of them are here */
enum peal_cast_lane_outcome peal_cast_lane_on_answer(
	struct peal_cast_lane *lane, const struct peal_cast_lane_msg *message, uint64_t have);

struct peal_cast_lane_request {
	uint32_t origin;
	uint32_t request;
};

/* Of place 0. */
struct peal_cast_grants {
	struct peal_cast_lane_request holders[PEAL_CAST_LANES_MAX]; /* origin 0 = free */
	uint64_t granted[PEAL_CAST_LANES_MAX];                      /* in which order */
	uint64_t granted_count;
	uint32_t waiting_count;
	struct peal_cast_lane_request waiting[PEAL_CAST_WAITING_MAX]; /* the oldest first */
	uint64_t at_ns; /* when to recall again; UINT64_MAX = nobody waits */
	uint8_t tries;
};

/* A new view: all are free. */
void peal_cast_grants_reset(struct peal_cast_grants *grants);

/*
 * An ASK or RETURN of a member. `heads`: the next frame of each lane as this member, which has all
 * of them, knows it.
 * @param answer_out  what is to be sent to its origin, all but epoch and tree
 * @return false: nothing is to be sent
 */
bool peal_cast_grants_on_message(struct peal_cast_grants *grants,
	const struct peal_cast_lane_msg *message, const uint64_t heads[PEAL_CAST_LANES_MAX],
	uint64_t now_ns, struct peal_cast_lane_msg *answer_out);

/*
 * Grants free lanes to who waits and, when there are none, recalls the ones that were granted
 * longest ago, one for each who waits.
 * @return messages written, all but epoch and tree
 */
uint32_t peal_cast_grants_run(struct peal_cast_grants *grants,
	const uint64_t heads[PEAL_CAST_LANES_MAX], uint64_t now_ns,
	struct peal_cast_lane_msg messages_out[PEAL_CAST_LANES_MAX]);

#endif
