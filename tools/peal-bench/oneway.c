/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/oneway.h"

#include "dataplane/dpdk/tsc.h"
#include "tools/benchlib/clockpair.h"
#include "tools/benchlib/farclock.h"
#include "tools/peal-bench/ctrlc.h"
#include "tools/peal-bench/curve.h"
#include "tools/peal-bench/outcome.h"
#include "tools/peal-bench/progressbar.h"
#include "tools/peal-bench/refusal.h"
#include "tools/peal-bench/sharedoptions.h"
#include "tools/peal-bench/talk.h"

#include <inttypes.h>
#include <rte_cycles.h>
#include <rte_version.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_NS    UINT64_C(1000000000)
#define POLL_NS      UINT64_C(50000000)
#define MESSAGE_SIZE 64U
/* Every arrival is kept until the end. */
#define COUNT_MAX UINT64_C(10000000)
/* A channel repeats what is lost; what does not come in this time is missing. */
#define LOSS_NS SECOND_NS
/* Messages that leave in one turn at most. */
#define DUE_MAX 32U
/* Above this a message is lent and not copied, and so many are away at once. */
#define COPY_SIZE_MAX 1024U
#define LOANS_MAX     8U
/* Messages to another machine whose answers have not come. Those fit the queue of a channel. */
#define AWAY_MAX 2048U

/* Written by the side that receives, read by both processes. */
struct arrivals {
	_Atomic uint64_t count;
	_Atomic uint64_t wrong_count; /* messages that were not the next one */
	uint64_t at[];                /* cycles, by number */
};

/* Messages that leave on one schedule. */
struct run {
	uint64_t first_number;
	uint64_t count;
	uint64_t start_at; /* cycles */
	uint64_t sent_count;
	uint64_t last_sent_at;
	bool is_running;
};

/* What another machine answers: when it was given a message, and when it said so. */
struct answer {
	uint64_t number;
	uint64_t came_at_ns;
	uint64_t answered_at_ns;
};

struct passage {
	_Atomic uint64_t order; /* messages to send; 0 = done */
	struct peal_outcome *outcome;
	uint32_t size;
	uint64_t cycles_hz;
	struct arrivals *arrivals;
	bool is_far;
	/* asking loop */
	struct run run;
	struct peal_farclock_probe *probes; /* far: of every message */
	uint32_t loans_count;
	uint8_t *bytes; /* [LOANS_MAX][size] */
	/* answering loop */
	uint64_t awaited;
	uint8_t whole[PEAL_BENCHARGS_SIZE_MAX];
};

static uint64_t
to_cycles(const struct passage *passage, uint64_t ns)
{
	return (uint64_t)((unsigned __int128)ns * passage->cycles_hz / SECOND_NS);
}

static uint64_t
to_ns(const struct passage *passage, uint64_t cycles)
{
	return (uint64_t)((unsigned __int128)cycles * SECOND_NS / passage->cycles_hz);
}

/* When a message of the run is meant to leave. */
static uint64_t
find_due(const struct passage *passage, const struct run *run, uint64_t index)
{
	return run->start_at + to_cycles(passage, index * passage->outcome->args->interval_ns);
}

/* False: there is no room yet, so it is late, and counts as such. */
static bool
hand_over(struct passage *passage, struct peal_pairmember *member)
{
	uint64_t number = passage->run.first_number + passage->run.sent_count;
	uint8_t *bytes = passage->bytes + (size_t)(number % LOANS_MAX) * passage->size;
	bool is_lent = passage->size > COPY_SIZE_MAX;

	if (is_lent && passage->loans_count == LOANS_MAX) {
		return false;
	}
	memcpy(bytes, &number, sizeof(number));
	if (passage->is_far) {
		if (number - atomic_load(&passage->arrivals->count) >= AWAY_MAX) {
			return false;
		}
		passage->probes[number].left_at_ns = to_ns(passage, rte_rdtsc());
	}
	if ((is_lent ? peal_channels_lend(&member->fixed.channels, member->channel, bytes,
			       passage->size, number)
		     : peal_channels_send(&member->fixed.channels, member->channel, bytes,
			       passage->size)) != PEAL_CHANNEL_OK) {
		return false;
	}
	passage->loans_count += is_lent;
	return true;
}

