/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/cast_private.h"

#define NEVER UINT64_MAX

/* Sends a frame that is here to one member. */
void
peal_cast_send_frame(struct peal_cast *cast, uint32_t rank, const uint8_t *body, uint16_t size,
	enum peal_counter counter)
{
	if (cast->slots[rank] != PEAL_PEERS_NONE &&
		peal_egress_send_slot(
			cast->config.egress, cast->slots[rank], PEAL_MESSAGE_CAST, body, size)) {
		peal_cast_count(cast, counter);
	}
}

/* To those children in tree 0, and who have asked, of whom it is not known that they have it. */
void
peal_cast_pass_on(struct peal_cast *cast, uint32_t index, uint64_t seq, enum peal_counter counter)
{
	const struct peal_cast_digest *digest = &cast->digests[index];
	uint64_t rest = digest->children[0] | digest->asked;
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
			peal_cast_send_frame(cast, rank, body, size, counter);
		}
	}
}

static bool
may_send(const struct peal_cast *cast)
{
	const struct peal_cast_stream *own;

	if (!peal_cast_is_running(cast) || peal_cast_cut_is_empty(&cast->cut) ||
		cast->own == PEAL_RANK_NONE || cast->is_held || !peal_cast_may_use_lane(cast)) {
		return false;
	}
	own = &cast->streams[cast->own];
	return own->head - own->stable < own->window;
}

static uint32_t
send_own(struct peal_cast *cast, uint64_t now_ns)
{
	const struct peal_sendqueue_lender lender = peal_cast_lender(cast);
	uint32_t sent_count = 0;

	while (may_send(cast) && sent_count < PEAL_CAST_BURST) {
		struct peal_cast_stream *own = &cast->streams[cast->own];
		uint64_t seq = own->head;
		struct peal_cast_msg message = {.epoch = cast->base,
			.seq = seq,
			.origin = own->origin,
			.unstable = (uint16_t)(seq - own->stable)};
		uint8_t *body = peal_cast_stream_begin(own);
		uint16_t size = peal_cast_cut_frame(&cast->cut, seq, body, &message.flags, &lender);

		if (peal_cast_stream_is_lane(own)) {
			message.flags |= PEAL_CAST_FLAG_LANE;
			message.lane = (uint8_t)cast->own;
		}
		peal_cast_msg_encode(&message, body);
		peal_cast_stream_end(own, size);
		peal_cast_pass_on(cast, cast->own, seq, PEAL_COUNTER_CAST_FRAMES_SENT);
		peal_cast_deliver_until(cast, cast->own, UINT64_MAX);
		peal_cast_digest_on_frame(&cast->digests[cast->own], now_ns);
		peal_cast_settle(cast, cast->own, now_ns);
		sent_count++;
	}
	return sent_count;
}

/* Whom to ask for the try: the parents first, then one after the other; for a former view, a
 * holder.
 */
static uint32_t
choose_source(const struct peal_cast *cast, uint32_t index)
{
	const struct peal_cast_digest *digest = &cast->digests[index];
	uint64_t from = cast->everyone;
	uint32_t skip = digest->pull_tries;

	if (peal_cast_is_running(cast)) {
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

/* Asks one member for what is missing of [from, end): a frame for each 64. */
static uint32_t
ask_for(struct peal_cast *cast, uint32_t index, uint64_t from, uint64_t end)
{
	const struct peal_cast_stream *stream = &cast->streams[index];
	uint16_t slot = cast->slots[choose_source(cast, index)];
	uint32_t sent_count = 0;

	while (from < end && slot != PEAL_PEERS_NONE) {
		struct peal_cast_pull_msg message = {.epoch = cast->base,
			.from = from,
			.missing = peal_cast_stream_missing(stream, from, end),
			.origin = stream->name};
		uint8_t body[PEAL_CAST_PULL_SIZE];

		from += 64U;
		if (message.missing == 0) {
			continue;
		}
		message.from += (uint32_t)__builtin_ctzll(message.missing);
		message.missing >>= __builtin_ctzll(message.missing);
		peal_cast_pull_msg_encode(&message, body);
		if (peal_egress_send_slot(cast->config.egress, slot, PEAL_MESSAGE_CAST_PULL, body,
			    sizeof(body))) {
			peal_cast_count(cast, PEAL_COUNTER_CAST_PULLS_SENT);
			sent_count++;
		}
	}
	return sent_count;
}

/* Repeats to a member bring nothing: perhaps the way to it does not carry. */
static void
doubt(struct peal_cast *cast, uint32_t rank)
{
	if (rank < PEAL_DIRECT_MAX && cast->slots[rank] != PEAL_PEERS_NONE) {
		peal_egress_doubt(cast->config.egress, cast->slots[rank]);
	}
}

/* Asks for gaps that are old enough and new ones, and after a pause for all of them again. */
static uint32_t
send_pull(struct peal_cast *cast, uint32_t index, uint64_t now_ns)
{
	struct peal_cast_stream *stream = &cast->streams[index];
	struct peal_cast_digest *digest = &cast->digests[index];
	uint64_t end = peal_cast_is_running(cast) ? stream->head : cast->flush.goals[index];
	uint64_t from;
	uint32_t sent_count;

	PEAL_DASSERT(stream->have < end);
	if (digest->pull_again_at_ns <= now_ns) {
		/* Who has brought something is asked again, or else the next. */
		if (stream->have == digest->pull_have && !cast->is_held) {
			doubt(cast, choose_source(cast, index));
		}
		digest->pull_tries = stream->have > digest->pull_have
					     ? 0
					     : peal_cast_digest_next_try(digest->pull_tries);
		digest->pull_asked = digest->pull_have = stream->have;
		digest->pull_again_at_ns = NEVER;
	}
	from = digest->pull_asked > stream->have ? digest->pull_asked : stream->have;
	sent_count = ask_for(cast, index, from, digest->pull_end);
	if (digest->pull_again_at_ns == NEVER) {
		digest->pull_again_at_ns =
			now_ns + peal_cast_digest_pause_ns(digest->pull_tries / 2U);
	}
	digest->pull_asked = from > digest->pull_end ? from : digest->pull_end;
	digest->pull_at_ns = digest->pull_again_at_ns;
	digest->pull_end = end;
	if (digest->pull_asked < end && now_ns + PEAL_CAST_REORDER_NS < digest->pull_at_ns) {
		digest->pull_at_ns = now_ns + PEAL_CAST_REORDER_NS;
	}
	return sent_count;
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

			message.rows[message.rows_count++] = (struct peal_cast_row){
				.origin = stream->origin,
				.is_lane = peal_cast_stream_is_lane(stream),
				.lane = peal_cast_stream_is_lane(stream) ? (uint8_t)index : 0,
				.is_asking = (cast->asking[rank] >> index & 1U) != 0,
				.is_slow = (cast->slow[rank] >> index & 1U) != 0,
				.stable = stream->stable,
				.low = cast->digests[index].low,
				.have = stream->have,
				.head = stream->head};
		}
		if (cast->slots[rank] != PEAL_PEERS_NONE &&
			peal_egress_send_slot(cast->config.egress, cast->slots[rank],
				PEAL_MESSAGE_CAST_STATE, body,
				peal_cast_state_msg_encode(&message, body))) {
			peal_cast_count(cast, PEAL_COUNTER_CAST_STATES_SENT);
			sent_count++;
		}
	}
	cast->asking[rank] = cast->slow[rank] = 0;
	return sent_count;
}

