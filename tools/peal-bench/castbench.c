/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/castbench.h"

#include "base/version.h"
#include "dataplane/dpdk/tsc.h"
#include "tools/peal-bench/choir.h"
#include "tools/peal-bench/ctrlc.h"
#include "tools/peal-bench/curve.h"
#include "tools/peal-bench/outcome.h"
#include "tools/peal-bench/progressbar.h"
#include "tools/peal-bench/refusal.h"
#include "tools/peal-bench/resultjson.h"
#include "tools/peal-bench/sharedoptions.h"

#include <inttypes.h>
#include <rte_cycles.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_NS    UINT64_C(1000000000)
#define POLL_NS      UINT64_C(10000000)
#define MESSAGE_SIZE 64U
#define NODES_COUNT  5U
#define ROUNDS_COUNT 5U
#define ROUNDS_MAX   PEAL_BENCHARGS_RATES_MAX
#define ROUND_NS     (SECOND_NS / 4U)
/* What does not come in this time is missing. */
#define LOSS_NS SECOND_NS
/* Messages that leave in one turn at most. */
#define DUE_MAX 256U
/* Messages on their way of which is known who has them: more than a window of frames holds. */
#define PENDING_MAX 65536U

/* What the sender is to do. Written by its loop while nothing is on its way. */
struct run {
	uint64_t first_number;
	uint64_t count;       /* UINT64_MAX: until it is told to stop */
	uint64_t interval_ns; /* 0 = as many as are accepted */
	uint64_t start_at;    /* cycles */
	uint64_t sent_count;
	uint64_t last_sent_at;
	bool is_running;
};

struct bench {
	const struct peal_benchargs *args;
	uint64_t cycles_hz;
	_Atomic uint64_t order; /* messages to send; 0 = done */
	_Atomic uint64_t order_interval_ns;
	_Atomic bool is_enough;
	struct run run;
	_Atomic uint64_t accepted_count;
	uint8_t message[PEAL_BENCHARGS_SIZE_MAX];
	/* the loop of the receivers */
	alignas(64) uint64_t awaited[PEAL_FIXEDMEMBER_COUNT_MAX];
	_Atomic uint64_t taken_count; /* by all but the sender */
	_Atomic uint64_t wrong_count;
	uint16_t pending[PENDING_MAX]; /* who has a message already */
	struct peal_histogram each;    /* ns, from the intended departure to each member */
	struct peal_histogram last;    /* to the last one */
	struct peal_timeline each_timeline;
	struct peal_timeline last_timeline;
	/* figures */
	double rates[ROUNDS_MAX];
	double sender_cycles[ROUNDS_MAX];
	double frames[ROUNDS_MAX];
	double sender_cycles_alone; /* on the schedule, one at a time */
	uint64_t sent_count;        /* on the schedule */
	uint64_t taken_scheduled;
	uint64_t gaps_count;
	uint64_t longest_gap_ns;
	double line_rtt_ns;
	const char *aead_name;
	struct peal_machine_bill bill;
};

static uint64_t
to_cycles(const struct bench *bench, uint64_t ns)
{
	return (uint64_t)((unsigned __int128)ns * bench->cycles_hz / SECOND_NS);
}

static uint64_t
to_ns(const struct bench *bench, uint64_t cycles)
{
	return (uint64_t)((unsigned __int128)cycles * SECOND_NS / bench->cycles_hz);
}

static uint64_t
find_due(const struct bench *bench, uint64_t index)
{
	return bench->run.start_at + to_cycles(bench, index * bench->run.interval_ns);
}

