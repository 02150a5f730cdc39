/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * peal-bench: what a round trip costs, and how much of it is Peal; what many nodes cost.
 *
 * Exit status: 0, 1 with a sentence, 130 after Ctrl-C.
 */
#include "tools/peal-bench/ctrlc.h"
#include "tools/peal-bench/curve.h"
#include "tools/peal-bench/messageecho.h"
#include "tools/peal-bench/outcome.h"
#include "tools/peal-bench/pealecho.h"
#include "tools/peal-bench/ratio.h"
#include "tools/peal-bench/rawecho.h"
#include "tools/peal-bench/scale.h"
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

int
main(int argc, char **argv)
{
	struct peal_benchargs args;
	struct peal_sentence error = {.text = ""};

	switch (peal_benchargs_parse(&args, argc, argv, &error)) {
	case PEAL_BENCHARGS_HELPED:
		return 0;
	case PEAL_BENCHARGS_REFUSED:
		fprintf(stderr, "peal-bench: %s; 'peal-bench --help' tells more\n", error.text);
		return STATUS_FAILED;
	case PEAL_BENCHARGS_GO:
		break;
	}
	peal_ctrlc_watch();
	if (run(&args, &error)) {
		return 0;
	}
	if (peal_ctrlc_has_come()) {
		return STATUS_INTERRUPTED;
	}
	if (error.text[0] != '\0') {
		fprintf(stderr, "peal-bench: %s\n", error.text);
	}
	return STATUS_FAILED;
}
