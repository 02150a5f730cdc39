/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/neighbour.h"

#include "dataplane/link.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/fakecore.h"
#include "wire/messages.h"

#define STRANGER 0x0A0000FEU

static const uint8_t stranger_mac[6] = {0x02, 0xAA, 0, 0, 0, 1};
static const uint8_t broadcast[6] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};

#define AT(number) ((struct peal_address){.ipv4 = (number)})

static void
learn(struct peal_neighbour *neighbour, uint32_t ipv4, const uint8_t mac[6], uint64_t now_ns)
{
	struct peal_address address = AT(ipv4);

	memcpy(address.mac, mac, sizeof(address.mac));
	peal_neighbour_learn(neighbour, &address, now_ns);
}

static uint64_t
counter(const struct peal_fakecores *cores, enum peal_counter id)
{
	return peal_fakecores_counter(cores, 0, id);
}

/* Writes an ARP packet of a stranger; 60 bytes, as they come from a wire. */
static void
write_arp(uint8_t packet[60], uint16_t operation, uint32_t sender, uint32_t target)
{
	static const uint8_t fixed[6] = {0, 1, 8, 0, 6, 4};

	memset(packet, 0, 60);
	memcpy(packet, broadcast, 6);
	memcpy(packet + 6, stranger_mac, 6);
	peal_link_store16(packet + 12, PEAL_LINK_TYPE_ARP);
	memcpy(packet + 14, fixed, sizeof(fixed));
	peal_link_store16(packet + PEAL_ARP_OPERATION_OFFSET, operation);
	memcpy(packet + PEAL_ARP_SENDER_MAC_OFFSET, stranger_mac, 6);
	peal_link_store32(packet + PEAL_ARP_SENDER_IPV4_OFFSET, sender);
	peal_link_store32(packet + PEAL_ARP_TARGET_IPV4_OFFSET, target);
}

static void
inject(struct peal_fakecores *cores, const uint8_t *packet, uint32_t size)
{
	peal_fakeswitch_inject(cores->wire, 0, packet, size);
	peal_fakecores_turn(cores, 0);
}

static void
test_neighbour__answers_who_asks_for_this_node(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create(1, "none");
	const uint8_t *answer = cores->wire->ports[0].last;
	uint8_t packet[60];

	(void)state;
	write_arp(packet, PEAL_ARP_REQUEST, STRANGER, 0x0A000001U);
	inject(cores, packet, sizeof(packet));
	assert_int_equal(counter(cores, PEAL_COUNTER_ARP_ANSWERS), 1);
	assert_int_equal(cores->wire->ports[0].sent_count, 1);
	assert_memory_equal(answer, stranger_mac, 6);
	assert_memory_equal(answer + 6, cores->wire->ports[0].port.mac, 6);
	assert_int_equal(peal_link_load16(answer + 12), PEAL_LINK_TYPE_ARP);
	assert_int_equal(peal_link_load16(answer + PEAL_ARP_OPERATION_OFFSET), PEAL_ARP_REPLY);
	assert_memory_equal(answer + PEAL_ARP_SENDER_MAC_OFFSET, cores->wire->ports[0].port.mac, 6);
	assert_true(peal_link_load32(answer + PEAL_ARP_SENDER_IPV4_OFFSET) == 0x0A000001U);
	assert_memory_equal(answer + PEAL_ARP_TARGET_MAC_OFFSET, stranger_mac, 6);
	assert_true(peal_link_load32(answer + PEAL_ARP_TARGET_IPV4_OFFSET) == STRANGER);
	peal_fakecores_destroy(cores);
}

