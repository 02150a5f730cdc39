/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the tests of the control half share: some nodes that have become one group.
 */
#ifndef PEAL_TESTS_LIB_NETSCENE_H
#define PEAL_TESTS_LIB_NETSCENE_H

#include "tests/lib/cmocka_all.h"
#include "tests/lib/fakenet.h"

#define MS UINT64_C(1000000)

/* A cold start, of which everybody knows how many there are. */
static inline struct peal_fakenet *
form(uint32_t nodes_count)
{
	struct peal_fakenet *net = peal_fakenet_create(nodes_count,
		nodes_count < 3 ? (uint8_t)nodes_count : 3, (uint8_t)nodes_count, "dpdk");

	peal_fakenet_run(net, net->now_ns + 5000 * MS);
	assert_true(peal_fakenet_agrees(net, nodes_count));
	return net;
}

#endif
