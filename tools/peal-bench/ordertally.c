/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/ordertally.h"

uint64_t
peal_ordertally_sent(const struct peal_orderband_shared *shared, uint32_t ranks_count)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < ranks_count; i++) {
		sum += atomic_load(&shared->parts[i].sent_count);
	}
	return sum;
}

bool
peal_ordertally_is_done(const struct peal_orderband_shared *shared, uint32_t ranks_count)
{
	uint64_t number = atomic_load(&shared->phase_number);

	for (uint32_t i = 0; i < ranks_count; i++) {
		if (atomic_load(&shared->parts[i].done_phase) != number) {
			return false;
		}
	}
	return true;
}

void
peal_ordertally_begin(const struct peal_orderband_shared *shared, uint32_t ranks_count,
	struct peal_orderband_result *result_out)
{
	result_out->count = peal_ordertally_sent(shared, ranks_count);
	for (uint32_t i = 0; i < ranks_count; i++) {
		const struct peal_orderband_part *part = &shared->parts[i];

		result_out->cycles[i] = (double)atomic_load(&part->busy_cycles);
		result_out->frames[i] = (double)atomic_load(&part->frames_count);
	}
}

void
peal_ordertally_end(const struct peal_orderband_shared *shared, uint32_t ranks_count,
	struct peal_orderband_result *result)
{
	uint64_t count = peal_ordertally_sent(shared, ranks_count) - result->count;
	double divisor = count > 0 ? (double)count : 1.0;
	uint64_t began_at = UINT64_MAX, done_at = 0;

	result->count = count;
	for (uint32_t i = 0; i < ranks_count; i++) {
		const struct peal_orderband_part *part = &shared->parts[i];

		result->cycles[i] =
			((double)atomic_load(&part->busy_cycles) - result->cycles[i]) / divisor;
		result->frames[i] =
			((double)atomic_load(&part->frames_count) - result->frames[i]) / divisor;
		began_at = part->began_at < began_at ? part->began_at : began_at;
		done_at = part->done_at > done_at ? part->done_at : done_at;
	}
	result->seconds = (double)(done_at - began_at) / (double)shared->cycles_hz;
	result->per_s = result->seconds > 0 ? (double)count / result->seconds : 0;
}

static bool
is_whole(const struct peal_orderband_part *part)
{
	return atomic_load(&part->skips_count) == 0 && atomic_load(&part->lost_count) == 0;
}

uint64_t
peal_ordertally_violations(const struct peal_orderband_shared *shared, uint32_t ranks_count)
{
	const struct peal_orderband_part *first = NULL;
	uint64_t skips = peal_ordertally_skips(shared, ranks_count);
	uint64_t violations = 0;

	for (uint32_t i = 0; i < ranks_count; i++) {
		const struct peal_orderband_part *part = &shared->parts[i];

		if (!is_whole(part)) {
			continue;
		}
		first = first == NULL ? part : first;
		violations += part->sum != first->sum ||
			      atomic_load(&part->taken_count) != atomic_load(&first->taken_count);
		violations += skips == 0 ? part->wrong_count : 0;
	}
	return violations;
}

uint64_t
peal_ordertally_skips(const struct peal_orderband_shared *shared, uint32_t ranks_count)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < ranks_count; i++) {
		count += atomic_load(&shared->parts[i].skips_count) +
			 atomic_load(&shared->parts[i].lost_count);
	}
	return count;
}
