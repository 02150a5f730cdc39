/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/coreargs.h"

#include "base/assert.h"
#include "runtime/eal.h"
#include "tools/peal-bench/argtext.h"
#include "tools/peal-bench/corehelp.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_NS        UINT64_C(1000000000)
#define SECONDS_MAX      3600U
#define SECONDS          5U
#define THRESHOLD_NS_MIN UINT64_C(100)
#define THRESHOLD_NS_MAX UINT64_C(1000000000)
#define THRESHOLD_NS     UINT64_C(1000)
#define FLOOR_ROUNDS     3U
#define SHM_ROUNDS       100U
#define SHM_SIZE         64U
#define SHM_SIZE_MIN     8U

enum option_id {
	OPTION_CORES = 256,
	OPTION_SECONDS,
	OPTION_THRESHOLD,
	OPTION_ROUNDS,
	OPTION_SIZE,
	OPTION_ANYWAY,
	OPTION_KEY,
	OPTION_SVG,
	OPTION_PNG,
	OPTION_TITLE,
	OPTION_JSON,
	OPTION_QUIET,
};

#define BIT(id) (1U << ((id)-OPTION_CORES))

/* In the order of the numbers. */
static const struct option options[] = {
	{"cores", required_argument, NULL, OPTION_CORES},
	{"seconds", required_argument, NULL, OPTION_SECONDS},
	{"threshold", required_argument, NULL, OPTION_THRESHOLD},
	{"rounds", required_argument, NULL, OPTION_ROUNDS},
	{"size", required_argument, NULL, OPTION_SIZE},
	{"anyway", no_argument, NULL, OPTION_ANYWAY},
	{"key", required_argument, NULL, OPTION_KEY},
	{"svg", required_argument, NULL, OPTION_SVG},
	{"png", required_argument, NULL, OPTION_PNG},
	{"title", required_argument, NULL, OPTION_TITLE},
	{"json", required_argument, NULL, OPTION_JSON},
	{"quiet", no_argument, NULL, OPTION_QUIET},
	{NULL, 0, NULL, 0},
};

/* By the number of the command. */
static const struct {
	const char *name;
	uint32_t options; /* beside --json and --quiet, which plot has no use for */
	uint32_t cpus_min, cpus_max;
	uint32_t files_min, files_max;
} commands[] = {
	{"jitter", BIT(OPTION_CORES) | BIT(OPTION_SECONDS) | BIT(OPTION_THRESHOLD), 1,
		PEAL_COREARGS_CPUS_MAX, 0, 0},
	{"floor", BIT(OPTION_CORES) | BIT(OPTION_ROUNDS), 2, PEAL_COREARGS_CPUS_MAX, 0, 0},
	{"shm", BIT(OPTION_CORES) | BIT(OPTION_ROUNDS) | BIT(OPTION_SIZE) | BIT(OPTION_ANYWAY), 2,
		2, 0, 0},
	{"compare", BIT(OPTION_KEY), 0, 0, 2, 2},
	{"plot", BIT(OPTION_SVG) | BIT(OPTION_PNG) | BIT(OPTION_TITLE), 0, 0, 1,
		PEAL_COREARGS_FILES_MAX},
};

#define COMMANDS_COUNT (sizeof(commands) / sizeof(commands[0]))

static bool
find_command(const char *word, enum peal_coreargs_command *command_out)
{
	for (uint32_t i = 0; i < COMMANDS_COUNT; i++) {
		if (strcmp(word, commands[i].name) == 0) {
			*command_out = (enum peal_coreargs_command)i;
			return true;
		}
	}
	return false;
}

bool
peal_coreargs_knows(const char *word)
{
	enum peal_coreargs_command command;

	return find_command(word, &command);
}

static bool
has_cpu(const struct peal_coreargs *args, int cpu)
{
	for (uint32_t i = 0; i < args->cpus_count; i++) {
		if (args->cpus[i] == cpu) {
			return true;
		}
	}
	return false;
}

