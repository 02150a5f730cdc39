/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/orderbench.h"

#include "base/version.h"
#include "runtime/eal.h"
#include "tools/peal-bench/orderband.h"
#include "tools/peal-bench/outcome.h"
#include "tools/peal-bench/refusal.h"
#include "tools/peal-bench/resultjson.h"
#include "tools/peal-bench/sharedoptions.h"

#include <inttypes.h>
#include <string.h>

#define MESSAGE_SIZE   64U
#define RANKS_COUNT    3U
#define ROUNDS_COUNT   5U
#define ROUNDS_MAX     PEAL_BENCHARGS_RATES_MAX
#define ROUND_NS       UINT64_C(250000000)
#define CLOSED_COUNT   UINT64_C(2000)
#define WARM_UP_COUNT  UINT64_C(500)
#define INFINITE_SIZE  1024U
#define INFINITE_RUNS  10U
#define INFINITE_COUNT UINT64_C(1000000)
#define INFINITE_RATE  UINT64_C(100000)
/* The thesis that the protocol comes from, 6.1: three nodes of a cluster, 1 KB. */
#define THESIS_MEAN_MS  23.47
#define THESIS_RATE_MAX 3000.0

struct bench {
	const struct peal_benchargs *args;
	bool is_infinite;
	struct peal_orderband_shared *shared;
	bool is_watched;
	struct peal_machine_bill bill;
	/* order */
	double closed_p50_ns, closed_p99_ns, closed_max_ns;
	uint64_t closed_count;
	struct peal_histogram closed;
	struct peal_histogram own;    /* on the schedule: at who said it, */
	struct peal_histogram others; /* and elsewhere */
	double rates[ROUNDS_MAX];
	double cycles[PEAL_ORDER_RANKS_MAX]; /* of the last round */
	double frames[PEAL_ORDER_RANKS_MAX];
	/* infinite, by run */
	double means_ns[ROUNDS_MAX];
	double p99s_ns[ROUNDS_MAX];
	double paced_per_s[ROUNDS_MAX];
	uint64_t ordered_count;
	uint64_t violations;
	uint64_t skips_count;
};

/* Times of a phase, of all ranks; and forgets them. */
static void
collect(struct bench *bench, struct peal_histogram *own, struct peal_histogram *others)
{
	peal_histogram_reset(own);
	peal_histogram_reset(others);
	for (uint32_t i = 0; i < bench->args->nodes_count; i++) {
		struct peal_orderband_part *part = &bench->shared->parts[i];

		peal_histogram_merge(own, &part->own);
		peal_histogram_merge(others, &part->others);
		/* Nobody writes between two phases. */
		peal_histogram_reset(&part->own);
		peal_histogram_reset(&part->others);
	}
}

static bool
warm_up(struct bench *bench, struct peal_orderband *band, struct peal_sentence *error)
{
	const struct peal_orderband_phase phase = {.kind = PEAL_ORDERBAND_CLOSED,
		.senders_count = (uint8_t)bench->args->senders_count,
		.count = WARM_UP_COUNT};
	struct peal_orderband_result result;

	return peal_orderband_play(band, &phase, "warming up", &result, error);
}

/* As many as are accepted, in rounds. */
static bool
flood(struct bench *bench, struct peal_orderband *band, uint32_t rounds_count,
	struct peal_sentence *error)
{
	const struct peal_orderband_phase phase = {.kind = PEAL_ORDERBAND_FLOOD,
		.senders_count = (uint8_t)bench->args->senders_count,
		.duration_ns = ROUND_NS};

	for (uint32_t i = 0; i < rounds_count; i++) {
		struct peal_orderband_result result;

		if (!peal_orderband_play(band, &phase, "as many as go", &result, error)) {
			return false;
		}
		bench->rates[i] = result.per_s;
		memcpy(bench->cycles, result.cycles, sizeof(bench->cycles));
		memcpy(bench->frames, result.frames, sizeof(bench->frames));
	}
	return true;
}

