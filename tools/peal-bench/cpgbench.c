/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/cpgbench.h"

#include "base/version.h"
#include "tools/peal-bench/corosync.h"
#include "tools/peal-bench/ctrlc.h"
#include "tools/peal-bench/orderedrun.h"
#include "tools/peal-bench/outcome.h"
#include "tools/peal-bench/progressbar.h"
#include "tools/peal-bench/refusal.h"
#include "tools/peal-bench/sharedoptions.h"
#include "tools/peal-bench/stage.h"
#include "tools/peal-bench/trio.h"

#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#define MESSAGE_SIZE  64U
#define COUNT         UINT64_C(2000)
#define WARM_UP_COUNT UINT64_C(200)
#define ROUNDS_COUNT  5U
#define PATIENCE_NS   UINT64_C(120000000000)
#define WAIT_MS       20

struct bench {
	const struct peal_benchargs *args;
	struct peal_trio trio;
	struct peal_orderedrun *run; /* shared */
	struct peal_progressbar bar;
	/* in the process of a node */
	uint32_t node;
	_Atomic bool is_gone; /* the daemon, for the thread that dispatches */
};

static void
deliver(void *state, uint32_t sender, const uint8_t *bytes, uint32_t size)
{
	const struct bench *bench = state;

	if (sender < PEAL_TRIO_NODES_COUNT && size == bench->args->size) {
		peal_orderedrun_take(bench->run, bench->node, sender, bytes, size);
	}
}

static bool
is_ending(void *state)
{
	const struct bench *bench = state;

	return peal_trio_is_ending(bench->trio.shared);
}

static bool
send(void *state, const uint8_t *bytes, uint32_t size)
{
	(void)state;
	return peal_corosync_send(bytes, size);
}

static bool
pump(void *state, bool may_sleep)
{
	struct bench *bench = state;

	if (may_sleep && bench->args->idle == PEAL_IDLE_SHARED) {
		peal_corosync_wait(WAIT_MS);
	}
	return peal_corosync_dispatch() && !is_ending(bench);
}

/* As cpgbench does it: one thread sends as fast as it is let, another one dispatches. */
static void *
dispatch_all(void *state)
{
	struct bench *bench = state;

	peal_corosync_dispatch_forever();
	atomic_store(&bench->is_gone, true);
	return NULL;
}

static bool
wait_beside(void *state, bool may_sleep)
{
	struct bench *bench = state;

	(void)may_sleep;
	return !atomic_load(&bench->is_gone) && !is_ending(bench);
}

static bool
run_pipelined(struct bench *bench, struct peal_sentence *error)
{
	const struct peal_orderedrun_way way = {.send = send, .pump = wait_beside, .state = bench};
	struct peal_orderedrun *run = bench->run;
	pthread_t thread;
	bool is_good = true;

	if (pthread_create(&thread, NULL, dispatch_all, bench) != 0) {
		return peal_sentence_set(error, "a thread could not be made");
	}
	for (uint32_t i = 0; i < bench->args->rounds_count && is_good; i++) {
		run->pipelined[i] = peal_orderedrun_flood(run, &way, bench->args->size);
		is_good = run->pipelined[i] > 0;
		run->pipelined_count += is_good;
	}
	/* The library wakes it now, or never: this process ends with it or without. */
	peal_corosync_leave();
	(void)pthread_detach(thread);
	return is_good || peal_sentence_set(error, "corosync delivered no more");
}

static bool
lead(struct bench *bench, struct peal_sentence *error)
{
	const struct peal_orderedrun_way way = {.send = send, .pump = pump, .state = bench};
	const struct peal_benchargs *args = bench->args;
	struct peal_orderedrun *run = bench->run;

	if (!peal_orderedrun_warm_up(run, &way, args->size, WARM_UP_COUNT) ||
		!peal_orderedrun_one_by_one(run, &way, args->size, args->count)) {
		return peal_sentence_set(error, "corosync delivered no more");
	}
	for (uint32_t i = 0; i < args->rounds_count; i++) {
		run->rates[i] = peal_orderedrun_flood(run, &way, args->size);
		if (run->rates[i] <= 0) {
			return peal_sentence_set(error, "corosync delivered no more");
		}
		run->rounds_count++;
	}
	return run_pipelined(bench, error);
}

