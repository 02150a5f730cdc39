/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-sim/figures.h"

#include "base/assert.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define SAMPLES_CAPACITY_MIN 1024U
#define FAILED_SEEDS_MAX     16U

void
peal_figures_init(struct peal_figures *figures, const char *scenario)
{
	memset(figures, 0, sizeof(*figures));
	peal_report_init(&figures->total);
	(void)snprintf(figures->total.scenario, sizeof(figures->total.scenario), "%s", scenario);
	figures->nodes_min = UINT16_MAX;
}

void
peal_figures_fini(struct peal_figures *figures)
{
	free(figures->kill_to_detection_ns);
	free(figures->detection_to_view_ns);
	free(figures->gap_ns);
}

static uint64_t *
resize(uint64_t *values, uint32_t count)
{
	uint64_t *grown = realloc(values, count * sizeof(values[0]));

	PEAL_ASSERT(grown != NULL);
	return grown;
}

static void
add_sample(struct peal_figures *figures, const struct peal_report_sample *sample)
{
	if (figures->samples_count == figures->samples_capacity) {
		figures->samples_capacity = figures->samples_capacity == 0
						    ? SAMPLES_CAPACITY_MIN
						    : 2U * figures->samples_capacity;
		figures->kill_to_detection_ns =
			resize(figures->kill_to_detection_ns, figures->samples_capacity);
		figures->detection_to_view_ns =
			resize(figures->detection_to_view_ns, figures->samples_capacity);
		figures->gap_ns = resize(figures->gap_ns, figures->samples_capacity);
	}
	figures->kill_to_detection_ns[figures->samples_count] = sample->kill_to_detection_ns;
	figures->detection_to_view_ns[figures->samples_count] = sample->detection_to_view_ns;
	figures->gap_ns[figures->samples_count] = sample->gap_ns;
	figures->samples_count++;
}

void
peal_figures_add(struct peal_figures *figures, const struct peal_report *report, bool is_good)
{
	uint16_t nodes = (uint16_t)report->nodes_count;

	if (!is_good) {
		if (figures->failed_count < FAILED_SEEDS_MAX) {
			figures->failed_seeds[figures->failed_count] = report->seed;
		}
		figures->failed_count++;
	}
	figures->runs_count++;
	figures->nodes_min = nodes < figures->nodes_min ? nodes : figures->nodes_min;
	figures->nodes_max = nodes > figures->nodes_max ? nodes : figures->nodes_max;
	memcpy(figures->total.preset, report->preset, sizeof(report->preset));
	figures->total.detector = report->detector;
	for (uint32_t i = 0; i < report->samples_count; i++) {
		add_sample(figures, &report->samples[i]);
	}
	peal_report_merge(&figures->total, report);
}

static double
to_ms(uint64_t ns)
{
	return (double)ns / 1e6;
}

static uint64_t
resident_bytes(void)
{
	struct rusage usage;

	return getrusage(RUSAGE_SELF, &usage) == 0 ? (uint64_t)usage.ru_maxrss * 1024U : 0;
}

static void
show_spread(const char *name, uint64_t *values, uint32_t count, FILE *file)
{
	struct peal_report_spread spread = peal_report_spread(values, count);

	fprintf(file, "  %-19s p50 %.3f ms, p99 %.3f ms, max %.3f ms (%u crashes)\n", name,
		to_ms(spread.p50_ns), to_ms(spread.p99_ns), to_ms(spread.max_ns), count);
}

