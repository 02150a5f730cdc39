/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/trial.h"

#include "membership/nextview.h"

#include <string.h>

#define NONE        UINT32_MAX
#define MILLISECOND UINT64_C(1000000)
#define ALL         256U
#define QUIET_MS    1500U
#define NO_STORE    ((struct peal_bodies){0})

/* Between the moment a cut is due and the next view: votes, and with many missing a classic round.
 */
#define FAST_MS    5U
#define CLASSIC_MS 30U

/* ---- the group ---- */

static uint32_t
index_of(const struct peal_trial *trial, uint32_t rank)
{
	return (uint32_t)trial->view.members[rank].mid - 1U;
}

static bool
is_failing(const struct peal_trial *trial, uint32_t index)
{
	const struct peal_trial_fault *fault = &trial->faults[index];

	return fault->on_ms == 0 || trial->now_ms % fault->period_ms < fault->on_ms;
}

static uint32_t
passes_in(const struct peal_trial *trial, uint32_t index)
{
	return is_failing(trial, index) ? ALL - trial->faults[index].loss_in : ALL;
}

static uint32_t
passes_out(const struct peal_trial *trial, uint32_t index)
{
	return is_failing(trial, index) ? ALL - trial->faults[index].loss_out : ALL;
}

static bool
is_broken(const struct peal_trial *trial, uint32_t a, uint32_t b)
{
	return peal_bitset_has(&trial->broken[a], b);
}

/* Adds up broken links between members without faults: one for each edge, at both ends. */
static void
count_bad_edges(const struct peal_trial *trial, uint32_t bad_counts[PEAL_MEMBERS_MAX])
{
	memset(bad_counts, 0, trial->view.members_count * sizeof(bad_counts[0]));
	for (uint32_t rank = 0; rank < trial->view.members_count; rank++) {
		uint32_t index = index_of(trial, rank);

		for (uint32_t k = 0; k < trial->topology.observers_count; k++) {
			uint32_t observer = peal_rings_observer(&trial->topology, rank, k);

			if (is_broken(trial, index, index_of(trial, observer)) &&
				!peal_bitset_has(&trial->faulty, index) &&
				!peal_bitset_has(&trial->faulty, index_of(trial, observer))) {
				bad_counts[rank]++;
				bad_counts[observer]++;
			}
		}
	}
}

/* Who loses nothing itself and has fewer than L bad edges. */
static void
find_healthy(struct peal_trial *trial)
{
	uint32_t bad_counts[PEAL_MEMBERS_MAX];

	count_bad_edges(trial, bad_counts);
	trial->healthy = (struct peal_bitset){0};
	for (uint32_t rank = 0; rank < trial->view.members_count; rank++) {
		if (!peal_bitset_has(&trial->faulty, index_of(trial, rank)) &&
			bad_counts[rank] < trial->cuts[0].thresholds.l) {
			peal_bitset_add(&trial->healthy, rank);
		}
	}
}

static void
choose_viewers(struct peal_trial *trial)
{
	for (uint32_t i = 0; i < PEAL_TRIAL_VIEWERS_MAX; i++) {
		uint16_t rank = peal_view_find_mid(&trial->view, trial->viewers[i] + 1U);

		for (uint32_t draws = 0; rank == PEAL_RANK_NONE && draws < 20000; draws++) {
			uint16_t drawn =
				(uint16_t)peal_prng_below(&trial->prng, trial->view.members_count);

			/* A healthy one; if there is none, one that has only bad links. */
			if (peal_bitset_has(&trial->healthy, drawn) ||
				(draws >= 10000 &&
					!peal_bitset_has(&trial->faulty, index_of(trial, drawn)))) {
				rank = drawn;
			}
		}
		PEAL_ASSERT(rank != PEAL_RANK_NONE);
		trial->viewers[i] = (uint16_t)index_of(trial, rank);
	}
}

/* The edge of the last view between the same two, or NULL. */
static const struct peal_trial_edge *
find_old_edge(const struct peal_trial *trial, const struct peal_topology *old, uint32_t old_side,
	const uint16_t *old_ranks, uint32_t rank, uint32_t k)
{
	uint32_t old_rank = old_ranks[index_of(trial, rank)];
	uint32_t old_observer =
		old_ranks[index_of(trial, peal_rings_observer(&trial->topology, rank, k))];

	for (uint32_t i = 0; i < old->observers_count; i++) {
		if (peal_rings_observer(old, old_rank, i) == old_observer) {
			return &trial->edges[old_side][old_rank * old->observers_count + i];
		}
	}
	return NULL;
}

