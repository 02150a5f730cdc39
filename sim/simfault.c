/* SPDX-License-Identifier: BSD-3-Clause */
/* The menu of sim/simworld.h: what is done to nodes and links, told to the checkers first. */
#include "base/assert.h"
#include "sim/simworld.h"

#include <inttypes.h>

#define PPM 1000000U

/* True when a round trip over the link fails more often than the detector is made for. */
static bool
is_bad(const struct peal_simworld *world, const struct peal_simlink *link)
{
	/* Two spikes must fit a probe interval, or they look like a loss. */
	return link->is_cut || link->loss_ppm > PEAL_CHECK_HEALTHY_LOSS_PPM_MAX ||
	       (link->spike_ppm > PEAL_CHECK_HEALTHY_LOSS_PPM_MAX &&
		       link->spike_ns_max > world->timing.probe_interval_ns * 2U / 5U);
}

struct newborn {
	struct peal_simworld *world;
	uint16_t index;
};

static void
inherit_link(void *state, uint16_t from, uint16_t to, struct peal_simlink *link)
{
	const struct newborn *newborn = state;

	if ((from == newborn->index || to == newborn->index) && is_bad(newborn->world, link)) {
		peal_check_healthy_on_link_fault(&newborn->world->healthy, from, to);
	}
}

/* A new process is born into the faults that last. */
static void
inherit_faults(struct peal_simworld *world, uint16_t index)
{
	const struct peal_simnet_port *port = &world->net.ports[index];

	if (port->ingress_loss_ppm > 0 || port->egress_loss_ppm > 0) {
		peal_check_healthy_on_fault(&world->healthy, index);
	}
	if (is_bad(world, &world->net.common)) {
		peal_check_healthy_on_fault(&world->healthy, index);
	}
	peal_simnet_visit_odds(&world->net, inherit_link, &(struct newborn){world, index});
}

void
peal_simworld_start(struct peal_simworld *world, uint16_t index)
{
	struct peal_simnode *simnode = world->nodes[index];

	if (simnode->is_up) {
		return;
	}
	peal_check_healthy_on_start(&world->healthy, index);
	inherit_faults(world, index);
	world->seen[index] = (struct peal_simworld_seen){0};
	peal_simworld_note(world, PEAL_ACTION_START, index, 0);
	peal_simworld_trace(world, "--  start n%u", index);
	peal_simnode_start(simnode);
}

void
peal_simworld_crash(struct peal_simworld *world, uint16_t index)
{
	if (!world->nodes[index]->is_up) {
		return;
	}
	peal_simworld_note(world, PEAL_ACTION_CRASH, index, 0);
	peal_simworld_trace(world, "--  crash n%u", index);
	peal_simworld_end_node(world, world->nodes[index]);
	peal_check_healthy_on_end(&world->healthy, index);
}

void
peal_simworld_leave(struct peal_simworld *world, uint16_t index)
{
	if (!world->nodes[index]->is_up) {
		return;
	}
	peal_simworld_note(world, PEAL_ACTION_LEAVE, index, 0);
	peal_simworld_trace(world, "--  leave n%u", index);
	peal_check_healthy_on_leave(&world->healthy, index);
	peal_simnode_leave(world->nodes[index]);
}

void
peal_simworld_pause(struct peal_simworld *world, uint16_t index, bool is_paused)
{
	if (!world->nodes[index]->is_up || world->nodes[index]->is_paused == is_paused) {
		return;
	}
	peal_simworld_note(world, is_paused ? PEAL_ACTION_PAUSE : PEAL_ACTION_RESUME, index, 0);
	peal_simworld_trace(world, "--  %s n%u", is_paused ? "pause" : "resume", index);
	peal_check_healthy_on_fault(&world->healthy, index);
	peal_simnode_set_paused(world->nodes[index], is_paused);
}

void
peal_simworld_stick(struct peal_simworld *world, uint16_t index, bool is_stuck)
{
	if (!world->nodes[index]->is_up || world->nodes[index]->is_stuck == is_stuck) {
		return;
	}
	peal_simworld_note(world, is_stuck ? PEAL_ACTION_STICK : PEAL_ACTION_UNSTICK, index, 0);
	peal_simworld_trace(world, "--  %s control of n%u", is_stuck ? "stop" : "resume", index);
	peal_check_healthy_on_fault(&world->healthy, index);
	peal_simnode_set_stuck(world->nodes[index], is_stuck);
}

