/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/benchlib/stopwatch.h"

#include "dataplane/channels.h"
#include "dataplane/egress.h"

#include <stdlib.h>
#include <x86intrin.h>

#define CLOCK_RUNS    100U
#define CLOCK_BATCHES 1001U

struct peal_stopwatch peal_stopwatch;

const char *
peal_stopwatch_name(enum peal_stopwatch_stage stage)
{
	static const char *const names[PEAL_STOPWATCH_STAGES_COUNT] = {
		"port", "frame", "aead", "channel", "delivery"};

	PEAL_ASSERT((uint32_t)stage < PEAL_STOPWATCH_STAGES_COUNT);
	return names[stage];
}

void
peal_stopwatch_hand_over(void)
{
	enum peal_stopwatch_stage stage = peal_stopwatch.stages[peal_stopwatch.depth];
	uint64_t now = __rdtsc();

	peal_stopwatch.cycles[stage] += now - peal_stopwatch.since;
	peal_stopwatch.spans_count[stage]++;
	peal_stopwatch.since = now;
}

static int
compare(const void *a, const void *b)
{
	double left = *(const double *)a;
	double right = *(const double *)b;

	return left < right ? -1 : left > right;
}

double
peal_stopwatch_find_cost(void)
{
	double samples[CLOCK_BATCHES];

	for (uint32_t i = 0; i < CLOCK_BATCHES; i++) {
		uint64_t before = __rdtsc();

		for (uint32_t j = 0; j < CLOCK_RUNS; j++) {
			peal_stopwatch_enter(PEAL_STOPWATCH_PORT);
			peal_stopwatch_leave();
		}
		samples[i] = (double)(__rdtsc() - before) / (2.0 * CLOCK_RUNS);
	}
	qsort(samples, CLOCK_BATCHES, sizeof(samples[0]), compare);
	return samples[CLOCK_BATCHES / 2U];
}

/* By the names that the linker gives to both ends of a call that it leads through here. */
uint32_t run_really(struct peal_channels *channels, uint64_t now_ns) __asm__(
	"__real_peal_channels_run");
uint32_t run_timed(struct peal_channels *channels, uint64_t now_ns) __asm__(
	"__wrap_peal_channels_run");
void take_really(struct peal_channels *channels, const struct peal_opened *opened,
	uint64_t now_ns) __asm__("__real_peal_channels_on_frame");
void take_timed(struct peal_channels *channels, const struct peal_opened *opened,
	uint64_t now_ns) __asm__("__wrap_peal_channels_on_frame");
uint8_t *begin_really(struct peal_egress *egress, struct peal_packet *packet_out) __asm__(
	"__real_peal_egress_begin");
uint8_t *begin_timed(struct peal_egress *egress, struct peal_packet *packet_out) __asm__(
	"__wrap_peal_egress_begin");
void end_really(struct peal_egress *egress, const struct peal_packet *packet, uint16_t slot,
	uint8_t shard, uint8_t kind, uint16_t size) __asm__("__real_peal_egress_end");
void end_timed(struct peal_egress *egress, const struct peal_packet *packet, uint16_t slot,
	uint8_t shard, uint8_t kind, uint16_t size) __asm__("__wrap_peal_egress_end");

void end_rest_really(struct peal_egress *egress, const struct peal_packet *packet, uint16_t slot,
	uint8_t shard, uint8_t kind, uint16_t size,
	const struct peal_egress_rest *rest) __asm__("__real_peal_egress_end_rest");
void end_rest_timed(struct peal_egress *egress, const struct peal_packet *packet, uint16_t slot,
	uint8_t shard, uint8_t kind, uint16_t size,
	const struct peal_egress_rest *rest) __asm__("__wrap_peal_egress_end_rest");
uint32_t make_really(struct peal_channel_tx *tx, struct peal_channel_msg *message_out,
	uint8_t *data_out, struct peal_channel_rest *rest_out,
	uint64_t now_ns) __asm__("__real_peal_channel_tx_make_parts");
uint32_t make_wrapped(struct peal_channel_tx *tx, struct peal_channel_msg *message_out,
	uint8_t *data_out, struct peal_channel_rest *rest_out,
	uint64_t now_ns) __asm__("__wrap_peal_channel_tx_make_parts");

uint32_t
run_timed(struct peal_channels *channels, uint64_t now_ns)
{
	uint32_t count;

	peal_stopwatch_enter(PEAL_STOPWATCH_CHANNEL);
	count = run_really(channels, now_ns);
	peal_stopwatch_leave();
	return count;
}

void
take_timed(struct peal_channels *channels, const struct peal_opened *opened, uint64_t now_ns)
{
	peal_stopwatch_enter(PEAL_STOPWATCH_CHANNEL);
	take_really(channels, opened, now_ns);
	peal_stopwatch_leave();
}

uint8_t *
begin_timed(struct peal_egress *egress, struct peal_packet *packet_out)
{
	uint8_t *body;

	peal_stopwatch_enter(PEAL_STOPWATCH_FRAME);
	body = begin_really(egress, packet_out);
	peal_stopwatch_leave();
	return body;
}

void
end_timed(struct peal_egress *egress, const struct peal_packet *packet, uint16_t slot,
	uint8_t shard, uint8_t kind, uint16_t size)
{
	peal_stopwatch_enter(PEAL_STOPWATCH_FRAME);
	end_really(egress, packet, slot, shard, kind, size);
	peal_stopwatch_leave();
}

void
end_rest_timed(struct peal_egress *egress, const struct peal_packet *packet, uint16_t slot,
	uint8_t shard, uint8_t kind, uint16_t size, const struct peal_egress_rest *rest)
{
	peal_stopwatch_enter(PEAL_STOPWATCH_FRAME);
	end_rest_really(egress, packet, slot, shard, kind, size, rest);
	peal_stopwatch_leave();
}

uint32_t
make_wrapped(struct peal_channel_tx *tx, struct peal_channel_msg *message_out, uint8_t *data_out,
	struct peal_channel_rest *rest_out, uint64_t now_ns)
{
	if (peal_stopwatch.is_two_passes) {
		rest_out->size = 0;
		return peal_channel_tx_make(tx, message_out, data_out, now_ns);
	}
	return make_really(tx, message_out, data_out, rest_out, now_ns);
}