static void
take_back(void *state, uint64_t token)
{
	struct passage *passage = state;

	(void)token;
	PEAL_ASSERT(passage->loans_count > 0);
	passage->loans_count--;
}

static uint32_t
send_due(struct passage *passage, struct peal_pairmember *member, uint64_t now)
{
	struct run *run = &passage->run;
	uint32_t count = 0;

	while (count < DUE_MAX && run->sent_count < run->count &&
		find_due(passage, run, run->sent_count) <= now && hand_over(passage, member)) {
		run->sent_count++;
		run->last_sent_at = now;
		count++;
	}
	return count;
}

static bool
has_arrived(const struct passage *passage)
{
	return atomic_load_explicit(&passage->arrivals->count, memory_order_acquire) >=
	       passage->run.first_number + passage->run.count;
}

static uint32_t
ask(void *state, struct peal_pairmember *member, uint64_t now_ns)
{
	struct passage *passage = state;
	struct run *run = &passage->run;
	uint64_t order = atomic_load_explicit(&passage->order, memory_order_acquire);
	uint64_t now = rte_rdtsc();

	(void)now_ns;
	if (run->is_running && run->sent_count == run->count &&
		(has_arrived(passage) || now - run->last_sent_at > to_cycles(passage, LOSS_NS))) {
		run->is_running = false;
		atomic_store_explicit(&passage->order, 0, memory_order_release);
		return 1;
	}
	if (!run->is_running) {
		if (order == 0) {
			return 0;
		}
		*run = (struct run){.first_number = run->first_number + run->sent_count,
			.count = order,
			.start_at = now,
			.last_sent_at = now,
			.is_running = true};
	}
	return send_due(passage, member, now);
}

/* The next departure; or soon, when it waits for the other side to have it all. */
static uint64_t
find_deadline_ns(const void *state)
{
	const struct passage *passage = state;
	const struct run *run = &passage->run;
	uint64_t now = rte_rdtsc(), due;

	if (!run->is_running) {
		return UINT64_MAX;
	}
	if (run->sent_count == run->count) {
		return peal_tsc_now_ns() + POLL_NS;
	}
	due = find_due(passage, run, run->sent_count);
	return peal_tsc_now_ns() + (due > now ? to_ns(passage, due - now) : 0);
}

/* Of another machine: a message has come there. */
static void
take_answer(void *state, struct peal_pairmember *member, const struct peal_delivery *delivery)
{
	struct passage *passage = state;
	uint64_t count = atomic_load_explicit(&passage->arrivals->count, memory_order_relaxed);
	uint64_t now = rte_rdtsc();
	struct answer answer;

	(void)member;
	if (!passage->is_far || delivery->message_size != sizeof(answer) ||
		delivery->size != sizeof(answer)) {
		return;
	}
	memcpy(&answer, delivery->bytes, sizeof(answer));
	if (answer.number != count) {
		atomic_fetch_add_explicit(
			&passage->arrivals->wrong_count, 1U, memory_order_relaxed);
		return;
	}
	passage->probes[count].came_at_ns = answer.came_at_ns;
	passage->probes[count].answered_at_ns = answer.answered_at_ns;
	passage->probes[count].back_at_ns = to_ns(passage, now);
	atomic_store_explicit(&passage->arrivals->count, count + 1U, memory_order_release);
}

/* On another machine: says when it came, over the same channel. */
static void
answer_far(struct passage *passage, struct peal_pairmember *member, uint64_t came_at)
{
	struct answer answer;
	enum peal_channel_result result;

	passage->cycles_hz = rte_get_tsc_hz();
	answer.came_at_ns = to_ns(passage, came_at);
	memcpy(&answer.number, passage->whole, sizeof(answer.number));
	answer.answered_at_ns = to_ns(passage, rte_rdtsc());
	result = peal_channels_send(
		&member->fixed.channels, member->channel, (const uint8_t *)&answer, sizeof(answer));
	/* No more are away than fit the queue, unless the caller is no peal-bench. */
	if (result != PEAL_CHANNEL_OK) {
		member->is_ended = true;
	}
}

