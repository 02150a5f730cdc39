/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * peal-bench: what a round trip costs, and how much of it is Peal; what many nodes cost.
 *
 * Exit status: 0, 1 with a sentence, 2 when the command line is wrong, 3 when a figure would
 * mislead, 130 after Ctrl-C.
 */
#include "tools/peal-bench/castbench.h"
#include "tools/peal-bench/compare.h"
#include "tools/peal-bench/cpgbench.h"
#include "tools/peal-bench/ctrlc.h"
#include "tools/peal-bench/cyclesbench.h"
#include "tools/peal-bench/echocommands.h"
#include "tools/peal-bench/floor.h"
#include "tools/peal-bench/jitter.h"
#include "tools/peal-bench/leftovers.h"
#include "tools/peal-bench/manyruns.h"
#include "tools/peal-bench/oneway.h"
#include "tools/peal-bench/orderbench.h"
#include "tools/peal-bench/outputfiles.h"
#include "tools/peal-bench/plotfiles.h"
#include "tools/peal-bench/ratio.h"
#include "tools/peal-bench/refusal.h"
#include "tools/peal-bench/scale.h"
#include "tools/peal-bench/serve.h"
#include "tools/peal-bench/shmbench.h"
#include "tools/peal-bench/throughput.h"
#include "tools/peal-bench/viewbench.h"

#include <stdio.h>
#include <string.h>

#define STATUS_FAILED      1
#define STATUS_MISUSED     2
#define STATUS_INTERRUPTED 130

static const struct peal_command *const commands[] = {&peal_rtt_command, &peal_raw_command,
	&peal_message_command, &peal_oneway_command, &peal_ratio_command, &peal_throughput_command,
	&peal_serve_command, &peal_cast_command, &peal_order_command, &peal_infinite_command,
	&peal_cpg_command, &peal_view_command, &peal_scale_command, &peal_jitter_command,
	&peal_floor_command, &peal_cycles_command, &peal_shm_command, &peal_compare_command,
	&peal_plot_command};

#define COMMANDS_COUNT (sizeof(commands) / sizeof(commands[0]))

static void
print_help(FILE *file)
{
	for (size_t i = 0; i < COMMANDS_COUNT; i++) {
		fprintf(file, "%s peal-bench %s %s\n", i == 0 ? "usage:" : "      ",
			commands[i]->name, commands[i]->usage);
	}
	fprintf(file, "\n"
		      "Measures what a round trip between two members of a group costs on this "
		      "machine, and what a\n"
		      "group of many nodes costs.\n"
		      "\n");
	for (size_t i = 0; i < COMMANDS_COUNT; i++) {
		fprintf(file, "  %-11s %s\n", commands[i]->name, commands[i]->brief);
	}
	fprintf(file,
		"\n"
		"What leaves on a schedule leaves on a fixed one (open loop), and its time "
		"counts from the instant\n"
		"at which it was meant to leave, so that a stall shows as what it is. "
		"'peal-bench rtt --help' and\n"
		"so on tell more.\n"
		"\n"
		"examples:\n"
		"  peal-bench rtt --link ring\n"
		"  peal-bench ratio --link af_packet --pairs 9 --json ratio.json\n"
		"  peal-bench ratio --of message --link memif\n"
		"  peal-bench throughput --link vhost --size 65536\n"
		"  peal-bench scale --nodes 200\n"
		"\n"
		"Exit status: 0 all went well; 1 something was wrong; 2 the command line is "
		"wrong; 3 there is no\n"
		"figure, for it would mislead; 130 Ctrl-C. One sentence says why. compare has "
		"others.\n");
}

static const struct peal_command *
find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS_COUNT; i++) {
		if (strcmp(name, commands[i]->name) == 0) {
			return commands[i];
		}
	}
	return NULL;
}

static int
refuse_command(const char *name)
{
	fprintf(stderr, "peal-bench: command %s: expected ", name);
	for (size_t i = 0; i < COMMANDS_COUNT; i++) {
		fprintf(stderr, "%s%s", commands[i]->name,
			i + 2U < COMMANDS_COUNT    ? ", "
			: i + 2U == COMMANDS_COUNT ? " or "
						   : "; 'peal-bench --help' tells more\n");
	}
	return STATUS_MISUSED;
}

/* Parses and runs. The status of the process; there is a sentence when something is to be said. */
static int
carry_out(const struct peal_command *command, int argc, char **argv, struct peal_sentence *error)
{
	struct peal_benchargs args;

	switch (peal_command_parse(command, &args, argc, argv, error)) {
	case PEAL_COMMAND_HELPED:
		return 0;
	case PEAL_COMMAND_REFUSED:
		fprintf(stderr, "peal-bench: %s; 'peal-bench %s --help' tells more\n", error->text,
			command->name);
		error->text[0] = '\0';
		return command->refusal_status == 0 ? STATUS_MISUSED : command->refusal_status;
	case PEAL_COMMAND_GO:
		break;
	}
	if (!peal_outputfiles_check(&args, error)) {
		return command->refusal_status == 0 ? STATUS_FAILED : command->refusal_status;
	}
	if (command->answer != NULL) {
		return command->answer(&args, error);
	}
	peal_ctrlc_watch();
	peal_leftovers_sweep();
	if (args.runs_count > 0 ? peal_manyruns_run(&args, argc, argv, error)
				: command->run(&args, error)) {
		return 0;
	}
	if (peal_ctrlc_has_come()) {
		error->text[0] = '\0';
		return STATUS_INTERRUPTED;
	}
	return peal_refusal_is_noted() ? PEAL_REFUSAL_STATUS : STATUS_FAILED;
}

int
main(int argc, char **argv)
{
	struct peal_sentence error = {.text = ""};
	const struct peal_command *command = argc < 2 ? NULL : find_command(argv[1]);
	int status;

	if (command == NULL) {
		if (peal_command_asks_for_help(argc, argv)) {
			print_help(stdout);
			return 0;
		}
		return refuse_command(argc < 2 ? "missing" : argv[1]);
	}
	status = carry_out(command, argc, argv, &error);
	if (status != 0 && error.text[0] != '\0') {
		fprintf(stderr, "peal-bench: %s\n", error.text);
	}
	return status;
}
