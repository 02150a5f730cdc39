/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/messageecho.h"

#include "dataplane/dpdk/tsc.h"
#include "tools/peal-bench/ctrlc.h"
#include "tools/peal-bench/progressbar.h"
#include "tools/peal-bench/talk.h"

#include <rte_cycles.h>
#include <rte_version.h>
#include <string.h>

#define SECOND_NS UINT64_C(1000000000)
#define POLL_NS   UINT64_C(50000000)
/* A channel repeats what is lost; what does not come in this time, found no room on its way back.
 */
#define LOSS_NS SECOND_NS
/* Messages that leave in one turn at most. */
#define DUE_MAX 32U
/* Above this a message is lent and not copied: it is one at a time then, so one buffer will do. */
#define COPY_SIZE_MAX 1024U

/* The run under way on the asking side. */
struct schedule {
	uint64_t count;
	uint64_t start_at_ns;
	uint64_t interval_ns;
	uint64_t last_sent_at_ns;
	uint64_t first_seq;
	uint64_t sent_count;
	uint64_t received_count;
	bool is_running;
};

struct exchange {
	_Atomic uint64_t order; /* messages to send; 0 = done */
	_Atomic uint64_t progress_count;
	struct peal_outcome *outcome;
	uint32_t size;
	uint64_t away_max;                        /* messages sent whose replies have not come */
	bool is_lent[PEAL_BENCHARGS_SIDES_COUNT]; /* message, answer: still read by the channel */
	struct schedule schedule;
	uint8_t message[PEAL_BENCHARGS_SIZE_MAX];
	uint8_t reply[PEAL_BENCHARGS_SIZE_MAX];  /* of a large message: what came of it so far */
	uint8_t answer[PEAL_BENCHARGS_SIZE_MAX]; /* the same on the answering side */
};

static uint64_t
find_due_ns(const struct schedule *schedule, uint64_t index)
{
	return schedule->start_at_ns + index * schedule->interval_ns;
}

static void
begin_run(struct exchange *exchange, uint64_t count, uint64_t now_ns)
{
	struct schedule *schedule = &exchange->schedule;

	peal_histogram_reset(exchange->outcome->histogram);
	peal_timeline_reset(exchange->outcome->timeline, count);
	schedule->first_seq += schedule->sent_count;
	schedule->count = count;
	schedule->start_at_ns = now_ns;
	schedule->last_sent_at_ns = now_ns;
	schedule->sent_count = 0;
	schedule->received_count = 0;
	schedule->is_running = true;
}

/* Hands a whole message to the channel. */
static bool
hand_over(struct exchange *exchange, struct peal_pairmember *member, uint32_t side)
{
	const uint8_t *bytes = side == 0 ? exchange->message : exchange->answer;
	enum peal_channel_result result;

	if (exchange->size <= COPY_SIZE_MAX) {
		result = peal_channels_send(
			&member->fixed.channels, member->channel, bytes, exchange->size);
	} else {
		result = peal_channels_lend(
			&member->fixed.channels, member->channel, bytes, exchange->size, side);
		exchange->is_lent[side] = result == PEAL_CHANNEL_OK;
	}
	return result == PEAL_CHANNEL_OK;
}

static void
take_back(void *state, uint64_t token)
{
	((struct exchange *)state)->is_lent[token] = false;
}

static bool
may_send(const struct exchange *exchange)
{
	const struct schedule *schedule = &exchange->schedule;

	return schedule->sent_count < schedule->count &&
	       schedule->sent_count - schedule->received_count < exchange->away_max &&
	       !exchange->is_lent[0];
}

static uint32_t
send_due(struct exchange *exchange, struct peal_pairmember *member, uint64_t now_ns)
{
	struct schedule *schedule = &exchange->schedule;
	uint32_t count = 0;

	while (count < DUE_MAX && may_send(exchange) &&
		find_due_ns(schedule, schedule->sent_count) <= now_ns) {
		uint64_t seq = schedule->first_seq + schedule->sent_count;

		memcpy(exchange->message, &seq, sizeof(seq));
		if (!hand_over(exchange, member, 0)) {
			break; /* no room yet: it is late, and counts as such */
		}
		schedule->sent_count++;
		schedule->last_sent_at_ns = now_ns;
		count++;
	}
	return count;
}

/* What the asking side waits for: the next departure, a reply, or the end of the last one's time.
 */
static uint64_t
find_deadline_ns(const void *state)
{
	const struct exchange *exchange = state;
	const struct schedule *schedule = &exchange->schedule;

	if (schedule->is_running && schedule->sent_count == schedule->count) {
		return schedule->last_sent_at_ns + LOSS_NS;
	}
	return schedule->is_running && may_send(exchange)
		       ? find_due_ns(schedule, schedule->sent_count)
		       : UINT64_MAX;
}

static uint32_t
ask(void *state, struct peal_pairmember *member, uint64_t now_ns)
{
	struct exchange *exchange = state;
	struct schedule *schedule = &exchange->schedule;
	uint64_t order = atomic_load_explicit(&exchange->order, memory_order_acquire);

	if (schedule->is_running &&
		(schedule->received_count == schedule->count ||
			(schedule->sent_count == schedule->count &&
				schedule->last_sent_at_ns + LOSS_NS <= now_ns))) {
		schedule->is_running = false;
		atomic_store_explicit(&exchange->order, 0, memory_order_release);
		return 1;
	}
	if (!schedule->is_running) {
		if (order == 0) {
			return 0;
		}
		begin_run(exchange, order, now_ns);
	}
	return send_due(exchange, member, now_ns);
}

