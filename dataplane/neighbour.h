/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The little of ARP, neighbour discovery (RFC 4861) and ICMP that a station must do, and the link
 * addresses of who is no member yet and of the gateway.
 *
 * Members carry their MAC in the view, so none of this is on the path of a frame to a member on the
 * own segment. Questions for the own address and pings are answered by turning the packet round:
 * ARP and ICMP when it is an IPv4 address, discovery and ICMPv6 when it is an IPv6 one. Whoever is
 * not on the own segment is reached at the gateway, which is asked for from the start and again and
 * again: its MAC may change. A frame of family 0 to a station whose MAC is not known asks for it,
 * and one small one of each station is kept until the answer comes: the newest. It leaves when that
 * takes no longer than PEAL_ARP_REPEAT_NS; all others are dropped and counted, and their senders
 * repeat them.
 *
 * The table holds PEAL_NEIGHBOURS_MAX addresses; the one unused for longest makes room. Only
 * answers to own questions and authenticated frames enter it, so a stranger cannot fill or change
 * it. After PEAL_NEIGHBOUR_AGE_NS_MAX an address is asked for again, and used until the answer
 * comes. Plain struct, fields private, one core.
 */
#ifndef PEAL_DATAPLANE_NEIGHBOUR_H
#define PEAL_DATAPLANE_NEIGHBOUR_H

#include "base/counters.h"
#include "base/limits.h"
#include "dataplane/egress.h"
#include "dataplane/pace.h"

#include <stdbool.h>

/* A frame of family 0 that waits for an answer. */
struct peal_neighbour_kept {
	uint8_t kind;
	uint16_t size;               /* of the body */
	struct peal_address address; /* the receiver's, which may be behind the station */
	uint64_t kept_at_ns;
	uint8_t body[PEAL_KEPT_BODY_SIZE_MAX];
};

struct peal_neighbour_entry {
	struct peal_address address; /* IP and MAC; no IP = empty */
	bool is_known;               /* the MAC means something */
	bool is_asked;               /* a question is out */
	bool has_kept;               /* kept means something; never when the MAC is known */
	uint64_t asked_at_ns;
	uint64_t known_at_ns;
	uint64_t used_at_ns;
	struct peal_neighbour_kept kept;
};

struct peal_neighbour {
	struct peal_address address; /* own */
	struct peal_egress *egress;
	struct peal_counters *counters;
	uint32_t packet_size_max;
	struct peal_pace pings;
	struct peal_pace solicitations;
	struct peal_neighbour_entry gateway; /* empty = everybody is on the own segment */
	uint64_t gateway_at_ns;              /* it is to be asked for again */
	struct peal_neighbour_entry entries[PEAL_NEIGHBOURS_MAX];
};

/* `egress` and `counters` outlive the machine; the first, initialised, knows the own address, VLAN
 * and gateway. */
void peal_neighbour_init(struct peal_neighbour *neighbour, uint32_t packet_size_max,
	struct peal_egress *egress, struct peal_counters *counters);

/* Asks for the gateway. Returns questions sent, 0 or 1. */
uint32_t peal_neighbour_run(struct peal_neighbour *neighbour, uint64_t now_ns);
/* When that is due; UINT64_MAX without a gateway. */
static inline uint64_t
peal_neighbour_deadline_at_ns(const struct peal_neighbour *neighbour)
{
	return neighbour->gateway_at_ns;
}

/*
 * An ARP packet, unchecked. True: it was turned round and belongs to the egress; false: it is still
 * the caller's, whatever was learned from it.
 */
bool peal_neighbour_on_arp(
	struct peal_neighbour *neighbour, const struct peal_packet *packet, uint64_t now_ns);

/* An ICMP or ICMPv6 packet for this node whose IP header is checked. True: answered, the egress
 * owns it. */
bool peal_neighbour_on_icmp(
	struct peal_neighbour *neighbour, const struct peal_packet *packet, uint64_t now_ns);

/* An authenticated frame came from `address`, MAC included; of one behind the gateway nothing is
 * learned. */
void peal_neighbour_learn(
	struct peal_neighbour *neighbour, const struct peal_address *address, uint64_t now_ns);

/*
 * Finds the MAC at which an IP address is reached, its own or the gateway's, and asks for it when
 * it is not known or old: at most one question per address and PEAL_ARP_REPEAT_NS.
 * @return false when it is not known, or the address is of the other form; the caller drops its
 * frame
 */
bool peal_neighbour_find(struct peal_neighbour *neighbour, const struct peal_address *address,
	uint64_t now_ns, uint8_t mac_out[6]);

/*
 * Sends a frame of family 0, now or when the MAC of `address` is known. `address` without MAC is
 * looked up as above. Counts NEIGHBOURS_UNKNOWN for a frame that is dropped because it is larger
 * than PEAL_KEPT_BODY_SIZE_MAX or for whom another is kept now, NEIGHBOURS_AWAITED for one that was
 * kept and leaves.
 */
void peal_neighbour_send(struct peal_neighbour *neighbour, const struct peal_address *address,
	uint8_t kind, const uint8_t *body, uint16_t size, uint64_t now_ns);

#endif
