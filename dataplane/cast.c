/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/cast.h"

#include "dataplane/cast_private.h"

#include <string.h>

#define NEVER UINT64_MAX

void
peal_cast_init(struct peal_cast *cast, const struct peal_cast_config *config)
{
	memset(cast, 0, sizeof(*cast));
	cast->config = *config;
	cast->own = PEAL_RANK_NONE;
	peal_cast_cut_init(&cast->cut, config->queue_bytes, config->queue_capacity);
}

/* --- streams --- */

/* Begins the streams of another epoch; places of the ring are shared out anew. */
void
peal_cast_open_streams(
	struct peal_cast *cast, uint64_t epoch, const uint32_t *names, uint32_t names_count)
{
	uint32_t window = names_count > 0 ? peal_cast_window(names_count) : 0;

	PEAL_ASSERT(names_count <= PEAL_DIRECT_MAX);
	cast->base = epoch;
	cast->streams_count = names_count;
	cast->own = PEAL_RANK_NONE;
	cast->active = 0;
	peal_cast_cut_restart(&cast->cut);
	peal_cast_lane_reset(&cast->lane);
	peal_cast_grants_reset(&cast->grants);
	for (uint32_t i = 0; i < names_count; i++) {
		peal_cast_stream_init(&cast->streams[i], names[i],
			cast->config.frame_bytes + (uint64_t)i * window * PEAL_BODY_SIZE_MAX,
			window);
		peal_cast_digest_stop(&cast->digests[i]);
		if (names[i] == (uint32_t)cast->self_mid) {
			cast->own = (uint16_t)i;
		}
	}
}

bool
peal_cast_turn_lane(struct peal_cast *cast, uint32_t index, uint32_t origin)
{
	uint16_t rank = peal_view_find_mid_low(cast->peers->view, origin);

	if (rank == PEAL_RANK_NONE) {
		return false;
	}
	peal_cast_digest_init_lane(&cast->digests[index], &cast->links, index,
		peal_trees_place(cast->peers->topology, cast->peers->view, rank));
	return true;
}

static uint32_t
find_stream(const struct peal_cast *cast, uint32_t name)
{
	uint32_t i = 0;

	while (i < cast->streams_count && cast->streams[i].name != name) {
		i++;
	}
	return i;
}

/* Whose frames a stream has, as a frame or row says. False: not any more, or it is a lie. */
static bool
is_of_origin(
	struct peal_cast *cast, uint32_t index, uint32_t origin, uint64_t stable, uint64_t head)
{
	struct peal_cast_stream *stream = &cast->streams[index];

	if (stream->origin == origin) {
		return true;
	}
	return peal_cast_stream_is_lane(stream) && origin != (uint32_t)cast->self_mid &&
	       index != cast->own &&
	       peal_view_find_mid_low(cast->peers->view, origin) != PEAL_RANK_NONE &&
	       peal_cast_stream_pass(stream, origin, stable, head) &&
	       peal_cast_turn_lane(cast, index, origin);
}

struct delivering {
	struct peal_cast *cast;
	uint32_t origin;
};

static void
deliver(void *state, const struct peal_delivery *delivery)
{
	const struct delivering *delivering = state;
	const struct peal_cast_user *user = &delivering->cast->config.user;

	if (delivery->offset + delivery->size == delivery->message_size) {
		peal_cast_count(delivering->cast, PEAL_COUNTER_CAST_MESSAGES_DELIVERED);
	}
	user->deliver(user->state, delivering->origin, delivery);
}

/* All that is next, up to `end`. */
void
peal_cast_deliver_until(struct peal_cast *cast, uint32_t index, uint64_t end)
{
	struct peal_cast_stream *stream = &cast->streams[index];
	struct delivering delivering = {cast, stream->origin};
	const struct peal_channel_sink sink = {deliver, &delivering};
	enum peal_cast_delivered outcome = PEAL_CAST_DELIVERED;

	/* What this node casts itself was room for before. */
	while (stream->have < end && outcome != PEAL_CAST_NOTHING &&
		(!cast->is_held || index == cast->own)) {
		outcome = peal_cast_stream_deliver(stream, &sink);
		if (outcome == PEAL_CAST_SKIPPED) {
			peal_cast_count(cast, PEAL_COUNTER_CAST_REFUSED_PROTOCOL);
		}
	}
}

