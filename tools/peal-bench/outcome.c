/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/outcome.h"

#include "base/assert.h"
#include "base/version.h"
#include "tools/peal-bench/curve.h"
#include "tools/peal-bench/joint.h"
#include "tools/peal-bench/refusal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#define US(ns) ((double)(ns) / 1000.0)
/* What a quiet machine of the small kind takes; more is worth a word. */
#define STEAL_PERCENT_MAX 1.0
#define SHARE_MIN         0.95
#define GAPS_PER_S_MAX    1.0

static const struct {
	const char *name;
	const char *key;
	double percentile;
} rows[] = {
	{"p50", "p50_ns", 50.0},
	{"p90", "p90_ns", 90.0},
	{"p99", "p99_ns", 99.0},
	{"p99.9", "p999_ns", 99.9},
	{"p99.99", "p9999_ns", 99.99},
};

#define ROWS_COUNT (sizeof(rows) / sizeof(rows[0]))

uint64_t
peal_outcome_lost_count(const struct peal_outcome *outcome)
{
	return outcome->sent_count - outcome->received_count;
}

static const char *
name_lost(const struct peal_outcome *outcome)
{
	return outcome->is_one_way ? "messages" : "replies";
}

static double
find_percent(double part, double whole)
{
	return whole > 0.0 ? 100.0 * part / whole : 0.0;
}

static double
find_loss_percent(const struct peal_outcome *outcome)
{
	return find_percent((double)peal_outcome_lost_count(outcome), (double)outcome->sent_count);
}

/* Of the time of both CPUs. */
static double
find_steal_percent(const struct peal_outcome *outcome)
{
	return find_percent((double)outcome->bill.steal_ns, 2.0 * (double)outcome->bill.elapsed_ns);
}

/* Too little came back to speak of the rest; nothing makes that a figure. */
static bool
is_lossy(const struct peal_outcome *outcome)
{
	return outcome->sent_count == 0 ||
	       find_loss_percent(outcome) > PEAL_OUTCOME_LOSS_PERCENT_MAX;
}

/* The clocks can be more wrong than the figure is large; nothing makes that one. */
static bool
is_vague(const struct peal_outcome *outcome)
{
	return outcome->is_one_way && outcome->clock_error_ns > (double)peal_histogram_percentile(
									outcome->histogram, 50.0);
}

/* False with the reason why there is no figure. */
static bool
check(const struct peal_outcome *outcome, struct peal_sentence *error)
{
	const struct peal_benchargs *args = outcome->args;

	if (is_lossy(outcome)) {
		return peal_refusal_set(error,
			"%" PRIu64 " of %" PRIu64 " %s were lost, and more than %.0f %% "
			"is too many to speak for the rest; try a larger --interval",
			peal_outcome_lost_count(outcome), outcome->sent_count, name_lost(outcome),
			PEAL_OUTCOME_LOSS_PERCENT_MAX);
	}
	if (is_vague(outcome)) {
		return peal_refusal_set(error,
			"the clocks of the two sides can differ by %.0f ns, which is more than "
			"the median of %" PRIu64 " ns",
			outcome->clock_error_ns,
			peal_histogram_percentile(outcome->histogram, 50.0));
	}
	return peal_refusal_check_machine(
		&outcome->bill, args->cpus, args->idle == PEAL_IDLE_DEDICATED, error);
}

/* What was measured may be told. */
static bool
is_told(const struct peal_outcome *outcome, const struct peal_sentence *refusal)
{
	return refusal->text[0] == '\0' ||
	       (outcome->args->is_anyway && !is_lossy(outcome) && !is_vague(outcome));
}

static void __attribute__((format(printf, 2, 3)))
warn(struct peal_outcome_warnings *warnings, const char *format, ...)
{
	va_list values;

	PEAL_ASSERT(warnings->count < PEAL_OUTCOME_WARNINGS_MAX);
	va_start(values, format);
	(void)vsnprintf(
		warnings->texts[warnings->count], PEAL_OUTCOME_WARNING_SIZE_MAX, format, values);
	va_end(values);
	warnings->count++;
}

