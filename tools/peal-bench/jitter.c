/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/jitter.h"

#include "base/histogram.h"
#include "base/version.h"
#include "tools/benchlib/pinned.h"
#include "tools/peal-bench/ctrlc.h"
#include "tools/peal-bench/outcome.h"
#include "tools/peal-bench/progressbar.h"
#include "tools/peal-bench/sharedoptions.h"

#include <inttypes.h>
#include <rte_cycles.h>
#include <rte_version.h>
#include <stdlib.h>
#include <sys/resource.h>

/* Classes of gaps: from the threshold on, each twice as long as the one before. */
#define CLASSES_COUNT 24U
#define STEP_NS       UINT64_C(100000000)
#define SECOND_NS     UINT64_C(1000000000)
#define SECONDS       5U
#define THRESHOLD_NS  UINT64_C(1000)

struct spin {
	/* given */
	int cpu;
	double cycles_per_ns;
	uint64_t duration_ns;
	uint64_t threshold_ns;
	/* found */
	struct peal_histogram gaps; /* in nanoseconds */
	uint64_t classes[CLASSES_COUNT];
	uint64_t turns_count;
	uint64_t elapsed_ns;
	uint64_t stolen_ns;
	uint64_t switches_count; /* the kernel put another thread in its place */
	pthread_t thread;
};

static void
note_gap(struct spin *spin, uint64_t gap_ns)
{
	uint64_t limit_ns = 2U * spin->threshold_ns;
	uint32_t at = 0;

	while (at < CLASSES_COUNT - 1U && gap_ns >= limit_ns) {
		limit_ns *= 2U;
		at++;
	}
	spin->classes[at]++;
	spin->stolen_ns += gap_ns;
	peal_histogram_record(&spin->gaps, gap_ns);
}

static void *
turn(void *argument)
{
	struct spin *spin = argument;
	uint64_t threshold = (uint64_t)((double)spin->threshold_ns * spin->cycles_per_ns);
	uint64_t duration = (uint64_t)((double)spin->duration_ns * spin->cycles_per_ns);
	uint64_t begin = rte_rdtsc(), before = begin;
	struct rusage use;

	while (before - begin < duration && !peal_ctrlc_has_come()) {
		uint64_t now = rte_rdtsc();

		spin->turns_count++;
		if (now - before >= threshold) {
			note_gap(spin, (uint64_t)((double)(now - before) / spin->cycles_per_ns));
			/* Counting it is not the machine's doing. */
			now = rte_rdtsc();
		}
		before = now;
	}
	spin->elapsed_ns = (uint64_t)((double)(before - begin) / spin->cycles_per_ns);
	if (getrusage(RUSAGE_THREAD, &use) == 0) {
		spin->switches_count = (uint64_t)use.ru_nivcsw;
	}
	return NULL;
}

static double
find_share(const struct spin *spin)
{
	return spin->elapsed_ns == 0 ? 0.0 : (double)spin->stolen_ns / (double)spin->elapsed_ns;
}

static json_t *
classes_to_json(const struct spin *spin)
{
	json_t *list = json_array();
	uint64_t from_ns = spin->threshold_ns;

	for (uint32_t i = 0; i < CLASSES_COUNT; i++, from_ns *= 2U) {
		if (spin->classes[i] > 0) {
			json_array_append_new(list, json_pack("[I, I]", (json_int_t)from_ns,
							    (json_int_t)spin->classes[i]));
		}
	}
	return list;
}

static json_t *
spin_to_json(const struct spin *spin)
{
	const struct peal_histogram *gaps = &spin->gaps;

	return json_pack("{s:i, s:I, s:I, s:f, s:I, s:I, s:f, s:I, s:I, s:I, s:I, s:o}", "cpu",
		spin->cpu, "elapsed_ns", (json_int_t)spin->elapsed_ns, "turns",
		(json_int_t)spin->turns_count, "turn_ns",
		spin->turns_count == 0
			? 0.0
			: (double)(spin->elapsed_ns - spin->stolen_ns) / (double)spin->turns_count,
		"gaps", (json_int_t)peal_histogram_count(gaps), "stolen_ns",
		(json_int_t)spin->stolen_ns, "stolen_share", find_share(spin), "gap_p50_ns",
		(json_int_t)peal_histogram_percentile(gaps, 50.0), "gap_p99_ns",
		(json_int_t)peal_histogram_percentile(gaps, 99.0), "longest_gap_ns",
		(json_int_t)peal_histogram_max(gaps), "switches", (json_int_t)spin->switches_count,
		"histogram", classes_to_json(spin));
}

static bool
write_json(const struct peal_benchargs *args, const struct spin *spins, struct peal_sentence *error)
{
	json_t *root = json_pack("{s:s, s:s, s:I, s:f, s:o}", "command", "jitter", "version",
		PEAL_VERSION, "threshold_ns", (json_int_t)args->threshold_ns, "tsc_hz",
		1e9 * spins[0].cycles_per_ns, "host", peal_outcome_host_to_json(rte_version()));
	json_t *list = json_array();
	bool is_written;

	for (uint32_t i = 0; i < args->cpus_count; i++) {
		json_array_append_new(list, spin_to_json(&spins[i]));
	}
	json_object_set_new(root, "cores", list);
	is_written = peal_outcome_write_json(root, args->json_path, error);
	json_decref(root);
	return is_written;
}

