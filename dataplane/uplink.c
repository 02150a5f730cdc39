/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/uplink.h"

#include "dataplane/headers.h"

void
peal_uplink_init(struct peal_uplink *uplink, struct peal_plane *plane, uint8_t shard,
	struct peal_counters *counters)
{
	memset(uplink, 0, sizeof(*uplink));
	uplink->plane = plane;
	uplink->counters = counters;
	uplink->shard = shard;
	for (uint16_t buffer = 0; buffer < PEAL_PLANE_BUFFERS_MAX; buffer++) {
		uplink->free[uplink->free_count++] = buffer;
	}
}

static bool
push(struct peal_uplink *uplink, struct peal_record *record)
{
	record->shard = uplink->shard;
	return uplink->plane->up.push(uplink->plane->up.state, record, 1) == 1;
}

void
peal_uplink_switch(struct peal_uplink *uplink, const struct peal_peers *peers)
{
	uplink->generation = peers->generation;
	/* One answer is enough: it says that no older table is read any more. */
	uplink->is_view_owed = true;
	for (uint32_t slot = 0; slot < PEAL_SLOTS_MAX; slot++) {
		if (uplink->peers[slot].mid != peers->peers[slot].mid) {
			uplink->peers[slot].mid = peers->peers[slot].mid;
			uplink->peers[slot].told_at_ns = 0;
		}
	}
}

/* Buffers that this frame may not take. */
static uint16_t
kept_count(const struct peal_opened *opened)
{
	return peal_message_family(opened->kind) == PEAL_FAMILY_JOIN ? PEAL_PLANE_MEMBER_BUFFERS
								     : 0;
}

bool
peal_uplink_frame(struct peal_uplink *uplink, const struct peal_opened *opened)
{
	PEAL_DASSERT(opened->body_size <= PEAL_BODY_SIZE_MAX);

	if (uplink->free_count <= kept_count(opened)) {
		peal_counter_add(uplink->counters, PEAL_COUNTER_PLANE_UP_DROPPED, 1);
		return false;
	}
	uint16_t buffer = uplink->free[uplink->free_count - 1U];
	struct peal_record record = {
		.kind = PEAL_RECORD_FRAME,
		.message = opened->kind,
		.buffer = buffer,
		.body_size = opened->body_size,
		.slot = opened->slot,
		.generation = uplink->generation,
		.epoch = opened->epoch,
		.mid = opened->mid,
		.address = peal_headers_source(opened->packet),
	};

	memcpy(uplink->plane->up_buffers[buffer], opened->body, opened->body_size);
	if (!push(uplink, &record)) {
		peal_counter_add(uplink->counters, PEAL_COUNTER_PLANE_UP_DROPPED, 1);
		return false;
	}
	uplink->free_count--;
	return true;
}

void
peal_uplink_tell(struct peal_uplink *uplink, const struct peal_opened *opened, bool is_not_member,
	uint64_t now_ns)
{
	uint64_t *told_at_ns = &uplink->peers[opened->slot].told_at_ns;

	PEAL_DASSERT(opened->slot < PEAL_SLOTS_MAX);
	PEAL_DASSERT(opened->standing != PEAL_STANDING_EQUAL);

	if (*told_at_ns != 0 && now_ns - *told_at_ns < PEAL_OTHER_EPOCH_NS) {
		return;
	}
	struct peal_record record = {
		.kind = opened->standing == PEAL_STANDING_AHEAD ? PEAL_RECORD_AHEAD
								: PEAL_RECORD_BEHIND,
		.slot = opened->slot,
		.reason = is_not_member ? PEAL_AHEAD_NOT_MEMBER : 0,
		.generation = uplink->generation,
		.epoch = opened->epoch,
		.mid = opened->mid,
	};

	if (!push(uplink, &record)) {
		peal_counter_add(uplink->counters, PEAL_COUNTER_PLANE_UP_DROPPED, 1);
		return;
	}
	*told_at_ns = now_ns;
}

bool
peal_uplink_alert(struct peal_uplink *uplink, const struct peal_record *record)
{
	struct peal_record copy = *record;

	PEAL_DASSERT(record->kind == PEAL_RECORD_ALERT);
	return push(uplink, &copy);
}

bool
peal_uplink_tally(struct peal_uplink *uplink, const struct peal_vote_key *key,
	const struct peal_bitset *ranks, uint64_t epoch)
{
	const struct peal_tally_up tally = {.key = *key, .ranks = *ranks};

	if (uplink->free_count == 0) {
		return false;
	}
	uint16_t buffer = uplink->free[uplink->free_count - 1U];
	struct peal_record record = {
		.kind = PEAL_RECORD_TALLY,
		.buffer = buffer,
		.body_size = sizeof(tally),
		.slot = PEAL_SLOT_NONE,
		.generation = uplink->generation,
		.epoch = epoch,
	};

	memcpy(uplink->plane->up_buffers[buffer], &tally, sizeof(tally));
	if (!push(uplink, &record)) {
		return false;
	}
	uplink->free_count--;
	return true;
}

