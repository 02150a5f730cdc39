/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/heartbeat.h"

#include "base/museum.h"
#include "wire/alert_msg.h"
#include "wire/messages.h"

#include <string.h>

#define NS_PER_MS UINT64_C(1000000)

/* Probes leave at nine tenths of the interval and up to two tenths later. */
#define JITTER_DIVISOR 10U
/* The first probe of who is new, or of anybody to a new observer, leaves in this part of an
 * interval. */
#define FIRST_PROBES_SPREAD 8U

void
peal_heartbeat_init(struct peal_heartbeat *heartbeat, const struct peal_heartbeat_config *config)
{
	const struct peal_timing *timing = config->timing;
	uint64_t stuck_ms = timing->stuck_ns / NS_PER_MS;

	PEAL_ASSERT(timing->probe_interval_ns >= JITTER_DIVISOR);
	PEAL_ASSERT(timing->probe_window_count <= PEAL_EDGE_WINDOW_MAX);
	PEAL_ASSERT(stuck_ms > 0);

	memset(heartbeat, 0, sizeof(*heartbeat));
	heartbeat->timing = timing;
	heartbeat->plane = config->plane;
	heartbeat->egress = config->egress;
	heartbeat->alertbatch = config->alertbatch;
	heartbeat->counters = config->counters;
	heartbeat->next_at_ns = UINT64_MAX;
	/* Ages travel in 16 bits and stop at the highest: that one is always too old. */
	heartbeat->stuck_ms = stuck_ms < UINT16_MAX ? (uint16_t)stuck_ms : UINT16_MAX;
	heartbeat->lag_ns = timing->probe_interval_ns * PEAL_LAG_PROBES_MAX;
	if (heartbeat->lag_ns < PEAL_LAG_NS_MIN) {
		heartbeat->lag_ns = PEAL_LAG_NS_MIN;
	}
	peal_prng_init(&heartbeat->prng, config->seed);
}

static void
report(struct peal_heartbeat *heartbeat, struct peal_heartbeat_peer *peer, uint64_t now_ns)
{
	PEAL_ASSERT(peer->is_subject);
	PEAL_ASSERT(peer->edge.is_failed);

	peer->is_reported = true;
	peal_alertbatch_report(heartbeat->alertbatch, peer->rank, peer->edge.reason, now_ns);
}

/* Reports an edge that has just failed. */
static void
check_verdict(struct peal_heartbeat *heartbeat, struct peal_heartbeat_peer *peer, uint64_t now_ns)
{
	if (peer->is_reported || peal_edge_verdict(&peer->edge) != PEAL_VERDICT_FAILED) {
		return;
	}
	peal_counter_add(heartbeat->counters, PEAL_COUNTER_EDGES_FAILED, 1);
	if (peer->edge.reason == PEAL_ALERT_STUCK) {
		peal_counter_add(heartbeat->counters, PEAL_COUNTER_EDGES_STUCK, 1);
	} else if (peer->edge.reason == PEAL_ALERT_LAG) {
		peal_counter_add(heartbeat->counters, PEAL_COUNTER_EDGES_LAGGING, 1);
	} else if (peer->edge.reason == PEAL_ALERT_SLOW) {
		peal_counter_add(heartbeat->counters, PEAL_COUNTER_EDGES_SLOW, 1);
	}
	report(heartbeat, peer, now_ns);
}

static void
add_subject(struct peal_heartbeat *heartbeat, uint16_t slot)
{
	uint64_t due_at_ns = heartbeat->peers[slot].due_at_ns;

	heartbeat->subjects[heartbeat->subjects_count++] = slot;
	if (due_at_ns < heartbeat->next_at_ns) {
		heartbeat->next_at_ns = due_at_ns;
	}
}

