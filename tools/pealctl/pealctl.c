/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pealctl: asks a running peald. One command, one answer; only watch stays.
 */
#include "base/version.h"
#include "tools/pealctl/ordergroups.h"
#include "tools/pealctl/pages.h"
#include "tools/pealctl/show.h"
#include "tools/pealctl/telemetry.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
};

#define WATCH_INTERVAL_NS 50000000L
#define POLL_INTERVAL_NS  20000000L
#define PING_COUNT        UINT64_C(1000)
#define PING_INTERVAL_US  UINT64_C(1000)
#define LOAD_SIZE         UINT64_C(1000)
#define LOAD_COUNT        UINT64_C(10000)
#define LOAD_INTERVAL_US  UINT64_C(100)
/* A leave without an answer of the group is worth a sentence after this. */
#define LEAVE_WAIT_NS UINT64_C(10000000000)

struct options {
	const char *name;
	char name_text[PEAL_TELEMETRY_NODE_SIZE_MAX]; /* where the name of a configuration stands */
	bool is_json;
	const char *argument; /* of the command, or NULL */
	int words_count;      /* behind the command */
	char **words;
	uint64_t count;       /* 0 = what the command takes for usual */
	uint64_t interval_us; /* UINT64_MAX = the same */
	uint64_t size;
};

typedef int (*command_fn)(struct peal_telemetry *telemetry, const struct options *options);

static const char help_text[] =
	"pealctl - ask a running peald\n"
	"\n"
	"usage: pealctl [-n NAME | -c FILE] [--json] COMMAND\n"
	"\n"
	"  view                 which view the node is in\n"
	"  members              who is in it, senior first, and who left lately and why\n"
	"  watch                events so far, and then as they come\n"
	"  stats                every counter that is not zero\n"
	"  cores                where the time of the poll loop went\n"
	"  clients              which applications are attached, what went through them, and\n"
	"                       which were evicted lately and why\n"
	"  process-groups       groups of applications on all nodes, and who is in them\n"
	"  ping MEMBER [--count N] [--interval US]\n"
	"                       round trips to a member number or address, measured on the core;\n"
	"                       1000 of them, 1000 us apart; --interval 0: each after the last\n"
	"  load all|MEMBER [--size BYTES] [--count N] [--interval US]\n"
	"                       send checked messages to all or to one, and wait until they "
	"arrived;\n"
	"                       10000 of 1000 bytes, 100 us apart; --interval 0: as fast as it "
	"goes\n"
	"  heard                what this node heard of the load of others, and whether all was "
	"right\n"
	"  group show           order groups as they began\n"
	"  group create|recreate ID NAME=MEMBER ...\n"
	"                       have one created, of 1, 3, 5, 7 or 9 members, each with the\n"
	"                       name of its rank; again when it lost its majority\n"
	"  group replace ID RANK MEMBER\n"
	"                       give a rank that is held to another member\n"
	"  group add ID [RANK] MEMBER\n"
	"                       give one that stands empty, or one more, to a member: the group\n"
	"                       gets larger, and the majority with it\n"
	"  group remove ID RANK\n"
	"                       take a rank from who holds it: the group gets smaller, and the\n"
	"                       majority with it\n"
	"  leave                leave the group and end the daemon\n"
	"  version              of pealctl and of the daemon\n"
	"\n"
	"  -n, --name NAME      which node; not needed where only one answers\n"
	"  -c, --config FILE    the node that this configuration of peald names\n"
	"      --json           JSON in place of text; one object, or one a line for watch\n"
	"  -h, --help           print this text\n"
	"\n"
	"examples:\n"
	"  pealctl view\n"
	"  pealctl -n n1 members\n"
	"  pealctl -n n1 watch --json | jq -r .text\n"
	"  pealctl ping 3 --count 100000 --interval 0\n"
	"  pealctl ping 10.77.0.3:7400\n"
	"  pealctl -n n1 group create 7 a=1 b=2 c=3\n"
	"  pealctl -n n1 group replace 7 2 12\n"
	"  pealctl -n n1 group add 7 13\n"
	"  pealctl -n n1 load all --size 64 --count 1000000 --interval 0; pealctl -n n2 heard\n"
	"\n"
	"Exit status: 0 done; 1 the daemon is not there, refused, or no round trip came back;\n"
	"2 the command line is wrong.\n";