/* "0,2-5". Each CPU once, though it is said twice. False: no such list, or too long. */
static bool
parse_cpus(struct peal_coreargs *args, const char *text)
{
	args->cpus_count = 0;
	for (;;) {
		char *end = NULL;
		long first, last;

		if (*text < '0' || *text > '9') {
			return false;
		}
		first = strtol(text, &end, 10);
		last = first;
		if (*end == '-' && end[1] >= '0' && end[1] <= '9') {
			last = strtol(end + 1, &end, 10);
		}
		if (last >= CPU_SETSIZE || last < first || (*end != ',' && *end != '\0')) {
			return false;
		}
		for (int cpu = (int)first; cpu <= (int)last; cpu++) {
			if (has_cpu(args, cpu)) {
				continue;
			}
			if (args->cpus_count == PEAL_COREARGS_CPUS_MAX) {
				return false;
			}
			args->cpus[args->cpus_count++] = cpu;
		}
		if (*end == '\0') {
			return true;
		}
		text = end + 1;
	}
}

static bool
take_option(struct peal_coreargs *args, int id, const char *value, struct peal_sentence *error)
{
	uint64_t number;

	switch (id) {
	case OPTION_CORES:
		return parse_cpus(args, value) || peal_argtext_refuse(error, "--cores", value,
							  "up to 64 CPU numbers like 0,2-5");
	case OPTION_SECONDS:
		if (!peal_argtext_read_number(value, 1, SECONDS_MAX, &number)) {
			return peal_argtext_refuse(
				error, "--seconds", value, "seconds from 1 to 3600");
		}
		args->duration_ns = number * SECOND_NS;
		return true;
	case OPTION_THRESHOLD:
		return peal_argtext_read_number(
			       value, THRESHOLD_NS_MIN, THRESHOLD_NS_MAX, &args->threshold_ns) ||
		       peal_argtext_refuse(
			       error, "--threshold", value, "nanoseconds from 100 to 1000000000");
	case OPTION_ROUNDS:
		if (!peal_argtext_read_number(value, 1, PEAL_COREARGS_ROUNDS_MAX, &number)) {
			return peal_argtext_refuse(
				error, "--rounds", value, "a number from 1 to 1000");
		}
		args->rounds_count = (uint32_t)number;
		return true;
	case OPTION_SIZE:
		if (!peal_argtext_read_number(
			    value, SHM_SIZE_MIN, PEAL_COREARGS_SIZE_MAX, &number) ||
			number % 4U != 0) {
			return peal_argtext_refuse(
				error, "--size", value, "a multiple of 4 from 8 to 1024");
		}
		args->size = (uint32_t)number;
		return true;
	case OPTION_ANYWAY:
		args->is_anyway = true;
		return true;
	case OPTION_KEY:
		args->key = value;
		return true;
	case OPTION_TITLE:
		args->title = value;
		return true;
	case OPTION_SVG:
	case OPTION_PNG:
		args->plot_path = value;
		return peal_argtext_has_ending(value, id == OPTION_SVG ? ".svg" : ".png") ||
		       peal_argtext_refuse(error, id == OPTION_SVG ? "--svg" : "--png", value,
			       id == OPTION_SVG ? "a file that ends in .svg"
						: "a file that ends in .png");
	case OPTION_JSON:
		args->json_path = value;
		return true;
	default:
		args->is_quiet = true;
		return true;
	}
}

static bool
complete_cpus(struct peal_coreargs *args, struct peal_sentence *error)
{
	uint32_t min = commands[args->command].cpus_min, max = commands[args->command].cpus_max;

	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (peal_eal_has_cpu(cpu) && args->cpus_count < max) {
			args->cpus[args->cpus_count++] = cpu;
		}
	}
	if (args->cpus_count < min) {
		return peal_sentence_set(
			error, "--cores: %s needs two CPUs", commands[args->command].name);
	}
	return true;
}

/* What was given as --cores must be had. */
static bool
check_cpus(const struct peal_coreargs *args, struct peal_sentence *error)
{
	uint32_t min = commands[args->command].cpus_min, max = commands[args->command].cpus_max;

	for (uint32_t i = 0; i < args->cpus_count; i++) {
		if (!peal_eal_has_cpu(args->cpus[i])) {
			return peal_sentence_set(error,
				"--cores: this process may not use CPU %d; the last one it may use "
				"is %d",
				args->cpus[i], peal_eal_last_cpu());
		}
	}
	if (args->cpus_count < min || args->cpus_count > max) {
		return peal_sentence_set(error, "--cores: %s needs %s",
			commands[args->command].name, max == 2 ? "two CPUs" : "two CPUs or more");
	}
	return true;
}