static void
schedule_probe(struct peal_trial *trial, uint32_t edge_index, uint32_t at_ms)
{
	struct peal_trial_edge *edge = &trial->edges[trial->side][edge_index];
	uint32_t slot = at_ms % PEAL_TRIAL_WHEEL_SIZE;

	edge->due_at_ms = at_ms;
	edge->next = trial->probes[slot];
	trial->probes[slot] = edge_index + 1U;
}

/* ---- reports ---- */

/* Tries at 0, 2 D, 6 D, 14 D ... until one succeeds: `fails` of 256 do not. */
static uint32_t
draw_repeats_ms(struct peal_trial *trial, uint32_t fails)
{
	uint32_t repeat_ms = (uint32_t)(2U * trial->timing.flood_ns / MILLISECOND);
	uint32_t cap_ms = (uint32_t)(trial->timing.repeat_ns_max / MILLISECOND);
	uint32_t delay_ms = 0;

	for (uint32_t tries = 0; tries < 8 && peal_prng_below(&trial->prng, ALL) < fails; tries++) {
		delay_ms += repeat_ms;
		repeat_ms = 2U * repeat_ms < cap_ms ? 2U * repeat_ms : cap_ms;
	}
	return delay_ms;
}

static void
send_report(struct peal_trial *trial, uint32_t rank, uint32_t k)
{
	uint32_t observer = index_of(trial, peal_rings_observer(&trial->topology, rank, k));
	uint32_t copies = trial->topology.observers_count;
	uint32_t fails = ALL;
	uint32_t sent_ms = 0;

	if (passes_out(trial, observer) == 0) {
		return;
	}
	for (uint32_t i = 0; i < copies; i++) {
		fails = fails * (ALL - passes_out(trial, observer)) / ALL;
	}
	sent_ms = trial->now_ms + draw_repeats_ms(trial, fails);
	for (uint32_t i = 0; i < PEAL_TRIAL_VIEWERS_MAX; i++) {
		uint32_t at_ms = sent_ms + draw_repeats_ms(trial, trial->late_ratio);
		uint32_t slot = 0;

		if (trial->viewers[i] != observer) {
			/* A merge window, and a flood. */
			at_ms += 1U + (uint32_t)peal_prng_below(
					      &trial->prng, trial->timing.flood_ns / MILLISECOND);
		}
		if (at_ms - trial->now_ms >= PEAL_TRIAL_WHEEL_SIZE ||
			trial->reports_count == PEAL_TRIAL_ARRIVALS_MAX) {
			continue;
		}
		slot = at_ms % PEAL_TRIAL_WHEEL_SIZE;
		trial->reports[trial->reports_count] = (struct peal_trial_arrival){
			.next = trial->arrivals[slot],
			.rank = (uint16_t)rank,
			.k = (uint8_t)k,
			.viewer = (uint8_t)i,
		};
		trial->arrivals[slot] = trial->reports_count++;
	}
}

static void
report_edge(struct peal_trial *trial, uint32_t rank, uint32_t k)
{
	struct peal_trial_edge *edge =
		&trial->edges[trial->side][rank * trial->topology.observers_count + k];

	if (!edge->is_reported) {
		edge->is_reported = true;
		send_report(trial, rank, k);
	}
}

/* ---- views ---- */

static bool
may_fail(const struct peal_trial *trial, uint32_t rank, uint32_t k)
{
	uint32_t index = index_of(trial, rank);
	uint32_t observer = index_of(trial, peal_rings_observer(&trial->topology, rank, k));

	return peal_bitset_has(&trial->faulty, index) ||
	       peal_bitset_has(&trial->faulty, observer) || is_broken(trial, index, observer);
}

/*
 * Starts an edge, as it was in the last view if `old_edge` is not NULL. One between members and
 * over a link without faults never loses a probe, so it is not probed.
 */
static void
start_edge(
	struct peal_trial *trial, uint32_t rank, uint32_t k, const struct peal_trial_edge *old_edge)
{
	uint32_t interval_ms = (uint32_t)(trial->timing.probe_interval_ns / MILLISECOND);
	uint32_t edge_index = rank * trial->topology.observers_count + k;
	struct peal_trial_edge *edge = &trial->edges[trial->side][edge_index];

