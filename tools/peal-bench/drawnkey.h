/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A group's secret that is drawn for one run and is nowhere but in memory. Main thread.
 */
#ifndef PEAL_PEAL_BENCH_DRAWNKEY_H
#define PEAL_PEAL_BENCH_DRAWNKEY_H

#include "runtime/config.h"

#define PEAL_DRAWNKEY_SIZE 32U

/*
 * Writes the path of a file with a key, which only this process can open.
 * @param key  PEAL_DRAWNKEY_SIZE bytes that two machines have agreed on; NULL = one is drawn
 * @return a descriptor to be closed when no node is left that reads it, or -1 with a sentence
 */
int peal_drawnkey_make(const uint8_t *key, char path_out[PEAL_CONFIG_PATH_SIZE_MAX + 1U],
	struct peal_sentence *error);

#endif
