/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A group's secret that is drawn for one run and is nowhere but in memory. Main thread.
 */
#ifndef PEAL_PEAL_BENCH_DRAWNKEY_H
#define PEAL_PEAL_BENCH_DRAWNKEY_H

#include "runtime/config.h"

/*
 * Draws a key and writes the path of a file with it, which only this process can open.
 * @return a descriptor to be closed when no node is left that reads it, or -1 with a sentence
 */
int peal_drawnkey_make(char path_out[PEAL_CONFIG_PATH_SIZE_MAX + 1U], struct peal_sentence *error);

#endif
