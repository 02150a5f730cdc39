/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The client that order and cpg have alike: one node sends messages that all nodes deliver in one
 * order, and counts them when they are delivered to itself.
 *
 * First one message at a time: it leaves when the one before is back. Then as many as are accepted,
 * in rounds, until all are back. Each node keeps a sum over what it was given, in its order, and
 * who measured compares them. Results are in memory that all processes see; each field has one
 * writer.
 */
#ifndef PEAL_PEAL_BENCH_ORDEREDRUN_H
#define PEAL_PEAL_BENCH_ORDEREDRUN_H

#include "base/histogram.h"
#include "tools/peal-bench/benchargs.h"

#include <jansson.h>
#include <stdatomic.h>

#define PEAL_ORDEREDRUN_NODES_MAX  9U
#define PEAL_ORDEREDRUN_ROUNDS_MAX PEAL_BENCHARGS_RATES_MAX
#define PEAL_ORDEREDRUN_ROUND_NS   UINT64_C(250000000)

/* What one node was given. */
struct peal_orderedrun_sequence {
	_Alignas(64) _Atomic uint64_t count;
	uint64_t sum;                             /* of all of them, in this order */
	uint64_t next[PEAL_ORDEREDRUN_NODES_MAX]; /* number awaited of each sender */
	uint64_t wrong_count;                     /* not the next one of its sender */
	uint64_t bytes_count;
};

/* How a run came out. Zeroed memory. */
struct peal_orderedrun {
	struct peal_orderedrun_sequence sequences[PEAL_ORDEREDRUN_NODES_MAX];
	_Atomic uint64_t sent_count;
	_Atomic uint64_t done; /* of what is going on, for people */
	_Atomic uint64_t total;
	struct peal_histogram latency;
	uint32_t rounds_count;
	double rates[PEAL_ORDEREDRUN_ROUNDS_MAX];
	uint32_t pipelined_count;
	double pipelined[PEAL_ORDEREDRUN_ROUNDS_MAX];
};

/* How to send, in the process of the sender. */
struct peal_orderedrun_way {
	/* False: not now. */
	bool (*send)(void *state, const uint8_t *bytes, uint32_t size);
	/* Takes what was delivered; may sleep a little when there is nothing. False: it is over. */
	bool (*pump)(void *state, bool may_sleep);
	void *state;
};

void peal_orderedrun_init(struct peal_orderedrun *run);

/* Node `node` is given a message of `sender`: the number of its first eight bytes. */
void peal_orderedrun_take(struct peal_orderedrun *run, uint32_t node, uint32_t sender,
	const uint8_t *bytes, uint32_t size);

/* Deliveries of a node so far. */
static inline uint64_t
peal_orderedrun_count(const struct peal_orderedrun *run, uint32_t node)
{
	return atomic_load_explicit(&run->sequences[node].count, memory_order_acquire);
}

/* Sends `count` messages one at a time and keeps their times; as the first node. False: it is over.
 */
bool peal_orderedrun_one_by_one(struct peal_orderedrun *run, const struct peal_orderedrun_way *way,
	uint32_t size, uint64_t count);
/* The same without keeping them. */
bool peal_orderedrun_warm_up(struct peal_orderedrun *run, const struct peal_orderedrun_way *way,
	uint32_t size, uint64_t count);
/* One round of as many as are accepted. Its rate; 0 = it is over. */
double peal_orderedrun_flood(
	struct peal_orderedrun *run, const struct peal_orderedrun_way *way, uint32_t size);

/* Violations of one order: sums that differ, messages that are not the next, or are missing. */
uint64_t peal_orderedrun_violations(const struct peal_orderedrun *run, uint32_t nodes_count);

/* p50_ns and so on, messages_per_s, pipelined_messages_per_s where there are, violations, counts.
 */
void peal_orderedrun_to_json(struct peal_orderedrun *run, uint32_t nodes_count, json_t *root);

#endif