/* Begins, keeps or ends the observation of the peer at `slot`. */
static void
switch_peer(struct peal_heartbeat *heartbeat, uint16_t slot, const struct peal_peer *now,
	bool is_new_self, uint64_t now_ns)
{
	struct peal_heartbeat_peer *peer = &heartbeat->peers[slot];
	uint64_t spread_ns = heartbeat->timing->probe_interval_ns;

	if (is_new_self || peer->mid != now->mid) {
		memset(peer, 0, sizeof(*peer));
		peer->mid = now->mid;
		atomic_store_explicit(
			&heartbeat->plane->heard_at_ns[slot], 0, memory_order_relaxed);
		atomic_store_explicit(
			&heartbeat->plane->echoed_at_ns[slot], 0, memory_order_relaxed);
	}
	peer->rank = now->rank;
	if (now->mid == 0 || !now->is_subject || now->rank == PEAL_RANK_NONE) {
		peer->is_subject = false;
		peer->is_waiting = false;
		return;
	}

	if (!peer->is_subject) {
		peal_edge_open(&peer->edge, now->grace_until_ns, now_ns);
		peer->is_subject = true;
		peer->is_reported = false;
		peer->lag_from_ns = 0;
		/* The first probes of a view are spread over an interval from the start; where
		 * there is patience, over a part of it, for until it has spoken it cannot be
		 * missed. */
		if (now->grace_until_ns > now_ns) {
			spread_ns /= FIRST_PROBES_SPREAD;
		}
		peer->due_at_ns = now_ns + peal_prng_below(&heartbeat->prng, spread_ns);
	} else {
		/* What still holds was counted; what does not may be found, and counted, again. */
		if (!PEAL_BUG(VERDICT_FOR_EVER)) {
			peal_edge_renew(&peer->edge, heartbeat->timing);
		}
		peer->is_reported = peer->edge.is_failed;
	}
	add_subject(heartbeat, slot);
}

void
peal_heartbeat_switch(
	struct peal_heartbeat *heartbeat, const struct peal_peers *peers, uint64_t now_ns)
{
	bool is_new_self =
		heartbeat->cluster != peers->cluster || heartbeat->self_mid != peers->self_mid;
	bool is_same_view = !is_new_self && heartbeat->epoch == peers->epoch &&
			    heartbeat->view_tag == peers->view_tag;

	heartbeat->cluster = peers->cluster;
	heartbeat->self_mid = peers->self_mid;
	heartbeat->epoch = peers->epoch;
	heartbeat->view_tag = peers->view_tag;
	heartbeat->next_at_ns = UINT64_MAX;
	heartbeat->subjects_count = 0;
	for (uint16_t slot = 0; slot < PEAL_SLOTS_MAX; slot++) {
		PEAL_ASSERT(peers->peers[slot].mid == 0 ||
			    peers->peers[slot].mid != peers->self_mid ||
			    !peers->peers[slot].is_subject);
		const struct peal_heartbeat_peer *peer = &heartbeat->peers[slot];

		if (!is_same_view || peer->mid != peers->peers[slot].mid ||
			peer->is_subject != peers->peers[slot].is_subject) {
			switch_peer(heartbeat, slot, &peers->peers[slot], is_new_self, now_ns);
		} else if (peer->is_subject) {
			add_subject(heartbeat, slot);
		}
	}
	if (is_same_view) {
		return;
	}
	/* A verdict that still holds outlives its view: the next one hears it without delay. */
	for (uint32_t i = 0; i < heartbeat->subjects_count; i++) {
		struct peal_heartbeat_peer *peer = &heartbeat->peers[heartbeat->subjects[i]];

		if (peal_edge_verdict(&peer->edge) == PEAL_VERDICT_FAILED &&
			!PEAL_BUG(VERDICT_LOST_AT_VIEW)) {
			report(heartbeat, peer, now_ns);
		}
	}
}

