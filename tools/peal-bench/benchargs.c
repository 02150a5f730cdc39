/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/benchargs.h"

#include "base/assert.h"
#include "runtime/eal.h"
#include "runtime/runtime.h"
#include "tools/peal-bench/argtext.h"
#include "tools/peal-bench/benchhelp.h"

#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_MAX          UINT64_C(100000000)
#define INTERVAL_NS_MIN    UINT64_C(1000)
#define INTERVAL_NS_MAX    UINT64_C(1000000000)
#define SPIN_INTERVAL_NS   UINT64_C(20000)
#define SPIN_COUNT         UINT64_C(100000)
#define SHARED_INTERVAL_NS UINT64_C(200000)
#define SHARED_COUNT       UINT64_C(10000)
#define PAIRS_COUNT        5U
#define COMMANDS_COUNT     6U
#define MESSAGE_SIZE       64U
#define ROUNDS_COUNT       5U
#define NODES_COUNT        200U
#define REST_S             10U
#define REST_S_MAX         3600U
#define KILLS              "1,10"
#define KILLS_NONE         "none"
#define SECOND_NS          UINT64_C(1000000000)

enum option_id {
	OPTION_LINK = 256,
	OPTION_COUNT,
	OPTION_INTERVAL,
	OPTION_RATE,
	OPTION_IDLE,
	OPTION_CORES,
	OPTION_KEY,
	OPTION_NONE,
	OPTION_PAIRS,
	OPTION_JSON,
	OPTION_HDR,
	OPTION_PLOT,
	OPTION_QUIET,
	OPTION_NODES,
	OPTION_KILL,
	OPTION_SECONDS,
	OPTION_PRESET,
	OPTION_SIZE,
	OPTION_ROUNDS,
	OPTION_ALONE,
	OPTION_MTU,
	OPTION_OF,
	OPTION_ANYWAY,
};

/* Sets of options. */
#define BIT(id) (1U << ((id)-OPTION_LINK))
#define SCALE_OPTIONS                                                                              \
	(BIT(OPTION_NODES) | BIT(OPTION_KILL) | BIT(OPTION_SECONDS) | BIT(OPTION_PRESET))
#define COMMON_OPTIONS (BIT(OPTION_JSON) | BIT(OPTION_QUIET))
#define THROUGHPUT_OPTIONS                                                                         \
	(COMMON_OPTIONS | BIT(OPTION_LINK) | BIT(OPTION_IDLE) | BIT(OPTION_CORES) |                \
		BIT(OPTION_NONE) | BIT(OPTION_SIZE) | BIT(OPTION_ROUNDS) | BIT(OPTION_ALONE) |     \
		BIT(OPTION_MTU) | BIT(OPTION_ANYWAY))
/* What the echoes do not know. */
#define FLOW_OPTIONS (BIT(OPTION_ROUNDS) | BIT(OPTION_ALONE))

static const struct option options[] = {
	{"link", required_argument, NULL, OPTION_LINK},
	{"count", required_argument, NULL, OPTION_COUNT},
	{"interval", required_argument, NULL, OPTION_INTERVAL},
	{"rate", required_argument, NULL, OPTION_RATE},
	{"idle", required_argument, NULL, OPTION_IDLE},
	{"cores", required_argument, NULL, OPTION_CORES},
	{"key", required_argument, NULL, OPTION_KEY},
	{"none", no_argument, NULL, OPTION_NONE},
	{"pairs", required_argument, NULL, OPTION_PAIRS},
	{"json", required_argument, NULL, OPTION_JSON},
	{"hdr", required_argument, NULL, OPTION_HDR},
	{"percentiles", required_argument, NULL, OPTION_HDR},
	{"plot", required_argument, NULL, OPTION_PLOT},
	{"quiet", no_argument, NULL, OPTION_QUIET},
	{"nodes", required_argument, NULL, OPTION_NODES},
	{"kill", required_argument, NULL, OPTION_KILL},
	{"seconds", required_argument, NULL, OPTION_SECONDS},
	{"preset", required_argument, NULL, OPTION_PRESET},
	{"size", required_argument, NULL, OPTION_SIZE},
	{"rounds", required_argument, NULL, OPTION_ROUNDS},
	{"alone", no_argument, NULL, OPTION_ALONE},
	{"mtu", required_argument, NULL, OPTION_MTU},
	{"of", required_argument, NULL, OPTION_OF},
	{"anyway", no_argument, NULL, OPTION_ANYWAY},
	{NULL, 0, NULL, 0},
};

