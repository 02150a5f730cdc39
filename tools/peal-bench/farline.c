/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/farline.h"

#include "base/assert.h"
#include "tools/peal-bench/argtext.h"
#include "tools/peal-bench/ctrlc.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAGIC         0x42455053U
#define SECOND_NS     UINT64_C(1000000000)
#define PUMP_NS       UINT64_C(1000000)
#define HELLO_MS      5000
#define PLACE_MAX     256U
#define BACKLOG_COUNT 4

static uint64_t
read_now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

/* "[fd00::1]:7411", "10.0.0.1:7411", "host" and ":7411" in their parts. False: it is none. */
static bool
split_place(const char *place, char host_out[PLACE_MAX], char port_out[PLACE_MAX])
{
	const char *host = place, *end, *colon;
	uint64_t port;

	(void)snprintf(port_out, PLACE_MAX, "%u", PEAL_FARLINE_PORT);
	if (place[0] == '[') {
		host = place + 1;
		end = strchr(host, ']');
		if (end == NULL || (end[1] != '\0' && end[1] != ':')) {
			return false;
		}
		colon = end[1] == ':' ? end + 1 : NULL;
	} else {
		colon = strchr(place, ':');
		end = colon == NULL ? place + strlen(place) : colon;
	}
	if ((size_t)(end - host) >= PLACE_MAX ||
		(colon != NULL && (strlen(colon) > 6U || !peal_argtext_read_number(colon + 1, 1,
								 UINT16_MAX, &port)))) {
		return false;
	}
	(void)snprintf(host_out, PLACE_MAX, "%.*s", (int)(end - host), host);
	if (colon != NULL) {
		(void)snprintf(port_out, PLACE_MAX, "%s", colon + 1);
	}
	return true;
}

bool
peal_farline_is_place(const char *place)
{
	char host[PLACE_MAX], port[PLACE_MAX];

	return split_place(place, host, port);
}

static struct addrinfo *
resolve(const char *place, bool is_listening, struct peal_sentence *error)
{
	const struct addrinfo wish = {.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = is_listening ? AI_PASSIVE : 0};
	char host[PLACE_MAX], port[PLACE_MAX];
	struct addrinfo *found = NULL;
	int result;

	if (!split_place(place, host, port)) {
		(void)peal_sentence_set(error, "%s: expected " PEAL_FARLINE_PLACE_EXPECTED, place);
		return NULL;
	}
	result = getaddrinfo(host[0] == '\0' ? NULL : host, port, &wish, &found);
	if (result != 0) {
		(void)peal_sentence_set(error, "%s: %s", place, gai_strerror(result));
		return NULL;
	}
	return found;
}

int
peal_farline_listen(const char *place, struct peal_sentence *error)
{
	struct addrinfo *where = resolve(place, true, error);
	const int on = 1;
	int fd;

	if (where == NULL) {
		return -1;
	}
	fd = socket(where->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0) {
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	}
	if (fd < 0 || bind(fd, where->ai_addr, where->ai_addrlen) != 0 ||
		listen(fd, BACKLOG_COUNT) != 0) {
		(void)peal_sentence_set(error, "--listen %s: %s", place, strerror(errno));
		if (fd >= 0) {
			(void)close(fd);
		}
		fd = -1;
	}
	freeaddrinfo(where);
	return fd;
}

/* Small writes leave at once. */
static void
hurry(int fd)
{
	const int on = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

int
peal_farline_accept(int listener, struct peal_sentence *error)
{
	while (!peal_ctrlc_has_come()) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0) {
			hurry(fd);
			return fd;
		}
		if (errno != EINTR && errno != ECONNABORTED) {
			(void)peal_sentence_set(error, "nobody can connect (%s)", strerror(errno));
			return -1;
		}
	}
	return -1;
}

