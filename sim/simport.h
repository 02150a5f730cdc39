/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dataplane/port.h over the false network: a core of the simulator cannot tell it from a NIC.
 */
#ifndef PEAL_SIM_SIMPORT_H
#define PEAL_SIM_SIMPORT_H

#include "dataplane/port.h"
#include "sim/simnet.h"

/* The state behind a port; outlives the core that uses it. */
struct peal_simport {
	struct peal_simnet *net;
	uint16_t index; /* port of the network */
};

/* The port of `simport` as a core wants it. */
struct peal_port peal_simport_open(struct peal_simport *simport);

#endif
