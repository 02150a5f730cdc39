/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/drawnkey.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

int
peal_drawnkey_make(const uint8_t *key, char path_out[PEAL_CONFIG_PATH_SIZE_MAX + 1U],
	struct peal_sentence *error)
{
	uint8_t copy[PEAL_DRAWNKEY_SIZE];
	int fd = memfd_create("peal-bench key", MFD_CLOEXEC);
	bool is_made = fd >= 0 && fchmod(fd, S_IRUSR | S_IWUSR) == 0 &&
		       getrandom(copy, sizeof(copy), 0) == (ssize_t)sizeof(copy);

	if (key != NULL) {
		memcpy(copy, key, sizeof(copy));
	}
	is_made = is_made && write(fd, copy, sizeof(copy)) == (ssize_t)sizeof(copy);
	explicit_bzero(copy, sizeof(copy));
	if (!is_made) {
		(void)peal_sentence_set(
			error, "no key could be drawn (%s); give one with --key", strerror(errno));
		if (fd >= 0) {
			(void)close(fd);
		}
		return -1;
	}
	(void)snprintf(path_out, PEAL_CONFIG_PATH_SIZE_MAX + 1U, "/proc/self/fd/%d", fd);
	return fd;
}
