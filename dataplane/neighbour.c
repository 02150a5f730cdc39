/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/neighbour.h"

#include "dataplane/link.h"

#define PING_INTERVAL_NS (UINT64_C(1000000000) / PEAL_PINGS_PER_SECOND_MAX)

/* Hardware Ethernet, protocol IPv4, their sizes: the same in every ARP packet that matters. */
static const uint8_t arp_fixed[6] = {0x00, 0x01, 0x08, 0x00, 6, 4};

static const uint8_t mac_broadcast[PEAL_LINK_MAC_SIZE] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};

void
peal_neighbour_init(struct peal_neighbour *neighbour, const struct peal_address *address,
	uint32_t packet_size_max, struct peal_egress *egress, struct peal_counters *counters)
{
	PEAL_ASSERT(packet_size_max >= PEAL_PACKET_SIZE_MAX);

	memset(neighbour, 0, sizeof(*neighbour));
	neighbour->address = *address;
	neighbour->packet_size_max = packet_size_max;
	neighbour->egress = egress;
	neighbour->counters = counters;
}

static struct peal_neighbour_entry *
find_entry(struct peal_neighbour *neighbour, uint32_t ipv4)
{
	for (uint32_t i = 0; i < PEAL_NEIGHBOURS_MAX; i++) {
		if (neighbour->entries[i].ipv4 == ipv4) {
			return &neighbour->entries[i];
		}
	}
	return NULL;
}

/* Nobody waits any more for the frame that an entry keeps. */
static void
drop_kept(struct peal_neighbour *neighbour, struct peal_neighbour_entry *entry)
{
	if (entry->has_kept) {
		entry->has_kept = false;
		peal_counter_add(neighbour->counters, PEAL_COUNTER_NEIGHBOURS_UNKNOWN, 1);
	}
}

/* The entry of an address, made in place of the one unused for longest when there is none. */
static struct peal_neighbour_entry *
get_entry(struct peal_neighbour *neighbour, uint32_t ipv4, uint64_t now_ns)
{
	struct peal_neighbour_entry *entry = find_entry(neighbour, ipv4);

	PEAL_ASSERT(ipv4 != 0);
	if (entry == NULL) {
		entry = &neighbour->entries[0];
		for (uint32_t i = 1; i < PEAL_NEIGHBOURS_MAX; i++) {
			if (neighbour->entries[i].used_at_ns < entry->used_at_ns) {
				entry = &neighbour->entries[i];
			}
		}
		drop_kept(neighbour, entry);
		*entry = (struct peal_neighbour_entry){.ipv4 = ipv4};
	}
	entry->used_at_ns = now_ns;
	return entry;
}

/* What was kept leaves, unless it took so long that its sender has repeated it. */
static void
send_kept(struct peal_neighbour *neighbour, struct peal_neighbour_entry *entry, uint64_t now_ns)
{
	const struct peal_neighbour_kept *kept = &entry->kept;
	struct peal_address address = {.ipv4 = entry->ipv4, .port = kept->port};

	if (!entry->has_kept) {
		return;
	}
	if (now_ns - kept->kept_at_ns > PEAL_ARP_REPEAT_NS) {
		drop_kept(neighbour, entry);
		return;
	}
	entry->has_kept = false;
	memcpy(address.mac, entry->mac, sizeof(address.mac));
	if (peal_egress_send_address(
		    neighbour->egress, &address, kept->kind, kept->body, kept->size)) {
		peal_counter_add(neighbour->counters, PEAL_COUNTER_NEIGHBOURS_AWAITED, 1);
	}
}

static void
set_mac(struct peal_neighbour *neighbour, struct peal_neighbour_entry *entry, const uint8_t mac[6],
	uint64_t now_ns)
{
	memcpy(entry->mac, mac, sizeof(entry->mac));
	entry->is_known = true;
	entry->is_asked = false;
	entry->known_at_ns = now_ns;
	send_kept(neighbour, entry, now_ns);
}

/* A station's own address: not a group, not nobody. */
static bool
is_station(const uint8_t mac[6])
{
	return (mac[0] & 1U) == 0 && !peal_mac_is_none(mac);
}

