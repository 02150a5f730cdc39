/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Records of an application about order groups, and about process groups by them, against the core
 * that serves it: one with an order group in the view, of which its node is no rank.
 *
 * The input is records: u8 kind (which of them), u8 tag, u16 size, and so many bytes; the
 * last may be cut. Each is written to the ring as it is, and the core takes a turn; who is cut off
 * attaches anew. Whatever is said, the core's answers are in form, and what is told of a group was
 * asked for.
 */
#include "dataplane/clients.h"

#include "base/assert.h"
#include "dataplane/plane.h"

#include <stddef.h>
#include <string.h>

#define MEMBERS 3U
#define EPOCH   3U
#define GROUP   7U
#define QUEUE   65536U

static struct peal_clients clients;
static struct peal_clients_room room;
static struct peal_procgroups groups;
static struct peal_orders orders;
static struct peal_cast cast;
static struct peal_load load;
static struct peal_counters counters;
static struct peal_egress egress;
static struct peal_uplink uplink;
static struct peal_plane plane;
static struct peal_peers peers;
static struct peal_view view;
static struct peal_member members[MEMBERS];
static struct peal_ordergroup ordergroup;
static struct peal_region_page page;
static _Alignas(PEAL_SHMRING_APART) uint8_t up[PEAL_REGION_UP_SIZE];
static _Alignas(PEAL_SHMRING_APART) uint8_t down[PEAL_REGION_DOWN_SIZE];
static _Alignas(8) uint8_t queue[QUEUE];
static uint8_t cast_frames[PEAL_CAST_FRAMES_MAX * PEAL_BODY_SIZE_MAX];
static struct peal_client_member large[PEAL_CLIENTS_LARGE_VIEWS * MEMBERS];
static struct peal_shmring_writer writer;
static struct peal_shmring_reader reader;
static uint32_t place = PEAL_CLIENTS_NONE;
static uint64_t now_ns;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
ring(void *state, uint64_t bell)
{
	(void)state;
	(void)bell;
}

static void
tell(void *state)
{
	(void)state;
}

static void
attach(void)
{
	struct peal_region_up *mine = (void *)up;
	struct peal_region_down *theirs = (void *)down;
	const struct peal_shmring_memory up_ring =
		peal_region_up_ring(mine, theirs, PEAL_CLIENT_UP_SIZE);
	const struct peal_shmring_memory down_ring =
		peal_region_down_ring(mine, theirs, PEAL_CLIENT_DOWN_SIZE);

	memset(up, 0, PEAL_REGION_RING_OFFSET);
	memset(down, 0, PEAL_REGION_RING_OFFSET);
	peal_shmring_writer_init(&writer, &up_ring);
	peal_shmring_reader_init(&reader, &down_ring);
	atomic_store(&mine->death.word, 1);
	place = peal_clients_attach(&clients, mine, theirs, &peal_clientrights_all, 0, false);
	PEAL_ASSERT(place != PEAL_CLIENTS_NONE);
}

static void
begin(void)
{
	const struct peal_load_config load_config = {.cast = &cast, .uplink = &uplink};
	const struct peal_clients_config config = {.cast = &cast,
		.load = &load,
		.groups = &groups,
		.orders = &orders,
		.counters = &counters};
	const struct peal_clients_outside outside = {.room = &room,
		.page = &page,
		.plane = &plane,
		.lease_ns = 1000000,
		.ring = ring,
		.tell = tell,
		.large_members = large,
		.members_max = MEMBERS};

	peal_load_init(&load, &load_config);
	peal_clients_init(&clients, &config);
	const struct peal_cast_config cast_config = {.egress = &egress,
		.counters = &counters,
		.user = peal_clients_cast_user(&clients),
		.queue_bytes = queue,
		.queue_capacity = QUEUE,
		.frame_bytes = cast_frames};
	const struct peal_orders_config orders_config = {.egress = &egress,
		.counters = &counters,
		.user = peal_clients_order_user(&clients),
		.name = "none"};

	peal_cast_init(&cast, &cast_config);
	peal_orders_init(&orders, &orders_config);
	peal_clients_serve(&clients, &outside);
	peers.epoch = EPOCH;
	peers.self_mid = MEMBERS;
	peers.members_count = MEMBERS;
	peers.view = &view;
	view.members = members;
	view.members_count = MEMBERS;
	ordergroup = (struct peal_ordergroup){.id = GROUP, .generation = 1, .ranks_count = 1};
	ordergroup.ranks[0].mid = 1;
	PEAL_ASSERT(peal_ordergroup_set_name(&ordergroup, 0, "rank"));
	view.ordergroups = &ordergroup;
	view.ordergroups_count = 1;
	for (uint32_t i = 0; i < MEMBERS; i++) {
		members[i].mid = i + 1U;
	}
	peal_clients_switch(&clients, &peers);
	peal_orders_switch(&orders, &peers, 0);
	peal_procgroups_on_view(&groups, EPOCH);
	attach();
}

