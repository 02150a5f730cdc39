/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/ratio.h"

#include "base/assert.h"
#include "base/version.h"
#include "tools/peal-bench/ctrlc.h"
#include "tools/peal-bench/curve.h"
#include "tools/peal-bench/outcome.h"
#include "tools/peal-bench/program.h"
#include "tools/peal-bench/programwords.h"
#include "tools/peal-bench/progressbar.h"
#include "tools/peal-bench/refusal.h"
#include "tools/peal-bench/sharedoptions.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RAW          "raw"
#define RTT          "rtt"
#define MESSAGE      "message"
#define MESSAGE_SIZE 64U
#define PAIRS_COUNT  5U
/* A run that the machine spoiled is repeated; one that cannot work fails as often. */
#define ATTEMPTS_MAX   2U
#define WARNINGS_SHOWN 6U

struct pair {
	json_t *raw;
	json_t *rtt;
	double ratio;
};

struct series {
	const struct peal_benchargs *args;
	struct peal_progressbar bar;
	uint32_t pairs_count; /* done */
	struct pair *pairs;   /* [args->pairs_count] */
};

/* The command line of one run. */
static void
make_words(struct peal_programwords *words, const struct peal_benchargs *args, const char *command)
{
	peal_programwords_add(words, PEAL_PROGRAM_SELF);
	peal_programwords_add(words, command);
	peal_programwords_add(words, "--link");
	peal_programwords_add(words, peal_benchargs_link_name(args->link));
	peal_programwords_add_number(words, "--count", args->count);
	peal_programwords_add_number(words, "--interval", args->interval_ns);
	peal_programwords_add(words, "--idle");
	peal_programwords_add(words, peal_benchargs_idle_name(args->idle));
	peal_programwords_add_text(words, "--cores", "%d,%d", args->cpus[0], args->cpus[1]);
	peal_programwords_add(words, "--quiet");
	peal_programwords_add(words, "--json");
	peal_programwords_add(words, "-");
	if (args->is_anyway) {
		peal_programwords_add(words, "--anyway");
	}
	if (args->mtu > 0) {
		peal_programwords_add_number(words, "--mtu", args->mtu);
	}
	if (strcmp(command, RAW) == 0) {
		return;
	}
	if (strcmp(command, MESSAGE) == 0) {
		peal_programwords_add_number(words, "--size", args->size);
	}
	if (args->key_path != NULL) {
		peal_programwords_add(words, "--key");
		peal_programwords_add(words, args->key_path);
	} else if (!args->is_sealed) {
		peal_programwords_add(words, "--none");
	}
}

static double
find_number(const json_t *run, const char *key)
{
	return json_number_value(json_object_get(run, key));
}

/* Runs one half of a pair. NULL with a sentence, or empty after Ctrl-C. */
static json_t *
run_half(struct series *series, const char *command, struct peal_sentence *error)
{
	struct peal_programwords words = {.count = 0};
	struct peal_program program = {
		.name = strcmp(command, RAW) == 0 ? "the bare half of a pair"
						  : "Peal's half of a pair",
		.words = words.list,
	};
	json_t *run = NULL;

	make_words(&words, series->args, command);
	for (uint32_t i = 0; i < ATTEMPTS_MAX && run == NULL && !peal_ctrlc_has_come(); i++) {
		char *text = NULL;

		/* What an attempt before this one was refused for is over. */
		peal_refusal_forget();
		if (peal_program_run(&program, &text, error)) {
			run = json_loads(text, 0, NULL);
			if (find_number(run, "p50_ns") <= 0.0) {
				(void)peal_sentence_set(error, "a run gave no figures");
				json_decref(run);
				run = NULL;
			}
		}
		free(text);
	}
	return run;
}

static bool
run_pair(struct series *series, struct peal_sentence *error)
{
	const struct peal_benchargs *args = series->args;
	struct pair *pair = &series->pairs[series->pairs_count];
	uint32_t done = series->pairs_count * 2U, total = args->pairs_count * 2U;

	peal_progressbar_show(&series->bar, "bare DPDK, then Peal", done, total);
	pair->raw = run_half(series, RAW, error);
	if (pair->raw == NULL) {
		return false;
	}
	peal_progressbar_show(&series->bar, "bare DPDK, then Peal", done + 1U, total);
	pair->rtt = run_half(series, args->of, error);
	if (pair->rtt == NULL) {
		return false;
	}
	pair->ratio = find_number(pair->rtt, "p50_ns") / find_number(pair->raw, "p50_ns");
	series->pairs_count++;
	return true;
}

