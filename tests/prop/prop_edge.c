/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The detectors of an edge against dumb twins that keep every event and count anew each time; and
 * what they make of a network that loses at random: the table of docs/TESTING.md.
 */
#include "membership/edge.h"

#include "base/limits.h"
#include "base/prng.h"
#include "tests/lib/cmocka_all.h"

#include <stdlib.h>

#define EVENTS_MAX 300U
#define GRACE_NS   UINT64_C(2000000000)

static struct peal_timing timing;
static struct peal_edge edge;
static struct peal_prng prng;
static uint64_t seeds_count = 2000;

enum event_kind {
	EVENT_ECHO,
	EVENT_SILENCE,
	EVENT_SKIP,
	EVENT_FORGET,
};

struct event {
	enum event_kind kind;
	uint64_t at_ns;
};

static struct event events[EVENTS_MAX];

/* Failed probes among the last of a window, since the last time that all was forgotten. */
static uint32_t
count_failed(uint32_t events_count)
{
	uint32_t outcomes_count = 0;
	uint32_t failed_count = 0;

	for (uint32_t i = events_count; i > 0 && events[i - 1U].kind != EVENT_FORGET &&
					outcomes_count < timing.probe_window_count;
		i--) {
		outcomes_count += events[i - 1U].kind == EVENT_SKIP ? 0 : 1U;
		failed_count += events[i - 1U].kind == EVENT_SILENCE ? 1U : 0;
	}
	return failed_count;
}

/* Microseconds in silence since the last echo, as instants in whole microseconds tell. */
static uint64_t
count_silence_us(uint32_t events_count)
{
	uint64_t silent_us = 0;
	uint64_t last_ns = 0;

	for (uint32_t i = 0; i < events_count; i++) {
		if (events[i].kind == EVENT_ECHO || events[i].kind == EVENT_FORGET) {
			silent_us = 0;
		} else if (events[i].kind == EVENT_SILENCE) {
			silent_us += events[i].at_ns / 1000U - last_ns / 1000U;
		}
		last_ns = events[i].at_ns;
	}
	return silent_us;
}

static bool
twin_fails(uint32_t events_count)
{
	if (timing.detector == PEAL_DETECTOR_WINDOW) {
		return count_failed(events_count) >= timing.probe_failed_count;
	}
	return count_silence_us(events_count) * 1000U >= timing.silence_ns;
}

static void
tell(const struct event *event)
{
	switch (event->kind) {
	case EVENT_ECHO:
		peal_edge_on_echo(&edge, &timing, event->at_ns);
		break;
	case EVENT_SILENCE:
		peal_edge_on_silence(&edge, &timing, event->at_ns);
		break;
	case EVENT_SKIP:
		peal_edge_skip(&edge, event->at_ns);
		break;
	case EVENT_FORGET:
		peal_edge_forget(&edge, event->at_ns);
		break;
	}
}

/* One edge, in any order of events, with a grace now and then and epochs that begin. */
static void
compare_one(uint64_t seed)
{
	uint32_t lost_tenths = 1U + (uint32_t)(seed % 6U);
	uint64_t grace_until_ns = seed % 3U == 0 ? GRACE_NS : 0;
	uint64_t now_ns = 0;
	bool was_heard = false;
	bool is_failed = false;

	timing.probe_window_count = 2U + (uint32_t)peal_prng_below(&prng, 31);
	timing.probe_failed_count =
		1U + (uint32_t)peal_prng_below(&prng, timing.probe_window_count);
	assert_true(peal_timing_set_silence(
		&timing, timing.probe_interval_ns *
				 (2U + peal_prng_below(&prng, timing.probe_window_count - 1U))));
	peal_edge_open(&edge, grace_until_ns, 0);
	for (uint32_t i = 0; i < EVENTS_MAX; i++) {
		bool is_lost = peal_prng_ratio(&prng, lost_tenths, 10);

		now_ns += timing.probe_interval_ns / 2U +
			  peal_prng_below(&prng, timing.probe_interval_ns);
		events[i] = (struct event){is_lost ? EVENT_SILENCE : EVENT_ECHO, now_ns};
		if (peal_prng_ratio(&prng, 1, 10)) {
			events[i].kind = peal_prng_ratio(&prng, 1, 4) ? EVENT_FORGET : EVENT_SKIP;
		}
		tell(&events[i]);
		was_heard = was_heard || events[i].kind == EVENT_ECHO;
		if (events[i].kind == EVENT_SILENCE && !was_heard && now_ns < grace_until_ns) {
			events[i].kind = EVENT_SKIP; /* it counts for nothing */
		}
		is_failed = is_failed || (events[i].kind == EVENT_SILENCE && twin_fails(i + 1U));
		if (peal_prng_ratio(&prng, 1, 30)) {
			peal_edge_renew(&edge, &timing);
			is_failed = twin_fails(i + 1U);
		}
		assert_int_equal(edge.is_failed, is_failed);
		if (!is_failed) {
			assert_int_equal(peal_edge_verdict(&edge),
				count_failed(i + 1U) > 0 ? PEAL_VERDICT_SUSPECT : PEAL_VERDICT_OK);
		}
	}
}

static void
prop_edge__the_window_is_a_list_of_outcomes(void **state)
{
	(void)state;
	assert_true(peal_timing_find("dpdk", &timing));
	for (uint64_t seed = 1; seed <= seeds_count; seed++) {
		peal_prng_init(&prng, seed);
		compare_one(seed);
	}
}

