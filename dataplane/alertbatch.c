/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/alertbatch.h"

#include "base/hash.h"
#include "base/museum.h"
#include "wire/alert_msg.h"
#include "wire/flood_msg.h"
#include "wire/messages.h"

/* Differing digests in a row that start an exchange: one may be a report that is on its way. */
#define DIFFER_COUNT_MAX 2U

/* Receivers of a message, as slots, but for one. */
struct audience {
	const uint16_t *slots;
	uint32_t slots_count;
	uint16_t but_slot;
};

void
peal_alertbatch_init(struct peal_alertbatch *alertbatch, const struct peal_timing *timing,
	struct peal_egress *egress, struct peal_uplink *uplink, struct peal_counters *counters)
{
	/* The masks are most of it, and mean nothing before their subject is reported. */
	alertbatch->timing = timing;
	alertbatch->egress = egress;
	alertbatch->uplink = uplink;
	alertbatch->counters = counters;
	alertbatch->peers = NULL;
	alertbatch->origin_seq = 0;
	alertbatch->next_at_ns = UINT64_MAX;
	alertbatch->flush_at_ns = UINT64_MAX;
	alertbatch->repeat_at_ns = UINT64_MAX;
	alertbatch->repeat_ns = 0;
	alertbatch->digest = 0;
	alertbatch->own_count = 0;
	alertbatch->fresh_count = 0;
	alertbatch->news_count = 0;
	alertbatch->untold_count = 0;
	alertbatch->news_slot = PEAL_PEERS_NONE;
	memset(&alertbatch->reported, 0, sizeof(alertbatch->reported));
	memset(&alertbatch->news, 0, sizeof(alertbatch->news));
	memset(&alertbatch->untold, 0, sizeof(alertbatch->untold));
	memset(alertbatch->differ_counts, 0, sizeof(alertbatch->differ_counts));
	memset(alertbatch->exchanged_at_ns, 0, sizeof(alertbatch->exchanged_at_ns));
}

void
peal_alertbatch_switch(struct peal_alertbatch *alertbatch, const struct peal_peers *peers)
{
	PEAL_ASSERT(peers->members_count <= PEAL_MEMBERS_MAX);
	PEAL_ASSERT(peers->observers_count <= PEAL_RINGS_MAX);

	uint32_t origin_seq = alertbatch->origin_seq;

	/* Reports name ranks, and ranks mean something in one view only. */
	if (!peal_peers_is_same_view(alertbatch->peers, peers) &&
		!(PEAL_BUG(ALERTS_KEPT) && peers->members_count > 0)) {
		peal_alertbatch_init(alertbatch, alertbatch->timing, alertbatch->egress,
			alertbatch->uplink, alertbatch->counters);
	}
	alertbatch->peers = peers;
	alertbatch->origin_seq = origin_seq;
}

static void
plan(struct peal_alertbatch *alertbatch)
{
	uint64_t next_at_ns = alertbatch->flush_at_ns < alertbatch->repeat_at_ns
				      ? alertbatch->flush_at_ns
				      : alertbatch->repeat_at_ns;

	alertbatch->next_at_ns = alertbatch->untold_count == 0 ? next_at_ns : 0;
}

/* The window opens with its first entry, and ends when a frame is full. */
static void
open_window(struct peal_alertbatch *alertbatch, uint32_t waiting_count, uint64_t now_ns)
{
	if (alertbatch->flush_at_ns == UINT64_MAX) {
		alertbatch->flush_at_ns = now_ns + alertbatch->timing->merge_window_ns;
	}
	if (waiting_count >= PEAL_ALERT_ENTRIES_MAX) {
		alertbatch->flush_at_ns = now_ns;
	}
}

static uint32_t
mask_of(const struct peal_alertbatch *alertbatch, uint32_t rank)
{
	return peal_bitset_has(&alertbatch->reported, rank) ? alertbatch->masks[rank] : 0;
}

