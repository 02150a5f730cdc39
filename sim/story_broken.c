/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One pair of members whose link is broken, while both hear everybody else: they go on talking, and
 * broadcasting, through another member, and directly again when the link is whole.
 */
#include "base/prng.h"
#include "dataplane/headers.h"
#include "sim/simtalk.h"
#include "sim/story.h"
#include "wire/frame.h"

#define FLAGS_OFFSET   5U /* in the header of a frame */
#define MICROSECOND_NS UINT64_C(1000)
#define MILLISECOND_NS PEAL_STORY_MILLISECOND_NS
#define SECOND_NS      PEAL_STORY_SECOND_NS

#define POUR_SIZE 500U
#define POUR_NS   (200U * MICROSECOND_NS)
#define CAST_SIZE 200U
#define CAST_NS   (200U * MICROSECOND_NS)
/* Two hops, a repair, and a beat. */
#define CAST_GAP_NS_MAX (5U * MILLISECOND_NS)
#define STEP_NS         (100U * MICROSECOND_NS)
#define WARM_NS         (20U * MILLISECOND_NS)
/* Time-outs, a test at each end, and time-outs again. */
#define GAP_NS_MAX (60U * MILLISECOND_NS)
/* The same after who passes frames on goes, which is noticed by silence. */
#define CHANGE_NS_MAX   (120U * MILLISECOND_NS)
#define INDIRECT_NS_MAX (5U * MILLISECOND_NS)
#define RETURN_NS_MAX   (1U * SECOND_NS)
#define VIEW_NS_MAX     (50U * MILLISECOND_NS)
/* Four that stay: a broken pair among fewer is too much of what its ends see. */
#define LEAVE_NODES_MIN 5U
#define LOSS_PPM        10000U

/* Which directions of the link are cut. */
enum cut {
	CUT_BOTH = 0,
	CUT_THERE,
	CUT_BACK,
	CUTS_COUNT,
};

struct pair {
	struct peal_simworld *world;
	uint16_t ends[2];
	uint32_t speakers_count; /* the first, or both */
	uint64_t seen[2];        /* messages of each that the other has */
	uint64_t seen_at_ns[2];
	uint64_t gap_ns; /* the longest time in which one of them heard nothing of the other */
};

static const struct peal_core *
core_of(const struct pair *pair, uint32_t end)
{
	return &pair->world->nodes[pair->ends[end]]->core;
}

static const struct peal_path *
path_of(const struct pair *pair, uint32_t end)
{
	const struct peal_core *core = core_of(pair, end);
	uint64_t mid = core_of(pair, 1U - end)->peers->self_mid;

	return &core->paths.paths[peal_peers_find(core->peers, (uint32_t)mid)];
}

static bool
are_both(const struct pair *pair, enum peal_path_state state)
{
	return path_of(pair, 0)->state == state && path_of(pair, 1)->state == state;
}

static void
set_cut(const struct pair *pair, enum cut cut, bool is_cut)
{
	if (cut != CUT_BACK) {
		peal_simworld_cut(pair->world, pair->ends[0], pair->ends[1], is_cut);
	}
	if (cut != CUT_THERE) {
		peal_simworld_cut(pair->world, pair->ends[1], pair->ends[0], is_cut);
	}
}

/* Runs and looks when messages arrive. The gap begins anew. */
static void
watch(struct pair *pair, uint64_t span_ns)
{
	struct peal_simworld *world = pair->world;
	uint64_t until_ns = world->time.now_ns + span_ns;

	pair->gap_ns = 0;
	pair->seen_at_ns[0] = pair->seen_at_ns[1] = world->time.now_ns;
	while (world->time.now_ns < until_ns && !world->is_over) {
		peal_simworld_run_for(world, STEP_NS);
		for (uint32_t end = 0; end < pair->speakers_count; end++) {
			uint64_t seen =
				peal_simtalk_poured(peal_simworld_talk(world, pair->ends[end]), 0);
			uint64_t gap_ns = world->time.now_ns - pair->seen_at_ns[end];

			pair->gap_ns = gap_ns > pair->gap_ns ? gap_ns : pair->gap_ns;
			if (seen != pair->seen[end]) {
				pair->seen[end] = seen;
				pair->seen_at_ns[end] = world->time.now_ns;
			}
		}
	}
}