/* What the core says of a group: each kind has its size, and a place that can be. */
static void
read_all(void)
{
	struct peal_shmring_record record;

	while (peal_shmring_borrow(&reader, &record)) {
		uint32_t at = PEAL_CLIENT_TAG_PLACE(record.tag);

		if (record.kind == PEAL_CLIENT_ORDER_VIEW) {
			PEAL_ASSERT(record.size == sizeof(struct peal_client_order_view));
			PEAL_ASSERT(at < PEAL_CLIENT_ORDERS_MAX);
		} else if (record.kind == PEAL_CLIENT_ORDER_ENDED) {
			PEAL_ASSERT(record.size == sizeof(struct peal_client_order_ended));
			PEAL_ASSERT(at < PEAL_CLIENT_ORDERS_MAX);
		} else if (record.kind == PEAL_CLIENT_GROUP_ENDED) {
			PEAL_ASSERT(record.size == sizeof(struct peal_client_group_ended));
			PEAL_ASSERT(at < PEAL_CLIENT_GROUPS_MAX);
		} else {
			PEAL_ASSERT(record.kind == PEAL_CLIENT_VIEW ||
				    record.kind == PEAL_CLIENT_ORDER_DOUBTFUL ||
				    record.kind < PEAL_CLIENT_ASKED);
		}
		(void)peal_shmring_release(&reader);
	}
}

/* A turn of the core, and the door: what is wished for waits, or is refused. */
static void
turn(uint8_t what)
{
	now_ns += 50000000U;
	(void)peal_clients_run(&clients, now_ns);
	if (peal_clients_find_wish(&clients) != NULL) {
		peal_clients_answer_wish(&clients,
			(enum peal_clients_wish_answer)(what % PEAL_CLIENTS_WISH_ANSWERS_COUNT));
	}
	peal_clients_flush(&clients);
	read_all();
	if (peal_clients_is_over(&clients, place)) {
		peal_clients_free(&clients, place);
		attach();
	}
}

static void
say(uint8_t kind, uint8_t tag, const uint8_t *bytes, uint32_t size)
{
	static const uint16_t kinds[] = {PEAL_CLIENT_ORDER_OPEN, PEAL_CLIENT_ORDER_CREATE,
		PEAL_CLIENT_ORDER_CLOSE, PEAL_CLIENT_ORDER_SEND, PEAL_CLIENT_GROUP_JOIN,
		PEAL_CLIENT_GROUP_LEAVE, PEAL_CLIENT_GROUP_SEND};
	uint8_t *to = peal_shmring_claim(&writer, size);

	PEAL_ASSERT(to != NULL);
	if (size > 0) {
		memcpy(to, bytes, size);
	}
	peal_shmring_commit(&writer, kinds[kind % (sizeof(kinds) / sizeof(kinds[0]))], tag, size);
	(void)peal_shmring_publish(&writer);
	turn(kind);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (place == PEAL_CLIENTS_NONE) {
		begin();
	}
	while (size >= 4U) {
		uint8_t kind = data[0], tag = data[1];
		uint32_t length = (uint32_t)data[2] | (uint32_t)data[3] << 8;

		data += 4;
		size -= 4;
		length = length < size ? length : (uint32_t)size;
		say(kind, tag, data, length);
		data += length;
		size -= length;
	}
	/* The next input begins with nothing. */
	peal_clients_hang_up(&clients, place, PEAL_CLIENT_END_ASKED);
	for (uint32_t i = 0; i < 4U; i++) {
		turn(0);
	}
	return 0;
}
