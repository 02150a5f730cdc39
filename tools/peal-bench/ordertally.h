/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the ranks of an order group (orderband.h) have written of themselves, summed up: how far
 * they are, what a phase cost, and whether they had one order.
 *
 * Reads the memory that all ranks share, of which the first `ranks_count` parts are in use. Main
 * thread. A phase is over, and begin, end and violations say what is so, only when is_done.
 */
#ifndef PEAL_PEAL_BENCH_ORDERTALLY_H
#define PEAL_PEAL_BENCH_ORDERTALLY_H

#include "tools/peal-bench/orderband.h"

/* Messages accepted from all senders, in all phases. */
uint64_t peal_ordertally_sent(const struct peal_orderband_shared *shared, uint32_t ranks_count);
/* True when each rank has all messages of the phase that runs. */
bool peal_ordertally_is_done(const struct peal_orderband_shared *shared, uint32_t ranks_count);

/* Before a phase, and after it: `result` then holds what is different. */
void peal_ordertally_begin(const struct peal_orderband_shared *shared, uint32_t ranks_count,
	struct peal_orderband_result *result_out);
void peal_ordertally_end(const struct peal_orderband_shared *shared, uint32_t ranks_count,
	struct peal_orderband_result *result);

/* See peal_orderband_violations, peal_orderband_skips. */
uint64_t peal_ordertally_violations(
	const struct peal_orderband_shared *shared, uint32_t ranks_count);
uint64_t peal_ordertally_skips(const struct peal_orderband_shared *shared, uint32_t ranks_count);

#endif
