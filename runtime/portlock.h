/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One daemon a port: a claim on a device that ends with the process, however that ends.
 *
 * The claim is an abstract unix socket, which lives in the network namespace like the interface
 * itself and which the kernel frees, so a killed daemon leaves nothing to clear away.
 */
#ifndef PEAL_RUNTIME_PORTLOCK_H
#define PEAL_RUNTIME_PORTLOCK_H

#include "dataplane/dpdk/sentence.h"

#include <stdbool.h>

struct peal_portlock {
	int fd; /* -1 = not held */
};

/*
 * Claims the kernel interface that `device_args` name by iface=, else the device with its
 * arguments.
 * @return false with a sentence when another process holds it
 */
bool peal_portlock_take(struct peal_portlock *lock, const char *device, const char *device_args,
	struct peal_sentence *error);
/* Gives it back; safe when it is not held. */
void peal_portlock_give(struct peal_portlock *lock);

#endif
