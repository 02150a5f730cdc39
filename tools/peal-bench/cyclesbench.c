/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/cyclesbench.h"

#include "base/version.h"
#include "tools/benchlib/pinned.h"
#include "tools/peal-bench/machine.h"
#include "tools/peal-bench/outcome.h"
#include "tools/peal-bench/program.h"
#include "tools/peal-bench/programwords.h"
#include "tools/peal-bench/progressbar.h"
#include "tools/peal-bench/refusal.h"
#include "tools/peal-bench/resultjson.h"
#include "tools/peal-bench/sharedoptions.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM       "peal-bench-cycles"
#define PATH_SIZE_MAX 4096U
#define BURST         32U
#define ROUNDS_COUNT  20000U
#define MESSAGE_SIZE  64U
#define SIZE_MAX_COPY 1000U

/* Where this program lies, with the name of the other one. */
static bool
find_program(char path_out[PATH_SIZE_MAX])
{
	ssize_t size = readlink("/proc/self/exe", path_out, PATH_SIZE_MAX - sizeof(PROGRAM));
	char *slash;

	if (size < 1) {
		return false;
	}
	path_out[size] = '\0';
	slash = strrchr(path_out, '/');
	if (slash == NULL) {
		return false;
	}
	memcpy(slash + 1, PROGRAM, sizeof(PROGRAM));
	return access(path_out, X_OK) == 0;
}

static void
make_words(struct peal_programwords *words, const char *path, const struct peal_benchargs *args)
{
	peal_programwords_add(words, path);
	peal_programwords_add_number(words, "--size", args->size);
	peal_programwords_add_number(words, "--burst", args->burst);
	peal_programwords_add_number(words, "--rounds", args->rounds_count);
	if (args->idle_turns > 0) {
		peal_programwords_add_number(words, "--idle", args->idle_turns);
	}
	if (args->mtu > 0) {
		peal_programwords_add_number(words, "--mtu", args->mtu);
	}
	if (!args->is_sealed || args->aead_name != NULL) {
		peal_programwords_add(words, "--aead");
		peal_programwords_add(words, args->is_sealed ? args->aead_name : "none");
	}
	if (args->is_alone) {
		peal_programwords_add(words, "--alone");
	}
	if (args->is_echo) {
		peal_programwords_add(words, "--echo");
	}
	if (args->is_lent) {
		peal_programwords_add(words, "--lend");
	}
}

/* Runs it on the CPU that was asked for, and takes its line. NULL with a sentence. */
static json_t *
run_program(const struct peal_benchargs *args, struct peal_machine_bill *bill_out,
	struct peal_sentence *error)
{
	const int cpus[PEAL_BENCHARGS_SIDES_COUNT] = {args->cpus[0], -1};
	const clockid_t clocks[PEAL_BENCHARGS_SIDES_COUNT] = {
		CLOCK_THREAD_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID};
	struct peal_machine_watch watch;
	struct peal_programwords words = {.count = 0};
	struct peal_program program = {.name = PROGRAM, .words = words.list};
	char path[PATH_SIZE_MAX], *text = NULL;
	json_t *result = NULL;

	if (!find_program(path)) {
		(void)peal_sentence_set(
			error, "the program %s does not lie beside this one", PROGRAM);
		return NULL;
	}
	make_words(&words, path, args);
	/* A program inherits the CPU of the thread that starts it. */
	if (!peal_pinned_move(args->cpus[0])) {
		(void)peal_sentence_set(error, "CPU %d could not be had", args->cpus[0]);
		return NULL;
	}
	peal_machine_begin(&watch, cpus, clocks);
	if (peal_program_run(&program, &text, error)) {
		result = json_loads(text, 0, NULL);
		if (json_object_get(result, "stages") == NULL) {
			(void)peal_sentence_set(error, "%s gave no figures", PROGRAM);
			json_decref(result);
			result = NULL;
		}
	}
	peal_machine_end(&watch, bill_out);
	bill_out->shares[0] = -1.0; /* of this thread, which only waits */
	bill_out->shares[1] = -1.0;
	free(text);
	return result;
}

static double
get(const json_t *table, const char *key)
{
	return json_number_value(json_object_get(table, key));
}

