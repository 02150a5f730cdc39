/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a run with many nodes gave: for people and as JSON. Main thread.
 */
#ifndef PEAL_PEAL_BENCH_FINDINGS_H
#define PEAL_PEAL_BENCH_FINDINGS_H

#include "tools/peal-bench/benchargs.h"

#include <jansson.h>
#include <stdio.h>

/* When something was so at each of the nodes, from a common beginning. */
struct peal_findings_spread {
	uint64_t p50_ns;
	uint64_t p90_ns;
	uint64_t max_ns;
};

/* What the process did in a stretch of time. */
struct peal_findings_cost {
	uint64_t elapsed_ns;
	uint64_t cpu_ns;        /* of the process */
	uint64_t loop_cpu_ns;   /* of them, of the poll loop */
	uint64_t sleeps_count;  /* of all its threads, to the kernel's knowledge */
	uint64_t frames_count;  /* sent by all nodes */
	uint64_t payload_size;  /* of these frames, UDP payload */
	uint64_t dropped_count; /* frames that found no room */
	uint64_t others_cpu_ns; /* that other processes used meanwhile */
	uint64_t steal_ns;      /* that the hypervisor took */
};

/* `count` nodes stopped at one moment, from which times count. */
struct peal_findings_kill {
	uint32_t count;
	uint64_t detection_ns;            /* the first survivor was sure about one of them */
	uint64_t detection_ns_last;       /* the first survivor was sure about the last of them */
	struct peal_findings_spread view; /* a survivor is in a view without all of them */
	uint64_t cuts_count;              /* it took so many changes of the view */
	uint32_t healthy_removed_count;
	struct peal_findings_cost cost; /* up to the last view */
};

struct peal_findings {
	uint32_t nodes_count;
	const char *preset;
	const char *aead_name;
	const char *dpdk_name;
	struct peal_findings_spread forming; /* from the start to a view of all nodes */
	struct peal_findings_cost forming_cost;
	uint64_t forming_cuts_count;
	bool is_idle_known;
	struct peal_findings_cost idle;
	uint32_t kills_count;
	struct peal_findings_kill kills[PEAL_BENCHARGS_KILLS_MAX];
	uint64_t base_size;     /* resident: the process with DPDK and without nodes */
	uint64_t resident_size; /* with all nodes in one view */
};

/* To be released. */
json_t *peal_findings_to_json(const struct peal_findings *findings);

/* Text from JSON, so that what another process found can be shown as well. */
void peal_findings_show(const json_t *root, FILE *file);

#endif
