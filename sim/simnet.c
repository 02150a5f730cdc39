/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/simnet.h"

#include "base/assert.h"
#include "base/hash.h"
#include "dataplane/headers.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_FRAMES  256U
#define PPM           UINT64_C(1000000)
#define MAC_SIZE      6U
#define ODDS_MIN      64U
#define ETHERNET_SIZE 14U
/* Of an ARP request, from the first byte of the frame. */
#define ARP_SIZE_MIN     42U
#define ARP_TARGET_PLACE 38U

void
peal_simnet_init(struct peal_simnet *net, struct peal_simtime *time, uint16_t ports_count,
	const struct peal_simlink *link, uint64_t seed)
{
	PEAL_ASSERT(ports_count > 0);
	PEAL_ASSERT(link->delay_ns_min <= link->delay_ns_max);

	memset(net, 0, sizeof(*net));
	net->time = time;
	net->ports_count = ports_count;
	peal_prng_init(&net->prng, seed);
	net->ports = calloc(ports_count, sizeof(net->ports[0]));
	net->common = *link;
	net->frame_size_max = PEAL_SIMNET_FRAME_SIZE_MAX;
	net->odds_capacity = ODDS_MIN;
	net->odds = calloc(ODDS_MIN, sizeof(net->odds[0]));
	PEAL_ASSERT(net->ports != NULL);
	PEAL_ASSERT(net->odds != NULL);
}

void
peal_simnet_set_mtu(struct peal_simnet *net, uint16_t mtu)
{
	PEAL_ASSERT(net->frames_count == 0);
	PEAL_ASSERT(mtu >= PEAL_MTU_MIN && mtu <= PEAL_MTU_MAX);
	net->mtu = mtu;
	net->frame_size_max = mtu + PEAL_LINK_SIZE_MAX;
	if (net->frame_size_max < PEAL_SIMNET_FRAME_SIZE_MAX) {
		net->frame_size_max = PEAL_SIMNET_FRAME_SIZE_MAX;
	}
}

void
peal_simnet_fini(struct peal_simnet *net)
{
	for (uint32_t i = 0; i < net->frames_count / CHUNK_FRAMES; i++) {
		free(net->chunks[i]);
	}
	free(net->odds);
	free(net->ports);
	memset(net, 0, sizeof(*net));
}

void
peal_simnet_get_mac(uint16_t port, uint8_t mac_out[6])
{
	const uint8_t mac[MAC_SIZE] = {
		0x02, 'P', 'e', 'l', (uint8_t)(port >> 8), (uint8_t)(port & 0xFFU)};

	memcpy(mac_out, mac, MAC_SIZE);
}

uint16_t
peal_simnet_find_mac(const struct peal_simnet *net, const uint8_t mac[6])
{
	uint16_t port = (uint16_t)((uint16_t)(mac[4] << 8) | mac[5]);
	uint8_t expected[MAC_SIZE];

	peal_simnet_get_mac(port, expected);
	if (port >= net->ports_count || memcmp(mac, expected, MAC_SIZE) != 0) {
		return net->ports_count;
	}
	return port;
}

/* The place of an odd link, or the empty one where it would stand. */
static struct peal_simnet_odd *
find_odd(const struct peal_simnet *net, uint32_t key)
{
	uint32_t place = (uint32_t)peal_hash_mix(key + 1U) & (net->odds_capacity - 1U);

	while (net->odds[place].is_used && net->odds[place].key != key) {
		place = (place + 1U) & (net->odds_capacity - 1U);
	}
	return &net->odds[place];
}

const struct peal_simlink *
peal_simnet_link(const struct peal_simnet *net, uint16_t from, uint16_t to)
{
	const struct peal_simnet_odd *odd;

	PEAL_ASSERT(from < net->ports_count);
	PEAL_ASSERT(to < net->ports_count);
	if (net->odds_count == 0) {
		return &net->common;
	}
	odd = find_odd(net, (uint32_t)from << 16 | to);
	return odd->is_used ? &odd->link : &net->common;
}

static void
grow_odds(struct peal_simnet *net)
{
	struct peal_simnet_odd *before = net->odds;
	uint32_t capacity = net->odds_capacity;

	net->odds_capacity = 2U * capacity;
	net->odds = calloc(net->odds_capacity, sizeof(net->odds[0]));
	PEAL_ASSERT(net->odds != NULL);
	for (uint32_t i = 0; i < capacity; i++) {
		if (before[i].is_used) {
			*find_odd(net, before[i].key) = before[i];
		}
	}
	free(before);
}