/* The life of a node: the first one sends, the others take. */
static bool
live(void *state, uint32_t node, struct peal_sentence *error)
{
	struct bench *bench = state;
	const struct peal_corosync_user user = {.deliver = deliver, .state = bench};
	struct peal_trio_shared *shared = bench->trio.shared;
	bool is_good;

	bench->node = node;
	is_good = peal_corosync_begin(
		node, PEAL_TRIO_NODES_COUNT, PEAL_TRIO_IPV4_FIRST, &user, is_ending, bench, error);
	if (is_good) {
		peal_trio_reach(shared, node, PEAL_TRIO_READY);
	}
	while (is_good && !is_ending(bench) && !peal_trio_is_reached(shared, PEAL_TRIO_READY)) {
		peal_corosync_wait(1);
		is_good = peal_corosync_dispatch() ||
			  peal_sentence_set(error, "corosync closed the group");
	}
	if (is_good && node == 0 && !is_ending(bench)) {
		is_good = lead(bench, error);
		peal_trio_reach(shared, node, PEAL_TRIO_DONE);
	}
	while (is_good && node != 0 && !is_ending(bench)) {
		uint64_t sent = atomic_load(&bench->run->sent_count);

		peal_corosync_wait(WAIT_MS);
		is_good = peal_corosync_dispatch() ||
			  peal_sentence_set(error, "corosync closed the group");
		if (atomic_load(&shared->points[0]) == (uint32_t)PEAL_TRIO_DONE &&
			peal_orderedrun_count(bench->run, node) == sent) {
			peal_trio_reach(shared, node, PEAL_TRIO_DONE);
		}
	}
	while (is_good && !is_ending(bench)) {
		peal_ctrlc_sleep(WAIT_MS * UINT64_C(1000000));
	}
	peal_corosync_end();
	return is_good || is_ending(bench);
}

static void
show_progress(void *state)
{
	struct bench *bench = state;
	struct peal_orderedrun *run = bench->run;
	bool is_formed = peal_trio_is_reached(bench->trio.shared, PEAL_TRIO_READY);

	peal_progressbar_show(&bench->bar, is_formed ? "messages" : "corosync forms a group",
		atomic_load(&run->done), is_formed ? atomic_load(&run->total) : 0);
}

static void
show(const struct bench *bench, const json_t *root, FILE *file)
{
	const struct peal_benchargs *args = bench->args;
	const char *const keys[] = {"messages_per_s", "pipelined_messages_per_s"};
	const char *const names[] = {"one thread", "two threads"};

	fprintf(file,
		"corosync %s, closed process group of three nodes in namespaces, not sealed: "
		"messages of %u bytes, %s\n",
		peal_corosync_version(), args->size,
		args->idle == PEAL_IDLE_SHARED ? "waiting" : "spinning");
	fprintf(file, "  %-11s p50 %.1f us, p99 %.1f us, max %.1f us to its own ordered delivery\n",
		"one by one", json_number_value(json_object_get(root, "p50_ns")) / 1e3,
		json_number_value(json_object_get(root, "p99_ns")) / 1e3,
		json_number_value(json_object_get(root, "max_ns")) / 1e3);
	for (uint32_t i = 0; i < 2U; i++) {
		fprintf(file, "  %-11s %.0f messages/s\n", names[i],
			json_number_value(json_object_get(root, keys[i])));
	}
	fprintf(file, "  %" PRIu64 " messages in one order at all, %" PRIu64 " violations\n",
		(uint64_t)json_integer_value(json_object_get(root, "ordered")),
		(uint64_t)json_integer_value(json_object_get(root, "violations")));
}

