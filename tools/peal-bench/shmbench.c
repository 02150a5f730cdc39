/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/shmbench.h"

#include "base/version.h"
#include "tools/benchlib/linelap.h"
#include "tools/benchlib/pinned.h"
#include "tools/peal-bench/argtext.h"
#include "tools/peal-bench/ctrlc.h"
#include "tools/peal-bench/curve.h"
#include "tools/peal-bench/outcome.h"
#include "tools/peal-bench/progressbar.h"
#include "tools/peal-bench/refusal.h"
#include "tools/peal-bench/resultjson.h"
#include "tools/peal-bench/sharedoptions.h"
#include "tools/peal-bench/shmstand.h"

#include <inttypes.h>
#include <rte_cycles.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <rte_version.h>
#include <stdlib.h>
#include <unistd.h>

#define TRIPS_A_ROUND UINT64_C(2000)
#define WARM_ROUNDS   5U
#define STREAM_COUNT  (UINT64_C(1) << 21)
#define STREAMS_COUNT 21U
#define PAIRS_COUNT   (UINT32_C(1) << 18)
#define WAKES_A_ROUND UINT64_C(20)
#define ROUNDS_COUNT  100U
#define RECORD_SIZE   64U
/* The sleeper sleeps by then, on a machine that lets it. */
#define ASLEEP_NS UINT64_C(50000)

struct bench {
	const struct peal_benchargs *args;
	struct peal_shmstand stand;
	struct peal_progressbar bar;
	double cycles_per_ns;
	struct peal_histogram trips; /* ns */
	struct peal_histogram ring_trips;
	struct peal_histogram wakes;
	struct peal_histogram bare_wakes;
	double rates[STREAMS_COUNT]; /* records a second, sorted */
	double pair_cycles;          /* one at a time */
	double pair_cycles_burst;
	uint64_t rung_polling_count; /* while the other side polled */
	double line_rtt_ns;
	struct peal_machine_bill bill;
};

static int
compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static uint64_t
to_ns(const struct bench *bench, uint64_t cycles)
{
	return (uint64_t)((double)cycles / bench->cycles_per_ns);
}

/* One record there and back. */
static bool
make_trip(struct peal_shmstand *stand, uint8_t *bytes)
{
	uint16_t number;
	bool is_put = peal_shmstand_put(stand, &stand->ends[0], bytes);

	PEAL_ASSERT(is_put);
	stand->rung_count += peal_shmstand_show(&stand->ends[0]);
	while (!peal_shmstand_take(stand, &stand->ends[1], bytes, &number)) {
		if (!peal_shmstand_pause(stand)) {
			return false;
		}
	}
	(void)peal_shmring_release(&stand->ends[1].reader);
	return true;
}

static bool
make_ring_trip(struct peal_shmstand *stand, uint8_t *bytes)
{
	int result = rte_ring_sp_enqueue_elem(stand->rings[0], bytes, stand->size);

	PEAL_ASSERT(result == 0);
	while (rte_ring_sc_dequeue_elem(stand->rings[1], bytes, stand->size) != 0) {
		if (!peal_shmstand_pause(stand)) {
			return false;
		}
	}
	return true;
}

/* A round of trips; `into` is NULL when it is to warm up. */
static bool
make_trips(struct bench *bench, bool is_ring, struct peal_histogram *into)
{
	struct peal_shmstand *stand = &bench->stand;
	uint8_t bytes[PEAL_SHMSTAND_SIZE_MAX] = {1};

	peal_shmstand_order(
		stand, is_ring ? PEAL_SHMSTAND_ECHO_RING : PEAL_SHMSTAND_ECHO, TRIPS_A_ROUND);
	for (uint64_t i = 0; i < TRIPS_A_ROUND; i++) {
		uint64_t begin = rte_rdtsc();

		if (!(is_ring ? make_ring_trip(stand, bytes) : make_trip(stand, bytes))) {
			return false;
		}
		if (into != NULL) {
			peal_histogram_record(into, to_ns(bench, rte_rdtsc() - begin));
		}
	}
	return peal_shmstand_await(stand);
}