static bool
measure_order(struct bench *bench, struct peal_orderband *band, struct peal_sentence *error)
{
	const struct peal_benchargs *args = bench->args;
	const struct peal_orderband_phase closed = {.kind = PEAL_ORDERBAND_CLOSED,
		.is_timed = true,
		.senders_count = 1,
		.count = CLOSED_COUNT};
	const struct peal_orderband_phase paced = {.kind = PEAL_ORDERBAND_PACED,
		.is_timed = true,
		.senders_count = (uint8_t)args->senders_count,
		.count = args->count,
		.interval_ns = args->interval_ns};
	struct peal_orderband_result result;
	struct peal_histogram ignored;

	if (!warm_up(bench, band, error) ||
		!peal_orderband_play(band, &closed, "one by one", &result, error)) {
		return false;
	}
	collect(bench, &bench->closed, &ignored);
	if (!peal_orderband_play(band, &paced, "on a schedule", &result, error)) {
		return false;
	}
	collect(bench, &bench->own, &bench->others);
	return flood(bench, band, args->rounds_count, error);
}

static bool
measure_infinite(struct bench *bench, struct peal_orderband *band, struct peal_sentence *error)
{
	const struct peal_benchargs *args = bench->args;
	const struct peal_orderband_phase paced = {.kind = PEAL_ORDERBAND_PACED,
		.is_timed = true,
		.senders_count = (uint8_t)args->senders_count,
		.count = (args->count + args->senders_count - 1U) / args->senders_count,
		.interval_ns = args->interval_ns * args->senders_count};

	if (!warm_up(bench, band, error)) {
		return false;
	}
	for (uint32_t i = 0; i < args->rounds_count; i++) {
		struct peal_orderband_result result;

		if (!peal_orderband_play(band, &paced, "on a schedule", &result, error)) {
			return false;
		}
		collect(bench, &bench->own, &bench->others);
		peal_histogram_merge(&bench->own, &bench->others);
		bench->means_ns[i] = peal_histogram_mean(&bench->own);
		bench->p99s_ns[i] = (double)peal_histogram_percentile(&bench->own, 99.0);
		bench->paced_per_s[i] = result.per_s;
	}
	return flood(bench, band, ROUNDS_COUNT, error);
}

static bool
measure(void *state, struct peal_orderband *band, struct peal_sentence *error)
{
	struct bench *bench = state;
	struct peal_machine_watch watch;
	bool is_good;

	bench->shared = peal_orderband_shared(band);
	bench->is_watched = peal_orderband_watch(band, &watch);
	is_good = bench->is_infinite ? measure_infinite(bench, band, error)
				     : measure_order(bench, band, error);
	if (bench->is_watched) {
		peal_machine_end(&watch, &bench->bill);
	}
	bench->violations = peal_orderband_violations(band);
	bench->skips_count = peal_orderband_skips(band);
	bench->ordered_count = atomic_load(&bench->shared->parts[0].taken_count);
	return is_good;
}

static json_t *
roles_to_json(const struct bench *bench, const double *values)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < bench->args->nodes_count; i++) {
		json_array_append_new(list, json_real(values[i]));
	}
	return list;
}

static void
figures_to_json(struct bench *bench, json_t *root)
{
	const struct peal_benchargs *args = bench->args;
	uint32_t floods = bench->is_infinite ? ROUNDS_COUNT : args->rounds_count;

	if (bench->is_infinite) {
		(void)peal_resultjson_put_values(
			root, "mean_ns", bench->means_ns, args->rounds_count);
		(void)peal_resultjson_put_values(
			root, "p99_ns", bench->p99s_ns, args->rounds_count);
		(void)peal_resultjson_put_values(
			root, "paced_messages_per_s", bench->paced_per_s, args->rounds_count);
		json_object_set_new(root, "reference",
			json_pack("{s:f, s:f}", "mean_ms", THESIS_MEAN_MS, "messages_per_s_max",
				THESIS_RATE_MAX));
	} else {
		peal_resultjson_put_spread(root, "", &bench->closed);
		peal_resultjson_put_spread(root, "paced_own_", &bench->own);
		peal_resultjson_put_spread(root, "paced_others_", &bench->others);
	}
	(void)peal_resultjson_put_values(root, "messages_per_s", bench->rates, floods);
	json_object_set_new(root, "cycles_per_message", roles_to_json(bench, bench->cycles));
	json_object_set_new(root, "frames_per_message", roles_to_json(bench, bench->frames));
}

