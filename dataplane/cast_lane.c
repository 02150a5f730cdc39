/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/cast_lane.h"

#include "base/assert.h"
#include "dataplane/cast_digest.h"

#include <string.h>

#define NEVER UINT64_MAX

/* --- who wants one --- */

void
peal_cast_lane_reset(struct peal_cast_lane *lane)
{
	*lane = (struct peal_cast_lane){.request = lane->request, .at_ns = NEVER};
}

void
peal_cast_lane_ask(struct peal_cast_lane *lane, uint64_t now_ns)
{
	PEAL_ASSERT(lane->state == PEAL_CAST_LANE_NONE);
	PEAL_ASSERT(lane->request < UINT32_MAX);
	*lane = (struct peal_cast_lane){
		.state = PEAL_CAST_LANE_ASKING, .request = lane->request + 1U, .at_ns = now_ns};
}

void
peal_cast_lane_give_back(struct peal_cast_lane *lane, uint64_t seq, uint64_t now_ns)
{
	PEAL_ASSERT(lane->state == PEAL_CAST_LANE_HELD);
	lane->state = PEAL_CAST_LANE_RETURNING;
	lane->first = seq;
	lane->tries = 0;
	lane->at_ns = now_ns;
}

bool
peal_cast_lane_run(
	struct peal_cast_lane *lane, uint64_t now_ns, struct peal_cast_lane_msg *message_out)
{
	if (lane->at_ns > now_ns) {
		return false;
	}
	PEAL_DASSERT(
		lane->state == PEAL_CAST_LANE_ASKING || lane->state == PEAL_CAST_LANE_RETURNING);
	*message_out = (struct peal_cast_lane_msg){.what = lane->state == PEAL_CAST_LANE_ASKING
								   ? PEAL_CAST_LANE_ASK
								   : PEAL_CAST_LANE_RETURN,
		.request = lane->request,
		.lane = lane->lane,
		.seq = lane->first,
		.tree = lane->tries % PEAL_CAST_TREES};
	lane->at_ns = now_ns + peal_cast_digest_pause_ns(lane->tries);
	lane->tries = peal_cast_digest_next_try(lane->tries);
	return true;
}

static enum peal_cast_lane_outcome
on_grant(struct peal_cast_lane *lane, const struct peal_cast_lane_msg *message, uint64_t have)
{
	if (lane->state == PEAL_CAST_LANE_NONE || message->request != lane->request) {
		return PEAL_CAST_LANE_REFUSE;
	}
	if (lane->state != PEAL_CAST_LANE_ASKING) {
		return PEAL_CAST_LANE_NOTHING; /* the same once more */
	}
	/* Everybody has all that was said in it before, so this member has. */
	if (message->seq != have) {
		return PEAL_CAST_LANE_LIE;
	}
	*lane = (struct peal_cast_lane){.state = PEAL_CAST_LANE_HELD,
		.request = lane->request,
		.lane = message->lane,
		.first = message->seq,
		.at_ns = NEVER};
	return PEAL_CAST_LANE_GOT;
}

enum peal_cast_lane_outcome
peal_cast_lane_on_answer(
	struct peal_cast_lane *lane, const struct peal_cast_lane_msg *message, uint64_t have)
{
	bool is_mine = message->request == lane->request && message->lane == lane->lane;

	if (message->request > lane->request) {
		return PEAL_CAST_LANE_LIE;
	}
	if (message->what == PEAL_CAST_LANE_GRANT) {
		return on_grant(lane, message, have);
	}
	if (message->what == PEAL_CAST_LANE_FREED) {
		if (lane->state == PEAL_CAST_LANE_RETURNING && is_mine) {
			peal_cast_lane_reset(lane);
		}
		return PEAL_CAST_LANE_NOTHING;
	}
	if (message->what != PEAL_CAST_LANE_RECALL) {
		return PEAL_CAST_LANE_LIE;
	}
	if (lane->state == PEAL_CAST_LANE_HELD && is_mine) {
		lane->is_recalled = true;
		return PEAL_CAST_LANE_NOTHING;
	}
	/* One that is being returned is; of one that is asked for the grant was lost, and comes
	 * again. */
	return message->request == lane->request && lane->state != PEAL_CAST_LANE_NONE
		       ? PEAL_CAST_LANE_NOTHING
		       : PEAL_CAST_LANE_REFUSE;
}

/* --- place 0 --- */

void
peal_cast_grants_reset(struct peal_cast_grants *grants)
{
	memset(grants, 0, sizeof(*grants));
	grants->at_ns = NEVER;
}

static uint32_t
find_holder(const struct peal_cast_grants *grants, uint32_t origin)
{
	uint32_t lane = 0;

	while (lane < PEAL_CAST_LANES_MAX && grants->holders[lane].origin != origin) {
		lane++;
	}
	return lane;
}

static struct peal_cast_lane_msg
make(const struct peal_cast_grants *grants, uint32_t lane, uint8_t what, const uint64_t *heads)
{
	return (struct peal_cast_lane_msg){.what = what,
		.lane = (uint8_t)lane,
		.origin = grants->holders[lane].origin,
		.request = grants->holders[lane].request,
		.seq = heads[lane]};
}

