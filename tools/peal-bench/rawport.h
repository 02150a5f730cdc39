/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Joined DPDK ports, set up as any example program of DPDK would: one queue each way, one pool.
 *
 * Sizes of queues and pools, and what is asked of the device, are those of Peal's own port, so that
 * a comparison compares what runs on top. Nothing of Peal's data plane is used here. Main thread;
 * EAL has started, with the devices of --link among its arguments.
 */
#ifndef PEAL_PEAL_BENCH_RAWPORT_H
#define PEAL_PEAL_BENCH_RAWPORT_H

#include "tools/peal-bench/stage.h"

#include <rte_mempool.h>

struct peal_rawport {
	uint16_t port_id;
	bool is_started;
	uint8_t mac[6];
	struct rte_mempool *pool; /* on a ring, both ports have the same */
};

/*
 * Opens the ports of the sides of this process; those of other processes stay zero, but for their
 * MAC, which is known once peal_rawport_join has returned. False with a sentence. Close in any
 * case; `ports_out` may be uninitialised before.
 *
 * @param mtu  of the link, or 0 for what it has by itself
 */
bool peal_rawport_open(struct peal_rawport ports_out[PEAL_BENCHARGS_SIDES_COUNT],
	struct peal_stage *stage, uint16_t mtu, struct peal_sentence *error);

/*
 * Waits until the links of these devices are up, and tells the other process, if there is one, the
 * MAC of this one's. Returns when both have come so far. False with a sentence, empty after Ctrl-C.
 *
 * @param port_ids  [sides_end - first_side], of the sides of this process
 */
bool peal_rawport_join(
	struct peal_stage *stage, const uint16_t *port_ids, struct peal_sentence *error);

/* No loop polls them any more. */
void peal_rawport_close(struct peal_rawport ports[PEAL_BENCHARGS_SIDES_COUNT]);

#endif