static json_t *
to_json(struct bench *bench, const struct peal_sentence *refusal)
{
	const struct peal_benchargs *args = bench->args;
	bool is_refused = refusal->text[0] != '\0';
	json_t *root = json_pack(
		"{s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:s, s:b, s:s?, s:I, s:I, s:I, s:I, s:I, s:I, "
		"s:b, s:s?}",
		"command", bench->is_infinite ? "infinite" : "order", "version", PEAL_VERSION,
		"link", peal_benchargs_link_name(args->link), "nodes", (int)args->nodes_count,
		"senders", (int)args->senders_count, "message_bytes", (int)args->size, "mtu",
		(int)args->mtu, "idle", peal_benchargs_idle_name(args->idle), "sealed",
		bench->shared->aead_name[0] != '\0', "aead",
		bench->shared->aead_name[0] != '\0' ? bench->shared->aead_name : NULL,
		"interval_ns", (json_int_t)args->interval_ns, "count", (json_int_t)args->count,
		"ordered", (json_int_t)bench->ordered_count, "violations",
		(json_int_t)bench->violations, "skips", (json_int_t)bench->skips_count, "views",
		(json_int_t)atomic_load(&bench->shared->parts[0].views_count), "refused",
		is_refused, "refusal", is_refused ? refusal->text : NULL);

	if (!is_refused || (args->is_anyway && bench->violations == 0)) {
		figures_to_json(bench, root);
	}
	json_object_set_new(root, "tsc_hz", json_integer((json_int_t)bench->shared->cycles_hz));
	if (bench->is_watched) {
		peal_resultjson_put_machine(root, &bench->bill);
	} else {
		json_object_set_new(root, "host", peal_outcome_host_to_json(peal_eal_version()));
	}
	return root;
}

static double
get(const json_t *root, const char *key)
{
	return json_number_value(json_object_get(root, key));
}

static void
show_head(const struct bench *bench, FILE *file)
{
	const struct peal_benchargs *args = bench->args;
	bool is_sealed = bench->shared->aead_name[0] != '\0';

	fprintf(file, "one order for %u ranks %s, %u of them send, messages of %u bytes, %s%s%s\n",
		args->nodes_count,
		args->link == PEAL_BENCHARGS_RING ? "in this process"
						  : "in namespaces of their own",
		args->senders_count, args->size, is_sealed ? "sealed by " : "not sealed",
		bench->shared->aead_name,
		args->idle == PEAL_IDLE_DEDICATED ? ", spinning" : ", shared CPUs");
}

static void
show_spread(const json_t *root, const char *what, const char *name, const char *where, FILE *file)
{
	static const char *const keys[] = {"p50", "p99", "max"};

	fprintf(file, "  %-14s", what);
	for (uint32_t i = 0; i < 3U; i++) {
		char key[64];

		(void)snprintf(key, sizeof(key), "%s%s_ns", name, keys[i]);
		fprintf(file, "%s%s %.1f us", i == 0 ? "" : ", ", keys[i], get(root, key) / 1e3);
	}
	fprintf(file, "%s\n", where);
}

static void
show_roles(const struct bench *bench, FILE *file)
{
	fprintf(file, "  %-14s", "cycles");
	for (uint32_t i = 0; i < bench->args->nodes_count; i++) {
		fprintf(file, "%srank %u %s %.0f", i == 0 ? "" : ", ", i,
			i < bench->args->senders_count ? "sends" : "listens", bench->cycles[i]);
	}
	fprintf(file, "; frames of the first %.3f a message\n", bench->frames[0]);
}

static void
show(const struct bench *bench, const json_t *root, FILE *file)
{
	show_head(bench, file);
	if (bench->is_infinite) {
		fprintf(file,
			"  %-14smean %.1f us (%.1f to %.1f), p99 %.1f us, %.0f messages/s, all "
			"nodes, "
			"%u runs\n",
			"paced", get(root, "mean_ns") / 1e3, get(root, "mean_ns_min") / 1e3,
			get(root, "mean_ns_max") / 1e3, get(root, "p99_ns") / 1e3,
			get(root, "paced_messages_per_s"), bench->args->rounds_count);
		fprintf(file, "  %-14smean %.2f ms, at most %.0f messages/s\n", "the thesis",
			THESIS_MEAN_MS, THESIS_RATE_MAX);
	} else {
		show_spread(root, "one by one", "", " until it is back", file);
		show_spread(root, "paced", "paced_own_", " until it is back", file);
		show_spread(root, "", "paced_others_", " until another rank has it", file);
	}
	fprintf(file, "  %-14s%.0f messages/s (%.0f to %.0f)\n", "saturated",
		get(root, "messages_per_s"), get(root, "messages_per_s_min"),
		get(root, "messages_per_s_max"));
	show_roles(bench, file);
	fprintf(file, "  %" PRIu64 " messages in one order at all, %" PRIu64 " violations\n",
		bench->ordered_count, bench->violations);
	if (bench->skips_count > 0) {
		fprintf(file,
			"warning: a rank was away for too long, or too slow, and went on "
			"elsewhere: it "
			"missed messages (%" PRIu64 " times)\n",
			bench->skips_count);
	}
}

