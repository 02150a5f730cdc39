/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/sharedoptions.h"

#include "runtime/eal.h"
#include "runtime/runtime.h"
#include "tools/peal-bench/argtext.h"
#include "tools/peal-bench/farline.h"

#include <errno.h>
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
#define SECOND_NS          UINT64_C(1000000000)

#define AF_PACKET_LINK                                                                             \
	"af_packet needs the right to make a network namespace: root, or a user that may make "    \
	"user\n"                                                                                   \
	"namespaces. It joins the sides by a veth pair that the kernel removes with the "          \
	"process.\n"

const char peal_sharedoptions_near_links[] = "Links are ring and af_packet.\n" AF_PACKET_LINK;

const char peal_sharedoptions_links[] =
	"Links are ring and af_packet, with both sides in this process, and memif and vhost, "
	"which\n"
	"join two: the answering side is then a process of its own. No huge pages are needed: the "
	"side\n"
	"that asks keeps its packets in a memfd that the other one maps.\n" AF_PACKET_LINK;

static bool
read_link(struct peal_benchargs *args, const char *value)
{
	for (uint32_t i = 0; i < (uint32_t)PEAL_BENCHARGS_FAR; i++) {
		args->link = (enum peal_benchargs_link)i;
		if (strcmp(value, peal_benchargs_link_name(args->link)) == 0) {
			return true;
		}
	}
	return false;
}

static bool
read_idle(struct peal_benchargs *args, const char *value)
{
	args->idle = strcmp(value, "spin") == 0 ? PEAL_IDLE_DEDICATED : PEAL_IDLE_SHARED;
	return args->idle == PEAL_IDLE_DEDICATED || strcmp(value, "shared") == 0;
}

static bool
read_rate(struct peal_benchargs *args, const char *value)
{
	uint64_t number;

	if (!peal_argtext_read_number(
		    value, SECOND_NS / INTERVAL_NS_MAX, SECOND_NS / INTERVAL_NS_MIN, &number)) {
		return false;
	}
	args->interval_ns = SECOND_NS / number;
	return true;
}

bool
peal_sharedoptions_read_plot(struct peal_benchargs *args, const char *value)
{
	args->plot_path = value;
	return peal_argtext_has_ending(value, ".svg") || peal_argtext_has_ending(value, ".png");
}

static bool
read_preset(struct peal_benchargs *args, const char *value)
{
	struct peal_timing timing;

	args->preset = value;
	return peal_timing_find(value, &timing);
}

/* "A,B" */
static bool
read_pair(struct peal_benchargs *args, const char *value)
{
	char *end = NULL;
	long first, second;

	errno = 0;
	first = strtol(value, &end, 10);
	if (errno != 0 || end == value || *end != ',' || first < 0 || first >= CPU_SETSIZE) {
		return false;
	}
	value = end + 1;
	second = strtol(value, &end, 10);
	if (errno != 0 || end == value || *end != '\0' || second < 0 || second >= CPU_SETSIZE) {
		return false;
	}
	args->cpus_count = PEAL_BENCHARGS_SIDES_COUNT;
	args->cpus[0] = (int)first;
	args->cpus[1] = (int)second;
	return true;
}

static bool
has_cpu(const struct peal_benchargs *args, int cpu)
{
	for (uint32_t i = 0; i < args->cpus_count; i++) {
		if (args->cpus[i] == cpu) {
			return true;
		}
	}
	return false;
}

/* "0,2-5". Each CPU once, though it is said twice. */
static bool
read_list(struct peal_benchargs *args, const char *value)
{
	args->cpus_count = 0;
	for (;;) {
		char *end = NULL;
		long first, last;

		if (*value < '0' || *value > '9') {
			return false;
		}
		first = strtol(value, &end, 10);
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
			if (args->cpus_count == PEAL_BENCHARGS_CPUS_MAX) {
				return false;
			}
			args->cpus[args->cpus_count++] = cpu;
		}
		if (*end == '\0') {
			return true;
		}
		value = end + 1;
	}
}

const struct peal_option peal_option_link = {.name = "link",
	.value = "LINK",
	.help = "what joins the two sides, see below; required",
	.expected = "ring, af_packet, memif or vhost",
	.kind = PEAL_OPTION_OTHER,
	.read = read_link};

const struct peal_option peal_option_count = {.name = "count",
	.value = "N",
	.help = "how many to measure (default: 100000; shared: 10000)",
	.kind = PEAL_OPTION_NUMBER,
	PEAL_OPTION_FIELD(count),
	.min = 1,
	.max = COUNT_MAX};

const struct peal_option peal_option_interval = {.name = "interval",
	.value = "NS",
	.help = "from one departure to the next, 1000 to 1000000000 (default: 20000; shared: "
		"200000)",
	.expected = "nanoseconds from 1000 to 1000000000",
	.kind = PEAL_OPTION_NUMBER,
	PEAL_OPTION_FIELD(interval_ns),
	.min = INTERVAL_NS_MIN,
	.max = INTERVAL_NS_MAX};