static void
show_pair(const struct series *series, FILE *text)
{
	const struct pair *pair = &series->pairs[series->pairs_count - 1U];

	peal_progressbar_clear(&series->bar);
	if (series->pairs_count == 1U) {
		fprintf(text, "%-6s %12s %12s %8s %14s %14s %12s\n", "pair", "raw p50", "rtt p50",
			"ratio", "raw p99", "rtt p99", "line");
	}
	fprintf(text, "%-6u %9.3f us %9.3f us %8.3f %11.3f us %11.3f us %9.3f us\n",
		series->pairs_count, find_number(pair->raw, "p50_ns") / 1000.0,
		find_number(pair->rtt, "p50_ns") / 1000.0, pair->ratio,
		find_number(pair->raw, "p99_ns") / 1000.0,
		find_number(pair->rtt, "p99_ns") / 1000.0,
		find_number(pair->raw, "line_rtt_ns") / 1000.0);
	(void)fflush(text);
}

static int
compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

/* Smallest, middle and largest. */
struct spread {
	double min;
	double median;
	double max;
};

static struct spread
find_spread(double *values, uint32_t count)
{
	PEAL_ASSERT(count > 0);
	qsort(values, count, sizeof(values[0]), compare);
	return (struct spread){
		.min = values[0],
		.median = (values[(count - 1U) / 2U] + values[count / 2U]) / 2.0,
		.max = values[count - 1U],
	};
}

/* Of one figure over all runs of one kind, or of both. */
static struct spread
find_figure(const struct series *series, const char *key, bool of_raw, bool of_rtt)
{
	double values[2U * PEAL_BENCHARGS_PAIRS_MAX];
	uint32_t count = 0;

	for (uint32_t i = 0; i < series->pairs_count; i++) {
		if (of_raw) {
			values[count++] = find_number(series->pairs[i].raw, key);
		}
		if (of_rtt) {
			values[count++] = find_number(series->pairs[i].rtt, key);
		}
	}
	return find_spread(values, count);
}

static struct spread
find_ratios(const struct series *series)
{
	double values[PEAL_BENCHARGS_PAIRS_MAX];

	for (uint32_t i = 0; i < series->pairs_count; i++) {
		values[i] = series->pairs[i].ratio;
	}
	return find_spread(values, series->pairs_count);
}

/* The first few; on a busy machine all runs say the same. */
static void
show_warnings(const struct series *series, FILE *text)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < 2U * series->pairs_count; i++) {
		const struct pair *pair = &series->pairs[i / 2U];
		const json_t *list =
			json_object_get(i % 2U == 0 ? pair->raw : pair->rtt, "warnings");
		size_t at;
		json_t *warning;

		json_array_foreach(list, at, warning)
		{
			if (count++ < WARNINGS_SHOWN) {
				fprintf(text, "warning: pair %u, %s: %s\n", i / 2U + 1U,
					i % 2U == 0 ? "raw" : "rtt", json_string_value(warning));
			}
		}
	}
	if (count > WARNINGS_SHOWN) {
		fprintf(text, "warning: %u more of them; --json has all\n", count - WARNINGS_SHOWN);
	}
}

static void
show_sum(const struct series *series, FILE *text)
{
	struct spread ratios = find_ratios(series);
	struct spread line = find_figure(series, "line_rtt_ns", true, true);

	fprintf(text,
		"\nratio of the medians over %s: %.3f (%.3f to %.3f), %u pairs\n"
		"raw %.3f us, %s %.3f us, cache line there and back %.3f us\n",
		peal_benchargs_link_name(series->args->link), ratios.median, ratios.min, ratios.max,
		series->pairs_count, find_figure(series, "p50_ns", true, false).median / 1000.0,
		series->args->of, find_figure(series, "p50_ns", false, true).median / 1000.0,
		line.median / 1000.0);
	show_warnings(series, text);
}

static void
copy_key(json_t *to, const json_t *from, const char *key)
{
	json_object_set(to, key, json_object_get(from, key));
}

/* One half without what is the same in all. */
static json_t *
half_to_json(const json_t *run)
{
	static const char *const keys[] = {"p50_ns", "p90_ns", "p99_ns", "p999_ns", "min_ns",
		"max_ns", "mean_ns", "count", "lost", "line_rtt_ns", "loop_gaps", "longest_gap_ns",
		"cpu_shares", "steal_ns", "elapsed_ns", "warnings"};
	json_t *half = json_object();

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		copy_key(half, run, keys[i]);
	}
	return half;
}

