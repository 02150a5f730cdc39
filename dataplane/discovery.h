/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ICMPv6 as far as a station needs it: the messages of neighbour discovery, and pings.
 *
 * Bytes to values and back, with the checks that RFC 4861 7.1 asks for; what is done about them is
 * the neighbour table's. Options other than a link address of Ethernet are skipped. Pure.
 */
#ifndef PEAL_DATAPLANE_DISCOVERY_H
#define PEAL_DATAPLANE_DISCOVERY_H

#include "wire/ident.h"

#include <stdbool.h>
#include <stdint.h>

enum peal_discovery_kind {
	PEAL_DISCOVERY_SOLICITATION = 135,  /* who has `target`? */
	PEAL_DISCOVERY_ADVERTISEMENT = 136, /* I have `target`, at `mac` */
};

/* What an ICMPv6 packet is; the refusals in the order of the checks. */
enum peal_discovery_verdict {
	PEAL_DISCOVERY_GOOD = 0,     /* a message of discovery, decoded */
	PEAL_DISCOVERY_PING = 1,     /* an echo request; its checksum is not looked at */
	PEAL_DISCOVERY_OTHER = 2,    /* another kind of ICMPv6, or too short for any */
	PEAL_DISCOVERY_HOPS = 3,     /* hop limit not 255: it came through a router */
	PEAL_DISCOVERY_CHECKSUM = 4, /* wrong */
	/* Cut short, code not 0, an option of size 0 or cut short, a group as target or as MAC, a
	 * question of nobody that names a MAC or is not asked of the group, an answer to a group
	 * that says it was asked for. */
	PEAL_DISCOVERY_FORM = 5,
};

struct peal_discovery {
	uint8_t kind;               /* enum peal_discovery_kind */
	bool is_solicited;          /* ADVERTISEMENT: somebody asked */
	bool has_mac;               /* of the sender (SOLICITATION) or target (ADVERTISEMENT) */
	uint8_t mac[6];             /* a station's */
	struct peal_address source; /* IP only; none in a question whether an address is free */
	struct peal_address to;     /* IP only */
	struct peal_address target; /* IP only */
};

/* Bytes of an encoded message: IPv6 header, fixed part, one option. */
#define PEAL_DISCOVERY_SIZE 72U

/*
 * Reads a packet from its IPv6 header on.
 *
 * @param ip    [size], size >= 40 + the length that the header names; not more than that is read
 * @param out   filled when GOOD
 */
enum peal_discovery_verdict peal_discovery_decode(
	const uint8_t *ip, uint32_t size, struct peal_discovery *out);

/* Writes an IPv6 packet with one message and the link address of its sender: hop limit 255,
 * checksum. `has_mac` is true, since all that Peal sends has it. */
void peal_discovery_encode(
	const struct peal_discovery *message, uint8_t ip_out[PEAL_DISCOVERY_SIZE]);

/* The multicast address on which the owner of `target` is asked, and the MAC of it. */
struct peal_address peal_discovery_group(const struct peal_address *target, uint8_t mac_out[6]);

#endif
