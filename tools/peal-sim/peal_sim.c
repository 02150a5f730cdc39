/* SPDX-License-Identifier: BSD-3-Clause */
/* peal-sim: runs scenarios of the simulator, seed after seed. Exit status: 0, 1 a violation, 2
 * usage. */
#include "base/assert.h"
#include "base/limits.h"
#include "base/timing.h"
#include "sim/scenario.h"
#include "tools/peal-sim/figures.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define COMMAND_SIZE   160U
#define FAILURES_SHOWN 5U
#define BAR_WIDTH      40U

struct arguments {
	const struct peal_scenario *scenario;
	uint16_t nodes_count;
	uint64_t seed_first;
	uint64_t seed_last;
	const char *preset;
	enum peal_detector detector;
	bool is_traced;
	bool wants_digests;
	const char *json_path;
};

static const char help_text[] =
	"usage: peal-sim run --scenario NAME [options]\n"
	"       peal-sim list\n"
	"\n"
	"Runs the production code of Peal's nodes in a false world: virtual time, a network that "
	"loses,\n"
	"doubles, delays and cuts, processes that crash and stall. A seed decides everything.\n"
	"\n"
	"  --scenario NAME    what happens; 'peal-sim list' names them\n"
	"  --nodes N          how many nodes (default: what the scenario says)\n"
	"  --seed S           one run with this seed (default: 1)\n"
	"  --seeds FROM..TO   one run for each seed\n"
	"  --preset P         timing: dpdk-fast, dpdk, cloud or paper (default: what the scenario "
	"says)\n"
	"  --detector D       window (default), phi (preset cloud or paper) or silence\n"
	"  --trace            tell what happens, line by line\n"
	"  --digest           print the digest of each seed: equal digests, equal runs\n"
	"  --json FILE        write the figures to FILE; - is the standard output\n"
	"  -h, --help         this text\n"
	"\n"
	"examples:\n"
	"  peal-sim run --scenario swarm --seeds 1..200\n"
	"  peal-sim run --scenario swarm --nodes 5 --seed 17 --trace\n"
	"  peal-sim run --scenario crash --preset dpdk-fast --seeds 1..1000 --json crash.json\n";

/* The run that is going on, for the line printed when an assertion ends the process. */
static struct peal_report current_report;

static void
on_assert(const char *condition, const char *file, int line)
{
	char command[COMMAND_SIZE];

	(void)condition;
	(void)file;
	(void)line;
	peal_scenario_command(&current_report, command, sizeof(command));
	fprintf(stderr, "again with: %s --trace\n", command);
}

static void
show_scenarios(void)
{
	uint32_t count;
	const struct peal_scenario *list = peal_scenario_list(&count);

	for (uint32_t i = 0; i < count; i++) {
		char nodes[16] = "3 to 9";

		if (list[i].nodes_count != 0) {
			(void)snprintf(nodes, sizeof(nodes), "%u", list[i].nodes_count);
		}
		printf("%-9s  %s\n           nodes: %s, at least %u; preset: %s%s\n", list[i].name,
			list[i].about, nodes, list[i].nodes_count_min, list[i].preset,
			list[i].must_fail ? "; must fail" : "");
	}
}

static bool
parse_number(const char *text, uint64_t max, uint64_t *value_out)
{
	char *end = NULL;

	errno = 0;
	*value_out = strtoull(text, &end, 0);
	return errno == 0 && end != text && *end == '\0' && text[0] != '-' && *value_out <= max;
}

/* "FROM..TO", both included. */
static bool
parse_range(const char *text, uint64_t *first_out, uint64_t *last_out)
{
	const char *dots = strstr(text, "..");
	char first[32];

	if (dots == NULL || (size_t)(dots - text) >= sizeof(first)) {
		return false;
	}
	memcpy(first, text, (size_t)(dots - text));
	first[dots - text] = '\0';
	return parse_number(first, UINT64_MAX - 1U, first_out) &&
	       parse_number(dots + 2, UINT64_MAX - 1U, last_out) && *first_out <= *last_out;
}