/* The longest time in which somebody heard no broadcast, since it was asked last. */
static uint64_t
take_cast_gap(const struct peal_simworld *world)
{
	uint64_t gap_ns = 0;

	for (uint16_t i = 0; i < world->config.nodes_count; i++) {
		gap_ns = world->casts[i].gap_ns > gap_ns ? world->casts[i].gap_ns : gap_ns;
		world->casts[i].gap_ns = 0;
	}
	return gap_ns;
}

/* The ring of an origin holds a tenth of a second: had one of the pair no way to say what it has,
 * all would have stood by now. */
static void
expect_casts(struct peal_simworld *world, const char *figure)
{
	uint64_t gap_ns = take_cast_gap(world);

	peal_report_note(world->report, figure, gap_ns);
	(void)peal_story_expect(world, gap_ns <= CAST_GAP_NS_MAX,
		"somebody heard no broadcasts for too long while a pair was broken");
}

/* A group in which the first of a pair pours, or both pour and broadcast, and nobody says anything
 * else. */
static bool
open_pair(struct peal_simworld *world, struct pair *pair,
	const struct peal_scenario_options *options, uint64_t part, uint32_t speakers_count,
	struct peal_report *report)
{
	struct peal_scenario_options both = *options;
	bool is_formed;

	both.has_talk = both.has_cast = true;
	both.shards_max = 1;
	peal_story_open(world, &both, part, report);
	*pair = (struct pair){.world = world, .speakers_count = speakers_count};
	pair->ends[0] = (uint16_t)((options->seed + part) % options->nodes_count);
	pair->ends[1] = (uint16_t)((pair->ends[0] + 1U + part % (options->nodes_count - 1U)) %
				   options->nodes_count);
	world->cast_ledger->manner = PEAL_SIMCAST_STEADY;
	world->cast_ledger->message_size = CAST_SIZE;
	world->cast_ledger->interval_ns = CAST_NS;
	for (uint16_t i = 0; i < options->nodes_count; i++) {
		peal_simworld_talk(world, i)->is_quiet = true;
	}
	is_formed = peal_simworld_form(world);
	if (!is_formed) {
		return false;
	}
	peal_simworld_run_for(world, 4U * world->timing.probe_interval_ns);
	peal_story_protect_all(world);
	for (uint32_t end = 0; end < speakers_count; end++) {
		(void)peal_simtalk_pour(peal_simworld_talk(world, pair->ends[end]),
			core_of(pair, 1U - end)->peers->self_mid, POUR_SIZE, POUR_NS,
			PEAL_CHANNEL_BLOCK);
		world->casts[pair->ends[end]].is_source = speakers_count == 2U;
		peal_simnode_prompt(world->nodes[pair->ends[end]]);
	}
	watch(pair, WARM_NS);
	(void)take_cast_gap(world);
	return peal_story_expect(world, pair->seen[0] > 0 && pair->seen[speakers_count - 1U] > 0,
		"a pair with a whole link does not talk");
}

static void
stop_pair(const struct pair *pair)
{
	for (uint32_t end = 0; end < pair->speakers_count; end++) {
		peal_simworld_talk(pair->world, pair->ends[end])->pours[0].next_at_ns = UINT64_MAX;
		pair->world->casts[pair->ends[end]].is_source = false;
	}
}

/* A member that passes nothing on of what one node sends to it. */
struct hole {
	uint16_t from;
	uint16_t to;
};

static bool
fall_in(void *state, uint16_t from, uint16_t to, const struct peal_simframe *frame)
{
	const struct hole *hole = state;
	uint32_t size;
	const uint8_t *payload = peal_headers_payload(frame->bytes, frame->size, &size);

	return from == hole->from && to == hole->to && payload != NULL && size > FLAGS_OFFSET &&
	       (payload[FLAGS_OFFSET] & PEAL_FRAME_FLAG_RELAY) != 0;
}

/* Who passes frames of the pair on does so no more, in one direction: another one does. */
static void
lose_relay(struct pair *pair)
{
	struct hole hole = {.from = pair->ends[0]};
	struct peal_simworld *world = pair->world;
	uint64_t mid = core_of(pair, 0)->peers->peers[path_of(pair, 0)->via].mid;

	while (world->nodes[hole.to]->core.peers->self_mid != mid) {
		hole.to++;
	}
	world->net.lose = fall_in;
	world->net.lose_state = &hole;
	watch(pair, 500U * MILLISECOND_NS);
	world->net.lose = NULL;
	peal_report_note(world->report, "next_relay_ns", pair->gap_ns);
	(void)peal_story_expect(world, pair->gap_ns <= CHANGE_NS_MAX,
		"a pair was silent for too long when the member between them passed nothing on");
}

