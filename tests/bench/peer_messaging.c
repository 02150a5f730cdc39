/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What others do with a message between two processes of one machine: sockets of the kernel, and
 * ZeroMQ. tools/dev/compare-messaging runs it beside peal-bench message and throughput.
 *
 *     peer_messaging --transport udp|tcp|unix|zmq-tcp|zmq-ipc --what rtt|throughput
 *                    --mode block|spin [--size N] [--batch N] [--cores A,B] [--interval NS]
 *                    [--count N]
 *
 * One line of JSON. rtt has the schedule of peal-bench: messages leave every INTERVAL, a round trip
 * counts from the instant at which its message was meant to leave. throughput counts what arrives
 * while the sender sends all it can. The settings are the best that were found on a machine of two
 * CPUs:
 *
 *     udp   buffers of 4 MiB; throughput by sendmmsg and recvmmsg, 32 a call
 *     tcp   TCP_NODELAY, buffers of 4 MiB; the reader takes what fits 256 KiB; --batch messages a
 *           write, because Peal puts small ones together by itself and TCP's user has to
 *     unix  a pair of stream sockets that both inherit; the rest as tcp; pinned only to spin,
 *           as the applications of peer_peal are
 *     zmq   PAIR for rtt, PUSH and PULL for throughput, one I/O thread each, no limit but 100 000
 *           messages; not pinned, for the I/O threads need a CPU as well
 *     spin  a read that does not wait, again and again; each process pinned to a CPU of its own
 *     block sleeps in the kernel; the timer slack is 1 ns, so that departures are not late
 *
 * The address is 127.0.0.1 of the network namespace that it is run in.
 */
#include "base/assert.h"
#include "tests/lib/contest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef PEAL_WITH_ZMQ
#include <zmq.h>
#endif

#define SIZE_MAX_TCP   65536U
#define SIZE_MAX_UDP   65507U
#define BATCH_MAX      64U
#define READ_SIZE      262144U
#define SOCKET_SIZE    4194304
#define ASKING_PORT    7401U
#define ANSWERING_PORT 7402U
#define HIGH_WATER     100000

enum transport { UDP = 0, TCP, UNIX, ZMQ_TCP, ZMQ_IPC };

static const char *const transport_names[] = {"udp", "tcp", "unix", "zmq-tcp", "zmq-ipc"};

struct options {
	enum transport transport;
	uint32_t batch;
	struct peal_contest_options play;
};

/* Seen by both processes. */
struct shared {
	_Atomic bool is_listening;
	_Atomic uint64_t arrived_count; /* messages */
};

struct end {
	const struct options *options;
	struct shared *shared;
	bool is_asking;
	pid_t other; /* of the asking process: who answers */
	int pair[2]; /* of Unix sockets */
	int fd;
	void *context;
	void *socket; /* of ZeroMQ */
	uint8_t *bytes;
};

static void __attribute__((noreturn)) fail(const char *what)
{
	(void)fprintf(stderr, "peer_messaging: %s: %s\n", what, strerror(errno));
	exit(1);
}

static struct sockaddr_in
find_address(uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)},
	};
}

static void
set_option(int fd, int level, int name, int value)
{
	if (setsockopt(fd, level, name, &value, sizeof(value)) != 0) {
		fail("setsockopt");
	}
}

/* --- sockets of the kernel --- */

static void
open_udp(struct end *end)
{
	struct sockaddr_in own = find_address(end->is_asking ? ASKING_PORT : ANSWERING_PORT);
	struct sockaddr_in other = find_address(end->is_asking ? ANSWERING_PORT : ASKING_PORT);

	end->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (end->fd < 0 || bind(end->fd, (struct sockaddr *)&own, sizeof(own)) != 0 ||
		connect(end->fd, (struct sockaddr *)&other, sizeof(other)) != 0) {
		fail("udp");
	}
	/* Beyond what the system allows, where the right for it is there. */
	(void)setsockopt(end->fd, SOL_SOCKET, SO_RCVBUFFORCE, &(int){SOCKET_SIZE}, sizeof(int));
	(void)setsockopt(end->fd, SOL_SOCKET, SO_SNDBUFFORCE, &(int){SOCKET_SIZE}, sizeof(int));
	atomic_store(&end->shared->is_listening, true);
}

