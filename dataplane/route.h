/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who is on the own segment, and where frames for the others go first: prefix and gateway of one
 * node. A value; pure.
 */
#ifndef PEAL_DATAPLANE_ROUTE_H
#define PEAL_DATAPLANE_ROUTE_H

#include "wire/ident.h"

struct peal_route {
	uint8_t prefix_size; /* bits of the address that the segment shares; 0 = all are on it */
	/* IP only, of the node's own form and on its segment; means nothing when prefix_size = 0 */
	struct peal_address gateway;
};

/* The first `size` bits of both are equal. `size` in [1, 64]. */
static inline bool
peal_route_is_alike(uint64_t a, uint64_t b, uint32_t size)
{
	return (a ^ b) >> (64U - size) == 0;
}

/*
 * True when frames for `other` go to its own MAC: it is on the segment of `own`, or there is no
 * other segment. Both are of one form.
 */
static inline bool
peal_route_is_near(const struct peal_route *route, const struct peal_address *own,
	const struct peal_address *other)
{
	uint32_t size = route->prefix_size;
	uint64_t own_tail = (uint64_t)own->ipv6_middle << 32 | own->ipv4;
	uint64_t other_tail = (uint64_t)other->ipv6_middle << 32 | other->ipv4;

	if (size == 0) {
		return true;
	}
	if (!peal_address_is_ipv6(own)) {
		return peal_route_is_alike(own_tail << 32, other_tail << 32, size);
	}
	if (size <= 64U) {
		return peal_route_is_alike(own->ipv6_head, other->ipv6_head, size);
	}
	return own->ipv6_head == other->ipv6_head &&
	       peal_route_is_alike(own_tail, other_tail, size - 64U);
}

#endif
