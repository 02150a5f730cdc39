/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/throughput.h"

#include "base/assert.h"
#include "base/version.h"
#include "tools/benchlib/median.h"
#include "tools/peal-bench/ctrlc.h"
#include "tools/peal-bench/curve.h"
#include "tools/peal-bench/flowrates.h"
#include "tools/peal-bench/outcome.h"
#include "tools/peal-bench/progressbar.h"
#include "tools/peal-bench/refusal.h"
#include "tools/peal-bench/sharedoptions.h"
#include "tools/peal-bench/talk.h"

#include <rte_cycles.h>
#include <rte_version.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_NS UINT64_C(1000000000)
#define ROUND_NS  (SECOND_NS / 2U)
#define POLL_NS   UINT64_C(20000000)
#define WINDOW_NS UINT64_C(500000)
#define WARM_NS   (SECOND_NS / 2U)
/* Messages accepted in one turn at most, so that the core is never kept waiting. */
#define BATCH_MAX 256U
/* Above this a message is lent and not copied, and so many are away at once. */
#define COPY_SIZE_MAX 1024U
#define LOANS_MAX     8U
/* What spoils a figure. */
#define DROPPED_PERCENT_MAX 1.0
#define SHARE_MIN           0.95
/* Unless said otherwise. */
#define MESSAGE_SIZE 64U
#define ROUNDS_COUNT 5U
#define ROUNDS_MAX   100U

/* What had been done at an instant. */
struct sample {
	uint64_t at_ns; /* of the delivering loop */
	uint64_t delivered_count;
	uint64_t frames_sent; /* with data: by the first member */
	uint64_t frames_repeated;
	uint64_t frames_dropped; /* of both */
};

struct flow {
	const struct peal_benchargs *args;
	uint32_t size;
	/* asking loop */
	uint64_t next_seq;
	uint32_t loans_count;
	uint8_t *bytes; /* [LOANS_MAX][size] */
	/* answering loop */
	uint64_t awaited_seq;
	uint64_t window_from_ns;
	uint64_t window_from_seq;
	_Atomic uint64_t *best_rate; /* seen by both processes */
	uint8_t whole[PEAL_BENCHARGS_SIZE_MAX];
	/* main thread of the asking process */
	struct sample samples[ROUNDS_MAX + 1U];
	struct peal_flowrates rates; /* of all rounds */
	struct peal_machine_bill bill;
	uint64_t gaps_count;
	uint64_t longest_gap_ns;
	uint16_t path_mtu; /* proven both ways */
	double line_rtt_ns;
	const char *aead_name;
	char warnings[4][PEAL_OUTCOME_WARNING_SIZE_MAX];
	uint32_t warnings_count;
};

static uint8_t *
find_bytes(const struct flow *flow, uint64_t seq)
{
	return flow->bytes + (size_t)(seq % LOANS_MAX) * flow->size;
}

static uint32_t
send(void *state, struct peal_pairmember *member, uint64_t now_ns)
{
	struct flow *flow = state;
	bool is_lent = flow->size > COPY_SIZE_MAX;
	uint32_t count = 0;

	(void)now_ns;
	while (count < BATCH_MAX && (!is_lent || flow->loans_count < LOANS_MAX)) {
		uint8_t *bytes = find_bytes(flow, flow->next_seq);
		enum peal_channel_result result;

		memcpy(bytes, &flow->next_seq, sizeof(flow->next_seq));
		result = is_lent ? peal_channels_lend(&member->fixed.channels, member->channel,
					   bytes, flow->size, flow->next_seq)
				 : peal_channels_send(&member->fixed.channels, member->channel,
					   bytes, flow->size);
		if (result != PEAL_CHANNEL_OK) {
			break;
		}
		flow->next_seq++;
		flow->loans_count += is_lent;
		count++;
	}
	return count;
}

static void
take_back(void *state, uint64_t token)
{
	struct flow *flow = state;

	(void)token;
	PEAL_ASSERT(flow->loans_count > 0);
	flow->loans_count--;
}

static void
ignore(void *state, struct peal_pairmember *member, const struct peal_delivery *delivery)
{
	(void)state;
	(void)member;
	(void)delivery;
}

static void
take(void *state, struct peal_pairmember *member, const struct peal_delivery *delivery)
{
	struct flow *flow = state;
	uint64_t seq;

	(void)member;
	PEAL_ASSERT(delivery->message_size == flow->size);
	memcpy(flow->whole + delivery->offset, delivery->bytes, delivery->size);
	if (delivery->offset + delivery->size == flow->size) {
		memcpy(&seq, flow->whole, sizeof(seq));
		PEAL_ASSERT(seq == flow->awaited_seq);
		flow->awaited_seq++;
	}
}

