/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/curve.h"

#include "base/assert.h"
#include "tools/peal-bench/program.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Points of each further nine. */
#define POINTS_A_NINE 20

static const char settings[] = "set grid xtics ytics mytics lc rgb '#dddddd'\n"
			       "set border 3\n"
			       "set tics nomirror\n"
			       "set key top left\n"
			       "set style line 1 lw 2 lc rgb '#1f4e79'\n"
			       "set style line 2 lw 2 lc rgb '#c55a11'\n"
			       "set style line 3 lw 2 lc rgb '#548235'\n"
			       "set style line 4 lw 2 lc rgb '#7030a0'\n"
			       "set style line 5 lw 2 lc rgb '#bf9000'\n"
			       "set style line 6 lw 2 lc rgb '#2e9ca6'\n"
			       "set style line 7 lw 2 lc rgb '#c00000'\n"
			       "set style line 8 lw 2 lc rgb '#595959'\n";

static const char curve_settings[] =
	"set logscale xy\n"
	"set xlabel 'percentile'\n"
	"set ylabel 'time taken (us)'\n"
	"set xtics ('0' 1, '90' 10, '99' 100, '99.9' 1000, '99.99' 1e4, '99.999' 1e5, "
	"'99.9999' 1e6, '99.99999' 1e7, '99.999999' 1e8)\n";

/* The vertical axis is that of the curves beside it, so that the eye can go across. */
static const char timeline_settings[] = "unset logscale x\n"
					"set xtics autofreq\n"
					"set xrange [0:*]\n"
					"set yrange [GPVAL_Y_MIN:*]\n"
					"set xlabel 'time of the run (s); line: median, dots: "
					"largest'\n"
					"set ylabel ''\n"
					"unset key\n";

json_t *
peal_curve_from(const struct peal_histogram *histogram)
{
	json_t *points = json_array();
	double count = (double)peal_histogram_count(histogram);

	for (int i = 0; count > 0.0; i++) {
		double x = pow(10.0, (double)i / POINTS_A_NINE);
		double percentile = 100.0 - 100.0 / x;

		if (x > count) {
			break;
		}
		json_array_append_new(points,
			json_pack("[f, I]", x,
				(json_int_t)peal_histogram_percentile(histogram, percentile)));
	}
	return points;
}

json_t *
peal_curve_timeline(const struct peal_timeline *timeline, uint64_t interval_ns)
{
	json_t *slots = json_array();

	for (uint32_t i = 0; i < peal_timeline_slots_count(timeline); i++) {
		uint64_t from_ns = peal_timeline_first_index(timeline, i) * interval_ns;

		/* One of which nothing came is a hole, and no zero. */
		if (timeline->slots[i].count > 0) {
			json_array_append_new(slots,
				json_pack("[I, I, I, I, I]", (json_int_t)from_ns,
					(json_int_t)timeline->slots[i].count,
					(json_int_t)peal_timeline_percentile(timeline, i, 50),
					(json_int_t)peal_timeline_percentile(timeline, i, 99),
					(json_int_t)timeline->slots[i].max));
		}
	}
	return slots;
}

bool
peal_curve_can_draw(struct peal_sentence *error)
{
	return peal_program_exists("gnuplot") ||
	       peal_sentence_set(
		       error, "--plot needs the program gnuplot; install the package gnuplot-nox");
}

/* Writes text for gnuplot in single quotes. */
static void
write_quoted(FILE *script, const char *text)
{
	fputc('\'', script);
	for (; *text != '\0'; text++) {
		fputc(*text, script);
		if (*text == '\'') {
			fputc('\'', script);
		}
	}
	fputc('\'', script);
}

/* One value in `divisor` units of every row of a table, against another. */
static void
write_columns(FILE *script, const char *name, uint32_t index, const json_t *table,
	const size_t columns[2], const double divisors[2])
{
	size_t i;
	json_t *row;

	fprintf(script, "$%s%u << END_OF_LINE\n", name, index);
	json_array_foreach(table, i, row)
	{
		fprintf(script, "%.6g %.6g\n",
			json_number_value(json_array_get(row, columns[0])) / divisors[0],
			json_number_value(json_array_get(row, columns[1])) / divisors[1]);
	}
	fprintf(script, "END_OF_LINE\n");
}

static void
write_terminal(FILE *script, const char *path, bool is_wide)
{
	bool is_svg = strcmp(path + strlen(path) - 4U, ".svg") == 0;

	fprintf(script, "set terminal %s size %s%s\nset output ", is_svg ? "svg" : "pngcairo",
		is_svg ? (is_wide ? "1280,480" : "800,480") : (is_wide ? "1920,720" : "1200,720"),
		is_svg ? " dynamic background rgb 'white'" : "");
	write_quoted(script, path);
	fprintf(script, "\n%s", settings);
}

