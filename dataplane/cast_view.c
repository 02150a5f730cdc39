/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/cast_private.h"
#include "membership/trees.h"

#include <string.h>

#define NEVER UINT64_MAX

static void
show_views(struct peal_cast *cast, uint64_t until_epoch)
{
	const struct peal_cast_user *user = &cast->config.user;
	uint32_t shown = 0;

	cast->base_next_mid = 0;
	while (shown < cast->views_count && cast->views[shown].epoch <= until_epoch) {
		cast->base_next_mid = cast->views[shown].next_mid;
		user->view(user->state, cast->views[shown].epoch, cast->views[shown].view_tag);
		shown++;
	}
	cast->views_count -= shown;
	memmove(cast->views, cast->views + shown, cast->views_count * sizeof(cast->views[0]));
}

/* All are done with what was before: the streams of the view begin. */
void
peal_cast_begin_running(struct peal_cast *cast)
{
	uint32_t names[PEAL_DIRECT_MAX] = {0};
	uint32_t count = cast->is_large ? PEAL_CAST_LANES_MAX : cast->order.members_count;

	for (uint32_t i = 0; i < count; i++) {
		names[i] = cast->is_large ? PEAL_CAST_LANE_NAME(i)
					  : (uint32_t)cast->peers->view->members[i].mid;
	}
	peal_cast_open_streams(cast, cast->epoch, names, count);
	for (uint16_t rank = 0; rank < count && !cast->is_large; rank++) {
		peal_cast_digest_init(&cast->digests[rank], &cast->order, rank);
	}
	if (cast->is_large) {
		cast->flush.owed = cast->flush.others; /* behind them nobody knows it yet */
	}
	show_views(cast, cast->epoch);
}

/* After anything happened in a flush. */
void
peal_cast_progress(struct peal_cast *cast, uint64_t now_ns)
{
	struct peal_cast_flush *flush = &cast->flush;
	bool is_whole = true;

	if (peal_cast_is_running(cast) || cast->epoch == 0) {
		return;
	}
	if (flush->is_tree && peal_cast_flush_is_agreed(flush) && !flush->is_done &&
		(cast->base == 0 || peal_cast_is_foreign(cast))) {
		flush->is_done = true;
	}
	if (cast->base != 0 && !flush->is_done && peal_cast_flush_is_agreed(flush)) {
		for (uint32_t i = 0; i < cast->streams_count; i++) {
			/* Some of it may have come out of order, before the view. */
			peal_cast_deliver_until(cast, i, flush->goals[i]);
			if (cast->streams[i].have >= flush->goals[i]) {
				cast->digests[i].pull_at_ns = NEVER;
				continue;
			}
			is_whole = false;
			if (cast->digests[i].pull_at_ns == NEVER) {
				peal_cast_digest_begin_pull(&cast->digests[i],
					cast->streams[i].have, flush->goals[i], now_ns);
				cast->active |= UINT64_C(1) << i;
			}
		}
		if (is_whole) {
			flush->is_done = true;
			cast->done_epoch = cast->epoch;
			flush->owed = flush->is_tree ? flush->owed : flush->others;
		}
	}
	if (peal_cast_is_done(cast) &&
		(flush->done == flush->others || PEAL_BUG(CAST_FLUSH_NOT_AWAITED))) {
		peal_cast_begin_running(cast);
	}
}

/* Nothing of the group concerns this node any more. */
static void
end(struct peal_cast *cast)
{
	const struct peal_cast_user *user = &cast->config.user;
	const struct peal_sendqueue_lender lender = peal_cast_lender(cast);
	uint64_t lost_count = peal_cast_cut_abandon(&cast->cut, &lender);
	bool was_in = cast->epoch != 0;

	peal_cast_open_streams(cast, 0, NULL, 0);
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
		uint32_t member = peal_cast_find_member(cast, peers->peers[slot].rank);

		if (member < PEAL_DIRECT_MAX) {
			cast->slots[member] = slot;
		}
	}
}

