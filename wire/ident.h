/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who and where: identities and addresses that travel.
 */
#ifndef PEAL_WIRE_IDENT_H
#define PEAL_WIRE_IDENT_H

#include <stdbool.h>
#include <stdint.h>

/* 128 random bits drawn by a process for one incarnation; also names a cluster. All zero = none. */
struct peal_uuid {
	uint64_t low;
	uint64_t high;
};

/*
 * Where a node's home shard listens: one value for both forms of IP address. Host byte order.
 *
 * The 128 bits of an IPv6 address are `ipv6_head`, `ipv6_middle`, `ipv4`, most significant first.
 * An IPv4 address is its 32 bits with nothing before them: no IPv6 address that a node may have
 * begins with 96 zero bits, so which form it is needs no field of its own.
 */
struct peal_address {
	uint64_t ipv6_head;   /* the network, of an IPv6 address; else 0 */
	uint32_t ipv6_middle; /* else 0 */
	uint32_t ipv4;        /* an IPv4 address, or the end of an IPv6 one */
	uint16_t port;        /* UDP */
	uint8_t mac[6];       /* of the station, as its own segment sees it; zero = not known yet */
};

_Static_assert(sizeof(struct peal_address) == 24, "it fits a record between the planes");

static inline bool
peal_uuid_equals(struct peal_uuid a, struct peal_uuid b)
{
	return a.low == b.low && a.high == b.high;
}

static inline bool
peal_uuid_is_none(struct peal_uuid uuid)
{
	return (uuid.low | uuid.high) == 0;
}

static inline int
peal_uuid_compare(struct peal_uuid a, struct peal_uuid b)
{
	if (a.high != b.high) {
		return a.high < b.high ? -1 : 1;
	}
	return a.low < b.low ? -1 : (a.low > b.low ? 1 : 0);
}

static inline bool
peal_address_is_ipv6(const struct peal_address *address)
{
	return (address->ipv6_head | address->ipv6_middle) != 0;
}

/* Same IP address, whatever port and MAC. */
static inline bool
peal_address_is_same_host(const struct peal_address *a, const struct peal_address *b)
{
	return a->ipv4 == b->ipv4 && a->ipv6_middle == b->ipv6_middle &&
	       a->ipv6_head == b->ipv6_head;
}

/* Same IP and port; the MAC may change without the endpoint becoming another one. */
static inline bool
peal_address_equals(const struct peal_address *a, const struct peal_address *b)
{
	return peal_address_is_same_host(a, b) && a->port == b->port;
}

/* One word that equal addresses share, to be hashed by tables. */
static inline uint64_t
peal_address_word(const struct peal_address *address)
{
	uint64_t word = (uint64_t)address->ipv4 << 16 | address->port;

	return word ^ address->ipv6_head * UINT64_C(0x9E3779B97F4A7C15) ^
	       address->ipv6_middle * UINT64_C(0xC2B2AE3D27D4EB4F);
}

/*
 * True when a node may have this IP address. Of IPv4 only 0 is refused, as it always was; of IPv6
 * what is a group (ff00::/8), or an IPv4 address in disguise (::ffff:0:0/96) that would be another
 * value for the same host.
 */
static inline bool
peal_address_is_usable(const struct peal_address *address)
{
	if (!peal_address_is_ipv6(address)) {
		return address->ipv4 != 0;
	}
	return address->ipv6_head >> 56 != 0xFFU &&
	       !(address->ipv6_head == 0 && address->ipv6_middle == 0xFFFFU);
}

static inline bool
peal_mac_is_none(const uint8_t mac[6])
{
	return (mac[0] | mac[1] | mac[2] | mac[3] | mac[4] | mac[5]) == 0;
}

/* A station's own address: not a group, not nobody. */
static inline bool
peal_mac_is_station(const uint8_t mac[6])
{
	return (mac[0] & 1U) == 0 && !peal_mac_is_none(mac);
}

/* True for where frames can be sent: IP, port and MAC are there and are one station's. */
static inline bool
peal_address_is_station(const struct peal_address *address)
{
	return peal_address_is_usable(address) && address->port != 0 &&
	       peal_mac_is_station(address->mac);
}

#endif