static void
judge(const struct peal_outcome *outcome, struct peal_outcome_warnings *warnings_out)
{
	const struct peal_machine_bill *bill = &outcome->bill;
	const struct peal_benchargs *args = outcome->args;
	double seconds = (double)bill->elapsed_ns / 1e9;
	uint64_t p50_ns = peal_histogram_percentile(outcome->histogram, 50.0);

	*warnings_out = (struct peal_outcome_warnings){0};
	if (outcome->received_count < outcome->sent_count) {
		warn(warnings_out, "%" PRIu64 " of %" PRIu64 " %s were lost (%.3f %%)",
			peal_outcome_lost_count(outcome), outcome->sent_count, name_lost(outcome),
			find_loss_percent(outcome));
	}
	if (find_steal_percent(outcome) > STEAL_PERCENT_MAX) {
		warn(warnings_out, "the hypervisor took %.1f %% of the two CPUs",
			find_steal_percent(outcome));
	}
	for (uint32_t i = 0; i < PEAL_BENCHARGS_SIDES_COUNT; i++) {
		bool is_short = args->idle == PEAL_IDLE_DEDICATED && bill->shares[i] >= 0.0 &&
				bill->shares[i] < SHARE_MIN;

		if (is_short) {
			warn(warnings_out,
				"the loop on CPU %d had it for only %.1f %% of the time; something "
				"else "
				"runs there",
				args->cpus[i], 100.0 * bill->shares[i]);
		}
	}
	if (seconds > 0.0 && (double)outcome->gaps_count / seconds > GAPS_PER_S_MAX) {
		warn(warnings_out,
			"the loops were stopped for more than 1 ms (count: %" PRIu64
			"); the high percentiles are the machine's",
			outcome->gaps_count);
	}
	if (args->interval_ns < p50_ns) {
		warn(warnings_out,
			"echoes leave every %.1f us and take longer than that; this is a figure of "
			"a "
			"queue",
			US(args->interval_ns));
	}
}

static void
show_sides(const struct peal_outcome *outcome, FILE *file)
{
	const struct peal_benchargs *args = outcome->args;
	const struct peal_machine_bill *bill = &outcome->bill;

	fprintf(file, "  %-10s", "loops");
	for (uint32_t i = 0; i < PEAL_BENCHARGS_SIDES_COUNT; i++) {
		fprintf(file, " CPU %d", args->cpus[i]);
		if (bill->shares[i] >= 0.0) {
			fprintf(file, " for %.1f %% of the time", 100.0 * bill->shares[i]);
		}
		fprintf(file, "%s", i == 0 ? ";" : "\n");
	}
	fprintf(file, "  %-10s %" PRIu64 " stops above 1 ms, the longest %.3f ms; %.1f %% stolen\n",
		"machine", outcome->gaps_count, (double)outcome->longest_gap_ns / 1e6,
		find_steal_percent(outcome));
}

static void
show(const struct peal_outcome *outcome, const struct peal_outcome_warnings *warnings, FILE *file)
{
	const struct peal_benchargs *args = outcome->args;
	const struct peal_histogram *histogram = outcome->histogram;

	fprintf(file, "%s over %s, %s%s%s: %" PRIu64 " %s, one every %.1f us\n", args->command,
		peal_benchargs_link_name(args->link),
		outcome->is_bare             ? "bare DPDK"
		: outcome->aead_name == NULL ? "not sealed"
					     : "sealed by ",
		outcome->aead_name == NULL ? "" : outcome->aead_name,
		args->idle == PEAL_IDLE_DEDICATED ? ", spinning" : ", shared CPUs",
		outcome->received_count, outcome->is_one_way ? "messages" : "round trips",
		US(args->interval_ns));
	fprintf(file, "  %-10s %12.3f us\n", "min", US(peal_histogram_min(histogram)));
	for (size_t i = 0; i < ROWS_COUNT; i++) {
		fprintf(file, "  %-10s %12.3f us\n", rows[i].name,
			US(peal_histogram_percentile(histogram, rows[i].percentile)));
	}
	fprintf(file, "  %-10s %12.3f us\n", "max", US(peal_histogram_max(histogram)));
	fprintf(file, "  %-10s %12.3f us\n", "mean", peal_histogram_mean(histogram) / 1000.0);
	if (outcome->is_one_way) {
		fprintf(file, "  %-10s %12.3f us for each: what the two clocks can differ by\n",
			"+- error", outcome->clock_error_ns / 1000.0);
	}
	fprintf(file, "  %-10s %12" PRIu64 "\n", "lost", peal_outcome_lost_count(outcome));
	if (outcome->line_rtt_ns > 0.0) {
		fprintf(file, "  %-10s %12.3f us for a cache line there and back\n", "floor",
			US(outcome->line_rtt_ns));
	}
	show_sides(outcome, file);
	for (uint32_t i = 0; i < warnings->count; i++) {
		fprintf(file, "warning: %s\n", warnings->texts[i]);
	}
}

