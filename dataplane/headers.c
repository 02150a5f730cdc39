/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/headers.h"

#include "base/assert.h"
#include "dataplane/link.h"

#define MAC_MASK       ((UINT64_C(1) << 48) - 1U)
#define IPV4_DATA      (PEAL_IPV4_OFFSET + PEAL_IPV4_HEADER_SIZE)
#define IPV6_DATA      (PEAL_IPV6_OFFSET + PEAL_IPV6_HEADER_SIZE)
#define IPV6_VERSION   0x60U
#define VERSION_MASK   0xF0U
#define GROUP_HEAD     (UINT64_C(0xFF02) << 48) /* ff02::1:ff00:0/104, RFC 4291 2.7.1 */
#define GROUP_LOW      0xFF000000U
#define GROUP_LOW_MASK 0x00FFFFFFU

/* A payload that cannot hold a frame is not worth a look. */
#define PAYLOAD_SIZE_MIN (PEAL_HEADER_SIZE + PEAL_TRAILER_SIZE)

static uint64_t
read_mac(const uint8_t *bytes)
{
	uint64_t word = 0;

	memcpy(&word, bytes, PEAL_LINK_MAC_SIZE);
	return word;
}

/* Ethernet and tag. */
static void
write_link(struct peal_headers *headers)
{
	uint8_t *link = headers->common;
	uint16_t type = headers->is_ipv6 ? PEAL_LINK_TYPE_IPV6 : PEAL_LINK_TYPE_IPV4;

	memcpy(link + PEAL_LINK_SRC_OFFSET, headers->address.mac, PEAL_LINK_MAC_SIZE);
	if (headers->vlan != 0) {
		peal_link_store16(link + PEAL_LINK_TYPE_OFFSET, PEAL_LINK_TYPE_TAG);
		peal_link_store16(link + PEAL_LINK_HEADER_SIZE, headers->vlan);
	}
	peal_link_store16(link + headers->shift + PEAL_LINK_TYPE_OFFSET, type);
}

/* IP and the source port. */
static void
write_ip(struct peal_headers *headers)
{
	uint8_t *base = headers->common + headers->shift;
	const struct peal_address *own = &headers->address;

	if (headers->is_ipv6) {
		base[PEAL_IPV6_OFFSET] = IPV6_VERSION;
		base[PEAL_IPV6_NEXT_OFFSET] = PEAL_IPV6_NEXT_UDP;
		base[PEAL_IPV6_HOPS_OFFSET] = PEAL_IPV6_HOPS;
		peal_link_store_ipv6(base + PEAL_IPV6_SRC_OFFSET, own);
		base += PEAL_IPV6_EXTRA_SIZE;
	} else {
		base[PEAL_IPV4_OFFSET] = PEAL_IPV4_VERSION_AND_SIZE;
		peal_link_store16(base + PEAL_IPV4_FRAGMENT_OFFSET, PEAL_IPV4_DONT_FRAGMENT);
		base[PEAL_IPV4_TTL_OFFSET] = PEAL_IPV4_TTL;
		base[PEAL_IPV4_PROTOCOL_OFFSET] = PEAL_IPV4_PROTOCOL_UDP;
		peal_link_store32(base + PEAL_IPV4_SRC_OFFSET, own->ipv4);
	}
	peal_link_store16(base + PEAL_UDP_SRC_OFFSET, own->port);
}

void
peal_headers_init(struct peal_headers *headers, const struct peal_address *address, uint16_t vlan)
{
	PEAL_ASSERT(peal_address_is_station(address));
	PEAL_ASSERT(vlan < PEAL_LINK_VLAN_MASK);

	memset(headers, 0, sizeof(*headers));
	headers->address = *address;
	headers->vlan = vlan;
	headers->is_ipv6 = peal_address_is_ipv6(address);
	headers->is_plain = !headers->is_ipv6 && vlan == 0;
	headers->shift = vlan != 0 ? PEAL_LINK_TAG_SIZE : 0;
	headers->size = (uint8_t)(PEAL_UDP_OFFSET + headers->shift +
				  (headers->is_ipv6 ? PEAL_IPV6_EXTRA_SIZE : 0U));
	headers->station = read_mac(address->mac);
	headers->group = headers->station;
	if (headers->is_ipv6) {
		/* 33-33 and the last four bytes of ff02::1:ffXX:XXXX, RFC 2464 7. */
		uint8_t group[PEAL_LINK_MAC_SIZE] = {0x33, 0x33, 0xFF,
			(uint8_t)(address->ipv4 >> 16), (uint8_t)(address->ipv4 >> 8),
			(uint8_t)address->ipv4};

		headers->group = read_mac(group);
	}
	write_link(headers);
	write_ip(headers);
}

