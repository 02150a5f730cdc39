/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/museum.h"

#include "base/assert.h"

static const struct peal_museum_piece pieces[PEAL_BUGS_COUNT] = {
	[PEAL_BUG_NONE] = {"none", "", 0, "nothing is planted"},
#define PEAL_MUSEUM(name, scenario, nodes_count, what)                                             \
	[PEAL_BUG_##name] = {#name, scenario, nodes_count, what},
#include "base/museum.def"
#undef PEAL_MUSEUM
};

#ifdef PEAL_WITH_MUSEUM
enum peal_bug peal_museum_planted = PEAL_BUG_NONE;

bool
peal_museum_plant(enum peal_bug bug)
{
	PEAL_ASSERT(bug < PEAL_BUGS_COUNT);
	peal_museum_planted = bug;
	return true;
}
#else
bool
peal_museum_plant(enum peal_bug bug)
{
	PEAL_ASSERT(bug < PEAL_BUGS_COUNT);
	return false;
}
#endif

const struct peal_museum_piece *
peal_museum_piece(enum peal_bug bug)
{
	PEAL_ASSERT(bug < PEAL_BUGS_COUNT);
	return &pieces[bug];
}

static int
to_lower(int letter)
{
	return letter >= 'A' && letter <= 'Z' ? letter - 'A' + 'a' : letter;
}

static bool
is_same_name(const char *a, const char *b)
{
	while (*a != '\0' && to_lower(*a) == to_lower(*b)) {
		a++;
		b++;
	}
	return *a == *b;
}

bool
peal_museum_find(const char *name, enum peal_bug *bug_out)
{
	for (uint32_t i = 1; i < PEAL_BUGS_COUNT; i++) {
		if (is_same_name(pieces[i].name, name)) {
			*bug_out = (enum peal_bug)i;
			return true;
		}
	}
	return false;
}
