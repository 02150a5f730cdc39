/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two kernel interfaces joined back to back, in a network namespace that only this process lives
 * in.
 *
 * Nothing outside sees them, names cannot collide, and the kernel removes all of it when the
 * process ends, however it ends. Without the right to make a network namespace a user namespace is
 * made too. Called once, before the first thread.
 */
#ifndef PEAL_PEAL_BENCH_VETHPAIR_H
#define PEAL_PEAL_BENCH_VETHPAIR_H

#include "runtime/config.h"

#include <stdbool.h>

/* Names of the two ends. */
#define PEAL_VETHPAIR_NAME_0 "pealbench0"
#define PEAL_VETHPAIR_NAME_1 "pealbench1"

/* This process alone is in a new network namespace afterwards. False with a sentence about `who`.
 */
bool peal_vethpair_enter_namespace(const char *who, struct peal_sentence *error);
/* The kernel sends nothing of its own in this namespace, and has no firewall in its bridges. */
void peal_vethpair_quieten(void);

/* Both ends are up afterwards, without IPv6. `mtu` 0 = the kernel's own. False with a sentence. */
bool peal_vethpair_create(uint16_t mtu, struct peal_sentence *error);

#endif