static uint64_t
load(const _Atomic uint64_t *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

/* The best stretch: what there would be if nothing else ran on this machine. */
static uint32_t
watch(void *state, struct peal_pairmember *member, uint64_t now_ns)
{
	struct flow *flow = state;
	uint64_t elapsed_ns = now_ns - flow->window_from_ns;

	(void)member;
	if (elapsed_ns < WINDOW_NS) {
		return 0;
	}
	/* A window that was closed late holds a stop of this loop. */
	if (elapsed_ns < WINDOW_NS + WINDOW_NS / 8U) {
		uint64_t rate =
			(flow->awaited_seq - flow->window_from_seq) * SECOND_NS / elapsed_ns;

		if (rate > load(flow->best_rate)) {
			atomic_store_explicit(flow->best_rate, rate, memory_order_relaxed);
		}
	}
	flow->window_from_ns = now_ns;
	flow->window_from_seq = flow->awaited_seq;
	return 0;
}

static struct sample
take_sample(const struct peal_talk *talk)
{
	const struct peal_talk_tally *first = &talk->tallies[0], *second = &talk->tallies[1];

	return (struct sample){
		.at_ns = atomic_load_explicit(&second->turned_at_ns, memory_order_acquire),
		.delivered_count = load(&second->delivered_count),
		.frames_sent = load(&first->frames_sent),
		.frames_repeated = load(&first->frames_repeated),
		.frames_dropped = load(&first->frames_dropped) + load(&second->frames_dropped),
	};
}

/* Waits, and notes how the flow goes, if `rates` is not NULL. False with a sentence, empty after
 * Ctrl-C. */
static bool
pass_time(struct peal_talk *talk, struct peal_flowrates *rates, uint64_t duration_ns,
	struct peal_sentence *error)
{
	for (uint64_t passed_ns = 0; passed_ns < duration_ns; passed_ns += POLL_NS) {
		peal_ctrlc_sleep(POLL_NS);
		if (!peal_talk_is_well(talk, error)) {
			return false;
		}
		if (rates != NULL) {
			struct sample sample = take_sample(talk);

			peal_flowrates_add(rates, sample.at_ns, sample.delivered_count);
		}
	}
	return true;
}

static bool
measure(void *state, struct peal_talk *talk, struct peal_sentence *error)
{
	struct flow *flow = state;
	const struct peal_benchargs *args = flow->args;
	struct peal_progressbar bar;
	struct peal_machine_watch watch;
	uint64_t gaps_before;
	bool is_good;

	peal_progressbar_init(&bar, !args->is_quiet);
	peal_progressbar_show(&bar, "warming up", 0, 0);
	is_good = pass_time(talk, NULL, WARM_NS, error) &&
		  peal_talk_find_path(talk, &flow->path_mtu, error);
	gaps_before = peal_talk_gaps_count(talk);
	peal_machine_begin(&watch, args->cpus, talk->stage.clocks);
	flow->samples[0] = take_sample(talk);
	for (uint32_t i = 0; i < args->rounds_count && is_good; i++) {
		peal_progressbar_show(&bar, "rounds", i, args->rounds_count);
		is_good = pass_time(talk, &flow->rates, ROUND_NS, error);
		flow->samples[i + 1U] = take_sample(talk);
	}
	peal_machine_end(&watch, &flow->bill);
	peal_progressbar_clear(&bar);
	flow->gaps_count = peal_talk_gaps_count(talk) - gaps_before;
	flow->longest_gap_ns = peal_talk_longest_gap_ns(talk);
	flow->line_rtt_ns = talk->stage.line_rtt_ns;
	flow->aead_name = talk->aead_name;
	return is_good;
}

/* --- what it means --- */

struct spread {
	double min;
	double median;
	double max;
};

static uint64_t
read_field(const struct sample *sample, size_t offset)
{
	uint64_t value;

	memcpy(&value, (const uint8_t *)sample + offset, sizeof(value));
	return value;
}

/* Of a figure a second, over the rounds. */
static struct spread
find_rate(const struct flow *flow, size_t offset)
{
	double values[ROUNDS_MAX];
	uint32_t count = flow->args->rounds_count;

	for (uint32_t i = 0; i < count; i++) {
		const struct sample *from = &flow->samples[i], *to = &flow->samples[i + 1U];
		uint64_t done = read_field(to, offset) - read_field(from, offset);
		double seconds = (double)(to->at_ns - from->at_ns) / (double)SECOND_NS;

		values[i] = seconds > 0.0 ? (double)done / seconds : 0.0;
	}
	double median = peal_median_find(values, count);

	return (struct spread){.min = values[0], .median = median, .max = values[count - 1U]};
}

static double
find_percent(double part, double whole)
{
	return whole > 0.0 ? 100.0 * part / whole : 0.0;
}

static double
find_steal_percent(const struct flow *flow)
{
	return find_percent((double)flow->bill.steal_ns, 2.0 * (double)flow->bill.elapsed_ns);
}

/* Of the frames of all rounds, per cent that something happened to. */
static double
find_frames_percent(const struct flow *flow, size_t offset)
{
	const struct sample *from = &flow->samples[0],
			    *to = &flow->samples[flow->args->rounds_count];

	return find_percent((double)(read_field(to, offset) - read_field(from, offset)),
		(double)(to->frames_sent - from->frames_sent));
}

#define DROPPED_PERCENT(flow)  find_frames_percent(flow, offsetof(struct sample, frames_dropped))
#define REPEATED_PERCENT(flow) find_frames_percent(flow, offsetof(struct sample, frames_repeated))

static void __attribute__((format(printf, 2, 3))) warn(struct flow *flow, const char *format, ...)
{
	va_list values;

	PEAL_ASSERT(flow->warnings_count < sizeof(flow->warnings) / sizeof(flow->warnings[0]));
	va_start(values, format);
	(void)vsnprintf(flow->warnings[flow->warnings_count++], PEAL_OUTCOME_WARNING_SIZE_MAX,
		format, values);
	va_end(values);
}

/* Too little came over; nothing makes that a figure. */
static bool
is_lossy(const struct flow *flow)
{
	return flow->samples[flow->args->rounds_count].delivered_count ==
		       flow->samples[0].delivered_count ||
	       DROPPED_PERCENT(flow) > DROPPED_PERCENT_MAX;
}

/* Says why there is no figure; false = there is one. */
static bool
is_refused(const struct flow *flow, struct peal_sentence *error)
{
	const struct peal_benchargs *args = flow->args;

	if (!is_lossy(flow)) {
		return !peal_refusal_check_machine(
			&flow->bill, args->cpus, args->idle == PEAL_IDLE_DEDICATED, error);
	}
	if (DROPPED_PERCENT(flow) > DROPPED_PERCENT_MAX) {
		return !peal_refusal_set(error,
			"%.1f %% of the frames found no room on the link; was one of the loops "
			"stopped for long?",
			DROPPED_PERCENT(flow));
	}
	return !peal_refusal_set(error, "nothing was delivered");
}

static void
judge(struct flow *flow)
{
	for (uint32_t i = 0; i < PEAL_BENCHARGS_SIDES_COUNT; i++) {
		if (flow->args->idle == PEAL_IDLE_DEDICATED && flow->bill.shares[i] >= 0.0 &&
			flow->bill.shares[i] < SHARE_MIN) {
			warn(flow,
				"the loop on CPU %d had it for only %.1f %% of the time; something "
				"else runs there",
				flow->args->cpus[i], 100.0 * flow->bill.shares[i]);
		}
	}
	if (DROPPED_PERCENT(flow) > 0.0 || REPEATED_PERCENT(flow) > 0.0) {
		warn(flow, "%.3f %% of the frames found no room, and %.3f %% were sent again",
			DROPPED_PERCENT(flow), REPEATED_PERCENT(flow));
	}
	if (find_steal_percent(flow) > 1.0) {
		warn(flow, "the hypervisor took %.1f %% of the two CPUs", find_steal_percent(flow));
	}
}

static void
put_spread(json_t *root, const char *key, struct spread spread)
{
	char name[64];

	json_object_set_new(root, key, json_real(spread.median));
	(void)snprintf(name, sizeof(name), "%s_min", key);
	json_object_set_new(root, name, json_real(spread.min));
	(void)snprintf(name, sizeof(name), "%s_max", key);
	json_object_set_new(root, name, json_real(spread.max));
}

static json_t *
flow_to_json(const struct flow *flow, bool is_without_figure)
{
	const struct peal_benchargs *args = flow->args;
	struct spread messages = find_rate(flow, offsetof(struct sample, delivered_count));
	struct spread frames = find_rate(flow, offsetof(struct sample, frames_sent));
	json_t *root = json_pack(
		"{s:s, s:s, s:s, s:s, s:[i, i], s:b, s:s?, s:i, s:i, s:b, s:i, s:b}", "command",
		"throughput", "version", PEAL_VERSION, "link", peal_benchargs_link_name(args->link),
		"idle", peal_benchargs_idle_name(args->idle), "cores", args->cpus[0], args->cpus[1],
		"sealed", flow->aead_name != NULL, "aead", flow->aead_name, "message_bytes",
		(int)flow->size, "path_mtu", (int)flow->path_mtu, "coalescing", !args->is_alone,
		"rounds", (int)args->rounds_count, "refused", is_without_figure);
	json_t *list = json_array();

	if (!is_without_figure || (args->is_anyway && !is_lossy(flow))) {
		put_spread(root, "messages_per_s", messages);
		put_spread(root, "frames_per_s", frames);
		json_object_set_new(root, "messages_per_s_best_window",
			json_integer((json_int_t)load(flow->best_rate)));
		json_object_set_new(root, "gigabytes_per_s",
			json_real(messages.median * (double)flow->size / 1e9));
		json_object_set_new(root, "rates", peal_flowrates_to_json(&flow->rates));
	}
	json_object_set_new(root, "dropped_percent", json_real(DROPPED_PERCENT(flow)));
	json_object_set_new(root, "repeated_percent", json_real(REPEATED_PERCENT(flow)));
	json_object_set_new(root, "line_rtt_ns", json_real(flow->line_rtt_ns));
	json_object_set_new(root, "loop_gaps", json_integer((json_int_t)flow->gaps_count));
	json_object_set_new(root, "longest_gap_ns", json_integer((json_int_t)flow->longest_gap_ns));
	json_object_set_new(root, "cpu_shares",
		json_pack("[f, f]", flow->bill.shares[0], flow->bill.shares[1]));
	json_object_set_new(root, "steal_ns", json_integer((json_int_t)flow->bill.steal_ns));
	json_object_set_new(root, "elapsed_ns", json_integer((json_int_t)flow->bill.elapsed_ns));
	json_object_set_new(root, "tsc_hz", json_integer((json_int_t)rte_get_tsc_hz()));
	json_object_set_new(root, "host", peal_outcome_host_to_json(rte_version()));
	for (uint32_t i = 0; i < flow->warnings_count; i++) {
		json_array_append_new(list, json_string(flow->warnings[i]));
	}
	json_object_set_new(root, "warnings", list);
	return root;
}

static void
show(const struct flow *flow, FILE *file)
{
	const struct peal_benchargs *args = flow->args;
	struct spread messages = find_rate(flow, offsetof(struct sample, delivered_count));
	struct spread frames = find_rate(flow, offsetof(struct sample, frames_sent));

	fprintf(file, "throughput over %s, %s%s%s: messages of %u bytes%s, %u rounds of %.1f s\n",
		peal_benchargs_link_name(args->link),
		flow->aead_name == NULL ? "not sealed" : "sealed by ",
		flow->aead_name == NULL ? "" : flow->aead_name,
		args->idle == PEAL_IDLE_DEDICATED ? ", spinning" : ", shared CPUs", flow->size,
		args->is_alone ? ", each in a frame of its own" : "", args->rounds_count,
		(double)ROUND_NS / (double)SECOND_NS);
	fprintf(file, "  %-10s %12.3f M/s (%.3f to %.3f)\n", "messages", messages.median / 1e6,
		messages.min / 1e6, messages.max / 1e6);
	fprintf(file, "  %-10s %12.3f M/s in the best half millisecond\n", "",
		(double)load(flow->best_rate) / 1e6);
	fprintf(file, "  %-10s %12.3f M/s (%.3f to %.3f)\n", "frames", frames.median / 1e6,
		frames.min / 1e6, frames.max / 1e6);
	fprintf(file, "  %-10s %12.3f GB/s\n", "bytes", messages.median * (double)flow->size / 1e9);
	fprintf(file, "  %-10s %12.3f us for a cache line there and back\n", "floor",
		flow->line_rtt_ns / 1000.0);
	fprintf(file,
		"  %-10s CPU %d for %.1f %% of the time; CPU %d for %.1f %% of the time; %.1f %% "
		"stolen\n",
		"loops", args->cpus[0], 100.0 * flow->bill.shares[0], args->cpus[1],
		100.0 * flow->bill.shares[1], find_steal_percent(flow));
	for (uint32_t i = 0; i < flow->warnings_count; i++) {
		fprintf(file, "warning: %s\n", flow->warnings[i]);
	}
}

static bool
deliver(struct flow *flow, struct peal_sentence *error)
{
	const struct peal_benchargs *args = flow->args;
	FILE *text = peal_benchargs_text_file(args);
	struct peal_sentence refusal = {.text = ""};
	bool is_without_figure = is_refused(flow, &refusal);

	judge(flow);
	if (args->json_path != NULL) {
		json_t *root = flow_to_json(flow, is_without_figure);
		bool is_written = peal_outcome_write_json(root, args->json_path, error);

		json_decref(root);
		if (!is_written) {
			return false;
		}
	}
	if (is_without_figure && (!args->is_anyway || is_lossy(flow))) {
		*error = refusal;
		return false;
	}
	if (text != NULL) {
		show(flow, text);
		if (is_without_figure) {
			fprintf(text, "warning: %s\n", refusal.text);
		}
	}
	return peal_flowrates_deliver(&flow->rates, args, error);
}

static bool
run(const struct peal_benchargs *args, struct peal_sentence *error)
{
	static struct flow flow; /* the loops use it until they have stopped */
	struct peal_talk_play play = {
		.args = args,
		.is_coalescing = !args->is_alone,
		.parts =
			{
				{.step = send,
					.user = {.deliver = ignore,
						.release = take_back,
						.state = &flow}},
				{.step = watch, .user = {.deliver = take, .state = &flow}},
			},
		.measure = measure,
		.state = &flow,
	};
	bool is_measured;

	if (args->plot_path != NULL && !peal_curve_can_draw(error)) {
		return false;
	}
	flow.args = args;
	flow.size = args->size;
	flow.bytes = calloc(LOANS_MAX, args->size);
	flow.best_rate = peal_stage_share(sizeof(*flow.best_rate));
	if (flow.bytes == NULL || flow.best_rate == NULL) {
		free(flow.bytes);
		return peal_sentence_set(error, "there is no memory left");
	}
	play.word = flow.best_rate;
	is_measured = peal_talk_run(&play, error);
	free(flow.bytes);
	return is_measured && deliver(&flow, error);
}

static const struct peal_option option_rounds = {.name = "rounds",
	.value = "N",
	.help = "1 to 100 (default: 5)",
	.kind = PEAL_OPTION_NUMBER,
	PEAL_OPTION_FIELD(rounds_count),
	.min = 1,
	.max = ROUNDS_MAX};

static const struct peal_option option_alone = {.name = "alone",
	.help = "each message in a frame of its own; by default small ones share",
	.kind = PEAL_OPTION_SET,
	PEAL_OPTION_FIELD(is_alone)};

static const struct peal_option option_plot = {.name = "plot",
	.value = "FILE",
	.help = "the rate over the run, drawn by gnuplot; ends in .svg or .png",
	.expected = "a file that ends in .svg or .png",
	.kind = PEAL_OPTION_OTHER,
	.read = peal_sharedoptions_read_plot};

static const struct peal_option option_hdr = {.name = "hdr",
	.value = "FILE",
	.help = "how long a message took in each window of 20 ms, as a percentile table in the "
		"text "
		"format of HdrHistogram, in ns",
	.kind = PEAL_OPTION_TEXT,
	PEAL_OPTION_FIELD(hdr_path)};

static const struct peal_option *const own_options[] = {&peal_option_size, &option_rounds,
	&peal_option_mtu, &option_alone, &peal_option_link, &peal_option_to, &peal_option_device,
	&peal_option_device_args, &peal_option_idle, &peal_option_cpu_pair, &peal_option_anyway,
	&peal_option_none, &peal_option_json, &option_plot, &option_hdr, &peal_option_quiet, NULL};

static void
prepare(struct peal_benchargs *args)
{
	args->size = MESSAGE_SIZE;
	args->rounds_count = ROUNDS_COUNT;
}

static bool
complete(struct peal_benchargs *args, struct peal_sentence *error)
{
	return peal_sharedoptions_take_far(args, error) &&
	       peal_sharedoptions_check_link(args, error) &&
	       peal_sharedoptions_complete_pair(args, error);
}

const struct peal_command peal_throughput_command = {
	.name = "throughput",
	.usage = "--link ring|af_packet|memif|vhost | --to HOST --device NAME [options]",
	.brief = "reliable messages one way, as many as a channel carries",
	.about =
		"The two cores of 'peal-bench message', but the first one sends as many messages "
		"as the channel\n"
		"takes, and the second one puts each together in memory of its own. Rounds of half "
		"a second; the\n"
		"figure is the median of the rounds, by the clock of the loop that delivers. There "
		"is none when\n"
		"more than 1 % of the frames found no room on the link, or the hypervisor took "
		"more than 5 %.\n",
	.notes = peal_sharedoptions_links,
	.examples = "  peal-bench throughput --link memif\n"
		    "  peal-bench throughput --link vhost --size 65536 --rounds 9\n"
		    "  peal-bench throughput --link ring --alone --json - --quiet\n",
	.options = own_options,
	.prepare = prepare,
	.complete = complete,
	.run = run,
};