/* In turns, so that a slow minute is slow for both. */
static bool
bench_trips(struct bench *bench)
{
	uint32_t rounds_count = bench->args->rounds_count;

	for (uint32_t i = 0; i < WARM_ROUNDS + rounds_count; i++) {
		bool is_warm = i >= WARM_ROUNDS;

		peal_progressbar_show(&bench->bar, is_warm ? "round trips" : "warming up",
			is_warm ? i - WARM_ROUNDS : 0, is_warm ? rounds_count : 0);
		if (!make_trips(bench, false, is_warm ? &bench->trips : NULL) ||
			!make_trips(bench, true, is_warm ? &bench->ring_trips : NULL)) {
			return false;
		}
	}
	return true;
}

static bool
stream(struct bench *bench, double *rate_out)
{
	struct peal_shmstand *stand = &bench->stand;
	uint8_t bytes[PEAL_SHMSTAND_SIZE_MAX];
	uint64_t begin, count = 0;

	peal_shmstand_order(stand, PEAL_SHMSTAND_TAKE, STREAM_COUNT);
	begin = rte_rdtsc();
	while (count < STREAM_COUNT) {
		uint32_t put_count = 0;

		while (put_count < PEAL_SHMSTAND_BURST && count + put_count < STREAM_COUNT) {
			peal_shmstand_fill(stand, bytes, count + put_count);
			if (!peal_shmstand_put(stand, &stand->ends[0], bytes)) {
				break;
			}
			put_count++;
		}
		count += put_count;
		if (put_count > 0) {
			stand->rung_count += peal_shmstand_show(&stand->ends[0]);
		} else if (!peal_shmstand_pause(stand)) {
			return false;
		}
	}
	if (!peal_shmstand_await(stand)) {
		return false;
	}
	*rate_out =
		(double)STREAM_COUNT * 1e9 * bench->cycles_per_ns / (double)(rte_rdtsc() - begin);
	return true;
}

static bool
bench_stream(struct bench *bench)
{
	for (uint32_t i = 0; i < STREAMS_COUNT; i++) {
		peal_progressbar_show(&bench->bar, "one way", i, STREAMS_COUNT);
		if (!stream(bench, &bench->rates[i])) {
			return false;
		}
	}
	qsort(bench->rates, STREAMS_COUNT, sizeof(bench->rates[0]), compare);
	return true;
}

/* Cycles of a record in and out again in one thread, median of some runs. */
static double
bench_pairs(struct peal_shmstand *stand, uint32_t burst)
{
	double runs[STREAMS_COUNT];
	uint8_t bytes[PEAL_SHMSTAND_SIZE_MAX] = {1};
	uint16_t number;

	for (uint32_t run = 0; run < STREAMS_COUNT; run++) {
		uint64_t begin = rte_rdtsc();

		for (uint32_t i = 0; i < PAIRS_COUNT; i += burst) {
			for (uint32_t j = 0; j < burst; j++) {
				bool is_put = peal_shmstand_put(stand, &stand->ends[2], bytes);

				PEAL_ASSERT(is_put);
			}
			(void)peal_shmring_publish(&stand->ends[2].writer);
			for (uint32_t j = 0; j < burst; j++) {
				bool is_taken =
					peal_shmstand_take(stand, &stand->ends[2], bytes, &number);

				PEAL_ASSERT(is_taken);
			}
			(void)peal_shmring_release(&stand->ends[2].reader);
		}
		runs[run] = (double)(rte_rdtsc() - begin) / PAIRS_COUNT;
	}
	qsort(runs, STREAMS_COUNT, sizeof(runs[0]), compare);
	return runs[STREAMS_COUNT / 2U];
}

static void
ring_bell(const struct peal_shmstand *stand)
{
	const uint64_t one = 1;
	ssize_t size = write(stand->bell, &one, sizeof(one));

	PEAL_ASSERT(size == (ssize_t)sizeof(one));
}

