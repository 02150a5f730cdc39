/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/rtt.h"

#include "base/assert.h"
#include "base/limits.h"
#include "base/messagelimits.h"

void
peal_rtt_init(struct peal_rtt *rtt, uint64_t rto_ns_min, uint64_t rto_ns_max, uint64_t hold_ns)
{
	PEAL_ASSERT(rto_ns_min >= 1);
	PEAL_ASSERT(rto_ns_min <= rto_ns_max);
	*rtt = (struct peal_rtt){
		.rto_ns_min = rto_ns_min, .rto_ns_max = rto_ns_max, .hold_ns = hold_ns};
}

static uint64_t
within(const struct peal_rtt *rtt, uint64_t span_ns)
{
	if (span_ns < rtt->rto_ns_min) {
		return rtt->rto_ns_min;
	}
	return span_ns < rtt->rto_ns_max ? span_ns : rtt->rto_ns_max;
}

void
peal_rtt_add(struct peal_rtt *rtt, uint64_t sample_ns)
{
	uint64_t difference_ns;

	sample_ns = sample_ns < rtt->rto_ns_max ? sample_ns : rtt->rto_ns_max;
	if (rtt->smooth_ns == 0) {
		rtt->smooth_ns = sample_ns > 0 ? sample_ns : 1;
		rtt->spread_ns = sample_ns / 2U;
		return;
	}
	difference_ns = sample_ns > rtt->smooth_ns ? sample_ns - rtt->smooth_ns
						   : rtt->smooth_ns - sample_ns;
	rtt->spread_ns = rtt->spread_ns - rtt->spread_ns / 4U + difference_ns / 4U;
	rtt->smooth_ns = rtt->smooth_ns - rtt->smooth_ns / 8U + sample_ns / 8U;
	rtt->smooth_ns = rtt->smooth_ns > 0 ? rtt->smooth_ns : 1;
}

uint64_t
peal_rtt_timeout_ns(const struct peal_rtt *rtt)
{
	if (rtt->smooth_ns == 0) {
		return within(rtt, PEAL_RTT_UNKNOWN_NS);
	}
	return within(rtt, rtt->smooth_ns + 4U * rtt->spread_ns + rtt->hold_ns);
}

uint64_t
peal_rtt_tail_ns(const struct peal_rtt *rtt)
{
	uint64_t timeout_ns = peal_rtt_timeout_ns(rtt);
	uint64_t tail_ns = 2U * rtt->smooth_ns + rtt->hold_ns;

	if (rtt->smooth_ns == 0 || tail_ns > timeout_ns) {
		return timeout_ns;
	}
	return tail_ns > rtt->rto_ns_min ? tail_ns : rtt->rto_ns_min;
}

uint64_t
peal_rtt_reorder_ns(const struct peal_rtt *rtt)
{
	return rtt->smooth_ns / 4U;
}