static void
take(void *state, struct peal_pairmember *member, const struct peal_delivery *delivery)
{
	struct passage *passage = state;
	struct arrivals *arrivals = passage->arrivals;
	uint64_t number, now = rte_rdtsc();

	PEAL_ASSERT(delivery->message_size == passage->size);
	memcpy(passage->whole + delivery->offset, delivery->bytes, delivery->size);
	if (delivery->offset + delivery->size < passage->size) {
		return;
	}
	/* Here the application has it, whatever else this turn still does. */
	if (passage->is_far) {
		answer_far(passage, member, now);
		return;
	}
	arrivals->at[passage->awaited] = now;
	memcpy(&number, passage->whole, sizeof(number));
	if (number != passage->awaited) {
		atomic_fetch_add_explicit(&arrivals->wrong_count, 1U, memory_order_relaxed);
	}
	passage->awaited++;
	atomic_store_explicit(&arrivals->count, passage->awaited, memory_order_release);
}

/* Gives an order and waits for its end. False with a sentence, empty when Ctrl-C came. */
static bool
carry_out(struct passage *passage, struct peal_talk *talk, uint64_t count, const char *what,
	struct peal_sentence *error)
{
	uint64_t before = atomic_load_explicit(&passage->arrivals->count, memory_order_relaxed);
	struct peal_progressbar bar;
	bool is_well = true;

	peal_progressbar_init(&bar, !talk->play->args->is_quiet);
	atomic_store_explicit(&passage->order, count, memory_order_release);
	peal_talk_ring();
	while (is_well && atomic_load_explicit(&passage->order, memory_order_acquire) != 0) {
		uint64_t done =
			atomic_load_explicit(&passage->arrivals->count, memory_order_relaxed) -
			before;

		peal_progressbar_show(&bar, what, done < count ? done : count, count);
		peal_ctrlc_sleep(POLL_NS);
		is_well = peal_talk_is_well(talk, error);
	}
	peal_progressbar_clear(&bar);
	return is_well;
}

static void
record(struct peal_outcome *outcome, uint64_t index, uint64_t took_ns)
{
	peal_histogram_record(outcome->histogram, took_ns);
	peal_timeline_record(outcome->timeline, index, took_ns);
}

/* Times of the run, as far as they came, by the clocks as they are. */
static void
collect(struct passage *passage, const struct run *run)
{
	struct peal_outcome *outcome = passage->outcome;
	uint64_t arrived = atomic_load_explicit(&passage->arrivals->count, memory_order_acquire) -
			   run->first_number;

	outcome->sent_count = run->sent_count;
	outcome->received_count = arrived < run->count ? arrived : run->count;
	for (uint64_t i = 0; i < outcome->received_count && !passage->is_far; i++) {
		uint64_t at = passage->arrivals->at[run->first_number + i];
		uint64_t due = find_due(passage, run, i);

		record(outcome, i, at > due ? to_ns(passage, at - due) : 0);
	}
}

/*
 * The same of another machine, by its clock as the messages before, in and after the run show it.
 * Once more as many messages as warmed up.
 */
static bool
collect_far(struct passage *passage, const struct run *run, struct peal_talk *talk,
	struct peal_sentence *error)
{
	struct peal_outcome *outcome = passage->outcome;
	uint64_t tail_count = peal_stage_warm_up_count(outcome->args);
	struct peal_farclock clock;

	if (outcome->received_count < run->count) {
		return true; /* is refused for that */
	}
	if (!carry_out(passage, talk, tail_count, "comparing the clocks", error)) {
		return false;
	}
	if (!has_arrived(passage)) {
		return peal_refusal_set(error, "the messages after the run did not come");
	}
	peal_farclock_fit(&clock, passage->probes, run->first_number + run->count + tail_count,
		run->first_number, tail_count);
	for (uint64_t i = 0; i < run->count; i++) {
		double at_ns = peal_farclock_translate(
			&clock, passage->probes[run->first_number + i].came_at_ns);
		double after_ns = at_ns - (double)to_ns(passage, find_due(passage, run, i));

		record(outcome, i, after_ns > 0.0 ? (uint64_t)after_ns : 0);
	}
	outcome->is_far = true;
	outcome->clock_ahead_ns = clock.ahead_ns;
	outcome->clock_drift = clock.drift;
	outcome->clock_error_ns = clock.error_ns;
	return true;
}

