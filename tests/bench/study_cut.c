/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How the rule of the cut does: kinds of faults by size of the group and share of the faulty.
 *
 *   study_cut [--runs N] [--members N] [--kind NAME] [--percent N] [--rings N]
 *   study_cut --cost
 *
 * One line a row (tests/lib/trial.h): in how many trials a healthy member was removed, stood in a
 * cut that was due, or in one that a coordinator might have chosen; in how many all went in one
 * cut, and how many cuts it took; in how many somebody faulty was left, viewers were due with
 * different cuts, the last resort or reinforcement was used; when the first and the last cut was
 * decided. The tables of docs/design/0004-cut-at-scale.md are made by it.
 */
#include "tests/lib/trial_kind.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RUNS_MAX 100000U

static struct peal_trial trial;

struct options {
	uint32_t runs_count;
	uint32_t members_count; /* 0 = all */
	const char *kind;       /* NULL = all */
	uint32_t percent;       /* 0 = all */
	uint32_t rings_count;
};

struct row {
	uint32_t out_count, due_count, free_count;
	uint32_t one_step_count, cuts_count, cuts_max;
	uint32_t left_count, conflict_count, resort_count, echo_count;
	uint64_t removed_count, first_ms;
	uint32_t last_ms[RUNS_MAX];
};

static int
compare(const void *a, const void *b)
{
	uint32_t first = *(const uint32_t *)a;
	uint32_t second = *(const uint32_t *)b;

	return first < second ? -1 : first > second;
}

static void
add_result(struct row *row, uint32_t run, const struct peal_trial_result *result)
{
	row->out_count += result->healthy_out_count > 0;
	row->due_count += result->healthy_due_count > 0;
	row->free_count += result->healthy_free_count > 0;
	row->one_step_count += result->left_count == 0 && result->cuts_count == 1;
	row->cuts_count += result->cuts_count;
	row->cuts_max = result->cuts_count > row->cuts_max ? result->cuts_count : row->cuts_max;
	row->left_count += result->left_count > 0;
	row->conflict_count += result->conflict_count > 0;
	row->resort_count += result->last_resort_count > 0;
	row->echo_count += result->echoes_count > 0;
	row->removed_count += result->removed_count;
	row->first_ms += result->first_ms;
	row->last_ms[run] = result->last_ms;
}

static void
run_row(const struct peal_trial_kind *kind, uint32_t members_count, uint32_t percent,
	const struct options *options)
{
	static struct row row;
	uint32_t runs_count = options->runs_count;

	memset(&row, 0, sizeof(row));
	for (uint32_t run = 0; run < runs_count; run++) {
		struct peal_trial_result result;

		peal_trial_set_up(&trial, kind,
			UINT64_C(1000003) * members_count + UINT64_C(1009) * percent + run,
			members_count, (uint8_t)options->rings_count, percent);
		result = peal_trial_run(&trial);
		add_result(&row, run, &result);
	}
	qsort(row.last_ms, runs_count, sizeof(row.last_ms[0]), compare);
	printf("%-12s %5u %3u%% %6u | out %u due %u free %u | one step %5.1f%% cuts %.2f max %u | "
	       "left %u conflict %u resort %u echo %u removed %.1f | first %" PRIu64
	       " last p50 %u p99 %u ms\n",
		kind->name, members_count, percent, runs_count, row.out_count, row.due_count,
		row.free_count, 100.0 * row.one_step_count / runs_count,
		1.0 * row.cuts_count / runs_count, row.cuts_max, row.left_count, row.conflict_count,
		row.resort_count, row.echo_count, (double)row.removed_count / runs_count,
		row.first_ms / runs_count, row.last_ms[runs_count / 2U],
		row.last_ms[runs_count - 1U - runs_count / 100U]);
	(void)fflush(stdout);
}

/* The rows of a kind that are asked for. */
static void
run_kind(const struct peal_trial_kind *kind, const struct options *options)
{
	static const uint32_t sizes[] = {16, 64, 100, 300, 1000};
	static const uint32_t percents[] = {1, 5, 10, 20, 33};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint32_t members_count =
			options->members_count > 0 ? options->members_count : sizes[i];
		uint32_t last_count = 0;

		if (options->members_count > 0 && i > 0) {
			break;
		}
		for (size_t k = 0; k < sizeof(percents) / sizeof(percents[0]); k++) {
			uint32_t percent = options->percent > 0 ? options->percent : percents[k];
			uint32_t faulty_count = (members_count * percent + 50U) / 100U;

			/* Shares that come to the same number of members are one row. */
			faulty_count =
				faulty_count == 0 || kind->faults_count == 0 ? 1 : faulty_count;
			if (faulty_count != last_count) {
				run_row(kind, members_count, percent, options);
			}
			last_count = faulty_count;
		}
	}
}

/* ---- cost ---- */