static bool
tell(struct bench *bench, struct peal_sentence *error)
{
	const struct peal_benchargs *args = bench->args;
	FILE *text = peal_benchargs_text_file(args);
	uint64_t violations = peal_orderedrun_violations(bench->run, PEAL_TRIO_NODES_COUNT);
	json_t *root = json_pack("{s:s, s:s, s:s, s:i, s:i, s:s, s:b}", "command", "cpg", "version",
		PEAL_VERSION, "corosync", peal_corosync_version(), "nodes",
		(int)PEAL_TRIO_NODES_COUNT, "message_bytes", (int)args->size, "idle",
		peal_benchargs_idle_name(args->idle), "sealed", 0);
	bool is_good = true;

	peal_orderedrun_to_json(bench->run, PEAL_TRIO_NODES_COUNT, root);
	json_object_set_new(root, "host", peal_outcome_host_to_json(peal_eal_version()));
	if (args->json_path != NULL) {
		is_good = peal_outcome_write_json(root, args->json_path, error);
	}
	if (is_good && text != NULL) {
		show(bench, root, text);
	}
	json_decref(root);
	return is_good &&
	       (violations == 0 ||
		       peal_refusal_set(error,
			       "the nodes do not agree on one order (%" PRIu64 " violations)",
			       violations)) &&
	       (args->hdr_path == NULL ||
		       peal_outcome_write_table(&bench->run->latency, args->hdr_path, error));
}

static bool
run_cpg(const struct peal_benchargs *args, struct peal_sentence *error)
{
	static struct bench bench;
	const struct peal_trio_config config = {.who = "cpg",
		.has_own_files = true,
		.mtu = args->mtu,
		.live = live,
		.state = &bench};
	bool is_good;

	bench.args = args;
	bench.run = peal_stage_share(sizeof(*bench.run));
	if (bench.run == NULL) {
		return peal_sentence_set(error, "there is no memory left");
	}
	if (!peal_corosync_is_here(error)) {
		return false;
	}
	peal_orderedrun_init(bench.run);
	peal_progressbar_init(&bench.bar, !args->is_quiet);
	is_good = peal_trio_start(&bench.trio, &config, error) &&
		  peal_trio_await(
			  &bench.trio, PEAL_TRIO_DONE, PATIENCE_NS, show_progress, &bench, error);
	peal_progressbar_clear(&bench.bar);
	peal_trio_end(&bench.trio);
	return is_good && tell(&bench, error);
}

static const struct peal_option *const own_options[] = {&peal_option_size, &peal_option_mtu,
	&peal_option_count, &peal_option_rates, &peal_option_idle, &peal_option_json,
	&peal_option_hdr, &peal_option_percentiles, &peal_option_quiet, NULL};

static void
prepare(struct peal_benchargs *args)
{
	args->size = MESSAGE_SIZE;
	args->rounds_count = ROUNDS_COUNT;
	args->count = COUNT;
	args->idle = PEAL_IDLE_SHARED;
}

const struct peal_command peal_cpg_command = {
	.name = "cpg",
	.usage = "[--size N] [options]",
	.brief = "the same with corosync: closed process groups on three nodes",
	.about =
		"Three nodes in namespaces of this machine, on a bridge, with corosync as the "
		"distribution has it: the\n"
		"defaults, but without ciphers. One node sends messages to a closed process group, "
		"one at a time, and\n"
		"each counts from there until it is delivered to the sender in its place of the "
		"order. Then as many as\n"
		"are accepted, in rounds; with one thread that sends and dispatches by turns, and, "
		"as cpgbench does it,\n"
		"with one for each. What 'peal-bench order --link af_packet' does with Peal.\n",
	.notes = "Needs root, and the packages corosync and libcpg4 when it runs. There is no "
		 "figure, and the exit\n"
		 "status is 3, when the nodes do not agree on one order.\n",
	.examples = "  sudo peal-bench cpg\n"
		    "  sudo peal-bench cpg --size 1024 --idle spin --json -\n",
	.options = own_options,
	.prepare = prepare,
	.run = run_cpg,
};