static bool
complete(struct peal_coreargs *args, uint32_t given, struct peal_sentence *error)
{
	uint32_t common =
		args->command == PEAL_COREARGS_PLOT ? 0 : BIT(OPTION_JSON) | BIT(OPTION_QUIET);
	uint32_t allowed = commands[args->command].options | common;
	uint32_t wrong = given & ~allowed;

	if (wrong != 0) {
		return peal_sentence_set(error, "--%s does not belong to %s",
			options[(uint32_t)__builtin_ctz(wrong)].name, commands[args->command].name);
	}
	if (args->command == PEAL_COREARGS_PLOT && args->plot_path == NULL) {
		return peal_sentence_set(error, "plot: --svg or --png is missing");
	}
	if (args->rounds_count == 0) {
		args->rounds_count = args->command == PEAL_COREARGS_SHM ? SHM_ROUNDS : FLOOR_ROUNDS;
	}
	return (given & BIT(OPTION_CORES)) != 0 ? check_cpus(args, error)
						: complete_cpus(args, error);
}

/* What stands behind the options. */
static bool
take_files(struct peal_coreargs *args, int count, char **values, struct peal_sentence *error)
{
	uint32_t min = commands[args->command].files_min, max = commands[args->command].files_max;

	if (count > 0 && max == 0) {
		return peal_sentence_set(error, "%s: expected nothing more", values[0]);
	}
	if (count < (int)min || count > (int)max) {
		return peal_sentence_set(error, "%s: expected %s", commands[args->command].name,
			max == 2 ? "two result files" : "one to eight result files");
	}
	for (int i = 0; i < count; i++) {
		args->files[args->files_count++] = values[i];
	}
	return true;
}

static bool
asks_for_help(int count, char **values)
{
	for (int i = 1; i < count; i++) {
		if (strcmp(values[i], "--help") == 0 || strcmp(values[i], "-h") == 0) {
			return true;
		}
	}
	return false;
}

enum peal_benchargs_verdict
peal_coreargs_parse(
	struct peal_coreargs *args_out, int count, char **values, struct peal_sentence *error)
{
	uint32_t given = 0;
	int id;
	bool is_known;

	*args_out = (struct peal_coreargs){
		.duration_ns = SECONDS * SECOND_NS,
		.threshold_ns = THRESHOLD_NS,
		.size = SHM_SIZE,
	};
	PEAL_ASSERT(count >= 2);
	is_known = find_command(values[1], &args_out->command);
	PEAL_ASSERT(is_known);
	if (asks_for_help(count, values)) {
		fputs(peal_corehelp_of(args_out->command), stdout);
		return PEAL_BENCHARGS_HELPED;
	}
	opterr = 0;
	while ((id = getopt_long(count - 1, values + 1, ":", options, NULL)) != -1) {
		const char *word = values[optind];

		if (id == '?' || id == ':') {
			(void)peal_sentence_set(error, "option %s %s", word,
				id == ':' ? "needs a value" : "is not known");
			return PEAL_BENCHARGS_REFUSED;
		}
		given |= BIT(id);
		if (!take_option(args_out, id, optarg, error)) {
			return PEAL_BENCHARGS_REFUSED;
		}
	}
	if (!take_files(args_out, count - 1 - optind, values + 1 + optind, error)) {
		return PEAL_BENCHARGS_REFUSED;
	}
	return complete(args_out, given, error) ? PEAL_BENCHARGS_GO : PEAL_BENCHARGS_REFUSED;
}

FILE *
peal_coreargs_text_file(const struct peal_coreargs *args)
{
	if (args->is_quiet) {
		return NULL;
	}
	return args->json_path != NULL && strcmp(args->json_path, "-") == 0 ? stderr : stdout;
}
