/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What channels promise in figures: each story measures, says so in the report, and compares.
 */
#include "dataplane/headers.h"
#include "sim/simtalk.h"
#include "sim/story.h"
#include "wire/messages.h"

#include <string.h>

#define KIND_OFFSET    3U /* in the header of a frame */
#define MICROSECOND_NS UINT64_C(1000)
#define MILLISECOND_NS PEAL_STORY_MILLISECOND_NS

/* One link of 1 Gbit/s: 10 us for a frame, and a queue of 25. */
#define PS_PER_BYTE       8000U
#define QUEUE_NS_MAX      (250U * MICROSECOND_NS)
#define POURS_COUNT       3U
#define POUR_SIZE         1000U
#define WARM_NS           (20U * MILLISECOND_NS)
#define CROWD_POURS_COUNT 4U
#define CROWD_NS          (100U * MILLISECOND_NS)
/* What the slow links themselves may add. */
#define CROWD_LATER_NS_MAX (2U * MILLISECOND_NS)
#define SPAN_NS            (50U * MILLISECOND_NS)

/* A group on links of 8 to 12 us in which nobody says anything by itself. */
static bool
open_quiet(struct peal_simworld *world, const struct peal_scenario_options *options, uint64_t part,
	struct peal_report *report)
{
	struct peal_scenario_options quiet = *options;
	bool is_formed;

	quiet.has_talk = true;
	quiet.profile = options->profile != NULL ? options->profile : "fast";
	peal_story_open(world, &quiet, part, report);
	for (uint16_t i = 0; i < options->nodes_count; i++) {
		peal_simworld_talk(world, i)->is_quiet = true;
	}
	is_formed = peal_simworld_form(world);
	peal_simworld_run_for(world, 4U * world->timing.probe_interval_ns);
	return is_formed;
}

static uint64_t
mid_of(const struct peal_simworld *world, uint16_t index)
{
	return world->nodes[index]->core.peers->self_mid;
}

/* `count` pours from one node to another; the node has its next turn soon, at a probe at the
 * latest. */
static void
pour(struct peal_simworld *world, uint16_t from, uint16_t to, uint64_t gap_ns, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		(void)peal_simtalk_pour(peal_simworld_talk(world, from), mid_of(world, to),
			POUR_SIZE, gap_ns, PEAL_CHANNEL_BLOCK);
	}
	peal_simnode_prompt(world->nodes[from]);
}

static uint64_t
count_poured(const struct peal_simworld *world, uint16_t index)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < peal_simworld_talk(world, index)->pours_count; i++) {
		count += peal_simtalk_poured(peal_simworld_talk(world, index), i);
	}
	return count;
}

static uint64_t
per_mille(uint64_t part, uint64_t whole)
{
	return whole == 0 ? 0 : part * 1000U / whole;
}

/* What two senders do to a link that both need. */
struct sharing {
	uint64_t larger_per_mille;
	uint64_t queue_ns_mean;
	uint64_t queue_ns_max;
	uint64_t used_per_mille;
	uint64_t lost_count;
};

/* Two senders, the second later, into one port. */
static void
share_link(struct peal_simworld *world, struct sharing *sharing_out)
{
	struct peal_simnet_rate *rate = &world->net.ports[0].rate;
	uint64_t shares[2];

	*rate = (struct peal_simnet_rate){.ps_per_byte = PS_PER_BYTE, .queue_ns_max = QUEUE_NS_MAX};
	pour(world, 1, 0, 0, POURS_COUNT);
	peal_simworld_run_for(world, WARM_NS);
	pour(world, 2, 0, 0, POURS_COUNT);
	peal_simworld_run_for(world, 2U * WARM_NS);
	rate->frames_count = rate->bytes = rate->waited_ns = rate->waited_ns_max = 0;
	shares[0] = count_poured(world, 1);
	shares[1] = count_poured(world, 2);
	peal_simworld_run_for(world, SPAN_NS);
	shares[0] = count_poured(world, 1) - shares[0];
	shares[1] = count_poured(world, 2) - shares[1];

	*sharing_out = (struct sharing){
		.larger_per_mille = per_mille(
			shares[0] > shares[1] ? shares[0] : shares[1], shares[0] + shares[1]),
		.queue_ns_mean =
			rate->frames_count == 0 ? UINT64_MAX : rate->waited_ns / rate->frames_count,
		.queue_ns_max = rate->waited_ns_max,
		.used_per_mille = per_mille(rate->bytes * PS_PER_BYTE / 1000U, SPAN_NS),
		.lost_count = rate->lost_count};
}

