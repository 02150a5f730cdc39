/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/discovery.h"

#include "base/assert.h"
#include "dataplane/link.h"

/* Offsets from the IPv6 header. */
#define LENGTH_OFFSET  (PEAL_IPV6_LENGTH_OFFSET - PEAL_IPV6_OFFSET)
#define NEXT_OFFSET    (PEAL_IPV6_NEXT_OFFSET - PEAL_IPV6_OFFSET)
#define HOPS_OFFSET    (PEAL_IPV6_HOPS_OFFSET - PEAL_IPV6_OFFSET)
#define SRC_OFFSET     (PEAL_IPV6_SRC_OFFSET - PEAL_IPV6_OFFSET)
#define DST_OFFSET     (PEAL_IPV6_DST_OFFSET - PEAL_IPV6_OFFSET)
#define TYPE_OFFSET    40U
#define CODE_OFFSET    41U
#define SUM_OFFSET     42U
#define FLAGS_OFFSET   44U
#define TARGET_OFFSET  48U
#define OPTIONS_OFFSET 64U

#define MESSAGE_SIZE_MIN  24U /* of ICMPv6 without options */
#define PING_SIZE_MIN     8U
#define TYPE_ECHO_REQUEST 128U
#define DISCOVERY_HOPS    255U
#define FLAG_SOLICITED    0x40U
#define FLAG_OVERRIDE     0x20U
#define OPTION_SOURCE     1U
#define OPTION_TARGET     2U
#define OPTION_UNIT       8U
#define VERSION           0x60U
#define GROUP_HEAD        (UINT64_C(0xFF02) << 48)
#define GROUP_MIDDLE      1U
#define GROUP_LOW         0xFF000000U

static bool
is_multicast(const struct peal_address *address)
{
	return address->ipv6_head >> 56 == 0xFFU;
}

static bool
is_none(const struct peal_address *address)
{
	return !peal_address_is_ipv6(address) && address->ipv4 == 0;
}

struct peal_address
peal_discovery_group(const struct peal_address *target, uint8_t mac_out[6])
{
	const struct peal_address group = {.ipv6_head = GROUP_HEAD,
		.ipv6_middle = GROUP_MIDDLE,
		.ipv4 = GROUP_LOW | (target->ipv4 & ~GROUP_LOW)};

	mac_out[0] = mac_out[1] = 0x33;
	peal_link_store32(mac_out + 2, group.ipv4);
	return group;
}

/* Finds the link address among the options. False: one of them has no size, or no end. */
static bool
read_options(const uint8_t *options, uint32_t size, struct peal_discovery *out)
{
	uint8_t wanted = out->kind == PEAL_DISCOVERY_SOLICITATION ? OPTION_SOURCE : OPTION_TARGET;

	for (uint32_t offset = 0; offset < size;) {
		uint32_t option_size;

		if (size - offset < OPTION_UNIT) {
			return false;
		}
		option_size = options[offset + 1U] * OPTION_UNIT;
		if (option_size == 0 || option_size > size - offset) {
			return false;
		}
		if (options[offset] == wanted && option_size == OPTION_UNIT) {
			memcpy(out->mac, options + offset + 2U, sizeof(out->mac));
			out->has_mac = true;
		}
		offset += option_size;
	}
	return true;
}

/* The rules of RFC 4861 7.1 about addresses. */
static bool
is_lawful(const struct peal_discovery *message)
{
	if (!peal_address_is_ipv6(&message->target) || !peal_address_is_usable(&message->target) ||
		(message->has_mac && !peal_mac_is_station(message->mac))) {
		return false;
	}
	if (message->kind == PEAL_DISCOVERY_SOLICITATION && is_none(&message->source)) {
		return !message->has_mac && is_multicast(&message->to);
	}
	if (!peal_address_is_ipv6(&message->source) || !peal_address_is_usable(&message->source)) {
		return false;
	}
	return message->kind == PEAL_DISCOVERY_SOLICITATION || !message->is_solicited ||
	       !is_multicast(&message->to);
}