static uint64_t
load(const _Atomic uint64_t *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

/* --- the sender's loop --- */

static uint32_t
send_due(struct bench *bench, struct peal_fixedmember *first, uint64_t now)
{
	struct run *run = &bench->run;
	uint32_t count = 0;

	while (count < DUE_MAX && run->sent_count < run->count &&
		find_due(bench, run->sent_count) <= now) {
		uint64_t number = run->first_number + run->sent_count;

		memcpy(bench->message, &number, sizeof(number));
		if (peal_cast_send(first->cast, bench->message, bench->args->size) !=
			PEAL_CAST_OK) {
			break; /* no room yet: it is late, and counts as such */
		}
		run->sent_count++;
		run->last_sent_at = now;
		count++;
	}
	atomic_store_explicit(
		&bench->accepted_count, run->first_number + run->sent_count, memory_order_relaxed);
	return count;
}

/* Everybody has all that was sent in this run and before. */
static bool
is_settled(const struct bench *bench)
{
	const struct run *run = &bench->run;

	return load(&bench->taken_count) ==
	       (run->first_number + run->sent_count) * (bench->args->nodes_count - 1U);
}

static uint32_t
step(void *state, struct peal_fixedmember *first)
{
	struct bench *bench = state;
	struct run *run = &bench->run;
	uint64_t order = atomic_load_explicit(&bench->order, memory_order_acquire);
	uint64_t now = rte_rdtsc();

	if (run->is_running && atomic_load_explicit(&bench->is_enough, memory_order_relaxed)) {
		run->count = run->sent_count;
	}
	if (run->is_running && run->sent_count == run->count &&
		(is_settled(bench) || now - run->last_sent_at > to_cycles(bench, LOSS_NS))) {
		run->is_running = false;
		atomic_store_explicit(&bench->order, 0, memory_order_release);
		return 1;
	}
	if (!run->is_running) {
		if (order == 0) {
			return 0;
		}
		*run = (struct run){.first_number = run->first_number + run->sent_count,
			.count = order,
			.interval_ns = load(&bench->order_interval_ns),
			.start_at = now,
			.last_sent_at = now,
			.is_running = true};
	}
	return send_due(bench, first, now);
}

static uint64_t
find_deadline_ns(const void *state)
{
	const struct bench *bench = state;
	const struct run *run = &bench->run;
	uint64_t now = rte_rdtsc(), due;

	if (!run->is_running) {
		return UINT64_MAX;
	}
	if (run->sent_count == run->count) {
		return peal_tsc_now_ns() + POLL_NS;
	}
	due = find_due(bench, run->sent_count);
	return peal_tsc_now_ns() + (due > now ? to_ns(bench, due - now) : 0);
}

/* --- the receivers' loop --- */

/* What comes so late that the warm-up had given it up is of no run. */
static void
note(struct peal_histogram *histogram, struct peal_timeline *timeline, uint64_t index,
	uint64_t took_ns)
{
	if (index < timeline->values_count) {
		peal_histogram_record(histogram, took_ns);
		peal_timeline_record(timeline, index, took_ns);
	}
}

static void
deliver(void *state, uint32_t rank, const struct peal_delivery *delivery)
{
	struct bench *bench = state;
	uint64_t number = bench->awaited[rank], now = rte_rdtsc(), index, due, took_ns;

	/* What the sender is given of its own cost it nothing on the way. */
	if (rank == 0) {
		return;
	}
	if (delivery->offset == 0) {
		memcpy(&number, delivery->bytes, sizeof(number));
	}
	if (number != bench->awaited[rank] || delivery->message_size != bench->args->size) {
		atomic_fetch_add_explicit(&bench->wrong_count, 1U, memory_order_relaxed);
	}
	if (delivery->offset + delivery->size < delivery->message_size) {
		return;
	}
	bench->awaited[rank]++;
	if (bench->run.interval_ns > 0) {
		uint16_t *had = &bench->pending[number % PENDING_MAX];

		index = number - bench->run.first_number;
		due = find_due(bench, index);
		took_ns = now > due ? to_ns(bench, now - due) : 0;
		note(&bench->each, &bench->each_timeline, index, took_ns);
		if (++*had == bench->args->nodes_count - 1U) {
			*had = 0;
			note(&bench->last, &bench->last_timeline, index, took_ns);
		}
	}
	/* After all of it, so that who sees the count sees the times as well. */
	atomic_store_explicit(
		&bench->taken_count, load(&bench->taken_count) + 1U, memory_order_release);
}

/* --- the main thread --- */

static void
reset_times(struct bench *bench, uint64_t count)
{
	peal_histogram_reset(&bench->each);
	peal_histogram_reset(&bench->last);
	peal_timeline_reset(&bench->each_timeline, count);
	peal_timeline_reset(&bench->last_timeline, count);
}

/* Waits for the end of an order. False after Ctrl-C. */
static bool
await_order(struct bench *bench, const char *what, uint64_t before, uint64_t count)
{
	struct peal_progressbar bar;

	peal_progressbar_init(&bar, !bench->args->is_quiet);
	while (atomic_load_explicit(&bench->order, memory_order_acquire) != 0 &&
		!peal_ctrlc_has_come()) {
		peal_progressbar_show(&bar, what, load(&bench->accepted_count) - before, count);
		peal_ctrlc_sleep(POLL_NS);
		peal_tsc_discipline();
	}
	peal_progressbar_clear(&bar);
	return !peal_ctrlc_has_come();
}

static bool
carry_out(struct bench *bench, struct peal_choir *choir, uint64_t count, const char *what)
{
	uint64_t before = load(&bench->accepted_count);

	atomic_store_explicit(
		&bench->order_interval_ns, bench->args->interval_ns, memory_order_relaxed);
	atomic_store_explicit(&bench->order, count, memory_order_release);
	peal_choir_ring(choir);
	return await_order(bench, what, before, count);
}

/* As many as are accepted, for one round. */
static bool
flood(struct bench *bench, struct peal_choir *choir, uint32_t round)
{
	const struct peal_counters *counters = &choir->singers[0].member.core.counters;
	uint64_t frames = peal_counter_get(counters, PEAL_COUNTER_TX_FRAMES);
	uint64_t busy = load(&choir->busy_cycles), accepted = load(&bench->accepted_count);
	uint64_t began = rte_rdtsc(), count;

	atomic_store_explicit(&bench->is_enough, false, memory_order_relaxed);
	atomic_store_explicit(&bench->order_interval_ns, 0, memory_order_relaxed);
	atomic_store_explicit(&bench->order, UINT64_MAX, memory_order_release);
	peal_choir_ring(choir);
	for (uint64_t passed_ns = 0; passed_ns < ROUND_NS && !peal_ctrlc_has_come();
		passed_ns += POLL_NS) {
		peal_ctrlc_sleep(POLL_NS);
		peal_tsc_discipline();
	}
	atomic_store_explicit(&bench->is_enough, true, memory_order_relaxed);
	if (!await_order(bench, "as many as go", 0, 0)) {
		return false;
	}
	atomic_store_explicit(&bench->is_enough, false, memory_order_relaxed);
	count = load(&bench->accepted_count) - accepted;
	count = count == 0 ? 1U : count;
	bench->rates[round] = (double)count * 1e9 / (double)to_ns(bench, rte_rdtsc() - began);
	bench->sender_cycles[round] = (double)(load(&choir->busy_cycles) - busy) / (double)count;
	bench->frames[round] =
		(double)(peal_counter_get(counters, PEAL_COUNTER_TX_FRAMES) - frames) /
		(double)count;
	return true;
}

static bool
measure(void *state, struct peal_choir *choir, struct peal_sentence *error)
{
	struct bench *bench = state;
	const struct peal_benchargs *args = bench->args;
	struct peal_machine_watch watch;
	uint64_t busy, taken, gaps;

	(void)error;
	bench->cycles_hz = rte_get_tsc_hz();
	if (!carry_out(bench, choir, peal_stage_warm_up_count(args), "warming up")) {
		return false;
	}
	reset_times(bench, args->count);
	busy = load(&choir->busy_cycles);
	taken = load(&bench->taken_count);
	gaps = load(&choir->gaps_count);
	peal_machine_begin(&watch, args->cpus, choir->stage.clocks);
	if (!carry_out(bench, choir, args->count, "broadcasts")) {
		return false;
	}
	bench->sent_count = bench->run.sent_count;
	bench->taken_scheduled = load(&bench->taken_count) - taken;
	bench->sender_cycles_alone =
		(double)(load(&choir->busy_cycles) - busy) / (double)args->count;
	for (uint32_t i = 0; i < args->rounds_count; i++) {
		if (!flood(bench, choir, i)) {
			return false;
		}
	}
	peal_machine_end(&watch, &bench->bill);
	bench->gaps_count = load(&choir->gaps_count) - gaps;
	bench->longest_gap_ns = load(&choir->longest_gap_ns);
	bench->line_rtt_ns = choir->stage.line_rtt_ns;
	bench->aead_name = args->is_sealed ? choir->aeads[0].name : NULL;
	return true;
}

/* Nothing makes a figure of what was lost. */
static bool
is_lossy(const struct bench *bench)
{
	return load(&bench->wrong_count) > 0 ||
	       load(&bench->taken_count) !=
		       load(&bench->accepted_count) * (bench->args->nodes_count - 1U);
}

static bool
check(const struct bench *bench, struct peal_sentence *error)
{
	const struct peal_benchargs *args = bench->args;

	if (load(&bench->wrong_count) > 0) {
		return peal_refusal_set(error, "%" PRIu64 " messages were not the next one",
			load(&bench->wrong_count));
	}
	if (is_lossy(bench)) {
		return peal_refusal_set(error,
			"of %" PRIu64 " broadcasts to %u members only %" PRIu64 " came",
			load(&bench->accepted_count), args->nodes_count - 1U,
			load(&bench->taken_count));
	}
	return peal_refusal_check_machine(
		&bench->bill, args->cpus, args->idle == PEAL_IDLE_DEDICATED, error);
}

static json_t *
figures_to_json(struct bench *bench, json_t *root)
{
	uint32_t count = bench->args->rounds_count;

	peal_resultjson_put_spread(root, "", &bench->each);
	peal_resultjson_put_spread(root, "last_", &bench->last);
	(void)peal_resultjson_put_values(root, "messages_per_s", bench->rates, count);
	(void)peal_resultjson_put_values(root, "sender_cycles", bench->sender_cycles, count);
	(void)peal_resultjson_put_values(root, "frames_per_message", bench->frames, count);
	json_object_set_new(root, "sender_cycles_alone", json_real(bench->sender_cycles_alone));
	json_object_set_new(root, "curve", peal_curve_from(&bench->each));
	json_object_set_new(root, "last_curve", peal_curve_from(&bench->last));
	json_object_set_new(root, "timeline",
		peal_curve_timeline(&bench->each_timeline, bench->args->interval_ns));
	json_object_set_new(root, "last_timeline",
		peal_curve_timeline(&bench->last_timeline, bench->args->interval_ns));
	return root;
}

static json_t *
bench_to_json(struct bench *bench, const struct peal_sentence *refusal)
{
	const struct peal_benchargs *args = bench->args;
	bool is_refused = refusal->text[0] != '\0';
	json_t *root = json_pack("{s:s, s:s, s:s, s:i, s:i, s:s, s:[i, i], s:b, s:s?, s:I, s:I, "
				 "s:I, s:b, s:s?}",
		"command", "cast", "version", PEAL_VERSION, "link", "ring", "nodes",
		(int)args->nodes_count, "message_bytes", (int)args->size, "idle",
		peal_benchargs_idle_name(args->idle), "cores", args->cpus[0], args->cpus[1],
		"sealed", bench->aead_name != NULL, "aead", bench->aead_name, "interval_ns",
		(json_int_t)args->interval_ns, "count", (json_int_t)bench->sent_count, "deliveries",
		(json_int_t)bench->taken_scheduled, "refused", is_refused, "refusal",
		is_refused ? refusal->text : NULL);

	if (!is_refused || (args->is_anyway && !is_lossy(bench))) {
		(void)figures_to_json(bench, root);
	}
	json_object_set_new(root, "line_rtt_ns", json_real(bench->line_rtt_ns));
	json_object_set_new(root, "loop_gaps", json_integer((json_int_t)bench->gaps_count));
	json_object_set_new(
		root, "longest_gap_ns", json_integer((json_int_t)bench->longest_gap_ns));
	json_object_set_new(root, "tsc_hz", json_integer((json_int_t)bench->cycles_hz));
	peal_resultjson_put_machine(root, &bench->bill);
	return root;
}

static double
us(const json_t *root, const char *key)
{
	return json_number_value(json_object_get(root, key)) / 1000.0;
}

static void
show(const struct bench *bench, const json_t *root, FILE *file)
{
	const struct peal_benchargs *args = bench->args;

	fprintf(file,
		"broadcasts of %u bytes to %u members in this process, %s%s%s: %" PRIu64
		", one every %.1f us\n",
		args->size, args->nodes_count - 1U,
		bench->aead_name == NULL ? "not sealed" : "sealed by ",
		bench->aead_name == NULL ? "" : bench->aead_name,
		args->idle == PEAL_IDLE_DEDICATED ? ", spinning" : ", shared CPUs",
		bench->sent_count, (double)args->interval_ns / 1000.0);
	fprintf(file, "  %-10s p50 %.3f us, p99 %.3f us, max %.3f us\n", "a member",
		us(root, "p50_ns"), us(root, "p99_ns"), us(root, "max_ns"));
	fprintf(file, "  %-10s p50 %.3f us, p99 %.3f us, max %.3f us\n", "the last",
		us(root, "last_p50_ns"), us(root, "last_p99_ns"), us(root, "last_max_ns"));
	fprintf(file,
		"  %-10s %.0f cycles a message one at a time; %.0f, and %.3f frames, of many\n",
		"the sender", bench->sender_cycles_alone, 1e3 * us(root, "sender_cycles"),
		1e3 * us(root, "frames_per_message"));
	fprintf(file, "  %-10s %.3f M/s until all have them (%.3f to %.3f)\n", "rate",
		us(root, "messages_per_s") / 1e3, us(root, "messages_per_s_min") / 1e3,
		us(root, "messages_per_s_max") / 1e3);
	fprintf(file,
		"  %-10s %.3f us for a cache line there and back; %" PRIu64 " stops above 1 ms\n",
		"floor", bench->line_rtt_ns / 1000.0, bench->gaps_count);
}

static bool
draw(const struct bench *bench, const json_t *root, struct peal_sentence *error)
{
	const struct peal_curve_picture picture = {
		.title = "Broadcasts: from the intended departure to the delivery",
		.lines_count = 2,
		.names = {"to a member", "to the last member"},
		.curves = {json_object_get(root, "curve"), json_object_get(root, "last_curve")},
		.timelines = {json_object_get(root, "timeline"),
			json_object_get(root, "last_timeline")},
	};

	return peal_curve_draw(&picture, bench->args->plot_path, error);
}

static bool
write_all(struct bench *bench, const json_t *root, const struct peal_sentence *refusal,
	struct peal_sentence *error)
{
	const struct peal_benchargs *args = bench->args;
	FILE *text = peal_benchargs_text_file(args);
	bool is_told = refusal->text[0] == '\0' || (args->is_anyway && !is_lossy(bench));

	if (args->json_path != NULL && !peal_outcome_write_json(root, args->json_path, error)) {
		return false;
	}
	if (!is_told) {
		*error = *refusal;
		return false;
	}
	if (text != NULL) {
		show(bench, root, text);
		if (refusal->text[0] != '\0') {
			fprintf(text, "warning: %s\n", refusal->text);
		}
	}
	return (args->hdr_path == NULL ||
		       peal_outcome_write_table(&bench->each, args->hdr_path, error)) &&
	       (args->plot_path == NULL || draw(bench, root, error));
}

static bool
run_cast(const struct peal_benchargs *args, struct peal_sentence *error)
{
	static struct bench bench; /* the loops use it until they have stopped */
	static struct peal_choir choir;
	const struct peal_choir_user user = {.step = step,
		.find_deadline_ns = find_deadline_ns,
		.deliver = deliver,
		.state = &bench};
	struct peal_sentence refusal = {.text = ""};
	bool is_good;
	json_t *root;

	if (args->plot_path != NULL && !peal_curve_can_draw(error)) {
		return false;
	}
	bench.args = args;
	reset_times(&bench, peal_stage_warm_up_count(args));
	if (!peal_choir_run(&choir, args, &user, measure, error)) {
		return false;
	}
	(void)check(&bench, &refusal);
	root = bench_to_json(&bench, &refusal);
	is_good = write_all(&bench, root, &refusal, error);
	json_decref(root);
	return is_good;
}

static const struct peal_option option_nodes = {.name = "nodes",
	.value = "N",
	.help = "members, 2 to 64 (default: 5)",
	.kind = PEAL_OPTION_NUMBER,
	PEAL_OPTION_FIELD(nodes_count),
	.min = 2,
	.max = PEAL_FIXEDMEMBER_COUNT_MAX};

static const struct peal_option *const own_options[] = {&option_nodes, &peal_option_size,
	&peal_option_rates, &peal_option_count, &peal_option_interval, &peal_option_rate,
	&peal_option_idle, &peal_option_cpu_pair, &peal_option_anyway, &peal_option_none,
	&peal_option_json, &peal_option_plot, &peal_option_hdr, &peal_option_percentiles,
	&peal_option_quiet, NULL};

static void
prepare(struct peal_benchargs *args)
{
	args->link = PEAL_BENCHARGS_RING;
	args->nodes_count = NODES_COUNT;
	args->size = MESSAGE_SIZE;
	args->rounds_count = ROUNDS_COUNT;
}

static bool
complete(struct peal_benchargs *args, struct peal_sentence *error)
{
	peal_sharedoptions_complete_schedule(args);
	return peal_sharedoptions_complete_pair(args, error);
}

const struct peal_command peal_cast_command = {
	.name = "cast",
	.usage = "[--nodes N] [--size N] [options]",
	.brief = "broadcasts: cost for the sender, time until members have them, rate",
	.about = "Members of a view that never changes, on a switch in memory: the first on one "
		 "CPU, the loops of\n"
		 "all others on the second. The first broadcasts on a fixed schedule. Times count "
		 "from the instant at\n"
		 "which a message was meant to leave, by one clock (see oneway), until a member is "
		 "given it, and until\n"
		 "the last one is. Then it broadcasts as many as are accepted, in rounds: the rate "
		 "counts when all have\n"
		 "them, and the cost of the sender are the cycles of its turns that found work.\n"
		 "\n"
		 "Members of one loop take turns, so the last of many waits for the others' work, "
		 "as no machine of\n"
		 "its own would. In a group of daemons 'pealctl load all' does the same.\n",
	.notes = "There is no figure, and the exit status is 3, when a message is missing or out "
		 "of order, or the\n"
		 "machine was not this run's own.\n",
	.examples = "  peal-bench cast\n"
		    "  peal-bench cast --nodes 16 --size 1024 --hdr cast.hdr\n"
		    "  peal-bench cast --idle shared --json - --quiet | jq '.last_p50_ns, "
		    ".sender_cycles'\n",
	.options = own_options,
	.prepare = prepare,
	.complete = complete,
	.run = run_cast,
};