static void
write_arp(const struct peal_neighbour *neighbour, uint8_t *data, uint16_t operation,
	const uint8_t link_dst[6])
{
	memcpy(data + PEAL_LINK_DST_OFFSET, link_dst, PEAL_LINK_MAC_SIZE);
	memcpy(data + PEAL_LINK_SRC_OFFSET, neighbour->address.mac, PEAL_LINK_MAC_SIZE);
	peal_link_store16(data + PEAL_LINK_TYPE_OFFSET, PEAL_LINK_TYPE_ARP);
	memcpy(data + PEAL_LINK_HEADER_SIZE, arp_fixed, sizeof(arp_fixed));
	peal_link_store16(data + PEAL_ARP_OPERATION_OFFSET, operation);
	memcpy(data + PEAL_ARP_SENDER_MAC_OFFSET, neighbour->address.mac, PEAL_LINK_MAC_SIZE);
	peal_link_store32(data + PEAL_ARP_SENDER_IPV4_OFFSET, neighbour->address.ipv4);
}

static bool
drop_arp(struct peal_neighbour *neighbour)
{
	peal_counter_add(neighbour->counters, PEAL_COUNTER_ARP_DROPPED, 1);
	return false;
}

bool
peal_neighbour_on_arp(
	struct peal_neighbour *neighbour, const struct peal_packet *packet, uint64_t now_ns)
{
	uint8_t *data = packet->data;

	if (packet->size < PEAL_ARP_SIZE || packet->size > neighbour->packet_size_max ||
		memcmp(data + PEAL_LINK_HEADER_SIZE, arp_fixed, sizeof(arp_fixed)) != 0 ||
		!is_station(data + PEAL_ARP_SENDER_MAC_OFFSET)) {
		return drop_arp(neighbour);
	}

	uint16_t operation = peal_link_load16(data + PEAL_ARP_OPERATION_OFFSET);
	uint32_t sender = peal_link_load32(data + PEAL_ARP_SENDER_IPV4_OFFSET);
	uint32_t target = peal_link_load32(data + PEAL_ARP_TARGET_IPV4_OFFSET);

	if (target != neighbour->address.ipv4 || sender == neighbour->address.ipv4) {
		return drop_arp(neighbour);
	}
	if (operation == PEAL_ARP_REPLY) {
		struct peal_neighbour_entry *entry =
			sender == 0 ? NULL : find_entry(neighbour, sender);

		if (entry == NULL || !entry->is_asked) {
			return drop_arp(neighbour);
		}
		set_mac(neighbour, entry, data + PEAL_ARP_SENDER_MAC_OFFSET, now_ns);
		return false;
	}
	if (operation != PEAL_ARP_REQUEST) {
		return drop_arp(neighbour);
	}

	/* The asker becomes the target of the answer. Padding behind it stays as it is. */
	uint8_t asker[PEAL_LINK_MAC_SIZE];

	memcpy(asker, data + PEAL_ARP_SENDER_MAC_OFFSET, sizeof(asker));
	write_arp(neighbour, data, PEAL_ARP_REPLY, asker);
	memcpy(data + PEAL_ARP_TARGET_MAC_OFFSET, asker, sizeof(asker));
	peal_link_store32(data + PEAL_ARP_TARGET_IPV4_OFFSET, sender);
	peal_egress_queue(neighbour->egress, packet);
	peal_counter_add(neighbour->counters, PEAL_COUNTER_ARP_ANSWERS, 1);
	return true;
}

bool
peal_neighbour_on_icmp(
	struct peal_neighbour *neighbour, const struct peal_packet *packet, uint64_t now_ns)
{
	struct peal_packet answer = *packet;
	uint8_t *data = answer.data;
	uint32_t length = peal_link_load16(data + PEAL_IPV4_LENGTH_OFFSET);

	PEAL_DASSERT(length >= PEAL_IPV4_HEADER_SIZE);
	PEAL_DASSERT(PEAL_LINK_HEADER_SIZE + length <= packet->size);

	answer.size = PEAL_LINK_HEADER_SIZE + length;
	if (length < PEAL_IPV4_HEADER_SIZE + PEAL_ICMP_HEADER_SIZE ||
		answer.size > neighbour->packet_size_max ||
		data[PEAL_ICMP_OFFSET] != PEAL_ICMP_ECHO_REQUEST ||
		data[PEAL_ICMP_OFFSET + 1U] != 0 ||
		!peal_pace_take(
			&neighbour->pings, PING_INTERVAL_NS, PEAL_PINGS_BURST_MAX, now_ns)) {
		peal_counter_add(neighbour->counters, PEAL_COUNTER_ICMP_DROPPED, 1);
		return false;
	}

