/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/simport.h"

#include "base/assert.h"
#include "base/hash.h"
#include "dataplane/headers.h"
#include "dataplane/link.h"

#include <stddef.h>

static void
lend(struct peal_simframe *frame, struct peal_packet *packet)
{
	packet->data = frame->bytes;
	packet->size = frame->size;
	packet->room = 0; /* no more than that */
	packet->handle = frame;
}

static struct peal_simframe *
take_back(const struct peal_packet *packet)
{
	struct peal_simframe *frame = packet->handle;

	PEAL_ASSERT(packet->data == frame->bytes);
	return frame;
}

/* The queue that the card puts a frame into. */
static uint16_t
choose_queue(const struct peal_simport *port, const struct peal_simframe *frame)
{
	const uint8_t *payload;
	uint32_t payload_size;
	uint32_t queue;

	if (port->base_port == 0) {
		uint32_t size =
			frame->size < PEAL_UDP_LENGTH_OFFSET ? frame->size : PEAL_UDP_LENGTH_OFFSET;

		return (uint16_t)(peal_hash64(frame->bytes, size, 0) % port->queues_count);
	}
	payload = peal_headers_payload(frame->bytes, frame->size, &payload_size);
	if (payload == NULL) {
		return 0;
	}
	/* The port that a frame is for is the second field of the UDP header before it. */
	queue = (uint32_t)peal_link_load16(payload - 6) - port->base_port;
	return queue < port->queues_count ? (uint16_t)queue : 0U;
}

void
peal_simport_sort(struct peal_simport *simport)
{
	struct peal_simframe *frame;

	while (simport->queues_count > 1 &&
		(frame = peal_simnet_take(simport->net, simport->index)) != NULL) {
		struct peal_simport_queue *queue = &simport->queues[choose_queue(simport, frame)];

		if (queue->tail - queue->head == PEAL_SIMNET_QUEUE_MAX) {
			peal_simnet_release(simport->net, frame);
			continue;
		}
		queue->frames[queue->tail++ % PEAL_SIMNET_QUEUE_MAX] = frame;
	}
}

bool
peal_simport_has_frames(const struct peal_simport *simport, uint16_t queue)
{
	if (simport->queues_count <= 1) {
		return peal_simnet_has_frames(simport->net, simport->index);
	}
	return simport->queues[queue].head != simport->queues[queue].tail;
}

static struct peal_simframe *
take(struct peal_simport *port, uint16_t index)
{
	struct peal_simport_queue *queue = &port->queues[index];

	if (port->queues_count <= 1) {
		return peal_simnet_take(port->net, port->index);
	}
	return queue->head == queue->tail ? NULL
					  : queue->frames[queue->head++ % PEAL_SIMNET_QUEUE_MAX];
}

void
peal_simport_close(struct peal_simport *simport)
{
	for (uint16_t queue = 0; simport->queues_count > 1 && queue < simport->queues_count;
		queue++) {
		struct peal_simframe *frame;

		while ((frame = take(simport, queue)) != NULL) {
			peal_simnet_release(simport->net, frame);
		}
	}
}

static uint32_t
receive(void *state, uint16_t queue, struct peal_packet *packets, uint32_t capacity)
{
	struct peal_simport *port = state;
	uint32_t count = 0;

	PEAL_ASSERT(queue < PEAL_SIMPORT_QUEUES_MAX);
	while (count < capacity) {
		struct peal_simframe *frame = take(port, queue);

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

	PEAL_ASSERT(queue < PEAL_SIMPORT_QUEUES_MAX);
	for (uint32_t i = 0; i < count; i++) {
		peal_simnet_release(port->net, take_back(&packets[i]));
	}
}

static uint32_t
allocate(void *state, uint16_t queue, struct peal_packet *packets, uint32_t count)
{
	struct peal_simport *port = state;

	PEAL_ASSERT(queue < PEAL_SIMPORT_QUEUES_MAX);
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

	PEAL_ASSERT(queue < PEAL_SIMPORT_QUEUES_MAX);
	for (uint32_t i = 0; i < count; i++) {
		struct peal_simframe *frame = take_back(&packets[i]);

		PEAL_ASSERT(packets[i].size <= port->net->frame_size_max);
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
peal_simport_open(struct peal_simport *simport, uint16_t queue)
{
	struct peal_port port = {.ops = &simport_ops,
		.state = simport,
		.queue = queue,
		.packet_size_max = simport->net->frame_size_max,
		.mtu = simport->net->mtu};

	peal_simnet_get_mac(simport->index, port.mac);
	return port;
}