void
peal_figures_show(struct peal_figures *figures, FILE *file)
{
	const struct peal_report *total = &figures->total;
	double wall_s = (double)figures->wall_ns / 1e9;

	fprintf(file, "%s: %" PRIu64 " %s, %u to %u nodes, preset %s, detector %s\n",
		total->scenario, figures->runs_count, figures->runs_count == 1U ? "run" : "runs",
		figures->nodes_min, figures->nodes_max, total->preset,
		peal_detector_name(total->detector));
	fprintf(file, "  %-19s %.3f s in %.3f s\n", "virtual time", (double)total->virtual_ns / 1e9,
		wall_s);
	fprintf(file, "  %-19s %" PRIu64 ", frames %" PRIu64 "\n", "events", total->events_count,
		total->frames_count);
	fprintf(file, "  %-19s %u, of sizes", "views", total->views_count);
	for (uint32_t size = 0; size <= PEAL_MEMBERS_MAX; size++) {
		if (total->sizes_seen[size]) {
			fprintf(file, " %u", size);
		}
	}
	if (total->agreed_ns > 0) {
		fprintf(file, "\n  %-19s %.3f ms, in %u views, %.1f KB", "all agreed after",
			to_ms(total->agreed_ns), total->steps_count, (double)total->bytes / 1e3);
	}
	if (total->agreed_ns == 0 && total->bytes > 0) {
		fprintf(file, "\n  %-19s %.3f KB a second and node", "payload sent",
			(double)total->bytes / 1e3 / (double)figures->runs_count);
	}
	fprintf(file, "\n  %-19s %u, healthy ones %u\n", "members removed", total->removed_count,
		total->healthy_removed_count);
	if (total->words_count > 0) {
		fprintf(file, "  %-19s %u, %u with a word, others lost it %.3f ms before\n",
			"removed unawares", total->words_count, total->words_late_count,
			to_ms(total->word_margin_ns));
	}
	fprintf(file, "  %-19s %.3f ms at most\n", "agreed after", to_ms(total->converge_ns));
	for (uint32_t i = 0; i < total->figures_count; i++) {
		fprintf(file, "  %-19s %" PRIu64 "\n", total->figures[i].name,
			total->figures[i].value);
	}
	if (figures->samples_count > 0) {
		show_spread("kill to detection", figures->kill_to_detection_ns,
			figures->samples_count, file);
		show_spread("detection to view", figures->detection_to_view_ns,
			figures->samples_count, file);
	}
	fprintf(file, "  %-19s %u, in %" PRIu64 " of %" PRIu64 " runs\n", "violations",
		total->violations_count, figures->failed_count, figures->runs_count);
	fprintf(file, "  %-19s %016" PRIx64 "\n", "digest", total->digest);
}

static json_t *
spread_to_json(uint64_t *values, uint32_t count)
{
	struct peal_report_spread spread = peal_report_spread(values, count);

	return json_pack("{s:I, s:I, s:I, s:I}", "count", (json_int_t)count, "p50",
		(json_int_t)spread.p50_ns, "p99", (json_int_t)spread.p99_ns, "max",
		(json_int_t)spread.max_ns);
}

static json_t *
lists_to_json(const struct peal_figures *figures)
{
	json_t *root = json_object();
	json_t *sizes = json_array();
	json_t *seeds = json_array();
	json_t *counters = json_object();
	json_t *worst = json_object(); /* of all runs */

	for (uint32_t size = 0; size <= PEAL_MEMBERS_MAX; size++) {
		if (figures->total.sizes_seen[size]) {
			(void)json_array_append_new(sizes, json_integer((json_int_t)size));
		}
	}
	for (uint64_t i = 0; i < figures->failed_count && i < FAILED_SEEDS_MAX; i++) {
		(void)json_array_append_new(
			seeds, json_integer((json_int_t)figures->failed_seeds[i]));
	}
	for (uint32_t id = 0; id < PEAL_COUNTERS_COUNT; id++) {
		(void)json_object_set_new(counters, peal_counter_name((enum peal_counter)id),
			json_integer((json_int_t)figures->total.counters[id]));
	}
	for (uint32_t i = 0; i < figures->total.figures_count; i++) {
		(void)json_object_set_new(worst, figures->total.figures[i].name,
			json_integer((json_int_t)figures->total.figures[i].value));
	}
	(void)json_object_set_new(root, "figures", worst);
	(void)json_object_set_new(root, "counters", counters);
	(void)json_object_set_new(root, "sizes_seen", sizes);
	(void)json_object_set_new(root, "failed_seeds", seeds);
	return root;
}

