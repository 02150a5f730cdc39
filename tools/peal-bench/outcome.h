/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What one run of echoes gave: for people, as JSON, as a percentile table and as a picture of the
 * percentiles and of the run.
 *
 * A run of which more than PEAL_OUTCOME_LOSS_PERCENT_MAX was lost has no figures: what came back is
 * not what was asked about. Nor has one whose CPUs were others' (refusal.h), unless figures are
 * wanted anyway. Less than that, and anything else that makes the figures doubtful, is said in a
 * warning. Main thread, after the poll loops have stopped.
 */
#ifndef PEAL_PEAL_BENCH_OUTCOME_H
#define PEAL_PEAL_BENCH_OUTCOME_H

#include "base/histogram.h"
#include "base/timeline.h"
#include "tools/peal-bench/machine.h"

#include <jansson.h>

#define PEAL_OUTCOME_LOSS_PERCENT_MAX 1.0
#define PEAL_OUTCOME_WARNINGS_MAX     8U
#define PEAL_OUTCOME_WARNING_SIZE_MAX 240U
/* A loop that was away for longer than this was stopped. */
#define PEAL_OUTCOME_GAP_NS UINT64_C(1000000)
/* Bytes of an echo from the Ethernet header on, in rtt and raw: 14 + 20 + 8 + 32 + 16 + 16. */
#define PEAL_OUTCOME_FRAME_SIZE 106U

struct peal_outcome {
	const struct peal_benchargs *args;
	struct peal_histogram *histogram; /* of round trips in nanoseconds */
	struct peal_timeline *timeline;   /* the same over the run */
	uint32_t message_size;            /* of a message of a channel; 0 = an echo frame */
	bool is_bare;                     /* not Peal but DPDK alone */
	bool is_one_way;                  /* the histogram is of one way only */
	bool is_far;                      /* one way to another machine, whose clock is ahead: */
	double clock_ahead_ns;            /* so much, at the tightest message before the run, */
	double clock_drift;               /* and gaining so many nanoseconds a nanosecond */
	double clock_error_ns;            /* of one way: each of its values can be so wrong */
	uint16_t path_mtu;                /* proven both ways, of a message; else 0 */
	uint64_t sent_count;
	uint64_t received_count;
	const char *aead_name; /* NULL = not sealed */
	const char *dpdk_name; /* version */
	uint64_t tsc_hz;
	double line_rtt_ns;      /* 0 = not taken */
	uint64_t gaps_count;     /* of both loops */
	uint64_t longest_gap_ns; /* of both loops, since they started */
	struct peal_machine_bill bill;
};

/* Warnings about an outcome. */
struct peal_outcome_warnings {
	uint32_t count;
	char texts[PEAL_OUTCOME_WARNINGS_MAX][PEAL_OUTCOME_WARNING_SIZE_MAX];
};

uint64_t peal_outcome_lost_count(const struct peal_outcome *outcome);

/*
 * Writes everything that the arguments ask for: text, JSON, table, curve.
 * @return false with a sentence: a refusal (refusal.h), or a file could not be written
 */
bool peal_outcome_deliver(const struct peal_outcome *outcome, struct peal_sentence *error);

/* Parts that ratio needs as well. */

/* CPU, kernel, what it leaves alone, and versions: the keys stand in peal-bench(1). To be released.
 */
json_t *peal_outcome_host_to_json(const char *dpdk_name);
/* The percentile table of a histogram of nanoseconds, in microseconds. False with a sentence. */
bool peal_outcome_write_table(
	const struct peal_histogram *histogram, const char *path, struct peal_sentence *error);
/* Writes to a file, or to the standard output for "-". False with a sentence. */
bool peal_outcome_write_json(const json_t *root, const char *path, struct peal_sentence *error);

#endif