/* Equal shares, a short queue, no loss, no idle link. */
void
peal_story_bottleneck(const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_simworld world;

	if (open_quiet(&world, options, 0, report)) {
		struct sharing sharing;
		uint64_t used;

		share_link(&world, &sharing);
		used = sharing.used_per_mille;
		peal_report_note(report, "larger_share_per_mille", sharing.larger_per_mille);
		peal_report_note(report, "queue_ns_mean", sharing.queue_ns_mean);
		peal_report_note(report, "queue_ns_max", sharing.queue_ns_max);
		peal_report_note(report, "unused_per_mille", used < 1000U ? 1000U - used : 0);
		peal_report_note(report, "lost_frames", sharing.lost_count);
		(void)peal_story_expect(&world,
			sharing.larger_per_mille > 0 && sharing.larger_per_mille <= 600U,
			"two senders do not share a link");
		(void)peal_story_expect(&world, sharing.queue_ns_mean <= PEAL_CONGESTION_TARGET_NS,
			"the queue is longer than the target");
		(void)peal_story_expect(&world, sharing.lost_count == 0,
			"frames were lost in front of a slow link");
		(void)peal_story_expect(&world, used >= 900U, "a slow link is not used");
	}
	peal_simworld_fini(&world);
}

/* Wake-ups of a machine that others need too; one that keeps up with a link. */
#define WAKE_NS_MAX       (300U * MICROSECOND_NS)
#define WAKE_SOON_NS_MAX  (60U * MICROSECOND_NS)
#define WAKE_STALL_NS_MAX (8U * MILLISECOND_NS)
#define DROWSY_GAP_NS     (200U * MICROSECOND_NS)
#define DROWSY_NS         (500U * MILLISECOND_NS)

static void
send_drowsy(struct peal_simworld *world, uint64_t wake_ns_max)
{
	/* Nothing is overtaken: some receivers keep nothing that is early, and then the last of a
	 * turn waits for a time-out, which is as long as their sleep. */
	world->net.common.delay_ns_min = world->net.common.delay_ns_max;
	for (uint16_t i = 0; i < world->config.nodes_count; i++) {
		world->nodes[i]->wake_ns_max = wake_ns_max;
	}
}

/* Single messages between cores that sleep before each. */
static void
talk_drowsily(const struct peal_scenario_options *options, uint64_t part, uint64_t wake_ns_max,
	const char *name, struct peal_report *report)
{
	struct peal_simworld world;

	if (open_quiet(&world, options, part, report)) {
		const struct peal_histogram *latency = &peal_simworld_talk(&world, 1)->latency;
		uint64_t p99_ns;

		send_drowsy(&world, wake_ns_max);
		pour(&world, 0, 1, DROWSY_GAP_NS, 1);
		peal_simworld_run_for(&world, DROWSY_NS);
		p99_ns = peal_histogram_percentile(latency, 99.0);
		peal_report_note(report, name, p99_ns);
		(void)peal_story_expect(&world,
			peal_histogram_count(latency) >= DROWSY_NS / (DROWSY_GAP_NS + wake_ns_max),
			"too little came to cores that are woken late");
		(void)peal_story_expect(&world, p99_ns <= 2U * wake_ns_max,
			"late wake-ups were taken for a queue, or for losses");
	}
	peal_simworld_fini(&world);
}

/* None waits for the window of a message that was taken late. And cores that sleep between frames
 * of a slow link keep its queue short. */
void
peal_story_drowsy(const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_simworld world;

	talk_drowsily(options, 0, WAKE_NS_MAX, "late_p99_ns", report);
	talk_drowsily(options, 1, WAKE_STALL_NS_MAX, "stalled_p99_ns", report);
	if (open_quiet(&world, options, 2, report)) {
		struct sharing sharing;

		send_drowsy(&world, WAKE_SOON_NS_MAX);
		share_link(&world, &sharing);
		peal_report_note(report, "larger_share_per_mille", sharing.larger_per_mille);
		peal_report_note(report, "queue_ns_mean", sharing.queue_ns_mean);
		peal_report_note(report, "queue_ns_max", sharing.queue_ns_max);
		peal_report_note(report, "unused_per_mille",
			sharing.used_per_mille < 1000U ? 1000U - sharing.used_per_mille : 0);
		peal_report_note(report, "lost_frames", sharing.lost_count);
		(void)peal_story_expect(&world,
			sharing.larger_per_mille > 0 && sharing.larger_per_mille <= 600U,
			"two senders that sleep do not share a link");
		(void)peal_story_expect(&world, sharing.used_per_mille >= 900U,
			"senders that sleep do not use a slow link");
	}
	peal_simworld_fini(&world);
}

