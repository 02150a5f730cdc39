/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the tests of clients share: three cores of one view, and visitors, which are the other side
 * of the rings, by hand.
 */
#ifndef PEAL_TESTS_LIB_CLIENTSCENE_H
#define PEAL_TESTS_LIB_CLIENTSCENE_H

#include "base/messagelimits.h"
#include "dataplane/clients.h"
#include "dataplane/traffic.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/fakecore.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SCENE_NODES    3U
#define SCENE_VISITORS 4U
#define SCENE_MEMBERS  256U
#define SCENE_ALL      ((1U << SCENE_NODES) - 1U)
#define US             UINT64_C(1000)
#define MS             UINT64_C(1000000)
#define THREAD         4711U

struct visitor {
	struct peal_region_up *up;
	struct peal_region_down *down;
	struct peal_shmring_writer writer;
	struct peal_shmring_reader reader;
	struct peal_shmbell_sleeper sleeper;
	struct peal_clients *clients;
	uint32_t place;
	uint64_t rings_count;
};

static struct peal_fakecores *cores;
static struct peal_traffic *traffic[SCENE_NODES];
static struct peal_region_page *pages[SCENE_NODES];
static struct peal_clients_room *rooms[SCENE_NODES];
static struct peal_client_member *large_members[SCENE_NODES];
static struct visitor visitors[SCENE_VISITORS];
static uint64_t told_count;
static bool scene_can_lane; /* who attaches now knows of lanes */

static inline void
scene_ring(void *state, uint64_t bell)
{
	(void)state;
	visitors[bell].rings_count++;
}

static inline void
scene_tell(void *state)
{
	(void)state;
	told_count++;
}

static inline void *
scene_region(size_t size)
{
	void *memory = aligned_alloc(4096, (size + 4095U) & ~(size_t)4095U);

	assert_non_null(memory);
	memset(memory, 0, size);
	return memory;
}

