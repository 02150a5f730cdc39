/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/viewbench.h"

#include "base/assert.h"
#include "base/histogram.h"
#include "base/prng.h"
#include "base/version.h"
#include "tools/peal-bench/crowd.h"
#include "tools/peal-bench/ctrlc.h"
#include "tools/peal-bench/curve.h"
#include "tools/peal-bench/outcome.h"
#include "tools/peal-bench/progressbar.h"
#include "tools/peal-bench/refusal.h"
#include "tools/peal-bench/resultjson.h"
#include "tools/peal-bench/sharedoptions.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define SECOND_NS    UINT64_C(1000000000)
#define POLL_NS      UINT64_C(1000000)
#define NODES_COUNT  10U
#define ROUNDS_COUNT 5U
#define ROUNDS_MAX   100U
/* A round starts so many nodes that were not there before. */
#define STARTS_A_ROUND 2U
#define SETTLE_NS_MAX  UINT64_C(60000000000)
/* What one change leaves behind is over before the next. */
#define PAUSE_NS  UINT64_C(300000000)
#define LOTS_SEED UINT64_C(0x71E3)

enum change { CHANGE_JOIN = 0, CHANGE_LEAVE, CHANGE_KILL, CHANGES_COUNT };

static const char *const change_names[CHANGES_COUNT] = {"join", "leave", "kill"};

/* What is known of one kind of change. */
struct times {
	struct peal_histogram each; /* ns until a survivor has the view */
	struct peal_histogram last; /* until the last one has it */
	struct peal_histogram own;  /* join: until the joiner has it; kill: until it is detected */
};

struct bench {
	const struct peal_benchargs *args;
	struct peal_progressbar bar;
	struct peal_crowd crowd;
	struct peal_prng lots;
	uint32_t next_start; /* index of the node that starts next */
	uint32_t kicked_count;
	uint64_t dropped_count;
	struct times times[CHANGES_COUNT];
	struct peal_machine_bill bill;
	const char *aead_name;
};

/* What nodes said after a change. */
struct hearing {
	uint64_t from_ns;
	uint64_t victim; /* member number, 0 = none */
	uint64_t detected_ns;
	uint32_t kicked_count;
	uint64_t after_ns[PEAL_RUNTIME_NODES_MAX]; /* of the last view of a node; 0 = none */
};

static uint64_t
read_now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

/* Waits until all living nodes are in one view of themselves. False with a sentence. */
static bool
await_settled(struct bench *bench, const char *what, struct peal_sentence *error)
{
	uint64_t give_up_at_ns = read_now_ns() + SETTLE_NS_MAX;

	while (!peal_ctrlc_has_come()) {
		if (peal_crowd_count_settled(&bench->crowd) == bench->crowd.alive_count) {
			return true;
		}
		if (read_now_ns() > give_up_at_ns) {
			return peal_sentence_set(error,
				"%s: not all nodes were in one view after %u s; is the machine "
				"overloaded?",
				what, (unsigned int)(SETTLE_NS_MAX / SECOND_NS));
		}
		peal_ctrlc_sleep(POLL_NS);
	}
	return false;
}

static void
note(void *argument, uint32_t index, const struct peal_event *event)
{
	struct hearing *hearing = argument;
	uint64_t after_ns = event->at_ns - hearing->from_ns;

	if (event->kind == PEAL_EVENT_VIEW) {
		hearing->after_ns[index] = after_ns;
	} else if (event->kind == PEAL_EVENT_KICKED) {
		hearing->kicked_count++;
	} else if (event->kind == PEAL_EVENT_DETECTED && event->mid == hearing->victim &&
		   (hearing->detected_ns == 0 || after_ns < hearing->detected_ns)) {
		hearing->detected_ns = after_ns;
	}
}

/* One that lives; never the first, which is the seed of those that start later. */
static uint32_t
choose_victim(struct bench *bench)
{
	uint32_t index;

	do {
		index = 1U + (uint32_t)peal_prng_below(&bench->lots, bench->crowd.nodes_count - 1U);
	} while (bench->crowd.is_dead[index]);
	return index;
}

static uint32_t
begin_change(struct bench *bench, enum change change, struct hearing *hearing)
{
	uint32_t index = change == CHANGE_JOIN ? bench->next_start++ : choose_victim(bench);

	hearing->victim = change == CHANGE_KILL ? peal_crowd_mid(&bench->crowd, index) : 0;
	hearing->from_ns = read_now_ns();
	switch (change) {
	case CHANGE_JOIN:
		peal_crowd_release(&bench->crowd, index);
		break;
	case CHANGE_LEAVE:
		peal_crowd_leave(&bench->crowd, index);
		break;
	case CHANGE_KILL:
		peal_crowd_kill(&bench->crowd, index);
		break;
	case CHANGES_COUNT:
	default:
		PEAL_ASSERT(!"a change");
	}
	return index;
}