static json_t *
pairs_to_json(const struct series *series)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < series->pairs_count; i++) {
		const struct pair *pair = &series->pairs[i];

		json_array_append_new(
			list, json_pack("{s:f, s:f, s:f, s:o, s:o}", "ratio", pair->ratio,
				      "raw_p50_ns", find_number(pair->raw, "p50_ns"), "rtt_p50_ns",
				      find_number(pair->rtt, "p50_ns"), "raw",
				      half_to_json(pair->raw), "rtt", half_to_json(pair->rtt)));
	}
	return list;
}

static json_t *
series_to_json(const struct series *series)
{
	static const char *const keys[] = {"link", "idle", "cores", "sealed", "aead", "interval_ns",
		"count", "frame_bytes", "message_bytes", "path_mtu", "clock", "tsc_hz", "host"};
	struct spread ratios = find_ratios(series);
	struct spread line = find_figure(series, "line_rtt_ns", true, true);
	json_t *root = json_pack("{s:s, s:s, s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "command",
		"ratio", "of", series->args->of, "version", PEAL_VERSION, "ratio_p50",
		ratios.median, "ratio_p50_min", ratios.min, "ratio_p50_max", ratios.max,
		"raw_p50_ns", find_figure(series, "p50_ns", true, false).median, "rtt_p50_ns",
		find_figure(series, "p50_ns", false, true).median, "line_rtt_ns", line.median,
		"line_rtt_ns_min", line.min);
	json_t *warnings = json_array();
	struct peal_machine machine;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		copy_key(root, series->pairs[0].rtt, keys[i]);
	}
	/* That of one run is not what was asked for. */
	peal_machine_describe(&machine);
	json_object_set_new(
		json_object_get(root, "host"), "command_line", json_string(machine.command_line));
	json_object_set_new(root, "pairs", pairs_to_json(series));
	for (uint32_t i = 0; i < series->pairs_count; i++) {
		json_array_extend(warnings, json_object_get(series->pairs[i].raw, "warnings"));
		json_array_extend(warnings, json_object_get(series->pairs[i].rtt, "warnings"));
	}
	json_object_set_new(root, "warnings", warnings);
	return root;
}

/* The pair whose ratio is nearest to the median shows how the two differ. */
static const struct pair *
find_typical(const struct series *series)
{
	double median = find_ratios(series).median;
	const struct pair *best = &series->pairs[0];

	for (uint32_t i = 1; i < series->pairs_count; i++) {
		const struct pair *pair = &series->pairs[i];
		double distance = pair->ratio - median, best_distance = best->ratio - median;

		best = distance * distance < best_distance * best_distance ? pair : best;
	}
	return best;
}

static bool
draw(const struct series *series, struct peal_sentence *error)
{
	const struct pair *pair = find_typical(series);
	char title[128];
	struct peal_curve_picture picture = {
		.title = title,
		.lines_count = 2,
		.names = {"Peal", "bare DPDK"},
		.curves = {json_object_get(pair->rtt, "curve"),
			json_object_get(pair->raw, "curve")},
		.timelines = {json_object_get(pair->rtt, "timeline"),
			json_object_get(pair->raw, "timeline")},
	};

	(void)snprintf(title, sizeof(title), "Round trips over %s, ratio of medians %.2f",
		peal_benchargs_link_name(series->args->link), pair->ratio);
	return peal_curve_draw(&picture, series->args->plot_path, error);
}

static bool
deliver(const struct series *series, struct peal_sentence *error)
{
	const struct peal_benchargs *args = series->args;
	FILE *text = peal_benchargs_text_file(args);

	if (text != NULL) {
		show_sum(series, text);
	}
	if (args->json_path != NULL) {
		json_t *root = series_to_json(series);
		bool is_written = peal_outcome_write_json(root, args->json_path, error);

		json_decref(root);
		if (!is_written) {
			return false;
		}
	}
	return args->plot_path == NULL || draw(series, error);
}

