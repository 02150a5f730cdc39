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

static const char settings[] =
	"set logscale xy\n"
	"set xlabel 'percentile'\n"
	"set ylabel 'round trip (us)'\n"
	"set xtics ('0' 1, '90' 10, '99' 100, '99.9' 1000, '99.99' 1e4, '99.999' 1e5, "
	"'99.9999' 1e6, '99.99999' 1e7, '99.999999' 1e8)\n"
	"set grid xtics ytics mytics lc rgb '#dddddd'\n"
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

static void
write_points(FILE *script, uint32_t index, const json_t *curve)
{
	size_t i;
	json_t *point;

	fprintf(script, "$line%u << END_OF_LINE\n", index);
	json_array_foreach(curve, i, point)
	{
		fprintf(script, "%.6g %.6g\n", json_number_value(json_array_get(point, 0)),
			json_number_value(json_array_get(point, 1)) / 1000.0);
	}
	fprintf(script, "END_OF_LINE\n");
}

static void
write_script(FILE *script, const struct peal_curve_picture *picture, const char *path)
{
	bool is_svg = strcmp(path + strlen(path) - 4U, ".svg") == 0;

	fprintf(script, "set terminal %s\nset output ",
		is_svg ? "svg size 800,480 dynamic background rgb 'white'"
		       : "pngcairo size 1200,720");
	write_quoted(script, path);
	fprintf(script, "\n%sset title ", settings);
	write_quoted(script, picture->title);
	fprintf(script, " noenhanced\n");
	for (uint32_t i = 0; i < picture->lines_count; i++) {
		write_points(script, i, picture->curves[i]);
	}
	for (uint32_t i = 0; i < picture->lines_count; i++) {
		fprintf(script, "%s $line%u with lines ls %u title ", i == 0 ? "plot" : ",", i,
			i + 1U);
		write_quoted(script, picture->names[i]);
		fprintf(script, " noenhanced");
	}
	fprintf(script, "\n");
}

bool
peal_curve_draw(
	const struct peal_curve_picture *picture, const char *path, struct peal_sentence *error)
{
	static const char *const words[] = {"gnuplot", NULL};
	struct peal_program program = {.name = "gnuplot", .words = words};
	char *text = NULL;
	size_t size = 0;
	FILE *script = open_memstream(&text, &size);
	bool is_drawn = false;

	PEAL_ASSERT(picture->lines_count <= PEAL_CURVE_LINES_MAX);
	PEAL_ASSERT(strlen(path) > 4U);
	if (script == NULL) {
		return peal_sentence_set(error, "there is no memory left");
	}
	write_script(script, picture, path);
	if (fclose(script) == 0) {
		program.input = text;
		is_drawn = peal_program_run(&program, NULL, error);
	} else {
		(void)peal_sentence_set(error, "there is no memory left");
	}
	free(text);
	return is_drawn;
}
