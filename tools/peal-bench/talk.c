/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/talk.h"

#include "dataplane/dpdk/idle.h"
#include "dataplane/dpdk/port_dpdk.h"
#include "dataplane/dpdk/port_ring.h"
#include "dataplane/dpdk/tsc.h"
#include "dataplane/link.h"
#include "tools/peal-bench/ctrlc.h"
#include "tools/peal-bench/outcome.h"
#include "tools/peal-bench/rawport.h"

#include <rte_launch.h>
#include <string.h>

#define POLL_NS       UINT64_C(5000000)
#define PACKETS_COUNT 4095U

/* One side, in the process that has it. */
struct seat {
	uint32_t side;
	struct peal_talk *talk;
	struct peal_talk_tally *tally;
	struct peal_pairmember member;
	bool is_started;
	struct peal_port_dpdk device;
	struct peal_idle idle;
	struct peal_doorbell doorbell;
};

static struct seat seats[PEAL_BENCHARGS_SIDES_COUNT];
static struct peal_talk the_talk;
static struct peal_port_ring *the_ring;

/* The largest packet that is proven to pass to the other side, over IPv4 as here always. */
static uint16_t
find_path_mtu(const struct seat *seat)
{
	uint16_t slot = (uint16_t)(1U - seat->side);
	uint16_t body_size = peal_pathmtu_body_size(&seat->member.channels.paths, slot);

	/* The smallest body is that of either IP, and needs no proof. */
	if (body_size == PEAL_BODY_SIZE_MAX) {
		return (uint16_t)PEAL_MTU_MIN;
	}
	return (uint16_t)(body_size + PEAL_HEADER_SIZE + PEAL_TRAILER_SIZE + PEAL_UDP_HEADER_SIZE +
			  PEAL_IPV4_HEADER_SIZE);
}

static void
publish(const struct seat *seat, uint64_t now_ns)
{
	struct peal_talk_tally *tally = seat->tally;
	const struct peal_counters *counters = &seat->member.core.counters;

	atomic_store_explicit(&tally->delivered_count,
		counters->values[PEAL_COUNTER_CHANNEL_MESSAGES_DELIVERED], memory_order_relaxed);
	atomic_store_explicit(&tally->frames_sent,
		counters->values[PEAL_COUNTER_CHANNEL_FRAMES_SENT], memory_order_relaxed);
	atomic_store_explicit(&tally->frames_repeated,
		counters->values[PEAL_COUNTER_CHANNEL_FRAMES_REPEATED], memory_order_relaxed);
	atomic_store_explicit(&tally->frames_dropped, counters->values[PEAL_COUNTER_TX_DROPPED],
		memory_order_relaxed);
	atomic_store_explicit(&tally->path_mtu, find_path_mtu(seat), memory_order_relaxed);
	atomic_store_explicit(&tally->is_ended, seat->member.is_ended, memory_order_relaxed);
	atomic_store_explicit(&tally->turned_at_ns, now_ns, memory_order_release);
}

static void
note_gap(struct peal_talk_tally *tally, uint64_t gap_ns)
{
	if (__builtin_expect(gap_ns > PEAL_OUTCOME_GAP_NS, 0)) {
		atomic_fetch_add_explicit(&tally->gaps_count, 1U, memory_order_relaxed);
		if (gap_ns > atomic_load_explicit(&tally->longest_gap_ns, memory_order_relaxed)) {
			atomic_store_explicit(&tally->longest_gap_ns, gap_ns, memory_order_relaxed);
		}
	}
}

static uint64_t
find_deadline(const struct seat *seat, const struct peal_talk_part *part)
{
	uint64_t deadline_at_ns = peal_core_deadline_at_ns(&seat->member.core);

	if (part->find_deadline_ns != NULL) {
		uint64_t at_ns = part->find_deadline_ns(part->user.state);

		deadline_at_ns = at_ns < deadline_at_ns ? at_ns : deadline_at_ns;
	}
	return deadline_at_ns;
}

static int
turn(void *argument)
{
	struct seat *seat = argument;
	const struct peal_talk_part *part = &seat->talk->play->parts[seat->side];
	struct peal_pairmember *member = &seat->member;
	bool is_spinning = seat->idle.role == PEAL_IDLE_DEDICATED;
	uint64_t now_ns;

	peal_idle_enter(&seat->idle);
	now_ns = peal_tsc_now_ns();
	(void)peal_core_turn(&member->core, now_ns);
	if (seat->side == 0) {
		peal_pairmember_open_channel(member);
	}
	peal_stage_enter(&seat->talk->stage);
	while (!atomic_load_explicit(&seat->tally->is_stopping, memory_order_relaxed)) {
		enum peal_idle_rung rung = PEAL_IDLE_PAUSE;
		uint32_t work = 0;
		uint64_t next_ns;

		if (member->channel != PEAL_CHANNEL_NONE && part->step != NULL) {
			work = part->step(part->user.state, member, now_ns);
		}
		work += peal_core_turn(&member->core, now_ns);
		if (work > 0) {
			publish(seat, now_ns);
			peal_idle_reset(&seat->idle);
		} else {
			rung = peal_idle_step(&seat->idle,
				is_spinning ? UINT64_MAX : find_deadline(seat, part), now_ns);
		}
		next_ns = peal_tsc_now_ns();
		next_ns = next_ns < now_ns ? now_ns : next_ns;
		if (rung == PEAL_IDLE_PAUSE || rung == PEAL_IDLE_ARM) {
			note_gap(seat->tally, next_ns - now_ns);
		}
		now_ns = next_ns;
	}
	return 0;
}

