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

/* A new process is born into the faults that last. */
static void
inherit_faults(struct peal_simworld *world, uint16_t index)
{
	const struct peal_simnet_port *port = &world->net.ports[index];

	if (port->ingress_loss_ppm > 0 || port->egress_loss_ppm > 0) {
		peal_check_healthy_on_fault(&world->healthy, index);
	}
	for (uint16_t other = 0; other < world->config.nodes_count; other++) {
		if (is_bad(world, peal_simnet_link(&world->net, index, other)) ||
			is_bad(world, peal_simnet_link(&world->net, other, index))) {
			peal_check_healthy_on_link_fault(&world->healthy, index, other);
		}
	}
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
	peal_simworld_trace(world, "--  start n%u", index);
	peal_simnode_start(simnode);
}

void
peal_simworld_crash(struct peal_simworld *world, uint16_t index)
{
	if (!world->nodes[index]->is_up) {
		return;
	}
	peal_simworld_trace(world, "--  crash n%u", index);
	peal_simnode_crash(world->nodes[index]);
	peal_check_healthy_on_end(&world->healthy, index);
}

void
peal_simworld_leave(struct peal_simworld *world, uint16_t index)
{
	if (!world->nodes[index]->is_up) {
		return;
	}
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
	peal_simworld_trace(world, "--  %s control of n%u", is_stuck ? "stop" : "resume", index);
	peal_check_healthy_on_fault(&world->healthy, index);
	peal_simnode_set_stuck(world->nodes[index], is_stuck);
}

void
peal_simworld_cut(struct peal_simworld *world, uint16_t from, uint16_t to, bool is_cut)
{
	struct peal_simlink *link = peal_simnet_link(&world->net, from, to);

	if (from == to || link->is_cut == is_cut) {
		return;
	}
	peal_simworld_trace(world, "--  %s n%u -> n%u", is_cut ? "cut" : "mend", from, to);
	link->is_cut = is_cut;
	peal_check_healthy_on_link_fault(&world->healthy, from, to);
}

void
peal_simworld_set_ingress_loss(struct peal_simworld *world, uint16_t index, uint32_t ppm)
{
	PEAL_ASSERT(ppm <= PPM);
	if (world->net.ports[index].ingress_loss_ppm == ppm) {
		return;
	}
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
	peal_simworld_trace(world, "--  n%u loses %u ppm of what it says", index, ppm);
	world->net.ports[index].egress_loss_ppm = ppm;
	peal_check_healthy_on_fault(&world->healthy, index);
}

void
peal_simworld_set_weather(struct peal_simworld *world, const struct peal_simworld_weather *weather)
{
	uint16_t count = world->config.nodes_count;

	peal_simworld_trace(world,
		"--  weather: %u ppm lost, %u doubled, %u late by up to %" PRIu64 " us",
		weather->loss_ppm, weather->duplicate_ppm, weather->spike_ppm,
		weather->spike_ns_max / 1000U);
	for (uint16_t from = 0; from < count; from++) {
		for (uint16_t to = 0; to < count; to++) {
			struct peal_simlink *link = peal_simnet_link(&world->net, from, to);

			link->loss_ppm = weather->loss_ppm;
			link->duplicate_ppm = weather->duplicate_ppm;
			link->spike_ppm = weather->spike_ppm;
			link->spike_ns_max = weather->spike_ns_max;
			if (is_bad(world, link)) {
				peal_check_healthy_on_link_fault(&world->healthy, from, to);
			}
		}
	}
}

void
peal_simworld_heal(struct peal_simworld *world)
{
	const struct peal_simworld_weather fair = {0};
	uint16_t count = world->config.nodes_count;

	peal_simworld_trace(world, "--  heal");
	peal_simworld_set_weather(world, &fair);
	for (uint16_t from = 0; from < count; from++) {
		for (uint16_t to = 0; to < count; to++) {
			peal_simworld_cut(world, from, to, false);
		}
		peal_simworld_set_ingress_loss(world, from, 0);
		peal_simworld_set_egress_loss(world, from, 0);
		peal_simworld_pause(world, from, false);
		peal_simworld_stick(world, from, false);
	}
}
