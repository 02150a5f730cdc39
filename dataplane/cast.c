/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/cast.h"

#include "base/museum.h"
#include "membership/trees.h"
#include "wire/messages.h"

#include <string.h>

#define NEVER UINT64_MAX

static void
count(struct peal_cast *cast, enum peal_counter counter)
{
	peal_counter_add(cast->config.counters, counter, 1);
}

static bool
is_running(const struct peal_cast *cast)
{
	return cast->base != 0 && cast->base == cast->epoch;
}

void
peal_cast_init(struct peal_cast *cast, const struct peal_cast_config *config)
{
	memset(cast, 0, sizeof(*cast));
	cast->config = *config;
	cast->own = PEAL_RANK_NONE;
	peal_sendqueue_init(&cast->queue, config->queue_bytes, config->queue_capacity);
}

/* --- streams --- */

/* Begins the streams of another epoch; places of the ring are shared out anew. */
static void
open_streams(struct peal_cast *cast, uint64_t epoch, const uint32_t *origins, uint32_t origins_count)
{
	uint32_t window = origins_count > 0 ? peal_cast_window(origins_count) : 0;

	cast->base = epoch;
	cast->streams_count = origins_count;
	cast->own = PEAL_RANK_NONE;
	cast->active = 0;
	cast->cut_offset = PEAL_BUG(CAST_PART_TWICE) ? cast->cut_offset : 0;
	cast->settled = 0;
	cast->doubtful_count = 0;
	for (uint32_t i = 0; i < origins_count; i++) {
		peal_cast_stream_init(&cast->streams[i], origins[i],
			cast->config.frame_bytes + (uint64_t)i * window * PEAL_BODY_SIZE_MAX,
			window);
		peal_cast_digest_stop(&cast->digests[i]);
		if (origins[i] == (uint32_t)cast->self_mid) {
			cast->own = (uint16_t)i;
		}
	}
}

static uint32_t
find_stream(const struct peal_cast *cast, uint32_t origin)
{
	uint32_t i = 0;

	while (i < cast->streams_count && cast->streams[i].origin != origin) {
		i++;
	}
	return i;
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
		count(delivering->cast, PEAL_COUNTER_CAST_MESSAGES_DELIVERED);
	}
	user->deliver(user->state, delivering->origin, delivery);
}

/* All that is next, up to `end`. */
static void
deliver_until(struct peal_cast *cast, uint32_t index, uint64_t end)
{
	struct peal_cast_stream *stream = &cast->streams[index];
	struct delivering delivering = {cast, stream->origin};
	const struct peal_channel_sink sink = {deliver, &delivering};
	enum peal_cast_delivered outcome = PEAL_CAST_DELIVERED;

	while (stream->have < end && outcome != PEAL_CAST_NOTHING) {
		outcome = peal_cast_stream_deliver(stream, &sink);
		if (outcome == PEAL_CAST_SKIPPED) {
			count(cast, PEAL_COUNTER_CAST_REFUSED_PROTOCOL);
		}
	}
}

/* --- views --- */

static void
show_views(struct peal_cast *cast, uint64_t until_epoch)
{
	const struct peal_cast_user *user = &cast->config.user;
	uint32_t shown = 0;

	while (shown < cast->views_count && cast->views[shown].epoch <= until_epoch) {
		user->view(user->state, cast->views[shown].epoch, cast->views[shown].view_tag);
		shown++;
	}
	cast->views_count -= shown;
	memmove(cast->views, cast->views + shown, cast->views_count * sizeof(cast->views[0]));
}

/* All are done with what was before: the streams of the view begin. */
static void
begin_running(struct peal_cast *cast)
{
	uint32_t origins[PEAL_DIRECT_MAX];

	for (uint16_t rank = 0; rank < cast->order.members_count; rank++) {
		origins[rank] = (uint32_t)cast->peers->view->members[rank].mid;
	}
	open_streams(cast, cast->epoch, origins, cast->order.members_count);
	for (uint16_t rank = 0; rank < cast->order.members_count; rank++) {
		peal_cast_digest_init(&cast->digests[rank], &cast->order, rank);
	}
	show_views(cast, cast->epoch);
}

