/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/alertbatch.h"

#include "base/hash.h"
#include "wire/alert_msg.h"
#include "wire/flood_msg.h"
#include "wire/messages.h"

#define BODY_SIZE_MAX (PEAL_FLOOD_PREFIX_SIZE + 4U + 8U * PEAL_MEMBERS_MAX)

/* Differing digests in a row that start an exchange: one may be a report that is on its way. */
#define DIFFER_COUNT_MAX 2U

_Static_assert(BODY_SIZE_MAX <= PEAL_BODY_SIZE_MAX, "all reports of a view fit one frame");

void
peal_alertbatch_init(struct peal_alertbatch *alertbatch, const struct peal_timing *timing,
	struct peal_egress *egress, struct peal_uplink *uplink, struct peal_counters *counters)
{
	memset(alertbatch, 0, sizeof(*alertbatch));
	alertbatch->timing = timing;
	alertbatch->egress = egress;
	alertbatch->uplink = uplink;
	alertbatch->counters = counters;
	alertbatch->next_at_ns = UINT64_MAX;
	alertbatch->flush_at_ns = UINT64_MAX;
	alertbatch->repeat_at_ns = UINT64_MAX;
}

void
peal_alertbatch_switch(struct peal_alertbatch *alertbatch, const struct peal_peers *peers)
{
	PEAL_ASSERT(peers->members_count <= PEAL_MEMBERS_MAX);
	PEAL_ASSERT(peers->observers_count <= PEAL_RINGS_MAX);

	uint32_t origin_seq = alertbatch->origin_seq;

	/* Reports name ranks, and ranks mean something in one view only. */
	peal_alertbatch_init(alertbatch, alertbatch->timing, alertbatch->egress, alertbatch->uplink,
		alertbatch->counters);
	alertbatch->peers = peers;
	alertbatch->origin_seq = origin_seq;
}

static void
plan(struct peal_alertbatch *alertbatch)
{
	uint64_t next_at_ns = alertbatch->flush_at_ns < alertbatch->repeat_at_ns
				      ? alertbatch->flush_at_ns
				      : alertbatch->repeat_at_ns;

	alertbatch->next_at_ns = peal_bitset_is_empty(&alertbatch->untold) ? next_at_ns : 0;
}

/* The summand of one subject in the digest; 0 for no reports. */
static uint32_t
summand(uint16_t rank, uint32_t mask)
{
	return mask == 0 ? 0 : (uint32_t)peal_hash_mix(((uint64_t)rank << 32) | mask);
}

/* The mask of a subject grows by the bits of `mask` that are new, if there are any. */
static void
grow(struct peal_alertbatch *alertbatch, uint16_t rank, uint32_t mask, uint8_t reason)
{
	uint32_t before = alertbatch->masks[rank];
	uint32_t after = before | mask;

	PEAL_ASSERT(rank < alertbatch->peers->members_count);
	if (after == before) {
		return;
	}
	alertbatch->masks[rank] = after;
	alertbatch->reasons[rank] = reason;
	alertbatch->digest += summand(rank, after) - summand(rank, before);
	peal_bitset_add(&alertbatch->untold, rank);
	plan(alertbatch);
}

/* Rings on which the member at `observer` observes the one at `subject`. */
static uint32_t
find_rings(const struct peal_peers *peers, uint16_t observer, uint16_t subject)
{
	uint32_t mask = 0;

	for (uint32_t k = 0; k < peers->observers_count; k++) {
		mask |= (uint32_t)(peers->observers[subject][k] == observer) << k;
	}
	return mask;
}

void
peal_alertbatch_report(
	struct peal_alertbatch *alertbatch, uint16_t rank, uint8_t reason, uint64_t now_ns)
{
	const struct peal_peers *peers = alertbatch->peers;

	PEAL_ASSERT(peers != NULL);
	PEAL_ASSERT(rank < peers->members_count);

	uint32_t mask = find_rings(peers, peers->self_rank, rank);

