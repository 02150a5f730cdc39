/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/neighbour.h"

#include "dataplane/discovery.h"
#include "dataplane/link.h"

#define NS_PER_S UINT64_C(1000000000)

#define PING_INTERVAL_NS         (NS_PER_S / PEAL_PINGS_PER_SECOND_MAX)
#define SOLICITATION_INTERVAL_NS (NS_PER_S / PEAL_SOLICITATIONS_PER_SECOND_MAX)

/* ICMPv6 behind an IPv6 header. */
#define ICMP6_TYPE_OFFSET     (PEAL_IPV6_OFFSET + PEAL_IPV6_HEADER_SIZE)
#define ICMP6_CHECKSUM_OFFSET (ICMP6_TYPE_OFFSET + 2U)
#define ICMP6_ECHO_REPLY      129U

/* Hardware Ethernet, protocol IPv4, their sizes: the same in every ARP packet that matters. */
static const uint8_t arp_fixed[6] = {0x00, 0x01, 0x08, 0x00, 6, 4};

static const uint8_t mac_broadcast[PEAL_LINK_MAC_SIZE] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};

void
peal_neighbour_init(struct peal_neighbour *neighbour, uint32_t packet_size_max,
	struct peal_egress *egress, struct peal_counters *counters)
{
	PEAL_ASSERT(packet_size_max >= PEAL_PACKET_SIZE_MAX);

	memset(neighbour, 0, sizeof(*neighbour));
	neighbour->address = egress->headers.address;
	neighbour->packet_size_max = packet_size_max;
	neighbour->egress = egress;
	neighbour->counters = counters;
	neighbour->gateway_at_ns = UINT64_MAX;
	if (egress->route.prefix_size > 0) {
		neighbour->gateway.address = egress->route.gateway;
		neighbour->gateway_at_ns = 0;
	}
}

/* No IP address at all. */
static bool
is_empty(const struct peal_address *address)
{
	return !peal_address_is_ipv6(address) && address->ipv4 == 0;
}

/* Without this form of address there is no way to anybody. */
static bool
is_speakable(const struct peal_neighbour *neighbour, const struct peal_address *address)
{
	return peal_address_is_usable(address) &&
	       peal_address_is_ipv6(address) == neighbour->egress->headers.is_ipv6;
}

static bool
is_near(const struct peal_neighbour *neighbour, const struct peal_address *address)
{
	return peal_route_is_near(&neighbour->egress->route, &neighbour->address, address);
}

