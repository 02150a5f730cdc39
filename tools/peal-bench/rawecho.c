/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/rawecho.h"

#include "runtime/runtime.h"
#include "tools/peal-bench/ctrlc.h"
#include "tools/peal-bench/progressbar.h"
#include "tools/peal-bench/rawport.h"
#include "tools/peal-bench/stage.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_launch.h>
#include <rte_mbuf.h>
#include <rte_pause.h>
#include <rte_udp.h>
#include <rte_version.h>
#include <stdalign.h>
#include <string.h>

#define SECOND_NS  UINT64_C(1000000000)
#define BURST_MAX  32U
#define LOSS_NS    SECOND_NS
#define POLL_NS    UINT64_C(50000000)
#define MARK       UINT64_C(0x6f68636577617221)
#define UDP_PORT   7400U
#define RATE_SHIFT 32U

/* What travels behind Ethernet, IPv4 and UDP; as long as a liveness frame of Peal. */
struct __attribute__((packed, aligned(2))) body {
	uint64_t mark;
	uint64_t seq;
	uint8_t rest[48];
};

struct frame {
	struct rte_ether_hdr ether;
	struct rte_ipv4_hdr ipv4;
	struct rte_udp_hdr udp;
	struct body body;
};

_Static_assert(sizeof(struct frame) == PEAL_OUTCOME_FRAME_SIZE, "as large as an echo of Peal");

struct side {
	alignas(64) uint16_t port_id;
	bool is_spinning;
	_Atomic bool
		is_stopping; /* one a side: nothing else is written to this line by the other */
	uint64_t gap_cycles;
	uint64_t rate; /* nanoseconds per cycle, 32.32 fixed point */
	_Atomic uint64_t gaps_count;
	_Atomic uint64_t longest_gap_cycles;
	struct peal_doorbell *rings; /* of the other side when it may sleep on a ring; or NULL */
	struct peal_idle idle;       /* used with shared CPUs only */
	struct peal_doorbell doorbell;
};

/* The run under way on the asking side. */
struct schedule {
	uint64_t count;
	uint64_t start; /* all in cycles */
	uint64_t interval_cycles;
	uint64_t last_sent;
	uint64_t first_seq;
	uint64_t sent_count;
	uint64_t received_count;
	uint32_t taken_count;
	uint64_t taken_due[BURST_MAX]; /* of replies of the last turn */
	uint64_t taken_index[BURST_MAX];
};

struct exchange {
	alignas(64) _Atomic uint64_t order; /* echoes to send; 0 = done */
	_Atomic uint64_t progress_count;
	bool is_quiet;
	struct rte_mempool *pool;
	struct peal_histogram *histogram;
	struct peal_timeline *timeline;
	struct peal_stage *stage; /* of either process at the same address */
	struct frame frame;       /* of an echo */
	struct schedule schedule;
	uint64_t loss_cycles;
	struct side sides[PEAL_BENCHARGS_SIDES_COUNT];
};

static uint64_t
to_ns(const struct side *side, uint64_t cycles)
{
	return (uint64_t)(((unsigned __int128)cycles * side->rate) >> RATE_SHIFT);
}

static void
note_gap(struct side *side, uint64_t cycles)
{
	if (cycles > side->gap_cycles) {
		atomic_fetch_add_explicit(&side->gaps_count, 1U, memory_order_relaxed);
	}
	if (cycles > atomic_load_explicit(&side->longest_gap_cycles, memory_order_relaxed)) {
		atomic_store_explicit(&side->longest_gap_cycles, cycles, memory_order_relaxed);
	}
}

/* Idles when there was no work, then reads the clock for the next turn. */
static uint64_t
finish_turn(struct side *side, bool was_busy, uint64_t deadline_cycles, uint64_t before)
{
	bool has_slept = false;
	uint64_t now;

	if (side->is_spinning) {
		if (!was_busy) {
			rte_pause();
		}
	} else if (was_busy) {
		peal_idle_reset(&side->idle);
	} else {
		enum peal_idle_rung rung = peal_idle_step(
			&side->idle, to_ns(side, deadline_cycles), to_ns(side, before));

		has_slept = rung == PEAL_IDLE_YIELD || rung == PEAL_IDLE_WAIT;
	}
	now = rte_rdtsc();
	if (!has_slept) {
		note_gap(side, now - before);
	}
	return now;
}