/* One round of wakes. False: it was ended. */
static bool
make_wakes(struct bench *bench, bool is_bare, struct peal_histogram *into)
{
	struct peal_shmstand *stand = &bench->stand;
	struct peal_shmstand_shared *shared = stand->shared;
	uint64_t asleep = (uint64_t)((double)ASLEEP_NS * bench->cycles_per_ns);
	uint8_t bytes[PEAL_SHMSTAND_SIZE_MAX] = {1};

	atomic_store(&shared->ready_count, 0);
	peal_shmstand_order(
		stand, is_bare ? PEAL_SHMSTAND_WAKE_BARE : PEAL_SHMSTAND_WAKE, WAKES_A_ROUND);
	for (uint64_t i = 0; i < WAKES_A_ROUND; i++) {
		uint64_t begin, woken_at;

		while (atomic_load(&shared->ready_count) <= i) {
			if (!peal_shmstand_pause(stand)) {
				return false;
			}
		}
		begin = rte_rdtsc();
		while (rte_rdtsc() - begin < asleep) {
			(void)peal_shmstand_pause(stand);
		}
		atomic_store(&shared->woken_at, 0);
		begin = rte_rdtsc();
		if (is_bare) {
			ring_bell(stand);
		} else {
			bool is_put = peal_shmstand_put(stand, &stand->ends[0], bytes);

			PEAL_ASSERT(is_put);
			if (peal_shmstand_show(&stand->ends[0])) {
				stand->rung_count++;
				ring_bell(stand);
			}
		}
		while ((woken_at = atomic_load(&shared->woken_at)) == 0) {
			if (!peal_shmstand_pause(stand)) {
				return false;
			}
		}
		peal_histogram_record(into, to_ns(bench, woken_at > begin ? woken_at - begin : 0));
	}
	return peal_shmstand_await(stand);
}

static bool
bench_wakes(struct bench *bench)
{
	uint32_t rounds_count = bench->args->rounds_count;

	for (uint32_t i = 0; i < rounds_count; i++) {
		peal_progressbar_show(&bench->bar, "waking", i, rounds_count);
		if (!make_wakes(bench, true, &bench->bare_wakes) ||
			!make_wakes(bench, false, &bench->wakes)) {
			return false;
		}
	}
	return true;
}

/* What spins is watched, what sleeps is not. */
static bool
bench_all(struct bench *bench)
{
	clockid_t clocks[PEAL_BENCHARGS_SIDES_COUNT] = {CLOCK_THREAD_CPUTIME_ID};
	struct peal_shmstand *stand = &bench->stand;
	struct peal_machine_watch watch;

	if (clock_getcpuclockid(stand->pid, &clocks[1]) != 0) {
		return false;
	}
	peal_machine_begin(&watch, bench->args->cpus, clocks);
	peal_progressbar_show(&bench->bar, "cycles of a record", 0, 0);
	bench->pair_cycles = bench_pairs(stand, 1);
	bench->pair_cycles_burst = bench_pairs(stand, PEAL_SHMSTAND_BURST);
	if (!bench_trips(bench) || !bench_stream(bench)) {
		return false;
	}
	peal_machine_end(&watch, &bench->bill);
	bench->rung_polling_count = stand->rung_count + stand->shared->rung_count;
	return bench_wakes(bench);
}

static double
p50(const struct peal_histogram *histogram)
{
	return (double)peal_histogram_percentile(histogram, 50.0);
}

static void
put_figures(const struct bench *bench, json_t *root)
{
	peal_resultjson_put_spread(root, "", &bench->trips);
	peal_resultjson_put_spread(root, "rte_ring_", &bench->ring_trips);
	json_object_set_new(
		root, "ratio_p50", json_real(p50(&bench->trips) / p50(&bench->ring_trips)));
	json_object_set_new(root, "records_per_s", json_real(bench->rates[STREAMS_COUNT / 2U]));
	json_object_set_new(root, "records_per_s_min", json_real(bench->rates[0]));
	json_object_set_new(root, "records_per_s_max", json_real(bench->rates[STREAMS_COUNT - 1U]));
	json_object_set_new(root, "push_pop_cycles", json_real(bench->pair_cycles));
	json_object_set_new(root, "push_pop_cycles_of_32", json_real(bench->pair_cycles_burst));
	json_object_set_new(
		root, "doorbells_polling", json_integer((json_int_t)bench->rung_polling_count));
	json_object_set_new(root, "doorbells_waking",
		json_integer((json_int_t)(bench->stand.rung_count - bench->rung_polling_count)));
	json_object_set_new(
		root, "wakes", json_integer((json_int_t)peal_histogram_count(&bench->wakes)));
	peal_resultjson_put_spread(root, "wake_", &bench->wakes);
	peal_resultjson_put_spread(root, "eventfd_", &bench->bare_wakes);
	json_object_set_new(
		root, "wake_ratio_p50", json_real(p50(&bench->wakes) / p50(&bench->bare_wakes)));
	json_object_set_new(
		root, "count", json_integer((json_int_t)peal_histogram_count(&bench->trips)));
	json_object_set_new(root, "curve", peal_curve_from(&bench->trips));
	json_object_set_new(root, "rte_ring_curve", peal_curve_from(&bench->ring_trips));
}

