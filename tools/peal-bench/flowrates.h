/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How a flow of messages went over the run: its rate in windows of some milliseconds, as JSON, as a
 * table of how long a message took, and as a picture.
 *
 * The median of the rounds does not say whether the flow stood still in between. Main thread.
 */
#ifndef PEAL_PEAL_BENCH_FLOWRATES_H
#define PEAL_PEAL_BENCH_FLOWRATES_H

#include "base/histogram.h"
#include "tools/peal-bench/benchargs.h"

#include <jansson.h>

/* 100 rounds of half a second, looked at every 20 ms, and then some. */
#define PEAL_FLOWRATES_SAMPLES_MAX 2600U

struct peal_flowrates {
	uint32_t count;
	struct {
		uint64_t at_ns;
		uint64_t messages_count;
	} samples[PEAL_FLOWRATES_SAMPLES_MAX];
};

/* What had been delivered at an instant; one that is not later than the last is the same sample
 * still, and what does not fit is not kept. */
void peal_flowrates_add(struct peal_flowrates *rates, uint64_t at_ns, uint64_t messages_count);

/* [[from, to, messages a second], ...], nanoseconds since the first sample. To be released. */
json_t *peal_flowrates_to_json(const struct peal_flowrates *rates);

/*
 * Picoseconds a message of each window into a histogram that is reset here: the printed table,
 * whose scale is 1000, is then in nanoseconds. A window without a message counts as if it had had
 * one.
 */
void peal_flowrates_find_times(
	const struct peal_flowrates *rates, struct peal_histogram *histogram_out);

/* Writes what --hdr and --plot ask for. False with a sentence. */
bool peal_flowrates_deliver(const struct peal_flowrates *rates, const struct peal_benchargs *args,
	struct peal_sentence *error);

#endif
