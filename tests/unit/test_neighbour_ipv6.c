/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The neighbour table of a node with an IPv6 address, on a VLAN, and behind a gateway.
 */
#include "dataplane/discovery.h"
#include "dataplane/link.h"
#include "dataplane/neighbour.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/fakecore.h"
#include "wire/messages.h"

#define IP_OFFSET 14U
#define FAR_HEAD  UINT64_C(0xFD000001FFFFFFFF)

static const uint8_t stranger_mac[6] = {0x02, 0xAA, 0, 0, 0, 1};
static const struct peal_address stranger = {.ipv6_head = UINT64_C(0xFD00) << 48, .ipv4 = 0xFE};

static uint8_t packet[128];
static uint32_t packet_size;

static struct peal_fakecores *
create(uint32_t count, bool is_ipv6, uint16_t vlan, const struct peal_route *route)
{
	struct peal_fakecores_link link = {.is_ipv6 = is_ipv6, .vlan = vlan};

	if (route != NULL) {
		link.route = *route;
	}
	peal_fakecores_set_link(&link);
	return peal_fakecores_create(count, "none");
}

static void
destroy(struct peal_fakecores *cores)
{
	const struct peal_fakecores_link plain = {.vlan = 0};

	peal_fakecores_destroy(cores);
	peal_fakecores_set_link(&plain);
}

static uint64_t
counter(const struct peal_fakecores *cores, enum peal_counter id)
{
	return peal_fakecores_counter(cores, 0, id);
}

/* What a stranger says about discovery. */
static void
write_message(uint8_t kind, const struct peal_address *to, const uint8_t link_dst[6],
	const struct peal_address *target)
{
	struct peal_discovery message = {.kind = kind,
		.is_solicited = kind == PEAL_DISCOVERY_ADVERTISEMENT,
		.has_mac = true,
		.source = stranger,
		.to = *to,
		.target = *target};

	memcpy(message.mac, stranger_mac, sizeof(message.mac));
	memset(packet, 0, sizeof(packet));
	memcpy(packet, link_dst, 6);
	memcpy(packet + 6, stranger_mac, 6);
	peal_link_store16(packet + 12, PEAL_LINK_TYPE_IPV6);
	peal_discovery_encode(&message, packet + IP_OFFSET);
	packet_size = IP_OFFSET + PEAL_DISCOVERY_SIZE;
}

static void
write_question(const struct peal_address *target)
{
	uint8_t mac[6];
	struct peal_address group = peal_discovery_group(target, mac);

	write_message(PEAL_DISCOVERY_SOLICITATION, &group, mac, target);
}

static void
write_answer(const struct peal_address *target)
{
	struct peal_address own = peal_fakecores_address(0);

	write_message(PEAL_DISCOVERY_ADVERTISEMENT, &own, own.mac, target);
}

static void
inject(struct peal_fakecores *cores)
{
	peal_fakeswitch_inject(cores->wire, 0, packet, packet_size);
	peal_fakecores_turn(cores, 0);
}

static void
test_neighbour__answers_who_asks_for_its_address(void **state)
{
	struct peal_fakecores *cores = create(1, true, 0, NULL);
	struct peal_address own = peal_fakecores_address(0);
	const struct peal_fakeport *port = &cores->wire->ports[0];
	struct peal_discovery answer;

	(void)state;
	write_question(&own);
	inject(cores);
	assert_int_equal(counter(cores, PEAL_COUNTER_ND_ANSWERS), 1);
	assert_int_equal(port->last_size, packet_size);
	assert_memory_equal(port->last, stranger_mac, 6);
	assert_memory_equal(port->last + 6, own.mac, 6);
	assert_int_equal(
		peal_discovery_decode(port->last + IP_OFFSET, PEAL_DISCOVERY_SIZE, &answer),
		PEAL_DISCOVERY_GOOD);
	assert_int_equal(answer.kind, PEAL_DISCOVERY_ADVERTISEMENT);
	assert_true(answer.is_solicited);
	assert_true(peal_address_is_same_host(&answer.target, &own));
	assert_true(peal_address_is_same_host(&answer.to, &stranger));
	assert_memory_equal(answer.mac, own.mac, 6);

	/* Somebody wants the address: everybody hears that it is taken. */
	write_question(&own);
	memset(packet + IP_OFFSET + 8, 0, 16);
	peal_link_store16(packet + IP_OFFSET + 4, 24);
	packet[IP_OFFSET + 42] = packet[IP_OFFSET + 43] = 0;
	uint16_t sum = (uint16_t)~peal_link_fold_ipv6(packet + IP_OFFSET, 58, 24);
	memcpy(packet + IP_OFFSET + 42, &sum, 2);
	packet_size -= 8;
	inject(cores);
	assert_int_equal(counter(cores, PEAL_COUNTER_ND_ANSWERS), 2);
	assert_memory_equal(port->last, "\x33\x33\0\0\0\x01", 6);
	assert_int_equal(
		peal_discovery_decode(port->last + IP_OFFSET, PEAL_DISCOVERY_SIZE, &answer),
		PEAL_DISCOVERY_GOOD);
	assert_false(answer.is_solicited);
	destroy(cores);
}