#define LINKS_COUNT 4U

static const char *const link_names[LINKS_COUNT] = {"ring", "af_packet", "memif", "vhost"};

const char *
peal_benchargs_command_name(enum peal_benchargs_command command)
{
	static const char *const names[COMMANDS_COUNT] = {
		"rtt", "raw", "ratio", "scale", "message", "throughput"};

	PEAL_ASSERT((uint32_t)command < COMMANDS_COUNT);
	return names[command];
}

const char *
peal_benchargs_link_name(enum peal_benchargs_link link)
{
	PEAL_ASSERT((uint32_t)link < LINKS_COUNT);
	return link_names[link];
}

bool
peal_benchargs_is_split(enum peal_benchargs_link link)
{
	return link == PEAL_BENCHARGS_MEMIF || link == PEAL_BENCHARGS_VHOST;
}

const char *
peal_benchargs_idle_name(enum peal_idle_role idle)
{
	return idle == PEAL_IDLE_DEDICATED ? "spin" : "shared";
}

/* "A,B" */
static bool
parse_cpus(const char *text, int cpus_out[PEAL_BENCHARGS_SIDES_COUNT])
{
	char *end = NULL;
	long first, second;

	errno = 0;
	first = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != ',' || first < 0 || first >= CPU_SETSIZE) {
		return false;
	}
	text = end + 1;
	second = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || second < 0 || second >= CPU_SETSIZE) {
		return false;
	}
	cpus_out[0] = (int)first;
	cpus_out[1] = (int)second;
	return true;
}

/* "1,10", or "none" */
static bool
parse_kills(struct peal_benchargs *args, const char *text)
{
	args->kills_count = 0;
	args->kills_text = text;
	if (strcmp(text, KILLS_NONE) == 0) {
		return true;
	}
	for (;;) {
		char *end = NULL;
		unsigned long count = strtoul(text, &end, 10);

		if (text[0] < '0' || text[0] > '9' || (*end != ',' && *end != '\0') || count < 1 ||
			count >= PEAL_RUNTIME_NODES_MAX ||
			args->kills_count == PEAL_BENCHARGS_KILLS_MAX) {
			return false;
		}
		args->kills[args->kills_count++] = (uint32_t)count;
		if (*end == '\0') {
			return true;
		}
		text = end + 1;
	}
}

static bool
take_scale_option(
	struct peal_benchargs *args, int id, const char *value, struct peal_sentence *error)
{
	struct peal_timing timing;
	uint64_t number;

	switch (id) {
	case OPTION_NODES:
		if (!peal_argtext_read_number(value, 2, PEAL_RUNTIME_NODES_MAX, &number)) {
			return peal_argtext_refuse(
				error, "--nodes", value, "a number from 2 to 256");
		}
		args->nodes_count = (uint32_t)number;
		return true;
	case OPTION_KILL:
		return parse_kills(args, value) ||
		       peal_argtext_refuse(error, "--kill", value,
			       "up to eight numbers of nodes like 1,10, or none");
	case OPTION_SECONDS:
		return peal_argtext_read_number(value, 0, REST_S_MAX, &args->rest_s) ||
		       peal_argtext_refuse(error, "--seconds", value, "seconds from 0 to 3600");
	default:
		args->preset = value;
		return peal_timing_find(value, &timing) ||
		       peal_argtext_refuse(
			       error, "--preset", value, "dpdk-fast, dpdk, cloud or paper");
	}
}

static bool
take_message_option(
	struct peal_benchargs *args, int id, const char *value, struct peal_sentence *error)
{
	uint64_t number;