static bool
complain(const char *what, const char *value, const char *expected)
{
	fprintf(stderr, "peal-sim: %s '%s': expected %s\n", what, value, expected);
	return false;
}

static bool
take_option(struct arguments *arguments, int option, const char *value)
{
	struct peal_timing timing;
	uint64_t number;

	switch (option) {
	case 's':
		arguments->scenario = peal_scenario_find(value);
		return arguments->scenario != NULL ||
		       complain("--scenario", value, "a name that 'peal-sim list' shows");
	case 'n':
		if (!parse_number(value, PEAL_MEMBERS_MAX, &number) || number == 0) {
			return complain("--nodes", value, "a number from 1 to 64");
		}
		arguments->nodes_count = (uint16_t)number;
		return true;
	case 'S':
		arguments->seed_last = 0;
		if (!parse_number(value, UINT64_MAX - 1U, &arguments->seed_first)) {
			return complain("--seed", value, "a number");
		}
		arguments->seed_last = arguments->seed_first;
		return true;
	case 'R':
		return parse_range(value, &arguments->seed_first, &arguments->seed_last) ||
		       complain("--seeds", value, "two numbers like 1..200");
	case 'p':
		arguments->preset = value;
		return peal_timing_find(value, &timing) ||
		       complain("--preset", value, "dpdk-fast, dpdk, cloud or paper");
	case 'D':
		return peal_detector_find(value, &arguments->detector) ||
		       complain("--detector", value, "window, phi or silence");
	case 't':
		arguments->is_traced = true;
		return true;
	case 'd':
		arguments->wants_digests = true;
		return true;
	case 'j':
		arguments->json_path = value;
		return true;
	default:
		return false;
	}
}

/* Without a preset named, the scenario finds one that fits. */
static bool
can_detect(const struct arguments *arguments)
{
	struct peal_timing timing;

	return arguments->preset == NULL || !peal_timing_find(arguments->preset, &timing) ||
	       peal_timing_set_detector(&timing, arguments->detector) ||
	       complain("--detector", peal_detector_name(arguments->detector),
		       "a preset whose probes are at least 100 ms apart, cloud or paper");
}

static bool
parse_arguments(int count, char **values, struct arguments *arguments)
{
	static const struct option options[] = {
		{"scenario", required_argument, NULL, 's'},
		{"nodes", required_argument, NULL, 'n'},
		{"seed", required_argument, NULL, 'S'},
		{"seeds", required_argument, NULL, 'R'},
		{"preset", required_argument, NULL, 'p'},
		{"detector", required_argument, NULL, 'D'},
		{"trace", no_argument, NULL, 't'},
		{"digest", no_argument, NULL, 'd'},
		{"json", required_argument, NULL, 'j'},
		{NULL, 0, NULL, 0},
	};
	int option;

	*arguments = (struct arguments){.seed_first = 1, .seed_last = 1};
	while ((option = getopt_long(count, values, "", options, NULL)) != -1) {
		if (!take_option(arguments, option, optarg)) {
			return false;
		}
	}
	if (optind < count) {
		return complain("argument", values[optind], "nothing more");
	}
	if (arguments->scenario == NULL) {
		fprintf(stderr, "peal-sim: --scenario is missing; 'peal-sim list' names them\n");
		return false;
	}
	if (arguments->nodes_count != 0 &&
		arguments->nodes_count < arguments->scenario->nodes_count_min) {
		fprintf(stderr, "peal-sim: scenario %s needs at least %u nodes\n",
			arguments->scenario->name, arguments->scenario->nodes_count_min);
		return false;
	}
	return can_detect(arguments);
}

static uint64_t
wall_now_ns(void)
{
	struct timespec now;

	if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) {
		return 0;
	}
	return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static void
