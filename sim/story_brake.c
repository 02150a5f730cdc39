/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One member behind a link that is too slow for what another one casts, under each policy.
 */
#include "base/assert.h"
#include "sim/story.h"
#include "wire/alert_msg.h"

#define MILLISECOND_NS PEAL_STORY_MILLISECOND_NS
#define SECOND_NS      PEAL_STORY_SECOND_NS
#define SOURCE         0U
#define MESSAGE_SIZE   1000U
#define INTERVAL_NS    UINT64_C(20000)
#define SPAN_NS        (100U * MILLISECOND_NS)
#define EVICT_AFTER_NS (20U * MILLISECOND_NS)
/* For so long one member stays slow: it is evicted, comes back after a pause that doubles, and is
 * evicted again 70 ms later. Without pauses that would be every 80 ms. */
#define SLOW_NS              (20U * SPAN_NS)
#define EVICTIONS_MAX        8U
#define BRAKED_PER_MILLE_MAX 300U
/* Until it is removed once more: the pause that is due then, and its time. */
#define HEAL_NS_MAX (5U * SECOND_NS)
/* A fifth of what is cast, and a switch that keeps so much. */
#define SLOW_PS_PER_BYTE  UINT64_C(80000)
#define SLOW_QUEUE_NS_MAX (5U * MILLISECOND_NS)

/* What is seen from outside. */
struct watch {
	uint64_t victim_mid;
	uint64_t accused_count; /* for being slow */
	uint64_t removed_at_ns;
	uint16_t slow;                 /* index of the slow one */
	uint64_t evicted_count;        /* as it says itself: it was removed for being slow */
	struct peal_simnet_rate *heal; /* its link, if that is well from its next removal on */
	bool is_healed;
};

static void
on_event(void *state, uint16_t index, const struct peal_event *event, uint64_t at_ns)
{
	struct watch *watch = state;

	if (index == watch->slow && event->kind == PEAL_EVENT_KICKED) {
		watch->evicted_count += event->value == PEAL_KICKED_SLOW ? 1U : 0U;
	}
	if (watch->heal != NULL && event->kind == PEAL_EVENT_CRASHED) {
		watch->heal->ps_per_byte = 0;
		watch->is_healed = true;
	}
	if (event->mid != watch->victim_mid) {
		return;
	}
	if (event->kind == PEAL_EVENT_ACCUSED && event->value == PEAL_ALERT_SLOW) {
		watch->accused_count++;
	}
	if (event->kind == PEAL_EVENT_CRASHED && watch->removed_at_ns == 0) {
		watch->removed_at_ns = at_ns;
	}
}

static bool
open_steady(struct peal_simworld *world, const struct peal_scenario_options *options, uint64_t part,
	enum peal_cast_policy policy, struct peal_report *report)
{
	struct peal_scenario_options casting = *options;
	bool is_formed;

	casting.has_cast = true;
	if (casting.profile == NULL) {
		casting.profile = "fast";
	}
	peal_story_open(world, &casting, part, report);
	world->cast_ledger->manner = PEAL_SIMCAST_STEADY;
	world->cast_ledger->message_size = MESSAGE_SIZE;
	world->cast_ledger->interval_ns = INTERVAL_NS;
	world->cast_ledger->policy = policy;
	world->cast_ledger->evict_after_ns = EVICT_AFTER_NS;
	is_formed = peal_simworld_form(world);
	peal_simworld_run_for(world, 4U * world->timing.probe_interval_ns);
	return is_formed;
}

/* Who passes nothing of the source on: what is slow is slow for itself only. */
static uint16_t
find_leaf(const struct peal_simworld *world)
{
	uint16_t own = world->casts[SOURCE].cast.own;
	uint16_t leaf = 1;

	while (leaf < world->config.nodes_count - 1U &&
		world->casts[leaf].cast.digests[own].children[0] != 0) {
		leaf++;
	}
	return leaf;
}

/* The 99th percentile at all but the source and `slow`, and what the source got rid of. */
static uint64_t
measure(struct peal_simworld *world, uint16_t slow)
{
	uint64_t p99_ns = 0;

	for (uint16_t i = 0; i < world->config.nodes_count; i++) {
		peal_histogram_reset(&world->casts[i].latency);
	}
	world->cast_ledger->is_timed = true;
	peal_simworld_run_for(world, SPAN_NS);
	world->cast_ledger->is_timed = false;
	for (uint16_t i = 1; i < world->config.nodes_count; i++) {
		uint64_t value_ns = peal_histogram_percentile(&world->casts[i].latency, 99.0);

		if (i != slow) {
			(void)peal_story_expect(world,
				peal_histogram_count(&world->casts[i].latency) > 100U,
				"too little was delivered to measure");
			p99_ns = value_ns > p99_ns ? value_ns : p99_ns;
		}
	}
	return p99_ns;
}