void
peal_talk_ring(void)
{
	peal_doorbell_ring(&seats[0].doorbell);
}

bool
peal_talk_is_well(struct peal_talk *talk, struct peal_sentence *error)
{
	peal_tsc_discipline();
	if (peal_ctrlc_has_come() || peal_stage_is_broken(&talk->stage, error)) {
		return false;
	}
	for (uint32_t i = 0; i < PEAL_BENCHARGS_SIDES_COUNT; i++) {
		if (atomic_load_explicit(&talk->tallies[i].is_ended, memory_order_relaxed)) {
			return peal_sentence_set(error, "the channel ended before the run did");
		}
	}
	return true;
}

bool
peal_talk_find_path(struct peal_talk *talk, uint16_t *path_mtu_out, struct peal_sentence *error)
{
	uint16_t there = atomic_load_explicit(&talk->tallies[0].path_mtu, memory_order_relaxed);
	uint16_t back = atomic_load_explicit(&talk->tallies[1].path_mtu, memory_order_relaxed);

	*path_mtu_out = there < back ? there : back;
	return *path_mtu_out >= talk->play->args->mtu ||
	       peal_sentence_set(error,
		       "--mtu: packets of %u bytes were asked for, and no more than %u were proven "
		       "to pass",
		       talk->play->args->mtu, *path_mtu_out);
}

uint64_t
peal_talk_gaps_count(const struct peal_talk *talk)
{
	return atomic_load_explicit(&talk->tallies[0].gaps_count, memory_order_relaxed) +
	       atomic_load_explicit(&talk->tallies[1].gaps_count, memory_order_relaxed);
}

uint64_t
peal_talk_longest_gap_ns(const struct peal_talk *talk)
{
	uint64_t first_ns =
		atomic_load_explicit(&talk->tallies[0].longest_gap_ns, memory_order_relaxed);
	uint64_t second_ns =
		atomic_load_explicit(&talk->tallies[1].longest_gap_ns, memory_order_relaxed);

	return first_ns > second_ns ? first_ns : second_ns;
}

/* Ports of the sides that are here; the MACs of all afterwards. */
static bool
open_ports(struct peal_talk *talk, struct peal_port ports_out[PEAL_BENCHARGS_SIDES_COUNT],
	struct peal_sentence *error)
{
	struct peal_stage *stage = &talk->stage;
	uint16_t port_ids[PEAL_BENCHARGS_SIDES_COUNT];

	if (stage->link == PEAL_BENCHARGS_RING) {
		the_ring = peal_port_ring_create_wide(
			PEAL_BENCHARGS_SIDES_COUNT, 0, talk->play->args->mtu, error);
		if (the_ring == NULL) {
			return false;
		}
	}
	for (uint32_t i = stage->first_side; i < stage->sides_end; i++) {
		const struct peal_port_dpdk_config config = {
			.device = peal_joint_device(stage->link, i),
			.packets_count = PACKETS_COUNT,
			.mtu = talk->play->args->mtu,
		};
		struct seat *seat = &seats[i];

		if (stage->link == PEAL_BENCHARGS_RING) {
			struct peal_bell bell = {.doorbell = &seat->doorbell};

			ports_out[i] = peal_port_ring_port(the_ring, i, bell);
		} else if (peal_port_dpdk_open(&seat->device, &config, error)) {
			ports_out[i] = peal_port_dpdk_port(&seat->device, 0);
			port_ids[i - stage->first_side] = seat->device.port_id;
			peal_idle_add_port(&seat->idle, &seat->device, 0);
		} else {
			return false;
		}
		memcpy(stage->shared->macs[i], ports_out[i].mac, sizeof(ports_out[i].mac));
	}
	return peal_rawport_join(stage, port_ids, error);
}

