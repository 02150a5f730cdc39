/* SPDX-License-Identifier: BSD-3-Clause */
/* A core that is not at home, beside the one that is: node 0 has both, and one receive queue. */
#include "dataplane/core.h"

#include "dataplane/link.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"
#include "tests/lib/fakecore.h"
#include "tests/lib/fakesteer.h"
#include "wire/messages.h"

#include <stdlib.h>

#define SHARDS_COUNT 2U
#define RING_SIZE    4U
#define PEER         1U

struct world {
	struct peal_fakecores *cores;
	struct peal_core *home;
	struct peal_core *away;
	struct peal_fakering down;
	struct peal_fakering up;
	struct peal_plane plane;
	struct peal_fakesteer steer;
	uint64_t count; /* frames sent to the core that is not at home */
	_Atomic uint64_t gateway_mac;
};

/* A core of node 0 from the configuration of its only one. */
static void
init_core(struct world *world, struct peal_core *core, uint8_t shard, struct peal_plane *plane)
{
	struct peal_core_config config = world->cores->nodes[0]->core.config;

	config.shard = shard;
	config.shards_count = SHARDS_COUNT;
	config.plane = plane;
	if (config.route.prefix_size > 0) {
		config.gateway_mac = &world->gateway_mac;
	}
	config.rings = peal_fakesteer_rings(&world->steer, shard);
	peal_core_init(core, &config, world->cores->now_ns);
}

static void
push_view(struct world *world, const struct peal_peers *peers)
{
	const struct peal_record record = {.kind = PEAL_RECORD_VIEW,
		.generation = peers->generation,
		.epoch = peers->epoch,
		.peers = peers};

	assert_int_equal(world->plane.down.push(world->plane.down.state, &record, 1), 1);
}

static struct world *
set_up(void)
{
	struct world *world = calloc(1, sizeof(*world));
	struct peal_peers *peers;

	assert_non_null(world);
	world->cores = peal_fakecores_create(2, "none");
	world->home = &world->cores->nodes[0]->core;
	world->away = aligned_alloc(64, (sizeof(struct peal_core) + 63U) / 64U * 64U);
	assert_non_null(world->away);
	peal_fakesteer_init(&world->steer, RING_SIZE);
	world->down.capacity = world->up.capacity = PEAL_PLANE_RECORDS_MAX;
	world->plane.down = peal_fakering_plane(&world->down);
	world->plane.up = peal_fakering_plane(&world->up);
	world->cores->nodes[0]->plane.next = &world->plane;
	init_core(world, world->away, 1, &world->plane);
	init_core(world, world->home, 0, &world->cores->nodes[0]->plane);
	peers = peal_fakecores_make_view(world->cores, 0, PEAL_FAKECORE_EPOCH, 3, 0);
	peal_fakecores_push_view(world->cores, 0, peers);
	peal_fakecores_turn(world->cores, 0);
	push_view(world, peers);
	peal_core_turn(world->away, world->cores->now_ns);
	return world;
}

static void
tear_down(struct world *world)
{
	peal_core_fini(world->away);
	peal_fakecores_destroy(world->cores);
	free(world->away);
	free(world);
}

static uint64_t
counter(const struct peal_core *core, enum peal_counter id)
{
	return peal_counter_get(&core->counters, id);
}

/* A liveness frame of the peer to the port of shard 1 waits in the queue of node 0. */
static void
inject(struct world *world, uint8_t kind)
{
	struct peal_header header = peal_fakecores_header(world->cores, PEER, 0, kind);
	uint8_t packet[PEAL_PACKET_SIZE_MAX];
	uint8_t body[PEAL_LIVENESS_BODY_SIZE] = {0};
	uint32_t size;

	header.counter = peal_frame_counter(0, 1, ++world->count);
	size = peal_fakecores_seal(
		world->cores, PEER, 0, &header, body, PEAL_LIVENESS_BODY_SIZE, packet);
	peal_link_store16(packet + PEAL_UDP_DST_OFFSET, PEAL_FAKECORE_PORT + 1U);
	peal_fakeswitch_inject(world->cores->wire, 0, packet, size);
}

static void
test_core_shard__answers_a_view_and_asks_to_be_answered(void **state)
{
	struct world *world = set_up();
	struct peal_record record;
	uint8_t body[PEAL_BODY_SIZE_MAX];
	struct peal_header header = peal_fakecores_open_last(world->cores, 0, body);

	(void)state;
	assert_int_equal(world->plane.up.pop(world->plane.up.state, &record, 1), 1);
	assert_int_equal(record.kind, PEAL_RECORD_VIEW_DONE);
	assert_int_equal(record.shard, 1);
	assert_int_equal(record.generation, world->cores->nodes[0]->generation);
	assert_int_equal(world->plane.up.pop(world->plane.up.state, &record, 1), 0);
	assert_int_equal(header.kind, PEAL_MESSAGE_ECHO);
	assert_int_equal(header.counter >> PEAL_FRAME_COUNTER_BITS, 1U << 6); /* from 1, to 0 */
	assert_true(peal_core_deadline_at_ns(world->away) == UINT64_MAX);
	tear_down(world);
}

