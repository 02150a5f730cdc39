/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/dpdk/idle.h"

#include "base/assert.h"

#include <errno.h>
#include <rte_pause.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define YIELDS_FROM PEAL_IDLE_PAUSES_COUNT
#define ARM_AT      (YIELDS_FROM + PEAL_IDLE_YIELDS_COUNT)
#define SECOND_NS   UINT64_C(1000000000)
/* Events that are taken off at once. */
#define RINGS_COUNT 16

void
peal_idle_init(struct peal_idle *idle, enum peal_idle_role role, struct peal_doorbell *doorbell)
{
	*idle = (struct peal_idle){
		.role = role,
		.doorbell = doorbell,
		.blind_ns = PEAL_IDLE_BLIND_NS_MIN,
		.set = -1,
	};
	idle->polls[0] = (struct pollfd){.fd = doorbell->fd, .events = POLLIN};
}

/* One of the descriptors, to that of applications; without it sleeps are short. */
static void
add_to_set(struct peal_idle *idle, uint32_t index)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = index + 1U};

	if (epoll_ctl(idle->set, EPOLL_CTL_ADD, idle->polls[index].fd, &event) != 0) {
		idle->is_blind = true;
	}
}

void
peal_idle_add_port(struct peal_idle *idle, const struct peal_port_dpdk *port, uint16_t queue)
{
	struct peal_wakesource source;

	if (idle->role == PEAL_IDLE_DEDICATED) {
		return;
	}
	peal_wakesource_open(&source, port, queue);
	if (source.kind == PEAL_WAKESOURCE_NONE || idle->sources_count == PEAL_IDLE_SOURCES_MAX) {
		peal_wakesource_close(&source);
		idle->is_blind = true;
		return;
	}
	idle->sources[idle->sources_count++] = source;
	idle->polls[idle->sources_count] = (struct pollfd){.fd = source.fd, .events = POLLIN};
	if (idle->set >= 0) {
		add_to_set(idle, idle->sources_count);
	}
}

void
peal_idle_add_clients(struct peal_idle *idle, int fd, struct peal_shmbell_sleeper *sleeper)
{
	if (idle->role == PEAL_IDLE_DEDICATED) {
		return;
	}
	if (idle->sources_count == PEAL_IDLE_SOURCES_MAX) {
		idle->is_blind = true;
		return;
	}
	idle->sources[idle->sources_count++] = (struct peal_wakesource){
		.kind = PEAL_WAKESOURCE_CLIENTS, .fd = fd, .sleeper = sleeper};
	idle->set = fd;
	for (uint32_t i = 0; i < idle->sources_count; i++) {
		add_to_set(idle, i);
	}
	idle->polls[idle->sources_count] = (struct pollfd){.fd = fd, .events = POLLIN};
}

bool
peal_idle_is_rung_only(const struct peal_idle *idle)
{
	return !idle->is_blind && idle->sources_count == 0;
}

void
peal_idle_close(struct peal_idle *idle)
{
	for (uint32_t i = 0; i < idle->sources_count; i++) {
		peal_wakesource_close(&idle->sources[i]);
	}
	idle->sources_count = 0;
}

