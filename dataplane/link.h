/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ethernet, ARP, IPv4, IPv6, UDP and ICMP as far as Peal needs them: offsets, big-endian access,
 * checksums.
 *
 * All offsets count from the first byte of the Ethernet header of a packet without a VLAN tag; a
 * tag moves what stands behind the two MACs by PEAL_LINK_TAG_SIZE. UDP and ICMP offsets are those
 * behind IPv4, whose header has no options; behind IPv6 they are PEAL_IPV6_EXTRA_SIZE further. The
 * functions do not know where a packet ends: who calls them has checked its size.
 */
#ifndef PEAL_DATAPLANE_LINK_H
#define PEAL_DATAPLANE_LINK_H

#include "base/limits.h"
#include "wire/ident.h"

#include <stdint.h>
#include <string.h>

#define PEAL_LINK_MAC_SIZE 6U

#define PEAL_LINK_DST_OFFSET  0U
#define PEAL_LINK_SRC_OFFSET  6U
#define PEAL_LINK_TYPE_OFFSET 12U
#define PEAL_LINK_HEADER_SIZE 14U
#define PEAL_LINK_TYPE_IPV4   0x0800U
#define PEAL_LINK_TYPE_ARP    0x0806U
#define PEAL_LINK_TYPE_TAG    0x8100U
#define PEAL_LINK_TYPE_IPV6   0x86DDU
#define PEAL_LINK_TAG_SIZE    4U
#define PEAL_LINK_VLAN_MASK   0x0FFFU /* of the tag; the rest is priority */

#define PEAL_IPV4_OFFSET           PEAL_LINK_HEADER_SIZE
#define PEAL_IPV4_LENGTH_OFFSET    16U
#define PEAL_IPV4_FRAGMENT_OFFSET  20U
#define PEAL_IPV4_TTL_OFFSET       22U
#define PEAL_IPV4_PROTOCOL_OFFSET  23U
#define PEAL_IPV4_CHECKSUM_OFFSET  24U
#define PEAL_IPV4_SRC_OFFSET       26U
#define PEAL_IPV4_DST_OFFSET       30U
#define PEAL_IPV4_HEADER_SIZE      20U
#define PEAL_IPV4_VERSION_AND_SIZE 0x45U /* version 4, five words: no options */
#define PEAL_IPV4_DONT_FRAGMENT    0x4000U
#define PEAL_IPV4_IS_FRAGMENT_MASK 0x3FFFU /* more fragments, or an offset */
#define PEAL_IPV4_TTL              64U
#define PEAL_IPV4_PROTOCOL_ICMP    1U
#define PEAL_IPV4_PROTOCOL_UDP     17U

#define PEAL_IPV6_OFFSET        PEAL_LINK_HEADER_SIZE
#define PEAL_IPV6_LENGTH_OFFSET 18U
#define PEAL_IPV6_NEXT_OFFSET   20U
#define PEAL_IPV6_HOPS_OFFSET   21U
#define PEAL_IPV6_SRC_OFFSET    22U
#define PEAL_IPV6_DST_OFFSET    38U
#define PEAL_IPV6_HEADER_SIZE   40U
#define PEAL_IPV6_SIZE          16U /* of an address */
#define PEAL_IPV6_EXTRA_SIZE    (PEAL_IPV6_HEADER_SIZE - PEAL_IPV4_HEADER_SIZE)
#define PEAL_IPV6_HOPS          64U
#define PEAL_IPV6_NEXT_UDP      17U
#define PEAL_IPV6_NEXT_ICMP     58U

#define PEAL_UDP_SRC_OFFSET      34U
#define PEAL_UDP_DST_OFFSET      36U
#define PEAL_UDP_LENGTH_OFFSET   38U
#define PEAL_UDP_CHECKSUM_OFFSET 40U
#define PEAL_UDP_HEADER_SIZE     8U

#define PEAL_ICMP_OFFSET          34U
#define PEAL_ICMP_CHECKSUM_OFFSET 36U
#define PEAL_ICMP_HEADER_SIZE     8U
#define PEAL_ICMP_ECHO_REQUEST    8U
#define PEAL_ICMP_ECHO_REPLY      0U

#define PEAL_ARP_OPERATION_OFFSET   20U
#define PEAL_ARP_SENDER_MAC_OFFSET  22U
#define PEAL_ARP_SENDER_IPV4_OFFSET 28U
#define PEAL_ARP_TARGET_MAC_OFFSET  32U
#define PEAL_ARP_TARGET_IPV4_OFFSET 38U
#define PEAL_ARP_SIZE               42U
#define PEAL_ARP_REQUEST            1U
#define PEAL_ARP_REPLY              2U

_Static_assert(PEAL_UDP_SRC_OFFSET + PEAL_UDP_HEADER_SIZE == PEAL_UDP_OFFSET,
	"the payload begins where base/limits.h says");
