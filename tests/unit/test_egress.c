/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/egress.h"

#include "dataplane/link.h"
#include "dataplane/toeplitz.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"
#include "tests/lib/fakecore.h"
#include "wire/messages.h"

#include <stdlib.h>

/* The egress of node 0, used by hand; node 1 is the receiver. */
static struct peal_egress *
egress_of(struct peal_fakecores *cores)
{
	return &cores->nodes[0]->core.egress;
}

static const uint8_t text[40] = "forty bytes that are no liveness body.";

static void
test_egress__finds_each_shard_of_a_peer(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(3, NULL);
	struct peal_peers *peers = peal_fakecores_make_view(cores, 0, PEAL_FAKECORE_EPOCH, 7, 0);
	struct peal_fakeport *port = &cores->wire->ports[0];

	(void)state;
	peers->peers[1].mid = 77; /* another member: source ports are chosen once for each */
	peers->peers[1].shards_count = 3;
	peal_fakecores_push_view(cores, 0, peers);
	peal_fakecores_turn(cores, 0);
	for (uint8_t shard = 0; shard < 3; shard++) {
		const struct peal_toeplitz_flow flow = {.ipv4_src = 0x0A000001U,
			.ipv4_dst = 0x0A000002U,
			.port_dst = (uint16_t)(PEAL_FAKECORE_PORT + shard)};
		struct peal_packet packet;
		struct peal_header header;
		uint8_t *body = peal_egress_begin(egress_of(cores), &packet);

		memcpy(body, text, 40);
		peal_egress_end(egress_of(cores), &packet, 1, shard, PEAL_MESSAGE_CHANNEL, 40);
		peal_txqueue_flush(&egress_of(cores)->txqueue);
		assert_int_equal(peal_link_load16(port->last + PEAL_UDP_DST_OFFSET),
			PEAL_FAKECORE_PORT + shard);
		assert_int_equal(peal_link_load16(port->last + PEAL_UDP_SRC_OFFSET),
			peal_toeplitz_find_port(&flow, shard, 3, PEAL_FAKECORE_PORT));
		assert_int_equal(peal_link_fold_ipv4(port->last + PEAL_IPV4_OFFSET), 0xFFFF);
		assert_int_equal(peal_frame_decode(port->last + PEAL_UDP_OFFSET,
					 port->last_size - PEAL_UDP_OFFSET, &header),
			PEAL_REFUSAL_NONE);
		/* One counter for all shards of a peer. */
		assert_true(header.counter ==
			    peal_frame_counter(0, shard, egress_of(cores)->peers[1].counter));
	}
	peal_fakecores_destroy(cores);
}

/* With a tag, over IPv6, or both: the sender's port is that of its own shard. */
static void
test_egress__finds_each_shard_over_other_links(void **state)
{
	const struct peal_fakecores_link plain = {.vlan = 0};

	(void)state;
	for (uint32_t shape = 1; shape < 4; shape++) {
		const struct peal_fakecores_link link = {
			.is_ipv6 = (shape & 1U) != 0, .vlan = (shape & 2U) != 0 ? 100 : 0};
		struct peal_fakecores *cores;
		struct peal_fakeport *port;
		struct peal_peers *peers;

		peal_fakecores_set_link(&link);
		cores = peal_fakecores_create_view(3, NULL);
		port = &cores->wire->ports[0];
		peers = peal_fakecores_make_view(cores, 0, PEAL_FAKECORE_EPOCH, 7, 0);
		peers->peers[1].mid = 77;
		peers->peers[1].shards_count = 3;
		peal_fakecores_push_view(cores, 0, peers);
		peal_fakecores_turn(cores, 0);
		for (uint8_t shard = 0; shard < 3; shard++) {
			struct peal_packet packet;
			struct peal_header header;
			const uint8_t *payload;
			uint32_t payload_size;
			uint8_t *body = peal_egress_begin(egress_of(cores), &packet);

			memcpy(body, text, 40);
			peal_egress_end(
				egress_of(cores), &packet, 1, shard, PEAL_MESSAGE_CHANNEL, 40);
			assert_int_equal(egress_of(cores)->txqueue.queue_count, 0);
			assert_int_equal(egress_of(cores)->txqueue.bulk_count, 1);
			peal_txqueue_flush(&egress_of(cores)->txqueue);
			payload = peal_headers_payload(port->last, port->last_size, &payload_size);
			assert_non_null(payload);
			assert_ptr_equal(payload, port->last + egress_of(cores)->headers.size);
			assert_int_equal(peal_link_load16(payload - 6), PEAL_FAKECORE_PORT + shard);
			assert_int_equal(peal_link_load16(payload - 8), PEAL_FAKECORE_PORT);
			if (link.is_ipv6) {
				assert_int_equal(peal_link_fold_ipv6(payload - 48,
							 PEAL_IPV6_NEXT_UDP, 8U + payload_size),
					0xFFFF);
			}
			assert_int_equal(peal_frame_decode(payload, payload_size, &header),
				PEAL_REFUSAL_NONE);
			assert_true(header.counter == peal_frame_counter(0, shard,
							      egress_of(cores)->peers[1].counter));
		}
		peal_fakecores_destroy(cores);
	}
	peal_fakecores_set_link(&plain);
}

