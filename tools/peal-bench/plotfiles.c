/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/plotfiles.h"

#include "base/assert.h"
#include "tools/peal-bench/argtext.h"
#include "tools/peal-bench/curve.h"

#include <string.h>

#define NAME_SIZE_MAX 192U

_Static_assert(PEAL_CURVE_LINES_MAX >= PEAL_BENCHARGS_FILES_MAX, "a line for each file");

/* "message over memif (after.json)" */
static void
name_line(char out[NAME_SIZE_MAX], const json_t *result, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *command = json_string_value(json_object_get(result, "command"));
	const char *link = json_string_value(json_object_get(result, "link"));

	(void)snprintf(out, NAME_SIZE_MAX, "%s%s%s (%s)", command == NULL ? "run" : command,
		link == NULL ? "" : " over ", link == NULL ? "" : link,
		slash == NULL ? path : slash + 1);
}

/* A result with a curve, or with rates, to be released. NULL with a sentence. */
static json_t *
read_result(const char *path, struct peal_sentence *error)
{
	json_error_t fault;
	json_t *result = json_load_file(path, JSON_DISABLE_EOF_CHECK, &fault);

	if (result == NULL) {
		(void)peal_sentence_set(
			error, "%s could not be read as JSON (%s)", path, fault.text);
		return NULL;
	}
	if (json_array_size(json_object_get(result, "curve")) == 0 &&
		json_array_size(json_object_get(result, "rates")) == 0) {
		(void)peal_sentence_set(error,
			"%s has no percentile curve; rtt, raw, message, oneway, cast and shm "
			"write one",
			path);
		json_decref(result);
		return NULL;
	}
	return result;
}

/* What is to be seen together. */
struct files {
	uint32_t count;
	char names[PEAL_BENCHARGS_FILES_MAX][NAME_SIZE_MAX];
	json_t *results[PEAL_BENCHARGS_FILES_MAX];
	uint32_t rates_count; /* of them, of throughput */
};

static bool
read_all(struct files *files, const struct peal_benchargs *args, struct peal_sentence *error)
{
	PEAL_ASSERT(args->files_count <= PEAL_BENCHARGS_FILES_MAX);
	for (uint32_t i = 0; i < args->files_count; i++) {
		json_t *result = read_result(args->files[i], error);

		if (result == NULL) {
			return false;
		}
		name_line(files->names[i], result, args->files[i]);
		files->results[files->count++] = result;
		files->rates_count += json_array_size(json_object_get(result, "rates")) > 0;
	}
	return files->rates_count == 0 || files->rates_count == files->count ||
	       peal_sentence_set(error,
		       "some of these are of throughput and have rates, others have times; they "
		       "share no axis");
}

static bool
draw_all(const struct files *files, const struct peal_benchargs *args, struct peal_sentence *error)
{
	bool is_rate = files->rates_count > 0;
	const char *title = args->title != NULL ? args->title
			    : is_rate           ? "Messages a second"
						: "Times taken";
	struct peal_curve_picture picture = {.title = title, .lines_count = files->count};
	struct peal_curve_rates rates = {.title = title, .lines_count = files->count};

	for (uint32_t i = 0; i < files->count; i++) {
		const json_t *result = files->results[i];

		picture.names[i] = rates.names[i] = files->names[i];
		picture.curves[i] = json_object_get(result, "curve");
		picture.timelines[i] = json_object_get(result, "timeline");
		rates.rates[i] = json_object_get(result, "rates");
	}
	return is_rate ? peal_curve_draw_rates(&rates, args->plot_path, error)
		       : peal_curve_draw(&picture, args->plot_path, error);
}

static bool
run(const struct peal_benchargs *args, struct peal_sentence *error)
{
	struct files files = {.count = 0};
	bool is_good = peal_curve_can_draw(error) && read_all(&files, args, error) &&
		       draw_all(&files, args, error);

	for (uint32_t i = 0; i < files.count; i++) {
		json_decref(files.results[i]);
	}
	return is_good;
}

static bool
read_svg(struct peal_benchargs *args, const char *value)
{
	args->plot_path = value;
	return peal_argtext_has_ending(value, ".svg");
}

static bool
read_png(struct peal_benchargs *args, const char *value)
{
	args->plot_path = value;
	return peal_argtext_has_ending(value, ".png");
}

static const struct peal_option option_svg = {.name = "svg",
	.value = "FILE",
	.help = "a picture that ends in .svg",
	.expected = "a file that ends in .svg",
	.kind = PEAL_OPTION_OTHER,
	.read = read_svg};

static const struct peal_option option_png = {.name = "png",
	.value = "FILE",
	.help = "a picture that ends in .png",
	.expected = "a file that ends in .png",
	.kind = PEAL_OPTION_OTHER,
	.read = read_png};

static const struct peal_option option_title = {.name = "title",
	.value = "TEXT",
	.help = "what stands above it (default: made of the results)",
	.kind = PEAL_OPTION_TEXT,
	PEAL_OPTION_FIELD(title)};

static const struct peal_option *const own_options[] = {
	&option_svg, &option_png, &option_title, NULL};

static bool
complete(struct peal_benchargs *args, struct peal_sentence *error)
{
	return args->plot_path != NULL ||
	       peal_sentence_set(error, "plot: --svg or --png is missing");
}

const struct peal_command peal_plot_command = {
	.name = "plot",
	.usage = "FILE.json... --svg FILE | --png FILE [--title TEXT]",
	.brief = "percentile curves and the course of several results in one picture",
	.about =
		"Up to eight runs in one picture, drawn by gnuplot: percentile curves on the "
		"left, and on the\n"
		"right what happened when, in 128 to 256 slots of each run: a line for their "
		"medians, a dot for the\n"
		"largest of each. Takes what rtt, raw, message, oneway, cast and shm (curves only) "
		"wrote by --json;\n"
		"or the rates of several runs of throughput.\n",
	.examples = "  peal-bench plot ring.json memif.json --svg links.svg\n"
		    "  peal-bench plot before.json after.json --png change.png --title 'before and "
		    "after'\n",
	.options = own_options,
	.files_min = 1,
	.files_max = PEAL_BENCHARGS_FILES_MAX,
	.files = "one to eight result files",
	.complete = complete,
	.run = run,
};
