/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/check_total.h"

#include "base/hash.h"

#include <inttypes.h>

#define VIEW_BIT (UINT64_C(1) << 63)

uint64_t
peal_check_total_view(uint32_t cluster, uint32_t group, uint64_t epoch, uint32_t n)
{
	return VIEW_BIT | peal_hash_mix(peal_hash_mix((uint64_t)cluster << 8 ^ group) ^
					peal_hash_mix(epoch << 32 ^ n));
}

uint64_t
peal_check_total_message(uint32_t session, uint64_t index)
{
	return (uint64_t)session << 40 | (index + 1U);
}

/* NULL: there is no room. A run that is too long for this checker must not pass unseen. */
static struct peal_check_total_event *
find_event(struct peal_check_total *check, uint64_t id)
{
	for (uint64_t at = peal_hash_mix(id);; at++) {
		struct peal_check_total_event *event = &check->events[at % PEAL_CHECK_TOTAL_EVENTS];

		if (event->id == id) {
			return event;
		}
		if (event->id == 0) {
			if (check->events_count == PEAL_CHECK_TOTAL_EVENTS / 2U) {
				peal_report_violate(check->report, *check->now_ns,
					"groups in total order: more than %u events, which are too "
					"many to compare",
					check->events_count);
				return NULL;
			}
			check->events_count++;
			event->id = id;
			return event;
		}
	}
}

void
peal_check_total_begin(struct peal_check_total_seat *seat)
{
	seat->pending_count = 0;
	seat->is_overrun = false;
}

void
peal_check_total_on_event(struct peal_check_total_seat *seat, uint64_t id)
{
	if (seat->pending_count == PEAL_CHECK_TOTAL_PENDING) {
		seat->is_overrun = true;
		return;
	}
	seat->pending[seat->pending_count++] = id;
}

static void
link_events(struct peal_check_total *check, uint64_t before_id, uint64_t after_id)
{
	struct peal_check_total_event *before = find_event(check, before_id);
	struct peal_check_total_event *after = find_event(check, after_id);

	if (before == NULL || after == NULL) {
		return;
	}
	check->links_count += before->after != 0 ? 1U : 0U;
	if ((before->after != 0 && before->after != after_id) ||
		(after->before != 0 && after->before != before_id)) {
		peal_report_violate(check->report, *check->now_ns,
			"two members of a group in total order were told different things: %" PRIx64
			" after %" PRIx64 ", where others had %" PRIx64 " after it and %" PRIx64
			" before",
			after_id, before_id, before->after, after->before);
		return;
	}
	before->after = after_id;
	after->before = before_id;
}

void
peal_check_total_pass(struct peal_check_total *check, struct peal_check_total_seat *seat)
{
	if (seat->is_overrun) {
		peal_report_violate(check->report, *check->now_ns,
			"groups in total order: a client was told of more than %u events in one "
			"epoch, which are too many to compare",
			PEAL_CHECK_TOTAL_PENDING);
		seat->is_overrun = false;
	}
	for (uint32_t i = 1; i < seat->pending_count; i++) {
		link_events(check, seat->pending[i - 1U], seat->pending[i]);
	}
	if (seat->pending_count > 0) {
		/* The next one that comes is linked with the last. */
		seat->pending[0] = seat->pending[seat->pending_count - 1U];
		seat->pending_count = 1;
	}
}
