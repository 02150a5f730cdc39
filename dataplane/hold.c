/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/hold.h"

#include "wire/messages.h"

#include "dataplane/flood.h"

#include <string.h>

void
peal_hold_init(struct peal_hold *hold, struct peal_counters *counters)
{
	/* The frames themselves are not touched before they are used: they are most of a core's
	 * memory. */
	hold->counters = counters;
	hold->first = 0;
	hold->count = 0;
}

/* The frame that stands `place` behind the oldest. */
static struct peal_held_frame *
frame_at(struct peal_hold *hold, uint32_t place)
{
	return &hold->frames[(hold->first + place) % PEAL_HELD_FRAMES_MAX];
}

/* True when another copy of the same flooded message is held. */
static bool
is_held(struct peal_hold *hold, const struct peal_opened *opened)
{
	if (opened->body_size < PEAL_FLOOD_PREFIX_SIZE ||
		peal_flood_is_private(opened->kind, opened->body)) {
		return false;
	}
	for (uint32_t i = 0; i < hold->count; i++) {
		const struct peal_held_frame *frame = frame_at(hold, i);

		if (frame->opened.kind == opened->kind &&
			frame->opened.body_size == opened->body_size &&
			memcmp(frame->body, opened->body, PEAL_FLOOD_ID_SIZE) == 0) {
			return true;
		}
	}
	return false;
}

void
peal_hold_add(struct peal_hold *hold, const struct peal_opened *opened)
{
	PEAL_ASSERT(hold->count <= PEAL_HELD_FRAMES_MAX);
	PEAL_ASSERT(opened->body_size <= PEAL_BODY_SIZE_MAX);

	if (is_held(hold, opened)) {
		return;
	}
	if (peal_message_family(opened->kind) == PEAL_FAMILY_CAST &&
		(opened->kind != PEAL_MESSAGE_CAST_FLUSH ||
			hold->count >= PEAL_HELD_FRAMES_MAX / 2U)) {
		peal_counter_add(hold->counters, PEAL_COUNTER_CAST_EARLY, 1);
		return;
	}
	if (hold->count == PEAL_HELD_FRAMES_MAX) {
		hold->first = (hold->first + 1U) % PEAL_HELD_FRAMES_MAX;
		hold->count--;
		peal_counter_add(hold->counters, PEAL_COUNTER_HELD_DROPPED, 1);
	}
	struct peal_held_frame *frame = frame_at(hold, hold->count);

	frame->opened = *opened;
	memcpy(frame->packet, opened->packet, sizeof(frame->packet));
	memcpy(frame->body, opened->body, opened->body_size);
	hold->count++;
	peal_counter_add(hold->counters, PEAL_COUNTER_HELD_FRAMES, 1);
}

bool
peal_hold_take(struct peal_hold *hold, struct peal_opened *opened_out)
{
	if (hold->count == 0) {
		return false;
	}
	const struct peal_held_frame *frame = &hold->frames[hold->first];

	*opened_out = frame->opened;
	opened_out->standing = PEAL_STANDING_EQUAL;
	opened_out->packet = frame->packet;
	opened_out->body = frame->body;
	hold->first = (hold->first + 1U) % PEAL_HELD_FRAMES_MAX;
	hold->count--;
	if (hold->count == 0) {
		hold->first = 0; /* the next frames use memory that is touched already */
	}
	return true;
}
