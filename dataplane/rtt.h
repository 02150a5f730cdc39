/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How long an answer takes, and how long to wait for one: a mean and a spread of round trips.
 *
 * paper: RFC 6298 (the mean moves by 1/8 of each difference, the spread by 1/4), with bounds that
 * fit a kernel-bypass link. What the receiver waited before it answered is not part of a round
 * trip. Pure; fields private but `smooth_ns`, which is read only; one owner.
 */
#ifndef PEAL_DATAPLANE_RTT_H
#define PEAL_DATAPLANE_RTT_H

#include "base/messagelimits.h"

#include <stdint.h>

struct peal_rtt {
	uint64_t smooth_ns; /* 0 = nothing measured yet */
	uint64_t spread_ns;
	uint64_t rto_ns_min;
	uint64_t rto_ns_max;
	uint64_t hold_ns;
};

/* `rto_ns_min` [1, rto_ns_max]. Until something is measured a time-out is PEAL_RTT_UNKNOWN_NS.
 * `hold_ns`: for so long a receiver may keep an answer back for no other reason than to save it. */
void peal_rtt_init(
	struct peal_rtt *rtt, uint64_t rto_ns_min, uint64_t rto_ns_max, uint64_t hold_ns);

/* One round trip of a frame that was sent once. Any value; a wild one moves the mean by 1/8. */
void peal_rtt_add(struct peal_rtt *rtt, uint64_t sample_ns);

/* After how long without an answer a frame is sent again: mean + 4 spreads, and what an answer may
 * wait, within the bounds. */
uint64_t peal_rtt_timeout_ns(const struct peal_rtt *rtt);

/* After how long the last frame of all is sent again to ask what is missing: two means and
 * what an answer may wait, or a time-out. */
uint64_t peal_rtt_tail_ns(const struct peal_rtt *rtt);

/* By how much a frame may be overtaken before it counts as lost: a quarter of the mean. */
uint64_t peal_rtt_reorder_ns(const struct peal_rtt *rtt);

#endif
