/* SPDX-License-Identifier: BSD-3-Clause */
/* peal-sim: runs scenarios of the simulator, seed after seed. Exit status: 0, 1 a violation, 2
 * usage. */
#include "base/assert.h"
#include "base/limits.h"
#include "base/museum.h"
#include "base/timing.h"
#include "sim/check_metadata.h"
#include "sim/scenario.h"
#include "sim/shrink.h"
#include "sim/simworld.h"
#include "tools/peal-sim/figures.h"
#include "tools/peal-sim/picture.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define COMMAND_SIZE     200U
#define FAILURES_SHOWN   5U
#define BAR_WIDTH        40U
#define SHRINK_PLAYS_MAX 2000U
#define HUNT_SEEDS       10000U

struct arguments {
	const struct peal_scenario *scenario;
	uint16_t nodes_count;
	uint64_t seed_first;
	uint64_t seed_last;
	const char *preset;
	const char *profile;
	uint32_t faulty_count;
	uint32_t faulty_percent;
	enum peal_bug bug;
	const char *directory; /* of the report; NULL = none wanted */
	enum peal_detector detector;
	uint32_t metadata_size_max;
	bool is_ipv6;
	bool is_traced;
	bool wants_digests;
	const char *json_path;
};

static const char help_text[] =
	"usage: peal-sim run --scenario NAME [options]\n"
	"       peal-sim report --nodes N [options]\n"
	"       peal-sim shrink --scenario NAME --seed S [options]\n"
	"       peal-sim play FILE [--trace]\n"
	"       peal-sim hunt --bug NAME [--seeds FROM..TO]\n"
	"       peal-sim list | bugs\n"
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
	"  --profile F        network and timing: fast (round trip 20 us, preset dpdk) or paper\n"
	"                     (1 ms, preset paper)\n"
	"  --faulty N|P%      how many fail in a large group (default: one in a hundred)\n"
	"  --out DIR          report: where sizes.svg, sizes.png and report.json go (default: .)\n"
	"  --detector D       window (default), phi (preset cloud or paper) or silence\n"
	"  --ipv6             nodes have IPv6 addresses\n"
	"  --metadata SIZE    members have metadata of every size up to SIZE, 8 to 4096 (default: "
	"names)\n"
	"  --trace            tell what happens, line by line\n"
	"  --digest           print the digest of each seed: equal digests, equal runs\n"
	"  --json FILE        write the figures to FILE; - is the standard output\n"
	"  -h, --help         this text\n"
	"\n"
	"examples:\n"
	"  peal-sim run --scenario swarm --seeds 1..200\n"
	"  peal-sim run --scenario swarm --nodes 5 --seed 17 --trace\n"
	"  peal-sim run --scenario form --nodes 1000 --profile fast --json -\n"
	"  peal-sim report --nodes 10000 --out build\n"
	"  peal-sim run --scenario crash --preset dpdk-fast --seeds 1..1000 --json crash.json\n"
	"\n"
	"Exit status: 0 nothing wrong was seen; 1 a checker objected; 2 the command line or a "
	"script is wrong.\n"
	"Of shrink 0 means that a script was printed, of hunt that the bug was found.\n";

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
		char nodes[16] = "3 to 16";

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

/* "10" or "25%"; below one half. */
static bool
parse_faulty(const char *text, struct arguments *arguments)
{
	size_t size = strlen(text);
	char digits[16];
	uint64_t number;

	if (size == 0 || size >= sizeof(digits)) {
		return false;
	}
	memcpy(digits, text, size + 1U);
	if (text[size - 1U] == '%') {
		digits[size - 1U] = '\0';
		arguments->faulty_percent =
			parse_number(digits, 49U, &number) ? (uint32_t)number : 0;
		return arguments->faulty_percent > 0;
	}
	arguments->faulty_count =
		parse_number(digits, PEAL_SIMWORLD_NODES_MAX, &number) ? (uint32_t)number : 0;
	return arguments->faulty_count > 0;
}