/* How long ago the own control plane took a step, as frames say it. Computed once a turn. */
static inline uint16_t
find_core_age(struct peal_heartbeat *heartbeat, uint64_t now_ns)
{
	if (heartbeat->age_at_ns == now_ns) {
		return heartbeat->core_age_ms;
	}
	uint64_t alive_at_ns =
		atomic_load_explicit(&heartbeat->plane->control_alive_at_ns, memory_order_relaxed);
	/* 0 = control has not begun; and it may have looked at the clock after this turn did. */
	uint64_t age_ms =
		alive_at_ns == 0 || alive_at_ns > now_ns ? 0 : (now_ns - alive_at_ns) / NS_PER_MS;

	heartbeat->age_at_ns = now_ns;
	heartbeat->core_age_ms = age_ms < UINT16_MAX ? (uint16_t)age_ms : UINT16_MAX;
	return heartbeat->core_age_ms;
}

/* What this node says of itself. */
static inline uint8_t
own_flags(const struct peal_heartbeat *heartbeat)
{
	return heartbeat->is_slow ? PEAL_LIVENESS_FLAG_SLOW : 0;
}

static void
judge_lag(struct peal_heartbeat *heartbeat, struct peal_heartbeat_peer *peer, uint64_t epoch,
	uint64_t now_ns)
{
	if (epoch + 1U >= heartbeat->epoch) {
		peer->lag_from_ns = 0;
		return;
	}
	if (peer->lag_from_ns == 0) {
		peer->lag_from_ns = now_ns;
	}
	if (now_ns - peer->lag_from_ns >= heartbeat->lag_ns) {
		peal_edge_on_unfit(&peer->edge, PEAL_ALERT_LAG, now_ns);
		check_verdict(heartbeat, peer, now_ns);
	}
}

/* What a PROBE and an ACK have in common. False: another view of the same epoch, refused. */
static inline bool
take_liveness(struct peal_heartbeat *heartbeat, const struct peal_opened *opened,
	const struct peal_liveness_msg *message, uint64_t now_ns)
{
	struct peal_heartbeat_peer *peer = &heartbeat->peers[opened->slot];

	PEAL_DASSERT(opened->slot < PEAL_SLOTS_MAX);
	PEAL_DASSERT(peer->mid == opened->mid);

	if (__builtin_expect(opened->epoch == heartbeat->epoch, 1)) {
		if (message->view_tag != heartbeat->view_tag ||
			(message->flags & PEAL_LIVENESS_FLAG_NOT_MEMBER) != 0) {
			/* A departed peer of this epoch cannot have been in its view. */
			peal_counter_add(heartbeat->counters, PEAL_COUNTER_REFUSED_BODY, 1);
			return false;
		}
		if (opened->rank != PEAL_RANK_NONE) {
			peal_alertbatch_on_digest(
				heartbeat->alertbatch, opened->slot, message->alert_digest, now_ns);
		}
	}
	if (!peer->is_subject) {
		return true;
	}
	if (__builtin_expect(opened->epoch == heartbeat->epoch, 1)) {
		peal_edge_on_heard(&peer->edge);
	}

	/* Proof that the peer hears: it names the probe that is out. */
	if (peer->is_waiting &&
		(PEAL_BUG(LIFE_WITHOUT_ECHO) ||
			(message->echo_seq == peer->seq &&
				(message->flags & PEAL_LIVENESS_FLAG_ECHO_VALID) != 0))) {
		peer->is_waiting = false;
		peal_edge_on_echo(&peer->edge, heartbeat->timing, now_ns);
		atomic_store_explicit(&heartbeat->plane->echoed_at_ns[opened->slot], now_ns,
			memory_order_relaxed);
	}
	if (__builtin_expect(message->core_age_ms >= heartbeat->stuck_ms, 0) &&
		!PEAL_BUG(STUCK_IS_ALIVE)) {
		peal_edge_on_unfit(&peer->edge, PEAL_ALERT_STUCK, now_ns);
		check_verdict(heartbeat, peer, now_ns);
	}
	if (__builtin_expect((message->flags & PEAL_LIVENESS_FLAG_SLOW) != 0, 0) &&
		opened->epoch == heartbeat->epoch) {
		peal_edge_on_unfit(&peer->edge, PEAL_ALERT_SLOW, now_ns);
		check_verdict(heartbeat, peer, now_ns);
	}
	if (__builtin_expect(opened->epoch != heartbeat->epoch || peer->lag_from_ns != 0, 0)) {
		judge_lag(heartbeat, peer, opened->epoch, now_ns);
	}
	return true;
}

