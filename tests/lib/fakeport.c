/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/fakeport.h"

#include "base/assert.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static uint16_t
take_frame(struct peal_fakeswitch *fake, const uint8_t *data, uint32_t size)
{
	PEAL_ASSERT(fake->free_count > 0);
	PEAL_ASSERT(size <= PEAL_FAKEPORT_FRAME_SIZE_MAX);

	uint16_t index = fake->free[--fake->free_count];

	fake->frames[index].size = size;
	if (data != NULL) {
		memcpy(fake->frames[index].bytes, data, size);
	}
	return index;
}

static void
give_frame(struct peal_fakeswitch *fake, uint16_t index)
{
	PEAL_ASSERT(fake->free_count < PEAL_FAKEPORT_FRAMES_MAX);
	/* What a user does after the packet is gone should show. */
	memset(fake->frames[index].bytes, 0xDD, sizeof(fake->frames[index].bytes));
	fake->frames[index].is_lent = false;
	fake->free[fake->free_count++] = index;
}

static uint16_t
find_index(const struct peal_fakeswitch *fake, const struct peal_packet *packet)
{
	const struct peal_fakeframe_memory *frame = packet->handle;
	ptrdiff_t index = frame - fake->frames;

	PEAL_ASSERT(index >= 0 && index < (ptrdiff_t)PEAL_FAKEPORT_FRAMES_MAX);
	PEAL_ASSERT(frame->is_lent);
	PEAL_ASSERT(packet->data == frame->bytes);
	return (uint16_t)index;
}

static void
lend(struct peal_fakeswitch *fake, uint16_t index, struct peal_packet *packet)
{
	PEAL_ASSERT(!fake->frames[index].is_lent);
	fake->frames[index].is_lent = true;
	*packet = (struct peal_packet){.data = fake->frames[index].bytes,
		.size = fake->frames[index].size,
		.handle = &fake->frames[index]};
}

static void
deliver(struct peal_fakeport *port, uint16_t index)
{
	PEAL_ASSERT(port->count < PEAL_FAKEPORT_FRAMES_MAX);
	port->waiting[(port->first + port->count++) % PEAL_FAKEPORT_FRAMES_MAX] = index;
}

static uint32_t
receive(void *state, uint16_t queue, struct peal_packet *packets, uint32_t capacity)
{
	struct peal_fakeport *port = state;
	uint32_t count = port->count < capacity ? port->count : capacity;

	(void)queue;
	for (uint32_t i = 0; i < count; i++) {
		lend(port->owner, port->waiting[port->first], &packets[i]);
		port->first = (port->first + 1U) % PEAL_FAKEPORT_FRAMES_MAX;
	}
	port->count -= count;
	return count;
}

static uint32_t
allocate(void *state, uint16_t queue, struct peal_packet *packets, uint32_t count)
{
	struct peal_fakeport *port = state;

	(void)queue;
	port->allocations_count++;
	if (count > port->allocate_max || count > port->owner->free_count) {
		return 0;
	}
	if (port->allocate_max != UINT32_MAX) {
		port->allocate_max -= count;
	}
	for (uint32_t i = 0; i < count; i++) {
		lend(port->owner, take_frame(port->owner, NULL, 0), &packets[i]);
	}
	return count;
}

static bool
passes(struct peal_fakeswitch *fake, uint32_t from, uint32_t to, const uint8_t *data, uint32_t size)
{
	return fake->filter == NULL || fake->filter(fake->filter_state, from, to, data, size);
}

