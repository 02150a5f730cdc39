/* SPDX-License-Identifier: BSD-3-Clause */
#include "runtime/clientlanes.h"

#include "base/assert.h"
#include "shm/clienthello.h"
#include "shm/shmlane.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define BOTH_ENDS 3U

static void
close_one(int *fd)
{
	if (*fd >= 0) {
		(void)close(*fd);
		*fd = -1;
	}
}

int
peal_clientlanes_open_bell(void)
{
	char path[32];
	int ends[2], bell;

	if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) {
		return -1;
	}
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[0]);
	bell = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	(void)close(ends[0]);
	(void)close(ends[1]);
	return bell >= 0 ? bell : eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

void
peal_clientlanes_init(struct peal_clientlanes *lanes)
{
	for (uint32_t i = 0; i < PEAL_LANES_MAX; i++) {
		lanes->lanes[i].id = 0;
		for (uint32_t end = 0; end < 2U; end++) {
			lanes->lanes[i].ends[end] =
				(struct peal_clientlanes_end){.region = -1, .bell = -1};
		}
	}
}

/* All pages are there, and neither end can change the size. -1: there is no memory. */
static int
open_region(void)
{
	int fd = memfd_create("peal-lane", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd >= 0 && (ftruncate(fd, PEAL_SHMLANE_REGION_SIZE) != 0 ||
			       fallocate(fd, 0, 0, PEAL_SHMLANE_REGION_SIZE) != 0 ||
			       fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0)) {
		close_one(&fd);
	}
	return fd;
}

/* From here on nobody maps it for writing or takes pages out of it, and what was taken out is back.
 * False: its client has seen to it that this cannot be. */
static bool
seal(int region)
{
	return fcntl(region, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) == 0 &&
	       fallocate(region, 0, 0, PEAL_SHMLANE_REGION_SIZE) == 0;
}

static bool
send_packet(int socket, uint32_t id, enum peal_client_lane_step step, const int *descriptors,
	uint32_t descriptors_count)
{
	struct peal_client_lane packet = {.magic = PEAL_CLIENT_MAGIC,
		.packet = PEAL_CLIENT_LANE,
		.step = (uint16_t)step,
		.lane = id,
		.size = PEAL_CLIENT_LANE_SIZE};
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int) * PEAL_CLIENT_LANE_DESCRIPTORS)];
	} control;
	struct iovec part = {.iov_base = &packet, .iov_len = sizeof(packet)};
	struct msghdr message = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_SPACE(sizeof(int) * descriptors_count)};

	memset(&control, 0, sizeof(control));
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(int) * descriptors_count);
	memcpy(CMSG_DATA(&control.header), descriptors, sizeof(int) * descriptors_count);
	return socket >= 0 &&
	       sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)sizeof(packet);
}

uint32_t
peal_clientlanes_make(struct peal_clientlanes *lanes, uint32_t lane, uint32_t id,
	const struct peal_clientlanes_guest guests[2], const uint64_t names[2])
{
	struct peal_clientlanes_end *ends = lanes->lanes[lane].ends;
	uint32_t sent_mask = 0;

	PEAL_ASSERT(ends[0].region < 0 && ends[1].region < 0);
	lanes->lanes[lane].id = id;
	for (uint32_t i = 0; i < 2U; i++) {
		ends[i].guest = names[i];
		ends[i].region = open_region();
		ends[i].bell = peal_clientlanes_open_bell();
		if (guests[i].socket < 0 || ends[i].region < 0 || ends[i].bell < 0) {
			return 0;
		}
	}
	for (uint32_t i = 0; i < 2U; i++) {
		if (send_packet(guests[i].socket, id, PEAL_CLIENT_LANE_OWN, &ends[i].region, 1)) {
			sent_mask |= 1U << i;
		}
	}
	return sent_mask;
}

uint32_t
peal_clientlanes_hand(struct peal_clientlanes *lanes, uint32_t lane,
	const struct peal_clientlanes_guest guests[2])
{
	struct peal_clientlanes_end *ends = lanes->lanes[lane].ends;
	struct epoll_event ring = {.events = EPOLLIN | EPOLLET, .data.u64 = lanes->lanes[lane].id};
	uint32_t sent_mask = 0;

	for (uint32_t i = 0; i < 2U; i++) {
		if (guests[i].socket < 0 || ends[i].region < 0 || !seal(ends[i].region) ||
			epoll_ctl(guests[i].waker, EPOLL_CTL_ADD, ends[i].bell, &ring) != 0) {
			return 0;
		}
		ends[i].is_set = true;
	}
	for (uint32_t i = 0; i < 2U; i++) {
		const struct peal_clientlanes_end *other = &ends[1U - i];
		const int descriptors[PEAL_CLIENT_LANE_DESCRIPTORS] = {other->region, other->bell};

		if (send_packet(guests[i].socket, lanes->lanes[lane].id, PEAL_CLIENT_LANE_OTHERS,
			    descriptors, PEAL_CLIENT_LANE_DESCRIPTORS)) {
			sent_mask |= 1U << i;
		}
	}
	if (sent_mask == BOTH_ENDS) {
		close_one(&ends[0].region);
		close_one(&ends[1].region);
	}
	return sent_mask;
}

void
peal_clientlanes_release(struct peal_clientlanes *lanes, uint32_t lane,
	const struct peal_clientlanes_guest guests[2])
{
	struct peal_clientlanes_end *ends = lanes->lanes[lane].ends;

	for (uint32_t i = 0; i < 2U; i++) {
		/* Its ringer may hold it for ever, so closing it here would leave it in the set. */
		if (ends[i].is_set && guests[i].waker >= 0) {
			(void)epoll_ctl(guests[i].waker, EPOLL_CTL_DEL, ends[i].bell, NULL);
		}
		close_one(&ends[i].region);
		close_one(&ends[i].bell);
		ends[i].is_set = false;
	}
}

void
peal_clientlanes_close(struct peal_clientlanes *lanes)
{
	for (uint32_t i = 0; i < PEAL_LANES_MAX; i++) {
		const struct peal_clientlanes_guest gone[2] = {
			{.socket = -1, .waker = -1}, {.socket = -1, .waker = -1}};

		peal_clientlanes_release(lanes, i, gone);
	}
}
