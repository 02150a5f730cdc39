/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/dpdk/port_ring.h"

#include "base/assert.h"
#include "base/fetch.h"
#include "base/hash.h"
#include "base/limits.h"
#include "dataplane/dpdk/mbufpool.h"
#include "dataplane/headers.h"
#include "dataplane/link.h"

#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_mempool.h>
#include <rte_prefetch.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <stdio.h>
#include <string.h>

/* Frames between two looks at the destination; also the most handed over at once. */
#define RUN_COUNT_MAX 64U
/* Bytes of a received frame that are fetched before anybody asks: a small frame, whole. */
#define FETCHED_SIZE_MAX 256U
#define DEMOTED_COUNT    2U
#define CACHE_COUNT      128U
#define PORT_NONE        UINT32_MAX
#define PORT_ALL         (UINT32_MAX - 1U)

static const uint8_t mac_prefix[4] = {0x02, 0x50, 0x65, 0x61};

/* What a ring carries: the receiver learns all it needs to begin from the ring itself. */
struct frame {
	uint8_t *data; /* the buffer, from its first byte on */
	uint32_t size;
	uint32_t reserved;
};

struct switch_queue {
	struct rte_ring *frames;
	struct peal_bell bell;
};

struct switch_port {
	alignas(64) struct peal_port_ring *owner;
	uint32_t index;
	_Atomic bool is_unplugged;
	uint8_t queues_count;
	uint16_t base_port;    /* UDP port of queue 0; 0 = a hash sorts */
	struct rte_ring *peer; /* of the only other port; NULL = there are more, or more queues */
	struct switch_queue queues[PEAL_PORT_RING_QUEUES_MAX];
};

struct peal_port_ring {
	struct rte_mempool *pool;
	uint32_t ports_count;
	uint32_t packet_size;
	uint16_t mtu;
	struct switch_port ports[]; /* [ports_count] */
};

static uint32_t
find_port(const struct switch_port *from, const uint8_t *mac)
{
	uint32_t index;

	if ((mac[0] & 1U) != 0) {
		return PORT_ALL;
	}
	index = (uint32_t)mac[4] << 8 | mac[5];
	if (memcmp(mac, mac_prefix, sizeof(mac_prefix)) != 0 || index >= from->owner->ports_count ||
		index == from->index) {
		return PORT_NONE;
	}
	return index;
}

/*
 * Between two ports it is known where the next frame goes: what its sender touches of the ring is
 * brought here in time. With more ports, many senders would tear the same lines from each other.
 */
static inline void
expect_to_send(const struct switch_port *port)
{
	struct rte_ring *to = port->peer;

	if (to != NULL) {
		const struct frame *slots = (const void *)&to[1];

		rte_prefetch0(&to->cons);
		peal_fetch_to_write(&slots[to->prod.head & to->mask]);
	}
}

static uint32_t
receive(void *state, uint16_t queue, struct peal_packet *packets, uint32_t capacity)
{
	struct switch_port *port = state;
	struct frame frames[RUN_COUNT_MAX];
	uint32_t wanted = capacity < RUN_COUNT_MAX ? capacity : RUN_COUNT_MAX;
	uint32_t count = rte_ring_sc_dequeue_burst_elem(
		port->queues[queue].frames, frames, sizeof(frames[0]), wanted, NULL);

	for (uint32_t i = 0; i < count; i++) {
		/* It is opened, and perhaps turned round, in place. */
		peal_fetch_all_to_write(frames[i].data,
			frames[i].size < FETCHED_SIZE_MAX ? frames[i].size : FETCHED_SIZE_MAX);
		packets[i] = (struct peal_packet){
			.data = frames[i].data,
			.size = frames[i].size,
			.room = PEAL_MBUFPOOL_FRAME_SIZE_MAX,
			.handle = frames[i].data,
		};
	}
	expect_to_send(port);
	return count;
}

static uint32_t
allocate(void *state, uint16_t queue, struct peal_packet *packets, uint32_t count)
{
	const struct switch_port *port = state;
	struct rte_mempool *pool = port->owner->pool;
	void *buffers[RUN_COUNT_MAX];

	(void)queue;
	for (uint32_t done = 0; done < count;) {
		uint32_t chunk = count - done < RUN_COUNT_MAX ? count - done : RUN_COUNT_MAX;

		if (rte_mempool_get_bulk(pool, buffers, chunk) != 0) {
			for (uint32_t i = 0; i < done; i++) {
				rte_mempool_put(pool, packets[i].handle);
			}
			return 0;
		}
		for (uint32_t i = 0; i < chunk; i++) {
			packets[done + i] = (struct peal_packet){
				.data = buffers[i],
				.size = 0,
				.handle = buffers[i],
			};
		}
		done += chunk;
	}
	return count;
}

