/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/eventlog.h"

#include "base/assert.h"

#include <string.h>

static const char *const event_names[] = {
	[PEAL_EVENT_STARTED] = "started",
	[PEAL_EVENT_VIEW] = "view",
	[PEAL_EVENT_JOINED] = "joined",
	[PEAL_EVENT_LEFT] = "left",
	[PEAL_EVENT_CRASHED] = "crashed",
	[PEAL_EVENT_REPLACED] = "replaced",
	[PEAL_EVENT_ACCUSED] = "accused",
	[PEAL_EVENT_DETECTED] = "detected",
	[PEAL_EVENT_PROPOSED] = "proposed",
	[PEAL_EVENT_NO_QUORUM] = "no quorum",
	[PEAL_EVENT_QUORUM] = "quorum",
	[PEAL_EVENT_KICKED] = "kicked",
	[PEAL_EVENT_LEAVING] = "leaving",
	[PEAL_EVENT_REFUSED] = "refused",
	[PEAL_EVENT_UNANSWERED] = "unanswered",
	[PEAL_EVENT_UNREACHABLE] = "unreachable",
	[PEAL_EVENT_BEHIND] = "behind",
	[PEAL_EVENT_METADATA_FULL] = "metadata full",
	[PEAL_EVENT_ORDERGROUP] = "order group",
	[PEAL_EVENT_ORDERGROUP_REFUSED] = "order group refused",
	[PEAL_EVENT_WAITING] = "waiting",
};

void
peal_eventlog_init(struct peal_eventlog *log)
{
	memset(log, 0, sizeof(*log));
	log->next_seq = 1;
}

void
peal_eventlog_add(struct peal_eventlog *log, const struct peal_event *event)
{
	struct peal_event *place = &log->events[log->next_seq % PEAL_EVENTS_MAX];

	PEAL_ASSERT(event->kind >= PEAL_EVENT_STARTED && event->kind <= PEAL_EVENT_LAST);
	*place = *event;
	place->seq = log->next_seq++;
}

uint32_t
peal_eventlog_read(const struct peal_eventlog *log, uint64_t after, struct peal_event *events_out,
	uint32_t capacity)
{
	uint64_t oldest = log->next_seq > PEAL_EVENTS_MAX ? log->next_seq - PEAL_EVENTS_MAX : 1U;
	uint64_t seq = after + 1U > oldest ? after + 1U : oldest;
	uint32_t count = 0;

	for (; seq < log->next_seq && count < capacity; seq++) {
		events_out[count++] = log->events[seq % PEAL_EVENTS_MAX];
	}
	return count;
}

const char *
peal_event_name(enum peal_event_kind kind)
{
	PEAL_ASSERT(kind >= PEAL_EVENT_STARTED && kind <= PEAL_EVENT_LAST);
	return event_names[kind];
}