/* --- what the user asks for --- */

static enum peal_cast_result
judge_send(const struct peal_cast *cast, uint32_t size)
{
	/* Between views too; but not before the first. */
	if (cast->base == 0) {
		return PEAL_CAST_NOT_MEMBER;
	}
	return size > PEAL_MESSAGE_SIZE_MAX ? PEAL_CAST_TOO_BIG : PEAL_CAST_OK;
}

void
peal_cast_set_policy(struct peal_cast *cast, enum peal_cast_policy policy, uint64_t evict_after_ns)
{
	PEAL_ASSERT(policy != PEAL_CAST_EVICT || evict_after_ns >= 1);
	PEAL_ASSERT(policy != PEAL_CAST_DROP_BEHIND || cast->config.user.dropped != NULL);
	cast->policy = policy;
	cast->evict_after_ns = evict_after_ns;
}

void
peal_cast_hold(struct peal_cast *cast, bool is_held)
{
	cast->was_held = cast->was_held || (cast->is_held && !is_held);
	cast->is_held = is_held;
}

/* Makes room for an entry of `size`, if this node may. True: there may be some. */
static bool
make_room(struct peal_cast *cast, uint64_t size)
{
	const struct peal_sendqueue_lender lender = peal_cast_lender(cast);
	uint64_t quarter = cast->config.queue_capacity / 4U;
	uint64_t count;

	if (cast->policy != PEAL_CAST_DROP_BEHIND) {
		return false;
	}
	size += UINT64_C(4) * PEAL_SENDQUEUE_ENTRY_SIZE; /* heads, rounding */
	count = peal_cast_cut_drop(&cast->cut, size > quarter ? size : quarter, &lender);
	if (count > 0) {
		peal_counter_add(cast->config.counters, PEAL_COUNTER_CAST_MESSAGES_DROPPED, count);
		cast->config.user.dropped(cast->config.user.state, count);
	}
	return count > 0;
}

static enum peal_cast_result
accept(struct peal_cast *cast, bool is_room)
{
	if (!is_room) {
		return PEAL_CAST_FULL;
	}
	peal_cast_count(cast, PEAL_COUNTER_CAST_MESSAGES_SENT);
	return PEAL_CAST_OK;
}

enum peal_cast_result
peal_cast_send(struct peal_cast *cast, const uint8_t *bytes, uint32_t size)
{
	enum peal_cast_result result = judge_send(cast, size);

	if (result != PEAL_CAST_OK) {
		return result;
	}
	return accept(cast, peal_sendqueue_copy(&cast->cut.queue, bytes, size) ||
				    (make_room(cast, size) &&
					    peal_sendqueue_copy(&cast->cut.queue, bytes, size)));
}

enum peal_cast_result
peal_cast_lend(struct peal_cast *cast, const uint8_t *bytes, uint32_t size, uint64_t token)
{
	enum peal_cast_result result = judge_send(cast, size);

	if (result != PEAL_CAST_OK) {
		return result;
	}
	return accept(cast, peal_sendqueue_lend(&cast->cut.queue, bytes, size, token) ||
				    (make_room(cast, 0) && peal_sendqueue_lend(&cast->cut.queue,
								   bytes, size, token)));
}

enum peal_cast_result
peal_cast_set(struct peal_cast *cast, uint32_t number, const uint8_t *bytes, uint32_t size)
{
	if (cast->base == 0) {
		return PEAL_CAST_NOT_MEMBER;
	}
	if (size > PEAL_CAST_VALUE_SIZE_MAX) {
		return PEAL_CAST_TOO_BIG;
	}
	if (peal_cast_cut_set(&cast->cut, number, bytes, size)) {
		peal_cast_count(cast, PEAL_COUNTER_CAST_VALUES_OVERWRITTEN);
	}
	return PEAL_CAST_OK;
}

