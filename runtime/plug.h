/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The device of a node in a process whose DPDK is somebody else's: plugged in unless it is there
 * already, and out again at the end.
 *
 * A device that the process had before is lent: it stays. Main thread.
 */
#ifndef PEAL_RUNTIME_PLUG_H
#define PEAL_RUNTIME_PLUG_H

#include "runtime/eal.h"

struct peal_plug {
	bool is_plugged_in; /* by us */
	char device[PEAL_CONFIG_DEVICE_SIZE_MAX + 1U];
};

/*
 * Sees that DPDK has the device, with the arguments of the configuration. False with a sentence:
 * its driver refused it, or it is there and has arguments that it would never be told.
 */
bool peal_plug_in(
	struct peal_plug *plug, const struct peal_eal_config *config, struct peal_sentence *error);
/* After the port was closed. Safe on a zeroed one. */
void peal_plug_out(struct peal_plug *plug);

#endif
