/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/benchhelp.h"

#include "base/assert.h"

#define LINK_OPTION "  --link LINK            what joins the two sides, see below; required\n"

#define LOOP_OPTIONS                                                                               \
	"  --idle spin|shared     what a poll loop does without work: turn for ever (default), "   \
	"or\n"                                                                                     \
	"                         pause, yield, and sleep\n"                                       \
	"  --cores A,B            CPUs of the asking and of the answering loop (default: the "     \
	"first\n"                                                                                  \
	"                         two that this process may use)\n"                                \
	"  --anyway               show what was measured even when the machine was not this "      \
	"run's\n"                                                                                  \
	"                         own (exit status 3 otherwise)\n"

#define SHARED_OPTIONS                                                                             \
	LINK_OPTION                                                                                \
	"  --count N              round trips to measure (default: 100000; shared: 10000)\n"       \
	"  --interval NS          from one departure to the next, 1000 to 1000000000\n"            \
	"                         (default: 20000; shared: 200000)\n"                              \
	"  --rate PER_S           the same as departures a second\n" LOOP_OPTIONS

#define MTU_OPTION                                                                                 \
	"  --mtu N                bytes of the link's largest packet, 1280 to 9000 (default: "     \
	"1280 "                                                                                    \
	"of\n"                                                                                     \
	"                         a ring, what the device has of the others)\n"

#define KEY_OPTIONS                                                                                \
	"  --key FILE             the group's secret (default: one drawn for this run)\n"          \
	"  --none                 do not seal frames\n"

#define JSON_OPTION                                                                                \
	"  --json FILE            the figures as JSON; - is the standard output, and the text "    \
	"then\n"                                                                                   \
	"                         goes to the standard error\n"

#define LAST_OPTIONS                                                                               \
	"  --quiet                print nothing but errors\n"                                      \
	"  -h, --help             this text\n"

#define OUTPUT_OPTIONS                                                                             \
	JSON_OPTION                                                                                \
	"  --plot FILE            the percentile curve, drawn by gnuplot; ends in .svg or "        \
	".png\n" LAST_OPTIONS

#define HDR_OPTION                                                                                 \
	"  --percentiles FILE, --hdr FILE\n"                                                       \
	"                         the percentile table in the text format of HdrHistogram, in "    \
	"us\n"

#define AF_PACKET_LINK                                                                             \
	"af_packet needs the right to make a network namespace: root, or a user that may make "    \
	"user\n"                                                                                   \
	"namespaces. It joins the sides by a veth pair that the kernel removes with the "          \
	"process.\n"

/* Both nodes in one process. */
#define NEAR_LINKS "\nLinks are ring and af_packet.\n" AF_PACKET_LINK

#define LINKS                                                                                      \
	"\n"                                                                                       \
	"Links are ring and af_packet, with both sides in this process, and memif and vhost, "     \
	"which\n"                                                                                  \
	"join two: the answering side is then a process of its own. No huge pages are needed: "    \
	"the "                                                                                     \
	"side\n"                                                                                   \
	"that asks keeps its packets in a memfd that the other one maps.\n" AF_PACKET_LINK

