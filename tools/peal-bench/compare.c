/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/compare.h"

#include "base/version.h"
#include "tools/peal-bench/outcome.h"
#include "tools/peal-bench/rankstats.h"
#include "tools/peal-bench/sharedoptions.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#define SIDES_COUNT 2U
/* What must be the same on both sides to compare like with like. */
static const char *const alike[] = {"command", "of", "link", "idle", "message_bytes",
	"record_bytes", "interval_ns", "sealed", "nodes", "preset", "burst", "echo", "lent"};

struct side {
	const char *path;
	json_t *first; /* result; the others are like it */
	uint32_t count;
	double values[PEAL_RANKSTATS_COUNT_MAX];
	struct peal_rankstats_interval median;
};

const char *
peal_compare_choose_key(const json_t *result)
{
	static const struct {
		const char *command;
		const char *key;
	} keys[] = {{"rtt", "p50_ns"}, {"oneway", "p50_ns"}, {"cast", "p50_ns"},
		{"view", "kill_last_p50_ns"}, {"cycles", "cycles_per_message"}, {"raw", "p50_ns"},
		{"message", "p50_ns"}, {"shm", "p50_ns"}, {"throughput", "messages_per_s"},
		{"ratio", "ratio"}};
	const char *command = json_string_value(json_object_get(result, "command"));

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (command != NULL && strcmp(command, keys[i].command) == 0) {
			return keys[i].key;
		}
	}
	return NULL;
}

static bool
take_value(struct side *side, const json_t *table, const char *key, struct peal_sentence *error)
{
	double value = json_number_value(json_object_get(table, key));

	if (value <= 0.0) {
		return peal_sentence_set(error, "%s: a result has no %s", side->path, key);
	}
	if (side->count == PEAL_RANKSTATS_COUNT_MAX) {
		return peal_sentence_set(
			error, "%s: more than %u values", side->path, PEAL_RANKSTATS_COUNT_MAX);
	}
	side->values[side->count++] = value;
	return true;
}

static bool
is_alike(const json_t *a, const json_t *b, const char **what_out)
{
	for (size_t i = 0; i < sizeof(alike) / sizeof(alike[0]); i++) {
		const json_t *left = json_object_get(a, alike[i]);
		const json_t *right = json_object_get(b, alike[i]);

		*what_out = alike[i];
		if ((left == NULL) != (right == NULL) ||
			(left != NULL && json_equal(left, right) == 0)) {
			return false;
		}
	}
	return true;
}

static bool
take_result(struct side *side, const json_t *result, const char *wanted_key,
	struct peal_sentence *error)
{
	const char *key = wanted_key != NULL ? wanted_key : peal_compare_choose_key(result);
	const json_t *pairs = json_object_get(result, "pairs"), *pair;
	const char *what;
	size_t at;

	if (key == NULL) {
		return peal_sentence_set(
			error, "%s: --key is missing: which figure is to be compared", side->path);
	}
	if (json_is_true(json_object_get(result, "refused"))) {
		return peal_sentence_set(error, "%s: a run in it gave no figure", side->path);
	}
	if (side->first != NULL && !is_alike(side->first, result, &what)) {
		return peal_sentence_set(
			error, "%s: the runs in it differ in %s", side->path, what);
	}
	if (wanted_key != NULL || strcmp(key, "ratio") != 0) {
		return take_value(side, result, key, error);
	}
	json_array_foreach(pairs, at, pair)
	{
		if (!take_value(side, pair, key, error)) {
			return false;
		}
	}
	return true;
}