/* "plot $line0 with lines ls 1 title 'name', ..." */
static void
write_lines(FILE *script, uint32_t count, const char *const *names)
{
	for (uint32_t i = 0; i < count; i++) {
		fprintf(script, "%s $line%u with lines ls %u title ", i == 0 ? "plot" : ",", i,
			i + 1U);
		write_quoted(script, names[i]);
		fprintf(script, " noenhanced");
	}
	fprintf(script, "\n");
}

static bool
has_timeline(const struct peal_curve_picture *picture, uint32_t index)
{
	return json_array_size(picture->timelines[index]) > 0;
}

/* The panel on the right. */
static void
write_timelines(FILE *script, const struct peal_curve_picture *picture)
{
	static const double divisors[] = {1e9, 1e3};
	const char *separator = "plot";

	for (uint32_t i = 0; i < picture->lines_count; i++) {
		const json_t *timeline = picture->timelines[i];

		if (has_timeline(picture, i)) {
			write_columns(
				script, "median", i, timeline, (const size_t[]){0, 2}, divisors);
			write_columns(
				script, "largest", i, timeline, (const size_t[]){0, 4}, divisors);
		}
	}
	fprintf(script, "%s", timeline_settings);
	for (uint32_t i = 0; i < picture->lines_count; i++) {
		if (has_timeline(picture, i)) {
			fprintf(script,
				"%s $largest%u with points ls %u pt 7 ps 0.3 notitle, $median%u "
				"with lines ls %u notitle",
				separator, i, i + 1U, i, i + 1U);
			separator = ",";
		}
	}
	fprintf(script, "\nunset multiplot\n");
}

static void
write_picture(FILE *script, const void *what, const char *path)
{
	const struct peal_curve_picture *picture = what;
	static const double divisors[] = {1.0, 1e3};
	bool is_wide = false;

	for (uint32_t i = 0; i < picture->lines_count; i++) {
		is_wide = is_wide || has_timeline(picture, i);
	}
	write_terminal(script, path, is_wide);
	for (uint32_t i = 0; i < picture->lines_count; i++) {
		write_columns(
			script, "line", i, picture->curves[i], (const size_t[]){0, 1}, divisors);
	}
	fprintf(script, "%s%s", curve_settings,
		is_wide ? "set multiplot layout 1,2 title " : "set title ");
	write_quoted(script, picture->title);
	fprintf(script, " noenhanced\n");
	write_lines(script, picture->lines_count, picture->names);
	if (is_wide) {
		write_timelines(script, picture);
	}
}

static void
write_rates(FILE *script, const void *what, const char *path)
{
	const struct peal_curve_rates *rates = what;
	static const double divisors[] = {1e9, 1e6};

	write_terminal(script, path, false);
	for (uint32_t i = 0; i < rates->lines_count; i++) {
		write_columns(script, "line", i, rates->rates[i], (const size_t[]){1, 2}, divisors);
	}
	fprintf(script, "set yrange [0:*]\nset xrange [0:*]\n"
			"set xlabel 'time of the run (s)'\n"
			"set ylabel 'million messages a second'\nset title ");
	write_quoted(script, rates->title);
	fprintf(script, " noenhanced\n");
	write_lines(script, rates->lines_count, rates->names);
}

/* Has gnuplot do what `write` says about `what`. */
static bool
draw(void (*write)(FILE *script, const void *what, const char *path), const void *what,
	const char *path, struct peal_sentence *error)
{
	static const char *const words[] = {"gnuplot", NULL};
	struct peal_program program = {.name = "gnuplot", .words = words};
	char *text = NULL;
	size_t size = 0;
	FILE *script = open_memstream(&text, &size);
	bool is_drawn = false;

	PEAL_ASSERT(strlen(path) > 4U);
	if (script == NULL) {
		return peal_sentence_set(error, "there is no memory left");
	}
	write(script, what, path);
	if (fclose(script) == 0) {
		program.input = text;
		is_drawn = peal_program_run(&program, NULL, error);
	} else {
		(void)peal_sentence_set(error, "there is no memory left");
	}
	free(text);
	return is_drawn;
}

bool
peal_curve_draw(
	const struct peal_curve_picture *picture, const char *path, struct peal_sentence *error)
{
	PEAL_ASSERT(picture->lines_count <= PEAL_CURVE_LINES_MAX);
	return draw(write_picture, picture, path, error);
}

bool
peal_curve_draw_rates(
	const struct peal_curve_rates *rates, const char *path, struct peal_sentence *error)
{
	PEAL_ASSERT(rates->lines_count <= PEAL_CURVE_LINES_MAX);
	return draw(write_rates, rates, path, error);
}