/* Loses one frame of a channel when it is armed. */
struct trap {
	const struct peal_simworld *world;
	bool is_armed;
	uint64_t lost_at_ns;
};

/* The kind stands in the clear, also in a sealed frame. */
static bool
is_channel(const struct peal_simframe *frame)
{
	uint32_t size;
	const uint8_t *payload = peal_headers_payload(frame->bytes, frame->size, &size);

	return payload != NULL && size > KIND_OFFSET &&
	       payload[KIND_OFFSET] == PEAL_MESSAGE_CHANNEL;
}

static bool
lose_once(void *state, uint16_t from, uint16_t to, const struct peal_simframe *frame)
{
	struct trap *trap = state;

	(void)to;
	if (!trap->is_armed || from != 0 || !is_channel(frame)) {
		return false;
	}
	trap->is_armed = false;
	trap->lost_at_ns = trap->world->time.now_ns;
	return true;
}

#define TAILS_COUNT 20U
#define TAIL_GAP_NS (400U * MICROSECOND_NS)

/* One message at a time, and now and then its frame is lost: nothing comes after it. */
void
peal_story_tail(const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_simworld world;
	struct trap trap = {.world = &world};

	if (open_quiet(&world, options, 0, report)) {
		struct peal_simtalk *talk = peal_simworld_talk(&world, 0);
		uint64_t late_ns_max = 0;

		pour(&world, 0, 1, TAIL_GAP_NS, 1);
		peal_simworld_run_for(&world, 64U * TAIL_GAP_NS + 2U * MILLISECOND_NS);
		world.net.lose = lose_once;
		world.net.lose_state = &trap;
		for (uint32_t i = 0; i < TAILS_COUNT; i++) {
			uint64_t count;
			uint64_t bound_ns;
			const struct peal_channel *channel =
				&talk->channels.table.channels[talk->pours[0].channel];

			trap.is_armed = true;
			while (trap.is_armed) {
				peal_simworld_run_for(&world, MICROSECOND_NS);
			}
			count = talk->pours[0].accepted_count;
			bound_ns = 3U * channel->tx.rtt.smooth_ns;
			bound_ns =
				bound_ns > 100U * MICROSECOND_NS ? bound_ns : 100U * MICROSECOND_NS;
			while (peal_simtalk_poured(talk, 0) < count &&
				world.time.now_ns < trap.lost_at_ns + MILLISECOND_NS) {
				peal_simworld_run_for(&world, MICROSECOND_NS);
			}
			late_ns_max = world.time.now_ns - trap.lost_at_ns;
			peal_report_note(report, "tail_repair_ns", late_ns_max);
			peal_report_note(report, "tail_repair_bound_ns", bound_ns);
			(void)peal_story_expect(&world, late_ns_max <= bound_ns,
				"the loss of a last frame was repaired too late");
			peal_simworld_run_for(&world, 3U * TAIL_GAP_NS);
		}
	}
	peal_simworld_fini(&world);
}

#define PACE_NS (20U * MICROSECOND_NS)

/* The 99th percentile of latencies at the receivers that are not slow. */
static uint64_t
measure_others(const struct peal_scenario_options *options, uint64_t part, bool is_slow,
	enum peal_channel_policy policy, struct peal_report *report)
{
	struct peal_simworld world;
	uint16_t slow = (uint16_t)(options->nodes_count - 1U);
	uint64_t p99_ns = 0;

	if (open_quiet(&world, options, part, report)) {
		if (is_slow) {
			peal_simtalk_stall(peal_simworld_talk(&world, slow), true, 0);
		}
		for (uint16_t i = 1; i < options->nodes_count; i++) {
			(void)peal_simtalk_pour(peal_simworld_talk(&world, 0), mid_of(&world, i),
				POUR_SIZE, PACE_NS, policy);
		}
		peal_simnode_prompt(world.nodes[0]);
		peal_simworld_run_for(&world, SPAN_NS);
		for (uint16_t i = 1; i < slow; i++) {
			const struct peal_histogram *latency =
				&peal_simworld_talk(&world, i)->latency;
			uint64_t value_ns = peal_histogram_percentile(latency, 99.0);

			(void)peal_story_expect(&world,
				peal_histogram_count(latency) >= SPAN_NS / PACE_NS / 2U,
				"a receiver got too little to measure");
			p99_ns = value_ns > p99_ns ? value_ns : p99_ns;
		}
		const struct peal_simtalk_pour *to_slow =
			&peal_simworld_talk(&world, 0)->pours[slow - 1U];
		const struct peal_simtalk_life *life = &world.ledger->lives[to_slow->life];

		if (is_slow && policy == PEAL_CHANNEL_DROP_BEHIND) {
			(void)peal_story_expect(&world,
				life->dropped_count > 0 && to_slow->mid != 0,
				"nothing was dropped for a slow receiver");
		} else if (is_slow && policy == PEAL_CHANNEL_EVICT) {
			(void)peal_story_expect(&world,
				to_slow->mid == 0 && to_slow->reason == PEAL_CHANNEL_REASON_SLOW,
				"a slow receiver was not evicted");
		}
	}
	peal_simworld_fini(&world);
	return p99_ns;
}