static void
break_for_good(
	const struct peal_scenario_options *options, enum cut cut, struct peal_report *report)
{
	const struct peal_simworld_weather rain = {.loss_ppm = LOSS_PPM};
	const struct peal_simworld_weather fair = {0};
	struct peal_simworld world;
	struct pair pair;

	if (open_pair(&world, &pair, options, (uint64_t)cut, 2, report)) {
		uint64_t until_ns;

		set_cut(&pair, cut, true);
		watch(&pair, 300U * MILLISECOND_NS);
		peal_report_note(report, "gap_ns", pair.gap_ns);
		(void)peal_story_expect(&world, pair.gap_ns <= GAP_NS_MAX,
			"a pair was silent for too long when its link was cut");
		(void)peal_story_expect(&world, are_both(&pair, PEAL_PATH_INDIRECT),
			"a pair with a cut link does not know that it is indirect");
		expect_casts(&world, "cast_gap_ns");
		watch(&pair, 500U * MILLISECOND_NS);
		peal_report_note(report, "indirect_gap_ns", pair.gap_ns);
		(void)peal_story_expect(&world, pair.gap_ns <= INDIRECT_NS_MAX,
			"a pair that is indirect does not go on evenly");
		expect_casts(&world, "indirect_cast_gap_ns");

		peal_simworld_set_weather(&world, &rain);
		watch(&pair, 300U * MILLISECOND_NS);
		(void)peal_story_expect(
			&world, pair.gap_ns <= GAP_NS_MAX, "loss stopped a pair that is indirect");
		peal_simworld_set_weather(&world, &fair);
		if (options->nodes_count > 3U && are_both(&pair, PEAL_PATH_INDIRECT)) {
			lose_relay(&pair);
		}

		peal_simworld_heal(&world);
		until_ns = world.time.now_ns + RETURN_NS_MAX;
		while (!are_both(&pair, PEAL_PATH_DIRECT) && world.time.now_ns < until_ns) {
			peal_simworld_run_for(&world, MILLISECOND_NS);
		}
		peal_report_note(report, "return_ns", world.time.now_ns + RETURN_NS_MAX - until_ns);
		(void)peal_story_expect(&world, are_both(&pair, PEAL_PATH_DIRECT),
			"a pair whose link was mended is still indirect");
		stop_pair(&pair);
		peal_story_finish_talk(&world);
		peal_story_finish_cast(&world);
	}
	peal_simworld_fini(&world);
}

/* One end speaks, and the other, of which nothing arrives any more, has nothing to repeat: it
 * learns that its answers are lost by what comes through another member. */
static void
answer_in_vain(const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_simworld world;
	struct pair pair;

	if (open_pair(&world, &pair, options, CUTS_COUNT + 3U, 1, report)) {
		set_cut(&pair, CUT_BACK, true);
		watch(&pair, 300U * MILLISECOND_NS);
		peal_report_note(report, "answers_gap_ns", pair.gap_ns);
		(void)peal_story_expect(&world, pair.gap_ns <= GAP_NS_MAX,
			"a member whose answers are lost does not send them another way");
		stop_pair(&pair);
		peal_story_finish_talk(&world);
		peal_story_finish_cast(&world);
	}
	peal_simworld_fini(&world);
}

/* A member leaves while the pair is indirect, or at the instant at which its link breaks, and
 * nobody knows of that yet: what of the view is delivered is agreed on through others too, and the
 * broadcasts of all go on. */