/* Puts a part of a message where it belongs. True when it was the last one. */
static bool
assemble(uint8_t *whole, uint32_t size, const struct peal_delivery *delivery)
{
	PEAL_ASSERT(delivery->message_size == size);
	memcpy(whole + delivery->offset, delivery->bytes, delivery->size);
	return delivery->offset + delivery->size == size;
}

static void
take_reply(void *state, struct peal_pairmember *member, const struct peal_delivery *delivery)
{
	struct exchange *exchange = state;
	struct schedule *schedule = &exchange->schedule;
	uint64_t seq, due_at_ns, now_ns, took_ns;

	(void)member;
	if (!assemble(exchange->reply, exchange->size, delivery)) {
		return;
	}
	memcpy(&seq, exchange->reply, sizeof(seq));
	/* One of a run that was given up is of no interest. */
	if (seq < schedule->first_seq) {
		return;
	}
	PEAL_ASSERT(seq - schedule->first_seq == schedule->received_count);
	/* Here the application has it, whatever else this turn still does. */
	due_at_ns = find_due_ns(schedule, schedule->received_count);
	now_ns = peal_tsc_now_ns();
	took_ns = now_ns > due_at_ns ? now_ns - due_at_ns : 0;
	peal_histogram_record(exchange->outcome->histogram, took_ns);
	peal_timeline_record(exchange->outcome->timeline, schedule->received_count, took_ns);
	schedule->received_count++;
	atomic_store_explicit(
		&exchange->progress_count, schedule->received_count, memory_order_relaxed);
}

static void
answer(void *state, struct peal_pairmember *member, const struct peal_delivery *delivery)
{
	struct exchange *exchange = state;
	bool is_taken;

	/* The next message comes after its reply was acknowledged, or is small and was copied. */
	PEAL_ASSERT(!exchange->is_lent[1]);
	if (!assemble(exchange->answer, exchange->size, delivery)) {
		return;
	}
	/* No more are away than fit the queue, even if no acknowledgement comes for a while. */
	is_taken = hand_over(exchange, member, 1);
	PEAL_ASSERT(is_taken);
}

/* Gives an order and waits for its end. False with a sentence, empty when Ctrl-C came. */
static bool
carry_out(struct exchange *exchange, struct peal_talk *talk, uint64_t count, const char *what,
	struct peal_sentence *error)
{
	struct peal_progressbar bar;
	bool is_well = true;

	peal_progressbar_init(&bar, !talk->play->args->is_quiet);
	atomic_store_explicit(&exchange->progress_count, 0, memory_order_relaxed);
	atomic_store_explicit(&exchange->order, count, memory_order_release);
	peal_talk_ring();
	while (is_well && atomic_load_explicit(&exchange->order, memory_order_acquire) != 0) {
		peal_progressbar_show(&bar, what,
			atomic_load_explicit(&exchange->progress_count, memory_order_relaxed),
			count);
		peal_ctrlc_sleep(POLL_NS);
		is_well = peal_talk_is_well(talk, error);
	}
	peal_progressbar_clear(&bar);
	return is_well;
}

static bool
measure(void *state, struct peal_talk *talk, struct peal_sentence *error)
{
	struct exchange *exchange = state;
	struct peal_outcome *outcome = exchange->outcome;
	const struct peal_benchargs *args = outcome->args;
	struct peal_machine_watch watch;
	uint64_t gaps_before;

	if (!carry_out(exchange, talk, peal_stage_warm_up_count(args), "warming up", error)) {
		return false;
	}
	if (!peal_talk_find_path(talk, &outcome->path_mtu, error)) {
		return false;
	}
	gaps_before = peal_talk_gaps_count(talk);
	peal_machine_begin(&watch, args->cpus, talk->stage.clocks);
	if (!carry_out(exchange, talk, args->count, "round trips", error)) {
		return false;
	}
	peal_machine_end(&watch, &outcome->bill);
	outcome->gaps_count = peal_talk_gaps_count(talk) - gaps_before;
	outcome->longest_gap_ns = peal_talk_longest_gap_ns(talk);
	outcome->sent_count = exchange->schedule.sent_count;
	outcome->received_count = exchange->schedule.received_count;
	outcome->aead_name = talk->aead_name;
	outcome->tsc_hz = rte_get_tsc_hz();
	outcome->dpdk_name = rte_version();
	outcome->line_rtt_ns = talk->stage.line_rtt_ns;
	return true;
}

bool
peal_messageecho_run(struct peal_outcome *outcome_out, struct peal_sentence *error)
{
	static struct exchange exchange; /* the loops use it until they have stopped */
	const struct peal_talk_play play = {
		.args = outcome_out->args,
		.is_coalescing = true,
		.parts =
			{
				{.step = ask,
					.find_deadline_ns = find_deadline_ns,
					.user = {.deliver = take_reply,
						.release = take_back,
						.state = &exchange}},
				{.user = {.deliver = answer,
					 .release = take_back,
					 .state = &exchange}},
			},
		.measure = measure,
		.state = &exchange,
	};

	exchange.outcome = outcome_out;
	exchange.size = outcome_out->args->size;
	exchange.away_max = exchange.size > COPY_SIZE_MAX
				    ? 1U
				    : PEAL_PAIRMEMBER_QUEUE_SIZE / 4U / (exchange.size + 16U);
	exchange.schedule.interval_ns = outcome_out->args->interval_ns;
	outcome_out->message_size = exchange.size;
	return peal_talk_run(&play, error);
}
