/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/orderband.h"

#include "base/assert.h"
#include "dataplane/dpdk/idle.h"
#include "dataplane/dpdk/port_dpdk.h"
#include "dataplane/dpdk/port_ring.h"
#include "dataplane/dpdk/tsc.h"
#include "runtime/eal.h"
#include "tools/benchlib/fixedmember.h"
#include "tools/peal-bench/ctrlc.h"
#include "tools/peal-bench/orderrank.h"
#include "tools/peal-bench/ordertally.h"
#include "tools/peal-bench/progressbar.h"
#include "tools/peal-bench/stage.h"
#include "tools/peal-bench/trio.h"
#include "wire/crypto/aead_open.h"

#include <pthread.h>
#include <rte_cycles.h>
#include <rte_launch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define SECOND_NS  UINT64_C(1000000000)
#define POLL_NS    UINT64_C(2000000)
#define QUEUE_SIZE 262144U /* of channels, which nobody opens */
#define UDP_PORT   7400U
/* Above every stall that a shared machine is known for: nobody is to be found dead here. */
#define GRACE_NS         UINT64_C(3600000000000)
#define RTO_NS_MAX       UINT64_C(10000000)
#define PACKETS_A_MEMBER 4096U
#define PACKETS_MAX      32767U
#define LAB_PACKETS      4095U
#define MEMORY_MB        96U
#define MEMORY_MB_EACH   12U
#define TEXT_SIZE_MAX    64U
/* A rank that sleeps looks for what it is to do so often. */
#define LOOK_NS UINT64_C(1000000)
/* What is missing for so long does not come any more. */
#define PHASE_NS_MAX UINT64_C(60000000000)
#define LINK_ARGS                                                                                  \
	"iface=" PEAL_TRIO_INTERFACE ",framesz=2048,blocksz=8192,framecnt=2048,qdisc_bypass=1"
/* Of large packets: the start of EAL knows how large. */
#define LINK_WIDE_ARGS "iface=" PEAL_TRIO_INTERFACE ",framecnt=512,qdisc_bypass=1"
#define LINK_NAME      "net_af_packet0"
#define ETHERNET_MTU   1500U
#define WIDE_PACKETS   2047U
#define WIDE_MEMORY_MB 32U /* more, for each rank */

struct loop {
	struct peal_orderband *band;
	uint32_t index;
	struct peal_doorbell doorbell;
	struct peal_idle idle;
	_Atomic bool is_entered;
	clockid_t clock;
	struct peal_aead aead; /* of this thread */
};

struct peal_orderband {
	const struct peal_benchargs *args;
	bool (*measure)(void *state, struct peal_orderband *band, struct peal_sentence *error);
	void *state;
	struct peal_orderband_shared *shared;
	struct peal_trio trio;
	uint32_t first_rank; /* ranks of this process: [first_rank, ranks_end) */
	uint32_t ranks_end;
	uint32_t loops_count;
	struct peal_port_ring *ring;
	struct peal_port_dpdk device;
	struct peal_timing timing;
	struct peal_aead_key keys[PEAL_ORDER_RANKS_MAX];
	struct peal_orderrank
		*ranks; /* [args->nodes_count]; those of other processes are untouched */
	struct loop loops[PEAL_ORDER_RANKS_MAX];
};

static struct peal_orderband the_band;

static bool
is_lab(const struct peal_orderband *band)
{
	return band->args->link == PEAL_BENCHARGS_AF_PACKET;
}

static bool
is_wide(const struct peal_orderband *band)
{
	return band->args->mtu > ETHERNET_MTU;
}

/* --- loops --- */

static bool
is_of_loop(const struct peal_orderband *band, uint32_t rank, const struct loop *loop)
{
	return rank % band->loops_count == loop->index || is_lab(band);
}

static struct loop *
find_loop(struct peal_orderband *band, uint32_t rank)
{
	return &band->loops[is_lab(band) ? 0 : rank % band->loops_count];
}

/* One turn of each rank of a loop. Returns the work found. */
static uint32_t
turn_ranks(struct loop *loop, uint64_t now_ns)
{
	struct peal_orderband *band = loop->band;
	uint32_t all = 0;

	for (uint32_t i = band->first_rank; i < band->ranks_end; i++) {
		struct peal_orderrank *rank = &band->ranks[i];
		uint64_t began;
		uint32_t work;

		if (!is_of_loop(band, i, loop)) {
			continue;
		}
		began = rte_rdtsc();
		work = peal_orderrank_step(rank);
		work += peal_core_turn(&rank->member.core, now_ns);
		if (work > 0) {
			atomic_fetch_add_explicit(&rank->part->busy_cycles, rte_rdtsc() - began,
				memory_order_relaxed);
		}
		all += work;
	}
	return all;
}

