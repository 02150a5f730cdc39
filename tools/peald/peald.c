/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * peald: one node of a group, as a daemon. Options in, one line per event out; runtime/ does the
 * rest.
 *
 * The main thread waits for signals and for news of the node. The first SIGTERM, SIGINT or SIGHUP
 * asks the group for leave, the second ends the process at once; both leave nothing on disk.
 */
#include "base/version.h"
#include "runtime/describe.h"
#include "runtime/memory.h"
#include "runtime/runtime.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

/* How the process ends; docs/man/peald.1 lists them too. */
enum exit_code {
	EXIT_LEFT = 0,
	EXIT_SETUP = 1,
	EXIT_USAGE = 2,
	EXIT_UNCONFIRMED = 3,
	EXIT_REFUSED = 4,
	EXIT_REMOVED = 5,
};

/* The process stays this long after its node has ended. */
#define LINGER_NS 100000000L

/* A node that was refused stays longer: whoever watches it sees why. */
#define LINGER_REFUSED_NS 900000000L

/* Events printed in one go. */
#define EVENTS_COUNT 32U

struct options {
	const char *config_path;
	bool is_check;
	bool is_json;
	uint32_t extra_count;
	char *const *extra;
};

static const char help_text[] =
	"peald - a node of a Peal group\n"
	"\n"
	"usage: peald --config FILE [--check [--json]] [-- EAL arguments]\n"
	"\n"
	"  -c, --config FILE   the configuration of the node, YAML\n"
	"      --check         check the configuration, start nothing\n"
	"      --json          with --check: print what it says about this host\n"
	"  -V, --version       print the version, and that of DPDK\n"
	"  -h, --help          print this text\n"
	"\n"
	"What follows -- is given to DPDK as it is.\n"
	"\n"
	"A configuration:\n"
	"  cluster: orders              # the same on all nodes\n"
	"  name: n1                     # what pealctl -n calls this node\n"
	"  address: 10.77.0.1:7400      # IP address and UDP port that Peal itself owns\n"
	"  seeds: [10.77.0.1:7400, 10.77.0.2:7400]\n"
	"  key: /etc/peal/orders.key    # 32 bytes, mode 0600; or: encryption: none\n"
	"  expect: 3                    # nodes of a cold start\n"
	"  device: net_af_packet0       # or the PCI address of a NIC\n"
	"  device_args: \"iface=eth1,qdisc_bypass=1\"\n"
	"Also: preset, detector, phi_threshold, silence_ms, metadata, idle, lcore, cores,\n"
	"memory_mb, huge, mtu, prefix, gateway, vlan, rejoin, rings, members_max, slow_member,\n"
	"evict_ms, socket, users, access, hold_ms, lanes, encryption; see peald(1).\n"
	"\n"
	"examples:\n"
	"  head -c 32 /dev/urandom > orders.key && chmod 600 orders.key\n"
	"  peald --config n1.yaml --check\n"
	"  peald --config n1.yaml\n"
	"  peald --config n1.yaml -- --log-level=debug\n"
	"\n"
	"SIGTERM, SIGINT and SIGHUP leave the group; a second one ends the process at once.\n"
	"Exit status: 0 left the group; 1 could not start; 2 the command line is wrong; 3 ended "
	"and\n"
	"the group has not confirmed that it knows; 4 the cluster refused this node; 5 the group\n"
	"removed this node and rejoin is false.\n";

static int
misuse(const char *sentence, const char *what)
{
	(void)fprintf(stderr, "peald: %s%s; see peald --help\n", sentence, what);
	return EXIT_USAGE;
}

