/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/findings.h"

#include "base/assert.h"
#include "base/version.h"
#include "tools/peal-bench/outcome.h"

#include <inttypes.h>

#define MS_NS 1e6
/* Another process that takes more of a CPU than this is in the way. */
#define OTHERS_CPUS_MAX   0.1
#define STEAL_PERCENT_MAX 1.0

static void
put_count(json_t *to, const char *key, uint64_t value)
{
	json_object_set_new(to, key, json_integer((json_int_t)value));
}

static void
put_real(json_t *to, const char *key, double value)
{
	json_object_set_new(to, key, json_real(value));
}

static double
divide(double part, double whole)
{
	return whole > 0.0 ? part / whole : 0.0;
}

static void
put_spread(json_t *to, const char *key, const struct peal_findings_spread *spread)
{
	json_t *table = json_object();

	put_count(table, "p50", spread->p50_ns);
	put_count(table, "p90", spread->p90_ns);
	put_count(table, "max", spread->max_ns);
	json_object_set_new(to, key, table);
}

static void
put_cost(json_t *to, const struct peal_findings_cost *cost)
{
	put_count(to, "elapsed_ns", cost->elapsed_ns);
	put_count(to, "cpu_ns", cost->cpu_ns);
	put_count(to, "loop_cpu_ns", cost->loop_cpu_ns);
	put_count(to, "sleeps", cost->sleeps_count);
	put_count(to, "frames", cost->frames_count);
	put_count(to, "payload_bytes", cost->payload_size);
	put_count(to, "frames_dropped", cost->dropped_count);
	put_count(to, "others_cpu_ns", cost->others_cpu_ns);
	put_count(to, "steal_ns", cost->steal_ns);
}

static json_t *
forming_to_json(const struct peal_findings *findings)
{
	json_t *table = json_object();
	uint32_t joins_count = findings->nodes_count - 1U;

	put_spread(table, "view_ns", &findings->forming);
	put_count(table, "joins", joins_count);
	put_count(table, "cuts", findings->forming_cuts_count);
	put_real(table, "cpu_s_per_join",
		divide((double)findings->forming_cost.cpu_ns / 1e9, joins_count));
	put_cost(table, &findings->forming_cost);
	return table;
}

static json_t *
idle_to_json(const struct peal_findings *findings)
{
	const struct peal_findings_cost *idle = &findings->idle;
	double seconds = (double)idle->elapsed_ns / 1e9;
	json_t *table = json_object();

	json_object_set_new(table, "preset", json_string(findings->preset));
	put_real(table, "cpu_s_per_s", divide((double)idle->cpu_ns / 1e9, seconds));
	put_real(table, "loop_cpu_s_per_s", divide((double)idle->loop_cpu_ns / 1e9, seconds));
	put_real(table, "sleeps_per_s", divide((double)idle->sleeps_count, seconds));
	put_real(table, "frames_per_s", divide((double)idle->frames_count, seconds));
	put_real(table, "payload_bytes_per_s_and_node",
		divide((double)idle->payload_size, seconds * findings->nodes_count));
	put_cost(table, idle);
	return table;
}

static json_t *
kill_to_json(const struct peal_findings_kill *kill)
{
	json_t *table = json_object();

	put_count(table, "count", kill->count);
	put_count(table, "detection_ns", kill->detection_ns);
	put_count(table, "detection_ns_last", kill->detection_ns_last);
	put_spread(table, "view_ns", &kill->view);
	put_count(table, "cuts", kill->cuts_count);
	put_count(table, "healthy_removed", kill->healthy_removed_count);
	put_cost(table, &kill->cost);
	return table;
}

static json_t *
memory_to_json(const struct peal_findings *findings)
{
	json_t *table = json_object();

	put_count(table, "base_bytes", findings->base_size);
	put_count(table, "resident_bytes", findings->resident_size);
	put_real(table, "bytes_per_node",
		divide((double)findings->resident_size - (double)findings->base_size,
			findings->nodes_count));
	return table;
}

static void __attribute__((format(printf, 2, 3))) warn(json_t *warnings, const char *format, ...)
{
	char text[PEAL_OUTCOME_WARNING_SIZE_MAX];
	va_list values;

	va_start(values, format);
	(void)vsnprintf(text, sizeof(text), format, values);
	va_end(values);
	json_array_append_new(warnings, json_string(text));
}

/* What makes the figures of one stretch doubtful. */
static void
judge(json_t *warnings, const char *what, const struct peal_findings_cost *cost)
{
	double elapsed_ns = (double)cost->elapsed_ns;
	double others = divide((double)cost->others_cpu_ns, elapsed_ns);
	double steal_percent = 100.0 * divide((double)cost->steal_ns, elapsed_ns);

	if (others > OTHERS_CPUS_MAX) {
		warn(warnings, "%s: other processes kept %.2f processors busy", what, others);
	}
	if (steal_percent > STEAL_PERCENT_MAX) {
		warn(warnings, "%s: the hypervisor took %.1f %% of a processor", what,
			steal_percent);
	}
	if (cost->dropped_count > 0) {
		warn(warnings, "%s: %" PRIu64 " frames found no room and were dropped", what,
			cost->dropped_count);
	}
}

