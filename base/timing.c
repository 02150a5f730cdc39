/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/timing.h"

#include "base/assert.h"
#include "base/limits.h"

#include <stddef.h>
#include <string.h>

#define MILLISECOND_NS UINT64_C(1000000)
#define SECOND_NS      UINT64_C(1000000000)

/* What a preset chooses; the rest of struct peal_timing follows from it. */
struct preset {
	const char *name;
	uint64_t probe_interval_ns;
	uint64_t flood_ns;
	uint64_t merge_window_ns;
	uint64_t settle_ns;
	uint64_t fallback_ns_min;
	uint64_t repeat_ns_max;
	uint64_t join_quiet_ns;
	uint64_t join_window_ns;
	uint64_t join_retry_ns_min;
	uint64_t join_forward_extra_ns;
	uint64_t install_ns;
	uint64_t leave_ns;
	uint64_t boot_ns;
};

/* One switch or one rack: what a poll loop can promise. */
#define LOCAL_FIGURES                                                                              \
	.flood_ns = 5 * MILLISECOND_NS, .merge_window_ns = 1 * MILLISECOND_NS,                     \
	.settle_ns = 2 * MILLISECOND_NS, .fallback_ns_min = 20 * MILLISECOND_NS,                   \
	.repeat_ns_max = 1 * SECOND_NS, .join_quiet_ns = 5 * MILLISECOND_NS,                       \
	.join_window_ns = 50 * MILLISECOND_NS, .join_retry_ns_min = 20 * MILLISECOND_NS,           \
	.join_forward_extra_ns = 50 * MILLISECOND_NS, .install_ns = 5 * SECOND_NS,                 \
	.leave_ns = 800 * MILLISECOND_NS, .boot_ns = 1 * SECOND_NS

/* Virtual machines that stall, networks with other people in them. */
#define REMOTE_FIGURES                                                                             \
	.flood_ns = 300 * MILLISECOND_NS, .merge_window_ns = 50 * MILLISECOND_NS,                  \
	.settle_ns = 50 * MILLISECOND_NS, .fallback_ns_min = 1 * SECOND_NS,                        \
	.repeat_ns_max = 10 * SECOND_NS, .join_quiet_ns = 100 * MILLISECOND_NS,                    \
	.join_window_ns = 1 * SECOND_NS, .join_retry_ns_min = 200 * MILLISECOND_NS,                \
	.join_forward_extra_ns = 1 * SECOND_NS, .install_ns = 30 * SECOND_NS,                      \
	.leave_ns = 5 * SECOND_NS, .boot_ns = 5 * SECOND_NS

static const struct preset presets[] = {
	{.name = "dpdk-fast", .probe_interval_ns = 10 * MILLISECOND_NS, LOCAL_FIGURES},
	{.name = "dpdk", .probe_interval_ns = 50 * MILLISECOND_NS, LOCAL_FIGURES},
	{.name = "cloud", .probe_interval_ns = 500 * MILLISECOND_NS, REMOTE_FIGURES},
	{.name = "paper", .probe_interval_ns = 1 * SECOND_NS, REMOTE_FIGURES},
};

/* paper: RAPID 6, an edge is faulty when 40 % of the last 10 probes failed. */
#define PROBE_WINDOW_COUNT 10U
#define PROBE_FAILED_COUNT 4U

_Static_assert(PROBE_WINDOW_COUNT <= PEAL_EDGE_WINDOW_MAX, "an edge remembers a whole window");

static uint64_t
larger_of(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void
fill_timing(const struct preset *preset, struct peal_timing *timing_out)
{
	uint64_t interval_ns = preset->probe_interval_ns;
	uint64_t flood_ns = preset->flood_ns;
	/* A crash right after an answered probe: the rest of its interval, then the failed ones. */
	uint64_t detection_ns = (PROBE_FAILED_COUNT + 1U) * interval_ns;

	*timing_out = (struct peal_timing){
		.name = preset->name,
		.probe_interval_ns = interval_ns,
		.probe_window_count = PROBE_WINDOW_COUNT,
		.probe_failed_count = PROBE_FAILED_COUNT,
		.flood_ns = flood_ns,
		.merge_window_ns = preset->merge_window_ns,
		.settle_ns = preset->settle_ns,
		.reinforce_ns = larger_of(3 * detection_ns, 10 * flood_ns),
		.fallback_ns = larger_of(4 * flood_ns, preset->fallback_ns_min),
		.fallback_slot_ns = 2 * flood_ns,
		.repeat_ns_max = preset->repeat_ns_max,
		.join_quiet_ns = preset->join_quiet_ns,
		.join_window_ns = preset->join_window_ns,
		.join_retry_ns_min = preset->join_retry_ns_min,
		.join_forward_ns = 4 * flood_ns + preset->join_forward_extra_ns,
		.install_ns = preset->install_ns,
		.leave_ns = preset->leave_ns,
		.boot_ns = preset->boot_ns,
		.stuck_ns = larger_of(20 * interval_ns, 1 * SECOND_NS),
	};

	PEAL_ASSERT(timing_out->merge_window_ns < timing_out->flood_ns);
	PEAL_ASSERT(timing_out->fallback_ns > timing_out->settle_ns + 2 * flood_ns);
	PEAL_ASSERT(timing_out->join_quiet_ns < timing_out->join_window_ns);
	/* The age of a control plane travels in 16 bits of milliseconds. */
	PEAL_ASSERT(timing_out->stuck_ns / MILLISECOND_NS < UINT16_MAX);
}

bool
peal_timing_find(const char *name, struct peal_timing *timing_out)
{
	for (size_t i = 0; i < sizeof(presets) / sizeof(presets[0]); i++) {
		if (strcmp(presets[i].name, name) == 0) {
			fill_timing(&presets[i], timing_out);
			return true;
		}
	}
	return false;
}