static int
misuse(const char *sentence, const char *what)
{
	(void)fprintf(stderr, "pealctl: %s%s; see pealctl --help\n", sentence, what);
	return EXIT_USAGE;
}

static int
complain(const struct peal_telemetry *telemetry)
{
	(void)fprintf(stderr, "pealctl: %s\n", telemetry->error);
	return EXIT_FAILED;
}

static void
pause_for(long interval_ns)
{
	struct timespec limit = {.tv_nsec = interval_ns};

	(void)nanosleep(&limit, NULL);
}

static void
print_json(const json_t *value)
{
	(void)json_dumpf(value, stdout, JSON_COMPACT);
	(void)putchar('\n');
	(void)fflush(stdout);
}

/* Prints it as JSON or by `show`, and frees it; NULL = there is a sentence in its place. */
static int
show_answer(struct peal_telemetry *telemetry, const struct options *options, json_t *answer,
	void (*show)(json_t *answer))
{
	if (answer == NULL) {
		return complain(telemetry);
	}
	if (options->is_json) {
		print_json(answer);
	} else {
		show(answer);
	}
	json_decref(answer);
	return EXIT_DONE;
}

static int
on_view(struct peal_telemetry *telemetry, const struct options *options)
{
	return show_answer(
		telemetry, options, peal_telemetry_ask(telemetry, "view", ""), peal_show_view);
}

static int
on_stats(struct peal_telemetry *telemetry, const struct options *options)
{
	return show_answer(telemetry, options, peal_pages_read_stats(telemetry), peal_show_stats);
}

static int
on_cores(struct peal_telemetry *telemetry, const struct options *options)
{
	json_t *answer = peal_telemetry_ask(telemetry, "cores", "");
	json_t *list = json_array();

	if (answer == NULL) {
		json_decref(list);
		return complain(telemetry);
	}
	peal_pages_take_entries(answer, 0, list);
	if (options->is_json) {
		json_t *out = json_pack("{s:O}", "cores", list);

		print_json(out);
		json_decref(out);
	} else {
		peal_show_cores(list);
	}
	json_decref(list);
	json_decref(answer);
	return EXIT_DONE;
}

static int
on_clients(struct peal_telemetry *telemetry, const struct options *options)
{
	json_t *clients = peal_pages_read_clients(telemetry);

	if (clients == NULL) {
		return complain(telemetry);
	}
	if (options->is_json) {
		print_json(clients);
	} else {
		peal_show_clients(clients);
	}
	json_decref(clients);
	return EXIT_DONE;
}

static int
on_processgroups(struct peal_telemetry *telemetry, const struct options *options)
{
	json_t *groups = peal_pages_read_processgroups(telemetry);

	if (groups == NULL) {
		return complain(telemetry);
	}
	if (options->is_json) {
		print_json(groups);
	} else {
		peal_show_processgroups(groups);
	}
	json_decref(groups);
	return EXIT_DONE;
}

static int
on_members(struct peal_telemetry *telemetry, const struct options *options)
{
	uint64_t now_ns = 0, epoch = 0;
	json_t *members = peal_pages_read_members(telemetry, &epoch);
	json_t *departed = members == NULL ? NULL : peal_pages_read_departed(telemetry, &now_ns);

	if (departed == NULL) {
		json_decref(members);
		return complain(telemetry);
	}
	if (options->is_json && !peal_pages_complete_metadata(telemetry, members)) {
		json_decref(members);
		json_decref(departed);
		return complain(telemetry);
	}
	if (options->is_json) {
		json_t *out = json_pack("{s:I,s:O,s:O}", "epoch", (json_int_t)epoch, "members",
			members, "departed", departed);

		print_json(out);
		json_decref(out);
	} else {
		peal_show_members(members, departed, now_ns);
	}
	json_decref(members);
	json_decref(departed);
	return EXIT_DONE;
}

