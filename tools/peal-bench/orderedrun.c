/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/orderedrun.h"

#include "base/assert.h"
#include "base/hash.h"
#include "tools/peal-bench/resultjson.h"

#include <string.h>
#include <time.h>

#define SECOND_NS UINT64_C(1000000000)
/* Sent at most before deliveries are looked at. */
#define BATCH_MAX 64U
/* What is missing for so long does not come any more. */
#define LOSS_NS (20U * SECOND_NS)

static uint64_t
read_now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

void
peal_orderedrun_init(struct peal_orderedrun *run)
{
	memset(run, 0, sizeof(*run));
	peal_histogram_reset(&run->latency);
}

void
peal_orderedrun_take(struct peal_orderedrun *run, uint32_t node, uint32_t sender,
	const uint8_t *bytes, uint32_t size)
{
	struct peal_orderedrun_sequence *sequence = &run->sequences[node];
	uint64_t number;

	PEAL_ASSERT(node < PEAL_ORDEREDRUN_NODES_MAX);
	PEAL_ASSERT(sender < PEAL_ORDEREDRUN_NODES_MAX && size >= sizeof(number));
	memcpy(&number, bytes, sizeof(number));
	sequence->wrong_count += number != sequence->next[sender];
	sequence->next[sender] = number + 1U;
	sequence->sum = peal_hash_mix(sequence->sum + number * PEAL_ORDEREDRUN_NODES_MAX + sender);
	sequence->bytes_count += size;
	/* Behind all of it, for who compares. */
	atomic_store_explicit(&sequence->count,
		atomic_load_explicit(&sequence->count, memory_order_relaxed) + 1U,
		memory_order_release);
}

/* True when the next message was accepted. */
static bool
send_next(struct peal_orderedrun *run, const struct peal_orderedrun_way *way, uint8_t *bytes,
	uint32_t size)
{
	uint64_t number = atomic_load_explicit(&run->sent_count, memory_order_relaxed);

	memcpy(bytes, &number, sizeof(number));
	if (!way->send(way->state, bytes, size)) {
		return false;
	}
	atomic_store_explicit(&run->sent_count, number + 1U, memory_order_relaxed);
	return true;
}

/* Until all that was sent is back. */
static bool
await_own(struct peal_orderedrun *run, const struct peal_orderedrun_way *way, uint64_t until_ns)
{
	uint64_t sent = atomic_load_explicit(&run->sent_count, memory_order_relaxed);
	uint32_t turns = 0;

	while (run->sequences[0].next[0] < sent) {
		if (!way->pump(way->state, true) ||
			((++turns & 0xFFU) == 0 && read_now_ns() > until_ns)) {
			return false;
		}
	}
	return true;
}

static bool
go_one_by_one(struct peal_orderedrun *run, const struct peal_orderedrun_way *way, uint32_t size,
	uint64_t count, bool is_kept)
{
	static uint8_t bytes[PEAL_BENCHARGS_SIZE_MAX];

	atomic_store(&run->total, count);
	for (uint64_t i = 0; i < count; i++) {
		uint64_t began_ns = read_now_ns();

		while (!send_next(run, way, bytes, size)) {
			if (!way->pump(way->state, true) || read_now_ns() - began_ns > LOSS_NS) {
				return false;
			}
		}
		if (!await_own(run, way, began_ns + LOSS_NS)) {
			return false;
		}
		if (is_kept) {
			peal_histogram_record(&run->latency, read_now_ns() - began_ns);
		}
		atomic_store_explicit(&run->done, i + 1U, memory_order_relaxed);
	}
	return true;
}

bool
peal_orderedrun_one_by_one(struct peal_orderedrun *run, const struct peal_orderedrun_way *way,
	uint32_t size, uint64_t count)
{
	return go_one_by_one(run, way, size, count, true);
}

bool
peal_orderedrun_warm_up(struct peal_orderedrun *run, const struct peal_orderedrun_way *way,
	uint32_t size, uint64_t count)
{
	return go_one_by_one(run, way, size, count, false);
}

double
peal_orderedrun_flood(
	struct peal_orderedrun *run, const struct peal_orderedrun_way *way, uint32_t size)
{
	static uint8_t bytes[PEAL_BENCHARGS_SIZE_MAX];
	uint64_t began_ns = read_now_ns(), now_ns = began_ns;
	uint64_t first = atomic_load_explicit(&run->sent_count, memory_order_relaxed);
	uint64_t count;

	while (now_ns - began_ns < PEAL_ORDEREDRUN_ROUND_NS) {
		uint32_t batch = 0;

		while (batch < BATCH_MAX && send_next(run, way, bytes, size)) {
			batch++;
		}
		if (!way->pump(way->state, batch == 0)) {
			return 0;
		}
		now_ns = read_now_ns();
	}
	if (!await_own(run, way, now_ns + LOSS_NS)) {
		return 0;
	}
	count = atomic_load_explicit(&run->sent_count, memory_order_relaxed) - first;
	return (double)count * 1e9 / (double)(read_now_ns() - began_ns);
}

uint64_t
peal_orderedrun_violations(const struct peal_orderedrun *run, uint32_t nodes_count)
{
	uint64_t violations = 0;

	for (uint32_t i = 0; i < nodes_count; i++) {
		const struct peal_orderedrun_sequence *own = &run->sequences[i];
		const struct peal_orderedrun_sequence *first = &run->sequences[0];

		violations += own->wrong_count;
		violations += own->sum != first->sum ||
			      peal_orderedrun_count(run, i) != peal_orderedrun_count(run, 0);
	}
	return violations;
}

void
peal_orderedrun_to_json(struct peal_orderedrun *run, uint32_t nodes_count, json_t *root)
{
	peal_resultjson_put_spread(root, "", &run->latency);
	(void)peal_resultjson_put_values(root, "messages_per_s", run->rates, run->rounds_count);
	if (run->pipelined_count > 0) {
		(void)peal_resultjson_put_values(
			root, "pipelined_messages_per_s", run->pipelined, run->pipelined_count);
	}
	json_object_set_new(
		root, "ordered", json_integer((json_int_t)peal_orderedrun_count(run, 0)));
	json_object_set_new(root, "violations",
		json_integer((json_int_t)peal_orderedrun_violations(run, nodes_count)));
}