struct peal_headers_target
peal_headers_aim(const struct peal_headers *headers, const struct peal_address *address,
	const uint8_t mac[6])
{
	struct peal_headers_target target = {{0}, {0}, {0}};

	PEAL_DASSERT(peal_address_is_ipv6(address) == headers->is_ipv6);
	memcpy(target.mac, mac, sizeof(target.mac));
	peal_link_store16(target.port, address->port);
	if (headers->is_ipv6) {
		peal_link_store_ipv6(target.ip, address);
	} else {
		peal_link_store32(target.ip, address->ipv4);
	}
	return target;
}

void
peal_headers_resize(const struct peal_headers *headers, uint32_t payload_size, uint8_t *packet)
{
	uint8_t *base = packet + headers->shift;
	uint16_t udp_size = (uint16_t)(PEAL_UDP_HEADER_SIZE + payload_size);

	if (headers->is_ipv6) {
		peal_link_store16(base + PEAL_IPV6_LENGTH_OFFSET, udp_size);
		peal_link_store16(base + PEAL_IPV6_EXTRA_SIZE + PEAL_UDP_LENGTH_OFFSET, udp_size);
		return;
	}
	peal_link_store16(base + PEAL_UDP_LENGTH_OFFSET, udp_size);
	peal_link_store16(
		base + PEAL_IPV4_LENGTH_OFFSET, (uint16_t)(PEAL_IPV4_HEADER_SIZE + udp_size));
	peal_link_seal_ipv4(base + PEAL_IPV4_OFFSET);
}

void
peal_headers_write(const struct peal_headers *headers, const struct peal_headers_target *target,
	uint32_t payload_size, uint8_t *packet)
{
	uint8_t *base = packet + headers->shift;

	memcpy(packet, headers->common, headers->size);
	memcpy(packet + PEAL_LINK_DST_OFFSET, target->mac, sizeof(target->mac));
	if (headers->is_ipv6) {
		memcpy(base + PEAL_IPV6_DST_OFFSET, target->ip, PEAL_IPV6_SIZE);
		base += PEAL_IPV6_EXTRA_SIZE;
	} else {
		memcpy(base + PEAL_IPV4_DST_OFFSET, target->ip, sizeof(uint32_t));
	}
	memcpy(base + PEAL_UDP_DST_OFFSET, target->port, sizeof(target->port));
	peal_headers_resize(headers, payload_size, packet);
}

void
peal_headers_seal(const struct peal_headers *headers, uint32_t payload_size, uint8_t *packet)
{
	uint8_t *base = packet + headers->shift;
	uint16_t checksum;

	if (!headers->is_ipv6) {
		return;
	}
	/* The common part has zeroes in its place, and the sum begins with them. */
	checksum = (uint16_t)~peal_link_fold_ipv6(
		base + PEAL_IPV6_OFFSET, PEAL_IPV6_NEXT_UDP, PEAL_UDP_HEADER_SIZE + payload_size);
	if (checksum == 0) {
		checksum = UINT16_MAX; /* zero would say that there is none */
	}
	memcpy(base + PEAL_IPV6_EXTRA_SIZE + PEAL_UDP_CHECKSUM_OFFSET, &checksum, sizeof(checksum));
}

/* `udp` counts as the UDP offsets of dataplane/link.h do; `udp_size` is what IP says. */
static enum peal_sight
judge_udp(const struct peal_headers *headers, const uint8_t *udp, uint32_t udp_size)
{
	if (udp_size < PEAL_UDP_HEADER_SIZE) {
		return PEAL_SIGHT_BAD_IP;
	}
	if (peal_link_load16(udp + PEAL_UDP_DST_OFFSET) != headers->address.port) {
		return PEAL_SIGHT_OTHER_PORT;
	}
	if (peal_link_load16(udp + PEAL_UDP_LENGTH_OFFSET) != udp_size) {
		return PEAL_SIGHT_BAD_IP;
	}
	return udp_size < PEAL_UDP_HEADER_SIZE + PAYLOAD_SIZE_MIN ? PEAL_SIGHT_SHORT
								  : PEAL_SIGHT_FRAME;
}

