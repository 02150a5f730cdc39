/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/congestion.h"

#include "base/assert.h"
#include "base/limits.h"
#include "base/messagelimits.h"
#include "base/museum.h"

#define FRAME      PEAL_CONGESTION_FRAME
#define SIZE_MIN   (FRAME / PEAL_CONGESTION_WINDOW_PARTS)
#define SIZE_LIMIT (FRAME * PEAL_CONGESTION_WINDOW_MAX)
#define SIZE_FAR   (FRAME * PEAL_CONGESTION_WINDOW_FAR)
#define SIZE_FIRST (FRAME * PEAL_CONGESTION_WINDOW_FIRST)
/* Time-outs in a row after which nothing is known any more. paper: Swift, algorithm 1 */
#define TIMEOUTS_COUNT_MAX 5U

/*
 * By how much a window of 2^(i - 4) frames raises the target: (1 / sqrt(w) - 1 / 8) / (4 - 1 / 8),
 * in 1 / 1024 of the base; nothing from 64 frames on, all of it up to 1 / 16.
 */
static const uint16_t raises[] = {1024, 714, 495, 341, 231, 154, 99, 60, 33, 14, 0, 0};
#define RAISE_SIZE_MIN (FRAME / 16U)
#define RAISE_SIZE_MAX (FRAME * 64U)

void
peal_congestion_init(struct peal_congestion *congestion, uint64_t target_ns)
{
	PEAL_ASSERT(target_ns >= 1);
	*congestion = (struct peal_congestion){.target_ns = target_ns,
		.fabric = {.size = SIZE_FIRST},
		.host = {.size = SIZE_LIMIT},
		.size = SIZE_FIRST,
		.rtt_ns_min = UINT64_MAX};
}

void
peal_congestion_absolve(struct peal_congestion *congestion)
{
	if (congestion->size < SIZE_FIRST) {
		congestion->fabric.size = SIZE_FIRST;
		congestion->host.size = SIZE_LIMIT;
		congestion->size = SIZE_FIRST;
		congestion->send_at_ns = 0;
	}
	congestion->timeouts_count = 0;
}

void
peal_congestion_restart(struct peal_congestion *congestion, uint64_t target_ns)
{
	uint32_t flights_count = congestion->flights_count;

	peal_congestion_init(congestion, target_ns);
	congestion->flights_count = flights_count;
}

static uint64_t
smooth(uint64_t mean_ns, uint64_t sample_ns)
{
	return mean_ns - mean_ns / 8U + sample_ns / 8U;
}

uint64_t
peal_congestion_target_ns(const struct peal_congestion *congestion)
{
	uint64_t base_ns = congestion->target_ns;
	uint32_t size = congestion->fabric.size;
	uint32_t power;
	uint32_t raise;

	if (size >= RAISE_SIZE_MAX) {
		return base_ns;
	}
	if (size < RAISE_SIZE_MIN) {
		size = RAISE_SIZE_MIN;
	}
	/* Between two powers the raise runs straight. */
	power = 31U - (uint32_t)__builtin_clz(size);
	raise = raises[power - 6U] -
		((uint32_t)(raises[power - 6U] - raises[power - 5U]) * (size - (1U << power)) >>
			power);
	return base_ns + (base_ns * raise >> 10);
}

static void
set_size(struct peal_congestion *congestion)
{
	congestion->size = congestion->fabric.size < congestion->host.size ? congestion->fabric.size
									   : congestion->host.size;
}

static void
grow(struct peal_congestion_window *window, uint32_t arrived_count)
{
	const uint32_t size_max = SIZE_LIMIT;
	uint64_t size = window->size;

	size += size >= FRAME ? (uint64_t)FRAME * FRAME * arrived_count / size
			      : (uint64_t)FRAME * arrived_count;
	window->size = size < size_max ? (uint32_t)size : size_max;
}

/* At most once a round trip: until then the last change cannot have shown. */
static bool
shrink(struct peal_congestion *congestion, struct peal_congestion_window *window, uint32_t size,
	uint64_t now_ns)
{
	if (now_ns - window->shrunk_at_ns < congestion->rtt_ns || size >= window->size) {
		return false;
	}
	window->size = size;
	window->shrunk_at_ns = now_ns;
	set_size(congestion);
	return true;
}