	switch (id) {
	case OPTION_SIZE:
		if (!peal_argtext_read_number(
			    value, PEAL_BENCHARGS_SIZE_MIN, PEAL_BENCHARGS_SIZE_MAX, &number)) {
			return peal_argtext_refuse(error, "--size", value, "bytes from 8 to 65536");
		}
		args->size = (uint32_t)number;
		return true;
	case OPTION_ROUNDS:
		if (!peal_argtext_read_number(value, 1, PEAL_BENCHARGS_ROUNDS_MAX, &number)) {
			return peal_argtext_refuse(
				error, "--rounds", value, "a number from 1 to 100");
		}
		args->rounds_count = (uint32_t)number;
		return true;
	case OPTION_ALONE:
		args->is_alone = true;
		return true;
	case OPTION_MTU:
		if (!peal_argtext_read_number(value, PEAL_MTU_MIN, PEAL_MTU_MAX, &number)) {
			return peal_argtext_refuse(
				error, "--mtu", value, "bytes from 1280 to 9000");
		}
		args->mtu = (uint16_t)number;
		return true;
	default:
		args->dividend =
			strcmp(value, "message") == 0 ? PEAL_BENCHARGS_MESSAGE : PEAL_BENCHARGS_RTT;
		return args->dividend == PEAL_BENCHARGS_MESSAGE || strcmp(value, "rtt") == 0 ||
		       peal_argtext_refuse(error, "--of", value, "rtt or message");
	}
}

static bool
parse_link(const char *text, enum peal_benchargs_link *link_out)
{
	for (uint32_t i = 0; i < LINKS_COUNT; i++) {
		if (strcmp(text, link_names[i]) == 0) {
			*link_out = (enum peal_benchargs_link)i;
			return true;
		}
	}
	return false;
}

/* Options whose value is one of a few words, or a file. */
static bool
take_word(struct peal_benchargs *args, int id, const char *value, struct peal_sentence *error)
{
	switch (id) {
	case OPTION_LINK:
		return parse_link(value, &args->link) || peal_argtext_refuse(error, "--link", value,
								 "ring, af_packet, memif or vhost");
	case OPTION_IDLE:
		args->idle = strcmp(value, "spin") == 0 ? PEAL_IDLE_DEDICATED : PEAL_IDLE_SHARED;
		return args->idle == PEAL_IDLE_DEDICATED || strcmp(value, "shared") == 0 ||
		       peal_argtext_refuse(error, "--idle", value, "spin or shared");
	case OPTION_KEY:
		args->key_path = value;
		return true;
	case OPTION_NONE:
		args->is_sealed = false;
		return true;
	case OPTION_JSON:
		args->json_path = value;
		return true;
	case OPTION_HDR:
		args->hdr_path = value;
		return true;
	case OPTION_PLOT:
		args->plot_path = value;
		return peal_argtext_has_ending(value, ".svg") ||
		       peal_argtext_has_ending(value, ".png") ||
		       peal_argtext_refuse(
			       error, "--plot", value, "a file that ends in .svg or .png");
	case OPTION_ANYWAY:
		args->is_anyway = true;
		return true;
	default:
		args->is_quiet = true;
		return true;
	}
}

static bool
take_option(struct peal_benchargs *args, int id, const char *value, struct peal_sentence *error)
{
	uint64_t number;

	switch (id) {
	case OPTION_COUNT:
		return peal_argtext_read_number(value, 1, COUNT_MAX, &args->count) ||
		       peal_argtext_refuse(error, "--count", value, "a number from 1 to 100000000");
	case OPTION_INTERVAL:
		return peal_argtext_read_number(
			       value, INTERVAL_NS_MIN, INTERVAL_NS_MAX, &args->interval_ns) ||
		       peal_argtext_refuse(
			       error, "--interval", value, "nanoseconds from 1000 to 1000000000");
	case OPTION_RATE:
		if (!peal_argtext_read_number(value, SECOND_NS / INTERVAL_NS_MAX,
			    SECOND_NS / INTERVAL_NS_MIN, &number)) {
			return peal_argtext_refuse(
				error, "--rate", value, "echoes per second from 1 to 1000000");
		}
		args->interval_ns = SECOND_NS / number;
		return true;
	case OPTION_CORES:
		return parse_cpus(value, args->cpus) ||
		       peal_argtext_refuse(error, "--cores", value, "two CPU numbers like 0,1");
	case OPTION_PAIRS:
		if (!peal_argtext_read_number(
			    value, PAIRS_COUNT, PEAL_BENCHARGS_PAIRS_MAX, &number)) {
			return peal_argtext_refuse(
				error, "--pairs", value, "a number from 5 to 100");
		}
		args->pairs_count = (uint32_t)number;
		return true;
	case OPTION_NODES:
	case OPTION_KILL:
	case OPTION_SECONDS:
	case OPTION_PRESET:
		return take_scale_option(args, id, value, error);
	case OPTION_SIZE:
	case OPTION_ROUNDS:
	case OPTION_ALONE:
	case OPTION_MTU:
	case OPTION_OF:
		return take_message_option(args, id, value, error);
	default:
		return take_word(args, id, value, error);
	}
}

