/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/dpdk/wakesource.h"

#include <dirent.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <rte_ethdev.h>
#include <rte_interrupts.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Rings of applications that are taken off at once. */
#define RINGS_COUNT 16

#ifndef AF_XDP
#define AF_XDP 44
#endif

/* True when `fd` is the socket through which a driver receives from the interface. */
static bool
is_driver_socket(int fd, uint32_t if_index)
{
	struct sockaddr_ll address = {0};
	socklen_t size = sizeof(address);
	int domain = 0;
	socklen_t domain_size = sizeof(domain);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &domain_size) != 0) {
		return false;
	}
	if (domain == AF_XDP) {
		return true; /* it has no name to compare; a process opens one device */
	}
	return domain == AF_PACKET &&
	       getsockname(fd, (struct sockaddr *)(void *)&address, &size) == 0 &&
	       address.sll_ifindex == (int)if_index && address.sll_protocol != 0;
}

/* The driver's socket with the lowest number above `after`, or -1. */
static int
find_next_socket(uint32_t if_index, int after)
{
	DIR *folder = if_index == 0 ? NULL : opendir("/proc/self/fd");
	const struct dirent *entry;
	int found = -1;

	if (folder == NULL) {
		return -1;
	}
	while ((entry = readdir(folder)) != NULL) {
		char *end;
		long fd = strtol(entry->d_name, &end, 10);

		if (end != entry->d_name && *end == '\0' && fd > after &&
			(found < 0 || fd < found) && is_driver_socket((int)fd, if_index)) {
			found = (int)fd;
		}
	}
	(void)closedir(folder);
	return found;
}

/* Drivers open the sockets of their queues one after the other: the numbers are in their order. */
static int
find_driver_socket(uint32_t if_index, uint16_t queue)
{
	int fd = find_next_socket(if_index, -1);

	for (uint16_t i = 0; i < queue && fd >= 0; i++) {
		fd = find_next_socket(if_index, fd);
	}
	return fd;
}

/* The interrupt lives in an epoll instance of its own, which can be polled like any descriptor. */
static bool
open_interrupt(struct peal_wakesource *source, const struct peal_port_dpdk *port)
{
	int epoll_fd;

	if (!port->has_rx_interrupt ||
		rte_eth_dev_rx_intr_enable(port->port_id, source->queue) != 0) {
		return false;
	}
	(void)rte_eth_dev_rx_intr_disable(port->port_id, source->queue);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0) {
		return false;
	}
	if (rte_eth_dev_rx_intr_ctl_q(
		    port->port_id, source->queue, epoll_fd, RTE_INTR_EVENT_ADD, NULL) != 0) {
		(void)close(epoll_fd);
		return false;
	}
	source->kind = PEAL_WAKESOURCE_INTERRUPT;
	source->fd = epoll_fd;
	return true;
}

void
peal_wakesource_open(
	struct peal_wakesource *source, const struct peal_port_dpdk *port, uint16_t queue)
{
	int fd;

	*source = (struct peal_wakesource){.fd = -1, .port_id = port->port_id, .queue = queue};
	if (open_interrupt(source, port)) {
		return;
	}
	fd = find_driver_socket(port->if_index, queue);
	if (fd >= 0) {
		source->kind = PEAL_WAKESOURCE_SOCKET;
		source->fd = fd;
		return;
	}
	fd = rte_eth_dev_rx_intr_ctl_q_get_fd(port->port_id, queue);
	if (fd >= 0) {
		source->kind = PEAL_WAKESOURCE_QUEUE;
		source->fd = fd;
	}
}

void
peal_wakesource_close(struct peal_wakesource *source)
{
	if (source->kind == PEAL_WAKESOURCE_INTERRUPT) {
		(void)rte_eth_dev_rx_intr_ctl_q(
			source->port_id, source->queue, source->fd, RTE_INTR_EVENT_DEL, NULL);
		(void)close(source->fd);
	}
	*source = (struct peal_wakesource){.fd = -1};
}

static void
drain(struct peal_wakesource *source)
{
	struct rte_epoll_event event;
	struct epoll_event rings[RINGS_COUNT];

	source->is_rung = false;
	if (source->kind == PEAL_WAKESOURCE_INTERRUPT) {
		/* Takes the event out of the driver's descriptor. */
		(void)rte_epoll_wait(source->fd, &event, 1, 0);
	} else if (source->kind == PEAL_WAKESOURCE_CLIENTS) {
		/* Of more than these, the rest ends the next wait. */
		(void)epoll_wait(source->fd, rings, RINGS_COUNT, 0);
	}
}

void
peal_wakesource_arm(struct peal_wakesource *source)
{
	if (source->is_rung) {
		drain(source);
	}
	if (source->kind == PEAL_WAKESOURCE_INTERRUPT) {
		(void)rte_eth_dev_rx_intr_enable(source->port_id, source->queue);
	} else if (source->kind == PEAL_WAKESOURCE_CLIENTS) {
		peal_shmbell_declare_asleep(source->sleeper);
	}
}

void
peal_wakesource_disarm(struct peal_wakesource *source, short events)
{
	int error;
	socklen_t size = sizeof(error);

	source->is_rung |= (events & POLLIN) != 0;
	if (source->kind == PEAL_WAKESOURCE_INTERRUPT) {
		(void)rte_eth_dev_rx_intr_disable(source->port_id, source->queue);
	} else if (source->kind == PEAL_WAKESOURCE_SOCKET && (events & POLLERR) != 0) {
		/* The interface went down, say. Unread, the error would end every further wait. */
		(void)getsockopt(source->fd, SOL_SOCKET, SO_ERROR, &error, &size);
	} else if (source->kind == PEAL_WAKESOURCE_CLIENTS) {
		peal_shmbell_declare_awake(source->sleeper);
	}
}

const char *
peal_wakesource_name(enum peal_wakesource_kind kind)
{
	switch (kind) {
	case PEAL_WAKESOURCE_NONE:
		return "none";
	case PEAL_WAKESOURCE_INTERRUPT:
		return "interrupt";
	case PEAL_WAKESOURCE_SOCKET:
		return "socket";
	case PEAL_WAKESOURCE_QUEUE:
		return "queue";
	case PEAL_WAKESOURCE_CLIENTS:
		return "clients";
	}
	return "none";
}