static void
print_events(json_t *answer, const struct options *options)
{
	json_t *events = json_array(), *event;
	uint64_t lost = peal_show_number(answer, "lost");
	size_t i;

	if (lost > 0 && options->is_json) {
		json_t *out = json_pack("{s:s,s:I}", "event", "lost", "value", (json_int_t)lost);

		print_json(out);
		json_decref(out);
	} else if (lost > 0) {
		(void)printf(
			"%" PRIu64 " events were lost: the daemon no longer keeps them\n", lost);
	}
	peal_pages_take_entries(answer, 0, events);
	json_array_foreach(events, i, event)
	{
		if (options->is_json) {
			print_json(event);
		} else {
			peal_show_event(event);
			(void)fflush(stdout);
		}
	}
	json_decref(events);
}

static int
on_watch(struct peal_telemetry *telemetry, const struct options *options)
{
	uint64_t after = 0;

	for (;;) {
		json_t *answer = peal_pages_read_events(telemetry, after);
		bool is_last;

		if (answer == NULL) {
			return complain(telemetry);
		}
		print_events(answer, options);
		if (ferror(stdout) != 0) {
			json_decref(answer);
			return EXIT_FAILED; /* nobody reads any more */
		}
		after = peal_show_number(answer, "next");
		is_last = after == peal_show_number(answer, "last");
		json_decref(answer);
		if (is_last) {
			pause_for(WATCH_INTERVAL_NS);
		}
	}
}

/* Starts a run by `command` and waits for its end, of which `told_by` tells. NULL with a sentence.
 */
static json_t *
ask_and_await(struct peal_telemetry *telemetry, const char *command, const char *parameters,
	const char *told_by)
{
	json_t *answer = peal_telemetry_ask(telemetry, command, parameters);

	while (answer != NULL) {
		json_decref(answer);
		answer = peal_telemetry_ask(telemetry, told_by, "");
		if (answer == NULL || peal_show_number(answer, "running") == 0) {
			break;
		}
		pause_for(POLL_INTERVAL_NS);
	}
	return answer;
}

static uint64_t
choose(uint64_t said, uint64_t nothing, uint64_t usual)
{
	return said == nothing ? usual : said;
}

static int
ping_member(struct peal_telemetry *telemetry, const struct options *options, const json_t *member)
{
	char parameters[80];
	json_t *answer;
	bool is_answered;

	(void)snprintf(parameters, sizeof(parameters), "%" PRIu64 ",%" PRIu64 ",%" PRIu64,
		peal_show_number(member, "member"), choose(options->count, 0, PING_COUNT),
		choose(options->interval_us, UINT64_MAX, PING_INTERVAL_US));
	answer = ask_and_await(telemetry, "ping", parameters, "pinged");
	if (answer == NULL) {
		return complain(telemetry);
	}
	if (options->is_json) {
		print_json(answer);
	} else {
		peal_show_ping(answer, member);
	}
	is_answered = peal_show_number(answer, "received") > 0;
	json_decref(answer);
	return is_answered ? EXIT_DONE : EXIT_FAILED;
}

/* To all when `member` is NULL. */
static int
load_member(struct peal_telemetry *telemetry, const struct options *options, const json_t *member)
{
	char parameters[100];
	json_t *answer;
	bool is_settled;

	(void)snprintf(parameters, sizeof(parameters),
		"%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64,
		member == NULL ? 0 : peal_show_number(member, "member"),
		choose(options->size, 0, LOAD_SIZE), choose(options->count, 0, LOAD_COUNT),
		choose(options->interval_us, UINT64_MAX, LOAD_INTERVAL_US));
	answer = ask_and_await(telemetry, "load", parameters, "loaded");
	if (answer == NULL) {
		return complain(telemetry);
	}
	if (options->is_json) {
		print_json(answer);
	} else {
		peal_show_load(answer, member);
	}
	is_settled = peal_show_number(answer, "cut_short") == 0 &&
		     peal_show_number(answer, "in_doubt") == 0;
	json_decref(answer);
	return is_settled ? EXIT_DONE : EXIT_FAILED;
}

static int
on_heard(struct peal_telemetry *telemetry, const struct options *options)
{
	json_t *answer = ask_and_await(telemetry, "hear", "", "loaded");

	if (answer == NULL) {
		return complain(telemetry);
	}
	if (options->is_json) {
		print_json(answer);
	} else {
		peal_show_heard(answer);
	}
	json_decref(answer);
	return EXIT_DONE;
}

