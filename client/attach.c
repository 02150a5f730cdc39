/* SPDX-License-Identifier: BSD-3-Clause */
#include "client/asking.h"
#include "client/life.h"
#include "client/mark.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_SECONDS  1
#define SPIN_NS_DEFAULT UINT64_C(20000)
/* What a daemon may have for a ring. */
#define RING_SIZE_MIN 4096U
#define RING_SIZE_MAX (UINT32_C(1) << 28)

static _Thread_local char attach_error[192] = "nothing has failed yet";

const char *
peal_attach_error(void)
{
	return attach_error;
}

static enum peal_result
fail(enum peal_result result, const char *what, const char *why)
{
	(void)snprintf(attach_error, sizeof(attach_error), "%s%s%s", what,
		why[0] != '\0' ? ": " : "", why);
	return result;
}

static int
connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const struct timeval patience = {.tv_sec = ANSWER_SECONDS};
	int fd;

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(address.sun_path, path, strlen(path) + 1U);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return -1;
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
		int error = errno;

		(void)close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

/* Receives the welcome; descriptors that did not come are -1. */
static bool
receive_welcome(
	int fd, struct peal_client_welcome *welcome, int descriptors_out[PEAL_CLIENT_DESCRIPTORS])
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int) * PEAL_CLIENT_DESCRIPTORS)];
	} control;
	struct iovec part = {.iov_base = welcome, .iov_len = sizeof(*welcome)};
	struct msghdr message = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	ssize_t size = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);

	for (uint32_t i = 0; i < PEAL_CLIENT_DESCRIPTORS; i++) {
		descriptors_out[i] = -1;
	}
	for (struct cmsghdr *header = size < 0 ? NULL : CMSG_FIRSTHDR(&message); header != NULL;
		header = CMSG_NXTHDR(&message, header)) {
		if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
			size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);

			memcpy(descriptors_out, CMSG_DATA(header), count * sizeof(int));
		}
	}
	welcome->text[sizeof(welcome->text) - 1U] = '\0';
	return size == (ssize_t)sizeof(*welcome) && welcome->magic == PEAL_CLIENT_MAGIC &&
	       welcome->packet == PEAL_CLIENT_WELCOME;
}

static bool
is_ring_size(uint32_t size)
{
	return size >= RING_SIZE_MIN && size <= RING_SIZE_MAX && (size & (size - 1U)) == 0;
}

/* Memory that is shorter than said would end this process where it is touched. */
static void *
map(int fd, size_t size, int protection)
{
	struct stat status;
	void *memory;

	if (fstat(fd, &status) != 0 || status.st_size < (off_t)size ||
		(fcntl(fd, F_GET_SEALS) & F_SEAL_SHRINK) == 0) {
		return NULL;
	}
	memory = peal_life_map(fd, size, protection);
	if (memory == NULL) {
		return NULL;
	}
	/* A child is another process, and not attached. */
	(void)madvise(memory, size, MADV_DONTFORK);
	return memory;
}

static bool
map_regions(struct peal *peal, const struct peal_client_welcome *welcome, const int *descriptors)
{
	if (!is_ring_size(welcome->up_size) || !is_ring_size(welcome->down_size) ||
		welcome->message_size_max + 64U > welcome->up_size / 4U) {
		return false;
	}
	peal->up_size = welcome->up_size;
	peal->down_size = welcome->down_size;
	peal->queue_size = welcome->queue_size;
	peal->message_size_max = welcome->message_size_max;
	peal->up = map(descriptors[0], PEAL_REGION_RING_OFFSET + (size_t)peal->up_size,
		PROT_READ | PROT_WRITE);
	peal->down =
		map(descriptors[1], PEAL_REGION_RING_OFFSET + (size_t)peal->down_size, PROT_READ);
	peal->page = map(descriptors[2], PEAL_REGION_PAGE_SIZE, PROT_READ);
	return peal->up != NULL && peal->down != NULL && peal->page != NULL;
}

static bool
open_poll_fd(struct peal *peal)
{
	struct epoll_event wake = {.events = EPOLLIN};
	struct epoll_event end = {.events = EPOLLRDHUP};

	peal->poll_fd = epoll_create1(EPOLL_CLOEXEC);
	/* peal_wait waits for the inner one alone. */
	return peal->poll_fd >= 0 &&
	       epoll_ctl(peal->wake, EPOLL_CTL_ADD, peal->socket, &end) == 0 &&
	       epoll_ctl(peal->poll_fd, EPOLL_CTL_ADD, peal->wake, &wake) == 0 &&
	       epoll_ctl(peal->poll_fd, EPOLL_CTL_ADD, peal->socket, &end) == 0;
}

