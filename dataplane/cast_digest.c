/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/cast_digest.h"

#include "base/assert.h"
#include "base/museum.h"
#include "wire/view.h"

#define NEVER UINT64_MAX

/* Most children hear it from tree 0; the other parent speaks up when that takes long. */
#define TELLS_IN_ONE_TREE 3U

static uint16_t
rank_at(const struct peal_cast_order *order, uint16_t origin, uint32_t position)
{
	return order->ranks[(position + order->places[origin]) % order->members_count];
}

void
peal_cast_digest_init(
	struct peal_cast_digest *digest, const struct peal_cast_order *order, uint16_t origin)
{
	uint32_t count = order->members_count;
	uint32_t position =
		(count + order->places[order->self_rank] - order->places[origin]) % count;

	*digest = (struct peal_cast_digest){.parents = {PEAL_RANK_NONE, PEAL_RANK_NONE}};
	peal_cast_digest_stop(digest);
	for (uint32_t tree = 0; tree < PEAL_CAST_TREES; tree++) {
		uint32_t children[PEAL_CAST_FAN_OUT_MAX];
		uint32_t children_count = peal_cast_tree_children(count, tree, position, children);

		if (position != 0) {
			digest->parents[tree] = rank_at(
				order, origin, peal_cast_tree_parent(count, tree, position));
		}
		for (uint32_t i = 0; i < children_count; i++) {
			digest->children[tree] |= UINT64_C(1)
						  << rank_at(order, origin, children[i]);
		}
	}
}

void
peal_cast_digest_init_lane(struct peal_cast_digest *digest, const struct peal_cast_links *links,
	uint32_t lane, uint16_t place)
{
	*digest = (struct peal_cast_digest){.parents = {PEAL_RANK_NONE, PEAL_RANK_NONE}};
	peal_cast_digest_stop(digest);
	for (uint32_t i = 0; i < PEAL_CAST_TREES; i++) {
		uint32_t tree = (lane + i) % PEAL_CAST_TREES;

		digest->children[i] = links->trees[tree];
		if (place != links->self_place) {
			digest->parents[i] = peal_cast_links_towards(links, tree, place);
			digest->children[i] &= ~(UINT64_C(1) << digest->parents[i]);
		}
	}
}

void
peal_cast_digest_stop(struct peal_cast_digest *digest)
{
	digest->ack_at_ns = digest->tell_at_ns = digest->pull_at_ns = NEVER;
}

void
peal_cast_digest_begin_pull(
	struct peal_cast_digest *digest, uint64_t have, uint64_t end, uint64_t now_ns)
{
	digest->pull_at_ns = now_ns;
	digest->pull_again_at_ns = NEVER;
	digest->pull_end = end;
	digest->pull_asked = have;
	digest->pull_have = have;
	digest->pull_tries = 0;
}

uint64_t
peal_cast_digest_pause_ns(uint8_t tries)
{
	uint64_t pause_ns = PEAL_CAST_REPEAT_NS << (tries < 8U ? tries : 8U);

	return pause_ns < PEAL_CAST_REPEAT_NS_MAX ? pause_ns : PEAL_CAST_REPEAT_NS_MAX;
}

static uint64_t
earlier(uint64_t a_ns, uint64_t b_ns)
{
	return a_ns < b_ns ? a_ns : b_ns;
}

void
peal_cast_digest_on_frame(struct peal_cast_digest *digest, uint64_t now_ns)
{
	if ((digest->children[0] | digest->children[1]) != 0) {
		digest->tell_tries = 0;
		digest->tell_at_ns = now_ns + PEAL_CAST_TELL_NS;
	}
}

/* At common instants, so that rows of many streams to one member share a frame. */
static uint64_t
next_ack_ns(uint64_t now_ns)
{
	return (now_ns / PEAL_CAST_ACK_NS + 1U) * PEAL_CAST_ACK_NS;
}

static bool
is_behind(const struct peal_cast_said *said, const struct peal_cast_stream *stream)
{
	return said->stable < stream->stable || said->head < stream->head;
}

static uint64_t
larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

bool
peal_cast_digest_on_row(struct peal_cast_digest *digest, struct peal_cast_stream *stream,
	uint16_t rank, const struct peal_cast_row *row, uint64_t now_ns)
{
	struct peal_cast_said *said = &digest->said[rank];
	bool is_origin = digest->parents[0] == PEAL_RANK_NONE;
	uint64_t bit = UINT64_C(1) << rank;

	if (row->stable > stream->have || row->head - row->stable > stream->window ||
		(is_origin && row->head > stream->head)) {
		return false;
	}
	if (row->stable > stream->stable || row->head > stream->head) {
		/* News is passed on at once. */
		digest->tell_tries = 0;
		digest->tell_at_ns = now_ns;
	}
	peal_cast_stream_settle(stream, row->stable);
	stream->head = larger(stream->head, row->head);
	said->stable = larger(said->stable, row->stable);
	said->low = larger(said->low, row->low);
	said->have = larger(said->have, row->have);
	said->head = larger(said->head, row->head);
	if (row->is_asking) {
		digest->owed |= bit;
		digest->ack_at_ns = earlier(digest->ack_at_ns, next_ack_ns(now_ns));
	}
	if (((digest->children[0] | digest->children[1]) & bit) != 0 && is_behind(said, stream)) {
		digest->tell_at_ns = earlier(digest->tell_at_ns, now_ns + PEAL_CAST_TELL_NS);
	}
	return true;
}

