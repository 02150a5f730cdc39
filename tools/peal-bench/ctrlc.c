/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/ctrlc.h"

#include "base/assert.h"

#include <signal.h>
#include <stddef.h>
#include <time.h>

#define SECOND_NS UINT64_C(1000000000)

static volatile sig_atomic_t has_come;

static void
note(int signal_number)
{
	(void)signal_number;
	has_come = 1;
}

void
peal_ctrlc_watch(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction action = {.sa_handler = note};

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		int result = sigaction(signals[i], &action, NULL);

		PEAL_ASSERT(result == 0);
	}
}

bool
peal_ctrlc_has_come(void)
{
	return has_come != 0;
}

void
peal_ctrlc_sleep(uint64_t duration_ns)
{
	struct timespec wait = {
		.tv_sec = (time_t)(duration_ns / SECOND_NS),
		.tv_nsec = (long)(duration_ns % SECOND_NS),
	};

	if (has_come == 0) {
		(void)nanosleep(&wait, NULL);
	}
}