/* The first two CPUs that the process may use; twice the same when there is but one. */
static void
choose_cpus(int cpus_out[PEAL_BENCHARGS_SIDES_COUNT])
{
	uint32_t found = 0;

	for (int cpu = 0; cpu < CPU_SETSIZE && found < PEAL_BENCHARGS_SIDES_COUNT; cpu++) {
		if (peal_eal_has_cpu(cpu)) {
			cpus_out[found++] = cpu;
		}
	}
	if (found == 1) {
		cpus_out[1] = cpus_out[0];
	}
}

static bool
check_cpus(const struct peal_benchargs *args, struct peal_sentence *error)
{
	for (uint32_t i = 0; i < PEAL_BENCHARGS_SIDES_COUNT; i++) {
		if (!peal_eal_has_cpu(args->cpus[i])) {
			return peal_sentence_set(error,
				"--cores: this process may not use CPU %d; the last one it may use "
				"is %d",
				args->cpus[i], peal_eal_last_cpu());
		}
	}
	if (args->idle == PEAL_IDLE_DEDICATED && args->cpus[0] == args->cpus[1]) {
		return peal_sentence_set(error,
			"--idle spin needs two CPUs, one for each poll loop, and only CPU %d is "
			"given; "
			"use --idle shared",
			args->cpus[0]);
	}
	return true;
}

static const char *
find_name(uint32_t id)
{
	for (const struct option *option = options; option->name != NULL; option++) {
		if ((uint32_t)option->val == id) {
			return option->name;
		}
	}
	return "";
}

/* Refuses the first of `options_given` that is not among `allowed`. */
static bool
check_options(const struct peal_benchargs *args, uint32_t given, uint32_t allowed,
	struct peal_sentence *error)
{
	uint32_t wrong = given & ~allowed;

	return wrong == 0 || peal_sentence_set(error, "--%s does not belong to %s",
				     find_name(OPTION_LINK + (uint32_t)__builtin_ctz(wrong)),
				     peal_benchargs_command_name(args->command));
}

static bool
complete_scale(struct peal_benchargs *args, uint32_t given, struct peal_sentence *error)
{
	uint32_t alive_count = args->nodes_count;

	if (!check_options(args, given, SCALE_OPTIONS | COMMON_OPTIONS, error)) {
		return false;
	}
	for (uint32_t i = 0; i < args->kills_count; i++) {
		/* Fewer cannot decide anything. */
		if (2U * args->kills[i] >= alive_count) {
			return peal_sentence_set(error,
				"--kill %s: %u of %u nodes are half or more, and the others could "
				"not go on",
				args->kills_text, args->kills[i], alive_count);
		}
		alive_count -= args->kills[i];
	}
	return true;
}

/* What the links and the keys of echoes allow. */
static bool
check_echo(const struct peal_benchargs *args, uint32_t given, struct peal_sentence *error)
{
	bool is_of_messages =
		args->command == PEAL_BENCHARGS_MESSAGE ||
		(args->command == PEAL_BENCHARGS_RATIO && args->dividend == PEAL_BENCHARGS_MESSAGE);

	if (args->key_path != NULL && !args->is_sealed) {
		return peal_sentence_set(error, "--key and --none exclude each other");
	}
	if (args->command == PEAL_BENCHARGS_RAW && (args->key_path != NULL || !args->is_sealed)) {
		return peal_sentence_set(
			error, "raw seals nothing and takes no --key and no --none");
	}
	if (is_of_messages && args->key_path != NULL) {
		return peal_sentence_set(error,
			"--key: nobody joins anybody in message, so there is no group's secret");
	}
	if (!is_of_messages && (given & BIT(OPTION_SIZE)) != 0) {
		return peal_sentence_set(error, "--size belongs to message and throughput");
	}
	/* The bare echo takes it too: its link is that of the messages which it is compared with.
	 */
	if (!is_of_messages && args->command != PEAL_BENCHARGS_RAW &&
		(given & BIT(OPTION_MTU)) != 0) {
		return peal_sentence_set(
			error, "--mtu belongs to message, throughput, raw and ratio --of message");
	}
	if (!is_of_messages && args->command != PEAL_BENCHARGS_RAW &&
		peal_benchargs_is_split(args->link)) {
		return peal_sentence_set(error,
			"--link %s joins two processes, and rtt has both nodes in one; use "
			"message, "
			"or ratio --of message",
			peal_benchargs_link_name(args->link));
	}
	return true;
}

