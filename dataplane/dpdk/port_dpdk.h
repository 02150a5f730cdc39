/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dataplane/port.h over the queues of an ethdev device: a NIC, or one of DPDK's virtual devices.
 *
 * Whatever the device may or may not be able to do is asked, never assumed; nothing but sending and
 * receiving whole frames is needed. With several queues the device is asked to spread what comes
 * over them; where it does so badly, cores move packets to each other. Opened and closed on the
 * main thread while no lcore uses it.
 */
#ifndef PEAL_DPDK_PORT_DPDK_H
#define PEAL_DPDK_PORT_DPDK_H

#include "dataplane/dpdk/sentence.h"
#include "dataplane/dpdk/steering.h"
#include "dataplane/port.h"

#include <rte_mempool.h>
#include <stdbool.h>
#include <stdint.h>

#define PEAL_PORT_DPDK_QUEUES_MAX 16U

struct peal_port_dpdk_config {
	const char *device;     /* its name in DPDK: "net_af_packet0", "0000:01:00.0" */
	uint32_t packets_count; /* buffers of the pool */
	uint16_t queues_count;  /* each way, one for each core; 0 counts as 1 */
	uint16_t base_port;     /* UDP port of queue 0 */
	/* Bytes of the largest IP packet, [PEAL_MTU_MIN, PEAL_MTU_MAX]: a device is set to it, a
	 * kernel interface must have it. 0 = what the device has now, up to PEAL_MTU_MAX. */
	uint16_t mtu;
	/* It is somebody else's: closing stops it and no more, and buffers that it holds then stay
	 * for who opens it next. */
	bool is_lent;
};

/* Fields are private, but for reading. */
struct peal_port_dpdk {
	uint16_t port_id;
	uint16_t queues_count;
	enum peal_steering_rung rung; /* what the device promised to do */
	int numa_node;                /* of the device; -1 = no particular one */
	uint32_t if_index;            /* kernel interface below the device, 0 = none */
	bool has_rx_interrupt; /* RX interrupts were accepted when the device was configured */
	bool is_started;
	bool is_lent;
	uint8_t mac[6];
	uint16_t mtu;        /* of the link, [PEAL_MTU_MIN, PEAL_MTU_MAX] */
	uint32_t frame_size; /* bytes that fit a buffer */
	uint16_t rx_descriptors_count;
	uint16_t tx_descriptors_count;
	/* Received chains of buffers, dropped; written by the lcore of the queue. */
	uint64_t chained_counts[PEAL_PORT_DPDK_QUEUES_MAX];
	struct rte_mempool *pool;
};

/* What the device itself counted, see rte_eth_stats_get. */
struct peal_port_dpdk_stats {
	uint64_t missed;    /* frames lost because the receive queue was full */
	uint64_t no_buffer; /* receive attempts without a free buffer */
	uint64_t rx_errors;
	uint64_t tx_errors;
};

/* Makes the pool, sets up the queues, starts the device. False with a sentence. */
bool peal_port_dpdk_open(struct peal_port_dpdk *port, const struct peal_port_dpdk_config *config,
	struct peal_sentence *error);

/* Lets frames to one multicast MAC in. Where the driver knows neither such a filter nor
 * all-multicast it has none in the way either, as af_packet; if it had, neighbours would not find
 * this node. */
void peal_port_dpdk_join(struct peal_port_dpdk *port, const uint8_t mac[6]);

/* Stops and closes the device; safe after a failed open of a zeroed port. */
void peal_port_dpdk_close(struct peal_port_dpdk *port);

/* The port of the core that polls `queue`. `port` outlives the core. */
struct peal_port peal_port_dpdk_port(struct peal_port_dpdk *port, uint16_t queue);

/* False when the device keeps no statistics. Not for lcores. */
bool peal_port_dpdk_stats(
	const struct peal_port_dpdk *port, struct peal_port_dpdk_stats *stats_out);

#endif
