/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets that arrive at an IPv6 node as far as their headers, and neighbour discovery behind them.
 * The first byte picks a VLAN or none. Nothing beyond the packet is read; a message that is
 * accepted and written anew is accepted again and is the same.
 *
 * A mutation never keeps a checksum true, so each input is tried a second time with a right one.
 */
#include "base/assert.h"
#include "dataplane/discovery.h"
#include "dataplane/headers.h"
#include "dataplane/link.h"

#include <stdlib.h>

static const struct peal_address own = {.ipv6_head = UINT64_C(0xFD00007700000000),
	.ipv4 = 1,
	.port = 7400,
	.mac = {2, 0, 0, 0, 0, 1}};

static void
check(const uint8_t *ip, uint32_t size)
{
	uint8_t again[PEAL_DISCOVERY_SIZE];
	struct peal_discovery message;
	struct peal_discovery copy;

	if (peal_discovery_decode(ip, size, &message) != PEAL_DISCOVERY_GOOD || !message.has_mac) {
		return;
	}
	peal_discovery_encode(&message, again);
	PEAL_ASSERT(peal_discovery_decode(again, sizeof(again), &copy) == PEAL_DISCOVERY_GOOD);
	PEAL_ASSERT(copy.kind == message.kind && copy.is_solicited == message.is_solicited);
	PEAL_ASSERT(memcmp(copy.mac, message.mac, sizeof(copy.mac)) == 0);
	PEAL_ASSERT(peal_address_is_same_host(&copy.source, &message.source));
	PEAL_ASSERT(peal_address_is_same_host(&copy.to, &message.to));
	PEAL_ASSERT(peal_address_is_same_host(&copy.target, &message.target));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct peal_headers headers;
	struct peal_packet packet;

	if (size < 1 || size > PEAL_PACKET_SIZE_MAX) {
		return 0;
	}
	peal_headers_init(&headers, &own, (data[0] & 1U) != 0 ? 100 : 0);
	packet = (struct peal_packet){.data = malloc(size), .size = (uint32_t)size - 1U};
	PEAL_ASSERT(packet.data != NULL);
	memcpy(packet.data, data + 1, packet.size);

	enum peal_sight sight = peal_headers_judge(&headers, &packet);

	if (sight == PEAL_SIGHT_FRAME) {
		PEAL_ASSERT(peal_headers_measure(packet.data) == headers.size);
		PEAL_ASSERT(packet.size >= headers.size + PEAL_HEADER_SIZE + PEAL_TRAILER_SIZE);
	} else if (sight == PEAL_SIGHT_ICMP) {
		uint8_t *ip = packet.data + PEAL_LINK_HEADER_SIZE + headers.shift;
		uint32_t left = packet.size - PEAL_LINK_HEADER_SIZE - headers.shift;
		uint32_t length = peal_link_load16(ip + 4);
		uint16_t sum = 0;

		check(ip, left);
		if (length >= 4) {
			memcpy(ip + 42, &sum, sizeof(sum));
			sum = (uint16_t)~peal_link_fold_ipv6(ip, PEAL_IPV6_NEXT_ICMP, length);
			memcpy(ip + 42, &sum, sizeof(sum));
			check(ip, left);
		}
	}
	free(packet.data);
	return 0;
}
