/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/contest.h"

#include "base/assert.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t
read_clock_ns(clockid_t clock)
{
	struct timespec now;
	int result = clock_gettime(clock, &now);

	PEAL_ASSERT(result == 0);
	return now.tv_sec * PEAL_CONTEST_SECOND_NS + now.tv_nsec;
}

int64_t
peal_contest_now_ns(void)
{
	return read_clock_ns(CLOCK_MONOTONIC);
}

bool
peal_contest_pin(int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET((size_t)cpu, &cpus);
	return sched_setaffinity(0, sizeof(cpus), &cpus) == 0;
}

void
peal_contest_wait_until(int64_t at_ns, bool is_spinning)
{
	const struct timespec at = {.tv_sec = at_ns / PEAL_CONTEST_SECOND_NS,
		.tv_nsec = at_ns % PEAL_CONTEST_SECOND_NS};

	while (!is_spinning && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) != 0) {
		/* Interrupted. */
	}
	while (peal_contest_now_ns() < at_ns) {
		__builtin_ia32_pause();
	}
}

bool
peal_contest_read_number(const char *text, uint64_t min, uint64_t max, uint64_t *value_out)
{
	char *rest = NULL;

	*value_out = strtoull(text, &rest, 10);
	return rest != text && *rest == '\0' && *value_out >= min && *value_out <= max;
}

bool
peal_contest_read_option(struct peal_contest_options *options, const char *name, const char *value)
{
	uint64_t number = 0;
	bool is_good;

	if (strcmp(name, "--what") == 0) {
		options->is_throughput = strcmp(value, "throughput") == 0;
		return options->is_throughput || strcmp(value, "rtt") == 0;
	}
	if (strcmp(name, "--mode") == 0) {
		options->is_spinning = strcmp(value, "spin") == 0;
		return options->is_spinning || strcmp(value, "block") == 0;
	}
	if (strcmp(name, "--cores") == 0) {
		return sscanf(value, "%d,%d", &options->cpus[0], &options->cpus[1]) == 2;
	}
	if (strcmp(name, "--size") == 0) {
		is_good = peal_contest_read_number(
			value, options->size_min, options->size_max, &number);
		options->size = (uint32_t)number;
		return is_good;
	}
	if (strcmp(name, "--interval") == 0) {
		is_good = peal_contest_read_number(value, 1000, 1000000000, &number);
		options->interval_ns = (int64_t)number;
		return is_good;
	}
	return strcmp(name, "--count") == 0 &&
	       peal_contest_read_number(value, 1, 100000000, &options->count);
}

void
peal_contest_begin(struct peal_contest_watch *watch, pid_t other)
{
	int result = clock_getcpuclockid(other, &watch->other_clock);

	PEAL_ASSERT(result == 0);
	watch->begin_ns = peal_contest_now_ns();
	watch->begin_own_ns = read_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	watch->begin_other_ns = read_clock_ns(watch->other_clock);
}

static void
print_shares(const struct peal_contest_watch *watch)
{
	double elapsed_ns = (double)(peal_contest_now_ns() - watch->begin_ns);
	int64_t own_ns = read_clock_ns(CLOCK_PROCESS_CPUTIME_ID) - watch->begin_own_ns;
	int64_t other_ns = read_clock_ns(watch->other_clock) - watch->begin_other_ns;

	(void)printf("\"cpu_shares\":[%.3f,%.3f],", (double)own_ns / elapsed_ns,
		(double)other_ns / elapsed_ns);
}

void
peal_contest_print_rtt(
	const struct peal_contest_watch *watch, const struct peal_histogram *histogram)
{
	print_shares(watch);
	(void)printf("\"count\":%" PRIu64 ",\"min_ns\":%" PRIu64 ",\"p50_ns\":%" PRIu64
		     ",\"p90_ns\":%" PRIu64 ",\"p99_ns\":%" PRIu64 "}\n",
		peal_histogram_count(histogram), peal_histogram_min(histogram),
		peal_histogram_percentile(histogram, 50.0),
		peal_histogram_percentile(histogram, 90.0),
		peal_histogram_percentile(histogram, 99.0));
}

void
peal_contest_print_rate(const struct peal_contest_watch *watch, double messages_per_s)
{
	print_shares(watch);
	(void)printf("\"messages_per_s\":%.0f}\n", messages_per_s);
}

void
peal_contest_print_head(const struct peal_contest_options *options)
{
	(void)printf("\"what\":\"%s\",\"mode\":\"%s\",\"size\":%" PRIu32 ",",
		options->is_throughput ? "throughput" : "rtt",
		options->is_spinning ? "spin" : "block", options->size);
}