void
peal_idle_enter(const struct peal_idle *idle)
{
	if (idle->role == PEAL_IDLE_SHARED) {
		/* The kernel may otherwise end a sleep 50 us late, to wake several at once. */
		(void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
	}
}

void
peal_idle_disarm(struct peal_idle *idle)
{
	peal_doorbell_declare_awake(idle->doorbell);
	for (uint32_t i = 0; i < idle->sources_count; i++) {
		peal_wakesource_disarm(&idle->sources[i], idle->polls[i + 1U].revents);
	}
	idle->is_armed = false;
}

void
peal_idle_arm(struct peal_idle *idle)
{
	for (uint32_t i = 0; i < idle->sources_count; i++) {
		peal_wakesource_arm(&idle->sources[i]);
		/* It may ring before, or without, a wait that would tell. */
		idle->polls[i + 1U].revents = POLLIN;
	}
	peal_doorbell_declare_asleep(idle->doorbell);
	idle->is_armed = true;
}

uint64_t
peal_idle_rest_ns(struct peal_idle *idle, uint64_t deadline_at_ns, uint64_t now_ns)
{
	uint64_t wait_ns = deadline_at_ns > now_ns ? deadline_at_ns - now_ns : 0;
	uint64_t cap_ns = PEAL_IDLE_WAIT_NS_MAX;

	if (wait_ns < PEAL_IDLE_WAIT_NS_MIN) {
		return 0;
	}
	if (idle->is_blind) {
		cap_ns = idle->blind_ns;
		if (idle->blind_ns < PEAL_IDLE_BLIND_NS_MAX) {
			idle->blind_ns += idle->blind_ns / 2U;
		}
	}
	return wait_ns < cap_ns ? wait_ns : cap_ns;
}

int
peal_idle_open_set(const struct peal_idle *idle)
{
	int set = epoll_create1(EPOLL_CLOEXEC);

	for (uint32_t i = 0; set >= 0 && i <= idle->sources_count; i++) {
		struct epoll_event event = {.events = EPOLLIN};

		if (epoll_ctl(set, EPOLL_CTL_ADD, idle->polls[i].fd, &event) != 0) {
			int error = errno;

			(void)close(set);
			errno = error;
			return -1;
		}
	}
	return set;
}

/*
 * Waits for the set of applications' bells, in which all else is as well, and for nothing around
 * it: so the kernel wakes this thread where who rings is about to sleep (runtime/clientdoor.c).
 * False: the kernel has no such call, before Linux 5.11.
 */
static bool
wait_for_set(struct peal_idle *idle, const struct timespec *limit)
{
	struct epoll_event events[RINGS_COUNT];
	long count = syscall(SYS_epoll_pwait2, idle->set, events, RINGS_COUNT, limit, NULL, 0);

	for (uint32_t i = 0; i <= idle->sources_count; i++) {
		idle->polls[i].revents = 0;
	}
	for (long i = 0; i < count; i++) {
		/* Rings of applications are taken off by this. */
		if (events[i].data.u64 > 0) {
			idle->polls[events[i].data.u64 - 1U].revents = (short)events[i].events;
		}
	}
	return count >= 0 || errno != ENOSYS;
}

static void
wait_for_any(struct peal_idle *idle, uint64_t wait_ns)
{
	struct timespec limit = {
		.tv_sec = (time_t)(wait_ns / SECOND_NS),
		.tv_nsec = (long)(wait_ns % SECOND_NS),
	};

	if (idle->set < 0 || !wait_for_set(idle, &limit)) {
		(void)ppoll(idle->polls, idle->sources_count + 1U, &limit, NULL);
	}
	if ((idle->polls[0].revents & POLLIN) != 0) {
		peal_doorbell_drain(idle->doorbell);
	}
}

/* Looks at how long the yield of the step before took. */
static void
judge_yield(struct peal_idle *idle, uint64_t now_ns)
{
	if (idle->has_yielded && now_ns - idle->stepped_at_ns > PEAL_IDLE_CROWDED_NS) {
		idle->crowded_count = PEAL_IDLE_CROWDED_COUNT;
	}
	idle->has_yielded = false;
	idle->stepped_at_ns = now_ns;
}

static enum peal_idle_rung
yield_once(struct peal_idle *idle)
{
	if (idle->is_armed) {
		peal_idle_disarm(idle);
	}
	idle->has_yielded = true;
	(void)sched_yield();
	return PEAL_IDLE_YIELD;
}

static enum peal_idle_rung
pause_once(void)
{
	rte_pause();
	return PEAL_IDLE_PAUSE;
}

/* True while it is not known yet where who was woken runs. */
static bool
look_for_woken(struct peal_idle *idle, uint64_t now_ns)
{
	bool is_to_look = !idle->is_in_the_way || idle->rooms_count % PEAL_IDLE_LOOKS_EVERY == 0;

	idle->looked_at_ns = idle->looked_at_ns != 0 ? idle->looked_at_ns : now_ns;
	if (idle->has_woken(idle->woken)) {
		idle->is_making_room = false;
		idle->is_in_the_way = false;
		return false;
	}
	if (is_to_look && now_ns - idle->looked_at_ns < PEAL_IDLE_LOOK_NS) {
		return true;
	}
	idle->is_making_room = false;
	idle->is_in_the_way = true;
	idle->empty_count = ARM_AT;
	return false;
}

enum peal_idle_rung
peal_idle_step(struct peal_idle *idle, uint64_t deadline_at_ns, uint64_t now_ns)
{
	uint64_t wait_ns = deadline_at_ns > now_ns ? deadline_at_ns - now_ns : 0;
	uint64_t cap_ns = idle->is_blind ? idle->blind_ns : PEAL_IDLE_WAIT_NS_MAX;

	if (idle->role == PEAL_IDLE_DEDICATED) {
		return pause_once();
	}
	judge_yield(idle, now_ns);
	if (idle->is_making_room && look_for_woken(idle, now_ns)) {
		return pause_once();
	}
	if (idle->empty_count <
		(idle->crowded_count > 0 ? PEAL_IDLE_CROWDED_PAUSES_COUNT : YIELDS_FROM)) {
		idle->empty_count++;
		return pause_once();
	}
	if (idle->empty_count < ARM_AT && idle->crowded_count == 0) {
		idle->empty_count++;
		return yield_once(idle);
	}
	if (wait_ns < PEAL_IDLE_WAIT_NS_MIN) {
		return yield_once(idle);
	}
	if (!idle->is_armed) {
		peal_idle_arm(idle);
		return PEAL_IDLE_ARM;
	}
	wait_for_any(idle, wait_ns < cap_ns ? wait_ns : cap_ns);
	peal_idle_disarm(idle);
	idle->empty_count = YIELDS_FROM;
	idle->crowded_count -= idle->crowded_count > 0 ? 1U : 0U;
	if (idle->blind_ns < PEAL_IDLE_BLIND_NS_MAX) {
		idle->blind_ns += idle->blind_ns / 2U;
	}
	return PEAL_IDLE_WAIT;
}