static bool
check(const struct bench *bench, struct peal_sentence *error)
{
	const struct peal_benchargs *args = bench->args;

	for (uint32_t i = 0; i < args->nodes_count; i++) {
		uint64_t mtu = atomic_load(&bench->shared->parts[i].path_mtu);

		if (mtu < args->mtu) {
			return peal_refusal_set(error,
				"--mtu: packets of %u bytes were asked for, and rank %u has proven "
				"no more than %u",
				args->mtu, i, (unsigned)mtu);
		}
	}

	if (bench->violations > 0) {
		return peal_refusal_set(error,
			"the ranks do not agree on one order (%" PRIu64 " violations)",
			bench->violations);
	}
	return !bench->is_watched || peal_refusal_check_machine(&bench->bill, args->cpus,
					     args->idle == PEAL_IDLE_DEDICATED, error);
}

static bool
run(struct bench *bench, const struct peal_benchargs *args, struct peal_sentence *error)
{
	struct peal_sentence refusal = {.text = ""};
	FILE *text = peal_benchargs_text_file(args);
	bool is_good = true, is_told;
	json_t *root;

	bench->args = args;
	if (!peal_orderband_run(args, measure, bench, error)) {
		return false;
	}
	(void)check(bench, &refusal);
	is_told = refusal.text[0] == '\0' || (args->is_anyway && bench->violations == 0);
	root = to_json(bench, &refusal);
	if (args->json_path != NULL) {
		is_good = peal_outcome_write_json(root, args->json_path, error);
	}
	if (is_good && !is_told) {
		*error = refusal;
		is_good = false;
	}
	if (is_good && text != NULL) {
		show(bench, root, text);
		if (refusal.text[0] != '\0') {
			fprintf(text, "warning: %s\n", refusal.text);
		}
	}
	json_decref(root);
	return is_good &&
	       (args->hdr_path == NULL ||
		       peal_outcome_write_table(bench->is_infinite ? &bench->own : &bench->closed,
			       args->hdr_path, error));
}

static bool
run_order(const struct peal_benchargs *args, struct peal_sentence *error)
{
	static struct bench bench;

	return run(&bench, args, error);
}

static bool
run_infinite(const struct peal_benchargs *args, struct peal_sentence *error)
{
	static struct bench bench;

	bench.is_infinite = true;
	return run(&bench, args, error);
}

static const struct peal_option option_nodes = {.name = "nodes",
	.value = "N",
	.help = "ranks: 1, 3, 5, 7 or 9, over af_packet 3 (default: 3)",
	.kind = PEAL_OPTION_NUMBER,
	PEAL_OPTION_FIELD(nodes_count),
	.min = 2,
	.max = PEAL_ORDER_RANKS_MAX};

static const struct peal_option option_senders = {.name = "senders",
	.value = "N",
	.help = "ranks that send, the first ones (default: 1; of infinite: all)",
	.kind = PEAL_OPTION_NUMBER,
	PEAL_OPTION_FIELD(senders_count),
	.min = 1,
	.max = PEAL_ORDER_RANKS_MAX};

static const struct peal_option option_repeats = {.name = "rounds",
	.value = "N",
	.help = "of all the messages, 1 to 100 (default: 10)",
	.kind = PEAL_OPTION_NUMBER,
	PEAL_OPTION_FIELD(rounds_count),
	.min = 1,
	.max = ROUNDS_MAX};

static const struct peal_option *const order_options[] = {&peal_option_link, &option_nodes,
	&option_senders, &peal_option_size, &peal_option_mtu, &peal_option_rates,
	&peal_option_count, &peal_option_interval, &peal_option_rate, &peal_option_idle,
	&peal_option_cpu_list, &peal_option_anyway, &peal_option_none, &peal_option_json,
	&peal_option_hdr, &peal_option_percentiles, &peal_option_quiet, NULL};

static const struct peal_option *const infinite_options[] = {&peal_option_link, &option_nodes,
	&option_senders, &peal_option_size, &peal_option_mtu, &option_repeats, &peal_option_count,
	&peal_option_interval, &peal_option_rate, &peal_option_idle, &peal_option_cpu_list,
	&peal_option_anyway, &peal_option_none, &peal_option_json, &peal_option_hdr,
	&peal_option_percentiles, &peal_option_quiet, NULL};