static void
hold(struct peal_cast_grants *grants, uint32_t lane, struct peal_cast_lane_request by)
{
	grants->holders[lane] = by;
	grants->granted[lane] = ++grants->granted_count;
}

static void
wait_for_one(
	struct peal_cast_grants *grants, struct peal_cast_lane_request request, uint64_t now_ns)
{
	for (uint32_t i = 0; i < grants->waiting_count; i++) {
		if (grants->waiting[i].origin == request.origin) {
			if (grants->waiting[i].request < request.request) {
				grants->waiting[i] = request;
			}
			return;
		}
	}
	if (grants->waiting_count < PEAL_CAST_WAITING_MAX) {
		grants->waiting[grants->waiting_count++] = request;
	}
	if (grants->at_ns == NEVER) {
		grants->at_ns = now_ns;
		grants->tries = 0;
	}
}

static bool
on_ask(struct peal_cast_grants *grants, const struct peal_cast_lane_msg *message,
	const uint64_t *heads, uint64_t now_ns, struct peal_cast_lane_msg *answer_out)
{
	const struct peal_cast_lane_request by = {message->origin, message->request};
	uint32_t lane = find_holder(grants, message->origin);

	if (lane < PEAL_CAST_LANES_MAX && grants->holders[lane].request > message->request) {
		return false; /* late */
	}
	if (lane == PEAL_CAST_LANES_MAX) {
		lane = grants->waiting_count == 0 ? find_holder(grants, 0) : lane;
		if (lane == PEAL_CAST_LANES_MAX) {
			wait_for_one(grants, by, now_ns);
			return false;
		}
		hold(grants, lane, by);
	}
	/* Who asks under a new number never used what it had under the old one. */
	grants->holders[lane].request = message->request;
	*answer_out = make(grants, lane, PEAL_CAST_LANE_GRANT, heads);
	return true;
}

bool
peal_cast_grants_on_message(struct peal_cast_grants *grants,
	const struct peal_cast_lane_msg *message, const uint64_t heads[PEAL_CAST_LANES_MAX],
	uint64_t now_ns, struct peal_cast_lane_msg *answer_out)
{
	struct peal_cast_lane_request *holder = &grants->holders[message->lane];

	if (message->what == PEAL_CAST_LANE_ASK) {
		return on_ask(grants, message, heads, now_ns, answer_out);
	}
	if (message->what != PEAL_CAST_LANE_RETURN) {
		return false;
	}
	if (holder->origin == message->origin && holder->request == message->request) {
		if (message->seq != heads[message->lane]) {
			return false; /* not everybody has all of it, for this member has not */
		}
		*holder = (struct peal_cast_lane_request){0};
		if (grants->waiting_count > 0) {
			grants->at_ns = now_ns;
		}
	}
	*answer_out = (struct peal_cast_lane_msg){.what = PEAL_CAST_LANE_FREED,
		.lane = message->lane,
		.origin = message->origin,
		.request = message->request};
	return true;
}

/* The lane that was granted longest ago, of those after `order`. */
static uint32_t
find_oldest(const struct peal_cast_grants *grants, uint64_t order)
{
	uint32_t oldest = PEAL_CAST_LANES_MAX;

	for (uint32_t lane = 0; lane < PEAL_CAST_LANES_MAX; lane++) {
		if (grants->holders[lane].origin != 0 && grants->granted[lane] > order &&
			(oldest == PEAL_CAST_LANES_MAX ||
				grants->granted[lane] < grants->granted[oldest])) {
			oldest = lane;
		}
	}
	return oldest;
}

uint32_t
peal_cast_grants_run(struct peal_cast_grants *grants, const uint64_t heads[PEAL_CAST_LANES_MAX],
	uint64_t now_ns, struct peal_cast_lane_msg messages_out[PEAL_CAST_LANES_MAX])
{
	uint32_t count = 0;
	uint64_t order = 0;

	if (grants->at_ns > now_ns) {
		return 0;
	}
	while (grants->waiting_count > 0 && find_holder(grants, 0) < PEAL_CAST_LANES_MAX) {
		uint32_t lane = find_holder(grants, 0);

		hold(grants, lane, grants->waiting[0]);
		grants->waiting_count--;
		memmove(grants->waiting, grants->waiting + 1,
			grants->waiting_count * sizeof(grants->waiting[0]));
		messages_out[count++] = make(grants, lane, PEAL_CAST_LANE_GRANT, heads);
	}
	if (grants->waiting_count == 0) {
		grants->at_ns = NEVER;
		return count;
	}
	for (uint32_t i = 0; i < grants->waiting_count && count < PEAL_CAST_LANES_MAX; i++) {
		uint32_t lane = find_oldest(grants, order);

		if (lane == PEAL_CAST_LANES_MAX) {
			break;
		}
		order = grants->granted[lane];
		messages_out[count++] = make(grants, lane, PEAL_CAST_LANE_RECALL, heads);
	}
	grants->at_ns = now_ns + peal_cast_digest_pause_ns(grants->tries);
	grants->tries = peal_cast_digest_next_try(grants->tries);
	return count;
}
