/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/clientrights.h"

#include <string.h>

const struct peal_clientrights peal_clientrights_all = {.acts = PEAL_CLIENT_MAY_ALL};

bool
peal_clientrights_add(struct peal_clientrights *rights, const char *pattern)
{
	struct peal_procgroup_name *added;
	size_t size = strlen(pattern);

	if (rights->patterns_count == PEAL_CLIENTRIGHTS_PATTERNS_MAX ||
		size > PEAL_PROCGROUP_NAME_SIZE_MAX ||
		!peal_procgroup_name_is_good((const uint8_t *)pattern, (uint32_t)size)) {
		return false;
	}
	added = &rights->patterns[rights->patterns_count++];
	added->size = (uint8_t)size;
	memcpy(added->bytes, pattern, size);
	return true;
}

/*
 * Goes through both from the left. Where they differ, the last star takes one character more; those
 * before it need not be tried again, for the last one could take what they would.
 */
static bool
fits(const struct peal_procgroup_name *pattern, const struct peal_procgroup_name *name)
{
	uint32_t at = 0, name_at = 0, star = UINT32_MAX, star_name_at = 0;

	while (name_at < name->size) {
		if (at < pattern->size && pattern->bytes[at] == '*') {
			star = at++;
			star_name_at = name_at;
		} else if (at < pattern->size && pattern->bytes[at] == name->bytes[name_at]) {
			at++;
			name_at++;
		} else if (star != UINT32_MAX) {
			at = star + 1U;
			name_at = ++star_name_at;
		} else {
			return false;
		}
	}
	while (at < pattern->size && pattern->bytes[at] == '*') {
		at++;
	}
	return at == pattern->size;
}

bool
peal_clientrights_may_join(
	const struct peal_clientrights *rights, const struct peal_procgroup_name *name)
{
	bool is_fit = rights->patterns_count == 0;

	for (uint32_t i = 0; i < rights->patterns_count && !is_fit; i++) {
		is_fit = fits(&rights->patterns[i], name);
	}
	return is_fit && (rights->acts & PEAL_CLIENT_MAY_GROUPS) != 0;
}