struct peal_simlink *
peal_simnet_change(struct peal_simnet *net, uint16_t from, uint16_t to)
{
	uint32_t key = (uint32_t)from << 16 | to;
	struct peal_simnet_odd *odd;

	PEAL_ASSERT(from < net->ports_count);
	PEAL_ASSERT(to < net->ports_count);
	odd = find_odd(net, key);
	if (!odd->is_used) {
		if (2U * (net->odds_count + 1U) > net->odds_capacity) {
			grow_odds(net);
			odd = find_odd(net, key);
		}
		*odd = (struct peal_simnet_odd){.key = key, .is_used = true, .link = net->common};
		net->odds_count++;
	}
	return &odd->link;
}

void
peal_simnet_visit_odds(struct peal_simnet *net,
	void (*visit)(void *state, uint16_t from, uint16_t to, struct peal_simlink *link),
	void *state)
{
	for (uint32_t i = 0; i < net->odds_capacity; i++) {
		struct peal_simnet_odd *odd = &net->odds[i];

		if (odd->is_used) {
			visit(state, (uint16_t)(odd->key >> 16), (uint16_t)(odd->key & 0xFFFFU),
				&odd->link);
		}
	}
}

/* What a frame takes in a chunk. */
static size_t
measure_frame(const struct peal_simnet *net)
{
	size_t alignment = alignof(struct peal_simframe);

	return (sizeof(struct peal_simframe) + net->frame_size_max + alignment - 1U) / alignment *
	       alignment;
}

static struct peal_simframe *
frame_at(struct peal_simnet *net, uint32_t index)
{
	uint8_t *chunk = net->chunks[index / CHUNK_FRAMES];

	PEAL_ASSERT(index < net->frames_count);
	return (struct peal_simframe *)(void *)(chunk + index % CHUNK_FRAMES * measure_frame(net));
}

static void
add_chunk(struct peal_simnet *net)
{
	uint32_t first = net->frames_count;
	uint8_t *chunk = malloc(CHUNK_FRAMES * measure_frame(net));

	PEAL_ASSERT(chunk != NULL);
	net->chunks[first / CHUNK_FRAMES] = chunk;
	net->frames_count += CHUNK_FRAMES;
	for (uint32_t i = CHUNK_FRAMES; i > 0; i--) {
		struct peal_simframe *frame = frame_at(net, first + i - 1U);

		frame->index = first + i - 1U;
		frame->next_free = net->first_free;
		net->first_free = first + i;
	}
}

struct peal_simframe *
peal_simnet_allocate(struct peal_simnet *net)
{
	struct peal_simframe *frame;

	if (net->first_free == 0) {
		if (net->frames_count == PEAL_SIMNET_FRAMES_MAX) {
			return NULL;
		}
		add_chunk(net);
	}
	frame = frame_at(net, net->first_free - 1U);
	net->first_free = frame->next_free;
	frame->size = 0;
	return frame;
}

void
peal_simnet_release(struct peal_simnet *net, struct peal_simframe *frame)
{
	frame->next_free = net->first_free;
	net->first_free = frame->index + 1U;
}

static uint32_t
payload_size(const struct peal_simframe *frame)
{
	uint32_t size;

	return peal_headers_payload(frame->bytes, frame->size, &size) == NULL ? 0 : size;
}

void
peal_simnet_set_up(struct peal_simnet *net, uint16_t port, bool is_up)
{
	struct peal_simframe *frame;

	while ((frame = peal_simnet_take(net, port)) != NULL) {
		peal_simnet_release(net, frame);
		net->lost_count++;
	}
	net->ports[port].is_up = is_up;
}

/* Chance is asked only where a fault is set, so a clean network draws one number per frame. */
static bool
happens(struct peal_simnet *net, uint32_t ppm)
{
	return ppm > 0 && (ppm >= PPM || peal_prng_below(&net->prng, PPM) < ppm);
}

/* A frame that comes to the queue of a port at `*at_ns` leaves it later. False: it is full. */
static bool
pass_rate(struct peal_simnet_rate *rate, uint32_t size, uint64_t *at_ns)
{
	uint64_t begin_ns = rate->free_at_ns > *at_ns ? rate->free_at_ns : *at_ns;
	uint64_t waited_ns = begin_ns - *at_ns;

	if (waited_ns > rate->queue_ns_max) {
		rate->lost_count++;
		return false;
	}
	rate->frames_count++;
	rate->bytes += size;
	rate->waited_ns += waited_ns;
	rate->waited_ns_max = waited_ns > rate->waited_ns_max ? waited_ns : rate->waited_ns_max;
	rate->free_at_ns = begin_ns + size * rate->ps_per_byte / 1000U;
	*at_ns = rate->free_at_ns;
	return true;
}

static void
schedule(struct peal_simnet *net, uint16_t to, const struct peal_simlink *link,
	struct peal_simframe *frame)
{
	uint64_t arrive_at_ns;
	uint64_t delay_ns =
		link->delay_ns_min +
		peal_prng_below(&net->prng, link->delay_ns_max - link->delay_ns_min + 1U);