static json_t *
bench_to_json(const struct bench *bench, bool is_refused)
{
	const struct peal_benchargs *args = bench->args;
	const struct peal_machine_bill *bill = &bench->bill;
	json_t *root = json_pack("{s:s, s:s, s:i, s:[i, i], s:i, s:b}", "command", "shm", "version",
		PEAL_VERSION, "record_bytes", (int)args->size, "cores", args->cpus[0],
		args->cpus[1], "rounds", (int)args->rounds_count, "refused", is_refused);

	if (!is_refused || args->is_anyway) {
		put_figures(bench, root);
	}
	json_object_set_new(root, "line_rtt_ns",
		bench->line_rtt_ns > 0.0 ? json_real(bench->line_rtt_ns) : json_null());
	json_object_set_new(
		root, "cpu_shares", json_pack("[f, f]", bill->shares[0], bill->shares[1]));
	json_object_set_new(root, "steal_ns", json_integer((json_int_t)bill->steal_ns));
	json_object_set_new(root, "elapsed_ns", json_integer((json_int_t)bill->elapsed_ns));
	json_object_set_new(root, "tsc_hz", json_real(1e9 * bench->cycles_per_ns));
	json_object_set_new(root, "host", peal_outcome_host_to_json(rte_version()));
	return root;
}

static void
show(const struct bench *bench, FILE *file)
{
	fprintf(file, "records of %u bytes through shared memory, CPU %d to CPU %d and back\n",
		bench->args->size, bench->args->cpus[0], bench->args->cpus[1]);
	fprintf(file,
		"  there and back  p50 %.0f ns, p99 %" PRIu64 " ns; rte_ring p50 %.0f ns; ratio "
		"%.2f\n",
		p50(&bench->trips), peal_histogram_percentile(&bench->trips, 99.0),
		p50(&bench->ring_trips), p50(&bench->trips) / p50(&bench->ring_trips));
	fprintf(file, "  one way         %.1f M records/s (%.1f to %.1f), in batches of %u\n",
		bench->rates[STREAMS_COUNT / 2U] / 1e6, bench->rates[0] / 1e6,
		bench->rates[STREAMS_COUNT - 1U] / 1e6, PEAL_SHMSTAND_BURST);
	fprintf(file, "  in and out      %.1f cycles one by one, %.1f in batches\n",
		bench->pair_cycles, bench->pair_cycles_burst);
	fprintf(file,
		"  doorbells       %" PRIu64 " while the other side polled; waking it p50 %.1f us, "
		"a bare eventfd %.1f us; ratio %.2f\n",
		bench->rung_polling_count, p50(&bench->wakes) / 1e3, p50(&bench->bare_wakes) / 1e3,
		p50(&bench->wakes) / p50(&bench->bare_wakes));
}

static bool
draw(const struct bench *bench, struct peal_sentence *error)
{
	json_t *trips = peal_curve_from(&bench->trips),
	       *others = peal_curve_from(&bench->ring_trips);
	const struct peal_curve_picture picture = {
		.title = "Records through shared memory and back",
		.lines_count = 2,
		.names = {"libpeal", "rte_ring"},
		.curves = {trips, others},
	};
	bool is_drawn = peal_curve_draw(&picture, bench->args->plot_path, error);

	json_decref(trips);
	json_decref(others);
	return is_drawn;
}

static bool
deliver(const struct bench *bench, struct peal_sentence *error)
{
	const struct peal_benchargs *args = bench->args;
	FILE *text = peal_benchargs_text_file(args);
	uint64_t wrong_count = bench->stand.shared->wrong_count;
	bool is_good = peal_refusal_check_machine(&bench->bill, args->cpus, true, error);

	if (wrong_count > 0) {
		is_good = peal_refusal_set(
			error, "%" PRIu64 " records were not the next one", wrong_count);
	}
	if (args->json_path != NULL) {
		json_t *root = bench_to_json(bench, !is_good);
		bool is_written = peal_outcome_write_json(root, args->json_path, error);

		json_decref(root);
		if (!is_written) {
			return false;
		}
	}
	if (text != NULL && (is_good || args->is_anyway)) {
		show(bench, text);
	}
	if (text != NULL && !is_good && args->is_anyway) {
		fprintf(text, "warning: %s\n", error->text);
	}
	if (!is_good && (!args->is_anyway || wrong_count > 0)) {
		return false;
	}
	return (args->hdr_path == NULL ||
		       peal_outcome_write_table(&bench->trips, args->hdr_path, error)) &&
	       (args->plot_path == NULL || draw(bench, error));
}