static struct peal_neighbour_entry *
find_entry(struct peal_neighbour *neighbour, const struct peal_address *address)
{
	if (is_empty(address)) {
		return NULL;
	}
	if (peal_address_is_same_host(&neighbour->gateway.address, address)) {
		return &neighbour->gateway;
	}
	for (uint32_t i = 0; i < PEAL_NEIGHBOURS_MAX; i++) {
		if (peal_address_is_same_host(&neighbour->entries[i].address, address)) {
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
get_entry(struct peal_neighbour *neighbour, const struct peal_address *address, uint64_t now_ns)
{
	struct peal_neighbour_entry *entry = find_entry(neighbour, address);

	PEAL_ASSERT(!is_empty(address));
	if (entry == NULL) {
		entry = &neighbour->entries[0];
		for (uint32_t i = 1; i < PEAL_NEIGHBOURS_MAX; i++) {
			if (neighbour->entries[i].used_at_ns < entry->used_at_ns) {
				entry = &neighbour->entries[i];
			}
		}
		drop_kept(neighbour, entry);
		*entry = (struct peal_neighbour_entry){.address = *address};
	}
	entry->used_at_ns = now_ns;
	return entry;
}

/* What was kept leaves, unless it took so long that its sender has repeated it. */
static void
send_kept(struct peal_neighbour *neighbour, struct peal_neighbour_entry *entry, uint64_t now_ns)
{
	const struct peal_neighbour_kept *kept = &entry->kept;
	struct peal_address address = kept->address;

	if (!entry->has_kept) {
		return;
	}
	if (now_ns - kept->kept_at_ns > PEAL_ARP_REPEAT_NS) {
		drop_kept(neighbour, entry);
		return;
	}
	entry->has_kept = false;
	memcpy(address.mac, entry->address.mac, sizeof(address.mac));
	if (peal_egress_send_address(
		    neighbour->egress, &address, kept->kind, kept->body, kept->size)) {
		peal_counter_add(neighbour->counters, PEAL_COUNTER_NEIGHBOURS_AWAITED, 1);
	}
}

static void
set_mac(struct peal_neighbour *neighbour, struct peal_neighbour_entry *entry, const uint8_t mac[6],
	uint64_t now_ns)
{
	memcpy(entry->address.mac, mac, sizeof(entry->address.mac));
	entry->is_known = true;
	entry->is_asked = false;
	entry->known_at_ns = now_ns;
	if (entry == &neighbour->gateway) {
		neighbour->gateway_at_ns = now_ns + PEAL_GATEWAY_REFRESH_NS;
		peal_egress_set_gateway(neighbour->egress, mac);
	}
	send_kept(neighbour, entry, now_ns);
}

/* Ethernet and tag in front of `type`. */
static void
write_link(const struct peal_neighbour *neighbour, uint8_t *data, uint16_t type,
	const uint8_t link_dst[6])
{
	const struct peal_headers *headers = &neighbour->egress->headers;

	memcpy(data, headers->common, PEAL_LINK_HEADER_SIZE + headers->shift);
	memcpy(data + PEAL_LINK_DST_OFFSET, link_dst, PEAL_LINK_MAC_SIZE);
	peal_link_store16(data + headers->shift + PEAL_LINK_TYPE_OFFSET, type);
}

static void
write_arp(const struct peal_neighbour *neighbour, uint8_t *data, uint16_t operation,
	const uint8_t link_dst[6])
{
	uint8_t *base = data + neighbour->egress->headers.shift;

	write_link(neighbour, data, PEAL_LINK_TYPE_ARP, link_dst);
	memcpy(base + PEAL_LINK_HEADER_SIZE, arp_fixed, sizeof(arp_fixed));
	peal_link_store16(base + PEAL_ARP_OPERATION_OFFSET, operation);
	memcpy(base + PEAL_ARP_SENDER_MAC_OFFSET, neighbour->address.mac, PEAL_LINK_MAC_SIZE);
	peal_link_store32(base + PEAL_ARP_SENDER_IPV4_OFFSET, neighbour->address.ipv4);
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
	uint32_t shift = neighbour->egress->headers.shift;
	uint8_t *base = packet->data + shift;

	if (packet->size < PEAL_ARP_SIZE + shift || packet->size > neighbour->packet_size_max ||
		memcmp(base + PEAL_LINK_HEADER_SIZE, arp_fixed, sizeof(arp_fixed)) != 0 ||
		!peal_mac_is_station(base + PEAL_ARP_SENDER_MAC_OFFSET)) {
		return drop_arp(neighbour);
	}

	uint16_t operation = peal_link_load16(base + PEAL_ARP_OPERATION_OFFSET);
	uint32_t target = peal_link_load32(base + PEAL_ARP_TARGET_IPV4_OFFSET);
	const struct peal_address sender = {
		.ipv4 = peal_link_load32(base + PEAL_ARP_SENDER_IPV4_OFFSET)};

	if (target != neighbour->address.ipv4 || sender.ipv4 == neighbour->address.ipv4) {
		return drop_arp(neighbour);
	}
	if (operation == PEAL_ARP_REPLY) {
		struct peal_neighbour_entry *entry = find_entry(neighbour, &sender);

		if (entry == NULL || !entry->is_asked) {
			return drop_arp(neighbour);
		}
		set_mac(neighbour, entry, base + PEAL_ARP_SENDER_MAC_OFFSET, now_ns);
		return false;
	}
	if (operation != PEAL_ARP_REQUEST) {
		return drop_arp(neighbour);
	}

	/* The asker becomes the target of the answer. Padding behind it stays as it is. */
	uint8_t asker[PEAL_LINK_MAC_SIZE];

	memcpy(asker, base + PEAL_ARP_SENDER_MAC_OFFSET, sizeof(asker));
	write_arp(neighbour, packet->data, PEAL_ARP_REPLY, asker);
	memcpy(base + PEAL_ARP_TARGET_MAC_OFFSET, asker, sizeof(asker));
	peal_link_store32(base + PEAL_ARP_TARGET_IPV4_OFFSET, sender.ipv4);
	peal_txqueue_queue(&neighbour->egress->txqueue, packet);
	peal_counter_add(neighbour->counters, PEAL_COUNTER_ARP_ANSWERS, 1);
	return true;
}

static bool
drop_icmp(struct peal_neighbour *neighbour, enum peal_counter id)
{
	peal_counter_add(neighbour->counters, id, 1);
	return false;
}

/* Only the type changes, so the sum changes by as much and its complement the other way. A request
 * that was damaged gets an answer that is damaged in the same way, and its sender sees it. */
static void
adjust_checksum(uint8_t *bytes, uint32_t difference)
{
	uint32_t checksum = peal_link_load16(bytes) + difference;

	peal_link_store16(bytes, (uint16_t)((checksum & 0xFFFFU) + (checksum >> 16)));
}

/* Turns a ping round. `size` is that of the packet without padding. */
static bool
answer_ping(struct peal_neighbour *neighbour, const struct peal_packet *packet, uint32_t size,
	uint64_t now_ns)
{
	const struct peal_headers *headers = &neighbour->egress->headers;
	struct peal_packet answer = {.data = packet->data, .size = size, .handle = packet->handle};
	uint8_t *base = answer.data + headers->shift;

	if (answer.size > neighbour->packet_size_max ||
		!peal_pace_take(
			&neighbour->pings, PING_INTERVAL_NS, PEAL_PINGS_BURST_MAX, now_ns)) {
		return drop_icmp(neighbour, PEAL_COUNTER_ICMP_DROPPED);
	}
	memcpy(answer.data + PEAL_LINK_DST_OFFSET, answer.data + PEAL_LINK_SRC_OFFSET,
		PEAL_LINK_MAC_SIZE);
	memcpy(answer.data + PEAL_LINK_SRC_OFFSET, neighbour->address.mac, PEAL_LINK_MAC_SIZE);
	if (headers->is_ipv6) {
		memcpy(base + PEAL_IPV6_DST_OFFSET, base + PEAL_IPV6_SRC_OFFSET, PEAL_IPV6_SIZE);
		peal_link_store_ipv6(base + PEAL_IPV6_SRC_OFFSET, &neighbour->address);
		base[PEAL_IPV6_HOPS_OFFSET] = PEAL_IPV6_HOPS;
		base[ICMP6_TYPE_OFFSET] = ICMP6_ECHO_REPLY; /* from 128 */
		adjust_checksum(base + ICMP6_CHECKSUM_OFFSET, 0xFFFFU - 0x0100U);
	} else {
		memcpy(base + PEAL_IPV4_DST_OFFSET, base + PEAL_IPV4_SRC_OFFSET, sizeof(uint32_t));
		peal_link_store32(base + PEAL_IPV4_SRC_OFFSET, neighbour->address.ipv4);
		base[PEAL_IPV4_TTL_OFFSET] = PEAL_IPV4_TTL;
		peal_link_seal_ipv4(base + PEAL_IPV4_OFFSET);
		base[PEAL_ICMP_OFFSET] = PEAL_ICMP_ECHO_REPLY; /* from 8 */
		adjust_checksum(base + PEAL_ICMP_CHECKSUM_OFFSET, 0x0800U);
	}
	peal_txqueue_queue(&neighbour->egress->txqueue, &answer);
	peal_counter_add(neighbour->counters, PEAL_COUNTER_ICMP_ANSWERS, 1);
	return true;
}

/* Somebody asks for this node's MAC, or whether its address is free (then everybody is told). */
static bool
answer_solicitation(struct peal_neighbour *neighbour, const struct peal_discovery *question,
	const struct peal_packet *packet, uint64_t now_ns)
{
	/* ff02::1, all nodes. */
	const struct peal_address everybody = {.ipv6_head = UINT64_C(0xFF02) << 48, .ipv4 = 1};
	static const uint8_t everybody_mac[PEAL_LINK_MAC_SIZE] = {0x33, 0x33, 0, 0, 0, 1};
	uint32_t shift = neighbour->egress->headers.shift;
	bool has_asker = !is_empty(&question->source);
	uint8_t asker[PEAL_LINK_MAC_SIZE];
	struct peal_discovery answer = {.kind = PEAL_DISCOVERY_ADVERTISEMENT,
		.is_solicited = has_asker,
		.has_mac = true,
		.source = neighbour->address,
		.to = has_asker ? question->source : everybody,
		.target = neighbour->address};
	struct peal_packet reply = {.data = packet->data, .handle = packet->handle};

	reply.size = PEAL_LINK_HEADER_SIZE + shift + PEAL_DISCOVERY_SIZE;
	if (!peal_address_is_same_host(&question->target, &neighbour->address) ||
		peal_address_is_same_host(&question->source, &neighbour->address)) {
		return drop_icmp(neighbour, PEAL_COUNTER_ND_REFUSED_ASKER);
	}
	if (!peal_pace_take(&neighbour->solicitations, SOLICITATION_INTERVAL_NS,
		    PEAL_SOLICITATIONS_BURST_MAX, now_ns)) {
		return drop_icmp(neighbour, PEAL_COUNTER_ND_REFUSED_RATE);
	}
	/* A packet is not made longer than it was, but for one lent to be filled. */
	if (packet->size < reply.size &&
		!peal_txqueue_allocate(&neighbour->egress->txqueue, &reply)) {
		return false;
	}
	memcpy(answer.mac, neighbour->address.mac, sizeof(answer.mac));
	memcpy(asker, question->has_mac ? question->mac : packet->data + PEAL_LINK_SRC_OFFSET,
		sizeof(asker));
	write_link(neighbour, reply.data, PEAL_LINK_TYPE_IPV6, has_asker ? asker : everybody_mac);
	peal_discovery_encode(&answer, reply.data + PEAL_LINK_HEADER_SIZE + shift);
	reply.size = PEAL_LINK_HEADER_SIZE + shift + PEAL_DISCOVERY_SIZE;
	peal_txqueue_queue(&neighbour->egress->txqueue, &reply);
	peal_counter_add(neighbour->counters, PEAL_COUNTER_ND_ANSWERS, 1);
	return reply.handle == packet->handle;
}

/* A station says where it is: heard when it was asked. */
static bool
take_advertisement(
	struct peal_neighbour *neighbour, const struct peal_discovery *answer, uint64_t now_ns)
{
	struct peal_neighbour_entry *entry = find_entry(neighbour, &answer->target);

	if (entry == NULL || !entry->is_asked || !answer->has_mac) {
		return drop_icmp(neighbour, PEAL_COUNTER_ND_REFUSED_ASKER);
	}
	set_mac(neighbour, entry, answer->mac, now_ns);
	return false;
}

static bool
take_icmp6(struct peal_neighbour *neighbour, const struct peal_packet *packet, uint64_t now_ns)
{
	uint32_t offset = PEAL_LINK_HEADER_SIZE + neighbour->egress->headers.shift;
	const uint8_t *ip = packet->data + offset;
	struct peal_discovery message;

	switch (peal_discovery_decode(ip, packet->size - offset, &message)) {
	case PEAL_DISCOVERY_GOOD:
		return message.kind == PEAL_DISCOVERY_SOLICITATION
			       ? answer_solicitation(neighbour, &message, packet, now_ns)
			       : take_advertisement(neighbour, &message, now_ns);
	case PEAL_DISCOVERY_PING: {
		struct peal_address source = peal_link_load_ipv6(ip + 8);
		struct peal_address target = peal_link_load_ipv6(ip + 24);

		if (!peal_address_is_same_host(&target, &neighbour->address) ||
			!is_speakable(neighbour, &source)) {
			return drop_icmp(neighbour, PEAL_COUNTER_ICMP_DROPPED);
		}
		return answer_ping(neighbour, packet,
			offset + PEAL_IPV6_HEADER_SIZE + peal_link_load16(ip + 4), now_ns);
	}
	case PEAL_DISCOVERY_HOPS:
		return drop_icmp(neighbour, PEAL_COUNTER_ND_REFUSED_HOPS);
	case PEAL_DISCOVERY_CHECKSUM:
		return drop_icmp(neighbour, PEAL_COUNTER_ND_REFUSED_CHECKSUM);
	case PEAL_DISCOVERY_FORM:
		return drop_icmp(neighbour, PEAL_COUNTER_ND_REFUSED_FORM);
	case PEAL_DISCOVERY_OTHER:
	default:
		return drop_icmp(neighbour, PEAL_COUNTER_ICMP_DROPPED);
	}
}

bool
peal_neighbour_on_icmp(
	struct peal_neighbour *neighbour, const struct peal_packet *packet, uint64_t now_ns)
{
	uint32_t shift = neighbour->egress->headers.shift;
	const uint8_t *base = packet->data + shift;
	uint32_t length;

	if (neighbour->egress->headers.is_ipv6) {
		return take_icmp6(neighbour, packet, now_ns);
	}
	length = peal_link_load16(base + PEAL_IPV4_LENGTH_OFFSET);
	PEAL_DASSERT(length >= PEAL_IPV4_HEADER_SIZE);
	PEAL_DASSERT(PEAL_LINK_HEADER_SIZE + shift + length <= packet->size);

	if (length < PEAL_IPV4_HEADER_SIZE + PEAL_ICMP_HEADER_SIZE ||
		base[PEAL_ICMP_OFFSET] != PEAL_ICMP_ECHO_REQUEST ||
		base[PEAL_ICMP_OFFSET + 1U] != 0) {
		return drop_icmp(neighbour, PEAL_COUNTER_ICMP_DROPPED);
	}
	return answer_ping(neighbour, packet, PEAL_LINK_HEADER_SIZE + shift + length, now_ns);
}

void
peal_neighbour_learn(
	struct peal_neighbour *neighbour, const struct peal_address *address, uint64_t now_ns)
{
	if (!is_speakable(neighbour, address) || !peal_mac_is_station(address->mac) ||
		!is_near(neighbour, address)) {
		return;
	}
	set_mac(neighbour, get_entry(neighbour, address, now_ns), address->mac, now_ns);
}

static void
ask_by_discovery(
	const struct peal_neighbour *neighbour, const struct peal_address *target, uint8_t *data)
{
	struct peal_discovery question = {.kind = PEAL_DISCOVERY_SOLICITATION,
		.has_mac = true,
		.source = neighbour->address,
		.target = *target};
	uint8_t mac[PEAL_LINK_MAC_SIZE];

	question.to = peal_discovery_group(target, mac);
	memcpy(question.mac, neighbour->address.mac, sizeof(question.mac));
	write_link(neighbour, data, PEAL_LINK_TYPE_IPV6, mac);
	peal_discovery_encode(
		&question, data + PEAL_LINK_HEADER_SIZE + neighbour->egress->headers.shift);
}

/* Returns true when a question left. */
static bool
ask(struct peal_neighbour *neighbour, struct peal_neighbour_entry *entry, uint64_t now_ns)
{
	const struct peal_headers *headers = &neighbour->egress->headers;
	struct peal_packet packet;

	if (entry->is_asked && now_ns - entry->asked_at_ns < PEAL_ARP_REPEAT_NS) {
		return false;
	}
	if (!peal_txqueue_allocate(&neighbour->egress->txqueue, &packet)) {
		return false;
	}
	if (headers->is_ipv6) {
		ask_by_discovery(neighbour, &entry->address, packet.data);
		packet.size = PEAL_LINK_HEADER_SIZE + PEAL_DISCOVERY_SIZE;
	} else {
		uint8_t *base = packet.data + headers->shift;

		write_arp(neighbour, packet.data, PEAL_ARP_REQUEST, mac_broadcast);
		memset(base + PEAL_ARP_TARGET_MAC_OFFSET, 0, PEAL_LINK_MAC_SIZE);
		peal_link_store32(base + PEAL_ARP_TARGET_IPV4_OFFSET, entry->address.ipv4);
		packet.size = PEAL_ARP_SIZE;
	}
	packet.size += headers->shift;
	peal_txqueue_queue(&neighbour->egress->txqueue, &packet);
	peal_counter_add(neighbour->counters,
		headers->is_ipv6 ? PEAL_COUNTER_ND_REQUESTS : PEAL_COUNTER_ARP_REQUESTS, 1);
	entry->is_asked = true;
	entry->asked_at_ns = now_ns;
	return true;
}

uint32_t
peal_neighbour_run(struct peal_neighbour *neighbour, uint64_t now_ns)
{
	PEAL_DASSERT(neighbour->gateway_at_ns != UINT64_MAX);
	neighbour->gateway_at_ns = now_ns + (neighbour->gateway.is_known ? PEAL_GATEWAY_REFRESH_NS
									 : PEAL_GATEWAY_SEEK_NS);
	return ask(neighbour, &neighbour->gateway, now_ns) ? 1 : 0;
}

/* The station that frames for `address` go to, or NULL: none has this form of address. */
static struct peal_neighbour_entry *
find_station(struct peal_neighbour *neighbour, const struct peal_address *address, uint64_t now_ns)
{
	if (!is_speakable(neighbour, address)) {
		return NULL;
	}
	return is_near(neighbour, address) ? get_entry(neighbour, address, now_ns)
					   : &neighbour->gateway;
}

bool
peal_neighbour_find(struct peal_neighbour *neighbour, const struct peal_address *address,
	uint64_t now_ns, uint8_t mac_out[6])
{
	struct peal_neighbour_entry *entry = find_station(neighbour, address, now_ns);

	if (entry == NULL) {
		return false;
	}
	if (!entry->is_known || now_ns - entry->known_at_ns >= PEAL_NEIGHBOUR_AGE_NS_MAX) {
		(void)ask(neighbour, entry, now_ns);
	}
	if (entry->is_known) {
		memcpy(mac_out, entry->address.mac, sizeof(entry->address.mac));
	}
	return entry->is_known;
}

void
peal_neighbour_send(struct peal_neighbour *neighbour, const struct peal_address *address,
	uint8_t kind, const uint8_t *body, uint16_t size, uint64_t now_ns)
{
	struct peal_address receiver = *address;
	struct peal_neighbour_entry *entry;

	if (peal_egress_next_hop(neighbour->egress, &receiver) != NULL ||
		peal_neighbour_find(neighbour, &receiver, now_ns, receiver.mac)) {
		(void)peal_egress_send_address(neighbour->egress, &receiver, kind, body, size);
		return;
	}
	entry = find_station(neighbour, &receiver, now_ns);
	if (entry == NULL || size > PEAL_KEPT_BODY_SIZE_MAX) {
		peal_counter_add(neighbour->counters, PEAL_COUNTER_NEIGHBOURS_UNKNOWN, 1);
		return;
	}
	drop_kept(neighbour, entry);
	entry->has_kept = true;
	entry->kept.kind = kind;
	entry->kept.address = receiver;
	entry->kept.size = size;
	entry->kept.kept_at_ns = now_ns;
	memcpy(entry->kept.body, body, size);
}
