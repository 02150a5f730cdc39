/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The memory of one node in a large group: figure S11.
 *
 * One node, as a daemon has it: a control half with stores of its own, a data core, the rings and
 * buffers between them. It becomes a member of a group of 10 000 by the snapshot of its view, with
 * empty metadata, and its core switches to that view; then members are removed, one cut after the
 * other, until everything that a node keeps of the past is full. Told is how much memory of the
 * process is resident, beyond what it was with the libraries and without a node: without a view,
 * in its first one, and in the end. The limit is on what the views added. Sealing is real; the port
 * gives and takes packets and brings nothing.
 *
 *     bench_memory [--members N] [--cuts N]     one line of JSON; status 1 above the limit
 */
#include "control/node.h"
#include "control/node_private.h"
#include "dataplane/core.h"
#include "membership/bodystore.h"
#include "membership/groupstore.h"
#include "tests/lib/fakecore.h"
#include "wire/crypto/aead_open.h"
#include "wire/crypto/keyring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MEMBERS_COUNT  10000U
#define MEMBERS_MIN    2U
#define CUTS_COUNT     (PEAL_HISTORY_MAX + 8U)
#define LIMIT_BYTES    UINT64_C(10000000)
#define PACKETS_COUNT  512U
#define GROUPS_COUNT   (2U + PEAL_INSTALL_TABLES + PEAL_GROUPSTORE_SPARES)
#define SELF_ADDRESS   0x0A000001U
#define OTHERS_ADDRESS 0x0A800000U
#define PORT           4100U
#define MAC                                                                                        \
	{                                                                                          \
		0x02, 0, 0, 0, 0, 1                                                                \
	}
#define STEP_NS      UINT64_C(10000)
#define STEPS_A_VIEW 8U

struct bench {
	uint32_t members_count;
	uint32_t cuts_count;
	struct peal_timing timing;
	struct peal_aead aead;
	struct peal_keyring keyring;
	struct peal_plane plane;
	struct peal_fakering down;
	struct peal_fakering up;
	uint8_t down_buffers[PEAL_PLANE_BUFFERS_MAX][PEAL_PLANE_BUFFER_SIZE];
	uint8_t up_buffers[PEAL_PLANE_BUFFERS_MAX][PEAL_PLANE_BUFFER_SIZE];
	uint32_t free_count;
	uint8_t *free_packets[PACKETS_COUNT];
	uint8_t packets[PACKETS_COUNT][PEAL_PACKET_SIZE_MAX];
	struct peal_core core;
	uint64_t now_ns;
};

/* Room that is not there before it is used, as the runtime takes it. */
static void *
reserve(size_t size)
{
	void *room = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	PEAL_ASSERT(room != MAP_FAILED);
	(void)madvise(room, size, MADV_NOHUGEPAGE);
	return room;
}