static void
init_rings(struct peal *peal, bool is_awake)
{
	const struct peal_shmring_memory up =
		peal_region_up_ring(peal->up, peal->down, peal->up_size);
	const struct peal_shmring_memory down =
		peal_region_down_ring(peal->up, peal->down, peal->down_size);

	peal_shmring_writer_init(&peal->writer, &up);
	peal_shmring_reader_init(&peal->reader, &down);
	peal->sleeper = (struct peal_shmbell_sleeper){.word = &peal->up->sleep};
	peal->ringer = (struct peal_shmbell_ringer){.word = is_awake ? NULL : &peal->page->sleep};
	peal->spin_ns = SPIN_NS_DEFAULT;
}

static enum peal_result
explain_refusal(const struct peal_client_welcome *welcome)
{
	static const enum peal_result results[] = {
		[PEAL_CLIENT_FORBIDDEN] = PEAL_FORBIDDEN,
		[PEAL_CLIENT_VERSION] = PEAL_NO_DAEMON,
		[PEAL_CLIENT_CROWDED] = PEAL_TOO_MANY,
		[PEAL_CLIENT_MALFORMED] = PEAL_NO_DAEMON,
		[PEAL_CLIENT_NO_MEMORY] = PEAL_NO_MEMORY,
	};

	return fail(welcome->status < sizeof(results) / sizeof(results[0])
			    ? results[welcome->status]
			    : PEAL_NO_DAEMON,
		"the daemon refused", welcome->text);
}

/* The talk on the socket, up to READY. */
static enum peal_result
shake_hands(struct peal *peal, const char *name)
{
	struct peal_client_hello hello = {.magic = PEAL_CLIENT_MAGIC,
		.packet = PEAL_CLIENT_HELLO,
		.version_min = PEAL_CLIENT_VERSION_MIN,
		.version_max = PEAL_CLIENT_VERSION_MAX};
	struct peal_client_welcome welcome = {.magic = 0};
	int descriptors[PEAL_CLIENT_DESCRIPTORS];
	bool is_mapped;

	(void)snprintf(hello.name, sizeof(hello.name), "%s", name == NULL ? "" : name);
	if (send(peal->socket, &hello, sizeof(hello), MSG_NOSIGNAL) != (ssize_t)sizeof(hello)) {
		return fail(PEAL_NO_DAEMON, "the daemon hung up", strerror(errno));
	}
	PEAL_MARK("hello said");
	if (!receive_welcome(peal->socket, &welcome, descriptors)) {
		return fail(PEAL_NO_DAEMON, "no welcome came from the daemon", "");
	}
	PEAL_MARK("welcomed");
	if (welcome.status != PEAL_CLIENT_WELCOMED) {
		return explain_refusal(&welcome);
	}
	is_mapped = map_regions(peal, &welcome, descriptors);
	for (uint32_t i = 0; i < 3U; i++) {
		(void)close(descriptors[i]);
	}
	peal->bell = descriptors[3];
	peal->wake = descriptors[4];
	if (!is_mapped || peal->bell < 0 || peal->wake < 0) {
		return fail(PEAL_NO_MEMORY, "the memory of the daemon could not be mapped",
			strerror(errno));
	}
	PEAL_MARK("mapped");
	init_rings(peal, (welcome.flags & PEAL_CLIENT_FLAG_AWAKE) != 0);
	peal->may_hold = (welcome.flags & PEAL_CLIENT_FLAG_HOLD) != 0;
	peal->forbidden = PEAL_CLIENT_FORBIDDEN_ACTS(welcome.flags);
	peal->is_held = peal_life_hold(&peal->up->death);
	if (!peal->is_held || !open_poll_fd(peal)) {
		return fail(PEAL_NO_MEMORY, "no thread or no descriptor is left", strerror(errno));
	}
	PEAL_MARK("death word held");
	const struct peal_client_ready ready = {.magic = PEAL_CLIENT_MAGIC,
		.packet = PEAL_CLIENT_READY,
		.session = welcome.session};

	if (send(peal->socket, &ready, sizeof(ready), MSG_NOSIGNAL) != (ssize_t)sizeof(ready)) {
		return fail(PEAL_NO_DAEMON, "the daemon hung up", strerror(errno));
	}
	return PEAL_OK;
}

