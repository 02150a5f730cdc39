/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two applications of one host with a pair of libpeal's rings between them and nothing else: what
 * docs/design/0022-near-clients.md proposes, without the daemon that would introduce them.
 * tools/dev/compare-local runs it beside peer_peal and peer_messaging, which have the same
 * schedule.
 *
 *     peer_near --what rtt|throughput --mode block|spin [--bell epoll|eventfd|pipe|socket|futex|
 *               none] [--awake NS] [--size N] [--cores A,B] [--interval NS] [--count N]
 *
 * Each side has memory that it alone can write: the bytes and the tail of what it says, how far it
 * has read, and whether it sleeps. The other one maps it for reading, after a seal that keeps it
 * so. Positions and records are copied once and checked (shm/shmring.h); a record that is not the
 * next one ends the run.
 *
 *     spin     looks, each on a CPU of its own
 *     block    says that it sleeps, looks once more, and sleeps until the bell is rung; --awake:
 * looks for so long before. Not pinned, but for --cores A,A none     says nothing and waits for
 * nothing: what the schedule of a sleeper takes by itself epoll    an eventfd behind two epoll
 * descriptors, as libpeal has it; eventfd: a plain read
 *
 * One line of JSON, as peer_messaging has it. Exit status 1 with a sentence.
 */
#include "shm/shmbell.h"
#include "shm/shmring.h"
#include "tests/lib/contest.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define RING_SIZE  (UINT32_C(1) << 18)
#define SIZE_LEAST 8U
#define SIZE_MOST  1024U
#define BATCH_MAX  32U
#define KIND       1U

enum bell { BELL_EVENTFD = 0, BELL_EPOLL, BELL_PIPE, BELL_SOCKET, BELL_FUTEX, BELL_NONE };

static const char *const bell_names[] = {"eventfd", "epoll", "pipe", "socket", "futex", "none"};

#define BELLS_COUNT (sizeof(bell_names) / sizeof(bell_names[0]))

/* What one side writes and the other one reads. */
struct region {
	_Alignas(PEAL_SHMRING_APART) _Atomic uint64_t tail;
	_Alignas(PEAL_SHMRING_APART) _Atomic uint64_t head;
	_Alignas(PEAL_SHMRING_APART) _Atomic uint32_t sleep;
	_Alignas(PEAL_SHMRING_APART) _Atomic uint32_t rung; /* by this side, of a futex */
	_Alignas(PEAL_SHMRING_APART) _Atomic uint64_t arrived_count;
	_Alignas(4096) uint8_t bytes[RING_SIZE];
};

struct options {
	enum bell bell;
	uint64_t awake_ns;
	struct peal_contest_options play;
};

struct bell_fds {
	int wait; /* by the one that sleeps */
	int ring;
	int epoll;
	int outer;
};

struct end {
	const struct options *options;
	struct region *own;
	const struct region *others;
	struct peal_shmring_writer writer;
	struct peal_shmring_reader reader;
	struct peal_shmbell_sleeper sleeper;
	struct peal_shmbell_ringer ringer;
	struct bell_fds own_bell, others_bell;
	pid_t other;
	uint64_t sent_count;
	uint64_t taken_count;
	uint8_t message[SIZE_MOST];
	uint8_t taken[SIZE_MOST];
};

static void __attribute__((noreturn)) fail(const char *what)
{
	(void)fprintf(stderr, "peer_near: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int
must(int result, const char *what)
{
	if (result < 0) {
		fail(what);
	}
	return result;
}

static struct bell_fds
make_bell(enum bell kind)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};
	struct bell_fds fds = {.wait = -1, .ring = -1, .epoll = -1, .outer = -1};
	int pair[2];

	if (kind == BELL_EVENTFD || kind == BELL_EPOLL) {
		fds.wait = must(eventfd(0, EFD_CLOEXEC), "eventfd");
		fds.ring = fds.wait;
	} else if (kind == BELL_PIPE) {
		(void)must(pipe2(pair, O_CLOEXEC), "pipe");
		fds.wait = pair[0];
		fds.ring = pair[1];
	} else if (kind == BELL_SOCKET) {
		(void)must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), "socket");
		fds.wait = pair[0];
		fds.ring = pair[1];
	}
	if (kind == BELL_EPOLL) {
		fds.epoll = must(epoll_create1(EPOLL_CLOEXEC), "epoll");
		(void)must(epoll_ctl(fds.epoll, EPOLL_CTL_ADD, fds.wait, &event), "epoll");
		event.events = EPOLLIN;
		fds.outer = must(epoll_create1(EPOLL_CLOEXEC), "epoll");
		(void)must(epoll_ctl(fds.outer, EPOLL_CTL_ADD, fds.epoll, &event), "epoll");
	}
	return fds;
}