static bool
measure(void *state, struct peal_talk *talk, struct peal_sentence *error)
{
	struct passage *passage = state;
	struct run run;
	struct peal_outcome *outcome = passage->outcome;
	const struct peal_benchargs *args = outcome->args;
	struct peal_machine_watch watch;
	uint64_t gaps_before;

	passage->cycles_hz = rte_get_tsc_hz();
	if (!carry_out(passage, talk, peal_stage_warm_up_count(args), "warming up", error)) {
		return false;
	}
	if (!peal_talk_find_path(talk, &outcome->path_mtu, error)) {
		return false;
	}
	gaps_before = peal_talk_gaps_count(talk);
	peal_machine_begin(&watch, args->cpus, talk->stage.clocks);
	if (!carry_out(passage, talk, args->count, "messages", error)) {
		return false;
	}
	peal_machine_end(&watch, &outcome->bill);
	outcome->gaps_count = peal_talk_gaps_count(talk) - gaps_before;
	outcome->longest_gap_ns = peal_talk_longest_gap_ns(talk);
	outcome->aead_name = talk->aead_name;
	outcome->tsc_hz = passage->cycles_hz;
	outcome->dpdk_name = rte_version();
	outcome->line_rtt_ns = talk->stage.line_rtt_ns;
	run = passage->run;
	collect(passage, &run);
	return !passage->is_far || collect_far(passage, &run, talk, error);
}

/*
 * What the two counters can differ by, from bounds before and after. They are one clock when no
 * bound says otherwise; then the difference is nothing, and its error how far it could be.
 */
static bool
judge_clocks(
	struct passage *passage, const struct peal_clockpair bounds[2], struct peal_sentence *error)
{
	struct peal_clockpair both = bounds[0];
	uint64_t cycles;

	peal_clockpair_join(&both, &bounds[1]);
	if (!peal_clockpair_is_one(&both, &cycles)) {
		return peal_refusal_set(error,
			"the time stamp counters of the two CPUs are not one clock: the second is "
			"between %" PRId64 " and %" PRId64 " cycles ahead",
			both.low, both.high);
	}
	passage->outcome->clock_error_ns = (double)to_ns(passage, cycles);
	return true;
}

static bool
play(struct passage *passage, const struct peal_benchargs *args, struct peal_sentence *error)
{
	const struct peal_talk_play play = {
		.args = args,
		.is_coalescing = true,
		.parts =
			{
				{.step = ask,
					.find_deadline_ns = find_deadline_ns,
					.user = {.deliver = take_answer,
						.release = take_back,
						.state = passage}},
				{.user = {.deliver = take, .state = passage}},
			},
		.measure = measure,
		.state = passage,
	};
	struct peal_clockpair bounds[2];

	if (passage->is_far) {
		return peal_talk_run(&play, error);
	}
	if (!peal_clockpair_measure(args->cpus, peal_ctrlc_has_come, &bounds[0]) ||
		!peal_talk_run(&play, error)) {
		return false;
	}
	return peal_clockpair_measure(args->cpus, peal_ctrlc_has_come, &bounds[1]) &&
	       judge_clocks(passage, bounds, error);
}