_Static_assert(PEAL_IPV4_OFFSET + PEAL_IPV4_HEADER_SIZE == PEAL_UDP_SRC_OFFSET, "no options");
_Static_assert(PEAL_UDP_OFFSET + PEAL_IPV6_EXTRA_SIZE + PEAL_LINK_TAG_SIZE == PEAL_HEADERS_SIZE_MAX,
	"the longest headers are as long as base/limits.h says");

static inline uint16_t
peal_link_load16(const uint8_t *bytes)
{
	uint16_t word;

	memcpy(&word, bytes, sizeof(word));
	return __builtin_bswap16(word);
}

static inline uint32_t
peal_link_load32(const uint8_t *bytes)
{
	uint32_t word;

	memcpy(&word, bytes, sizeof(word));
	return __builtin_bswap32(word);
}

static inline void
peal_link_store16(uint8_t *bytes, uint16_t value)
{
	uint16_t word = __builtin_bswap16(value);

	memcpy(bytes, &word, sizeof(word));
}

static inline void
peal_link_store32(uint8_t *bytes, uint32_t value)
{
	uint32_t word = __builtin_bswap32(value);

	memcpy(bytes, &word, sizeof(word));
}

/*
 * Sum of an IPv4 header of 20 bytes as the machine reads them: ones' complement addition does not
 * care about byte order, nor about how many bytes are added at a time. A header whose checksum is
 * right folds to 0xFFFF.
 */
static inline uint16_t
peal_link_fold_ipv4(const uint8_t header[PEAL_IPV4_HEADER_SIZE])
{
	uint64_t low;
	uint64_t high;
	uint32_t tail;
	uint64_t sum;

	memcpy(&low, header, sizeof(low));
	memcpy(&high, header + 8, sizeof(high));
	memcpy(&tail, header + 16, sizeof(tail));
	sum = (low >> 32) + (low & 0xFFFFFFFFU) + (high >> 32) + (high & 0xFFFFFFFFU) + tail;
	sum = (sum >> 32) + (sum & 0xFFFFFFFFU);
	sum = (sum >> 16) + (sum & 0xFFFFU);
	sum = (sum >> 16) + (sum & 0xFFFFU);
	return (uint16_t)((sum >> 16) + sum);
}

/* An IPv6 address, of 16 bytes, as a value without port and MAC; and back. */
static inline struct peal_address
peal_link_load_ipv6(const uint8_t *bytes)
{
	return (struct peal_address){
		.ipv6_head = (uint64_t)peal_link_load32(bytes) << 32 | peal_link_load32(bytes + 4),
		.ipv6_middle = peal_link_load32(bytes + 8),
		.ipv4 = peal_link_load32(bytes + 12)};
}

static inline void
peal_link_store_ipv6(uint8_t *bytes, const struct peal_address *address)
{
	peal_link_store32(bytes, (uint32_t)(address->ipv6_head >> 32));
	peal_link_store32(bytes + 4, (uint32_t)address->ipv6_head);
	peal_link_store32(bytes + 8, address->ipv6_middle);
	peal_link_store32(bytes + 12, address->ipv4);
}

/*
 * Ones' complement sum of UDP or ICMPv6 over IPv6, pseudo header included, folded to 16 bits as
 * the machine reads them; 0xFFFF when the checksum in it is right.
 *
 * @param ip    [40 + size], an IPv6 header and `size` bytes behind it
 * @param next  the header behind it: PEAL_IPV6_NEXT_UDP or PEAL_IPV6_NEXT_ICMP
 * Cost: about a cycle for 8 bytes.
 */
static inline uint16_t
peal_link_fold_ipv6(const uint8_t *ip, uint8_t next, uint32_t size)
{
	const uint8_t *at = ip + (PEAL_IPV6_SRC_OFFSET - PEAL_IPV6_OFFSET);
	uint32_t left = 2U * PEAL_IPV6_SIZE + size;
	uint64_t even = __builtin_bswap32(size);
	uint64_t odd = (uint32_t)next << 24;
	uint64_t word;

	for (; left >= sizeof(word); left -= (uint32_t)sizeof(word), at += sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		even += word & 0xFFFFFFFFU;
		odd += word >> 32;
	}
	word = 0;
	memcpy(&word, at, left);
	even += (word & 0xFFFFFFFFU) + (word >> 32) + odd;
	even = (even >> 32) + (even & 0xFFFFFFFFU);
	even = (even >> 16) + (even & 0xFFFFU);
	even = (even >> 16) + (even & 0xFFFFU);
	return (uint16_t)((even >> 16) + even);
}

/* Writes the checksum of a header of 20 bytes into it. */
static inline void
peal_link_seal_ipv4(uint8_t header[PEAL_IPV4_HEADER_SIZE])
{
	uint16_t checksum = 0;
	const uint32_t offset = PEAL_IPV4_CHECKSUM_OFFSET - PEAL_IPV4_OFFSET;

	memcpy(header + offset, &checksum, sizeof(checksum));
	checksum = (uint16_t)~peal_link_fold_ipv4(header);
	memcpy(header + offset, &checksum, sizeof(checksum));
}

#endif
