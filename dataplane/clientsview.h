/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A view as clients are shown it, kept by copy: control gives the table of a view back before
 * broadcast is done with it.
 *
 * Owned by the clients of a core (dataplane/clients.h); fields private to clients_view.c and those
 * that look members up.
 */
#ifndef PEAL_DATAPLANE_CLIENTSVIEW_H
#define PEAL_DATAPLANE_CLIENTSVIEW_H

#include "base/limits.h"
#include "base/messagelimits.h"
#include "shm/clientmsg.h"

#include <stdint.h>

/* Views above PEAL_DIRECT_MAX members that are kept: those that were not shown, and the one that
 * is. */
#define PEAL_CLIENTS_LARGE_VIEWS (PEAL_CAST_VIEWS_MAX + 1U)
#define PEAL_CLIENTS_NOT_LARGE   UINT8_MAX

/* A view that clients were not shown yet, or the one that they were shown. */
struct peal_clients_view {
	uint64_t epoch; /* 0 = no view */
	uint64_t self_mid;
	uint32_t view_tag;
	uint16_t members_count;
	uint8_t large; /* where the members of a large one are; NOT_LARGE: here */
	struct peal_client_member members[PEAL_DIRECT_MAX];
};

#endif
