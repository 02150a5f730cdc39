/* SPDX-License-Identifier: BSD-3-Clause */
#include "runtime/clientaccess.h"

#include <unistd.h>

#define GROUPS_MAX 1024U

static bool
is_in(gid_t group, const struct ucred *who, const gid_t *groups, uint32_t groups_count)
{
	bool is_found = who->gid == group;

	for (uint32_t i = 0; i < groups_count && !is_found; i++) {
		is_found = groups[i] == group;
	}
	return is_found;
}

const struct peal_clientrights *
peal_clientaccess_look_up(const struct peal_config *config, const struct ucred *who,
	const gid_t *groups, uint32_t groups_count)
{
	if (config->access_count == 0) {
		return who->uid == 0 || who->uid == geteuid() ? &peal_clientrights_all : NULL;
	}
	for (uint32_t i = 0; i < config->access_count; i++) {
		const struct peal_config_access *access = &config->access[i];

		if (access->is_user ? access->id == who->uid
				    : is_in(access->id, who, groups, groups_count)) {
			return &access->rights;
		}
	}
	return NULL;
}

const struct peal_clientrights *
peal_clientaccess_find(const struct peal_config *config, int socket, const struct ucred *who)
{
	gid_t groups[GROUPS_MAX];
	socklen_t size = sizeof(groups);
	bool has_groups = false;

	for (uint32_t i = 0; i < config->access_count; i++) {
		has_groups = has_groups || !config->access[i].is_user;
	}
	if (!has_groups) {
		size = 0;
	} else if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups, &size) != 0) {
		return NULL;
	}
	return peal_clientaccess_look_up(config, who, groups, (uint32_t)(size / sizeof(groups[0])));
}
