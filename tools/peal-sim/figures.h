/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The figures of many runs, summed up, for people and as JSON.
 */
#ifndef PEAL_PEAL_SIM_FIGURES_H
#define PEAL_PEAL_SIM_FIGURES_H

#include "sim/report.h"

#include <stdbool.h>
#include <stdio.h>

struct peal_figures {
	struct peal_report total; /* folded; its samples are not used */
	uint16_t nodes_min;
	uint16_t nodes_max;
	uint64_t runs_count;
	uint64_t failed_count;
	uint64_t failed_seeds[16]; /* the first ones */
	uint64_t wall_ns;
	uint32_t samples_count;
	uint32_t samples_capacity;
	uint64_t *kill_to_detection_ns; /* [samples_count] */
	uint64_t *detection_to_view_ns; /* [samples_count] */
	uint64_t *gap_ns;               /* [samples_count] */
};

void peal_figures_init(struct peal_figures *figures, const char *scenario);
void peal_figures_fini(struct peal_figures *figures);
/* Adds one run; `is_good` = it went as it should. */
void peal_figures_add(struct peal_figures *figures, const struct peal_report *report, bool is_good);
/* A few lines for people. Sorts the samples. */
void peal_figures_show(struct peal_figures *figures, FILE *file);
/* JSON to `path`, "-" = standard output. False: errno says why. Sorts the samples. */
bool peal_figures_write(struct peal_figures *figures, const char *path);

#endif