static void
test_neighbour__drops_arp_that_is_not_for_it(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create(1, "none");
	uint8_t packet[60];

	(void)state;
	write_arp(packet, PEAL_ARP_REQUEST, STRANGER, 0x0A000002U);
	inject(cores, packet, sizeof(packet)); /* somebody else's address */
	write_arp(packet, PEAL_ARP_REQUEST, 0x0A000001U, 0x0A000001U);
	inject(cores, packet, sizeof(packet)); /* somebody claims ours */
	write_arp(packet, 3, STRANGER, 0x0A000001U);
	inject(cores, packet, sizeof(packet)); /* neither question nor answer */
	write_arp(packet, PEAL_ARP_REQUEST, STRANGER, 0x0A000001U);
	inject(cores, packet, PEAL_ARP_SIZE - 1U);
	packet[14] = 9; /* no Ethernet */
	inject(cores, packet, sizeof(packet));
	write_arp(packet, PEAL_ARP_REQUEST, STRANGER, 0x0A000001U);
	packet[PEAL_ARP_SENDER_MAC_OFFSET] |= 1U; /* a group asks */
	inject(cores, packet, sizeof(packet));
	write_arp(packet, PEAL_ARP_REPLY, STRANGER, 0x0A000001U);
	inject(cores, packet, sizeof(packet)); /* an answer to no question */
	assert_int_equal(counter(cores, PEAL_COUNTER_ARP_DROPPED), 7);
	assert_int_equal(cores->wire->ports[0].sent_count, 0);
	peal_fakecores_destroy(cores);
}

/* A SEND of family 0 to an address without MAC. */
static void
send_join(struct peal_fakecores *cores, uint32_t ipv4)
{
	const struct peal_record record = {.message = PEAL_MESSAGE_JOIN_REQUEST,
		.target = PEAL_TARGET_ADDRESS,
		.address = {.ipv4 = ipv4, .port = PEAL_FAKECORE_PORT}};

	peal_fakecores_send(cores, 0, record, 0, "hello", 5);
	peal_fakecores_turn(cores, 0);
}

static void
test_neighbour__asks_for_a_station_it_does_not_know(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create(2, NULL);
	const uint8_t *question = cores->wire->ports[0].last;

	(void)state;
	send_join(cores, 0x0A000002U);
	assert_int_equal(counter(cores, PEAL_COUNTER_ARP_REQUESTS), 1);
	assert_int_equal(counter(cores, PEAL_COUNTER_NEIGHBOURS_UNKNOWN), 0);
	assert_int_equal(cores->wire->ports[0].last_size, PEAL_ARP_SIZE);
	assert_memory_equal(question, broadcast, 6);
	assert_int_equal(peal_link_load16(question + PEAL_ARP_OPERATION_OFFSET), PEAL_ARP_REQUEST);
	assert_true(peal_link_load32(question + PEAL_ARP_TARGET_IPV4_OFFSET) == 0x0A000002U);
	/* Asks again only after a while. */
	cores->now_ns += PEAL_ARP_REPEAT_NS - 1U;
	send_join(cores, 0x0A000002U);
	assert_int_equal(counter(cores, PEAL_COUNTER_ARP_REQUESTS), 1);
	cores->now_ns += 1;
	send_join(cores, 0x0A000002U);
	assert_int_equal(counter(cores, PEAL_COUNTER_ARP_REQUESTS), 2);
	/* Node 1 answers, node 0 learns, and what waited arrives: the newest of three. */
	peal_fakecores_turn(cores, 1);
	peal_fakecores_turn(cores, 0);
	peal_fakecores_turn(cores, 1);
	assert_int_equal(peal_fakecores_drain(cores, 1, PEAL_RECORD_FRAME), 1);
	assert_int_equal(counter(cores, PEAL_COUNTER_NEIGHBOURS_UNKNOWN), 2);
	assert_int_equal(counter(cores, PEAL_COUNTER_NEIGHBOURS_AWAITED), 1);
	/* So does the next one, without a question. */
	send_join(cores, 0x0A000002U);
	peal_fakecores_turn(cores, 1);
	assert_int_equal(peal_fakecores_drain(cores, 1, PEAL_RECORD_FRAME), 1);
	assert_int_equal(counter(cores, PEAL_COUNTER_NEIGHBOURS_UNKNOWN), 2);
	assert_int_equal(counter(cores, PEAL_COUNTER_NEIGHBOURS_AWAITED), 1);
	/* Node 1 learned node 0 from its authenticated frame, without a question. */
	uint8_t mac[6];

	assert_true(peal_neighbour_find(
		&cores->nodes[1]->core.neighbour, &AT(0x0A000001U), cores->now_ns, mac));
	assert_memory_equal(mac, cores->wire->ports[0].port.mac, 6);
	assert_int_equal(peal_fakecores_drain(cores, 0, PEAL_RECORD_SEND_DONE), 4);
	peal_fakecores_destroy(cores);
}

