/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Broadcast in a large view: lanes, and frames of former views that go through members which do not
 * have them.
 */
#include "dataplane/cast_private.h"

#define NEVER UINT64_MAX

uint32_t
peal_cast_find_member(const struct peal_cast *cast, uint16_t rank)
{
	uint32_t link;

	if (!cast->is_large) {
		return rank;
	}
	link = peal_cast_links_find(&cast->links, rank);
	return link < PEAL_CAST_LINKS_MAX ? link : PEAL_DIRECT_MAX;
}

/* --- lanes --- */

static bool
is_up(const struct peal_cast_lane_msg *message)
{
	return message->what == PEAL_CAST_LANE_ASK || message->what == PEAL_CAST_LANE_RETURN;
}

/* One link further on its way to `place`. */
static void
send_lane(struct peal_cast *cast, const struct peal_cast_lane_msg *message, uint16_t place)
{
	uint16_t link = peal_cast_links_towards(&cast->links, message->tree, place);
	uint8_t body[PEAL_CAST_LANE_SIZE];

	peal_cast_lane_msg_encode(message, body);
	if (cast->slots[link] != PEAL_PEERS_NONE &&
		peal_egress_send_slot(cast->config.egress, cast->slots[link],
			PEAL_MESSAGE_CAST_LANE, body, sizeof(body))) {
		peal_cast_count(cast, PEAL_COUNTER_CAST_LANES_SENT);
	}
}

/* What this member knows of the lanes; where it is asked for, it has all of them. */
static void
read_heads(const struct peal_cast *cast, uint64_t heads_out[PEAL_CAST_LANES_MAX])
{
	PEAL_DASSERT(cast->streams_count == PEAL_CAST_LANES_MAX);
	for (uint32_t lane = 0; lane < PEAL_CAST_LANES_MAX; lane++) {
		heads_out[lane] = cast->streams[lane].have;
	}
}

static void
take_lane(struct peal_cast *cast)
{
	uint32_t index = cast->lane.lane;
	struct peal_cast_stream *stream = &cast->streams[index];

	peal_cast_stream_settle(stream, stream->have);
	stream->origin = (uint32_t)cast->self_mid;
	stream->message_offset = 0;
	cast->own = (uint16_t)index;
	peal_cast_cut_begin_at(&cast->cut, stream->head);
	(void)peal_cast_turn_lane(cast, index, stream->origin);
	peal_cast_count(cast, PEAL_COUNTER_CAST_LANES_HELD);
}

/* An answer of place 0 to this member. */
static void
on_answer(struct peal_cast *cast, const struct peal_cast_lane_msg *message, uint64_t now_ns)
{
	struct peal_cast_lane_msg back = *message;
	const struct peal_cast_stream *stream = &cast->streams[message->lane];

	/* Not known to have all of the lane that is granted: it is asked for again. */
	if (message->what == PEAL_CAST_LANE_GRANT && stream->have != stream->head) {
		return;
	}
	switch (peal_cast_lane_on_answer(&cast->lane, message, stream->have)) {
	case PEAL_CAST_LANE_GOT:
		take_lane(cast);
		break;
	case PEAL_CAST_LANE_REFUSE:
		back.what = PEAL_CAST_LANE_RETURN;
		peal_cast_on_lane(cast, &back, now_ns);
		break;
	case PEAL_CAST_LANE_LIE:
		peal_cast_count(cast, PEAL_COUNTER_CAST_REFUSED_LANE);
		break;
	case PEAL_CAST_LANE_NOTHING:
		break;
	}
}

/* At place 0. */
static void
on_request(struct peal_cast *cast, const struct peal_cast_lane_msg *message, uint64_t now_ns)
{
	uint64_t heads[PEAL_CAST_LANES_MAX];
	struct peal_cast_lane_msg answer;

	read_heads(cast, heads);
	if (peal_cast_grants_on_message(&cast->grants, message, heads, now_ns, &answer)) {
		answer.epoch = message->epoch;
		answer.tree = message->tree;
		peal_cast_on_lane(cast, &answer, now_ns);
	}
}

void
peal_cast_on_lane(struct peal_cast *cast, const struct peal_cast_lane_msg *message, uint64_t now_ns)
{
	const struct peal_peers *peers = cast->peers;
	uint16_t rank = peal_view_find_mid_low(peers->view, message->origin);
	uint16_t place = 0;

	if (rank == PEAL_RANK_NONE) {
		peal_cast_count(cast, PEAL_COUNTER_CAST_REFUSED_LANE);
		return;
	}
	if (!is_up(message)) {
		place = peal_trees_place(peers->topology, peers->view, rank);
	}
	if (place != cast->links.self_place) {
		send_lane(cast, message, place);
	} else if (is_up(message)) {
		on_request(cast, message, now_ns);
	} else {
		on_answer(cast, message, now_ns);
	}
}

bool
peal_cast_may_use_lane(const struct peal_cast *cast)
{
	const struct peal_cast_stream *own = &cast->streams[cast->own];

	if (!peal_cast_stream_is_lane(own)) {
		return true;
	}
	/* Who is recalled ends its message, and may have filled its ring once. */
	return !cast->lane.is_recalled || cast->cut.offset != 0 ||
	       own->head - cast->lane.first < own->window;
}

