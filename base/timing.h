/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The times of one cluster, as one value: presets, and the rule that keeps them consistent.
 *
 * D ("flood_ns") is the upper estimate of one cluster-wide dissemination; the others derive from
 * it. All members of a cluster must run the same preset: a JOIN with other parameters is refused.
 * The detector is not among them, nor are its own figures: whom a node believes is its own
 * judgement, made on its own hardware, and what the others must rely on holds for each. Within a
 * window of intervals after the last sign of life, and so before T_r, a silent peer has FAILED.
 * paper: RAPID sections 4 and 6 (detector window, reinforcement), with Peal's own figures.
 */
#ifndef PEAL_BASE_TIMING_H
#define PEAL_BASE_TIMING_H

#include <stdbool.h>
#include <stdint.h>

/* Which rule turns unanswered probes into FAILED; membership/edge.h has them all. */
enum peal_detector {
	PEAL_DETECTOR_WINDOW = 0, /* so many of the last probes failed */
	PEAL_DETECTOR_PHI = 1,    /* this silence is too unlikely after what was seen before */
	PEAL_DETECTOR_SILENCE = 2 /* silent for a fixed time */
};

struct peal_timing {
	const char *name;            /* preset: dpdk-fast, dpdk, cloud, paper */
	uint64_t probe_interval_ns;  /* one probe per observed edge and interval, +-10 % */
	uint32_t probe_window_count; /* probes remembered, [1, PEAL_EDGE_WINDOW_MAX] */
	uint32_t probe_failed_count; /* failed ones among them that make the edge FAILED */
	enum peal_detector detector;
	uint32_t phi_threshold_tenths; /* 80 = phi of 8; [PEAL_PHI_TENTHS_MIN, .._MAX] */
	uint64_t silence_ns;           /* [2 intervals, a window of intervals] */
	uint64_t flood_ns;             /* D */
	uint64_t merge_window_ns;      /* alerts wait this long for company, from the first entry */
	uint64_t settle_ns;            /* a complete cut waits this long before it is proposed */
	uint64_t reinforce_ns;         /* T_r: an unstable subject is echoed after this */
	uint64_t fallback_ns;       /* T0: first classic round at the earliest, unless infeasible */
	uint64_t fallback_slot_ns;  /* T_slot: next coordinator's turn */
	uint64_t repeat_ns_max;     /* cap of 2 D, 4 D, 8 D ... repeats */
	uint64_t join_quiet_ns;     /* join batch leaves after this much quiet ... */
	uint64_t join_window_ns;    /* ... or this long after its first item */
	uint64_t join_retry_ns_min; /* joiner's first retry; doubles to 5 s, full jitter */
	uint64_t join_forward_ns;   /* T_fwd: introducer tries the next sequencer after this */
	uint64_t install_ns;        /* T_install: a new member may stay silent this long */
	uint64_t leave_ns;          /* T_leave: a leaver waits this long for its decision */
	uint64_t boot_ns;           /* T_boot: one CREATE_OK per node and this time */
	uint64_t stuck_ns; /* t_stuck: a peer whose control plane is older than this failed */
};

/* The pause after one of `repeat_ns`, for everything that is repeated at 2 D, 4 D ... until it is
 * settled. */
static inline uint64_t
peal_timing_next_repeat_ns(const struct peal_timing *timing, uint64_t repeat_ns)
{
	return repeat_ns * 2U < timing->repeat_ns_max ? repeat_ns * 2U : timing->repeat_ns_max;
}

/*
 * Fills `timing_out` for a preset name, with the window detector and usual figures for the others.
 * Returns false when there is no such preset.
 */
bool peal_timing_find(const char *name, struct peal_timing *timing_out);

/* False, and nothing changed: phi with probes more often than PEAL_PHI_INTERVAL_NS_MIN. */
bool peal_timing_set_detector(struct peal_timing *timing, enum peal_detector detector);
/* False, and nothing changed: out of the range above. */
bool peal_timing_set_phi(struct peal_timing *timing, uint32_t threshold_tenths);
bool peal_timing_set_silence(struct peal_timing *timing, uint64_t silence_ns);

/* Time from a death until an observer that was never late finds it FAILED, but for jitter. */
uint64_t peal_timing_detection_ns(const struct peal_timing *timing);

/* "window", "phi", "silence"; and back. False: there is no such detector. */
const char *peal_detector_name(enum peal_detector detector);
bool peal_detector_find(const char *name, enum peal_detector *detector_out);

#endif