bool
peal_heartbeat_on_probe(struct peal_heartbeat *heartbeat, const struct peal_opened *opened,
	const struct peal_liveness_msg *message, const struct peal_packet *packet, uint64_t now_ns)
{
	struct peal_heartbeat_peer *peer = &heartbeat->peers[opened->slot];
	uint8_t body[PEAL_LIVENESS_BODY_SIZE];

	if (!take_liveness(heartbeat, opened, message, now_ns)) {
		return false;
	}
	peal_counter_add(heartbeat->counters, PEAL_COUNTER_PROBES_HEARD, 1);
	peer->heard_seq = message->seq;
	peer->has_heard = true;

	const struct peal_liveness_msg answer = {
		.view_tag = heartbeat->view_tag,
		.alert_digest = peal_alertbatch_digest(heartbeat->alertbatch),
		.seq = peer->seq,
		.echo_seq = message->seq,
		.core_age_ms = find_core_age(heartbeat, now_ns),
		.flags = (opened->rank == PEAL_RANK_NONE ? PEAL_LIVENESS_FLAG_ECHO_VALID |
								   PEAL_LIVENESS_FLAG_NOT_MEMBER
							 : PEAL_LIVENESS_FLAG_ECHO_VALID) |
			 own_flags(heartbeat),
	};

	peal_liveness_msg_encode(&answer, body);
	peal_egress_answer(heartbeat->egress, packet, opened->slot, 0, PEAL_MESSAGE_ACK, body);
	peal_counter_add(heartbeat->counters, PEAL_COUNTER_ACKS_SENT, 1);
	return true;
}

void
peal_heartbeat_on_ack(struct peal_heartbeat *heartbeat, const struct peal_opened *opened,
	const struct peal_liveness_msg *message, uint64_t now_ns)
{
	if (take_liveness(heartbeat, opened, message, now_ns)) {
		peal_counter_add(heartbeat->counters, PEAL_COUNTER_ACKS_HEARD, 1);
	}
}

static void
send_probe(struct peal_heartbeat *heartbeat, uint16_t slot, struct peal_heartbeat_peer *peer,
	uint64_t now_ns)
{
	uint8_t body[PEAL_LIVENESS_BODY_SIZE];
	uint64_t interval_ns = heartbeat->timing->probe_interval_ns;
	uint64_t jitter_ns = interval_ns / JITTER_DIVISOR;

	peer->seq++;
	peer->due_at_ns = now_ns + interval_ns - jitter_ns +
			  peal_prng_below(&heartbeat->prng, 2U * jitter_ns + 1U);

	const struct peal_liveness_msg probe = {
		.view_tag = heartbeat->view_tag,
		.alert_digest = peal_alertbatch_digest(heartbeat->alertbatch),
		.seq = peer->seq,
		.echo_seq = peer->heard_seq,
		.core_age_ms = find_core_age(heartbeat, now_ns),
		.flags = (peer->has_heard ? PEAL_LIVENESS_FLAG_ECHO_VALID : 0) |
			 own_flags(heartbeat),
	};

	peal_liveness_msg_encode(&probe, body);
	/* A probe that this node could not send says nothing about the peer. */
	peer->is_waiting = peal_egress_send_slot(
		heartbeat->egress, slot, PEAL_MESSAGE_PROBE, body, PEAL_LIVENESS_BODY_SIZE);
	peer->is_unsent = !peer->is_waiting;
	if (peer->is_waiting) {
		peal_counter_add(heartbeat->counters, PEAL_COUNTER_PROBES_SENT, 1);
	}
}