void
peal_uplink_stranger(struct peal_uplink *uplink, uint64_t mid)
{
	struct peal_record record = {
		.kind = PEAL_RECORD_STRANGER,
		.slot = PEAL_SLOT_NONE,
		.generation = uplink->generation,
		.mid = mid,
	};

	if (!push(uplink, &record)) {
		peal_counter_add(uplink->counters, PEAL_COUNTER_PLANE_UP_DROPPED, 1);
		return;
	}
	peal_counter_add(uplink->counters, PEAL_COUNTER_STRANGERS_HEARD, 1);
}

void
peal_uplink_on_frame_done(struct peal_uplink *uplink, uint16_t buffer)
{
	PEAL_ASSERT(buffer < PEAL_PLANE_BUFFERS_MAX);
	PEAL_ASSERT(uplink->free_count < PEAL_PLANE_BUFFERS_MAX);
	uplink->free[uplink->free_count++] = buffer;
}

void
peal_uplink_owe_buffer(struct peal_uplink *uplink, uint16_t buffer)
{
	PEAL_ASSERT(buffer < PEAL_PLANE_BUFFERS_MAX);
	PEAL_ASSERT(uplink->owed_count < PEAL_PLANE_BUFFERS_MAX);
	uplink->owed[uplink->owed_count++] = buffer;
}

void
peal_uplink_owe_ping(struct peal_uplink *uplink, struct peal_ping_run *run)
{
	PEAL_ASSERT(uplink->ping_owed == NULL);
	uplink->ping_owed = run;
}

void
peal_uplink_owe_load(struct peal_uplink *uplink, struct peal_load_run *run)
{
	PEAL_ASSERT(uplink->load_owed == NULL);
	uplink->load_owed = run;
}

void
peal_uplink_owe_stream(struct peal_uplink *uplink, struct peal_stream *stream)
{
	PEAL_ASSERT(uplink->streams_owed_count < PEAL_STREAMS_MAX);
	uplink->streams_owed[uplink->streams_owed_count++] = stream;
}

/* The ends of runs and streams, and the answer to a view. */
static void
pay_orders(struct peal_uplink *uplink)
{
	if (uplink->is_view_owed) {
		struct peal_record record = {
			.kind = PEAL_RECORD_VIEW_DONE,
			.slot = PEAL_SLOT_NONE,
			.generation = uplink->generation,
		};

		if (!push(uplink, &record)) {
			return;
		}
		uplink->is_view_owed = false;
	}
	if (uplink->ping_owed != NULL) {
		struct peal_record record = {
			.kind = PEAL_RECORD_PING_DONE,
			.slot = PEAL_SLOT_NONE,
			.generation = uplink->generation,
			.ping = uplink->ping_owed,
		};

		if (!push(uplink, &record)) {
			return;
		}
		uplink->ping_owed = NULL;
	}
	if (uplink->load_owed != NULL) {
		struct peal_record record = {
			.kind = PEAL_RECORD_LOAD_DONE,
			.slot = PEAL_SLOT_NONE,
			.generation = uplink->generation,
			.load = uplink->load_owed,
		};

		if (!push(uplink, &record)) {
			return;
		}
		uplink->load_owed = NULL;
	}
	while (uplink->streams_owed_count > 0) {
		struct peal_record record = {
			.kind = PEAL_RECORD_STREAM_DONE,
			.slot = PEAL_SLOT_NONE,
			.generation = uplink->generation,
			.stream = uplink->streams_owed[uplink->streams_owed_count - 1U],
		};

		if (!push(uplink, &record)) {
			return;
		}
		uplink->streams_owed_count--;
	}
}

static void
pay_buffers(struct peal_uplink *uplink)
{
	while (uplink->owed_count > 0) {
		struct peal_record record = {
			.kind = PEAL_RECORD_SEND_DONE,
			.buffer = uplink->owed[uplink->owed_count - 1U],
			.slot = PEAL_SLOT_NONE,
		};

		if (!push(uplink, &record)) {
			return;
		}
		uplink->owed_count--;
	}
}

void
peal_uplink_flush(struct peal_uplink *uplink, uint64_t now_ns)
{
	pay_buffers(uplink);
	pay_orders(uplink);
	uplink->retry_at_ns = peal_uplink_is_owing(uplink) ? now_ns + PEAL_UPLINK_RETRY_NS : 0;
}
