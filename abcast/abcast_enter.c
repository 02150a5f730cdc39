/* SPDX-License-Identifier: BSD-3-Clause */
#include "abcast/abcast_private.h"

#include "base/assert.h"

#include <string.h>

static void
clear_set(struct peal_abcast *abcast, struct peal_abcast_lane *lanes)
{
	struct peal_abcast_keeper keeper = peal_abcast_keeper(abcast);

	for (uint32_t i = 0; i < abcast->ranks_count; i++) {
		peal_abcast_lane_clear(&lanes[i], &keeper);
	}
}

static void
reset_view_state(struct peal_abcast *abcast, uint64_t now_ns)
{
	for (uint32_t i = 0; i < abcast->ranks_count; i++) {
		peal_abcast_seal_init(&abcast->seals[i]);
		abcast->heard_at_ns[i] = now_ns;
		peal_abcast_late_forget(&abcast->answers_late[i]);
		peal_abcast_late_forget(&abcast->owners_late[i]);
		abcast->owed_seals[i] = 0;
		abcast->pull_at_ns[i] = 0;
		abcast->pulls_count[i] = 0;
		abcast->pull_from[i] = 0;
		if (abcast->wishes[i].member <= abcast->members[i]) {
			abcast->wishes[i].at_ns = 0;
		}
	}
	peal_abcast_change_init(&abcast->change);
	peal_abcast_sync_hurry(&abcast->sync, now_ns);
	abcast->final_stamp = 0;
	abcast->final_rank = 0;
	abcast->is_behind = false;
	abcast->has_pending = false;
	abcast->blocked_seq = 0;
	abcast->gone = 0;
	abcast->is_dirty = true;
	abcast->ticks_count = 0;
	abcast->installed_at_ns = now_ns;
}

void
peal_abcast_enter(struct peal_abcast *abcast, uint32_t view, const struct peal_abcast_value *value,
	const struct peal_abcast_news *how, uint64_t now_ns)
{
	struct peal_abcast_lane *kept = abcast->lanes;
	struct peal_abcast_news news = *how;

	/* Who is one view behind still needs the frames of the last one. */
	abcast->lanes = abcast->former;
	abcast->former = kept;
	clear_set(abcast, abcast->lanes);
	abcast->state = PEAL_ABCAST_RUNNING;
	abcast->view = view;
	abcast->active = value->active;
	abcast->counted = value->counted;
	abcast->former_count = abcast->ranks_count;
	abcast->ranks_count = peal_abcast_value_ranks_count(value);
	abcast->all = (uint16_t)((1U << abcast->ranks_count) - 1U);
	abcast->latest = *value;
	abcast->latest_position = abcast->digest.position;
	abcast->latest_digest = abcast->digest.value;
	for (uint32_t i = 0; i < PEAL_ORDER_RANKS_MAX; i++) {
		const struct peal_order_cut *cut = &value->cuts[i];
		uint64_t latest = cut->holder > cut->member ? cut->holder : cut->member;

		if (abcast->members[i] != cut->member) {
			peal_abcast_sync_forget(&abcast->sync, (uint8_t)i);
		}
		abcast->members[i] = cut->member;
		abcast->known[i] = latest > abcast->known[i] ? latest : abcast->known[i];
		/* Who begins with this view delivers no command that was before it. */
		abcast->latest.cuts[i].holder =
			peal_abcast_is_given(abcast, (uint8_t)i) ? abcast->known[i] : 0;
	}
	reset_view_state(abcast, now_ns);
	peal_abcast_note(abcast, PEAL_COUNTER_ORDER_VIEWS);
	news.view = view;
	news.active = value->active;
	news.counted = value->counted;
	news.ranks_count = abcast->ranks_count;
	news.position = abcast->digest.position;
	memcpy(news.members, abcast->members, sizeof(news.members));
	abcast->config.user.view(abcast->config.user.state, &news);
}