/* Children that hold all others back for too long, when such are evicted: they are told. */
static uint64_t
tell_slow(struct peal_cast *cast, uint32_t index, uint64_t now_ns)
{
	struct peal_cast_digest *digest = &cast->digests[index];
	uint64_t slow;

	if (cast->policy != PEAL_CAST_EVICT || !peal_cast_is_running(cast)) {
		return 0;
	}
	slow = peal_cast_digest_find_slow(
		digest, &cast->streams[index], cast->evict_after_ns, now_ns);
	for (uint64_t rest = slow; rest != 0; rest &= rest - 1U) {
		uint32_t child = (uint32_t)__builtin_ctzll(rest);

		digest->said[child].behind_at_ns = now_ns; /* if it stays so, once more */
		cast->slow[child] |= UINT64_C(1) << index;
	}
	return slow;
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
		uint64_t asking;
		uint64_t to = peal_cast_digest_run(digest, &cast->streams[index], now_ns, &asking);

		to |= tell_slow(cast, index, now_ns);
		to_any |= to;
		for (; to != 0; to &= to - 1U) {
			uint32_t rank = (uint32_t)__builtin_ctzll(to);

			cast->rows[rank] |= UINT64_C(1) << index;
			if (__builtin_expect(peal_cast_digest_is_in_vain(
						     digest, &cast->streams[index], now_ns),
				    0)) {
				doubt(cast, rank);
			}
			cast->asking[rank] |= (asking >> rank & 1U) << index;
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

/* The user takes messages again: those that came meanwhile first. */
static void
deliver_held(struct peal_cast *cast, uint64_t now_ns)
{
	cast->was_held = false;
	if (!peal_cast_is_running(cast)) {
		peal_cast_progress(cast, now_ns);
		return;
	}
	for (uint32_t index = 0; index < cast->streams_count && !cast->is_held; index++) {
		if (cast->streams[index].have != cast->streams[index].head) {
			peal_cast_deliver_until(cast, index, UINT64_MAX);
			peal_cast_settle(cast, index, now_ns);
		}
	}
	/* The user may be full again before the last stream. */
	cast->was_held = cast->is_held;
}

uint32_t
peal_cast_run(struct peal_cast *cast, uint64_t now_ns)
{
	uint32_t sent_count;

	if (cast->epoch == 0) {
		return 0;
	}
	if (__builtin_expect(cast->was_held && !cast->is_held, 0)) {
		deliver_held(cast, now_ns);
	}
	if (cast->own != PEAL_RANK_NONE) {
		peal_cast_cut_settle(&cast->cut, cast->streams[cast->own].stable);
	}
	peal_cast_run_lanes(cast, now_ns);
	sent_count = peal_cast_run_flush(cast, now_ns);
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
	if (peal_cast_has_vectors(cast) || may_send(cast) || (cast->was_held && !cast->is_held)) {
		return 0;
	}
	at_ns = peal_cast_lanes_deadline_at_ns(cast);
	if (!peal_cast_is_running(cast)) {
		at_ns = cast->flush.at_ns < at_ns ? cast->flush.at_ns : at_ns;
	}
	for (uint64_t rest = cast->active; rest != 0; rest &= rest - 1U) {
		uint64_t due_at_ns =
			peal_cast_digest_deadline_at_ns(&cast->digests[__builtin_ctzll(rest)]);

		at_ns = due_at_ns < at_ns ? due_at_ns : at_ns;
	}
	return at_ns;
}

bool
peal_cast_is_idle(const struct peal_cast *cast)
{
	bool is_idle = cast->epoch == 0 ||
		       (peal_cast_is_running(cast) && peal_cast_cut_is_empty(&cast->cut));

	for (uint32_t i = 0; i < cast->streams_count; i++) {
		is_idle &= cast->streams[i].stable == cast->streams[i].head;
	}
	return is_idle;
}
