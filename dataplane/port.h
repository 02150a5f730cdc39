/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The edge of a core: packets in, packets out.
 *
 * A port is a table of functions over Ethernet frames; dataplane/dpdk/port_dpdk.c is an ethdev
 * queue, port_ring.c a switch inside the process, sim/simport.c the false network. One queue has
 * one caller. Buffers belong to the port; a packet is lent from receive or allocate until it is
 * given to transmit or release. While it is lent it is the user's alone and may be written: a
 * received frame is opened in place, and may be turned round and transmitted, with a size that is
 * not larger than it was received with; or, when its port says that its buffer has the room, with
 * any, as if it had been allocated. No call blocks, allocates from the heap or fails half way.
 */
#ifndef PEAL_DATAPLANE_PORT_H
#define PEAL_DATAPLANE_PORT_H

#include <stdint.h>

struct peal_packet {
	uint8_t *data; /* Ethernet header first */
	uint32_t size; /* bytes from data; to transmit set by the user, <= packet_size_max */
	uint32_t room; /* of a received one: bytes from data that may be written; 0 = no more than
			  size */
	void *handle;  /* of the port */
};

struct peal_port_ops {
	/* Takes up to `capacity` received frames. Returns how many. */
	uint32_t (*receive)(
		void *state, uint16_t queue, struct peal_packet *packets, uint32_t capacity);
	/* Lends `count` empty packets: all or none. Returns count or 0. */
	uint32_t (*allocate)(
		void *state, uint16_t queue, struct peal_packet *packets, uint32_t count);
	/* Sends and takes back all `count` packets; returns how many were really queued. */
	uint32_t (*transmit)(
		void *state, uint16_t queue, struct peal_packet *packets, uint32_t count);
	/* Gives back packets unsent. */
	void (*release)(void *state, uint16_t queue, struct peal_packet *packets, uint32_t count);
};

struct peal_port {
	const struct peal_port_ops *ops;
	void *state;
	uint16_t queue;
	uint32_t packet_size_max; /* bytes that fit an allocated packet, >= PEAL_PACKET_SIZE_MAX */
	/* Bytes of the largest IP packet that the link says it carries, whatever the path behind it
	 * does: [PEAL_MTU_MIN, PEAL_MTU_MAX], and such a packet fits; 0 counts as PEAL_MTU_MIN. */
	uint16_t mtu;
	uint8_t mac[6];
};

#endif