/* A region of which this process has the only mapping that may write. */
static struct region *
map_own(int fd)
{
	struct region *region = mmap(
		NULL, sizeof(*region), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);

	if (region == MAP_FAILED) {
		fail("memory");
	}
	(void)must(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), "seal");
	return region;
}

static const struct region *
map_others(int fd)
{
	const struct region *region =
		mmap(NULL, sizeof(*region), PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);

	if (region == MAP_FAILED) {
		fail("memory");
	}
	return region;
}

static int
make_memory(void)
{
	int fd = must(memfd_create("near", MFD_CLOEXEC | MFD_ALLOW_SEALING), "memory");

	(void)must(ftruncate(fd, (off_t)sizeof(struct region)), "memory");
	(void)must(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), "seal");
	return fd;
}

/* The words of the other side are read only, whatever the type of a ring says of them. */
static void
init_rings(struct end *end)
{
	union {
		const struct region *others;
		struct region *memory;
	} of = {.others = end->others};
	const struct peal_shmring_memory out = {.bytes = end->own->bytes,
		.capacity = RING_SIZE,
		.tail = &end->own->tail,
		.head = &of.memory->head};
	const struct peal_shmring_memory in = {.bytes = of.memory->bytes,
		.capacity = RING_SIZE,
		.tail = &of.memory->tail,
		.head = &end->own->head};

	peal_shmring_writer_init(&end->writer, &out);
	peal_shmring_reader_init(&end->reader, &in);
	end->sleeper.word = &end->own->sleep;
	end->ringer.word = &end->others->sleep;
}

static void
ring(struct end *end)
{
	const uint64_t one = 1;
	ssize_t written = 0;

	if (!peal_shmbell_is_due(&end->ringer)) {
		return;
	}
	switch (end->options->bell) {
	case BELL_FUTEX:
		atomic_fetch_add_explicit(&end->own->rung, 1U, memory_order_release);
		(void)syscall(SYS_futex, &end->own->rung, FUTEX_WAKE, 1, NULL, NULL, 0);
		break;
	case BELL_PIPE:
	case BELL_SOCKET:
		written = write(end->others_bell.ring, &one, 1);
		break;
	case BELL_NONE:
	case BELL_EVENTFD:
	case BELL_EPOLL:
		written = write(end->others_bell.ring, &one, sizeof(one));
		break;
	}
	(void)written;
}

static void
sleep_until_rung(struct end *end, uint32_t rung)
{
	struct epoll_event event;
	uint64_t value;
	ssize_t got = 0;

	switch (end->options->bell) {
	case BELL_FUTEX:
		(void)syscall(SYS_futex, &end->others->rung, FUTEX_WAIT, rung, NULL, NULL, 0);
		break;
	case BELL_EPOLL:
		(void)epoll_wait(end->own_bell.outer, &event, 1, -1);
		(void)epoll_wait(end->own_bell.epoll, &event, 1, 0);
		break;
	case BELL_PIPE:
	case BELL_SOCKET:
		got = read(end->own_bell.wait, &value, 1);
		break;
	case BELL_NONE:
		(void)pause();
		break;
	case BELL_EVENTFD:
		got = read(end->own_bell.wait, &value, sizeof(value));
		break;
	}
	(void)got;
}

/* Until there is something to read. A ring that comes too late ends the next sleep at once, which
 * looks and sleeps again. */