/* --- what the others say --- */

/* The one check of which streams are meant, for all kinds. Who speaks of those of my view knows
 * that I am done with what was before. */
static bool
is_present(struct peal_cast *cast, uint64_t epoch)
{
	if (epoch == cast->epoch && !peal_cast_is_running(cast) && peal_cast_is_done(cast)) {
		peal_cast_begin_running(cast);
	}
	if (epoch != 0 && epoch == cast->base) {
		return true;
	}
	peal_cast_count(cast, PEAL_COUNTER_CAST_REFUSED_EPOCH);
	return false;
}

/* In a large view: what is agreed on are streams of this epoch, and they are not here. */
static bool
is_foreign_flush(const struct peal_cast *cast, uint64_t epoch)
{
	return !peal_cast_is_running(cast) && peal_cast_is_foreign(cast) && epoch == cast->flush.of;
}

/* After frames or rows moved a stream: what is owed, missing, and due. */
void
peal_cast_settle(struct peal_cast *cast, uint32_t index, uint64_t now_ns)
{
	struct peal_cast_stream *stream = &cast->streams[index];
	struct peal_cast_digest *digest = &cast->digests[index];

	peal_cast_digest_settle(digest, stream, now_ns);
	if (stream->have == stream->head) {
		digest->pull_at_ns = NEVER;
		digest->asked = 0;
	} else if (digest->pull_at_ns == NEVER) {
		peal_cast_digest_begin_pull(digest, stream->have, stream->head, now_ns);
		digest->pull_at_ns = now_ns + PEAL_CAST_REORDER_NS;
	}
	cast->active |= UINT64_C(1) << index;
}

/* A frame of a former view, as far as it was agreed on. */
static void
on_old_data(struct peal_cast *cast, uint32_t index, uint32_t from,
	const struct peal_cast_msg *message, const struct peal_opened *opened, uint64_t now_ns)
{
	if (!peal_cast_flush_is_agreed(&cast->flush) || message->seq >= cast->flush.goals[index]) {
		peal_cast_count(cast, PEAL_COUNTER_CAST_REFUSED_EPOCH);
		return;
	}
	if (peal_cast_stream_put(&cast->streams[index], message, opened->body, opened->body_size) ==
		PEAL_CAST_PUT_FRESH) {
		/* What is not stable in a lane is of one origin. */
		cast->streams[index].origin = message->origin;
		peal_cast_relay_old(cast, from, message, opened->body, opened->body_size);
		peal_cast_progress(cast, now_ns);
	} else {
		peal_cast_count(cast, PEAL_COUNTER_CAST_DUPLICATES);
	}
}

static uint32_t
name_of(const struct peal_cast_msg *message)
{
	return peal_cast_name(
		message->origin, (message->flags & PEAL_CAST_FLAG_LANE) != 0, message->lane);
}