	*edge = (struct peal_trial_edge){0};
	if (!may_fail(trial, rank, k)) {
		return;
	}
	if (old_edge == NULL) {
		peal_edge_open(&edge->edge, 0, trial->now_ms * MILLISECOND);
		schedule_probe(trial, edge_index,
			trial->now_ms + 1U + interval_ms / 2U +
				(uint32_t)peal_prng_below(&trial->prng, interval_ms));
		return;
	}
	edge->edge = old_edge->edge;
	peal_edge_renew(&edge->edge, &trial->timing);
	schedule_probe(trial, edge_index, old_edge->due_at_ms);
	if (peal_edge_verdict(&edge->edge) == PEAL_VERDICT_FAILED) {
		report_edge(trial, rank, k);
	}
}

/* Everything that starts with a view: cuts, viewers, edges. `old` is NULL for the first one. */
static void
start_epoch(struct peal_trial *trial, const struct peal_topology *old, const uint16_t *old_ranks)
{
	uint32_t old_side = trial->side;

	trial->side = old == NULL ? trial->side : 1U - trial->side;
	memset(trial->arrivals, 0xFF, sizeof(trial->arrivals));
	memset(trial->probes, 0, sizeof(trial->probes));
	trial->reports_count = 0;
	trial->decide_at_ms = 0;
	for (uint32_t i = 0; i < PEAL_TRIAL_VIEWERS_MAX; i++) {
		peal_cut_start(&trial->cuts[i], &trial->view, &trial->topology,
			trial->now_ms * MILLISECOND);
		trial->was_due[i] = false;
	}
	find_healthy(trial);
	choose_viewers(trial);

	for (uint32_t rank = 0; rank < trial->view.members_count; rank++) {
		for (uint32_t k = 0; k < trial->topology.observers_count; k++) {
			start_edge(trial, rank, k,
				old == NULL
					? NULL
					: find_old_edge(trial, old, old_side, old_ranks, rank, k));
		}
	}
}

/* Carries out the cut that was due first. */
static void
decide(struct peal_trial *trial)
{
	static struct peal_topology old;
	static uint16_t old_ranks[PEAL_MEMBERS_MAX];
	static struct peal_view next;
	struct peal_proposal value = trial->value;
	struct peal_bitset wrong = peal_bitset_intersection(&value.removals, &trial->healthy);
	uint32_t side = 1U - trial->side;

	old = trial->topology;
	trial->result.cuts_count++;
	trial->result.healthy_out_count += peal_bitset_count(&wrong);
	trial->result.removed_count += peal_bitset_count(&value.removals);
	trial->result.last_ms = trial->now_ms;
	if (trial->result.first_ms == 0) {
		trial->result.first_ms = trial->now_ms;
	}
	for (uint32_t rank = 0; rank < trial->view.members_count; rank++) {
		old_ranks[index_of(trial, rank)] = (uint16_t)rank;
		if (peal_bitset_has(&value.removals, rank)) {
			peal_bitset_add(&trial->out, index_of(trial, rank));
		}
	}
	for (uint32_t i = 1; i < PEAL_TRIAL_VIEWERS_MAX; i++) {
		if (trial->was_due[i] && trial->was_due[0] &&
			!peal_hash128_equals(trial->due_digests[i], trial->due_digests[0])) {
			trial->result.conflict_count++;
			break;
		}
	}
	peal_nextview_apply(&trial->view, &value, trial->members[side], NULL, &next);
	trial->view = next;
	peal_rings_next(&old, &value.removals, &trial->view, trial->rings_memory[side],
		trial->members_count, &trial->topology);
	start_epoch(trial, &old, old_ranks);
}

/* ---- a millisecond ---- */