json_t *
peal_outcome_host_to_json(const char *dpdk_name)
{
	struct peal_machine machine;

	peal_machine_describe(&machine);
	return json_pack("{s:s, s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, "
			 "s:s, s:s}",
		"cpu", machine.cpu, "cpus", (int)machine.cpus_count, "kernel", machine.kernel,
		"dpdk", dpdk_name, "clocksource", machine.clock, "isolated", machine.isolated,
		"nohz_full", machine.tickless, "governor", machine.governor, "siblings_of_cpu0",
		machine.siblings, "product", machine.product, "compiler", __VERSION__, "peal",
		PEAL_VERSION, "load_average", machine.load, "huge_pages_free", machine.huge_free,
		"taken_at", machine.taken_at, "command_line", machine.command_line);
}

static json_t *
number_or_null(double value, bool is_known)
{
	return is_known ? json_real(value) : json_null();
}

/* The drivers of both sides: there is no card on any of these links. */
static json_t *
drivers_to_json(const struct peal_outcome *outcome)
{
	const struct peal_benchargs *args = outcome->args;
	json_t *list = json_array();

	for (uint32_t i = 0; i < PEAL_BENCHARGS_SIDES_COUNT; i++) {
		const char *device = peal_joint_device(args->link, i);
		size_t size = device == NULL ? 0 : strcspn(device, "0123456789");

		/* Of another machine it is not known. */
		if (args->link == PEAL_BENCHARGS_FAR) {
			json_array_append_new(
				list, i == 0 ? json_string(args->device) : json_null());
			continue;
		}

		/* Without a device a switch of ours is in between, but for the bare program. */
		json_array_append_new(
			list, device != NULL
				      ? json_stringn(device, size)
				      : json_string(outcome->is_bare ? "net_ring" : "peal_switch"));
	}
	return list;
}

/* What was asked for. */
static json_t *
request_to_json(const struct peal_outcome *outcome)
{
	const struct peal_benchargs *args = outcome->args;
	json_t *root = json_pack("{s:s, s:s, s:s, s:s, s:[i, i], s:b, s:s?, s:I}", "command",
		args->command, "version", PEAL_VERSION, "link",
		peal_benchargs_link_name(args->link), "idle", peal_benchargs_idle_name(args->idle),
		"cores", args->cpus[0], args->cpus[1], "sealed", outcome->aead_name != NULL, "aead",
		outcome->aead_name, "interval_ns", (json_int_t)args->interval_ns);

	json_object_set_new(root, "drivers", drivers_to_json(outcome));
	if (outcome->message_size > 0) {
		json_object_set_new(root, "message_bytes", json_integer(outcome->message_size));
		json_object_set_new(root, "path_mtu", json_integer(outcome->path_mtu));
	} else {
		json_object_set_new(root, "frame_bytes", json_integer(PEAL_OUTCOME_FRAME_SIZE));
	}
	return root;
}

static void
add_figures(const struct peal_outcome *outcome, json_t *root)
{
	const struct peal_histogram *histogram = outcome->histogram;

	for (size_t i = 0; i < ROWS_COUNT; i++) {
		json_object_set_new(root, rows[i].key,
			json_integer((json_int_t)peal_histogram_percentile(
				histogram, rows[i].percentile)));
	}
	json_object_set_new(
		root, "min_ns", json_integer((json_int_t)peal_histogram_min(histogram)));
	json_object_set_new(
		root, "max_ns", json_integer((json_int_t)peal_histogram_max(histogram)));
	json_object_set_new(root, "mean_ns", json_real(peal_histogram_mean(histogram)));
	if (outcome->is_one_way) {
		json_object_set_new(root, "clock_error_ns", json_real(outcome->clock_error_ns));
	}
	if (outcome->is_far) {
		json_object_set_new(root, "clock_ahead_ns", json_real(outcome->clock_ahead_ns));
		json_object_set_new(root, "clock_drift", json_real(outcome->clock_drift));
	}
}

static void
add_circumstances(const struct peal_outcome *outcome, json_t *root)
{
	const struct peal_machine_bill *bill = &outcome->bill;
	json_t *shares = json_array();

	for (uint32_t i = 0; i < PEAL_BENCHARGS_SIDES_COUNT; i++) {
		json_array_append_new(
			shares, number_or_null(bill->shares[i], bill->shares[i] >= 0.0));
	}
	json_object_set_new(root, "line_rtt_ns",
		number_or_null(outcome->line_rtt_ns, outcome->line_rtt_ns > 0.0));
	json_object_set_new(root, "loop_gaps", json_integer((json_int_t)outcome->gaps_count));
	json_object_set_new(
		root, "longest_gap_ns", json_integer((json_int_t)outcome->longest_gap_ns));
	json_object_set_new(root, "cpu_shares", shares);
	json_object_set_new(root, "steal_ns", json_integer((json_int_t)bill->steal_ns));
	json_object_set_new(root, "elapsed_ns", json_integer((json_int_t)bill->elapsed_ns));
	json_object_set_new(root, "clock", json_string("tsc"));
	json_object_set_new(root, "tsc_hz", json_integer((json_int_t)outcome->tsc_hz));
	json_object_set_new(root, "host", peal_outcome_host_to_json(outcome->dpdk_name));
}