/* Bulk to whom there is no way is lost at once, and its packet and its place are free again. */
static void
test_egress__drops_bulk_without_a_way(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(3, NULL);
	struct peal_packet packet;
	uint64_t counter;

	(void)state;
	counter = egress_of(cores)->peers[1].counter;
	egress_of(cores)->peers[1].is_lost = egress_of(cores)->peers[1].is_slow = true;
	memcpy(peal_egress_begin(egress_of(cores), &packet), text, 40);
	peal_egress_end(egress_of(cores), &packet, 1, 0, PEAL_MESSAGE_CHANNEL, 40);
	assert_int_equal(egress_of(cores)->txqueue.bulk_count, 0);
	assert_true(egress_of(cores)->peers[1].counter == counter);
	assert_true(peal_fakecores_counter(cores, 0, PEAL_COUNTER_NEIGHBOURS_UNKNOWN) == 1);
	peal_fakecores_destroy(cores); /* counts the packets */
}

static void
test_egress__writes_the_whole_packet(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(3, NULL);
	struct peal_fakeport *port = &cores->wire->ports[0];
	const uint8_t *data = port->last;
	uint8_t body[PEAL_BODY_SIZE_MAX];

	(void)state;
	assert_true(peal_egress_send_slot(egress_of(cores), 1, PEAL_MESSAGE_VOTE, text, 40));
	assert_int_equal(port->sent_count, 0); /* not before the flush */
	peal_txqueue_flush(&egress_of(cores)->txqueue);
	assert_int_equal(port->sent_count, 1);
	assert_int_equal(port->last_size, 42 + 32 + 40 + 16);

	static const uint8_t link[16] = {
		0x02, 0, 0, 0, 0, 2, 0x02, 0, 0, 0, 0, 1, 0x08, 0x00, 0x45, 0x00};

	assert_memory_equal(data, link, sizeof(link));
	assert_int_equal(peal_link_load16(data + PEAL_IPV4_LENGTH_OFFSET), 20 + 8 + 88);
	assert_int_equal(peal_link_load16(data + PEAL_IPV4_FRAGMENT_OFFSET), 0x4000);
	assert_int_equal(data[PEAL_IPV4_TTL_OFFSET], 64);
	assert_int_equal(data[PEAL_IPV4_PROTOCOL_OFFSET], 17);
	assert_int_equal(peal_link_fold_ipv4(data + PEAL_IPV4_OFFSET), 0xFFFF);
	assert_true(peal_link_load32(data + PEAL_IPV4_SRC_OFFSET) == 0x0A000001U);
	assert_true(peal_link_load32(data + PEAL_IPV4_DST_OFFSET) == 0x0A000002U);
	assert_int_equal(peal_link_load16(data + PEAL_UDP_SRC_OFFSET), PEAL_FAKECORE_PORT);
	assert_int_equal(peal_link_load16(data + PEAL_UDP_DST_OFFSET), PEAL_FAKECORE_PORT);
	assert_int_equal(peal_link_load16(data + PEAL_UDP_LENGTH_OFFSET), 8 + 88);
	assert_int_equal(peal_link_load16(data + PEAL_UDP_CHECKSUM_OFFSET), 0);

	struct peal_header header = peal_fakecores_open_last(cores, 0, body);

	assert_int_equal(header.kind, PEAL_MESSAGE_VOTE);
	assert_int_equal(header.flags, 0);
	assert_int_equal(header.key_id, cores->aead.key_id);
	assert_true(header.cluster == PEAL_FAKECORE_CLUSTER);
	assert_int_equal(header.src, 1);
	assert_int_equal(header.dst, 2);
	assert_int_equal(header.epoch, PEAL_FAKECORE_EPOCH);
	assert_true(header.counter == 1);
	assert_memory_equal(body, text, sizeof(text));
	assert_int_equal(peal_fakecores_counter(cores, 0, PEAL_COUNTER_TX_FRAMES), 1);
	assert_int_equal(
		peal_fakecores_counter(cores, 0, PEAL_COUNTER_TX_BYTES), 42 + 32 + 40 + 16);
	peal_fakecores_destroy(cores);
}