static void
probe(struct peal_trial *trial)
{
	uint32_t slot = trial->now_ms % PEAL_TRIAL_WHEEL_SIZE;
	uint32_t next = trial->probes[slot];
	uint32_t interval_us = (uint32_t)(trial->timing.probe_interval_ns / 1000U);

	trial->probes[slot] = 0;
	while (next != 0) {
		uint32_t edge_index = next - 1U;
		struct peal_trial_edge *edge = &trial->edges[trial->side][edge_index];
		uint32_t rank = edge_index / trial->topology.observers_count;
		uint32_t k = edge_index % trial->topology.observers_count;
		uint32_t index = index_of(trial, rank);
		uint32_t observer = index_of(trial, peal_rings_observer(&trial->topology, rank, k));
		uint64_t passes = (uint64_t)passes_in(trial, index) * passes_out(trial, index) *
				  passes_in(trial, observer) * passes_out(trial, observer);
		uint64_t step_us =
			interval_us * 9U / 10U + peal_prng_below(&trial->prng, interval_us / 5U);

		next = edge->next;
		if (is_broken(trial, index, observer) ||
			(peal_prng_next(&trial->prng) & UINT32_MAX) >= passes) {
			peal_edge_on_silence(
				&edge->edge, &trial->timing, trial->now_ms * MILLISECOND);
		} else {
			peal_edge_on_echo(&edge->edge, &trial->timing, trial->now_ms * MILLISECOND);
		}
		schedule_probe(
			trial, edge_index, trial->now_ms + (uint32_t)((step_us + 500U) / 1000U));
		if (peal_edge_verdict(&edge->edge) == PEAL_VERDICT_FAILED) {
			report_edge(trial, rank, k);
		}
	}
}

static void
deliver(struct peal_trial *trial)
{
	uint32_t slot = trial->now_ms % PEAL_TRIAL_WHEEL_SIZE;
	uint32_t next = trial->arrivals[slot];

	trial->arrivals[slot] = NONE;
	while (next != NONE) {
		const struct peal_trial_arrival *arrival = &trial->reports[next];

		(void)peal_cut_on_report(&trial->cuts[arrival->viewer], arrival->rank,
			UINT32_C(1) << arrival->k, trial->now_ms * MILLISECOND);
		next = arrival->next;
	}
}

/* What the first viewer finds due to be echoed is echoed by all who observe it and hear of it. */
static void
echo(struct peal_trial *trial)
{
	struct peal_cut *cut = &trial->cuts[0];
	uint64_t now_ns = trial->now_ms * MILLISECOND;

	if (now_ns < cut->next_echo_at_ns) {
		return;
	}
	PEAL_BITSET_FOR_EACH (rank, &cut->unstable) {
		if (now_ns < cut->began_at_ns + cut->echo_at_us[rank] * UINT64_C(1000) ||
			!peal_bitset_has(&cut->blamed, rank)) {
			continue;
		}
		for (uint32_t k = 0; k < trial->topology.observers_count; k++) {
			uint32_t observer =
				index_of(trial, peal_rings_observer(&trial->topology, rank, k));
			struct peal_trial_edge *edge =
				&trial->edges[trial->side]
					     [rank * trial->topology.observers_count + k];

			if (passes_in(trial, observer) > 0 && !edge->is_reported) {
				trial->result.echoes_count++;
				report_edge(trial, rank, k);
			}
		}
	}
}

static void
watch(struct peal_trial *trial, uint32_t viewer)
{
	struct peal_cut *cut = &trial->cuts[viewer];
	uint64_t now_ns = trial->now_ms * MILLISECOND;
	struct peal_bitset echoes = {0};
	struct peal_bitset wrong;
	struct peal_proposal value;

	if (peal_cut_deadline_at_ns(cut) <= now_ns) {
		uint16_t rank = peal_view_find_mid(&trial->view, trial->viewers[viewer] + 1U);

		peal_cut_judge(cut);
		if (viewer == 0) {
			echo(trial);
		}
		peal_cut_take_echoes(cut, rank, now_ns, &echoes);
		wrong = peal_bitset_intersection(&cut->stable, &trial->healthy);
		if (peal_cut_is_complete(cut) && !peal_bitset_is_empty(&wrong)) {
			trial->result.healthy_free_count++;
		}
	}
	if (trial->was_due[viewer] || !peal_cut_is_due(cut, now_ns)) {
		return;
	}
	peal_cut_get_proposal(cut, &value);
	wrong = peal_bitset_intersection(&value.removals, &trial->healthy);
	trial->was_due[viewer] = true;
	trial->due_digests[viewer] = peal_proposal_digest(&value);
	trial->result.healthy_due_count += peal_bitset_is_empty(&wrong) ? 0U : 1U;
	trial->result.last_resort_count += cut->is_last_resort ? 1U : 0U;
	if (trial->decide_at_ms == 0) {
		uint32_t gone_count = peal_bitset_count(&value.removals);

		trial->value = value;
		trial->decide_at_ms =
			trial->now_ms +
			(4U * gone_count > trial->view.members_count ? CLASSIC_MS : FAST_MS);
	}
}