static bool
take_option(struct arguments *arguments, int option, const char *value)
{
	struct peal_timing timing;
	const char *preset;
	uint64_t number;

	switch (option) {
	case 's':
		arguments->scenario = peal_scenario_find(value);
		return arguments->scenario != NULL ||
		       complain("--scenario", value, "a name that 'peal-sim list' shows");
	case 'n':
		if (!parse_number(value, PEAL_SIMWORLD_NODES_MAX, &number) || number == 0) {
			return complain("--nodes", value, "a number from 1 to 10000");
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
	case 'P':
		arguments->profile = value;
		return peal_scenario_find_profile(value, &number, &number, &preset) ||
		       complain("--profile", value, "fast or paper");
	case 'f':
		return parse_faulty(value, arguments) ||
		       complain("--faulty", value, "a number of nodes, or percent such as 25%");
	case 'b':
		return (peal_museum_find(value, &arguments->bug) &&
			       peal_museum_plant(arguments->bug)) ||
		       complain("--bug", value,
			       "a name that 'peal-sim bugs' shows, in a build with -Dmuseum=true");
	case 'o':
		arguments->directory = value;
		return true;
	case 'D':
		return peal_detector_find(value, &arguments->detector) ||
		       complain("--detector", value, "window, phi or silence");
	case 'm':
		if (!parse_number(value, PEAL_METADATA_SIZE_MAX, &number) ||
			number < PEAL_CHECK_METADATA_SIZE_MIN) {
			return complain("--metadata", value, "a size from 8 to 4096");
		}
		arguments->metadata_size_max = (uint32_t)number;
		return true;
	case '6':
		arguments->is_ipv6 = true;
		return true;
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
		{"profile", required_argument, NULL, 'P'},
		{"faulty", required_argument, NULL, 'f'},
		{"out", required_argument, NULL, 'o'},
		{"bug", required_argument, NULL, 'b'},
		{"detector", required_argument, NULL, 'D'},
		{"metadata", required_argument, NULL, 'm'},
		{"ipv6", no_argument, NULL, '6'},
		{"trace", no_argument, NULL, 't'},
		{"digest", no_argument, NULL, 'd'},
		{"json", required_argument, NULL, 'j'},
		{NULL, 0, NULL, 0},
	};
	int option;

	*arguments = (struct arguments){.seed_first = 1, .seed_last = 1};
	if (strcmp(values[0], "hunt") == 0) {
		arguments->scenario = peal_scenario_find("swarm"); /* replaced by the bug's own */
		arguments->seed_last = HUNT_SEEDS;
	}
	if (strcmp(values[0], "report") == 0) {
		arguments->scenario = peal_scenario_find("crash");
		arguments->nodes_count = 1000;
		arguments->profile = "fast";
		arguments->directory = ".";
	}
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

/* The pictures and the figures of a report. */
static bool
write_report(const struct arguments *arguments, struct peal_figures *figures, FILE *sizes)
{
	const struct peal_report *total = &figures->total;
	struct peal_picture_words words = {0};
	char title[COMMAND_SIZE];
	char event[COMMAND_SIZE];
	char path[PATH_MAX];

	if (sizes == NULL) {
		fprintf(stderr, "peal-sim: no room for a temporary file: %s\n", strerror(errno));
		return false;
	}
	(void)snprintf(title, sizeof(title), "%s: %u nodes, simulated, %s%s, seed %" PRIu64,
		arguments->scenario->name, figures->nodes_max,
		arguments->profile != NULL ? "profile " : "preset ",
		arguments->profile != NULL ? arguments->profile : total->preset,
		arguments->seed_first);
	words.title = title;
	if (figures->samples_count == 1U && total->removed_count > 0) {
		(void)snprintf(event, sizeof(event),
			"%u crash: detected after %.0f ms, out %.1f ms later", total->removed_count,
			(double)figures->kill_to_detection_ns[0] / 1e6,
			(double)figures->detection_to_view_ns[0] / 1e6);
		words.event = event;
		words.event_before_end_ns = total->agreed_ns;
	}
	(void)snprintf(path, sizeof(path), "%s/report.json", arguments->directory);
	if (!peal_figures_write(figures, path)) {
		fprintf(stderr, "peal-sim: cannot write %s: %s\n", path, strerror(errno));
		return false;
	}
	return peal_picture_draw(sizes, arguments->directory, &words);
}

static void
show_shrinking(uint32_t plays, uint32_t actions)
{
	if (isatty(STDERR_FILENO) != 0) {
		fprintf(stderr, "\r\033[K%u runs, %u actions left", plays, actions);
	}
}

static uint32_t
count_faulty(const struct arguments *arguments)
{
	uint32_t nodes_count = arguments->nodes_count != 0 ? arguments->nodes_count
							   : arguments->scenario->nodes_count;

	return arguments->faulty_percent > 0 ? arguments->faulty_percent * nodes_count / 100U
					     : arguments->faulty_count;
}

/* A failing seed as a short script on the standard output. */
static int
shrink(const struct arguments *arguments)
{
	struct peal_scenario_options options = {.nodes_count = arguments->nodes_count,
		.seed = arguments->seed_first,
		.preset = arguments->preset,
		.detector = arguments->detector,
		.metadata_size_max = arguments->metadata_size_max,
		.is_ipv6 = arguments->is_ipv6,
		.profile = arguments->profile,
		.faulty_count = count_faulty(arguments)};
	struct peal_script script;
	bool is_shrunk;

	peal_script_init(&script);
	is_shrunk = peal_shrink_run(
		arguments->scenario, &options, SHRINK_PLAYS_MAX, show_shrinking, &script);
	if (is_shrunk) {
		fprintf(stderr, "\n");
		peal_script_write(&script, stdout);
	} else {
		fprintf(stderr, "peal-sim: this seed violates nothing that a script repeats\n");
	}
	peal_script_fini(&script);
	return is_shrunk ? 0 : 1;
}

/* True: found. */
static bool
hunt_with(const struct arguments *arguments, const struct peal_museum_piece *piece,
	const struct peal_scenario *scenario, uint64_t seed)
{
	struct peal_scenario_options options = {
		.seed = seed, .nodes_count = arguments->nodes_count};

	if (scenario == peal_scenario_find(piece->scenario) && options.nodes_count == 0) {
		options.nodes_count = piece->nodes_count;
	}
	if (peal_scenario_run(scenario, &options, &current_report)) {
		return false;
	}
	printf("%s: found by seed %" PRIu64 " of %s: %s\n", piece->name, seed, scenario->name,
		current_report.violations[0]);
	return true;
}

/*
 * Looks for a planted bug, with each seed in the scenario that is known to show it and then, if
 * that is another one, in the swarm. Exit status 0: found.
 */
static int
hunt(const struct arguments *arguments)
{
	const struct peal_museum_piece *piece = peal_museum_piece(arguments->bug);
	const struct peal_scenario *own = peal_scenario_find(piece->scenario);

	PEAL_ASSERT(own != NULL);
	peal_assert_set_hook(on_assert);
	for (uint64_t seed = arguments->seed_first; seed <= arguments->seed_last; seed++) {
		if (hunt_with(arguments, piece, own, seed) ||
			(arguments->scenario != own &&
				hunt_with(arguments, piece, arguments->scenario, seed))) {
			return 0;
		}
	}
	printf("%s: not found in %" PRIu64 " seeds\n", piece->name,
		arguments->seed_last - arguments->seed_first + 1U);
	return 1;
}

static int
play(const char *path, bool is_traced)
{
	FILE *file = fopen(path, "r");
	struct peal_script script;
	uint32_t line = 0;
	bool is_good;

	if (file == NULL) {
		fprintf(stderr, "peal-sim: cannot read %s: %s\n", path, strerror(errno));
		return 2;
	}
	peal_script_init(&script);
	if (!peal_script_read(&script, file, &line)) {
		fprintf(stderr,
			"peal-sim: %s:%u: expected 'nodes N preset P seed S' first, then lines "
			"like '2.500000000 cut 1 3', in order of time\n",
			path, line);
		(void)fclose(file);
		peal_script_fini(&script);
		return 2;
	}
	(void)fclose(file);
	is_good = peal_shrink_play(&script, is_traced ? stdout : NULL, &current_report);
	for (uint32_t i = 0; i < current_report.violations_count && i < PEAL_REPORT_VIOLATIONS_MAX;
		i++) {
		printf("  %s\n", current_report.violations[i]);
	}
	printf("%s: %u violations\n", path, current_report.violations_count);
	peal_script_fini(&script);
	return is_good ? 0 : 1;
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
		.metadata_size_max = arguments->metadata_size_max,
		.is_ipv6 = arguments->is_ipv6,
		.profile = arguments->profile,
		.faulty_count = count_faulty(arguments),
		.trace = arguments->is_traced ? text : NULL,
		.sizes = arguments->directory != NULL ? tmpfile() : NULL};
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
	if (arguments->directory != NULL && !write_report(arguments, &figures, options.sizes)) {
		status = 1;
	}
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
	if (argc == 2 && strcmp(argv[1], "bugs") == 0) {
		for (uint32_t i = 1; i < PEAL_BUGS_COUNT; i++) {
			const struct peal_museum_piece *piece = peal_museum_piece((enum peal_bug)i);

			printf("%-28s %-9s %s\n", piece->name, piece->scenario, piece->what);
		}
		return 0;
	}
	if ((argc == 3 || argc == 4) && strcmp(argv[1], "play") == 0) {
		return play(argv[2], argc == 4 && strcmp(argv[3], "--trace") == 0);
	}
	if (argc < 2 || (strcmp(argv[1], "run") != 0 && strcmp(argv[1], "report") != 0 &&
				strcmp(argv[1], "shrink") != 0 && strcmp(argv[1], "hunt") != 0)) {
		fputs(help_text, stderr);
		return 2;
	}
	if (!parse_arguments(argc - 1, argv + 1, &arguments)) {
		fprintf(stderr, "'peal-sim --help' tells more\n");
		return 2;
	}
	if (strcmp(argv[1], "hunt") == 0) {
		if (arguments.bug == PEAL_BUG_NONE) {
			fprintf(stderr, "peal-sim: --bug is missing; 'peal-sim bugs' names them\n");
			return 2;
		}
		return hunt(&arguments);
	}
	return strcmp(argv[1], "shrink") == 0 ? shrink(&arguments) : run(&arguments);
}
