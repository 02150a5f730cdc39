/* SPDX-License-Identifier: BSD-3-Clause */
#include "membership/admission.h"

#include "base/assert.h"
#include "wire/flood_msg.h"
#include "wire/messages.h"

#include <string.h>

/* A living member speaks once in a jittered probe interval; so much of one it must have been
 * silent. */
#define PATIENCE_PERCENT 120U

void
peal_admission_init(struct peal_admission *admission, const struct peal_admission_config *config)
{
	memset(admission, 0, sizeof(*admission));
	admission->config = *config;
	admission->self_rank = PEAL_RANK_NONE;
	admission->repeat_at_ns = UINT64_MAX;
}

void
peal_admission_bury(struct peal_admission *admission, struct peal_uuid uuid)
{
	admission->tombstones[admission->tombstones_count++ % PEAL_TOMBSTONES_MAX] = uuid;
}

bool
peal_admission_is_buried(const struct peal_admission *admission, struct peal_uuid uuid)
{
	uint32_t count = admission->tombstones_count < PEAL_TOMBSTONES_MAX
				 ? admission->tombstones_count
				 : PEAL_TOMBSTONES_MAX;

	for (uint32_t i = 0; i < count; i++) {
		if (peal_uuid_equals(admission->tombstones[i], uuid)) {
			return true;
		}
	}
	return false;
}

static void
answer(const struct peal_admission *admission, const struct peal_join_request *request,
	const struct peal_address *to, enum peal_join_status status, const uint8_t cookie[16],
	struct peal_outbox *out)
{
	struct peal_effect effect = {.kind = PEAL_EFFECT_SEND_ADDRESS,
		.message = PEAL_MESSAGE_JOIN_ANSWER,
		.address = *to};
	struct peal_join_answer message = {.status = (uint8_t)status,
		.retry_ms = (uint32_t)(admission->config.timing->join_forward_ns / 1000000U),
		.candidate = request->member.uuid,
		.answerer = admission->config.self};
	struct peal_writer writer = peal_outbox_open(out, &effect, PEAL_BODY_SIZE_MAX);

	if (cookie != NULL) {
		memcpy(message.cookie, cookie, sizeof(message.cookie));
	}
	peal_join_answer_encode(&message, &writer);
	peal_outbox_commit(out, &writer);
}

static void
send_view(const struct peal_admission *admission, struct peal_uuid joiner,
	const struct peal_address *to, struct peal_outbox *out)
{
	uint8_t snapshot[PEAL_VIEW_ENCODED_SIZE_MAX];
	uint32_t size = peal_view_encode(admission->config.view, snapshot, sizeof(snapshot));
	struct peal_effect effect = {
		.kind = PEAL_EFFECT_SEND_ADDRESS, .message = PEAL_MESSAGE_INSTALL, .address = *to};

	PEAL_ASSERT(size > 0 && size <= sizeof(snapshot));
	for (uint32_t offset = 0; offset < size; offset += PEAL_INSTALL_CHUNK_SIZE_MAX) {
		struct peal_install_msg message = {.joiner = joiner,
			.view_hash = admission->config.view->hash,
			.total_size = size,
			.offset = offset,
			.chunk_size = size - offset < PEAL_INSTALL_CHUNK_SIZE_MAX
					      ? size - offset
					      : PEAL_INSTALL_CHUNK_SIZE_MAX,
			.chunk = snapshot + offset};
		struct peal_writer writer = peal_outbox_open(out, &effect, PEAL_BODY_SIZE_MAX);

		peal_install_msg_encode(&message, &writer);
		peal_outbox_commit(out, &writer);
	}
	peal_counter_add(admission->config.counters, PEAL_COUNTER_INSTALLS_SENT, 1);
}

static struct peal_pending *
remember(struct peal_admission *admission, const struct peal_join_request *request,
	const struct peal_address *from, uint64_t now_ns)
{
	struct peal_pending *free_place = NULL;

	for (uint32_t i = 0; i < PEAL_PENDING_JOINS_MAX; i++) {
		struct peal_pending *pending = &admission->pending[i];

		if (pending->is_used &&
			peal_address_equals(&pending->member.address, &request->member.address)) {
			/* The same joiner, or a newer incarnation at its address. */
			if (!peal_uuid_equals(pending->member.uuid, request->member.uuid)) {
				pending->forward_at_ns = now_ns;
				pending->attempts_count = 0;
			}
			free_place = pending;
			break;
		}
		if (!pending->is_used && free_place == NULL) {
			free_place = pending;
		}
	}
	if (free_place == NULL) {
		return NULL;
	}
	if (!free_place->is_used) {
		free_place->is_used = true;
		free_place->forward_at_ns = now_ns;
		free_place->attempts_count = 0;
	}
	free_place->member = request->member;
	free_place->reply_to = *from;
	free_place->asked_at_ns = now_ns;
	return free_place;
}

