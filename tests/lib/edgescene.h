/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the tests of an edge share: one that was opened just now. `setup` is the set-up of each
 * test.
 */
#ifndef PEAL_TESTS_LIB_EDGESCENE_H
#define PEAL_TESTS_LIB_EDGESCENE_H

#include "membership/edge.h"
#include "tests/lib/cmocka_all.h"

static struct peal_timing timing;
static struct peal_edge edge;

static inline int
setup(void **state)
{
	(void)state;
	peal_edge_open(&edge, 0, 0);
	return peal_timing_find("dpdk", &timing) ? 0 : -1;
}

#endif
