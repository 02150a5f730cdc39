/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/scale.h"

#include "base/assert.h"
#include "base/prng.h"
#include "tools/peal-bench/crowd.h"
#include "tools/peal-bench/ctrlc.h"
#include "tools/peal-bench/findings.h"
#include "tools/peal-bench/outcome.h"
#include "tools/peal-bench/program.h"
#include "tools/peal-bench/progressbar.h"
#include "tools/peal-bench/sharedoptions.h"

#include <inttypes.h>
#include <rte_version.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define WORD_SIZE_MAX 96U
#define SECOND_NS     UINT64_C(1000000000)
#define POLL_NS       UINT64_C(1000000)
#define SHOW_NS       UINT64_C(50000000)
/* Forming takes tenths of a second, and a detection under preset paper some seconds. */
#define SETTLE_NS_MAX UINT64_C(60000000000)
/* New members may be silent for a while; rest begins when that is over. */
#define REST_NS   UINT64_C(2000000000)
#define LOTS_SEED UINT64_C(0x5CA1E)
/* Unless said otherwise. */
#define NODES_COUNT 200U
#define REST_S      10U
#define KILLS       "1,10"
#define KILLS_NONE  "none"

/* What a cost is the difference of. */
struct reading {
	uint64_t at_ns;
	uint64_t cpu_ns;
	uint64_t loop_cpu_ns;
	uint64_t sleeps_count;
	uint64_t frames_count;
	uint64_t frames_size;
	uint64_t dropped_count;
	struct peal_machine_use machine;
};

struct run {
	const struct peal_benchargs *args;
	struct peal_progressbar bar;
	struct peal_crowd crowd;
	struct peal_prng lots;
	struct peal_findings findings;
};

static uint64_t
read_now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

static uint64_t
to_ns(const struct timeval *time)
{
	return (uint64_t)time->tv_sec * SECOND_NS + (uint64_t)time->tv_usec * 1000U;
}

static void
read_all(struct run *run, struct reading *reading_out)
{
	struct rusage use;

	(void)getrusage(RUSAGE_SELF, &use);
	*reading_out = (struct reading){
		.at_ns = read_now_ns(),
		.cpu_ns = to_ns(&use.ru_utime) + to_ns(&use.ru_stime),
		.loop_cpu_ns = peal_crowd_loop_cpu_ns(&run->crowd),
		.sleeps_count = (uint64_t)use.ru_nvcsw,
		.frames_count = peal_crowd_sum(&run->crowd, PEAL_COUNTER_TX_FRAMES),
		.frames_size = peal_crowd_sum(&run->crowd, PEAL_COUNTER_TX_BYTES),
		.dropped_count = peal_crowd_sum(&run->crowd, PEAL_COUNTER_TX_DROPPED),
	};
	peal_machine_read_use(&reading_out->machine);
}

static uint64_t
subtract(uint64_t from, uint64_t what)
{
	return from > what ? from - what : 0;
}

static void
charge(struct run *run, const struct reading *before, struct peal_findings_cost *cost_out)
{
	struct reading now;
	uint64_t frames_size;

	read_all(run, &now);
	frames_size = now.frames_size - before->frames_size;
	*cost_out = (struct peal_findings_cost){
		.elapsed_ns = now.at_ns - before->at_ns,
		.cpu_ns = now.cpu_ns - before->cpu_ns,
		.loop_cpu_ns = now.loop_cpu_ns - before->loop_cpu_ns,
		.sleeps_count = now.sleeps_count - before->sleeps_count,
		.frames_count = now.frames_count - before->frames_count,
		.dropped_count = now.dropped_count - before->dropped_count,
		.steal_ns = subtract(now.machine.steal_ns, before->machine.steal_ns),
	};
	cost_out->payload_size = subtract(frames_size, cost_out->frames_count * PEAL_UDP_OFFSET);
	cost_out->others_cpu_ns =
		subtract(now.machine.used_ns - before->machine.used_ns, cost_out->cpu_ns);
}

