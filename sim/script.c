/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/script.h"

#include "base/assert.h"
#include "sim/check_metadata.h"
#include "sim/scenario.h"
#include "sim/simworld.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_NS     UINT64_C(1000000000)
#define CAPACITY_MIN  64U
#define LINE_SIZE_MAX 256U
#define PPM           1000000U
#define WEATHER_SPIKE 3U /* of the values of WEATHER, the one that is a time */

struct action_name {
	const char *name;
	uint32_t nodes_count;  /* of its values, how many are nodes ... */
	uint32_t values_count; /* ... and how many there are */
};

static const struct action_name names[PEAL_ACTIONS_COUNT] = {
	[PEAL_ACTION_START] = {"start", 1, 1},
	[PEAL_ACTION_CRASH] = {"crash", 1, 1},
	[PEAL_ACTION_LEAVE] = {"leave", 1, 1},
	[PEAL_ACTION_PAUSE] = {"pause", 1, 1},
	[PEAL_ACTION_RESUME] = {"resume", 1, 1},
	[PEAL_ACTION_STICK] = {"stick", 1, 1},
	[PEAL_ACTION_UNSTICK] = {"unstick", 1, 1},
	[PEAL_ACTION_CUT] = {"cut", 2, 2},
	[PEAL_ACTION_MEND] = {"mend", 2, 2},
	[PEAL_ACTION_INGRESS] = {"ingress", 1, 2},
	[PEAL_ACTION_EGRESS] = {"egress", 1, 2},
	[PEAL_ACTION_WEATHER] = {"weather", 0, 4},
	[PEAL_ACTION_HEAL] = {"heal", 0, 0},
	[PEAL_ACTION_AGREE] = {"agree", 0, 0},
	[PEAL_ACTION_QUIET] = {"quiet", 0, 1},
};

void
peal_script_init(struct peal_script *script)
{
	memset(script, 0, sizeof(*script));
}

void
peal_script_fini(struct peal_script *script)
{
	free(script->actions);
	memset(script, 0, sizeof(*script));
}

void
peal_script_add(struct peal_script *script, const struct peal_action *action)
{
	PEAL_ASSERT(action->kind < PEAL_ACTIONS_COUNT);
	if (script->count == script->capacity) {
		script->capacity = 2U * script->capacity + CAPACITY_MIN;
		script->actions =
			realloc(script->actions, script->capacity * sizeof(script->actions[0]));
		PEAL_ASSERT(script->actions != NULL);
	}
	PEAL_ASSERT(
		script->count == 0 || script->actions[script->count - 1U].at_ns <= action->at_ns);
	script->actions[script->count++] = *action;
}

/* True when the node of a start runs already, as far as the script says. */
static bool
is_running(const struct peal_script *script, uint32_t index)
{
	for (uint32_t i = index; i > 0; i--) {
		const struct peal_action *before = &script->actions[i - 1U];

		if (before->values[0] == script->actions[index].values[0] &&
			(before->kind == PEAL_ACTION_START || before->kind == PEAL_ACTION_CRASH)) {
			return before->kind == PEAL_ACTION_START;
		}
	}
	return false;
}

bool
peal_script_is_optional(const struct peal_script *script, uint32_t index)
{
	enum peal_action_kind kind = script->actions[index].kind;

	return kind != PEAL_ACTION_HEAL && kind != PEAL_ACTION_AGREE && kind != PEAL_ACTION_QUIET &&
	       (kind != PEAL_ACTION_START || is_running(script, index));
}

void
peal_script_write(const struct peal_script *script, FILE *file)
{
	fprintf(file, "nodes %u preset %s seed %" PRIu64, script->nodes_count, script->preset,
		script->seed);
	if (script->profile[0] != '\0') {
		fprintf(file, " profile %s", script->profile);
	}
	if (script->detector != PEAL_DETECTOR_WINDOW) {
		fprintf(file, " detector %s", peal_detector_name(script->detector));
	}
	if (script->metadata_size_max > 0) {
		fprintf(file, " metadata %u", script->metadata_size_max);
	}
	if (script->has_one_seed) {
		fprintf(file, " seeds 1");
	}
	if (script->is_ipv6) {
		fprintf(file, " ipv6 1");
	}
	if (script->has_talk) {
		fprintf(file, " talk 1");
	}
	fputc('\n', file);
	for (uint32_t i = 0; i < script->count; i++) {
		const struct peal_action *action = &script->actions[i];

		fprintf(file, "%" PRIu64 ".%09" PRIu64 " %s", action->at_ns / SECOND_NS,
			action->at_ns % SECOND_NS, names[action->kind].name);
		for (uint32_t k = 0; k < names[action->kind].values_count; k++) {
			fprintf(file, " %" PRIu64, action->values[k]);
		}
		fputc('\n', file);
	}
}

