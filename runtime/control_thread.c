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

/* One step of every node. Returns the records handled; `deadline_at_ns_out` = the earliest of all.
 */
static uint32_t
step_all(struct peal_control_thread *control, uint64_t now_ns, uint64_t *deadline_at_ns_out)
{
	uint64_t earliest_ns = now_ns + PEAL_CONTROL_THREAD_SLEEP_NS_MAX, one = 1;
	uint32_t handled = 0;
	bool has_news = false;

	for (uint32_t i = 0; i < control->entries_count; i++) {
		struct peal_control_entry *entry = &control->entries[i];
		struct peal_ping_run *run;
		uint64_t deadline_at_ns;

		if (atomic_load_explicit(&entry->is_halted, memory_order_relaxed)) {
			continue;
		}
		handled += peal_node_step(entry->node, now_ns);
		deadline_at_ns = peal_node_deadline_at_ns(entry->node);
		earliest_ns = deadline_at_ns < earliest_ns ? deadline_at_ns : earliest_ns;
		run = peal_node_take_ping(entry->node);
		entry->ping_done = run != NULL ? run : entry->ping_done;
		has_news = has_news || entry->told_seq != entry->node->events.next_seq ||
			   entry->told_state != entry->node->state;
		entry->told_seq = entry->node->events.next_seq;
		entry->told_state = entry->node->state;
	}
	if (has_news) {
		ssize_t written = write(control->news_fd, &one, sizeof(one));

		(void)written; /* full means that there is news already */
	}
	*deadline_at_ns_out = earliest_ns;
	return handled;
}

static bool
has_records(const struct peal_control_thread *control)
{
	for (uint32_t i = 0; i < control->entries_count; i++) {
		const struct peal_control_entry *entry = &control->entries[i];

		if (!atomic_load_explicit(&entry->is_halted, memory_order_relaxed) &&
			!peal_planes_up_is_empty(entry->planes)) {
			return true;
		}
	}
	return false;
}

static void
sleep_until(struct peal_control_thread *control, uint64_t deadline_at_ns, uint64_t now_ns)
{
	uint64_t wait_ns = deadline_at_ns > now_ns ? deadline_at_ns - now_ns : 0;
	bool is_polling = control->role == PEAL_IDLE_DEDICATED;
	struct pollfd doorbell = {.fd = control->doorbell.fd, .events = POLLIN};
	struct timespec limit;

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
		if (has_records(control) ||
			atomic_load_explicit(&control->is_stopping, memory_order_relaxed)) {
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
		uint64_t now_ns = peal_tsc_now_ns(), deadline_at_ns;
		uint32_t handled;

		peal_tsc_discipline();
		now_ns = now_ns < last_ns ? last_ns : now_ns;
		last_ns = now_ns;
		(void)pthread_mutex_lock(&control->lock);
		handled = step_all(control, now_ns, &deadline_at_ns);
		(void)pthread_mutex_unlock(&control->lock);
		if (handled > 0) {
			control->poll_ns = PEAL_CONTROL_THREAD_POLL_NS_MIN;
		} else {
			sleep_until(control, deadline_at_ns, now_ns);
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

bool
peal_control_thread_start(struct peal_control_thread *control, struct peal_sentence *error)
{
	int result;

	PEAL_ASSERT(!control->is_running);
	atomic_store_explicit(&control->is_stopping, false, memory_order_relaxed);
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
