/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/simport.h"

#include "base/assert.h"

#include <stddef.h>

static void
lend(struct peal_simframe *frame, struct peal_packet *packet)
{
	packet->data = frame->bytes;
	packet->size = frame->size;
	packet->handle = frame;
}

static struct peal_simframe *
take_back(const struct peal_packet *packet)
{
	struct peal_simframe *frame = packet->handle;

	PEAL_ASSERT(packet->data == frame->bytes);
	return frame;
}

static uint32_t
receive(void *state, uint16_t queue, struct peal_packet *packets, uint32_t capacity)
{
	struct peal_simport *port = state;
	uint32_t count = 0;

	PEAL_ASSERT(queue == 0);
	while (count < capacity) {
		struct peal_simframe *frame = peal_simnet_take(port->net, port->index);

		if (frame == NULL) {
			break;
		}
		lend(frame, &packets[count++]);
	}
	return count;
}

static void
release(void *state, uint16_t queue, struct peal_packet *packets, uint32_t count)
{
	struct peal_simport *port = state;

	PEAL_ASSERT(queue == 0);
	for (uint32_t i = 0; i < count; i++) {
		peal_simnet_release(port->net, take_back(&packets[i]));
	}
}

static uint32_t
allocate(void *state, uint16_t queue, struct peal_packet *packets, uint32_t count)
{
	struct peal_simport *port = state;

	PEAL_ASSERT(queue == 0);
	if (port->net->refuse != NULL && port->net->refuse(port->net->bend_state, port->index)) {
		return 0;
	}
	for (uint32_t i = 0; i < count; i++) {
		struct peal_simframe *frame = peal_simnet_allocate(port->net);

		if (frame == NULL) {
			release(state, queue, packets, i);
			return 0;
		}
		lend(frame, &packets[i]);
	}
	return count;
}

static uint32_t
transmit(void *state, uint16_t queue, struct peal_packet *packets, uint32_t count)
{
	struct peal_simport *port = state;

	PEAL_ASSERT(queue == 0);
	for (uint32_t i = 0; i < count; i++) {
		struct peal_simframe *frame = take_back(&packets[i]);

		PEAL_ASSERT(packets[i].size <= PEAL_SIMNET_FRAME_SIZE_MAX);
		frame->size = packets[i].size;
		peal_simnet_send(port->net, port->index, frame);
	}
	return count;
}

static const struct peal_port_ops simport_ops = {
	.receive = receive,
	.allocate = allocate,
	.transmit = transmit,
	.release = release,
};

struct peal_port
peal_simport_open(struct peal_simport *simport)
{
	struct peal_port port = {.ops = &simport_ops,
		.state = simport,
		.queue = 0,
		.packet_size_max = PEAL_SIMNET_FRAME_SIZE_MAX};

	peal_simnet_get_mac(simport->index, port.mac);
	return port;
}
