/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/floor.h"

#include "base/assert.h"
#include "base/version.h"
#include "tools/benchlib/linelap.h"
#include "tools/benchlib/median.h"
#include "tools/peal-bench/ctrlc.h"
#include "tools/peal-bench/outcome.h"
#include "tools/peal-bench/progressbar.h"
#include "tools/peal-bench/refusal.h"
#include "tools/peal-bench/sharedoptions.h"

#include <rte_version.h>
#include <stdlib.h>

#define ROUNDS_COUNT 3U

/* Each is half a round trip, in nanoseconds; one row of `cpus_count` for each CPU. */
struct floor {
	const struct peal_benchargs *args;
	double *handovers_ns;
};

static double *
at(const struct floor *floor, uint32_t row, uint32_t column)
{
	return &floor->handovers_ns[row * floor->args->cpus_count + column];
}

/* Median of the rounds; 0 when a round gave nothing. */
static double
measure_pair(const struct floor *floor, uint32_t row, uint32_t column)
{
	const struct peal_benchargs *args = floor->args;
	const int cpus[PEAL_BENCHARGS_SIDES_COUNT] = {args->cpus[row], args->cpus[column]};
	double rounds_ns[PEAL_BENCHARGS_ROUNDS_MAX];

	PEAL_ASSERT(args->rounds_count >= 1 && args->rounds_count <= PEAL_BENCHARGS_ROUNDS_MAX);
	for (uint32_t i = 0; i < args->rounds_count; i++) {
		rounds_ns[i] = peal_linelap_measure(cpus, peal_ctrlc_has_come) / 2.0;
		if (rounds_ns[i] <= 0.0) {
			return 0.0;
		}
	}
	return peal_median_find(rounds_ns, args->rounds_count);
}

static bool
measure_all(const struct floor *floor, struct peal_sentence *error)
{
	const struct peal_benchargs *args = floor->args;
	uint32_t done = 0, total = args->cpus_count * (args->cpus_count - 1U) / 2U;
	struct peal_progressbar bar;
	bool is_good = true;

	peal_progressbar_init(&bar, !args->is_quiet);
	for (uint32_t row = 0; row < args->cpus_count && is_good; row++) {
		for (uint32_t column = row + 1U; column < args->cpus_count && is_good; column++) {
			double handover_ns;

			peal_progressbar_show(&bar, "pairs of CPUs", done++, total);
			handover_ns = measure_pair(floor, row, column);
			*at(floor, row, column) = handover_ns;
			*at(floor, column, row) = handover_ns;
			is_good = handover_ns > 0.0;
			if (!is_good && !peal_ctrlc_has_come()) {
				(void)peal_refusal_set(error,
					"CPU %d and CPU %d had too little time beside each other; "
					"try again on a machine at rest",
					args->cpus[row], args->cpus[column]);
			}
		}
	}
	peal_progressbar_clear(&bar);
	return is_good;
}

static json_t *
floor_to_json(const struct floor *floor)
{
	const struct peal_benchargs *args = floor->args;
	json_t *root = json_pack("{s:s, s:s, s:i}", "command", "floor", "version", PEAL_VERSION,
		"rounds", (int)args->rounds_count);
	json_t *cores = json_array(), *pairs = json_array(), *matrix = json_array();

	for (uint32_t row = 0; row < args->cpus_count; row++) {
		json_t *line = json_array();

		json_array_append_new(cores, json_integer(args->cpus[row]));
		for (uint32_t column = 0; column < args->cpus_count; column++) {
			double handover_ns = *at(floor, row, column);

			json_array_append_new(
				line, row == column ? json_null() : json_real(handover_ns));
			if (column > row) {
				json_array_append_new(pairs,
					json_pack("{s:[i, i], s:f, s:f}", "cores", args->cpus[row],
						args->cpus[column], "handover_ns", handover_ns,
						"round_trip_ns", 2.0 * handover_ns));
			}
		}
		json_array_append_new(matrix, line);
	}
	json_object_set_new(root, "cores", cores);
	json_object_set_new(root, "pairs", pairs);
	json_object_set_new(root, "matrix_ns", matrix);
	json_object_set_new(root, "host", peal_outcome_host_to_json(rte_version()));
	return root;
}

static void
show(const struct floor *floor, FILE *file)
{
	const struct peal_benchargs *args = floor->args;

	fprintf(file, "ns to hand a cache line from CPU to CPU (half a round trip)\n      ");
	for (uint32_t column = 0; column < args->cpus_count; column++) {
		fprintf(file, " %7d", args->cpus[column]);
	}
	for (uint32_t row = 0; row < args->cpus_count; row++) {
		fprintf(file, "\n%6d", args->cpus[row]);
		for (uint32_t column = 0; column < args->cpus_count; column++) {
			if (row == column) {
				fprintf(file, " %7s", "-");
			} else {
				fprintf(file, " %7.1f", *at(floor, row, column));
			}
		}
	}
	fprintf(file, "\n");
}

static bool
run(const struct peal_benchargs *args, struct peal_sentence *error)
{
	struct floor floor = {.args = args};
	FILE *text = peal_benchargs_text_file(args);
	bool is_good;

	floor.handovers_ns =
		calloc((size_t)args->cpus_count * args->cpus_count, sizeof(*floor.handovers_ns));
	if (floor.handovers_ns == NULL) {
		return peal_sentence_set(error, "there is no memory left");
	}
	is_good = measure_all(&floor, error);
	if (is_good && args->json_path != NULL) {
		json_t *root = floor_to_json(&floor);

		is_good = peal_outcome_write_json(root, args->json_path, error);
		json_decref(root);
	}
	if (is_good && text != NULL) {
		show(&floor, text);
	}
	free(floor.handovers_ns);
	return is_good;
}

static const struct peal_option option_rounds = {.name = "rounds",
	.value = "N",
	.help = "the median of so many counts, 1 to 1000 (default: 3)",
	.kind = PEAL_OPTION_NUMBER,
	PEAL_OPTION_FIELD(rounds_count),
	.min = 1,
	.max = PEAL_BENCHARGS_ROUNDS_MAX};

static const struct peal_option *const own_options[] = {
	&peal_option_cpu_list, &option_rounds, &peal_option_json, &peal_option_quiet, NULL};

static void
prepare(struct peal_benchargs *args)
{
	args->rounds_count = ROUNDS_COUNT;
}

static bool
complete(struct peal_benchargs *args, struct peal_sentence *error)
{
	return peal_sharedoptions_complete_list(args, 2, PEAL_BENCHARGS_CPUS_MAX, error);
}

const struct peal_command peal_floor_command = {
	.name = "floor",
	.usage = "[--cores LIST] [options]",
	.brief = "what handing a cache line from CPU to CPU takes",
	.about = "Two threads on two CPUs write to one cache line in turn. Half of a round trip is "
		 "what it takes to\n"
		 "hand something over, and no two threads get below it. Every pair of the list is "
		 "measured, one\n"
		 "after the other: a matrix shows which CPUs share a cache or a socket.\n",
	.notes = "There is no figure, and the exit status is 3, when two CPUs had too little time "
		 "beside each other.\n",
	.examples = "  peal-bench floor\n"
		    "  peal-bench floor --cores 0,1,8,9 --rounds 9\n"
		    "  peal-bench floor --cores 0-3 --json - --quiet | jq '.pairs'\n",
	.options = own_options,
	.prepare = prepare,
	.complete = complete,
	.run = run,
};