static void
test_neighbour__believes_only_answers_to_its_questions(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create(1, "none");
	struct peal_neighbour *neighbour = &cores->nodes[0]->core.neighbour;
	uint8_t packet[60];
	uint8_t mac[6];

	(void)state;
	assert_false(peal_neighbour_find(neighbour, &AT(STRANGER), cores->now_ns, mac));
	write_arp(packet, PEAL_ARP_REPLY, STRANGER, 0x0A000001U);
	inject(cores, packet, sizeof(packet));
	assert_true(peal_neighbour_find(neighbour, &AT(STRANGER), cores->now_ns, mac));
	assert_memory_equal(mac, stranger_mac, 6);
	/* The question is answered; a second voice is not listened to. */
	packet[PEAL_ARP_SENDER_MAC_OFFSET + 5U] = 0x66;
	inject(cores, packet, sizeof(packet));
	assert_true(peal_neighbour_find(neighbour, &AT(STRANGER), cores->now_ns, mac));
	assert_memory_equal(mac, stranger_mac, 6);
	/* Old knowledge is used, and asked for again. */
	cores->now_ns += PEAL_NEIGHBOUR_AGE_NS_MAX;
	assert_true(peal_neighbour_find(neighbour, &AT(STRANGER), cores->now_ns, mac));
	assert_int_equal(counter(cores, PEAL_COUNTER_ARP_REQUESTS), 2);
	inject(cores, packet, sizeof(packet));
	assert_true(peal_neighbour_find(neighbour, &AT(STRANGER), cores->now_ns, mac));
	assert_int_equal(mac[5], 0x66);
	assert_false(peal_neighbour_find(neighbour, &AT(0), cores->now_ns, mac));
	peal_fakecores_destroy(cores);
}

/* The frame that waits is the last one, as it was; and not for ever. */
static void
test_neighbour__keeps_one_frame_for_a_while(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create(2, NULL);
	struct peal_neighbour *neighbour = &cores->nodes[0]->core.neighbour;
	struct peal_address to = {.ipv4 = 0x0A000002U, .port = PEAL_FAKECORE_PORT};
	uint8_t body[PEAL_KEPT_BODY_SIZE_MAX + 1U];
	struct peal_record record;

	(void)state;
	memset(body, 7, sizeof(body));
	peal_neighbour_send(neighbour, &to, PEAL_MESSAGE_JOIN_ANSWER, body, 9, cores->now_ns);
	memset(body, 8, sizeof(body));
	peal_neighbour_send(neighbour, &to, PEAL_MESSAGE_JOIN_REQUEST, body,
		PEAL_KEPT_BODY_SIZE_MAX, cores->now_ns);
	/* One that is too large leaves the other where it is. */
	peal_neighbour_send(neighbour, &to, PEAL_MESSAGE_INSTALL, body,
		PEAL_KEPT_BODY_SIZE_MAX + 1U, cores->now_ns);
	assert_int_equal(counter(cores, PEAL_COUNTER_NEIGHBOURS_UNKNOWN), 2);
	peal_fakecores_turn_all(cores);
	peal_fakecores_turn_all(cores);
	assert_true(peal_fakecores_find(cores, 1, PEAL_RECORD_FRAME, &record));
	assert_int_equal(record.message, PEAL_MESSAGE_JOIN_REQUEST);
	assert_int_equal(record.body_size, PEAL_KEPT_BODY_SIZE_MAX);
	assert_memory_equal(cores->nodes[1]->up_buffers[record.buffer], body, record.body_size);
	assert_int_equal(counter(cores, PEAL_COUNTER_NEIGHBOURS_AWAITED), 1);
	/* Whoever speaks is known as well; a frame whose time is over does not leave then. */
	to.ipv4 = STRANGER;
	peal_neighbour_send(neighbour, &to, PEAL_MESSAGE_JOIN_REQUEST, body, 5, cores->now_ns);
	learn(neighbour, STRANGER, stranger_mac, cores->now_ns + PEAL_ARP_REPEAT_NS);
	assert_int_equal(counter(cores, PEAL_COUNTER_NEIGHBOURS_AWAITED), 2);
	to.ipv4 = STRANGER + 1U;
	peal_neighbour_send(neighbour, &to, PEAL_MESSAGE_JOIN_REQUEST, body, 5, cores->now_ns);
	learn(neighbour, to.ipv4, stranger_mac, cores->now_ns + PEAL_ARP_REPEAT_NS + 1U);
	assert_int_equal(counter(cores, PEAL_COUNTER_NEIGHBOURS_AWAITED), 2);
	assert_int_equal(counter(cores, PEAL_COUNTER_NEIGHBOURS_UNKNOWN), 3);
	/* Nor does one whose place another station got, or one to nobody. */
	for (uint32_t i = 0; i <= PEAL_NEIGHBOURS_MAX; i++) {
		to.ipv4 = 0x0B000000U + i;
		peal_neighbour_send(neighbour, &to, PEAL_MESSAGE_JOIN_REQUEST, body, 5,
			cores->now_ns + PEAL_ARP_REPEAT_NS + 2U + i);
	}
	assert_int_equal(counter(cores, PEAL_COUNTER_NEIGHBOURS_UNKNOWN), 4);
	to.ipv4 = 0;
	peal_neighbour_send(neighbour, &to, PEAL_MESSAGE_JOIN_REQUEST, body, 5, cores->now_ns);
	assert_int_equal(counter(cores, PEAL_COUNTER_NEIGHBOURS_UNKNOWN), 5);
	peal_fakecores_destroy(cores);
}