	if (mask == 0 || alertbatch->own_masks[rank] != 0) {
		return;
	}
	alertbatch->own_masks[rank] = mask;
	alertbatch->own_reasons[rank] = reason;
	/* The first entry opens the window, later ones travel with it. */
	if (peal_bitset_is_empty(&alertbatch->fresh)) {
		alertbatch->flush_at_ns = now_ns + alertbatch->timing->merge_window_ns;
	}
	peal_bitset_add(&alertbatch->fresh, rank);
	grow(alertbatch, rank, mask, reason);
	plan(alertbatch);
}

void
peal_alertbatch_on_report(
	struct peal_alertbatch *alertbatch, const struct peal_record *record, uint64_t now_ns)
{
	const struct peal_peers *peers = alertbatch->peers;

	PEAL_ASSERT(record->kind == PEAL_RECORD_REPORT);
	/* A rank means nothing in another view. */
	if (record->epoch != peers->epoch || record->rank >= peers->members_count) {
		peal_counter_add(alertbatch->counters, PEAL_COUNTER_SENDS_STALE, 1);
		return;
	}
	peal_alertbatch_report(alertbatch, record->rank, PEAL_ALERT_ECHO, now_ns);
}

/* Encodes the masks of the subjects of `ranks`, or of all with `ranks` NULL. Returns the size, 0 =
 * none. */
static uint16_t
encode_alert(struct peal_alertbatch *alertbatch, const uint32_t *masks, const uint8_t *reasons,
	const struct peal_bitset *ranks, uint8_t flags, uint8_t body[BODY_SIZE_MAX])
{
	const struct peal_peers *peers = alertbatch->peers;
	struct peal_writer writer = peal_writer_init(body, BODY_SIZE_MAX);
	struct peal_alert_msg message = {.flags = flags};

	for (uint16_t rank = 0; rank < peers->members_count; rank++) {
		if (masks[rank] != 0 && (ranks == NULL || peal_bitset_has(ranks, rank))) {
			message.entries[message.count++] = (struct peal_alert_entry){
				.rank = rank, .reason = reasons[rank], .mask = masks[rank]};
		}
	}
	if (message.count == 0) {
		return 0;
	}
	peal_flood_prefix_encode(&(struct peal_flood_prefix){.view_tag = peers->view_tag,
					 .origin = (uint32_t)peers->self_mid,
					 .origin_seq = ++alertbatch->origin_seq},
		&writer);
	peal_alert_msg_encode(&message, &writer);
	PEAL_ASSERT(writer.is_ok);
	return (uint16_t)writer.offset;
}

/* Sends own reports, the ones of `ranks` or all, to every other member. */
static void
send_own(struct peal_alertbatch *alertbatch, const struct peal_bitset *ranks)
{
	const struct peal_peers *peers = alertbatch->peers;
	uint8_t body[BODY_SIZE_MAX];
	uint16_t size = encode_alert(
		alertbatch, alertbatch->own_masks, alertbatch->own_reasons, ranks, 0, body);

	PEAL_ASSERT(size > 0);
	for (uint16_t rank = 0; rank < peers->members_count; rank++) {
		if (rank != peers->self_rank &&
			peal_egress_send_slot(alertbatch->egress, peers->slots[rank],
				PEAL_MESSAGE_ALERT, body, size)) {
			peal_counter_add(alertbatch->counters, PEAL_COUNTER_ALERTS_SENT, 1);
		}
	}
}

