/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A switch inside the process: dataplane/port.h for many nodes that live side by side.
 *
 * Every port has one ring of packets that all other ports fill and its own lcore empties; a frame
 * goes to the port whose MAC is its destination, a broadcast to all others as copies, anything else
 * nowhere. Frames are never copied on the way, and no device of DPDK is involved, so the number of
 * nodes is bounded by memory. With exactly two ports each ring has one producer and is built so.
 * MAC of port i: 02:50:65:61:<i high>:<i low>.
 *
 * Memory: one pool of packets and one ring a port, from the memory of DPDK, at create.
 * Threads: created and destroyed on the main thread; a port belongs to the lcore that polls it.
 */
#ifndef PEAL_DPDK_PORT_RING_H
#define PEAL_DPDK_PORT_RING_H

#include "dataplane/dpdk/doorbell.h"
#include "dataplane/dpdk/sentence.h"
#include "dataplane/port.h"

#include <stdbool.h>
#include <stdint.h>

/* Ports of one switch. */
#define PEAL_PORT_RING_PORTS_MAX PEAL_RESIDENTS_MAX

/* Packets of a switch with many ports, unless it is told otherwise: some 70 MiB. */
#define PEAL_PORT_RING_PACKETS_MAX 32767U

/* Frames that wait in one ring; a further one is dropped and counted by its sender. */
#define PEAL_PORT_RING_FRAMES_MAX 1024U

struct peal_port_ring; /* opaque */

/*
 * @param ports_count    [1, PEAL_PORT_RING_PORTS_MAX]
 * @param packets_count  buffers of the common pool; 0 = four full transmit queues of every port, or
 * PEAL_PORT_RING_PACKETS_MAX
 * @return NULL with a sentence when the memory given to DPDK is too small
 */
struct peal_port_ring *peal_port_ring_create(
	uint32_t ports_count, uint32_t packets_count, struct peal_sentence *error);

/* No lcore polls any of its ports any more. NULL is fine. */
void peal_port_ring_destroy(struct peal_port_ring *ring);

/*
 * The port `index` of the switch. The bell of the core that polls it is rung after each transmit to
 * it; one without a doorbell when that core is polled anyway and its lcore never sleeps.
 */
struct peal_port peal_port_ring_port(
	struct peal_port_ring *ring, uint32_t index, struct peal_bell bell);

/* From now on nothing reaches the port, as if its cable were pulled. Any thread. */
void peal_port_ring_unplug(struct peal_port_ring *ring, uint32_t index);

#endif
