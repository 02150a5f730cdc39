/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a client can do at the door: come too often, say what cannot be, send descriptors.
 */
#include "base/prng.h"
#include "tests/integ/hostile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Connections that say nothing and stay: more than the door has places for. */
#define SILENT_COUNT 300U
/* As many as one packet may carry. */
#define PACKET_FDS   253U
#define ATTACH_EVERY 500U

static uint64_t slowest_ns;

/* -1: there is none now. */
static int
connect_once(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const struct timeval patience = {.tv_sec = 2};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		return -1;
	}
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (const struct sockaddr *)(const void *)&address, sizeof(address)) != 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

/* Somebody else comes and is let in, however many are at the door. */
static void
come_in(const char *path)
{
	uint64_t begin_ns = hostile_now_ns(), took_ns;

	peal_detach(hostile_attach(path));
	took_ns = hostile_now_ns() - begin_ns;
	slowest_ns = took_ns > slowest_ns ? took_ns : slowest_ns;
}

int
hostile_connect(const char *path, uint64_t count)
{
	int silent[SILENT_COUNT];
	uint64_t connected_count = 0;

	memset(silent, 0xFF, sizeof(silent));
	for (uint64_t i = 0; i < count; i++) {
		int *place = &silent[i % SILENT_COUNT];

		if (*place >= 0) {
			(void)close(*place);
		}
		*place = connect_once(path);
		connected_count += *place >= 0;
		if (i % ATTACH_EVERY == ATTACH_EVERY - 1U) {
			come_in(path);
		}
	}
	for (uint32_t i = 0; i < SILENT_COUNT; i++) {
		if (silent[i] >= 0) {
			(void)close(silent[i]);
		}
	}
	(void)printf("{\"mode\": \"connect\", \"connects\": %llu, \"slowest_attach_us\": %llu}\n",
		(unsigned long long)connected_count, (unsigned long long)(slowest_ns / 1000U));
	return connected_count == count ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* --- forged packets --- */

static void
send_packet(int fd, const void *bytes, size_t size)
{
	(void)send(fd, bytes, size, MSG_NOSIGNAL);
}

/* What comes last: whatever was told before, the end of the connection. */
static bool
is_hung_up(int fd)
{
	uint8_t bytes[1024];
	ssize_t size;

	do {
		size = recv(fd, bytes, sizeof(bytes), 0);
	} while (size > 0);
	/* But not that nothing came for two seconds. */
	return size == 0 || errno == ECONNRESET;
}

static struct peal_client_hello
good_hello(void)
{
	return (struct peal_client_hello){.magic = PEAL_CLIENT_MAGIC,
		.packet = PEAL_CLIENT_HELLO,
		.version_min = PEAL_CLIENT_VERSION_MIN,
		.version_max = PEAL_CLIENT_VERSION_MAX,
		.name = "hostile"};
}

/* One lie each; all are followed by the end. */
static void
tell_lie(int fd, uint32_t lie, struct peal_prng *prng)
{
	struct peal_client_hello hello = good_hello();
	struct peal_client_ready ready = {
		.magic = PEAL_CLIENT_MAGIC, .packet = PEAL_CLIENT_READY, .session = 1};
	uint8_t noise[512];

	switch (lie) {
	case 0:
		hello.magic ^= 1U;
		break;
	case 1:
		hello.packet = PEAL_CLIENT_WELCOME;
		break;
	case 2:
		hello.version_min = hello.version_max = UINT16_MAX;
		break;
	case 3:
		send_packet(fd, &hello, sizeof(hello) - 1U);
		return;
	case 4:
		send_packet(fd, &ready, sizeof(ready));
		return;
	case 5: /* welcomed, and then a session that is another's */
		send_packet(fd, &hello, sizeof(hello));
		ready.session = peal_prng_next(prng);
		send_packet(fd, &ready, sizeof(ready));
		return;
	case 6: /* welcomed twice */
		send_packet(fd, &hello, sizeof(hello));
		break;
	case 7:
		for (uint32_t i = 0; i < sizeof(noise); i++) {
			noise[i] = (uint8_t)peal_prng_next(prng);
		}
		send_packet(fd, noise, 1U + (size_t)peal_prng_below(prng, sizeof(noise)));
		return;
	default: /* a name without an end is only a name */
		memset(hello.name, 0xFF, sizeof(hello.name));
		send_packet(fd, &hello, sizeof(hello));
		send_packet(fd, noise, 1);
		return;
	}
	send_packet(fd, &hello, sizeof(hello));
}

int
hostile_forge(const char *path, uint64_t rounds_count)
{
	struct peal_prng prng;

	peal_prng_init(&prng, hostile_now_ns());
	for (uint64_t round = 0; round < rounds_count; round++) {
		for (uint32_t lie = 0; lie < 9U; lie++) {
			int fd = connect_once(path);

			if (fd < 0) {
				(void)puts("nobody answers at the door");
				return EXIT_FAILURE;
			}
			tell_lie(fd, lie, &prng);
			if (!is_hung_up(fd)) {
				(void)printf("lie %u was not answered by the end\n", lie);
				return EXIT_FAILURE;
			}
			(void)close(fd);
		}
		come_in(path);
	}
	(void)printf(
		"{\"mode\": \"forge\", \"lies\": %llu}\n", (unsigned long long)(9U * rounds_count));
	return EXIT_SUCCESS;
}

/* --- descriptors --- */

static void
send_descriptors(int fd, const void *bytes, size_t size, int what)
{
	static int descriptors[PACKET_FDS];
	static union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(descriptors))];
	} control;
	struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
	struct msghdr message = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};

	for (uint32_t i = 0; i < PACKET_FDS; i++) {
		descriptors[i] = what;
	}
	memset(&control, 0, sizeof(control));
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(descriptors));
	memcpy(CMSG_DATA(&control.header), descriptors, sizeof(descriptors));
	(void)sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int
hostile_flood_descriptors(const char *path, uint64_t rounds_count)
{
	const struct peal_client_hello hello = good_hello();

	for (uint64_t round = 0; round < rounds_count; round++) {
		struct peal *peal = hostile_attach(path);
		int fd = connect_once(path);

		if (fd < 0) {
			(void)puts("nobody answers at the door");
			return EXIT_FAILURE;
		}
		/* Before it is welcomed, while it is, and when all was said. */
		send_descriptors(fd, &hello, sizeof(hello), fd);
		for (uint32_t i = 0; i < 16U; i++) {
			send_descriptors(fd, "more", 4, fd);
		}
		send_descriptors(peal->socket, "more", 4, peal->socket);
		if (!is_hung_up(fd)) {
			(void)puts("a flood of descriptors was not answered by the end");
			return EXIT_FAILURE;
		}
		(void)close(fd);
		peal_detach(peal);
	}
	come_in(path);
	(void)printf("{\"mode\": \"descriptors\", \"sent\": %llu}\n",
		(unsigned long long)(18U * PACKET_FDS * rounds_count));
	return EXIT_SUCCESS;
}
