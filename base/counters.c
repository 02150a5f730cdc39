/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/counters.h"

#include <string.h>

struct description {
	const char *name_upper;
	const char *unit;
	const char *help;
};

static const struct description descriptions[PEAL_COUNTERS_COUNT] = {
#define PEAL_COUNTER(name, unit, help) [PEAL_COUNTER_##name] = {#name, unit, help},
#include "base/counters.def"
#undef PEAL_COUNTER
};

#define PEAL_COUNTER(name, unit, help)                                                             \
	_Static_assert(sizeof(#name) <= PEAL_COUNTER_NAME_SIZE_MAX + 1U, "too long a name");
#include "base/counters.def"
#undef PEAL_COUNTER

void
peal_counters_init(struct peal_counters *counters)
{
	for (uint32_t id = 0; id < PEAL_COUNTERS_COUNT; id++) {
		__atomic_store_n(&counters->values[id], 0, __ATOMIC_RELAXED);
	}
}

/* The list has the names in upper case, for the enum; people read them in lower case. */
static char names_lower[PEAL_COUNTERS_COUNT][PEAL_COUNTER_NAME_SIZE_MAX + 1U];

/* Before main, so that no thread ever sees half a name. */
__attribute__((constructor)) static void
fill_names(void)
{
	for (uint32_t id = 0; id < PEAL_COUNTERS_COUNT; id++) {
		const char *upper = descriptions[id].name_upper;

		for (size_t i = 0; upper[i] != '\0'; i++) {
			names_lower[id][i] = upper[i];
			if (upper[i] >= 'A' && upper[i] <= 'Z') {
				names_lower[id][i] = (char)(upper[i] - 'A' + 'a');
			}
		}
	}
}

const char *
peal_counter_name(enum peal_counter id)
{
	PEAL_ASSERT(id < PEAL_COUNTERS_COUNT);
	return names_lower[id];
}

const char *
peal_counter_unit(enum peal_counter id)
{
	PEAL_ASSERT(id < PEAL_COUNTERS_COUNT);
	return descriptions[id].unit;
}

const char *
peal_counter_help(enum peal_counter id)
{
	PEAL_ASSERT(id < PEAL_COUNTERS_COUNT);
	return descriptions[id].help;
}

bool
peal_counter_find(const char *name, enum peal_counter *id_out)
{
	for (uint32_t id = 0; id < PEAL_COUNTERS_COUNT; id++) {
		if (strcmp(peal_counter_name((enum peal_counter)id), name) == 0) {
			*id_out = (enum peal_counter)id;
			return true;
		}
	}
	return false;
}
