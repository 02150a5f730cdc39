/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/pealecho.h"

#include "base/assert.h"
#include "runtime/runtime.h"
#include "tools/peal-bench/ctrlc.h"
#include "tools/peal-bench/drawnkey.h"
#include "tools/peal-bench/progressbar.h"
#include "tools/peal-bench/stage.h"

#include <rte_cycles.h>
#include <rte_version.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define POLL_NS        UINT64_C(50000000)
#define MEET_NS_MAX    UINT64_C(30000000000)
#define SECOND_NS      UINT64_C(1000000000)
#define CLUSTER_NAME   "bench"
#define FIRST_ADDRESS  "10.77.0.1:7400"
#define SECOND_ADDRESS "10.77.0.2:7400"

struct meeting {
	struct peal_runtime *runtime;
	struct peal_stage stage;
	int key_fd; /* of a key drawn for this run, -1 = none */
	struct peal_config configs[PEAL_BENCHARGS_SIDES_COUNT];
	struct peal_ping_run ping;
	struct peal_timeline *timeline;
	uint64_t mid; /* of the answering node */
};

static uint64_t
read_now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

_Static_assert(sizeof(((struct peal_stage_shared *)NULL)->raw_keys) == PEAL_DRAWNKEY_SIZE,
	"two machines agree on a key by those of their two sides");

/* The other node is another machine's. */
static bool
is_far(const struct peal_benchargs *args)
{
	return args->link == PEAL_BENCHARGS_FAR;
}

static bool
choose_key(struct meeting *meeting, const struct peal_benchargs *args, struct peal_config *config,
	struct peal_sentence *error)
{
	int size;

	config->is_encrypted = args->is_sealed;
	if (!args->is_sealed) {
		return true;
	}
	if (args->key_path == NULL) {
		const uint8_t *key = is_far(args) ? &meeting->stage.shared->raw_keys[0][0] : NULL;

		meeting->key_fd = peal_drawnkey_make(key, config->key, error);
		return meeting->key_fd >= 0;
	}
	size = snprintf(config->key, sizeof(config->key), "%s", args->key_path);
	return (size > 0 && (size_t)size < sizeof(config->key)) ||
	       peal_sentence_set(error, "--key: expected a path of 1 to %u characters",
		       PEAL_CONFIG_PATH_SIZE_MAX);
}

static bool
make_configs(
	struct meeting *meeting, const struct peal_benchargs *args, struct peal_sentence *error)
{
	static const char *const names[] = {"asking", "answering"};
	static const char *const addresses[] = {FIRST_ADDRESS, SECOND_ADDRESS};
	struct peal_config *first = &meeting->configs[0];

	peal_config_default(first);
	(void)snprintf(first->cluster, sizeof(first->cluster), "%s", CLUSTER_NAME);
	first->expect = PEAL_BENCHARGS_SIDES_COUNT;
	first->idle = args->idle;
	first->seeds_count = PEAL_BENCHARGS_SIDES_COUNT;
	for (uint32_t i = 0; i < PEAL_BENCHARGS_SIDES_COUNT; i++) {
		bool is_parsed = peal_config_parse_address(addresses[i], &first->seeds[i]);

		PEAL_ASSERT(is_parsed);
	}
	if (!choose_key(meeting, args, first, error)) {
		return false;
	}
	meeting->configs[1] = *first;
	for (uint32_t i = 0; i < PEAL_BENCHARGS_SIDES_COUNT; i++) {
		struct peal_config *config = &meeting->configs[i];

		config->address = first->seeds[i];
		const char *device = is_far(args) ? args->device : peal_joint_device(args->link, i);

		(void)snprintf(config->name, sizeof(config->name), "%s", names[i]);
		(void)snprintf(
			config->device, sizeof(config->device), "%s", device == NULL ? "" : device);
	}
	return true;
}

static bool
open_runtime(
	struct meeting *meeting, const struct peal_benchargs *args, struct peal_sentence *error)
{
	struct peal_runtime_config config = {
		.eal = meeting->stage.eal,
		.idle = args->idle,
		.on_enter = peal_stage_enter,
		.hook_argument = &meeting->stage,
	};

	if (args->link == PEAL_BENCHARGS_RING) {
		config.switch_ports_count = PEAL_BENCHARGS_SIDES_COUNT;
	}
	meeting->runtime = peal_runtime_open(&config, error);
	if (meeting->runtime == NULL) {
		return false;
	}
	for (uint32_t side = meeting->stage.first_side; side < meeting->stage.sides_end; side++) {
		if (peal_runtime_add(meeting->runtime, &meeting->configs[side],
			    side - meeting->stage.first_side, error) == UINT32_MAX) {
			return false;
		}
	}
	return peal_runtime_start(meeting->runtime, error);
}

