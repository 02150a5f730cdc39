/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/benchlib/pinned.h"

#include <sched.h>
#include <stdint.h>
#include <time.h>
#include <x86intrin.h>

#define SECOND_NS UINT64_C(1000000000)
#define RATE_NS   UINT64_C(50000000)

static uint64_t
read_now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

static cpu_set_t
set_of(int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET((size_t)cpu, &cpus);
	return cpus;
}

bool
peal_pinned_start(pthread_t *thread_out, int cpu, void *(*body)(void *), void *argument)
{
	cpu_set_t cpus = set_of(cpu);
	pthread_attr_t attributes;
	bool is_started;

	if (pthread_attr_init(&attributes) != 0) {
		return false;
	}
	is_started = pthread_attr_setaffinity_np(&attributes, sizeof(cpus), &cpus) == 0 &&
		     pthread_create(thread_out, &attributes, body, argument) == 0;
	(void)pthread_attr_destroy(&attributes);
	return is_started;
}

bool
peal_pinned_move(int cpu)
{
	cpu_set_t cpus = set_of(cpu);

	return pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus) == 0;
}

double
peal_pinned_measure_rate(void)
{
	uint64_t begin_at_ns = read_now_ns(), begin = __rdtsc(), now_ns;

	do {
		now_ns = read_now_ns();
	} while (now_ns - begin_at_ns < RATE_NS);
	return (double)(__rdtsc() - begin) / (double)(now_ns - begin_at_ns);
}