	memcpy(data + PEAL_LINK_DST_OFFSET, data + PEAL_LINK_SRC_OFFSET, PEAL_LINK_MAC_SIZE);
	memcpy(data + PEAL_LINK_SRC_OFFSET, neighbour->address.mac, PEAL_LINK_MAC_SIZE);
	memcpy(data + PEAL_IPV4_DST_OFFSET, data + PEAL_IPV4_SRC_OFFSET, sizeof(uint32_t));
	peal_link_store32(data + PEAL_IPV4_SRC_OFFSET, neighbour->address.ipv4);
	data[PEAL_IPV4_TTL_OFFSET] = PEAL_IPV4_TTL;
	peal_link_seal_ipv4(data + PEAL_IPV4_OFFSET);

	/*
	 * Only the type changes, from 8 to 0, so the sum falls by 0x0800 and its complement rises
	 * by it. A request that was damaged gets an answer that is damaged in the same way, and its
	 * sender sees it.
	 */
	uint32_t checksum = peal_link_load16(data + PEAL_ICMP_CHECKSUM_OFFSET);

	checksum += PEAL_ICMP_ECHO_REQUEST << 8;
	checksum = (checksum & UINT16_MAX) + (checksum >> 16);
	data[PEAL_ICMP_OFFSET] = PEAL_ICMP_ECHO_REPLY;
	peal_link_store16(data + PEAL_ICMP_CHECKSUM_OFFSET, (uint16_t)checksum);
	peal_egress_queue(neighbour->egress, &answer);
	peal_counter_add(neighbour->counters, PEAL_COUNTER_ICMP_ANSWERS, 1);
	return true;
}

void
peal_neighbour_learn(
	struct peal_neighbour *neighbour, uint32_t ipv4, const uint8_t mac[6], uint64_t now_ns)
{
	if (ipv4 == 0 || !is_station(mac)) {
		return;
	}
	set_mac(neighbour, get_entry(neighbour, ipv4, now_ns), mac, now_ns);
}

static void
ask(struct peal_neighbour *neighbour, struct peal_neighbour_entry *entry, uint64_t now_ns)
{
	struct peal_packet packet;

	if (entry->is_asked && now_ns - entry->asked_at_ns < PEAL_ARP_REPEAT_NS) {
		return;
	}
	if (!peal_egress_allocate(neighbour->egress, &packet)) {
		return;
	}
	write_arp(neighbour, packet.data, PEAL_ARP_REQUEST, mac_broadcast);
	memset(packet.data + PEAL_ARP_TARGET_MAC_OFFSET, 0, PEAL_LINK_MAC_SIZE);
	peal_link_store32(packet.data + PEAL_ARP_TARGET_IPV4_OFFSET, entry->ipv4);
	packet.size = PEAL_ARP_SIZE;
	peal_egress_queue(neighbour->egress, &packet);
	peal_counter_add(neighbour->counters, PEAL_COUNTER_ARP_REQUESTS, 1);
	entry->is_asked = true;
	entry->asked_at_ns = now_ns;
}

bool
peal_neighbour_find(
	struct peal_neighbour *neighbour, uint32_t ipv4, uint64_t now_ns, uint8_t mac_out[6])
{
	if (ipv4 == 0) {
		return false;
	}
	struct peal_neighbour_entry *entry = get_entry(neighbour, ipv4, now_ns);

	if (!entry->is_known || now_ns - entry->known_at_ns >= PEAL_NEIGHBOUR_AGE_NS_MAX) {
		ask(neighbour, entry, now_ns);
	}
	if (entry->is_known) {
		memcpy(mac_out, entry->mac, sizeof(entry->mac));
	}
	return entry->is_known;
}

void
peal_neighbour_send(struct peal_neighbour *neighbour, const struct peal_address *address,
	uint8_t kind, const uint8_t *body, uint16_t size, uint64_t now_ns)
{
	struct peal_address receiver = *address;
	struct peal_neighbour_entry *entry = NULL;

	if (!peal_mac_is_none(receiver.mac) ||
		peal_neighbour_find(neighbour, receiver.ipv4, now_ns, receiver.mac)) {
		(void)peal_egress_send_address(neighbour->egress, &receiver, kind, body, size);
		return;
	}
	entry = receiver.ipv4 == 0 ? NULL : find_entry(neighbour, receiver.ipv4);
	if (entry == NULL || size > PEAL_KEPT_BODY_SIZE_MAX) {
		peal_counter_add(neighbour->counters, PEAL_COUNTER_NEIGHBOURS_UNKNOWN, 1);
		return;
	}
	drop_kept(neighbour, entry);
	entry->has_kept = true;
	entry->kept.kind = kind;
	entry->kept.port = receiver.port;
	entry->kept.size = size;
	entry->kept.kept_at_ns = now_ns;
	memcpy(entry->kept.body, body, size);
}