/* Bytes of the process that are in memory. */
static uint64_t
read_resident_size(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long long pages = 0;

	if (file != NULL) {
		if (fscanf(file, "%*u %llu", &pages) != 1) {
			pages = 0;
		}
		(void)fclose(file);
	}
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static int
compare(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return (left > right) - (left < right);
}

static struct peal_findings_spread
find_spread(uint64_t *values, uint32_t count)
{
	PEAL_ASSERT(count > 0);
	qsort(values, count, sizeof(values[0]), compare);
	return (struct peal_findings_spread){
		.p50_ns = values[(count - 1U) / 2U],
		.p90_ns = values[(count - 1U) * 9U / 10U],
		.max_ns = values[count - 1U],
	};
}

/* Waits until all living nodes are in one view of themselves. False with a sentence. */
static bool
await_settled(struct run *run, const char *what, struct peal_sentence *error)
{
	struct peal_crowd *crowd = &run->crowd;
	uint64_t give_up_at_ns = read_now_ns() + SETTLE_NS_MAX, shown_at_ns = 0;
	uint32_t count = 0;

	while (!peal_ctrlc_has_come()) {
		uint64_t now_ns = read_now_ns();

		count = peal_crowd_count_settled(crowd);
		if (count == crowd->alive_count) {
			peal_progressbar_clear(&run->bar);
			return true;
		}
		if (now_ns >= give_up_at_ns) {
			break;
		}
		if (now_ns - shown_at_ns >= SHOW_NS) {
			peal_progressbar_show(&run->bar, what, count, crowd->alive_count);
			shown_at_ns = now_ns;
		}
		peal_ctrlc_sleep(POLL_NS);
	}
	peal_progressbar_clear(&run->bar);
	if (peal_ctrlc_has_come()) {
		return false;
	}
	return peal_sentence_set(error,
		"%s: only %u of %u nodes were in one view after %u s; is the machine overloaded?",
		what, count, crowd->alive_count, (unsigned int)(SETTLE_NS_MAX / SECOND_NS));
}

/* The instants of the last VIEW of every living node, from `from_ns` on. */
struct views {
	uint64_t from_ns;
	uint64_t after_ns[PEAL_RUNTIME_NODES_MAX];
};

static void
note_view(void *argument, uint32_t index, const struct peal_event *event)
{
	struct views *views = argument;

	if (event->kind == PEAL_EVENT_VIEW) {
		views->after_ns[index] = event->at_ns - views->from_ns;
	}
}

static struct peal_findings_spread
find_views(struct run *run, uint64_t from_ns)
{
	struct views views = {.from_ns = from_ns};
	uint32_t count = 0;

	peal_crowd_tell_events(&run->crowd, from_ns, note_view, &views);
	for (uint32_t i = 0; i < run->crowd.nodes_count; i++) {
		if (!run->crowd.is_dead[i]) {
			views.after_ns[count++] = views.after_ns[i];
		}
	}
	return find_spread(views.after_ns, count);
}

static bool
form(struct run *run, struct peal_sentence *error)
{
	struct peal_findings *findings = &run->findings;
	struct peal_timing timing;
	struct reading before;
	bool is_known = peal_timing_find(findings->preset, &timing);

	PEAL_ASSERT(is_known);
	if (!peal_crowd_open(&run->crowd, findings->nodes_count, error)) {
		return false;
	}
	findings->base_size = read_resident_size();
	if (!peal_crowd_fill(&run->crowd, &timing, error)) {
		return false;
	}
	read_all(run, &before);
	if (!peal_crowd_start(&run->crowd, error) ||
		!await_settled(run, "nodes in the view", error)) {
		return false;
	}
	charge(run, &before, &findings->forming_cost);
	findings->forming = find_views(run, before.at_ns);
	findings->forming_cuts_count = peal_crowd_epoch(&run->crowd) - 1U;
	findings->aead_name = peal_crowd_aead_name(&run->crowd);
	return true;
}

/* False after Ctrl-C. */
static bool
pass_time(struct run *run, const char *what, uint64_t duration_ns)
{
	uint64_t began_at_ns = read_now_ns(), now_ns = began_at_ns;

	while (now_ns - began_at_ns < duration_ns && !peal_ctrlc_has_come()) {
		uint64_t left_ns = duration_ns - (now_ns - began_at_ns);

		peal_progressbar_show(&run->bar, what, (now_ns - began_at_ns) / SECOND_NS,
			duration_ns / SECOND_NS);
		peal_ctrlc_sleep(left_ns < SECOND_NS ? left_ns : SECOND_NS);
		now_ns = read_now_ns();
	}
	peal_progressbar_clear(&run->bar);
	return !peal_ctrlc_has_come();
}

static bool
rest(struct run *run, struct peal_sentence *error)
{
	struct peal_findings *findings = &run->findings;
	uint64_t epoch = peal_crowd_epoch(&run->crowd);
	struct reading before;

	if (!pass_time(run, "settling", REST_NS)) {
		return false;
	}
	read_all(run, &before);
	if (!pass_time(run, "seconds of rest", run->args->rest_s * SECOND_NS)) {
		return false;
	}
	charge(run, &before, &findings->idle);
	findings->is_idle_known = true;
	return peal_crowd_epoch(&run->crowd) == epoch ||
	       peal_sentence_set(error,
		       "the view changed while the nodes should rest; is the machine overloaded?");
}

/* What survivors say about victims, from the moment of their death. */
struct inquest {
	uint64_t from_ns;
	uint32_t victims_count;
	uint64_t victims[PEAL_RUNTIME_NODES_MAX];     /* member numbers */
	uint64_t detected_ns[PEAL_RUNTIME_NODES_MAX]; /* 0 = not yet */
	uint32_t kicked_count;
};

static void
note_detection(void *argument, uint32_t index, const struct peal_event *event)
{
	struct inquest *inquest = argument;
	uint64_t after_ns = event->at_ns - inquest->from_ns;

	(void)index;
	inquest->kicked_count += event->kind == PEAL_EVENT_KICKED ? 1U : 0U;
	for (uint32_t i = 0; event->kind == PEAL_EVENT_DETECTED && i < inquest->victims_count;
		i++) {
		uint64_t *first_ns = &inquest->detected_ns[i];

		if (inquest->victims[i] == event->mid && (*first_ns == 0 || after_ns < *first_ns)) {
			*first_ns = after_ns;
		}
	}
}

static void
choose_victims(struct run *run, uint32_t count, uint32_t victims_out[PEAL_RUNTIME_NODES_MAX])
{
	struct peal_crowd *crowd = &run->crowd;
	bool is_chosen[PEAL_RUNTIME_NODES_MAX] = {false};

	for (uint32_t chosen = 0; chosen < count;) {
		uint32_t index = (uint32_t)peal_prng_below(&run->lots, crowd->nodes_count);

		if (!crowd->is_dead[index] && !is_chosen[index]) {
			is_chosen[index] = true;
			victims_out[chosen++] = index;
		}
	}
}

static bool
kill_some(struct run *run, uint32_t count, struct peal_sentence *error)
{
	struct peal_findings_kill *kill = &run->findings.kills[run->findings.kills_count];
	uint32_t victims[PEAL_RUNTIME_NODES_MAX];
	struct inquest inquest = {.victims_count = count};
	uint64_t epoch = peal_crowd_epoch(&run->crowd);
	struct reading before;

	choose_victims(run, count, victims);
	for (uint32_t i = 0; i < count; i++) {
		inquest.victims[i] = peal_crowd_mid(&run->crowd, victims[i]);
	}
	read_all(run, &before);
	inquest.from_ns = before.at_ns;
	for (uint32_t i = 0; i < count; i++) {
		peal_crowd_kill(&run->crowd, victims[i]);
	}
	if (!await_settled(run, "nodes in a view without the dead", error)) {
		return false;
	}
	kill->count = count;
	charge(run, &before, &kill->cost);
	kill->view = find_views(run, before.at_ns);
	kill->cuts_count = peal_crowd_epoch(&run->crowd) - epoch;
	peal_crowd_tell_events(&run->crowd, before.at_ns, note_detection, &inquest);
	for (uint32_t i = 0; i < count; i++) {
		uint64_t after_ns = inquest.detected_ns[i];

		kill->detection_ns =
			i == 0 || after_ns < kill->detection_ns ? after_ns : kill->detection_ns;
		kill->detection_ns_last =
			after_ns > kill->detection_ns_last ? after_ns : kill->detection_ns_last;
	}
	kill->healthy_removed_count = inquest.kicked_count;
	run->findings.kills_count++;
	return true;
}

/* Everything under one preset. */
static bool
measure(struct run *run, struct peal_sentence *error)
{
	const struct peal_benchargs *args = run->args;

	if (!form(run, error)) {
		return false;
	}
	/* Not at once: what forming left behind is no part of what follows. */
	if (args->rest_s > 0 ? !rest(run, error) : !pass_time(run, "settling", REST_NS)) {
		return false;
	}
	run->findings.resident_size = read_resident_size();
	for (uint32_t i = 0; i < args->kills_count; i++) {
		if (!kill_some(run, args->kills[i], error) ||
			!pass_time(run, "settling", REST_NS)) {
			return false;
		}
	}
	return true;
}

/* NULL with a sentence, empty after Ctrl-C. */
static json_t *
run_here(const struct peal_benchargs *args, struct peal_sentence *error)
{
	static struct run run; /* the loop writes into it until the runtime has stopped */
	bool is_measured;

	run = (struct run){
		.args = args,
		.findings = {.nodes_count = args->nodes_count,
			.preset = args->preset,
			.dpdk_name = rte_version()},
	};
	peal_prng_init(&run.lots, LOTS_SEED);
	peal_progressbar_init(&run.bar, !args->is_quiet);
	is_measured = measure(&run, error);
	peal_crowd_close(&run.crowd);
	return is_measured ? peal_findings_to_json(&run.findings) : NULL;
}

/* One of the two runs, in a process of its own. NULL with a sentence, empty after Ctrl-C. */
static json_t *
run_apart(const struct peal_benchargs *args, const char *preset, bool is_resting,
	struct peal_sentence *error)
{
	char nodes[WORD_SIZE_MAX], rest_s[WORD_SIZE_MAX];
	const char *words[] = {PEAL_PROGRAM_SELF, "scale", "--nodes", nodes, "--preset", preset,
		"--seconds", rest_s, "--kill", is_resting ? "none" : args->kills_text, "--quiet",
		"--json", "-", NULL};
	struct peal_program program = {
		.name = is_resting ? "the run at rest" : "the run of kills", .words = words};
	char *text = NULL;
	json_t *root = NULL;

	(void)snprintf(nodes, sizeof(nodes), "%u", args->nodes_count);
	(void)snprintf(rest_s, sizeof(rest_s), "%" PRIu64, is_resting ? args->rest_s : 0);
	if (peal_program_run(&program, &text, error)) {
		root = json_loads(text, 0, NULL);
		if (json_object_get(root, "forming") == NULL) {
			(void)peal_sentence_set(error, "%s gave no figures", program.name);
			json_decref(root);
			root = NULL;
		}
	}
	free(text);
	return root;
}

/* Forming and kills under one preset, rest under another. */
static json_t *
run_both(const struct peal_benchargs *args, struct peal_sentence *error)
{
	struct peal_progressbar bar;
	json_t *root, *resting = NULL;

	peal_progressbar_init(&bar, !args->is_quiet);
	peal_progressbar_show(&bar, "forming and kills", 0, 0);
	root = run_apart(args, "dpdk", false, error);
	if (root != NULL && args->rest_s > 0) {
		peal_progressbar_show(&bar, "rest", 0, 0);
		resting = run_apart(args, "paper", true, error);
		if (resting == NULL) {
			json_decref(root);
			root = NULL;
		}
	}
	peal_progressbar_clear(&bar);
	if (resting != NULL) {
		json_object_set(root, "idle", json_object_get(resting, "idle"));
		json_array_extend(
			json_object_get(root, "warnings"), json_object_get(resting, "warnings"));
		json_decref(resting);
	}
	return root;
}

static bool
run(const struct peal_benchargs *args, struct peal_sentence *error)
{
	FILE *text = peal_benchargs_text_file(args);
	bool is_written = true;
	json_t *root;

	error->text[0] = '\0';
	root = args->preset == NULL ? run_both(args, error) : run_here(args, error);
	if (root == NULL) {
		return false;
	}
	if (text != NULL) {
		peal_findings_show(root, text);
	}
	if (args->json_path != NULL) {
		is_written = peal_outcome_write_json(root, args->json_path, error);
	}
	json_decref(root);
	return is_written;
}

/* "1,10", or "none" */
static bool
read_kills(struct peal_benchargs *args, const char *value)
{
	args->kills_count = 0;
	args->kills_text = value;
	if (strcmp(value, KILLS_NONE) == 0) {
		return true;
	}
	for (;;) {
		char *end = NULL;
		unsigned long count = strtoul(value, &end, 10);

		if (value[0] < '0' || value[0] > '9' || (*end != ',' && *end != '\0') ||
			count < 1 || count >= PEAL_RUNTIME_NODES_MAX ||
			args->kills_count == PEAL_BENCHARGS_KILLS_MAX) {
			return false;
		}
		args->kills[args->kills_count++] = (uint32_t)count;
		if (*end == '\0') {
			return true;
		}
		value = end + 1;
	}
}

static const struct peal_option option_kill = {.name = "kill",
	.value = "LIST",
	.help = "nodes to stop at one moment, one number for each time, or none (default: 1,10)",
	.expected = "up to eight numbers of nodes like 1,10, or none",
	.kind = PEAL_OPTION_OTHER,
	.read = read_kills};

static const struct peal_option option_seconds = {.name = "seconds",
	.value = "S",
	.help = "length of the rest, 0 = none (default: 10)",
	.expected = "seconds from 0 to 3600",
	.kind = PEAL_OPTION_NUMBER,
	PEAL_OPTION_FIELD(rest_s),
	.min = 0,
	.max = 3600};

static const struct peal_option *const own_options[] = {&peal_option_nodes, &option_kill,
	&option_seconds, &peal_option_preset, &peal_option_json, &peal_option_quiet, NULL};

static void
prepare(struct peal_benchargs *args)
{
	args->nodes_count = NODES_COUNT;
	args->rest_s = REST_S;
	(void)read_kills(args, KILLS);
}

static bool
complete(struct peal_benchargs *args, struct peal_sentence *error)
{
	uint32_t alive_count = args->nodes_count;

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

const struct peal_command peal_scale_command = {
	.name = "scale",
	.usage = "[--nodes N] [--kill LIST] [--seconds S] [options]",
	.brief = "many nodes in this process: forming a group, resting, losing some of them",
	.about = "Starts many nodes of Peal in this process, with everything that a daemon has but "
		 "a device: one\n"
		 "switch joins them, one poll loop runs all their cores, one thread all their "
		 "control halves, and\n"
		 "both sleep when there is nothing to do. All join through one seed. Frames are "
		 "sealed.\n"
		 "\n"
		 "It tells how long it takes until all are in one view and what a join costs, what "
		 "the group costs\n"
		 "at rest, how long it takes until nodes that stop are out of every view, and the "
		 "memory of a node.\n",
	.notes = "There are 200 nodes by default. Without --preset there are two runs, dpdk for "
		 "forming and kills,\n"
		 "and paper, with one probe a second, for rest.\n",
	.examples = "  peal-bench scale\n"
		    "  peal-bench scale --nodes 100 --kill 1,1,30 --seconds 0 --preset dpdk-fast\n"
		    "  peal-bench scale --nodes 200 --json - --quiet\n",
	.options = own_options,
	.prepare = prepare,
	.complete = complete,
	.run = run,
};