/* Messages of a core: room, most of which no test touches. */
static inline struct peal_traffic *
scene_traffic(void)
{
	void *memory = mmap(NULL, sizeof(struct peal_traffic), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert_ptr_not_equal(memory, MAP_FAILED);
	return memory;
}

/* Turns of all, every 10 us. */
static inline void
scene_run(uint64_t span_ns)
{
	peal_fakecores_run(cores, cores->now_ns + span_ns, 10U * US);
}

static inline void
scene_set_standing(uint32_t node, uint64_t epoch)
{
	atomic_store(&cores->nodes[node]->plane.standing, epoch);
}

static inline void
scene_view(uint32_t node, uint64_t epoch, uint32_t members)
{
	peal_fakecores_push_view(cores, node,
		peal_fakecores_make_view(cores, node, epoch, members, SCENE_ALL & ~members));
}

static inline int
scene_begin(void **state)
{
	(void)state;
	memset(visitors, 0, sizeof(visitors));
	told_count = 0;
	cores = peal_fakecores_create(SCENE_NODES, "none");
	for (uint32_t i = 0; i < SCENE_NODES; i++) {
		struct peal_core *core = &cores->nodes[i]->core;

		traffic[i] = scene_traffic();
		pages[i] = scene_region(sizeof(*pages[i]));
		rooms[i] = scene_region(sizeof(*rooms[i]));
		large_members[i] = scene_region(
			PEAL_CLIENTS_LARGE_VIEWS * SCENE_MEMBERS * sizeof(*large_members[i]));
		/* The core is there already: what its init does for them is done here. */
		peal_traffic_init(traffic[i], core, &core->config, 1, 1);
		const struct peal_clients_outside outside = {.room = rooms[i],
			.large_members = large_members[i],
			.members_max = SCENE_MEMBERS,
			.page = pages[i],
			.plane = &cores->nodes[i]->plane,
			.lease_ns = MS,
			.hold_ns = 5U * MS,
			.stuck_ns = 1000U * MS,
			.ring = scene_ring,
			.tell = scene_tell};

		peal_clients_serve(&traffic[i]->clients, &outside);
		peal_clients_switch(core->config.clients, core->peers);
		peal_channels_switch(core->config.channels, core->peers);
		peal_cast_switch(core->config.cast, core->peers, cores->now_ns);
		peal_load_switch(core->config.load, core->peers);
		scene_set_standing(i, PEAL_FAKECORE_EPOCH);
		scene_view(i, PEAL_FAKECORE_EPOCH, SCENE_ALL);
	}
	scene_run(5U * MS);
	return 0;
}

static inline int
scene_finish(void **state)
{
	(void)state;
	peal_fakecores_destroy(cores);
	for (uint32_t i = 0; i < SCENE_NODES; i++) {
		(void)munmap(traffic[i], sizeof(*traffic[i]));
		free(pages[i]);
		free(rooms[i]);
		free(large_members[i]);
	}
	for (uint32_t i = 0; i < SCENE_VISITORS; i++) {
		free(visitors[i].up);
		free(visitors[i].down);
	}
	return 0;
}

/* Attaches a visitor to a node, and a turn of it. */
static inline struct visitor *
scene_attach_with(uint32_t index, uint32_t node, const struct peal_clientrights *rights)
{
	struct visitor *visitor = &visitors[index];

	visitor->up = scene_region(PEAL_REGION_UP_SIZE);
	visitor->down = scene_region(PEAL_REGION_DOWN_SIZE);
	visitor->clients = &traffic[node]->clients;
	const struct peal_shmring_memory up =
		peal_region_up_ring(visitor->up, visitor->down, PEAL_CLIENT_UP_SIZE);
	const struct peal_shmring_memory down =
		peal_region_down_ring(visitor->up, visitor->down, PEAL_CLIENT_DOWN_SIZE);

	peal_shmring_writer_init(&visitor->writer, &up);
	peal_shmring_reader_init(&visitor->reader, &down);
	visitor->sleeper = (struct peal_shmbell_sleeper){.word = &visitor->up->sleep};
	atomic_store(&visitor->up->death.word, THREAD);
	visitor->place = peal_clients_attach(
		visitor->clients, visitor->up, visitor->down, rights, index, scene_can_lane);
	assert_int_not_equal(visitor->place, PEAL_CLIENTS_NONE);
	(void)peal_fakecores_turn(cores, node);
	return visitor;
}

/* One that may do anything. */
static inline struct visitor *
scene_attach(uint32_t index, uint32_t node)
{
	return scene_attach_with(index, node, &peal_clientrights_all);
}

/* Says something, shown at once. */
static inline void
scene_say(struct visitor *visitor, enum peal_client_up kind, uint16_t tag, const void *bytes,
	uint32_t size)
{
	uint8_t *room = peal_shmring_claim(&visitor->writer, size);

	assert_non_null(room);
	if (room != NULL && size > 0) {
		memcpy(room, bytes, size);
	}
	peal_shmring_commit(&visitor->writer, (uint16_t)kind, tag, size);
	(void)peal_shmring_publish(&visitor->writer);
}

static inline void
scene_listen(struct visitor *visitor, uint16_t number)
{
	const struct peal_client_number request = {.number = number};

	scene_say(visitor, PEAL_CLIENT_LISTEN, 0, &request, sizeof(request));
}

static inline void
scene_open(struct visitor *visitor, uint16_t tag, uint64_t mid, uint16_t number)
{
	const struct peal_client_open request = {.mid = mid, .number = number};

	scene_say(visitor, PEAL_CLIENT_OPEN, tag, &request, sizeof(request));
}

/* The next record of this kind; those before it are passed over. False: there is none. */
static inline bool
scene_find(
	struct visitor *visitor, enum peal_client_down kind, struct peal_shmring_record *record_out)
{
	*record_out = (struct peal_shmring_record){.size = 0};
	while (peal_shmring_borrow(&visitor->reader, record_out)) {
		(void)peal_shmring_release(&visitor->reader);
		if (record_out->kind == kind) {
			return true;
		}
	}
	assert_false(visitor->reader.is_broken);
	return false;
}

static inline enum peal_client_end
scene_end_of(const struct visitor *visitor)
{
	return (enum peal_client_end)atomic_load(&visitor->down->end);
}

static inline uint64_t
scene_counter(uint32_t node, enum peal_counter id)
{
	return peal_fakecores_counter(cores, node, id);
}

/* Channels of a core that are in use. */
static inline uint32_t
scene_channels_count(uint32_t node)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < PEAL_CHANNELS_MAX; i++) {
		enum peal_channel_state state = traffic[node]->channels.table.channels[i].state;

		count += state == PEAL_CHANNEL_OPEN || state == PEAL_CHANNEL_CLOSING;
	}
	return count;
}

#endif