/* A probe failed although the peer spoke in its interval: it does not hear this node. */
static void
count_one_way(struct peal_heartbeat *heartbeat, uint16_t slot, uint64_t now_ns)
{
	uint64_t heard_at_ns = peal_plane_heard_at_ns(heartbeat->plane, slot);

	if (heard_at_ns + heartbeat->timing->probe_interval_ns >= now_ns) {
		peal_counter_add(heartbeat->counters, PEAL_COUNTER_PROBES_ONE_WAY, 1);
	}
}

/* The interval of the probe that is out has ended. */
static void
judge_probe(struct peal_heartbeat *heartbeat, uint16_t slot, bool is_forgiven, uint64_t now_ns)
{
	struct peal_heartbeat_peer *peer = &heartbeat->peers[slot];

	if (is_forgiven || peer->is_unsent) {
		peal_edge_skip(&peer->edge, now_ns);
	} else {
		peal_edge_excuse(&peer->edge, now_ns - peer->due_at_ns, now_ns);
	}
	if (!peer->is_waiting) {
		return;
	}
	peer->is_waiting = false;
	if (is_forgiven) {
		peal_counter_add(heartbeat->counters, PEAL_COUNTER_PROBES_FORGIVEN, 1);
		return;
	}
	peal_counter_add(heartbeat->counters, PEAL_COUNTER_PROBES_FAILED, 1);
	count_one_way(heartbeat, slot, now_ns);
	peal_edge_on_silence(&peer->edge, heartbeat->timing, now_ns);
	check_verdict(heartbeat, peer, now_ns);
}

uint32_t
peal_heartbeat_run_due(struct peal_heartbeat *heartbeat, bool is_drained, uint64_t now_ns)
{
	uint64_t interval_ns = heartbeat->timing->probe_interval_ns;
	uint64_t late_ns = now_ns - heartbeat->next_at_ns;
	bool is_forgiven = late_ns > interval_ns;
	bool is_forgotten = 2U * late_ns > interval_ns * heartbeat->timing->probe_window_count;
	uint64_t next_at_ns = UINT64_MAX;
	uint32_t judged_count = 0;

	PEAL_DASSERT(now_ns >= heartbeat->next_at_ns);
	if (!is_drained && heartbeat->undrained_count < PEAL_DRAIN_TURNS_MAX) {
		heartbeat->undrained_count++;
		return 0;
	}
	heartbeat->undrained_count = 0;
	if (is_forgiven) {
		peal_counter_add(heartbeat->counters, PEAL_COUNTER_TURNS_LATE, 1);
	}

	for (uint32_t i = 0; i < heartbeat->subjects_count; i++) {
		uint16_t slot = heartbeat->subjects[i];
		struct peal_heartbeat_peer *peer = &heartbeat->peers[slot];

		if (is_forgotten) {
			judge_probe(heartbeat, slot, true, now_ns);
			peal_edge_forget(&peer->edge, now_ns);
		}
		if (peer->due_at_ns <= now_ns) {
			judge_probe(heartbeat, slot, is_forgiven || is_forgotten, now_ns);
			send_probe(heartbeat, slot, peer, now_ns);
			judged_count++;
		}
		if (peer->due_at_ns < next_at_ns) {
			next_at_ns = peer->due_at_ns;
		}
	}
	heartbeat->next_at_ns = next_at_ns;
	return judged_count;
}

enum peal_verdict
peal_heartbeat_verdict(const struct peal_heartbeat *heartbeat, uint16_t slot)
{
	PEAL_ASSERT(slot < PEAL_SLOTS_MAX);
	if (!heartbeat->peers[slot].is_subject) {
		return PEAL_VERDICT_OK;
	}
	return peal_edge_verdict(&heartbeat->peers[slot].edge);
}
