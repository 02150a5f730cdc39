/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/choir.h"

#include "dataplane/dpdk/tsc.h"
#include "tools/peal-bench/ctrlc.h"
#include "tools/peal-bench/outcome.h"
#include "wire/crypto/aead_open.h"

#include <rte_cycles.h>
#include <rte_launch.h>
#include <stdlib.h>
#include <string.h>

#define POLL_NS    UINT64_C(5000000)
#define QUEUE_SIZE 262144U
#define UDP_PORT   7400U
#define FIRST_IPV4 0x0A4D0001U /* 10.77.0.1 */
/* A full window of every member on its way to every other. */
#define PACKETS_A_MEMBER 1024U
#define PACKETS_MAX      32767U
#define MEMORY_MB        96U
#define MEMORY_MB_EACH   4U
/* Above every stall that a shared machine is known for: nobody is to be found dead here. */
#define GRACE_NS   UINT64_C(3600000000000)
#define RTO_NS_MAX UINT64_C(10000000)

static void
hear(void *state, uint32_t origin, const struct peal_delivery *delivery)
{
	const struct peal_choir_singer *singer = state;

	(void)origin;
	singer->choir->user.deliver(singer->choir->user.state, singer->rank, delivery);
}

/* Nobody opens a channel. */
static void
take(void *state, uint16_t channel, const struct peal_delivery *delivery)
{
	(void)state;
	(void)channel;
	(void)delivery;
}

static void
note_gap(struct peal_choir *choir, uint64_t gap_ns)
{
	if (__builtin_expect(gap_ns > PEAL_OUTCOME_GAP_NS, 0)) {
		atomic_fetch_add_explicit(&choir->gaps_count, 1U, memory_order_relaxed);
		if (gap_ns > atomic_load_explicit(&choir->longest_gap_ns, memory_order_relaxed)) {
			atomic_store_explicit(&choir->longest_gap_ns, gap_ns, memory_order_relaxed);
		}
	}
}

/* One turn of all members of a loop. Returns the work found. */
static uint32_t
turn_members(struct peal_choir *choir, uint32_t side, uint64_t now_ns)
{
	uint32_t first = side == 0 ? 0 : 1U, end = side == 0 ? 1U : choir->args->nodes_count;
	uint32_t work = 0;

	for (uint32_t i = first; i < end; i++) {
		work += peal_core_turn(&choir->singers[i].member.core, now_ns);
	}
	return work;
}

static uint64_t
find_deadline(const struct peal_choir *choir, uint32_t side)
{
	uint32_t first = side == 0 ? 0 : 1U, end = side == 0 ? 1U : choir->args->nodes_count;
	uint64_t at_ns = side == 0 ? choir->user.find_deadline_ns(choir->user.state) : UINT64_MAX;

	for (uint32_t i = first; i < end; i++) {
		uint64_t due_ns = peal_core_deadline_at_ns(&choir->singers[i].member.core);

		at_ns = due_ns < at_ns ? due_ns : at_ns;
	}
	return at_ns;
}

static int
turn(struct peal_choir *choir, uint32_t side)
{
	struct peal_idle *idle = &choir->idles[side];
	bool is_spinning = idle->role == PEAL_IDLE_DEDICATED;
	uint64_t now_ns;

	peal_idle_enter(idle);
	now_ns = peal_tsc_now_ns();
	(void)turn_members(choir, side, now_ns);
	peal_stage_enter(&choir->stage);
	while (!atomic_load_explicit(&choir->is_stopping, memory_order_relaxed)) {
		enum peal_idle_rung rung = PEAL_IDLE_PAUSE;
		uint64_t began = rte_rdtsc(), next_ns;
		uint32_t work = 0;

		if (side == 0) {
			work = choir->user.step(choir->user.state, &choir->singers[0].member);
		}
		work += turn_members(choir, side, now_ns);
		if (work > 0) {
			peal_idle_reset(idle);
		} else {
			rung = peal_idle_step(idle,
				is_spinning ? UINT64_MAX : find_deadline(choir, side), now_ns);
		}
		if (work > 0 && side == 0) {
			atomic_fetch_add_explicit(
				&choir->busy_cycles, rte_rdtsc() - began, memory_order_relaxed);
		}
		next_ns = peal_tsc_now_ns();
		next_ns = next_ns < now_ns ? now_ns : next_ns;
		if (rung == PEAL_IDLE_PAUSE || rung == PEAL_IDLE_ARM) {
			note_gap(choir, next_ns - now_ns);
		}
		now_ns = next_ns;
	}
	return 0;
}

static int
turn_first(void *argument)
{
	return turn(argument, 0);
}

static int
turn_others(void *argument)
{
	return turn(argument, 1);
}

