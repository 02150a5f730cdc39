/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packet buffers of a port, on the NUMA node of its device.
 *
 * A buffer holds one whole packet of the link's MTU, and everything else that an Ethernet of 1 500
 * bytes carries, so a received packet is never a chain; drivers of kernel interfaces ask for this
 * much.
 * Made once at set-up; used by lcores only.
 */
#ifndef PEAL_DPDK_MBUFPOOL_H
#define PEAL_DPDK_MBUFPOOL_H

#include "dataplane/dpdk/sentence.h"

#include <rte_mempool.h>
#include <stdint.h>

/* Bytes of a frame that fit a buffer, unless the MTU asks for more. */
#define PEAL_MBUFPOOL_FRAME_SIZE_MAX 2048U

/*
 * Bytes of a frame that a buffer must hold on a link of this MTU, [PEAL_MTU_MIN, PEAL_MTU_MAX]: a
 * multiple of 1024, with room for what af_packet writes in front of a frame in its ring, whose
 * places are as large.
 */
uint32_t peal_mbufpool_frame_size(uint16_t mtu);

/*
 * Makes a pool of `packets_count` buffers (2^n - 1 wastes least) on `numa_node`, or anywhere when
 * it is negative. `name` is unique in the process, at most 24 characters.
 *
 * @param frame_size  bytes of a frame that fit a buffer, a multiple of 64
 * @return NULL with a sentence when the memory given to DPDK is too small
 */
struct rte_mempool *peal_mbufpool_create(const char *name, uint32_t packets_count,
	uint32_t frame_size, int numa_node, struct peal_sentence *error);

/* MiB that such a pool takes, rounded up: for the sentence and for the footprint table. */
uint32_t peal_mbufpool_size_mb(uint32_t packets_count, uint32_t frame_size);

#endif