/* The summand of one subject in the digest; 0 for no reports. */
static uint32_t
summand(uint16_t rank, uint32_t mask)
{
	return mask == 0 ? 0 : (uint32_t)peal_hash_mix(((uint64_t)rank << 32) | mask);
}

/* The mask of a subject grows by the bits of `mask` that are new. False: there are none. */
static bool
grow(struct peal_alertbatch *alertbatch, uint16_t rank, uint32_t mask, uint8_t reason)
{
	uint32_t before = mask_of(alertbatch, rank);
	uint32_t after = before | mask;

	PEAL_ASSERT(rank < alertbatch->peers->members_count);
	if (after == before) {
		return false;
	}
	peal_bitset_add(&alertbatch->reported, rank);
	alertbatch->masks[rank] = after;
	alertbatch->reasons[rank] = reason;
	alertbatch->digest += summand(rank, after) - summand(rank, before);
	if (!peal_bitset_has(&alertbatch->untold, rank)) {
		peal_bitset_add(&alertbatch->untold, rank);
		alertbatch->untold_count++;
	}
	return true;
}

/* Keeps an own report in the order of ranks. False: it is there already, or there is no room. */
static bool
add_own(struct peal_alertbatch *alertbatch, const struct peal_alertbatch_own *report)
{
	struct peal_alertbatch_own *own = alertbatch->own;
	uint32_t place = alertbatch->own_count;

	while (place > 0 && own[place - 1U].rank >= report->rank) {
		place--;
		if (own[place].rank == report->rank) {
			return false;
		}
	}
	/* Nobody observes more members than a core has places for. */
	if (alertbatch->own_count == PEAL_SLOTS_MAX) {
		return false;
	}
	memmove(&own[place + 1U], &own[place], (alertbatch->own_count - place) * sizeof(own[0]));
	own[place] = *report;
	alertbatch->own_count++;
	return true;
}

void
peal_alertbatch_report(
	struct peal_alertbatch *alertbatch, uint16_t rank, uint8_t reason, uint64_t now_ns)
{
	const struct peal_peers *peers = alertbatch->peers;

	PEAL_ASSERT(peers != NULL);
	PEAL_ASSERT(rank < peers->members_count);

	const struct peal_alertbatch_own report = {.rank = rank,
		.reason = reason,
		.is_fresh = true,
		.mask = peal_rings_mask(peers->topology, peers->self_rank, rank)};