static void
test_egress__writes_any_size(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(2, NULL);
	uint8_t sent[PEAL_BODY_SIZE_MAX];
	uint8_t body[PEAL_BODY_SIZE_MAX];

	(void)state;
	memset(sent, 0xA5, sizeof(sent));
	for (uint32_t size = 0; size <= PEAL_BODY_SIZE_MAX; size++) {
		const struct peal_fakeport *port = &cores->wire->ports[0];

		peal_egress_send_slot(egress_of(cores), 1, PEAL_MESSAGE_VOTE, sent, (uint16_t)size);
		peal_txqueue_flush(&egress_of(cores)->txqueue);
		struct peal_header header = peal_fakecores_open_last(cores, 0, body);

		assert_int_equal(header.body_size, size);
		assert_memory_equal(body, sent, size);
		assert_int_equal(peal_link_fold_ipv4(port->last + PEAL_IPV4_OFFSET), 0xFFFF);
		assert_int_equal(peal_link_load16(port->last + PEAL_UDP_LENGTH_OFFSET), size + 56);
		peal_fakeswitch_clear(cores->wire, 1);
	}
	peal_fakecores_destroy(cores);
}

static uint64_t
send_and_read_counter(struct peal_fakecores *cores, uint16_t slot)
{
	uint8_t body[PEAL_BODY_SIZE_MAX];

	peal_egress_send_slot(egress_of(cores), slot, PEAL_MESSAGE_VOTE, text, sizeof(text));
	peal_txqueue_flush(&egress_of(cores)->txqueue);
	return peal_fakecores_open_last(cores, 0, body).counter;
}

static void
test_egress__counts_each_stream_and_never_back(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(3, "none");

	(void)state;
	assert_true(send_and_read_counter(cores, 1) == 1);
	assert_true(send_and_read_counter(cores, 1) == 2);
	assert_true(send_and_read_counter(cores, 2) == 1);
	peal_fakecores_install(cores, 0, PEAL_FAKECORE_EPOCH + 1U, 0x3, 0x4);
	assert_true(send_and_read_counter(cores, 1) == 3);
	assert_true(send_and_read_counter(cores, 2) == 2); /* departed, and still the same stream */
	/* A new receiver in the slot: its stream begins above the one that was there. */
	cores->nodes[2]->mid = 30;
	peal_fakecores_install(cores, 0, PEAL_FAKECORE_EPOCH + 2U, 0x7, 0);
	assert_true(send_and_read_counter(cores, 1) == 4);
	assert_true(send_and_read_counter(cores, 2) == 3);
	/* Everything is new in this node's next life. */
	cores->nodes[0]->mid = 31;
	peal_fakecores_install(cores, 0, PEAL_FAKECORE_EPOCH + 3U, 0x7, 0);
	assert_true(send_and_read_counter(cores, 1) == 1);
	peal_fakeswitch_clear(cores->wire, 1);
	peal_fakeswitch_clear(cores->wire, 2);
	peal_fakecores_destroy(cores);
}