/* Returns -1 to go on, or the exit status. */
static int
read_options(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {
		{"config", required_argument, NULL, 'c'},
		{"check", no_argument, NULL, 'k'},
		{"json", no_argument, NULL, 'j'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int letter;

	opterr = 0;
	while ((letter = getopt_long(argc, argv, "+:c:Vh", known, NULL)) != -1) {
		switch (letter) {
		case 'c':
			options->config_path = optarg;
			break;
		case 'k':
			options->is_check = true;
			break;
		case 'j':
			options->is_json = true;
			break;
		case 'V':
			(void)printf("peald " PEAL_VERSION " (%s)\n", peal_eal_version());
			return EXIT_SUCCESS;
		case 'h':
			(void)fputs(help_text, stdout);
			return EXIT_SUCCESS;
		case ':':
			return misuse("an argument is missing after ", argv[optind - 1]);
		default:
			return misuse("there is no option ", argv[optind - 1]);
		}
	}
	if (optind < argc && strcmp(argv[optind - 1], "--") != 0) {
		return misuse(
			"arguments for DPDK stand after --, and nothing else does: ", argv[optind]);
	}
	if (options->config_path == NULL) {
		return misuse("--config FILE is missing", "");
	}
	if (options->is_json && !options->is_check) {
		return misuse("--json belongs to --check", "");
	}
	options->extra = argv + optind;
	options->extra_count = (uint32_t)(argc - optind);
	return -1;
}

/* Wall-clock time of an event, for people who compare logs. */
static void
print_time(uint64_t at_ns)
{
	struct timespec monotonic, wall;
	struct tm parts;
	int64_t wall_ns;
	time_t seconds;
	char text[32];

	(void)clock_gettime(CLOCK_MONOTONIC, &monotonic);
	(void)clock_gettime(CLOCK_REALTIME, &wall);
	wall_ns = ((int64_t)wall.tv_sec - (int64_t)monotonic.tv_sec) * INT64_C(1000000000) +
		  ((int64_t)wall.tv_nsec - (int64_t)monotonic.tv_nsec) + (int64_t)at_ns;
	seconds = (time_t)(wall_ns / INT64_C(1000000000));
	(void)localtime_r(&seconds, &parts);
	(void)strftime(text, sizeof(text), "%H:%M:%S", &parts);
	(void)printf("%s.%06d ", text, (int)(wall_ns / 1000 % 1000000));
}

/* Prints events that came since the last call. */
static void
print_news(struct peal_runtime *runtime, uint64_t *after)
{
	const struct peal_node *node = peal_runtime_node(runtime, 0)->node;
	struct peal_event events[EVENTS_COUNT];
	uint32_t count;

	do {
		peal_runtime_lock(runtime);
		count = peal_eventlog_read(&node->events, *after, events, EVENTS_COUNT);
		peal_runtime_unlock(runtime, false);
		if (count > 0 && events[0].seq > *after + 1U) {
			(void)printf("%llu events were lost\n",
				(unsigned long long)(events[0].seq - *after - 1U));
		}
		for (uint32_t i = 0; i < count; i++) {
			char text[PEAL_DESCRIBE_SIZE_MAX];

			peal_describe_event(&events[i], text);
			print_time(events[i].at_ns);
			(void)puts(text);
			*after = events[i].seq;
		}
	} while (count == EVENTS_COUNT);
	(void)fflush(stdout);
}

/* The exit status when the node has come to its end, or -1. */
static int
find_end(struct peal_runtime *runtime)
{
	const struct peal_node *node = peal_runtime_node(runtime, 0)->node;
	int code = -1;

	peal_runtime_lock(runtime);
	if (node->state == PEAL_NODE_LEFT) {
		code = node->ended_unconfirmed ? EXIT_UNCONFIRMED : EXIT_LEFT;
	} else if (node->state == PEAL_NODE_REFUSED) {
		code = EXIT_REFUSED;
	} else if (node->state == PEAL_NODE_KICKED && !node->config.rejoin) {
		code = EXIT_REMOVED;
	}
	peal_runtime_unlock(runtime, false);
	return code;
}

/* The last line on standard output. */
static void
print_end(int code)
{
	static const char *const sentences[] = {
		[EXIT_LEFT] = "left the group",
		[EXIT_SETUP] = "ended",
		[EXIT_USAGE] = "ended",
		[EXIT_UNCONFIRMED] = "ended; the group has not confirmed that it knows",
		[EXIT_REFUSED] = "ended; the group refused this node",
		[EXIT_REMOVED] = "ended; the group removed this node and rejoin is false",
	};

	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	print_time((uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec);
	(void)puts(sentences[code]);
	(void)fflush(stdout);
}

/* Why the group did not take this node: a line for each thing that differs. */
static void
complain_refused(struct peal_runtime *runtime)
{
	const struct peal_node *node = peal_runtime_node(runtime, 0)->node;
	struct peal_event events[EVENTS_COUNT];
	uint64_t last, after;
	uint32_t count;

	peal_runtime_lock(runtime);
	last = node->events.next_seq - 1U;
	after = last > EVENTS_COUNT ? last - EVENTS_COUNT : 0;
	count = peal_eventlog_read(&node->events, after, events, EVENTS_COUNT);
	peal_runtime_unlock(runtime, false);
	for (uint32_t i = 0; i < count; i++) {
		char text[PEAL_DESCRIBE_SIZE_MAX];

		if (events[i].kind == PEAL_EVENT_REFUSED) {
			peal_describe_event(&events[i], text);
			(void)fprintf(stderr, "peald: %s\n", text);
		}
	}
}

static void
drain(int fd)
{
	uint64_t news;
	ssize_t size = read(fd, &news, sizeof(news));

	(void)size;
}

/* The last messages of the node leave, and members that have not heard yet are answered. */
static void
linger(int code)
{
	struct timespec limit = {.tv_nsec = code == EXIT_REFUSED ? LINGER_REFUSED_NS : LINGER_NS};

	(void)nanosleep(&limit, NULL);
}

/* Waits for signals and news until the node has ended. Returns the exit status. */
static int
serve(struct peal_runtime *runtime, int signal_fd)
{
	struct pollfd polls[2] = {
		{.fd = signal_fd, .events = POLLIN},
		{.fd = peal_runtime_news_fd(runtime), .events = POLLIN},
	};
	uint64_t after = 0;
	bool is_leaving = false;

	for (;;) {
		int code;

		(void)poll(polls, 2, -1);
		if (polls[1].revents != 0) {
			drain(polls[1].fd);
		}
		/* What led to the end is news, and older than it. */
		code = find_end(runtime);
		print_news(runtime, &after);
		if (code >= 0) {
			print_end(code);
			if (code == EXIT_REFUSED) {
				complain_refused(runtime);
			}
			linger(code);
			return code;
		}
		if (polls[0].revents != 0) {
			struct signalfd_siginfo info;
			ssize_t size = read(signal_fd, &info, sizeof(info));

			if (size == (ssize_t)sizeof(info) && is_leaving) {
				(void)fprintf(
					stderr, "peald: ended at once; the group does not know\n");
				peal_eal_clear_disk();
				_exit(EXIT_UNCONFIRMED);
			}
			is_leaving = true;
			peal_runtime_leave(runtime, 0);
		}
	}
}

static int
block_signals(void)
{
	sigset_t signals;

	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigaddset(&signals, SIGINT);
	(void)sigaddset(&signals, SIGHUP);
	/* A peer of a virtual device that is gone, or nobody who reads our lines, is no reason to
	 * die. */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
	return signalfd(-1, &signals, SFD_CLOEXEC);
}

static void
on_assert(const char *condition, const char *file, int line)
{
	(void)condition;
	(void)file;
	(void)line;
	peal_eal_clear_disk();
}

static int
complain(const struct peal_sentence *error)
{
	(void)fprintf(stderr, "peald: %s\n", error->text);
	return EXIT_SETUP;
}

static int
run(const struct options *options, const struct peal_config *config)
{
	struct peal_runtime_config runtime_config = peal_runtime_config_of(config);
	int signal_fd = block_signals();
	struct peal_runtime *runtime;
	struct peal_sentence error;
	int code;

	runtime_config.eal.extra = options->extra;
	runtime_config.eal.extra_count = options->extra_count;
	runtime = peal_runtime_open(&runtime_config, &error);
	if (runtime == NULL) {
		return complain(&error);
	}
	peal_assert_set_hook(on_assert);
	if (peal_runtime_add(runtime, config, 0, &error) == UINT32_MAX ||
		!peal_runtime_start(runtime, &error)) {
		code = complain(&error);
	} else {
		peal_memory_print(stdout);
		code = serve(runtime, signal_fd);
	}
	peal_runtime_close(runtime);
	return code;
}

/* What the configuration asks of the host, for peal-doctor; defaults are filled in. */
static int
print_demands(const struct peal_config *config)
{
	static const char *const huge_words[] = {"auto", "yes", "no"};
	char address[PEAL_DESCRIBE_SIZE_MAX];
	json_t *demands;
	int result;

	peal_describe_address(&config->address, address);
	demands = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:s, s:i, s:s}",
		"name", config->name, "cluster", config->cluster, "address", address, "device",
		config->device, "device_args", config->device_args, "idle",
		config->idle == PEAL_IDLE_DEDICATED ? "dedicated" : "shared", "lcore",
		config->lcore, "cores", (int)config->cores_count, "mtu", (int)config->mtu,
		"memory_mb", (int)config->memory_mb, "huge", huge_words[config->huge],
		"members_max", (int)config->members_max, "socket", config->socket);
	result = demands == NULL ? -1 : json_dumpf(demands, stdout, JSON_INDENT(2));
	json_decref(demands);
	return result == 0 && puts("") >= 0 ? EXIT_SUCCESS : EXIT_SETUP;
}

int
main(int argc, char **argv)
{
	struct options options = {0};
	struct peal_config config;
	struct peal_sentence error;
	int code = read_options(argc, argv, &options);

	if (code >= 0) {
		return code;
	}
	if (!peal_config_load(&config, options.config_path, &error)) {
		return complain(&error);
	}
	if (options.is_json) {
		return print_demands(&config);
	}
	if (options.is_check) {
		(void)printf("%s: node %s of cluster %s is well configured\n", options.config_path,
			config.name, config.cluster);
		return EXIT_SUCCESS;
	}
	return run(&options, &config);
}