static void
on_data(struct peal_cast *cast, const struct peal_opened *opened, uint32_t from, uint64_t now_ns)
{
	static const enum peal_counter counters[] = {
		[PEAL_CAST_PUT_DUPLICATE] = PEAL_COUNTER_CAST_DUPLICATES,
		[PEAL_CAST_PUT_BEYOND] = PEAL_COUNTER_CAST_REFUSED_BEYOND,
		[PEAL_CAST_PUT_LIE] = PEAL_COUNTER_CAST_REFUSED_BEYOND};
	struct peal_cast_msg message;
	enum peal_cast_put outcome;
	uint32_t index;

	if (!peal_cast_msg_decode(opened->body, opened->body_size, &message)) {
		peal_cast_count(cast, PEAL_COUNTER_REFUSED_BODY);
		return;
	}
	if (is_foreign_flush(cast, message.epoch)) {
		peal_cast_relay_old(cast, from, &message, opened->body, opened->body_size);
		return;
	}
	if (!is_present(cast, message.epoch)) {
		return;
	}
	index = find_stream(cast, name_of(&message));
	if (index == cast->streams_count || index == cast->own ||
		message.origin == (uint32_t)cast->self_mid) {
		peal_cast_count(cast, PEAL_COUNTER_CAST_REFUSED_ORIGIN);
		return;
	}
	if (!peal_cast_is_running(cast)) {
		on_old_data(cast, index, from, &message, opened, now_ns);
		return;
	}
	if (!is_of_origin(cast, index, message.origin, message.seq - message.unstable,
		    message.seq + 1U)) {
		peal_cast_count(cast, message.seq < cast->streams[index].have
					      ? PEAL_COUNTER_CAST_DUPLICATES
					      : PEAL_COUNTER_CAST_REFUSED_ORIGIN);
		return;
	}
	outcome = peal_cast_stream_put(
		&cast->streams[index], &message, opened->body, opened->body_size);
	if (outcome == PEAL_CAST_PUT_FRESH) {
		peal_cast_pass_on(cast, index, message.seq, PEAL_COUNTER_CAST_FRAMES_RELAYED);
		peal_cast_deliver_until(cast, index, UINT64_MAX);
		peal_cast_digest_on_frame(&cast->digests[index], now_ns);
	} else {
		peal_cast_count(cast, counters[outcome]);
	}
	peal_cast_settle(cast, index, now_ns);
}

/* A row; false: it cannot be. */
static bool
on_row(struct peal_cast *cast, uint32_t from, const struct peal_cast_row *row, uint64_t now_ns)
{
	uint32_t index = find_stream(cast, peal_cast_name(row->origin, row->is_lane, row->lane));
	struct peal_cast_digest *digest = &cast->digests[index];

	if (index == cast->streams_count) {
		return false;
	}
	if (!is_of_origin(cast, index, row->origin, row->stable, row->head)) {
		/* Of a former holder of the lane, or a lie. */
		if (row->is_asking && cast->streams[index].origin != 0) {
			digest->owed |= UINT64_C(1) << from;
			digest->ack_at_ns = now_ns < digest->ack_at_ns ? now_ns : digest->ack_at_ns;
			cast->active |= UINT64_C(1) << index;
		}
		return row->head <= cast->streams[index].head;
	}
	if (!peal_cast_digest_on_row(digest, &cast->streams[index], (uint16_t)from, row, now_ns)) {
		return false;
	}
	/* Only who passes the stream on to this member can know. */
	if (row->is_slow && from == digest->parents[0] && cast->policy == PEAL_CAST_EVICT &&
		!cast->is_slow) {
		cast->is_slow = true;
		peal_cast_count(cast, PEAL_COUNTER_CAST_SLOW);
	}
	peal_cast_settle(cast, index, now_ns);
	return true;
}

static void
on_state(struct peal_cast *cast, const struct peal_opened *opened, uint32_t from, uint64_t now_ns)
{
	struct peal_cast_state_msg message;

	if (!peal_cast_state_msg_decode(opened->body, opened->body_size, &message)) {
		peal_cast_count(cast, PEAL_COUNTER_REFUSED_BODY);
		return;
	}
	if (!is_present(cast, message.epoch) || !peal_cast_is_running(cast)) {
		return;
	}
	for (uint32_t i = 0; i < message.rows_count; i++) {
		if (!on_row(cast, from, &message.rows[i], now_ns)) {
			peal_cast_count(cast, PEAL_COUNTER_CAST_REFUSED_ROW);
		}
	}
}