static bool
check_ratio(const struct peal_benchargs *args, uint32_t given, struct peal_sentence *error)
{
	bool is_ratio = args->command == PEAL_BENCHARGS_RATIO;

	if (!is_ratio && (given & (BIT(OPTION_PAIRS) | BIT(OPTION_OF))) != 0) {
		return peal_sentence_set(error, "--%s belongs to ratio",
			(given & BIT(OPTION_PAIRS)) != 0 ? "pairs" : "of");
	}
	if (is_ratio && args->hdr_path != NULL) {
		return peal_sentence_set(error, "--hdr belongs to rtt, raw and message");
	}
	return true;
}

/* Fills what was not said, and refuses what does not go together. */
static bool
complete(struct peal_benchargs *args, uint32_t given, struct peal_sentence *error)
{
	bool is_spinning = args->idle == PEAL_IDLE_DEDICATED;
	bool is_flow = args->command == PEAL_BENCHARGS_THROUGHPUT;

	if (args->command == PEAL_BENCHARGS_SCALE) {
		return complete_scale(args, given, error);
	}
	if (!check_options(args, given,
		    is_flow ? THROUGHPUT_OPTIONS : ~(SCALE_OPTIONS | FLOW_OPTIONS), error)) {
		return false;
	}
	if ((given & BIT(OPTION_LINK)) == 0) {
		return peal_sentence_set(
			error, "--link is missing: ring, af_packet, memif or vhost");
	}
	if (!is_flow && (!check_ratio(args, given, error) || !check_echo(args, given, error))) {
		return false;
	}
	if (args->interval_ns == 0) {
		args->interval_ns = is_spinning ? SPIN_INTERVAL_NS : SHARED_INTERVAL_NS;
	}
	if (args->count == 0) {
		args->count = is_spinning ? SPIN_COUNT : SHARED_COUNT;
	}
	if (args->pairs_count == 0) {
		args->pairs_count = PAIRS_COUNT;
	}
	if (args->cpus[0] < 0) {
		choose_cpus(args->cpus);
	}
	return check_cpus(args, error);
}

static bool
find_command(const char *word, enum peal_benchargs_command *command_out)
{
	for (uint32_t i = 0; i < COMMANDS_COUNT; i++) {
		*command_out = (enum peal_benchargs_command)i;
		if (strcmp(word, peal_benchargs_command_name(*command_out)) == 0) {
			return true;
		}
	}
	return false;
}

/* The help asked for anywhere on the line, before anything else is looked at. */
static bool
show_help(int count, char **values)
{
	enum peal_benchargs_command command;

	for (int i = 1; i < count; i++) {
		if (strcmp(values[i], "--help") != 0 && strcmp(values[i], "-h") != 0) {
			continue;
		}
		fputs(find_command(values[1], &command) ? peal_benchhelp_of(command)
							: peal_benchhelp_general(),
			stdout);
		return true;
	}
	return false;
}

enum peal_benchargs_verdict
peal_benchargs_parse(
	struct peal_benchargs *args_out, int count, char **values, struct peal_sentence *error)
{
	uint32_t given = 0;
	int id;

	*args_out = (struct peal_benchargs){
		.is_sealed = true,
		.idle = PEAL_IDLE_DEDICATED,
		.cpus = {-1, -1},
		.size = MESSAGE_SIZE,
		.rounds_count = ROUNDS_COUNT,
		.nodes_count = NODES_COUNT,
		.rest_s = REST_S,
	};
	(void)parse_kills(args_out, KILLS);
	if (show_help(count, values)) {
		return PEAL_BENCHARGS_HELPED;
	}
	if (count < 2 || !find_command(values[1], &args_out->command)) {
		(void)peal_sentence_set(error,
			"command %s: expected rtt, raw, message, ratio, throughput, scale, jitter, "
			"floor, shm, compare or plot",
			count < 2 ? "missing" : values[1]);
		return PEAL_BENCHARGS_REFUSED;
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
	if (optind < count - 1) {
		(void)peal_sentence_set(error, "%s: expected nothing more", values[1 + optind]);
		return PEAL_BENCHARGS_REFUSED;
	}
	return complete(args_out, given, error) ? PEAL_BENCHARGS_GO : PEAL_BENCHARGS_REFUSED;
}