static void
test_core_shard__takes_what_the_home_core_received_for_it(void **state)
{
	struct world *world = set_up();

	(void)state;
	inject(world, PEAL_MESSAGE_ECHO_REPLY);
	peal_core_turn(world->home, world->cores->now_ns);
	assert_true(counter(world->home, PEAL_COUNTER_RESTEERED_AWAY) == 1);
	assert_true(world->home->config.plane->heard_at_ns[PEER] == 0); /* not opened */
	peal_core_turn(world->away, world->cores->now_ns);
	assert_true(counter(world->away, PEAL_COUNTER_RESTEERED_HERE) == 1);
	assert_true(counter(world->away, PEAL_COUNTER_STEERED_WRONG) == 1);
	/* It is heard at home, too. */
	assert_true(world->plane.heard_at_ns[PEER] == world->cores->now_ns);
	assert_true(
		peal_plane_heard_at_ns(world->home->config.plane, PEER) == world->cores->now_ns);

	inject(world, PEAL_MESSAGE_ECHO_REPLY);
	peal_core_turn(world->away, world->cores->now_ns);
	assert_true(counter(world->away, PEAL_COUNTER_STEERED_RIGHT) == 1);
	tear_down(world);
}

static void
test_core_shard__refuses_what_belongs_home(void **state)
{
	static const uint8_t kinds[] = {PEAL_MESSAGE_PROBE, PEAL_MESSAGE_ACK, PEAL_MESSAGE_ECHO};
	struct world *world = set_up();

	(void)state;
	for (uint32_t i = 0; i < sizeof(kinds); i++) {
		uint64_t sent_count = world->cores->wire->ports[0].sent_count;

		inject(world, kinds[i]);
		peal_core_turn(world->away, world->cores->now_ns);
		assert_true(counter(world->away, PEAL_COUNTER_SHARD_REFUSED) == i + 1U);
		assert_true(world->cores->wire->ports[0].sent_count == sent_count);
	}
	tear_down(world);
}

static void
test_core_shard__moves_arp_home_where_it_is_answered(void **state)
{
	struct world *world = set_up();
	struct peal_address own = peal_fakecores_address(0);
	struct peal_address peer = peal_fakecores_address(PEER);
	uint8_t packet[PEAL_ARP_SIZE] = {0};

	(void)state;
	memset(packet, 0xFF, PEAL_LINK_MAC_SIZE);
	memcpy(packet + PEAL_LINK_SRC_OFFSET, peer.mac, PEAL_LINK_MAC_SIZE);
	peal_link_store16(packet + PEAL_LINK_TYPE_OFFSET, PEAL_LINK_TYPE_ARP);
	memcpy(packet + 14, (const uint8_t[]){0, 1, 8, 0, 6, 4, 0, 1}, 8);
	memcpy(packet + PEAL_ARP_SENDER_MAC_OFFSET, peer.mac, PEAL_LINK_MAC_SIZE);
	peal_link_store32(packet + PEAL_ARP_SENDER_IPV4_OFFSET, peer.ipv4);
	peal_link_store32(packet + PEAL_ARP_TARGET_IPV4_OFFSET, own.ipv4);
	peal_fakeswitch_inject(world->cores->wire, 0, packet, sizeof(packet));
	peal_core_turn(world->away, world->cores->now_ns);
	assert_true(counter(world->away, PEAL_COUNTER_RESTEERED_AWAY) == 1);
	peal_core_turn(world->home, world->cores->now_ns);
	assert_true(counter(world->home, PEAL_COUNTER_ARP_ANSWERS) == 1);
	tear_down(world);
}

/* A full ring is a drop, and the packet goes back to the port. */
static void
test_core_shard__drops_what_the_other_does_not_take(void **state)
{
	struct world *world = set_up();

	(void)state;
	for (uint32_t i = 0; i < RING_SIZE + 2U; i++) {
		inject(world, PEAL_MESSAGE_ECHO_REPLY);
	}
	peal_core_turn(world->home, world->cores->now_ns);
	assert_true(counter(world->home, PEAL_COUNTER_RESTEERED_AWAY) == RING_SIZE);
	assert_true(counter(world->home, PEAL_COUNTER_RESTEER_DROPPED) == 2);
	peal_core_turn(world->away, world->cores->now_ns);
	assert_true(counter(world->away, PEAL_COUNTER_STEERED_WRONG) == RING_SIZE);
	tear_down(world);
}