const struct peal_option peal_option_rate = {.name = "rate",
	.value = "PER_S",
	.help = "the same as departures a second",
	.excludes = "interval",
	.expected = "departures a second from 1 to 1000000",
	.kind = PEAL_OPTION_OTHER,
	.read = read_rate};

const struct peal_option peal_option_idle = {.name = "idle",
	.value = "spin|shared",
	.help = "what a poll loop does without work: turn for ever (default), or pause, yield, and "
		"sleep",
	.expected = "spin or shared",
	.kind = PEAL_OPTION_OTHER,
	.read = read_idle};

const struct peal_option peal_option_cpu_pair = {.name = "cores",
	.value = "A,B",
	.help = "CPUs of the two sides, the asking one first (default: the first two that this "
		"process may use)",
	.expected = "two CPU numbers like 0,1",
	.kind = PEAL_OPTION_OTHER,
	.read = read_pair};

const struct peal_option peal_option_cpu_list = {.name = "cores",
	.value = "LIST",
	.help = "CPUs like 0,2-5 (default: all that this process may use, up to 64)",
	.expected = "up to 64 CPU numbers like 0,2-5",
	.kind = PEAL_OPTION_OTHER,
	.read = read_list};

const struct peal_option peal_option_key = {.name = "key",
	.value = "FILE",
	.help = "the group's secret (default: one drawn for this run)",
	.kind = PEAL_OPTION_TEXT,
	PEAL_OPTION_FIELD(key_path)};

const struct peal_option peal_option_none = {.name = "none",
	.help = "do not seal frames",
	.kind = PEAL_OPTION_CLEAR,
	PEAL_OPTION_FIELD(is_sealed)};

const struct peal_option peal_option_size = {.name = "size",
	.value = "N",
	.help = "bytes of a message, 8 to 65536 (default: 64)",
	.expected = "bytes from 8 to 65536",
	.kind = PEAL_OPTION_NUMBER,
	PEAL_OPTION_FIELD(size),
	.min = PEAL_BENCHARGS_SIZE_MIN,
	.max = PEAL_BENCHARGS_SIZE_MAX};

const struct peal_option peal_option_rates = {.name = "rounds",
	.value = "N",
	.help = "of a quarter of a second, for the rate, 1 to 100 (default: 5)",
	.kind = PEAL_OPTION_NUMBER,
	PEAL_OPTION_FIELD(rounds_count),
	.min = 1,
	.max = PEAL_BENCHARGS_RATES_MAX};

const struct peal_option peal_option_mtu = {.name = "mtu",
	.value = "N",
	.help = "bytes of the link's largest packet, 1280 to 9000 (default: 1280 of a ring, what "
		"the device has of the others)",
	.expected = "bytes from 1280 to 9000",
	.kind = PEAL_OPTION_NUMBER,
	PEAL_OPTION_FIELD(mtu),
	.min = PEAL_MTU_MIN,
	.max = PEAL_MTU_MAX};

const struct peal_option peal_option_nodes = {.name = "nodes",
	.value = "N",
	.help = "nodes, 2 to 256; see below for the default",
	.kind = PEAL_OPTION_NUMBER,
	PEAL_OPTION_FIELD(nodes_count),
	.min = 2,
	.max = PEAL_RUNTIME_NODES_MAX};

const struct peal_option peal_option_preset = {.name = "preset",
	.value = "NAME",
	.help = "dpdk-fast, dpdk, cloud or paper; see below for the default",
	.expected = "dpdk-fast, dpdk, cloud or paper",
	.kind = PEAL_OPTION_OTHER,
	.read = read_preset};

const struct peal_option peal_option_anyway = {.name = "anyway",
	.help = "show what was measured even when the machine was not this run's own (exit status "
		"3 otherwise)",
	.kind = PEAL_OPTION_SET,
	PEAL_OPTION_FIELD(is_anyway)};

const struct peal_option peal_option_to = {.name = "to",
	.value = "HOST[:PORT]",
	.help = "in place of --link: the machine where 'peal-bench serve' runs",
	.kind = PEAL_OPTION_TEXT,
	PEAL_OPTION_FIELD(to)};

const struct peal_option peal_option_device = {.name = "device",
	.value = "NAME",
	.help = "with --to: the PCI address of a card, or a virtual device like net_af_packet0",
	.kind = PEAL_OPTION_TEXT,
	PEAL_OPTION_FIELD(device)};

const struct peal_option peal_option_device_args = {.name = "device-args",
	.value = "TEXT",
	.help = "its arguments, like iface=eth1",
	.kind = PEAL_OPTION_TEXT,
	PEAL_OPTION_FIELD(device_args)};

const struct peal_option peal_option_json = {.name = "json",
	.value = "FILE",
	.help = "the figures as JSON; - is the standard output, and the text then goes to the "
		"standard error",
	.kind = PEAL_OPTION_TEXT,
	PEAL_OPTION_FIELD(json_path)};

