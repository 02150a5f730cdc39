/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two joined DPDK ports, set up as any example program of DPDK would: one queue each way, one pool.
 *
 * Sizes of queues and pools, and what is asked of the device, are those of Peal's own port, so that
 * a comparison compares what runs on top. Nothing of Peal's data plane is used here. Main thread;
 * EAL has started, with the devices of --link among its arguments.
 */
#ifndef PEAL_PEAL_BENCH_RAWPORT_H
#define PEAL_PEAL_BENCH_RAWPORT_H

#include "tools/peal-bench/benchargs.h"

#include <rte_mempool.h>

/* Names of the two af_packet devices, and what follows iface=NAME in their arguments. */
#define PEAL_RAWPORT_DEVICE_0    "net_af_packet0"
#define PEAL_RAWPORT_DEVICE_1    "net_af_packet1"
#define PEAL_RAWPORT_DEVICE_ARGS ",framesz=2048,blocksz=4096,framecnt=512,qdisc_bypass=1"

struct peal_rawport {
	uint16_t port_id;
	bool is_started;
	uint8_t mac[6];
	struct rte_mempool *pool; /* on a ring, both ports have the same */
};

/* False with a sentence. Close in any case; `ports_out` may be uninitialised before. */
bool peal_rawport_open(struct peal_rawport ports_out[PEAL_BENCHARGS_SIDES_COUNT],
	enum peal_benchargs_link link, struct peal_sentence *error);
/* No loop polls them any more. */
void peal_rawport_close(struct peal_rawport ports[PEAL_BENCHARGS_SIDES_COUNT]);

#endif