static bool
run(const struct peal_benchargs *args, struct peal_sentence *error)
{
	static struct bench bench;
	bool is_good;

	if (args->plot_path != NULL && !peal_curve_can_draw(error)) {
		return false;
	}
	bench.args = args;
	bench.cycles_per_ns = peal_pinned_measure_rate();
	bench.line_rtt_ns = peal_linelap_measure(args->cpus, peal_ctrlc_has_come);
	peal_histogram_reset(&bench.trips);
	peal_histogram_reset(&bench.ring_trips);
	peal_histogram_reset(&bench.wakes);
	peal_histogram_reset(&bench.bare_wakes);
	peal_progressbar_init(&bench.bar, !args->is_quiet);
	is_good = peal_shmstand_begin(&bench.stand, args, error);
	if (is_good) {
		is_good = bench_all(&bench);
		peal_progressbar_clear(&bench.bar);
		if (is_good) {
			is_good = deliver(&bench, error);
		} else if (!peal_ctrlc_has_come()) {
			(void)peal_sentence_set(error, "the second process has ended early");
		}
	}
	peal_shmstand_end(&bench.stand);
	return is_good;
}

static bool
read_size(struct peal_benchargs *args, const char *value)
{
	uint64_t number;

	if (!peal_argtext_read_number(value, 8, PEAL_SHMSTAND_SIZE_MAX, &number) ||
		number % 4U != 0) {
		return false;
	}
	args->size = (uint32_t)number;
	return true;
}

static const struct peal_option option_size = {.name = "size",
	.value = "N",
	.help = "bytes of a record, a multiple of 4 from 8 to 1024 (default: 64)",
	.expected = "a multiple of 4 from 8 to 1024",
	.kind = PEAL_OPTION_OTHER,
	.read = read_size};

static const struct peal_option option_rounds = {.name = "rounds",
	.value = "N",
	.help = "of 2000 round trips and 20 wakes each, 1 to 1000 (default: 100)",
	.kind = PEAL_OPTION_NUMBER,
	PEAL_OPTION_FIELD(rounds_count),
	.min = 1,
	.max = PEAL_BENCHARGS_ROUNDS_MAX};

static const struct peal_option *const own_options[] = {&option_size, &option_rounds,
	&peal_option_cpu_pair, &peal_option_anyway, &peal_option_json, &peal_option_hdr,
	&peal_option_plot, &peal_option_quiet, NULL};

static void
prepare(struct peal_benchargs *args)
{
	args->size = RECORD_SIZE;
	args->rounds_count = ROUNDS_COUNT;
}

static bool
complete(struct peal_benchargs *args, struct peal_sentence *error)
{
	if (args->cpus_count > 0 && args->cpus[0] == args->cpus[1]) {
		return peal_sentence_set(error, "--cores: shm needs two CPUs");
	}
	return peal_sharedoptions_complete_list(args, 2, 2, error);
}

const struct peal_command peal_shm_command = {
	.name = "shm",
	.usage = "[--size N] [--rounds N] [--cores A,B] [options]",
	.brief = "records between an application and a daemon through shared memory",
	.about =
		"What an application pays to speak with a daemon on the same host: two processes, "
		"with the rings\n"
		"and bells of libpeal between them. Records are copied in and out and checked, as "
		"client and core\n"
		"do, and every one carries its number.\n"
		"\n"
		"  there and back  one record at a time, both spinning; in turns with DPDK's "
		"rte_ring\n"
		"  one way         records a second in batches of 32; the taker reads every byte "
		"and checks\n"
		"                  that each record is the next one\n"
		"  in and out      cycles of a record in one thread: claim, fill, commit, publish, "
		"borrow, check,\n"
		"                  copy, release\n"
		"  doorbells       how many were rung while the other side polled, which should be "
		"none; and what\n"
		"                  waking a sleeper takes, in turns with an eventfd alone\n",
	.notes = "There is no figure, and the exit status is 3, when a record was lost, the "
		 "hypervisor took more than\n"
		 "5 % of the two CPUs, or a loop had its CPU for less than 80 % of the time.\n",
	.examples = "  peal-bench shm\n"
		    "  peal-bench shm --size 1024 --cores 2,3\n"
		    "  peal-bench shm --json - --quiet | jq '.ratio_p50, .records_per_s'\n",
	.options = own_options,
	.prepare = prepare,
	.complete = complete,
	.run = run,
};