static void
tell_skipped(struct peal_abcast *abcast, uint64_t position)
{
	const struct peal_abcast_user *user = &abcast->config.user;

	peal_abcast_note(abcast, PEAL_COUNTER_ORDER_SKIPPED);
	if (position > abcast->digest.position) {
		user->skipped(user->state, abcast->digest.position + 1U, position);
	}
}

/* Whether all that this rank knows of is behind what the other delivered. */
static bool
is_ahead(const struct peal_abcast *abcast, const struct peal_order_view *view)
{
	bool is_so = view->position > abcast->digest.position;

	for (uint32_t i = 0; i < abcast->ranks_count; i++) {
		const struct peal_abcast_lane *lane = &abcast->lanes[i];

		is_so = is_so && view->cuts[i].generation >= lane->generation &&
			view->cuts[i].last >= lane->delivered;
	}
	return is_so;
}

/*
 * What another rank delivered is FINAL, so every seal and every cut keeps it: to say that it is
 * here, without the frames, misleads nobody about what is decided. Nobody will ask for them who has
 * not given up as well.
 */
void
peal_abcast_on_place(
	struct peal_abcast *abcast, const struct peal_order_msg *message, uint64_t now_ns)
{
	const struct peal_order_view *view = &message->view;
	struct peal_abcast_keeper keeper = peal_abcast_keeper(abcast);

	if (!peal_abcast_is_fit(abcast, message)) {
		peal_abcast_note(abcast, PEAL_COUNTER_ORDER_REFUSED_VIEW);
		return;
	}
	if (!abcast->is_behind || !is_ahead(abcast, view)) {
		return;
	}
	for (uint8_t i = 0; i < message->head.rows_count; i++) {
		uint64_t holder = view->cuts[i].member;

		if (peal_order_term(holder) > peal_order_term(abcast->members[i])) {
			peal_abcast_assign(abcast, i, holder);
		}
	}
	for (uint8_t i = 0; i < abcast->ranks_count; i++) {
		const struct peal_order_cut *place = &view->cuts[i];
		struct peal_abcast_lane *lane = &abcast->lanes[i];
		struct peal_abcast_end end = {.last = place->stable, .until = place->until};

		if (lane->generation < place->generation &&
			!peal_abcast_close(abcast, i, (uint16_t)(place->generation - 1U), &end)) {
			return;
		}
		peal_abcast_lane_skip(lane, place->last, &keeper);
		abcast->pull_from[i] = message->head.rank;
		abcast->pull_at_ns[i] = now_ns;
	}
	tell_skipped(abcast, view->position);
	peal_abcast_digest_begin(&abcast->digest, view->position, view->digest);
	abcast->final_stamp = 0;
	abcast->final_rank = 0;
	abcast->blocked_seq = 0;
	abcast->is_behind = false;
	abcast->gone = 0;
	abcast->is_dirty = true;
	for (uint8_t i = 0; i < abcast->ranks_count; i++) {
		peal_abcast_accept(abcast, i);
	}
}

void
peal_abcast_skip(struct peal_abcast *abcast, uint32_t view, const struct peal_abcast_value *value,
	uint64_t position, uint64_t digest, uint64_t now_ns)
{
	struct peal_abcast_news how = {0};

	if (abcast->state != PEAL_ABCAST_OUT) {
		struct peal_abcast_lane *own = peal_abcast_own(abcast);

		/* Its own frames may have been delivered by the others: nobody here knows. */
		how.doubtful_count = own->have - own->delivered;
		tell_skipped(abcast, position);
		clear_set(abcast, abcast->lanes);
	}
	peal_abcast_digest_begin(&abcast->digest, position, digest);
	peal_abcast_enter(abcast, view, value, &how, now_ns);
	if (PEAL_BUG(GROW_UNTOLD)) {
		abcast->counted = (uint16_t)((1U << abcast->config.ranks_count) - 1U);
	}
	/* What is in the former lanes is of no view that anybody asks for. */
	clear_set(abcast, abcast->former);
}
