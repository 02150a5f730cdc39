/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/paths.h"

#include "base/hash.h"
#include "base/museum.h"
#include "wire/messages.h"

#include <string.h>

#define NEVER UINT64_MAX

_Static_assert(PEAL_SLOTS_MAX <= PEAL_RESIDENTS_MAX, "every slot has a deadline");

void
peal_paths_init(struct peal_paths *paths, struct peal_egress *egress, struct peal_plane *plane,
	struct peal_counters *counters, const struct peal_paths_user *user)
{
	memset(paths, 0, sizeof(*paths));
	paths->egress = egress;
	paths->plane = plane;
	paths->counters = counters;
	paths->user = *user;
	peal_deadlines_init(&paths->echoes_at, PEAL_SLOTS_MAX);
	for (uint32_t slot = 0; slot < PEAL_SLOTS_MAX; slot++) {
		paths->paths[slot].via = PEAL_PEERS_NONE;
	}
}

static uint16_t
slot_of(const struct peal_paths *paths, const struct peal_path *path)
{
	return (uint16_t)(path - paths->paths);
}

/* Tells the egress, and whoever looks at this node, where frames to the peer go. */
static void
publish(struct peal_paths *paths, const struct peal_path *path)
{
	uint16_t slot = slot_of(paths, path);
	uint16_t shown = path->state == PEAL_PATH_INDIRECT ? (uint16_t)(path->via + 1U) : 0;
	uint8_t shard = 0;

	if (path->via != PEAL_PEERS_NONE) {
		uint8_t shards_count = paths->peers->peers[path->via].shards_count;

		shard = shards_count > 1 ? (uint8_t)(paths->egress->shard % shards_count) : 0;
	}
	peal_egress_set_via(paths->egress, slot, path->via, shard);
	atomic_store_explicit(&paths->plane->via[slot], shown, memory_order_relaxed);
}

static void
tell(struct peal_paths *paths, const struct peal_path *path, bool is_moved, uint64_t now_ns)
{
	publish(paths, path);
	paths->user.changed(paths->user.state, slot_of(paths, path), is_moved, now_ns);
}

/* Sends an echo, which goes directly, and waits for the next. */
static void
send_echo(struct peal_paths *paths, struct peal_path *path, uint64_t pause_ns, uint64_t now_ns)
{
	uint8_t body[PEAL_LIVENESS_BODY_SIZE];

	path->echo++;
	path->is_answered = false;

	const struct peal_liveness_msg message = {
		.view_tag = path->echo, .alert_digest = (uint32_t)PEAL_ECHO_PATH << 16};

	peal_liveness_msg_encode(&message, body);
	(void)peal_egress_send_slot(
		paths->egress, slot_of(paths, path), PEAL_MESSAGE_ECHO, body, sizeof(body));
	peal_counter_add(paths->counters, PEAL_COUNTER_PATH_ECHOES, 1);
	peal_deadlines_set(&paths->echoes_at, slot_of(paths, path), now_ns + pause_ns);
}

/* Where a member stands in the order in which the two ends of a pair try the others. */
static uint64_t
find_order(const struct peal_paths *paths, uint64_t mid, uint64_t via)
{
	uint64_t self = paths->peers->self_mid;
	uint64_t pair = self < mid ? self << 32 | mid : mid << 32 | self;

	return peal_hash_mix(pair ^ peal_hash_mix(via));
}

/*
 * The member to try after `before`, or PEAL_PEERS_NONE: the first of all. Who cannot be reached
 * directly itself is tried when there is nobody else.
 */
static uint16_t
find_next(const struct peal_paths *paths, const struct peal_path *path, uint16_t before)
{
	const struct peal_peers *peers = paths->peers;
	uint64_t from = before == PEAL_PEERS_NONE
				? 0
				: find_order(paths, path->mid, peers->peers[before].mid);
	uint64_t least = UINT64_MAX;
	uint16_t next = PEAL_PEERS_NONE;

	for (uint32_t i = 0; i < peers->neighbours_count; i++) {
		uint16_t slot = peers->neighbours[i];
		uint64_t distance;

		if (slot == slot_of(paths, path) || peers->peers[slot].rank == PEAL_RANK_NONE) {
			continue;
		}
		/* From `before` on, round; it comes last itself. */
		distance = find_order(paths, path->mid, peers->peers[slot].mid) - from;
		distance = slot == before ? UINT64_MAX - 1U : distance >> 2;
		if (paths->paths[slot].via != PEAL_PEERS_NONE) {
			distance |= UINT64_C(1) << 63;
		}
		if (distance < least) {
			least = distance;
			next = slot;
		}
	}
	return next;
}

static void
set_via(struct peal_paths *paths, struct peal_path *path, uint16_t via, uint64_t now_ns)
{
	path->via = via;
	path->via_at_ns = now_ns;
	tell(paths, path, true, now_ns);
}

