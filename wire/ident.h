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

/* Where a node's home shard listens. Host byte order; `mac` is the station or the next hop. */
struct peal_address {
	uint32_t ipv4;
	uint16_t port;
	uint8_t mac[6]; /* all zero = not known yet */
};

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

/* Same IP and port; the MAC may change without the endpoint becoming another one. */
static inline bool
peal_address_equals(const struct peal_address *a, const struct peal_address *b)
{
	return a->ipv4 == b->ipv4 && a->port == b->port;
}

static inline bool
peal_mac_is_none(const uint8_t mac[6])
{
	return (mac[0] | mac[1] | mac[2] | mac[3] | mac[4] | mac[5]) == 0;
}

#endif