static double
cpu_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* Feeds all reports of the faults to a cut, ring by ring, judged after so many of them. Returns how
 * many there were. */
static uint32_t
feed(struct peal_cut *cut, uint32_t judged_every)
{
	uint32_t count = 0;

	for (uint32_t k = 0; k < trial.topology.observers_count; k++) {
		for (uint32_t rank = 0; rank < trial.members_count; rank++) {
			uint32_t observer = peal_rings_observer(&trial.topology, rank, k);

			if ((!peal_bitset_has(&trial.faulty, rank) &&
				    !peal_bitset_has(&trial.faulty, observer)) ||
				trial.faults[observer].loss_out == 256) {
				continue;
			}
			(void)peal_cut_on_report(
				cut, rank, UINT32_C(1) << k, 1000U + count / judged_every);
			count++;
		}
	}
	peal_cut_judge(cut);
	return count;
}

static void
print_cost(const char *name, uint32_t members_count, uint32_t percent)
{
	static const uint32_t steps[] = {1, 10, 100};
	static struct peal_judgement judgement;
	static struct peal_cut cut;
	uint32_t reports_count = 0;
	double totals_us[3];
	double begin_us = 0;

	peal_trial_set_up(
		&trial, peal_trial_find_kind(name), 1, members_count, PEAL_RINGS_DEFAULT, percent);
	if (cut.timing == NULL) {
		peal_cut_init(&cut, &trial.timing, (struct peal_bodies){0});
	}
	for (uint32_t i = 0; i < 3; i++) {
		peal_cut_start(&cut, &trial.view, &trial.topology, 0);
		begin_us = cpu_us();
		reports_count = feed(&cut, steps[i]);
		totals_us[i] = cpu_us() - begin_us;
	}
	begin_us = cpu_us();
	for (uint32_t i = 0; i < 100; i++) {
		peal_judgement_compute(&cut.evidence, &judgement);
	}
	printf("%-6s %5u %2u %%: %5u reports; one judgement of all %.1f us; all of them in %.1f, "
	       "%.1f "
	       "or %.1f ms, judged each, each 10th, each 100th\n",
		name, members_count, percent, reports_count, (cpu_us() - begin_us) / 100.0,
		totals_us[0] / 1e3, totals_us[1] / 1e3, totals_us[2] / 1e3);
}

static void
print_costs(void)
{
	static const uint32_t sizes[] = {64, 1000, 10000};
	static const uint32_t percents[] = {1, 10, 49};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (size_t k = 0; k < sizeof(percents) / sizeof(percents[0]); k++) {
			if (sizes[i] * percents[k] <= 100000U) {
				print_cost("crash", sizes[i], percents[k]);
				print_cost("deaf", sizes[i], percents[k]);
			}
		}
	}
}

static bool
read_options(int argc, char **argv, struct options *options)
{
	for (int i = 1; i < argc; i += 2) {
		uint32_t number = 0;

		if (i + 1 == argc) {
			return false;
		}
		number = (uint32_t)strtoul(argv[i + 1], NULL, 10);
		if (strcmp(argv[i], "--runs") == 0) {
			options->runs_count = number;
		} else if (strcmp(argv[i], "--members") == 0) {
			options->members_count = number;
		} else if (strcmp(argv[i], "--kind") == 0) {
			options->kind = argv[i + 1];
		} else if (strcmp(argv[i], "--percent") == 0) {
			options->percent = number;
		} else if (strcmp(argv[i], "--rings") == 0) {
			options->rings_count = number;
		} else {
			return false;
		}
	}
	return options->runs_count >= 1 && options->runs_count <= RUNS_MAX &&
	       options->members_count <= PEAL_MEMBERS_MAX && options->rings_count >= 3 &&
	       options->rings_count <= PEAL_RINGS_MAX &&
	       (options->kind == NULL || peal_trial_find_kind(options->kind) != NULL);
}

int
main(int argc, char **argv)
{
	struct options options = {.runs_count = 20, .rings_count = PEAL_RINGS_DEFAULT};

	if (argc == 2 && strcmp(argv[1], "--cost") == 0) {
		print_costs();
		return 0;
	}
	if (!read_options(argc, argv, &options)) {
		fprintf(stderr, "usage: study_cut [--runs N] [--members N] [--kind NAME] "
				"[--percent N] [--rings N] | --cost\nkinds:");
		for (uint32_t i = 0; i < peal_trial_kinds_count; i++) {
			fprintf(stderr, " '%s'", peal_trial_kinds[i].name);
		}
		fprintf(stderr, "\n");
		return 2;
	}
	for (uint32_t i = 0; i < peal_trial_kinds_count; i++) {
		if (options.kind == NULL || strcmp(options.kind, peal_trial_kinds[i].name) == 0) {
			run_kind(&peal_trial_kinds[i], &options);
		}
	}
	return 0;
}