/* Who stands where, in another view. */
static void
read_order(struct peal_cast *cast)
{
	const struct peal_peers *peers = cast->peers;

	cast->is_large = peers->is_large;
	cast->order.members_count = peers->members_count;
	cast->order.self_rank = peers->self_rank;
	if (cast->is_large) {
		peal_cast_links_init(&cast->links, peers->topology, peers->view, peers->self_rank);
		cast->everyone = UINT64_MAX >> (64U - cast->links.count);
		return;
	}
	cast->everyone = UINT64_MAX >> (64U - peers->members_count);
	cast->everyone &= ~(UINT64_C(1) << peers->self_rank);
	for (uint16_t rank = 0; rank < peers->members_count; rank++) {
		uint16_t place = peal_trees_place(peers->topology, peers->view, rank);

		cast->order.places[rank] = place;
		cast->order.ranks[place] = rank;
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
		peal_cast_count(cast, PEAL_COUNTER_CAST_VIEWS_SKIPPED);
	}
	cast->views[cast->views_count++] = (struct peal_cast_view){
		.epoch = cast->epoch, .next_mid = peers->next_mid, .view_tag = cast->view_tag};
	for (uint32_t i = 0; i < cast->streams_count; i++) {
		peal_cast_digest_stop(&cast->digests[i]);
	}
	cast->active = 0;
	cast->is_slow = false;
	if (cast->is_large) {
		peal_cast_flush_begin_tree(&cast->flush, cast->links.trees[0], cast->base,
			cast->streams, cast->streams_count, now_ns);
	} else {
		peal_cast_flush_begin(&cast->flush, peers->members_count, peers->self_rank,
			cast->streams, cast->streams_count, now_ns);
	}
	if (PEAL_BUG(CAST_VIEW_TOO_EARLY)) {
		show_views(cast, cast->epoch);
	}
	peal_cast_progress(cast, now_ns);
}

void
peal_cast_switch(struct peal_cast *cast, const struct peal_peers *peers, uint64_t now_ns)
{
	cast->peers = peers;
	if (cast->epoch != 0 &&
		(cast->self_mid != peers->self_mid || cast->cluster != peers->cluster ||
			peers->members_count == 0)) {
		end(cast);
	}
	if (peers->members_count == 0) {
		return;
	}
	cast->self_mid = peers->self_mid;
	cast->cluster = peers->cluster;
	if (cast->epoch != peers->epoch || cast->view_tag != peers->view_tag) {
		read_order(cast);
		read_slots(cast);
		begin_flush(cast, now_ns);
	} else {
		read_slots(cast);
	}
}

/* --- agreement --- */

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
	peal_cast_open_streams(cast, message->epoch, origins, message->rows_count);
	show_views(cast, message->epoch);
	peal_cast_flush_begin(&cast->flush, cast->order.members_count, cast->order.self_rank,
		cast->streams, cast->streams_count, now_ns);
	for (; newcomers != 0; newcomers &= newcomers - 1U) {
		peal_cast_flush_on_newcomer(&cast->flush, (uint16_t)__builtin_ctzll(newcomers));
	}
	return true;
}

/* Beyond a link they have streams of a later epoch than is known here. False: it cannot be. */
static bool
adopt(struct peal_cast *cast, const struct peal_cast_flush_msg *message)
{
	uint32_t names[PEAL_DIRECT_MAX];
	bool is_mine = cast->base != 0 || message->epoch >= cast->first_epoch;

	if (message->rows_count == 0 || (cast->base != 0 && message->epoch > cast->done_epoch)) {
		return false;
	}
	for (uint32_t i = 0; i < message->rows_count; i++) {
		names[i] = message->rows[i].origin;
	}
	peal_cast_flush_adopt(&cast->flush, message);
	if (is_mine) {
		peal_cast_open_streams(cast, message->epoch, names, message->rows_count);
		show_views(cast, message->epoch);
	}
	return true;
}

/* The vector of all beyond a link of a large view, while this node flushes too. */
static void
on_sum(struct peal_cast *cast, uint16_t link, const struct peal_cast_flush_msg *message)
{
	bool is_good;

	if ((message->flags & PEAL_CAST_FLAG_WHOLE) == 0) {
		return; /* only asks */
	}
	if (message->epoch == cast->epoch && peal_cast_is_done(cast)) {
		peal_cast_begin_running(cast); /* it runs already, so all are done */
		return;
	}
	is_good = message->epoch < cast->epoch &&
		  (message->epoch <= cast->flush.of || adopt(cast, message)) &&
		  peal_cast_flush_on_sum(&cast->flush, link, message,
			  peal_cast_is_foreign(cast) ? NULL : cast->streams);
	if (!is_good) {
		peal_cast_count(cast, PEAL_COUNTER_CAST_REFUSED_FLUSH);
	}
}