const struct peal_option peal_option_plot = {.name = "plot",
	.value = "FILE",
	.help = "the percentile curve and the course of the run, drawn by gnuplot; ends in .svg or "
		".png",
	.expected = "a file that ends in .svg or .png",
	.kind = PEAL_OPTION_OTHER,
	.read = peal_sharedoptions_read_plot};

const struct peal_option peal_option_hdr = {.name = "hdr",
	.value = "FILE",
	.help = "the percentile table in the text format of HdrHistogram, in us",
	.kind = PEAL_OPTION_TEXT,
	PEAL_OPTION_FIELD(hdr_path)};

const struct peal_option peal_option_percentiles = {.name = "percentiles",
	.value = "FILE",
	.help = "the same",
	.kind = PEAL_OPTION_TEXT,
	PEAL_OPTION_FIELD(hdr_path)};

const struct peal_option peal_option_quiet = {.name = "quiet",
	.help = "print nothing but errors",
	.kind = PEAL_OPTION_SET,
	PEAL_OPTION_FIELD(is_quiet)};

bool
peal_sharedoptions_check_link(const struct peal_benchargs *args, struct peal_sentence *error)
{
	if (args->link == PEAL_BENCHARGS_FAR) {
		return true;
	}
	return args->link != PEAL_BENCHARGS_LINK_NONE ||
	       peal_sentence_set(error, "--link is missing: ring, af_packet, memif or vhost");
}

static bool
check_cpus(const struct peal_benchargs *args, struct peal_sentence *error)
{
	for (uint32_t i = 0; i < args->cpus_count; i++) {
		if (!peal_eal_has_cpu(args->cpus[i])) {
			return peal_sentence_set(error,
				"--cores: this process may not use CPU %d; the last one it may use "
				"is %d",
				args->cpus[i], peal_eal_last_cpu());
		}
	}
	return true;
}

static void
add_cpus(struct peal_benchargs *args, uint32_t max)
{
	for (int cpu = 0; cpu < CPU_SETSIZE && args->cpus_count < max; cpu++) {
		if (peal_eal_has_cpu(cpu)) {
			args->cpus[args->cpus_count++] = cpu;
		}
	}
}

bool
peal_sharedoptions_take_far(struct peal_benchargs *args, struct peal_sentence *error)
{
	if (args->to == NULL) {
		return args->device == NULL ||
		       peal_sentence_set(error, "--device is for another machine; --to says which");
	}
	if (!peal_farline_is_place(args->to)) {
		return peal_argtext_refuse(error, "--to", args->to, PEAL_FARLINE_PLACE_EXPECTED);
	}
	if (args->link != PEAL_BENCHARGS_LINK_NONE) {
		return peal_sentence_set(error, "--to and --link exclude each other");
	}
	args->link = PEAL_BENCHARGS_FAR;
	return args->device != NULL ||
	       peal_sentence_set(error, "--to: --device is missing: a PCI address, or a virtual "
					"device like net_af_packet0");
}

bool
peal_sharedoptions_complete_pair(struct peal_benchargs *args, struct peal_sentence *error)
{
	if (args->link == PEAL_BENCHARGS_FAR) {
		/* Of this machine one loop; the other one has its own. */
		args->cpus_count = args->cpus_count > 1 ? 1 : args->cpus_count;
		if (args->cpus_count == 0) {
			add_cpus(args, 1);
		}
		args->cpus[1] = args->cpus[0];
		return check_cpus(args, error);
	}
	if (args->cpus_count == 0) {
		add_cpus(args, PEAL_BENCHARGS_SIDES_COUNT);
	}
	if (args->cpus_count == 1) {
		args->cpus[args->cpus_count++] = args->cpus[0];
	}
	if (!check_cpus(args, error)) {
		return false;
	}
	if (args->idle == PEAL_IDLE_DEDICATED && args->cpus[0] == args->cpus[1]) {
		return peal_sentence_set(error,
			"--idle spin needs two CPUs, one for each poll loop, and only CPU %d is "
			"given; use --idle shared",
			args->cpus[0]);
	}
	return true;
}

bool
peal_sharedoptions_complete_list(
	struct peal_benchargs *args, uint32_t min, uint32_t max, struct peal_sentence *error)
{
	if (args->cpus_count == 0) {
		add_cpus(args, max);
	}
	if (!check_cpus(args, error)) {
		return false;
	}
	return (args->cpus_count >= min && args->cpus_count <= max) ||
	       peal_sentence_set(error, "--cores: %s needs %s", args->command,
		       max == 2 ? "two CPUs" : "two CPUs or more");
}

void
peal_sharedoptions_complete_schedule(struct peal_benchargs *args)
{
	bool is_spinning = args->idle == PEAL_IDLE_DEDICATED;

	if (args->interval_ns == 0) {
		args->interval_ns = is_spinning ? SPIN_INTERVAL_NS : SHARED_INTERVAL_NS;
	}
	if (args->count == 0) {
		args->count = is_spinning ? SPIN_COUNT : SHARED_COUNT;
	}
}
