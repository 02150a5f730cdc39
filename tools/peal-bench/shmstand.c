/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/shmstand.h"

#include "tools/benchlib/pinned.h"
#include "tools/peal-bench/ctrlc.h"

#include <errno.h>
#include <poll.h>
#include <rte_cycles.h>
#include <rte_pause.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Pauses between two looks at what is rare. */
#define PAUSES_A_LOOK (1U << 14)

static void *
share(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static size_t
ring_size(uint32_t size)
{
	ssize_t memory_size = rte_ring_get_memsize_elem(size, PEAL_SHMSTAND_OBJECTS);

	PEAL_ASSERT(memory_size > 0);
	return (size_t)memory_size;
}

static bool
make_memory(struct peal_shmstand *stand)
{
	stand->shared = share(sizeof(*stand->shared));
	if (stand->shared == NULL) {
		return false;
	}
	for (uint32_t i = 0; i < PEAL_SHMSTAND_LANES; i++) {
		struct peal_shmstand_lane *lane = &stand->shared->lanes[i];
		const struct peal_shmring_memory memory = {.bytes = lane->bytes,
			.capacity = sizeof(lane->bytes),
			.tail = &lane->tail,
			.head = &lane->head};

		/* Every page is there before anything is measured. */
		memset(lane, 0, sizeof(*lane));
		peal_shmring_writer_init(&stand->ends[i].writer, &memory);
		peal_shmring_reader_init(&stand->ends[i].reader, &memory);
		stand->ends[i].ringer = (struct peal_shmbell_ringer){.word = &lane->sleep};
	}
	for (uint32_t i = 0; i < PEAL_SHMSTAND_RINGS; i++) {
		stand->rings[i] = share(ring_size(stand->size));
		if (stand->rings[i] == NULL ||
			rte_ring_init(stand->rings[i], "bench", PEAL_SHMSTAND_OBJECTS,
				RING_F_SP_ENQ | RING_F_SC_DEQ) != 0) {
			return false;
		}
	}
	return true;
}

/* --- the second process --- */

static void
echo(struct peal_shmstand *stand, uint64_t count)
{
	uint8_t bytes[PEAL_SHMSTAND_SIZE_MAX];
	uint16_t number;

	for (uint64_t i = 0; i < count; i++) {
		bool is_put, is_due;

		while (!peal_shmstand_take(stand, &stand->ends[0], bytes, &number)) {
			rte_pause();
		}
		(void)peal_shmring_release(&stand->ends[0].reader);
		is_put = peal_shmstand_put(stand, &stand->ends[1], bytes);
		PEAL_ASSERT(is_put);
		is_due = peal_shmstand_show(&stand->ends[1]);
		stand->shared->rung_count += is_due;
	}
}

static void
echo_ring(struct peal_shmstand *stand, uint64_t count)
{
	uint8_t bytes[PEAL_SHMSTAND_SIZE_MAX];

	for (uint64_t i = 0; i < count; i++) {
		int result;

		while (rte_ring_sc_dequeue_elem(stand->rings[0], bytes, stand->size) != 0) {
			rte_pause();
		}
		result = rte_ring_sp_enqueue_elem(stand->rings[1], bytes, stand->size);
		PEAL_ASSERT(result == 0);
	}
}

static void
take_all(struct peal_shmstand *stand, uint64_t count)
{
	uint8_t bytes[PEAL_SHMSTAND_SIZE_MAX];
	uint64_t done = 0, wrong_count = 0;
	uint16_t number;

	while (done < count) {
		uint32_t taken = 0;

		while (taken < PEAL_SHMSTAND_BURST && done + taken < count &&
			peal_shmstand_take(stand, &stand->ends[0], bytes, &number)) {
			wrong_count += !peal_shmstand_is_filled(stand, bytes, done + taken);
			taken++;
		}
		done += taken;
		if (taken > 0) {
			(void)peal_shmring_release(&stand->ends[0].reader);
		} else {
			rte_pause();
		}
	}
	stand->shared->wrong_count += wrong_count;
}

static void
drain_bell(const struct peal_shmstand *stand)
{
	uint64_t rings;
	ssize_t size = read(stand->bell, &rings, sizeof(rings));

	PEAL_ASSERT(size == (ssize_t)sizeof(rings));
}

static void
tell_woken(struct peal_shmstand *stand)
{
	atomic_store_explicit(&stand->shared->woken_at, rte_rdtsc(), memory_order_release);
}

/* As libpeal waits: says so, looks once more, sleeps on an epoll descriptor, reads the bell. */
static void
wake(struct peal_shmstand *stand, struct peal_shmbell_sleeper *sleeper, int poll_fd, uint64_t count)
{
	uint8_t bytes[PEAL_SHMSTAND_SIZE_MAX];
	uint16_t number;

	for (uint64_t i = 0; i < count; i++) {
		peal_shmbell_declare_asleep(sleeper);
		if (!peal_shmring_has_more(&stand->ends[0].reader)) {
			struct pollfd wait = {.fd = poll_fd, .events = POLLIN};

			atomic_fetch_add(&stand->shared->ready_count, 1);
			while (poll(&wait, 1, -1) < 1) {
				/* Interrupted. */
			}
			drain_bell(stand);
		}
		peal_shmbell_declare_awake(sleeper);
		while (!peal_shmstand_take(stand, &stand->ends[0], bytes, &number)) {
			rte_pause();
		}
		tell_woken(stand);
		(void)peal_shmring_release(&stand->ends[0].reader);
	}
}

static void
wake_bare(struct peal_shmstand *stand, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		atomic_fetch_add(&stand->shared->ready_count, 1);
		drain_bell(stand);
		tell_woken(stand);
	}
}

