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

/* Receive queues of one port. */
#define PEAL_PORT_RING_QUEUES_MAX 16U

struct peal_port_ring; /* opaque */

/*
 * @param ports_count    [1, PEAL_PORT_RING_PORTS_MAX]
 * @param packets_count  buffers of the common pool; 0 = four full transmit queues of every port, or
 * PEAL_PORT_RING_PACKETS_MAX
 * @return NULL with a sentence when the memory given to DPDK is too small
 */
struct peal_port_ring *peal_port_ring_create(
	uint32_t ports_count, uint32_t packets_count, struct peal_sentence *error);

/* The same with an MTU, [PEAL_MTU_MIN, PEAL_MTU_MAX], that all ports have and buffers are made for;
 * 0 = what every path carries. */
struct peal_port_ring *peal_port_ring_create_wide(
	uint32_t ports_count, uint32_t packets_count, uint16_t mtu, struct peal_sentence *error);

/* No lcore polls any of its ports any more. NULL is fine. */
void peal_port_ring_destroy(struct peal_port_ring *ring);

/*
 * The port `index` of the switch. The bell of the core that polls it is rung after each transmit to
 * it; one without a doorbell when that core is polled anyway and its lcore never sleeps.
 */
struct peal_port peal_port_ring_port(
	struct peal_port_ring *ring, uint32_t index, struct peal_bell bell);

/*
 * Gives port `index` several receive queues, [1, PEAL_PORT_RING_QUEUES_MAX], for a node with as
 * many cores. Frames are sorted by their UDP port, `base_port` for queue 0 and so on, as a card
 * does that was told to; with base_port 0 by a hash of the headers, as other cards do. What is
 * neither goes to queue 0. Before any frame is sent; false with a sentence when there is no memory.
 */
bool peal_port_ring_set_queues(struct peal_port_ring *ring, uint32_t index, uint32_t queues_count,
	uint16_t base_port, struct peal_sentence *error);

/* The port `index` for the core that polls `queue` of it; otherwise as peal_port_ring_port. */
struct peal_port peal_port_ring_queue(
	struct peal_port_ring *ring, uint32_t index, uint32_t queue, struct peal_bell bell);

/* From now on nothing reaches the port, as if its cable were pulled. Any thread. */
void peal_port_ring_unplug(struct peal_port_ring *ring, uint32_t index);

#endif
