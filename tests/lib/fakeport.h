/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A switch in memory: ports of dataplane/port.h joined by queues, and a filter a test can set.
 *
 * A frame to the MAC of a port goes to that port, one to everybody to all others as copies, any
 * other is lost. Every packet that is lent is counted, so that a leak shows. One thread.
 */
#ifndef PEAL_TESTS_LIB_FAKEPORT_H
#define PEAL_TESTS_LIB_FAKEPORT_H

#include "dataplane/port.h"

#include <stdbool.h>

#define PEAL_FAKEPORT_PORTS_MAX      8U
#define PEAL_FAKEPORT_FRAMES_MAX     4096U
#define PEAL_FAKEPORT_FRAME_SIZE_MAX 2048U

struct peal_fakeframe_memory {
	uint32_t size;
	bool is_lent;
	uint8_t bytes[PEAL_FAKEPORT_FRAME_SIZE_MAX];
};

struct peal_fakeswitch;

struct peal_fakeport {
	struct peal_fakeswitch *owner;
	struct peal_port port;
	uint32_t first, count; /* of what waits to be received */
	uint16_t waiting[PEAL_FAKEPORT_FRAMES_MAX];
	uint32_t allocate_max; /* packets that allocate still gives; UINT32_MAX = no end */
	uint32_t transmit_max; /* packets that one transmit takes; UINT32_MAX = all */
	uint32_t ring_max;     /* packets of its queue, which `ring_count` are in */
	uint32_t ring_count;   /* a test takes them out; as long as ring_max is 0 nothing counts */
	uint32_t allocations_count; /* calls */
	uint32_t transmits_count;   /* calls */
	uint64_t sent_count;        /* packets */
	/* The last packet that was sent, whoever got it. */
	uint32_t last_size;
	uint8_t last[PEAL_FAKEPORT_FRAME_SIZE_MAX];
};

struct peal_fakeswitch {
	uint32_t ports_count;
	struct peal_fakeport ports[PEAL_FAKEPORT_PORTS_MAX];
	uint32_t free_count;
	uint16_t free[PEAL_FAKEPORT_FRAMES_MAX];
	struct peal_fakeframe_memory frames[PEAL_FAKEPORT_FRAMES_MAX];
	/* False loses the frame. NULL = everything passes. */
	bool (*filter)(void *state, uint32_t from, uint32_t to, const uint8_t *data, uint32_t size);
	void *filter_state;
};

/* A switch with ports of MAC 02:00:00:00:00:01 and on. Heap. */
struct peal_fakeswitch *peal_fakeswitch_create(uint32_t ports_count);
/* Asserts that no packet is lent and frees everything. */
void peal_fakeswitch_destroy(struct peal_fakeswitch *fake);
/* Puts a frame into the receive queue of a port. */
void peal_fakeswitch_inject(
	struct peal_fakeswitch *fake, uint32_t to, const uint8_t *data, uint32_t size);
/* Loses everything that waits at a port. */
void peal_fakeswitch_clear(struct peal_fakeswitch *fake, uint32_t port);
/* Packets that are lent to users. */
uint32_t peal_fakeswitch_lent(const struct peal_fakeswitch *fake);

#endif