/* "3.250000000": exactly nine digits behind the point. */
static bool
parse_time(const char *word, uint64_t *at_ns_out)
{
	char *end = NULL;
	uint64_t seconds = strtoull(word, &end, 10);
	const char *fraction = end + 1;

	if (end == word || *end != '.' || strlen(fraction) != 9U || seconds > UINT32_MAX) {
		return false;
	}
	*at_ns_out = seconds * SECOND_NS + strtoull(fraction, &end, 10);
	return *end == '\0';
}

/* A decimal number up to `max` and nothing else. */
static bool
parse_number(const char *word, uint64_t max, uint64_t *value_out)
{
	char *end = NULL;

	if (word == NULL || word[0] < '0' || word[0] > '9') {
		return false;
	}
	*value_out = strtoull(word, &end, 10);
	return *end == '\0' && *value_out <= max;
}

/* One pair of words of the head. */
static bool
parse_head_pair(struct peal_script *script, const char *name, const char *value)
{
	struct peal_timing timing;
	const char *preset;
	uint64_t number;

	if (value == NULL) {
		return false;
	}
	if (strcmp(name, "nodes") == 0) {
		bool is_number = parse_number(value, PEAL_SIMWORLD_NODES_MAX, &number);

		script->nodes_count = is_number ? (uint16_t)number : 0;
		return script->nodes_count > 0;
	}
	if (strcmp(name, "seeds") == 0) {
		script->has_one_seed = strcmp(value, "1") == 0;
		return script->has_one_seed;
	}
	if (strcmp(name, "ipv6") == 0) {
		script->is_ipv6 = strcmp(value, "1") == 0;
		return script->is_ipv6;
	}
	if (strcmp(name, "talk") == 0) {
		script->has_talk = strcmp(value, "1") == 0;
		return script->has_talk;
	}
	if (strcmp(name, "seed") == 0) {
		return parse_number(value, UINT64_MAX, &script->seed);
	}
	if (strcmp(name, "preset") == 0) {
		(void)snprintf(script->preset, sizeof(script->preset), "%s", value);
		return peal_timing_find(value, &timing);
	}
	if (strcmp(name, "profile") == 0) {
		(void)snprintf(script->profile, sizeof(script->profile), "%s", value);
		return peal_scenario_find_profile(value, &number, &number, &preset);
	}
	if (strcmp(name, "metadata") == 0) {
		bool is_number = parse_number(value, PEAL_METADATA_SIZE_MAX, &number);

		script->metadata_size_max = is_number ? (uint32_t)number : 0;
		return script->metadata_size_max >= PEAL_CHECK_METADATA_SIZE_MIN;
	}
	return strcmp(name, "detector") == 0 && peal_detector_find(value, &script->detector);
}

static bool
parse_head(struct peal_script *script, char *line)
{
	struct peal_timing timing;
	char *rest = NULL;
	const char *name = strtok_r(line, " \n", &rest);

	for (; name != NULL; name = strtok_r(NULL, " \n", &rest)) {
		if (!parse_head_pair(script, name, strtok_r(NULL, " \n", &rest))) {
			return false;
		}
	}
	return script->nodes_count > 0 && script->preset[0] != '\0' &&
	       peal_timing_find(script->preset, &timing) &&
	       peal_timing_set_detector(&timing, script->detector);
}

static bool
parse_action(const struct peal_script *script, char *line, struct peal_action *action)
{
	char *rest = NULL;
	const char *word = strtok_r(line, " \n", &rest);
	uint32_t kind = 0;

	*action = (struct peal_action){0};
	if (word == NULL || !parse_time(word, &action->at_ns)) {
		return false;
	}
	word = strtok_r(NULL, " \n", &rest);
	while (word != NULL && kind < PEAL_ACTIONS_COUNT && strcmp(word, names[kind].name) != 0) {
		kind++;
	}
	if (word == NULL || kind == PEAL_ACTIONS_COUNT) {
		return false;
	}
	action->kind = (enum peal_action_kind)kind;
	for (uint32_t k = 0; k < names[kind].values_count; k++) {
		uint64_t max = k < names[kind].nodes_count ? script->nodes_count - 1U
			       : kind == PEAL_ACTION_QUIET || k == WEATHER_SPIKE ? UINT64_MAX / 2U
										 : PPM;

		if (!parse_number(strtok_r(NULL, " \n", &rest), max, &action->values[k])) {
			return false;
		}
	}
	return strtok_r(NULL, " \n", &rest) == NULL &&
	       (script->count == 0 || script->actions[script->count - 1U].at_ns <= action->at_ns);
}

bool
peal_script_read(struct peal_script *script, FILE *file, uint32_t *line_out)
{
	char line[LINE_SIZE_MAX];
	bool has_head = false;

	for (*line_out = 1; fgets(line, sizeof(line), file) != NULL; (*line_out)++) {
		struct peal_action action;

		if (line[0] == '#' || line[0] == '\n') {
			continue;
		}
		if (!has_head) {
			if (!parse_head(script, line)) {
				return false;
			}
			has_head = true;
			continue;
		}
		if (!parse_action(script, line, &action)) {
			return false;
		}
		peal_script_add(script, &action);
	}
	return has_head;
}