static void
show(const struct peal_benchargs *args, const json_t *root, FILE *file)
{
	json_t *stages = json_object_get(root, "stages"), *stage;
	const char *name;

	fprintf(file, "messages of %u bytes, %u in a round, AEAD %s, both ends: %u rounds\n",
		args->size, args->burst, json_string_value(json_object_get(root, "aead")),
		args->rounds_count);
	fprintf(file, "  %-10s %10.1f cycles a message (%.3f a byte), %.3f frames\n", "all",
		get(root, "cycles_per_message"), get(root, "cycles_per_byte"),
		get(root, "frames_per_message"));
	json_object_foreach(stages, name, stage)
	{
		fprintf(file, "  %-10s %10.1f\n", name, json_number_value(stage));
	}
	if (args->is_echo) {
		fprintf(file, "  %-10s %10.1f cycles until the answer is delivered\n", "and back",
			get(root, "round_trip_cycles"));
	}
	if (args->idle_turns > 0) {
		fprintf(file, "  %-10s %10.1f cycles\n", "an idle turn",
			get(root, "idle_turn_cycles"));
	}
}

/* What the program said, what was asked for, and what it stands on. */
static json_t *
complete_result(const struct peal_benchargs *args, json_t *result,
	const struct peal_machine_bill *bill, const struct peal_sentence *refusal)
{
	bool is_refused = refusal->text[0] != '\0';
	json_t *root = json_pack("{s:s, s:s, s:i, s:[i], s:b, s:b, s:b, s:b, s:s?}", "command",
		"cycles", "version", PEAL_VERSION, "message_bytes", (int)args->size, "cores",
		args->cpus[0], "sealed", args->is_sealed, "echo", args->is_echo, "lent",
		args->is_lent, "refused", is_refused, "refusal", is_refused ? refusal->text : NULL);

	if (!is_refused || args->is_anyway) {
		json_object_del(result, "bench");
		json_object_update_missing(root, result);
	}
	json_object_set_new(root, "tsc_hz", json_real(1e9 * peal_pinned_measure_rate()));
	peal_resultjson_put_machine(root, bill);
	return root;
}

static bool
run_cycles(const struct peal_benchargs *args, struct peal_sentence *error)
{
	const int cpus[PEAL_BENCHARGS_SIDES_COUNT] = {args->cpus[0], -1};
	FILE *text = peal_benchargs_text_file(args);
	struct peal_sentence refusal = {.text = ""};
	struct peal_machine_bill bill;
	struct peal_progressbar bar;
	bool is_good = true;
	json_t *result, *root;

	error->text[0] = '\0';
	peal_progressbar_init(&bar, !args->is_quiet);
	peal_progressbar_show(&bar, "warming up, rounds, and rounds with a clock", 0, 0);
	result = run_program(args, &bill, error);
	peal_progressbar_clear(&bar);
	if (result == NULL) {
		return false;
	}
	if (get(result, "repeated") > 0.0) {
		(void)peal_refusal_set(&refusal,
			"%.0f frames were sent again: the machine stood "
			"still meanwhile",
			get(result, "repeated"));
	} else {
		(void)peal_refusal_check_machine(&bill, cpus, false, &refusal);
	}
	root = complete_result(args, result, &bill, &refusal);
	if (args->json_path != NULL) {
		is_good = peal_outcome_write_json(root, args->json_path, error);
	}
	if (is_good && refusal.text[0] != '\0' && !args->is_anyway) {
		*error = refusal;
		is_good = false;
	} else if (is_good && text != NULL) {
		show(args, root, text);
	}
	json_decref(root);
	json_decref(result);
	return is_good;
}

static bool
read_aead(struct peal_benchargs *args, const char *value)
{
	args->aead_name = value;
	return strcmp(value, "ipsec_mb") == 0 || strcmp(value, "openssl") == 0;
}

static const struct peal_option option_size = {.name = "size",
	.value = "N",
	.help = "bytes of a message, up to 1000, or with --lend up to 65536 (default: 64)",
	.kind = PEAL_OPTION_NUMBER,
	PEAL_OPTION_FIELD(size),
	.min = 1,
	.max = PEAL_BENCHARGS_SIZE_MAX};

static const struct peal_option option_burst = {.name = "burst",
	.value = "N",
	.help = "messages that are accepted before each turn, 1 to 32 (default: 32)",
	.kind = PEAL_OPTION_NUMBER,
	PEAL_OPTION_FIELD(burst),
	.min = 1,
	.max = BURST};

static const struct peal_option option_rounds = {.name = "rounds",
	.value = "N",
	.help = "of which medians are taken, 100 to 1000000 (default: 20000)",
	.kind = PEAL_OPTION_NUMBER,
	PEAL_OPTION_FIELD(rounds_count),
	.min = 100,
	.max = 1000000};

