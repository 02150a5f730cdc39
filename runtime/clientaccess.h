/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who may attach: the configuration's entry for a process, which the kernel names (SO_PEERCRED, and
 * SO_PEERGROUPS for the groups that it is in besides).
 *
 * It is what the process was when it connected. Any thread.
 */
#ifndef PEAL_RUNTIME_CLIENTACCESS_H
#define PEAL_RUNTIME_CLIENTACCESS_H

#include "runtime/config.h"

#include <sys/socket.h>

/*
 * What the process behind a connected socket may do. NULL: it may not attach. So is one that is in
 * more than 1 024 groups where any entry names a group: an entry that would narrow it could be
 * missed.
 * @return good for as long as `config`
 */
const struct peal_clientrights *peal_clientaccess_find(
	const struct peal_config *config, int socket, const struct ucred *who);

/* The same for a process that is in these groups, its own among them or not. */
const struct peal_clientrights *peal_clientaccess_look_up(const struct peal_config *config,
	const struct ucred *who, const gid_t *groups, uint32_t groups_count);

#endif
