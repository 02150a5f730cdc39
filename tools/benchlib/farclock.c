/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/benchlib/farclock.h"

#include "base/assert.h"

/* By how much the other clock is ahead at least and at most. */
static double
find_low(const struct peal_farclock_probe *probe)
{
	return (double)(int64_t)(probe->answered_at_ns - probe->back_at_ns);
}

static double
find_high(const struct peal_farclock_probe *probe)
{
	return (double)(int64_t)(probe->came_at_ns - probe->left_at_ns);
}

static const struct peal_farclock_probe *
find_tightest(const struct peal_farclock_probe *probes, uint64_t count)
{
	const struct peal_farclock_probe *best = &probes[0];

	for (uint64_t i = 1; i < count; i++) {
		if (find_high(&probes[i]) - find_low(&probes[i]) <
			find_high(best) - find_low(best)) {
			best = &probes[i];
		}
	}
	return best;
}

static double
find_ahead(const struct peal_farclock *clock, uint64_t at_ns)
{
	return clock->ahead_ns + clock->drift * (double)(int64_t)(at_ns - clock->from_ns);
}

void
peal_farclock_fit(struct peal_farclock *clock_out, const struct peal_farclock_probe *probes,
	uint64_t count, uint64_t before_count, uint64_t after_count)
{
	const struct peal_farclock_probe *first, *last;
	double first_half, last_half, first_ahead, last_ahead, outside = 0.0;

	PEAL_ASSERT(before_count >= 1 && after_count >= 1 && before_count + after_count <= count);
	first = find_tightest(probes, before_count);
	last = find_tightest(probes + (count - after_count), after_count);
	first_half = (find_high(first) - find_low(first)) / 2.0;
	last_half = (find_high(last) - find_low(last)) / 2.0;
	first_ahead = find_low(first) + first_half;
	last_ahead = find_low(last) + last_half;
	*clock_out = (struct peal_farclock){.from_ns = first->came_at_ns, .ahead_ns = first_ahead};
	if (last->came_at_ns > first->came_at_ns) {
		clock_out->drift =
			(last_ahead - first_ahead) / (double)(last->came_at_ns - first->came_at_ns);
	}
	for (uint64_t i = 0; i < count; i++) {
		double ahead = find_ahead(clock_out, probes[i].came_at_ns);
		double below = find_low(&probes[i]) - ahead, above = ahead - find_high(&probes[i]);

		outside = below > outside ? below : outside;
		outside = above > outside ? above : outside;
	}
	clock_out->error_ns = (first_half > last_half ? first_half : last_half) + outside;
}

double
peal_farclock_translate(const struct peal_farclock *clock, uint64_t at_ns)
{
	return (double)(int64_t)(at_ns - clock->from_ns) + (double)clock->from_ns -
	       find_ahead(clock, at_ns);
}
