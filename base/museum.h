/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The bug museum: known mistakes, planted where they belong, and switched off.
 *
 * PEAL_BUG(NAME) is false, at compile time, in every build but one that is made to test the
 * simulator
 * (-Dmuseum=true); there it is true for the one bug that peal_museum_plant chose. So a rule that
 * guards against a known mistake is marked where it stands, and a test shows that it is needed.
 */
#ifndef PEAL_BASE_MUSEUM_H
#define PEAL_BASE_MUSEUM_H

#include <stdbool.h>
#include <stdint.h>

enum peal_bug {
	PEAL_BUG_NONE = 0,
#define PEAL_MUSEUM(name, scenario, nodes_count, what) PEAL_BUG_##name,
#include "base/museum.def"
#undef PEAL_MUSEUM
	PEAL_BUGS_COUNT
};

struct peal_museum_piece {
	const char *name;     /* any case finds it */
	const char *scenario; /* of sim/scenario.h */
	uint16_t nodes_count; /* in that scenario; 0 = as many as it says */
	const char *what;     /* one sentence */
};

#ifdef PEAL_WITH_MUSEUM
/* Private: the bug of this process. */
extern enum peal_bug peal_museum_planted;
#define PEAL_BUG(name) (peal_museum_planted == PEAL_BUG_##name)
#else
#define PEAL_BUG(name) false
#endif

/* Plants a bug, or none. False: this build has no museum. Before anything else runs. */
bool peal_museum_plant(enum peal_bug bug);
/* What is known about a bug, [1, PEAL_BUGS_COUNT). Static. */
const struct peal_museum_piece *peal_museum_piece(enum peal_bug bug);
/* The bug of a name. False: there is none. */
bool peal_museum_find(const char *name, enum peal_bug *bug_out);

#endif