static void
transmit(const struct side *side, struct rte_mbuf **mbufs, uint16_t count)
{
	uint16_t sent = count == 0 ? 0 : rte_eth_tx_burst(side->port_id, 0, mbufs, count);

	if (sent < count) {
		rte_pktmbuf_free_bulk(mbufs + sent, (unsigned int)(count - sent));
	}
	if (sent > 0 && side->rings != NULL) {
		peal_doorbell_ring(side->rings);
	}
}

static bool
is_echo(const struct rte_mbuf *mbuf)
{
	return mbuf->pkt_len == sizeof(struct frame) &&
	       rte_pktmbuf_mtod(mbuf, const struct frame *)->body.mark == MARK;
}

static int
answer(void *argument)
{
	struct exchange *exchange = argument;
	struct side *side = &exchange->sides[1];
	uint64_t now;

	if (!side->is_spinning) {
		peal_idle_enter(&side->idle);
	}
	peal_stage_enter(exchange->stage);
	now = rte_rdtsc();
	while (!atomic_load_explicit(&side->is_stopping, memory_order_relaxed)) {
		struct rte_mbuf *mbufs[BURST_MAX];
		uint16_t count = rte_eth_rx_burst(side->port_id, 0, mbufs, BURST_MAX);
		uint16_t kept = 0;

		for (uint16_t i = 0; i < count; i++) {
			struct rte_ether_hdr *ether =
				rte_pktmbuf_mtod(mbufs[i], struct rte_ether_hdr *);
			struct rte_ether_addr from = ether->src_addr;

			if (!is_echo(mbufs[i])) {
				rte_pktmbuf_free(mbufs[i]);
				continue;
			}
			ether->src_addr = ether->dst_addr;
			ether->dst_addr = from;
			mbufs[kept++] = mbufs[i];
		}
		transmit(side, mbufs, kept);
		now = finish_turn(side, count > 0, UINT64_MAX, now);
	}
	return 0;
}

/* The instant at which echo `index` of the run is meant to leave. */
static uint64_t
find_due(const struct schedule *schedule, uint64_t index)
{
	return schedule->start + index * schedule->interval_cycles;
}

/* The order of the main thread becomes the run under way. */
static void
begin_run(struct exchange *exchange, uint64_t count, uint64_t now)
{
	struct schedule *schedule = &exchange->schedule;

	peal_histogram_reset(exchange->histogram);
	peal_timeline_reset(exchange->timeline, count);
	schedule->first_seq += schedule->sent_count;
	schedule->count = count;
	schedule->start = now;
	schedule->last_sent = now;
	schedule->sent_count = 0;
	schedule->received_count = 0;
	schedule->taken_count = 0;
}

static void
record_taken(struct exchange *exchange, uint64_t now)
{
	struct schedule *schedule = &exchange->schedule;

	for (uint32_t i = 0; i < schedule->taken_count; i++) {
		uint64_t took_ns = to_ns(&exchange->sides[0], now - schedule->taken_due[i]);

		peal_histogram_record(exchange->histogram, took_ns);
		peal_timeline_record(exchange->timeline, schedule->taken_index[i], took_ns);
	}
	schedule->received_count += schedule->taken_count;
	schedule->taken_count = 0;
	atomic_store_explicit(
		&exchange->progress_count, schedule->received_count, memory_order_relaxed);
}

static uint16_t
take_replies(struct exchange *exchange)
{
	struct schedule *schedule = &exchange->schedule;
	struct rte_mbuf *mbufs[BURST_MAX];
	uint16_t count = rte_eth_rx_burst(exchange->sides[0].port_id, 0, mbufs, BURST_MAX);

	for (uint16_t i = 0; i < count; i++) {
		const struct frame *frame = rte_pktmbuf_mtod(mbufs[i], const struct frame *);
		uint64_t index;

		if (is_echo(mbufs[i])) {
			index = frame->body.seq - schedule->first_seq;
			/* One of an earlier run is far above. */
			if (index < schedule->sent_count) {
				schedule->taken_due[schedule->taken_count] =
					find_due(schedule, index);
				schedule->taken_index[schedule->taken_count++] = index;
			}
		}
		rte_pktmbuf_free(mbufs[i]);
	}
	return count;
}

