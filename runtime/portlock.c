/* SPDX-License-Identifier: BSD-3-Clause */
#include "runtime/portlock.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define IFACE_KEY "iface="

/* The value of iface= in a list of key=value,... */
static bool
find_iface(const char *device_args, char *iface_out, size_t capacity)
{
	const char *at = device_args;

	while (at != NULL && *at != '\0') {
		if (strncmp(at, IFACE_KEY, strlen(IFACE_KEY)) == 0) {
			const char *value = at + strlen(IFACE_KEY);

			(void)snprintf(
				iface_out, capacity, "%.*s", (int)strcspn(value, ","), value);
			return true;
		}
		at = strchr(at, ',');
		at = at == NULL ? NULL : at + 1;
	}
	return false;
}

bool
peal_portlock_take(struct peal_portlock *lock, const char *device, const char *device_args,
	struct peal_sentence *error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char what[80], iface[64];
	char *name = address.sun_path + 1; /* a zero in front makes it abstract */
	int size;

	if (find_iface(device_args, iface, sizeof(iface))) {
		(void)snprintf(what, sizeof(what), "interface %s", iface);
	} else {
		(void)snprintf(what, sizeof(what), "device %.40s,%.30s", device, device_args);
	}
	size = snprintf(name, sizeof(address.sun_path) - 1U, "peal/%s", what);
	lock->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (lock->fd < 0) {
		return peal_sentence_set(error,
			"no socket could be made to claim the %s (%s); raise the limit of open "
			"files",
			what, strerror(errno));
	}
	if (bind(lock->fd, (const struct sockaddr *)(const void *)&address,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1U + (size_t)size)) != 0) {
		int reason = errno;

		peal_portlock_give(lock);
		if (reason == EADDRINUSE) {
			return peal_sentence_set(error,
				"the %s is already used by another Peal process; stop that one, or "
				"give this node a device of its own",
				what);
		}
		return peal_sentence_set(
			error, "the %s could not be claimed (%s)", what, strerror(reason));
	}
	return true;
}

void
peal_portlock_give(struct peal_portlock *lock)
{
	if (lock->fd >= 0) {
		(void)close(lock->fd);
		lock->fd = -1;
	}
}