/* Both are in the same view of two. Under the lock. */
static bool
has_met(struct meeting *meeting)
{
	const struct peal_node *asking = peal_runtime_node(meeting->runtime, 0)->node;
	const struct peal_node *answering;

	if (asking->state != PEAL_NODE_MEMBER ||
		asking->view.members_count != PEAL_BENCHARGS_SIDES_COUNT) {
		return false;
	}
	if (peal_runtime_nodes_count(meeting->runtime) == 1) {
		const struct peal_member *members = asking->view.members;

		meeting->mid = members[members[0].mid == asking->self.mid ? 1 : 0].mid;
		return true;
	}
	answering = peal_runtime_node(meeting->runtime, 1)->node;
	meeting->mid = answering->self.mid;
	return answering->state == PEAL_NODE_MEMBER && asking->view.epoch == answering->view.epoch;
}

/* False once Ctrl-C has come, or with a sentence when the other machine is gone. */
static bool
is_well(struct meeting *meeting, struct peal_sentence *error)
{
	return !peal_ctrlc_has_come() && !peal_stage_is_broken(&meeting->stage, error);
}

static bool
wait_for_view(struct meeting *meeting, bool is_shown, struct peal_sentence *error)
{
	uint64_t give_up_at_ns = read_now_ns() + MEET_NS_MAX;
	struct peal_progressbar bar;
	bool is_met = false;

	peal_progressbar_init(&bar, is_shown);
	while (!is_met && is_well(meeting, error) && read_now_ns() < give_up_at_ns) {
		peal_progressbar_show(&bar, "waiting for the two nodes to meet", 0, 0);
		peal_ctrlc_sleep(POLL_NS / 5U);
		peal_runtime_lock(meeting->runtime);
		is_met = has_met(meeting) && peal_stage_is_entered(&meeting->stage);
		peal_runtime_unlock(meeting->runtime, false);
	}
	peal_progressbar_clear(&bar);
	if (!is_met && !is_well(meeting, error)) {
		return false;
	}
	return is_met || peal_sentence_set(error,
				 "the two nodes were not in one view after %u s; is the machine "
				 "overloaded?",
				 (unsigned int)(MEET_NS_MAX / SECOND_NS));
}

static bool
start_ping(
	struct meeting *meeting, uint64_t count, uint64_t interval_ns, struct peal_sentence *error)
{
	bool is_started;

	meeting->ping.count = count;
	meeting->ping.timeline = meeting->timeline;
	meeting->ping.interval_ns = interval_ns;
	peal_runtime_lock(meeting->runtime);
	is_started = peal_node_ping(
		peal_runtime_node(meeting->runtime, 0)->node, meeting->mid, &meeting->ping);
	peal_runtime_unlock(meeting->runtime, true);
	return is_started ||
	       peal_sentence_set(error, "the echoes could not be started: the view fell apart");
}

/* True when the run has ended; it belongs to this thread again. */
static bool
take_ping(struct meeting *meeting)
{
	struct peal_control_entry *entry = peal_runtime_node(meeting->runtime, 0)->entry;
	bool is_ended;

	peal_runtime_lock(meeting->runtime);
	is_ended = entry->ping_done == &meeting->ping;
	entry->ping_done = is_ended ? NULL : entry->ping_done;
	peal_runtime_unlock(meeting->runtime, false);
	return is_ended;
}

/* A run of echoes from begin to end. False with a sentence, empty after Ctrl-C. */
static bool
carry_out(struct meeting *meeting, const struct peal_benchargs *args, uint64_t count,
	const char *what, struct peal_sentence *error)
{
	struct peal_core *core = peal_runtime_node(meeting->runtime, 0)->core;
	const struct peal_counters *counters = peal_core_counters(core);
	uint64_t before = peal_counter_get(counters, PEAL_COUNTER_ECHO_REPLIES);
	struct peal_progressbar bar;
	bool is_ended = false;

	if (!start_ping(meeting, count, args->interval_ns, error)) {
		return false;
	}
	peal_progressbar_init(&bar, !args->is_quiet);
	while (!is_ended && is_well(meeting, error)) {
		uint64_t done = peal_counter_get(counters, PEAL_COUNTER_ECHO_REPLIES) - before;

		peal_progressbar_show(&bar, what, done < count ? done : count, count);
		peal_ctrlc_sleep(POLL_NS);
		is_ended = take_ping(meeting);
	}
	peal_progressbar_clear(&bar);
	if (!is_ended) {
		return false;
	}
	return !meeting->ping.is_cut_short ||
	       peal_sentence_set(error,
		       "the view fell apart during the run: one node was away for so long that "
		       "the other one took it for dead; is the machine overloaded?");
}