/* Runs `act` with the member that the argument names. */
static int
with_member(struct peal_telemetry *telemetry, const struct options *options,
	int (*act)(struct peal_telemetry *telemetry, const struct options *options,
		const json_t *member))
{
	uint64_t epoch;
	json_t *members = peal_pages_read_members(telemetry, &epoch);
	const json_t *member;
	int code;

	if (members == NULL) {
		return complain(telemetry);
	}
	member = peal_pages_find_member(members, options->argument);
	if (member == NULL) {
		(void)fprintf(stderr,
			"pealctl: %s is no member of view %" PRIu64
			"; pealctl members lists them by number and address\n",
			options->argument, epoch);
		code = EXIT_FAILED;
	} else {
		code = act(telemetry, options, member);
	}
	json_decref(members);
	return code;
}

static int
on_ping(struct peal_telemetry *telemetry, const struct options *options)
{
	return with_member(telemetry, options, ping_member);
}

static int
on_load(struct peal_telemetry *telemetry, const struct options *options)
{
	return strcmp(options->argument, "all") == 0 ? load_member(telemetry, options, NULL)
						     : with_member(telemetry, options, load_member);
}

static uint64_t
read_clock_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static int
on_leave(struct peal_telemetry *telemetry, const struct options *options)
{
	json_t *answer = peal_telemetry_ask(telemetry, "leave", "");
	uint64_t end_at_ns = read_clock_ns() + LEAVE_WAIT_NS;

	while (answer != NULL && read_clock_ns() < end_at_ns) {
		json_decref(answer);
		pause_for(POLL_INTERVAL_NS);
		answer = peal_telemetry_ask(telemetry, "view", "");
	}
	if (answer != NULL) {
		json_decref(answer);
		(void)fprintf(stderr,
			"pealctl: the group has not confirmed yet that %s leaves; the daemon waits "
			"on, "
			"and ends at once when it gets a signal\n",
			telemetry->node);
		return EXIT_FAILED;
	}
	/* The end of the daemon is what was asked for; its exit status tells the rest. */
	if (options->is_json) {
		json_t *out = json_pack("{s:s,s:b}", "node", telemetry->node, "ended", 1);

		print_json(out);
		json_decref(out);
	} else {
		(void)printf("%s has ended\n", telemetry->node);
	}
	return EXIT_DONE;
}

static int
on_version(struct peal_telemetry *telemetry, const struct options *options)
{
	json_t *answer = peal_telemetry_ask(telemetry, "version", NULL);

	if (answer == NULL) {
		return complain(telemetry);
	}
	if (options->is_json) {
		(void)json_object_set_new(answer, "pealctl", json_string(PEAL_VERSION));
		print_json(answer);
	} else {
		(void)printf("pealctl %s, peald %s (process %" PRIu64 ")\n", PEAL_VERSION,
			peal_show_text(answer, "version"), peal_show_number(answer, "pid"));
	}
	json_decref(answer);
	return EXIT_DONE;
}

static int
on_group(struct peal_telemetry *telemetry, const struct options *options)
{
	switch (peal_ordergroups_run(
		telemetry, options->is_json, options->words_count, options->words)) {
	case PEAL_ORDERGROUPS_DONE:
		return EXIT_DONE;
	case PEAL_ORDERGROUPS_FAILED:
		return complain(telemetry);
	case PEAL_ORDERGROUPS_MISUSED:
		break;
	}
	return misuse(telemetry->error, "");
}

static const struct {
	const char *name;
	bool has_argument;
	command_fn run;
} commands[] = {
	{"view", false, on_view},
	{"members", false, on_members},
	{"watch", false, on_watch},
	{"stats", false, on_stats},
	{"cores", false, on_cores},
	{"clients", false, on_clients},
	{"process-groups", false, on_processgroups},
	{"ping", true, on_ping},
	{"load", true, on_load},
	{"heard", false, on_heard},
	{"group", true, on_group},
	{"leave", false, on_leave},
	{"version", false, on_version},
};

static bool
read_number(const char *text, uint64_t *number_out)
{
	char *end;

	*number_out = strtoull(text, &end, 10);
	return text[0] >= '0' && text[0] <= '9' && *end == '\0';
}