static void
forward(struct peal_fakeport *from, uint16_t index)
{
	struct peal_fakeswitch *fake = from->owner;
	struct peal_fakeframe_memory *frame = &fake->frames[index];
	uint32_t self = (uint32_t)(from - fake->ports);

	memcpy(from->last, frame->bytes, frame->size);
	from->last_size = frame->size;
	from->sent_count++;
	for (uint32_t to = 0; to < fake->ports_count; to++) {
		bool is_group = (frame->bytes[0] & 1U) != 0;
		bool is_mine = memcmp(frame->bytes, fake->ports[to].port.mac, 6) == 0;

		if (to == self || (!is_group && !is_mine)) {
			continue;
		}
		uint16_t copy = take_frame(fake, frame->bytes, frame->size);

		if (passes(fake, self, to, fake->frames[copy].bytes, frame->size)) {
			deliver(&fake->ports[to], copy);
		} else {
			give_frame(fake, copy);
		}
	}
	give_frame(fake, index);
}

static uint32_t
transmit(void *state, uint16_t queue, struct peal_packet *packets, uint32_t count)
{
	struct peal_fakeport *port = state;
	uint32_t sent = count < port->transmit_max ? count : port->transmit_max;

	if (port->ring_max > 0) {
		uint32_t room = port->ring_max - port->ring_count;

		sent = sent < room ? sent : room;
		port->ring_count += sent;
	}

	(void)queue;
	port->transmits_count++;
	for (uint32_t i = 0; i < count; i++) {
		uint16_t index = find_index(port->owner, &packets[i]);

		PEAL_ASSERT(packets[i].size <= PEAL_FAKEPORT_FRAME_SIZE_MAX);
		port->owner->frames[index].size = packets[i].size;
		if (i < sent) {
			forward(port, index);
		} else {
			give_frame(port->owner, index);
		}
	}
	return sent;
}

static void
release(void *state, uint16_t queue, struct peal_packet *packets, uint32_t count)
{
	struct peal_fakeport *port = state;

	(void)queue;
	for (uint32_t i = 0; i < count; i++) {
		give_frame(port->owner, find_index(port->owner, &packets[i]));
	}
}

struct peal_fakeswitch *
peal_fakeswitch_create(uint32_t ports_count)
{
	static const struct peal_port_ops ops = {
		.receive = receive, .allocate = allocate, .transmit = transmit, .release = release};
	struct peal_fakeswitch *fake = calloc(1, sizeof(*fake));

	PEAL_ASSERT(fake != NULL);
	PEAL_ASSERT(ports_count <= PEAL_FAKEPORT_PORTS_MAX);
	fake->ports_count = ports_count;
	for (uint32_t i = 0; i < ports_count; i++) {
		fake->ports[i].owner = fake;
		fake->ports[i].allocate_max = UINT32_MAX;
		fake->ports[i].transmit_max = UINT32_MAX;
		fake->ports[i].port = (struct peal_port){.ops = &ops,
			.state = &fake->ports[i],
			.packet_size_max = PEAL_FAKEPORT_FRAME_SIZE_MAX,
			.mac = {0x02, 0, 0, 0, 0, (uint8_t)(i + 1U)}};
	}
	for (uint16_t i = 0; i < PEAL_FAKEPORT_FRAMES_MAX; i++) {
		fake->free[fake->free_count++] = i;
	}
	return fake;
}

void
peal_fakeswitch_destroy(struct peal_fakeswitch *fake)
{
	PEAL_ASSERT(peal_fakeswitch_lent(fake) == 0);
	free(fake);
}

void
peal_fakeswitch_inject(
	struct peal_fakeswitch *fake, uint32_t to, const uint8_t *data, uint32_t size)
{
	PEAL_ASSERT(to < fake->ports_count);
	deliver(&fake->ports[to], take_frame(fake, data, size));
}

void
peal_fakeswitch_clear(struct peal_fakeswitch *fake, uint32_t port)
{
	struct peal_fakeport *one = &fake->ports[port];

	while (one->count > 0) {
		give_frame(fake, one->waiting[one->first]);
		one->first = (one->first + 1U) % PEAL_FAKEPORT_FRAMES_MAX;
		one->count--;
	}
}

uint32_t
peal_fakeswitch_lent(const struct peal_fakeswitch *fake)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < PEAL_FAKEPORT_FRAMES_MAX; i++) {
		count += fake->frames[i].is_lent ? 1U : 0U;
	}
	return count;
}