bool
peal_farline_connect(struct peal_farline *line, const char *place, struct peal_sentence *error)
{
	struct addrinfo *list = resolve(place, false, error), *one;
	int reason = 0;

	line->fd = -1;
	if (list == NULL) {
		return false;
	}
	for (one = list; one != NULL && line->fd < 0; one = one->ai_next) {
		int fd = socket(one->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (fd >= 0 && connect(fd, one->ai_addr, one->ai_addrlen) == 0) {
			hurry(fd);
			line->fd = fd;
		} else {
			reason = errno;
			if (fd >= 0) {
				(void)close(fd);
			}
		}
	}
	freeaddrinfo(list);
	return line->fd >= 0 ||
	       peal_sentence_set(error, "--to %s: %s; does 'peal-bench serve' run there?", place,
		       strerror(reason));
}

/* All of it, or false: the other side is gone, or too slow. */
static bool
transfer(int fd, void *bytes, size_t size, bool is_sending)
{
	uint8_t *at = bytes;

	while (size > 0) {
		struct pollfd wait = {.fd = fd, .events = is_sending ? POLLOUT : POLLIN};
		int ready = poll(&wait, 1, HELLO_MS);
		ssize_t done;

		if (ready < 0 && errno == EINTR && !peal_ctrlc_has_come()) {
			continue;
		}
		if (ready < 1) {
			return false;
		}
		done = is_sending ? send(fd, at, size, MSG_NOSIGNAL) : recv(fd, at, size, 0);
		if (done < 1) {
			return false;
		}
		at += done;
		size -= (size_t)done;
	}
	return true;
}

bool
peal_farline_send_hello(const struct peal_farline *line, const struct peal_farline_hello *hello,
	struct peal_sentence *error)
{
	struct peal_farline_hello copy = *hello;

	copy.magic = MAGIC;
	copy.version = PEAL_FARLINE_VERSION;
	return transfer(line->fd, &copy, sizeof(copy), true) ||
	       peal_sentence_set(error, "the other machine is gone");
}

bool
peal_farline_receive_hello(const struct peal_farline *line, struct peal_farline_hello *hello_out,
	struct peal_sentence *error)
{
	if (!transfer(line->fd, hello_out, sizeof(*hello_out), false)) {
		return peal_sentence_set(error,
			"the other machine does not answer as 'peal-bench serve' does; what it "
			"says itself may tell why");
	}
	if (hello_out->magic != MAGIC || hello_out->version != PEAL_FARLINE_VERSION ||
		memchr(hello_out->command, '\0', sizeof(hello_out->command)) == NULL) {
		return peal_sentence_set(error, "what answers is no peal-bench of this version");
	}
	return true;
}

void
peal_farline_share(struct peal_farline *line, bool is_own, void *memory, uint32_t size)
{
	struct peal_farline_region *list = is_own ? line->own : line->others;
	uint32_t *count = is_own ? &line->own_count : &line->others_count;

	PEAL_ASSERT(size % sizeof(uint64_t) == 0 && *count < PEAL_FARLINE_REGIONS_MAX);
	list[(*count)++] = (struct peal_farline_region){
		.words = memory, .words_count = size / (uint32_t)sizeof(uint64_t)};
}

static uint32_t
find_size(const struct peal_farline_region *list, uint32_t count)
{
	uint32_t words_count = 0;

	for (uint32_t i = 0; i < count; i++) {
		words_count += list[i].words_count;
	}
	PEAL_ASSERT(words_count * sizeof(uint64_t) <= PEAL_FARLINE_BYTES_MAX);
	return words_count * (uint32_t)sizeof(uint64_t);
}

static bool
send_state(struct peal_farline *line)
{
	uint64_t words[PEAL_FARLINE_BYTES_MAX / sizeof(uint64_t)];
	uint32_t count = 0;

	(void)find_size(line->own, line->own_count);
	for (uint32_t i = 0; i < line->own_count; i++) {
		for (uint32_t j = 0; j < line->own[i].words_count; j++) {
			words[count++] =
				atomic_load_explicit(&line->own[i].words[j], memory_order_acquire);
		}
	}
	return transfer(line->fd, words, count * sizeof(words[0]), true);
}

/* A whole state has come. */
static void
store_state(struct peal_farline *line)
{
	const uint8_t *at = line->received;

	for (uint32_t i = 0; i < line->others_count; i++) {
		for (uint32_t j = 0; j < line->others[i].words_count; j++) {
			uint64_t word;

			memcpy(&word, at, sizeof(word));
			atomic_store_explicit(
				&line->others[i].words[j], word, memory_order_release);
			at += sizeof(word);
		}
	}
	line->received_size = 0;
}

static bool
receive_states(struct peal_farline *line)
{
	uint32_t size = find_size(line->others, line->others_count);

	for (;;) {
		ssize_t more = recv(line->fd, line->received + line->received_size,
			size - line->received_size, MSG_DONTWAIT);

		if (more < 0) {
			return errno == EAGAIN || errno == EINTR;
		}
		if (more == 0) {
			return false;
		}
		line->received_size += (uint32_t)more;
		if (line->received_size == size) {
			store_state(line);
		}
	}
}

bool
peal_farline_pump(struct peal_farline *line, bool is_urgent)
{
	uint64_t now_ns = read_now_ns();

	if (line->is_closed) {
		return false;
	}
	if (is_urgent || now_ns - line->sent_at_ns >= PUMP_NS) {
		line->sent_at_ns = now_ns;
		line->is_closed = !send_state(line);
	}
	/* What it said last is worth reading even then. */
	line->is_closed = !receive_states(line) || line->is_closed;
	return !line->is_closed;
}

void
peal_farline_close(struct peal_farline *line)
{
	if (line->fd >= 0) {
		(void)close(line->fd);
		line->fd = -1;
	}
}