static uint64_t
find_deadline(const struct loop *loop, uint64_t now_ns)
{
	const struct peal_orderband *band = loop->band;
	uint64_t at_ns = now_ns + LOOK_NS;

	for (uint32_t i = band->first_rank; i < band->ranks_end; i++) {
		const struct peal_orderrank *rank = &band->ranks[i];
		uint64_t due_ns = peal_core_deadline_at_ns(&rank->member.core);

		if (!is_of_loop(band, i, loop)) {
			continue;
		}
		at_ns = due_ns < at_ns ? due_ns : at_ns;
		due_ns = peal_orderrank_find_due_ns(rank, now_ns);
		at_ns = due_ns < at_ns ? due_ns : at_ns;
	}
	return at_ns;
}

static int
turn(void *argument)
{
	struct loop *loop = argument;
	struct peal_idle *idle = &loop->idle;
	bool is_spinning = idle->role == PEAL_IDLE_DEDICATED;
	uint64_t now_ns = peal_tsc_now_ns();

	peal_idle_enter(idle);
	(void)pthread_getcpuclockid(pthread_self(), &loop->clock);
	(void)turn_ranks(loop, now_ns);
	atomic_store(&loop->is_entered, true);
	while (!atomic_load_explicit(&loop->band->shared->is_stopping, memory_order_relaxed)) {
		uint32_t work = turn_ranks(loop, now_ns);
		uint64_t next_ns;

		if (work > 0) {
			peal_idle_reset(idle);
		} else {
			(void)peal_idle_step(idle,
				is_spinning ? UINT64_MAX : find_deadline(loop, now_ns), now_ns);
		}
		next_ns = peal_tsc_now_ns();
		now_ns = next_ns < now_ns ? now_ns : next_ns;
	}
	return 0;
}

/* --- start and end --- */

static bool
open_port(struct peal_orderband *band, uint32_t index, struct peal_port *port_out,
	struct peal_sentence *error)
{
	struct loop *loop = find_loop(band, index);
	struct peal_bell bell = {.doorbell = &loop->doorbell};

	if (is_lab(band)) {
		const struct peal_port_dpdk_config config = {.device = LINK_NAME,
			.packets_count = is_wide(band) ? WIDE_PACKETS : LAB_PACKETS,
			.mtu = band->args->mtu};

		if (!peal_port_dpdk_open(&band->device, &config, error)) {
			return false;
		}
		*port_out = peal_port_dpdk_port(&band->device, 0);
		peal_idle_add_port(&loop->idle, &band->device, 0);
	} else {
		*port_out = peal_port_ring_port(band->ring, index, bell);
	}
	memcpy(band->shared->parts[index].mac, port_out->mac, sizeof(port_out->mac));
	return true;
}

static bool
start_rank(struct peal_orderband *band, uint32_t index, struct peal_port port,
	const struct peal_address *addresses, const struct peal_aead_key *const *keys)
{
	struct peal_orderrank *rank = &band->ranks[index];
	const struct peal_fixedmember_config config = {
		.self = (uint16_t)index,
		.members_count = (uint16_t)band->args->nodes_count,
		.port = port,
		.addresses = addresses,
		.timing = &band->timing,
		.aead = find_loop(band, index)->aead,
		.pre_key = &band->keys[0],
		.keys = keys,
		.is_coalescing = true,
		.queue_size = QUEUE_SIZE,
		.rto_ns_max = RTO_NS_MAX,
		.now_ns = peal_tsc_now_ns(),
		.grace_ns = GRACE_NS,
		.orders_user = {.deliver = peal_orderrank_take,
			.view = peal_orderrank_view,
			.skipped = peal_orderrank_skip,
			.state = rank},
		.ranks_count = (uint8_t)band->args->nodes_count,
	};

	rank->shared = band->shared;
	rank->part = &band->shared->parts[index];
	rank->index = (uint8_t)index;
	rank->ranks_count = (uint8_t)band->args->nodes_count;
	rank->size = band->args->size;
	rank->cycles_hz = rte_get_tsc_hz();
	return peal_fixedmember_init(&rank->member, &config);
}