static const char general[] =
	"usage: peal-bench rtt --link ring|af_packet [options]\n"
	"       peal-bench raw --link ring|af_packet|memif|vhost [options]\n"
	"       peal-bench message --link ring|af_packet|memif|vhost [options]\n"
	"       peal-bench ratio [--of rtt|message] --link LINK [options]\n"
	"       peal-bench throughput --link ring|af_packet|memif|vhost [options]\n"
	"       peal-bench scale [--nodes N] [options]\n"
	"       peal-bench jitter [--cores LIST] [options]\n"
	"       peal-bench floor [--cores LIST] [options]\n"
	"       peal-bench shm [--size N] [options]\n"
	"       peal-bench compare A.json B.json [options]\n"
	"       peal-bench plot FILE.json... --svg FILE | --png FILE\n"
	"\n"
	"Measures what a round trip between two members of a group costs on this machine, and what "
	"a\n"
	"group of many nodes costs.\n"
	"\n"
	"  rtt     two nodes of Peal in this process, each on a poll loop of its own\n"
	"  raw     the same exchange by a bare DPDK program, for comparison\n"
	"  message the same with reliable messages over a channel\n"
	"  ratio   raw and one of them in turn, several times; how many times longer Peal takes\n"
	"  throughput  reliable messages one way, as many as a channel carries\n"
	"  scale   many nodes in this process: forming a group, resting, losing some of them\n"
	"  jitter  time stolen from CPUs that spin\n"
	"  floor   what handing a cache line from CPU to CPU takes\n"
	"  shm     records between an application and a daemon through shared memory\n"
	"  compare which of two sets of results is faster, if any\n"
	"  plot    percentile curves of several results in one picture\n"
	"\n"
	"Echoes leave on a fixed schedule (open loop), and a round trip counts from the instant "
	"at\n"
	"which its echo was meant to leave, so that a stall shows as what it is. 'peal-bench rtt "
	"--help'\n"
	"and so on tell more.\n"
	"\n"
	"examples:\n"
	"  peal-bench rtt --link ring\n"
	"  peal-bench ratio --link af_packet --pairs 9 --json ratio.json\n"
	"  peal-bench ratio --of message --link memif\n"
	"  peal-bench throughput --link vhost --size 65536\n"
	"  peal-bench scale --nodes 200\n";

static const char rtt[] =
	"usage: peal-bench rtt --link ring|af_packet [options]\n"
	"\n"
	"Starts two nodes of Peal in this process, waits until they are members of one view, and "
	"has one\n"
	"send ECHO frames to the other: framed, sealed, checked and dispatched like any other "
	"frame.\n"
	"ring joins them by the switch inside the process, af_packet by real frames through the "
	"kernel.\n"
	"\n" SHARED_OPTIONS KEY_OPTIONS OUTPUT_OPTIONS HDR_OPTION NEAR_LINKS "\n"
	"examples:\n"
	"  peal-bench rtt --link ring\n"
	"  peal-bench rtt --link af_packet --rate 20000 --count 1000000 --plot rtt.svg\n"
	"  peal-bench rtt --link ring --none --json - --quiet\n"
	"  peal-bench rtt --link af_packet --idle shared --hdr rtt.hdr\n";

static const char raw[] =
	"usage: peal-bench raw --link ring|af_packet|memif|vhost [options]\n"
	"\n"
	"The floor below rtt and message: a bare DPDK echo with frames of the same size (106 "
	"bytes), the same "
	"driver\n"
	"options, packet pools, idle mode, CPUs and schedule, and the same way to take time: the "
	"clock is\n"
	"read once a turn, and a reply is stamped by the turn after the one that took it in. The "
	"answering\n"
	"side swaps the MAC addresses and sends the frame back. Nothing is sealed, checked or "
	"looked up.\n"
	"\n"
	"ring is two ports of DPDK's ring driver over a pair of rte_rings with one producer and "
	"one\n"
	"consumer each; af_packet is the driver of that name on the two ends of a veth pair; memif "
	"is "
	"the driver\n"
	"of that name, with zero copy on the asking side; vhost is net_virtio_user against "
	"net_vhost.\n"
	"\n" SHARED_OPTIONS MTU_OPTION OUTPUT_OPTIONS HDR_OPTION LINKS "\n"
	"examples:\n"
	"  peal-bench raw --link ring\n"
	"  peal-bench raw --link af_packet --count 1000000 --hdr raw.hdr\n";

static const char ratio[] =
	"usage: peal-bench ratio [--of rtt|message] --link LINK [--pairs N] [options]\n"
	"\n"
	"Runs raw and rtt, or message, in turn, N times each, every run in a process of its own, "
	"and divides "
	"the\n"
	"medians of each pair. The median of these ratios, with its smallest and largest, is what "
	"may be\n"
	"compared between machines. With it goes the round trip of one cache line between the two "
	"CPUs,\n"
	"taken before each run.\n"
	"\n"
	"  --of rtt|message       what is compared with raw (default: rtt)\n"
	"  --size N               with --of message: bytes, 8 to 65536 (default: 64)\n"
	"  --pairs N              pairs of runs, 5 or more (default: 5)\n" SHARED_OPTIONS MTU_OPTION
		KEY_OPTIONS OUTPUT_OPTIONS LINKS "\n"
	"examples:\n"
	"  peal-bench ratio --link ring\n"
	"  peal-bench ratio --link af_packet --pairs 9 --json ratio.json --plot ratio.svg\n"
	"  peal-bench ratio --of message --link vhost\n";

