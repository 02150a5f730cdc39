/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/dpdk/doorbell.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

bool
peal_doorbell_open(struct peal_doorbell *doorbell, struct peal_sentence *error)
{
	atomic_init(&doorbell->is_asleep, 0U);
	for (uint32_t i = 0; i < PEAL_RESIDENTS_WORDS; i++) {
		atomic_init(&doorbell->marks[i], 0U);
	}
	doorbell->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (doorbell->fd < 0) {
		return peal_sentence_set(error,
			"no event descriptor could be made (%s); raise the limit of open files",
			strerror(errno));
	}
	return true;
}

void
peal_doorbell_close(struct peal_doorbell *doorbell)
{
	if (doorbell->fd >= 0) {
		(void)close(doorbell->fd);
		doorbell->fd = -1;
	}
}

void
peal_doorbell_wake(struct peal_doorbell *doorbell)
{
	uint64_t one = 1;

	if (atomic_exchange_explicit(&doorbell->is_asleep, 0U, memory_order_acq_rel) != 0U) {
		/* Fails only when the descriptor is full of rings already. */
		ssize_t written = write(doorbell->fd, &one, sizeof(one));

		(void)written;
	}
}

void
peal_doorbell_drain(struct peal_doorbell *doorbell)
{
	uint64_t rings;
	ssize_t size = read(doorbell->fd, &rings, sizeof(rings));

	(void)size;
}
