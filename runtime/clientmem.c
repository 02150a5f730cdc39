/* SPDX-License-Identifier: BSD-3-Clause */
#include "runtime/clientmem.h"

#include "client/life.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

static bool
make(struct peal_clientmem *region, enum peal_clientmem_writer writer)
{
	bool is_ours = writer == PEAL_CLIENTMEM_DAEMON;
	int seals = F_SEAL_SHRINK | F_SEAL_GROW;
	void *memory;

	if (ftruncate(region->fd, (off_t)region->size) != 0 ||
		fallocate(region->fd, 0, 0, (off_t)region->size) != 0) {
		return false;
	}
	memory = peal_life_map(
		region->fd, region->size, is_ours ? PROT_READ | PROT_WRITE : PROT_READ);
	if (memory == NULL) {
		return false;
	}
	region->memory = memory;
	/* Our own mapping, which is older, may go on writing. */
	return fcntl(region->fd, F_ADD_SEALS,
		       is_ours ? seals | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL : seals) == 0;
}

bool
peal_clientmem_open(struct peal_clientmem *region, size_t size, enum peal_clientmem_writer writer)
{
	*region = (struct peal_clientmem){.size = size};
	region->fd = memfd_create("peal", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (region->fd >= 0 && make(region, writer)) {
		return true;
	}
	int error = errno;

	peal_clientmem_close(region);
	errno = error;
	return false;
}

bool
peal_clientmem_settle(struct peal_clientmem *region)
{
	const volatile uint8_t *bytes = region->memory;
	size_t page_size = (size_t)sysconf(_SC_PAGESIZE);

	if (fcntl(region->fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) != 0) {
		return false;
	}
	/* What was taken away before comes back here, and not where the core reads. */
	for (size_t at = 0; at < region->size; at += page_size) {
		(void)bytes[at];
	}
	return true;
}

void
peal_clientmem_close_fd(struct peal_clientmem *region)
{
	if (region->fd >= 0) {
		(void)close(region->fd);
		region->fd = -1;
	}
}

void
peal_clientmem_close(struct peal_clientmem *region)
{
	peal_clientmem_close_fd(region);
	if (region->memory != NULL) {
		peal_life_unmap(region->memory, region->size);
		region->memory = NULL;
	}
}