static bool
start_members(struct peal_choir *choir, struct peal_sentence *error)
{
	const uint32_t count = choir->args->nodes_count;
	struct peal_address addresses[PEAL_FIXEDMEMBER_COUNT_MAX];
	const struct peal_aead_key *keys[PEAL_FIXEDMEMBER_COUNT_MAX];
	struct peal_port ports[PEAL_FIXEDMEMBER_COUNT_MAX];

	for (uint32_t i = 0; i < count; i++) {
		struct peal_bell bell = {.doorbell = &choir->doorbells[i == 0 ? 0 : 1]};
		uint8_t raw[PEAL_AEAD_RAW_KEY_SIZE] = {(uint8_t)(i + 1U)};

		memcpy(raw + 1, choir->stage.shared->raw_keys[0], sizeof(raw) - 1U);
		ports[i] = peal_port_ring_port(choir->ring, i, bell);
		addresses[i] = (struct peal_address){.ipv4 = FIRST_IPV4 + i, .port = UDP_PORT};
		memcpy(addresses[i].mac, ports[i].mac, sizeof(addresses[i].mac));
		choir->aeads[0].expand(choir->aeads[0].state, raw, &choir->keys[i]);
		keys[i] = &choir->keys[i];
	}
	for (uint32_t i = 0; i < count; i++) {
		struct peal_choir_singer *singer = &choir->singers[i];
		const struct peal_fixedmember_config config = {
			.self = (uint16_t)i,
			.members_count = (uint16_t)count,
			.port = ports[i],
			.addresses = addresses,
			.timing = &choir->timing,
			.aead = choir->aeads[i == 0 ? 0 : 1],
			.pre_key = &choir->keys[0],
			.keys = keys,
			.is_coalescing = true,
			.queue_size = QUEUE_SIZE,
			.rto_ns_max = RTO_NS_MAX,
			.now_ns = peal_tsc_now_ns(),
			.grace_ns = GRACE_NS,
			.user = {.deliver = take},
			.cast_user = {.deliver = hear, .state = singer},
		};

		singer->choir = choir;
		singer->rank = i;
		if (!peal_fixedmember_init(&singer->member, &config)) {
			return peal_sentence_set(error, "there is no memory left");
		}
	}
	return true;
}

static bool
open_all(struct peal_choir *choir, struct peal_sentence *error)
{
	const uint32_t count = choir->args->nodes_count;
	const uint32_t packets = count * PACKETS_A_MEMBER;
	const size_t size = count * sizeof(struct peal_choir_singer);
	bool is_known = peal_timing_find("dpdk", &choir->timing);

	PEAL_ASSERT(is_known);
	for (uint32_t i = 0; i < PEAL_BENCHARGS_SIDES_COUNT; i++) {
		if (!peal_doorbell_open(&choir->doorbells[i], error)) {
			return false;
		}
		peal_idle_init(&choir->idles[i], choir->args->idle, &choir->doorbells[i]);
	}
	choir->ring =
		peal_port_ring_create(count, packets < PACKETS_MAX ? packets : PACKETS_MAX, error);
	if (choir->ring == NULL) {
		return false;
	}
	/* Its state belongs to a thread. */
	for (uint32_t i = 0; i < PEAL_BENCHARGS_SIDES_COUNT; i++) {
		if (!peal_aead_open(choir->args->is_sealed ? NULL : "none", &choir->aeads[i])) {
			return peal_sentence_set(error, "there is no AEAD on this machine");
		}
	}
	choir->singers = aligned_alloc(64, (size + 63U) / 64U * 64U);
	if (choir->singers == NULL) {
		return peal_sentence_set(error, "there is no memory left");
	}
	memset(choir->singers, 0, size);
	return start_members(choir, error);
}

static bool
run_loops(struct peal_choir *choir,
	bool (*measure)(void *state, struct peal_choir *choir, struct peal_sentence *error),
	struct peal_sentence *error)
{
	bool is_good =
		rte_eal_remote_launch(turn_first, choir, peal_stage_lcore(&choir->stage, 0)) == 0 &&
		rte_eal_remote_launch(turn_others, choir, peal_stage_lcore(&choir->stage, 1)) == 0;

	if (!is_good) {
		(void)peal_sentence_set(error, "the poll loops could not be started");
	}
	while (is_good && !peal_stage_is_entered(&choir->stage)) {
		peal_ctrlc_sleep(POLL_NS);
		is_good = !peal_ctrlc_has_come();
	}
	is_good = is_good && measure(choir->user.state, choir, error);
	atomic_store_explicit(&choir->is_stopping, true, memory_order_relaxed);
	for (uint32_t i = 0; i < PEAL_BENCHARGS_SIDES_COUNT; i++) {
		peal_doorbell_ring(&choir->doorbells[i]);
		(void)rte_eal_wait_lcore(peal_stage_lcore(&choir->stage, i));
	}
	return is_good;
}

static void
clear(struct peal_choir *choir)
{
	for (uint32_t i = 0; choir->singers != NULL && i < choir->args->nodes_count; i++) {
		peal_fixedmember_fini(&choir->singers[i].member);
	}
	free(choir->singers);
	for (uint32_t i = 0; i < PEAL_BENCHARGS_SIDES_COUNT; i++) {
		if (choir->idles[i].doorbell != NULL) {
			peal_idle_close(&choir->idles[i]);
			peal_doorbell_close(&choir->doorbells[i]);
		}
		peal_aead_wipe(&choir->keys[i]);
	}
	peal_port_ring_destroy(choir->ring);
}

void
peal_choir_ring(struct peal_choir *choir)
{
	peal_doorbell_ring(&choir->doorbells[0]);
}

bool
peal_choir_run(struct peal_choir *choir, const struct peal_benchargs *args,
	const struct peal_choir_user *user,
	bool (*measure)(void *state, struct peal_choir *choir, struct peal_sentence *error),
	struct peal_sentence *error)
{
	bool is_good = false;

	PEAL_ASSERT(args->nodes_count >= 2U && args->nodes_count <= PEAL_FIXEDMEMBER_COUNT_MAX);
	error->text[0] = '\0';
	choir->args = args;
	choir->user = *user;
	if (!peal_stage_prepare(&choir->stage, args, error)) {
		return false;
	}
	choir->stage.eal.memory_mb = MEMORY_MB + MEMORY_MB_EACH * args->nodes_count;
	if (peal_stage_start_eal(&choir->stage, error)) {
		peal_tsc_init();
		is_good = open_all(choir, error) && run_loops(choir, measure, error);
		clear(choir);
		for (uint32_t i = 0; i < PEAL_BENCHARGS_SIDES_COUNT; i++) {
			peal_aead_close(&choir->aeads[i]);
		}
	}
	peal_stage_end(&choir->stage, error);
	return is_good;
}