static json_t *
fan_out_to_json(const struct peal_report_fan_out *fan_out)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "cast_messages",
		(json_int_t)fan_out->cast_messages, "cast_frames", (json_int_t)fan_out->cast_frames,
		"unicast_messages", (json_int_t)fan_out->unicast_messages, "unicast_frames",
		(json_int_t)fan_out->unicast_frames, "clean_deliveries",
		(json_int_t)fan_out->clean_deliveries, "lossy_deliveries",
		(json_int_t)fan_out->lossy_deliveries);
}

static json_t *
to_json(struct peal_figures *figures)
{
	const struct peal_report *total = &figures->total;
	json_t *lists = lists_to_json(figures);
	char digest[17];
	json_t *root;

	(void)snprintf(digest, sizeof(digest), "%016" PRIx64, total->digest);
	root = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
			 "s:s, s:f, s:I}",
		"scenario", total->scenario, "preset", total->preset, "runs",
		(json_int_t)figures->runs_count, "nodes", (json_int_t)figures->nodes_max,
		"nodes_min", (json_int_t)figures->nodes_min, "virtual_ns",
		(json_int_t)total->virtual_ns, "events", (json_int_t)total->events_count, "frames",
		(json_int_t)total->frames_count, "views", (json_int_t)total->views_count, "removed",
		(json_int_t)total->removed_count, "healthy_removed",
		(json_int_t)total->healthy_removed_count, "violations",
		(json_int_t)total->violations_count, "failed_runs",
		(json_int_t)figures->failed_count, "converge_ns_max",
		(json_int_t)total->converge_ns, "digest", digest, "wall_s",
		(double)figures->wall_ns / 1e9, "rss_bytes", (json_int_t)resident_bytes());
	(void)json_object_set_new(root, "agreed_ns", json_integer((json_int_t)total->agreed_ns));
	(void)json_object_set_new(root, "steps", json_integer(total->steps_count));
	(void)json_object_set_new(
		root, "messages", json_integer((json_int_t)total->messages_count));
	(void)json_object_set_new(root, "fan_out", fan_out_to_json(&total->fan_out));
	(void)json_object_set_new(root, "removed_unawares", json_integer(total->words_count));
	(void)json_object_set_new(
		root, "removed_with_a_word", json_integer(total->words_late_count));
	(void)json_object_set_new(
		root, "word_margin_ns", json_integer((json_int_t)total->word_margin_ns));
	(void)json_object_set_new(root, "starved_runs", json_integer(total->starved_count));
	(void)json_object_set_new(root, "bytes", json_integer((json_int_t)total->bytes));
	(void)json_object_set_new(
		root, "detector", json_string(peal_detector_name(total->detector)));
	(void)json_object_update(root, lists);
	json_decref(lists);
	if (figures->samples_count > 0) {
		(void)json_object_set_new(root, "kill_to_detection_ns",
			spread_to_json(figures->kill_to_detection_ns, figures->samples_count));
		(void)json_object_set_new(root, "detection_to_view_ns",
			spread_to_json(figures->detection_to_view_ns, figures->samples_count));
		(void)json_object_set_new(
			root, "gap_ns", spread_to_json(figures->gap_ns, figures->samples_count));
	}
	return root;
}

bool
peal_figures_write(struct peal_figures *figures, const char *path)
{
	json_t *root = to_json(figures);
	bool is_written;

	if (strcmp(path, "-") == 0) {
		is_written = json_dumpf(root, stdout, JSON_INDENT(2)) == 0 && putchar('\n') == '\n';
	} else {
		is_written = json_dump_file(root, path, JSON_INDENT(2)) == 0;
	}
	json_decref(root);
	return is_written;
}