static bool
start_members(struct peal_talk *talk, const struct peal_port *ports, struct peal_sentence *error)
{
	const struct peal_talk_play *play = talk->play;
	struct peal_stage *stage = &talk->stage;
	uint64_t now_ns = peal_tsc_now_ns();

	for (uint32_t i = stage->first_side; i < stage->sides_end; i++) {
		const struct peal_pairmember_config config = {
			.side = i,
			.port = ports[i],
			.macs = (const uint8_t(*)[6])stage->shared->macs,
			.raw_keys = (const uint8_t(*)[16])stage->shared->raw_keys,
			.is_sealed = play->args->is_sealed,
			.is_coalescing = play->is_coalescing,
			.user = play->parts[i].user,
		};

		seats[i].is_started = true;
		if (!peal_pairmember_init(&seats[i].member, &config, now_ns, error)) {
			return false;
		}
		talk->aead_name = play->args->is_sealed ? seats[i].member.aead.name : NULL;
	}
	return true;
}

/* Main thread of the process that only answers. */
static bool
serve(struct peal_talk *talk, struct peal_sentence *error)
{
	while (!atomic_load_explicit(&talk->tallies[1].is_stopping, memory_order_relaxed) &&
		!peal_ctrlc_has_come() && !peal_stage_is_broken(&talk->stage, error)) {
		peal_tsc_discipline();
		peal_ctrlc_sleep(POLL_NS);
	}
	return true;
}

static bool
measure(struct peal_talk *talk, struct peal_sentence *error)
{
	while (!peal_stage_is_entered(&talk->stage)) {
		if (!peal_talk_is_well(talk, error)) {
			return false;
		}
		peal_ctrlc_sleep(POLL_NS);
	}
	return talk->play->measure(talk->play->state, talk, error);
}

static bool
run_loops(struct peal_talk *talk, struct peal_sentence *error)
{
	struct peal_stage *stage = &talk->stage;
	bool is_launched = true;
	bool is_good = false;

	for (uint32_t i = stage->first_side; i < stage->sides_end && is_launched; i++) {
		is_launched =
			rte_eal_remote_launch(turn, &seats[i], peal_stage_lcore(stage, i)) == 0;
	}
	if (!is_launched) {
		(void)peal_sentence_set(error, "the poll loops could not be started");
	} else {
		is_good = peal_stage_is_second(stage) ? serve(talk, error) : measure(talk, error);
	}
	for (uint32_t i = 0; i < PEAL_BENCHARGS_SIDES_COUNT; i++) {
		atomic_store_explicit(&talk->tallies[i].is_stopping, true, memory_order_relaxed);
	}
	for (uint32_t i = stage->first_side; i < stage->sides_end; i++) {
		peal_doorbell_ring(&seats[i].doorbell);
		(void)rte_eal_wait_lcore(peal_stage_lcore(stage, i));
	}
	if (peal_stage_is_second(stage)) {
		peal_stage_reach(stage, PEAL_STAGE_STOPPED);
	}
	peal_stage_await_stop(stage);
	return is_good;
}

static bool
open_doorbells(struct peal_talk *talk, struct peal_sentence *error)
{
	for (uint32_t i = 0; i < PEAL_BENCHARGS_SIDES_COUNT; i++) {
		seats[i].side = i;
		seats[i].talk = talk;
		seats[i].tally = &talk->tallies[i];
		if (!peal_doorbell_open(&seats[i].doorbell, error)) {
			return false;
		}
		peal_idle_init(&seats[i].idle, talk->play->args->idle, &seats[i].doorbell);
	}
	return true;
}

static void
clear(const struct peal_stage *stage)
{
	for (uint32_t i = 0; i < PEAL_BENCHARGS_SIDES_COUNT; i++) {
		if (seats[i].is_started && peal_stage_is_closing(stage)) {
			peal_pairmember_fini(&seats[i].member);
		}
		if (seats[i].idle.doorbell != NULL) {
			peal_idle_close(&seats[i].idle);
			peal_doorbell_close(&seats[i].doorbell);
		}
		if (peal_stage_is_closing(stage)) {
			peal_port_dpdk_close(&seats[i].device);
		}
	}
	peal_port_ring_destroy(the_ring);
}

bool
peal_talk_run(const struct peal_talk_play *play, struct peal_sentence *error)
{
	struct peal_talk *talk = &the_talk;
	struct peal_port ports[PEAL_BENCHARGS_SIDES_COUNT];
	bool is_good = false;

	error->text[0] = '\0';
	talk->play = play;
	talk->tallies = peal_stage_share(PEAL_BENCHARGS_SIDES_COUNT * sizeof(*talk->tallies));
	if (talk->tallies == NULL) {
		return peal_sentence_set(error, "there is no memory left");
	}
	if (!peal_stage_prepare(&talk->stage, play->args, error)) {
		return false;
	}
	if (peal_stage_start_eal(&talk->stage, error)) {
		peal_tsc_init();
		is_good = open_doorbells(talk, error) && open_ports(talk, ports, error) &&
			  start_members(talk, ports, error) && run_loops(talk, error);
		clear(&talk->stage);
	}
	peal_stage_end(&talk->stage, error);
	return is_good;
}
