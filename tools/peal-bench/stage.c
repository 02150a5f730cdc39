/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/stage.h"

#include "base/assert.h"
#include "tools/peal-bench/linelap.h"
#include "tools/peal-bench/rawport.h"
#include "tools/peal-bench/vethpair.h"

#include <pthread.h>
#include <rte_lcore.h>
#include <stdio.h>
#include <unistd.h>

#define WARM_UP_NS        UINT64_C(500000000)
#define WARM_UP_COUNT_MIN UINT64_C(10)
#define MEMORY_MB         64U

bool
peal_stage_prepare(
	struct peal_stage *stage, const struct peal_benchargs *args, struct peal_sentence *error)
{
	*stage = (struct peal_stage){
		.eal =
			{
				.prefix = stage->prefix,
				.memory_mb = MEMORY_MB,
				.huge = PEAL_CONFIG_HUGE_AUTO,
				.lcores_count = PEAL_BENCHARGS_SIDES_COUNT,
				.cpus = {args->cpus[0], args->cpus[1]},
				.is_exclusive = args->idle == PEAL_IDLE_DEDICATED,
			},
	};
	(void)snprintf(stage->prefix, sizeof(stage->prefix), "peal-bench-%d", (int)getpid());
	if (args->link == PEAL_BENCHARGS_AF_PACKET) {
		if (!peal_vethpair_create(error)) {
			return false;
		}
		(void)snprintf(stage->device_args, sizeof(stage->device_args), "%s",
			"iface=" PEAL_VETHPAIR_NAME_0 PEAL_RAWPORT_DEVICE_ARGS);
		(void)snprintf(stage->second_device, sizeof(stage->second_device), "%s",
			"--vdev=" PEAL_RAWPORT_DEVICE_1
			",iface=" PEAL_VETHPAIR_NAME_1 PEAL_RAWPORT_DEVICE_ARGS);
		stage->extra[0] = stage->second_device;
		stage->eal.device = PEAL_RAWPORT_DEVICE_0;
		stage->eal.device_args = stage->device_args;
		stage->eal.extra_count = 1;
		stage->eal.extra = stage->extra;
	}
	stage->line_rtt_ns = peal_linelap_measure(args->cpus);
	return true;
}

void
peal_stage_enter(void *argument)
{
	struct peal_stage *stage = argument;
	uint32_t side = rte_lcore_id() - 1U;
	int result;

	PEAL_ASSERT(side < PEAL_BENCHARGS_SIDES_COUNT);
	result = pthread_getcpuclockid(pthread_self(), &stage->clocks[side]);
	PEAL_ASSERT(result == 0);
	atomic_fetch_add_explicit(&stage->entered_count, 1U, memory_order_release);
}

bool
peal_stage_is_entered(const struct peal_stage *stage)
{
	return atomic_load_explicit(&stage->entered_count, memory_order_acquire) ==
	       PEAL_BENCHARGS_SIDES_COUNT;
}

uint64_t
peal_stage_warm_up_count(const struct peal_benchargs *args)
{
	uint64_t count = WARM_UP_NS / args->interval_ns;

	return count < WARM_UP_COUNT_MIN ? WARM_UP_COUNT_MIN : count;
}