static bool
make_change(struct bench *bench, enum change change, bool is_counted, struct peal_sentence *error)
{
	struct times *times = &bench->times[change];
	struct hearing hearing = {0};
	uint32_t index = begin_change(bench, change, &hearing);
	uint64_t last_ns = 0;

	if (!await_settled(bench, change_names[change], error)) {
		return false;
	}
	peal_crowd_tell_events(&bench->crowd, hearing.from_ns, note, &hearing);
	bench->kicked_count += hearing.kicked_count;
	for (uint32_t i = 0; i < bench->crowd.nodes_count && is_counted; i++) {
		uint64_t after_ns = hearing.after_ns[i];

		if (bench->crowd.is_dead[i] || after_ns == 0) {
			continue;
		}
		if (i == index) {
			peal_histogram_record(&times->own, after_ns);
			continue;
		}
		peal_histogram_record(&times->each, after_ns);
		last_ns = after_ns > last_ns ? after_ns : last_ns;
	}
	if (is_counted) {
		peal_histogram_record(&times->last, last_ns);
	}
	if (is_counted && hearing.detected_ns > 0) {
		peal_histogram_record(&times->own, hearing.detected_ns);
	}
	peal_ctrlc_sleep(PAUSE_NS);
	return !peal_ctrlc_has_come();
}

/* The first round is there to warm up. */
static bool
make_rounds(struct bench *bench, struct peal_sentence *error)
{
	static const enum change changes[] = {CHANGE_JOIN, CHANGE_LEAVE, CHANGE_JOIN, CHANGE_KILL};
	uint32_t rounds_count = bench->args->rounds_count;

	for (uint32_t i = 0; i <= rounds_count; i++) {
		for (size_t j = 0; j < sizeof(changes) / sizeof(changes[0]); j++) {
			peal_progressbar_show(&bench->bar, i == 0 ? "warming up" : "rounds",
				i == 0 ? 0 : i - 1U, i == 0 ? 0 : rounds_count);
			if (!make_change(bench, changes[j], i > 0, error)) {
				return false;
			}
		}
	}
	return true;
}

static bool
form(struct bench *bench, struct peal_sentence *error)
{
	const struct peal_benchargs *args = bench->args;
	uint32_t count = args->nodes_count + STARTS_A_ROUND * (args->rounds_count + 1U);
	struct peal_timing timing;
	bool is_known = peal_timing_find(args->preset, &timing);

	PEAL_ASSERT(is_known);
	if (!peal_crowd_open(&bench->crowd, count, error) ||
		!peal_crowd_fill(&bench->crowd, &timing, error)) {
		return false;
	}
	for (uint32_t i = args->nodes_count; i < count; i++) {
		peal_crowd_hold(&bench->crowd, i);
	}
	bench->next_start = args->nodes_count;
	peal_progressbar_show(&bench->bar, "forming", 0, 0);
	return peal_crowd_start(&bench->crowd, error) && await_settled(bench, "forming", error);
}

static bool
measure(struct bench *bench, struct peal_sentence *error)
{
	struct peal_machine_use before, after;
	uint64_t began_at_ns;
	bool is_good;

	if (!form(bench, error)) {
		return false;
	}
	bench->aead_name = peal_crowd_aead_name(&bench->crowd);
	peal_ctrlc_sleep(PAUSE_NS);
	peal_machine_read_use(&before);
	began_at_ns = read_now_ns();
	bench->dropped_count = peal_crowd_sum(&bench->crowd, PEAL_COUNTER_TX_DROPPED);
	is_good = make_rounds(bench, error);
	bench->dropped_count =
		peal_crowd_sum(&bench->crowd, PEAL_COUNTER_TX_DROPPED) - bench->dropped_count;
	peal_machine_read_use(&after);
	bench->bill = (struct peal_machine_bill){.elapsed_ns = read_now_ns() - began_at_ns,
		.steal_ns = after.steal_ns > before.steal_ns ? after.steal_ns - before.steal_ns : 0,
		.shares = {-1.0, -1.0}};
	return is_good;
}