static void
test_neighbour__forgets_the_one_unused_for_longest(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create(1, "none");
	struct peal_neighbour *neighbour = &cores->nodes[0]->core.neighbour;
	uint8_t mac[6] = {0x02, 0, 0, 0, 0, 9};

	(void)state;
	for (uint32_t i = 0; i < PEAL_NEIGHBOURS_MAX; i++) {
		learn(neighbour, 1000U + i, mac, ++cores->now_ns);
	}
	assert_true(
		peal_neighbour_find(neighbour, &AT(1000), ++cores->now_ns, mac)); /* used again */
	learn(neighbour, 5000, mac, ++cores->now_ns);
	assert_true(peal_neighbour_find(neighbour, &AT(1000), cores->now_ns, mac));
	assert_true(peal_neighbour_find(neighbour, &AT(5000), cores->now_ns, mac));
	assert_false(peal_neighbour_find(neighbour, &AT(1001), cores->now_ns, mac));
	/* No station has a group address, or none. */
	mac[0] = 3;
	learn(neighbour, 6000, mac, cores->now_ns);
	memset(mac, 0, sizeof(mac));
	learn(neighbour, 6000, mac, cores->now_ns);
	assert_false(peal_neighbour_find(neighbour, &AT(6000), cores->now_ns, mac));
	peal_fakecores_destroy(cores);
}

static uint16_t
sum_words(const uint8_t *bytes, uint32_t size)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < size; i++) {
		sum += i % 2U == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
	}
	while (sum >> 16 != 0) {
		sum = (sum & 0xFFFFU) + (sum >> 16);
	}
	return (uint16_t)sum;
}

/* A ping of `data_size` bytes; returns the packet's size. */
static uint32_t
write_ping(uint8_t *packet, uint32_t data_size)
{
	uint16_t checksum;

	memset(packet, 0, PEAL_ICMP_OFFSET + 8U);
	packet[0] = 0x02;
	packet[5] = 1;
	memcpy(packet + 6, stranger_mac, 6);
	peal_link_store16(packet + 12, PEAL_LINK_TYPE_IPV4);
	packet[14] = 0x45;
	peal_link_store16(packet + 16, (uint16_t)(28U + data_size));
	packet[22] = 5;
	packet[23] = PEAL_IPV4_PROTOCOL_ICMP;
	peal_link_store32(packet + 26, STRANGER);
	peal_link_store32(packet + 30, 0x0A000001U);
	peal_link_seal_ipv4(packet + 14);
	packet[34] = PEAL_ICMP_ECHO_REQUEST;
	peal_link_store32(packet + 38, 0x12345678);
	for (uint32_t i = 0; i < data_size; i++) {
		packet[42 + i] = (uint8_t)(i * 7U + data_size);
	}
	checksum = (uint16_t)~sum_words(packet + 34, 8U + data_size);
	peal_link_store16(packet + 36, checksum);
	return 42U + data_size;
}

