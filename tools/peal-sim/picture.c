/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-sim/picture.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Installs of one size within so much time are one point: it grows with their number. */
#define BIN_NS 500000U

struct point {
	uint64_t bin;
	uint32_t members;
	uint32_t nodes;
};

static int
compare_points(const void *left, const void *right)
{
	const struct point *a = left;
	const struct point *b = right;

	if (a->bin != b->bin) {
		return a->bin < b->bin ? -1 : 1;
	}
	return a->members < b->members ? -1 : (a->members > b->members ? 1 : 0);
}

/* Reads all installs. Returns the points, to be freed, or NULL. */
static struct point *
read_points(FILE *sizes, size_t *count_out)
{
	struct point *points = NULL;
	size_t capacity = 0;
	size_t count = 0;
	uint64_t at_ns;
	uint32_t node;
	uint32_t members;

	rewind(sizes);
	while (fscanf(sizes, "%" SCNu64 " %" SCNu32 " %" SCNu32, &at_ns, &node, &members) == 3) {
		if (count == capacity) {
			struct point *grown;

			capacity = capacity == 0 ? 4096U : 2U * capacity;
			grown = realloc(points, capacity * sizeof(points[0]));
			if (grown == NULL) {
				free(points);
				return NULL;
			}
			points = grown;
		}
		points[count++] =
			(struct point){.bin = at_ns / BIN_NS, .members = members, .nodes = 1};
	}
	*count_out = count;
	return points;
}

/* Sorts and joins equal points. Returns how many are left. */
static size_t
join_points(struct point *points, size_t count)
{
	size_t joined_count = 0;

	qsort(points, count, sizeof(points[0]), compare_points);
	for (size_t i = 0; i < count; i++) {
		if (joined_count > 0 &&
			compare_points(&points[joined_count - 1U], &points[i]) == 0) {
			points[joined_count - 1U].nodes++;
		} else {
			points[joined_count++] = points[i];
		}
	}
	return joined_count;
}

static double
to_s(uint64_t bin)
{
	return (double)bin * BIN_NS / 1e9;
}

/* All points of one size: their first and last time. */
struct span {
	uint32_t members;
	uint64_t first;
	uint64_t last;
};

/* Finds the span of the size of points[at]. False: an earlier point has the same size. */
static bool
find_span(const struct point *points, size_t count, size_t at, struct span *span)
{
	*span = (struct span){points[at].members, points[at].bin, points[at].bin};
	for (size_t i = 0; i < count; i++) {
		if (points[i].members == span->members) {
			if (i < at) {
				return false;
			}
			span->last = points[i].bin;
		}
	}
	return true;
}

/* One line of text for each size, beside its points. Lines of sizes close to each other make a
 * stack: upwards at the foot of the picture, downwards elsewhere. */
static void
write_labels(FILE *script, const struct point *points, size_t count)
{
	uint64_t end = points[count - 1U].bin;
	struct span before = {0};
	uint32_t highest = 0;
	int line = 0;

	for (size_t i = 0; i < count; i++) {
		highest = points[i].members > highest ? points[i].members : highest;
	}
	for (size_t i = 0; i < count; i++) {
		struct span span;
		bool is_late;
		bool is_low;
		uint32_t distance;

		if (!find_span(points, count, i, &span)) {
			continue;
		}
		is_late = span.first > end * 3U / 5U;
		is_low = span.members < highest / 2U;
		distance = span.members > before.members ? span.members - before.members
							 : before.members - span.members;
		line = before.members > 0 && distance < highest / 30U && !is_late ? line + 1 : 0;
		fprintf(script,
			"set label \"%u %s, %.1f to %.1f ms\" at %.6f,%u %s offset %s,%.1f "
			"front boxed\n",
			span.members, span.members == 1U ? "member" : "members",
			to_s(span.first) * 1e3, to_s(span.last + 1U) * 1e3,
			to_s(is_low ? span.last : span.first), span.members,
			is_late ? "right" : "left", is_late ? "1" : (is_low ? "1.5" : "-0.5"),
			is_late ? -1.5 : (is_low ? 0.6 + 1.3 * line : -1.5 - 1.3 * line));
		before = span;
	}
}

static void
write_script(FILE *script, const struct point *points, size_t count, const char *directory,
	const struct peal_picture_words *words)
{
	double end_s = to_s(points[count - 1U].bin);
	double event_s = end_s - (double)words->event_before_end_ns / 1e9;

	fprintf(script,
		"set xlabel 'virtual time (s)'\n"
		"set ylabel 'members of the installed view'\n"
		"set title \"%s\" noenhanced\n"
		"set grid xtics ytics lt 1 lw 0.5 lc rgb '#dddddd'\n"
		"set border 3\nset tics nomirror out\nset key at graph 0.98, graph 0.04\n"
		"set style textbox opaque noborder margins 0.3,0.3\n"
		"set xrange [%.3f:%.3f]\nset yrange [0:*]\nset offsets 0, 0, graph 0.08, 0\n"
		"set style fill transparent solid 0.35 noborder\n",
		words->title, -0.02 * end_s, 1.04 * end_s);
	write_labels(script, points, count);
	if (words->event != NULL) {
		fprintf(script,
			"set arrow from %.6f, graph 0 to %.6f, graph 1 nohead dt 2 lc rgb "
			"'#aa3333'\n"
			"set label \"%s\" at %.6f, graph 0.5 right offset -0.8,0 front boxed tc "
			"rgb '#aa3333'\n",
			event_s, event_s, words->event, event_s);
	}
	fprintf(script, "$installs << END_OF_INSTALLS\n");
	for (size_t i = 0; i < count; i++) {
		fprintf(script, "%.6f %u %u\n", to_s(points[i].bin), points[i].members,
			points[i].nodes);
	}
	fprintf(script, "END_OF_INSTALLS\n");
	for (int i = 0; i < 2; i++) {
		fprintf(script, "set terminal %s\nset output \"%s/sizes.%s\"\n",
			i == 0 ? "svg size 1000,560 dynamic background rgb 'white'"
			       : "pngcairo size 1350,760",
			directory, i == 0 ? "svg" : "png");
		fprintf(script,
			"plot $installs using 1:2:(0.5 + 0.5 * log10($3)) with points pt 7 ps "
			"variable lc rgb '#1f4e79' title 'nodes that installed a view within half "
			"a millisecond; larger: more of them'\n");
	}
}

bool
peal_picture_draw(FILE *sizes, const char *directory, const struct peal_picture_words *words)
{
	size_t count = 0;
	struct point *points = read_points(sizes, &count);
	FILE *script = count == 0 ? NULL : popen("gnuplot", "w");

	if (script == NULL) {
		free(points);
		fprintf(stderr, "peal-sim: nothing to draw, or gnuplot cannot be started: %s\n",
			strerror(errno));
		return false;
	}
	write_script(script, points, join_points(points, count), directory, words);
	free(points);
	if (pclose(script) != 0) {
		fprintf(stderr,
			"peal-sim: gnuplot could not draw; install the package gnuplot-nox\n");
		return false;
	}
	return true;
}