/* False with the reason why there is no figure. */
static bool
check(const struct bench *bench, struct peal_sentence *error)
{
	static const int none[PEAL_BENCHARGS_SIDES_COUNT] = {-1, -1};

	if (bench->kicked_count > 0) {
		return peal_refusal_set(error,
			"%u healthy nodes were removed as well: the machine stopped them for "
			"long",
			bench->kicked_count);
	}
	if (bench->dropped_count > 0) {
		return peal_refusal_set(error, "%" PRIu64 " frames found no room and were dropped",
			bench->dropped_count);
	}
	return peal_refusal_check_machine(&bench->bill, none, false, error);
}

static bool
is_told(const struct bench *bench, const struct peal_sentence *refusal)
{
	return refusal->text[0] == '\0' || (bench->args->is_anyway && bench->kicked_count == 0);
}

static void
put_change(json_t *root, const struct times *times, enum change change)
{
	static const char *const own_names[CHANGES_COUNT] = {"joiner_", NULL, "detection_"};
	json_t *table = json_object();

	json_object_set_new(
		table, "changes", json_integer((json_int_t)peal_histogram_count(&times->last)));
	json_object_set_new(
		table, "views", json_integer((json_int_t)peal_histogram_count(&times->each)));
	peal_resultjson_put_spread(table, "", &times->each);
	peal_resultjson_put_spread(table, "last_", &times->last);
	if (own_names[change] != NULL) {
		peal_resultjson_put_spread(table, own_names[change], &times->own);
	}
	json_object_set_new(table, "curve", peal_curve_from(&times->each));
	json_object_set_new(root, change_names[change], table);
}

static json_t *
bench_to_json(const struct bench *bench, const struct peal_sentence *refusal)
{
	const struct peal_benchargs *args = bench->args;
	bool is_refused = refusal->text[0] != '\0';
	json_t *root = json_pack("{s:s, s:s, s:s, s:i, s:s, s:i, s:s?, s:b, s:s?, s:i, s:I}",
		"command", "view", "version", PEAL_VERSION, "link", "ring", "nodes",
		(int)args->nodes_count, "preset", args->preset, "rounds", (int)args->rounds_count,
		"aead", bench->aead_name, "refused", is_refused, "refusal",
		is_refused ? refusal->text : NULL, "healthy_removed", (int)bench->kicked_count,
		"frames_dropped", (json_int_t)bench->dropped_count);

	for (uint32_t i = 0; i < CHANGES_COUNT && is_told(bench, refusal); i++) {
		put_change(root, &bench->times[i], (enum change)i);
	}
	/* One figure of the whole, by which compare tells two sets apart. */
	if (is_told(bench, refusal)) {
		json_object_set_new(root, "kill_last_p50_ns",
			json_integer((json_int_t)peal_histogram_percentile(
				&bench->times[CHANGE_KILL].last, 50.0)));
	}
	peal_resultjson_put_machine(root, &bench->bill);
	return root;
}

static double
ms(const struct peal_histogram *histogram, double percentile)
{
	return (double)peal_histogram_percentile(histogram, percentile) / 1e6;
}

static void
show(const struct bench *bench, FILE *file)
{
	const struct peal_benchargs *args = bench->args;

	fprintf(file, "a group of %u in this process, preset %s, sealed by %s: %u rounds\n",
		args->nodes_count, args->preset, bench->aead_name, args->rounds_count);
	for (uint32_t i = 0; i < CHANGES_COUNT; i++) {
		const struct times *times = &bench->times[i];

		fprintf(file,
			"  %-6s to the view at a survivor: p50 %.3f ms, max %.3f ms; at the last "
			"one: p50 %.3f ms, max %.3f ms\n",
			change_names[i], ms(&times->each, 50.0), ms(&times->each, 100.0),
			ms(&times->last, 50.0), ms(&times->last, 100.0));
	}
	fprintf(file, "  %-6s the joiner has it itself after p50 %.3f ms\n", "",
		ms(&bench->times[CHANGE_JOIN].own, 50.0));
	fprintf(file, "  %-6s a kill is detected by the first after p50 %.3f ms\n", "",
		ms(&bench->times[CHANGE_KILL].own, 50.0));
}

static bool
draw(const json_t *root, const char *path, struct peal_sentence *error)
{
	struct peal_curve_picture picture = {
		.title = "From a change to the view at a survivor", .lines_count = CHANGES_COUNT};

	for (uint32_t i = 0; i < CHANGES_COUNT; i++) {
		picture.names[i] = change_names[i];
		picture.curves[i] =
			json_object_get(json_object_get(root, change_names[i]), "curve");
	}
	return peal_curve_draw(&picture, path, error);
}

static bool
write_all(const struct bench *bench, const json_t *root, const struct peal_sentence *refusal,
	struct peal_sentence *error)
{
	const struct peal_benchargs *args = bench->args;
	FILE *text = peal_benchargs_text_file(args);

