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

/* As many probes as the window bears, and a half: jitter decides no verdict. */
#define SILENCE_HALVES_COUNT (2U * PROBE_FAILED_COUNT + 1U)

/* What Akka's cluster uses. */
#define PHI_THRESHOLD_TENTHS 80U

_Static_assert(PHI_THRESHOLD_TENTHS >= PEAL_PHI_TENTHS_MIN, "the default is in range");
_Static_assert(PHI_THRESHOLD_TENTHS <= PEAL_PHI_TENTHS_MAX, "the default is in range");

static const char *const detector_names[] = {
	[PEAL_DETECTOR_WINDOW] = "window",
	[PEAL_DETECTOR_PHI] = "phi",
	[PEAL_DETECTOR_SILENCE] = "silence",
};

#define DETECTORS_COUNT (sizeof(detector_names) / sizeof(detector_names[0]))

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
		.detector = PEAL_DETECTOR_WINDOW,
		.phi_threshold_tenths = PHI_THRESHOLD_TENTHS,
		.silence_ns = SILENCE_HALVES_COUNT * interval_ns / 2U,
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
	/* The slowest detector is done before the others' reports are repeated in its name. */
	PEAL_ASSERT(timing_out->reinforce_ns > (PROBE_WINDOW_COUNT + 1U) * interval_ns);
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

bool
peal_timing_set_detector(struct peal_timing *timing, enum peal_detector detector)
{
	PEAL_ASSERT(detector < DETECTORS_COUNT);

	if (detector == PEAL_DETECTOR_PHI && timing->probe_interval_ns < PEAL_PHI_INTERVAL_NS_MIN) {
		return false;
	}
	timing->detector = detector;
	return true;
}

bool
peal_timing_set_phi(struct peal_timing *timing, uint32_t threshold_tenths)
{
	if (threshold_tenths < PEAL_PHI_TENTHS_MIN || threshold_tenths > PEAL_PHI_TENTHS_MAX) {
		return false;
	}
	timing->phi_threshold_tenths = threshold_tenths;
	return true;
}

bool
peal_timing_set_silence(struct peal_timing *timing, uint64_t silence_ns)
{
	if (silence_ns < 2U * timing->probe_interval_ns ||
		silence_ns > timing->probe_window_count * timing->probe_interval_ns) {
		return false;
	}
	timing->silence_ns = silence_ns;
	return true;
}

uint64_t
peal_timing_detection_ns(const struct peal_timing *timing)
{
	uint64_t interval_ns = timing->probe_interval_ns;

	/* Silence begins with the last echo and is judged at the end of a probe's interval. */
	switch (timing->detector) {
	case PEAL_DETECTOR_WINDOW:
		return (timing->probe_failed_count + 1U) * interval_ns;
	case PEAL_DETECTOR_PHI:
		return (timing->probe_window_count + 1U) * interval_ns;
	case PEAL_DETECTOR_SILENCE:
		return timing->silence_ns + interval_ns;
	}
	PEAL_ASSERT(!"a detector that is none");
	return 0;
}

const char *
peal_detector_name(enum peal_detector detector)
{
	PEAL_ASSERT(detector < DETECTORS_COUNT);
	return detector_names[detector];
}

bool
peal_detector_find(const char *name, enum peal_detector *detector_out)
{
	for (size_t i = 0; i < DETECTORS_COUNT; i++) {
		if (strcmp(detector_names[i], name) == 0) {
			*detector_out = (enum peal_detector)i;
			return true;
		}
	}
	return false;
}