static void
give_back(struct rte_mempool *pool, const struct frame *frames, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		rte_mempool_put(pool, frames[i].data);
	}
}

/* The queue of a port that a frame is for. */
static uint32_t
find_queue(const struct switch_port *to, const struct frame *frame)
{
	const uint8_t *data = frame->data;
	const uint8_t *payload;
	uint32_t payload_size;
	uint32_t queue;

	if (to->queues_count == 1) {
		return 0;
	}
	payload = peal_headers_payload(data, frame->size, &payload_size);
	if (payload == NULL) {
		return 0;
	}
	if (to->base_port == 0) {
		/* Both addresses and both ports, as cards do, though not in their way. They end
		 * four bytes before the payload. */
		uint32_t size = (uint32_t)(payload - data) >= PEAL_UDP_OFFSET + PEAL_IPV6_EXTRA_SIZE
					? 2U * PEAL_IPV6_SIZE + 4U
					: 12U;

		return (uint32_t)(peal_hash64(payload - 4 - size, size, 0) % to->queues_count);
	}
	queue = (uint32_t)peal_link_load16(payload - 6) - to->base_port;
	return queue < to->queues_count ? queue : 0;
}

/*
 * Few frames are waited for: of them the receiver finds what it looks at first in the cache that
 * both cores have. Only between two ports, which have a core each; a switch of many may have one
 * for all, and it would take its own lines away.
 */
static inline void
demote(const struct switch_port *to, const struct frame *frames, uint32_t count)
{
	for (uint32_t i = 0; i < count && i < DEMOTED_COUNT && to->peer != NULL; i++) {
		for (uint32_t at = 0; at < frames[i].size && at < FETCHED_SIZE_MAX;
			at += PEAL_FETCH_LINE_SIZE) {
			peal_fetch_demote(frames[i].data + at);
		}
	}
}

/* Hands a run of frames to one queue of a port; what does not fit is given back. */
static uint32_t
hand_over(struct switch_port *to, uint32_t queue_index, const struct frame *frames, uint32_t count)
{
	const struct switch_queue *queue = &to->queues[queue_index];
	uint32_t done;

	if (__builtin_expect(atomic_load_explicit(&to->is_unplugged, memory_order_relaxed), 0)) {
		give_back(to->owner->pool, frames, count);
		return count; /* lost, which no sender can know */
	}
	done = rte_ring_enqueue_burst_elem(queue->frames, frames, sizeof(frames[0]), count, NULL);
	give_back(to->owner->pool, frames + done, count - done);
	demote(to, frames, done);
	if (queue->bell.doorbell != NULL && done > 0) {
		peal_bell_ring(&queue->bell);
	}
	return done;
}

static uint32_t
copy_to_all(struct switch_port *from, const struct frame *frame)
{
	struct peal_port_ring *ring = from->owner;
	uint32_t done = 0;

	for (uint32_t i = 0; i < ring->ports_count; i++) {
		struct frame copy = {.size = frame->size};
		void *buffer;

		if (i == from->index || rte_mempool_get(ring->pool, &buffer) != 0) {
			continue;
		}
		copy.data = buffer;
		memcpy(copy.data, frame->data, frame->size);
		done += hand_over(&ring->ports[i], find_queue(&ring->ports[i], &copy), &copy, 1);
	}
	give_back(ring->pool, frame, 1);
	return done > 0 ? 1U : 0U;
}

static uint32_t
flush_run(struct switch_port *from, uint32_t to, uint32_t queue, const struct frame *frames,
	uint32_t count)
{
	uint32_t done = 0;

	switch (to) {
	case PORT_NONE:
		give_back(from->owner->pool, frames, count);
		return 0;
	case PORT_ALL:
		for (uint32_t i = 0; i < count; i++) {
			done += copy_to_all(from, &frames[i]);
		}
		return done;
	default:
		return hand_over(&from->owner->ports[to], queue, frames, count);
	}
}

