/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/echocommands.h"

#include "tools/peal-bench/curve.h"
#include "tools/peal-bench/messageecho.h"
#include "tools/peal-bench/outcome.h"
#include "tools/peal-bench/pealecho.h"
#include "tools/peal-bench/rawecho.h"
#include "tools/peal-bench/sharedoptions.h"

#define MESSAGE_SIZE 64U

typedef bool (*measure_fn)(struct peal_outcome *outcome_out, struct peal_sentence *error);

/* What all three do around the measurement. */
static bool
run(const struct peal_benchargs *args, measure_fn measure, struct peal_sentence *error)
{
	static struct peal_histogram histogram;
	static struct peal_timeline timeline;
	struct peal_outcome outcome = {
		.args = args, .histogram = &histogram, .timeline = &timeline};

	if (args->plot_path != NULL && !peal_curve_can_draw(error)) {
		return false;
	}
	peal_histogram_reset(&histogram);
	return measure(&outcome, error) && peal_outcome_deliver(&outcome, error);
}

static bool
run_rtt(const struct peal_benchargs *args, struct peal_sentence *error)
{
	return run(args, peal_pealecho_run, error);
}

static bool
run_raw(const struct peal_benchargs *args, struct peal_sentence *error)
{
	return run(args, peal_rawecho_run, error);
}

static bool
run_message(const struct peal_benchargs *args, struct peal_sentence *error)
{
	return run(args, peal_messageecho_run, error);
}

static bool
complete(struct peal_benchargs *args, struct peal_sentence *error)
{
	if (!peal_sharedoptions_check_link(args, error)) {
		return false;
	}
	peal_sharedoptions_complete_schedule(args);
	return peal_sharedoptions_complete_pair(args, error);
}

static bool
complete_rtt(struct peal_benchargs *args, struct peal_sentence *error)
{
	if (args->key_path != NULL && !args->is_sealed) {
		return peal_sentence_set(error, "--key and --none exclude each other");
	}
	if (!peal_sharedoptions_take_far(args, error)) {
		return false;
	}
	if (args->link == PEAL_BENCHARGS_FAR && args->key_path != NULL) {
		return peal_sentence_set(error,
			"--key and --to exclude each other: the key of the run goes over the "
			"connection to the other machine");
	}
	if (args->link != PEAL_BENCHARGS_LINK_NONE && args->link != PEAL_BENCHARGS_FAR &&
		peal_benchargs_is_split(args->link)) {
		return peal_sentence_set(error,
			"--link %s joins two processes, and rtt has both nodes in one; use "
			"message, or ratio --of message",
			peal_benchargs_link_name(args->link));
	}
	return complete(args, error);
}

static bool
complete_split(struct peal_benchargs *args, struct peal_sentence *error)
{
	return peal_sharedoptions_take_far(args, error) && complete(args, error);
}

static void
prepare_message(struct peal_benchargs *args)
{
	args->size = MESSAGE_SIZE;
}

#define SCHEDULE_OPTIONS                                                                           \
	&peal_option_link, &peal_option_count, &peal_option_interval, &peal_option_rate,           \
		&peal_option_idle, &peal_option_cpu_pair, &peal_option_anyway
#define OUTPUT_OPTIONS                                                                             \
	&peal_option_json, &peal_option_plot, &peal_option_hdr, &peal_option_percentiles,          \
		&peal_option_quiet, NULL

#define FAR_OPTIONS &peal_option_to, &peal_option_device, &peal_option_device_args

static const struct peal_option *const rtt_options[] = {
	FAR_OPTIONS, SCHEDULE_OPTIONS, &peal_option_key, &peal_option_none, OUTPUT_OPTIONS};
static const struct peal_option *const raw_options[] = {
	FAR_OPTIONS, SCHEDULE_OPTIONS, &peal_option_mtu, OUTPUT_OPTIONS};
static const struct peal_option *const message_options[] = {&peal_option_size, &peal_option_mtu,
	FAR_OPTIONS, SCHEDULE_OPTIONS, &peal_option_none, OUTPUT_OPTIONS};

const struct peal_command peal_rtt_command = {
	.name = "rtt",
	.usage = "--link ring|af_packet | --to HOST --device NAME [options]",
	.brief = "round trips between two nodes of Peal, each on a poll loop",
	.about = "Starts two nodes of Peal in this process, waits until they are members of one "
		 "view, and has one\n"
		 "send ECHO frames to the other: framed, sealed, checked and dispatched like any "
		 "other frame.\n"
		 "ring joins them by the switch inside the process, af_packet by real frames "
		 "through the kernel.\n"
		 "With --to the second node is one of the machine where 'peal-bench serve' runs, "
		 "and joins the first\n"
		 "one from there.\n",
	.notes = peal_sharedoptions_near_links,
	.examples =
		"  peal-bench rtt --link ring\n"
		"  peal-bench rtt --link af_packet --rate 20000 --count 1000000 --plot rtt.svg\n"
		"  peal-bench rtt --link ring --none --json - --quiet\n"
		"  peal-bench rtt --link af_packet --idle shared --hdr rtt.hdr\n",
	.options = rtt_options,
	.complete = complete_rtt,
	.run = run_rtt,
};

const struct peal_command peal_raw_command = {
	.name = "raw",
	.usage = "--link ring|af_packet|memif|vhost | --to HOST --device NAME [options]",
	.brief = "the same exchange by a bare DPDK program, for comparison",
	.about =
		"The floor below rtt and message: a bare DPDK echo with frames of the same size "
		"(106 bytes), the\n"
		"same driver options, packet pools, idle mode, CPUs and schedule, and the same way "
		"to take time:\n"
		"the clock is read once a turn, and a reply is stamped by the turn after the one "
		"that took it in.\n"
		"The answering side swaps the MAC addresses and sends the frame back. Nothing is "
		"sealed, checked\n"
		"or looked up.\n"
		"\n"
		"ring is two ports of DPDK's ring driver over a pair of rte_rings with one "
		"producer and one\n"
		"consumer each; af_packet is the driver of that name on the two ends of a veth "
		"pair; memif is the\n"
		"driver of that name, with zero copy on the asking side; vhost is net_virtio_user "
		"against net_vhost.\n",
	.notes = peal_sharedoptions_links,
	.examples = "  peal-bench raw --link ring\n"
		    "  peal-bench raw --link af_packet --count 1000000 --hdr raw.hdr\n",
	.options = raw_options,
	.complete = complete_split,
	.run = run_raw,
};

const struct peal_command peal_message_command = {
	.name = "message",
	.usage = "--link ring|af_packet|memif|vhost | --to HOST --device NAME [options]",
	.brief = "the same with reliable messages over a channel",
	.about = "Two cores in a view of two that never changes. One sends a message over a "
		 "reliable channel on\n"
		 "a fixed schedule, the other one sends it back over the same channel: coalesced, "
		 "sealed,\n"
		 "acknowledged, delivered once and in order, with heartbeats beside them. Nobody "
		 "joins or agrees\n"
		 "on anything, so the two can be processes of their own.\n",
	.notes = peal_sharedoptions_links,
	.examples = "  peal-bench message --link memif\n"
		    "  peal-bench message --link af_packet --size 1024 --rate 10000 --hdr "
		    "message.hdr\n"
		    "  peal-bench message --link ring --none --json - --quiet\n",
	.options = message_options,
	.prepare = prepare_message,
	.complete = complete_split,
	.run = run_message,
};
