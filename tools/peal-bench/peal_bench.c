/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * peal-bench: what a round trip costs, and how much of it is Peal; what many nodes cost.
 *
 * Exit status: 0, 1 with a sentence, 3 when a figure would mislead, 130 after Ctrl-C.
 */
#include "tools/peal-bench/compare.h"
#include "tools/peal-bench/coreargs.h"
#include "tools/peal-bench/ctrlc.h"
#include "tools/peal-bench/curve.h"
#include "tools/peal-bench/floor.h"
#include "tools/peal-bench/jitter.h"
#include "tools/peal-bench/messageecho.h"
#include "tools/peal-bench/outcome.h"
#include "tools/peal-bench/pealecho.h"
#include "tools/peal-bench/plotfiles.h"
#include "tools/peal-bench/ratio.h"
#include "tools/peal-bench/rawecho.h"
#include "tools/peal-bench/refusal.h"
#include "tools/peal-bench/scale.h"
#include "tools/peal-bench/shmbench.h"
#include "tools/peal-bench/throughput.h"

#include <stdio.h>

#define STATUS_FAILED      1
#define STATUS_INTERRUPTED 130

static struct peal_histogram histogram;

static bool
run(const struct peal_benchargs *args, struct peal_sentence *error)
{
	struct peal_outcome outcome = {.args = args, .histogram = &histogram};
	bool is_measured;

	if (args->plot_path != NULL && !peal_curve_can_draw(error)) {
		return false;
	}
	if (args->command == PEAL_BENCHARGS_RATIO) {
		return peal_ratio_run(args, error);
	}
	if (args->command == PEAL_BENCHARGS_THROUGHPUT) {
		return peal_throughput_run(args, error);
	}
	if (args->command == PEAL_BENCHARGS_SCALE) {
		return peal_scale_run(args, error);
	}
	peal_histogram_reset(&histogram);
	if (args->command == PEAL_BENCHARGS_RAW) {
		is_measured = peal_rawecho_run(&outcome, error);
	} else if (args->command == PEAL_BENCHARGS_MESSAGE) {
		is_measured = peal_messageecho_run(&outcome, error);
	} else {
		is_measured = peal_pealecho_run(&outcome, error);
	}
	return is_measured && peal_outcome_deliver(&outcome, error);
}

static bool
run_core(const struct peal_coreargs *args, struct peal_sentence *error)
{
	if (args->command == PEAL_COREARGS_FLOOR) {
		return peal_floor_run(args, error);
	}
	if (args->command == PEAL_COREARGS_PLOT) {
		return peal_plotfiles_run(args, error);
	}
	if (args->command == PEAL_COREARGS_SHM) {
		return peal_shmbench_run(args, error);
	}
	return peal_jitter_run(args, error);
}

/* Parses and runs. The status of the process when there is nothing more to say. */
static int
carry_out(int argc, char **argv, struct peal_sentence *error)
{
	bool is_core = argc > 1 && peal_coreargs_knows(argv[1]);
	enum peal_benchargs_verdict verdict;
	struct peal_coreargs core_args;
	struct peal_benchargs args;

	verdict = is_core ? peal_coreargs_parse(&core_args, argc, argv, error)
			  : peal_benchargs_parse(&args, argc, argv, error);
	switch (verdict) {
	case PEAL_BENCHARGS_HELPED:
		return 0;
	case PEAL_BENCHARGS_REFUSED:
		fprintf(stderr, "peal-bench: %s; 'peal-bench --help' tells more\n", error->text);
		error->text[0] = '\0';
		return is_core && core_args.command == PEAL_COREARGS_COMPARE
			       ? PEAL_COMPARE_NO_VERDICT
			       : STATUS_FAILED;
	case PEAL_BENCHARGS_GO:
		break;
	}
	if (is_core && core_args.command == PEAL_COREARGS_COMPARE) {
		return peal_compare_run(&core_args, error);
	}
	peal_ctrlc_watch();
	if (is_core ? run_core(&core_args, error) : run(&args, error)) {
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
	int status = carry_out(argc, argv, &error);

	if (status != 0 && error.text[0] != '\0') {
		fprintf(stderr, "peal-bench: %s\n", error.text);
	}
	return status;
}