static void __attribute__((noreturn)) serve(struct peal_shmstand *stand, int cpu)
{
	struct peal_shmbell_sleeper sleeper = {.word = &stand->shared->lanes[0].sleep};
	struct epoll_event event = {.events = EPOLLIN};
	int poll_fd = epoll_create1(EPOLL_CLOEXEC);

	(void)prctl(PR_SET_PDEATHSIG, (unsigned long)SIGKILL, 0UL, 0UL, 0UL);
	/* Ctrl-C is the first process's, which ends this one. */
	(void)signal(SIGINT, SIG_IGN);
	if (poll_fd < 0 || epoll_ctl(poll_fd, EPOLL_CTL_ADD, stand->bell, &event) != 0 ||
		!peal_pinned_move(cpu)) {
		_exit(1);
	}
	for (;;) {
		uint32_t task = atomic_load_explicit(&stand->shared->task, memory_order_acquire);
		uint64_t count = stand->shared->count;

		if (task == PEAL_SHMSTAND_ECHO) {
			echo(stand, count);
		} else if (task == PEAL_SHMSTAND_ECHO_RING) {
			echo_ring(stand, count);
		} else if (task == PEAL_SHMSTAND_TAKE) {
			take_all(stand, count);
		} else if (task == PEAL_SHMSTAND_WAKE) {
			wake(stand, &sleeper, poll_fd, count);
		} else if (task == PEAL_SHMSTAND_WAKE_BARE) {
			wake_bare(stand, count);
		} else {
			rte_pause();
			continue;
		}
		atomic_store_explicit(
			&stand->shared->task, PEAL_SHMSTAND_NONE, memory_order_release);
	}
}

/* --- the first process --- */

bool
peal_shmstand_begin(
	struct peal_shmstand *stand, const struct peal_benchargs *args, struct peal_sentence *error)
{
	*stand = (struct peal_shmstand){.size = args->size, .bell = eventfd(0, EFD_CLOEXEC)};
	if (stand->bell < 0 || !make_memory(stand)) {
		return peal_sentence_set(error, "there is no memory left");
	}
	stand->pid = fork();
	if (stand->pid == 0) {
		serve(stand, args->cpus[1]);
	}
	if (stand->pid < 0) {
		stand->pid = 0;
		return peal_sentence_set(
			error, "a second process could not be made (%s)", strerror(errno));
	}
	return peal_pinned_move(args->cpus[0]) ||
	       peal_sentence_set(error, "CPU %d could not be had", args->cpus[0]);
}

void
peal_shmstand_end(struct peal_shmstand *stand)
{
	if (stand->pid > 0) {
		(void)kill(stand->pid, SIGKILL);
		while (waitpid(stand->pid, NULL, 0) < 0 && errno == EINTR) {
			/* Ctrl-C came meanwhile. */
		}
	}
	for (uint32_t i = 0; i < PEAL_SHMSTAND_RINGS; i++) {
		if (stand->rings[i] != NULL) {
			(void)munmap(stand->rings[i], ring_size(stand->size));
		}
	}
	if (stand->shared != NULL) {
		(void)munmap(stand->shared, sizeof(*stand->shared));
	}
	if (stand->bell >= 0) {
		(void)close(stand->bell);
	}
}

void
peal_shmstand_order(struct peal_shmstand *stand, enum peal_shmstand_task task, uint64_t count)
{
	stand->shared->count = count;
	atomic_store_explicit(&stand->shared->task, (uint32_t)task, memory_order_release);
}

bool
peal_shmstand_pause(const struct peal_shmstand *stand)
{
	static uint32_t pauses_count;
	siginfo_t info = {.si_pid = 0};

	rte_pause();
	if (++pauses_count % PAUSES_A_LOOK != 0) {
		return true;
	}
	return !peal_ctrlc_has_come() &&
	       waitid(P_PID, (id_t)stand->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid == 0;
}

bool
peal_shmstand_await(const struct peal_shmstand *stand)
{
	while (atomic_load_explicit(&stand->shared->task, memory_order_acquire) !=
		PEAL_SHMSTAND_NONE) {
		if (!peal_shmstand_pause(stand)) {
			return false;
		}
	}
	return true;
}
