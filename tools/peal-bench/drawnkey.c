/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/drawnkey.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_SIZE 32U

int
peal_drawnkey_make(char path_out[PEAL_CONFIG_PATH_SIZE_MAX + 1U], struct peal_sentence *error)
{
	uint8_t key[KEY_SIZE];
	int fd = memfd_create("peal-bench key", MFD_CLOEXEC);
	bool is_made = fd >= 0 && fchmod(fd, S_IRUSR | S_IWUSR) == 0 &&
		       getrandom(key, sizeof(key), 0) == (ssize_t)sizeof(key) &&
		       write(fd, key, sizeof(key)) == (ssize_t)sizeof(key);

	explicit_bzero(key, sizeof(key));
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