enum peal_discovery_verdict
peal_discovery_decode(const uint8_t *ip, uint32_t size, struct peal_discovery *out)
{
	uint32_t length = peal_link_load16(ip + LENGTH_OFFSET);

	PEAL_ASSERT(size >= PEAL_IPV6_HEADER_SIZE && length <= size - PEAL_IPV6_HEADER_SIZE);
	if (length >= PING_SIZE_MIN && ip[TYPE_OFFSET] == TYPE_ECHO_REQUEST &&
		ip[CODE_OFFSET] == 0) {
		return PEAL_DISCOVERY_PING;
	}
	if (length == 0 || (ip[TYPE_OFFSET] != PEAL_DISCOVERY_SOLICITATION &&
				   ip[TYPE_OFFSET] != PEAL_DISCOVERY_ADVERTISEMENT)) {
		return PEAL_DISCOVERY_OTHER;
	}
	if (ip[HOPS_OFFSET] != DISCOVERY_HOPS) {
		return PEAL_DISCOVERY_HOPS;
	}
	if (length < MESSAGE_SIZE_MIN || ip[CODE_OFFSET] != 0) {
		return PEAL_DISCOVERY_FORM;
	}
	if (peal_link_fold_ipv6(ip, PEAL_IPV6_NEXT_ICMP, length) != UINT16_MAX) {
		return PEAL_DISCOVERY_CHECKSUM;
	}
	*out = (struct peal_discovery){
		.kind = ip[TYPE_OFFSET],
		.is_solicited = ip[TYPE_OFFSET] == PEAL_DISCOVERY_ADVERTISEMENT &&
				(ip[FLAGS_OFFSET] & FLAG_SOLICITED) != 0,
		.source = peal_link_load_ipv6(ip + SRC_OFFSET),
		.to = peal_link_load_ipv6(ip + DST_OFFSET),
		.target = peal_link_load_ipv6(ip + TARGET_OFFSET),
	};
	return read_options(ip + OPTIONS_OFFSET, length - MESSAGE_SIZE_MIN, out) && is_lawful(out)
		       ? PEAL_DISCOVERY_GOOD
		       : PEAL_DISCOVERY_FORM;
}

void
peal_discovery_encode(const struct peal_discovery *message, uint8_t ip[PEAL_DISCOVERY_SIZE])
{
	bool is_answer = message->kind == PEAL_DISCOVERY_ADVERTISEMENT;
	uint16_t checksum;

	PEAL_ASSERT(message->has_mac);
	memset(ip, 0, PEAL_DISCOVERY_SIZE);
	ip[0] = VERSION;
	peal_link_store16(ip + LENGTH_OFFSET, PEAL_DISCOVERY_SIZE - PEAL_IPV6_HEADER_SIZE);
	ip[NEXT_OFFSET] = PEAL_IPV6_NEXT_ICMP;
	ip[HOPS_OFFSET] = DISCOVERY_HOPS;
	peal_link_store_ipv6(ip + SRC_OFFSET, &message->source);
	peal_link_store_ipv6(ip + DST_OFFSET, &message->to);
	ip[TYPE_OFFSET] = message->kind;
	if (is_answer) {
		ip[FLAGS_OFFSET] =
			(uint8_t)(FLAG_OVERRIDE | (message->is_solicited ? FLAG_SOLICITED : 0U));
	}
	peal_link_store_ipv6(ip + TARGET_OFFSET, &message->target);
	ip[OPTIONS_OFFSET] = is_answer ? OPTION_TARGET : OPTION_SOURCE;
	ip[OPTIONS_OFFSET + 1U] = 1;
	memcpy(ip + OPTIONS_OFFSET + 2U, message->mac, sizeof(message->mac));
	checksum = (uint16_t)~peal_link_fold_ipv6(
		ip, PEAL_IPV6_NEXT_ICMP, PEAL_DISCOVERY_SIZE - PEAL_IPV6_HEADER_SIZE);
	memcpy(ip + SUM_OFFSET, &checksum, sizeof(checksum));
}