static void
test_neighbour__refuses_bad_discovery_by_name(void **state)
{
	struct peal_fakecores *cores = create(1, true, 0, NULL);
	struct peal_address own = peal_fakecores_address(0);

	(void)state;
	write_question(&own);
	packet[IP_OFFSET + 7] = 64;
	inject(cores);
	assert_int_equal(counter(cores, PEAL_COUNTER_ND_REFUSED_HOPS), 1);
	write_question(&own);
	packet[IP_OFFSET + 43] ^= 1U;
	inject(cores);
	assert_int_equal(counter(cores, PEAL_COUNTER_ND_REFUSED_CHECKSUM), 1);
	write_question(&own);
	packet[IP_OFFSET + 41] = 1;
	inject(cores);
	assert_int_equal(counter(cores, PEAL_COUNTER_ND_REFUSED_FORM), 1);
	/* Who shares the end of the address shares the group. */
	struct peal_address twin = own;
	twin.ipv6_middle = 7;
	write_question(&twin);
	inject(cores);
	assert_int_equal(counter(cores, PEAL_COUNTER_ND_REFUSED_ASKER), 1);
	write_answer(&stranger); /* nobody asked */
	inject(cores);
	assert_int_equal(counter(cores, PEAL_COUNTER_ND_REFUSED_ASKER), 2);
	assert_int_equal(counter(cores, PEAL_COUNTER_ND_ANSWERS), 0);
	/* The rate. */
	for (uint32_t i = 0; i < PEAL_SOLICITATIONS_BURST_MAX + 3U; i++) {
		write_question(&own);
		inject(cores);
	}
	assert_int_equal(counter(cores, PEAL_COUNTER_ND_ANSWERS), PEAL_SOLICITATIONS_BURST_MAX);
	assert_int_equal(counter(cores, PEAL_COUNTER_ND_REFUSED_RATE), 3);
	destroy(cores);
}

static void
test_neighbour__asks_and_hears_the_answer(void **state)
{
	struct peal_fakecores *cores = create(1, true, 0, NULL);
	struct peal_neighbour *neighbour = &cores->nodes[0]->core.neighbour;
	const struct peal_fakeport *port = &cores->wire->ports[0];
	const struct peal_address ipv4 = {.ipv4 = 0x0A000001};
	struct peal_discovery question;
	uint8_t mac[6];

	(void)state;
	assert_false(peal_neighbour_find(neighbour, &ipv4, cores->now_ns, mac));
	assert_false(peal_neighbour_find(neighbour, &stranger, cores->now_ns, mac));
	assert_false(peal_neighbour_find(neighbour, &stranger, cores->now_ns, mac));
	peal_fakecores_turn(cores, 0);
	assert_int_equal(counter(cores, PEAL_COUNTER_ND_REQUESTS), 1);
	assert_int_equal(counter(cores, PEAL_COUNTER_ARP_REQUESTS), 0);
	assert_memory_equal(port->last, "\x33\x33\xFF\0\0\xFE", 6);
	assert_int_equal(
		peal_discovery_decode(port->last + IP_OFFSET, PEAL_DISCOVERY_SIZE, &question),
		PEAL_DISCOVERY_GOOD);
	assert_int_equal(question.kind, PEAL_DISCOVERY_SOLICITATION);
	assert_true(peal_address_is_same_host(&question.target, &stranger));

	write_answer(&stranger);
	inject(cores);
	assert_true(peal_neighbour_find(neighbour, &stranger, cores->now_ns, mac));
	assert_memory_equal(mac, stranger_mac, 6);
	destroy(cores);
}

