/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/shrink.h"

#include "base/assert.h"
#include "sim/story.h"

#include <stdlib.h>
#include <string.h>

/* A violation is told from others by more than "n4:". */
#define WORDS_SIZE_MIN 8U

static void
act(struct peal_simworld *world, const struct peal_action *action)
{
	uint16_t a = (uint16_t)action->values[0];
	uint16_t b = (uint16_t)action->values[1];

	switch (action->kind) {
	case PEAL_ACTION_START:
		peal_simworld_start(world, a);
		break;
	case PEAL_ACTION_CRASH:
		peal_simworld_crash(world, a);
		break;
	case PEAL_ACTION_LEAVE:
		peal_simworld_leave(world, a);
		break;
	case PEAL_ACTION_PAUSE:
	case PEAL_ACTION_RESUME:
		peal_simworld_pause(world, a, action->kind == PEAL_ACTION_PAUSE);
		break;
	case PEAL_ACTION_STICK:
	case PEAL_ACTION_UNSTICK:
		peal_simworld_stick(world, a, action->kind == PEAL_ACTION_STICK);
		break;
	case PEAL_ACTION_CUT:
	case PEAL_ACTION_MEND:
		peal_simworld_cut(world, a, b, action->kind == PEAL_ACTION_CUT);
		break;
	case PEAL_ACTION_INGRESS:
		peal_simworld_set_ingress_loss(world, a, (uint32_t)action->values[1]);
		break;
	case PEAL_ACTION_EGRESS:
		peal_simworld_set_egress_loss(world, a, (uint32_t)action->values[1]);
		break;
	case PEAL_ACTION_WEATHER: {
		struct peal_simworld_weather weather = {.loss_ppm = (uint32_t)action->values[0],
			.duplicate_ppm = (uint32_t)action->values[1],
			.spike_ppm = (uint32_t)action->values[2],
			.spike_ns_max = action->values[3]};

		peal_simworld_set_weather(world, &weather);
		break;
	}
	case PEAL_ACTION_HEAL:
		peal_simworld_heal(world);
		break;
	case PEAL_ACTION_AGREE:
		(void)peal_simworld_run_to_agreement(world, peal_simworld_patience_ns(world));
		break;
	case PEAL_ACTION_QUIET:
		peal_story_stay_quiet(world, action->values[0]);
		break;
	case PEAL_ACTIONS_COUNT:
	default:
		PEAL_ASSERT(!"no such action");
	}
}

bool
peal_shrink_play(const struct peal_script *script, FILE *trace, struct peal_report *report)
{
	struct peal_scenario_options options = {.nodes_count = script->nodes_count,
		.seed = script->seed,
		.preset = script->preset,
		.detector = script->detector,
		.metadata_size_max = script->metadata_size_max,
		.has_one_seed = script->has_one_seed,
		.is_ipv6 = script->is_ipv6,
		.has_talk = script->has_talk,
		.profile = script->profile[0] != '\0' ? script->profile : NULL,
		.trace = trace};
	struct peal_simworld world;

	peal_report_init(report);
	(void)snprintf(report->scenario, sizeof(report->scenario), "script");
	(void)snprintf(report->preset, sizeof(report->preset), "%s", script->preset);
	report->nodes_count = script->nodes_count;
	report->metadata_size_max = script->metadata_size_max;
	report->is_ipv6 = script->is_ipv6;
	report->detector = script->detector;
	report->seed = script->seed;
	peal_simnode_set_ipv6(script->is_ipv6);
	peal_story_open(&world, &options, 0, report);
	for (uint32_t i = 0; i < script->count && !world.is_over; i++) {
		uint64_t at_ns = world.began_at_ns + script->actions[i].at_ns;

		if (at_ns > world.time.now_ns) {
			peal_simworld_run_until(&world, at_ns);
		}
		act(&world, &script->actions[i]);
	}
	if (script->has_talk && !world.is_over) {
		peal_story_finish_talk(&world);
	}
	peal_simworld_fini(&world);
	peal_simnode_set_ipv6(false);
	return report->violations_count == 0;
}

/* What a violation says, without its time and its numbers, up to the names of the nodes. */
static void
get_words(const struct peal_report *report, char words[PEAL_REPORT_VIOLATION_SIZE_MAX])
{
	const char *text = report->violations[0];
	const char *begin = strstr(text, " s: ");
	uint32_t size = 0;

	for (text = begin == NULL ? text : begin + 4; *text != '\0'; text++) {
		if (*text == ':' && size > WORDS_SIZE_MIN) {
			break;
		}
		if (*text < '0' || *text > '9') {
			words[size++] = *text;
		}
	}
	words[size] = '\0';
}

struct search {
	struct peal_script *script;
	struct peal_script fewer;
	struct peal_report report;
	char words[PEAL_REPORT_VIOLATION_SIZE_MAX]; /* of the failure that is looked for */
};

/* Plays the script without the actions [first, first + count) that may be left out. */
static bool
fails_without(struct search *search, uint32_t first, uint32_t count)
{
	const struct peal_script *script = search->script;
	struct peal_script *fewer = &search->fewer;
	char words[PEAL_REPORT_VIOLATION_SIZE_MAX];

	fewer->count = 0;
	for (uint32_t i = 0; i < script->count; i++) {
		if (i < first || i >= first + count || !peal_script_is_optional(script, i)) {
			peal_script_add(fewer, &script->actions[i]);
		}
	}
	if (fewer->count == script->count || peal_shrink_play(fewer, NULL, &search->report)) {
		return false;
	}
	get_words(&search->report, words);
	return strcmp(words, search->words) == 0;
}

bool
peal_shrink_reduce(struct peal_script *script, uint32_t plays_max, peal_shrink_progress_fn progress)
{
	struct search *search = calloc(1, sizeof(*search));
	uint32_t plays = 1;
	bool is_failing;

	PEAL_ASSERT(search != NULL);
	search->script = script;
	search->fewer = *script; /* the head; the actions are its own */
	search->fewer.count = 0;
	search->fewer.capacity = 0;
	search->fewer.actions = NULL;
	is_failing = !peal_shrink_play(script, NULL, &search->report);
	get_words(&search->report, search->words);
	for (uint32_t size = script->count; is_failing && size > 0; size /= 2U) {
		for (uint32_t first = 0; first < script->count && plays < plays_max; plays++) {
			if (fails_without(search, first, size)) {
				struct peal_script before = *script;

				*script = search->fewer;
				search->fewer = before;
			} else {
				first += size;
			}
			if (progress != NULL) {
				progress(plays, script->count);
			}
		}
	}
	peal_script_fini(&search->fewer);
	free(search);
	return is_failing;
}

bool
peal_shrink_run(const struct peal_scenario *scenario, const struct peal_scenario_options *options,
	uint32_t plays_max, peal_shrink_progress_fn progress, struct peal_script *script_out)
{
	struct peal_scenario_options recorded = *options;
	struct peal_report *report = malloc(sizeof(*report));
	bool is_failing;

	PEAL_ASSERT(report != NULL);
	recorded.record = script_out;
	(void)peal_scenario_run(scenario, &recorded, report);
	is_failing = report->violations_count > 0;
	free(report);
	return is_failing && peal_shrink_reduce(script_out, plays_max, progress);
}