static uint64_t
sum_of_loops(struct meeting *meeting, enum peal_counter id)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < peal_runtime_nodes_count(meeting->runtime); i++) {
		sum += peal_counter_get(
			&peal_runtime_node(meeting->runtime, i)->lcore->counters, id);
	}
	return sum;
}

static uint64_t
longest_of_loops(struct meeting *meeting)
{
	uint64_t longest_ns = 0;

	for (uint32_t i = 0; i < peal_runtime_nodes_count(meeting->runtime); i++) {
		uint64_t ns =
			peal_counter_get(&peal_runtime_node(meeting->runtime, i)->lcore->counters,
				PEAL_COUNTER_LONGEST_TURN_NS);

		longest_ns = ns > longest_ns ? ns : longest_ns;
	}
	return longest_ns;
}

static void
collect(struct meeting *meeting, struct peal_outcome *outcome)
{
	const struct peal_core *core = peal_runtime_node(meeting->runtime, 0)->core;

	*outcome->histogram = meeting->ping.histogram;
	outcome->sent_count = meeting->ping.sent_count;
	outcome->received_count = meeting->ping.received_count;
	outcome->aead_name = outcome->args->is_sealed ? core->config.aead.name : NULL;
	outcome->longest_gap_ns = longest_of_loops(meeting);
	outcome->tsc_hz = rte_get_tsc_hz();
	outcome->dpdk_name = rte_version();
	outcome->line_rtt_ns = meeting->stage.line_rtt_ns;
}

static bool
measure(struct meeting *meeting, struct peal_outcome *outcome, struct peal_sentence *error)
{
	const struct peal_benchargs *args = outcome->args;
	struct peal_machine_watch watch;
	uint64_t gaps_before;

	if (!wait_for_view(meeting, !args->is_quiet, error)) {
		return false;
	}
	PEAL_ASSERT(peal_stage_is_entered(&meeting->stage));
	if (!carry_out(meeting, args, peal_stage_warm_up_count(args), "warming up", error)) {
		return false;
	}
	gaps_before = sum_of_loops(meeting, PEAL_COUNTER_TURNS_LONG);
	peal_machine_begin(&watch, args->cpus, meeting->stage.clocks);
	if (!carry_out(meeting, args, args->count, "round trips", error)) {
		return false;
	}
	peal_machine_end(&watch, &outcome->bill);
	outcome->gaps_count = sum_of_loops(meeting, PEAL_COUNTER_TURNS_LONG) - gaps_before;
	collect(meeting, outcome);
	return true;
}

/* On the machine that answers: until the other one has what it wanted, or is gone. */
static bool
serve(struct meeting *meeting, struct peal_sentence *error)
{
	while (is_well(meeting, error) && !peal_stage_is_over(&meeting->stage)) {
		peal_ctrlc_sleep(POLL_NS / 10U);
	}
	return true;
}

static bool
play(struct meeting *meeting, struct peal_outcome *outcome, struct peal_sentence *error)
{
	const struct peal_benchargs *args = outcome->args;

	return make_configs(meeting, args, error) && open_runtime(meeting, args, error) &&
	       (peal_stage_is_second(&meeting->stage) ? serve(meeting, error)
						      : measure(meeting, outcome, error));
}

bool
peal_pealecho_run(struct peal_outcome *outcome_out, struct peal_sentence *error)
{
	static struct meeting meeting; /* the core writes into it until the runtime has stopped */
	const struct peal_benchargs *args = outcome_out->args;
	bool is_measured;

	error->text[0] = '\0';
	meeting.key_fd = -1;
	meeting.timeline = outcome_out->timeline;
	is_measured = peal_stage_prepare(&meeting.stage, args, error) &&
		      play(&meeting, outcome_out, error);
	peal_runtime_close(meeting.runtime);
	if (meeting.key_fd >= 0) {
		(void)close(meeting.key_fd);
	}
	if (is_far(args) && meeting.stage.shared != NULL) {
		peal_stage_end(&meeting.stage, error);
	}
	return is_measured;
}