/* True when nothing keeps this node from the next view but that it does not know of all others. */
static bool
is_done(const struct peal_cast *cast)
{
	return cast->base == 0 || cast->flush.is_done;
}

/* After anything happened in a flush. */
static void
progress(struct peal_cast *cast, uint64_t now_ns)
{
	struct peal_cast_flush *flush = &cast->flush;
	bool is_whole = true;

	if (is_running(cast) || cast->epoch == 0) {
		return;
	}
	if (cast->base != 0 && !flush->is_done && peal_cast_flush_is_agreed(flush)) {
		for (uint32_t i = 0; i < cast->streams_count; i++) {
			/* Some of it may have come out of order, before the view. */
			deliver_until(cast, i, flush->goals[i]);
			if (cast->streams[i].have >= flush->goals[i]) {
				cast->digests[i].pull_at_ns = NEVER;
				continue;
			}
			is_whole = false;
			if (cast->digests[i].pull_at_ns == NEVER) {
				cast->digests[i].pull_at_ns = now_ns;
				cast->digests[i].pull_tries = 0;
				cast->active |= UINT64_C(1) << i;
			}
		}
		if (is_whole) {
			flush->is_done = true;
			cast->done_epoch = cast->epoch;
			flush->owed = flush->others;
		}
	}
	if (is_done(cast) &&
		(flush->done == flush->others || PEAL_BUG(CAST_FLUSH_NOT_AWAITED))) {
		begin_running(cast);
	}
}

/* Nothing of the group concerns this node any more. */
static void
end(struct peal_cast *cast)
{
	const struct peal_cast_user *user = &cast->config.user;
	const struct peal_sendqueue_lender lender = {user->release, user->state};
	uint64_t lost_count = cast->doubtful_count + cast->queue.accepted_count -
			      cast->queue.released_count;
	bool was_in = cast->epoch != 0;

	peal_sendqueue_release(&cast->queue, cast->queue.head, &lender);
	open_streams(cast, 0, NULL, 0);
	cast->epoch = 0;
	cast->done_epoch = 0;
	cast->first_epoch = 0;
	cast->views_count = 0;
	if (was_in) {
		user->ended(user->state, lost_count);
	}
}

static void
read_slots(struct peal_cast *cast)
{
	const struct peal_peers *peers = cast->peers;

	for (uint32_t rank = 0; rank < PEAL_DIRECT_MAX; rank++) {
		cast->slots[rank] = PEAL_PEERS_NONE;
	}
	for (uint32_t i = 0; i < peers->neighbours_count; i++) {
		uint16_t slot = peers->neighbours[i];

		if (peers->peers[slot].rank < PEAL_DIRECT_MAX) {
			cast->slots[peers->peers[slot].rank] = slot;
		}
	}
}

/* A view was installed: the streams stand still until all agree on them. */
static void
begin_flush(struct peal_cast *cast, uint64_t now_ns)
{
	const struct peal_peers *peers = cast->peers;

	cast->epoch = peers->epoch;
	cast->view_tag = peers->view_tag;
	if (cast->first_epoch == 0) {
		cast->first_epoch = cast->epoch;
	}
	if (cast->views_count == PEAL_CAST_VIEWS_MAX) {
		cast->views_count--;
		memmove(cast->views, cast->views + 1, cast->views_count * sizeof(cast->views[0]));
		count(cast, PEAL_COUNTER_CAST_VIEWS_SKIPPED);
	}
	cast->views[cast->views_count++] =
		(struct peal_cast_view){.epoch = cast->epoch, .view_tag = cast->view_tag};
	cast->order.members_count = peers->members_count;
	cast->order.self_rank = peers->self_rank;
	for (uint16_t rank = 0; rank < peers->members_count; rank++) {
		uint16_t place = peal_trees_place(peers->topology, peers->view, rank);

		cast->order.places[rank] = place;
		cast->order.ranks[place] = rank;
	}
	for (uint32_t i = 0; i < cast->streams_count; i++) {
		peal_cast_digest_stop(&cast->digests[i]);
	}
	cast->active = 0;
	peal_cast_flush_begin(&cast->flush, peers->members_count, peers->self_rank, cast->streams,
		cast->streams_count, now_ns);
	progress(cast, now_ns);
}