void
peal_alertbatch_on_alert(struct peal_alertbatch *alertbatch, const struct peal_opened *opened)
{
	const struct peal_peers *peers = alertbatch->peers;
	struct peal_reader reader = peal_reader_init(opened->body, opened->body_size);
	struct peal_flood_prefix prefix;
	struct peal_alert_msg message;

	PEAL_DASSERT(opened->rank < peers->members_count);
	if (!peal_flood_prefix_decode(&reader, &prefix) || prefix.view_tag != peers->view_tag ||
		prefix.origin != (uint32_t)opened->mid ||
		!peal_alert_msg_decode(&reader, &message)) {
		peal_counter_add(alertbatch->counters, PEAL_COUNTER_REFUSED_BODY, 1);
		return;
	}

	bool is_merged = (message.flags & PEAL_ALERT_FLAG_MERGED) != 0;
	uint32_t rings = (uint32_t)((UINT64_C(1) << peers->observers_count) - 1U);

	peal_counter_add(alertbatch->counters, PEAL_COUNTER_ALERTS_HEARD, 1);
	for (uint32_t i = 0; i < message.count; i++) {
		const struct peal_alert_entry *entry = &message.entries[i];
		bool is_valid = entry->rank < peers->members_count && (entry->mask & ~rings) == 0;

		/* Only the observer of an edge may report it; masks passed on were checked once. */
		if (is_valid && !is_merged) {
			uint32_t own = find_rings(peers, opened->rank, entry->rank);

			is_valid = (entry->mask & ~own) == 0;
		}
		if (!is_valid) {
			peal_counter_add(
				alertbatch->counters, PEAL_COUNTER_ALERT_ENTRIES_REFUSED, 1);
			continue;
		}
		grow(alertbatch, entry->rank, entry->mask, entry->reason);
	}
}

void
peal_alertbatch_differ(struct peal_alertbatch *alertbatch, uint16_t slot, uint64_t now_ns)
{
	uint64_t *exchanged_at_ns = &alertbatch->exchanged_at_ns[slot];
	uint8_t body[BODY_SIZE_MAX];

	if (alertbatch->differ_counts[slot] < DIFFER_COUNT_MAX) {
		alertbatch->differ_counts[slot]++;
	}
	if (alertbatch->differ_counts[slot] < DIFFER_COUNT_MAX ||
		(*exchanged_at_ns != 0 &&
			now_ns - *exchanged_at_ns < alertbatch->timing->probe_interval_ns)) {
		return;
	}

	uint16_t size = encode_alert(alertbatch, alertbatch->masks, alertbatch->reasons, NULL,
		PEAL_ALERT_FLAG_MERGED, body);

	/* Who knows nothing has nothing to tell; the other side sees the difference too. */
	if (size == 0) {
		return;
	}
	if (peal_egress_send_slot(alertbatch->egress, slot, PEAL_MESSAGE_ALERT, body, size)) {
		*exchanged_at_ns = now_ns;
		alertbatch->differ_counts[slot] = 0;
		peal_counter_add(alertbatch->counters, PEAL_COUNTER_MASKS_EXCHANGED, 1);
	}
}

/* Tells control about the subjects whose masks grew, as far as there is room. */
static void
tell_control(struct peal_alertbatch *alertbatch)
{
	const struct peal_peers *peers = alertbatch->peers;

	for (uint16_t rank = 0; rank < peers->members_count; rank++) {
		if (!peal_bitset_has(&alertbatch->untold, rank)) {
			continue;
		}
		const struct peal_record record = {
			.kind = PEAL_RECORD_ALERT,
			.slot = PEAL_SLOT_NONE,
			.rank = rank,
			.reason = alertbatch->reasons[rank],
			.mask = alertbatch->masks[rank],
			.generation = peers->generation,
			.epoch = peers->epoch,
		};

		if (!peal_uplink_alert(alertbatch->uplink, &record)) {
			return;
		}
		peal_bitset_remove(&alertbatch->untold, rank);
	}
}

void
peal_alertbatch_run_due(struct peal_alertbatch *alertbatch, uint64_t now_ns)
{
	if (alertbatch->flush_at_ns <= now_ns) {
		send_own(alertbatch, &alertbatch->fresh);
		memset(&alertbatch->fresh, 0, sizeof(alertbatch->fresh));
		alertbatch->flush_at_ns = UINT64_MAX;
		alertbatch->repeat_ns = 2U * alertbatch->timing->flood_ns;
		alertbatch->repeat_at_ns = now_ns + alertbatch->repeat_ns;
	}
	if (alertbatch->repeat_at_ns <= now_ns) {
		send_own(alertbatch, NULL);
		alertbatch->repeat_ns =
			peal_timing_next_repeat_ns(alertbatch->timing, alertbatch->repeat_ns);
		alertbatch->repeat_at_ns = now_ns + alertbatch->repeat_ns;
	}
	tell_control(alertbatch);
	plan(alertbatch);
}
