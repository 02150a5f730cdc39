/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a seed that fails to a short script that fails.
 *
 * The run is recorded, and played again with actions left out: half of them, a quarter ... one by
 * one, as long as something is still violated. What is left is what the failure needs.
 */
#ifndef PEAL_SIM_SHRINK_H
#define PEAL_SIM_SHRINK_H

#include "sim/scenario.h"
#include "sim/script.h"

/* Plays a script once and fills `report`. Returns true when nothing was violated. */
bool peal_shrink_play(const struct peal_script *script, FILE *trace, struct peal_report *report);

/* Called after each try with what is left; NULL = nobody. */
typedef void (*peal_shrink_progress_fn)(uint32_t plays, uint32_t actions);

/*
 * Leaves out actions of a script that fails, as long as it fails in the same words: the numbers in
 * the first violation may be others. Makes at most `plays_max` runs.
 * @return false when the script does not fail at all; it is then unchanged
 */
bool peal_shrink_reduce(
	struct peal_script *script, uint32_t plays_max, peal_shrink_progress_fn progress);

/*
 * Runs a scenario of one world, recording, and shrinks the record.
 * @param plays_max  so many runs at most
 * @return false when the run violates nothing, or its record played again does not; `script_out` is
 *         then the whole record
 */
bool peal_shrink_run(const struct peal_scenario *scenario,
	const struct peal_scenario_options *options, uint32_t plays_max,
	peal_shrink_progress_fn progress, struct peal_script *script_out);

#endif