static uint32_t
transmit(void *state, uint16_t queue, struct peal_packet *packets, uint32_t count)
{
	struct switch_port *port = state;
	struct frame run[RUN_COUNT_MAX];
	uint32_t run_count = 0, run_to = PORT_NONE, run_queue = 0, sent = 0;

	(void)queue;
	for (uint32_t i = 0; i < count; i++) {
		const struct frame frame = {.data = packets[i].data, .size = packets[i].size};
		uint32_t to = find_port(port, packets[i].data), to_queue = 0;

		PEAL_DASSERT(packets[i].data == packets[i].handle);
		if (to < PORT_ALL) {
			to_queue = find_queue(&port->owner->ports[to], &frame);
		}
		if (run_count > 0 &&
			(to != run_to || to_queue != run_queue || run_count == RUN_COUNT_MAX)) {
			sent += flush_run(port, run_to, run_queue, run, run_count);
			run_count = 0;
		}
		run_to = to;
		run_queue = to_queue;
		run[run_count++] = frame;
	}
	if (run_count > 0) {
		sent += flush_run(port, run_to, run_queue, run, run_count);
	}
	return sent;
}

static void
release(void *state, uint16_t queue, struct peal_packet *packets, uint32_t count)
{
	const struct switch_port *port = state;

	(void)queue;
	for (uint32_t i = 0; i < count; i++) {
		rte_mempool_put(port->owner->pool, packets[i].handle);
	}
}

static const struct peal_port_ops operations = {
	.receive = receive,
	.allocate = allocate,
	.transmit = transmit,
	.release = release,
};

static bool
make_queue(struct switch_port *port, uint32_t index, uint32_t flags, struct peal_sentence *error)
{
	static uint32_t serial; /* names are unique in the process, switches come and go */
	char name[RTE_RING_NAMESIZE];
	struct rte_ring *frames;

	(void)snprintf(name, sizeof(name), "peal_sw%u", serial++);
	frames = rte_ring_create_elem(name, sizeof(struct frame), PEAL_PORT_RING_FRAMES_MAX,
		SOCKET_ID_ANY, RING_F_SC_DEQ | RING_F_EXACT_SZ | flags);
	port->queues[index].frames = frames;
	return frames != NULL || peal_sentence_set(error,
					 "the switch inside the process has no memory for %u ports "
					 "(%s); raise memory_mb",
					 port->owner->ports_count, rte_strerror(rte_errno));
}

static bool
make_rings(struct peal_port_ring *ring, struct peal_sentence *error)
{
	uint32_t flags = ring->ports_count == 2 ? RING_F_SP_ENQ : 0U;

	for (uint32_t i = 0; i < ring->ports_count; i++) {
		ring->ports[i].owner = ring;
		ring->ports[i].index = i;
		ring->ports[i].queues_count = 1;
		if (!make_queue(&ring->ports[i], 0, flags, error)) {
			return false;
		}
	}
	if (ring->ports_count == 2) {
		ring->ports[0].peer = ring->ports[1].queues[0].frames;
		ring->ports[1].peer = ring->ports[0].queues[0].frames;
	}
	return true;
}

/* With several cores behind a port, a ring of the other has several producers. */
static bool
allow_many_producers(struct peal_port_ring *ring, struct peal_sentence *error)
{
	for (uint32_t i = 0; i < ring->ports_count; i++) {
		struct switch_port *port = &ring->ports[i];

		if (port->peer == NULL) {
			continue;
		}
		port->peer = NULL;
		rte_ring_free(port->queues[0].frames);
		if (!make_queue(port, 0, 0, error)) {
			return false;
		}
	}
	return true;
}

bool
peal_port_ring_set_queues(struct peal_port_ring *ring, uint32_t index, uint32_t queues_count,
	uint16_t base_port, struct peal_sentence *error)
{
	struct switch_port *port = &ring->ports[index];

	PEAL_ASSERT(index < ring->ports_count);
	PEAL_ASSERT(queues_count >= 1 && queues_count <= PEAL_PORT_RING_QUEUES_MAX);
	if (queues_count > 1 && !allow_many_producers(ring, error)) {
		return false;
	}
	for (uint32_t i = port->queues_count; i < queues_count; i++) {
		if (!make_queue(port, i, 0, error)) {
			return false;
		}
	}
	port->queues_count = (uint8_t)queues_count;
	port->base_port = base_port;
	return true;
}