static void
rest(struct end *end)
{
	int64_t until_ns = 0;
	uint32_t rung;

	while (!peal_shmring_has_more(&end->reader)) {
		if (end->options->play.is_spinning) {
			__builtin_ia32_pause();
			continue;
		}
		if (end->options->awake_ns > 0) {
			int64_t now_ns = peal_contest_now_ns();

			until_ns =
				until_ns == 0 ? now_ns + (int64_t)end->options->awake_ns : until_ns;
			if (now_ns < until_ns) {
				__builtin_ia32_pause();
				continue;
			}
		}
		rung = atomic_load_explicit(&end->others->rung, memory_order_acquire);
		peal_shmbell_declare_asleep(&end->sleeper);
		if (!peal_shmring_has_more(&end->reader)) {
			sleep_until_rung(end, rung);
		}
		peal_shmbell_declare_awake(&end->sleeper);
	}
	if (end->reader.is_broken) {
		errno = EPROTO;
		fail("ring");
	}
}

static bool
say(struct end *end, uint64_t number)
{
	uint8_t *bytes = peal_shmring_claim(&end->writer, end->options->play.size);

	if (bytes == NULL) {
		return false;
	}
	memcpy(end->message, &number, sizeof(number));
	memcpy(bytes, end->message, end->options->play.size);
	peal_shmring_commit(&end->writer, KIND, 0, end->options->play.size);
	return true;
}

static void
show(struct end *end)
{
	if (peal_shmring_publish(&end->writer)) {
		ring(end);
	}
}

/* Copied out, and the next one; as the others of the contest do. */
static uint64_t
take(struct end *end, const struct peal_shmring_record *record)
{
	uint64_t number = UINT64_MAX;

	if (record->size == end->options->play.size) {
		memcpy(end->taken, record->bytes, end->options->play.size);
		/* Nobody else reads it, and it shall be there all the same. */
		__asm__ volatile("" : : "r"(end->taken) : "memory");
		memcpy(&number, end->taken, sizeof(number));
	}
	if (number != end->taken_count) {
		errno = EPROTO;
		fail("message");
	}
	end->taken_count++;
	return number;
}

static void
ask(struct end *end, uint64_t count, struct peal_histogram *histogram)
{
	const struct peal_contest_options *play = &end->options->play;
	int64_t start_ns = peal_contest_now_ns() + play->interval_ns;

	for (uint64_t i = 0; i < count; i++) {
		int64_t due_ns = start_ns + (int64_t)i * play->interval_ns;
		struct peal_shmring_record record;

		peal_contest_wait_until(due_ns, play->is_spinning);
		if (end->options->bell == BELL_NONE) {
			peal_histogram_record(
				histogram, (uint64_t)(peal_contest_now_ns() - due_ns));
			continue;
		}
		if (!say(end, end->sent_count++)) {
			fail("room");
		}
		show(end);
		while (!peal_shmring_borrow(&end->reader, &record)) {
			rest(end);
		}
		(void)take(end, &record);
		(void)peal_shmring_release(&end->reader);
		peal_histogram_record(histogram, (uint64_t)(peal_contest_now_ns() - due_ns));
	}
}

static void
print_head(const struct end *end)
{
	(void)printf("{\"transport\":\"near\",\"bell\":\"%s\",\"awake_ns\":%llu,",
		bell_names[end->options->bell], (unsigned long long)end->options->awake_ns);
	peal_contest_print_head(&end->options->play);
}

static void
measure_rtt(struct end *end)
{
	static struct peal_histogram histogram;
	uint64_t count = end->options->play.count;
	struct peal_contest_watch watch;

	peal_histogram_reset(&histogram);
	ask(end, count < PEAL_CONTEST_WARM_COUNT ? count : PEAL_CONTEST_WARM_COUNT, &histogram);
	peal_histogram_reset(&histogram);
	peal_contest_begin(&watch, end->other);
	ask(end, count, &histogram);
	print_head(end);
	peal_contest_print_rtt(&watch, &histogram);
}