	if (args->json_path != NULL && !peal_outcome_write_json(root, args->json_path, error)) {
		return false;
	}
	if (!is_told(bench, refusal)) {
		*error = *refusal;
		return false;
	}
	if (text != NULL) {
		show(bench, text);
		if (refusal->text[0] != '\0') {
			fprintf(text, "warning: %s\n", refusal->text);
		}
	}
	return (args->hdr_path == NULL || peal_outcome_write_table(&bench->times[CHANGE_KILL].each,
						  args->hdr_path, error)) &&
	       (args->plot_path == NULL || draw(root, args->plot_path, error));
}

static bool
run_view(const struct peal_benchargs *args, struct peal_sentence *error)
{
	static struct bench bench; /* the loop writes into it until the runtime has stopped */
	struct peal_sentence refusal = {.text = ""};
	bool is_good;

	error->text[0] = '\0';
	if (args->plot_path != NULL && !peal_curve_can_draw(error)) {
		return false;
	}
	bench.args = args;
	peal_prng_init(&bench.lots, LOTS_SEED);
	peal_progressbar_init(&bench.bar, !args->is_quiet);
	for (uint32_t i = 0; i < CHANGES_COUNT; i++) {
		peal_histogram_reset(&bench.times[i].each);
		peal_histogram_reset(&bench.times[i].last);
		peal_histogram_reset(&bench.times[i].own);
	}
	is_good = measure(&bench, error);
	peal_progressbar_clear(&bench.bar);
	peal_crowd_close(&bench.crowd);
	if (is_good) {
		json_t *root;

		(void)check(&bench, &refusal);
		root = bench_to_json(&bench, &refusal);
		is_good = write_all(&bench, root, &refusal, error);
		json_decref(root);
	}
	return is_good;
}

static const struct peal_option option_rounds = {.name = "rounds",
	.value = "N",
	.help = "of two joins, a leave and a kill, 1 to 100 (default: 5)",
	.kind = PEAL_OPTION_NUMBER,
	PEAL_OPTION_FIELD(rounds_count),
	.min = 1,
	.max = ROUNDS_MAX};

static const struct peal_option *const own_options[] = {&peal_option_nodes, &option_rounds,
	&peal_option_preset, &peal_option_anyway, &peal_option_json, &peal_option_plot,
	&peal_option_hdr, &peal_option_percentiles, &peal_option_quiet, NULL};

static void
prepare(struct peal_benchargs *args)
{
	args->nodes_count = NODES_COUNT;
	args->rounds_count = ROUNDS_COUNT;
	args->preset = "dpdk";
}

static bool
complete(struct peal_benchargs *args, struct peal_sentence *error)
{
	uint32_t starts_count = STARTS_A_ROUND * (args->rounds_count + 1U);

	if (args->nodes_count < 3U) {
		return peal_sentence_set(error,
			"--nodes %u: a group of fewer than 3 cannot lose one and go on",
			args->nodes_count);
	}
	return args->nodes_count + starts_count <= PEAL_RUNTIME_NODES_MAX ||
	       peal_sentence_set(error,
		       "--rounds %u: with the one to warm up they start %u nodes, which is more "
		       "than the %u that there is room for beside --nodes %u",
		       args->rounds_count, starts_count, PEAL_RUNTIME_NODES_MAX - args->nodes_count,
		       args->nodes_count);
}

const struct peal_command peal_view_command = {
	.name = "view",
	.usage = "[--nodes N] [--rounds N] [--preset NAME] [options]",
	.brief = "from a join, a leave or a kill to the view at each survivor",
	.about = "Many nodes of Peal in this process, as in scale. In each round a node starts and "
		 "joins, one leaves,\n"
		 "another one joins, and one stops without a word. After each change the time is "
		 "taken at every node\n"
		 "that lives, by one clock, from the instant of the change to the view with it.\n",
	.notes = "There are 10 nodes by default, and the preset is dpdk. A first round is there to "
		 "warm up. There is\n"
		 "no figure, and the exit status is 3, when healthy nodes were removed as well, "
		 "frames were dropped,\n"
		 "or the hypervisor took more than 5 %. --hdr is of the kills.\n",
	.examples = "  peal-bench view\n"
		    "  peal-bench view --nodes 50 --rounds 20 --preset dpdk-fast --plot view.svg\n"
		    "  peal-bench view --json - --quiet | jq '.join.last_p50_ns, "
		    ".kill.last_p50_ns'\n",
	.options = own_options,
	.prepare = prepare,
	.complete = complete,
	.run = run_view,
};