/*
 * Plain buffers: with no header of DPDK in front, a hop costs a cache line less. No device reads
 * them, so they may stand across pages: two of them need one.
 */
static bool
make_pool(struct peal_port_ring *ring, uint32_t packets_count, struct peal_sentence *error)
{
	static uint32_t serial;
	char name[RTE_MEMPOOL_NAMESIZE];

	(void)snprintf(name, sizeof(name), "peal_switch%u", ++serial);
	ring->pool = rte_mempool_create(name, packets_count, ring->packet_size, CACHE_COUNT, 0,
		NULL, NULL, NULL, NULL, SOCKET_ID_ANY, RTE_MEMPOOL_F_NO_IOVA_CONTIG);
	if (ring->pool == NULL) {
		return peal_sentence_set(error,
			"%u packet buffers did not fit the memory of DPDK (%s); raise memory_mb",
			packets_count, rte_strerror(rte_errno));
	}
	return true;
}

static uint32_t
round_up_packets(uint32_t wanted)
{
	uint32_t count = 1023;

	while (count < wanted) {
		count = count * 2U + 1U;
	}
	return count;
}

struct peal_port_ring *
peal_port_ring_create(uint32_t ports_count, uint32_t packets_count, struct peal_sentence *error)
{
	return peal_port_ring_create_wide(ports_count, packets_count, 0, error);
}

struct peal_port_ring *
peal_port_ring_create_wide(
	uint32_t ports_count, uint32_t packets_count, uint16_t mtu, struct peal_sentence *error)
{
	struct peal_port_ring *ring;

	PEAL_ASSERT(ports_count >= 1 && ports_count <= PEAL_PORT_RING_PORTS_MAX);
	ring = rte_zmalloc("peal_switch", sizeof(*ring) + ports_count * sizeof(struct switch_port),
		RTE_CACHE_LINE_SIZE);
	if (ring == NULL) {
		(void)peal_sentence_set(error, "the memory of DPDK is used up; raise memory_mb");
		return NULL;
	}
	ring->ports_count = ports_count;
	ring->mtu = mtu;
	ring->packet_size = mtu == 0 ? PEAL_MBUFPOOL_FRAME_SIZE_MAX : peal_mbufpool_frame_size(mtu);
	if (packets_count == 0) {
		packets_count = round_up_packets(ports_count * 4U * PEAL_TX_QUEUE_MAX);
		packets_count = packets_count < PEAL_PORT_RING_PACKETS_MAX
					? packets_count
					: PEAL_PORT_RING_PACKETS_MAX;
	}
	if (!make_pool(ring, packets_count, error) || !make_rings(ring, error)) {
		peal_port_ring_destroy(ring);
		return NULL;
	}
	return ring;
}

void
peal_port_ring_destroy(struct peal_port_ring *ring)
{
	if (ring == NULL) {
		return;
	}
	for (uint32_t i = 0; i < ring->ports_count; i++) {
		for (uint32_t j = 0; j < PEAL_PORT_RING_QUEUES_MAX; j++) {
			rte_ring_free(ring->ports[i].queues[j].frames);
		}
	}
	rte_mempool_free(ring->pool);
	rte_free(ring);
}

struct peal_port
peal_port_ring_port(struct peal_port_ring *ring, uint32_t index, struct peal_bell bell)
{
	return peal_port_ring_queue(ring, index, 0, bell);
}

struct peal_port
peal_port_ring_queue(
	struct peal_port_ring *ring, uint32_t index, uint32_t queue, struct peal_bell bell)
{
	struct peal_port out = {
		.ops = &operations,
		.queue = (uint16_t)queue,
		.packet_size_max = ring->packet_size,
		.mtu = ring->mtu,
	};

	PEAL_ASSERT(index < ring->ports_count);
	PEAL_ASSERT(queue < ring->ports[index].queues_count);
	ring->ports[index].queues[queue].bell = bell;
	out.state = &ring->ports[index];
	memcpy(out.mac, mac_prefix, sizeof(mac_prefix));
	out.mac[4] = (uint8_t)(index >> 8);
	out.mac[5] = (uint8_t)index;
	return out;
}

void
peal_port_ring_unplug(struct peal_port_ring *ring, uint32_t index)
{
	PEAL_ASSERT(index < ring->ports_count);
	atomic_store_explicit(&ring->ports[index].is_unplugged, true, memory_order_relaxed);
}