static void
on_pull(struct peal_cast *cast, const struct peal_opened *opened, uint32_t from)
{
	struct peal_cast_pull_msg message;
	uint32_t sent_count = 0;
	uint32_t index;

	if (!peal_cast_pull_msg_decode(opened->body, opened->body_size, &message)) {
		peal_cast_count(cast, PEAL_COUNTER_REFUSED_BODY);
		return;
	}
	if (is_foreign_flush(cast, message.epoch)) {
		peal_cast_relay_pull(cast, from, &message);
		return;
	}
	if (!is_present(cast, message.epoch)) {
		return;
	}
	index = find_stream(cast, message.origin);
	if (index == cast->streams_count) {
		peal_cast_count(cast, PEAL_COUNTER_CAST_REFUSED_ORIGIN);
		return;
	}
	for (uint64_t rest = message.missing; rest != 0 && sent_count < PEAL_CAST_BURST;
		rest &= rest - 1U) {
		uint16_t size = 0;
		const uint8_t *body = peal_cast_stream_find(&cast->streams[index],
			message.from + (uint32_t)__builtin_ctzll(rest), &size);

		if (body != NULL) {
			peal_cast_send_frame(
				cast, from, body, size, PEAL_COUNTER_CAST_FRAMES_REPEATED);
			sent_count++;
		} else if (peal_cast_is_running(cast)) {
			cast->digests[index].asked |= UINT64_C(1) << from; /* when it comes */
		} else {
			cast->flush.asked[index] |= UINT64_C(1) << from;
		}
	}
}

static void
on_flush(struct peal_cast *cast, const struct peal_opened *opened, uint32_t from, uint64_t now_ns)
{
	struct peal_cast_flush_msg message;

	if (!peal_cast_flush_msg_decode(opened->body, opened->body_size, &message)) {
		peal_cast_count(cast, PEAL_COUNTER_REFUSED_BODY);
		return;
	}
	if ((message.flags & PEAL_CAST_FLAG_ASK) != 0) {
		cast->flush.owed |= UINT64_C(1) << from;
	}
	if (!peal_cast_is_running(cast)) {
		peal_cast_on_vector(cast, (uint16_t)from, &message, now_ns);
		peal_cast_progress(cast, now_ns);
	}
}

static void
on_lane(struct peal_cast *cast, const struct peal_opened *opened, uint64_t now_ns)
{
	struct peal_cast_lane_msg message;

	if (!peal_cast_lane_msg_decode(opened->body, opened->body_size, &message)) {
		peal_cast_count(cast, PEAL_COUNTER_REFUSED_BODY);
		return;
	}
	if (!is_present(cast, message.epoch)) {
		return;
	}
	if (!cast->is_large || !peal_cast_is_running(cast)) {
		peal_cast_count(cast, PEAL_COUNTER_CAST_REFUSED_LANE);
		return;
	}
	peal_cast_on_lane(cast, &message, now_ns);
}

void
peal_cast_on_frame(struct peal_cast *cast, const struct peal_opened *opened, uint64_t now_ns)
{
	uint32_t from;

	if (cast->epoch == 0 || opened->epoch != cast->epoch ||
		opened->rank >= cast->order.members_count) {
		peal_cast_count(cast, PEAL_COUNTER_CAST_REFUSED_EPOCH);
		return;
	}
	from = peal_cast_find_member(cast, opened->rank);
	if (from == PEAL_DIRECT_MAX) {
		peal_cast_count(cast, PEAL_COUNTER_CAST_REFUSED_LINK);
	} else if (opened->kind == PEAL_MESSAGE_CAST) {
		on_data(cast, opened, from, now_ns);
	} else if (opened->kind == PEAL_MESSAGE_CAST_STATE) {
		on_state(cast, opened, from, now_ns);
	} else if (opened->kind == PEAL_MESSAGE_CAST_PULL) {
		on_pull(cast, opened, from);
	} else if (opened->kind == PEAL_MESSAGE_CAST_LANE) {
		on_lane(cast, opened, now_ns);
	} else {
		PEAL_DASSERT(opened->kind == PEAL_MESSAGE_CAST_FLUSH);
		on_flush(cast, opened, from, now_ns);
	}
}