/* True when the lane can go to another: all have all of it, and nothing more is to be said. */
static bool
may_give_back(const struct peal_cast *cast)
{
	const struct peal_cast_stream *own = &cast->streams[cast->lane.lane];

	return cast->lane.state == PEAL_CAST_LANE_HELD && cast->lane.is_recalled &&
	       (own->stable == own->head || PEAL_BUG(CAST_LANE_RETURNED_EARLY)) &&
	       cast->cut.offset == 0 &&
	       (peal_cast_cut_is_empty(&cast->cut) || !peal_cast_may_use_lane(cast));
}

static void
run_grants(struct peal_cast *cast, uint64_t now_ns)
{
	uint64_t heads[PEAL_CAST_LANES_MAX];
	struct peal_cast_lane_msg messages[PEAL_CAST_LANES_MAX];
	uint32_t count;

	if (cast->grants.at_ns > now_ns) {
		return;
	}
	read_heads(cast, heads);
	count = peal_cast_grants_run(&cast->grants, heads, now_ns, messages);
	for (uint32_t i = 0; i < count; i++) {
		messages[i].epoch = cast->base;
		messages[i].tree = cast->grants.tries % PEAL_CAST_TREES;
		peal_cast_on_lane(cast, &messages[i], now_ns);
	}
}

void
peal_cast_run_lanes(struct peal_cast *cast, uint64_t now_ns)
{
	struct peal_cast_lane_msg message;

	if (!cast->is_large || !peal_cast_is_running(cast)) {
		return;
	}
	if (cast->lane.state == PEAL_CAST_LANE_NONE && !peal_cast_cut_is_empty(&cast->cut)) {
		peal_cast_lane_ask(&cast->lane, now_ns);
	}
	if (may_give_back(cast)) {
		peal_cast_lane_give_back(&cast->lane, cast->streams[cast->lane.lane].head, now_ns);
		cast->own = PEAL_RANK_NONE;
		peal_cast_count(cast, PEAL_COUNTER_CAST_LANES_RETURNED);
	}
	if (peal_cast_lane_run(&cast->lane, now_ns, &message)) {
		message.epoch = cast->base;
		message.origin = (uint32_t)cast->self_mid;
		peal_cast_on_lane(cast, &message, now_ns);
	}
	run_grants(cast, now_ns);
}

uint64_t
peal_cast_lanes_deadline_at_ns(const struct peal_cast *cast)
{
	if (!cast->is_large || !peal_cast_is_running(cast)) {
		return NEVER;
	}
	if ((cast->lane.state == PEAL_CAST_LANE_NONE && !peal_cast_cut_is_empty(&cast->cut)) ||
		may_give_back(cast)) {
		return 0;
	}
	return cast->lane.at_ns < cast->grants.at_ns ? cast->lane.at_ns : cast->grants.at_ns;
}

/* --- former views --- */

static uint32_t
find_name(const struct peal_cast_flush *flush, uint32_t name)
{
	uint32_t i = 0;

	while (i < flush->names_count && flush->names[i] != name) {
		i++;
	}
	return i;
}

void
peal_cast_relay_old(struct peal_cast *cast, uint32_t link, const struct peal_cast_msg *message,
	const uint8_t *body, uint16_t size)
{
	struct peal_cast_flush *flush = &cast->flush;
	uint32_t index = find_name(
		flush, peal_cast_name(message->origin, (message->flags & PEAL_CAST_FLAG_LANE) != 0,
			       message->lane));

	if (!flush->is_tree) {
		return;
	}
	if (index == flush->names_count) {
		peal_cast_count(cast, PEAL_COUNTER_CAST_REFUSED_ORIGIN);
		return;
	}
	for (uint64_t rest = flush->asked[index] & ~(UINT64_C(1) << link); rest != 0;
		rest &= rest - 1U) {
		peal_cast_send_frame(cast, (uint32_t)__builtin_ctzll(rest), body, size,
			PEAL_COUNTER_CAST_FRAMES_RELAYED);
	}
}

void
peal_cast_relay_pull(
	struct peal_cast *cast, uint32_t link, const struct peal_cast_pull_msg *message)
{
	struct peal_cast_flush *flush = &cast->flush;
	uint32_t index = find_name(flush, message->origin);
	uint8_t body[PEAL_CAST_PULL_SIZE];
	uint64_t holders;
	uint16_t slot;

	if (index == flush->names_count) {
		peal_cast_count(cast, PEAL_COUNTER_CAST_REFUSED_ORIGIN);
		return;
	}
	flush->asked[index] |= UINT64_C(1) << link;
	holders = flush->holders[index] & ~(UINT64_C(1) << link);
	if (holders == 0) {
		return; /* who has them is where the pull comes from */
	}
	slot = cast->slots[__builtin_ctzll(holders)];
	peal_cast_pull_msg_encode(message, body);
	if (slot != PEAL_PEERS_NONE && peal_egress_send_slot(cast->config.egress, slot,
					       PEAL_MESSAGE_CAST_PULL, body, sizeof(body))) {
		peal_cast_count(cast, PEAL_COUNTER_CAST_PULLS_SENT);
	}
}