/* `base` counts as the offsets of dataplane/link.h do, `size` ends where the packet does. */
static enum peal_sight
judge_ipv4(const struct peal_headers *headers, uint64_t station, const uint8_t *base, uint32_t size)
{
	if (size < IPV4_DATA) {
		return PEAL_SIGHT_BAD_IP;
	}
	if (station != headers->station ||
		peal_link_load32(base + PEAL_IPV4_DST_OFFSET) != headers->address.ipv4) {
		return PEAL_SIGHT_NOT_MINE;
	}

	uint32_t length = peal_link_load16(base + PEAL_IPV4_LENGTH_OFFSET);
	uint32_t fragment = peal_link_load16(base + PEAL_IPV4_FRAGMENT_OFFSET);

	/* The first test guards the checksum: its sum covers exactly 20 bytes. */
	if (base[PEAL_IPV4_OFFSET] != PEAL_IPV4_VERSION_AND_SIZE ||
		peal_link_fold_ipv4(base + PEAL_IPV4_OFFSET) != UINT16_MAX ||
		length < PEAL_IPV4_HEADER_SIZE || length > size - PEAL_IPV4_OFFSET ||
		(fragment & PEAL_IPV4_IS_FRAGMENT_MASK) != 0) {
		return PEAL_SIGHT_BAD_IP;
	}
	if (base[PEAL_IPV4_PROTOCOL_OFFSET] == PEAL_IPV4_PROTOCOL_ICMP) {
		return PEAL_SIGHT_ICMP;
	}
	if (base[PEAL_IPV4_PROTOCOL_OFFSET] != PEAL_IPV4_PROTOCOL_UDP) {
		return PEAL_SIGHT_NOT_MINE;
	}
	return judge_udp(headers, base, length - PEAL_IPV4_HEADER_SIZE);
}

/* The multicast address on which neighbours ask for this node. */
static bool
is_group(const struct peal_headers *headers, const struct peal_address *address)
{
	return address->ipv6_head == GROUP_HEAD && address->ipv6_middle == 1U &&
	       address->ipv4 == (GROUP_LOW | (headers->address.ipv4 & GROUP_LOW_MASK));
}

/*
 * Extension headers are refused with all other protocols: nobody who speaks to Peal needs one. A
 * group, on the link or as address, is for ICMPv6 alone.
 */
static enum peal_sight
judge_ipv6(const struct peal_headers *headers, uint64_t station, const uint8_t *base, uint32_t size)
{
	if (size < IPV6_DATA) {
		return PEAL_SIGHT_BAD_IP;
	}

	struct peal_address source = peal_link_load_ipv6(base + PEAL_IPV6_SRC_OFFSET);
	struct peal_address target = peal_link_load_ipv6(base + PEAL_IPV6_DST_OFFSET);
	uint32_t length = peal_link_load16(base + PEAL_IPV6_LENGTH_OFFSET);
	uint8_t next = base[PEAL_IPV6_NEXT_OFFSET];
	bool is_mine = peal_address_is_same_host(&target, &headers->address);

	if ((station != headers->station && station != headers->group) ||
		(!is_mine && !is_group(headers, &target))) {
		return PEAL_SIGHT_NOT_MINE;
	}
	if ((base[PEAL_IPV6_OFFSET] & VERSION_MASK) != IPV6_VERSION || length > size - IPV6_DATA) {
		return PEAL_SIGHT_BAD_IP;
	}
	if (next == PEAL_IPV6_NEXT_ICMP) {
		return PEAL_SIGHT_ICMP;
	}
	if (next != PEAL_IPV6_NEXT_UDP || station != headers->station || !is_mine) {
		return PEAL_SIGHT_NOT_MINE;
	}
	/* Answers go to where it says it comes from. */
	if (!peal_address_is_ipv6(&source) || !peal_address_is_usable(&source)) {
		return PEAL_SIGHT_BAD_IP;
	}
	return judge_udp(headers, base + PEAL_IPV6_EXTRA_SIZE, length);
}