static uint16_t
send_due(struct exchange *exchange, uint64_t now)
{
	struct schedule *schedule = &exchange->schedule;
	struct rte_mbuf *mbufs[BURST_MAX];
	uint16_t count = 0;

	while (count < BURST_MAX && schedule->sent_count < schedule->count &&
		find_due(schedule, schedule->sent_count) <= now) {
		struct rte_mbuf *mbuf = rte_pktmbuf_alloc(exchange->pool);
		struct frame *frame;

		if (mbuf == NULL) {
			break;
		}
		frame = rte_pktmbuf_mtod(mbuf, struct frame *);
		*frame = exchange->frame;
		frame->body.seq = schedule->first_seq + schedule->sent_count++;
		mbuf->data_len = sizeof(struct frame);
		mbuf->pkt_len = sizeof(struct frame);
		mbufs[count++] = mbuf;
	}
	if (count > 0) {
		schedule->last_sent = now;
		transmit(&exchange->sides[0], mbufs, count);
	}
	return count;
}

/* What the asking side waits for: the next departure, or the end of the last reply's time. */
static uint64_t
find_deadline(const struct exchange *exchange)
{
	const struct schedule *schedule = &exchange->schedule;

	return schedule->sent_count < schedule->count ? find_due(schedule, schedule->sent_count)
						      : schedule->last_sent + exchange->loss_cycles;
}

static int
ask(void *argument)
{
	struct exchange *exchange = argument;
	struct side *side = &exchange->sides[0];
	struct schedule *schedule = &exchange->schedule;
	bool is_running = false;
	uint64_t now;

	if (!side->is_spinning) {
		peal_idle_enter(&side->idle);
	}
	peal_stage_enter(exchange->stage);
	now = rte_rdtsc();
	while (!atomic_load_explicit(&side->is_stopping, memory_order_relaxed)) {
		uint64_t order = atomic_load_explicit(&exchange->order, memory_order_acquire);
		uint16_t work;

		if (!is_running && order != 0) {
			begin_run(exchange, order, now);
			is_running = true;
		} else if (schedule->taken_count > 0) {
			record_taken(exchange, now);
		}
		work = take_replies(exchange);
		work = (uint16_t)(work + send_due(exchange, now));
		if (is_running && schedule->taken_count == 0 &&
			(schedule->received_count == schedule->count ||
				find_deadline(exchange) <= now)) {
			is_running = schedule->sent_count < schedule->count;
			if (!is_running) {
				atomic_store_explicit(&exchange->order, 0, memory_order_release);
			}
		}
		now = finish_turn(
			side, work > 0, is_running ? find_deadline(exchange) : UINT64_MAX, now);
	}
	return 0;
}

static void
make_frame(struct exchange *exchange, uint8_t macs[][6])
{
	struct frame *frame = &exchange->frame;

	memset(frame, 0, sizeof(*frame));
	memcpy(frame->ether.src_addr.addr_bytes, macs[0], RTE_ETHER_ADDR_LEN);
	memcpy(frame->ether.dst_addr.addr_bytes, macs[1], RTE_ETHER_ADDR_LEN);
	frame->ether.ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
	frame->ipv4.version_ihl = RTE_IPV4_VHL_DEF;
	frame->ipv4.total_length =
		rte_cpu_to_be_16((uint16_t)(sizeof(*frame) - sizeof(frame->ether)));
	frame->ipv4.time_to_live = 64;
	frame->ipv4.next_proto_id = IPPROTO_UDP;
	frame->ipv4.src_addr = rte_cpu_to_be_32(RTE_IPV4(10, 77, 0, 1));
	frame->ipv4.dst_addr = rte_cpu_to_be_32(RTE_IPV4(10, 77, 0, 2));
	frame->udp.src_port = rte_cpu_to_be_16(UDP_PORT);
	frame->udp.dst_port = rte_cpu_to_be_16(UDP_PORT);
	frame->udp.dgram_len =
		rte_cpu_to_be_16((uint16_t)(sizeof(frame->udp) + sizeof(frame->body)));
	frame->body.mark = MARK;
}