static void
test_neighbour__answers_pings_over_ipv6(void **state)
{
	struct peal_fakecores *cores = create(1, true, 0, NULL);
	struct peal_address own = peal_fakecores_address(0);
	const struct peal_fakeport *port = &cores->wire->ports[0];
	uint8_t *icmp = packet + IP_OFFSET + 40;
	uint16_t sum;

	(void)state;
	write_answer(&own); /* for its headers */
	icmp[0] = 128;
	icmp[2] = icmp[3] = 0;
	sum = (uint16_t)~peal_link_fold_ipv6(packet + IP_OFFSET, 58, 32);
	memcpy(icmp + 2, &sum, sizeof(sum));
	inject(cores);
	assert_int_equal(counter(cores, PEAL_COUNTER_ICMP_ANSWERS), 1);
	assert_memory_equal(port->last, stranger_mac, 6);
	assert_int_equal(port->last[IP_OFFSET + 40], 129);
	assert_int_equal(port->last[IP_OFFSET + 7], 64);
	assert_int_equal(peal_link_fold_ipv6(port->last + IP_OFFSET, 58, 32), UINT16_MAX);
	/* Not to a group, and not to a group as sender. */
	peal_link_store_ipv6(packet + IP_OFFSET + 8,
		&(struct peal_address){.ipv6_head = UINT64_C(0xFF02) << 48, .ipv4 = 1});
	inject(cores);
	assert_int_equal(counter(cores, PEAL_COUNTER_ICMP_ANSWERS), 1);
	assert_int_equal(counter(cores, PEAL_COUNTER_ICMP_DROPPED), 1);
	destroy(cores);
}

static void
send_join(struct peal_fakecores *cores, const struct peal_address *address)
{
	const struct peal_record record = {.kind = PEAL_RECORD_SEND,
		.message = PEAL_MESSAGE_JOIN_ANSWER,
		.target = PEAL_TARGET_ADDRESS,
		.slot = PEAL_SLOT_NONE,
		.address = *address};
	const uint8_t body[16] = {7};

	peal_fakecores_send(cores, 0, record, 0, body, sizeof(body));
	peal_fakecores_turn(cores, 0);
}