static void
open_tcp(struct end *end)
{
	struct sockaddr_in address = find_address(ANSWERING_PORT);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		fail("socket");
	}
	set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	set_option(fd, SOL_SOCKET, SO_RCVBUF, SOCKET_SIZE);
	set_option(fd, SOL_SOCKET, SO_SNDBUF, SOCKET_SIZE);
	if (end->is_asking) {
		if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
			fail("connect");
		}
		end->fd = fd;
	} else {
		if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
			listen(fd, 1) != 0) {
			fail("listen");
		}
		atomic_store(&end->shared->is_listening, true);
		end->fd = accept(fd, NULL, NULL);
		if (end->fd < 0) {
			fail("accept");
		}
		(void)close(fd);
	}
	set_option(end->fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

/* All of it, whatever it takes. */
static void
write_all(const struct end *end, const uint8_t *bytes, size_t size)
{
	int flags = end->options->play.is_spinning ? MSG_DONTWAIT : 0;

	while (size > 0) {
		ssize_t sent = send(end->fd, bytes, size, flags | MSG_NOSIGNAL);

		if (sent < 0 && errno != EAGAIN && errno != EINTR) {
			fail("send");
		}
		bytes += sent > 0 ? sent : 0;
		size -= sent > 0 ? (size_t)sent : 0;
	}
}

static void
read_all(const struct end *end, uint8_t *bytes, size_t size)
{
	int flags = end->options->play.is_spinning ? MSG_DONTWAIT : 0;

	while (size > 0) {
		ssize_t got = recv(end->fd, bytes, size, flags);

		if (got == 0) {
			exit(0); /* the other one has gone: that is the end */
		}
		if (got < 0 && errno != EAGAIN && errno != EINTR) {
			fail("recv");
		}
		bytes += got > 0 ? got : 0;
		size -= got > 0 ? (size_t)got : 0;
	}
}

/* Sends or receives up to 32 datagrams by one call. Returns how many. */
static uint32_t
move_datagrams(const struct end *end, bool is_out)
{
	static struct iovec pieces[BATCH_MAX];
	static struct mmsghdr headers[BATCH_MAX];
	const uint32_t count = 32;
	int done;

	for (uint32_t i = 0; i < count && headers[i].msg_hdr.msg_iov == NULL; i++) {
		pieces[i] =
			(struct iovec){.iov_base = end->bytes + (size_t)i * end->options->play.size,
				.iov_len = end->options->play.size};
		headers[i].msg_hdr.msg_iov = &pieces[i];
		headers[i].msg_hdr.msg_iovlen = 1;
	}
	if (is_out) {
		done = sendmmsg(
			end->fd, headers, count, end->options->play.is_spinning ? MSG_DONTWAIT : 0);
	} else {
		done = recvmmsg(end->fd, headers, count,
			end->options->play.is_spinning ? MSG_DONTWAIT : MSG_WAITFORONE, NULL);
	}
	if (done < 0 && errno != EAGAIN && errno != EINTR) {
		fail(is_out ? "sendmmsg" : "recvmmsg");
	}
	return done > 0 ? (uint32_t)done : 0;
}

/* --- ZeroMQ --- */

#ifdef PEAL_WITH_ZMQ

static void
set_zmq(void *socket, int name, int value)
{
	if (zmq_setsockopt(socket, name, &value, sizeof(value)) != 0) {
		fail("zmq_setsockopt");
	}
}

static void
open_zmq(struct end *end)
{
	char address[64];
	int kind = ZMQ_PAIR;
	int result;

	if (end->options->play.is_throughput) {
		kind = end->is_asking ? ZMQ_PUSH : ZMQ_PULL;
	}
	if (end->options->transport == ZMQ_TCP) {
		(void)snprintf(address, sizeof(address), "tcp://127.0.0.1:%u", ANSWERING_PORT);
	} else {
		/* An abstract socket: nothing on disk. The asking process is the other one's
		 * parent.
		 */
		(void)snprintf(address, sizeof(address), "ipc://@peer-messaging-%d",
			(int)(end->is_asking ? getpid() : getppid()));
	}
	end->context = zmq_ctx_new();
	end->socket = zmq_socket(end->context, kind);
	if (end->socket == NULL) {
		fail("zmq_socket");
	}
	set_zmq(end->socket, ZMQ_SNDHWM, HIGH_WATER);
	set_zmq(end->socket, ZMQ_RCVHWM, HIGH_WATER);
	set_zmq(end->socket, ZMQ_LINGER, 0);
	result =
		end->is_asking ? zmq_connect(end->socket, address) : zmq_bind(end->socket, address);
	if (result != 0) {
		fail("ZeroMQ");
	}
	if (!end->is_asking) {
		atomic_store(&end->shared->is_listening, true);
	}
}

static void
send_zmq(const struct end *end, const uint8_t *bytes)
{
	int flags = end->options->play.is_spinning ? ZMQ_DONTWAIT : 0;

	while (zmq_send(end->socket, bytes, end->options->play.size, flags) < 0) {
		if (errno != EAGAIN && errno != EINTR) {
			fail("zmq_send");
		}
	}
}

static void
receive_zmq(const struct end *end, uint8_t *bytes)
{
	int flags = end->options->play.is_spinning ? ZMQ_DONTWAIT : 0;

	while (zmq_recv(end->socket, bytes, end->options->play.size, flags) < 0) {
		if (errno != EAGAIN && errno != EINTR) {
			fail("zmq_recv");
		}
	}
}

#endif

/* --- one message --- */

static bool
is_zmq(const struct options *options)
{
	return options->transport == ZMQ_TCP || options->transport == ZMQ_IPC;
}

static void
open_end(struct end *end)
{
	if (end->options->transport == UDP) {
		open_udp(end);
	} else if (end->options->transport == TCP) {
		open_tcp(end);
	} else if (end->options->transport == UNIX) {
		end->fd = end->pair[end->is_asking ? 0 : 1];
		(void)close(end->pair[end->is_asking ? 1 : 0]);
		set_option(end->fd, SOL_SOCKET, SO_SNDBUF, SOCKET_SIZE);
		atomic_store(&end->shared->is_listening, true);
	}
#ifdef PEAL_WITH_ZMQ
	if (is_zmq(end->options)) {
		open_zmq(end);
	}
#endif
}

static void
send_one(const struct end *end, const uint8_t *bytes)
{
#ifdef PEAL_WITH_ZMQ
	if (is_zmq(end->options)) {
		send_zmq(end, bytes);
		return;
	}
#endif
	write_all(end, bytes, end->options->play.size);
}

static void
receive_one(const struct end *end, uint8_t *bytes)
{
#ifdef PEAL_WITH_ZMQ
	if (is_zmq(end->options)) {
		receive_zmq(end, bytes);
		return;
	}
#endif
	read_all(end, bytes, end->options->play.size);
}

/* --- round trips --- */

static void
ask(const struct end *end, uint64_t count, struct peal_histogram *histogram)
{
	const struct options *options = end->options;
	int64_t start_ns = peal_contest_now_ns() + options->play.interval_ns;

	for (uint64_t i = 0; i < count; i++) {
		int64_t due_ns = start_ns + (int64_t)i * options->play.interval_ns;
		uint64_t seq;

		memcpy(end->bytes, &i, sizeof(i));
		peal_contest_wait_until(due_ns, options->play.is_spinning);
		send_one(end, end->bytes);
		receive_one(end, end->bytes);
		peal_histogram_record(histogram, (uint64_t)(peal_contest_now_ns() - due_ns));
		memcpy(&seq, end->bytes, sizeof(seq));
		PEAL_ASSERT(seq == i);
	}
}

static void
print_head(const struct options *options)
{
	(void)printf("{\"transport\":\"%s\",\"batch\":%u,", transport_names[options->transport],
		options->batch);
	peal_contest_print_head(&options->play);
}

static void
measure_rtt(const struct end *end)
{
	static struct peal_histogram histogram;
	const struct options *options = end->options;
	struct peal_contest_watch watch;

	ask(end,
		options->play.count < PEAL_CONTEST_WARM_COUNT ? options->play.count
							      : PEAL_CONTEST_WARM_COUNT,
		&histogram);
	peal_histogram_reset(&histogram);
	peal_contest_begin(&watch, end->other);
	ask(end, options->play.count, &histogram);
	print_head(options);
	peal_contest_print_rtt(&watch, &histogram);
}

/* --- one way --- */

/* Sends some. Returns how many. */
static uint64_t
send_some(const struct end *end, uint64_t seq)
{
	const struct options *options = end->options;

	memcpy(end->bytes, &seq, sizeof(seq));
	if (options->transport == UDP) {
		return move_datagrams(end, true);
	}
	if (options->transport == TCP || options->transport == UNIX) {
		write_all(end, end->bytes, (size_t)options->batch * options->play.size);
		return options->batch;
	}
	send_one(end, end->bytes);
	return 1;
}

static void
measure_throughput(const struct end *end)
{
	const struct options *options = end->options;
	int64_t begin_ns = peal_contest_now_ns(), from_ns = 0, now_ns = begin_ns;
	uint64_t sent_count = 0, arrived_before = 0, arrived_count = 0;
	struct peal_contest_watch watch = {0};

	while (from_ns == 0 || now_ns < from_ns + PEAL_CONTEST_MEASURED_NS) {
		/* Some at a time, or looking at the clock would count as well. */
		for (uint32_t i = 0; i < 16; i++) {
			sent_count += send_some(end, sent_count);
		}
		now_ns = peal_contest_now_ns();
		arrived_count =
			atomic_load_explicit(&end->shared->arrived_count, memory_order_relaxed);
		if (from_ns == 0 && now_ns >= begin_ns + PEAL_CONTEST_WARM_NS) {
			from_ns = now_ns;
			arrived_before = arrived_count;
			peal_contest_begin(&watch, end->other);
		}
	}
	print_head(options);
	peal_contest_print_rate(&watch,
		(double)(arrived_count - arrived_before) * 1e9 / (double)(now_ns - from_ns));
}

/* Never returns: the asking process ends it. */
static void
answer(const struct end *end)
{
	const struct options *options = end->options;
	uint64_t rest = 0, count = 0;

	for (;;) {
		if (!options->play.is_throughput) {
			receive_one(end, end->bytes);
			send_one(end, end->bytes);
			continue;
		}
		if (options->transport == UDP) {
			count += move_datagrams(end, false);
		} else if (!is_zmq(options)) {
			ssize_t got = recv(end->fd, end->bytes, READ_SIZE,
				options->play.is_spinning ? MSG_DONTWAIT : 0);

			if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
				exit(0);
			}
			rest += got > 0 ? (uint64_t)got : 0;
			count += rest / options->play.size;
			rest %= options->play.size;
		} else {
			receive_one(end, end->bytes);
			count++;
		}
		atomic_store_explicit(&end->shared->arrived_count, count, memory_order_relaxed);
	}
}