static const char message[] =
	"usage: peal-bench message --link ring|af_packet|memif|vhost [options]\n"
	"\n"
	"Two cores in a view of two that never changes. One sends a message over a reliable "
	"channel "
	"on\n"
	"a fixed schedule, the other one sends it back over the same channel: coalesced, sealed,\n"
	"acknowledged, delivered once and in order, with heartbeats beside them. Nobody joins or "
	"agrees\n"
	"on anything, so the two can be processes of their own.\n"
	"\n"
	"  --size N               bytes of a message, 8 to 65536 (default: 64)\n" SHARED_OPTIONS
		MTU_OPTION
	"  --none                 do not seal frames\n" OUTPUT_OPTIONS HDR_OPTION LINKS "\n"
	"examples:\n"
	"  peal-bench message --link memif\n"
	"  peal-bench message --link af_packet --size 1024 --rate 10000 --hdr message.hdr\n"
	"  peal-bench message --link ring --none --json - --quiet\n";

static const char throughput[] =
	"usage: peal-bench throughput --link ring|af_packet|memif|vhost [--size N] [options]\n"
	"\n"
	"The two cores of 'peal-bench message', but the first one sends as many messages as the "
	"channel\n"
	"takes, and the second one puts each together in memory of its own. Rounds of half a "
	"second; "
	"the\n"
	"figure is the median of the rounds, by the clock of the loop that delivers. There is none "
	"when\n"
	"more than 1 % of the frames found no room on the link, or the hypervisor took more than 5 "
	"%.\n"
	"\n"
	"  --size N               bytes of a message, 8 to 65536 (default: 64)\n"
	"  --rounds N             1 to 100 (default: 5)\n" MTU_OPTION
	"  --alone                each message in a frame of its own; by default small ones "
	"share\n" LINK_OPTION LOOP_OPTIONS
	"  --none                 do not seal frames\n" JSON_OPTION LAST_OPTIONS LINKS "\n"
	"examples:\n"
	"  peal-bench throughput --link memif\n"
	"  peal-bench throughput --link vhost --size 65536 --rounds 9\n"
	"  peal-bench throughput --link ring --alone --json - --quiet\n";

static const char scale[] =
	"usage: peal-bench scale [--nodes N] [--kill LIST] [--seconds S] [options]\n"
	"\n"
	"Starts many nodes of Peal in this process, with everything that a daemon has but a "
	"device: one\n"
	"switch joins them, one poll loop runs all their cores, one thread all their control "
	"halves, and\n"
	"both sleep when there is nothing to do. All join through one seed. Frames are sealed.\n"
	"\n"
	"It tells how long it takes until all are in one view and what a join costs, what the "
	"group "
	"costs\n"
	"at rest, how long it takes until nodes that stop are out of every view, and the memory of "
	"a "
	"node.\n"
	"\n"
	"  --nodes N              nodes, 2 to 256 (default: 200)\n"
	"  --kill LIST            nodes to stop at one moment, one number for each time, or none\n"
	"                         (default: 1,10)\n"
	"  --seconds S            length of the rest, 0 = none (default: 10)\n"
	"  --preset NAME          dpdk-fast, dpdk, cloud or paper for everything (default: two "
	"runs,\n"
	"                         dpdk for forming and kills, paper with one probe a second for "
	"rest)\n" JSON_OPTION LAST_OPTIONS "\n"
	"examples:\n"
	"  peal-bench scale\n"
	"  peal-bench scale --nodes 100 --kill 1,1,30 --seconds 0 --preset dpdk-fast\n"
	"  peal-bench scale --nodes 200 --json - --quiet\n";

const char *
peal_benchhelp_general(void)
{
	return general;
}

const char *
peal_benchhelp_of(enum peal_benchargs_command command)
{
	static const char *const texts[] = {rtt, raw, ratio, scale, message, throughput};

	PEAL_ASSERT((uint32_t)command < sizeof(texts) / sizeof(texts[0]));
	return texts[command];
}