enum peal_sight
peal_headers_judge(const struct peal_headers *headers, const struct peal_packet *packet)
{
	const uint8_t *base = packet->data + headers->shift;
	uint32_t size = packet->size;
	uint16_t type;

	if (size < PEAL_LINK_HEADER_SIZE) {
		return PEAL_SIGHT_NOT_IP;
	}
	type = peal_link_load16(packet->data + PEAL_LINK_TYPE_OFFSET);
	if ((type == PEAL_LINK_TYPE_TAG) != (headers->vlan != 0)) {
		return PEAL_SIGHT_WRONG_VLAN;
	}
	if (headers->vlan != 0) {
		if (size < PEAL_LINK_HEADER_SIZE + PEAL_LINK_TAG_SIZE) {
			return PEAL_SIGHT_NOT_IP;
		}
		if ((peal_link_load16(packet->data + PEAL_LINK_HEADER_SIZE) &
			    PEAL_LINK_VLAN_MASK) != headers->vlan) {
			return PEAL_SIGHT_WRONG_VLAN;
		}
		type = peal_link_load16(base + PEAL_LINK_TYPE_OFFSET);
	}
	size -= headers->shift;

	uint64_t station = read_mac(packet->data + PEAL_LINK_DST_OFFSET);

	if (headers->is_ipv6) {
		return type == PEAL_LINK_TYPE_IPV6 ? judge_ipv6(headers, station, base, size)
						   : PEAL_SIGHT_NOT_IP;
	}
	if (type == PEAL_LINK_TYPE_ARP) {
		return PEAL_SIGHT_ARP;
	}
	return type == PEAL_LINK_TYPE_IPV4 ? judge_ipv4(headers, station, base, size)
					   : PEAL_SIGHT_NOT_IP;
}

uint16_t
peal_headers_port(const struct peal_headers *headers, const uint8_t *packet)
{
	/* The second field of the UDP header, which ends where the payload begins. */
	return peal_link_load16(packet + headers->size - 6U);
}

/* How far a tag moves what stands behind the MACs. */
static uint32_t
measure_shift(const uint8_t *packet)
{
	return peal_link_load16(packet + PEAL_LINK_TYPE_OFFSET) == PEAL_LINK_TYPE_TAG
		       ? PEAL_LINK_TAG_SIZE
		       : 0;
}

uint32_t
peal_headers_measure(const uint8_t *packet)
{
	uint32_t shift = measure_shift(packet);
	uint16_t type = peal_link_load16(packet + shift + PEAL_LINK_TYPE_OFFSET);

	return PEAL_UDP_OFFSET + shift + (type == PEAL_LINK_TYPE_IPV6 ? PEAL_IPV6_EXTRA_SIZE : 0U);
}

struct peal_address
peal_headers_source(const uint8_t *packet)
{
	const uint8_t *base = packet + measure_shift(packet);
	struct peal_address source = {.ipv4 = 0};

	if (peal_link_load16(base + PEAL_LINK_TYPE_OFFSET) == PEAL_LINK_TYPE_IPV6) {
		source = peal_link_load_ipv6(base + PEAL_IPV6_SRC_OFFSET);
		base += PEAL_IPV6_EXTRA_SIZE;
	} else {
		source.ipv4 = peal_link_load32(base + PEAL_IPV4_SRC_OFFSET);
	}
	source.port = peal_link_load16(base + PEAL_UDP_SRC_OFFSET);
	memcpy(source.mac, packet + PEAL_LINK_SRC_OFFSET, sizeof(source.mac));
	return source;
}

const uint8_t *
peal_headers_payload(const uint8_t *packet, uint32_t size, uint32_t *payload_size_out)
{
	const uint8_t *base;
	uint32_t offset;
	uint32_t udp_size;
	bool is_udp;

	*payload_size_out = 0;
	if (size < PEAL_HEADERS_SIZE_MAX) {
		return NULL;
	}
	base = packet + measure_shift(packet);
	offset = peal_headers_measure(packet);
	is_udp = peal_link_load16(base + PEAL_LINK_TYPE_OFFSET) == PEAL_LINK_TYPE_IPV6
			 ? base[PEAL_IPV6_NEXT_OFFSET] == PEAL_IPV6_NEXT_UDP
			 : peal_link_load16(base + PEAL_LINK_TYPE_OFFSET) == PEAL_LINK_TYPE_IPV4 &&
				   base[PEAL_IPV4_PROTOCOL_OFFSET] == PEAL_IPV4_PROTOCOL_UDP;
	/* The length is the third field of the UDP header, which ends where the payload begins. */
	udp_size = peal_link_load16(packet + offset - 4U);
	if (!is_udp || udp_size < PEAL_UDP_HEADER_SIZE ||
		udp_size - PEAL_UDP_HEADER_SIZE > size - offset) {
		return NULL;
	}
	*payload_size_out = udp_size - PEAL_UDP_HEADER_SIZE;
	return packet + offset;
}