void
peal_admission_on_request(struct peal_admission *admission, const struct peal_join_request *request,
	const struct peal_address *from, const uint8_t cookie_now[16],
	const uint8_t cookie_before[16], uint64_t now_ns, struct peal_outbox *out)
{
	static const uint8_t cookie_none[16];
	const struct peal_view *view = admission->config.view;
	struct peal_counters *counters = admission->config.counters;
	bool is_replacing = false;

	PEAL_ASSERT(view->epoch > 0);

	if (request->parameters != admission->config.parameters) {
		peal_counter_add(counters, PEAL_COUNTER_JOINS_REFUSED, 1);
		answer(admission, request, from, PEAL_JOIN_PARAMETER_MISMATCH, NULL, out);
		return;
	}
	if (memcmp(request->cookie, cookie_now, 16) != 0 &&
		memcmp(request->cookie, cookie_before, 16) != 0) {
		if (memcmp(request->cookie, cookie_none, 16) != 0) {
			peal_counter_add(counters, PEAL_COUNTER_COOKIES_REFUSED, 1);
		}
		answer(admission, request, from, PEAL_JOIN_CHALLENGE, cookie_now, out);
		return;
	}
	if (peal_view_find_uuid(view, request->member.uuid) != PEAL_RANK_NONE) {
		answer(admission, request, from, PEAL_JOIN_ALREADY_MEMBER, NULL, out);
		send_view(admission, request->member.uuid, from, out);
		return;
	}
	if (peal_admission_is_buried(admission, request->member.uuid)) {
		peal_counter_add(counters, PEAL_COUNTER_JOINS_REFUSED, 1);
		answer(admission, request, from, PEAL_JOIN_UUID_USED, NULL, out);
		return;
	}
	is_replacing = peal_view_find_address(view, &request->member.address) != PEAL_RANK_NONE;
	if ((!is_replacing && view->members_count >= PEAL_MEMBERS_MAX) ||
		remember(admission, request, from, now_ns) == NULL) {
		peal_counter_add(counters, PEAL_COUNTER_JOINS_REFUSED, 1);
		answer(admission, request, from, PEAL_JOIN_BUSY, NULL, out);
		return;
	}
	answer(admission, request, from, is_replacing ? PEAL_JOIN_REPLACING : PEAL_JOIN_PENDING,
		NULL, out);
}

void
peal_admission_on_forward(
	struct peal_admission *admission, const struct peal_member *member, uint64_t now_ns)
{
	uint32_t place = 0;

	if (peal_view_find_uuid(admission->config.view, member->uuid) != PEAL_RANK_NONE ||
		peal_admission_is_buried(admission, member->uuid)) {
		return;
	}
	while (place < admission->items_count &&
		!peal_address_equals(&admission->items[place].member.address, &member->address)) {
		place++;
	}
	if (place == admission->items_count) {
		if (place == PEAL_PENDING_JOINS_MAX) {
			return; /* its introducer will forward it again */
		}
		admission->items_count++;
		admission->items[place].arrived_at_ns = now_ns;
		admission->last_item_at_ns = now_ns;
		if (place == 0) {
			admission->first_item_at_ns = now_ns;
		}
	}
	if (!peal_uuid_equals(admission->items[place].member.uuid, member->uuid)) {
		admission->items[place].arrived_at_ns = now_ns;
	}
	admission->items[place].vouched_at_ns = now_ns;
	admission->items[place].member = *member;
	admission->items[place].member.mid = 0;
}

void
peal_admission_on_view(struct peal_admission *admission, uint16_t self_rank, uint64_t now_ns,
	struct peal_outbox *out)
{
	admission->self_rank = self_rank;
	admission->items_count = 0;
	admission->is_sent = false;
	admission->repeat_at_ns = UINT64_MAX;
	for (uint32_t i = 0; i < PEAL_PENDING_JOINS_MAX; i++) {
		struct peal_pending *pending = &admission->pending[i];

		if (!pending->is_used) {
			continue;
		}
		if (peal_view_find_uuid(admission->config.view, pending->member.uuid) !=
			PEAL_RANK_NONE) {
			send_view(admission, pending->member.uuid, &pending->reply_to, out);
			pending->is_used = false;
			continue;
		}
		pending->attempts_count = 0;
		pending->forward_at_ns = now_ns;
	}
}