	if (report.mask == 0 || !add_own(alertbatch, &report)) {
		return;
	}
	alertbatch->fresh_count++;
	open_window(alertbatch, alertbatch->fresh_count, now_ns);
	(void)grow(alertbatch, rank, report.mask, reason);
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

/* Everybody in a small view; in a large one the members that this node observes. */
static struct audience
find_audience(const struct peal_peers *peers)
{
	if (peers->is_large) {
		return (struct audience){peers->subjects, peers->subjects_count, PEAL_PEERS_NONE};
	}
	return (struct audience){peers->neighbours, peers->neighbours_count, PEAL_PEERS_NONE};
}

/* Sends what is in `message`, if anything, and empties it. Returns how many frames left. */
static uint32_t
send_message(struct peal_alertbatch *alertbatch, struct peal_alert_msg *message,
	const struct audience *audience)
{
	const struct peal_peers *peers = alertbatch->peers;
	uint8_t body[PEAL_BODY_SIZE_MAX];
	struct peal_writer writer = peal_writer_init(body, sizeof(body));
	uint32_t sent_count = 0;

	if (message->count == 0) {
		return 0;
	}
	peal_flood_prefix_encode(&(struct peal_flood_prefix){.view_tag = peers->view_tag,
					 .origin = (uint32_t)peers->self_mid,
					 .origin_seq = ++alertbatch->origin_seq},
		&writer);
	peal_alert_msg_encode(message, &writer);
	PEAL_ASSERT(writer.is_ok);
	message->count = 0;
	for (uint32_t i = 0; i < audience->slots_count; i++) {
		if (audience->slots[i] != audience->but_slot &&
			peal_egress_send_slot(alertbatch->egress, audience->slots[i],
				PEAL_MESSAGE_ALERT, body, (uint16_t)writer.offset)) {
			sent_count++;
		}
	}
	return sent_count;
}

/* Adds an entry; a message that is full leaves. Returns how many frames left. */
static uint32_t
put_entry(struct peal_alertbatch *alertbatch, struct peal_alert_msg *message,
	const struct peal_alert_entry *entry, const struct audience *audience)
{
	message->entries[message->count++] = *entry;
	return message->count == PEAL_ALERT_ENTRIES_MAX
		       ? send_message(alertbatch, message, audience)
		       : 0;
}

/* Sends own reports: those in the window, or all. */
static void
send_own(struct peal_alertbatch *alertbatch, bool is_repeat)
{
	struct audience audience = find_audience(alertbatch->peers);
	struct peal_alert_msg message = {.flags = 0};
	uint32_t sent_count = 0;

	for (uint32_t i = 0; i < alertbatch->own_count; i++) {
		struct peal_alertbatch_own *own = &alertbatch->own[i];

		if (own->is_fresh || is_repeat) {
			const struct peal_alert_entry entry = {
				.rank = own->rank, .reason = own->reason, .mask = own->mask};

			sent_count += put_entry(alertbatch, &message, &entry, &audience);
			own->is_fresh = false;
		}
	}
	sent_count += send_message(alertbatch, &message, &audience);
	peal_counter_add(alertbatch->counters, PEAL_COUNTER_ALERTS_SENT, sent_count);
}

/* Sends all that is known about the members of `ranks`. Returns how many frames left. */
static uint32_t
send_merged(struct peal_alertbatch *alertbatch, const struct peal_bitset *ranks,
	const struct audience *audience)
{
	struct peal_alert_msg message = {.flags = PEAL_ALERT_FLAG_MERGED};
	uint32_t sent_count = 0;

	PEAL_BITSET_FOR_EACH (rank, ranks) {
		const struct peal_alert_entry entry = {.rank = (uint16_t)rank,
			.reason = alertbatch->reasons[rank],
			.mask = alertbatch->masks[rank]};

		sent_count += put_entry(alertbatch, &message, &entry, audience);
	}
	return sent_count + send_message(alertbatch, &message, audience);
}

static void
send_news(struct peal_alertbatch *alertbatch)
{
	struct audience audience = find_audience(alertbatch->peers);

	audience.but_slot = alertbatch->news_slot;
	peal_counter_add(alertbatch->counters, PEAL_COUNTER_FLOOD_PASSED,
		send_merged(alertbatch, &alertbatch->news, &audience));
	memset(&alertbatch->news, 0, sizeof(alertbatch->news));
	alertbatch->news_count = 0;
}

/* What was heard of `rank` from the peer at `slot` is to be passed on. */
static void
add_news(struct peal_alertbatch *alertbatch, uint16_t rank, uint16_t slot, uint64_t now_ns)
{
	if (alertbatch->news_count == 0) {
		alertbatch->news_slot = slot;
	} else if (alertbatch->news_slot != slot) {
		alertbatch->news_slot = PEAL_PEERS_NONE;
	}
	if (!peal_bitset_has(&alertbatch->news, rank)) {
		peal_bitset_add(&alertbatch->news, rank);
		alertbatch->news_count++;
	}
	open_window(alertbatch, alertbatch->news_count, now_ns);
}

static void
take_entry(struct peal_alertbatch *alertbatch, const struct peal_opened *opened, bool is_merged,
	const struct peal_alert_entry *entry, uint64_t now_ns)
{
	const struct peal_peers *peers = alertbatch->peers;
	uint32_t rings = (uint32_t)((UINT64_C(1) << peers->observers_count) - 1U);
	bool is_valid = entry->rank < peers->members_count && (entry->mask & ~rings) == 0;

	/* Only the observer of an edge may report it; masks passed on were checked once. */
	if (is_valid && !is_merged) {
		uint32_t own = peal_rings_mask(peers->topology, opened->rank, entry->rank);

		is_valid = (entry->mask & ~own) == 0;
	}
	if (!is_valid) {
		peal_counter_add(alertbatch->counters, PEAL_COUNTER_ALERT_ENTRIES_REFUSED, 1);
		return;
	}
	if (grow(alertbatch, entry->rank, entry->mask, entry->reason) && peers->is_large) {
		add_news(alertbatch, entry->rank, opened->slot, now_ns);
	}
}

void
peal_alertbatch_on_alert(
	struct peal_alertbatch *alertbatch, const struct peal_opened *opened, uint64_t now_ns)
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