static bool
start_ranks(struct peal_orderband *band, const struct peal_port *ports, struct peal_sentence *error)
{
	struct peal_address addresses[PEAL_ORDER_RANKS_MAX];
	const struct peal_aead_key *keys[PEAL_ORDER_RANKS_MAX];

	for (uint32_t i = 0; i < band->args->nodes_count; i++) {
		uint8_t raw[PEAL_AEAD_RAW_KEY_SIZE] = {(uint8_t)(i + 1U)};

		memcpy(raw + 1, band->shared->raw_key, sizeof(raw) - 1U);
		addresses[i] =
			(struct peal_address){.ipv4 = PEAL_TRIO_IPV4_FIRST + i, .port = UDP_PORT};
		memcpy(addresses[i].mac, band->shared->parts[i].mac, sizeof(addresses[i].mac));
		band->loops[0].aead.expand(band->loops[0].aead.state, raw, &band->keys[i]);
		keys[i] = &band->keys[i];
	}
	for (uint32_t i = band->first_rank; i < band->ranks_end; i++) {
		if (!start_rank(band, i, ports[i], addresses, keys)) {
			return peal_sentence_set(error, "there is no memory left");
		}
	}
	return true;
}

static bool
open_loops(struct peal_orderband *band, struct peal_sentence *error)
{
	for (uint32_t i = 0; i < band->loops_count; i++) {
		struct loop *loop = &band->loops[i];

		loop->band = band;
		loop->index = i;
		if (!peal_doorbell_open(&loop->doorbell, error)) {
			return false;
		}
		if (!peal_aead_open(band->args->is_sealed ? NULL : "none", &loop->aead)) {
			return peal_sentence_set(error, "there is no AEAD on this machine");
		}
		peal_idle_init(&loop->idle, band->args->idle, &loop->doorbell);
	}
	return true;
}

static bool
start_eal(struct peal_orderband *band, uint32_t node, struct peal_sentence *error)
{
	static char prefix[TEXT_SIZE_MAX];
	const struct peal_benchargs *args = band->args;
	struct peal_eal_config eal = {.prefix = prefix,
		.advice = PEAL_STAGE_MEMORY_ADVICE,
		.memory_mb = MEMORY_MB + (MEMORY_MB_EACH + (is_wide(band) ? WIDE_MEMORY_MB : 0U)) *
						 args->nodes_count,
		.huge = PEAL_CONFIG_HUGE_AUTO,
		.lcores_count = band->loops_count,
		.is_exclusive = args->idle == PEAL_IDLE_DEDICATED && !is_lab(band)};

	(void)snprintf(prefix, sizeof(prefix), "peal-bench-%d", (int)getpid());
	for (uint32_t i = 0; i < band->loops_count; i++) {
		/* Three processes on two CPUs: the kernel knows best. */
		eal.cpus[i] = is_lab(band) ? (args->cpus_count > node ? args->cpus[node] : -1)
					   : args->cpus[i];
	}
	if (is_lab(band)) {
		eal.device = LINK_NAME;
		eal.device_args = is_wide(band) ? LINK_WIDE_ARGS : LINK_ARGS;
	}
	if (!peal_eal_start(&eal, error)) {
		return false;
	}
	peal_tsc_init();
	if (node == 0) {
		band->shared->cycles_hz = rte_get_tsc_hz();
	}
	return true;
}

/* The ranks and loops of this process. */
static bool
open_all(struct peal_orderband *band, struct peal_port *ports, struct peal_sentence *error)
{
	const uint32_t count = band->args->nodes_count;
	const uint32_t packets = count * (is_wide(band) ? WIDE_PACKETS : PACKETS_A_MEMBER);
	const size_t size = (count * sizeof(struct peal_orderrank) + 63U) / 64U * 64U;
	bool is_known = peal_timing_find("dpdk", &band->timing);

	PEAL_ASSERT(is_known);
	if (!open_loops(band, error)) {
		return false;
	}
	if (!is_lab(band)) {
		band->ring = peal_port_ring_create_wide(count,
			packets < PACKETS_MAX ? packets : PACKETS_MAX, band->args->mtu, error);
		if (band->ring == NULL) {
			return false;
		}
	}
	(void)snprintf(band->shared->aead_name, sizeof(band->shared->aead_name), "%s",
		band->args->is_sealed ? band->loops[0].aead.name : "");
	band->ranks = aligned_alloc(64, size);
	if (band->ranks == NULL) {
		return peal_sentence_set(error, "there is no memory left");
	}
	memset(band->ranks, 0, size);
	for (uint32_t i = band->first_rank; i < band->ranks_end; i++) {
		if (!open_port(band, i, &ports[i], error)) {
			return false;
		}
	}
	return true;
}

