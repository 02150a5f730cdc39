/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/scenario.h"

#include "base/assert.h"
#include "base/prng.h"
#include "base/timing.h"
#include "sim/story.h"

#include <inttypes.h>
#include <string.h>

#define SWARM_NODES_MIN 3U
#define SWARM_NODES_MAX 16U

/* The fastest one that phi may run with. */
#define PHI_PRESET "cloud"

static const struct peal_scenario scenarios[] = {
	{"form", "All nodes start at about the same time and become one group.", 5, 1, "dpdk",
		false, peal_story_form},
	{"cold",
		"A cold start with links that fail, late frames and restarts: one group comes out.",
		3, 2, "dpdk", false, peal_story_cold},
	{"crash",
		"Each member is killed in turn, in a group of its own; measures how long it takes.",
		5, 2, "dpdk", false, peal_story_crash},
	{"many", "As many members as a quorum can spare are killed at one moment.", 9, 3, "dpdk",
		false, peal_story_many},
	{"pause",
		"A member stands still: shortly, then for too long; whole, then only its control.",
		5, 3, "dpdk", false, peal_story_pause},
	{"behind",
		"A member hears nothing while others leave: it has their view soon after it hears.",
		5, 4, "dpdk", false, peal_story_behind},
	{"swarm", "Random faults by seed, then a heal: safe all the time, agreed at the end.", 0, 3,
		"dpdk", false, peal_story_swarm},
	{"oneway", "One direction of one link is cut, for each ordered pair: nobody is removed.", 3,
		3, "dpdk", false, peal_story_oneway},
	{"triangle", "Both directions of one link are cut, for each pair: nobody is removed.", 3, 3,
		"dpdk", false, peal_story_triangle},
	{"ingress", "Two nodes hear nothing, for each pair: they alone are removed, in one view.",
		5, 5, "dpdk", false, peal_story_ingress},
	{"split", "Fewer than half are cut off for a while, and come back.", 5, 3, "dpdk", false,
		peal_story_split},
	{"flipflop", "One in a hundred hears nothing for 20 s, then 20 s all is well, and again.",
		100, 65, "dpdk", false, peal_story_flipflop},
	{"storm", "Two seconds of random faults, one every few milliseconds, in a large group.",
		1000, 3, "dpdk", false, peal_story_storm},
	{"steady", "Nothing happens for 30 s; counts what one node sends in a second.", 200, 2,
		"paper", false, peal_story_steady},
	{"join", "One more joins a large group.", 100, 66, "dpdk", false, peal_story_join},
	{"loss", "Loss, duplicates and late frames for long, and a crash in the middle.", 5, 2,
		"dpdk", false, peal_story_loss},
	{"leave", "All leave, one after the other.", 5, 1, "dpdk", false, peal_story_leave},
	{"restart", "Each process is killed and started again before anybody notices.", 5, 3,
		"dpdk", false, peal_story_restart},
	{"reborn", "Most of a group end at one moment and start again: all become one group.", 5, 3,
		"dpdk", false, peal_story_reborn},
	{"ghosts", "All but two ask to join and die at once: nobody lets them in.", 6, 3, "dpdk",
		false, peal_story_ghosts},
	{"two", "Two members and one: deaths, a cut and leaves, from both sides.", 2, 2, "dpdk",
		false, peal_story_two},
	{"quiet60", "One minute of a small group with a fault every few seconds.", 5, 3, "dpdk",
		false, peal_story_quiet60},
	{"churn", "One hour in which every node is restarted once in two seconds.", 10, 5, "dpdk",
		false, peal_story_churn},
	{"ordergroup", "Order groups are created while members crash, leave and come back.", 7, 3,
		"dpdk", false, peal_story_ordergroup},
	{"talk",
		"Members talk over channels in bad weather and random faults: all arrives, in "
		"order.",
		0, 3, "dpdk", false, peal_story_talk},
	{"bottleneck",
		"Two senders share a link of 1 Gbit/s: equal shares, a short queue, no loss.", 3, 3,
		"dpdk", false, peal_story_bottleneck},
	{"drowsy",
		"Cores that sleep are woken late: that is no queue, and a queue is found all the "
		"same.",
		3, 3, "dpdk", false, peal_story_drowsy},
	{"tail", "The last frame of a channel is lost again and again: soon repaired.", 3, 2,
		"dpdk", false, peal_story_tail},
	{"slow", "One of five receivers takes nothing, under each policy: the others go on.", 6, 3,
		"dpdk", false, peal_story_slow},
	{"crowd",
		"Every link is full of channels and a member crashes: detected as if they were "
		"idle.",
		5, 3, "dpdk", false, peal_story_crowd},
	{"mtu",
		"Jumbo frames where both ends prove them; links of 1 500, and one that shrinks in "
		"mid-stream.",
		5, 5, "dpdk", false, peal_story_mtu},
	{"cast",
		"Members broadcast in bad weather and random faults: all deliver the same, in "
		"order.",
		0, 3, "dpdk", false, peal_story_cast},
	{"groups",
		"Clients of all nodes join, leave and talk in process groups in bad weather and "
		"random faults: all see the same.",
		0, 3, "dpdk", false, peal_story_groups},
	{"heard",
		"Clients of all nodes broadcast and hear, in a group above 64 members, under "
		"random "
		"faults: who goes on together has heard the same.",
		66, 3, "dpdk", false, peal_story_heard},
	{"held", "The same with members that take nothing for moments, at the end of views too.", 0,
		3, "dpdk", false, peal_story_held},
	{"fanout", "One member broadcasts, without loss and with 1 %, against a message to each.",
		16, 4, "dpdk", false, peal_story_fanout},
	{"brake", "One of five is too slow for what another one broadcasts, under each policy.", 5,
		5, "dpdk", false, peal_story_brake},
	{"relay", "A member that passes broadcasts on crashes in the middle of a stream.", 16, 8,
		"dpdk-fast", false, peal_story_relay},
	{"broken",
		"The link of one pair is cut, both ways, one way, and again and again: it goes on "
		"through another member.",
		5, 3, "dpdk", false, peal_story_broken},
	{"order",
		"An order group under random faults, restarts and wrong clocks: one order at all.",
		0, 1, "dpdk", false, peal_story_order},
	{"orders",
		"Order groups in a group whose members crash, leave, come back and stand still: "
		"one "
		"order at all.",
		0, 3, "dpdk", false, peal_story_orders},
	{"handover",
		"The same, and ranks are given to other members, taken away and given again by "
		"commands in the order: one order at all.",
		0, 5, "dpdk", false, peal_story_handover},
	{"grow",
		"A group of three ranks becomes one of five by commands in the order, and of three "
		"again, while its members crash: one order at all, and it bears what its number "
		"says.",
		7, 3, "dpdk", false, peal_story_grow},
	{"total",
		"Clients of all nodes join, leave and talk in process groups in total order, of "
		"members that crash, come back and stand still: one sequence at all.",
		0, 3, "dpdk", false, peal_story_total},
	{"audience", "Three ranks order for all members of a large group, who hear the same.", 203,
		4, "dpdk", false, peal_story_audience},
	{"standstill",
		"One of three ranks stands still or ends under load: the others go on at once.", 3,
		3, "dpdk", false, peal_story_standstill},
	{"clocks",
		"The clock of one of three ranks jumps by 37 hours, stands or runs wrong: one "
		"order all the same.",
		3, 3, "dpdk", false, peal_story_clocks},
	{"duel",
		"Two of three ranks overtake each other in sealing the lane of the third: it comes "
		"to an end.",
		3, 3, "dpdk", false, peal_story_duel},
	{"canary", "One node is broken on purpose; the checkers must find it.", 5, 4, "dpdk", true,
		peal_story_canary},
};