static uint64_t
read_resident_size(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long long pages = 0;
	int found_count;

	PEAL_ASSERT(file != NULL);
	found_count = fscanf(file, "%*u %llu", &pages);
	PEAL_ASSERT(found_count == 1);
	(void)fclose(file);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint32_t
receive(void *state, uint16_t queue, struct peal_packet *packets, uint32_t capacity)
{
	(void)state;
	(void)queue;
	(void)packets;
	(void)capacity;
	return 0;
}

static uint32_t
allocate(void *state, uint16_t queue, struct peal_packet *packets, uint32_t count)
{
	struct bench *bench = state;

	(void)queue;
	if (bench->free_count < count) {
		return 0;
	}
	for (uint32_t i = 0; i < count; i++) {
		uint8_t *packet = bench->free_packets[--bench->free_count];

		packets[i] = (struct peal_packet){.data = packet, .handle = packet};
	}
	return count;
}

static void
release(void *state, uint16_t queue, struct peal_packet *packets, uint32_t count)
{
	struct bench *bench = state;

	(void)queue;
	for (uint32_t i = 0; i < count; i++) {
		bench->free_packets[bench->free_count++] = packets[i].handle;
	}
}

static uint32_t
transmit(void *state, uint16_t queue, struct peal_packet *packets, uint32_t count)
{
	release(state, queue, packets, count);
	return count;
}

static const struct peal_port_ops operations = {
	.receive = receive,
	.allocate = allocate,
	.transmit = transmit,
	.release = release,
};

static void
derive(void *state, struct peal_uuid cluster, struct peal_uuid uuid, struct peal_aead_key *key_out)
{
	struct bench *bench = state;
	uint8_t raw[PEAL_AEAD_RAW_KEY_SIZE];

	peal_keyring_derive_tx(&bench->keyring, cluster, uuid, raw);
	bench->aead.expand(bench->aead.state, raw, key_out);
}

static void
make_mac(void *state, const void *data, size_t size, uint8_t mac_out[16])
{
	const struct bench *bench = state;

	peal_keyring_mac(&bench->keyring, data, size, mac_out);
}

static void
set_up_crypto(struct bench *bench)
{
	const uint8_t psk[PEAL_KEYRING_PSK_SIZE] = {1};
	const uint8_t secret[PEAL_KEYRING_SECRET_SIZE] = {2};
	bool is_open = peal_aead_open(NULL, &bench->aead);
	struct peal_aead_key key;
	uint8_t mac[PEAL_KEYRING_MAC_SIZE];

	PEAL_ASSERT(is_open);
	peal_keyring_init(&bench->keyring, psk, secret);
	/* Libraries load and take what they need on their first use. */
	derive(bench, (struct peal_uuid){.low = 1}, (struct peal_uuid){.low = 2}, &key);
	make_mac(bench, psk, sizeof(psk), mac);
}

static void
set_up_core(struct bench *bench)
{
	struct peal_core_config config = {
		.port = {.ops = &operations,
			.state = bench,
			.packet_size_max = PEAL_PACKET_SIZE_MAX,
			.mac = MAC},
		.plane = &bench->plane,
		.timing = &bench->timing,
		.aead = bench->aead,
		.address = {.ipv4 = SELF_ADDRESS, .port = PORT, .mac = MAC},
		.seed = {1, 2, 3, 4},
	};

	for (uint32_t i = 0; i < PACKETS_COUNT; i++) {
		bench->free_packets[bench->free_count++] = bench->packets[i];
	}
	bench->plane.down = peal_fakering_plane(&bench->down);
	bench->plane.up = peal_fakering_plane(&bench->up);
	bench->plane.down_buffers = bench->down_buffers;
	bench->plane.up_buffers = bench->up_buffers;
	peal_core_init(&bench->core, &config, bench->now_ns);
}

/* A node and its stores. */
static struct peal_node *
make_node(struct bench *bench)
{
	struct peal_node *node = reserve(sizeof(*node));
	struct peal_node_config config = {
		.name = "n1",
		.cluster_name = "memory",
		.address = {.ipv4 = SELF_ADDRESS, .port = PORT, .mac = MAC},
		.seeds_count = 1,
		.seeds = {{.ipv4 = OTHERS_ADDRESS, .port = PORT}},
		.expect = 1,
		.rings_count = PEAL_RINGS_DEFAULT,
		.timing = &bench->timing,
		.crypto = {.state = bench, .derive = derive, .mac = make_mac},
		.groups = peal_groupstore_groups(peal_groupstore_init(
			reserve(peal_groupstore_footprint(MEMBERS_COUNT, GROUPS_COUNT)),
			MEMBERS_COUNT, GROUPS_COUNT)),
		.bodies = peal_bodystore_bodies(peal_bodystore_init(
			reserve(peal_bodystore_footprint(PEAL_BODIES_MAX, 2U * PEAL_BODIES_MAX)),
			PEAL_BODIES_MAX, 2U * PEAL_BODIES_MAX)),
		.seed = {5, 6, 7, 8},
	};

	peal_node_init(node, &config, &bench->plane, bench->now_ns);
	return node;
}

/* Core and control take turns until they have told each other everything. */
static void
settle(struct bench *bench, struct peal_node *node)
{
	for (uint32_t i = 0; i < STEPS_A_VIEW; i++) {
		bench->now_ns += STEP_NS;
		(void)peal_core_turn(&bench->core, bench->now_ns);
		(void)peal_node_step(node, bench->now_ns);
	}
}

/* The view of which the node is one member of many: its size and its bytes, in room of its own. */
static uint32_t
encode_snapshot(const struct bench *bench, const struct peal_node *node, uint8_t *bytes_out)
{
	size_t members_size = bench->members_count * sizeof(struct peal_member);
	struct peal_member *members = reserve(members_size);
	struct peal_view view = {.cluster = {.low = 1, .high = 1},
		.epoch = 5,
		.next_mid = bench->members_count + 1U,
		.tie_mid = 1,
		.parent_hash = {.low = 1, .high = 1},
		.rings_count = PEAL_RINGS_DEFAULT,
		.members_count = (uint16_t)bench->members_count,
		.members = members};
	uint32_t size;

	for (uint32_t rank = 0; rank < bench->members_count; rank++) {
		members[rank] = (struct peal_member){
			.uuid = {.low = peal_hash_mix(rank + 1U), .high = rank + 1U},
			.address = {.ipv4 = OTHERS_ADDRESS + rank, .port = PORT, .mac = {2}},
			.shards_count = 1};
	}
	members[bench->members_count / 2U] = node->self;
	for (uint32_t rank = 0; rank < bench->members_count; rank++) {
		members[rank].mid = rank + 1U;
	}
	view.members_sum = peal_view_sum_members(&view);
	view.hash = peal_view_hash(&view);
	size = peal_view_encode(&view, bytes_out, PEAL_BODY_BYTES_MAX);
	(void)munmap(members, members_size);
	return size;
}

/* As INSTALL does it: the bytes are kept, the group is made of them. */
static void
enter(struct bench *bench, struct peal_node *node)
{
	const struct peal_bodies *bodies = &node->config.bodies;
	const struct peal_groups *groups = &node->config.groups;
	uint8_t *bytes = reserve(PEAL_BODY_BYTES_MAX);
	uint32_t size = encode_snapshot(bench, node, bytes);
	const struct peal_body *body = bodies->keep_bytes(bodies->state, bytes, size, false);
	const struct peal_group *group;

	(void)munmap(bytes, PEAL_BODY_BYTES_MAX);
	PEAL_ASSERT(body != NULL);
	group = groups->decode(groups->state, body->bytes, body->size);
	PEAL_ASSERT(group != NULL);
	peal_on_first_view(node, group, body);
	bodies->release(bodies->state, body);
	settle(bench, node);
	PEAL_ASSERT(bench->core.peers->members_count == bench->members_count);
}

/* A member is gone, by the decision of the others. */
static void
lose_one(struct bench *bench, struct peal_node *node, uint32_t cut)
{
	const struct peal_bodies *bodies = &node->config.bodies;
	struct peal_proposal proposal = {
		.parent_epoch = node->view.epoch, .parent_hash = node->view.hash};
	uint32_t rank = (uint32_t)(peal_hash_mix(cut) % node->view.members_count);
	const struct peal_bitset nobody = {0};
	const struct peal_body *body;

	rank = rank != node->self_rank ? rank : rank + 1U;
	peal_bitset_add(&proposal.removals, rank % node->view.members_count);
	body = bodies->keep_proposal(bodies->state, &proposal);
	PEAL_ASSERT(body != NULL);
	peal_on_decision(node, body, PEAL_BALLOT_FAST, &nobody, NULL);
	bodies->release(bodies->state, body);
	settle(bench, node);
	PEAL_ASSERT(bench->core.peers->epoch == node->view.epoch);
}

static void
tear_down(struct bench *bench, struct peal_node *node)
{
	peal_core_fini(&bench->core);
	peal_node_fini(node);
	peal_aead_close(&bench->aead);
	peal_keyring_close(&bench->keyring);
}

static int
measure(struct bench *bench)
{
	uint64_t base_size, alone_size, first_size, last_size;
	struct peal_node *node;

	set_up_crypto(bench);
	base_size = read_resident_size();
	/* What a daemon takes whole when it starts. */
	memset(bench->down_buffers, 1, sizeof(bench->down_buffers));
	memset(bench->up_buffers, 1, sizeof(bench->up_buffers));
	memset(&bench->down, 0, sizeof(bench->down));
	memset(&bench->up, 0, sizeof(bench->up));
	bench->down.capacity = PEAL_PLANE_RECORDS_MAX;
	bench->up.capacity = PEAL_PLANE_RECORDS_MAX;
	set_up_core(bench);
	node = make_node(bench);
	settle(bench, node);
	alone_size = read_resident_size() - base_size;
	enter(bench, node);
	first_size = read_resident_size() - base_size;
	for (uint32_t cut = 0; cut < bench->cuts_count; cut++) {
		lose_one(bench, node, cut);
	}
	last_size = read_resident_size() - base_size;
	(void)printf(
		"{\"bench\":\"memory\",\"members\":%u,\"rings\":%u,\"cuts\":%u,\"aead\":\"%s\","
		"\"alone_bytes\":%llu,\"first_view_bytes\":%llu,\"steady_bytes\":%llu,"
		"\"growth_bytes\":%llu,\"limit_bytes\":%llu}\n",
		bench->members_count, PEAL_RINGS_DEFAULT, bench->cuts_count, bench->aead.name,
		(unsigned long long)alone_size, (unsigned long long)first_size,
		(unsigned long long)last_size, (unsigned long long)(last_size - alone_size),
		(unsigned long long)LIMIT_BYTES);
	tear_down(bench, node);
	return last_size - alone_size <= LIMIT_BYTES ? 0 : 1;
}

int
main(int argc, char **argv)
{
	struct bench *bench = reserve(sizeof(*bench));
	unsigned long members_count = MEMBERS_COUNT;
	unsigned long cuts_count = CUTS_COUNT;
	bool is_known;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--members") == 0 && i + 1 < argc) {
			members_count = strtoul(argv[++i], NULL, 10);
		} else if (strcmp(argv[i], "--cuts") == 0 && i + 1 < argc) {
			cuts_count = strtoul(argv[++i], NULL, 10);
		} else {
			(void)fprintf(stderr, "usage: bench_memory [--members N] [--cuts N]\n");
			return 2;
		}
	}
	if (members_count < MEMBERS_MIN || members_count > MEMBERS_COUNT ||
		cuts_count + MEMBERS_MIN > members_count) {
		(void)fprintf(stderr,
			"bench_memory: members %u .. %u, and fewer cuts than members\n",
			MEMBERS_MIN, MEMBERS_COUNT);
		return 2;
	}
	is_known = peal_timing_find("dpdk", &bench->timing);
	PEAL_ASSERT(is_known);
	bench->members_count = (uint32_t)members_count;
	bench->cuts_count = (uint32_t)cuts_count;
	bench->now_ns = UINT64_C(1000000000);
	return measure(bench);
}
