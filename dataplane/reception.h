/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a core does with the packets it receives: each is opened and given to the one machine of its
 * kind; a liveness frame is answered in the packet it came in, a packet of another shard is moved
 * there, one that another member is to have is passed on, and all others are used for what leaves
 * next. The home shard hears every kind, the others only channels and what concerns ways.
 *
 * No state of its own: the machines of the core, private to it and this file. Thread: the core's.
 */
#ifndef PEAL_DATAPLANE_RECEPTION_H
#define PEAL_DATAPLANE_RECEPTION_H

#include <stdint.h>

struct peal_core;

/*
 * Takes one burst of the port, and one of what other shards received for this one, each of at most
 * PEAL_BURST_MAX packets.
 * @return the larger count
 */
uint32_t peal_reception_take_burst(struct peal_core *core, uint64_t now_ns);

/*
 * Takes the frames that came before their view, which is the core's now. Those of another epoch
 * still, or of who is gone, came in vain and are counted.
 */
void peal_reception_release_held(struct peal_core *core, uint64_t now_ns);

#endif