#define SCENARIOS_COUNT (sizeof(scenarios) / sizeof(scenarios[0]))

const struct peal_scenario *
peal_scenario_list(uint32_t *count_out)
{
	*count_out = (uint32_t)SCENARIOS_COUNT;
	return scenarios;
}

const struct peal_scenario *
peal_scenario_find(const char *name)
{
	for (uint32_t i = 0; i < SCENARIOS_COUNT; i++) {
		if (strcmp(scenarios[i].name, name) == 0) {
			return &scenarios[i];
		}
	}
	return NULL;
}

struct profile {
	const char *name;
	uint64_t delay_ns_min;
	uint64_t delay_ns_max;
	const char *preset;
};

static const struct profile profiles[] = {
	{"fast", 8000, 12000, "dpdk"},
	{"paper", 450000, 550000, "paper"},
};

bool
peal_scenario_find_profile(const char *name, uint64_t *delay_ns_min_out, uint64_t *delay_ns_max_out,
	const char **preset_out)
{
	for (uint32_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
		if (strcmp(profiles[i].name, name) == 0) {
			*delay_ns_min_out = profiles[i].delay_ns_min;
			*delay_ns_max_out = profiles[i].delay_ns_max;
			*preset_out = profiles[i].preset;
			return true;
		}
	}
	return false;
}