/* All results of a file, one after the other. */
static bool
read_side(struct side *side, const char *key, struct peal_sentence *error)
{
	FILE *file = fopen(side->path, "re");
	bool is_good = true;
	int reason = 0;

	if (file == NULL) {
		return peal_sentence_set(
			error, "%s could not be read (%s)", side->path, strerror(errno));
	}
	while (is_good) {
		json_error_t fault;
		json_t *result;
		int next;

		do {
			errno = 0;
			next = fgetc(file);
		} while (next == ' ' || next == '\n' || next == '\r' || next == '\t');
		if (next == EOF) {
			reason = ferror(file) != 0 ? errno : 0;
			break;
		}
		(void)ungetc(next, file);
		result = json_loadf(file, JSON_DISABLE_EOF_CHECK, &fault);
		is_good = json_is_object(result)
				  ? take_result(side, result, key, error)
				  : peal_sentence_set(
					    error, "%s is no JSON of peal-bench", side->path);
		if (side->first == NULL) {
			side->first = result;
		} else {
			json_decref(result);
		}
	}
	(void)fclose(file);
	if (reason != 0) {
		return peal_sentence_set(
			error, "%s could not be read (%s)", side->path, strerror(reason));
	}
	if (is_good && side->count < PEAL_RANKSTATS_COUNT_MIN) {
		return peal_sentence_set(error,
			"%s: %u runs; fewer than %u a side decide nothing, so append more to it, "
			"by --json - >>%s",
			side->path, side->count, PEAL_RANKSTATS_COUNT_MIN, side->path);
	}
	return is_good;
}

/* Sentences about what else differs. */
static json_t *
find_warnings(const struct side sides[SIDES_COUNT])
{
	static const char *const keys[] = {"cpu", "cpus", "kernel", "dpdk", "clocksource"};
	const json_t *a = json_object_get(sides[0].first, "host");
	const json_t *b = json_object_get(sides[1].first, "host");
	json_t *warnings = json_array();

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const json_t *left = json_object_get(a, keys[i]);
		const json_t *right = json_object_get(b, keys[i]);

		if (left != NULL && right != NULL && json_equal(left, right) == 0) {
			json_array_append_new(warnings,
				json_sprintf("the two were measured on hosts that differ in %s",
					keys[i]));
		}
	}
	return warnings;
}

static json_t *
interval_to_json(const struct peal_rankstats_interval *interval)
{
	return json_pack("[f, f]", interval->low, interval->high);
}

static bool
deliver(const struct peal_benchargs *args, const struct side sides[SIDES_COUNT],
	const struct peal_rankstats_interval *quotient, const char *key, const char *verdict,
	struct peal_sentence *error)
{
	static const char *const names[SIDES_COUNT] = {"a", "b"};
	FILE *text = peal_benchargs_text_file(args);
	json_t *warnings = find_warnings(sides), *warning;
	size_t at;
	bool is_good = true;

	if (args->json_path != NULL) {
		json_t *root = json_pack("{s:s, s:s, s:s, s:s, s:f, s:o, s:O}", "command",
			"compare", "version", PEAL_VERSION, "key", key, "verdict", verdict,
			"quotient", quotient->middle, "quotient_interval",
			interval_to_json(quotient), "warnings", warnings);

		for (uint32_t i = 0; i < SIDES_COUNT; i++) {
			json_object_set_new(root, names[i],
				json_pack("{s:s, s:i, s:f, s:o}", "file", sides[i].path, "runs",
					(int)sides[i].count, "median", sides[i].median.middle,
					"median_interval", interval_to_json(&sides[i].median)));
		}
		is_good = peal_outcome_write_json(root, args->json_path, error);
		json_decref(root);
	}
	for (uint32_t i = 0; i < SIDES_COUNT && text != NULL; i++) {
		fprintf(text, "%s  median %s %.6g (%.6g to %.6g), %u runs\n", sides[i].path, key,
			sides[i].median.middle, sides[i].median.low, sides[i].median.high,
			sides[i].count);
	}
	if (text != NULL) {
		fprintf(text,
			"%s: %s of the second is %.4f times that of the first (%.4f to %.4f)\n",
			verdict, key, quotient->middle, quotient->low, quotient->high);
	}
	json_array_foreach(warnings, at, warning)
	{
		if (text != NULL) {
			fprintf(text, "warning: %s\n", json_string_value(warning));
		}
	}
	json_decref(warnings);
	return is_good;
}