static bool
launch(struct peal_orderband *band, struct peal_sentence *error)
{
	for (uint32_t i = 0; i < band->loops_count; i++) {
		if (rte_eal_remote_launch(turn, &band->loops[i], i + 1U) != 0) {
			return peal_sentence_set(error, "the poll loops could not be started");
		}
	}
	for (uint32_t i = 0; i < band->loops_count; i++) {
		while (!atomic_load(&band->loops[i].is_entered) && !peal_ctrlc_has_come()) {
			peal_ctrlc_sleep(POLL_NS);
		}
	}
	return true;
}

static void
stop(struct peal_orderband *band)
{
	atomic_store(&band->shared->is_stopping, true);
	for (uint32_t i = 0; i < band->loops_count; i++) {
		peal_doorbell_ring(&band->loops[i].doorbell);
		(void)rte_eal_wait_lcore(i + 1U);
	}
}

static void
close_all(struct peal_orderband *band)
{
	for (uint32_t i = band->first_rank; band->ranks != NULL && i < band->ranks_end; i++) {
		if (band->ranks[i].shared != NULL) {
			peal_fixedmember_fini(&band->ranks[i].member);
		}
	}
	free(band->ranks);
	for (uint32_t i = 0; i < band->loops_count; i++) {
		if (band->loops[i].idle.doorbell != NULL) {
			peal_idle_close(&band->loops[i].idle);
			peal_doorbell_close(&band->loops[i].doorbell);
			peal_aead_close(&band->loops[i].aead);
		}
	}
	for (uint32_t i = 0; i < band->args->nodes_count; i++) {
		peal_aead_wipe(&band->keys[i]);
	}
	peal_port_ring_destroy(band->ring);
	peal_port_dpdk_close(&band->device);
}

/* --- phases --- */

struct peal_orderband_shared *
peal_orderband_shared(struct peal_orderband *band)
{
	return band->shared;
}

bool
peal_orderband_watch(struct peal_orderband *band, struct peal_machine_watch *watch)
{
	clockid_t clocks[PEAL_BENCHARGS_SIDES_COUNT];

	if (is_lab(band)) {
		return false;
	}
	for (uint32_t i = 0; i < PEAL_BENCHARGS_SIDES_COUNT; i++) {
		clocks[i] = band->loops[i < band->loops_count ? i : 0].clock;
	}
	peal_machine_begin(watch, band->args->cpus, clocks);
	return true;
}

static void
ring_all(struct peal_orderband *band)
{
	/* Other processes look by themselves. */
	for (uint32_t i = 0; i < band->loops_count && !is_lab(band); i++) {
		peal_doorbell_ring(&band->loops[i].doorbell);
	}
}

static bool
await(struct peal_orderband *band, const struct peal_orderband_phase *phase, const char *what,
	uint64_t before, struct peal_sentence *error)
{
	uint64_t total =
		phase->kind == PEAL_ORDERBAND_FLOOD ? 0 : phase->count * phase->senders_count;
	uint64_t planned_ns = phase->kind == PEAL_ORDERBAND_PACED
				      ? phase->count * phase->interval_ns
				      : phase->duration_ns;
	struct peal_progressbar bar;
	bool is_good = true;

	peal_progressbar_init(&bar, !band->args->is_quiet);
	for (uint64_t passed_ns = 0;
		!peal_ordertally_is_done(band->shared, band->args->nodes_count) && is_good;
		passed_ns += POLL_NS) {
		uint64_t sent =
			peal_ordertally_sent(band->shared, band->args->nodes_count) - before;

		if (phase->kind == PEAL_ORDERBAND_FLOOD && passed_ns >= phase->duration_ns) {
			atomic_store(&band->shared->is_enough, true);
			ring_all(band);
		}
		peal_progressbar_show(
			&bar, what, total > 0 ? (sent < total ? sent : total) : 0, total);
		peal_ctrlc_sleep(POLL_NS);
		if (!is_lab(band)) {
			peal_tsc_discipline();
		}
		error->text[0] = '\0';
		is_good = !peal_ctrlc_has_come() &&
			  (!is_lab(band) || peal_trio_await(&band->trio, PEAL_TRIO_READY, 0, NULL,
						    NULL, error));
		if (is_good && passed_ns > planned_ns + PHASE_NS_MAX) {
			is_good = peal_sentence_set(error, "not all messages were delivered");
		}
	}
	peal_progressbar_clear(&bar);
	return is_good;
}