static void
test_egress__goes_on_where_it_was_with_a_receiver_that_was_forgotten(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(3, "none");

	(void)state;
	for (uint64_t counter = 1; counter <= 300U; counter++) {
		assert_true(send_and_read_counter(cores, 2) == counter);
	}
	/* Without a slot for one view, while the other side keeps its window. */
	peal_fakecores_install(cores, 0, PEAL_FAKECORE_EPOCH + 1U, 0x3, 0);
	assert_true(send_and_read_counter(cores, 1) == 1);
	peal_fakecores_install(cores, 0, PEAL_FAKECORE_EPOCH + 2U, 0x7, 0);
	assert_true(send_and_read_counter(cores, 2) == 301U);
	assert_true(send_and_read_counter(cores, 1) == 2);
	/* Again, after fewer frames than another stream had. */
	peal_fakecores_install(cores, 0, PEAL_FAKECORE_EPOCH + 3U, 0x5, 0);
	peal_fakecores_install(cores, 0, PEAL_FAKECORE_EPOCH + 4U, 0x7, 0);
	assert_true(send_and_read_counter(cores, 1) > 2);
	assert_true(send_and_read_counter(cores, 2) == 302U);
	peal_fakeswitch_clear(cores->wire, 1);
	peal_fakeswitch_clear(cores->wire, 2);
	peal_fakecores_destroy(cores);
}

static void
send_one_too_many(void *argument)
{
	struct peal_fakecores *cores = argument;

	egress_of(cores)->peers[1].counter = PEAL_FRAME_COUNTER_MAX - 1U;
	peal_egress_send_slot(egress_of(cores), 1, PEAL_MESSAGE_VOTE, text, sizeof(text));
	peal_egress_send_slot(egress_of(cores), 1, PEAL_MESSAGE_VOTE, text, sizeof(text));
}

static void
test_egress__stops_before_a_nonce_comes_again(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(2, "none");

	(void)state;
	assert_true(peal_test_dies(send_one_too_many, cores));
	peal_fakecores_destroy(cores);
}

static void
test_egress__family_0_has_a_random_nonce_and_a_transaction(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create(2, NULL);
	struct peal_address to = peal_fakecores_address(1);
	struct peal_header seen[20];
	uint8_t body[PEAL_BODY_SIZE_MAX];

	(void)state;
	for (uint32_t i = 0; i < 20; i++) {
		assert_true(peal_egress_send_address(
			egress_of(cores), &to, PEAL_MESSAGE_JOIN_REQUEST, text, sizeof(text)));
		peal_txqueue_flush(&egress_of(cores)->txqueue);
		seen[i] = peal_fakecores_open_last(cores, 0, body);
		assert_memory_equal(body, text, sizeof(text));
		assert_true(seen[i].cluster == PEAL_FAKECORE_CLUSTER_NAME);
		assert_true(seen[i].counter == i + 1U);
		for (uint32_t j = 0; j < i; j++) {
			assert_memory_not_equal(seen[i].random, seen[j].random, 12);
		}
	}
	peal_fakecores_turn(cores, 1);
	assert_int_equal(peal_fakecores_drain(cores, 1, PEAL_RECORD_FRAME), 20);
	peal_fakecores_destroy(cores);
}

static void
test_egress__turns_a_packet_round(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(2, NULL);
	const struct peal_port *port = &cores->wire->ports[0].port;
	uint8_t noise[200];
	uint8_t body[PEAL_BODY_SIZE_MAX];
	struct peal_packet packet;

	(void)state;
	memset(noise, 0x99, sizeof(noise));
	peal_fakeswitch_inject(cores->wire, 0, noise, sizeof(noise));
	assert_int_equal(port->ops->receive(port->state, 0, &packet, 1), 1);
	peal_egress_answer(egress_of(cores), &packet, 1, 0, PEAL_MESSAGE_ACK, text);
	peal_txqueue_flush(&egress_of(cores)->txqueue);
	assert_int_equal(cores->wire->ports[0].last_size, 106);
	assert_int_equal(cores->wire->ports[0].allocations_count, 0);
	struct peal_header header = peal_fakecores_open_last(cores, 0, body);

	assert_int_equal(header.kind, PEAL_MESSAGE_ACK);
	assert_memory_equal(body, text, PEAL_LIVENESS_BODY_SIZE);
	peal_fakecores_turn(cores, 1);
	assert_int_equal(peal_fakecores_counter(cores, 1, PEAL_COUNTER_RX_FRAMES), 1);
	assert_int_equal(peal_fakecores_counter(cores, 1, PEAL_COUNTER_REFUSED_TAG), 0);
	peal_fakecores_destroy(cores);
}

