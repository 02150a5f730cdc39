/* SPDX-License-Identifier: BSD-3-Clause */
#include "client/life.h"

#include "client/mark.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STACK_SIZE 65536U
/* Of our own, before each piece of shared memory: a multiple of all sizes that pages have. */
#define LINKS_SIZE 65536U

/* The kernel's own: a ring of links, at each of which a word stands a fixed way further on. */
static struct {
	struct robust_list_head head;
	pthread_mutex_t lock;
	pthread_cond_t has_begun;
	uint32_t thread; /* number of it; 0 = there is none */
	bool is_child_watched;
} life = {.lock = PTHREAD_MUTEX_INITIALIZER, .has_begun = PTHREAD_COND_INITIALIZER};

static struct robust_list *
link_of(struct peal_region_death *death)
{
	return (struct robust_list *)(void *)((uint8_t *)death - LINKS_SIZE);
}

void *
peal_life_map(int fd, size_t size, int protection)
{
	uint8_t *links = mmap(NULL, LINKS_SIZE + size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	void *memory;

	if (links == MAP_FAILED) {
		return NULL;
	}
	memory = mmap(links + LINKS_SIZE, size, protection,
		MAP_SHARED | MAP_POPULATE | MAP_FIXED | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);
	if (memory == MAP_FAILED) {
		int error = errno;

		(void)munmap(links, LINKS_SIZE + size);
		errno = error;
		return NULL;
	}
	return memory;
}

void
peal_life_unmap(void *memory, size_t size)
{
	(void)munmap((uint8_t *)memory - LINKS_SIZE, LINKS_SIZE + size);
}

static void *
live(void *argument)
{
	(void)argument;
	(void)pthread_mutex_lock(&life.lock);
	life.head.list.next = &life.head.list;
	life.head.futex_offset = (long)(LINKS_SIZE + offsetof(struct peal_region_death, word));
	life.head.list_op_pending = NULL;
	/* In the place of the C library's list, of which this thread has no use. */
	(void)syscall(SYS_set_robust_list, &life.head, sizeof(life.head));
	life.thread = (uint32_t)syscall(SYS_gettid);
	(void)pthread_cond_broadcast(&life.has_begun);
	(void)pthread_mutex_unlock(&life.lock);
	for (;;) {
		(void)pause();
	}
	return NULL;
}

static void
forget_in_child(void)
{
	/* The lock may be held by a thread that the child has not got. */
	(void)pthread_mutex_init(&life.lock, NULL);
	(void)pthread_cond_init(&life.has_begun, NULL);
	life.thread = 0;
}

/* Under the lock. */
static bool
begin(void)
{
	sigset_t all, before;
	pthread_attr_t attributes;
	pthread_t thread;
	int result;

	if (!life.is_child_watched) {
		life.is_child_watched = pthread_atfork(NULL, NULL, forget_in_child) == 0;
	}
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_BLOCK, &all, &before);
	(void)pthread_attr_init(&attributes);
	(void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	(void)pthread_attr_setstacksize(&attributes, STACK_SIZE);
	result = pthread_create(&thread, &attributes, live, NULL);
	(void)pthread_attr_destroy(&attributes);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	while (result == 0 && life.thread == 0) {
		(void)pthread_cond_wait(&life.has_begun, &life.lock);
	}
	return result == 0;
}

bool
peal_life_hold(struct peal_region_death *death)
{
	bool is_held;

	(void)pthread_mutex_lock(&life.lock);
	is_held = life.thread != 0 || begin();
	if (is_held) {
		struct robust_list *link = link_of(death);

		atomic_store_explicit(&death->word, life.thread, memory_order_relaxed);
		PEAL_MARK("word written");
		link->next = life.head.list.next;
		PEAL_MARK("link written");
		/* The process may be killed between any two of these. */
		atomic_signal_fence(memory_order_seq_cst);
		life.head.list.next = link;
	}
	(void)pthread_mutex_unlock(&life.lock);
	return is_held;
}

void
peal_life_let_go(struct peal_region_death *death)
{
	struct robust_list *link = &life.head.list;

	(void)pthread_mutex_lock(&life.lock);
	while (life.thread != 0 && link->next != &life.head.list && link->next != link_of(death)) {
		link = link->next;
	}
	if (life.thread != 0 && link->next == link_of(death)) {
		link->next = link_of(death)->next;
		PEAL_MARK("link taken out");
		atomic_signal_fence(memory_order_seq_cst);
		atomic_store_explicit(&death->word, 0, memory_order_release);
	}
	(void)pthread_mutex_unlock(&life.lock);
}
