/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The headers in front of a payload: Ethernet, perhaps an 802.1Q tag, IPv4 or IPv6, UDP.
 *
 * A node has one shape of them for its whole life: the form of its address, and a tag or none. What
 * all its frames share is kept written; a receiver adds MAC, IP address and port. Arriving packets
 * must have the same shape: exactly the tag, or none, and the same form.
 *
 * IPv4 has no UDP checksum (0), since the tag of the frame is stronger. Over IPv6 one is written:
 * RFC 8200 wants it, RFC 6935 excepts tunnels only, and routers and firewalls on the way may drop a
 * zero. It is never checked here, for the same reason as above.
 *
 * Plain struct; read only after init, so any thread may.
 */
#ifndef PEAL_DATAPLANE_HEADERS_H
#define PEAL_DATAPLANE_HEADERS_H

#include "base/limits.h"
#include "dataplane/port.h"
#include "wire/ident.h"

#include <stdbool.h>
#include <stdint.h>

struct peal_headers {
	struct peal_address address; /* own, with MAC */
	uint16_t vlan;               /* [1, 4094], or 0 for none */
	bool is_ipv6;
	bool is_plain;    /* IPv4 without a tag: ingress and egress have short paths for it */
	uint8_t shift;    /* of what stands behind the MACs: PEAL_LINK_TAG_SIZE or 0 */
	uint8_t size;     /* of all together, where the payload begins */
	uint64_t station; /* own MAC as the machine reads it, in the low 48 bits */
	uint64_t group;   /* the same of the multicast MAC on which neighbours ask for this node */
	uint8_t common[PEAL_HEADERS_SIZE_MAX];
};

/* Of one receiver, in the order of the network; an IPv4 address is the first four bytes. */
struct peal_headers_target {
	uint8_t mac[6];
	uint8_t port[2];
	uint8_t ip[16];
};

/* What a packet is, in the order of the checks. */
enum peal_sight {
	PEAL_SIGHT_FRAME = 0,      /* a whole UDP packet for this node, large enough for a frame */
	PEAL_SIGHT_ARP = 1,        /* on the right VLAN of an IPv4 node; nothing else checked */
	PEAL_SIGHT_ICMP = 2,       /* the IP header is checked, ICMP is not */
	PEAL_SIGHT_NOT_IP = 3,     /* of a kind that this node does not speak */
	PEAL_SIGHT_WRONG_VLAN = 4, /* another tag, or one where none belongs, or none */
	PEAL_SIGHT_BAD_IP = 5,     /* damaged, cut short, a fragment, with options */
	PEAL_SIGHT_NOT_MINE = 6,   /* another station, address or protocol */
	PEAL_SIGHT_OTHER_PORT = 7, /* a UDP packet for this node's address, but to another port */
	PEAL_SIGHT_SHORT = 8,      /* nothing is wrong, but the payload is too short for a frame */
};

/* `address` has IP, port and MAC; `vlan` in [0, 4094]. */
void peal_headers_init(
	struct peal_headers *headers, const struct peal_address *address, uint16_t vlan);

/* `address` has the node's own form; `mac` is the next hop. */
struct peal_headers_target peal_headers_aim(const struct peal_headers *headers,
	const struct peal_address *address, const uint8_t mac[6]);

/* Writes all headers, headers->size bytes, in front of a payload that need not be there yet. */
void peal_headers_write(const struct peal_headers *headers,
	const struct peal_headers_target *target, uint32_t payload_size, uint8_t *packet_out);

/* Writes the two lengths and the checksum over them again, for IPv4. `packet` has the shape of
 * `headers`. */
void peal_headers_resize(
	const struct peal_headers *headers, uint32_t payload_size, uint8_t *packet);

/* Writes the UDP checksum behind a finished payload; nothing for IPv4. O(payload_size). */
void peal_headers_seal(const struct peal_headers *headers, uint32_t payload_size, uint8_t *packet);

/* Looks at a packet as far as its payload. No byte beyond packet->size is read. */
enum peal_sight peal_headers_judge(
	const struct peal_headers *headers, const struct peal_packet *packet);

/* The UDP port that a packet is for. The judge found it to be FRAME, SHORT or OTHER_PORT. */
uint16_t peal_headers_port(const struct peal_headers *headers, const uint8_t *packet);

/* Where a packet comes from by its headers, of whatever shape; port and link source too. The packet
 * is a FRAME by some judge. */
struct peal_address peal_headers_source(const uint8_t *packet);

/*
 * Finds the payload of a UDP packet of whatever shape, for those who watch a network. NULL: it is
 * none, or not whole; then payload_size_out is 0.
 */
const uint8_t *peal_headers_payload(
	const uint8_t *packet, uint32_t size, uint32_t *payload_size_out);

/* Where the payload of such a packet begins, of whatever shape. */
uint32_t peal_headers_measure(const uint8_t *packet);

#endif
