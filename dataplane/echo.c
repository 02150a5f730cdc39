/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/echo.h"

#include "wire/messages.h"

#include <string.h>

#define INDEX_BITS 48U
#define INDEX_MAX  ((UINT64_C(1) << INDEX_BITS) - 1U)

void
peal_echo_init(struct peal_echo *echo, struct peal_egress *egress, struct peal_uplink *uplink,
	struct peal_counters *counters)
{
	memset(echo, 0, sizeof(*echo));
	echo->egress = egress;
	echo->uplink = uplink;
	echo->counters = counters;
	echo->next_at_ns = UINT64_MAX;
	echo->slot = PEAL_PEERS_NONE;
}

static void
end_run(struct peal_echo *echo, bool is_cut_short)
{
	struct peal_ping_run *run = echo->run;

	PEAL_ASSERT(run != NULL);
	PEAL_ASSERT(run->received_count <= run->sent_count);
	PEAL_ASSERT(echo->taken_count == 0);
	run->is_cut_short = is_cut_short;
	run->lost_count = run->sent_count - run->received_count;
	echo->run = NULL;
	echo->next_at_ns = UINT64_MAX;
	peal_uplink_owe_ping(echo->uplink, run);
}

void
peal_echo_switch(struct peal_echo *echo, const struct peal_peers *peers)
{
	if (echo->run != NULL && !peal_peers_is_member(peers, echo->slot, echo->mid)) {
		end_run(echo, true);
	}
}

void
peal_echo_start(struct peal_echo *echo, struct peal_ping_run *run, const struct peal_peers *peers,
	uint16_t slot, uint64_t mid, uint64_t now_ns)
{
	PEAL_ASSERT(echo->run == NULL);
	PEAL_ASSERT(run->count > 0);
	PEAL_ASSERT(run->count <= INDEX_MAX);

	run->sent_count = 0;
	run->received_count = 0;
	run->lost_count = 0;
	run->is_cut_short = false;
	peal_histogram_reset(&run->histogram);
	if (run->timeline != NULL) {
		peal_timeline_reset(run->timeline, run->count);
	}
	echo->run = run;
	if (!peal_peers_is_member(peers, slot, mid)) {
		end_run(echo, true);
		return;
	}
	echo->slot = slot;
	echo->mid = mid;
	echo->run_seq++;
	if (echo->run_seq == PEAL_ECHO_PATH) {
		echo->run_seq++;
	}
	echo->start_at_ns = now_ns;
	echo->next_at_ns = now_ns;
	echo->is_waiting = false;
}

void
peal_echo_on_echo(
	struct peal_echo *echo, const struct peal_opened *opened, const struct peal_packet *packet)
{
	uint8_t body[PEAL_LIVENESS_BODY_SIZE];

	PEAL_DASSERT(opened->body_size == PEAL_LIVENESS_BODY_SIZE);
	memcpy(body, opened->body, sizeof(body));
	peal_egress_answer(
		echo->egress, packet, opened->slot, opened->shard, PEAL_MESSAGE_ECHO_REPLY, body);
	peal_counter_add(echo->counters, PEAL_COUNTER_ECHOES_ANSWERED, 1);
}

/* The instant at which echo `index` was meant to leave. */
static uint64_t
find_due(const struct peal_echo *echo, uint64_t index)
{
	return echo->run->interval_ns == 0 ? echo->due_at_ns
					   : echo->start_at_ns + index * echo->run->interval_ns;
}

void
peal_echo_on_reply(struct peal_echo *echo, const struct peal_opened *opened,
	const struct peal_liveness_msg *message)
{
	uint64_t tag = message->view_tag | ((uint64_t)message->alert_digest << 32);
	uint64_t index = tag & INDEX_MAX;
	bool is_mine = echo->run != NULL && opened->slot == echo->slot &&
		       tag >> INDEX_BITS == echo->run_seq && index < echo->run->sent_count;

	/* In a closed loop one echo is out, and the one before it was given up. */
	if (is_mine && echo->run->interval_ns == 0) {
		is_mine = echo->is_waiting && index == echo->run->sent_count - 1U;
	}
	if (!is_mine || echo->taken_count == PEAL_BURST_MAX) {
		peal_counter_add(echo->counters, PEAL_COUNTER_ECHO_REPLIES_LATE, 1);
		return;
	}
	peal_counter_add(echo->counters, PEAL_COUNTER_ECHO_REPLIES, 1);
	echo->taken_due_at_ns[echo->taken_count] = find_due(echo, index);
	echo->taken_index[echo->taken_count++] = index;
}

