/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/vethpair.h"

#include "tools/peal-bench/program.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define MAP_SIZE_MAX 64U

/* Writes a small file of the kernel. */
static bool
write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	size_t size = strlen(text);
	bool is_written;

	if (fd < 0) {
		return false;
	}
	is_written = write(fd, text, size) == (ssize_t)size;
	(void)close(fd);
	return is_written;
}

/* In a new user namespace, this user becomes its root. */
static bool
map_user(uid_t user, gid_t group)
{
	char users[MAP_SIZE_MAX], groups[MAP_SIZE_MAX];

	(void)snprintf(users, sizeof(users), "0 %u 1", user);
	(void)snprintf(groups, sizeof(groups), "0 %u 1", group);
	/* Not there on old kernels, which do not ask for it either. */
	(void)write_file("/proc/self/setgroups", "deny");
	return write_file("/proc/self/uid_map", users) && write_file("/proc/self/gid_map", groups);
}

bool
peal_vethpair_enter_namespace(const char *who, struct peal_sentence *error)
{
	uid_t user = geteuid();
	gid_t group = getegid();

	if (unshare(CLONE_NEWNET) == 0) {
		return true;
	}
	if (errno == EPERM && unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 && map_user(user, group)) {
		return true;
	}
	return peal_sentence_set(error,
		"%s needs a network namespace of its own, and this user may not make one (%s); run "
		"it as root, or allow user namespaces",
		who, strerror(errno));
}

static bool
run_ip(const char *const *words, struct peal_sentence *error)
{
	struct peal_program program = {.name = "ip", .words = words};

	return peal_program_run(&program, NULL, error);
}

void
peal_vethpair_quieten(void)
{
	/* The kernel's own neighbour messages would count as frames. No IPv6 is as good. */
	(void)write_file("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
	(void)write_file("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");
	/* Where somebody loaded br_netfilter, each frame of a bridge would go through the
	 * firewall's hooks and a look-up of routes. Not there elsewhere. */
	(void)write_file("/proc/sys/net/bridge/bridge-nf-call-arptables", "0");
	(void)write_file("/proc/sys/net/bridge/bridge-nf-call-ip6tables", "0");
	(void)write_file("/proc/sys/net/bridge/bridge-nf-call-iptables", "0");
}

bool
peal_vethpair_create(uint16_t mtu, struct peal_sentence *error)
{
	static const char *const add[] = {"ip", "link", "add", "name", PEAL_VETHPAIR_NAME_0,
		"numtxqueues", "1", "numrxqueues", "1", "type", "veth", "peer", "name",
		PEAL_VETHPAIR_NAME_1, "numtxqueues", "1", "numrxqueues", "1", NULL};
	static const char *const names[] = {PEAL_VETHPAIR_NAME_0, PEAL_VETHPAIR_NAME_1};

	if (!peal_program_exists("ip")) {
		return peal_sentence_set(error,
			"--link af_packet needs the program ip; install the package iproute2");
	}
	if (!peal_vethpair_enter_namespace("--link af_packet", error)) {
		return false;
	}
	peal_vethpair_quieten();
	if (!run_ip(add, error)) {
		return false;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char size[8];
		const char *const up[] = {
			"ip", "link", "set", names[i], "addrgenmode", "none", "up", NULL};
		const char *const widen[] = {"ip", "link", "set", names[i], "mtu", size, NULL};

		(void)snprintf(size, sizeof(size), "%u", mtu);
		if ((mtu > 0 && !run_ip(widen, error)) || !run_ip(up, error)) {
			return false;
		}
	}
	return true;
}
