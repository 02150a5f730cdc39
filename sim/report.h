/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What came out of a run: figures, violations, and the digest that a repetition must give again.
 *
 * Filled by the checkers and the scenario, read by tests and by tools/peal-sim. A plain value;
 * nothing in it depends on a wall clock, an address in memory or the machine.
 */
#ifndef PEAL_SIM_REPORT_H
#define PEAL_SIM_REPORT_H

#include "base/counters.h"
#include "base/limits.h"
#include "base/timing.h"

#include <stdbool.h>
#include <stdint.h>

/* Violations kept as text; the count goes on. */
#define PEAL_REPORT_VIOLATIONS_MAX     16U
#define PEAL_REPORT_VIOLATION_SIZE_MAX 240U
/* Latencies that one run can yield: one for each crash of a scenario. */
#define PEAL_REPORT_SAMPLES_MAX 64U

/* The life of one crash, in virtual time. */
struct peal_report_sample {
	uint64_t kill_to_detection_ns; /* to the H-th accepted report at the first survivor */
	uint64_t detection_to_view_ns; /* from there to the last survivor's install */
	uint64_t gap_ns; /* broadcasts: longest time without a delivery at any survivor */
};

/* A broadcast to all against a message to each; sums over runs. */
struct peal_report_fan_out {
	uint64_t cast_messages;    /* of one member, without loss */
	uint64_t cast_frames;      /* with data, that it sent for them */
	uint64_t unicast_messages; /* to each of the others */
	uint64_t unicast_frames;
	uint64_t clean_deliveries; /* at all members in one span, without loss */
	uint64_t lossy_deliveries; /* in the same span, with 1 % loss */
};

/* A figure of a story of its own; of several runs the worst is kept, so larger must be worse. */
#define PEAL_REPORT_FIGURES_MAX 64U
struct peal_report_figure {
	const char *name; /* static */
	uint64_t value;
};

struct peal_report {
	char scenario[32];
	char preset[16];
	char profile[16]; /* empty: none */
	enum peal_detector detector;
	uint32_t nodes_count;
	uint32_t faulty_count;      /* 0 = what the scenario says */
	uint32_t metadata_size_max; /* 0 = names */
	bool is_ipv6;
	uint64_t seed;
	uint64_t virtual_ns; /* from the start of the run to its end */
	uint64_t events_count;
	uint64_t frames_count;                  /* sent by nodes */
	uint64_t digest;                        /* of everything that happened */
	uint32_t views_count;                   /* different ones installed anywhere */
	bool sizes_seen[PEAL_MEMBERS_MAX + 1U]; /* of those views, by members */
	uint32_t removed_count;                 /* members taken out that had not asked for it */
	uint32_t healthy_removed_count;         /* of these, the ones that nothing was wrong with */
	uint32_t words_count;                   /* members that were removed and did not know */
	uint32_t words_late_count; /* of these, the ones whose word said that all is well */
	uint64_t
		word_margin_ns; /* shortest time by which one of them had lost its word; 0 = none */
	uint32_t starved_count; /* runs whose random faults left no quorum alive */
	uint64_t messages_count; /* accepted by channels and for broadcast */
	struct peal_report_fan_out fan_out;
	uint64_t agreed_ns;   /* large groups: from the event of the story to the last install */
	uint32_t steps_count; /* large groups: views that the event took */
	uint64_t bytes;       /* large groups: UDP payload that the story counts */
	uint64_t converge_ns; /* longest time from a heal to agreement; 0 = nothing was healed */
	uint64_t counters[PEAL_COUNTERS_COUNT]; /* of all nodes that ever ran, cores and control */
	uint32_t samples_count;
	struct peal_report_sample samples[PEAL_REPORT_SAMPLES_MAX];
	uint32_t figures_count;
	struct peal_report_figure figures[PEAL_REPORT_FIGURES_MAX];
	uint32_t violations_count;
	char violations[PEAL_REPORT_VIOLATIONS_MAX][PEAL_REPORT_VIOLATION_SIZE_MAX];
};

void peal_report_init(struct peal_report *report);

/* Notes that something happened that must not. Counted always, kept as text while there is room. */
void peal_report_violate(struct peal_report *report, uint64_t now_ns, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Adds the counters of a node that ends. */
void peal_report_add_counters(struct peal_report *report, const struct peal_counters *counters);

/* Adds a sample; one beyond the limit is dropped. */
void peal_report_add_sample(struct peal_report *report, const struct peal_report_sample *sample);

/* Notes a figure, or makes it worse. `name` is static; asserts that there is room. */
void peal_report_note(struct peal_report *report, const char *name, uint64_t value);
/* The figure of this name; 0 = never noted. */
uint64_t peal_report_figure(const struct peal_report *report, const char *name);

/* Folds the figures of `part`, a run of the same scenario and seed, into `report`. */
void peal_report_merge(struct peal_report *report, const struct peal_report *part);

/* A distribution of durations: sorts `values` in place. `count` may be 0. */
struct peal_report_spread {
	uint64_t p50_ns;
	uint64_t p99_ns;
	uint64_t max_ns;
};
struct peal_report_spread peal_report_spread(uint64_t *values, uint32_t count);

#endif