static json_t *
find_warnings(const struct peal_findings *findings)
{
	json_t *warnings = json_array();

	judge(warnings, "forming", &findings->forming_cost);
	if (findings->is_idle_known) {
		judge(warnings, "idle", &findings->idle);
	}
	for (uint32_t i = 0; i < findings->kills_count; i++) {
		const struct peal_findings_kill *kill = &findings->kills[i];

		judge(warnings, "kills", &kill->cost);
		if (kill->healthy_removed_count > 0) {
			warn(warnings,
				"kills: %u healthy nodes were removed as well; is the machine "
				"overloaded?",
				kill->healthy_removed_count);
		}
	}
	return warnings;
}

json_t *
peal_findings_to_json(const struct peal_findings *findings)
{
	json_t *root = json_object();
	json_t *kills = json_array();

	json_object_set_new(root, "command", json_string("scale"));
	json_object_set_new(root, "version", json_string(PEAL_VERSION));
	put_count(root, "nodes", findings->nodes_count);
	json_object_set_new(root, "preset", json_string(findings->preset));
	json_object_set_new(root, "aead", json_string(findings->aead_name));
	json_object_set_new(root, "forming", forming_to_json(findings));
	if (findings->is_idle_known) {
		json_object_set_new(root, "idle", idle_to_json(findings));
	}
	for (uint32_t i = 0; i < findings->kills_count; i++) {
		json_array_append_new(kills, kill_to_json(&findings->kills[i]));
	}
	json_object_set_new(root, "kills", kills);
	json_object_set_new(root, "memory", memory_to_json(findings));
	json_object_set_new(root, "host", peal_outcome_host_to_json(findings->dpdk_name));
	json_object_set_new(root, "warnings", find_warnings(findings));
	return root;
}

static double
get(const json_t *table, const char *key)
{
	return json_number_value(json_object_get(table, key));
}

static double
get_ms(const json_t *table, const char *key)
{
	return get(table, key) / MS_NS;
}

static void
show_forming(const json_t *forming, FILE *file)
{
	const json_t *view = json_object_get(forming, "view_ns");

	fprintf(file,
		"  %-10s %.1f ms until all had the view (half of them after %.1f ms), %.0f cuts\n",
		"forming", get_ms(view, "max"), get_ms(view, "p50"), get(forming, "cuts"));
	fprintf(file, "  %-10s %.2f ms of processor time a join, %.0f frames\n", "",
		1e3 * get(forming, "cpu_s_per_join"), get(forming, "frames"));
}

static void
show_idle(const json_t *idle, FILE *file)
{
	fprintf(file,
		"  %-10s %.4f s of processor time a second for %.0f s, of which the poll loop "
		"%.4f; "
		"preset %s\n",
		"idle", get(idle, "cpu_s_per_s"), get(idle, "elapsed_ns") / 1e9,
		get(idle, "loop_cpu_s_per_s"), json_string_value(json_object_get(idle, "preset")));
	fprintf(file,
		"  %-10s %.0f frames a second, %.0f bytes of UDP payload a second and node, %.0f "
		"sleeps a second\n",
		"", get(idle, "frames_per_s"), get(idle, "payload_bytes_per_s_and_node"),
		get(idle, "sleeps_per_s"));
}

static void
show_kill(const json_t *kill, FILE *file)
{
	const json_t *view = json_object_get(kill, "view_ns");

	fprintf(file,
		"  %-10s %.0f at once: detected after %.1f to %.1f ms, out of every view after "
		"%.1f ms (half of them after %.1f ms), %.0f %s\n",
		"kill", get(kill, "count"), get_ms(kill, "detection_ns"),
		get_ms(kill, "detection_ns_last"), get_ms(view, "max"), get_ms(view, "p50"),
		get(kill, "cuts"), get(kill, "cuts") == 1.0 ? "cut" : "cuts");
}

void
peal_findings_show(const json_t *root, FILE *file)
{
	const json_t *memory = json_object_get(root, "memory");
	const json_t *idle = json_object_get(root, "idle");
	json_t *item;
	size_t at;

	fprintf(file, "%.0f nodes in one process, sealed by %s, preset %s\n", get(root, "nodes"),
		json_string_value(json_object_get(root, "aead")),
		json_string_value(json_object_get(root, "preset")));
	show_forming(json_object_get(root, "forming"), file);
	json_array_foreach(json_object_get(root, "kills"), at, item)
	{
		show_kill(item, file);
	}
	if (idle != NULL) {
		show_idle(idle, file);
	}
	fprintf(file, "  %-10s %.0f KiB resident a node, beside %.1f MiB for the process\n",
		"memory", get(memory, "bytes_per_node") / 1024.0,
		get(memory, "base_bytes") / 1048576.0);
	json_array_foreach(json_object_get(root, "warnings"), at, item)
	{
		fprintf(file, "warning: %s\n", json_string_value(item));
	}
}