/* How long the old incarnation of a joiner must have been silent. */
static uint64_t
patience_ns(const struct peal_admission *admission)
{
	return admission->config.timing->probe_interval_ns * PATIENCE_PERCENT / 100U;
}

struct peal_bitset
peal_admission_replaced(const struct peal_admission *admission)
{
	struct peal_bitset replaced = {0};

	for (uint32_t i = 0; i < admission->items_count; i++) {
		uint16_t rank = peal_view_find_address(
			admission->config.view, &admission->items[i].member.address);

		if (rank != PEAL_RANK_NONE) {
			peal_bitset_add(&replaced, rank);
		}
	}
	return replaced;
}

/* Sends one pending joiner to the sequencer whose turn it is. */
static void
forward(struct peal_admission *admission, struct peal_pending *pending, uint64_t now_ns,
	struct peal_outbox *out)
{
	const struct peal_view *view = admission->config.view;
	uint16_t replaced = peal_view_find_address(view, &pending->member.address);
	uint16_t sequencer = PEAL_RANK_NONE;

	do {
		sequencer = peal_rings_elect(admission->config.topology, view, 0,
			pending->attempts_count++ % view->members_count);
	} while (sequencer == replaced && view->members_count > 1); /* its process is gone */
	pending->forward_at_ns = now_ns + admission->config.timing->join_forward_ns;
	if (replaced != PEAL_RANK_NONE) {
		pending->forward_at_ns += patience_ns(admission); /* the sequencer waits as well */
	}
	if (sequencer == admission->self_rank) {
		peal_admission_on_forward(admission, &pending->member, now_ns);
		return;
	}
	struct peal_effect effect = {.kind = PEAL_EFFECT_SEND_MEMBER,
		.message = PEAL_MESSAGE_JOIN_FORWARD,
		.rank = sequencer};
	struct peal_writer writer =
		peal_outbox_open(out, &effect, PEAL_BODY_SIZE_MAX - PEAL_FLOOD_PREFIX_SIZE);

	peal_member_encode(&pending->member, &writer);
	peal_outbox_commit(out, &writer);
	peal_counter_add(admission->config.counters, PEAL_COUNTER_JOINS_FORWARDED, 1);
}

/* True when the item may enter a batch; sets the member that it replaces. */
static bool
is_admissible(const struct peal_admission *admission, const struct peal_batch_item *item,
	const uint64_t *heard_at_ns, uint64_t now_ns, uint16_t *replaced_out)
{
	*replaced_out = peal_view_find_address(admission->config.view, &item->member.address);
	/* The old incarnation spoke after the new one asked: it is not gone, so somebody lies or
	 * the address is used twice. Its observers decide, not the request. */
	return *replaced_out == PEAL_RANK_NONE ||
	       (heard_at_ns[*replaced_out] < item->arrived_at_ns &&
		       now_ns >= item->arrived_at_ns + patience_ns(admission));
}

/* Items that no introducer vouched for lately. */
static void
drop_stale_items(struct peal_admission *admission, uint64_t now_ns)
{
	uint64_t expiry_ns =
		PEAL_ADMISSION_EXPIRY_FORWARDS * admission->config.timing->join_forward_ns;
	uint8_t kept_count = 0;

	for (uint32_t i = 0; i < admission->items_count; i++) {
		if (now_ns - admission->items[i].vouched_at_ns < expiry_ns) {
			admission->items[kept_count++] = admission->items[i];
		}
	}
	admission->items_count = kept_count;
}

static void
build_batch(struct peal_admission *admission, const uint64_t *heard_at_ns, uint64_t now_ns)
{
	const struct peal_view *view = admission->config.view;
	struct peal_proposal *batch = &admission->batch;

	memset(batch, 0, sizeof(*batch));
	batch->parent_epoch = view->epoch;
	batch->parent_hash = view->hash;
	for (uint32_t i = 0; i < admission->items_count; i++) {
		const struct peal_batch_item *item = &admission->items[i];
		uint16_t replaced = PEAL_RANK_NONE;
		uint32_t place = batch->additions_count;

		if (place == PEAL_ADDITIONS_MAX ||
			place + peal_bitset_count(&batch->removals) >= view->members_count) {
			break;
		}
		if (!is_admissible(admission, item, heard_at_ns, now_ns, &replaced)) {
			continue;
		}
		if (replaced != PEAL_RANK_NONE) {
			peal_bitset_add(&batch->removals, replaced);
		} else if (view->members_count + place >= PEAL_MEMBERS_MAX) {
			continue;
		}
		/* Canonical order is by uuid. */
		while (place > 0 && peal_uuid_compare(batch->additions[place - 1U].uuid,
					    item->member.uuid) > 0) {
			batch->additions[place] = batch->additions[place - 1U];
			place--;
		}
		batch->additions[place] = item->member;
		batch->additions_count++;
	}
}

