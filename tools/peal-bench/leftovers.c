/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/leftovers.h"

#include "runtime/eal_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STEM "peal-bench-"
/* Of the name of a directory, so that the name of a socket in it is one: 108 bytes. */
#define PLACE_SIZE_MAX 64U

const char *
peal_leftovers_place(void)
{
	const char *place = getenv("TMPDIR");

	return place != NULL && strlen(place) <= PLACE_SIZE_MAX ? place : "/tmp";
}

void
peal_leftovers_name(char *name_out, size_t capacity)
{
	(void)snprintf(
		name_out, capacity, "%s/" STEM "%d-XXXXXX", peal_leftovers_place(), (int)getpid());
}

void
peal_leftovers_sweep(void)
{
	char dpdk[PEAL_EAL_FILES_PATH_SIZE_MAX];

	peal_eal_files_find_folder(dpdk);
	if (peal_eal_files_sweep(dpdk, STEM, "dpdk_telemetry.v2") > 0) {
		(void)rmdir(dpdk);
	}
	(void)peal_eal_files_sweep(peal_leftovers_place(), STEM, "socket");
}
