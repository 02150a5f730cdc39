/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the programs have in common that are measured beside each other: two processes with one
 * schedule, the same options, the same way to take time, and one line of JSON.
 *
 * A message leaves every interval_ns, and a round trip counts from the instant at which its message
 * was meant to leave. One thread a process.
 */
#ifndef PEAL_TESTS_LIB_CONTEST_H
#define PEAL_TESTS_LIB_CONTEST_H

#include "base/histogram.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PEAL_CONTEST_SECOND_NS   INT64_C(1000000000)
#define PEAL_CONTEST_WARM_COUNT  2000U
#define PEAL_CONTEST_WARM_NS     (PEAL_CONTEST_SECOND_NS * 3 / 10)
#define PEAL_CONTEST_MEASURED_NS (PEAL_CONTEST_SECOND_NS / 2)

struct peal_contest_options {
	bool is_throughput;
	bool is_spinning;
	uint32_t size_min, size_max; /* bytes of a message that the program can do */
	uint32_t size;
	int cpus[2]; /* of the asking and of the answering process */
	int64_t interval_ns;
	uint64_t count;
};

/* --what, --mode, --size, --cores, --interval or --count. False: another one, or a wrong value. */
bool peal_contest_read_option(
	struct peal_contest_options *options, const char *name, const char *value);

/* The whole of `text` as a number of [min, max]. */
bool peal_contest_read_number(const char *text, uint64_t min, uint64_t max, uint64_t *value_out);

int64_t peal_contest_now_ns(void);

/* This process runs on that CPU alone. False: it may not. */
bool peal_contest_pin(int cpu);

/* Until an instant: asleep, or looking at the clock all the time. */
void peal_contest_wait_until(int64_t at_ns, bool is_spinning);

/* What of the time the two processes had a processor. */
struct peal_contest_watch {
	clockid_t other_clock;
	int64_t begin_ns;
	int64_t begin_own_ns;
	int64_t begin_other_ns;
};

/* In the asking process; `other` is the answering one. */
void peal_contest_begin(struct peal_contest_watch *watch, pid_t other);

/* Ends the watch, and prints the rest of the line behind what the program says of itself: the
 * shares, and the figures of round trips or of messages a second. */
void peal_contest_print_rtt(
	const struct peal_contest_watch *watch, const struct peal_histogram *histogram);
void peal_contest_print_rate(const struct peal_contest_watch *watch, double messages_per_s);

/* "what", "mode" and "size", with a comma behind. */
void peal_contest_print_head(const struct peal_contest_options *options);

#endif
