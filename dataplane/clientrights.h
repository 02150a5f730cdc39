/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an application may do at this node, and which process groups it may join: by the operator's
 * configuration, since a group has no owner who could say.
 *
 * A pattern is a name of a group in which `*` stands for any characters, or none.
 *
 * Pure; values. Any thread. A look costs some ten nanoseconds a pattern; a pattern with many `*`
 * costs the product of both lengths at most, that is 63 x 63 steps.
 */
#ifndef PEAL_DATAPLANE_CLIENTRIGHTS_H
#define PEAL_DATAPLANE_CLIENTRIGHTS_H

#include "shm/clientmsg.h"
#include "wire/procgroup_msg.h"

#include <stdbool.h>
#include <stdint.h>

#define PEAL_CLIENTRIGHTS_PATTERNS_MAX 16U

struct peal_clientrights {
	uint32_t acts;           /* of PEAL_CLIENT_MAY_* */
	uint32_t patterns_count; /* 0 = any group, if it may be in groups at all */
	struct peal_procgroup_name patterns[PEAL_CLIENTRIGHTS_PATTERNS_MAX];
};

/* Everything. */
extern const struct peal_clientrights peal_clientrights_all;

/* Adds a pattern. False: it is no name of a group with `*` in it, or there are PATTERNS_MAX. */
bool peal_clientrights_add(struct peal_clientrights *rights, const char *pattern);

/* Whether a group of this name may be joined. `name` is good, as groups are named. */
bool peal_clientrights_may_join(
	const struct peal_clientrights *rights, const struct peal_procgroup_name *name);

#endif