static void
test_neighbour__goes_through_the_gateway(void **state)
{
	static const uint8_t second_mac[6] = {0x02, 0xBB, 0, 0, 0, 2};
	const struct peal_route route = {.prefix_size = 32, .gateway = stranger};
	struct peal_fakecores *cores = create(2, true, 0, &route);
	const struct peal_fakeport *port = &cores->wire->ports[0];
	const struct peal_address far = {
		.ipv6_head = FAR_HEAD, .ipv4 = 5, .port = 7, .mac = {2, 9, 9, 9, 9, 9}};
	struct peal_peers *peers;

	(void)state;
	/* It is asked for at once, and again until it answers. */
	peal_fakecores_turn(cores, 0);
	assert_int_equal(counter(cores, PEAL_COUNTER_ND_REQUESTS), 1);
	assert_true(peal_core_deadline_at_ns(&cores->nodes[0]->core) <=
		    cores->now_ns + PEAL_GATEWAY_SEEK_NS);
	cores->now_ns += PEAL_GATEWAY_SEEK_NS;
	peal_fakecores_turn(cores, 0);
	assert_int_equal(counter(cores, PEAL_COUNTER_ND_REQUESTS), 2);

	/* A member behind it cannot be spoken to yet; the MAC of its record is of no use here. */
	peers = peal_fakecores_make_view(cores, 0, 8, 3, 0);
	peers->peers[1].address = far;
	peal_fakecores_push_view(cores, 0, peers);
	peal_fakecores_turn(cores, 0);
	uint64_t lost = counter(cores, PEAL_COUNTER_NEIGHBOURS_UNKNOWN);
	assert_true(peal_egress_send_slot(
		&cores->nodes[0]->core.egress, 1, PEAL_MESSAGE_PROBE, packet, 16));
	assert_int_equal(counter(cores, PEAL_COUNTER_NEIGHBOURS_UNKNOWN), lost + 1U);

	/* A frame of family 0 waits for it, and leaves to it. */
	send_join(cores, &far);
	write_answer(&stranger);
	inject(cores);
	assert_int_equal(counter(cores, PEAL_COUNTER_NEIGHBOURS_AWAITED), 1);
	assert_true(peal_egress_send_slot(
		&cores->nodes[0]->core.egress, 1, PEAL_MESSAGE_PROBE, packet, 16));
	peal_fakecores_turn(cores, 0);
	assert_memory_equal(port->last, stranger_mac, 6);
	assert_int_equal(port->last[IP_OFFSET + 24], 0xFD);
	assert_int_equal(port->last[IP_OFFSET + 27], 0x01);

	/* Another router takes its address over: heard at the next question. */
	cores->now_ns += PEAL_GATEWAY_REFRESH_NS;
	peal_fakecores_turn(cores, 0);
	write_answer(&stranger);
	memcpy(packet + IP_OFFSET + 66, second_mac, 6);
	packet[IP_OFFSET + 42] = packet[IP_OFFSET + 43] = 0;
	uint16_t sum = (uint16_t)~peal_link_fold_ipv6(packet + IP_OFFSET, 58, 32);
	memcpy(packet + IP_OFFSET + 42, &sum, 2);
	inject(cores);
	send_join(cores, &far);
	assert_memory_equal(port->last, second_mac, 6);
	assert_true(peal_egress_send_slot(
		&cores->nodes[0]->core.egress, 1, PEAL_MESSAGE_PROBE, packet, 16));
	peal_txqueue_flush(&cores->nodes[0]->core.egress.txqueue);
	assert_memory_equal(port->last, second_mac, 6);

	/* Nothing is learned from a frame of somebody behind it. */
	peal_neighbour_learn(&cores->nodes[0]->core.neighbour, &far, cores->now_ns);
	send_join(cores, &far);
	assert_memory_equal(port->last, second_mac, 6);
	destroy(cores);
}

static void
test_neighbour__keeps_to_its_vlan(void **state)
{
	struct peal_fakecores *cores = create(2, false, 100, NULL);
	const struct peal_fakeport *port = &cores->wire->ports[0];
	struct peal_address other = peal_fakecores_address(1);

	(void)state;
	memset(other.mac, 0, sizeof(other.mac));
	send_join(cores, &other);
	assert_int_equal(counter(cores, PEAL_COUNTER_ARP_REQUESTS), 1);
	assert_int_equal(port->last_size, PEAL_ARP_SIZE + 4U);
	assert_memory_equal(port->last + 12, "\x81\0\0\x64\x08\x06", 6);
	peal_fakecores_turn(cores, 1);
	assert_int_equal(peal_fakecores_counter(cores, 1, PEAL_COUNTER_ARP_ANSWERS), 1);
	peal_fakecores_turn(cores, 0);
	assert_int_equal(counter(cores, PEAL_COUNTER_NEIGHBOURS_AWAITED), 1);
	assert_memory_equal(port->last + 12, "\x81\0\0\x64\x08\0", 6);
	peal_fakecores_turn(cores, 1);
	assert_int_equal(peal_fakecores_drain(cores, 1, PEAL_RECORD_FRAME), 1);

	/* The same question without the tag. */
	memset(packet, 0xFF, 12);
	peal_link_store16(packet + PEAL_LINK_TYPE_OFFSET, PEAL_LINK_TYPE_ARP);
	packet_size = 60;
	inject(cores);
	assert_int_equal(counter(cores, PEAL_COUNTER_RX_WRONG_VLAN), 1);
	destroy(cores);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_neighbour__answers_who_asks_for_its_address),
		cmocka_unit_test(test_neighbour__refuses_bad_discovery_by_name),
		cmocka_unit_test(test_neighbour__asks_and_hears_the_answer),
		cmocka_unit_test(test_neighbour__answers_pings_over_ipv6),
		cmocka_unit_test(test_neighbour__goes_through_the_gateway),
		cmocka_unit_test(test_neighbour__keeps_to_its_vlan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