/* The direct way carries. */
static void
go_direct(struct peal_paths *paths, struct peal_path *path, uint64_t now_ns)
{
	bool was_round = path->via != PEAL_PEERS_NONE;

	if (path->state == PEAL_PATH_INDIRECT) {
		path->direct_at_ns = now_ns;
		peal_counter_add(paths->counters, PEAL_COUNTER_PATHS_DIRECT, 1);
	}
	path->state = PEAL_PATH_DIRECT;
	path->tested_at_ns = now_ns;
	peal_deadlines_set(&paths->echoes_at, slot_of(paths, path), NEVER);
	if (was_round) {
		set_via(paths, path, PEAL_PEERS_NONE, now_ns);
	}
}

/* The direct way does not carry. */
static void
go_round(struct peal_paths *paths, struct peal_path *path, uint64_t now_ns)
{
	uint16_t via = find_next(paths, path, PEAL_PEERS_NONE);
	bool is_flapping =
		path->direct_at_ns != 0 && now_ns - path->direct_at_ns < PEAL_PATH_FLAP_NS;

	if (via == PEAL_PEERS_NONE) {
		go_direct(paths, path, now_ns); /* there are only two members */
		return;
	}
	if (!is_flapping) {
		path->replies_needed = PEAL_PATH_REPLIES_MIN;
	} else if (2U * path->replies_needed <= PEAL_PATH_REPLIES_MAX) {
		path->replies_needed = (uint8_t)(2U * path->replies_needed);
	}
	path->state = PEAL_PATH_TRYING;
	path->replies_count = 0;
	peal_counter_add(paths->counters, PEAL_COUNTER_PATHS_BROKEN, 1);
	set_via(paths, path, via, now_ns);
}

static void
reset(struct peal_paths *paths, struct peal_path *path, uint64_t mid, uint64_t now_ns)
{
	bool was_round = path->via != PEAL_PEERS_NONE;

	*path = (struct peal_path){.mid = mid, .via = PEAL_PEERS_NONE};
	peal_deadlines_set(&paths->echoes_at, slot_of(paths, path), NEVER);
	atomic_store_explicit(&paths->plane->via[slot_of(paths, path)], 0, memory_order_relaxed);
	if (was_round) {
		paths->user.changed(paths->user.state, slot_of(paths, path), true, now_ns);
	}
}

void
peal_paths_switch(struct peal_paths *paths, const struct peal_peers *peers, uint64_t now_ns)
{
	const struct peal_peers *before = paths->peers;
	bool is_same_self = before != NULL && before->cluster == peers->cluster &&
			    before->self_mid == peers->self_mid && !peers->is_large;

	paths->peers = peers;
	for (uint16_t slot = 0; slot < PEAL_SLOTS_MAX; slot++) {
		struct peal_path *path = &paths->paths[slot];
		uint64_t mid =
			peers->peers[slot].rank == PEAL_RANK_NONE ? 0 : peers->peers[slot].mid;

		if (mid == peers->self_mid) {
			mid = 0;
		}
		if (!is_same_self || path->mid != mid) {
			reset(paths, path, mid, now_ns);
		}
	}
	for (uint16_t slot = 0; slot < PEAL_SLOTS_MAX; slot++) {
		struct peal_path *path = &paths->paths[slot];

		if (path->via == PEAL_PEERS_NONE) {
			continue;
		}
		/* The egress has forgotten it; and who passed frames on may be gone. */
		if (paths->paths[path->via].mid == 0 ||
			peers->peers[path->via].mid != before->peers[path->via].mid) {
			path->via = PEAL_PEERS_NONE;
			go_round(paths, path, now_ns);
		} else {
			publish(paths, path);
		}
	}
}

static bool
may_doubt(const struct peal_paths *paths, const struct peal_path *path, uint64_t now_ns)
{
	return path->mid != 0 && !paths->peers->is_large &&
	       (path->tested_at_ns == 0 || now_ns - path->tested_at_ns >= PEAL_PATH_TRUST_NS);
}

void
peal_paths_doubt(struct peal_paths *paths, uint16_t slot, uint64_t now_ns)
{
	struct peal_path *path = &paths->paths[slot];

	PEAL_ASSERT(slot < PEAL_SLOTS_MAX);
	if (path->state == PEAL_PATH_DIRECT) {
		if (may_doubt(paths, path, now_ns) && !PEAL_BUG(PAIR_NOT_TESTED)) {
			peal_counter_add(paths->counters, PEAL_COUNTER_PATH_DOUBTS, 1);
			path->state = PEAL_PATH_TESTING;
			path->echoes_count = 1;
			send_echo(paths, path, PEAL_PATH_ECHO_NS, now_ns);
		}
		return;
	}
	if (path->state != PEAL_PATH_TESTING && now_ns - path->via_at_ns >= PEAL_PATH_TRY_NS) {
		uint16_t next = find_next(paths, path, path->via);

		path->via_at_ns = now_ns;
		if (next != path->via && !PEAL_BUG(RELAY_NEVER_CHANGED)) {
			peal_counter_add(paths->counters, PEAL_COUNTER_PATHS_CHANGED, 1);
			set_via(paths, path, next, now_ns);
		}
	}
}

