/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What DPDK leaves outside the process, and what it says: runtime directory, huge pages, log.
 *
 * Main thread, but for clear, which is async-signal-safe.
 */
#ifndef PEAL_RUNTIME_EAL_FILES_H
#define PEAL_RUNTIME_EAL_FILES_H

#include "dataplane/dpdk/sentence.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Chooses the runtime directory that EAL will use for `prefix` and sees that nobody lives there.
 * Sets RUNTIME_DIRECTORY when EAL's own choice could not be written to.
 * @return false with a sentence when a running process answers on the telemetry socket there
 */
bool peal_eal_files_claim(const char *prefix, struct peal_sentence *error);

/* Of a path that is that of a socket, with its terminating zero. */
#define PEAL_EAL_FILES_PATH_SIZE_MAX 108U

/* The folder in which EAL makes one for each process: <root>/dpdk; "" when its name is too long. */
void peal_eal_files_find_folder(char path_out[PEAL_EAL_FILES_PATH_SIZE_MAX]);

/*
 * Removes what processes left that were killed: folders in `folder` named `stem`, the number of a
 * process that is no more, and perhaps more behind a dash, if nobody answers at the socket in it,
 * and nothing but that is in it. Returns how many.
 */
uint32_t peal_eal_files_sweep(const char *folder, const char *stem, const char *socket_name);

/* Removes the telemetry socket, and the directories that are empty then. */
void peal_eal_files_clear(void);

/* MiB of huge pages that are free, of all sizes. */
uint32_t peal_eal_files_huge_free_mb(void);

/* From now on DPDK's messages are kept back; the first of them, "" = none, as one line. */
void peal_eal_files_catch_log(void);
const char *peal_eal_files_kept_log(void);
/* From now on kept-back messages are printed on stderr. */
void peal_eal_files_pass_log(void);

#endif