static bool
prepare_side(struct exchange *exchange, uint32_t index, const struct peal_benchargs *args,
	const struct peal_rawport *port, struct peal_sentence *error)
{
	struct side *side = &exchange->sides[index];
	struct rte_eth_dev_info info;
	struct peal_port_dpdk like = {.port_id = port->port_id};

	side->port_id = port->port_id;
	side->is_spinning = args->idle == PEAL_IDLE_DEDICATED;
	side->rate = (uint64_t)(((unsigned __int128)SECOND_NS << RATE_SHIFT) / rte_get_tsc_hz());
	side->gap_cycles = PEAL_OUTCOME_GAP_NS * (rte_get_tsc_hz() / 1000U) / 1000000U;
	if (!peal_doorbell_open(&side->doorbell, error)) {
		return false;
	}
	peal_idle_init(&side->idle, args->idle, &side->doorbell);
	if (side->is_spinning) {
		return true;
	}
	/* Asleep, the loop is woken by the driver's socket, or, on a ring, by the other side. */
	if (args->link == PEAL_BENCHARGS_RING) {
		exchange->sides[1U - index].rings = &side->doorbell;
		return true;
	}
	like.if_index = rte_eth_dev_info_get(port->port_id, &info) == 0 ? info.if_index : 0;
	peal_idle_add_port(&side->idle, &like, 0);
	return true;
}

/* Gives an order and waits for its end. False with a sentence, empty when Ctrl-C came. */
static bool
carry_out(struct exchange *exchange, uint64_t count, const char *what, struct peal_sentence *error)
{
	struct peal_progressbar bar;

	error->text[0] = '\0';
	peal_progressbar_init(&bar, !exchange->is_quiet);
	atomic_store_explicit(&exchange->progress_count, 0, memory_order_relaxed);
	atomic_store_explicit(&exchange->order, count, memory_order_release);
	peal_doorbell_ring(&exchange->sides[0].doorbell);
	while (atomic_load_explicit(&exchange->order, memory_order_acquire) != 0 &&
		!peal_ctrlc_has_come() && !peal_stage_is_broken(exchange->stage, error)) {
		peal_progressbar_show(&bar, what,
			atomic_load_explicit(&exchange->progress_count, memory_order_relaxed),
			count);
		peal_ctrlc_sleep(POLL_NS);
	}
	peal_progressbar_clear(&bar);
	return !peal_ctrlc_has_come() && error->text[0] == '\0';
}

static uint64_t
count_gaps(struct exchange *exchange)
{
	return atomic_load_explicit(&exchange->sides[0].gaps_count, memory_order_relaxed) +
	       atomic_load_explicit(&exchange->sides[1].gaps_count, memory_order_relaxed);
}

static void
collect(struct exchange *exchange, struct peal_outcome *outcome)
{
	uint64_t first = atomic_load(&exchange->sides[0].longest_gap_cycles);
	uint64_t second = atomic_load(&exchange->sides[1].longest_gap_cycles);

	outcome->sent_count = exchange->schedule.sent_count;
	outcome->received_count = exchange->schedule.received_count;
	outcome->longest_gap_ns = to_ns(&exchange->sides[0], first > second ? first : second);
	outcome->tsc_hz = rte_get_tsc_hz();
	outcome->dpdk_name = rte_version();
	outcome->line_rtt_ns = exchange->stage->line_rtt_ns;
}

/* Both loops run. False with a sentence, empty when Ctrl-C came. */
static bool
measure(struct exchange *exchange, struct peal_outcome *outcome, struct peal_sentence *error)
{
	const struct peal_benchargs *args = outcome->args;
	struct peal_machine_watch watch;
	uint64_t gaps_before;

	while (!peal_stage_is_entered(exchange->stage) && !peal_ctrlc_has_come() &&
		!peal_stage_is_broken(exchange->stage, error)) {
		peal_ctrlc_sleep(POLL_NS / 10U);
	}
	if (!carry_out(exchange, peal_stage_warm_up_count(args), "warming up", error)) {
		return false;
	}
	gaps_before = count_gaps(exchange);
	peal_machine_begin(&watch, args->cpus, exchange->stage->clocks);
	if (!carry_out(exchange, args->count, "raw round trips", error)) {
		return false;
	}
	peal_machine_end(&watch, &outcome->bill);
	outcome->gaps_count = count_gaps(exchange) - gaps_before;
	collect(exchange, outcome);
	return true;
}

/* In the process that only answers: until the other one says so, or is there no more. */
static bool
serve(struct exchange *exchange, struct peal_sentence *error)
{
	while (!atomic_load_explicit(&exchange->sides[1].is_stopping, memory_order_relaxed) &&
		!peal_ctrlc_has_come() && !peal_stage_is_broken(exchange->stage, error) &&
		!peal_stage_is_over(exchange->stage)) {
		peal_ctrlc_sleep(POLL_NS / 10U);
	}
	return true;
}