/* Takes the value of the line "name: VALUE"; peald has checked all the rest of the file. */
static bool
read_name(const char *path, struct options *options)
{
	static const char separators[] = " \t\r\n\"'#";
	FILE *file = fopen(path, "re");
	char line[512];

	while (file != NULL && options->name == NULL && fgets(line, sizeof(line), file) != NULL) {
		const char *value = line + strspn(line, " \t\"'");

		if (strncmp(value, "name", 4) != 0) {
			continue;
		}
		value += 4 + strspn(value + 4, "\"' \t");
		if (*value != ':') {
			continue;
		}
		value += 1 + strspn(value + 1, separators);
		(void)snprintf(options->name_text, sizeof(options->name_text), "%.*s",
			(int)strcspn(value, separators), value);
		options->name = options->name_text;
	}
	if (file == NULL || options->name == NULL) {
		(void)fprintf(stderr,
			"pealctl: %s is no configuration with a line name: NAME that can be read; "
			"name the node by -n\n",
			path);
	}
	if (file != NULL) {
		(void)fclose(file);
	}
	return options->name != NULL;
}

/* Returns -1 to go on, or the exit status. */
static int
read_options(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {
		{"name", required_argument, NULL, 'n'},
		{"json", no_argument, NULL, 'j'},
		{"config", required_argument, NULL, 'c'},
		{"count", required_argument, NULL, 'N'},
		{"interval", required_argument, NULL, 'i'},
		{"size", required_argument, NULL, 's'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{NULL, 0, NULL, 0},
	};
	int letter;

	opterr = 0;
	while ((letter = getopt_long(argc, argv, ":n:c:hV", known, NULL)) != -1) {
		switch (letter) {
		case 'n':
			options->name = optarg;
			break;
		case 'j':
			options->is_json = true;
			break;
		case 'c':
			if (!read_name(optarg, options)) {
				return EXIT_FAILED;
			}
			break;
		case 'N':
			if (!read_number(optarg, &options->count) || options->count == 0) {
				return misuse("--count is a whole number from 1; got ", optarg);
			}
			break;
		case 'i':
			if (!read_number(optarg, &options->interval_us)) {
				return misuse("--interval is whole microseconds; got ", optarg);
			}
			break;
		case 's':
			if (!read_number(optarg, &options->size) || options->size == 0) {
				return misuse("--size is a number of bytes; got ", optarg);
			}
			break;
		case 'h':
			(void)fputs(help_text, stdout);
			return EXIT_DONE;
		case 'V':
			(void)puts("pealctl " PEAL_VERSION);
			return EXIT_DONE;
		case ':':
			return misuse("an argument is missing after ", argv[optind - 1]);
		default:
			return misuse("there is no option ", argv[optind - 1]);
		}
	}
	return -1;
}

/* The command of the words that are left, or NULL after a sentence. */
static command_fn
find_command(int words_count, char **words, struct options *options)
{
	if (words_count == 0) {
		(void)misuse("a command is missing", "");
		return NULL;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		int wanted = commands[i].has_argument ? 2 : 1;

		if (strcmp(commands[i].name, words[0]) != 0) {
			continue;
		}
		if (words_count < wanted) {
			(void)misuse(commands[i].run == on_group
					     ? "show, create, recreate, replace, remove or add "
					       "is missing after "
					     : "a member number or address (for load: or all) is "
					       "missing after ",
				words[0]);
			return NULL;
		}
		options->words_count = words_count - 1;
		options->words = words + 1;
		if (words_count > wanted && commands[i].run != on_group) {
			(void)misuse("one word too many: ", words[wanted]);
			return NULL;
		}
		options->argument = commands[i].has_argument ? words[1] : NULL;
		return commands[i].run;
	}
	(void)misuse("there is no command ", words[0]);
	return NULL;
}

int
main(int argc, char **argv)
{
	struct options options = {.interval_us = UINT64_MAX};
	struct peal_telemetry telemetry;
	command_fn command;
	int code = read_options(argc, argv, &options);

	if (code >= 0) {
		return code;
	}
	command = find_command(argc - optind, argv + optind, &options);
	if (command == NULL) {
		return EXIT_USAGE;
	}
	if (!peal_telemetry_open(&telemetry, options.name)) {
		return complain(&telemetry);
	}
	code = command(&telemetry, &options);
	peal_telemetry_close(&telemetry);
	return code;
}
