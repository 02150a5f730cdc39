/* SPDX-License-Identifier: BSD-3-Clause */
#include "runtime/control_thread.h"

#include "base/assert.h"
#include "dataplane/dpdk/tsc.h"

#include <errno.h>
#include <poll.h>
#include <rte_lcore.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS UINT64_C(1000000000)

/* Everybody shall be seen to be alive, but not everybody at another moment. */
static uint64_t
next_sign_of_life_ns(uint64_t now_ns)
{
	return (now_ns / PEAL_CONTROL_THREAD_SLEEP_NS_MAX + 1U) * PEAL_CONTROL_THREAD_SLEEP_NS_MAX;
}

/* What the step before has to tell the listener. */
static bool
has_news(struct peal_control_entry *entry)
{
	const struct peal_node *node = entry->node;
	bool is_new = entry->told_seq != node->events.next_seq || entry->told_state != node->state;

	entry->told_seq = node->events.next_seq;
	entry->told_state = node->state;
	atomic_store_explicit(&entry->state, node->state, memory_order_release);
	return is_new;
}

/* Returns the records handled. */
static uint32_t
step_one(struct peal_control_thread *control, uint32_t place, uint64_t now_ns)
{
	struct peal_control_entry *entry = &control->entries[place];
	uint64_t deadline_at_ns, alive_at_ns = next_sign_of_life_ns(now_ns);
	struct peal_ping_run *ping;
	struct peal_load_run *load;
	uint32_t handled;

	if (atomic_load_explicit(&entry->is_halted, memory_order_relaxed)) {
		peal_deadlines_set(&control->deadlines, place, UINT64_MAX);
		return 0;
	}
	/* It may have been asked something in the meantime. */
	now_ns = now_ns < entry->node->now_ns ? entry->node->now_ns : now_ns;
	handled = peal_node_step(entry->node, now_ns);
	if (handled >= PEAL_PLANE_RECORDS_MAX) {
		control->unfinished[place / 64U] |= UINT64_C(1) << place % 64U;
	}
	deadline_at_ns = peal_node_deadline_at_ns(entry->node);
	peal_deadlines_set(&control->deadlines, place,
		deadline_at_ns < alive_at_ns ? deadline_at_ns : alive_at_ns);
	ping = peal_node_take_ping(entry->node);
	entry->ping_done = ping != NULL ? ping : entry->ping_done;
	load = peal_node_take_load(entry->node);
	entry->load_done = load != NULL ? load : entry->load_done;
	return handled;
}

/* Those who have a reason to take a step. */
static void
find_called(struct peal_control_thread *control, uint64_t now_ns,
	uint64_t called_out[PEAL_RESIDENTS_WORDS])
{
	bool is_asked = atomic_exchange_explicit(&control->is_asked, false, memory_order_acquire);

	memcpy(called_out, control->unfinished, sizeof(control->unfinished));
	memset(control->unfinished, 0, sizeof(control->unfinished));
	if (control->entries_count == 1) {
		called_out[0] = 1;
		return;
	}
	peal_doorbell_take_marks(&control->doorbell, called_out);
	peal_deadlines_collect(&control->deadlines, now_ns, called_out);
	for (uint32_t place = 0; is_asked && place < control->entries_count; place++) {
		called_out[place / 64U] |= UINT64_C(1) << place % 64U;
	}
}

/* One step of every node that has a reason. Returns the records handled. */
static uint32_t
step_called(struct peal_control_thread *control, uint64_t *now_ns)
{
	uint64_t called[PEAL_RESIDENTS_WORDS], one = 1;
	uint32_t handled = 0, steps_count = 0;
	bool is_news = false;

	find_called(control, *now_ns, called);
	for (uint32_t i = 0; i < PEAL_RESIDENTS_WORDS; i++) {
		for (uint64_t left = called[i]; left != 0; left &= left - 1U) {
			uint32_t place = i * 64U + (uint32_t)__builtin_ctzll(left);

			if (steps_count++ > 0) {
				uint64_t at_ns = peal_tsc_now_ns();

				*now_ns = at_ns > *now_ns ? at_ns : *now_ns;
			}
			handled += step_one(control, place, *now_ns);
			is_news = has_news(&control->entries[place]) || is_news;
		}
	}
	if (is_news) {
		ssize_t written = write(control->news_fd, &one, sizeof(one));

		(void)written; /* full means that there is news already */
	}
	return handled;
}

/* The last look before a sleep. */
static bool
is_called(const struct peal_control_thread *control)
{
	uint64_t waiting = 0;

	if (atomic_load_explicit(&control->is_asked, memory_order_relaxed) ||
		atomic_load_explicit(&control->is_stopping, memory_order_relaxed)) {
		return true;
	}
	if (control->entries_count == 1) {
		/* Nobody takes the marks of a single node. */
		return !peal_planes_up_is_empty(control->entries[0].planes);
	}
	for (uint32_t i = 0; i < PEAL_RESIDENTS_WORDS; i++) {
		waiting |= control->unfinished[i];
		waiting |= atomic_load_explicit(&control->doorbell.marks[i], memory_order_relaxed);
	}
	return waiting != 0;
}