static void
prepare_order(struct peal_benchargs *args)
{
	args->link = PEAL_BENCHARGS_RING;
	args->nodes_count = RANKS_COUNT;
	args->senders_count = 1;
	args->size = MESSAGE_SIZE;
	args->rounds_count = ROUNDS_COUNT;
}

static void
prepare_infinite(struct peal_benchargs *args)
{
	args->link = PEAL_BENCHARGS_AF_PACKET;
	args->nodes_count = RANKS_COUNT;
	args->size = INFINITE_SIZE;
	args->rounds_count = INFINITE_RUNS;
	args->count = INFINITE_COUNT;
	args->interval_ns = UINT64_C(1000000000) / INFINITE_RATE;
	args->idle = PEAL_IDLE_SHARED;
}

static bool
complete(struct peal_benchargs *args, struct peal_sentence *error)
{
	args->senders_count = args->senders_count == 0 ? args->nodes_count : args->senders_count;
	peal_sharedoptions_complete_schedule(args);
	if (args->nodes_count % 2U == 0) {
		return peal_sentence_set(
			error, "--nodes %u: expected 3, 5, 7 or 9", args->nodes_count);
	}
	if (args->senders_count > args->nodes_count) {
		return peal_sentence_set(error, "--senders %u: expected at most as many as --nodes",
			args->senders_count);
	}
	if (args->size < PEAL_ORDERBAND_SIZE_MIN) {
		return peal_sentence_set(
			error, "--size %u: expected 16 at least", (unsigned)args->size);
	}
	if (args->link == PEAL_BENCHARGS_AF_PACKET) {
		return args->nodes_count == RANKS_COUNT ||
		       peal_sentence_set(error, "--nodes %u: over af_packet there are three",
			       args->nodes_count);
	}
	if (args->link != PEAL_BENCHARGS_RING) {
		return peal_sentence_set(error, "--link: expected ring or af_packet");
	}
	return peal_sharedoptions_complete_list(args, 1, args->nodes_count, error);
}

const struct peal_command peal_order_command = {
	.name = "order",
	.usage = "[--link ring|af_packet] [--nodes N] [--senders N] [--size N] [options]",
	.brief = "total order: until a message is back in its place, rate, cost of each rank",
	.about =
		"The ranks of an order group, in a view that never changes: all in this process, "
		"on "
		"a switch in\n"
		"memory and as many loops as there are CPUs; or, over af_packet, three processes "
		"in "
		"namespaces of\n"
		"their own on a bridge. The first rank sends one message at a time, and each "
		"counts "
		"until it is\n"
		"delivered to the sender in its place of the order. Then all senders send on a "
		"fixed "
		"schedule, and\n"
		"times count from the intended departure, at the sender and at the others. Then "
		"they "
		"send as many as\n"
		"are accepted, in rounds; what it costs each rank are the cycles of its turns that "
		"found work, for\n"
		"each message of the group. 'peal-bench cpg' does the same with corosync.\n",
	.notes = "Every rank keeps a sum over all messages, in its order. There is no figure, and "
		 "the exit status is\n"
		 "3, when they differ, or the machine was not this run's own. A rank that is away "
		 "for "
		 "longer than the\n"
		 "others keep messages goes on elsewhere; it is warned of, and its sum is not "
		 "compared.\n",
	.examples = "  peal-bench order\n"
		    "  peal-bench order --senders 3 --size 1024 --cores 0\n"
		    "  sudo peal-bench order --link af_packet --idle shared --json - --quiet\n",
	.options = order_options,
	.prepare = prepare_order,
	.complete = complete,
	.run = run_order,
};

const struct peal_command peal_infinite_command = {
	.name = "infinite",
	.usage = "[--link ring|af_packet] [--count N] [--rounds N] [options]",
	.brief = "total order: a million messages of three nodes, beside the thesis",
	.about =
		"Three nodes in namespaces of their own send a million messages of 1 KB together, "
		"100 000 a second,\n"
		"ten times. A message counts from its intended departure until it is delivered for "
		"good, at every\n"
		"node; the figure is the mean, beside that of the thesis whose protocol this is. "
		"Then they send as\n"
		"many as are accepted.\n",
	.notes = "Every rank keeps a sum over all messages, in its order. There is no figure, and "
		 "the exit status is\n"
		 "3, when they differ.\n",
	.examples = "  sudo peal-bench infinite\n"
		    "  peal-bench infinite --link ring --rounds 1\n",
	.options = infinite_options,
	.prepare = prepare_infinite,
	.complete = complete,
	.run = run_infinite,
};