/* ---- all of it ---- */

void
peal_trial_init(
	struct peal_trial *trial, uint64_t seed, uint32_t members_count, uint8_t rings_count)
{
	struct peal_view *view = &trial->view;

	PEAL_ASSERT(members_count >= 2);
	PEAL_ASSERT(members_count <= PEAL_MEMBERS_MAX);
	PEAL_ASSERT(peal_rings_footprint(members_count) <= PEAL_TRIAL_RINGS_SIZE);
	PEAL_ASSERT(peal_timing_find("dpdk", &trial->timing));

	peal_prng_init(&trial->prng, seed);
	trial->late_ratio = 0;
	trial->end_ms = 20000;
	trial->now_ms = 0;
	trial->members_count = members_count;
	trial->faulty = (struct peal_bitset){0};
	trial->out = (struct peal_bitset){0};
	trial->side = 0;
	memset(trial->faults, 0, members_count * sizeof(trial->faults[0]));
	memset(trial->broken, 0, members_count * sizeof(trial->broken[0]));
	trial->result = (struct peal_trial_result){0};

	*view = (struct peal_view){
		.cluster = {.low = peal_prng_next(&trial->prng) | 1U, .high = 1},
		.epoch = 2,
		.next_mid = members_count + 1U,
		.tie_mid = 1,
		.parent_hash = {.low = 1, .high = 1},
		.rings_count = rings_count,
		.members_count = (uint16_t)members_count,
		.members = trial->members[0],
	};
	for (uint32_t i = 0; i < members_count; i++) {
		trial->members[0][i] = (struct peal_member){
			.uuid = {.low = i + 1U, .high = 2},
			.mid = i + 1U,
			.address = {.ipv4 = 0x0A000001U + i, .port = 4100, .mac = {2}},
			.shards_count = 1,
		};
	}
	view->members_sum = peal_view_sum_members(view);
	view->hash = peal_view_hash(view);
	peal_rings_build(view, trial->rings_memory[0], members_count, &trial->topology);
	for (uint32_t i = 0; i < PEAL_TRIAL_VIEWERS_MAX; i++) {
		trial->viewers[i] = UINT16_MAX - 1U;
		if (trial->cuts[i].timing == NULL) {
			peal_cut_init(&trial->cuts[i], &trial->timing, NO_STORE);
		}
	}
}

void
peal_trial_fail(struct peal_trial *trial, uint32_t index, struct peal_trial_fault fault)
{
	PEAL_ASSERT(index < trial->members_count);
	trial->faults[index] = fault;
	peal_bitset_add(&trial->faulty, index);
}

void
peal_trial_break(struct peal_trial *trial, uint32_t a, uint32_t b)
{
	peal_bitset_add(&trial->broken[a], b);
	peal_bitset_add(&trial->broken[b], a);
}

struct peal_trial_result
peal_trial_run(struct peal_trial *trial)
{
	uint32_t quiet_since_ms = 0;

	start_epoch(trial, NULL, NULL);
	for (trial->now_ms = 1; trial->now_ms < trial->end_ms; trial->now_ms++) {
		struct peal_bitset left = peal_bitset_difference(&trial->faulty, &trial->out);

		probe(trial);
		deliver(trial);
		for (uint32_t i = 0; i < PEAL_TRIAL_VIEWERS_MAX; i++) {
			watch(trial, i);
		}
		if (trial->decide_at_ms != 0 && trial->now_ms >= trial->decide_at_ms) {
			decide(trial);
			quiet_since_ms = trial->now_ms;
		}
		if (peal_bitset_is_empty(&left) && !peal_bitset_is_empty(&trial->faulty) &&
			trial->now_ms > quiet_since_ms + QUIET_MS) {
			break;
		}
	}

	struct peal_bitset left = peal_bitset_difference(&trial->faulty, &trial->out);

	trial->result.left_count = peal_bitset_count(&left);
	return trial->result;
}