static bool
run_loops(struct exchange *exchange, struct peal_outcome *outcome, struct peal_sentence *error)
{
	static int (*const loops[])(void *) = {ask, answer};
	struct peal_stage *stage = exchange->stage;
	bool is_measured = false;
	bool is_launched = true;

	for (uint32_t i = stage->first_side; i < stage->sides_end && is_launched; i++) {
		is_launched =
			rte_eal_remote_launch(loops[i], exchange, peal_stage_lcore(stage, i)) == 0;
	}
	if (!is_launched) {
		(void)peal_sentence_set(error, "the poll loops could not be started");
	} else if (peal_stage_is_second(stage)) {
		is_measured = serve(exchange, error);
	} else {
		is_measured = measure(exchange, outcome, error);
	}
	for (uint32_t i = 0; i < PEAL_BENCHARGS_SIDES_COUNT; i++) {
		atomic_store_explicit(&exchange->sides[i].is_stopping, true, memory_order_relaxed);
	}
	for (uint32_t i = stage->first_side; i < stage->sides_end; i++) {
		peal_doorbell_ring(&exchange->sides[i].doorbell);
		(void)rte_eal_wait_lcore(peal_stage_lcore(stage, i));
	}
	/* On one machine the other loop is told through memory. */
	if (peal_stage_is_second(stage) || stage->link == PEAL_BENCHARGS_FAR) {
		peal_stage_reach(stage, PEAL_STAGE_STOPPED);
	}
	/* A driver must not take its link away below a loop that still turns. */
	peal_stage_await_stop(stage);
	return is_measured;
}

/* EAL has started. */
static bool
play(struct exchange *exchange, struct peal_outcome *outcome, struct peal_sentence *error)
{
	struct peal_stage *stage = exchange->stage;
	struct peal_rawport ports[PEAL_BENCHARGS_SIDES_COUNT];
	uint16_t port_ids[PEAL_BENCHARGS_SIDES_COUNT];
	bool is_measured = false;
	bool is_ready = peal_rawport_open(ports, stage, outcome->args->mtu, error);

	for (uint32_t i = stage->first_side; i < stage->sides_end && is_ready; i++) {
		port_ids[i - stage->first_side] = ports[i].port_id;
		memcpy(stage->shared->macs[i], ports[i].mac, sizeof(ports[i].mac));
		is_ready = prepare_side(exchange, i, outcome->args, &ports[i], error);
	}
	if (is_ready && peal_rawport_join(stage, port_ids, error)) {
		if (!peal_stage_is_second(stage)) {
			exchange->pool = ports[0].pool;
			make_frame(exchange, stage->shared->macs);
		}
		is_measured = run_loops(exchange, outcome, error);
	}
	for (uint32_t i = stage->first_side; i < stage->sides_end; i++) {
		if (exchange->sides[i].idle.doorbell != NULL) {
			peal_idle_close(&exchange->sides[i].idle);
			peal_doorbell_close(&exchange->sides[i].doorbell);
		}
	}
	if (peal_stage_is_closing(stage)) {
		peal_rawport_close(ports);
	}
	return is_measured;
}

bool
peal_rawecho_run(struct peal_outcome *outcome_out, struct peal_sentence *error)
{
	static struct peal_stage stage;
	const struct peal_benchargs *args = outcome_out->args;
	struct exchange *exchange = peal_stage_share(sizeof(*exchange));
	bool is_measured;

	error->text[0] = '\0';
	outcome_out->is_bare = true;
	if (exchange == NULL) {
		return peal_sentence_set(error, "there is no memory left");
	}
	if (!peal_stage_prepare(&stage, args, error)) {
		return false;
	}
	/* What only one process uses is private to it, though it stands in common memory. */
	if (peal_stage_start_eal(&stage, error)) {
		if (!peal_stage_is_second(&stage)) {
			exchange->histogram = outcome_out->histogram;
			exchange->timeline = outcome_out->timeline;
			exchange->is_quiet = args->is_quiet;
			exchange->loss_cycles = rte_get_tsc_hz() * (LOSS_NS / SECOND_NS);
			exchange->schedule.interval_cycles =
				(uint64_t)((unsigned __int128)args->interval_ns * rte_get_tsc_hz() /
					   SECOND_NS);
		}
		exchange->stage = &stage;
		is_measured = play(exchange, outcome_out, error);
	} else {
		is_measured = false;
	}
	peal_stage_end(&stage, error);
	return is_measured;
}