static void
measure_throughput(struct end *end)
{
	int64_t begin_ns = peal_contest_now_ns(), from_ns = 0, now_ns = begin_ns;
	uint64_t arrived_before = 0, arrived_count = 0;
	struct peal_contest_watch watch = {0};

	while (from_ns == 0 || now_ns < from_ns + PEAL_CONTEST_MEASURED_NS) {
		uint32_t count = 0;

		while (count < BATCH_MAX && say(end, end->sent_count)) {
			end->sent_count++;
			count++;
		}
		show(end);
		if (count == 0 && !end->options->play.is_spinning) {
			(void)sched_yield();
		}
		arrived_count =
			atomic_load_explicit(&end->others->arrived_count, memory_order_acquire);
		now_ns = peal_contest_now_ns();
		if (from_ns == 0 && now_ns >= begin_ns + PEAL_CONTEST_WARM_NS) {
			from_ns = now_ns;
			arrived_before = arrived_count;
			peal_contest_begin(&watch, end->other);
		}
	}
	print_head(end);
	peal_contest_print_rate(&watch,
		(double)(arrived_count - arrived_before) * 1e9 / (double)(now_ns - from_ns));
}

/* Never returns: the asking process ends it. */
static void __attribute__((noreturn)) answer(struct end *end)
{
	for (;;) {
		struct peal_shmring_record record;
		uint32_t count = 0;

		while (count < BATCH_MAX && peal_shmring_borrow(&end->reader, &record)) {
			uint64_t number = take(end, &record);

			if (!end->options->play.is_throughput && !say(end, number)) {
				fail("room");
			}
			count++;
		}
		(void)peal_shmring_release(&end->reader);
		show(end);
		atomic_store_explicit(
			&end->own->arrived_count, end->taken_count, memory_order_release);
		if (count == 0) {
			rest(end);
		}
	}
}

static bool
read_option(struct options *options, const char *name, const char *value)
{
	if (strcmp(name, "--awake") == 0) {
		return peal_contest_read_number(value, 0, UINT64_C(1000000000), &options->awake_ns);
	}
	if (strcmp(name, "--bell") != 0) {
		return peal_contest_read_option(&options->play, name, value);
	}
	for (uint32_t i = 0; i < BELLS_COUNT; i++) {
		if (strcmp(value, bell_names[i]) == 0) {
			options->bell = (enum bell)i;
			return true;
		}
	}
	return false;
}

int
main(int argc, char **argv)
{
	struct options options = {.bell = BELL_EPOLL,
		.play = {.size_min = SIZE_LEAST,
			.size_max = SIZE_MOST,
			.size = 64,
			.cpus = {0, 1},
			.interval_ns = 20000,
			.count = 20000}};
	static struct end end;
	struct bell_fds bells[2];
	int memory[2];
	pid_t parent = getpid(), child;
	bool is_asking;

	for (int i = 1; i < argc; i += 2) {
		if (i + 1 >= argc || !read_option(&options, argv[i], argv[i + 1])) {
			(void)fprintf(stderr,
				"usage: peer_near --what rtt|throughput --mode block|spin "
				"[--bell epoll|eventfd|pipe|socket|futex|none] [--awake NS] "
				"[--size N] "
				"[--cores A,B] [--interval NS] [--count N]\n");
			return 2;
		}
	}
	for (uint32_t i = 0; i < 2; i++) {
		memory[i] = make_memory();
		bells[i] = make_bell(options.bell);
	}
	child = must(fork(), "fork");
	is_asking = child != 0;
	(void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
	if ((options.play.is_spinning || options.play.cpus[0] == options.play.cpus[1]) &&
		!peal_contest_pin(options.play.cpus[is_asking ? 0 : 1])) {
		fail("CPU");
	}
	end.options = &options;
	end.other = child;
	end.own = map_own(memory[is_asking ? 0 : 1]);
	end.others = map_others(memory[is_asking ? 1 : 0]);
	end.own_bell = bells[is_asking ? 0 : 1];
	end.others_bell = bells[is_asking ? 1 : 0];
	init_rings(&end);
	if (!is_asking) {
		(void)prctl(PR_SET_PDEATHSIG, (unsigned long)SIGKILL, 0UL, 0UL, 0UL);
		if (getppid() == parent) {
			answer(&end);
		}
		return 1;
	}
	if (options.play.is_throughput) {
		measure_throughput(&end);
	} else {
		measure_rtt(&end);
	}
	(void)kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
	return 0;
}
