/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dataplane/port.h over the false network: a core of the simulator cannot tell it from a NIC.
 *
 * A process with several cores has a queue for each. Which one a frame gets is the card's affair:
 * with steering it goes by the UDP port, without by a hash of the headers, so that most frames come
 * to a core that they are not for. One queue costs nothing: it is the network's own.
 */
#ifndef PEAL_SIM_SIMPORT_H
#define PEAL_SIM_SIMPORT_H

#include "dataplane/port.h"
#include "sim/simnet.h"

/* Cores of one simulated process. */
#define PEAL_SIMPORT_QUEUES_MAX 3U

struct peal_simport_queue {
	uint32_t head; /* frames taken */
	uint32_t tail; /* frames put */
	struct peal_simframe *frames[PEAL_SIMNET_QUEUE_MAX];
};

/* The state behind a port; outlives the cores that use it. */
struct peal_simport {
	struct peal_simnet *net;
	uint16_t index;       /* port of the network */
	uint8_t queues_count; /* 0 counts as 1 */
	uint16_t base_port;   /* UDP port of queue 0; 0 = the hash decides */
	struct peal_simport_queue queues[PEAL_SIMPORT_QUEUES_MAX]; /* used when there are several */
};

/* The port of `simport` as the core of one queue wants it. */
struct peal_port peal_simport_open(struct peal_simport *simport, uint16_t queue);

/* Sorts what has arrived into the queues. Frames that find theirs full are lost. */
void peal_simport_sort(struct peal_simport *simport);
bool peal_simport_has_frames(const struct peal_simport *simport, uint16_t queue);

/* Gives back what the queues have. */
void peal_simport_close(struct peal_simport *simport);

#endif