/* A vector while this node flushes too. */
void
peal_cast_on_vector(struct peal_cast *cast, uint16_t rank,
	const struct peal_cast_flush_msg *message, uint64_t now_ns)
{
	if (cast->is_large) {
		on_sum(cast, rank, message);
		return;
	}
	if (message->epoch == 0 && cast->base != 0 &&
		cast->peers->view->members[rank].mid < cast->base_next_mid) {
		/* It was in the view of my streams, and missed only their begin: it will follow. */
		cast->flush.owed |= UINT64_C(1) << rank;
		return;
	}
	if (message->epoch == 0) {
		peal_cast_flush_on_newcomer(&cast->flush, rank);
		return;
	}
	if (message->epoch == cast->epoch && peal_cast_is_done(cast)) {
		peal_cast_begin_running(cast); /* it runs already, so all are done */
		return;
	}
	if (message->epoch >= cast->epoch) {
		peal_cast_count(cast, PEAL_COUNTER_CAST_REFUSED_FLUSH);
		return;
	}
	if (message->epoch > cast->base && !follow(cast, message, now_ns)) {
		if (cast->base == 0) {
			peal_cast_flush_on_foreign(&cast->flush, rank, message);
		} else {
			peal_cast_count(cast, PEAL_COUNTER_CAST_REFUSED_FLUSH);
		}
		return;
	}
	if (message->epoch < cast->base) {
		cast->flush.owed |= UINT64_C(1) << rank; /* it will follow */
	} else if (!peal_cast_flush_on_vector(
			   &cast->flush, rank, message, cast->streams, cast->streams_count)) {
		peal_cast_count(cast, PEAL_COUNTER_CAST_REFUSED_FLUSH);
	}
}

static void
make_vector(const struct peal_cast *cast, uint32_t rank, struct peal_cast_flush_msg *message_out)
{
	if (!peal_cast_is_running(cast) && cast->is_large) {
		peal_cast_flush_sum(&cast->flush, (uint16_t)rank, message_out);
		return;
	}
	*message_out = (struct peal_cast_flush_msg){.epoch = cast->base};
	message_out->flags = (cast->flush.asks >> rank & 1U) != 0 ? PEAL_CAST_FLAG_ASK : 0;
	message_out->flags |= peal_cast_is_done(cast) ? PEAL_CAST_FLAG_DONE : 0;
	message_out->flags |= cast->is_large ? PEAL_CAST_FLAG_WHOLE : 0;
	for (uint32_t i = 0; i < cast->streams_count && !peal_cast_is_running(cast); i++) {
		message_out->rows[i].origin = cast->streams[i].name;
		message_out->rows[i].have = cast->streams[i].have;
		message_out->rows_count++;
	}
}

static void
send_vector(struct peal_cast *cast, uint32_t rank)
{
	struct peal_cast_flush_msg message;
	uint8_t body[PEAL_BODY_SIZE_MAX];

	make_vector(cast, rank, &message);
	if ((message.flags & PEAL_CAST_FLAG_DONE) != 0) {
		cast->flush.told |= UINT64_C(1) << rank;
	}
	if (cast->slots[rank] != PEAL_PEERS_NONE &&
		peal_egress_send_slot(cast->config.egress, cast->slots[rank],
			PEAL_MESSAGE_CAST_FLUSH, body,
			peal_cast_flush_msg_encode(&message, body))) {
		peal_cast_count(cast, PEAL_COUNTER_CAST_FLUSHES_SENT);
	}
}

/* Whom a vector can be sent to now: of a large view, who waits only for what is known here. */
static uint64_t
find_sendable(const struct peal_cast *cast)
{
	return cast->is_large && !peal_cast_is_running(cast)
		       ? peal_cast_flush_sendable(&cast->flush)
		       : cast->flush.owed;
}

bool
peal_cast_has_vectors(const struct peal_cast *cast)
{
	return find_sendable(cast) != 0;
}

/* Vectors that are owed, and once in a while to those whose own is missing. */
uint32_t
peal_cast_run_flush(struct peal_cast *cast, uint64_t now_ns)
{
	struct peal_cast_flush *flush = &cast->flush;
	uint64_t to;
	uint32_t sent_count = 0;

	if (!peal_cast_is_running(cast) && flush->at_ns <= now_ns) {
		flush->asks =
			flush->others & ~(peal_cast_is_done(cast) ? flush->done : flush->heard);
		flush->owed |= flush->asks;
		flush->at_ns = now_ns + peal_cast_digest_pause_ns(flush->tries);
		flush->tries = peal_cast_digest_next_try(flush->tries);
	}
	to = find_sendable(cast);
	flush->owed &= ~to;
	for (to |= flush->asks; to != 0; to &= to - 1U) {
		uint32_t rank = (uint32_t)__builtin_ctzll(to);

		if ((flush->asks >> rank & 1U) != 0 && flush->tries >= PEAL_PATH_REPEATS &&
			cast->slots[rank] != PEAL_PEERS_NONE) {
			peal_egress_doubt(cast->config.egress, cast->slots[rank]);
		}
		send_vector(cast, rank);
		sent_count++;
	}
	flush->asks = 0; /* an answer asks for nothing, or two would answer each other for ever */
	return sent_count;
}