void
peal_cast_switch(struct peal_cast *cast, const struct peal_peers *peers, uint64_t now_ns)
{
	cast->peers = peers;
	if (cast->epoch != 0 &&
		(cast->self_mid != peers->self_mid || cast->cluster != peers->cluster ||
			peers->members_count == 0 || peers->is_large)) {
		end(cast);
	}
	if (peers->members_count == 0 || peers->is_large) {
		return;
	}
	cast->self_mid = peers->self_mid;
	cast->cluster = peers->cluster;
	read_slots(cast);
	if (cast->epoch != peers->epoch || cast->view_tag != peers->view_tag) {
		begin_flush(cast, now_ns);
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

static enum peal_cast_result
accept(struct peal_cast *cast, bool is_room)
{
	if (!is_room) {
		return PEAL_CAST_FULL;
	}
	count(cast, PEAL_COUNTER_CAST_MESSAGES_SENT);
	return PEAL_CAST_OK;
}

enum peal_cast_result
peal_cast_send(struct peal_cast *cast, const uint8_t *bytes, uint32_t size)
{
	enum peal_cast_result result = judge_send(cast, size);

	if (result != PEAL_CAST_OK) {
		return result;
	}
	return accept(cast, peal_sendqueue_copy(&cast->queue, bytes, size));
}

enum peal_cast_result
peal_cast_lend(struct peal_cast *cast, const uint8_t *bytes, uint32_t size, uint64_t token)
{
	enum peal_cast_result result = judge_send(cast, size);

	if (result != PEAL_CAST_OK) {
		return result;
	}
	return accept(cast, peal_sendqueue_lend(&cast->queue, bytes, size, token));
}

/* --- what the others say --- */

/* Sends a frame that is here to one member. */
static void
send_frame(struct peal_cast *cast, uint32_t rank, const uint8_t *body, uint16_t size,
	enum peal_counter counter)
{
	if (cast->slots[rank] != PEAL_PEERS_NONE &&
		peal_egress_send_slot(
			cast->config.egress, cast->slots[rank], PEAL_MESSAGE_CAST, body, size)) {
		count(cast, counter);
	}
}

/* To those children in tree 0 of whom it is not known that they have it. */
static void
pass_on(struct peal_cast *cast, uint32_t index, uint64_t seq, enum peal_counter counter)
{
	const struct peal_cast_digest *digest = &cast->digests[index];
	uint64_t rest = digest->children[0];
	uint16_t size = 0;
	const uint8_t *body = peal_cast_stream_find(&cast->streams[index], seq, &size);

	if (body == NULL) {
		return; /* stable by what it says itself: everybody has it */
	}
	for (; rest != 0; rest &= rest - 1U) {
		uint32_t rank = (uint32_t)__builtin_ctzll(rest);

		if (PEAL_BUG(CAST_RELAY_DROPS_LAST) && (rest & (rest - 1U)) == 0 &&
			index != cast->own) {
			break;
		}
		if (digest->said[rank].have <= seq) {
			send_frame(cast, rank, body, size, counter);
		}
	}
}

/* The one check of which streams are meant, for all kinds. Who speaks of those of my view knows that
 * I am done with what was before. */
static bool
is_present(struct peal_cast *cast, uint64_t epoch)
{
	if (epoch == cast->epoch && !is_running(cast) && is_done(cast)) {
		begin_running(cast);
	}
	if (epoch != 0 && epoch == cast->base) {
		return true;
	}
	count(cast, PEAL_COUNTER_CAST_REFUSED_EPOCH);
	return false;
}

/* After frames or rows moved a stream: what is owed, missing, and due. */
static void
settle(struct peal_cast *cast, uint32_t index, uint64_t now_ns)
{
	struct peal_cast_stream *stream = &cast->streams[index];
	struct peal_cast_digest *digest = &cast->digests[index];

	peal_cast_digest_settle(digest, stream, now_ns);
	if (stream->have == stream->head) {
		digest->pull_at_ns = NEVER;
	} else if (digest->pull_at_ns == NEVER) {
		digest->pull_tries = 0;
		digest->pull_at_ns = now_ns + PEAL_CAST_REORDER_NS;
	}
	cast->active |= UINT64_C(1) << index;
}

/* A frame of a former view, as far as it was agreed on. */
static void
on_old_data(struct peal_cast *cast, uint32_t index, const struct peal_cast_msg *message,
	const struct peal_opened *opened, uint64_t now_ns)
{
	if (PEAL_BUG(CAST_OLD_VIEW_DELIVERED)) {
		(void)peal_cast_stream_put(
			&cast->streams[index], message, opened->body, opened->body_size);
		deliver_until(cast, index, UINT64_MAX);
	}
	if (!peal_cast_flush_is_agreed(&cast->flush) ||
		message->seq >= cast->flush.goals[index]) {
		count(cast, PEAL_COUNTER_CAST_REFUSED_EPOCH);
		return;
	}
	if (peal_cast_stream_put(&cast->streams[index], message, opened->body, opened->body_size) ==
		PEAL_CAST_PUT_FRESH) {
		progress(cast, now_ns);
	} else {
		count(cast, PEAL_COUNTER_CAST_DUPLICATES);
	}
}

static void
on_data(struct peal_cast *cast, const struct peal_opened *opened, uint64_t now_ns)
{
	static const enum peal_counter counters[] = {
		[PEAL_CAST_PUT_DUPLICATE] = PEAL_COUNTER_CAST_DUPLICATES,
		[PEAL_CAST_PUT_BEYOND] = PEAL_COUNTER_CAST_REFUSED_BEYOND,
		[PEAL_CAST_PUT_LIE] = PEAL_COUNTER_CAST_REFUSED_BEYOND};
	struct peal_cast_msg message;
	enum peal_cast_put outcome;
	uint32_t index;

	if (!peal_cast_msg_decode(opened->body, opened->body_size, &message)) {
		count(cast, PEAL_COUNTER_REFUSED_BODY);
		return;
	}
	if (!is_present(cast, message.epoch)) {
		return;
	}
	index = find_stream(cast, message.origin);
	if (index == cast->streams_count || index == cast->own) {
		count(cast, PEAL_COUNTER_CAST_REFUSED_ORIGIN);
		return;
	}
	if (!is_running(cast)) {
		on_old_data(cast, index, &message, opened, now_ns);
		return;
	}
	outcome = peal_cast_stream_put(
		&cast->streams[index], &message, opened->body, opened->body_size);
	if (outcome == PEAL_CAST_PUT_FRESH) {
		pass_on(cast, index, message.seq, PEAL_COUNTER_CAST_FRAMES_RELAYED);
		deliver_until(cast, index, UINT64_MAX);
		peal_cast_digest_on_frame(&cast->digests[index], now_ns);
	} else {
		count(cast, counters[outcome]);
	}
	settle(cast, index, now_ns);
}

static void
on_state(struct peal_cast *cast, const struct peal_opened *opened, uint64_t now_ns)
{
	struct peal_cast_state_msg message;

	if (!peal_cast_state_msg_decode(opened->body, opened->body_size, &message)) {
		count(cast, PEAL_COUNTER_REFUSED_BODY);
		return;
	}
	if (!is_present(cast, message.epoch) || !is_running(cast)) {
		return;
	}
	for (uint32_t i = 0; i < message.rows_count; i++) {
		uint32_t index = find_stream(cast, message.rows[i].origin);

		if (index == cast->streams_count ||
			!peal_cast_digest_on_row(&cast->digests[index], &cast->streams[index],
				opened->rank, &message.rows[i], now_ns)) {
			count(cast, PEAL_COUNTER_CAST_REFUSED_ROW);
			continue;
		}
		settle(cast, index, now_ns);
	}
}

static void
on_pull(struct peal_cast *cast, const struct peal_opened *opened)
{
	struct peal_cast_pull_msg message;
	uint32_t sent_count = 0;
	uint32_t index;

	if (!peal_cast_pull_msg_decode(opened->body, opened->body_size, &message)) {
		count(cast, PEAL_COUNTER_REFUSED_BODY);
		return;
	}
	if (!is_present(cast, message.epoch)) {
		return;
	}
	index = find_stream(cast, message.origin);
	if (index == cast->streams_count) {
		count(cast, PEAL_COUNTER_CAST_REFUSED_ORIGIN);
		return;
	}
	for (uint64_t rest = message.missing; rest != 0 && sent_count < PEAL_CAST_BURST;
		rest &= rest - 1U) {
		uint16_t size = 0;
		const uint8_t *body = peal_cast_stream_find(&cast->streams[index],
			message.from + (uint32_t)__builtin_ctzll(rest), &size);

		if (body != NULL) {
			send_frame(cast, opened->rank, body, size,
				PEAL_COUNTER_CAST_FRAMES_REPEATED);
			sent_count++;
		}
	}
}

/* Somebody flushes, or runs in, a later view than my streams are of. True: I follow, or have to
 * wait for nothing else. */
static bool
follow(struct peal_cast *cast, const struct peal_cast_flush_msg *message, uint64_t now_ns)
{
	uint32_t origins[PEAL_DIRECT_MAX];
	uint64_t newcomers = cast->flush.newcomers;

	/* It ran there because I had said that I was done with all before, or was new there. */
	if (cast->base == 0 ? message->epoch < cast->first_epoch
			    : message->epoch > cast->done_epoch) {
		return false;
	}
	for (uint32_t i = 0; i < message->rows_count; i++) {
		origins[i] = message->rows[i].origin;
	}
	if (message->rows_count == 0) {
		return false;
	}
	open_streams(cast, message->epoch, origins, message->rows_count);
	show_views(cast, message->epoch);
	peal_cast_flush_begin(&cast->flush, cast->order.members_count, cast->order.self_rank,
		cast->streams, cast->streams_count, now_ns);
	for (; newcomers != 0; newcomers &= newcomers - 1U) {
		peal_cast_flush_on_newcomer(&cast->flush, (uint16_t)__builtin_ctzll(newcomers));
	}
	return true;
}

/* A vector while this node flushes too. */
static void
on_vector(struct peal_cast *cast, uint16_t rank, const struct peal_cast_flush_msg *message,
	uint64_t now_ns)
{
	if (message->epoch == 0) {
		peal_cast_flush_on_newcomer(&cast->flush, rank);
		return;
	}
	if (message->epoch == cast->epoch) { /* it runs already */
		(void)is_present(cast, message->epoch);
		return;
	}
	if (message->epoch > cast->epoch) {
		count(cast, PEAL_COUNTER_CAST_REFUSED_FLUSH);
		return;
	}
	if (message->epoch > cast->base && !follow(cast, message, now_ns)) {
		if (cast->base == 0) {
			peal_cast_flush_on_foreign(&cast->flush, rank, message);
		} else {
			count(cast, PEAL_COUNTER_CAST_REFUSED_FLUSH);
		}
		return;
	}
	if (message->epoch < cast->base) {
		cast->flush.owed |= UINT64_C(1) << rank; /* it will follow */
	} else if (!peal_cast_flush_on_vector(&cast->flush, rank, message, cast->streams,
			   cast->streams_count)) {
		count(cast, PEAL_COUNTER_CAST_REFUSED_FLUSH);
	}
}

static void
on_flush(struct peal_cast *cast, const struct peal_opened *opened, uint64_t now_ns)
{
	struct peal_cast_flush_msg message;

	if (!peal_cast_flush_msg_decode(opened->body, opened->body_size, &message)) {
		count(cast, PEAL_COUNTER_REFUSED_BODY);
		return;
	}
	if ((message.flags & PEAL_CAST_FLAG_ASK) != 0) {
		cast->flush.owed |= UINT64_C(1) << opened->rank;
	}
	if (!is_running(cast)) {
		on_vector(cast, opened->rank, &message, now_ns);
		progress(cast, now_ns);
	}
}

void
peal_cast_on_frame(struct peal_cast *cast, const struct peal_opened *opened, uint64_t now_ns)
{
	if (cast->epoch == 0 || opened->epoch != cast->epoch ||
		opened->rank >= cast->order.members_count) {
		count(cast, PEAL_COUNTER_CAST_REFUSED_EPOCH);
		return;
	}
	if (opened->kind == PEAL_MESSAGE_CAST) {
		on_data(cast, opened, now_ns);
	} else if (opened->kind == PEAL_MESSAGE_CAST_STATE) {
		on_state(cast, opened, now_ns);
	} else if (opened->kind == PEAL_MESSAGE_CAST_PULL) {
		on_pull(cast, opened);
	} else {
		PEAL_DASSERT(opened->kind == PEAL_MESSAGE_CAST_FLUSH);
		on_flush(cast, opened, now_ns);
	}
}

/* --- what leaves --- */

/* Cuts the next frame out of the queue. Returns its size, and how many messages end in it. */
static uint16_t
cut_frame(struct peal_cast *cast, uint8_t *body, uint8_t *flags_out, uint16_t *ends_out)
{
	const struct peal_cast_user *user = &cast->config.user;
	const struct peal_sendqueue_lender lender = {user->release, user->state};
	struct peal_sendqueue *queue = &cast->queue;
	uint32_t size = PEAL_CAST_HEADER_SIZE;

	*flags_out = 0;
	*ends_out = 0;
	while (queue->tail < queue->head) {
		struct peal_sendqueue_entry entry = peal_sendqueue_at(queue, queue->tail);
		uint32_t room = PEAL_BODY_SIZE_MAX - size;
		uint16_t record_size = (uint16_t)entry.size;

		if (entry.size > PEAL_CAST_DATA_SIZE_MAX - PEAL_CAST_RECORD_SIZE) {
			uint32_t left = entry.size - cast->cut_offset;
			uint32_t part = PEAL_CAST_DATA_SIZE_MAX - PEAL_CAST_FRAGMENT_SIZE;

			if (size > PEAL_CAST_HEADER_SIZE) {
				break; /* a part stands alone */
			}
			part = part < left ? part : left;
			memcpy(body + size, &entry.size, 4);
			memcpy(body + size + 4, &cast->cut_offset, 4);
			peal_sendqueue_read(queue, queue->tail, &entry, cast->cut_offset,
				body + size + PEAL_CAST_FRAGMENT_SIZE, part);
			size += PEAL_CAST_FRAGMENT_SIZE + part;
			cast->cut_offset += part;
			*flags_out = PEAL_CAST_FLAG_FRAGMENT;
			if (cast->cut_offset == entry.size) {
				cast->cut_offset = 0;
				*ends_out = 1;
				peal_sendqueue_release(queue, entry.next, &lender);
			}
			break;
		}
		if (room < PEAL_CAST_RECORD_SIZE + entry.size) {
			break;
		}
		memcpy(body + size, &record_size, sizeof(record_size));
		peal_sendqueue_read(queue, queue->tail, &entry, 0,
			body + size + PEAL_CAST_RECORD_SIZE, entry.size);
		size += PEAL_CAST_RECORD_SIZE + entry.size;
		(*ends_out)++;
		peal_sendqueue_release(queue, entry.next, &lender);
	}
	return (uint16_t)size;
}

static bool
may_send(const struct peal_cast *cast)
{
	const struct peal_cast_stream *own = &cast->streams[cast->own];

	return is_running(cast) && cast->queue.tail < cast->queue.head &&
	       own->head - own->stable < own->window;
}

static uint32_t
send_own(struct peal_cast *cast, uint64_t now_ns)
{
	uint32_t sent_count = 0;

	while (may_send(cast) && sent_count < PEAL_CAST_BURST) {
		struct peal_cast_stream *own = &cast->streams[cast->own];
		uint64_t seq = own->head;
		struct peal_cast_msg message = {.epoch = cast->base,
			.seq = seq,
			.origin = own->origin,
			.unstable = (uint16_t)(seq - own->stable)};
		uint8_t *body = peal_cast_stream_begin(own);
		uint16_t *ends = &cast->ends[seq % PEAL_CAST_WINDOW_MAX];
		uint16_t size = cut_frame(cast, body, &message.flags, ends);

		cast->doubtful_count += *ends;
		peal_cast_msg_encode(&message, body);
		peal_cast_stream_end(own, size);
		pass_on(cast, cast->own, seq, PEAL_COUNTER_CAST_FRAMES_SENT);
		deliver_until(cast, cast->own, UINT64_MAX);
		peal_cast_digest_on_frame(&cast->digests[cast->own], now_ns);
		settle(cast, cast->own, now_ns);
		sent_count++;
	}
	return sent_count;
}

/* Whom to ask for the try: the parents first, then one after the other; for a former view, a holder.
 */
static uint32_t
choose_source(const struct peal_cast *cast, uint32_t index)
{
	const struct peal_cast_digest *digest = &cast->digests[index];
	uint64_t from = cast->flush.others;
	uint32_t skip = digest->pull_tries;

	if (is_running(cast)) {
		if (skip < PEAL_CAST_TREES) {
			return digest->parents[skip];
		}
		skip -= PEAL_CAST_TREES;
	} else {
		from = cast->flush.holders[index];
	}
	for (skip %= (uint32_t)__builtin_popcountll(from); skip > 0; skip--) {
		from &= from - 1U;
	}
	return (uint32_t)__builtin_ctzll(from);
}

static uint32_t
send_pull(struct peal_cast *cast, uint32_t index, uint64_t now_ns)
{
	struct peal_cast_stream *stream = &cast->streams[index];
	struct peal_cast_digest *digest = &cast->digests[index];
	uint64_t end = is_running(cast) ? stream->head : cast->flush.goals[index];
	struct peal_cast_pull_msg message = {.epoch = cast->base,
		.from = stream->have,
		.missing = peal_cast_stream_missing(stream, end),
		.origin = stream->origin};
	uint8_t body[PEAL_CAST_PULL_SIZE];
	uint32_t rank = choose_source(cast, index);

	PEAL_DASSERT(stream->have < end);
	digest->pull_at_ns = now_ns + peal_cast_digest_pause_ns(digest->pull_tries / 2U);
	digest->pull_tries = peal_cast_digest_next_try(digest->pull_tries);
	peal_cast_pull_msg_encode(&message, body);
	if (cast->slots[rank] == PEAL_PEERS_NONE ||
		!peal_egress_send_slot(cast->config.egress, cast->slots[rank],
			PEAL_MESSAGE_CAST_PULL, body, sizeof(body))) {
		return 0;
	}
	count(cast, PEAL_COUNTER_CAST_PULLS_SENT);
	return 1;
}

/* Rows that are due for one member, as many frames as they take. */
static uint32_t
send_rows(struct peal_cast *cast, uint32_t rank)
{
	struct peal_cast_state_msg message = {.epoch = cast->base};
	uint8_t body[PEAL_BODY_SIZE_MAX];
	uint64_t rest = cast->rows[rank];
	uint32_t sent_count = 0;

	cast->rows[rank] = 0;
	while (rest != 0) {
		message.rows_count = 0;
		for (; rest != 0 && message.rows_count < PEAL_CAST_ROWS_MAX; rest &= rest - 1U) {
			uint32_t index = (uint32_t)__builtin_ctzll(rest);
			const struct peal_cast_stream *stream = &cast->streams[index];

			message.rows[message.rows_count++] =
				(struct peal_cast_row){.origin = stream->origin,
					.stable = stream->stable,
					.low = cast->digests[index].low,
					.have = stream->have,
					.head = stream->head};
		}
		if (cast->slots[rank] != PEAL_PEERS_NONE &&
			peal_egress_send_slot(cast->config.egress, cast->slots[rank],
				PEAL_MESSAGE_CAST_STATE, body,
				peal_cast_state_msg_encode(&message, body))) {
			count(cast, PEAL_COUNTER_CAST_STATES_SENT);
			sent_count++;
		}
	}
	return sent_count;
}

/* What the timers of the streams want. */
static uint32_t
run_streams(struct peal_cast *cast, uint64_t now_ns)
{
	uint64_t to_any = 0;
	uint32_t sent_count = 0;

	for (uint64_t rest = cast->active; rest != 0; rest &= rest - 1U) {
		uint32_t index = (uint32_t)__builtin_ctzll(rest);
		struct peal_cast_digest *digest = &cast->digests[index];
		uint64_t to = peal_cast_digest_run(digest, &cast->streams[index], now_ns);

		to_any |= to;
		for (; to != 0; to &= to - 1U) {
			cast->rows[__builtin_ctzll(to)] |= UINT64_C(1) << index;
		}
		if (digest->pull_at_ns <= now_ns) {
			sent_count += send_pull(cast, index, now_ns);
		}
		if (peal_cast_digest_deadline_at_ns(digest) == NEVER) {
			cast->active &= ~(UINT64_C(1) << index);
		}
	}
	for (; to_any != 0; to_any &= to_any - 1U) {
		sent_count += send_rows(cast, (uint32_t)__builtin_ctzll(to_any));
	}
	return sent_count;
}

static void
send_vector(struct peal_cast *cast, uint32_t rank)
{
	struct peal_cast_flush_msg message = {.epoch = cast->base};
	uint8_t body[PEAL_BODY_SIZE_MAX];
	uint64_t bit = UINT64_C(1) << rank;

	message.flags = is_running(cast) || (cast->flush.done & bit) != 0 ? 0 : PEAL_CAST_FLAG_ASK;
	message.flags |= is_done(cast) ? PEAL_CAST_FLAG_DONE : 0;
	if (!is_running(cast)) {
		message.rows_count = cast->streams_count;
		for (uint32_t i = 0; i < cast->streams_count; i++) {
			message.rows[i].origin = cast->streams[i].origin;
			message.rows[i].have = cast->streams[i].have;
		}
	}
	if (cast->slots[rank] != PEAL_PEERS_NONE &&
		peal_egress_send_slot(cast->config.egress, cast->slots[rank],
			PEAL_MESSAGE_CAST_FLUSH, body,
			peal_cast_flush_msg_encode(&message, body))) {
		count(cast, PEAL_COUNTER_CAST_FLUSHES_SENT);
	}
}

/* Vectors that are owed, and once in a while to those whose own is missing. */
static uint32_t
run_flush(struct peal_cast *cast, uint64_t now_ns)
{
	struct peal_cast_flush *flush = &cast->flush;
	uint32_t sent_count = 0;

	if (!is_running(cast) && flush->at_ns <= now_ns) {
		flush->owed |= flush->others & ~(is_done(cast) ? flush->done : flush->heard);
		flush->at_ns = now_ns + peal_cast_digest_pause_ns(flush->tries);
		flush->tries = peal_cast_digest_next_try(flush->tries);
	}
	for (; flush->owed != 0; flush->owed &= flush->owed - 1U) {
		send_vector(cast, (uint32_t)__builtin_ctzll(flush->owed));
		sent_count++;
	}
	return sent_count;
}

/* Messages whose frames all have got are no longer in doubt. */
static void
settle_own(struct peal_cast *cast)
{
	if (cast->own == PEAL_RANK_NONE) {
		return;
	}
	for (; cast->settled < cast->streams[cast->own].stable; cast->settled++) {
		cast->doubtful_count -= cast->ends[cast->settled % PEAL_CAST_WINDOW_MAX];
	}
}

uint32_t
peal_cast_run(struct peal_cast *cast, uint64_t now_ns)
{
	uint32_t sent_count;

	if (cast->epoch == 0) {
		return 0;
	}
	settle_own(cast);
	sent_count = run_flush(cast, now_ns);
	sent_count += send_own(cast, now_ns);
	return sent_count + run_streams(cast, now_ns);
}

uint64_t
peal_cast_deadline_at_ns(const struct peal_cast *cast)
{
	uint64_t at_ns = NEVER;

	if (cast->epoch == 0) {
		return NEVER;
	}
	if (cast->flush.owed != 0 || may_send(cast)) {
		return 0;
	}
	if (!is_running(cast)) {
		at_ns = cast->flush.at_ns;
	}
	for (uint64_t rest = cast->active; rest != 0; rest &= rest - 1U) {
		uint64_t due_at_ns = peal_cast_digest_deadline_at_ns(
			&cast->digests[__builtin_ctzll(rest)]);

		at_ns = due_at_ns < at_ns ? due_at_ns : at_ns;
	}
	return at_ns;
}

bool
peal_cast_is_idle(const struct peal_cast *cast)
{
	bool is_idle = cast->epoch == 0 || (is_running(cast) && cast->queue.tail == cast->queue.head);

	for (uint32_t i = 0; i < cast->streams_count; i++) {
		is_idle &= cast->streams[i].stable == cast->streams[i].head;
	}
	return is_idle;
}