show_progress(uint64_t done, uint64_t total, uint64_t failed)
{
	char bar[BAR_WIDTH + 1U];
	uint64_t filled = done * BAR_WIDTH / total;

	if (total < 2U || isatty(STDERR_FILENO) == 0) {
		return;
	}
	for (uint64_t i = 0; i < BAR_WIDTH; i++) {
		bar[i] = i < filled ? '#' : '.';
	}
	bar[BAR_WIDTH] = '\0';
	fprintf(stderr, "\r[%s] %" PRIu64 "/%" PRIu64 " seeds, %" PRIu64 " failed", bar, done,
		total, failed);
	if (done == total) {
		fprintf(stderr, "\r\033[K");
	}
}

static void
show_failure(const struct peal_report *report, const struct peal_scenario *scenario)
{
	char command[COMMAND_SIZE];

	peal_scenario_command(report, command, sizeof(command));
	fprintf(stderr, "\nseed %" PRIu64 ": %s\n", report->seed,
		scenario->must_fail ? "nothing was found, and something is broken on purpose"
				    : "wrong");
	for (uint32_t i = 0; i < report->violations_count && i < PEAL_REPORT_VIOLATIONS_MAX &&
			     !scenario->must_fail;
		i++) {
		fprintf(stderr, "  %s\n", report->violations[i]);
	}
	fprintf(stderr, "again with: %s --trace\n", command);
}

static int
run(const struct arguments *arguments)
{
	/* JSON on the standard output is to be read by a program: all else goes aside. */
	bool is_json_out = arguments->json_path != NULL && strcmp(arguments->json_path, "-") == 0;
	FILE *text = is_json_out ? stderr : stdout;
	struct peal_scenario_options options = {.nodes_count = arguments->nodes_count,
		.preset = arguments->preset,
		.detector = arguments->detector,
		.trace = arguments->is_traced ? text : NULL};
	uint64_t total = arguments->seed_last - arguments->seed_first + 1U;
	uint64_t began_at_ns = wall_now_ns();
	struct peal_figures figures;
	int status;

	peal_assert_set_hook(on_assert);
	peal_figures_init(&figures, arguments->scenario->name);
	for (uint64_t done = 0; done < total; done++) {
		bool is_good;

		options.seed = arguments->seed_first + done;
		is_good = peal_scenario_run(arguments->scenario, &options, &current_report);
		peal_figures_add(&figures, &current_report, is_good);
		if (arguments->is_traced || arguments->wants_digests) {
			fprintf(text, "seed %" PRIu64 " digest %016" PRIx64 "\n", options.seed,
				current_report.digest);
		}
		if (!is_good && figures.failed_count <= FAILURES_SHOWN) {
			show_failure(&current_report, arguments->scenario);
		}
		show_progress(done + 1U, total, figures.failed_count);
	}
	figures.wall_ns = wall_now_ns() - began_at_ns;
	peal_figures_show(&figures, text);
	status = figures.failed_count > 0 ? 1 : 0;
	if (arguments->json_path != NULL && !peal_figures_write(&figures, arguments->json_path)) {
		fprintf(stderr, "peal-sim: cannot write %s: %s\n", arguments->json_path,
			strerror(errno));
		status = 1;
	}
	peal_figures_fini(&figures);
	return status;
}

int
main(int argc, char **argv)
{
	struct arguments arguments;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			fputs(help_text, stdout);
			return 0;
		}
	}
	if (argc == 2 && strcmp(argv[1], "list") == 0) {
		show_scenarios();
		return 0;
	}
	if (argc < 2 || strcmp(argv[1], "run") != 0) {
		fputs(help_text, stderr);
		return 2;
	}
	if (!parse_arguments(argc - 1, argv + 1, &arguments)) {
		fprintf(stderr, "'peal-sim --help' tells more\n");
		return 2;
	}
	return run(&arguments);
}