static void
check_evicted(struct peal_simworld *world, const struct watch *watch, uint64_t braked_per_mille)
{
	peal_report_note(world->report, "evictions", watch->evicted_count);
	peal_report_note(world->report, "evict_braked_per_mille", braked_per_mille);
	(void)peal_story_expect(world, watch->evicted_count >= 2U,
		"who comes back as slow as before is not evicted again");
	(void)peal_story_expect(world, watch->evicted_count <= EVICTIONS_MAX,
		"who stays slow comes back at once, again and again");
	(void)peal_story_expect(world, braked_per_mille <= BRAKED_PER_MILLE_MAX,
		"who stays slow and is evicted brakes the others most of the time");
	peal_report_note(world->report, "evict_accusers", watch->accused_count);
	(void)peal_story_expect(
		world, watch->accused_count > 0, "nobody accuses who holds all others back");
	(void)peal_story_expect(
		world, watch->removed_at_ns != 0, "who holds all others back is not removed");
}

/*
 * Evicted once more, and well from then on: so who comes back has never been slow. A link that
 * heals while it is a member leaves it with what waits in the link's queue and in the ring, which
 * it may have to pass on, and perhaps with an eviction that is under way already: all that is the
 * time before the eviction, which is not what is asked for.
 */
static void
heal_when_out(struct peal_simworld *world, struct watch *watch, struct peal_simnet_rate *rate)
{
	uint64_t until_ns = world->time.now_ns + HEAL_NS_MAX;

	watch->heal = rate;
	while (!watch->is_healed && world->time.now_ns < until_ns) {
		peal_simworld_run_for(world, MILLISECOND_NS);
	}
	(void)peal_story_expect(
		world, watch->is_healed, "who comes back as slow as before is not removed again");
	/* It comes back seconds later, in which there is nothing to see. */
	world->casts[SOURCE].is_source = false;
	(void)peal_simworld_run_to_agreement(
		world, peal_simworld_patience_ns(world) + PEAL_REJOIN_PAUSE_NS_MAX);
	world->casts[SOURCE].is_source = true;
	peal_simnode_prompt(world->nodes[SOURCE]);
	peal_simworld_run_for(world, SPAN_NS / 4U);
}

/* Messages that the source could not say because of the slow one, of a thousand that it wanted to.
 */
static uint64_t
run_braked(struct peal_simworld *world, uint64_t span_ns)
{
	uint64_t before_count = world->cast_ledger->messages_count;
	uint64_t wanted_count = span_ns / INTERVAL_NS;
	uint64_t said_count;

	peal_simworld_run_for(world, span_ns);
	said_count = world->cast_ledger->messages_count - before_count;
	return said_count < wanted_count ? (wanted_count - said_count) * 1000U / wanted_count : 0;
}

/* The figure of one policy; with `is_slow` one link is slow from then on. */
static uint64_t
brake(const struct peal_scenario_options *options, uint64_t part, enum peal_cast_policy policy,
	bool is_slow, struct peal_report *report)
{
	struct peal_simworld world;
	struct watch watch = {0};
	uint64_t p99_ns = 0;

	if (open_steady(&world, options, part, policy, report)) {
		uint16_t slow = find_leaf(&world);
		struct peal_simnet_rate *rate = &world.net.ports[slow].rate;

		watch.slow = slow;
		watch.victim_mid = world.nodes[slow]->node.self.mid;
		world.on_event = on_event;
		world.on_event_state = &watch;
		world.casts[SOURCE].is_source = true;
		peal_check_healthy_on_fault(&world.healthy, slow);
		peal_simworld_run_for(&world, SPAN_NS / 4U);
		if (is_slow) {
			uint64_t braked_per_mille;

			*rate = (struct peal_simnet_rate){
				.ps_per_byte = SLOW_PS_PER_BYTE, .queue_ns_max = SLOW_QUEUE_NS_MAX};
			/* Until the ring is full, and evictions are over. */
			braked_per_mille =
				run_braked(&world, policy == PEAL_CAST_EVICT ? SLOW_NS : SPAN_NS);
			if (policy == PEAL_CAST_EVICT) {
				check_evicted(&world, &watch, braked_per_mille);
				heal_when_out(&world, &watch, rate);
			}
		}
		p99_ns = measure(&world, slow);
		if (is_slow && policy == PEAL_CAST_DROP_BEHIND) {
			(void)peal_story_expect(&world, world.cast_ledger->dropped_count > 0,
				"nothing was given up for a slow member");
		}
		rate->ps_per_byte = 0;
		peal_story_finish_cast(&world);
	}
	peal_simworld_fini(&world);
	return p99_ns;
}

void
peal_story_brake(const struct peal_scenario_options *options, struct peal_report *report)
{
	uint64_t before_ns = brake(options, 0, PEAL_CAST_BLOCK, false, report);
	uint64_t evict_ns;

	peal_report_note(report, "nobody_slow_p99_ns", before_ns);
	peal_report_note(report, "block_p99_ns", brake(options, 1, PEAL_CAST_BLOCK, true, report));
	peal_report_note(report, "drop_behind_p99_ns",
		brake(options, 2, PEAL_CAST_DROP_BEHIND, true, report));
	evict_ns = brake(options, 3, PEAL_CAST_EVICT, true, report);
	peal_report_note(report, "evict_p99_ns", evict_ns);
	if (evict_ns * 5U > before_ns * 6U) {
		peal_report_violate(report, 0, "who was evicted is felt by the others");
	}
}