void
peal_paths_take_doubts(struct peal_paths *paths, uint64_t now_ns)
{
	struct peal_egress *egress = paths->egress;

	for (uint32_t word = 0; word < PEAL_RESIDENTS_WORDS; word++) {
		for (; egress->doubts[word] != 0;
			egress->doubts[word] &= egress->doubts[word] - 1U) {
			uint32_t bit = (uint32_t)__builtin_ctzll(egress->doubts[word]);

			peal_paths_doubt(paths, (uint16_t)(word * 64U + bit), now_ns);
		}
	}
	egress->has_doubts = false;
}

/* The member at an IP address, that is not the peer itself; PEAL_PEERS_NONE = nobody. */
static uint16_t
find_address(const struct peal_paths *paths, uint16_t not_slot, const struct peal_address *address)
{
	const struct peal_peers *peers = paths->peers;

	for (uint32_t i = 0; i < peers->neighbours_count; i++) {
		uint16_t slot = peers->neighbours[i];
		const struct peal_address *other = &peers->peers[slot].address;

		if (slot != not_slot && other->ipv4 == address->ipv4 &&
			other->ipv6_head == address->ipv6_head &&
			other->ipv6_middle == address->ipv6_middle) {
			return slot;
		}
	}
	return PEAL_PEERS_NONE;
}

void
peal_paths_on_relayed(
	struct peal_paths *paths, uint16_t slot, const struct peal_address *source, uint64_t now_ns)
{
	struct peal_path *path = &paths->paths[slot];
	uint64_t patience_ns = PEAL_PATH_TRY_NS;
	uint16_t via;

	PEAL_ASSERT(slot < PEAL_SLOTS_MAX);
	peal_counter_add(paths->counters, PEAL_COUNTER_RELAY_HEARD, 1);
	if (path->via == PEAL_PEERS_NONE) {
		if (!PEAL_BUG(RELAYED_NOT_ANSWERED)) {
			peal_paths_doubt(paths, slot, now_ns);
		}
		return;
	}
	via = find_address(paths, slot, source);
	if (paths->peers->self_mid < path->mid) {
		patience_ns *= 2U;
	}
	if (via == path->via) {
		path->via_at_ns = now_ns;
	} else if (via != PEAL_PEERS_NONE && now_ns - path->via_at_ns >= patience_ns) {
		peal_counter_add(paths->counters, PEAL_COUNTER_PATHS_CHANGED, 1);
		set_via(paths, path, via, now_ns);
	}
	if (path->state == PEAL_PATH_TRYING) {
		path->state = PEAL_PATH_INDIRECT;
		peal_counter_add(paths->counters, PEAL_COUNTER_PATHS_INDIRECT, 1);
		tell(paths, path, false, now_ns);
	}
}

void
peal_paths_on_reply(struct peal_paths *paths, uint16_t slot,
	const struct peal_liveness_msg *message, uint64_t now_ns)
{
	struct peal_path *path = &paths->paths[slot];

	PEAL_ASSERT(slot < PEAL_SLOTS_MAX);
	if (path->state == PEAL_PATH_TESTING || path->state == PEAL_PATH_TRYING) {
		go_direct(paths, path, now_ns);
	} else if (path->state == PEAL_PATH_INDIRECT && message->view_tag == path->echo &&
		   !path->is_answered) {
		path->is_answered = true;
		path->replies_count++;
		if (path->replies_count >= path->replies_needed && !PEAL_BUG(WAY_NEVER_BACK)) {
			go_direct(paths, path, now_ns);
		}
	}
}

/* The time of the last echo is over. */
static void
on_timer(struct peal_paths *paths, struct peal_path *path, uint64_t now_ns)
{
	PEAL_ASSERT(path->state != PEAL_PATH_DIRECT);
	if (path->state == PEAL_PATH_TESTING && path->echoes_count < PEAL_PATH_ECHOES_MAX) {
		path->echoes_count++;
		send_echo(paths, path, PEAL_PATH_ECHO_NS, now_ns);
		return;
	}
	if (path->state == PEAL_PATH_TESTING) {
		go_round(paths, path, now_ns);
		if (path->state == PEAL_PATH_DIRECT) {
			return;
		}
	} else if (!path->is_answered) {
		path->replies_count = 0;
	}
	send_echo(paths, path, PEAL_PATH_PROBE_NS, now_ns);
}

uint32_t
peal_paths_run_due(struct peal_paths *paths, uint64_t now_ns)
{
	uint64_t due[PEAL_RESIDENTS_WORDS] = {0};
	uint32_t count = 0;

	peal_deadlines_collect(&paths->echoes_at, now_ns, due);
	for (uint32_t word = 0; word < PEAL_RESIDENTS_WORDS; word++) {
		for (; due[word] != 0; due[word] &= due[word] - 1U, count++) {
			uint32_t slot = word * 64U + (uint32_t)__builtin_ctzll(due[word]);

			on_timer(paths, &paths->paths[slot], now_ns);
		}
	}
	return count;
}
