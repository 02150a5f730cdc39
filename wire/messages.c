/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/messages.h"

#include <stddef.h>

const bool peal_message_known[UINT8_MAX + 1] = {
#define PEAL_MESSAGE(name, number, handler) [number] = true,
#include "wire/messages.def"
#undef PEAL_MESSAGE
};

static const char *const names_upper[UINT8_MAX + 1] = {
#define PEAL_MESSAGE(name, number, handler) [number] = #name,
#include "wire/messages.def"
#undef PEAL_MESSAGE
};

#define NAME_SIZE_MAX 23U

#define PEAL_MESSAGE(name, number, handler)                                                        \
	_Static_assert(sizeof(#name) <= NAME_SIZE_MAX + 1U, "too long a name");
#include "wire/messages.def"
#undef PEAL_MESSAGE

static char names_lower[UINT8_MAX + 1][NAME_SIZE_MAX + 1U];

/* Before main, so that no thread ever sees half a name. */
__attribute__((constructor)) static void
fill_names(void)
{
	for (size_t kind = 0; kind <= UINT8_MAX; kind++) {
		const char *upper = names_upper[kind] == NULL ? "unknown" : names_upper[kind];

		for (size_t i = 0; upper[i] != '\0'; i++) {
			names_lower[kind][i] = upper[i];
			if (upper[i] >= 'A' && upper[i] <= 'Z') {
				names_lower[kind][i] = (char)(upper[i] - 'A' + 'a');
			}
		}
	}
}

const char *
peal_message_name(uint8_t kind)
{
	return names_lower[kind];
}
