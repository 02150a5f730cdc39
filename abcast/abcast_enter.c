/* SPDX-License-Identifier: BSD-3-Clause */
#include "abcast/abcast_private.h"

#include "base/assert.h"

#include <string.h>

static void
clear_set(struct peal_abcast *abcast, struct peal_abcast_lane *lanes)
{
	struct peal_abcast_keeper keeper = peal_abcast_keeper(abcast);

	for (uint32_t i = 0; i < abcast->config.ranks_count; i++) {
		peal_abcast_lane_clear(&lanes[i], &keeper);
	}
}

static void
reset_view_state(struct peal_abcast *abcast, uint64_t now_ns)
{
	for (uint32_t i = 0; i < abcast->config.ranks_count; i++) {
		peal_abcast_seal_init(&abcast->seals[i]);
		abcast->heard_at_ns[i] = now_ns;
		abcast->owed_seals[i] = 0;
		abcast->pull_at_ns[i] = 0;
		abcast->pulls_count[i] = 0;
		abcast->pull_from[i] = 0;
		if (abcast->wishes[i].member <= abcast->members[i]) {
			abcast->wishes[i].at_ns = 0;
		}
	}
	peal_abcast_change_init(&abcast->change);
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
	abcast->latest = *value;
	abcast->latest_position = abcast->digest.position;
	abcast->latest_digest = abcast->digest.value;
	for (uint32_t i = 0; i < abcast->config.ranks_count; i++) {
		uint64_t member = value->cuts[i].member;

		abcast->members[i] = member;
		abcast->known[i] = member > abcast->known[i] ? member : abcast->known[i];
	}
	reset_view_state(abcast, now_ns);
	peal_abcast_note(abcast, PEAL_COUNTER_ORDER_VIEWS);
	news.view = view;
	news.active = value->active;
	news.position = abcast->digest.position;
	memcpy(news.members, abcast->members, sizeof(news.members));
	abcast->config.user.view(abcast->config.user.state, &news);
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
		how.missed_from =
			position > abcast->digest.position ? abcast->digest.position + 1U : 0;
		peal_abcast_note(abcast, PEAL_COUNTER_ORDER_SKIPPED);
		clear_set(abcast, abcast->lanes);
	}
	peal_abcast_digest_begin(&abcast->digest, position, digest);
	peal_abcast_enter(abcast, view, value, &how, now_ns);
	/* What is in the former lanes is of no view that anybody asks for. */
	clear_set(abcast, abcast->former);
}