static json_t *
timeline_of(const struct peal_outcome *outcome)
{
	return peal_curve_timeline(outcome->timeline, outcome->args->interval_ns);
}

static json_t *
outcome_to_json(const struct peal_outcome *outcome, const struct peal_outcome_warnings *warnings,
	const struct peal_sentence *refusal)
{
	bool is_refused = refusal->text[0] != '\0';
	json_t *root = request_to_json(outcome);
	json_t *list = json_array();

	json_object_set_new(root, "count", json_integer((json_int_t)outcome->received_count));
	json_object_set_new(root, "sent", json_integer((json_int_t)outcome->sent_count));
	json_object_set_new(
		root, "lost", json_integer((json_int_t)peal_outcome_lost_count(outcome)));
	json_object_set_new(root, "refused", json_boolean(is_refused));
	json_object_set_new(root, "refusal", is_refused ? json_string(refusal->text) : json_null());
	if (is_told(outcome, refusal)) {
		add_figures(outcome, root);
	}
	add_circumstances(outcome, root);
	for (uint32_t i = 0; i < warnings->count; i++) {
		json_array_append_new(list, json_string(warnings->texts[i]));
	}
	json_object_set_new(root, "warnings", list);
	if (is_told(outcome, refusal)) {
		json_object_set_new(root, "curve", peal_curve_from(outcome->histogram));
		json_object_set_new(root, "timeline", timeline_of(outcome));
	}
	return root;
}

bool
peal_outcome_write_json(const json_t *root, const char *path, struct peal_sentence *error)
{
	size_t flags = JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(10);
	bool is_standard = strcmp(path, "-") == 0;
	FILE *file = is_standard ? stdout : fopen(path, "we");
	bool is_written = file != NULL && json_dumpf(root, file, flags) == 0 &&
			  fputc('\n', file) != EOF && fflush(file) == 0;
	int reason = errno;

	if (file != NULL && !is_standard && fclose(file) != 0) {
		reason = is_written ? errno : reason;
		is_written = false;
	}
	return is_written ||
	       peal_sentence_set(error, "%s could not be written (%s)", path, strerror(reason));
}

bool
peal_outcome_write_table(
	const struct peal_histogram *histogram, const char *path, struct peal_sentence *error)
{
	FILE *file = fopen(path, "we");

	if (file != NULL) {
		peal_histogram_print(histogram, 1000.0, file);
		if (fclose(file) == 0) {
			return true;
		}
	}
	return peal_sentence_set(error, "%s could not be written (%s)", path, strerror(errno));
}

static bool
draw(const struct peal_outcome *outcome, struct peal_sentence *error)
{
	const struct peal_benchargs *args = outcome->args;
	json_t *curve = peal_curve_from(outcome->histogram);
	json_t *timeline = timeline_of(outcome);
	char title[128];
	struct peal_curve_picture picture = {
		.title = title,
		.lines_count = 1,
		.names = {outcome->is_bare ? "bare DPDK" : "Peal"},
		.curves = {curve},
		.timelines = {timeline},
	};
	bool is_drawn;

	(void)snprintf(title, sizeof(title), "%s over %s, %" PRIu64 " of them",
		outcome->is_one_way ? "One way" : "Round trips",
		peal_benchargs_link_name(args->link), outcome->received_count);
	is_drawn = peal_curve_draw(&picture, args->plot_path, error);
	json_decref(curve);
	json_decref(timeline);
	return is_drawn;
}

bool
peal_outcome_deliver(const struct peal_outcome *outcome, struct peal_sentence *error)
{
	const struct peal_benchargs *args = outcome->args;
	FILE *text = peal_benchargs_text_file(args);
	struct peal_outcome_warnings warnings;
	struct peal_sentence refusal = {.text = ""};

	(void)check(outcome, &refusal);
	judge(outcome, &warnings);
	if (args->json_path != NULL) {
		json_t *root = outcome_to_json(outcome, &warnings, &refusal);
		bool is_written = peal_outcome_write_json(root, args->json_path, error);

		json_decref(root);
		if (!is_written) {
			return false;
		}
	}
	if (!is_told(outcome, &refusal)) {
		*error = refusal;
		return false;
	}
	if (text != NULL) {
		show(outcome, &warnings, text);
		if (refusal.text[0] != '\0') {
			fprintf(text, "warning: %s\n", refusal.text);
		}
	}
	return (args->hdr_path == NULL ||
		       peal_outcome_write_table(outcome->histogram, args->hdr_path, error)) &&
	       (args->plot_path == NULL || draw(outcome, error));
}
