/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/benchargs.h"

#include "base/assert.h"

#include <string.h>

const char *
peal_benchargs_link_name(enum peal_benchargs_link link)
{
	static const char *const names[PEAL_BENCHARGS_LINKS_COUNT] = {
		"ring", "af_packet", "memif", "vhost", "far"};

	PEAL_ASSERT((uint32_t)link < PEAL_BENCHARGS_LINKS_COUNT);
	return names[link];
}

bool
peal_benchargs_is_split(enum peal_benchargs_link link)
{
	return link == PEAL_BENCHARGS_MEMIF || link == PEAL_BENCHARGS_VHOST ||
	       link == PEAL_BENCHARGS_FAR;
}

const char *
peal_benchargs_idle_name(enum peal_idle_role idle)
{
	return idle == PEAL_IDLE_DEDICATED ? "spin" : "shared";
}

FILE *
peal_benchargs_text_file(const struct peal_benchargs *args)
{
	bool is_taken = args->json_path != NULL && strcmp(args->json_path, "-") == 0;

	if (args->is_quiet) {
		return NULL;
	}
	return is_taken ? stderr : stdout;
}