	peal_counter_add(alertbatch->counters, PEAL_COUNTER_ALERTS_HEARD, 1);
	for (uint32_t i = 0; i < message.count; i++) {
		take_entry(alertbatch, opened, (message.flags & PEAL_ALERT_FLAG_MERGED) != 0,
			&message.entries[i], now_ns);
	}
	plan(alertbatch);
}

void
peal_alertbatch_differ(struct peal_alertbatch *alertbatch, uint16_t slot, uint64_t now_ns)
{
	const struct audience audience = {&slot, 1, PEAL_PEERS_NONE};
	uint64_t *exchanged_at_ns = &alertbatch->exchanged_at_ns[slot];

	if (alertbatch->differ_counts[slot] < DIFFER_COUNT_MAX) {
		alertbatch->differ_counts[slot]++;
	}
	if (alertbatch->differ_counts[slot] < DIFFER_COUNT_MAX ||
		(*exchanged_at_ns != 0 &&
			now_ns - *exchanged_at_ns < alertbatch->timing->probe_interval_ns)) {
		return;
	}

	/* Who knows nothing has nothing to tell; the other side sees the difference too. */
	uint32_t sent_count = send_merged(alertbatch, &alertbatch->reported, &audience);

	if (sent_count > 0) {
		*exchanged_at_ns = now_ns;
		alertbatch->differ_counts[slot] = 0;
		peal_counter_add(alertbatch->counters, PEAL_COUNTER_MASKS_EXCHANGED, sent_count);
	}
}

/* Tells control about the subjects whose masks grew, as far as there is room. */
static void
tell_control(struct peal_alertbatch *alertbatch)
{
	const struct peal_peers *peers = alertbatch->peers;

	if (alertbatch->untold_count == 0) {
		return;
	}
	PEAL_BITSET_FOR_EACH (rank, &alertbatch->untold) {
		const struct peal_record record = {
			.kind = PEAL_RECORD_ALERT,
			.slot = PEAL_SLOT_NONE,
			.rank = (uint16_t)rank,
			.reason = alertbatch->reasons[rank],
			.mask = alertbatch->masks[rank],
			.generation = peers->generation,
			.epoch = peers->epoch,
		};

		if (!peal_uplink_alert(alertbatch->uplink, &record)) {
			return;
		}
		peal_bitset_remove(&alertbatch->untold, rank);
		alertbatch->untold_count--;
	}
}

void
peal_alertbatch_run_due(struct peal_alertbatch *alertbatch, uint64_t now_ns)
{
	if (alertbatch->flush_at_ns <= now_ns) {
		alertbatch->flush_at_ns = UINT64_MAX;
		if (alertbatch->fresh_count > 0) {
			send_own(alertbatch, false);
			alertbatch->fresh_count = 0;
			alertbatch->repeat_ns = 2U * alertbatch->timing->flood_ns;
			alertbatch->repeat_at_ns = now_ns + alertbatch->repeat_ns;
		}
		if (alertbatch->news_count > 0) {
			send_news(alertbatch);
		}
	}
	if (alertbatch->repeat_at_ns <= now_ns) {
		send_own(alertbatch, true);
		alertbatch->repeat_ns =
			peal_timing_next_repeat_ns(alertbatch->timing, alertbatch->repeat_ns);
		alertbatch->repeat_at_ns = now_ns + alertbatch->repeat_ns;
	}
	tell_control(alertbatch);
	plan(alertbatch);
}