/* A frame to node 1 that node 2 is to pass on, and then a packet passed on to it, on every kind of
 * link. */
static void
test_egress__sends_round_and_passes_on(void **state)
{
	const struct peal_fakecores_link plain = {.vlan = 0};

	(void)state;
	for (uint32_t shape = 0; shape < 4; shape++) {
		const struct peal_fakecores_link link = {
			.is_ipv6 = (shape & 1U) != 0, .vlan = (shape & 2U) != 0 ? 100 : 0};
		struct peal_fakecores *cores;
		struct peal_fakeport *port;
		struct peal_packet packet;
		struct peal_header header;
		uint8_t first[PEAL_PAYLOAD_SIZE_MAX];
		uint32_t offset;

		peal_fakecores_set_link(&link);
		cores = peal_fakecores_create_view(3, NULL);
		port = &cores->wire->ports[0];
		offset = egress_of(cores)->headers.size;
		peal_egress_set_via(egress_of(cores), 1, 2, 0);
		memcpy(peal_egress_begin(egress_of(cores), &packet), text, 40);
		peal_egress_end(egress_of(cores), &packet, 1, 0, PEAL_MESSAGE_CHANNEL, 40);
		peal_txqueue_flush(&egress_of(cores)->txqueue);
		/* To the station of node 2, with the number of node 1. */
		assert_memory_equal(port->last, peal_fakecores_address(2).mac, 6);
		assert_int_equal(port->last_size, offset + 48U + 40U);
		assert_int_equal(
			peal_frame_decode(port->last + offset, 88, &header), PEAL_REFUSAL_NONE);
		assert_int_equal(header.flags, PEAL_FRAME_FLAG_RELAY);
		assert_int_equal(header.dst, cores->nodes[1]->mid);
		assert_true(header.counter ==
			    peal_frame_counter(0, 0, egress_of(cores)->peers[1].counter));
		memcpy(first, port->last + offset, 88);

		/* The same frame, passed on by this node: its bytes stay. */
		memcpy(peal_egress_begin(egress_of(cores), &packet) - PEAL_HEADER_SIZE, first, 88);
		packet.size = offset + 88U;
		assert_true(peal_egress_pass(egress_of(cores), &packet, 1, 0, 88));
		peal_txqueue_flush(&egress_of(cores)->txqueue);
		assert_memory_equal(port->last, peal_fakecores_address(1).mac, 6);
		assert_int_equal(port->last_size, offset + 88U);
		assert_memory_equal(port->last + offset, first, 88);
		if (link.is_ipv6) {
			assert_int_equal(peal_link_fold_ipv6(port->last + offset - 48U,
						 PEAL_IPV6_NEXT_UDP, 8U + 88U),
				0xFFFF);
		}

		/* Directly again; and of itself with each table. */
		peal_egress_set_via(egress_of(cores), 1, PEAL_PEERS_NONE, 0);
		peal_egress_send_slot(egress_of(cores), 1, PEAL_MESSAGE_CHANNEL, text, 40);
		peal_txqueue_flush(&egress_of(cores)->txqueue);
		assert_memory_equal(port->last, peal_fakecores_address(1).mac, 6);
		peal_egress_set_via(egress_of(cores), 1, 2, 0);
		peal_fakecores_install(cores, 0, PEAL_FAKECORE_EPOCH + 1U, 7, 0);
		assert_int_equal(egress_of(cores)->peers[1].via, PEAL_PEERS_NONE);
		assert_true(egress_of(cores)->peers[1].is_slow == (shape != 0));
		peal_fakeswitch_clear(cores->wire, 1);
		peal_fakeswitch_clear(cores->wire, 2);
		peal_fakecores_destroy(cores);
	}
	peal_fakecores_set_link(&plain);
}