static void
test_neighbour__answers_pings_of_any_size(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create(1, "none");
	const struct peal_fakeport *port = &cores->wire->ports[0];
	uint8_t packet[PEAL_FAKEPORT_FRAME_SIZE_MAX];

	(void)state;
	for (uint32_t data_size = 0; data_size < 1400; data_size += 1 + data_size / 8U) {
		uint32_t size = write_ping(packet, data_size);

		cores->now_ns += 100000000;
		inject(cores, packet, size);
		assert_int_equal(port->last_size, size);
		assert_memory_equal(port->last, stranger_mac, 6);
		assert_memory_equal(port->last + 6, port->port.mac, 6);
		assert_int_equal(peal_link_fold_ipv4(port->last + 14), 0xFFFF);
		assert_true(peal_link_load32(port->last + 26) == 0x0A000001U);
		assert_true(peal_link_load32(port->last + 30) == STRANGER);
		assert_int_equal(port->last[22], 64);
		assert_int_equal(port->last[34], PEAL_ICMP_ECHO_REPLY);
		assert_int_equal(sum_words(port->last + 34, 8U + data_size), 0xFFFF);
		assert_memory_equal(port->last + 38, packet + 38, 4U + data_size);
	}
	assert_int_equal(counter(cores, PEAL_COUNTER_ICMP_DROPPED), 0);
	assert_int_equal(counter(cores, PEAL_COUNTER_ICMP_ANSWERS), port->sent_count);
	/* The damage of a question comes back with the answer. */
	uint32_t size = write_ping(packet, 56);

	packet[50] ^= 1U;
	inject(cores, packet, size);
	assert_int_not_equal(sum_words(port->last + 34, 64), 0xFFFF);
	peal_fakecores_destroy(cores);
}

static void
test_neighbour__answers_so_many_pings_and_no_more(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create(1, "none");
	uint8_t packet[PEAL_FAKEPORT_FRAME_SIZE_MAX];
	uint32_t size = write_ping(packet, 56);
	uint64_t answered;

	(void)state;
	for (uint32_t i = 0; i < 100; i++) {
		inject(cores, packet, size);
	}
	assert_int_equal(counter(cores, PEAL_COUNTER_ICMP_ANSWERS), PEAL_PINGS_BURST_MAX);
	assert_int_equal(counter(cores, PEAL_COUNTER_ICMP_DROPPED), 100U - PEAL_PINGS_BURST_MAX);
	answered = counter(cores, PEAL_COUNTER_ICMP_ANSWERS);
	for (uint32_t i = 0; i < 10000; i++) { /* a second, ten a millisecond */
		cores->now_ns += 100000;
		inject(cores, packet, size);
	}
	answered = counter(cores, PEAL_COUNTER_ICMP_ANSWERS) - answered;
	assert_in_range(answered, PEAL_PINGS_PER_SECOND_MAX - 1U, PEAL_PINGS_PER_SECOND_MAX + 1U);
	peal_fakecores_destroy(cores);
}

static void
test_neighbour__drops_other_icmp(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create(1, "none");
	uint8_t packet[PEAL_FAKEPORT_FRAME_SIZE_MAX];
	uint32_t size = write_ping(packet, 56);

	(void)state;
	packet[34] = 13;
	inject(cores, packet, size);
	size = write_ping(packet, 56);
	packet[35] = 1;
	inject(cores, packet, size);
	size = write_ping(packet, 0);
	peal_link_store16(packet + 16, 27); /* shorter than its header */
	peal_link_seal_ipv4(packet + 14);
	inject(cores, packet, size);
	cores->nodes[0]->core.neighbour.packet_size_max = 1000;
	size = write_ping(packet, 1000U - 41U);
	inject(cores, packet, size);
	assert_int_equal(counter(cores, PEAL_COUNTER_ICMP_DROPPED), 4);
	assert_int_equal(cores->wire->ports[0].sent_count, 0);
	peal_fakecores_destroy(cores);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_neighbour__drops_arp_that_is_not_for_it),
		cmocka_unit_test(test_neighbour__drops_other_icmp),
		cmocka_unit_test(test_neighbour__answers_who_asks_for_this_node),
		cmocka_unit_test(test_neighbour__asks_for_a_station_it_does_not_know),
		cmocka_unit_test(test_neighbour__believes_only_answers_to_its_questions),
		cmocka_unit_test(test_neighbour__keeps_one_frame_for_a_while),
		cmocka_unit_test(test_neighbour__forgets_the_one_unused_for_longest),
		cmocka_unit_test(test_neighbour__answers_pings_of_any_size),
		cmocka_unit_test(test_neighbour__answers_so_many_pings_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