static uint16_t
choose_nodes_count(const struct peal_scenario *scenario, uint64_t seed)
{
	struct peal_prng prng;
	uint16_t least;

	if (scenario->nodes_count != 0) {
		return scenario->nodes_count;
	}
	least = scenario->nodes_count_min > SWARM_NODES_MIN ? scenario->nodes_count_min
							    : (uint16_t)SWARM_NODES_MIN;
	peal_prng_init(&prng, ~seed);
	return (uint16_t)(least + peal_prng_below(&prng, SWARM_NODES_MAX - least + 1U));
}

bool
peal_scenario_run(const struct peal_scenario *scenario, const struct peal_scenario_options *options,
	struct peal_report *report)
{
	struct peal_scenario_options complete = *options;
	struct peal_timing timing;

	if (complete.nodes_count == 0) {
		complete.nodes_count = choose_nodes_count(scenario, options->seed);
	}
	if (complete.profile != NULL) {
		uint64_t delay_ns_min;
		uint64_t delay_ns_max;
		const char *preset;
		bool is_profile = peal_scenario_find_profile(
			complete.profile, &delay_ns_min, &delay_ns_max, &preset);

		PEAL_ASSERT(is_profile);
		complete.preset = complete.preset == NULL ? preset : complete.preset;
	}
	if (complete.preset == NULL) {
		complete.preset =
			complete.detector == PEAL_DETECTOR_PHI ? PHI_PRESET : scenario->preset;
	}
	PEAL_ASSERT(complete.nodes_count >= scenario->nodes_count_min);
	PEAL_ASSERT(complete.nodes_count <= PEAL_SIMWORLD_NODES_MAX);
	PEAL_ASSERT(peal_timing_find(complete.preset, &timing));
	PEAL_ASSERT(peal_timing_set_detector(&timing, complete.detector));

	peal_report_init(report);
	(void)snprintf(report->scenario, sizeof(report->scenario), "%s", scenario->name);
	(void)snprintf(report->preset, sizeof(report->preset), "%s", complete.preset);
	(void)snprintf(report->profile, sizeof(report->profile), "%s",
		complete.profile != NULL ? complete.profile : "");
	report->faulty_count = complete.faulty_count;
	report->metadata_size_max = complete.metadata_size_max;
	report->is_ipv6 = complete.is_ipv6;
	report->detector = complete.detector;
	report->nodes_count = complete.nodes_count;
	report->seed = complete.seed;
	peal_simnode_set_ipv6(complete.is_ipv6);
	scenario->run(&complete, report);
	peal_simnode_set_ipv6(false);
	return (report->violations_count > 0) == scenario->must_fail;
}

void
peal_scenario_command(const struct peal_report *report, char *text, size_t size)
{
	char faulty[24] = "";
	char metadata[24] = "";

	if (report->faulty_count > 0) {
		(void)snprintf(faulty, sizeof(faulty), " --faulty %u", report->faulty_count);
	}
	if (report->metadata_size_max > 0) {
		(void)snprintf(
			metadata, sizeof(metadata), " --metadata %u", report->metadata_size_max);
	}
	(void)snprintf(text, size,
		"peal-sim run --scenario %s --nodes %u --preset %s%s%s%s%s%s --detector %s "
		"--seed %" PRIu64,
		report->scenario, report->nodes_count, report->preset,
		report->profile[0] != '\0' ? " --profile " : "", report->profile, faulty, metadata,
		report->is_ipv6 ? " --ipv6" : "", peal_detector_name(report->detector),
		report->seed);
}