/* What lies elsewhere arrives as if it had been written; over each shape of headers. */
static void
test_egress__seals_what_lies_elsewhere(void **state)
{
	static const uint16_t cuts[] = {0, 1, 40, 400, 1000};
	const struct peal_fakecores_link plain = {.vlan = 0};
	uint8_t whole[1000];
	uint8_t body[PEAL_BODY_SIZE_MAX];

	(void)state;
	for (uint32_t i = 0; i < sizeof(whole); i++) {
		whole[i] = (uint8_t)(i * 3U);
	}
	for (uint32_t shape = 0; shape < 4; shape++) {
		const struct peal_fakecores_link link = {
			.is_ipv6 = (shape & 1U) != 0, .vlan = (shape & 2U) != 0 ? 100 : 0};
		struct peal_fakecores *cores;

		peal_fakecores_set_link(&link);
		cores = peal_fakecores_create_view(2, NULL);
		for (uint32_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
			const struct peal_egress_rest rest = {
				whole + cuts[i], (uint16_t)(sizeof(whole) - cuts[i])};
			struct peal_packet packet;

			memcpy(peal_egress_begin(egress_of(cores), &packet), whole, cuts[i]);
			peal_egress_end_rest(egress_of(cores), &packet, 1, 0, PEAL_MESSAGE_CHANNEL,
				sizeof(whole), &rest);
			peal_txqueue_flush(&egress_of(cores)->txqueue);
			assert_int_equal(
				peal_fakecores_open_last(cores, 0, body).body_size, sizeof(whole));
			assert_memory_equal(body, whole, sizeof(whole));
			peal_fakeswitch_clear(cores->wire, 1);
		}
		peal_fakecores_destroy(cores);
	}
	peal_fakecores_set_link(&plain);
}

static void
test_egress__knows_what_the_link_carries(void **state)
{
	struct peal_counters counters;
	struct peal_egress_config config = {
		.port = {.packet_size_max = PEAL_MTU_MAX + PEAL_LINK_SIZE_MAX},
		.address = {.ipv4 = 1, .port = 4100, .mac = {2}},
		.counters = &counters};
	static const uint16_t mtus[] = {0, 1280, 1500, 9000};
	static const uint16_t sizes[] = {1184, 1184, 1424, PEAL_LARGE_BODY_SIZE_MAX};
	struct peal_egress *egress = aligned_alloc(64, sizeof(*egress));

	(void)state;
	assert_non_null(egress);
	for (uint32_t i = 0; i < sizeof(mtus) / sizeof(mtus[0]); i++) {
		config.port.mtu = mtus[i];
		config.address.ipv6_head = 0;
		peal_egress_init(egress, &config);
		assert_int_equal(egress->body_size_max, sizes[i]);
		config.address.ipv6_head = 1;
		peal_egress_init(egress, &config);
		assert_int_equal(egress->body_size_max,
			mtus[i] <= PEAL_MTU_MIN ? PEAL_BODY_SIZE_MAX : sizes[i] - 20U);
	}
	free(egress);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_egress__writes_the_whole_packet),
		cmocka_unit_test(test_egress__finds_each_shard_of_a_peer),
		cmocka_unit_test(test_egress__finds_each_shard_over_other_links),
		cmocka_unit_test(test_egress__drops_bulk_without_a_way),
		cmocka_unit_test(test_egress__writes_any_size),
		cmocka_unit_test(test_egress__counts_each_stream_and_never_back),
		cmocka_unit_test(
			test_egress__goes_on_where_it_was_with_a_receiver_that_was_forgotten),
		cmocka_unit_test(test_egress__stops_before_a_nonce_comes_again),
		cmocka_unit_test(test_egress__family_0_has_a_random_nonce_and_a_transaction),
		cmocka_unit_test(test_egress__turns_a_packet_round),
		cmocka_unit_test(test_egress__sends_round_and_passes_on),
		cmocka_unit_test(test_egress__seals_what_lies_elsewhere),
		cmocka_unit_test(test_egress__knows_what_the_link_carries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