void
peal_echo_record_taken(struct peal_echo *echo, uint64_t now_ns)
{
	struct peal_ping_run *run = echo->run;

	PEAL_ASSERT(run != NULL);
	PEAL_ASSERT(echo->taken_count <= PEAL_BURST_MAX);
	for (uint32_t i = 0; i < echo->taken_count; i++) {
		uint64_t took_ns = now_ns - echo->taken_due_at_ns[i];

		PEAL_DASSERT(now_ns >= echo->taken_due_at_ns[i]);
		peal_histogram_record(&run->histogram, took_ns);
		if (run->timeline != NULL) {
			peal_timeline_record(run->timeline, echo->taken_index[i], took_ns);
		}
	}
	run->received_count += echo->taken_count;
	echo->taken_count = 0;
	if (run->interval_ns == 0) {
		echo->is_waiting = false;
		echo->next_at_ns = now_ns;
	}
	if (run->received_count == run->count) {
		end_run(echo, false);
	}
}

/* Sends the next echo, meant to leave at `due_at_ns`. */
static void
send_echo(struct peal_echo *echo, uint64_t due_at_ns, uint64_t now_ns)
{
	struct peal_ping_run *run = echo->run;
	uint64_t tag = run->sent_count | ((uint64_t)echo->run_seq << INDEX_BITS);
	const struct peal_liveness_msg message = {
		.view_tag = (uint32_t)tag,
		.alert_digest = (uint32_t)(tag >> 32),
		.seq = (uint16_t)run->sent_count,
	};
	uint8_t body[PEAL_LIVENESS_BODY_SIZE];

	PEAL_ASSERT(run->sent_count < run->count);
	peal_liveness_msg_encode(&message, body);
	/* One that the port could not take is lost like any other. */
	if (peal_egress_send_slot(
		    echo->egress, echo->slot, PEAL_MESSAGE_ECHO, body, PEAL_LIVENESS_BODY_SIZE)) {
		peal_counter_add(echo->counters, PEAL_COUNTER_ECHOES_SENT, 1);
	}
	run->sent_count++;
	echo->due_at_ns = due_at_ns;
	echo->last_at_ns = now_ns;
	echo->is_waiting = true;
}

static uint32_t
run_open(struct peal_echo *echo, uint64_t now_ns)
{
	struct peal_ping_run *run = echo->run;
	uint32_t sent_count = 0;

	while (sent_count < PEAL_BURST_MAX && run->sent_count < run->count &&
		find_due(echo, run->sent_count) <= now_ns) {
		send_echo(echo, find_due(echo, run->sent_count), now_ns);
		sent_count++;
	}
	if (run->sent_count < run->count) {
		echo->next_at_ns = find_due(echo, run->sent_count);
		return sent_count;
	}
	echo->next_at_ns = echo->last_at_ns + PEAL_ECHO_TIMEOUT_NS;
	if (echo->next_at_ns <= now_ns) {
		end_run(echo, false);
	}
	return sent_count;
}

static uint32_t
run_closed(struct peal_echo *echo, uint64_t now_ns)
{
	struct peal_ping_run *run = echo->run;

	/* Woken with an echo out: it is lost. */
	if (echo->is_waiting) {
		PEAL_DASSERT(now_ns - echo->last_at_ns >= PEAL_ECHO_TIMEOUT_NS);
		echo->is_waiting = false;
	}
	if (run->sent_count == run->count) {
		end_run(echo, false);
		return 0;
	}
	send_echo(echo, now_ns, now_ns);
	echo->next_at_ns = now_ns + PEAL_ECHO_TIMEOUT_NS;
	return 1;
}

uint32_t
peal_echo_run_due(struct peal_echo *echo, uint64_t now_ns)
{
	PEAL_ASSERT(echo->run != NULL);
	/* A reply of this very turn is recorded by the next; until then nothing is lost. */
	if (echo->taken_count != 0) {
		return 0;
	}
	return echo->run->interval_ns == 0 ? run_closed(echo, now_ns) : run_open(echo, now_ns);
}