static bool
run(const struct peal_benchargs *args, struct peal_sentence *error)
{
	static struct peal_histogram histogram;
	static struct peal_timeline timeline;
	static struct passage passage; /* the loops use it until they have stopped */
	static struct peal_outcome outcome;
	uint64_t count = args->count + 2U * peal_stage_warm_up_count(args);
	bool is_good;

	error->text[0] = '\0';
	if (args->plot_path != NULL && !peal_curve_can_draw(error)) {
		return false;
	}
	outcome = (struct peal_outcome){.args = args,
		.histogram = &histogram,
		.timeline = &timeline,
		.message_size = args->size,
		.is_one_way = true};
	peal_histogram_reset(&histogram);
	peal_timeline_reset(&timeline, args->count);
	passage.outcome = &outcome;
	passage.size = args->size;
	passage.bytes = calloc(LOANS_MAX, args->size);
	passage.arrivals = peal_stage_share(sizeof(*passage.arrivals) + count * sizeof(uint64_t));
	passage.is_far = args->link == PEAL_BENCHARGS_FAR;
	passage.probes = calloc(passage.is_far ? count : 1U, sizeof(*passage.probes));
	if (passage.bytes == NULL || passage.arrivals == NULL || passage.probes == NULL) {
		free(passage.bytes);
		free(passage.probes);
		return peal_sentence_set(error, "there is no memory left");
	}
	is_good = play(&passage, args, error);
	free(passage.bytes);
	free(passage.probes);
	if (!is_good && error->text[0] == '\0' && !peal_ctrlc_has_come()) {
		return peal_refusal_set(error,
			"CPU %d and CPU %d had too little time beside each "
			"other to compare their clocks",
			args->cpus[0], args->cpus[1]);
	}
	if (is_good && atomic_load(&passage.arrivals->wrong_count) > 0) {
		return peal_refusal_set(error, "messages were not the next one");
	}
	return is_good && peal_outcome_deliver(&outcome, error);
}

static const struct peal_option option_count = {.name = "count",
	.value = "N",
	.help = "messages to measure, up to 10000000 (default: 100000; shared: 10000)",
	.kind = PEAL_OPTION_NUMBER,
	PEAL_OPTION_FIELD(count),
	.min = 1,
	.max = COUNT_MAX};

static const struct peal_option *const own_options[] = {&peal_option_size, &peal_option_mtu,
	&peal_option_link, &peal_option_to, &peal_option_device, &peal_option_device_args,
	&option_count, &peal_option_interval, &peal_option_rate, &peal_option_idle,
	&peal_option_cpu_pair, &peal_option_anyway, &peal_option_none, &peal_option_json,
	&peal_option_plot, &peal_option_hdr, &peal_option_percentiles, &peal_option_quiet, NULL};

static void
prepare(struct peal_benchargs *args)
{
	args->size = MESSAGE_SIZE;
}

static bool
complete(struct peal_benchargs *args, struct peal_sentence *error)
{
	if (!peal_sharedoptions_take_far(args, error) ||
		!peal_sharedoptions_check_link(args, error)) {
		return false;
	}
	peal_sharedoptions_complete_schedule(args);
	return peal_sharedoptions_complete_pair(args, error);
}

const struct peal_command peal_oneway_command = {
	.name = "oneway",
	.usage = "--link ring|af_packet|memif|vhost | --to HOST --device NAME [options]",
	.brief = "reliable messages one way, and by how much the two clocks can differ",
	.about =
		"The two cores of 'peal-bench message', but nothing comes back: the second side "
		"writes down when it\n"
		"was given each message. A time counts from the instant at which the message was "
		"meant to leave, by\n"
		"the clock of the CPU that sends, to the delivery, by that of the other CPU.\n"
		"\n"
		"Both read the time stamp counter. Before and after the run the two CPUs hand a "
		"cache line to and fro\n"
		"twenty thousand times and note when: what left at t1, was seen at t2 and was back "
		"at t3 proves that\n"
		"the second counter is ahead by t2 - t3 at least and t2 - t1 at most. The tightest "
		"of these bounds\n"
		"stands beside the figures as their error. There is no figure when the bounds show "
		"two clocks, or\n"
		"when the median is smaller than its error.\n"
		"\n"
		"With --to the other machine answers each message over the same channel and says "
		"when it came. The\n"
		"shortest of these round trips before and after the run show how far its clock is "
		"ahead, and how it\n"
		"drifts; the error is half of the longer of the two, and by how much any message "
		"of "
		"the run contradicts\n"
		"the line between them. It cannot be smaller than the way is long, where ways are "
		"as "
		"long as each other.\n",
	.notes = peal_sharedoptions_links,
	.examples = "  peal-bench oneway --link memif\n"
		    "  peal-bench oneway --link vhost --rate 10000 --hdr oneway.hdr\n"
		    "  peal-bench oneway --link ring --json - --quiet | jq "
		    "'.p50_ns, .clock_error_ns'\n",
	.options = own_options,
	.prepare = prepare,
	.complete = complete,
	.run = run,
};