static void
prop_edge__silence_is_a_sum_of_times(void **state)
{
	(void)state;
	assert_true(peal_timing_find("dpdk", &timing));
	assert_true(peal_timing_set_detector(&timing, PEAL_DETECTOR_SILENCE));
	for (uint64_t seed = 1; seed <= seeds_count; seed++) {
		peal_prng_init(&prng, seed);
		compare_one(seed);
	}
}

/* Whoever is silent for longer is never less suspicious, after any past. */
static void
prop_edge__phi_never_takes_back_in_silence(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= seeds_count; seed++) {
		uint64_t now_ns = 0;
		uint32_t failed_at = 0;

		assert_true(peal_timing_find("cloud", &timing));
		assert_true(peal_timing_set_detector(&timing, PEAL_DETECTOR_PHI));
		peal_prng_init(&prng, seed);
		peal_edge_open(&edge, 0, 0);
		for (uint32_t i = 0; i < 100; i++) {
			now_ns +=
				peal_prng_below(&prng, (1U + seed % 5U) * timing.probe_interval_ns);
			peal_edge_on_echo(&edge, &timing, now_ns);
		}
		for (uint32_t probe = 1; probe <= 2U * timing.probe_window_count; probe++) {
			now_ns += timing.probe_interval_ns * 9U / 10U +
				  peal_prng_below(&prng, timing.probe_interval_ns / 5U);
			peal_edge_on_silence(&edge, &timing, now_ns);
			failed_at = edge.is_failed && failed_at == 0 ? probe : failed_at;
			peal_edge_renew(&edge, &timing);
			assert_int_equal(edge.is_failed, failed_at != 0);
		}
		/* Not before the pause that it bears, and not after a window of intervals. */
		assert_in_range(failed_at, 4, 12);
	}
}

/* ---- the table ---- */

#define TABLE_PROBES 1000U
#define TABLE_EDGES  2000U

static const uint32_t losses[] = {10, 20, 50, 100, 200, 300};

#define LOSSES_COUNT (sizeof(losses) / sizeof(losses[0]))

/* Of edges to healthy peers, how many are FAILED after so many probes, in tenths of a per cent. */
static uint32_t
find_false_permille(uint32_t lost_permille)
{
	uint64_t interval_ns = timing.probe_interval_ns;
	uint32_t failed_count = 0;

	for (uint32_t i = 0; i < TABLE_EDGES; i++) {
		uint64_t now_ns = 0;

		peal_edge_open(&edge, 0, 0);
		for (uint32_t probe = 0; probe < TABLE_PROBES && !edge.is_failed; probe++) {
			uint64_t next_ns = now_ns + interval_ns * 9U / 10U +
					   peal_prng_below(&prng, interval_ns / 5U);

			if (peal_prng_ratio(&prng, lost_permille, 1000)) {
				peal_edge_on_silence(&edge, &timing, next_ns);
			} else {
				peal_edge_on_echo(&edge, &timing, now_ns + interval_ns / 500U);
			}
			now_ns = next_ns;
		}
		failed_count += edge.is_failed ? 1U : 0;
	}
	return failed_count * 1000U / TABLE_EDGES;
}

static void
prop_edge__false_verdicts_by_loss(void **state)
{
	uint32_t found[PEAL_DETECTOR_SILENCE + 1][LOSSES_COUNT];

	(void)state;
	peal_prng_init(&prng, 1);
	print_message(
		"# edges to healthy peers FAILED after %u probes, %%, by loss of round trips\n",
		TABLE_PROBES);
	for (enum peal_detector detector = PEAL_DETECTOR_WINDOW; detector <= PEAL_DETECTOR_SILENCE;
		detector++) {
		assert_true(peal_timing_find("cloud", &timing));
		assert_true(peal_timing_set_detector(&timing, detector));
		print_message("# %-8s", peal_detector_name(detector));
		for (uint32_t i = 0; i < LOSSES_COUNT; i++) {
			found[detector][i] = find_false_permille(losses[i]);
			print_message("  %u %%: %u.%u", losses[i] / 10U, found[detector][i] / 10U,
				found[detector][i] % 10U);
			/* More loss, more of them. */
			assert_true(i == 0 || found[detector][i] >= found[detector][i - 1U]);
		}
		print_message("\n");
	}
	for (uint32_t i = 0; i < LOSSES_COUNT; i++) {
		/* phi waits for more when more is lost; four in a row are rarer than four of ten.
		 */
		assert_true(found[PEAL_DETECTOR_PHI][i] <= found[PEAL_DETECTOR_SILENCE][i]);
		assert_true(found[PEAL_DETECTOR_SILENCE][i] <= found[PEAL_DETECTOR_WINDOW][i]);
	}
	/* One in a hundred lost: by any of them less than one edge in a hundred. */
	for (uint32_t detector = 0; detector <= PEAL_DETECTOR_SILENCE; detector++) {
		assert_true(found[detector][0] <= 10);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prop_edge__the_window_is_a_list_of_outcomes),
		cmocka_unit_test(prop_edge__silence_is_a_sum_of_times),
		cmocka_unit_test(prop_edge__phi_never_takes_back_in_silence),
		cmocka_unit_test(prop_edge__false_verdicts_by_loss),
	};
	const char *seeds = getenv("PEAL_SEEDS");

	if (seeds != NULL) {
		seeds_count = strtoull(seeds, NULL, 10);
	}
	return cmocka_run_group_tests_name("prop_edge", tests, NULL, NULL);
}