static void
show_spin(const struct spin *spin, FILE *file)
{
	uint64_t from_ns = spin->threshold_ns;

	fprintf(file,
		"  CPU %-4d %" PRIu64 " gaps in %.1f s took %.4f %% of the time; longest %.3f us, "
		"median %.3f us; %" PRIu64 " switches\n",
		spin->cpu, peal_histogram_count(&spin->gaps), (double)spin->elapsed_ns / 1e9,
		100.0 * find_share(spin), (double)peal_histogram_max(&spin->gaps) / 1e3,
		(double)peal_histogram_percentile(&spin->gaps, 50.0) / 1e3, spin->switches_count);
	for (uint32_t i = 0; i < CLASSES_COUNT; i++, from_ns *= 2U) {
		if (spin->classes[i] > 0) {
			fprintf(file, "    from %12.3f us %12" PRIu64 "\n", (double)from_ns / 1e3,
				spin->classes[i]);
		}
	}
}

/* Returns how many were started; then waits until they are done. */
static uint32_t
spin_all(const struct peal_benchargs *args, struct spin *spins)
{
	double cycles_per_ns = peal_pinned_measure_rate();
	struct peal_progressbar bar;
	uint32_t count = 0;

	peal_progressbar_init(&bar, !args->is_quiet);
	for (uint32_t i = 0; i < args->cpus_count; i++) {
		spins[i].cpu = args->cpus[i];
		spins[i].cycles_per_ns = cycles_per_ns;
		spins[i].duration_ns = args->duration_ns;
		spins[i].threshold_ns = args->threshold_ns;
		peal_histogram_reset(&spins[i].gaps);
	}
	while (count < args->cpus_count &&
		peal_pinned_start(&spins[count].thread, spins[count].cpu, turn, &spins[count])) {
		count++;
	}
	/* Without a terminal this thread takes nothing from anybody. */
	for (uint64_t done_ns = 0; bar.is_shown && done_ns < args->duration_ns;
		done_ns += STEP_NS) {
		peal_progressbar_show(
			&bar, "spinning", done_ns / STEP_NS, args->duration_ns / STEP_NS);
		peal_ctrlc_sleep(STEP_NS);
	}
	for (uint32_t i = 0; i < count; i++) {
		(void)pthread_join(spins[i].thread, NULL);
	}
	peal_progressbar_clear(&bar);
	return count;
}

static bool
run(const struct peal_benchargs *args, struct peal_sentence *error)
{
	struct spin *spins = calloc(args->cpus_count, sizeof(*spins));
	FILE *text = peal_benchargs_text_file(args);
	bool is_good = false;

	if (spins == NULL) {
		return peal_sentence_set(error, "there is no memory left");
	}
	if (spin_all(args, spins) < args->cpus_count) {
		(void)peal_sentence_set(error, "a thread could not be started");
	} else if (!peal_ctrlc_has_come()) {
		is_good = args->json_path == NULL || write_json(args, spins, error);
		if (is_good && text != NULL) {
			fprintf(text, "gaps of %" PRIu64 " ns and more in loops that spin\n",
				args->threshold_ns);
			for (uint32_t i = 0; i < args->cpus_count; i++) {
				show_spin(&spins[i], text);
			}
		}
	}
	free(spins);
	return is_good;
}

static const struct peal_option option_seconds = {.name = "seconds",
	.value = "S",
	.help = "how long, 1 to 3600 (default: 5)",
	.expected = "seconds from 1 to 3600",
	.kind = PEAL_OPTION_NUMBER,
	PEAL_OPTION_FIELD(duration_ns),
	.min = 1,
	.max = 3600,
	.scale = SECOND_NS};

static const struct peal_option option_threshold = {.name = "threshold",
	.value = "NS",
	.help = "the shortest gap that counts, 100 to 1000000000 (default: 1000)",
	.expected = "nanoseconds from 100 to 1000000000",
	.kind = PEAL_OPTION_NUMBER,
	PEAL_OPTION_FIELD(threshold_ns),
	.min = 100,
	.max = UINT64_C(1000000000)};

static const struct peal_option *const own_options[] = {&peal_option_cpu_list, &option_seconds,
	&option_threshold, &peal_option_json, &peal_option_quiet, NULL};

static void
prepare(struct peal_benchargs *args)
{
	args->duration_ns = SECONDS * SECOND_NS;
	args->threshold_ns = THRESHOLD_NS;
}

static bool
complete(struct peal_benchargs *args, struct peal_sentence *error)
{
	return peal_sharedoptions_complete_list(args, 1, PEAL_BENCHARGS_CPUS_MAX, error);
}

const struct peal_command peal_jitter_command = {
	.name = "jitter",
	.usage = "[--cores LIST] [--seconds S] [--threshold NS] [options]",
	.brief = "time stolen from CPUs that spin",
	.about = "Spins on each of the CPUs and looks at nothing but the time stamp counter. Where "
		 "two readings lie\n"
		 "further apart than the threshold, the CPU was taken away: by an interrupt, "
		 "another thread, the\n"
		 "firmware or the hypervisor. Counts these gaps, sorts them by length, and tells "
		 "which part of the\n"
		 "time they took. A poll loop on that CPU has the same.\n",
	.examples = "  peal-bench jitter\n"
		    "  peal-bench jitter --cores 2,3 --seconds 60 --threshold 500\n"
		    "  peal-bench jitter --cores 1 --json - --quiet | jq "
		    "'.cores[0].stolen_share'\n",
	.options = own_options,
	.prepare = prepare,
	.complete = complete,
	.run = run,
};
