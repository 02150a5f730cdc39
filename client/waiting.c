/* SPDX-License-Identifier: BSD-3-Clause */
#include "client/asking.h"
#include "client/mark.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Looks between two looks at the clock. */
#define LOOKS_COUNT 32U
#define SECOND_NS   UINT64_C(1000000000)

#if defined(__x86_64__) || defined(__i386__)
#define PAUSE() __builtin_ia32_pause()
#else
#define PAUSE() atomic_signal_fence(memory_order_seq_cst)
#endif

void
peal_waiting_wake_up(struct peal *peal, bool is_heard)
{
	struct epoll_event rung[PEAL_LANES_RUNG_MAX];

	if ((peal->sleeper.told & 1U) != 0) {
		peal_shmbell_declare_awake(&peal->sleeper);
		peal_lanes_declare_awake(peal);
		if (!is_heard) {
			peal_lanes_note_rings(
				peal, rung, epoll_wait(peal->wake, rung, PEAL_LANES_RUNG_MAX, 0));
		}
		peal->wanted_head = 0;
		peal->wanted_released = 0;
	}
}

void
peal_waiting_tell_room(struct peal *peal)
{
	uint32_t word = atomic_load_explicit(&peal->down->is_waiting, memory_order_relaxed);
	uint32_t ahead = (uint32_t)peal->reader.head - (word & ~PEAL_REGION_WAITING_PLACE);

	if (word != 0 && ((word & PEAL_REGION_WAITING_PLACE) == 0 || (int32_t)ahead >= 0)) {
		peal_sending_ring(peal);
	}
}

static bool
has_credit(const struct peal *peal)
{
	if (peal->wanted_place >= PEAL_CLIENT_CHANNELS_MAX) {
		return peal_sending_sum_released(peal) != peal->wanted_released;
	}
	return atomic_load_explicit(&peal->down->released[peal->wanted_place],
		       memory_order_relaxed) >= peal->wanted_released;
}

/* Something came, or what a refused call needed. */
static bool
has_something(struct peal *peal)
{
	if (peal_shmring_has_more(&peal->reader) || peal->views.is_comparing ||
		peal->group_changes_at != peal->group_changes_count || peal_asking_go_on(peal)) {
		return true;
	}
	if ((peal->lanes.handed != 0 || peal->lanes.drain.kind != 0) &&
		peal_lanes_have_something(peal)) {
		return true;
	}
	if (peal->wanted_head != 0 && atomic_load_explicit(&peal->down->up_head,
					      memory_order_relaxed) >= peal->wanted_head) {
		peal->wanted_head = 0;
		return true;
	}
	if (peal->wanted_released != 0 && has_credit(peal)) {
		peal->wanted_released = 0;
		return true;
	}
	return false;
}

/* What to be woken for who waits for credit: not for the next message alone, or each one would cost
 * a sleep, but for half of the queue. What was sent is released some time. */
static uint64_t
find_worthwhile(const struct peal *peal)
{
	const struct peal_channel_end *end;
	uint64_t half;

	if (peal->wanted_released == 0 || peal->wanted_place >= PEAL_CLIENT_CHANNELS_MAX) {
		return peal->wanted_released;
	}
	end = &peal->channels[peal->wanted_place];
	half = end->sent - peal->queue_size / 2U;
	return end->sent > peal->queue_size / 2U && half > peal->wanted_released
		       ? half
		       : peal->wanted_released;
}

static enum peal_result
rest(struct peal *peal)
{
	enum peal_result state = peal_state(peal);

	if (peal->lanes.has_answer || peal->lanes.breaking != 0) {
		peal_lanes_speak(peal);
	}
	peal_flush(peal);
	if (state != PEAL_OK || has_something(peal)) {
		return state;
	}
	atomic_store_explicit(&peal->up->wanted_head, peal->wanted_head, memory_order_relaxed);
	atomic_store_explicit(
		&peal->up->wanted_released, find_worthwhile(peal), memory_order_relaxed);
	atomic_store_explicit(&peal->up->wanted_place, peal->wanted_place, memory_order_relaxed);
	peal_shmbell_declare_asleep(&peal->sleeper);
	peal_lanes_declare_asleep(peal);
	PEAL_MARK("said to sleep");
	/* Room that was made while the core was about to sleep; the fence lies between. */
	peal_waiting_tell_room(peal);
	state = peal_state(peal);
	if (state != PEAL_OK || has_something(peal)) {
		peal_waiting_wake_up(peal, false);
		return state;
	}
	return PEAL_EMPTY;
}