void
peal_simworld_cut(struct peal_simworld *world, uint16_t from, uint16_t to, bool is_cut)
{
	if (from == to || peal_simnet_link(&world->net, from, to)->is_cut == is_cut) {
		return;
	}
	peal_simworld_note(world, is_cut ? PEAL_ACTION_CUT : PEAL_ACTION_MEND, from, to);
	peal_simworld_trace(world, "--  %s n%u -> n%u", is_cut ? "cut" : "mend", from, to);
	peal_simnet_change(&world->net, from, to)->is_cut = is_cut;
	peal_check_healthy_on_link_fault(&world->healthy, from, to);
}

void
peal_simworld_set_ingress_loss(struct peal_simworld *world, uint16_t index, uint32_t ppm)
{
	PEAL_ASSERT(ppm <= PPM);
	if (world->net.ports[index].ingress_loss_ppm == ppm) {
		return;
	}
	peal_simworld_note(world, PEAL_ACTION_INGRESS, index, ppm);
	peal_simworld_trace(world, "--  n%u loses %u ppm of what it should hear", index, ppm);
	world->net.ports[index].ingress_loss_ppm = ppm;
	peal_check_healthy_on_fault(&world->healthy, index);
}

void
peal_simworld_set_egress_loss(struct peal_simworld *world, uint16_t index, uint32_t ppm)
{
	PEAL_ASSERT(ppm <= PPM);
	if (world->net.ports[index].egress_loss_ppm == ppm) {
		return;
	}
	peal_simworld_note(world, PEAL_ACTION_EGRESS, index, ppm);
	peal_simworld_trace(world, "--  n%u loses %u ppm of what it says", index, ppm);
	world->net.ports[index].egress_loss_ppm = ppm;
	peal_check_healthy_on_fault(&world->healthy, index);
}

struct forecast {
	struct peal_simworld *world;
	const struct peal_simworld_weather *weather;
};

static void
apply_weather(void *state, uint16_t from, uint16_t to, struct peal_simlink *link)
{
	const struct peal_simworld_weather *weather = ((const struct forecast *)state)->weather;

	(void)from;
	(void)to;
	link->loss_ppm = weather->loss_ppm;
	link->duplicate_ppm = weather->duplicate_ppm;
	link->spike_ppm = weather->spike_ppm;
	link->spike_ns_max = weather->spike_ns_max;
}

static void
mend_link(void *state, uint16_t from, uint16_t to, struct peal_simlink *link)
{
	(void)link;
	peal_simworld_cut(state, from, to, false);
}

void
peal_simworld_set_weather(struct peal_simworld *world, const struct peal_simworld_weather *weather)
{
	struct forecast forecast = {world, weather};
	struct peal_action action = {.at_ns = world->time.now_ns - world->began_at_ns,
		.kind = PEAL_ACTION_WEATHER,
		.values = {weather->loss_ppm, weather->duplicate_ppm, weather->spike_ppm,
			weather->spike_ns_max}};

	if (world->config.record != NULL) {
		peal_script_add(world->config.record, &action);
	}
	peal_simworld_trace(world,
		"--  weather: %u ppm lost, %u doubled, %u late by up to %" PRIu64 " us",
		weather->loss_ppm, weather->duplicate_ppm, weather->spike_ppm,
		weather->spike_ns_max / 1000U);
	apply_weather(&forecast, 0, 0, &world->net.common);
	peal_simnet_visit_odds(&world->net, apply_weather, &forecast);
	if (is_bad(world, &world->net.common)) {
		peal_check_healthy_on_weather(&world->healthy);
	}
}

void
peal_simworld_heal(struct peal_simworld *world)
{
	const struct peal_simworld_weather fair = {0};
	uint16_t count = world->config.nodes_count;

	peal_simworld_trace(world, "--  heal");
	peal_simworld_note(world, PEAL_ACTION_HEAL, 0, 0);
	peal_simworld_set_weather(world, &fair);
	peal_simnet_visit_odds(&world->net, mend_link, world);
	for (uint16_t from = 0; from < count; from++) {
		peal_simworld_set_ingress_loss(world, from, 0);
		peal_simworld_set_egress_loss(world, from, 0);
		peal_simworld_pause(world, from, false);
		peal_simworld_stick(world, from, false);
	}
}