/* One of all receivers takes nothing: the others must not notice. */
void
peal_story_slow(const struct peal_scenario_options *options, struct peal_report *report)
{
	static const struct {
		enum peal_channel_policy policy;
		const char *name;
	} policies[] = {{PEAL_CHANNEL_BLOCK, "block_p99_ns"},
		{PEAL_CHANNEL_DROP_BEHIND, "drop_behind_p99_ns"},
		{PEAL_CHANNEL_EVICT, "evict_p99_ns"}};
	uint64_t before_ns = measure_others(options, 0, false, PEAL_CHANNEL_BLOCK, report);

	peal_report_note(report, "nobody_slow_p99_ns", before_ns);
	for (uint32_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
		uint64_t p99_ns = measure_others(options, i + 1U, true, policies[i].policy, report);

		peal_report_note(report, policies[i].name, p99_ns);
		if (p99_ns * 5U > before_ns * 6U) {
			peal_report_violate(report, 0, "one slow receiver is felt by the others");
		}
	}
}

/* When somebody detected the crash of a member. */
struct lookout {
	uint64_t victim_mid;
	uint64_t detected_at_ns;
};

static void
on_event(void *state, uint16_t index, const struct peal_event *event, uint64_t at_ns)
{
	struct lookout *lookout = state;

	(void)index;
	if (event->kind == PEAL_EVENT_DETECTED && event->mid == lookout->victim_mid &&
		at_ns < lookout->detected_at_ns) {
		lookout->detected_at_ns = at_ns;
	}
}

/* From the crash of the last node to its detection; 0 after a violation. */
static uint64_t
measure_detection(
	const struct peal_scenario_options *options, bool is_loaded, struct peal_report *report)
{
	struct peal_simworld world;
	uint16_t victim = (uint16_t)(options->nodes_count - 1U);
	struct lookout lookout = {.detected_at_ns = UINT64_MAX};
	uint64_t killed_at_ns;
	uint64_t sent_count;

	if (!open_quiet(&world, options, 0, report)) {
		peal_simworld_fini(&world);
		return 0;
	}
	peal_story_protect_all(&world);
	for (uint16_t to = 0; to < options->nodes_count; to++) {
		world.net.ports[to].rate = (struct peal_simnet_rate){
			.ps_per_byte = PS_PER_BYTE, .queue_ns_max = QUEUE_NS_MAX};
		for (uint16_t from = 0; from < options->nodes_count && is_loaded; from++) {
			if (from != to) {
				pour(&world, from, to, 0, CROWD_POURS_COUNT);
			}
		}
	}
	sent_count = world.net.sent_count;
	peal_simworld_run_for(&world, CROWD_NS);
	(void)peal_story_expect(&world,
		!is_loaded || world.net.sent_count - sent_count > CROWD_NS / 20000U,
		"a crowd is no crowd");
	lookout.victim_mid = world.nodes[victim]->node.self.mid;
	world.on_event = on_event;
	world.on_event_state = &lookout;
	killed_at_ns = world.time.now_ns - world.began_at_ns;
	peal_simworld_crash(&world, victim);
	(void)peal_simworld_run_to_agreement(&world, peal_simworld_patience_ns(&world));
	(void)peal_story_expect(&world, lookout.detected_at_ns != UINT64_MAX,
		"a crash in a crowd was not detected");
	peal_simworld_fini(&world);
	return lookout.detected_at_ns == UINT64_MAX ? 0 : lookout.detected_at_ns - killed_at_ns;
}

/* Every link is full of channels, and a member crashes: it is detected as if they were idle. */
void
peal_story_crowd(const struct peal_scenario_options *options, struct peal_report *report)
{
	uint64_t idle_ns = measure_detection(options, false, report);
	uint64_t loaded_ns = measure_detection(options, true, report);

	peal_report_note(report, "detection_idle_ns", idle_ns);
	peal_report_note(report, "detection_loaded_ns", loaded_ns);
	if (loaded_ns > idle_ns + CROWD_LATER_NS_MAX) {
		peal_report_violate(report, 0, "channels delay the detection of a crash");
	}
}