static bool
run(const struct peal_benchargs *args, struct peal_sentence *error)
{
	struct series series = {.args = args};
	FILE *text = peal_benchargs_text_file(args);
	bool is_good = true;

	error->text[0] = '\0';
	/* The bare half, which comes first, has no use for it. */
	if (args->key_path != NULL && access(args->key_path, R_OK) != 0) {
		return peal_sentence_set(
			error, "--key: %s could not be read (%s)", args->key_path, strerror(errno));
	}
	series.pairs = calloc(args->pairs_count, sizeof(series.pairs[0]));
	if (series.pairs == NULL) {
		return peal_sentence_set(error, "there is no memory left");
	}
	peal_progressbar_init(&series.bar, !args->is_quiet);
	while (is_good && series.pairs_count < args->pairs_count) {
		is_good = run_pair(&series, error);
		if (is_good && text != NULL) {
			show_pair(&series, text);
		}
	}
	peal_progressbar_clear(&series.bar);
	is_good = is_good && deliver(&series, error);
	for (uint32_t i = 0; i < args->pairs_count; i++) {
		json_decref(series.pairs[i].raw);
		json_decref(series.pairs[i].rtt);
	}
	free(series.pairs);
	return is_good;
}

static bool
read_of(struct peal_benchargs *args, const char *value)
{
	args->of = value;
	return strcmp(value, RTT) == 0 || strcmp(value, MESSAGE) == 0;
}

static const struct peal_option option_of = {.name = "of",
	.value = "rtt|message",
	.help = "what is compared with raw (default: rtt)",
	.expected = "rtt or message",
	.kind = PEAL_OPTION_OTHER,
	.read = read_of};

static const struct peal_option option_pairs = {.name = "pairs",
	.value = "N",
	.help = "pairs of runs, 5 to 100 (default: 5)",
	.kind = PEAL_OPTION_NUMBER,
	PEAL_OPTION_FIELD(pairs_count),
	.min = PAIRS_COUNT,
	.max = PEAL_BENCHARGS_PAIRS_MAX};

static const struct peal_option *const own_options[] = {&option_of, &peal_option_size,
	&option_pairs, &peal_option_mtu, &peal_option_link, &peal_option_count,
	&peal_option_interval, &peal_option_rate, &peal_option_idle, &peal_option_cpu_pair,
	&peal_option_anyway, &peal_option_key, &peal_option_none, &peal_option_json,
	&peal_option_plot, &peal_option_quiet, NULL};

static void
prepare(struct peal_benchargs *args)
{
	args->of = RTT;
	args->pairs_count = PAIRS_COUNT;
}

static bool
complete(struct peal_benchargs *args, struct peal_sentence *error)
{
	bool is_of_messages = strcmp(args->of, MESSAGE) == 0;

	if (!peal_sharedoptions_check_link(args, error)) {
		return false;
	}
	if (args->key_path != NULL && (!args->is_sealed || is_of_messages)) {
		return peal_sentence_set(error, "%s",
			args->is_sealed ? "--key: nobody joins anybody in message, so there is no "
					  "group's secret"
					: "--key and --none exclude each other");
	}
	if (!is_of_messages && args->mtu > 0) {
		return peal_sentence_set(error, "--mtu belongs to --of message");
	}
	if (!is_of_messages && (args->size > 0 || peal_benchargs_is_split(args->link))) {
		return peal_sentence_set(error,
			args->size > 0 ? "--size belongs to --of message"
				       : "--link memif and vhost join two processes, and rtt has "
					 "both nodes in one; use --of message");
	}
	if (args->size == 0) {
		args->size = MESSAGE_SIZE;
	}
	peal_sharedoptions_complete_schedule(args);
	return peal_sharedoptions_complete_pair(args, error);
}

const struct peal_command peal_ratio_command = {
	.name = "ratio",
	.usage = "[--of rtt|message] --link LINK [--pairs N] [options]",
	.brief = "raw and one of them in turn, several times; how many times longer Peal takes",
	.about = "Runs raw and rtt, or message, in turn, N times each, every run in a process of "
		 "its own, and\n"
		 "divides the medians of each pair. The median of these ratios, with its smallest "
		 "and largest, is\n"
		 "what may be compared between machines. With it goes the round trip of one cache "
		 "line between the\n"
		 "two CPUs, taken before each run.\n",
	.notes = peal_sharedoptions_links,
	.examples = "  peal-bench ratio --link ring\n"
		    "  peal-bench ratio --link af_packet --pairs 9 --json ratio.json --plot "
		    "ratio.svg\n"
		    "  peal-bench ratio --of message --link vhost\n",
	.options = own_options,
	.prepare = prepare,
	.complete = complete,
	.run = run,
};
