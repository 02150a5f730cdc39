/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/argtext.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool
peal_argtext_read_number(const char *text, uint64_t min, uint64_t max, uint64_t *value_out)
{
	char *end = NULL;

	errno = 0;
	*value_out = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0' && text[0] >= '0' && text[0] <= '9' &&
	       *value_out >= min && *value_out <= max;
}

bool
peal_argtext_has_ending(const char *path, const char *ending)
{
	size_t size = strlen(path), ending_size = strlen(ending);

	return size > ending_size && strcmp(path + size - ending_size, ending) == 0;
}

bool
peal_argtext_refuse(
	struct peal_sentence *error, const char *option, const char *value, const char *expected)
{
	return peal_sentence_set(error, "%s %s: expected %s", option, value, expected);
}