	if (happens(net, link->spike_ppm)) {
		delay_ns += peal_prng_below(&net->prng, link->spike_ns_max + 1U);
	}
	arrive_at_ns = net->time->now_ns + delay_ns;
	if (net->ports[to].rate.ps_per_byte > 0 &&
		!pass_rate(&net->ports[to].rate, frame->size, &arrive_at_ns)) {
		net->lost_count++;
		peal_simnet_release(net, frame);
		return;
	}
	peal_simtime_add(net->time, arrive_at_ns, PEAL_SIMEVENT_FRAME, to, frame->index);
}

static struct peal_simframe *
copy_frame(struct peal_simnet *net, const struct peal_simframe *frame)
{
	struct peal_simframe *copy = peal_simnet_allocate(net);

	if (copy != NULL) {
		copy->size = frame->size;
		memcpy(copy->bytes, frame->bytes, frame->size);
	}
	return copy;
}

/* One frame down one link; takes the frame. */
static void
send_link(struct peal_simnet *net, uint16_t from, uint16_t to, struct peal_simframe *frame)
{
	const struct peal_simlink *link = peal_simnet_link(net, from, to);

	if ((link->mtu > 0 && frame->size > ETHERNET_SIZE + link->mtu) || link->is_cut ||
		happens(net, net->ports[from].egress_loss_ppm) || happens(net, link->loss_ppm) ||
		happens(net, net->ports[to].ingress_loss_ppm)) {
		net->lost_count++;
		peal_simnet_release(net, frame);
		return;
	}
	if (happens(net, link->duplicate_ppm)) {
		struct peal_simframe *copy = copy_frame(net, frame);

		if (copy != NULL) {
			schedule(net, to, link, copy);
		}
	}
	schedule(net, to, link, frame);
}

static bool
is_arp(const struct peal_simframe *frame)
{
	return frame->size >= ARP_SIZE_MIN && frame->bytes[12] == 0x08 && frame->bytes[13] == 0x06;
}

static uint32_t
read_target(const struct peal_simframe *frame)
{
	const uint8_t *bytes = frame->bytes + ARP_TARGET_PLACE;

	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       bytes[3];
}

void
peal_simnet_send(struct peal_simnet *net, uint16_t port, struct peal_simframe *frame)
{
	uint16_t to = peal_simnet_find_mac(net, frame->bytes);

	PEAL_ASSERT(frame->size >= 2U * MAC_SIZE);
	net->sent_count++;
	net->sent_bytes += payload_size(frame);
	if (net->watch != NULL) {
		net->watch(net->watch_state, port, frame->bytes, frame->size);
	}
	if (to < net->ports_count && to != port) {
		if (net->lose != NULL && net->lose(net->lose_state, port, to, frame)) {
			net->lost_count++;
			peal_simnet_release(net, frame);
			return;
		}
		if (net->bend != NULL && !net->bend(net->bend_state, port, to, frame)) {
			net->lost_count++;
			peal_simnet_release(net, frame);
			return;
		}
		send_link(net, port, to, frame);
		return;
	}
	if (net->find_ipv4 != NULL && net->ports_count >= PEAL_SIMNET_QUIET_PORTS &&
		is_arp(frame)) {
		to = net->find_ipv4(read_target(frame));
		if (to < net->ports_count && to != port) {
			send_link(net, port, to, frame);
			return;
		}
	} else if ((frame->bytes[0] & 0x01U) != 0) {
		for (uint16_t i = 0; i < net->ports_count; i++) {
			struct peal_simframe *copy = i == port ? NULL : copy_frame(net, frame);

			if (copy != NULL) {
				send_link(net, port, i, copy);
			}
		}
	}
	peal_simnet_release(net, frame);
}

bool
peal_simnet_arrive(struct peal_simnet *net, uint16_t port, uint32_t frame_index)
{
	struct peal_simnet_port *to = &net->ports[port];

	if (!to->is_up || to->tail - to->head == PEAL_SIMNET_QUEUE_MAX) {
		net->lost_count++;
		peal_simnet_release(net, frame_at(net, frame_index));
		return false;
	}
	to->received_bytes += payload_size(frame_at(net, frame_index));
	to->queue[to->tail % PEAL_SIMNET_QUEUE_MAX] = frame_index;
	to->tail++;
	return true;
}

struct peal_simframe *
peal_simnet_take(struct peal_simnet *net, uint16_t port)
{
	struct peal_simnet_port *from = &net->ports[port];

	if (from->head == from->tail) {
		return NULL;
	}
	return frame_at(net, from->queue[from->head++ % PEAL_SIMNET_QUEUE_MAX]);
}

bool
peal_simnet_has_frames(const struct peal_simnet *net, uint16_t port)
{
	return net->ports[port].head != net->ports[port].tail;
}