static void
test_core_shard__forgets_who_was_heard_when_the_slot_has_another(void **state)
{
	struct world *world = set_up();
	struct peal_peers *peers;

	(void)state;
	inject(world, PEAL_MESSAGE_ECHO_REPLY);
	peal_core_turn(world->away, world->cores->now_ns);
	assert_true(world->plane.heard_at_ns[PEER] != 0);
	world->cores->nodes[PEER]->mid = 9;
	peers = peal_fakecores_make_view(world->cores, 0, PEAL_FAKECORE_EPOCH + 1U, 3, 0);
	peal_peers_index(peers);
	push_view(world, peers);
	peal_core_turn(world->away, world->cores->now_ns);
	assert_true(world->plane.heard_at_ns[PEER] == 0);
	tear_down(world);
}

/* The home core alone asks, the answer comes to the other, and both have the MAC. */
static void
check_gateway(bool is_ipv6)
{
	const struct peal_fakecores_link plain = {.vlan = 0};
	struct peal_fakecores_link link = {
		.is_ipv6 = is_ipv6, .route = {.prefix_size = is_ipv6 ? 128U : 32U}};
	struct peal_egress *egress;
	struct world *world;

	link.route.gateway =
		(struct peal_address){.ipv6_head = is_ipv6 ? UINT64_C(0xFD00) << 48 : 0,
			.ipv4 = is_ipv6 ? 9 : 0x0A000009};
	peal_fakecores_set_link(&link);
	world = set_up();
	egress = &world->away->egress;
	assert_true(peal_core_deadline_at_ns(world->away) == UINT64_MAX);
	assert_true(peal_core_deadline_at_ns(world->home) != UINT64_MAX);
	assert_true(counter(world->away, PEAL_COUNTER_ARP_REQUESTS) == 0);
	assert_true(counter(world->away, PEAL_COUNTER_ND_REQUESTS) == 0);
	assert_true(counter(world->away, PEAL_COUNTER_NEIGHBOURS_UNKNOWN) == 1); /* its ECHO */
	assert_true(egress->peers[PEER].is_far && egress->peers[PEER].is_lost);

	static const uint8_t macs[2][6] = {{2, 0, 0, 0, 0, 9}, {2, 0, 0, 0, 0, 10}};

	for (uint32_t i = 0; i < 2; i++) {
		peal_egress_set_gateway(&world->home->egress, macs[i]);
		peal_core_turn(world->away, world->cores->now_ns);
		assert_memory_not_equal(egress->gateway_mac, macs[i], 6);
		peal_core_turn(world->home, world->cores->now_ns);
		peal_core_turn(world->away, world->cores->now_ns);
		assert_memory_equal(egress->gateway_mac, macs[i], 6);
		assert_false(egress->peers[PEER].is_lost);
		assert_memory_equal(egress->peers[PEER].link, macs[i], 6);
	}
	/* A core that slept until its view comes has nothing to lose of it. */
	peal_egress_set_gateway(&world->home->egress, macs[0]);
	peal_core_turn(world->home, world->cores->now_ns);
	push_view(world, peal_fakecores_make_view(world->cores, 0, PEAL_FAKECORE_EPOCH + 1U, 3, 0));
	peal_core_turn(world->away, world->cores->now_ns);
	assert_true(counter(world->away, PEAL_COUNTER_NEIGHBOURS_UNKNOWN) == 1);
	assert_memory_equal(world->cores->wire->ports[0].last, macs[0], 6);
	tear_down(world);
	peal_fakecores_set_link(&plain);
}

static void
test_core_shard__has_the_gateway_from_the_home_core(void **state)
{
	(void)state;
	check_gateway(false);
	check_gateway(true);
}

static void
send_away(void *argument)
{
	struct world *world = argument;
	const struct peal_record record = {.kind = PEAL_RECORD_SEND};

	(void)world->plane.down.push(world->plane.down.state, &record, 1);
	peal_core_turn(world->away, world->cores->now_ns);
}

static void
test_core_shard__is_sent_views_only(void **state)
{
	struct world *world = set_up();

	(void)state;
	assert_true(peal_test_dies(send_away, world));
	tear_down(world);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_core_shard__answers_a_view_and_asks_to_be_answered),
		cmocka_unit_test(test_core_shard__takes_what_the_home_core_received_for_it),
		cmocka_unit_test(test_core_shard__refuses_what_belongs_home),
		cmocka_unit_test(test_core_shard__moves_arp_home_where_it_is_answered),
		cmocka_unit_test(test_core_shard__drops_what_the_other_does_not_take),
		cmocka_unit_test(test_core_shard__forgets_who_was_heard_when_the_slot_has_another),
		cmocka_unit_test(test_core_shard__has_the_gateway_from_the_home_core),
		cmocka_unit_test(test_core_shard__is_sent_views_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