/* One window against its own delay. */
static bool
steer(struct peal_congestion *congestion, struct peal_congestion_window *window, uint64_t delay_ns,
	uint64_t target_ns, uint64_t now_ns)
{
	bool is_far = window == &congestion->fabric && congestion->rtt_ns_min > target_ns;
	uint32_t size_min = is_far ? SIZE_FAR : SIZE_MIN;
	uint64_t by;

	if (delay_ns < target_ns) {
		return false;
	}
	by = (uint64_t)window->size * 4U * (delay_ns - target_ns) / (5U * delay_ns);
	by = by < window->size / 2U ? by : window->size / 2U;
	by = window->size - by > size_min ? window->size - by : size_min;
	return shrink(congestion, window, (uint32_t)by, now_ns);
}

/* The peer answers again, perhaps after time-outs. */
static void
end_silence(struct peal_congestion *congestion, const struct peal_congestion_news *news,
	uint64_t now_ns)
{
	if (__builtin_expect(congestion->timeouts_count > 0, 0) &&
		news->unseen_ns >= now_ns - congestion->silent_at_ns &&
		congestion->fabric.size < congestion->size_before && !PEAL_BUG(SLEEP_IS_FABRIC)) {
		congestion->fabric.size = congestion->size_before;
		congestion->send_at_ns = 0;
		set_size(congestion);
	}
	congestion->timeouts_count = 0;
}

bool
peal_congestion_on_ack(struct peal_congestion *congestion, const struct peal_congestion_news *news,
	uint64_t now_ns)
{
	/* A window that nobody fills says nothing about the path. */
	bool is_used = 2U * congestion->flights_count * FRAME >= congestion->size;
	uint64_t target_ns;
	uint64_t fabric_ns;
	bool is_shrunk;

	if (news->arrived_count > 0) {
		end_silence(congestion, news, now_ns);
	}
	if (news->rtt_ns == 0) {
		return false;
	}
	fabric_ns = PEAL_BUG(SLEEP_IS_FABRIC) ? 0 : news->unseen_ns;
	fabric_ns = fabric_ns > news->local_ns ? fabric_ns : news->local_ns;
	fabric_ns = news->rtt_ns > fabric_ns ? news->rtt_ns - fabric_ns : 1U;
	congestion->host_ns = smooth(congestion->host_ns, news->remote_ns + news->local_ns);
	congestion->rtt_ns =
		congestion->rtt_ns == 0
			? news->rtt_ns + news->remote_ns
			: smooth(congestion->rtt_ns, news->rtt_ns + news->remote_ns) + 1U;
	if (fabric_ns < congestion->rtt_ns_min) {
		congestion->rtt_ns_min = fabric_ns;
	}
	target_ns = peal_congestion_target_ns(congestion);
	if (PEAL_BUG(DELAY_IGNORED)) {
		fabric_ns = 1;
	}
	if (is_used && fabric_ns < target_ns) {
		grow(&congestion->fabric, news->arrived_count);
	}
	if (is_used && congestion->host_ns < PEAL_CONGESTION_HOST_TARGET_NS) {
		grow(&congestion->host, news->arrived_count);
	}
	is_shrunk = steer(congestion, &congestion->fabric, fabric_ns, target_ns, now_ns);
	is_shrunk |= steer(congestion, &congestion->host, congestion->host_ns,
		PEAL_CONGESTION_HOST_TARGET_NS, now_ns);
	set_size(congestion);
	return is_shrunk;
}

bool
peal_congestion_on_loss(struct peal_congestion *congestion, uint64_t now_ns)
{
	uint32_t half = congestion->fabric.size - congestion->fabric.size / 2U;

	return shrink(congestion, &congestion->fabric, half > SIZE_MIN ? half : SIZE_MIN, now_ns);
}

bool
peal_congestion_on_timeout(struct peal_congestion *congestion, uint64_t now_ns)
{
	if (congestion->timeouts_count == 0) {
		congestion->size_before = congestion->fabric.size;
		congestion->silent_at_ns = now_ns;
	}
	if (++congestion->timeouts_count < TIMEOUTS_COUNT_MAX) {
		return peal_congestion_on_loss(congestion, now_ns);
	}
	/* The way to the peer may be another when it answers again. */
	congestion->rtt_ns_min = UINT64_MAX;
	return shrink(congestion, &congestion->fabric, SIZE_MIN, now_ns);
}

uint64_t
peal_congestion_deadline_at_ns(const struct peal_congestion *congestion)
{
	return congestion->size < FRAME && congestion->flights_count == 0 ? congestion->send_at_ns
									  : UINT64_MAX;
}
