/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What went through a client of a core: for who lists clients (runtime/clientlist.h).
 *
 * Plain struct; the core that serves the client writes, any thread reads.
 */
#ifndef PEAL_DATAPLANE_CLIENTTALLY_H
#define PEAL_DATAPLANE_CLIENTTALLY_H

#include <stdatomic.h>
#include <stdint.h>

/* What went through a client so far. The core writes, any thread may read; a reader may see one
 * number of an instant before the other. */
struct peal_client_tally {
	_Atomic uint64_t sent_count; /* messages that the core took from it, to one or to all */
	_Atomic uint64_t sent_size;
	_Atomic uint64_t delivered_count; /* messages of which the last part is in its ring */
	_Atomic uint64_t delivered_size;
	_Atomic uint32_t channels_count; /* open now */
	_Atomic uint32_t lanes_count;    /* the same: those that are in use past the core */
};

#endif