static const struct peal_option option_alone = {.name = "alone",
	.help = "each message in a frame of its own",
	.kind = PEAL_OPTION_SET,
	PEAL_OPTION_FIELD(is_alone)};

static const struct peal_option option_echo = {.name = "echo",
	.help = "the other end answers each message from within its delivery",
	.kind = PEAL_OPTION_SET,
	PEAL_OPTION_FIELD(is_echo)};

static const struct peal_option option_lend = {.name = "lend",
	.help = "messages are lent and not copied",
	.kind = PEAL_OPTION_SET,
	PEAL_OPTION_FIELD(is_lent)};

static const struct peal_option option_idle_turns = {.name = "idle-turns",
	.value = "N",
	.help = "turns that find nothing between two rounds, as of cores that spin, 0 to 20000 "
		"(default: 0)",
	.kind = PEAL_OPTION_NUMBER,
	PEAL_OPTION_FIELD(idle_turns),
	.min = 0,
	.max = 20000};

static const struct peal_option option_mtu = {.name = "mtu",
	.value = "N",
	.help = "bytes of the largest packet, 1280 to 9000 (default: 1280)",
	.expected = "bytes from 1280 to 9000",
	.kind = PEAL_OPTION_NUMBER,
	PEAL_OPTION_FIELD(mtu),
	.min = PEAL_MTU_MIN,
	.max = PEAL_MTU_MAX};

static const struct peal_option option_aead = {.name = "aead",
	.value = "NAME",
	.help = "ipsec_mb or openssl (default: the best there is)",
	.expected = "ipsec_mb or openssl",
	.kind = PEAL_OPTION_OTHER,
	.read = read_aead};

static const struct peal_option *const own_options[] = {&option_size, &option_burst, &option_rounds,
	&option_alone, &option_echo, &option_lend, &option_idle_turns, &option_mtu, &option_aead,
	&peal_option_none, &peal_option_cpu_list, &peal_option_anyway, &peal_option_json,
	&peal_option_quiet, NULL};

static void
prepare(struct peal_benchargs *args)
{
	args->size = MESSAGE_SIZE;
	args->burst = BURST;
	args->rounds_count = ROUNDS_COUNT;
}

static bool
complete(struct peal_benchargs *args, struct peal_sentence *error)
{
	if (!args->is_lent && args->size > SIZE_MAX_COPY) {
		return peal_sentence_set(error,
			"--size %u: what is larger than %u bytes is lent; say --lend", args->size,
			SIZE_MAX_COPY);
	}
	if (args->is_echo && args->is_lent) {
		return peal_sentence_set(error, "--echo and --lend exclude each other");
	}
	return peal_sharedoptions_complete_list(args, 1, PEAL_BENCHARGS_CPUS_MAX, error);
}

const struct peal_command peal_cycles_command = {
	.name = "cycles",
	.usage = "[--size N] [--burst N] [--echo] [--lend] [options]",
	.brief = "cycles of a message over a channel, both ends, by stage",
	.about = "Two cores on one CPU, joined by rings of packets that are never copied. In a "
		 "round the first one\n"
		 "accepts some messages and takes a turn, the second one takes a turn, delivers "
		 "them and acknowledges.\n"
		 "All of it is counted, and divided by what was accepted; figures are medians over "
		 "rounds, after two\n"
		 "thousand to warm up. Then the same once more with a clock between the stages, "
		 "whose own cost is taken\n"
		 "off:\n"
		 "\n"
		 "  port      packets in, out, lent and given back\n"
		 "  frame     headers, checks, replay window, and the turn around all of it\n"
		 "  aead      sealing and opening\n"
		 "  channel   queue, window, acknowledgements, timers\n"
		 "  delivery  the user takes the bytes\n",
	.notes = "Only the first CPU of --cores is used. The stages add up to some 10 % more than "
		 "the total, because a\n"
		 "clock keeps the processor from working on two of them at once.\n",
	.examples = "  peal-bench cycles\n"
		    "  peal-bench cycles --burst 1 --echo --idle-turns 100\n"
		    "  peal-bench cycles --lend --size 65536 --burst 1 --json - --quiet | jq "
		    "'.cycles_per_byte, .stages'\n",
	.options = own_options,
	.prepare = prepare,
	.complete = complete,
	.run = run_cycles,
};