static void
sleep_until_called(struct peal_control_thread *control, uint64_t now_ns)
{
	uint64_t deadline_at_ns = peal_deadlines_earliest_ns(&control->deadlines);
	uint64_t wait_ns = deadline_at_ns > now_ns ? deadline_at_ns - now_ns : 0;
	bool is_polling = control->role == PEAL_IDLE_DEDICATED;
	struct pollfd doorbell = {.fd = control->doorbell.fd, .events = POLLIN};
	struct timespec limit;

	/* The clock wants to be disciplined even when nobody is left. */
	wait_ns = wait_ns < PEAL_CONTROL_THREAD_SLEEP_NS_MAX ? wait_ns
							     : PEAL_CONTROL_THREAD_SLEEP_NS_MAX;
	if (is_polling) {
		wait_ns = wait_ns < control->poll_ns ? wait_ns : control->poll_ns;
		control->poll_ns += control->poll_ns / 8U;
		if (control->poll_ns > PEAL_CONTROL_THREAD_POLL_NS_MAX) {
			control->poll_ns = PEAL_CONTROL_THREAD_POLL_NS_MAX;
		}
	}
	limit.tv_sec = (time_t)(wait_ns / SECOND_NS);
	limit.tv_nsec = (long)(wait_ns % SECOND_NS);
	if (!is_polling) {
		peal_doorbell_declare_asleep(&control->doorbell);
		if (is_called(control)) {
			peal_doorbell_declare_awake(&control->doorbell);
			return;
		}
	}
	if (ppoll(&doorbell, 1, &limit, NULL) > 0) {
		peal_doorbell_drain(&control->doorbell);
	}
	peal_doorbell_declare_awake(&control->doorbell);
}

static void *
run(void *argument)
{
	struct peal_control_thread *control = argument;
	uint64_t last_ns = 0;

	(void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
	while (!atomic_load_explicit(&control->is_stopping, memory_order_relaxed)) {
		uint64_t now_ns = peal_tsc_now_ns();
		uint32_t handled;

		peal_tsc_discipline();
		now_ns = now_ns < last_ns ? last_ns : now_ns;
		(void)pthread_mutex_lock(&control->lock);
		handled = step_called(control, &now_ns);
		(void)pthread_mutex_unlock(&control->lock);
		last_ns = now_ns;
		if (handled > 0) {
			control->poll_ns = PEAL_CONTROL_THREAD_POLL_NS_MIN;
		} else {
			sleep_until_called(control, now_ns);
		}
	}
	return NULL;
}

bool
peal_control_thread_init(
	struct peal_control_thread *control, enum peal_idle_role role, struct peal_sentence *error)
{
	memset(control, 0, sizeof(*control));
	control->role = role;
	control->poll_ns = PEAL_CONTROL_THREAD_POLL_NS_MIN;
	control->news_fd = -1;
	(void)pthread_mutex_init(&control->lock, NULL);
	if (!peal_doorbell_open(&control->doorbell, error)) {
		return false;
	}
	control->news_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (control->news_fd < 0) {
		return peal_sentence_set(error,
			"no event descriptor could be made (%s); raise the limit of open files",
			strerror(errno));
	}
	return true;
}

void
peal_control_thread_fini(struct peal_control_thread *control)
{
	PEAL_ASSERT(!control->is_running);
	peal_doorbell_close(&control->doorbell);
	if (control->news_fd >= 0) {
		(void)close(control->news_fd);
		control->news_fd = -1;
	}
	(void)pthread_mutex_destroy(&control->lock);
}

struct peal_bell
peal_control_thread_next_bell(struct peal_control_thread *control)
{
	return (struct peal_bell){.doorbell = &control->doorbell, .place = control->entries_count};
}

uint32_t
peal_control_thread_add(
	struct peal_control_thread *control, struct peal_node *node, struct peal_planes *planes)
{
	PEAL_ASSERT(!control->is_running);
	PEAL_ASSERT(control->entries_count < PEAL_CONTROL_THREAD_NODES_MAX);
	control->entries[control->entries_count] =
		(struct peal_control_entry){.node = node, .planes = planes};
	return control->entries_count++;
}

void
peal_control_thread_ask(struct peal_control_thread *control)
{
	atomic_store_explicit(&control->is_asked, true, memory_order_release);
	peal_doorbell_ring(&control->doorbell);
}

bool
peal_control_thread_start(struct peal_control_thread *control, struct peal_sentence *error)
{
	int result;

	PEAL_ASSERT(!control->is_running);
	atomic_store_explicit(&control->is_stopping, false, memory_order_relaxed);
	/* Whatever happened before: everybody begins with a step. */
	atomic_store_explicit(&control->is_asked, true, memory_order_relaxed);
	peal_deadlines_init(
		&control->deadlines, control->entries_count > 0 ? control->entries_count : 1U);
	result = rte_ctrl_thread_create(&control->thread, "peal-control", NULL, run, control);
	if (result != 0) {
		return peal_sentence_set(error,
			"the control thread could not be started (%s); raise the limit of threads",
			strerror(result < 0 ? -result : result));
	}
	control->is_running = true;
	return true;
}

void
peal_control_thread_stop(struct peal_control_thread *control)
{
	if (!control->is_running) {
		return;
	}
	atomic_store_explicit(&control->is_stopping, true, memory_order_relaxed);
	peal_doorbell_ring(&control->doorbell);
	(void)pthread_join(control->thread, NULL);
	control->is_running = false;
}