enum peal_result
peal_attach(const char *path, const char *name, struct peal **peal_out)
{
	struct peal *peal = calloc(1, sizeof(*peal));
	const char *wanted = path != NULL ? path : getenv("PEAL_SOCKET");
	enum peal_result result;

	*peal_out = NULL;
	if (peal == NULL) {
		return fail(PEAL_NO_MEMORY, "no memory is left", "");
	}
	peal->bell = peal->wake = peal->poll_fd = peal->timer = -1;
	peal->socket = connect_to(wanted != NULL ? wanted : PEAL_SOCKET_DEFAULT);
	PEAL_MARK("connected");
	if (peal->socket < 0) {
		result = fail(errno == EACCES ? PEAL_FORBIDDEN : PEAL_NO_DAEMON,
			wanted != NULL ? wanted : PEAL_SOCKET_DEFAULT, strerror(errno));
	} else {
		result = shake_hands(peal, name);
	}
	if (result != PEAL_OK) {
		peal_detach(peal);
		return result;
	}
	PEAL_MARK("ready said");
	*peal_out = peal;
	return PEAL_OK;
}

static void
close_one(int fd)
{
	if (fd >= 0) {
		(void)close(fd);
	}
}

void
peal_detach(struct peal *peal)
{
	if (peal == NULL) {
		return;
	}
	if (peal->is_held) {
		peal_life_let_go(&peal->up->death);
	}
	PEAL_MARK("let go");
	close_one(peal->poll_fd);
	close_one(peal->socket);
	PEAL_MARK("hung up");
	close_one(peal->bell);
	close_one(peal->wake);
	if (peal->up != NULL) {
		peal_life_unmap(peal->up, PEAL_REGION_RING_OFFSET + (size_t)peal->up_size);
	}
	if (peal->down != NULL) {
		peal_life_unmap(peal->down, PEAL_REGION_RING_OFFSET + (size_t)peal->down_size);
	}
	if (peal->page != NULL) {
		peal_life_unmap((void *)(uintptr_t)peal->page, PEAL_REGION_PAGE_SIZE);
	}
	peal_lanes_free(peal);
	peal_asking_free(peal);
	peal_viewbook_free(&peal->views);
	for (uint32_t i = 0; i < PEAL_CLIENT_CHANNELS_MAX; i++) {
		free(peal->channels[i].parts.bytes);
	}
	for (uint32_t i = 0; i < PEAL_DIRECT_MAX; i++) {
		free(peal->casts[i].bytes);
	}
	peal_groups_free(peal);
	peal_ordering_free(peal);
	free(peal);
}

uint32_t
peal_message_size_max(const struct peal *peal)
{
	return peal->message_size_max;
}

const char *
peal_result_name(enum peal_result result)
{
	static const char *const names[] = {
		[PEAL_OK] = "ok",
		[PEAL_EMPTY] = "empty",
		[PEAL_FULL] = "full",
		[PEAL_NO_CREDIT] = "no credit",
		[PEAL_NOT_IN_VIEW] = "not in view",
		[PEAL_TOO_BIG] = "too big",
		[PEAL_CLOSED] = "closed",
		[PEAL_NO_QUORUM] = "no quorum",
		[PEAL_EVICTED] = "evicted",
		[PEAL_TOO_MANY] = "too many",
		[PEAL_IN_USE] = "in use",
		[PEAL_NOT_HERE] = "not here",
		[PEAL_FORBIDDEN] = "forbidden",
		[PEAL_NO_DAEMON] = "no daemon",
		[PEAL_NO_MEMORY] = "no memory",
		[PEAL_TIMEOUT] = "timeout",
		[PEAL_NOT_SUPPORTED] = "not supported",
		[PEAL_BAD_NAME] = "bad name",
		[PEAL_PEER_GONE] = "gone",
		[PEAL_NO_SERVICE] = "no service",
		[PEAL_BUSY] = "busy",
		[PEAL_TOO_FEW] = "too few",
		[PEAL_NOT_RANK] = "not a rank",
	};

	return (size_t)result < sizeof(names) / sizeof(names[0]) ? names[result] : "unknown";
}
