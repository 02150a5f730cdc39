/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A descriptor that becomes readable when a frame waits in a port, for a core that wants to sleep.
 *
 * Three kinds, the first that the device has:
 *   interrupt  RX interrupts of the driver; armed before each wait.
 *   socket     the driver's own socket on a kernel interface: af_packet and af_xdp keep one a
 * queue, and it is readable exactly while its ring holds frames that were not taken yet, so there
 * is nothing to arm, to filter or to drain. It is found among the process's descriptors. queue the
 * descriptor that a driver shows for its queue though it has no interrupts (tap). None is not an
 * error: the core then sleeps in short steps. Opened on the main thread; armed, disarmed and waited
 * for on the lcore of the port.
 *
 * And one kind that is no port's: clients, an epoll descriptor that is readable, once for each
 * ring, when applications have rung. Armed, it tells them that they have to.
 */
#ifndef PEAL_DPDK_WAKESOURCE_H
#define PEAL_DPDK_WAKESOURCE_H

#include "dataplane/dpdk/port_dpdk.h"
#include "shm/shmbell.h"

#include <stdbool.h>
#include <stdint.h>

enum peal_wakesource_kind {
	PEAL_WAKESOURCE_NONE = 0,
	PEAL_WAKESOURCE_INTERRUPT = 1,
	PEAL_WAKESOURCE_SOCKET = 2,
	PEAL_WAKESOURCE_QUEUE = 3,
	PEAL_WAKESOURCE_CLIENTS = 4,
};

struct peal_wakesource {
	enum peal_wakesource_kind kind;
	bool is_rung;     /* what ended a wait is still to be taken out of the descriptor */
	int fd;           /* to poll for input; -1 = none */
	uint16_t port_id; /* interrupt only */
	uint16_t queue;
	struct peal_shmbell_sleeper *sleeper; /* clients only: tells them whether to ring */
};

/* Finds what a queue of an open port offers; kind NONE when it offers nothing. */
void peal_wakesource_open(
	struct peal_wakesource *source, const struct peal_port_dpdk *port, uint16_t queue);
void peal_wakesource_close(struct peal_wakesource *source);

/* Before the last look at the queue. Takes out of the descriptor what ended the last wait, and not
 * sooner, for then somebody waited for what woke the core. */
void peal_wakesource_arm(struct peal_wakesource *source);
/*
 * After the wait, or without one.
 *
 * @param events  what poll reported of the descriptor; POLLIN too when nobody asked. An error is
 * cleared.
 */
void peal_wakesource_disarm(struct peal_wakesource *source, short events);

/* Lower-case name of a kind. Static. */
const char *peal_wakesource_name(enum peal_wakesource_kind kind);

#endif