bool
peal_orderband_play(struct peal_orderband *band, const struct peal_orderband_phase *phase,
	const char *what, struct peal_orderband_result *result_out, struct peal_sentence *error)
{
	struct peal_orderband_shared *shared = band->shared;
	uint64_t before = peal_ordertally_sent(band->shared, band->args->nodes_count);

	PEAL_ASSERT(phase->senders_count > 0 && phase->senders_count <= band->args->nodes_count);
	peal_ordertally_begin(shared, band->args->nodes_count, result_out);
	shared->phase = *phase;
	atomic_store(&shared->is_enough, false);
	atomic_fetch_add(&shared->phase_number, 1U);
	ring_all(band);
	if (!await(band, phase, what, before, error)) {
		return false;
	}
	peal_ordertally_end(shared, band->args->nodes_count, result_out);
	return true;
}

uint64_t
peal_orderband_violations(struct peal_orderband *band)
{
	return peal_ordertally_violations(band->shared, band->args->nodes_count);
}

uint64_t
peal_orderband_skips(struct peal_orderband *band)
{
	return peal_ordertally_skips(band->shared, band->args->nodes_count);
}

/* --- a life --- */

/* In the lab: this process has one rank, and is told what to do through memory. */
static bool
live(void *state, uint32_t node, struct peal_sentence *error)
{
	struct peal_orderband *band = state;
	struct peal_port ports[PEAL_ORDER_RANKS_MAX];
	struct peal_trio_shared *shared = band->trio.shared;

	band->first_rank = node;
	band->ranks_end = node + 1U;
	if (!start_eal(band, node, error) || !open_all(band, ports, error)) {
		return false;
	}
	peal_trio_reach(shared, node, PEAL_TRIO_OPEN);
	while (!peal_trio_is_reached(shared, PEAL_TRIO_OPEN)) {
		if (peal_trio_is_ending(shared)) {
			return true;
		}
		peal_ctrlc_sleep(POLL_NS);
	}
	if (!start_ranks(band, ports, error) || !launch(band, error)) {
		return false;
	}
	peal_trio_reach(shared, node, PEAL_TRIO_READY);
	while (!peal_trio_is_ending(shared)) {
		peal_tsc_discipline();
		peal_ctrlc_sleep(POLL_NS);
	}
	stop(band);
	close_all(band);
	peal_eal_stop();
	return true;
}

static bool
run_lab(struct peal_orderband *band, struct peal_sentence *error)
{
	const struct peal_trio_config config = {.who = "--link af_packet",
		.mtu = band->args->mtu,
		.is_bare = true,
		.live = live,
		.state = band};
	bool is_good;

	band->loops_count = 1;
	is_good = peal_trio_start(&band->trio, &config, error) &&
		  peal_trio_await(&band->trio, PEAL_TRIO_READY, PHASE_NS_MAX, NULL, NULL, error);
	is_good = is_good && band->measure(band->state, band, error);
	peal_trio_end(&band->trio);
	return is_good;
}

static bool
run_here(struct peal_orderband *band, struct peal_sentence *error)
{
	struct peal_port ports[PEAL_ORDER_RANKS_MAX];
	const uint32_t cpus_count = band->args->cpus_count;
	bool is_good;

	band->ranks_end = band->args->nodes_count;
	band->loops_count = cpus_count < band->ranks_end ? cpus_count : band->ranks_end;
	if (!start_eal(band, 0, error)) {
		return false;
	}
	is_good = open_all(band, ports, error) && start_ranks(band, ports, error) &&
		  launch(band, error);
	if (is_good) {
		is_good = band->measure(band->state, band, error);
		stop(band);
	}
	close_all(band);
	peal_eal_stop();
	return is_good;
}

bool
peal_orderband_run(const struct peal_benchargs *args,
	bool (*measure)(void *state, struct peal_orderband *band, struct peal_sentence *error),
	void *state, struct peal_sentence *error)
{
	struct peal_orderband *band = &the_band;

	PEAL_ASSERT(args->nodes_count <= PEAL_ORDER_RANKS_MAX);
	*band = (struct peal_orderband){.args = args, .measure = measure, .state = state};
	band->shared = peal_stage_share(sizeof(*band->shared));
	if (band->shared == NULL || getrandom(band->shared->raw_key, sizeof(band->shared->raw_key),
					    0) != (ssize_t)sizeof(band->shared->raw_key)) {
		return peal_sentence_set(error, "there is no memory left");
	}
	for (uint32_t i = 0; i < PEAL_ORDER_RANKS_MAX; i++) {
		peal_histogram_reset(&band->shared->parts[i].own);
		peal_histogram_reset(&band->shared->parts[i].others);
	}
	return is_lab(band) ? run_lab(band, error) : run_here(band, error);
}
