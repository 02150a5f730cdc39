/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/manyruns.h"

#include "base/assert.h"
#include "tools/peal-bench/compare.h"
#include "tools/peal-bench/ctrlc.h"
#include "tools/peal-bench/curve.h"
#include "tools/peal-bench/program.h"
#include "tools/peal-bench/progressbar.h"
#include "tools/peal-bench/rankstats.h"
#include "tools/peal-bench/refusal.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 64U
/* Of a run that has no figure. */
#define ATTEMPTS_MAX 3U

struct series {
	const struct peal_benchargs *args;
	FILE *file; /* NULL = none */
	uint32_t words_count;
	const char *words[WORDS_MAX + 1U];
	const char *key; /* NULL = a command without one figure */
	uint32_t values_count;
	double values[PEAL_MANYRUNS_MAX];
	uint32_t curves_count;
	json_t *results[PEAL_CURVE_LINES_MAX]; /* the first ones, for the picture */
};

static bool
begins_with(const char *word, const char *beginning)
{
	return strncmp(word, beginning, strlen(beginning)) == 0;
}

/* The command line of one run: without what is ours to do. Options may be shortened, so they are
 * told apart by as many letters as that takes. */
static bool
make_words(struct series *series, int count, char **values, struct peal_sentence *error)
{
	series->words[series->words_count++] = PEAL_PROGRAM_SELF;
	for (int i = 1; i < count; i++) {
		if (begins_with(values[i], "--ru") || begins_with(values[i], "--j") ||
			begins_with(values[i], "--pl")) {
			i += strchr(values[i], '=') == NULL ? 1 : 0;
			continue;
		}
		if (series->words_count + 3U >= WORDS_MAX) {
			return peal_sentence_set(error, "--runs: there are too many words");
		}
		series->words[series->words_count++] = values[i];
	}
	series->words[series->words_count++] = "--json";
	series->words[series->words_count++] = "-";
	series->words[series->words_count++] = "--quiet";
	series->words[series->words_count] = NULL;
	return true;
}

/* NULL with a sentence, empty after Ctrl-C. */
static json_t *
run_once(const struct series *series, struct peal_sentence *error)
{
	const struct peal_program program = {.name = "a run", .words = series->words};
	json_t *result = NULL;

	for (uint32_t i = 0; i < ATTEMPTS_MAX && result == NULL && !peal_ctrlc_has_come(); i++) {
		char *text = NULL;

		if (peal_program_run(&program, &text, error)) {
			result = json_loads(text, 0, NULL);
			if (result == NULL) {
				(void)peal_sentence_set(error, "a run gave no figures");
			}
		} else if (!peal_refusal_is_noted()) {
			break; /* it would fail again */
		}
		free(text);
	}
	return result;
}

static bool
keep(struct series *series, json_t *result, struct peal_sentence *error)
{
	double value;

	series->key = peal_compare_choose_key(result);
	value = series->key == NULL ? 0.0 : json_number_value(json_object_get(result, series->key));
	if (value > 0.0) {
		PEAL_ASSERT(series->values_count < PEAL_MANYRUNS_MAX);
		series->values[series->values_count++] = value;
	}
	if (series->file != NULL &&
		(json_dumpf(result, series->file,
			 JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(10)) != 0 ||
			fputc('\n', series->file) == EOF || fflush(series->file) != 0)) {
		return peal_sentence_set(error, "%s could not be written (%s)",
			series->args->json_path, strerror(errno));
	}
	if (series->curves_count < PEAL_CURVE_LINES_MAX &&
		(json_array_size(json_object_get(result, "curve")) > 0 ||
			json_array_size(json_object_get(result, "rates")) > 0)) {
		series->results[series->curves_count++] = json_incref(result);
	}
	return true;
}

static void
show(const struct series *series, FILE *text)
{
	struct peal_rankstats_interval median;

	if (text == NULL || series->values_count == 0) {
		return;
	}
	median = peal_rankstats_median(series->values, series->values_count);
	fprintf(text, "%s, %u runs: median %s %.6g (%.6g to %.6g)\n", series->args->command,
		series->values_count, series->key, median.middle, median.low, median.high);
}

/* The curves of the first runs in one picture. */
static bool
draw(const struct series *series, struct peal_sentence *error)
{
	struct peal_curve_picture picture = {.lines_count = series->curves_count};
	struct peal_curve_rates rates = {.lines_count = series->curves_count};
	char names[PEAL_CURVE_LINES_MAX][16], title[64];

	if (series->curves_count == 0) {
		return peal_sentence_set(
			error, "--plot: %s has no percentile curve", series->args->command);
	}
	for (uint32_t i = 0; i < series->curves_count; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "run %u", i + 1U);
		picture.names[i] = rates.names[i] = names[i];
		picture.curves[i] = json_object_get(series->results[i], "curve");
		picture.timelines[i] = json_object_get(series->results[i], "timeline");
		rates.rates[i] = json_object_get(series->results[i], "rates");
	}
	(void)snprintf(title, sizeof(title), "%s, %u runs", series->args->command,
		series->args->runs_count);
	picture.title = rates.title = title;
	if (rates.rates[0] != NULL) {
		return peal_curve_draw_rates(&rates, series->args->plot_path, error);
	}
	return peal_curve_draw(&picture, series->args->plot_path, error);
}

static bool
run_all(struct series *series, struct peal_sentence *error)
{
	const struct peal_benchargs *args = series->args;
	struct peal_progressbar bar;
	bool is_good = true;

	peal_progressbar_init(&bar, !args->is_quiet);
	for (uint32_t i = 0; i < args->runs_count && is_good; i++) {
		json_t *result;

		peal_progressbar_show(&bar, "runs", i, args->runs_count);
		result = run_once(series, error);
		is_good = result != NULL && keep(series, result, error);
		json_decref(result);
	}
	peal_progressbar_clear(&bar);
	return is_good;
}

static bool
open_file(struct series *series, struct peal_sentence *error)
{
	const char *path = series->args->json_path;

	if (path == NULL) {
		return true;
	}
	series->file = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
	return series->file != NULL ||
	       peal_sentence_set(error, "%s could not be written (%s)", path, strerror(errno));
}

bool
peal_manyruns_check(const struct peal_benchargs *args, struct peal_sentence *error)
{
	return args->runs_count == 0 || args->hdr_path == NULL ||
	       peal_sentence_set(error, "--hdr is of one run; --json has the curves of all");
}

bool
peal_manyruns_run(
	const struct peal_benchargs *args, int count, char **values, struct peal_sentence *error)
{
	static struct series series;
	bool is_good;

	error->text[0] = '\0';
	series.args = args;
	if ((args->plot_path != NULL && !peal_curve_can_draw(error)) ||
		!make_words(&series, count, values, error) || !open_file(&series, error)) {
		return false;
	}
	is_good = run_all(&series, error);
	if (is_good) {
		show(&series, peal_benchargs_text_file(args));
	}
	is_good = is_good && (args->plot_path == NULL || draw(&series, error));
	for (uint32_t i = 0; i < series.curves_count; i++) {
		json_decref(series.results[i]);
	}
	if (series.file != NULL && series.file != stdout) {
		(void)fclose(series.file);
	}
	return is_good;
}

const struct peal_option peal_manyruns_option = {.name = "runs",
	.value = "N",
	.help = "so many runs, each in a process of its own, 1 to 200; --json holds one after the "
		"other, for compare, and --plot has the first eight",
	.kind = PEAL_OPTION_NUMBER,
	PEAL_OPTION_FIELD(runs_count),
	.min = 1,
	.max = PEAL_MANYRUNS_MAX};