enum peal_result
peal_rest(struct peal *peal)
{
	uint64_t due_at_ns = peal_asking_due_at_ns(peal);

	if (due_at_ns != UINT64_MAX && peal_polling_now_ns() >= due_at_ns) {
		return peal_state(peal);
	}
	peal_asking_set_timer(peal, due_at_ns);
	return rest(peal);
}

static enum peal_result
spin(struct peal *peal, uint64_t until_ns)
{
	do {
		for (uint32_t i = 0; i < LOOKS_COUNT; i++) {
			if (has_something(peal)) {
				return PEAL_OK;
			}
			PAUSE();
		}
		if (peal_state(peal) != PEAL_OK) {
			return peal_state(peal);
		}
	} while (peal_polling_now_ns() < until_ns);
	return PEAL_TIMEOUT;
}

/*
 * Until the core rings, or hangs up. It is the epoll with the bell itself that is waited for, and
 * not one around it: only then does the kernel hear of who rings that it is about to make room, and
 * wakes this thread where the core runs instead of on a processor that has to be woken first.
 * Returns 0 at the end of the time.
 */
static int
doze(struct peal *peal, uint64_t left_ns, bool *is_heard_out)
{
	const struct timespec limit = {
		.tv_sec = (time_t)(left_ns / SECOND_NS), .tv_nsec = (long)(left_ns % SECOND_NS)};
	const struct timespec *limit_or_none = left_ns == UINT64_MAX ? NULL : &limit;
	struct pollfd wait = {.fd = peal->poll_fd, .events = POLLIN};
	struct epoll_event rung[PEAL_LANES_RUNG_MAX];
	long ready = syscall(
		SYS_epoll_pwait2, peal->wake, rung, PEAL_LANES_RUNG_MAX, limit_or_none, NULL, 0);

	*is_heard_out = ready > 0;
	peal_lanes_note_rings(peal, rung, (int)ready);
	if (ready < 0 && errno == ENOSYS) {
		/* Before Linux 5.11. */
		ready = ppoll(&wait, 1, limit_or_none, NULL);
	}
	return (int)ready;
}

enum peal_result
peal_wait(struct peal *peal, uint64_t timeout_ns)
{
	uint64_t start_ns = peal_polling_now_ns();
	uint64_t end_ns = timeout_ns < UINT64_MAX - start_ns ? start_ns + timeout_ns : UINT64_MAX;
	uint64_t spin_end_ns = start_ns + peal->spin_ns;
	uint64_t due_at_ns = peal_asking_due_at_ns(peal);
	/* A deadline of a request is something to poll. */
	enum peal_result at_end = due_at_ns < end_ns ? PEAL_OK : PEAL_TIMEOUT;
	enum peal_result result;

	end_ns = due_at_ns < end_ns ? due_at_ns : end_ns;
	peal_flush(peal);
	result = spin(peal, spin_end_ns < end_ns ? spin_end_ns : end_ns);
	if (result != PEAL_TIMEOUT || end_ns <= spin_end_ns) {
		return result == PEAL_TIMEOUT ? at_end : result;
	}
	/* The limit of this wait does it. */
	peal_asking_set_timer(peal, UINT64_MAX);
	result = rest(peal);
	if (result != PEAL_EMPTY) {
		return result;
	}
	bool is_heard;
	int ready = doze(peal, end_ns == UINT64_MAX ? UINT64_MAX : end_ns - spin_end_ns, &is_heard);

	PEAL_MARK("woken");
	peal_waiting_wake_up(peal, is_heard);
	PEAL_MARK("said to be awake");
	/* The socket says nothing but that it hangs up. */
	result = peal_state(peal);
	if (result != PEAL_OK && !has_something(peal)) {
		return result;
	}
	return ready == 0 ? at_end : PEAL_OK;
}

void
peal_set_spin(struct peal *peal, uint64_t spin_ns)
{
	peal->spin_ns = spin_ns;
}

int
peal_fd(const struct peal *peal)
{
	return peal->poll_fd;
}