static void
send_batch(struct peal_admission *admission, struct peal_outbox *out)
{
	struct peal_effect effect = {
		.kind = PEAL_EFFECT_SEND_ALL, .message = PEAL_MESSAGE_JOIN_BATCH};
	struct peal_writer writer =
		peal_outbox_open(out, &effect, PEAL_BODY_SIZE_MAX - PEAL_FLOOD_PREFIX_SIZE);

	peal_proposal_encode(&admission->batch, &writer);
	peal_outbox_commit(out, &writer);
	peal_counter_add(admission->config.counters, PEAL_COUNTER_BATCHES_SENT, 1);
}

static uint64_t
window_ends_at_ns(const struct peal_admission *admission)
{
	uint64_t quiet_ns = admission->last_item_at_ns + admission->config.timing->join_quiet_ns;
	uint64_t total_ns = admission->first_item_at_ns + admission->config.timing->join_window_ns;
	uint64_t end_ns = quiet_ns < total_ns ? quiet_ns : total_ns;

	if (admission->items_count == 0 || admission->is_sent) {
		return UINT64_MAX;
	}
	if (admission->items_count >= PEAL_ADDITIONS_MAX) {
		end_ns = admission->last_item_at_ns; /* more would not fit one cut */
	}
	return end_ns > admission->hold_until_ns ? end_ns : admission->hold_until_ns;
}

const struct peal_proposal *
peal_admission_on_tick(struct peal_admission *admission, const uint64_t *heard_at_ns, bool is_free,
	uint64_t now_ns, struct peal_outbox *out)
{
	const struct peal_timing *timing = admission->config.timing;

	PEAL_ASSERT(admission->self_rank < admission->config.view->members_count);

	for (uint32_t i = 0; i < PEAL_PENDING_JOINS_MAX; i++) {
		struct peal_pending *pending = &admission->pending[i];

		if (pending->is_used &&
			now_ns - pending->asked_at_ns >=
				PEAL_ADMISSION_EXPIRY_FORWARDS * timing->join_forward_ns) {
			pending->is_used = false;
		}
		if (pending->is_used && now_ns >= pending->forward_at_ns) {
			forward(admission, pending, now_ns, out);
		}
	}
	if (admission->is_sent && now_ns >= admission->repeat_at_ns) {
		admission->repeat_ns = peal_timing_next_repeat_ns(timing, admission->repeat_ns);
		admission->repeat_at_ns = now_ns + admission->repeat_ns;
		send_batch(admission, out);
	}
	drop_stale_items(admission, now_ns);
	if (now_ns < window_ends_at_ns(admission)) {
		return NULL;
	}
	build_batch(admission, heard_at_ns, now_ns);
	/* Nothing to add: only old incarnations that still speak; their observers decide first. */
	if (!is_free || admission->batch.additions_count == 0) {
		admission->hold_until_ns = now_ns + timing->join_quiet_ns;
		return NULL;
	}
	admission->is_sent = true;
	admission->repeat_ns = 2U * timing->flood_ns;
	admission->repeat_at_ns = now_ns + admission->repeat_ns;
	send_batch(admission, out);
	return &admission->batch;
}

uint64_t
peal_admission_deadline_at_ns(const struct peal_admission *admission)
{
	uint64_t deadline_at_ns = window_ends_at_ns(admission);

	for (uint32_t i = 0; i < PEAL_PENDING_JOINS_MAX; i++) {
		const struct peal_pending *pending = &admission->pending[i];

		if (pending->is_used && pending->forward_at_ns < deadline_at_ns) {
			deadline_at_ns = pending->forward_at_ns;
		}
	}
	if (admission->is_sent && admission->repeat_at_ns < deadline_at_ns) {
		deadline_at_ns = admission->repeat_at_ns;
	}
	return deadline_at_ns;
}