/* --- the two processes --- */

static void
play(struct end *end)
{
	const struct options *options = end->options;

	(void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
	if (!is_zmq(options) && (options->play.is_spinning || options->transport != UNIX)) {
		if (!peal_contest_pin(options->play.cpus[end->is_asking ? 0 : 1])) {
			fail("sched_setaffinity");
		}
	}
	end->bytes = calloc(BATCH_MAX, SIZE_MAX_TCP);
	if (end->bytes == NULL) {
		fail("calloc");
	}
	while (end->is_asking && !atomic_load(&end->shared->is_listening)) {
		(void)usleep(1000);
	}
	open_end(end);
	if (!end->is_asking) {
		answer(end);
	} else if (options->play.is_throughput) {
		measure_throughput(end);
	} else {
		measure_rtt(end);
	}
}

static bool
read_option(struct options *options, const char *name, const char *value)
{
	uint64_t number = 0;

	if (strcmp(name, "--transport") == 0) {
		for (uint32_t i = 0; i < sizeof(transport_names) / sizeof(transport_names[0]);
			i++) {
			if (strcmp(value, transport_names[i]) == 0) {
				options->transport = (enum transport)i;
				return true;
			}
		}
		return false;
	}
	if (strcmp(name, "--batch") == 0) {
		bool is_good = peal_contest_read_number(value, 1, BATCH_MAX, &number);

		options->batch = (uint32_t)number;
		return is_good;
	}
	return peal_contest_read_option(&options->play, name, value);
}

static bool
read_options(int argc, char **argv, struct options *options)
{
	for (int i = 1; i < argc; i += 2) {
		if (i + 1 >= argc || !read_option(options, argv[i], argv[i + 1])) {
			return false;
		}
	}
#ifndef PEAL_WITH_ZMQ
	if (is_zmq(options)) {
		(void)fprintf(stderr, "peer_messaging: built without libzmq3-dev\n");
		return false;
	}
#endif
	if (options->transport == UDP && options->play.size > SIZE_MAX_UDP) {
		(void)fprintf(
			stderr, "peer_messaging: a datagram has %u bytes at most\n", SIZE_MAX_UDP);
		return false;
	}
	return true;
}

int
main(int argc, char **argv)
{
	struct options options = {.batch = 1,
		.play = {.size_min = 8,
			.size_max = SIZE_MAX_TCP,
			.size = 64,
			.cpus = {0, 1},
			.interval_ns = 20000,
			.count = 20000}};
	struct end end = {.options = &options, .fd = -1, .is_asking = true};
	pid_t parent = getpid(), child;

	if (!read_options(argc, argv, &options)) {
		(void)fprintf(stderr,
			"usage: peer_messaging --transport udp|tcp|unix|zmq-tcp|zmq-ipc --what "
			"rtt|throughput --mode block|spin [--size N] [--batch N] [--cores A,B] "
			"[--interval NS] [--count N]\n");
		return 2;
	}
	end.shared = mmap(NULL, sizeof(*end.shared), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (end.shared == MAP_FAILED) {
		fail("mmap");
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, end.pair) != 0) {
		fail("socketpair");
	}
	child = fork();
	if (child < 0) {
		fail("fork");
	}
	if (child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, (unsigned long)SIGKILL, 0UL, 0UL, 0UL);
		if (getppid() != parent) {
			return 1;
		}
		end.is_asking = false;
	}
	end.other = child;
	play(&end);
	(void)kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
	return 0;
}