static int
decide(const struct peal_benchargs *args, struct side sides[SIDES_COUNT],
	struct peal_sentence *error)
{
	static const char *const verdicts[] = {"faster", "slower", "no difference"};
	struct peal_rankstats_interval quotient;
	const char *key, *what;
	bool is_more_better;
	int status = PEAL_COMPARE_NO_DIFFERENCE;

	for (uint32_t i = 0; i < SIDES_COUNT; i++) {
		sides[i].path = args->files[i];
		if (!read_side(&sides[i], args->figure, error)) {
			return PEAL_COMPARE_NO_VERDICT;
		}
		sides[i].median = peal_rankstats_median(sides[i].values, sides[i].count);
	}
	if (!is_alike(sides[0].first, sides[1].first, &what)) {
		(void)peal_sentence_set(error, "the two differ in %s", what);
		return PEAL_COMPARE_NO_VERDICT;
	}
	if (!peal_rankstats_quotient(
		    sides[0].values, sides[0].count, sides[1].values, sides[1].count, &quotient)) {
		(void)peal_sentence_set(error, "there is no memory left");
		return PEAL_COMPARE_NO_VERDICT;
	}
	key = args->figure != NULL ? args->figure : peal_compare_choose_key(sides[0].first);
	is_more_better = strstr(key, "per_s") != NULL;
	if (quotient.low > 1.0) {
		status = is_more_better ? PEAL_COMPARE_FASTER : PEAL_COMPARE_SLOWER;
	} else if (quotient.high < 1.0) {
		status = is_more_better ? PEAL_COMPARE_SLOWER : PEAL_COMPARE_FASTER;
	}
	return deliver(args, sides, &quotient, key, verdicts[status], error)
		       ? status
		       : PEAL_COMPARE_NO_VERDICT;
}

static int
answer(const struct peal_benchargs *args, struct peal_sentence *error)
{
	static struct side sides[SIDES_COUNT];
	int status = decide(args, sides, error);

	for (uint32_t i = 0; i < SIDES_COUNT; i++) {
		json_decref(sides[i].first);
	}
	return status;
}

static const struct peal_option option_key = {.name = "key",
	.value = "NAME",
	.help = "the figure (default: p50_ns; messages_per_s of throughput, ratio of ratio); more "
		"is better where the name has per_s in it",
	.kind = PEAL_OPTION_TEXT,
	PEAL_OPTION_FIELD(figure)};

static const struct peal_option *const own_options[] = {
	&option_key, &peal_option_json, &peal_option_quiet, NULL};

const struct peal_command peal_compare_command = {
	.name = "compare",
	.usage = "A.json B.json [--key NAME] [options]",
	.brief = "which of two sets of results is faster, if any",
	.about =
		"Tells whether B is faster or slower than A, or whether no difference can be told. "
		"A file holds what\n"
		"several runs wrote by --json, one after the other, at least four of them; each "
		"run is one value, and\n"
		"each pair of a ratio. Run A and B in turns, so that a slow hour is slow for "
		"both.\n"
		"\n"
		"Medians have intervals by order statistics; the quotient of both sides is that of "
		"Hodges and Lehmann,\n"
		"with an interval by the Mann-Whitney U. Ranks assume nothing of how times are "
		"distributed. Where the\n"
		"95 % interval of the quotient holds 1, there is no difference.\n",
	.notes = "Exit status: 0 faster, 1 slower, 2 no difference, 3 no verdict; a sentence says "
		 "why.\n",
	.examples = "  for i in 1 2 3 4 5; do\n"
		    "    old/peal-bench rtt --link ring --quiet --json - >>a.json\n"
		    "    new/peal-bench rtt --link ring --quiet --json - >>b.json\n"
		    "  done\n"
		    "  peal-bench compare a.json b.json\n"
		    "  peal-bench compare a.json b.json --key p99_ns --json - --quiet\n",
	.options = own_options,
	.files_min = SIDES_COUNT,
	.files_max = SIDES_COUNT,
	.files = "two result files",
	.refusal_status = PEAL_COMPARE_NO_VERDICT,
	.answer = answer,
};