uint64_t
peal_cast_digest_find_slow(struct peal_cast_digest *digest, const struct peal_cast_stream *stream,
	uint64_t after_ns, uint64_t now_ns)
{
	uint64_t slow = 0;

	for (uint64_t rest = digest->children[0]; rest != 0; rest &= rest - 1U) {
		struct peal_cast_said *said = &digest->said[__builtin_ctzll(rest)];

		/* Who said nothing of a lane that had another holder before has all before. */
		uint64_t have = larger(said->have, stream->stable);

		if (2U * (stream->have - (have < stream->have ? have : stream->have)) <
			stream->window) {
			said->behind_at_ns = 0;
		} else if (said->behind_at_ns == 0) {
			said->behind_at_ns = now_ns;
		} else if (now_ns - said->behind_at_ns >= after_ns) {
			slow |= rest & -rest;
		}
	}
	return slow;
}

void
peal_cast_digest_settle(
	struct peal_cast_digest *digest, struct peal_cast_stream *stream, uint64_t now_ns)
{
	uint64_t low = stream->have;
	uint64_t before = stream->stable;
	bool is_origin = digest->parents[0] == PEAL_RANK_NONE;

	for (uint64_t rest = digest->children[0]; rest != 0; rest &= rest - 1U) {
		const struct peal_cast_said *said = &digest->said[__builtin_ctzll(rest)];
		uint64_t below = PEAL_BUG(CAST_ROW_OF_ANYBODY) ? said->have : said->low;

		low = below < low && !PEAL_BUG(CAST_STABLE_TOO_EARLY) ? below : low;
	}
	digest->low = larger(low, stream->stable);
	if (is_origin) {
		peal_cast_stream_settle(stream, digest->low);
		if (stream->stable != before && digest->tell_at_ns == NEVER &&
			(digest->children[0] | digest->children[1]) != 0) {
			digest->tell_tries = 0;
			digest->tell_at_ns = now_ns + PEAL_CAST_TELL_NS;
		}
		return;
	}
	if (digest->low - digest->acked >= (stream->window + 7U) / 8U) {
		digest->ack_tries = 0;
		digest->ack_at_ns = now_ns;
	} else if (digest->low != digest->acked ||
		   (stream->stable < stream->head && digest->ack_at_ns == NEVER)) {
		digest->ack_at_ns = earlier(digest->ack_at_ns, next_ack_ns(now_ns));
	}
}

static uint64_t
run_ack(struct peal_cast_digest *digest, const struct peal_cast_stream *stream, uint64_t now_ns)
{
	bool is_origin = digest->parents[0] == PEAL_RANK_NONE;
	bool is_resting = stream->stable == stream->head;
	uint64_t to = digest->owed;

	if (!is_origin && !(is_resting && digest->acked == digest->low)) {
		if (digest->vain_from_ns == 0 || digest->vain_stable != stream->stable) {
			digest->vain_from_ns = now_ns;
			digest->vain_stable = stream->stable;
		}
		/* Repeats go over both trees in turn. */
		to |= UINT64_C(1) << digest->parents[digest->ack_tries % PEAL_CAST_TREES];
	}
	digest->owed = 0;
	digest->acked = digest->low;
	digest->ack_at_ns = NEVER;
	if (is_origin || is_resting) {
		digest->ack_tries = 0;
		digest->vain_from_ns = 0;
	} else {
		digest->ack_at_ns = now_ns + peal_cast_digest_pause_ns(digest->ack_tries);
		digest->ack_tries = peal_cast_digest_next_try(digest->ack_tries);
	}
	return to;
}

static uint64_t
run_tell(struct peal_cast_digest *digest, const struct peal_cast_stream *stream, uint64_t now_ns)
{
	uint64_t behind[PEAL_CAST_TREES] = {0};

	digest->tell_at_ns = NEVER;
	if (PEAL_BUG(CAST_DIGEST_NOT_SENT)) {
		return 0;
	}
	for (uint32_t tree = 0; tree < PEAL_CAST_TREES; tree++) {
		for (uint64_t rest = digest->children[tree]; rest != 0; rest &= rest - 1U) {
			uint32_t rank = (uint32_t)__builtin_ctzll(rest);

			if (is_behind(&digest->said[rank], stream)) {
				behind[tree] |= UINT64_C(1) << rank;
			}
		}
	}
	if ((behind[0] | behind[1]) != 0) {
		digest->tell_at_ns = now_ns + peal_cast_digest_pause_ns(digest->tell_tries);
		digest->tell_tries = peal_cast_digest_next_try(digest->tell_tries);
	}
	return digest->tell_tries > TELLS_IN_ONE_TREE ? behind[0] | behind[1] : behind[0];
}

uint64_t
peal_cast_digest_run(struct peal_cast_digest *digest, const struct peal_cast_stream *stream,
	uint64_t now_ns, uint64_t *asking_out)
{
	uint64_t to = 0;

	*asking_out = 0;
	if (digest->ack_at_ns <= now_ns) {
		to |= run_ack(digest, stream, now_ns);
	}
	if (digest->tell_at_ns <= now_ns) {
		/* A child answers what it is told, and nobody answers an answer. */
		*asking_out = run_tell(digest, stream, now_ns);
	}
	return to | *asking_out;
}