static void
leave_around(
	const struct peal_scenario_options *options, bool is_at_once, struct peal_report *report)
{
	struct peal_simworld world;
	struct pair pair;

	if (options->nodes_count < LEAVE_NODES_MIN) {
		return;
	}
	if (open_pair(&world, &pair, options, CUTS_COUNT + (is_at_once ? 4U : 2U), 2, report)) {
		uint16_t leaver = 0;
		uint64_t epoch;

		while (leaver == pair.ends[0] || leaver == pair.ends[1]) {
			leaver++;
		}
		set_cut(&pair, CUT_BOTH, true);
		if (!is_at_once) {
			watch(&pair, 100U * MILLISECOND_NS);
		}
		(void)take_cast_gap(&world);
		epoch = world.casts[pair.ends[0]].epoch;
		peal_simworld_leave(&world, leaver);
		watch(&pair, 200U * MILLISECOND_NS);
		peal_report_note(
			report, is_at_once ? "broken_view_gap_ns" : "view_gap_ns", pair.gap_ns);
		peal_report_note(report,
			is_at_once ? "broken_view_cast_gap_ns" : "view_cast_gap_ns",
			world.casts[pair.ends[0]].gap_ns);
		(void)peal_story_expect(&world,
			world.casts[pair.ends[0]].epoch > epoch &&
				world.casts[pair.ends[1]].epoch > epoch,
			"a broken pair did not come to the next view of broadcasts");
		for (uint32_t end = 0; end < 2U; end++) {
			(void)peal_story_expect(&world,
				world.casts[pair.ends[end]].gap_ns <= VIEW_NS_MAX,
				"a broken pair kept the broadcasts of a view");
		}
		(void)peal_story_expect(&world, pair.gap_ns <= GAP_NS_MAX,
			"a pair was silent for too long when a view came");
		stop_pair(&pair);
		peal_story_finish_talk(&world);
		peal_story_finish_cast(&world);
	}
	peal_simworld_fini(&world);
}

/* A link that breaks and comes back all the time, in any direction, and at last for good. */
static void
flap(const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_simworld world;
	struct peal_prng prng;
	struct pair pair;

	peal_prng_init(&prng, options->seed ^ UINT64_C(0x666C6170));
	if (open_pair(&world, &pair, options, CUTS_COUNT, 2, report)) {
		uint64_t until_ns = world.time.now_ns + SECOND_NS;

		while (world.time.now_ns < until_ns && !world.is_over) {
			enum cut cut = (enum cut)peal_prng_below(&prng, CUTS_COUNT);

			set_cut(&pair, cut, true);
			peal_simworld_run_for(
				&world, peal_prng_below(&prng, 100U * MILLISECOND_NS));
			set_cut(&pair, cut, false);
			peal_simworld_run_for(
				&world, peal_prng_below(&prng, 300U * MILLISECOND_NS));
		}
		set_cut(&pair, CUT_BOTH, true);
		stop_pair(&pair);
		peal_story_finish_talk(&world);
		peal_story_finish_cast(&world);
	}
	peal_simworld_fini(&world);
}

/* Everybody talks about everything, on several cores, one pair is broken and stays so, and all else
 * loses frames: what was accepted arrives all the same. */
static void
talk_around(const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_scenario_options talking = *options;
	struct peal_simworld world;
	struct peal_prng prng;
	struct pair pair;

	talking.has_talk = true;
	talking.shards_max = options->seed % 2U == 0 ? PEAL_SIMNODE_SHARDS_MAX : 1U;
	peal_prng_init(&prng, options->seed ^ UINT64_C(0x61726F756E64));
	if (peal_story_open_formed(&world, &talking, CUTS_COUNT + 1U, report)) {
		const struct peal_simworld_weather rain = {.loss_ppm = LOSS_PPM,
			.duplicate_ppm = LOSS_PPM,
			.spike_ppm = LOSS_PPM,
			.spike_ns_max = MILLISECOND_NS};
		const struct peal_simworld_weather fair = {0};

		pair = (struct pair){.world = &world};
		pair.ends[0] = (uint16_t)peal_prng_below(&prng, options->nodes_count);
		pair.ends[1] =
			(uint16_t)((pair.ends[0] + 1U +
					   peal_prng_below(&prng, options->nodes_count - 1U)) %
				   options->nodes_count);
		peal_story_protect_all(&world);
		peal_simworld_set_weather(&world, &rain);
		set_cut(&pair, (enum cut)peal_prng_below(&prng, CUTS_COUNT), true);
		peal_simworld_run_for(&world, 300U * MILLISECOND_NS);
		peal_simworld_set_weather(&world, &fair);
		peal_story_finish_talk(&world);
	}
	peal_simworld_fini(&world);
}

void
peal_story_broken(const struct peal_scenario_options *options, struct peal_report *report)
{
	for (uint32_t cut = 0; cut < CUTS_COUNT; cut++) {
		break_for_good(options, (enum cut)cut, report);
	}
	answer_in_vain(options, report);
	leave_around(options, false, report);
	leave_around(options, true, report);
	flap(options, report);
	talk_around(options, report);
}
