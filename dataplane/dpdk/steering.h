/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Asks a device to put each datagram into the queue of the shard that it is for.
 *
 * The first of these that the device takes:
 *
 * - flow: one rte_flow rule a queue, on the UDP destination port.
 *
 * - hash: the common RSS key and a table of queues that goes round; senders choose their source
 *   ports accordingly (dataplane/toeplitz.h).
 *
 * - move: neither. Cores move packets to each other (dataplane/resteer.h).
 *
 * What a device accepts is not always what it does: whether it works is shown by packets. After
 * each view every core but the home one has some members answer to its port, and counts which
 * answers came by its own queue (counters STEERED_RIGHT and STEERED_WRONG). Nothing depends on the
 * rung: a packet in a wrong queue is moved whatever was asked for. Main thread, at set-up.
 */
#ifndef PEAL_DPDK_STEERING_H
#define PEAL_DPDK_STEERING_H

#include <stdint.h>

enum peal_steering_rung {
	PEAL_STEERING_NONE = 0, /* one queue: nothing to steer */
	PEAL_STEERING_FLOW,
	PEAL_STEERING_HASH,
	PEAL_STEERING_MOVE,
};

/* Sets up a started device with `queues_count` queues for UDP ports from `base_port` on. */
enum peal_steering_rung peal_steering_set_up(
	uint16_t port_id, uint16_t queues_count, uint16_t base_port);

/* Lower-case name. Static. */
const char *peal_steering_name(enum peal_steering_rung rung);

#endif
